/* mse_reply.h - loss and gradients -> text, produced as the socket drains. */
#ifndef MSE_REPLY_H
#define MSE_REPLY_H

#include "answer.h"
#include "mse_job.h"

/* Answers a job that is done. Takes the results from it and frees what else it holds; the caller still calls
 * mse_job_free. Nothing is allocated that grows with the number of elements. false: no memory. */
bool mse_reply_answer(struct mse_job *job, struct answer *answer);

#endif
