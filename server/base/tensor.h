/* tensor.h - a growing array of doubles with a shape, charged to a budget that all requests share.
 * Knows nothing of JSON. */
#ifndef TENSOR_H
#define TENSOR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define TENSOR_RANK_MAX 32

/* Bytes that all tensors, and what else grows with the requests, may occupy together. May be used
 * from any number of threads at once. */
struct tensor_budget {
    atomic_size_t used; /* bytes */
    size_t limit;       /* bytes; not changed after start */
    atomic_bool
        is_spent; /* as tensor_budget_is_spent saw it last, or a tensor could not grow since */
};

/* Charges a budget for memory that is about to be allocated, whatever for; false: it is spent, and
 * nothing has changed. Gives back what was charged. */
bool tensor_charge(struct tensor_budget *budget, size_t bytes);
void tensor_discharge(struct tensor_budget *budget, size_t bytes);
/* Whether so little is left that new requests should go elsewhere: less than a sixteenth, or too
 * little for some tensor that wanted to grow. That lasts until a quarter is left. */
bool tensor_budget_is_spent(struct tensor_budget *budget);

/* Owned by one request. values[0..length-1] in row-major order; the product of shape[0..rank-1] is
 * length once the whole array has been read. */
struct tensor {
    double *values;
    size_t length;   /* elements */
    size_t capacity; /* elements; capacity * sizeof(double) is what the budget is charged */
    size_t
        room; /* elements allocated, at least capacity; what is beyond it has never been touched */
    struct tensor_budget *budget;
    size_t rank;
    size_t shape[TENSOR_RANK_MAX];
};

/* An empty tensor of rank 0; allocates nothing. */
void tensor_init(struct tensor *tensor, struct tensor_budget *budget);

/* Makes room for at least one more element at values[length]. The budget is charged before memory
 * is allocated; on false (the budget or the memory is spent) nothing has changed. Capacity exceeds
 * length by a small fraction of it, and moves no data where the system can remap pages. */
bool tensor_grow(struct tensor *tensor);

/* Gives the unused capacity back. */
void tensor_trim(struct tensor *tensor);

/* Frees the values and gives the budget what it was charged. The tensor is then as tensor_init left
 * it. NULL and an empty tensor are accepted. */
void tensor_free(struct tensor *tensor);

bool tensor_same_shape(const struct tensor *a, const struct tensor *b);

#endif
