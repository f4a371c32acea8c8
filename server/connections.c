/* connections.c - the open connections, and when each must have moved on. Knows nothing of libmicrohttpd. */
#include "connections.h"

#include "machine.h"
#include "problem.h"
#include "refusal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum phase { WAITING, COMING_IN, GOING_OUT, OVERDUE };

void connections_init(struct connections *connections)
{
    atomic_init(&connections->count, 0);
    pthread_mutex_init(&connections->lock, NULL);
    connections->first = NULL;
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
    atomic_init(&connection->phase, WAITING);
    atomic_init(&connection->deadline, machine_milliseconds() + connections->idle_timeout);
    connection->previous = NULL;

    pthread_mutex_lock(&connections->lock);
    connection->next = connections->first;
    if (connection->next != NULL) connection->next->previous = connection;
    connections->first = connection;
    pthread_mutex_unlock(&connections->lock);
    return connection;
}

void connections_close(struct connections *connections, struct connection *connection)
{
    if (connection == NULL) return;
    pthread_mutex_lock(&connections->lock);
    if (connection->next != NULL) connection->next->previous = connection->previous;
    if (connection->previous != NULL) {
        connection->previous->next = connection->next;
    } else {
        connections->first = connection->next;
    }
    pthread_mutex_unlock(&connections->lock);
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
    atomic_store(&connection->deadline, machine_milliseconds() + connections->request_timeout);
    move_on(connection, WAITING, COMING_IN);
}

bool connections_begin_answer(struct connection *connection)
{
    if (connection == NULL) return false;
    return move_on(connection, COMING_IN, GOING_OUT) || atomic_load(&connection->phase) == GOING_OUT;
}

void connections_end_request(const struct connections *connections, struct connection *connection)
{
    if (connection == NULL) return;
    atomic_store(&connection->deadline, machine_milliseconds() + connections->idle_timeout);
    move_on(connection, GOING_OUT, WAITING);
}

/* Says 408 on a socket on which nobody else will say anything any more. What it does not take at once is lost. */
static void tell_overdue(int socket, unsigned timeout)
{
    char head[256];
    struct problem problem;
    struct answer answer;
    problem_set(&problem, PROBLEM_REQUEST_TIMEOUT, "", "Send the whole request within %u ms.", timeout);
    problem_answer(&problem, &answer);
    int length = snprintf(head, sizeof head,
                          "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Type: %s\r\n"
                          "Content-Length: %zu\r\n\r\n",
                          answer.media_type, answer.length);
    if (send(socket, head, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT | MSG_MORE) == length) {
        send(socket, answer.text, answer.length, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    if (!answer.constant) free(answer.text);
}

void connections_expire(struct connections *connections)
{
    int64_t now = machine_milliseconds();
    pthread_mutex_lock(&connections->lock);
    for (struct connection *connection = connections->first; connection != NULL; connection = connection->next) {
        if (now < atomic_load(&connection->deadline)) continue;
        bool was_coming_in = move_on(connection, COMING_IN, OVERDUE);
        if (!was_coming_in && !move_on(connection, WAITING, OVERDUE)) continue;
        if (was_coming_in && !connections->is_encrypted) tell_overdue(connection->socket, connections->request_timeout);
        if (was_coming_in) refusal_note(METRICS_REFUSED_TIMEOUT);
        shutdown(connection->socket, SHUT_RDWR);
    }
    pthread_mutex_unlock(&connections->lock);
}
