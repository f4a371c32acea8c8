/* random.h - random numbers, the same in every run and on every machine. A state is any 64 bits;
 * each call moves it on. */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdint.h>

/* 64 bits (SplitMix64: Steele, Lea and Flood 2014). */
uint64_t random_bits(uint64_t *state);

/* From 0 to bound - 1. */
uint64_t random_below(uint64_t *state, uint64_t bound);

/* In [0, 1), all 53 bits used. */
double random_unit(uint64_t *state);

/* Random sign, mantissa, and exponent from 2^lowest to 2^highest. */
double random_between(uint64_t *state, int lowest, int highest);

/* A finite double of random bits: all exponents are alike, subnormals included. */
double random_double(uint64_t *state);

#endif
