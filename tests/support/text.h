/* text.h - growing text, and numbers as a response must show them. Knows nothing of HTTP. */
#ifndef TEXT_H
#define TEXT_H

#include <stddef.h>

/* bytes[0..length-1], followed by a NUL. {0} is an empty text; text_free gives the memory back.
 * Running out of memory ends the test. */
struct text {
    char *bytes;
    size_t length;
    size_t capacity;
};

void text_append(struct text *text, const char *bytes, size_t length);
void text_printf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_repeat(struct text *text, const char *string, size_t times);

/* Appends value with enough digits to read back as the same double. */
void text_exact(struct text *text, double value);

/* Appends value as ECMAScript's Number::toString writes it: found by trial, with no help of the
 * code under test. */
void text_ecmascript(struct text *text, double value);

/* Appends [v,v,...], nested to the shape, each number by print. */
void text_tensor(struct text *text, const double *values, const size_t *shape, size_t rank,
                 void (*print)(struct text *text, double value));

/* Appends {"predictions":[1,1,...],"targets":[0,0,...]MORE}, of n elements each. */
void text_request(struct text *text, size_t n, const char *more);

void text_free(struct text *text);

#endif
