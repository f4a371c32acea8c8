/* routes.h - method and path -> endpoint. */
#ifndef ROUTES_H
#define ROUTES_H

#include "base/metrics.h"
#include "http/response.h"
#include "service.h"

/* What stands at a path. GET comes with HEAD; OPTIONS is everywhere. */
struct route {
    const char *path;
    const char *method;     /* "GET" or "POST" */
    const char *media_type; /* of its answers but problems */
    const char *allow;      /* the Allow header */
    enum metrics_route label;
    bool is_protected; /* needs a token where the service has tokens */
    /* Answers, or returns false: not ready yet, to be called again after others have had their
     * turn. A route that works on a body opens a state at the headers, which receives the body;
     * NULL where it does not. */
    void *(*open)(struct service *service);
    void (*receive)(void *state, const char *bytes, size_t length);
    bool (*answer)(void *state, struct service *service, struct response *answer);
    void (*close)(void *state);
};

/* Whatever page_find finds; it is answered without a function of the route. */
extern const struct route routes_page;

/* The route at a path, or NULL. */
const struct route *routes_find(const char *path);

/* Every path there is, for a message: "/mse, /healthz, ...". */
const char *routes_paths(void);

#endif
