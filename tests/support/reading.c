/* reading.c - what a json_reader makes of a text, as one line of text to compare. */
#include "support/reading.h"

#include "support/guarded.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ROOM ((size_t)1 << 22)

static const char *const names[] = {
    [JSON_READER_SYNTAX] = "SYNTAX",
    [JSON_READER_ENCODING] = "ENCODING",
    [JSON_READER_SURROGATE] = "SURROGATE",
    [JSON_READER_TRUNCATED] = "TRUNCATED",
    [JSON_READER_NESTING] = "NESTING",
    [JSON_READER_DUPLICATE] = "DUPLICATE",
    [JSON_READER_NOT_A_NUMBER] = "NOT_A_NUMBER",
    [JSON_READER_RAGGED] = "RAGGED",
    [JSON_READER_RANGE] = "RANGE",
    [JSON_READER_LONG_NUMBER] = "LONG_NUMBER",
    [JSON_READER_LARGE] = "LARGE",
    [JSON_READER_MEMORY] = "MEMORY",
};

static int describe_fault(char *out, size_t room, const struct json_reader *reader)
{
    const struct json_reader_error *error = &reader->error;
    int n = snprintf(out, room, "%s@%" PRIu64, names[error->fault], error->offset);
    const char *byte = error->found > ' ' && error->found < 0x7f ? " '%c'" : " 0x%02x";
    if (error->found >= 0) n += snprintf(out + n, room - (size_t)n, byte, error->found);
    if (error->expected != NULL) n += snprintf(out + n, room - (size_t)n, " %s", error->expected);
    if (error->pointer[0] != '\0') n += snprintf(out + n, room - (size_t)n, " %s", error->pointer);
    if (error->expected_length != 0 || error->found_length != 0) {
        n += snprintf(out + n, room - (size_t)n, " %zu %zd", error->expected_length,
                      (ssize_t)error->found_length);
    }
    return n;
}

static int describe_tensor(char *out, size_t room, const struct tensor *tensor)
{
    int n = 0;
    size_t product = 1;
    for (size_t i = 0; i < tensor->rank; i++) {
        n += snprintf(out + n, room - (size_t)n, "%c%zu", i == 0 ? ' ' : 'x', tensor->shape[i]);
        product *= tensor->shape[i];
    }
    assert_int_equal(product, tensor->length);
    for (size_t i = 0; i < tensor->length; i++) {
        n += snprintf(out + n, room - (size_t)n, " %.17g", tensor->values[i]);
    }
    return n;
}

const char *reading(const char *text, size_t length, size_t cut, size_t budget_limit)
{
    static char lines[2][ROOM];
    static int turn;
    char *out = lines[turn = !turn];
    struct tensor_budget budget = {.limit = budget_limit};
    struct json_reader reader;
    memset(&reader, 0xa5, sizeof reader);
    json_reader_init(&reader, &budget);
    enum json_reader_status fed = JSON_READER_MORE;
    if (cut == SIZE_MAX) {
        for (size_t i = 0; i < length; i++)
            fed = json_reader_feed(&reader, guarded(text + i, 1), 1);
    } else {
        json_reader_feed(&reader, guarded(text, cut), cut);
        fed = json_reader_feed(&reader, guarded(text + cut, length - cut), length - cut);
    }
    enum json_reader_status status = json_reader_finish(&reader);
    assert_int_not_equal(status, JSON_READER_MORE);
    if (fed != JSON_READER_MORE) assert_int_equal(status, fed);
    bool json = reader.error.fault == JSON_READER_NO_FAULT ||
                (reader.error.fault >= JSON_READER_FIRST_CONTENT &&
                 reader.error.fault != JSON_READER_MEMORY);
    assert_int_equal(status, json ? JSON_READER_DONE : JSON_READER_BAD);
    if (reader.error.fault != JSON_READER_NO_FAULT) {
        assert_int_equal(reader.tensor_count, 0);
        assert_int_equal(budget.used, 0);
        describe_fault(out, ROOM, &reader);
    } else {
        assert_int_equal(strlen(reader.outline), reader.outline_length);
        size_t n = (size_t)snprintf(out, ROOM, "%s", reader.outline);
        for (size_t i = 0; i < reader.tensor_count; i++) {
            n += (size_t)describe_tensor(out + n, ROOM - n, &reader.tensors[i]);
        }
    }
    json_reader_free(&reader);
    assert_int_equal(budget.used, 0);
    return out;
}

void reads_as(const char *text, size_t length, const char *expected)
{
    for (size_t cut = 0; cut <= length; cut++) {
        const char *line = reading(text, length, cut, SIZE_MAX);
        if (strcmp(line, expected) != 0)
            fail_msg("%s\n  cut at %zu\n  is %s\nnot %s", text, cut, line, expected);
    }
    const char *line = reading(text, length, SIZE_MAX, SIZE_MAX);
    if (strcmp(line, expected) != 0)
        fail_msg("%s\n  cut at every byte\n  is %s\nnot %s", text, line, expected);
}
