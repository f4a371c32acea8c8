/* response.h - the response to a request, as plain data; net/ gives it a form on the wire. */
#ifndef RESPONSE_H
#define RESPONSE_H

#include "base/refusal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESPONSE_HEADERS_MAX 12

/* The least room that a body is produced into, in bytes. */
#define RESPONSE_ROOM_MIN 256

struct response_header {
    const char *name;  /* static */
    const char *value; /* static; NULL: number is the value */
    uint64_t number;
};

enum response_body {
    RESPONSE_EMPTY,
    RESPONSE_CONSTANT, /* text is static */
    RESPONSE_WHOLE,    /* text is allocated, and freed when the response has been sent */
    RESPONSE_PRODUCED  /* source produces it piece by piece as the socket drains */
};

/* The holder of a response calls response_discard, or hands it on. */
struct response {
    unsigned status;      /* HTTP's */
    bool is_last;         /* the connection closes after it */
    enum refusal refusal; /* why the request is not served, if the server could have */
    uint64_t elements;    /* of the predictions that were computed with */
    size_t header_count;
    struct response_header headers[RESPONSE_HEADERS_MAX];

    enum response_body body;
    char *text;    /* CONSTANT, WHOLE */
    size_t length; /* of text, in bytes */

    /* PRODUCED: writes the next piece to out, at most room bytes (at least RESPONSE_ROOM_MIN), and
     * returns its length; 0 ends the body. */
    size_t (*produce)(void *source, char *out, size_t room);
    void (*release)(void *source);
    void *source;
};

/* A response without headers or body. */
void response_begin(struct response *response, unsigned status);

/* Appends a header; there must be fewer than RESPONSE_HEADERS_MAX. */
void response_add(struct response *response, const char *name, const char *value);
void response_add_number(struct response *response, const char *name, uint64_t number);

/* The value of a header that has one as text, or NULL. */
const char *response_find_header(const struct response *response, const char *name);

/* Sets the body, which is of this media type. */
void response_set_constant(struct response *response, const char *media_type, const char *text,
                           size_t length);
void response_set_whole(struct response *response, const char *media_type, char *text,
                        size_t length);

void response_set_produced(struct response *response, const char *media_type,
                           size_t (*produce)(void *source, char *out, size_t room),
                           void (*release)(void *source), void *source);

/* Frees the body, sent or not. May be called again. */
void response_discard(struct response *response);

#endif
