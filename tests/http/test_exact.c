/* test_exact.c - every number of an answer is exact to the last bit, and every number of a request
 * is read exactly. For any running server. */
#include "support/oracle.h"
#include "support/random.h"
#include "support/suite.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t random_state = 1;

/* Kinds of elements, each a way for careless arithmetic to go wrong. */
enum kind { UNIT, INTEGER, WIDE, SUBNORMAL, HUGE, TINY, CANCELLING, TIE, ANY_BITS, MIXED, KINDS };

static double any_bits(void)
{
    double value;
    do {
        uint64_t bits = random_bits(&random_state);
        memcpy(&value, &bits, sizeof value);
    } while (!isfinite(value));
    return value;
}

static void random_pair(enum kind kind, double *prediction, double *target)
{
    *prediction = 2 * random_unit(&random_state) - 1;
    *target = 2 * random_unit(&random_state) - 1;
    switch (kind) {
    case UNIT:
        break;
    case INTEGER:
        *prediction = (double)random_below(&random_state, 1000);
        *target = (double)random_below(&random_state, 1000);
        break;
    case WIDE: /* 2^-300 .. 2^300 */
        *prediction = ldexp(*prediction, (int)random_below(&random_state, 601) - 300);
        *target = ldexp(*target, (int)random_below(&random_state, 601) - 300);
        break;
    case SUBNORMAL:
        *prediction = ldexp(*prediction, -1022 - (int)random_below(&random_state, 52));
        *target = ldexp(*target, -1022 - (int)random_below(&random_state, 52));
        break;
    case HUGE: /* squares near the largest double: sums overflow, means may not */
        *prediction = ldexp(*prediction, 511);
        *target = ldexp(*target, 511);
        break;
    case TINY: /* squares near the smallest double */
        *prediction = ldexp(*prediction, -530 - (int)random_below(&random_state, 10));
        *target = ldexp(*target, -530 - (int)random_below(&random_state, 10));
        break;
    case CANCELLING:
        *target = random_bits(&random_state) & 1 ? nextafter(*prediction, 2)
                                                 : -*prediction * (1 + 0x1p-40);
        break;
    case TIE: /* few bits: sums of squares and quotients by powers of two lie half-way between
                 doubles */
        *prediction =
            ldexp((double)(random_bits(&random_state) >> 37), -(int)random_below(&random_state, 3));
        *target = (double)random_below(&random_state, 2) * 0x1p-27;
        break;
    case ANY_BITS:
        *prediction = any_bits();
        *target = any_bits();
        break;
    default:
        random_pair((enum kind)random_below(&random_state, MIXED), prediction, target);
    }
}

static double random_weight(void)
{
    switch (random_below(&random_state, 4)) {
    case 0:
        return 0;
    case 1:
        return (double)(1 + random_below(&random_state, 7));
    case 2:
        return random_unit(&random_state);
    default:
        return random_unit(&random_state) * pow(10, (double)random_below(&random_state, 81) - 40);
    }
}

#define ELEMENTS_MAX 40

struct sample {
    double predictions[ELEMENTS_MAX];
    double targets[ELEMENTS_MAX];
    double weights[ELEMENTS_MAX];
    size_t shape[3];
    size_t rank;
    struct oracle question;
};

static void random_sample(struct sample *sample, enum kind kind)
{
    size_t n = 1;
    sample->rank = 1 + random_below(&random_state, 3);
    for (size_t i = 0; i < sample->rank; i++) {
        sample->shape[i] = 1 + random_below(&random_state, sample->rank == 1   ? ELEMENTS_MAX
                                                           : sample->rank == 2 ? 6
                                                                               : 3);
        n *= sample->shape[i];
    }
    double total = 0;
    for (size_t i = 0; i < n; i++) {
        random_pair(kind, &sample->predictions[i], &sample->targets[i]);
        total += sample->weights[i] = random_weight();
    }
    bool weighted = total > 0 && random_bits(&random_state) & 1;
    sample->question =
        (struct oracle){.predictions = sample->predictions,
                        .targets = sample->targets,
                        .weights = weighted ? sample->weights : NULL,
                        .n = n,
                        .reduction = (enum oracle_reduction)random_below(&random_state, 3)};
}

static void print_request(struct text *text, const struct sample *sample)
{
    static const char *const names[] = {"mean", "sum", "none"};
    text_printf(text, "{\"predictions\":");
    text_tensor(text, sample->predictions, sample->shape, sample->rank, text_exact);
    text_printf(text, ",\"targets\":");
    text_tensor(text, sample->targets, sample->shape, sample->rank, text_exact);
    if (sample->question.weights) {
        text_printf(text, ",\"weights\":");
        text_tensor(text, sample->weights, sample->shape, sample->rank, text_exact);
    }
    text_printf(text, ",\"reduction\":\"%s\"}", names[sample->question.reduction]);
}

static bool all_finite(const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(values[i])) return false;
    return true;
}

/* The answer in text, or nothing where a number in it overflows. */
static void print_answer(struct text *text, const struct sample *sample)
{
    double loss[ELEMENTS_MAX];
    double gradient[ELEMENTS_MAX];
    const struct oracle *question = &sample->question;

    oracle_loss(question, loss);
    oracle_gradient(question, gradient);
    if (!all_finite(gradient, question->n) ||
        !all_finite(loss, question->reduction == ORACLE_NONE ? question->n : 1))
        return;
    text_printf(text, "{\"loss\":");
    if (question->reduction == ORACLE_NONE) {
        text_tensor(text, loss, sample->shape, sample->rank, text_ecmascript);
    } else {
        text_ecmascript(text, loss[0]);
    }
    text_printf(text, ",\"gradients\":{\"predictions\":");
    text_tensor(text, gradient, sample->shape, sample->rank, text_ecmascript);
    for (size_t i = 0; i < question->n; i++) gradient[i] = -gradient[i];
    text_printf(text, ",\"targets\":");
    text_tensor(text, gradient, sample->shape, sample->rank, text_ecmascript);
    text_printf(text, "}}");
}

static void every_number_is_the_exact_value_rounded_once_and_written_shortest(void **state)
{
    (void)state;
    int overflows = 0;
    for (int round = 0; round < 250 * KINDS; round++) {
        struct sample sample;
        struct text body = {0};
        struct text answer = {0};
        random_sample(&sample, (enum kind)(round % KINDS));
        print_request(&body, &sample);
        print_answer(&answer, &sample);
        struct reply reply = client_post(&suite_client, body.bytes);
        if (answer.length > 0) {
            if (strcmp(reply.body.bytes, answer.bytes) != 0) print_message("%s\n", body.bytes);
            reply_is(&reply, answer.bytes);
        } else {
            cJSON_Delete(reply_problem(&reply, 422, "overflow"));
            overflows++;
        }
        reply_free(&reply);
        text_free(&body);
        text_free(&answer);
    }
    assert_true(overflows > 0 && overflows < 250 * 4);
}

static void known_traps_of_floating_point_are_avoided(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *answer;
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
        client_expect(&suite_client, rows[i].body, rows[i].answer);
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
        struct text answer = {0};
        const double predictions[] = {rows[i].value, 0};
        const double targets[] = {0, 0};
        double loss;
        oracle_loss(&(struct oracle){predictions, targets, NULL, 2, ORACLE_MEAN}, &loss);
        if (isfinite(loss)) { /* the gradient of the mean over two elements is the number itself */
            text_printf(
                &body,
                "{\"predictions\":[%s,0],\"targets\":[0,-0],\"gradients\":[\"predictions\"]}",
                rows[i].number);
            text_printf(&answer, "{\"loss\":");
            text_ecmascript(&answer, loss);
            text_printf(&answer, ",\"gradients\":{\"predictions\":[");
            text_ecmascript(&answer, rows[i].value);
            text_printf(&answer, ",0]}}");
        } else { /* no difference from the number in 17 digits */
            text_printf(
                &body, "{\"predictions\":[%s],\"targets\":[%.17g],\"gradients\":[\"predictions\"]}",
                rows[i].number, rows[i].value);
            text_printf(&answer, "{\"loss\":0,\"gradients\":{\"predictions\":[0]}}");
        }
        client_expect(&suite_client, body.bytes, answer.bytes);
        text_free(&body);
        text_free(&answer);
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
    text_printf(&body, "],\"weights\":[-");
    text_repeat(&body, "0", 1);
    text_printf(&body, "e");
    text_repeat(&body, "0", 4093);
    text_printf(&body, "],\"reduction\":\"none\",\"gradients\":[]}");
    client_expect(&suite_client, body.bytes, "{\"loss\":[0]}");
    text_free(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_is_the_exact_value_rounded_once_and_written_shortest),
        cmocka_unit_test(known_traps_of_floating_point_are_avoided),
        cmocka_unit_test(each_number_is_read_as_the_nearest_double_however_it_is_written),
        cmocka_unit_test(a_number_may_have_4096_bytes),
    };
    return cmocka_run_group_tests_name("test_exact", tests, suite_open, suite_close);
}
