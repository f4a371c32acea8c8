/* tensor.c - a growing array of doubles with a shape, charged to a shared budget. Knows nothing of
 * JSON. */
#include "base/tensor.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* All in elements. */
#define FIRST_CAPACITY 64 /* a small request allocates once, and little */
#define DOUBLE_UP_TO   8192
#define GROWTH_DIVISOR 16 /* beyond that capacity grows by this part of itself */
#define LARGE          (((size_t)1 << 20) / sizeof(double))  /* from here on */
#define HUGE_PAGE      (((size_t)2 << 20) / sizeof(double))  /* by no less than this */
#define LARGE_ROOM     (((size_t)64 << 20) / sizeof(double)) /* and has room for no less than this */
#define ROOM_MAX       (SIZE_MAX / sizeof(double) / 4)
#define TRIM_FROM      512 /* 4 KiB: less is not worth a call of realloc */

bool tensor_charge(struct tensor_budget *budget, size_t bytes)
{
    size_t used = atomic_load_explicit(&budget->used, memory_order_relaxed);
    do {
        if (bytes > budget->limit - used) {
            atomic_store_explicit(&budget->is_spent, true, memory_order_relaxed);
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&budget->used, &used, used + bytes,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

void tensor_discharge(struct tensor_budget *budget, size_t bytes)
{
    atomic_fetch_sub_explicit(&budget->used, bytes, memory_order_relaxed);
}

bool tensor_budget_is_spent(struct tensor_budget *budget)
{
    size_t left = budget->limit - atomic_load(&budget->used);
    if (left < budget->limit / 16) {
        atomic_store(&budget->is_spent, true);
    } else if (left >= budget->limit / 4) {
        atomic_store(&budget->is_spent, false);
    }
    return atomic_load(&budget->is_spent);
}

void tensor_init(struct tensor *tensor, struct tensor_budget *budget)
{
    tensor->values = NULL;
    tensor->length = 0;
    tensor->capacity = 0;
    tensor->room = 0;
    tensor->budget = budget;
    tensor->rank = 0;
}

static size_t growth(size_t capacity)
{
    if (capacity == 0) return FIRST_CAPACITY;
    if (capacity < DOUBLE_UP_TO) return capacity;
    size_t part = capacity / GROWTH_DIVISOR;
    return capacity >= LARGE && part < HUGE_PAGE ? HUGE_PAGE : part;
}

/* Asks for huge pages: there is then a page fault every 2 MiB that are filled, not every 4 KiB.
 * Advice only: nothing depends on its being taken. */
static void advise(char *values, size_t size)
{
#ifdef MADV_HUGEPAGE
    /* From malloc's header on: were the mapping advised in part only, realloc could not remap it
     * any more. */
    size_t before = (uintptr_t)values % (size_t)sysconf(_SC_PAGESIZE);
    madvise(values - before, before + size, MADV_HUGEPAGE);
#else
    (void)values;
    (void)size;
#endif
}

/* Room costs no memory before it is touched, so there may be more of it than is charged for:
 * realloc, which copies or remaps what is there, is seldom needed, and huge pages have where to
 * lie. */
static bool make_room(struct tensor *tensor)
{
    size_t room = tensor->room == 0 ? FIRST_CAPACITY : 2 * tensor->room;
    if (room > LARGE && room < LARGE_ROOM) room = LARGE_ROOM;
    size_t all = tensor->budget->limit / sizeof(double);
    if (room > all) room = all;
    if (room > ROOM_MAX) return false;
    double *values = realloc(tensor->values, room * sizeof(double));
    if (values == NULL) return false;
    tensor->values = values;
    tensor->room = room;
    if (room >= LARGE_ROOM) advise((char *)values, room * sizeof(double));
    return true;
}

bool tensor_grow(struct tensor *tensor)
{
    size_t more = growth(tensor->capacity);
    if (!tensor_charge(tensor->budget, more * sizeof(double))) return false;
    if (tensor->capacity + more > tensor->room && !make_room(tensor)) {
        tensor_discharge(tensor->budget, more * sizeof(double));
        return false;
    }
    tensor->capacity += more;
    return true;
}

void tensor_trim(struct tensor *tensor)
{
    if (tensor->room - tensor->length < TRIM_FROM || tensor->length == 0) return;
    double *values = realloc(tensor->values, tensor->length * sizeof(double));
    if (values == NULL) return;
    tensor_discharge(tensor->budget, (tensor->capacity - tensor->length) * sizeof(double));
    tensor->values = values;
    tensor->room = tensor->capacity = tensor->length;
}

void tensor_free(struct tensor *tensor)
{
    if (tensor == NULL || tensor->capacity == 0) return;
    free(tensor->values);
    tensor_discharge(tensor->budget, tensor->capacity * sizeof(double));
    tensor_init(tensor, tensor->budget);
}

bool tensor_same_shape(const struct tensor *a, const struct tensor *b)
{
    return a->rank == b->rank && memcmp(a->shape, b->shape, a->rank * sizeof a->shape[0]) == 0;
}
