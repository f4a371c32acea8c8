/* test_tensor.c - tensors grow, are charged, and give back. */
#include "base/tensor.h"

#include "support/cmocka_all.h"

#include <pthread.h>

/* An allocation that cannot succeed is to fail as it does without a sanitizer. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void append(struct tensor *tensor, double value)
{
    if (tensor->length == tensor->capacity) assert_true(tensor_grow(tensor));
    tensor->values[tensor->length++] = value;
}

static void an_empty_tensor_charges_nothing(void **state)
{
    (void)state;
    struct tensor_budget budget = {.limit = 0};
    struct tensor tensor;
    tensor_init(&tensor, &budget);
    assert_int_equal(tensor.length, 0);
    assert_int_equal(tensor.rank, 0);
    tensor_trim(&tensor);
    tensor_free(&tensor);
    tensor_free(NULL);
    assert_int_equal(budget.used, 0);
}

static void values_survive_every_growth(void **state)
{
    (void)state;
    struct tensor_budget budget = {.limit = SIZE_MAX};
    struct tensor tensor;
    tensor_init(&tensor, &budget);
    for (int i = 0; i < 300000; i++) append(&tensor, i);
    for (int i = 0; i < 300000; i++) {
        if (tensor.values[i] != i) fail_msg("values[%d] is %g", i, tensor.values[i]);
    }
    tensor_free(&tensor);
    assert_int_equal(budget.used, 0);
    assert_null(tensor.values);
    assert_int_equal(tensor.length, 0);
}

static void the_charge_is_the_capacity_at_every_length(void **state)
{
    (void)state;
    struct tensor_budget budget = {.limit = SIZE_MAX};
    struct tensor tensor;
    tensor_init(&tensor, &budget);
    for (int i = 0; i < 100000; i++) {
        append(&tensor, i);
        assert_int_equal(budget.used, tensor.capacity * sizeof(double));
    }
    tensor_trim(&tensor);
    assert_int_equal(budget.used, tensor.capacity * sizeof(double));
    tensor_free(&tensor);
    assert_int_equal(budget.used, 0);
}

static void a_small_tensor_takes_512_bytes_and_a_large_one_little_more_than_it_holds(void **state)
{
    (void)state;
    struct tensor_budget budget = {.limit = SIZE_MAX};
    struct tensor tensor;
    tensor_init(&tensor, &budget);
    for (size_t n = 1; n <= 6000000; n++) {
        append(&tensor, 1);
        if (n <= 64) assert_int_equal(tensor.capacity, 64);
        size_t spare = n <= 8192 ? n + 64 : n < 131072 ? n / 16 : n < 4194304 ? 262144 : n / 16;
        if (tensor.capacity > n + spare) fail_msg("capacity %zu for %zu", tensor.capacity, n);
    }
    tensor_free(&tensor);
}

static void trimming_gives_back_all_but_a_page(void **state)
{
    (void)state;
    struct tensor_budget budget = {.limit = SIZE_MAX};
    struct tensor tensor;
    tensor_init(&tensor, &budget);
    for (int i = 0; i < 4097; i++) append(&tensor, i);
    assert_int_equal(tensor.capacity, 8192);
    tensor_trim(&tensor);
    assert_int_equal(tensor.capacity, 4097);
    assert_int_equal(budget.used, 4097 * 8);
    for (int i = 0; i < 4097; i++) assert_true(tensor.values[i] == i);
    append(&tensor, 4097);
    assert_true(tensor.values[4097] == 4097);
    tensor_free(&tensor);
    assert_int_equal(budget.used, 0);
}

static void a_spent_budget_changes_nothing(void **state)
{
    (void)state;
    struct tensor_budget budget = {.limit = 512 + 511};
    struct tensor tensor;
    struct tensor other;
    tensor_init(&tensor, &budget);
    tensor_init(&other, &budget);
    for (int i = 0; i < 64; i++) append(&tensor, i);
    assert_false(tensor_grow(&tensor));
    assert_false(tensor_grow(&other));
    assert_int_equal(tensor.length, 64);
    assert_int_equal(tensor.capacity, 64);
    assert_int_equal(other.capacity, 0);
    assert_int_equal(budget.used, 512);
    for (int i = 0; i < 64; i++) assert_true(tensor.values[i] == i);
    tensor_free(&tensor);
    assert_true(tensor_grow(&other));
    tensor_free(&other);
    assert_int_equal(budget.used, 0);
}

static void the_whole_budget_may_be_one_tensors(void **state)
{
    (void)state;
    struct tensor_budget budget = {.limit = SIZE_MAX};
    struct tensor tensor;
    tensor_init(&tensor, &budget);
    while (tensor.capacity < 1000000) assert_true(tensor_grow(&tensor));
    budget.limit = budget.used;
    tensor_free(&tensor);
    while (budget.used < budget.limit) assert_true(tensor_grow(&tensor));
    assert_int_equal(tensor.capacity * sizeof(double), budget.limit);
    assert_int_equal(tensor.room, tensor.capacity);
    for (; tensor.length < tensor.capacity; tensor.length++)
        tensor.values[tensor.length] = (double)tensor.length;
    assert_false(tensor_grow(&tensor));
    tensor_free(&tensor);
    assert_int_equal(budget.used, 0);
}

static void a_failed_allocation_gives_its_charge_back(void **state)
{
    (void)state;
    struct tensor_budget budget = {.limit = SIZE_MAX, .used = 5};
    struct tensor tensor;
    tensor_init(&tensor, &budget);
    tensor.capacity = tensor.room =
        SIZE_MAX / 128; /* in bytes, twice of it is more than an address space holds */
    assert_false(tensor_grow(&tensor));
    assert_int_equal(budget.used, 5);
    assert_int_equal(tensor.capacity, SIZE_MAX / 128);
    assert_int_equal(tensor.room, SIZE_MAX / 128);
}

static void a_size_beyond_size_t_is_refused_before_it_is_charged(void **state)
{
    (void)state;
    struct tensor_budget budget = {.limit = SIZE_MAX};
    struct tensor tensor;
    tensor_init(&tensor, &budget);
    tensor.capacity = tensor.room = SIZE_MAX / sizeof(double) / 4;
    assert_false(tensor_grow(&tensor));
    assert_int_equal(budget.used, 0);
}

static void shapes_are_the_same_with_equal_ranks_and_lengths(void **state)
{
    (void)state;
    static const struct {
        size_t a_rank, a[3], b_rank, b[3];
        bool same;
    } rows[] = {
        {1, {6}, 1, {6}, true},
        {1, {6}, 1, {5}, false},
        {1, {6}, 2, {6, 1}, false},
        {2, {2, 3}, 2, {2, 3}, true},
        {2, {2, 3}, 2, {3, 2}, false},
        {2, {1, 6}, 1, {6}, false},
        {3, {1, 2, 3}, 3, {1, 2, 3}, true},
        {3, {1, 2, 3}, 3, {1, 2, 4}, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tensor a = {.rank = rows[i].a_rank};
        struct tensor b = {.rank = rows[i].b_rank};
        for (size_t k = 0; k < 3; k++) a.shape[k] = rows[i].a[k];
        for (size_t k = 0; k < 3; k++) b.shape[k] = rows[i].b[k];
        if (tensor_same_shape(&a, &b) != rows[i].same) fail_msg("row %zu", i);
    }
}

static void *grow_and_free(void *argument)
{
    struct tensor_budget *budget = argument;
    size_t grown = 0;
    for (int round = 0; round < 500; round++) {
        struct tensor tensor;
        tensor_init(&tensor, budget);
        for (int i = 0; i < 2000; i++) {
            if (tensor.length == tensor.capacity && !tensor_grow(&tensor)) break;
            tensor.values[tensor.length++] = i;
            grown++;
        }
        if (atomic_load(&budget->used) > budget->limit) return NULL;
        tensor_free(&tensor);
    }
    return grown > 0 ? budget : NULL;
}

static void threads_share_a_budget_and_never_pass_it(void **state)
{
    (void)state;
    struct tensor_budget budget = {.limit = 40000}; /* two of the four fit whole */
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, grow_and_free, &budget), 0);
    for (int i = 0; i < 4; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, &budget);
    }
    assert_int_equal(budget.used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_tensor_charges_nothing),
        cmocka_unit_test(values_survive_every_growth),
        cmocka_unit_test(the_charge_is_the_capacity_at_every_length),
        cmocka_unit_test(a_small_tensor_takes_512_bytes_and_a_large_one_little_more_than_it_holds),
        cmocka_unit_test(trimming_gives_back_all_but_a_page),
        cmocka_unit_test(a_spent_budget_changes_nothing),
        cmocka_unit_test(the_whole_budget_may_be_one_tensors),
        cmocka_unit_test(a_failed_allocation_gives_its_charge_back),
        cmocka_unit_test(a_size_beyond_size_t_is_refused_before_it_is_charged),
        cmocka_unit_test(shapes_are_the_same_with_equal_ranks_and_lengths),
        cmocka_unit_test(threads_share_a_budget_and_never_pass_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
