/* mse.h - the public API of libmse: the mean squared error and its gradients, every number
 * correctly rounded.
 *
 * With d_i = predictions[i] - targets[i] taken as a real number, not as a double, and w_i =
 * weights[i], or 1 where weights is NULL:
 *
 *     reduction   loss                       gradient with respect to predictions[i]
 *     MSE_MEAN    sum(w_i d_i^2) / sum(w_i)  2 w_i d_i / sum(w_i)
 *     MSE_SUM     sum(w_i d_i^2)             2 w_i d_i
 *
 * Every number returned is that real value rounded once, to nearest, ties to even, subnormals
 * included. It follows that results depend on nothing but the inputs: not on the instruction set,
 * the order of the elements or how they were split over accumulators. The gradient with respect to
 * the targets is the negated one with respect to the predictions. A value that is 0 is returned as
 * +0; one that rounds to 0 keeps its sign.
 *
 * An element of weight 0 is as good as absent: it adds nothing and its gradient is +0, whatever
 * stands there. Where another element is not finite, IEEE 754 arithmetic decides, with MSE_OK: its
 * loss is w * d * d and its gradient 2 * w * d as doubles, in this order, infinities or NaNs; these
 * alone make up a sum in which they take part; and an infinite sum of weights divides finite values
 * to zeros, infinite ones to NaN. A NaN is not a negative weight.
 *
 * No function allocates or does I/O; all may be called from any thread, on accumulators that no
 * other thread is writing. They expect the floating-point environment a C program starts with.
 * Arrays hold n elements and may be NULL where n is 0; weights may be NULL always.
 *
 * The instructions to use are chosen once, at the first call that computes, by what the CPU has.
 * The environment variable MSE_KERNEL can force the choice, for tests and comparisons: baseline,
 * avx2 or avx512 (x86-64 only), or exact, which uses integers alone. A name that does not exist, or
 * that this CPU cannot run, is ignored. */
#ifndef MSE_H
#define MSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MSE_VERSION "0.1.0"

enum mse_reduction { MSE_MEAN, MSE_SUM };

enum mse_status {
    MSE_OK,
    MSE_NO_ELEMENT,      /* MSE_MEAN of nothing: n is 0 */
    MSE_NEGATIVE_WEIGHT, /* a weight is below 0; -0.0 is not */
    MSE_ZERO_WEIGHTS,    /* MSE_MEAN, and all weights are 0 */
    MSE_OVERFLOW /* from finite inputs a result beyond the largest double; such results are stored
                    as infinities */
};

/* ---- all elements at once */

/* The loss of n elements, to *loss. On any status but MSE_OK and MSE_OVERFLOW *loss is unchanged.
 */
enum mse_status mse_loss(const double *predictions, const double *targets, const double *weights,
                         size_t n, enum mse_reduction reduction, double *loss);

/* As mse_loss, for those who cannot wait for the integers that it falls back on: where the loss is
 * not certain without them, or there is none, false, and *loss is unchanged. */
bool mse_quick_loss(const double *predictions, const double *targets, const double *weights,
                    size_t n, enum mse_reduction reduction, double *loss);

/* The gradient with respect to the predictions, to gradient[0..n-1]. gradient may be any of the
 * input arrays itself, but must not overlap one otherwise. On any status but MSE_OK and
 * MSE_OVERFLOW it is unchanged. */
enum mse_status mse_gradient(const double *predictions, const double *targets,
                             const double *weights, size_t n, enum mse_reduction reduction,
                             double *gradient);

/* The loss of each element by itself, w_i d_i^2, to losses[0..n-1]; the gradient that belongs to it
 * is MSE_SUM's. losses may be any of the input arrays itself, but must not overlap one otherwise.
 * On any status but MSE_OK and MSE_OVERFLOW it is unchanged. */
enum mse_status mse_losses(const double *predictions, const double *targets, const double *weights,
                           size_t n, double *losses);

/* ---- elements in parts: over chunks, threads or machines

 * An accumulator holds sum(w_i d_i^2) and sum(w_i) of the elements added to it without any
 rounding. It is the caller's,
 * 3.2 KB that may be copied and moved; its members are the library's. It is never full: there is
 room for 2^64
 * elements of any size. */

#define MSE_SUM_DIGITS 200

struct mse_sum {
    int64_t digit[MSE_SUM_DIGITS];
    uint32_t low, high;
};

struct mse_accumulator {
    struct mse_sum losses, weights;
    double nonfinite_losses, nonfinite_weights; /* what is not finite, summed apart as IEEE 754
                                                   does; 0 if there is none */
    uint64_t elements;
};

/* Makes accumulator the one of no element. */
void mse_accumulator_init(struct mse_accumulator *accumulator);

/* Adds n elements. Fails with MSE_NEGATIVE_WEIGHT only; the accumulator is then unchanged. */
enum mse_status mse_accumulator_add(struct mse_accumulator *accumulator, const double *predictions,
                                    const double *targets, const double *weights, size_t n);

/* Adds the weights of n elements and not their losses: enough for mse_accumulator_gradient. Fails
 * as mse_accumulator_add does. */
enum mse_status mse_accumulator_add_weights(struct mse_accumulator *accumulator,
                                            const double *weights, size_t n);

/* Adds the elements of other, which may be the same accumulator. */
void mse_accumulator_merge(struct mse_accumulator *accumulator,
                           const struct mse_accumulator *other);

/* The loss of all elements added so far, to *loss, as mse_loss gives it. */
enum mse_status mse_accumulator_loss(const struct mse_accumulator *accumulator,
                                     enum mse_reduction reduction, double *loss);

/* The gradient of n of the elements that were added to the accumulator, if only their weights, to
 * gradient[0..n-1], as mse_gradient gives it for all of them. */
enum mse_status mse_accumulator_gradient(const struct mse_accumulator *accumulator,
                                         const double *predictions, const double *targets,
                                         const double *weights, size_t n,
                                         enum mse_reduction reduction, double *gradient);

/* ---- about the library */

/* One sentence in English, static. */
const char *mse_status_message(enum mse_status status);

/* MSE_VERSION of the library at run time, static. */
const char *mse_version(void);

#ifdef __cplusplus
}
#endif

#endif
