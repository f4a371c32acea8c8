/* test_shards.c - data on many machines: any split over shards, merged in any order, gives the
 * partial, the losses and the gradients of one request, and these are exact by GMP. For any running
 * server. */
#include "support/families.h"
#include "support/random.h"
#include "support/rational.h"
#include "support/suite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 40, SHARDS = 4, SCALE = 1074 };

struct data {
    double predictions[MOST], targets[MOST], weights[MOST];
    bool has_weights;
    size_t n, shards;
    size_t cuts[SHARDS + 1]; /* shard i has the elements [cuts[i], cuts[i + 1]) */
};

static void make_data(struct data *data, uint64_t *random, size_t family, size_t weight_family)
{
    data->shards = 1 + random_below(random, SHARDS);
    data->n = data->shards + random_below(random, MOST - data->shards);
    families[family].fill(random, data->predictions, data->targets, data->n);
    data->has_weights = weight_families[weight_family].fill != NULL;
    if (data->has_weights) weight_families[weight_family].fill(random, data->weights, data->n);
    data->cuts[0] = 0;
    for (size_t i = 1; i < data->shards; i++) {
        size_t left = data->n - data->cuts[i - 1] - (data->shards - i);
        data->cuts[i] = data->cuts[i - 1] + 1 + random_below(random, left);
    }
    data->cuts[data->shards] = data->n;
}

/* The elements [first, end) as a request, with more members at its end. */
static void print_request(struct text *text, const struct data *data, size_t first, size_t end,
                          const char *more)
{
    size_t n = end - first;
    text_printf(text, "{\"predictions\":");
    text_tensor(text, data->predictions + first, &n, 1, text_exact);
    text_printf(text, ",\"targets\":");
    text_tensor(text, data->targets + first, &n, 1, text_exact);
    if (data->has_weights) {
        text_printf(text, ",\"weights\":");
        text_tensor(text, data->weights + first, &n, 1, text_exact);
    }
    text_printf(text, "%s}", more);
}

/* The partial of all elements, by the definition. */
static void print_partial(struct text *text, const struct data *data)
{
    static char number[2048];
    mpz_t weights, losses, weight, difference, target;
    mpz_inits(weights, losses, weight, difference, target, NULL);
    for (size_t i = 0; i < data->n; i++) {
        rational_scaled(weight, data->has_weights ? data->weights[i] : 1);
        rational_scaled(difference, data->predictions[i]);
        rational_scaled(target, data->targets[i]);
        mpz_add(weights, weights, weight);
        mpz_sub(difference, difference, target);
        mpz_mul(difference, difference, difference);
        mpz_addmul(losses, difference, weight);
    }
    rational_text(number, weights, -SCALE);
    text_printf(text, "{\"elements\":%zu,\"weight_sum\":\"%s\"", data->n, number);
    rational_text(number, losses, -3L * SCALE);
    text_printf(text, ",\"loss_sum\":\"%s\"}", number);
    mpz_clears(weights, losses, weight, difference, target, NULL);
}

static double loss_of(const struct data *data, enum mse_reduction reduction)
{
    return rational_loss(data->predictions, data->targets, data->has_weights ? data->weights : NULL,
                         data->n, reduction);
}

static void print_loss(struct text *text, double loss)
{
    if (isinf(loss)) {
        text_printf(text, "null");
    } else {
        text_ecmascript(text, loss);
    }
}

static void print_merged(struct text *text, const struct data *data, const char *partial)
{
    text_printf(text, "{\"mean\":");
    print_loss(text, loss_of(data, MSE_MEAN));
    text_printf(text, ",\"sum\":");
    print_loss(text, loss_of(data, MSE_SUM));
    text_printf(text, ",\"partial\":%s}", partial);
}

static void send_partial(struct text *lines, const struct data *data, size_t first, size_t end)
{
    struct text body = {0};
    print_request(&body, data, first, end, "");
    struct response response =
        client_send(&suite_client, (struct request){.path = "/mse/partial",
                                                    .body = body.bytes,
                                                    .content_type = "application/json"});
    if (response.status != 200) fail_msg("%s: %s", body.bytes, response.body.bytes);
    response_has_header(&response, "Content-Type", "application/json");
    text_printf(lines, "%s\n", response.body.bytes);
    response_free(&response);
    text_free(&body);
}

static struct response merge(const char *lines)
{
    return client_send(&suite_client, (struct request){.path = "/mse/merge",
                                                       .body = lines,
                                                       .content_type = "application/x-ndjson"});
}

/* The partials of all shards, in an order of its own. */
static void print_shards(struct text *lines, const struct data *data, uint64_t *random)
{
    size_t order[SHARDS];
    for (size_t i = 0; i < data->shards; i++) {
        size_t j = random_below(random, i + 1);
        order[i] = order[j];
        order[j] = i;
    }
    for (size_t i = 0; i < data->shards; i++)
        send_partial(lines, data, data->cuts[order[i]], data->cuts[order[i] + 1]);
}

/* The response to a shard of a whole, or nothing where it overflows. */
static void print_response(struct text *text, const struct data *data, size_t first, size_t end,
                           enum mse_reduction reduction)
{
    static double gradient[MOST];
    size_t n = end - first;
    double loss = loss_of(data, reduction);
    rational_gradient(data->predictions, data->targets, data->has_weights ? data->weights : NULL,
                      data->n, reduction, gradient);
    for (size_t i = first; i < end; i++)
        if (isinf(gradient[i])) return;
    if (isinf(loss)) return;
    text_printf(text, "{\"loss\":");
    text_ecmascript(text, loss);
    text_printf(text, ",\"gradients\":{\"predictions\":");
    text_tensor(text, gradient + first, &n, 1, text_ecmascript);
    for (size_t i = first; i < end; i++) gradient[i] = -gradient[i];
    text_printf(text, ",\"targets\":");
    text_tensor(text, gradient + first, &n, 1, text_ecmascript);
    text_printf(text, "}}");
}

/* Returns whether it overflows. */
static bool expect_shard(const struct data *data, size_t shard, enum mse_reduction reduction,
                         const char *partial)
{
    struct text body = {0}, more = {0}, expected = {0};
    size_t first = data->cuts[shard], end = data->cuts[shard + 1];
    text_printf(&more, ",\"reduction\":\"%s\",\"whole\":%s", reduction == MSE_MEAN ? "mean" : "sum",
                partial);
    print_request(&body, data, first, end, more.bytes);
    print_response(&expected, data, first, end, reduction);
    struct response response = client_post(&suite_client, body.bytes);
    bool overflows = expected.length == 0;
    if (overflows) {
        cJSON_Delete(response_problem(&response, 422, "overflow"));
    } else {
        if (strcmp(response.body.bytes, expected.bytes) != 0) print_message("%s\n", body.bytes);
        response_is(&response, expected.bytes);
    }
    response_free(&response);
    text_free(&body);
    text_free(&more);
    text_free(&expected);
    return overflows;
}

static void shards_in_any_order_give_what_one_request_gives_to_the_bit(void **state)
{
    uint64_t random = 21;
    size_t overflows = 0, shards = 0;
    (void)state;
    for (size_t round = 0; round < 3 * families_count * weight_families_count; round++) {
        struct data data;
        struct text lines = {0}, one = {0}, partial = {0}, expected = {0};
        make_data(&data, &random, round % families_count,
                  round / families_count % weight_families_count);
        print_partial(&partial, &data);
        send_partial(&one, &data, 0, data.n);
        one.bytes[one.length - 1] = '\0'; /* the line feed */
        assert_string_equal(one.bytes, partial.bytes);

        print_shards(&lines, &data, &random);
        print_merged(&expected, &data, partial.bytes);
        response_expect(merge(lines.bytes), expected.bytes);

        for (size_t i = 0; i < data.shards; i++) {
            overflows += expect_shard(&data, i, MSE_MEAN, partial.bytes);
            overflows += expect_shard(&data, i, MSE_SUM, partial.bytes);
            shards++;
        }
        text_free(&lines);
        text_free(&one);
        text_free(&partial);
        text_free(&expected);
    }
    assert_true(overflows > 0 && overflows < shards); /* of twice as many responses */
}

/* As many lines as a large job has, in one request that is sent in chunks. */
static void merging_has_no_limit_but_that_of_the_body(void **state)
{
    enum { LINES = 100000 };
    struct text lines = {0};
    (void)state;
    for (int i = 0; i < LINES; i++)
        text_printf(&lines,
                    "{\"elements\":2,\"weight_sum\":\"0x1p+1\",\"loss_sum\":\"0x3p-1\"}\r\n");
    struct response response =
        client_send(&suite_client, (struct request){.path = "/mse/merge",
                                                    .body = lines.bytes,
                                                    .length = lines.length,
                                                    .content_type = "application/jsonl",
                                                    .chunked = true});
    response_expect(response, "{\"mean\":0.75,\"sum\":150000,\"partial\":{\"elements\":200000,"
                              "\"weight_sum\":\"0xc35p+6\","
                              "\"loss_sum\":\"0x249fp+4\"}}");
    text_free(&lines);
}

/* ---- what is refused */

#define WHOLE "{\"elements\":2,\"weight_sum\":\"0x1p+1\",\"loss_sum\":\"0x1p+0\"}"

static void a_partial_has_no_reduction_gradients_or_whole(void **state)
{
    static const struct {
        const char *body, *slug, *pointer;
    } rows[] = {
        {"{\"predictions\":[1],\"targets\":[0],\"reduction\":\"mean\"}", "unknown-member",
         "/reduction"},
        {"{\"predictions\":[1],\"targets\":[0],\"gradients\":[]}", "unknown-member", "/gradients"},
        {"{\"predictions\":[1],\"targets\":[0],\"whole\":" WHOLE "}", "unknown-member", "/whole"},
        {"{\"predictions\":[1]}", "missing-member", "/targets"},
        {"{\"predictions\":[1],\"targets\":[0],\"weights\":[-1]}", "negative-weight", "/weights/0"},
        {"{\"predictions\":[1],\"targets\":[0,1]}", "shape-mismatch", "/targets"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        response_expect_problem(
            client_send(&suite_client, (struct request){.path = "/mse/partial",
                                                        .body = rows[i].body,
                                                        .content_type = "application/json"}),
            422, rows[i].slug, rows[i].pointer, -1);
    }
    if (!suite_has_old_library) assert_int_equal(suite_client.connections, 1);
}

static void elements_of_weight_zero_have_a_partial_and_no_mean(void **state)
{
    (void)state;
#define ZERO "{\"elements\":2,\"weight_sum\":\"0x0p+0\",\"loss_sum\":\"0x0p+0\"}"
    response_expect(
        client_send(&suite_client,
                    (struct request){.path = "/mse/partial",
                                     .body = "{\"predictions\":[[1,2]],\"targets\":[[0,0]],"
                                             "\"weights\":[[0,-0.0]]}",
                                     .content_type = "application/json"}),
        ZERO);
    response_expect(merge(ZERO), "{\"mean\":null,\"sum\":0,\"partial\":" ZERO "}");
}

#define SHARD "{\"predictions\":[1,2],\"targets\":[0,0],\"weights\":[1,2]"

static void a_whole_that_a_shard_is_no_part_of_is_refused(void **state)
{
    static const struct {
        const char *body, *slug, *pointer;
    } rows[] = {
        {SHARD ",\"whole\":{\"elements\":1,\"weight_sum\":\"0x3p+0\",\"loss_sum\":\"0x9p+0\"}}",
         "invalid-partial", "/whole/elements"},
        {SHARD ",\"whole\":{\"elements\":2,\"weight_sum\":\"0x5p-1\",\"loss_sum\":\"0x9p+0\"}}",
         "invalid-partial", "/whole/weight_sum"},
        {SHARD ",\"whole\":{\"elements\":-2,\"weight_sum\":\"0x3p+0\",\"loss_sum\":\"0x9p+0\"}}",
         "invalid-partial", "/whole/elements"},
        {SHARD ",\"whole\":{\"elements\":2,\"weight_sum\":\"0x3p+0\",\"loss_sum\":\"9\"}}",
         "invalid-partial", "/whole/loss_sum"},
        {SHARD ",\"whole\":{\"elements\":2,\"weight_sum\":3,\"loss_sum\":\"0x9p+0\"}}",
         "wrong-type", "/whole/weight_sum"},
        {SHARD ",\"whole\":{\"elements\":2,\"weight_sum\":\"0x3p+0\"}}", "missing-member",
         "/whole/loss_sum"},
        {SHARD ",\"whole\":{\"n\":2}}", "unknown-member", "/whole/n"},
        {SHARD ",\"whole\":null}", "wrong-type", "/whole"},
        {SHARD ",\"reduction\":\"none\",\"whole\":{\"elements\":2,\"weight_sum\":\"0x3p+0\","
               "\"loss_sum\":\"0x9p+0\"}}",
         "unknown-value", "/reduction"},
        {"{\"predictions\":[1],\"targets\":[0],\"weights\":[0],\"whole\":" ZERO "}", "zero-weights",
         "/whole/weight_sum"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        response_expect_problem(client_post(&suite_client, rows[i].body), 422, rows[i].slug,
                                rows[i].pointer, -1);
    }
    client_expect(&suite_client,
                  SHARD ",\"whole\":{\"elements\":2,\"weight_sum\":\"0x3p+0\",\"loss_sum\":"
                        "\"0x9p+0\"}}",
                  "{\"loss\":3,\"gradients\":{\"predictions\":[0.6666666666666666,"
                  "2.6666666666666665],\"targets\":[-0.6666666666666666,-2.6666666666666665]}}");
    if (!suite_has_old_library) assert_int_equal(suite_client.connections, 1);
}

static void a_merge_says_which_line_is_wrong_and_the_connection_is_kept(void **state)
{
    (void)state;
    struct response response = merge(ZERO "\n" ZERO "\n{\"elements\":2}\n");
    cJSON *problem = response_problem(&response, 422, "missing-member");
    assert_string_equal(cJSON_GetObjectItemCaseSensitive(problem, "detail")->valuestring,
                        "Line 3: The required member \"weight_sum\" of a partial is missing.");
    cJSON_Delete(problem);
    response_free(&response);
    response_expect_problem(merge(ZERO "\n\n{\"elements\":2,}\n"), 400, "malformed-json", NULL,
                            sizeof ZERO "\n\n{\"elements\":2,}" - 2);
    response_expect_problem(merge("\n"), 422, "no-line", NULL, -1);
    client_expect(&suite_client, good_body, good_response);
    if (!suite_has_old_library) assert_int_equal(suite_client.connections, 1);
}

static void media_types_are_those_of_ndjson_and_of_curl(void **state)
{
    static const char *const taken[] = {NULL, "application/x-ndjson; charset=utf-8",
                                        "application/ndjson", "application/jsonl",
                                        "application/x-www-form-urlencoded"};
    static const char *const refused[] = {"application/json", "text/plain",
                                          "application/x-ndjsons"};
    (void)state;
    for (size_t i = 0; i < COUNT(taken); i++) {
        response_expect_status(
            client_send(
                &suite_client,
                (struct request){.path = "/mse/merge", .body = ZERO, .content_type = taken[i]}),
            200);
    }
    for (size_t i = 0; i < COUNT(refused); i++) {
        response_expect_problem(
            client_send(
                &suite_client,
                (struct request){.path = "/mse/merge", .body = ZERO, .content_type = refused[i]}),
            415, "unsupported-media-type", NULL, -1);
    }
    static const char *const paths[] = {"/mse/partial", "/mse/merge"};
    for (size_t i = 0; i < COUNT(paths); i++) {
        response_expect_problem(client_send(&suite_client, (struct request){.path = paths[i],
                                                                            .body = good_body,
                                                                            .accept = "text/csv"}),
                                406, "not-acceptable", NULL, -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shards_in_any_order_give_what_one_request_gives_to_the_bit),
        cmocka_unit_test(merging_has_no_limit_but_that_of_the_body),
        cmocka_unit_test(a_partial_has_no_reduction_gradients_or_whole),
        cmocka_unit_test(elements_of_weight_zero_have_a_partial_and_no_mean),
        cmocka_unit_test(a_whole_that_a_shard_is_no_part_of_is_refused),
        cmocka_unit_test(a_merge_says_which_line_is_wrong_and_the_connection_is_kept),
        cmocka_unit_test(media_types_are_those_of_ndjson_and_of_curl),
    };
    return cmocka_run_group_tests(tests, suite_open, suite_close);
}
