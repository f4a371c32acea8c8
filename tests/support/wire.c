/* wire.c - a connection byte by byte, for what libcurl hides: how a request is cut, interim
 * responses, pipelining. */
#include "support/wire.h"

#include "support/cmocka_all.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define TIMEOUT_SECONDS 120 /* ends a test that hangs; nothing waits for it otherwise */

bool wire_try_connect(struct wire *wire, const struct service *service)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *address;
    const int one = 1;
    const struct timeval timeout = {.tv_sec = TIMEOUT_SECONDS};

    assert_int_equal(getaddrinfo(service->host, service->port, &hints, &address), 0);
    *wire = (struct wire){.socket = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_true(wire->socket >= 0);
    setsockopt(wire->socket, IPPROTO_TCP, TCP_NODELAY, &one,
               sizeof one); /* each send goes out by itself */
    setsockopt(wire->socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(wire->socket, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    bool connected = connect(wire->socket, address->ai_addr, address->ai_addrlen) == 0;
    freeaddrinfo(address);
    if (!connected) close(wire->socket);
    return connected;
}

void wire_connect(struct wire *wire, const struct service *service)
{
    if (!wire_try_connect(wire, service)) fail_msg("cannot connect to %s", service->url);
}

bool wire_try_send(struct wire *wire, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(wire->socket, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

void wire_send(struct wire *wire, const char *bytes, size_t length)
{
    if (!wire_try_send(wire, bytes, length))
        fail_msg("the connection ended before %zu bytes were sent", length);
}

void wire_print(struct wire *wire, const char *format, ...)
{
    char *bytes;
    va_list arguments;

    va_start(arguments, format);
    int length = vasprintf(&bytes, format, arguments);
    va_end(arguments);
    assert_true(length >= 0);
    wire_send(wire, bytes, (size_t)length);
    free(bytes);
}

void wire_post(struct wire *wire, const char *headers, const char *body)
{
    wire_print(wire, "POST /mse HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n%s\r\n%s",
               strlen(body), headers, body);
}

void wire_chunk(struct wire *wire, const char *bytes, size_t length)
{
    struct text chunk = {0};
    text_printf(&chunk, "%zx\r\n", length);
    text_append(&chunk, bytes, length);
    text_append(&chunk, "\r\n", 2);
    wire_send(wire, chunk.bytes, chunk.length);
    text_free(&chunk);
}

/* Appends what comes next; false at the end of the connection. */
static bool receive(struct wire *wire)
{
    char bytes[1 << 16];
    ssize_t length = recv(wire->socket, bytes, sizeof bytes, 0);
    if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        fail_msg("nothing came in %d s", TIMEOUT_SECONDS);
    if (length > 0) text_append(&wire->received, bytes, (size_t)length);
    return length > 0;
}

/* Waits until length bytes are there, and moves them to text. */
static void take(struct wire *wire, struct text *text, size_t length)
{
    while (wire->received.length < length)
        if (!receive(wire)) fail_msg("the connection ended within a response");
    text_append(text, wire->received.bytes, length);
    wire->received.length -= length;
    memmove(wire->received.bytes, wire->received.bytes + length, wire->received.length);
}

/* Moves everything up to end, and end itself. */
static void take_until(struct wire *wire, struct text *text, const char *end)
{
    const char *found = NULL;
    while (!wire->received.bytes ||
           !(found = memmem(wire->received.bytes, wire->received.length, end, strlen(end)))) {
        if (!receive(wire)) fail_msg("the connection ended before a response was complete");
    }
    take(wire, text, (size_t)(found - wire->received.bytes) + strlen(end));
}

static void take_chunks(struct wire *wire, struct text *body)
{
    size_t length;
    do {
        struct text line = {0};
        char *end;
        take_until(wire, &line, "\r\n");
        length = strtoul(line.bytes, &end, 16);
        if (end == line.bytes) fail_msg("no chunk: %s", line.bytes);
        text_free(&line);
        take(wire, body, length);
        take_until(wire, &line, "\r\n");
        assert_int_equal(line.length, 2);
        text_free(&line);
    } while (length > 0);
}

void wire_await(struct wire *wire)
{
    if (wire->received.length == 0 && !receive(wire))
        fail_msg("the connection ended where a response was to come");
}

struct response wire_response(struct wire *wire, bool to_head)
{
    struct response response = {0};
    char value[64];

    take_until(wire, &response.headers, "\r\n\r\n");
    if (sscanf(response.headers.bytes, "HTTP/1.%*1[01] %3ld", &response.status) != 1)
        fail_msg("no response: %s", response.headers.bytes);
    text_append(&response.body, "", 0);
    if (to_head || response.status < 200 || response.status == 204) return response;
    if (response_header(&response, "Transfer-Encoding", value, sizeof value)) {
        assert_string_equal(value, "chunked");
        take_chunks(wire, &response.body);
    } else if (response_header(&response, "Content-Length", value, sizeof value)) {
        take(wire, &response.body, strtoul(value, NULL, 10));
    } else {
        while (receive(wire)) {
        }
        take(wire, &response.body, wire->received.length);
    }
    return response;
}

bool wire_is_closed(struct wire *wire)
{
    return wire->received.length == 0 && !receive(wire);
}

void wire_finish(struct wire *wire)
{
    while (receive(wire)) {
    }
}

void wire_close(struct wire *wire)
{
    close(wire->socket);
    text_free(&wire->received);
}

void wire_abort(struct wire *wire)
{
    const struct linger reset = {.l_onoff = 1};
    setsockopt(wire->socket, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    wire_close(wire);
}
