/* mse_job.c - a checked request -> loss and gradients, a slice at a time, so that a large request does not keep others
 * waiting. Knows nothing of text. */
#include "mse_job.h"

#include "machine.h"

#include <decimal.h>
#include <math.h>
#include <string.h>

static bool is_whole(const struct mse_job *job)
{
    return job->request.predictions.length <= MSE_JOB_SLICE;
}

void mse_job_init(struct mse_job *job, struct mse_request *request)
{
    job->request = *request;
    tensor_init(&request->predictions, NULL);
    tensor_init(&request->targets, NULL);
    tensor_init(&request->weights, NULL);
    job->loss = 0;
    job->phase = request->reduction == MSE_REQUEST_NONE ? MSE_JOB_SEPARATING : MSE_JOB_TRYING;
    job->next = 0;
    job->loss_status = MSE_OK;
    job->gradient_status = MSE_OK;
    if (!is_whole(job)) mse_accumulator_init(&job->total);
}

/* ---- what can be wrong with results */

/* The index of the first element for which is_bad holds; its JSON Pointer goes to pointer. There is one. */
static size_t point_at(char *pointer, size_t size, const char *member, const struct tensor *tensor,
                       bool (*is_bad)(double value))
{
    size_t i = 0;
    while (i + 1 < tensor->length && !is_bad(tensor->values[i])) i++;
    mse_request_pointer(pointer, size, member, tensor, i);
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
static enum mse_job_status refuse_overflow(const struct tensor *results, const char *what, struct problem *problem)
{
    char pointer[PROBLEM_POINTER_MAX] = "";
    if (results != NULL) point_at(pointer, sizeof pointer, "predictions", results, is_infinite);
    problem_set(problem, PROBLEM_OVERFLOW, pointer,
                "Scale the numbers down: the %s is beyond 1.7976931348623157e308, the largest double.", what);
    return MSE_JOB_BAD;
}

static enum mse_job_status refuse(const struct mse_job *job, enum mse_status status, struct problem *problem)
{
    const struct tensor *weights = &job->request.weights;
    char pointer[PROBLEM_POINTER_MAX];
    char number[DECIMAL_PRINT_MAX];
    size_t i;
    switch (status) {
    case MSE_ZERO_WEIGHTS:
        problem_set(problem, PROBLEM_ZERO_WEIGHTS, "/weights",
                    "Make a weight greater than 0, or the reduction \"sum\": a mean needs some weight.");
        return MSE_JOB_BAD;
    case MSE_NEGATIVE_WEIGHT:
        i = point_at(pointer, sizeof pointer, "weights", weights, is_negative);
        problem_set(problem, PROBLEM_NEGATIVE_WEIGHT, pointer, "Make %s 0 or more: it is %.*s.", pointer,
                    (int)decimal_print(weights->values[i], number), number);
        return MSE_JOB_BAD;
    case MSE_OK:
    case MSE_OVERFLOW:
    case MSE_NO_ELEMENT:
        break; /* a result, a result that is told apart, and what mse_request has refused */
    }
    problem_set(problem, PROBLEM_INTERNAL_ERROR, "", "Report this: %s", mse_status_message(status));
    return MSE_JOB_BAD;
}

static bool is_refused(enum mse_status status)
{
    return status != MSE_OK && status != MSE_OVERFLOW;
}

/* ---- the phases, a slice at a time */

static bool wants_gradient(const struct mse_job *job)
{
    return job->request.wants_predictions || job->request.wants_targets;
}

static enum mse_reduction reduction_of(const struct mse_job *job)
{
    return job->request.reduction == MSE_REQUEST_MEAN ? MSE_MEAN : MSE_SUM;
}

/* The elements [job->next, job->next + count). */
struct slice {
    double *predictions, *targets, *weights;
    size_t count;
};

static struct slice next_slice(struct mse_job *job, size_t most)
{
    struct mse_request *request = &job->request;
    size_t rest = request->predictions.length - job->next;
    return (struct slice){.predictions = request->predictions.values + job->next,
                          .targets = request->targets.values + job->next,
                          .weights = request->weights.length > 0 ? request->weights.values + job->next : NULL,
                          .count = rest < most ? rest : most};
}

/* A slice is done; whether it was the last one, so that the next phase may begin. */
static bool is_last(struct mse_job *job, const struct slice *slice)
{
    job->next += slice->count;
    if (job->next < job->request.predictions.length) return false;
    job->next = 0;
    return true;
}

/* The loss of all elements is there, or there is none. */
static enum mse_job_status end_loss(struct mse_job *job, enum mse_status status, struct problem *problem)
{
    if (is_refused(status)) return refuse(job, status, problem);
    if (status == MSE_OVERFLOW) return refuse_overflow(NULL, "loss", problem);
    return wants_gradient(job) ? MSE_JOB_MORE : MSE_JOB_DONE;
}

static enum mse_job_status try_loss(struct mse_job *job, struct problem *problem)
{
    enum mse_reduction reduction = reduction_of(job);
    struct slice all = next_slice(job, SIZE_MAX);
    enum mse_status status = MSE_OK;
    if (is_whole(job)) {
        status = mse_loss(all.predictions, all.targets, all.weights, all.count, reduction, &job->loss);
        job->phase = MSE_JOB_DERIVING;
    } else if (all.count <= MSE_JOB_TRIED_MAX &&
               mse_quick_loss(all.predictions, all.targets, all.weights, all.count, reduction, &job->loss)) {
        job->phase = reduction == MSE_MEAN ? MSE_JOB_WEIGHING : MSE_JOB_DERIVING;
    } else {
        job->phase = MSE_JOB_ADDING;
        return MSE_JOB_MORE;
    }
    return end_loss(job, status, problem);
}

static enum mse_job_status add_losses(struct mse_job *job, struct problem *problem)
{
    struct slice s = next_slice(job, MSE_JOB_SLICE);
    enum mse_status status = mse_accumulator_add(&job->total, s.predictions, s.targets, s.weights, s.count);
    if (status != MSE_OK) return refuse(job, status, problem);
    if (!is_last(job, &s)) return MSE_JOB_MORE;
    job->phase = MSE_JOB_DERIVING;
    return end_loss(job, mse_accumulator_loss(&job->total, reduction_of(job), &job->loss), problem);
}

static enum mse_job_status add_weights(struct mse_job *job, struct problem *problem)
{
    struct slice s = next_slice(job, MSE_JOB_SLICE);
    enum mse_status status = mse_accumulator_add_weights(&job->total, s.weights, s.count);
    if (status != MSE_OK) return refuse(job, status, problem);
    if (is_last(job, &s)) job->phase = MSE_JOB_DERIVING;
    return MSE_JOB_MORE;
}

/* Results of single elements: one that overflows is told when all are there, since another may be worse. */
static enum mse_job_status end_slice(struct mse_job *job, const struct slice *slice, struct problem *problem)
{
    if (is_refused(job->loss_status)) return refuse(job, job->loss_status, problem);
    if (is_refused(job->gradient_status)) return refuse(job, job->gradient_status, problem);
    if (!is_last(job, slice)) return MSE_JOB_MORE;
    if (job->loss_status == MSE_OVERFLOW) return refuse_overflow(&job->request.targets, "loss", problem);
    if (job->gradient_status == MSE_OVERFLOW) return refuse_overflow(&job->request.predictions, "gradient", problem);
    return MSE_JOB_DONE;
}

static void keep_worst(enum mse_status *worst, enum mse_status status)
{
    if (status != MSE_OK) *worst = status;
}

static enum mse_job_status derive(struct mse_job *job, struct problem *problem)
{
    struct slice s = next_slice(job, MSE_JOB_SLICE);
    enum mse_reduction reduction = reduction_of(job);
    keep_worst(&job->gradient_status,
               is_whole(job) ? mse_gradient(s.predictions, s.targets, s.weights, s.count, reduction, s.predictions)
                             : mse_accumulator_gradient(&job->total, s.predictions, s.targets, s.weights, s.count,
                                                        reduction, s.predictions));
    return end_slice(job, &s, problem);
}

/* The losses take the targets' place, the gradient the predictions'. Both need both, so the losses wait aside. */
static enum mse_job_status separate(struct mse_job *job, struct problem *problem)
{
    double losses[MSE_JOB_SLICE];
    struct slice s = next_slice(job, MSE_JOB_SLICE);
    enum mse_status status = mse_losses(s.predictions, s.targets, s.weights, s.count, losses);
    keep_worst(&job->loss_status, status);
    if (!is_refused(status)) {
        if (wants_gradient(job)) {
            keep_worst(&job->gradient_status,
                       mse_gradient(s.predictions, s.targets, s.weights, s.count, MSE_SUM, s.predictions));
        }
        memcpy(s.targets, losses, s.count * sizeof losses[0]);
    }
    return end_slice(job, &s, problem);
}

static enum mse_job_status do_slice(struct mse_job *job, struct problem *problem)
{
    switch (job->phase) {
    case MSE_JOB_TRYING:
        return try_loss(job, problem);
    case MSE_JOB_ADDING:
        return add_losses(job, problem);
    case MSE_JOB_WEIGHING:
        return add_weights(job, problem);
    case MSE_JOB_DERIVING:
        return derive(job, problem);
    case MSE_JOB_SEPARATING:
        return separate(job, problem);
    }
    return MSE_JOB_BAD;
}

enum mse_job_status mse_job_step(struct mse_job *job, struct problem *problem)
{
    uint64_t end = is_whole(job) ? 0 : machine_nanoseconds() + MSE_JOB_STRETCH;
    enum mse_job_status status;
    do {
        status = do_slice(job, problem);
    } while (status == MSE_JOB_MORE && (is_whole(job) || machine_nanoseconds() < end));
    return status;
}

void mse_job_free(struct mse_job *job)
{
    mse_request_free(&job->request);
}
