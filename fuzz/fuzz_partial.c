/* fuzz_partial.c - texts -> partials, against GMP: which are read, what they print as, alone and
 * merged with themselves, and the losses that they have. */
#include "input.h"
#include "pool.h"

#include "mse.h"
#include "support/bits.h"
#include "support/rational.h"

#include <gmp.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UNIT = -3222, TEXT_MAX = 8192 };

/* The sums are in units of 2^UNIT. */
struct numbers {
    mpz_t elements, weights, losses;
};

static void print(char *text, const struct numbers *numbers)
{
    char weights[TEXT_MAX], losses[TEXT_MAX];
    rational_text(weights, numbers->weights, UNIT);
    rational_text(losses, numbers->losses, UNIT);
    gmp_snprintf(text, TEXT_MAX, "{\"elements\":%Zd,\"weight_sum\":\"%s\",\"loss_sum\":\"%s\"}",
                 numbers->elements, weights, losses);
}

/* Reads digits times a power of two; false where that is no multiple of the unit, or far beyond all
 * sums. */
static bool read_sum(mpz_t sum, const char *digits, const char *exponent)
{
    long shift = strtol(exponent, NULL, 10) - UNIT;
    if (shift < 0 || shift > 7000) return false;
    mpz_set_str(sum, digits, 16);
    mpz_mul_2exp(sum, sum, (mp_bitcnt_t)shift);
    return true;
}

/* Whether sum is a multiple of 2^last, and below elements * 2^top. */
static bool is_within(const mpz_t sum, const mpz_t elements, long top, long last)
{
    mpz_t bound;
    if (mpz_sgn(sum) == 0) return true;
    mpz_init(bound);
    mpz_mul_2exp(bound, elements, (mp_bitcnt_t)(top - UNIT));
    bool is_below = mpz_cmp(sum, bound) < 0;
    mpz_clear(bound);
    return is_below && mpz_scan1(sum, 0) >= (mp_bitcnt_t)(last - UNIT);
}

/* A second opinion on whether text is a partial: that of the numbers found in it is the same. */
static bool read(struct numbers *numbers, const char *text)
{
    char elements[32], weights[2048], losses[2048], w_exponent[8], l_exponent[8], again[TEXT_MAX];
    if (sscanf(text,
               "{\"elements\":%31[0-9],\"weight_sum\":\"0x%2047[0-9a-f]p%7[-+0-9]\","
               "\"loss_sum\":\"0x%2047[0-9a-f]p%7[-+0-9]\"}",
               elements, weights, w_exponent, losses, l_exponent) != 5)
        return false;
    mpz_set_str(numbers->elements, elements, 10);
    if (!read_sum(numbers->weights, weights, w_exponent)) return false;
    if (!read_sum(numbers->losses, losses, l_exponent)) return false;
    print(again, numbers);
    return strcmp(again, text) == 0 && mpz_sizeinbase(numbers->elements, 2) <= 64 &&
           (mpz_sgn(numbers->weights) != 0 || mpz_sgn(numbers->losses) == 0) &&
           is_within(numbers->weights, numbers->elements, 1024, -1074) &&
           is_within(numbers->losses, numbers->elements, 3074, -3222);
}

static void must_print(const struct mse_accumulator *accumulator, const char *text)
{
    char printed[MSE_PARTIAL_MAX];
    size_t length;
    must(mse_accumulator_print(accumulator, printed, &length) == MSE_OK);
    must(length == strlen(text) && strcmp(printed, text) == 0);
}

static void must_lose(const struct mse_accumulator *accumulator, enum mse_reduction reduction,
                      double expected)
{
    double loss;
    must(mse_accumulator_loss(accumulator, reduction, &loss) ==
         (isinf(expected) ? MSE_OVERFLOW : MSE_OK));
    must(bits_of(loss) == bits_of(expected));
}

static void check(struct mse_accumulator *accumulator, struct numbers *numbers, const char *text)
{
    char doubled[TEXT_MAX];
    double loss;
    mpz_t one;
    mpz_init_set_ui(one, 1);
    must_print(accumulator, text);
    must_lose(accumulator, MSE_SUM, rational_round(numbers->losses, one, UNIT));
    if (mpz_sgn(numbers->elements) == 0)
        must(mse_accumulator_loss(accumulator, MSE_MEAN, &loss) == MSE_NO_ELEMENT);
    else if (mpz_sgn(numbers->weights) == 0)
        must(mse_accumulator_loss(accumulator, MSE_MEAN, &loss) == MSE_ZERO_WEIGHTS);
    else
        must_lose(accumulator, MSE_MEAN, rational_round(numbers->losses, numbers->weights, 0));
    mpz_clear(one);

    enum mse_status status = mse_accumulator_merge(accumulator, accumulator);
    if (mpz_sizeinbase(numbers->elements, 2) > 63) {
        must(status == MSE_TOO_MANY_ELEMENTS);
        must_print(accumulator, text);
        return;
    }
    must(status == MSE_OK);
    mpz_mul_ui(numbers->elements, numbers->elements, 2);
    mpz_mul_ui(numbers->weights, numbers->weights, 2);
    mpz_mul_ui(numbers->losses, numbers->losses, 2);
    print(doubled, numbers);
    must_print(accumulator, doubled);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct numbers numbers;
    struct mse_accumulator accumulator;
    pool_serve_gmp();
    char *text = malloc(size + 1), *unended = malloc(size);
    if (text == NULL || (unended == NULL && size > 0)) abort();
    if (size > 0) memcpy(text, data, size);
    if (size > 0) memcpy(unended, data, size);
    text[size] = 0;
    mpz_inits(numbers.elements, numbers.weights, numbers.losses, NULL);

    bool is_partial = strlen(text) == size && read(&numbers, text);
    must(mse_accumulator_parse(&accumulator, unended, size) ==
         (is_partial ? MSE_OK : MSE_BAD_PARTIAL));
    if (is_partial) check(&accumulator, &numbers, text);

    mpz_clears(numbers.elements, numbers.weights, numbers.losses, NULL);
    free(unended);
    free(text);
    return 0;
}
