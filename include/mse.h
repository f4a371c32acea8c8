/* mse.h - the public API of libmse: the mean squared error and its gradients, every number correctly rounded.
 *
 * With d_i = predictions[i] - targets[i] taken as a real number, not as a double, and w_i = weights[i], or 1 where
 * weights is NULL:
 *
 *     reduction   loss                       gradient with respect to predictions[i]
 *     MSE_MEAN    sum(w_i d_i^2) / sum(w_i)  2 w_i d_i / sum(w_i)
 *     MSE_SUM     sum(w_i d_i^2)             2 w_i d_i
 *
 * Every number returned is that real value rounded once, to nearest, ties to even, subnormals included. It follows that
 * results depend on nothing but the inputs: not on the instruction set, the order of the elements or how they were
 * split over accumulators. The gradient with respect to the targets is the negated one with respect to the predictions.
 *
 * An element of weight 0 is as good as absent: it adds nothing and its gradient is 0, whatever stands there. Elements
 * that are not finite give what IEEE 754 arithmetic gives: NaN or an infinity, with MSE_OK.
 *
 * No function allocates, does I/O, or keeps state; all may be called from any thread. The rounding mode must be to
 * nearest. Arrays hold n elements. */
#ifndef MSE_H
#define MSE_H

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
    MSE_OVERFLOW         /* from finite inputs a result beyond the largest double; such results are stored as infinities */
};

/* The loss of n elements, to *loss. On any status but MSE_OK and MSE_OVERFLOW *loss is unchanged. */
enum mse_status mse_loss(const double *predictions, const double *targets, const double *weights, size_t n,
                         enum mse_reduction reduction, double *loss);

/* The gradient with respect to the predictions, to gradient[0..n-1]. gradient may be any of the input arrays itself,
 * but must not overlap one otherwise. On any status but MSE_OK and MSE_OVERFLOW it is unchanged. */
enum mse_status mse_gradient(const double *predictions, const double *targets, const double *weights, size_t n,
                             enum mse_reduction reduction, double *gradient);

/* The loss of each element by itself, w_i d_i^2, to losses[0..n-1]; the gradient that belongs to it is MSE_SUM's.
 * losses may be any of the input arrays itself. */
enum mse_status mse_losses(const double *predictions, const double *targets, const double *weights, size_t n,
                           double *losses);

/* One sentence in English, static. */
const char *mse_status_message(enum mse_status status);

/* MSE_VERSION of the library at run time, static. */
const char *mse_version(void);

#ifdef __cplusplus
}
#endif

#endif
