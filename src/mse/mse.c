/* mse.c - losses, gradients and accumulators: what mse.h promises, by a kernel where it is certain,
 * by exact.h where not. */
#include "mse.h"

#include <math.h>

#include "mse/accumulator.h"
#include "mse/exact.h"
#include "mse/kernels.h"
#include "mse/mse_private.h"

static double weight_at(const double *weights, size_t i)
{
    return weights == NULL ? 1 : weights[i];
}

static bool any_negative(const double *weights, size_t n)
{
    if (weights == NULL) return false;
    bool negative = false;
    for (size_t i = 0; i < n; i++) negative |= weights[i] < 0;
    return negative;
}

static bool element_is_finite(double prediction, double target, double weight)
{
    return isfinite(prediction) && isfinite(target) && isfinite(weight);
}

/* The kernel for n elements, of which it counts 2^48; NULL if exact.h has to do. */
static const struct kernel *kernel_for(size_t n)
{
    return n <= UINT64_C(1) << 48 ? kernels_best(cpu_level()) : NULL;
}

/* ---- accumulators */

void mse_accumulator_init(struct mse_accumulator *accumulator)
{
    struct accumulator *own = accumulator_in(accumulator);
    exact_clear(&own->losses);
    exact_clear(&own->weights);
    own->nonfinite_losses = own->nonfinite_weights = 0;
    own->elements = 0;
}

/* Adds the weights to sum, and returns the sum of those that are not finite. */
static double add_weights(struct exact_sum *sum, const double *weights, size_t n)
{
    if (weights != NULL) return exact_add_weights(sum, weights, n);
    exact_add_integer(sum, n);
    return 0;
}

enum mse_status mse__accumulator_add_weights(struct mse_accumulator *accumulator,
                                             const double *weights, size_t n)
{
    struct accumulator *own = accumulator_in(accumulator);
    if (any_negative(weights, n)) return MSE_NEGATIVE_WEIGHT;
    if (n > UINT64_MAX - own->elements) return MSE_TOO_MANY_ELEMENTS;
    own->elements += n;
    own->nonfinite_weights += add_weights(&own->weights, weights, n);
    return MSE_OK;
}

enum mse_status mse_accumulator_add(struct mse_accumulator *accumulator, const double *predictions,
                                    const double *targets, const double *weights, size_t n)
{
    struct accumulator *own = accumulator_in(accumulator);
    enum mse_status status = mse__accumulator_add_weights(accumulator, weights, n);
    if (status != MSE_OK) return status;
    own->nonfinite_losses += exact_add_squares(&own->losses, predictions, targets, weights, n);
    return MSE_OK;
}

enum mse_status mse_accumulator_merge(struct mse_accumulator *accumulator,
                                      const struct mse_accumulator *other)
{
    struct accumulator *own = accumulator_in(accumulator);
    const struct accumulator *added = accumulator_of(other);
    if (added->elements > UINT64_MAX - own->elements) return MSE_TOO_MANY_ELEMENTS;
    exact_merge(&own->losses, &added->losses);
    exact_merge(&own->weights, &added->weights);
    own->nonfinite_losses += added->nonfinite_losses;
    own->nonfinite_weights += added->nonfinite_weights;
    own->elements += added->elements;
    return MSE_OK;
}

/* What a reduction divides by: the sum of the weights, or 1. Either finite, in exact, with
 * *nonfinite 0, or not finite, in *nonfinite. */
static enum mse_status divisor(const struct accumulator *accumulator, enum mse_reduction reduction,
                               struct exact_sum *exact, double *nonfinite)
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

enum mse_status mse_accumulator_loss(const struct mse_accumulator *accumulator,
                                     enum mse_reduction reduction, double *loss)
{
    struct exact_sum exact;
    double nonfinite;
    const struct accumulator *own = accumulator_of(accumulator);
    enum mse_status status = divisor(own, reduction, &exact, &nonfinite);
    if (status != MSE_OK) return status;
    if (nonfinite != 0) {
        *loss = own->nonfinite_losses / nonfinite;
        return MSE_OK;
    }
    if (own->nonfinite_losses != 0) {
        *loss = own->nonfinite_losses;
        return MSE_OK;
    }
    *loss = exact_quotient(&own->losses, &exact);
    return isinf(*loss) ? MSE_OVERFLOW : MSE_OK;
}

/* ---- single elements */

/* Decides gradients. The sum of the weights is taken exactly when it is first needed, which is
 * seldom. */
struct gradient_judge {
    struct kernel_judge kernel;
    const double *weights; /* the divisor is their sum, unless it is known */
    size_t n;
    bool divisor_known;
    struct exact_divisor divisor;
    double nonfinite; /* the divisor, if it is not finite; else 0 */
    enum mse_status status;
};

static double decide_gradient(struct kernel_judge *kernel, double s, double y, double w)
{
    struct gradient_judge *judge = (struct gradient_judge *)kernel;
    if (w == 0) return 0;
    if (!element_is_finite(s, y, w))
        return judge->nonfinite != 0 ? 2 * w * (s - y) / judge->nonfinite : 2 * w * (s - y);
    if (judge->nonfinite != 0) return (s > y ? 1 : s < y ? -1 : 0) / judge->nonfinite;
    if (!judge->divisor_known) {
        struct exact_sum sum;
        exact_clear(&sum);
        (void)add_weights(&sum, judge->weights, judge->n); /* all are finite: their sum is */
        exact_divide_by(&judge->divisor, &sum);
        judge->divisor_known = true;
    }
    double gradient = exact_gradient(s, y, w, &judge->divisor);
    if (isinf(gradient)) judge->status = MSE_OVERFLOW;
    return gradient;
}

struct loss_judge {
    struct kernel_judge kernel;
    enum mse_status status;
};

static double decide_loss(struct kernel_judge *kernel, double s, double y, double w)
{
    struct loss_judge *judge = (struct loss_judge *)kernel;
    if (w == 0) return 0;
    if (!element_is_finite(s, y, w)) return w * (s - y) * (s - y);
    double loss = exact_loss(s, y, w);
    if (isinf(loss)) judge->status = MSE_OVERFLOW;
    return loss;
}

enum mse_status mse_accumulator_gradient(const struct mse_accumulator *accumulator,
                                         const double *predictions, const double *targets,
                                         const double *weights, size_t n,
                                         enum mse_reduction reduction, double *gradient)
{
    struct gradient_judge judge = {
        .kernel = {decide_gradient}, .divisor_known = true, .status = MSE_OK};
    struct exact_sum sum;
    if (any_negative(weights, n)) return MSE_NEGATIVE_WEIGHT;
    enum mse_status status =
        divisor(accumulator_of(accumulator), reduction, &sum, &judge.nonfinite);
    if (status != MSE_OK) return status;
    if (judge.nonfinite == 0) exact_divide_by(&judge.divisor, &sum);
    const struct kernel *kernel = kernel_for(n);
    if (kernel != NULL && judge.nonfinite == 0) {
        struct kernel_sum estimate = {.bound = judge.divisor.digit != 0 ? 0 : 0x1p-104};
        exact_leading(&sum, &estimate.high, &estimate.low);
        kernel->gradient(predictions, targets, weights, n, estimate, &judge.kernel, gradient);
    } else {
        for (size_t i = 0; i < n; i++)
            gradient[i] =
                decide_gradient(&judge.kernel, predictions[i], targets[i], weight_at(weights, i));
    }
    return judge.status;
}

/* ---- all elements at once */

/* The sum of the weights, or n. */
static struct kernel_sum estimated_weights(const struct kernel *kernel, const double *weights,
                                           size_t n)
{
    return weights == NULL ? (struct kernel_sum){(double)n, 0, 0} : kernel->weights(weights, n);
}

static const struct kernel_sum unity = {1, 0, 0};

/* Whether the estimate can be divided by. If not, there may be a status to find, or a value that is
 * not finite. */
static bool usable(struct kernel_sum weights)
{
    return weights.high > 0 && isfinite(weights.high);
}

bool mse__quick_loss(const double *predictions, const double *targets, const double *weights,
                     size_t n, enum mse_reduction reduction, double *loss)
{
    const struct kernel *kernel = kernel_for(n);
    if (kernel == NULL) return false;
    struct kernel_sum total = estimated_weights(kernel, weights, n);
    if (!usable(total)) return false;
    struct kernel_sum sum = kernel->loss(predictions, targets, weights, n);
    /* Here what underflowed is less than 2^-99 of the sum, which the bound, never below 2^-94, has
     * room for. */
    if (!(sum.high >= 0x1p-900 * fmax(total.high, 1) && sum.high >= 0x1p-900 * (double)n))
        return false;
    return kernel->quotient(sum, reduction == MSE_SUM ? unity : total, loss);
}

enum mse_status mse_loss(const double *predictions, const double *targets, const double *weights,
                         size_t n, enum mse_reduction reduction, double *loss)
{
    if (mse__quick_loss(predictions, targets, weights, n, reduction, loss)) return MSE_OK;
    struct mse_accumulator accumulator;
    mse_accumulator_init(&accumulator);
    enum mse_status status = mse_accumulator_add(&accumulator, predictions, targets, weights, n);
    return status != MSE_OK ? status : mse_accumulator_loss(&accumulator, reduction, loss);
}

enum mse_status mse_gradient(const double *predictions, const double *targets,
                             const double *weights, size_t n, enum mse_reduction reduction,
                             double *gradient)
{
    const struct kernel *kernel = kernel_for(n);
    if (kernel != NULL && gradient != weights) { /* the judge may have to read the weights late */
        struct kernel_sum total = estimated_weights(kernel, weights, n);
        if (usable(total)) {
            bool sum = reduction == MSE_SUM;
            struct gradient_judge judge;
            judge.kernel.decide = decide_gradient;
            judge.weights = sum ? NULL : weights;
            judge.n = sum ? 1 : n;
            judge.divisor_known = false;
            judge.nonfinite = 0;
            judge.status = MSE_OK;
            kernel->gradient(predictions, targets, weights, n, sum ? unity : total, &judge.kernel,
                             gradient);
            return judge.status;
        }
    }
    struct mse_accumulator accumulator;
    mse_accumulator_init(&accumulator);
    enum mse_status status = mse__accumulator_add_weights(&accumulator, weights, n);
    if (status != MSE_OK) return status;
    return mse_accumulator_gradient(&accumulator, predictions, targets, weights, n, reduction,
                                    gradient);
}

enum mse_status mse_losses(const double *predictions, const double *targets, const double *weights,
                           size_t n, double *losses)
{
    if (any_negative(weights, n)) return MSE_NEGATIVE_WEIGHT;
    struct loss_judge judge = {{decide_loss}, MSE_OK};
    const struct kernel *kernel = kernel_for(n);
    if (kernel != NULL) {
        kernel->losses(predictions, targets, weights, n, &judge.kernel, losses);
    } else {
        for (size_t i = 0; i < n; i++)
            losses[i] =
                decide_loss(&judge.kernel, predictions[i], targets[i], weight_at(weights, i));
    }
    return judge.status;
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
    case MSE_TOO_MANY_ELEMENTS:
        return "The accumulator would hold more than 2^64 - 1 elements.";
    case MSE_NOT_FINITE:
        return "An element is NaN or infinite, so there is no partial.";
    case MSE_BAD_PARTIAL:
        return "The text is not the partial of any elements.";
    }
    return "This is no status of libmse.";
}

const char *mse_version(void)
{
    return MSE_VERSION;
}
