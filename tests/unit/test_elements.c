/* test_elements.c - elements of every binary type widen to the doubles that they are, however their
 * bytes are cut. */
#include "loss/elements.h"

#include "support/bits.h"
#include "support/cmocka_all.h"
#include "support/random.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES 4096

/* As its definition says: sign, exponent bits, mantissa bits. */
static double float_of(uint64_t bits, int exponent_bits, int mantissa_bits)
{
    int bias = (1 << (exponent_bits - 1)) - 1;
    uint64_t field = bits >> mantissa_bits & ((1U << exponent_bits) - 1);
    uint64_t mantissa = bits & (((uint64_t)1 << mantissa_bits) - 1);
    double sign = bits >> (exponent_bits + mantissa_bits) & 1 ? -1 : 1;
    if (field == (1U << exponent_bits) - 1) return mantissa != 0 ? NAN : sign * INFINITY;
    if (field == 0) return sign * ldexp((double)mantissa, 1 - bias - mantissa_bits);
    return sign * ldexp((double)(mantissa + ((uint64_t)1 << mantissa_bits)),
                        (int)field - bias - mantissa_bits);
}

static double integer_of(uint64_t bits, size_t size, bool is_signed)
{
    char text[32];
    unsigned unused = 64 - 8 * (unsigned)size;
    if (is_signed) {
        snprintf(text, sizeof text, "%" PRId64, (int64_t)(bits << unused) >> unused);
    } else {
        snprintf(text, sizeof text, "%" PRIu64, bits);
    }
    return strtod(text, NULL);
}

static double expected_of(enum element_type type, uint64_t bits)
{
    switch (type) {
    case ELEMENT_F64:
        return double_of(bits);
    case ELEMENT_F32:
        return float_of(bits, 8, 23);
    case ELEMENT_F16:
        return float_of(bits, 5, 10);
    case ELEMENT_BF16:
        return float_of(bits, 8, 7);
    default:
        return integer_of(bits, elements_size_of(type), type <= ELEMENT_I64);
    }
}

/* A NaN may become another. */
static bool is_same(double a, double b)
{
    return isnan(a) ? isnan(b) : bits_of(a) == bits_of(b);
}

static void put(unsigned char *out, uint64_t bits, size_t size)
{
    for (size_t i = 0; i < size; i++) out[i] = (unsigned char)(bits >> 8 * i);
}

static void expect(enum element_type type, const uint64_t *bits, size_t n)
{
    struct tensor_budget budget = {.limit = SIZE_MAX};
    struct tensor tensor;
    struct elements elements;
    size_t size = elements_size_of(type);
    unsigned char *bytes = malloc(n * size);
    bool has_non_finite = false;
    assert_non_null(bytes);
    for (size_t i = 0; i < n; i++) put(bytes + i * size, bits[i], size);
    tensor_init(&tensor, &budget);
    elements_init(&elements, type, &tensor);
    assert_true(elements_add(&elements, bytes, n * size));
    assert_int_equal(tensor.length, n);
    for (size_t i = 0; i < n; i++) {
        double expected = expected_of(type, bits[i]);
        has_non_finite |= !isfinite(expected);
        if (!is_same(expected, tensor.values[i]))
            fail_msg("type %d: %#" PRIx64 " is %a, not %a", (int)type, bits[i], tensor.values[i],
                     expected);
    }
    assert_int_equal(elements.has_non_finite, has_non_finite);
    tensor_free(&tensor);
    assert_int_equal(budget.used, 0);
    free(bytes);
}

static void every_value_of_8_and_16_bits_is_exact(void **state)
{
    static uint64_t bits[1 << 16];
    (void)state;
    for (size_t i = 0; i < COUNT(bits); i++) bits[i] = i;
    for (int type = 0; type < ELEMENT_TYPES; type++) {
        size_t size = elements_size_of((enum element_type)type);
        if (size <= 2) expect((enum element_type)type, bits, (size_t)1 << 8 * size);
    }
}

static void wider_values_are_exact_and_integers_of_64_bits_nearest(void **state)
{
    static const uint64_t edges[] = {0,
                                     1,
                                     0x7FFFFFFF,
                                     0x80000000,
                                     0xFFFFFFFF,
                                     0x7F800000,
                                     0x7F7FFFFF,
                                     0xFF800001,
                                     0x20000000000000,
                                     0x20000000000001,
                                     0x20000000000003,
                                     0x3FFFFFFFFFFFFF,
                                     0x7FEFFFFFFFFFFFFF,
                                     0x7FF0000000000000,
                                     0xFFF8000000000001,
                                     0x7FFFFFFFFFFFFBFF,
                                     0x7FFFFFFFFFFFFE00,
                                     0x7FFFFFFFFFFFFFFF,
                                     0x8000000000000000,
                                     0x8000000000000400,
                                     0x8000000000000C00,
                                     0xFFFFFFFFFFFFFBFF,
                                     0xFFFFFFFFFFFFFC00,
                                     0xFFFFFFFFFFFFFFFF};
    static uint64_t bits[SAMPLES];
    uint64_t random = 1;
    (void)state;
    for (int type = 0; type < ELEMENT_TYPES; type++) {
        size_t size = elements_size_of((enum element_type)type);
        uint64_t mask = UINT64_MAX >> (64 - 8 * size);
        for (size_t i = 0; i < COUNT(edges); i++) {
            expect((enum element_type)type, &(uint64_t){edges[i] & mask}, 1);
        }
        for (size_t i = 0; i < SAMPLES; i++) {
            /* As many integers of every length as of any other. */
            bits[i] = random_bits(&random) >> (type > ELEMENT_BF16 ? random_below(&random, 64) : 0);
            bits[i] &= mask;
        }
        expect((enum element_type)type, bits, SAMPLES);
    }
}

static void a_non_finite_element_is_noticed_wherever_it_stands(void **state)
{
    static const struct {
        enum element_type type;
        uint64_t one, infinity, nan, largest;
    } rows[] = {
        {ELEMENT_F64, 0x3FF0000000000000, 0xFFF0000000000000, 0x7FF0000000000001,
         0xFFEFFFFFFFFFFFFF},
        {ELEMENT_F32, 0x3F800000, 0xFF800000, 0x7F800001, 0xFF7FFFFF},
        {ELEMENT_F16, 0x3C00, 0xFC00, 0x7C01, 0xFBFF},
        {ELEMENT_BF16, 0x3F80, 0xFF80, 0x7F81, 0xFF7F},
    };
    (void)state;
    for (size_t row = 0; row < COUNT(rows); row++) {
        uint64_t bits[37];
        for (size_t i = 0; i < COUNT(bits); i++)
            bits[i] = i % 2 ? rows[row].largest : rows[row].one;
        expect(rows[row].type, bits, COUNT(bits));
        for (size_t i = 0; i < COUNT(bits); i++) {
            bits[i] = rows[row].infinity;
            expect(rows[row].type, bits, COUNT(bits));
            bits[i] = rows[row].nan;
            expect(rows[row].type, bits, COUNT(bits));
            bits[i] = rows[row].one;
        }
    }
}

static void no_cut_changes_an_element(void **state)
{
    struct tensor_budget budget = {.limit = SIZE_MAX};
    unsigned char bytes[ELEMENT_SIZE_MAX * 9];
    uint64_t random = 2;
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)random_below(&random, 127);
    for (int type = 0; type < ELEMENT_TYPES; type++) {
        for (size_t first = 0; first <= sizeof bytes; first++) {
            for (size_t second = first; second <= sizeof bytes; second++) {
                struct tensor whole, cut;
                struct elements elements;
                tensor_init(&whole, &budget);
                elements_init(&elements, (enum element_type)type, &whole);
                assert_true(elements_add(&elements, bytes, sizeof bytes));
                tensor_init(&cut, &budget);
                elements_init(&elements, (enum element_type)type, &cut);
                assert_true(elements_add(&elements, bytes, first));
                assert_true(elements_add(&elements, bytes + first, second - first));
                assert_true(elements_add(&elements, bytes + second, sizeof bytes - second));
                assert_int_equal(cut.length,
                                 sizeof bytes / elements_size_of((enum element_type)type));
                assert_int_equal(cut.length, whole.length);
                assert_memory_equal(cut.values, whole.values, cut.length * sizeof(double));
                tensor_free(&whole);
                tensor_free(&cut);
            }
        }
    }
}

static void a_spent_budget_ends_it(void **state)
{
    struct tensor_budget budget = {.limit = 4096};
    struct tensor tensor;
    struct elements elements;
    static const unsigned char bytes[4096];
    (void)state;
    tensor_init(&tensor, &budget);
    elements_init(&elements, ELEMENT_U8, &tensor);
    assert_true(elements_add(&elements, bytes, 512));
    assert_false(elements_add(&elements, bytes, 1));
    tensor_free(&tensor);
    assert_int_equal(budget.used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_of_8_and_16_bits_is_exact),
        cmocka_unit_test(wider_values_are_exact_and_integers_of_64_bits_nearest),
        cmocka_unit_test(a_non_finite_element_is_noticed_wherever_it_stands),
        cmocka_unit_test(no_cut_changes_an_element),
        cmocka_unit_test(a_spent_budget_ends_it),
    };
    return cmocka_run_group_tests_name("test_elements", tests, NULL, NULL);
}
