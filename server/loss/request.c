/* request.c - what a client asks for. Knows nothing of formats, or of how MSE is computed. */
#include "loss/request.h"

#include <stdlib.h>
#include <string.h>

static const char *const input_names[REQUEST_INPUTS] = {[REQUEST_PREDICTIONS] = "predictions",
                                                        [REQUEST_TARGETS] = "targets",
                                                        [REQUEST_WEIGHTS] = "weights"};

void request_init(struct request *request)
{
    for (int i = 0; i < REQUEST_INPUTS; i++) tensor_init(&request->inputs[i], NULL);
    request->has_non_finite = false;
    request->reduction = REQUEST_MEAN;
    request->wants_predictions = true;
    request->wants_targets = true;
    request->wants_partial = false;
    request->option = NULL;
    request->whole = NULL;
}

const char *request_input_name(enum request_input input)
{
    return input_names[input];
}

enum request_input request_input_named(const char *name)
{
    int input = 0;
    while (input < REQUEST_INPUTS && strcmp(name, input_names[input]) != 0) input++;
    return (enum request_input)input;
}

void request_note_option(struct request *request, const char *name)
{
    if (request->option == NULL) request->option = name;
}

bool request_set_reduction(struct request *request, const char *name)
{
    static const char *const names[] = {
        [REQUEST_MEAN] = "mean", [REQUEST_SUM] = "sum", [REQUEST_NONE] = "none"};
    request_note_option(request, "reduction");
    for (int i = 0; i < (int)(sizeof names / sizeof names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            request->reduction = (enum request_reduction)i;
            return true;
        }
    }
    return false;
}

void request_clear_gradients(struct request *request)
{
    request_note_option(request, "gradients");
    request->wants_predictions = false;
    request->wants_targets = false;
}

enum request_gradient request_add_gradient(struct request *request, const char *name)
{
    bool *wanted;
    switch (request_input_named(name)) {
    case REQUEST_PREDICTIONS:
        wanted = &request->wants_predictions;
        break;
    case REQUEST_TARGETS:
        wanted = &request->wants_targets;
        break;
    default:
        return REQUEST_GRADIENT_UNKNOWN;
    }
    if (*wanted) return REQUEST_GRADIENT_TWICE;
    *wanted = true;
    return REQUEST_GRADIENT_ADDED;
}

bool request_check(const struct request *request, struct request_fault *fault)
{
    const struct tensor *predictions = &request->inputs[REQUEST_PREDICTIONS];
    *fault = (struct request_fault){.kind = REQUEST_MISSING, .index = REQUEST_ALL};
    for (int i = REQUEST_PREDICTIONS; i < REQUEST_WEIGHTS; i++) {
        fault->input = (enum request_input)i;
        if (request->inputs[i].length == 0) return false;
    }
    fault->kind = REQUEST_SHAPE_MISMATCH;
    for (int i = REQUEST_TARGETS; i < REQUEST_INPUTS; i++) {
        const struct tensor *input = &request->inputs[i];
        fault->input = (enum request_input)i;
        if (input->length > 0 && !tensor_same_shape(input, predictions)) return false;
    }
    fault->kind = REQUEST_OPTION_OF_PARTIAL;
    if (request->wants_partial && request->option != NULL) return false;
    fault->kind = REQUEST_WHOLE_OF_NONE;
    return request->whole == NULL || request->reduction != REQUEST_NONE;
}

void request_free(struct request *request)
{
    for (int i = 0; i < REQUEST_INPUTS; i++) tensor_free(&request->inputs[i]);
    free(request->whole);
    request->whole = NULL;
}
