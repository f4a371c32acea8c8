/* log.h - lines to standard error, as text or as JSON objects. May be called from any thread; a
 * line is written whole, or, if standard error does not take it at once, not at all: a slow reader
 * of the log holds up no request. The next line that is taken is preceded by one that says how many
 * were lost. */
#ifndef LOG_H
#define LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum log_format { LOG_TEXT, LOG_JSON };

/* The format of all lines from here on; text until then. Called before other threads are started.
 */
void log_set_format(enum log_format format);

/* Writes one line: the time, and a message from a printf format. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What happens often is logged at most once per second, with the number of times left out. All zero
 * to begin with. */
struct log_limit {
    _Atomic int64_t next;
    atomic_uint untold;
};

void log_line_limited(struct log_limit *limit, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A request that has ended. Strings may be the client's own: they cannot end a line or forge a
 * member. */
struct log_request {
    const char *peer;
    const char *method;
    const char *path;
    const char *trace_id; /* empty: none */
    unsigned status;      /* 0: the connection was lost before a response */
    bool is_incomplete;   /* it was lost while the response was sent */
    uint64_t bytes_received;
    uint64_t bytes_decoded; /* the same without its content coding */
    uint64_t bytes_sent;
    uint64_t elements;
    uint64_t nanoseconds;
};

void log_request(const struct log_request *request);

#endif
