/* test_decimal_parse.c - the values decimal_parse reads, against known ones, GMP and
 * decimal_reference. */
#include "support/bits.h"
#include "support/cmocka_all.h"
#include "support/decimal_check.h"
#include "support/random.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <gmp.h>

static const struct row {
    const char *text;
    double value; /* INFINITY: RANGE */
} rows[] = {
    {"0", 0.0},
    {"-0", -0.0},
    {"0.0", 0.0},
    {"-0.0e5", -0.0},
    {"0e999999999", 0.0},
    {"-0E-99999999999999999999999999", -0.0},
    {"1", 1.0},
    {"-1", -1.0},
    {"0.1", 0x1.999999999999ap-4},
    {"1E+2", 100.0},
    {"1e-0002", 0x1.47ae147ae147bp-7},
    {"9007199254740992", 0x1p53},
    {"9007199254740993", 0x1p53},
    {"9007199254740993.00000000000000000000000000000000000000000000000000000001",
     0x1.0000000000001p53},
    {"9007199254740995", 0x1.0000000000002p53},
    {"18446744073709551615", 0x1p64},
    {"18446744073709551616", 0x1p64},
    {"18446744073709549568", 0x1.fffffffffffffp63},
    {"18446744073709550592", 0x1p64}, /* half-way */
    {"99999999999999999999", 1e20},
    {"123456789012345678901234567890", 0x1.8ee90ff6c373ep96},
    {"1e22", 0x1.0f0cf064dd592p73},
    {"1e23", 0x1.52d02c7e14af6p76},
    {"9007199254740991e22", 9007199254740991e22},
    {"1.7976931348623157e308", 0x1.fffffffffffffp1023},
    {"1.7976931348623158e308", 0x1.fffffffffffffp1023},
    {"1.7976931348623159e308", INFINITY},
    {"-1.7976931348623159e308", INFINITY},
    {"1e309", INFINITY},
    {"1e400", INFINITY},
    {"-1e400", INFINITY},
    {"1e99999999999999999999", INFINITY},
    {"1e2147483648", INFINITY},
    {"1e4294967296", INFINITY},
    {"1e9223372036854775808", INFINITY},
    {"1e18446744073709551616", INFINITY},
    {"2.2250738585072014e-308", 0x1p-1022},
    {"2.2250738585072011e-308", 0x0.fffffffffffffp-1022}, /* the text that hung PHP and Java */
    {"2."
     "225073858507201136057409796709131975934819546351645648023426109724822222021076945516529523908"
     "13508791414915891303"
     "962110687008643869459464552765720740782062174337998814106326732925355228688137214901298112245"
     "14518898490572223072"
     "85255e-308",
     0x0.fffffffffffffp-1022},
    {"2."
     "225073858507201136057409796709131975934819546351645648023426109724822222021076945516529523908"
     "13508791414915891303"
     "962110687008643869459464552765720740782062174337998814106326732925355228688137214901298112245"
     "14518898490572223072"
     "85256e-308",
     0x1p-1022},
    {"4.9406564584124654e-324", 0x1p-1074},
    {"2.4703282292062327208e-324", 0.0},
    {"2.4703282292062327209e-324", 0x1p-1074},
    {"2.4703282292062328e-324", 0x1p-1074},
    {"-2.47e-324", -0.0},
    {"1e-400", 0.0},
    {"-1e-400", -0.0},
    {"1e-99999999999999999999", 0.0},
    {"1e-2147483649", 0.0},
    {"1e-9223372036854775809", 0.0},
    {"6929495644600919.5", 0x1.89e56ee5e7a58p52}, /* half-way, to even */
    {"3.518437208883201171875e13", 0x1.0000000000002p45},
    {"62.5364939768271845828", 0x1.f44abd5aa7ca4p5},
    {"8.10109172351e-10", 0x1.bd5cbaef0fd0cp-31},
    {"1.50000000000000011102230246251565", 1.5},
    {"1.50000000000000011102230246251565404", 1.5},
    {"1.5000000000000001110223024625156540424", 0x1.8000000000001p0},
    {"9355950000000000000."
     "000000000000000000000000000000000018446744073709551616000001844674407370955161618446744073709"
     "55"
     "16140737095516161844674407370955161600018446744073709551616",
     0x1.03ae05e8fca1cp63},
    {"0."
     "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
     "000000000000000001",
     1e-111},
};

static void known_texts_have_their_value(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct result expected = {DECIMAL_DONE, strlen(rows[i].text), bits_of(rows[i].value)};
        if (isinf(rows[i].value)) expected.status = DECIMAL_RANGE, expected.bits = UNSET;
        check_whole(rows[i].text, expected);
    }
}

static void an_exponent_of_any_length_counts(void **state)
{
    (void)state;
    size_t many = 4000;
    const struct {
        const char *before;
        char repeated;
        const char *after;
        double value;
    } long_rows[] = {
        {"1e", '9', "", INFINITY},
        {"1e-", '9', "", 0.0},
        {"-1E-", '9', "", -0.0},
        {"0e", '9', "", 0.0},
        {"1e", '0', "5", 1e5},
        {"1e-", '0', "5", 1e-5},
        {"1e+", '0', "", 1.0},
        {"1", '0', "e-4000", 1.0},
        {"1", '0', ".5e-4000", 1.0},
        {"1", '0', "e-3692", 1e308},
        {"-1", '0', "e-3691", INFINITY},
        {"0.", '0', "1e4001", 1.0},
        {"0.", '0', "1e4000", 0.1},
        {"0.", '0', "1", 0.0},
        {"0.", '0', "18e4310", INFINITY},
        {"-0.", '0', "17e4309", -1.7e308},
        {"1.", '0', "", 1.0},
        {"0.", '9', "", 1.0},
        {"1", '0', "", INFINITY},
        {"0.", '3', "", 0x1.5555555555555p-2},
        {"0.", '0', "", 0.0},
        {"4.9406564584124654", '0', "e-324", 0x1p-1074},
    };
    for (size_t i = 0; i < COUNT(long_rows); i++) {
        char *text = text_of(long_rows[i].before, long_rows[i].repeated, many, long_rows[i].after);
        struct result expected = {DECIMAL_DONE, strlen(text), bits_of(long_rows[i].value)};
        if (isinf(long_rows[i].value)) expected.status = DECIMAL_RANGE, expected.bits = UNSET;
        check_whole(text, expected);
    }
}

static void an_exponent_makes_up_for_any_count_of_zeros(void **state)
{
    (void)state;
    static char text[30000];
    const char *end;
    double value;
    for (int zeros = 9000; zeros < 21000; zeros += 3999) {
        sprintf(text, "0.%0*d5e%d,", zeros, 0, zeros);
        assert_int_equal(decimal_parse(text, text + strlen(text), &end, &value), DECIMAL_DONE);
        assert_int_equal(bits_of(value), bits_of(0.5));
        sprintf(text, "5%0*de-%d,", zeros, 0, zeros);
        assert_int_equal(decimal_parse(text, text + strlen(text), &end, &value), DECIMAL_DONE);
        assert_int_equal(bits_of(value), bits_of(5));
    }
}

/* Writes the digits of mantissa * 2^exponent, less so many units of the last, and returns the power
 * of ten they count. */
static int exact_digits(uint64_t mantissa, int exponent, unsigned less, char *digits)
{
    mpz_t n, power;
    mpz_init_set_ui(n, mantissa);
    mpz_init(power);
    if (exponent >= 0) {
        mpz_mul_2exp(n, n, (mp_bitcnt_t)exponent);
        exponent = 0;
    } else {
        mpz_ui_pow_ui(power, 5, (unsigned long)-exponent);
        mpz_mul(n, n, power);
    }
    mpz_sub_ui(n, n, less);
    assert_true(mpz_sizeinbase(n, 10) < 1200);
    mpz_get_str(digits, 10, n);
    mpz_clears(n, power, NULL);
    return exponent;
}

/* The text just below, at, and just above the middle between two doubles, told apart only by its
 * last digit. */
static void check_halfway(uint64_t below)
{
    static char digits[1300], many_nines[1000], text[LENGTH_MAX];
    memset(many_nines, '9', sizeof many_nines);
    uint64_t fraction = below & 0xfffffffffffff;
    int exponent = (int)(below >> 52);
    uint64_t mantissa = exponent ? fraction | (uint64_t)1 << 52 : fraction;
    int power = exact_digits(2 * mantissa + 1, (exponent ? exponent : 1) - 1076, 0, digits);
    int count = (int)strlen(digits), point = 1 + (int)(below % (unsigned)count);

    struct result up = {DECIMAL_DONE, 0, below + 1}, down = {DECIMAL_DONE, 0, below};
    if (below == 0x7fefffffffffffff) up = (struct result){DECIMAL_RANGE, 0, UNSET};
    struct result even = below & 1 ? up : down;
    const int zeros[] = {0, 1, 20, 800, 4000};
    for (int i = 0; i < 5; i++) {
        sprintf(text, "%.*s.%s%0*de%d", point, digits, digits + point, zeros[i] + 1, 0,
                power + count - point);
        even.length = strlen(text);
        check_whole(text, even);
        sprintf(text, "%.*s.%s%0*de%d", point, digits, digits + point, zeros[i] + 1, 1,
                power + count - point);
        up.length = strlen(text);
        check_whole(text, up);
    }
    exact_digits(2 * mantissa + 1, (exponent ? exponent : 1) - 1076, 1, digits);
    for (int nines = 0; nines < 1000; nines = 9 * nines + 1) {
        sprintf(text, "%s%.*s9e%d", digits, nines, many_nines, power - 1 - nines);
        down.length = strlen(text);
        check_whole(text, down);
    }
}

static void halfway_cases_round_to_even_and_their_neighbours_away(void **state)
{
    (void)state;
    const uint64_t some[] = {0,
                             1,
                             2,
                             0x000fffffffffffff,
                             0x0010000000000000,
                             0x001fffffffffffff,
                             0x3fefffffffffffff,
                             0x3ff0000000000000,
                             0x433fffffffffffff,
                             0x7feffffffffffffe,
                             0x7fefffffffffffff};
    for (size_t i = 0; i < COUNT(some); i++) check_halfway(some[i]);
    uint64_t random = 1;
    for (int i = 0; i < 1000; i++) check_halfway(bits_of(fabs(random_double(&random))));
    for (int i = 0; i < 300; i++)
        check_halfway(random_bits(&random) >> 12 >> (i % 52)); /* subnormal */
    for (int i = 0; i < 300; i++)
        check_halfway((0x3d0 + random_bits(&random) % 0x90) << 52 | (unsigned)i % 9); /* about 1 */
}

static void random_texts_read_as_strtod_reads_them(void **state)
{
    (void)state;
    char text[512];
    uint64_t random = 2;
    for (int i = 0; i < 20000; i++) {
        double value = random_double(&random);
        sprintf(text, "%.*e", (int)(random_bits(&random) % 25), value);
        check_against_reference(text);
        value =
            ldexp((double)(int64_t)random_bits(&random), (int)(random_bits(&random) % 140) - 130);
        sprintf(text, "%.*f", (int)(random_bits(&random) % 30), value);
        check_against_reference(text);
        sprintf(text, "%.17g", value);
        check_against_reference(text);
    }
}

/* Digits, point and exponent are drawn apart from one another, so that every count of digits before
 * and after the point meets every other; half of the digits are zeros or nines. */
static void random_digits_read_as_strtod_reads_them(void **state)
{
    (void)state;
    char text[512];
    uint64_t random = 3;
    for (int i = 0; i < 60000; i++) {
        uint64_t draw = random_bits(&random);
        int whole = (int)(draw % 24), fraction = (int)((draw >> 8) % 40),
            exponent = (int)((draw >> 16) % 720) - 380;
        char *p = text;
        if (draw & 1 << 30) *p++ = '-';
        if (whole == 0) *p++ = '0';
        for (int k = 0; k < whole + fraction; k++) {
            uint64_t digit = random_bits(&random);
            if (k == whole) *p++ = '.';
            *p = "0000000000999999999901234567890123456789"[digit % 40];
            if (k == 0 && whole && *p == '0') *p = '4';
            p++;
        }
        *p = '\0';
        if (draw & 1u << 31)
            sprintf(p, draw & 1u << 29 ? "e%d" : "E%+04d",
                    draw & 1 << 28 ? exponent : exponent % 30);
        check_against_reference(text);
    }
}

static void powers_of_ten_read_exactly(void **state)
{
    (void)state;
    char text[64];
    for (int e = -400; e <= 400; e++) {
        for (int digits = 1; digits < 10; digits++) {
            sprintf(text, "%de%d", digits, e);
            check_against_reference(text);
        }
    }
}

static void every_small_decimal_reads_exactly(void **state)
{
    (void)state;
    char text[64];
    for (int whole = 0; whole < 100; whole++) {
        for (int fraction = 0; fraction < 1000; fraction++) {
            sprintf(text, "%d.%03d", whole, fraction);
            check_against_reference(text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_texts_have_their_value),
        cmocka_unit_test(an_exponent_of_any_length_counts),
        cmocka_unit_test(an_exponent_makes_up_for_any_count_of_zeros),
        cmocka_unit_test(halfway_cases_round_to_even_and_their_neighbours_away),
        cmocka_unit_test(random_texts_read_as_strtod_reads_them),
        cmocka_unit_test(random_digits_read_as_strtod_reads_them),
        cmocka_unit_test(powers_of_ten_read_exactly),
        cmocka_unit_test(every_small_decimal_reads_exactly),
    };
    return cmocka_run_group_tests(tests, decimal_check_map, NULL);
}
