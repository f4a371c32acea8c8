/* oip_document.c - the JSON of an inference request -> what it asks for. Knows nothing of how MSE
 * is computed, or of the binary data that may follow. */
#include "loss/oip_document.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* How much of a client's own text a message repeats, in bytes. */
#define QUOTE_MAX "100"

/* The largest integer up to which a double holds every one. */
#define INTEGER_MAX 9007199254740992.0

static const char *const output_names[OIP_OUTPUTS] = {[OIP_LOSS] = "loss",
                                                      [OIP_PREDICTIONS] = "gradients.predictions",
                                                      [OIP_TARGETS] = "gradients.targets"};

#define INPUT_LIST  "\"predictions\", \"targets\" and \"weights\""
#define OUTPUT_LIST "\"loss\", \"gradients.predictions\" and \"gradients.targets\""

static const struct {
    const char *name;
    enum element_type type;
} datatypes[] = {{"FP64", ELEMENT_F64},   {"FP32", ELEMENT_F32},   {"FP16", ELEMENT_F16},
                 {"BF16", ELEMENT_BF16},  {"INT8", ELEMENT_I8},    {"INT16", ELEMENT_I16},
                 {"INT32", ELEMENT_I32},  {"INT64", ELEMENT_I64},  {"UINT8", ELEMENT_U8},
                 {"UINT16", ELEMENT_U16}, {"UINT32", ELEMENT_U32}, {"UINT64", ELEMENT_U64}};

const char *oip_document_output_name(enum oip_output output)
{
    return output_names[output];
}

struct reading {
    struct oip_document *document;
    struct json_reader *reader;
    struct request *request;
    bool is_given[REQUEST_INPUTS];
    struct problem *problem;
};

/* ---- what is wrong */

/* place: "inputs[1].shape", as a caller of the protocol names a member. */
#define REFUSE(reading, type, ...) \
    (problem_set((reading)->problem, PROBLEM_##type, "", __VA_ARGS__), false)

static bool refuse_member(const struct reading *reading, const char *place, const cJSON *member)
{
    return REFUSE(reading, UNKNOWN_MEMBER, "%s has an unknown member \"%." QUOTE_MAX "s\".", place,
                  member->string);
}

static bool refuse_parameter(const struct reading *reading, const char *place,
                             const cJSON *parameter)
{
    const char *name = parameter->string;
    if (strncmp(name, "shared_memory_", strlen("shared_memory_")) == 0)
        return REFUSE(reading, UNKNOWN_MEMBER,
                      "%s asks for shared memory, which this server does "
                      "not have.",
                      place);
    if (strcmp(name, "classification") == 0)
        return REFUSE(reading, UNKNOWN_MEMBER,
                      "%s asks for a classification, which this model "
                      "does not give.",
                      place);
    return REFUSE(reading, UNKNOWN_MEMBER, "%s has an unknown parameter \"%." QUOTE_MAX "s\".",
                  place, name);
}

static bool is_object(const struct reading *reading, const cJSON *value, const char *place)
{
    return cJSON_IsObject(value) || REFUSE(reading, WRONG_TYPE, "%s must be a JSON object.", place);
}

static bool is_string(const struct reading *reading, const cJSON *value, const char *place,
                      const char *name)
{
    if (value == NULL) return REFUSE(reading, MISSING_MEMBER, "%s has no \"%s\".", place, name);
    return cJSON_IsString(value) ||
           REFUSE(reading, WRONG_TYPE, "\"%s\" of %s must be a string.", name, place);
}

/* ---- inputs */

/* The members of one. */
struct input {
    const char *place; /* "inputs[1]" */
    const cJSON *name, *shape, *datatype, *data, *parameters, *binary_data_size;
    enum request_input input;
    enum element_type type;
    size_t elements;
};

/* A lifted array stands in the outline as [k]. NULL: the value is no array of numbers. */
static struct tensor *lifted(const struct reading *reading, const cJSON *value)
{
    bool is_lifted = cJSON_IsArray(value) && cJSON_IsNumber(value->child);
    return is_lifted ? &reading->reader->tensors[value->child->valueint] : NULL;
}

static bool find_parameters(const struct reading *reading, struct input *input)
{
    if (input->parameters == NULL) return true;
    if (!cJSON_IsObject(input->parameters))
        return REFUSE(reading, WRONG_TYPE, "\"parameters\" of %s must be a JSON object.",
                      input->place);
    for (const cJSON *p = input->parameters->child; p != NULL; p = p->next) {
        if (strcmp(p->string, "binary_data_size") != 0)
            return refuse_parameter(reading, input->place, p);
        input->binary_data_size = p;
    }
    return true;
}

static bool find_members(const struct reading *reading, struct input *input, const cJSON *object)
{
    const struct {
        const char *name;
        const cJSON **member;
    } members[] = {{"name", &input->name},
                   {"shape", &input->shape},
                   {"datatype", &input->datatype},
                   {"data", &input->data},
                   {"parameters", &input->parameters}};
    if (!is_object(reading, object, input->place)) return false;
    for (const cJSON *member = object->child; member != NULL; member = member->next) {
        size_t i = 0;
        while (i < COUNT(members) && strcmp(member->string, members[i].name) != 0) i++;
        if (i == COUNT(members)) return refuse_member(reading, input->place, member);
        *members[i].member = member;
    }
    return find_parameters(reading, input);
}

static bool read_name(struct reading *reading, struct input *input)
{
    if (!is_string(reading, input->name, input->place, "name")) return false;
    const char *name = input->name->valuestring;
    input->input = request_input_named(name);
    if (input->input == REQUEST_INPUTS)
        return REFUSE(reading, UNKNOWN_VALUE,
                      "Unknown input \"%." QUOTE_MAX "s\"; the inputs are " INPUT_LIST ".", name);
    if (reading->is_given[input->input])
        return REFUSE(reading, UNKNOWN_VALUE, "The input \"%s\" is given more than once.", name);
    reading->is_given[input->input] = true;
    return true;
}

static bool read_datatype(const struct reading *reading, struct input *input)
{
    if (!is_string(reading, input->datatype, input->place, "datatype")) return false;
    const char *name = input->datatype->valuestring;
    size_t i = 0;
    while (i < COUNT(datatypes) && strcmp(name, datatypes[i].name) != 0) i++;
    if (i == COUNT(datatypes))
        return REFUSE(reading, UNKNOWN_VALUE,
                      "The datatype of input \"%s\" must be FP64, FP32, FP16, BF16, INT8, INT16, "
                      "INT32, INT64, UINT8, UINT16, UINT32 or UINT64, not \"%." QUOTE_MAX "s\".",
                      input->name->valuestring, name);
    input->type = datatypes[i].type;
    return true;
}

/* Sets the shape of the input's tensor. */
static bool read_shape(const struct reading *reading, struct input *input)
{
    const char *name = input->name->valuestring;
    struct tensor *tensor = &reading->request->inputs[input->input];
    const struct tensor *shape = lifted(reading, input->shape);
    if (input->shape == NULL)
        return REFUSE(reading, MISSING_MEMBER, "%s has no \"shape\".", input->place);
    if (shape == NULL || shape->rank != 1 || shape->length > TENSOR_RANK_MAX)
        return REFUSE(reading, WRONG_TYPE,
                      "The shape of input \"%s\" must be an array of 1 to %d integers.", name,
                      TENSOR_RANK_MAX);
    input->elements = 1;
    tensor->rank = shape->length;
    for (size_t i = 0; i < shape->length; i++) {
        double length = shape->values[i];
        if (!(length >= 0 && length <= INTEGER_MAX) || length != (double)(uint64_t)length)
            return REFUSE(reading, WRONG_TYPE,
                          "The shape of input \"%s\" must be an array of integers of 0 or more.",
                          name);
        tensor->shape[i] = (size_t)length;
        if (__builtin_mul_overflow(input->elements, tensor->shape[i], &input->elements) ||
            input->elements > SIZE_MAX / ELEMENT_SIZE_MAX)
            return REFUSE(reading, SHAPE_MISMATCH, "The shape of input \"%s\" is too large.", name);
    }
    return input->elements > 0 ||
           REFUSE(reading, NO_ELEMENT,
                  "The input \"%s\" has no elements; at least one is required.", name);
}

/* Elements in JSON: flat, whatever the shape, or nested as the shape says. */
static bool read_data(const struct reading *reading, const struct input *input)
{
    const char *name = input->name->valuestring;
    struct tensor *tensor = &reading->request->inputs[input->input];
    struct tensor *data = lifted(reading, input->data);
    if (data == NULL)
        return REFUSE(reading, WRONG_TYPE, "\"data\" of input \"%s\" must be an array of numbers.",
                      name);
    if (data->length != input->elements)
        return REFUSE(reading, SHAPE_MISMATCH,
                      "\"data\" of input \"%s\" has %zu elements, but its shape has %zu.", name,
                      data->length, input->elements);
    if (data->rank != 1 && !tensor_same_shape(data, tensor))
        return REFUSE(reading, SHAPE_MISMATCH,
                      "\"data\" of input \"%s\" must be flat, or nested as its shape says.", name);
    data->rank = tensor->rank;
    memcpy(data->shape, tensor->shape, tensor->rank * sizeof tensor->shape[0]);
    *tensor = *data;
    tensor_init(data, data->budget);
    return true;
}

/* Elements that follow the JSON. */
static bool read_blob(const struct reading *reading, const struct input *input)
{
    const char *name = input->name->valuestring;
    const cJSON *size = input->binary_data_size;
    uint64_t expected = (uint64_t)input->elements * elements_size_of(input->type);
    if (!cJSON_IsNumber(size))
        return REFUSE(reading, WRONG_TYPE, "binary_data_size of input \"%s\" must be an integer.",
                      name);
    if (size->valuedouble != (double)expected)
        return REFUSE(reading, SHAPE_MISMATCH,
                      "binary_data_size of input \"%s\" is %.0f, but its shape and datatype make "
                      "%" PRIu64 " bytes.",
                      name, size->valuedouble, expected);
    reading->request->inputs[input->input].budget = reading->reader->budget;
    struct oip_document *document = reading->document;
    document->blobs[document->blob_count++] =
        (struct oip_blob){input->input, input->type, expected};
    return true;
}

static bool read_input(struct reading *reading, const cJSON *object, int index)
{
    char place[32];
    struct input input = {.place = place};
    snprintf(place, sizeof place, "inputs[%d]", index);
    if (!find_members(reading, &input, object) || !read_name(reading, &input) ||
        !read_datatype(reading, &input) || !read_shape(reading, &input))
        return false;
    if ((input.data == NULL) == (input.binary_data_size == NULL))
        return REFUSE(reading, MISSING_MEMBER,
                      "The input \"%s\" must have either \"data\" or the parameter "
                      "\"binary_data_size\".",
                      input.name->valuestring);
    return input.data != NULL ? read_data(reading, &input) : read_blob(reading, &input);
}

static bool read_inputs(struct reading *reading, const cJSON *inputs)
{
    int index = 0;
    if (inputs == NULL) return REFUSE(reading, MISSING_MEMBER, "The request has no \"inputs\".");
    if (!cJSON_IsArray(inputs)) return REFUSE(reading, WRONG_TYPE, "\"inputs\" must be an array.");
    for (const cJSON *input = inputs->child; input != NULL; input = input->next) {
        if (!read_input(reading, input, index++)) return false;
    }
    return true;
}

/* ---- outputs */

static bool read_flag(const struct reading *reading, const cJSON *value, bool *flag)
{
    if (!cJSON_IsBool(value))
        return REFUSE(reading, WRONG_TYPE, "The parameter \"%s\" must be true or false.",
                      value->string);
    *flag = cJSON_IsTrue(value);
    return true;
}

static bool read_output_parameters(const struct reading *reading, const cJSON *parameters,
                                   const char *place, bool *is_binary)
{
    if (!cJSON_IsObject(parameters))
        return REFUSE(reading, WRONG_TYPE, "\"parameters\" of %s must be a JSON object.", place);
    for (const cJSON *p = parameters->child; p != NULL; p = p->next) {
        if (strcmp(p->string, "binary_data") != 0) return refuse_parameter(reading, place, p);
        if (!read_flag(reading, p, is_binary)) return false;
    }
    return true;
}

static bool read_output(const struct reading *reading, const cJSON *object, int index,
                        bool is_binary)
{
    char place[32];
    const cJSON *name = NULL, *parameters = NULL;
    snprintf(place, sizeof place, "outputs[%d]", index);
    if (!is_object(reading, object, place)) return false;
    for (const cJSON *member = object->child; member != NULL; member = member->next) {
        if (strcmp(member->string, "name") == 0) {
            name = member;
        } else if (strcmp(member->string, "parameters") == 0) {
            parameters = member;
        } else {
            return refuse_member(reading, place, member);
        }
    }
    if (!is_string(reading, name, place, "name")) return false;
    int output = 0;
    while (output < OIP_OUTPUTS && strcmp(name->valuestring, output_names[output]) != 0) output++;
    if (output == OIP_OUTPUTS)
        return REFUSE(reading, UNKNOWN_VALUE,
                      "Unknown output \"%." QUOTE_MAX "s\"; the outputs are " OUTPUT_LIST ".",
                      name->valuestring);
    if (reading->document->wants[output])
        return REFUSE(reading, UNKNOWN_VALUE, "The output \"%s\" is listed more than once.",
                      name->valuestring);
    reading->document->wants[output] = true;
    reading->document->is_binary[output] = is_binary;
    return parameters == NULL || read_output_parameters(reading, parameters, place,
                                                        &reading->document->is_binary[output]);
}

static bool read_outputs(const struct reading *reading, const cJSON *outputs, bool is_binary)
{
    int index = 0;
    if (outputs != NULL && !cJSON_IsArray(outputs))
        return REFUSE(reading, WRONG_TYPE, "\"outputs\" must be an array.");
    for (const cJSON *o = outputs != NULL ? outputs->child : NULL; o != NULL; o = o->next) {
        if (!read_output(reading, o, index++, is_binary)) return false;
    }
    for (int output = 0; index == 0 && output < OIP_OUTPUTS; output++) {
        reading->document->wants[output] = true;
        reading->document->is_binary[output] = is_binary;
    }
    reading->request->wants_predictions = reading->document->wants[OIP_PREDICTIONS];
    reading->request->wants_targets = reading->document->wants[OIP_TARGETS];
    return true;
}

/* ---- the request */

static bool read_reduction(const struct reading *reading, const cJSON *value)
{
    static const char names[] = "\"mean\", \"sum\" or \"none\"";
    if (!cJSON_IsString(value))
        return REFUSE(reading, WRONG_TYPE, "The parameter \"reduction\" must be a string: %s.",
                      names);
    return request_set_reduction(reading->request, value->valuestring) ||
           REFUSE(reading, UNKNOWN_VALUE,
                  "The parameter \"reduction\" must be %s, not \"%." QUOTE_MAX "s\".", names,
                  value->valuestring);
}

/* What a scheduler would need, and this server has none. */
static bool is_ignored(const char *parameter)
{
    static const char *const names[] = {"priority", "timeout", "sequence_id", "sequence_start",
                                        "sequence_end"};
    size_t i = 0;
    while (i < COUNT(names) && strcmp(parameter, names[i]) != 0) i++;
    return i < COUNT(names);
}

static bool read_parameters(const struct reading *reading, const cJSON *parameters, bool *is_binary)
{
    if (parameters == NULL) return true;
    if (!cJSON_IsObject(parameters))
        return REFUSE(reading, WRONG_TYPE, "\"parameters\" must be a JSON object.");
    for (const cJSON *p = parameters->child; p != NULL; p = p->next) {
        bool ok;
        if (strcmp(p->string, "reduction") == 0) {
            ok = read_reduction(reading, p);
        } else if (strcmp(p->string, "binary_data_output") == 0) {
            ok = read_flag(reading, p, is_binary);
        } else {
            ok = is_ignored(p->string) || refuse_parameter(reading, "The request", p);
        }
        if (!ok) return false;
    }
    return true;
}

static const char *end_of_string(const char *p)
{
    for (p++; *p != '"'; p++) {
        if (*p == '\\') p++;
    }
    return p + 1;
}

static const char *end_of_value(const char *p)
{
    size_t depth = 0;
    do {
        if (*p == '"') {
            p = end_of_string(p);
            continue;
        }
        if (*p == '[' || *p == '{') depth++;
        if (*p == ']' || *p == '}') depth--;
        p++;
    } while (depth > 0 || (*p != ',' && *p != '}'));
    return p;
}

/* Where the value of the outline's member of that index stands: cJSON does not say how the client
 * has spelled it. */
static const char *find_value(const char *outline, int index)
{
    const char *value = end_of_string(outline + 1) + 1;
    while (index-- > 0) value = end_of_string(end_of_value(value) + 1) + 1;
    return value;
}

static bool read_id(const struct reading *reading, const cJSON *id, int index)
{
    if (!cJSON_IsString(id)) return REFUSE(reading, WRONG_TYPE, "\"id\" must be a string.");
    reading->document->id = find_value(reading->reader->outline, index);
    reading->document->id_length =
        (size_t)(end_of_string(reading->document->id) - reading->document->id);
    return true;
}

static bool read_model_name(const struct reading *reading, const cJSON *name)
{
    if (!cJSON_IsString(name))
        return REFUSE(reading, WRONG_TYPE, "\"model_name\" must be a string.");
    return strcmp(name->valuestring, OIP_MODEL) == 0 ||
           REFUSE(reading, NOT_FOUND,
                  "Unknown model \"%." QUOTE_MAX "s\"; this server has the model \"" OIP_MODEL
                  "\".",
                  name->valuestring);
}

static bool read_root(struct reading *reading, const cJSON *root)
{
    const cJSON *inputs = NULL, *outputs = NULL, *parameters = NULL;
    bool is_binary = false;
    int index = 0;
    if (!is_object(reading, root, "The request")) return false;
    for (const cJSON *member = root->child; member != NULL; member = member->next, index++) {
        const char *name = member->string;
        bool ok = true;
        if (strcmp(name, "id") == 0) {
            ok = read_id(reading, member, index);
        } else if (strcmp(name, "model_name") == 0) {
            ok = read_model_name(reading, member);
        } else if (strcmp(name, "inputs") == 0) {
            inputs = member;
        } else if (strcmp(name, "outputs") == 0) {
            outputs = member;
        } else if (strcmp(name, "parameters") == 0) {
            parameters = member;
        } else {
            ok = refuse_member(reading, "The request", member);
        }
        if (!ok) return false;
    }
    return read_inputs(reading, inputs) && read_parameters(reading, parameters, &is_binary) &&
           read_outputs(reading, outputs, is_binary);
}

bool oip_document_read(struct oip_document *document, struct json_reader *reader,
                       struct request *request, struct problem *problem)
{
    struct reading reading = {
        .document = document, .reader = reader, .request = request, .problem = problem};
    *document = (struct oip_document){.blob_count = 0};
    cJSON *root = cJSON_Parse(reader->outline);
    if (root == NULL) {
        problem_set_out_of_memory(problem);
        return false;
    }
    bool ok = read_root(&reading, root);
    cJSON_Delete(root);
    return ok;
}
