/* test_faults.c - the server while memory, descriptors or sockets fail under it: every client gets
 * a whole response, or a closed connection; the server goes on, and stops as it should. $MSE_FAULTS
 * names the library that makes them fail. */
#include "support/client.h"
#include "support/cmocka_all.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>

static int connect_to(const struct service *service)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(service->port))};
    inet_pton(AF_INET, service->host, &address.sin_addr);
    int line = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(line >= 0);
    assert_int_equal(connect(line, (const struct sockaddr *)&address, sizeof address), 0);
    return line;
}

/* Posts a body on a connection of its own; what comes back is in response, to the end of the
 * connection. */
static void post(const struct service *service, const struct text *body, struct text *expected)
{
    char piece[65536];
    struct text request = {0};
    int line = connect_to(service);
    text_printf(&request,
                "POST /mse HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
                body->length);
    text_append(&request, body->bytes, body->length);
    for (size_t sent = 0; sent < request.length;) {
        ssize_t taken = send(line, request.bytes + sent, request.length - sent, MSG_NOSIGNAL);
        if (taken <= 0) break; /* refused early */
        sent += (size_t)taken;
    }
    expected->length = 0;
    struct pollfd event = {.fd = line, .events = POLLIN};
    for (;;) {
        if (poll(&event, 1, 60000) != 1) fail_msg("no end of the connection within a minute");
        ssize_t length = recv(line, piece, sizeof piece, 0);
        if (length <= 0) break;
        text_append(expected, piece, (size_t)length);
    }
    close(line);
    text_free(&request);
}

static void print_body(struct text *body, size_t elements)
{
    for (int member = 0; member < 2; member++) {
        text_printf(body, member == 0 ? "{\"predictions\":[0.1" : "],\"targets\":[0.7");
        text_repeat(body, ",0.3", elements - 1);
    }
    text_printf(body, "]}");
}

/* Starts a server in which every n-th call of a kind fails and posts a body many times. Where they
 * fail seldom enough, some are answered. */
static void post_under(const char *faults, size_t elements, int times, bool may_succeed)
{
    struct service service;
    struct text body = {0};
    struct text expected = {0};
    int answered = 0;
    print_body(&body, elements);
    setenv("FAULTS", faults, 1);
    setenv("LD_PRELOAD", getenv("MSE_FAULTS"), 1);
    service_start(&service, (const char *const[]){"--threads", "2", NULL});
    unsetenv("LD_PRELOAD");
    for (int i = 0; i < times; i++) {
        unsigned status;
        post(&service, &body, &expected);
        if (expected.length == 0 || sscanf(expected.bytes, "HTTP/1.1 %u ", &status) != 1) continue;
        if (status != 200 && status != 503) fail_msg("%s: %s", faults, expected.bytes);
        answered += status == 200;
    }
    if (may_succeed) assert_in_range(answered, 1, times);
    service_close(&service);
    text_free(&body);
    text_free(&expected);
}

/* Primes, so that another allocation of a request fails each time; the first are fewer than a
 * request makes. */
static void the_server_outlives_memory_that_fails(void **state)
{
    static const unsigned every[] = {2, 5, 13, 71, 97, 131};
    (void)state;
    for (size_t i = 0; i < sizeof every / sizeof every[0]; i++) {
        char faults[32];
        bool may_succeed = every[i] > 50;
        snprintf(faults, sizeof faults, "memory %u", every[i]);
        post_under(faults, 3, 60, may_succeed);
        post_under(faults, 5000, 30, may_succeed);
    }
}

/* Bodies too large for the address space are refused; smaller ones are answered before, between
 * and after them. */
static void the_server_outlives_an_address_space_that_is_spent(void **state)
{
    struct service service;
    struct rlimit all;
    struct rlimit little;
    struct text bodies[2] = {{0}, {0}};
    struct text expected = {0};
    (void)state;
    print_body(&bodies[0], 3);
    print_body(&bodies[1], 8000000);
    assert_int_equal(getrlimit(RLIMIT_AS, &all), 0);
    little = (struct rlimit){.rlim_cur = 160 << 20, .rlim_max = all.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_AS, &little), 0);
    service_start(&service, (const char *const[]){"--threads", "1", NULL});
    assert_int_equal(setrlimit(RLIMIT_AS, &all), 0);
    for (int i = 0; i < 5; i++) {
        unsigned status = 0;
        post(&service, &bodies[i % 2], &expected);
        sscanf(expected.bytes, "HTTP/1.1 %u ", &status);
        assert_int_equal(status, i % 2 == 0 ? 200 : 503);
    }
    service_close(&service);
    text_free(&bodies[0]);
    text_free(&bodies[1]);
    text_free(&expected);
}

static void the_server_outlives_descriptors_that_run_out(void **state)
{
    (void)state;
    post_under("accept 2", 3, 20, true);
    post_under("accept 3", 3, 20, true);
}

static void the_server_outlives_sockets_that_fail(void **state)
{
    (void)state;
    post_under("send 2", 3, 50, true);
    post_under("send 3", 20000, 50, true);
    post_under("send 7", 50000, 30, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_server_outlives_memory_that_fails),
        cmocka_unit_test(the_server_outlives_an_address_space_that_is_spent),
        cmocka_unit_test(the_server_outlives_descriptors_that_run_out),
        cmocka_unit_test(the_server_outlives_sockets_that_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
