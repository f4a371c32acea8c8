/* test_json_reader.c - what json_reader makes of documents. Every document is read cut at every
 * byte; see reading.h for the notation. */
#include "support/cmocka_all.h"
#include "support/guarded.h"
#include "support/reading.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row {
    const char *text;
    size_t length;
    const char *expected;
};

/* text is a literal and may hold U+0000. */
#define ROW(text, expected)              \
    {                                    \
        text, sizeof(text) - 1, expected \
    }

static void read_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) reads_as(rows[i].text, rows[i].length, rows[i].expected);
}

#define READ_ROWS(rows) read_rows(rows, sizeof(rows) / sizeof((rows)[0]))

static void arrays_that_begin_with_a_number_become_tensors(void **state)
{
    (void)state;
    static const struct row rows[] = {
        ROW("{\"predictions\":[1,2],\"targets\":[0,0]}",
            "{\"predictions\":[0],\"targets\":[1]} 2 1 2 2 0 0"),
        ROW("[1]", "[0] 1 1"),
        ROW("[-0]", "[0] 1 -0"),
        ROW("[[1,2],[3,4],[5,6]]", "[0] 3x2 1 2 3 4 5 6"),
        ROW("[[[1],[2]],[[3],[4]],[[5],[6]]]", "[0] 3x2x1 1 2 3 4 5 6"),
        ROW("[[[[1]]]]", "[0] 1x1x1x1 1"),
        ROW("{\"a\":{\"b\":[{\"c\":[[1.5]]}]}}", "{\"a\":{\"b\":[{\"c\":[0]}]}} 1x1 1.5"),
        ROW("[[\"a\"],[1,2]]", "[[\"a\"],[0]] 2 1 2"),
        ROW("[{},[[1]],[2]]", "[{},[0],[1]] 1x1 1 1 2"),
        ROW("[1,0.1,-12.5e-3,1E+2,123456789012345678901234567890,5e-324,2.2250738585072011e-308,1e-"
            "400]",
            "[0] 8 1 0.10000000000000001 -0.012500000000000001 100 1.2345678901234568e+29 "
            "4.9406564584124654e-324 "
            "2.2250738585072009e-308 0"),
        ROW("[[1,2,3],\n [4,5,6]\n]\n", "[0] 2x3 1 2 3 4 5 6"),
        ROW("{\"a\":[1],\"b\":[2],\"c\":[3],\"d\":[4],\"e\":[5],\"f\":[6],\"g\":[7],\"h\":[8]}",
            "{\"a\":[0],\"b\":[1],\"c\":[2],\"d\":[3],\"e\":[4],\"f\":[5],\"g\":[6],\"h\":[7]}"
            " 1 1 1 2 1 3 1 4 1 5 1 6 1 7 1 8"),
    };
    READ_ROWS(rows);
}

static void all_else_stands_in_the_outline_as_it_was_written(void **state)
{
    (void)state;
    static const struct row rows[] = {
        ROW("{}", "{}"),
        ROW("[]", "[]"),
        ROW("[[]]", "[[]]"),
        ROW("[[],[1]]", "[[],[0]] 1 1"),
        ROW("[[[]],1]", "[[[]],1]"),
        ROW("42", "42"),
        ROW("-0.0e-1", "-0.0e-1"),
        ROW("1e999", "1e999"),
        ROW("true", "true"),
        ROW("false", "false"),
        ROW(" null ", "null"),
        ROW("\"\"", "\"\""),
        ROW("{\"a\":1e999,\"b\":[true,1,-2.50],\"c\":null}",
            "{\"a\":1e999,\"b\":[true,1,-2.50],\"c\":null}"),
        ROW("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\ude00\"",
            "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\ude00\""),
        ROW("\"a b\x7f \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"",
            "\"a b\x7f \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\""),
        ROW(" { \"a b\" :\t[ \"c  d\" , true ]\r\n} ", "{\"a b\":[\"c  d\",true]}"),
        ROW("{\"a\":{\"a\":{\"a\":0}},\"b\":{\"a\":0}}",
            "{\"a\":{\"a\":{\"a\":0}},\"b\":{\"a\":0}}"),
    };
    READ_ROWS(rows);
}

static void an_escaped_nul_stands_in_the_outline_as_a_replacement_character(void **state)
{
    (void)state;
    static const struct row rows[] = {
        ROW("\"\\u0000\"", "\"\\ufffd\""),
        ROW("\"a\\u0000b\\u0000\"", "\"a\\ufffdb\\ufffd\""),
        ROW("{\"\\u0000\":1,\"\\uFFFD\":2}", "{\"\\ufffd\":1,\"\\uFFFD\":2}"),
        ROW("\"\\\\u0000\"", "\"\\\\u0000\""),
        ROW("\"\\ufffd\\uffFd\\u0000\"", "\"\\uFFFD\\uffFd\\ufffd\""),
        ROW("\"\\\\ufffd\"", "\"\\\\ufffd\""),
        ROW("{\"a\\u0000/\":[1,null]}", "NOT_A_NUMBER@15 /a\xef\xbf\xbd~1/1"),
    };
    READ_ROWS(rows);
}

static void bad_grammar_is_reported_at_the_first_byte_that_cannot_follow(void **state)
{
    (void)state;
    static const struct row rows[] = {
        ROW("[1,]", "SYNTAX@3 ']' a value"),
        ROW("[,1]", "SYNTAX@1 ',' a value or ']'"),
        ROW("[1,,2]", "SYNTAX@3 ',' a value"),
        ROW("[1 2]", "SYNTAX@3 '2' ',' or ']'"),
        ROW("[1}", "SYNTAX@2 '}' ',' or ']'"),
        ROW("]", "SYNTAX@0 ']' a value"),
        ROW("{\"a\":1]", "SYNTAX@6 ']' ',' or '}'"),
        ROW("{\"a\":1,}", "SYNTAX@7 '}' a member name"),
        ROW("{\"a\" 1}", "SYNTAX@5 '1' ':'"),
        ROW("{\"a\"::1}", "SYNTAX@5 ':' a value"),
        ROW("{\"a\":}", "SYNTAX@5 '}' a value"),
        ROW("{,}", "SYNTAX@1 ',' a member name or '}'"),
        ROW("{1:1}", "SYNTAX@1 '1' a member name or '}'"),
        ROW("{'a':1}", "SYNTAX@1 ''' a member name or '}'"),
        ROW("{} {}", "SYNTAX@3 '{' the end of the text"),
        ROW("[1]x", "SYNTAX@3 'x' the end of the text"),
        ROW("1 2", "SYNTAX@2 '2' the end of the text"),
        ROW("\xef\xbb\xbf{}", "SYNTAX@0 0xef a value"),
        ROW("[1]\0", "SYNTAX@3 0x00 the end of the text"),
        ROW("[\f1]", "SYNTAX@1 0x0c a value or ']'"),
        ROW("[1\xc2\xa0]", "SYNTAX@2 0xc2 ',' or ']'"),
        ROW("[nul]", "SYNTAX@4 ']' null"),
        ROW("[nan]", "SYNTAX@2 'a' null"),
        ROW("[NaN]", "SYNTAX@1 'N' a value or ']'"),
        ROW("[tRue]", "SYNTAX@2 'R' true"),
        ROW("[falsey]", "SYNTAX@6 'y' ',' or ']'"),
        ROW("/**/[]", "SYNTAX@0 '/' a value"),
    };
    READ_ROWS(rows);
}

static void a_bad_number_is_reported_at_its_byte(void **state)
{
    (void)state;
    static const struct row rows[] = {
        ROW("[01]", "SYNTAX@2 '1' ',' or ']'"),
        ROW("[-01]", "SYNTAX@3 '1' ',' or ']'"),
        ROW("[00]", "SYNTAX@2 '0' ',' or ']'"),
        ROW("[+1]", "SYNTAX@1 '+' a value or ']'"),
        ROW("[.5]", "SYNTAX@1 '.' a value or ']'"),
        ROW("[-]", "SYNTAX@2 ']' a digit"),
        ROW("[--1]", "SYNTAX@2 '-' a digit"),
        ROW("[-.5]", "SYNTAX@2 '.' a digit"),
        ROW("[-Infinity]", "SYNTAX@2 'I' a digit"),
        ROW("[1.]", "SYNTAX@3 ']' a digit"),
        ROW("[1.e1]", "SYNTAX@3 'e' a digit"),
        ROW("[1.5.5]", "SYNTAX@4 '.' ',' or ']'"),
        ROW("[1e]", "SYNTAX@3 ']' a digit"),
        ROW("[1e+]", "SYNTAX@4 ']' a digit"),
        ROW("[1e+-1]", "SYNTAX@4 '-' a digit"),
        ROW("[1e1.5]", "SYNTAX@4 '.' ',' or ']'"),
        ROW("[0x10]", "SYNTAX@2 'x' ',' or ']'"),
        ROW("[0e]", "SYNTAX@3 ']' a digit"),
        ROW("[1_000]", "SYNTAX@2 '_' ',' or ']'"),
        ROW("[1,2,3.x]", "SYNTAX@7 'x' a digit"),
        ROW("[1,2,-]", "SYNTAX@6 ']' a digit"),
        ROW("-", "TRUNCATED@1"),
        ROW("-x", "SYNTAX@1 'x' a digit"),
        ROW("1.", "TRUNCATED@2"),
        ROW("12e", "TRUNCATED@3"),
    };
    READ_ROWS(rows);
}

static void a_bad_string_is_reported_at_its_byte(void **state)
{
    (void)state;
    static const char control[] = "'\"' or a character that is no control character";
    static char expected[4][80];
    snprintf(expected[0], sizeof expected[0], "SYNTAX@2 0x0a %s", control);
    snprintf(expected[1], sizeof expected[1], "SYNTAX@1 0x00 %s", control);
    snprintf(expected[2], sizeof expected[2], "SYNTAX@1 0x1f %s", control);
    snprintf(expected[3], sizeof expected[3], "SYNTAX@3 0x09 %s", control);
    const struct row rows[] = {
        ROW("\"a\nb\"", expected[0]),
        ROW("\"\0\"", expected[1]),
        ROW("\"\x1f\"", expected[2]),
        ROW("{\"a\tb\":1}", expected[3]),
        ROW("\"\\x\"", "SYNTAX@2 'x' one of \" \\ / b f n r t u after a backslash"),
        ROW("\"\\\n\"", "SYNTAX@2 0x0a one of \" \\ / b f n r t u after a backslash"),
        ROW("\"\\U0041\"", "SYNTAX@2 'U' one of \" \\ / b f n r t u after a backslash"),
        ROW("\"\\u00g0\"", "SYNTAX@5 'g' a hexadecimal digit"),
        ROW("\"\\u12\"", "SYNTAX@5 '\"' a hexadecimal digit"),
        ROW("\"\\uD8\"", "SYNTAX@5 '\"' a hexadecimal digit"),
        ROW("\"\\ud800\"", "SURROGATE@7 '\"'"),
        ROW("\"\\ud800x\"", "SURROGATE@7 'x'"),
        ROW("\"\\ud800\\n\"", "SURROGATE@8 'n'"),
        ROW("\"\\uDBff\\u0041\"", "SURROGATE@9 '0'"),
        ROW("\"\\ud800\\ud800\"", "SURROGATE@10 '8'"),
        ROW("\"\\ud800\\uDx00\"", "SYNTAX@10 'x' a hexadecimal digit"),
        ROW("\"\\udc00\"", "SURROGATE@4 'c'"),
        ROW("\"\\uDFFF\\uD800\"", "SURROGATE@4 'F'"),
        ROW("\"\\ud83d\\ude00\\ude00\"", "SURROGATE@16 'e'"),
        ROW("{\"\\ud800\":1}", "SURROGATE@8 '\"'"),
        ROW("\"\x80\"", "ENCODING@1 0x80"),
        ROW("\"\xc0\xaf\"", "ENCODING@1 0xc0"),
        ROW("\"\xc1\xbf\"", "ENCODING@1 0xc1"),
        ROW("\"\xc3\"", "ENCODING@2 '\"'"),
        ROW("\"\xc3\xc3\"", "ENCODING@2 0xc3"),
        ROW("\"\xe0\x9f\xbf\"", "ENCODING@2 0x9f"),
        ROW("\"\xe0\xa0\x7f\"", "ENCODING@3 0x7f"),
        ROW("\"\xed\xa0\x80\"", "ENCODING@2 0xa0"),
        ROW("\"\xed\x9f\xbf\"", "\"\xed\x9f\xbf\""),
        ROW("\"\xf0\x8f\xbf\xbf\"", "ENCODING@2 0x8f"),
        ROW("\"\xf0\x90\x80\"", "ENCODING@4 '\"'"),
        ROW("\"\xf4\x8f\xbf\xbf\"", "\"\xf4\x8f\xbf\xbf\""),
        ROW("\"\xf4\x90\x80\x80\"", "ENCODING@2 0x90"),
        ROW("\"\xf5\x80\x80\x80\"", "ENCODING@1 0xf5"),
        ROW("\"\xff\"", "ENCODING@1 0xff"),
    };
    READ_ROWS(rows);
}

static void a_text_that_ends_early_is_truncated_at_its_length(void **state)
{
    (void)state;
    static const char whole[] =
        "{\"a\":[1.5e-3,-2],\"b\\n\\u00e9\\ud83d\\ude00\":[[],true,{\"c\":\"\xe2\x82\xac\"}]}";
    for (size_t length = 0; length < sizeof whole - 1; length++) {
        char expected[32];
        snprintf(expected, sizeof expected, "TRUNCATED@%zu", length);
        reads_as(whole, length, expected);
    }
    reads_as(" \n ", 3, "TRUNCATED@3");
    reads_as("tru", 3, "TRUNCATED@3");
}

static void a_member_name_given_twice_is_refused_however_it_is_written(void **state)
{
    (void)state;
    static const struct row rows[] = {
        ROW("{\"a\":1,\"a\":2}", "DUPLICATE@7"),
        ROW("{\"\":1,\"\":2}", "DUPLICATE@6"),
        ROW("{\"a\":1,\"b\":2,\"\\u0061\":3}", "DUPLICATE@13"),
        ROW("{\"\xc3\xa9\":1,\"\\u00E9\":2}", "DUPLICATE@8"),
        ROW("{\"\xf0\x9f\x98\x80\":1,\"\\ud83D\\uDE00\":2}", "DUPLICATE@10"),
        ROW("{\"\xe2\x82\xac\":1,\"\\u20ac\":2}", "DUPLICATE@9"),
        ROW("{\"\\/\\n\":1,\"/\\u000a\":2}", "DUPLICATE@10"),
        ROW("{\"\\u0000\":1,\"\\u0000\":2}", "DUPLICATE@12"),
        ROW("{\"a\":{\"b\":1,\"b\":2}}", "DUPLICATE@12"),
        ROW("{\"a\":{\"b\":1},\"b\":{\"b\":1},\"a\":0}", "DUPLICATE@25"),
        ROW("[{\"a\":1},{\"a\":1,\"a\":1}]", "DUPLICATE@16"),
        ROW("{\"a\":[1,null],\"a\":2}", "DUPLICATE@14"),
        ROW("{\"a\":1,\"a\n", "SYNTAX@9 0x0a '\"' or a character that is no control character"),
        ROW("{\"a\":1,\"A\":2,\"aa\":3,\"\":4,\"\\u0000\":5}",
            "{\"a\":1,\"A\":2,\"aa\":3,\"\":4,\"\\ufffd\":5}"),
    };
    READ_ROWS(rows);
}

static void elements_that_are_no_numbers_are_named(void **state)
{
    (void)state;
    static const struct row rows[] = {
        ROW("[1,null]", "NOT_A_NUMBER@3 /1"),
        ROW("[1,\"NaN\"]", "NOT_A_NUMBER@3 /1"),
        ROW("[1,{}]", "NOT_A_NUMBER@3 /1"),
        ROW("[1,false,[]]", "NOT_A_NUMBER@3 /1"),
        ROW("{\"targets\":[[1,2],[true,3]]}", "NOT_A_NUMBER@19 /targets/1/0"),
        ROW("{\"targets\":[[1,2],\"x\"]}", "NOT_A_NUMBER@18 /targets/1"),
        ROW("{\"a/b~c\":{\"\":[{\"d\":[1,null]}]}}", "NOT_A_NUMBER@22 /a~1b~0c//0/d/1"),
        ROW("{\"a\":0,\"b\":{\"c\":0,\"d\":0},\"e\":[1,null]}", "NOT_A_NUMBER@32 /e/1"),
        ROW("{\"\\u00e9\":[1,2,3,4,5,6,7,8,9,10,11,12,null]}", "NOT_A_NUMBER@38 /\xc3\xa9/12"),
        ROW("[[[1,2],[3,4]],[[5,6],[7,null]]]", "NOT_A_NUMBER@25 /1/1/1"),
    };
    READ_ROWS(rows);
}

static void arrays_of_unlike_lengths_are_named_with_both(void **state)
{
    (void)state;
    static const struct row rows[] = {
        ROW("[[1,2],[3]]", "RAGGED@9 /1 2 1"),
        ROW("[[1,2],[3,4,5]]", "RAGGED@13 /1 2 3"),
        ROW("[[1,2],[]]", "RAGGED@8 /1 2 0"),
        ROW("{\"a\":[[[1],[2]],[[3]]]}", "RAGGED@20 /a/1 2 1"),
        ROW("{\"a\":[[[1],[2]],[[3,4]]]}", "RAGGED@21 /a/1/0 1 2"),
        ROW("[[[1],[2]],[]]", "RAGGED@12 /1 2 0"),
        ROW("[[1,2],3]", "RAGGED@7 /1 2 -1"),
        ROW("[[[1],[2]],[3]]", "RAGGED@12 /1/0 1 -1"),
        ROW("[1,[2]]", "RAGGED@3 /1 0 -1"),
        ROW("[1,[]]", "RAGGED@3 /1 0 -1"),
        ROW("[[1,2],[3,[4]]]", "RAGGED@10 /1/1 0 -1"),
    };
    READ_ROWS(rows);
}

static void numbers_beyond_the_largest_double_are_named(void **state)
{
    (void)state;
    static const struct row rows[] = {
        ROW("[1,1e309]", "RANGE@3 /1"),
        ROW("{\"a\":[-1e400,1]}", "RANGE@6 /a/0"),
        ROW("[1.7976931348623157e308,1.7976931348623158e308]",
            "[0] 2 1.7976931348623157e+308 1.7976931348623157e+308"),
        ROW("[1.7976931348623159e308]", "RANGE@1 /0"),
        ROW("[[1],[1e999999999999999999999]]", "RANGE@6 /1/0"),
    };
    READ_ROWS(rows);
}

static void the_first_fault_of_content_counts_and_bad_grammar_outweighs_it(void **state)
{
    (void)state;
    static const struct row rows[] = {
        ROW("{\"a\":[1,null,1e999],\"b\":[[1],[]],\"c\":[1]}", "NOT_A_NUMBER@8 /a/1"),
        ROW("{\"a\":[1,1e999,null]}", "RANGE@8 /a/1"),
        ROW("[[1],[],[null]]", "RAGGED@6 /1 1 0"),
        ROW("[1,null", "TRUNCATED@7"),
        ROW("[1,nul", "TRUNCATED@6"),
        ROW("[1,1e999,]", "SYNTAX@9 ']' a value"),
        ROW("[[1],[],01]", "SYNTAX@9 '1' ',' or ']'"),
        ROW("[1,\"\xff\"]", "ENCODING@4 0xff"),
        ROW("[1,\"\\ud800\"]", "SURROGATE@10 '\"'"),
        ROW("[[1],[2,3]]]", "SYNTAX@11 ']' the end of the text"),
        ROW("[1,[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "NESTING@35"),
    };
    READ_ROWS(rows);
}

static void thirty_three_containers_may_be_open_and_no_more(void **state)
{
    (void)state;
    char text[128];
    char expected[128];
    for (int first = 0; first < 2; first++) {
        const char *open = first ? "{\"a\":" : "[true,";
        size_t length = 0;
        memcpy(text, open, strlen(open));
        length += strlen(open);
        memset(text + length, '[', 32);
        length += 32;
        memcpy(text + length, "7", 1);
        length += 1;
        memset(text + length, ']', 32);
        length += 32;
        text[length++] = first ? '}' : ']';
        snprintf(expected, sizeof expected, "%s[0]%c ", open, first ? '}' : ']');
        for (int i = 0; i < 32; i++) strcat(expected, i == 0 ? "1" : "x1");
        strcat(expected, " 7");
        reads_as(text, length, expected);

        memmove(text + strlen(open) + 1, text + strlen(open), length - strlen(open));
        text[strlen(open)] = '[';
        snprintf(expected, sizeof expected, "NESTING@%zu", strlen(open) + 32);
        reads_as(text, length + 1, expected);
        text[strlen(open) + 32] = '{';
        reads_as(text, length + 1, expected);
    }
}

static void nesting_of_any_depth_is_refused_in_constant_room(void **state)
{
    (void)state;
    enum { LENGTH = 100000 };
    char *text = malloc(LENGTH);
    assert_non_null(text);
    memset(text, '[', LENGTH);
    assert_string_equal(reading(text, LENGTH, 0, SIZE_MAX), "NESTING@33");
    for (size_t i = 0; i < LENGTH; i++) text[i] = "{\"a\":"[i % 5];
    assert_string_equal(reading(text, LENGTH, 7, SIZE_MAX), "NESTING@165");
    free(text);
}

static void a_root_array_of_a_rank_beyond_a_tensors_is_too_large(void **state)
{
    (void)state;
    char text[67];
    memset(text, '[', 33);
    text[33] = '1';
    memset(text + 34, ']', 33);
    reads_as(text, sizeof text, "LARGE@33");
}

/* "[" and then `count` copies of unit, the last without its final byte, and "]". */
static char *repeat(const char *unit, size_t count, size_t *length)
{
    size_t size = strlen(unit);
    char *text = malloc(size * count + 2);
    assert_non_null(text);
    char *p = text;
    *p++ = '[';
    for (size_t i = 0; i < count; i++, p += size) memcpy(p, unit, size);
    p[-1] = ']';
    *length = (size_t)(p - text);
    return text;
}

static void the_outline_holds_4095_bytes_and_no_more(void **state)
{
    (void)state;
    char text[4200];
    memset(text, 'x', sizeof text);
    text[0] = text[4094] = '"';
    assert_int_equal(strlen(reading(text, 4095, 1234, SIZE_MAX)), 4095);
    assert_int_equal(strlen(reading(text, 4095, SIZE_MAX, SIZE_MAX)), 4095);
    text[4094] = 'x';
    text[4095] = '"';
    assert_string_equal(reading(text, 4096, 1234, SIZE_MAX), "LARGE@0");
    assert_string_equal(reading(text, 4096, SIZE_MAX, SIZE_MAX), "LARGE@0");
    text[4095] = '\n';
    assert_memory_equal(reading(text, 4096, 0, SIZE_MAX), "SYNTAX@4095", 11);

    size_t length;
    char *trues = repeat("true,", 100000, &length);
    assert_string_equal(reading(trues, length, 300000, SIZE_MAX), "LARGE@4095");
    trues[length - 1] = '}';
    assert_string_equal(reading(trues, length, 300000, SIZE_MAX), "SYNTAX@500000 '}' ',' or ']'");
    free(trues);
}

static void eight_tensors_are_kept_and_no_more(void **state)
{
    (void)state;
    static const struct row rows[] = {
        ROW("[{},[1],[1],[1],[1],[1],[1],[1],[1]]", "[{},[0],[1],[2],[3],[4],[5],[6],[7]]"
                                                    " 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"),
        ROW("[{},[1],[1],[1],[1],[1],[1],[1],[1],[1]]", "LARGE@37"),
        ROW("[{},[1],[1],[1],[1],[1],[1],[1],[1],[1],[1]}", "SYNTAX@43 '}' ',' or ']'"),
    };
    READ_ROWS(rows);
}

static size_t write_members(char *text, int count)
{
    size_t length = 1;
    text[0] = '{';
    for (int i = 0; i < count; i++) length += (size_t)sprintf(text + length, "\"%d\":0,", i);
    text[length - 1] = '}';
    return length;
}

static void sixty_four_members_are_distinguished_and_more_are_too_many(void **state)
{
    (void)state;
    char text[1024];
    char expected[1024];
    size_t length = write_members(text, 64);
    snprintf(expected, sizeof expected, "%.*s", (int)length, text);
    reads_as(text, length, expected);
    length += (size_t)sprintf(text + length - 1, ",\"63\":1}") - 1;
    snprintf(expected, sizeof expected, "LARGE@%zu", length - 7);
    reads_as(text, length, expected);

    length = write_members(text, 64);
    memcpy(text + length - 7, "\"9\":0}", 6);
    snprintf(expected, sizeof expected, "DUPLICATE@%zu", length - 7);
    reads_as(text, length - 1, expected);
}

static void members_of_closed_objects_do_not_count(void **state)
{
    (void)state;
    size_t length;
    char *text = repeat("{\"a name of some length\":{\"c\":0}},", 110, &length);
    char *expected = malloc(length + 1);
    assert_non_null(expected);
    snprintf(expected, length + 1, "%.*s", (int)length, text);
    reads_as(text, length, expected);
    free(text);
    free(expected);
}

static void names_of_2048_bytes_are_distinguished_and_longer_ones_refused(void **state)
{
    (void)state;
    static const char end[] = "\":1,\"\\u0061\":[1,null]}";
    char text[3000] = "{\"";
    memset(text + 2, 'x', sizeof text - 2);
    memcpy(text + 2 + 2047, end, strlen(end));
    for (size_t cut = 0; cut < 3; cut++) {
        const char *line =
            reading(text, 2049 + strlen(end), cut == 0 ? SIZE_MAX : 1000 * cut, SIZE_MAX);
        assert_string_equal(line, "NOT_A_NUMBER@2065 /a/1");
    }
    text[2 + 2047] = 'x';
    memcpy(text + 2 + 2048, end, strlen(end));
    for (size_t cut = 0; cut < 3; cut++) {
        const char *line =
            reading(text, 2050 + strlen(end), cut == 0 ? SIZE_MAX : 1000 * cut, SIZE_MAX);
        assert_string_equal(line, "LARGE@2054");
    }
}

static void a_pointer_of_255_bytes_is_given_and_a_longer_one_left_out(void **state)
{
    (void)state;
    char text[300];
    char expected[300];
    for (int length = 251; length <= 254; length++) {
        int size = snprintf(text, sizeof text, "{\"%0*d~\":[1,null]}", length - 1, 0);
        bool fits = length + 4 <= 255; /* with /, ~0 for ~, and /1 */
        int n = snprintf(expected, sizeof expected, "NOT_A_NUMBER@%d", size - 6);
        if (fits) snprintf(expected + n, sizeof expected - (size_t)n, " /%0*d~0/1", length - 1, 0);
        reads_as(text, (size_t)size, expected);
    }
}

static void a_number_of_4096_bytes_is_read_and_a_longer_one_is_not(void **state)
{
    (void)state;
    static const char *const ends[] = {"", "e5", "E+0"};
    char text[5000];
    for (size_t i = 0; i < COUNT(ends); i++) {
        for (int digits = 4095; digits <= 4098; digits++) {
            int number = digits - (int)strlen(ends[i]);
            int n = sprintf(text, "[[2,0.%0*d%s,3]]", number - 2, 1, ends[i]);
            for (size_t cut = 0; cut < 3; cut++) {
                const char *line = reading(text, (size_t)n,
                                           cut == 0   ? 0
                                           : cut == 1 ? 2000
                                                      : SIZE_MAX,
                                           SIZE_MAX);
                assert_string_equal(line, digits <= 4096 ? "[0] 1x3 2 0 3" : "LONG_NUMBER@4 /0/1");
            }
        }
        text[3000] = '!';
        assert_string_equal(reading(text, 4000, SIZE_MAX, SIZE_MAX), "SYNTAX@3000 '!' ',' or ']'");
    }
    memset(text, '9', sizeof text);
    assert_string_equal(reading(text, sizeof text, 4999, SIZE_MAX), "LONG_NUMBER@0");
    assert_string_equal(reading(text, sizeof text, SIZE_MAX, SIZE_MAX), "LONG_NUMBER@0");
    memcpy(text + 4500, "e+.", 3);
    assert_string_equal(reading(text, sizeof text, 4200, SIZE_MAX), "SYNTAX@4502 '.' a digit");
    assert_string_equal(reading(text, sizeof text, 0, SIZE_MAX), "SYNTAX@4502 '.' a digit");
}

static void a_long_number_is_reported_at_the_end_of_a_row(void **state)
{
    (void)state;
    char text[5000];
    for (int digits = 4096; digits <= 4097; digits++) {
        int n = sprintf(text, "[[1,2],[3,0.%0*d],[5,6]]", digits - 2, 1);
        const char *expected = digits == 4096 ? "[0] 3x2 1 2 3 0 5 6" : "LONG_NUMBER@10 /1/1";
        assert_string_equal(reading(text, (size_t)n, 0, SIZE_MAX), expected);
        assert_string_equal(reading(text, (size_t)n, 100, SIZE_MAX), expected);
        assert_string_equal(reading(text, (size_t)n, SIZE_MAX, SIZE_MAX), expected);
    }
}

static void no_limit_outweighs_an_earlier_fault_of_content(void **state)
{
    (void)state;
    char text[8000];
    int n = sprintf(text, "[1,null,%04500d]", 0);
    memset(text + 8, '7', 4500);
    assert_string_equal(reading(text, (size_t)n, 0, SIZE_MAX), "NOT_A_NUMBER@3 /1");
    n = sprintf(text, "[1,null,\"%05000d\"]", 0);
    assert_string_equal(reading(text, (size_t)n, 0, SIZE_MAX), "NOT_A_NUMBER@3 /1");
    n = sprintf(text, "[1,null,{\"%05000d\":0}]", 0);
    assert_string_equal(reading(text, (size_t)n, 0, SIZE_MAX), "NOT_A_NUMBER@3 /1");
    n = sprintf(text, "[1,null,");
    n += (int)write_members(text + n, 70);
    text[n++] = ']';
    assert_string_equal(reading(text, (size_t)n, 0, SIZE_MAX), "NOT_A_NUMBER@3 /1");
}

static void a_number_is_read_to_its_last_digit_wherever_it_is_cut(void **state)
{
    (void)state;
    static const struct row rows[] = {
        ROW("[0.1000000000000000055511151231257827021181583404541015625]",
            "[0] 1 0.10000000000000001"),
        ROW("[9007199254740993.0000000000000000000000000000000001]", "[0] 1 9007199254740994"),
        ROW("[9007199254740993.0000000000000000000000000000000000]", "[0] 1 9007199254740992"),
        ROW("[-2.4703282292062327208299439634110865e-324]", "[0] 1 -0"),
        ROW("[2.4703282292062328e-324]", "[0] 1 4.9406564584124654e-324"),
        ROW("[0.00000000000000000000000000000000000000000000000000000000000000001e66]", "[0] 1 10"),
    };
    READ_ROWS(rows);
}

static void a_budget_spent_at_any_growth_is_reported_and_given_back(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    size_t length;
    char *text = repeat("7,", COUNT, &length);
    struct tensor_budget unlimited = {.limit = SIZE_MAX};
    struct tensor grown;
    tensor_init(&grown, &unlimited);
    while (grown.capacity < COUNT) {
        char expected[32];
        snprintf(expected, sizeof expected, "MEMORY@%zu", 1 + 2 * grown.capacity);
        assert_true(tensor_grow(&grown));
        assert_string_equal(reading(text, length, length / 2, unlimited.used - 1), expected);
    }
    tensor_free(&grown);
    free(text);
}

static void a_spent_budget_outweighs_whatever_follows(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[1,2],\"b\":[3,null]}";
    for (size_t cut = 0; cut < sizeof text - 1; cut++) {
        assert_string_equal(reading(text, sizeof text - 1, cut, 0), "MEMORY@6");
        assert_string_equal(reading(text, sizeof text - 1, cut, 512 + 511), "MEMORY@16");
        assert_string_equal(reading(text, sizeof text - 1, cut, 1024), "NOT_A_NUMBER@18 /b/1");
        assert_string_equal(reading(text, sizeof text - 2, cut, 0), "MEMORY@6");
        assert_string_equal(reading("[1,]", 4, cut % 4, 0), "MEMORY@1");
    }
}

static void a_hundred_thousand_elements_are_read_whatever_the_layout(void **state)
{
    (void)state;
    static const char *const units[] = {"%d,", "%d, ", "%d.5,\n      ", "%d ,\t", "%de0\r\n,"};
    enum { COUNT = 100000 };
    for (size_t u = 0; u < COUNT(units); u++) {
        char *text = malloc(COUNT * 16);
        assert_non_null(text);
        size_t length = 1;
        text[0] = '[';
        for (int i = 0; i < COUNT; i++) length += (size_t)sprintf(text + length, units[u], i);
        while (text[length - 1] != ',') length--;
        text[length - 1] = ']';
        struct tensor_budget budget = {.limit = SIZE_MAX};
        static struct json_reader reader;
        json_reader_init(&reader, &budget);
        for (size_t at = 0; at < length; at += 4093) {
            size_t chunk = length - at < 4093 ? length - at : 4093;
            json_reader_feed(&reader, guarded(text + at, chunk), chunk);
        }
        assert_int_equal(json_reader_finish(&reader), JSON_READER_DONE);
        assert_int_equal(reader.tensors[0].length, COUNT);
        assert_int_equal(budget.used, COUNT * sizeof(double));
        for (int i = 0; i < COUNT; i++) {
            if (reader.tensors[0].values[i] != i + (u == 2 ? 0.5 : 0))
                fail_msg("unit %zu, element %d", u, i);
        }
        json_reader_free(&reader);
        assert_int_equal(budget.used, 0);
        free(text);
    }
}

static void rows_are_read_whatever_their_length(void **state)
{
    (void)state;
    static const char *const commas[] = {",", ", ", "\n,\n   "};
    enum { COUNT = 5040 };
    for (int row = 1; row <= 70; row++) {
        if (COUNT % row != 0) continue;
        char *text = malloc(COUNT * 24);
        assert_non_null(text);
        size_t length = 1;
        text[0] = '[';
        for (int i = 0; i < COUNT; i++) {
            const char *comma = commas[row % 3];
            length += (size_t)sprintf(text + length, "%s%d.25%s", i % row == 0 ? "[" : "", i,
                                      (i + 1) % row == 0 ? "]" : "");
            length += (size_t)sprintf(text + length, "%s", i < COUNT - 1 ? comma : "]");
        }
        static struct json_reader reader;
        struct tensor_budget budget = {.limit = SIZE_MAX};
        for (size_t chunk = 1; chunk < 100; chunk += 7) {
            json_reader_init(&reader, &budget);
            for (size_t at = 0, size; at < length; at += size) {
                size = length - at < chunk * chunk ? length - at : chunk * chunk;
                json_reader_feed(&reader, guarded(text + at, size), size);
            }
            assert_int_equal(json_reader_finish(&reader), JSON_READER_DONE);
            assert_int_equal(reader.error.fault, JSON_READER_NO_FAULT);
            assert_int_equal(reader.tensors[0].shape[0], COUNT / row);
            assert_int_equal(reader.tensors[0].shape[1], row);
            assert_int_equal(reader.tensors[0].length, COUNT);
            for (int i = 0; i < COUNT; i++) assert_true(reader.tensors[0].values[i] == i + 0.25);
            json_reader_free(&reader);
        }
        free(text);
    }
}

static void a_fault_in_a_later_row_is_reported_as_in_the_first(void **state)
{
    (void)state;
    static const struct row rows[] = {
        ROW("[[1,2],[3,4],[5,6,7]]", "RAGGED@19 /2 2 3"),
        ROW("[[1,2],[3,4],[5],[6,7]]", "RAGGED@15 /2 2 1"),
        ROW("[[1,2],[3,4],[],[6,7]]", "RAGGED@14 /2 2 0"),
        ROW("[[1,2],[3,4],[,]]", "SYNTAX@14 ',' a value or ']'"),
        ROW("[[1,2],[3,4],[5,]]", "SYNTAX@16 ']' a value"),
        ROW("[[1,2],[3,4],[null,6]]", "NOT_A_NUMBER@14 /2/0"),
        ROW("[[1,2],[3,4],[5,null]]", "NOT_A_NUMBER@16 /2/1"),
        ROW("[[1,2],[3,4],[5,6e999],[7,8]]", "RANGE@16 /2/1"),
        ROW("[[1,2],[3,4],[5,6],7]", "RAGGED@19 /3 2 -1"),
        ROW("[[1,2],[3,4],[5,[6]],7]", "RAGGED@16 /2/1 0 -1"),
        ROW("[[1,2],[3,4],[5,6]],[7,8]]", "SYNTAX@19 ',' the end of the text"),
        ROW("[[1,2],[3,4][5,6]]", "SYNTAX@12 '[' ',' or ']'"),
        ROW("[[1],[2],[3],[4]", "TRUNCATED@16"),
        ROW("[[[1],[2]],[[3],[4],[5]]]", "RAGGED@23 /1 2 3"),
    };
    READ_ROWS(rows);
}

static void a_tensor_moved_out_belongs_to_the_caller(void **state)
{
    (void)state;
    struct tensor_budget budget = {.limit = SIZE_MAX};
    struct json_reader reader;
    json_reader_init(&reader, &budget);
    json_reader_feed(&reader, "{\"a\":[1],\"b\":[2]}", 17);
    assert_int_equal(json_reader_finish(&reader), JSON_READER_DONE);
    struct tensor mine = reader.tensors[1];
    tensor_init(&reader.tensors[1], &budget);
    json_reader_free(&reader);
    assert_int_equal(budget.used, mine.capacity * sizeof(double));
    assert_true(mine.values[0] == 2);
    tensor_free(&mine);
    assert_int_equal(budget.used, 0);
}

static void a_whole_document_is_done_before_it_is_finished(void **state)
{
    (void)state;
    struct tensor_budget budget = {.limit = SIZE_MAX};
    struct json_reader reader;
    json_reader_init(&reader, &budget);
    assert_int_equal(json_reader_feed(&reader, NULL, 0), JSON_READER_MORE);
    assert_int_equal(json_reader_feed(&reader, "[1", 2), JSON_READER_MORE);
    assert_int_equal(json_reader_feed(&reader, "]", 1), JSON_READER_DONE);
    assert_int_equal(json_reader_feed(&reader, " \n", 2), JSON_READER_DONE);
    assert_int_equal(json_reader_feed(&reader, "x", 1), JSON_READER_BAD);
    assert_int_equal(json_reader_feed(&reader, "]", 1), JSON_READER_BAD);
    assert_int_equal(json_reader_finish(&reader), JSON_READER_BAD);
    assert_int_equal(reader.error.offset, 5);
    assert_int_equal(budget.used, 0);
    json_reader_free(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_that_begin_with_a_number_become_tensors),
        cmocka_unit_test(all_else_stands_in_the_outline_as_it_was_written),
        cmocka_unit_test(an_escaped_nul_stands_in_the_outline_as_a_replacement_character),
        cmocka_unit_test(bad_grammar_is_reported_at_the_first_byte_that_cannot_follow),
        cmocka_unit_test(a_bad_number_is_reported_at_its_byte),
        cmocka_unit_test(a_bad_string_is_reported_at_its_byte),
        cmocka_unit_test(a_text_that_ends_early_is_truncated_at_its_length),
        cmocka_unit_test(a_member_name_given_twice_is_refused_however_it_is_written),
        cmocka_unit_test(elements_that_are_no_numbers_are_named),
        cmocka_unit_test(arrays_of_unlike_lengths_are_named_with_both),
        cmocka_unit_test(numbers_beyond_the_largest_double_are_named),
        cmocka_unit_test(the_first_fault_of_content_counts_and_bad_grammar_outweighs_it),
        cmocka_unit_test(thirty_three_containers_may_be_open_and_no_more),
        cmocka_unit_test(nesting_of_any_depth_is_refused_in_constant_room),
        cmocka_unit_test(a_root_array_of_a_rank_beyond_a_tensors_is_too_large),
        cmocka_unit_test(the_outline_holds_4095_bytes_and_no_more),
        cmocka_unit_test(eight_tensors_are_kept_and_no_more),
        cmocka_unit_test(sixty_four_members_are_distinguished_and_more_are_too_many),
        cmocka_unit_test(members_of_closed_objects_do_not_count),
        cmocka_unit_test(names_of_2048_bytes_are_distinguished_and_longer_ones_refused),
        cmocka_unit_test(a_pointer_of_255_bytes_is_given_and_a_longer_one_left_out),
        cmocka_unit_test(a_number_of_4096_bytes_is_read_and_a_longer_one_is_not),
        cmocka_unit_test(a_long_number_is_reported_at_the_end_of_a_row),
        cmocka_unit_test(no_limit_outweighs_an_earlier_fault_of_content),
        cmocka_unit_test(a_number_is_read_to_its_last_digit_wherever_it_is_cut),
        cmocka_unit_test(a_budget_spent_at_any_growth_is_reported_and_given_back),
        cmocka_unit_test(a_spent_budget_outweighs_whatever_follows),
        cmocka_unit_test(a_hundred_thousand_elements_are_read_whatever_the_layout),
        cmocka_unit_test(rows_are_read_whatever_their_length),
        cmocka_unit_test(a_fault_in_a_later_row_is_reported_as_in_the_first),
        cmocka_unit_test(a_tensor_moved_out_belongs_to_the_caller),
        cmocka_unit_test(a_whole_document_is_done_before_it_is_finished),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
