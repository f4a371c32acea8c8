/* random.c - the same random numbers in every run: xorshift64. */
#include "random.h"

static uint64_t random_state = 0x9E3779B97F4A7C15;

uint64_t random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

size_t random_below(size_t n)
{
    return (size_t)(random_bits() % n);
}

double random_unit(void)
{
    return (double)(random_bits() >> 11) * 0x1p-53;
}

double random_sign(double value)
{
    return random_bits() & 1 ? value : -value;
}
