/* tokens.h - the bearer tokens of which a client must present one: read, kept as digests, reloaded.
 * Knows nothing of HTTP. */
#ifndef TOKENS_H
#define TOKENS_H

#include <stdbool.h>
#include <stddef.h>

struct tokens;

/* Reads a file of tokens, one a line, with no other characters than RFC 6750 (b64token) allows.
 * White space around a token, lines without a token and those that begin with # mean nothing; there
 * must be a token. NULL: a line in the log names the option, the file and the line at fault. The
 * name must outlive what is returned. */
struct tokens *tokens_open(const char *file);

/* Reads the file again. false: a line in the log says why, and the tokens stay as they were. From
 * one thread. */
bool tokens_reload(struct tokens *tokens);

/* Whether all users of the machine might read the file when it was last read. From the thread of
 * tokens_reload. */
bool tokens_are_exposed(const struct tokens *tokens);

/* Whether the text is one of the tokens. The time it takes tells nothing about them. From any
 * thread. */
bool tokens_include(struct tokens *tokens, const char *text, size_t length);

/* NULL is accepted. */
void tokens_close(struct tokens *tokens);

#endif
