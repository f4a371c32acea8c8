/* mse.c - losses, gradients and accumulators: what mse.h promises, by the arithmetic of exact.h. */
#include "mse.h"

#include <math.h>
#include <string.h>

#include "exact.h"

static double weight_at(const double *weights, size_t i)
{
    return weights == NULL ? 1 : weights[i];
}

static bool any_negative(const double *weights, size_t n)
{
    if (weights == NULL) return false;
    for (size_t i = 0; i < n; i++)
        if (weights[i] < 0) return true;
    return false;
}

static bool element_is_finite(double prediction, double target, double weight)
{
    return isfinite(prediction) && isfinite(target) && isfinite(weight);
}

/* ---- accumulators */

void mse_accumulator_init(struct mse_accumulator *accumulator)
{
    memset(accumulator, 0, sizeof *accumulator);
}

static void add_weights(struct mse_accumulator *accumulator, const double *weights, size_t n)
{
    accumulator->elements += n;
    if (weights == NULL) {
        exact_add_integer(&accumulator->weights, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (isfinite(weights[i]))
            exact_add(&accumulator->weights, weights[i]);
        else
            accumulator->nonfinite_weights += weights[i];
    }
}

static void add_losses(struct mse_accumulator *accumulator, const double *predictions, const double *targets,
                       const double *weights, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double s = predictions[i], y = targets[i], w = weight_at(weights, i);
        if (w == 0) continue;
        if (element_is_finite(s, y, w))
            exact_add_square(&accumulator->losses, s, y, w);
        else
            accumulator->nonfinite_losses += w * (s - y) * (s - y);
    }
}

enum mse_status mse_accumulator_add(struct mse_accumulator *accumulator, const double *predictions,
                                    const double *targets, const double *weights, size_t n)
{
    if (any_negative(weights, n)) return MSE_NEGATIVE_WEIGHT;
    add_weights(accumulator, weights, n);
    add_losses(accumulator, predictions, targets, weights, n);
    return MSE_OK;
}

void mse_accumulator_merge(struct mse_accumulator *accumulator, const struct mse_accumulator *other)
{
    exact_merge(&accumulator->losses, &other->losses);
    exact_merge(&accumulator->weights, &other->weights);
    accumulator->nonfinite_losses += other->nonfinite_losses;
    accumulator->nonfinite_weights += other->nonfinite_weights;
    accumulator->elements += other->elements;
}

/* What a reduction divides by: the sum of the weights, or 1. Either finite, in exact, with *nonfinite 0, or not finite,
 * in *nonfinite. */
static enum mse_status divisor(const struct mse_accumulator *accumulator, enum mse_reduction reduction,
                               struct mse_sum *exact, double *nonfinite)
{
    *nonfinite = 0;
    exact_clear(exact);
    if (reduction == MSE_SUM) {
        exact_add_integer(exact, 1);
        return MSE_OK;
    }
    if (accumulator->elements == 0) return MSE_NO_ELEMENT;
    *nonfinite = accumulator->nonfinite_weights;
    exact_merge(exact, &accumulator->weights);
    return *nonfinite == 0 && exact_is_zero(exact) ? MSE_ZERO_WEIGHTS : MSE_OK;
}

enum mse_status mse_accumulator_loss(const struct mse_accumulator *accumulator, enum mse_reduction reduction,
                                     double *loss)
{
    struct mse_sum exact;
    double nonfinite;
    enum mse_status status = divisor(accumulator, reduction, &exact, &nonfinite);
    if (status != MSE_OK) return status;
    if (nonfinite != 0) {
        *loss = accumulator->nonfinite_losses / nonfinite;
        return MSE_OK;
    }
    if (accumulator->nonfinite_losses != 0) {
        *loss = accumulator->nonfinite_losses;
        return MSE_OK;
    }
    *loss = exact_quotient(&accumulator->losses, &exact);
    return isinf(*loss) ? MSE_OVERFLOW : MSE_OK;
}

/* 2 w (s - y) / divisor */
static double exact_gradient(double s, double y, double w, const struct mse_sum *divisor)
{
    struct mse_sum numerator;
    exact_clear(&numerator);
    exact_add_difference(&numerator, fmax(s, y), fmin(s, y), w);
    double magnitude = exact_quotient(&numerator, divisor);
    return s < y ? -magnitude : magnitude;
}

/* w (s - y)^2 */
static double exact_loss(double s, double y, double w)
{
    struct mse_sum numerator, one;
    exact_clear(&numerator);
    exact_clear(&one);
    exact_add_square(&numerator, s, y, w);
    exact_add_integer(&one, 1);
    return exact_quotient(&numerator, &one);
}

enum mse_status mse_accumulator_gradient(const struct mse_accumulator *accumulator, const double *predictions,
                                         const double *targets, const double *weights, size_t n,
                                         enum mse_reduction reduction, double *gradient)
{
    struct mse_sum exact;
    double nonfinite;
    if (any_negative(weights, n)) return MSE_NEGATIVE_WEIGHT;
    enum mse_status status = divisor(accumulator, reduction, &exact, &nonfinite);
    if (status != MSE_OK) return status;
    for (size_t i = 0; i < n; i++) {
        double s = predictions[i], y = targets[i], w = weight_at(weights, i);
        if (w == 0) {
            gradient[i] = 0;
        } else if (!element_is_finite(s, y, w)) {
            gradient[i] = nonfinite != 0 ? 2 * w * (s - y) / nonfinite : 2 * w * (s - y);
        } else if (nonfinite != 0) {
            gradient[i] = (s > y ? 1 : s < y ? -1 : 0) / nonfinite;
        } else {
            gradient[i] = exact_gradient(s, y, w, &exact);
            if (isinf(gradient[i])) status = MSE_OVERFLOW;
        }
    }
    return status;
}

/* ---- all elements at once */

enum mse_status mse_loss(const double *predictions, const double *targets, const double *weights, size_t n,
                         enum mse_reduction reduction, double *loss)
{
    struct mse_accumulator accumulator;
    mse_accumulator_init(&accumulator);
    enum mse_status status = mse_accumulator_add(&accumulator, predictions, targets, weights, n);
    return status != MSE_OK ? status : mse_accumulator_loss(&accumulator, reduction, loss);
}

enum mse_status mse_gradient(const double *predictions, const double *targets, const double *weights, size_t n,
                             enum mse_reduction reduction, double *gradient)
{
    struct mse_accumulator accumulator;
    if (any_negative(weights, n)) return MSE_NEGATIVE_WEIGHT;
    mse_accumulator_init(&accumulator);
    add_weights(&accumulator, weights, n);
    return mse_accumulator_gradient(&accumulator, predictions, targets, weights, n, reduction, gradient);
}

enum mse_status mse_losses(const double *predictions, const double *targets, const double *weights, size_t n,
                           double *losses)
{
    if (any_negative(weights, n)) return MSE_NEGATIVE_WEIGHT;
    enum mse_status status = MSE_OK;
    for (size_t i = 0; i < n; i++) {
        double s = predictions[i], y = targets[i], w = weight_at(weights, i);
        if (w == 0) {
            losses[i] = 0;
        } else if (!element_is_finite(s, y, w)) {
            losses[i] = w * (s - y) * (s - y);
        } else {
            losses[i] = exact_loss(s, y, w);
            if (isinf(losses[i])) status = MSE_OVERFLOW;
        }
    }
    return status;
}

/* ---- about the library */

const char *mse_status_message(enum mse_status status)
{
    switch (status) {
    case MSE_OK:
        return "The result is exact, rounded once.";
    case MSE_NO_ELEMENT:
        return "There is no element to take the mean of.";
    case MSE_NEGATIVE_WEIGHT:
        return "A weight is negative.";
    case MSE_ZERO_WEIGHTS:
        return "All weights are 0, so there is no mean.";
    case MSE_OVERFLOW:
        return "A result is beyond the largest double.";
    }
    return "This is no status of libmse.";
}

const char *mse_version(void)
{
    return MSE_VERSION;
}
