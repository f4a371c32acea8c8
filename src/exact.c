/* exact.c - fixed-point sums of products of three doubles, and their correctly rounded quotient. */
#include "exact.h"

#include <math.h>
#include <string.h>

__extension__ typedef unsigned __int128 uint128;

/* A finite double is mantissa * 2^exponent with mantissa < 2^53 and -1074 <= exponent <= 971. */
enum { MANTISSA_BITS = 53, MIN_EXPONENT = -1074, UNIT_EXPONENT = 3 * MIN_EXPONENT, LIMBS = MSE_SUM_LIMBS };

/* weight < 2^1024, (a - b)^2 < 2^2050, and there are at most 2^64 terms. */
_Static_assert(1024 + 2050 + 64 - UNIT_EXPONENT <= 64 * LIMBS, "2^64 of the greatest terms fit");

struct parts {
    uint64_t mantissa;
    int exponent;
    bool negative;
};

static struct parts parts_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    int biased = (int)(bits >> 52 & 0x7ff);
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    bool negative = bits >> 63;
    if (biased == 0) return (struct parts){fraction, MIN_EXPONENT, negative};
    return (struct parts){fraction | UINT64_C(1) << 52, biased - 1 + MIN_EXPONENT, negative};
}

void exact_clear(struct mse_sum *sum)
{
    sum->low = sum->high = 0;
}

bool exact_is_zero(const struct mse_sum *sum)
{
    for (unsigned i = sum->low; i < sum->high; i++)
        if (sum->limb[i] != 0) return false;
    return true;
}

/* Extends the digits in use to first..last-1. */
static void cover(struct mse_sum *sum, unsigned first, unsigned last)
{
    if (sum->low == sum->high) sum->low = sum->high = first;
    while (sum->low > first) sum->limb[--sum->low] = 0;
    while (sum->high < last) sum->limb[sum->high++] = 0;
}

/* A product of three integers, shifted to where its digits stand in a sum: the first of them is limb[first]. */
enum { TERM_DIGITS = 4 };

struct term {
    uint64_t digit[TERM_DIGITS];
    unsigned first;
};

/* a * b * c * 2^exponent. The product must be below 2^192, and exponent at least UNIT_EXPONENT. */
static struct term term_of(uint64_t a, uint64_t b, uint64_t c, int exponent)
{
    unsigned position = (unsigned)(exponent - UNIT_EXPONENT);
    unsigned shift = position % 64;
    uint128 square = (uint128)a * b;
    uint128 low = (uint128)(uint64_t)square * c;
    uint128 high = (square >> 64) * c + (low >> 64);
    uint128 bottom = (uint128)(uint64_t)low << shift;
    uint128 middle = (uint128)(uint64_t)high << shift;
    uint128 top = (high >> 64) << shift;
    return (struct term){{(uint64_t)bottom, (uint64_t)(bottom >> 64) | (uint64_t)middle,
                          (uint64_t)(middle >> 64) | (uint64_t)top, (uint64_t)(top >> 64)},
                         position / 64};
}

static void add_term(struct mse_sum *sum, struct term term)
{
    unsigned last = term.first + TERM_DIGITS;
    if (term.first < sum->low || last > sum->high) cover(sum, term.first, last);
    uint64_t *limb = sum->limb + term.first;
    uint64_t carry = 0;
    for (int i = 0; i < TERM_DIGITS; i++) {
        /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): what is covered has been written */
        uint128 digit = (uint128)limb[i] + term.digit[i] + carry;
        limb[i] = (uint64_t)digit;
        carry = (uint64_t)(digit >> 64);
    }
    for (unsigned i = last; carry != 0; i++) {
        cover(sum, i, i + 1);
        carry = ++sum->limb[i] == 0;
    }
}

/* The sum must not be below the term. */
static void subtract_term(struct mse_sum *sum, struct term term)
{
    unsigned last = term.first + TERM_DIGITS;
    if (term.first < sum->low || last > sum->high) cover(sum, term.first, last);
    uint64_t *limb = sum->limb + term.first;
    uint64_t borrow = 0;
    for (int i = 0; i < TERM_DIGITS; i++) {
        uint128 digit = (uint128)limb[i] - term.digit[i] - borrow;
        limb[i] = (uint64_t)digit;
        borrow = (uint64_t)(digit >> 64) & 1;
    }
    for (unsigned i = last; borrow != 0; i++) borrow = sum->limb[i]-- == 0;
}

void exact_add_integer(struct mse_sum *sum, uint64_t value)
{
    add_term(sum, term_of(value, 1, 1, 0));
}

void exact_add(struct mse_sum *sum, double weight)
{
    struct parts w = parts_of(weight);
    add_term(sum, term_of(w.mantissa, 1, 1, w.exponent));
}

/* (a - b)^2 as one product where |a - b| fits 64 bits at the smaller of the two exponents, which is nearly always;
 * else as a^2 + b^2 - 2ab, in which nothing overflows. The sum is at no time below what is subtracted. */
void exact_add_square(struct mse_sum *sum, double a, double b, double weight)
{
    struct parts p = parts_of(a), q = parts_of(b), w = parts_of(weight);
    if (p.exponent < q.exponent) {
        struct parts swapped = p;
        p = q;
        q = swapped;
    }
    unsigned gap = (unsigned)(p.exponent - q.exponent);
    if (gap <= 63 - MANTISSA_BITS) {
        uint64_t high = p.mantissa << gap, low = q.mantissa;
        uint64_t distance = p.negative != q.negative ? high + low : high > low ? high - low : low - high;
        add_term(sum, term_of(distance, distance, w.mantissa, 2 * q.exponent + w.exponent));
        return;
    }
    add_term(sum, term_of(p.mantissa, p.mantissa, w.mantissa, 2 * p.exponent + w.exponent));
    add_term(sum, term_of(q.mantissa, q.mantissa, w.mantissa, 2 * q.exponent + w.exponent));
    struct term cross = term_of(2 * p.mantissa, q.mantissa, w.mantissa, p.exponent + q.exponent + w.exponent);
    if (p.negative != q.negative)
        add_term(sum, cross);
    else
        subtract_term(sum, cross);
}

void exact_add_difference(struct mse_sum *sum, double a, double b, double weight)
{
    struct parts p = parts_of(a), q = parts_of(b), w = parts_of(weight);
    struct term minuend = term_of(2 * w.mantissa, p.mantissa, 1, w.exponent + p.exponent);
    struct term subtrahend = term_of(2 * w.mantissa, q.mantissa, 1, w.exponent + q.exponent);
    if (!p.negative) add_term(sum, minuend);
    if (q.negative) add_term(sum, subtrahend);
    if (p.negative) subtract_term(sum, minuend);
    if (!q.negative) subtract_term(sum, subtrahend);
}

void exact_merge(struct mse_sum *sum, const struct mse_sum *other)
{
    if (other->low == other->high) return;
    unsigned low = other->low, high = other->high;
    cover(sum, low, high);
    uint64_t carry = 0;
    for (unsigned i = low; i < high || carry != 0; i++) {
        cover(sum, i, i + 1);
        uint128 digit = (uint128)sum->limb[i] + (i < high ? other->limb[i] : 0) + carry;
        sum->limb[i] = (uint64_t)digit;
        carry = (uint64_t)(digit >> 64);
    }
}

/* ---- the quotient */

/* Places of a sum are counted from its unit, and may be below it. */
static uint64_t limb_at(const struct mse_sum *sum, int index)
{
    return index >= (int)sum->low && index < (int)sum->high ? sum->limb[index] : 0;
}

/* The 64 binary digits from the given place upward. */
static uint64_t digits_at(const struct mse_sum *sum, int place)
{
    int index = (place + 64 * 2 * LIMBS) / 64 - 2 * LIMBS;
    int shift = place - 64 * index;
    uint64_t low = limb_at(sum, index);
    return shift == 0 ? low : low >> shift | limb_at(sum, index + 1) << (64 - shift);
}

/* The place after the highest digit that is 1; 0 for a sum of 0. */
static int length_of(const struct mse_sum *sum)
{
    for (unsigned i = sum->high; i > sum->low; i--)
        if (sum->limb[i - 1] != 0) return (int)(64 * i) - __builtin_clzll(sum->limb[i - 1]);
    return 0;
}

/* The double nearest to magnitude * 2^exponent. magnitude is at least 2^62; its lowest digit may stand for any number
 * of digits that were cut off, all of them below it: it is 1 if one of these is, and it is never the last one kept. */
static double round_to_double(uint64_t magnitude, int exponent)
{
    int leading = exponent + 63 - __builtin_clzll(magnitude); /* the exponent of the highest digit */
    if (leading > 1023) return __builtin_inf();
    int normal = leading < -1022 ? -1022 : leading;
    int cut = normal - 52 - exponent; /* digits of magnitude below the last one that a double has there */
    uint64_t kept = 0;
    if (cut <= 64) {
        uint64_t half = UINT64_C(1) << (cut - 1);
        uint64_t below = cut == 64 ? magnitude : magnitude & (2 * half - 1);
        kept = cut == 64 ? 0 : magnitude >> cut;
        if (below > half || (below == half && (kept & 1) != 0)) kept++;
    }
    /* Digit 52 of kept, or a carry out of it, counts the exponent up by itself, to that of infinity at the end. */
    uint64_t bits = ((uint64_t)(normal + 1022) << 52) + kept;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The sign of numerator - quotient * denominator, with the numerator read as 0.0aaa... and the denominator as 0.bbb...,
 * a and b beginning with a 1, and quotient as a fraction of 2^64. */
static int compare_product(const struct mse_sum *numerator, int numerator_length, uint64_t quotient,
                           const struct mse_sum *denominator, int denominator_length)
{
    int a_digits = (numerator_length + 1 - 64 * (int)numerator->low + 63) / 64;
    int b_digits = (denominator_length - 64 * (int)denominator->low + 63) / 64;
    uint64_t carry = 0, borrow = 0, rest = 0;
    for (int i = a_digits > b_digits ? a_digits : b_digits; i >= 0; i--) {
        uint128 product = carry;
        if (i > 0) product += (uint128)quotient * digits_at(denominator, denominator_length - 64 * i);
        uint64_t digit = digits_at(numerator, numerator_length + 1 - 64 * (i + 1));
        uint128 difference = (uint128)digit - (uint64_t)product - borrow;
        carry = (uint64_t)(product >> 64);
        borrow = (uint64_t)(difference >> 64) & 1;
        rest |= (uint64_t)difference;
    }
    return borrow != 0 ? -1 : rest != 0;
}

/* One step of long division in radix 2^64 (Knuth, The Art of Computer Programming, volume 2, 4.3.1, algorithm D), which
 * gives at least 62 bits of the quotient. The estimate from the leading digits is never too small and at most 2 too
 * large, theorem B there, since the denominator's leading digit has its highest bit set. */
double exact_quotient(const struct mse_sum *numerator, const struct mse_sum *denominator)
{
    int a_length = length_of(numerator), b_length = length_of(denominator);
    if (a_length == 0) return 0;
    uint128 a_leading = (uint128)digits_at(numerator, a_length + 1 - 64) << 64;
    a_leading |= digits_at(numerator, a_length + 1 - 128);
    /* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): the denominator is not 0, so its leading digit is not */
    uint64_t quotient = (uint64_t)(a_leading / digits_at(denominator, b_length - 64));
    int sign;
    while ((sign = compare_product(numerator, a_length, quotient, denominator, b_length)) < 0) quotient--;
    return round_to_double(quotient | (sign > 0), a_length - b_length - 63);
}

void exact_leading(const struct mse_sum *sum, double *high, double *low)
{
    int length = length_of(sum), last = length - 2 * MANTISSA_BITS;
    *high = ldexp((double)(digits_at(sum, length - 64) >> (64 - MANTISSA_BITS)), last + MANTISSA_BITS + UNIT_EXPONENT);
    *low = ldexp((double)(digits_at(sum, last) & ((UINT64_C(1) << MANTISSA_BITS) - 1)), last + UNIT_EXPONENT);
}

/* ---- one element

 * Most are short enough for 128 bits and one division; the others are sums of few digits. */

/* numerator * 2^exponent / divisor; the numerator must be below 2^127. */
static double short_quotient(uint128 numerator, int exponent, uint64_t divisor)
{
    if (numerator == 0) return 0;
    uint64_t high = (uint64_t)(numerator >> 64);
    int zeros = (high != 0 ? __builtin_clzll(high) : 64 + __builtin_clzll((uint64_t)numerator)) - 1;
    int divisor_zeros = __builtin_clzll(divisor);
    numerator <<= zeros;
    divisor <<= divisor_zeros;
    uint64_t quotient = (uint64_t)(numerator / divisor);
    bool exact = (uint128)quotient * divisor == numerator;
    return round_to_double(quotient | !exact, exponent - zeros + divisor_zeros);
}

static struct parts without_trailing_zeros(struct parts p)
{
    int zeros = p.mantissa == 0 ? 0 : __builtin_ctzll(p.mantissa);
    return (struct parts){p.mantissa >> zeros, p.exponent + zeros, p.negative};
}

static int bits_in(uint64_t value)
{
    return value == 0 ? 0 : 64 - __builtin_clzll(value);
}

/* |p - q| = distance * 2^exponent, if it is below 2^(64 + MANTISSA_BITS) at the smaller exponent of the two. */
static bool short_distance(struct parts p, struct parts q, uint128 *distance, int *exponent)
{
    struct parts above = p.exponent < q.exponent ? q : p, below = p.exponent < q.exponent ? p : q;
    int gap = above.exponent - below.exponent;
    if (gap > 63) return false;
    uint128 high = (uint128)above.mantissa << gap, low = below.mantissa;
    *distance = p.negative != q.negative ? high + low : high > low ? high - low : low - high;
    *exponent = below.exponent;
    return true;
}

void exact_divide_by(struct exact_divisor *divisor, const struct mse_sum *sum)
{
    int length = length_of(sum);
    unsigned lowest = sum->low;
    while (sum->limb[lowest] == 0) lowest++;
    int last = (int)(64 * lowest) + __builtin_ctzll(sum->limb[lowest]);
    divisor->digit = length - last <= 64 ? digits_at(sum, length - 64) : 0;
    divisor->exponent = length - 64 + UNIT_EXPONENT;
    exact_clear(&divisor->sum);
    exact_merge(&divisor->sum, sum);
}

double exact_gradient(double a, double b, double weight, const struct exact_divisor *divisor)
{
    struct parts p = parts_of(a), q = parts_of(b), w = without_trailing_zeros(parts_of(weight));
    uint128 distance;
    int exponent;
    double size;
    if (w.mantissa == 0) return 0;
    if (divisor->digit != 0 && short_distance(p, q, &distance, &exponent) &&
        (distance >> 64 == 0 ? bits_in((uint64_t)distance) : 64 + bits_in((uint64_t)(distance >> 64))) +
                bits_in(w.mantissa) <
            128) {
        size = short_quotient(distance * w.mantissa, exponent + w.exponent + 1 - divisor->exponent, divisor->digit);
    } else {
        struct mse_sum numerator;
        exact_clear(&numerator);
        exact_add_difference(&numerator, a > b ? a : b, a > b ? b : a, weight);
        size = exact_quotient(&numerator, &divisor->sum);
    }
    return a < b ? -size : size;
}

double exact_loss(double a, double b, double weight)
{
    struct parts p = parts_of(a), q = parts_of(b), w = without_trailing_zeros(parts_of(weight));
    uint128 distance;
    int exponent;
    if (short_distance(p, q, &distance, &exponent) && distance >> 64 == 0 &&
        2 * bits_in((uint64_t)distance) + bits_in(w.mantissa) < 128)
        return short_quotient(distance * distance * w.mantissa, 2 * exponent + w.exponent, 1);
    struct mse_sum numerator, one;
    exact_clear(&numerator);
    exact_clear(&one);
    exact_add_square(&numerator, a, b, weight);
    exact_add_integer(&one, 1);
    return exact_quotient(&numerator, &one);
}
