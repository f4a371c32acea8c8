/* safetensors_result.c - a result -> a safetensors file. Knows nothing of how MSE is computed. */
#include "loss/safetensors_result.h"

#include "loss/job.h"

#include <endian.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The bytes of a header's length, before it. */
#define PREFIX_LENGTH 8

/* The longest text of a shape, and that of a tensor beside its shape. */
#define SHAPE_TEXT_MAX (TENSOR_RANK_MAX * sizeof "18446744073709551615,")
#define ENTRY_TEXT_MAX                                                                    \
    (SHAPE_TEXT_MAX + sizeof "\"gradients.predictions\":{\"dtype\":\"F64\",\"shape\":[]," \
                             "\"data_offsets\":[18446744073709551615,18446744073709551615]},")
#define HEAD_MAX (PREFIX_LENGTH + 3 * ENTRY_TEXT_MAX + PREFIX_LENGTH)

struct source {
    struct result result;
    double loss;
    size_t head_length; /* of text that is written; in the end, of all, padded */
    uint64_t data_length;
    size_t written;     /* of a body that is produced, in bytes */
    size_t kept_length; /* of its part that lies in memory */
    struct response_part kept[3];
    char head[HEAD_MAX];
};

/* Numbers go out little-endian, as nearly all machines have them. */
static void swap(double *values, size_t count)
{
    if (__BYTE_ORDER == __LITTLE_ENDIAN) return;
    for (size_t i = 0; i < count; i++) {
        uint64_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        bits = htole64(bits);
        memcpy(&values[i], &bits, sizeof bits);
    }
}

__attribute__((format(printf, 2, 3))) static void put(struct source *source, const char *format,
                                                      ...)
{
    va_list arguments;
    va_start(arguments, format);
    source->head_length +=
        (size_t)vsnprintf(source->head + source->head_length,
                          sizeof source->head - source->head_length, format, arguments);
    va_end(arguments);
}

/* A tensor of the header; NULL: of rank 0. */
static void put_entry(struct source *source, const char *name, const struct tensor *shape)
{
    uint64_t length = shape != NULL ? shape->length * sizeof(double) : sizeof(double);
    put(source, "%c\"%s\":{\"dtype\":\"F64\",\"shape\":[", source->data_length == 0 ? '{' : ',',
        name);
    for (size_t i = 0; shape != NULL && i < shape->rank; i++)
        put(source, "%s%zu", i > 0 ? "," : "", shape->shape[i]);
    put(source, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", source->data_length,
        source->data_length + length);
    source->data_length += length;
}

static void lay_out(struct source *source)
{
    const struct result *result = &source->result;
    const struct tensor *gradient =
        result->gradient.length > 0 ? &result->gradient : &result->negated;
    source->head_length = PREFIX_LENGTH;
    source->data_length = 0;
    put_entry(source, "loss", result->is_elementwise ? &result->losses : NULL);
    if (result->wants_predictions) put_entry(source, "gradients.predictions", gradient);
    if (result->wants_targets) put_entry(source, "gradients.targets", gradient);
    put(source, "}");
    while (source->head_length % sizeof(double) != 0) put(source, " ");
    uint64_t header_length = htole64((uint64_t)(source->head_length - PREFIX_LENGTH));
    memcpy(source->head, &header_length, sizeof header_length);
}

static void release(void *context)
{
    struct source *source = context;
    job_free_result(&source->result);
    free(source);
}

static void add_tensor(struct response *response, struct tensor *tensor)
{
    if (tensor->length == 0) return;
    swap(tensor->values, tensor->length);
    response_add_part(response, tensor->values, tensor->length * sizeof(double));
}

/* Writes bytes of the negatives of doubles that are little-endian, from offset on. */
static size_t write_negatives(const struct tensor *tensor, size_t offset, char *out, size_t room)
{
    size_t length = 0;
    size_t end = tensor->length * sizeof(double);
    while (offset + length < end && length < room) {
        size_t from = (offset + length) % sizeof(double);
        size_t count =
            sizeof(double) - from < room - length ? sizeof(double) - from : room - length;
        double value = tensor->values[(offset + length) / sizeof(double)];
        swap(&value, 1);
        value = 0.0 - value;
        swap(&value, 1);
        memcpy(out + length, (const char *)&value + from, count);
        length += count;
    }
    return length;
}

/* The gradient with respect to the targets has no place in memory beside the losses. */
static size_t produce(void *context, char *out, size_t room)
{
    struct source *source = context;
    size_t begin = 0;
    for (size_t i = 0; i < sizeof source->kept / sizeof source->kept[0]; i++) {
        const struct response_part *part = &source->kept[i];
        if (source->written < begin + part->length) {
            size_t rest = begin + part->length - source->written;
            size_t length = rest < room ? rest : room;
            memcpy(out, (const char *)part->bytes + (source->written - begin), length);
            source->written += length;
            return length;
        }
        begin += part->length;
    }
    size_t length = write_negatives(&source->result.gradient, source->written - begin, out, room);
    source->written += length;
    return length;
}

bool safetensors_result_respond(struct result *result, const void *decoder,
                                struct response *response)
{
    (void)decoder;
    struct source *source = malloc(sizeof *source);
    if (source == NULL) {
        job_free_result(result);
        return false;
    }
    source->result = *result;
    source->loss = result->loss;
    lay_out(source);

    response_begin(response, 200);
    response->elements = result->elements;
    response_set_memory(response, SAFETENSORS_RESULT_MEDIA_TYPE, release, source);
    response_add_part(response, source->head, source->head_length);
    if (!result->is_elementwise) {
        swap(&source->loss, 1);
        response_add_part(response, &source->loss, sizeof source->loss);
    }
    add_tensor(response, &source->result.losses);
    add_tensor(response, &source->result.gradient);
    add_tensor(response, &source->result.negated);
    if (result->wants_targets && result->negated.length == 0) {
        memcpy(source->kept, response->parts, sizeof source->kept);
        source->written = 0;
        response->body = RESPONSE_PRODUCED;
        response->produce = produce;
        response->length = source->head_length + source->data_length;
    }
    return true;
}
