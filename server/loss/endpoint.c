/* endpoint.c - POST /mse, from the first byte of the body to the answer. Knows nothing of HTTP. */
#include "loss/endpoint.h"

#include "loss/job.h"
#include "loss/reply.h"
#include "loss/request.h"
#include "json/json_problem.h"
#include "json/json_reader.h"

#include <stdlib.h>

struct endpoint {
    bool has_job; /* the body has been read, and made a job */
    struct job job;
    struct json_reader reader;
};

void *endpoint_open(struct service *service)
{
    struct endpoint *endpoint = malloc(sizeof *endpoint);
    if (endpoint == NULL) return NULL;
    endpoint->has_job = false;
    json_reader_init(&endpoint->reader, &service->budget);
    return endpoint;
}

void endpoint_receive(void *state, const char *bytes, size_t length)
{
    struct endpoint *endpoint = state;
    json_reader_feed(&endpoint->reader, bytes, length);
}

static bool make_job(struct endpoint *endpoint, struct problem *problem)
{
    struct json_reader *reader = &endpoint->reader;
    struct request request;
    json_reader_finish(reader);
    if (reader->error.fault != JSON_READER_NO_FAULT) {
        json_problem_set(problem, &reader->error);
        return false;
    }
    bool ok = request_read(&request, reader, problem);
    if (ok) {
        job_init(&endpoint->job, &request);
        endpoint->has_job = true;
    }
    request_free(&request);
    return ok;
}

bool endpoint_respond(void *state, struct service *service, struct response *answer)
{
    (void)service;
    struct endpoint *endpoint = state;
    struct problem problem;
    if (endpoint->has_job || make_job(endpoint, &problem)) {
        switch (job_step(&endpoint->job, &problem)) {
        case JOB_MORE:
            return false;
        case JOB_DONE:
            if (reply_answer(&endpoint->job, answer)) return true;
            problem_set(&problem, PROBLEM_MEMORY_EXHAUSTED, "",
                        "Try again when other requests have ended.");
            break;
        case JOB_BAD:
            break;
        }
    }
    problem_respond(&problem, answer);
    return true;
}

void endpoint_close(void *state)
{
    struct endpoint *endpoint = state;
    if (endpoint == NULL) return;
    if (endpoint->has_job) job_free(&endpoint->job);
    json_reader_free(&endpoint->reader);
    free(endpoint);
}
