/* oip.c - the Open Inference Protocol, version 2: health, metadata and statistics of the one model
 * that there is, and requests for inference, which are handed on. */
#include "loss/oip.h"

#include "base/clock.h"
#include "base/metrics.h"
#include "http/problem.h"
#include "loss/endpoint.h"
#include "loss/oip_codec.h"
#include "loss/oip_document.h"
#include "service.h"

#include <inttypes.h>
#include <mse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void oip_refuse(const struct problem *problem, struct response *response)
{
    oip_codec.refuse(problem, response);
}

static void respond_json(struct response *response, const char *text)
{
    response_begin(response, 200);
    response_set_constant(response, "application/json", text, strlen(text));
}

/* ---- whether there is such a model */

static bool has_segment(const struct route *route, const char *path, const char *parameter,
                        const char *only)
{
    size_t length;
    const char *value = route_parameter(route, path, parameter, &length);
    return value == NULL || (length == strlen(only) && memcmp(value, only, length) == 0);
}

/* Whether the path names the model and its version, or none; if not, responds. */
static bool is_known(struct service *service, const struct head *head, struct response *response)
{
    const char *path = head_path(head);
    const struct route *route = route_find(&service->routes, path);
    struct problem problem;
    if (!has_segment(route, path, "{model}", OIP_MODEL)) {
        problem_set(&problem, PROBLEM_NOT_FOUND, "",
                    "Unknown model; this server has the model \"" OIP_MODEL "\".");
    } else if (!has_segment(route, path, "{version}", OIP_VERSION)) {
        problem_set(&problem, PROBLEM_NOT_FOUND, "",
                    "Unknown version; the model \"" OIP_MODEL "\" has the version " OIP_VERSION
                    ".");
    } else {
        return true;
    }
    oip_refuse(&problem, response);
    return false;
}

/* ---- health */

void oip_respond_live(struct service *service, const struct head *head, struct response *response)
{
    (void)service, (void)head;
    respond_json(response, "{\"live\":true}");
}

/* Whether the server drains; if so, responds. */
static bool is_draining(struct service *service, struct response *response)
{
    struct problem problem;
    if (!atomic_load(&service->draining)) return false;
    problem_set(&problem, PROBLEM_DRAINING, "",
                "The server is shutting down; send new requests to another instance.");
    oip_refuse(&problem, response);
    response->refusal = REFUSAL_NONE; /* a probe has its answer */
    return true;
}

void oip_respond_ready(struct service *service, const struct head *head, struct response *response)
{
    (void)head;
    if (!is_draining(service, response)) respond_json(response, "{\"ready\":true}");
}

void oip_respond_model_ready(struct service *service, const struct head *head,
                             struct response *response)
{
    if (!is_known(service, head, response) || is_draining(service, response)) return;
    respond_json(response, "{\"name\":\"" OIP_MODEL "\",\"ready\":true}");
}

/* ---- metadata */

void oip_respond_server(struct service *service, const struct head *head, struct response *response)
{
    (void)service, (void)head;
    respond_json(response, "{\"name\":\"mse-server\",\"version\":\"" MSE_VERSION
                           "\",\"extensions\":[\"binary_tensor_data\",\"parameters\","
                           "\"statistics\",\"model_configuration\"]}");
}

#define TENSOR(name) "{\"name\":\"" name "\",\"datatype\":\"FP64\",\"shape\":[-1]}"

void oip_respond_model(struct service *service, const struct head *head, struct response *response)
{
    if (!is_known(service, head, response)) return;
    respond_json(
        response,
        "{\"name\":\"" OIP_MODEL "\",\"versions\":[\"" OIP_VERSION
        "\"],\"platform\":\"mse-server\",\"inputs\":[" TENSOR("predictions") "," TENSOR(
            "targets") "," TENSOR("weights") "],"
                                             "\"outputs\":[" TENSOR("loss") "," TENSOR(
                                                 "gradients.predictions") "," TENSOR("gradients."
                                                                                     "targets") "]"
                                                                                                "}");
}

#define CONFIG(name, more) \
    "{\"name\":\"" name "\",\"data_type\":\"TYPE_FP64\",\"dims\":[-1]" more "}"

void oip_respond_config(struct service *service, const struct head *head, struct response *response)
{
    if (!is_known(service, head, response)) return;
    respond_json(
        response,
        "{\"name\":\"" OIP_MODEL "\",\"platform\":\"mse-server\",\"backend\":\"mse\","
        "\"max_batch_size\":0,"
        "\"input\":[" CONFIG("predictions", "") "," CONFIG("targets", "") "," CONFIG(
            "weights", ",\"optional\":true") "],"
                                             "\"output\":[" CONFIG("loss", "") "," CONFIG(
                                                 "gradients.predictions",
                                                 "") "," CONFIG("gradients.targets", "") "]}");
}

void oip_respond_index(struct service *service, const struct head *head, struct response *response)
{
    (void)service, (void)head;
    respond_json(response, "[{\"name\":\"" OIP_MODEL "\",\"version\":\"" OIP_VERSION
                           "\",\"state\":\"READY\"}]");
}

/* ---- statistics */

/* Of all routes at which inference stands. */
static struct metrics_route sum_of(const struct service *service)
{
    struct metrics_route sum = {0};
    for (size_t i = 0; i < service->routes.count; i++) {
        if (service->routes.routes[i].open == oip_open_infer)
            metrics_add_route((unsigned)i + METRICS_NO_ROUTE + 1, &sum);
    }
    return sum;
}

/* Milliseconds since the Unix epoch at which the last one ended; 0: there was none. */
static uint64_t last_inference(const struct metrics_route *sum)
{
    struct timespec now;
    if (sum->last == 0) return 0;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t nanoseconds = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    return (nanoseconds - (clock_nanoseconds() - sum->last)) / 1000000;
}

/* Nothing waits in a queue here, and no part of an inference is timed by itself. */
void oip_respond_statistics(struct service *service, const struct head *head,
                            struct response *response)
{
    static const char format[] =
        "{\"model_stats\":[{\"name\":\"" OIP_MODEL "\",\"version\":\"" OIP_VERSION "\","
        "\"last_inference\":%" PRIu64 ",\"inference_count\":%" PRIu64
        ",\"execution_count\":%" PRIu64 ",\"inference_stats\":{"
        "\"success\":{\"count\":%" PRIu64 ",\"ns\":%" PRIu64 "},"
        "\"fail\":{\"count\":%" PRIu64 ",\"ns\":%" PRIu64 "},"
        "\"queue\":{\"count\":0,\"ns\":0},\"compute_input\":{\"count\":0,\"ns\":0},"
        "\"compute_infer\":{\"count\":%" PRIu64 ",\"ns\":%" PRIu64 "},"
        "\"compute_output\":{\"count\":0,\"ns\":0},\"cache_hit\":{\"count\":0,\"ns\":0},"
        "\"cache_miss\":{\"count\":0,\"ns\":0}},"
        "\"response_stats\":{},\"batch_stats\":[],\"memory_usage\":[]}]}";
    if (!is_known(service, head, response)) return;
    struct metrics_route sum = sum_of(service);
    char *text;
    int length = asprintf(&text, format, last_inference(&sum), sum.succeeded, sum.succeeded,
                          sum.succeeded, sum.succeeded_nanoseconds, sum.failed,
                          sum.failed_nanoseconds, sum.succeeded, sum.succeeded_nanoseconds);
    if (length < 0) {
        struct problem problem;
        problem_set_out_of_memory(&problem);
        oip_refuse(&problem, response);
        return;
    }
    response_begin(response, 200);
    response_set_whole(response, "application/json", text, (size_t)length);
}

/* ---- inference */

struct work *oip_open_infer(struct service *service, const struct head *head,
                            struct response *response)
{
    if (!is_known(service, head, response)) return NULL;
    return endpoint_begin(service, head, &oip_codec, &oip_codec, response);
}
