/* endpoint.h - POST /mse, from the first byte of the body to the answer. Its three functions are an
 * endpoint's. */
#ifndef ENDPOINT_H
#define ENDPOINT_H

#include "http/response.h"
#include "service.h"

#include <stdbool.h>

/* A request's state; NULL where memory is short. */
void *endpoint_open(struct service *service);

/* The next bytes of the body. */
void endpoint_receive(void *state, const char *bytes, size_t length);

/* The body has ended: works on its answer, some milliseconds at most. false: not ready yet, call
 * again. */
bool endpoint_respond(void *state, struct service *service, struct response *answer);

/* NULL is accepted. */
void endpoint_close(void *state);

#endif
