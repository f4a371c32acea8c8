/* mse_partial.c - accumulators -> partials, the text by which sums travel between machines, and
 * back. */
#include "mse/accumulator.h"
#include "mse/mse_private.h"

/* An element weighs less than 2^1024 and adds less than 2^3074 to the losses; neither has binary
 * digits below that of the smallest double and of its cube. There are less than 2^64 elements. */
enum { WEIGHT_TOP = 1024, WEIGHT_LAST = -1074, LOSS_TOP = 3074, LOSS_LAST = 3 * WEIGHT_LAST };

/* The digits of elements and of the two sums, and all other bytes. */
_Static_assert(
    MSE_PARTIAL_MAX ==
        20 + (WEIGHT_TOP + 64 - WEIGHT_LAST + 3) / 4 + (LOSS_TOP + 64 - LOSS_LAST + 3) / 4 +
            sizeof "{\"elements\":,\"weight_sum\":\"0xp-1074\",\"loss_sum\":\"0xp-3222\"}",
    "the longest partial fits exactly");

/* What stands before each member, and at the end. */
static const char *const between[] = {"{\"elements\":", ",\"weight_sum\":\"", "\",\"loss_sum\":\"",
                                      "\"}"};

static char *append(char *to, const char *text)
{
    while (*text != 0) *to++ = *text++;
    return to;
}

enum mse_status mse_accumulator_print(const struct mse_accumulator *accumulator, char *text,
                                      size_t *length)
{
    const struct accumulator *own = accumulator_of(accumulator);
    if (own->nonfinite_losses != 0 || own->nonfinite_weights != 0) return MSE_NOT_FINITE;
    char *p = append(text, between[MSE__ELEMENTS]);
    p += exact_print_integer(own->elements, p);
    p = append(p, between[MSE__WEIGHT_SUM]);
    p += exact_print(&own->weights, p);
    p = append(p, between[MSE__LOSS_SUM]);
    p += exact_print(&own->losses, p);
    p = append(p, between[MSE__MEMBERS]);
    *p = 0;
    *length = (size_t)(p - text);
    return MSE_OK;
}

/* Whether terms below 2^top that are multiples of 2^last, count of them, can have that sum. */
static bool is_possible(const struct exact_sum *sum, uint64_t count, int top, int last)
{
    return exact_is_zero(sum) || (exact_last(sum) >= last && exact_floor(sum, top) < count);
}

enum mse__member mse__accumulator_assemble(struct mse_accumulator *accumulator,
                                           const struct mse__text members[MSE__MEMBERS])
{
    struct accumulator own = {.nonfinite_losses = 0};
    const struct mse__text *weights = &members[MSE__WEIGHT_SUM], *losses = &members[MSE__LOSS_SUM];
    if (!exact_parse_integer(&own.elements, members[MSE__ELEMENTS].bytes,
                             members[MSE__ELEMENTS].length))
        return MSE__ELEMENTS;
    if (!exact_parse(&own.weights, weights->bytes, weights->length) ||
        !is_possible(&own.weights, own.elements, WEIGHT_TOP, WEIGHT_LAST))
        return MSE__WEIGHT_SUM;
    if (!exact_parse(&own.losses, losses->bytes, losses->length) ||
        !is_possible(&own.losses, exact_is_zero(&own.weights) ? 0 : own.elements, LOSS_TOP,
                     LOSS_LAST))
        return MSE__LOSS_SUM;
    *accumulator_in(accumulator) = own;
    return MSE__MEMBERS;
}

enum mse__member mse__accumulator_excess(const struct mse_accumulator *part,
                                         const struct mse_accumulator *whole)
{
    const struct accumulator *own = accumulator_of(part), *all = accumulator_of(whole);
    if (own->elements > all->elements) return MSE__ELEMENTS;
    if (exact_exceeds(&own->weights, &all->weights)) return MSE__WEIGHT_SUM;
    return exact_exceeds(&own->losses, &all->losses) ? MSE__LOSS_SUM : MSE__MEMBERS;
}

/* Whether the text that is expected stands at *p, which then moves behind it. */
static bool skip(const char **p, const char *limit, const char *expected)
{
    const char *at = *p;
    for (; *expected != 0; expected++, at++)
        if (at == limit || *at != *expected) return false;
    *p = at;
    return true;
}

enum mse_status mse_accumulator_parse(struct mse_accumulator *accumulator, const char *text,
                                      size_t length)
{
    struct mse__text members[MSE__MEMBERS];
    const char *p = text, *limit = text + length;
    for (int i = MSE__ELEMENTS; i < MSE__MEMBERS; i++) {
        if (!skip(&p, limit, between[i])) return MSE_BAD_PARTIAL;
        members[i].bytes = p;
        while (p < limit && *p != ',' && *p != '"') p++;
        members[i].length = (size_t)(p - members[i].bytes);
    }
    if (!skip(&p, limit, between[MSE__MEMBERS]) || p != limit) return MSE_BAD_PARTIAL;
    return mse__accumulator_assemble(accumulator, members) == MSE__MEMBERS ? MSE_OK
                                                                           : MSE_BAD_PARTIAL;
}
