/* fuzz_json_reader.c - a text read whole, in the input's chunks and byte by byte: all three must
 * come to one result, and to that of the reference. What is JSON must be JSON to cJSON, too, with
 * the same content. */
#include "input.h"
#include "opinion.h"

#include "support/bits.h"
#include "support/json_reference.h"
#include "support/outline.h"
#include "json/json_reader.h"

#include <math.h>
#include <string.h>

#define REFERENCE_MAX 4000 /* bytes, of json_reference_read's text */

struct reading {
    struct json_reader reader;
    struct tensor_budget budget;
    enum json_reader_status fed, status;
};

static void begin(struct reading *reading, size_t budget)
{
    memset(reading, 0xa5, sizeof *reading);
    reading->budget = (struct tensor_budget){.limit = budget};
    json_reader_init(&reading->reader, &reading->budget);
    reading->fed = JSON_READER_MORE;
}

static void take(void *to, const char *bytes, size_t length)
{
    struct reading *reading = to;
    reading->fed = json_reader_feed(&reading->reader, bytes, length);
}

static void finish(struct reading *reading, size_t length)
{
    const struct json_reader *reader = &reading->reader;
    const struct json_reader_error *error = &reader->error;
    reading->status = json_reader_finish(&reading->reader);
    must(reading->fed == JSON_READER_MORE || reading->fed == reading->status);
    must(reading->status !=
         (error->fault == JSON_READER_NO_FAULT ||
                  (error->fault >= JSON_READER_FIRST_CONTENT && error->fault != JSON_READER_MEMORY)
              ? JSON_READER_BAD
              : JSON_READER_DONE));
    must(error->offset <= length);
    must((error->expected != NULL) == (error->fault == JSON_READER_SYNTAX));
    must(error->pointer[0] == '\0' || error->pointer[0] == '/');
    if (error->fault != JSON_READER_NO_FAULT) {
        must(reader->tensor_count == 0 && reading->budget.used == 0);
        return;
    }
    must(strlen(reader->outline) == reader->outline_length);
    for (size_t i = 0; i < reader->tensor_count; i++) {
        size_t product = 1;
        for (size_t level = 0; level < reader->tensors[i].rank; level++)
            product *= reader->tensors[i].shape[level];
        must(product == reader->tensors[i].length && product > 0);
    }
}

static void must_agree(const struct reading *a, const struct reading *b)
{
    const struct json_reader_error *error = &a->reader.error, *other = &b->reader.error;
    must(a->status == b->status && a->fed == b->fed);
    must(error->fault == other->fault && error->offset == other->offset &&
         error->found == other->found);
    must(error->expected == other->expected || strcmp(error->expected, other->expected) == 0);
    must(error->expected_length == other->expected_length &&
         error->found_length == other->found_length);
    must(strcmp(error->pointer, other->pointer) == 0);
    if (error->fault != JSON_READER_NO_FAULT) return;
    must(strcmp(a->reader.outline, b->reader.outline) == 0);
    must(a->reader.tensor_count == b->reader.tensor_count);
    for (size_t i = 0; i < a->reader.tensor_count; i++) {
        const struct tensor *tensor = &a->reader.tensors[i], *same = &b->reader.tensors[i];
        must(tensor_same_shape(tensor, same) && tensor->length == same->length);
        must(memcmp(tensor->values, same->values, tensor->length * sizeof(double)) == 0);
    }
}

static void must_be_as_the_reference(const struct reading *reading, const struct input *input)
{
    static struct json_reference reference;
    static char expanded[sizeof reference.expanded];
    const struct json_reader_error *error = &reading->reader.error;
    json_reference_read(input->text, input->length, &reference);
    if (reading->reader.path.names_passed && reference.fault == JSON_READER_DUPLICATE) return;
    if (error->fault == JSON_READER_LARGE) { /* of which the reference knows little */
        must(reference.fault == JSON_READER_NO_FAULT ||
             reference.fault >= JSON_READER_FIRST_CONTENT);
        return;
    }
    must(error->fault == reference.fault);
    must(error->offset == reference.offset);
    if (error->fault != JSON_READER_NO_FAULT) return;
    outline_expand(&reading->reader, expanded);
    must(strcmp(expanded, reference.expanded) == 0);
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

static void must_be_as_cjson_says(const struct reading *reading, const struct input *input)
{
    const struct json_reader *reader = &reading->reader;
    if (reading->status != JSON_READER_DONE) return;
    cJSON *root = opinion_of(input->text, input->length);
    must(root != NULL);
    if (reader->error.fault == JSON_READER_NO_FAULT) {
        cJSON *outline = cJSON_Parse(reader->outline); /* as request reads it */
        must(outline != NULL);
        must_be_same(root, outline, reader);
        cJSON_Delete(outline);
    } else if (memmem(input->text, input->length, "\\u0000", 6) == NULL) {
        must_be_at_fault(root, &reader->error); /* with U+0000, two names might look like one */
    }
    cJSON_Delete(root);
}

static void end(struct reading *reading)
{
    json_reader_free(&reading->reader);
    must(reading->budget.used == 0);
}

/* The first setting is the budget, in elements times 64; 0: there is no limit. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct reading whole, cut, bytes;
    struct input input = input_of(data, size);
    unsigned setting = input_setting(&input);
    size_t budget = setting > 0 ? setting * 64 * sizeof(double) : SIZE_MAX;

    begin(&whole, budget);
    struct input uncut = {input.text, input.length, input.settings, 0};
    input_feed(&uncut, 0, take, &whole);
    finish(&whole, input.length);

    begin(&cut, budget);
    input_feed(&input, 0, take, &cut);
    finish(&cut, input.length);
    must_agree(&whole, &cut);

    begin(&bytes, budget);
    for (size_t i = 0; i < input.length; i++) {
        char byte = input.text[i];
        take(&bytes, &byte, 1);
    }
    finish(&bytes, input.length);
    must_agree(&whole, &bytes);

    if (setting == 0 && input.length <= REFERENCE_MAX) must_be_as_the_reference(&whole, &input);
    if (setting == 0) must_be_as_cjson_says(&whole, &input);
    end(&whole);
    end(&cut);
    end(&bytes);
    return 0;
}
