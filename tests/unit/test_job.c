/* test_mse_job.c - checked requests -> results, or problems that say what to change. */
#include "loss/job.h"

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
    static struct json_reader reader;
    struct request request;
    struct problem problem;
    json_reader_init(&reader, &budget);
    json_reader_feed(&reader, text, strlen(text));
    assert_int_equal(json_reader_finish(&reader), JSON_READER_DONE);
    if (!request_read(&request, &reader, &problem)) fail_msg("%s: %s", text, problem.detail);
    job_init(job, &request);
    request_free(&request);
    json_reader_free(&reader);
}

static void free_job(struct job *job)
{
    job_free(job);
    assert_int_equal(atomic_load(&budget.used), 0);
}

static void what_cannot_be_computed_is_named_and_pointed_at(void **state)
{
    static const struct {
        const char *text;
        enum problem_type type;
        const char *pointer;
    } rows[] = {
        {"{\"predictions\":[1e200],\"targets\":[0]}", PROBLEM_OVERFLOW, ""},
        {"{\"predictions\":[1,1e200],\"targets\":[0,0],\"reduction\":\"none\"}", PROBLEM_OVERFLOW,
         "/predictions/1"},
        {"{\"predictions\":[[1,1]],\"targets\":[[0,0]],\"weights\":[[1,1e308]],\"reduction\":"
         "\"sum\"}",
         PROBLEM_OVERFLOW, "/predictions/0/1"},
        {"{\"predictions\":[1],\"targets\":[0],\"weights\":[1e308],\"reduction\":\"none\"}",
         PROBLEM_OVERFLOW, "/predictions/0"},
        {"{\"predictions\":[1,2],\"targets\":[3,4],\"weights\":[0,-0.0]}", PROBLEM_ZERO_WEIGHTS,
         "/weights"},
        {"{\"predictions\":[[1,2],[3,4]],\"targets\":[[1,2],[3,4]],\"weights\":[[1,0],[-0.5,1]]}",
         PROBLEM_NEGATIVE_WEIGHT, "/weights/1/0"},
        {"{\"predictions\":[1],\"targets\":[1],\"weights\":[-5e-324],\"reduction\":\"sum\","
         "\"gradients\":[]}",
         PROBLEM_NEGATIVE_WEIGHT, "/weights/0"},
        {"{\"predictions\":[1],\"targets\":[1],\"weights\":[-1],\"reduction\":\"none\"}",
         PROBLEM_NEGATIVE_WEIGHT, "/weights/0"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct job job;
        struct problem problem = {0};
        make_job(&job, rows[i].text);
        if (job_step(&job, &problem) != JOB_BAD) fail_msg("%s was computed", rows[i].text);
        if (problem.type != rows[i].type || strcmp(problem.pointer, rows[i].pointer) != 0) {
            fail_msg("%s: %d at \"%s\": %s", rows[i].text, (int)problem.type, problem.pointer,
                     problem.detail);
        }
        free_job(&job);
    }
}

static void a_gradient_that_nobody_asked_for_cannot_overflow(void **state)
{
    struct job job;
    struct problem problem;
    (void)state;
    make_job(&job, "{\"predictions\":[1],\"targets\":[0],\"weights\":[1e308],\"reduction\":\"sum\","
                   "\"gradients\":[]}");
    assert_int_equal(job_step(&job, &problem), JOB_DONE);
    assert_true(job.loss == 1e308);
    free_job(&job);
}

static void a_sum_needs_no_weight(void **state)
{
    struct job job;
    struct problem problem;
    (void)state;
    make_job(&job, "{\"predictions\":[1],\"targets\":[3],\"weights\":[0],\"reduction\":\"sum\"}");
    assert_int_equal(job_step(&job, &problem), JOB_DONE);
    assert_true(job.loss == 0 && job.request.predictions.values[0] == 0);
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
    fill(&request->predictions, n, 1, 0xFFFFF);
    fill(&request->targets, n, 2, 0xFFFFF);
    fill(&request->weights, n, 3, 0xFF);
}

/* Puts the loss, under "sum", beside a tie: no quick way leads to it. */
static void make_slow(struct request *request)
{
    memset(request->predictions.values, 0, request->predictions.length * sizeof(double));
    memset(request->targets.values, 0, request->targets.length * sizeof(double));
    request->predictions.values[0] = 0x1p27 - 1;
    request->predictions.values[1] = 0x1p-200;
    request->weights.values[0] = 1;
    request->weights.values[1] = 1;
}

/* Does the job of a request, and compares it with the same computed at a stretch. Returns the
 * number of steps. */
static int do_job(struct request *request)
{
    struct job job;
    struct problem problem;
    double loss = 0;
    int steps = 1;
    size_t n = request->predictions.length;
    double *gradient = malloc(n * sizeof *gradient);
    double *losses = malloc(n * sizeof *losses);
    const double *s = request->predictions.values;
    const double *y = request->targets.values;
    const double *w = request->weights.values;
    bool is_each = request->reduction == REQUEST_NONE;
    enum mse_reduction whole = request->reduction == REQUEST_MEAN ? MSE_MEAN : MSE_SUM;
    assert_int_equal(mse_loss(s, y, w, n, whole, &loss), MSE_OK);
    assert_int_equal(mse_losses(s, y, w, n, losses), MSE_OK);
    assert_int_equal(mse_gradient(s, y, w, n, whole, gradient), MSE_OK);

    job_init(&job, request);
    while (job_step(&job, &problem) == JOB_MORE) steps++;
    assert_memory_equal(job.request.predictions.values, gradient, n * sizeof *gradient);
    if (is_each) {
        assert_memory_equal(job.request.targets.values, losses, n * sizeof *losses);
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

static void a_fault_in_the_last_slice_is_found(void **state)
{
    size_t n = JOB_TRIED_MAX + 1;
    struct request request = {.reduction = REQUEST_MEAN, .wants_predictions = true};
    struct job job;
    struct problem problem;
    enum job_status status;
    (void)state;
    fill_request(&request, n);
    request.weights.values[n - 1] = -1;
    job_init(&job, &request);
    while ((status = job_step(&job, &problem)) == JOB_MORE) continue;
    assert_int_equal(status, JOB_BAD);
    assert_string_equal(problem.pointer, "/weights/1048576");
    free_job(&job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_computed_is_named_and_pointed_at),
        cmocka_unit_test(a_gradient_that_nobody_asked_for_cannot_overflow),
        cmocka_unit_test(a_sum_needs_no_weight),
        cmocka_unit_test(a_job_in_slices_gives_the_bits_of_one_at_a_stretch),
        cmocka_unit_test(
            a_job_of_one_slice_takes_one_step_and_a_large_one_lets_others_have_their_turn),
        cmocka_unit_test(a_fault_in_the_last_slice_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
