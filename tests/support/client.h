/* client.h - requests through libcurl, and what a response must look like. One connection, kept as
 * long as it can be. */
#ifndef CLIENT_H
#define CLIENT_H

#include "support/service.h"
#include "support/text.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <stdint.h>

/* The least that POST /mse takes, and its response. */
extern const char good_body[], good_response[];

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

struct response {
    long status;
    struct text headers; /* all of them, each line with its CR LF */
    struct text body;
};

void client_init(struct client *client, const struct service *service);
void client_free(struct client *client);

/* Fails the test where no response comes. The caller frees it. */
struct response client_send(struct client *client, struct request request);

/* Posts a text to /mse as application/json. */
struct response client_post(struct client *client, const char *body);

/* Whether the server runs on a libmicrohttpd below 1.0, which reads heads otherwise, and on which a
 * chunked body is the last of its connection. */
bool client_has_old_library(struct client *client);

/* A sample without labels of /metrics. */
uint64_t client_metric(struct client *client, const char *name);

/* Posts a text and fails the test unless the response is 200 and exactly this text. */
void client_expect(struct client *client, const char *body, const char *expected);

void response_free(struct response *response);

/* The value of the header field, to value; false where there is none. */
bool response_header(const struct response *response, const char *name, char *value, size_t size);

/* Fails the test unless the header field has this value. */
void response_has_header(const struct response *response, const char *name, const char *value);

/* Fails the test unless the response is 200, application/json, and exactly this text. */
void response_is(const struct response *response, const char *text);

/* Fails the test unless the response is this problem in every member that RFC 9457 and the contract
 * ask for. pointer NULL and offset -1 mean that there is none. */
void response_is_problem(const struct response *response, int status, const char *slug,
                         const char *pointer, long offset);

/* As response_is_problem, whatever the pointer and the offset are. The caller deletes the document.
 */
cJSON *response_problem(const struct response *response, int status, const char *slug);

/* Fail the test unless the response is the expected one, and free it. */
void response_expect(struct response response, const char *text);
void response_expect_status(struct response response, long status);
void response_expect_problem(struct response response, int status, const char *slug,
                             const char *pointer, long offset);

#endif
