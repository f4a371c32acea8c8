/* partial.c - the JSON object of a partial -> an accumulator. Knows nothing of where it stands, or
 * what is done with it. */
#include "loss/partial.h"

#include "loss/json_problem.h"
#include "mse/mse_private.h"
#include "json/json_reader.h"
#include "json/json_text.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMBERS "\"elements\", \"weight_sum\" and \"loss_sum\""

/* How much of a client's own text a message repeats, in bytes. */
#define QUOTE_MAX "100"

static const char *const names[MSE__MEMBERS] = {
    [MSE__ELEMENTS] = "elements", [MSE__WEIGHT_SUM] = "weight_sum", [MSE__LOSS_SUM] = "loss_sum"};

/* problem->pointer becomes that of a member. */
static void point(struct problem *problem, const char *place, const char *name)
{
    snprintf(problem->pointer, sizeof problem->pointer, "%s", place);
    json_problem_point(problem->pointer, name);
}

static bool refuse_type(struct problem *problem, const char *place, int member)
{
    problem_set(problem, PROBLEM_WRONG_TYPE, "", "\"%s\" of a partial must be a %s.", names[member],
                member == MSE__ELEMENTS ? "number" : "string");
    point(problem, place, names[member]);
    return false;
}

static bool refuse_unknown(struct problem *problem, const char *place, const char *name)
{
    problem_set(problem, PROBLEM_UNKNOWN_MEMBER, "",
                "Unknown member \"%." QUOTE_MAX "s\"; a partial has " MEMBERS ".", name);
    point(problem, place, name);
    return false;
}

static bool refuse_missing(struct problem *problem, const char *place, int member)
{
    problem_set(problem, PROBLEM_MISSING_MEMBER, "",
                "The required member \"%s\" of a partial is missing.", names[member]);
    point(problem, place, names[member]);
    return false;
}

static bool refuse_value(struct problem *problem, const char *place, enum mse__member member)
{
    if (member == MSE__ELEMENTS) {
        problem_set(problem, PROBLEM_INVALID_PARTIAL, "",
                    "\"elements\" must be an integer from 0 to 18446744073709551615, written in "
                    "digits only.");
    } else {
        problem_set(problem, PROBLEM_INVALID_PARTIAL, "",
                    "\"%s\" must be a sum that so many elements can have, as POST /mse/partial "
                    "writes it: an odd hexadecimal integer times a power of two, such as "
                    "\"0x1bp+0\"; \"0x0p+0\" is zero.",
                    names[member]);
    }
    point(problem, place, names[member]);
    return false;
}

/* The texts of the members, in root and in the outline. */
static bool find_members(struct mse__text members[static MSE__MEMBERS], const cJSON *root,
                         const char *outline, const char *place, struct problem *problem)
{
    for (const cJSON *member = root->child; member != NULL; member = member->next) {
        outline = json_text_skip(outline + 1) + 1; /* past the brace or comma, name and colon */
        const char *end = json_text_skip(outline);
        int i = 0;
        while (i < MSE__MEMBERS && strcmp(member->string, names[i]) != 0) i++;
        if (i == MSE__MEMBERS) return refuse_unknown(problem, place, member->string);
        if (i == MSE__ELEMENTS) {
            /* A double, as cJSON reads numbers, does not hold all integers beyond 2^53. */
            if (!cJSON_IsNumber(member)) return refuse_type(problem, place, i);
            members[i] = (struct mse__text){outline, (size_t)(end - outline)};
        } else {
            if (!cJSON_IsString(member)) return refuse_type(problem, place, i);
            members[i] = (struct mse__text){member->valuestring, strlen(member->valuestring)};
        }
        outline = end;
    }
    for (int i = 0; i < MSE__MEMBERS; i++) {
        if (members[i].bytes == NULL) return refuse_missing(problem, place, i);
    }
    return true;
}

static bool read_object(struct mse_accumulator *partial, const cJSON *root, const char *outline,
                        const char *place, struct problem *problem)
{
    struct mse__text members[MSE__MEMBERS] = {{NULL, 0}};
    if (!cJSON_IsObject(root)) {
        problem_set(problem, PROBLEM_WRONG_TYPE, place,
                    "A partial must be a JSON object with the members " MEMBERS ".");
        return false;
    }
    if (!find_members(members, root, outline, place, problem)) return false;
    enum mse__member wrong = mse__accumulator_assemble(partial, members);
    return wrong == MSE__MEMBERS || refuse_value(problem, place, wrong);
}

bool partial_read_outline(struct mse_accumulator *partial, const char *outline, const char *place,
                          struct problem *problem)
{
    size_t length = (size_t)(json_text_skip(outline) - outline);
    /* Nearly all partials are written as this server does it. */
    if (mse_accumulator_parse(partial, outline, length) == MSE_OK) return true;
    cJSON *root = cJSON_ParseWithLength(outline, length);
    if (root == NULL) {
        problem_set_out_of_memory(problem);
        return false;
    }
    bool ok = read_object(partial, root, outline, place, problem);
    cJSON_Delete(root);
    return ok;
}

bool partial_read_whole(struct request *request, const char *text, size_t length, const char *place,
                        struct problem *problem)
{
    struct tensor_budget budget = {.limit = SIZE_MAX}; /* no tensor outlives the reader */
    struct json_reader reader;
    request_note_option(request, "whole");
    request->whole = malloc(sizeof *request->whole);
    if (request->whole == NULL) {
        problem_set_out_of_memory(problem);
        return false;
    }
    json_reader_init(&reader, &budget);
    json_reader_feed(&reader, text, length);
    json_reader_finish(&reader);
    bool ok = reader.error.fault == JSON_READER_NO_FAULT;
    if (ok) {
        ok = partial_read_outline(request->whole, reader.outline, place, problem);
    } else {
        problem_set(problem, PROBLEM_INVALID_PARTIAL, place,
                    "The partial must be a JSON object with the members " MEMBERS ".");
    }
    json_reader_free(&reader);
    return ok;
}
