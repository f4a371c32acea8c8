/* json_codec.c - application/json: requests and results as JSON documents. Knows nothing of how MSE
 * is computed. */
#include "loss/json_codec.h"

#include "decimal/decimal.h"
#include "loss/json_problem.h"
#include "loss/partial.h"
#include "json/json_reader.h"
#include "json/json_text.h"
#include "json/json_writer.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMBERS \
    "\"predictions\", \"targets\", \"weights\", \"reduction\", \"gradients\" and \"whole\""

/* How much of a client's own text a message repeats, in bytes. */
#define QUOTE_MAX "100"

/* A response whose text surely fits in this many bytes is sent as one buffer with a Content-Length,
 * a longer one as it is written. */
#define WHOLE_MAX 120000

/* ---- the document of a request */

/* Writes the JSON Pointer of an element, /targets/1/0; of the whole input where index is
 * REQUEST_ALL. */
static void write_pointer(char pointer[static PROBLEM_POINTER_MAX], enum request_input input,
                          const struct tensor *tensor, size_t index)
{
    size_t length =
        (size_t)snprintf(pointer, PROBLEM_POINTER_MAX, "/%s", request_input_name(input));
    if (index == REQUEST_ALL) return;
    size_t stride = tensor->length;
    for (size_t i = 0; i < tensor->rank && length < PROBLEM_POINTER_MAX; i++) {
        stride /= tensor->shape[i];
        length += (size_t)snprintf(pointer + length, PROBLEM_POINTER_MAX - length, "/%zu",
                                   index / stride);
        index %= stride;
    }
}

/* A member that should have become a tensor and did not: says why. */
static void refuse_array(struct problem *problem, const cJSON *member)
{
    char pointer[PROBLEM_POINTER_MAX];
    const cJSON *value = member;
    size_t length = (size_t)snprintf(pointer, sizeof pointer, "/%s", member->string);
    while (cJSON_IsArray(value) && value->child != NULL && length + 3 < sizeof pointer) {
        value = value->child;
        length += (size_t)snprintf(pointer + length, sizeof pointer - length, "/0");
    }
    if (cJSON_IsArray(value)) {
        problem_set(problem, PROBLEM_NO_ELEMENT, pointer,
                    "The array at %s has no elements; at least one number is required.", pointer);
    } else if (value == member) {
        problem_set(problem, PROBLEM_WRONG_TYPE, pointer, "\"%s\" must be an array of numbers.",
                    member->string);
    } else {
        problem_set(problem, PROBLEM_WRONG_TYPE, pointer, "Expected a number at %s.", pointer);
    }
}

static void take_tensor(struct tensor *tensor, struct json_reader *document, int index)
{
    struct tensor *lifted = &document->tensors[index];
    *tensor = *lifted;
    tensor_init(lifted, lifted->budget);
}

/* A lifted array stands in the outline as [k]. */
static bool read_tensor(struct tensor *tensor, struct json_reader *document, const cJSON *member,
                        struct problem *problem)
{
    if (!cJSON_IsArray(member) || !cJSON_IsNumber(member->child)) {
        refuse_array(problem, member);
        return false;
    }
    take_tensor(tensor, document, member->child->valueint);
    return true;
}

static bool read_reduction(struct request *request, const cJSON *member, struct problem *problem)
{
    static const char names[] = "\"mean\", \"sum\" or \"none\"";
    if (!cJSON_IsString(member)) {
        problem_set(problem, PROBLEM_WRONG_TYPE, "/reduction",
                    "\"reduction\" must be a string: %s.", names);
        return false;
    }
    if (request_set_reduction(request, member->valuestring)) return true;
    problem_set(problem, PROBLEM_UNKNOWN_VALUE, "/reduction",
                "\"reduction\" must be %s, not \"%." QUOTE_MAX "s\".", names, member->valuestring);
    return false;
}

/* One name in the list of gradients. */
static bool read_gradient(struct request *request, const cJSON *name, int index,
                          struct problem *problem)
{
    static const char names[] = "\"predictions\" or \"targets\"";
    char pointer[PROBLEM_POINTER_MAX];
    snprintf(pointer, sizeof pointer, "/gradients/%d", index);
    if (!cJSON_IsString(name)) {
        problem_set(problem, PROBLEM_WRONG_TYPE, pointer, "%s must be a string: %s.", pointer,
                    names);
        return false;
    }
    switch (request_add_gradient(request, name->valuestring)) {
    case REQUEST_GRADIENT_ADDED:
        return true;
    case REQUEST_GRADIENT_UNKNOWN:
        problem_set(problem, PROBLEM_UNKNOWN_VALUE, pointer,
                    "%s must be %s, not \"%." QUOTE_MAX "s\".", pointer, names, name->valuestring);
        break;
    case REQUEST_GRADIENT_TWICE:
        problem_set(problem, PROBLEM_UNKNOWN_VALUE, pointer,
                    "\"gradients\" lists \"%s\" more than once.", name->valuestring);
        break;
    }
    return false;
}

static bool read_gradients(struct request *request, const cJSON *member, struct problem *problem)
{
    request_clear_gradients(request);
    if (!cJSON_IsArray(member) || cJSON_IsNumber(member->child)) {
        problem_set(problem, PROBLEM_WRONG_TYPE, "/gradients",
                    "\"gradients\" must be an array that lists \"predictions\", \"targets\", both "
                    "or none.");
        return false;
    }
    int index = 0;
    for (const cJSON *name = member->child; name != NULL; name = name->next) {
        if (!read_gradient(request, name, index++, problem)) return false;
    }
    return true;
}

/* text is that of the member's value. */
static bool read_member(struct request *request, struct json_reader *document, const cJSON *member,
                        const char *text, struct problem *problem)
{
    const char *name = member->string;
    enum request_input input = request_input_named(name);
    if (input < REQUEST_INPUTS) {
        return read_tensor(&request->inputs[input], document, member, problem);
    }
    if (strcmp(name, "reduction") == 0) return read_reduction(request, member, problem);
    if (strcmp(name, "gradients") == 0) return read_gradients(request, member, problem);
    if (strcmp(name, "whole") == 0) {
        size_t length = (size_t)(json_text_skip(text) - text);
        return partial_read_whole(request, text, length, "/whole", problem);
    }
    char pointer[PROBLEM_POINTER_MAX] = "";
    json_problem_point(pointer, name);
    problem_set(problem, PROBLEM_UNKNOWN_MEMBER, pointer,
                "Unknown member \"%." QUOTE_MAX "s\"; a request has " MEMBERS ".", name);
    return false;
}

static bool read_members(struct request *request, struct json_reader *document, const cJSON *root,
                         struct problem *problem)
{
    if (!cJSON_IsObject(root)) {
        problem_set(problem, PROBLEM_WRONG_TYPE, "",
                    "The body must be a JSON object with the members " MEMBERS ".");
        return false;
    }
    const char *text = document->outline;
    for (const cJSON *member = root->child; member != NULL; member = member->next) {
        text = json_text_skip(text + 1) + 1; /* past the brace or comma, the name and the colon */
        if (!read_member(request, document, member, text, problem)) return false;
        text = json_text_skip(text);
    }
    return true;
}

static bool read_outline(struct request *request, struct json_reader *document,
                         struct problem *problem)
{
    /* Nearly all requests have this outline. It is read without cJSON, whose tree would cost a
     * small request several allocations. */
    if (strcmp(document->outline, "{\"predictions\":[0],\"targets\":[1]}") == 0) {
        take_tensor(&request->inputs[REQUEST_PREDICTIONS], document, 0);
        take_tensor(&request->inputs[REQUEST_TARGETS], document, 1);
        return true;
    }
    cJSON *root = cJSON_Parse(document->outline);
    if (root == NULL) {
        problem_set_out_of_memory(problem);
        return false;
    }
    bool ok = read_members(request, document, root, problem);
    cJSON_Delete(root);
    return ok;
}

/* ---- the decoder: a json_reader */

static void begin(void *decoder, const struct head *head, struct tensor_budget *budget)
{
    (void)head;
    json_reader_init(decoder, budget);
}

static size_t receive(void *decoder, const char *bytes, size_t length)
{
    json_reader_feed(decoder, bytes, length);
    return length;
}

static bool is_refused(const void *decoder)
{
    const struct json_reader *reader = decoder;
    return reader->error.fault == JSON_READER_MEMORY;
}

static bool finish(void *decoder, struct request *request, struct problem *problem)
{
    struct json_reader *reader = decoder;
    json_reader_finish(reader);
    if (reader->error.fault != JSON_READER_NO_FAULT) {
        json_problem_set(problem, &reader->error);
        return false;
    }
    return read_outline(request, reader, problem);
}

static void end(void *decoder)
{
    json_reader_free(decoder);
}

/* ---- faults */

static void explain(const struct request *request, const struct request_fault *fault,
                    struct problem *problem)
{
    char place[PROBLEM_POINTER_MAX];
    write_pointer(place, fault->input, &request->inputs[fault->input], fault->index);
    bool is_of_all = fault->kind == REQUEST_LOSS_OVERFLOW && fault->index == REQUEST_ALL;
    codec_explain(request, fault, "member", place, is_of_all ? "" : place, problem);
}

/* ---- the document of a result */

struct document {
    char loss[sizeof "{\"loss\":" + DECIMAL_PRINT_MAX];
    struct json_writer writer;
};

/* The result outlives the document. */
static void lay_out(struct document *document, const struct result *result)
{
    struct json_writer *writer = &document->writer;
    bool is_kept = result->spare.length > 0;
    char *end = stpcpy(document->loss, "{\"loss\":");
    if (!result->is_elementwise) end += decimal_print(result->loss, end);
    *end = '\0';

    json_writer_init(writer);
    json_writer_add_text(writer, document->loss);
    if (result->is_elementwise) json_writer_add_tensor(writer, &result->losses, false);
    if (result->wants_predictions) {
        json_writer_add_text(writer, ",\"gradients\":{\"predictions\":");
        if (is_kept) {
            json_writer_add_kept(writer, &result->gradient, &result->spare);
        } else {
            json_writer_add_tensor(writer, &result->gradient, false);
        }
    }
    if (result->wants_targets) {
        json_writer_add_text(writer, result->wants_predictions ? ",\"targets\":"
                                                               : ",\"gradients\":{\"targets\":");
        if (is_kept) {
            json_writer_add_kept_negatives(writer, &result->gradient, &result->spare);
        } else {
            json_writer_add_tensor(writer, &result->gradient, true);
        }
    }
    json_writer_add_text(writer, result->wants_predictions || result->wants_targets ? "}}" : "}");
}

/* A document that is written while it is sent. */
struct source {
    struct result result;
    struct document document;
};

static size_t produce(void *source, char *out, size_t room)
{
    return json_writer_write(&((struct source *)source)->document.writer, out, room);
}

static void release(void *context)
{
    struct source *source = context;
    job_free_result(&source->result);
    free(source);
}

/* Takes the result. */
static bool respond_produced(struct result *result, struct response *response)
{
    struct source *source = malloc(sizeof *source);
    if (source == NULL) {
        job_free_result(result);
        return false;
    }
    source->result = *result;
    lay_out(&source->document, &source->result);
    response_set_produced(response, json_codec.media_type, produce, release, source);
    return true;
}

static bool respond(struct result *result, const void *decoder, struct response *response)
{
    (void)decoder;
    struct document document;
    lay_out(&document, result);
    response_begin(response, 200);
    response->elements = result->elements;
    size_t bound = json_writer_bound(&document.writer);
    if (bound > WHOLE_MAX) return respond_produced(result, response);

    char *text = malloc(bound + JSON_WRITER_ROOM_MIN);
    if (text != NULL) {
        size_t length = json_writer_write(&document.writer, text, bound + JSON_WRITER_ROOM_MIN);
        response_set_whole(response, json_codec.media_type, text, length);
    }
    job_free_result(result);
    return text != NULL;
}

/* What `curl -d` calls its body is among the names. */
static const char *const requests[] = {"application/json", "application/x-www-form-urlencoded",
                                       NULL};

const struct codec json_codec = {.format = METRICS_JSON,
                                 .media_type = "application/json",
                                 .requests = requests,
                                 .takes_unnamed = true,
                                 .decoder_size = sizeof(struct json_reader),
                                 .begin = begin,
                                 .receive = receive,
                                 .finish = finish,
                                 .end = end,
                                 .explain = explain,
                                 .respond = respond,
                                 .refuse = problem_respond,
                                 .is_refused = is_refused};
