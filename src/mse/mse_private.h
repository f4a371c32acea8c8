/* mse_private.h - what libmse offers to the server and the tests, and does not publish: a loss that
 * is quick or not at all, a sum of weights alone, and partials member by member. */
#ifndef MSE_PRIVATE_H
#define MSE_PRIVATE_H

#include <stdbool.h>

#include "mse.h"

/* As mse_loss, for callers that cannot wait for the integers that it falls back on: where the loss
 * is not certain without them, or there is none, false, and *loss is unchanged. */
bool mse__quick_loss(const double *predictions, const double *targets, const double *weights,
                     size_t n, enum mse_reduction reduction, double *loss);

/* Adds the weights of n elements and not their losses: enough for mse_accumulator_gradient, and for
 * nothing else. Fails as mse_accumulator_add does. */
enum mse_status mse__accumulator_add_weights(struct mse_accumulator *accumulator,
                                             const double *weights, size_t n);

/* The members of a partial, in their order. */
enum mse__member { MSE__ELEMENTS, MSE__WEIGHT_SUM, MSE__LOSS_SUM, MSE__MEMBERS };

/* The text of a member: a number's digits, or a string without its quotation marks. */
struct mse__text {
    const char *bytes;
    size_t length;
};

/* mse_accumulator_parse for partials that stand in other documents: makes accumulator the one of
 * these members and returns MSE__MEMBERS. Or returns the first member that is not canonical, or not
 * possible beside those before it; accumulator is then unchanged. */
enum mse__member mse__accumulator_assemble(struct mse_accumulator *accumulator,
                                           const struct mse__text members[MSE__MEMBERS]);

/* The first member of which part has more than whole, so that it is no part of it; MSE__MEMBERS if
 * there is none. What is not finite is left out. */
enum mse__member mse__accumulator_excess(const struct mse_accumulator *part,
                                         const struct mse_accumulator *whole);

#endif
