/* test_decimal_powers.c - derives the table of powers of ten anew, with GMP. */
#include "decimal/decimal_powers.h"

#include "support/cmocka_all.h"

#include <stdlib.h>

#include <gmp.h>

/* floor(log2(10^q)), by counting the bits of 10^|q|: the power is no power of two but for q = 0. */
static int log2_of(int q)
{
    mpz_t power;
    mpz_init(power);
    mpz_ui_pow_ui(power, 10, (unsigned long)(q < 0 ? -q : q));
    int bits = (int)mpz_sizeinbase(power, 2);
    mpz_clear(power);
    return q < 0 ? -bits : bits - 1;
}

static void every_power_is_cut_off_to_128_bits(void **state)
{
    (void)state;
    mpz_t power, expected, listed;
    mpz_inits(power, expected, listed, NULL);
    for (int q = DECIMAL_POWER_FIRST; q <= DECIMAL_POWER_LAST; q++) {
        int shift = 127 - log2_of(q);
        mpz_ui_pow_ui(power, 10, (unsigned long)(q < 0 ? -q : q));
        if (q < 0) {
            mpz_set_ui(expected, 1);
            mpz_mul_2exp(expected, expected, (mp_bitcnt_t)shift);
            mpz_fdiv_q(expected, expected, power);
        } else if (shift >= 0) {
            mpz_mul_2exp(expected, power, (mp_bitcnt_t)shift);
        } else {
            mpz_fdiv_q_2exp(expected, power, (mp_bitcnt_t)-shift);
        }
        struct decimal_power entry = decimal_power_of(q);
        mpz_import(listed, 2, 1, sizeof(uint64_t), 0, 0, (uint64_t[]){entry.high, entry.low});
        if (mpz_cmp(expected, listed) != 0) fail_msg("10^%d", q);
        assert_true(entry.high >> 63 == 1);
    }
    mpz_clears(power, expected, listed, NULL);
}

static void every_logarithm_is_rounded_down(void **state)
{
    (void)state;
    for (int q = -642; q <= 642; q++) assert_int_equal(decimal_log2(q), log2_of(q));
}

static void logarithms_of_powers_of_two_are_rounded_down(void **state)
{
    (void)state;
    mpq_t number, ten;
    mpq_inits(number, ten, NULL);
    for (int q = -1074; q <= 971; q++) {
        for (int three_quarters = 0; three_quarters <= 1; three_quarters++) {
            int k = three_quarters ? decimal_log10_three_quarters(q) : decimal_log10(q);
            mpq_set_ui(number, three_quarters ? 3 : 1, three_quarters ? 4 : 1);
            q < 0 ? mpq_div_2exp(number, number, (mp_bitcnt_t)-q)
                  : mpq_mul_2exp(number, number, (mp_bitcnt_t)q);
            for (int above = 0; above <= 1; above++) { /* 10^k <= number < 10^(k+1) */
                mpz_ui_pow_ui(mpq_numref(ten), 10, (unsigned long)abs(k + above));
                mpz_set_ui(mpq_denref(ten), 1);
                if (k + above < 0) mpq_inv(ten, ten);
                assert_int_equal(mpq_cmp(ten, number) <= 0, !above);
            }
        }
    }
    mpq_clears(number, ten, NULL);
}

/* Whether for every n from 1 to count n * ratio is an integer, or more than 2^-64 away from the
 * next.
 *
 * above and below are the least distances, in units of 1 / denominator, of a multiple from the
 * integer below and from the one above it. Either gets less by what the other is, and only so
 * (Euclid's algorithm); the n it is reached at is the sum of both. */
static int keeps_its_distance(mpq_t ratio, mpz_t count)
{
    mpz_t above, at_above, below, at_below, steps, limit;
    mpz_inits(above, at_above, below, at_below, steps, limit, NULL);
    mpz_mod(above, mpq_numref(ratio), mpq_denref(ratio));
    mpz_set_ui(at_above, 1);
    mpz_set(below, mpq_denref(ratio));
    for (int moved = mpz_sgn(above) != 0; moved;) {
        moved = 0;
        for (int turn = 0; turn < 2; turn++) {
            /* steps = min((below - 1) / above, (count - at_below) / at_above) */
            mpz_sub_ui(steps, below, 1);
            mpz_fdiv_q(steps, steps, above);
            mpz_sub(limit, count, at_below);
            mpz_fdiv_q(limit, limit, at_above);
            if (mpz_cmp(limit, steps) < 0) mpz_set(steps, limit);
            mpz_submul(below, steps, above);
            mpz_addmul(at_below, steps, at_above);
            moved |= mpz_sgn(steps) > 0;
            mpz_swap(above, below);
            mpz_swap(at_above, at_below);
        }
    }
    if (mpz_sgn(above) == 0) mpz_set(above, below);
    mpz_mul_2exp(above, above, 64);
    mpz_mul_2exp(below, below, 64);
    int far = mpz_cmp(above, mpq_denref(ratio)) > 0 && mpz_cmp(below, mpq_denref(ratio)) > 0;
    mpz_clears(above, at_above, below, at_below, steps, limit, NULL);
    return far;
}

/* What decimal_print.c relies on: in units of 10^k, no bound (2 c +- 1) 2^(q-1) of a double, and no
 * number 2 c 2^q, lies as near as 2^-64 to an integer without being one. Where doubles lie closer
 * below, a bound is (4 c - 1) 2^(q-2), c being 2^52. */
static void no_double_is_too_near_to_a_decimal_bound(void **state)
{
    (void)state;
    mpq_t unit, ratio;
    mpz_t count;
    mpq_inits(unit, ratio, NULL);
    mpz_init(count);
    for (int q = -1074; q <= 971; q++) {
        for (int narrow = 0; narrow <= 1; narrow++) {
            int k = narrow ? decimal_log10_three_quarters(q) : decimal_log10(q);
            mpz_ui_pow_ui(mpq_numref(unit), 10, (unsigned long)abs(k));
            mpz_set_ui(mpq_denref(unit), 1);
            if (k > 0) mpq_inv(unit, unit);
            q < 0 ? mpq_div_2exp(unit, unit, (mp_bitcnt_t)-q)
                  : mpq_mul_2exp(unit, unit, (mp_bitcnt_t)q);

            mpq_div_2exp(ratio, unit, 1);
            mpz_set_ui(count, ((uint64_t)1 << 54) + 1);
            assert_true(keeps_its_distance(ratio, count));
            mpq_mul_2exp(ratio, unit, 1);
            mpz_set_ui(count, (uint64_t)1 << 53);
            assert_true(keeps_its_distance(ratio, count));
            if (!narrow) continue;
            mpq_set_ui(ratio, ((uint64_t)1 << 54) - 1, 4);
            mpq_mul(ratio, ratio, unit);
            mpz_set_ui(count, 1);
            assert_true(keeps_its_distance(ratio, count));
        }
    }
    mpq_clears(unit, ratio, NULL);
    mpz_clear(count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_power_is_cut_off_to_128_bits),
        cmocka_unit_test(every_logarithm_is_rounded_down),
        cmocka_unit_test(logarithms_of_powers_of_two_are_rounded_down),
        cmocka_unit_test(no_double_is_too_near_to_a_decimal_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
