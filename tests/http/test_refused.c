/* test_refused.c - requests that their path, method or headers refuse: 404, 405, 406, 413, 415, in
 * this order. For any running server. */
#include "support/suite.h"
#include "support/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The response to the request is this problem, and the connection stays usable. */
static struct response expect_problem(struct request request, int status, const char *slug)
{
    struct response response = client_send(&suite_client, request);
    response_is_problem(&response, status, slug, NULL, -1);
    client_expect(&suite_client, good_body, good_response);
    assert_int_equal(suite_client.connections, 1);
    return response;
}

static void a_path_that_is_not_there_is_not_found(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "/index.html", "/mse/",    "/MSE",     "/mse2",           "/ms",     "//mse",   "/./mse",
        "/mse/..",     "/mse;a=1", "/mse%00",  "/mse%00x",        "/mse%2F", "/%2Fmse", "/healthz/",
        "/health",     "/openapi", "/readyz.", "/openapi.yaml/x", "/%"};
    static const char *const methods[] = {"GET",   "POST",    "PUT", "DELETE",
                                          "PATCH", "OPTIONS", "BREW"};
    for (size_t i = 0; i < COUNT(paths); i++) {
        for (size_t j = 0; j < COUNT(methods); j++) {
            struct response response = expect_problem(
                (struct request){
                    .path = paths[i], .method = methods[j], .body = j % 2 ? good_body : NULL},
                404, "not-found");
            assert_non_null(
                strstr(response.body.bytes, "/mse, /mse/partial, /mse/merge, /healthz, /readyz"));
            response_free(&response);
        }
    }
}

static void a_method_that_is_not_there_is_refused_with_those_that_are(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *allow;
        const char *methods[8];
    } rows[] = {
        {"/mse", "POST, OPTIONS", {"GET", "PUT", "DELETE", "PATCH", "TRACE", "post", "BREW"}},
        {"/mse/partial", "POST, OPTIONS", {"GET"}},
        {"/mse/merge", "POST, OPTIONS", {"GET", "PUT"}},
        {"/healthz", "GET, HEAD, OPTIONS", {"POST", "PUT", "DELETE", "TRACE", "get", "BREW"}},
        {"/readyz", "GET, HEAD, OPTIONS", {"POST"}},
        {"/openapi.yaml", "GET, HEAD, OPTIONS", {"POST"}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t j = 0; rows[i].methods[j]; j++) {
            struct response response =
                expect_problem((struct request){.path = rows[i].path,
                                                .method = rows[i].methods[j],
                                                .body = j % 2 ? good_body : NULL},
                               405, "method-not-allowed");
            response_has_header(&response, "Allow", rows[i].allow);
            response_free(&response);
        }
    }
    struct response response = client_send(&suite_client, (struct request){.method = "HEAD"});
    assert_int_equal(response.status, 405);
    assert_int_equal(response.body.length, 0);
    response_has_header(&response, "Allow", "POST, OPTIONS");
    response_free(&response);
}

static void json_is_read_under_its_own_name_under_none_and_under_that_of_curl(void **state)
{
    (void)state;
    static const char *const types[] = {
        NULL,
        "application/json",
        "Application/JSON ; charset=\"UTF-8\"; a=b",
        "application/x-www-form-urlencoded",
    };
    for (size_t i = 0; i < COUNT(types); i++) {
        response_expect(client_send(&suite_client,
                                    (struct request){.body = good_body, .content_type = types[i]}),
                        good_response);
    }
}

static void another_media_type_is_refused_with_the_one_there_is(void **state)
{
    (void)state;
    static const char *const types[] = {
        "text/json",
        "application/jsonx",
        "application/problem+json",
        "text/csv; a=application/json",
        "*/*",
        "application/octet-stream",
    };
    for (size_t i = 0; i < COUNT(types); i++) {
        struct response response =
            expect_problem((struct request){.body = good_body, .content_type = types[i]}, 415,
                           "unsupported-media-type");
        assert_non_null(strstr(response.body.bytes,
                               "application/json, application/safetensors, application/x-ndjson"));
        response_has_header(&response, "Accept-Post",
                            "application/json, application/safetensors, application/x-ndjson");
        response_free(&response);
    }
}

static void a_body_of_an_unknown_content_coding_is_refused(void **state)
{
    (void)state;
    struct response response =
        expect_problem((struct request){.body = good_body, .headers = {"Content-Encoding: br"}},
                       415, "unsupported-media-type");
    response_free(&response);
    response_expect(
        client_send(&suite_client,
                    (struct request){.body = good_body, .headers = {"Content-Encoding: identity"}}),
        good_response);
}

static void accept_is_decided_by_its_closest_range(void **state)
{
    (void)state;
    static const char *const accepting[] = {
        NULL,
        "application/json;q=0.001",
        "text/html , application/* ; q=0.2",
        "application/*;q=0,application/json;q=1",
    };
    for (size_t i = 0; i < COUNT(accepting); i++) {
        response_expect(
            client_send(&suite_client, (struct request){.body = good_body, .accept = accepting[i]}),
            good_response);
    }
    /* several lines are one list */
    response_expect(
        client_send(&suite_client, (struct request){.body = good_body,
                                                    .accept = "text/html",
                                                    .headers = {"Accept: application/json"}}),
        good_response);

    static const char *const refusing[] = {
        "text/html",
        "application/jsonx",
        "*/*;q=0",
        "application/json;q=0, application/safetensors;q=0.000, text/*;q=1",
    };
    for (size_t i = 0; i < COUNT(refusing); i++) {
        struct response response = expect_problem(
            (struct request){.body = good_body, .accept = refusing[i]}, 406, "not-acceptable");
        assert_non_null(strstr(response.body.bytes, "application/json"));
        response_free(&response);
    }
}

static void what_get_serves_does_not_depend_on_accept(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *type;
    } rows[] = {
        {"/healthz", "application/json"},
        {"/readyz", "application/json"},
        {"/openapi.yaml", "application/yaml"},
    };
    static const char *const accepts[] = {NULL, "*/*", "application/json", "text/html", "*/*;q=0"};
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t j = 0; j < COUNT(accepts); j++) {
            struct response response = client_send(
                &suite_client, (struct request){.path = rows[i].path, .accept = accepts[j]});
            assert_int_equal(response.status, 200);
            response_has_header(&response, "Content-Type", rows[i].type);
            response_free(&response);
        }
    }
}

/* What comes first decides, whatever else is wrong. */
static void the_first_thing_wrong_decides(void **state)
{
    (void)state;
    static const char csv[] = "text/csv", bad[] = "{";
    static const struct {
        struct request request;
        int status;
        const char *slug;
    } rows[] = {
        {{.method = "PUT", .path = "/none", .body = bad, .content_type = csv, .accept = csv},
         404,
         "not-found"},
        {{.method = "PUT", .body = bad, .content_type = csv, .accept = csv},
         405,
         "method-not-allowed"},
        {{.body = bad, .content_type = csv, .accept = csv}, 415, "unsupported-media-type"},
        {{.body = bad, .accept = csv}, 406, "not-acceptable"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct response response = expect_problem(rows[i].request, rows[i].status, rows[i].slug);
        response_free(&response);
    }
    response_expect_problem(client_send(&suite_client, (struct request){.body = bad}), 400,
                            "malformed-json", NULL, 1);
}

/* 1 TiB is beyond any server's limit. */
#define TOO_LARGE "Content-Length: 1099511627776\r\n"

static void expect_at_the_headers(const char *head, int status, const char *slug)
{
    struct wire wire;
    wire_connect(&wire, &suite_service);
    wire_print(&wire, "%s\r\n", head);
    response_expect_problem(wire_response(&wire, false), status, slug, NULL, -1);
    wire_close(&wire);
}

static void a_body_that_is_announced_too_large_is_refused_before_it_is_sent(void **state)
{
    (void)state;
    expect_at_the_headers("POST /mse HTTP/1.1\r\nHost: a\r\n" TOO_LARGE, 413, "body-too-large");
    expect_at_the_headers("POST /mse HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n" TOO_LARGE,
                          413, "body-too-large");
    expect_at_the_headers(
        "POST /mse HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv\r\nAccept: text/csv\r\n" TOO_LARGE,
        413, "body-too-large");
    expect_at_the_headers("POST /mse HTTP/1.0\r\n" TOO_LARGE, 413, "body-too-large");
    expect_at_the_headers("PUT /mse HTTP/1.1\r\nHost: a\r\n" TOO_LARGE, 405, "method-not-allowed");
    expect_at_the_headers("POST /none HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n" TOO_LARGE,
                          404, "not-found");
}

static void a_request_that_expects_continue_is_refused_at_once(void **state)
{
    (void)state;
    expect_at_the_headers(
        "POST /mse HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 10\r\n"
        "Content-Type: text/csv\r\n",
        415, "unsupported-media-type");
    expect_at_the_headers(
        "POST /mse HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n"
        "Accept: text/csv\r\n",
        406, "not-acceptable");
    expect_at_the_headers(
        "POST /nowhere HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 10\r\n", 404,
        "not-found");
    expect_at_the_headers(
        "DELETE /mse HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 10\r\n", 405,
        "method-not-allowed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_that_is_not_there_is_not_found),
        cmocka_unit_test(a_method_that_is_not_there_is_refused_with_those_that_are),
        cmocka_unit_test(json_is_read_under_its_own_name_under_none_and_under_that_of_curl),
        cmocka_unit_test(another_media_type_is_refused_with_the_one_there_is),
        cmocka_unit_test(a_body_of_an_unknown_content_coding_is_refused),
        cmocka_unit_test(accept_is_decided_by_its_closest_range),
        cmocka_unit_test(what_get_serves_does_not_depend_on_accept),
        cmocka_unit_test(the_first_thing_wrong_decides),
        cmocka_unit_test(a_body_that_is_announced_too_large_is_refused_before_it_is_sent),
        cmocka_unit_test(a_request_that_expects_continue_is_refused_at_once),
    };
    return cmocka_run_group_tests_name("test_refused", tests, suite_open, suite_close);
}
