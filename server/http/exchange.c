/* exchange.c - one request and its answer, whatever carries them: what the head decides, where the
 * body goes, who answers. Knows nothing of sockets, or of what a route does. */
#include "http/exchange.h"

#include "base/address.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/refusal.h"
#include "base/system.h"
#include "base/tokens.h"
#include "http/problem.h"
#include "page/page.h"
#include "routes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of a request's head. */
#define HEAD_MAX 32768

/* Bytes of a path that the access log shows. */
#define PATH_LOGGED_MAX 200

struct exchange {
    struct service *service;
    const struct route *route;    /* NULL: none, or the whole server, "*" */
    const struct page_file *page; /* what the route of pages found, or NULL */
    bool is_options;
    bool is_refused; /* with refusal; the body is read, and forgotten */
    bool is_urgent;
    void *state;           /* the route's */
    const char *challenge; /* WWW-Authenticate, of a refusal for want of a token */
    struct problem refusal;

    /* For metrics and the access log: */
    uint64_t started; /* by system_nanoseconds */
    uint64_t received;
    uint64_t sent;
    uint64_t elements;
    unsigned status; /* 0: not answered yet */
    char method[16]; /* cut where it is longer; no method that we know is */
    char path[PATH_LOGGED_MAX];
    char peer[ADDRESS_TEXT_MAX];
    char trace_id[HEAD_TRACE_ID_LENGTH + 1];
};

/* ---- the head */

static bool is_allowed(const struct route *route, const char *method)
{
    return strcmp(method, route->method) == 0 ||
           (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}

static void refuse_large_body(struct exchange *exchange)
{
    exchange->is_refused = true;
    problem_set(&exchange->refusal, PROBLEM_BODY_TOO_LARGE, "",
                "Send a body of at most %" PRIu64 " bytes.", exchange->service->max_body);
}

/* Whether a token is wanted that the head does not have. */
static bool refuse_by_token(struct exchange *exchange, const struct head *head)
{
    struct tokens *tokens = exchange->service->tokens;
    if (tokens == NULL || !exchange->route->is_protected) return false;
    size_t length;
    const char *token = head_bearer_token(head, &length);
    if (token == NULL) {
        exchange->challenge = "Bearer realm=\"mse-server\"";
        problem_set(&exchange->refusal, PROBLEM_UNAUTHORIZED, "",
                    "Send the header \"Authorization: Bearer TOKEN\", with a token that this "
                    "server knows.");
        return true;
    }
    if (tokens_include(tokens, token, length)) return false;
    exchange->challenge = "Bearer realm=\"mse-server\", error=\"invalid_token\"";
    problem_set(&exchange->refusal, PROBLEM_UNAUTHORIZED, "",
                "Send a token that this server knows, not this one.");
    return true;
}

/* Whether the head alone decides against a request to a route; if so, refusal says why. */
static bool refuse_by_route(struct exchange *exchange, const struct head *head)
{
    const struct route *route = exchange->route;
    struct problem *refusal = &exchange->refusal;
    bool works = route->open != NULL;

    if (!is_allowed(route, head->method)) {
        problem_set(refusal, PROBLEM_METHOD_NOT_ALLOWED, "", "Use one of %s for %s.", route->allow,
                    route->path);
    } else if (refuse_by_token(exchange, head)) {
        return true;
    } else if (works && atomic_load(&exchange->service->draining)) {
        problem_set(refusal, PROBLEM_DRAINING, "", "Send the request again, to another instance.");
    } else if (head_body_length(head) > exchange->service->max_body) {
        refuse_large_body(exchange);
    } else if (works && !head_is_json(head)) {
        problem_set(refusal, PROBLEM_UNSUPPORTED_MEDIA_TYPE, "",
                    "Send the body as application/json, without a Content-Encoding.");
    } else if (works && !head_accepts(head, route->media_type)) {
        problem_set(refusal, PROBLEM_NOT_ACCEPTABLE, "", "Accept %s: %s has nothing else.",
                    route->media_type, route->path);
    } else if (works && (exchange->state = route->open(exchange->service)) == NULL) {
        problem_set(refusal, PROBLEM_MEMORY_EXHAUSTED, "",
                    "Try again when other requests have ended.");
    } else {
        return false;
    }
    return true;
}

/* Whether the head is refused whatever it asks for: its body's end cannot be told, or the
 * connection is not served. */
static bool refuse_by_head(struct exchange *exchange, const struct head *head)
{
    struct problem *refusal = &exchange->refusal;
    const char *fault = head_framing_fault(head);
    if (fault != NULL) {
        problem_set(refusal, PROBLEM_MALFORMED_HEADERS, "", "%s", fault);
    } else if (head->is_surplus) {
        problem_set(refusal, PROBLEM_TOO_MANY_CONNECTIONS, "",
                    "Connect again later, or keep fewer connections.");
    } else if (head->size > HEAD_MAX) {
        problem_set(refusal, PROBLEM_HEADERS_TOO_LARGE, "", "Send at most %d bytes of headers.",
                    HEAD_MAX);
    } else {
        return false;
    }
    return true;
}

/* Sets what the head decides. A refusal by the route waits for the end of the body, since an answer
 * before it costs the connection, unless the body is too large, or the caller waits for leave to
 * send it. */
static void decide(struct exchange *exchange, const struct head *head)
{
    const char *path = head_path(head);
    exchange->page = page_find(path);
    exchange->route = exchange->page != NULL ? &routes_page : routes_find(path);
    exchange->is_options = strcmp(head->method, "OPTIONS") == 0;
    exchange->is_urgent = refuse_by_head(exchange, head);
    exchange->is_refused = exchange->is_urgent;
    if (exchange->is_urgent) return;

    if (exchange->route == NULL) {
        exchange->is_refused = !(exchange->is_options && strcmp(path, "*") == 0);
        problem_set(&exchange->refusal, PROBLEM_NOT_FOUND, "",
                    "Use one of the paths there are: %s.", routes_paths());
    } else {
        exchange->is_refused = !exchange->is_options && refuse_by_route(exchange, head);
    }
    exchange->is_urgent =
        exchange->is_refused &&
        (head_awaits_leave(head) || head_body_length(head) > exchange->service->max_body);
}

/* Copies text, cut where it does not fit. */
static void copy_cut(char *copy, size_t size, const char *text)
{
    size_t length = strnlen(text, size - 1);
    memcpy(copy, text, length);
    copy[length] = '\0';
}

/* What must outlive the head, so that the end of the exchange can be told. */
static void remember(struct exchange *exchange, const struct head *head)
{
    exchange->started = system_nanoseconds();
    exchange->received = 0;
    exchange->sent = 0;
    exchange->elements = 0;
    exchange->status = 0;
    copy_cut(exchange->method, sizeof exchange->method, head->method);
    if (!exchange->service->access_log) return;
    copy_cut(exchange->path, sizeof exchange->path, head->target);
    address_text(head->peer, exchange->peer);
    head_trace_id(head, exchange->trace_id);
}

struct exchange *exchange_open(struct service *service, const struct head *head)
{
    struct exchange *exchange = malloc(sizeof *exchange);
    if (exchange == NULL) return NULL;
    exchange->service = service;
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

static void answer_page(const struct page_file *page, struct response *answer)
{
    *answer = (struct response){.status = 200,
                                .media_type = page->media_type,
                                .policy = PAGE_POLICY,
                                .etag = page->etag,
                                .text = (char *)page->bytes,
                                .constant = true,
                                .length = page->length};
}

bool exchange_respond(struct exchange *exchange, struct response *answer)
{
    const struct route *route = exchange->route;
    if (exchange->is_refused) {
        problem_respond(&exchange->refusal, answer);
        if (exchange->refusal.type == PROBLEM_METHOD_NOT_ALLOWED) answer->allow = route->allow;
        answer->authenticate = exchange->challenge;
    } else if (exchange->is_options) {
        *answer = (struct response){
            .status = 204, .allow = route != NULL ? route->allow : "GET, HEAD, POST, OPTIONS"};
    } else if (exchange->page != NULL) {
        answer_page(exchange->page, answer);
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
    if (strcmp(exchange->method, "HEAD") != 0) exchange->sent += length;
}

static void tell_end(const struct exchange *exchange)
{
    uint64_t nanoseconds = system_nanoseconds() - exchange->started;
    metrics_count_request(&(struct metrics_request){
        .route = exchange->route != NULL ? exchange->route->label : METRICS_NO_ROUTE,
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
