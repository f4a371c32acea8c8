/* options.c - command line and environment -> struct options. Every limit that can be set lives
 * here. */
#include "options.h"

#include "base/system.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <mse.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS_MAX     1024
#define CONNECTIONS_MAX 1000000

/* A number and what follows it; false where there is none or it is beyond uint64_t. */
static bool read_number(const char *text, uint64_t *number, const char **unit)
{
    char *end;
    if (!isdigit((unsigned char)*text)) return false;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    *number = value;
    *unit = end;
    return errno == 0;
}

/* Bytes, or with K, M or G powers of 1024. */
static bool read_size(const char *text, uint64_t *size)
{
    const char *unit;
    int shift = 0;
    if (!read_number(text, size, &unit)) return false;
    switch (*unit) {
    case 'K':
        shift = 10;
        break;
    case 'M':
        shift = 20;
        break;
    case 'G':
        shift = 30;
        break;
    case '\0':
        return *size > 0;
    default:
        return false;
    }
    if (unit[1] != '\0' || *size == 0 || *size > UINT64_MAX >> shift) return false;
    *size <<= shift;
    return true;
}

/* With its unit, ms, s or m, to milliseconds. */
static bool read_time(const char *text, unsigned *milliseconds)
{
    const char *unit;
    uint64_t number;
    uint64_t factor;
    if (!read_number(text, &number, &unit)) return false;
    if (strcmp(unit, "ms") == 0) {
        factor = 1;
    } else if (strcmp(unit, "s") == 0) {
        factor = 1000;
    } else if (strcmp(unit, "m") == 0) {
        factor = 60 * 1000;
    } else {
        return false;
    }
    if (number > INT_MAX / factor) return false;
    *milliseconds = (unsigned)(number * factor);
    return true;
}

static bool set_listen(struct options *options, const char *text)
{
    char host[INET6_ADDRSTRLEN + 2];
    const char *colon = strrchr(text, ':');
    const char *unit;
    uint64_t port;
    if (colon == NULL || (size_t)(colon - text) >= sizeof host) return false;
    if (!read_number(colon + 1, &port, &unit) || *unit != '\0' || port > 65535) return false;
    size_t length = (size_t)(colon - text);
    memcpy(host, text, length);
    host[length] = '\0';

    memset(&options->address, 0, sizeof options->address);
    if (length > 2 && host[0] == '[' && host[length - 1] == ']') {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&options->address;
        host[length - 1] = '\0';
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        options->address_length = sizeof *v6;
        return inet_pton(AF_INET6, host + 1, &v6->sin6_addr) == 1;
    }
    struct sockaddr_in *v4 = (struct sockaddr_in *)&options->address;
    v4->sin_family = AF_INET;
    v4->sin_port = htons((uint16_t)port);
    options->address_length = sizeof *v4;
    return inet_pton(AF_INET, host, &v4->sin_addr) == 1;
}

static bool set_threads(struct options *options, const char *text)
{
    const char *unit;
    uint64_t number;
    if (!read_number(text, &number, &unit) || *unit != '\0' || number < 1 || number > THREADS_MAX)
        return false;
    options->threads = (unsigned)number;
    return true;
}

static bool set_max_body(struct options *options, const char *text)
{
    return read_size(text, &options->max_body);
}

static bool set_max_memory(struct options *options, const char *text)
{
    return read_size(text, &options->max_memory);
}

static bool set_max_connections(struct options *options, const char *text)
{
    const char *unit;
    return read_number(text, &options->max_connections, &unit) && *unit == '\0' &&
           options->max_connections >= 1 && options->max_connections <= CONNECTIONS_MAX;
}

static bool set_request_timeout(struct options *options, const char *text)
{
    return read_time(text, &options->request_timeout) && options->request_timeout > 0;
}

static bool set_idle_timeout(struct options *options, const char *text)
{
    return read_time(text, &options->idle_timeout) && options->idle_timeout > 0;
}

static bool set_drain_timeout(struct options *options, const char *text)
{
    return read_time(text, &options->drain_timeout);
}

static bool set_file(const char **file, const char *text)
{
    *file = text;
    return *text != '\0';
}

static bool set_token_file(struct options *options, const char *text)
{
    return set_file(&options->token_file, text);
}

static bool set_tls_cert(struct options *options, const char *text)
{
    return set_file(&options->tls_cert, text);
}

static bool set_tls_key(struct options *options, const char *text)
{
    return set_file(&options->tls_key, text);
}

/* One origin or several, with spaces in between, as the environment has them. */
static bool set_allow_origin(struct options *options, const char *text)
{
    bool is_any = false;
    for (text += strspn(text, " "); *text != '\0'; text += strspn(text, " ")) {
        size_t length = strcspn(text, " ");
        if (!cors_add(&options->cors, text, length)) return false;
        is_any = true;
        text += length;
    }
    return is_any;
}

static bool set_switch(bool *is_on, const char *text)
{
    *is_on = strcmp(text, "on") == 0;
    return *is_on || strcmp(text, "off") == 0;
}

static bool set_compress(struct options *options, const char *text)
{
    return set_switch(&options->compress, text);
}

static bool set_access_log(struct options *options, const char *text)
{
    return set_switch(&options->access_log, text);
}

static bool set_allow_old_library(struct options *options, const char *text)
{
    return set_switch(&options->allow_old_library, text);
}

static bool set_log_format(struct options *options, const char *text)
{
    options->log_format = strcmp(text, "json") == 0 ? LOG_JSON : LOG_TEXT;
    return options->log_format == LOG_JSON || strcmp(text, "text") == 0;
}

/* One row per option that has an environment variable: what --help prints and what the value is
 * held against. */
static const struct option_row {
    const char *name;
    const char *value;    /* what stands for it in --help; NULL: the command line takes none, which
                             means "on" */
    const char *standard; /* what --help names as the default; a value in its own right where
                             initial is set */
    bool initial;
    const char *meaning;
    const char *wanted; /* completes "--name requires ..." */
    bool (*set)(struct options *options, const char *text);
} rows[] = {
    {"listen", "ADDRESS:PORT", "127.0.0.1:8080", true, "where to listen; port 0 picks a free one",
     "an IPv4 address or an IPv6 address in brackets, a colon, and a port from 0 to 65535",
     set_listen},
    {"threads", "N", "one per core", false, "event loops", "a whole number from 1 to 1024",
     set_threads},
    {"max-body", "SIZE", "256M", true, "largest body of a request; past it 413",
     "a size above 0 such as 1048576, 64K, 256M or 2G", set_max_body},
    {"max-memory", "SIZE", "half of memory", false, "numbers of all requests together; past it 503",
     "a size above 0 such as 1048576, 64K, 256M or 2G", set_max_memory},
    {"max-connections", "N", "10000", true, "connections served at once; past it 503",
     "a whole number from 1 to 1000000", set_max_connections},
    {"request-timeout", "TIME", "60s", true,
     "from the first line of a request to its last byte; past it 408",
     "a time above 0 with its unit, such as 500ms, 30s or 2m", set_request_timeout},
    {"idle-timeout", "TIME", "75s", true,
     "a connection without a request, or on which nothing moves; past it closed",
     "a time above 0 with its unit, such as 500ms, 30s or 2m", set_idle_timeout},
    {"drain-timeout", "TIME", "30s", true, "longest wait for requests in flight after SIGTERM",
     "a time with its unit, such as 500ms, 30s or 2m", set_drain_timeout},
    {"token-file", "FILE", "none", false,
     "bearer tokens for /mse and /metrics, one per line; without one 401", "a file",
     set_token_file},
    {"tls-cert", "FILE", "none", false,
     "the server's certificate and its chain, PEM: enables HTTPS", "a file", set_tls_cert},
    {"tls-key", "FILE", "none", false, "the certificate's key, PEM", "a file", set_tls_key},
    {"allow-origin", "ORIGIN", "none", false,
     "pages of this origin, or of any (*), may call from a browser; may be repeated",
     "an origin such as https://example.org, or *, up to 16 of them", set_allow_origin},
    {"compress", NULL, "off", true, "compress responses where the client asks", "on or off",
     set_compress},
    {"allow-old-libmicrohttpd", NULL, "off", true,
     "listen beyond loopback with libmicrohttpd < 1.0", "on or off", set_allow_old_library},
    {"access-log", NULL, "off", true, "one line per request on standard error", "on or off",
     set_access_log},
    {"log-format", "FORMAT", "text", true, "text, or json: one object per line", "text or json",
     set_log_format},
};

enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

/* What getopt_long returns for an option; no letter's code, which it would tell of a letter. */
enum { ROW = 1000, CHECK = ROW + ROW_COUNT, HELP, VERSION };

static void print_help(void)
{
    printf("Usage: mse-server [OPTION]...\n"
           "Serves POST /mse: JSON arrays of predictions and targets in, the mean squared error "
           "and its gradients "
           "out.\n\n");
    for (size_t i = 0; i < ROW_COUNT; i++) {
        char flag[40];
        snprintf(flag, sizeof flag, "--%s %s", rows[i].name,
                 rows[i].value != NULL ? rows[i].value : "");
        printf("  %-24s %s (%s)\n", flag, rows[i].meaning, rows[i].standard);
    }
    printf("  %-24s %s\n", "--check",
           "ask the server at --listen whether it is ready; exit status 0 or 1");
    printf("  %-24s %s\n", "--help", "print this help");
    printf("  %-24s %s\n", "--version", "print the version");
    printf(
        "\nSizes take K, M or G (powers of 1024), durations ms, s or m. Every option down to\n"
        "--log-format has an environment variable, MSE_MAX_BODY for --max-body; the command line\n"
        "wins. SIGTERM and SIGINT drain and stop; SIGHUP reloads the files of tokens and TLS.\n");
}

/* Says what is wrong, in one line whatever the words hold. */
__attribute__((format(printf, 1, 2))) static void complain(const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    for (char *p = line; *p != '\0'; p++) *p = iscntrl((unsigned char)*p) ? '?' : *p;
    fprintf(stderr, "mse-server: %s\n", line);
}

/* MSE_MAX_BODY for max-body; NULL where it is not set, or empty. */
static const char *from_environment(const char *name, char *variable, size_t size)
{
    snprintf(variable, size, "MSE_%s", name);
    for (char *p = variable; *p != '\0'; p++)
        *p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
    const char *value = getenv(variable);
    return value != NULL && *value != '\0' ? value : NULL;
}

/* Defaults first, then the environment; the command line comes after both. */
static bool read_environment(struct options *options)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        char variable[64];
        if (rows[i].initial) rows[i].set(options, rows[i].standard);
        const char *value = from_environment(rows[i].name, variable, sizeof variable);
        if (value != NULL && !rows[i].set(options, value)) {
            complain("%s requires %s, not \"%s\"", variable, rows[i].wanted, value);
            return false;
        }
    }
    return true;
}

/* A word that getopt_long does not take. */
static void complain_of_word(int chosen, char **argv)
{
    if (chosen == ':') {
        complain("--%s requires %s", rows[optopt - ROW].name, rows[optopt - ROW].wanted);
    } else if (optopt >= ROW) {
        complain("option \"%s\" takes no value", argv[optind - 1]);
    } else if (optopt != 0) {
        complain("unknown option \"-%c\"; see --help", optopt);
    } else {
        complain("unknown option \"%s\"; see --help", argv[optind - 1]);
    }
}

enum options_status options_read(struct options *options, int argc, char **argv)
{
    struct option long_options[ROW_COUNT + 4] = {{0}};
    for (int i = 0; i < ROW_COUNT; i++) {
        int argument = rows[i].value != NULL ? required_argument : no_argument;
        long_options[i] = (struct option){rows[i].name, argument, NULL, ROW + i};
    }
    long_options[ROW_COUNT] = (struct option){"check", no_argument, NULL, CHECK};
    long_options[ROW_COUNT + 1] = (struct option){"help", no_argument, NULL, HELP};
    long_options[ROW_COUNT + 2] = (struct option){"version", no_argument, NULL, VERSION};

    *options = (struct options){.threads = system_cores(), .max_memory = system_memory() / 2};
    if (!read_environment(options)) return OPTIONS_BAD;

    int chosen;
    bool has_origins = false;
    while ((chosen = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
        if (chosen == HELP) {
            print_help();
            return OPTIONS_ANSWERED;
        }
        if (chosen == VERSION) {
            printf("mse-server %s\n", mse_version());
            return OPTIONS_ANSWERED;
        }
        if (chosen == CHECK) {
            options->check = true;
            continue;
        }
        if (chosen < ROW) {
            complain_of_word(chosen, argv);
            return OPTIONS_BAD;
        }
        const struct option_row *row = &rows[chosen - ROW];
        if (row->set == set_allow_origin && !has_origins) {
            options->cors.count = 0; /* the command line wins over the environment */
            has_origins = true;
        }
        if (!row->set(options, optarg != NULL ? optarg : "on")) {
            complain("--%s requires %s, not \"%s\"", row->name, row->wanted, optarg);
            return OPTIONS_BAD;
        }
    }
    if ((options->tls_cert == NULL) != (options->tls_key == NULL)) {
        complain("--tls-cert and --tls-key must be given together; --tls-%s is missing",
                 options->tls_cert == NULL ? "cert" : "key");
        return OPTIONS_BAD;
    }
    if (optind < argc) {
        complain("unknown option \"%s\"; see --help", argv[optind]);
        return OPTIONS_BAD;
    }
    return OPTIONS_OK;
}
