/* elements.h - the elements of a binary type, little-endian, as they arrive -> doubles at the end
 * of a tensor. Knows nothing of formats. */
#ifndef ELEMENTS_H
#define ELEMENTS_H

#include "base/tensor.h"

#include <stdbool.h>
#include <stddef.h>

/* Types that widen to binary64 without error; integers of 64 bits are rounded to nearest, ties to
 * even, as their decimal text would be. */
enum element_type {
    ELEMENT_F64,  /* IEEE 754 binary64 */
    ELEMENT_F32,  /* binary32 */
    ELEMENT_F16,  /* binary16 */
    ELEMENT_BF16, /* bfloat16: the upper half of a binary32 */
    ELEMENT_I8,   /* two's complement, to ELEMENT_I64 */
    ELEMENT_I16,
    ELEMENT_I32,
    ELEMENT_I64,
    ELEMENT_U8,
    ELEMENT_U16,
    ELEMENT_U32,
    ELEMENT_U64,
    ELEMENT_TYPES
};

#define ELEMENT_SIZE_MAX 8 /* bytes of the largest element */

/* Bytes of one element. */
size_t elements_size_of(enum element_type type);

struct elements {
    enum element_type type;
    struct tensor *tensor; /* the caller's; elements are appended to it */
    bool has_non_finite;   /* a NaN or an infinity is among them */

    /* private */
    unsigned char cut[ELEMENT_SIZE_MAX]; /* the first bytes of an element that is cut */
    size_t cut_length;
};

void elements_init(struct elements *elements, enum element_type type, struct tensor *tensor);

/* Takes bytes, cut anywhere. The tensor grows as they arrive, charged to its budget. false: the
 * budget or the memory is spent; the tensor then holds some of the elements. */
bool elements_add(struct elements *elements, const void *bytes, size_t length);

#endif
