/* test_ndjson.c - many losses in one request over HTTP: each line's response is that of the line
 * alone, and what is said of whole requests. Starts servers of its own, too. */
#include "support/suite.h"
#include "support/wire.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char ndjson[] = "application/x-ndjson";

static struct request request_of(const struct text *body, const char *accept, bool chunked)
{
    return (struct request){.body = body->bytes,
                            .length = body->length,
                            .content_type = ndjson,
                            .accept = accept,
                            .chunked = chunked};
}

static void must_be_lines(const struct response *response, const char *expected)
{
    if (response->status != 200) fail_msg("%ld: %s", response->status, response->body.bytes);
    response_has_header(response, "Content-Type", ndjson);
    assert_string_equal(response->body.bytes, expected);
    assert_int_equal(response->body.length, strlen(expected));
}

/* Requests of every kind, right and wrong. */
static const char *const requests[] = {
    "{\"predictions\":[0.5,1.5],\"targets\":[0,2],\"weights\":[1,3]}",
    "{\"predictions\":[1.3e154,1.3e154],\"targets\":[0,0],\"gradients\":[]}",
    "{\"predictions\":[1.5e308],\"targets\":[-1.5e308],\"weights\":[1e-310],\"reduction\":\"sum\"}",
    "{\"predictions\":[1.5e-323,0,0,0],\"targets\":[0,0,0,0],\"gradients\":[\"predictions\"]}",
    "{\"predictions\":[9007199254740992],\"targets\":[-1],\"reduction\":\"sum\"}",
    "{\"predictions\":[[1e308,3]],\"targets\":[[-1e308,1]],\"weights\":[[0,2]]}",
    "{\"predictions\":[[0.1],[0.7]],\"targets\":[[0.3],[1e-9]],\"reduction\":\"none\"}",
    "{\"predictions\":[0.1,0.2,0.3],\"targets\":[0.3,0.1,0.7],\"gradients\":[\"targets\"]}",
    "{\"predictions\":[1],\"targets\":[0]",
    "{\"predictions\":[1e200],\"targets\":[-1e200]}",
    "{\"predictions\":[1,2],\"targets\":[1]}",
    "{\"predictions\":[1,null],\"targets\":[1,1]}",
    "\xff",
};

/* The same requests alone and as lines, however the body is framed: the same bytes. */
static void a_table_of_requests_has_the_same_bytes_as_lines(void **state)
{
    (void)state;
    struct text body = {0};
    struct text expected = {0};
    for (size_t i = 0; i < COUNT(requests); i++) {
        struct response response = client_post(&suite_client, requests[i]);
        text_printf(&body, i % 2 == 0 ? "%s\n" : "%s\r\n\n", requests[i]);
        text_printf(&expected, "%s\n", response.body.bytes);
        response_free(&response);
    }
    for (int chunked = 0; chunked <= 1; chunked++) {
        struct response response =
            client_send(&suite_client, request_of(&body, chunked ? NULL : ndjson, chunked));
        must_be_lines(&response, expected.bytes);
        response_free(&response);
    }
    text_free(&body);
    text_free(&expected);
}

/* More than one block in either direction. */
static void thousands_of_lines_keep_their_order(void **state)
{
    enum { LINES = 20000 };
    (void)state;
    struct text body = {0};
    struct text expected = {0};
    for (int i = 0; i < LINES; i++) {
        text_printf(&body, "{\"predictions\":[%d],\"targets\":[0],\"gradients\":[]}\n", i);
        text_printf(&expected, "{\"loss\":%d}\n", i * i);
    }
    struct response response = client_send(&suite_client, request_of(&body, NULL, false));
    must_be_lines(&response, expected.bytes);
    response_free(&response);
    text_free(&body);
    text_free(&expected);
}

static void errors_of_the_whole_request_are_problem_documents(void **state)
{
    static char good[] = "{\"predictions\":[1],\"targets\":[0]}\n";
    static char blank[] = "\r\n \n";
    const struct text line = {.bytes = good, .length = strlen(good)};
    const struct text none = {.bytes = blank, .length = strlen(blank)};
    (void)state;
    response_expect_problem(client_send(&suite_client, request_of(&none, NULL, false)), 422,
                            "no-line", NULL, -1);
    response_expect_problem(
        client_send(&suite_client, request_of(&line, "application/json", false)), 406,
        "not-acceptable", NULL, -1);
    response_expect_problem(
        client_send(&suite_client, (struct request){.body = good_body,
                                                    .content_type = "application/json",
                                                    .accept = ndjson}),
        406, "not-acceptable", NULL, -1);
    struct request encoded = request_of(&line, NULL, false);
    encoded.headers[0] = "Content-Encoding: br";
    response_expect_problem(client_send(&suite_client, encoded), 415, "unsupported-media-type",
                            NULL, -1);
}

static void limits_and_tokens_are_those_of_the_whole_request(void **state)
{
    struct service service;
    struct client client;
    struct text body = {0};
    (void)state;
    service_start(&service, (const char *const[]){"--max-body", "1000", "--token-file",
                                                  "tests/data/tokens", NULL});
    client_init(&client, &service);
    text_repeat(&body, "{\"predictions\":[1],\"targets\":[0]}\n", 100);
    response_expect_problem(client_send(&client, request_of(&body, NULL, false)), 401,
                            "unauthorized", NULL, -1);
    client_free(&client);
    service_close(&service);

    service_start(&service, (const char *const[]){"--max-body", "1000", NULL});
    client_init(&client, &service);
    for (int chunked = 0; chunked <= 1; chunked++) {
        response_expect_problem(client_send(&client, request_of(&body, NULL, chunked)), 413,
                                "body-too-large", NULL, -1);
    }
    text_free(&body);
    client_free(&client);
    service_close(&service);
}

/* Lines for which there is no memory, between others, and then all of it again. */
static void a_line_without_memory_costs_itself_only(void **state)
{
    struct service service;
    struct client client;
    struct text body = {0};
    (void)state;
    service_start(&service, (const char *const[]){"--max-memory", "100K", NULL});
    client_init(&client, &service);
    for (int i = 0; i < 3; i++) {
        text_request(&body, i == 1 ? 50000 : 3, ",\"gradients\":[]");
        text_printf(&body, "\n");
    }
    struct response response = client_send(&client, request_of(&body, NULL, false));
    assert_int_equal(response.status, 200);
    static const char one[] = "{\"loss\":1}\n";
    assert_memory_equal(response.body.bytes, one, sizeof one - 1);
    assert_non_null(strstr(response.body.bytes, "\n{\"type\":\"/problems/memory-exhausted\""));
    assert_string_equal(response.body.bytes + response.body.length - (sizeof one - 1), one);
    response_free(&response);
    client_expect(&client, good_body, good_response);
    assert_int_equal(client_metric(&client, "mse_tensor_memory_bytes"), 0);
    text_free(&body);
    client_free(&client);
    service_close(&service);
}

static void elements_of_all_lines_are_counted_and_logged(void **state)
{
    struct service service;
    struct client client;
    struct text body = {0};
    (void)state;
    service_start(&service, (const char *const[]){"--access-log", "--log-format", "json", NULL});
    client_init(&client, &service);
    for (int i = 0; i < 4; i++) {
        text_request(&body, 5, "");
        text_printf(&body, "\nx\n");
    }
    response_expect_status(client_send(&client, request_of(&body, NULL, false)), 200);
    assert_int_equal(client_metric(&client, "mse_elements_total"), 20);
    service_await_line(&service, "\"elements\":20");
    text_free(&body);
    client_free(&client);
    service_close(&service);
}

/* One event loop; a batch that takes it a second or more in all. Requests that come while the batch
 * is being taken are served before it is. */
static void a_large_batch_holds_up_no_one(void **state)
{
    struct service service;
    struct client client;
    struct wire wire;
    struct text body = {0};
    (void)state;
    service_start(&service, (const char *const[]){"--threads", "1", NULL});
    client_init(&client, &service);
    client_expect(&client, good_body, good_response);
    text_repeat(&body, "x\n{\"predictions\":[1],\"targets\":[0]}\n", 500000);
    wire_connect(&wire, &service);
    wire_print(&wire,
               "POST /mse HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
               ndjson, body.length);
    size_t served = 0;
    for (size_t sent = 0; sent < body.length; served++) {
        size_t length = body.length - sent < 1000000 ? body.length - sent : 1000000;
        wire_send(&wire, body.bytes + sent, length);
        sent += length;
        client_expect(&client, good_body, good_response);
    }
    assert_true(served > 10);
    struct response response = wire_response(&wire, false);
    assert_int_equal(response.status, 200);
    response_free(&response);
    wire_close(&wire);
    text_free(&body);
    client_free(&client);
    service_close(&service);
}

static void a_batch_under_way_is_finished_when_the_server_drains(void **state)
{
    static const char line[] = "{\"predictions\":[1],\"targets\":[0],\"gradients\":[]}\n";
    struct service service;
    struct wire wire;
    (void)state;
    service_start(&service, NULL);
    wire_connect(&wire, &service);
    wire_print(&wire,
               "POST /mse HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\nExpect: 100-continue\r\n"
               "Content-Length: %zu\r\n\r\n",
               ndjson, 2 * strlen(line));
    response_expect_status(wire_response(&wire, false), 100);
    wire_send(&wire, line, strlen(line));
    service_signal(&service, SIGTERM);
    service_await_line(&service, "draining");
    wire_send(&wire, line, strlen(line));
    struct response response = wire_response(&wire, false);
    must_be_lines(&response, "{\"loss\":1}\n{\"loss\":1}\n");
    response_has_header(&response, "Connection", "close");
    response_free(&response);
    wire_close(&wire);
    assert_int_equal(service_wait(&service), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_of_requests_has_the_same_bytes_as_lines),
        cmocka_unit_test(thousands_of_lines_keep_their_order),
        cmocka_unit_test(errors_of_the_whole_request_are_problem_documents),
        cmocka_unit_test(limits_and_tokens_are_those_of_the_whole_request),
        cmocka_unit_test(a_line_without_memory_costs_itself_only),
        cmocka_unit_test(elements_of_all_lines_are_counted_and_logged),
        cmocka_unit_test(a_large_batch_holds_up_no_one),
        cmocka_unit_test(a_batch_under_way_is_finished_when_the_server_drains),
    };
    return cmocka_run_group_tests_name("test_ndjson", tests, suite_open, suite_close);
}
