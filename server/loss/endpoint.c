/* endpoint.c - POST /mse and /mse/partial, from the head to the response: picks the formats, lets
 * one decode the body, has the job done, lets the other write the result. Knows nothing of any one
 * format. */
#include "loss/endpoint.h"

#include "http/problem.h"
#include "loss/codecs.h"
#include "loss/job.h"
#include "service.h"

#include <stdlib.h>

#define PARTIAL_MEDIA_TYPE "application/json"

#define MEDIA_TYPES_MAX 256 /* bytes of a list of media types, as text */

struct endpoint {
    struct work work;
    const struct codec *request_codec;
    const struct codec *response_codec; /* NULL: the response is the partial */
    bool is_negotiated;                 /* by an Accept header */
    bool has_job;                       /* the body has been decoded, and made a job */
    struct job job;
    _Alignas(max_align_t) unsigned char decoder[]; /* of request_codec */
};

/* ---- the body and the response */

static size_t receive(struct work *work, const char *bytes, size_t length)
{
    struct endpoint *endpoint = (struct endpoint *)work;
    return endpoint->request_codec->receive(endpoint->decoder, bytes, length);
}

static bool is_refused(const struct work *work)
{
    const struct endpoint *endpoint = (const struct endpoint *)work;
    const struct codec *codec = endpoint->request_codec;
    return codec->is_refused != NULL && codec->is_refused(endpoint->decoder);
}

static bool make_job(struct endpoint *endpoint, struct problem *problem)
{
    endpoint->has_job = codec_make_job(endpoint->request_codec, endpoint->response_codec,
                                       endpoint->decoder, &endpoint->job, problem);
    return endpoint->has_job;
}

static void respond_result(struct endpoint *endpoint, struct response *response)
{
    struct result result;
    struct problem problem;
    const struct codec *codec = endpoint->response_codec;
    bool is_same = codec == endpoint->request_codec;
    job_take_result(&endpoint->job, &result);
    if (codec->respond(&result, is_same ? endpoint->decoder : NULL, response)) {
        if (endpoint->is_negotiated) response_add(response, "Vary", "Accept");
        return;
    }
    problem_set_out_of_memory(&problem);
    codec->refuse(&problem, response);
}

static void respond_partial(struct endpoint *endpoint, struct response *response)
{
    const struct codec *codec = endpoint->request_codec;
    const struct request *request = &endpoint->job.request;
    struct problem problem;
    size_t length;
    char *text = malloc(MSE_PARTIAL_MAX);
    if (text == NULL) {
        problem_set_out_of_memory(&problem);
        codec->refuse(&problem, response);
    } else if (mse_accumulator_print(&endpoint->job.total, text, &length) != MSE_OK) {
        /* No codec lets through what is not finite. */
        struct request_fault fault = {.kind = REQUEST_FAULT_OF_OURS, .index = REQUEST_ALL};
        codec->explain(request, &fault, &problem);
        codec->refuse(&problem, response);
        free(text);
    } else {
        response_begin(response, 200);
        response->elements = request->inputs[REQUEST_PREDICTIONS].length;
        response_set_whole(response, PARTIAL_MEDIA_TYPE, text, length);
    }
}

static bool respond(struct work *work, struct response *response)
{
    struct endpoint *endpoint = (struct endpoint *)work;
    struct request_fault fault;
    struct problem problem;
    if (endpoint->has_job || make_job(endpoint, &problem)) {
        switch (job_step(&endpoint->job, &fault)) {
        case JOB_MORE:
            return false;
        case JOB_DONE:
            if (endpoint->response_codec == NULL) {
                respond_partial(endpoint, response);
            } else {
                respond_result(endpoint, response);
            }
            return true;
        case JOB_BAD:
            endpoint->request_codec->explain(&endpoint->job.request, &fault, &problem);
            break;
        }
    }
    endpoint->request_codec->refuse(&problem, response);
    return true;
}

static void close_work(struct work *work)
{
    struct endpoint *endpoint = (struct endpoint *)work;
    if (endpoint->has_job) job_free(&endpoint->job);
    endpoint->request_codec->end(endpoint->decoder);
    free(endpoint);
}

/* ---- the head */

static struct work *refuse_content(struct response *response)
{
    struct problem problem;
    char types[MEDIA_TYPES_MAX];
    codecs_print_media_types(NULL, types, sizeof types);
    problem_set(&problem, PROBLEM_UNSUPPORTED_MEDIA_TYPE, "",
                "The Content-Type must be one of: %s.", types);
    problem_respond(&problem, response);
    response_add(response, "Accept-Post", codecs_accept_post);
    return NULL;
}

static struct work *refuse_accept(const char *types, struct response *response)
{
    struct problem problem;
    problem_set(&problem, PROBLEM_NOT_ACCEPTABLE, "", "The response can be: %s.", types);
    problem_respond(&problem, response);
    response_add(response, "Vary", "Accept");
    return NULL;
}

struct work *endpoint_begin(struct service *service, const struct head *head,
                            const struct codec *request_codec, const struct codec *response_codec,
                            struct response *response)
{
    struct endpoint *endpoint = malloc(sizeof *endpoint + request_codec->decoder_size);
    if (endpoint == NULL) {
        struct problem problem;
        problem_set_out_of_memory(&problem);
        request_codec->refuse(&problem, response);
        return NULL;
    }
    endpoint->work = (struct work){receive, respond, close_work, is_refused};
    endpoint->request_codec = request_codec;
    endpoint->response_codec = response_codec;
    endpoint->is_negotiated = head->accepts > 0;
    endpoint->has_job = false;
    metrics_count_format(request_codec->format);
    request_codec->begin(endpoint->decoder, head, &service->budget);
    return &endpoint->work;
}

struct work *endpoint_open(struct service *service, const struct head *head,
                           struct response *response)
{
    const struct codec *request_codec = codecs_for_request(head);
    if (request_codec == NULL) return refuse_content(response);
    const struct codec *response_codec = codecs_for_response(head, request_codec);
    if (response_codec == NULL) {
        char types[MEDIA_TYPES_MAX];
        codecs_print_media_types(request_codec, types, sizeof types);
        return refuse_accept(types, response);
    }
    if (request_codec->open != NULL) return request_codec->open(service, head, response);
    return endpoint_begin(service, head, request_codec, response_codec, response);
}

struct work *endpoint_open_partial(struct service *service, const struct head *head,
                                   struct response *response)
{
    const struct codec *request_codec = codecs_for_request(head);
    if (request_codec == NULL || request_codec->open != NULL) return refuse_content(response);
    if (head->accepts > 0 && head_quality(head, PARTIAL_MEDIA_TYPE) == 0) {
        return refuse_accept(PARTIAL_MEDIA_TYPE, response);
    }
    return endpoint_begin(service, head, request_codec, NULL, response);
}
