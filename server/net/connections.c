/* connections.c - the open connections, and when each must have moved on. */
#include "net/connections.h"

#include "base/clock.h"
#include "base/refusal.h"
#include "http/problem.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* Milliseconds by which the clock may have been late when a deadline was set: a tick of 100 Hz. No
 * connection expires early for that. */
#define CLOCK_LAG 10

/* Connections of which one call of connections_expire reminds; the next call begins with others. */
#define ENDS_AT_ONCE 256

enum phase { WAITING, COMING_IN, GOING_OUT, OVERDUE, TIMED_OUT };

void connections_init(struct connections *connections)
{
    atomic_init(&connections->count, 0);
    atomic_init(&connections->kept, 0);
    pthread_mutex_init(&connections->lock, NULL);
    connections->first = NULL;
    connections->ended = epoll_create1(EPOLL_CLOEXEC);
}

struct connection *connections_open(struct connections *connections, int socket)
{
    struct connection *connection = malloc(sizeof *connection);
    if (connection == NULL) {
        shutdown(socket, SHUT_RDWR);
        return NULL;
    }
    connection->socket = socket;
    connection->pair = NULL;
    connection->is_surplus = atomic_fetch_add(&connections->count, 1) >= connections->max;
    connection->is_kept = false;
    connection->is_recorded = false;
    connection->is_last = false;
    connection->exchange = NULL;
    connection->acknowledged = 0;
    atomic_init(&connection->phase, WAITING);
    atomic_init(&connection->deadline, clock_milliseconds() + connections->idle_timeout);
    connection->previous = NULL;

    pthread_mutex_lock(&connections->lock);
    connection->next = connections->first;
    if (connection->next != NULL) connection->next->previous = connection;
    connections->first = connection;
    struct epoll_event end = {.events = EPOLLRDHUP, .data.ptr = connection};
    epoll_ctl(connections->ended, EPOLL_CTL_ADD, socket, &end);
    pthread_mutex_unlock(&connections->lock);
    return connection;
}

void connections_close(struct connections *connections, struct connection *connection)
{
    if (connection == NULL) return;
    pthread_mutex_lock(&connections->lock);
    epoll_ctl(connections->ended, EPOLL_CTL_DEL, connection->socket, NULL);
    if (connection->next != NULL) connection->next->previous = connection->previous;
    if (connection->previous != NULL) {
        connection->previous->next = connection->next;
    } else {
        connections->first = connection->next;
    }
    pthread_mutex_unlock(&connections->lock);
    if (connection->is_kept) atomic_fetch_sub(&connections->kept, 1);
    atomic_fetch_sub(&connections->count, 1);
    free(connection);
}

/* From one phase to the next, unless connections_expire was first. */
static bool move_on(struct connection *connection, int from, int to)
{
    return atomic_compare_exchange_strong(&connection->phase, &from, to);
}

void connections_begin_request(const struct connections *connections, struct connection *connection)
{
    if (connection == NULL) return;
    atomic_store(&connection->deadline, clock_milliseconds() + connections->request_timeout);
    move_on(connection, WAITING, COMING_IN);
}

bool connections_begin_response(const struct connections *connections,
                                struct connection *connection)
{
    if (connection == NULL) return false;
    atomic_store(&connection->deadline, clock_milliseconds() + connections->idle_timeout);
    return atomic_load(&connection->phase) == GOING_OUT ||
           move_on(connection, COMING_IN, GOING_OUT);
}

bool connections_timed_out(const struct connection *connection)
{
    return connection != NULL && atomic_load(&connection->phase) == TIMED_OUT;
}

bool connections_keep(struct connections *connections, struct connection *connection)
{
    if (connection == NULL) return false;
    if (connection->is_kept) return true;
    connection->is_kept = atomic_fetch_add(&connections->kept, 1) < CONNECTIONS_KEPT_MAX;
    if (!connection->is_kept) atomic_fetch_sub(&connections->kept, 1);
    return connection->is_kept;
}

void connections_end_request(const struct connections *connections, struct connection *connection)
{
    if (connection == NULL) return;
    atomic_store(&connection->deadline, clock_milliseconds() + connections->idle_timeout);
    move_on(connection, GOING_OUT, WAITING);
}

/* Says 408 on a socket on which nothing else will be said: libmicrohttpd (0.9.75 and 1.0.1) takes
 * no response while a request comes in. What the socket does not take at once is lost. */
static void send_timeout(int socket, unsigned timeout)
{
    char head[256];
    struct problem problem;
    struct response response;
    problem_set(&problem, PROBLEM_REQUEST_TIMEOUT, "", "The request did not arrive within %u ms.",
                timeout);
    problem_respond(&problem, &response);
    int length =
        snprintf(head, sizeof head,
                 "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Type: %s\r\n"
                 "Content-Length: %zu\r\n\r\n",
                 response_find_header(&response, "Content-Type"), response.length);
    if (send(socket, head, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT | MSG_MORE) == length) {
        send(socket, response.text, response.length, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    response_discard(&response);
}

/* libmicrohttpd waits for edges, and takes a short read for all there is: it misses an end that
 * comes with the last bytes, and would hold the connection until it is overdue. To shut down the
 * side that has ended loses nothing, and is an edge. Repeated while the connection lasts, since
 * that end, too, may come with bytes that are still to be read. */
static void remind_of_ends(const struct connections *connections)
{
    struct epoll_event ends[ENDS_AT_ONCE];
    int count = epoll_wait(connections->ended, ends, ENDS_AT_ONCE, 0);
    for (int i = 0; i < count; i++) {
        const struct connection *connection = ends[i].data.ptr;
        shutdown(connection->socket, SHUT_RD);
    }
}

/* Bytes that the peer's system has acknowledged; libmicrohttpd tells only what went into the
 * socket's buffer, which may hold megabytes. */
static uint64_t acknowledged_by_peer(int socket)
{
    struct tcp_info info = {0};
    socklen_t length = sizeof info;
    if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return 0;
    return info.tcpi_bytes_acked;
}

/* Whether the peer has taken bytes since the last look, which gives the connection more time. */
static bool has_moved(const struct connections *connections, struct connection *connection)
{
    uint64_t acknowledged = acknowledged_by_peer(connection->socket);
    if (acknowledged == connection->acknowledged) return false;
    connection->acknowledged = acknowledged;
    atomic_store(&connection->deadline, clock_milliseconds() + connections->idle_timeout);
    return true;
}

static void expire(const struct connections *connections, struct connection *connection)
{
    if (move_on(connection, COMING_IN, TIMED_OUT)) {
        if (!connections->is_encrypted) {
            send_timeout(connection->socket, connections->request_timeout);
        }
        refusal_note(REFUSAL_TIMEOUT);
    } else if (!move_on(connection, WAITING, OVERDUE) && !move_on(connection, GOING_OUT, OVERDUE)) {
        return; /* it was shut down before, or has just moved on */
    }
    shutdown(connection->socket, SHUT_RDWR);
}

void connections_expire(struct connections *connections)
{
    int64_t now = clock_milliseconds() - CLOCK_LAG;
    pthread_mutex_lock(&connections->lock);
    remind_of_ends(connections);
    for (struct connection *connection = connections->first; connection != NULL;
         connection = connection->next) {
        if (atomic_load(&connection->phase) == GOING_OUT && has_moved(connections, connection)) {
            continue;
        }
        if (now >= atomic_load(&connection->deadline)) expire(connections, connection);
    }
    pthread_mutex_unlock(&connections->lock);
}
