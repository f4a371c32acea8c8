/* test_protocol.c - HTTP itself: methods, framing, connections that live on. For any running
 * server. */
#include "support/suite.h"
#include "support/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void send_good(struct wire *wire)
{
    wire_post(wire, "", good_body);
}

static void expect_good(struct wire *wire)
{
    response_expect(wire_response(wire, false), good_response);
}

static void expect_status(struct wire *wire, long status)
{
    response_expect_status(wire_response(wire, false), status);
}

/* ---- methods */

static void head_has_the_headers_of_get_and_no_content(void **state)
{
    (void)state;
    static const char *const paths[] = {"/healthz", "/readyz", "/openapi.yaml"};
    struct wire wire;
    wire_connect(&wire, &suite_service);
    for (size_t i = 0; i < COUNT(paths); i++) {
        char length[32];
        char type[64];
        wire_print(&wire, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", paths[i]);
        struct response get = wire_response(&wire, false);
        wire_print(&wire, "HEAD %s HTTP/1.1\r\nHost: a\r\n\r\n", paths[i]);
        struct response head = wire_response(&wire, true);
        assert_int_equal(get.status, 200);
        assert_int_equal(head.status, 200);
        snprintf(length, sizeof length, "%zu", get.body.length);
        response_has_header(&get, "Content-Length", length);
        response_has_header(&head, "Content-Length", length);
        assert_true(response_header(&get, "Content-Type", type, sizeof type));
        response_has_header(&head, "Content-Type", type);
        response_free(&get);
        response_free(&head);
    }
    send_good(&wire); /* nothing of a body has stayed behind */
    expect_good(&wire);
    wire_close(&wire);
}

static void options_lists_the_methods(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        const char *allow;
    } rows[] = {
        {"/mse", "POST, OPTIONS"},
        {"/mse?a=b", "POST, OPTIONS"},
        {"/healthz", "GET, HEAD, OPTIONS"},
        {"/readyz", "GET, HEAD, OPTIONS"},
        {"/openapi.yaml", "GET, HEAD, OPTIONS"},
        {"*", "GET, HEAD, POST, OPTIONS"},
    };
    struct wire wire;
    wire_connect(&wire, &suite_service);
    for (size_t i = 0; i < COUNT(rows); i++) {
        wire_print(&wire, "OPTIONS %s HTTP/1.1\r\nHost: a\r\n\r\n", rows[i].target);
        struct response response = wire_response(&wire, false);
        assert_int_equal(response.status, 204);
        response_has_header(&response, "Allow", rows[i].allow);
        response_free(&response);
    }
    send_good(&wire);
    expect_good(&wire);
    wire_close(&wire);
}

/* ---- targets */

static void a_path_means_the_same_however_it_is_spelled(void **state)
{
    (void)state;
    static const char *const targets[] = {
        "/mse",
        "/mse?",
        "/mse?predictions=1&x",
        "/mse?a=%00%ff",
        "/mse?/../healthz",
        "/%6dse",
        "/%6D%73%65",
        "/m%73e?q",
        "/mse??",
        "http://localhost/mse",
        "http://a/%6dse?x",
    };
    struct wire wire;
    wire_connect(&wire, &suite_service);
    for (size_t i = 0; i < COUNT(targets); i++) {
        wire_print(&wire, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n%s",
                   targets[i], strlen(good_body), good_body);
        expect_good(&wire);
    }
    wire_close(&wire);
}

/* ---- connections */

static void a_connection_is_kept_for_any_number_of_requests(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) client_expect(&suite_client, good_body, good_response);
    assert_int_equal(suite_client.connections, 1);
}

static void a_connection_is_closed_on_request(void **state)
{
    (void)state;
    struct wire wire;
    wire_connect(&wire, &suite_service);
    wire_post(&wire, "Connection: close\r\n", good_body);
    struct response response = wire_response(&wire, false);
    response_is(&response, good_response);
    response_has_header(&response, "Connection", "close");
    response_free(&response);
    assert_true(wire_is_closed(&wire));
    wire_close(&wire);
}

/* Requests of many kinds, written at once, and the response to each. */
static const struct {
    const char *request;
    long status;
    bool is_head;
    const char *body; /* NULL: whatever it is */
} pipelined[] = {
    {"POST /mse HTTP/1.1\r\nHost: a\r\nContent-Length: "
     "49\r\n\r\n{\"predictions\":[3],\"targets\":[1],\"gradients\":[]}\n",
     200, false, "{\"loss\":4}"},
    {"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 200, false, "{\"status\":\"ok\"}"},
    {"POST /mse HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n{", 400, false, NULL},
    {"HEAD /readyz HTTP/1.1\r\nHost: a\r\n\r\n", 200, true, ""},
    {"POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nGET /", 404, false, NULL},
    {"PUT /mse HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 405, false, NULL},
    {"POST /mse HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv\r\nContent-Length: 3\r\n\r\n1,2", 415,
     false, NULL},
    {"OPTIONS /mse HTTP/1.1\r\nHost: a\r\n\r\n", 204, false, ""},
    {"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n", 200, false, "{\"status\":\"ready\"}"},
    {"POST /mse HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
     "chunked\r\n\r\n9\r\n{\"predict\r\n27\r\nions\":[5],\"targets\":[1],"
     "\"gradients\":[]}\r\n0\r\n\r\n",
     200, false, "{\"loss\":16}"},
};

/* The last is chunked, after which a libmicrohttpd below 1.0 closes the connection. */
static size_t pipelined_count(void)
{
    return COUNT(pipelined) - (suite_has_old_library ? 1 : 0);
}

static void pipelined_requests_get_responses_in_their_order(void **state)
{
    (void)state;
    struct wire wire;
    struct text all = {0};
    wire_connect(&wire, &suite_service);
    for (int round = 0; round < 20; round++)
        for (size_t i = 0; i < pipelined_count(); i++)
            text_printf(&all, "%s", pipelined[i].request);
    wire_send(&wire, all.bytes, all.length);
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < pipelined_count(); i++) {
            struct response response = wire_response(&wire, pipelined[i].is_head);
            if (response.status != pipelined[i].status)
                fail_msg("request %zu: status %ld", i, response.status);
            if (pipelined[i].body) assert_string_equal(response.body.bytes, pipelined[i].body);
            response_free(&response);
        }
    }
    text_free(&all);
    wire_close(&wire);
}

static void a_request_may_be_cut_at_any_byte(void **state)
{
    (void)state;
    struct wire wire;
    wire_connect(&wire, &suite_service);
    for (size_t i = 0; i < COUNT(pipelined); i++) {
        const char *request = pipelined[i].request;
        size_t length = strlen(request);
        for (size_t cut = 1; cut < length; cut++) {
            wire_send(&wire, request, cut);
            wire_send(&wire, request + cut, length - cut);
            response_expect_status(wire_response(&wire, pipelined[i].is_head), pipelined[i].status);
            if (i >= pipelined_count()) suite_go_on(&wire);
        }
    }
    wire_close(&wire);
}

/* ---- bodies */

static void a_request_that_expects_continue_gets_100_and_its_response(void **state)
{
    (void)state;
    struct wire wire;
    wire_connect(&wire, &suite_service);
    for (int i = 0; i < 3; i++) {
        wire_print(
            &wire,
            "POST /mse HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: %zu\r\n\r\n",
            strlen(good_body));
        expect_status(&wire, 100);
        wire_send(&wire, good_body, strlen(good_body));
        expect_good(&wire);
        wire_print(&wire, "POST /mse HTTP/1.1\r\nHost: a\r\nExpect: "
                          "100-Continue\r\nTransfer-Encoding: chunked\r\n\r\n");
        expect_status(&wire, 100);
        wire_chunk(&wire, good_body, strlen(good_body));
        wire_chunk(&wire, "", 0);
        expect_good(&wire);
        suite_go_on(&wire);
    }
    wire_close(&wire);
}

/* 0.9.75 says 100 to any request that asks; RFC 9110 (10.1.1) lets the server omit it. */
static void an_expectation_without_a_body_delays_no_pipelined_request(void **state)
{
    static const char get[] = "GET /healthz HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n";
    (void)state;
    struct wire wire;
    wire_connect(&wire, &suite_service);
    wire_print(&wire, "%s%s", get, get);
    send_good(&wire);
    for (int i = 0; i < 2; i++) {
        struct response response = wire_response(&wire, false);
        if (response.status == 100) {
            response_free(&response);
            response = wire_response(&wire, false);
        }
        response_expect_status(response, 200);
    }
    expect_good(&wire);
    wire_close(&wire);
}

static void an_empty_body_is_malformed_json_in_any_framing(void **state)
{
    (void)state;
    static const char *const framings[] = {"", "Content-Length: 0\r\n",
                                           "Transfer-Encoding: chunked\r\n"};
    struct wire wire;
    wire_connect(&wire, &suite_service);
    for (size_t i = 0; i < COUNT(framings); i++) {
        wire_print(&wire, "POST /mse HTTP/1.1\r\nHost: a\r\n%s\r\n%s", framings[i],
                   i == 2 ? "0\r\n\r\n" : "");
        response_expect_problem(wire_response(&wire, false), 400, "malformed-json", NULL, 0);
    }
    wire_close(&wire);
}

static void a_body_of_a_method_without_one_is_read_and_ignored(void **state)
{
    (void)state;
    struct wire wire;
    wire_connect(&wire, &suite_service);
    wire_print(&wire, "GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\nPUT / "
                      "HTTP/1.1\r\nHost: evil\r\n\r\n");
    expect_status(&wire, 200);
    wire_print(&wire, "OPTIONS /mse HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
                      "chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    expect_status(&wire, 204);
    suite_go_on(&wire);
    send_good(&wire);
    expect_good(&wire);
    wire_close(&wire);
}

static void http_1_0_is_served(void **state)
{
    (void)state;
    struct text body = {0};
    struct wire wire;
    wire_connect(&wire, &suite_service);
    wire_print(&wire, "POST /mse HTTP/1.0\r\nContent-Length: %zu\r\n\r\n%s", strlen(good_body),
               good_body);
    expect_good(&wire);
    assert_true(wire_is_closed(&wire));
    wire_close(&wire);

    /* what is too large for one buffer ends with the connection, for want of chunks */
    text_request(&body, 100000, ",\"reduction\":\"none\"");
    struct response expected = client_send(&suite_client, (struct request){.body = body.bytes});
    assert_int_equal(expected.status, 200);
    wire_connect(&wire, &suite_service);
    wire_print(&wire, "POST /mse HTTP/1.0\r\nContent-Length: %zu\r\n\r\n", body.length);
    wire_send(&wire, body.bytes, body.length);
    struct response response = wire_response(&wire, false);
    char coding[32];
    assert_false(response_header(&response, "Transfer-Encoding", coding, sizeof coding));
    response_is(&response, expected.body.bytes);
    assert_true(wire_is_closed(&wire));
    wire_close(&wire);
    response_free(&response);
    response_free(&expected);
    text_free(&body);
}

static void a_small_response_has_a_content_length(void **state)
{
    (void)state;
    static const char *const bodies[] = {good_body, "{", "[]",
                                         "{\"predictions\":[1,2,3],\"targets\":[0,0,0]}"};
    for (size_t i = 0; i < COUNT(bodies); i++) {
        char length[32];
        struct response response = client_send(&suite_client, (struct request){.body = bodies[i]});
        snprintf(length, sizeof length, "%zu", response.body.length);
        response_has_header(&response, "Content-Length", length);
        response_free(&response);
    }
}

static void a_hundred_headers_are_served(void **state)
{
    (void)state;
    struct text head = {0};
    struct wire wire;
    wire_connect(&wire, &suite_service);
    text_printf(&head, "GET /healthz HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 100; i++)
        text_printf(&head, "X-Header-%d: some value of an ordinary length\r\n", i);
    text_printf(&head, "\r\n");
    wire_send(&wire, head.bytes, head.length);
    expect_status(&wire, 200);
    wire_close(&wire);
    text_free(&head);
}

/* Each argument and each pair has a place in libmicrohttpd's pool, if it parses them. */
static void heads_of_many_arguments_and_cookies_are_served(void **state)
{
    static const struct {
        const char *begin, *repeated;
        int times;
        const char *end;
    } rows[] = {
        {"GET /healthz?", "a&", 15000, " HTTP/1.1\r\nHost: a\r\n\r\n"},
        {"GET /healthz?", "name=value&", 1000, " HTTP/1.1\r\nHost: a\r\n\r\n"},
        {"GET /healthz HTTP/1.1\r\nHost: a\r\nCookie: a=1", "; b=22", 3000, "\r\n\r\n"},
        {"GET /healthz?a HTTP/1.1\r\nCookie: a=1\r\nHost: a\r\nCookie: b", ";c", 9000, "\r\n\r\n"}};
    (void)state;
    struct wire wire;
    wire_connect(&wire, &suite_service);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text head = {0};
        text_printf(&head, "%s", rows[i].begin);
        text_repeat(&head, rows[i].repeated, (size_t)rows[i].times);
        text_printf(&head, "%s", rows[i].end);
        wire_send(&wire, head.bytes, head.length);
        expect_status(&wire, 200);
        text_free(&head);
    }
    wire_close(&wire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(head_has_the_headers_of_get_and_no_content),
        cmocka_unit_test(options_lists_the_methods),
        cmocka_unit_test(a_path_means_the_same_however_it_is_spelled),
        cmocka_unit_test(a_connection_is_kept_for_any_number_of_requests),
        cmocka_unit_test(a_connection_is_closed_on_request),
        cmocka_unit_test(pipelined_requests_get_responses_in_their_order),
        cmocka_unit_test(a_request_may_be_cut_at_any_byte),
        cmocka_unit_test(a_request_that_expects_continue_gets_100_and_its_response),
        cmocka_unit_test(an_expectation_without_a_body_delays_no_pipelined_request),
        cmocka_unit_test(an_empty_body_is_malformed_json_in_any_framing),
        cmocka_unit_test(a_body_of_a_method_without_one_is_read_and_ignored),
        cmocka_unit_test(http_1_0_is_served),
        cmocka_unit_test(a_small_response_has_a_content_length),
        cmocka_unit_test(a_hundred_headers_are_served),
        cmocka_unit_test(heads_of_many_arguments_and_cookies_are_served),
    };
    return cmocka_run_group_tests_name("test_protocol", tests, suite_open, suite_close);
}
