/* plain.c - the loss and the gradient as anybody would write them. -ffast-math lets the compiler reorder the sum, as it
 * must to use vectors at all. */
#include "plain.h"

double plain_loss(const double *predictions, const double *targets, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double d = predictions[i] - targets[i];
        sum += d * d;
    }
    return sum / (double)n;
}

void plain_gradient(const double *predictions, const double *targets, size_t n, double *gradient)
{
    double factor = 2 / (double)n;
    for (size_t i = 0; i < n; i++) gradient[i] = factor * (predictions[i] - targets[i]);
}
