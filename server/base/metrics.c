/* metrics.c - what the server has done and holds, as text. Knows nothing of how it came about.
 *
 * Counters are atomic and of the whole process, since they are what Prometheus asks of a process. A
 * request adds to a handful of them, relaxed: none orders anything. */
#include "base/metrics.h"

#include "base/refusal.h"
#include "base/system.h"

#include <inttypes.h>
#include <mse.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* A client can make up any number of methods, so only these are labels. The last of each list
 * stands for all others. */
static const char *const methods[] = {"GET", "HEAD", "POST", "OPTIONS", "other"};
static const unsigned statuses[] = {200, 204, 400, 401, 404, 405, 406, 408, 413,
                                    414, 415, 422, 431, 500, 503, 505, 0};

/* Upper bounds of the histogram's buckets: from a request of a few numbers to one of millions. */
static const struct {
    uint64_t nanoseconds;
    const char *label;
} buckets[] = {{50000, "5e-05"},    {100000, "0.0001"},  {250000, "0.00025"}, {500000, "0.0005"},
               {1000000, "0.001"},  {2500000, "0.0025"}, {5000000, "0.005"},  {10000000, "0.01"},
               {25000000, "0.025"}, {50000000, "0.05"},  {100000000, "0.1"},  {250000000, "0.25"},
               {500000000, "0.5"},  {1000000000, "1"},   {2500000000, "2.5"}, {5000000000, "5"},
               {10000000000, "10"}, {UINT64_MAX, "+Inf"}};

static struct {
    _Atomic uint64_t requests[METRICS_ROUTES_MAX][COUNT(methods)][COUNT(statuses)];
    _Atomic uint64_t
        durations[METRICS_ROUTES_MAX][COUNT(buckets)]; /* of the bucket alone, not of those below */
    _Atomic uint64_t nanoseconds[METRICS_ROUTES_MAX][2]; /* of those that failed, that succeeded */
    _Atomic uint64_t last[METRICS_ROUTES_MAX];           /* by clock_nanoseconds */
    _Atomic uint64_t incomplete;
    _Atomic uint64_t formats[METRICS_FORMATS];
    _Atomic uint64_t bytes_received, bytes_decoded, bytes_sent, elements;
} counters;

static void add(_Atomic uint64_t *counter, uint64_t amount)
{
    atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

static uint64_t value(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static bool is_success(unsigned status)
{
    return status >= 200 && status < 300;
}

void metrics_count_format(enum metrics_format format)
{
    add(&counters.formats[format], 1);
}

void metrics_count_request(const struct metrics_request *request)
{
    size_t method = 0;
    size_t status = 0;
    size_t bucket = 0;
    while (method < COUNT(methods) - 1 && strcmp(request->method, methods[method]) != 0) method++;
    while (status < COUNT(statuses) - 1 && request->status != statuses[status]) status++;
    while (request->nanoseconds > buckets[bucket].nanoseconds) bucket++;

    add(&counters.requests[request->route][method][status], 1);
    add(&counters.durations[request->route][bucket], 1);
    add(&counters.nanoseconds[request->route][is_success(request->status)], request->nanoseconds);
    atomic_store_explicit(&counters.last[request->route], request->ended, memory_order_relaxed);
    if (request->is_incomplete) add(&counters.incomplete, 1);
    add(&counters.bytes_received, request->bytes_received);
    add(&counters.bytes_decoded, request->bytes_decoded);
    add(&counters.bytes_sent, request->bytes_sent);
    add(&counters.elements, request->elements);
}

void metrics_add_route(unsigned route, struct metrics_route *sum)
{
    for (size_t m = 0; m < COUNT(methods); m++) {
        for (size_t s = 0; s < COUNT(statuses); s++) {
            uint64_t number = value(&counters.requests[route][m][s]);
            *(is_success(statuses[s]) ? &sum->succeeded : &sum->failed) += number;
        }
    }
    sum->failed_nanoseconds += value(&counters.nanoseconds[route][0]);
    sum->succeeded_nanoseconds += value(&counters.nanoseconds[route][1]);
    uint64_t last = value(&counters.last[route]);
    if (last > sum->last) sum->last = last;
}

/* ---- printing */

static void print_head(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_one(FILE *out, const char *name, const char *type, const char *help,
                      uint64_t number)
{
    print_head(out, name, type, help);
    fprintf(out, "%s %" PRIu64 "\n", name, number);
}

/* The name of a route, which METRICS_NO_ROUTE has too. */
static const char *route_name(const struct metrics_gauges *gauges, size_t route)
{
    return route == METRICS_NO_ROUTE ? "none" : gauges->routes[route - 1];
}

static void print_requests(FILE *out, const struct metrics_gauges *gauges)
{
    print_head(out, "mse_http_requests_total", "counter",
               "Requests that have ended; status 0: the connection was lost before a response.");
    for (size_t r = 0; r <= gauges->route_count; r++) {
        for (size_t m = 0; m < COUNT(methods); m++) {
            for (size_t s = 0; s < COUNT(statuses); s++) {
                uint64_t number = value(&counters.requests[r][m][s]);
                if (number == 0) continue;
                fprintf(out,
                        "mse_http_requests_total{method=\"%s\",route=\"%s\",status=\"%u\"} %" PRIu64
                        "\n",
                        methods[m], route_name(gauges, r), statuses[s], number);
            }
        }
    }
}

static void print_durations(FILE *out, const struct metrics_gauges *gauges)
{
    print_head(out, "mse_http_request_duration_seconds", "histogram",
               "Time from the end of a request's head to the end of its response.");
    for (size_t r = 0; r <= gauges->route_count; r++) {
        uint64_t below = 0;
        for (size_t b = 0; b < COUNT(buckets); b++) {
            below += value(&counters.durations[r][b]);
            fprintf(out,
                    "mse_http_request_duration_seconds_bucket{route=\"%s\",le=\"%s\"} %" PRIu64
                    "\n",
                    route_name(gauges, r), buckets[b].label, below);
        }
        fprintf(out, "mse_http_request_duration_seconds_sum{route=\"%s\"} %.9f\n",
                route_name(gauges, r),
                (double)(value(&counters.nanoseconds[r][0]) + value(&counters.nanoseconds[r][1])) /
                    1e9);
        fprintf(out, "mse_http_request_duration_seconds_count{route=\"%s\"} %" PRIu64 "\n",
                route_name(gauges, r), below);
    }
}

static void print_formats(FILE *out)
{
    static const char *const names[METRICS_FORMATS] = {[METRICS_JSON] = "json",
                                                       [METRICS_NDJSON] = "ndjson",
                                                       [METRICS_SAFETENSORS] = "safetensors",
                                                       [METRICS_INFERENCE] = "inference"};
    print_head(out, "mse_requests_by_format_total", "counter",
               "Requests whose body was read, by its format.");
    for (size_t i = 0; i < METRICS_FORMATS; i++) {
        fprintf(out, "mse_requests_by_format_total{format=\"%s\"} %" PRIu64 "\n", names[i],
                value(&counters.formats[i]));
    }
}

static void print_refusals(FILE *out)
{
    print_head(out, "mse_refusals_total", "counter",
               "Requests and connections that were not served, by reason.");
    for (int i = REFUSAL_NONE + 1; i < REFUSALS; i++) {
        fprintf(out, "mse_refusals_total{reason=\"%s\"} %" PRIu64 "\n",
                refusal_name((enum refusal)i), refusal_count((enum refusal)i));
    }
}

static void print_process(FILE *out)
{
    struct system_process process;
    system_process(&process);
    print_head(out, "process_cpu_seconds_total", "counter",
               "Processor time used, user and system.");
    fprintf(out, "process_cpu_seconds_total %.2f\n", process.cpu_seconds);
    print_one(out, "process_resident_memory_bytes", "gauge", "Resident memory.",
              process.resident_bytes);
    print_one(out, "process_virtual_memory_bytes", "gauge", "Virtual memory.",
              process.virtual_bytes);
    print_one(out, "process_open_fds", "gauge", "Open descriptors.", process.open_descriptors);
    print_one(out, "process_max_fds", "gauge", "Descriptors allowed.", process.max_descriptors);
    print_head(out, "process_start_time_seconds", "gauge", "Start time since the Unix epoch.");
    fprintf(out, "process_start_time_seconds %.2f\n", process.start_seconds);
}

char *metrics_print(const struct metrics_gauges *gauges, size_t *length)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, length);
    if (out == NULL) return NULL;
    print_requests(out, gauges);
    print_durations(out, gauges);
    print_formats(out);
    print_refusals(out);
    print_one(out, "mse_http_responses_incomplete_total", "counter",
              "Responses whose connection was lost while they were sent.",
              value(&counters.incomplete));
    print_one(out, "mse_http_requests_in_flight", "gauge", "Requests in flight.", gauges->requests);
    print_one(out, "mse_http_request_bytes_total", "counter", "Bytes of request bodies.",
              value(&counters.bytes_received));
    print_one(out, "mse_http_request_decoded_bytes_total", "counter",
              "Bytes of request bodies without their content coding.",
              value(&counters.bytes_decoded));
    print_one(out, "mse_http_response_bytes_total", "counter", "Bytes of response bodies.",
              value(&counters.bytes_sent));
    print_one(out, "mse_elements_total", "counter",
              "Elements of the predictions of successful requests.", value(&counters.elements));
    print_one(out, "mse_tensor_memory_bytes", "gauge", "Memory that the numbers of requests hold.",
              gauges->tensor_bytes);
    print_one(out, "mse_tensor_memory_limit_bytes", "gauge",
              "Limit of mse_tensor_memory_bytes: --max-memory.", gauges->tensor_bytes_limit);
    print_one(out, "mse_connections", "gauge", "Open connections.", gauges->connections);
    print_one(out, "mse_connections_limit", "gauge", "Limit of mse_connections: --max-connections.",
              gauges->connections_limit);
    print_one(out, "mse_connections_kept", "gauge",
              "Open connections that are kept after a response.", gauges->connections_kept);
    print_one(out, "mse_connections_kept_limit", "gauge",
              "Limit of mse_connections_kept; a response on any further connection closes it.",
              gauges->connections_kept_limit);
    print_process(out);
    print_head(out, "mse_build_info", "gauge", "Always 1; the labels say what runs.");
    fprintf(out, "mse_build_info{version=\"%s\",compiler=\"%s\",libmicrohttpd=\"%s\"} 1\n",
            mse_version(), __VERSION__, gauges->libmicrohttpd);
    bool whole = !ferror(out);
    if (fclose(out) != 0 || !whole) {
        free(text);
        return NULL;
    }
    return text;
}
