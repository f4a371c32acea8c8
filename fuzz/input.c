/* input.c - see input.h. */
#include "input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void input_fault(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: must hold: %s\n", file, line, condition);
    abort();
}

struct input input_of(const uint8_t *data, size_t size)
{
    const uint8_t *mark = size > 0 ? memrchr(data, 0xff, size) : NULL;
    if (mark == NULL) return (struct input){(const char *)data, size, data, 0};
    size_t length = (size_t)(mark - data);
    return (struct input){(const char *)data, length, mark + 1, size - length - 1};
}

unsigned input_setting(struct input *input)
{
    if (input->settings_left == 0) return 0;
    input->settings_left--;
    return *input->settings++;
}

static void feed(const char *bytes, size_t length,
                 void (*take)(void *to, const char *bytes, size_t length), void *to)
{
    char *chunk = malloc(length);
    if (chunk == NULL && length > 0) abort();
    if (length > 0) memcpy(chunk, bytes, length);
    take(to, chunk, length);
    free(chunk);
}

void input_feed(struct input *input, size_t at,
                void (*take)(void *to, const char *bytes, size_t length), void *to)
{
    while (input->settings_left > 0 && at < input->length) {
        size_t length = input_setting(input);
        if (length > input->length - at) length = input->length - at;
        feed(input->text + at, length, take, to);
        at += length;
    }
    feed(input->text + at, input->length - at, take, to);
}
