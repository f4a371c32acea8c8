/* test_safetensors_codec.c - files -> requests, or problems that say what is wrong; results ->
 * files, however they are cut into pieces. */
#include "loss/safetensors_codec.h"
#include "support/bits.h"
#include "support/cmocka_all.h"
#include "support/decode.h"

#include <endian.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX 70000

static struct tensor_budget budget = {.limit = 1 << 24};

struct file {
    size_t length;
    char bytes[FILE_MAX];
};

static void append(struct file *file, const void *bytes, size_t length)
{
    assert_true(file->length + length <= sizeof file->bytes);
    if (length > 0) memcpy(file->bytes + file->length, bytes, length);
    file->length += length;
}

static void append_integer(struct file *file, uint64_t value)
{
    value = htole64(value);
    append(file, &value, sizeof value);
}

static void append_double(struct file *file, double value)
{
    append_integer(file, bits_of(value));
}

static void append_header(struct file *file, const char *header)
{
    file->length = 0;
    append_integer(file, strlen(header));
    append(file, header, strlen(header));
}

/* As an endpoint does, in pieces that end at the two cuts. */
static bool decode_cut(const struct file *file, size_t first, size_t second,
                       struct request *request, struct problem *problem)
{
    const struct codec *codec = &safetensors_codec;
    struct request_fault fault;
    void *decoder = malloc(codec->decoder_size);
    assert_non_null(decoder);
    request_init(request);
    codec->begin(decoder, NULL, &budget);
    codec->receive(decoder, file->bytes, first);
    codec->receive(decoder, file->bytes + first, second - first);
    codec->receive(decoder, file->bytes + second, file->length - second);
    bool ok = codec->finish(decoder, request, problem);
    if (ok && !request_check(request, &fault)) {
        codec->explain(request, &fault, problem);
        ok = false;
    }
    codec->end(decoder);
    free(decoder);
    return ok;
}

static bool decode(const struct file *file, struct request *request, struct problem *problem)
{
    return decode_cut(file, 0, 0, request, problem);
}

/* ---- requests */

#define TENSOR(name, dtype, shape, begin, end)                                                     \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" #begin "," #end \
    "]}"

/* Of two doubles each. */
#define PREDICTIONS TENSOR("predictions", "F64", "[2]", 0, 16)
#define TARGETS     TENSOR("targets", "F64", "[2]", 16, 32)

static void append_doubles(struct file *file, size_t count)
{
    for (size_t i = 0; i < count; i++) append_double(file, (double)i + 1);
}

/* Tensors in another order than their data, each of another type, in several dimensions, with what
 * a writer adds. */
static void make_mixed_file(struct file *file)
{
    static const unsigned char halves[] = {0x00, 0x3C, 0x00, 0x40, 0x01, 0x00, 0x00, 0xC0};
    append_header(file, "{\"__metadata__\":{\"format\":\"pt\",\"reduction\":\"sum\",\"gradients\":"
                        "\"targets\"}," TENSOR("weights", "U8", "[2,1,2]", 8, 12) "," TENSOR(
                            "predictions", "F64", "[2,1,2]", 12,
                            44) "," TENSOR("targets", "F16", "[2,1,2]", 0, 8) "}   \n");
    append(file, halves, sizeof halves);
    append(file, "\0\1\2\xFF", 4);
    append_doubles(file, 4);
}

static void expect_mixed(const struct request *request)
{
    static const double targets[] = {1, 2, 0x1p-24, -2}, weights[] = {0, 1, 2, 255},
                        predictions[] = {1, 2, 3, 4};
    static const double *const expected[] = {predictions, targets, weights};
    assert_int_equal(request->reduction, REQUEST_SUM);
    assert_true(!request->wants_predictions && request->wants_targets);
    assert_true(!request->has_non_finite);
    for (int i = 0; i < REQUEST_INPUTS; i++) {
        const struct tensor *input = &request->inputs[i];
        assert_int_equal(input->rank, 3);
        assert_true(input->shape[0] == 2 && input->shape[1] == 1 && input->shape[2] == 2);
        assert_int_equal(input->length, 4);
        assert_memory_equal(input->values, expected[i], 4 * sizeof(double));
    }
}

static void a_file_is_read_in_any_order_however_it_is_cut(void **state)
{
    static struct file file;
    (void)state;
    make_mixed_file(&file);
    for (size_t first = 0; first <= file.length; first++) {
        for (size_t second = first; second <= file.length; second++) {
            struct request request;
            struct problem problem;
            if (!decode_cut(&file, first, second, &request, &problem))
                fail_msg("%s", problem.detail);
            expect_mixed(&request);
            request_free(&request);
            assert_int_equal(atomic_load(&budget.used), 0);
        }
    }
}

static void rank_0_is_one_element(void **state)
{
    static struct file file;
    struct request request;
    struct problem problem;
    (void)state;
    append_header(&file, "{" TENSOR("predictions", "F64", "[]", 0, 8) "," TENSOR("targets", "F64",
                                                                                 "[]", 8, 16) "}");
    append_doubles(&file, 2);
    assert_true(decode(&file, &request, &problem));
    assert_int_equal(request.inputs[REQUEST_PREDICTIONS].rank, 0);
    assert_int_equal(request.inputs[REQUEST_TARGETS].length, 1);
    assert_true(request.inputs[REQUEST_TARGETS].values[0] == 2);
    request_free(&request);
}

static void gradients_are_names_with_commas_between(void **state)
{
    static const struct {
        const char *metadata;
        bool predictions, targets;
    } rows[] = {
        {"", true, true},
        {"\"gradients\":\"\"", false, false},
        {"\"gradients\":\"predictions\"", true, false},
        {"\"gradients\":\"targets\"", false, true},
        {"\"gradients\":\"targets,predictions\"", true, true},
        {"\"gradients\":\"\\u0074argets,predictions\"", true, true},
    };
    static struct file file;
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct request request;
        struct problem problem;
        char header[400];
        snprintf(header, sizeof header, "{\"__metadata__\":{%s}," PREDICTIONS "," TARGETS "}",
                 rows[i].metadata);
        append_header(&file, header);
        append_doubles(&file, 4);
        if (!decode(&file, &request, &problem)) fail_msg("%s: %s", header, problem.detail);
        assert_int_equal(request.wants_predictions, rows[i].predictions);
        assert_int_equal(request.wants_targets, rows[i].targets);
        request_free(&request);
    }
}

static void what_is_not_finite_is_noticed_in_any_tensor(void **state)
{
    static struct file file;
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct request request;
        struct problem problem;
        append_header(&file, "{" PREDICTIONS "," TARGETS "}");
        for (size_t j = 0; j < 4; j++) append_double(&file, i == j ? NAN : 1);
        assert_true(decode(&file, &request, &problem));
        assert_true(request.has_non_finite);
        request_free(&request);
    }
}

/* ---- problems */

/* Fails the test unless the file is this problem, however it is cut. */
static void expect_problem(const struct file *file, const char *what, enum problem_type type,
                           const char *pointer, const char *detail)
{
    struct request request;
    struct problem problem, cut;
    if (decode(file, &request, &problem)) fail_msg("%s was read", what);
    request_free(&request);
    if (problem.type != type || strstr(problem.detail, detail) == NULL ||
        strcmp(problem.pointer, pointer) != 0)
        fail_msg("%s: %s, \"%s\" at %s", what, problem_name(problem.type), problem.detail,
                 problem.pointer);
    size_t step = file->length > 1000 ? 997 : 1;
    for (size_t i = 0; i <= file->length; i += step) {
        for (size_t second = 0; second < 2; second++) {
            assert_false(decode_cut(file, second ? i : 0, i, &request, &cut));
            request_free(&request);
            if (cut.type != problem.type || strcmp(cut.detail, problem.detail) != 0 ||
                strcmp(cut.pointer, problem.pointer) != 0 || cut.offset != problem.offset)
                fail_msg("%s, cut at byte %zu: %s", what, i, cut.detail);
        }
    }
    assert_int_equal(atomic_load(&budget.used), 0);
}

struct row {
    const char *what;
    const char *header;
    size_t data; /* doubles */
    const char *detail, *pointer;
    enum problem_type type;
};

static void expect_rows(const struct row *rows, size_t count)
{
    static struct file file;
    for (size_t i = 0; i < count; i++) {
        append_header(&file, rows[i].header);
        append_doubles(&file, rows[i].data);
        expect_problem(&file, rows[i].what, rows[i].type,
                       rows[i].pointer != NULL ? rows[i].pointer : "", rows[i].detail);
    }
}

#define BAD .type = PROBLEM_MALFORMED_SAFETENSORS

static const struct row malformed[] = {
    {"white space before the header", " {" PREDICTIONS "," TARGETS "}", 4, "begin with '{'", BAD},
    {"a byte order mark", "\xEF\xBB\xBF{" PREDICTIONS "," TARGETS "}", 4, "", BAD},
    {"an array", "[]", 0, "begin with '{'", BAD},
    {"not JSON", "{\"predictions\":}", 0, "Expected a value at byte 23, found '}'", BAD},
    {"JSON that ends early", "{" PREDICTIONS ",", 4, "before its JSON does", BAD},
    {"padding other than white space", "{}\1\1\1\1", 0, "Expected the end of the text", BAD},
    {"no UTF-8", "{\"\xC3\":1}", 0, "UTF-8", BAD},
    {"a tensor twice", "{" PREDICTIONS "," TARGETS "," TARGETS "}", 4, "appears twice", BAD},
    {"a tensor twice, once with escapes",
     "{" PREDICTIONS "," TARGETS "," TENSOR("target\\u0073", "F64", "[2]", 16, 32) "}", 4,
     "appears twice", BAD},
    {"a key twice",
     "{\"predictions\":{\"dtype\":\"F64\",\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[0,"
     "16]}}",
     2, "appears twice", BAD},
    {"a tensor that is no object", "{\"predictions\":[1,2]}", 0, "must be an object", BAD},
    {"no dtype", "{\"predictions\":{\"shape\":[2],\"data_offsets\":[0,16]}}", 2, "\"dtype\"", BAD},
    {"a dtype that is no string",
     "{\"predictions\":{\"dtype\":1,\"shape\":[2],\"data_offsets\":[0,16]}}", 2, "\"dtype\"", BAD},
    {"a dtype in lower case", "{" TENSOR("predictions", "f64", "[2]", 0, 16) "}", 2,
     "the dtype \"f64\"", BAD},
    {"no shape", "{\"predictions\":{\"dtype\":\"F64\",\"data_offsets\":[0,16]}}", 2, "\"shape\"",
     BAD},
    {"a shape that is no array", "{" TENSOR("predictions", "F64", "2", 0, 16) "}", 2, "\"shape\"",
     BAD},
    {"a shape of strings", "{" TENSOR("predictions", "F64", "[\"2\"]", 0, 16) "}", 2, "\"shape\"",
     BAD},
    {"a nested shape", "{" TENSOR("predictions", "F64", "[[2]]", 0, 16) "}", 2, "\"shape\"", BAD},
    {"a shape of a number and a string", "{" TENSOR("predictions", "F64", "[2,\"1\"]", 0, 16) "}",
     2, "Expected a number", BAD, .pointer = "/predictions/shape/1"},
    {"a fraction", "{" TENSOR("predictions", "F64", "[2.0]", 0, 16) "}", 2,
     "At byte 48 the header has a number that is no integer", BAD},
    {"an exponent", "{" TENSOR("predictions", "F64", "[2e0]", 0, 16) "}", 2, "no integer", BAD},
    {"an exponent in an offset", "{" TENSOR("predictions", "F64", "[2]", 0, 16E0) "}", 2,
     "no integer", BAD},
    {"a negative length", "{" TENSOR("predictions", "F64", "[-2]", 0, 16) "}", 2, "no integer",
     BAD},
    {"a negative zero", "{" TENSOR("predictions", "F64", "[2]", -0, 16) "}", 2, "no integer", BAD},
    {"a leading zero", "{" TENSOR("predictions", "F64", "[02]", 0, 16) "}", 2, "malformed", BAD},
    {"no offsets", "{\"predictions\":{\"dtype\":\"F64\",\"shape\":[2]}}", 2, "\"data_offsets\"",
     BAD},
    {"one offset", "{\"predictions\":{\"dtype\":\"F64\",\"shape\":[0],\"data_offsets\":[0]}}", 0,
     "\"data_offsets\"", BAD},
    {"three offsets",
     "{\"predictions\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[0,16,16]}}", 2,
     "\"data_offsets\"", BAD},
    {"an end before its beginning", "{" TENSOR("predictions", "F64", "[2]", 16, 0) "}", 2,
     "\"data_offsets\"", BAD},
    {"a shape of more bytes than the offsets", "{" TENSOR("predictions", "F64", "[3]", 0, 16) "}",
     2, "16 bytes by its data_offsets, but 24 by its dtype and shape", BAD},
    {"a shape of fewer", "{" TENSOR("predictions", "F32", "[3]", 0, 16) "}", 2, "but 12", BAD},
    {"a shape that overflows",
     "{" TENSOR("predictions", "F64", "[4294967296,4294967296]", 0, 0) "}", 0, "too many elements",
     BAD},
    {"a length beyond 64 bits",
     "{" TENSOR("predictions", "F64", "[99999999999999999999]", 0, 16) "}", 2, "too many elements",
     BAD},
    {"a hole before the data", "{" TENSOR("predictions", "F64", "[1]", 8, 16) "}", 2,
     "begins at byte 8, but that of the tensors before it ends at byte 0", BAD},
    {"a hole in the data", "{" PREDICTIONS "," TENSOR("targets", "F64", "[2]", 24, 40) "}", 5,
     "begins at byte 24", BAD},
    {"an overlap", "{" PREDICTIONS "," TENSOR("targets", "F64", "[2]", 8, 24) "}", 3,
     "begins at byte 8, but that of the tensors before it ends at byte 16", BAD},
    {"the same data twice", "{" PREDICTIONS "," TENSOR("targets", "F64", "[2]", 0, 16) "}", 2,
     "begins at byte 0", BAD},
    {"data after the end", "{" PREDICTIONS "," TARGETS "}", 5, "but 40 follow", BAD},
    {"data that is cut", "{" PREDICTIONS "," TARGETS "}", 3, "but 24 follow", BAD},
    {"data without tensors", "{}", 1, "but 8 follow", BAD},
    {"data cut, and an unknown tensor", "{" PREDICTIONS "," TENSOR("x", "F64", "[2]", 16, 32) "}",
     3, "but 24 follow", BAD},
    {"metadata that is a string", "{\"__metadata__\":\"x\"," PREDICTIONS "}", 2, "\"__metadata__\"",
     BAD},
    {"metadata with a list", "{\"__metadata__\":{\"reduction\":[]}," PREDICTIONS "}", 2,
     "must be a string", BAD},
    {"metadata with a number", "{\"__metadata__\":{\"x\":1}," PREDICTIONS "}", 2,
     "must be a string", BAD},
    {"an unknown tensor before a malformed one",
     "{" TENSOR("x", "F64", "[2]", 0, 16) "," TENSOR("y", "F64", "[2.5]", 16, 32) "}", 4,
     "no integer", BAD},
};

static void a_file_that_is_malformed_is_refused(void **state)
{
    (void)state;
    expect_rows(malformed, COUNT(malformed));
}

static void a_file_without_a_whole_header_is_refused(void **state)
{
    static struct file file;
    (void)state;
    file.length = 0;
    expect_problem(&file, "nothing", PROBLEM_MALFORMED_SAFETENSORS, "", "the body has 0");
    append(&file, "\2\0\0\0\0\0\0", 7);
    expect_problem(&file, "7 bytes", PROBLEM_MALFORMED_SAFETENSORS, "", "the body has 7");
    append(&file, "\0", 1);
    expect_problem(&file, "no header", PROBLEM_MALFORMED_SAFETENSORS, "", "but only 0 follow");
    append(&file, "{", 1);
    expect_problem(&file, "half a header", PROBLEM_MALFORMED_SAFETENSORS, "", "but only 1 follow");
    append(&file, "}", 1);
    expect_problem(&file, "a header", PROBLEM_MISSING_MEMBER, "/predictions",
                   "The required tensor \"predictions\" is missing.");
    file.length = 0;
    append_integer(&file, 0);
    expect_problem(&file, "an empty header", PROBLEM_MALFORMED_SAFETENSORS, "", "has 0 bytes");
    file.length = 0;
    append_integer(&file, 100000001);
    expect_problem(&file, "too long a header", PROBLEM_MALFORMED_SAFETENSORS, "", "100000001");
    append(&file, "{}", 2);
    expect_problem(&file, "NUL padding", PROBLEM_MALFORMED_SAFETENSORS, "", "100000001");
    file.length = 0;
    append_integer(&file, 8);
    append(&file, "{}\0\0\0\0\0\0", 8);
    expect_problem(&file, "NUL padding", PROBLEM_MALFORMED_SAFETENSORS, "", "found 0x00");
}

static void a_header_may_be_padded_up_to_its_limit(void **state)
{
    static struct file file;
    static const char header[] = "{" PREDICTIONS "," TARGETS "}";
    (void)state;
    for (size_t length = 65535; length < 65538; length++) {
        struct request request;
        struct problem problem;
        file.length = 0;
        append_integer(&file, length);
        append(&file, header, strlen(header));
        while (file.length < 8 + length) append(&file, " ", 1);
        append_doubles(&file, 4);
        if (length <= 65536) {
            assert_true(decode(&file, &request, &problem));
            request_free(&request);
        } else {
            expect_problem(&file, "a long header", PROBLEM_REQUEST_TOO_COMPLEX, "", "65536 bytes");
        }
    }
    file.length -= 40;
    expect_problem(&file, "a long header that is cut", PROBLEM_MALFORMED_SAFETENSORS, "", "follow");
}

#define REFUSED_TYPE(name, bytes)                                                             \
    {                                                                                         \
        name, "{" TENSOR("predictions", name, "[2]", 0, bytes) "}", bytes / 8, "dtype " name, \
            .type = PROBLEM_WRONG_TYPE                                                        \
    }
static const struct row refused[] = {
    REFUSED_TYPE("C64", 16),
    {"BOOL", "{" TENSOR("predictions", "BOOL", "[8]", 0, 8) "}", 1, "dtype BOOL",
     .type = PROBLEM_WRONG_TYPE},
    {"F8_E5M2", "{" TENSOR("predictions", "F8_E5M2", "[8]", 0, 8) "}", 1, "dtype F8_E5M2",
     .type = PROBLEM_WRONG_TYPE},
    {"F8_E8M0", "{" TENSOR("predictions", "F8_E8M0", "[8]", 0, 8) "}", 1, "dtype F8_E8M0",
     .type = PROBLEM_WRONG_TYPE},
    {"F6_E2M3", "{" TENSOR("predictions", "F6_E2M3", "[8]", 0, 8) "}", 1, "dtype F6_E2M3",
     .type = PROBLEM_WRONG_TYPE},
    {"F4", "{" TENSOR("predictions", "F4", "[16]", 0, 8) "}", 1, "dtype F4",
     .type = PROBLEM_WRONG_TYPE},
    {"no targets", "{" PREDICTIONS "}", 2, "tensor \"targets\" is missing", "/targets",
     PROBLEM_MISSING_MEMBER},
    {"another tensor", "{" PREDICTIONS "," TENSOR("target", "F64", "[2]", 16, 32) "}", 4,
     "Unknown tensor \"target\"", NULL, PROBLEM_UNKNOWN_MEMBER},
    {"another key",
     "{\"predictions\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[0,16],\"x\":1}}", 2,
     "Unknown key \"x\" of the tensor \"predictions\"", NULL, PROBLEM_UNKNOWN_MEMBER},
    {"another shape", "{" PREDICTIONS "," TENSOR("targets", "F64", "[2,1]", 16, 32) "}", 4,
     "\"targets\" has shape [2,1]", "/targets/shape", PROBLEM_SHAPE_MISMATCH},
    {"no element",
     "{" TENSOR("predictions", "F64", "[0]", 0, 0) "," TENSOR("targets", "F64", "[0]", 0, 0) "}", 0,
     "has no elements", "/predictions/shape", PROBLEM_NO_ELEMENT},
    {"weights without elements",
     "{" PREDICTIONS "," TARGETS "," TENSOR("weights", "F32", "[2,0]", 32, 32) "}", 4,
     "The tensor \"weights\" has no elements", "/weights/shape", PROBLEM_NO_ELEMENT},
    {"a length beyond 2^53 of no element",
     "{" TENSOR("predictions", "F64", "[0,1152921504606846976]", 0, 0) "}", 0, "has no elements",
     "/predictions/shape", PROBLEM_NO_ELEMENT},
    {"33 dimensions",
     "{" TENSOR("predictions", "F64",
                "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", 0, 8) "}",
     1, "33 dimensions", NULL, PROBLEM_REQUEST_TOO_COMPLEX},
    {"many tensors",
     "{" TENSOR("a", "U8", "[0]", 0, 0) "," TENSOR("b", "U8", "[0]", 0, 0) "," TENSOR(
         "c", "U8", "[0]", 0, 0) "," TENSOR("d", "U8", "[0]", 0, 0) "," TENSOR("e", "U8", "[0]", 0,
                                                                               0) "}",
     0, "larger than that of a request", NULL, PROBLEM_REQUEST_TOO_COMPLEX},
    {"another reduction", "{\"__metadata__\":{\"reduction\":\"max\"}," PREDICTIONS "}", 2,
     "not \"max\"", "/__metadata__/reduction", PROBLEM_UNKNOWN_VALUE},
    {"another gradient", "{\"__metadata__\":{\"gradients\":\"weights\"}," PREDICTIONS "}", 2,
     "\"weights\" is none of them", "/__metadata__/gradients", PROBLEM_UNKNOWN_VALUE},
    {"a comma too many", "{\"__metadata__\":{\"gradients\":\"targets,\"}," PREDICTIONS "}", 2,
     "\"gradients\"", "/__metadata__/gradients", PROBLEM_UNKNOWN_VALUE},
    {"a space too many",
     "{\"__metadata__\":{\"gradients\":\"targets, predictions\"}," PREDICTIONS "}", 2,
     "\" predictions\"", "/__metadata__/gradients", PROBLEM_UNKNOWN_VALUE},
    {"a gradient twice", "{\"__metadata__\":{\"gradients\":\"targets,targets\"}," PREDICTIONS "}",
     2, "more than once", "/__metadata__/gradients", PROBLEM_UNKNOWN_VALUE},
    {"other metadata", "{\"__metadata__\":{\"author\":\"x\"}," PREDICTIONS "}", 2,
     "Unknown key \"author\"", "/__metadata__", PROBLEM_UNKNOWN_MEMBER},
};

static void a_file_that_is_no_request_is_refused(void **state)
{
    (void)state;
    expect_rows(refused, COUNT(refused));
}

static void an_element_at_fault_is_told_by_its_tensor(void **state)
{
    struct request request;
    struct problem problem;
    static struct file file;
    (void)state;
    append_header(&file, "{" TENSOR("predictions", "F64", "[2,3]", 0,
                                    48) "," TENSOR("targets", "F64", "[2,3]", 48, 96) "}");
    append_doubles(&file, 12);
    assert_true(decode(&file, &request, &problem));
    struct request_fault fault = {REQUEST_NOT_FINITE, REQUEST_TARGETS, 5, -INFINITY};
    safetensors_codec.explain(&request, &fault, &problem);
    assert_string_equal(
        problem.detail,
        "The value at element [1,2] of the tensor \"targets\" is -infinity; only an "
        "element of weight 0 may be NaN or infinite.");
    assert_string_equal(problem.pointer, "/targets");
    fault = (struct request_fault){REQUEST_LOSS_OVERFLOW, REQUEST_PREDICTIONS, REQUEST_ALL, 0};
    safetensors_codec.explain(&request, &fault, &problem);
    assert_string_equal(problem.pointer, "");
    request_free(&request);
}

static void a_header_that_lies_costs_nothing(void **state)
{
    static struct file file;
    struct tensor_budget all = budget;
    (void)state;
    budget.limit = 4096;
    append_header(&file,
                  "{" TENSOR("predictions", "F64", "[1099511627776]", 0, 8796093022208) "," TENSOR(
                      "targets", "F64", "[1099511627776]", 8796093022208, 17592186044416) "}");
    append_doubles(&file, 40);
    expect_problem(&file, "a header that lies", PROBLEM_MALFORMED_SAFETENSORS, "", "follow");
    budget = all;
}

static void a_spent_budget_asks_to_try_again_unless_the_file_is_malformed(void **state)
{
    static struct file file;
    struct tensor_budget all = budget;
    (void)state;
    budget.limit = 4096;
    append_header(&file, "{" TENSOR("predictions", "F64", "[500]", 0,
                                    4000) "," TENSOR("targets", "F64", "[500]", 4000, 8000) "}");
    append_doubles(&file, 1000);
    expect_problem(&file, "a large request", PROBLEM_MEMORY_EXHAUSTED, "", "memory");
    append_doubles(&file, 1);
    expect_problem(&file, "a large request", PROBLEM_MALFORMED_SAFETENSORS, "", "follow");
    budget = all;
}

/* ---- results */

/* gcc 12 takes 0.0 - (double)number for -(double)number, which is not +0. */
static double negative_of(size_t number)
{
    return number == 0 ? 0.0 : -(double)number;
}

/* A result of n elements; its gradient counts up from 0. */
static void make_result(struct result *result, size_t n, bool is_elementwise, bool predictions,
                        bool targets)
{
    struct tensor *tensors[] = {
        is_elementwise ? &result->losses : NULL, predictions ? &result->gradient : NULL,
        targets && !(predictions && is_elementwise) ? &result->negated : NULL};
    *result = (struct result){.elements = n,
                              .is_elementwise = is_elementwise,
                              .loss = 2.5,
                              .wants_predictions = predictions,
                              .wants_targets = targets};
    for (size_t i = 0; i < 3; i++) {
        if (tensors[i] == NULL) continue;
        tensor_init(tensors[i], &budget);
        for (size_t j = 0; j < n; j++) {
            if (tensors[i]->length == tensors[i]->capacity) assert_true(tensor_grow(tensors[i]));
            double value = (double)(i == 0 ? 100 + j : j);
            tensors[i]->values[tensors[i]->length++] = i == 2 ? negative_of(j) : value;
        }
        tensors[i]->rank = 2;
        tensors[i]->shape[0] = n;
        tensors[i]->shape[1] = 1;
    }
}

static double read_double(const char *bytes)
{
    uint64_t bits;
    memcpy(&bits, bytes, sizeof bits);
    return double_of(le64toh(bits));
}

/* The tensors in their order, each found in the header as it must stand there. */
static void expect_file(const char *bytes, size_t length, size_t n, bool is_elementwise,
                        bool predictions, bool targets)
{
    uint64_t header_length;
    memcpy(&header_length, bytes, sizeof header_length);
    header_length = le64toh(header_length);
    assert_int_equal(header_length % 8, 0);
    const char *data = bytes + 8 + header_length;
    char header[600];
    char shape[40];
    size_t end = is_elementwise ? 8 * n : 8;
    snprintf(shape, sizeof shape, "[%zu,1]", n);
    int written = snprintf(header, sizeof header,
                           "{\"loss\":{\"dtype\":\"F64\",\"shape\":%s,\"data_offsets\":[0,%zu]}",
                           is_elementwise ? shape : "[]", end);
    assert_true(read_double(data) == (is_elementwise ? 100 : 2.5));
    for (int i = 0; i < 2; i++) {
        if (!(i == 0 ? predictions : targets)) continue;
        written += snprintf(header + written, sizeof header - (size_t)written,
                            ",\"gradients.%s\":{\"dtype\":\"F64\",\"shape\":%s,"
                            "\"data_offsets\":[%zu,%zu]}",
                            i == 0 ? "predictions" : "targets", shape, end, end + 8 * n);
        for (size_t j = 0; j < n; j++) {
            double value = i == 0 ? (double)j : negative_of(j);
            if (bits_of(read_double(data + end + 8 * j)) != bits_of(value))
                fail_msg("element %zu of gradient %d is %a", j, i, read_double(data + end + 8 * j));
        }
        end += 8 * n;
    }
    written += snprintf(header + written, sizeof header - (size_t)written, "}");
    assert_memory_equal(bytes + 8, header, (size_t)written);
    for (size_t i = (size_t)written; i < header_length; i++) assert_int_equal(bytes[8 + i], ' ');
    assert_int_equal(length, 8 + header_length + end);
}

static void a_result_is_a_file_of_what_was_asked_for(void **state)
{
    (void)state;
    for (int wanted = 0; wanted < 8; wanted++) {
        bool is_elementwise = wanted & 4, predictions = wanted & 1, targets = wanted & 2;
        for (size_t room = 1; room < 600; room += room < 20 ? 1 : 97) {
            struct result result;
            struct response response;
            size_t length;
            make_result(&result, 37, is_elementwise, predictions, targets);
            assert_true(safetensors_codec.respond(&result, NULL, &response));
            assert_int_equal(response.status, 200);
            assert_string_equal(response_find_header(&response, "Content-Type"),
                                "application/safetensors");
            bool is_produced = is_elementwise && predictions && targets;
            assert_int_equal(response.body, is_produced ? RESPONSE_PRODUCED : RESPONSE_MEMORY);
            char *bytes = decode_bytes(&response, room, &length);
            expect_file(bytes, length, 37, is_elementwise, predictions, targets);
            free(bytes);
            assert_int_equal(atomic_load(&budget.used), 0);
        }
    }
}

static void the_longest_header_has_room(void **state)
{
    struct result result;
    struct response response;
    size_t length;
    (void)state;
    make_result(&result, 1, false, true, true);
    result.gradient.rank = TENSOR_RANK_MAX;
    for (size_t i = 0; i < TENSOR_RANK_MAX; i++) result.gradient.shape[i] = SIZE_MAX;
    assert_true(safetensors_codec.respond(&result, NULL, &response));
    char *bytes = decode_bytes(&response, 256, &length);
    assert_non_null(strstr(bytes + 8, "18446744073709551615],\"data_offsets\":[16,24]}}"));
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_in_any_order_however_it_is_cut),
        cmocka_unit_test(rank_0_is_one_element),
        cmocka_unit_test(gradients_are_names_with_commas_between),
        cmocka_unit_test(what_is_not_finite_is_noticed_in_any_tensor),
        cmocka_unit_test(a_file_that_is_malformed_is_refused),
        cmocka_unit_test(a_file_without_a_whole_header_is_refused),
        cmocka_unit_test(a_header_may_be_padded_up_to_its_limit),
        cmocka_unit_test(a_file_that_is_no_request_is_refused),
        cmocka_unit_test(an_element_at_fault_is_told_by_its_tensor),
        cmocka_unit_test(a_header_that_lies_costs_nothing),
        cmocka_unit_test(a_spent_budget_asks_to_try_again_unless_the_file_is_malformed),
        cmocka_unit_test(a_result_is_a_file_of_what_was_asked_for),
        cmocka_unit_test(the_longest_header_has_room),
    };
    return cmocka_run_group_tests_name("test_safetensors_codec", tests, NULL, NULL);
}
