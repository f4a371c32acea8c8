/* test_refused.c - requests that their path, method or headers refuse: 404, 405, 406, 413, 415, in
 * this order. For any running server. */
#include "suite.h"
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char good[] = "{\"predictions\":[3],\"targets\":[1],\"gradients\":[]}";
static const char good_answer[] = "{\"loss\":4}";

/* The request is answered with this problem, and the connection stays usable. */
static struct reply expect_problem(struct request request, int status, const char *slug)
{
    struct reply reply = client_send(&suite_client, request);
    reply_is_problem(&reply, status, slug, NULL, -1);
    client_expect(&suite_client, good, good_answer);
    assert_int_equal(suite_client.connections, 1);
    return reply;
}

static void a_path_that_is_not_there_is_not_found(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "/index.html", "/mse/",    "/MSE",           "/mse2",           "/ms",
        "//mse",       "/./mse",   "/mse/..",        "/mse;a=1",        "/mse%00",
        "/mse%00x",    "/mse%2F",  "/%2Fmse",        "/healthz/",       "/health",
        "/openapi",    "/readyz.", "/problems/none", "/openapi.yaml/x", "/%"};
    static const char *const methods[] = {"GET",   "POST",    "PUT", "DELETE",
                                          "PATCH", "OPTIONS", "BREW"};
    for (size_t i = 0; i < COUNT(paths); i++) {
        for (size_t j = 0; j < COUNT(methods); j++) {
            struct reply reply = expect_problem((struct request){.path = paths[i],
                                                                 .method = methods[j],
                                                                 .body = j % 2 ? good : NULL},
                                                404, "not-found");
            assert_non_null(strstr(reply.body.bytes, "/mse, /healthz, /readyz"));
            reply_free(&reply);
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
        {"/healthz",
         "GET, HEAD, OPTIONS",
         {"POST", "PUT", "DELETE", "PATCH", "TRACE", "get", "BREW"}},
        {"/readyz",
         "GET, HEAD, OPTIONS",
         {"POST", "PUT", "DELETE", "PATCH", "TRACE", "get", "BREW"}},
        {"/openapi.yaml",
         "GET, HEAD, OPTIONS",
         {"POST", "PUT", "DELETE", "PATCH", "TRACE", "get", "BREW"}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t j = 0; rows[i].methods[j]; j++) {
            struct reply reply = expect_problem((struct request){.path = rows[i].path,
                                                                 .method = rows[i].methods[j],
                                                                 .body = j % 2 ? good : NULL},
                                                405, "method-not-allowed");
            reply_has_header(&reply, "Allow", rows[i].allow);
            reply_free(&reply);
        }
    }
    struct reply reply = client_send(&suite_client, (struct request){.method = "HEAD"});
    assert_int_equal(reply.status, 405);
    assert_int_equal(reply.body.length, 0);
    reply_has_header(&reply, "Allow", "POST, OPTIONS");
    reply_free(&reply);
}

static void json_is_read_under_its_own_name_under_none_and_under_that_of_curl(void **state)
{
    (void)state;
    static const char *const types[] = {
        NULL,
        "application/json",
        "Application/JSON",
        "application/json;charset=utf-8",
        "application/json ; charset=\"UTF-8\"; a=b",
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded; charset=UTF-8",
    };
    for (size_t i = 0; i < COUNT(types); i++) {
        struct reply reply =
            client_send(&suite_client, (struct request){.body = good, .content_type = types[i]});
        reply_is(&reply, good_answer);
        reply_free(&reply);
    }
}

static void another_media_type_is_refused_with_the_one_there_is(void **state)
{
    (void)state;
    static const char *const types[] = {
        "text/json",
        "text/plain",
        "application/jsonx",
        "application/json-patch+json",
        "application/problem+json",
        "application/xml",
        "json",
        "application",
        "application/",
        "application/js on",
        "text/csv; a=application/json",
        "multipart/form-data; boundary=x",
        "application/octet-stream",
        "*/*",
    };
    for (size_t i = 0; i < COUNT(types); i++) {
        struct reply reply =
            expect_problem((struct request){.body = good, .content_type = types[i]}, 415,
                           "unsupported-media-type");
        assert_non_null(strstr(reply.body.bytes, "application/json"));
        reply_free(&reply);
    }
}

static void a_body_that_is_compressed_is_refused(void **state)
{
    (void)state;
    struct reply reply =
        expect_problem((struct request){.body = good, .headers = {"Content-Encoding: gzip"}}, 415,
                       "unsupported-media-type");
    reply_free(&reply);
    reply = client_send(&suite_client,
                        (struct request){.body = good, .headers = {"Content-Encoding: identity"}});
    reply_is(&reply, good_answer);
    reply_free(&reply);
}

static void accept_is_heeded_by_its_closest_range(void **state)
{
    (void)state;
    static const char *const accepting[] = {
        NULL,
        "*/*",
        "application/*",
        "application/json",
        "APPLICATION/JSON",
        "application/json;q=0.001",
        "application/json; q=0.5",
        "text/html, application/json",
        "text/html,*/*;q=0.1",
        "text/html , application/* ; q=0.2",
        "*/*;q=0, application/json",
        "application/*;q=0,application/json;q=1",
        "text/*;q=0, */*",
        "application/json;q=1, */*;q=0",
        "text/html;level=1, application/json;q=0.4, */*;q=0",
    };
    for (size_t i = 0; i < COUNT(accepting); i++) {
        struct reply reply =
            client_send(&suite_client, (struct request){.body = good, .accept = accepting[i]});
        reply_is(&reply, good_answer);
        reply_free(&reply);
    }
    /* several lines are one list */
    struct reply reply =
        client_send(&suite_client, (struct request){.body = good,
                                                    .accept = "text/html",
                                                    .headers = {"Accept: application/json"}});
    reply_is(&reply, good_answer);
    reply_free(&reply);

    static const char *const refusing[] = {
        "text/html",
        "text/*",
        "application/xml",
        "application/jsonx",
        "application/problem+json",
        "text/html, text/plain;q=0.5",
        "application/json;q=0",
        "application/json;q=0.0",
        "application/json; q=0.000",
        "application/json ;Q=0",
        "*/*;q=0",
        "application/*;q=0, */*",
        "application/json;q=0, application/*, */*;q=1",
        "text/html, application/json;q=0",
    };
    for (size_t i = 0; i < COUNT(refusing); i++) {
        reply = expect_problem((struct request){.body = good, .accept = refusing[i]}, 406,
                               "not-acceptable");
        assert_non_null(strstr(reply.body.bytes, "application/json"));
        reply_free(&reply);
    }
}

static void what_is_read_is_given_whatever_is_accepted(void **state)
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
            struct reply reply = client_send(
                &suite_client, (struct request){.path = rows[i].path, .accept = accepts[j]});
            assert_int_equal(reply.status, 200);
            reply_has_header(&reply, "Content-Type", rows[i].type);
            reply_free(&reply);
        }
    }
}

/* What comes first decides, whatever else is wrong. */
static void the_first_thing_wrong_decides(void **state)
{
    (void)state;
    const char *text = "text/csv";
    const char *bad = "{";
    struct reply reply;

    reply = expect_problem(
        (struct request){
            .method = "PUT", .path = "/none", .body = bad, .content_type = text, .accept = text},
        404, "not-found");
    reply_free(&reply);
    reply = expect_problem(
        (struct request){.method = "PUT", .body = bad, .content_type = text, .accept = text}, 405,
        "method-not-allowed");
    reply_free(&reply);
    reply = expect_problem((struct request){.body = bad, .content_type = text, .accept = text}, 415,
                           "unsupported-media-type");
    reply_free(&reply);
    reply = expect_problem((struct request){.body = bad, .accept = text}, 406, "not-acceptable");
    reply_free(&reply);
    reply = client_send(&suite_client, (struct request){.body = bad});
    reply_is_problem(&reply, 400, "malformed-json", NULL, 1);
    reply_free(&reply);
}

/* 1 TiB is beyond any server's limit. */
#define TOO_LARGE "Content-Length: 1099511627776\r\n"

static void expect_at_the_headers(const char *head, int status, const char *slug)
{
    struct wire wire;
    wire_connect(&wire, &suite_service);
    wire_print(&wire, "%s\r\n", head);
    struct reply reply = wire_reply(&wire, false);
    reply_is_problem(&reply, status, slug, NULL, -1);
    reply_free(&reply);
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

static void who_waits_for_leave_is_refused_at_once(void **state)
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
        cmocka_unit_test(a_body_that_is_compressed_is_refused),
        cmocka_unit_test(accept_is_heeded_by_its_closest_range),
        cmocka_unit_test(what_is_read_is_given_whatever_is_accepted),
        cmocka_unit_test(the_first_thing_wrong_decides),
        cmocka_unit_test(a_body_that_is_announced_too_large_is_refused_before_it_is_sent),
        cmocka_unit_test(who_waits_for_leave_is_refused_at_once),
    };
    return cmocka_run_group_tests_name("test_refused", tests, suite_open, suite_close);
}
