/* test_oip.c - the Open Inference Protocol: what its clients ask for, errors in its form, and the
 * same bits as in JSON, whichever inputs and outputs are binary. For any running server. */
#include "support/families.h"
#include "support/random.h"
#include "support/rational.h"
#include "support/suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INFER "/v2/models/mse/infer"

static void metadata_is_what_the_protocol_asks_for(void **state)
{
    static const struct {
        const char *path, *text; /* a part of it */
    } rows[] = {
        {"/v2", "{\"name\":\"mse-server\",\"version\":\""},
        {"/v2/", "\"extensions\":[\"binary_tensor_data\",\"parameters\",\"statistics\","
                 "\"model_configuration\"]}"},
        {"/v2/health/live", "{\"live\":true}"},
        {"/v2/health/ready", "{\"ready\":true}"},
        {"/v2/models/mse", "{\"name\":\"mse\",\"versions\":[\"1\"],\"platform\":"},
        {"/v2/models/mse/versions/1",
         "{\"name\":\"predictions\",\"datatype\":\"FP64\",\"shape\":[-1]}"},
        {"/v2/models/mse/ready", "{\"name\":\"mse\",\"ready\":true}"},
        {"/v2/models/mse/versions/1/ready", "{\"name\":\"mse\",\"ready\":true}"},
        {"/v2/models/mse/config", "\"max_batch_size\":0"},
        {"/v2/models/mse/versions/1/config",
         "{\"name\":\"weights\",\"data_type\":\"TYPE_FP64\",\"dims\":[-1],\"optional\":true}"},
        {"/v2/models/mse/stats", "{\"model_stats\":[{\"name\":\"mse\",\"version\":\"1\","},
        {"/v2/models/mse/versions/1/stats", "\"response_stats\":{}"},
        {"/v2/models/stats", "\"inference_stats\":{\"success\":{\"count\":"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct response response =
            client_send(&suite_client, (struct request){.path = rows[i].path});
        assert_int_equal(response.status, 200);
        response_has_header(&response, "Content-Type", "application/json");
        cJSON *document = cJSON_Parse(response.body.bytes);
        if (document == NULL || strstr(response.body.bytes, rows[i].text) == NULL)
            fail_msg("%s: %s", rows[i].path, response.body.bytes);
        cJSON_Delete(document);
        response_free(&response);
    }
    response_expect(
        client_send(&suite_client,
                    (struct request){.path = "/v2/repository/index", .method = "POST", .body = ""}),
        "[{\"name\":\"mse\",\"version\":\"1\",\"state\":\"READY\"}]");
}

static void expect_error(struct request request, long status, const char *part)
{
    struct response response = client_send(&suite_client, request);
    assert_int_equal(response.status, status);
    response_has_header(&response, "Content-Type", "application/json");
    cJSON *document = cJSON_Parse(response.body.bytes);
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(document, "error");
    if (!cJSON_IsString(error) || error->next != NULL || strstr(error->valuestring, part) == NULL)
        fail_msg("%s: %s", request.path, response.body.bytes);
    cJSON_Delete(document);
    response_free(&response);
}

static void errors_have_the_protocols_form_wherever_they_arise(void **state)
{
    static const char *const unknown[] = {"/v2/models/other",
                                          "/v2/models/other/ready",
                                          "/v2/models/other/versions/1/config",
                                          "/v2/models/mse/versions/2",
                                          "/v2/models/mse/versions/01/stats",
                                          "/v2/models/MSE/ready"};
    (void)state;
    for (size_t i = 0; i < COUNT(unknown); i++)
        expect_error((struct request){.path = unknown[i]}, 404, "Unknown");
    expect_error((struct request){.path = "/v2/models/other/infer", .body = "{}"}, 404,
                 "this server has the model \"mse\"");
    expect_error((struct request){.path = "/v2/models/mse/versions/2/infer", .body = "{}"}, 404,
                 "has the version 1");
    expect_error((struct request){.path = "/v2/nowhere"}, 404, "/v2/models/{model}/infer");
    expect_error((struct request){.path = INFER}, 405, "allows POST, OPTIONS");
    expect_error((struct request){.path = "/v2", .body = "{}"}, 405, "allows GET");
    expect_error((struct request){.path = INFER, .body = "{"}, 400, "byte 1");
    expect_error((struct request){.path = INFER, .body = "{}"}, 422, "\"inputs\"");
    expect_error((struct request){.path = INFER, .body = "{}", .headers = {"Content-Encoding: br"}},
                 415, "Content-Encoding");
    expect_error((struct request){.path = INFER,
                                  .body = "{}",
                                  .headers = {"Inference-Header-Content-Length: 3"}},
                 400, "The body has 2 bytes, but Inference-Header-Content-Length");
    expect_error(
        (struct request){
            .path = INFER, .body = "{}", .content_type = "text/plain", .accept = "text/html"},
        422, "\"inputs\"");
}

static double statistic(const char *name, const char *member)
{
    struct response response =
        client_send(&suite_client, (struct request){.path = "/v2/models/mse/stats"});
    cJSON *document = cJSON_Parse(response.body.bytes);
    const cJSON *model = cJSON_GetObjectItemCaseSensitive(document, "model_stats")->child;
    const cJSON *statistics = cJSON_GetObjectItemCaseSensitive(model, "inference_stats");
    const cJSON *value = member == NULL
                             ? cJSON_GetObjectItemCaseSensitive(model, name)
                             : cJSON_GetObjectItemCaseSensitive(
                                   cJSON_GetObjectItemCaseSensitive(statistics, name), member);
    assert_true(cJSON_IsNumber(value));
    double number = value->valuedouble;
    cJSON_Delete(document);
    response_free(&response);
    return number;
}

/* A request is counted when its response has been sent, and so before the next on the connection.
 */
static void inferences_are_counted(void **state)
{
    double successes = statistic("success", "count"), failures = statistic("fail", "count");
    double nanoseconds = statistic("success", "ns");
    (void)state;
    for (int i = 0; i < 2; i++) {
        response_expect_status(
            client_send(&suite_client,
                        (struct request){
                            .path = i == 0 ? INFER : "/v2/models/mse/versions/1/infer",
                            .body = "{\"inputs\":[{\"name\":\"predictions\",\"shape\":[1],"
                                    "\"datatype\":\"FP64\",\"data\":[1]},{\"name\":\"targets\","
                                    "\"shape\":[1],\"datatype\":\"FP64\",\"data\":[0]}]}"}),
            200);
    }
    expect_error((struct request){.path = INFER, .body = "{}"}, 422, "\"inputs\"");
    assert_true(statistic("success", "count") == successes + 2);
    assert_true(statistic("inference_count", NULL) == successes + 2);
    assert_true(statistic("fail", "count") == failures + 1);
    assert_true(statistic("success", "ns") > nanoseconds);
    assert_true(statistic("last_inference", NULL) > 1.6e12);
}

/* ---- the same bits as the oracle's */

#define ELEMENTS_MAX 24

static void append_bits(struct text *text, const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t bits;
        char bytes[8];
        memcpy(&bits, &values[i], sizeof bits);
        for (int k = 0; k < 8; k++) bytes[k] = (char)(bits >> 8 * k & 0xFF);
        text_append(text, bytes, sizeof bytes);
    }
}

/* One input: as JSON, flat or nested, or as binary data. */
static void print_input(struct text *json, struct text *blobs, const char *name,
                        const double *values, const size_t shape[2], unsigned form)
{
    size_t n = shape[0] * shape[1];
    text_printf(json, "%s{\"name\":\"%s\",\"datatype\":\"FP64\",\"shape\":[%zu,%zu],",
                name[0] == 'p' ? "" : ",", name, shape[0], shape[1]);
    if (form == 0) {
        text_printf(json, "\"parameters\":{\"binary_data_size\":%zu}}", 8 * n);
        append_bits(blobs, values, n);
        return;
    }
    text_printf(json, "\"data\":");
    text_tensor(json, values, form == 1 ? shape : &n, form == 1 ? 2 : 1, text_exact);
    text_printf(json, "}");
}

static double element_at(const char *bytes)
{
    uint64_t bits = 0;
    double value;
    for (int k = 7; k >= 0; k--) bits = bits << 8 | (unsigned char)bytes[k];
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The numbers of an output are expected, bit for bit, wherever they stand; *blob goes on. */
static void expect_output(const cJSON *output, const double *expected, size_t n, bool is_binary,
                          const char **blob)
{
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(output, "data");
    assert_int_equal(data == NULL, is_binary);
    if (!is_binary) assert_int_equal(cJSON_GetArraySize(data), n);
    data = is_binary ? NULL : data->child;
    for (size_t i = 0; i < n; i++) {
        double wanted = expected[i] + 0.0; /* no zero has a sign */
        double found = is_binary ? element_at(*blob) : data->valuedouble;
        assert_memory_equal(&found, &wanted, sizeof wanted);
        if (is_binary) {
            *blob += 8;
        } else {
            data = data->next;
        }
    }
}

static bool all_finite(const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i])) return false;
    }
    return true;
}

/* Bit i of binary: whether output i was asked for as binary data. */
static void expect_outputs(const struct response *response, const double *losses, size_t loss_count,
                           const double *predictions, const double *targets, size_t n,
                           unsigned binary)
{
    assert_int_equal(response->status, 200);
    char length[24];
    bool has_length =
        response_header(response, "Inference-Header-Content-Length", length, sizeof length);
    assert_int_equal(has_length, binary != 0);
    response_has_header(response, "Content-Type",
                        binary != 0 ? "application/octet-stream" : "application/json");
    size_t json_length = has_length ? strtoul(length, NULL, 10) : response->body.length;
    const char *blob = response->body.bytes + json_length;
    cJSON *document = cJSON_ParseWithLength(response->body.bytes, json_length);
    const cJSON *output = cJSON_GetObjectItemCaseSensitive(document, "outputs")->child;
    expect_output(output, losses, loss_count, (binary & 1) != 0, &blob);
    expect_output(output->next, predictions, n, (binary & 2) != 0, &blob);
    expect_output(output->next->next, targets, n, (binary & 4) != 0, &blob);
    assert_ptr_equal(blob, response->body.bytes + response->body.length);
    cJSON_Delete(document);
}

static void every_number_has_the_oracles_bits_in_json_and_in_binary(void **state)
{
    static const char *const reductions[] = {"mean", "sum", "none"};
    static const char *const outputs[] = {"loss", "gradients.predictions", "gradients.targets"};
    uint64_t random = 1;
    size_t overflows = 0, rounds = 40 * families_count;
    (void)state;
    for (size_t round = 0; round < rounds; round++) {
        double values[5][ELEMENTS_MAX]; /* predictions, targets, weights; gradients */
        double losses[ELEMENTS_MAX];
        const size_t shape[] = {1 + random_below(&random, 4), 1 + random_below(&random, 6)};
        size_t n = shape[0] * shape[1];
        unsigned reduction = (unsigned)random_below(&random, 3);
        unsigned binary = (unsigned)random_below(&random, 8);
        const struct weight_family *family =
            &weight_families[random_below(&random, weight_families_count)];
        const double *weights = family->fill != NULL ? values[2] : NULL;
        families[round % families_count].fill(&random, values[0], values[1], n);
        if (weights != NULL) family->fill(&random, values[2], n);

        struct text json = {0}, blobs = {0};
        char header[64];
        text_printf(&json, "{\"parameters\":{\"reduction\":\"%s\"},\"outputs\":[",
                    reductions[reduction]);
        for (unsigned i = 0; i < 3; i++) {
            text_printf(&json, "%s{\"name\":\"%s\",\"parameters\":{\"binary_data\":%s}}",
                        i > 0 ? "," : "", outputs[i], (binary >> i & 1) != 0 ? "true" : "false");
        }
        text_printf(&json, "],\"inputs\":[");
        print_input(&json, &blobs, "predictions", values[0], shape,
                    (unsigned)random_below(&random, 3));
        print_input(&json, &blobs, "targets", values[1], shape, (unsigned)random_below(&random, 3));
        if (weights != NULL)
            print_input(&json, &blobs, "weights", weights, shape,
                        (unsigned)random_below(&random, 3));
        text_printf(&json, "]}");
        snprintf(header, sizeof header, "inference-header-content-length: %zu", json.length);
        text_append(&json, blobs.length > 0 ? blobs.bytes : "", blobs.length);
        struct response response =
            client_send(&suite_client, (struct request){.path = INFER,
                                                        .body = json.bytes,
                                                        .length = json.length,
                                                        .chunked = random_below(&random, 2) == 0,
                                                        .content_type = "application/octet-stream",
                                                        .headers = {header}});

        enum mse_reduction kind = reduction == 0 ? MSE_MEAN : MSE_SUM;
        rational_gradient(values[0], values[1], weights, n, kind, values[3]);
        for (size_t i = 0; i < n; i++) values[4][i] = -values[3][i];
        if (reduction == 2) {
            rational_losses(values[0], values[1], weights, n, losses);
        } else {
            losses[0] = rational_loss(values[0], values[1], weights, n, kind);
        }
        size_t loss_count = reduction == 2 ? n : 1;
        if (!all_finite(losses, loss_count) || !all_finite(values[3], n)) {
            assert_int_equal(response.status, 422);
            overflows++;
        } else {
            expect_outputs(&response, losses, loss_count, values[3], values[4], n, binary);
        }
        response_free(&response);
        text_free(&json);
        text_free(&blobs);
    }
    assert_true(overflows > 0 && overflows < rounds / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metadata_is_what_the_protocol_asks_for),
        cmocka_unit_test(errors_have_the_protocols_form_wherever_they_arise),
        cmocka_unit_test(inferences_are_counted),
        cmocka_unit_test(every_number_has_the_oracles_bits_in_json_and_in_binary),
    };
    return cmocka_run_group_tests(tests, suite_open, suite_close);
}
