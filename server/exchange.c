/* exchange.c - one request and its answer, whatever carries them: what the head decides, where the body goes, who
 * answers. Knows nothing of sockets, or of what a route does. */
#include "exchange.h"

#include "media_type.h"
#include "problem.h"
#include "routes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Bytes of a request's head. */
#define HEAD_MAX 32768

struct exchange {
    struct service *service;
    const struct route *route; /* NULL: none, or the whole server, "*" */
    bool is_options;
    bool is_refused; /* with refusal; the body is read, and forgotten */
    bool is_urgent;
    void *state; /* the route's */
    uint64_t received;
    struct problem refusal;
};

/* ---- the head */

static bool is_equal(const char *header, const char *value)
{
    return header != NULL && strcasecmp(header, value) == 0;
}

/* The path of a target, which may be in absolute form: http://host/path. */
static const char *path_of(const char *target)
{
    const char *authority = strstr(target, "://");
    if (target[0] == '/' || authority == NULL) return target;
    const char *path = strchr(authority + 3, '/');
    return path != NULL ? path : "/";
}

/* The body's length if the head tells it, else 0. Where it is no number the carrier has refused it. */
static uint64_t length_of(const struct exchange_head *head)
{
    return head->content_length != NULL ? strtoull(head->content_length, NULL, 10) : 0;
}

/* What is wrong with how the request is framed (RFC 9112, sections 3.2 and 6), or NULL. Who reads such a request
 * otherwise than a proxy before us has read it can be made to take one request for two. */
static const char *framing_fault(const struct exchange_head *head)
{
    bool is_1_1 = strcmp(head->version, "HTTP/1.1") == 0;
    if (is_1_1 && head->hosts == 0) return "Send a Host header.";
    if (head->hosts > 1) return "Send one Host header only.";
    if (head->content_lengths > 1) return "Send one Content-Length header only.";
    if (head->transfer_encodings == 0) return NULL;
    if (head->content_lengths > 0) return "Send Content-Length or Transfer-Encoding, not both.";
    if (head->transfer_encodings > 1 || !is_equal(head->transfer_encoding, "chunked") || !is_1_1) {
        return "Send the body with a Content-Length, or with HTTP/1.1 and Transfer-Encoding: chunked.";
    }
    return NULL;
}

/* JSON under its own name, under none, or under the one that curl -d gives everything. */
static bool is_supported(const struct exchange_head *head)
{
    const char *type = head->content_type;
    if (head->content_encoding != NULL && !is_equal(head->content_encoding, "identity")) return false;
    return type == NULL || media_type_is(type, "application/json") ||
           media_type_is(type, "application/x-www-form-urlencoded");
}

static bool is_acceptable(const struct exchange_head *head, const char *media_type)
{
    struct media_type_choice choice = {0};
    for (unsigned i = 0; i < head->accepts; i++) media_type_choose(&choice, head->accept[i], media_type);
    return media_type_acceptable(&choice);
}

static bool is_allowed(const struct route *route, const char *method)
{
    return strcmp(method, route->method) == 0 || (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}

static void refuse_large_body(struct exchange *exchange)
{
    exchange->is_refused = true;
    problem_set(&exchange->refusal, PROBLEM_BODY_TOO_LARGE, "", "Send a body of at most %" PRIu64 " bytes.",
                exchange->service->max_body);
}

/* Whether the head alone decides against a request to a route; if so, refusal says why. */
static bool refuse_by_route(struct exchange *exchange, const struct exchange_head *head)
{
    const struct route *route = exchange->route;
    struct problem *refusal = &exchange->refusal;
    bool works = route->open != NULL;

    if (!is_allowed(route, head->method)) {
        problem_set(refusal, PROBLEM_METHOD_NOT_ALLOWED, "", "Use one of %s for %s.", route->allow, route->path);
    } else if (works && atomic_load(&exchange->service->draining)) {
        problem_set(refusal, PROBLEM_DRAINING, "", "Send the request again, to another instance.");
    } else if (length_of(head) > exchange->service->max_body) {
        refuse_large_body(exchange);
    } else if (works && !is_supported(head)) {
        problem_set(refusal, PROBLEM_UNSUPPORTED_MEDIA_TYPE, "",
                    "Send the body as application/json, without a Content-Encoding.");
    } else if (works && !is_acceptable(head, route->media_type)) {
        problem_set(refusal, PROBLEM_NOT_ACCEPTABLE, "", "Accept %s: %s has nothing else.", route->media_type,
                    route->path);
    } else if (works && (exchange->state = route->open(exchange->service)) == NULL) {
        problem_set(refusal, PROBLEM_MEMORY_EXHAUSTED, "", "Try again when other requests have ended.");
    } else {
        return false;
    }
    return true;
}

/* Sets what the head decides. A refusal waits for the end of the body, since an answer before it costs the connection,
 * unless the body's end cannot be told, or it is too large, or the caller waits for leave to send it. */
static void decide(struct exchange *exchange, const struct exchange_head *head)
{
    const char *path = path_of(head->target);
    const char *fault = framing_fault(head);

    exchange->route = routes_find(path);
    exchange->is_options = strcmp(head->method, "OPTIONS") == 0;
    exchange->is_refused = true;
    if (fault != NULL) {
        problem_set(&exchange->refusal, PROBLEM_MALFORMED_HEADERS, "", "%s", fault);
        exchange->is_urgent = true;
        return;
    }
    if (head->is_surplus) {
        problem_set(&exchange->refusal, PROBLEM_TOO_MANY_CONNECTIONS, "",
                    "Connect again later, or keep fewer connections.");
        exchange->is_urgent = true;
        return;
    }
    if (head->size > HEAD_MAX) {
        problem_set(&exchange->refusal, PROBLEM_HEADERS_TOO_LARGE, "", "Send at most %d bytes of headers.", HEAD_MAX);
        exchange->is_urgent = true;
        return;
    }
    if (exchange->route == NULL) {
        exchange->is_refused = !(exchange->is_options && strcmp(path, "*") == 0);
        problem_set(&exchange->refusal, PROBLEM_NOT_FOUND, "", "Use one of the paths there are: %s.", routes_paths());
    } else {
        exchange->is_refused = !exchange->is_options && refuse_by_route(exchange, head);
    }
    exchange->is_urgent = exchange->is_refused &&
                          (is_equal(head->expect, "100-continue") || length_of(head) > exchange->service->max_body);
}

struct exchange *exchange_open(struct service *service, const struct exchange_head *head)
{
    struct exchange *exchange = malloc(sizeof *exchange);
    if (exchange == NULL) return NULL;
    exchange->service = service;
    exchange->is_urgent = false;
    exchange->state = NULL;
    exchange->received = 0;
    decide(exchange, head);
    return exchange;
}

bool exchange_is_urgent(const struct exchange *exchange)
{
    return exchange->is_urgent;
}

/* ---- the body and the answer */

static void close_state(struct exchange *exchange)
{
    if (exchange->state != NULL) exchange->route->close(exchange->state);
    exchange->state = NULL;
}

void exchange_receive(struct exchange *exchange, const char *bytes, size_t length)
{
    exchange->received += length;
    if (exchange->is_refused) return;
    if (exchange->received > exchange->service->max_body) {
        refuse_large_body(exchange);
        close_state(exchange);
    } else if (exchange->state != NULL) {
        exchange->route->receive(exchange->state, bytes, length);
    }
}

void exchange_answer(struct exchange *exchange, struct answer *answer)
{
    const struct route *route = exchange->route;
    if (exchange->is_refused) {
        problem_answer(&exchange->refusal, answer);
        if (exchange->refusal.type == PROBLEM_METHOD_NOT_ALLOWED) answer->allow = route->allow;
    } else if (exchange->is_options) {
        *answer = (struct answer){.status = 204, .allow = route != NULL ? route->allow : "GET, HEAD, POST, OPTIONS"};
    } else {
        route->answer(exchange->state, exchange->service, answer);
    }
    answer->is_last = atomic_load(&exchange->service->draining);
    close_state(exchange);
}

void exchange_close(struct exchange *exchange)
{
    if (exchange != NULL) close_state(exchange);
    free(exchange);
}
