/* decimal_print.c - double -> shortest text that reads back as the same double. Knows nothing of
 * arrays or documents.
 *
 * A double c * 2^q is what every real number nearer to it than 2^(q-1) reads back as; so is a
 * number just as far, where c is even; and below a power of two, where doubles lie twice as near,
 * only half as far counts. In units of 10^k, with 10^k <= 2^q < 10^(k+1), that interval is at least
 * 1 and less than 10 long. So it holds at most one multiple of 10, which then is the shortest
 * decimal, and else an integer, and the nearest is the closest of the shortest. This is R.
 * Giulietti's Schubfach ("The Schubfach way to render doubles", 2020). */
#include "cpu.h"
#include "decimal/decimal.h"
#include "decimal/decimal_digits.h"
#include "decimal/decimal_powers.h"
#include "decimal/decimal_shortest.h"
#include "decimal/decimal_wide.h"

#include <string.h>

/* ---- double -> digits */

/* floor(y), y = n * above / 2^128, its lowest bit set where y is no integer: compared with an even
 * integer, this is less, equal or greater as y is.
 *
 * above being one more than the table's power, y is more than n 2^shift 10^-k by less than 2^-68.
 * That is, in the quarters of a unit used below, a multiple of 4 or at least 2^-62 away from all of
 * them for the bounds of a double, a multiple of 2 or at least 2^-63 away for the double itself
 * (test_decimal_powers.c derives this anew); and with nothing else is it compared. So 64 bits of
 * the fraction are enough. */
static uint64_t scale(uint64_t n, struct decimal_power above)
{
    decimal_uint128 y = (decimal_uint128)n * above.high + ((decimal_uint128)n * above.low >> 64);
    return (uint64_t)(y >> 64) | ((uint64_t)y != 0);
}

struct decimal decimal_shortest_exact(double value)
{
    uint64_t bits, fraction;
    memcpy(&bits, &value, sizeof bits);
    fraction = bits & 0xfffffffffffff;
    int biased = (int)(bits >> 52 & 0x7ff), negative = (int)(bits >> 63);
    if (biased == 0 && fraction == 0) return (struct decimal){0, {0, negative}};
    int narrow =
        fraction == 0 && biased > 1; /* the next double below is half as far as the one above */
    int q = (biased ? biased : 1) - 1075;
    uint64_t c = biased ? fraction | (uint64_t)1 << 52 : fraction;

    int k = narrow ? decimal_log10_three_quarters(q) : decimal_log10(q);
    struct decimal_power above = decimal_power_of(-k);
    above.high += ++above.low == 0;
    /* in quarters of a unit, so that the bounds and the middle between two integers are integers */
    int shift = q + decimal_log2(-k) + 1;
    uint64_t middle = scale(4 * c << shift, above);
    uint64_t lower = scale((4 * c - (narrow ? 1 : 2)) << shift, above) + (c & 1);
    uint64_t upper = scale((4 * c + 2) << shift, above) - (c & 1);

    uint64_t floor = middle / 4, tens = floor / 10 * 10;
    if (lower <= 4 * tens) return (struct decimal){tens, {k, negative}};
    if (4 * (tens + 10) <= upper) return (struct decimal){tens + 10, {k, negative}};
    int next = 4 * (floor + 1) <= upper;
    if (next && lower <= 4 * floor)
        next = middle > 4 * floor + 2 || (middle == 4 * floor + 2 && (floor & 1));
    return (struct decimal){floor + (uint64_t)next, {k, negative}};
}

/* Sets *result as decimal_shortest_exact does, by one product, and returns 1; or returns 0 where
 * that cannot tell, and for zero, powers of two and subnormals.
 *
 * The product, to 64 bits after the point, is too small by less than 2 of its last units. Kept to
 * 60 bits, the distance from the multiple of 10 below is too small, and that to the one above too
 * great, by less than 2 units; the reach of the interval, half its length, too small by less than
 * 1. A comparison that comes out by more than that is true. */
static inline int shortest(uint64_t bits, struct decimal *result)
{
    const uint64_t ten = (uint64_t)10 << 60, half = (uint64_t)1 << 63;
    uint64_t fraction = bits & 0xfffffffffffff;
    int biased = (int)(bits >> 52 & 0x7ff), q = biased - 1075;
    if (fraction == 0 || biased == 0) return 0;
    int k = decimal_log10(q);
    struct decimal_power power = decimal_power_of(-k);
    int shift = q + decimal_log2(-k) + 1; /* 1 to 4 */
    uint64_t n = (fraction | (uint64_t)1 << 52) << shift;
    decimal_uint128 product =
        (decimal_uint128)n * power.high + ((decimal_uint128)n * power.low >> 64);
    uint64_t whole = (uint64_t)(product >> 64), part = (uint64_t)product;

    uint64_t tens = whole / 10 * 10, digits = whole + (part >> 63);
    uint64_t from_tens = (whole - tens) << 60 | part >> 4, to_tens = ten - from_tens;
    uint64_t reach = power.high >> (5 - shift);
    if ((from_tens - reach + 1 <= 1) | (to_tens - reach <= 2) | (part - half + 1 <= 1)) return 0;
    if (from_tens < reach) digits = tens;
    if (to_tens < reach) digits = tens + 10;
    *result = (struct decimal){digits, {k, (int)(bits >> 63)}};
    return 1;
}

static struct decimal shortest_of(double value)
{
    uint64_t bits;
    struct decimal result;
    memcpy(&bits, &value, sizeof bits);
    return shortest(bits, &result) ? result : decimal_shortest_exact(value);
}

void decimal_shortest_run(const double *values, size_t count, void *digits,
                          struct decimal_scale *scales)
{
    size_t i = 0;
    if (cpu_level() >= CPU_VBMI2)
        i = decimal_shortest_wide(values, count, digits, scales);
    else if (cpu_level() >= CPU_AVX2)
        i = decimal_shortest_avx2(values, count, digits, scales);
    for (; i < count; i++) {
        struct decimal decimal = shortest_of(values[i]);
        memcpy((uint64_t *)digits + i, &decimal.digits, sizeof decimal.digits);
        scales[i] = decimal.scale;
    }
}

/* ---- digits -> text */

/* A number of seventeen digits: a first one, and sixteen more, which are handed along as text. */
struct layout {
    unsigned first; /* 1 to 9 */
    unsigned more;  /* how many of the sixteen there are up to the last that is not 0 */
    int point;      /* stands after so many of the seventeen */
    int negative;
};

/* Writes an exponent at p, and returns the byte after it. */
__attribute__((noinline)) static char *end_with_exponent(char *p, int exponent)
{
    unsigned n = (unsigned)(exponent < 0 ? -exponent : exponent);
    *p++ = 'e';
    *p++ = exponent < 0 ? '-' : '+';
    if (n >= 100) *p++ = (char)('0' + n / 100);
    if (n >= 10) *p++ = (char)('0' + n / 10 % 10);
    *p++ = (char)('0' + n % 10);
    return p;
}

/* Writes sixteen digits from p on, after the first, and the point after 2 to 21 digits in all.
 * Returns the byte after the text. What is moved is not read back from p: a processor may not know
 * yet where that is, and would have to wait for it. */
__attribute__((noinline)) static char *end_with_point(char *p, const char *sixteen, int more,
                                                      int point)
{
    char digits[24] = {0};
    memcpy(digits, sixteen, 16);
    memcpy(p, digits, 16);
    if (point > more) {
        memcpy(p + 16, "0000", 4);
        return p + point - 1;
    }
    p[point - 1] = '.';
    memcpy(p + point, digits + point - 1, 8);
    if (point < 9) memcpy(p + 9, digits + 8, 8);
    return p + more + 1;
}

/* Writes a number, and returns the byte after it. A choice that numbers of one array make now so
 * and now so is made by masks. */
static inline char *lay_out(char *p, struct layout layout, const char *sixteen)
{
    /* what has an exponent looks as if the point stood after the first digit */
    int exponent = layout.point - 1, plain = (unsigned)layout.point + 5 <= 21 + 5;
    int point = 1 + (exponent & -plain);
    *p = '-';
    p += layout.negative;
    memcpy(p, "0.000000", 8);
    p += (2 - point) & -(point <= 0);
    *p++ = (char)('0' + layout.first);
    *p = '.';
    if (point > 1) return end_with_point(p, sixteen, (int)layout.more, point);
    p += point == 1;
    memcpy(p, sixteen, 16);
    p += (int)layout.more - ((point == 1) & (layout.more == 0));
    if ((exponent < -9 || exponent > 0) && !plain) return end_with_exponent(p, exponent);
    /* e-7 to e-9, or nothing */
    memcpy(p, "e-", 2);
    p[2] = (char)('0' - exponent);
    return p + (3 & -!plain);
}

static inline char *write_one(uint64_t digits, struct decimal_scale scale, char *out)
{
    const uint64_t least = 10000000000000000; /* of seventeen digits */
    int point = scale.exponent + 17;          /* how many digits stand before it */
    /* sixteen digits become seventeen */
    int sixteen = digits < least;
    digits += 9 * digits & -(uint64_t)sixteen;
    point -= sixteen;
    if (digits < least) {
        if (digits == 0) {
            *out = '0';
            return out + 1;
        }
        for (; digits < least; point--) digits *= 10;
    }
    uint64_t top = digits / 100000000;
    uint32_t low = (uint32_t)(digits - top * 100000000), first = (uint32_t)top / 100000000;
    char text[16];
    unsigned more = digits_write_sixteen((uint32_t)top - first * 100000000, low, text);
    return lay_out(out, (struct layout){first, more, point, scale.negative}, text);
}

size_t decimal_write_run(const void *digits, const struct decimal_scale *scales, size_t count,
                         int negate, char *out)
{
    enum cpu_level level = cpu_level();
    char *p = out;
    for (size_t i = 0; i < count; i++) {
        const uint64_t *rest = (const uint64_t *)digits + i;
        uint64_t one;
        if (level >= CPU_VBMI2)
            i += decimal_write_wide(rest, scales + i, count - i, negate, &p);
        else if (level >= CPU_AVX2)
            i += decimal_write_avx2(rest, scales + i, count - i, negate, &p);
        if (i == count) break;
        memcpy(&one, (const uint64_t *)digits + i, sizeof one);
        p = write_one(one, (struct decimal_scale){scales[i].exponent, scales[i].negative ^ negate},
                      p);
        *p++ = ',';
    }
    return (size_t)(p - out);
}

size_t decimal_print(double value, char *out)
{
    struct decimal decimal = shortest_of(value);
    return (size_t)(write_one(decimal.digits, decimal.scale, out) - out);
}
