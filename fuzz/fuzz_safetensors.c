/* fuzz_safetensors.c - a file, whole and in the input's chunks, must come to one request or to one
 * problem; what is read must be what cJSON and a plain loop find in it, and its result a file. */
#include "input.h"
#include "pool.h"

#include "loss/job.h"
#include "loss/safetensors_codec.h"
#include "support/bits.h"
#include "support/decode.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX 8

static struct tensor_budget budget;

static void take(void *to, const char *bytes, size_t length)
{
    must(safetensors_codec.receive(to, bytes, length) == length);
}

static bool finish(void *decoder, struct request *request, struct problem *problem)
{
    struct request_fault fault;
    bool ok = safetensors_codec.finish(decoder, request, problem);
    if (ok && !request_check(request, &fault)) {
        safetensors_codec.explain(request, &fault, problem);
        ok = false;
    }
    safetensors_codec.end(decoder);
    return ok;
}

/* ---- what is read */

static uint64_t integer_at(const char *bytes, size_t size)
{
    uint64_t value = 0;
    for (size_t i = size; i > 0; i--) value = value << 8 | (unsigned char)bytes[i - 1];
    return value;
}

/* The value at the bytes where its type is simple; NaN for others. */
static double value_at(const char *bytes, const char *dtype)
{
    if (strcmp(dtype, "F64") == 0) return double_of(integer_at(bytes, 8));
    if (strcmp(dtype, "U8") == 0) return (double)integer_at(bytes, 1);
    if (strcmp(dtype, "I32") == 0) return (double)(int32_t)integer_at(bytes, 4);
    if (strcmp(dtype, "U64") == 0) return (double)integer_at(bytes, 8);
    return NAN;
}

static void must_hold(const struct input *input, const struct request *request)
{
    uint64_t header_length = integer_at(input->text, PREFIX);
    must(header_length <= input->length - PREFIX);
    const char *data = input->text + PREFIX + header_length;
    cJSON *header = cJSON_ParseWithLength(input->text + PREFIX, header_length);
    must(cJSON_IsObject(header));
    for (int i = 0; i < REQUEST_INPUTS; i++) {
        const struct tensor *tensor = &request->inputs[i];
        const cJSON *entry =
            cJSON_GetObjectItemCaseSensitive(header, request_input_name((enum request_input)i));
        must((entry != NULL) == (tensor->length > 0));
        if (entry == NULL) continue;
        const char *dtype = cJSON_GetObjectItemCaseSensitive(entry, "dtype")->valuestring;
        const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(entry, "data_offsets");
        size_t begin = (size_t)offsets->child->valuedouble;
        size_t size = ((size_t)offsets->child->next->valuedouble - begin) / tensor->length;
        size_t product = 1;
        for (size_t level = 0; level < tensor->rank; level++) product *= tensor->shape[level];
        must(product == tensor->length && tensor->length > 0);
        for (size_t j = 0; j < tensor->length; j++) {
            double value = value_at(data + begin + j * size, dtype);
            must(isnan(value) || bits_of(value) == bits_of(tensor->values[j]));
            must(isfinite(tensor->values[j]) || request->has_non_finite);
        }
    }
    cJSON_Delete(header);
}

/* ---- what comes of it */

static void must_explain(const struct problem *problem)
{
    must(problem->type == PROBLEM_MALFORMED_SAFETENSORS ||
         (problem->type >= PROBLEM_WRONG_TYPE && problem->type <= PROBLEM_OVERFLOW));
    must(problem->detail[0] != '\0');
    must(problem->pointer[0] == '\0' || problem->pointer[0] == '/');
}

/* Takes the request. */
static void compute(struct request *request, size_t room)
{
    struct job job;
    struct result result;
    struct response response;
    struct request_fault fault;
    struct problem problem;
    enum job_status status;
    size_t length;
    size_t n = request->inputs[REQUEST_PREDICTIONS].length;
    bool both = request->wants_predictions && request->wants_targets;
    job_init(&job, request, true);
    do status = job_step(&job, &fault);
    while (status == JOB_MORE);
    if (status == JOB_BAD) {
        safetensors_codec.explain(&job.request, &fault, &problem);
        must_explain(&problem);
        job_free(&job);
        return;
    }
    job_take_result(&job, &result);
    must(safetensors_codec.respond(&result, NULL, &response) && response.status == 200);
    char *bytes = decode_bytes(&response, room, &length);
    must(integer_at(bytes, PREFIX) % 8 == 0 && integer_at(bytes, PREFIX) < length);
    for (size_t i = 0; both && i < n; i++) {
        double gradient = double_of(integer_at(bytes + length - 8 * (2 * n - i), 8));
        double negated = double_of(integer_at(bytes + length - 8 * (n - i), 8));
        must(isfinite(gradient) && gradient == -negated);
        must(gradient != 0 || (!signbit(gradient) && !signbit(negated)));
    }
    free(bytes);
    job_free(&job);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static max_align_t whole[32768 / sizeof(max_align_t)], cut[32768 / sizeof(max_align_t)];
    struct input input = input_of(data, size);
    struct request request, other;
    struct problem problem = {0}, other_problem = {0};
    pool_serve_gmp();
    budget.limit = SIZE_MAX;
    must(safetensors_codec.decoder_size <= sizeof whole);
    memset(whole, 0xa5, sizeof whole);
    memset(cut, 0xa5, sizeof cut);
    safetensors_codec.begin(whole, NULL, &budget);
    safetensors_codec.begin(cut, NULL, &budget);
    size_t room = 1 + input_setting(&input);
    take(whole, input.text, input.length);
    input_feed(&input, 0, take, cut);
    request_init(&request);
    request_init(&other);
    bool is_read = finish(whole, &request, &problem);
    must(finish(cut, &other, &other_problem) == is_read);
    if (is_read) {
        must_hold(&input, &request);
        must_hold(&input, &other);
        compute(&request, room);
    } else {
        must_explain(&problem);
        must(problem.type == other_problem.type && problem.offset == other_problem.offset &&
             strcmp(problem.detail, other_problem.detail) == 0 &&
             strcmp(problem.pointer, other_problem.pointer) == 0);
    }
    request_free(&request);
    request_free(&other);
    must(budget.used == 0);
    return 0;
}
