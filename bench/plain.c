/* plain.c - the loss and the gradient as one would write them for speed alone: a compiler may not
 * reorder a sum of doubles, so the loss is LANES sums, which it turns into vectors. Compiled with
 * -O3 -march=native. */
#include "plain.h"

enum { LANES = 32 };

double plain_loss(const double *predictions, const double *targets, size_t n)
{
    double sums[LANES] = {0};
    size_t i = 0;
    for (; n - i >= LANES; i += LANES)
        for (size_t k = 0; k < LANES; k++) {
            double d = predictions[i + k] - targets[i + k];
            sums[k] += d * d;
        }
    for (; i < n; i++) {
        double d = predictions[i] - targets[i];
        sums[0] += d * d;
    }
    double sum = 0;
    for (size_t k = 0; k < LANES; k++) sum += sums[k];
    return sum / (double)n;
}

void plain_gradient(const double *predictions, const double *targets, size_t n, double *gradient)
{
    double factor = 2 / (double)n;
    for (size_t i = 0; i < n; i++) gradient[i] = factor * (predictions[i] - targets[i]);
}
