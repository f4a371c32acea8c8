/* test_media_type.c - Accept and Content-Type headers as callers write them. */
#include "http/media_type.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_content_type_is_known_with_parameters_and_in_any_case(void **state)
{
    (void)state;
    assert_true(media_type_is("application/json", "application/json"));
    assert_true(media_type_is("Application/JSON", "application/json"));
    assert_true(media_type_is("application/json; charset=utf-8", "application/json"));
    assert_true(media_type_is(" application/json ;charset=utf-8", "application/json"));
}

static void another_content_type_is_not_taken_for_it(void **state)
{
    (void)state;
    assert_false(media_type_is("", "application/json"));
    assert_false(media_type_is("text/json", "application/json"));
    assert_false(media_type_is("application/jsonx", "application/json"));
    assert_false(media_type_is("application/jso", "application/json"));
    assert_false(media_type_is("application/problem+json", "application/json"));
}

static void an_accept_header_is_weighed_by_its_closest_range(void **state)
{
    static const struct {
        const char *accept;
        unsigned quality;
    } rows[] = {
        {"", 1000},
        {"*/*", 1000},
        {"application/*", 1000},
        {"application/json", 1000},
        {"APPLICATION/JSON", 1000},
        {"text/html, application/json;q=0.1", 100},
        {"text/html , */* ; q=0.1", 100},
        {"application/json;version=1;q=1", 1000},
        {"text/html", 0},
        {"text/*", 0},
        {"app/*", 0},
        {"application/xml", 0},
        {"application/json;q=0", 0},
        {"application/json; q=0.000", 0},
        {"application/json;Q=0", 0},
        {"application/json;q=0, */*", 0},
        {"*/*, application/json;q=0", 0},
        {"application/*;q=0, application/json", 1000},
        {"*/*;q=0, application/*;q=0.001", 1},
        {"*/*;q=0", 0},
        {",,", 1000},
        {"application/json;q=0.75", 750},
        {"application/json;q=1.000", 1000},
        {"application/json;q=0.5;x=1", 500},
        {"application/json;q=", 1000},
        {"application/json;q=2", 1000},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct media_type_choice choice = {0};
        media_type_choose(&choice, rows[i].accept, "application/json");
        if (media_type_quality(&choice) != rows[i].quality) fail_msg("Accept: %s", rows[i].accept);
    }
}

static void several_accept_headers_count_as_one(void **state)
{
    struct media_type_choice choice = {0};
    (void)state;
    media_type_choose(&choice, "text/html", "application/json");
    assert_int_equal(media_type_quality(&choice), 0);
    media_type_choose(&choice, "application/json", "application/json");
    assert_int_equal(media_type_quality(&choice), 1000);
    media_type_choose(&choice, "*/*;q=0", "application/json");
    assert_int_equal(media_type_quality(&choice), 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_content_type_is_known_with_parameters_and_in_any_case),
        cmocka_unit_test(another_content_type_is_not_taken_for_it),
        cmocka_unit_test(an_accept_header_is_weighed_by_its_closest_range),
        cmocka_unit_test(several_accept_headers_count_as_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
