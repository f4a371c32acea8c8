/* test_decimal_digits.c - digits in words and in vectors: both forms of a function give one result.
 */
#include "decimal/decimal_digits.h"
#include "support/cmocka_all.h"
#include "support/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void every_byte_is_looked_at_alike(void **state)
{
    (void)state;
    uint64_t random = 1;
    char text[32];
    for (int i = 0; i < 200000; i++) {
        /* bytes of all kinds, of the kinds in numbers, and each byte there is beside them */
        for (int k = 0; k < 32; k++) {
            uint64_t draw = random_bits(&random);
            text[k] = draw % 3 == 0 ? (char)(draw >> 8) : "0123456789,,.-e /:"[(draw >> 8) % 18];
        }
        text[i % 32] = (char)(i / 32);
        struct digits_masks portable = digits_look_portable(text), masks = digits_look(text);
        assert_int_equal(portable.other, masks.other);
        assert_int_equal(portable.comma, masks.comma);
        for (int k = 0; k < 64; k++) {
            int digit = k < 32 && text[k] >= '0' && text[k] <= '9',
                comma = k < 32 && text[k] == ',';
            assert_int_equal(masks.other >> k & 1, !digit);
            assert_int_equal(masks.comma >> k & 1, comma);
        }
    }
}

static void digits_make_their_number(void **state)
{
    (void)state;
    uint64_t random = 2;
    for (int i = 0; i < 200000; i++) {
        char text[25], number[25];
        for (int k = 0; k < 24; k++) text[k] = (char)random_bits(&random);
        unsigned count = 1 + (unsigned)i % 24;
        char *end = text + 24, *first = end - count;
        for (char *p = first; p < end; p++) *p = (char)('0' + random_bits(&random) % 10);
        *end = '\0';
        uint64_t last = strtoull(count > 16 ? end - 16 : first, NULL, 10);
        assert_int_equal(digits_last_sixteen_portable(end, count), last);
        assert_int_equal(digits_last_sixteen(end, count), last);
        if (count <= 8) assert_int_equal(digits_last_eight(end, count), last);
        snprintf(number, sizeof number, "%.*s", count > 16 ? (int)count - 16 : 0, first);
        assert_int_equal(digits_above_sixteen(end, count), strtoull(number, NULL, 10));
        if (count > 19) continue;
        char padded[48];
        memcpy(padded, first, count);
        memset(padded + count, '7', sizeof padded - count);
        assert_int_equal(digits_at(padded, count), strtoull(first, NULL, 10));
    }
}

static void assert_written(uint32_t high, uint32_t low)
{
    char expected[17], portable[16], out[16];
    snprintf(expected, sizeof expected, "%08u%08u", (unsigned)high, (unsigned)low);
    unsigned count = 16;
    while (count > 0 && expected[count - 1] == '0') count--;
    assert_int_equal(digits_write_sixteen_portable(high, low, portable), count);
    assert_int_equal(digits_write_sixteen(high, low, out), count);
    assert_memory_equal(portable, expected, 16);
    assert_memory_equal(out, expected, 16);
}

static void numbers_are_written_with_all_digits(void **state)
{
    (void)state;
    uint64_t random = 3;
    for (uint32_t n = 0; n < 10000; n++) { /* each quotient of each step */
        assert_written(n, n * 10000);
        assert_written(n * 10000 + 9999, n * 10000 + n);
    }
    for (uint32_t ten = 1; ten <= 10000000; ten *= 10) {
        for (uint32_t digit = 1; digit < 10; digit++) {
            assert_written(digit * ten, 0);
            assert_written(0, digit * ten);
            assert_written(digit * ten - 1, digit * ten - 1);
        }
    }
    for (int i = 0; i < 300000; i++) {
        uint64_t draw = random_bits(&random);
        assert_written((uint32_t)(draw % 100000000), (uint32_t)(draw >> 32) % 100000000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_is_looked_at_alike),
        cmocka_unit_test(digits_make_their_number),
        cmocka_unit_test(numbers_are_written_with_all_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
