/* decimal_print_avx2.c - doubles -> shortest digits -> text, four at a time in AVX2. What
 * decimal_print.c does one by one is done here in the four lanes of a vector, by the same formulas,
 * which are explained there; lanes for which these do not hold are left to it. Does nothing where
 * the compiler is not told of these instructions. */
#include "decimal/decimal_wide.h"

#if defined __AVX2__
#include "decimal/decimal_powers.h"
#include "decimal/decimal_shortest.h"

#include <immintrin.h>
#include <string.h>

/* The same in all lanes. */
#define all(n) _mm256_set1_epi64x((int64_t)(n))

static inline __m256i load(const void *p)
{
    return _mm256_loadu_si256(p);
}

/* ---- doubles -> digits */

/* 128 bits in each lane. */
struct wide {
    __m256i high, low;
};

/* Products of 64 by 64 bits. Halves of 32 bits are multiplied crosswise. No sum overflows: (2^32 -
 * 1)^2 + 2 (2^32 - 1) < 2^64. */
static inline struct wide multiply(__m256i x, __m256i y)
{
    __m256i x_high = _mm256_srli_epi64(x, 32), y_high = _mm256_srli_epi64(y, 32);
    __m256i low = _mm256_mul_epu32(x, y);
    __m256i cross = _mm256_add_epi64(_mm256_mul_epu32(x_high, y), _mm256_srli_epi64(low, 32));
    __m256i other =
        _mm256_add_epi64(_mm256_mul_epu32(x, y_high), _mm256_and_si256(cross, all(0xffffffff)));
    __m256i carried = _mm256_add_epi64(_mm256_srli_epi64(cross, 32), _mm256_srli_epi64(other, 32));
    return (struct wide){_mm256_add_epi64(_mm256_mul_epu32(x_high, y_high), carried),
                         _mm256_blend_epi32(_mm256_slli_epi64(other, 32), low, 0x55)};
}

/* All ones where x < y, without a sign. */
static inline __m256i less(__m256i x, __m256i y)
{
    const __m256i top = all(INT64_MIN);
    return _mm256_cmpgt_epi64(_mm256_xor_si256(y, top), _mm256_xor_si256(x, top));
}

/* floor(x / 10^8), or one less, for x < 10^17: the factor is less than 10^-8 by 6 * 2^-53 of it,
 * the roundings of x and of the product are 2 * 2^-53 at most, and the quotient is less than 2^30.
 * The halves of x become doubles in the lowest bits of 2^84 and 2^52, which are taken off. */
static inline __m256i divide_by_1e8(__m256i x)
{
    __m256i high = _mm256_or_si256(_mm256_srli_epi64(x, 32), all(0x4530000000000000));
    __m256i low = _mm256_blend_epi32(x, all(0x4330000000000000), 0xaa);
    __m256d number = _mm256_sub_pd(_mm256_castsi256_pd(high), _mm256_set1_pd(0x1p84 + 0x1p52));
    number = _mm256_add_pd(number, _mm256_castsi256_pd(low));
    number = _mm256_mul_pd(number, _mm256_set1_pd(1e-8 * (1 - 6 * 0x1p-53)));
    return _mm256_cvtepu32_epi64(_mm256_cvttpd_epi32(number));
}

/* x mod 10, for x < 10^17. What is left of x is less than 2 * 10^8, of which 0xcccccccd / 2^35
 * makes the tenth. */
static inline __m256i modulo_10(__m256i x)
{
    __m256i rest = _mm256_sub_epi64(x, _mm256_mul_epu32(divide_by_1e8(x), all(100000000)));
    __m256i tenth = _mm256_srli_epi64(_mm256_mul_epu32(rest, all(0xcccccccd)), 35);
    return _mm256_sub_epi64(rest, _mm256_mul_epu32(tenth, all(10)));
}

/* 10^q of each lane, high and low, q having 32 bits. */
static inline struct wide powers_of(__m256i q)
{
    uint64_t index[4];
    _mm256_storeu_si256((__m256i *)index, _mm256_sub_epi32(q, all((uint32_t)DECIMAL_POWER_FIRST)));
#define POWER(lane) _mm_loadu_si128((const __m128i *)&decimal_powers[index[lane]])
#define TWO(a, b)   _mm256_inserti128_si256(_mm256_castsi128_si256(POWER(a)), POWER(b), 1)
    __m256i even = TWO(0, 2), odd = TWO(1, 3);
#undef POWER
#undef TWO
    return (struct wide){_mm256_unpacklo_epi64(even, odd), _mm256_unpackhi_epi64(even, odd)};
}

/* Four shortest decimals. Returns the lanes that are declined, for which nothing is stored: bit 0
 * is the first. Exponents are the lower 32 bits of their lanes; the upper are 0. */
static inline unsigned shortest_four(const double *values, void *digits,
                                     struct decimal_scale *scales)
{
    __m256i bits = load(values);
    __m256i fraction = _mm256_and_si256(bits, all(0xfffffffffffff));
    __m256i biased = _mm256_and_si256(_mm256_srli_epi64(bits, 52), all(0x7ff));
    __m256i q = _mm256_sub_epi32(biased, all(1075));
    __m256i k = _mm256_srai_epi32(_mm256_mullo_epi32(q, all(315653)), 20); /* decimal_log10(q) */
    __m256i minus_k = _mm256_sub_epi32(_mm256_setzero_si256(), k);
    struct wide power = powers_of(minus_k);

    /* decimal_log2(-k) */
    __m256i log2 = _mm256_srai_epi32(_mm256_mullo_epi32(minus_k, all(217706)), 16);
    __m256i shift = _mm256_add_epi32(_mm256_add_epi32(q, log2), all(1));
    __m256i n = _mm256_sllv_epi64(_mm256_or_si256(fraction, all((uint64_t)1 << 52)), shift);
    struct wide product = multiply(n, power.high);
    __m256i part = _mm256_add_epi64(product.low, multiply(n, power.low).high);
    __m256i whole = _mm256_sub_epi64(product.high, less(part, product.low)); /* the carry */

    __m256i ones = modulo_10(whole), tens = _mm256_sub_epi64(whole, ones);
    __m256i from_tens = _mm256_or_si256(_mm256_slli_epi64(ones, 60), _mm256_srli_epi64(part, 4));
    __m256i to_tens = _mm256_sub_epi64(all((uint64_t)10 << 60), from_tens);
    __m256i reach = _mm256_srlv_epi64(power.high, _mm256_sub_epi32(all(5), shift));
    __m256i nearest = _mm256_add_epi64(whole, _mm256_srli_epi64(part, 63));
    nearest = _mm256_blendv_epi8(nearest, tens, less(from_tens, reach));
    nearest = _mm256_blendv_epi8(nearest, _mm256_add_epi64(tens, all(10)), less(to_tens, reach));

    __m256i above = _mm256_add_epi64(_mm256_sub_epi64(from_tens, reach), all(1));
    __m256i middle = _mm256_add_epi64(_mm256_sub_epi64(part, all((uint64_t)1 << 63)), all(1));
    __m256i declined = _mm256_or_si256(less(above, all(2)), less(middle, all(2)));
    declined = _mm256_or_si256(declined, less(_mm256_sub_epi64(to_tens, reach), all(3)));
    declined = _mm256_or_si256(declined, _mm256_cmpeq_epi64(fraction, _mm256_setzero_si256()));
    declined = _mm256_or_si256(declined, _mm256_cmpeq_epi64(biased, _mm256_setzero_si256()));
    __m256i negative = _mm256_slli_epi64(_mm256_srli_epi64(bits, 63), 32);
    __m256i scale = _mm256_or_si256(k, negative);
    unsigned lanes = (unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(declined));
    if (lanes == 0) {
        _mm256_storeu_si256(digits, nearest);
        _mm256_storeu_si256((void *)scales, scale);
    } else { /* some processors take long for these */
        __m256i done = _mm256_xor_si256(declined, all(-1));
        _mm256_maskstore_epi64(digits, done, nearest);
        _mm256_maskstore_epi64((void *)scales, done, scale);
    }
    return lanes;
}

size_t decimal_shortest_avx2(const double *values, size_t count, void *digits,
                             struct decimal_scale *scales)
{
    size_t i = 0;
    for (; count - i >= 4; i += 4) {
        unsigned declined = shortest_four(values + i, (uint64_t *)digits + i, scales + i);
        for (; declined != 0; declined &= declined - 1) {
            size_t lane = i + (unsigned)__builtin_ctz(declined);
            struct decimal decimal = decimal_shortest_exact(values[lane]);
            memcpy((uint64_t *)digits + lane, &decimal.digits, sizeof decimal.digits);
            scales[lane] = decimal.scale;
        }
    }
    return i;
}

/* ---- digits -> text */

/* How a number of seventeen digits is laid out whose point stands after that many of them. */
struct layout {
    char place[16]; /* of the sixteen digits behind the first: for each byte behind the first digit,
                       the digit's place, or -1 for the point */
    char point[16]; /* '.' there, 0 elsewhere */
    char end[4];    /* what follows it */
    uint8_t end_length;
    uint8_t first; /* place of the first digit in the text */
    uint8_t least; /* bytes of the text, where there are no more digits than that; else it has so
                      many bytes ... */
    uint8_t other; /* ... that are no digits */
};
#define POINT_MIN (-8)
#define POINT_MAX 17
#define AT(j, p)  ((j) < (p)-1 ? (j) : (j) == (p)-1 ? -1 : (j)-1)
#define DOT(j, p) ((j) == (p)-1 ? '.' : 0)
#define SIXTEEN(what, p)                                                                    \
    {                                                                                       \
        what(0, p), what(1, p), what(2, p), what(3, p), what(4, p), what(5, p), what(6, p), \
            what(7, p), what(8, p), what(9, p), what(10, p), what(11, p), what(12, p),      \
            what(13, p), what(14, p), what(15, p)                                           \
    }
#define D_DD(p)                                          \
    {                                                    \
        SIXTEEN(AT, p), SIXTEEN(DOT, p), ",", 1, 0, p, 1 \
    }
#define ZERO_DDD(p)                                                    \
    {                                                                  \
        SIXTEEN(AT, 18), SIXTEEN(DOT, 18), ",", 1, 2 - (p), 0, 2 - (p) \
    }
#define D_DDE(e)                                                        \
    {                                                                   \
        SIXTEEN(AT, 1), SIXTEEN(DOT, 1), {'e', '-', e, ','}, 4, 0, 1, 1 \
    }
static const struct layout layouts[POINT_MAX - POINT_MIN + 1] = {
    D_DDE('9'),   D_DDE('8'),  D_DDE('7'), ZERO_DDD(-5), ZERO_DDD(-4), ZERO_DDD(-3), ZERO_DDD(-2),
    ZERO_DDD(-1), ZERO_DDD(0), D_DD(1),    D_DD(2),      D_DD(3),      D_DD(4),      D_DD(5),
    D_DD(6),      D_DD(7),     D_DD(8),    D_DD(9),      D_DD(10),     D_DD(11),     D_DD(12),
    D_DD(13),     D_DD(14),    D_DD(15),   D_DD(16),     D_DD(17),
};

/* Four numbers, of seventeen digits each. */
struct four {
    uint64_t first[4];  /* 1 to 9; 0 for 0 */
    uint64_t layout[4]; /* its index */
    uint64_t has_sign[4];
    char text[2][2][16]; /* sixteen more digits, those of lane i in text[i % 2][i / 2] */
    unsigned used[2];    /* has a bit for each of these: set where it is not 0 */
};

/* Of two numbers below 10^8 in each half of a vector, in 64 bits each, the digits. Each step splits
 * every number in two, side by side: 8 digits, 4, 2, 1. */
static inline __m256i split_in_digits(__m256i x)
{
    __m256i quotient = _mm256_srli_epi64(_mm256_mul_epu32(x, all(3518437209)), 45); /* / 10000 */
    __m256i rest = _mm256_sub_epi64(x, _mm256_mul_epu32(quotient, all(10000)));
    x = _mm256_or_si256(quotient, _mm256_slli_epi64(rest, 32));
    quotient = _mm256_srli_epi16(_mm256_mulhi_epu16(x, _mm256_set1_epi16(5243)), 3); /* / 100 */
    rest = _mm256_sub_epi16(x, _mm256_madd_epi16(quotient, _mm256_set1_epi32(100)));
    x = _mm256_or_si256(quotient, _mm256_slli_epi32(rest, 16));
    quotient = _mm256_mulhi_epu16(x, _mm256_set1_epi16(6554)); /* / 10 */
    rest = _mm256_sub_epi16(x, _mm256_maddubs_epi16(quotient, _mm256_set1_epi16(10)));
    return _mm256_or_si256(quotient, _mm256_slli_epi16(rest, 8));
}

/* x is 10^16 or more, and less than 10^17; or 0. */
static inline void split(__m256i x, struct four *four)
{
    __m256i top = divide_by_1e8(x);
    __m256i low = _mm256_sub_epi64(x, _mm256_mul_epu32(top, all(100000000)));
    __m256i one_less = _mm256_cmpgt_epi64(low, all(99999999));
    low = _mm256_sub_epi64(low, _mm256_and_si256(one_less, all(100000000)));
    top = _mm256_sub_epi64(top, one_less);
    /* 1441151881 is more than 2^57 / 10^8 by less than 2^-30 of it, and top is less than 2^30 */
    __m256i first = _mm256_srli_epi64(_mm256_mul_epu32(top, all(1441151881)), 57);
    __m256i high = _mm256_sub_epi64(top, _mm256_mul_epu32(first, all(100000000)));
    _mm256_storeu_si256((__m256i *)four->first, first);

    __m256i digits[2] = {split_in_digits(_mm256_unpacklo_epi64(high, low)),
                         split_in_digits(_mm256_unpackhi_epi64(high, low))};
    for (int i = 0; i < 2; i++) {
        _mm256_storeu_si256((__m256i *)four->text[i],
                            _mm256_add_epi8(digits[i], _mm256_set1_epi8('0')));
        four->used[i] =
            ~(unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi8(digits[i], _mm256_setzero_si256()));
    }
}

/* Writes one number and returns the byte after it. It writes beyond that, but less than
 * DECIMAL_PRINT_MAX bytes from out on. */
static inline char *put(const struct four *four, int i, char *out)
{
    const struct layout *layout = &layouts[four->layout[i]];
    __m128i sixteen = _mm_loadu_si128((const __m128i *)four->text[i % 2][i / 2]);
    __m128i place = _mm_loadu_si128((const __m128i *)layout->place);
    __m128i point = _mm_loadu_si128((const __m128i *)layout->point);
    unsigned used = four->used[i % 2] >> 16 * (i / 2) & 0xffff;
    unsigned digits = 32 - (unsigned)__builtin_clz(used << 1 | 1); /* up to the last not 0 */
    unsigned length = digits > layout->least ? digits + layout->other : layout->least;
    char *text = out + four->has_sign[i], *first = text + layout->first;
    *out = '-';
    memcpy(text, "0.000000", 8);
    *first = (char)('0' + four->first[i]);
    _mm_storeu_si128((__m128i *)(first + 2), sixteen); /* the last of them, if there is a point */
    _mm_storeu_si128((__m128i *)(first + 1), _mm_or_si128(_mm_shuffle_epi8(sixteen, place), point));
    memcpy(text + length, layout->end, 4);
    return text + length + layout->end_length;
}

/* Returns the byte after the last comma; or NULL, and has written nothing, where one has 1 to 15
 * digits or an unusual exponent. */
static inline char *write_four(const void *digits, const struct decimal_scale *scales, int negate,
                               char *out)
{
    __m256i x = load(digits), scale = load(scales);
    __m256i zero = _mm256_cmpeq_epi64(x, _mm256_setzero_si256());
    __m256i sixteen = _mm256_cmpgt_epi64(all(10000000000000000), x);
    __m256i few = _mm256_andnot_si256(zero, _mm256_cmpgt_epi64(all(1000000000000000), x));

    __m256i layout = _mm256_add_epi32(scale, all(17 - POINT_MIN));
    layout = _mm256_add_epi32(layout, sixteen); /* one less */
    layout = _mm256_blendv_epi8(layout, all(1 - POINT_MIN), zero);
    layout = _mm256_and_si256(layout, all(0xffffffff));
    __m256i beyond = _mm256_cmpgt_epi64(layout, all(POINT_MAX - POINT_MIN));
    if (!_mm256_testz_si256(_mm256_or_si256(few, beyond), all(-1))) return NULL;
    struct four four;
    __m256i sign = _mm256_xor_si256(_mm256_srli_epi64(scale, 32), all(negate));
    _mm256_storeu_si256((__m256i *)four.has_sign, _mm256_andnot_si256(zero, sign));
    _mm256_storeu_si256((__m256i *)four.layout, layout);

    __m256i times_10 = _mm256_add_epi64(_mm256_slli_epi64(x, 3), _mm256_slli_epi64(x, 1));
    split(_mm256_blendv_epi8(x, times_10, sixteen), &four);
    out = put(&four, 0, out);
    out = put(&four, 1, out);
    out = put(&four, 2, out);
    return put(&four, 3, out);
}

size_t decimal_write_avx2(const void *digits, const struct decimal_scale *scales, size_t count,
                          int negate, char **out)
{
    size_t i = 0;
    for (; count - i >= 4; i += 4) {
        char *next = write_four((const uint64_t *)digits + i, scales + i, negate, *out);
        if (next == NULL) break;
        *out = next;
    }
    return i;
}
#else
size_t decimal_shortest_avx2(const double *values, size_t count, void *digits,
                             struct decimal_scale *scales)
{
    (void)values, (void)count, (void)digits, (void)scales;
    return 0;
}

size_t decimal_write_avx2(const void *digits, const struct decimal_scale *scales, size_t count,
                          int negate, char **out)
{
    (void)digits, (void)scales, (void)count, (void)negate, (void)out;
    return 0;
}
#endif
