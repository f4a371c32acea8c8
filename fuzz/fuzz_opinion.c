/* fuzz_opinion.c - what json_reader takes for JSON, cJSON must take for JSON, with the same
 * content. */
#include "input.h"
#include "opinion.h"

#include "support/bits.h"
#include "json/json_reader.h"

#include <math.h>
#include <string.h>

static void take(void *to, const char *bytes, size_t length)
{
    json_reader_feed(to, bytes, length);
}

/* NOLINTBEGIN(misc-no-recursion): json_reader has limited the depth. */

static void must_be_tensor(const cJSON *value, const struct tensor *tensor, size_t level,
                           const double **next)
{
    if (level == tensor->rank) {
        must(cJSON_IsNumber(value));
        must(bits_of(value->valuedouble) == bits_of(*(*next)++));
        return;
    }
    must(cJSON_IsArray(value) && (size_t)cJSON_GetArraySize(value) == tensor->shape[level]);
    for (value = value->child; value != NULL; value = value->next)
        must_be_tensor(value, tensor, level + 1, next);
}

/* outlined is the value's place in the outline. */
static void must_be_same(const cJSON *value, const cJSON *outlined,
                         const struct json_reader *reader)
{
    must(value->type == outlined->type);
    must((value->string == NULL) == (outlined->string == NULL));
    if (value->string != NULL) must(strcmp(value->string, outlined->string) == 0);
    if (cJSON_IsArray(outlined) && cJSON_IsNumber(outlined->child)) {
        const struct tensor *tensor = &reader->tensors[outlined->child->valueint];
        const double *next = tensor->values;
        must_be_tensor(value, tensor, 0, &next);
        must(next == tensor->values + tensor->length);
        return;
    }
    if (cJSON_IsString(value)) must(strcmp(value->valuestring, outlined->valuestring) == 0);
    if (cJSON_IsNumber(value)) must(value->valuedouble == outlined->valuedouble);
    for (value = value->child, outlined = outlined->child; value != NULL; value = value->next) {
        must(outlined != NULL);
        must_be_same(value, outlined, reader);
        outlined = outlined->next;
    }
    must(outlined == NULL);
}

/* NOLINTEND(misc-no-recursion) */

/* What is said to be wrong with the content must be so. */
static void must_be_at_fault(const cJSON *root, const struct json_reader_error *error)
{
    const cJSON *value = opinion_at(root, error->pointer);
    if (error->pointer[0] == '\0') return;
    must(value != NULL);
    if (error->fault == JSON_READER_NOT_A_NUMBER)
        must(!cJSON_IsNumber(value) && !cJSON_IsArray(value));
    if (error->fault == JSON_READER_RANGE) must(cJSON_IsNumber(value) && isinf(value->valuedouble));
    if (error->fault == JSON_READER_LONG_NUMBER) must(cJSON_IsNumber(value));
    if (error->fault != JSON_READER_RAGGED) return;
    if (error->found_length != SIZE_MAX) {
        must(cJSON_IsArray(value) && (size_t)cJSON_GetArraySize(value) == error->found_length);
        must(error->found_length != error->expected_length);
    } else {
        must(error->expected_length == 0 ? cJSON_IsArray(value) : cJSON_IsNumber(value));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json_reader reader;
    struct input input = input_of(data, size);
    struct tensor_budget budget = {.limit = SIZE_MAX};
    json_reader_init(&reader, &budget);
    input_feed(&input, 0, take, &reader);
    if (json_reader_finish(&reader) == JSON_READER_DONE) {
        cJSON *root = opinion_of(input.text, input.length);
        must(root != NULL);
        if (reader.error.fault == JSON_READER_NO_FAULT) {
            cJSON *outline = cJSON_Parse(reader.outline); /* as request reads it */
            must(outline != NULL);
            must_be_same(root, outline, &reader);
            cJSON_Delete(outline);
        } else if (memmem(input.text, input.length, "\\u0000", 6) ==
                   NULL) { /* two names might look like one */
            must_be_at_fault(root, &reader.error);
        }
        cJSON_Delete(root);
    }
    json_reader_free(&reader);
    must(budget.used == 0);
    return 0;
}
