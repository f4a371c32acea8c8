/* json_writer.c - text and tensors -> JSON, produced piece by piece. Knows nothing of MSE or HTTP.
 */
#include "json/json_writer.h"

#include "decimal/decimal.h"

#include <stdint.h>
#include <string.h>

/* Text of one element at most: what may be opened, the number, what may be closed, and a comma. */
#define ELEMENT_MAX (TENSOR_RANK_MAX + DECIMAL_PRINT_MAX + TENSOR_RANK_MAX + 1)
_Static_assert(ELEMENT_MAX <= JSON_WRITER_ROOM_MIN, "every piece has room for one element");
_Static_assert(sizeof(struct decimal_scale) == sizeof(double), "a scale takes an element's place");

/* Elements that are converted at one go, from where they stand to text. */
#define BATCH 64

void json_writer_init(struct json_writer *writer)
{
    writer->part_count = 0;
    writer->part = 0;
    writer->next = 0;
}

static void add(struct json_writer *writer, struct json_writer_part part)
{
    writer->parts[writer->part_count++] = part;
}

void json_writer_add_text(struct json_writer *writer, const char *text)
{
    add(writer, (struct json_writer_part){.text = text, .length = strlen(text)});
}

void json_writer_add_tensor(struct json_writer *writer, const struct tensor *tensor, bool negate)
{
    add(writer, (struct json_writer_part){
                    .tensor = tensor, .digits = JSON_WRITER_CONVERT, .negate = negate});
}

void json_writer_add_kept(struct json_writer *writer, const struct tensor *tensor,
                          const struct tensor *scales)
{
    add(writer, (struct json_writer_part){
                    .tensor = tensor, .scales = scales, .digits = JSON_WRITER_CONVERT_AND_KEEP});
}

void json_writer_add_kept_negatives(struct json_writer *writer, const struct tensor *tensor,
                                    const struct tensor *scales)
{
    add(writer,
        (struct json_writer_part){
            .tensor = tensor, .scales = scales, .digits = JSON_WRITER_KEPT, .negate = true});
}

/* How many dimensions begin a new row at element index, which begins one, or is the tensor's
 * length. */
static size_t rows_begun(const struct tensor *tensor, size_t index)
{
    if (tensor->rank == 0) return 0;
    size_t rows = 1;
    size_t stride = tensor->shape[tensor->rank - 1];
    while (rows < tensor->rank) {
        stride *= tensor->shape[tensor->rank - 1 - rows];
        if (index % stride != 0) break;
        rows++;
    }
    return rows;
}

static char *repeat(char *out, char c, size_t count)
{
    memset(out, c, count);
    return out + count;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Writes numbers from an index of a part's tensor on, at most BATCH, each with a comma; returns
 * their length. */
static size_t write_numbers(const struct json_writer_part *part, size_t index, size_t count,
                            char *out)
{
    double *values = part->tensor->values + index;
    if (part->digits == JSON_WRITER_CONVERT) {
        uint64_t digits[BATCH];
        struct decimal_scale scales[BATCH];
        decimal_shortest_run(values, count, digits, scales);
        return decimal_write_run(digits, scales, count, part->negate, out);
    }
    struct decimal_scale *kept = (struct decimal_scale *)part->scales->values + index;
    if (part->digits == JSON_WRITER_CONVERT_AND_KEEP)
        decimal_shortest_run(values, count, values, kept);
    return decimal_write_run(values, kept, count, part->negate, out);
}

/* Writes elements from writer->next on while there is room; returns the bytes written. */
static size_t write_elements(struct json_writer *writer, const struct json_writer_part *part,
                             char *out, size_t room)
{
    const struct tensor *tensor = part->tensor;
    const char *limit = out + room;
    size_t row = tensor->rank > 0 ? tensor->shape[tensor->rank - 1] : 1;
    size_t index = writer->next;
    size_t column = index % row;
    char *p = out;

    while (index < tensor->length && (size_t)(limit - p) >= ELEMENT_MAX) {
        if (column == 0) p = repeat(p, '[', rows_begun(tensor, index));
        size_t room_for = ((size_t)(limit - p) - TENSOR_RANK_MAX - 1) / DECIMAL_PRINT_MAX;
        size_t count = least(least(row - column, BATCH), room_for);
        p += write_numbers(part, index, count, p);
        index += count;
        column += count;
        if (column == row) {
            column = 0;
            p = repeat(p - 1, ']', rows_begun(tensor, index));
            if (index < tensor->length) *p++ = ',';
        }
    }
    writer->next = index;
    return (size_t)(p - out);
}

static size_t write_some_text(struct json_writer *writer, const struct json_writer_part *part,
                              char *out, size_t room)
{
    size_t length = least(part->length - writer->next, room);
    memcpy(out, part->text + writer->next, length);
    writer->next += length;
    return length;
}

size_t json_writer_write(struct json_writer *writer, char *out, size_t room)
{
    size_t written = 0;
    for (; writer->part < writer->part_count; writer->part++, writer->next = 0) {
        const struct json_writer_part *part = &writer->parts[writer->part];
        if (part->text != NULL) {
            written += write_some_text(writer, part, out + written, room - written);
            if (writer->next < part->length) return written;
        } else {
            written += write_elements(writer, part, out + written, room - written);
            if (writer->next < part->tensor->length) return written;
        }
    }
    return written;
}

size_t json_writer_bound(const struct json_writer *writer)
{
    size_t bound = 0;
    for (size_t i = 0; i < writer->part_count; i++) {
        const struct json_writer_part *part = &writer->parts[i];
        const struct tensor *tensor = part->tensor;
        bound += part->length;
        if (part->text == NULL) {
            bound += tensor->length * (DECIMAL_PRINT_MAX + 2 * tensor->rank) + 2 * tensor->rank;
        }
    }
    return bound + 1;
}
