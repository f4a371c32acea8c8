/* test_route.c - paths -> routes, with parameters or without. */
#include "http/route.h"

#include "http/problem.h"
#include "support/cmocka_all.h"

#include <string.h>

static void refuse_specially(const struct problem *problem, struct response *response)
{
    (void)problem, (void)response;
}

static const struct route routes[] = {
    {.path = "/"},
    {.path = "/mse"},
    {.path = "/v2", .refuse = refuse_specially},
    {.path = "/v2/", .refuse = refuse_specially},
    {.path = "/v2/models/all", .refuse = refuse_specially},
    {.path = "/v2/models/{model}", .refuse = refuse_specially},
    {.path = "/v2/models/{model}/versions/{version}", .refuse = refuse_specially},
};
static const struct route_table table = {routes, COUNT(routes)};

static void a_path_finds_the_first_route_that_it_matches_segment_by_segment(void **state)
{
    static const struct {
        const char *path, *found;
    } rows[] = {
        {"/", "/"},
        {"/mse", "/mse"},
        {"/mse/", NULL},
        {"/ms", NULL},
        {"/mses", NULL},
        {"mse", NULL},
        {"", NULL},
        {"*", NULL},
        {"//mse", NULL},
        {"/v2", "/v2"},
        {"/v2/", "/v2/"},
        {"/v2//", NULL},
        {"/v2/models", NULL},
        {"/v2/models/", NULL},
        {"/v2/models/all", "/v2/models/all"},
        {"/v2/models/allx", "/v2/models/{model}"},
        {"/v2/models/{model}", "/v2/models/{model}"},
        {"/v2/models/a/", NULL},
        {"/v2/models/a/versions/1", "/v2/models/{model}/versions/{version}"},
        {"/v2/models//versions/1", NULL},
        {"/v2/models/a/versions/", NULL},
        {"/v2/models/a/version/1", NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct route *route = route_find(&table, rows[i].path);
        const char *found = route != NULL ? route->path : NULL;
        if (found != rows[i].found &&
            (found == NULL || rows[i].found == NULL || strcmp(found, rows[i].found) != 0))
            fail_msg("%s is %s", rows[i].path, found != NULL ? found : "nowhere");
    }
}

static void a_parameter_is_the_segment_in_its_place(void **state)
{
    const char *path = "/v2/models/a%20b/versions/17";
    const struct route *route = route_find(&table, path);
    size_t length;
    (void)state;
    assert_memory_equal(route_parameter(route, path, "{model}", &length), "a%20b", 5);
    assert_int_equal(length, 5);
    assert_string_equal(route_parameter(route, path, "{version}", &length), "17");
    assert_int_equal(length, 2);
    assert_null(route_parameter(route, path, "{name}", &length));
    assert_null(route_parameter(&routes[1], "/mse", "{model}", &length));
}

static void the_first_segment_says_whose_errors_a_path_has(void **state)
{
    char paths[200];
    (void)state;
    assert_ptr_equal(route_near(&table, "/v2/nowhere"), &routes[2]);
    assert_ptr_equal(route_near(&table, "/mse/x"), &routes[1]);
    assert_null(route_near(&table, "/v22"));
    assert_null(route_near(&table, "v2"));
    route_print_paths(&table, NULL, paths, sizeof paths);
    assert_string_equal(paths, "/, /mse");
    route_print_paths(&table, refuse_specially, paths, 24);
    assert_string_equal(paths, "/v2, /v2/");
    route_print_paths(&table, refuse_specially, paths, 26);
    assert_string_equal(paths, "/v2, /v2/, /v2/models/all");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_finds_the_first_route_that_it_matches_segment_by_segment),
        cmocka_unit_test(a_parameter_is_the_segment_in_its_place),
        cmocka_unit_test(the_first_segment_says_whose_errors_a_path_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
