/* routes.c - method and path -> endpoint: the table to look at first. */
#include "routes.h"

#include "base/metrics.h"
#include "http/problem.h"
#include "loss/endpoint.h"
#include "loss/merge.h"
#include "loss/oip.h"
#include "net/connections.h"
#include "net/daemon.h"
#include "page/page.h"
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
    response->refusal = REFUSAL_NONE; /* a probe has been served */
}

/* A file of the page. 304 where the browser has it already (RFC 9110, section 13.1.2). */
static void respond_file(struct service *service, const struct head *head,
                         struct response *response)
{
    const struct page_file *file = page_find(head_path(head));
    (void)service;
    if (file == NULL) {
        struct problem problem;
        problem_set(&problem, PROBLEM_NOT_FOUND, "", "There is no problem of this name.");
        problem_respond(&problem, response);
        return;
    }
    response_begin(response, 200);
    response_add(response, "Cache-Control", "no-cache");
    response_add(response, "ETag", file->etag);
    response_add(response, "Content-Security-Policy", PAGE_POLICY);
    if (head_has_version(head, file->etag)) {
        response->status = 304;
    } else {
        response_set_constant(response, file->media_type, file->bytes, file->length);
    }
}

static void respond_metrics(struct service *service, const struct head *head,
                            struct response *response);

#define GET_ALLOW  "GET, HEAD, OPTIONS"
#define POST_ALLOW "POST, OPTIONS"

#define OIP_GET(respond) "GET", GET_ALLOW, false, respond, NULL, oip_refuse
#define OIP_INFER        "POST", POST_ALLOW, true, NULL, oip_open_infer, oip_refuse
#define MODEL            "/v2/models/{model}"
#define VERSION          "/versions/{version}"

static const struct route table[] = {
    {"/mse", "POST", POST_ALLOW, true, NULL, endpoint_open, NULL},
    {"/mse/partial", "POST", POST_ALLOW, true, NULL, endpoint_open_partial, NULL},
    {"/mse/merge", "POST", POST_ALLOW, true, NULL, merge_open, NULL},
    {"/healthz", "GET", GET_ALLOW, false, respond_health, NULL, NULL},
    {"/readyz", "GET", GET_ALLOW, false, respond_readiness, NULL, NULL},
    {"/metrics", "GET", GET_ALLOW, true, respond_metrics, NULL, NULL},
    {"/openapi.yaml", "GET", GET_ALLOW, false, respond_file, NULL, NULL},
    {"/", "GET", GET_ALLOW, false, respond_file, NULL, NULL},
    {"/page.css", "GET", GET_ALLOW, false, respond_file, NULL, NULL},
    {"/page.js", "GET", GET_ALLOW, false, respond_file, NULL, NULL},
    {"/problems/", "GET", GET_ALLOW, false, respond_file, NULL, NULL},
    {"/problems/{name}", "GET", GET_ALLOW, false, respond_file, NULL, NULL},
    {"/v2", OIP_GET(oip_respond_server)},
    {"/v2/", OIP_GET(oip_respond_server)},
    {"/v2/health/live", OIP_GET(oip_respond_live)},
    {"/v2/health/ready", OIP_GET(oip_respond_ready)},
    {"/v2/models/stats", OIP_GET(oip_respond_statistics)},
    {MODEL, OIP_GET(oip_respond_model)},
    {MODEL "/ready", OIP_GET(oip_respond_model_ready)},
    {MODEL "/config", OIP_GET(oip_respond_config)},
    {MODEL "/stats", OIP_GET(oip_respond_statistics)},
    {MODEL "/infer", OIP_INFER},
    {MODEL VERSION, OIP_GET(oip_respond_model)},
    {MODEL VERSION "/ready", OIP_GET(oip_respond_model_ready)},
    {MODEL VERSION "/config", OIP_GET(oip_respond_config)},
    {MODEL VERSION "/stats", OIP_GET(oip_respond_statistics)},
    {MODEL VERSION "/infer", OIP_INFER},
    {"/v2/repository/index", "POST", POST_ALLOW, false, oip_respond_index, NULL, oip_refuse},
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
