/* service.h - the server under test: found or started, and stopped. Knows nothing of requests.
 *
 * $MSE_SERVER names the binary. Where $MSE_URL is set, service_open speaks to the server that is
 * there; the programs that use service_open alone make up the suite that any running server must
 * pass, one in a container included. */
#ifndef SERVICE_H
#define SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct service {
    pid_t pid;      /* 0: not ours, $MSE_URL's */
    int log;        /* the read end of its standard error */
    char url[128];  /* http://127.0.0.1:8080, without a path */
    char host[100]; /* 127.0.0.1, or ::1 */
    char port[8];
};

/* The server that $MSE_URL names, or one of our own with no options. Fails the test where there is
 * none. */
void service_open(struct service *service);

/* A server of our own on a free port of 127.0.0.1, started with these options, NULL at their end,
 * or NULL for none. Returns once it listens. */
void service_start(struct service *service, const char *const *options);

/* A server of our own that has an access log, but whose standard input, output and error are
 * closed. Returns before it listens. */
void service_start_closed(struct service *service);

/* Stops a server of our own by SIGTERM and fails the test unless it exits with 0. */
void service_close(struct service *service);

/* Reads the log of a server of our own to the next line that holds the text. Fails the test where
 * the log ends. */
void service_await_line(const struct service *service, const char *text);

void service_signal(const struct service *service, int signal);

/* Waits for the server's end and returns its exit status, or minus the signal that ended it. */
int service_wait(struct service *service);

/* Whether the binary is built with a sanitizer, so that its memory says nothing. */
bool service_is_sanitized(void);

/* Runs the binary with these arguments, NULL at their end, until it exits. Returns its exit status,
 * or minus the signal that ended it. What it prints goes to out and error, of size bytes each, as
 * NUL-terminated text. */
int service_run(const char *const *arguments, char *out, char *error, size_t size);

#endif
