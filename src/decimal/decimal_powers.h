/* decimal_powers.h - powers of ten to 128 bits, and the arithmetic that reading and writing
 * decimals both do with them. Private to decimal_*.c and their tests. */
#ifndef DECIMAL_POWERS_H
#define DECIMAL_POWERS_H

#include <stdint.h>

__extension__ typedef unsigned __int128 decimal_uint128;

#define DECIMAL_POWER_FIRST \
    (-342) /* 10^19 times what is below is less than half the smallest subnormal */
#define DECIMAL_POWER_LAST 324 /* scales the smallest subnormal to an integer */

/* The 128 leading bits of 10^q, cut off: floor(10^q * 2^(127 - decimal_log2(q))) = high * 2^64 +
 * low, where high has its top bit set. Exact where 5^q has at most 128 bits: 0 <= q <= 55. */
struct decimal_power {
    uint64_t high, low;
};
extern const struct decimal_power decimal_powers[DECIMAL_POWER_LAST - DECIMAL_POWER_FIRST + 1];

static inline struct decimal_power decimal_power_of(int q)
{
    return decimal_powers[q - DECIMAL_POWER_FIRST];
}

/* floor(log2(10^q)), for |q| <= 642: 217706 / 2^16 is just above log2(10). */
static inline int decimal_log2(int q)
{
    return (q * 217706) >> 16;
}

/* floor(log10(2^q)), and floor(log10(2^q * 3/4)), for the exponents of doubles, -1074 <= q <= 971:
 * 315653 / 2^20 is just above log10(2), 131008 / 2^20 about -log10(3/4). */
static inline int decimal_log10(int q)
{
    return (q * 315653) >> 20;
}

static inline int decimal_log10_three_quarters(int q)
{
    return (q * 315653 - 131008) >> 20;
}

#endif
