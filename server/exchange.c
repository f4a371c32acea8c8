/* exchange.c - one request and its answer, whatever carries them: what the head decides, where the body goes, who
 * answers. Knows nothing of sockets, or of what a route does. */
#include "exchange.h"

#include "address.h"
#include "log.h"
#include "machine.h"
#include "media_type.h"
#include "metrics.h"
#include "problem.h"
#include "refusal.h"
#include "routes.h"
#include "tokens.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Bytes of a request's head. */
#define HEAD_MAX 32768

/* Bytes of a path that the access log shows. */
#define PATH_LOGGED_MAX 200

/* Hexadecimal digits of a W3C trace id. */
#define TRACE_ID_LENGTH 32

struct exchange {
    struct service *service;
    const struct route *route; /* NULL: none, or the whole server, "*" */
    bool is_options;
    bool is_refused; /* with refusal; the body is read, and forgotten */
    bool is_urgent;
    void *state;           /* the route's */
    const char *challenge; /* WWW-Authenticate, of a refusal for want of a token */
    struct problem refusal;

    /* For metrics and the access log: */
    uint64_t started; /* by machine_nanoseconds */
    uint64_t received;
    uint64_t sent;
    uint64_t elements;
    unsigned status; /* 0: not answered yet */
    char method[16]; /* cut where it is longer; no method that we know is */
    char path[PATH_LOGGED_MAX];
    char peer[ADDRESS_TEXT_MAX];
    char trace_id[TRACE_ID_LENGTH + 1];
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

/* The token of an Authorization header, or NULL: none, or of another scheme (RFC 6750, section 2.1). */
static const char *bearer_token(const char *authorization, size_t *length)
{
    static const char scheme[] = "Bearer ";
    if (authorization == NULL || strncasecmp(authorization, scheme, sizeof scheme - 1) != 0) return NULL;
    const char *token = authorization + sizeof scheme - 1;
    token += strspn(token, " ");
    *length = strlen(token);
    while (*length > 0 && (token[*length - 1] == ' ' || token[*length - 1] == '\t')) --*length;
    return *length > 0 ? token : NULL;
}

/* Whether a token is wanted that the head does not have. */
static bool refuse_by_token(struct exchange *exchange, const struct exchange_head *head)
{
    struct tokens *tokens = exchange->service->tokens;
    if (tokens == NULL || !exchange->route->is_protected) return false;
    size_t length;
    const char *token = bearer_token(head->authorization, &length);
    if (token == NULL) {
        exchange->challenge = "Bearer realm=\"mse-server\"";
        problem_set(&exchange->refusal, PROBLEM_UNAUTHORIZED, "",
                    "Send the header \"Authorization: Bearer TOKEN\", with a token that this server knows.");
        return true;
    }
    if (tokens_include(tokens, token, length)) return false;
    exchange->challenge = "Bearer realm=\"mse-server\", error=\"invalid_token\"";
    problem_set(&exchange->refusal, PROBLEM_UNAUTHORIZED, "", "Send a token that this server knows, not this one.");
    return true;
}

/* Whether the head alone decides against a request to a route; if so, refusal says why. */
static bool refuse_by_route(struct exchange *exchange, const struct exchange_head *head)
{
    const struct route *route = exchange->route;
    struct problem *refusal = &exchange->refusal;
    bool works = route->open != NULL;

    if (!is_allowed(route, head->method)) {
        problem_set(refusal, PROBLEM_METHOD_NOT_ALLOWED, "", "Use one of %s for %s.", route->allow, route->path);
    } else if (refuse_by_token(exchange, head)) {
        return true;
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

/* Copies the trace id of a traceparent header, 00-<trace id>-<parent id>-<flags>, if it has the form; else nothing. */
static void copy_trace_id(char id[static TRACE_ID_LENGTH + 1], const char *traceparent)
{
    id[0] = '\0';
    if (traceparent == NULL || strlen(traceparent) < 3 + TRACE_ID_LENGTH + 1) return;
    const char *start = traceparent + 3;
    if (start[-1] != '-' || start[TRACE_ID_LENGTH] != '-') return;
    for (int i = 0; i < TRACE_ID_LENGTH; i++) {
        if (!isxdigit((unsigned char)start[i])) return;
    }
    memcpy(id, start, TRACE_ID_LENGTH);
    id[TRACE_ID_LENGTH] = '\0';
}

/* What must outlive the head, so that the end of the exchange can be told. */
static void remember(struct exchange *exchange, const struct exchange_head *head)
{
    exchange->started = machine_nanoseconds();
    exchange->received = 0;
    exchange->sent = 0;
    exchange->elements = 0;
    exchange->status = 0;
    snprintf(exchange->method, sizeof exchange->method, "%s", head->method);
    if (!exchange->service->access_log) return;
    snprintf(exchange->path, sizeof exchange->path, "%s", head->target);
    address_text(head->peer, exchange->peer);
    copy_trace_id(exchange->trace_id, head->traceparent);
}

struct exchange *exchange_open(struct service *service, const struct exchange_head *head)
{
    struct exchange *exchange = malloc(sizeof *exchange);
    if (exchange == NULL) return NULL;
    exchange->service = service;
    exchange->is_urgent = false;
    exchange->challenge = NULL;
    exchange->state = NULL;
    atomic_fetch_add(&service->requests, 1);
    remember(exchange, head);
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
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a state was opened by its route */
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

/* Takes note of an answer that says that the server would not, not that the request was wrong. */
static void note_refusal(const struct exchange *exchange, unsigned status)
{
    if (status == 401) refusal_note(METRICS_REFUSED_TOKEN);
    if (status == 413) refusal_note(METRICS_REFUSED_BODY);
    if (status == 431) refusal_note(METRICS_REFUSED_HEADERS);
    if (status != 503) return;
    if (!exchange->is_refused) {
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): who is not refused has a route */
        if (exchange->route->open != NULL) refusal_note(METRICS_REFUSED_MEMORY);
    } else if (exchange->refusal.type == PROBLEM_DRAINING) {
        refusal_note(METRICS_REFUSED_DRAINING);
    } else if (exchange->refusal.type == PROBLEM_TOO_MANY_CONNECTIONS) {
        refusal_note(METRICS_REFUSED_CONNECTIONS);
    } else {
        refusal_note(METRICS_REFUSED_MEMORY);
    }
}

bool exchange_answer(struct exchange *exchange, struct answer *answer)
{
    const struct route *route = exchange->route;
    if (exchange->is_refused) {
        problem_answer(&exchange->refusal, answer);
        if (exchange->refusal.type == PROBLEM_METHOD_NOT_ALLOWED) answer->allow = route->allow;
        answer->authenticate = exchange->challenge;
    } else if (exchange->is_options) {
        *answer = (struct answer){.status = 204, .allow = route != NULL ? route->allow : "GET, HEAD, POST, OPTIONS"};
    } else if (!route->answer(exchange->state, exchange->service, answer)) {
        return false;
    }
    answer->is_last = atomic_load(&exchange->service->draining);
    exchange->status = answer->status;
    exchange->elements = answer->elements;
    note_refusal(exchange, answer->status);
    close_state(exchange);
    return true;
}

void exchange_sent(struct exchange *exchange, size_t length)
{
    exchange->sent += length;
}

static void tell_end(const struct exchange *exchange)
{
    uint64_t nanoseconds = machine_nanoseconds() - exchange->started;
    metrics_count_request(
        &(struct metrics_request){.route = exchange->route != NULL ? exchange->route->label : METRICS_NO_ROUTE,
                                  .method = exchange->method,
                                  .status = exchange->status,
                                  .nanoseconds = nanoseconds,
                                  .bytes_received = exchange->received,
                                  .bytes_sent = exchange->sent,
                                  .elements = exchange->elements});
    if (!exchange->service->access_log) return;
    log_request(&(struct log_request){.peer = exchange->peer,
                                      .method = exchange->method,
                                      .path = exchange->path,
                                      .trace_id = exchange->trace_id,
                                      .status = exchange->status,
                                      .bytes_received = exchange->received,
                                      .bytes_sent = exchange->sent,
                                      .elements = exchange->elements,
                                      .nanoseconds = nanoseconds});
}

void exchange_close(struct exchange *exchange)
{
    if (exchange == NULL) return;
    tell_end(exchange);
    close_state(exchange);
    atomic_fetch_sub(&exchange->service->requests, 1);
    free(exchange);
}
