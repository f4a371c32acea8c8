/* daemon.c - bytes in, bytes out: hands requests to exchange.c and gives their responses a form on
 * the wire. With quirks.c the only file that knows libmicrohttpd. */
#include "net/daemon.h"

#include "base/refusal.h"
#include "exchange.h"
#include "net/quirks.h"
#include "net/tls.h"

#include <inttypes.h>
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
    struct connections *connections;
    struct tls *tls; /* NULL: connections are not encrypted */
    struct MHD_Daemon *mhd;
};

/* NULL where memory was short when it opened. */
static struct connection *connection_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* ---- the head of a request */

/* Percent-decodes the path in place, unless it would end early, at a NUL. What stands before it in
 * an absolute target stays as it is: a password with a "%2F" would be taken for the path. */
static size_t unescape(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context;
    (void)connection;
    char *authority = strstr(text, "://");
    char *path = text[0] == '/' ? text : authority != NULL ? strchr(authority + 3, '/') : NULL;
    if (path == NULL || strstr(path, "%00") != NULL) return strlen(text);
    return (size_t)(path - text) + MHD_http_unescape(path);
}

/* ---- the response */

/* Bytes that are produced at a time of a body of known length. */
#define BLOCK ((size_t)32 * 1024)

/* A body that is produced while it is sent, or lies in memory until it has been. */
struct stream {
    struct response response;
    struct exchange *exchange; /* lives for as long as the stream is asked for more */
};

static ssize_t produce(void *context, uint64_t position, char *out, size_t room)
{
    struct stream *stream = context;
    (void)position;
    if (stream->response.length == RESPONSE_LENGTH_UNKNOWN && room < RESPONSE_ROOM_MIN)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t length = stream->response.produce(stream->response.source, out, room);
    exchange_sent(stream->exchange, length);
    return length > 0 ? (ssize_t)length : MHD_CONTENT_READER_END_OF_STREAM;
}

static void free_stream(void *context)
{
    struct stream *stream = context;
    response_discard(&stream->response);
    free(stream);
}

/* Takes the response's source. */
static struct MHD_Response *create_produced(struct response *response, struct exchange *exchange)
{
    struct MHD_Response *created = NULL;
    struct stream *stream = malloc(sizeof *stream);
    if (stream != NULL) {
        *stream = (struct stream){*response, exchange};
        /* With chunks, bytes go straight to the connection's pool: the block then serves clients of
         * HTTP/1.0 only. */
        bool is_known = response->length != RESPONSE_LENGTH_UNKNOWN;
        created = MHD_create_response_from_callback(is_known ? response->length : MHD_SIZE_UNKNOWN,
                                                    is_known ? BLOCK : 4 * RESPONSE_ROOM_MIN,
                                                    produce, stream, free_stream);
    }
    if (created == NULL) {
        response_discard(response);
        free(stream);
    }
    return created;
}

/* Takes the response's source. libmicrohttpd copies the list of the parts. */
static struct MHD_Response *create_memory(struct response *response, struct exchange *exchange)
{
    struct MHD_IoVec parts[RESPONSE_PARTS_MAX];
    struct MHD_Response *created = NULL;
    struct stream *stream = malloc(sizeof *stream);
    for (size_t i = 0; i < response->part_count; i++) {
        parts[i] = (struct MHD_IoVec){response->parts[i].bytes, response->parts[i].length};
    }
    if (stream != NULL) {
        *stream = (struct stream){*response, exchange};
        created = MHD_create_response_from_iovec(parts, (unsigned)response->part_count, free_stream,
                                                 stream);
        exchange_sent(exchange, response->length);
    }
    if (created == NULL) {
        response_discard(response);
        free(stream);
    }
    return created;
}

/* Takes the response's text. */
static struct MHD_Response *create_buffered(struct response *response, struct exchange *exchange)
{
    struct MHD_Response *created = MHD_create_response_from_buffer(
        response->length, response->text,
        response->body == RESPONSE_WHOLE ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    exchange_sent(exchange, response->length);
    if (created == NULL) response_discard(response);
    return created;
}

static struct MHD_Response *create(struct response *response, struct exchange *exchange)
{
    switch (response->body) {
    case RESPONSE_EMPTY:
    case RESPONSE_CONSTANT:
    case RESPONSE_WHOLE:
        return create_buffered(response, exchange);
    case RESPONSE_PRODUCED:
        return create_produced(response, exchange);
    case RESPONSE_MEMORY:
        return create_memory(response, exchange);
    }
    return NULL;
}

static void add_headers(struct MHD_Response *created, const struct response *response)
{
    if (response_find_header(response, MHD_HTTP_HEADER_CACHE_CONTROL) == NULL) {
        MHD_add_response_header(created, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    }
    MHD_add_response_header(created, "X-Content-Type-Options", "nosniff");
    for (size_t i = 0; i < response->header_count; i++) {
        const struct response_header *header = &response->headers[i];
        char number[sizeof "18446744073709551615"];
        if (header->value == NULL) snprintf(number, sizeof number, "%" PRIu64, header->number);
        MHD_add_response_header(created, header->name,
                                header->value != NULL ? header->value : number);
    }
    if (response->is_last) MHD_add_response_header(created, MHD_HTTP_HEADER_CONNECTION, "close");
}

/* Puts a connection at the end of its event loop's queue: the loop comes back to it, whether or not
 * anything happens on it, when it has looked at all others. */
static void yield(struct MHD_Connection *connection)
{
    MHD_suspend_connection(connection);
    MHD_resume_connection(connection);
}

static enum MHD_Result respond(struct daemon *daemon, struct exchange *exchange,
                               struct MHD_Connection *connection)
{
    struct response response;
    struct connection *own = connection_of(connection);
    if (!connections_begin_response(daemon->connections, own)) return MHD_NO;
    if (!exchange_respond(exchange, &response)) {
        yield(connection);
        return MHD_YES;
    }
    response.is_last =
        response.is_last || own->is_last || !connections_keep(daemon->connections, own);
    unsigned status = response.status;
    struct MHD_Response *created = create(&response, exchange);
    if (created == NULL) return MHD_NO; /* no memory for any response: the connection is closed */

    add_headers(created, &response);
    enum MHD_Result result = MHD_queue_response(connection, status, created);
    MHD_destroy_response(created);
    return result;
}

/* ---- a request's life */

/* The first line of a request has come in. */
static void *begin_request(void *context, const char *uri, struct MHD_Connection *connection)
{
    struct daemon *daemon = context;
    struct connection *own = connection_of(connection);
    connections_begin_request(daemon->connections, own);
    if (own == NULL) return NULL;
    own->is_recorded = false;
    quirks_begin_request(connection, own, uri);
    return NULL; /* no exchange yet */
}

static const struct sockaddr *peer_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
}

static struct exchange *open_exchange(struct daemon *daemon, struct MHD_Connection *connection,
                                      const char *target, const char *method, const char *version)
{
    struct connection *own = connection_of(connection);
    if (own == NULL) return NULL;
    struct head head = {
        .method = method,
        .target = target,
        .version = version,
        .size = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)
                    ->header_size,
        .peer = peer_of(connection),
        .is_surplus = own->is_surplus};
    quirks_read_head(connection, own, &head);
    own->exchange = exchange_open(daemon->service, &head);
    return own->exchange;
}

/* libmicrohttpd calls this when the head has come, for each piece of the body, and at its end. A
 * response to the first of these calls refuses the body and costs the connection; none can be given
 * while a piece is delivered. */
static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *target,
                              const char *method, const char *version, const char *bytes,
                              size_t *length, void **exchange)
{
    struct daemon *daemon = context;
    if (*exchange == NULL) {
        *exchange = open_exchange(daemon, connection, target, method, version);
        if (*exchange == NULL) return MHD_NO;
        return exchange_is_urgent(*exchange) ? respond(daemon, *exchange, connection) : MHD_YES;
    }
    /* 0.9.75 calls so between a 100 (Continue) to a request without a body and the request that is
     * pipelined behind it, where it takes no response yet. */
    if (bytes != NULL && *length == 0) return MHD_YES;
    if (bytes == NULL) return respond(daemon, *exchange, connection);
    *length -= exchange_receive(*exchange, bytes, *length);
    if (*length > 0) yield(connection);
    return MHD_YES;
}

/* The status of a response that was not the exchange's: connections_expire's, or libmicrohttpd's to
 * what is no HTTP; 0 if there was none. */
static unsigned status_of(struct MHD_Connection *connection, const struct connection *own)
{
    if (connections_timed_out(own)) return 408;
    const union MHD_ConnectionInfo *status =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_HTTP_STATUS);
    return status != NULL ? status->http_status : 0;
}

/* Counts and logs the request, its exchange being closed, if there is one. */
static void record(struct daemon *daemon, struct MHD_Connection *connection, struct connection *own,
                   bool is_complete)
{
    unsigned status = status_of(connection, own);
    own->is_recorded = true;
    if (own->exchange == NULL && status == 0) return; /* nothing was said */
    if (own->exchange != NULL) {
        exchange_close(own->exchange, is_complete, status);
    } else {
        exchange_note(daemon->service, peer_of(connection), status);
    }
    own->exchange = NULL;
}

/* The response is sent, or the connection lost. */
static void complete(void *context, struct MHD_Connection *connection, void **exchange,
                     enum MHD_RequestTerminationCode code)
{
    struct daemon *daemon = context;
    struct connection *own = connection_of(connection);
    connections_end_request(daemon->connections, own);
    if (own != NULL) record(daemon, connection, own, code == MHD_REQUEST_TERMINATED_COMPLETED_OK);
    *exchange = NULL;
}

/* The connection begins its handshake with the current certificate. */
static void encrypt(struct daemon *daemon, struct MHD_Connection *connection,
                    struct connection *own)
{
    if (daemon->tls == NULL || own == NULL) return;
    void *session =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session;
    own->pair = tls_begin(daemon->tls, session);
}

static void open_connection(struct daemon *daemon, struct MHD_Connection *connection, void **own)
{
    int socket = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    *own = connections_open(daemon->connections, socket);
    encrypt(daemon, connection, *own);
}

static void close_connection(struct daemon *daemon, struct MHD_Connection *connection,
                             struct connection *own)
{
    if (own == NULL) return;
    /* 1.0.1 never completes a request with a chunk extension that its buffer cannot hold: it
     * prepares a 413, drops it, and closes the connection when that is shut down. */
    if (own->exchange != NULL || (connections_timed_out(own) && !own->is_recorded))
        record(daemon, connection, own, false);
    tls_end(own->pair);
    connections_close(daemon->connections, own);
}

static void notify(void *context, struct MHD_Connection *connection, void **own,
                   enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        close_connection(context, connection, *own);
    } else {
        open_connection(context, connection, own);
    }
}

/* ---- start and stop */

const char *daemon_library(void)
{
    return MHD_get_version();
}

bool daemon_is_unsafe(void)
{
    return quirks_are_unsafe();
}

struct daemon *daemon_start(struct service *service, struct connections *connections,
                            struct tls *tls, unsigned threads)
{
    struct daemon *daemon = malloc(sizeof *daemon);
    if (daemon == NULL) return NULL;
    *daemon = (struct daemon){.service = service, .connections = connections, .tls = tls};
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
                     MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG;
    if (tls != NULL) flags |= MHD_USE_TLS; /* without it the options of HTTPS mean nothing */
    daemon->mhd = MHD_start_daemon(
        flags, 0, NULL, NULL, handle, daemon, MHD_OPTION_ARRAY, quirks_options,
        MHD_OPTION_HTTPS_PRIORITIES, TLS_PRIORITIES, MHD_OPTION_HTTPS_CERT_CALLBACK, tls_refuse,
        MHD_OPTION_NOTIFY_CONNECTION, notify, daemon, MHD_OPTION_URI_LOG_CALLBACK, begin_request,
        daemon, MHD_OPTION_NOTIFY_COMPLETED, complete, daemon, MHD_OPTION_UNESCAPE_CALLBACK,
        unescape, NULL, MHD_OPTION_CONNECTION_MEMORY_LIMIT, POOL_SIZE, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)connections->max + SURPLUS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        0U, /* connections_expire knows more */
        MHD_OPTION_THREAD_POOL_SIZE, threads > 1 ? threads : 0, MHD_OPTION_END);
    if (daemon->mhd == NULL) {
        free(daemon);
        return NULL;
    }
    return daemon;
}

void daemon_take(struct daemon *daemon, int socket, const struct sockaddr *peer,
                 socklen_t peer_length)
{
    if (MHD_add_connection(daemon->mhd, socket, peer, peer_length) == MHD_NO) {
        refusal_note(REFUSAL_CONNECTIONS);
    }
}

void daemon_stop(struct daemon *daemon)
{
    MHD_stop_daemon(daemon->mhd);
    free(daemon);
}
