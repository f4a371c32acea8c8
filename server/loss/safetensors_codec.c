/* safetensors_codec.c - application/safetensors: a request's file -> a request. Knows nothing of
 * how MSE is computed.
 *
 * A file is the length of its header, 8 bytes; the header, a JSON object that gives each tensor's
 * dtype, shape and place in the data; and the data. The header is read by json_reader as it arrives
 * and not kept; the data goes to the tensors as it arrives. */
#include "loss/safetensors_codec.h"

#include "loss/elements.h"
#include "loss/json_problem.h"
#include "loss/partial.h"
#include "loss/safetensors_result.h"
#include "json/json_reader.h"

#include <cjson/cJSON.h>
#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PREFIX_LENGTH 8

/* Bytes of a header: by the format, and of one that is read. */
#define HEADER_FORMAT_MAX 100000000
#define HEADER_MAX        65536

/* How much of a client's own text a message repeats, in bytes. */
#define QUOTE_MAX "100"

/* A tensor has two arrays of numbers, of which only the shape may be empty: then it is not one that
 * json_reader counts. */
#define ENTRIES_MAX JSON_READER_TENSORS_MAX

/* A tensor of the file. */
struct entry {
    const char *name;         /* for as long as the header is at hand */
    enum request_input input; /* REQUEST_INPUTS: none */
    enum element_type type;   /* ELEMENT_TYPES: none that widens */
    uint64_t begin, end;      /* in the data, in bytes */
};

enum state { IN_PREFIX, IN_HEADER, IN_DATA, SKIPPING };

/* A file that is malformed outweighs one that is no request. The first fault of a kind counts. */
enum verdict { GOOD, REFUSED, MALFORMED };

struct decoder {
    struct tensor_budget *budget;
    struct request request; /* of which the tensors are being filled */
    enum verdict verdict;
    struct problem problem;
    enum state state;
    uint64_t received; /* bytes of the body */

    unsigned char prefix[PREFIX_LENGTH];
    uint64_t header_length;
    struct json_reader reader;
    bool in_string, is_escaped; /* where in the header's text reading stands */
    unsigned char last;         /* its byte before */
    uint64_t no_integer;        /* the first byte of the body that shows a number not to be one; 0:
                                   none */

    size_t entry_count, entry; /* the one whose data comes next */
    struct entry entries[ENTRIES_MAX];
    struct elements elements; /* of that one */
};

/* ---- faults */

/* Whether a fault of this weight is the first, and to be told. */
static bool takes_fault(struct decoder *decoder, enum verdict verdict)
{
    if (verdict <= decoder->verdict) return false;
    decoder->verdict = verdict;
    for (int i = 0; i < REQUEST_INPUTS; i++) tensor_free(&decoder->request.inputs[i]);
    return true;
}

#define REFUSE(decoder, ...)                                                              \
    do {                                                                                  \
        if (takes_fault(decoder, REFUSED)) problem_set(&(decoder)->problem, __VA_ARGS__); \
    } while (0)

#define MALFORM(decoder, ...)                                                                 \
    do {                                                                                      \
        if (takes_fault(decoder, MALFORMED))                                                  \
            problem_set(&(decoder)->problem, PROBLEM_MALFORMED_SAFETENSORS, "", __VA_ARGS__); \
    } while (0)

static void refuse_memory(struct decoder *decoder)
{
    if (takes_fault(decoder, REFUSED)) problem_set_out_of_memory(&decoder->problem);
}

static void refuse_size(struct decoder *decoder)
{
    REFUSE(decoder, PROBLEM_REQUEST_TOO_COMPLEX, "",
           "The header is larger than that of a request, which has the tensors \"predictions\", "
           "\"targets\" and \"weights\", and at most %d bytes.",
           HEADER_MAX);
}

/* What json_reader found. */
static void refuse_text(struct decoder *decoder, const struct json_reader_error *error)
{
    struct problem problem;
    switch (error->fault) {
    case JSON_READER_NO_FAULT:
        return;
    case JSON_READER_TRUNCATED:
        MALFORM(decoder, "The header's %" PRIu64 " bytes end before its JSON does.",
                decoder->header_length);
        return;
    case JSON_READER_LARGE:
        refuse_size(decoder);
        return;
    case JSON_READER_MEMORY:
        refuse_memory(decoder);
        return;
    default:
        json_problem_set(&problem, error);
        if (!takes_fault(decoder, MALFORMED)) return;
        problem_set(&decoder->problem, PROBLEM_MALFORMED_SAFETENSORS, problem.pointer,
                    "The header is malformed: %s", problem.detail);
        decoder->problem.has_offset = problem.has_offset;
        decoder->problem.offset = problem.offset;
    }
}

/* ---- the header's __metadata__ */

static void read_reduction(struct decoder *decoder, const char *name)
{
    if (request_set_reduction(&decoder->request, name)) return;
    REFUSE(decoder, PROBLEM_UNKNOWN_VALUE, "/__metadata__/reduction",
           "\"reduction\" must be \"mean\", \"sum\" or \"none\", not \"%." QUOTE_MAX "s\".", name);
}

/* Names with commas between them; changes the text. */
static void read_gradients(struct decoder *decoder, char *names)
{
    static const char pointer[] = "/__metadata__/gradients";
    request_clear_gradients(&decoder->request);
    while (names != NULL && *names != '\0') {
        char *name = names;
        names = strchr(name, ',');
        if (names != NULL) *names++ = '\0';
        switch (request_add_gradient(&decoder->request, name)) {
        case REQUEST_GRADIENT_ADDED:
            if (names == NULL || *names != '\0') continue;
            name = names;
            break;
        case REQUEST_GRADIENT_UNKNOWN:
            break;
        case REQUEST_GRADIENT_TWICE:
            REFUSE(decoder, PROBLEM_UNKNOWN_VALUE, pointer,
                   "\"gradients\" lists \"%s\" more than once.", name);
            return;
        }
        REFUSE(
            decoder, PROBLEM_UNKNOWN_VALUE, pointer,
            "\"gradients\" must be \"predictions\", \"targets\", both with a comma between them, "
            "or empty; \"%." QUOTE_MAX "s\" is none of them.",
            name);
        return;
    }
}

static void read_whole(struct decoder *decoder, const char *text)
{
    struct problem problem;
    if (partial_read_whole(&decoder->request, text, strlen(text), "/__metadata__/whole",
                           &problem)) {
        return;
    }
    if (takes_fault(decoder, REFUSED)) decoder->problem = problem;
}

static void read_metadata(struct decoder *decoder, const cJSON *metadata)
{
    if (!cJSON_IsObject(metadata)) {
        MALFORM(decoder, "\"__metadata__\" must be an object that maps strings to strings.");
        return;
    }
    for (const cJSON *member = metadata->child; member != NULL; member = member->next) {
        if (!cJSON_IsString(member)) {
            MALFORM(decoder,
                    "In \"__metadata__\" the value of \"%." QUOTE_MAX "s\" must be a string.",
                    member->string);
        } else if (strcmp(member->string, "reduction") == 0) {
            read_reduction(decoder, member->valuestring);
        } else if (strcmp(member->string, "gradients") == 0) {
            read_gradients(decoder, member->valuestring);
        } else if (strcmp(member->string, "whole") == 0) {
            read_whole(decoder, member->valuestring);
        } else if (strcmp(member->string, "format") != 0) { /* what writers add */
            REFUSE(decoder, PROBLEM_UNKNOWN_MEMBER, "/__metadata__",
                   "Unknown key \"%." QUOTE_MAX
                   "s\" in \"__metadata__\"; a request has \"reduction\", "
                   "\"gradients\" and \"whole\".",
                   member->string);
        }
    }
}

/* ---- the header's tensors */

static const struct {
    const char *name;
    enum element_type type;
} dtypes[] = {
    {"F64", ELEMENT_F64}, {"F32", ELEMENT_F32}, {"F16", ELEMENT_F16}, {"BF16", ELEMENT_BF16},
    {"I8", ELEMENT_I8},   {"I16", ELEMENT_I16}, {"I32", ELEMENT_I32}, {"I64", ELEMENT_I64},
    {"U8", ELEMENT_U8},   {"U16", ELEMENT_U16}, {"U32", ELEMENT_U32}, {"U64", ELEMENT_U64},
};

/* What else the format has: the beginnings of names. */
static const char *const other_dtypes[] = {"BOOL", "C64", "F8_", "F6_", "F4"};

static void read_dtype(struct decoder *decoder, struct entry *entry, const cJSON *dtype)
{
    entry->type = ELEMENT_TYPES;
    if (!cJSON_IsString(dtype)) {
        MALFORM(decoder, "The tensor \"%." QUOTE_MAX "s\" must have a \"dtype\", a string.",
                entry->name);
        return;
    }
    const char *name = dtype->valuestring;
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
        if (strcmp(name, dtypes[i].name) == 0) entry->type = dtypes[i].type;
    }
    if (entry->type < ELEMENT_TYPES) return;
    bool is_known = false;
    for (size_t i = 0; i < sizeof other_dtypes / sizeof other_dtypes[0]; i++)
        is_known = is_known || strncmp(name, other_dtypes[i], strlen(other_dtypes[i])) == 0;
    if (!is_known) {
        MALFORM(decoder,
                "The tensor \"%." QUOTE_MAX "s\" has the dtype \"%." QUOTE_MAX
                "s\", which the format does not have.",
                entry->name, name);
        return;
    }
    REFUSE(decoder, PROBLEM_WRONG_TYPE, "",
           "The tensor \"%." QUOTE_MAX "s\" has the dtype %." QUOTE_MAX
           "s; a request has F64, F32, F16, BF16, I8, I16, I32, I64, U8, U16, U32 or U64.",
           entry->name, name);
}

/* The numbers of an array of the header, which stands in its outline as [k] where it is not empty;
 * NULL, and malformed: it is no such array. */
static const struct tensor *read_numbers(struct decoder *decoder, const struct entry *entry,
                                         const char *key, const cJSON *array)
{
    static const struct tensor empty = {.rank = 1};
    const cJSON *index = cJSON_IsArray(array) ? array->child : NULL;
    if (cJSON_IsArray(array) && index == NULL) return &empty;
    if (index != NULL && cJSON_IsNumber(index)) {
        const struct tensor *numbers = &decoder->reader.tensors[index->valueint];
        if (numbers->rank == 1) return numbers;
    }
    MALFORM(decoder, "The tensor \"%." QUOTE_MAX "s\" must have \"%s\", an array of integers.",
            entry->name, key);
    return NULL;
}

/* An integer of the header, as near as a double is to it: no number that is too large to be exact
 * is the length of anything. */
static uint64_t integer_of(double value)
{
    return value < 0x1p64 ? (uint64_t)value : UINT64_MAX;
}

static void read_shape(struct decoder *decoder, const struct entry *entry,
                       const struct tensor *shape)
{
    uint64_t length = entry->type < ELEMENT_TYPES ? elements_size_of(entry->type) : 1;
    bool overflows = false;
    for (size_t i = 0; i < shape->length; i++)
        overflows |= __builtin_mul_overflow(length, integer_of(shape->values[i]), &length);
    if (overflows) {
        MALFORM(decoder, "The shape of the tensor \"%." QUOTE_MAX "s\" has too many elements.",
                entry->name);
    } else if (entry->type < ELEMENT_TYPES && length != entry->end - entry->begin) {
        MALFORM(decoder,
                "The tensor \"%." QUOTE_MAX "s\" has %" PRIu64
                " bytes by its data_offsets, but %" PRIu64 " by its dtype and shape.",
                entry->name, entry->end - entry->begin, length);
    } else if (shape->length > TENSOR_RANK_MAX) {
        REFUSE(decoder, PROBLEM_REQUEST_TOO_COMPLEX, "",
               "The tensor \"%." QUOTE_MAX "s\" has %zu dimensions; a request has at most %d.",
               entry->name, shape->length, TENSOR_RANK_MAX);
    }
    if (decoder->verdict != GOOD || entry->input == REQUEST_INPUTS) return;
    struct tensor *tensor = &decoder->request.inputs[entry->input];
    tensor_init(tensor, decoder->budget);
    tensor->rank = shape->length;
    for (size_t i = 0; i < shape->length; i++) tensor->shape[i] = (size_t)shape->values[i];
}

static void read_entry(struct decoder *decoder, struct entry *entry, const cJSON *members)
{
    *entry =
        (struct entry){members->string, request_input_named(members->string), ELEMENT_TYPES, 0, 0};
    if (!cJSON_IsObject(members)) {
        MALFORM(decoder, "The tensor \"%." QUOTE_MAX "s\" must be an object.", entry->name);
        return;
    }
    const cJSON *dtype = cJSON_GetObjectItemCaseSensitive(members, "dtype");
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(members, "shape");
    const cJSON *place = cJSON_GetObjectItemCaseSensitive(members, "data_offsets");
    const struct tensor *lengths = read_numbers(decoder, entry, "shape", shape);
    const struct tensor *offsets = read_numbers(decoder, entry, "data_offsets", place);
    read_dtype(decoder, entry, dtype);
    if (lengths == NULL || offsets == NULL) return;
    if (offsets->length == 2) {
        entry->begin = integer_of(offsets->values[0]);
        entry->end = integer_of(offsets->values[1]);
    }
    if (offsets->length != 2 || entry->begin > entry->end) {
        MALFORM(decoder,
                "The \"data_offsets\" of the tensor \"%." QUOTE_MAX
                "s\" must be its beginning and its end.",
                entry->name);
        return;
    }
    if (entry->input == REQUEST_INPUTS)
        REFUSE(decoder, PROBLEM_UNKNOWN_MEMBER, "",
               "Unknown tensor \"%." QUOTE_MAX
               "s\"; a request has \"predictions\", \"targets\" and "
               "\"weights\".",
               entry->name);
    for (const cJSON *member = members->child; member != NULL; member = member->next) {
        if (member != dtype && member != shape && member != place)
            REFUSE(decoder, PROBLEM_UNKNOWN_MEMBER, "",
                   "Unknown key \"%." QUOTE_MAX "s\" of the tensor \"%." QUOTE_MAX
                   "s\"; a tensor has \"dtype\", \"shape\" and \"data_offsets\".",
                   member->string, entry->name);
    }
    read_shape(decoder, entry, lengths);
}

static bool is_before(const struct entry *a, const struct entry *b)
{
    return a->begin != b->begin ? a->begin < b->begin : a->end < b->end;
}

/* Puts the tensor among those before it, in the order of their data. */
static void sort_last(struct entry *entries, size_t count)
{
    struct entry last = entries[count - 1];
    size_t i = count - 1;
    for (; i > 0 && is_before(&last, &entries[i - 1]); i--) entries[i] = entries[i - 1];
    entries[i] = last;
}

/* The data of one tensor begins where that of another ends. */
static void check_layout(struct decoder *decoder)
{
    uint64_t end = 0;
    for (size_t i = 0; i < decoder->entry_count; i++) {
        const struct entry *entry = &decoder->entries[i];
        if (entry->begin != end) {
            MALFORM(decoder,
                    "The data of the tensor \"%." QUOTE_MAX "s\" begins at byte %" PRIu64
                    ", but that of the tensors before it ends at byte %" PRIu64 ".",
                    entry->name, entry->begin, end);
            return;
        }
        end = entry->end;
    }
}

static void read_header(struct decoder *decoder)
{
    cJSON *root = cJSON_Parse(decoder->reader.outline);
    if (root == NULL) {
        refuse_memory(decoder);
        return;
    }
    for (const cJSON *member = root->child; member != NULL; member = member->next) {
        if (strcmp(member->string, "__metadata__") == 0) {
            read_metadata(decoder, member);
        } else if (decoder->entry_count == ENTRIES_MAX) {
            refuse_size(decoder);
        } else {
            read_entry(decoder, &decoder->entries[decoder->entry_count++], member);
            sort_last(decoder->entries, decoder->entry_count);
        }
    }
    check_layout(decoder);
    cJSON_Delete(root);
}

/* ---- the file as it arrives */

/* Bytes that the file must have, as far as is known. */
static uint64_t file_length(const struct decoder *decoder)
{
    size_t count = decoder->entry_count;
    uint64_t data = count > 0 ? decoder->entries[count - 1].end : 0;
    return PREFIX_LENGTH + decoder->header_length + data;
}

/* The tensor whose data comes next is the next one that has some. */
static void open_entry(struct decoder *decoder)
{
    for (; decoder->entry < decoder->entry_count; decoder->entry++) {
        const struct entry *entry = &decoder->entries[decoder->entry];
        if (entry->begin == entry->end) continue;
        elements_init(&decoder->elements, entry->type, &decoder->request.inputs[entry->input]);
        return;
    }
    decoder->state = SKIPPING;
}

static void end_header(struct decoder *decoder)
{
    json_reader_finish(&decoder->reader);
    refuse_text(decoder, &decoder->reader.error);
    if (decoder->no_integer > 0)
        MALFORM(decoder,
                "At byte %" PRIu64 " the header has a number that is no integer of digits alone.",
                decoder->no_integer);
    if (decoder->verdict == GOOD) read_header(decoder);
    json_reader_free(&decoder->reader);
    decoder->state = decoder->verdict == GOOD ? IN_DATA : SKIPPING;
    if (decoder->state == IN_DATA) open_entry(decoder);
}

static size_t receive_prefix(struct decoder *decoder, const unsigned char *bytes, size_t length)
{
    size_t taken = 0;
    uint64_t header_length;
    while (taken < length && decoder->received + taken < PREFIX_LENGTH) {
        decoder->prefix[decoder->received + taken] = bytes[taken];
        taken++;
    }
    if (decoder->received + taken < PREFIX_LENGTH) return taken;
    memcpy(&header_length, decoder->prefix, sizeof header_length);
    decoder->header_length = le64toh(header_length);
    decoder->state = IN_HEADER;
    if (decoder->header_length == 0 || decoder->header_length > HEADER_FORMAT_MAX) {
        MALFORM(decoder,
                "The first 8 bytes say that the header has %" PRIu64 " bytes; it has between 1 and "
                "%d.",
                decoder->header_length, HEADER_FORMAT_MAX);
    } else if (decoder->header_length > HEADER_MAX) {
        refuse_size(decoder);
    }
    if (decoder->verdict != GOOD) decoder->state = SKIPPING;
    return taken;
}

/* Shapes and offsets are integers by their grammar, which json_reader's numbers do not show. */
static void scan_integers(struct decoder *decoder, const unsigned char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = text[i];
        bool follows_digit = decoder->last >= '0' && decoder->last <= '9';
        bool is_fraction = follows_digit && (byte == '.' || byte == 'e' || byte == 'E');
        if (decoder->in_string) {
            decoder->in_string = byte != '"' || decoder->is_escaped;
            decoder->is_escaped = byte == '\\' && !decoder->is_escaped;
        } else if (byte == '"') {
            decoder->in_string = true;
        } else if ((byte == '-' || is_fraction) && decoder->no_integer == 0) {
            decoder->no_integer = decoder->received + i;
        }
        decoder->last = byte;
    }
}

static size_t receive_header(struct decoder *decoder, const unsigned char *bytes, size_t length)
{
    uint64_t rest = PREFIX_LENGTH + decoder->header_length - decoder->received;
    size_t taken = length < rest ? length : (size_t)rest;
    if (decoder->received == PREFIX_LENGTH) {
        json_reader_start_at(&decoder->reader, PREFIX_LENGTH);
        if (bytes[0] != '{') MALFORM(decoder, "The header must begin with '{'.");
    }
    if (json_reader_feed(&decoder->reader, (const char *)bytes, taken) == JSON_READER_BAD)
        refuse_text(decoder, &decoder->reader.error);
    scan_integers(decoder, bytes, taken);
    if (taken == rest) end_header(decoder);
    return taken;
}

static size_t receive_data(struct decoder *decoder, const unsigned char *bytes, size_t length)
{
    uint64_t data_begin = PREFIX_LENGTH + decoder->header_length;
    const struct entry *entry = &decoder->entries[decoder->entry];
    uint64_t rest = data_begin + entry->end - decoder->received;
    size_t taken = length < rest ? length : (size_t)rest;
    if (!elements_add(&decoder->elements, bytes, taken)) {
        refuse_memory(decoder);
        decoder->state = SKIPPING;
    } else if (taken == rest) {
        decoder->request.has_non_finite |= decoder->elements.has_non_finite;
        tensor_trim(decoder->elements.tensor);
        decoder->entry++;
        open_entry(decoder);
    }
    return taken;
}

static size_t receive(void *context, const char *bytes, size_t length)
{
    struct decoder *decoder = context;
    for (size_t done = 0, taken = 0; done < length; done += taken) {
        const unsigned char *rest = (const unsigned char *)bytes + done;
        switch (decoder->state) {
        case IN_PREFIX:
            taken = receive_prefix(decoder, rest, length - done);
            break;
        case IN_HEADER:
            taken = receive_header(decoder, rest, length - done);
            break;
        case IN_DATA:
            taken = receive_data(decoder, rest, length - done);
            break;
        case SKIPPING:
            taken = length - done;
            break;
        }
        decoder->received += taken;
    }
    return length;
}

static void begin(void *context, const struct head *head, struct tensor_budget *budget)
{
    struct decoder *decoder = context;
    (void)head;
    /* Member by member: most of the structure is json_reader's. */
    decoder->budget = budget;
    request_init(&decoder->request);
    decoder->verdict = GOOD;
    decoder->state = IN_PREFIX;
    decoder->received = 0;
    decoder->header_length = 0;
    json_reader_init(&decoder->reader, budget);
    decoder->in_string = decoder->is_escaped = false;
    decoder->last = 0;
    decoder->no_integer = 0;
    decoder->entry_count = decoder->entry = 0;
}

/* The body's length is known now. */
static void check_length(struct decoder *decoder)
{
    uint64_t header_end = PREFIX_LENGTH + decoder->header_length;
    uint64_t expected = file_length(decoder);
    if (decoder->received < PREFIX_LENGTH) {
        MALFORM(decoder, "A safetensors file has at least 8 bytes; the body has %" PRIu64 ".",
                decoder->received);
    } else if (decoder->received < header_end) {
        MALFORM(decoder,
                "The first 8 bytes say that the header has %" PRIu64 " bytes, but only %" PRIu64
                " follow.",
                decoder->header_length, decoder->received - PREFIX_LENGTH);
    } else if (decoder->received != expected &&
               (decoder->verdict == GOOD || decoder->entry_count > 0)) {
        MALFORM(decoder,
                "The tensors have %" PRIu64 " bytes of data by their data_offsets, but %" PRIu64
                " follow the header.",
                expected - header_end, decoder->received - header_end);
    }
}

static bool finish(void *context, struct request *request, struct problem *problem)
{
    struct decoder *decoder = context;
    check_length(decoder);
    if (decoder->verdict != GOOD) {
        *problem = decoder->problem;
        return false;
    }
    *request = decoder->request;
    request_init(&decoder->request);
    for (size_t i = 0; i < decoder->entry_count; i++) {
        struct request_fault fault = {REQUEST_EMPTY, decoder->entries[i].input, REQUEST_ALL, 0};
        if (decoder->entries[i].begin < decoder->entries[i].end) continue;
        safetensors_codec.explain(request, &fault, problem);
        return false;
    }
    return true;
}

static void end(void *context)
{
    struct decoder *decoder = context;
    request_free(&decoder->request);
    json_reader_free(&decoder->reader);
}

/* ---- faults in words */

/* "element [1,0] of the tensor "targets"". */
static void write_place(char *place, size_t size, enum request_input input,
                        const struct tensor *tensor, size_t index)
{
    size_t length = 0;
    size_t stride = tensor->length;
    for (size_t i = 0; i < tensor->rank && index != REQUEST_ALL && length < size; i++) {
        stride /= tensor->shape[i];
        length += (size_t)snprintf(place + length, size - length, "%s%zu",
                                   i == 0 ? "element [" : ",", index / stride);
        index %= stride;
    }
    if (length < size)
        snprintf(place + length, size - length, "%sthe tensor \"%s\"", length > 0 ? "] of " : "",
                 request_input_name(input));
}

/* A pointer is into the header. */
static void explain(const struct request *request, const struct request_fault *fault,
                    struct problem *problem)
{
    char place[PROBLEM_POINTER_MAX + 64];
    char pointer[PROBLEM_POINTER_MAX] = "";
    bool is_of_shape = fault->kind == REQUEST_SHAPE_MISMATCH || fault->kind == REQUEST_EMPTY;
    bool is_of_all = fault->kind == REQUEST_LOSS_OVERFLOW && fault->index == REQUEST_ALL;
    write_place(place, sizeof place, fault->input, &request->inputs[fault->input], fault->index);
    if (!is_of_all)
        snprintf(pointer, sizeof pointer, "/%s%s", request_input_name(fault->input),
                 is_of_shape ? "/shape" : "");
    codec_explain(request, fault, "tensor", place, pointer, problem);
}

static const char *const requests[] = {"application/safetensors", "application/x-safetensors",
                                       "application/vnd.safetensors", NULL};

const struct codec safetensors_codec = {.format = METRICS_SAFETENSORS,
                                        .media_type = SAFETENSORS_RESULT_MEDIA_TYPE,
                                        .requests = requests,
                                        .sends_memory = true,
                                        .decoder_size = sizeof(struct decoder),
                                        .begin = begin,
                                        .receive = receive,
                                        .finish = finish,
                                        .end = end,
                                        .explain = explain,
                                        .respond = safetensors_result_respond,
                                        .refuse = problem_respond};
