/* random.h - the same random numbers in every run. */
#ifndef RANDOM_H
#define RANDOM_H

#include <stddef.h>
#include <stdint.h>

uint64_t random_bits(void);

/* In [0, n). */
size_t random_below(size_t n);

/* In [0, 1), all 53 bits used. */
double random_unit(void);

/* value or -value. */
double random_sign(double value);

#endif
