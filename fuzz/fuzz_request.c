/* fuzz_request.c - a document -> a request and its response, or a problem. Which it must be says
 * cJSON's reading of the document; what the answer must hold, GMP's rationals. */
#include "input.h"
#include "opinion.h"
#include "pool.h"

#include "loss/json_codec.h"
#include "mse/mse_private.h"
#include "support/decode.h"
#include "support/rational.h"
#include "json/json_reader.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct tensor_budget budget;

static void take(void *to, const char *bytes, size_t length)
{
    json_codec.receive(to, bytes, length);
}

/* ---- requests and problems */

static bool is_one_of(const cJSON *value, const char *const *names)
{
    while (*names != NULL && !(cJSON_IsString(value) && strcmp(value->valuestring, *names) == 0))
        names++;
    return *names != NULL;
}

static bool begins_with_number(const cJSON *value)
{
    if (!cJSON_IsArray(value)) return false;
    while (cJSON_IsArray(value)) value = value->child;
    return cJSON_IsNumber(value);
}

static bool is_list_of_gradients(const cJSON *list)
{
    static const char *const names[] = {"predictions", "targets", NULL};
    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > 2) return false;
    for (const cJSON *name = list->child; name != NULL; name = name->next) {
        if (!is_one_of(name, names)) return false;
    }
    const cJSON *first = list->child, *second = first != NULL ? first->next : NULL;
    return second == NULL || strcmp(first->valuestring, second->valuestring) != 0;
}

/* Of rectangular arrays of numbers. */
static bool same_shape(const cJSON *a, const cJSON *b)
{
    for (; cJSON_IsArray(a) && cJSON_IsArray(b); a = a->child, b = b->child) {
        if (cJSON_GetArraySize(a) != cJSON_GetArraySize(b)) return false;
    }
    return cJSON_IsNumber(a) && cJSON_IsNumber(b);
}

/* By libmse's own reading. Other ways to write the same number of elements pass here. */
static bool is_partial(const cJSON *partial)
{
    static char text[MSE_PARTIAL_MAX + 2 * JSON_READER_OUTLINE_MAX];
    struct mse_accumulator accumulator;
    const cJSON *elements = cJSON_GetObjectItemCaseSensitive(partial, "elements");
    const cJSON *weights = cJSON_GetObjectItemCaseSensitive(partial, "weight_sum");
    const cJSON *losses = cJSON_GetObjectItemCaseSensitive(partial, "loss_sum");
    if (!cJSON_IsObject(partial) || cJSON_GetArraySize(partial) != 3) return false;
    if (!cJSON_IsNumber(elements) || !cJSON_IsString(weights) || !cJSON_IsString(losses))
        return false;
    double count = elements->valuedouble;
    if (!(count >= 0 && count <= 0x1p64)) return false;
    if (count == 0x1p64) count = 0x1p64 - 0x1p11; /* the nearest double to 2^64 - 1 */
    int length =
        snprintf(text, sizeof text, "{\"elements\":%.0f,\"weight_sum\":\"%s\",\"loss_sum\":\"%s\"}",
                 count, weights->valuestring, losses->valuestring);
    return mse_accumulator_parse(&accumulator, text, (size_t)length) == MSE_OK;
}

/* Whether a document that json_reader finds no fault in is a request. */
static bool is_request(const cJSON *root)
{
    static const char *const reductions[] = {"mean", "sum", "none", NULL};
    const cJSON *predictions = cJSON_GetObjectItemCaseSensitive(root, "predictions");
    const cJSON *targets = cJSON_GetObjectItemCaseSensitive(root, "targets");
    const cJSON *weights = cJSON_GetObjectItemCaseSensitive(root, "weights");
    const cJSON *reduction = cJSON_GetObjectItemCaseSensitive(root, "reduction");
    const cJSON *gradients = cJSON_GetObjectItemCaseSensitive(root, "gradients");
    const cJSON *whole = cJSON_GetObjectItemCaseSensitive(root, "whole");
    int known = 2 + (weights != NULL) + (reduction != NULL) + (gradients != NULL) + (whole != NULL);

    if (!cJSON_IsObject(root) || cJSON_GetArraySize(root) != known) return false;
    if (!begins_with_number(predictions) || !begins_with_number(targets)) return false;
    if (!same_shape(predictions, targets)) return false;
    if (weights != NULL && !(begins_with_number(weights) && same_shape(predictions, weights)))
        return false;
    if (whole != NULL && !is_partial(whole)) return false;
    if (whole != NULL && cJSON_IsString(reduction) && strcmp(reduction->valuestring, "none") == 0)
        return false;
    return (reduction == NULL || is_one_of(reduction, reductions)) &&
           (gradients == NULL || is_list_of_gradients(gradients));
}

static void must_explain(const struct problem *problem)
{
    must(problem->type >= PROBLEM_WRONG_TYPE && problem->type <= PROBLEM_OVERFLOW);
    must(problem->detail[0] != '\0' &&
         memchr(problem->detail, '\0', sizeof problem->detail) != NULL);
    must(problem->pointer[0] == '\0' || problem->pointer[0] == '/');
    must(!problem->has_offset);
}

static void must_be_sound(const struct request *request)
{
    must(request->inputs[REQUEST_PREDICTIONS].length > 0 &&
         tensor_same_shape(&request->inputs[REQUEST_PREDICTIONS],
                           &request->inputs[REQUEST_TARGETS]));
    if (request->inputs[REQUEST_WEIGHTS].length > 0)
        must(tensor_same_shape(&request->inputs[REQUEST_PREDICTIONS],
                               &request->inputs[REQUEST_WEIGHTS]));
}

/* ---- the answer */

/* What the answer must hold. */
struct expected {
    size_t n;
    double *losses; /* one, or n under "none" */
    double *gradient;
    bool each, wants_predictions, wants_targets;
    bool refused;
    enum problem_type problem;
};

static bool all_zero(const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (values[i] != 0) return false;
    }
    return true;
}

static bool any_negative(const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (values[i] < 0) return true;
    }
    return false;
}

static bool any_infinite(const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (isinf(values[i])) return true;
    }
    return false;
}

/* The whole's loss, and the gradient at one stretch, by libmse: other tests compare these with
 * GMP. */
static void expect_whole(struct expected *expected, const struct request *request,
                         enum mse_reduction reduction)
{
    const double *predictions = request->inputs[REQUEST_PREDICTIONS].values,
                 *targets = request->inputs[REQUEST_TARGETS].values;
    const double *weights = request->inputs[REQUEST_WEIGHTS].values;
    size_t n = expected->n;
    struct mse_accumulator own;
    mse_accumulator_init(&own);
    must(mse__accumulator_add_weights(&own, weights, n) == MSE_OK);
    expected->refused = true;
    expected->problem = PROBLEM_INVALID_PARTIAL;
    if (mse__accumulator_excess(&own, request->whole) != MSE__MEMBERS) return;
    enum mse_status status = mse_accumulator_loss(request->whole, reduction, &expected->losses[0]);
    expected->problem = PROBLEM_ZERO_WEIGHTS;
    if (status == MSE_ZERO_WEIGHTS) return;
    expected->problem = PROBLEM_OVERFLOW;
    status = mse_accumulator_gradient(request->whole, predictions, targets, weights, n, reduction,
                                      expected->gradient);
    must(status == MSE_OK || status == MSE_OVERFLOW);
    expected->refused =
        isinf(expected->losses[0]) || ((request->wants_predictions || request->wants_targets) &&
                                       any_infinite(expected->gradient, n));
}

static void expect(struct expected *expected, const struct request *request)
{
    const double *predictions = request->inputs[REQUEST_PREDICTIONS].values,
                 *targets = request->inputs[REQUEST_TARGETS].values;
    const double *weights = request->inputs[REQUEST_WEIGHTS].values;
    enum mse_reduction reduction = request->reduction == REQUEST_MEAN ? MSE_MEAN : MSE_SUM;
    size_t n = request->inputs[REQUEST_PREDICTIONS].length;
    *expected = (struct expected){.n = n,
                                  .losses = calloc(n, sizeof(double)),
                                  .gradient = calloc(n, sizeof(double)),
                                  .each = request->reduction == REQUEST_NONE,
                                  .wants_predictions = request->wants_predictions,
                                  .wants_targets = request->wants_targets,
                                  .problem = PROBLEM_OVERFLOW};
    if (expected->losses == NULL || expected->gradient == NULL) abort();
    bool negative = weights != NULL && any_negative(weights, n);
    if (request->whole != NULL && !negative) {
        expect_whole(expected, request, reduction);
        return;
    }
    if (negative || (reduction == MSE_MEAN && weights != NULL && all_zero(weights, n))) {
        expected->problem = negative ? PROBLEM_NEGATIVE_WEIGHT : PROBLEM_ZERO_WEIGHTS;
        expected->refused = true;
        return;
    }
    if (expected->each) {
        rational_losses(predictions, targets, weights, n, expected->losses);
    } else {
        expected->losses[0] = rational_loss(predictions, targets, weights, n, reduction);
    }
    rational_gradient(predictions, targets, weights, n, reduction, expected->gradient);
    expected->refused = any_infinite(expected->losses, n) ||
                        ((request->wants_predictions || request->wants_targets) &&
                         any_infinite(expected->gradient, n));
}

/* Numbers nested to the shape. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the tensor's rank. */
static void must_hold(const cJSON *value, const struct tensor *shape, size_t level,
                      const double **next, double sign)
{
    if (level == shape->rank) {
        must(cJSON_IsNumber(value) && value->valuedouble == sign * *(*next)++);
        return;
    }
    must(cJSON_IsArray(value) && (size_t)cJSON_GetArraySize(value) == shape->shape[level]);
    for (value = value->child; value != NULL; value = value->next)
        must_hold(value, shape, level + 1, next, sign);
}

static void must_hold_gradient(const cJSON *gradients, const char *name, bool wanted,
                               const struct expected *expected, const struct tensor *shape,
                               double sign)
{
    const cJSON *gradient = cJSON_GetObjectItemCaseSensitive(gradients, name);
    const double *next = expected->gradient;
    must((gradient != NULL) == wanted);
    if (wanted) must_hold(gradient, shape, 0, &next, sign);
}

static void must_answer(const char *text, size_t length, const struct expected *expected,
                        const struct tensor *shape)
{
    const char *end;
    cJSON *root = cJSON_ParseWithLengthOpts(text, length, &end, 0);
    must(root != NULL && end == text + length);
    const cJSON *loss = root->child, *gradients = loss->next;
    const double *next = expected->losses;
    must(strcmp(loss->string, "loss") == 0);
    if (expected->each) {
        must_hold(loss, shape, 0, &next, 1);
    } else {
        must(cJSON_IsNumber(loss) && loss->valuedouble == *next);
    }
    must((gradients != NULL) == (expected->wants_predictions || expected->wants_targets));
    must_hold_gradient(gradients, "predictions", expected->wants_predictions, expected, shape, 1);
    must_hold_gradient(gradients, "targets", expected->wants_targets, expected, shape, -1);
    cJSON_Delete(root);
}

/* Takes the request. */
static void compute(struct request *request)
{
    struct tensor shape = request->inputs[REQUEST_PREDICTIONS]; /* for its shape alone */
    struct expected expected;
    struct job job;
    struct response response;
    struct result result;
    struct request_fault fault;
    struct problem problem;
    enum job_status status;
    expect(&expected, request);
    job_init(&job, request, false);
    do status = job_step(&job, &fault);
    while (status == JOB_MORE);
    must(status == (expected.refused ? JOB_BAD : JOB_DONE));
    if (status == JOB_BAD) {
        json_codec.explain(&job.request, &fault, &problem);
        must_explain(&problem);
        must(problem.type == expected.problem);
    } else {
        job_take_result(&job, &result);
        must(json_codec.respond(&result, NULL, &response) && response.status == 200);
        char *text = decode_body(&response, RESPONSE_ROOM_MIN);
        must_answer(text, strlen(text), &expected, &shape);
        free(text);
    }
    job_free(&job);
    free(expected.losses);
    free(expected.gradient);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json_reader reader;
    struct input input = input_of(data, size);
    struct request request;
    struct request_fault fault;
    struct problem problem;
    pool_serve_gmp();
    budget.limit = SIZE_MAX;
    json_codec.begin(&reader, NULL, &budget);
    input_feed(&input, 0, take, &reader);
    request_init(&request);
    bool read = json_codec.finish(&reader, &request, &problem);
    if (reader.error.fault == JSON_READER_NO_FAULT) {
        if (read && !request_check(&request, &fault)) {
            json_codec.explain(&request, &fault, &problem);
            read = false;
        }
        cJSON *root = opinion_of(input.text, input.length);
        bool has_whole = cJSON_GetObjectItemCaseSensitive(root, "whole") != NULL;
        must(read ? is_request(root) : has_whole || !is_request(root));
        cJSON_Delete(root);
        if (read) {
            must_be_sound(&request);
            compute(&request);
        } else {
            must_explain(&problem);
        }
    }
    request_free(&request);
    json_codec.end(&reader);
    must(budget.used == 0);
    return 0;
}
