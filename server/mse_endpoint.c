/* mse_endpoint.c - POST /mse, from the first byte of the body to the answer. Knows nothing of HTTP. */
#include "mse_endpoint.h"

#include "json_problem.h"
#include "json_reader.h"
#include "mse_job.h"
#include "mse_reply.h"
#include "mse_request.h"

#include <stdlib.h>

struct endpoint {
    bool has_job; /* the body has been read, and made a job */
    struct mse_job job;
    struct json_reader reader;
};

void *mse_endpoint_open(struct service *service)
{
    struct endpoint *endpoint = malloc(sizeof *endpoint);
    if (endpoint == NULL) return NULL;
    endpoint->has_job = false;
    json_reader_init(&endpoint->reader, &service->budget);
    return endpoint;
}

void mse_endpoint_receive(void *state, const char *bytes, size_t length)
{
    struct endpoint *endpoint = state;
    json_reader_feed(&endpoint->reader, bytes, length);
}

static bool make_job(struct endpoint *endpoint, struct problem *problem)
{
    struct json_reader *reader = &endpoint->reader;
    struct mse_request request;
    json_reader_finish(reader);
    if (reader->error.fault != JSON_READER_NO_FAULT) {
        json_problem_set(problem, &reader->error);
        return false;
    }
    bool ok = mse_request_read(&request, reader, problem);
    if (ok) {
        mse_job_init(&endpoint->job, &request);
        endpoint->has_job = true;
    }
    mse_request_free(&request);
    return ok;
}

bool mse_endpoint_answer(void *state, struct service *service, struct answer *answer)
{
    (void)service;
    struct endpoint *endpoint = state;
    struct problem problem;
    if (endpoint->has_job || make_job(endpoint, &problem)) {
        switch (mse_job_step(&endpoint->job, &problem)) {
        case MSE_JOB_MORE:
            return false;
        case MSE_JOB_DONE:
            if (mse_reply_answer(&endpoint->job, answer)) return true;
            problem_set(&problem, PROBLEM_MEMORY_EXHAUSTED, "", "Try again when other requests have ended.");
            break;
        case MSE_JOB_BAD:
            break;
        }
    }
    problem_answer(&problem, answer);
    return true;
}

void mse_endpoint_close(void *state)
{
    struct endpoint *endpoint = state;
    if (endpoint == NULL) return;
    if (endpoint->has_job) mse_job_free(&endpoint->job);
    json_reader_free(&endpoint->reader);
    free(endpoint);
}
