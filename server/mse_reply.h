/* mse_reply.h - job -> loss and gradients -> text, produced as the socket drains. */
#ifndef MSE_REPLY_H
#define MSE_REPLY_H

#include "answer.h"
#include "mse_request.h"

/* Computes what the request asks for and answers it; false: *problem says why there is no answer. Takes the request's
 * tensors: results stand in their memory, and what is not needed any more is freed. The caller still calls
 * mse_request_free. Nothing is allocated that grows with the number of elements. */
bool mse_reply_answer(struct mse_request *request, struct answer *answer, struct problem *problem);

#endif
