/* cors.c - pages of other origins that may call from a browser. Knows nothing of routes. */
#include "http/cors.h"

#include <string.h>

static bool is_origin(const char *text)
{
    if (strcmp(text, "*") == 0) return true;
    const char *host = strstr(text, "://");
    if (host == NULL || host == text) return false;
    host += 3;
    static const char unreserved[] = "abcdefghijklmnopqrstuvwxyz0123456789+-.";
    return strspn(text, unreserved) == (size_t)(host - 3 - text) && *host != '\0' &&
           strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789-._:[]") == strlen(host);
}

bool cors_add(struct cors *cors, const char *text, size_t length)
{
    if (cors->count == CORS_ORIGINS_MAX || length >= CORS_ORIGIN_MAX) return false;
    char *origin = cors->origins[cors->count];
    memcpy(origin, text, length);
    origin[length] = '\0';
    if (!is_origin(origin)) return false;
    cors->count++;
    return true;
}

const char *cors_allowed_origin(const struct cors *cors, const struct head *head)
{
    if (head->origin == NULL) return NULL;
    for (size_t i = 0; i < cors->count; i++) {
        const char *origin = cors->origins[i];
        if (strcmp(origin, "*") == 0 || strcmp(origin, head->origin) == 0) return origin;
    }
    return NULL;
}

void cors_allow(const char *allowed_origin, struct response *response)
{
    response_add(response, "Access-Control-Allow-Origin", allowed_origin);
    response_add(response, "Access-Control-Expose-Headers",
                 "Retry-After, WWW-Authenticate, Inference-Header-Content-Length");
    if (strcmp(allowed_origin, "*") != 0) response_add(response, "Vary", "Origin");
}

void cors_allow_request(const struct head *head, const char *allow, struct response *response)
{
    if (head->requested_method == NULL) return;
    response_add(response, "Access-Control-Allow-Methods", allow);
    response_add(response, "Access-Control-Allow-Headers",
                 "Authorization, Content-Type, Content-Encoding, Accept, traceparent, "
                 "Inference-Header-Content-Length");
    response_add(response, "Access-Control-Max-Age", "7200"); /* seconds; browsers cap it there */
}
