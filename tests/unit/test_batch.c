/* test_batch.c - NDJSON: each line's response is, byte for byte, that of the line alone, however
 * the body is cut; and what a batch holds meanwhile. */
#include "exchange.h"
#include "loss/batch.h"
#include "routes.h"
#include "support/cmocka_all.h"
#include "support/decode.h"
#include "support/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct service service = {.max_body = SIZE_MAX};

static const char json[] = "application/json";
static const char ndjson[] = "application/x-ndjson";

/* ---- a body and its response */

static struct exchange *begin(const char *content_type)
{
    struct head head = {.method = "POST",
                        .target = "/mse",
                        .version = "HTTP/1.1",
                        .hosts = 1,
                        .content_type = content_type};
    struct exchange *exchange = exchange_open(&service, &head);
    assert_non_null(exchange);
    return exchange;
}

/* Offers a piece, from memory that ends where it does, until all is taken; returns how often. */
static size_t offer(struct exchange *exchange, const char *bytes, size_t length)
{
    size_t turns = 0;
    char *piece = malloc(length + 1);
    memcpy(piece + 1, bytes, length);
    for (size_t taken = 0; taken < length; turns++) {
        taken += exchange_receive(exchange, piece + 1 + taken, length - taken);
    }
    free(piece);
    return turns;
}

static size_t room = 1 << 20; /* for a piece of a response */

/* The body of the response, which the caller frees; nothing of the request is left. */
static char *end(struct exchange *exchange, struct response *response)
{
    while (!exchange_respond(exchange, response)) continue;
    assert_true(response->status == 200 || response->body != RESPONSE_PRODUCED);
    char *text = decode_body(response, room);
    exchange_close(exchange, true, 0);
    assert_int_equal(atomic_load(&service.budget.used), 0);
    return text;
}

/* The response to a body in two pieces; in single bytes where cut is beyond it. */
static char *respond_to(const char *content_type, const char *body, size_t length, size_t cut,
                        struct response *response)
{
    struct exchange *exchange = begin(content_type);
    if (cut <= length) {
        offer(exchange, body, cut);
        offer(exchange, body + cut, length - cut);
    } else {
        for (size_t i = 0; i < length; i++) offer(exchange, body + i, 1);
    }
    return end(exchange, response);
}

/* Appends what a line gets as a request of its own, and a line feed. */
static void append_alone(struct text *expected, const char *line, size_t length)
{
    struct response response;
    char *text = respond_to(json, line, length, 0, &response);
    text_printf(expected, "%s\n", text);
    free(text);
}

static void must_get(const struct text *body, size_t cut, const struct text *expected)
{
    struct response response;
    char *text = respond_to(ndjson, body->bytes, body->length, cut, &response);
    assert_int_equal(response.status, 200);
    assert_string_equal(response_find_header(&response, "Content-Type"), ndjson);
    if (strcmp(text, expected->bytes) != 0) {
        fail_msg("cut at %zu:\n%s\nexpected:\n%s", cut, text, expected->bytes);
    }
    free(text);
}

/* ---- lines */

#define LONG_NAME                                              \
    "a-name-of-a-hundred-bytes-and-more/////"                  \
    "~~~~~~\\u00e9\\n\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9" \
    "-a-name-of-a-hundred-bytes-and-more-a-name-of-a-hundred-bytes-and-more-a-name-of-a-hundred-b"
#define DEEP  "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
#define CLOSE "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"

static const struct {
    const char *name;
    const char *text;
} lines[] = {
    {"the mean and both gradients", "{\"predictions\":[0.5,1.5],\"targets\":[0,2]}"},
    {"white space around and within", " \t{ \"predictions\" : [ 1 ,\t2 ] ,\"targets\":[0 , 0]} \t"},
    {"weights", "{\"predictions\":[0.5,1.5],\"targets\":[0,2],\"weights\":[1,3]}"},
    {"one gradient", "{\"predictions\":[1,2],\"targets\":[3,4],\"gradients\":[\"targets\"]}"},
    {"the loss alone", "{\"predictions\":[1,2],\"targets\":[3,4],\"gradients\":[]}"},
    {"the sum", "{\"predictions\":[1e-7,2],\"targets\":[3,4],\"reduction\":\"sum\"}"},
    {"each element", "{\"predictions\":[[1,2],[3,4]],\"targets\":[[0,0],[0,0.1]],"
                     "\"reduction\":\"none\"}"},
    {"each element's loss alone",
     "{\"predictions\":[[1],[3]],\"targets\":[[0],[0.1]],\"reduction\":\"none\",\"gradients\":[]}"},
    {"a column", "{\"predictions\":[[1],[2],[3]],\"targets\":[[1],[1],[1]]}"},
    {"the deepest nesting", "{\"predictions\":" DEEP "1,2" CLOSE ",\"targets\":" DEEP "3,5" CLOSE
                            ",\"reduction\":\"none\"}"},
    {"no JSON", "x"},
    {"a carriage return alone within a line", "{\"predictions\":[1],\r\"targets\":[0]\r\r}\r"},
    {"a carriage return in a string", "{\"a\rb\":[1]}"},
    {"a form feed", "\f"},
    {"text that ends early", "{\"predictions\":[1,2]"},
    {"text that ends in a string", "{\"pred"},
    {"text that ends in an escape", "{\"\\"},
    {"text that ends in a number", "{\"predictions\":[1."},
    {"text that ends in a character", "{\"\xc3"},
    {"text that is no UTF-8", "{\"\xff\":1}"},
    {"a NUL's escape", "{\"\\u0000\":1}"},
    {"half of a pair", "{\"\\ud800\":1}"},
    {"two documents",
     "{\"predictions\":[1],\"targets\":[0]} {\"predictions\":[1],\"targets\":[0]}"},
    {"nesting too deep", "[" DEEP "[1]"},
    {"a member twice", "{\"predictions\":[1],\"targets\":[2],\"targets\":[3]}"},
    {"no object", "[1,2]"},
    {"a number alone", "17"},
    {"a missing member", "{\"predictions\":[1]}"},
    {"an unknown member", "{\"" LONG_NAME "\":1}"},
    {"a long pointer", "{\"" LONG_NAME "\":[1,null]}"},
    {"an unknown value", "{\"predictions\":[1],\"targets\":[0],\"reduction\":\"" LONG_NAME "\"}"},
    {"an element that is no number", "{\"predictions\":[1,\"NaN\"],\"targets\":[0,0]}"},
    {"a ragged array", "{\"predictions\":[[1,2],[3]],\"targets\":[[1,2],[3]]}"},
    {"shapes that differ", "{\"predictions\":[1,2],\"targets\":[[1],[2]]}"},
    {"no element", "{\"predictions\":[],\"targets\":[]}"},
    {"a number out of range", "{\"predictions\":[1e400],\"targets\":[0]}"},
    {"too many arrays", "[\"\",[1],[1],[1],[1],[1],[1],[1],[1],[1]]"},
    {"a negative weight", "{\"predictions\":[1,2],\"targets\":[0,0],\"weights\":[1,-1]}"},
    {"weights of zero", "{\"predictions\":[1],\"targets\":[0],\"weights\":[0]}"},
    {"a loss that overflows", "{\"predictions\":[1e200],\"targets\":[-1e200]}"},
    {"a gradient that overflows", "{\"predictions\":[0,1.5e308],\"targets\":[0,0],"
                                  "\"weights\":[1,1e-310],\"reduction\":\"none\"}"},
};

static void each_line_gets_what_it_would_get_alone(void **state)
{
    static const char *const ends[] = {"\n", "\r\n", "\n \t\r\n\r\n\n"};
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        for (size_t j = 0; j < COUNT(ends); j++) {
            struct text body = {0};
            struct text expected = {0};
            text_printf(&body, "%s%s%s%s", lines[i].text, ends[j], lines[0].text, ends[j]);
            append_alone(&expected, lines[i].text, strlen(lines[i].text));
            append_alone(&expected, lines[0].text, strlen(lines[0].text));
            for (size_t cut = 0; cut <= body.length + 1; cut++) must_get(&body, cut, &expected);
            text_free(&body);
            text_free(&expected);
        }
    }
}

static void the_last_line_need_not_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct text body = {0};
        struct text expected = {0};
        text_printf(&body, "\r\n%s\n%s", lines[0].text, lines[i].text);
        append_alone(&expected, lines[0].text, strlen(lines[0].text));
        append_alone(&expected, lines[i].text, strlen(lines[i].text));
        for (size_t cut = 0; cut <= body.length + 1; cut++) must_get(&body, cut, &expected);
        text_free(&body);
        text_free(&expected);
    }
}

static void lines_are_told_apart_in_pieces_of_any_size(void **state)
{
    struct text body = {0};
    struct text expected = {0};
    (void)state;
    for (size_t i = 0; i < 5 * COUNT(lines); i++) {
        const char *line = lines[i * 7 % COUNT(lines)].text;
        text_printf(&body, "%s\n", line);
        append_alone(&expected, line, strlen(line));
    }
    size_t before = room;
    for (room = RESPONSE_ROOM_MIN; room < 3 * RESPONSE_ROOM_MIN; room++) {
        must_get(&body, 97 * room % body.length, &expected);
    }
    room = before;
    text_free(&body);
    text_free(&expected);
}

static void a_body_without_lines_is_refused(void **state)
{
    static const char *const bodies[] = {"", "\n", "\r\n", "\r", " \t \r \n\n\r\n  "};
    (void)state;
    for (size_t i = 0; i < COUNT(bodies); i++) {
        size_t length = strlen(bodies[i]);
        for (size_t cut = 0; cut <= length + 1; cut++) {
            struct response response;
            char *text = respond_to(ndjson, bodies[i], length, cut, &response);
            assert_int_equal(response.status, 422);
            assert_non_null(strstr(text, "/problems/no-line"));
            free(text);
        }
    }
}

/* Lines of which some are longer than what is copied, and the longest is computed in many steps. */
static void long_lines_wait_as_short_ones_do(void **state)
{
    static const size_t lengths[] = {8192, 8193, 1, 1000000, 8191, 20000};
    static const char *const more[] = {"", ",\"reduction\":\"none\"", ",\"gradients\":[]"};
    struct text body = {0};
    struct text expected = {0};
    (void)state;
    for (size_t i = 0; i < 3 * COUNT(lengths); i++) {
        size_t start = body.length;
        text_request(&body, lengths[i % COUNT(lengths)], more[i / COUNT(lengths)]);
        append_alone(&expected, body.bytes + start, body.length - start);
        text_printf(&body, "\n");
    }
    must_get(&body, 1000, &expected);
    text_free(&expected);

    /* A client that goes away costs nothing, whenever it does. */
    for (size_t pieces = 0; pieces < 4; pieces++) {
        struct response response;
        static char piece[1 << 16];
        struct exchange *exchange = begin(ndjson);
        offer(exchange, body.bytes, pieces == 0 ? body.length / 2 : body.length);
        if (pieces > 0) {
            while (!exchange_respond(exchange, &response)) continue;
            for (size_t i = 1; i < pieces; i++) {
                assert_true(response.produce(response.source, piece, sizeof piece) > 0);
            }
            response_discard(&response);
        }
        exchange_close(exchange, false, 0);
        assert_int_equal(atomic_load(&service.budget.used), 0);
    }
    text_free(&body);
}

static void the_elements_of_all_lines_are_added_up(void **state)
{
    struct response response;
    struct text body = {0};
    (void)state;
    text_request(&body, 3, "\n");
    body.bytes[body.length - 2] = '}';
    body.bytes[body.length - 1] = '\n';
    text_printf(&body, "x\n{\"predictions\":[1],\"targets\":[1]}\n");
    char *text = respond_to(ndjson, body.bytes, body.length, 0, &response);
    assert_int_equal(response.elements, 4);
    free(text);
    text_free(&body);
}

/* ---- which formats go together */

static void ndjson_goes_with_ndjson_only(void **state)
{
    static const struct {
        const char *content_type;
        const char *accept;
        unsigned status;
        const char *media_type;
    } rows[] = {
        {"application/x-ndjson", NULL, 200, ndjson},
        {"application/jsonl", NULL, 200, ndjson},
        {"application/ndjson; charset=utf-8", NULL, 200, ndjson},
        {"Application/X-NDJSON", "*/*", 200, ndjson},
        {"application/x-ndjson", "application/*;q=0.1", 200, ndjson},
        {"application/x-ndjson", "application/x-ndjson", 200, ndjson},
        {"application/x-ndjson", "application/json, application/x-ndjson;q=0.1", 200, ndjson},
        {"application/x-ndjson", "application/json", 406, "application/x-ndjson."},
        {"application/x-ndjson", "*/*, application/x-ndjson;q=0", 406, "application/x-ndjson."},
        {"application/x-ndjson", "text/html", 406, "application/x-ndjson."},
        {"application/json", "application/x-ndjson", 406,
         "application/json, application/safetensors."},
        {"application/json", "application/x-ndjson, */*;q=0.1", 200, json},
        {NULL, "application/x-ndjson", 406, "application/json, application/safetensors."},
        {NULL, "*/*", 200, json},
        {"application/x-ndjsonl", NULL, 415,
         "application/json, application/safetensors, application/x-ndjson."},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        static const char body[] = "{\"predictions\":[1],\"targets\":[0]}";
        struct head head = {.method = "POST",
                            .target = "/mse",
                            .version = "HTTP/1.1",
                            .hosts = 1,
                            .content_type = rows[i].content_type};
        if (rows[i].accept != NULL) head.accept[head.accepts++] = rows[i].accept;
        struct response response;
        struct exchange *exchange = exchange_open(&service, &head);
        offer(exchange, body, sizeof body - 1);
        char *text = end(exchange, &response);
        if (response.status != rows[i].status) fail_msg("row %zu: %u", i, response.status);
        if (response.status == 200) {
            assert_string_equal(response_find_header(&response, "Content-Type"),
                                rows[i].media_type);
        } else if (strstr(text, rows[i].media_type) == NULL) {
            fail_msg("row %zu: %s", i, text);
        }
        free(text);
    }
}

/* ---- what it costs */

/* The bytes that wait for the response to be written. While the body comes in there may be 2 MiB
 * more, by which a tensor grows. */
static size_t held_by(const struct text *body, size_t bound)
{
    struct response response;
    struct exchange *exchange = begin(ndjson);
    offer(exchange, body->bytes, body->length);
    assert_true(atomic_load(&service.budget.used) <= bound + ((size_t)2 << 20));
    while (!exchange_respond(exchange, &response)) continue;
    size_t held = atomic_load(&service.budget.used);
    response_discard(&response);
    exchange_close(exchange, true, 0);
    assert_int_equal(atomic_load(&service.budget.used), 0);
    return held;
}

static void a_line_holds_256_bytes_and_16_for_each_element(void **state)
{
    static const struct {
        const char *name;
        size_t elements;
        size_t times;
        const char *more;
    } rows[] = {
        {"tiny", 1, 20000, ""},
        {"27", 27, 2000, ""},
        {"27, none", 27, 2000, ",\"reduction\":\"none\""},
        {"1000, none", 1000, 200, ",\"reduction\":\"none\""},
        {"8192, none", 8192, 50, ",\"reduction\":\"none\""},
        {"8193, none", 8193, 50, ",\"reduction\":\"none\""},
        {"kept", 20000, 20, ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text body = {0};
        struct text line = {0};
        text_request(&line, rows[i].elements, rows[i].more);
        for (size_t j = 0; j < rows[i].times; j++) text_printf(&body, "%s\n", line.bytes);
        size_t bound = rows[i].times * (256 + 16 * rows[i].elements);
        bound += bound / 16;
        size_t held = held_by(&body, bound);
        print_message("%s: %.1f bytes per line\n", rows[i].name,
                      (double)held / (double)rows[i].times);
        assert_true(held <= bound);
        text_free(&line);
        text_free(&body);
    }
}

/* The shape of one element that is nested as deeply as can be, and problems of all kinds. */
static void the_largest_shapes_and_problems_hold_little(void **state)
{
    enum { TIMES = 1000 };
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct response response;
        struct text body = {0};
        for (size_t j = 0; j < TIMES; j++) text_printf(&body, "%s\n", lines[i].text);
        char *alone = respond_to(json, lines[i].text, strlen(lines[i].text), 0, &response);
        size_t bound = 256 + 16 * response.elements;
        if (response.status != 200 && strlen(alone) > bound) bound = strlen(alone);
        bound = TIMES * (bound + bound / 16);
        size_t held = held_by(&body, bound);
        if (held > bound) {
            fail_msg("%s: %zu bytes per line", lines[i].name, held / TIMES);
        }
        free(alone);
        text_free(&body);
    }
}

static size_t lines_with(const char *text, const char *what)
{
    size_t count = 0;
    for (const char *p = text; (p = strstr(p, what)) != NULL; p++) count++;
    return count;
}

/* A budget of any size serves as many lines as it has room for, in their order; the others get the
 * problem that a request alone gets. */
static void lines_without_memory_are_told_so_and_cost_nothing(void **state)
{
    enum { SMALL = 100, LARGE = 2000 };
    static const char lost[] = "\"/problems/memory-exhausted\"";
    struct text body = {0};
    size_t all_served = 0;
    (void)state;
    for (size_t i = 0; i < SMALL; i++) {
        text_request(&body, i % 10 == 9 ? LARGE : 1, i % 3 == 0 ? "" : ",\"gradients\":[]");
        text_printf(&body, i % 7 == 0 ? "\nx\n" : "\n");
    }
    size_t total = SMALL + (SMALL + 6) / 7;
    size_t limit = service.budget.limit;
    for (size_t budget = 0; budget < 300000; budget += budget < 10000 ? 40 : 4999) {
        struct response response;
        service.budget.limit = budget;
        char *text = respond_to(ndjson, body.bytes, body.length, 0, &response);
        assert_int_equal(response.status, 200);
        assert_int_equal(lines_with(text, "\n"), total);
        size_t without = lines_with(text, lost);
        size_t served = lines_with(text, "{\"loss\":1");
        size_t malformed = lines_with(text, "\"/problems/malformed-json\"");
        assert_int_equal(without + served + malformed, total);
        assert_int_equal(response.refusal, without > 0 ? REFUSAL_MEMORY : REFUSAL_NONE);
        if (budget == 0) assert_int_equal(without, total);
        all_served += without == 0;
        free(text);
    }
    assert_true(all_served > 0);
    service.budget.limit = limit;
    text_free(&body);
}

/* ---- other requests' turns */

static void a_large_batch_is_taken_in_many_turns(void **state)
{
    static const char *const texts[] = {"{\"predictions\":[1],\"targets\":[0]}\n", "x\n", "\n"};
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct response response;
        struct text body = {0};
        text_repeat(&body, texts[i], 1000000);
        struct exchange *exchange = begin(ndjson);
        size_t turns = offer(exchange, body.bytes, body.length);
        assert_true(turns >= 2);
        while (!exchange_respond(exchange, &response)) continue;
        if (i < 2) { /* and is responded to in as many as there are pieces */
            static char piece[1024];
            assert_in_range(response.produce(response.source, piece, sizeof piece), 1,
                            sizeof piece);
        }
        response_discard(&response);
        exchange_close(exchange, true, 0);
        assert_int_equal(atomic_load(&service.budget.used), 0);
        text_free(&body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_gets_what_it_would_get_alone),
        cmocka_unit_test(the_last_line_need_not_end),
        cmocka_unit_test(lines_are_told_apart_in_pieces_of_any_size),
        cmocka_unit_test(a_body_without_lines_is_refused),
        cmocka_unit_test(long_lines_wait_as_short_ones_do),
        cmocka_unit_test(the_elements_of_all_lines_are_added_up),
        cmocka_unit_test(ndjson_goes_with_ndjson_only),
        cmocka_unit_test(a_line_holds_256_bytes_and_16_for_each_element),
        cmocka_unit_test(the_largest_shapes_and_problems_hold_little),
        cmocka_unit_test(lines_without_memory_are_told_so_and_cost_nothing),
        cmocka_unit_test(a_large_batch_is_taken_in_many_turns),
    };
    service.routes = routes;
    service.budget.limit = (size_t)1 << 30;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
