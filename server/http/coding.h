/* coding.h - content codings (RFC 9110, sections 8.4 and 12.5.3), by zlib: a request's body is
 * decoded before the work on it, a response's encoded after. Neither knows of the other. */
#ifndef CODING_H
#define CODING_H

#include "base/tensor.h"
#include "http/route.h"

#include <stdint.h>

enum coding {
    CODING_IDENTITY, /* none */
    CODING_GZIP,     /* RFC 1952, one member or several */
    CODING_DEFLATE,  /* zlib's format, RFC 1950 */
    CODING_UNKNOWN   /* another one, or a chain of several */
};

/* Those there are, as a header lists them. */
#define CODING_NAMES "gzip, deflate"

/* The coding of a request's body. */
enum coding coding_of_request(const struct head *head);

/* The coding that the client asks for, never unknown. It is the identity where it asks for none
 * that there is, even if it rules that out. */
enum coding coding_for_response(const struct head *head);

/* Under what terms a body is decoded. */
struct coding_terms {
    uint64_t max_body;            /* bytes, decoded */
    struct tensor_budget *budget; /* is charged for what zlib needs */
    void (*refuse)(const struct problem *problem, struct response *response);
    uint64_t *decoded; /* counts the decoded bytes; outlives the work */
};

/* Work that decodes what it receives and hands it on to the inner work, which it takes. A body that
 * is damaged, truncated, goes on after its end, or is larger than max_body when decoded gets a
 * problem. What the decoder needs does not depend on the body, and a call decodes a bounded part.
 * NULL: no memory, and the inner work is still the caller's. */
struct work *coding_decode(enum coding coding, struct work *inner,
                           const struct coding_terms *terms);

/* Encodes the body of a response, in gzip or deflate, as it is sent, and says so in its headers.
 * The response stays as it is if it has a Content-Encoding, is too small to gain from one, or there
 * is no memory: a large response is better than none. */
void coding_encode(enum coding coding, struct response *response, struct tensor_budget *budget);

#endif
