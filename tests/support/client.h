/* client.h - requests through libcurl, and what an answer must look like. One connection, kept as
 * long as it can be. */
#ifndef CLIENT_H
#define CLIENT_H

#include "support/service.h"
#include "support/text.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <stdint.h>

struct client {
    CURL *curl;
    const struct service *service;
    int connections;               /* opened so far */
    void (*configure)(CURL *curl); /* sets further options before each request; NULL: none */
};

/* What to ask. Members that are NULL or 0 mean: POST where there is a body, else GET; /mse; no such
 * header; a body of known length. A body with length 0 is its strlen. */
struct request {
    const char *method;
    const char *path; /* as it goes to the wire */
    const char *body;
    size_t length;
    const char *content_type;
    const char *accept;
    bool chunked;
    const char *headers[4]; /* more of them, "Name: value" each */
};

struct reply {
    long status;
    struct text headers; /* all of them, each line with its CR LF */
    struct text body;
};

void client_init(struct client *client, const struct service *service);
void client_free(struct client *client);

/* Fails the test where no answer comes. The caller frees the reply. */
struct reply client_send(struct client *client, struct request request);

/* Posts a text to /mse as application/json. */
struct reply client_post(struct client *client, const char *body);

/* A sample without labels of /metrics. */
uint64_t client_metric(struct client *client, const char *name);

/* Posts a text and fails the test unless the answer is 200 and exactly this text. */
void client_expect(struct client *client, const char *body, const char *answer);

void reply_free(struct reply *reply);

/* The value of the header field, to value; false where there is none. */
bool reply_header(const struct reply *reply, const char *name, char *value, size_t size);

/* Fails the test unless the header field has this value. */
void reply_has_header(const struct reply *reply, const char *name, const char *value);

/* Fails the test unless the answer is 200, application/json, and exactly this text. */
void reply_is(const struct reply *reply, const char *text);

/* Fails the test unless the answer is this problem in every member that RFC 9457 and the contract
 * ask for. pointer NULL and offset -1 mean that there is none. */
void reply_is_problem(const struct reply *reply, int status, const char *slug, const char *pointer,
                      long offset);

/* As reply_is_problem, whatever the pointer and the offset are. The caller deletes the document. */
cJSON *reply_problem(const struct reply *reply, int status, const char *slug);

#endif
