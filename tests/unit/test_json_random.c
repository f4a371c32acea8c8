/* test_json_random.c - json_reader against json_reference, over random documents and random damage
 * to them. The seed is fixed. */
#include "support/cmocka_all.h"
#include "support/guarded.h"
#include "support/json_reference.h"
#include "support/outline.h"
#include "support/random.h"

#include <string.h>

#define TEXT_MAX 600

struct text {
    char bytes[4000];
    size_t length;
};

static uint64_t random_state;

static unsigned below(unsigned bound)
{
    return (unsigned)random_below(&random_state, bound);
}

static void put(struct text *t, const char *bytes)
{
    size_t length = strlen(bytes);
    memcpy(t->bytes + t->length, bytes, length);
    t->length += length;
}

#define PUT_ONE_OF(t, set) put(t, (set)[below(sizeof(set) / sizeof((set)[0]))])

static void put_space(struct text *t)
{
    static const char *const spaces[] = {" ", "\n", "\r\n", "\t", "  "};
    while (below(6) == 0) PUT_ONE_OF(t, spaces);
}

static void put_number(struct text *t)
{
    static const char *const numbers[] = {
        "0",    "-0",   "1",    "12",        "-7.5",    "0.1", "1e5", "-1E-3",
        "2e+0", "1e99", "3.25", "123456789", "0.5e308", "9.9", "42",  "-1.0e-400"};
    if (below(60) == 0) {
        put(t, "-1e309");
    } else {
        PUT_ONE_OF(t, numbers);
    }
}

static void put_string(struct text *t)
{
    static const char *const pieces[] = {"a",
                                         "b",
                                         "ab",
                                         "\\\"",
                                         "\\\\",
                                         "\\/",
                                         "\\n",
                                         "\\u0061",
                                         "\\u0000",
                                         "\\u00e9",
                                         "\xc3\xa9",
                                         "\xe2\x82\xac",
                                         "\xf0\x9f\x98\x80",
                                         "\\ud83d\\ude00",
                                         "\\uDBFF\\uDFFF",
                                         "\x7f",
                                         "\xed\x9f\xbf",
                                         "\xee\x80\x80",
                                         "\xf4\x8f\xbf\xbf",
                                         "~"};
    put(t, "\"");
    while (below(3) != 0) PUT_ONE_OF(t, pieces);
    put(t, "\"");
}

static void put_value(struct text *t, unsigned depth);

static void put_object(struct text *t, unsigned depth)
{
    put(t, "{");
    put_space(t);
    for (unsigned i = below(4); i > 0; i--) {
        if (below(2) == 0) {
            put_string(t);
        } else {
            char name[] = {'"', (char)('a' + below(20)), '"', '\0'};
            put(t, name);
        }
        put_space(t);
        put(t, ":");
        put_value(t, depth + 1);
        if (i > 1) put(t, ",");
        put_space(t);
    }
    put(t, "}");
}

/* Rectangular, but for one array in thirty. */
static void put_tensor(struct text *t, unsigned rank, const unsigned *shape)
{
    put_space(t);
    if (rank == 0) {
        put_number(t);
    } else {
        put(t, "[");
        unsigned length = below(30) == 0 ? below(4) : shape[0];
        for (unsigned i = 0; i < length; i++) {
            if (i > 0) put(t, ",");
            put_tensor(t, rank - 1, shape + 1);
        }
        put(t, "]");
    }
    put_space(t);
}

static void put_value(struct text *t, unsigned depth)
{
    static const char *const literals[] = {"true", "false", "null"};
    put_space(t);
    unsigned kind = t->length > TEXT_MAX ? 1 : below(depth > 5 ? 6 : 12);
    if (kind < 2) {
        put_number(t);
    } else if (kind < 3) {
        PUT_ONE_OF(t, literals);
    } else if (kind < 4) {
        put_string(t);
    } else if (kind < 6) {
        unsigned shape[] = {1 + below(4), 1 + below(3), 1 + below(2)};
        put_tensor(t, 1 + below(3), shape);
    } else if (kind < 9) {
        put_object(t, depth);
    } else {
        put(t, "[");
        for (unsigned i = below(4); i > 0; i--) {
            put_value(t, depth + 1);
            if (i > 1) put(t, ",");
        }
        put(t, "]");
    }
    put_space(t);
}

static char any_byte(void)
{
    static const char likely[] =
        "[]{},:\"\\ \n0123456789-+.eEtrufalsnDd8cC\x80\xbf\xc2\xe0\xed\xa0\xf0\xf4\x90";
    return below(4) == 0 ? (char)below(256) : likely[below(sizeof likely - 1)];
}

static void damage(struct text *t)
{
    size_t at = below((unsigned)t->length);
    switch (below(5)) {
    case 0:
        t->bytes[at] = any_byte();
        break;
    case 1:
        memmove(t->bytes + at, t->bytes + at + 1, --t->length - at);
        break;
    case 2:
        memmove(t->bytes + at + 1, t->bytes + at, t->length++ - at);
        t->bytes[at] = any_byte();
        break;
    case 3:
        t->length = at;
        break;
    case 4:
        memmove(t->bytes + at + 1, t->bytes + at, t->length++ - at);
        break;
    }
}

/* A document, now and then near a limit that the reference knows: of depth, or of tensors. */
static void put_document(struct text *t)
{
    unsigned limit = below(30);
    unsigned brackets = limit == 0 ? 26 + below(10) : 0;
    unsigned tensors = limit == 1 ? 6 + below(6) : 0;
    for (unsigned i = 0; i < brackets; i++) put(t, i % 5 == 3 ? "{\"a\":" : "[");
    for (unsigned i = 0; i < tensors; i++) put(t, i == 0 ? "[{},[0]" : ",[1]");
    if (tensors > 0) put(t, ",");
    put_value(t, brackets == 0 ? 0 : 6);
    if (tensors > 0) put(t, "]");
    for (unsigned i = brackets; i-- > 0;) put(t, i % 5 == 3 ? "}" : "]");
}

/* Chunks of 0 to `longest` bytes. */
static void must_agree(const struct text *t, const struct json_reference *reference,
                       unsigned longest)
{
    static char expanded[sizeof reference->expanded];
    struct tensor_budget budget = {.limit = SIZE_MAX};
    struct json_reader reader;
    memset(&reader, 0xa5, sizeof reader);
    json_reader_init(&reader, &budget);
    for (size_t at = 0; at < t->length;) {
        size_t chunk = below(longest + 1);
        if (chunk > t->length - at) chunk = t->length - at;
        json_reader_feed(&reader, guarded(t->bytes + at, chunk), chunk);
        at += chunk;
    }
    json_reader_finish(&reader);
    if (reader.error.fault != reference->fault || reader.error.offset != reference->offset) {
        fail_msg("%.*s\nfault %d@%zu, not %d@%zu", (int)t->length, t->bytes, reader.error.fault,
                 (size_t)reader.error.offset, reference->fault, reference->offset);
    }
    if (reader.error.fault == JSON_READER_NO_FAULT) {
        outline_expand(&reader, expanded);
        if (strcmp(expanded, reference->expanded) != 0) {
            fail_msg("%.*s\nis %s\nnot %s", (int)t->length, t->bytes, expanded,
                     reference->expanded);
        }
    }
    json_reader_free(&reader);
    assert_int_equal(budget.used, 0);
}

static void random_and_damaged_documents_are_read_as_the_reference_reads_them(void **state)
{
    (void)state;
    static struct json_reference reference;
    static unsigned seen[JSON_READER_MEMORY];
    random_state = 1;
    for (int document = 0; document < 40000; document++) {
        struct text t = {.length = 0};
        put_document(&t);
        for (int variant = 0; variant < 4; variant++) {
            json_reference_read(t.bytes, t.length, &reference);
            seen[reference.fault]++;
            must_agree(&t, &reference, (unsigned)t.length);
            must_agree(&t, &reference, 10);
            must_agree(&t, &reference, 1);
            if (t.length == 0) break;
            damage(&t);
        }
    }
    /* Each fault that the reference knows has come up, or this test has tried too little. */
    for (int fault = 0; fault < JSON_READER_MEMORY; fault++) {
        if (fault != JSON_READER_LONG_NUMBER && seen[fault] < 20)
            fail_msg("fault %d came up %u times", fault, seen[fault]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_and_damaged_documents_are_read_as_the_reference_reads_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
