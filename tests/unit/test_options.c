/* test_options.c - options as operators write them, in every place where they may stand. */
#include "options.h"

#include "base/system.h"
#include "support/caught.h"
#include "support/cmocka_all.h"

#include <getopt.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void numbers_take_their_unit_up_to_their_bounds(void **state)
{
    static const struct {
        const char *word;
        uint64_t value;
    } rows[] = {
        {"--threads=1", 1},
        {"--threads=1024", 1024},
        {"--max-body=1", 1},
        {"--max-body=1000", 1000},
        {"--max-body=3K", 3 << 10},
        {"--max-body=18446744073709551615", UINT64_MAX},
        {"--max-memory=5M", 5 << 20},
        {"--max-memory=17179869183G", UINT64_C(17179869183) << 30},
        {"--max-connections=1", 1},
        {"--max-connections=1000000", 1000000},
        {"--request-timeout=1ms", 1},
        {"--request-timeout=2147483647ms", INT32_MAX},
        {"--idle-timeout=7s", 7000},
        {"--drain-timeout=0s", 0},
        {"--drain-timeout=250ms", 250},
        {"--drain-timeout=2m", 120000},
    };
    struct options options;
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (read_one(&options, rows[i].word) != OPTIONS_OK) fail_msg("%s: %s", rows[i].word, said);
        const struct {
            const char *name;
            uint64_t value;
        } numbers[] = {{"--threads", options.threads},
                       {"--max-body", options.max_body},
                       {"--max-memory", options.max_memory},
                       {"--max-connections", options.max_connections},
                       {"--request-timeout", options.request_timeout},
                       {"--idle-timeout", options.idle_timeout},
                       {"--drain-timeout", options.drain_timeout}};
        size_t k = 0;
        while (strncmp(rows[i].word, numbers[k].name, strlen(numbers[k].name)) != 0) k++;
        assert_int_equal(numbers[k].value, rows[i].value);
    }
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

/* The log must have one line, which holds what is wanted. */
static void expect_refusal(const char *word, const char *wanted)
{
    struct options options;
    if (read_one(&options, word) != OPTIONS_BAD) fail_msg("%s is accepted", word);
    if (strstr(said, wanted) == NULL) fail_msg("no \"%s\" in \"%s\"", wanted, said);
    const char *newline = strchr(said, '\n');
    if (newline == NULL || newline[1] != '\0') fail_msg("not one line: \"%s\"", said);
}

static void a_bad_value_is_named_in_one_line(void **state)
{
    static const struct {
        const char *option, *values[18];
    } rows[] = {
        {"--listen",
         {"", "8080", "localhost:80", "127.0.0.1", ":8080", "127.0.0.1:", "127.0.0.1:65536",
          "127.0.0.1:-1", "127.0.0.1:80x", "127.0.0:1:80", "256.0.0.1:80", "::1:80", "[::1]",
          "[1.2.3.4]:80"}},
        {"--threads", {"0", "-1", "1025", "two", "2.5", " 2", "99999999999999999999"}},
        {"--max-body",
         {"", "0", "-5", "+1", "0x10", "1k", "1X", "1KB", "K", "1 K", "1.5M", "1\n2",
          "18446744073709551616", "99999999999999999999", "17179869184G"}},
        {"--max-memory", {"lots", "0"}},
        {"--max-connections", {"0", "1000001", "1K"}},
        {"--request-timeout", {"0s"}},
        {"--idle-timeout", {"0ms"}},
        {"--drain-timeout", {"30", "3h", "s", "-1s", "2147484s", "99999999999999999999s"}},
        {"--token-file", {""}},
        {"--tls-cert", {""}},
        {"--tls-key", {""}},
        {"--check", {"1"}},
        {"--no-such-option", {"1"}},
        {"--max", {"1"}},
    };
    static const char *const others[][2] = {
        {"--tls-cert=a", "--tls-key is missing"},
        {"--tls-key=a", "--tls-cert is missing"},
        {"--no-such-option", "--no-such-option"},
        {"-x", "-x"},
        {"-\xC3\xA9", "-\xC3"},
        {"--threads", "--threads"},
        {"stray", "stray"},
        {"stray\r\nword", "stray"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t k = 0; rows[i].values[k] != NULL; k++) {
            char word[64];
            snprintf(word, sizeof word, "%s=%s", rows[i].option, rows[i].values[k]);
            expect_refusal(word, rows[i].option);
        }
    }
    for (size_t i = 0; i < COUNT(others); i++) expect_refusal(others[i][0], others[i][1]);
}

static void a_bad_variable_is_named_in_one_line(void **state)
{
    static const char *const rows[][2] = {
        {"MSE_LISTEN", "nowhere"}, {"MSE_THREADS", "0"},        {"MSE_MAX_BODY", "huge"},
        {"MSE_MAX_MEMORY", "-1"},  {"MSE_DRAIN_TIMEOUT", "30"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        setenv(rows[i][0], rows[i][1], 1);
        expect_refusal(NULL, rows[i][0]);
        unsetenv(rows[i][0]);
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

static void origins_add_up_and_the_command_line_wins(void **state)
{
    struct options options;
    (void)state;
    setenv("MSE_ALLOW_ORIGIN", "https://a.example  http://b.example:8080", 1);
    assert_int_equal(read_one(&options, NULL), OPTIONS_OK);
    assert_int_equal(options.cors.count, 2);
    assert_string_equal(options.cors.origins[1], "http://b.example:8080");
    assert_int_equal(read_one(&options, "--allow-origin=http://[::1]:3000"), OPTIONS_OK);
    assert_int_equal(options.cors.count, 1);
    assert_string_equal(options.cors.origins[0], "http://[::1]:3000");
    unsetenv("MSE_ALLOW_ORIGIN");
    static const char *const bad[] = {"",           "example.org",           "https://",
                                      "https://A",  "https://a.example/",    "://a.example",
                                      "https:/a.b", "https://a.example/x y", "null"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char word[80];
        snprintf(word, sizeof word, "--allow-origin=%s", bad[i]);
        if (read_one(&options, word) != OPTIONS_BAD) fail_msg("%s was taken", word);
        assert_non_null(strstr(said, "--allow-origin requires an origin"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_needs_to_be_configured),
        cmocka_unit_test(numbers_take_their_unit_up_to_their_bounds),
        cmocka_unit_test(addresses_are_ipv4_or_bracketed_ipv6),
        cmocka_unit_test(a_bad_value_is_named_in_one_line),
        cmocka_unit_test(a_bad_variable_is_named_in_one_line),
        cmocka_unit_test(the_environment_stands_in_for_the_command_line),
        cmocka_unit_test(files_are_named_on_the_command_line_or_in_the_environment),
        cmocka_unit_test(origins_add_up_and_the_command_line_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
