/* json_writer.h - text and tensors -> JSON, produced piece by piece. Knows nothing of MSE or HTTP.
 *
 * A document is a list of parts: text as it stands, and tensors as nested arrays. */
#ifndef JSON_WRITER_H
#define JSON_WRITER_H

#include "base/tensor.h"

#include <stdbool.h>
#include <stddef.h>

#define JSON_WRITER_PARTS_MAX 16

/* The least room that json_writer_write is given, in bytes. */
#define JSON_WRITER_ROOM_MIN 256

/* Two tensors that differ in their signs only are converted once: the digits of the first stay in
 * the place of its values, and their scales in another tensor of as many elements. */
enum json_writer_digits { JSON_WRITER_CONVERT, JSON_WRITER_CONVERT_AND_KEEP, JSON_WRITER_KEPT };

struct json_writer_part {
    const char *text; /* NULL: a tensor */
    size_t length;    /* of text, in bytes */
    const struct tensor *tensor;
    const struct tensor *scales;
    enum json_writer_digits digits;
    bool negate;
};

struct json_writer {
    struct json_writer_part parts[JSON_WRITER_PARTS_MAX];
    size_t part_count;
    size_t part; /* the one that is being written */
    size_t next; /* the first byte of its text, or element of its tensor, that is not written */
};

void json_writer_init(struct json_writer *writer);

/* Appends a part, of which there must be fewer than JSON_WRITER_PARTS_MAX. Text and tensors must
 * outlive the writer. */
void json_writer_add_text(struct json_writer *writer, const char *text);

/* The values of a tensor or, if negate is set, their negatives, which are finite. */
void json_writer_add_tensor(struct json_writer *writer, const struct tensor *tensor, bool negate);

/* The values of a tensor, then elsewhere their negatives. Writing the first destroys the values and
 * what stands in scales, a tensor with as many elements. */
void json_writer_add_kept(struct json_writer *writer, const struct tensor *tensor,
                          const struct tensor *scales);
void json_writer_add_kept_negatives(struct json_writer *writer, const struct tensor *tensor,
                                    const struct tensor *scales);

/* Writes the next piece of the document, at most room bytes, and returns its length; 0 at its end.
 */
size_t json_writer_write(struct json_writer *writer, char *out, size_t room);

/* More bytes than the document has. */
size_t json_writer_bound(const struct json_writer *writer);

#endif
