/* daemon.c - bytes in, bytes out: hands requests to exchange.c and gives their answers a form on
 * the wire. The only file that knows libmicrohttpd. */
#include "net/daemon.h"

#include "base/refusal.h"
#include "http/exchange.h"
#include "net/tls.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of a connection's memory pool: it bounds the headers, what one read takes in (half of it)
 * and what one write sends. libmicrohttpd clears all of it after each request, and a used
 * connection keeps it: less would make large requests slower, more small ones. */
#define POOL_SIZE ((size_t)64 * 1024)

_Static_assert(POOL_SIZE *CONNECTIONS_KEPT_MAX <= (size_t)96 << 20,
               "idle connections hold at most 96 MB of pools");

/* Connections that are taken beyond those that are served, to be told so; those beyond are closed
 * without a word. */
#define SURPLUS_MAX 64U

struct daemon {
    struct service *service;
    struct MHD_Daemon *daemon;
};

/* NULL where memory was short when it opened. */
static struct connection *connection_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* ---- the head of a request */

static enum MHD_Result note_header(void *context, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    (void)kind;
    head_add(context, name, value != NULL ? value : "");
    return MHD_YES;
}

/* Percent-decodes in place, except a path that would end early, at a NUL. */
static size_t unescape(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context;
    (void)connection;
    return strstr(text, "%00") != NULL ? strlen(text) : MHD_http_unescape(text);
}

/* ---- the answer */

/* A body that is written while it is sent. */
struct stream {
    struct response answer;
    struct exchange *exchange; /* lives as long as the stream is asked for more */
};

static ssize_t produce(void *context, uint64_t position, char *out, size_t room)
{
    struct stream *stream = context;
    (void)position;
    if (room < RESPONSE_ROOM_MIN) return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t length = stream->answer.next(stream->answer.source, out, room);
    exchange_sent(stream->exchange, length);
    return length > 0 ? (ssize_t)length : MHD_CONTENT_READER_END_OF_STREAM;
}

static void free_stream(void *context)
{
    struct stream *stream = context;
    stream->answer.release(stream->answer.source);
    free(stream);
}

/* Takes the answer's source. */
static struct MHD_Response *create_stream(const struct response *answer, struct exchange *exchange)
{
    struct MHD_Response *response = NULL;
    struct stream *stream = malloc(sizeof *stream);
    if (stream != NULL) {
        *stream = (struct stream){*answer, exchange};
        /* The block serves callers of HTTP/1.0 only: with chunks, bytes go straight to the
         * connection's pool. */
        response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4 * RESPONSE_ROOM_MIN,
                                                     produce, stream, free_stream);
    }
    if (response == NULL) {
        answer->release(answer->source);
        free(stream);
    }
    return response;
}

/* A body that is there. Takes the answer's text. */
static struct MHD_Response *create_whole(const struct response *answer, struct exchange *exchange)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        answer->length, answer->text,
        answer->constant ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_FREE);
    exchange_sent(exchange, answer->length);
    if (response == NULL && !answer->constant) free(answer->text);
    return response;
}

static void add_headers(struct MHD_Response *response, const struct response *answer)
{
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL,
                            answer->etag != NULL ? "no-cache" : "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (answer->media_type != NULL) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->media_type);
    }
    if (answer->allow != NULL)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, answer->allow);
    if (answer->authenticate != NULL) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, answer->authenticate);
    }
    if (answer->policy != NULL)
        MHD_add_response_header(response, "Content-Security-Policy", answer->policy);
    if (answer->etag != NULL) MHD_add_response_header(response, MHD_HTTP_HEADER_ETAG, answer->etag);
    if (answer->retry_after > 0) {
        char seconds[16];
        snprintf(seconds, sizeof seconds, "%u", answer->retry_after);
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    }
    if (answer->is_last) MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
}

static enum MHD_Result send_answer(struct daemon *http, struct exchange *exchange,
                                   struct MHD_Connection *connection)
{
    struct response answer;
    struct connection *link = connection_of(connection);
    if (!connections_begin_answer(link)) return MHD_NO;
    if (!exchange_respond(exchange, &answer)) {
        /* To the end of the queue: the event loop comes back when it has looked at all others. */
        MHD_suspend_connection(connection);
        MHD_resume_connection(connection);
        return MHD_YES;
    }
    answer.is_last = answer.is_last || !connections_keep(&http->service->connections, link);
    struct MHD_Response *response =
        answer.next != NULL ? create_stream(&answer, exchange) : create_whole(&answer, exchange);
    if (response == NULL) return MHD_NO; /* no memory for any answer: the connection is closed */

    add_headers(response, &answer);
    enum MHD_Result result = MHD_queue_response(connection, answer.status, response);
    MHD_destroy_response(response);
    return result;
}

/* ---- a request's life */

/* The first line of a request has come in. */
static void *begin_request(void *context, const char *uri, struct MHD_Connection *connection)
{
    struct daemon *http = context;
    (void)uri;
    connections_begin_request(&http->service->connections, connection_of(connection));
    return NULL; /* no exchange yet */
}

static struct exchange *begin(struct daemon *http, struct MHD_Connection *connection,
                              const char *target, const char *method, const char *version)
{
    struct connection *link = connection_of(connection);
    struct head head = {
        .method = method,
        .target = target,
        .version = version,
        .size = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)
                    ->header_size,
        .peer =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr,
        .is_surplus = link != NULL && link->is_surplus};
    MHD_get_connection_values(connection, MHD_HEADER_KIND, note_header, &head);
    return exchange_open(http->service, &head);
}

/* libmicrohttpd calls this when the head has come, for each piece of the body, and at its end. An
 * answer given to the first of these calls refuses the body and costs the connection; none can be
 * given while a piece is delivered. */
static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *target,
                              const char *method, const char *version, const char *bytes,
                              size_t *length, void **exchange)
{
    struct daemon *http = context;
    if (*exchange == NULL) {
        *exchange = begin(http, connection, target, method, version);
        if (*exchange == NULL) return MHD_NO;
        return exchange_is_urgent(*exchange) ? send_answer(http, *exchange, connection) : MHD_YES;
    }
    if (*length == 0) return send_answer(http, *exchange, connection);
    exchange_receive(*exchange, bytes, *length);
    *length = 0;
    return MHD_YES;
}

/* The answer is sent, or the connection lost. */
static void complete(void *context, struct MHD_Connection *connection, void **exchange,
                     enum MHD_RequestTerminationCode reason)
{
    struct daemon *http = context;
    (void)reason;
    connections_end_request(&http->service->connections, connection_of(connection));
    if (*exchange == NULL) return;
    exchange_close(*exchange);
    *exchange = NULL;
}

/* The connection begins its handshake with the certificate of now. */
static void encrypt(struct daemon *http, struct MHD_Connection *connection, struct connection *link)
{
    if (http->service->tls == NULL || link == NULL) return;
    void *session =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session;
    link->pair = tls_begin(http->service->tls, session);
}

/* A connection opens or closes. */
static void notice(void *context, struct MHD_Connection *connection, void **link,
                   enum MHD_ConnectionNotificationCode code)
{
    struct daemon *http = context;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        struct connection *closed = *link;
        if (closed != NULL) tls_end(closed->pair);
        connections_close(&http->service->connections, closed);
    } else {
        int socket =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        *link = connections_open(&http->service->connections, socket);
        encrypt(http, connection, *link);
    }
}

/* ---- start and stop */

struct daemon *daemon_start(struct service *service, unsigned threads)
{
    struct daemon *http = malloc(sizeof *http);
    if (http == NULL) return NULL;
    http->service = service;
    unsigned flags =
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET;
    if (service->tls != NULL)
        flags |= MHD_USE_TLS; /* without it the options of HTTPS mean nothing */
    http->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, handle, http, MHD_OPTION_HTTPS_PRIORITIES, TLS_PRIORITIES,
        MHD_OPTION_HTTPS_CERT_CALLBACK, tls_refuse, MHD_OPTION_NOTIFY_CONNECTION, notice, http,
        MHD_OPTION_URI_LOG_CALLBACK, begin_request, http, MHD_OPTION_NOTIFY_COMPLETED, complete,
        http, MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        POOL_SIZE, MHD_OPTION_CONNECTION_LIMIT, (unsigned)service->connections.max + SURPLUS_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, (service->connections.idle_timeout + 999) / 1000,
        MHD_OPTION_THREAD_POOL_SIZE, threads > 1 ? threads : 0, MHD_OPTION_END);
    if (http->daemon == NULL) {
        free(http);
        return NULL;
    }
    return http;
}

void daemon_take(struct daemon *http, int socket, const struct sockaddr *peer,
                 socklen_t peer_length)
{
    if (MHD_add_connection(http->daemon, socket, peer, peer_length) == MHD_NO)
        refusal_note(METRICS_REFUSED_CONNECTIONS);
}

void daemon_stop(struct daemon *http)
{
    MHD_stop_daemon(http->daemon);
    free(http);
}
