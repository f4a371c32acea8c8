/* problem.h - any error -> application/problem+json (RFC 9457). Knows nothing of how an error came
 * about. */
#ifndef PROBLEM_H
#define PROBLEM_H

#include "http/response.h"

#include <stdint.h>

enum problem_type {
    PROBLEM_MALFORMED_JSON,
    PROBLEM_NESTING_TOO_DEEP,
    PROBLEM_DUPLICATE_MEMBER,
    PROBLEM_DAMAGED_ENCODING,
    PROBLEM_MALFORMED_SAFETENSORS,
    PROBLEM_MALFORMED_HEADERS,
    PROBLEM_UNAUTHORIZED,
    PROBLEM_NOT_FOUND,
    PROBLEM_METHOD_NOT_ALLOWED,
    PROBLEM_NOT_ACCEPTABLE,
    PROBLEM_REQUEST_TIMEOUT,
    PROBLEM_BODY_TOO_LARGE,
    PROBLEM_UNSUPPORTED_MEDIA_TYPE,
    PROBLEM_WRONG_TYPE,
    PROBLEM_MISSING_MEMBER,
    PROBLEM_UNKNOWN_MEMBER,
    PROBLEM_UNKNOWN_VALUE,
    PROBLEM_NOT_RECTANGULAR,
    PROBLEM_SHAPE_MISMATCH,
    PROBLEM_NO_ELEMENT,
    PROBLEM_NO_LINE,
    PROBLEM_NUMBER_OUT_OF_RANGE,
    PROBLEM_NOT_FINITE,
    PROBLEM_NUMBER_TOO_LONG,
    PROBLEM_REQUEST_TOO_COMPLEX,
    PROBLEM_NEGATIVE_WEIGHT,
    PROBLEM_ZERO_WEIGHTS,
    PROBLEM_INVALID_PARTIAL,
    PROBLEM_OVERFLOW,
    PROBLEM_HEADERS_TOO_LARGE,
    PROBLEM_INTERNAL_ERROR,
    PROBLEM_MEMORY_EXHAUSTED,
    PROBLEM_TOO_MANY_CONNECTIONS,
    PROBLEM_DRAINING,
    PROBLEM_TYPES
};

#define PROBLEM_DETAIL_MAX  512 /* bytes, NUL included; a longer detail is cut at a character */
#define PROBLEM_POINTER_MAX 256 /* bytes, NUL included */

struct problem {
    enum problem_type type;
    char detail[PROBLEM_DETAIL_MAX];   /* UTF-8: one sentence that says what to change */
    char pointer[PROBLEM_POINTER_MAX]; /* JSON Pointer into the request; empty: none */
    bool has_offset;
    uint64_t offset; /* bytes into the request's body */
};

/* Sets all of *problem: detail from a printf format, no offset, and the pointer, which may be
 * empty. */
void problem_set(struct problem *problem, enum problem_type type, const char *pointer,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The server could have done it with more memory. */
void problem_set_out_of_memory(struct problem *problem);

/* The problem as a response, which never fails: where memory is short, it says so in a constant. */
void problem_respond(const struct problem *problem, struct response *response);

/* Begins a response whose form is not problem_respond's: all but the body. */
void problem_begin_response(enum problem_type type, struct response *response);

/* What a type is made of: "shape-mismatch", which is its address below /problems/; a title, static;
 * and HTTP's status. */
const char *problem_name(enum problem_type type);
const char *problem_title(enum problem_type type);
unsigned problem_status(enum problem_type type);

/* What a type is made of: "shape-mismatch", which is its address below /problems/; a title, static;
 * and HTTP's status. */
const char *problem_name(enum problem_type type);
const char *problem_title(enum problem_type type);
unsigned problem_status(enum problem_type type);

#endif
