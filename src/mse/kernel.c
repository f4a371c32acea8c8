/* kernel.c - double-double arithmetic on vectors, with a bound on its error that is proved here.
 * Compiled once for each instruction set: KERNEL_ISA is its name, and the compiler's flags say what
 * it has.
 *
 * Every result is an unevaluated sum high + low. It is returned if high + (low - slack) and high +
 * (low + slack), slack being a bound on the error, round to the same double: rounding is monotone,
 * so the true value rounds to it too (Ziv, ACM Transactions on Mathematical Software 17, 1991).
 * TwoSum and TwoProduct, which give the rounding error of a sum or a product as a double, are due
 * to Knuth and Dekker (Ogita, Rump and Oishi, SIAM J. Sci. Comput. 26, 2005).
 *
 * In the bounds u is 2^-53, and |x| u the most by which one rounding of x is wrong. TwoProduct is
 * exact where its product is at least 2^-960; what is smaller is wrong by less than 2^-1070, and is
 * either held to be uncertain (SMALLEST) or left to the caller (kernel.h). Overflows lead to
 * infinities and NaNs, which are never certain. */
#include "mse/kernel.h"

#include <math.h>
#include <string.h>

#if defined __AVX512F__ && defined __AVX512DQ__
#include <immintrin.h>
enum { LANES = 8 };
#elif defined __AVX2__ && defined __FMA__
#include <immintrin.h>
enum { LANES = 4 };
#else
#if defined __aarch64__
#include <arm_neon.h>
#endif
enum { LANES = 2 };
#endif

typedef double vector __attribute__((vector_size(8 * LANES)));
typedef long long mask __attribute__((vector_size(8 * LANES))); /* -1 in a lane: true */
typedef unsigned long long bits __attribute__((vector_size(8 * LANES)));

/* ---- what instruction sets differ in */

#if defined __AVX512F__ && defined __AVX512DQ__
#define FUSED(a, b, c) _mm512_fmadd_pd(a, b, c)
#define ALL(m)         (_mm512_movepi64_mask((__m512i)(m)) == 0xff)
#define LOAD_SOME(rest, count, from) \
    _mm512_mask_loadu_pd(rest, (__mmask8)((1U << (count)) - 1), from)
#elif defined __AVX2__ && defined __FMA__
#define FUSED(a, b, c) _mm256_fmadd_pd(a, b, c)
#define ALL(m)         (_mm256_movemask_pd((__m256d)(m)) == 0xf)
#elif defined __aarch64__
#define FUSED(a, b, c) ((vector)vfmaq_f64((float64x2_t)(c), (float64x2_t)(a), (float64x2_t)(b)))
#define ALL(m)         (((m)[0] & (m)[1]) != 0)
#else
#define ALL(m) (((m)[0] & (m)[1]) != 0)
#endif

#if defined FUSED

/* a * b - product, where product is a * b rounded: exact */
static inline vector product_error(vector a, vector b, vector product)
{
    return FUSED(a, b, -product);
}

/* a - q * b, where q is a / b but for a few roundings: exact, or rounded once */
static inline vector residual(vector a, vector q, vector b)
{
    return FUSED(-q, b, a);
}

/* a * b + c, rounded once or twice */
static inline vector multiply_add(vector a, vector b, vector c)
{
    return FUSED(a, b, c);
}

#else

/* Veltkamp's split: a = high + low, of 26 bits each */
static inline vector high_half(vector a)
{
    vector scaled = a * 0x1.0000002p27;
    return scaled - (scaled - a);
}

static inline vector product_error(vector a, vector b, vector product)
{
    vector a_high = high_half(a), b_high = high_half(b), a_low = a - a_high, b_low = b - b_high;
    return ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low;
}

static inline vector residual(vector a, vector q, vector b)
{
    vector product = q * b;
    return (a - product) - product_error(q, b, product);
}

static inline vector multiply_add(vector a, vector b, vector c)
{
    return a * b + c;
}

#endif

/* ---- vectors and pairs of them */

struct pair {
    vector high, low;
};

static inline vector all_lanes(double value)
{
    return (vector){0} + value;
}

static inline vector load(const double *from)
{
    vector v;
    memcpy(&v, from, sizeof v);
    return v;
}

/* The lanes from count on are rest. */
static inline vector load_part(const double *from, size_t count, double rest)
{
    vector v = all_lanes(rest);
#if defined LOAD_SOME
    return LOAD_SOME(v, count, from);
#else
    memcpy(&v, from, count * sizeof *from);
    return v;
#endif
}

static inline vector where(mask condition, vector v)
{
    return (vector)(condition & (mask)v);
}

static inline vector magnitude(vector v)
{
    return (vector)((mask)v & 0x7fffffffffffffff);
}

/* v, but NaN, of which nothing is certain, where the condition holds */
static inline vector nan_where(mask condition, vector v)
{
    return (vector)(condition | (mask)v);
}

/* v, negated where of is negative */
static inline vector with_sign_of(vector of, vector v)
{
    return (vector)((mask)v ^ ((mask)of & ~0x7fffffffffffffff));
}

/* a - b exactly: TwoSum of a and -b */
static inline struct pair difference(vector a, vector b)
{
    vector high = a - b, b_part = a - high, a_part = high + b_part;
    return (struct pair){high, (a - a_part) + (b_part - b)};
}

/* ---- sums
 *
 * Terms are high + low, high >= 0 and |low| <= 4u high (squared). An accumulator is high + low too.
 * A step adds the term's high part to the accumulator's by TwoSum, without error, and its rounding
 * error, at most u high, and the term's low part to the accumulator's low part, which is rounded
 * twice. j steps after normalise() made |low| <= u high that low part is at most (j + 5) u high,
 * high being the sum so far, so that the step is wrong by u^2 (j + 10) high at most. Normalised
 * every BLOCK steps, which is exact, the sum is after n / LANES steps wrong by u^2 (BLOCK / 2 + 10)
 * n / LANES of itself. The terms are wrong by 16u^2 of themselves (below), and adding up the lanes
 * is a few more steps whose low parts are at most 2 BLOCK u: less than 4000u^2. */
enum { BLOCK = 64 };

static double sum_bound(size_t n)
{
    return 0x1p-106 * (64 * ((double)n / LANES) + 4096);
}
_Static_assert(BLOCK / 2 + 10 < 64 && LANES * (2 * BLOCK + 20) < 4000,
               "sum_bound covers what is derived above");

static inline void add(struct pair *sum, struct pair term)
{
    vector high = sum->high + term.high, term_part = high - sum->high;
    vector error = (sum->high - (high - term_part)) + (term.high - term_part);
    *sum = (struct pair){high, sum->low + (error + term.low)};
}

static inline void normalise(struct pair *sum)
{
    vector high = sum->high + sum->low;
    *sum = (struct pair){high, sum->low - (high - sum->high)};
}

static struct kernel_sum add_lanes(struct pair sum, size_t n)
{
    double high = 0, low = 0;
    for (int i = 0; i < LANES; i++) {
        double next = high + sum.high[i], part = next - high;
        low += ((high - (next - part)) + (sum.high[i] - part)) + sum.low[i];
        high = next;
    }
    double total = high + low;
    return (struct kernel_sum){total, low - (total - high), sum_bound(n)};
}

/* d^2 as p + e: p = dh^2 rounded, e = its error + 2 dh dl, wrong by dl^2 <= u^2 p, by u 2u p where
 * the product is rounded apart, and by u 3u p: 6u^2 p. */
static inline struct pair square(struct pair d)
{
    vector high = d.high * d.high;
    return (struct pair){high,
                         multiply_add(d.high + d.high, d.low, product_error(d.high, d.high, high))};
}

/* w (a.high + a.low): adds u |w a.low| and u (u + |a.low| / a.high) w a.high to the error, 7u^2 of
 * a square and 3u^2 of a difference. */
static inline struct pair times(struct pair a, vector w)
{
    vector high = a.high * w;
    return (struct pair){high, multiply_add(a.low, w, product_error(a.high, w, high))};
}

enum kind { WEIGHTS, SQUARES, WEIGHTED_SQUARES };

/* kind is a constant wherever this is inlined. A negative weight becomes a NaN. */
static inline struct pair term(enum kind kind, vector s, vector y, vector w)
{
    if (kind == WEIGHTS) return (struct pair){(vector)((mask)w | (mask)(w < 0)), (vector){0}};
    struct pair squared = square(difference(s, y));
    if (kind == SQUARES) return squared;
    struct pair product = times(squared, w);
    mask present = (mask)(w != 0);
    return (struct pair){where(present, product.high), where(present, product.low)};
}

/* Two accumulators, since one would wait for itself. */
static inline __attribute__((always_inline)) struct kernel_sum
sum_up(enum kind kind, const double *s, const double *y, const double *w, size_t n)
{
    const vector none = {0};
    struct pair even = {none, none}, odd = {none, none};
    size_t i = 0;
    while (n - i >= 2 * LANES) {
        size_t end =
            i + ((n - i) / (2 * LANES) < BLOCK ? (n - i) / (2 * LANES) : BLOCK) * 2 * LANES;
        for (; i < end; i += 2 * LANES) {
            size_t k = i + LANES;
            add(&even,
                term(kind, s ? load(s + i) : none, y ? load(y + i) : none, w ? load(w + i) : none));
            add(&odd,
                term(kind, s ? load(s + k) : none, y ? load(y + k) : none, w ? load(w + k) : none));
        }
        normalise(&even);
        normalise(&odd);
    }
    for (; i < n; i += LANES) {
        size_t count = n - i < LANES ? n - i : LANES;
        add(&odd,
            term(kind, s ? load_part(s + i, count, 0) : none, y ? load_part(y + i, count, 0) : none,
                 w ? load_part(w + i, count, 0) : none));
    }
    add(&even, odd);
    return add_lanes(even, n);
}

static struct kernel_sum sum_weights(const double *weights, size_t n)
{
    return sum_up(WEIGHTS, NULL, NULL, weights, n);
}

static struct kernel_sum sum_losses(const double *predictions, const double *targets,
                                    const double *weights, size_t n)
{
    if (weights == NULL) return sum_up(SQUARES, predictions, targets, NULL, n);
    return sum_up(WEIGHTED_SQUARES, predictions, targets, weights, n);
}

/* ---- rounding */

/* Between these nothing that a result is made of has underflowed or overflowed. */
static const double SMALLEST = 0x1p-900, LARGEST = 0x1p1000;

/* The double nearest to high + low, which is wrong by |slack| at most; *certain says in which
 * lanes. */
static inline vector settle(vector high, vector low, vector slack, mask *certain)
{
    vector one = high + (low - slack), other = high + (low + slack);
    *certain = (mask)(one - other == 0);
    return one;
}

/* A numerator of least or more is not below SMALLEST, nor, but for roundings, is its quotient. */
struct divisor {
    vector high, low, reciprocal, slack, least;
};

/* For a divisor out of range nothing is certain: the slack is NaN. The factor must be a power of
 * two. */
static inline struct divisor make_divisor(struct kernel_sum sum, double factor, double bound)
{
    double high = sum.high * factor, low = sum.low * factor, slack = bound + sum.bound;
    if (!(high >= SMALLEST && high <= LARGEST)) slack = NAN;
    return (struct divisor){all_lanes(high), all_lanes(low), all_lanes(1 / high), all_lanes(slack),
                            all_lanes(fmax(SMALLEST, SMALLEST * high))};
}

/* v, but NaN where it is too small for a numerator */
static inline vector ample(vector v, const struct divisor *by)
{
    return nan_where((mask)(magnitude(v) < by->least), v);
}

/* What the steps of divide() are wrong by, of the quotient. With a = a.high, |a.low| <= 4u a and
 * |b.low| <= u b: q is a / b but for 2u, so that the residual is at most 2u a, wrong by 2u^2 a;
 * with a.low - q b.low, at most 5u a, wrong by 6u^2 a; their sum, at most 7u a, by 7u^2 a; its
 * quotient by b for which the reciprocal's product stands, by 14u^2; leaving out b.low there is
 * 7u^2; settle() rounds something of at most 7u once. That makes 43u^2. The numerator's own error
 * comes on top, 3u^2 for a weighted difference. */
static const double DIVISION_BOUND = 0x1p-100;

/* a / b as a quotient and its correction, wrong by |*slack| at most, or NaNs if a is too small. A
 * whole divisor has no low part. */
static inline struct pair divide(struct pair a, const struct divisor *by, bool whole, vector *slack)
{
    vector quotient = ample(a.high, by) * by->reciprocal;
    vector rest = residual(a.high, quotient, by->high) +
                  (whole ? a.low : multiply_add(quotient, -by->low, a.low));
    *slack = quotient * by->slack;
    return (struct pair){quotient, rest * by->reciprocal};
}

static inline vector settled_quotient(struct pair a, const struct divisor *by, bool whole,
                                      mask *certain)
{
    vector slack;
    struct pair quotient = divide(a, by, whole, &slack);
    return settle(quotient.high, quotient.low, slack, certain);
}

/* 13u^2 for the terms and 4u^2 for settle() */
static const double LOSS_BOUND = 0x1p-101;

static bool quotient_of_sums(struct kernel_sum numerator, struct kernel_sum divisor,
                             double *quotient)
{
    struct divisor by = make_divisor(divisor, 1, DIVISION_BOUND + numerator.bound);
    mask certain;
    struct pair sum = {all_lanes(numerator.high), all_lanes(numerator.low)};
    vector value = settled_quotient(sum, &by, false, &certain);
    if (!ALL(certain) || numerator.high > LARGEST) return false;
    *quotient = value[0];
    return true;
}

/* ---- results that are subnormal, or normal but small
 *
 * They are found times 2^600, from numbers times 2^300. Many CPUs take a hundred cycles more for a
 * product if it or a factor is subnormal, so the exponent, the bits from 52 on, is changed as an
 * integer is. A subnormal number's bits are those that follow the exponent in its sum with 2^-1022,
 * the least normal number. That sum is exact; this is its smaller part, and what scaling makes of
 * it: */
static const double NORMAL = 0x1p-1022, NORMAL_RAISED = 0x1p-722, NORMAL_RAISED_TWICE = 0x1p-422;

/* What is larger is not raised to what it should be. */
static const double RAISED_MAX = 0x1p700;

/* Added to the bits of a number this gives those of 2^by times it, or of 2^by times its sum with
 * NORMAL. */
static inline bits exponent(unsigned long long by, mask is_sum)
{
    return ((bits)is_sum & 1ULL << 52) + (by << 52);
}

/* 2^300 v */
static inline vector raised(vector v)
{
    vector size = magnitude(v);
    mask subnormal = (mask)(size < NORMAL);
    vector sum = (vector)((bits)size + exponent(300, subnormal));
    return with_sign_of(v, sum - where(subnormal, all_lanes(NORMAL_RAISED)));
}

/* The double nearest to 2^-600 (v.high + v.low), which is wrong by 2^-600 |slack| at most; |v.low|
 * <= 7u v.high.
 *
 * The sum with the least normal number has the last place of a subnormal result, 2^-474, and is
 * rounded there. What that cuts off is the rest, which together with v.low decides as it does in
 * settle(). Both are below 2^-472, so that the roundings of their sum and difference are wrong by
 * 2^-525 each at most. A result that lies across the least normal number from v.high was rounded at
 * a wrong place. */
static inline vector lowered(struct pair v, vector slack, mask *certain)
{
    vector size = magnitude(v.high), low = with_sign_of(v.high, v.low);
    mask subnormal = (mask)(size < NORMAL_RAISED_TWICE);
    vector shift = where(subnormal, all_lanes(NORMAL_RAISED_TWICE));
    vector kept = size + shift, rest = size - (kept - shift);
    slack = magnitude(slack) + 0x1p-524;
    vector below = kept + (rest + (low - slack)), above = kept + (rest + (low + slack));
    mask same_side = ~(subnormal ^ (mask)(below - shift < NORMAL_RAISED_TWICE));
    *certain = (mask)(below - above == 0) & same_side;
    return with_sign_of(v.high, (vector)((bits)below - exponent(600, subnormal)));
}

static vector small_gradient(vector s, vector y, vector w, const struct divisor *by, mask *certain)
{
    vector slack;
    struct pair quotient =
        divide(times(difference(raised(s), raised(y)), raised(w)), by, false, &slack);
    return lowered(quotient, slack, certain);
}

/* Squares that have underflowed still give 0 if the weight is not large. */
static vector small_loss(vector s, vector y, vector w, mask *certain)
{
    struct pair squared = square(difference(raised(s), raised(y))), loss = times(squared, w);
    vector value = lowered(loss, loss.high * LOSS_BOUND, certain);
    *certain &= (mask)(squared.high >= SMALLEST) | (mask)(w <= 0x1p300);
    return value;
}

/* ---- element by element */

/* The gradient at or near a tie, where the divisor is an integer n, halved, of at most 2^48. Of the
 * two doubles next to the quotient the upper one is nearer if d - lower n/2 is more than half their
 * distance times n/2. Without d.low all this is a multiple of a quarter of that distance and at
 * most 9n of these, so that it is exact; d.low is compared with it. */
static vector gradient_beside_tie(struct pair d, const struct divisor *by, mask *certain)
{
    vector slack;
    struct pair quotient = divide(d, by, true, &slack);
    slack = magnitude(slack);
    vector lower = quotient.high + (quotient.low - slack),
           upper = quotient.high + (quotient.low + slack);
    vector excess = residual(d.high, lower, by->high) - (upper - lower) * 0.5 * by->high;
    mask lower_is_even = ((mask)lower & 1) - 1;
    mask up = (mask)(excess > -d.low) | ((mask)(excess == -d.low) & ~lower_is_even);
    *certain = (mask)(magnitude(lower) <= LARGEST) & (mask)(lower <= upper);
    return (vector)(((mask)upper & up) | ((mask)lower & ~up));
}

/* SCALED divides by a power of two, which commutes with rounding; DIVIDED by another integer up to
 * 2^48. */
enum task { SCALED, DIVIDED, WEIGHTED, LOSSES, WEIGHTED_LOSSES };

static inline bool is_loss(enum task task)
{
    return task == LOSSES || task == WEIGHTED_LOSSES;
}

/* What is found of the lanes that are not certain yet. */
static inline void take(vector found, mask decided, vector *value, mask *certain)
{
    *value = (vector)((mask)*value | (mask)where(decided & ~*certain, found));
    *certain |= decided;
}

/* The lanes that are not certain: elements of no difference or no weight are 0, others may have
 * small results, for which value is NaN, or be beside ties, and what is left is for the judge. */
static __attribute__((noinline)) vector resolved(enum task task, vector value, mask certain,
                                                 vector s, vector y, vector w,
                                                 const struct divisor *by,
                                                 struct kernel_judge *judge)
{
    mask zero = ((mask)(s - y == 0) & (mask)(w <= LARGEST)) | (mask)(w == 0), decided;
    mask not_small = certain | zero | (mask)(value == value);
    value = where(certain & ~zero, value);
    certain |= zero;
    if (!ALL(not_small)) {
        vector small =
            is_loss(task) ? small_loss(s, y, w, &decided) : small_gradient(s, y, w, by, &decided);
        decided &= (mask)(magnitude(s) <= RAISED_MAX) & (mask)(magnitude(y) <= RAISED_MAX) &
                   (mask)(w <= RAISED_MAX);
        take(small, decided, &value, &certain);
    }
    if (task == DIVIDED && !ALL(certain)) {
        vector gradient = gradient_beside_tie(difference(s, y), by, &decided);
        take(gradient, decided, &value, &certain);
    }
    if (ALL(certain)) return value;
    for (int i = 0; i < LANES; i++)
        if (certain[i] == 0) value[i] = judge->decide(judge, s[i], y[i], w[i]);
    return value;
}

static inline vector quick_gradient(enum task task, vector s, vector y, vector w,
                                    const struct divisor *by, mask *certain)
{
    struct pair d = difference(s, y);
    if (task == SCALED)
        return settle(ample(d.high, by) * by->reciprocal, (vector){0}, (vector){0}, certain);
    return settled_quotient(task == WEIGHTED ? times(d, w) : d, by, task == DIVIDED, certain);
}

static inline vector quick_loss(enum task task, vector s, vector y, vector w, mask *certain)
{
    struct pair squared = square(difference(s, y)),
                loss = task == LOSSES ? squared : times(squared, w);
    mask too_small = (mask)(squared.high < SMALLEST) | (mask)(loss.high < SMALLEST);
    return settle(nan_where(too_small, loss.high), loss.low, loss.high * LOSS_BOUND, certain);
}

/* task is a constant wherever this is inlined. */
static inline __attribute__((always_inline)) vector element(enum task task, vector s, vector y,
                                                            vector w, const struct divisor *by,
                                                            struct kernel_judge *judge)
{
    mask certain;
    vector value = is_loss(task) ? quick_loss(task, s, y, w, &certain)
                                 : quick_gradient(task, s, y, w, by, &certain);
    return ALL(certain) ? value : resolved(task, value, certain, s, y, w, by, judge);
}

static inline __attribute__((always_inline)) void elements(enum task task, const double *s,
                                                           const double *y, const double *w,
                                                           size_t n, const struct divisor *by,
                                                           struct kernel_judge *judge, double *out)
{
    const vector one = all_lanes(1);
    size_t i = 0;
    for (; n - i >= LANES; i += LANES) {
        vector value = element(task, load(s + i), load(y + i), w ? load(w + i) : one, by, judge);
        memcpy(out + i, &value, sizeof value);
    }
    if (i == n) return;
    /* The lanes left over repeat the last element: they need no more deciding than it does. */
    vector value =
        element(task, load_part(s + i, n - i, s[n - 1]), load_part(y + i, n - i, y[n - 1]),
                w ? load_part(w + i, n - i, w[n - 1]) : one, by, judge);
    memcpy(out + i, &value, (n - i) * sizeof *out);
}

static void gradient(const double *predictions, const double *targets, const double *weights,
                     size_t n, struct kernel_sum divisor, struct kernel_judge *judge, double *out)
{
    struct divisor by = make_divisor(divisor, 0.5, DIVISION_BOUND);
    bool whole = divisor.low == 0 && divisor.bound == 0 && divisor.high <= 0x1p48 &&
                 divisor.high == (double)(long long)divisor.high;
    int exponent;
    if (weights != NULL || !whole)
        elements(WEIGHTED, predictions, targets, weights, n, &by, judge, out);
    else if (frexp(divisor.high, &exponent) == 0.5)
        elements(SCALED, predictions, targets, NULL, n, &by, judge, out);
    else
        elements(DIVIDED, predictions, targets, NULL, n, &by, judge, out);
}

static void losses(const double *predictions, const double *targets, const double *weights,
                   size_t n, struct kernel_judge *judge, double *out)
{
    struct divisor one = make_divisor((struct kernel_sum){1, 0, 0}, 1, 0);
    if (weights != NULL)
        elements(WEIGHTED_LOSSES, predictions, targets, weights, n, &one, judge, out);
    else
        elements(LOSSES, predictions, targets, NULL, n, &one, judge, out);
}

#define JOIN_NAME(prefix, name) prefix##name
#define NAME_OF(isa)            JOIN_NAME(kernel_, isa)
#define QUOTE_NAME(name)        #name
#define QUOTED(isa)             QUOTE_NAME(isa)

const struct kernel NAME_OF(KERNEL_ISA) = {
    QUOTED(KERNEL_ISA), sum_weights, sum_losses, quotient_of_sums, gradient, losses,
};
