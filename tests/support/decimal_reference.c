/* decimal_reference.c - see decimal_reference.h. */
#include "support/decimal_reference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* RFC 8259, section 6, as states: what has been read last. */
enum state { START, MINUS, ZERO, INTEGER, POINT, FRACTION, E, SIGN, EXPONENT, STOP };

static enum state next_state(enum state state, char c)
{
    enum { OTHER, CLASS_MINUS, CLASS_PLUS, CLASS_ZERO, CLASS_DIGIT, CLASS_POINT, CLASS_E, CLASSES };
    static const unsigned char class_of[256] = {
        ['-'] = CLASS_MINUS, ['+'] = CLASS_PLUS,  ['0'] = CLASS_ZERO,  ['1'] = CLASS_DIGIT,
        ['2'] = CLASS_DIGIT, ['3'] = CLASS_DIGIT, ['4'] = CLASS_DIGIT, ['5'] = CLASS_DIGIT,
        ['6'] = CLASS_DIGIT, ['7'] = CLASS_DIGIT, ['8'] = CLASS_DIGIT, ['9'] = CLASS_DIGIT,
        ['.'] = CLASS_POINT, ['e'] = CLASS_E,     ['E'] = CLASS_E};
    static const unsigned char next[][CLASSES] = {
        /*           other -      +     0         1-9       .      e */
        [START] = {STOP, MINUS, STOP, ZERO, INTEGER, STOP, STOP},
        [MINUS] = {STOP, STOP, STOP, ZERO, INTEGER, STOP, STOP},
        [ZERO] = {STOP, STOP, STOP, STOP, STOP, POINT, E},
        [INTEGER] = {STOP, STOP, STOP, INTEGER, INTEGER, POINT, E},
        [POINT] = {STOP, STOP, STOP, FRACTION, FRACTION, STOP, STOP},
        [FRACTION] = {STOP, STOP, STOP, FRACTION, FRACTION, STOP, E},
        [E] = {STOP, SIGN, SIGN, EXPONENT, EXPONENT, STOP, STOP},
        [SIGN] = {STOP, STOP, STOP, EXPONENT, EXPONENT, STOP, STOP},
        [EXPONENT] = {STOP, STOP, STOP, EXPONENT, EXPONENT, STOP, STOP},
    };
    return (enum state)next[state][class_of[(unsigned char)c]];
}

enum decimal_status reference_parse(const char *text, const char *limit, const char **end,
                                    double *value)
{
    enum state state = START;
    for (*end = text; *end < limit; ++*end) {
        enum state next = next_state(state, **end);
        if (next == STOP) break;
        state = next;
    }
    if (*end == limit) return DECIMAL_MORE;
    if (state != ZERO && state != INTEGER && state != FRACTION && state != EXPONENT)
        return DECIMAL_BAD;
    char *copy = strndup(text, (size_t)(*end - text));
    if (!copy) abort();
    double parsed = strtod(copy, NULL);
    free(copy);
    if (isinf(parsed)) return DECIMAL_RANGE;
    *value = parsed;
    return DECIMAL_DONE;
}

/* (negative ? - : +) digits * 10^exponent */
struct decimal {
    unsigned long long digits;
    int exponent;
    int negative;
};

/* Sets *result to the decimal with so many digits that lies closest to value > 0 among those that
 * read back as value: the one that printf rounds to, or, where value is a power of two and the next
 * double below is twice as near as the one above, perhaps a neighbour of it. Returns 0 if none
 * reads back. */
static int reads_back(double value, int digits, struct decimal *result)
{
    char text[64];
    snprintf(text, sizeof text, "%.*e", digits - 1, value);
    char *e = strchr(text, 'e');
    int exponent = atoi(e + 1) - (digits - 1);
    if (digits > 1) memmove(text + 1, text + 2, (size_t)(e - text) - 2);
    text[digits] = '\0';
    long long closest = atoll(text);
    const long long steps[] = {0, 1, -1};
    for (int i = 0; i < 3; i++) {
        snprintf(text, sizeof text, "%llde%d", closest + steps[i], exponent);
        if (strtod(text, NULL) != value) continue;
        result->digits = (unsigned long long)(closest + steps[i]);
        result->exponent = exponent;
        return 1;
    }
    return 0;
}

/* The shortest decimal that reads back as value, and of those the closest; no zero stands at the
 * end of its digits. */
static struct decimal shortest(double value)
{
    struct decimal result = {0, 0, signbit(value) != 0};
    value = fabs(value);
    if (value == 0) return result;
    int digits = 15; /* begins where most doubles are: if n digits read back, so do n + 1 */
    if (reads_back(value, digits, &result)) {
        while (digits > 1 && reads_back(value, digits - 1, &result)) digits--;
    } else {
        do digits++;
        while (!reads_back(value, digits, &result));
    }
    for (; result.digits % 10 == 0; result.digits /= 10) result.exponent++;
    return result;
}

size_t reference_print(double value, char *out)
{
    static const char zeros[] = "00000000000000000000";
    struct decimal decimal = shortest(value);
    char digits[24], text[64];
    int k = snprintf(digits, sizeof digits, "%llu", decimal.digits);
    int n = k + decimal.exponent; /* the names and the cases of ECMA-262, Number::toString */
    int length;
    const char *sign = decimal.negative ? "-" : "";
    if (decimal.digits == 0) {
        length = snprintf(text, sizeof text, "0");
    } else if (k <= n && n <= 21) {
        length = snprintf(text, sizeof text, "%s%s%.*s", sign, digits, n - k, zeros);
    } else if (0 < n && n <= 21) {
        length = snprintf(text, sizeof text, "%s%.*s.%s", sign, n, digits, digits + n);
    } else if (-6 < n && n <= 0) {
        length = snprintf(text, sizeof text, "%s0.%.*s%s", sign, -n, zeros, digits);
    } else if (k == 1) {
        length = snprintf(text, sizeof text, "%s%se%+d", sign, digits, n - 1);
    } else {
        length = snprintf(text, sizeof text, "%s%c.%se%+d", sign, digits[0], digits + 1, n - 1);
    }
    memcpy(out, text, (size_t)length);
    return (size_t)length;
}
