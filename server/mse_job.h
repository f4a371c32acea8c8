/* mse_job.h - a checked request -> loss and gradients, a slice at a time. */
#ifndef MSE_JOB_H
#define MSE_JOB_H

#include "mse_request.h"
#include "problem.h"

#include <mse.h>

/* Elements that are computed at one stretch; a larger job takes several, between which others have their turn. */
#define MSE_JOB_WHOLE_MAX (1 << 20)
#define MSE_JOB_SLICE     (1 << 18)

enum mse_job_status {
    MSE_JOB_MORE, /* call mse_job_step again, after others have had their turn */
    MSE_JOB_DONE, /* the results are there */
    MSE_JOB_BAD   /* *problem says why there are none */
};

/* The results stand in the memory of what they were computed from: the gradient with respect to the predictions, if any
 * gradient is wanted, in request.predictions; the losses of each element, under "none", in request.targets. */
struct mse_job {
    struct mse_request request;
    double loss; /* of all elements, except under "none" */

    bool is_deriving; /* the loss is there, the gradient is at hand */
    size_t next;      /* first element that is not done */
    enum mse_status loss_status, gradient_status;
    struct mse_accumulator total; /* of a job that takes several steps */
};

/* Moves the request into a job, which the caller frees. */
void mse_job_init(struct mse_job *job, struct mse_request *request);

enum mse_job_status mse_job_step(struct mse_job *job, struct problem *problem);

void mse_job_free(struct mse_job *job);

#endif
