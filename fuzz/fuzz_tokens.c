/* fuzz_tokens.c - a file of tokens -> who is let in. An own reading of the file says whether it may
 * be used, which line is at fault, and who is let in; and what is refused must not be told.
 *
 * The settings are the mode of the file's last three bits, and to which length the file is cut
 * before it is read again, in 256ths. */
#include "input.h"
#include "said.h"

#include "base/tokens.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int file;
static char file_name[32];
static struct said errors;

/* ---- a second opinion */

/* A line, or a token on it. */
struct span {
    const char *text;
    size_t length;
};

/* Takes the first line off the rest. */
static struct span next_line(struct span *rest)
{
    const char *end = memchr(rest->text, '\n', rest->length);
    struct span line = {rest->text, end != NULL ? (size_t)(end - rest->text) : rest->length};
    size_t taken = line.length + (end != NULL);
    *rest = (struct span){rest->text + taken, rest->length - taken};
    return line;
}

/* What is on a line; nothing where that is a comment. */
static struct span content_of(struct span line)
{
    while (line.length > 0 && isspace((unsigned char)*line.text)) line.text++, line.length--;
    while (line.length > 0 && isspace((unsigned char)line.text[line.length - 1])) line.length--;
    if (line.length > 0 && *line.text == '#') line.length = 0;
    return line;
}

/* RFC 6750, section 2.1: 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=" */
static bool is_token(struct span span)
{
    static const char characters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/";
    size_t end = span.length;
    while (end > 0 && span.text[end - 1] == '=') end--;
    for (size_t i = 0; i < end; i++) {
        if (memchr(characters, span.text[i], sizeof characters - 1) == NULL) return false;
    }
    return end > 0;
}

struct opinion {
    size_t tokens;
    size_t bad_line; /* the first that is no token, counted from 1; 0: there is none */
};

static struct opinion opinion_of(struct span text)
{
    struct opinion opinion = {0};
    for (size_t number = 1; text.length > 0; number++) {
        struct span content = content_of(next_line(&text));
        if (content.length > 0 && !is_token(content)) {
            opinion.bad_line = number;
            break;
        }
        opinion.tokens += content.length > 0;
    }
    return opinion;
}

static bool is_usable(struct opinion opinion)
{
    return opinion.bad_line == 0 && opinion.tokens > 0;
}

/* Whether a line of the text is this token. */
static bool lists(struct span text, struct span token)
{
    while (text.length > 0) {
        struct span content = content_of(next_line(&text));
        if (content.length == token.length && memcmp(content.text, token.text, token.length) == 0)
            return true;
    }
    return false;
}

/* ---- what must hold */

static void write_file(struct span text)
{
    must(ftruncate(file, 0) == 0);
    must(pwrite(file, text.text, text.length, 0) == (ssize_t)text.length);
}

/* One line, the same whatever the file says, but for the number of the line at fault. */
static void must_tell(struct opinion opinion)
{
    char wanted[256], reason[64] = "holds no token";
    if (opinion.bad_line > 0)
        snprintf(reason, sizeof reason, ": line %zu is no token", opinion.bad_line);
    snprintf(wanted, sizeof wanted, "--token-file %s%s%s", file_name,
             opinion.bad_line > 0 ? "" : " ", reason);
    const char *message = strstr(errors.text, " --token-file ");
    must(message != NULL && strncmp(message + 1, wanted, strlen(wanted)) == 0);
    const char *rest = message + 1 + strlen(wanted);
    must(strcmp(rest, opinion.bad_line > 0
                          ? ": write letters, digits and any of -._~+/ and = at its end\n"
                          : "\n") == 0);
}

static void must_include(struct tokens *tokens, struct span text, struct span token)
{
    bool is_listed = is_token(token) && lists(text, token);
    must(tokens_include(tokens, token.text, token.length) == is_listed);
}

/* The text's tokens, and what differs little from each. */
static void must_let_in(struct tokens *tokens, struct span text, struct span asked)
{
    while (asked.length > 0) {
        struct span line = next_line(&asked), content = content_of(line);
        must_include(tokens, text, line);
        must_include(tokens, text, content);
        if (content.length > 0) {
            must_include(tokens, text, (struct span){content.text, content.length - 1});
            must_include(tokens, text, (struct span){content.text + 1, content.length - 1});
        }
    }
}

/* The file is cut, which leaves the tokens as they were where what is left cannot be used. */
static void reload(struct tokens *tokens, struct span text, size_t length)
{
    struct span rest = {text.text, length};
    struct opinion opinion = opinion_of(rest);
    write_file(rest);
    said_begin(&errors, STDERR_FILENO);
    bool is_read = tokens_reload(tokens);
    said_end(&errors, STDERR_FILENO);
    must(is_read == is_usable(opinion));
    must(is_read == (errors.length == 0));
    if (!is_read) must_tell(opinion);
    must_let_in(tokens, is_read ? rest : text, text);
}

static void make_file(void)
{
    file = memfd_create("tokens", 0);
    must(file >= 0);
    snprintf(file_name, sizeof file_name, "/proc/self/fd/%d", file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (file == 0) make_file();
    struct input input = input_of(data, size);
    struct span text = {input.text, input.length};
    struct opinion opinion = opinion_of(text);
    unsigned others = input_setting(&input) & 07;
    write_file(text);
    must(fchmod(file, 0640 | others) == 0);
    said_begin(&errors, STDERR_FILENO);
    struct tokens *tokens = tokens_open(file_name);
    said_end(&errors, STDERR_FILENO);
    must((tokens != NULL) == is_usable(opinion));
    must((tokens != NULL) == (errors.length == 0));
    if (tokens == NULL) {
        must_tell(opinion);
        return 0;
    }
    must(tokens_are_exposed(tokens) == ((others & 04) != 0));
    must_let_in(tokens, text, text);
    reload(tokens, text, text.length * input_setting(&input) / 256);
    tokens_close(tokens);
    return 0;
}
