/* test_exchange.c - heads of requests -> what becomes of the request, without a socket. */
#include "exchange.h"

#include "base/tokens.h"
#include "routes.h"
#include "support/folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct service service = {.max_body = 100, .budget = {.limit = 1 << 20}};

static struct head head_of(const char *method, const char *target)
{
    return (struct head){.method = method, .target = target, .version = "HTTP/1.1", .hosts = 1};
}

/* The status of the response to a head and a body; its text must hold wanted. */
static unsigned status_of(const struct head *head, const char *body, bool urgent,
                          const char *wanted)
{
    struct response response;
    struct exchange *exchange = exchange_open(&service, head);
    assert_non_null(exchange);
    assert_int_equal(exchange_is_urgent(exchange), urgent);
    if (!urgent) assert_int_equal(exchange_receive(exchange, body, strlen(body)), strlen(body));
    while (!exchange_respond(exchange, &response)) continue;
    if (response.length > 0) {
        char *text = strndup(response.text, response.length);
        if (strstr(text, wanted) == NULL) fail_msg("no \"%s\" in %s", wanted, text);
        free(text);
    }
    response_discard(&response);
    exchange_close(exchange, true, 0);
    assert_int_equal(atomic_load(&service.budget.used), 0);
    return response.status;
}

static const char good[] = "{\"predictions\":[1],\"targets\":[0]}";

static void a_request_is_answered_by_its_route(void **state)
{
    (void)state;
    struct head post = head_of("POST", "/mse");
    assert_int_equal(status_of(&post, good, false, "{\"loss\":1,"), 200);
    struct head get = head_of("GET", "/healthz");
    assert_int_equal(status_of(&get, "", false, "ok"), 200);
    struct head absolute = head_of("GET", "http://localhost:8080/healthz");
    assert_int_equal(status_of(&absolute, "", false, "ok"), 200);
    struct head bare = head_of("GET", "http://localhost");
    assert_int_equal(status_of(&bare, "", false, "<!DOCTYPE html>"), 200);
    struct head head = head_of("HEAD", "/openapi.yaml");
    assert_int_equal(status_of(&head, "", false, "openapi"), 200);
    struct head server = head_of("OPTIONS", "*");
    assert_int_equal(status_of(&server, "", false, ""), 204);
}

static void a_refusal_reads_the_body_and_keeps_the_connection(void **state)
{
    (void)state;
    struct head nowhere = head_of("POST", "/nowhere");
    assert_int_equal(status_of(&nowhere, good, false, "not-found"), 404);
    struct head put = head_of("PUT", "/mse");
    assert_int_equal(status_of(&put, good, false, "method-not-allowed"), 405);
    struct head csv = head_of("POST", "/mse");
    csv.content_type = "text/csv";
    assert_int_equal(status_of(&csv, good, false, "unsupported-media-type"), 415);
    struct head gzip = head_of("POST", "/mse");
    head_add(&gzip, "Content-Encoding", "gzip");
    assert_int_equal(status_of(&gzip, good, false, "damaged-encoding"), 400);
    struct head brotli = head_of("POST", "/mse");
    head_add(&brotli, "Content-Encoding", "br");
    assert_int_equal(status_of(&brotli, good, false, "unsupported-media-type"), 415);
    struct head html = head_of("POST", "/mse");
    html.accept[html.accepts++] = "text/html";
    assert_int_equal(status_of(&html, good, false, "not-acceptable"), 406);
}

static void a_client_that_expects_continue_is_refused_at_once(void **state)
{
    (void)state;
    struct head csv = head_of("POST", "/mse");
    csv.content_type = "text/csv";
    csv.expect = "100-Continue";
    assert_int_equal(status_of(&csv, "", true, "unsupported-media-type"), 415);
    struct head brotli = head_of("POST", "/mse");
    head_add(&brotli, "Content-Encoding", "br");
    brotli.expect = "100-continue";
    assert_int_equal(status_of(&brotli, "", true, "gzip, deflate"), 415);
}

static void a_body_over_the_limit_is_refused_when_it_is_announced_or_passed(void **state)
{
    char large[102];
    (void)state;
    memset(large, ' ', 101);
    large[101] = '\0';
    struct head announced = head_of("POST", "/mse");
    announced.content_length = "101";
    announced.content_lengths = 1;
    assert_int_equal(status_of(&announced, "", true, "100 bytes"), 413);
    struct head chunked = head_of("POST", "/mse");
    chunked.transfer_encoding = "chunked";
    chunked.transfer_encodings = 1;
    assert_int_equal(status_of(&chunked, large, false, "100 bytes"), 413);
    large[100] = '\0';
    assert_int_equal(status_of(&chunked, large, false, "malformed-json"), 400);
}

static void heads_that_could_be_read_in_two_ways_are_refused_at_once(void **state)
{
    static const struct head rows[] = {
        {.method = "POST", .target = "/mse", .version = "HTTP/1.1"},
        {.method = "POST", .target = "/mse", .version = "HTTP/1.1", .hosts = 2},
        {.method = "POST",
         .target = "/mse",
         .version = "HTTP/1.1",
         .hosts = 1,
         .content_length = "5",
         .content_lengths = 2},
        {.method = "POST",
         .target = "/mse",
         .version = "HTTP/1.1",
         .hosts = 1,
         .content_length = "5",
         .content_lengths = 1,
         .transfer_encoding = "chunked",
         .transfer_encodings = 1},
        {.method = "POST",
         .target = "/mse",
         .version = "HTTP/1.1",
         .hosts = 1,
         .transfer_encoding = "gzip, chunked",
         .transfer_encodings = 1},
        {.method = "POST",
         .target = "/mse",
         .version = "HTTP/1.1",
         .hosts = 1,
         .transfer_encoding = "chunked",
         .transfer_encodings = 2},
        {.method = "POST",
         .target = "/mse",
         .version = "HTTP/1.0",
         .transfer_encoding = "chunked",
         .transfer_encodings = 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(status_of(&rows[i], "", true, "malformed-headers"), 400);
    }
    struct head old = {.method = "GET", .target = "/healthz", .version = "HTTP/1.0"};
    assert_int_equal(status_of(&old, "", false, "ok"), 200);
}

static void a_head_with_a_name_that_is_no_token_is_refused_at_once(void **state)
{
    static const char *const names[] = {"Content-Length ", " Host", "", "a\tb", "a:b", "\x80"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct head head = head_of("POST", "/mse");
        head_add(&head, "X-Fine_1.0~", "");
        head_add(&head, names[i], "");
        assert_int_equal(status_of(&head, "", true, "malformed-headers"), 400);
    }
}

/* What clients of the Open Inference Protocol read. */
static void a_refusal_has_the_form_of_the_path(void **state)
{
    static const char form[] = "{\"error\":\"";
    char folder[FOLDER_PATH_MAX];
    char file[FOLDER_PATH_MAX + 8];
    (void)state;
    struct head nowhere = head_of("GET", "/v2/nowhere");
    assert_int_equal(status_of(&nowhere, "", false, form), 404);
    struct head post = head_of("POST", "/v2/models/mse");
    assert_int_equal(status_of(&post, good, false, form), 405);
    struct head infer = head_of("POST", "/v2/models/mse/infer");
    assert_int_equal(status_of(&infer, good, false, form), 422);
    struct head folded = infer;
    head_add(&folded, "a b", "");
    assert_int_equal(status_of(&folded, "", true, form), 400);
    struct head announced = infer;
    announced.content_length = "101";
    announced.content_lengths = 1;
    assert_int_equal(status_of(&announced, "", true, form), 413);
    char large[102] = "[";
    memset(large + 1, ' ', 100);
    assert_int_equal(status_of(&infer, large, false, form), 413);
    struct head surplus = infer;
    surplus.is_surplus = true;
    assert_int_equal(status_of(&surplus, "", true, form), 503);
    struct head ready = head_of("GET", "/v2/health/ready");
    struct head model_ready = head_of("GET", "/v2/models/mse/ready");
    struct head live = head_of("GET", "/v2/health/live");
    atomic_store(&service.draining, true);
    assert_int_equal(status_of(&infer, good, false, form), 503);
    assert_int_equal(status_of(&ready, "", false, form), 503);
    assert_int_equal(status_of(&model_ready, "", false, form), 503);
    assert_int_equal(status_of(&live, "", false, "true"), 200);
    atomic_store(&service.draining, false);
    folder_make(folder);
    snprintf(file, sizeof file, "%s/tokens", folder);
    folder_write_text(file, "sesame\n");
    service.tokens = tokens_open(file);
    assert_int_equal(status_of(&infer, good, false, form), 401);
    assert_int_equal(status_of(&live, "", false, "true"), 200);
    tokens_close(service.tokens);
    service.tokens = NULL;
    folder_remove(folder);
}

static void a_draining_server_takes_no_new_work(void **state)
{
    (void)state;
    struct head post = head_of("POST", "/mse");
    struct head health = head_of("GET", "/healthz");
    struct head ready = head_of("GET", "/readyz");
    assert_int_equal(status_of(&ready, "", false, "ready"), 200);
    atomic_store(&service.draining, true);
    assert_int_equal(status_of(&post, good, false, "draining"), 503);
    assert_int_equal(status_of(&health, "", false, "ok"), 200);
    assert_int_equal(status_of(&ready, "", false, "draining"), 503);
    atomic_store(&service.draining, false);
}

/* What the challenge in the response to POST /mse is, or NULL where there is none. */
static const char *challenge_to(const char *authorization)
{
    struct response response;
    struct head head = head_of("POST", "/mse");
    head.authorization = authorization;
    struct exchange *exchange = exchange_open(&service, &head);
    assert_false(exchange_is_urgent(exchange));
    exchange_receive(exchange, good, strlen(good));
    while (!exchange_respond(exchange, &response)) continue;
    response_discard(&response);
    exchange_close(exchange, true, 0);
    const char *challenge = response_find_header(&response, "WWW-Authenticate");
    assert_int_equal(response.status, challenge != NULL ? 401 : 200);
    return challenge;
}

static void a_token_is_taken_from_a_bearer_header_and_from_nothing_else(void **state)
{
    static const char *const right[] = {"Bearer sesame", "bearer sesame", "BEARER   sesame",
                                        "Bearer sesame \t "};
    static const char *const none[] = {
        NULL,           "",       "Bearer",       "Bearer ",        "Bearer  \t",
        "Basic sesame", "sesame", "Bearersesame", "Bearer\tsesame", " Bearer sesame"};
    static const char *const wrong[] = {"Bearer sesam", "Bearer sesame2", "Bearer sesame sesame",
                                        "Bearer \tsesame", "Bearer Bearer sesame"};
    char folder[FOLDER_PATH_MAX];
    char file[FOLDER_PATH_MAX + 8];
    (void)state;
    folder_make(folder);
    snprintf(file, sizeof file, "%s/tokens", folder);
    folder_write_text(file, "sesame\n");
    assert_null(challenge_to(NULL));
    service.tokens = tokens_open(file);
    assert_non_null(service.tokens);
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) assert_null(challenge_to(right[i]));
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_string_equal(challenge_to(none[i]), "Bearer realm=\"mse-server\"");
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_string_equal(challenge_to(wrong[i]),
                            "Bearer realm=\"mse-server\", error=\"invalid_token\"");
    }
    struct head metrics = head_of("GET", "/metrics");
    assert_int_equal(status_of(&metrics, "", false, "unauthorized"), 401);
    struct head health = head_of("GET", "/healthz");
    assert_int_equal(status_of(&health, "", false, "ok"), 200);
    tokens_close(service.tokens);
    service.tokens = NULL;
    folder_remove(folder);
}

/* What a page may do that a browser shows and that is from another origin. */
static void only_pages_of_allowed_origins_may_call(void **state)
{
    static const struct {
        const char *allowed;
        const char *origin;
        const char *told;
    } rows[] = {{NULL, "https://a.example", NULL},
                {"https://a.example", NULL, NULL},
                {"https://a.example", "https://b.example", NULL},
                {"https://a.example", "https://a.example:8443", NULL},
                {"https://a.example", "https://a.example", "https://a.example"},
                {"*", "https://a.example", "*"},
                {"*", "null", "*"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct response response;
        struct head head = head_of("OPTIONS", "/mse");
        head.origin = rows[i].origin;
        head.requested_method = "POST";
        service.cors.count = 0;
        if (rows[i].allowed != NULL) {
            assert_true(cors_add(&service.cors, rows[i].allowed, strlen(rows[i].allowed)));
        }
        struct exchange *exchange = exchange_open(&service, &head);
        assert_true(exchange_respond(exchange, &response));
        exchange_close(exchange, true, 0);
        const char *told = response_find_header(&response, "Access-Control-Allow-Origin");
        const char *methods = response_find_header(&response, "Access-Control-Allow-Methods");
        const char *varies = response_find_header(&response, "Vary");
        if (rows[i].told == NULL) {
            assert_true(told == NULL && methods == NULL && varies == NULL);
        } else {
            assert_string_equal(told, rows[i].told);
            assert_string_equal(methods, "POST, OPTIONS");
            assert_int_equal(varies != NULL, strcmp(told, "*") != 0);
        }
    }
    struct head wrong = head_of("POST", "/mse"); /* a problem, too, may be read */
    wrong.origin = "https://a.example";
    assert_int_equal(status_of(&wrong, "{", false, "malformed-json"), 400);
    service.cors.count = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_answered_by_its_route),
        cmocka_unit_test(a_refusal_reads_the_body_and_keeps_the_connection),
        cmocka_unit_test(a_client_that_expects_continue_is_refused_at_once),
        cmocka_unit_test(a_body_over_the_limit_is_refused_when_it_is_announced_or_passed),
        cmocka_unit_test(heads_that_could_be_read_in_two_ways_are_refused_at_once),
        cmocka_unit_test(a_head_with_a_name_that_is_no_token_is_refused_at_once),
        cmocka_unit_test(a_refusal_has_the_form_of_the_path),
        cmocka_unit_test(a_draining_server_takes_no_new_work),
        cmocka_unit_test(only_pages_of_allowed_origins_may_call),
        cmocka_unit_test(a_token_is_taken_from_a_bearer_header_and_from_nothing_else),
    };
    service.routes = routes;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
