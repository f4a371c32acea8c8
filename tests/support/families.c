/* families.c - ordinary and adversarial inputs. */
#include "support/families.h"
#include "support/random.h"

#include <float.h>
#include <math.h>

/* ---- predictions and targets */

static void fill_ordinary(uint64_t *random, double *predictions, double *targets, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        predictions[i] = 4 * random_unit(random) - 2;
        targets[i] = predictions[i] + random_unit(random) - 0.5;
    }
}

static void fill_integers(uint64_t *random, double *predictions, double *targets, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        predictions[i] = (double)random_below(random, 2000) - 1000;
        targets[i] = (double)random_below(random, 2000) - 1000;
    }
}

/* Differences of 53 significant bits and more, which are themselves often a tie. */
static void fill_ties(uint64_t *random, double *predictions, double *targets, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        predictions[i] = (double)(random_bits(random) >> 11) * 0x1p-52;
        targets[i] = (double)random_below(random, 4) * 0x1p-54;
    }
}

/* Differences that are n or 3 or 5 times a midpoint between two doubles, or next to it: the
 * quotient is a tie. */
static void fill_quotient_ties(uint64_t *random, double *predictions, double *targets, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t factor =
            random_below(random, 3) != 0 && n < 512 ? n : 3 + 2 * random_below(random, 2);
        uint64_t product =
            (random_bits(random) >> 11 | UINT64_C(1) << 52 | 1) * factor; /* odd times factor */
        uint64_t low = product & 0xfff;
        predictions[i] = (double)(product - low);
        targets[i] = -(double)low;
        if (random_below(random, 4) == 0) targets[i] += random_between(random, -60, -40);
    }
}

/* One square of 54 or 55 bits, the rest small powers of two: the loss is a tie or next to one. */
static void fill_near_ties(uint64_t *random, double *predictions, double *targets, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        predictions[i] = i == 0 ? 0x1p27 + (double)(2 * random_below(random, 1 << 20) + 1) : 0;
        targets[i] =
            i == 0 || random_below(random, 4) != 0 ? 0 : ldexp(1, -(int)random_below(random, 500));
    }
}

static void fill_cancelling(uint64_t *random, double *predictions, double *targets, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        predictions[i] = random_between(random, -30, 30);
        targets[i] = predictions[i];
        for (uint64_t k = random_below(random, 4); k > 0; k--)
            targets[i] = nextafter(targets[i], INFINITY);
    }
}

static void fill_subnormal(uint64_t *random, double *predictions, double *targets, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        predictions[i] =
            (double)random_below(random, UINT64_C(1) << (1 + random_below(random, 54))) *
            DBL_TRUE_MIN;
        targets[i] = -(double)random_below(random, 10) * DBL_TRUE_MIN;
    }
}

/* Exponents from 2^lowest to 2^highest, of both. */
static void fill_between(uint64_t *random, int lowest, int highest, double *predictions,
                         double *targets, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        predictions[i] = random_between(random, lowest, highest);
        targets[i] = random_between(random, lowest, highest);
    }
}

/* Squares that straddle the smallest normal and the smallest subnormal double. */
static void fill_squares_subnormal(uint64_t *random, double *predictions, double *targets, size_t n)
{
    fill_between(random, -545, -500, predictions, targets, n);
}

/* Gradients of the mean, and losses, some last places above and below the smallest normal double.
 */
static void fill_least_normal(uint64_t *random, double *predictions, double *targets, size_t n)
{
    double middle = (double)n * (DBL_MIN / 2);
    for (size_t i = 0; i < n; i++) {
        double off = ((double)random_below(random, 16 * n + 1) - 8 * (double)n) * DBL_TRUE_MIN;
        double root = 0x1p-511 + ((double)random_below(random, 17) - 8) * 0x1p-563;
        predictions[i] = i % 2 == 0 ? middle + off : root;
        targets[i] = i % 2 == 0 ? (predictions[i] - middle) - off : 0;
    }
}

static void fill_huge(uint64_t *random, double *predictions, double *targets, size_t n)
{
    fill_between(random, 1000, 1023, predictions, targets, n);
}

static void fill_tiny(uint64_t *random, double *predictions, double *targets, size_t n)
{
    fill_between(random, -1022, -1000, predictions, targets, n);
}

/* The sum of the squares overflows, their mean mostly does not. */
static void fill_overflowing_sum(uint64_t *random, double *predictions, double *targets, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        predictions[i] = 0x1.6p511 + random_between(random, 500, 509);
        targets[i] = random_between(random, 480, 505);
    }
}

/* The difference itself overflows. */
static void fill_overflowing_difference(uint64_t *random, double *predictions, double *targets,
                                        size_t n)
{
    for (size_t i = 0; i < n; i++) {
        predictions[i] = fabs(random_between(random, 1023, 1023));
        targets[i] = -fabs(random_between(random, 1020, 1023));
    }
}

static void fill_far_apart(uint64_t *random, double *predictions, double *targets, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int exponent = (int)random_below(random, 30);
        predictions[i] = ldexp((double)random_below(random, 100), exponent);
        targets[i] = random_between(random, -300, -40);
    }
}

static void fill_binades(uint64_t *random, double *predictions, double *targets, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        predictions[i] = random_double(random);
        targets[i] = random_double(random);
    }
}

/* As binades, with squares and their sum in range. */
static void fill_half_binades(uint64_t *random, double *predictions, double *targets, size_t n)
{
    fill_between(random, -1022, 490, predictions, targets, n);
}

static void fill_equal(uint64_t *random, double *predictions, double *targets, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        predictions[i] = random_below(random, 4) == 0 ? -0.0 : random_double(random);
        targets[i] = predictions[i] == 0 ? 0.0 : predictions[i];
    }
    if (random_below(random, 2) == 0) targets[n / 2] = nextafter(targets[n / 2], 0);
}

const struct family families[] = {
    {"ordinary", fill_ordinary},
    {"integers", fill_integers},
    {"ties", fill_ties},
    {"ties of a quotient", fill_quotient_ties},
    {"near ties", fill_near_ties},
    {"cancelling", fill_cancelling},
    {"subnormal", fill_subnormal},
    {"squares subnormal", fill_squares_subnormal},
    {"about the least normal", fill_least_normal},
    {"huge", fill_huge},
    {"tiny", fill_tiny},
    {"overflowing sum", fill_overflowing_sum},
    {"overflowing difference", fill_overflowing_difference},
    {"far apart", fill_far_apart},
    {"all binades", fill_binades},
    {"half the binades", fill_half_binades},
    {"equal", fill_equal},
};
const size_t families_count = sizeof families / sizeof *families;

/* ---- weights */

static void fill_ones(uint64_t *random, double *weights, size_t n)
{
    (void)random;
    for (size_t i = 0; i < n; i++) weights[i] = 1;
}

static void fill_units(uint64_t *random, double *weights, size_t n)
{
    for (size_t i = 0; i < n; i++) weights[i] = 1 - random_unit(random);
}

static void fill_zeros_and_counts(uint64_t *random, double *weights, size_t n)
{
    for (size_t i = 0; i < n; i++)
        weights[i] =
            i > 0 && random_below(random, 2) == 0 ? -0.0 : (double)(1 + random_below(random, 4));
}

static void fill_powers(uint64_t *random, double *weights, size_t n)
{
    for (size_t i = 0; i < n; i++) weights[i] = ldexp(1, (int)random_below(random, 60) - 30);
}

/* 1e-40 to 1e40 */
static void fill_wide(uint64_t *random, double *weights, size_t n)
{
    for (size_t i = 0; i < n; i++) weights[i] = fabs(random_between(random, -133, 133));
}

static void fill_any(uint64_t *random, double *weights, size_t n)
{
    for (size_t i = 0; i < n; i++)
        weights[i] = i > 0 && random_below(random, 8) == 0 ? 0 : fabs(random_double(random));
}

static void fill_smallest(uint64_t *random, double *weights, size_t n)
{
    for (size_t i = 0; i < n; i++)
        weights[i] = (double)(1 + random_below(random, 3)) * DBL_TRUE_MIN;
}

static void fill_largest(uint64_t *random, double *weights, size_t n)
{
    for (size_t i = 0; i < n; i++) weights[i] = random_below(random, 2) == 0 ? DBL_MAX : 0x1p1023;
}

const struct weight_family weight_families[] = {
    {"none", NULL},
    {"ones", fill_ones},
    {"units", fill_units},
    {"zeros and counts", fill_zeros_and_counts},
    {"powers of two", fill_powers},
    {"1e-40 to 1e40", fill_wide},
    {"all binades", fill_any},
    {"smallest", fill_smallest},
    {"largest", fill_largest},
};
const size_t weight_families_count = sizeof weight_families / sizeof *weight_families;
