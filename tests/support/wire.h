/* wire.h - a connection byte by byte, for what libcurl hides: how a request is cut, interim
 * responses, pipelining. */
#ifndef WIRE_H
#define WIRE_H

#include "support/client.h"

#include <stdbool.h>
#include <stddef.h>

struct wire {
    int socket;
    struct text received; /* not yet taken by wire_response */
};

/* Every function but wire_try_connect fails the test where the connection does. */
void wire_connect(struct wire *wire, const struct service *service);

/* As wire_connect; false where no server listens. */
bool wire_try_connect(struct wire *wire, const struct service *service);

void wire_send(struct wire *wire, const char *bytes, size_t length);
void wire_print(struct wire *wire, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Posts a body to /mse with these header lines besides, each with its CR LF. */
void wire_post(struct wire *wire, const char *headers, const char *body);

/* As wire_send; false where the server ends the connection before it has taken all. */
bool wire_try_send(struct wire *wire, const char *bytes, size_t length);

/* One chunk of a chunked body. Length 0 ends the body. */
void wire_chunk(struct wire *wire, const char *bytes, size_t length);

/* Waits until something has come. */
void wire_await(struct wire *wire);

/* The next response, interim ones (100) included; its body by Content-Length or chunks. A response
 * to HEAD, and 1xx and 204, have none. Fails the test where the connection ends within it. */
struct response wire_response(struct wire *wire, bool to_head);

/* Whether the server has closed the connection, having sent nothing more. Waits until it either
 * closes or sends. */
bool wire_is_closed(struct wire *wire);

/* Waits until the server closes the connection, whatever it sends before. */
void wire_finish(struct wire *wire);

void wire_close(struct wire *wire);

/* Closes with a reset, as a client that dies does. */
void wire_abort(struct wire *wire);

#endif
