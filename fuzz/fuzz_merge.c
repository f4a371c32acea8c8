/* fuzz_merge.c - lines -> the sum of their partials, or a problem: the one that each line has by
 * itself, by json_reader, cJSON and libmse's own reading, however the body is cut. */
#include "input.h"

#include "decimal/decimal.h"
#include "http/problem.h"
#include "loss/json_problem.h"
#include "loss/merge.h"
#include "service.h"
#include "support/decode.h"
#include "json/json_reader.h"

#include <cjson/cJSON.h>
#include <mse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct service service = {.max_body = SIZE_MAX, .budget = {.limit = SIZE_MAX}};

static void take(void *to, const char *bytes, size_t length)
{
    struct work *work = to;
    while (length > 0) {
        size_t taken = work->receive(work, bytes, length);
        must(taken > 0 && taken <= length);
        bytes += taken;
        length -= taken;
    }
}

/* The only number of an object that has one, and strings. */
static void find_number(char number[static JSON_READER_NUMBER_MAX + 1], const char *outline)
{
    bool is_quoted = false;
    size_t length = 0;
    for (const char *p = outline; *p != '\0'; p++) {
        if (is_quoted && *p == '\\') {
            p++;
        } else if (*p == '"') {
            is_quoted = !is_quoted;
        } else if (!is_quoted && strchr("{},:", *p) == NULL) {
            number[length++] = *p;
        }
    }
    number[length] = '\0';
}

/* Whether JSON without white space is a partial: with its members in their order it is one for
 * libmse. */
static bool read(struct mse_accumulator *partial, const char *outline)
{
    static char number[JSON_READER_NUMBER_MAX + 1], text[3 * JSON_READER_OUTLINE_MAX];
    cJSON *root = cJSON_Parse(outline);
    must(root != NULL);
    const cJSON *elements = cJSON_GetObjectItemCaseSensitive(root, "elements");
    const cJSON *weights = cJSON_GetObjectItemCaseSensitive(root, "weight_sum");
    const cJSON *losses = cJSON_GetObjectItemCaseSensitive(root, "loss_sum");
    bool ok = cJSON_IsObject(root) && cJSON_GetArraySize(root) == 3 && cJSON_IsNumber(elements) &&
              cJSON_IsString(weights) && cJSON_IsString(losses);
    if (ok) {
        find_number(number, outline);
        int length = snprintf(text, sizeof text,
                              "{\"elements\":%s,\"weight_sum\":\"%s\",\"loss_sum\":\"%s\"}", number,
                              weights->valuestring, losses->valuestring);
        ok = mse_accumulator_parse(partial, text, (size_t)length) == MSE_OK;
    }
    cJSON_Delete(root);
    return ok;
}

struct expected {
    struct mse_accumulator total;
    size_t lines;    /* that are not blank */
    unsigned status; /* 200, or that of the problem in a line */
    size_t line;     /* its number */
};

static void refuse(struct expected *expected, unsigned status, size_t line)
{
    if (expected->status == 400 || (expected->status != 200 && status != 400)) return;
    expected->status = status;
    expected->line = line;
}

static void expect_line(struct expected *expected, const char *text, size_t length, size_t line)
{
    static struct json_reader reader;
    struct mse_accumulator partial;
    struct problem problem;
    while (length > 0 && memchr(" \t\r", *text, 3) != NULL) text++, length--;
    if (length == 0) return;
    expected->lines++;
    json_reader_init(&reader, &service.budget);
    json_reader_feed(&reader, text, length);
    json_reader_finish(&reader);
    if (reader.error.fault != JSON_READER_NO_FAULT) {
        json_problem_set(&problem, &reader.error);
        refuse(expected, problem_status(problem.type), line);
    } else if (!read(&partial, reader.outline) ||
               (expected->status == 200 &&
                mse_accumulator_merge(&expected->total, &partial) != MSE_OK)) {
        refuse(expected, 422, line);
    }
    json_reader_free(&reader);
}

static void expect(struct expected *expected, const struct input *input)
{
    const char *text = input->text, *limit = text + input->length;
    mse_accumulator_init(&expected->total);
    expected->lines = 0;
    expected->status = 200;
    for (size_t line = 1; text < limit; line++) {
        const char *feed = memchr(text, '\n', (size_t)(limit - text));
        const char *end = feed != NULL ? feed : limit;
        expect_line(expected, text, (size_t)(end - text), line);
        text = end + 1;
    }
}

static char *print_loss(char *out, const struct mse_accumulator *total,
                        enum mse_reduction reduction)
{
    double loss;
    if (mse_accumulator_loss(total, reduction, &loss) != MSE_OK) return stpcpy(out, "null");
    return out + decimal_print(loss, out);
}

static void must_respond(const struct expected *expected, unsigned status, const char *body)
{
    char text[MSE_PARTIAL_MAX + 100];
    if (expected->status == 200 && expected->lines > 0) {
        size_t length;
        char *end = print_loss(stpcpy(text, "{\"mean\":"), &expected->total, MSE_MEAN);
        end = print_loss(stpcpy(end, ",\"sum\":"), &expected->total, MSE_SUM);
        end = stpcpy(end, ",\"partial\":");
        must(mse_accumulator_print(&expected->total, end, &length) == MSE_OK);
        stpcpy(end + length, "}");
        must(status == 200 && strcmp(body, text) == 0);
    } else if (expected->status == 200) {
        must(status == 422 && strstr(body, "/problems/no-line") != NULL);
    } else {
        must(status == expected->status);
        snprintf(text, sizeof text, "\"detail\":\"Line %zu: ", expected->line);
        must(strstr(body, text) != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct head head = {.method = "POST"};
    struct input input = input_of(data, size);
    struct response response;
    struct expected expected;
    expect(&expected, &input);
    struct work *work = merge_open(&service, &head, &response);
    must(work != NULL);
    input_feed(&input, 0, take, work);
    must(work->respond(work, &response));
    work->close(work);
    must(atomic_load(&service.budget.used) == 0);
    unsigned status = response.status;
    char *body = decode_body(&response, RESPONSE_ROOM_MIN);
    must_respond(&expected, status, body);
    free(body);
    return 0;
}
