/* fuzz_exact.c - libmse with every kernel, and its exact sums, against GMP's rationals, to the bit.
 */
#include "input.h"
#include "pool.h"

#include "cpu.h"
#include "mse/exact.h"
#include "support/bits.h"
#include "support/rational.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ELEMENTS_MAX 600

/* n elements, weights NULL or not, and what each function must make of them. */
struct problem {
    size_t n;
    enum mse_reduction reduction;
    double *weights;
    double predictions[ELEMENTS_MAX], targets[ELEMENTS_MAX], room[ELEMENTS_MAX];
    enum mse_status loss_status, gradient_status, losses_status;
    double loss, gradient[ELEMENTS_MAX], losses[ELEMENTS_MAX];
};

/* ---- the input -> a problem */

enum {
    WEIGHTED = 1,
    SUM = 2,
    SIGNED_WEIGHTS = 4,
    NEAR_ONE = 8,       /* exponents from -32 to 31, so that no element hides the others */
    FEW_DIGITS = 16,    /* significant bits: 8, so that true ties come up */
    WITH_SPECIALS = 32, /* infinities and NaNs stay */
    NEAR_TIES = 64      /* without weights: gradients that lie about halfway between two doubles */
};

static double number_at(const uint8_t *data, unsigned flags)
{
    uint64_t bits;
    memcpy(&bits, data, sizeof bits);
    uint64_t exponent = bits >> 52 & 0x7ff;
    uint64_t rest = bits & ~(UINT64_C(0x7ff) << 52);
    if (exponent == 0x7ff && !(flags & WITH_SPECIALS)) exponent = 0x7fe;
    if (flags & NEAR_ONE && exponent > 0 && exponent < 0x7ff) exponent = 1023 - 32 + exponent % 64;
    if (flags & FEW_DIGITS) rest &= ~((UINT64_C(1) << 44) - 1);
    return double_of(rest | exponent << 52);
}

/* Sets an element of which the gradient, 2 (s - y) / divisor, is an odd number of 54 bits and at
 * most 2^-102 of it more or less. The bits are the input's. */
static void set_near_tie(struct problem *problem, size_t i, uint64_t bits)
{
    uint64_t odd = bits >> 11 | UINT64_C(1) << 53 | 1;
    uint64_t divisor = problem->reduction == MSE_MEAN ? problem->n : 1;
    uint64_t product = odd * divisor; /* below 2^64, as n < 2^10 */
    uint64_t rest = product & 0x7ff;
    double off = (double)((int)(bits & 15) - 8);
    problem->predictions[i] = (double)(product - rest);
    problem->targets[i] = -(double)rest + ldexp(off, -42);
}
_Static_assert(ELEMENTS_MAX < 1 << 10, "a near tie fits 64 bits");

/* A byte of flags, one that says how often the elements are repeated (seldom often), and the
 * elements. */
static void read_problem(struct problem *problem, const uint8_t *data, size_t size)
{
    unsigned flags = data[0];
    size_t numbers = flags & WEIGHTED ? 3 : 2;
    size_t given = (size - 2) / (numbers * sizeof(double));
    size_t n = given * (data[1] < 192 ? 1 + data[1] % 4u : data[1] - 191u);
    problem->n = n < ELEMENTS_MAX ? n : ELEMENTS_MAX;
    problem->reduction = flags & SUM ? MSE_SUM : MSE_MEAN;
    problem->weights = flags & WEIGHTED ? problem->room : NULL;
    for (size_t i = 0; i < problem->n; i++) {
        const uint8_t *element = data + 2 + i % given * numbers * sizeof(double);
        problem->predictions[i] = number_at(element, flags);
        problem->targets[i] = number_at(element + sizeof(double), flags);
        if (flags & NEAR_TIES) set_near_tie(problem, i, bits_of(problem->predictions[i]));
        if (!problem->weights) continue;
        double weight = number_at(element + 2 * sizeof(double), flags);
        problem->weights[i] = flags & SIGNED_WEIGHTS ? weight : fabs(weight);
    }
}

/* ---- what mse.h promises */

static double weight_at(const struct problem *p, size_t i)
{
    return p->weights ? p->weights[i] : 1;
}

static bool counts(const struct problem *p, size_t i)
{
    return weight_at(p, i) != 0;
}

static bool is_finite(const struct problem *p, size_t i)
{
    return isfinite(p->predictions[i]) && isfinite(p->targets[i]) && isfinite(weight_at(p, i));
}

/* By the formulas, of finite elements; those that do not count may hold anything. */
static void expect_finite(struct problem *p)
{
    static double predictions[ELEMENTS_MAX], targets[ELEMENTS_MAX];
    for (size_t i = 0; i < p->n; i++) {
        predictions[i] = counts(p, i) ? p->predictions[i] : 0;
        targets[i] = counts(p, i) ? p->targets[i] : 0;
    }
    p->loss = rational_loss(predictions, targets, p->weights, p->n, p->reduction);
    rational_gradient(predictions, targets, p->weights, p->n, p->reduction, p->gradient);
    rational_losses(predictions, targets, p->weights, p->n, p->losses);
}

/* By IEEE 754, where an element or a weight that counts is not finite. Gradients of finite elements
 * under a finite sum of weights are those of the problem in which the others are 0, with their
 * weights. */
static void expect_nonfinite(struct problem *p, double infinite_weights)
{
    static double predictions[ELEMENTS_MAX], targets[ELEMENTS_MAX], weights[ELEMENTS_MAX];
    double sum = 0;
    for (size_t i = 0; i < p->n; i++) {
        bool finite = is_finite(p, i) && counts(p, i);
        predictions[i] = finite ? p->predictions[i] : 0;
        targets[i] = finite ? p->targets[i] : 0;
        weights[i] = isfinite(weight_at(p, i)) ? weight_at(p, i) : 0;
    }
    bool divides = p->reduction == MSE_SUM || infinite_weights == 0;
    if (divides) rational_gradient(predictions, targets, weights, p->n, p->reduction, p->gradient);
    rational_losses(predictions, targets, weights, p->n, p->losses);
    for (size_t i = 0; i < p->n; i++) {
        double w = weight_at(p, i), d = p->predictions[i] - p->targets[i];
        if (!counts(p, i)) {
            p->gradient[i] = 0;
        } else if (!is_finite(p, i)) {
            p->losses[i] = w * d * d;
            p->gradient[i] = divides ? 2 * w * d : 2 * w * d / infinite_weights;
            sum += p->losses[i];
        } else if (!divides) {
            p->gradient[i] = (d > 0 ? 1 : d < 0 ? -1 : 0) / infinite_weights;
        }
    }
    p->loss = divides ? sum : sum / infinite_weights;
}

/* Whether a finite element's result is infinite. */
static enum mse_status overflow(const struct problem *p, const double *results)
{
    for (size_t i = 0; i < p->n; i++) {
        if (isinf(results[i]) && is_finite(p, i)) return MSE_OVERFLOW;
    }
    return MSE_OK;
}

static void expect(struct problem *p)
{
    bool negative = false, some = false, finite = true;
    double infinite_weights = 0;
    for (size_t i = 0; i < p->n; i++) {
        double weight = weight_at(p, i);
        if (weight < 0) negative = true;
        if (weight != 0) some = true;
        if (counts(p, i) && !is_finite(p, i)) finite = false;
        if (!isfinite(weight)) infinite_weights += weight;
    }
    p->loss_status = MSE_OK;
    p->losses_status = MSE_OK;
    if (negative) p->losses_status = p->loss_status = MSE_NEGATIVE_WEIGHT;
    if (!negative && p->reduction == MSE_MEAN && !some) {
        p->loss_status = p->n == 0 ? MSE_NO_ELEMENT : MSE_ZERO_WEIGHTS;
        memset(p->losses, 0, sizeof p->losses);
    }
    p->gradient_status = p->loss_status;
    if (p->loss_status != MSE_OK) return;
    if (finite) {
        expect_finite(p);
        if (isinf(p->loss)) p->loss_status = MSE_OVERFLOW;
    } else {
        expect_nonfinite(p, infinite_weights);
    }
    p->gradient_status = overflow(p, p->gradient);
    p->losses_status = overflow(p, p->losses);
}

/* ---- what libmse makes of it */

static bool same(double a, double b)
{
    return bits_of(a) == bits_of(b) || (isnan(a) && isnan(b));
}

static void must_be_same(const double *results, const double *expected, size_t n)
{
    for (size_t i = 0; i < n; i++) must(same(results[i], expected[i]));
}

static bool has_result(enum mse_status status)
{
    return status == MSE_OK || status == MSE_OVERFLOW;
}

static void try_at_once(const struct problem *p)
{
    double loss = 12345;
    must(mse_loss(p->predictions, p->targets, p->weights, p->n, p->reduction, &loss) ==
         p->loss_status);
    must(same(loss, has_result(p->loss_status) ? p->loss : 12345));

    /* Results may take the place of any input. */
    for (int place = 0; place < 3; place++) {
        double *s = malloc(p->n * sizeof(double)), *y = malloc(p->n * sizeof(double));
        double *w = p->weights ? malloc(p->n * sizeof(double)) : NULL;
        double *out = place == 0 ? s : place == 1 ? y : w;
        for (int losses = 0; losses < 2 && out != NULL; losses++) {
            memcpy(s, p->predictions, p->n * sizeof(double));
            memcpy(y, p->targets, p->n * sizeof(double));
            if (w != NULL) memcpy(w, p->weights, p->n * sizeof(double));
            enum mse_status status = losses ? mse_losses(s, y, w, p->n, out)
                                            : mse_gradient(s, y, w, p->n, p->reduction, out);
            enum mse_status expected = losses ? p->losses_status : p->gradient_status;
            const double *unchanged = place == 0   ? p->predictions
                                      : place == 1 ? p->targets
                                                   : p->weights;
            must(status == expected);
            must_be_same(out, has_result(expected) ? (losses ? p->losses : p->gradient) : unchanged,
                         p->n);
        }
        free(s);
        free(y);
        free(w);
    }
}

/* Over two accumulators, merged. */
static void try_in_parts(const struct problem *p, size_t split)
{
    static double gradient[ELEMENTS_MAX];
    struct mse_accumulator first, second;
    double loss;
    mse_accumulator_init(&first);
    mse_accumulator_init(&second);
    enum mse_status status =
        mse_accumulator_add(&first, p->predictions, p->targets, p->weights, split);
    enum mse_status other =
        mse_accumulator_add(&second, p->predictions + split, p->targets + split,
                            p->weights ? p->weights + split : NULL, p->n - split);
    if (p->loss_status == MSE_NEGATIVE_WEIGHT) {
        must(status == MSE_NEGATIVE_WEIGHT || other == MSE_NEGATIVE_WEIGHT);
        return;
    }
    must(status == MSE_OK && other == MSE_OK);
    must(mse_accumulator_merge(&first, &second) == MSE_OK);
    must(mse_accumulator_loss(&first, p->reduction, &loss) == p->loss_status);
    if (!has_result(p->loss_status)) return;
    must(same(loss, p->loss));
    must(mse_accumulator_gradient(&first, p->predictions, p->targets, p->weights, p->n,
                                  p->reduction, gradient) == p->gradient_status);
    must_be_same(gradient, p->gradient, p->n);
}

/* The sums themselves, where all elements are finite. */
static void try_sums(const struct problem *p)
{
    struct exact_sum losses, weights;
    struct exact_divisor divisor;
    if (!has_result(p->loss_status)) return;
    for (size_t i = 0; i < p->n; i++) {
        if (!is_finite(p, i)) return;
    }
    exact_clear(&losses);
    exact_clear(&weights);
    must(exact_add_squares(&losses, p->predictions, p->targets, p->weights, p->n) == 0);
    if (p->reduction == MSE_MEAN && p->weights != NULL) {
        must(exact_add_weights(&weights, p->weights, p->n) == 0);
    } else {
        exact_add_integer(&weights, p->reduction == MSE_MEAN ? p->n : 1);
    }
    must(same(exact_quotient(&losses, &weights), p->loss));
    exact_divide_by(&divisor, &weights);
    for (size_t i = 0; i < p->n && i < 8; i++) {
        double s = p->predictions[i], y = p->targets[i], w = weight_at(p, i);
        must(same(exact_gradient(s, y, w, &divisor), p->gradient[i]));
        must(same(exact_loss(s, y, w), p->losses[i]));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct problem problem;
    if (size < 2) return 0;
    pool_serve_gmp();
    read_problem(&problem, data, size);
    expect(&problem);
    static const char *const levels[] = {"exact", "baseline", "avx2", "avx512"};
    for (int i = 0; i < 4; i++) {
        if (!cpu_use(levels[i])) continue; /* this CPU has not the instructions */
        try_at_once(&problem);
        try_in_parts(&problem, problem.n * (data[1] % 5) / 4);
    }
    try_sums(&problem);
    return 0;
}
