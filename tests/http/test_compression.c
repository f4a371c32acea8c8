/* test_compression.c - compressed requests and responses, and bombs. Starts servers of its own. */
#include "support/certificate.h"
#include "support/client.h"
#include "support/cmocka_all.h"
#include "support/folder.h"
#include "support/wire.h"
#include "support/zipped.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

static const char gzip[] = "Content-Encoding: gzip";
static const char deflate[] = "Content-Encoding: deflate";

static const char *const compressing[] = {"--compress", NULL};

static void ask_for_gzip(CURL *curl)
{
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "gzip");
}

static void ask_for_deflate(CURL *curl)
{
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "deflate");
}

static bool has_header(const struct response *response, const char *name)
{
    char value[64];
    return response_header(response, name, value, sizeof value);
}

/* A request of n elements with many digits each, in the coding or plain. */
static void print_elements(struct text *body, size_t n)
{
    text_printf(body, "{\"predictions\":[0.1");
    for (size_t i = 1; i < n; i++) text_printf(body, ",%.17g", (double)i / 7);
    text_printf(body, "],\"targets\":[0");
    for (size_t i = 1; i < n; i++) text_printf(body, ",%zu", i % 10);
    text_printf(body, "]}");
}

/* ---- requests */

static void expect_same(struct client *client, const struct text *plain, const char *expected)
{
    for (int coding = 0; coding < 2; coding++) {
        struct text zipped = {0};
        zipped_append(&zipped, coding == 0 ? ZIPPED_GZIP : ZIPPED_DEFLATE, 1, plain->bytes,
                      plain->length);
        for (int chunked = 0; chunked <= 1; chunked++) {
            response_expect(
                client_send(client, (struct request){.body = zipped.bytes,
                                                     .length = zipped.length,
                                                     .chunked = chunked,
                                                     .headers = {coding == 0 ? gzip : deflate}}),
                expected);
        }
        text_free(&zipped);
    }
}

static void a_compressed_request_has_the_response_of_the_plain_one(void **state)
{
    (void)state;
    struct service service;
    struct client client;
    service_open(&service);
    client_init(&client, &service);
    for (size_t n = 1; n <= 100000; n *= 10) {
        struct text plain = {0};
        print_elements(&plain, n);
        struct response response = client_send(&client, (struct request){.body = plain.bytes});
        assert_int_equal(response.status, 200);
        expect_same(&client, &plain, response.body.bytes);
        response_free(&response);
        text_free(&plain);
    }
    if (!client_has_old_library(&client)) assert_int_equal(client.connections, 1);
    client_free(&client);
    service_close(&service);
}

static void members_of_gzip_are_one_body(void **state)
{
    (void)state;
    struct service service;
    struct client client;
    struct text zipped = {0};
    service_open(&service);
    client_init(&client, &service);
    for (const char *byte = good_body; *byte != '\0'; byte++)
        zipped_append(&zipped, ZIPPED_GZIP, 9, byte, 1);
    response_expect(client_send(&client, (struct request){.body = zipped.bytes,
                                                          .length = zipped.length,
                                                          .headers = {"Content-Encoding: x-gzip"}}),
                    good_response);
    text_free(&zipped);
    client_free(&client);
    service_close(&service);
}

static struct response send_cut(struct client *client, const struct text *zipped, size_t length)
{
    return client_send(
        client, (struct request){.body = zipped->bytes, .length = length, .headers = {gzip}});
}

static void a_damaged_body_is_refused_and_the_connection_kept(void **state)
{
    (void)state;
    struct service service;
    struct client client;
    struct text zipped = {0};
    service_open(&service);
    client_init(&client, &service);
    zipped_append(&zipped, ZIPPED_GZIP, 9, good_body, strlen(good_body));
    for (size_t length = 1; length < zipped.length; length++) {
        response_expect_problem(send_cut(&client, &zipped, length), 400, "damaged-encoding", NULL,
                                -1);
    }
    response_expect(send_cut(&client, &zipped, zipped.length), good_response);
    text_append(&zipped, "x", 1);
    response_expect_problem(send_cut(&client, &zipped, zipped.length), 400, "damaged-encoding",
                            NULL, -1);
    assert_int_equal(client.connections, 1);
    text_free(&zipped);
    client_free(&client);
    service_close(&service);
}

/* An offset is one of what the client has compressed. */
static void a_problem_of_the_text_stands_where_it_was_before_compression(void **state)
{
    static const char text[] = "                                        {\"predictions\":[1,]}";
    (void)state;
    struct service service;
    struct client client;
    struct text zipped = {0};
    service_open(&service);
    client_init(&client, &service);
    zipped_append(&zipped, ZIPPED_GZIP, 9, text, strlen(text));
    response_expect_problem(send_cut(&client, &zipped, zipped.length), 400, "malformed-json", NULL,
                            (long)strlen(text) - 2);
    text_free(&zipped);
    client_free(&client);
    service_close(&service);
}

static void another_coding_is_refused_with_those_there_are(void **state)
{
    static const char *const others[] = {"Content-Encoding: br", "Content-Encoding: zstd",
                                         "Content-Encoding: gzip, gzip",
                                         "Content-Encoding: deflate,gzip"};
    (void)state;
    struct service service;
    struct client client;
    service_open(&service);
    client_init(&client, &service);
    for (size_t i = 0; i < COUNT(others); i++) {
        struct response response =
            client_send(&client, (struct request){.body = good_body, .headers = {others[i]}});
        response_is_problem(&response, 415, "unsupported-media-type", NULL, -1);
        response_has_header(&response, "Accept-Encoding", "gzip, deflate");
        response_free(&response);
    }
    response_expect(client_send(&client, (struct request){.body = good_body,
                                                          .headers = {"Content-Encoding: "
                                                                      "identity"}}),
                    good_response);
    /* GET has no body that could be of a coding */
    response_expect_status(
        client_send(&client, (struct request){.path = "/healthz", .headers = {others[0]}}), 200);
    client_free(&client);
    service_close(&service);
}

static void bytes_are_counted_as_they_came_and_as_they_were_meant(void **state)
{
    (void)state;
    struct service service;
    struct client client;
    struct text zipped = {0};
    service_start(&service, NULL);
    client_init(&client, &service);
    zipped_append(&zipped, ZIPPED_GZIP, 0, good_body, strlen(good_body));
    response_expect(send_cut(&client, &zipped, zipped.length), good_response);
    client_expect(&client, good_body, good_response);
    assert_int_equal(client_metric(&client, "mse_http_request_bytes_total"),
                     zipped.length + strlen(good_body));
    assert_int_equal(client_metric(&client, "mse_http_request_decoded_bytes_total"),
                     2 * strlen(good_body));
    text_free(&zipped);
    client_free(&client);
    service_close(&service);
}

/* ---- bombs */

static void start_post(struct wire *wire, const struct service *service, size_t length)
{
    wire_connect(wire, service);
    wire_print(wire, "POST /mse HTTP/1.1\r\nHost: a\r\n%s\r\nContent-Length: %zu\r\n\r\n", gzip,
               length);
}

static void bombs_cost_neither_memory_nor_other_requests(void **state)
{
    enum { BOMBS = 30, EACH_MAX = 128 << 10 };
    (void)state;
    struct service service;
    struct client client;
    struct wire wires[BOMBS];
    struct text bomb = {0};
    zipped_append_bomb(&bomb, ZIPPED_GZIP, '\0', (size_t)1 << 30);
    service_start(&service, (const char *const[]){"--max-body", "1M", "--threads", "1", NULL});
    client_init(&client, &service);
    for (size_t i = 0; i < BOMBS; i++) {
        start_post(&wires[i], &service, bomb.length);
        wire_send(&wires[i], bomb.bytes, bomb.length - 1);
    }
    client_expect(&client, good_body, good_response);
    assert_in_range(client_metric(&client, "mse_tensor_memory_bytes"), 0, BOMBS * EACH_MAX);
    for (size_t i = 0; i < BOMBS; i++) {
        wire_send(&wires[i], bomb.bytes + bomb.length - 1, 1);
        struct response response = wire_response(&wires[i], false);
        response_is_problem(&response, 413, "body-too-large", NULL, -1);
        assert_non_null(strstr(response.body.bytes, "decompressed"));
        response_free(&response);
        wire_post(&wires[i], "", good_body); /* its connection serves on */
        response_expect(wire_response(&wires[i], false), good_response);
        wire_close(&wires[i]);
    }
    assert_int_equal(client_metric(&client, "mse_tensor_memory_bytes"), 0);
    assert_in_range(client_metric(&client, "mse_http_request_decoded_bytes_total"),
                    (size_t)BOMBS << 20, (size_t)BOMBS * ((1 << 20) + (1 << 17)));
    text_free(&bomb);
    client_free(&client);
    service_close(&service);
}

static bool has_come(const struct wire *wire)
{
    struct pollfd poll_for = {.fd = wire->socket, .events = POLLIN};
    return poll(&poll_for, 1, 0) == 1;
}

/* One event loop, and a body that is a thousand times as long as what is sent of it. */
static void a_bomb_that_is_within_the_limit_lets_others_be_served(void **state)
{
    enum { STEPS = 1024, SERVED_MIN = 50 };
    (void)state;
    struct service service;
    struct client client;
    struct wire wire;
    struct text bomb = {0};
    unsigned served = 0;
    zipped_append_bomb(&bomb, ZIPPED_GZIP, ' ', (size_t)STEPS * 256 << 10);
    service_start(&service, (const char *const[]){"--max-body", "1G", "--threads", "1", NULL});
    client_init(&client, &service);
    client_expect(&client, good_body, good_response);
    start_post(&wire, &service, bomb.length);
    wire_send(&wire, bomb.bytes, bomb.length);
    for (; !has_come(&wire); served++) client_expect(&client, good_body, good_response);
    response_expect_problem(wire_response(&wire, false), 400, "malformed-json", NULL,
                            (long)STEPS * 256 << 10);
    assert_true(served >= SERVED_MIN);
    wire_close(&wire);
    text_free(&bomb);
    client_free(&client);
    service_close(&service);
}

/* ---- responses */

static void a_response_is_compressed_as_the_client_asks(void **state)
{
    (void)state;
    struct service service;
    struct client client;
    service_start(&service, compressing);
    client_init(&client, &service);
    for (size_t n = 100; n <= 100000; n *= 10) {
        struct text body = {0};
        print_elements(&body, n);
        client.configure = NULL;
        struct response plain = client_post(&client, body.bytes);
        assert_false(has_header(&plain, "Content-Encoding"));
        response_has_header(&plain, "Vary", "Accept-Encoding");
        for (int coding = 0; coding < 2; coding++) {
            client.configure = coding == 0 ? ask_for_gzip : ask_for_deflate;
            struct response response = client_post(&client, body.bytes);
            response_has_header(&response, "Content-Encoding", coding == 0 ? "gzip" : "deflate");
            response_has_header(&response, "Vary", "Accept-Encoding");
            response_is(&response, plain.body.bytes);
            response_free(&response);
            expect_same(&client, &body, plain.body.bytes);
        }
        response_free(&plain);
        text_free(&body);
    }
    if (!client_has_old_library(&client)) assert_int_equal(client.connections, 1);
    assert_true(client_metric(&client, "mse_tensor_memory_bytes") == 0);
    client_free(&client);
    service_close(&service);
}

static void small_responses_errors_and_metadata_are_not_compressed(void **state)
{
    static const char *const paths[] = {"/openapi.yaml", "/metrics", "/healthz"};
    (void)state;
    struct service service;
    struct client client;
    service_start(&service, compressing);
    client_init(&client, &service);
    client.configure = ask_for_gzip;
    struct response small = client_post(&client, good_body);
    assert_false(has_header(&small, "Content-Encoding"));
    response_has_header(&small, "Vary", "Accept-Encoding");
    response_expect(small, good_response);
    struct response error = client_post(&client, "{");
    assert_false(has_header(&error, "Content-Encoding"));
    assert_false(has_header(&error, "Vary"));
    response_expect_problem(error, 400, "malformed-json", NULL, 1);
    for (size_t i = 0; i < COUNT(paths); i++) {
        struct response response = client_send(&client, (struct request){.path = paths[i]});
        assert_int_equal(response.status, 200);
        assert_false(has_header(&response, "Content-Encoding"));
        assert_false(has_header(&response, "Vary"));
        response_free(&response);
    }
    client_free(&client);
    service_close(&service);
}

static void nothing_is_compressed_unless_the_operator_says_so(void **state)
{
    (void)state;
    struct service service;
    struct client client;
    struct text body = {0};
    print_elements(&body, 1000);
    service_start(&service, NULL);
    client_init(&client, &service);
    client.configure = ask_for_gzip;
    struct response response = client_post(&client, body.bytes);
    assert_int_equal(response.status, 200);
    assert_false(has_header(&response, "Content-Encoding"));
    assert_false(has_header(&response, "Vary"));
    response_free(&response);
    text_free(&body);
    client_free(&client);
    service_close(&service);
}

static char certificate_file[FOLDER_PATH_MAX + 8];

static void ask_for_gzip_over_tls(CURL *curl)
{
    curl_easy_setopt(curl, CURLOPT_CAINFO, certificate_file);
    ask_for_gzip(curl);
}

static void both_ways_are_compressed_over_tls(void **state)
{
    char folder[FOLDER_PATH_MAX];
    char key_file[FOLDER_PATH_MAX + 8];
    (void)state;
    struct service service;
    struct client client;
    struct certificate certificate;
    struct text body = {0};
    folder_make(folder);
    snprintf(certificate_file, sizeof certificate_file, "%s/cert", folder);
    snprintf(key_file, sizeof key_file, "%s/key", folder);
    certificate_make(&certificate, GNUTLS_PK_ECDSA, NULL);
    certificate_write_pair(certificate_file, key_file, &certificate);
    service_start(&service, (const char *const[]){"--compress", "--tls-cert", certificate_file,
                                                  "--tls-key", key_file, NULL});
    snprintf(service.url, sizeof service.url, "https://%s:%s", service.host, service.port);
    client_init(&client, &service);
    client.configure = ask_for_gzip_over_tls;
    print_elements(&body, 10000);
    struct response response = client_post(&client, body.bytes);
    response_has_header(&response, "Content-Encoding", "gzip");
    expect_same(&client, &body, response.body.bytes);
    response_free(&response);
    text_free(&body);
    client_free(&client);
    service_close(&service);
    certificate_free(&certificate);
    folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_compressed_request_has_the_response_of_the_plain_one),
        cmocka_unit_test(members_of_gzip_are_one_body),
        cmocka_unit_test(a_damaged_body_is_refused_and_the_connection_kept),
        cmocka_unit_test(a_problem_of_the_text_stands_where_it_was_before_compression),
        cmocka_unit_test(another_coding_is_refused_with_those_there_are),
        cmocka_unit_test(bytes_are_counted_as_they_came_and_as_they_were_meant),
        cmocka_unit_test(bombs_cost_neither_memory_nor_other_requests),
        cmocka_unit_test(a_bomb_that_is_within_the_limit_lets_others_be_served),
        cmocka_unit_test(a_response_is_compressed_as_the_client_asks),
        cmocka_unit_test(small_responses_errors_and_metadata_are_not_compressed),
        cmocka_unit_test(nothing_is_compressed_unless_the_operator_says_so),
        cmocka_unit_test(both_ways_are_compressed_over_tls),
    };
    return cmocka_run_group_tests_name("test_compression", tests, NULL, NULL);
}
