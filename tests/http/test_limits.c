/* test_limits.c - the limits that options set: on the body and on all requests' memory. Starts
 * servers of its own. */
#include "support/client.h"
#include "support/cmocka_all.h"
#include "support/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A good request of exactly so many bytes, by white space. */
static void print_padded(struct text *body, size_t length)
{
    body->length = 0;
    text_printf(body, "%s", good_body);
    text_repeat(body, " ", length - strlen(good_body));
}

static void print_elements(struct text *body, size_t n)
{
    body->length = 0;
    text_request(body, n, ",\"gradients\":[]");
}

/* ---- the body */

static void a_body_of_the_limit_is_read_and_one_byte_more_is_refused(void **state)
{
    (void)state;
    struct service service;
    struct client client;
    struct text body = {0};
    service_start(&service, (const char *const[]){"--max-body", "1000", NULL});
    client_init(&client, &service);
    for (int chunked = 0; chunked <= 1; chunked++) {
        print_padded(&body, 1000);
        response_expect(
            client_send(&client, (struct request){.body = body.bytes, .chunked = chunked}),
            good_response);
        print_padded(&body, 1001);
        struct response response =
            client_send(&client, (struct request){.body = body.bytes, .chunked = chunked});
        response_is_problem(&response, 413, "body-too-large", NULL, -1);
        assert_non_null(strstr(response.body.bytes, "1000"));
        response_free(&response);
        client_expect(&client, good_body, good_response);
    }
    text_free(&body);
    client_free(&client);
    service_close(&service);
}

/* What is wrong with the part that fits is not looked at: the body as a whole is not read. */
static void a_chunked_body_that_passes_the_limit_is_refused_whatever_it_holds(void **state)
{
    (void)state;
    static const char *const beginnings[] = {"", "nonsense", "{\"predictions\":[null",
                                             "{\"predictions\":[1,1,1,1"};
    struct service service;
    struct wire wire;
    service_start(&service, (const char *const[]){"--max-body", "1K", NULL});
    for (size_t i = 0; i < COUNT(beginnings); i++) {
        wire_connect(&wire, &service);
        wire_print(&wire, "POST /mse HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        if (*beginnings[i]) wire_chunk(&wire, beginnings[i], strlen(beginnings[i]));
        struct text spaces = {0};
        text_repeat(&spaces, " ", 1024);
        wire_chunk(&wire, spaces.bytes, spaces.length);
        wire_chunk(&wire, " ", 1);
        wire_chunk(&wire, "", 0);
        response_expect_problem(wire_response(&wire, false), 413, "body-too-large", NULL, -1);
        text_free(&spaces);
        wire_close(&wire);
    }
    service_close(&service);
}

/* ---- memory */

static void expect_exhausted(const struct response *response)
{
    char seconds[16];
    response_is_problem(response, 503, "memory-exhausted", NULL, -1);
    assert_true(response_header(response, "Retry-After", seconds, sizeof seconds));
    assert_true(atoi(seconds) > 0);
}

static void a_request_past_the_memory_limit_is_refused_and_its_memory_given_back(void **state)
{
    (void)state;
    struct service service;
    struct client client;
    struct text large = {0};
    struct text fitting = {0};
    service_start(&service, (const char *const[]){"--max-memory", "1M", NULL});
    client_init(&client, &service);
    print_elements(&large, 100000);  /* 1.6 MB */
    print_elements(&fitting, 40000); /* 640 KB: two of them would not fit */
    for (int i = 0; i < 20; i++) {
        struct response response = client_post(&client, large.bytes);
        expect_exhausted(&response);
        response_free(&response);
        client_expect(&client, fitting.bytes, "{\"loss\":1}");
    }
    assert_int_equal(client.connections, 1);
    client_expect(&client, good_body, good_response);

    /* what comes after a refusal is not read */
    large.length--;
    text_printf(&large, ",");
    struct response response = client_post(&client, large.bytes);
    expect_exhausted(&response);
    response_free(&response);
    text_free(&large);
    text_free(&fitting);
    client_free(&client);
    service_close(&service);
}

/* Sends all of a request but its last byte. */
static void hold(struct wire *wire, const struct service *service, const struct text *body)
{
    wire_connect(wire, service);
    wire_print(wire, "POST /mse HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", body->length);
    wire_send(wire, body->bytes, body->length - 1);
}

/* Requests under way share the limit: of two that do not fit together the second is refused. */
static void memory_is_shared_by_the_requests_under_way(void **state)
{
    (void)state;
    enum { ELEMENTS = 40000 };
    struct service service;
    struct client client;
    struct wire wire;
    struct text body = {0};
    service_start(&service, (const char *const[]){"--max-memory", "1M", NULL});
    client_init(&client, &service);
    print_elements(&body, ELEMENTS);
    hold(&wire, &service, &body);
    while (client_metric(&client, "mse_tensor_memory_bytes") < 2 * ELEMENTS * sizeof(double))
        continue;

    struct response response = client_post(&client, body.bytes);
    expect_exhausted(&response);
    response_free(&response);
    client_expect(&client, good_body, good_response); /* small requests go on */

    wire_send(&wire, body.bytes + body.length - 1, 1);
    response_expect_status(wire_response(&wire, false), 200);
    wire_close(&wire);
    client_expect(&client, body.bytes, "{\"loss\":1}");
    text_free(&body);
    client_free(&client);
    service_close(&service);
}

/* The refusal is counted, and the request's memory free, while its body still comes. */
static void a_refusal_for_want_of_memory_is_made_at_once(void **state)
{
    static const char refusals[] = "mse_refusals_total{reason=\"memory\"}";
    (void)state;
    struct service service;
    struct client client;
    struct wire wire;
    struct text body = {0};
    service_start(&service, (const char *const[]){"--max-memory", "1M", NULL});
    client_init(&client, &service);
    print_elements(&body, 100000);
    hold(&wire, &service, &body);
    while (client_metric(&client, refusals) == 0) continue;
    assert_int_equal(client_metric(&client, "mse_tensor_memory_bytes"), 0);
    assert_int_equal(client_metric(&client, "mse_http_requests_in_flight"), 2);

    wire_send(&wire, body.bytes + body.length - 1, 1);
    struct response response = wire_response(&wire, false);
    expect_exhausted(&response);
    response_free(&response);
    assert_int_equal(client_metric(&client, refusals), 1);
    wire_post(&wire, "", good_body);
    response_expect(wire_response(&wire, false), good_response);
    wire_close(&wire);
    text_free(&body);
    client_free(&client);
    service_close(&service);
}

static long readiness(struct client *client)
{
    struct response response = client_send(client, (struct request){.path = "/readyz"});
    long status = response.status;
    if (status != 200) expect_exhausted(&response);
    response_free(&response);
    return status;
}

/* Between three quarters of the limit and all but a sixteenth, readiness is what it was. */
static void a_server_whose_memory_is_spent_is_not_ready(void **state)
{
    (void)state;
    struct service service;
    struct client client;
    struct wire wire;
    struct text held = {0};
    struct text larger = {0};
    service_start(&service, (const char *const[]){"--max-memory", "1M", NULL});
    client_init(&client, &service);
    print_elements(&held, 51000); /* 816 KB, and what a tensor is ahead of its numbers */
    print_elements(&larger, 20000);
    hold(&wire, &service, &held);
    while (client_metric(&client, "mse_tensor_memory_bytes") < 800000) continue;
    assert_int_equal(readiness(&client), 200);

    struct response response = client_post(&client, larger.bytes);
    expect_exhausted(&response);
    response_free(&response);
    assert_int_equal(readiness(&client), 503);
    client_expect(&client, good_body, good_response); /* what fits is served all the same */
    assert_int_equal(readiness(&client), 503);
    assert_int_equal(client_metric(&client, "mse_refusals_total{reason=\"memory\"}"), 1);

    wire_abort(&wire);
    while (client_metric(&client, "mse_tensor_memory_bytes") > 0) continue;
    assert_int_equal(readiness(&client), 200);
    text_free(&held);
    text_free(&larger);
    client_free(&client);
    service_close(&service);
}

static void a_client_that_dies_gives_memory_back(void **state)
{
    (void)state;
    struct service service;
    struct client client;
    struct text body = {0};
    service_start(&service, (const char *const[]){"--max-memory", "1M", NULL});
    client_init(&client, &service);
    print_elements(&body, 40000);
    for (int i = 0; i < 50; i++) {
        struct wire wire;
        hold(&wire, &service, &body);
        wire_abort(&wire);
    }
    for (long status = 503; status != 200;) { /* until the server has seen them die */
        struct response response = client_post(&client, body.bytes);
        if (response.status != 200) expect_exhausted(&response);
        status = response.status;
        response_free(&response);
    }
    client_expect(&client, body.bytes, "{\"loss\":1}");
    text_free(&body);
    client_free(&client);
    service_close(&service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_of_the_limit_is_read_and_one_byte_more_is_refused),
        cmocka_unit_test(a_chunked_body_that_passes_the_limit_is_refused_whatever_it_holds),
        cmocka_unit_test(a_request_past_the_memory_limit_is_refused_and_its_memory_given_back),
        cmocka_unit_test(memory_is_shared_by_the_requests_under_way),
        cmocka_unit_test(a_refusal_for_want_of_memory_is_made_at_once),
        cmocka_unit_test(a_server_whose_memory_is_spent_is_not_ready),
        cmocka_unit_test(a_client_that_dies_gives_memory_back),
    };
    return cmocka_run_group_tests_name("test_limits", tests, NULL, NULL);
}
