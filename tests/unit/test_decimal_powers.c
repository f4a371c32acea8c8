/* test_decimal_powers.c - derives the table of powers of ten anew, with GMP. */
#include "decimal_powers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_power_is_cut_off_to_128_bits),
        cmocka_unit_test(every_logarithm_is_rounded_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
