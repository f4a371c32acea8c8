/* job.c - a checked request -> loss and gradients, a slice at a time, so that a large request does
 * not keep others waiting. Knows nothing of text. */
#include "loss/job.h"

#include "base/system.h"

#include "decimal/decimal.h"
#include "mse/mse_private.h"
#include <math.h>
#include <string.h>

static bool is_whole(const struct job *job)
{
    return job->request.predictions.length <= JOB_SLICE;
}

void job_init(struct job *job, struct request *request)
{
    job->request = *request;
    tensor_init(&request->predictions, NULL);
    tensor_init(&request->targets, NULL);
    tensor_init(&request->weights, NULL);
    job->loss = 0;
    job->phase = request->reduction == REQUEST_NONE ? JOB_SEPARATING : JOB_TRYING;
    job->next = 0;
    job->loss_status = MSE_OK;
    job->gradient_status = MSE_OK;
    if (!is_whole(job)) mse_accumulator_init(&job->total);
}

/* ---- what can be wrong with results */

/* The index of the first element for which is_bad holds; its JSON Pointer goes to pointer. There is
 * one. */
static size_t point_at(char *pointer, size_t size, const char *member, const struct tensor *tensor,
                       bool (*is_bad)(double value))
{
    size_t i = 0;
    while (i + 1 < tensor->length && !is_bad(tensor->values[i])) i++;
    request_pointer(pointer, size, member, tensor, i);
    return i;
}

static bool is_negative(double value)
{
    return value < 0;
}

static bool is_infinite(double value)
{
    return isinf(value);
}

/* results is NULL where there is one loss for all elements. */
static enum job_status refuse_overflow(const struct tensor *results, const char *what,
                                       struct problem *problem)
{
    char pointer[PROBLEM_POINTER_MAX] = "";
    if (results != NULL) point_at(pointer, sizeof pointer, "predictions", results, is_infinite);
    problem_set(
        problem, PROBLEM_OVERFLOW, pointer,
        "Scale the numbers down: the %s is beyond 1.7976931348623157e308, the largest double.",
        what);
    return JOB_BAD;
}

static enum job_status refuse(const struct job *job, enum mse_status status,
                              struct problem *problem)
{
    const struct tensor *weights = &job->request.weights;
    char pointer[PROBLEM_POINTER_MAX];
    char number[DECIMAL_PRINT_MAX];
    size_t i;
    switch (status) {
    case MSE_ZERO_WEIGHTS:
        problem_set(
            problem, PROBLEM_ZERO_WEIGHTS, "/weights",
            "Make a weight greater than 0, or the reduction \"sum\": a mean needs some weight.");
        return JOB_BAD;
    case MSE_NEGATIVE_WEIGHT:
        i = point_at(pointer, sizeof pointer, "weights", weights, is_negative);
        problem_set(problem, PROBLEM_NEGATIVE_WEIGHT, pointer, "Make %s 0 or more: it is %.*s.",
                    pointer, (int)decimal_print(weights->values[i], number), number);
        return JOB_BAD;
    case MSE_OK:
    case MSE_OVERFLOW:
    case MSE_NO_ELEMENT:
    case MSE_TOO_MANY_ELEMENTS:
    case MSE_NOT_FINITE:
    case MSE_BAD_PARTIAL:
        break; /* a result, a result that is told apart, and what request has refused */
    }
    problem_set(problem, PROBLEM_INTERNAL_ERROR, "", "Report this: %s", mse_status_message(status));
    return JOB_BAD;
}

static bool is_refused(enum mse_status status)
{
    return status != MSE_OK && status != MSE_OVERFLOW;
}

/* ---- the phases, a slice at a time */

static bool wants_gradient(const struct job *job)
{
    return job->request.wants_predictions || job->request.wants_targets;
}

static enum mse_reduction reduction_of(const struct job *job)
{
    return job->request.reduction == REQUEST_MEAN ? MSE_MEAN : MSE_SUM;
}

/* The elements [job->next, job->next + count). */
struct slice {
    double *predictions, *targets, *weights;
    size_t count;
};

static struct slice next_slice(struct job *job, size_t most)
{
    struct request *request = &job->request;
    size_t rest = request->predictions.length - job->next;
    return (struct slice){
        .predictions = request->predictions.values + job->next,
        .targets = request->targets.values + job->next,
        .weights = request->weights.length > 0 ? request->weights.values + job->next : NULL,
        .count = rest < most ? rest : most};
}

/* A slice is done; whether it was the last one, so that the next phase may begin. */
static bool is_last(struct job *job, const struct slice *slice)
{
    job->next += slice->count;
    if (job->next < job->request.predictions.length) return false;
    job->next = 0;
    return true;
}

/* The loss of all elements is there, or there is none. */
static enum job_status end_loss(struct job *job, enum mse_status status, struct problem *problem)
{
    if (is_refused(status)) return refuse(job, status, problem);
    if (status == MSE_OVERFLOW) return refuse_overflow(NULL, "loss", problem);
    return wants_gradient(job) ? JOB_MORE : JOB_DONE;
}

static enum job_status try_loss(struct job *job, struct problem *problem)
{
    enum mse_reduction reduction = reduction_of(job);
    struct slice all = next_slice(job, SIZE_MAX);
    enum mse_status status = MSE_OK;
    if (is_whole(job)) {
        status =
            mse_loss(all.predictions, all.targets, all.weights, all.count, reduction, &job->loss);
        job->phase = JOB_DERIVING;
    } else if (all.count <= JOB_TRIED_MAX &&
               mse__quick_loss(all.predictions, all.targets, all.weights, all.count, reduction,
                               &job->loss)) {
        job->phase = reduction == MSE_MEAN ? JOB_WEIGHING : JOB_DERIVING;
    } else {
        job->phase = JOB_ADDING;
        return JOB_MORE;
    }
    return end_loss(job, status, problem);
}

static enum job_status add_losses(struct job *job, struct problem *problem)
{
    struct slice s = next_slice(job, JOB_SLICE);
    enum mse_status status =
        mse_accumulator_add(&job->total, s.predictions, s.targets, s.weights, s.count);
    if (status != MSE_OK) return refuse(job, status, problem);
    if (!is_last(job, &s)) return JOB_MORE;
    job->phase = JOB_DERIVING;
    return end_loss(job, mse_accumulator_loss(&job->total, reduction_of(job), &job->loss), problem);
}

static enum job_status add_weights(struct job *job, struct problem *problem)
{
    struct slice s = next_slice(job, JOB_SLICE);
    enum mse_status status = mse__accumulator_add_weights(&job->total, s.weights, s.count);
    if (status != MSE_OK) return refuse(job, status, problem);
    if (is_last(job, &s)) job->phase = JOB_DERIVING;
    return JOB_MORE;
}

/* Results of single elements: one that overflows is told when all are there, since another may be
 * worse. */
static enum job_status end_slice(struct job *job, const struct slice *slice,
                                 struct problem *problem)
{
    if (is_refused(job->loss_status)) return refuse(job, job->loss_status, problem);
    if (is_refused(job->gradient_status)) return refuse(job, job->gradient_status, problem);
    if (!is_last(job, slice)) return JOB_MORE;
    if (job->loss_status == MSE_OVERFLOW)
        return refuse_overflow(&job->request.targets, "loss", problem);
    if (job->gradient_status == MSE_OVERFLOW)
        return refuse_overflow(&job->request.predictions, "gradient", problem);
    return JOB_DONE;
}

static void keep_worst(enum mse_status *worst, enum mse_status status)
{
    if (status != MSE_OK) *worst = status;
}

static enum job_status derive(struct job *job, struct problem *problem)
{
    struct slice s = next_slice(job, JOB_SLICE);
    enum mse_reduction reduction = reduction_of(job);
    keep_worst(
        &job->gradient_status,
        is_whole(job)
            ? mse_gradient(s.predictions, s.targets, s.weights, s.count, reduction, s.predictions)
            : mse_accumulator_gradient(&job->total, s.predictions, s.targets, s.weights, s.count,
                                       reduction, s.predictions));
    return end_slice(job, &s, problem);
}

/* The losses take the targets' place, the gradient the predictions'. Both need both, so the losses
 * wait aside. */
static enum job_status separate(struct job *job, struct problem *problem)
{
    double losses[JOB_SLICE];
    struct slice s = next_slice(job, JOB_SLICE);
    enum mse_status status = mse_losses(s.predictions, s.targets, s.weights, s.count, losses);
    keep_worst(&job->loss_status, status);
    if (!is_refused(status)) {
        if (wants_gradient(job)) {
            keep_worst(&job->gradient_status, mse_gradient(s.predictions, s.targets, s.weights,
                                                           s.count, MSE_SUM, s.predictions));
        }
        memcpy(s.targets, losses, s.count * sizeof losses[0]);
    }
    return end_slice(job, &s, problem);
}

static enum job_status do_slice(struct job *job, struct problem *problem)
{
    switch (job->phase) {
    case JOB_TRYING:
        return try_loss(job, problem);
    case JOB_ADDING:
        return add_losses(job, problem);
    case JOB_WEIGHING:
        return add_weights(job, problem);
    case JOB_DERIVING:
        return derive(job, problem);
    case JOB_SEPARATING:
        return separate(job, problem);
    }
    return JOB_BAD;
}

enum job_status job_step(struct job *job, struct problem *problem)
{
    uint64_t end = is_whole(job) ? 0 : system_nanoseconds() + JOB_STRETCH;
    enum job_status status;
    do {
        status = do_slice(job, problem);
    } while (status == JOB_MORE && (is_whole(job) || system_nanoseconds() < end));
    return status;
}

void job_free(struct job *job)
{
    request_free(&job->request);
}
