/* test_bearer.c - bearer tokens: which clients are let in, what the others get, and a file of
 * tokens that changes. */
#include "support/certificate.h"
#include "support/client.h"
#include "support/cmocka_all.h"
#include "support/folder.h"
#include "support/wire.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define UNKNOWN "Bearer realm=\"mse-server\""
#define INVALID "Bearer realm=\"mse-server\", error=\"invalid_token\""

static char folder[FOLDER_PATH_MAX];
static char token_file[FOLDER_PATH_MAX + 8];
static const char *const protected[] = {"--token-file", token_file, "--threads", "2", NULL};
static struct service service;
static struct client client;

static int open_service(void **state)
{
    (void)state;
    folder_make(folder);
    snprintf(token_file, sizeof token_file, "%s/tokens", folder);
    folder_write_text(token_file, "# for the tests\nsesame\n\n  AZaz09-._~+/==  \nopen-sesame\n");
    chmod(token_file, 0600);
    service_start(&service, protected);
    client_init(&client, &service);
    return 0;
}

static int close_service(void **state)
{
    (void)state;
    client_free(&client);
    service_close(&service);
    folder_remove(folder);
    return 0;
}

static void expect_let_in(const char *authorization)
{
    response_expect(
        client_send(&client, (struct request){.body = good_body, .headers = {authorization}}),
        good_response);
}

/* The request gets a whole 401 with this challenge, and the connection goes on. */
static void expect_refused(struct request request, const char *challenge)
{
    struct response response = client_send(&client, request);
    if (request.method && strcmp(request.method, "HEAD") == 0) {
        assert_int_equal(response.status, 401);
        assert_int_equal(response.body.length, 0);
    } else {
        response_is_problem(&response, 401, "unauthorized", NULL, -1);
    }
    response_has_header(&response, "WWW-Authenticate", challenge);
    response_free(&response);
    expect_let_in("Authorization: Bearer sesame");
    assert_int_equal(client.connections, 1);
}

static void a_request_with_a_token_is_served(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "Authorization: Bearer sesame",         "Authorization: Bearer open-sesame",
        "authorization: bearer sesame",         "Authorization: BEARER sesame",
        "Authorization:Bearer sesame",          "Authorization: Bearer   sesame",
        "Authorization: Bearer AZaz09-._~+/==",
    };
    for (size_t i = 0; i < COUNT(headers); i++) expect_let_in(headers[i]);
    response_expect_status(
        client_send(&client, (struct request){.path = "/metrics",
                                              .headers = {"Authorization: Bearer sesame"}}),
        200);
    struct wire wire;
    wire_connect(&wire, &service);
    wire_print(&wire,
               "GET /metrics HTTP/1.1\r\nHost: a\r\nAuthorization: \t Bearer sesame \t \r\n\r\n");
    response_expect_status(wire_response(&wire, false), 200);
    wire_close(&wire);
}

static void a_request_without_a_token_is_challenged(void **state)
{
    (void)state;
    static const char *const headers[] = {
        NULL,
        "Authorization;", /* libcurl's way to send it empty */
        "Authorization: Bearer",
        "Authorization: Basic c2VzYW1lOnNlc2FtZQ==",
        "Authorization: sesame",
        "Authorization: Bearersesame",
        "Authorization: Digest username=\"sesame\"",
        "Proxy-Authorization: Bearer sesame",
        "X-Authorization: Bearer sesame",
        "Cookie: access_token=sesame",
    };
    for (size_t i = 0; i < COUNT(headers); i++) {
        expect_refused((struct request){.body = good_body, .headers = {headers[i]}}, UNKNOWN);
    }
    expect_refused((struct request){.path = "/mse?access_token=sesame", .body = good_body},
                   UNKNOWN);
    expect_refused((struct request){.path = "/metrics"}, UNKNOWN);
    expect_refused((struct request){.path = "/metrics", .method = "HEAD"}, UNKNOWN);
}

static void a_wrong_token_is_an_invalid_one(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "Authorization: Bearer sesam",
        "Authorization: Bearer sesame2",
        "Authorization: Bearer Sesame",
        "Authorization: Bearer sesamf",
        "Authorization: Bearer sesame=",
        "Authorization: Bearer sesame sesame",
        "Authorization: Bearer sesame,",
        "Authorization: Bearer \"sesame\"",
        "Authorization: Bearer #",
        "Authorization: Bearer # for the tests",
        "Authorization: Bearer Bearer sesame",
        "Authorization: Bearer AZaz09-._~+/=",
        "Authorization: Bearer ses\xC3\xA1me",
        "Authorization: Bearer sesame\topen-sesame",
    };
    for (size_t i = 0; i < COUNT(headers); i++) {
        expect_refused((struct request){.body = good_body, .headers = {headers[i]}}, INVALID);
    }
    expect_refused((struct request){.path = "/metrics", .headers = {"Authorization: Bearer x"}},
                   INVALID);
    expect_refused((struct request){.path = "/metrics",
                                    .method = "HEAD",
                                    .headers = {"Authorization: Bearer x"}},
                   INVALID);
    struct text longest = {0};
    text_printf(&longest, "Authorization: Bearer ");
    text_repeat(&longest, "sesame", 5000);
    expect_refused((struct request){.body = good_body, .headers = {longest.bytes}}, INVALID);
    text_free(&longest);
}

static void paths_without_secrets_need_no_token(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path;
        int status;
    } rows[] = {{"GET", "/healthz", 200},      {"GET", "/readyz", 200},
                {"GET", "/openapi.yaml", 200}, {"HEAD", "/healthz", 200},
                {"HEAD", "/readyz", 200},      {"HEAD", "/openapi.yaml", 200},
                {"OPTIONS", "/mse", 204},      {"OPTIONS", "/metrics", 204},
                {"OPTIONS", "/healthz", 204},  {"OPTIONS", "/openapi.yaml", 204}};
    static const char *const headers[] = {NULL, "Authorization: Bearer wrong",
                                          "Authorization: Basic eDp5"};
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t j = 0; j < COUNT(headers); j++) {
            response_expect_status(client_send(&client, (struct request){.method = rows[i].method,
                                                                         .path = rows[i].path,
                                                                         .headers = {headers[j]}}),
                                   rows[i].status);
        }
    }
}

static void the_token_is_checked_after_the_method_and_before_the_body(void **state)
{
    (void)state;
    static const struct {
        struct request request;
        int status;
        const char *slug;
    } rows[] = {
        {{.path = "/nowhere"}, 404, "not-found"},
        {{.path = "/mse", .method = "GET"}, 405, "method-not-allowed"},
        {{.path = "/metrics", .method = "DELETE"}, 405, "method-not-allowed"},
        {{.body = good_body, .content_type = "text/csv"}, 401, "unauthorized"},
        {{.body = good_body, .accept = "text/csv"}, 401, "unauthorized"},
        {{.body = "{"}, 401, "unauthorized"},
        {{.body = "{}", .chunked = true, .headers = {"Expect:"}}, 401, "unauthorized"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        response_expect_problem(client_send(&client, rows[i].request), rows[i].status, rows[i].slug,
                                NULL, -1);
        expect_let_in("Authorization: Bearer sesame");
        if (!rows[i].request.chunked) assert_int_equal(client.connections, 1);
    }
    static const char *const heads[] = {
        "Content-Length: 10\r\nExpect: 100-continue\r\n", /* before 100 */
        "Content-Length: 1099511627776\r\n",              /* before 413 */
    };
    for (size_t i = 0; i < COUNT(heads); i++) {
        struct wire wire;
        wire_connect(&wire, &service);
        wire_print(&wire, "POST /mse HTTP/1.1\r\nHost: a\r\n%s\r\n", heads[i]);
        response_expect_problem(wire_response(&wire, false), 401, "unauthorized", NULL, -1);
        wire_close(&wire);
    }
}

static void tokens_change_at_a_signal_on_connections_that_are_open(void **state)
{
    (void)state;
    struct service changing;
    struct client kept;
    const char *const tokens[] = {"Authorization: Bearer sesame", "Authorization: Bearer new"};
    service_start(&changing, protected);
    client_init(&kept, &changing);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 2; i++) {
            response_expect_status(
                client_send(&kept, (struct request){.body = good_body, .headers = {tokens[i]}}),
                i == round % 2 ? 200 : 401);
        }
        folder_write_text(token_file, round % 2 ? "sesame\nopen-sesame\n" : "new\n");
        service_signal(&changing, SIGHUP);
        service_await_line(&changing, "tokens reloaded");
    }
    assert_int_equal(kept.connections, 1);
    client_free(&kept);
    service_close(&changing);
}

static void an_unusable_file_leaves_the_tokens(void **state)
{
    (void)state;
    struct service changing;
    struct client kept;
    folder_write_text(token_file, "sesame\n");
    service_start(&changing, protected);
    client_init(&kept, &changing);
    static const char *const useless[] = {"", "new\nnot one\n", NULL};
    for (size_t i = 0; i < COUNT(useless); i++) {
        if (useless[i]) folder_write_text(token_file, useless[i]);
        if (!useless[i]) remove(token_file);
        service_signal(&changing, SIGHUP);
        service_await_line(&changing, token_file);
        service_await_line(&changing, "tokens not reloaded");
        response_expect(
            client_send(&kept, (struct request){.body = good_body,
                                                .headers = {"Authorization: Bearer sesame"}}),
            good_response);
    }
    client_free(&kept);
    service_close(&changing);
    folder_write_text(token_file, "sesame\nopen-sesame\n");
}

static void a_signal_changes_nothing_without_a_file(void **state)
{
    (void)state;
    struct service plain;
    struct client kept;
    service_start(&plain, NULL);
    client_init(&kept, &plain);
    client_expect(&kept, good_body, good_response);
    service_signal(&plain, SIGHUP);
    service_await_line(&plain, "there are no files to reload");
    client_expect(&kept, good_body, good_response);
    assert_int_equal(kept.connections, 1);
    client_free(&kept);
    service_close(&plain);
}

/* All that a server with these options logs until it has stopped, NUL-terminated; the caller frees
 * it. Between start and stop, if it is to be asked, it is, with a right, a wrong and no token, and
 * by targets that hold one. */
static struct text log_of(const char *const *options, bool asked)
{
    static const char *const headers[] = {"Authorization: Bearer sesame",
                                          "Authorization: Bearer wrong-sesame", NULL};
    /* where clients have been seen to put what no other should see */
    static const char *const targets[] = {"/metrics?token=sesame",
                                          "/nowhere?sesame",
                                          "http://user:sesame@a/metrics",
                                          "http://user:a%2Fsesame@a/metrics?sesame",
                                          "http://sesame@a",
                                          "http%3A%2F%2Fuser:a%2Fsesame@a/metrics",
                                          "sesame@a:80",
                                          "%2Fsesame"};
    struct service logging;
    struct client asking;
    struct text log = {0};
    char piece[4096];
    ssize_t length;
    service_start(&logging, options);
    client_init(&asking, &logging);
    for (size_t i = 0; asked && i < COUNT(headers); i++) {
        struct response response =
            client_send(&asking, (struct request){.body = good_body, .headers = {headers[i]}});
        assert_null(strstr(response.body.bytes, "sesame"));
        assert_null(strstr(response.headers.bytes, "sesame"));
        response_free(&response);
    }
    client_free(&asking);
    for (size_t i = 0; asked && i < COUNT(targets); i++) {
        struct wire wire;
        wire_connect(&wire, &logging);
        wire_print(&wire, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", targets[i]);
        struct response response = wire_response(&wire, false);
        response_free(&response);
        wire_close(&wire);
    }
    service_signal(&logging, SIGHUP);
    service_signal(&logging, SIGTERM);
    while ((length = read(logging.log, piece, sizeof piece)) > 0)
        text_append(&log, piece, (size_t)length);
    assert_int_equal(service_wait(&logging), 0);
    text_append(&log, "", 0);
    return log;
}

static void the_log_never_holds_a_token(void **state)
{
    (void)state;
    static const char *const formats[] = {"text", "json"};
    for (size_t i = 0; i < COUNT(formats); i++) {
        struct text log = log_of((const char *[]){"--token-file", token_file, "--access-log",
                                                  "--log-format", formats[i], NULL},
                                 true);
        assert_non_null(strstr(log.bytes, "/mse"));
        assert_non_null(strstr(log.bytes, "401"));
        assert_null(strstr(log.bytes, "sesame"));
        text_free(&log);
    }
}

static void tokens_that_others_may_read_are_warned_of(void **state)
{
    (void)state;
    static const char unencrypted[] = "warning: tokens cross the network unencrypted";
    static const char readable[] = "warning: the file of --token-file is readable by every user";
    static const struct {
        const char *address;
        bool warned;
    } rows[] = {{"127.0.0.1:0", false}, {"127.1.2.3:0", false}, {"0.0.0.0:0", true}};
    char certificate_file[FOLDER_PATH_MAX + 8];
    char key_file[FOLDER_PATH_MAX + 8];
    struct certificate certificate;
    for (size_t i = 0; i < COUNT(rows); i++) {
        chmod(token_file, i ? 0600 : 0644);
        struct text log =
            log_of((const char *[]){"--token-file", token_file, "--listen", rows[i].address,
                                    "--allow-old-libmicrohttpd", NULL},
                   true);
        assert_int_equal(strstr(log.bytes, unencrypted) != NULL, rows[i].warned);
        assert_int_equal(strstr(log.bytes, readable) != NULL, i == 0);
        text_free(&log);
    }
    snprintf(certificate_file, sizeof certificate_file, "%s/cert", folder);
    snprintf(key_file, sizeof key_file, "%s/key", folder);
    certificate_make(&certificate, GNUTLS_PK_ECDSA, NULL);
    certificate_write_pair(certificate_file, key_file, &certificate);
    certificate_free(&certificate);
    struct text log = log_of((const char *[]){"--token-file", token_file, "--listen", "0.0.0.0:0",
                                              "--allow-old-libmicrohttpd", "--tls-cert",
                                              certificate_file, "--tls-key", key_file, NULL},
                             false);
    assert_null(strstr(log.bytes, unencrypted));
    assert_null(strstr(log.bytes, readable));
    text_free(&log);
}

static void a_server_does_not_start_with_an_unusable_file(void **state)
{
    (void)state;
    char bad_file[FOLDER_PATH_MAX + 8];
    snprintf(bad_file, sizeof bad_file, "%s/bad", folder);
    static const struct {
        const char *text, *said;
    } rows[] = {{NULL, "cannot be read"},
                {"", "holds no token"},
                {"# none\n", "holds no token"},
                {"a\nb c\n", "line 2"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        char out[1024];
        char error[1024];
        if (rows[i].text) folder_write_text(bad_file, rows[i].text);
        assert_int_equal(
            service_run((const char *[]){"--token-file", bad_file, NULL}, out, error, sizeof out),
            2);
        assert_string_equal(out, "");
        assert_ptr_equal(strchr(error, '\n'), error + strlen(error) - 1);
        assert_non_null(strstr(error, "--token-file"));
        assert_non_null(strstr(error, bad_file));
        if (!strstr(error, rows[i].said)) fail_msg("no \"%s\" in %s", rows[i].said, error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_with_a_token_is_served),
        cmocka_unit_test(a_request_without_a_token_is_challenged),
        cmocka_unit_test(a_wrong_token_is_an_invalid_one),
        cmocka_unit_test(paths_without_secrets_need_no_token),
        cmocka_unit_test(the_token_is_checked_after_the_method_and_before_the_body),
        cmocka_unit_test(tokens_change_at_a_signal_on_connections_that_are_open),
        cmocka_unit_test(an_unusable_file_leaves_the_tokens),
        cmocka_unit_test(a_signal_changes_nothing_without_a_file),
        cmocka_unit_test(the_log_never_holds_a_token),
        cmocka_unit_test(tokens_that_others_may_read_are_warned_of),
        cmocka_unit_test(a_server_does_not_start_with_an_unusable_file),
    };
    return cmocka_run_group_tests_name("test_bearer", tests, open_service, close_service);
}
