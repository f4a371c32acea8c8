/* tensor.c - a growing array of doubles with a shape, charged to a shared budget. Knows nothing of JSON. */
#include "tensor.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 64   /* elements: a small request allocates once, and little */
#define DOUBLE_UP_TO   8192 /* elements; from here on realloc remaps pages instead of copying them */
#define GROWTH_DIVISOR 16   /* then capacity grows by this part of itself */
#define CAPACITY_MAX   (SIZE_MAX / sizeof(double) / 2)
#define TRIM_FROM      512 /* elements, 4 KiB: less is not worth a call of realloc */

static bool charge(struct tensor_budget *budget, size_t bytes)
{
    size_t used = atomic_load_explicit(&budget->used, memory_order_relaxed);
    do {
        if (used > budget->limit || bytes > budget->limit - used) return false;
    } while (!atomic_compare_exchange_weak_explicit(&budget->used, &used, used + bytes, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

static void discharge(struct tensor_budget *budget, size_t bytes)
{
    atomic_fetch_sub_explicit(&budget->used, bytes, memory_order_relaxed);
}

void tensor_init(struct tensor *tensor, struct tensor_budget *budget)
{
    tensor->values = NULL;
    tensor->length = 0;
    tensor->capacity = 0;
    tensor->budget = budget;
    tensor->rank = 0;
}

bool tensor_grow(struct tensor *tensor)
{
    size_t more = tensor->capacity == 0             ? FIRST_CAPACITY
                  : tensor->capacity < DOUBLE_UP_TO ? tensor->capacity
                                                    : tensor->capacity / GROWTH_DIVISOR;
    if (more > CAPACITY_MAX - tensor->capacity) return false;
    if (!charge(tensor->budget, more * sizeof(double))) return false;
    double *values = realloc(tensor->values, (tensor->capacity + more) * sizeof(double));
    if (values == NULL) {
        discharge(tensor->budget, more * sizeof(double));
        return false;
    }
    tensor->values = values;
    tensor->capacity += more;
    return true;
}

void tensor_trim(struct tensor *tensor)
{
    size_t unused = tensor->capacity - tensor->length;
    if (unused < TRIM_FROM || tensor->length == 0) return;
    double *values = realloc(tensor->values, tensor->length * sizeof(double));
    if (values == NULL) return;
    tensor->values = values;
    tensor->capacity = tensor->length;
    discharge(tensor->budget, unused * sizeof(double));
}

void tensor_free(struct tensor *tensor)
{
    if (tensor == NULL || tensor->capacity == 0) return;
    free(tensor->values);
    discharge(tensor->budget, tensor->capacity * sizeof(double));
    tensor_init(tensor, tensor->budget);
}

bool tensor_same_shape(const struct tensor *a, const struct tensor *b)
{
    return a->rank == b->rank && memcmp(a->shape, b->shape, a->rank * sizeof a->shape[0]) == 0;
}
