/* codec.h - the formats of POST /mse: what lies between the bytes of a body and the numbers of a
 * request or a result. A new format is one value of struct codec, in a file of its own, and one row
 * in codecs.c. */
#ifndef CODEC_H
#define CODEC_H

#include "base/metrics.h"
#include "http/head.h"
#include "http/problem.h"
#include "http/response.h"
#include "loss/job.h"
#include "loss/request.h"

#include <stdbool.h>
#include <stddef.h>

struct service;
struct work;

struct codec {
    enum metrics_format format;  /* as metrics call it */
    const char *media_type;      /* of a response */
    const char *const *requests; /* Content-Types of requests, NULL at their end */
    bool takes_unnamed;          /* also requests without a Content-Type */

    bool sends_memory; /* wants results of a job that negates: see job_init */

    /* A format whose body is more than one request opens the work on it here, or returns NULL and
     * has set *response; it goes with no other format, and has nothing of what follows. NULL: one
     * body is one request. */
    struct work *(*open)(struct service *service, const struct head *head,
                         struct response *response);

    /* A decoder takes the bytes of a body, cut anywhere, and keeps the numbers only. It occupies
     * decoder_size bytes, aligned for any type, which begin() initialises; the head is needed
     * during that call only. end() frees what it holds, whatever came before. receive() takes all
     * that it is offered, or the first part where that is a lot of work, and returns how much.
     * After the last byte finish() moves the numbers to a request that request_init has
     * initialised; false: *problem says what is wrong with the body. */
    size_t decoder_size;
    void (*begin)(void *decoder, const struct head *head, struct tensor_budget *budget);
    size_t (*receive)(void *decoder, const char *bytes, size_t length);
    bool (*finish)(void *decoder, struct request *request, struct problem *problem);
    void (*end)(void *decoder);

    /* Says what is wrong with the numbers of a request in this format's words. */
    void (*explain)(const struct request *request, const struct request_fault *fault,
                    struct problem *problem);

    /* Makes a response of a result, which it takes: status, body, and what headers that needs.
     * decoder is that of the request if it was in this format, else NULL; it may be asked what it
     * has kept. Allocates nothing that grows with the number of elements. false: no memory. */
    bool (*respond)(struct result *result, const void *decoder, struct response *response);

    /* A problem as clients of this format read it. */
    void (*refuse)(const struct problem *problem, struct response *response);

    /* Whether the decoder was refused memory, so that finish() fails whatever comes. NULL: it
     * cannot tell before finish(). */
    bool (*is_refused)(const void *decoder);
};

/* The last byte has been received: makes a job of what a decoder of the request's codec has read,
 * whose result is for the response's; NULL: for a partial. false: *problem says what is wrong, and
 * there is no job. */
bool codec_make_job(const struct codec *request_codec, const struct codec *response_codec,
                    void *decoder, struct job *job, struct problem *problem);

/* The words that all formats share for a fault, and for one of the whole the pointer, too. noun is
 * what an input is called ("member"), place how the element at fault is called ("/targets/3"), and
 * pointer the problem's pointer, which may be empty. */
void codec_explain(const struct request *request, const struct request_fault *fault,
                   const char *noun, const char *place, const char *pointer,
                   struct problem *problem);

#endif
