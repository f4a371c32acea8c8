/* mse_endpoint.c - POST /mse, from the first byte of the body to the answer. Knows nothing of HTTP. */
#include "mse_endpoint.h"

#include "json_problem.h"
#include "json_reader.h"
#include "mse_reply.h"
#include "mse_request.h"

#include <stdlib.h>

void *mse_endpoint_open(struct service *service)
{
    struct json_reader *reader = malloc(sizeof *reader);
    if (reader != NULL) json_reader_init(reader, &service->budget);
    return reader;
}

void mse_endpoint_receive(void *state, const char *bytes, size_t length)
{
    json_reader_feed(state, bytes, length);
}

void mse_endpoint_answer(void *state, struct service *service, struct answer *answer)
{
    (void)service;
    struct json_reader *reader = state;
    struct mse_request request;
    struct problem problem;

    json_reader_finish(reader);
    if (reader->error.fault != JSON_READER_NO_FAULT) {
        json_problem_set(&problem, &reader->error);
        problem_answer(&problem, answer);
        return;
    }
    if (!mse_request_read(&request, reader, &problem) || !mse_reply_answer(&request, answer, &problem)) {
        problem_answer(&problem, answer);
    }
    mse_request_free(&request);
}

void mse_endpoint_close(void *state)
{
    if (state != NULL) json_reader_free(state);
    free(state);
}
