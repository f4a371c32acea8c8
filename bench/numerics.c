/* numerics.c - libmse's loss and gradient against plain loops: nanoseconds per element, the least
 * of many runs, taken in turn, as lines of name, value and unit. MSE_KERNEL selects what is
 * measured, as in the server. */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cpu.h"
#include "mse.h"
#include "plain.h"
#include "support/random.h"

enum { MOST = 4000000 };

static double *predictions, *targets, *weights, *gradient;
static uint64_t state = 1;   /* of random numbers */
static volatile double sink; /* results go here, so that none is left out */

static void fill_ordinary(size_t n)
{
    for (size_t i = 0; i < n; i++) {
        predictions[i] = 4 * random_unit(&state) - 2;
        targets[i] = predictions[i] + random_unit(&state) - 0.5;
    }
}

/* Every difference is a tie. */
static void fill_ties(size_t n)
{
    for (size_t i = 0; i < n; i++) {
        predictions[i] = (double)(random_bits(&state) >> 11 | UINT64_C(1) << 52);
        targets[i] = -0.5;
    }
}

/* Differences that are n times a midpoint between two doubles: every gradient is a tie. */
static void fill_quotient_ties(size_t n)
{
    for (size_t i = 0; i < n; i++) {
        __extension__ unsigned __int128 wide =
            (unsigned __int128)(random_bits(&state) >> 10 | UINT64_C(1) << 53 | 1) * n;
        uint64_t low = (uint64_t)wide & ((UINT64_C(1) << 30) - 1);
        predictions[i] = (double)(wide - low);
        targets[i] = -(double)low;
    }
}

static void fill_binades(size_t n)
{
    for (size_t i = 0; i < n; i++) {
        do {
            uint64_t bits = random_bits(&state);
            memcpy(predictions + i, &bits, sizeof bits);
            bits = random_bits(&state);
            memcpy(targets + i, &bits, sizeof bits);
        } while (!isfinite(predictions[i]) || !isfinite(targets[i]));
    }
}

static void fill_subnormal(size_t n)
{
    for (size_t i = 0; i < n; i++) {
        predictions[i] = (double)(random_bits(&state) >> 12) * DBL_TRUE_MIN;
        targets[i] = (double)(random_bits(&state) >> 12) * DBL_TRUE_MIN;
    }
}

/* Integers far above tiny targets: every square is a hair beside a double. */
static void fill_far_apart(size_t n)
{
    for (size_t i = 0; i < n; i++) {
        predictions[i] = (double)(random_below(&state, 1000));
        targets[i] = ldexp(random_unit(&state), -(int)(random_below(&state, 900)));
    }
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

enum {
    PLAIN_LOSS,
    PLAIN_GRADIENT,
    LOSS,
    GRADIENT,
    WEIGHTED_LOSS,
    WEIGHTED_GRADIENT,
    LOSSES,
    STEPS
};

static const char *const step_names[STEPS] = {"plain-loss", "plain-gradient", "loss",
                                              "gradient",   "weighted-loss",  "weighted-gradient",
                                              "losses"};

static void step(int which, size_t n)
{
    double loss = 0;
    enum mse_status status = MSE_OK;
    switch (which) {
    case PLAIN_LOSS:
        loss = plain_loss(predictions, targets, n);
        break;
    case PLAIN_GRADIENT:
        plain_gradient(predictions, targets, n, gradient);
        break;
    case LOSS:
        status = mse_loss(predictions, targets, NULL, n, MSE_MEAN, &loss);
        break;
    case GRADIENT:
        status = mse_gradient(predictions, targets, NULL, n, MSE_MEAN, gradient);
        break;
    case WEIGHTED_LOSS:
        status = mse_loss(predictions, targets, weights, n, MSE_MEAN, &loss);
        break;
    case WEIGHTED_GRADIENT:
        status = mse_gradient(predictions, targets, weights, n, MSE_MEAN, gradient);
        break;
    case LOSSES:
        status = mse_losses(predictions, targets, NULL, n, gradient);
        break;
    default:
        break;
    }
    if (status != MSE_OK && status != MSE_OVERFLOW) abort();
    sink += loss;
}

static void measure(const char *name, size_t n)
{
    double best[STEPS];
    for (int k = 0; k < STEPS; k++) best[k] = INFINITY;
    size_t repeat = 1 + 200000 / n;
    double begin = seconds();
    for (int round = 0; round < 5 || seconds() - begin < 1; round++)
        for (int k = 0; k < STEPS; k++) {
            double start = seconds();
            for (size_t i = 0; i < repeat; i++) step(k, n);
            best[k] = fmin(best[k], (seconds() - start) / (double)(repeat * n) * 1e9);
        }
    for (int k = 0; k < STEPS; k++)
        printf("%s,%s,n=%zu %.3f ns\n", name, step_names[k], n, best[k]);
    double plain = best[PLAIN_LOSS] + best[PLAIN_GRADIENT], both = best[LOSS] + best[GRADIENT];
    printf("%s,loss+gradient,n=%zu %.3f ns\n", name, n, both);
    printf("%s,loss+gradient/plain,n=%zu %.3f times\n", name, n, both / plain);
    fflush(stdout);
}

int main(void)
{
    cpu_use(getenv("MSE_KERNEL"));
    predictions = malloc(MOST * sizeof *predictions);
    targets = malloc(MOST * sizeof *targets);
    weights = malloc(MOST * sizeof *weights);
    gradient = malloc(MOST * sizeof *gradient);
    if (predictions == NULL || targets == NULL || weights == NULL || gradient == NULL) return 1;
    memset(gradient, 0, MOST * sizeof *gradient);
    for (size_t i = 0; i < MOST; i++) weights[i] = random_unit(&state);
    const size_t sizes[] = {27, 1000, 100000, MOST};
    for (int k = 0; k < 4; k++) {
        fill_ordinary(sizes[k]);
        measure("ordinary", sizes[k]);
    }
    const struct {
        const char *name;
        void (*fill)(size_t n);
        size_t n;
    } worst[] = {
        {"ties", fill_ties, 1 << 17},
        {"ties", fill_ties, 100001},
        {"quotient-ties", fill_quotient_ties, 100001},
        {"binades", fill_binades, 100000},
        {"subnormal", fill_subnormal, 100000},
        {"subnormal", fill_subnormal, 1 << 17},
        {"far-apart", fill_far_apart, 100000},
    };
    for (size_t k = 0; k < sizeof worst / sizeof *worst; k++) {
        worst[k].fill(worst[k].n);
        measure(worst[k].name, worst[k].n);
    }
    return 0;
}
