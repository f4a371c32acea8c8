/* tokens.c - the bearer tokens of which a client must present one: read, kept as digests, reloaded.
 * Knows nothing of HTTP. */
#include "base/tokens.h"

#include "base/log.h"

#include <ctype.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DIGEST      GNUTLS_DIG_SHA256
#define DIGEST_SIZE 32

struct set {
    bool is_exposed;
    size_t count;
    unsigned char (*digests)[DIGEST_SIZE];
};

struct tokens {
    const char *file;
    pthread_rwlock_t
        lock; /* of set: readers share it, so none waits for another; it is written at a reload */
    struct set set;
};

/* ---- reading */

/* Whether text is a b64token of RFC 6750, section 2.1. */
static bool is_token(const char *text, size_t length)
{
    size_t i = 0;
    while (i < length &&
           (isalnum((unsigned char)text[i]) || (text[i] != '\0' && strchr("-._~+/", text[i]))))
        i++;
    if (i == 0) return false;
    while (i < length && text[i] == '=') i++;
    return i == length;
}

/* The line without white space around it. */
static const char *trim(const char *line, size_t *length)
{
    while (*length > 0 && isspace((unsigned char)line[*length - 1])) --*length;
    while (*length > 0 && isspace((unsigned char)*line)) line++, --*length;
    return line;
}

/* Adds the digest of a token to the set. */
static bool add(struct set *set, const char *token, size_t length)
{
    unsigned char(*digests)[DIGEST_SIZE] =
        realloc(set->digests, (set->count + 1) * sizeof *digests);
    if (digests == NULL) return false;
    set->digests = digests;
    return gnutls_hash_fast(DIGEST, token, length, digests[set->count++]) == 0;
}

/* Adds the tokens of a file to an empty set. false: the log says why. */
static bool read_lines(FILE *file, const char *name, struct set *set)
{
    char *line = NULL;
    size_t size = 0;
    bool ok = true;
    ssize_t read;
    for (size_t number = 1; ok && (read = getline(&line, &size, file)) >= 0; number++) {
        size_t length = (size_t)read;
        const char *token = trim(line, &length);
        if (length == 0 || *token == '#') continue;
        ok = is_token(token, length);
        if (!ok) {
            log_line("--token-file %s: line %zu is no token: write letters, digits and any of "
                     "-._~+/ and = at its end",
                     name, number);
        } else if (!(ok = add(set, token, length))) {
            log_line("--token-file %s: no memory for its tokens", name);
        }
    }
    if (ok && ferror(file)) {
        log_line("--token-file %s cannot be read: %s", name, strerror(errno));
        ok = false;
    } else if (ok && set->count == 0) {
        log_line("--token-file %s holds no token", name);
        ok = false;
    }
    if (line != NULL) explicit_bzero(line, size);
    free(line);
    return ok;
}

/* false: the log says why, and the set holds nothing. */
static bool read_set(const char *name, struct set *set)
{
    struct stat status;
    *set = (struct set){0};
    FILE *file = fopen(name, "re");
    if (file == NULL) {
        log_line("--token-file %s cannot be read: %s", name, strerror(errno));
        return false;
    }
    set->is_exposed = fstat(fileno(file), &status) == 0 && (status.st_mode & S_IROTH) != 0;
    bool ok = read_lines(file, name, set);
    fclose(file);
    if (!ok) free(set->digests);
    return ok;
}

/* ---- the current set */

struct tokens *tokens_open(const char *file)
{
    struct tokens *tokens = malloc(sizeof *tokens);
    if (tokens == NULL) return NULL;
    tokens->file = file;
    if (!read_set(file, &tokens->set)) {
        free(tokens);
        return NULL;
    }
    pthread_rwlock_init(&tokens->lock, NULL);
    return tokens;
}

bool tokens_reload(struct tokens *tokens)
{
    struct set set;
    if (!read_set(tokens->file, &set)) return false;
    pthread_rwlock_wrlock(&tokens->lock);
    struct set replaced = tokens->set;
    tokens->set = set;
    pthread_rwlock_unlock(&tokens->lock);
    free(replaced.digests);
    return true;
}

bool tokens_are_exposed(const struct tokens *tokens)
{
    return tokens->set.is_exposed;
}

/* Digests have one length, and each is compared with all of them to its last byte: how long that
 * takes depends on the client's text and on how many tokens there are, not on what they say. */
bool tokens_include(struct tokens *tokens, const char *text, size_t length)
{
    unsigned char digest[DIGEST_SIZE];
    unsigned matches = 0;
    if (gnutls_hash_fast(DIGEST, text, length, digest) != 0) return false;
    pthread_rwlock_rdlock(&tokens->lock);
    for (size_t i = 0; i < tokens->set.count; i++) {
        matches += gnutls_memcmp(digest, tokens->set.digests[i], sizeof digest) == 0;
    }
    pthread_rwlock_unlock(&tokens->lock);
    return matches > 0;
}

void tokens_close(struct tokens *tokens)
{
    if (tokens == NULL) return;
    free(tokens->set.digests);
    pthread_rwlock_destroy(&tokens->lock);
    free(tokens);
}
