/* safetensors.c - safetensors files, written and read. */
#include "support/safetensors.h"

#include "support/bits.h"
#include "support/cmocka_all.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void append_integer(struct text *text, uint64_t value)
{
    for (int i = 0; i < 8; i++) text_append(text, &(char){(char)(value >> 8 * i)}, 1);
}

static uint64_t integer_at(const char *bytes)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--) value = value << 8 | (unsigned char)bytes[i];
    return value;
}

void safetensors_add_text(struct safetensors *file, const char *members)
{
    text_printf(&file->header, "%s%s", file->header.length > 0 ? "," : "", members);
}

void safetensors_add(struct safetensors *file, const char *name, const double *values,
                     const size_t *shape, size_t rank)
{
    size_t begin = file->data.length, n = 1;
    text_printf(&file->header, "%s\"%s\":{\"dtype\":\"F64\",\"shape\":[",
                file->header.length > 0 ? "," : "", name);
    for (size_t i = 0; i < rank; i++) {
        text_printf(&file->header, "%s%zu", i > 0 ? "," : "", shape[i]);
        n *= shape[i];
    }
    for (size_t i = 0; i < n; i++) append_integer(&file->data, bits_of(values[i]));
    text_printf(&file->header, "],\"data_offsets\":[%zu,%zu]}", begin, file->data.length);
}

void safetensors_finish(struct safetensors *file, struct text *text)
{
    append_integer(text, file->header.length + 2);
    text_printf(text, "{%s}", file->header.length > 0 ? file->header.bytes : "");
    text_append(text, file->data.bytes, file->data.length);
    text_free(&file->header);
    text_free(&file->data);
}

double *safetensors_read(const struct text *file, const char *name, char *shape, size_t size,
                         size_t *count)
{
    assert_true(file->length > 8);
    uint64_t header_length = integer_at(file->bytes);
    assert_true(header_length <= file->length - 8);
    cJSON *header = cJSON_ParseWithLength(file->bytes + 8, header_length);
    assert_non_null(header);
    const cJSON *tensor = cJSON_GetObjectItemCaseSensitive(header, name);
    double *values = NULL;
    if (tensor != NULL) {
        const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(tensor, "data_offsets");
        size_t begin = 8 + header_length + (size_t)cJSON_GetArrayItem(offsets, 0)->valuedouble;
        size_t end = 8 + header_length + (size_t)cJSON_GetArrayItem(offsets, 1)->valuedouble;
        assert_true(begin <= end && end <= file->length && begin % 8 == 0);
        assert_true(cJSON_PrintPreallocated(cJSON_GetObjectItemCaseSensitive(tensor, "shape"),
                                            shape, (int)size, false));
        *count = (end - begin) / 8;
        values = malloc(*count * sizeof *values);
        assert_non_null(values);
        for (size_t i = 0; i < *count; i++)
            values[i] = double_of(integer_at(file->bytes + begin + 8 * i));
    }
    cJSON_Delete(header);
    return values;
}
