/* test_connections.c - who must have moved on, and who has. */
#include "net/connections.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* With time-outs of 0 every connection is overdue soon; with long ones none is. */
static struct connections overdue_soon = {.max = 2};
static struct connections patient = {.idle_timeout = 3600000, .request_timeout = 3600000, .max = 2};

struct line {
    int ours;
    int peer;
    struct connection *connection;
};

static struct line connect_line(struct connections *connections)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    return (struct line){ends[0], ends[1], connections_open(connections, ends[0])};
}

static void hang_up(struct connections *connections, struct line *line)
{
    connections_close(connections, line->connection);
    close(line->ours);
    close(line->peer);
}

/* What the peer hears: all text up to the end, or NULL if the line is still open and silent. */
static const char *heard(const struct line *line)
{
    static char text[1024];
    size_t length = 0;
    ssize_t got;
    while ((got = recv(line->peer, text + length, sizeof text - 1 - length, MSG_DONTWAIT)) > 0)
        length += (size_t)got;
    text[length] = '\0';
    return got == 0 ? text : NULL;
}

/* Once the clock, which may have been a tick behind, must have come to every deadline. */
static void expire_overdue(void)
{
    usleep(30000);
    connections_expire(&overdue_soon);
}

static void an_idle_connection_is_shut_down_without_a_response(void **state)
{
    (void)state;
    struct line line = connect_line(&overdue_soon);
    expire_overdue();
    assert_string_equal(heard(&line), "");
    connections_begin_request(&overdue_soon, line.connection);
    assert_false(connections_begin_response(&overdue_soon, line.connection));
    hang_up(&overdue_soon, &line);
}

static void a_request_that_takes_too_long_is_answered_408(void **state)
{
    (void)state;
    struct line line = connect_line(&overdue_soon);
    connections_begin_request(&overdue_soon, line.connection);
    expire_overdue();
    const char *text = heard(&line);
    assert_non_null(text);
    assert_int_equal(strncmp(text, "HTTP/1.1 408 ", 13), 0);
    assert_non_null(strstr(text, "\r\nConnection: close\r\n"));
    assert_non_null(strstr(text, "/problems/request-timeout"));
    assert_false(connections_begin_response(&overdue_soon, line.connection));
    expire_overdue();
    hang_up(&overdue_soon, &line);
}

static void an_encrypted_connection_gets_no_text_in_the_clear(void **state)
{
    (void)state;
    overdue_soon.is_encrypted = true;
    struct line line = connect_line(&overdue_soon);
    connections_begin_request(&overdue_soon, line.connection);
    expire_overdue();
    assert_string_equal(heard(&line), "");
    hang_up(&overdue_soon, &line);
    overdue_soon.is_encrypted = false;
}

static void a_response_that_does_not_move_is_cut(void **state)
{
    (void)state;
    struct line line = connect_line(&overdue_soon);
    connections_begin_request(&overdue_soon, line.connection);
    assert_true(connections_begin_response(&overdue_soon, line.connection));
    expire_overdue();
    assert_string_equal(heard(&line), "");
    assert_false(connections_timed_out(line.connection)); /* that is of requests */
    hang_up(&overdue_soon, &line);
}

/* Over TCP, where the system knows what the peer has taken. */
static void a_response_that_moves_is_not_cut(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    struct line line;
    (void)state;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    line.peer = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(line.peer, (struct sockaddr *)&address, length), 0);
    line.ours = accept(listener, NULL, NULL);
    line.connection = connections_open(&overdue_soon, line.ours);
    connections_begin_request(&overdue_soon, line.connection);
    assert_true(connections_begin_response(&overdue_soon, line.connection));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(send(line.ours, "12345", 5, 0), 5);
        expire_overdue();
        assert_null(heard(&line));
    }
    expire_overdue();
    assert_string_equal(heard(&line), "");
    hang_up(&overdue_soon, &line);
    close(listener);
}

static void a_connection_in_time_is_left_alone(void **state)
{
    (void)state;
    struct line lines[2] = {connect_line(&patient), connect_line(&patient)};
    connections_begin_request(&patient, lines[0].connection);
    connections_expire(&patient);
    assert_null(heard(&lines[0]));
    assert_null(heard(&lines[1]));
    hang_up(&patient, &lines[0]);
    hang_up(&patient, &lines[1]);
}

static void connections_beyond_the_limit_are_marked(void **state)
{
    (void)state;
    struct line lines[4];
    for (int i = 0; i < 3; i++) lines[i] = connect_line(&patient);
    assert_false(lines[0].connection->is_surplus || lines[1].connection->is_surplus);
    assert_true(lines[2].connection->is_surplus);
    hang_up(&patient, &lines[1]); /* from the middle of the list */
    hang_up(&patient, &lines[2]);
    lines[3] = connect_line(&patient);
    assert_false(lines[3].connection->is_surplus);
    connections_expire(&patient);
    hang_up(&patient, &lines[0]);
    hang_up(&patient, &lines[3]);
    assert_int_equal(atomic_load(&patient.count), 0);
    assert_null(patient.first);
}

static void connections_are_kept_up_to_a_limit(void **state)
{
    static struct connection *kept[CONNECTIONS_KEPT_MAX];
    (void)state;
    struct line late = connect_line(&patient);
    for (size_t i = 0; i < CONNECTIONS_KEPT_MAX; i++) {
        kept[i] = connections_open(&patient, -1);
        assert_true(connections_keep(&patient, kept[i]));
    }
    assert_false(connections_keep(&patient, late.connection));
    assert_true(connections_keep(&patient, kept[0])); /* who is kept stays so */
    assert_int_equal(atomic_load(&patient.kept), CONNECTIONS_KEPT_MAX);
    connections_close(&patient, kept[0]);
    assert_true(connections_keep(&patient, late.connection));
    for (size_t i = 1; i < CONNECTIONS_KEPT_MAX; i++) connections_close(&patient, kept[i]);
    hang_up(&patient, &late);
    assert_int_equal(atomic_load(&patient.kept), 0);
}

static void a_connection_without_memory_is_accepted_everywhere(void **state)
{
    (void)state;
    connections_begin_request(&patient, NULL);
    assert_false(connections_begin_response(&patient, NULL));
    assert_false(connections_keep(&patient, NULL));
    connections_end_request(&patient, NULL);
    connections_close(&patient, NULL);
    assert_int_equal(atomic_load(&patient.count), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_connection_is_shut_down_without_a_response),
        cmocka_unit_test(a_request_that_takes_too_long_is_answered_408),
        cmocka_unit_test(an_encrypted_connection_gets_no_text_in_the_clear),
        cmocka_unit_test(a_response_that_does_not_move_is_cut),
        cmocka_unit_test(a_response_that_moves_is_not_cut),
        cmocka_unit_test(a_connection_in_time_is_left_alone),
        cmocka_unit_test(connections_beyond_the_limit_are_marked),
        cmocka_unit_test(connections_are_kept_up_to_a_limit),
        cmocka_unit_test(a_connection_without_memory_is_accepted_everywhere),
    };
    connections_init(&overdue_soon);
    connections_init(&patient);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
