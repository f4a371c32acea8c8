/* kernel.h - the fast path: sums, losses and gradients in double-double arithmetic, a vector at a
 * time. What a kernel gives as certain is correctly rounded; what it cannot be certain of it leaves
 * to exact.h. So all kernels, whatever their instruction set, lead to the same bits. Knows nothing
 * of statuses and reductions.
 *
 * kernel.c is compiled once for each instruction set, as kernel_<name>. */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdbool.h>
#include <stddef.h>

/* A sum of non-negative numbers: high + low, with |low| <= 2^-53 high, differs from it by bound *
 * high at most. high is NaN or infinite where there is no such estimate. */
struct kernel_sum {
    double high, low, bound;
};

/* Decides one element of which the kernel is not certain. */
struct kernel_judge {
    double (*decide)(struct kernel_judge *judge, double prediction, double target, double weight);
};

/* n is at most 2^48. weights may be NULL, but for weights(), and none may be negative, but for
 * weights() too. */
struct kernel {
    const char *name;

    /* sum(w_i); no estimate if one is negative or NaN. */
    struct kernel_sum (*weights)(const double *weights, size_t n);

    /* sum(w_i d_i^2). The bound leaves out what underflows, which is less than 2^-1000 (sum(w_i) +
     * n). */
    struct kernel_sum (*loss)(const double *predictions, const double *targets,
                              const double *weights, size_t n);

    /* numerator / divisor correctly rounded, if that is certain; else false, and *quotient is
     * unchanged. */
    bool (*quotient)(struct kernel_sum numerator, struct kernel_sum divisor, double *quotient);

    /* 2 w_i d_i / divisor, to gradient, which may be an input itself. A weight that is NULL is
     * handed to the judge as 1. */
    void (*gradient)(const double *predictions, const double *targets, const double *weights,
                     size_t n, struct kernel_sum divisor, struct kernel_judge *judge,
                     double *gradient);

    /* w_i d_i^2, to losses, which may be an input itself. */
    void (*losses)(const double *predictions, const double *targets, const double *weights,
                   size_t n, struct kernel_judge *judge, double *losses);
};

extern const struct kernel kernel_baseline;
#if defined __x86_64__
extern const struct kernel kernel_avx2;
extern const struct kernel kernel_avx512;
#endif

#endif
