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

#define RESPONSE_PARTS_MAX 8

/* Of a body that is produced: as long as it turns out to be. */
#define RESPONSE_LENGTH_UNKNOWN SIZE_MAX

struct response_header {
    const char *name;  /* static */
    const char *value; /* static; NULL: number is the value */
    uint64_t number;
};

enum response_body {
    RESPONSE_EMPTY,
    RESPONSE_CONSTANT, /* text is static */
    RESPONSE_WHOLE,    /* text is allocated, and freed when the response has been sent */
    RESPONSE_PRODUCED, /* source produces it piece by piece as the socket drains */
    RESPONSE_MEMORY    /* parts lie in memory, which source holds; sent without a copy */
};

struct response_part {
    const void *bytes;
    size_t length; /* in bytes; may be 0 */
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
    size_t length; /* of the body, in bytes, if it is known */

    size_t part_count; /* MEMORY */
    struct response_part parts[RESPONSE_PARTS_MAX];

    /* PRODUCED: writes the next piece to out, at most room bytes (at least RESPONSE_ROOM_MIN, or
     * what is left of a known length), and returns its length; 0 ends a body of unknown length. */
    size_t (*produce)(void *source, char *out, size_t room);

    /* PRODUCED, MEMORY */
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

/* Its length is unknown; who knows it sets it afterwards. */
void response_set_produced(struct response *response, const char *media_type,
                           size_t (*produce)(void *source, char *out, size_t room),
                           void (*release)(void *source), void *source);

/* Without parts; they are appended with response_add_part, at most RESPONSE_PARTS_MAX. */
void response_set_memory(struct response *response, const char *media_type,
                         void (*release)(void *source), void *source);
void response_add_part(struct response *response, const void *bytes, size_t length);

/* Frees the body, sent or not. May be called again. */
void response_discard(struct response *response);

#endif
