/* exact.c - fixed-point sums of products of three doubles, and their correctly rounded quotient. */
#include "mse/exact.h"

#include <math.h>
#include <string.h>

__extension__ typedef unsigned __int128 uint128;

/* A finite double is mantissa * 2^exponent with mantissa < 2^53 and MIN_EXPONENT <= exponent <=
 * MAX_EXPONENT. */
enum { MANTISSA_BITS = 53, MIN_EXPONENT = -1074, MAX_EXPONENT = 971 };

enum { UNIT_EXPONENT = 3 * MIN_EXPONENT, DIGIT_BITS = 32 };

/* weight < 2^1024, (a - b)^2 < 2^2050, and there are at most 2^64 terms. */
_Static_assert(1024 + 2050 + 64 - UNIT_EXPONENT <= DIGIT_BITS * EXACT_SUM_DIGITS,
               "2^64 of the greatest terms fit");

/* Digits take up terms without carrying: an element is at most three terms, each adds less than
 * 2^32 to a digit, and normalise() comes after BATCH elements. */
#define BATCH ((size_t)1 << 28)
_Static_assert(3 * BATCH * (UINT64_C(1) << DIGIT_BITS) < INT64_MAX - (INT64_C(1) << DIGIT_BITS),
               "no digit overflows");

/* The exponent of what is not finite is above MAX_EXPONENT. */
struct parts {
    uint64_t mantissa;
    int exponent;
    bool negative;
};

static inline struct parts parts_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint64_t biased = bits >> 52 & 0x7ff, normal = biased != 0;
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    return (struct parts){fraction | normal << 52, (int)(biased - normal) + MIN_EXPONENT,
                          bits >> 63};
}

/* ---- sums */

void exact_clear(struct exact_sum *sum)
{
    sum->low = sum->high = 0;
}

bool exact_is_zero(const struct exact_sum *sum)
{
    for (unsigned i = sum->low; i < sum->high; i++)
        if (sum->digit[i] != 0) return false;
    return true;
}

/* Extends the digits in use to first..last-1. */
static void cover(struct exact_sum *sum, unsigned first, unsigned last)
{
    if (sum->low == sum->high) sum->low = sum->high = first;
    while (sum->low > first) sum->digit[--sum->low] = 0;
    while (sum->high < last) sum->digit[sum->high++] = 0;
}

/* Brings every digit back to 0..2^32-1. The sum must not be negative. */
static void normalise(struct exact_sum *sum)
{
    int64_t carry = 0;
    for (unsigned i = sum->low; i < sum->high || carry != 0; i++) {
        cover(sum, i, i + 1);
        int64_t digit = sum->digit[i] + carry;
        sum->digit[i] = digit & UINT32_MAX;
        carry = (digit - sum->digit[i]) / (INT64_C(1) << DIGIT_BITS);
    }
}

/* How many digits a product takes up, wherever it begins: one below 2^128, and one below 2^192. */
enum { TWO_FACTORS = 5, THREE_FACTORS = 7 };
_Static_assert((2 * MAX_EXPONENT + 1023 - UNIT_EXPONENT) / DIGIT_BITS + THREE_FACTORS <=
                   EXACT_SUM_DIGITS,
               "no term is too high");

/* The upper word of two that are shifted up by 0..63 places. */
static inline uint64_t shifted(uint64_t upper, uint64_t lower, unsigned places)
{
    return upper << places | lower >> 1 >> (63 - places);
}

/* Adds a * b * c * 2^exponent, or subtracts it. digits is a constant; with TWO_FACTORS c must be 1.
 */
static inline __attribute__((always_inline)) void add_product(struct exact_sum *sum,
                                                              unsigned digits, uint64_t a,
                                                              uint64_t b, uint64_t c, int exponent,
                                                              bool subtract)
{
    unsigned place = (unsigned)(exponent - UNIT_EXPONENT), first = place / DIGIT_BITS,
             shift = place % DIGIT_BITS;
    if (first < sum->low || first + digits > sum->high) cover(sum, first, first + digits);
    uint128 product = (uint128)a * b, low = (uint128)(uint64_t)product * c;
    uint128 high = (product >> 64) * c + (low >> 64);
    uint64_t first_word = (uint64_t)low, middle_word = (uint64_t)high,
             last_word = (uint64_t)(high >> 64);
    uint64_t word[] = {first_word << shift, shifted(middle_word, first_word, shift),
                       shifted(last_word, middle_word, shift), shifted(0, last_word, shift)};
    int64_t sign = subtract ? -1 : 0, *digit = sum->digit + first;
    for (unsigned i = 0; i < digits; i++) {
        int64_t value = (int64_t)(word[i / 2] >> i % 2 * DIGIT_BITS & UINT32_MAX);
        digit[i] += (value ^ sign) -
                    sign; /* NOLINT(clang-analyzer-core.uninitialized.Assign): cover() has set it */
    }
}

/* w (a - b)^2 as one product where |a - b| fits 64 bits at the smaller of the two exponents, which
 * is nearly always; else as a^2 + b^2 - 2ab, in which nothing overflows. digits is a constant; with
 * TWO_FACTORS w must be 1. */
static inline __attribute__((always_inline)) void
add_square(struct exact_sum *sum, unsigned digits, struct parts a, struct parts b, struct parts w)
{
    int lower = a.exponent < b.exponent ? a.exponent : b.exponent;
    unsigned a_gap = (unsigned)(a.exponent - lower), b_gap = (unsigned)(b.exponent - lower);
    if (a_gap + b_gap <= 63 - MANTISSA_BITS) {
        uint64_t p = a.mantissa << a_gap, q = b.mantissa << b_gap;
        uint64_t distance = a.negative != b.negative ? p + q : p > q ? p - q : q - p;
        add_product(sum, digits, distance, distance, w.mantissa, 2 * lower + w.exponent, false);
        return;
    }
    add_product(sum, digits, a.mantissa, a.mantissa, w.mantissa, 2 * a.exponent + w.exponent,
                false);
    add_product(sum, digits, b.mantissa, b.mantissa, w.mantissa, 2 * b.exponent + w.exponent,
                false);
    add_product(sum, digits, 2 * a.mantissa, b.mantissa, w.mantissa,
                a.exponent + b.exponent + w.exponent, a.negative == b.negative);
}

/* 2 w (a - b); a must not be below b. */
static void add_difference(struct exact_sum *sum, struct parts a, struct parts b, struct parts w)
{
    add_product(sum, TWO_FACTORS, 2 * w.mantissa, a.mantissa, 1, w.exponent + a.exponent,
                a.negative);
    add_product(sum, TWO_FACTORS, 2 * w.mantissa, b.mantissa, 1, w.exponent + b.exponent,
                !b.negative);
}

void exact_add_integer(struct exact_sum *sum, uint64_t value)
{
    add_product(sum, TWO_FACTORS, value, 1, 1, 0, false);
    normalise(sum);
}

double exact_add_weights(struct exact_sum *sum, const double *weights, size_t n)
{
    double nonfinite = 0;
    for (size_t i = 0; i < n; i++) {
        struct parts w = parts_of(weights[i]);
        if (w.exponent <= MAX_EXPONENT)
            add_product(sum, TWO_FACTORS, w.mantissa, 1, 1, w.exponent, false);
        else
            nonfinite += weights[i];
        if (i % BATCH == BATCH - 1) normalise(sum);
    }
    normalise(sum);
    return nonfinite;
}

/* digits is a constant; with TWO_FACTORS weights must be NULL. */
static inline __attribute__((always_inline)) double add_squares(struct exact_sum *sum,
                                                                unsigned digits, const double *a,
                                                                const double *b,
                                                                const double *weights, size_t n)
{
    const struct parts one = {1, 0, false};
    double nonfinite = 0;
    for (size_t i = 0; i < n; i++) {
        struct parts p = parts_of(a[i]), q = parts_of(b[i]),
                     w = digits == TWO_FACTORS ? one : parts_of(weights[i]);
        if (w.mantissa == 0) continue;
        if (p.exponent <= MAX_EXPONENT && q.exponent <= MAX_EXPONENT && w.exponent <= MAX_EXPONENT)
            add_square(sum, digits, p, q, w);
        else
            nonfinite += (weights == NULL ? 1 : weights[i]) * (a[i] - b[i]) * (a[i] - b[i]);
        if (i % BATCH == BATCH - 1) normalise(sum);
    }
    normalise(sum);
    return nonfinite;
}

double exact_add_squares(struct exact_sum *sum, const double *a, const double *b,
                         const double *weights, size_t n)
{
    if (weights == NULL) return add_squares(sum, TWO_FACTORS, a, b, NULL, n);
    return add_squares(sum, THREE_FACTORS, a, b, weights, n);
}

void exact_merge(struct exact_sum *sum, const struct exact_sum *other)
{
    if (other->low == other->high) return;
    cover(sum, other->low, other->high);
    for (unsigned i = other->low; i < other->high; i++) sum->digit[i] += other->digit[i];
    normalise(sum);
}

/* ---- the quotient
 *
 * Places of a sum are counted from its unit, and may be below it. */

static uint64_t digit_at(const struct exact_sum *sum, int index)
{
    return index >= (int)sum->low && index < (int)sum->high ? (uint64_t)sum->digit[index] : 0;
}

bool exact_exceeds(const struct exact_sum *sum, const struct exact_sum *other)
{
    int i = EXACT_SUM_DIGITS - 1;
    while (i > 0 && digit_at(sum, i) == digit_at(other, i)) i--;
    return digit_at(sum, i) > digit_at(other, i);
}

/* The 64 binary digits from the given place upward. */
static uint64_t bits_at(const struct exact_sum *sum, int place)
{
    enum { BELOW = 2 * EXACT_SUM_DIGITS }; /* no place is so many digits below the unit */
    int index = (place + BELOW * DIGIT_BITS) / DIGIT_BITS - BELOW,
        shift = place - DIGIT_BITS * index;
    uint64_t low = digit_at(sum, index) | digit_at(sum, index + 1) << DIGIT_BITS;
    return (uint64_t)(((uint128)digit_at(sum, index + 2) << 64 | low) >> shift);
}

/* The place after the highest digit that is 1; 0 for a sum of 0. */
static int length_of(const struct exact_sum *sum)
{
    for (unsigned i = sum->high; i > sum->low; i--)
        if (sum->digit[i - 1] != 0)
            return (int)(DIGIT_BITS * (i - 1)) + 64 - __builtin_clzll((uint64_t)sum->digit[i - 1]);
    return 0;
}

/* The place of the lowest digit that is 1. The sum must not be 0. */
static int last_of(const struct exact_sum *sum)
{
    unsigned lowest = sum->low;
    while (sum->digit[lowest] == 0) lowest++;
    return (int)(DIGIT_BITS * lowest) + __builtin_ctzll((uint64_t)sum->digit[lowest]);
}

/* The double nearest to magnitude * 2^exponent. magnitude is at least 2^62; its lowest digit may
 * stand for any number of digits that were cut off, all of them below it: it is 1 if one of these
 * is, and it is never the last one kept. */
static double round_to_double(uint64_t magnitude, int exponent)
{
    int leading =
        exponent + 63 - __builtin_clzll(magnitude); /* the exponent of the highest digit */
    if (leading > 1023) return HUGE_VAL;
    int normal = leading < -1022 ? -1022 : leading;
    int cut =
        normal - 52 - exponent; /* digits of magnitude below the last one that a double has there */
    uint64_t kept = 0;
    if (cut <= 64) {
        uint64_t half = UINT64_C(1) << (cut - 1);
        uint64_t below = cut == 64 ? magnitude : magnitude & (2 * half - 1);
        kept = cut == 64 ? 0 : magnitude >> cut;
        kept += below + (kept & 1) > half; /* no branch: it would be taken at random */
    }
    /* Digit 52 of kept, or a carry out of it, counts the exponent up by itself, to that of infinity
     * at the end. */
    uint64_t bits = ((uint64_t)(normal + 1022) << 52) + kept;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The sign of numerator - quotient * denominator, with the numerator read as 0.0aaa... and the
 * denominator as 0.bbb..., a and b beginning with a 1, and quotient as a fraction of 2^64. */
static int compare_product(const struct exact_sum *numerator, int numerator_length,
                           uint64_t quotient, const struct exact_sum *denominator,
                           int denominator_length)
{
    int a_words = (numerator_length + 1 - DIGIT_BITS * (int)numerator->low + 63) / 64;
    int b_words = (denominator_length - DIGIT_BITS * (int)denominator->low + 63) / 64;
    uint64_t carry = 0, borrow = 0, rest = 0;
    for (int i = a_words > b_words ? a_words : b_words; i >= 0; i--) {
        uint128 product = carry;
        if (i > 0) product += (uint128)quotient * bits_at(denominator, denominator_length - 64 * i);
        uint64_t word = bits_at(numerator, numerator_length + 1 - 64 * (i + 1));
        uint128 difference = (uint128)word - (uint64_t)product - borrow;
        carry = (uint64_t)(product >> 64);
        borrow = (uint64_t)(difference >> 64) & 1;
        rest |= (uint64_t)difference;
    }
    return borrow != 0 ? -1 : rest != 0;
}

/* One step of long division in radix 2^64 (Knuth, The Art of Computer Programming, volume 2, 4.3.1,
 * algorithm D), which gives at least 62 bits of the quotient. The estimate from the leading words
 * is never too small and at most 2 too large, theorem B there, since the denominator's leading word
 * has its highest bit set. */
double exact_quotient(const struct exact_sum *numerator, const struct exact_sum *denominator)
{
    int a_length = length_of(numerator), b_length = length_of(denominator);
    if (a_length == 0) return 0;
    uint128 a_leading = (uint128)bits_at(numerator, a_length + 1 - 64) << 64;
    a_leading |= bits_at(numerator, a_length + 1 - 128);
    uint64_t b_leading = bits_at(denominator, b_length - 64);
    uint64_t quotient =
        (uint64_t)(a_leading /
                   b_leading); /* NOLINT(clang-analyzer-core.DivideZero): it is >= 2^63 */
    int sign;
    while ((sign = compare_product(numerator, a_length, quotient, denominator, b_length)) < 0)
        quotient--;
    return round_to_double(quotient | (sign > 0), a_length - b_length - 63);
}

void exact_leading(const struct exact_sum *sum, double *high, double *low)
{
    int last = length_of(sum) - 2 * MANTISSA_BITS;
    uint64_t mantissa = (UINT64_C(1) << MANTISSA_BITS) - 1;
    double upper = ldexp((double)(bits_at(sum, last + MANTISSA_BITS) & mantissa),
                         last + MANTISSA_BITS + UNIT_EXPONENT);
    double lower = ldexp((double)(bits_at(sum, last) & mantissa), last + UNIT_EXPONENT);
    *high = upper + lower;
    *low = lower - (*high - upper);
}

/* ---- one element
 *
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
    bool is_exact = (uint128)quotient * divisor == numerator;
    return round_to_double(quotient | !is_exact, exponent - zeros + divisor_zeros);
}

static struct parts without_trailing_zeros(struct parts p)
{
    int zeros = p.mantissa == 0 ? 0 : __builtin_ctzll(p.mantissa);
    return (struct parts){p.mantissa >> zeros, p.exponent + zeros, p.negative};
}

static int bits_in(uint128 value)
{
    uint64_t high = (uint64_t)(value >> 64), low = (uint64_t)value;
    return high != 0 ? 128 - __builtin_clzll(high) : low != 0 ? 64 - __builtin_clzll(low) : 0;
}

/* |a - b| = distance * 2^exponent, unless the exponents are so far apart that it does not fit. */
static bool short_distance(struct parts a, struct parts b, uint128 *distance, int *exponent)
{
    *exponent = a.exponent < b.exponent ? a.exponent : b.exponent;
    int a_gap = a.exponent - *exponent, b_gap = b.exponent - *exponent;
    if (a_gap + b_gap > 64) return false;
    uint128 p = (uint128)a.mantissa << a_gap, q = (uint128)b.mantissa << b_gap;
    *distance = a.negative != b.negative ? p + q : p > q ? p - q : q - p;
    return true;
}

void exact_divide_by(struct exact_divisor *divisor, const struct exact_sum *sum)
{
    int length = length_of(sum), last = last_of(sum);
    divisor->digit = length - last <= 64 ? bits_at(sum, length - 64) : 0;
    divisor->exponent = length - 64 + UNIT_EXPONENT;
    exact_clear(&divisor->sum);
    exact_merge(&divisor->sum, sum);
}

/* Apart from exact_gradient, as its sum is a large thing to have on the stack for the few that need
 * it. */
static __attribute__((noinline)) double
long_gradient(struct parts a, struct parts b, struct parts w, const struct exact_sum *divisor)
{
    struct exact_sum numerator;
    exact_clear(&numerator);
    add_difference(&numerator, a, b, w);
    normalise(&numerator);
    return exact_quotient(&numerator, divisor);
}

double exact_gradient(double a, double b, double weight, const struct exact_divisor *divisor)
{
    struct parts p = parts_of(a), q = parts_of(b), w = without_trailing_zeros(parts_of(weight));
    uint128 distance;
    int exponent;
    double size;
    if (w.mantissa == 0) return 0;
    if (divisor->digit != 0 && short_distance(p, q, &distance, &exponent) &&
        bits_in(distance) + bits_in(w.mantissa) < 128)
        size = short_quotient(distance * w.mantissa, exponent + w.exponent + 1 - divisor->exponent,
                              divisor->digit);
    else
        size =
            a > b ? long_gradient(p, q, w, &divisor->sum) : long_gradient(q, p, w, &divisor->sum);
    uint64_t bits;
    memcpy(&bits, &size, sizeof bits);
    bits |= (uint64_t)(a < b) << 63; /* no branch: it would be taken at random */
    memcpy(&size, &bits, sizeof size);
    return size;
}

static __attribute__((noinline)) double long_loss(struct parts a, struct parts b, struct parts w)
{
    struct exact_sum numerator, one;
    exact_clear(&numerator);
    exact_clear(&one);
    add_square(&numerator, THREE_FACTORS, a, b, w);
    normalise(&numerator);
    exact_add_integer(&one, 1);
    return exact_quotient(&numerator, &one);
}

double exact_loss(double a, double b, double weight)
{
    struct parts p = parts_of(a), q = parts_of(b), w = without_trailing_zeros(parts_of(weight));
    uint128 distance;
    int exponent;
    if (short_distance(p, q, &distance, &exponent) &&
        2 * bits_in(distance) + bits_in(w.mantissa) < 128)
        return short_quotient(distance * distance * w.mantissa, 2 * exponent + w.exponent, 1);
    return long_loss(p, q, w);
}

/* ---- bounds and text */

int exact_last(const struct exact_sum *sum)
{
    return last_of(sum) + UNIT_EXPONENT;
}

uint64_t exact_floor(const struct exact_sum *sum, int exponent)
{
    int place = exponent - UNIT_EXPONENT;
    return length_of(sum) > place + 64 ? UINT64_MAX : bits_at(sum, place);
}

size_t exact_print_integer(uint64_t value, char *text)
{
    char reversed[20];
    size_t length = 0;
    do reversed[length++] = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    for (size_t i = 0; i < length; i++) text[i] = reversed[length - 1 - i];
    return length;
}

bool exact_parse_integer(uint64_t *value, const char *text, size_t length)
{
    uint64_t read = 0;
    if (length == 0 || length > 20 || (text[0] == '0' && length > 1)) return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        uint64_t digit = (uint64_t)(text[i] - '0');
        if (read > (UINT64_MAX - digit) / 10) return false;
        read = 10 * read + digit;
    }
    *value = read;
    return true;
}

static const char hexadecimal[] = "0123456789abcdef";

size_t exact_print(const struct exact_sum *sum, char *text)
{
    int length = length_of(sum), last = length == 0 ? -UNIT_EXPONENT : last_of(sum);
    int digits = length == 0 ? 1 : (length - last + 3) / 4, exponent = last + UNIT_EXPONENT;
    char *p = text;
    *p++ = '0';
    *p++ = 'x';
    while (digits-- > 0) *p++ = hexadecimal[bits_at(sum, last + 4 * digits) & 15];
    *p++ = 'p';
    *p++ = exponent < 0 ? '-' : '+';
    p += exact_print_integer((uint64_t)(exponent < 0 ? -exponent : exponent), p);
    return (size_t)(p - text);
}

bool exact_parse(struct exact_sum *sum, const char *text, size_t length)
{
    const char *p = memchr(text, 'p', length), *limit = text + length;
    uint64_t magnitude;
    if (p == NULL || p - text < 3 || text[0] != '0' || text[1] != 'x') return false;
    if (limit - p < 3 || (p[1] != '+' && p[1] != '-')) return false;
    if (!exact_parse_integer(&magnitude, p + 2, (size_t)(limit - p) - 2)) return false;

    exact_clear(sum);
    if (text[2] == '0') return p == text + 3 && p[1] == '+' && magnitude == 0;
    if (magnitude > DIGIT_BITS * EXACT_SUM_DIGITS || (p[1] == '-' && magnitude == 0)) return false;
    int place = (p[1] == '-' ? -(int)magnitude : (int)magnitude) - UNIT_EXPONENT;
    size_t digits = (size_t)(p - text) - 2, room = DIGIT_BITS * EXACT_SUM_DIGITS;
    if (place < 0 || digits > room / 4 || (size_t)place > room - 4 * digits) return false;

    unsigned bit = (unsigned)place, last = bit + 4 * (unsigned)digits - 1;
    cover(sum, bit / DIGIT_BITS, last / DIGIT_BITS + 1);
    for (const char *c = p - 1; c > text + 1; c--, bit += 4) {
        const char *found = memchr(hexadecimal, *c, 16);
        if (found == NULL) return false;
        uint64_t digit = (uint64_t)(found - hexadecimal) << bit % DIGIT_BITS;
        sum->digit[bit / DIGIT_BITS] |= (int64_t)(digit & UINT32_MAX);
        if (digit > UINT32_MAX) sum->digit[bit / DIGIT_BITS + 1] |= (int64_t)(digit >> DIGIT_BITS);
    }
    return exact_last(sum) - UNIT_EXPONENT == place; /* m is odd */
}
