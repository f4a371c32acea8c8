/* decimal_wide.h - decimals, eight at a time, where the CPU has the level CPU_VBMI2: what
 * decimal_parse.c and decimal_print.c do one by one. Private to decimal_*.c and their tests. */
#ifndef DECIMAL_WIDE_H
#define DECIMAL_WIDE_H

#include "decimal/decimal.h"

#include <stddef.h>
#include <stdint.h>

/* The forms of decimal_parse_run. */
typedef size_t decimal_run(const char *text, const char *limit, const char **end, double *values,
                           size_t room, struct decimal_row row);

/* One by one: what the others are measured by, and leave unusual text to. */
decimal_run decimal_parse_portable;

/* Many at a time, in AVX2 and in AVX-512. They may stop before any element. More values than are
 * counted may be stored in room. */
decimal_run decimal_parse_avx2, decimal_parse_wide;

/* decimal_shortest_run, but of whole eights or fours only: return how many are done. */
size_t decimal_shortest_wide(const double *values, size_t count, void *digits,
                             struct decimal_scale *scales);
size_t decimal_shortest_avx2(const double *values, size_t count, void *digits,
                             struct decimal_scale *scales);

/* decimal_write_run from *out on, but of whole eights or fours only, and they may stop before any
 * of them: return how many are written. *out is set to the byte after the last comma. */
size_t decimal_write_wide(const void *digits, const struct decimal_scale *scales, size_t count,
                          int negate, char **out);
size_t decimal_write_avx2(const void *digits, const struct decimal_scale *scales, size_t count,
                          int negate, char **out);

#endif
