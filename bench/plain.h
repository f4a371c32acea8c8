/* plain.h - the loss and the gradient as anybody would write them; compiled with -O3 -march=native,
 * for comparison. */
#ifndef PLAIN_H
#define PLAIN_H

#include <stddef.h>

double plain_loss(const double *predictions, const double *targets, size_t n);
void plain_gradient(const double *predictions, const double *targets, size_t n, double *gradient);

#endif
