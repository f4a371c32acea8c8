/* test_decimal_run.c - runs of array elements, read many at a time and one by one: each form must
 * hold what its elements hold by themselves, and end where they do. */
#include "cpu.h"
#include "decimal/decimal.h"
#include "support/bits.h"
#include "support/cmocka_all.h"
#include "support/decimal_check.h"
#include "support/random.h"

#include <stdio.h>
#include <string.h>

#define RUN_MAX  1100
#define TEXT_MAX 32768

/* Has the form read that a test is run for. */
static void use_form(void **state)
{
    if (!cpu_use(*state)) skip(); /* this CPU has not the instructions */
}

static const char *skip_white(const char *p, const char *limit)
{
    while (p < limit && *p && strchr(" \t\n\r", *p)) p++;
    return p;
}

/* A run by its definition, read with reference_parse. */
static size_t expected_run(const char *text, const char *limit, const char **end, double *values,
                           size_t room, struct decimal_row row)
{
    const char *p = text;
    size_t count = 0;
    for (*end = text; count < room; count++, *end = p) {
        const char *number = p = skip_white(p, limit);
        if (reference_parse(p, limit, &p, &values[count]) != DECIMAL_DONE) break;
        if (p - number > DECIMAL_RUN_NUMBER_MAX) break;
        int is_last = row.length > 0 && (row.index + count + 1) % row.length == 0;
        const char *separator = is_last ? "],[" : ",";
        for (; *separator; separator++, p++) {
            p = skip_white(p, limit);
            if (p == limit || *p != *separator) return count;
        }
    }
    return count;
}

static void check_row(const char *text, const char *limit, size_t room, struct decimal_row row)
{
    static double values[RUN_MAX + 8], expected[RUN_MAX];
    const double untouched = double_of(UNSET);
    const char *end = NULL, *expected_end;
    assert_true(room <= RUN_MAX);
    for (size_t i = room; i < room + 8; i++) values[i] = untouched;
    size_t expected_count = expected_run(text, limit, &expected_end, expected, room, row);
    size_t count = decimal_parse_run(text, limit, &end, values, room, row);
    if (count != expected_count || end != expected_end)
        fail_msg("\"%.*s\": %zu to %zu; expected %zu to %zu; in rows of %zu from %zu",
                 (int)(limit - text), text, count, (size_t)(end - text), expected_count,
                 (size_t)(expected_end - text), row.length, row.index);
    for (size_t i = 0; i < count; i++) {
        if (bits_of(values[i]) != bits_of(expected[i]))
            fail_msg("\"%.*s\": [%zu] is %.17g, not %.17g", (int)(limit - text), text, i, values[i],
                     expected[i]);
    }
    for (size_t i = room; i < room + 8; i++)
        assert_int_equal(bits_of(values[i]), bits_of(untouched));
}

static void check_run(const char *text, const char *limit, size_t room)
{
    check_row(text, limit, room, (struct decimal_row){0, 0});
}

/* Where nothing may be read before the text, and where nothing may be read after it. */
static void check_guarded(const char *text, size_t length, size_t room)
{
    assert_true(length < LENGTH_MAX);
    memcpy(page_begin, text, length);
    memset(page_begin + length, '7', 64);
    check_run(page_begin, page_begin + length, room);
    check_run(memcpy(page_end - length, text, length), page_end, room);
}

static const char *const separators[] = {",",  ", ", ",\n  ", " , ", ",\t\r\n ", "\n,",
                                         ",,", ";",  "]",     ",x",  "], [",     ",]"};

static size_t random_run(char *text, unsigned elements, uint64_t *random)
{
    const char *const formats[] = {"%.17g", "%.6f",  "%.3g",  "%.0f",
                                   "%.16f", "%.20e", "%.20f", "%.19f"};
    unsigned style = (unsigned)(random_bits(random) % 8),
             usual = (unsigned)(random_bits(random) % 4);
    unsigned kinds = random_bits(random) % 2 ? 12 : 6, rarely = random_bits(random) % 2 ? 15 : 255;
    char *p = text;
    for (unsigned i = 0; i < elements; i++) {
        uint64_t draw = random_bits(random);
        double value = draw % 9 ? (double)(int32_t)draw / 1e9 : random_double(random);
        if (draw >> 40 & 1) value *= 1e-5;
        p += sprintf(p, formats[draw >> 50 & 3 ? style : (draw >> 54) % 8], value);
        p += sprintf(p, "%s", separators[draw >> 32 & rarely ? usual : (draw >> 58) % kinds]);
        if (p - text > TEXT_MAX - 400) break;
    }
    return (size_t)(p - text);
}

static void runs_hold_what_their_elements_hold_one_by_one(void **state)
{
    static char text[TEXT_MAX];
    use_form(state);
    uint64_t random = 4;
    for (int i = 0; i < 4000; i++) {
        size_t length = random_run(text, i % 20 ? 30 : RUN_MAX, &random);
        check_run(text, text + length, RUN_MAX);
        check_run(text, text + length, random_bits(&random) % 40);
        size_t cut = random_bits(&random) % length;
        check_run(text + cut, text + length, RUN_MAX);
        if (length < LENGTH_MAX) check_guarded(text, length, RUN_MAX);
    }
}

/* Digits, signs, points, exponents and white space drawn apart from one another, a byte changed in
 * every other run. */
static size_t random_digits(char *text, uint64_t *random)
{
    static const char *const exponents[] = {"e5",    "E-05", "e+00",   "e-307", "e288",
                                            "e-290", "e300", "e-0005", "e",     "e+"};
    uint64_t usual = random_bits(random);
    char *p = text;
    for (int i = 0; i < 40; i++) {
        uint64_t draw = random_bits(random);
        int whole = draw & 7 ? 1 : (int)(draw >> 8) % 24,
            fraction = draw >> 4 & 3 ? (int)(usual % 20) : (int)(draw >> 16) % 26;
        if (draw >> 32 & 1) *p++ = '-';
        for (int k = 0; k < whole + fraction; k++) {
            if (k == whole) *p++ = '.';
            *p++ = "00000000123456789999"[random_bits(random) % 20];
        }
        if ((draw >> 33 & 15) <= (usual >> 40 & 3))
            p += sprintf(p, "%s", exponents[(draw >> 37) % 10]);
        p += sprintf(p, "%s", separators[draw >> 45 & 15 ? usual >> 60 & 1 : (draw >> 49) % 6]);
    }
    if (usual >> 62 & 1)
        text[random_bits(random) % (size_t)(p - text)] =
            "0123456789-+.eE, \n/:\0\x0b,"[(usual >> 50) % 23];
    return (size_t)(p - text);
}

static void runs_of_random_digits_hold_what_their_elements_hold(void **state)
{
    static char text[TEXT_MAX];
    use_form(state);
    uint64_t random = 6;
    for (int i = 0; i < 20000; i++) {
        size_t length = random_digits(text, &random);
        const char *begin = text;
        /* on behind what no run takes, so that all is tried */
        for (int more = 0; more < 30 && begin < text + length; more++) {
            check_run(begin, text + length, RUN_MAX);
            const char *comma = memchr(begin, ',', (size_t)(text + length - begin));
            if (comma == NULL) break;
            begin = comma + 1;
        }
    }
}

static const char *const unusual[] = {
    "1e5",
    "-1E-3",
    "1.5e+300",
    "1e-320",
    "0e999",
    "1e309",
    "-1e99999",
    "1e0000005",
    "1.5e-0005",
    "2.5e-007",
    "9007199254740993",
    "9007199254740993.0",
    "9355950000000000000.0",
    "18446744073709551615",
    "18446744073709551616",
    "9999999999999999999",
    "10000000000000000000",
    "0.00012345678901234567890",
    "0.12345678901234567890123",
    "1.50000000000000011102230246251565404",
    "62.5364939768271845828",
    "12345678901234567890123456789012345678901234567890",
    "-0.000012345678901234567",
    "-123456789012345678901.5",
    "1234567890123456789012.",
    "0",
    "-0",
    "0.0",
    "-0.000",
    "5 ",
    "5\t\n",
    "\r\n 5",
    "",
    " ",
    "-",
    "--5",
    "5-",
    "-5-",
    "- 5",
    "-\n5",
    "+5",
    "01",
    "-01",
    "00",
    "00.5",
    "-00.5",
    ".5",
    "-.5",
    "5.",
    "-5.",
    "5..5",
    "5.5.5",
    ".",
    "-.",
    "e",
    "e5",
    "5e",
    "5e+",
    "5e-",
    "-e5",
    ".e5",
    "5.e5",
    "5e5e5",
    "5ee5",
    "5e+-5",
    "5e-+5",
    "5e5-",
    "5e5.5",
    "5E5 ",
    "5 e5",
    "5e 5",
    "5 5",
    "5\n5",
    "5\v",
    "\f5",
    "\x01",
    "5\x1f",
    "5/5",
    "5:5",
    "/",
    ":",
    "5/",
    ":5",
    "0x10",
    "1_0",
    "NaN",
    "\"5\"",
    "[5",
    "5]",
    "{",
    "\xb5",
    "5\xb0",
    "\xff",
    "5\x85",
    "5\xa0",
};

/* At every place of eight, with usual numbers around it. */
static void every_element_may_be_unusual(void **state)
{
    use_form(state);
    const char *const around[] = {"7", "-0.12345678901234567", "0.5", "1.25e-05", "123456"};
    char text[1000];
    for (size_t u = 0; u < COUNT(unusual); u++) {
        for (size_t k = 0; k < 5 * 2 * 20; k++) {
            char *p = text;
            for (size_t i = 0; i < 20; i++)
                p += sprintf(p, k / 20 % 2 ? "%s, " : "%s,",
                             i == k % 20 ? unusual[u] : around[k / 40]);
            check_guarded(text, (size_t)(p - text), RUN_MAX);
        }
    }
}

/* Each byte there is at each place of a number, in each place of eight. */
static void every_byte_of_every_element_is_judged(void **state)
{
    use_form(state);
    static const char text[] = "-1.5,0.25, 123,-7,12.5e-3,0,9,-0.5,1,2,";
    char changed[sizeof text];
    for (size_t at = 0; at < sizeof text - 1; at++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            memcpy(changed, text, sizeof text);
            changed[at] = (char)byte;
            check_run(changed, changed + sizeof text - 1, RUN_MAX);
        }
    }
}

/* Numbers that round_eight's product leaves undecided, and their neighbours. */
static void elements_near_the_middle_of_two_doubles_round_as_they_must(void **state)
{
    use_form(state);
    static char text[TEXT_MAX];
    uint64_t random = 7;
    for (int i = 0; i < 2000; i++) {
        char *p = text;
        for (int k = 0; k < 24; k++) {
            /* below 2^11, the middle between two doubles has 42 bits behind the point; 19 digits
             * come near it */
            uint64_t draw = random_bits(&random);
            unsigned bits = 53 + (unsigned)(draw >> 60) % 8;
            uint64_t odd = draw >> (64 - 54) | (uint64_t)1 << 53 | 1;
            p += sprintf(p, k % 3 ? "%.18e," : "%.17g,",
                         (double)((long double)odd / (long double)((uint64_t)1 << bits)));
            p += sprintf(p, "%.*Lf,", 17 + k % 2,
                         (long double)odd / (long double)((uint64_t)1 << bits));
            p += sprintf(p, "%llu,", (unsigned long long)(odd << (k % 10)) + (unsigned)k % 3 - 1);
        }
        check_run(text, p, RUN_MAX);
    }
}

static void a_run_reads_nothing_before_its_text(void **state)
{
    use_form(state);
    for (int first = 1; first < 30; first++) {
        for (int fraction = 1; fraction < 20; fraction++) {
            int length = sprintf(page_begin, "%0*d,0.%0*d,%s%064d", first, 0, fraction, 5,
                                 "1,2,3,4,5,6,7,", 0);
            page_begin[0] = '1'; /* no zeros begin a number */
            check_run(page_begin, page_begin + length, RUN_MAX);
        }
    }
}

static void a_run_stops_before_a_number_that_is_too_long(void **state)
{
    use_form(state);
    const char *end;
    double values[3];
    for (size_t length = DECIMAL_RUN_NUMBER_MAX - 1; length <= DECIMAL_RUN_NUMBER_MAX + 1;
         length++) {
        char *text = text_of("1, 0.", '3', length - 2, ",-7 ,");
        size_t fits = length <= DECIMAL_RUN_NUMBER_MAX;
        check_run(text, text + strlen(text), 3);
        check_run(text, text + strlen(text), RUN_MAX);
        assert_int_equal(decimal_parse_run(text, text + strlen(text), &end, values, 3,
                                           (struct decimal_row){0, 0}),
                         fits ? 3 : 1);
        assert_ptr_equal(end, fits ? text + strlen(text) : text + 2);
    }
}

/* Around the lengths at which a form goes on to its next block or stretch of text. */
static void elements_and_white_space_may_be_of_any_length(void **state)
{
    use_form(state);
    for (size_t length = 0; length < 2200; length += length % 64 < 60 ? 7 : 1) {
        char *text =
            text_of("1,2,3,4,5,6,7,8,9,1", '0', length, ",2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,");
        if (length < 300) check_guarded(text, strlen(text), RUN_MAX);
        text = text_of("1,2,3,4,5,6,7,8,9,", ' ', length, "2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,");
        check_guarded(text, strlen(text), RUN_MAX);
        text = text_of("1,2,3,4,5,6,7,8,9,1", ' ', length, ",3,4,5,6,7,8,9,10,11,12,13,14,15,16,");
        check_guarded(text, strlen(text), RUN_MAX);
    }
}

static void a_run_is_cut_at_every_byte_without_reading_beyond(void **state)
{
    static char text[TEXT_MAX];
    use_form(state);
    uint64_t random = 5;
    for (int i = 0; i < 40; i++) {
        size_t length = random_run(text, 30, &random);
        if (length > LENGTH_MAX) continue;
        for (size_t cut = 0; cut <= length; cut++) check_guarded(text, cut, RUN_MAX);
    }
}

/* Rows of random lengths, most of which end where they must. Returns the length of the text. */
static size_t random_rows(char *text, struct decimal_row row, uint64_t *random)
{
    static const char *const ends[] = {"],[", "], [", " ] , [ ", "\n],\n  [\n", "],[[", "]],[",
                                       "],",  "]",    "[",       ",[",          "],,[", "];["};
    const char *const formats[] = {"%.17g", "%.3g", "%.0f", "%.20f"};
    unsigned style = (unsigned)(random_bits(random) % 4),
             usual = (unsigned)(random_bits(random) % 4);
    unsigned often = random_bits(random) % 2 ? 15 : 255;
    char *p = text;
    for (size_t i = row.index + 1; i < 150; i++) {
        uint64_t draw = random_bits(random);
        int is_other = (draw & often) == 0,
            is_end = (i % row.length == 0) ^ ((draw >> 8 & often) == 0);
        p += sprintf(p, formats[draw >> 50 & 3 ? style : (draw >> 54) % 4],
                     (double)(int32_t)draw / 1e7);
        p += sprintf(p, "%s",
                     is_end ? ends[is_other ? (draw >> 20) % 12 : usual]
                            : separators[is_other ? (draw >> 20) % 12 : usual]);
    }
    return (size_t)(p - text);
}

static void rows_end_where_their_length_says(void **state)
{
    static char text[TEXT_MAX];
    use_form(state);
    uint64_t random = 8;
    for (int i = 0; i < 30000; i++) {
        struct decimal_row row = {.length = 1 + random_bits(&random) % (i % 4 ? 5 : 140)};
        row.index = random_bits(&random) % row.length;
        size_t length = random_rows(text, row, &random), cut = random_bits(&random) % (length + 1);
        assert_true(length < LENGTH_MAX);
        memcpy(page_begin, text, length);
        check_row(page_begin, page_begin + length, random_bits(&random) % 160, row);
        check_row(memcpy(page_end - cut, text, cut), page_end, RUN_MAX, row);
        for (const char *p = text; i % 4 == 1 && p < text + length; p++) /* on from every bracket */
            if (*p == '[')
                check_row(p + 1, text + length, RUN_MAX, (struct decimal_row){row.length, 0});
    }
}

static void every_byte_between_rows_is_judged(void **state)
{
    use_form(state);
    static const char text[] =
        "-1.5,0.25],[123, -7] , [12.5e-3,0],[9,\n-0.5],[1,2],[3,4],[5,6],[7,8],[";
    char changed[sizeof text];
    for (size_t at = 0; at < sizeof text - 1; at++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            memcpy(changed, text, sizeof text);
            changed[at] = (char)byte;
            check_row(changed, changed + sizeof text - 1, RUN_MAX, (struct decimal_row){2, 0});
        }
    }
}

int main(void)
{
    static char baseline[] = "baseline", avx2[] = "avx2", vbmi2[] = "vbmi2";
#define IN_EVERY_FORM(test)                                                                     \
    {#test ", baseline", test, NULL, NULL, baseline}, {#test ", avx2", test, NULL, NULL, avx2}, \
    {                                                                                           \
#test ", vbmi2", test, NULL, NULL, vbmi2                                                \
    }
    const struct CMUnitTest tests[] = {
        IN_EVERY_FORM(runs_hold_what_their_elements_hold_one_by_one),
        IN_EVERY_FORM(runs_of_random_digits_hold_what_their_elements_hold),
        IN_EVERY_FORM(every_element_may_be_unusual),
        IN_EVERY_FORM(every_byte_of_every_element_is_judged),
        IN_EVERY_FORM(elements_near_the_middle_of_two_doubles_round_as_they_must),
        IN_EVERY_FORM(a_run_reads_nothing_before_its_text),
        IN_EVERY_FORM(a_run_stops_before_a_number_that_is_too_long),
        IN_EVERY_FORM(elements_and_white_space_may_be_of_any_length),
        IN_EVERY_FORM(a_run_is_cut_at_every_byte_without_reading_beyond),
        IN_EVERY_FORM(rows_end_where_their_length_says),
        IN_EVERY_FORM(every_byte_between_rows_is_judged),
    };
    return cmocka_run_group_tests(tests, decimal_check_map, NULL);
}
