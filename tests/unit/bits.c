/* bits.c - doubles and their bits, and random ones. */
#include "bits.h"

#include <math.h>
#include <string.h>

uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

uint64_t random_bits(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

double random_double(uint64_t *state)
{
    double value;
    do {
        value = double_of(random_bits(state));
    } while (!isfinite(value));
    return value;
}
