/* exact.h - sums of products of doubles that lose no bit, and their correctly rounded quotient. The reference that
 * defines every answer of libmse, and the fallback where the fast kernels cannot decide. Integer arithmetic only: no
 * result depends on the rounding mode. Knows nothing of arrays, reductions or numbers that are not finite.
 *
 * A struct mse_sum is a non-negative integer multiple of 2^-3222, the unit of a product of three subnormals. It holds
 * 2^64 terms of the greatest size there is. limb[low..high-1] are its digits of radix 2^64, least significant first;
 * the limbs outside are zero in value and need not be set. */
#ifndef EXACT_H
#define EXACT_H

#include <stdbool.h>
#include <stdint.h>

#include "mse.h"

/* Makes the sum 0. Sets the bounds only: a short sum touches few of its limbs. */
void exact_clear(struct mse_sum *sum);

bool exact_is_zero(const struct mse_sum *sum);

/* The four below add one term. Doubles must be finite and weights >= 0. */
void exact_add_integer(struct mse_sum *sum, uint64_t value);
void exact_add(struct mse_sum *sum, double weight);

/* weight * (a - b)^2 */
void exact_add_square(struct mse_sum *sum, double a, double b, double weight);

/* 2 * weight * (a - b); a must not be below b. */
void exact_add_difference(struct mse_sum *sum, double a, double b, double weight);

/* Adds other to sum. They may be the same. */
void exact_merge(struct mse_sum *sum, const struct mse_sum *other);

/* The double nearest to numerator / denominator, ties to even; infinity where that is beyond the largest double.
 * denominator must not be 0. */
double exact_quotient(const struct mse_sum *numerator, const struct mse_sum *denominator);

/* The first 106 binary digits of a sum that is not 0: *high + *low, and less than one in 2^104 is left out. If that is
 * out of the range of doubles, *high is NaN or infinite. */
void exact_leading(const struct mse_sum *sum, double *high, double *low);

/* A divisor of many elements. If it has no more than 64 binary digits from its first to its last, it is
 * digit * 2^exponent; else digit is 0. */
struct exact_divisor {
    struct mse_sum sum;
    uint64_t digit;
    int exponent;
};

/* sum must not be 0. */
void exact_divide_by(struct exact_divisor *divisor, const struct mse_sum *sum);

/* 2 * weight * (a - b) / divisor and weight * (a - b)^2, rounded as exact_quotient does it; a 0 is +0, what rounds to 0
 * keeps its sign. The arguments must be finite, the weight >= 0. */
double exact_gradient(double a, double b, double weight, const struct exact_divisor *divisor);
double exact_loss(double a, double b, double weight);

#endif
