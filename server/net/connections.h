/* connections.h - the open connections, and when each must have moved on. Knows nothing of
 * libmicrohttpd.
 *
 * A connection waits for a request, then the request comes in, then its answer goes out; and again.
 * Waiting may last idle_timeout, coming in request_timeout, however the bytes drip. Who is overdue
 * is shut down by connections_expire; its owner then finds it closed. Going out is limited by the
 * transport alone, which closes where nothing moves. */
#ifndef CONNECTIONS_H
#define CONNECTIONS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Connections that are kept when they have been answered; those that are answered beyond them end
 * with their answer. One that has been answered keeps all of its pool resident (http.c), one that
 * has not some hundred bytes: so those that are idle hold this many pools at most, however many may
 * be open. */
#define CONNECTIONS_KEPT_MAX 1536

struct tls_pair;

struct connection {
    int socket;
    struct tls_pair *pair; /* the owner's; NULL to begin with */
    bool is_surplus;       /* one more than max: it is answered, but not served */
    bool is_kept;          /* one of the CONNECTIONS_KEPT_MAX */
    atomic_int phase;
    _Atomic int64_t deadline; /* by system_milliseconds */
    struct connection *previous, *next;
};

struct connections {
    unsigned idle_timeout;    /* milliseconds */
    unsigned request_timeout; /* milliseconds */
    size_t max;               /* connections that are served */
    bool is_encrypted;        /* nothing can be said on a socket but by its owner */

    atomic_size_t count; /* that are open */
    atomic_size_t kept;  /* of them */
    pthread_mutex_t
        lock; /* of the list; taken when a connection opens or closes, never for a request */
    struct connection *first;
    int ended; /* an epoll instance: which callers have ended their side */
};

/* The limits are set already. */
void connections_init(struct connections *connections);

/* A connection that waits for its first request. NULL: no memory; the socket is shut down. The
 * other functions accept that NULL. */
struct connection *connections_open(struct connections *connections, int socket);

/* Called before the socket is closed, so that connections_expire never meets a descriptor that has
 * become another's. */
void connections_close(struct connections *connections, struct connection *connection);

/* The first line of a request has come in. */
void connections_begin_request(const struct connections *connections,
                               struct connection *connection);

/* The answer is being made, or begins to go out; may be called again until it has. false: the
 * request is overdue, and has been answered so. */
bool connections_begin_answer(struct connection *connection);

/* Whether the connection may go on after its answer: it is kept already, or one more may be. */
bool connections_keep(struct connections *connections, struct connection *connection);

/* The answer has gone out. */
void connections_end_request(const struct connections *connections, struct connection *connection);

/* Shuts down every connection that is overdue; those whose request is coming in are told, with 408.
 * Reminds the owners of connections whose callers have gone. */
void connections_expire(struct connections *connections);

#endif
