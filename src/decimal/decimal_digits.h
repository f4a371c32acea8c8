/* decimal_digits.h - digits of text, many at a time: in words on any machine, in vectors where
 * there are some. A function with vectors stands beside its portable form, which defines what it
 * does; a test runs both. Private to decimal_*.c.
 *
 * In a word, the first byte of the text is the lowest; so is its bit in a mask. */
#ifndef DECIMAL_DIGITS_H
#define DECIMAL_DIGITS_H

#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

static inline uint64_t digits_load8(const char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* The number that eight digits make. Pairs, fours and eights are put together side by side; of the
 * bytes only the low four bits count. */
static inline uint64_t digits_eight(uint64_t word)
{
    word = (word & 0x0f0f0f0f0f0f0f0f) * (10 << 8 | 1) >> 8 & 0x00ff00ff00ff00ff;
    word = word * (100 << 16 | 1) >> 16 & 0x0000ffff0000ffff;
    return word * ((uint64_t)10000 << 32 | 1) >> 32;
}

/* Powers of ten. The last, 10^20, is taken times 0 only, for 0. and twenty digits. */
static const uint64_t digits_tens[21] = {
    (uint64_t)1e0,  (uint64_t)1e1,  (uint64_t)1e2,
    (uint64_t)1e3,  (uint64_t)1e4,  (uint64_t)1e5,
    (uint64_t)1e6,  (uint64_t)1e7,  (uint64_t)1e8,
    (uint64_t)1e9,  (uint64_t)1e10, (uint64_t)1e11,
    (uint64_t)1e12, (uint64_t)1e13, (uint64_t)1e14,
    (uint64_t)1e15, (uint64_t)1e16, (uint64_t)1e17,
    (uint64_t)1e18, (uint64_t)1e19, 0,
};

/* The number that the count digits at p make, 1 to 19. Reads 24 bytes. */
static inline uint64_t digits_at(const char *p, unsigned count)
{
    uint64_t n = 0;
    for (; count > 8; p += 8, count -= 8) n = n * 100000000 + digits_eight(digits_load8(p));
    /* what follows the last digit is shifted out, and zeros shifted in before the first */
    return n * digits_tens[count] + digits_eight(digits_load8(p) << (64 - 8 * count));
}

/* Read from byte count on, 24 bytes that keep the digits of the last count, and nothing of those
 * before. */
static const unsigned char digits_keep[48] = {[24] = 15, 15, 15, 15, 15, 15, 15, 15,
                                              15,        15, 15, 15, 15, 15, 15, 15,
                                              15,        15, 15, 15, 15, 15, 15, 15};

/* The number that the count digits before end make, 1 to 24, without its last sixteen. Reads 24
 * bytes before end. */
static inline uint64_t digits_above_sixteen(const char *end, unsigned count)
{
    return digits_eight(digits_load8(end - 24) & digits_load8((const char *)digits_keep + count));
}

/* The number that the count digits before end make, 1 to 8. Reads 8 bytes before end. */
static inline uint64_t digits_last_eight(const char *end, unsigned count)
{
    return digits_eight(digits_load8(end - 8) &
                        digits_load8((const char *)digits_keep + 16 + count));
}

/* The number that the last sixteen make of the count digits before end, 1 to 24. Reads 16 bytes
 * before end. */
static inline uint64_t digits_last_sixteen_portable(const char *end, unsigned count)
{
    const char *keep = (const char *)digits_keep + 8 + count;
    uint64_t high = digits_eight(digits_load8(end - 16) & digits_load8(keep));
    return high * 100000000 + digits_eight(digits_load8(end - 8) & digits_load8(keep + 8));
}

/* Bits of the 32 bytes at a place; those above 32 are set in other, clear in comma. */
struct digits_masks {
    uint64_t other; /* is no digit */
    uint64_t comma;
};

static inline struct digits_masks digits_look_portable(const char *p)
{
    const uint64_t ones = 0x0101010101010101, low7 = 0x7f * ones;
    struct digits_masks masks = {UINT64_MAX << 32, 0};
    for (int i = 0; i < 4; i++) {
        uint64_t word = digits_load8(p + 8 * i), digit = word ^ '0' * ones,
                 comma = word ^ ',' * ones;
        /* sums of seven bits stay within their bytes: the top bit is set where digit > 9, where
         * comma != 0 */
        uint64_t other = (((digit & low7) + (0x80 - 10) * ones) | digit) >> 7 & ones;
        uint64_t rest = (((comma & low7) + 0x7f * ones) | comma) >> 7 & ones;
        /* the factor brings eight bits side by side */
        masks.other |= (other * 0x0102040810204080 >> 56) << 8 * i;
        masks.comma |= ((rest ^ ones) * 0x0102040810204080 >> 56) << 8 * i;
    }
    return masks;
}

/* The digits of a number below 10^8, the first in the lowest byte. */
static inline uint64_t digits_split_eight(uint32_t number)
{
    uint64_t x = number, quotient = x / 10000;
    x = quotient + ((x - quotient * 10000) << 32);
    quotient = x * 5243 >> 19 & 0x0000007f0000007f; /* / 100 */
    x = quotient + ((x - quotient * 100) << 16);
    quotient = x * 103 >> 10 & 0x000f000f000f000f; /* / 10 */
    return quotient + ((x - quotient * 10) << 8);
}

static inline void digits_store8(char *out, uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    memcpy(out, &word, sizeof word);
}

/* Writes two numbers below 10^8 with eight digits each, and returns how many of the sixteen there
 * are up to the last that is not 0. */
static inline unsigned digits_write_sixteen_portable(uint32_t high, uint32_t low, char *out)
{
    uint64_t first = digits_split_eight(high), second = digits_split_eight(low);
    digits_store8(out, first + 0x3030303030303030);
    digits_store8(out + 8, second + 0x3030303030303030);
    if (second) return 16 - (unsigned)__builtin_clzll(second) / 8;
    return first ? 8 - (unsigned)__builtin_clzll(first) / 8 : 0;
}

#if defined(__SSE2__)
static inline uint64_t digits_last_sixteen(const char *end, unsigned count)
{
    const unsigned char *keep = digits_keep + 8 + count;
    __m128i x = _mm_and_si128(_mm_loadu_si128((const __m128i *)(end - 16)),
                              _mm_loadu_si128((const __m128i *)keep));
    x = _mm_srli_epi16(_mm_mullo_epi16(x, _mm_set1_epi16(10 << 8 | 1)), 8);
    x = _mm_madd_epi16(x, _mm_set1_epi32(1 << 16 | 100));
    x = _mm_madd_epi16(_mm_packs_epi32(x, x), _mm_set1_epi32(1 << 16 | 10000));
    uint64_t halves = (uint64_t)_mm_cvtsi128_si64(x);
    return (halves & 0xffffffff) * 100000000 + (halves >> 32);
}

static inline struct digits_masks digits_look(const char *p)
{
    const __m128i zero = _mm_set1_epi8((char)('0' + 128)), ten = _mm_set1_epi8(10 - 128),
                  comma = _mm_set1_epi8(',');
    __m128i a = _mm_loadu_si128((const __m128i *)p), b = _mm_loadu_si128((const __m128i *)(p + 16));
    /* taken from '0' + 128, the digits are the ten least signed numbers */
    uint32_t digit_a = (uint32_t)_mm_movemask_epi8(_mm_cmplt_epi8(_mm_sub_epi8(a, zero), ten));
    uint32_t digit_b = (uint32_t)_mm_movemask_epi8(_mm_cmplt_epi8(_mm_sub_epi8(b, zero), ten));
    uint32_t comma_a = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(a, comma));
    uint32_t comma_b = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(b, comma));
    return (struct digits_masks){~(uint64_t)(digit_a | digit_b << 16), comma_a | comma_b << 16};
}

static inline unsigned digits_write_sixteen(uint32_t high, uint32_t low, char *out)
{
    /* each step splits every number in two, side by side: 8 digits, 4, 2, 1 */
    __m128i x = _mm_unpacklo_epi64(_mm_cvtsi32_si128((int)high), _mm_cvtsi32_si128((int)low));
    __m128i quotient =
        _mm_srli_epi64(_mm_mul_epu32(x, _mm_set1_epi64x(3518437209)), 45); /* / 10000 */
    x = _mm_add_epi64(
        quotient,
        _mm_slli_epi64(_mm_sub_epi64(x, _mm_mul_epu32(quotient, _mm_set1_epi64x(10000))), 32));
    quotient = _mm_srli_epi16(_mm_mulhi_epu16(x, _mm_set1_epi16(5243)), 3); /* / 100 */
    x = _mm_add_epi32(
        quotient,
        _mm_slli_epi32(_mm_sub_epi32(x, _mm_madd_epi16(quotient, _mm_set1_epi32(100))), 16));
    quotient = _mm_mulhi_epu16(x, _mm_set1_epi16(6554)); /* / 10 */
    x = _mm_add_epi8(
        quotient,
        _mm_slli_epi16(_mm_sub_epi16(x, _mm_mullo_epi16(quotient, _mm_set1_epi16(10))), 8));
    _mm_storeu_si128((__m128i *)out, _mm_add_epi8(x, _mm_set1_epi8('0')));
    unsigned zeros = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, _mm_setzero_si128()));
    return (unsigned)__builtin_clz(zeros << 1 ^ 0x1ffff) ^
           31; /* the place of the highest bit; bit 0 is set */
}
#else
#define digits_last_sixteen  digits_last_sixteen_portable
#define digits_look          digits_look_portable
#define digits_write_sixteen digits_write_sixteen_portable
#endif

#endif
