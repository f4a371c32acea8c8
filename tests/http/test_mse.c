/* test_mse.c - POST /mse gives the right numbers, to the last bit, in the right form. For any
 * running server. */
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- calls as a reader of the documentation makes them */

static void the_call_in_the_readme_gets_its_response(void **state)
{
    (void)state;
    /* curl -d sends this media type unasked */
    response_expect(
        client_send(&suite_client,
                    (struct request){.body = "{\"predictions\":[1,2],\"targets\":[0,0]}",
                                     .content_type = "application/x-www-form-urlencoded"}),
        "{\"loss\":2.5,\"gradients\":{\"predictions\":[1,2],\"targets\":[-1,-2]}}");
}

static char *read_file(const char *path)
{
    char block[4096];
    size_t length;
    struct text text = {0};
    FILE *file = fopen(path, "r");
    if (!file) fail_msg("cannot read %s: run this in the project's root", path);
    while ((length = fread(block, 1, sizeof block, file)) > 0) text_append(&text, block, length);
    fclose(file);
    return text.bytes;
}

/* found, printed with so many decimals, is what was published. */
static void expect_published(const cJSON *found, const cJSON *published, int decimals)
{
    char digits[64];
    assert_true(cJSON_IsNumber(found) && cJSON_IsNumber(published));
    snprintf(digits, sizeof digits, "%.*f", decimals, found->valuedouble);
    if (strtod(digits, NULL) != published->valuedouble)
        fail_msg("%s is not the published %.17g", digits, published->valuedouble);
}

static void the_worked_example_gives_every_published_digit(void **state)
{
    (void)state;
    char *body = read_file("tests/data/worked_example/request.json");
    char *file = read_file("tests/data/worked_example/published.json");
    cJSON *published = cJSON_Parse(file);
    struct response response = client_post(&suite_client, body);
    assert_int_equal(response.status, 200);

    cJSON *result = cJSON_Parse(response.body.bytes);
    const cJSON *loss = cJSON_GetObjectItemCaseSensitive(result, "loss");
    const cJSON *losses = cJSON_GetObjectItemCaseSensitive(published, "loss");
    expect_published(loss, cJSON_GetArrayItem(losses, 0), 12);
    expect_published(loss, cJSON_GetArrayItem(losses, 1), 16);
    const cJSON *gradients = cJSON_GetObjectItemCaseSensitive(result, "gradients");
    const cJSON *gradient = cJSON_GetObjectItemCaseSensitive(gradients, "predictions");
    const cJSON *expected = cJSON_GetObjectItemCaseSensitive(published, "gradient_of_predictions");
    assert_int_equal(cJSON_GetArraySize(gradient), 27);
    assert_int_equal(cJSON_GetArraySize(expected), 27);
    for (int i = 0; i < 27; i++)
        expect_published(cJSON_GetArrayItem(gradient, i), cJSON_GetArrayItem(expected, i), 6);

    cJSON_Delete(result);
    response_free(&response);
    cJSON_Delete(published);
    free(file);
    free(body);
}

/* ---- each member of a request */

static void weights_divide_by_their_sum_under_mean_and_multiply_under_the_others(void **state)
{
    (void)state;
#define WEIGHTED "\"predictions\":[0.5,1.5],\"targets\":[0,2],\"weights\":[1,3]"
    client_expect(
        &suite_client, "{" WEIGHTED "}",
        "{\"loss\":0.25,\"gradients\":{\"predictions\":[0.25,-0.75],\"targets\":[-0.25,0.75]}}");
    client_expect(&suite_client, "{" WEIGHTED ",\"reduction\":\"sum\"}",
                  "{\"loss\":1,\"gradients\":{\"predictions\":[1,-3],\"targets\":[-1,3]}}");
    client_expect(
        &suite_client, "{" WEIGHTED ",\"reduction\":\"none\"}",
        "{\"loss\":[0.25,0.75],\"gradients\":{\"predictions\":[1,-3],\"targets\":[-1,3]}}");
}

static void each_reduction_has_its_loss_and_gradients(void **state)
{
    (void)state;
#define PLAIN "\"predictions\":[1,2,4],\"targets\":[0,4,1]"
    client_expect(&suite_client, "{" PLAIN ",\"reduction\":\"mean\"}",
                  "{\"loss\":4.666666666666667,\"gradients\":{\"predictions\":[0.6666666666666666,-"
                  "1.3333333333333333,2],"
                  "\"targets\":[-0.6666666666666666,1.3333333333333333,-2]}}");
    client_expect(&suite_client, "{" PLAIN ",\"reduction\":\"sum\"}",
                  "{\"loss\":14,\"gradients\":{\"predictions\":[2,-4,6],\"targets\":[-2,4,-6]}}");
    client_expect(
        &suite_client, "{" PLAIN ",\"reduction\":\"none\"}",
        "{\"loss\":[1,4,9],\"gradients\":{\"predictions\":[2,-4,6],\"targets\":[-2,4,-6]}}");
}

static void only_the_gradients_asked_for_are_given_in_a_fixed_order(void **state)
{
    (void)state;
    client_expect(&suite_client, "{" PLAIN ",\"reduction\":\"sum\",\"gradients\":[]}",
                  "{\"loss\":14}");
    client_expect(&suite_client, "{" PLAIN ",\"reduction\":\"none\",\"gradients\":[]}",
                  "{\"loss\":[1,4,9]}");
    client_expect(&suite_client,
                  "{" PLAIN ",\"reduction\":\"sum\",\"gradients\":[\"predictions\"]}",
                  "{\"loss\":14,\"gradients\":{\"predictions\":[2,-4,6]}}");
    client_expect(&suite_client, "{" PLAIN ",\"reduction\":\"sum\",\"gradients\":[\"targets\"]}",
                  "{\"loss\":14,\"gradients\":{\"targets\":[-2,4,-6]}}");
    client_expect(&suite_client,
                  "{" PLAIN ",\"reduction\":\"sum\",\"gradients\":[\"targets\",\"predictions\"]}",
                  "{\"loss\":14,\"gradients\":{\"predictions\":[2,-4,6],\"targets\":[-2,4,-6]}}");
}

static void members_may_stand_in_any_order_with_any_white_space_and_escapes(void **state)
{
    (void)state;
    client_expect(&suite_client,
                  "\t\r\n {\n\"gradients\" :[ \"t\\u0061rgets\" ,\"predictions\"],\t\"reduction\": "
                  "\"\\u0073um\" ,"
                  " \"weights\":[ 1.0 , 1e0,10e-1],\r\"t\\u0061rgets\":[0,4 ,1 ] "
                  ",\"\\u0070redictions\" :\n[1,2, 4]}\r\n\t ",
                  "{\"loss\":14,\"gradients\":{\"predictions\":[2,-4,6],\"targets\":[-2,4,-6]}}");
}

static void responses_have_the_shape_of_their_inputs(void **state)
{
    (void)state;
    client_expect(&suite_client, "{\"predictions\":[[1,2],[3,4]],\"targets\":[[0,0],[0,0]]}",
                  "{\"loss\":7.5,\"gradients\":{\"predictions\":[[0.5,1],[1.5,2]],\"targets\":[[-0."
                  "5,-1],[-1.5,-2]]}}");
    client_expect(
        &suite_client,
        "{\"predictions\":[[[1]],[[2]],[[3]]],\"targets\":[[[1]],[[1]],[[1]]],\"reduction\":"
        "\"none\"}",
        "{\"loss\":[[[0]],[[1]],[[4]]],"
        "\"gradients\":{\"predictions\":[[[0]],[[2]],[[4]]],\"targets\":[[[0]],[[-2]],[[-4]]]}}");
    client_expect(&suite_client,
                  "{\"predictions\":[[1,2,3]],\"targets\":[[0,0,0]],\"weights\":[[1,2,1]],"
                  "\"reduction\":\"none\","
                  "\"gradients\":[]}",
                  "{\"loss\":[[1,8,9]]}");
}

static void arrays_nest_32_deep(void **state)
{
    (void)state;
    const double predictions[] = {3, 5};
    const double targets[] = {2, 3};
    const double loss[] = {1, 4};
    size_t shape[32];
    struct text body = {0};
    struct text expected = {0};

    for (size_t i = 0; i < 32; i++) shape[i] = 1;
    shape[20] = 2;
    text_printf(&body, "{\"predictions\":");
    text_tensor(&body, predictions, shape, 32, text_exact);
    text_printf(&body, ",\"targets\":");
    text_tensor(&body, targets, shape, 32, text_exact);
    text_printf(&body, ",\"reduction\":\"none\",\"gradients\":[]}");
    text_printf(&expected, "{\"loss\":");
    text_tensor(&expected, loss, shape, 32, text_exact);
    text_printf(&expected, "}");
    client_expect(&suite_client, body.bytes, expected.bytes);
    text_free(&body);
    text_free(&expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_call_in_the_readme_gets_its_response),
        cmocka_unit_test(the_worked_example_gives_every_published_digit),
        cmocka_unit_test(weights_divide_by_their_sum_under_mean_and_multiply_under_the_others),
        cmocka_unit_test(each_reduction_has_its_loss_and_gradients),
        cmocka_unit_test(only_the_gradients_asked_for_are_given_in_a_fixed_order),
        cmocka_unit_test(members_may_stand_in_any_order_with_any_white_space_and_escapes),
        cmocka_unit_test(responses_have_the_shape_of_their_inputs),
        cmocka_unit_test(arrays_nest_32_deep),
    };
    return cmocka_run_group_tests_name("test_mse", tests, suite_open, suite_close);
}
