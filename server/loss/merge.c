/* merge.c - POST /mse/merge, from the head to the response. Lines are read and added as they
 * arrive: nothing is kept of one but its share of the sums. */
#include "loss/merge.h"

#include "decimal/decimal.h"
#include "http/problem.h"
#include "loss/json_problem.h"
#include "loss/partial.h"
#include "service.h"
#include "json/json_reader.h"

#include <inttypes.h>
#include <mse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESPONSE_TYPE "application/json"

/* Bytes that are taken before others have their turn: some 300 of the shortest lines, which take
 * half a millisecond where each has to be read by cJSON. */
#define PIECE (16 * 1024)

struct merge {
    struct work work;
    struct tensor_budget *budget;
    struct mse_accumulator total;
    uint64_t partials; /* in total */
    bool has_problem;  /* no more is added */
    bool is_malformed; /* no more is read */
    struct problem problem;

    uint64_t received; /* bytes */
    uint64_t line;     /* number of the current one, from 1 */
    uint64_t start;    /* of its text in the body, once it has any */
    bool has_text;     /* more than white space */
    struct json_reader reader;
};

/* ---- lines */

/* Keeps a problem of the current line, unless there is one; a body that is not JSON outweighs what
 * else is wrong with it. */
static void refuse_line(struct merge *merge, const struct problem *problem)
{
    bool is_malformed = problem_status(problem->type) == 400;
    if (merge->is_malformed || (merge->has_problem && !is_malformed)) return;
    problem_set(&merge->problem, problem->type, problem->pointer, "Line %" PRIu64 ": %s",
                merge->line, problem->detail);
    merge->problem.has_offset = problem->has_offset;
    merge->problem.offset = problem->offset;
    merge->has_problem = true;
    merge->is_malformed = is_malformed;
}

static void refuse_json(struct merge *merge)
{
    struct problem problem;
    struct json_reader_error *error = &merge->reader.error;
    error->offset += merge->start;
    json_problem_set(&problem, error);
    if (error->fault == JSON_READER_TRUNCATED) {
        snprintf(problem.detail, sizeof problem.detail,
                 "The JSON document is incomplete: the line ends at byte %" PRIu64 ".",
                 error->offset);
    }
    refuse_line(merge, &problem);
}

static void add_line(struct merge *merge)
{
    struct mse_accumulator partial;
    struct problem problem;
    if (!partial_read_outline(&partial, merge->reader.outline, "", &problem)) {
        refuse_line(merge, &problem);
    } else if (mse_accumulator_merge(&merge->total, &partial) != MSE_OK) {
        problem_set(&problem, PROBLEM_INVALID_PARTIAL, "/elements",
                    "All partials together have more than 18446744073709551615 elements.");
        refuse_line(merge, &problem);
    } else {
        merge->partials++;
    }
}

static void end_line(struct merge *merge)
{
    if (merge->has_text) {
        json_reader_finish(&merge->reader);
        if (merge->reader.error.fault != JSON_READER_NO_FAULT) {
            refuse_json(merge);
        } else if (!merge->has_problem) {
            add_line(merge);
        }
        json_reader_free(&merge->reader);
    }
    merge->has_text = false;
    merge->line++;
}

/* Takes a part of a line without its line feed. */
static void take_text(struct merge *merge, const char *text, size_t length)
{
    size_t blank = 0;
    if (!merge->has_text) {
        while (blank < length && strchr(" \t\r", text[blank]) != NULL && text[blank] != '\0')
            blank++;
        if (blank == length) return;
        merge->start = merge->received + blank;
        merge->has_text = true;
        json_reader_init(&merge->reader, merge->budget);
    }
    json_reader_feed(&merge->reader, text + blank, length - blank);
}

/* ---- the body and the response */

static size_t receive(struct work *work, const char *bytes, size_t length)
{
    struct merge *merge = (struct merge *)work;
    size_t taken = 0;
    if (merge->is_malformed) return length;
    if (length > PIECE) length = PIECE;
    while (taken < length) {
        const char *line = bytes + taken;
        const char *feed = memchr(line, '\n', length - taken);
        size_t part = feed != NULL ? (size_t)(feed - line) : length - taken;
        take_text(merge, line, part);
        if (feed != NULL) {
            end_line(merge);
            part++;
        }
        taken += part;
        merge->received += part;
    }
    return taken;
}

/* Writes a loss, or null where there is none; returns the end of the text. */
static char *print_loss(const struct mse_accumulator *total, enum mse_reduction reduction,
                        char *out)
{
    double loss;
    if (mse_accumulator_loss(total, reduction, &loss) != MSE_OK) return stpcpy(out, "null");
    return out + decimal_print(loss, out);
}

static bool respond_total(const struct mse_accumulator *total, struct response *response)
{
    size_t length;
    char *text = malloc(sizeof "{\"mean\":,\"sum\":,\"partial\":}" + 2 * (size_t)DECIMAL_PRINT_MAX +
                        MSE_PARTIAL_MAX);
    if (text == NULL) return false;
    char *end = print_loss(total, MSE_MEAN, stpcpy(text, "{\"mean\":"));
    end = print_loss(total, MSE_SUM, stpcpy(end, ",\"sum\":"));
    end = stpcpy(end, ",\"partial\":");
    if (mse_accumulator_print(total, end, &length) != MSE_OK) { /* partials are finite */
        free(text);
        return false;
    }
    end = stpcpy(end + length, "}");
    response_begin(response, 200);
    response_set_whole(response, RESPONSE_TYPE, text, (size_t)(end - text));
    return true;
}

static bool respond(struct work *work, struct response *response)
{
    struct merge *merge = (struct merge *)work;
    if (merge->has_text) end_line(merge);
    if (!merge->has_problem && merge->partials == 0) {
        problem_set(&merge->problem, PROBLEM_NO_LINE, "",
                    "The body has no lines; send one partial per line.");
        merge->has_problem = true;
    }
    if (!merge->has_problem) {
        if (respond_total(&merge->total, response)) return true;
        problem_set_out_of_memory(&merge->problem);
    }
    problem_respond(&merge->problem, response);
    return true;
}

static void close_work(struct work *work)
{
    struct merge *merge = (struct merge *)work;
    if (merge->has_text) json_reader_free(&merge->reader);
    free(merge);
}

/* ---- the head */

/* NDJSON, also where there is no Content-Type, or the one that curl sends by default. */
static bool is_taken(const struct head *head)
{
    static const char *const types[] = {"application/x-ndjson", "application/jsonl",
                                        "application/ndjson", "application/x-www-form-urlencoded",
                                        NULL};
    if (head->content_type == NULL) return true;
    const char *const *type = types;
    while (*type != NULL && !head_content_is(head, *type)) type++;
    return *type != NULL;
}

static struct work *refuse(const struct problem *problem, struct response *response)
{
    problem_respond(problem, response);
    return NULL;
}

struct work *merge_open(struct service *service, const struct head *head, struct response *response)
{
    struct problem problem;
    if (!is_taken(head)) {
        problem_set(&problem, PROBLEM_UNSUPPORTED_MEDIA_TYPE, "",
                    "The Content-Type must be one of: application/x-ndjson.");
        return refuse(&problem, response);
    }
    if (head->accepts > 0 && head_quality(head, RESPONSE_TYPE) == 0) {
        problem_set(&problem, PROBLEM_NOT_ACCEPTABLE, "",
                    "The response can be: " RESPONSE_TYPE ".");
        refuse(&problem, response);
        response_add(response, "Vary", "Accept");
        return NULL;
    }
    struct merge *merge = malloc(sizeof *merge);
    if (merge == NULL) {
        problem_set_out_of_memory(&problem);
        return refuse(&problem, response);
    }
    merge->work = (struct work){receive, respond, close_work, NULL};
    merge->budget = &service->budget;
    mse_accumulator_init(&merge->total);
    merge->partials = 0;
    merge->has_problem = merge->is_malformed = false;
    merge->received = 0;
    merge->line = 1;
    merge->has_text = false;
    return &merge->work;
}
