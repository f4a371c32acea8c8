/* families.h - the inputs on which the numeric tests try everything: each family is a way for
 * rounding, cancellation or range to go wrong. */
#ifndef FAMILIES_H
#define FAMILIES_H

#include <stddef.h>
#include <stdint.h>

struct family {
    const char *name;
    void (*fill)(uint64_t *random, double *predictions, double *targets, size_t n);
};

extern const struct family families[];
extern const size_t families_count;

struct weight_family {
    const char *name;
    void (*fill)(uint64_t *random, double *weights, size_t n); /* NULL: no weights at all */
};

/* Not all weights of a family are 0. */
extern const struct weight_family weight_families[];
extern const size_t weight_families_count;

#endif
