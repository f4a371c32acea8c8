/* mse_job.c - a checked request -> loss and gradients, a slice at a time, so that a large request does not keep others
 * waiting. Knows nothing of text. */
#include "mse_job.h"

#include <decimal.h>
#include <math.h>
#include <string.h>

void mse_job_init(struct mse_job *job, struct mse_request *request)
{
    job->request = *request;
    tensor_init(&request->predictions, NULL);
    tensor_init(&request->targets, NULL);
    tensor_init(&request->weights, NULL);
    job->loss = 0;
    job->is_deriving = false;
    job->next = 0;
    job->loss_status = MSE_OK;
    job->gradient_status = MSE_OK;
    if (job->request.predictions.length > MSE_JOB_WHOLE_MAX) mse_accumulator_init(&job->total);
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

/* ---- the steps */

static bool is_whole(const struct mse_job *job)
{
    return job->request.predictions.length <= MSE_JOB_WHOLE_MAX;
}

static bool wants_gradient(const struct mse_job *job)
{
    return job->request.wants_predictions || job->request.wants_targets;
}

static enum mse_reduction reduction_of(const struct mse_job *job)
{
    return job->request.reduction == MSE_REQUEST_MEAN ? MSE_MEAN : MSE_SUM;
}

/* The elements of the step at hand: [job->next, job->next + count). */
struct slice {
    double *predictions, *targets, *weights;
    size_t count;
};

static struct slice next_slice(struct mse_job *job)
{
    struct mse_request *request = &job->request;
    size_t rest = request->predictions.length - job->next;
    return (struct slice){.predictions = request->predictions.values + job->next,
                          .targets = request->targets.values + job->next,
                          .weights = request->weights.length > 0 ? request->weights.values + job->next : NULL,
                          .count = is_whole(job) || rest < MSE_JOB_SLICE ? rest : MSE_JOB_SLICE};
}

/* The loss of all elements; job->next is 0 again when it is there. */
static void step_loss(struct mse_job *job)
{
    struct slice s = next_slice(job);
    if (is_whole(job)) {
        job->loss_status = mse_loss(s.predictions, s.targets, s.weights, s.count, reduction_of(job), &job->loss);
    } else {
        job->loss_status = mse_accumulator_add(&job->total, s.predictions, s.targets, s.weights, s.count);
        job->next += s.count;
        if (job->loss_status != MSE_OK || job->next < job->request.predictions.length) return;
        job->next = 0;
        job->loss_status = mse_accumulator_loss(&job->total, reduction_of(job), &job->loss);
    }
    job->is_deriving = true;
}

static void step_gradient(struct mse_job *job)
{
    struct slice s = next_slice(job);
    enum mse_reduction reduction = reduction_of(job);
    enum mse_status status = is_whole(job)
                                 ? mse_gradient(s.predictions, s.targets, s.weights, s.count, reduction, s.predictions)
                                 : mse_accumulator_gradient(&job->total, s.predictions, s.targets, s.weights, s.count,
                                                            reduction, s.predictions);
    if (status != MSE_OK) job->gradient_status = status;
    job->next += s.count;
}

/* A loss for each element, in the place of its target; the gradient in the place of its prediction. Both need both, so
 * a block of losses waits aside until the block's gradient is there. */
static void step_each(struct mse_job *job)
{
    enum { BLOCK = 512 };
    double losses[BLOCK];
    struct slice s = next_slice(job);
    for (size_t i = 0; i < s.count; i += BLOCK) {
        size_t count = s.count - i < BLOCK ? s.count - i : BLOCK;
        const double *weights = s.weights != NULL ? s.weights + i : NULL;
        enum mse_status status = mse_losses(s.predictions + i, s.targets + i, weights, count, losses);
        if (status != MSE_OK) job->loss_status = status;
        if (is_refused(status)) return;
        if (wants_gradient(job)) {
            status = mse_gradient(s.predictions + i, s.targets + i, weights, count, MSE_SUM, s.predictions + i);
            if (status != MSE_OK) job->gradient_status = status;
        }
        memcpy(s.targets + i, losses, count * sizeof losses[0]);
    }
    job->next += s.count;
}

enum mse_job_status mse_job_step(struct mse_job *job, struct problem *problem)
{
    bool is_each = job->request.reduction == MSE_REQUEST_NONE;
    size_t n = job->request.predictions.length;
    if (is_each) {
        step_each(job);
    } else if (!job->is_deriving) {
        step_loss(job);
    }
    if (is_refused(job->loss_status)) return refuse(job, job->loss_status, problem);
    if (!is_each) {
        if (!job->is_deriving) return MSE_JOB_MORE;
        if (job->loss_status == MSE_OVERFLOW) return refuse_overflow(NULL, "loss", problem);
        if (!wants_gradient(job)) return MSE_JOB_DONE;
        step_gradient(job);
        if (is_refused(job->gradient_status)) return refuse(job, job->gradient_status, problem);
    }
    if (job->next < n) return MSE_JOB_MORE;
    if (job->loss_status == MSE_OVERFLOW) return refuse_overflow(&job->request.targets, "loss", problem);
    if (job->gradient_status == MSE_OVERFLOW) return refuse_overflow(&job->request.predictions, "gradient", problem);
    return MSE_JOB_DONE;
}

void mse_job_free(struct mse_job *job)
{
    mse_request_free(&job->request);
}
