/* test_oip_codec.c - inference requests -> responses or errors, however the body is cut: by the
 * endpoint, without a socket. */
#include "loss/oip_codec.h"

#include "loss/endpoint.h"
#include "service.h"
#include "support/cmocka_all.h"
#include "support/decode.h"
#include "support/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct service service = {.budget = {.limit = 1 << 24}};

/* A response as a client sees it. */
struct answer {
    unsigned status;
    char *bytes; /* NUL-terminated */
    size_t length;
    long json_length; /* -1: the response does not say */
    const char *media_type;
};

/* json_length NULL: no such header. The body comes in pieces: cut bytes, then the rest; where step
 * is not 0, so many at a time. */
static struct answer ask(const char *body, size_t length, const char *json_length, size_t cut,
                         size_t step)
{
    struct head head = {.method = "POST", .inference_header_content_length = json_length};
    struct answer answer = {.json_length = -1};
    struct response response;
    struct work *work = endpoint_begin(&service, &head, &oip_codec, &oip_codec, &response);
    assert_non_null(work);
    for (size_t at = 0, end = step > 0 ? step : cut;
         at<length; at = end, end += step> 0 ? step : length) {
        if (end > length) end = length;
        char *piece = malloc(end - at + 1); /* a copy, so that ASan sees reads beyond the piece */
        memcpy(piece, body + at, end - at);
        if (end > at) assert_int_equal(work->receive(work, piece, end - at), end - at);
        free(piece);
    }
    while (!work->respond(work, &response)) continue;
    work->close(work);
    answer.status = response.status;
    answer.media_type = response_find_header(&response, "Content-Type");
    for (size_t i = 0; i < response.header_count; i++) {
        if (strcmp(response.headers[i].name, "Inference-Header-Content-Length") == 0)
            answer.json_length = (long)response.headers[i].number;
    }
    answer.bytes = decode_bytes(&response, RESPONSE_ROOM_MIN, &answer.length);
    assert_int_equal(atomic_load(&service.budget.used), 0);
    return answer;
}

static struct answer ask_json(const char *json)
{
    return ask(json, strlen(json), NULL, 0, 0);
}

static void expect_json(const char *json, const char *expected)
{
    struct answer answer = ask_json(json);
    assert_string_equal(answer.bytes, expected);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.media_type, "application/json");
    assert_int_equal(answer.json_length, -1);
    free(answer.bytes);
}

#define IN(name, shape, datatype, rest) \
    "{\"name\":\"" name "\",\"shape\":" shape ",\"datatype\":\"" datatype "\"," rest "}"
#define FLAT(name, shape, data) IN(name, shape, "FP64", "\"data\":" data)
#define PAIR                    FLAT("predictions", "[2]", "[0.5,1.5]") "," FLAT("targets", "[2]", "[0,2]")
#define HEAD                    "\"model_name\":\"mse\",\"model_version\":\"1\",\"outputs\":["
#define LOSS                    "{\"name\":\"loss\",\"datatype\":\"FP64\",\"shape\":[1],\"data\":[0.25]}"
#define BY_PREDICTIONS(shape)                                                    \
    "{\"name\":\"gradients.predictions\",\"datatype\":\"FP64\",\"shape\":" shape \
    ",\"data\":[0.5,-0.5]}"
#define BY_TARGETS(shape)                                                                         \
    "{\"name\":\"gradients.targets\",\"datatype\":\"FP64\",\"shape\":" shape ",\"data\":[-0.5,0." \
    "5]}"
#define ALL(shape) HEAD LOSS "," BY_PREDICTIONS(shape) "," BY_TARGETS(shape) "]}"

/* ---- JSON */

static void all_outputs_are_the_default_and_json(void **state)
{
    (void)state;
    expect_json("{\"inputs\":[" PAIR "]}", "{" ALL("[2]"));
    expect_json(" { \"outputs\" : [] , \"inputs\" : [ " PAIR " ] } ", "{" ALL("[2]"));
    expect_json("{\"parameters\":{\"binary_data_output\":false},\"inputs\":[" PAIR "]}",
                "{" ALL("[2]"));
}

static void data_is_flat_or_nested_and_results_are_flat(void **state)
{
    (void)state;
    expect_json("{\"inputs\":[" FLAT("predictions", "[1,2]",
                                     "[[0.5,1.5]]") "," FLAT("targets", "[1,2]", "[0,2]") "]}",
                "{" ALL("[1,2]"));
    expect_json("{\"inputs\":[" FLAT("targets", "[2,1,1]", "[0,2]") "," FLAT(
                    "predictions", "[2,1,1]", "[[[0.5]],[[1.5]]]") "]}",
                "{" ALL("[2,1,1]"));
}

static void only_the_listed_outputs_are_given(void **state)
{
    (void)state;
    expect_json("{\"inputs\":[" PAIR "],\"outputs\":[{\"name\":\"loss\"}]}", "{" HEAD LOSS "]}");
    expect_json("{\"outputs\":[{\"name\":\"gradients.targets\"}],\"inputs\":[" PAIR "]}",
                "{" HEAD BY_TARGETS("[2]") "]}");
    expect_json("{\"outputs\":[{\"name\":\"gradients.targets\"},{\"parameters\":{\"binary_data\":"
                "false},\"name\":\"loss\"}],\"inputs\":[" PAIR "]}",
                "{" HEAD LOSS "," BY_TARGETS("[2]") "]}");
}

static void weights_and_the_reduction_count(void **state)
{
    (void)state;
    expect_json("{\"inputs\":[" PAIR
                "," FLAT("weights", "[2]", "[1,3]") "],\"outputs\":[{\"name\":"
                                                    "\"gradients.predictions\"}]}",
                "{" HEAD "{\"name\":\"gradients.predictions\",\"datatype\":\"FP64\",\"shape\":[2],"
                "\"data\":[0.25,-0.75]}]}");
    expect_json(
        "{\"inputs\":[" PAIR "],\"parameters\":{\"reduction\":\"none\",\"priority\":1,"
        "\"timeout\":5,\"sequence_id\":\"7\",\"sequence_start\":true,\"sequence_end\":false},"
        "\"outputs\":[{\"name\":\"loss\"}]}",
        "{" HEAD "{\"name\":\"loss\",\"datatype\":\"FP64\",\"shape\":[2],"
        "\"data\":[0.25,0.25]}]}");
}

static void an_id_comes_back_as_it_was_spelled(void **state)
{
    static const char *const ids[] = {"",
                                      "42",
                                      "a\\u0000b",
                                      "\\u0000",
                                      "\\ufffd\\uFFFD\\u0000",
                                      "\\\\u0000",
                                      "\\\\ufffd",
                                      "\\\"],}{[",
                                      "\xC3\xA4\xEF\xBF\xBD",
                                      "\\ud83d\\ude00\\/",
                                      "\\\\\\u0000"};
    static const char *const expected[] = {"",
                                           "42",
                                           "a\\u0000b",
                                           "\\u0000",
                                           "\\uFFFD\\uFFFD\\u0000",
                                           "\\\\u0000",
                                           "\\\\ufffd",
                                           "\\\"],}{[",
                                           "\xC3\xA4\xEF\xBF\xBD",
                                           "\\ud83d\\ude00\\/",
                                           "\\\\\\u0000"};
    (void)state;
    for (size_t i = 0; i < COUNT(ids); i++) {
        struct text request = {0}, response = {0};
        text_printf(&request,
                    "{\"model_name\":\"mse\",\"parameters\":{\"timeout\":[\"a\\\"}\",[1]]},"
                    "\"id\":\"%s\",\"inputs\":[" PAIR "]}",
                    ids[i]);
        text_printf(&response, "{\"id\":\"%s\"," ALL("[2]"), expected[i]);
        expect_json(request.bytes, response.bytes);
        text_free(&request);
        text_free(&response);
    }
    expect_json("{\"\\u0069d\":\"\\u0000\",\"inputs\":[" PAIR "]}",
                "{\"id\":\"\\u0000\"," ALL("[2]"));
}

/* ---- binary data */

/* The blobs of these tests are little-endian whatever the machine is. */
#define BYTES_0_5 "\0\0\0\0\0\0\xE0\x3F"
#define BYTES_1_5 "\0\0\0\0\0\0\xF8\x3F"
#define FLOAT_2   "\0\0\0\x40"

/* Sends JSON and a blob, with the header that says where the one ends. */
static struct answer ask_binary(const char *json, const char *blob, size_t blob_length, size_t cut,
                                size_t step)
{
    struct text body = {0};
    char json_length[24];
    snprintf(json_length, sizeof json_length, "%zu", strlen(json));
    text_append(&body, json, strlen(json));
    text_append(&body, blob, blob_length);
    struct answer answer = ask(body.bytes, body.length, json_length, cut, step);
    text_free(&body);
    return answer;
}

static const char mixed[] =
    "{\"inputs\":[" IN("targets", "[2]", "FP32", "\"parameters\":{\"binary_data_size\":8}") "," IN(
        "predictions", "[2]", "FP64",
        "\"parameters\":{\"binary_data_size\":16}") "," FLAT("weights", "[2]",
                                                             "[1,1]") "],\"id\":\"7\"}";
static const char mixed_blobs[] = "\0\0\0\0" FLOAT_2 BYTES_0_5 BYTES_1_5;

static void blobs_follow_in_the_order_of_the_inputs_cut_anywhere(void **state)
{
    size_t length = strlen(mixed) + sizeof mixed_blobs - 1;
    (void)state;
    for (size_t cut = 0; cut <= length; cut++) {
        struct answer answer = ask_binary(mixed, mixed_blobs, sizeof mixed_blobs - 1, cut, 0);
        assert_string_equal(answer.bytes, "{\"id\":\"7\"," ALL("[2]"));
        free(answer.bytes);
    }
    struct answer answer = ask_binary(mixed, mixed_blobs, sizeof mixed_blobs - 1, 0, 1);
    assert_string_equal(answer.bytes, "{\"id\":\"7\"," ALL("[2]"));
    free(answer.bytes);
}

static void every_datatype_widens(void **state)
{
    static const struct {
        const char *datatype;
        unsigned size;
        const char *two; /* the element 2 */
    } rows[] = {{"FP64", 8, "\0\0\0\0\0\0\0\x40"},
                {"FP32", 4, FLOAT_2},
                {"FP16", 2, "\0\x40"},
                {"BF16", 2, "\0\x40"},
                {"INT8", 1, "\2"},
                {"INT16", 2, "\2\0"},
                {"INT32", 4, "\2\0\0\0"},
                {"INT64", 8, "\2\0\0\0\0\0\0\0"},
                {"UINT8", 1, "\2"},
                {"UINT16", 2, "\2\0"},
                {"UINT32", 4, "\2\0\0\0"},
                {"UINT64", 8, "\2\0\0\0\0\0\0\0"}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text json = {0};
        text_printf(&json,
                    "{\"outputs\":[{\"name\":\"loss\"}],\"inputs\":[" FLAT(
                        "targets", "[1]", "[1.5]") ",{\"name\":\"predictions\",\"datatype\":\"%s\","
                                                   "\"shape\":[1],\"parameters\":{"
                                                   "\"binary_data_size\":%u}}]}",
                    rows[i].datatype, rows[i].size);
        struct answer answer = ask_binary(json.bytes, rows[i].two, rows[i].size, 0, 0);
        assert_string_equal(answer.bytes, "{" HEAD LOSS "]}");
        free(answer.bytes);
        text_free(&json);
    }
}

static void a_header_for_json_alone_is_fine(void **state)
{
    struct answer answer = ask_binary("{\"inputs\":[" PAIR "]}", "", 0, 0, 0);
    (void)state;
    assert_string_equal(answer.bytes, "{" ALL("[2]"));
    free(answer.bytes);
}

static void what_weight_0_removes_may_be_anything(void **state)
{
    struct answer answer = ask_binary(
        "{\"outputs\":[{\"name\":\"loss\"}],\"inputs\":[" FLAT("weights", "[2]", "[1,0]") "," FLAT(
            "targets", "[2]", "[0,2]") "," IN("predictions", "[2]", "FP32",
                                              "\"parameters\":{\"binary_data_size\":8}") "]}",
        "\0\0\0\x3F\0\0\xC0\x7F", 8, 0, 0);
    (void)state;
    assert_string_equal(answer.bytes, "{" HEAD LOSS "]}");
    free(answer.bytes);
}

/* ---- binary outputs */

static double element_of(const struct answer *answer, size_t index)
{
    const unsigned char *bytes =
        (const unsigned char *)answer->bytes + answer->json_length + 8 * index;
    uint64_t bits = 0;
    double value;
    for (int i = 7; i >= 0; i--) bits = bits << 8 | bytes[i];
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void binary_outputs_follow_the_json_that_the_header_measures(void **state)
{
    static const char json[] =
        "{" HEAD "{\"name\":\"loss\",\"datatype\":\"FP64\",\"shape\":[1],\"parameters\":{"
        "\"binary_data_size\":8}},"
        "{\"name\":\"gradients.predictions\",\"datatype\":\"FP64\",\"shape\":[2],\"parameters\":{"
        "\"binary_data_size\":16}},"
        "{\"name\":\"gradients.targets\",\"datatype\":\"FP64\",\"shape\":[2],\"parameters\":{"
        "\"binary_data_size\":16}}]}";
    static const double expected[] = {0.25, 0.5, -0.5, -0.5, 0.5};
    struct answer answer =
        ask_json("{\"parameters\":{\"binary_data_output\":true},\"inputs\":[" PAIR "]}");
    (void)state;
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.media_type, "application/octet-stream");
    assert_int_equal(answer.json_length, sizeof json - 1);
    assert_int_equal(answer.length, sizeof json - 1 + sizeof expected);
    assert_memory_equal(answer.bytes, json, sizeof json - 1);
    for (size_t i = 0; i < COUNT(expected); i++) assert_true(element_of(&answer, i) == expected[i]);
    free(answer.bytes);
}

static void an_output_overrides_what_the_request_wants_of_all(void **state)
{
    struct answer answer =
        ask_json("{\"parameters\":{\"binary_data_output\":true},\"outputs\":[{\"name\":\"loss\","
                 "\"parameters\":{\"binary_data\":false}},{\"name\":\"gradients.targets\"}],"
                 "\"inputs\":[" PAIR "]}");
    (void)state;
    assert_non_null(strstr(answer.bytes, LOSS));
    assert_int_equal(answer.length, answer.json_length + 16);
    assert_true(element_of(&answer, 0) == -0.5 && element_of(&answer, 1) == 0.5);
    free(answer.bytes);
}

/* A result that is too large for one buffer: n elements whose predictions are 1, ..., n. */
static struct answer ask_large(size_t n, unsigned binary, const char *reduction)
{
    static const char *const names[] = {"loss", "gradients.predictions", "gradients.targets"};
    struct text json = {0};
    text_printf(&json, "{\"parameters\":{\"reduction\":\"%s\"},\"outputs\":[", reduction);
    for (unsigned i = 0; i < COUNT(names); i++) {
        text_printf(&json, "%s{\"name\":\"%s\",\"parameters\":{\"binary_data\":%s}}",
                    i > 0 ? "," : "", names[i], (binary >> i & 1) != 0 ? "true" : "false");
    }
    text_printf(&json,
                "],\"inputs\":[{\"name\":\"targets\",\"datatype\":\"FP64\",\"shape\":[%zu],"
                "\"data\":[0",
                n);
    text_repeat(&json, ",0", n - 1);
    text_printf(&json,
                "]},{\"name\":\"predictions\",\"datatype\":\"FP64\",\"shape\":[%zu],"
                "\"data\":[1",
                n);
    for (size_t i = 1; i < n; i++) text_printf(&json, ",%zu", i + 1);
    text_printf(&json, "]}]}");
    struct answer answer = ask(json.bytes, json.length, NULL, 0, 0);
    text_free(&json);
    return answer;
}

static void expect_numbers(const char *text, const char *name, size_t n, double factor,
                           double power)
{
    const char *p = strstr(text, name);
    assert_non_null(p);
    p = strstr(p, "\"data\":[");
    assert_non_null(p);
    p += strlen("\"data\":[");
    for (size_t i = 1; i <= n; i++) {
        char *end;
        assert_true(strtod(p, &end) == factor * pow((double)i, power));
        assert_true(*end == (i < n ? ',' : ']'));
        p = end + 1;
    }
}

static void large_results_are_whole_in_every_mixture_of_json_and_binary(void **state)
{
    static const char *const names[] = {"loss", "gradients.predictions", "gradients.targets"};
    enum { N = 20000 };
    (void)state;
    for (unsigned mode = 0; mode < 16; mode++) {
        bool is_elementwise = mode >= 8;
        struct answer answer = ask_large(N, mode, is_elementwise ? "none" : "sum");
        assert_int_equal(answer.status, 200);
        size_t at = 0;
        for (unsigned i = 0; i < COUNT(names); i++) {
            size_t n = i == 0 && !is_elementwise ? 1 : N;
            double factor = i == 0 ? 1 : i == 1 ? 2 : -2;
            if (n == 1) factor = N / 6.0 * (N + 1) * (2 * N + 1.0);
            if ((mode >> i & 1) == 0) {
                expect_numbers(answer.bytes, names[i], n, factor, i == 0 ? 2 : 1);
                continue;
            }
            for (size_t k = 0; k < n; k++) {
                assert_true(element_of(&answer, at++) ==
                            factor * pow((double)(k + 1), i == 0 ? 2 : 1));
            }
        }
        if ((mode & 7) == 0) {
            assert_int_equal(answer.json_length, -1);
        } else {
            assert_int_equal(answer.length, (size_t)answer.json_length + 8 * at);
        }
        free(answer.bytes);
    }
}

/* ---- what is wrong */

#define GOOD_BLOB    IN("predictions", "[2]", "FP64", "\"parameters\":{\"binary_data_size\":16}")
#define TARGETS      FLAT("targets", "[2]", "[0,2]")
#define MORE(rest)   "{\"inputs\":[" PAIR "]," rest "}"
#define FIRST(input) "{\"inputs\":[" input "," TARGETS "]}"

static void what_is_wrong_with_the_json_is_said(void **state)
{
    static const struct {
        const char *json;
        unsigned status;
        const char *error; /* a part of it */
    } rows[] = {
        {"", 400, "incomplete"},
        {"{\"inputs\":", 400, "incomplete"},
        {"{\"inputs\":[}", 400, "at byte 11"},
        {"{\"inputs\":[],\"inputs\":[]}", 400, "twice"},
        {"{\"id\":\"\xFF\"}", 400, "UTF-8"},
        {"[]", 422, "The request must be a JSON object"},
        {"[1]", 422, "The request must be a JSON object"},
        {"{}", 422, "no \\\"inputs\\\""},
        {"{\"inputs\":{}}", 422, "\\\"inputs\\\" must be an array"},
        {"{\"inputs\":[]}", 422, "\\\"predictions\\\" is missing"},
        {"{\"inputs\":[1]}", 422, "inputs[0] must be a JSON object"},
        {"{\"inputs\":[" TARGETS "]}", 422, "input \\\"predictions\\\" is missing"},
        {"{\"inputs\":[" FLAT("predictions", "[1]", "[1]") "]}", 422, "\\\"targets\\\" is missing"},
        {FIRST(FLAT("prediction", "[2]", "[1,2]")), 422, "Unknown input \\\"prediction\\\""},
        {FIRST(FLAT("predictions\\u0000", "[2]", "[1,2]")), 422, "Unknown input"},
        {FIRST(FLAT("targets", "[2]", "[1,2]")), 422, "\\\"targets\\\" is given more than once"},
        {FIRST("{\"shape\":[2],\"datatype\":\"FP64\",\"data\":[1,2]}"), 422,
         "inputs[0] has no \\\"name\\\""},
        {FIRST("{\"name\":1,\"shape\":[2],\"datatype\":\"FP64\",\"data\":[1,2]}"), 422,
         "\\\"name\\\" of inputs[0] must be a string"},
        {FIRST("{\"name\":\"predictions\",\"shape\":[2],\"data\":[1,2]}"), 422,
         "inputs[0] has no \\\"datatype\\\""},
        {FIRST("{\"name\":\"predictions\",\"datatype\":\"FP64\",\"data\":[1,2]}"), 422,
         "inputs[0] has no \\\"shape\\\""},
        {FIRST(IN("predictions", "[2]", "FP65", "\"data\":[1,2]")), 422, "not \\\"FP65\\\""},
        {FIRST(IN("predictions", "[2]", "fp64", "\"data\":[1,2]")), 422, "not \\\"fp64\\\""},
        {FIRST(IN("predictions", "[2]", "BOOL", "\"data\":[1,2]")), 422, "not \\\"BOOL\\\""},
        {FIRST(IN("predictions", "[2]", "BYTES", "\"data\":[\"a\",\"b\"]")), 422, "not \\\"BYTES"},
        {FIRST(FLAT("predictions", "2", "[1,2]")), 422, "array of 1 to 32 integers"},
        {FIRST(FLAT("predictions", "[]", "[1]")), 422, "array of 1 to 32 integers"},
        {FIRST(FLAT("predictions", "[[2]]", "[1,2]")), 422, "array of 1 to 32 integers"},
        {FIRST(FLAT("predictions", "[\"2\"]", "[1,2]")), 422, "array of 1 to 32 integers"},
        {FIRST(FLAT("predictions", "[-1]", "[1,2]")), 422, "integers of 0 or more"},
        {FIRST(FLAT("predictions", "[2.5]", "[1,2]")), 422, "integers of 0 or more"},
        {FIRST(FLAT("predictions", "[1e300]", "[1,2]")), 422, "integers of 0 or more"},
        {FIRST(FLAT("predictions", "[9007199254740992,4096]", "[1,2]")), 422, "too large"},
        {FIRST(FLAT("predictions", "[0]", "[]")), 422, "no elements"},
        {FIRST(FLAT("predictions", "[2,0]", "[[],[]]")), 422, "no elements"},
        {FIRST(FLAT("predictions", "[3]", "[1,2]")), 422, "has 2 elements, but its shape has 3"},
        {FIRST(FLAT("predictions", "[2]", "[[1],[2]]")), 422, "flat, or nested as its shape says"},
        {FIRST(FLAT("predictions", "[2]", "[[1,2],[3]]")), 422, "same length"},
        {FIRST(FLAT("predictions", "[2]", "[1,\"2\"]")), 422, "a number at /inputs/0/data/1"},
        {FIRST(FLAT("predictions", "[2]", "[1,1e999]")), 422, "number at /inputs/0/data/1 exceeds"},
        {FIRST(FLAT("predictions", "[2]", "[\"1\",\"2\"]")), 422, "must be an array of numbers"},
        {FIRST(FLAT("predictions", "[2]", "\"AAA=\"")), 422, "must be an array of numbers"},
        {FIRST(FLAT("predictions", "[2]", "null")), 422, "must be an array of numbers"},
        {FIRST(FLAT("predictions", "[2,1]", "[1,2]")), 422,
         "\\\"targets\\\" has shape [2], but \\\"predictions\\\" has shape [2,1]"},
        {FIRST(IN("predictions", "[2]", "FP64", "\"dat\":[1,2]")), 422, "member \\\"dat\\\""},
        {FIRST("{\"name\":\"predictions\",\"shape\":[2],\"datatype\":\"FP64\"}"), 422,
         "either \\\"data\\\" or the parameter"},
        {FIRST(IN("predictions", "[2]", "FP64",
                  "\"data\":[1,2],\"parameters\":{\"binary_data_size\":16}")),
         422, "either \\\"data\\\" or the parameter"},
        {FIRST(IN("predictions", "[2]", "FP64", "\"parameters\":{\"shared_memory_region\":\"a\"}")),
         422, "shared memory"},
        {FIRST(IN("predictions", "[2]", "FP64", "\"parameters\":{\"x\":1}")), 422,
         "unknown parameter \\\"x\\\""},
        {FIRST(IN("predictions", "[2]", "FP64", "\"parameters\":[]")), 422,
         "\\\"parameters\\\" of inputs[0]"},
        {FIRST(IN("predictions", "[2]", "FP64", "\"parameters\":{\"binary_data_size\":\"16\"}")),
         422, "must be an integer"},
        {FIRST(IN("predictions", "[2]", "FP32", "\"parameters\":{\"binary_data_size\":16}")), 422,
         "is 16, but its shape and datatype make 8 bytes"},
        {FIRST(IN("predictions", "[2]", "FP64", "\"parameters\":{\"binary_data_size\":16.5}")), 422,
         "make 16 bytes"},
        {FIRST(GOOD_BLOB), 400, "send the header Inference-Header-Content-Length"},
        {MORE("\"id\":7"), 422, "\\\"id\\\" must be a string"},
        {MORE("\"id\":null"), 422, "\\\"id\\\" must be a string"},
        {MORE("\"model_name\":\"other\""), 404, "Unknown model \\\"other\\\""},
        {MORE("\"model_name\":1"), 422, "\\\"model_name\\\" must be a string"},
        {MORE("\"reduction\":\"sum\""), 422, "unknown member \\\"reduction\\\""},
        {MORE("\"parameters\":1"), 422, "\\\"parameters\\\" must be a JSON object"},
        {MORE("\"parameters\":{\"reduction\":\"max\"}"), 422, "not \\\"max\\\""},
        {MORE("\"parameters\":{\"reduction\":1}"), 422, "must be a string"},
        {MORE("\"parameters\":{\"binary_data_output\":1}"), 422, "must be true or false"},
        {MORE("\"parameters\":{\"gradients\":\"none\"}"), 422, "unknown parameter \\\"gradients"},
        {MORE("\"outputs\":{}"), 422, "\\\"outputs\\\" must be an array"},
        {MORE("\"outputs\":[1]"), 422, "outputs[0] must be a JSON object"},
        {MORE("\"outputs\":[\"loss\"]"), 422, "outputs[0] must be a JSON object"},
        {MORE("\"outputs\":[{}]"), 422, "outputs[0] has no \\\"name\\\""},
        {MORE("\"outputs\":[{\"name\":\"loss\"},{\"name\":\"x\"}]"), 422,
         "Unknown output \\\"x\\\""},
        {MORE("\"outputs\":[{\"name\":\"loss\"},{\"name\":\"loss\"}]"), 422,
         "\\\"loss\\\" is listed more than once"},
        {MORE("\"outputs\":[{\"name\":\"loss\",\"shape\":[1]}]"), 422, "member \\\"shape\\\""},
        {MORE("\"outputs\":[{\"name\":\"loss\",\"parameters\":{\"classification\":1}}]"), 422,
         "classification"},
        {MORE("\"outputs\":[{\"name\":\"loss\",\"parameters\":{\"binary_data\":1}}]"), 422,
         "must be true or false"},
        {MORE("\"outputs\":[{\"name\":\"loss\",\"parameters\":0}]"), 422, "must be a JSON object"},
        {"{\"inputs\":[" PAIR "," FLAT("weights", "[2]", "[1,-1]") "]}", 422,
         "weight at weights[1] is -1"},
        {"{\"inputs\":[" PAIR "," FLAT("weights", "[2]", "[0,0]") "]}", 422, "All weights are 0"},
        {"{\"inputs\":[" FLAT("predictions", "[1,2]", "[0,1e200]") "," FLAT(
             "targets", "[1,2]", "[0,0]") "],\"parameters\":{\"reduction\":\"none\"}}",
         422, "loss at predictions[0,1] exceeds"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct answer answer = ask_json(rows[i].json);
        if (answer.status != rows[i].status || strstr(answer.bytes, rows[i].error) == NULL ||
            strncmp(answer.bytes, "{\"error\":\"", 10) != 0)
            fail_msg("%s: %u %s", rows[i].json, answer.status, answer.bytes);
        assert_string_equal(answer.media_type, "application/json");
        free(answer.bytes);
    }
}

static void what_is_wrong_with_the_length_of_the_json_names_the_header(void **state)
{
    static const char json[] = FIRST(GOOD_BLOB);
    static const char blob[] = BYTES_0_5 BYTES_1_5 "surplus";
    enum { JSON = sizeof json - 1 };
    static const struct {
        long shift; /* what is wrong with the header */
        size_t blob_length;
        const char *error;
    } rows[] = {{1, 16, "The JSON ends before byte"},
                {-1, 16, "The JSON is incomplete after the"},
                {17, 16, "The body has"},
                {0, 15, "come 15 bytes, but the inputs' binary_data_size is 16"},
                {0, 17, "come 17 bytes"},
                {0, 0, "come 0 bytes"},
                {-JSON, 16, "incomplete after the 0 bytes"}};
    static const char *const no_numbers[] = {"", "x", "-1", "+1", "1.5", "0x10", "1 2", "1,1"};
    char header[24];
    char body[sizeof json + sizeof blob];
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        memcpy(body, json, JSON);
        memcpy(body + JSON, blob, rows[i].blob_length);
        snprintf(header, sizeof header, "%ld", JSON + rows[i].shift);
        for (size_t step = 0; step < 2; step++) {
            struct answer answer = ask(body, JSON + rows[i].blob_length, header, 0, step);
            if (answer.status != 400 || strstr(answer.bytes, rows[i].error) == NULL ||
                strstr(answer.bytes, "Inference-Header-Content-Length") == NULL)
                fail_msg("row %zu: %u %s", i, answer.status, answer.bytes);
            free(answer.bytes);
        }
    }
    struct answer answer = ask(body, JSON + 16, NULL, 0, 0);
    assert_int_equal(answer.status, 400);
    assert_non_null(strstr(answer.bytes, "send the header Inference-Header-Content-Length"));
    free(answer.bytes);
    for (size_t i = 0; i < COUNT(no_numbers); i++) {
        answer = ask(body, JSON + 16, no_numbers[i], 0, 0);
        assert_int_equal(answer.status, 400);
        assert_non_null(strstr(answer.bytes, "Inference-Header-Content-Length must be"));
        free(answer.bytes);
    }
}

static void an_element_that_is_not_finite_is_named(void **state)
{
    struct answer answer = ask_binary(
        "{\"inputs\":[" FLAT("targets", "[1,2]", "[0,2]") "," IN(
            "predictions", "[1,2]", "FP32", "\"parameters\":{\"binary_data_size\":8}") "]}",
        "\0\0\0\x3F\0\0\x80\xFF", 8, 0, 0);
    (void)state;
    assert_int_equal(answer.status, 422);
    assert_non_null(strstr(answer.bytes, "predictions[0,1] is -infinity"));
    free(answer.bytes);
}

static void a_spent_budget_is_503_and_gives_all_back(void **state)
{
    size_t limit = service.budget.limit;
    (void)state;
    for (service.budget.limit = 0; service.budget.limit < 4096; service.budget.limit += 64) {
        struct answer answer = ask_binary(mixed, mixed_blobs, sizeof mixed_blobs - 1, 0, 7);
        assert_true(answer.status == 200 || answer.status == 503);
        if (answer.status == 503) assert_non_null(strstr(answer.bytes, "{\"error\":\"The server"));
        free(answer.bytes);
    }
    service.budget.limit = limit;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_outputs_are_the_default_and_json),
        cmocka_unit_test(data_is_flat_or_nested_and_results_are_flat),
        cmocka_unit_test(only_the_listed_outputs_are_given),
        cmocka_unit_test(weights_and_the_reduction_count),
        cmocka_unit_test(an_id_comes_back_as_it_was_spelled),
        cmocka_unit_test(blobs_follow_in_the_order_of_the_inputs_cut_anywhere),
        cmocka_unit_test(every_datatype_widens),
        cmocka_unit_test(a_header_for_json_alone_is_fine),
        cmocka_unit_test(what_weight_0_removes_may_be_anything),
        cmocka_unit_test(binary_outputs_follow_the_json_that_the_header_measures),
        cmocka_unit_test(an_output_overrides_what_the_request_wants_of_all),
        cmocka_unit_test(large_results_are_whole_in_every_mixture_of_json_and_binary),
        cmocka_unit_test(what_is_wrong_with_the_json_is_said),
        cmocka_unit_test(what_is_wrong_with_the_length_of_the_json_names_the_header),
        cmocka_unit_test(an_element_that_is_not_finite_is_named),
        cmocka_unit_test(a_spent_budget_is_503_and_gives_all_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
