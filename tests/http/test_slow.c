/* test_slow.c - clients that take their time: what a request, an idle connection and too many of
 * them may cost. Starts servers of its own. */
#include "support/client.h"
#include "support/cmocka_all.h"
#include "support/wire.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Sends one byte after the other, a pause before each, until the server closes. */
static void drip(struct wire *wire, const char *byte, int times)
{
    const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
    for (int i = 0; i < times; i++) {
        nanosleep(&pause, NULL);
        if (!wire_try_send(wire, byte, 1)) return;
    }
}

static void post_good(struct wire *wire)
{
    wire_post(wire, "", good_body);
    response_expect(wire_response(wire, false), good_response);
}

static void a_request_that_takes_too_long_gets_408(void **state)
{
    (void)state;
    static const struct {
        const char *begin, *byte;
        int times; /* that the byte is sent */
    } rows[] = {
        {"POST /mse HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n", " ", 40},
        {"POST /mse HTTP/1.1\r\nHost: a\r\nX-Slow: ", "x", 40},
        {"POST /mse HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{", "", 0},
    };
    struct service service;
    service_start(&service, (const char *const[]){"--request-timeout", "500ms", NULL});
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct wire wire;
        wire_connect(&wire, &service);
        post_good(&wire);
        wire_print(&wire, "%s", rows[i].begin);
        drip(&wire, rows[i].byte, rows[i].times);
        struct response response = wire_response(&wire, false);
        response_is_problem(&response, 408, "request-timeout", NULL, -1);
        response_has_header(&response, "Connection", "close");
        response_free(&response);
        assert_true(wire_is_closed(&wire));
        wire_close(&wire);
    }
    service_close(&service);
}

static void a_connection_without_a_request_is_closed(void **state)
{
    (void)state;
    struct service service;
    struct wire silent;
    struct wire served;
    struct wire dripping;
    service_start(&service, (const char *const[]){"--idle-timeout", "1s", NULL});
    wire_connect(&silent, &service);
    wire_connect(&served, &service);
    wire_connect(&dripping, &service);
    post_good(&served);
    wire_print(&dripping, "POST ");
    drip(&dripping, "x", 100);
    assert_true(wire_is_closed(&silent));
    assert_true(wire_is_closed(&served));
    assert_true(wire_is_closed(&dripping));
    wire_close(&silent);
    wire_close(&served);
    wire_close(&dripping);
    service_close(&service);
}

/* Whether its head has come or not. */
static void an_overdue_request_is_counted_and_logged_as_408(void **state)
{
    static const char *const begun[] = {
        "POST /mse HTTP/1.1\r\nHost: a\r\nX-Slow: ",
        "POST /mse HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{"};
    static const char *const logged[] = {"\"- -\" 408 ", "\"POST /mse\" 408 "};
    static const char *const counted[] = {
        "mse_http_requests_total{method=\"other\",route=\"none\",status=\"408\"}",
        "mse_http_requests_total{method=\"POST\",route=\"/mse\",status=\"408\"}"};
    (void)state;
    struct service service;
    struct client client;
    service_start(&service,
                  (const char *const[]){"--request-timeout", "300ms", "--access-log", NULL});
    client_init(&client, &service);
    for (size_t i = 0; i < COUNT(begun); i++) {
        struct wire wire;
        wire_connect(&wire, &service);
        wire_print(&wire, "%s", begun[i]);
        response_expect_problem(wire_response(&wire, false), 408, "request-timeout", NULL, -1);
        wire_close(&wire);
        service_await_line(&service, logged[i]);
        assert_int_equal(client_metric(&client, counted[i]), 1);
    }
    assert_int_equal(client_metric(&client, "mse_refusals_total{reason=\"timeout\"}"), 2);
    assert_int_equal(client_metric(&client, "mse_http_responses_incomplete_total"), 0);
    client_free(&client);
    service_close(&service);
}

/* The last is refused before its first line has come to us, so that it has no status. */
static void what_the_library_refuses_is_counted(void **state)
{
    static const char *const refused[] = {
        "GET /healthz HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
        "POST /mse HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n",
        "GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n"};
    static const char *const logged[] = {"\"- -\" 400 ", "\"POST /mse\" 400 "};
    static const char *const counted[] = {
        "mse_http_requests_total{method=\"other\",route=\"none\",status=\"400\"}",
        "mse_http_requests_total{method=\"POST\",route=\"/mse\",status=\"400\"}"};
    (void)state;
    struct service service;
    struct client client;
    service_start(&service, (const char *const[]){"--access-log", NULL});
    client_init(&client, &service);
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct wire wire;
        wire_connect(&wire, &service);
        wire_print(&wire, "%s", refused[i]);
        wire_finish(&wire);
        wire_close(&wire);
        if (i < COUNT(logged)) service_await_line(&service, logged[i]);
        if (i < COUNT(counted)) assert_int_equal(client_metric(&client, counted[i]), 1);
        while (client_metric(&client, "mse_refusals_total{reason=\"malformed\"}") <= i) continue;
    }
    assert_int_equal(client_metric(&client, "mse_refusals_total{reason=\"malformed\"}"), 3);
    client_free(&client);
    service_close(&service);
}

/* Posts a request whose response has some 8 MB, more than the buffers between us hold. */
static void post_large(struct wire *wire, const struct service *service)
{
    const int little = 65536;
    struct text body = {0};
    text_request(&body, 2000000, ",\"reduction\":\"none\",\"gradients\":[\"targets\"]");
    wire_connect(wire, service);
    setsockopt(wire->socket, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
    wire_print(wire,
               "POST /mse HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
               body.length);
    wire_send(wire, body.bytes, body.length);
    text_free(&body);
}

/* What leaves the socket is movement, though nothing can be written into it for seconds. */
static void a_client_that_reads_slowly_but_steadily_is_served_whole(void **state)
{
    const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
    (void)state;
    static char piece[32768];
    struct service service;
    struct client client;
    struct wire wire;
    struct text received = {0};
    ssize_t length;
    service_start(&service, (const char *const[]){"--idle-timeout", "1s", NULL});
    post_large(&wire, &service);
    while ((length = recv(wire.socket, piece, sizeof piece, 0)) > 0) {
        text_append(&received, piece, (size_t)length);
        nanosleep(&pause, NULL);
    }
    assert_int_equal(length, 0);
    assert_true(received.length > 8000000);
    assert_memory_equal(received.bytes + received.length - 5, "0\r\n\r\n", 5);
    client_init(&client, &service);
    assert_int_equal(client_metric(&client, "mse_http_responses_incomplete_total"), 0);
    wire_close(&wire);
    text_free(&received);
    client_free(&client);
    service_close(&service);
}

static void a_client_that_stops_reading_is_cut_and_its_response_called_incomplete(void **state)
{
    (void)state;
    struct service service;
    struct client client;
    struct wire wire;
    service_start(&service, (const char *const[]){"--idle-timeout", "1s", "--access-log", NULL});
    post_large(&wire, &service);
    wire_await(&wire);
    service_await_line(&service, " incomplete");
    client_init(&client, &service);
    assert_int_equal(client_metric(&client, "mse_http_responses_incomplete_total"), 1);
    while (client_metric(&client, "mse_tensor_memory_bytes") > 0)
        continue; /* until the response has been freed, too */
    wire_close(&wire);
    client_free(&client);
    service_close(&service);
}

/* The end comes in one segment with the last bytes, where it is easily missed. */
static void a_client_that_ends_half_way_is_closed_at_once(void **state)
{
    static const char *const pieces[] = {
        "G", "POST /mse HTTP/1.1\r\nHost: a\r\n",
        "POST /mse HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{\"targets\":[1"};
    (void)state;
    struct service service;
    service_start(&service,
                  (const char *const[]){"--request-timeout", "30m", "--idle-timeout", "30m", NULL});
    for (size_t i = 0; i < COUNT(pieces); i++) {
        struct wire wire;
        wire_connect(&wire, &service);
        assert_int_equal(send(wire.socket, pieces[i], strlen(pieces[i]), MSG_MORE),
                         strlen(pieces[i]));
        assert_int_equal(shutdown(wire.socket, SHUT_WR), 0);
        assert_true(wire_is_closed(&wire));
        wire_close(&wire);
    }
    service_close(&service);
}

static void a_client_that_shuts_its_side_down_gets_its_response(void **state)
{
    (void)state;
    struct service service;
    struct wire wire;
    service_start(&service, NULL);
    for (int i = 0; i < 20; i++) {
        char request[256];
        int length = snprintf(request, sizeof request,
                              "POST /mse HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n%s",
                              strlen(good_body), good_body);
        wire_connect(&wire, &service);
        assert_int_equal(send(wire.socket, request, (size_t)length, MSG_MORE), length);
        assert_int_equal(shutdown(wire.socket, SHUT_WR), 0);
        response_expect(wire_response(&wire, false), good_response);
        assert_true(wire_is_closed(&wire));
        wire_close(&wire);
    }
    service_close(&service);
}

static void slow_clients_cost_others_nothing(void **state)
{
    (void)state;
    enum { SLOW = 50 };
    struct service service;
    struct wire slow[SLOW];
    struct wire wire;
    service_start(&service, (const char *const[]){"--threads", "1", NULL});
    for (int i = 0; i < SLOW; i++) {
        wire_connect(&slow[i], &service);
        wire_print(
            &slow[i],
            "POST /mse HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{\"predictions\":[1");
    }
    wire_connect(&wire, &service);
    for (int i = 0; i < 100; i++) post_good(&wire);
    wire_close(&wire);
    for (int i = 0; i < SLOW; i++) wire_abort(&slow[i]);
    service_close(&service);
}

static void one_connection_too_many_gets_503_and_harms_no_other(void **state)
{
    (void)state;
    struct service service;
    struct wire served[3];
    struct wire extra;
    service_start(&service, (const char *const[]){"--max-connections", "3", NULL});
    for (int i = 0; i < 3; i++) {
        wire_connect(&served[i], &service);
        post_good(&served[i]);
    }
    for (int i = 0; i < 5; i++) {
        wire_connect(&extra, &service);
        wire_post(&extra, "", good_body);
        struct response response = wire_response(&extra, false);
        response_is_problem(&response, 503, "too-many-connections", NULL, -1);
        response_has_header(&response, "Retry-After", "1");
        response_has_header(&response, "Connection", "close");
        response_free(&response);
        wire_close(&extra);
    }
    for (int i = 0; i < 3; i++) post_good(&served[i]);
    for (int i = 0; i < 3; i++) wire_close(&served[i]);
    service_close(&service);
}

static void a_log_that_is_not_read_delays_no_request(void **state)
{
    (void)state;
    struct service service;
    struct client client;
    service_start(&service, (const char *const[]){"--access-log", NULL});
    assert_true(fcntl(service.log, F_SETPIPE_SZ, 4096) > 0);
    client_init(&client, &service);
    for (int i = 0; i < 200; i++) client_expect(&client, good_body, good_response);
    service_signal(&service, SIGTERM); /* which it has to say something about, too */
    client_free(&client);
    int status;
    assert_int_equal(waitpid(service.pid, &status, 0), service.pid);
    assert_int_equal(status, 0);
    close(service.log);
}

static void headers_over_the_limit_get_431(void **state)
{
    (void)state;
    struct service service;
    struct wire wire;
    struct text padding = {0};
    service_open(&service);
    text_repeat(&padding, "x", 32768);
    wire_connect(&wire, &service);
    wire_print(&wire, "GET /healthz HTTP/1.1\r\nHost: a\r\nX-Large: %s\r\n\r\n", padding.bytes);
    response_expect_problem(wire_response(&wire, false), 431, "headers-too-large", NULL, -1);
    wire_close(&wire);
    text_free(&padding);
    service_close(&service);
}

/* Whatever an extension or a trailer holds, what it costs is bounded by the connection's
 * pool. 1.0.1 prepares a response to such an extension, drops it, and forgets the request, so that
 * its client hears nothing until the request is overdue. */
static void a_huge_chunk_extension_or_trailer_is_refused_and_forgotten(void **state)
{
    static const char *const padded[] = {"9;%s\r\n,[1,2,3]}\r\n0\r\n\r\n", "0\r\nX: %s\r\n\r\n"};
    static const char numbers[] = "{\"predictions\":[1,2,3,4,5,6,7,8,9";
    (void)state;
    struct service service;
    struct client client;
    struct text padding = {0};
    service_start(&service, (const char *const[]){"--request-timeout", "1s", NULL});
    client_init(&client, &service);
    text_repeat(&padding, "x", 70000);
    for (size_t i = 0; i < COUNT(padded); i++) {
        struct wire wire;
        wire_connect(&wire, &service);
        wire_print(&wire, "POST /mse HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        wire_chunk(&wire, numbers, strlen(numbers));
        struct text rest = {0};
        text_append(&rest, padded[i], strlen(padded[i]) - strlen(strstr(padded[i], "%s")));
        text_append(&rest, padding.bytes, padding.length);
        text_printf(&rest, "%s", strstr(padded[i], "%s") + 2);
        wire_try_send(&wire, rest.bytes, rest.length);
        wire_finish(&wire);
        unsigned status = 0;
        assert_true(wire.received.length > 0);
        assert_int_equal(sscanf(wire.received.bytes, "HTTP/1.1 %u ", &status), 1);
        assert_in_range(status, 400, 500);
        wire_close(&wire);
        text_free(&rest);
    }
    while (client_metric(&client, "mse_http_requests_in_flight") > 1)
        continue; /* until the server has seen them go */
    assert_int_equal(client_metric(&client, "mse_tensor_memory_bytes"), 0);
    text_free(&padding);
    client_free(&client);
    service_close(&service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_that_takes_too_long_gets_408),
        cmocka_unit_test(a_connection_without_a_request_is_closed),
        cmocka_unit_test(an_overdue_request_is_counted_and_logged_as_408),
        cmocka_unit_test(what_the_library_refuses_is_counted),
        cmocka_unit_test(a_client_that_reads_slowly_but_steadily_is_served_whole),
        cmocka_unit_test(a_client_that_stops_reading_is_cut_and_its_response_called_incomplete),
        cmocka_unit_test(a_client_that_ends_half_way_is_closed_at_once),
        cmocka_unit_test(a_client_that_shuts_its_side_down_gets_its_response),
        cmocka_unit_test(slow_clients_cost_others_nothing),
        cmocka_unit_test(one_connection_too_many_gets_503_and_harms_no_other),
        cmocka_unit_test(a_log_that_is_not_read_delays_no_request),
        cmocka_unit_test(a_huge_chunk_extension_or_trailer_is_refused_and_forgotten),
        cmocka_unit_test(headers_over_the_limit_get_431),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
