/* test_mse.c - the promises of mse.h: every number the nearest double to its formula, by GMP, bit
 * for bit. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mse.h"
#include "mse/kernels.h"
#include "mse/mse_private.h"
#include "support/bits.h"
#include "support/families.h"
#include "support/random.h"
#include "support/rational.h"

enum { MOST = 2500 };

static double predictions[MOST], targets[MOST], weight_values[MOST], actual[MOST], expected[MOST];

static const size_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 16, 27, 64, 100, 257};
enum { SIZES = sizeof sizes / sizeof *sizes };

#define assert_same(a, b) assert_int_equal(bits_of(a), bits_of(b))

static bool all_same(const double *a, const double *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bits_of(a[i]) != bits_of(b[i])) return false;
    return true;
}

static bool any_infinite(const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (isinf(values[i])) return true;
    return false;
}

/* Compares one call with the oracle; *where says what was compared, should it fail. */
static void check_loss(const double *weights, size_t n, enum mse_reduction reduction,
                       const char *where)
{
    double loss = -1, exact = rational_loss(predictions, targets, weights, n, reduction);
    enum mse_status status = mse_loss(predictions, targets, weights, n, reduction, &loss);
    if (status != (isinf(exact) ? MSE_OVERFLOW : MSE_OK) || bits_of(loss) != bits_of(exact))
        fail_msg("%s, n %zu, reduction %d: loss %a, not %a, status %d", where, n, reduction, loss,
                 exact, status);

    double quick = -1;
    bool certain = mse__quick_loss(predictions, targets, weights, n, reduction, &quick);
    if (bits_of(quick) != bits_of(certain ? exact : -1) || (certain && isinf(exact)))
        fail_msg("%s, n %zu, reduction %d: quick loss %a, not %a", where, n, reduction, quick,
                 exact);
}

static void check_array(enum mse_status status, size_t n, const char *what, const char *where)
{
    if (status != (any_infinite(expected, n) ? MSE_OVERFLOW : MSE_OK))
        fail_msg("%s: status %d", where, status);
    for (size_t i = 0; i < n; i++)
        if (bits_of(actual[i]) != bits_of(expected[i]))
            fail_msg("%s, n %zu: %s[%zu] is %a, not %a", where, n, what, i, actual[i], expected[i]);
}

static void check_all(const double *weights, size_t n, const char *where)
{
    for (enum mse_reduction reduction = MSE_MEAN; reduction <= MSE_SUM; reduction++) {
        check_loss(weights, n, reduction, where);
        rational_gradient(predictions, targets, weights, n, reduction, expected);
        check_array(mse_gradient(predictions, targets, weights, n, reduction, actual), n,
                    "gradient", where);
    }
    rational_losses(predictions, targets, weights, n, expected);
    check_array(mse_losses(predictions, targets, weights, n, actual), n, "losses", where);
}

static void every_number_is_the_nearest(void **state)
{
    (void)state;
    uint64_t random = 1;
    for (size_t f = 0; f < families_count; f++)
        for (size_t w = 0; w < weight_families_count; w++)
            for (size_t k = 0; k < SIZES; k++) {
                char where[80];
                snprintf(where, sizeof where, "%s, weights %s", families[f].name,
                         weight_families[w].name);
                families[f].fill(&random, predictions, targets, sizes[k]);
                if (weight_families[w].fill != NULL)
                    weight_families[w].fill(&random, weight_values, sizes[k]);
                check_all(weight_families[w].fill == NULL ? NULL : weight_values, sizes[k], where);
            }
}

static void thousands_of_elements_are_no_different(void **state)
{
    (void)state;
    uint64_t random = 2;
    for (size_t f = 0; f < families_count; f++)
        for (int weighted = 0; weighted < 2; weighted++)
            for (size_t n = 2048; n <= MOST; n += MOST - 2048) {
                families[f].fill(&random, predictions, targets, n);
                weight_families[1 + f % (weight_families_count - 1)].fill(&random, weight_values,
                                                                          n);
                const double *weights = weighted ? weight_values : NULL;
                check_loss(weights, n, MSE_MEAN, families[f].name);
                check_loss(weights, n, MSE_SUM, families[f].name);
                rational_gradient(predictions, targets, weights, n, MSE_MEAN, expected);
                check_array(mse_gradient(predictions, targets, weights, n, MSE_MEAN, actual), n,
                            "gradient", families[f].name);
            }
}

static void single_elements_of_any_bits_are_the_nearest(void **state)
{
    (void)state;
    uint64_t random = 3;
    for (int round = 0; round < 20000; round++) {
        predictions[0] = random_double(&random);
        targets[0] = round % 4 == 0 ? -predictions[0] : random_double(&random);
        weight_values[0] = fabs(random_double(&random));
        check_all(round % 2 == 0 ? weight_values : NULL, 1, "any bits");
    }
}

static void loss_survives_a_sum_that_overflows(void **state)
{
    (void)state;
    const double s[] = {0x1p511, 0x1p511, 0x1p511, 0x1p511},
                 y[] = {-0x1p510, -0x1p510, -0x1p510, -0x1p510};
    double loss;
    assert_int_equal(mse_loss(s, y, NULL, 4, MSE_MEAN, &loss), MSE_OK);
    assert_same(loss, 0x1.2p1023);
    assert_int_equal(mse_loss(s, y, NULL, 4, MSE_SUM, &loss), MSE_OVERFLOW);
    assert_same(loss, INFINITY);
}

static void gradient_survives_steps_that_overflow(void **state)
{
    (void)state;
    /* s - y, 2 w (s - y) and the sum of the weights all overflow. */
    double s[] = {DBL_MAX, 1, -DBL_MAX}, y[] = {-DBL_MAX, 0, DBL_MAX},
           w[] = {DBL_MAX, DBL_MAX, DBL_MAX};
    const double large[] = {DBL_MAX, 0x1p-1000, DBL_MAX};
    rational_gradient(s, y, large, 3, MSE_MEAN, expected);
    assert_int_equal(mse_gradient(s, y, large, 3, MSE_MEAN, actual), MSE_OVERFLOW);
    assert_true(all_same(actual, expected, 3));
    assert_same(actual[0], INFINITY);
    assert_same(actual[2], -INFINITY);
    s[0] = s[2] = 0x1p1023;
    y[0] = y[2] = -0x1p1022;
    rational_gradient(s, y, w, 3, MSE_MEAN, expected);
    assert_int_equal(mse_gradient(s, y, w, 3, MSE_MEAN, actual), MSE_OK);
    assert_true(all_same(actual, expected, 3));
    assert_same(actual[0], 0x1p1023);
}

static void squares_do_not_vanish(void **state)
{
    (void)state;
    const double s[] = {0x1p-540, 0x1p-540}, y[] = {0, 0}, w[] = {0x1p1000, 0x1p1000};
    double loss;
    assert_int_equal(mse_loss(s, y, w, 2, MSE_SUM, &loss), MSE_OK);
    assert_same(loss, 0x1p-79);
}

static void outputs_may_take_the_place_of_any_input(void **state)
{
    (void)state;
    uint64_t random = 4;
    for (size_t f = 0; f < families_count; f++)
        for (size_t n = 1; n < 40; n += 13)
            for (int which = 0; which < 3; which++)
                for (int losses = 0; losses < 2; losses++) {
                    families[f].fill(&random, predictions, targets, n);
                    weight_families[2].fill(&random, weight_values, n);
                    if (losses)
                        rational_losses(predictions, targets, weight_values, n, expected);
                    else
                        rational_gradient(predictions, targets, weight_values, n, MSE_MEAN,
                                          expected);
                    double *out = which == 0 ? predictions : which == 1 ? targets : weight_values;
                    enum mse_status status =
                        losses
                            ? mse_losses(predictions, targets, weight_values, n, out)
                            : mse_gradient(predictions, targets, weight_values, n, MSE_MEAN, out);
                    assert_int_equal(status, any_infinite(expected, n) ? MSE_OVERFLOW : MSE_OK);
                    assert_true(all_same(out, expected, n));
                }
}

static void a_quick_loss_is_there_where_nothing_is_near_a_tie(void **state)
{
    (void)state;
    const double s[] = {0x1p27 - 1, 0x1p-200}, far[] = {0.1, 0.7}, y[] = {0, 0},
                 negative[] = {1, -1};
    double loss = -1;
    assert_int_equal(mse__quick_loss(far, y, NULL, 2, MSE_MEAN, &loss),
                     kernels_best(cpu_level()) != NULL);
    loss = -1;
    assert_false(mse__quick_loss(s, y, NULL, 2, MSE_SUM, &loss));
    assert_false(mse__quick_loss(s, y, negative, 2, MSE_SUM, &loss));
    assert_false(mse__quick_loss(s, y, NULL, 0, MSE_MEAN, &loss));
    assert_same(loss, -1.0);
}

static void predictions_may_be_the_targets(void **state)
{
    (void)state;
    double x[] = {1, -0.0, DBL_MAX}, loss = -1;
    assert_int_equal(mse_loss(x, x, x, 3, MSE_SUM, &loss), MSE_OK);
    assert_same(loss, 0.0);
    assert_int_equal(mse_gradient(x, x, NULL, 3, MSE_MEAN, x), MSE_OK);
    for (int i = 0; i < 3; i++) assert_same(x[i], 0.0);
}

static void any_split_gives_the_same_bits(void **state)
{
    (void)state;
    uint64_t random = 5;
    for (size_t f = 0; f < families_count; f++)
        for (size_t w = 0; w < weight_families_count; w++) {
            const size_t n = 200;
            families[f].fill(&random, predictions, targets, n);
            if (weight_families[w].fill != NULL) weight_families[w].fill(&random, weight_values, n);
            const double *weights = weight_families[w].fill == NULL ? NULL : weight_values;
            struct mse_accumulator parts[4], weighed;
            for (int k = 0; k < 4; k++) mse_accumulator_init(&parts[k]);
            mse_accumulator_init(&weighed);
            for (size_t i = 0, length; i < n; i += length) {
                length = 1 + random_below(&random, n - i < 30 ? n - i : 30);
                assert_int_equal(mse_accumulator_add(&parts[random_below(&random, 4)],
                                                     predictions + i, targets + i,
                                                     weights == NULL ? NULL : weights + i, length),
                                 MSE_OK);
                assert_int_equal(mse__accumulator_add_weights(
                                     &weighed, weights == NULL ? NULL : weights + i, length),
                                 MSE_OK);
            }
            assert_int_equal(mse_accumulator_merge(&parts[1], &parts[3]), MSE_OK);
            assert_int_equal(mse_accumulator_merge(&parts[1], &parts[0]), MSE_OK);
            assert_int_equal(mse_accumulator_merge(&parts[2], &parts[1]), MSE_OK);
            for (enum mse_reduction reduction = MSE_MEAN; reduction <= MSE_SUM; reduction++) {
                double loss, exact = rational_loss(predictions, targets, weights, n, reduction);
                enum mse_status status = mse_accumulator_loss(&parts[2], reduction, &loss);
                assert_int_equal(status, isinf(exact) ? MSE_OVERFLOW : MSE_OK);
                assert_same(loss, exact);
                rational_gradient(predictions, targets, weights, n, reduction, expected);
                for (int k = 0; k < 2; k++) {
                    for (size_t i = 0; i < n; i += 50)
                        assert_int_equal(mse_accumulator_gradient(
                                             k == 0 ? &parts[2] : &weighed, predictions + i,
                                             targets + i, weights == NULL ? NULL : weights + i, 50,
                                             reduction, actual + i),
                                         any_infinite(expected + i, 50) ? MSE_OVERFLOW : MSE_OK);
                    assert_true(all_same(actual, expected, n));
                }
            }
        }
}

static void merging_an_accumulator_with_itself_doubles_it(void **state)
{
    (void)state;
    const double s[] = {3, 5}, y[] = {0, 1};
    struct mse_accumulator accumulator;
    double loss;
    mse_accumulator_init(&accumulator);
    assert_int_equal(mse_accumulator_add(&accumulator, s, y, NULL, 2), MSE_OK);
    assert_int_equal(mse_accumulator_merge(&accumulator, &accumulator), MSE_OK);
    assert_int_equal(mse_accumulator_loss(&accumulator, MSE_SUM, &loss), MSE_OK);
    assert_same(loss, 50.0);
    assert_int_equal(mse_accumulator_loss(&accumulator, MSE_MEAN, &loss), MSE_OK);
    assert_same(loss, 12.5);
}

static void weight_zero_removes_whatever_stands_there(void **state)
{
    (void)state;
    const double s[] = {NAN, INFINITY, 3, 1}, y[] = {1, INFINITY, NAN, 4}, w[] = {0, -0.0, 0, 2};
    double loss;
    assert_int_equal(mse_loss(s, y, w, 4, MSE_MEAN, &loss), MSE_OK);
    assert_same(loss, 9.0);
    assert_int_equal(mse_gradient(s, y, w, 4, MSE_MEAN, actual), MSE_OK);
    for (int i = 0; i < 3; i++) assert_same(actual[i], 0.0);
    assert_same(actual[3], -6.0);
    assert_int_equal(mse_losses(s, y, w, 4, actual), MSE_OK);
    for (int i = 0; i < 3; i++) assert_same(actual[i], 0.0);
    assert_same(actual[3], 18.0);
}

static void what_is_not_finite_follows_ieee_754(void **state)
{
    (void)state;
    const double inf = INFINITY;
    const struct {
        double s[2], y[2], w[2], loss, gradient[2], losses[2];
    } rows[] = {
        {{inf, 1}, {0, 0}, {1, 1}, inf, {inf, 1}, {inf, 1}},
        {{0, 1}, {inf, 0}, {1, 1}, inf, {-inf, 1}, {inf, 1}},
        {{inf, 1}, {inf, 0}, {1, 1}, NAN, {NAN, 1}, {NAN, 1}},
        {{1, inf}, {NAN, 0}, {1, 1}, NAN, {NAN, inf}, {NAN, inf}},
        {{1, -2}, {0, 0}, {inf, 1}, NAN, {NAN, -0.0}, {inf, 4}},
        {{1, 2}, {1, 2}, {inf, 1}, NAN, {NAN, 0}, {NAN, 0}},
        {{1, 2}, {0, 0}, {NAN, 1}, NAN, {NAN, NAN}, {NAN, 4}},
        {{0x1p-1074, 2}, {0, 0}, {inf, 0}, NAN, {NAN, 0}, {inf, 0}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double loss, gradient[2], losses[2];
        assert_int_equal(mse_loss(rows[i].s, rows[i].y, rows[i].w, 2, MSE_MEAN, &loss), MSE_OK);
        assert_int_equal(mse_gradient(rows[i].s, rows[i].y, rows[i].w, 2, MSE_MEAN, gradient),
                         MSE_OK);
        assert_int_equal(mse_losses(rows[i].s, rows[i].y, rows[i].w, 2, losses), MSE_OK);
        if (isnan(rows[i].loss))
            assert_true(isnan(loss));
        else
            assert_same(loss, rows[i].loss);
        for (int k = 0; k < 2; k++) {
            if (isnan(rows[i].gradient[k]))
                assert_true(isnan(gradient[k]));
            else
                assert_same(gradient[k], rows[i].gradient[k]);
            if (isnan(rows[i].losses[k]))
                assert_true(isnan(losses[k]));
            else
                assert_same(losses[k], rows[i].losses[k]);
        }
    }
}

static void an_infinity_is_no_overflow_but_its_neighbour_may_be(void **state)
{
    (void)state;
    const double s[] = {INFINITY, DBL_MAX}, y[] = {0, -DBL_MAX};
    double loss;
    assert_int_equal(mse_loss(s, y, NULL, 2, MSE_SUM, &loss), MSE_OK);
    assert_same(loss, INFINITY);
    assert_int_equal(mse_gradient(s, y, NULL, 1, MSE_SUM, actual), MSE_OK);
    assert_int_equal(mse_gradient(s, y, NULL, 2, MSE_SUM, actual), MSE_OVERFLOW);
    assert_int_equal(mse_losses(s, y, NULL, 2, actual), MSE_OVERFLOW);
}

static void what_has_no_answer_leaves_the_output_alone(void **state)
{
    (void)state;
    const double s[] = {1, 2}, y[] = {0, 0}, zeros[] = {0, -0.0}, negative[] = {0, -DBL_TRUE_MIN};
    const struct {
        const double *weights;
        size_t n;
        enum mse_reduction reduction;
        enum mse_status status;
    } rows[] = {
        {NULL, 0, MSE_MEAN, MSE_NO_ELEMENT},         {negative, 0, MSE_MEAN, MSE_NO_ELEMENT},
        {zeros, 2, MSE_MEAN, MSE_ZERO_WEIGHTS},      {negative, 2, MSE_MEAN, MSE_NEGATIVE_WEIGHT},
        {negative, 2, MSE_SUM, MSE_NEGATIVE_WEIGHT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double loss = 7, out[2] = {7, 7};
        assert_int_equal(mse_loss(s, y, rows[i].weights, rows[i].n, rows[i].reduction, &loss),
                         rows[i].status);
        assert_int_equal(mse_gradient(s, y, rows[i].weights, rows[i].n, rows[i].reduction, out),
                         rows[i].status);
        if (rows[i].status == MSE_NEGATIVE_WEIGHT)
            assert_int_equal(mse_losses(s, y, rows[i].weights, rows[i].n, out),
                             MSE_NEGATIVE_WEIGHT);
        assert_same(loss, 7.0);
        for (int k = 0; k < 2; k++) assert_same(out[k], 7.0);
    }
}

static void a_refused_chunk_leaves_the_accumulator_alone(void **state)
{
    (void)state;
    const double s[] = {1, 2}, y[] = {0, 0}, negative[] = {1, -1};
    struct mse_accumulator accumulator, before;
    mse_accumulator_init(&accumulator);
    assert_int_equal(mse_accumulator_add(&accumulator, s, y, NULL, 2), MSE_OK);
    before = accumulator;
    assert_int_equal(mse_accumulator_add(&accumulator, s, y, negative, 2), MSE_NEGATIVE_WEIGHT);
    assert_int_equal(mse__accumulator_add_weights(&accumulator, negative, 2), MSE_NEGATIVE_WEIGHT);
    assert_memory_equal(&accumulator, &before, sizeof before);
}

static void the_sum_of_nothing_is_zero(void **state)
{
    (void)state;
    const double s[] = {1}, y[] = {0}, zero[] = {0};
    double loss = 7;
    assert_int_equal(mse_loss(NULL, NULL, NULL, 0, MSE_SUM, &loss), MSE_OK);
    assert_same(loss, 0.0);
    loss = 7;
    assert_int_equal(mse_loss(s, y, zero, 1, MSE_SUM, &loss), MSE_OK);
    assert_same(loss, 0.0);
    assert_int_equal(mse_gradient(NULL, NULL, NULL, 0, MSE_SUM, NULL), MSE_OK);
    assert_int_equal(mse_losses(NULL, NULL, NULL, 0, NULL), MSE_OK);
}

static void zero_is_positive_and_underflow_keeps_its_sign(void **state)
{
    (void)state;
    const double s[] = {-0.0, -1, -DBL_TRUE_MIN, DBL_TRUE_MIN}, y[] = {0, -1, 0, 0};
    assert_int_equal(mse_gradient(s, y, NULL, 4, MSE_SUM, actual), MSE_OK);
    assert_same(actual[0], 0.0);
    assert_same(actual[1], 0.0);
    const double w[] = {0x1p60, 0x1p60, 1, 1};
    assert_int_equal(mse_gradient(s, y, w, 4, MSE_MEAN, actual), MSE_OK);
    assert_same(actual[0], 0.0);
    assert_same(actual[1], 0.0);
    assert_same(actual[2], -0.0);
    assert_same(actual[3], 0.0);
}

static void every_status_has_a_message_and_the_version_is_the_headers(void **state)
{
    (void)state;
    for (enum mse_status a = MSE_OK; a <= MSE_BAD_PARTIAL; a++)
        for (enum mse_status b = a + 1; b <= MSE_BAD_PARTIAL + 1; b++)
            assert_string_not_equal(mse_status_message(a), mse_status_message(b));
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", MSE_VERSION_MAJOR, MSE_VERSION_MINOR,
             MSE_VERSION_PATCH);
    assert_string_equal(MSE_VERSION, version);
    assert_string_equal(mse_version(), MSE_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_is_the_nearest),
        cmocka_unit_test(thousands_of_elements_are_no_different),
        cmocka_unit_test(single_elements_of_any_bits_are_the_nearest),
        cmocka_unit_test(loss_survives_a_sum_that_overflows),
        cmocka_unit_test(gradient_survives_steps_that_overflow),
        cmocka_unit_test(squares_do_not_vanish),
        cmocka_unit_test(outputs_may_take_the_place_of_any_input),
        cmocka_unit_test(a_quick_loss_is_there_where_nothing_is_near_a_tie),
        cmocka_unit_test(predictions_may_be_the_targets),
        cmocka_unit_test(any_split_gives_the_same_bits),
        cmocka_unit_test(merging_an_accumulator_with_itself_doubles_it),
        cmocka_unit_test(weight_zero_removes_whatever_stands_there),
        cmocka_unit_test(what_is_not_finite_follows_ieee_754),
        cmocka_unit_test(an_infinity_is_no_overflow_but_its_neighbour_may_be),
        cmocka_unit_test(what_has_no_answer_leaves_the_output_alone),
        cmocka_unit_test(a_refused_chunk_leaves_the_accumulator_alone),
        cmocka_unit_test(the_sum_of_nothing_is_zero),
        cmocka_unit_test(zero_is_positive_and_underflow_keeps_its_sign),
        cmocka_unit_test(every_status_has_a_message_and_the_version_is_the_headers),
    };
    return cmocka_run_group_tests_name("mse", tests, NULL, NULL);
}
