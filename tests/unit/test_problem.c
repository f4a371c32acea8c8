/* test_problem.c - problem documents, read back with cJSON. */
#include "http/problem.h"

#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The document of a problem; its response goes to *response, less the text. */
static cJSON *document_of(const struct problem *problem, struct response *response)
{
    problem_respond(problem, response);
    assert_string_equal(response_find_header(response, "Content-Type"), "application/problem+json");
    cJSON *document = cJSON_ParseWithLength(response->text, response->length);
    assert_non_null(document);
    response_discard(response);
    return document;
}

static const char *string_at(const cJSON *document, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(document, name));
}

static void a_problem_document_has_the_members_of_rfc_9457(void **state)
{
    struct problem problem;
    struct response response;
    (void)state;
    problem_set(&problem, PROBLEM_SHAPE_MISMATCH, "/targets", "Give \"%s\" the shape %s.",
                "targets", "[2,3]");
    cJSON *document = document_of(&problem, &response);
    assert_int_equal(response.status, 422);
    assert_int_equal(response.header_count, 1);
    assert_string_equal(string_at(document, "type"), "/problems/shape-mismatch");
    assert_string_equal(string_at(document, "title"), "The shapes differ");
    assert_int_equal(cJSON_GetObjectItem(document, "status")->valueint, 422);
    assert_string_equal(string_at(document, "detail"), "Give \"targets\" the shape [2,3].");
    assert_string_equal(string_at(document, "pointer"), "/targets");
    assert_null(cJSON_GetObjectItem(document, "offset"));
    cJSON_Delete(document);
}

static void an_offset_is_given_to_the_byte_however_large(void **state)
{
    struct problem problem;
    struct response response;
    (void)state;
    problem_set(&problem, PROBLEM_MALFORMED_JSON, "", "Write it.");
    problem.has_offset = true;
    problem.offset = 123456789012345;
    problem_respond(&problem, &response);
    assert_non_null(strstr(response.text, "\"offset\":123456789012345}"));
    assert_null(strstr(response.text, "pointer"));
    response_discard(&response);
}

static void memory_and_draining_say_when_to_try_again(void **state)
{
    struct problem problem;
    struct response response;
    (void)state;
    problem_set(&problem, PROBLEM_MEMORY_EXHAUSTED, "", "Later.");
    cJSON_Delete(document_of(&problem, &response));
    assert_int_equal(response.status, 503);
    assert_string_equal(response.headers[0].name, "Retry-After");
    assert_true(response.headers[0].number > 0);
    problem_set(&problem, PROBLEM_DRAINING, "", "Later.");
    cJSON_Delete(document_of(&problem, &response));
    assert_int_equal(response.status, 503);
    assert_string_equal(response.headers[0].name, "Retry-After");
    assert_true(response.headers[0].number > 0);
}

static void a_detail_that_is_cut_stays_utf_8(void **state)
{
    char text[2 * PROBLEM_DETAIL_MAX + 1];
    struct problem problem;
    (void)state;
    for (size_t i = 0; i < PROBLEM_DETAIL_MAX; i++) memcpy(text + 2 * i, "\xC3\xA9", 3);
    problem_set(&problem, PROBLEM_UNKNOWN_MEMBER, "", "x%s", text);
    assert_int_equal(strlen(problem.detail), PROBLEM_DETAIL_MAX - 1);
    problem_set(&problem, PROBLEM_UNKNOWN_MEMBER, "", "xx%s", text);
    assert_int_equal(strlen(problem.detail), PROBLEM_DETAIL_MAX - 2);
    problem_set(&problem, PROBLEM_UNKNOWN_MEMBER, "", "\"%.4s\" \"%.7s\" \"%.3s\"",
                "\xF0\x9F\x98\x80\xF0", "\xF0\x9F\x98\x80\xF0\x9F\x98\x80", "a\xE2\x82\xAC");
    assert_string_equal(problem.detail, "\"\xF0\x9F\x98\x80\" \"\xF0\x9F\x98\x80\" \"a\"");
}

static void *no_memory(size_t size)
{
    (void)size;
    return NULL;
}

static void a_problem_needs_no_memory(void **state)
{
    cJSON_Hooks none = {no_memory, free};
    struct problem problem;
    struct response response;
    (void)state;
    problem_set(&problem, PROBLEM_WRONG_TYPE, "", "Change it.");
    cJSON_InitHooks(&none);
    problem_respond(&problem, &response);
    cJSON_InitHooks(NULL);
    assert_int_equal(response.body, RESPONSE_CONSTANT);
    assert_int_equal(response.status, 503);
    cJSON *document = cJSON_ParseWithLength(response.text, response.length);
    assert_string_equal(string_at(document, "type"), "/problems/memory-exhausted");
    cJSON_Delete(document);
}

static void every_type_has_a_name_of_its_own_a_title_and_a_status(void **state)
{
    (void)state;
    for (int i = 0; i < PROBLEM_TYPES; i++) {
        const char *name = problem_name((enum problem_type)i);
        assert_true(name[0] != '\0' && problem_title((enum problem_type)i)[0] != '\0');
        assert_in_range(problem_status((enum problem_type)i), 400, 599);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(name, problem_name((enum problem_type)j));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_problem_document_has_the_members_of_rfc_9457),
        cmocka_unit_test(an_offset_is_given_to_the_byte_however_large),
        cmocka_unit_test(memory_and_draining_say_when_to_try_again),
        cmocka_unit_test(a_detail_that_is_cut_stays_utf_8),
        cmocka_unit_test(a_problem_needs_no_memory),
        cmocka_unit_test(every_type_has_a_name_of_its_own_a_title_and_a_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
