/* families.h - the inputs on which the numeric tests try everything: each family is a way for
 * rounding, cancellation or range to go wrong. Deterministic: the same seed gives the same numbers
 * on every machine. */
#ifndef FAMILIES_H
#define FAMILIES_H

#include <stddef.h>
#include <stdint.h>

struct families_random {
    uint64_t state;
};

uint64_t families_bits(struct families_random *random);

/* From 0 to bound - 1. */
uint64_t families_below(struct families_random *random, uint64_t bound);

/* Random sign, mantissa, and exponent from 2^lowest to 2^highest. */
double families_double(struct families_random *random, int lowest, int highest);

/* Any finite double, by its bits. */
double families_finite(struct families_random *random);

struct family {
    const char *name;
    void (*fill)(struct families_random *random, double *predictions, double *targets, size_t n);
};

extern const struct family families[];
extern const size_t families_count;

struct weight_family {
    const char *name;
    void (*fill)(struct families_random *random, double *weights,
                 size_t n); /* NULL: no weights at all */
};

/* Not all weights of a family are 0. */
extern const struct weight_family weight_families[];
extern const size_t weight_families_count;

#endif
