/* json_problem.c - what json_reader found wrong -> a problem that says what to change. Knows
 * nothing of MSE. */
#include "json/json_problem.h"

#include <inttypes.h>
#include <stdio.h>

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

static void set_ragged(struct problem *problem, const struct json_reader_error *error)
{
    if (error->found_length == SIZE_MAX) {
        problem_set(problem, PROBLEM_NOT_RECTANGULAR, error->pointer,
                    "Nest %s to the same depth everywhere: numbers and arrays stand side by side.",
                    error->pointer[0] != '\0' ? error->pointer : "the array");
        return;
    }
    problem_set(problem, PROBLEM_NOT_RECTANGULAR, error->pointer,
                "Give every array at the depth of %s the same length: this one has %zu where the "
                "first has %zu.",
                error->pointer[0] != '\0' ? error->pointer : "the array", error->found_length,
                error->expected_length);
}

void json_problem_set(struct problem *problem, const struct json_reader_error *error)
{
    char name[8];
    const char *where = error->pointer[0] != '\0' ? error->pointer : "the array";
    uint64_t offset = error->offset;

    switch (error->fault) {
    case JSON_READER_NO_FAULT:
        break;
    case JSON_READER_SYNTAX:
        problem_set(problem, PROBLEM_MALFORMED_JSON, "",
                    "Write %s at byte %" PRIu64 ", where %s stands.", error->expected, offset,
                    byte_name(error->found, name, sizeof name));
        break;
    case JSON_READER_ENCODING:
        problem_set(problem, PROBLEM_MALFORMED_JSON, "",
                    "Encode the body in UTF-8: byte %" PRIu64 ", %s, cannot stand where it does.",
                    offset, byte_name(error->found, name, sizeof name));
        break;
    case JSON_READER_SURROGATE:
        problem_set(problem, PROBLEM_MALFORMED_JSON, "",
                    "Complete the surrogate pair: the \\u escape at byte %" PRIu64
                    " is half of one.",
                    offset);
        break;
    case JSON_READER_TRUNCATED:
        problem_set(problem, PROBLEM_MALFORMED_JSON, "",
                    "Send the whole document: the body ends after %" PRIu64 " bytes, within it.",
                    offset);
        break;
    case JSON_READER_NESTING:
        problem_set(problem, PROBLEM_NESTING_TOO_DEEP, "",
                    "Nest at most %d deep: the bracket at byte %" PRIu64 " opens one level more.",
                    JSON_READER_DEPTH_MAX, offset);
        break;
    case JSON_READER_DUPLICATE:
        problem_set(problem, PROBLEM_DUPLICATE_MEMBER, error->pointer,
                    "Give each member once: the name at byte %" PRIu64
                    " was given before in its object.",
                    offset);
        break;
    case JSON_READER_NOT_A_NUMBER:
        problem_set(problem, PROBLEM_WRONG_TYPE, error->pointer,
                    "Make %s a number, as the first element of its array is.", where);
        return;
    case JSON_READER_RAGGED:
        set_ragged(problem, error);
        return;
    case JSON_READER_RANGE:
        problem_set(
            problem, PROBLEM_NUMBER_OUT_OF_RANGE, error->pointer,
            "Give %s a number of magnitude at most 1.7976931348623157e308, the largest double.",
            where);
        return;
    case JSON_READER_LONG_NUMBER:
        problem_set(problem, PROBLEM_NUMBER_TOO_LONG, error->pointer,
                    "Write each number in at most %d bytes.", JSON_READER_NUMBER_MAX);
        return;
    case JSON_READER_LARGE:
        problem_set(problem, PROBLEM_REQUEST_TOO_COMPLEX, error->pointer,
                    "Send fewer or shorter members: beside its arrays of numbers a request has "
                    "room for %d bytes, "
                    "%d members and %d arrays.",
                    JSON_READER_OUTLINE_MAX - 1, JSON_READER_MEMBERS_MAX, JSON_READER_TENSORS_MAX);
        return;
    case JSON_READER_MEMORY:
        problem_set(problem, PROBLEM_MEMORY_EXHAUSTED, "",
                    "Try again when other requests have ended, or send fewer elements at once.");
        return;
    }
    problem->has_offset = true;
    problem->offset = offset;
}
