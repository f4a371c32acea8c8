/* bench/json_reader.c - what json_reader costs a number, beside decimal_parse alone on the same
 * numbers.
 *
 * Each layout is a text of COUNT numbers, fed in chunks of 64 KiB. A line is "name
 * nanoseconds-a-number ns"; the least of ROUNDS, in which reader and decimal_parse take turns. */
#include "json/json_reader.h"
#include "cpu.h"
#include "decimal/decimal.h"

#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { COUNT = 999999, ROUNDS = 15, CHUNK = 65536, ROW = 3 };

struct layout {
    const char *name;
    const char *number; /* printf's, of a double in (-1, 1) */
    const char *separator;
    size_t row; /* numbers in an inner array; 0: there are none */
};

static const struct layout layouts[] = {
    {"17-digits-compact", "%.17g", ",", 0},
    {"17-digits-spaced", "%.17g", ", ", 0},
    {"17-digits-lines", "%.17g", ",\n    ", 0},
    {"6-digits-compact", "%.6f", ",", 0},
    {"6-digits-spaced", "%.6f", ", ", 0},
    {"integers-compact", "%.0f", ",", 0},
    {"integers-spaced", "%.0f", ", ", 0},
    {"17-digits-rows-of-3", "%.17g", ",", ROW},
    {"17-digits-rows-of-3-spaced", "%.17g", ", ", ROW},
    {"6-digits-rows-of-3", "%.6f", ",", ROW},
    {"integers-rows-of-3", "%.0f", ",", ROW},
    {"integers-rows-of-1", "%.0f", ",", 1},
};

/* Of processor time, so that others on the machine disturb less. */
static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static size_t write_text(char *text, const struct layout *layout)
{
    size_t length = 0;
    srand48(1);
    text[length++] = '[';
    for (size_t i = 0; i < COUNT; i++) {
        double value = (drand48() - 0.5) * 2;
        if (strcmp(layout->number, "%.0f") == 0) value *= 999;
        if (layout->row > 0 && i % layout->row == 0) text[length++] = '[';
        length += (size_t)sprintf(text + length, layout->number, value);
        if (layout->row > 0 && i % layout->row == layout->row - 1) text[length++] = ']';
        length += (size_t)sprintf(text + length, "%s", layout->separator);
    }
    while (text[length - 1] != ',') length--;
    text[length - 1] = ']';
    return length;
}

static double read_all(const char *text, size_t length)
{
    static struct json_reader reader;
    struct tensor_budget budget = {.limit = SIZE_MAX};
    double start = seconds();
    json_reader_init(&reader, &budget);
    for (size_t at = 0; at < length; at += CHUNK) {
        json_reader_feed(&reader, text + at, length - at < CHUNK ? length - at : CHUNK);
    }
    if (json_reader_finish(&reader) != JSON_READER_DONE || reader.tensors[0].length != COUNT)
        abort();
    double time = seconds() - start;
    json_reader_free(&reader);
    return time;
}

/* decimal_parse on every number, its place known beforehand. */
static double parse_all(const char *text, size_t length, const unsigned *places, double *values)
{
    const char *end;
    double start = seconds();
    for (size_t i = 0; i < COUNT; i++) {
        if (decimal_parse(text + places[i], text + length, &end, &values[i]) != DECIMAL_DONE)
            abort();
    }
    return seconds() - start;
}

int main(void)
{
    cpu_use(getenv("MSE_KERNEL"));
    mallopt(M_MMAP_THRESHOLD, 128 * 1024); /* as the server has it */
    char *text = malloc(COUNT * 32);
    unsigned *places = malloc(COUNT * sizeof *places);
    double *values = malloc(COUNT * sizeof *values);
    if (text == NULL || places == NULL || values == NULL) abort();
    for (size_t l = 0; l < sizeof layouts / sizeof layouts[0]; l++) {
        size_t length = write_text(text, &layouts[l]);
        size_t count = 0;
        for (size_t i = 1; i < length; i++) {
            if (strchr("-0123456789", text[i]) && strchr("[, \n", text[i - 1]))
                places[count++] = (unsigned)i;
        }
        if (count != COUNT) abort();
        double reader = INFINITY;
        double parse = INFINITY;
        for (int round = 0; round < ROUNDS; round++) {
            reader = fmin(reader, read_all(text, length));
            parse = fmin(parse, parse_all(text, length, places, values));
        }
        printf("%s %.2f ns\n", layouts[l].name, reader / COUNT * 1e9);
        printf("%s-decimal_parse %.2f ns\n", layouts[l].name, parse / COUNT * 1e9);
    }
    free(text);
    free(places);
    free(values);
    return 0;
}
