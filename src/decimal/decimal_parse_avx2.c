/* decimal_parse_avx2.c - a run of decimals -> the nearest doubles, four at a time, for CPUs with
 * AVX2. Knows nothing of arrays but what stands between their elements.
 *
 * A stretch of text goes through three loops. find_elements looks at blocks of 64 bytes in masks,
 * with a bit for each byte: it judges the grammar of all elements in a block together, and lists
 * where their digits are. read_integers makes integers of digits, and round_elements doubles of
 * integers, in the lanes of vectors. Text that the first declines is left to
 * decimal_parse_portable, and a number that the others decline, which is known to be one, to
 * decimal_parse. Does nothing where the compiler is not told of these instructions. */
#include "decimal/decimal_wide.h"

#if defined __AVX2__

#include <immintrin.h>
#include <math.h>
#include <string.h>

#define unusual(condition) __builtin_expect((condition) != 0, 0)

/* ---- text -> masks. The first byte of a block is the lowest bit. */

#define BLOCK 64

/* Each white byte at its lowest four bits; elsewhere a byte with other lowest bits. */
#define WHITE _mm_setr_epi8(' ', 0, 0, 0, 0, 0, 0, 0, 0, '\t', '\n', 0, 0, '\r', 0, 0)

typedef struct {
    __m256i low, high;
} block;

static inline block load(const char *text)
{
    return (block){_mm256_loadu_si256((const __m256i *)text),
                   _mm256_loadu_si256((const __m256i *)(text + 32))};
}

static inline uint64_t mask_of(__m256i low, __m256i high)
{
    return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high)
                                                     << 32;
}

static inline uint64_t equal(block x, char byte)
{
    __m256i all = _mm256_set1_epi8(byte);
    return mask_of(_mm256_cmpeq_epi8(x.low, all), _mm256_cmpeq_epi8(x.high, all));
}

static inline uint64_t digits_of(block x)
{
    /* taken from '0' + 128, the digits are the ten least signed numbers */
    const __m256i zero = _mm256_set1_epi8((char)('0' + 128)), ten = _mm256_set1_epi8(10 - 128);
    return mask_of(_mm256_cmpgt_epi8(ten, _mm256_sub_epi8(x.low, zero)),
                   _mm256_cmpgt_epi8(ten, _mm256_sub_epi8(x.high, zero)));
}

static inline uint64_t white_of(block x)
{
    const __m256i white = _mm256_broadcastsi128_si256(WHITE);
    return mask_of(_mm256_cmpeq_epi8(x.low, _mm256_shuffle_epi8(white, x.low)),
                   _mm256_cmpeq_epi8(x.high, _mm256_shuffle_epi8(white, x.high)));
}

/* The first bits after runs of ones in a mask, each of which begins in bits: the sum carries a bit
 * through its run. A bit that is in no run stays. */
static inline uint64_t behind(uint64_t bits, uint64_t runs)
{
    return (bits + runs) & ~runs;
}

/* The bits before the lowest of a mask, all if it has none. */
static inline uint64_t before(uint64_t bits)
{
    return ~bits & (bits - 1);
}

/* ---- masks -> elements */

#define ELEMENTS 128 /* listed at a time */

/* Where the first digit of each is, its point or else the end of its digits, and that end, before
 * an exponent: counted from the stretch's first byte. */
struct elements {
    uint16_t first[ELEMENTS + 32], point[ELEMENTS + 32], end[ELEMENTS + 32];
    size_t count;
    int with_exponents; /* some may have one */
};
_Static_assert((ELEMENTS + 32) * BLOCK <= UINT16_MAX, "a place fits");

/* What a block of text holds, from the begin of an element on or the white space before it. */
struct found {
    uint64_t first, point, end; /* of elements; the end is that of the digits before an exponent */
    uint64_t mark;              /* the comma or the ']' that follows each */
    uint64_t close;             /* those that are a ']' */
    uint64_t next;              /* the last byte of what separates an element from the next */
    uint64_t likely;            /* what is likely to be such */
    uint64_t right;             /* bytes before the first that is wrong */
};

/* Lists the first elements of a block, more of them, 32 at most, behind count others. What follows
 * in the lists is lost. */
static inline void list(struct elements *elements, size_t count, const struct found *found,
                        size_t more, size_t at)
{
    uint64_t first = found->first, point = found->point, end = found->end;
    /* four at a time, so that the processor seldom guesses wrong how many there are */
    for (size_t i = count; i < count + more; i += 4) {
        for (size_t k = 0; k < 4; k++) {
            elements->first[i + k] = (uint16_t)(at + _tzcnt_u64(first));
            elements->point[i + k] = (uint16_t)(at + _tzcnt_u64(point));
            elements->end[i + k] = (uint16_t)(at + _tzcnt_u64(end));
            first &= first - 1;
            point &= point - 1;
            end &= end - 1;
        }
    }
}

/* Of what goes wrong, or leads out of the block, all bits are at that byte or behind it. So what is
 * before the first wrong byte is right. */
__attribute__((always_inline)) static inline struct found find_in_block(block x, int with_exponents,
                                                                        int with_rows)
{
    uint64_t digits = digits_of(x), white = white_of(x), minus = equal(x, '-');
    uint64_t points = equal(x, '.'), commas = equal(x, ',');
    uint64_t opens = with_rows ? equal(x, '[') : 0, closes = with_rows ? equal(x, ']') : 0;
    struct found found = {.likely = commas | opens};

    uint64_t begin = behind((commas | opens) << 1 | 1, white) & ~opens;
    found.first = begin + (begin & minus); /* a bit added to itself is the next */
    found.point = behind(found.first, digits);
    uint64_t fraction = (found.point & points) << 1;
    found.end = (found.point & ~points) | behind(fraction, digits);
    uint64_t wrong = (found.first | fraction) & ~digits;
    wrong |= (found.first & equal(x, '0')) << 1 & digits; /* no digit may follow a first zero */
    uint64_t end = found.end;
    if (with_exponents) {
        uint64_t e = end & (equal(x, 'e') | equal(x, 'E'));
        uint64_t power = (e << 1) + (e << 1 & (minus | equal(x, '+')));
        wrong |= power & ~digits;
        end = (end & ~e) | behind(power, digits);
    }
    found.mark = behind(end, white);
    found.close = found.mark & closes;
    uint64_t comma = with_rows ? behind(found.close << 1, white) : 0; /* between rows */
    uint64_t open = with_rows ? behind(comma << 1, white) : 0;
    found.next = (found.mark & ~closes) | open;
    wrong |= (found.close ^ closes) | (((found.mark & ~closes) | comma) ^ commas) | (open ^ opens);
    found.right = before(wrong);
    found.next &= found.right;
    return found;
}

/* Lists up to ELEMENTS elements, or wanted, that follow one another from text on, of whole blocks.
 * Returns the byte after what separates the last from the next. Calls nothing, so that compilers
 * keep all it needs in registers. */
__attribute__((always_inline)) static inline const char *
find_elements(const char *text, const char *limit, size_t wanted, struct decimal_row row,
              struct elements *elements, int with_exponents, int with_rows)
{
    uint64_t row_begins = 1; /* every so many bits */
    for (size_t i = row.length; with_rows && i < 64; i += row.length)
        row_begins |= (uint64_t)1 << i;
    const char *p = text;
    size_t count = 0;
    if (wanted > ELEMENTS) wanted = ELEMENTS;
    while (count < wanted && limit - p >= BLOCK) {
        struct found found = find_in_block(load(p), with_exponents, with_rows);
        if (with_rows) {
            size_t left = row.length - 1 - row.index; /* to the row's last */
            uint64_t row_ends = left < 64 ? row_begins << left : 0;
            uint64_t ragged = (_pdep_u64(row_ends, found.mark) ^ found.close) & found.right;
            if (unusual(ragged != 0)) found.next &= before(ragged);
        }
        if (unusual(found.next == 0)) break;
        size_t more = (size_t)__builtin_popcountll(found.next), at = (size_t)(p - text);
        if (unusual(more > wanted - count)) {
            more = wanted - count;
            found.next =
                _pdep_u64(_bzhi_u64(UINT64_MAX, (unsigned)more), found.next); /* the first */
        }
        list(elements, count, &found, more, at);
        count += more;
        if (with_rows) row.index = (row.index + more) % row.length; /* no jump: none could guess */
        /* where the next block begins is guessed, so that the processor need not wait for found */
        p += BLOCK - (size_t)__builtin_clzll(found.likely);
        if (unusual((found.next ^ found.likely) > (found.next & found.likely)))
            p = text + at + BLOCK - (size_t)__builtin_clzll(found.next);
    }
    elements->count = count;
    elements->with_exponents = with_exponents;
    return p;
}

typedef const char *finder(const char *text, const char *limit, size_t wanted,
                           struct decimal_row row, struct elements *elements);
#define FINDER(name, with_exponents, with_rows)                                              \
    __attribute__((noinline)) static const char *name(const char *text, const char *limit,   \
                                                      size_t wanted, struct decimal_row row, \
                                                      struct elements *elements)             \
    {                                                                                        \
        return find_elements(text, limit, wanted, row, elements, with_exponents, with_rows); \
    }
FINDER(find_plain, 0, 0)
FINDER(find_plain_in_rows, 0, 1)
FINDER(find_any, 1, 0)
FINDER(find_any_in_rows, 1, 1)

/* ---- elements -> doubles */

/* Exact powers of ten and their inverses, rounded; from MINUS on, for numbers with a minus. Divided
 * by what stands at UNUSUAL, a number is none. */
#define TEN(sign, k)                  \
    {                                 \
        (sign) * 1e##k, (sign)*1e-##k \
    }
#define TENS(sign)                                                                                \
    TEN(sign, 0), TEN(sign, 1), TEN(sign, 2), TEN(sign, 3), TEN(sign, 4), TEN(sign, 5),           \
        TEN(sign, 6), TEN(sign, 7), TEN(sign, 8), TEN(sign, 9), TEN(sign, 10), TEN(sign, 11),     \
        TEN(sign, 12), TEN(sign, 13), TEN(sign, 14), TEN(sign, 15), TEN(sign, 16), TEN(sign, 17), \
        TEN(sign, 18), TEN(sign, 19), TEN(sign, 20), TEN(sign, 21), TEN(sign, 22)
enum { TENS_MAX = 22, MINUS = TENS_MAX + 1, UNUSUAL = 2 * MINUS };
static const double tens[][2] = {TENS(1), TENS(-1), {NAN, NAN}};

/* Read from byte count on, 32 bytes of which the last count - 1 are ones. */
#define ONES 255, 255, 255, 255, 255, 255, 255, 255
static const _Alignas(64) unsigned char ones_behind[33 + 64] = {[33] = ONES, ONES, ONES, ONES,
                                                                ONES,        ONES, ONES, ONES};

/* Elements as integers, and what these are divided by. */
struct integers {
    __m256i fours[ELEMENTS]; /* the last 32 digits, numbers of four each */
    uint16_t tens[ELEMENTS]; /* places in tens */
};

/* The exponent that begins at p, if one does. */
static int exponent_at(const char *p)
{
    if ((*p | 0x20) != 'e') return 0;
    int exponent = 0, below = p[1] == '-';
    for (p += 1 + (below || p[1] == '+'); *p >= '0' && *p <= '9'; p++) {
        if (exponent < 10000) exponent = exponent * 10 + (*p - '0');
    }
    return below ? -exponent : exponent;
}

static inline __m256i load_bytes(const void *p)
{
    return _mm256_loadu_si256(p);
}

/* Makes integers of elements from index begin on, each of 24 bytes at most. Where there is a point,
 * the bytes before it are moved up by one, over it; then what is before the first digit becomes 0.
 */
__attribute__((noinline)) static void read_integers(const char *text,
                                                    const struct elements *elements, size_t begin,
                                                    struct integers *integers)
{
    uint16_t unmoved[ELEMENTS], kept[ELEMENTS]; /* bytes, and one more */
    for (size_t i = begin; i < elements->count; i++) {
        unsigned length = (unsigned)elements->end[i] - elements->first[i];
        unsigned fraction = (unsigned)elements->end[i] - elements->point[i]; /* and the point */
        unsigned none = fraction == 0;
        unmoved[i] = (uint16_t)(none ? 33 : fraction);
        kept[i] = (uint16_t)(length + none);
        integers->tens[i] = (uint16_t)(length > 24 ? UNUSUAL : fraction - 1 + none);
    }
    for (size_t i = begin; i < elements->count; i++) {
        const char *end = text + elements->end[i];
        __m256i bytes = load_bytes(end - 33);
        __m256i change = _mm256_and_si256(_mm256_xor_si256(bytes, load_bytes(end - 32)),
                                          load_bytes(ones_behind + unmoved[i]));
        __m256i digits = _mm256_xor_si256(_mm256_xor_si256(bytes, _mm256_set1_epi8('0')), change);
        digits = _mm256_and_si256(digits, load_bytes(ones_behind + kept[i]));
        __m256i twos = _mm256_maddubs_epi16(digits, _mm256_set1_epi16(1 << 8 | 10));
        integers->fours[i] = _mm256_madd_epi16(twos, _mm256_set1_epi32(1 << 16 | 100));

        unsigned ten = integers->tens[i], minus = text[elements->first[i] - 1] == '-';
        if (elements->with_exponents) ten -= (unsigned)exponent_at(end);
        integers->tens[i] = (uint16_t)(ten <= TENS_MAX ? ten + MINUS * minus : UNUSUAL);
    }
}

/* n = 10^16 top + 10^8 middle + low, of four elements, and what these are divided by. */
struct four {
    __m128i top, middle, low;
    __m256d power, inverse;
};

/* Of two elements, numbers of eight digits each: in the lower half none and the top, in the upper
 * the middle and the low. */
static inline __m256 in_eights(const __m256i *fours)
{
    return _mm256_castsi256_ps(_mm256_madd_epi16(_mm256_packus_epi32(fours[0], fours[1]),
                                                 _mm256_set1_epi32(1 << 16 | 10000)));
}

static inline struct four take_four(const struct integers *integers, size_t i)
{
    struct four four;
#define POWER(k)  _mm_loadu_pd(tens[integers->tens[i + (k)]])
#define TWO(a, b) _mm256_insertf128_pd(_mm256_castpd128_pd256(POWER(a)), POWER(b), 1)
    __m256d even = TWO(0, 2), odd = TWO(1, 3);
#undef POWER
#undef TWO
    four.power = _mm256_unpacklo_pd(even, odd);
    four.inverse = _mm256_unpackhi_pd(even, odd);
    __m256 a = in_eights(integers->fours + i), b = in_eights(integers->fours + i + 2);
    __m256i top_low = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0xdd));
    __m256i none_middle = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0x88));
    four.top = _mm256_castsi256_si128(top_low);
    four.middle = _mm256_extracti128_si256(none_middle, 1);
    four.low = _mm256_extracti128_si256(top_low, 1);
    return four;
}

/* Sets *values to the nearest doubles, and returns those that are declined besides, as bits. u is
 * 2^-53, and |x| u the most by which one rounding of x is wrong.
 *
 * n = high + low exactly: A is an integer less than 2^53, and so are the rounding errors of its
 * product with 10^8 and of the sum. The quotient's first guess, high * inverse, is wrong by two
 * roundings: the rest, high - guess * power, is at most 2.1 u high, and with low, which is at most
 * 2.1 u high, 4.2 u high. Its two roundings are then wrong by 2.1 + 4.2 u^2 high, and the two of
 * its quotient, correction, by 8.4 u^2 of the value: it is guess + correction, but for 15 u^2 of
 * it. That sum is rounded exactly to nearest + error, and slack is 64 u^2 of the value: enough for
 * the rounding of error +- slack, too, which is at most 1.1 u^2. Rounding is monotone: where the
 * two sums with the slack round to the same, so does the value. Halves and what is very near to
 * them are declined. n = 0 is 0. */
static inline unsigned round_four(const struct four *four, double *values)
{
    const __m256d ten_8 = _mm256_set1_pd(1e8);
    __m256d top = _mm256_cvtepi32_pd(four->top), last = _mm256_cvtepi32_pd(four->low);
    __m256d A = _mm256_fmadd_pd(top, ten_8, _mm256_cvtepi32_pd(four->middle));
    __m256d product = _mm256_mul_pd(A, ten_8), high = _mm256_add_pd(product, last);
    __m256d low = _mm256_add_pd(_mm256_fmsub_pd(A, ten_8, product),
                                _mm256_sub_pd(last, _mm256_sub_pd(high, product)));

    __m256d guess = _mm256_mul_pd(high, four->inverse);
    __m256d rest = _mm256_add_pd(_mm256_fnmadd_pd(guess, four->power, high), low);
    __m256d correction = _mm256_mul_pd(rest, four->inverse);
    __m256d nearest = _mm256_add_pd(guess, correction);
    __m256d error = _mm256_sub_pd(correction, _mm256_sub_pd(nearest, guess));

    __m256d slack = _mm256_mul_pd(nearest, _mm256_set1_pd(0x1p-100));
    __m256d most = _mm256_add_pd(nearest, _mm256_add_pd(error, slack));
    __m256d least = _mm256_add_pd(nearest, _mm256_sub_pd(error, slack));
    _mm256_storeu_pd(values, most);
    __m256d declined = _mm256_or_pd(_mm256_cmp_pd(least, most, _CMP_NEQ_UQ),
                                    _mm256_cmp_pd(top, _mm256_set1_pd(999), _CMP_GT_OQ));
    return (unsigned)_mm256_movemask_pd(declined);
}

/* 33 bytes before the end of a number are read. */
#define WINDOW 33

/* The number of an element, with its minus. */
static const char *number_at(const char *run, const char *text, const struct elements *elements,
                             size_t i)
{
    const char *first = text + elements->first[i];
    return first > run && first[-1] == '-' ? first - 1 : first;
}

/* Reads an element by itself. Returns 0 if it is beyond the largest double. */
static int read_one(const char *number, const char *limit, double *value)
{
    const char *end;
    return decimal_parse(number, limit, &end, value) == DECIMAL_DONE;
}

/* Stores the values of elements; returns how many, up to one beyond the largest double.
 * decimal_parse reads what is unusual, and what less than WINDOW bytes of the run precede. */
static size_t round_elements(const char *run, const char *text, const char *limit,
                             const struct elements *elements, double *values)
{
    struct integers integers;
    size_t i = 0, count = elements->count;
    for (; i < count && (count - i < 4 || text + elements->first[i] - run < WINDOW); i++)
        if (!read_one(number_at(run, text, elements, i), limit, values + i)) return i;
    read_integers(text, elements, i, &integers);
    for (; i < count; i += 4) {
        if (count - i < 4) i = count - 4; /* some are done once more */
        struct four four = take_four(&integers, i);
        unsigned declined = round_four(&four, values + i);
        for (; unusual(declined != 0); declined &= declined - 1) {
            size_t k = i + (unsigned)__builtin_ctz(declined);
            if (!read_one(number_at(run, text, elements, k), limit, values + k)) return k;
        }
    }
    return count;
}

/* The begin of an element that is not the first, or the white space before it. */
static const char *begin_of(const char *number)
{
    while (number[-1] != ',' && number[-1] != '[') number--;
    return number;
}

size_t decimal_parse_avx2(const char *text, const char *limit, const char **end, double *values,
                          size_t room, struct decimal_row row)
{
    finder *const plain = row.length > 0 ? find_plain_in_rows : find_plain;
    finder *const any = row.length > 0 ? find_any_in_rows : find_any;
    struct elements elements;
    const char *p = text;
    size_t count = 0;
    while (count < room) {
        char rest[BLOCK] = {0}; /* behind it, bytes that no element has */
        const char *from = p, *whole = limit;
        if (limit - p < BLOCK) {
            for (size_t i = 0; p + i < limit; i++) rest[i] = p[i];
            from = rest;
            whole = rest + BLOCK;
        }
        const char *next = plain(from, whole, room - count, row, &elements);
        if (elements.count == 0) next = any(from, whole, room - count, row, &elements);
        if (elements.count == 0) break;
        size_t rounded = round_elements(text, p, limit, &elements, values + count);
        count += rounded;
        if (rounded < elements.count) {
            if (rounded > 0) p = begin_of(number_at(text, p, &elements, rounded));
            break;
        }
        if (row.length > 0) row.index = (row.index + elements.count) % row.length;
        p += next - from;
    }
    *end = p;
    return count;
}
#else
size_t decimal_parse_avx2(const char *text, const char *limit, const char **end, double *values,
                          size_t room, struct decimal_row row)
{
    (void)limit, (void)values, (void)room, (void)row;
    *end = text;
    return 0;
}
#endif
