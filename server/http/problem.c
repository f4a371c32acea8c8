/* problem.c - any error -> application/problem+json (RFC 9457). Knows nothing of how an error came
 * about. */
#include "http/problem.h"

#include "base/refusal.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Seconds after which a retry may succeed: memory comes back with the requests in flight, and a
 * server that drains is soon replaced. */
#define RETRY_AFTER 1

#define TYPE_PREFIX "/problems/"

#define KIND(name, title, status, refusal)                 \
    {                                                      \
        TYPE_PREFIX name, title, status, REFUSAL_##refusal \
    }

static const struct kind {
    const char *type;
    const char *title;
    unsigned status;
    enum refusal refusal;
} kinds[PROBLEM_TYPES] = {
    [PROBLEM_MALFORMED_JSON] = KIND("malformed-json", "The body is not valid JSON", 400, NONE),
    [PROBLEM_NESTING_TOO_DEEP] =
        KIND("nesting-too-deep", "The body is nested too deeply", 400, NONE),
    [PROBLEM_DUPLICATE_MEMBER] = KIND("duplicate-member", "A member name appears twice", 400, NONE),
    [PROBLEM_DAMAGED_ENCODING] =
        KIND("damaged-encoding", "The compressed body is damaged", 400, NONE),
    [PROBLEM_MALFORMED_SAFETENSORS] =
        KIND("malformed-safetensors", "The body is not a valid safetensors file", 400, NONE),
    [PROBLEM_MALFORMED_HEADERS] =
        KIND("malformed-headers", "The request headers are malformed", 400, MALFORMED),
    [PROBLEM_UNAUTHORIZED] = KIND("unauthorized", "A valid bearer token is required", 401, TOKEN),
    [PROBLEM_NOT_FOUND] = KIND("not-found", "Not found", 404, NONE),
    [PROBLEM_METHOD_NOT_ALLOWED] = KIND("method-not-allowed", "Method not allowed", 405, NONE),
    [PROBLEM_NOT_ACCEPTABLE] = KIND("not-acceptable", "No acceptable media type", 406, NONE),
    [PROBLEM_REQUEST_TIMEOUT] = KIND("request-timeout", "The request timed out", 408, TIMEOUT),
    [PROBLEM_BODY_TOO_LARGE] = KIND("body-too-large", "The body is too large", 413, BODY),
    [PROBLEM_UNSUPPORTED_MEDIA_TYPE] =
        KIND("unsupported-media-type", "Unsupported media type", 415, NONE),
    [PROBLEM_WRONG_TYPE] = KIND("wrong-type", "A value has the wrong type", 422, NONE),
    [PROBLEM_MISSING_MEMBER] = KIND("missing-member", "A required member is missing", 422, NONE),
    [PROBLEM_UNKNOWN_MEMBER] = KIND("unknown-member", "Unknown member", 422, NONE),
    [PROBLEM_UNKNOWN_VALUE] = KIND("unknown-value", "Unknown value", 422, NONE),
    [PROBLEM_NOT_RECTANGULAR] =
        KIND("not-rectangular", "A nested array is not rectangular", 422, NONE),
    [PROBLEM_SHAPE_MISMATCH] = KIND("shape-mismatch", "The shapes differ", 422, NONE),
    [PROBLEM_NO_ELEMENT] = KIND("no-element", "An array has no elements", 422, NONE),
    [PROBLEM_NO_LINE] = KIND("no-line", "The body has no lines", 422, NONE),
    [PROBLEM_NUMBER_OUT_OF_RANGE] =
        KIND("number-out-of-range", "A number is out of range", 422, NONE),
    [PROBLEM_NOT_FINITE] = KIND("not-finite", "An element is not finite", 422, NONE),
    [PROBLEM_NUMBER_TOO_LONG] = KIND("number-too-long", "A number is too long", 422, NONE),
    [PROBLEM_REQUEST_TOO_COMPLEX] =
        KIND("request-too-complex", "The request is too complex", 422, NONE),
    [PROBLEM_NEGATIVE_WEIGHT] = KIND("negative-weight", "A weight is negative", 422, NONE),
    [PROBLEM_ZERO_WEIGHTS] = KIND("zero-weights", "All weights are zero", 422, NONE),
    [PROBLEM_INVALID_PARTIAL] = KIND("invalid-partial", "A partial is invalid", 422, NONE),
    [PROBLEM_OVERFLOW] = KIND("overflow", "A result overflows", 422, NONE),
    [PROBLEM_HEADERS_TOO_LARGE] =
        KIND("headers-too-large", "The request headers are too large", 431, HEADERS),
    [PROBLEM_INTERNAL_ERROR] = KIND("internal-error", "Internal server error", 500, NONE),
    [PROBLEM_MEMORY_EXHAUSTED] = KIND("memory-exhausted", "Out of memory", 503, MEMORY),
    [PROBLEM_TOO_MANY_CONNECTIONS] =
        KIND("too-many-connections", "Too many connections", 503, CONNECTIONS),
    [PROBLEM_DRAINING] = KIND("draining", "The server is shutting down", 503, DRAINING),
};

const char *problem_name(enum problem_type type)
{
    return kinds[type].type + sizeof TYPE_PREFIX - 1;
}

const char *problem_title(enum problem_type type)
{
    return kinds[type].title;
}

unsigned problem_status(enum problem_type type)
{
    return kinds[type].status;
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

void problem_set_out_of_memory(struct problem *problem)
{
    problem_set(
        problem, PROBLEM_MEMORY_EXHAUSTED, "",
        "The server has not enough free memory for this request; retry later, or send fewer "
        "elements per request.");
}

static cJSON *document_of(const struct problem *problem)
{
    const struct kind *kind = &kinds[problem->type];
    cJSON *document = cJSON_CreateObject();
    bool ok = cJSON_AddStringToObject(document, "type", kind->type) &&
              cJSON_AddStringToObject(document, "title", kind->title) &&
              cJSON_AddNumberToObject(document, "status", kind->status) &&
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

void problem_begin_response(enum problem_type type, struct response *response)
{
    response_begin(response, kinds[type].status);
    response->refusal = kinds[type].refusal;
    if (kinds[type].status == 503) response_add_number(response, "Retry-After", RETRY_AFTER);
}

void problem_respond(const struct problem *problem, struct response *response)
{
    static const char out_of_memory[] =
        "{\"type\":\"/problems/memory-exhausted\",\"title\":\"Out of memory\","
        "\"status\":503,\"detail\":\"The server has no memory left; retry later.\"}";
    static const char media_type[] = "application/problem+json";
    cJSON *document = document_of(problem);
    char *text = document != NULL ? cJSON_PrintUnformatted(document) : NULL;
    cJSON_Delete(document);

    problem_begin_response(text != NULL ? problem->type : PROBLEM_MEMORY_EXHAUSTED, response);
    if (text != NULL) {
        response_set_whole(response, media_type, text, strlen(text));
    } else {
        response_set_constant(response, media_type, out_of_memory, sizeof out_of_memory - 1);
    }
}
