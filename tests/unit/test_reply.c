/* test_mse_reply.c - jobs that are done -> the text of their answers, however it is cut into
 * pieces. */
#include "loss/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct tensor_budget budget = {.limit = 1 << 24};

static void read_text(const char *text, struct request *request)
{
    static struct json_reader reader;
    struct problem problem;
    json_reader_init(&reader, &budget);
    json_reader_feed(&reader, text, strlen(text));
    assert_int_equal(json_reader_finish(&reader), JSON_READER_DONE);
    if (!request_read(request, &reader, &problem)) fail_msg("%s: %s", text, problem.detail);
    json_reader_free(&reader);
}

/* The text of an answer, in pieces of at most room bytes where it is produced; frees the answer. */
static char *text_of(struct response *answer, size_t room)
{
    if (answer->next == NULL) {
        char *whole = strndup(answer->text, answer->length);
        free(answer->text);
        return whole;
    }
    char *piece = malloc(room);
    char *text = NULL;
    size_t length = 0;
    size_t written;
    while ((written = answer->next(answer->source, piece, room)) > 0) {
        assert_true(written <= room);
        text = realloc(text, length + written + 1);
        memcpy(text + length, piece, written);
        length += written;
        text[length] = '\0';
    }
    answer->release(answer->source);
    free(piece);
    return text;
}

static char *reply_to(const char *text, size_t room)
{
    struct request request;
    struct job job;
    struct response answer;
    struct problem problem;
    enum job_status status;
    read_text(text, &request);
    job_init(&job, &request);
    while ((status = job_step(&job, &problem)) == JOB_MORE) continue;
    if (status != JOB_DONE) fail_msg("%s: %s", text, problem.detail);
    assert_true(reply_answer(&job, &answer));
    job_free(&job);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.media_type, "application/json");
    char *reply = text_of(&answer, room);
    assert_int_equal(atomic_load(&budget.used), 0);
    return reply;
}

static void a_reply_has_exactly_what_was_asked_for_in_order(void **state)
{
#define INPUT "\"predictions\":[0.5,1.5],\"targets\":[0.0,2.0],\"weights\":[1,3]"
    static const char *const rows[][2] = {
        {"{" INPUT "}",
         "{\"loss\":0.25,\"gradients\":{\"predictions\":[0.25,-0.75],\"targets\":[-0.25,0.75]}}"},
        {"{" INPUT ",\"gradients\":[\"targets\",\"predictions\"]}",
         "{\"loss\":0.25,\"gradients\":{\"predictions\":[0.25,-0.75],\"targets\":[-0.25,0.75]}}"},
        {"{" INPUT ",\"gradients\":[\"predictions\"]}",
         "{\"loss\":0.25,\"gradients\":{\"predictions\":[0.25,-0.75]}}"},
        {"{" INPUT ",\"gradients\":[\"targets\"]}",
         "{\"loss\":0.25,\"gradients\":{\"targets\":[-0.25,0.75]}}"},
        {"{" INPUT ",\"gradients\":[]}", "{\"loss\":0.25}"},
        {"{" INPUT ",\"reduction\":\"sum\"}",
         "{\"loss\":1,\"gradients\":{\"predictions\":[1,-3],\"targets\":[-1,3]}}"},
        {"{" INPUT ",\"reduction\":\"none\"}",
         "{\"loss\":[0.25,0.75],\"gradients\":{\"predictions\":[1,-3],\"targets\":[-1,3]}}"},
        {"{" INPUT ",\"reduction\":\"none\",\"gradients\":[]}", "{\"loss\":[0.25,0.75]}"},
        {"{\"predictions\":[[[1],[2]],[[3],[4]],[[5],[6]]],\"targets\":[[[1],[2]],[[3],[4]],[[5],["
         "7]]],"
         "\"reduction\":\"none\"}",
         "{\"loss\":[[[0],[0]],[[0],[0]],[[0],[1]]],\"gradients\":{\"predictions\":[[[0],[0]],[[0],"
         "[0]],[[0],[-2]]],"
         "\"targets\":[[[0],[0]],[[0],[0]],[[0],[2]]]}}"},
        {"{\"predictions\":[[1,2,3]],\"targets\":[[1,2,4]],\"gradients\":[\"targets\"],"
         "\"reduction\":\"sum\"}",
         "{\"loss\":1,\"gradients\":{\"targets\":[[0,0,2]]}}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *reply = reply_to(rows[i][0], 1024);
        assert_string_equal(reply, rows[i][1]);
        free(reply);
    }
}

/* A request of rows x columns numbers that print long. */
static char *large_request(size_t rows, size_t columns, const char *reduction)
{
    char *text = malloc(rows * columns * 60 + rows * 8 + 200);
    char *p = text;
    for (int member = 0; member < 2; member++) {
        p += sprintf(p, "%s\"%s\":[", member == 0 ? "{" : ",",
                     member == 0 ? "predictions" : "targets");
        for (size_t i = 0; i < rows; i++) {
            p += sprintf(p, "%s[", i == 0 ? "" : ",");
            for (size_t j = 0; j < columns; j++) {
                double value =
                    (double)((i * columns + j) * 7919 % 10007) / (member == 0 ? 3e-100 : 7.0);
                p += sprintf(p, "%s%.17g", j == 0 ? "" : ",", value);
            }
            p = stpcpy(p, "]");
        }
        p = stpcpy(p, "]");
    }
    sprintf(p, ",\"reduction\":\"%s\"}", reduction);
    return text;
}

static void a_long_reply_is_the_same_in_pieces_of_any_size(void **state)
{
    (void)state;
    char *request = large_request(60, 50, "mean");
    char *whole = reply_to(request, 1 << 20);
    assert_int_equal(strncmp(whole, "{\"loss\":", 8), 0);
    assert_string_equal(whole + strlen(whole) - 4, "]]}}");
    for (size_t room = RESPONSE_ROOM_MIN; room < 400; room += 7) {
        char *pieces = reply_to(request, room);
        assert_string_equal(pieces, whole);
        free(pieces);
    }
    free(whole);
    free(request);
}

static void the_deepest_nesting_is_written_as_it_was_read(void **state)
{
    char request[512];
    char expected[512];
    char open[33] = "";
    char close[33] = "";
    (void)state;
    memset(open, '[', 32);
    memset(close, ']', 32);
    snprintf(request, sizeof request,
             "{\"predictions\":%s1.5,2%s,\"targets\":%s0,0%s,\"reduction\":\"none\"}", open, close,
             open, close);
    snprintf(expected, sizeof expected,
             "{\"loss\":%s2.25,4%s,\"gradients\":{\"predictions\":%s3,4%s,\"targets\":%s-3,-4%s}}",
             open, close, open, close, open, close);
    char *reply = reply_to(request, 128);
    assert_string_equal(reply, expected);
    free(reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reply_has_exactly_what_was_asked_for_in_order),
        cmocka_unit_test(a_long_reply_is_the_same_in_pieces_of_any_size),
        cmocka_unit_test(the_deepest_nesting_is_written_as_it_was_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
