/* test_mse_request.c - documents -> checked jobs, or problems that say what to change. */
#include "loss/request.h"
#include "loss/json_problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct tensor_budget budget = {.limit = 1 << 20};

/* Reads a request; false: *problem says why. Frees the reader. */
static bool read_text(const char *text, struct request *request, struct problem *problem)
{
    static struct json_reader reader;
    json_reader_init(&reader, &budget);
    json_reader_feed(&reader, text, strlen(text));
    json_reader_finish(&reader);
    assert_int_equal(reader.error.fault, JSON_READER_NO_FAULT);
    bool ok = request_read(request, &reader, problem);
    json_reader_free(&reader);
    return ok;
}

static void mean_and_both_gradients_are_the_default(void **state)
{
    struct request request;
    struct problem problem;
    (void)state;
    assert_true(read_text("{\"predictions\":[1,2],\"targets\":[3,4]}", &request, &problem));
    assert_int_equal(request.reduction, REQUEST_MEAN);
    assert_true(request.wants_predictions && request.wants_targets);
    assert_int_equal(request.predictions.length, 2);
    assert_int_equal(request.weights.length, 0);
    assert_true(request.predictions.values[1] == 2 && request.targets.values[0] == 3);
    request_free(&request);
    assert_int_equal(atomic_load(&budget.used), 0);
}

static void every_member_is_read_in_any_order(void **state)
{
    struct request request;
    struct problem problem;
    (void)state;
    assert_true(
        read_text("{\"gradients\":[\"targets\"],\"weights\":[[0],[5]],\"reduction\":\"none\","
                  "\"targets\":[[3],[4]],\"predictions\":[[1],[2]]}",
                  &request, &problem));
    assert_int_equal(request.reduction, REQUEST_NONE);
    assert_false(request.wants_predictions);
    assert_true(request.wants_targets);
    assert_int_equal(request.weights.rank, 2);
    assert_true(request.weights.values[1] == 5 && request.predictions.values[0] == 1);
    request_free(&request);

    assert_true(
        read_text("{\"gradients\":[],\"reduction\":\"sum\",\"targets\":[3],\"predictions\":[1]}",
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
        {"{}", PROBLEM_MISSING_MEMBER, "", "\"predictions\""},
        {"{\"targets\":[1]}", PROBLEM_MISSING_MEMBER, "", "\"predictions\""},
        {"{\"predictions\":[1]}", PROBLEM_MISSING_MEMBER, "", "\"targets\""},
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
         "a number"},
        {"{\"predictions\":[[null]],\"targets\":[[1]]}", PROBLEM_WRONG_TYPE, "/predictions/0/0",
         "a number"},
        {"{\"predictions\":[{\"a\":[1]}],\"targets\":[1]}", PROBLEM_WRONG_TYPE, "/predictions/0",
         "a number"},
        {"{\"predictions\":[],\"targets\":[]}", PROBLEM_NO_ELEMENT, "/predictions", "at least one"},
        {"{\"predictions\":[1],\"targets\":[[],[1]]}", PROBLEM_NO_ELEMENT, "/targets/0",
         "at least one"},
        {"{\"predictions\":[1],\"targets\":[1],\"weights\":[]}", PROBLEM_NO_ELEMENT, "/weights",
         "at least one"},
        {"{\"predictions\":[1],\"targets\":[1],\"weights\":null}", PROBLEM_WRONG_TYPE, "/weights",
         "array of numbers"},
        {"{\"predictions\":[1,2],\"targets\":[1]}", PROBLEM_SHAPE_MISMATCH, "/targets",
         "[2], instead of [1]"},
        {"{\"predictions\":[[1],[2]],\"targets\":[1,2]}", PROBLEM_SHAPE_MISMATCH, "/targets",
         "[2,1], instead of [2]"},
        {"{\"predictions\":[[1,2]],\"targets\":[[1],[2]]}", PROBLEM_SHAPE_MISMATCH, "/targets",
         "[1,2], instead of [2,1]"},
        {"{\"predictions\":[1],\"targets\":[1],\"weights\":[1,1]}", PROBLEM_SHAPE_MISMATCH,
         "/weights", "[1], instead of [2]"},
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
         PROBLEM_UNKNOWN_VALUE, "/gradients/1", "once"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct request request;
        struct problem problem = {0};
        if (read_text(rows[i].text, &request, &problem)) fail_msg("%s was taken", rows[i].text);
        if (problem.type != rows[i].type || strcmp(problem.pointer, rows[i].pointer) != 0 ||
            strstr(problem.detail, rows[i].detail) == NULL) {
            fail_msg("%s: %d at \"%s\": %s", rows[i].text, (int)problem.type, problem.pointer,
                     problem.detail);
        }
        request_free(&request);
        assert_int_equal(atomic_load(&budget.used), 0);
    }
}

static void weights_of_either_zero_are_fine(void **state)
{
    struct request request;
    struct problem problem;
    (void)state;
    assert_true(read_text("{\"predictions\":[1,2],\"targets\":[3,4],\"weights\":[-0,0.0]}",
                          &request, &problem));
    request_free(&request);
}

static void what_the_reader_found_is_told_in_a_sentence(void **state)
{
    static const struct {
        const char *text;
        enum problem_type type;
        bool has_offset;
        const char *pointer;
        const char *detail;
    } rows[] = {
        {"[1,2", PROBLEM_MALFORMED_JSON, true, "", "ends after 4 bytes"},
        {"{\"a\" 1}", PROBLEM_MALFORMED_JSON, true, "", "at byte 5, where '1' stands"},
        {"[\"\x01\"]", PROBLEM_MALFORMED_JSON, true, "", "at byte 2, where 0x01 stands"},
        {"[\"\xFF\"]", PROBLEM_MALFORMED_JSON, true, "", "UTF-8: byte 2, 0xFF"},
        {"[\"\\ud800\"]", PROBLEM_MALFORMED_JSON, true, "", "surrogate"},
        {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", PROBLEM_NESTING_TOO_DEEP, true, "",
         "at most 33 deep: the bracket at byte 33"},
        {"{\"a\":1,\"a\":2}", PROBLEM_DUPLICATE_MEMBER, true, "", "at byte 7"},
        {"{\"a\":[1,null]}", PROBLEM_WRONG_TYPE, false, "/a/1", "/a/1"},
        {"{\"a\":[[1,2],[3]]}", PROBLEM_NOT_RECTANGULAR, false, "/a/1",
         "this one has 1 where the first has 2"},
        {"{\"a\":[[1,2],3]}", PROBLEM_NOT_RECTANGULAR, false, "/a/1", "same depth"},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mean_and_both_gradients_are_the_default),
        cmocka_unit_test(every_member_is_read_in_any_order),
        cmocka_unit_test(what_is_wrong_is_named_and_pointed_at),
        cmocka_unit_test(weights_of_either_zero_are_fine),
        cmocka_unit_test(what_the_reader_found_is_told_in_a_sentence),
        cmocka_unit_test(a_spent_budget_asks_to_try_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
