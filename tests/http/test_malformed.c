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

/* Posts each body; after it, on the same connection, a request is answered as ever. */
static void expect_all(const struct row *rows, size_t count, const char *slug)
{
    for (size_t i = 0; i < count; i++) {
        const struct row *row = &rows[i];
        struct text body = {0};
        char offset[24];
        text_append(&body, row->good, row->good_length);
        text_append(&body, row->bad, row->bad_length);
        struct reply reply = client_send(
            &suite_client,
            (struct request){.body = body.bytes, .length = body.length, .chunked = true});
        cJSON *problem = reply_problem(&reply, 400, slug);
        const cJSON *found = cJSON_GetObjectItemCaseSensitive(problem, "offset");
        if (!found || found->valuedouble != (double)row->good_length)
            fail_msg("row %zu, %s: the offset is not %zu: %s", i, body.bytes, row->good_length,
                     reply.body.bytes);
        snprintf(offset, sizeof offset, "%zu", row->good_length);
        assert_non_null(
            strstr(cJSON_GetObjectItemCaseSensitive(problem, "detail")->valuestring, offset));
        cJSON_Delete(problem);
        reply_free(&reply);
        client_expect(&suite_client, "{\"predictions\":[3],\"targets\":[1],\"gradients\":[]}",
                      "{\"loss\":4}");
        text_free(&body);
    }
    assert_int_equal(suite_client.connections, 1);
}

static void a_text_that_ends_too_early_is_malformed_at_its_length(void **state)
{
    (void)state;
    static const struct row rows[] = {
        ROW("", ""),
        ROW(" \t\r\n", ""),
        ROW("{", ""),
        ROW("[", ""),
        ROW("[1", ""),
        ROW("[1,", ""),
        ROW("[[1],", ""),
        ROW("-", ""),
        ROW("1.", ""),
        ROW("1e", ""),
        ROW("1e-", ""),
        ROW("t", ""),
        ROW("fals", ""),
        ROW("[nul", ""),
        ROW("\"", ""),
        ROW("\"abc", ""),
        ROW("\"abc\\", ""),
        ROW("\"\\u", ""),
        ROW("\"\\u00a", ""),
        ROW("\"\\ud83d", ""),
        ROW("\"\\ud83d\\", ""),
        ROW("\"\\ud83d\\ude0", ""),
        ROW("\"\xF0\x9F\x98", ""),
        ROW("{\"a", ""),
        ROW("{\"a\"", ""),
        ROW("{\"a\":", ""),
        ROW("{\"a\":1", ""),
        ROW("{\"a\":1,", ""),
        ROW("{\"a\":1,\"b", ""),
        ROW("{\"predictions\":[1],\"targets\":[2]", ""),
        ROW("{\"predictions\":[1],\"targets\":[2] \n", ""),
        ROW("{\"predictions\":[\"x\"],\"bogus\":[1e999,{\"a\":[", ""),
    };
    expect_all(rows, COUNT(rows), "malformed-json");
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
    struct reply reply = client_post(&suite_client, whole);
    cJSON_Delete(reply_problem(&reply, 422, "unknown-member"));
    reply_free(&reply);
}

static void numbers_follow_the_grammar_of_json(void **state)
{
    (void)state;
    static const struct row rows[] = {
        ROW("[", "+1]"),
        ROW("[", ".5]"),
        ROW("[1.", "]"),
        ROW("[1.", "e1]"),
        ROW("[1.", ",2]"),
        ROW("[0", "1]"),
        ROW("[-0", "1]"),
        ROW("[0", "0]"),
        ROW("[-", "]"),
        ROW("[-", "-1]"),
        ROW("[-", ".1]"),
        ROW("[1e", "]"),
        ROW("[1e+", "]"),
        ROW("[1E-", ",1]"),
        ROW("[1e", ".5]"),
        ROW("[1e5", ".2]"),
        ROW("[1e+", "-2]"),
        ROW("[1e2", "e3]"),
        ROW("[1.2", ".3]"),
        ROW("[0", "x10]"),
        ROW("[1", "_000]"),
        ROW("[1", "f]"),
        ROW("[1", "a]"),
        ROW("[1 ", "2]"),
        ROW("[", "NaN]"),
        ROW("[", "Infinity]"),
        ROW("[-", "Infinity]"),
        ROW("[1", "\xEF\xBC\x92]"),
        ROW("[", "\xEF\xBC\x91]"),
        ROW("[1.5,2", "-3]"),
        ROW("[1.5,2", "+3]"),
        ROW("[12345678901234567890", "x]"),
        ROW("[0.1234567890123456789", "-]"),
        ROW("[-", "x]"),
        ROW("[-", "\"1\"]"),
        ROW("{\"predictions\":[1,2", ";3],\"targets\":[1,2,3]}"),
        ROW("{\"predictions\":[1,2.", "],\"targets\":[1,2]}"),
        ROW("{\"predictions\":[0", "1],\"targets\":[1]}"),
        ROW("{\"predictions\":[1],\"targets\":[1e", "}"),
        ROW("[-", " 1]"),
        ROW("[1,0", "00]"),
    };
    expect_all(rows, COUNT(rows), "malformed-json");
}

static void arrays_and_objects_follow_the_grammar_of_json(void **state)
{
    (void)state;
    static const struct row rows[] = {
        ROW("", "]"),
        ROW("", "}"),
        ROW("", ","),
        ROW("", ":"),
        ROW("[", ",1]"),
        ROW("[", "}"),
        ROW("[1,", "]"),
        ROW("[1,", ",2]"),
        ROW("[1,2", "}"),
        ROW("[1", ":2]"),
        ROW("[1", ";2]"),
        ROW("[\"a\"", "\"b\"]"),
        ROW("[[1]", "[2]]"),
        ROW("[[1],", "]"),
        ROW("[[1]", "}"),
        ROW("[1]", "]"),
        ROW("[1]", "x"),
        ROW("[1]", ",[2]"),
        ROW("[1] ", "[2]"),
        ROW("[]", "1"),
        ROW("{", "]"),
        ROW("{", ",}"),
        ROW("{", "a:1}"),
        ROW("{", "'a':1}"),
        ROW("{", "1:1}"),
        ROW("{", "null:1}"),
        ROW("{", "[1]:1}"),
        ROW("{", "{}:1}"),
        ROW("{\"a\"", "}"),
        ROW("{\"a\"", ",\"b\":1}"),
        ROW("{\"a\" ", "1}"),
        ROW("{\"a\"", "=1}"),
        ROW("{\"a\":", "}"),
        ROW("{\"a\":", ":1}"),
        ROW("{\"a\":", ",\"b\":1}"),
        ROW("{\"a\":1,", "}"),
        ROW("{\"a\":1,", ",\"b\":1}"),
        ROW("{\"a\":1,", "2}"),
        ROW("{\"a\":1", ";\"b\":2}"),
        ROW("{\"a\":1 ", "\"b\":2}"),
        ROW("{\"a\":1", "]"),
        ROW("{\"a\":1", ":2}"),
        ROW("{\"a\":[1", "}"),
        ROW("[{\"a\":1", "]"),
        ROW("{\"a\":{}", "]"),
        ROW("{}", "}"),
        ROW("{} ", "{}"),
        ROW("{}", ","),
        ROW("{}", "\0"),
        ROW("{}\n", "null"),
        ROW("\"a\"", "\"b\""),
        ROW("{\"predictions\":[1],\"targets\":[0],", "}"),
        ROW("{\"predictions\":[1],\"targets\":[0]}", "}"),
        ROW("{\"predictions\":[1],\"targets\":[0]}\n", "{\"predictions\":[1],\"targets\":[0]}"),
        ROW("{\"predictions\":[[1,2],[3,4]],\"targets\":[[]]", "]}"),
    };
    expect_all(rows, COUNT(rows), "malformed-json");
}

static void literals_comments_and_white_space_follow_the_grammar_of_json(void **state)
{
    (void)state;
    static const struct row rows[] = {
        ROW("", "x"),
        ROW("", "True"),
        ROW("", "NULL"),
        ROW("", "undefined"),
        ROW("", "'a'"),
        ROW("n", "an"),
        ROW("tru", "}"),
        ROW("true", "e"),
        ROW("nul", " l"),
        ROW("fal", "\0"),
        ROW("null", "1"),
        ROW("{\"a\":tru", "}"),
        ROW("[nul", "]"),
        ROW("[true", "false]"),
        ROW("", "//x\n{}"),
        ROW("", "#x\n{}"),
        ROW("{}", "/**/"),
        ROW("{}", "//"),
        ROW("[1", "/* two */,3]"),
        ROW("[", "\f1]"),
        ROW("[1", "\v]"),
        ROW("[1", "\0]"),
        ROW("[1", "\xC2\xA0]"),
        ROW("[1", "\xE2\x80\xA8]"),
        ROW("[", "\x1A]"),
        ROW("[", "\x7F]"),
        ROW("", "\0{}"),
        ROW("", "\xEF\xBB\xBF{\"predictions\":[1],\"targets\":[0]}"),
        ROW("", "\xFE\xFF\0{\0}"),
        ROW("{", "\0\"\0a\0\"\0"),
        ROW("", "%7B%7D"),
        ROW("", "predictions=1&targets=0"),
        ROW("", "<mse/>"),
    };
    expect_all(rows, COUNT(rows), "malformed-json");
}

static void strings_are_free_of_control_characters_and_false_escapes(void **state)
{
    (void)state;
    static const struct row rows[] = {
        ROW("[\"a", "\n\"]"),
        ROW("[\"", "\t\"]"),
        ROW("[\"", "\0\"]"),
        ROW("[\"abcdefghijklmnopqrstuvwxyz", "\x1F\"]"),
        ROW("{\"a", "\rb\":1}"),
        ROW("{\"predictions", "\0\":[1],\"targets\":[1]}"),
        ROW("[\"\\", "x41\"]"),
        ROW("[\"\\", "'\"]"),
        ROW("[\"\\", "0\"]"),
        ROW("[\"\\", "a\"]"),
        ROW("[\"\\", "U0041\"]"),
        ROW("[\"\\", "\n\"]"),
        ROW("[\"\\", "\0\"]"),
        ROW("[\"\\", "\xC3\xA9\"]"),
        ROW("[\"\\u", "\"]"),
        ROW("[\"\\u00", "\"]"),
        ROW("[\"\\u12", "G4\"]"),
        ROW("[\"\\u", "{41}\"]"),
        ROW("[\"\\u", "-041\"]"),
        ROW("[\"\\u004", " \"]"),
        ROW("{\"\\", "q\":1}"),
        ROW("[\"\\ud800", "\"]"),
        ROW("[\"\\ud800", "x\"]"),
        ROW("[\"\\uDBFF", "\xE2\x82\xAC\"]"),
        ROW("[\"\\ud800\\", "n\"]"),
        ROW("[\"\\ud800\\u", "0041\"]"),
        ROW("[\"\\ud800\\ud", "800\"]"),
        ROW("[\"\\u", "\x80\"]"),
        ROW("[\"\\ud", "c00\"]"),
        ROW("[\"\\uD", "fff\\ud800\"]"),
        ROW("{\"\\ud800", "\":1}"),
    };
    expect_all(rows, COUNT(rows), "malformed-json");
}

static void strings_are_utf_8(void **state)
{
    (void)state;
    static const struct row rows[] = {
        ROW("[\"", "\xFF\"]"),
        ROW("[\"", "\xFE\"]"),
        ROW("[\"", "\x80\"]"),
        ROW("[\"abc", "\xBF\"]"),
        ROW("[\"", "\xC0\xAF\"]"),
        ROW("[\"", "\xC1\xBF\"]"),
        ROW("[\"\xC3", "(\"]"),
        ROW("[\"\xC3", "\"]"),
        ROW("[\"\xC3", "\xC3\xA9\"]"),
        ROW("[\"\xC3\xA9", "\xA9\"]"),
        ROW("[\"\xE0", "\x80\x80\"]"),
        ROW("[\"\xE0", "\x9F\xBF\"]"),
        ROW("[\"\xE2\x82", "\"]"),
        ROW("[\"\xE2\x82", "\xE2\x82\xAC\"]"),
        ROW("[\"\xED", "\xA0\x80\"]"),
        ROW("[\"\xED", "\xBF\xBF\"]"),
        ROW("[\"\xF0", "\x80\x80\x80\"]"),
        ROW("[\"\xF0", "\x8F\xBF\xBF\"]"),
        ROW("[\"\xF0\x9F\x98", "\"]"),
        ROW("[\"\xF4", "\x90\x80\x80\"]"),
        ROW("[\"", "\xF5\x80\x80\x80\"]"),
        ROW("[\"", "\xF8\x88\x80\x80\x80\"]"),
        ROW("{\"\xE9", "\":1}"),
        ROW("{\"a\":1,\"", "\xFF\":2}"),
        ROW("[\"\xED", "\xA0\xBD\xED\xB8\x80\"]"),
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
        ROW("{\"\":1,", "\"\":2}"),
        ROW("{\"a\\u0000\":1,", "\"\\u0061\\u0000\":2}"),
        ROW("{\"\\ud83d\\ude00\":1,", "\"\xF0\x9F\x98\x80\":2}"),
        ROW("{\"\\u00e9\":1,", "\"\xC3\xA9\":2}"),
        ROW("{\"\\/\":1,", "\"/\":2}"),
        ROW("{\"\\u000a\":1,\"b\":2,", "\"\\n\":2}"),
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

static void names_that_differ_at_all_are_no_duplicates(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"predictions\":[1],\"Predictions\":[1],\"targets\":[1]}",
        "{\"predictions\":[1],\"predictions\\u0000\":[1],\"targets\":[1]}",
        "{\"predictions\":[1],\"predictions\\u0000a\":[1],\"predictions\\u0000b\":[1],\"targets\":["
        "1]}",
        "{\"predictions\":[1],\"targets\":[1],\"a\\u0000\":[1],\"a\\ufffd\":[1]}",
        "{\"predictions\":[1],\"targets\":[1],\"a\":[{\"b\":1},{\"b\":1},{\"a\":{\"a\":{\"b\":1}}}]"
        "}",
        "{\"predictions\":[1],\"targets\":[1],\"\\u00e9\":1,\"e\\u0301\":1}",
        "{\"predictions\":[1],\"targets\":[1],\"\":1,\" \":1}",
    };
    for (size_t i = 0; i < COUNT(bodies); i++) {
        struct reply reply = client_post(&suite_client, bodies[i]);
        cJSON_Delete(reply_problem(&reply, 422, "unknown-member"));
        reply_free(&reply);
    }
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
        {"{\"predictions\":", "[", 32},
        {"{\"predictions\":[1],\"targets\":", "[", 32},
        {"[[],[[[[]]]],{},", "[", 32},
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
        ROW("{\"predictions\":[1,[2],\"x\"],\"targets\":[1e999", "}"),
        ROW("{\"predictions\":[[1],[2,3],4,null],\"targets\":\"\\", "x\"}"),
        ROW("{\"weights\":[-1],\"reduction\":\"no\",\"gradients\":[1,", "]}"),
        ROW("{\"predictions\":[],\"targets\":{}", ""),
        ROW("[1e999,\"a\",[[1],[2,3]]", "}"),
        ROW("{\"predictions\":[1,null", "x],\"targets\":[0,0]}"),
        ROW("{\"predictions\":[1,{\"a\":1,\"b\":[1,", "]}]}"),
        ROW("{\"predictions\":[1,\"\\u", "x\"]}"),
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
        cmocka_unit_test(a_text_that_ends_too_early_is_malformed_at_its_length),
        cmocka_unit_test(every_proper_prefix_of_a_request_is_malformed_at_its_length),
        cmocka_unit_test(numbers_follow_the_grammar_of_json),
        cmocka_unit_test(arrays_and_objects_follow_the_grammar_of_json),
        cmocka_unit_test(literals_comments_and_white_space_follow_the_grammar_of_json),
        cmocka_unit_test(strings_are_free_of_control_characters_and_false_escapes),
        cmocka_unit_test(strings_are_utf_8),
        cmocka_unit_test(a_member_name_given_twice_is_refused_at_the_second),
        cmocka_unit_test(names_that_differ_at_all_are_no_duplicates),
        cmocka_unit_test(nesting_past_33_levels_is_refused_at_the_bracket),
        cmocka_unit_test(what_is_not_json_is_malformed_whatever_else_is_wrong),
    };
    return cmocka_run_group_tests_name("test_malformed", tests, suite_open, suite_close);
}
