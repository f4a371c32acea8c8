/* test_kernel.c - every kernel this CPU can run against exact.h, bit for bit; and how often each is
 * uncertain. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mse.h"
#include "mse/exact.h"
#include "mse/kernels.h"
#include "support/bits.h"
#include "support/families.h"
#include "support/random.h"
#include "support/rational.h"

enum { MOST = 100000 };

static double predictions[MOST], targets[MOST], weight_values[MOST], actual[MOST], in_place[MOST];

static const size_t sizes[] = {1,  2,  3,  4,  5,   7,   8,   9,    15,   16,  17,
                               27, 31, 32, 33, 100, 127, 128, 1000, 1024, 5000};
enum { SIZES = sizeof sizes / sizeof *sizes };

static const char *const names[] = {"baseline", "avx2", "avx512"};
enum { NAMES = sizeof names / sizeof *names };

/* Runs test with each kernel that there is; baseline always is. */
static void with_every_kernel(void (*test)(const struct kernel *kernel))
{
    for (int i = 0; i < NAMES; i++) {
        if (!cpu_use(names[i])) continue;
        const struct kernel *kernel = kernels_best(cpu_level());
        assert_string_equal(kernel->name, names[i]);
        test(kernel);
    }
    assert_true(cpu_use(NULL));
}

/* A judge that is right, and counts. */
struct counting_judge {
    struct kernel_judge kernel;
    const struct exact_divisor *divisor;
    size_t asked;
};

static double decide_gradient(struct kernel_judge *kernel, double s, double y, double w)
{
    struct counting_judge *judge = (struct counting_judge *)kernel;
    judge->asked++;
    return exact_gradient(s, y, w, judge->divisor);
}

static double decide_loss(struct kernel_judge *kernel, double s, double y, double w)
{
    struct counting_judge *judge = (struct counting_judge *)kernel;
    judge->asked++;
    return exact_loss(s, y, w);
}

static double weight_at(const double *weights, size_t i)
{
    return weights == NULL ? 1 : weights[i];
}

static void exact_sums(const double *weights, size_t n, struct exact_sum *loss,
                       struct exact_sum *total)
{
    exact_clear(loss);
    exact_clear(total);
    assert_true(exact_add_squares(loss, predictions, targets, weights, n) == 0);
    if (weights == NULL)
        exact_add_integer(total, n);
    else
        assert_true(exact_add_weights(total, weights, n) == 0);
}

static struct exact_sum integer(uint64_t value)
{
    struct exact_sum sum;
    exact_clear(&sum);
    exact_add_integer(&sum, value);
    return sum;
}

static struct exact_divisor integer_divisor(uint64_t value)
{
    struct exact_sum sum = integer(value);
    struct exact_divisor divisor;
    exact_divide_by(&divisor, &sum);
    return divisor;
}

static struct kernel_sum estimated_weights(const struct kernel *kernel, const double *weights,
                                           size_t n)
{
    return weights == NULL ? (struct kernel_sum){(double)n, 0, 0} : kernel->weights(weights, n);
}

static void fill(uint64_t *random, size_t family, size_t weight_family, size_t n,
                 const double **weights)
{
    families[family].fill(random, predictions, targets, n);
    *weights = weight_families[weight_family].fill == NULL ? NULL : weight_values;
    if (*weights != NULL) weight_families[weight_family].fill(random, weight_values, n);
}

static void check_elements(const struct kernel *kernel, const double *weights, size_t n,
                           struct kernel_sum divisor, const struct exact_divisor *exact)
{
    struct counting_judge judge = {{decide_gradient}, exact, 0};
    kernel->gradient(predictions, targets, weights, n, divisor, &judge.kernel, actual);
    for (size_t i = 0; i < n; i++) {
        double w = weight_at(weights, i),
               expected = exact_gradient(predictions[i], targets[i], w, exact);
        if (bits_of(actual[i]) != bits_of(expected))
            fail_msg("%s: gradient of %a, %a, %a is %a, not %a", kernel->name, predictions[i],
                     targets[i], w, actual[i], expected);
    }
    memcpy(in_place, predictions, n * sizeof *in_place);
    kernel->gradient(in_place, targets, weights, n, divisor, &judge.kernel, in_place);
    assert_memory_equal(in_place, actual, n * sizeof *actual);
}

static void check_losses(const struct kernel *kernel, const double *weights, size_t n)
{
    struct counting_judge judge = {{decide_loss}, NULL, 0};
    kernel->losses(predictions, targets, weights, n, &judge.kernel, actual);
    for (size_t i = 0; i < n; i++) {
        double w = weight_at(weights, i), expected = exact_loss(predictions[i], targets[i], w);
        if (bits_of(actual[i]) != bits_of(expected))
            fail_msg("%s: loss of %a, %a, %a is %a, not %a", kernel->name, predictions[i],
                     targets[i], w, actual[i], expected);
    }
    memcpy(in_place, targets, n * sizeof *in_place);
    kernel->losses(predictions, in_place, weights, n, &judge.kernel, in_place);
    assert_memory_equal(in_place, actual, n * sizeof *actual);
}

static void check_everything(const struct kernel *kernel)
{
    uint64_t random = 1;
    const struct kernel_sum one = {1, 0, 0};
    for (size_t f = 0; f < families_count; f++)
        for (size_t w = 0; w < weight_families_count; w++)
            for (size_t k = 0; k < SIZES; k++) {
                const double *weights;
                fill(&random, f, w, sizes[k], &weights);
                struct exact_sum loss, total;
                exact_sums(weights, sizes[k], &loss, &total);
                struct exact_divisor by_total, by_one = integer_divisor(1);
                exact_divide_by(&by_total, &total);
                struct kernel_sum estimate = estimated_weights(kernel, weights, sizes[k]);
                check_elements(kernel, weights, sizes[k], estimate, &by_total);
                check_elements(kernel, weights, sizes[k], one, &by_one);
                check_losses(kernel, weights, sizes[k]);
            }
}

static void what_is_certain_is_right(void **state)
{
    (void)state;
    with_every_kernel(check_everything);
}

/* |estimate - sum| <= bound * estimate, in units of 2^-3222 */
static void assert_within_bound(struct kernel_sum estimate, const struct exact_sum *sum)
{
    mpz_t exact, part, bound;
    mpz_inits(exact, part, bound, NULL);
    mpz_import(exact, sum->high - sum->low, -1, sizeof *sum->digit, 0, 32, sum->digit + sum->low);
    mpz_mul_2exp(exact, exact, 32 * (mp_bitcnt_t)sum->low);
    rational_scaled(part, estimate.high);
    mpz_mul_2exp(part, part, 2 * 1074);
    mpz_sub(exact, exact, part);
    rational_scaled(part, estimate.low);
    mpz_mul_2exp(part, part, 2 * 1074);
    mpz_sub(exact, exact, part);
    rational_scaled(part, estimate.high);
    rational_scaled(bound, estimate.bound);
    mpz_mul(bound, bound, part);
    mpz_mul_2exp(bound, bound, 1074);
    assert_true(mpz_cmpabs(exact, bound) <= 0);
    assert_true(fabs(estimate.low) <= 0x1p-53 * estimate.high);
    mpz_clears(exact, part, bound, NULL);
}

static void check_bounds(const struct kernel *kernel)
{
    uint64_t random = 2;
    for (size_t f = 0; f < families_count; f++)
        for (size_t w = 0; w < weight_families_count; w++)
            for (size_t n = 1; n <= 30000; n = 3 * n + 1) {
                const double *weights;
                fill(&random, f, w, n, &weights);
                struct exact_sum loss, total, one = integer(1);
                exact_sums(weights, n, &loss, &total);
                struct kernel_sum estimate = kernel->loss(predictions, targets, weights, n);
                double size = exact_quotient(&total, &one);
                if (isfinite(estimate.high) && estimate.high > 0x1p-900 * fmax(size, (double)n))
                    assert_within_bound(estimate, &loss);
                if (weights == NULL) continue;
                estimate = kernel->weights(weights, n);
                if (isfinite(estimate.high)) assert_within_bound(estimate, &total);
            }
}

static void sums_keep_to_their_bound(void **state)
{
    (void)state;
    with_every_kernel(check_bounds);
}

/* ---- how often a kernel is uncertain */

/* The last vector's spare lanes repeat the last element, and may ask of it again. */
#define SPARE_MAX 7

static void check_ordinary(const struct kernel *kernel)
{
    uint64_t random = 3;
    for (size_t w = 0; w < 3; w++) {
        const double *weights;
        const size_t n = MOST - 1;
        fill(&random, 0, w, n, &weights);
        struct counting_judge judge = {{decide_loss}, NULL, 0};
        double loss;
        struct kernel_sum total = estimated_weights(kernel, weights, n);
        assert_true(kernel->quotient(kernel->loss(predictions, targets, weights, n), total, &loss));
        kernel->losses(predictions, targets, weights, n, &judge.kernel, actual);
        assert_int_equal(judge.asked, 0);
        kernel->gradient(predictions, targets, weights, n, total, &judge.kernel, actual);
        assert_int_equal(judge.asked, 0);
    }
}

static void on_ordinary_data_no_kernel_is_uncertain(void **state)
{
    (void)state;
    with_every_kernel(check_ordinary);
}

static void check_ties(const struct kernel *kernel)
{
    uint64_t random = 4;
    enum { N = 999 };
    struct exact_divisor divisor = integer_divisor(N);
    struct counting_judge judge = {{decide_gradient}, &divisor, 0};
    for (size_t i = 0; i < N; i++) { /* 2 d = N * a midpoint */
        uint64_t product = (random_bits(&random) >> 10 | UINT64_C(1) << 53 | 1) * N;
        predictions[i] = (double)(product & ~UINT64_C(0xfff));
        targets[i] = -(double)(product & 0xfff);
    }
    kernel->gradient(predictions, targets, NULL, N, (struct kernel_sum){N, 0, 0}, &judge.kernel,
                     actual);
    assert_int_equal(judge.asked, 0); /* these are decided exactly */
    for (size_t i = 0; i < N; i++)
        assert_int_equal(bits_of(actual[i]),
                         bits_of(exact_gradient(predictions[i], targets[i], 1, &divisor)));
    for (size_t i = 0; i < N; i++) weight_values[i] = 1;
    kernel->gradient(predictions, targets, weight_values, N, (struct kernel_sum){N, 0, 0},
                     &judge.kernel, actual);
    assert_in_range(judge.asked, N, N + SPARE_MAX);

    judge = (struct counting_judge){{decide_loss}, NULL, 0};
    for (size_t i = 0; i < N; i++) { /* squares of 54 bits */
        predictions[i] = (double)(UINT64_C(0x5a8279b) + 2 * random_below(&random, 1 << 20));
        targets[i] = 0;
        assert_true(predictions[i] * predictions[i] >= 0x1p53);
    }
    kernel->losses(predictions, targets, NULL, N, &judge.kernel, actual);
    assert_in_range(judge.asked, N, N + SPARE_MAX);
}

static void a_tie_is_decided_or_left_to_the_judge(void **state)
{
    (void)state;
    with_every_kernel(check_ties);
}

/* Ties and near ties apart, no kernel needs help with what is subnormal. */
static void check_small_gradients(const struct kernel *kernel, const double *weights, size_t n)
{
    struct exact_divisor divisor = integer_divisor(n);
    struct counting_judge judge = {{decide_gradient}, &divisor, 0};
    kernel->gradient(predictions, targets, weights, n, (struct kernel_sum){(double)n, 0, 0},
                     &judge.kernel, actual);
    assert_true(judge.asked < 10);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(
            bits_of(actual[i]),
            bits_of(exact_gradient(predictions[i], targets[i], weight_at(weights, i), &divisor)));
}

static void check_small_losses(const struct kernel *kernel, const double *weights, size_t n)
{
    struct counting_judge judge = {{decide_loss}, NULL, 0};
    kernel->losses(predictions, targets, weights, n, &judge.kernel, actual);
    assert_true(judge.asked < 10);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(bits_of(actual[i]),
                         bits_of(exact_loss(predictions[i], targets[i], weight_at(weights, i))));
}

static void check_small(const struct kernel *kernel)
{
    uint64_t random = 6;
    enum { N = 1001 };
    for (size_t i = 0; i < 2 * N; i++) {
        uint64_t places = 12 + random_below(&random, 52);
        predictions[i] = (double)(random_bits(&random) >> places) * DBL_TRUE_MIN;
        targets[i] = -(double)(random_bits(&random) >> 12) * DBL_TRUE_MIN;
        weight_values[i] = (double)(random_bits(&random) >> 11) * 0x1p-53;
    }
    check_small_gradients(kernel, NULL, N);
    check_small_gradients(kernel, NULL, 1024);
    check_small_gradients(kernel, weight_values, N);
    check_small_losses(kernel, NULL, N);
    check_small_losses(kernel, weight_values, N);
    for (size_t i = 0; i < N; i++) { /* squares from 2^-1072 to 2^-1020 */
        predictions[i] = ldexp(weight_values[i] + 1, -536 + (int)random_below(&random, 27));
        targets[i] = 0x1p-600;
    }
    check_small_losses(kernel, NULL, N);
    check_small_losses(kernel, weight_values, N);
}

static void small_results_are_certain_too(void **state)
{
    (void)state;
    with_every_kernel(check_small);
}

/* One square at a tie, and the others together 2^-k of it beside it: certain while that is above
 * the bound. */
static void check_near_ties(const struct kernel *kernel)
{
    enum { N = 4096 };
    for (int k = 54; k < 140; k++) {
        memset(predictions, 0, N * sizeof *predictions);
        memset(targets, 0, N * sizeof *targets);
        predictions[17] =
            94906267; /* its square is 9007199515875289, halfway between two doubles */
        for (int i = 1000; i < 1004; i++) predictions[i] = 0x1p25 * ldexp(1, -(k / 2));
        double loss = -1;
        bool certain = kernel->quotient(kernel->loss(predictions, targets, NULL, N),
                                        (struct kernel_sum){1, 0, 0}, &loss);
        if (k < 86) assert_true(certain);
        if (k > 92) assert_false(certain);
        if (certain) assert_true(loss == 9007199515875290);
    }
}

static void a_hair_beside_a_tie_is_seen_while_it_is_above_the_bound(void **state)
{
    (void)state;
    with_every_kernel(check_near_ties);
}

static void check_nonsense(const struct kernel *kernel)
{
    double quotient = 7;
    const double bad[] = {NAN, INFINITY, 0, DBL_TRUE_MIN, DBL_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(kernel->quotient((struct kernel_sum){bad[i], 0, 0},
                                      (struct kernel_sum){3, 0, 0}, &quotient));
        assert_false(kernel->quotient((struct kernel_sum){3, 0, 0},
                                      (struct kernel_sum){bad[i], 0, 0}, &quotient));
    }
    assert_true(quotient == 7);
    const double negative[] = {1, 2, 3, 4, 5, 6, 7, 8, -DBL_TRUE_MIN};
    for (size_t n = 1; n <= 9; n++)
        assert_int_equal(isnan(kernel->weights(negative + 9 - n, n).high), true);
    assert_true(kernel->weights(negative, 8).high == 36);
}

static void what_cannot_be_divided_is_uncertain(void **state)
{
    (void)state;
    with_every_kernel(check_nonsense);
}

/* ---- the choice */

static void a_level_is_chosen_by_its_name_and_a_bad_name_is_ignored(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "avx1024", "Exact"};
    assert_true(cpu_use(NULL));
    enum cpu_level greatest = cpu_level();
    assert_true(cpu_use("baseline"));
    assert_int_equal(cpu_level(), CPU_BASELINE);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(cpu_use(bad[i]));
        assert_int_equal(cpu_level(), CPU_BASELINE);
    }
    assert_true(cpu_use("exact"));
    assert_null(kernels_best(cpu_level()));
    assert_true(cpu_use(NULL));
    assert_int_equal(cpu_level(), greatest);
}

/* FNV-1a over every result of the library on every family. */
static uint64_t digest_of_everything(void)
{
    uint64_t random = 5;
    uint64_t digest = UINT64_C(0xcbf29ce484222325);
    for (size_t f = 0; f < families_count; f++)
        for (size_t w = 0; w < weight_families_count; w++)
            for (size_t k = 0; k < SIZES; k++)
                for (enum mse_reduction reduction = MSE_MEAN; reduction <= MSE_SUM; reduction++) {
                    const double *weights;
                    size_t n = sizes[k];
                    fill(&random, f, w, n, &weights);
                    double loss = 0;
                    digest =
                        (digest ^ mse_loss(predictions, targets, weights, n, reduction, &loss)) *
                        0x100000001b3;
                    digest = (digest ^ bits_of(loss)) * 0x100000001b3;
                    digest ^= mse_gradient(predictions, targets, weights, n, reduction, actual);
                    for (size_t i = 0; i < n; i++)
                        digest = (digest ^ bits_of(actual[i])) * 0x100000001b3;
                    digest ^= mse_losses(predictions, targets, weights, n, actual);
                    for (size_t i = 0; i < n; i++)
                        digest = (digest ^ bits_of(actual[i])) * 0x100000001b3;
                }
    return digest;
}

static void no_bit_depends_on_the_kernel(void **state)
{
    (void)state;
    assert_true(cpu_use("exact"));
    uint64_t expected = digest_of_everything();
    for (int i = 0; i < NAMES; i++)
        if (cpu_use(names[i])) assert_true(digest_of_everything() == expected);
    assert_true(cpu_use(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_certain_is_right),
        cmocka_unit_test(sums_keep_to_their_bound),
        cmocka_unit_test(on_ordinary_data_no_kernel_is_uncertain),
        cmocka_unit_test(small_results_are_certain_too),
        cmocka_unit_test(a_tie_is_decided_or_left_to_the_judge),
        cmocka_unit_test(a_hair_beside_a_tie_is_seen_while_it_is_above_the_bound),
        cmocka_unit_test(what_cannot_be_divided_is_uncertain),
        cmocka_unit_test(a_level_is_chosen_by_its_name_and_a_bad_name_is_ignored),
        cmocka_unit_test(no_bit_depends_on_the_kernel),
    };
    return cmocka_run_group_tests_name("kernel", tests, NULL, NULL);
}
