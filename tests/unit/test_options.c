/* test_options.c - options as operators write them, in every place where they may stand. */
#include "options.h"

#include "base/system.h"
#include "support/caught.h"

#include <getopt.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *said; /* on standard error, by the last read_one */

/* Reads options from one word of the command line, or from none. */
static enum options_status read_one(struct options *options, const char *word)
{
    char name[] = "mse-server";
    char argument[256] = "";
    if (word != NULL) snprintf(argument, sizeof argument, "%s", word);
    char *argv[] = {name, word != NULL ? argument : NULL, NULL};

    optind = 0; /* glibc: begin anew */
    caught_begin();
    enum options_status status = options_read(options, word != NULL ? 2 : 1, argv);
    said = caught_end();
    return status;
}

static void nothing_needs_to_be_configured(void **state)
{
    struct options options;
    (void)state;
    assert_int_equal(read_one(&options, NULL), OPTIONS_OK);
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&options.address;
    assert_int_equal(v4->sin_family, AF_INET);
    assert_int_equal(ntohl(v4->sin_addr.s_addr), INADDR_LOOPBACK);
    assert_int_equal(ntohs(v4->sin_port), 8080);
    assert_int_equal(options.threads, system_cores());
    assert_int_equal(options.max_body, 256 << 20);
    assert_int_equal(options.max_memory, system_memory() / 2);
    assert_int_equal(options.max_connections, 10000);
    assert_int_equal(options.request_timeout, 60000);
    assert_int_equal(options.idle_timeout, 75000);
    assert_int_equal(options.drain_timeout, 30000);
    assert_false(options.check);
    assert_null(options.token_file);
    assert_null(options.tls_cert);
    assert_null(options.tls_key);
}

static void sizes_take_powers_of_1024(void **state)
{
    struct options options;
    (void)state;
    assert_int_equal(read_one(&options, "--max-body=1000"), OPTIONS_OK);
    assert_int_equal(options.max_body, 1000);
    assert_int_equal(read_one(&options, "--max-body=3K"), OPTIONS_OK);
    assert_int_equal(options.max_body, 3 * 1024);
    assert_int_equal(read_one(&options, "--max-memory=5M"), OPTIONS_OK);
    assert_int_equal(options.max_memory, 5 * 1024 * 1024);
    assert_int_equal(read_one(&options, "--max-memory=17179869183G"), OPTIONS_OK);
    assert_int_equal(options.max_memory, UINT64_C(17179869183) << 30);
}

static void times_take_their_unit(void **state)
{
    struct options options;
    (void)state;
    assert_int_equal(read_one(&options, "--drain-timeout=250ms"), OPTIONS_OK);
    assert_int_equal(options.drain_timeout, 250);
    assert_int_equal(read_one(&options, "--drain-timeout=7s"), OPTIONS_OK);
    assert_int_equal(options.drain_timeout, 7000);
    assert_int_equal(read_one(&options, "--drain-timeout=2m"), OPTIONS_OK);
    assert_int_equal(options.drain_timeout, 120000);
}

static void addresses_are_ipv4_or_bracketed_ipv6(void **state)
{
    struct options options;
    (void)state;
    assert_int_equal(read_one(&options, "--listen=0.0.0.0:0"), OPTIONS_OK);
    assert_int_equal(options.address.ss_family, AF_INET);
    assert_int_equal(read_one(&options, "--listen=[::1]:65535"), OPTIONS_OK);
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&options.address;
    assert_int_equal(v6->sin6_family, AF_INET6);
    assert_true(IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr));
    assert_int_equal(ntohs(v6->sin6_port), 65535);
}

static void a_bad_value_is_named_in_one_line(void **state)
{
    static const char *const rows[][2] = {
        {"--listen=8080", "--listen"},
        {"--listen=localhost:80", "--listen"},
        {"--listen=127.0.0.1:", "--listen"},
        {"--listen=127.0.0.1:65536", "--listen"},
        {"--listen=127.0.0.1:-1", "--listen"},
        {"--listen=127.0.0.1:80x", "--listen"},
        {"--listen=::1:80", "--listen"},
        {"--listen=[::1]", "--listen"},
        {"--listen=[1.2.3.4]:80", "--listen"},
        {"--listen=", "--listen"},
        {"--threads=0", "--threads"},
        {"--threads=-1", "--threads"},
        {"--threads=1025", "--threads"},
        {"--threads=2.5", "--threads"},
        {"--threads= 2", "--threads"},
        {"--max-body=0", "--max-body"},
        {"--max-body=1k", "--max-body"},
        {"--max-body=1KB", "--max-body"},
        {"--max-body=-5", "--max-body"},
        {"--max-body=99999999999999999999", "--max-body"},
        {"--max-body=17179869184G", "--max-body"},
        {"--max-memory=lots", "--max-memory"},
        {"--max-connections=0", "--max-connections"},
        {"--max-connections=1000001", "--max-connections"},
        {"--max-connections=1K", "--max-connections"},
        {"--request-timeout=0s", "--request-timeout"},
        {"--idle-timeout=0ms", "--idle-timeout"},
        {"--drain-timeout=30", "--drain-timeout"},
        {"--drain-timeout=3h", "--drain-timeout"},
        {"--drain-timeout=2147484s", "--drain-timeout"},
        {"--token-file=", "--token-file"},
        {"--tls-cert=", "--tls-cert"},
        {"--tls-key=", "--tls-key"},
        {"--tls-cert=a", "--tls-key is missing"},
        {"--tls-key=a", "--tls-cert is missing"},
        {"--no-such-option", "--no-such-option"},
        {"--no-such-option=1", "--no-such-option"},
        {"--max=1", "--max"},
        {"--check=1", "--check"},
        {"-x", "-x"},
        {"-\xC3\xA9", "-\xC3"},
        {"--max-body=1\n2", "--max-body"},
        {"stray\r\nword", "stray"},
        {"--threads", "--threads"},
        {"stray", "stray"},
    };
    struct options options;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (read_one(&options, rows[i][0]) != OPTIONS_BAD) fail_msg("%s was taken", rows[i][0]);
        if (strstr(said, rows[i][1]) == NULL) fail_msg("%s: \"%s\"", rows[i][0], said);
        const char *newline = strchr(said, '\n');
        if (newline == NULL || newline[1] != '\0')
            fail_msg("%s: not one line: \"%s\"", rows[i][0], said);
    }
}

static void the_environment_stands_in_for_the_command_line(void **state)
{
    struct options options;
    (void)state;
    setenv("MSE_MAX_BODY", "7K", 1);
    assert_int_equal(read_one(&options, NULL), OPTIONS_OK);
    assert_int_equal(options.max_body, 7 * 1024);
    assert_int_equal(read_one(&options, "--max-body=8K"), OPTIONS_OK);
    assert_int_equal(options.max_body, 8 * 1024);

    setenv("MSE_MAX_BODY", "", 1);
    assert_int_equal(read_one(&options, NULL), OPTIONS_OK);
    assert_int_equal(options.max_body, 256 << 20);

    setenv("MSE_MAX_BODY", "huge", 1);
    assert_int_equal(read_one(&options, NULL), OPTIONS_BAD);
    assert_non_null(strstr(said, "MSE_MAX_BODY"));
    unsetenv("MSE_MAX_BODY");
}

static void files_are_named_on_the_command_line_or_in_the_environment(void **state)
{
    struct options options;
    (void)state;
    setenv("MSE_TLS_CERT", "cert.pem", 1);
    assert_int_equal(read_one(&options, "--tls-key=key.pem"), OPTIONS_OK);
    assert_string_equal(options.tls_cert, "cert.pem");
    assert_string_equal(options.tls_key, "key.pem");
    assert_null(options.token_file);
    unsetenv("MSE_TLS_CERT");
    setenv("MSE_TOKEN_FILE", "tokens", 1);
    assert_int_equal(read_one(&options, NULL), OPTIONS_OK);
    assert_string_equal(options.token_file, "tokens");
    assert_int_equal(read_one(&options, "--token-file=others"), OPTIONS_OK);
    assert_string_equal(options.token_file, "others");
    unsetenv("MSE_TOKEN_FILE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_needs_to_be_configured),
        cmocka_unit_test(sizes_take_powers_of_1024),
        cmocka_unit_test(times_take_their_unit),
        cmocka_unit_test(addresses_are_ipv4_or_bracketed_ipv6),
        cmocka_unit_test(a_bad_value_is_named_in_one_line),
        cmocka_unit_test(the_environment_stands_in_for_the_command_line),
        cmocka_unit_test(files_are_named_on_the_command_line_or_in_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
