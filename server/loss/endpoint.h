/* endpoint.h - POST /mse: a body in one of the formats -> loss and gradients. */
#ifndef ENDPOINT_H
#define ENDPOINT_H

#include "http/route.h"

/* A route's open. */
struct work *endpoint_open(struct service *service, const struct head *head,
                           struct response *response);

#endif
