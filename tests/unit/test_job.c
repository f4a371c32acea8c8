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
    job_init(job, &request);
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

    job_init(&job, request);
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
            job_init(&job, &request);
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
    job_init(&job, &request);
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
    job_init(&job, &request);
    while ((status = job_step(&job, &fault)) == JOB_MORE) continue;
    assert_int_equal(status, JOB_BAD);
    assert_int_equal(fault.index, JOB_TRIED_MAX);
    free_job(&job);
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
