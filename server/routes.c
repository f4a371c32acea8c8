/* routes.c - method and path -> endpoint: the table to look at first. */
#include "routes.h"

#include "mse_endpoint.h"
#include "openapi.h"
#include "problem.h"

#include <string.h>

static void answer_constant(struct answer *answer, const char *media_type, const char *text, size_t length)
{
    *answer = (struct answer){
        .status = 200, .media_type = media_type, .text = (char *)text, .constant = true, .length = length};
}

static void answer_health(void *state, struct service *service, struct answer *answer)
{
    static const char alive[] = "{\"status\":\"ok\"}";
    (void)state;
    (void)service;
    answer_constant(answer, "application/json", alive, sizeof alive - 1);
}

static void answer_readiness(void *state, struct service *service, struct answer *answer)
{
    static const char ready[] = "{\"status\":\"ready\"}";
    (void)state;
    if (atomic_load(&service->draining)) {
        struct problem problem;
        problem_set(&problem, PROBLEM_DRAINING, "", "Send new requests to another instance.");
        problem_answer(&problem, answer);
        return;
    }
    answer_constant(answer, "application/json", ready, sizeof ready - 1);
}

static void answer_openapi(void *state, struct service *service, struct answer *answer)
{
    (void)state;
    (void)service;
    answer_constant(answer, "application/yaml", openapi_document, (size_t)(openapi_document_end - openapi_document));
}

#define GET_ALLOW  "GET, HEAD, OPTIONS"
#define POST_ALLOW "POST, OPTIONS"

static const struct route routes[] = {
    {"/mse", "POST", "application/json", POST_ALLOW, mse_endpoint_open, mse_endpoint_receive, mse_endpoint_answer,
     mse_endpoint_close},
    {"/healthz", "GET", "application/json", GET_ALLOW, NULL, NULL, answer_health, NULL},
    {"/readyz", "GET", "application/json", GET_ALLOW, NULL, NULL, answer_readiness, NULL},
    {"/openapi.yaml", "GET", "application/yaml", GET_ALLOW, NULL, NULL, answer_openapi, NULL},
};

const struct route *routes_find(const char *path)
{
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (strcmp(path, routes[i].path) == 0) return &routes[i];
    }
    return NULL;
}

const char *routes_paths(void)
{
    return "/mse, /healthz, /readyz and /openapi.yaml";
}
