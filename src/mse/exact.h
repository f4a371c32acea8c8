/* exact.h - sums of products of doubles that lose no bit, and their correctly rounded quotient. The
 * reference that defines every answer of libmse, and the fallback where the kernels cannot decide.
 * Integer arithmetic only: no result depends on the rounding mode. Knows nothing of reductions and
 * statuses.
 *
 * A struct exact_sum is a non-negative integer multiple of 2^-3222, the unit of a product of three
 * subnormals. It holds 2^64 terms of the greatest size there is. digit[low..high-1] are its digits
 * of radix 2^32, least significant first; those outside are 0 and need not be set. */
#ifndef EXACT_H
#define EXACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXACT_SUM_DIGITS 200

struct exact_sum {
    int64_t digit[EXACT_SUM_DIGITS];
    uint32_t low, high;
};

/* Makes the sum 0. Sets the bounds only: a short sum touches few of its digits. */
void exact_clear(struct exact_sum *sum);

bool exact_is_zero(const struct exact_sum *sum);

/* Whether sum is greater than other. */
bool exact_exceeds(const struct exact_sum *sum, const struct exact_sum *other);

void exact_add_integer(struct exact_sum *sum, uint64_t value);

/* Adds w_i, or w_i (a_i - b_i)^2. Weights must not be negative; they may be NULL in the second, for
 * 1. An element of weight 0 is left out. So is one that is not finite; these are summed apart in
 * doubles, as IEEE 754 has it, and that sum is returned: 0 if there are none. */
double exact_add_weights(struct exact_sum *sum, const double *weights, size_t n);
double exact_add_squares(struct exact_sum *sum, const double *a, const double *b,
                         const double *weights, size_t n);

/* Adds other to sum. They may be the same. */
void exact_merge(struct exact_sum *sum, const struct exact_sum *other);

/* The double nearest to numerator / denominator, ties to even; infinity where that is beyond the
 * largest double. denominator must not be 0. */
double exact_quotient(const struct exact_sum *numerator, const struct exact_sum *denominator);

/* The first 106 binary digits of a sum that is not 0: *high + *low, with |*low| <= 2^-53 *high.
 * Beyond the range of doubles *high is infinite; below 2^-900 there may be fewer digits. */
void exact_leading(const struct exact_sum *sum, double *high, double *low);

/* A divisor of many elements. If it has no more than 64 binary digits from its first to its last,
 * it is digit * 2^exponent; else digit is 0. */
struct exact_divisor {
    struct exact_sum sum;
    uint64_t digit;
    int exponent;
};

/* sum must not be 0. */
void exact_divide_by(struct exact_divisor *divisor, const struct exact_sum *sum);

/* 2 * weight * (a - b) / divisor and weight * (a - b)^2, rounded as exact_quotient does it; a 0 is
 * +0, what rounds to 0 keeps its sign. The arguments must be finite, the weight not negative. */
double exact_gradient(double a, double b, double weight, const struct exact_divisor *divisor);
double exact_loss(double a, double b, double weight);

/* ---- bounds and text */

/* The exponent of the last binary digit that is 1. The sum must not be 0. */
int exact_last(const struct exact_sum *sum);

/* floor(sum / 2^exponent), or 2^64 - 1 where it is more. exponent is at least -3222. */
uint64_t exact_floor(const struct exact_sum *sum, int exponent);

/* Bytes that exact_print may write. */
#define EXACT_PRINT_MAX (8 * EXACT_SUM_DIGITS + 8)

/* Writes the sum as m * 2^e: 0x, m in lower-case hexadecimal, p, e in decimal with its sign. m is
 * odd, or 0 with the exponent +0. Returns the length; writes no NUL. */
size_t exact_print(const struct exact_sum *sum, char *text);

/* Reads what exact_print writes. false: the text is something else, or a number that a sum cannot
 * hold; sum may then be anything. */
bool exact_parse(struct exact_sum *sum, const char *text, size_t length);

/* The same for an integer in decimal, which has 20 digits at most; on false *value is unchanged. */
size_t exact_print_integer(uint64_t value, char *text);
bool exact_parse_integer(uint64_t *value, const char *text, size_t length);

#endif
