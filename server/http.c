/* http.c - bytes in, bytes out: leads requests to their routes and gives answers their form on the wire. The only file
 * that knows libmicrohttpd; knows nothing of what a route does. */
#include "http.h"

#include "media_type.h"
#include "problem.h"
#include "routes.h"

#include <errno.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* Bytes of a connection's memory pool: its header limit, and about twice what one read takes in and one write sends. */
#define POOL_SIZE ((size_t)128 * 1024)

#define CONNECTIONS_MAX 10000U

/* Seconds after which a connection on which nothing moves is closed. */
#define IDLE_TIMEOUT 75U

struct http {
    struct service *service;
    struct MHD_Daemon *daemon;
    atomic_size_t requests;
};

/* A request, from its headers to the last byte of its answer. */
struct exchange {
    struct http *http;
    const struct route *route; /* NULL: the whole server, "*" */
    bool is_options;
    bool is_refused; /* with refusal; the body is read, and forgotten */
    void *state;     /* the route's */
    uint64_t received;
    struct problem refusal;
};

/* ---- the headers */

static const char *header(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* The body's length if the headers tell it, else 0. libmicrohttpd has refused what is no number. */
static uint64_t content_length(struct MHD_Connection *connection)
{
    const char *length = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return length != NULL ? strtoull(length, NULL, 10) : 0;
}

/* JSON under its own name, under none, or under the one that curl -d gives everything. */
static bool is_supported(struct MHD_Connection *connection)
{
    const char *type = header(connection, MHD_HTTP_HEADER_CONTENT_TYPE);
    const char *coding = header(connection, MHD_HTTP_HEADER_CONTENT_ENCODING);
    if (coding != NULL && strcasecmp(coding, "identity") != 0) return false;
    return type == NULL || media_type_is(type, "application/json") ||
           media_type_is(type, "application/x-www-form-urlencoded");
}

struct accept_search {
    struct media_type_choice choice;
    const char *media_type;
};

static enum MHD_Result choose_if_accept(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct accept_search *search = context;
    (void)kind;
    if (value != NULL && strcasecmp(name, MHD_HTTP_HEADER_ACCEPT) == 0) {
        media_type_choose(&search->choice, value, search->media_type);
    }
    return MHD_YES;
}

static bool is_acceptable(struct MHD_Connection *connection, const char *media_type)
{
    struct accept_search search = {.media_type = media_type};
    MHD_get_connection_values(connection, MHD_HEADER_KIND, choose_if_accept, &search);
    return media_type_acceptable(&search.choice);
}

static bool is_method_allowed(const struct route *route, const char *method)
{
    return strcmp(method, route->method) == 0 ||
           (strcmp(method, MHD_HTTP_METHOD_HEAD) == 0 && strcmp(route->method, MHD_HTTP_METHOD_GET) == 0);
}

static void refuse_large_body(struct exchange *exchange)
{
    problem_set(&exchange->refusal, PROBLEM_BODY_TOO_LARGE, "", "Send a body of at most %" PRIu64 " bytes.",
                exchange->http->service->max_body);
    exchange->is_refused = true;
}

/* Whether the headers alone decide against a request to a route; if so, refusal says why. */
static bool is_refused_by_headers(struct exchange *exchange, struct MHD_Connection *connection, const char *method)
{
    const struct route *route = exchange->route;
    struct problem *refusal = &exchange->refusal;
    struct service *service = exchange->http->service;

    if (!is_method_allowed(route, method)) {
        problem_set(refusal, PROBLEM_METHOD_NOT_ALLOWED, "", "Use one of %s for %s.", route->allow, route->path);
    } else if (route->open != NULL && atomic_load(&service->draining)) {
        problem_set(refusal, PROBLEM_DRAINING, "", "Send the request again, to another instance.");
    } else if (content_length(connection) > service->max_body) {
        refuse_large_body(exchange);
    } else if (route->open != NULL && !is_supported(connection)) {
        problem_set(refusal, PROBLEM_UNSUPPORTED_MEDIA_TYPE, "",
                    "Send the body as application/json, without a Content-Encoding.");
    } else if (!is_acceptable(connection, route->media_type)) {
        problem_set(refusal, PROBLEM_NOT_ACCEPTABLE, "", "Accept %s: %s has nothing else.", route->media_type,
                    route->path);
    } else if (route->open != NULL && (exchange->state = route->open(service)) == NULL) {
        problem_set(refusal, PROBLEM_MEMORY_EXHAUSTED, "", "Try again when other requests have ended.");
    } else {
        return false;
    }
    return true;
}

/* ---- the answer */

static ssize_t produce(void *context, uint64_t position, char *out, size_t room)
{
    struct answer *answer = context;
    (void)position;
    if (room < ANSWER_ROOM_MIN) return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t length = answer->next(answer->source, out, room);
    return length > 0 ? (ssize_t)length : MHD_CONTENT_READER_END_OF_STREAM;
}

static void release_source(void *context)
{
    struct answer *answer = context;
    answer->release(answer->source);
    free(answer);
}

/* A body that is written while it is sent. Takes the answer's source. */
static struct MHD_Response *create_stream(const struct answer *answer)
{
    struct MHD_Response *response = NULL;
    struct answer *copy = malloc(sizeof *copy);
    if (copy != NULL) {
        *copy = *answer;
        /* The block serves callers of HTTP/1.0 only: with chunks, bytes go straight to the connection's pool. */
        response =
            MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4 * ANSWER_ROOM_MIN, produce, copy, release_source);
    }
    if (response == NULL) {
        answer->release(answer->source);
        free(copy);
    }
    return response;
}

/* A body that is there. Takes the answer's text. */
static struct MHD_Response *create_whole(const struct answer *answer)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        answer->length, answer->text, answer->constant ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_FREE);
    if (response == NULL && !answer->constant) free(answer->text);
    return response;
}

static void add_headers(struct MHD_Response *response, const struct answer *answer, bool is_last)
{
    if (answer->media_type != NULL) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->media_type);
    }
    if (answer->allow != NULL) MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, answer->allow);
    if (answer->retry_after > 0) {
        char seconds[16];
        snprintf(seconds, sizeof seconds, "%u", answer->retry_after);
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    }
    if (is_last) MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
}

/* Fills the answer to a request that has been read to its end, or refused. */
static void answer_exchange(struct exchange *exchange, struct answer *answer)
{
    const struct route *route = exchange->route;
    if (exchange->is_refused) {
        problem_answer(&exchange->refusal, answer);
        if (exchange->refusal.type == PROBLEM_METHOD_NOT_ALLOWED) answer->allow = route->allow;
    } else if (exchange->is_options) {
        *answer = (struct answer){.status = MHD_HTTP_NO_CONTENT, .allow = "GET, HEAD, POST, OPTIONS"};
        if (route != NULL) answer->allow = route->allow;
    } else {
        route->answer(exchange->state, exchange->http->service, answer);
    }
}

static enum MHD_Result send_answer(struct exchange *exchange, struct MHD_Connection *connection)
{
    struct answer answer;
    answer_exchange(exchange, &answer);
    struct MHD_Response *response = answer.next != NULL ? create_stream(&answer) : create_whole(&answer);
    if (response == NULL) return MHD_NO; /* no memory for any answer: the connection is closed */

    add_headers(response, &answer, atomic_load(&exchange->http->service->draining));
    enum MHD_Result result = MHD_queue_response(connection, answer.status, response);
    MHD_destroy_response(response);
    return result;
}

/* ---- a request's life */

static void close_state(struct exchange *exchange)
{
    if (exchange->state != NULL) exchange->route->close(exchange->state);
    exchange->state = NULL;
}

/* The headers have come. A refusal waits for the end of the body, since an answer before it costs the connection,
 * unless the caller waits for leave to send the body, or announces one that is too large. */
static enum MHD_Result begin(struct http *http, struct MHD_Connection *connection, const char *path, const char *method,
                             void **context)
{
    struct exchange *exchange = malloc(sizeof *exchange);
    if (exchange == NULL) return MHD_NO;
    *context = exchange;
    atomic_fetch_add(&http->requests, 1);

    exchange->http = http;
    exchange->route = routes_find(path);
    exchange->is_options = strcmp(method, MHD_HTTP_METHOD_OPTIONS) == 0;
    exchange->is_refused = false;
    exchange->state = NULL;
    exchange->received = 0;
    if (exchange->route == NULL) {
        exchange->is_refused = !(exchange->is_options && strcmp(path, "*") == 0);
        problem_set(&exchange->refusal, PROBLEM_NOT_FOUND, "", "Use one of the paths there are: %s.", routes_paths());
    } else if (!exchange->is_options) {
        exchange->is_refused = is_refused_by_headers(exchange, connection, method);
    }
    if (!exchange->is_refused) return MHD_YES;

    const char *expect = header(connection, MHD_HTTP_HEADER_EXPECT);
    bool awaits_leave = expect != NULL && strcasecmp(expect, "100-continue") == 0;
    if (!awaits_leave && content_length(connection) <= http->service->max_body) return MHD_YES;
    return send_answer(exchange, connection);
}

static void receive_body(struct exchange *exchange, const char *bytes, size_t length)
{
    exchange->received += length;
    if (exchange->is_refused) return;
    if (exchange->received > exchange->http->service->max_body) {
        refuse_large_body(exchange);
        close_state(exchange);
    } else if (exchange->state != NULL) {
        exchange->route->receive(exchange->state, bytes, length);
    }
}

/* libmicrohttpd calls this when the headers have come, for each piece of the body, and at its end. */
static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *path, const char *method,
                              const char *version, const char *bytes, size_t *length, void **exchange)
{
    (void)version;
    if (*exchange == NULL) return begin(context, connection, path, method, exchange);
    if (*length > 0) {
        receive_body(*exchange, bytes, *length);
        *length = 0;
        return MHD_YES;
    }
    enum MHD_Result result = send_answer(*exchange, connection);
    close_state(*exchange);
    return result;
}

/* The answer is sent, or the connection lost. */
static void complete(void *context, struct MHD_Connection *connection, void **exchange,
                     enum MHD_RequestTerminationCode reason)
{
    struct http *http = context;
    (void)connection;
    (void)reason;
    if (*exchange == NULL) return;
    close_state(*exchange);
    free(*exchange);
    *exchange = NULL;
    atomic_fetch_sub(&http->requests, 1);
}

/* Percent-decodes in place, except a path that would end early, at a NUL. */
static size_t unescape(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context;
    (void)connection;
    return strstr(text, "%00") != NULL ? strlen(text) : MHD_http_unescape(text);
}

/* ---- start and stop */

struct http *http_start(struct service *service, unsigned threads)
{
    struct http *http = malloc(sizeof *http);
    if (http == NULL) return NULL;
    http->service = service;
    atomic_init(&http->requests, 0);
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_NO_LISTEN_SOCKET;
    http->daemon =
        MHD_start_daemon(flags, 0, NULL, NULL, handle, http, MHD_OPTION_NOTIFY_COMPLETED, complete, http,
                         MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL, MHD_OPTION_CONNECTION_MEMORY_LIMIT, POOL_SIZE,
                         MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT,
                         MHD_OPTION_THREAD_POOL_SIZE, threads > 1 ? threads : 0, MHD_OPTION_END);
    if (http->daemon == NULL) {
        free(http);
        return NULL;
    }
    return http;
}

void http_take(struct http *http, int socket, const struct sockaddr *peer, socklen_t peer_length)
{
    MHD_add_connection(http->daemon, socket, peer, peer_length);
}

size_t http_requests(struct http *http)
{
    return atomic_load(&http->requests);
}

void http_stop(struct http *http)
{
    MHD_stop_daemon(http->daemon);
    free(http);
}
