/* decimal_exact.c - the last resort of decimal_parse: compares a decimal of any length with the
 * middle between two doubles, both as integers of a few thousand bits. */
#include "decimal/decimal_exact.h"
#include "decimal/decimal_powers.h"

#include <stddef.h>

/* The middle between two doubles has at most 767 significant digits. So a decimal cut off after
 * DIGITS_MAX of them is less than the middle only if the whole of it is; the rest matters only
 * where the two are equal.
 *
 * Powers stand on the side where their exponents are positive, and the two sides are about equal,
 * or the decimal's is the lesser. So the longest integer is the digits by themselves, 2658 bits, or
 * the 54 bits of a middle times 5^1142, what DIGITS_MAX digits after 10^-342 call for: 54 + 2652
 * bits. */
#define DIGITS_MAX 800
#define LIMBS      48
_Static_assert(LIMBS * 64 > 54 + 2652 + 64,
               "the longest integer fits, and a limb more while it is multiplied");

struct integer {
    size_t length; /* of limb, least significant first; the last is not 0 */
    uint64_t limb[LIMBS];
};

/* x = x * factor + add */
static void multiply(struct integer *x, uint64_t factor, uint64_t add)
{
    for (size_t i = 0; i < x->length; i++) {
        decimal_uint128 product = (decimal_uint128)x->limb[i] * factor + add;
        x->limb[i] = (uint64_t)product;
        add = (uint64_t)(product >> 64);
    }
    if (add) x->limb[x->length++] = add;
}

static void multiply_by_power_of_five(struct integer *x, int64_t exponent)
{
    const uint64_t five27 = 7450580596923828125; /* the largest power in 64 bits */
    for (; exponent >= 27; exponent -= 27) multiply(x, five27, 0);
    uint64_t rest = 1;
    for (; exponent > 0; exponent--) rest *= 5;
    multiply(x, rest, 0);
}

static void shift_left(struct integer *x, int64_t bits)
{
    size_t limbs = (size_t)bits / 64;
    if (x->length == 0) return;
    multiply(x, (uint64_t)1 << bits % 64, 0);
    for (size_t i = x->length; i-- > 0;) x->limb[i + limbs] = x->limb[i];
    for (size_t i = 0; i < limbs; i++) x->limb[i] = 0;
    x->length += limbs;
}

/* Less than, equal to or greater than 0 as x is to y. */
static int compare(const struct integer *x, const struct integer *y)
{
    if (x->length != y->length) return x->length < y->length ? -1 : 1;
    for (size_t i = x->length; i-- > 0;) {
        if (x->limb[i] != y->limb[i]) return x->limb[i] < y->limb[i] ? -1 : 1;
    }
    return 0;
}

/* Reads at most DIGITS_MAX digits, and counts in *exponent those that are left out; *more is set if
 * one of them is not 0. */
static void read_digits(struct integer *x, struct decimal_digits digits, int64_t *exponent,
                        int *more)
{
    int count = 0;
    x->length = 0;
    *exponent = digits.exponent;
    *more = 0;
    for (const char *p = digits.first; p < digits.limit; p++) {
        if (*p == '.') continue;
        uint64_t digit = (uint64_t)(*p - '0');
        if (count == 0 && digit == 0) continue;
        if (count < DIGITS_MAX) {
            multiply(x, 10, digit);
            count++;
        } else {
            *more |= digit != 0;
            ++*exponent;
        }
    }
}

uint64_t decimal_exact(struct decimal_digits digits, uint64_t floor)
{
    struct integer decimal, middle = {1, {2 * (floor & 0xfffffffffffff) + 1}};
    int64_t five, two;
    int more, biased = (int)(floor >> 52);
    if (biased) middle.limb[0] += (uint64_t)1 << 53;
    read_digits(&decimal, digits, &five, &more);

    /* decimal * 5^five * 2^five against middle * 2^(exponent - 1): every power goes to the side
     * where it is positive */
    two = five - ((biased ? biased : 1) - 1076);
    multiply_by_power_of_five(five > 0 ? &decimal : &middle, five > 0 ? five : -five);
    shift_left(two > 0 ? &decimal : &middle, two > 0 ? two : -two);
    int order = compare(&decimal, &middle);
    if (order == 0) order = more ? 1 : floor & 1 ? 1 : -1;
    return floor + (order > 0);
}
