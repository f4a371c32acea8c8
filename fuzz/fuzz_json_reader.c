/* fuzz_json_reader.c - a text read whole, in the input's chunks and byte by byte: all three must
 * come to one result, and to that of the reference. */
#include "input.h"

#include "support/json_reference.h"
#include "support/outline.h"
#include "json/json_reader.h"

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
         (error->fault == JSON_READER_NO_FAULT || error->fault >= JSON_READER_FIRST_CONTENT
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
    end(&whole);
    end(&cut);
    end(&bytes);
    return 0;
}
