/* mse_endpoint.h - POST /mse, from the first byte of the body to the answer. Its three functions are an endpoint's. */
#ifndef MSE_ENDPOINT_H
#define MSE_ENDPOINT_H

#include "answer.h"
#include "service.h"

#include <stdbool.h>

/* A request's state; NULL where memory is short. */
void *mse_endpoint_open(struct service *service);

/* The next bytes of the body. */
void mse_endpoint_receive(void *state, const char *bytes, size_t length);

/* The body has ended: works on its answer, some milliseconds at most. false: not ready yet, call again. */
bool mse_endpoint_answer(void *state, struct service *service, struct answer *answer);

/* NULL is accepted. */
void mse_endpoint_close(void *state);

#endif
