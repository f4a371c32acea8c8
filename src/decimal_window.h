/* decimal_window.h - the digits of a number, many at a time: what decimal_parse.c reads windows of text with. Private
 * to it.
 *
 * In a word, the first byte of the text is the lowest; so is its bit in a mask. */
#ifndef DECIMAL_WINDOW_H
#define DECIMAL_WINDOW_H

#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

static inline uint64_t window_load8(const char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* The number that eight digits make. Pairs, fours and eights are put together side by side; of the bytes only the low
 * four bits count. */
static inline uint64_t window_eight(uint64_t word)
{
    word = (word & 0x0f0f0f0f0f0f0f0f) * (10 << 8 | 1) >> 8 & 0x00ff00ff00ff00ff;
    word = word * (100 << 16 | 1) >> 16 & 0x0000ffff0000ffff;
    return word * ((uint64_t)10000 << 32 | 1) >> 32;
}

static inline uint32_t window_four(uint32_t word)
{
    word = (word & 0x0f0f0f0f) * (10 << 8 | 1) >> 8 & 0x00ff00ff;
    return word * (100 << 16 | 1) >> 16;
}

static const uint64_t window_tens[21] = {1,
                                         10,
                                         100,
                                         1000,
                                         10000,
                                         100000,
                                         1000000,
                                         10000000,
                                         100000000,
                                         1000000000,
                                         10000000000,
                                         100000000000,
                                         1000000000000,
                                         10000000000000,
                                         100000000000000,
                                         1000000000000000,
                                         10000000000000000,
                                         100000000000000000,
                                         1000000000000000000,
                                         10000000000000000000u,
                                         0 /* 10^20 times 0, for 0. and twenty digits */};

/* The number that the count digits at p make, 1 to 19. Reads 24 bytes. */
static inline uint64_t window_digits(const char *p, unsigned count)
{
    uint64_t n = 0;
    for (; count > 8; p += 8, count -= 8) n = n * 100000000 + window_eight(window_load8(p));
    /* what follows the last digit is shifted out, and zeros shifted in before the first */
    return n * window_tens[count] + window_eight(window_load8(p) << (64 - 8 * count));
}

/* Read from byte count on, 24 bytes that keep the digits of the last count, and nothing of those before. */
static const unsigned char window_keep[48] = {[24] = 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
                                              15,        15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15};

/* The number that the count digits before end make, 1 to 24, without its last sixteen. Reads 24 bytes before end. */
static inline uint64_t window_above_sixteen(const char *end, unsigned count)
{
    return window_eight(window_load8(end - 24) & window_load8((const char *)window_keep + count));
}

/* The number that the count digits before end make, 1 to 8. Reads 8 bytes before end. */
static inline uint64_t window_last_eight(const char *end, unsigned count)
{
    return window_eight(window_load8(end - 8) & window_load8((const char *)window_keep + 16 + count));
}

/* The number that the last sixteen make of the count digits before end, 1 to 24. Reads 16 bytes before end. */
static inline uint64_t window_last_sixteen(const char *end, unsigned count)
{
    const unsigned char *keep = window_keep + 8 + count;
#if defined(__SSE2__)
    __m128i x = _mm_and_si128(_mm_loadu_si128((const __m128i *)(end - 16)), _mm_loadu_si128((const __m128i *)keep));
    x = _mm_srli_epi16(_mm_mullo_epi16(x, _mm_set1_epi16(10 << 8 | 1)), 8);
    x = _mm_madd_epi16(x, _mm_set1_epi32(1 << 16 | 100));
    x = _mm_madd_epi16(_mm_packs_epi32(x, x), _mm_set1_epi32(1 << 16 | 10000));
    uint64_t halves = (uint64_t)_mm_cvtsi128_si64(x);
    return (halves & 0xffffffff) * 100000000 + (halves >> 32);
#else
    uint64_t high = window_eight(window_load8(end - 16) & window_load8((const char *)keep));
    return high * 100000000 + window_eight(window_load8(end - 8) & window_load8((const char *)keep + 8));
#endif
}

/* Bits of the 32 bytes at a place; those above 32 are set in other, clear in comma. */
struct window_masks {
    uint64_t other; /* is no digit */
    uint64_t comma;
};

static inline struct window_masks window_look(const char *p)
{
#if defined(__SSE2__)
    const __m128i zero = _mm_set1_epi8((char)('0' + 128)), ten = _mm_set1_epi8(10 - 128), comma = _mm_set1_epi8(',');
    __m128i a = _mm_loadu_si128((const __m128i *)p), b = _mm_loadu_si128((const __m128i *)(p + 16));
    /* taken from '0' + 128, the digits are the ten least signed numbers */
    uint32_t digit_a = (uint32_t)_mm_movemask_epi8(_mm_cmplt_epi8(_mm_sub_epi8(a, zero), ten));
    uint32_t digit_b = (uint32_t)_mm_movemask_epi8(_mm_cmplt_epi8(_mm_sub_epi8(b, zero), ten));
    uint32_t comma_a = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(a, comma));
    uint32_t comma_b = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(b, comma));
    return (struct window_masks){~(uint64_t)(digit_a | digit_b << 16), comma_a | comma_b << 16};
#else
    const uint64_t ones = 0x0101010101010101, low7 = 0x7f * ones;
    struct window_masks masks = {UINT64_MAX << 32, 0};
    for (int i = 0; i < 4; i++) {
        uint64_t word = window_load8(p + 8 * i), digit = word ^ '0' * ones, comma = word ^ ',' * ones;
        /* sums of seven bits stay within their bytes: the top bit is set where digit > 9, where comma != 0 */
        uint64_t other = (((digit & low7) + (0x80 - 10) * ones) | digit) >> 7 & ones;
        uint64_t rest = (((comma & low7) + 0x7f * ones) | comma) >> 7 & ones;
        /* the factor brings eight bits side by side */
        masks.other |= (other * 0x0102040810204080 >> 56) << 8 * i;
        masks.comma |= ((rest ^ ones) * 0x0102040810204080 >> 56) << 8 * i;
    }
    return masks;
#endif
}

#endif
