/* decimal_wide.h - decimals, eight at a time, where dispatch_wide() says that the CPU can. Lanes that the vectors
 * cannot serve are declined, for decimal_parse.c and decimal_print.c to do one by one. Private to decimal_*.c and their
 * tests.
 *
 * In a set of lanes, bit 0 stands for the first of the eight. */
#ifndef DECIMAL_WIDE_H
#define DECIMAL_WIDE_H

#include <stdint.h>

/* decimal_shortest_run of eight values; digits may be the same memory. Returns the lanes that are declined, whose
 * values, digits and scales are as they were. */
unsigned decimal_shortest_eight(const void *values, void *digits, void *scales);

/* decimal_write_run of eight, which may write to the room of all of them at any time. Returns the byte after the last
 * comma; or NULL where one of them has 1 to 15 digits, and nothing is written. */
char *decimal_write_eight(const void *digits, const void *scales, int negate, char *out);

#endif
