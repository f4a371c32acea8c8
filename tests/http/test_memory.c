/* test_memory.c - what a request costs in memory, as the kernel counts it. Starts servers of its
 * own. */
#include "support/client.h"
#include "support/cmocka_all.h"
#include "support/safetensors.h"
#include "support/wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define ELEMENTS ((size_t)1000000)

/* A field of /proc/PID/status, in bytes. RssAnon leaves out pages of libraries, which come with the
 * first large request. */
static size_t memory_of(const struct service *service, const char *field)
{
    char path[64];
    char line[256];
    size_t kilobytes = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)service->pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, field, strlen(field)) == 0)
            sscanf(line + strlen(field), ": %zu kB", &kilobytes);
    }
    fclose(file);
    assert_true(kilobytes > 0);
    return kilobytes * 1024;
}

static void print_member(struct text *body, const char *name, const char *first, const char *rest,
                         size_t count)
{
    text_printf(body, "\"%s\":[%s", name, first);
    text_repeat(body, rest, count - 1);
    text_printf(body, "]");
}

static void print_request(struct text *body, size_t count, bool weighted)
{
    text_printf(body, "{");
    print_member(body, "predictions", "0.12345678901234567", ",1.2345678901234567", count);
    text_printf(body, ",");
    print_member(body, "targets", "0.98765432109876543", ",9.8765432109876543", count);
    if (weighted) {
        text_printf(body, ",");
        print_member(body, "weights", "1.5", ",2.5", count);
    }
    text_printf(body, "}");
}

/* The bytes per element by which a request of a million of them, which is freed, raises the peak
 * over the idle server. */
static size_t bytes_per_element(struct text body, const char *content_type, bool chunked)
{
    struct service service;
    struct client client;
    service_start(&service, NULL);
    client_init(&client, &service);
    client_expect(&client, good_body, good_response);
    size_t idle = memory_of(&service, "VmRSS");

    struct response response = client_send(&client, (struct request){.body = body.bytes,
                                                                     .length = body.length,
                                                                     .content_type = content_type,
                                                                     .chunked = chunked});
    assert_int_equal(response.status, 200);
    size_t peak = memory_of(&service, "VmHWM");
    print_message("idle %zu KB, peak %zu KB: %.1f bytes per element of a body of %zu MB\n",
                  idle / 1024, peak / 1024, (double)(peak - idle) / (double)ELEMENTS,
                  body.length / 1000000);
    response_free(&response);
    text_free(&body);
    client_free(&client);
    service_close(&service);
    return (peak - idle) / ELEMENTS;
}

static struct text json_body(bool weighted)
{
    struct text body = {0};
    print_request(&body, ELEMENTS, weighted);
    return body;
}

static struct text safetensors_body(const char *reduction)
{
    struct safetensors file = {0};
    struct text body = {0};
    double *values = calloc(ELEMENTS, sizeof *values);
    assert_non_null(values);
    safetensors_add_text(&file, reduction);
    safetensors_add(&file, "predictions", values, (const size_t[]){ELEMENTS}, 1);
    for (size_t i = 0; i < ELEMENTS; i++) values[i] = (double)(i % 1000) / 7;
    safetensors_add(&file, "targets", values, (const size_t[]){ELEMENTS}, 1);
    safetensors_finish(&file, &body);
    free(values);
    return body;
}

static void a_safetensors_request_takes_at_most_18_bytes_per_element(void **state)
{
    static const char type[] = "application/safetensors";
    (void)state;
    if (service_is_sanitized()) skip();
    assert_in_range(bytes_per_element(safetensors_body("\"__metadata__\":{}"), type, false), 15,
                    18);
    assert_in_range(bytes_per_element(safetensors_body("\"__metadata__\":{}"), type, true), 15, 18);
    assert_in_range(bytes_per_element(safetensors_body("\"__metadata__\":{\"reduction\":\"none\"}"),
                                      type, false),
                    15, 18);
}

static void a_request_takes_at_most_20_bytes_per_element(void **state)
{
    (void)state;
    if (service_is_sanitized()) skip();
    assert_in_range(bytes_per_element(json_body(false), NULL, false), 15, 20);
    assert_in_range(bytes_per_element(json_body(false), NULL, true), 15, 20);
}

static void a_weighted_request_takes_at_most_28_bytes_per_element(void **state)
{
    (void)state;
    if (service_is_sanitized()) skip();
    assert_in_range(bytes_per_element(json_body(true), NULL, false), 23, 28);
}

/* A million elements in 20 MB: they need 16 and little beside; the gradients take the predictions'
 * place. Holds in any build. */
static void a_budget_of_20_bytes_per_element_is_enough(void **state)
{
    (void)state;
    struct service service;
    struct client client;
    struct text body = {0};
    service_start(&service, (const char *const[]){"--max-memory", "20000000", NULL});
    client_init(&client, &service);
    text_request(&body, ELEMENTS, ",\"gradients\":[\"predictions\"]");
    response_expect_status(client_post(&client, body.bytes), 200);
    text_free(&body);
    client_free(&client);
    service_close(&service);
}

/* The bytes per line by which NDJSON raises the peak over the idle server. */
static size_t bytes_per_line(size_t lines, size_t elements)
{
    struct service service;
    struct client client;
    struct text line = {0};
    struct text body = {0};
    service_start(&service, NULL);
    client_init(&client, &service);
    client_expect(&client, good_body, good_response);
    size_t idle = memory_of(&service, "VmRSS");
    print_request(&line, elements, false);
    text_printf(&line, "\n");
    text_repeat(&body, line.bytes, lines);
    struct response response =
        client_send(&client, (struct request){.body = body.bytes,
                                              .length = body.length,
                                              .content_type = "application/x-ndjson"});
    assert_int_equal(response.status, 200);
    size_t peak = memory_of(&service, "VmHWM");
    print_message("%zu lines of %zu elements: idle %zu KB, peak %zu KB, %.1f bytes per line\n",
                  lines, elements, idle / 1024, peak / 1024, (double)(peak - idle) / (double)lines);
    response_free(&response);
    text_free(&line);
    text_free(&body);
    client_free(&client);
    service_close(&service);
    return (peak - idle) / lines;
}

static void lines_take_at_most_16_bytes_per_element_and_256_each(void **state)
{
    (void)state;
    if (service_is_sanitized()) skip();
    assert_in_range(bytes_per_line(200000, 1), 40, 256 + 16);
    assert_in_range(bytes_per_line(20000, 27), 8 * 27, 256 + 16 * 27);
    assert_in_range(bytes_per_line(500, 2000), 8 * 2000, 256 + 16 * 2000);
}

static void memory_goes_back_to_the_system(void **state)
{
    (void)state;
    if (service_is_sanitized()) skip();
    struct service service;
    struct client client;
    struct text body = {0};
    service_start(&service, NULL);
    client_init(&client, &service);
    text_request(&body, ELEMENTS, ",\"gradients\":[]");
    client_expect(&client, good_body, good_response);
    size_t idle = memory_of(&service, "RssAnon");
    for (int i = 0; i < 5; i++) client_expect(&client, body.bytes, "{\"loss\":1}");
    /* a small request on the same connection: the large one's memory was freed before it was
     * answered */
    client_expect(&client, good_body, good_response);
    size_t after = memory_of(&service, "RssAnon");
    print_message("idle %zu KB, after five million elements %zu KB\n", idle / 1024, after / 1024);
    assert_true(after < idle + 2 * 1024 * 1024);
    text_free(&body);
    client_free(&client);
    service_close(&service);
}

/* Posts a request and reads the beginning of its response only. */
static void read_nothing_of(struct wire *wire, const struct service *service,
                            const struct text *body)
{
    const int little = 8192;
    wire_connect(wire, service);
    setsockopt(wire->socket, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
    wire_print(wire, "POST /mse HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", body->length);
    wire_send(wire, body->bytes, body->length);
    wire_await(wire);
}

/* Their responses, of 10 MB each, are written as they are read: beside its numbers a request holds
 * the connection's pool of 64 KB and little more, wherever it stands. */
static void slow_readers_of_large_responses_cost_a_bounded_buffer(void **state)
{
    enum { READERS = 8, ELEMENTS_EACH = 250000, BESIDE_NUMBERS = 96 * 1024 };
    (void)state;
    struct service service;
    struct client client;
    struct wire wires[READERS];
    struct text body = {0};
    service_start(&service, (const char *const[]){"--threads", "1", NULL});
    client_init(&client, &service);
    client_expect(&client, good_body, good_response);
    size_t idle = memory_of(&service, "RssAnon");
    print_request(&body, ELEMENTS_EACH, false);
    for (int i = 0; i < READERS; i++) read_nothing_of(&wires[i], &service, &body);

    size_t held = memory_of(&service, "RssAnon") - idle; /* before the text of all metrics is */
    uint64_t numbers = client_metric(&client, "mse_tensor_memory_bytes");
    print_message("%d slow readers: %zu KB, %" PRIu64 " KB of them numbers\n", READERS, held / 1024,
                  numbers / 1024);
    assert_in_range(numbers, READERS * ELEMENTS_EACH * 16, READERS * ELEMENTS_EACH * 20);
    if (!service_is_sanitized()) assert_true(held <= numbers + (size_t)READERS * BESIDE_NUMBERS);
    client_expect(&client, good_body, good_response);

    for (int i = 0; i < READERS; i++) wire_abort(&wires[i]);
    while (client_metric(&client, "mse_tensor_memory_bytes") > 0)
        continue; /* until the server has seen them go */
    text_free(&body);
    client_free(&client);
    service_close(&service);
}

static void an_idle_server_takes_at_most_8_megabytes(void **state)
{
    (void)state;
    if (service_is_sanitized()) skip();
    struct service service;
    service_start(&service, NULL);
    size_t idle = memory_of(&service, "VmRSS");
    print_message("idle: %zu KB\n", idle / 1024);
    assert_true(idle <= (size_t)8 * 1024 * 1024);
    service_close(&service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_takes_at_most_20_bytes_per_element),
        cmocka_unit_test(a_weighted_request_takes_at_most_28_bytes_per_element),
        cmocka_unit_test(a_safetensors_request_takes_at_most_18_bytes_per_element),
        cmocka_unit_test(a_budget_of_20_bytes_per_element_is_enough),
        cmocka_unit_test(lines_take_at_most_16_bytes_per_element_and_256_each),
        cmocka_unit_test(memory_goes_back_to_the_system),
        cmocka_unit_test(slow_readers_of_large_responses_cost_a_bounded_buffer),
        cmocka_unit_test(an_idle_server_takes_at_most_8_megabytes),
    };
    return cmocka_run_group_tests_name("test_memory", tests, NULL, NULL);
}
