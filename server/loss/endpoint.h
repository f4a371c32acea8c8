/* endpoint.h - POST /mse: a body in one of the formats -> loss and gradients; POST /mse/partial:
 * the same -> exact sums, as JSON. */
#ifndef ENDPOINT_H
#define ENDPOINT_H

#include "http/route.h"
#include "loss/codec.h"

/* A route's open, one for each: the formats are those that the head asks for. */
struct work *endpoint_open(struct service *service, const struct head *head,
                           struct response *response);

struct work *endpoint_open_partial(struct service *service, const struct head *head,
                                   struct response *response);

/* The same where the formats are known; no response_codec: the response is the partial. */
struct work *endpoint_begin(struct service *service, const struct head *head,
                            const struct codec *request_codec, const struct codec *response_codec,
                            struct response *response);

#endif
