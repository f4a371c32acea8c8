/* oip_codec.c - inference requests: JSON, and the elements of some inputs behind it; results in the
 * same form. Knows nothing of how MSE is computed. */
#include "loss/oip_codec.h"

#include "decimal/decimal.h"
#include "loss/elements.h"
#include "loss/json_problem.h"
#include "loss/oip_document.h"
#include "json/json_reader.h"
#include "json/json_writer.h"

#include <cjson/cJSON.h>
#include <endian.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_HEADER "Inference-Header-Content-Length"

/* A response of at most this many bytes is sent as one buffer. */
#define WHOLE_MAX 120000

/* ---- the decoder: a json_reader, then elements */

struct decoder {
    struct json_reader reader;
    bool has_length; /* the head says how long the JSON is */
    bool is_read;    /* the JSON has ended, and document and request are set */
    bool is_bad;     /* problem says why */
    uint64_t json_length;
    uint64_t received; /* bytes of the body */
    struct oip_document document;
    struct request request;
    struct problem problem;

    size_t blob; /* the one that is arriving */
    uint64_t blob_left;
    struct elements elements;
};

static void begin_blob(struct decoder *decoder)
{
    if (decoder->blob == decoder->document.blob_count) return;
    const struct oip_blob *blob = &decoder->document.blobs[decoder->blob];
    decoder->blob_left = blob->size;
    elements_init(&decoder->elements, blob->type, &decoder->request.inputs[blob->input]);
}

static void end_blob(struct decoder *decoder)
{
    if (decoder->elements.has_non_finite) decoder->request.has_non_finite = true;
    tensor_trim(decoder->elements.tensor);
    decoder->blob++;
    begin_blob(decoder);
}

/* What is left of the body is read, but not kept. */
static void give_up(struct decoder *decoder)
{
    decoder->is_bad = true;
    request_free(&decoder->request);
}

/* Where the JSON ends is what clients get wrong most often. */
static void explain_json(const struct decoder *decoder, struct problem *problem)
{
    const struct json_reader_error *error = &decoder->reader.error;
    bool goes_on =
        error->fault == JSON_READER_SYNTAX && strcmp(error->expected, JSON_READER_END) == 0;
    if (goes_on && decoder->has_length) {
        problem_set(problem, PROBLEM_MALFORMED_JSON, "",
                    "The JSON ends before byte %" PRIu64 ", but " LENGTH_HEADER
                    " says that it has %" PRIu64 " bytes.",
                    error->offset, decoder->json_length);
    } else if (goes_on) {
        problem_set(problem, PROBLEM_MALFORMED_JSON, "",
                    "The body goes on after its JSON, at byte %" PRIu64
                    "; with binary data, send the header " LENGTH_HEADER
                    ", the length of the JSON in bytes.",
                    error->offset);
    } else if (error->fault == JSON_READER_TRUNCATED && decoder->has_length) {
        problem_set(problem, PROBLEM_MALFORMED_JSON, "",
                    "The JSON is incomplete after the %" PRIu64 " bytes that " LENGTH_HEADER
                    " says it has.",
                    decoder->json_length);
    } else {
        json_problem_set(problem, error);
    }
}

/* The JSON has ended. */
static void read_document(struct decoder *decoder)
{
    struct json_reader *reader = &decoder->reader;
    decoder->is_read = true;
    json_reader_finish(reader);
    if (reader->error.fault != JSON_READER_NO_FAULT) {
        explain_json(decoder, &decoder->problem);
        give_up(decoder);
    } else if (!oip_document_read(&decoder->document, reader, &decoder->request,
                                  &decoder->problem)) {
        give_up(decoder);
    } else {
        begin_blob(decoder);
    }
    json_reader_free(reader); /* shapes, and what was not taken */
}

static void begin(void *context, const struct head *head, struct tensor_budget *budget)
{
    struct decoder *decoder = context;
    const char *length = head->inference_header_content_length;
    json_reader_init(&decoder->reader, budget);
    request_init(&decoder->request);
    decoder->document.blob_count = 0;
    decoder->document.id = NULL;
    decoder->has_length = length != NULL;
    decoder->is_read = false;
    decoder->is_bad = false;
    decoder->json_length = UINT64_MAX;
    decoder->received = 0;
    decoder->blob = 0;
    if (length == NULL) return;
    if (length[0] == '\0' || length[strspn(length, "0123456789")] != '\0') {
        problem_set(&decoder->problem, PROBLEM_MALFORMED_HEADERS, "",
                    "The header " LENGTH_HEADER
                    " must be the length of the JSON in bytes, not \"%.100s\".",
                    length);
        give_up(decoder);
        decoder->is_read = true;
        return;
    }
    decoder->json_length = strtoull(length, NULL, 10);
    if (decoder->json_length == 0) read_document(decoder);
}

static void receive_elements(struct decoder *decoder, const char *bytes, size_t length)
{
    while (length > 0 && decoder->blob < decoder->document.blob_count && !decoder->is_bad) {
        size_t taken = length < decoder->blob_left ? length : (size_t)decoder->blob_left;
        if (!elements_add(&decoder->elements, bytes, taken)) {
            problem_set_out_of_memory(&decoder->problem);
            give_up(decoder);
            return;
        }
        decoder->blob_left -= taken;
        bytes += taken;
        length -= taken;
        if (decoder->blob_left == 0) end_blob(decoder);
    }
}

static size_t receive(void *context, const char *bytes, size_t length)
{
    struct decoder *decoder = context;
    size_t json = 0;
    if (!decoder->is_read) {
        uint64_t left = decoder->json_length - decoder->received;
        json = length < left ? length : (size_t)left;
        json_reader_feed(&decoder->reader, bytes, json);
    }
    decoder->received += length;
    if (!decoder->is_read && decoder->received >= decoder->json_length) read_document(decoder);
    if (decoder->is_read) receive_elements(decoder, bytes + json, length - json);
    return length;
}

static uint64_t binary_size(const struct oip_document *document)
{
    uint64_t size = 0;
    for (size_t i = 0; i < document->blob_count; i++) size += document->blobs[i].size;
    return size;
}

/* Whether the body is as long as the head and the inputs say. */
static bool check_length(const struct decoder *decoder, struct problem *problem)
{
    uint64_t expected = binary_size(&decoder->document);
    uint64_t found = decoder->has_length ? decoder->received - decoder->json_length : 0;
    if (found == expected) return true;
    if (!decoder->has_length) {
        problem_set(problem, PROBLEM_MALFORMED_HEADERS, "",
                    "An input has binary_data_size, so its data follows the JSON; send the "
                    "header " LENGTH_HEADER ", the length of the JSON in bytes.");
    } else {
        problem_set(problem, PROBLEM_MALFORMED_HEADERS, "",
                    "After the %" PRIu64 " bytes of JSON that " LENGTH_HEADER " says come %" PRIu64
                    " bytes, but the inputs' binary_data_size is %" PRIu64 " in all.",
                    decoder->json_length, found, expected);
    }
    return false;
}

static bool finish(void *context, struct request *request, struct problem *problem)
{
    struct decoder *decoder = context;
    if (!decoder->is_read && decoder->has_length) {
        problem_set(problem, PROBLEM_MALFORMED_HEADERS, "",
                    "The body has %" PRIu64 " bytes, but " LENGTH_HEADER
                    " says that its JSON has %" PRIu64 ".",
                    decoder->received, decoder->json_length);
        return false;
    }
    if (!decoder->is_read) read_document(decoder);
    if (decoder->is_bad) {
        *problem = decoder->problem;
        return false;
    }
    if (!check_length(decoder, problem)) return false;
    *request = decoder->request;
    request_init(&decoder->request);
    return true;
}

static void end(void *context)
{
    struct decoder *decoder = context;
    request_free(&decoder->request);
    json_reader_free(&decoder->reader);
}

/* ---- faults in words */

/* "targets[3]", or "targets[1,0]"; "targets" where index is REQUEST_ALL. */
static void write_place(char *place, size_t size, const char *name, const struct tensor *tensor,
                        size_t index)
{
    size_t length = (size_t)snprintf(place, size, "%s", name);
    if (index == REQUEST_ALL) return;
    size_t stride = tensor->length;
    for (size_t i = 0; i < tensor->rank && length < size; i++) {
        stride /= tensor->shape[i];
        length += (size_t)snprintf(place + length, size - length, "%s%zu", i == 0 ? "[" : ",",
                                   index / stride);
        index %= stride;
    }
    if (length < size) snprintf(place + length, size - length, "]");
}

static void explain(const struct request *request, const struct request_fault *fault,
                    struct problem *problem)
{
    char place[PROBLEM_POINTER_MAX];
    write_place(place, sizeof place, request_input_name(fault->input),
                &request->inputs[fault->input], fault->index);
    codec_explain(request, fault, "input", place, "", problem);
}

static void refuse(const struct problem *problem, struct response *response)
{
    static const char out_of_memory[] =
        "{\"error\":\"The server has no memory left; retry later.\"}";
    cJSON *document = cJSON_CreateObject();
    bool ok = cJSON_AddStringToObject(document, "error", problem->detail) != NULL;
    char *text = ok ? cJSON_PrintUnformatted(document) : NULL;
    cJSON_Delete(document);
    problem_begin_response(text != NULL ? problem->type : PROBLEM_MEMORY_EXHAUSTED, response);
    if (text != NULL) {
        response_set_whole(response, "application/json", text, strlen(text));
    } else {
        response_set_constant(response, "application/json", out_of_memory,
                              sizeof out_of_memory - 1);
    }
}

/* ---- the result */

#define SHAPE_TEXT_MAX (TENSOR_RANK_MAX * sizeof "18446744073709551615" + 2)

/* Of one output, and of what is not the id's. */
#define OUTPUT_TEXT_MAX (160 + SHAPE_TEXT_MAX)

/* An output as binary data. */
struct blob {
    const double *values;
    size_t length; /* elements */
    bool negate;
};

struct source {
    struct result result;
    struct json_writer writer;
    uint64_t json_left; /* bytes until the binary data; spaces where the JSON is shorter */
    struct blob blobs[OIP_OUTPUTS];
    size_t blob_count, blob;
    size_t next; /* the first element of the blob that is not written */

    char *text_begin, *text_end; /* of the part of text that is being written */
    char text[JSON_READER_OUTLINE_MAX + OIP_OUTPUTS * OUTPUT_TEXT_MAX];
};

/* There is room: see text. */
static void __attribute__((format(printf, 2, 3)))
print(struct source *source, const char *format, ...)
{
    va_list arguments;
    size_t room = (size_t)(source->text + sizeof source->text - source->text_end);
    va_start(arguments, format);
    source->text_end += vsnprintf(source->text_end, room, format, arguments);
    va_end(arguments);
}

static void end_text(struct source *source)
{
    json_writer_add_text(&source->writer, source->text_begin);
    source->text_begin = ++source->text_end;
}

/* As the client has spelled it. */
static void print_id(struct source *source, const struct oip_document *document)
{
    char *p = source->text_end;
    print(source, "%.*s", (int)document->id_length, document->id);
    for (; p < source->text_end; p++) {
        if (*p != '\\') continue;
        if (strncmp(p, JSON_READER_NUL, 6) == 0) memcpy(p, "\\u0000", 6);
        p++;
    }
}

static void write_shape(char text[static SHAPE_TEXT_MAX], const struct tensor *tensor)
{
    size_t length = 0;
    for (size_t i = 0; i < tensor->rank; i++) {
        length += (size_t)snprintf(text + length, SHAPE_TEXT_MAX - length, "%c%zu",
                                   i == 0 ? '[' : ',', tensor->shape[i]);
    }
    snprintf(text + length, SHAPE_TEXT_MAX - length, "]");
}

/* Arrays are written flat, whatever the shape. */
static void flatten(struct tensor *tensor)
{
    tensor->rank = 1;
    tensor->shape[0] = tensor->length;
}

/* Takes note of the shape, which all tensors of a result have. */
static void take_shape(struct result *result, char shape[static SHAPE_TEXT_MAX])
{
    struct tensor *const tensors[] = {&result->losses, &result->gradient, &result->negated};
    for (size_t i = 0; i < sizeof tensors / sizeof tensors[0]; i++) {
        if (tensors[i]->length == 0) continue;
        write_shape(shape, tensors[i]);
        flatten(tensors[i]);
    }
}

/* The tensor of an output, whose values may have to be negated still. */
static const struct tensor *tensor_of(const struct result *result, enum oip_output output,
                                      bool *negate)
{
    *negate = output == OIP_TARGETS && result->negated.length == 0;
    if (output == OIP_LOSS) return &result->losses;
    return output == OIP_TARGETS && !*negate ? &result->negated : &result->gradient;
}

static void add_loss(struct source *source, bool is_binary)
{
    char number[DECIMAL_PRINT_MAX + 1];
    number[decimal_print(source->result.loss, number)] = '\0';
    if (is_binary) {
        source->blobs[source->blob_count++] = (struct blob){&source->result.loss, 1, false};
        print(source, "\"shape\":[1],\"parameters\":{\"binary_data_size\":8}}");
    } else {
        print(source, "\"shape\":[1],\"data\":[%s]}", number);
    }
}

static void add_tensor(struct source *source, enum oip_output output, const char *shape,
                       const struct oip_document *document)
{
    struct result *result = &source->result;
    bool negate;
    const struct tensor *tensor = tensor_of(result, output, &negate);
    bool is_pair = result->negated.length > 0 && result->gradient.length > 0;
    bool is_json = !document->is_binary[OIP_PREDICTIONS] && !document->is_binary[OIP_TARGETS];
    print(source, "\"shape\":%s,", shape);
    if (document->is_binary[output]) {
        source->blobs[source->blob_count++] = (struct blob){tensor->values, tensor->length, negate};
        print(source, "\"parameters\":{\"binary_data_size\":%zu}}",
              tensor->length * sizeof(double));
        return;
    }
    print(source, "\"data\":");
    end_text(source);
    if (output == OIP_LOSS || !is_pair || !is_json) {
        json_writer_add_tensor(&source->writer, tensor, negate);
    } else if (output == OIP_PREDICTIONS) {
        json_writer_add_kept(&source->writer, &result->gradient, &result->negated);
    } else {
        json_writer_add_kept_negatives(&source->writer, &result->gradient, &result->negated);
    }
    print(source, "}");
}

static void lay_out(struct source *source, const struct oip_document *document)
{
    char shape[SHAPE_TEXT_MAX];
    bool is_first = true;
    take_shape(&source->result, shape);
    json_writer_init(&source->writer);
    source->blob_count = source->blob = source->next = 0;
    source->text_begin = source->text_end = source->text;

    print(source, document->id != NULL ? "{\"id\":" : "{");
    if (document->id != NULL) {
        print_id(source, document);
        print(source, ",");
    }
    print(source,
          "\"model_name\":\"" OIP_MODEL "\",\"model_version\":\"" OIP_VERSION "\",\"outputs\":[");
    for (int output = 0; output < OIP_OUTPUTS; output++) {
        if (!document->wants[output]) continue;
        print(source, "%s{\"name\":\"%s\",\"datatype\":\"FP64\",", is_first ? "" : ",",
              oip_document_output_name((enum oip_output)output));
        if (output == OIP_LOSS && !source->result.is_elementwise) {
            add_loss(source, document->is_binary[output]);
        } else {
            add_tensor(source, (enum oip_output)output, shape, document);
        }
        is_first = false;
    }
    print(source, "]}");
    end_text(source);
}

/* ---- the body of a response */

static size_t binary_length(const struct source *source)
{
    size_t length = 0;
    for (size_t i = 0; i < source->blob_count; i++)
        length += source->blobs[i].length * sizeof(double);
    return length;
}

static void write_element(char *out, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits = htole64(bits);
    memcpy(out, &bits, sizeof bits);
}

static size_t write_blobs(struct source *source, char *out, size_t room)
{
    size_t written = 0;
    while (source->blob < source->blob_count && room - written >= sizeof(double)) {
        const struct blob *blob = &source->blobs[source->blob];
        size_t wanted = (room - written) / sizeof(double);
        size_t left = blob->length - source->next;
        size_t count = left < wanted ? left : wanted;
        const double *values = blob->values + source->next;
        for (size_t i = 0; i < count; i++) {
            write_element(out + written + i * sizeof(double),
                          blob->negate ? 0.0 - values[i] : values[i]);
        }
        written += count * sizeof(double);
        source->next += count;
        if (source->next == blob->length) {
            source->blob++;
            source->next = 0;
        }
    }
    return written;
}

static size_t produce(void *context, char *out, size_t room)
{
    struct source *source = context;
    size_t length = json_writer_write(&source->writer, out, room);
    if (source->blob_count == 0) return length;
    if (length == 0 && source->json_left > 0) {
        length = source->json_left < room ? (size_t)source->json_left : room;
        memset(out, ' ', length);
    }
    source->json_left -= length;
    return length > 0 ? length : write_blobs(source, out, room);
}

static void release(void *context)
{
    struct source *source = context;
    job_free_result(&source->result);
    free(source);
}

/* The head of a response with binary data. */
static const char *media_type_of(const struct source *source)
{
    return source->blob_count > 0 ? "application/octet-stream" : "application/json";
}

static bool respond_whole(struct source *source, size_t room, struct response *response)
{
    char *text = malloc(room);
    if (text == NULL) {
        release(source);
        return false;
    }
    size_t json_length = json_writer_write(&source->writer, text, room);
    size_t length = json_length + write_blobs(source, text + json_length, room - json_length);
    response_set_whole(response, media_type_of(source), text, length);
    if (source->blob_count > 0) response_add_number(response, LENGTH_HEADER, json_length);
    release(source);
    return true;
}

/* Whether all that is not binary data is one text, and the data lies in memory as it is sent. */
static bool is_memory(const struct source *source)
{
    if (source->blob_count == 0 || source->writer.part_count > 1 || htole16(1) != 1) return false;
    for (size_t i = 0; i < source->blob_count; i++) {
        if (source->blobs[i].negate) return false;
    }
    return true;
}

static void respond_memory(struct source *source, struct response *response)
{
    size_t json_length = strlen(source->text);
    response_set_memory(response, media_type_of(source), release, source);
    response_add_part(response, source->text, json_length);
    for (size_t i = 0; i < source->blob_count; i++) {
        response_add_part(response, source->blobs[i].values,
                          source->blobs[i].length * sizeof(double));
    }
    response_add_number(response, LENGTH_HEADER, json_length);
}

/* The length of the JSON is said before it is known: it is what is surely enough. */
static void respond_produced(struct source *source, struct response *response)
{
    response_set_produced(response, media_type_of(source), produce, release, source);
    if (source->blob_count == 0) return;
    source->json_left = json_writer_bound(&source->writer);
    response->length = (size_t)source->json_left + binary_length(source);
    response_add_number(response, LENGTH_HEADER, source->json_left);
}

static bool respond(struct result *result, const void *context, struct response *response)
{
    const struct decoder *decoder = context;
    struct source *source = malloc(sizeof *source);
    if (source == NULL) {
        job_free_result(result);
        return false;
    }
    source->result = *result;
    lay_out(source, &decoder->document);

    response_begin(response, 200);
    response->elements = result->elements;
    size_t bound = json_writer_bound(&source->writer) + binary_length(source);
    if (bound <= WHOLE_MAX) return respond_whole(source, bound + JSON_WRITER_ROOM_MIN, response);
    if (is_memory(source)) {
        respond_memory(source, response);
    } else {
        respond_produced(source, response);
    }
    return true;
}

const struct codec oip_codec = {.format = METRICS_INFERENCE,
                                .media_type = "application/json",
                                .sends_memory = true,
                                .decoder_size = sizeof(struct decoder),
                                .begin = begin,
                                .receive = receive,
                                .finish = finish,
                                .end = end,
                                .explain = explain,
                                .respond = respond,
                                .refuse = refuse};
