/* routes.c - method and path -> endpoint: the table to look at first. */
#include "routes.h"

#include "http/problem.h"
#include "loss/endpoint.h"

#include <string.h>

static bool answer_constant(struct response *answer, const char *media_type, const char *text,
                            size_t length)
{
    *answer = (struct response){.status = 200,
                                .media_type = media_type,
                                .text = (char *)text,
                                .constant = true,
                                .length = length};
    return true;
}

static bool answer_health(void *state, struct service *service, struct response *answer)
{
    static const char alive[] = "{\"status\":\"ok\"}";
    (void)state;
    (void)service;
    return answer_constant(answer, "application/json", alive, sizeof alive - 1);
}

static bool answer_readiness(void *state, struct service *service, struct response *answer)
{
    static const char ready[] = "{\"status\":\"ready\"}";
    (void)state;
    if (atomic_load(&service->draining)) {
        struct problem problem;
        problem_set(&problem, PROBLEM_DRAINING, "", "Send new requests to another instance.");
        problem_respond(&problem, answer);
        return true;
    }
    return answer_constant(answer, "application/json", ready, sizeof ready - 1);
}

static bool answer_metrics(void *state, struct service *service, struct response *answer)
{
    (void)state;
    struct metrics_levels levels = {.requests = atomic_load(&service->requests),
                                    .connections = atomic_load(&service->connections.count),
                                    .connections_limit = service->connections.max,
                                    .connections_kept = atomic_load(&service->connections.kept),
                                    .connections_kept_limit = CONNECTIONS_KEPT_MAX,
                                    .tensor_bytes = atomic_load(&service->budget.used),
                                    .tensor_bytes_limit = service->budget.limit};
    *answer = (struct response){.status = 200, .media_type = METRICS_MEDIA_TYPE};
    answer->text = metrics_print(&levels, &answer->length);
    if (answer->text == NULL) {
        struct problem problem;
        problem_set(&problem, PROBLEM_MEMORY_EXHAUSTED, "",
                    "Try again when other requests have ended.");
        problem_respond(&problem, answer);
    }
    return true;
}

#define GET_ALLOW  "GET, HEAD, OPTIONS"
#define POST_ALLOW "POST, OPTIONS"

static const struct route routes[] = {
    {"/mse", "POST", "application/json", POST_ALLOW, METRICS_MSE, true, endpoint_open,
     endpoint_receive, endpoint_respond, endpoint_close},
    {"/healthz", "GET", "application/json", GET_ALLOW, METRICS_HEALTHZ, false, NULL, NULL,
     answer_health, NULL},
    {"/readyz", "GET", "application/json", GET_ALLOW, METRICS_READYZ, false, NULL, NULL,
     answer_readiness, NULL},
    {"/metrics", "GET", METRICS_MEDIA_TYPE, GET_ALLOW, METRICS_METRICS, true, NULL, NULL,
     answer_metrics, NULL},
};

const struct route routes_page = {
    .path = "a page", .method = "GET", .allow = GET_ALLOW, .label = METRICS_OPENAPI};

const struct route *routes_find(const char *path)
{
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (strcmp(path, routes[i].path) == 0) return &routes[i];
    }
    return NULL;
}

const char *routes_paths(void)
{
    return "/mse, /healthz, /readyz, /metrics and /openapi.yaml";
}
