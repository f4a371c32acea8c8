/* service.h - what all requests share. Declarations only. main.c makes it, and it lives until every
 * request has ended. */
#ifndef SERVICE_H
#define SERVICE_H

#include "base/tensor.h"
#include "http/cors.h"
#include "http/route.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct connections;
struct tokens;

/* Set before the first request, except for what is atomic and the tokens' own contents. */
struct service {
    struct route_table routes;
    const struct connections *connections; /* NULL until there are any */
    struct tokens *tokens;                 /* NULL: no token is required */
    struct cors cors;                      /* whose pages may call from a browser */
    bool access_log;                       /* one line per request */
    bool compress;                         /* responses, where the client asks */
    uint64_t max_body;                     /* bytes of a request's body, and of it decoded */
    struct tensor_budget budget;           /* of all requests' tensors together */
    atomic_size_t requests;                /* in flight: from the head to the end of the response */
    atomic_bool draining;                  /* no new work is taken */
};

#endif
