/* problem.c - any error -> application/problem+json (RFC 9457). Knows nothing of how an error came
 * about. */
#include "http/problem.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Seconds after which a caller may well try again: memory comes back with the requests under way, a
 * server that drains is soon replaced. */
#define RETRY_AFTER 1

struct problem_kind {
    const char *uri;
    const char *title;
    unsigned status;
    unsigned retry_after;
};

/* A switch without default, so that the compiler proves it complete. */
static struct problem_kind kind_of(enum problem_type type)
{
    switch (type) {
    case PROBLEM_MALFORMED_JSON:
        return (struct problem_kind){"/problems/malformed-json", "The body is not JSON", 400, 0};
    case PROBLEM_NESTING_TOO_DEEP:
        return (struct problem_kind){"/problems/nesting-too-deep", "The body nests too deeply", 400,
                                     0};
    case PROBLEM_DUPLICATE_MEMBER:
        return (struct problem_kind){"/problems/duplicate-member", "A member name is given twice",
                                     400, 0};
    case PROBLEM_MALFORMED_HEADERS:
        return (struct problem_kind){"/problems/malformed-headers",
                                     "The request's headers are malformed", 400, 0};
    case PROBLEM_UNAUTHORIZED:
        return (struct problem_kind){"/problems/unauthorized", "A token is needed", 401, 0};
    case PROBLEM_NOT_FOUND:
        return (struct problem_kind){"/problems/not-found", "There is nothing at this path", 404,
                                     0};
    case PROBLEM_METHOD_NOT_ALLOWED:
        return (struct problem_kind){"/problems/method-not-allowed", "The path has no such method",
                                     405, 0};
    case PROBLEM_NOT_ACCEPTABLE:
        return (struct problem_kind){"/problems/not-acceptable", "No acceptable media type", 406,
                                     0};
    case PROBLEM_REQUEST_TIMEOUT:
        return (struct problem_kind){"/problems/request-timeout",
                                     "The request took too long to arrive", 408, 0};
    case PROBLEM_BODY_TOO_LARGE:
        return (struct problem_kind){"/problems/body-too-large", "The body is too large", 413, 0};
    case PROBLEM_UNSUPPORTED_MEDIA_TYPE:
        return (struct problem_kind){"/problems/unsupported-media-type",
                                     "The body's media type is not supported", 415, 0};
    case PROBLEM_WRONG_TYPE:
        return (struct problem_kind){"/problems/wrong-type", "A value has the wrong type", 422, 0};
    case PROBLEM_MISSING_MEMBER:
        return (struct problem_kind){"/problems/missing-member", "A required member is missing",
                                     422, 0};
    case PROBLEM_UNKNOWN_MEMBER:
        return (struct problem_kind){"/problems/unknown-member", "A member is unknown", 422, 0};
    case PROBLEM_UNKNOWN_VALUE:
        return (struct problem_kind){"/problems/unknown-value",
                                     "A value is none of those there are", 422, 0};
    case PROBLEM_NOT_RECTANGULAR:
        return (struct problem_kind){"/problems/not-rectangular",
                                     "A nested array is not rectangular", 422, 0};
    case PROBLEM_SHAPE_MISMATCH:
        return (struct problem_kind){"/problems/shape-mismatch", "Two shapes differ", 422, 0};
    case PROBLEM_NO_ELEMENT:
        return (struct problem_kind){"/problems/no-element", "There is no element", 422, 0};
    case PROBLEM_NUMBER_OUT_OF_RANGE:
        return (struct problem_kind){"/problems/number-out-of-range",
                                     "A number is out of double's range", 422, 0};
    case PROBLEM_NUMBER_TOO_LONG:
        return (struct problem_kind){"/problems/number-too-long", "A number's text is too long",
                                     422, 0};
    case PROBLEM_REQUEST_TOO_COMPLEX:
        return (struct problem_kind){"/problems/request-too-complex", "The request is too complex",
                                     422, 0};
    case PROBLEM_NEGATIVE_WEIGHT:
        return (struct problem_kind){"/problems/negative-weight", "A weight is negative", 422, 0};
    case PROBLEM_ZERO_WEIGHTS:
        return (struct problem_kind){"/problems/zero-weights", "All weights are zero", 422, 0};
    case PROBLEM_OVERFLOW:
        return (struct problem_kind){"/problems/overflow", "A result is beyond the largest double",
                                     422, 0};
    case PROBLEM_HEADERS_TOO_LARGE:
        return (struct problem_kind){"/problems/headers-too-large", "The headers are too large",
                                     431, 0};
    case PROBLEM_INTERNAL_ERROR:
    case PROBLEM_TYPES:
        break;
    case PROBLEM_MEMORY_EXHAUSTED:
        return (struct problem_kind){"/problems/memory-exhausted", "The server's memory is in use",
                                     503, RETRY_AFTER};
    case PROBLEM_TOO_MANY_CONNECTIONS:
        return (struct problem_kind){"/problems/too-many-connections",
                                     "The server has too many connections", 503, RETRY_AFTER};
    case PROBLEM_DRAINING:
        return (struct problem_kind){"/problems/draining", "The server is stopping", 503,
                                     RETRY_AFTER};
    }
    return (struct problem_kind){"/problems/internal-error", "The server has a fault", 500, 0};
}

const char *problem_name(enum problem_type type)
{
    return kind_of(type).uri + strlen("/problems/");
}

const char *problem_title(enum problem_type type)
{
    return kind_of(type).title;
}

unsigned problem_status(enum problem_type type)
{
    return kind_of(type).status;
}

/* Bytes of the UTF-8 sequence that a lead byte begins. */
static size_t sequence_length(unsigned char lead)
{
    return lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
}

/* Drops the characters that printf has cut, by a precision or at the end, from text that was UTF-8.
 */
static void keep_whole_characters(char *text)
{
    char *out = text;
    for (const char *p = text; *p != '\0';) {
        size_t wanted = sequence_length((unsigned char)*p);
        size_t length = 1;
        while (length < wanted && ((unsigned char)p[length] & 0xC0) == 0x80) length++;
        if (length == wanted) {
            memmove(out, p, length);
            out += length;
        }
        p += length;
    }
    *out = '\0';
}

void problem_set(struct problem *problem, enum problem_type type, const char *pointer,
                 const char *format, ...)
{
    va_list arguments;
    problem->type = type;
    problem->has_offset = false;
    problem->offset = 0;
    snprintf(problem->pointer, sizeof problem->pointer, "%s", pointer);
    va_start(arguments, format);
    if (vsnprintf(problem->detail, sizeof problem->detail, format, arguments) < 0)
        problem->detail[0] = '\0';
    va_end(arguments);
    keep_whole_characters(problem->detail);
}

static cJSON *document_of(const struct problem *problem, struct problem_kind kind)
{
    cJSON *document = cJSON_CreateObject();
    bool ok = cJSON_AddStringToObject(document, "type", kind.uri) &&
              cJSON_AddStringToObject(document, "title", kind.title) &&
              cJSON_AddNumberToObject(document, "status", kind.status) &&
              cJSON_AddStringToObject(document, "detail", problem->detail);
    if (ok && problem->pointer[0] != '\0') {
        ok = cJSON_AddStringToObject(document, "pointer", problem->pointer) != NULL;
    }
    if (ok && problem->has_offset) {
        ok = cJSON_AddNumberToObject(document, "offset", (double)problem->offset) != NULL;
    }
    if (ok) return document;
    cJSON_Delete(document);
    return NULL;
}

void problem_respond(const struct problem *problem, struct response *answer)
{
    static char out_of_memory[] =
        "{\"type\":\"/problems/memory-exhausted\",\"title\":\"The server's memory is in use\","
        "\"status\":503,\"detail\":\"Try again later.\"}";
    struct problem_kind kind = kind_of(problem->type);
    cJSON *document = document_of(problem, kind);
    char *text = document != NULL ? cJSON_PrintUnformatted(document) : NULL;
    cJSON_Delete(document);

    *answer = (struct response){.status = kind.status,
                                .media_type = "application/problem+json",
                                .retry_after = kind.retry_after,
                                .text = text,
                                .length = text != NULL ? strlen(text) : 0};
    if (text == NULL) {
        answer->status = 503;
        answer->retry_after = RETRY_AFTER;
        answer->text = out_of_memory;
        answer->constant = true;
        answer->length = sizeof out_of_memory - 1;
    }
}
