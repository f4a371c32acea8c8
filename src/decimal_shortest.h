/* decimal_shortest.h - the reference that decimal_shortest falls back to. Private to decimal_*.c and their tests. */
#ifndef DECIMAL_SHORTEST_H
#define DECIMAL_SHORTEST_H

#include "decimal.h"

/* As decimal_shortest, of which it is the readable form. */
struct decimal decimal_shortest_exact(double value);

#endif
