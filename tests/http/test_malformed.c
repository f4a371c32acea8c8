/* test_malformed.c - what is not JSON is 400, at the byte where it stops being JSON, and costs one
 * request. For any running server. */
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A body in two parts: the first may begin a JSON text, the second begins with the byte that cannot
 * follow it; or is empty where the text ends too early. So the length of the first is the offset.
 */
struct row {
    const char *good;
    size_t good_length;
    const char *bad;
    size_t bad_length;
};

#define ROW(good, bad)                             \
    {                                              \
        good, sizeof good - 1, bad, sizeof bad - 1 \
    }

/* Posts each body; after it, on the same connection, a request is served as ever. */
static void expect_all(const struct row *rows, size_t count, const char *slug)
{
    for (size_t i = 0; i < count; i++) {
        const struct row *row = &rows[i];
        struct text body = {0};
        char offset[24];
        text_append(&body, row->good, row->good_length);
        text_append(&body, row->bad, row->bad_length);
        struct response response = client_send(
            &suite_client,
            (struct request){.body = body.bytes, .length = body.length, .chunked = true});
        cJSON *problem = response_problem(&response, 400, slug);
        const cJSON *found = cJSON_GetObjectItemCaseSensitive(problem, "offset");
        if (!found || found->valuedouble != (double)row->good_length)
            fail_msg("row %zu, %s: the offset is not %zu: %s", i, body.bytes, row->good_length,
                     response.body.bytes);
        snprintf(offset, sizeof offset, "%zu", row->good_length);
        assert_non_null(
            strstr(cJSON_GetObjectItemCaseSensitive(problem, "detail")->valuestring, offset));
        cJSON_Delete(problem);
        response_free(&response);
        client_expect(&suite_client, good_body, good_response);
        text_free(&body);
    }
    /* below 1.0 libmicrohttpd's connections end with a chunked body */
    if (!suite_has_old_library) assert_int_equal(suite_client.connections, 1);
}

static void every_proper_prefix_of_a_request_is_malformed_at_its_length(void **state)
{
    (void)state;
    static const char whole[] =
        " {\"predictions\": [[-1.5e+3, 0.25], [1E2,0]],\"t\\u0061rgets\":[[1,2],[3,4]],\n"
        "\"\xE2\x82\xAC\\ud83d\\ude00\\/\\n\":[null,true,false,{\"a\":{}},\"\"]}";
    for (size_t length = 0; length < sizeof whole - 1; length++) {
        const struct row row = {whole, length, "", 0};
        expect_all(&row, 1, "malformed-json");
    }
    struct response response = client_post(&suite_client, whole);
    cJSON_Delete(response_problem(&response, 422, "unknown-member"));
    response_free(&response);
}

/* test_json_suite.c and test_json_reader.c have the whole grammar; here is one text for each way to
 * break it. */
static void a_text_is_malformed_at_the_byte_where_it_stops_being_json(void **state)
{
    (void)state;
    static const struct row rows[] = {
        ROW("[0", "1]"),
        ROW("[1.", "e1]"),
        ROW("[", "NaN]"),
        ROW("[1.5,2", "-3]"),
        ROW("{\"predictions\":[1,2.", "],\"targets\":[1,2]}"),
        ROW("", "]"),
        ROW("[1,", "]"),
        ROW("[1", ";2]"),
        ROW("{\"a\"", "=1}"),
        ROW("{\"a\":1", "]"),
        ROW("{}", "\0"),
        ROW("{\"predictions\":[1],\"targets\":[0]}\n", "{\"predictions\":[1],\"targets\":[0]}"),
        ROW("", "True"),
        ROW("nul", " l"),
        ROW("[1", "/* two */,3]"),
        ROW("[1", "\xC2\xA0]"),
        ROW("", "\xEF\xBB\xBF{\"predictions\":[1],\"targets\":[0]}"),
        ROW("", "predictions=1&targets=0"),
        ROW("[\"a", "\n\"]"),
        ROW("{\"predictions", "\0\":[1],\"targets\":[1]}"),
        ROW("[\"\\", "x41\"]"),
        ROW("[\"\\u12", "G4\"]"),
        ROW("[\"\\ud800\\u", "0041\"]"),
        ROW("[\"\\ud", "c00\"]"),
        ROW("[\"", "\xC0\xAF\"]"),
        ROW("{\"\xE9", "\":1}"),
    };
    expect_all(rows, COUNT(rows), "malformed-json");
}

static void a_member_name_given_twice_is_refused_at_the_second(void **state)
{
    (void)state;
    static const struct row rows[] = {
        ROW("{\"predictions\":[1],", "\"predictions\":[1],\"targets\":[0]}"),
        ROW("{\"predictions\":[1],\"targets\":[0], ", "\"targets\":[0]}"),
        ROW("{\"targets\":[1],\"predictions\":[1],", "\"t\\u0061rgets\" : 1}"),
        ROW("{\"predictions\":[1],\"targets\":[0],\"reduction\":\"sum\",",
            "\"reduction\":\"sum\"}"),
        ROW("{\"x\":{\"a\":1,", "\"a\":2}}"),
        ROW("{\"x\":[0,{\"a\":1,\"b\":[{}],", "\"a\":2}]}"),
        /* the first fault in the text counts */
        ROW("{\"a\":1,", "\"a\":2,}"),
        ROW("{\"a\":1,", "\"a\" \0"),
    };
    expect_all(rows, COUNT(rows), "duplicate-member");

    static const struct row earlier[] = {
        ROW("{\"a\":1,", ",\"a\":1}"),
        ROW("{\"a\":[0", "1],\"a\":1}"),
    };
    expect_all(earlier, COUNT(earlier), "malformed-json");
}

static void nesting_past_33_levels_is_refused_at_the_bracket(void **state)
{
    (void)state;
    static const struct {
        const char *before;
        const char *opening;
        size_t levels; /* that fit */
    } rows[] = {
        {"", "[", 33},
        {"", "{\"a\":", 33},
        {"{\"a\":[[{\"b\":", "{\"c\":", 29},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text good = {0};
        text_printf(&good, "%s", rows[i].before);
        text_repeat(&good, rows[i].opening, rows[i].levels);
        const struct row fits = {good.bytes, good.length, "", 0};
        expect_all(&fits, 1, "malformed-json");
        const struct row one_more = {good.bytes, good.length, rows[i].opening,
                                     strlen(rows[i].opening)};
        expect_all(&one_more, 1, "nesting-too-deep");
        text_free(&good);
    }
    struct text deep = {0};
    text_repeat(&deep, "[", 1000000);
    const struct row row = {deep.bytes, 33, deep.bytes + 33, deep.length - 33};
    expect_all(&row, 1, "nesting-too-deep");
    text_free(&deep);
}

static void what_is_not_json_is_malformed_whatever_else_is_wrong(void **state)
{
    (void)state;
    static const struct row rows[] = {
        ROW("{\"predictions\":[\"x\"],\"bogus\":[1e999", ""),
        ROW("{\"predictions\":[[1],[2,3],4,null],\"targets\":\"\\", "x\"}"),
        ROW("{\"weights\":[-1],\"reduction\":\"no\",\"gradients\":[1,", "]}"),
        ROW("{\"predictions\":[1,\"", "\xFF\"]}"),
    };
    expect_all(rows, COUNT(rows), "malformed-json");

    /* a content fault early in a long body, a grammar fault at its end */
    struct text body = {0};
    text_printf(&body, "{\"predictions\":[1,null");
    text_repeat(&body, ",1.5", 200000);
    text_printf(&body, "],\"targets\":[0");
    const struct row row = {body.bytes, body.length, "0]}", 3};
    expect_all(&row, 1, "malformed-json");
    text_free(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_proper_prefix_of_a_request_is_malformed_at_its_length),
        cmocka_unit_test(a_text_is_malformed_at_the_byte_where_it_stops_being_json),
        cmocka_unit_test(a_member_name_given_twice_is_refused_at_the_second),
        cmocka_unit_test(nesting_past_33_levels_is_refused_at_the_bracket),
        cmocka_unit_test(what_is_not_json_is_malformed_whatever_else_is_wrong),
    };
    return cmocka_run_group_tests_name("test_malformed", tests, suite_open, suite_close);
}
