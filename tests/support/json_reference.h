/* json_reference.h - what json_reader must make of a whole text, found the plain way: by recursive
 * descent over the text in one piece, each rule as RFC 8259 and json_reader.h state it. */
#ifndef JSON_REFERENCE_H
#define JSON_REFERENCE_H

#include "json/json_reader.h"

struct json_reference {
    enum json_reader_fault fault;
    size_t offset;
    char expanded[1 << 16]; /* without a fault: the text less white space, elements of tensors
                               written with %.17g */
};

/* length is at most 4000. Of the limits it knows those of depth and of tensors. */
void json_reference_read(const char *bytes, size_t length, struct json_reference *reference);

#endif
