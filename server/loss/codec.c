/* codec.c - what all formats share: how a body becomes a job, and the words for a fault. */
#include "loss/codec.h"

#include "decimal/decimal.h"

#include <math.h>
#include <stdio.h>

bool codec_make_job(const struct codec *request_codec, const struct codec *response_codec,
                    void *decoder, struct job *job, struct problem *problem)
{
    struct request request;
    struct request_fault fault;
    request_init(&request);
    bool ok = request_codec->finish(decoder, &request, problem);
    request.wants_partial = response_codec == NULL;
    if (ok && !request_check(&request, &fault)) {
        request_codec->explain(&request, &fault, problem);
        ok = false;
    }
    if (ok) job_init(job, &request, response_codec != NULL && response_codec->sends_memory);
    request_free(&request);
    return ok;
}

/* "[27]" or "[2,3]"; a long shape is cut. */
static const char *shape_text(const struct tensor *tensor, char *text, size_t size)
{
    size_t length = (size_t)snprintf(text, size, "[");
    for (size_t i = 0; i < tensor->rank && length < size; i++) {
        length += (size_t)snprintf(text + length, size - length, "%s%zu", i == 0 ? "" : ",",
                                   tensor->shape[i]);
    }
    if (length < size) snprintf(text + length, size - length, "]");
    return text;
}

static void explain_shapes(const struct request *request, const struct request_fault *fault,
                           const char *pointer, struct problem *problem)
{
    char expected[80];
    char found[80];
    problem_set(problem, PROBLEM_SHAPE_MISMATCH, pointer,
                "\"%s\" has shape %s, but \"predictions\" has shape %s; the shapes must be equal, "
                "nothing is broadcast.",
                request_input_name(fault->input),
                shape_text(&request->inputs[fault->input], found, sizeof found),
                shape_text(&request->inputs[REQUEST_PREDICTIONS], expected, sizeof expected));
}

static const char *number_text(double value, char number[static DECIMAL_PRINT_MAX + 1])
{
    number[decimal_print(value, number)] = '\0';
    return number;
}

void codec_explain(const struct request *request, const struct request_fault *fault,
                   const char *noun, const char *place, const char *pointer,
                   struct problem *problem)
{
    static const char largest[] = "1.7976931348623157e308, the largest double";
    char number[DECIMAL_PRINT_MAX + 1];
    char option[sizeof "/reduction"]; /* the longest */
    const char *name = request_input_name(fault->input);
    switch (fault->kind) {
    case REQUEST_MISSING:
        problem_set(problem, PROBLEM_MISSING_MEMBER, pointer, "The required %s \"%s\" is missing.",
                    noun, name);
        return;
    case REQUEST_EMPTY:
        problem_set(problem, PROBLEM_NO_ELEMENT, pointer,
                    "The %s \"%s\" has no elements; at least one is required.", noun, name);
        return;
    case REQUEST_SHAPE_MISMATCH:
        explain_shapes(request, fault, pointer, problem);
        return;
    case REQUEST_NOT_FINITE:
        problem_set(problem, PROBLEM_NOT_FINITE, pointer,
                    "The value at %s is %s; only an element of weight 0 may be NaN or infinite.",
                    place,
                    isnan(fault->value) ? "NaN"
                    : fault->value > 0  ? "infinity"
                                        : "-infinity");
        return;
    case REQUEST_NEGATIVE_WEIGHT:
        problem_set(problem, PROBLEM_NEGATIVE_WEIGHT, pointer,
                    "The weight at %s is %s; weights must be 0 or greater.", place,
                    number_text(fault->value, number));
        return;
    case REQUEST_ZERO_WEIGHTS:
        problem_set(problem, PROBLEM_ZERO_WEIGHTS, pointer,
                    "All weights are 0, so there is no mean; give a positive weight, or use the "
                    "reduction \"sum\".");
        return;
    case REQUEST_LOSS_OVERFLOW:
    case REQUEST_GRADIENT_OVERFLOW:
        problem_set(problem, PROBLEM_OVERFLOW, pointer,
                    "The %s%s%s exceeds %s; scale the inputs down.",
                    fault->kind == REQUEST_LOSS_OVERFLOW ? "loss" : "gradient",
                    fault->index != REQUEST_ALL ? " at " : "",
                    fault->index != REQUEST_ALL ? place : "", largest);
        return;
    case REQUEST_OPTION_OF_PARTIAL:
        snprintf(option, sizeof option, "/%s", request->option);
        problem_set(problem, PROBLEM_UNKNOWN_MEMBER, option,
                    "A request for a partial has no \"%s\", only \"predictions\", \"targets\" and "
                    "\"weights\".",
                    request->option);
        return;
    case REQUEST_WHOLE_OF_NONE:
        problem_set(problem, PROBLEM_UNKNOWN_VALUE, "/reduction",
                    "\"reduction\" must be \"mean\" or \"sum\" where there is a \"whole\": under "
                    "\"none\" each element has a loss of its own.");
        return;
    case REQUEST_WHOLE_OF_FEWER:
        problem_set(problem, PROBLEM_INVALID_PARTIAL, "/whole/elements",
                    "\"whole\" has fewer elements than this request, which must be a part of it.");
        return;
    case REQUEST_WHOLE_OF_LESS:
        problem_set(problem, PROBLEM_INVALID_PARTIAL, "/whole/weight_sum",
                    "The weights of \"whole\" have a smaller sum than those of this request, which "
                    "must be a part of it.");
        return;
    case REQUEST_WHOLE_OF_ZERO:
        problem_set(problem, PROBLEM_ZERO_WEIGHTS, "/whole/weight_sum",
                    "All weights of \"whole\" are 0, so there is no mean; use the reduction "
                    "\"sum\".");
        return;
    case REQUEST_FAULT_OF_OURS:
        break;
    }
    problem_set(problem, PROBLEM_INTERNAL_ERROR, "",
                "This is a bug in the server; please report it.");
}
