/* decimal_reference.h - what decimal.h promises, by the plainest means there are: a table of states
 * for the grammar, the C library's strtod and printf for the values. Slow, and independent of src/
 * in every line. */
#ifndef DECIMAL_REFERENCE_H
#define DECIMAL_REFERENCE_H

#include "decimal/decimal.h"

/* As decimal_parse. */
enum decimal_status reference_parse(const char *text, const char *limit, const char **end,
                                    double *value);

/* As decimal_print. */
size_t reference_print(double value, char *out);

#endif
