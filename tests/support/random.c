/* random.c - random numbers, the same in every run and on every machine. */
#include "support/random.h"

#include "support/bits.h"

#include <math.h>

uint64_t random_bits(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

uint64_t random_below(uint64_t *state, uint64_t bound)
{
    return random_bits(state) % bound;
}

double random_unit(uint64_t *state)
{
    return (double)(random_bits(state) >> 11) * 0x1p-53;
}

double random_between(uint64_t *state, int lowest, int highest)
{
    uint64_t bits = random_bits(state);
    double mantissa = (double)(bits >> 12 | UINT64_C(1) << 52);
    int exponent = lowest + (int)random_below(state, (uint64_t)(highest - lowest + 1)) - 52;
    return ldexp((bits & 1) != 0 ? -mantissa : mantissa, exponent);
}

double random_double(uint64_t *state)
{
    double value;
    do {
        value = double_of(random_bits(state));
    } while (!isfinite(value));
    return value;
}
