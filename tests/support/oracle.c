/* oracle.c - what an answer must be, from the formulas in integer arithmetic of any length. Knows
 * nothing of text.
 *
 * Every finite double is an integer times a power of two, and so is every difference and product of
 * such. The sums are exact; only the last quotient is rounded. */
#include "support/oracle.h"

#include <gmp.h>
#include <math.h>

#define MANTISSA 53
#define SMALLEST -1074 /* the smallest double is 2^SMALLEST */

/* The largest unit, 2^-result, of which all n values are multiples. */
static int common_unit(const double *values, size_t n, int unit)
{
    for (size_t i = 0; i < n; i++) {
        int exponent;
        frexp(values[i], &exponent);
        if (unit < MANTISSA - exponent) unit = MANTISSA - exponent;
    }
    return unit;
}

/* value * 2^unit */
static void set_units(mpz_t units, double value, int unit)
{
    int exponent;
    double mantissa = frexp(value, &exponent);
    mpz_set_d(units, ldexp(mantissa, MANTISSA));
    mpz_mul_2exp(units, units, (mp_bitcnt_t)(exponent - MANTISSA + unit));
}

/* The double nearest to numerator / denominator * 2^exponent, ties to even. */
static double nearest(const mpz_t numerator, const mpz_t denominator, long exponent)
{
    mpz_t n, d, quotient, remainder;
    if (mpz_sgn(numerator) == 0) return 0;
    mpz_inits(n, d, quotient, remainder, NULL);

    /* The quotient's last bit is 2^place: the last of 53, or, where that would be less, the
     * smallest double. */
    long place = (long)mpz_sizeinbase(numerator, 2) - (long)mpz_sizeinbase(denominator, 2) +
                 exponent - MANTISSA;
    for (;; place++) {
        if (place < SMALLEST) place = SMALLEST;
        mpz_abs(n, numerator);
        mpz_set(d, denominator);
        if (exponent >= place) {
            mpz_mul_2exp(n, n, (mp_bitcnt_t)(exponent - place));
        } else {
            mpz_mul_2exp(d, d, (mp_bitcnt_t)(place - exponent));
        }
        mpz_tdiv_qr(quotient, remainder, n, d);
        if (mpz_sizeinbase(quotient, 2) <= MANTISSA) break;
    }
    mpz_mul_2exp(remainder, remainder, 1);
    int half = mpz_cmp(remainder, d);
    if (half > 0 || (half == 0 && mpz_odd_p(quotient))) mpz_add_ui(quotient, quotient, 1);
    double value = ldexp(mpz_get_d(quotient), (int)place);
    mpz_clears(n, d, quotient, remainder, NULL);
    return mpz_sgn(numerator) < 0 ? -value : value;
}

/* A question in integers: the elements are multiples of 2^-unit, the weights of 2^-weight_unit. */
struct sums {
    const struct oracle *oracle;
    int unit;
    int weight_unit;
    mpz_t difference, weight; /* of one element */
    mpz_t target;             /* room to work in */
    mpz_t weights;            /* the sum of all */
    mpz_t one;
};

static void set_element(struct sums *sums, size_t i)
{
    const struct oracle *oracle = sums->oracle;
    set_units(sums->difference, oracle->predictions[i], sums->unit);
    set_units(sums->target, oracle->targets[i], sums->unit);
    mpz_sub(sums->difference, sums->difference, sums->target);
    if (oracle->weights) set_units(sums->weight, oracle->weights[i], sums->weight_unit);
}

static void sums_init(struct sums *sums, const struct oracle *oracle)
{
    sums->oracle = oracle;
    sums->unit =
        common_unit(oracle->targets, oracle->n, common_unit(oracle->predictions, oracle->n, 0));
    sums->weight_unit = oracle->weights ? common_unit(oracle->weights, oracle->n, 0) : 0;
    mpz_inits(sums->difference, sums->weight, sums->target, sums->weights, sums->one, NULL);
    mpz_set_ui(sums->one, 1);
    mpz_set_ui(sums->weight, 1);
    for (size_t i = 0; i < oracle->n; i++) {
        if (oracle->weights) set_units(sums->weight, oracle->weights[i], sums->weight_unit);
        mpz_add(sums->weights, sums->weights, sums->weight);
    }
}

static void sums_free(struct sums *sums)
{
    mpz_clears(sums->difference, sums->weight, sums->target, sums->weights, sums->one, NULL);
}

void oracle_loss(const struct oracle *oracle, double *losses)
{
    struct sums sums;
    mpz_t sum;
    sums_init(&sums, oracle);
    mpz_init(sum);
    long exponent = -2L * sums.unit - sums.weight_unit;
    for (size_t i = 0; i < oracle->n; i++) {
        set_element(&sums, i);
        mpz_mul(sums.difference, sums.difference, sums.difference);
        if (oracle->reduction == ORACLE_NONE) mpz_set_ui(sum, 0);
        mpz_addmul(sum, sums.difference, sums.weight);
        if (oracle->reduction == ORACLE_NONE) losses[i] = nearest(sum, sums.one, exponent);
    }
    if (oracle->reduction == ORACLE_MEAN) losses[0] = nearest(sum, sums.weights, -2L * sums.unit);
    if (oracle->reduction == ORACLE_SUM) losses[0] = nearest(sum, sums.one, exponent);
    mpz_clear(sum);
    sums_free(&sums);
}

void oracle_gradient(const struct oracle *oracle, double *gradient)
{
    struct sums sums;
    bool mean = oracle->reduction == ORACLE_MEAN;
    sums_init(&sums, oracle);
    for (size_t i = 0; i < oracle->n; i++) {
        set_element(&sums, i);
        mpz_mul(sums.difference, sums.difference, sums.weight);
        gradient[i] = nearest(sums.difference, mean ? sums.weights : sums.one,
                              1L - sums.unit - (mean ? 0 : sums.weight_unit));
    }
    sums_free(&sums);
}
