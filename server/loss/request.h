/* request.h - what a client asks for, in whatever format it did. */
#ifndef REQUEST_H
#define REQUEST_H

#include "base/tensor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mse_accumulator;

enum request_reduction { REQUEST_MEAN, REQUEST_SUM, REQUEST_NONE };

enum request_input { REQUEST_PREDICTIONS, REQUEST_TARGETS, REQUEST_WEIGHTS, REQUEST_INPUTS };

/* Owns its tensors and the whole. Once request_check has passed, all have the same shape and at
 * least one element; weights that were not given are empty. */
struct request {
    struct tensor inputs[REQUEST_INPUTS];
    bool has_non_finite; /* an input may hold NaN or infinity, which weight 0 alone makes good */
    enum request_reduction reduction;
    bool wants_predictions; /* the gradient with respect to the predictions */
    bool wants_targets;     /* the gradient with respect to the targets */
    bool wants_partial;     /* the exact sums alone; no codec sets it */
    const char *option; /* static: the first that was given of "reduction", "gradients" and "whole",
                           of which a partial has none; NULL: none */
    struct mse_accumulator *whole; /* by malloc: the exact sums of all shards, of which this request
                                      is one; NULL: it is all there is */
};

/* What is wrong with the numbers of a request, or with those that they lead to. A codec says it in
 * the words of its format. */
enum request_fault_kind {
    REQUEST_MISSING,           /* input was not given */
    REQUEST_EMPTY,             /* input has no element */
    REQUEST_SHAPE_MISMATCH,    /* input has not the shape of the predictions */
    REQUEST_NOT_FINITE,        /* element index of input is value, a NaN or an infinity */
    REQUEST_NEGATIVE_WEIGHT,   /* element index of the weights is value */
    REQUEST_ZERO_WEIGHTS,      /* a mean, and all weights are 0 */
    REQUEST_LOSS_OVERFLOW,     /* beyond the largest double: of element index, or of all together */
    REQUEST_GRADIENT_OVERFLOW, /* of element index */
    REQUEST_OPTION_OF_PARTIAL, /* a partial is wanted, and there is an option */
    REQUEST_WHOLE_OF_NONE,     /* a whole, and the reduction is none */
    REQUEST_WHOLE_OF_FEWER,    /* the whole has fewer elements than the request */
    REQUEST_WHOLE_OF_LESS,     /* a smaller sum of weights */
    REQUEST_WHOLE_OF_ZERO,     /* a mean, and no weight at all */
    REQUEST_FAULT_OF_OURS      /* a bug of this server */
};

#define REQUEST_ALL SIZE_MAX /* as an index: no single element */

struct request_fault {
    enum request_fault_kind kind;
    enum request_input input;
    size_t index;
    double value;
};

/* No inputs yet, and the defaults: mean, both gradients. */
void request_init(struct request *request);

/* "predictions", "targets" or "weights". */
const char *request_input_name(enum request_input input);

/* The input of that name; REQUEST_INPUTS where there is none. */
enum request_input request_input_named(const char *name);

/* An option was given. These below and partial_read_whole call it. name is static. */
void request_note_option(struct request *request, const char *name);

/* Sets the reduction by its name; false: there is none of that name. */
bool request_set_reduction(struct request *request, const char *name);

enum request_gradient { REQUEST_GRADIENT_ADDED, REQUEST_GRADIENT_UNKNOWN, REQUEST_GRADIENT_TWICE };

/* Wants no gradient, or one more by its name. */
void request_clear_gradients(struct request *request);
enum request_gradient request_add_gradient(struct request *request, const char *name);

/* Whether predictions and targets are there and the shapes agree, as nothing is ever broadcast, and
 * the options fit together. If not, *fault says why. */
bool request_check(const struct request *request, struct request_fault *fault);

void request_free(struct request *request);

#endif
