/* fuzz_oip.c - an inference request -> a response or an error, the same however the body is cut.
 * What a response holds must hang together; its loss is GMP's. */
#include "input.h"
#include "pool.h"

#include "loss/endpoint.h"
#include "loss/oip_codec.h"
#include "service.h"
#include "support/decode.h"
#include "support/rational.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct service service = {.budget = {.limit = 1 << 20}};

struct answer {
    unsigned status;
    char *bytes;
    size_t length;
    size_t json_length; /* SIZE_MAX: the response does not say */
};

static void take(void *to, const char *bytes, size_t length)
{
    struct work *work = to;
    must(work->receive(work, bytes, length) == length);
}

/* cuts: as the settings say, else in one piece. */
static struct answer ask(struct input input, const char *header, bool cuts)
{
    struct head head = {.method = "POST", .inference_header_content_length = header};
    struct answer answer = {.json_length = SIZE_MAX};
    struct response response;
    struct work *work = endpoint_begin(&service, &head, &oip_codec, &oip_codec, &response);
    must(work != NULL);
    if (!cuts) input.settings_left = 0;
    input_feed(&input, 0, take, work);
    while (!work->respond(work, &response)) continue;
    work->close(work);
    answer.status = response.status;
    for (size_t i = 0; i < response.header_count; i++) {
        if (strcmp(response.headers[i].name, "Inference-Header-Content-Length") == 0)
            answer.json_length = (size_t)response.headers[i].number;
    }
    answer.bytes = decode_bytes(&response, RESPONSE_ROOM_MIN, &answer.length);
    must(service.budget.used == 0);
    return answer;
}

/* Where the first JSON object of a text ends, or its length. */
static size_t end_of_json(const char *text, size_t length)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < length; i++) {
        if (in_string) {
            if (text[i] == '\\')
                i++;
            else if (text[i] == '"')
                in_string = false;
        } else if (text[i] == '"') {
            in_string = true;
        } else if (text[i] == '{') {
            depth++;
        } else if (text[i] == '}' && depth-- <= 1) {
            return i + 1;
        }
    }
    return length;
}

static bool all_finite(const struct tensor *tensor)
{
    for (size_t i = 0; i < tensor->length; i++) {
        if (!isfinite(tensor->values[i])) return false;
    }
    return true;
}

/* The loss of a request by the oracle; NaN where it says nothing. */
static double loss_of(struct input input, const char *header)
{
    struct head head = {.inference_header_content_length = header};
    struct request request;
    struct problem problem;
    double loss = NAN;
    void *decoder = malloc(oip_codec.decoder_size);
    must(decoder != NULL);
    request_init(&request);
    oip_codec.begin(decoder, &head, &service.budget);
    oip_codec.receive(decoder, input.text, input.length);
    must(oip_codec.finish(decoder, &request, &problem));
    const struct tensor *predictions = &request.inputs[REQUEST_PREDICTIONS];
    const struct tensor *targets = &request.inputs[REQUEST_TARGETS];
    const struct tensor *weights = &request.inputs[REQUEST_WEIGHTS];
    must(predictions->length > 0 && tensor_same_shape(predictions, targets));
    if (request.reduction != REQUEST_NONE && all_finite(predictions) && all_finite(targets) &&
        all_finite(weights)) {
        loss = rational_loss(predictions->values, targets->values, weights->values,
                             predictions->length,
                             request.reduction == REQUEST_MEAN ? MSE_MEAN : MSE_SUM);
    }
    request_free(&request);
    oip_codec.end(decoder);
    free(decoder);
    return loss;
}

static double element_at(const char *bytes)
{
    uint64_t bits = 0;
    double value;
    for (int k = 7; k >= 0; k--) bits = bits << 8 | (unsigned char)bytes[k];
    memcpy(&value, &bits, sizeof value);
    return value;
}

static double count_of(const cJSON *shape)
{
    double count = 1;
    must(cJSON_IsArray(shape) && shape->child != NULL);
    for (const cJSON *n = shape->child; n != NULL; n = n->next) count *= n->valuedouble;
    return count;
}

/* One output, whose binary data may stand at blob. Returns the bytes of that. */
static size_t must_be_output(const cJSON *output, const char *blob, double loss)
{
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(output, "name");
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(output, "data");
    const cJSON *parameters = cJSON_GetObjectItemCaseSensitive(output, "parameters");
    const cJSON *size = cJSON_GetObjectItemCaseSensitive(parameters, "binary_data_size");
    double count = count_of(cJSON_GetObjectItemCaseSensitive(output, "shape"));
    must((data == NULL) != (parameters == NULL) && count >= 1);
    must(data != NULL ? cJSON_GetArraySize(data) == count : size->valuedouble == 8 * count);
    if (strcmp(name->valuestring, "loss") == 0 && !isnan(loss)) {
        must(count == 1);
        must((data != NULL ? data->child->valuedouble : element_at(blob)) == loss);
    }
    return data != NULL ? 0 : (size_t)size->valuedouble;
}

static void must_be_response(const struct answer *answer, double loss)
{
    bool is_binary = answer->json_length != SIZE_MAX;
    size_t json_length = is_binary ? answer->json_length : answer->length;
    must(json_length <= answer->length);
    cJSON *root = cJSON_ParseWithLength(answer->bytes, json_length);
    const cJSON *outputs = cJSON_GetObjectItemCaseSensitive(root, "outputs");
    must(cJSON_IsArray(outputs) && outputs->child != NULL);
    const char *blob = answer->bytes + json_length;
    for (const cJSON *output = outputs->child; output != NULL; output = output->next)
        blob += must_be_output(output, blob, loss);
    must(blob == answer->bytes + answer->length);
    must(is_binary == (blob > answer->bytes + json_length));
    cJSON_Delete(root);
}

static void must_be_error(const struct answer *answer)
{
    cJSON *root = cJSON_ParseWithLength(answer->bytes, answer->length);
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(root, "error");
    must(answer->status == 400 || answer->status == 404 || answer->status == 422 ||
         answer->status == 503);
    must(cJSON_IsString(error) && error->valuestring[0] != '\0' && error->next == NULL);
    must(answer->json_length == SIZE_MAX);
    cJSON_Delete(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = input_of(data, size);
    char number[24];
    const char *header = number;
    pool_serve_gmp();
    switch (input_setting(&input) % 4) {
    case 0: /* as a client does it */
        snprintf(number, sizeof number, "%zu", end_of_json(input.text, input.length));
        break;
    case 1:
        header = NULL;
        break;
    case 2:
        snprintf(number, sizeof number, "%u", input_setting(&input));
        break;
    case 3:
        snprintf(number, sizeof number, "%d", (int)input_setting(&input) - 100);
        break;
    }
    struct answer answer = ask(input, header, false);
    struct answer cut = ask(input, header, true);
    must(cut.status == answer.status && cut.length == answer.length &&
         cut.json_length == answer.json_length &&
         memcmp(cut.bytes, answer.bytes, answer.length) == 0);
    if (answer.status == 200) {
        must_be_response(&answer, loss_of(input, header));
    } else {
        must_be_error(&answer);
    }
    free(answer.bytes);
    free(cut.bytes);
    return 0;
}
