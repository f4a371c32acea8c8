/* rational.h - the oracle of the numeric tests: the formulas of mse.h in GMP's integers, rounded by
 * GMP's division. Shares no code and no method with libmse. Inputs must be finite; a result beyond
 * the largest double is infinite. */
#ifndef RATIONAL_H
#define RATIONAL_H

#include <gmp.h>
#include <stddef.h>

#include "mse.h"

/* value becomes x * 2^1074, an integer. */
void rational_scaled(mpz_t value, double x);

/* The double nearest to numerator / denominator * 2^exponent, ties to even. denominator must be
 * positive. */
double rational_round(const mpz_t numerator, const mpz_t denominator, long exponent);

/* weights may be NULL. Under MSE_MEAN the weights must not all be 0. */
double rational_loss(const double *predictions, const double *targets, const double *weights,
                     size_t n, enum mse_reduction reduction);

void rational_gradient(const double *predictions, const double *targets, const double *weights,
                       size_t n, enum mse_reduction reduction, double *gradient);

void rational_losses(const double *predictions, const double *targets, const double *weights,
                     size_t n, double *losses);

/* The text of value * 2^exponent in a partial, value not negative, with a NUL. */
void rational_text(char *text, const mpz_t value, long exponent);

#endif
