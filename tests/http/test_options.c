/* test_options.c - the command line and the environment. Starts servers of its own. */
#include "support/client.h"
#include "support/cmocka_all.h"
#include "support/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ROOM 8192

static char out[ROOM];
static char error[ROOM];

static int run(const char *const *arguments)
{
    return service_run(arguments, out, error, ROOM);
}

static void expect_one_line(const char *text)
{
    const char *end = strchr(text, '\n');
    if (!end || end[1]) fail_msg("not one line: \"%s\"", text);
}

static void help_names_every_option(void **state)
{
    (void)state;
    static const char *const names[] = {"--listen",     "--threads",       "--max-body",
                                        "--max-memory", "--drain-timeout", "--check",
                                        "--help",       "--version"};
    assert_int_equal(run((const char *const[]){"--help", NULL}), 0);
    for (size_t i = 0; i < COUNT(names); i++)
        if (!strstr(out, names[i])) fail_msg("%s is missing:\n%s", names[i], out);
    assert_string_equal(error, "");
}

static void version_is_printed(void **state)
{
    (void)state;
    assert_int_equal(run((const char *const[]){"--version", NULL}), 0);
    expect_one_line(out);
    int major, minor, patch;
    assert_int_equal(sscanf(out, "mse-server %d.%d.%d\n", &major, &minor, &patch), 3);
    assert_string_equal(error, "");
}

static void a_bad_option_is_one_line_that_names_it_and_status_2(void **state)
{
    (void)state;
    static const struct {
        const char *arguments[3];
        const char *named;
    } rows[] = {
        {{"--bogus"}, "bogus"},       {{"extra"}, "extra"},
        {{"--listen"}, "listen"},     {{"--listen", ""}, "listen"},
        {{"--threads=0"}, "threads"}, {{"--max-body", "1 K"}, "max-body"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int status = run(rows[i].arguments);
        if (status != 2)
            fail_msg("%s %s: status %d", rows[i].arguments[0], rows[i].arguments[1], status);
        expect_one_line(error);
        if (!strstr(error, rows[i].named)) fail_msg("%s is not named: %s", rows[i].named, error);
        assert_string_equal(out, "");
    }
}

static void expect_service(const char *const *options)
{
    struct service service;
    struct client client;
    service_start(&service, options);
    client_init(&client, &service);
    client_expect(&client, good_body, good_response);
    client_free(&client);
    service_close(&service);
}

static void options_in_range_start_a_server(void **state)
{
    (void)state;
    expect_service((const char *const[]){"--threads", "1", NULL});
    expect_service(
        (const char *const[]){"--threads", "7", "--max-body", "1G", "--max-memory", "1M", NULL});
    expect_service((const char *const[]){"--drain-timeout", "0ms", NULL});
    expect_service((const char *const[]){"--drain-timeout", "2m", "--max-body", "49", NULL});
    expect_service((const char *const[]){"--listen", "127.0.0.2:0", NULL});
}

/* Whether the server runs on a libmicrohttpd below 1.0, as it says itself. */
static bool has_old_library(void)
{
    struct service service;
    struct client client;
    service_start(&service, NULL);
    client_init(&client, &service);
    struct response metrics = client_send(&client, (struct request){.path = "/metrics"});
    bool is_old = strstr(metrics.body.bytes, ",libmicrohttpd=\"0.") != NULL;
    response_free(&metrics);
    client_free(&client);
    service_close(&service);
    return is_old;
}

static void an_old_libmicrohttpd_is_kept_to_loopback_unless_told_otherwise(void **state)
{
    static const char *const everywhere[] = {"--listen", "0.0.0.0:0", NULL};
    (void)state;
    struct service service;
    if (has_old_library()) {
        assert_int_equal(service_run(everywhere, out, error, sizeof out), 2);
        assert_non_null(strstr(error, "see --allow-old-libmicrohttpd"));
        service_start(&service, (const char *const[]){"--listen", "127.3.2.1:0", NULL});
        service_await_line(&service, "warning: libmicrohttpd 0.");
        service_close(&service);
    } else {
        service_start(&service, everywhere);
        service_close(&service);
    }
    expect_service(
        (const char *const[]){"--listen", "0.0.0.0:0", "--allow-old-libmicrohttpd", NULL});
}

static void ipv6_is_served_where_the_machine_has_it(void **state)
{
    (void)state;
    if (access("/proc/net/if_inet6", R_OK) != 0) skip();
    struct service service;
    struct client client;
    service_start(&service, (const char *const[]){"--listen", "[::1]:0", NULL});
    assert_string_equal(service.host, "::1");
    client_init(&client, &service);
    client_expect(&client, good_body, good_response);
    client_free(&client);
    service_close(&service);
}

static void a_port_in_use_is_reported_in_one_line(void **state)
{
    (void)state;
    struct service service;
    char address[128];
    service_start(&service, NULL);
    snprintf(address, sizeof address, "%s:%s", service.host, service.port);
    int status = run((const char *const[]){"--listen", address, NULL});
    assert_int_equal(status, 1);
    expect_one_line(error);
    assert_non_null(strstr(error, "--listen"));
    assert_non_null(strstr(error, address));
    service_close(&service);
}

static void check_tells_a_live_server_from_a_dead_one(void **state)
{
    (void)state;
    struct service service;
    char address[128];
    service_start(&service, NULL);
    snprintf(address, sizeof address, "%s:%s", service.host, service.port);
    for (int i = 0; i < 3; i++)
        assert_int_equal(run((const char *const[]){"--check", "--listen", address, NULL}), 0);
    setenv("MSE_LISTEN", address, 1); /* as in a container, where HEALTHCHECK has no arguments */
    assert_int_equal(run((const char *const[]){"--check", NULL}), 0);
    unsetenv("MSE_LISTEN");
    service_close(&service);
    assert_int_equal(run((const char *const[]){"--check", "--listen", address, NULL}), 1);
}

static void closed_standard_descriptors_become_no_sockets(void **state)
{
    (void)state;
    struct service service;
    struct wire wire;
    service_start_closed(&service);
    for (int i = 0; !wire_try_connect(&wire, &service); i++) {
        assert_true(i < 1000);
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
    }
    wire_post(&wire, "", good_body);
    response_expect(wire_response(&wire, false), good_response);
    for (int descriptor = 0; descriptor <= STDERR_FILENO; descriptor++) {
        char name[64], target[64] = "";
        snprintf(name, sizeof name, "/proc/%d/fd/%d", (int)service.pid, descriptor);
        assert_true(readlink(name, target, sizeof target - 1) > 0);
        assert_string_equal(target, "/dev/null");
    }
    service_close(&service);
    assert_true(wire_is_closed(&wire));
    wire_close(&wire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_names_every_option),
        cmocka_unit_test(version_is_printed),
        cmocka_unit_test(a_bad_option_is_one_line_that_names_it_and_status_2),
        cmocka_unit_test(options_in_range_start_a_server),
        cmocka_unit_test(an_old_libmicrohttpd_is_kept_to_loopback_unless_told_otherwise),
        cmocka_unit_test(ipv6_is_served_where_the_machine_has_it),
        cmocka_unit_test(a_port_in_use_is_reported_in_one_line),
        cmocka_unit_test(check_tells_a_live_server_from_a_dead_one),
        cmocka_unit_test(closed_standard_descriptors_become_no_sockets),
    };
    return cmocka_run_group_tests_name("test_options", tests, NULL, NULL);
}
