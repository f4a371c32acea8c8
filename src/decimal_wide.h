/* decimal_wide.h - decimals, eight at a time, where dispatch_wide() says that the CPU can: what decimal_print.c does
 * one by one. Private to decimal_*.c and their tests. */
#ifndef DECIMAL_WIDE_H
#define DECIMAL_WIDE_H

#include "decimal.h"

#include <stddef.h>
#include <stdint.h>

/* decimal_shortest_run, but of whole eights only: returns how many are done. */
size_t decimal_shortest_wide(const double *values, size_t count, void *digits, struct decimal_scale *scales);

/* decimal_write_run from *out on, but of whole eights only, and it stops before an eight of which one has 1 to 15
 * digits: returns how many are written. *out is set to the byte after the last comma. */
size_t decimal_write_wide(const void *digits, const struct decimal_scale *scales, size_t count, int negate, char **out);

#endif
