/* decimal_shortest.h - the reference that decimal_print.c falls back to. Private to decimal_*.c and
 * their tests. */
#ifndef DECIMAL_SHORTEST_H
#define DECIMAL_SHORTEST_H

#include "decimal/decimal.h"

#include <stdint.h>

/* (negative ? - : +) digits * 10^exponent */
struct decimal {
    uint64_t digits;
    struct decimal_scale scale;
};

/* What decimal_shortest_run finds, by the formula that its fast ways shorten. */
struct decimal decimal_shortest_exact(double value);

#endif
