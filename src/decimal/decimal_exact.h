/* decimal_exact.h - on which side of the middle between two doubles a decimal of any length lies.
 * Private to decimal_*.c. */
#ifndef DECIMAL_EXACT_H
#define DECIMAL_EXACT_H

#include <stdint.h>

/* The digits in [first, limit), among them at most one '.', times 10^exponent, read as an integer.
 */
struct decimal_digits {
    const char *first, *limit;
    int64_t exponent;
};

/* The bits of the double nearest to digits, ties to even, which may be those of infinity. floor is
 * the bits of the largest finite double that is at most digits, or of the one before that; digits
 * is not 0. */
uint64_t decimal_exact(struct decimal_digits digits, uint64_t floor);

#endif
