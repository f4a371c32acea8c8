/* decimal_parse_wide.c - a run of decimals -> the nearest doubles, eight at a time, for CPUs with
 * AVX-512. Knows nothing of arrays but what stands between their elements.
 *
 * A stretch of text goes through three loops: find_places looks for where the elements begin and
 * end, read_eight makes an integer and a power of ten of each of eight numbers, round_eight makes
 * doubles of those. The loops are apart so that the processor works at several eights at once. A
 * number that is wrong or just unusual is declined, and decimal_parse_portable has its say. Does
 * nothing where the compiler is not told of these instructions. */
#include "decimal/decimal_wide.h"

#if defined __AVX512VBMI2__

#include "decimal/decimal_lanes.h"
#include "decimal/decimal_powers.h"

#include <stdint.h>

/* The elements from which on this is worth its while. */
#define LEAST 7

#define unusual(condition) __builtin_expect((condition) != 0, 0)

/* ---- text -> places */

#define BLOCK   64   /* bytes looked at together */
#define STRETCH 1024 /* bytes that go through all loops before the next do: a multiple of BLOCK */

/* Where an element begins, where its comma is, where the next begins ..., counted from the
 * stretch's first byte. Where the text is no run, two of a kind may follow one another. Each two
 * places, of even and odd index, are taken for a number's begin and its comma. If they are not, a
 * comma is the first byte between them, or white space the last. */
struct places {
    uint16_t at[STRETCH + BLOCK];
};

/* Finds places in the first STRETCH bytes, until at least so many are wanted no more. Returns how
 * many; the last may be limit itself. Sixteen places after it are made equal to it. With rows,
 * brackets are taken for white space, for check_rows to look at. */
static size_t find_places(const char *text, const char *limit, size_t wanted, int with_rows,
                          struct places *places)
{
    /* each white byte at its lowest four bits; elsewhere a byte with other lowest bits */
    const __m512i white = _mm512_broadcast_i32x4(
        _mm_setr_epi8(' ', 0, 0, 0, 0, 0, 0, 0, 0, '\t', '\n', 0, 0, '\r', 0, 0));
    const __m512i counting = _mm512_set_epi64(
        0x3f3e3d3c3b3a3938, 0x3736353433323130, 0x2f2e2d2c2b2a2928, 0x2726252423222120,
        0x1f1e1d1c1b1a1918, 0x1716151413121110, 0x0f0e0d0c0b0a0908, 0x0706050403020100);
    size_t length = limit - text < STRETCH ? (size_t)(limit - text) : STRETCH, count = 0;
    uint64_t within = 0; /* 1: the last byte was neither white nor a comma */
    for (size_t block = 0; block < length && count < wanted; block += BLOCK) {
        uint64_t readable =
            length - block < BLOCK ? _bzhi_u64(UINT64_MAX, (unsigned)(length - block)) : UINT64_MAX;
        __m512i bytes = _mm512_maskz_loadu_epi8(readable, text + block);
        uint64_t commas = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(','));
        uint64_t others =
            ~(commas | _mm512_cmpeq_epi8_mask(bytes, _mm512_shuffle_epi8(white, bytes)));
        if (with_rows)
            others &= ~(_mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('[')) |
                        _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(']')));
        uint64_t found = commas | (others & ~(others << 1 | within));
        within = others >> 63;
        __m512i packed = _mm512_maskz_compress_epi8(found, counting),
                from = _mm512_set1_epi16((short)block);
        __m512i low = _mm512_cvtepu8_epi16(_mm512_castsi512_si256(packed));
        __m512i high = _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(packed, 1));
        _mm512_storeu_epi16(places->at + count, _mm512_add_epi16(low, from));
        _mm512_storeu_epi16(places->at + count + 32, _mm512_add_epi16(high, from));
        count += (size_t)__builtin_popcountll(found);
    }
    if (count > 0)
        _mm256_storeu_epi16(places->at + count, _mm256_set1_epi16((short)places->at[count - 1]));
    return count;
}

/* ---- bytes -> digits. From here on each of eight numbers has a lane of 64 bits, and lengths are
 * in bits. */

/* _mm512_ternarylogic's a ? b : c, a | (b & c), and (a ^ b) & ~c */
enum { CHOOSE = 0xca, OR_AND = 0xf8, XOR_WITHOUT = 0x14 };

/* 24 bytes in each lane, the last of them the highest of last. */
struct texts {
    __m512i first, middle, last;
};

/* The 32 bytes before text + place. text is so many bytes behind the run's first: what is before
 * that becomes zeros. */
static inline __m256i load_near(const char *text, uint16_t place, size_t behind)
{
    uint32_t missing = behind + place < 32 ? 32 - (uint32_t)(behind + place) : 0;
    return _mm256_maskz_loadu_epi8(UINT32_MAX << missing, text + place - 32);
}

/* Those before places[1] and before places[5], which is greater. */
static inline __m512i load_two(const char *text, const uint16_t *places, size_t behind)
{
    __m256i a, b;
    if (unusual(behind + places[1] < 32)) {
        a = load_near(text, places[1], behind);
        b = load_near(text, places[5], behind);
    } else {
        a = _mm256_loadu_epi8(text + places[1] - 32);
        b = _mm256_loadu_epi8(text + places[5] - 32);
    }
    return _mm512_inserti64x4(_mm512_castsi256_si512(a), b, 1);
}

/* The 24 bytes before each comma, and in *before the eight before these. */
static inline struct texts load_texts(const char *text, const uint16_t *places, size_t behind,
                                      __m512i *before)
{
    __m512i a = load_two(text, places, behind), b = load_two(text, places + 2, behind);
    __m512i c = load_two(text, places + 8, behind), d = load_two(text, places + 10, behind);
    __m512i ab_even = _mm512_unpacklo_epi64(a, b), ab_odd = _mm512_unpackhi_epi64(a, b);
    __m512i cd_even = _mm512_unpacklo_epi64(c, d), cd_odd = _mm512_unpackhi_epi64(c, d);
    *before = _mm512_shuffle_i64x2(ab_even, cd_even, 0x88);
    return (struct texts){_mm512_shuffle_i64x2(ab_odd, cd_odd, 0x88),
                          _mm512_shuffle_i64x2(ab_even, cd_even, 0xdd),
                          _mm512_shuffle_i64x2(ab_odd, cd_odd, 0xdd)};
}

/* All ones, but in the last so many bits of a lane, which may be more than it has. */
static inline __m512i ones_before(__m512i bits)
{
    return _mm512_srlv_epi64(lanes_all(-1), bits);
}

/* The same for 24 bytes. The subtractions end at 0. */
static inline struct texts before_last(__m512i bits)
{
    return (struct texts){ones_before(_mm512_subs_epu16(bits, lanes_all(128))),
                          ones_before(_mm512_subs_epu16(bits, lanes_all(64))), ones_before(bits)};
}

/* a without the bits of b. */
static inline __m512i without(__m512i a, __m512i b)
{
    return _mm512_andnot_si512(b, a);
}

static inline struct texts texts_without(struct texts a, struct texts b)
{
    return (struct texts){without(a.first, b.first), without(a.middle, b.middle),
                          without(a.last, b.last)};
}

/* Digits become what they stand for, every other byte becomes more than 9, and what is outside
 * becomes 0. */
static inline __m512i digits_of(__m512i bytes, __m512i outside)
{
    return _mm512_ternarylogic_epi64(bytes, _mm512_set1_epi8('0'), outside, XOR_WITHOUT);
}

/* That of a byte. */
#define digit_of(byte) _mm512_set1_epi8((byte) ^ '0')

static inline __mmask8 lanes_with_other_than_digits(__m512i digits)
{
    return _mm512_test_epi64_mask(_mm512_subs_epu8(digits, _mm512_set1_epi8(9)), lanes_all(-1));
}

static inline __mmask8 lanes_of(__mmask64 bytes)
{
    return _mm512_test_epi64_mask(_mm512_movm_epi8(bytes), lanes_all(-1));
}

static inline __mmask8 lanes_with(struct texts t, __m512i byte)
{
    return lanes_of(_mm512_cmpeq_epi8_mask(t.first, byte) | _mm512_cmpeq_epi8_mask(t.middle, byte) |
                    _mm512_cmpeq_epi8_mask(t.last, byte));
}

/* How many bits follow the last such byte; 64 if there is none. */
static inline __m512i bits_behind(__m512i bytes, __m512i byte)
{
    return _mm512_lzcnt_epi64(_mm512_movm_epi8(_mm512_cmpeq_epi8_mask(bytes, byte)));
}

/* The same for texts; 192 if there is none. */
static inline __m512i bits_behind_last(struct texts t, __m512i byte)
{
    __m512i first = bits_behind(t.first, byte), middle = bits_behind(t.middle, byte),
            last = bits_behind(t.last, byte);
    middle = _mm512_mask_add_epi64(middle, _mm512_cmpeq_epi64_mask(middle, lanes_all(64)), middle,
                                   first);
    return _mm512_mask_add_epi64(last, _mm512_cmpeq_epi64_mask(last, lanes_all(64)), last, middle);
}

/* Takes the byte out that so many bits follow: those before it move up. 192 bits follow none. */
static inline struct texts close_gap(struct texts t, __m512i bits)
{
    struct texts moved = before_last(bits);
    return (struct texts){
        _mm512_ternarylogic_epi64(moved.first, _mm512_slli_epi64(t.first, 8), t.first, CHOOSE),
        _mm512_ternarylogic_epi64(moved.middle, _mm512_shldi_epi64(t.middle, t.first, 8), t.middle,
                                  CHOOSE),
        _mm512_ternarylogic_epi64(moved.last, _mm512_shldi_epi64(t.last, t.middle, 8), t.last,
                                  CHOOSE)};
}

/* The number that a lane's eight digits make. Where they are none, no sum overflows either: 255 *
 * 11 < 2^15. */
static inline __m512i number_of(__m512i digits)
{
    __m512i twos = _mm512_maddubs_epi16(digits, _mm512_set1_epi16(1 << 8 | 10));
    __m512i fours = _mm512_madd_epi16(twos, _mm512_set1_epi32(1 << 16 | 100));
    return _mm512_add_epi64(_mm512_mul_epu32(fours, lanes_all(10000)),
                            _mm512_srli_epi64(fours, 32));
}

/* Eight numbers, negative ? - : + n * 10^q, where they are good. */
struct eight {
    __m512i n, q;
    __mmask8 negative, good;
};

/* Takes exponents off their texts, whose lengths become less, and puts them into q: an e among the
 * last eight bytes, a sign, one digit to three. The first byte is cut off if there is a sign
 * anywhere: if only digits are left, that was the first. before is what stands before the texts. */
static struct texts cut_exponents(struct texts t, __m512i before, __m512i *length,
                                  struct eight *eight)
{
    __m512i bits = bits_behind(_mm512_or_si512(t.last, _mm512_set1_epi8(0x20)), digit_of('E'));
    __mmask8 some = _mm512_cmplt_epu64_mask(bits, lanes_all(64));
    __m512i exponent = without(t.last, ones_before(bits));
    __mmask8 minus = lanes_of(_mm512_cmpeq_epi8_mask(exponent, digit_of('-')));
    __mmask8 plus = lanes_of(_mm512_cmpeq_epi8_mask(exponent, digit_of('+')));
    __m512i count = _mm512_mask_sub_epi64(bits, minus | plus, bits, lanes_all(8));
    exponent = without(exponent, ones_before(count));
    __m512i q = number_of(exponent);
    eight->q = _mm512_maskz_mov_epi64(some, _mm512_mask_sub_epi64(q, minus, lanes_all(0), q));
    __mmask8 wrong = lanes_with_other_than_digits(exponent);
    wrong |= _mm512_cmpgt_epu64_mask(_mm512_sub_epi64(count, lanes_all(8)), lanes_all(16));
    eight->good &= (__mmask8) ~(wrong & some);

    __m512i cut = _mm512_maskz_add_epi64(some, bits, lanes_all(8));
    before = digits_of(before, ones_before(_mm512_subs_epu16(*length, lanes_all(192))));
    *length = _mm512_sub_epi64(*length, cut);
    return (struct texts){_mm512_shldv_epi64(t.first, before, cut),
                          _mm512_shldv_epi64(t.middle, t.first, cut),
                          _mm512_shldv_epi64(t.last, t.middle, cut)};
}

/* The lanes in which the first of so many digits is 0, the others being outside. */
static inline __mmask8 lanes_with_zero_first(struct texts t, __m512i count)
{
    struct texts first = before_last(_mm512_sub_epi64(count, lanes_all(8)));
    __m512i digit = _mm512_and_si512(t.first, first.first);
    digit = _mm512_ternarylogic_epi64(digit, t.middle, first.middle, OR_AND);
    digit = _mm512_ternarylogic_epi64(digit, t.last, first.last, OR_AND);
    return _mm512_testn_epi64_mask(digit, lanes_all(-1));
}

/* Reads eight numbers that have at most 24 bytes before their exponent. The last point is taken
 * out, and the first byte cut off if there is a minus anywhere: if only digits are left, there was
 * one point, and the minus was first. */
static inline struct eight read_eight(const char *text, const uint16_t *places, size_t behind)
{
    struct eight eight = {.q = lanes_all(0), .good = 0xff};
    __m512i pairs = _mm512_cvtepu32_epi64(_mm256_loadu_epi32(places)), before;
    __m512i length =
        _mm512_sub_epi64(_mm512_srli_epi64(pairs, 16), _mm512_and_si512(pairs, lanes_all(0xffff)));
    length = _mm512_slli_epi64(length, 3);
    struct texts t = load_texts(text, places, behind, &before), outside = before_last(length);
    t = (struct texts){digits_of(t.first, outside.first), digits_of(t.middle, outside.middle),
                       digits_of(t.last, outside.last)};
    if (_mm512_cmpeq_epi8_mask(_mm512_or_si512(t.last, _mm512_set1_epi8(0x20)), digit_of('E')))
        t = cut_exponents(t, before, &length, &eight);
    __mmask8 good = _mm512_mask_cmple_epu64_mask(eight.good, length, lanes_all(192));

    __m512i fraction = bits_behind_last(t, digit_of('.'));
    __mmask8 point = _mm512_cmplt_epu64_mask(fraction, lanes_all(192));
    good =
        _mm512_mask_test_epi64_mask(good, fraction, lanes_all(-1)); /* a digit follows the point */
    eight.negative = lanes_with(t, digit_of('-'));
    t = close_gap(t, fraction);
    fraction = _mm512_maskz_mov_epi64(point, fraction);
    __m512i count = _mm512_mask_sub_epi64(length, point, length, lanes_all(8));
    count = _mm512_mask_sub_epi64(count, eight.negative, count, lanes_all(8));
    __m512i whole = _mm512_sub_epi64(count, fraction);

    t = texts_without(t, before_last(count));
    __mmask8 wrong =
        lanes_with_other_than_digits(_mm512_max_epu8(_mm512_max_epu8(t.first, t.middle), t.last));
    wrong |= _mm512_mask_cmpneq_epi64_mask(lanes_with_zero_first(t, count), whole, lanes_all(8));
    wrong |= _mm512_cmplt_epi64_mask(whole, lanes_all(8));
    __m512i above = number_of(t.first);
    wrong |= _mm512_cmpgt_epu64_mask(above, lanes_all(999)); /* n is less than 10^19 */
    eight.good = good & (__mmask8)~wrong;
    __m512i low = _mm512_add_epi64(_mm512_mul_epu32(number_of(t.middle), lanes_all(100000000)),
                                   number_of(t.last));
    eight.n = _mm512_add_epi64(_mm512_mullo_epi64(above, lanes_all(10000000000000000)), low);
    eight.q = _mm512_sub_epi64(eight.q, _mm512_srli_epi64(fraction, 3));
    return eight;
}

/* ---- digits -> doubles */

/* The high words of 10^q to 10^(q - 7). */
static inline __m512i powers_down_from(int q)
{
    const __m512i highs_backward = _mm512_set_epi64(0, 2, 4, 6, 8, 10, 12, 14);
    const struct decimal_power *last = &decimal_powers[q - 7 - DECIMAL_POWER_FIRST];
    return _mm512_permutex2var_epi64(_mm512_loadu_epi64(last), highs_backward,
                                     _mm512_loadu_epi64(last + 4));
}

/* Those of the usual exponents: 10^0 to 10^-7, 10^-8 to 10^-15, 10^-16 to 10^-23. */
struct powers {
    __m512i first, second, third;
};

/* The high word of 10^q for the good lanes, which become those for which the result is surely
 * normal, n < 10^19. */
static inline __m512i power_of(__m512i q, const struct powers *powers, __mmask8 *good)
{
    __m512i below = _mm512_sub_epi64(lanes_all(0), q);
    if (unusual(_mm512_mask_cmpgt_epu64_mask(*good, below, lanes_all(23)))) {
        *good = _mm512_mask_cmple_epu64_mask(*good, _mm512_add_epi64(q, lanes_all(307)),
                                             lanes_all(307 + 288));
        __m512i index = _mm512_sub_epi64(q, lanes_all(DECIMAL_POWER_FIRST));
        return _mm512_mask_i64gather_epi64(lanes_all(0), *good, _mm512_add_epi64(index, index),
                                           decimal_powers, 8);
    }
    __m512i power = _mm512_permutex2var_epi64(powers->first, below, powers->second);
    __mmask8 beyond = _mm512_cmpgt_epu64_mask(below, lanes_all(15));
    return _mm512_mask_permutexvar_epi64(power, beyond, below, powers->third);
}

/* Stores the nearest doubles of the lanes that it returns. This is nearest_usual() of
 * decimal_parse.c, name by name and with its proof, but for n = 0, and that it declines what is
 * near the middle of two doubles. */
static inline __mmask8 round_eight(const struct eight *eight, const struct powers *powers,
                                   double *values)
{
    __mmask8 good = eight->good, some = _mm512_test_epi64_mask(eight->n, lanes_all(-1));
    __m512i shift = _mm512_lzcnt_epi64(eight->n);
    __m512i power = power_of(eight->q, powers, &good);
    __m512i high = lanes_multiply(_mm512_sllv_epi64(eight->n, shift), power).high;
    __mmask8 no_lead = _mm512_movepi64_mask(high); /* the top bit is set */
    __m512i leading = _mm512_mask_mov_epi64(_mm512_add_epi64(high, high), no_lead, high);
    __m512i near_middle =
        _mm512_and_si512(_mm512_add_epi64(leading, lanes_all(3)), lanes_all(0x7ff & ~3));
    good = _mm512_mask_cmpneq_epi64_mask(good, near_middle, lanes_all(0x400));

    __m512i log2 =
        _mm512_srai_epi64(_mm512_mul_epi32(eight->q, lanes_all(217706)), 16); /* decimal_log2() */
    __m512i exponent =
        _mm512_sub_epi64(_mm512_add_epi64(log2, lanes_all(64 - 1 + 1023 - 1)), shift);
    exponent = _mm512_mask_add_epi64(exponent, no_lead, exponent, lanes_all(1));
    __m512i mantissa =
        _mm512_srli_epi64(_mm512_add_epi64(_mm512_srli_epi64(leading, 10), lanes_all(1)), 1);
    __m512i bits = _mm512_maskz_add_epi64(some, _mm512_slli_epi64(exponent, 52), mantissa);
    bits = _mm512_mask_or_epi64(bits, eight->negative, bits, lanes_all(INT64_MIN));
    _mm512_mask_storeu_epi64(values, good, bits);
    return good;
}

/* ---- runs */

/* Where the element of that index begins, or the white space before it: behind the comma, or the
 * '[' if the place of that is one of a ']'. */
static const char *element(const char *stretch, const struct places *places, size_t index)
{
    if (index == 0) return stretch;
    const char *p = stretch + places->at[2 * index - 1];
    if (*p == ']')
        while (*p != '[') p++;
    return p + 1;
}

/* Makes places of commas those of the ']' before them where rows end. Returns how many elements
 * have brackets before and behind them only as the rows say. */
static size_t check_rows(const char *stretch, const char *limit, struct places *places,
                         size_t found, struct decimal_row row)
{
    int is_first = 0; /* of its row, but for the stretch's first, which stands behind its '[' */
    for (size_t i = 0; i < found; i++) {
        const char *p = i == 0 ? stretch : stretch + places->at[2 * i - 1] + 1;
        for (const char *begin = stretch + places->at[2 * i]; p < begin; p++) {
            if (*p == '[' && is_first)
                is_first = 0;
            else if (*p == '[' || *p == ']')
                return is_first ? i - 1 : i;
        }
        if (is_first) return i - 1;
        if (++row.index < row.length) continue;
        row.index = 0;
        is_first = 1;
        const char *comma = stretch + places->at[2 * i + 1];
        if (comma == limit || *comma != ',' || comma[-1] != ']') return i;
        places->at[2 * i + 1]--;
    }
    return is_first ? found - 1 : found;
}

/* Stores the values of up to count elements: returns how many, up to one that is wrong. Since all
 * before it were numbers with their commas, decimal_parse_portable takes of the text what is
 * declined here, neither more nor less. */
static size_t round_all(const char *stretch, const char *limit, const struct places *places,
                        struct eight *eights, size_t count, double *values, struct decimal_row row)
{
    const struct powers powers = {powers_down_from(0), powers_down_from(-8), powers_down_from(-16)};
    for (size_t i = 0; i < count; i += 8) {
        unsigned lanes = count - i < 8 ? (1u << (count - i)) - 1 : 0xff;
        eights[i / 8].good &= (__mmask8)lanes;
        unsigned declined = lanes & ~(unsigned)round_eight(&eights[i / 8], &powers, values + i);
        for (; unusual(declined > 0); declined &= declined - 1) {
            size_t k = i + (unsigned)__builtin_ctz(declined);
            const char *end;
            struct decimal_row at = row;
            if (row.length > 0) at.index = (row.index + k) % row.length;
            if (decimal_parse_portable(element(stretch, places, k), limit, &end, values + k, 1,
                                       at) == 0)
                return k;
        }
    }
    return count;
}

size_t decimal_parse_wide(const char *text, const char *limit, const char **end, double *values,
                          size_t room, struct decimal_row row)
{
    struct places places;
    struct eight eights[STRETCH / 2 / 8];
    const char *p = text;
    size_t count = 0, found, taken;
    do {
        found = find_places(p, limit, 2 * (room - count), row.length > 0, &places) / 2;
        if (found > room - count) found = room - count;
        if (row.length > 0) found = check_rows(p, limit, &places, found, row);
        if (found < LEAST) break;
        if (found > 8) found -= found % 8; /* what is left goes with the next stretch */
        for (size_t i = 0; i < found; i += 8)
            eights[i / 8] = read_eight(p, places.at + 2 * i, (size_t)(p - text));
        taken = round_all(p, limit, &places, eights, found, values + count, row);
        count += taken;
        if (row.length > 0) row.index = (row.index + taken) % row.length;
        p = element(p, &places, taken);
    } while (taken == found && room - count >= LEAST);
    *end = p;
    return count;
}

#else
size_t decimal_parse_wide(const char *text, const char *limit, const char **end, double *values,
                          size_t room, struct decimal_row row)
{
    (void)limit, (void)values, (void)room, (void)row;
    *end = text;
    return 0;
}
#endif
