/* endpoint.h - POST /mse: a body in one of the formats -> loss and gradients. */
#ifndef ENDPOINT_H
#define ENDPOINT_H

#include "http/route.h"
#include "loss/codec.h"

/* A route's open: the formats are those that the head asks for. */
struct work *endpoint_open(struct service *service, const struct head *head,
                           struct response *response);

/* The same where the formats are known. */
struct work *endpoint_begin(struct service *service, const struct head *head,
                            const struct codec *request_codec, const struct codec *response_codec,
                            struct response *response);

#endif
