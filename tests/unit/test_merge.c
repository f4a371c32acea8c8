/* test_merge.c - lines of partials -> the response of POST /mse/merge: every impossible partial is
 * named and pointed at, however the body is cut, and no more is taken at once than others can wait
 * for. */
#include "loss/merge.h"

#include "http/problem.h"
#include "service.h"
#include "support/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static struct service service = {.max_body = SIZE_MAX, .budget = {.limit = 1 << 20}};

static struct work *open_work(void)
{
    struct head head = {.method = "POST"};
    struct response response;
    struct work *work = merge_open(&service, &head, &response);
    assert_non_null(work);
    return work;
}

static void feed(struct work *work, const char *bytes, size_t length)
{
    while (length > 0) {
        size_t taken = work->receive(work, bytes, length);
        assert_in_range(taken, 1, length);
        bytes += taken;
        length -= taken;
    }
}

/* The response's body, which the caller frees. */
static char *end(struct work *work, unsigned *status)
{
    struct response response;
    assert_true(work->respond(work, &response));
    work->close(work);
    assert_int_equal(atomic_load(&service.budget.used), 0);
    *status = response.status;
    return decode_body(&response, RESPONSE_ROOM_MIN);
}

/* Feeds the text in two chunks; the second from memory of its own. */
static char *merge_cut(const char *text, size_t cut, unsigned *status)
{
    struct work *work = open_work();
    size_t rest = strlen(text) - cut;
    char *second = malloc(rest > 0 ? rest : 1);
    assert_non_null(second);
    memcpy(second, text + cut, rest);
    feed(work, text, cut);
    feed(work, second, rest);
    free(second);
    return end(work, status);
}

/* However it is cut, the text has this response. */
static void expect(const char *text, unsigned expected_status, const char *expected)
{
    for (size_t cut = 0; cut <= strlen(text); cut++) {
        unsigned status;
        char *body = merge_cut(text, cut, &status);
        if (status != expected_status || strcmp(body, expected) != 0)
            fail_msg("%s\ncut at %zu: %u %s", text, cut, status, body);
        free(body);
    }
}

#define ONE   "{\"elements\":1,\"weight_sum\":\"0x1p+0\",\"loss_sum\":\"0x1p-2\"}"
#define THREE "{\"elements\":3,\"weight_sum\":\"0x3p+0\",\"loss_sum\":\"0x3p-1\"}"
#define ZERO  "{\"elements\":2,\"weight_sum\":\"0x0p+0\",\"loss_sum\":\"0x0p+0\"}"
#define EMPTY "{\"elements\":0,\"weight_sum\":\"0x0p+0\",\"loss_sum\":\"0x0p+0\"}"
#define FOUR  "{\"elements\":4,\"weight_sum\":\"0x1p+2\",\"loss_sum\":\"0x7p-2\"}"

#define WHOLE_OF_FOUR "{\"mean\":0.4375,\"sum\":1.75,\"partial\":" FOUR "}"

static void partials_add_up_in_any_order_between_any_line_ends(void **state)
{
    static const char *const texts[] = {
        ONE "\n" THREE "\n",
        THREE "\n" ONE,
        ONE "\r\n" THREE "\r\n",
        "\n \n\t\r\n" ONE "\n\r\n\n  " THREE " \t\r\n \n",
        EMPTY "\n" ONE "\n" EMPTY "\n" THREE "\n" EMPTY,
        FOUR,
    };
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) expect(texts[i], 200, WHOLE_OF_FOUR);
}

static void a_partial_may_be_written_as_json_can_be(void **state)
{
    (void)state;
    expect(
        "\t{ \"loss_sum\" : \"0x1\\u00702\",\"elements\" :1,\"weight_sum\":\"0x1p+0\" }\n", 422,
        "{\"type\":\"/problems/invalid-partial\",\"title\":\"A partial is invalid\",\"status\":422,"
        "\"detail\":\"Line 1: \\\"loss_sum\\\" must be a sum that so many elements can have, as "
        "POST /mse/partial writes it: an odd hexadecimal integer times a power of two, such as "
        "\\\"0x1bp+0\\\"; \\\"0x0p+0\\\" is zero.\",\"pointer\":\"/loss_sum\"}");
    expect("\t{ \"loss_sum\" : \"0x\\u0031p-2\" , \"\\u0065lements\" :\t1 ,\"weight_sum\":"
           "\"0x1\\u0070+0\" } \n{\"weight_sum\":\"0x3p+0\",\"loss_sum\":\"0x3p-1\","
           "\"elements\":3}",
           200, WHOLE_OF_FOUR);
}

static void a_loss_that_there_is_not_is_null(void **state)
{
    (void)state;
    expect(ZERO "\n", 200, "{\"mean\":null,\"sum\":0,\"partial\":" ZERO "}");
    expect(EMPTY "\n", 200, "{\"mean\":null,\"sum\":0,\"partial\":" EMPTY "}");
#define LARGE "{\"elements\":2,\"weight_sum\":\"0x1p+1\",\"loss_sum\":\"0x1p+1024\"}"
    expect(LARGE "\n", 200, "{\"mean\":8.98846567431158e+307,\"sum\":null,\"partial\":" LARGE "}");
#define LARGER "{\"elements\":2,\"weight_sum\":\"0x1p+1\",\"loss_sum\":\"0x1p+1025\"}"
    expect(LARGER "\n", 200, "{\"mean\":null,\"sum\":null,\"partial\":" LARGER "}");
}

static void integers_beyond_those_of_doubles_are_counted_one_by_one(void **state)
{
#define MANY(n) "{\"elements\":" n ",\"weight_sum\":\"0x1p+0\",\"loss_sum\":\"0x0p+0\"}"
    (void)state;
    expect("{\"weight_sum\":\"0x1p+0\",\"elements\":9007199254740993,\"loss_sum\":\"0x0p+0\"}", 200,
           "{\"mean\":0,\"sum\":0,\"partial\":" MANY("9007199254740993") "}");
    expect(MANY("18446744073709551615"), 200,
           "{\"mean\":0,\"sum\":0,\"partial\":" MANY("18446744073709551615") "}");
    expect(MANY("18446744073709551614") "\n" EMPTY "\n" ONE "\n" MANY("1"), 422,
           "{\"type\":\"/problems/invalid-partial\",\"title\":\"A partial is invalid\","
           "\"status\":422,\"detail\":\"Line 4: All partials together have more than "
           "18446744073709551615 elements.\",\"pointer\":\"/elements\"}");
}

/* A partial with other members than ONE. */
#define P(elements, weights, losses) \
    "{\"elements\":" elements ",\"weight_sum\":" weights ",\"loss_sum\":" losses "}"

struct row {
    const char *text; /* of line 3 */
    const char *type, *pointer;
};

/* Each row is refused by name, pointer and line. */
static void expect_refused(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[4096], wanted[256];
        unsigned status;
        snprintf(text, sizeof text, ONE "\n\r\n%s\n" THREE, rows[i].text);
        char *body = merge_cut(text, strlen(text) / 2, &status);
        snprintf(wanted, sizeof wanted, "{\"type\":\"/problems/%s\",", rows[i].type);
        if (status != 422 || strncmp(body, wanted, strlen(wanted)) != 0)
            fail_msg("%s: %u %s", rows[i].text, status, body);
        assert_non_null(strstr(body, "\"detail\":\"Line 3: "));
        snprintf(wanted, sizeof wanted, ",\"pointer\":\"%s\"}", rows[i].pointer);
        if (rows[i].pointer[0] == '\0') {
            assert_null(strstr(body, "\"pointer\""));
        } else if (strstr(body, wanted) == NULL) {
            fail_msg("%s: %s", rows[i].text, body);
        }
        free(body);
    }
}

static void what_is_no_partial_is_named_and_pointed_at(void **state)
{
    static const struct row rows[] = {
        {"1", "wrong-type", ""},
        {"null", "wrong-type", ""},
        {"\"\"", "wrong-type", ""},
        {"[]", "wrong-type", ""},
        {"[" ONE "]", "wrong-type", ""},
        {"[1,2]", "wrong-type", ""},
        {"[1,null]", "wrong-type", "/1"},
        {"{}", "missing-member", "/elements"},
        {"{\"elements\":1}", "missing-member", "/weight_sum"},
        {"{\"elements\":1,\"weight_sum\":\"0x1p+0\"}", "missing-member", "/loss_sum"},
        {"{\"loss_sum\":\"0x1p+0\",\"weight_sum\":\"0x1p+0\"}", "missing-member", "/elements"},
        {"{\"Elements\":1}", "unknown-member", "/Elements"},
        {"{\"a/b~\":1}", "unknown-member", "/a~1b~0"},
        {"{\"mean\":1,\"sum\":1,\"partial\":" ONE "}", "unknown-member", "/mean"},
        {P("\"1\"", "\"0x1p+0\"", "\"0x1p+0\""), "wrong-type", "/elements"},
        {P("null", "\"0x1p+0\"", "\"0x1p+0\""), "wrong-type", "/elements"},
        {P("[1]", "\"0x1p+0\"", "\"0x1p+0\""), "wrong-type", "/elements"},
        {P("1", "1", "\"0x1p+0\""), "wrong-type", "/weight_sum"},
        {P("1", "\"0x1p+0\"", "0"), "wrong-type", "/loss_sum"},
        {P("1", "\"0x1p+0\"", "[\"0x1p+0\"]"), "wrong-type", "/loss_sum"},
    };
    (void)state;
    expect_refused(rows, COUNT(rows));
}

static void every_impossible_partial_is_named_and_pointed_at(void **state)
{
#define ELEMENTS(e)                                                      \
    {                                                                    \
        P(e, "\"0x1p+0\"", "\"0x1p+0\""), "invalid-partial", "/elements" \
    }
#define WEIGHTS(e, w)                                                     \
    {                                                                     \
        P(e, "\"" w "\"", "\"0x1p+0\""), "invalid-partial", "/weight_sum" \
    }
#define LOSSES(e, w, l)                                                \
    {                                                                  \
        P(e, "\"" w "\"", "\"" l "\""), "invalid-partial", "/loss_sum" \
    }
    static const struct row rows[] = {
        ELEMENTS("-1"),
        ELEMENTS("-0"),
        ELEMENTS("1.0"),
        ELEMENTS("1e0"),
        ELEMENTS("0.5"),
        ELEMENTS("18446744073709551616"),
        ELEMENTS("100000000000000000000"),
        ELEMENTS("1e400"),
        WEIGHTS("1", ""),
        WEIGHTS("1", "1"),
        WEIGHTS("1", "-0x1p+0"),
        WEIGHTS("1", "0x-1p+0"),
        WEIGHTS("1", "0x1"),
        WEIGHTS("1", "0x1p"),
        WEIGHTS("1", "0x1p0"),
        WEIGHTS("1", "0x1p-0"),
        WEIGHTS("1", "0x1p+00"),
        WEIGHTS("1", "0x01p+0"),
        WEIGHTS("1", "0X1p+0"),
        WEIGHTS("1", "0x1P+0"),
        WEIGHTS("16", "0xFp+0"),
        WEIGHTS("1", "0x2p-1"),
        WEIGHTS("1", "0x1.8p+0"),
        WEIGHTS("1", "0x1p+0 "),
        WEIGHTS("1", " 0x1p+0"),
        WEIGHTS("1", "0x1p+0\\u0000"),
        WEIGHTS("1", "0x0p+1"),
        WEIGHTS("1", "inf"),
        WEIGHTS("1", "nan"),
        WEIGHTS("0", "0x1p+0"),
        WEIGHTS("1", "0x1p+1024"),
        WEIGHTS("1", "0x1p-1075"),
        WEIGHTS("1", "0x1p+99999999999999999999"),
        LOSSES("1", "0x1p+0", "0x6p+0"),
        LOSSES("1", "0x1p+0", "-0x1p+0"),
        LOSSES("1", "0x1p+0", "0x1p+3074"),
        LOSSES("1", "0x1p+0", "0x1p-3223"),
        LOSSES("1", "0x0p+0", "0x1p+0"),
        LOSSES("0", "0x0p+0", "0x1p+0"),
    };
    (void)state;
    expect_refused(rows, COUNT(rows));
}

static void a_line_that_is_not_json_outweighs_what_else_is_wrong(void **state)
{
#define MALFORMED(line, detail, offset)                                         \
    "{\"type\":\"/problems/malformed-json\",\"title\":\"The body is not valid " \
    "JSON\",\"status\":400,"                                                    \
    "\"detail\":\"Line " line ": " detail "\",\"offset\":" offset "}"
    (void)state;
    expect("{}\n{\"elements\":1,]\n{]", 400,
           MALFORMED("2", "Expected a member name at byte 17, found ']'.", "17"));
    expect("[]\r\n  {\"elements\":1,\n\"weight_sum\":1}\n", 400,
           MALFORMED("2", "The JSON document is incomplete: the line ends at byte 20.", "20"));
    expect(ONE "\n" ONE THREE "\n", 400,
           MALFORMED("2", "Expected the end of the text at byte 113, found '{'.", "113"));
    expect("\n{\"elements\":1,\"elements\":1}", 400,
           "{\"type\":\"/problems/duplicate-member\",\"title\":\"A member name appears twice\","
           "\"status\":400,\"detail\":\"Line 2: The member name at byte 15 appears twice in its "
           "object.\",\"offset\":15}");
}

static void a_body_without_lines_is_refused(void **state)
{
    static const char refused[] =
        "{\"type\":\"/problems/no-line\",\"title\":\"The body has no lines\",\"status\":422,"
        "\"detail\":\"The body has no lines; send one partial per line.\"}";
    (void)state;
    expect("", 422, refused);
    expect("\n \r\n\t", 422, refused);
}

/* The longest lines and the shortest. */
static void no_call_takes_so_much_that_others_wait(void **state)
{
    enum { LENGTH = 1 << 20 };
    char *lines = malloc(LENGTH);
    size_t lines_taken = 0, calls = 0;
    unsigned status;
    (void)state;
    assert_non_null(lines);
    for (size_t i = 0; i < LENGTH; i++) lines[i] = EMPTY "\n"[i % sizeof EMPTY];
    struct work *work = open_work();
    for (size_t taken = 0; taken < LENGTH; calls++) {
        size_t part = work->receive(work, lines + taken, LENGTH - taken);
        assert_in_range(part, 1, 16 * 1024);
        taken += part;
    }
    lines_taken = LENGTH / sizeof EMPTY;
    assert_true(calls >= LENGTH / (16 * 1024) && lines_taken > 10 * calls);
    char *body = end(work, &status); /* the last line is cut */
    assert_int_equal(status, 400);
    free(body);
    free(lines);
}

static void a_body_that_is_given_up_half_way_leaves_nothing(void **state)
{
    (void)state;
    struct work *work = open_work();
    feed(work, ONE "\n[1,2,3", sizeof ONE "\n[1,2,3" - 1);
    assert_true(atomic_load(&service.budget.used) > 0);
    work->close(work);
    assert_int_equal(atomic_load(&service.budget.used), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(partials_add_up_in_any_order_between_any_line_ends),
        cmocka_unit_test(a_partial_may_be_written_as_json_can_be),
        cmocka_unit_test(a_loss_that_there_is_not_is_null),
        cmocka_unit_test(integers_beyond_those_of_doubles_are_counted_one_by_one),
        cmocka_unit_test(what_is_no_partial_is_named_and_pointed_at),
        cmocka_unit_test(every_impossible_partial_is_named_and_pointed_at),
        cmocka_unit_test(a_line_that_is_not_json_outweighs_what_else_is_wrong),
        cmocka_unit_test(a_body_without_lines_is_refused),
        cmocka_unit_test(no_call_takes_so_much_that_others_wait),
        cmocka_unit_test(a_body_that_is_given_up_half_way_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
