/* decimal_wide.h - decimals, eight at a time, where the CPU has the level CPU_VBMI2: what
 * decimal_parse.c and decimal_print.c do one by one. Private to decimal_*.c and their tests. */
#ifndef DECIMAL_WIDE_H
#define DECIMAL_WIDE_H

#include "decimal/decimal.h"

#include <stddef.h>
#include <stdint.h>

/* decimal_parse_run, one by one: what decimal_parse_wide is measured by, and leaves unusual numbers
 * to. */
size_t decimal_parse_portable(const char *text, const char *limit, const char **end, double *values,
                              size_t room);

/* The elements from which on it is worth calling the next. */
#define DECIMAL_PARSE_WIDE_LEAST 7

/* decimal_parse_run, but it may stop before any element. More values than are counted may be stored
 * in room. */
size_t decimal_parse_wide(const char *text, const char *limit, const char **end, double *values,
                          size_t room);

/* decimal_shortest_run, but of whole eights only: returns how many are done. */
size_t decimal_shortest_wide(const double *values, size_t count, void *digits,
                             struct decimal_scale *scales);

/* decimal_write_run from *out on, but of whole eights only, and it stops before an eight of which
 * one has 1 to 15 digits: returns how many are written. *out is set to the byte after the last
 * comma. */
size_t decimal_write_wide(const void *digits, const struct decimal_scale *scales, size_t count,
                          int negate, char **out);

#endif
