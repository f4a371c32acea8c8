/* route.h - what stands at a path. Declarations and the search only; routes.c has the table. */
#ifndef ROUTE_H
#define ROUTE_H

#include "http/head.h"
#include "http/response.h"

#include <stddef.h>

struct problem;
struct service;

/* What is done with the body of one request. An endpoint puts this at the beginning of its own
 * structure. */
struct work {
    /* Takes bytes of the body, all that is offered, the first part of it or none while it is busy
     * with those before, and returns how many.
     * The rest is offered again after other requests have had their turn. */
    size_t (*receive)(struct work *work, const char *bytes, size_t length);

    /* The body has ended. false: the response is not ready, and *response is not set; called again
     * after other requests have had their turn. No call takes more than some milliseconds. */
    bool (*respond)(struct work *work, struct response *response);

    /* Frees it, finished or not. */
    void (*close)(struct work *work);

    /* Whether it needs no more of the body, since memory for it was refused: respond() then gives
     * the response at once. Asked after each receive(). NULL: never. */
    bool (*is_refused)(const struct work *work);
};

/* GET comes with HEAD; OPTIONS is everywhere. A path may have parameters: a segment {name} stands
 * for any segment that is not empty, "/v2/models/{model}/ready". */
struct route {
    const char *path;
    const char *method; /* "GET" or "POST" */
    const char *allow;  /* the Allow header */
    bool is_protected;  /* needs a token where the service has tokens */

    /* One of the two. A route that needs no body responds at the head. A route that works on one
     * opens its work at the head, which negotiates formats; where it cannot, it returns NULL and
     * has set *response. The head outlives neither call. */
    void (*respond)(struct service *service, const struct head *head, struct response *response);
    struct work *(*open)(struct service *service, const struct head *head,
                         struct response *response);

    /* A problem as clients of this path read it; NULL: problem_respond. */
    void (*refuse)(const struct problem *problem, struct response *response);
};

/* Of two routes at a path the first is found. */

struct route_table {
    const struct route *routes;
    size_t count;
};

/* The route at a path, or NULL. */
const struct route *route_find(const struct route_table *table, const char *path);

/* The first route whose path begins with the same segment, or NULL. Its clients are those of this
 * path, whether or not anything stands there. */
const struct route *route_near(const struct route_table *table, const char *path);

/* The segment of a path that stands for a parameter, "{model}", of its route, *length bytes; NULL:
 * the route has no such parameter. */
const char *route_parameter(const struct route *route, const char *path, const char *parameter,
                            size_t *length);

/* Writes the paths of all routes that have this refuse, "/mse, /healthz, ...", NUL-terminated, as
 * many as there is room for. */
void route_print_paths(const struct route_table *table,
                       void (*refuse)(const struct problem *, struct response *), char *text,
                       size_t size);

#endif
