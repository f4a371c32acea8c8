/* request.c - outline and tensors of a POST /mse -> a checked job. Knows nothing of HTTP, or of how
 * MSE is computed. */
#include "loss/request.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#define MEMBERS "\"predictions\", \"targets\", \"weights\", \"reduction\" and \"gradients\""

/* How much of a caller's own text a message repeats. */
#define QUOTE_MAX "100"

/* "[27]" or "[2,3]", for messages; a long shape is cut. */
static const char *shape_text(const struct tensor *tensor, char *text, size_t size)
{
    size_t length = 0;
    for (size_t i = 0; i < tensor->rank && length < size; i++) {
        length += (size_t)snprintf(text + length, size - length, "%s%zu", i == 0 ? "[" : ",",
                                   tensor->shape[i]);
    }
    if (length < size) snprintf(text + length, size - length, "]");
    return text;
}

void request_pointer(char *pointer, size_t size, const char *member, const struct tensor *tensor,
                     size_t index)
{
    size_t length = (size_t)snprintf(pointer, size, "/%s", member);
    size_t stride = tensor->length;
    for (size_t i = 0; i < tensor->rank && length < size; i++) {
        stride /= tensor->shape[i];
        length += (size_t)snprintf(pointer + length, size - length, "/%zu", index / stride);
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
                    "Give %s at least one number: it is empty.", pointer);
    } else if (value == member) {
        problem_set(problem, PROBLEM_WRONG_TYPE, pointer, "Make \"%s\" an array of numbers.",
                    member->string);
    } else {
        problem_set(problem, PROBLEM_WRONG_TYPE, pointer, "Make %s a number.", pointer);
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
    static const char *const names[] = {
        [REQUEST_MEAN] = "mean", [REQUEST_SUM] = "sum", [REQUEST_NONE] = "none"};
    if (!cJSON_IsString(member)) {
        problem_set(problem, PROBLEM_WRONG_TYPE, "/reduction",
                    "Make \"reduction\" a string: \"mean\", \"sum\" or \"none\".");
        return false;
    }
    for (int i = 0; i < (int)(sizeof names / sizeof names[0]); i++) {
        if (strcmp(member->valuestring, names[i]) == 0) {
            request->reduction = (enum request_reduction)i;
            return true;
        }
    }
    problem_set(problem, PROBLEM_UNKNOWN_VALUE, "/reduction",
                "Make \"reduction\" one of \"mean\", \"sum\" and \"none\", not \"%." QUOTE_MAX
                "s\".",
                member->valuestring);
    return false;
}

/* One name in the list of gradients. */
static bool read_gradient(struct request *request, const cJSON *name, int index,
                          struct problem *problem)
{
    char pointer[PROBLEM_POINTER_MAX];
    snprintf(pointer, sizeof pointer, "/gradients/%d", index);
    if (!cJSON_IsString(name)) {
        problem_set(problem, PROBLEM_WRONG_TYPE, pointer,
                    "Make %s a string: \"predictions\" or \"targets\".", pointer);
        return false;
    }
    bool is_predictions = strcmp(name->valuestring, "predictions") == 0;
    if (!is_predictions && strcmp(name->valuestring, "targets") != 0) {
        problem_set(problem, PROBLEM_UNKNOWN_VALUE, pointer,
                    "Make %s \"predictions\" or \"targets\", not \"%." QUOTE_MAX "s\".", pointer,
                    name->valuestring);
        return false;
    }
    bool *wanted = is_predictions ? &request->wants_predictions : &request->wants_targets;
    if (*wanted) {
        problem_set(problem, PROBLEM_UNKNOWN_VALUE, pointer, "Name \"%s\" once in \"gradients\".",
                    name->valuestring);
        return false;
    }
    *wanted = true;
    return true;
}

static bool read_gradients(struct request *request, const cJSON *member, struct problem *problem)
{
    request->wants_predictions = false;
    request->wants_targets = false;
    if (!cJSON_IsArray(member) || cJSON_IsNumber(member->child)) {
        problem_set(
            problem, PROBLEM_WRONG_TYPE, "/gradients",
            "Make \"gradients\" an array of \"predictions\", \"targets\", both or neither.");
        return false;
    }
    int index = 0;
    for (const cJSON *name = member->child; name != NULL; name = name->next) {
        if (!read_gradient(request, name, index++, problem)) return false;
    }
    return true;
}

/* The JSON Pointer of a member of the request by its name; empty where there is no room for it. */
static const char *member_pointer(char pointer[static PROBLEM_POINTER_MAX], const char *name)
{
    char *out = pointer;
    *out++ = '/';
    for (; *name != '\0'; name++) {
        if (out - pointer + 3 > PROBLEM_POINTER_MAX) return "";
        if (*name == '~' || *name == '/') {
            *out++ = '~';
            *out++ = *name == '~' ? '0' : '1';
        } else {
            *out++ = *name;
        }
    }
    *out = '\0';
    return pointer;
}

static bool read_member(struct request *request, struct json_reader *document, const cJSON *member,
                        struct problem *problem)
{
    const char *name = member->string;
    if (strcmp(name, "predictions") == 0)
        return read_tensor(&request->predictions, document, member, problem);
    if (strcmp(name, "targets") == 0)
        return read_tensor(&request->targets, document, member, problem);
    if (strcmp(name, "weights") == 0)
        return read_tensor(&request->weights, document, member, problem);
    if (strcmp(name, "reduction") == 0) return read_reduction(request, member, problem);
    if (strcmp(name, "gradients") == 0) return read_gradients(request, member, problem);
    char pointer[PROBLEM_POINTER_MAX];
    problem_set(problem, PROBLEM_UNKNOWN_MEMBER, member_pointer(pointer, name),
                "Leave out the member \"%." QUOTE_MAX "s\": a request has " MEMBERS " only.", name);
    return false;
}

static bool read_members(struct request *request, struct json_reader *document, const cJSON *root,
                         struct problem *problem)
{
    if (!cJSON_IsObject(root)) {
        problem_set(problem, PROBLEM_WRONG_TYPE, "",
                    "Send a JSON object with the members " MEMBERS ".");
        return false;
    }
    for (const cJSON *member = root->child; member != NULL; member = member->next) {
        if (!read_member(request, document, member, problem)) return false;
    }
    if (request->predictions.length == 0 || request->targets.length == 0) {
        const char *missing = request->predictions.length == 0 ? "predictions" : "targets";
        problem_set(problem, PROBLEM_MISSING_MEMBER, "",
                    "Add the member \"%s\", an array of numbers.", missing);
        return false;
    }
    return true;
}

static bool read_outline(struct request *request, struct json_reader *document,
                         struct problem *problem)
{
    /* What nearly all requests are is read without cJSON: a small one is answered sooner. */
    if (strcmp(document->outline, "{\"predictions\":[0],\"targets\":[1]}") == 0) {
        take_tensor(&request->predictions, document, 0);
        take_tensor(&request->targets, document, 1);
        return true;
    }
    cJSON *root = cJSON_Parse(document->outline);
    if (root == NULL) {
        problem_set(problem, PROBLEM_MEMORY_EXHAUSTED, "",
                    "Try again when other requests have ended.");
        return false;
    }
    bool ok = read_members(request, document, root, problem);
    cJSON_Delete(root);
    return ok;
}

/* Nothing is ever broadcast. */
static bool check_shape(const struct request *request, const char *name,
                        const struct tensor *tensor, struct problem *problem)
{
    char wanted[80];
    char found[80];
    char pointer[16];
    if (tensor_same_shape(tensor, &request->predictions)) return true;
    snprintf(pointer, sizeof pointer, "/%s", name);
    problem_set(
        problem, PROBLEM_SHAPE_MISMATCH, pointer,
        "Give \"%s\" the shape of \"predictions\", %s, instead of %s; nothing is broadcast.", name,
        shape_text(&request->predictions, wanted, sizeof wanted),
        shape_text(tensor, found, sizeof found));
    return false;
}

bool request_read(struct request *request, struct json_reader *document, struct problem *problem)
{
    tensor_init(&request->predictions, NULL);
    tensor_init(&request->targets, NULL);
    tensor_init(&request->weights, NULL);
    request->reduction = REQUEST_MEAN;
    request->wants_predictions = true;
    request->wants_targets = true;

    return read_outline(request, document, problem) &&
           check_shape(request, "targets", &request->targets, problem) &&
           (request->weights.length == 0 ||
            check_shape(request, "weights", &request->weights, problem));
}

void request_free(struct request *request)
{
    tensor_free(&request->predictions);
    tensor_free(&request->targets);
    tensor_free(&request->weights);
}
