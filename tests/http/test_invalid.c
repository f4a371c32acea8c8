/* test_invalid.c - what is JSON but no request that can be served gets 422, names the value at
 * fault, and costs one request. For any running server. */
#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

struct row {
    const char *body;
    const char *pointer; /* NULL: none */
    const char *says;    /* in the detail; NULL: whatever it says */
};

/* Posts each body; after it, on the same connection, a request is served as ever. */
static void expect_all(const struct row *rows, size_t count, const char *slug)
{
    for (size_t i = 0; i < count; i++) {
        struct response response = client_post(&suite_client, rows[i].body);
        if (response.status != 422) print_message("%s\n", rows[i].body);
        response_is_problem(&response, 422, slug, rows[i].pointer, -1);
        cJSON *problem = cJSON_Parse(response.body.bytes);
        const char *detail = cJSON_GetObjectItemCaseSensitive(problem, "detail")->valuestring;
        if (rows[i].says && !strstr(detail, rows[i].says))
            fail_msg("%s is not in: %s", rows[i].says, detail);
        cJSON_Delete(problem);
        response_free(&response);
        client_expect(&suite_client, good_body, good_response);
    }
    assert_int_equal(suite_client.connections, 1);
}

static void a_request_is_an_object(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"1", NULL, "object"},
        {"-0", NULL, NULL},
        {"1e999", NULL, NULL},
        {"\"x\"", NULL, NULL},
        {"null", NULL, NULL},
        {" true ", NULL, NULL},
        {"false\n", NULL, NULL},
        {"[]", NULL, NULL},
        {"[1,2]", NULL, NULL},
        {"[{\"predictions\":[1],\"targets\":[0]}]", NULL, NULL},
        {"\"\x7F\\u0000\"", NULL, NULL},
    };
    expect_all(rows, COUNT(rows), "wrong-type");
}

static void predictions_and_targets_must_be_there(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{}", "/predictions", "predictions"},
        {" { } ", "/predictions", "predictions"},
        {"{\"targets\":[1]}", "/predictions", "predictions"},
        {"{\"predictions\":[1]}", "/targets", "targets"},
        {"{\"predictions\":[1],\"weights\":[1],\"reduction\":\"sum\",\"gradients\":[]}", "/targets",
         "targets"},
        {"{\"weights\":[1],\"targets\":[1]}", "/predictions", "predictions"},
    };
    expect_all(rows, COUNT(rows), "missing-member");
}

static void no_member_is_ignored(void **state)
{
    (void)state;
#define WHOLE "\"predictions\":[1],\"targets\":[0]"
    static const struct row rows[] = {
        {"{" WHOLE ",\"weight\":[1]}", "/weight", "weight"},
        {"{" WHOLE ",\"Weights\":[1]}", "/Weights", "Weights"},
        {"{" WHOLE ",\"Reduction\":\"sum\"}", "/Reduction", "Reduction"},
        {"{\"PREDICTIONS\":[1]," WHOLE "}", "/PREDICTIONS", "PREDICTIONS"},
        {"{" WHOLE ",\"\":1}", "/", NULL},
        {"{" WHOLE ",\" weights\":[1]}", "/ weights", NULL},
        {"{" WHOLE ",\"a/b~c\":null}", "/a~1b~0c", "a/b~c"},
        {"{" WHOLE ",\"\xE2\x82\xAC\":{\"x\":[]}}", "/\xE2\x82\xAC", "\xE2\x82\xAC"},
        {"{" WHOLE ",\"\\u20ac\":true}", "/\xE2\x82\xAC", NULL},
        {"{" WHOLE ",\"a\\\"b\":0.5}", "/a\"b", NULL},
        {"{" WHOLE ",\"a\\tb\":0.5}", "/a\tb", NULL},
        {"{" WHOLE ",\"x\":[1,2,3]}", "/x", NULL},
        {"{" WHOLE ",\"x\":[[1,2],[3,4]]}", "/x", NULL},
        {"{" WHOLE ",\"x\":{\"predictions\":[1]}}", "/x", NULL},
    };
    expect_all(rows, COUNT(rows), "unknown-member");
}

/* As cJSON ends its strings at a NUL, such names are told apart or not at all. */
static void a_name_that_goes_on_after_a_nul_is_unknown(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{" WHOLE ",\"weights\\u0000\":[1]}",
        "{" WHOLE ",\"reduction\\u0000\":\"sum\"}",
        "{\"predictions\\u0000\":[1],\"targets\":[0]}",
        "{\"predictions\":[1],\"targets\\u0000x\":[0]}",
        "{" WHOLE ",\"\\u0000\":[0]}",
    };
    for (size_t i = 0; i < COUNT(bodies); i++) {
        struct response response = client_post(&suite_client, bodies[i]);
        cJSON_Delete(response_problem(&response, 422, "unknown-member"));
        response_free(&response);
    }
}

static void every_member_has_its_type(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{\"predictions\":1,\"targets\":[0]}", "/predictions", "predictions"},
        {"{\"predictions\":null,\"targets\":[0]}", "/predictions", NULL},
        {"{\"predictions\":\"[1]\",\"targets\":[0]}", "/predictions", NULL},
        {"{\"predictions\":{},\"targets\":[0]}", "/predictions", NULL},
        {"{\"predictions\":{\"0\":1},\"targets\":[0]}", "/predictions", NULL},
        {"{\"predictions\":[1],\"targets\":true}", "/targets", "targets"},
        {"{\"predictions\":[1],\"targets\":1e999}", "/targets", NULL},
        {"{" WHOLE ",\"weights\":null}", "/weights", "weights"},
        {"{" WHOLE ",\"weights\":1}", "/weights", NULL},
        {"{" WHOLE ",\"weights\":\"\"}", "/weights", NULL},
        {"{" WHOLE ",\"reduction\":null}", "/reduction", "reduction"},
        {"{" WHOLE ",\"reduction\":1}", "/reduction", NULL},
        {"{" WHOLE ",\"reduction\":[\"sum\"]}", "/reduction", NULL},
        {"{" WHOLE ",\"reduction\":[1]}", "/reduction", NULL},
        {"{" WHOLE ",\"reduction\":{}}", "/reduction", NULL},
        {"{" WHOLE ",\"gradients\":null}", "/gradients", "gradients"},
        {"{" WHOLE ",\"gradients\":\"predictions\"}", "/gradients", NULL},
        {"{" WHOLE ",\"gradients\":{}}", "/gradients", NULL},
        {"{" WHOLE ",\"gradients\":false}", "/gradients", NULL},
        {"{" WHOLE ",\"gradients\":[null]}", "/gradients/0", NULL},
        {"{" WHOLE ",\"gradients\":[\"targets\",true]}", "/gradients/1", NULL},
        {"{" WHOLE ",\"gradients\":[\"targets\",1]}", "/gradients/1", NULL},
        {"{" WHOLE ",\"gradients\":[[\"targets\"]]}", "/gradients/0", NULL},
    };
    expect_all(rows, COUNT(rows), "wrong-type");
    /* a list of numbers: the list or its first element may be named */
    struct response response = client_post(&suite_client, "{" WHOLE ",\"gradients\":[0,1]}");
    cJSON_Delete(response_problem(&response, 422, "wrong-type"));
    response_free(&response);
}

static void every_element_is_a_number(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{\"predictions\":[null],\"targets\":[0]}", "/predictions/0", NULL},
        {"{\"predictions\":[\"1\"],\"targets\":[0]}", "/predictions/0", NULL},
        {"{\"predictions\":[\"NaN\"],\"targets\":[0]}", "/predictions/0", NULL},
        {"{\"predictions\":[true,1],\"targets\":[0,0]}", "/predictions/0", NULL},
        {"{\"predictions\":[{}],\"targets\":[0]}", "/predictions/0", NULL},
        {"{\"predictions\":[1,null],\"targets\":[0,0]}", "/predictions/1", NULL},
        {"{\"predictions\":[1,2,\"3\"],\"targets\":[0,0,0]}", "/predictions/2", NULL},
        {"{\"predictions\":[1,{\"a\":[1,{}]}],\"targets\":[0,0]}", "/predictions/1", NULL},
        {"{\"predictions\":[[null]],\"targets\":[0]}", "/predictions/0/0", NULL},
        {"{\"predictions\":[[[\"x\"]]],\"targets\":[0]}", "/predictions/0/0/0", NULL},
        {"{\"predictions\":[[1,2],[3,false]],\"targets\":[[1,2],[3,4]]}", "/predictions/1/1", NULL},
        {"{\"predictions\":[[1,2],null],\"targets\":[[1,2],[3,4]]}", "/predictions/1", NULL},
        {"{\"predictions\":[[1,2],\"x\"],\"targets\":[[1,2],[3,4]]}", "/predictions/1", NULL},
        {"{\"predictions\":[[1,2],{}],\"targets\":[[1,2],[3,4]]}", "/predictions/1", NULL},
        {"{\"predictions\":[1,2,3],\"targets\":[0,0,null]}", "/targets/2", NULL},
        {"{" WHOLE ",\"weights\":[\"1\"]}", "/weights/0", NULL},
        {"{" WHOLE ",\"weights\":[1,null]}", "/weights/1", NULL},
        {"{\"predictions\":[1,2,3,4,5,6,7,8,9,10,11,12,\"\\u0000\"],\"targets\":[0]}",
         "/predictions/12", NULL},
    };
    expect_all(rows, COUNT(rows), "wrong-type");
}

static void reduction_and_gradients_name_what_there_is(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{" WHOLE ",\"reduction\":\"max\"}", "/reduction", "max"},
        {"{" WHOLE ",\"reduction\":\"Mean\"}", "/reduction", "Mean"},
        {"{" WHOLE ",\"reduction\":\"\"}", "/reduction", NULL},
        {"{" WHOLE ",\"reduction\":\"mean \"}", "/reduction", NULL},
        {"{" WHOLE ",\"reduction\":\"mean\\u0000\"}", "/reduction", NULL},
        {"{" WHOLE ",\"reduction\":\"me\"}", "/reduction", NULL},
        {"{" WHOLE ",\"gradients\":[\"weights\"]}", "/gradients/0", "weights"},
        {"{" WHOLE ",\"gradients\":[\"predictions\",\"Targets\"]}", "/gradients/1", "Targets"},
        {"{" WHOLE ",\"gradients\":[\"\"]}", "/gradients/0", NULL},
        {"{" WHOLE ",\"gradients\":[\"targets\\u0000\"]}", "/gradients/0", NULL},
        {"{" WHOLE ",\"gradients\":[\"targets\",\"targets\"]}", "/gradients/1", "targets"},
        {"{" WHOLE ",\"gradients\":[\"predictions\",\"targets\",\"\\u0070redictions\"]}",
         "/gradients/2", "predictions"},
    };
    expect_all(rows, COUNT(rows), "unknown-value");
}

static void arrays_are_rectangular(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{\"predictions\":[[1,2],[3]],\"targets\":[[1,2],[3,4]]}", "/predictions/1", "1"},
        {"{\"predictions\":[[1],[2,3]],\"targets\":[[1],[2]]}", "/predictions/1", "2"},
        {"{\"predictions\":[[1,2],[3,4],[]],\"targets\":[[1,2],[3,4]]}", "/predictions/2", NULL},
        {"{\"predictions\":[1,[2]],\"targets\":[1,2]}", "/predictions/1", NULL},
        {"{\"predictions\":[1,2,[]],\"targets\":[1,2]}", "/predictions/2", NULL},
        {"{\"predictions\":[[1],2],\"targets\":[[1],[2]]}", "/predictions/1", NULL},
        {"{\"predictions\":[[1],[[2]]],\"targets\":[[1],[2]]}", "/predictions/1/0", NULL},
        {"{\"predictions\":[[[1]],[2]],\"targets\":[[[1]],[[2]]]}", "/predictions/1/0", NULL},
        {"{\"predictions\":[[[1,2],[3,4]],[[5,6]]],\"targets\":[1]}", "/predictions/1", NULL},
        {"{\"predictions\":[[[1,2],[3,4]],[[5,6],[7]]],\"targets\":[1]}", "/predictions/1/1", NULL},
        {"{\"predictions\":[1],\"targets\":[[1],[1,2,3]]}", "/targets/1", NULL},
        {"{" WHOLE ",\"weights\":[[1,2],[3]]}", "/weights/1", NULL},
    };
    expect_all(rows, COUNT(rows), "not-rectangular");
}

static void nothing_is_broadcast(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{\"predictions\":[1,2],\"targets\":[1]}", "/targets", "[2]"},
        {"{\"predictions\":[1],\"targets\":[1,2]}", "/targets", "[2]"},
        {"{\"predictions\":[1,2],\"targets\":[[1],[2]]}", "/targets", "[2,1]"},
        {"{\"predictions\":[[1],[2]],\"targets\":[1,2]}", "/targets", "[2,1]"},
        {"{\"predictions\":[[1,2]],\"targets\":[1,2]}", "/targets", "[1,2]"},
        {"{\"predictions\":[[1,2]],\"targets\":[[1],[2]]}", "/targets", "[2,1]"},
        {"{\"predictions\":[[1,2,3],[4,5,6]],\"targets\":[[1,2],[3,4],[5,6]]}", "/targets",
         "[3,2]"},
        {"{\"predictions\":[[1]],\"targets\":[[[1]]]}", "/targets", "[1,1,1]"},
        {"{\"predictions\":[1,2],\"targets\":[1,2],\"weights\":[1]}", "/weights", "[1]"},
        {"{\"predictions\":[1,2],\"targets\":[1,2],\"weights\":[[1,2]]}", "/weights", "[1,2]"},
        {"{\"predictions\":[[1,2]],\"targets\":[[1,2]],\"weights\":[1,2]}", "/weights", "[2]"},
        {"{\"weights\":[1],\"targets\":[1,2],\"predictions\":[1,2]}", "/weights", NULL},
    };
    expect_all(rows, COUNT(rows), "shape-mismatch");
}

static void an_empty_array_is_refused(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{\"predictions\":[],\"targets\":[]}", "/predictions", NULL},
        {"{\"predictions\":[ ],\"targets\":[1],\"reduction\":\"sum\"}", "/predictions", NULL},
        {"{\"predictions\":[1],\"targets\":[],\"reduction\":\"none\"}", "/targets", NULL},
        {"{" WHOLE ",\"weights\":[]}", "/weights", NULL},
        {"{\"predictions\":[[]],\"targets\":[[]]}", "/predictions/0", NULL},
        {"{\"predictions\":[[[]]],\"targets\":[1]}", "/predictions/0/0", NULL},
        {"{\"predictions\":[[],[]],\"targets\":[[],[]]}", "/predictions/0", NULL},
    };
    expect_all(rows, COUNT(rows), "no-element");
}

static void numbers_are_within_the_range_of_double(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{\"predictions\":[1e309],\"targets\":[0]}", "/predictions/0", "1.7976931348623157e"},
        {"{\"predictions\":[0,-1e400],\"targets\":[0,0]}", "/predictions/1", NULL},
        {"{\"predictions\":[0],\"targets\":[1e999999999999999999999]}", "/targets/0", NULL},
        {"{\"predictions\":[[1,2],[3,1e400]],\"targets\":[0,0]}", "/predictions/1/1", NULL},
        {"{\"predictions\":[1.7976931348623159e308],\"targets\":[0]}", "/predictions/0", NULL},
        /* the largest double and half its last bit, exactly: a tie, to even, and out */
        {"{\"predictions\":["
         "17976931348623158079372897140530341507993413271003782693617377898044496829276475094664901"
         "797"
         "75872070963302864166928879109465555478519404026306574886715058206819089020007083836762738"
         "54845817711531764475"
         "73"
         "02700698555713669596228429148198608349364752927190741684443655107043427115596995080930428"
         "8017790417449779"
         "2],\"targets\":[0]}",
         "/predictions/0", NULL},
        {"{\"predictions\":[2e308],\"targets\":[2e308],\"weights\":[0]}", "/predictions/0", NULL},
        {"{" WHOLE ",\"weights\":[1e309]}", "/weights/0", NULL},
    };
    expect_all(rows, COUNT(rows), "number-out-of-range");
}

static void weights_are_not_negative(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{\"predictions\":[1,2],\"targets\":[0,0],\"weights\":[1,-1]}", "/weights/1", "is -1;"},
        {"{\"predictions\":[1,2],\"targets\":[0,0],\"weights\":[-0.1,1]}", "/weights/0",
         "is -0.1;"},
        {"{\"predictions\":[1,2],\"targets\":[0,0],\"weights\":[1,-5e-324],\"reduction\":\"sum\"}",
         "/weights/1", "is -5e-324;"},
        {"{\"predictions\":[[1,2],[3,4]],\"targets\":[[0,0],[0,0]],\"weights\":[[1,2],[-3,4]],"
         "\"reduction\":\"none\"}",
         "/weights/1/0", "is -3;"},
        {"{" WHOLE ",\"weights\":[-1e308]}", "/weights/0", NULL},
    };
    expect_all(rows, COUNT(rows), "negative-weight");
}

static void a_mean_has_some_weight(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{" WHOLE ",\"weights\":[0]}", "/weights", NULL},
        {"{\"predictions\":[1,2],\"targets\":[0,0],\"weights\":[0,-0.0],\"reduction\":\"mean\"}",
         "/weights", NULL},
        {"{\"predictions\":[[1],[2]],\"targets\":[[0],[0]],\"weights\":[[-0],[1e-400]]}",
         "/weights", NULL},
        {"{" WHOLE ",\"weights\":[0],\"gradients\":[]}", "/weights", NULL},
    };
    expect_all(rows, COUNT(rows), "zero-weights");
}

static void a_result_beyond_double_is_an_error_and_no_infinity(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"predictions\":[1e200],\"targets\":[-1e200]}",
        "{\"predictions\":[1e200],\"targets\":[-1e200],\"gradients\":[]}",
        "{\"predictions\":[1.5e308],\"targets\":[-1.5e308]}",
        "{\"predictions\":[1e154,1e154],\"targets\":[0,0],\"reduction\":\"sum\"}",
        "{\"predictions\":[1,1e200],\"targets\":[0,0],\"reduction\":\"none\"}",
        "{\"predictions\":[1e100],\"targets\":[0],\"weights\":[1e150],\"reduction\":\"sum\"}",
        /* the gradient alone */
        "{\"predictions\":[0.6],\"targets\":[0],\"weights\":[1.7e308],\"reduction\":\"sum\"}",
        ("{\"predictions\":[0.6],\"targets\":[0],\"weights\":[1.7e308],\"reduction\":\"sum\","
         "\"gradients\":[\"targets\"]}"),
    };
    for (size_t i = 0; i < COUNT(bodies); i++) {
        struct response response = client_post(&suite_client, bodies[i]);
        cJSON_Delete(response_problem(&response, 422, "overflow"));
        response_free(&response);
    }
}

/* {"predictions":[1],"targets":[0],MORE} */
static void expect_complex(const char *slug, const char *more)
{
    struct text body = {0};
    text_printf(&body, "{" WHOLE ",%s}", more);
    struct response response = client_post(&suite_client, body.bytes);
    cJSON_Delete(response_problem(&response, 422, slug));
    response_free(&response);
    text_free(&body);
    client_expect(&suite_client, good_body, good_response);
}

static void what_no_request_needs_is_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *slug, *begin, *repeated;
        size_t times;
        const char *end;
    } rows[] = {
        {"number-too-long", "\"weights\":[1.", "0", 4095, "]"},
        {"number-too-long", "\"weights\":[1.5,", "9", 1000000, "]"},
        {"request-too-complex", "\"reduction\":\"", "x", 100000, "\""},
        {"request-too-complex", "\"", "x", 100000, "\":1"},
        {"request-too-complex", "\"x\":[\"\"", ",[1]", 1000, "]"},
    };
    struct text more = {0};
    for (size_t i = 0; i < COUNT(rows); i++) {
        more.length = 0;
        text_printf(&more, "%s", rows[i].begin);
        text_repeat(&more, rows[i].repeated, rows[i].times);
        text_printf(&more, "%s", rows[i].end);
        expect_complex(rows[i].slug, more.bytes);
    }
    more.length = 0;
    for (int i = 0; i < 1000; i++) text_printf(&more, i ? ",\"%d\":1" : "\"%d\":1", i);
    expect_complex("request-too-complex", more.bytes);
    text_free(&more);
    assert_int_equal(suite_client.connections, 1);
}

/* The client's own text, repeated in a detail and cut there, must not be cut within a character. */
static void a_problem_is_utf_8_wherever_its_text_is_cut(void **state)
{
    (void)state;
    for (size_t length = 0; length < 260; length++) {
        struct text body = {0};
        text_printf(&body, "{" WHOLE ",\"");
        text_repeat(&body, "x", length);
        text_repeat(&body, "\xF0\x9F\x98\x80", 100);
        text_printf(&body, "\":1}");
        struct response response = client_post(&suite_client, body.bytes);
        cJSON_Delete(response_problem(&response, 422, "unknown-member"));
        for (const char *p = response.body.bytes; *p; p++) {
            if ((unsigned char)*p < 0x80) continue;
            assert_memory_equal(p, "\xF0\x9F\x98\x80", 4);
            p += 3;
        }
        response_free(&response);
        text_free(&body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_an_object),
        cmocka_unit_test(predictions_and_targets_must_be_there),
        cmocka_unit_test(no_member_is_ignored),
        cmocka_unit_test(a_name_that_goes_on_after_a_nul_is_unknown),
        cmocka_unit_test(every_member_has_its_type),
        cmocka_unit_test(every_element_is_a_number),
        cmocka_unit_test(reduction_and_gradients_name_what_there_is),
        cmocka_unit_test(arrays_are_rectangular),
        cmocka_unit_test(nothing_is_broadcast),
        cmocka_unit_test(an_empty_array_is_refused),
        cmocka_unit_test(numbers_are_within_the_range_of_double),
        cmocka_unit_test(weights_are_not_negative),
        cmocka_unit_test(a_mean_has_some_weight),
        cmocka_unit_test(a_result_beyond_double_is_an_error_and_no_infinity),
        cmocka_unit_test(what_no_request_needs_is_bounded),
        cmocka_unit_test(a_problem_is_utf_8_wherever_its_text_is_cut),
    };
    return cmocka_run_group_tests_name("test_invalid", tests, suite_open, suite_close);
}
