/* test_exact.c - sums and quotients of exact.h against GMP, bit for bit. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mse/exact.h"
#include "support/bits.h"
#include "support/families.h"
#include "support/random.h"
#include "support/rational.h"

#define assert_same(a, b) assert_int_equal(bits_of(a), bits_of(b))

/* total becomes the sum in units of 2^-3222. */
static void value_of(mpz_t total, const struct exact_sum *sum)
{
    mpz_import(total, sum->high - sum->low, -1, sizeof *sum->digit, 0, 32, sum->digit + sum->low);
    mpz_mul_2exp(total, total, 32 * (mp_bitcnt_t)sum->low);
}

static void set_value(struct exact_sum *sum, const mpz_t value)
{
    size_t count;
    memset(sum, 0, sizeof *sum);
    mpz_export(sum->digit, &count, -1, sizeof *sum->digit, 0, 32, value);
    sum->high = (uint32_t)count;
}

static void assert_value(const struct exact_sum *sum, const mpz_t expected)
{
    mpz_t total;
    mpz_init(total);
    value_of(total, sum);
    assert_int_equal(mpz_cmp(total, expected), 0);
    mpz_clear(total);
}

static void add_square_to(struct exact_sum *sum, double a, double b, double w)
{
    assert_true(exact_add_squares(sum, &a, &b, &w, 1) == 0);
}

static void add_weight_to(struct exact_sum *sum, double w)
{
    assert_true(exact_add_weights(sum, &w, 1) == 0);
}

/* total += w (a - b)^2 */
static void add_square(mpz_t total, double a, double b, double w)
{
    mpz_t x, y;
    mpz_inits(x, y, NULL);
    rational_scaled(x, a);
    rational_scaled(y, b);
    mpz_sub(x, x, y);
    mpz_mul(x, x, x);
    rational_scaled(y, w);
    mpz_addmul(total, x, y);
    mpz_clears(x, y, NULL);
}

/* total += 2 w (a - b) */
static void add_difference(mpz_t total, double a, double b, double w)
{
    mpz_t x, y;
    mpz_inits(x, y, NULL);
    rational_scaled(x, a);
    rational_scaled(y, b);
    mpz_sub(x, x, y);
    rational_scaled(y, w);
    mpz_mul(x, x, y);
    mpz_mul_2exp(x, x, 1074 + 1);
    mpz_add(total, total, x);
    mpz_clears(x, y, NULL);
}

static void sums_lose_no_bit(void **state)
{
    (void)state;
    uint64_t random = 1;
    for (int round = 0; round < 300; round++) {
        struct exact_sum sum;
        mpz_t expected;
        mpz_init(expected);
        exact_clear(&sum);
        for (int i = 0; i < 40; i++) {
            int wide = round % 3 == 0 ? 1020 : round % 3 == 1 ? 80 : 4;
            double a = random_between(&random, -wide, wide),
                   b = random_between(&random, -wide, wide);
            double w = fabs(random_between(&random, -wide, wide));
            if (i % 5 == 0) b = -a;
            if (i % 7 == 0) w = DBL_TRUE_MIN;
            add_square_to(&sum, a, b, w);
            add_square(expected, a, b, w);
            add_weight_to(&sum, w);
            add_difference(expected, 0.5, 0, w);
            exact_add_integer(&sum, UINT64_MAX);
            add_difference(expected, 0x1p63, 0.5, 1);
            assert_value(&sum, expected);
        }
        mpz_clear(expected);
    }
}

static void the_extremes_fit(void **state)
{
    (void)state;
    struct exact_sum sum;
    mpz_t expected;
    mpz_init(expected);
    exact_clear(&sum);
    add_square_to(&sum, DBL_TRUE_MIN, 0, DBL_TRUE_MIN);
    add_square(expected, DBL_TRUE_MIN, 0, DBL_TRUE_MIN);
    assert_int_equal(mpz_cmp_ui(expected, 1), 0);
    assert_value(&sum, expected);
    add_square_to(&sum, DBL_MAX, -DBL_MAX, DBL_MAX);
    add_square(expected, DBL_MAX, -DBL_MAX, DBL_MAX);
    assert_value(&sum, expected);
    for (int doubling = 0; doubling < 64; doubling++) {
        exact_merge(&sum, &sum);
        mpz_mul_2exp(expected, expected, 1);
        assert_value(&sum, expected);
    }
    assert_true(sum.high <= EXACT_SUM_DIGITS);
    mpz_clear(expected);
}

static void a_carry_runs_through_every_digit(void **state)
{
    (void)state;
    struct exact_sum sum, one, merged;
    mpz_t expected;
    mpz_init(expected);
    mpz_setbit(expected, 32 * (EXACT_SUM_DIGITS - 1));
    mpz_sub_ui(expected, expected, 1); /* all ones, EXACT_SUM_DIGITS - 1 digits */
    set_value(&sum, expected);
    merged = sum;
    exact_clear(&one);
    add_square_to(&one, DBL_TRUE_MIN, 0, DBL_TRUE_MIN);
    add_square_to(&sum, DBL_TRUE_MIN, 0, DBL_TRUE_MIN);
    exact_merge(&merged, &one);
    mpz_add_ui(expected, expected, 1);
    assert_value(&sum, expected);
    assert_value(&merged, expected);
    mpz_clear(expected);
}

static void many_terms_at_once_are_no_different(void **state)
{
    (void)state;
    enum { N = 1000 };
    static double a[N], b[N], w[N];
    uint64_t random = 7;
    for (size_t f = 0; f < families_count; f++)
        for (size_t k = 0; k < weight_families_count; k++) {
            struct exact_sum sum;
            mpz_t expected;
            mpz_init(expected);
            exact_clear(&sum);
            const double *weights = weight_families[k].fill == NULL ? NULL : w;
            families[f].fill(&random, a, b, N);
            if (weights != NULL) weight_families[k].fill(&random, w, N);
            assert_true(exact_add_squares(&sum, a, b, weights, N) == 0);
            for (int i = 0; i < N; i++)
                add_square(expected, a[i], b[i], weights == NULL ? 1 : w[i]);
            assert_value(&sum, expected);
            if (weights != NULL) assert_true(exact_add_weights(&sum, weights, N) == 0);
            for (int i = 0; i < N && weights != NULL; i++) add_difference(expected, 0.5, 0, w[i]);
            assert_value(&sum, expected);
            mpz_clear(expected);
        }
}

static void merging_is_adding(void **state)
{
    (void)state;
    uint64_t random = 2;
    for (int round = 0; round < 200; round++) {
        struct exact_sum whole, part[3];
        exact_clear(&whole);
        for (int k = 0; k < 3; k++) exact_clear(&part[k]);
        for (int i = 0; i < 30; i++) {
            double a = random_double(&random), b = random_double(&random),
                   w = fabs(random_double(&random));
            add_square_to(&whole, a, b, w);
            add_square_to(&part[random_below(&random, 1 + (uint64_t)round % 3)], a, b, w);
        }
        exact_merge(&part[2], &part[0]);
        exact_merge(&part[2], &part[1]);
        mpz_t expected;
        mpz_init(expected);
        value_of(expected, &whole);
        assert_value(&part[2], expected);
        mpz_clear(expected);
    }
}

static void assert_quotient(const struct exact_sum *numerator, const struct exact_sum *denominator)
{
    mpz_t a, b;
    mpz_inits(a, b, NULL);
    value_of(a, numerator);
    value_of(b, denominator);
    double expected = rational_round(a, b, 0);
    assert_same(exact_quotient(numerator, denominator), expected);
    mpz_clears(a, b, NULL);
}

static void quotients_are_the_nearest(void **state)
{
    (void)state;
    uint64_t random = 3;
    for (int round = 0; round < 20000; round++) {
        struct exact_sum numerator, denominator;
        exact_clear(&numerator);
        exact_clear(&denominator);
        int wide = round % 2 == 0 ? 1020 : 30;
        for (uint64_t i = 0; i <= random_below(&random, 4); i++) {
            double a = random_between(&random, -wide, wide),
                   b = random_between(&random, -wide, wide);
            add_square_to(&numerator, a, b, fabs(random_between(&random, -wide, wide)));
        }
        for (uint64_t i = 0; i <= random_below(&random, 4); i++)
            add_weight_to(&denominator, fabs(random_between(&random, -wide, wide)));
        assert_quotient(&numerator, &denominator);
    }
}

/* Quotients that are midpoints between two doubles, and what is one unit of the sum to either side
 * of them, for denominators of one digit to very many. A third of the quotients is subnormal. */
static void quotients_at_a_tie_go_to_even(void **state)
{
    (void)state;
    uint64_t random = 4;
    for (int round = 0; round < 6000; round++) {
        struct exact_sum numerator, denominator;
        mpz_t product, middle;
        mpz_inits(product, middle, NULL);
        exact_clear(&denominator);
        int wide = round % 2 == 0 ? 300 : 2;
        for (uint64_t i = random_below(&random, 4) + 1; i > 0; i--)
            add_weight_to(&denominator, fabs(random_between(&random, -wide, wide)));
        value_of(product, &denominator);
        uint64_t odd = random_bits(&random) >> 10 | UINT64_C(1) << 53 |
                       1; /* a midpoint is 54 bits, the last one 1 */
        if (round % 3 == 0) odd = odd >> random_below(&random, 54) | 1;
        mpz_import(middle, 1, -1, sizeof odd, 0, 0, &odd);
        mpz_mul(product, product, middle);
        if (round % 3 == 0) mpz_tdiv_q_2exp(product, product, 1075);
        switch (random_below(&random, 3)) {
        case 0:
            mpz_add_ui(product, product, 1);
            break;
        case 1:
            mpz_sub_ui(product, product, 1);
            break;
        default:
            break;
        }
        set_value(&numerator, product);
        assert_quotient(&numerator, &denominator);
        mpz_clears(product, middle, NULL);
    }
}

/* The estimated digit of the quotient is 1 or 2 too large where the denominator's second digit is
 * all ones and the numerator is just below a multiple of it. */
static void a_quotient_estimated_too_large_is_corrected(void **state)
{
    (void)state;
    uint64_t random = 5;
    for (int round = 0; round < 4000; round++) {
        struct exact_sum numerator, denominator;
        mpz_t product, digit;
        mpz_inits(product, digit, NULL);
        const uint64_t words[] = {UINT64_C(1) << 63 |
                                      (round % 2 == 0 ? 0 : random_bits(&random) >> 60),
                                  UINT64_MAX, UINT64_MAX - random_below(&random, 3)};
        mpz_import(product, 3, 1, sizeof *words, 0, 0, words);
        mpz_mul_2exp(product, product, random_below(&random, 2000));
        set_value(&denominator, product);
        uint64_t below = random_bits(&random);
        uint64_t factor = (UINT64_MAX - (below >> random_below(&random, 64))) & ~UINT64_C(0x3ff);
        if (round % 3 == 0) factor |= 0x400; /* a tie, where the quotient has 64 bits */
        mpz_import(digit, 1, -1, sizeof factor, 0, 0, &factor);
        mpz_mul(product, product, digit);
        mpz_sub_ui(product, product, random_below(&random, 2));
        set_value(&numerator, product);
        mpz_clears(product, digit, NULL);
        assert_quotient(&numerator, &denominator);
    }
}

/* The largest double plus half its last place is a tie, which goes up: the first value that
 * overflows. */
static void overflow_begins_at_the_last_tie(void **state)
{
    (void)state;
    struct exact_sum sum, one;
    exact_clear(&one);
    exact_add_integer(&one, 1);
    exact_clear(&sum);
    add_weight_to(&sum, DBL_MAX);
    assert_same(exact_quotient(&sum, &one), DBL_MAX);
    add_weight_to(&sum, nextafter(0x1p970, 0));
    assert_same(exact_quotient(&sum, &one), DBL_MAX);
    add_weight_to(&sum, 0x1p970 - nextafter(0x1p970, 0));
    assert_same(exact_quotient(&sum, &one), INFINITY);
}

static void underflow_ends_at_the_first_tie(void **state)
{
    (void)state;
    struct exact_sum sum, one;
    exact_clear(&one);
    exact_add_integer(&one, 1);
    exact_clear(&sum);
    add_square_to(&sum, 0x1p-538, 0, 2); /* half the smallest subnormal */
    assert_same(exact_quotient(&sum, &one), 0.0);
    add_square_to(&sum, DBL_TRUE_MIN, 0, DBL_TRUE_MIN);
    assert_same(exact_quotient(&sum, &one), DBL_TRUE_MIN);
}

static void nothing_is_zero(void **state)
{
    (void)state;
    struct exact_sum sum, one;
    exact_clear(&one);
    exact_add_integer(&one, 1);
    exact_clear(&sum);
    assert_true(exact_is_zero(&sum));
    assert_same(exact_quotient(&sum, &one), 0.0);
    add_square_to(&sum, 3, 3, 1);
    add_weight_to(&sum, 0);
    assert_true(exact_is_zero(&sum));
    assert_same(exact_quotient(&sum, &one), 0.0);
    assert_false(exact_is_zero(&one));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_lose_no_bit),
        cmocka_unit_test(the_extremes_fit),
        cmocka_unit_test(a_carry_runs_through_every_digit),
        cmocka_unit_test(many_terms_at_once_are_no_different),
        cmocka_unit_test(merging_is_adding),
        cmocka_unit_test(quotients_are_the_nearest),
        cmocka_unit_test(quotients_at_a_tie_go_to_even),
        cmocka_unit_test(a_quotient_estimated_too_large_is_corrected),
        cmocka_unit_test(overflow_begins_at_the_last_tie),
        cmocka_unit_test(underflow_ends_at_the_first_tie),
        cmocka_unit_test(nothing_is_zero),
    };
    return cmocka_run_group_tests_name("exact", tests, NULL, NULL);
}
