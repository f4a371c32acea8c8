/* test_decimal_grammar.c - where decimal_parse and decimal_parse_run find a number, its end, its cut or its fault. */
#include "bits.h"
#include "decimal_check.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *const grammar[] = {
    "-17976931348623157e292",
    "-1.7976931348623159E+308",
    "2.4703282292062327208e-324",
    "6929495644600919.5",
    "0.12345678901234567,",
    "-0.000012345678901234567,",
    "1e99999999999999999999",
    "1e-99999999999999999999",
    "0.0000000000000000000000000000000000000000000001",
    "",
    "-",
    "+1",
    "0",
    "-0",
    "00",
    "01",
    "-01",
    "1",
    "10",
    ".5",
    "-.5",
    "5.",
    "5.e1",
    "5.x",
    "0.5",
    "0.5.5",
    "0..5",
    "1e",
    "1E",
    "1e+",
    "1e-",
    "1e+x",
    "1ex",
    "1e5",
    "1e5.5",
    "1e5e5",
    "1.5e+05",
    "1.5E-007",
    "--1",
    "-a",
    "NaN",
    "nan",
    "inf",
    "Infinity",
    "-inf",
    "-Infinity",
    "0x10",
    "1f",
    "1_000",
    "1,5",
    "\x80",
    "1\xff",
    "1.\xb0",
    "1.5\xba",
    "1e\xb1",
    "-\xc0",
    "1e--5",
    "1e+-5",
    "1e5-",
    "\0011",
    "1\001",
    "/1",
    ":1",
    "1/",
    "1:",
    "1.2/",
    "1.2:",
    " 1",
    "\t1",
    "1.0E+",
    "-e5",
    "1e400x",
    "1.e",
    "0e",
    "0e+0",
    "-0.0e-0x",
    "0.00e+00,",
    "12345678",
    "123456789",
    "1234567/",
    "1234567:",
    "12345678/",
    "12345678.12345678/",
    "12345678.1234567:",
    "0.1234567890123456789012345678901/",
    "0.12345678901234567890123456789012345678901234567890123456789012345678901234567890:",
    "1234567890123456789012345.e",
    "123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890e+x",
};

static void every_cut_of_a_text_is_more_or_bad_by_the_viable_prefix_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof grammar / sizeof grammar[0]; i++) {
        for (size_t length = 0; length <= strlen(grammar[i]); length++)
            check_cut(grammar[i], length, expected_of(grammar[i], length));
        check_against_reference(grammar[i]);
    }
    const char *long_text = text_of("-0.", '3', 4000, "e-17");
    for (size_t length = 0; length <= strlen(long_text); length++)
        check_cut(long_text, length, expected_of(long_text, length));
}

static void the_offending_byte_is_named(void **state)
{
    (void)state;
    const struct {
        const char *text;
        size_t offset;
    } faults[] = {{"x", 0},  {"-x", 1},  {"1.x", 2},   {"-0.x", 3}, {"1e,", 2},     {"1e+,", 3}, {"+1", 0},
                  {".5", 0}, {"-.5", 1}, {"1.e5,", 2}, {"]", 0},    {"12.5e-]", 6}, {"--1", 1},  {"\xff", 0}};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        const char *text = faults[i].text;
        check_cut(text, strlen(text), (struct result){DECIMAL_BAD, faults[i].offset, UNSET});
        check_whole(text, (struct result){DECIMAL_BAD, faults[i].offset, UNSET});
    }
}

/* Every text of up to five of the bytes that matter. */
static void every_short_text_is_judged_by_the_grammar(void **state)
{
    (void)state;
    static const char alphabet[] = "05.-+eE,";
    char text[6];
    for (unsigned n = 0; n < 1 << 15; n++) {
        for (size_t i = 0; i < 5; i++) text[i] = alphabet[n >> 3 * i & 7];
        for (size_t length = 0; length <= 5; length++) check_cut(text, length, expected_of(text, length));
        text[5] = '\0';
        check_against_reference(text);
    }
}

/* Every byte there is after every kind of beginning. */
static void every_byte_after_every_beginning_is_judged_by_the_grammar(void **state)
{
    (void)state;
    const char *const beginnings[] = {
        "", "-", "0", "7", "7.", "7.5", "7e", "7e+", "7e5", "1234567", "0.1234567890123456"};
    char text[32];
    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++) {
        for (int byte = 1; byte < 256; byte++) {
            sprintf(text, "%s%c", beginnings[i], byte);
            check_against_reference(text);
            strcat(text, "5");
            check_against_reference(text);
        }
    }
}

/* ---- runs */

#define RUN_MAX 64

/* A run by its definition, read with reference_parse. */
static size_t expected_run(const char *text, const char *limit, const char **end, double *values, size_t room)
{
    const char *const white = " \t\n\r", *p = text;
    size_t count = 0;
    for (*end = text; count < room; count++, *end = ++p) {
        while (p < limit && *p && strchr(white, *p)) p++;
        const char *number = p;
        if (reference_parse(p, limit, &p, &values[count]) != DECIMAL_DONE) break;
        if (p - number > DECIMAL_RUN_NUMBER_MAX) break;
        while (p < limit && *p && strchr(white, *p)) p++;
        if (p == limit || *p != ',') break;
    }
    return count;
}

static void check_run(const char *text, const char *limit, size_t room)
{
    double values[RUN_MAX], expected[RUN_MAX];
    memset(values, 0x55, sizeof values);
    memset(expected, 0x55, sizeof expected);
    const char *end, *expected_end;
    size_t expected_count = expected_run(text, limit, &expected_end, expected, room);
    expected[expected_count < RUN_MAX ? expected_count : 0] = values[expected_count < RUN_MAX ? expected_count : 0];
    size_t count = decimal_parse_run(text, limit, &end, values, room);
    if (count != expected_count || end != expected_end)
        fail_msg("\"%.*s\": %zu to %zu; expected %zu to %zu", (int)(limit - text), text, count, (size_t)(end - text),
                 expected_count, (size_t)(expected_end - text));
    assert_memory_equal(values, expected, count * sizeof values[0]);
}

static size_t random_run(char *text, uint64_t *random)
{
    const char *const between[] = {",", ", ", ",\n  ", " , ", ",\t\r\n ", "\n,", ",,", ";", "]", ",x", "], [", ",]"};
    const char *const formats[] = {"%.17g", "%.6f", "%.3g", "%.0f", "%.16f", "%.20e", "%.20f", "%.19f"};
    unsigned style = (unsigned)(random_bits(random) % 8), usual = (unsigned)(random_bits(random) % 4);
    unsigned faults = random_bits(random) % 2 ? 12 : 6;
    char *p = text;
    for (int i = 0; i < 20; i++) {
        uint64_t draw = random_bits(random);
        double value = draw % 9 ? (double)(int32_t)draw / 1e9 : random_double(random);
        if (draw >> 40 & 1) value *= 1e-5;
        p += sprintf(p, formats[draw >> 50 & 3 ? style : (draw >> 54) % 8], value);
        p += sprintf(p, "%s", between[draw >> 48 & 15 ? usual : (draw >> 58) % faults]);
    }
    return (size_t)(p - text);
}

static void runs_hold_what_their_elements_hold_one_by_one(void **state)
{
    (void)state;
    static char text[RUN_MAX * 400];
    uint64_t random = 4;
    for (int i = 0; i < 4000; i++) {
        size_t length = random_run(text, &random);
        check_run(text, text + length, RUN_MAX);
        check_run(text, text + length, random_bits(&random) % 20);
        size_t cut = random_bits(&random) % length;
        check_run(text + cut, text + length, RUN_MAX);
    }
}

static void a_run_reads_nothing_before_its_text(void **state)
{
    (void)state;
    for (int first = 1; first < 30; first++) {
        for (int fraction = 1; fraction < 20; fraction++) {
            int length = sprintf(page_begin, "%0*d,0.%0*d,%064d", first, 0, fraction, 5, 0);
            page_begin[0] = '1'; /* no zeros begin a number */
            check_run(page_begin, page_begin + length, RUN_MAX);
        }
    }
}

static void a_run_stops_before_a_number_that_is_too_long(void **state)
{
    (void)state;
    const char *end;
    double values[3];
    for (size_t length = DECIMAL_RUN_NUMBER_MAX - 1; length <= DECIMAL_RUN_NUMBER_MAX + 1; length++) {
        char *text = text_of("1, 0.", '3', length - 2, ",-7 ,");
        size_t fits = length <= DECIMAL_RUN_NUMBER_MAX;
        check_run(text, text + strlen(text), 3);
        assert_int_equal(decimal_parse_run(text, text + strlen(text), &end, values, 3), fits ? 3 : 1);
        assert_ptr_equal(end, fits ? text + strlen(text) : text + 2);
    }
}

static void a_run_is_cut_at_every_byte_without_reading_beyond(void **state)
{
    (void)state;
    static char text[RUN_MAX * 400];
    uint64_t random = 5;
    for (int i = 0; i < 40; i++) {
        size_t length = random_run(text, &random);
        if (length > LENGTH_MAX) continue;
        for (size_t cut = 0; cut <= length; cut++) {
            char *at_end = memcpy(page_end - cut, text, cut);
            check_run(at_end, page_end, RUN_MAX);
            memcpy(page_begin, text, cut);
            check_run(page_begin, page_begin + cut, RUN_MAX);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut_of_a_text_is_more_or_bad_by_the_viable_prefix_rule),
        cmocka_unit_test(the_offending_byte_is_named),
        cmocka_unit_test(every_short_text_is_judged_by_the_grammar),
        cmocka_unit_test(every_byte_after_every_beginning_is_judged_by_the_grammar),
        cmocka_unit_test(runs_hold_what_their_elements_hold_one_by_one),
        cmocka_unit_test(a_run_reads_nothing_before_its_text),
        cmocka_unit_test(a_run_stops_before_a_number_that_is_too_long),
        cmocka_unit_test(a_run_is_cut_at_every_byte_without_reading_beyond),
    };
    return cmocka_run_group_tests(tests, decimal_check_map, NULL);
}
