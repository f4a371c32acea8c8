/* oracle.h - what an answer must be, from the formulas in integer arithmetic of any length. Knows
 * nothing of text. */
#ifndef ORACLE_H
#define ORACLE_H

#include <stdbool.h>
#include <stddef.h>

enum oracle_reduction { ORACLE_MEAN, ORACLE_SUM, ORACLE_NONE };

/* n elements; weights NULL: every weight is 1. All are finite, no weight is negative, and not all
 * are 0. */
struct oracle {
    const double *predictions;
    const double *targets;
    const double *weights;
    size_t n;
    enum oracle_reduction reduction;
};

/* The loss, rounded once to the nearest double, ties to even; infinite where it overflows. To
 * losses[0], or, of ORACLE_NONE, to losses[0..n-1]. */
void oracle_loss(const struct oracle *oracle, double *losses);

/* The gradient with respect to the predictions, each element rounded once. */
void oracle_gradient(const struct oracle *oracle, double *gradient);

#endif
