/* connections.h - the open connections, and when each must have moved on.
 *
 * A connection waits for a request, then the request comes in, then its response goes out; and
 * again. Waiting may last idle_timeout; coming in request_timeout, however the bytes drip; going
 * out may go on for as long as the peer takes bytes at least every idle_timeout. connections_expire
 * shuts down those that are overdue; their owner then finds them closed. */
#ifndef CONNECTIONS_H
#define CONNECTIONS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Connections that are kept after a response; a response on any further one closes it. A connection
 * that has had a response keeps all of its pool resident (daemon.c), one that has not some hundred
 * bytes: so idle ones hold this many pools at most, however many may be open. */
#define CONNECTIONS_KEPT_MAX 1536

struct exchange;
struct tls_pair;

struct connection {
    int socket;
    struct tls_pair *pair; /* the owner's; NULL to begin with */
    bool is_surplus;       /* one more than max: it gets a response, but is not served */
    bool is_kept;          /* one of the CONNECTIONS_KEPT_MAX */

    /* The owner's, of the current request: */
    bool is_recorded;          /* it has been counted and logged */
    bool is_last;              /* no other may follow it */
    struct exchange *exchange; /* NULL until its head has come */
    const char *target;        /* where libmicrohttpd has it, until its head has come */
    size_t target_length;      /* bytes, as it came */
    bool is_target_bad;        /* it holds what no target may */

    atomic_int phase;
    _Atomic int64_t deadline; /* by clock_milliseconds */
    uint64_t acknowledged;    /* bytes that the peer had taken at the last look */
    struct connection *previous, *next;
};

struct connections {
    unsigned idle_timeout;    /* milliseconds */
    unsigned request_timeout; /* milliseconds */
    size_t max;               /* connections that are served */
    bool is_encrypted;        /* only the owner can say something on a socket */

    atomic_size_t count; /* that are open */
    atomic_size_t kept;  /* of them */
    pthread_mutex_t
        lock; /* of the list; taken when a connection opens or closes, not by requests */
    struct connection *first;
    int ended; /* an epoll instance: which peers have ended their side */
};

/* The limits are set already. */
void connections_init(struct connections *connections);

/* A connection that waits for its first request. NULL: no memory; the socket is shut down. The
 * other functions accept that NULL. */
struct connection *connections_open(struct connections *connections, int socket);

/* Called before the socket is closed, so that connections_expire never meets a descriptor that is
 * another connection's by then. */
void connections_close(struct connections *connections, struct connection *connection);

/* The first line of a request has come in. */
void connections_begin_request(const struct connections *connections,
                               struct connection *connection);

/* The response is being made, or begins to go out; may be called again until it has. false: the
 * request is overdue, and has been answered so. */
bool connections_begin_response(const struct connections *connections,
                                struct connection *connection);

/* Whether a request on the connection was not there in time. */
bool connections_timed_out(const struct connection *connection);

/* Whether the connection may be kept after its response: it is already, or one more may be. */
bool connections_keep(struct connections *connections, struct connection *connection);

/* The response has gone out. */
void connections_end_request(const struct connections *connections, struct connection *connection);

/* Shuts down every connection that is overdue; where a request is coming in, it is answered 408.
 * Reminds the owners of connections whose peers have ended them. Called again and again. */
void connections_expire(struct connections *connections);

#endif
