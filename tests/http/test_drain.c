/* test_drain.c - how a server stops: what is under way is finished, nothing new is begun. Starts
 * servers of its own. */
#include "support/client.h"
#include "support/cmocka_all.h"
#include "support/wire.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Opens a connection and has a request served on it, so that it is a kept one. */
static void open_kept(struct wire *wire, const struct service *service)
{
    wire_connect(wire, service);
    wire_print(wire, "GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n");
    response_expect_status(wire_response(wire, false), 200);
}

/* Sends a request's head and waits for 100: from then on it is under way. */
static void begin_request(struct wire *wire, const struct service *service, size_t length)
{
    wire_connect(wire, service);
    wire_print(
        wire,
        "POST /mse HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: %zu\r\n\r\n",
        length);
    response_expect_status(wire_response(wire, false), 100);
}

static void expect_draining(const struct response *response)
{
    char seconds[16];
    response_is_problem(response, 503, "draining", NULL, -1);
    assert_true(response_header(response, "Retry-After", seconds, sizeof seconds));
    assert_true(atoi(seconds) > 0);
    response_has_header(response, "Connection", "close");
}

/* Asks for readiness until a response closes the connection, since the signal has been seen: unless
 * that came between the response's status and its head, it is a refusal. */
static void await_drain(struct wire *probe)
{
    for (bool is_open = true; is_open;) {
        char closing[16];
        wire_print(probe, "GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n");
        struct response response = wire_response(probe, false);
        is_open = !response_header(&response, "Connection", closing, sizeof closing);
        if (response.status != 200) expect_draining(&response);
        response_free(&response);
    }
    assert_true(wire_is_closed(probe));
    wire_close(probe);
}

/* Starts a server that drains while one request is under way. */
static void start_draining(struct service *service, struct wire *busy)
{
    struct wire probe;
    service_start(service, NULL);
    open_kept(&probe, service);
    begin_request(busy, service, strlen(good_body));
    service_signal(service, SIGTERM);
    await_drain(&probe);
}

static void an_idle_server_exits_with_0_on(int number)
{
    struct service service;
    struct wire kept;
    service_start(&service, NULL);
    open_kept(&kept, &service);
    service_signal(&service, number);
    assert_int_equal(service_wait(&service), 0);
    assert_true(wire_is_closed(&kept));
    wire_close(&kept);
    assert_false(wire_try_connect(&kept, &service));
}

static void sigterm_and_sigint_stop_an_idle_server_with_0(void **state)
{
    (void)state;
    an_idle_server_exits_with_0_on(SIGTERM);
    an_idle_server_exits_with_0_on(SIGINT);
}

static void a_request_under_way_is_finished_and_new_ones_are_refused(void **state)
{
    (void)state;
    struct service service;
    struct wire busy, probe, late, healthy;
    struct response response;
    service_start(&service, NULL);
    open_kept(&probe, &service);
    open_kept(&late, &service);
    open_kept(&healthy, &service);
    begin_request(&busy, &service, strlen(good_body));
    wire_send(&busy, good_body, 10);
    service_signal(&service, SIGTERM);
    await_drain(&probe);

    wire_post(&late, "", good_body);
    response = wire_response(&late, false);
    expect_draining(&response);
    response_free(&response);
    assert_true(wire_is_closed(&late));
    wire_close(&late);

    wire_print(&healthy, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    response_expect(wire_response(&healthy, false), "{\"status\":\"ok\"}");
    wire_close(&healthy);

    assert_false(wire_try_connect(&late, &service));
    char address[128];
    char out[1024];
    char error[1024];
    snprintf(address, sizeof address, "%s:%s", service.host, service.port);
    assert_int_equal(service_run((const char *const[]){"--check", "--listen", address, NULL}, out,
                                 error, sizeof out),
                     1);

    wire_send(&busy, good_body + 10, strlen(good_body) - 10);
    response = wire_response(&busy, false);
    response_is(&response, good_response);
    response_has_header(&response, "Connection", "close");
    response_free(&response);
    assert_true(wire_is_closed(&busy));
    wire_close(&busy);
    assert_int_equal(service_wait(&service), 0);
}

/* A response of some megabytes, more than sockets buffer, that its client begins to read only when
 * the server drains. */
static void a_response_under_way_is_sent_to_its_end(void **state)
{
    (void)state;
    const size_t n = 500000;
    struct service service;
    struct wire busy, probe;
    struct text body = {0};
    struct text expected = {0};
    text_printf(&body, "{\"predictions\":[123456789");
    text_repeat(&body, ",123456789", n - 1);
    text_printf(&body, "],\"targets\":[0");
    text_repeat(&body, ",0", n - 1);
    text_printf(&body, "],\"reduction\":\"none\",\"gradients\":[\"predictions\"]}");
    text_printf(&expected, "{\"loss\":[15241578750190520");
    text_repeat(&expected, ",15241578750190520", n - 1);
    text_printf(&expected, "],\"gradients\":{\"predictions\":[246913578");
    text_repeat(&expected, ",246913578", n - 1);
    text_printf(&expected, "]}}");

    service_start(&service, NULL);
    open_kept(&probe, &service);
    wire_connect(&busy, &service);
    wire_post(&busy, "", body.bytes);
    wire_await(&busy); /* the response has begun */
    service_signal(&service, SIGTERM);
    await_drain(&probe);
    response_expect(wire_response(&busy, false), expected.bytes);
    wire_close(&busy);
    assert_int_equal(service_wait(&service), 0);
    text_free(&body);
    text_free(&expected);
}

static void many_requests_under_way_are_all_finished(void **state)
{
    (void)state;
    struct service service;
    struct wire busy[100], probe;
    service_start(&service, NULL);
    open_kept(&probe, &service);
    for (size_t i = 0; i < 100; i++) begin_request(&busy[i], &service, strlen(good_body));
    service_signal(&service, SIGTERM);
    await_drain(&probe);
    for (size_t i = 0; i < 100; i++) wire_send(&busy[i], good_body, strlen(good_body));
    for (size_t i = 0; i < 100; i++) {
        response_expect(wire_response(&busy[i], false), good_response);
        wire_close(&busy[i]);
    }
    assert_int_equal(service_wait(&service), 0);
}

static void a_client_that_dies_does_not_keep_the_server(void **state)
{
    (void)state;
    struct service service;
    struct wire busy;
    start_draining(&service, &busy);
    wire_abort(&busy);
    assert_int_equal(service_wait(&service), 0);
}

static void a_second_signal_ends_it_at_once_with_1(void **state)
{
    (void)state;
    struct service service;
    struct wire busy;
    start_draining(&service, &busy);
    service_signal(&service, SIGINT);
    assert_int_equal(service_wait(&service), 1);
    assert_true(wire_is_closed(&busy));
    wire_close(&busy);
}

static void the_drain_timeout_ends_it_with_1(void **state)
{
    (void)state;
    struct service service;
    struct wire busy;
    service_start(&service, (const char *const[]){"--drain-timeout", "100ms", NULL});
    begin_request(&busy, &service, strlen(good_body));
    service_signal(&service, SIGTERM);
    assert_int_equal(service_wait(&service), 1);
    assert_true(wire_is_closed(&busy));
    wire_close(&busy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sigterm_and_sigint_stop_an_idle_server_with_0),
        cmocka_unit_test(a_request_under_way_is_finished_and_new_ones_are_refused),
        cmocka_unit_test(a_response_under_way_is_sent_to_its_end),
        cmocka_unit_test(many_requests_under_way_are_all_finished),
        cmocka_unit_test(a_client_that_dies_does_not_keep_the_server),
        cmocka_unit_test(a_second_signal_ends_it_at_once_with_1),
        cmocka_unit_test(the_drain_timeout_ends_it_with_1),
    };
    return cmocka_run_group_tests_name("test_drain", tests, NULL, NULL);
}
