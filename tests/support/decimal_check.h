/* decimal_check.h - calls decimal_parse on one text in many surroundings, and demands one result of
 * all. */
#ifndef DECIMAL_CHECK_H
#define DECIMAL_CHECK_H

#include "support/decimal_reference.h"

#include <stdint.h>

#define LENGTH_MAX 8192 /* bytes of the longest text tried */

/* Set up for a group of tests: maps pages between two that may not be read. */
int decimal_check_map(void **state);

/* The first byte of those pages, and the one after the last: at least LENGTH_MAX + 256 bytes apart.
 */
extern char *page_begin, *page_end;

struct result {
    enum decimal_status status;
    size_t length; /* *end - text */
    uint64_t bits; /* of *value */
};

#define UNSET 0x7ff8dead00000000 /* bits that stand in *value before the call */

/* What the reference says to text[0..length-1]. */
struct result expected_of(const char *text, size_t length);

/* Parses text[0..length-1] where no byte may be read after it, and where digits follow that do not
 * belong to it. */
void check_cut(const char *text, size_t length, struct result expected);

/* Parses text with one byte or another after it, near the limit and far from it: these may take
 * different ways through the code. The first expects one result, the second asks the reference. */
void check_whole(const char *text, struct result expected);
void check_against_reference(const char *text);

/* before, so many of one byte, after: in static memory, at most LENGTH_MAX. */
char *text_of(const char *before, char repeated, size_t count, const char *after);

#endif
