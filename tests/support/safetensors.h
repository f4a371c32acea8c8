/* safetensors.h - safetensors files, written and read with no help of the code under test. */
#ifndef SAFETENSORS_H
#define SAFETENSORS_H

#include "support/text.h"

/* {0} is a file without tensors. */
struct safetensors {
    struct text header, data;
};

/* Appends a tensor of doubles. */
void safetensors_add(struct safetensors *file, const char *name, const double *values,
                     const size_t *shape, size_t rank);

/* Appends members of the header as they stand, "\"__metadata__\":{...}". */
void safetensors_add_text(struct safetensors *file, const char *members);

/* Writes the file to *text and frees it. */
void safetensors_finish(struct safetensors *file, struct text *text);

/* The values of a tensor of doubles in a file, allocated, and its shape as text, "[2,3]"; NULL
 * where it has none of that name. Fails the test where the file is malformed. */
double *safetensors_read(const struct text *file, const char *name, char *shape, size_t size,
                         size_t *count);

#endif
