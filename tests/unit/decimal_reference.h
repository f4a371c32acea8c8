/* decimal_reference.h - what decimal.h promises, by the plainest means there are: a table of states for the grammar,
 * the C library's strtod and printf for the values. Slow, and independent of src/ in every line. */
#ifndef DECIMAL_REFERENCE_H
#define DECIMAL_REFERENCE_H

#include "decimal.h"

#include <stdint.h>

/* As decimal_parse. */
enum decimal_status reference_parse(const char *text, const char *limit, const char **end, double *value);

/* As decimal_shortest, and with no zero at the end of digits. */
struct decimal reference_shortest(double value);

/* As decimal_print. */
size_t reference_print(double value, char *out);

/* The bits of a double, and back. */
uint64_t bits_of(double value);
double double_of(uint64_t bits);

/* The next 64 random bits (SplitMix64); any state will do. */
uint64_t random_bits(uint64_t *state);

/* A finite double of random bits: all exponents are alike, subnormals included. */
double random_double(uint64_t *state);

#endif
