/* test_decimal_grammar.c - where decimal_parse finds a number, its end, its cut or its fault. */
#include "support/cmocka_all.h"
#include "support/decimal_check.h"

#include <stdio.h>
#include <string.h>

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
    for (size_t i = 0; i < COUNT(grammar); i++) {
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
    } faults[] = {{"x", 0},    {"-x", 1},      {"1.x", 2}, {"-0.x", 3}, {"1e,", 2},
                  {"1e+,", 3}, {"+1", 0},      {".5", 0},  {"-.5", 1},  {"1.e5,", 2},
                  {"]", 0},    {"12.5e-]", 6}, {"--1", 1}, {"\xff", 0}};
    for (size_t i = 0; i < COUNT(faults); i++) {
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
        for (size_t length = 0; length <= 5; length++)
            check_cut(text, length, expected_of(text, length));
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
    for (size_t i = 0; i < COUNT(beginnings); i++) {
        for (int byte = 1; byte < 256; byte++) {
            sprintf(text, "%s%c", beginnings[i], byte);
            check_against_reference(text);
            strcat(text, "5");
            check_against_reference(text);
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
    };
    return cmocka_run_group_tests(tests, decimal_check_map, NULL);
}
