/* exchange.c - one request and its response, whatever carries them: what the head decides, where
 * the body goes, who responds, and what is counted and logged in the end. Knows nothing of sockets,
 * formats, or what a route does. */
#include "exchange.h"

#include "base/address.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/tokens.h"
#include "http/coding.h"
#include "http/problem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of a request's head. */
#define HEAD_MAX 32768

/* Bytes of a path that the access log shows. */
#define PATH_LOGGED_MAX 200

/* What the access log shows of a request. */
struct record {
    char method[16]; /* cut where it is longer; no method that we know is */
    char path[PATH_LOGGED_MAX];
    char peer[ADDRESS_TEXT_MAX];
    char trace_id[HEAD_TRACE_ID_LENGTH + 1];
};

struct exchange {
    struct service *service;
    const struct route *route; /* NULL: none, or the whole server, "*" */
    /* A problem as clients of the path read it; NULL: problem_respond. */
    void (*refuse)(const struct problem *problem, struct response *response);
    struct work *work; /* what reads the body; NULL: nothing does */
    bool has_response; /* it is decided; what still comes of the body is ignored */
    bool is_urgent;
    const char *allowed_origin; /* Access-Control-Allow-Origin; NULL: none */
    bool is_encoded;            /* the body has a content coding */
    enum coding response_coding;
    struct response response;

    uint64_t started; /* by clock_nanoseconds */
    uint64_t received;
    uint64_t decoded; /* of received: the same without its content coding */
    uint64_t sent;
    uint64_t elements;
    unsigned status; /* 0: not answered yet */
    struct record record;
};

/* ---- the head */

static void close_work(struct exchange *exchange)
{
    if (exchange->work != NULL) exchange->work->close(exchange->work);
    exchange->work = NULL;
}

/* The response stands in the exchange, whatever comes of the body. */
static void settle(struct exchange *exchange)
{
    exchange->has_response = true;
    if (exchange->allowed_origin != NULL) {
        cors_allow(exchange->allowed_origin, &exchange->response);
    }
    refusal_note(exchange->response.refusal);
    close_work(exchange);
}

static void settle_problem(struct exchange *exchange, const struct problem *problem)
{
    (exchange->refuse != NULL ? exchange->refuse : problem_respond)(problem, &exchange->response);
    settle(exchange);
}

static void refuse_coding(struct exchange *exchange)
{
    struct problem problem;
    problem_set(&problem, PROBLEM_UNSUPPORTED_MEDIA_TYPE, "",
                "The Content-Encoding must be one of: " CODING_NAMES "; or send none.");
    settle_problem(exchange, &problem);
    response_add(&exchange->response, "Accept-Encoding", CODING_NAMES);
}

static bool is_allowed(const struct route *route, const char *method)
{
    return strcmp(method, route->method) == 0 ||
           (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}

static void refuse_large_body(struct exchange *exchange)
{
    struct problem problem;
    problem_set(&problem, PROBLEM_BODY_TOO_LARGE, "",
                "The body exceeds the limit of %" PRIu64 " bytes.", exchange->service->max_body);
    settle_problem(exchange, &problem);
}

static void refuse_method(struct exchange *exchange)
{
    struct problem problem;
    problem_set(&problem, PROBLEM_METHOD_NOT_ALLOWED, "", "%s allows %s.", exchange->route->path,
                exchange->route->allow);
    settle_problem(exchange, &problem);
    response_add(&exchange->response, "Allow", exchange->route->allow);
}

/* Whether a token is required that the head does not have. */
static bool refuse_by_token(struct exchange *exchange, const struct head *head)
{
    struct tokens *tokens = exchange->service->tokens;
    struct problem problem;
    size_t length;
    if (tokens == NULL || !exchange->route->is_protected) return false;
    const char *token = head_bearer_token(head, &length);
    if (token != NULL && tokens_include(tokens, token, length)) return false;
    if (token == NULL) {
        problem_set(&problem, PROBLEM_UNAUTHORIZED, "",
                    "This path requires the header \"Authorization: Bearer TOKEN\".");
    } else {
        problem_set(&problem, PROBLEM_UNAUTHORIZED, "", "The bearer token is not valid.");
    }
    settle_problem(exchange, &problem);
    response_add(&exchange->response, "WWW-Authenticate",
                 token == NULL ? "Bearer realm=\"mse-server\""
                               : "Bearer realm=\"mse-server\", error=\"invalid_token\"");
    return true;
}

static void refuse_while_draining(struct exchange *exchange)
{
    struct problem problem;
    problem_set(&problem, PROBLEM_DRAINING, "",
                "The server is shutting down; send the request to another instance.");
    settle_problem(exchange, &problem);
}

/* Puts a decoder before the route's work. */
static void decode(struct exchange *exchange, enum coding coding)
{
    struct service *service = exchange->service;
    struct coding_terms terms = {.max_body = service->max_body,
                                 .budget = &service->budget,
                                 .refuse =
                                     exchange->refuse != NULL ? exchange->refuse : problem_respond,
                                 .decoded = &exchange->decoded};
    struct work *decoder = coding_decode(coding, exchange->work, &terms);
    if (decoder != NULL) {
        exchange->work = decoder;
        return;
    }
    struct problem problem;
    problem_set_out_of_memory(&problem);
    settle_problem(exchange, &problem);
}

/* Opens the route's work. Neither it nor the route knows of content codings. */
static void open_work(struct exchange *exchange, const struct head *head)
{
    struct service *service = exchange->service;
    enum coding coding = coding_of_request(head);
    if (coding == CODING_UNKNOWN) {
        refuse_coding(exchange);
        return;
    }
    exchange->work = exchange->route->open(service, head, &exchange->response);
    if (exchange->work == NULL) {
        settle(exchange);
        return;
    }
    if (service->compress) exchange->response_coding = coding_for_response(head);
    exchange->is_encoded = coding != CODING_IDENTITY;
    if (exchange->is_encoded) decode(exchange, coding);
}

static void open_route(struct exchange *exchange, const struct head *head)
{
    const struct route *route = exchange->route;
    struct service *service = exchange->service;
    if (!is_allowed(route, head->method)) {
        refuse_method(exchange);
    } else if (refuse_by_token(exchange, head)) {
        return;
    } else if (route->open != NULL && atomic_load(&service->draining)) {
        refuse_while_draining(exchange);
    } else if (head_body_length(head) > service->max_body) {
        refuse_large_body(exchange);
    } else if (route->respond != NULL) {
        route->respond(service, head, &exchange->response);
        settle(exchange);
    } else {
        open_work(exchange, head);
    }
}

static void respond_options(struct exchange *exchange, const struct head *head)
{
    const struct route *route = exchange->route;
    const char *allow = route != NULL ? route->allow : "GET, HEAD, POST, OPTIONS";
    response_begin(&exchange->response, 204);
    response_add(&exchange->response, "Allow", allow);
    if (exchange->allowed_origin != NULL) cors_allow_request(head, allow, &exchange->response);
    settle(exchange);
}

static void refuse_path(struct exchange *exchange)
{
    char paths[PROBLEM_DETAIL_MAX - 50];
    struct problem problem;
    route_print_paths(&exchange->service->routes, exchange->refuse, paths, sizeof paths);
    problem_set(&problem, PROBLEM_NOT_FOUND, "", "Nothing is at this path; the paths are %s.",
                paths);
    settle_problem(exchange, &problem);
}

/* Whether the head is refused whatever it asks for: the end of its body cannot be told, or its
 * connection is not served. */
static bool refuse_by_head(struct exchange *exchange, const struct head *head)
{
    struct problem problem;
    const char *fault = head_framing_fault(head);
    if (fault != NULL) {
        problem_set(&problem, PROBLEM_MALFORMED_HEADERS, "", "%s", fault);
    } else if (head->is_surplus) {
        problem_set(&problem, PROBLEM_TOO_MANY_CONNECTIONS, "",
                    "The server has reached its limit of connections; retry later.");
    } else if (head->size > HEAD_MAX) {
        problem_set(&problem, PROBLEM_HEADERS_TOO_LARGE, "",
                    "The request line and headers exceed the limit of %d bytes.", HEAD_MAX);
    } else {
        return false;
    }
    settle_problem(exchange, &problem);
    return true;
}

/* A refusal waits for the end of the body, since a response before it costs the connection, unless
 * the body is too large, or the client waits with it for a response. */
static void decide(struct exchange *exchange, const struct head *head)
{
    const char *path = head_path(head);
    exchange->allowed_origin = cors_allowed_origin(&exchange->service->cors, head);
    const struct route *near = route_near(&exchange->service->routes, path);
    exchange->route = route_find(&exchange->service->routes, path);
    exchange->refuse = near != NULL ? near->refuse : NULL;
    if (refuse_by_head(exchange, head)) {
        exchange->is_urgent = true;
        return;
    }
    bool is_options = strcmp(head->method, "OPTIONS") == 0;
    if (is_options && (exchange->route != NULL || strcmp(path, "*") == 0)) {
        respond_options(exchange, head);
    } else if (exchange->route == NULL) {
        refuse_path(exchange);
    } else {
        open_route(exchange, head);
    }
    exchange->is_urgent =
        exchange->has_response && exchange->response.status >= 400 &&
        (head_expects_continue(head) || head_body_length(head) > exchange->service->max_body);
}

/* Copies text, cut where it does not fit. */
static void copy_cut(char *copy, size_t size, const char *text)
{
    size_t length = strnlen(text, size - 1);
    memcpy(copy, text, length);
    copy[length] = '\0';
}

/* A target that is neither a path nor "*" may hold a password: http://user:password@host. */
static void copy_path(struct record *record, const struct head *head)
{
    const char *path = head_path(head);
    bool is_path = path[0] == '/' || strcmp(path, "*") == 0;
    copy_cut(record->path, sizeof record->path, is_path ? path : "-");
}

/* Keeps what is counted and logged in the end. */
static void keep_record(struct exchange *exchange, const struct head *head)
{
    struct record *record = &exchange->record;
    copy_cut(record->method, sizeof record->method, head->method);
    if (!exchange->service->access_log) return;
    copy_path(record, head);
    address_text(head->peer, record->peer);
    head_trace_id(head, record->trace_id);
}

struct exchange *exchange_open(struct service *service, const struct head *head)
{
    struct exchange *exchange = malloc(sizeof *exchange);
    if (exchange == NULL) return NULL;
    exchange->service = service;
    exchange->work = NULL;
    exchange->has_response = false;
    exchange->started = clock_nanoseconds();
    exchange->is_encoded = false;
    exchange->response_coding = CODING_IDENTITY;
    exchange->received = 0;
    exchange->decoded = 0;
    exchange->sent = 0;
    exchange->elements = 0;
    exchange->status = 0;
    atomic_fetch_add(&service->requests, 1);
    keep_record(exchange, head);
    decide(exchange, head);
    return exchange;
}

bool exchange_is_urgent(const struct exchange *exchange)
{
    return exchange->is_urgent;
}

/* ---- the body and the response */

size_t exchange_receive(struct exchange *exchange, const char *bytes, size_t length)
{
    struct work *work = exchange->work;
    if (work != NULL && length > exchange->service->max_body - exchange->received) {
        refuse_large_body(exchange);
        work = NULL;
    }
    size_t taken = work != NULL ? work->receive(work, bytes, length) : length;
    exchange->received += taken;
    if (!exchange->is_encoded) exchange->decoded += taken;
    /* The refusal counts now, and what the work holds is free; libmicrohttpd (0.9.75 and 1.0.1)
     * takes no response before the body's end. */
    if (work != NULL && work->is_refused != NULL && work->is_refused(work) &&
        work->respond(work, &exchange->response))
        settle(exchange);
    return taken;
}

/* Errors are never encoded: they are small, and must be readable whatever else is wrong. */
static void encode(struct exchange *exchange)
{
    struct service *service = exchange->service;
    struct response *response = &exchange->response;
    if (!service->compress || response->status != 200) return;
    response_add(response, "Vary", "Accept-Encoding");
    if (exchange->response_coding != CODING_IDENTITY)
        coding_encode(exchange->response_coding, response, &service->budget);
}

bool exchange_respond(struct exchange *exchange, struct response *response)
{
    if (!exchange->has_response) {
        if (!exchange->work->respond(exchange->work, &exchange->response)) return false;
        encode(exchange);
        settle(exchange);
    }
    *response = exchange->response;
    exchange->response.body = RESPONSE_EMPTY; /* it is the caller's now */
    response->is_last = atomic_load(&exchange->service->draining);
    exchange->status = response->status;
    exchange->elements = response->elements;
    return true;
}

void exchange_sent(struct exchange *exchange, size_t length)
{
    if (strcmp(exchange->record.method, "HEAD") != 0) exchange->sent += length;
}

/* ---- the end */

static unsigned label_of(const struct service *service, const struct route *route)
{
    return route == NULL ? METRICS_NO_ROUTE : (unsigned)(route - service->routes.routes) + 1;
}

static void note_end(const struct exchange *exchange, bool is_incomplete)
{
    const struct service *service = exchange->service;
    const struct record *record = &exchange->record;
    uint64_t ended = clock_nanoseconds();
    uint64_t nanoseconds = ended - exchange->started;
    metrics_count_request(&(struct metrics_request){.route = label_of(service, exchange->route),
                                                    .method = record->method,
                                                    .status = exchange->status,
                                                    .is_incomplete = is_incomplete,
                                                    .ended = ended,
                                                    .nanoseconds = nanoseconds,
                                                    .bytes_received = exchange->received,
                                                    .bytes_decoded = exchange->decoded,
                                                    .bytes_sent = exchange->sent,
                                                    .elements = exchange->elements});
    if (!service->access_log) return;
    log_request(&(struct log_request){.peer = record->peer,
                                      .method = record->method,
                                      .path = record->path,
                                      .trace_id = record->trace_id,
                                      .status = exchange->status,
                                      .is_incomplete = is_incomplete,
                                      .bytes_received = exchange->received,
                                      .bytes_decoded = exchange->decoded,
                                      .bytes_sent = exchange->sent,
                                      .elements = exchange->elements,
                                      .nanoseconds = nanoseconds});
}

void exchange_close(struct exchange *exchange, bool is_complete, unsigned status)
{
    if (exchange == NULL) return;
    bool is_responded = exchange->status != 0;
    if (!is_responded) exchange->status = status;
    note_end(exchange, is_responded && !is_complete);
    close_work(exchange);
    if (exchange->has_response) response_discard(&exchange->response);
    atomic_fetch_sub(&exchange->service->requests, 1);
    free(exchange);
}

void exchange_note(struct service *service, const struct sockaddr *peer, unsigned status)
{
    struct exchange exchange = {.service = service,
                                .started = clock_nanoseconds(),
                                .status = status,
                                .record = {.method = "-", .path = "-"}};
    if (service->access_log) address_text(peer, exchange.record.peer);
    note_end(&exchange, false);
}
