/* decimal_parse.c - decimal text -> nearest double. Knows nothing of arrays but the comma.
 *
 * Two ways lead from text to digits: read_plain takes byte after byte, to any length, and names
 * faults; read_window takes what fits in a window of bytes that all may be read, and declines the
 * rest. From digits to a double it is one way: nearest() multiplies by a power of ten of 128 bits,
 * and where that cannot decide, decimal_exact does. */
#include "cpu.h"
#include "decimal/decimal.h"
#include "decimal/decimal_digits.h"
#include "decimal/decimal_exact.h"
#include "decimal/decimal_powers.h"
#include "decimal/decimal_wide.h"

#include <float.h>
#include <string.h>

/* What the compiler lays the code out for, so that few jumps are taken. */
#define usual(condition)   __builtin_expect((condition) != 0, 1)
#define unusual(condition) __builtin_expect((condition) != 0, 0)

#define INFINITY_BITS ((uint64_t)0x7ff << 52)

/* ---- digits -> double */

/* Sets *bits to the double nearest to n * 10^q, n not 0, and returns 1; or returns 0 and sets it to
 * the largest double that is at most n * 10^q, or to the one before, where 128 bits of 10^q do not
 * tell, or the result is below the least subnormal.
 *
 * n is shifted to have its top bit set. With T = floor(10^q * 2^(127 - decimal_log2(q))) as the
 * table has it, the real product lies in [n T, n T + n). Of n T, first only the upper half of T is
 * multiplied: the upper 64 bits are then too small by less than 2. Their lowest bits, "drop" of
 * them, do not fit the double's mantissa and are rounded off: they are compared with half = 2^(drop
 * - 1). Only where they are half - 1 or half could the missing amount matter; there the lower half
 * of T is multiplied as well, which leaves less than 2 units of the next 64 bits. */
static int nearest(uint64_t n, int q, uint64_t *bits)
{
    struct decimal_power power = decimal_power_of(q);
    int shift = __builtin_clzll(n);
    n <<= shift;
    decimal_uint128 product = (decimal_uint128)n * power.high;
    uint64_t high = (uint64_t)(product >> 64), low = (uint64_t)product;

    int lead = high >> 63 ? 0 : 1;
    int drop = 11 - lead;
    /* high * 2^(decimal_log2(q) + 1 - shift) is the value: its exponent of two as a double has it
     */
    int biased = decimal_log2(q) + 64 - shift - lead + 1023;
    if (biased <= 0) {
        drop += 1 - biased;
        biased = 1;
        *bits = 0;
        if (drop > 63) return 0;
    }
    uint64_t mask = ((uint64_t)1 << drop) - 1, half = (uint64_t)1 << (drop - 1);
    uint64_t up = high >> (drop - 1) & 1;
    if (((high + 1 - half) & mask) <= 1) {
        uint64_t next = (uint64_t)((decimal_uint128)n * power.low >> 64);
        low += next;
        high += low < next;
        up = high >> (drop - 1) & 1;
        if ((low == 0 && (high & mask) == half) ||
            (low == UINT64_MAX && (high & mask) == half - 1)) {
            *bits = ((uint64_t)(biased - 1) << 52) + (high >> drop);
            return 0;
        }
    }
    /* the leading bit of the mantissa adds to the exponent, and so does a mantissa that is rounded
     * up to 2^53 */
    *bits = ((uint64_t)(biased - 1) << 52) + (high >> drop) + up;
    return 1;
}

#define UNDECIDED UINT64_MAX /* the bits of no finite double */

static uint64_t nearest_or_undecided(uint64_t n, int q)
{
    uint64_t bits;
    return nearest(n, q, &bits) ? bits : UNDECIDED;
}

/* The same in the usual case: a normal result, and a product far from the middle between two
 * doubles. */
static inline uint64_t nearest_usual(uint64_t n, int q)
{
    int shift = __builtin_clzll(n);
    uint64_t high = (uint64_t)((decimal_uint128)(n << shift) * decimal_power_of(q).high >> 64);
    int lead = (int)(high >> 63) ^ 1;
    int biased = decimal_log2(q) + 64 - shift - lead + 1023;
    uint64_t leading = high << lead; /* less than 4 too small */
    if (unusual(((leading + 3) & 0x7ff) - 0x400 < 4)) return nearest_or_undecided(n, q);
    return ((uint64_t)(biased - 1) << 52) + (((leading >> 10) + 1) >> 1);
}

/* Divided by one of these, an integer of less than 2^53 is rounded once. */
static const double exact_tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9, 1e10,
                                    1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20};
_Static_assert(FLT_EVAL_METHOD == 0 || FLT_EVAL_METHOD == 1, "double arithmetic rounds to double");

static double with_sign(uint64_t bits, int negative)
{
    double value;
    bits |= (uint64_t)negative << 63;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Sets *value to the double nearest to digits: DONE or RANGE. */
static enum decimal_status round_digits(struct decimal_digits digits, int negative, double *value)
{
    uint64_t n = 0, bits = 0;
    int count = 0, more = 0; /* significant digits; not only zeros are left out of n */
    int64_t q = digits.exponent;
    for (const char *p = digits.first; p < digits.limit; p++) {
        if (*p == '.') continue;
        if (count < 19) {
            n = n * 10 + (uint64_t)(*p - '0');
            count += n != 0;
        } else {
            more |= *p != '0';
            q++;
        }
    }
    if (n != 0 && q > 308) return DECIMAL_RANGE;
    if (n != 0 && q >= DECIMAL_POWER_FIRST) {
        int decided = nearest(n, (int)q, &bits);
        if (decided && more) {
            /* the digits are between n and n + 1, which are far less than a double's step from each
             * other */
            uint64_t next;
            decided = nearest(n + 1, (int)q, &next) && next == bits;
        }
        if (!decided && bits < INFINITY_BITS) bits = decimal_exact(digits, bits);
        if (bits >= INFINITY_BITS) return DECIMAL_RANGE;
    }
    *value = with_sign(bits, negative);
    return DECIMAL_DONE;
}

/* ---- text -> digits, byte after byte */

static const char *skip_digits(const char *p, const char *limit)
{
    while (p < limit && *p >= '0' && *p <= '9') p++;
    return p;
}

/* An exponent's digits; from 10^17 on it does not matter how many follow: no text is as long. */
static int64_t read_exponent(const char *p, const char *limit)
{
    int64_t exponent = 0;
    for (; p < limit && exponent < 100000000000000000; p++) exponent = exponent * 10 + (*p - '0');
    return exponent;
}

static enum decimal_status read_plain(const char *text, const char *limit, const char **end,
                                      double *value)
{
    const char *p = text, *first;
    int negative = p < limit && *p == '-';
    struct decimal_digits digits = {p + negative, NULL, 0};
    p = digits.first;
    if (p < limit && *p == '0') {
        p++;
    } else {
        p = skip_digits(first = p, limit);
        if (p == first) goto missing;
    }
    if (p < limit && *p == '.') {
        p = skip_digits(first = p + 1, limit);
        if (p == first) goto missing;
        digits.exponent = first - p;
    }
    digits.limit = p;
    if (p < limit && (*p == 'e' || *p == 'E')) {
        p++;
        int below = p < limit && *p == '-';
        if (p < limit && (*p == '-' || *p == '+')) p++;
        p = skip_digits(first = p, limit);
        if (p == first) goto missing;
        int64_t exponent = read_exponent(first, p);
        digits.exponent += below ? -exponent : exponent;
    }
    *end = p;
    return p == limit ? DECIMAL_MORE : round_digits(digits, negative, value);
missing:
    *end = p;
    return p == limit ? DECIMAL_MORE : DECIMAL_BAD;
}

/* ---- text -> digits, a window at a time */

/* Bytes from a number's first that read_window may read: 32 are looked at, and words that begin
 * among them are read. Where there is a comma, bytes before, too: 24 before the end of a number
 * with eleven bytes or more. */
#define WINDOW        40
#define WINDOW_BEFORE 16

/* What a window holds: the byte after the number, NULL where read_plain has to look, and the
 * double's bits. */
struct reading {
    const char *end;
    uint64_t bits;
};

/* read_window() from the byte after the e of n e... on. */
static struct reading read_window_exponent(const char *p, uint64_t n, int q, unsigned negative)
{
    const struct reading declined = {NULL, 0};
    int below = *p == '-', exponent = 0, count = 0;
    p += below || *p == '+';
    for (unsigned digit; count < 5 && (digit = (unsigned)*p - '0') < 10; p++, count++)
        exponent = exponent * 10 + (int)digit;
    if (count == 0 || count == 5) return declined;
    q += below ? -exponent : exponent;
    uint64_t bits = 0;
    if (n != 0) {
        /* n is less than 10^20: from 10^-307 to 10^308 the result is normal */
        if (q < DECIMAL_POWER_FIRST || q > 308) return declined;
        bits = q >= -307 && q <= 288 ? nearest_usual(n, q) : nearest_or_undecided(n, q);
        if (bits >= INFINITY_BITS) return declined;
    }
    return (struct reading){p, bits | (uint64_t)negative << 63};
}

/* Reads the number at text, of whose first bytes other says which are no digits. comma is where it
 * is expected to end, or NULL. Inlined: half of it falls away where comma is NULL. */
__attribute__((always_inline)) static inline struct reading
read_window(const char *text, uint64_t other, const char *comma)
{
    const struct reading declined = {NULL, 0};
    unsigned negative = *text == '-', fraction = 0;
    const char *p = text + negative;
    other >>= negative;
    unsigned whole = (unsigned)__builtin_ctzll(other);
    uint64_t n, bits;
    if (usual(whole == 1)) {
        n = (uint64_t)*p & 15;
    } else {
        if (unusual(whole - 1 >= 19 || *p == '0')) return declined;
        n = digits_at(p, whole);
    }
    p += whole;
    if (usual(*p == '.')) {
        other &= other - 1;
        fraction = (unsigned)__builtin_ctzll(other) - whole - 1;
        p += 1 + fraction;
        if (unusual(fraction - 1 >= (comma ? 20 : 19))) return declined;
        if (unusual(whole + fraction > 19 && n != 0)) return declined;
        n *= digits_tens[fraction];
        if (!comma) {
            n += digits_at(p - fraction, fraction);
        } else if (unusual(fraction <= 8)) {
            n += digits_last_eight(p, fraction);
        } else {
            uint64_t above = digits_above_sixteen(p, fraction);
            if (above > 999) return declined;
            n += above * 10000000000000000 + digits_last_sixteen(p, fraction);
        }
    }
    if (unusual(p != comma && (*p | 0x20) == 'e'))
        return read_window_exponent(p + 1, n, -(int)fraction, negative);
    if (unusual(n >> 50 == 0)) {
        double value = (double)(int64_t)n / exact_tens[fraction];
        memcpy(&bits, &value, sizeof value);
    } else {
        bits = nearest_usual(n, -(int)fraction);
        if (bits == UNDECIDED) return declined;
    }
    return (struct reading){p, bits | (uint64_t)negative << 63};
}

enum decimal_status decimal_parse(const char *text, const char *limit, const char **end,
                                  double *value)
{
    if (limit - text >= WINDOW) {
        struct reading reading = read_window(text, digits_look(text).other, NULL);
        if (reading.end) {
            memcpy(value, &reading.bits, sizeof reading.bits);
            *end = reading.end;
            return DECIMAL_DONE;
        }
    }
    return read_plain(text, limit, end, value);
}

/* ---- runs */

static const char *skip_white(const char *p, const char *limit)
{
    while (p < limit && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) p++;
    return p;
}

/* The byte after mark, with white space before it; NULL if that does not come next, or p is NULL.
 */
static const char *after(const char *p, const char *limit, char mark)
{
    if (p == NULL) return NULL;
    p = skip_white(p, limit);
    return p < limit && *p == mark ? p + 1 : NULL;
}

/* Reads the element at p and what separates it from the next: returns the byte after that, or NULL.
 */
static const char *read_element(const char *p, const char *limit, int ends_row, double *value)
{
    const char *number = skip_white(p, limit), *end;
    if (decimal_parse(number, limit, &end, value) != DECIMAL_DONE) return NULL;
    if (end - number > DECIMAL_RUN_NUMBER_MAX) return NULL;
    if (!ends_row) return after(end, limit, ',');
    return after(after(after(end, limit, ']'), limit, ','), limit, '[');
}

size_t decimal_parse_portable(const char *text, const char *limit, const char **end, double *values,
                              size_t room, struct decimal_row row)
{
    const size_t length = (size_t)(limit - text), around = WINDOW_BEFORE + WINDOW;
    const size_t windows =
        length < around ? 0 : length - around + 1; /* places with a window around them */
    const char *p = text, *next;
    size_t count = 0;
    size_t last = row.length > 0 ? row.length - 1 - row.index : SIZE_MAX; /* of its row */
    for (; count < room; p = next) {
        double value;
        const char *begin =
            p; /* of the number, or of one space before it, which the window has room for */
        if (limit - p > 1 && (unsigned char)p[1] <= ' ') begin = skip_white(p, limit);
        if (usual((size_t)(begin - text) - WINDOW_BEFORE < windows && count != last)) {
            /* The comma is found first, so that the processor begins with the next element before
             * this one is done. The empty instruction keeps compilers from computing next of
             * reading.end, known to be the same, but later. */
            struct digits_masks masks = digits_look(begin);
            const char *comma = begin + (unsigned)__builtin_ctzll(masks.comma | (uint64_t)1 << 32);
            unsigned space = *begin == ' ';
            next = comma + 1;
            __asm__("" : "+r"(next));
            struct reading reading = read_window(begin + space, masks.other >> space, comma);
            if (usual(reading.end ==
                      comma)) { /* a number has less than 32 bytes here: there is one */
                memcpy(&values[count++], &reading.bits, sizeof reading.bits);
                continue;
            }
        }
        next = read_element(p, limit, count == last, &value);
        if (!next) break;
        if (count == last) last += row.length;
        values[count++] = value;
    }
    *end = p;
    return count;
}

/* Reads many at a time where this CPU can, and may stop before any element. */
static size_t parse_many(const char *text, const char *limit, const char **end, double *values,
                         size_t room, struct decimal_row row)
{
    if (cpu_level() >= CPU_VBMI2) return decimal_parse_wide(text, limit, end, values, room, row);
    if (cpu_level() >= CPU_AVX2) return decimal_parse_avx2(text, limit, end, values, room, row);
    *end = text;
    return 0;
}

/* Elements that are read one by one where that has stopped. */
#define ONE_BY_ONE 16

size_t decimal_parse_run(const char *text, const char *limit, const char **end, double *values,
                         size_t room, struct decimal_row row)
{
    size_t count = 0, taken, some;
    do {
        taken = parse_many(text, limit, &text, values + count, room - count, row);
        count += taken;
        if (row.length > 0) row.index = (row.index + taken) % row.length;
        some = cpu_level() >= CPU_AVX2 && room - count > ONE_BY_ONE ? ONE_BY_ONE : room - count;
        taken = decimal_parse_portable(text, limit, &text, values + count, some, row);
        count += taken;
        if (row.length > 0) row.index = (row.index + taken) % row.length;
    } while (taken == some && count < room);
    *end = text;
    return count;
}
