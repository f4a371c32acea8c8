/* exact.h - sums of products of doubles that lose no bit, and their correctly rounded quotient. The
 * reference that defines every answer of libmse, and the fallback where the kernels cannot decide.
 * Integer arithmetic only: no result depends on the rounding mode. Knows nothing of reductions and
 * statuses.
 *
 * A struct mse_sum is a non-negative integer multiple of 2^-3222, the unit of a product of three
 * subnormals. It holds 2^64 terms of the greatest size there is. digit[low..high-1] are its digits
 * of radix 2^32, least significant first; those outside are 0 and need not be set. */
#ifndef EXACT_H
#define EXACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mse.h"

/* Makes the sum 0. Sets the bounds only: a short sum touches few of its digits. */
void exact_clear(struct mse_sum *sum);

bool exact_is_zero(const struct mse_sum *sum);

void exact_add_integer(struct mse_sum *sum, uint64_t value);

/* Adds w_i, or w_i (a_i - b_i)^2. Weights must not be negative; they may be NULL in the second, for
 * 1. An element of weight 0 is left out. So is one that is not finite; these are summed apart in
 * doubles, as IEEE 754 has it, and that sum is returned: 0 if there are none. */
double exact_add_weights(struct mse_sum *sum, const double *weights, size_t n);
double exact_add_squares(struct mse_sum *sum, const double *a, const double *b,
                         const double *weights, size_t n);

/* Adds other to sum. They may be the same. */
void exact_merge(struct mse_sum *sum, const struct mse_sum *other);

/* The double nearest to numerator / denominator, ties to even; infinity where that is beyond the
 * largest double. denominator must not be 0. */
double exact_quotient(const struct mse_sum *numerator, const struct mse_sum *denominator);

/* The first 106 binary digits of a sum that is not 0: *high + *low, with |*low| <= 2^-53 *high.
 * Beyond the range of doubles *high is infinite; below 2^-900 there may be fewer digits. */
void exact_leading(const struct mse_sum *sum, double *high, double *low);

/* A divisor of many elements. If it has no more than 64 binary digits from its first to its last,
 * it is digit * 2^exponent; else digit is 0. */
struct exact_divisor {
    struct mse_sum sum;
    uint64_t digit;
    int exponent;
};

/* sum must not be 0. */
void exact_divide_by(struct exact_divisor *divisor, const struct mse_sum *sum);

/* 2 * weight * (a - b) / divisor and weight * (a - b)^2, rounded as exact_quotient does it; a 0 is
 * +0, what rounds to 0 keeps its sign. The arguments must be finite, the weight not negative. */
double exact_gradient(double a, double b, double weight, const struct exact_divisor *divisor);
double exact_loss(double a, double b, double weight);

#endif
