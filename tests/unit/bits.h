/* bits.h - doubles and their bits, and random ones: the same in every run. */
#ifndef BITS_H
#define BITS_H

#include <stdint.h>

/* The bits of a double, and back. */
uint64_t bits_of(double value);
double double_of(uint64_t bits);

/* The next 64 random bits (SplitMix64: Steele, Lea and Flood 2014); any state will do. */
uint64_t random_bits(uint64_t *state);

/* A finite double of random bits: all exponents are alike, subnormals included. */
double random_double(uint64_t *state);

#endif
