/* decimal_print_wide.c - doubles -> shortest digits -> text, eight at a time in AVX-512. What
 * decimal_print.c does one by one is done here in the eight lanes of a vector, by the same
 * formulas, which are explained there; lanes for which these do not hold are left to it. Does
 * nothing where the compiler is not told of these instructions. */
#include "decimal/decimal_wide.h"

#if defined __AVX512VBMI2__
#include "decimal/decimal_lanes.h"
#include "decimal/decimal_powers.h"
#include "decimal/decimal_shortest.h"

#include <string.h>

/* floor(x / 10^8), or one less, for x < 10^17: the factor is less than 10^-8 by 6 * 2^-53 of it,
 * the roundings of x and of the product are 2 * 2^-53 at most, and the quotient is less than 2^30.
 */
static inline __m512i divide_by_1e8(__m512i x)
{
    const __m512d factor = _mm512_set1_pd(1e-8 * (1 - 6 * 0x1p-53));
    return _mm512_cvttpd_epu64(_mm512_mul_pd(_mm512_cvtepu64_pd(x), factor));
}

/* x mod 10, for x < 10^17. What is left of x is less than 2 * 10^8, of which 0xcccccccd / 2^35
 * makes the tenth. */
static inline __m512i modulo_10(__m512i x)
{
    __m512i rest = _mm512_sub_epi64(x, _mm512_mul_epu32(divide_by_1e8(x), lanes_all(100000000)));
    __m512i tenth = _mm512_srli_epi64(_mm512_mul_epu32(rest, lanes_all(0xcccccccd)), 35);
    return _mm512_sub_epi64(rest, _mm512_mul_epu32(tenth, lanes_all(10)));
}

/* 10^q of each lane, high and low. Loaded two words at a time: a gathering instruction takes longer
 * for one. */
static inline struct lanes_wide powers_of(__m512i q)
{
    uint64_t index[8];
    _mm512_storeu_si512(index, _mm512_sub_epi64(q, lanes_all(DECIMAL_POWER_FIRST)));
#define POWER(lane) _mm_loadu_si128((const __m128i *)&decimal_powers[index[lane]])
#define TWO(a, b)   _mm256_inserti128_si256(_mm256_castsi128_si256(POWER(a)), POWER(b), 1)
    __m512i even = _mm512_inserti64x4(_mm512_castsi256_si512(TWO(0, 2)), TWO(4, 6), 1);
    __m512i odd = _mm512_inserti64x4(_mm512_castsi256_si512(TWO(1, 3)), TWO(5, 7), 1);
#undef POWER
#undef TWO
    return (struct lanes_wide){_mm512_unpacklo_epi64(even, odd), _mm512_unpackhi_epi64(even, odd)};
}

/* Eight shortest decimals. Returns the lanes that are declined, for which nothing is stored: bit 0
 * is the first. */
static inline unsigned shortest_eight(const double *values, void *digits,
                                      struct decimal_scale *scales)
{
    __m512i bits = _mm512_loadu_si512(values);
    __m512i fraction = _mm512_and_si512(bits, lanes_all(0xfffffffffffff));
    __m512i biased = _mm512_and_si512(_mm512_srli_epi64(bits, 52), lanes_all(0x7ff));
    __m512i q = _mm512_sub_epi64(biased, lanes_all(1075));
    __m512i k =
        _mm512_srai_epi64(_mm512_mul_epi32(q, lanes_all(315653)), 20); /* decimal_log10(q) */
    __m512i minus_k = _mm512_sub_epi64(_mm512_setzero_si512(), k);
    struct lanes_wide power = powers_of(minus_k);

    __m512i log2 =
        _mm512_srai_epi64(_mm512_mul_epi32(minus_k, lanes_all(217706)), 16); /* decimal_log2(-k) */
    __m512i shift = _mm512_add_epi64(_mm512_add_epi64(q, log2), lanes_all(1));
    __m512i n = _mm512_sllv_epi64(_mm512_or_si512(fraction, lanes_all((uint64_t)1 << 52)), shift);
    struct lanes_wide product = lanes_multiply(n, power.high);
    __m512i part = _mm512_add_epi64(product.low, lanes_multiply(n, power.low).high);
    __mmask8 carry = _mm512_cmplt_epu64_mask(part, product.low);
    __m512i whole = _mm512_mask_add_epi64(product.high, carry, product.high, lanes_all(1));

    __m512i ones = modulo_10(whole), tens = _mm512_sub_epi64(whole, ones);
    __m512i from_tens = _mm512_or_si512(_mm512_slli_epi64(ones, 60), _mm512_srli_epi64(part, 4));
    __m512i to_tens = _mm512_sub_epi64(lanes_all((uint64_t)10 << 60), from_tens);
    __m512i reach = _mm512_srlv_epi64(power.high, _mm512_sub_epi64(lanes_all(5), shift));
    __m512i nearest = _mm512_add_epi64(whole, _mm512_srli_epi64(part, 63));
    nearest = _mm512_mask_mov_epi64(nearest, _mm512_cmplt_epu64_mask(from_tens, reach), tens);
    nearest = _mm512_mask_add_epi64(nearest, _mm512_cmplt_epu64_mask(to_tens, reach), tens,
                                    lanes_all(10));

    __m512i above = _mm512_add_epi64(_mm512_sub_epi64(from_tens, reach), lanes_all(1));
    __m512i middle =
        _mm512_add_epi64(_mm512_sub_epi64(part, lanes_all((uint64_t)1 << 63)), lanes_all(1));
    __mmask8 done = _mm512_cmpgt_epu64_mask(above, lanes_all(1)) &
                    _mm512_cmpgt_epu64_mask(_mm512_sub_epi64(to_tens, reach), lanes_all(2)) &
                    _mm512_cmpgt_epu64_mask(middle, lanes_all(1)) &
                    _mm512_test_epi64_mask(fraction, fraction) &
                    _mm512_test_epi64_mask(biased, biased);
    __m512i negative = _mm512_slli_epi64(_mm512_srli_epi64(bits, 63), 32);
    _mm512_mask_storeu_epi64(digits, done, nearest);
    _mm512_mask_storeu_epi64(scales, done, _mm512_mask_mov_epi32(negative, 0x5555, k));
    return ~(unsigned)done & 0xff;
}

size_t decimal_shortest_wide(const double *values, size_t count, void *digits,
                             struct decimal_scale *scales)
{
    size_t i = 0;
    for (; count - i >= 8; i += 8) {
        unsigned declined = shortest_eight(values + i, (uint64_t *)digits + i, scales + i);
        for (; declined != 0; declined &= declined - 1) {
            size_t lane = i + (unsigned)__builtin_ctz(declined);
            struct decimal decimal = decimal_shortest_exact(values[lane]);
            memcpy((uint64_t *)digits + lane, &decimal.digits, sizeof decimal.digits);
            scales[lane] = decimal.scale;
        }
    }
    return i;
}

/* The two halves of a number below 10^8, in 16 bits each, the first in the lower. */
static inline __m512i split_in_fours(__m512i x)
{
    __m512i quotient =
        _mm512_srli_epi64(_mm512_mul_epu32(x, lanes_all(3518437209)), 45); /* / 10000 */
    __m512i rest = _mm512_sub_epi64(x, _mm512_mul_epu32(quotient, lanes_all(10000)));
    return _mm512_or_si512(quotient, _mm512_slli_epi64(rest, 16));
}

/* Pairs of digits as bytes, 0 to 99, from numbers below 10^4 in 16 bits. */
static inline __m512i split_in_pairs(__m512i x)
{
    __m512i quotient =
        _mm512_srli_epi16(_mm512_mulhi_epu16(x, _mm512_set1_epi16(5243)), 3); /* / 100 */
    __m512i rest = _mm512_sub_epi16(x, _mm512_mullo_epi16(quotient, _mm512_set1_epi16(100)));
    return _mm512_or_si512(quotient, _mm512_slli_epi16(rest, 8));
}

/* The first and the second digit of each pair. */
#define TEN(digit) digit, digit, digit, digit, digit, digit, digit, digit, digit, digit
#define TEN_DIGITS '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'
static const char firsts[128] = {TEN('0'), TEN('1'), TEN('2'), TEN('3'), TEN('4'),
                                 TEN('5'), TEN('6'), TEN('7'), TEN('8'), TEN('9')};
static const char seconds[128] = {TEN_DIGITS, TEN_DIGITS, TEN_DIGITS, TEN_DIGITS, TEN_DIGITS,
                                  TEN_DIGITS, TEN_DIGITS, TEN_DIGITS, TEN_DIGITS, TEN_DIGITS};

static inline __m512i look_up(const char *table, __m512i places)
{
    return _mm512_permutex2var_epi8(_mm512_loadu_si512(table), places,
                                    _mm512_loadu_si512(table + 64));
}

/* Seventeen digits of each lane: the first, 1 to 9, and sixteen more as text, those of lane i in
 * text[i % 2][i / 2]. */
struct digits {
    __m512i first;
    __m512i more; /* how many of the sixteen there are up to the last that is not 0 */
    char text[2][4][16];
};

/* x is 10^16 or more, and less than 10^17; or 0. */
static inline void split(__m512i x, struct digits *digits)
{
    __m512i top = divide_by_1e8(x),
            low = _mm512_sub_epi64(x, _mm512_mul_epu32(top, lanes_all(100000000)));
    __mmask8 one_less = _mm512_cmpge_epu64_mask(low, lanes_all(100000000));
    low = _mm512_mask_sub_epi64(low, one_less, low, lanes_all(100000000));
    top = _mm512_mask_add_epi64(top, one_less, top, lanes_all(1));
    /* 1441151881 is more than 2^57 / 10^8 by less than 2^-30 of it, and top is less than 2^30 */
    digits->first = _mm512_srli_epi64(_mm512_mul_epu32(top, lanes_all(1441151881)), 57);
    __m512i high = _mm512_sub_epi64(top, _mm512_mul_epu32(digits->first, lanes_all(100000000)));

    __m512i fours =
        _mm512_or_si512(split_in_fours(high), _mm512_slli_epi64(split_in_fours(low), 32));
    __m512i pairs = split_in_pairs(fours), first = look_up(firsts, pairs),
            second = look_up(seconds, pairs);
    /* of each 128 bits, the lower half holds one number's pairs, the upper half the next one's */
    __m512i even = _mm512_unpacklo_epi8(first, second), odd = _mm512_unpackhi_epi8(first, second);
    _mm512_storeu_si512(digits->text[0], even);
    _mm512_storeu_si512(digits->text[1], odd);
    __mmask64 even_used = _mm512_cmpneq_epi8_mask(even, _mm512_set1_epi8('0'));
    __mmask64 odd_used = _mm512_cmpneq_epi8_mask(odd, _mm512_set1_epi8('0'));
    __m512i used = _mm512_mask_mov_epi64(lanes_all(even_used), 0xaa, lanes_all(odd_used));
    used = _mm512_srlv_epi64(used, _mm512_setr_epi64(0, 0, 16, 16, 32, 32, 48, 48));
    used = _mm512_and_si512(used, lanes_all(0xffff));
    digits->more = _mm512_sub_epi64(lanes_all(64), _mm512_lzcnt_epi64(used));
}

/* How a number is laid out whose point stands after that many digits: for each byte of the text,
 * its place among the sixteen digits, the first one, '0' and '.'. */
#define POINT_MIN (-5)
#define POINT_MAX 21
enum { FIRST = 16, ZERO, POINT };
#define DIGIT(d)     ((d) == 0 ? FIRST : (d) <= 16 ? (d)-1 : ZERO)
#define BEHIND(j, p) ((j) < (p) ? DIGIT(j) : (j) == (p) ? POINT : DIGIT((j)-1))
#define BELOW(j, p)  ((j) == 1 ? POINT : (j) < 2 - (p) ? ZERO : DIGIT((j)-2 + (p)))
#define PLACE(j, p)  ((p) > 0 ? BEHIND(j, p) : BELOW(j, p))
#define FOUR(j, p)   PLACE(j, p), PLACE((j) + 1, p), PLACE((j) + 2, p), PLACE((j) + 3, p)
#define LAYOUT(p)                                                                               \
    {                                                                                           \
        FOUR(0, p), FOUR(4, p), FOUR(8, p), FOUR(12, p), FOUR(16, p), FOUR(20, p), FOUR(24, p), \
            FOUR(28, p)                                                                         \
    }
static const char layouts[POINT_MAX - POINT_MIN + 1][32] = {
    LAYOUT(-5), LAYOUT(-4), LAYOUT(-3), LAYOUT(-2), LAYOUT(-1), LAYOUT(0),  LAYOUT(1),
    LAYOUT(2),  LAYOUT(3),  LAYOUT(4),  LAYOUT(5),  LAYOUT(6),  LAYOUT(7),  LAYOUT(8),
    LAYOUT(9),  LAYOUT(10), LAYOUT(11), LAYOUT(12), LAYOUT(13), LAYOUT(14), LAYOUT(15),
    LAYOUT(16), LAYOUT(17), LAYOUT(18), LAYOUT(19), LAYOUT(20), LAYOUT(21),
};

/* Text of up to eight bytes, the first in the lowest, and how many these are. */
struct words {
    __m512i text, length;
};

static inline __m512i put_before(__m512i byte, __m512i text)
{
    return _mm512_or_si512(_mm512_slli_epi64(text, 8), byte);
}

/* e-7, and e+300, with the comma */
static inline struct words exponent_words(__m512i exponent)
{
    __m512i n = _mm512_abs_epi64(exponent);
    __m512i hundreds =
        _mm512_srli_epi64(_mm512_mul_epu32(n, lanes_all(41)), 12); /* of less than 400 */
    __m512i rest = _mm512_sub_epi64(n, _mm512_mul_epu32(hundreds, lanes_all(100)));
    __m512i tens =
        _mm512_srli_epi64(_mm512_mul_epu32(rest, lanes_all(103)), 10); /* of less than 100 */
    __m512i ones = _mm512_sub_epi64(rest, _mm512_mul_epu32(tens, lanes_all(10)));
    __mmask8 two = _mm512_cmpge_epu64_mask(n, lanes_all(10)),
             three = _mm512_cmpge_epu64_mask(n, lanes_all(100));

    __m512i text = put_before(_mm512_add_epi64(ones, lanes_all('0')), lanes_all(','));
    text =
        _mm512_mask_mov_epi64(text, two, put_before(_mm512_add_epi64(tens, lanes_all('0')), text));
    text = _mm512_mask_mov_epi64(text, three,
                                 put_before(_mm512_add_epi64(hundreds, lanes_all('0')), text));
    __m512i sign =
        _mm512_mask_mov_epi64(lanes_all('+'), _mm512_movepi64_mask(exponent), lanes_all('-'));
    __m512i length = _mm512_mask_add_epi64(lanes_all(4), two, lanes_all(4), lanes_all(1));
    return (struct words){put_before(lanes_all('e'), put_before(sign, text)),
                          _mm512_mask_add_epi64(length, three, length, lanes_all(1))};
}

/* The texts of eight numbers, ready to be put together. */
struct texts {
    uint64_t has_sign[8];
    uint64_t layout[8]; /* its index */
    uint64_t source[8]; /* FIRST, ZERO and POINT, which a layout takes beside the sixteen digits */
    uint64_t length[8]; /* of what is laid out */
    uint64_t end[8];    /* what follows that, the comma included */
    uint64_t total[8];  /* length of it all */
};

/* scale is the numbers' own; digits are ten times as much in the lanes of sixteen, and 0 in those
 * of zero. */
static inline struct texts lay_out(__m512i scale, int negate, __mmask8 sixteen, __mmask8 zero,
                                   const struct digits *digits)
{
    struct texts texts;
    __m512i point =
        _mm512_add_epi64(_mm512_srai_epi64(_mm512_slli_epi64(scale, 32), 32), lanes_all(17));
    point = _mm512_mask_sub_epi64(point, sixteen, point, lanes_all(1));
    point = _mm512_mask_mov_epi64(point, zero, lanes_all(1));
    __m512i sign = _mm512_xor_si512(_mm512_srli_epi64(scale, 32), lanes_all(negate));
    sign = _mm512_mask_mov_epi64(sign, zero, _mm512_setzero_si512());

    struct words end = {lanes_all(','), lanes_all(1)};
    __mmask8 plain = _mm512_cmpge_epi64_mask(point, lanes_all(POINT_MIN)) &
                     _mm512_cmple_epi64_mask(point, lanes_all(POINT_MAX));
    if (plain != 0xff) {
        struct words exponent = exponent_words(_mm512_sub_epi64(point, lanes_all(1)));
        end.text = _mm512_mask_mov_epi64(exponent.text, plain, end.text);
        end.length = _mm512_mask_mov_epi64(exponent.length, plain, end.length);
        /* what has an exponent is laid out as if the point stood after the first digit */
        point = _mm512_mask_mov_epi64(lanes_all(1), plain, point);
    }
    /* 0.00ddd, ddd00, d.dd */
    __m512i count = _mm512_add_epi64(digits->more, lanes_all(1)),
            length = _mm512_add_epi64(count, lanes_all(1));
    length = _mm512_mask_mov_epi64(length, _mm512_cmple_epi64_mask(count, point), point);
    __mmask8 below_one = _mm512_cmple_epi64_mask(point, _mm512_setzero_si512());
    length = _mm512_mask_sub_epi64(length, below_one, _mm512_add_epi64(count, lanes_all(2)), point);

    _mm512_storeu_si512(texts.has_sign, sign);
    _mm512_storeu_si512(texts.layout, _mm512_sub_epi64(point, lanes_all(POINT_MIN)));
    _mm512_storeu_si512(texts.source,
                        _mm512_or_si512(digits->first, lanes_all('0' | '0' << 8 | '.' << 16)));
    _mm512_storeu_si512(texts.length, length);
    _mm512_storeu_si512(texts.end, end.text);
    _mm512_storeu_si512(texts.total, _mm512_add_epi64(_mm512_add_epi64(sign, length), end.length));
    return texts;
}

/* Writes one number and returns the byte after it. What is written beyond that, up to 33 bytes from
 * out on, falls into the room of others: of its own DECIMAL_PRINT_MAX bytes each of the seven
 * before leaves 6 at least. */
static inline char *put(const struct texts *texts, const struct digits *digits, int i, char *out)
{
    __m128i sixteen = _mm_loadu_si128((const __m128i *)digits->text[i % 2][i / 2]);
    __m128i others = _mm_loadl_epi64((const __m128i *)&texts->source[i]);
    __m256i source = _mm256_inserti128_si256(_mm256_castsi128_si256(sixteen), others, 1);
    __m256i places = _mm256_loadu_si256((const __m256i *)layouts[texts->layout[i]]);
    char *text = out + texts->has_sign[i];
    *out = '-';
    _mm256_storeu_si256((__m256i *)text, _mm256_permutexvar_epi8(places, source));
    memcpy(text + texts->length[i], &texts->end[i], sizeof texts->end[i]);
    return out + texts->total[i];
}

/* Returns the byte after the last comma; or NULL, and has written nothing, where one has 1 to 15
 * digits. */
static inline char *write_eight(const void *eight, const struct decimal_scale *scales, int negate,
                                char *out)
{
    __m512i x = _mm512_loadu_si512(eight);
    __mmask8 zero = _mm512_testn_epi64_mask(x, x),
             sixteen = _mm512_cmplt_epu64_mask(x, lanes_all(10000000000000000));
    if (_mm512_mask_cmplt_epu64_mask((__mmask8)~zero, x, lanes_all(1000000000000000)) != 0)
        return NULL;
    x = _mm512_mask_add_epi64(x, sixteen, _mm512_slli_epi64(x, 3), _mm512_slli_epi64(x, 1));
    struct digits digits;
    split(x, &digits);
    struct texts texts = lay_out(_mm512_loadu_si512(scales), negate, sixteen, zero, &digits);
    for (int i = 0; i < 8; i++) out = put(&texts, &digits, i, out);
    return out;
}

size_t decimal_write_wide(const void *digits, const struct decimal_scale *scales, size_t count,
                          int negate, char **out)
{
    size_t i = 0;
    for (; count - i >= 8; i += 8) {
        char *next = write_eight((const uint64_t *)digits + i, scales + i, negate, *out);
        if (next == NULL) break;
        *out = next;
    }
    return i;
}
#else
size_t decimal_shortest_wide(const double *values, size_t count, void *digits,
                             struct decimal_scale *scales)
{
    (void)values, (void)count, (void)digits, (void)scales;
    return 0;
}

size_t decimal_write_wide(const void *digits, const struct decimal_scale *scales, size_t count,
                          int negate, char **out)
{
    (void)digits, (void)scales, (void)count, (void)negate, (void)out;
    return 0;
}
#endif
