/* test_partial.c - partials: the text of an accumulator is the exact sums by GMP, over the whole
 * range; reading it back, and adding texts as integers, loses no bit; every other text is refused.
 */
#include <float.h>
#include <gmp.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mse/exact.h"
#include "mse/mse_private.h"
#include "support/bits.h"
#include "support/families.h"
#include "support/random.h"
#include "support/rational.h"

enum { MOST = 200, SCALE = 1074 };

static double predictions[MOST], targets[MOST], weight_values[MOST], actual[MOST], expected[MOST];

/* A partial as numbers: the weights in units of 2^-1074, the losses in units of 2^-3222. */
struct numbers {
    mpz_t elements, weights, losses;
};

static void numbers_init(struct numbers *numbers)
{
    mpz_inits(numbers->elements, numbers->weights, numbers->losses, NULL);
}

static void numbers_clear(struct numbers *numbers)
{
    mpz_clears(numbers->elements, numbers->weights, numbers->losses, NULL);
}

/* Adds n elements, by the definition. */
static void numbers_add(struct numbers *numbers, const double *s, const double *y, const double *w,
                        size_t n)
{
    mpz_t weight, difference, target;
    mpz_inits(weight, difference, target, NULL);
    mpz_add_ui(numbers->elements, numbers->elements, n);
    for (size_t i = 0; i < n; i++) {
        rational_scaled(weight, w == NULL ? 1 : w[i]);
        mpz_add(numbers->weights, numbers->weights, weight);
        rational_scaled(difference, s[i]);
        rational_scaled(target, y[i]);
        mpz_sub(difference, difference, target);
        mpz_mul(difference, difference, difference);
        mpz_addmul(numbers->losses, difference, weight);
    }
    mpz_clears(weight, difference, target, NULL);
}

static void partial_text(char *text, const struct numbers *numbers)
{
    char weights[EXACT_PRINT_MAX + 1], losses[EXACT_PRINT_MAX + 1];
    rational_text(weights, numbers->weights, -SCALE);
    rational_text(losses, numbers->losses, -3L * SCALE);
    gmp_sprintf(text, "{\"elements\":%Zd,\"weight_sum\":\"%s\",\"loss_sum\":\"%s\"}",
                numbers->elements, weights, losses);
}

/* The accumulator prints as these numbers, and what was printed reads back as an accumulator that
 * does so, too. */
static void assert_prints(const struct mse_accumulator *accumulator, const struct numbers *numbers)
{
    char text[MSE_PARTIAL_MAX], again[MSE_PARTIAL_MAX], wanted[2 * MSE_PARTIAL_MAX];
    size_t length;
    struct mse_accumulator back;
    partial_text(wanted, numbers);
    assert_int_equal(mse_accumulator_print(accumulator, text, &length), MSE_OK);
    assert_int_equal(strlen(text), length);
    assert_string_equal(text, wanted);
    assert_int_equal(mse_accumulator_parse(&back, text, length), MSE_OK);
    assert_int_equal(mse_accumulator_print(&back, again, &length), MSE_OK);
    assert_string_equal(again, text);
}

static enum mse_status parse(const char *text)
{
    struct mse_accumulator accumulator;
    return mse_accumulator_parse(&accumulator, text, strlen(text));
}

static void add(struct mse_accumulator *accumulator, const double *s, const double *y,
                const double *w, size_t n)
{
    assert_int_equal(mse_accumulator_add(accumulator, s, y, w, n), MSE_OK);
}

/* Every family, split over three shards. Their texts are added up as integers, the shards are
 * merged, and read back one after the other; the whole's gradients of each shard are those of one
 * accumulator. */
static void a_whole_of_shards_is_one_accumulator_to_the_bit(void **state)
{
    (void)state;
    uint64_t random = 11;
    for (size_t f = 0; f < families_count; f++)
        for (size_t k = 0; k < weight_families_count; k++) {
            const double *w = weight_families[k].fill == NULL ? NULL : weight_values;
            families[f].fill(&random, predictions, targets, MOST);
            if (w != NULL) weight_families[k].fill(&random, weight_values, MOST);
            size_t cut[] = {0, random_below(&random, MOST), random_below(&random, MOST), MOST};
            if (cut[1] > cut[2]) cut[1] = cut[2];

            struct numbers numbers, shard_numbers;
            struct mse_accumulator whole, read;
            numbers_init(&numbers);
            mse_accumulator_init(&whole);
            for (int shard = 0; shard < 3; shard++) {
                const double *s = predictions + cut[shard], *y = targets + cut[shard];
                const double *v = w == NULL ? NULL : w + cut[shard];
                size_t n = cut[shard + 1] - cut[shard], length;
                struct mse_accumulator own;
                char text[MSE_PARTIAL_MAX];
                numbers_init(&shard_numbers);
                numbers_add(&shard_numbers, s, y, v, n);
                numbers_add(&numbers, s, y, v, n);
                mse_accumulator_init(&own);
                add(&own, s, y, v, n);
                assert_prints(&own, &shard_numbers);
                numbers_clear(&shard_numbers);
                assert_int_equal(mse_accumulator_print(&own, text, &length), MSE_OK);
                assert_int_equal(mse_accumulator_parse(&read, text, length), MSE_OK);
                assert_int_equal(mse_accumulator_merge(&whole, &read), MSE_OK);
            }
            assert_prints(&whole, &numbers);
            numbers_clear(&numbers);

            for (enum mse_reduction reduction = MSE_MEAN; reduction <= MSE_SUM; reduction++) {
                double loss, exact;
                enum mse_status status = mse_loss(predictions, targets, w, MOST, reduction, &exact);
                assert_int_equal(mse_accumulator_loss(&whole, reduction, &loss), status);
                assert_int_equal(bits_of(loss), bits_of(exact));
                status = mse_gradient(predictions, targets, w, MOST, reduction, expected);
                enum mse_status worst = MSE_OK;
                for (int shard = 0; shard < 3; shard++) {
                    enum mse_status one = mse_accumulator_gradient(
                        &whole, predictions + cut[shard], targets + cut[shard],
                        w == NULL ? NULL : w + cut[shard], cut[shard + 1] - cut[shard], reduction,
                        actual + cut[shard]);
                    if (one != MSE_OK) worst = one;
                }
                assert_int_equal(worst, status);
                for (size_t i = 0; i < MOST; i++)
                    assert_int_equal(bits_of(actual[i]), bits_of(expected[i]));
            }
        }
}

static enum mse__member excess_of(const struct numbers *part, const struct numbers *whole)
{
    if (mpz_cmp(part->elements, whole->elements) > 0) return MSE__ELEMENTS;
    if (mpz_cmp(part->weights, whole->weights) > 0) return MSE__WEIGHT_SUM;
    return mpz_cmp(part->losses, whole->losses) > 0 ? MSE__LOSS_SUM : MSE__MEMBERS;
}

/* Sums of all magnitudes, some equal in their first digits or in all. */
static void a_part_has_no_more_than_its_whole_of_any_member(void **state)
{
    (void)state;
    uint64_t random = 13;
    int found[MSE__MEMBERS + 1] = {0};
    for (int round = 0; round < 5000; round++) {
        struct numbers numbers[2];
        struct mse_accumulator sums[2];
        size_t n = random_below(&random, 4);
        families[(size_t)round % families_count].fill(&random, predictions, targets, 4);
        for (size_t i = 0; i < 4; i++) weight_values[i] = fabs(random_between(&random, -2, 1));
        for (int i = 0; i < 2; i++) {
            numbers_init(&numbers[i]);
            mse_accumulator_init(&sums[i]);
            numbers_add(&numbers[i], predictions, targets, weight_values, n);
            add(&sums[i], predictions, targets, weight_values, n);
            if (n < 4 && random_below(&random, 3) > 0) n++;
            if (random_below(&random, 4) == 0) predictions[0] = random_double(&random);
            if (random_below(&random, 4) == 0) weight_values[0] = random_unit(&random);
        }
        for (int i = 0; i < 2; i++) {
            enum mse__member excess = excess_of(&numbers[i], &numbers[1 - i]);
            assert_int_equal(mse__accumulator_excess(&sums[i], &sums[1 - i]), excess);
            found[excess]++;
        }
        for (int i = 0; i < 2; i++) numbers_clear(&numbers[i]);
    }
    for (int i = 0; i <= MSE__MEMBERS; i++) assert_true(found[i] > 100);
}

static void single_elements_of_any_bits_print_as_gmp_has_them(void **state)
{
    (void)state;
    uint64_t random = 12;
    for (int round = 0; round < 20000; round++) {
        double s = random_double(&random), y = random_double(&random),
               w = fabs(random_double(&random));
        struct numbers numbers;
        struct mse_accumulator accumulator;
        numbers_init(&numbers);
        numbers_add(&numbers, &s, &y, &w, 1);
        mse_accumulator_init(&accumulator);
        add(&accumulator, &s, &y, &w, 1);
        assert_prints(&accumulator, &numbers);
        numbers_clear(&numbers);
    }
}

/* 1 at every place that a sum may have one, and all ones up to there. */
static void every_place_of_the_range_reads_and_prints(void **state)
{
    (void)state;
    const char *const most = "{\"elements\":18446744073709551615,\"weight_sum\":\"0x1p+0\",";
    for (int place = 0; place < 3222 + 3138; place++) {
        char number[EXACT_PRINT_MAX + 1], text[2 * MSE_PARTIAL_MAX], printed[MSE_PARTIAL_MAX];
        struct mse_accumulator accumulator;
        size_t length;
        mpz_t value;
        mpz_init(value);
        mpz_setbit(value, (mp_bitcnt_t)place);
        for (int ones = 0; ones < 2; ones++) {
            rational_text(number, value, -3L * SCALE);
            snprintf(text, sizeof text, "%s\"loss_sum\":\"%s\"}", most, number);
            assert_int_equal(mse_accumulator_parse(&accumulator, text, strlen(text)), MSE_OK);
            assert_int_equal(mse_accumulator_print(&accumulator, printed, &length), MSE_OK);
            assert_string_equal(printed, text);
            mpz_sub_ui(value, value, 1);
        }
        mpz_clear(value);
    }
}

/* The greatest and the finest sums there are, both at once. */
static void the_longest_partial_is_of_the_stated_length(void **state)
{
    (void)state;
    char weights[1024] = "0x8", losses[2048] = "0x8", text[4096], printed[MSE_PARTIAL_MAX];
    memset(weights + 3, '0', 539);
    memset(losses + 3, '0', 1588);
    snprintf(weights + 542, 16, "1p-1074");
    snprintf(losses + 1591, 16, "1p-3222");
    snprintf(text, sizeof text,
             "{\"elements\":18446744073709551615,\"weight_sum\":\"%s\",\"loss_sum\":\"%s\"}",
             weights, losses);
    /* Of 541 digits the first is 2^1086 here: 8 would be 2^1089. */
    assert_int_equal(parse(text), MSE_BAD_PARTIAL);
    weights[2] = '2';
    snprintf(text, sizeof text,
             "{\"elements\":18446744073709551615,\"weight_sum\":\"%s\",\"loss_sum\":\"%s\"}",
             weights, losses);
    assert_int_equal(strlen(text) + 1, MSE_PARTIAL_MAX);
    struct mse_accumulator accumulator;
    size_t length;
    assert_int_equal(mse_accumulator_parse(&accumulator, text, strlen(text)), MSE_OK);
    assert_int_equal(mse_accumulator_print(&accumulator, printed, &length), MSE_OK);
    assert_string_equal(printed, text);
}

#define PARTIAL(elements, weights, losses) \
    "{\"elements\":" elements ",\"weight_sum\":\"" weights "\",\"loss_sum\":\"" losses "\"}"

static void possible_partials_are_read(void **state)
{
    (void)state;
    static const char *const rows[] = {
        PARTIAL("0", "0x0p+0", "0x0p+0"),
        PARTIAL("1", "0x0p+0", "0x0p+0"),
        PARTIAL("27", "0x1bp+0", "0x2f0a1p-104"),
        PARTIAL("18446744073709551615", "0xffffffffffffffffp+0", "0x1p+3137"),
        PARTIAL("1", "0x1p+1023", "0x1p+3073"),
        PARTIAL("3", "0x1p+1025", "0x1p+3075"),
        PARTIAL("1", "0x1p-1074", "0x1p-3222"),
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (parse(rows[i]) != MSE_OK) fail_msg("%s is refused", rows[i]);
}

static void impossible_partials_are_refused_by_their_member(void **state)
{
    (void)state;
    static const struct {
        enum mse__member fault;
        const char *member[MSE__MEMBERS];
    } rows[] = {
        {MSE__ELEMENTS, {"", "0x1p+0", "0x1p+0"}},
        {MSE__ELEMENTS, {"-1", "0x1p+0", "0x1p+0"}},
        {MSE__ELEMENTS, {"01", "0x1p+0", "0x1p+0"}},
        {MSE__ELEMENTS, {"+1", "0x1p+0", "0x1p+0"}},
        {MSE__ELEMENTS, {"1.0", "0x1p+0", "0x1p+0"}},
        {MSE__ELEMENTS, {"1e0", "0x1p+0", "0x1p+0"}},
        {MSE__ELEMENTS, {"18446744073709551616", "0x1p+0", "0x1p+0"}},
        {MSE__ELEMENTS, {"99999999999999999999", "0x1p+0", "0x1p+0"}},
        {MSE__ELEMENTS, {"100000000000000000000", "0x1p+0", "0x1p+0"}},
        {MSE__WEIGHT_SUM, {"0", "0x1p+0", "0x0p+0"}},
        {MSE__WEIGHT_SUM, {"1", "0x1p+1024", "0x1p+0"}},
        {MSE__WEIGHT_SUM, {"2", "0x1p+1025", "0x1p+0"}},
        {MSE__WEIGHT_SUM, {"18446744073709551615", "0xffffffffffffffffp+1024", "0x1p+0"}},
        {MSE__WEIGHT_SUM, {"18446744073709551615", "0x1p+1088", "0x1p+0"}},
        {MSE__WEIGHT_SUM, {"1", "0x1p-1075", "0x0p+0"}},
        {MSE__LOSS_SUM, {"0", "0x0p+0", "0x1p+0"}},
        {MSE__LOSS_SUM, {"1", "0x0p+0", "0x1p+0"}},
        {MSE__LOSS_SUM, {"1", "0x1p+0", "0x1p+3074"}},
        {MSE__LOSS_SUM, {"2", "0x1p+0", "0x1p+3075"}},
        {MSE__LOSS_SUM, {"18446744073709551615", "0x1p+0", "0xffffffffffffffffp+3074"}},
        {MSE__LOSS_SUM, {"18446744073709551615", "0x1p+0", "0x1p+3138"}},
        {MSE__LOSS_SUM, {"1", "0x1p+0", "0x1p-3223"}},
    };
    static const char *const not_canonical[] = {
        "",          "0",       "0x",         "0xp+0",      "0x1",
        "0x1p",      "0x1p+",   "0x1p0",      "0x1p+00",    "0x1p-0",
        "0x1p+01",   "0x01p+0", "0x2p+0",     "0x10p-4",    "0X1p+0",
        "0x1P+0",    "0xAp+0",  "0xBp+0",     "0x1.8p+0",   "-0x1p+0",
        "+0x1p+0",   "0x-1p+0", "0x1p+-1",    "0x0p+1",     "0x0p-0",
        "0x00p+0",   "1",       "1.0",        "0x1p+0 ",    " 0x1p+0",
        "0x1p+0p+0", "0x1gp+0", "0x1p+0x1",   "inf",        "nan",
        "0x 1p+0",   "0x1p +0", "0x1p+99999", "0x1p-99999", "0x1p+18446744073709551616",
    };
    struct mse_accumulator accumulator, before;
    mse_accumulator_init(&accumulator);
    before = accumulator;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mse__text members[MSE__MEMBERS];
        for (int m = 0; m < MSE__MEMBERS; m++)
            members[m] = (struct mse__text){rows[i].member[m], strlen(rows[i].member[m])};
        if (mse__accumulator_assemble(&accumulator, members) != rows[i].fault)
            fail_msg("row %zu is not refused as it should be", i);
    }
    for (size_t i = 0; i < sizeof not_canonical / sizeof *not_canonical; i++)
        for (int m = MSE__WEIGHT_SUM; m <= MSE__LOSS_SUM; m++) {
            struct mse__text members[] = {{"9", 1}, {"0x1p+0", 6}, {"0x1p+0", 6}};
            members[m] = (struct mse__text){not_canonical[i], strlen(not_canonical[i])};
            if (mse__accumulator_assemble(&accumulator, members) != (enum mse__member)m)
                fail_msg("%s is not refused", not_canonical[i]);
        }
    assert_memory_equal(&accumulator, &before, sizeof before);
}

/* Every text that is one byte shorter, longer or other than a partial is refused, or is itself what
 * it reads as. */
static void a_text_with_one_other_byte_is_refused_or_another_partial(void **state)
{
    (void)state;
    static const char good[] = PARTIAL("27", "0x1bp+0", "0x2f0a1p-104");
    static const char bytes[] = {0,   ' ', '\n', '"',  ',', '+',        '-',
                                 '0', '1', '9',  'a',  'f', 'g',        'p',
                                 'x', '{', '}',  '\\', 'A', (char)0x80, (char)0xff};
    struct mse_accumulator accumulator;
    char text[sizeof good + 1], printed[MSE_PARTIAL_MAX];
    size_t size = sizeof good - 1, length;
    for (size_t i = 0; i < size; i++)
        assert_int_equal(mse_accumulator_parse(&accumulator, good, i), MSE_BAD_PARTIAL);
    assert_int_equal(mse_accumulator_parse(&accumulator, good, size + 1), MSE_BAD_PARTIAL);
    for (size_t i = 0; i <= size; i++)
        for (size_t k = 0; k < 2 * sizeof bytes; k++) {
            size_t inserted = k % 2, total = size + inserted;
            memcpy(text, good, i);
            memcpy(text + i + inserted, good + i, sizeof good - i);
            text[i] = bytes[k / 2];
            if (mse_accumulator_parse(&accumulator, text, total) == MSE_OK) {
                assert_int_equal(mse_accumulator_print(&accumulator, printed, &length), MSE_OK);
                assert_int_equal(length, total);
                assert_memory_equal(printed, text, total);
            }
        }
}

static void what_is_not_finite_has_no_partial(void **state)
{
    (void)state;
    const struct {
        double s, w;
        enum mse_status status;
    } rows[] = {{INFINITY, 1, MSE_NOT_FINITE}, {NAN, 1, MSE_NOT_FINITE},
                {1, INFINITY, MSE_NOT_FINITE}, {1, NAN, MSE_NOT_FINITE},
                {INFINITY, 0, MSE_OK},         {NAN, -0.0, MSE_OK}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mse_accumulator accumulator;
        char text[MSE_PARTIAL_MAX] = "unchanged";
        size_t length = 7;
        const double y = 0;
        mse_accumulator_init(&accumulator);
        add(&accumulator, &rows[i].s, &y, &rows[i].w, 1);
        assert_int_equal(mse_accumulator_print(&accumulator, text, &length), rows[i].status);
        if (rows[i].status == MSE_OK) {
            assert_string_equal(text, PARTIAL("1", "0x0p+0", "0x0p+0"));
        } else {
            assert_string_equal(text, "unchanged");
            assert_int_equal(length, 7);
        }
    }
}

static void elements_beyond_a_count_are_refused(void **state)
{
    (void)state;
    const double one = 1, zero = 0;
    const char *const most = PARTIAL("18446744073709551615", "0x1p+0", "0x1p+0");
    struct mse_accumulator accumulator, other;
    char text[MSE_PARTIAL_MAX];
    size_t length;
    assert_int_equal(mse_accumulator_parse(&accumulator, most, strlen(most)), MSE_OK);
    mse_accumulator_init(&other);
    assert_int_equal(mse_accumulator_merge(&accumulator, &other), MSE_OK);
    add(&other, &one, &zero, NULL, 1);
    assert_int_equal(mse_accumulator_merge(&accumulator, &other), MSE_TOO_MANY_ELEMENTS);
    assert_int_equal(mse_accumulator_add(&accumulator, &one, &zero, NULL, 1),
                     MSE_TOO_MANY_ELEMENTS);
    assert_int_equal(mse_accumulator_print(&accumulator, text, &length), MSE_OK);
    assert_string_equal(text, most);
}

static void an_accumulator_may_be_copied_and_moved(void **state)
{
    (void)state;
    const double s[] = {3, 5}, y[] = {0, 1};
    struct mse_accumulator *accumulator = malloc(2 * sizeof *accumulator);
    assert_non_null(accumulator);
    mse_accumulator_init(accumulator);
    add(accumulator, s, y, NULL, 1);
    accumulator[1] = accumulator[0];
    memset(accumulator, 0xff, sizeof *accumulator);
    add(accumulator + 1, s + 1, y + 1, NULL, 1);
    struct mse_accumulator copy;
    memcpy(&copy, accumulator + 1, sizeof copy);
    free(accumulator);
    double loss;
    assert_int_equal(mse_accumulator_loss(&copy, MSE_MEAN, &loss), MSE_OK);
    assert_int_equal(bits_of(loss), bits_of(12.5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_of_shards_is_one_accumulator_to_the_bit),
        cmocka_unit_test(a_part_has_no_more_than_its_whole_of_any_member),
        cmocka_unit_test(single_elements_of_any_bits_print_as_gmp_has_them),
        cmocka_unit_test(every_place_of_the_range_reads_and_prints),
        cmocka_unit_test(the_longest_partial_is_of_the_stated_length),
        cmocka_unit_test(possible_partials_are_read),
        cmocka_unit_test(impossible_partials_are_refused_by_their_member),
        cmocka_unit_test(a_text_with_one_other_byte_is_refused_or_another_partial),
        cmocka_unit_test(what_is_not_finite_has_no_partial),
        cmocka_unit_test(elements_beyond_a_count_are_refused),
        cmocka_unit_test(an_accumulator_may_be_copied_and_moved),
    };
    return cmocka_run_group_tests_name("partial", tests, NULL, NULL);
}
