/* fuzz_options.c - command line and environment -> options. What is accepted must be within the
 * documented bounds and, where words can be read one by one, what those words say; what is refused
 * must be told in one line that names it.
 *
 * A line of the text is a variable of the environment where it begins with MSE_, and else a word of
 * the command line. A vertical tab in it stands for a line feed. */
#include "input.h"
#include "said.h"

#include "base/address.h"
#include "options.h"

#include <ctype.h>
#include <getopt.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX 64

extern char **environ;

static struct said output, errors;

/* ---- the text -> words */

struct words {
    char *text; /* of all */
    int count;
    char *list[WORDS_MAX + 1];
};

static bool is_variable(const char *line)
{
    return strncmp(line, "MSE_", 4) == 0 && strchr(line, '=') != NULL;
}

static struct words words_of(const struct input *input)
{
    static char program[] = "mse-server";
    struct words words = {
        .text = strndup(input->text, input->length), .count = 1, .list = {program}};
    if (words.text == NULL) abort();
    clearenv();
    char *rest = words.text;
    for (char *line; words.count < WORDS_MAX && (line = strsep(&rest, "\n")) != NULL;) {
        for (char *p = line; *p != '\0'; p++) *p = *p == '\v' ? '\n' : *p;
        if (is_variable(line)) {
            putenv(line);
        } else {
            words.list[words.count++] = line;
        }
    }
    return words;
}

static enum options_status read_words(struct options *options, int count, char **list)
{
    char *permuted[WORDS_MAX + 1] = {NULL}; /* getopt_long puts options first */
    memcpy(permuted, list, (size_t)count * sizeof *list);
    optind = 0; /* glibc: begin anew */
    said_begin(&output, STDOUT_FILENO);
    said_begin(&errors, STDERR_FILENO);
    enum options_status status = options_read(options, count, permuted);
    fflush(stdout);
    said_end(&errors, STDERR_FILENO);
    said_end(&output, STDOUT_FILENO);
    return status;
}

/* ---- a second opinion of numbers */

enum kind { COUNT, SIZE, TIME };

static const struct number {
    const char *option, *variable;
    enum kind kind;
    uint64_t min, max;
} numbers[] = {
    {"--threads=", "MSE_THREADS", COUNT, 1, 1024},
    {"--max-connections=", "MSE_MAX_CONNECTIONS", COUNT, 1, 1000000},
    {"--max-body=", "MSE_MAX_BODY", SIZE, 1, UINT64_MAX},
    {"--max-memory=", "MSE_MAX_MEMORY", SIZE, 1, UINT64_MAX},
    {"--request-timeout=", "REQUEST_TIMEOUT", TIME, 1, INT_MAX},
    {"--idle-timeout=", "MSE_IDLE_TIMEOUT", TIME, 1, INT_MAX},
    {"--drain-timeout=", "MSE_DRAIN_TIMEOUT", TIME, 0, INT_MAX},
};

#define NUMBER_COUNT (sizeof numbers / sizeof *numbers)

static uint64_t value_of(const struct options *options, size_t number)
{
    const uint64_t values[NUMBER_COUNT] = {options->threads,         options->max_connections,
                                           options->max_body,        options->max_memory,
                                           options->request_timeout, options->idle_timeout,
                                           options->drain_timeout};
    return values[number];
}

static const struct unit {
    const char *name;
    enum kind kind;
    unsigned factor;
} units[] = {{"", COUNT, 1},       {"", SIZE, 1},   {"K", SIZE, 1 << 10}, {"M", SIZE, 1 << 20},
             {"G", SIZE, 1 << 30}, {"ms", TIME, 1}, {"s", TIME, 1000},    {"m", TIME, 60000}};

/* Whether a text is a number with its unit and in its range. */
static bool is_number(const struct number *number, const char *text, uint64_t *value)
{
    __extension__ unsigned __int128 exact = 0;
    const char *end = text;
    for (; *end >= '0' && *end <= '9'; end++) {
        exact = exact * 10 + (unsigned)(*end - '0');
        if (exact > UINT64_MAX) exact = (__typeof__(exact))UINT64_MAX + 1;
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (units[i].kind != number->kind || strcmp(units[i].name, end) != 0) continue;
        exact *= units[i].factor;
        *value = (uint64_t)exact;
        return end > text && exact >= number->min && exact <= number->max;
    }
    return false;
}

struct opinion {
    bool is_sure; /* all that is said is numbers */
    bool is_valid;
    bool is_given[NUMBER_COUNT];
    uint64_t values[NUMBER_COUNT];
};

static void take(struct opinion *opinion, size_t number, const char *text)
{
    opinion->is_given[number] = true;
    opinion->is_valid &= is_number(&numbers[number], text, &opinion->values[number]);
}

static void take_word(struct opinion *opinion, const char *word)
{
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        size_t length = strlen(numbers[i].option);
        if (strncmp(word, numbers[i].option, length) != 0) continue;
        take(opinion, i, word + length);
        return;
    }
    opinion->is_sure = false;
}

static struct opinion opinion_of(const struct words *words)
{
    struct opinion opinion = {.is_sure = true, .is_valid = true};
    int variables = 0, known = 0;
    while (environ != NULL && environ[variables] != NULL) variables++;
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        const char *text = getenv(numbers[i].variable);
        known += text != NULL;
        if (text != NULL && *text != '\0') take(&opinion, i, text);
    }
    opinion.is_sure = known == variables;
    for (int i = 1; i < words->count; i++) take_word(&opinion, words->list[i]);
    return opinion;
}

static void must_agree(const struct opinion *opinion, const struct options *options,
                       enum options_status status)
{
    if (!opinion->is_sure) return;
    must(status == (opinion->is_valid ? OPTIONS_OK : OPTIONS_BAD));
    for (size_t i = 0; opinion->is_valid && i < NUMBER_COUNT; i++) {
        if (opinion->is_given[i]) must(value_of(options, i) == opinion->values[i]);
    }
}

/* ---- what must hold of any words */

static void must_be_in_bounds(const struct options *options)
{
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        must(value_of(options, i) >= numbers[i].min && value_of(options, i) <= numbers[i].max);
    }
    must((options->tls_cert == NULL) == (options->tls_key == NULL));
    must(options->tls_cert == NULL || (*options->tls_cert != '\0' && *options->tls_key != '\0'));
    must(options->token_file == NULL || *options->token_file != '\0');
    must(options->log_format == LOG_TEXT || options->log_format == LOG_JSON);
}

/* The address, written out, must be read as the same address. */
static void must_be_an_address(const struct options *options)
{
    char word[ADDRESS_TEXT_MAX + 16] = "--listen=";
    char program[] = "mse-server";
    char *list[] = {program, word};
    struct options again;
    address_text((const struct sockaddr *)&options->address, word + strlen(word));
    clearenv();
    must(read_words(&again, 2, list) == OPTIONS_OK);
    must(again.address_length == options->address_length);
    must(memcmp(&again.address, &options->address, sizeof again.address) == 0);
}

/* Whether a line holds a name, or as much of it as fits into a line, control characters aside. */
static bool holds(const char *line, const char *name, size_t length)
{
    char plain[512];
    if (length > sizeof plain) length = sizeof plain;
    for (size_t i = 0; i < length; i++) plain[i] = iscntrl((unsigned char)name[i]) ? '?' : name[i];
    return length > 0 ? memmem(line, strlen(line), plain, length) != NULL
                      : strstr(line, "\"\"") != NULL;
}

/* Whether a line names a word: an option without its value, a letter by itself, another word whole.
 */
static bool names(const char *line, const char *word)
{
    if (word[0] != '-') return holds(line, word, strlen(word));
    size_t length = strcspn(word, "=");
    return holds(line, word, word[1] != '-' && length > 2 ? 2 : length);
}

static void must_be_one_line(const struct words *words)
{
    bool is_named = strstr(errors.text, "--tls-cert and --tls-key go together") != NULL;
    for (int i = 1; i < words->count; i++) is_named |= names(errors.text, words->list[i]);
    for (char **variable = environ; variable != NULL && *variable != NULL; variable++) {
        is_named |= holds(errors.text, *variable, strcspn(*variable, "="));
    }
    must(is_named);
    must(strncmp(errors.text, "mse-server: ", 12) == 0);
    must(strcspn(errors.text, "\n") == errors.length - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = input_of(data, size);
    struct words words = words_of(&input);
    struct opinion opinion = opinion_of(&words);
    struct options options;
    enum options_status status = read_words(&options, words.count, words.list);
    must_agree(&opinion, &options, status);
    must((status == OPTIONS_BAD) == (errors.length > 0));
    must((status == OPTIONS_ANSWERED) == (output.length > 0));
    if (status == OPTIONS_BAD) must_be_one_line(&words);
    if (status == OPTIONS_OK) {
        must_be_in_bounds(&options);
        must_be_an_address(&options);
    }
    clearenv();
    free(words.text);
    return 0;
}
