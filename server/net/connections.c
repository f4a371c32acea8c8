/* connections.c - the open connections, and when each must have moved on. Knows nothing of
 * libmicrohttpd. */
#include "net/connections.h"

#include "base/refusal.h"
#include "base/system.h"
#include "http/problem.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* Milliseconds by which the clock may have been behind when a deadline was set: a tick of 100 Hz.
 * Nobody is given up before their time for that. */
#define CLOCK_LAG 10

/* Connections of which one call of connections_expire reminds; the next call begins with others. */
#define ENDS_AT_ONCE 256

enum phase { WAITING, COMING_IN, GOING_OUT, OVERDUE };

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
    atomic_init(&connection->phase, WAITING);
    atomic_init(&connection->deadline, system_milliseconds() + connections->idle_timeout);
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
    atomic_store(&connection->deadline, system_milliseconds() + connections->request_timeout);
    move_on(connection, WAITING, COMING_IN);
}

bool connections_begin_answer(struct connection *connection)
{
    if (connection == NULL) return false;
    return move_on(connection, COMING_IN, GOING_OUT) ||
           atomic_load(&connection->phase) == GOING_OUT;
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
    atomic_store(&connection->deadline, system_milliseconds() + connections->idle_timeout);
    move_on(connection, GOING_OUT, WAITING);
}

/* Says 408 on a socket on which nobody else will say anything any more. What it does not take at
 * once is lost. */
static void tell_overdue(int socket, unsigned timeout)
{
    char head[256];
    struct problem problem;
    struct response answer;
    problem_set(&problem, PROBLEM_REQUEST_TIMEOUT, "", "Send the whole request within %u ms.",
                timeout);
    problem_respond(&problem, &answer);
    int length =
        snprintf(head, sizeof head,
                 "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Type: %s\r\n"
                 "Content-Length: %zu\r\n\r\n",
                 answer.media_type, answer.length);
    if (send(socket, head, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT | MSG_MORE) == length) {
        send(socket, answer.text, answer.length, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    if (!answer.constant) free(answer.text);
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

void connections_expire(struct connections *connections)
{
    int64_t now = system_milliseconds() - CLOCK_LAG;
    pthread_mutex_lock(&connections->lock);
    remind_of_ends(connections);
    for (struct connection *connection = connections->first; connection != NULL;
         connection = connection->next) {
        if (now < atomic_load(&connection->deadline)) continue;
        bool was_coming_in = move_on(connection, COMING_IN, OVERDUE);
        if (!was_coming_in && !move_on(connection, WAITING, OVERDUE)) continue;
        if (was_coming_in && !connections->is_encrypted)
            tell_overdue(connection->socket, connections->request_timeout);
        if (was_coming_in) refusal_note(METRICS_REFUSED_TIMEOUT);
        shutdown(connection->socket, SHUT_RDWR);
    }
    pthread_mutex_unlock(&connections->lock);
}
