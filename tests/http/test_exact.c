/* test_exact.c - every number of a response is exact to the last bit, and every number of a request
 * is read exactly. For any running server. */
#include "support/families.h"
#include "support/random.h"
#include "support/rational.h"
#include "support/safetensors.h"
#include "support/suite.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ELEMENTS_MAX 40

struct sample {
    double predictions[ELEMENTS_MAX];
    double targets[ELEMENTS_MAX];
    double weights[ELEMENTS_MAX];
    bool weighted;
    size_t shape[3];
    size_t rank;
    size_t n;
    unsigned reduction; /* mean, sum, none */
};

static void random_sample(struct sample *sample, uint64_t *random, size_t family)
{
    static const size_t most[] = {ELEMENTS_MAX, 6, 3};
    const struct weight_family *weights =
        &weight_families[random_below(random, weight_families_count)];
    sample->rank = 1 + random_below(random, 3);
    sample->n = 1;
    for (size_t i = 0; i < sample->rank; i++)
        sample->n *= sample->shape[i] = 1 + random_below(random, most[sample->rank - 1]);
    families[family].fill(random, sample->predictions, sample->targets, sample->n);
    sample->weighted = weights->fill != NULL;
    if (sample->weighted) weights->fill(random, sample->weights, sample->n);
    sample->reduction = (unsigned)random_below(random, 3);
}

static void print_request(struct text *text, const struct sample *sample)
{
    static const char *const names[] = {"mean", "sum", "none"};
    text_printf(text, "{\"predictions\":");
    text_tensor(text, sample->predictions, sample->shape, sample->rank, text_exact);
    text_printf(text, ",\"targets\":");
    text_tensor(text, sample->targets, sample->shape, sample->rank, text_exact);
    if (sample->weighted) {
        text_printf(text, ",\"weights\":");
        text_tensor(text, sample->weights, sample->shape, sample->rank, text_exact);
    }
    text_printf(text, ",\"reduction\":\"%s\"}", names[sample->reduction]);
}

static bool all_finite(const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(values[i])) return false;
    return true;
}

static void make_file(struct text *text, const struct sample *sample)
{
    static const char *const metadata[] = {"\"__metadata__\":{\"format\":\"np\"}",
                                           "\"__metadata__\":{\"reduction\":\"sum\"}",
                                           "\"__metadata__\":{\"reduction\":\"none\"}"};
    struct safetensors file = {0};
    safetensors_add_text(&file, metadata[sample->reduction]);
    if (sample->weighted)
        safetensors_add(&file, "weights", sample->weights, sample->shape, sample->rank);
    safetensors_add(&file, "targets", sample->targets, sample->shape, sample->rank);
    safetensors_add(&file, "predictions", sample->predictions, sample->shape, sample->rank);
    safetensors_finish(&file, text);
}

/* The exact results of a sample; each zero is +0. */
struct results {
    bool are_finite;
    double losses[ELEMENTS_MAX]; /* one, or under "none" as many as there are elements */
    double gradient[ELEMENTS_MAX], negated[ELEMENTS_MAX];
};

static double without_sign_of_zero(double value)
{
    return value == 0 ? 0 : value;
}

static void compute(struct results *results, const struct sample *sample)
{
    const double *weights = sample->weighted ? sample->weights : NULL;
    enum mse_reduction reduction = sample->reduction == 0 ? MSE_MEAN : MSE_SUM;
    bool none = sample->reduction == 2;
    rational_gradient(sample->predictions, sample->targets, weights, sample->n, reduction,
                      results->gradient);
    if (none)
        rational_losses(sample->predictions, sample->targets, weights, sample->n, results->losses);
    else
        results->losses[0] =
            rational_loss(sample->predictions, sample->targets, weights, sample->n, reduction);
    results->are_finite = all_finite(results->gradient, sample->n) &&
                          all_finite(results->losses, none ? sample->n : 1);
    for (size_t i = 0; i < sample->n; i++) {
        results->negated[i] = without_sign_of_zero(-results->gradient[i]);
        results->gradient[i] = without_sign_of_zero(results->gradient[i]);
    }
}

static void print_response(struct text *text, const struct sample *sample,
                           const struct results *results)
{
    text_printf(text, "{\"loss\":");
    if (sample->reduction == 2) {
        text_tensor(text, results->losses, sample->shape, sample->rank, text_ecmascript);
    } else {
        text_ecmascript(text, results->losses[0]);
    }
    text_printf(text, ",\"gradients\":{\"predictions\":");
    text_tensor(text, results->gradient, sample->shape, sample->rank, text_ecmascript);
    text_printf(text, ",\"targets\":");
    text_tensor(text, results->negated, sample->shape, sample->rank, text_ecmascript);
    text_printf(text, "}}");
}

static void holds(const struct response *response, const char *name, const double *expected,
                  const size_t *shape, size_t rank)
{
    char found[100];
    size_t n = 1, count;
    struct text wanted = {0};
    double *values = safetensors_read(&response->body, name, found, sizeof found, &count);
    assert_non_null(values);
    for (size_t i = 0; i < rank; i++) {
        text_printf(&wanted, "%s%zu", i > 0 ? "," : "", shape[i]);
        n *= shape[i];
    }
    if (rank > 0) assert_non_null(strstr(found, wanted.bytes));
    assert_int_equal(count, n);
    assert_memory_equal(values, expected, n * sizeof *values);
    free(values);
    text_free(&wanted);
}

/* Every combination of formats gives the same bits. */
static void expect_in_every_format(const struct sample *sample, const struct results *results)
{
    static const char *const types[] = {"application/json", "application/safetensors"};
    struct text requests[COUNT(types)] = {0};
    struct text expected = {0};
    print_request(&requests[0], sample);
    make_file(&requests[1], sample);
    if (results->are_finite) print_response(&expected, sample, results);
    for (size_t i = 0; i < COUNT(types) * COUNT(types); i++) {
        size_t from = i / COUNT(types), to = i % COUNT(types);
        struct response response =
            client_send(&suite_client, (struct request){.body = requests[from].bytes,
                                                        .length = requests[from].length,
                                                        .content_type = types[from],
                                                        .accept = from != to ? types[to] : NULL});
        if (!results->are_finite) {
            cJSON_Delete(response_problem(&response, 422, "overflow"));
        } else if (to == 0) {
            if (strcmp(response.body.bytes, expected.bytes) != 0)
                print_message("%s\n", requests[0].bytes);
            response_is(&response, expected.bytes);
        } else {
            assert_int_equal(response.status, 200);
            response_has_header(&response, "Content-Type", types[to]);
            holds(&response, "loss", results->losses, sample->shape,
                  sample->reduction == 2 ? sample->rank : 0);
            holds(&response, "gradients.predictions", results->gradient, sample->shape,
                  sample->rank);
            holds(&response, "gradients.targets", results->negated, sample->shape, sample->rank);
        }
        response_free(&response);
    }
    for (size_t i = 0; i < COUNT(types); i++) text_free(&requests[i]);
    text_free(&expected);
}

static void every_number_is_the_exact_value_rounded_once_in_every_format(void **state)
{
    (void)state;
    uint64_t random = 1;
    size_t overflows = 0, rounds = 150 * families_count;
    for (size_t round = 0; round < rounds; round++) {
        struct sample sample;
        struct results results;
        random_sample(&sample, &random, round % families_count);
        compute(&results, &sample);
        expect_in_every_format(&sample, &results);
        overflows += !results.are_finite;
    }
    assert_true(overflows > 0 && overflows < rounds / 2);
}

static void known_traps_of_floating_point_are_avoided(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *expected;
    } rows[] = {
        /* the sum of squares overflows, the mean does not */
        {"{\"predictions\":[1.3e154,1.3e154],\"targets\":[0,0],\"gradients\":[]}",
         "{\"loss\":1.6899999999999998e+308}"},
        /* s - y overflows, the weighted result does not */
        {"{\"predictions\":[1.5e308],\"targets\":[-1.5e308],\"weights\":[1e-310],\"reduction\":"
         "\"sum\"}",
         "{\"loss\":8.999999999999973e+306,\"gradients\":{\"predictions\":[0.05999999999999982],"
         "\"targets\":[-0.05999999999999982]}}"},
        /* d^2 underflows, w d^2 does not */
        {"{\"predictions\":[1e-200],\"targets\":[0],\"weights\":[1e300],\"reduction\":\"sum\","
         "\"gradients\":[]}",
         "{\"loss\":1e-100}"},
        /* half of the smallest double, a tie: to even */
        {"{\"predictions\":[5e-324,0,0,0],\"targets\":[0,0,0,0],\"gradients\":[\"predictions\"]}",
         "{\"loss\":0,\"gradients\":{\"predictions\":[0,0,0,0]}}"},
        {"{\"predictions\":[1.5e-323,0,0,0],\"targets\":[0,0,0,0],\"gradients\":[\"predictions\"]}",
         "{\"loss\":0,\"gradients\":{\"predictions\":[1e-323,0,0,0]}}"},
        /* a difference of doubles that is none itself */
        {"{\"predictions\":[1],\"targets\":[-1e-17],\"reduction\":\"sum\",\"gradients\":[]}",
         "{\"loss\":1}"},
        {"{\"predictions\":[9007199254740992],\"targets\":[-1],\"reduction\":\"sum\",\"gradients\":"
         "[\"targets\"]}",
         "{\"loss\":8.11296384146067e+31,\"gradients\":{\"targets\":[-18014398509481984]}}"},
        /* a weight of 0 takes its element out, whatever it is */
        {"{\"predictions\":[1e308,3],\"targets\":[-1e308,1],\"weights\":[0,2]}",
         "{\"loss\":4,\"gradients\":{\"predictions\":[0,4],\"targets\":[0,-4]}}"},
        {"{\"predictions\":[1e308,3],\"targets\":[-1e308,1],\"weights\":[-0,2],\"reduction\":"
         "\"none\"}",
         "{\"loss\":[0,8],\"gradients\":{\"predictions\":[0,8],\"targets\":[0,-8]}}"},
        /* all weights 0 is an error of the mean alone */
        {"{\"predictions\":[1,2],\"targets\":[0,0],\"weights\":[0,0],\"reduction\":\"sum\","
         "\"gradients\":[]}",
         "{\"loss\":0}"},
        {"{\"predictions\":[1,2],\"targets\":[0,0],\"weights\":[0,0e5],\"reduction\":\"none\","
         "\"gradients\":[]}",
         "{\"loss\":[0,0]}"},
        /* an overflow in what is not asked for is none */
        {"{\"predictions\":[0.5],\"targets\":[0],\"weights\":[1.79e308],\"reduction\":\"sum\","
         "\"gradients\":[]}",
         "{\"loss\":4.475e+307}"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        client_expect(&suite_client, rows[i].body, rows[i].expected);
}

static void each_number_is_read_as_the_nearest_double_however_it_is_written(void **state)
{
    (void)state;
    static const struct {
        const char *number;
        double value;
    } rows[] = {
        {"0", 0},
        {"-0", 0},
        {"-0.0e-5", 0},
        {"0e999999999999999999999", 0},
        {"1E2", 100},
        {"1e+2", 100},
        {"1000e-1", 100},
        {"0.00000000000000000001e22", 100},
        {"0.1", 0.1},
        {"-123.456e-7", -123.456e-7},
        {"1e23", 1e23},
        {"8.5e22", 8.5e22},
        {"1e-400", 0},
        {"-1e-99999999999", 0},
        {"4.9406564584124654e-324", 0x1p-1074},
        {"2.4703282292062327e-324", 0},
        {"2.4703282292062328e-324", 0x1p-1074},
        {"2.2250738585072011e-308", 0x0.fffffffffffffp-1022},
        {"2.2250738585072012e-308", 0x1p-1022},
        {"9007199254740993", 9007199254740992},
        {"9007199254740995", 9007199254740996},
        {"9007199254740993.00000000000000000000000000000000000000000000000000000000000000000001",
         9007199254740994},
        {"900719925474099300000000000000000000000000000000e-32", 9007199254740992},
        {"8.9884656743115795e307", 0x1p1023},
        {"1.00000000000000011102230246251565404236316680908203125", 1},
        {"1.00000000000000011102230246251565404236316680908203126", 1 + 0x1p-52},
        {"1.00000000000000011102230246251565404236316680908203124", 1},
        {"7.2057594037927933e16", 72057594037927936},
        {"2.2250738585072014e-308", DBL_MIN},
        {"1.7976931348623157e308", DBL_MAX},
        {"17976931348623158079372897140530341507993413271003782693617377898044496829276475094664901"
         "79775872070963302"
         "86416692887910946555547851940402630657488671505820681908902000708383676273854845817711531"
         "76447573027006985"
         "55713669596228429148198608349364752927190741684443655107043427115596995080930428801779041"
         "74497791",
         DBL_MAX}, /* the largest integer that still rounds to it */
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text body = {0};
        /* no difference from the number in 17 digits */
        text_printf(&body, "{\"predictions\":[%s],\"targets\":[%.17g],\"gradients\":[]}",
                    rows[i].number, rows[i].value);
        client_expect(&suite_client, body.bytes, "{\"loss\":0}");
        text_free(&body);
    }
}

static void a_number_may_have_4096_bytes(void **state)
{
    (void)state;
    struct text body = {0};
    text_printf(&body, "{\"predictions\":[1.");
    text_repeat(&body, "0", 4094);
    text_printf(&body, "],\"targets\":[0.");
    text_repeat(&body, "9", 4094);
    text_printf(&body, "],\"weights\":[-0e");
    text_repeat(&body, "0", 4093);
    text_printf(&body, "],\"reduction\":\"none\",\"gradients\":[]}");
    client_expect(&suite_client, body.bytes, "{\"loss\":[0]}");
    text_free(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_is_the_exact_value_rounded_once_in_every_format),
        cmocka_unit_test(known_traps_of_floating_point_are_avoided),
        cmocka_unit_test(each_number_is_read_as_the_nearest_double_however_it_is_written),
        cmocka_unit_test(a_number_may_have_4096_bytes),
    };
    return cmocka_run_group_tests_name("test_exact", tests, suite_open, suite_close);
}
