/* job.c - a checked request -> loss and gradients, a slice at a time, so that a large request does
 * not keep others waiting. Knows nothing of formats. */
#include "loss/job.h"

#include "base/clock.h"
#include "mse/mse_private.h"

#include <math.h>
#include <string.h>

static bool is_one_slice(const struct job *job)
{
    return job->request.inputs[REQUEST_PREDICTIONS].length <= JOB_SLICE;
}

/* What comes after screening. */
static enum job_phase first_phase(const struct job *job)
{
    if (job->request.wants_partial) return JOB_ADDING;
    if (job->request.reduction == REQUEST_NONE) return JOB_SEPARATING;
    return job->request.whole != NULL ? JOB_WEIGHING : JOB_TRYING;
}

void job_init(struct job *job, struct request *request, bool negates)
{
    job->request = *request;
    request_init(request);
    job->negates = negates;
    job->loss = 0;
    job->phase = job->request.has_non_finite ? JOB_SCREENING : first_phase(job);
    job->next = 0;
    job->loss_status = MSE_OK;
    job->gradient_status = MSE_OK;
    if (!is_one_slice(job) || job->phase != JOB_TRYING) mse_accumulator_init(&job->total);
}

/* ---- what can be wrong with results */

static enum job_status refuse(struct request_fault *fault, enum request_fault_kind kind)
{
    *fault = (struct request_fault){.kind = kind, .index = REQUEST_ALL};
    return JOB_BAD;
}

/* The first element of a tensor for which is_bad holds. There is one. */
static enum job_status refuse_element(struct request_fault *fault, enum request_fault_kind kind,
                                      enum request_input input, const struct tensor *tensor,
                                      bool (*is_bad)(double value))
{
    size_t i = 0;
    while (i + 1 < tensor->length && !is_bad(tensor->values[i])) i++;
    *fault = (struct request_fault){kind, input, i, tensor->values[i]};
    return JOB_BAD;
}

static bool is_negative(double value)
{
    return value < 0;
}

static bool is_infinite(double value)
{
    return isinf(value);
}

/* An overflow of one element's result is reported at its prediction. */
static enum job_status refuse_overflow(struct request_fault *fault, enum request_fault_kind kind,
                                       const struct tensor *results)
{
    return refuse_element(fault, kind, REQUEST_PREDICTIONS, results, is_infinite);
}

static enum job_status refuse_status(const struct job *job, enum mse_status status,
                                     struct request_fault *fault)
{
    switch (status) {
    case MSE_ZERO_WEIGHTS:
        refuse(fault, REQUEST_ZERO_WEIGHTS);
        fault->input = REQUEST_WEIGHTS;
        return JOB_BAD;
    case MSE_NEGATIVE_WEIGHT:
        return refuse_element(fault, REQUEST_NEGATIVE_WEIGHT, REQUEST_WEIGHTS,
                              &job->request.inputs[REQUEST_WEIGHTS], is_negative);
    case MSE_OK:
    case MSE_OVERFLOW:
    case MSE_NO_ELEMENT:
    case MSE_TOO_MANY_ELEMENTS:
    case MSE_NOT_FINITE:
    case MSE_BAD_PARTIAL:
        break; /* a result, one that is handled apart, and what request_check has refused */
    }
    return refuse(fault, REQUEST_FAULT_OF_OURS);
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
    size_t rest = request->inputs[REQUEST_PREDICTIONS].length - job->next;
    const struct tensor *weights = &request->inputs[REQUEST_WEIGHTS];
    return (struct slice){.predictions = request->inputs[REQUEST_PREDICTIONS].values + job->next,
                          .targets = request->inputs[REQUEST_TARGETS].values + job->next,
                          .weights = weights->length > 0 ? weights->values + job->next : NULL,
                          .count = rest < most ? rest : most};
}

/* Marks a slice as done. true: it was the last one, and the next phase may begin. */
static bool finish_slice(struct job *job, const struct slice *slice)
{
    job->next += slice->count;
    if (job->next < job->request.inputs[REQUEST_PREDICTIONS].length) return false;
    job->next = 0;
    return true;
}

/* The first element that is not finite, and whose weight is not 0. */
static enum job_status screen(struct job *job, struct request_fault *fault)
{
    struct slice s = next_slice(job, JOB_SLICE);
    const double *const inputs[REQUEST_INPUTS] = {s.predictions, s.targets, s.weights};
    for (size_t i = 0; i < s.count; i++) {
        if (s.weights != NULL && s.weights[i] == 0) continue;
        for (int input = 0; input < REQUEST_INPUTS && inputs[input] != NULL; input++) {
            if (isfinite(inputs[input][i])) continue;
            *fault = (struct request_fault){REQUEST_NOT_FINITE, (enum request_input)input,
                                            job->next + i, inputs[input][i]};
            return JOB_BAD;
        }
    }
    if (finish_slice(job, &s)) job->phase = first_phase(job);
    return JOB_MORE;
}

/* The loss of all elements is there, or there is none. */
static enum job_status end_loss(struct job *job, enum mse_status status,
                                struct request_fault *fault)
{
    if (is_refused(status)) return refuse_status(job, status, fault);
    if (status == MSE_OVERFLOW) return refuse(fault, REQUEST_LOSS_OVERFLOW);
    return wants_gradient(job) ? JOB_MORE : JOB_DONE;
}

static enum job_status try_loss(struct job *job, struct request_fault *fault)
{
    enum mse_reduction reduction = reduction_of(job);
    struct slice all = next_slice(job, SIZE_MAX);
    enum mse_status status = MSE_OK;
    if (is_one_slice(job)) {
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
    return end_loss(job, status, fault);
}

static enum job_status add_losses(struct job *job, struct request_fault *fault)
{
    struct slice s = next_slice(job, JOB_SLICE);
    enum mse_status status =
        mse_accumulator_add(&job->total, s.predictions, s.targets, s.weights, s.count);
    if (status != MSE_OK) return refuse_status(job, status, fault);
    if (!finish_slice(job, &s)) return JOB_MORE;
    if (job->request.wants_partial) return JOB_DONE;
    job->phase = JOB_DERIVING;
    return end_loss(job, mse_accumulator_loss(&job->total, reduction_of(job), &job->loss), fault);
}

/* The elements are a part of the whole, whose loss is asked for. */
static enum job_status take_whole(struct job *job, struct request_fault *fault)
{
    const struct mse_accumulator *whole = job->request.whole;
    switch (mse__accumulator_excess(&job->total, whole)) {
    case MSE__ELEMENTS:
        return refuse(fault, REQUEST_WHOLE_OF_FEWER);
    case MSE__WEIGHT_SUM:
        return refuse(fault, REQUEST_WHOLE_OF_LESS);
    case MSE__LOSS_SUM: /* no loss has been added */
    case MSE__MEMBERS:
        break;
    }
    enum mse_status status = mse_accumulator_loss(whole, reduction_of(job), &job->loss);
    if (status == MSE_ZERO_WEIGHTS) return refuse(fault, REQUEST_WHOLE_OF_ZERO);
    return end_loss(job, status, fault);
}

static enum job_status add_weights(struct job *job, struct request_fault *fault)
{
    struct slice s = next_slice(job, JOB_SLICE);
    enum mse_status status = mse__accumulator_add_weights(&job->total, s.weights, s.count);
    if (status != MSE_OK) return refuse_status(job, status, fault);
    if (!finish_slice(job, &s)) return JOB_MORE;
    job->phase = JOB_DERIVING;
    return job->request.whole != NULL ? take_whole(job, fault) : JOB_MORE;
}

/* Results of single elements: one that overflows is reported when all are there, since another may
 * be worse. */
static enum job_status end_slice(struct job *job, const struct slice *slice,
                                 struct request_fault *fault)
{
    if (is_refused(job->loss_status)) return refuse_status(job, job->loss_status, fault);
    if (is_refused(job->gradient_status)) return refuse_status(job, job->gradient_status, fault);
    if (!finish_slice(job, slice)) return JOB_MORE;
    if (job->loss_status == MSE_OVERFLOW)
        return refuse_overflow(fault, REQUEST_LOSS_OVERFLOW, &job->request.inputs[REQUEST_TARGETS]);
    if (job->gradient_status == MSE_OVERFLOW)
        return refuse_overflow(fault, REQUEST_GRADIENT_OVERFLOW,
                               &job->request.inputs[REQUEST_PREDICTIONS]);
    return JOB_DONE;
}

static void keep_worst(enum mse_status *worst, enum mse_status status)
{
    if (status != MSE_OK) *worst = status;
}

/* The gradient with respect to the predictions stands in their place. */
static void negate(const struct job *job, const struct slice *s)
{
    bool is_elementwise = job->request.reduction == REQUEST_NONE;
    if (!job->negates) return;
    if (!job->request.wants_predictions) {
        for (size_t i = 0; i < s->count; i++) s->predictions[i] = 0.0 - s->predictions[i];
        return;
    }
    double *restrict predictions = s->predictions;
    double *restrict targets = s->targets;
    bool has_room = job->request.wants_targets && !is_elementwise;
    for (size_t i = 0; i < s->count; i++) {
        double gradient = predictions[i];
        predictions[i] = gradient + 0.0; /* -0 becomes +0 */
        if (has_room) targets[i] = 0.0 - gradient;
    }
}

/* The exact sums of all elements; NULL: those of this one slice, not yet taken. */
static const struct mse_accumulator *sums_of(const struct job *job)
{
    if (job->request.whole != NULL) return job->request.whole;
    return is_one_slice(job) ? NULL : &job->total;
}

static enum job_status derive(struct job *job, struct request_fault *fault)
{
    struct slice s = next_slice(job, JOB_SLICE);
    enum mse_reduction reduction = reduction_of(job);
    const struct mse_accumulator *sums = sums_of(job);
    keep_worst(&job->gradient_status,
               sums == NULL ? mse_gradient(s.predictions, s.targets, s.weights, s.count, reduction,
                                           s.predictions)
                            : mse_accumulator_gradient(sums, s.predictions, s.targets, s.weights,
                                                       s.count, reduction, s.predictions));
    negate(job, &s);
    return end_slice(job, &s, fault);
}

/* The losses take the targets' place, the gradient the predictions'. Both need both, so the losses
 * wait aside. */
static enum job_status separate(struct job *job, struct request_fault *fault)
{
    double losses[JOB_SLICE];
    struct slice s = next_slice(job, JOB_SLICE);
    enum mse_status status = mse_losses(s.predictions, s.targets, s.weights, s.count, losses);
    keep_worst(&job->loss_status, status);
    if (!is_refused(status)) {
        if (wants_gradient(job)) {
            keep_worst(&job->gradient_status, mse_gradient(s.predictions, s.targets, s.weights,
                                                           s.count, MSE_SUM, s.predictions));
            negate(job, &s);
        }
        memcpy(s.targets, losses, s.count * sizeof losses[0]);
    }
    return end_slice(job, &s, fault);
}

static enum job_status do_slice(struct job *job, struct request_fault *fault)
{
    switch (job->phase) {
    case JOB_SCREENING:
        return screen(job, fault);
    case JOB_TRYING:
        return try_loss(job, fault);
    case JOB_ADDING:
        return add_losses(job, fault);
    case JOB_WEIGHING:
        return add_weights(job, fault);
    case JOB_DERIVING:
        return derive(job, fault);
    case JOB_SEPARATING:
        return separate(job, fault);
    }
    return JOB_BAD;
}

enum job_status job_step(struct job *job, struct request_fault *fault)
{
    uint64_t end = is_one_slice(job) ? 0 : clock_nanoseconds() + JOB_STRETCH;
    enum job_status status;
    do {
        status = do_slice(job, fault);
    } while (status == JOB_MORE && (is_one_slice(job) || clock_nanoseconds() < end));
    return status;
}

static void move_tensor(struct tensor *to, struct tensor *from)
{
    *to = *from;
    tensor_init(from, from->budget);
}

void job_take_result(struct job *job, struct result *result)
{
    struct request *request = &job->request;
    struct tensor *targets = &request->inputs[REQUEST_TARGETS];
    result->elements = request->inputs[REQUEST_PREDICTIONS].length;
    result->is_elementwise = request->reduction == REQUEST_NONE;
    result->loss = job->loss;
    result->wants_predictions = request->wants_predictions;
    result->wants_targets = request->wants_targets;
    tensor_init(&result->losses, NULL);
    tensor_init(&result->gradient, NULL);
    tensor_init(&result->negated, NULL);
    tensor_init(&result->spare, NULL);
    if (result->is_elementwise) {
        move_tensor(&result->losses, targets);
    } else if (result->wants_predictions && result->wants_targets) {
        move_tensor(job->negates ? &result->negated : &result->spare, targets);
    }
    if (wants_gradient(job)) {
        bool is_negated = job->negates && !result->wants_predictions;
        move_tensor(is_negated ? &result->negated : &result->gradient,
                    &request->inputs[REQUEST_PREDICTIONS]);
    }
    request_free(request);
}

void job_free(struct job *job)
{
    request_free(&job->request);
}

void job_free_result(struct result *result)
{
    tensor_free(&result->losses);
    tensor_free(&result->gradient);
    tensor_free(&result->negated);
    tensor_free(&result->spare);
}
