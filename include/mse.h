/* mse.h - the public API of libmse: the mean squared error and its gradients, every number
 * correctly rounded. For C11 and C++11 on. The manual page mse(3) has an example.
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
 * Weight 0. Such an element is as good as absent: it adds nothing and its gradient is +0, whatever
 * stands there.
 *
 * NaN and infinity. Where another element is not finite, IEEE 754 arithmetic decides, with MSE_OK:
 * its loss is w * d * d and its gradient 2 * w * d as doubles, in this order, infinities or NaNs;
 * these alone make up a sum in which they take part; and an infinite sum of weights divides finite
 * values to zeros, infinite ones to NaN. A NaN is not a negative weight.
 *
 * Narrower floats. There is no function for them: binary32, binary16, bfloat16 and integers of up
 * to 53 bits widen to double without error, so convert inputs by assignment. A result that is
 * converted to binary32 is rounded a second time, and may differ in its last bit from the real
 * value rounded to binary32.
 *
 * Environment. The functions need the floating-point environment in which a C program starts:
 * rounding to nearest, subnormals neither flushed nor read as zero (FTZ, DAZ), no exception that
 * traps. They may raise exception flags. Programs linked with -ffast-math begin with FTZ and DAZ
 * set on x86-64.
 *
 * Memory and threads. No function allocates, does I/O or reads the environment. All may be called
 * from any thread, on accumulators that no other thread is writing. Arrays hold n elements and may
 * be NULL where n is 0; weights may be NULL always. Inputs may overlap one another. */
#ifndef MSE_H
#define MSE_H

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MSE_VERSION "0.1.0"

#define MSE_VERSION_MAJOR 0
#define MSE_VERSION_MINOR 1
#define MSE_VERSION_PATCH 0

/* The compiler warns where the status that a function returns is ignored. */
#if defined __GNUC__
#define MSE_CHECKED __attribute__((warn_unused_result))
#else
#define MSE_CHECKED
#endif

enum mse_reduction { MSE_MEAN, MSE_SUM };

enum mse_status {
    MSE_OK,
    MSE_NO_ELEMENT,        /* MSE_MEAN of nothing: n is 0 */
    MSE_NEGATIVE_WEIGHT,   /* a weight is below 0; -0.0 is not */
    MSE_ZERO_WEIGHTS,      /* MSE_MEAN, and all weights are 0 */
    MSE_OVERFLOW,          /* from finite inputs a result beyond the largest double; such results
                              are stored as infinities */
    MSE_TOO_MANY_ELEMENTS, /* an accumulator would hold more than 2^64 - 1 */
    MSE_NOT_FINITE,        /* a NaN or an infinity is among the elements: there is no partial */
    MSE_BAD_PARTIAL        /* a text that is not the partial of any elements */
};

/* ---- all elements at once */

/* The loss of n elements, to *loss. On any status but MSE_OK and MSE_OVERFLOW *loss is unchanged.
 */
MSE_CHECKED enum mse_status mse_loss(const double *predictions, const double *targets,
                                     const double *weights, size_t n, enum mse_reduction reduction,
                                     double *loss);

/* The gradient with respect to the predictions, to gradient[0..n-1]. gradient may be any of the
 * input arrays itself, but must not overlap one otherwise. On any status but MSE_OK and
 * MSE_OVERFLOW it is unchanged. */
MSE_CHECKED enum mse_status mse_gradient(const double *predictions, const double *targets,
                                         const double *weights, size_t n,
                                         enum mse_reduction reduction, double *gradient);

/* The loss of each element by itself, w_i d_i^2, to losses[0..n-1]; the gradient that belongs to it
 * is MSE_SUM's. losses may be any of the input arrays itself, but must not overlap one otherwise.
 * On any status but MSE_OK and MSE_OVERFLOW it is unchanged. */
MSE_CHECKED enum mse_status mse_losses(const double *predictions, const double *targets,
                                       const double *weights, size_t n, double *losses);

/* ---- elements in parts: over chunks, threads or machines */

#define MSE_ACCUMULATOR_SIZE  3328
#define MSE_ACCUMULATOR_ALIGN 8

/* Holds sum(w_i d_i^2), sum(w_i) and the count of the elements added to it, without any rounding.
 * The caller owns it and may copy and move it by its bytes within one process; what these mean is
 * the library's. There is room for 2^64 - 1 elements of any size. */
struct mse_accumulator {
    alignas(MSE_ACCUMULATOR_ALIGN) unsigned char private_[MSE_ACCUMULATOR_SIZE];
};

/* Makes accumulator the one of no element. */
void mse_accumulator_init(struct mse_accumulator *accumulator);

/* Adds n elements. Fails with MSE_NEGATIVE_WEIGHT or MSE_TOO_MANY_ELEMENTS; the accumulator is then
 * unchanged. */
MSE_CHECKED enum mse_status mse_accumulator_add(struct mse_accumulator *accumulator,
                                                const double *predictions, const double *targets,
                                                const double *weights, size_t n);

/* Adds the elements of other, which may be the same accumulator. Fails with MSE_TOO_MANY_ELEMENTS;
 * the accumulator is then unchanged. */
MSE_CHECKED enum mse_status mse_accumulator_merge(struct mse_accumulator *accumulator,
                                                  const struct mse_accumulator *other);

/* The loss of all elements added so far, to *loss, as mse_loss gives it. */
MSE_CHECKED enum mse_status mse_accumulator_loss(const struct mse_accumulator *accumulator,
                                                 enum mse_reduction reduction, double *loss);

/* The gradient of n of the elements that were added to the accumulator, to gradient[0..n-1], as
 * mse_gradient gives it for all of them. */
MSE_CHECKED enum mse_status mse_accumulator_gradient(const struct mse_accumulator *accumulator,
                                                     const double *predictions,
                                                     const double *targets, const double *weights,
                                                     size_t n, enum mse_reduction reduction,
                                                     double *gradient);

/* ---- accumulators as text
 *
 * A partial is the state of an accumulator as JSON:
 *
 *     {"elements":27,"weight_sum":"0x1bp+0","loss_sum":"0x2f0a1p-104"}
 *
 * loss_sum is the exact sum(w_i d_i^2), weight_sum the exact sum(w_i), which is elements where
 * there are no weights. Each is m * 2^e with m odd, as 0x, m in lower-case hexadecimal without
 * leading zeros, p, and e in decimal with its sign; zero is 0x0p+0. So each number has one text,
 * and the partial of two sets of elements is the sum of theirs, member by member. */

/* Bytes that mse_accumulator_print may write: the longest partial, and a NUL. */
#define MSE_PARTIAL_MAX 2211

/* Writes the partial of the accumulator and a NUL to text, which has room for MSE_PARTIAL_MAX
 * bytes, and the length without the NUL to *length. Fails with MSE_NOT_FINITE where an element of a
 * weight other than 0 is not finite: text and *length are then unchanged. */
MSE_CHECKED enum mse_status mse_accumulator_print(const struct mse_accumulator *accumulator,
                                                  char *text, size_t *length);

/* Makes accumulator the one that was printed as text, of which length bytes are read. The text must
 * be what mse_accumulator_print writes, without a NUL: no white space, the members in that order.
 * Every other text, and sums that no such number of elements has (loss_sum without weight_sum,
 * either without elements, more than the largest doubles make, less than the smallest), fail with
 * MSE_BAD_PARTIAL; accumulator is then unchanged. */
MSE_CHECKED enum mse_status mse_accumulator_parse(struct mse_accumulator *accumulator,
                                                  const char *text, size_t length);

/* ---- about the library */

/* One sentence in English, static. */
const char *mse_status_message(enum mse_status status);

/* MSE_VERSION of the library at run time, static. */
const char *mse_version(void);

#ifdef __cplusplus
}
#endif

#undef MSE_CHECKED

#endif
