/* decimal_lanes.h - what decimal_*_wide.c compute with: vectors of eight lanes of 64 bits, in
 * AVX-512. Empty where the compiler is not told of that. */
#ifndef DECIMAL_LANES_H
#define DECIMAL_LANES_H

#include <stdint.h>

#if defined __AVX512VBMI2__
#include <immintrin.h>

/* The same in all lanes. */
#define lanes_all(n) _mm512_set1_epi64((int64_t)(n))

/* 128 bits in each lane. */
struct lanes_wide {
    __m512i high, low;
};

/* Products of 64 by 64 bits. Halves of 32 bits are multiplied crosswise. No sum overflows: (2^32 -
 * 1)^2 + 2 (2^32 - 1) < 2^64. */
static inline struct lanes_wide lanes_multiply(__m512i x, __m512i y)
{
    __m512i x_high = _mm512_srli_epi64(x, 32), y_high = _mm512_srli_epi64(y, 32);
    __m512i low = _mm512_mul_epu32(x, y);
    __m512i cross = _mm512_add_epi64(_mm512_mul_epu32(x_high, y), _mm512_srli_epi64(low, 32));
    __m512i other = _mm512_add_epi64(_mm512_mul_epu32(x, y_high),
                                     _mm512_and_si512(cross, lanes_all(0xffffffff)));
    __m512i carried = _mm512_add_epi64(_mm512_srli_epi64(cross, 32), _mm512_srli_epi64(other, 32));
    return (struct lanes_wide){_mm512_add_epi64(_mm512_mul_epu32(x_high, y_high), carried),
                               _mm512_mask_mov_epi32(_mm512_slli_epi64(other, 32), 0x5555, low)};
}
#endif

#endif
