/* response.h - what an endpoint answers, before HTTP gives it a form. Declarations only. Knows
 * nothing of HTTP's wire. */
#ifndef RESPONSE_H
#define RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The least room that a source is ever offered, in bytes. */
#define RESPONSE_ROOM_MIN 256

/* An answer has no body, a whole one, or one that a source writes piece by piece as the socket
 * drains. */
struct response {
    unsigned status;          /* HTTP's */
    const char *media_type;   /* static; NULL: no body */
    const char *allow;        /* static, or NULL: the Allow header */
    const char *authenticate; /* static, or NULL: the WWW-Authenticate header */
    const char *policy;       /* static, or NULL: the Content-Security-Policy header */
    const char *etag;         /* static, or NULL: the ETag header */
    unsigned retry_after;     /* seconds; 0: no Retry-After header */
    uint64_t elements;        /* of the predictions that were answered */
    bool is_last;             /* the connection closes after it */

    char *text;    /* the whole body; whoever consumes the answer frees it, unless: */
    bool constant; /* text is static */
    size_t length; /* bytes of text */

    /* Writes the next piece to out, at most room bytes (never offered less than RESPONSE_ROOM_MIN),
     * and returns its length; 0 ends the body. NULL: text is the body. */
    size_t (*next)(void *source, char *out, size_t room);
    void (*release)(void *source); /* called once, by whoever consumes the answer */
    void *source;
};

#endif
