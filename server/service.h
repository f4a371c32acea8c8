/* service.h - what all requests share. Declarations only. Made by main.c, alive until every request
 * has been answered.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include "base/tensor.h"
#include "net/connections.h"

#include <stdatomic.h>
#include <stdint.h>

struct tls;
struct tokens;

/* Set before the first request, except for draining. */
struct service {
    struct connections connections;
    atomic_size_t requests;      /* under way: from the head to the end of the answer */
    struct tls *tls;             /* NULL: connections are not encrypted */
    struct tokens *tokens;       /* NULL: nobody needs one */
    bool access_log;             /* a line a request */
    uint64_t max_body;           /* bytes of a request's body */
    struct tensor_budget budget; /* of all requests' tensors together */
    atomic_bool draining;        /* no new work is taken */
};

#endif
