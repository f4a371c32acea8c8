/* fuzz_decimal.c - decimal_parse against strtod, decimal_print against the shortest text that
 * printf and strtod find, and each against the other. */
#include "input.h"

#include "cpu.h"
#include "decimal/decimal.h"
#include "support/bits.h"
#include "support/decimal_reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define UNSET    0x7ff8dead00000000 /* bits that stand in *value before the call */
#define ROOM_MAX 700

static void must_print(double value)
{
    char out[DECIMAL_PRINT_MAX], expected[DECIMAL_PRINT_MAX + 1];
    size_t length = decimal_print(value, out);
    must(length == reference_print(value, expected) && memcmp(out, expected, length) == 0);

    const char *end;
    double read;
    expected[length] = ' ';
    must(decimal_parse(expected, expected + length + 1, &end, &read) == DECIMAL_DONE);
    must(end == expected + length && read == value);
}

/* The values must be finite. */
static void must_print_run(const double *values, size_t count, int negate)
{
    char expected[ROOM_MAX * (DECIMAL_PRINT_MAX + 1)];
    uint64_t digits[ROOM_MAX];
    struct decimal_scale scales[ROOM_MAX];
    char *out = malloc(count * DECIMAL_PRINT_MAX + 1);
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        length += decimal_print(negate ? -values[i] : values[i], expected + length);
        expected[length++] = ',';
    }
    decimal_shortest_run(values, count, digits, scales);
    must(decimal_write_run(digits, scales, count, negate, out) == length);
    must(memcmp(out, expected, length) == 0);
    free(out);
}

static void must_parse(const char *text, const char *limit)
{
    const char *end = NULL, *expected_end = NULL;
    double value = double_of(UNSET), expected = value;
    enum decimal_status status = decimal_parse(text, limit, &end, &value);
    must(status == reference_parse(text, limit, &expected_end, &expected));
    must(end == expected_end);
    must(bits_of(value) == bits_of(expected));
    if (status == DECIMAL_DONE) must_print(value);
}

static const char *skip_space(const char *p, const char *limit)
{
    while (p < limit && *p != '\0' && strchr(" \t\n\r", *p) != NULL) p++;
    return p;
}

/* decimal_parse_run, one element after the other. */
static size_t reference_run(const char *text, const char *limit, const char **end, double *values,
                            size_t room, struct decimal_row row)
{
    size_t count = 0;
    for (*end = text; count < room; count++) {
        const char *after, *number = skip_space(*end, limit);
        if (reference_parse(number, limit, &after, &values[count]) != DECIMAL_DONE) break;
        if (after - number > DECIMAL_RUN_NUMBER_MAX) break;
        int is_last = row.length > 0 && (row.index + count + 1) % row.length == 0;
        for (const char *mark = is_last ? "],[" : ","; *mark; mark++, after++) {
            after = skip_space(after, limit);
            if (after == limit || *after != *mark) return count;
        }
        *end = after;
    }
    return count;
}

static void must_parse_run(const char *text, const char *limit, size_t room, struct decimal_row row)
{
    static double expected[ROOM_MAX];
    const char *end = NULL, *expected_end;
    double *values = malloc(room * sizeof *values);
    size_t count = decimal_parse_run(text, limit, &end, values, room, row);
    must(count == reference_run(text, limit, &expected_end, expected, room, row));
    must(end == expected_end);
    must(count == 0 || memcmp(values, expected, count * sizeof *values) == 0);
    free(values);
}

/* The input is a text, and doubles. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *limit = text + size;
    must_parse(text, limit);
    double values[ROOM_MAX];
    size_t count = 0;
    for (size_t at = 0; at + sizeof(double) <= size && count < ROOM_MAX; at += sizeof(double)) {
        memcpy(&values[count], data + at, sizeof values[count]);
        if (!isfinite(values[count])) continue;
        if (count < 8) must_print(values[count]);
        count++;
    }
    static const char *const levels[] = {"baseline", "avx2", "vbmi2"};
    for (int i = 0; i < 3; i++) {
        if (!cpu_use(levels[i])) continue; /* this CPU has not the instructions */
        must_parse_run(text, limit, ROOM_MAX, (struct decimal_row){0, 0});
        must_parse_run(text, limit, 1 + size % 20, (struct decimal_row){0, 0});
        must_parse_run(text, limit, ROOM_MAX,
                       (struct decimal_row){1 + size % 4, size / 4 % (1 + size % 4)});
        must_print_run(values, count, size & 1);
    }
    return 0;
}
