/* decode.h - the text of a JSON request -> a checked request, as an endpoint makes it. */
#ifndef DECODE_H
#define DECODE_H

#include "http/problem.h"
#include "http/response.h"
#include "loss/request.h"

#include <stdbool.h>

/* false: *problem says why. The caller frees the request in any case. */
bool decode_request(const char *text, struct tensor_budget *budget, struct request *request,
                    struct problem *problem);

/* The text of a response's body, produced in pieces of at most room bytes where it is produced; the
 * caller frees it. Discards the response. */
char *decode_body(struct response *response, size_t room);

/* The same for a body that may hold NULs: its length goes to *length. */
char *decode_bytes(struct response *response, size_t room, size_t *length);

#endif
