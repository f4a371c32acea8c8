/* reading.h - what a json_reader makes of a text, as one line of text to compare. */
#ifndef READING_H
#define READING_H

#include "json/json_reader.h"

/* Reads text, cut into two chunks at cut, or into single bytes if cut is SIZE_MAX; every chunk ends
 * at a protected page. Returns one of the following, valid until the next call but one.
 *   {"a":[0]} 2x2 1 2 3 4       the outline, then each tensor's shape and values (%.17g)
 *   SYNTAX@3 'x' a value        the fault, its offset, the byte found and what was expected
 *   RAGGED@9 /a/1 2 3           the fault, its offset, the pointer, the lengths expected and found
 * Fails the test if the budget is not back at zero at the end, or if a fault has left a tensor. */
const char *reading(const char *text, size_t length, size_t cut, size_t budget);

/* Fails the test unless reading gives expected with every cut. */
void reads_as(const char *text, size_t length, const char *expected);

#endif
