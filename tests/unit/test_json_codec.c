/* test_json_codec.c - documents -> requests, or problems that say what is wrong; results ->
 * documents, however they are cut into pieces. */
#include "loss/json_codec.h"
#include "loss/json_problem.h"
#include "loss/partial.h"
#include "support/decode.h"
#include "json/json_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct tensor_budget budget = {.limit = 1 << 24};

static bool decode(const char *text, struct request *request, struct problem *problem)
{
    return decode_request(text, &budget, request, problem);
}

/* ---- requests */

static void mean_and_both_gradients_are_the_default(void **state)
{
    struct request request;
    struct problem problem;
    (void)state;
    assert_true(decode("{\"predictions\":[1,2],\"targets\":[3,4]}", &request, &problem));
    assert_int_equal(request.reduction, REQUEST_MEAN);
    assert_true(request.wants_predictions && request.wants_targets);
    assert_int_equal(request.inputs[REQUEST_PREDICTIONS].length, 2);
    assert_int_equal(request.inputs[REQUEST_WEIGHTS].length, 0);
    assert_true(request.inputs[REQUEST_PREDICTIONS].values[1] == 2 &&
                request.inputs[REQUEST_TARGETS].values[0] == 3);
    request_free(&request);
    assert_int_equal(atomic_load(&budget.used), 0);
}

static void every_member_is_read_in_any_order(void **state)
{
    struct request request;
    struct problem problem;
    (void)state;
    assert_true(decode("{\"gradients\":[\"targets\"],\"weights\":[[0],[5]],\"reduction\":\"none\","
                       "\"targets\":[[3],[4]],\"predictions\":[[1],[2]]}",
                       &request, &problem));
    assert_int_equal(request.reduction, REQUEST_NONE);
    assert_false(request.wants_predictions);
    assert_true(request.wants_targets);
    assert_int_equal(request.inputs[REQUEST_WEIGHTS].rank, 2);
    assert_true(request.inputs[REQUEST_WEIGHTS].values[1] == 5 &&
                request.inputs[REQUEST_PREDICTIONS].values[0] == 1);
    request_free(&request);

    assert_true(
        decode("{\"gradients\":[],\"reduction\":\"sum\",\"targets\":[3],\"predictions\":[1]}",
               &request, &problem));
    assert_int_equal(request.reduction, REQUEST_SUM);
    assert_false(request.wants_predictions || request.wants_targets);
    request_free(&request);
}

static void what_is_wrong_is_named_and_pointed_at(void **state)
{
    static const struct {
        const char *text;
        enum problem_type type;
        const char *pointer;
        const char *detail; /* a part of it */
    } rows[] = {
        {"[1,2]", PROBLEM_WRONG_TYPE, "", "JSON object"},
        {"null", PROBLEM_WRONG_TYPE, "", "JSON object"},
        {"\"predictions\"", PROBLEM_WRONG_TYPE, "", "JSON object"},
        {"{}", PROBLEM_MISSING_MEMBER, "/predictions", "\"predictions\""},
        {"{\"targets\":[1]}", PROBLEM_MISSING_MEMBER, "/predictions", "\"predictions\""},
        {"{\"predictions\":[1]}", PROBLEM_MISSING_MEMBER, "/targets", "\"targets\""},
        {"{\"predictions\":[1],\"targets\":[1],\"target\":[1]}", PROBLEM_UNKNOWN_MEMBER, "/target",
         "\"target\""},
        {"{\"Predictions\":[1],\"targets\":[1]}", PROBLEM_UNKNOWN_MEMBER, "/Predictions",
         "\"Predictions\""},
        {"{\"predictions\\u0000\":[1],\"targets\":[1]}", PROBLEM_UNKNOWN_MEMBER,
         "/predictions\xEF\xBF\xBD", "\"predictions\xEF\xBF\xBD\""},
        {"{\"\":[1]}", PROBLEM_UNKNOWN_MEMBER, "/", "\"\""},
        {"{\"predictions\":1,\"targets\":[1]}", PROBLEM_WRONG_TYPE, "/predictions",
         "array of numbers"},
        {"{\"predictions\":null,\"targets\":[1]}", PROBLEM_WRONG_TYPE, "/predictions",
         "array of numbers"},
        {"{\"predictions\":\"[1]\",\"targets\":[1]}", PROBLEM_WRONG_TYPE, "/predictions",
         "array of numbers"},
        {"{\"predictions\":{\"0\":1},\"targets\":[1]}", PROBLEM_WRONG_TYPE, "/predictions",
         "array of numbers"},
        {"{\"predictions\":[\"NaN\",1],\"targets\":[1,1]}", PROBLEM_WRONG_TYPE, "/predictions/0",
         "Expected a number"},
        {"{\"predictions\":[[null]],\"targets\":[[1]]}", PROBLEM_WRONG_TYPE, "/predictions/0/0",
         "Expected a number"},
        {"{\"predictions\":[{\"a\":[1]}],\"targets\":[1]}", PROBLEM_WRONG_TYPE, "/predictions/0",
         "Expected a number"},
        {"{\"predictions\":[],\"targets\":[]}", PROBLEM_NO_ELEMENT, "/predictions", "at least one"},
        {"{\"predictions\":[1],\"targets\":[[],[1]]}", PROBLEM_NO_ELEMENT, "/targets/0",
         "at least one"},
        {"{\"predictions\":[1],\"targets\":[1],\"weights\":[]}", PROBLEM_NO_ELEMENT, "/weights",
         "at least one"},
        {"{\"predictions\":[1],\"targets\":[1],\"weights\":null}", PROBLEM_WRONG_TYPE, "/weights",
         "array of numbers"},
        {"{\"predictions\":[1,2],\"targets\":[1]}", PROBLEM_SHAPE_MISMATCH, "/targets",
         "\"targets\" has shape [1], but \"predictions\" has shape [2]"},
        {"{\"predictions\":[[1],[2]],\"targets\":[1,2]}", PROBLEM_SHAPE_MISMATCH, "/targets",
         "has shape [2], but \"predictions\" has shape [2,1]"},
        {"{\"predictions\":[[1,2]],\"targets\":[[1],[2]]}", PROBLEM_SHAPE_MISMATCH, "/targets",
         "has shape [2,1], but \"predictions\" has shape [1,2]"},
        {"{\"predictions\":[1],\"targets\":[1],\"weights\":[1,1]}", PROBLEM_SHAPE_MISMATCH,
         "/weights", "\"weights\" has shape [2], but \"predictions\" has shape [1]"},
        {"{\"predictions\":[1],\"targets\":[1],\"reduction\":\"MEAN\"}", PROBLEM_UNKNOWN_VALUE,
         "/reduction", "\"MEAN\""},
        {"{\"predictions\":[1],\"targets\":[1],\"reduction\":null}", PROBLEM_WRONG_TYPE,
         "/reduction", "a string"},
        {"{\"predictions\":[1],\"targets\":[1],\"reduction\":[1]}", PROBLEM_WRONG_TYPE,
         "/reduction", "a string"},
        {"{\"predictions\":[1],\"targets\":[1],\"gradients\":\"targets\"}", PROBLEM_WRONG_TYPE,
         "/gradients", "an array"},
        {"{\"predictions\":[1],\"targets\":[1],\"gradients\":[1]}", PROBLEM_WRONG_TYPE,
         "/gradients", "an array"},
        {"{\"predictions\":[1],\"targets\":[1],\"gradients\":[\"weights\"]}", PROBLEM_UNKNOWN_VALUE,
         "/gradients/0", "\"weights\""},
        {"{\"predictions\":[1],\"targets\":[1],\"gradients\":[\"targets\",null]}",
         PROBLEM_WRONG_TYPE, "/gradients/1", "a string"},
        {"{\"predictions\":[1],\"targets\":[1],\"gradients\":[\"targets\",\"targets\"]}",
         PROBLEM_UNKNOWN_VALUE, "/gradients/1", "more than once"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct request request;
        struct problem problem = {0};
        if (decode(rows[i].text, &request, &problem)) fail_msg("%s was taken", rows[i].text);
        if (problem.type != rows[i].type || strcmp(problem.pointer, rows[i].pointer) != 0 ||
            strstr(problem.detail, rows[i].detail) == NULL) {
            fail_msg("%s: %d at \"%s\": %s", rows[i].text, (int)problem.type, problem.pointer,
                     problem.detail);
        }
        request_free(&request);
        assert_int_equal(atomic_load(&budget.used), 0);
    }
}

#define PLAIN "\"predictions\":[1],\"targets\":[1]"
#define WHOLE "{\"elements\":9007199254740993,\"weight_sum\":\"0x3p+0\",\"loss_sum\":\"0x7p-2\"}"
#define SPACED \
    " { \"loss_sum\" : \"0x7p-2\", \"elements\" : 9007199254740993 , \"weight_sum\":\"0x3p+0\" } "

static void a_whole_is_read_to_the_last_digit_wherever_it_stands(void **state)
{
    static const char *const texts[] = {
        "{" PLAIN ",\"whole\":" WHOLE "}",
        "{\"whole\":" WHOLE "," PLAIN "}",
        "{\"predictions\":[1],\"whole\":" SPACED ",\"targets\":[1]}",
        "{\"gradients\":[\"targets\"],\"weights\":[1],\"wh\\u006fle\":" SPACED "," PLAIN "}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct request request;
        struct problem problem;
        char text[MSE_PARTIAL_MAX];
        size_t length;
        if (!decode(texts[i], &request, &problem)) fail_msg("%s: %s", texts[i], problem.detail);
        assert_non_null(request.whole);
        assert_int_equal(mse_accumulator_print(request.whole, text, &length), MSE_OK);
        assert_string_equal(text, WHOLE);
        request_free(&request);
        assert_null(request.whole);
    }
}

static void what_is_wrong_with_a_whole_is_named_and_pointed_at(void **state)
{
#define HAS(whole) "{" PLAIN ",\"whole\":" whole "}"
    static const struct {
        const char *text;
        enum problem_type type;
        const char *pointer;
    } rows[] = {
        {HAS("null"), PROBLEM_WRONG_TYPE, "/whole"},
        {HAS("[1,2]"), PROBLEM_WRONG_TYPE, "/whole"},
        {HAS("\"{}\""), PROBLEM_WRONG_TYPE, "/whole"},
        {HAS("{}"), PROBLEM_MISSING_MEMBER, "/whole/elements"},
        {HAS("{\"elements\":1,\"loss_sum\":\"0x1p+0\"}"), PROBLEM_MISSING_MEMBER,
         "/whole/weight_sum"},
        {HAS("{\"elements\":[1]}"), PROBLEM_WRONG_TYPE, "/whole/elements"},
        {HAS("{\"weight_sum\":\"0x1p+0\",\"loss_sum\":1}"), PROBLEM_WRONG_TYPE, "/whole/loss_sum"},
        {HAS("{\"a/b\":1}"), PROBLEM_UNKNOWN_MEMBER, "/whole/a~1b"},
        {HAS("{\"elements\":1.5,\"weight_sum\":\"0x1p+0\",\"loss_sum\":\"0x1p+0\"}"),
         PROBLEM_INVALID_PARTIAL, "/whole/elements"},
        {HAS("{\"elements\":1,\"weight_sum\":\"0x2p+0\",\"loss_sum\":\"0x1p+0\"}"),
         PROBLEM_INVALID_PARTIAL, "/whole/weight_sum"},
        {HAS("{\"elements\":1,\"weight_sum\":\"0x0p+0\",\"loss_sum\":\"0x1p+0\"}"),
         PROBLEM_INVALID_PARTIAL, "/whole/loss_sum"},
        {"{" PLAIN ",\"reduction\":\"none\",\"whole\":" WHOLE "}", PROBLEM_UNKNOWN_VALUE,
         "/reduction"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct request request;
        struct problem problem = {0};
        if (decode(rows[i].text, &request, &problem)) fail_msg("%s was taken", rows[i].text);
        if (problem.type != rows[i].type || strcmp(problem.pointer, rows[i].pointer) != 0)
            fail_msg("%s: %d at \"%s\"", rows[i].text, (int)problem.type, problem.pointer);
        request_free(&request);
    }
}

static void a_whole_in_a_string_of_another_format_is_read_alike(void **state)
{
    static const char *const bad[] = {"", "{", "{}{}", "{\"elements\":1,\"elements\":1}",
                                      "[[1],1]"};
    struct request request;
    struct problem problem;
    (void)state;
    request_init(&request);
    assert_true(partial_read_whole(&request, SPACED, strlen(SPACED), "/place", &problem));
    request_free(&request);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(partial_read_whole(&request, bad[i], strlen(bad[i]), "/place", &problem));
        assert_int_equal(problem.type, PROBLEM_INVALID_PARTIAL);
        assert_string_equal(problem.pointer, "/place");
        request_free(&request);
    }
}

static void a_request_for_a_partial_has_no_option(void **state)
{
    static const struct {
        const char *text, *option;
    } rows[] = {
        {"{" PLAIN ",\"weights\":[1]}", NULL},
        {"{" PLAIN ",\"reduction\":\"mean\"}", "/reduction"},
        {"{\"gradients\":[]," PLAIN "}", "/gradients"},
        {"{" PLAIN ",\"whole\":" WHOLE ",\"reduction\":\"none\"}", "/whole"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct request request;
        struct request_fault fault;
        struct problem problem;
        bool is_loss = decode(rows[i].text, &request, &problem);
        assert_true(is_loss || request.reduction == REQUEST_NONE);
        request.wants_partial = true;
        assert_int_equal(request_check(&request, &fault), rows[i].option == NULL);
        if (rows[i].option != NULL) {
            json_codec.explain(&request, &fault, &problem);
            assert_int_equal(problem.type, PROBLEM_UNKNOWN_MEMBER);
            assert_string_equal(problem.pointer, rows[i].option);
        }
        request_free(&request);
    }
}

static void weights_of_either_zero_are_fine(void **state)
{
    struct request request;
    struct problem problem;
    (void)state;
    assert_true(decode("{\"predictions\":[1,2],\"targets\":[3,4],\"weights\":[-0,0.0]}", &request,
                       &problem));
    request_free(&request);
}

static void a_fault_of_the_reader_is_put_in_a_sentence(void **state)
{
    static const struct {
        const char *text;
        enum problem_type type;
        bool has_offset;
        const char *pointer;
        const char *detail;
    } rows[] = {
        {"[1,2", PROBLEM_MALFORMED_JSON, true, "", "ends at byte 4"},
        {"{\"a\" 1}", PROBLEM_MALFORMED_JSON, true, "", "Expected ':' at byte 5, found '1'."},
        {"[\"\x01\"]", PROBLEM_MALFORMED_JSON, true, "", "at byte 2, found 0x01"},
        {"[\"\xFF\"]", PROBLEM_MALFORMED_JSON, true, "", "Invalid UTF-8 at byte 2: 0xFF"},
        {"[\"\\ud800\"]", PROBLEM_MALFORMED_JSON, true, "", "surrogate"},
        {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", PROBLEM_NESTING_TOO_DEEP, true, "",
         "At most 33 levels of nesting are allowed; the bracket at byte 33"},
        {"{\"a\":1,\"a\":2}", PROBLEM_DUPLICATE_MEMBER, true, "", "at byte 7"},
        {"{\"a\":[1,null]}", PROBLEM_WRONG_TYPE, false, "/a/1", "/a/1"},
        {"{\"a\":[[1,2],[3]]}", PROBLEM_NOT_RECTANGULAR, false, "/a/1",
         "Expected 2 elements in the array at /a/1, found 1"},
        {"{\"a\":[[1,2],3]}", PROBLEM_NOT_RECTANGULAR, false, "/a/1", "Expected an array at /a/1"},
        {"{\"a\":[1e999]}", PROBLEM_NUMBER_OUT_OF_RANGE, false, "/a/0", "largest double"},
        {"[[1],[[\"a\",[1],[2],[3],[4],[5],[6],[7],[8],[9]]]]", PROBLEM_NOT_RECTANGULAR, false,
         "/1/0", ""},
        {"[\"a\",[1],[2],[3],[4],[5],[6],[7],[8],[9]]", PROBLEM_REQUEST_TOO_COMPLEX, false, "",
         "8 arrays"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        static struct json_reader reader;
        struct problem problem;
        json_reader_init(&reader, &budget);
        json_reader_feed(&reader, rows[i].text, strlen(rows[i].text));
        json_reader_finish(&reader);
        assert_int_not_equal(reader.error.fault, JSON_READER_NO_FAULT);
        json_problem_set(&problem, &reader.error);
        if (problem.type != rows[i].type || problem.has_offset != rows[i].has_offset ||
            (rows[i].pointer[0] != '\0' && strcmp(problem.pointer, rows[i].pointer) != 0) ||
            strstr(problem.detail, rows[i].detail) == NULL) {
            fail_msg("%s: %d at \"%s\": %s", rows[i].text, (int)problem.type, problem.pointer,
                     problem.detail);
        }
        json_reader_free(&reader);
    }
}

static void a_spent_budget_asks_to_try_again(void **state)
{
    struct tensor_budget small = {.limit = 8};
    static struct json_reader reader;
    struct problem problem;
    (void)state;
    json_reader_init(&reader, &small);
    json_reader_feed(&reader, "[1,2,3]", 7);
    json_reader_finish(&reader);
    json_problem_set(&problem, &reader.error);
    assert_int_equal(problem.type, PROBLEM_MEMORY_EXHAUSTED);
    json_reader_free(&reader);
    assert_int_equal(atomic_load(&small.used), 0);
}

/* ---- results */

static char *respond_to(const char *text, size_t room)
{
    struct request request;
    struct request_fault fault;
    struct problem problem;
    struct job job;
    struct result result;
    struct response response;
    if (!decode(text, &request, &problem)) fail_msg("%s: %s", text, problem.detail);
    job_init(&job, &request, false);
    enum job_status status;
    while ((status = job_step(&job, &fault)) == JOB_MORE) continue;
    assert_int_equal(status, JOB_DONE);
    job_take_result(&job, &result);
    job_free(&job);
    assert_true(json_codec.respond(&result, NULL, &response));
    assert_int_equal(response.status, 200);
    assert_string_equal(response_find_header(&response, "Content-Type"), "application/json");
    char *body = decode_body(&response, room);
    assert_int_equal(atomic_load(&budget.used), 0);
    return body;
}

static void a_response_has_exactly_what_was_asked_for_in_order(void **state)
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
        char *text = respond_to(rows[i][0], 1024);
        assert_string_equal(text, rows[i][1]);
        free(text);
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

static void a_long_response_is_the_same_in_pieces_of_any_size(void **state)
{
    (void)state;
    char *request = large_request(60, 50, "mean");
    char *whole = respond_to(request, 1 << 20);
    assert_int_equal(strncmp(whole, "{\"loss\":", 8), 0);
    assert_string_equal(whole + strlen(whole) - 4, "]]}}");
    for (size_t room = RESPONSE_ROOM_MIN; room < 400; room += 7) {
        char *pieces = respond_to(request, room);
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
    char *text = respond_to(request, 128);
    assert_string_equal(text, expected);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mean_and_both_gradients_are_the_default),
        cmocka_unit_test(every_member_is_read_in_any_order),
        cmocka_unit_test(what_is_wrong_is_named_and_pointed_at),
        cmocka_unit_test(a_whole_is_read_to_the_last_digit_wherever_it_stands),
        cmocka_unit_test(what_is_wrong_with_a_whole_is_named_and_pointed_at),
        cmocka_unit_test(a_whole_in_a_string_of_another_format_is_read_alike),
        cmocka_unit_test(a_request_for_a_partial_has_no_option),
        cmocka_unit_test(weights_of_either_zero_are_fine),
        cmocka_unit_test(a_fault_of_the_reader_is_put_in_a_sentence),
        cmocka_unit_test(a_spent_budget_asks_to_try_again),
        cmocka_unit_test(a_response_has_exactly_what_was_asked_for_in_order),
        cmocka_unit_test(a_long_response_is_the_same_in_pieces_of_any_size),
        cmocka_unit_test(the_deepest_nesting_is_written_as_it_was_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
