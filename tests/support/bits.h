/* bits.h - doubles and their bits. */
#ifndef BITS_H
#define BITS_H

#include <stdint.h>

/* The bits of a double, and back. */
uint64_t bits_of(double value);
double double_of(uint64_t bits);

#endif
