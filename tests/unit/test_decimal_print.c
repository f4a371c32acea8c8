/* test_decimal_print.c - decimal_print and its two halves, one by one and in runs, against known
 * texts, decimal_reference and published hashes. */
#include "cpu.h"
#include "decimal/decimal_shortest.h"
#include "decimal/decimal_wide.h"
#include "support/bits.h"
#include "support/cmocka_all.h"
#include "support/decimal_reference.h"
#include "support/es6_numbers.h"
#include "support/random.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* decimal_print in two steps, of count times the value; the length of the first text, the comma
 * excluded. */
static size_t print_run(double value, size_t count, char *out)
{
    double values[8] = {value, value, value, value, value, value, value, value};
    struct decimal_scale scales[8];
    decimal_shortest_run(values, count, values, scales);
    size_t length = decimal_write_run(values, scales, count, 0, out) / count;
    for (size_t i = 0; i < count; i++) {
        assert_memory_equal(out + i * length, out, length);
        assert_int_equal(out[(i + 1) * length - 1], ',');
    }
    return length - 1;
}

static size_t print_exact(double value, char *out)
{
    struct decimal decimal = decimal_shortest_exact(value);
    assert_true(decimal.digits < 100000000000000000);
    assert_int_equal(decimal.scale.negative != 0, signbit(value) != 0);
    return decimal_write_run(&decimal.digits, &decimal.scale, 1, 0, out) - 1;
}

/* Prints value in one step, in two, in a run that is long enough for vectors, and by the reference,
 * and wants one text of all, nothing written beyond DECIMAL_PRINT_MAX for each. */
static void assert_prints(double value, const char *expected, size_t length)
{
    char out[8 * DECIMAL_PRINT_MAX + 8];
    for (int way = 0; way < 4; way++) {
        memset(out, '~', sizeof out);
        size_t printed = way == 0   ? decimal_print(value, out)
                         : way == 1 ? print_run(value, 1, out)
                         : way == 2 ? print_run(value, 8, out)
                                    : print_exact(value, out);
        if (printed != length || memcmp(out, expected, length) != 0)
            fail_msg("%016llx: \"%.*s\" the way %d; expected \"%.*s\"",
                     (unsigned long long)bits_of(value), (int)(printed < sizeof out ? printed : 0),
                     out, way, (int)length, expected);
        assert_memory_equal(out + (size_t)(way == 2 ? 8 : 1) * DECIMAL_PRINT_MAX, "~~~~~~~~", 8);
    }
}

static void check(double value)
{
    char expected[64];
    assert_prints(value, expected, reference_print(value, expected));
    assert_prints(-value, expected, reference_print(-value, expected));
}

static const struct row {
    uint64_t bits;
    const char *text;
} rows[] = {
    /* RFC 8785, appendix B */
    {0x0000000000000000, "0"},
    {0x8000000000000000, "0"},
    {0x0000000000000001, "5e-324"},
    {0x8000000000000001, "-5e-324"},
    {0x7fefffffffffffff, "1.7976931348623157e+308"},
    {0xffefffffffffffff, "-1.7976931348623157e+308"},
    {0x4340000000000000, "9007199254740992"},
    {0xc340000000000000, "-9007199254740992"},
    {0x4430000000000000, "295147905179352830000"},
    {0x44b52d02c7e14af5, "9.999999999999997e+22"},
    {0x44b52d02c7e14af6, "1e+23"},
    {0x44b52d02c7e14af7, "1.0000000000000001e+23"},
    {0x444b1ae4d6e2ef4e, "999999999999999700000"},
    {0x444b1ae4d6e2ef4f, "999999999999999900000"},
    {0x444b1ae4d6e2ef50, "1e+21"},
    {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
    {0x3eb0c6f7a0b5ed8d, "0.000001"},
    {0x41b3de4355555553, "333333333.3333332"},
    {0x41b3de4355555554, "333333333.33333325"},
    {0x41b3de4355555555, "333333333.3333333"},
    {0x41b3de4355555556, "333333333.3333334"},
    {0x41b3de4355555557, "333333333.33333343"},
    {0xbecbf647612f3696, "-0.0000033333333333333333"},
    {0x43143ff3c1cb0959, "1424953923781206.2"},
    /* no shorter text reads back, though a nearer one of the same length does not: below a power of
     * two, doubles lie twice as near as above it */
    {0x3d20000000000000, "2.842170943040401e-14"},
    {0x3d30000000000000, "5.684341886080802e-14"},
    {0x0060000000000000, "7.120236347223045e-307"},
    {0x0010000000000000, "2.2250738585072014e-308"},
    {0x000fffffffffffff, "2.225073858507201e-308"},
    {0x0000000000000002, "1e-323"},
    {0x0000000000000003, "1.5e-323"},
    /* two shortest texts at one distance: the even one */
    {0x4310000000000001, "1125899906842624.2"},
    {0x4310000000000003, "1125899906842624.8"},
    {0x431fffffffffffff, "2251799813685247.8"},
    {0x430fffffffffffff, "1125899906842623.9"},
};

static void known_values_have_their_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (rows[i].text)
            assert_prints(double_of(rows[i].bits), rows[i].text, strlen(rows[i].text));
        check(double_of(rows[i].bits));
    }
}

static void every_layout_is_ecmascripts(void **state)
{
    (void)state;
    const struct {
        double value;
        const char *text;
    } layouts[] = {{1, "1"},
                   {10, "10"},
                   {123, "123"},
                   {-1.5, "-1.5"},
                   {0.1, "0.1"},
                   {0.034682, "0.034682"},
                   {0.000001, "0.000001"},
                   {0.0000012, "0.0000012"},
                   {1e-7, "1e-7"},
                   {-1.2e-7, "-1.2e-7"},
                   {1e20, "100000000000000000000"},
                   {123456789012345678901.0, "123456789012345680000"},
                   {1e21, "1e+21"},
                   {-1.5e21, "-1.5e+21"},
                   {1e100, "1e+100"},
                   {1.25e-100, "1.25e-100"},
                   {12345678901234567.0, "12345678901234568"},
                   {1234567890123456.7, "1234567890123456.8"},
                   {100.5, "100.5"},
                   {1e16, "10000000000000000"},
                   {-2.2250738585072014e-308, "-2.2250738585072014e-308"}};
    for (size_t i = 0; i < COUNT(layouts); i++)
        assert_prints(layouts[i].value, layouts[i].text, strlen(layouts[i].text));
}

/* Every count of digits with every place of the point, and all exponents of one and of seventeen
 * digits. */
static void every_count_of_digits_meets_every_exponent(void **state)
{
    (void)state;
    char text[64];
    for (int exponent = -340; exponent <= 308; exponent++) {
        for (int digits = 1; digits <= 17; digits++) {
            double value;
            sprintf(text, "%.*se%d", digits, "17976931348623157", exponent - digits + 1);
            const char *end;
            strcat(text, ",");
            assert_int_equal(reference_parse(text, text + strlen(text), &end, &value),
                             DECIMAL_DONE);
            check(value);
        }
    }
}

static void powers_of_two_and_their_neighbours_are_shortest(void **state)
{
    (void)state;
    for (uint64_t exponent = 0; exponent < 0x7ff; exponent++) {
        for (uint64_t step = 0; step < 4; step++) {
            check(double_of((exponent << 52) + step));
            if (exponent) check(double_of((exponent << 52) - step));
        }
    }
    for (int bit = 0; bit < 52; bit++) {
        check(double_of((uint64_t)1 << bit));
        check(double_of(((uint64_t)1 << bit) + 1));
        check(double_of(((uint64_t)1 << bit) - 1));
    }
}

static void powers_of_ten_and_their_neighbours_are_shortest(void **state)
{
    (void)state;
    char text[64];
    for (int exponent = -323; exponent <= 308; exponent++) {
        for (int digit = 1; digit <= 9; digit++) {
            double value;
            const char *end;
            sprintf(text, "%de%d,", digit, exponent);
            if (reference_parse(text, text + strlen(text), &end, &value) != DECIMAL_DONE) continue;
            for (uint64_t step = 0; step < 3; step++) {
                check(double_of(bits_of(value) + step));
                check(double_of(bits_of(value) - step));
            }
        }
    }
}

static void integers_and_short_decimals_are_shortest(void **state)
{
    (void)state;
    for (int i = 0; i < 10000; i++) {
        check(i);
        check(i / 8.0);
        check(i / 100.0);
        check(i * 1e-9);
        check(9007199254740992.0 - i);
        check(9007199254740992.0 + 2.0 * i);
        check(1125899906842624.0 + i / 4.0); /* a digit after the point too many, often at half */
        check(72057594037927936.0 + 16.0 * i);
    }
}

static void random_bits_print_as_the_reference_prints_them(void **state)
{
    (void)state;
    uint64_t random = 1;
    for (int i = 0; i < 100000; i++) {
        check(random_double(&random));
        check(double_of(random_bits(&random) >> 12 >> (i % 52))); /* subnormal */
        check(ldexp((double)(int64_t)random_bits(&random), -63 - i % 64));
    }
}

/* A number of a kind that vectors may treat by itself. */
static double draw(uint64_t *random)
{
    uint64_t bits = random_bits(random);
    switch (bits % 8) {
    case 0:
        return bits >> 8 & 1 ? 0.0 : -0.0;
    case 1:
        return ldexp(bits >> 8 & 1 ? 1 : -1,
                     (int)(bits >> 9 & 127) - 64); /* the digits are found one by one */
    case 2:
        return double_of(bits >> 12 >> (bits >> 3 & 31)); /* subnormal: few digits */
    case 3:
        return (double)(int)(bits >> 48) - 30000;
    case 4:
        return random_double(random);
    default:
        return ldexp((double)(int64_t)random_bits(random), -63 - (int)(bits >> 8 & 31));
    }
}

static void a_run_is_what_its_numbers_print_each(void **state)
{
    enum { MAX = 40 };
    if (!cpu_use(*state)) skip(); /* this CPU has not the instructions */
    uint64_t random = 3;
    for (int turn = 0; turn < 20000; turn++) {
        double values[MAX], digits[MAX];
        struct decimal_scale scales[MAX];
        char expected[MAX * (DECIMAL_PRINT_MAX + 1)], out[MAX * DECIMAL_PRINT_MAX + 8];
        size_t count = random_bits(&random) % MAX, length = 0;
        int negate = turn & 1;
        for (size_t i = 0; i < count; i++) {
            values[i] = turn & 2 ? draw(&random)
                                 : ldexp((double)(int64_t)random_bits(&random), turn % 128 - 95);
            length += decimal_print(negate ? -values[i] : values[i], expected + length);
            expected[length++] = ',';
        }
        memset(out, '~', sizeof out);
        decimal_shortest_run(values, count, turn & 4 ? values : digits, scales);
        assert_int_equal(decimal_write_run(turn & 4 ? values : digits, scales, count, negate, out),
                         length);
        assert_memory_equal(out, expected, length);
        assert_memory_equal(out + count * DECIMAL_PRINT_MAX, "~~~~~~~~", 8);
    }
}

/* So that the test above is one of vectors. */
static void usual_numbers_are_printed_many_at_a_time(void **state)
{
    if (!cpu_use(*state)) skip();
    uint64_t random = 4;
    for (int turn = 0; turn < 100000; turn++) {
        double values[8];
        struct decimal_scale scales[8];
        char out[8 * DECIMAL_PRINT_MAX], *end = out;
        for (int i = 0; i < 8; i++)
            values[i] = ldexp((double)(int64_t)(random_bits(&random) | 1), -63 - turn % 32);
        if (cpu_level() >= CPU_VBMI2) {
            assert_int_equal(decimal_shortest_wide(values, 8, values, scales), 8);
            assert_int_equal(decimal_write_wide(values, scales, 8, 0, &end), 8);
        } else {
            /* but for exponents below -9 */
            for (int i = 0; i < 8; i++) values[i] = copysign(fabs(values[i]) + 1e-9, values[i]);
            assert_int_equal(decimal_shortest_avx2(values, 8, values, scales), 8);
            assert_int_equal(decimal_write_avx2(values, scales, 8, 0, &end), 8);
        }
    }
}

static void every_text_reads_back_as_its_double(void **state)
{
    (void)state;
    uint64_t random = 2;
    for (int i = 0; i < 1000000; i++) {
        double value = random_double(&random), back = 0;
        char out[DECIMAL_PRINT_MAX + 1];
        const char *end;
        size_t length = decimal_print(value, out);
        out[length] = ',';
        assert_int_equal(decimal_parse(out, out + length + 1, &end, &back), DECIMAL_DONE);
        assert_ptr_equal(end, out + length);
        if (value != 0) assert_int_equal(bits_of(back), bits_of(value));
    }
}

static void the_es6_corpus_has_its_published_hashes(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) { /* make test-exhaustive goes on */
        char sha256[65];
        es6_numbers_hash(es6_numbers_hashes[i].lines, sha256);
        assert_string_equal(sha256, es6_numbers_hashes[i].sha256);
    }
}

int main(void)
{
    static char baseline[] = "baseline", avx2[] = "avx2", vbmi2[] = "vbmi2";
#define IN_FORM(test, form)                      \
    {                                            \
#test ", " #form, test, NULL, NULL, form \
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values_have_their_text),
        cmocka_unit_test(every_layout_is_ecmascripts),
        cmocka_unit_test(every_count_of_digits_meets_every_exponent),
        cmocka_unit_test(powers_of_two_and_their_neighbours_are_shortest),
        cmocka_unit_test(powers_of_ten_and_their_neighbours_are_shortest),
        cmocka_unit_test(integers_and_short_decimals_are_shortest),
        cmocka_unit_test(random_bits_print_as_the_reference_prints_them),
        IN_FORM(a_run_is_what_its_numbers_print_each, baseline),
        IN_FORM(a_run_is_what_its_numbers_print_each, avx2),
        IN_FORM(a_run_is_what_its_numbers_print_each, vbmi2),
        IN_FORM(usual_numbers_are_printed_many_at_a_time, avx2),
        IN_FORM(usual_numbers_are_printed_many_at_a_time, vbmi2),
        cmocka_unit_test(every_text_reads_back_as_its_double),
        cmocka_unit_test(the_es6_corpus_has_its_published_hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
