/* test_job.c - checked requests -> results, or problems that say what to change. */
#include "loss/job.h"
#include "support/decode.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct tensor_budget budget = {.limit = 1 << 28};

/* A job from the text of a request. */
static void make_job(struct job *job, const char *text)
{
    struct request request;
    struct problem problem;
    if (!decode_request(text, &budget, &request, &problem))
        fail_msg("%s: %s", text, problem.detail);
    job_init(job, &request, false);
    request_free(&request);
}

static void free_job(struct job *job)
{
    job_free(job);
    assert_int_equal(atomic_load(&budget.used), 0);
}

static void a_fault_is_told_by_input_and_element(void **state)
{
    static const struct {
        const char *text;
        struct request_fault fault;
    } rows[] = {
        {"{\"predictions\":[1e200],\"targets\":[0]}",
         {REQUEST_LOSS_OVERFLOW, REQUEST_PREDICTIONS, REQUEST_ALL, 0}},
        {"{\"predictions\":[1,1e200],\"targets\":[0,0],\"reduction\":\"none\"}",
         {REQUEST_LOSS_OVERFLOW, REQUEST_PREDICTIONS, 1, INFINITY}},
        {"{\"predictions\":[[1,1]],\"targets\":[[0,0]],\"weights\":[[1,1e308]],"
         "\"reduction\":\"sum\"}",
         {REQUEST_GRADIENT_OVERFLOW, REQUEST_PREDICTIONS, 1, INFINITY}},
        {"{\"predictions\":[1],\"targets\":[0],\"weights\":[1e308],\"reduction\":\"none\"}",
         {REQUEST_GRADIENT_OVERFLOW, REQUEST_PREDICTIONS, 0, INFINITY}},
        {"{\"predictions\":[1,2],\"targets\":[3,4],\"weights\":[0,-0.0]}",
         {REQUEST_ZERO_WEIGHTS, REQUEST_WEIGHTS, REQUEST_ALL, 0}},
        {"{\"predictions\":[[1,2],[3,4]],\"targets\":[[1,2],[3,4]],\"weights\":[[1,0],[-0.5,1]]}",
         {REQUEST_NEGATIVE_WEIGHT, REQUEST_WEIGHTS, 2, -0.5}},
        {"{\"predictions\":[1],\"targets\":[1],\"weights\":[-5e-324],\"reduction\":\"sum\","
         "\"gradients\":[]}",
         {REQUEST_NEGATIVE_WEIGHT, REQUEST_WEIGHTS, 0, -5e-324}},
        {"{\"predictions\":[1],\"targets\":[1],\"weights\":[-1],\"reduction\":\"none\"}",
         {REQUEST_NEGATIVE_WEIGHT, REQUEST_WEIGHTS, 0, -1}},
#define WHOLE(elements, weights, losses)                                                          \
    ",\"whole\":{\"elements\":" elements ",\"weight_sum\":\"" weights "\",\"loss_sum\":\"" losses \
    "\"}}"
        {"{\"predictions\":[1],\"targets\":[1],\"weights\":[0]" WHOLE("0", "0x0p+0", "0x0p+0"),
         {REQUEST_WHOLE_OF_FEWER, REQUEST_PREDICTIONS, REQUEST_ALL, 0}},
        {"{\"predictions\":[1,2],\"targets\":[1,2]" WHOLE("3", "0x1p+0", "0x0p+0"),
         {REQUEST_WHOLE_OF_LESS, REQUEST_PREDICTIONS, REQUEST_ALL, 0}},
        {"{\"predictions\":[1],\"targets\":[1],\"weights\":[5e-324],\"gradients\":[]" WHOLE(
             "1", "0x0p+0", "0x0p+0"),
         {REQUEST_WHOLE_OF_LESS, REQUEST_PREDICTIONS, REQUEST_ALL, 0}},
        {"{\"predictions\":[1],\"targets\":[1],\"weights\":[0],\"gradients\":[]" WHOLE(
             "2", "0x0p+0", "0x0p+0"),
         {REQUEST_WHOLE_OF_ZERO, REQUEST_PREDICTIONS, REQUEST_ALL, 0}},
        {"{\"predictions\":[1],\"targets\":[1],\"weights\":[-1],\"gradients\":[]" WHOLE(
             "2", "0x1p+0", "0x0p+0"),
         {REQUEST_NEGATIVE_WEIGHT, REQUEST_WEIGHTS, 0, -1}},
        {"{\"predictions\":[1],\"targets\":[1]" WHOLE("1", "0x1p+0", "0x1p+1024"),
         {REQUEST_LOSS_OVERFLOW, REQUEST_PREDICTIONS, REQUEST_ALL, 0}},
        {"{\"predictions\":[1,1e308],\"targets\":[1,-1e308],\"weights\":[0,5e-324]" WHOLE(
             "3", "0x1p-1073", "0x0p+0"),
         {REQUEST_GRADIENT_OVERFLOW, REQUEST_PREDICTIONS, 1, INFINITY}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct job job;
        struct request_fault fault = {0};
        make_job(&job, rows[i].text);
        if (job_step(&job, &fault) != JOB_BAD) fail_msg("%s was computed", rows[i].text);
        if (fault.kind != rows[i].fault.kind || fault.input != rows[i].fault.input ||
            fault.index != rows[i].fault.index || fault.value != rows[i].fault.value) {
            fail_msg("%s: %d of input %d, element %zu, %g", rows[i].text, (int)fault.kind,
                     (int)fault.input, fault.index, fault.value);
        }
        free_job(&job);
    }
}

static void a_gradient_that_is_not_wanted_cannot_overflow(void **state)
{
    struct job job;
    struct request_fault fault;
    (void)state;
    make_job(&job, "{\"predictions\":[1],\"targets\":[0],\"weights\":[1e308],\"reduction\":\"sum\","
                   "\"gradients\":[]}");
    assert_int_equal(job_step(&job, &fault), JOB_DONE);
    assert_true(job.loss == 1e308);
    free_job(&job);
}

static void a_sum_needs_no_weight(void **state)
{
    struct job job;
    struct request_fault fault;
    (void)state;
    make_job(&job, "{\"predictions\":[1],\"targets\":[3],\"weights\":[0],\"reduction\":\"sum\"}");
    assert_int_equal(job_step(&job, &fault), JOB_DONE);
    assert_true(job.loss == 0 && job.request.inputs[REQUEST_PREDICTIONS].values[0] == 0);
    free_job(&job);
}

static void fill(struct tensor *tensor, size_t n, uint64_t seed, uint64_t modulus)
{
    tensor_init(tensor, &budget);
    for (size_t i = 0; i < n; i++) {
        if (tensor->length == tensor->capacity) assert_true(tensor_grow(tensor));
        seed = seed * 6364136223846793005 + 1442695040888963407;
        tensor->values[tensor->length++] = (double)(seed >> 33 & modulus) / 1024;
    }
    tensor->rank = 1;
    tensor->shape[0] = n;
}

static void fill_request(struct request *request, size_t n)
{
    fill(&request->inputs[REQUEST_PREDICTIONS], n, 1, 0xFFFFF);
    fill(&request->inputs[REQUEST_TARGETS], n, 2, 0xFFFFF);
    fill(&request->inputs[REQUEST_WEIGHTS], n, 3, 0xFF);
}

/* Puts the loss, under "sum", beside a tie: no quick way leads to it. */
static void make_slow(struct request *request)
{
    memset(request->inputs[REQUEST_PREDICTIONS].values, 0,
           request->inputs[REQUEST_PREDICTIONS].length * sizeof(double));
    memset(request->inputs[REQUEST_TARGETS].values, 0,
           request->inputs[REQUEST_TARGETS].length * sizeof(double));
    request->inputs[REQUEST_PREDICTIONS].values[0] = 0x1p27 - 1;
    request->inputs[REQUEST_PREDICTIONS].values[1] = 0x1p-200;
    request->inputs[REQUEST_WEIGHTS].values[0] = 1;
    request->inputs[REQUEST_WEIGHTS].values[1] = 1;
}

/* Does the job of a request, and compares it with the same computed at a stretch. Returns the
 * number of steps. */
static int do_job(struct request *request)
{
    struct job job;
    struct request_fault fault;
    double loss = 0;
    int steps = 1;
    size_t n = request->inputs[REQUEST_PREDICTIONS].length;
    double *gradient = malloc(n * sizeof *gradient);
    double *losses = malloc(n * sizeof *losses);
    const double *s = request->inputs[REQUEST_PREDICTIONS].values;
    const double *y = request->inputs[REQUEST_TARGETS].values;
    const double *w = request->inputs[REQUEST_WEIGHTS].values;
    bool is_each = request->reduction == REQUEST_NONE;
    enum mse_reduction whole = request->reduction == REQUEST_MEAN ? MSE_MEAN : MSE_SUM;
    assert_int_equal(mse_loss(s, y, w, n, whole, &loss), MSE_OK);
    assert_int_equal(mse_losses(s, y, w, n, losses), MSE_OK);
    assert_int_equal(mse_gradient(s, y, w, n, whole, gradient), MSE_OK);

    job_init(&job, request, false);
    while (job_step(&job, &fault) == JOB_MORE) steps++;
    assert_memory_equal(job.request.inputs[REQUEST_PREDICTIONS].values, gradient,
                        n * sizeof *gradient);
    if (is_each) {
        assert_memory_equal(job.request.inputs[REQUEST_TARGETS].values, losses, n * sizeof *losses);
    } else {
        assert_memory_equal(&job.loss, &loss, sizeof loss);
    }
    free(gradient);
    free(losses);
    free_job(&job);
    return steps;
}

static void a_job_in_slices_gives_the_bits_of_one_at_a_stretch(void **state)
{
    static const size_t sizes[] = {JOB_SLICE, JOB_SLICE + 1, 5 * JOB_SLICE, JOB_TRIED_MAX + 700};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (int reduction = REQUEST_MEAN; reduction <= REQUEST_NONE; reduction++) {
            struct request request = {.reduction = (enum request_reduction)reduction,
                                      .wants_predictions = true};
            fill_request(&request, sizes[i]);
            do_job(&request);
            request = (struct request){.reduction = (enum request_reduction)reduction,
                                       .wants_predictions = true};
            fill_request(&request, sizes[i]);
            make_slow(&request);
            do_job(&request);
        }
    }
}

static void
a_job_of_one_slice_takes_one_step_and_a_large_one_lets_others_have_their_turn(void **state)
{
    struct request request = {.reduction = REQUEST_MEAN, .wants_predictions = true};
    (void)state;
    fill_request(&request, JOB_SLICE);
    assert_int_equal(do_job(&request), 1);
    request = (struct request){.reduction = REQUEST_MEAN, .wants_predictions = true};
    fill_request(&request, 2 * JOB_TRIED_MAX); /* a millisecond is not enough for two million */
    assert_true(do_job(&request) > 1);
}

/* Shards of one slice and of many. */
static void shards_with_their_whole_give_the_bits_of_all_at_once(void **state)
{
    enum { N = 5 * JOB_SLICE + 3 };
    static const size_t cuts[] = {0, 1, JOB_SLICE, N};
    static double gradient[N];
    struct request all;
    struct mse_accumulator whole;
    double loss;
    (void)state;
    request_init(&all);
    fill_request(&all, N);
    const double *s = all.inputs[REQUEST_PREDICTIONS].values;
    const double *y = all.inputs[REQUEST_TARGETS].values;
    const double *w = all.inputs[REQUEST_WEIGHTS].values;
    assert_int_equal(mse_loss(s, y, w, N, MSE_MEAN, &loss), MSE_OK);
    assert_int_equal(mse_gradient(s, y, w, N, MSE_MEAN, gradient), MSE_OK);

    mse_accumulator_init(&whole);
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < 3; i++) {
            size_t first = cuts[i], n = cuts[i + 1] - first;
            struct request request;
            struct request_fault fault;
            struct job job;
            enum job_status status;
            request_init(&request);
            fill_request(&request, n);
            for (int input = 0; input < REQUEST_INPUTS; input++)
                memcpy(request.inputs[input].values, all.inputs[input].values + first,
                       n * sizeof(double));
            request.wants_partial = pass == 0;
            if (pass == 1) {
                request.whole = malloc(sizeof whole);
                assert_non_null(request.whole);
                *request.whole = whole;
            }
            job_init(&job, &request, false);
            do status = job_step(&job, &fault);
            while (status == JOB_MORE);
            assert_int_equal(status, JOB_DONE);
            if (pass == 0) {
                assert_int_equal(mse_accumulator_merge(&whole, &job.total), MSE_OK);
            } else {
                assert_memory_equal(&job.loss, &loss, sizeof loss);
                assert_memory_equal(job.request.inputs[REQUEST_PREDICTIONS].values,
                                    gradient + first, n * sizeof(double));
            }
            job_free(&job);
        }
    }
    request_free(&all);
    assert_int_equal(atomic_load(&budget.used), 0);
}

static void a_large_partial_lets_others_have_their_turn(void **state)
{
    struct request request;
    struct request_fault fault;
    struct job job;
    int steps = 1;
    (void)state;
    request_init(&request);
    fill_request(&request, 2 * JOB_TRIED_MAX);
    request.wants_partial = true;
    job_init(&job, &request, false);
    while (job_step(&job, &fault) == JOB_MORE) steps++;
    assert_true(steps > 1);
    free_job(&job);
}

static void a_fault_in_the_last_slice_is_found(void **state)
{
    size_t n = JOB_TRIED_MAX + 1;
    struct request request = {.reduction = REQUEST_MEAN, .wants_predictions = true};
    struct job job;
    struct request_fault fault;
    enum job_status status;
    (void)state;
    fill_request(&request, n);
    request.inputs[REQUEST_WEIGHTS].values[n - 1] = -1;
    job_init(&job, &request, false);
    while ((status = job_step(&job, &fault)) == JOB_MORE) continue;
    assert_int_equal(status, JOB_BAD);
    assert_int_equal(fault.index, JOB_TRIED_MAX);
    free_job(&job);
}

static void fill_with(struct tensor *tensor, const double *values, size_t n)
{
    fill(tensor, n, 0, 0);
    memcpy(tensor->values, values, n * sizeof *values);
}

static void an_element_that_is_not_finite_is_told_unless_its_weight_is_0(void **state)
{
    static const struct {
        double predictions[3], targets[3], weights[3];
        enum request_input input; /* REQUEST_INPUTS: no fault */
        size_t index;
    } rows[] = {
        {{1, 2, NAN}, {1, 1, 1}, {1, 1, 1}, REQUEST_PREDICTIONS, 2},
        {{1, 2, 3}, {1, -INFINITY, 1}, {1, 1, 1}, REQUEST_TARGETS, 1},
        {{1, 2, 3}, {1, 1, 1}, {1, 1, INFINITY}, REQUEST_WEIGHTS, 2},
        {{1, 2, 3}, {1, 1, 1}, {NAN, 1, 1}, REQUEST_WEIGHTS, 0},
        {{1, 2, 3}, {1, 1, 1}, {1, -INFINITY, -1}, REQUEST_WEIGHTS, 1},
        {{NAN, NAN, INFINITY}, {1, NAN, 1}, {0, -0.0, 1}, REQUEST_PREDICTIONS, 2},
        {{NAN, 3, INFINITY}, {INFINITY, 1, 1}, {0, 1, -0.0}, REQUEST_INPUTS, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int reduction = REQUEST_MEAN; reduction <= REQUEST_NONE; reduction++) {
            struct request request = {.reduction = (enum request_reduction)reduction,
                                      .has_non_finite = true,
                                      .wants_predictions = true};
            struct job job;
            struct request_fault fault = {0};
            fill_with(&request.inputs[REQUEST_PREDICTIONS], rows[i].predictions, 3);
            fill_with(&request.inputs[REQUEST_TARGETS], rows[i].targets, 3);
            fill_with(&request.inputs[REQUEST_WEIGHTS], rows[i].weights, 3);
            job_init(&job, &request, false);
            enum job_status status = job_step(&job, &fault);
            if (rows[i].input == REQUEST_INPUTS) {
                const double *gradient = job.request.inputs[REQUEST_PREDICTIONS].values;
                assert_int_equal(status, JOB_DONE);
                assert_true(gradient[0] == 0 && gradient[1] == 4 && gradient[2] == 0);
                if (reduction != REQUEST_NONE) assert_true(job.loss == 4);
            } else {
                assert_int_equal(status, JOB_BAD);
                assert_int_equal(fault.kind, REQUEST_NOT_FINITE);
                assert_int_equal(fault.input, rows[i].input);
                assert_int_equal(fault.index, rows[i].index);
                assert_true(!isfinite(fault.value));
            }
            free_job(&job);
        }
    }
}

static void the_last_slice_is_screened(void **state)
{
    size_t n = 3 * JOB_SLICE + 1;
    struct request request = {.has_non_finite = true, .wants_predictions = true};
    struct job job;
    struct request_fault fault;
    enum job_status status;
    (void)state;
    fill_request(&request, n);
    for (size_t i = 0; i + 1 < n; i += 5) {
        request.inputs[REQUEST_WEIGHTS].values[i] = 0;
        request.inputs[REQUEST_TARGETS].values[i] = NAN;
    }
    request.inputs[REQUEST_TARGETS].values[n - 1] = INFINITY;
    request.inputs[REQUEST_WEIGHTS].values[n - 1] = 1;
    job_init(&job, &request, false);
    while ((status = job_step(&job, &fault)) == JOB_MORE) continue;
    assert_int_equal(status, JOB_BAD);
    assert_int_equal(fault.kind, REQUEST_NOT_FINITE);
    assert_int_equal(fault.index, n - 1);
    free_job(&job);
}

/* The gradient is 2, and what rounds to -0 and to +0 since the weights are so small. */
static void a_job_that_negates_leaves_both_gradients_without_negative_zeros(void **state)
{
    static const double predictions[] = {2, 0, 0.125}, targets[] = {1, 0.125, 0},
                        weights[] = {1, 5e-324, 5e-324};
    (void)state;
    for (int wanted = 1; wanted < 4; wanted++) {
        for (int reduction = REQUEST_MEAN; reduction <= REQUEST_NONE; reduction++) {
            struct request request = {.reduction = (enum request_reduction)reduction,
                                      .wants_predictions = wanted & 1,
                                      .wants_targets = wanted & 2};
            struct job job;
            struct request_fault fault;
            struct result result;
            fill_with(&request.inputs[REQUEST_PREDICTIONS], predictions, 3);
            fill_with(&request.inputs[REQUEST_TARGETS], targets, 3);
            fill_with(&request.inputs[REQUEST_WEIGHTS], weights, 3);
            job_init(&job, &request, true);
            assert_int_equal(job_step(&job, &fault), JOB_DONE);
            job_take_result(&job, &result);
            assert_int_equal(result.spare.length, 0);
            assert_int_equal(result.gradient.length, wanted & 1 ? 3 : 0);
            bool has_room = wanted != 3 || reduction != REQUEST_NONE;
            assert_int_equal(result.negated.length, wanted & 2 && has_room ? 3 : 0);
            for (size_t i = 0; i < result.gradient.length; i++) {
                if (result.gradient.values[i] == 0)
                    assert_true(!signbit(result.gradient.values[i]));
            }
            if (result.gradient.length > 0) assert_true(result.gradient.values[0] == 2);
            for (size_t i = 0; i < result.negated.length; i++) {
                if (result.negated.values[i] == 0) assert_true(!signbit(result.negated.values[i]));
            }
            if (result.negated.length > 0) assert_true(result.negated.values[0] == -2);
            job_free_result(&result);
            free_job(&job);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_is_told_by_input_and_element),
        cmocka_unit_test(a_gradient_that_is_not_wanted_cannot_overflow),
        cmocka_unit_test(a_sum_needs_no_weight),
        cmocka_unit_test(a_job_in_slices_gives_the_bits_of_one_at_a_stretch),
        cmocka_unit_test(
            a_job_of_one_slice_takes_one_step_and_a_large_one_lets_others_have_their_turn),
        cmocka_unit_test(shards_with_their_whole_give_the_bits_of_all_at_once),
        cmocka_unit_test(a_large_partial_lets_others_have_their_turn),
        cmocka_unit_test(a_fault_in_the_last_slice_is_found),
        cmocka_unit_test(an_element_that_is_not_finite_is_told_unless_its_weight_is_0),
        cmocka_unit_test(the_last_slice_is_screened),
        cmocka_unit_test(a_job_that_negates_leaves_both_gradients_without_negative_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
