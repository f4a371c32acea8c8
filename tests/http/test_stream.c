/* test_stream.c - a response depends neither on the size of a request nor on how its body is cut.
 * For any running server. */
#include "support/random.h"
#include "support/rational.h"
#include "support/suite.h"
#include "support/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t random_state = 1;

/* ---- large requests */

/* Reads a number where *text stands and moves past it and the byte behind it. */
static double next_number(const char **text)
{
    char *end;
    double value = strtod(*text, &end);
    if (end == *text) fail_msg("no number where %.20s stands", *text);
    *text = end + 1;
    return value;
}

static void skip_text(const char **text, const char *expected)
{
    if (strncmp(*text, expected, strlen(expected)) != 0)
        fail_msg("%.40s stands for %s", *text, expected);
    *text += strlen(expected);
}

static void expect_large(size_t n, bool chunked)
{
    double *predictions = malloc(n * sizeof *predictions);
    double *targets = malloc(n * sizeof *targets);
    double *gradient = malloc(n * sizeof *gradient);
    double loss;
    struct text body = {0};
    assert_true(predictions && targets && gradient);
    for (size_t i = 0; i < n; i++) {
        predictions[i] = 2 * random_unit(&random_state) - 1;
        targets[i] = 2 * random_unit(&random_state) - 1;
    }
    text_printf(&body, "{\"predictions\":");
    text_tensor(&body, predictions, &n, 1, text_exact);
    text_printf(&body, ",\"targets\":");
    text_tensor(&body, targets, &n, 1, text_exact);
    text_printf(&body, "}");
    loss = rational_loss(predictions, targets, NULL, n, MSE_MEAN);
    rational_gradient(predictions, targets, NULL, n, MSE_MEAN, gradient);

    struct response response =
        client_send(&suite_client, (struct request){.body = body.bytes,
                                                    .length = body.length,
                                                    .content_type = "application/json",
                                                    .chunked = chunked});
    assert_int_equal(response.status, 200);
    const char *text = response.body.bytes;
    skip_text(&text, "{\"loss\":");
    assert_true(next_number(&text) == loss);
    skip_text(&text, "\"gradients\":{\"predictions\":[");
    for (size_t i = 0; i < n; i++) assert_true(next_number(&text) == gradient[i]);
    skip_text(&text, ",\"targets\":[");
    for (size_t i = 0; i < n; i++) assert_true(next_number(&text) == -gradient[i]);
    assert_string_equal(text, "}}");
    response_free(&response);
    text_free(&body);
    free(predictions);
    free(targets);
    free(gradient);
}

static void requests_of_any_size_get_whole_responses(void **state)
{
    (void)state;
    static const size_t sizes[] = {100, 1000, 2047, 2048, 2049, 10000, 100000};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        expect_large(sizes[i], false);
        expect_large(sizes[i], true);
    }
}

static void a_million_elements_get_a_whole_response(void **state)
{
    (void)state;
    expect_large(1000000, true);
}

/* ---- the same body in other pieces */

static const char *const cut_bodies[] = {
    ("{ \"predictions\": [-1.25e+1, "
     "0.1],\"t\\u0061rgets\":[[0]],\"\xE2\x82\xAC\\ud83d\\ude00\":true , "
     "\"gradients\":[]}"),
    "{\"predictions\": [[-1.25e+1, 2.5], [0.1,7]], \"targets\":[[1,2],[3,4e-1]], "
    "\"reduction\":\"\\u0073um\"} ",
    "{\"predictions\": [1, 2], \"targets\": [0, 0e+], \"weights\": [1, 2]}",
    "{\"predictions\": [1, 2], \"targets\": [0, 0], \"targets\": [1, 2]}",
    "{\"predictions\": [1, 1e999], \"targets\": [0, \"\xC3\xA9\"], \"bogus\": [1, null]}",
};

static void send_head(struct wire *wire, const char *framing)
{
    wire_print(wire,
               "POST /mse HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n%s\r\n\r\n",
               framing);
}

static void expect_response(struct wire *wire, const struct response *expected)
{
    struct response response = wire_response(wire, false);
    assert_int_equal(response.status, expected->status);
    assert_string_equal(response.body.bytes, expected->body.bytes);
    response_free(&response);
}

/* Every piece is of this size, but the first, which has first bytes. */
static void send_chunks(struct wire *wire, const char *body, size_t first, size_t size)
{
    size_t length = strlen(body);
    send_head(wire, "Transfer-Encoding: chunked");
    for (size_t at = 0, piece = first; at < length; at += piece, piece = size) {
        if (piece > length - at) piece = length - at;
        if (piece > 0) wire_chunk(wire, body + at, piece);
    }
    wire_chunk(wire, "", 0);
}

static void a_response_does_not_depend_on_how_the_body_is_cut(void **state)
{
    (void)state;
    struct wire wire;
    wire_connect(&wire, &suite_service);
    for (size_t i = 0; i < COUNT(cut_bodies); i++) {
        const char *body = cut_bodies[i];
        size_t length = strlen(body);
        char framing[64];
        struct response expected = client_post(&suite_client, body);
        snprintf(framing, sizeof framing, "Content-Length: %zu", length);
        for (size_t cut = 0; cut <= length; cut++) {
            send_chunks(&wire, body, cut, length);
            expect_response(&wire, &expected);
            suite_go_on(&wire);
            send_head(&wire, framing);
            wire_send(&wire, body, cut);
            wire_send(&wire, body + cut, length - cut);
            expect_response(&wire, &expected);
        }
        for (size_t size = 1; size <= length; size++) {
            send_chunks(&wire, body, size, size);
            expect_response(&wire, &expected);
            suite_go_on(&wire);
        }
        send_head(&wire, framing);
        for (size_t at = 0; at < length; at++) wire_send(&wire, body + at, 1);
        expect_response(&wire, &expected);
        response_free(&expected);
    }
    wire_close(&wire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_of_any_size_get_whole_responses),
        cmocka_unit_test(a_million_elements_get_a_whole_response),
        cmocka_unit_test(a_response_does_not_depend_on_how_the_body_is_cut),
    };
    return cmocka_run_group_tests_name("test_stream", tests, suite_open, suite_close);
}
