/* service.h - what all requests share. Declarations only. Made by main.c, alive until every request has been answered.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include "tensor.h"

#include <stdatomic.h>
#include <stdint.h>

struct service {
    uint64_t max_body;           /* bytes of a request's body */
    struct tensor_budget budget; /* of all requests' tensors together */
    atomic_bool draining;        /* no new work is taken */
};

#endif
