/* outline.c - a document as text again, from the outline and the tensors that json_reader has made
 * of it. */
#include "support/outline.h"

#include <stdio.h>

static size_t write_tensor(char *out, const struct tensor *tensor, size_t level,
                           const double **next)
{
    if (level == tensor->rank) return (size_t)sprintf(out, "%.17g", *(*next)++);
    size_t n = 0;
    for (size_t i = 0; i < tensor->shape[level]; i++) {
        out[n++] = i == 0 ? '[' : ',';
        n += write_tensor(out + n, tensor, level + 1, next);
    }
    out[n++] = ']';
    return n;
}

void outline_expand(const struct json_reader *reader, char *out)
{
    bool in_string = false;
    for (const char *p = reader->outline; *p != '\0'; p++) {
        if (*p == '"') in_string = !in_string;
        if (in_string && *p == '\\') *out++ = *p++;
        if (!in_string && *p == '[' && p[1] >= '0' && p[1] <= '9') {
            const struct tensor *tensor = &reader->tensors[p[1] - '0'];
            const double *next = tensor->values;
            out += write_tensor(out, tensor, 0, &next);
            p += 2;
        } else {
            *out++ = *p;
        }
    }
    *out = '\0';
}
