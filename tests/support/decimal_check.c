/* decimal_check.c - see decimal_check.h. */
#include "support/decimal_check.h"

#include "support/bits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

char *page_begin, *page_end;

int decimal_check_map(void **state)
{
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), length = (LENGTH_MAX / page + 4) * page;
    char *pages = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) return -1;
    page_begin = pages + page;
    page_end = pages + length - page;
    return mprotect(page_begin, (size_t)(page_end - page_begin), PROT_READ | PROT_WRITE);
}

static struct result parse(const char *text, const char *limit)
{
    const char *end = NULL;
    double value = double_of(UNSET);
    enum decimal_status status = decimal_parse(text, limit, &end, &value);
    return (struct result){status, (size_t)(end - text), bits_of(value)};
}

struct result expected_of(const char *text, size_t length)
{
    const char *end;
    double value = double_of(UNSET);
    enum decimal_status status = reference_parse(text, text + length, &end, &value);
    return (struct result){status, (size_t)(end - text), bits_of(value)};
}

static void assert_same(struct result got, struct result expected, const char *text, size_t length)
{
    if (got.status == expected.status && got.length == expected.length && got.bits == expected.bits)
        return;
    fail_msg("\"%.*s\": status %d, length %zu, bits %016llx; expected %d, %zu, %016llx",
             (int)length, text, got.status, got.length, (unsigned long long)got.bits,
             expected.status, expected.length, (unsigned long long)expected.bits);
}

void check_cut(const char *text, size_t length, struct result expected)
{
    static char roomy[LENGTH_MAX + 256];
    char *at_end = memcpy(page_end - length, text, length);
    assert_same(parse(at_end, page_end), expected, text, length);
    memset(roomy + length, '7', 128);
    memcpy(roomy, text, length);
    assert_same(parse(roomy, roomy + length), expected, text, length);
}

/* expected: NULL to ask the reference. */
static void check_followed(const char *text, const struct result *expected)
{
    static char roomy[LENGTH_MAX + 128];
    size_t length = strlen(text);
    assert_true(length < LENGTH_MAX);
    for (const char *after = ",] \n}x-"; *after; after++) {
        memset(roomy, after[1] ? '1' : '.', sizeof roomy);
        memcpy(roomy, text, length);
        roomy[length] = *after;
        check_cut(roomy, length + 1, expected ? *expected : expected_of(roomy, length + 1));
        check_cut(roomy, length + 128, expected ? *expected : expected_of(roomy, length + 128));
    }
}

void check_whole(const char *text, struct result expected)
{
    check_followed(text, &expected);
}

void check_against_reference(const char *text)
{
    check_followed(text, NULL);
}

char *text_of(const char *before, char repeated, size_t count, const char *after)
{
    static char text[LENGTH_MAX + 1];
    memset(text, 0, sizeof text);
    size_t length = strlen(before);
    assert_true(length + count + strlen(after) < LENGTH_MAX);
    memcpy(text, before, length);
    memset(text + length, repeated, count);
    strcpy(text + length + count, after);
    return text;
}
