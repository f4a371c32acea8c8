/* json_problem.c - what json_reader found wrong -> a problem that says what to change. Knows
 * nothing of MSE. */
#include "loss/json_problem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A byte as a reader of the message knows it: 'x', or 0x07. */
static const char *byte_name(int byte, char *name, size_t size)
{
    if (byte > ' ' && byte < 0x7F) {
        snprintf(name, size, "'%c'", byte);
    } else {
        snprintf(name, size, "0x%02X", (unsigned)byte & 0xFF);
    }
    return name;
}

static const char *place_of(const struct json_reader_error *error)
{
    return error->pointer[0] != '\0' ? error->pointer : "the root";
}

static void set_ragged(struct problem *problem, const struct json_reader_error *error)
{
    if (error->found_length == SIZE_MAX) {
        problem_set(problem, PROBLEM_NOT_RECTANGULAR, error->pointer,
                    "Expected %s at %s: numbers and arrays must not stand side by side.",
                    error->expected_length > 0 ? "an array" : "a number", place_of(error));
        return;
    }
    problem_set(problem, PROBLEM_NOT_RECTANGULAR, error->pointer,
                "Expected %zu elements in the array at %s, found %zu: all arrays of one depth must "
                "have the same length.",
                error->expected_length, place_of(error), error->found_length);
}

void json_problem_set(struct problem *problem, const struct json_reader_error *error)
{
    char name[8];
    const char *place = place_of(error);
    uint64_t offset = error->offset;

    switch (error->fault) {
    case JSON_READER_NO_FAULT:
        break;
    case JSON_READER_SYNTAX:
        problem_set(problem, PROBLEM_MALFORMED_JSON, "",
                    "Expected %s at byte %" PRIu64 ", found %s.", error->expected, offset,
                    byte_name(error->found, name, sizeof name));
        break;
    case JSON_READER_ENCODING:
        problem_set(problem, PROBLEM_MALFORMED_JSON, "", "Invalid UTF-8 at byte %" PRIu64 ": %s.",
                    offset, byte_name(error->found, name, sizeof name));
        break;
    case JSON_READER_SURROGATE:
        problem_set(problem, PROBLEM_MALFORMED_JSON, "",
                    "The \\u escape at byte %" PRIu64 " is half of a surrogate pair.", offset);
        break;
    case JSON_READER_TRUNCATED:
        problem_set(problem, PROBLEM_MALFORMED_JSON, "",
                    "The JSON document is incomplete: the body ends at byte %" PRIu64 ".", offset);
        break;
    case JSON_READER_NESTING:
        problem_set(problem, PROBLEM_NESTING_TOO_DEEP, "",
                    "At most %d levels of nesting are allowed; the bracket at byte %" PRIu64
                    " opens one more.",
                    JSON_READER_DEPTH_MAX, offset);
        break;
    case JSON_READER_DUPLICATE:
        problem_set(problem, PROBLEM_DUPLICATE_MEMBER, error->pointer,
                    "The member name at byte %" PRIu64 " appears twice in its object.", offset);
        break;
    case JSON_READER_NOT_A_NUMBER:
        problem_set(problem, PROBLEM_WRONG_TYPE, error->pointer, "Expected a number at %s.", place);
        return;
    case JSON_READER_RAGGED:
        set_ragged(problem, error);
        return;
    case JSON_READER_RANGE:
        problem_set(problem, PROBLEM_NUMBER_OUT_OF_RANGE, error->pointer,
                    "The number at %s exceeds 1.7976931348623157e308, the largest double.", place);
        return;
    case JSON_READER_LONG_NUMBER:
        problem_set(problem, PROBLEM_NUMBER_TOO_LONG, error->pointer,
                    "A number is limited to %d bytes of text.", JSON_READER_NUMBER_MAX);
        return;
    case JSON_READER_LARGE:
        problem_set(
            problem, PROBLEM_REQUEST_TOO_COMPLEX, error->pointer,
            "Apart from its arrays of numbers, a request is limited to %d bytes, %d members "
            "and %d arrays.",
            JSON_READER_OUTLINE_MAX - 1, JSON_READER_MEMBERS_MAX, JSON_READER_TENSORS_MAX);
        return;
    case JSON_READER_MEMORY:
        problem_set_out_of_memory(problem);
        return;
    }
    problem->has_offset = true;
    problem->offset = offset;
}

void json_problem_point(char pointer[static PROBLEM_POINTER_MAX], const char *name)
{
    char *out = pointer + strlen(pointer);
    const char *limit = pointer + PROBLEM_POINTER_MAX - 3; /* an escape and the NUL */
    if (out < limit) *out++ = '/';
    for (; *name != '\0' && out < limit; name++) {
        if (*name == '~' || *name == '/') {
            *out++ = '~';
            *out++ = *name == '~' ? '0' : '1';
        } else {
            *out++ = *name;
        }
    }
    *out = '\0';
    if (*name != '\0') *pointer = '\0';
}
