/* test_metrics.c - what is counted, and how it is printed. */
#include "base/metrics.h"
#include "base/refusal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const names[] = {"/mse", "/healthz", "/readyz"};

static const struct metrics_gauges gauges = {.libmicrohttpd = "1.0.1",
                                             .routes = names,
                                             .route_count = 3,
                                             .requests = 3,
                                             .connections = 7,
                                             .connections_limit = 10,
                                             .connections_kept = 5,
                                             .connections_kept_limit = 6,
                                             .tensor_bytes = 80,
                                             .tensor_bytes_limit = 4096};

/* Whether the text has this line. */
static bool has_line(const char *text, const char *line)
{
    char wanted[256];
    snprintf(wanted, sizeof wanted, "\n%s\n", line);
    return strstr(text, wanted) != NULL;
}

static void assert_line(const char *line)
{
    size_t length;
    char *text = metrics_print(&gauges, &length);
    assert_non_null(text);
    assert_int_equal(strlen(text), length);
    if (!has_line(text, line)) fail_msg("no line \"%s\" in:\n%s", line, text);
    free(text);
}

static void a_request_is_counted_by_method_route_and_status(void **state)
{
    struct metrics_request request = {.route = 1,
                                      .method = "POST",
                                      .status = 200,
                                      .nanoseconds = 120000,
                                      .bytes_received = 37,
                                      .bytes_decoded = 50,
                                      .bytes_sent = 64,
                                      .elements = 2};
    (void)state;
    metrics_count_request(&request);
    request.is_incomplete = true;
    metrics_count_request(&request);
    assert_line("mse_http_responses_incomplete_total 1");
    assert_line("mse_http_requests_total{method=\"POST\",route=\"/mse\",status=\"200\"} 2");
    assert_line("mse_http_request_bytes_total 74");
    assert_line("mse_http_request_decoded_bytes_total 100");
    assert_line("mse_http_response_bytes_total 128");
    assert_line("mse_elements_total 4");
}

static void what_a_client_makes_up_becomes_no_label(void **state)
{
    struct metrics_request request = {.route = METRICS_NO_ROUTE, .method = "BREW\"", .status = 418};
    (void)state;
    metrics_count_request(&request);
    assert_line("mse_http_requests_total{method=\"other\",route=\"none\",status=\"0\"} 1");
}

static void the_histogram_is_cumulative(void **state)
{
    struct metrics_request request = {.route = 3, .method = "GET", .status = 200};
    (void)state;
    request.nanoseconds = 50000; /* on a bound, which its bucket includes */
    metrics_count_request(&request);
    request.nanoseconds = 50001;
    metrics_count_request(&request);
    request.nanoseconds = 60000000000;
    metrics_count_request(&request);
    assert_line("mse_http_request_duration_seconds_bucket{route=\"/readyz\",le=\"5e-05\"} 1");
    assert_line("mse_http_request_duration_seconds_bucket{route=\"/readyz\",le=\"0.0001\"} 2");
    assert_line("mse_http_request_duration_seconds_bucket{route=\"/readyz\",le=\"10\"} 2");
    assert_line("mse_http_request_duration_seconds_bucket{route=\"/readyz\",le=\"+Inf\"} 3");
    assert_line("mse_http_request_duration_seconds_count{route=\"/readyz\"} 3");
    assert_line("mse_http_request_duration_seconds_sum{route=\"/readyz\"} 60.000100001");
}

static void refusals_and_gauges_are_printed(void **state)
{
    (void)state;
    metrics_count_format(METRICS_NDJSON);
    assert_line("mse_requests_by_format_total{format=\"ndjson\"} 1");
    assert_line("mse_requests_by_format_total{format=\"json\"} 0");
    refusal_note(REFUSAL_TIMEOUT);
    assert_line("mse_refusals_total{reason=\"timeout\"} 1");
    assert_line("mse_refusals_total{reason=\"memory\"} 0");
    assert_line("mse_http_requests_in_flight 3");
    assert_line("mse_connections 7");
    assert_line("mse_connections_limit 10");
    assert_line("mse_connections_kept 5");
    assert_line("mse_connections_kept_limit 6");
    assert_line("mse_tensor_memory_bytes 80");
    assert_line("mse_tensor_memory_limit_bytes 4096");
}

static void every_metric_has_its_type_once_before_its_samples(void **state)
{
    size_t length;
    char *text = metrics_print(&gauges, &length);
    char name[128] = "";
    int types = 0;
    (void)state;
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (sscanf(line, "# TYPE %127s", name) == 1) {
            types++;
        } else if (line[0] != '#' && strncmp(line, name, strlen(name)) != 0) {
            fail_msg("\"%s\" stands below the type of %s", line, name);
        }
    }
    assert_int_equal(types, 23);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_counted_by_method_route_and_status),
        cmocka_unit_test(what_a_client_makes_up_becomes_no_label),
        cmocka_unit_test(the_histogram_is_cumulative),
        cmocka_unit_test(refusals_and_gauges_are_printed),
        cmocka_unit_test(every_metric_has_its_type_once_before_its_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
