/* text.c - growing text, and numbers as a response must show them. Knows nothing of HTTP. */
#include "support/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void reserve(struct text *text, size_t more)
{
    if (text->capacity - text->length > more) return;
    text->capacity = (text->length + more + 1) * 2;
    text->bytes = realloc(text->bytes, text->capacity);
    if (!text->bytes) abort();
}

void text_append(struct text *text, const char *bytes, size_t length)
{
    reserve(text, length);
    if (length > 0) memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = '\0';
}

void text_printf(struct text *text, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) abort();
    reserve(text, (size_t)length);
    va_start(arguments, format);
    vsnprintf(text->bytes + text->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    text->length += (size_t)length;
}

void text_repeat(struct text *text, const char *string, size_t times)
{
    for (size_t i = 0; i < times; i++) text_append(text, string, strlen(string));
}

void text_exact(struct text *text, double value)
{
    text_printf(text, "%.17g", value);
}

/* The decimal digits and the exponent of d.ddd * 10^exponent, out of printf's %e. */
static int split(const char *printed, char *digits)
{
    size_t n = 0;
    for (; *printed != 'e'; printed++)
        if (*printed != '.') digits[n++] = *printed;
    while (n > 1 && digits[n - 1] == '0') n--;
    digits[n] = '\0';
    return atoi(printed + 1);
}

/* The shortest digits that read back as magnitude, the closest of those. The closest decimal of a
 * given length may miss where the next one up hits: below a power of two doubles lie closer
 * together than above it. */
static int shortest(double magnitude, char *digits)
{
    char printed[40];

    for (int places = 0;; places++) {
        snprintf(printed, sizeof printed, "%.*e", places, magnitude);
        if (strtod(printed, NULL) == magnitude) return split(printed, digits);
        char *last = strchr(printed, 'e') - 1;
        if (*last == '9' || strtod(printed, NULL) > magnitude) continue;
        ++*last;
        if (strtod(printed, NULL) == magnitude) return split(printed, digits);
    }
}

void text_ecmascript(struct text *text, double value)
{
    char digits[40];

    if (value == 0) {
        text_append(text, "0", 1);
        return;
    }
    if (value < 0) text_append(text, "-", 1);
    int exponent = shortest(fabs(value), digits);
    int k = (int)strlen(digits);
    int n = exponent + 1;
    if (k <= n && n <= 21) {
        text_append(text, digits, (size_t)k);
        text_repeat(text, "0", (size_t)(n - k));
    } else if (0 < n && n <= 21) {
        text_printf(text, "%.*s.%s", n, digits, digits + n);
    } else if (-6 < n && n <= 0) {
        text_append(text, "0.", 2);
        text_repeat(text, "0", (size_t)-n);
        text_append(text, digits, (size_t)k);
    } else {
        text_printf(text, "%c%s%se%+d", digits[0], k > 1 ? "." : "", digits + 1, exponent);
    }
}

void text_tensor(struct text *text, const double *values, const size_t *shape, size_t rank,
                 void (*print)(struct text *text, double value))
{
    size_t stride = 1;
    for (size_t i = 1; i < rank; i++) stride *= shape[i];
    text_append(text, "[", 1);
    for (size_t i = 0; i < shape[0]; i++) {
        if (i) text_append(text, ",", 1);
        if (rank == 1) {
            print(text, values[i]);
        } else {
            text_tensor(text, values + i * stride, shape + 1, rank - 1, print);
        }
    }
    text_append(text, "]", 1);
}

void text_request(struct text *text, size_t n, const char *more)
{
    text_printf(text, "{\"predictions\":[1");
    text_repeat(text, ",1", n - 1);
    text_printf(text, "],\"targets\":[0");
    text_repeat(text, ",0", n - 1);
    text_printf(text, "]%s}", more);
}

void text_free(struct text *text)
{
    free(text->bytes);
    *text = (struct text){0};
}
