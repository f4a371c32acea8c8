/* job.h - a checked request -> loss and gradients, a slice at a time. */
#ifndef JOB_H
#define JOB_H

#include "loss/request.h"

#include <mse.h>

/* The fuzz targets are built with smaller sizes, so that their short inputs are cut, too. */
#ifndef JOB_SLICE

/* Elements of a slice, which is computed whatever time it takes: far longer where numbers are as
 * far apart as can be. A job of one slice is done in one step. */
#define JOB_SLICE (1 << 11)

/* Elements of which the loss is tried the quick way, at one stretch: it takes as long whatever they
 * are. */
#define JOB_TRIED_MAX (1 << 20)

/* Nanoseconds after which others have their turn, when the current slice is done. */
#define JOB_STRETCH 1000000

#endif

enum job_status {
    JOB_MORE, /* the time is up: call job_step again, after others have had their turn */
    JOB_DONE, /* the result is there */
    JOB_BAD   /* *fault says why there is none */
};

/* What is done to one slice after the other. */
enum job_phase {
    JOB_SCREENING, /* elements that are not finite and have a weight */
    JOB_TRYING,    /* the loss of all elements, the quick way, in one go */
    JOB_ADDING,    /* the same, the sure way; of a request for a partial this is all */
    JOB_WEIGHING, /* the sum of the weights, which the quick way has not left behind; before that of
                     a whole is taken, to see that the request may be a part of it */
    JOB_DERIVING, /* the gradients; the loss is there */
    JOB_SEPARATING /* losses and gradients, each for itself, under "none" */
};

/* Results take the place of what they were computed from: the gradient with respect to the
 * predictions, if any gradient is wanted, that of the predictions; the loss of each element, under
 * "none", that of the targets. The shapes stay. */
struct job {
    struct request request;
    bool negates;

    double loss; /* of all elements, except under "none" */
    enum job_phase phase;
    size_t next; /* first element that is not done in this phase */
    enum mse_status loss_status, gradient_status;
    struct mse_accumulator total; /* of a job of several slices, or for a partial, which this is in
                                     the end, or with a whole */
};

/* What a job has computed. Owns its tensors. */
struct result {
    size_t elements;
    bool is_elementwise; /* losses has the loss of each element; else loss is that of all */
    double loss;
    struct tensor losses;
    struct tensor gradient; /* with respect to the predictions; empty where none is wanted */
    struct tensor negated;  /* with respect to the targets, of a job that negates; empty where it is
                               not wanted, or under "none", where there is no room for both */
    bool wants_predictions, wants_targets;
    struct tensor
        spare; /* where both gradients are wanted of one loss, and the job does not negate:
                  as many elements, of no meaning, for the codec's use; else empty */
};

/* Moves the request into a job, which the caller frees. One that negates leaves the gradient with
 * respect to the targets, too, and no zero with a sign: results that can be sent as they lie in
 * memory. If that gradient alone is wanted, it has the place of the predictions. */
void job_init(struct job *job, struct request *request, bool negates);

enum job_status job_step(struct job *job, struct request_fault *fault);

/* Moves the result out of a job that is done, unless it was for a partial, and frees what else it
 * holds. */
void job_take_result(struct job *job, struct result *result);

void job_free(struct job *job);
void job_free_result(struct result *result);

#endif
