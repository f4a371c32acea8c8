/* head.h - what a request's head says, and whether it says it in one way only. */
#ifndef HEAD_H
#define HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define HEAD_ACCEPTS_MAX 8 /* Accept, and Accept-Encoding, headers that are looked at */

/* Strings are NUL-terminated and belong to the caller of head_add; those of headers are NULL where
 * there is no such header. */
struct head {
    const char *method;
    const char *target;  /* percent-decoded, without the query */
    const char *version; /* "HTTP/1.1" */
    const struct sockaddr *peer;
    size_t size;     /* bytes of the head */
    bool is_surplus; /* its connection is one too many */

    /* Set by head_add: */
    const char *content_type;
    const char *content_encoding;
    const char *content_length;
    const char *transfer_encoding;
    const char *expect;
    const char *authorization;
    const char *traceparent;
    const char *if_none_match;
    const char *origin;
    const char *requested_method;                /* Access-Control-Request-Method */
    const char *inference_header_content_length; /* of the Open Inference Protocol */
    const char *accept[HEAD_ACCEPTS_MAX];
    const char *accept_encoding[HEAD_ACCEPTS_MAX];
    unsigned accepts;           /* of accept */
    unsigned accept_encodings;  /* of accept_encoding */
    unsigned content_encodings; /* Content-Encoding headers */
    const char *repeated;       /* what to say of a header that decides something, stands twice */
    const char *host;
    unsigned hosts;              /* Host headers */
    unsigned content_lengths;    /* Content-Length headers */
    unsigned transfer_encodings; /* Transfer-Encoding headers */
    bool is_malformed;           /* it is not what its grammar allows; also set by the caller */
};

/* Takes note of a header, if it is one that matters. */
void head_add(struct head *head, const char *name, const char *value);

/* The path of the target, which may be in absolute form: http://host/path. */
const char *head_path(const struct head *head);

/* The body's length if the head tells it, else 0. */
uint64_t head_body_length(const struct head *head);

/* Whether the client expects a 100 (Continue) before it sends the body. */
bool head_expects_continue(const struct head *head);

/* What is wrong with how the request is framed, as a sentence that says what to change, or NULL. */
const char *head_framing_fault(const struct head *head);

/* The token of an Authorization header, *length bytes, or NULL: none, or of another scheme than
 * Bearer (RFC 6750, section 2.1). */
const char *head_bearer_token(const struct head *head, size_t *length);

/* Whether the Content-Type names this media type, parameters aside. */
bool head_content_is(const struct head *head, const char *media_type);

/* Whether the client has this version already, by its entity tag (If-None-Match). */
bool head_has_version(const struct head *head, const char *etag);

/* How much the Accept headers want a response of this media type, in thousandths; 0: not at all. */
unsigned head_quality(const struct head *head, const char *media_type);

#define HEAD_TRACE_ID_LENGTH 32

/* Copies the trace id of a W3C traceparent header, 00-<trace id>-<parent id>-<flags>; an empty one
 * if it has not the form. */
void head_trace_id(const struct head *head, char id[static HEAD_TRACE_ID_LENGTH + 1]);

#endif
