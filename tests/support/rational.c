/* rational.c - losses and gradients in GMP's integers. */
#include "support/rational.h"

#include <math.h>
#include <stdint.h>

enum { SCALE = 1074 }; /* x * 2^SCALE is an integer for every finite double x */

void rational_scaled(mpz_t value, double x)
{
    int exponent;
    double mantissa = ldexp(frexp(x, &exponent), 53); /* an integer */
    mpz_set_d(value, mantissa);
    long shift = (long)exponent - 53 + SCALE;
    if (shift >= 0)
        mpz_mul_2exp(value, value, (mp_bitcnt_t)shift);
    else
        mpz_tdiv_q_2exp(value, value,
                        (mp_bitcnt_t)-shift); /* of a subnormal: what is cut off is 0 */
}

/* numerator / denominator * 2^-shift as an integer, ties to even, for positive numbers. */
static void divide_to_nearest(mpz_t quotient, const mpz_t numerator, const mpz_t denominator,
                              long shift)
{
    mpz_t a, b, rest;
    mpz_init_set(a, numerator);
    mpz_init_set(b, denominator);
    mpz_init(rest);
    if (shift >= 0)
        mpz_mul_2exp(b, b, (mp_bitcnt_t)shift);
    else
        mpz_mul_2exp(a, a, (mp_bitcnt_t)-shift);
    mpz_tdiv_qr(quotient, rest, a, b);
    mpz_mul_2exp(rest, rest, 1);
    int side = mpz_cmp(rest, b);
    if (side > 0 || (side == 0 && mpz_odd_p(quotient))) mpz_add_ui(quotient, quotient, 1);
    mpz_clears(a, b, rest, NULL);
}

double rational_round(const mpz_t numerator, const mpz_t denominator, long exponent)
{
    if (mpz_sgn(numerator) == 0) return 0;
    mpz_t magnitude, quotient;
    mpz_init(magnitude);
    mpz_init(quotient);
    mpz_abs(magnitude, numerator);
    /* The quotient lies between 2^(length - 1) and 2^(length + 1). */
    long length = (long)mpz_sizeinbase(magnitude, 2) - (long)mpz_sizeinbase(denominator, 2);
    long last = length - 1 + exponent - 52;
    if (last < -SCALE) last = -SCALE;
    divide_to_nearest(quotient, magnitude, denominator, last - exponent);
    if (mpz_sizeinbase(quotient, 2) > 53) {
        last++;
        divide_to_nearest(quotient, magnitude, denominator, last - exponent);
    }
    double value = ldexp(mpz_get_d(quotient), (int)last);
    int sign = mpz_sgn(numerator);
    mpz_clears(magnitude, quotient, NULL);
    return sign < 0 ? -value : value;
}

/* w (s - y), in units of 2^(-2 SCALE). */
static void weighted_difference(mpz_t product, double s, double y, double w)
{
    mpz_t operand;
    mpz_init(operand);
    rational_scaled(product, s);
    rational_scaled(operand, y);
    mpz_sub(product, product, operand);
    rational_scaled(operand, w);
    mpz_mul(product, product, operand);
    mpz_clear(operand);
}

/* w (s - y)^2, in units of 2^(-3 SCALE). */
static void weighted_square(mpz_t product, double s, double y, double w)
{
    mpz_t difference;
    mpz_init(difference);
    weighted_difference(difference, s, y, 1);
    weighted_difference(product, s, y, w);
    mpz_mul(product, product, difference);
    mpz_tdiv_q_2exp(product, product, SCALE); /* the weight of 1 in difference */
    mpz_clear(difference);
}

/* What the reduction divides by, in units of 2^-SCALE. */
static void total_weight(mpz_t total, const double *weights, size_t n, enum mse_reduction reduction)
{
    mpz_t weight;
    mpz_init(weight);
    mpz_set_ui(total, 0);
    for (size_t i = 0; i < (reduction == MSE_SUM ? 1 : n); i++) {
        rational_scaled(weight, reduction == MSE_SUM || weights == NULL ? 1 : weights[i]);
        mpz_add(total, total, weight);
    }
    mpz_clear(weight);
}

double rational_loss(const double *predictions, const double *targets, const double *weights,
                     size_t n, enum mse_reduction reduction)
{
    mpz_t sum, total, term;
    mpz_inits(sum, total, term, NULL);
    total_weight(total, weights, n, reduction);
    for (size_t i = 0; i < n; i++) {
        weighted_square(term, predictions[i], targets[i], weights == NULL ? 1 : weights[i]);
        mpz_add(sum, sum, term);
    }
    double loss = rational_round(sum, total, -2 * SCALE);
    mpz_clears(sum, total, term, NULL);
    return loss;
}

void rational_gradient(const double *predictions, const double *targets, const double *weights,
                       size_t n, enum mse_reduction reduction, double *gradient)
{
    mpz_t numerator, total;
    mpz_inits(numerator, total, NULL);
    total_weight(total, weights, n, reduction);
    for (size_t i = 0; i < n; i++) {
        weighted_difference(numerator, predictions[i], targets[i],
                            weights == NULL ? 1 : weights[i]);
        gradient[i] = rational_round(numerator, total, 1 - SCALE);
    }
    mpz_clears(numerator, total, NULL);
}

void rational_losses(const double *predictions, const double *targets, const double *weights,
                     size_t n, double *losses)
{
    for (size_t i = 0; i < n; i++)
        losses[i] = rational_loss(predictions + i, targets + i,
                                  weights == NULL ? NULL : weights + i, 1, MSE_SUM);
}

void rational_text(char *text, const mpz_t value, long exponent)
{
    mpz_t odd;
    mpz_init(odd);
    long zeros = mpz_sgn(value) == 0 ? -exponent : (long)mpz_scan1(value, 0);
    if (mpz_sgn(value) != 0) mpz_tdiv_q_2exp(odd, value, (mp_bitcnt_t)zeros);
    gmp_sprintf(text, "0x%Zxp%+ld", odd, zeros + exponent);
    mpz_clear(odd);
}
