/* test_page.c - what a browser may fetch, and that no type of problem lacks its page. */
#include "http/problem.h"
#include "page/page.h"
#include "page/problem_pages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct page_file *file_at(const char *path)
{
    const struct page_file *file = page_find(path);
    if (file == NULL) fail_msg("nothing is at %s", path);
    assert_string_equal(file->path, path);
    return file;
}

/* That HTML which is NUL-terminated is whole, and has no hole where a text should be. */
static void assert_whole(const struct page_file *file)
{
    static const char end[] = "</html>\n";
    assert_string_equal(file->media_type, "text/html; charset=utf-8");
    assert_int_equal(file->length, strlen(file->bytes));
    assert_memory_equal(file->bytes + file->length - strlen(end), end, sizeof end);
    assert_null(strstr(file->bytes, "(null)"));
}

static void every_type_of_problem_has_a_page_and_is_listed(void **state)
{
    (void)state;
    const struct page_file *list = file_at("/problems/");
    assert_whole(list);
    for (int i = 0; i < PROBLEM_TYPES; i++) {
        enum problem_type type = (enum problem_type)i;
        char path[PAGE_PATH_MAX];
        char heading[128];
        char link[128];
        snprintf(path, sizeof path, "/problems/%s", problem_name(type));
        snprintf(heading, sizeof heading, "<span class=\"status\">%u</span> %s</h1>",
                 problem_status(type), problem_title(type));
        snprintf(link, sizeof link, "<a href=\"%s\">%s</a>", problem_name(type),
                 problem_title(type));
        const struct page_file *file = file_at(path);
        assert_whole(file);
        assert_non_null(strstr(file->bytes, heading));
        assert_non_null(strstr(list->bytes, link));
    }
}

static void the_embedded_files_are_there_with_their_media_types(void **state)
{
    (void)state;
    assert_string_equal(file_at("/")->media_type, "text/html; charset=utf-8");
    assert_memory_equal(file_at("/")->bytes, "<!DOCTYPE html>", 15);
    assert_string_equal(file_at("/page.css")->media_type, "text/css; charset=utf-8");
    assert_string_equal(file_at("/page.js")->media_type, "text/javascript; charset=utf-8");
    assert_string_equal(file_at("/openapi.yaml")->media_type, "application/yaml");
    assert_memory_equal(file_at("/openapi.yaml")->bytes, "openapi: 3.1.0\n", 15);
}

static void nothing_is_at_other_paths(void **state)
{
    static const char *const paths[] = {
        "", "/problems", "/problems/none", "/page", "/page.css/", "/index.html", "//"};
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) assert_null(page_find(paths[i]));
}

static void entity_tags_tell_files_apart_by_their_bytes(void **state)
{
    static const char *const paths[] = {
        "/", "/page.css", "/page.js", "/openapi.yaml", "/problems/", "/problems/overflow"};
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        const char *etag = file_at(paths[i])->etag;
        assert_int_equal(strlen(etag), 18);
        assert_true(etag[0] == '"' && etag[17] == '"');
        for (size_t k = 0; k < i; k++) assert_string_not_equal(etag, file_at(paths[k])->etag);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_of_problem_has_a_page_and_is_listed),
        cmocka_unit_test(the_embedded_files_are_there_with_their_media_types),
        cmocka_unit_test(nothing_is_at_other_paths),
        cmocka_unit_test(entity_tags_tell_files_apart_by_their_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
