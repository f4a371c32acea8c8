/* accumulator.h - what stands in the storage of a struct mse_accumulator. Callers copy that as
 * bytes, which may alias anything; all else is done here, through the real type. */
#ifndef ACCUMULATOR_H
#define ACCUMULATOR_H

#include "mse.h"
#include "mse/exact.h"

struct accumulator {
    struct exact_sum losses, weights;
    double nonfinite_losses, nonfinite_weights; /* what is not finite, summed apart as IEEE 754
                                                   does; 0 if there is none */
    uint64_t elements;
};

_Static_assert(sizeof(struct accumulator) <= sizeof(struct mse_accumulator) &&
                   alignof(struct accumulator) <= alignof(struct mse_accumulator),
               "an accumulator fits its storage");

static inline struct accumulator *accumulator_in(struct mse_accumulator *storage)
{
    return (struct accumulator *)(void *)storage;
}

static inline const struct accumulator *accumulator_of(const struct mse_accumulator *storage)
{
    return (const struct accumulator *)(const void *)storage;
}

#endif
