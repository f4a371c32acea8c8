/* merge.h - POST /mse/merge: partials, one per line -> both losses of the whole, and its partial.
 */
#ifndef MERGE_H
#define MERGE_H

#include "http/route.h"

/* A route's open. */
struct work *merge_open(struct service *service, const struct head *head,
                        struct response *response);

#endif
