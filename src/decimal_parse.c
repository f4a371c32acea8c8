/* decimal_parse.c - decimal text -> nearest double. Knows nothing of arrays or documents. */
#include "decimal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

enum decimal_status decimal_parse(const char *text, const char *limit, const char **end, double *value)
{
    const char *p = text;
    if (p < limit && *p == '-') p++;
    if (p < limit && *p == '0') {
        p++;
    } else {
        const char *first = p;
        while (p < limit && is_digit(*p)) p++;
        if (p == first) goto missing;
    }
    if (p < limit && *p == '.') {
        const char *first = ++p;
        while (p < limit && is_digit(*p)) p++;
        if (p == first) goto missing;
    }
    if (p < limit && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < limit && (*p == '+' || *p == '-')) p++;
        const char *first = p;
        while (p < limit && is_digit(*p)) p++;
        if (p == first) goto missing;
    }
    *end = p;
    if (p == limit) return DECIMAL_MORE;
    char copy[16384];
    if ((size_t)(p - text) >= sizeof copy) return DECIMAL_RANGE;
    memcpy(copy, text, (size_t)(p - text));
    copy[p - text] = '\0';
    double parsed = strtod(copy, NULL);
    if (isinf(parsed)) return DECIMAL_RANGE;
    *value = parsed;
    return DECIMAL_DONE;
missing:
    *end = p;
    return p == limit ? DECIMAL_MORE : DECIMAL_BAD;
}

static const char *skip_white(const char *p, const char *limit)
{
    while (p < limit && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) p++;
    return p;
}

size_t decimal_parse_run(const char *text, const char *limit, const char **end, double *values, size_t room)
{
    size_t count = 0;
    *end = text;
    while (count < room) {
        const char *after;
        double value;
        const char *number = skip_white(*end, limit);
        if (decimal_parse(number, limit, &after, &value) != DECIMAL_DONE) break;
        if (after - number > DECIMAL_RUN_NUMBER_MAX) break;
        after = skip_white(after, limit);
        if (after == limit || *after != ',') break;
        values[count++] = value;
        *end = after + 1;
    }
    return count;
}
