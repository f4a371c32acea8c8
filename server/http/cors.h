/* cors.h - pages of other origins that may call from a browser (the Fetch standard, "CORS
 * protocol"). Knows nothing of routes. */
#ifndef CORS_H
#define CORS_H

#include "http/head.h"
#include "http/response.h"

#include <stdbool.h>
#include <stddef.h>

#define CORS_ORIGINS_MAX 16
#define CORS_ORIGIN_MAX  272 /* bytes, NUL included: a host has 253 at most */

/* The origins that may call, "https://example.org", or "*" for any. Not changed after start. */
struct cors {
    size_t count;
    char origins[CORS_ORIGINS_MAX][CORS_ORIGIN_MAX];
};

/* Adds an origin, of which length bytes are read: "*", or a scheme, a host and perhaps a port, as
 * browsers send it. false: it is not one, or there are as many as there may be. */
bool cors_add(struct cors *cors, const char *text, size_t length);

/* What Access-Control-Allow-Origin is in responses to this head; NULL: nothing, the origin may not
 * call, or the client is no page of another origin. It lives as long as cors. */
const char *cors_allowed_origin(const struct cors *cors, const struct head *head);

/* Adds what lets a page of the allowed origin read the response. */
void cors_allow(const char *allowed_origin, struct response *response);

/* Adds to the response to OPTIONS what the preflight of a request asks for; allow is the route's
 * list of methods. Nothing if the head is not a preflight's. */
void cors_allow_request(const struct head *head, const char *allow, struct response *response);

#endif
