/* reply.h - loss and gradients -> text, produced as the socket drains. */
#ifndef REPLY_H
#define REPLY_H

#include "http/response.h"
#include "loss/job.h"

/* Answers a job that is done. Takes the results from it and frees what else it holds; the caller
 * still calls job_free. Nothing is allocated that grows with the number of elements. false: no
 * memory. */
bool reply_answer(struct job *job, struct response *answer);

#endif
