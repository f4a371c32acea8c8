/* routes.c - method and path -> endpoint: the table to look at first. */
#include "routes.h"

#include "base/metrics.h"
#include "http/problem.h"
#include "loss/endpoint.h"
#include "net/connections.h"
#include "net/daemon.h"
#include "page/openapi.h"
#include "service.h"

#include <string.h>

static void respond_constant(struct response *response, const char *media_type, const char *text,
                             size_t length)
{
    response_begin(response, 200);
    response_set_constant(response, media_type, text, length);
}

static void respond_health(struct service *service, const struct head *head,
                           struct response *response)
{
    static const char ok[] = "{\"status\":\"ok\"}";
    (void)service, (void)head;
    respond_constant(response, "application/json", ok, sizeof ok - 1);
}

static void respond_readiness(struct service *service, const struct head *head,
                              struct response *response)
{
    static const char ready[] = "{\"status\":\"ready\"}";
    (void)head;
    struct problem problem;
    if (atomic_load(&service->draining)) {
        problem_set(&problem, PROBLEM_DRAINING, "",
                    "The server is shutting down; send new requests to another instance.");
    } else if (tensor_budget_is_spent(&service->budget)) {
        problem_set(&problem, PROBLEM_MEMORY_EXHAUSTED, "",
                    "The memory for requests is spent; send new requests to another instance.");
    } else {
        respond_constant(response, "application/json", ready, sizeof ready - 1);
        return;
    }
    problem_respond(&problem, response);
    response->refusal = REFUSAL_NONE; /* a probe has its answer */
}

static void respond_openapi(struct service *service, const struct head *head,
                            struct response *response)
{
    (void)service, (void)head;
    respond_constant(response, "application/yaml", openapi_document,
                     (size_t)(openapi_document_end - openapi_document));
}

static void respond_metrics(struct service *service, const struct head *head,
                            struct response *response);

#define GET_ALLOW  "GET, HEAD, OPTIONS"
#define POST_ALLOW "POST, OPTIONS"

static const struct route table[] = {
    {"/mse", "POST", POST_ALLOW, true, NULL, endpoint_open, NULL},
    {"/healthz", "GET", GET_ALLOW, false, respond_health, NULL, NULL},
    {"/readyz", "GET", GET_ALLOW, false, respond_readiness, NULL, NULL},
    {"/metrics", "GET", GET_ALLOW, true, respond_metrics, NULL, NULL},
    {"/openapi.yaml", "GET", GET_ALLOW, false, respond_openapi, NULL, NULL},
};

enum { COUNT = sizeof table / sizeof table[0] };

_Static_assert(COUNT < METRICS_ROUTES_MAX, "each route has counters of its own");

const struct route_table routes = {table, COUNT};

static void respond_metrics(struct service *service, const struct head *head,
                            struct response *response)
{
    const char *paths[COUNT];
    struct metrics_gauges gauges = {.libmicrohttpd = daemon_library(),
                                    .routes = paths,
                                    .route_count = COUNT,
                                    .requests = atomic_load(&service->requests),
                                    .tensor_bytes = atomic_load(&service->budget.used),
                                    .tensor_bytes_limit = service->budget.limit};
    (void)head;
    for (size_t i = 0; i < COUNT; i++) paths[i] = table[i].path;
    if (service->connections != NULL) {
        gauges.connections = atomic_load(&service->connections->count);
        gauges.connections_limit = service->connections->max;
        gauges.connections_kept = atomic_load(&service->connections->kept);
        gauges.connections_kept_limit = CONNECTIONS_KEPT_MAX;
    }
    size_t length;
    char *text = metrics_print(&gauges, &length);
    if (text == NULL) {
        struct problem problem;
        problem_set_out_of_memory(&problem);
        problem_respond(&problem, response);
        return;
    }
    response_begin(response, 200);
    response_set_whole(response, METRICS_MEDIA_TYPE, text, length);
}
