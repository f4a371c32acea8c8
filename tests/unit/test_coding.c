/* test_coding.c - bodies that are compressed, cut, damaged or bombs, and responses that become
 * compressed. */
#include "http/coding.h"

#include "http/problem.h"
#include "support/cmocka_all.h"
#include "support/text.h"
#include "support/zipped.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char plain_text[] = "{\"predictions\":[1.5,2.5],\"targets\":[0,0],\"weights\":[1,1]}";

static struct tensor_budget budget = {.limit = 1 << 20};

/* ---- the work that receives what is decoded */

struct sink {
    struct work work;
    struct text received;
    uint64_t length;
    bool keeps;  /* what it receives, not its length only */
    size_t part; /* takes so many bytes at once at most; 0: all */
    int idle;    /* calls of receive that take nothing, before each that does */
    int idled;
    bool is_closed;
};

static size_t receive(struct work *work, const char *bytes, size_t length)
{
    struct sink *sink = (struct sink *)work;
    assert_true(length > 0);
    if (sink->idled++ < sink->idle) return 0;
    sink->idled = 0;
    size_t taken = sink->part > 0 && sink->part < length ? sink->part : length;
    if (sink->keeps) text_append(&sink->received, bytes, taken);
    sink->length += taken;
    return taken;
}

static bool respond(struct work *work, struct response *response)
{
    (void)work;
    response_begin(response, 200);
    return true;
}

static void close_sink(struct work *work)
{
    struct sink *sink = (struct sink *)work;
    assert_false(sink->is_closed);
    sink->is_closed = true;
}

/* ---- a body and what becomes of it */

struct body {
    enum coding coding;
    const char *bytes;
    size_t length;
    size_t cut;        /* where the first piece ends; 0: nowhere */
    size_t piece;      /* bytes of every later piece; 0: all */
    uint64_t max_body; /* 0: no limit that matters */
};

static struct body body_of(enum coding coding, const struct text *zipped)
{
    return (struct body){.coding = coding, .bytes = zipped->bytes, .length = zipped->length};
}

/* As daemon.c does: what is not taken is offered again, until something is. */
static void feed(struct work *work, const char *bytes, size_t length)
{
    while (length > 0) {
        size_t taken = work->receive(work, bytes, length);
        assert_true(taken <= length);
        bytes += taken;
        length -= taken;
    }
}

static char said[1024]; /* the text of the last problem */

/* The status of the response; the sink is closed, and all memory given back. */
static unsigned status_of(const struct body *body, struct sink *sink)
{
    uint64_t decoded = 0;
    struct response response;
    struct coding_terms terms = {.max_body = body->max_body > 0 ? body->max_body : UINT64_MAX,
                                 .budget = &budget,
                                 .refuse = problem_respond,
                                 .decoded = &decoded};
    sink->work = (struct work){receive, respond, close_sink, NULL};
    struct work *work = coding_decode(body->coding, &sink->work, &terms);
    assert_non_null(work);
    for (size_t at = 0; at < body->length;) {
        size_t length = at == 0 && body->cut > 0 ? body->cut : body->piece;
        if (length == 0 || length > body->length - at) length = body->length - at;
        char *piece = malloc(length); /* ends where the piece does */
        memcpy(piece, body->bytes + at, length);
        feed(work, piece, length);
        free(piece);
        at += length;
    }
    while (!work->respond(work, &response)) continue;
    work->close(work);
    assert_true(sink->is_closed);
    assert_true(decoded >= sink->length);
    assert_int_equal(atomic_load(&budget.used), 0);
    snprintf(said, sizeof said, "%.*s", (int)response.length, response.text);
    response_discard(&response);
    return response.status;
}

/* Fails the test unless the body becomes this text, whatever the inner work takes at once. */
static void expect_text(struct body body, const char *text)
{
    for (size_t part = 0; part <= 7; part += 7) {
        struct sink sink = {.keeps = true, .part = part, .idle = part > 0};
        assert_int_equal(status_of(&body, &sink), 200);
        assert_int_equal(sink.received.length, strlen(text));
        if (sink.received.length > 0) assert_string_equal(sink.received.bytes, text);
        text_free(&sink.received);
    }
}

static void expect_problem(struct body body, const char *slug)
{
    struct sink sink = {0};
    assert_int_equal(status_of(&body, &sink), strcmp(slug, "body-too-large") == 0 ? 413 : 400);
    if (strstr(said, slug) == NULL) fail_msg("no \"%s\" in %s", slug, said);
}

/* Bodies that all become plain_text. */
enum { STORED, FIXED_OR_DYNAMIC, ZLIB, MEMBERS, KINDS };

static struct body make_body(struct text *zipped, int kind)
{
    size_t length = strlen(plain_text);
    zipped->length = 0;
    switch (kind) {
    case STORED:
        zipped_append(zipped, ZIPPED_GZIP, 0, plain_text, length);
        break;
    case FIXED_OR_DYNAMIC:
        zipped_append(zipped, ZIPPED_GZIP, 9, plain_text, length);
        break;
    case ZLIB:
        zipped_append(zipped, ZIPPED_DEFLATE, 9, plain_text, length);
        break;
    case MEMBERS: /* some of them empty */
        zipped_append(zipped, ZIPPED_GZIP, 1, "", 0);
        zipped_append(zipped, ZIPPED_GZIP, 1, plain_text, 9);
        zipped_append(zipped, ZIPPED_GZIP, 1, "", 0);
        zipped_append(zipped, ZIPPED_GZIP, 1, plain_text + 9, length - 9);
        zipped_append(zipped, ZIPPED_GZIP, 1, "", 0);
        break;
    }
    return (struct body){.coding = kind == ZLIB ? CODING_DEFLATE : CODING_GZIP,
                         .bytes = zipped->bytes,
                         .length = zipped->length};
}

static void a_body_is_decoded_however_it_is_cut(void **state)
{
    struct text zipped = {0};
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        struct body body = make_body(&zipped, kind);
        for (body.cut = 0; body.cut < body.length; body.cut++) {
            for (body.piece = 0; body.piece <= 2; body.piece++) expect_text(body, plain_text);
        }
    }
    text_free(&zipped);
}

/* Past the window, and past all that one call takes or decodes. */
static void a_long_body_is_decoded_whatever_is_taken_at_once(void **state)
{
    struct text plain = {0};
    struct text zipped = {0};
    (void)state;
    for (int i = 0; i < 200000; i++) text_printf(&plain, "%d,", i * 7919 % 100003);
    for (int level = 0; level <= 9; level += 3) {
        zipped.length = 0;
        zipped_append(&zipped, ZIPPED_GZIP, level, plain.bytes, plain.length);
        struct body body = {CODING_GZIP, zipped.bytes, zipped.length, .piece = 0};
        for (; body.piece < 100000; body.piece = 3 * body.piece + 997) {
            struct sink sink = {.keeps = true, .part = body.piece * 5, .idle = 1};
            assert_int_equal(status_of(&body, &sink), 200);
            assert_int_equal(sink.received.length, plain.length);
            assert_memory_equal(sink.received.bytes, plain.bytes, plain.length);
            text_free(&sink.received);
        }
    }
    text_free(&plain);
    text_free(&zipped);
}

static void a_body_that_ends_early_anywhere_is_refused(void **state)
{
    struct text zipped = {0};
    (void)state;
    for (int kind = 0; kind < MEMBERS; kind++) {
        struct body body = make_body(&zipped, kind);
        while (body.length-- > 0) expect_problem(body, "damaged-encoding");
    }
    text_free(&zipped);
}

/* A check sum stands at the end: what is wrong is found, or says nothing about the text, as the
 * time does in a header of gzip. */
static void a_body_that_is_wrong_in_any_bit_is_refused_or_means_the_same(void **state)
{
    struct text zipped = {0};
    unsigned refused = 0;
    unsigned taken = 0;
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        struct body body = make_body(&zipped, kind);
        for (size_t bit = 0; bit < 8 * body.length; bit++) {
            struct sink sink = {.keeps = true};
            zipped.bytes[bit / 8] ^= (char)(1 << bit % 8);
            unsigned status = status_of(&body, &sink);
            zipped.bytes[bit / 8] ^= (char)(1 << bit % 8);
            if (status == 200) {
                assert_string_equal(sink.received.bytes, plain_text);
                taken++;
            } else {
                assert_int_equal(status, 400);
                assert_non_null(strstr(said, "damaged-encoding"));
                refused++;
            }
            text_free(&sink.received);
        }
    }
    assert_true(taken > 0 && taken < refused);
    text_free(&zipped);
}

static void bytes_after_the_end_are_refused(void **state)
{
    static const char *const tails[] = {"\n", "\x1f", "\x1f\x8b", "{}", "\x1f\x8b\x08 but no gzip"};
    struct text zipped = {0};
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        for (size_t i = 0; i < COUNT(tails); i++) {
            make_body(&zipped, kind);
            size_t end = zipped.length;
            text_printf(&zipped, "%s", tails[i]);
            struct body body = {kind == ZLIB ? CODING_DEFLATE : CODING_GZIP, zipped.bytes,
                                zipped.length, .piece = 1};
            bool may_begin_member = kind != ZLIB && tails[i][0] == '\x1f';
            const char *wanted = may_begin_member ? "damaged-encoding" : "after the end";
            expect_problem(body, wanted);
            body.piece = 0;
            expect_problem(body, wanted);
            body.cut = end;
            expect_problem(body, wanted);
        }
    }
    make_body(&zipped, STORED);
    text_append(&zipped, "", 1); /* padding with zeros, as tapes have, is no exception */
    expect_problem(body_of(CODING_GZIP, &zipped), "damaged-encoding");
    make_body(&zipped, ZLIB);
    size_t length = zipped.length; /* several bodies in one are gzip's only */
    zipped_append(&zipped, ZIPPED_DEFLATE, 9, "", 0);
    expect_problem((struct body){CODING_DEFLATE, zipped.bytes, zipped.length, .cut = length},
                   "damaged-encoding");
    text_free(&zipped);
}

static void another_format_than_the_stated_one_is_refused(void **state)
{
    struct text zipped = {0};
    struct text with_dictionary = {0};
    (void)state;
    make_body(&zipped, ZLIB);
    expect_problem(body_of(CODING_GZIP, &zipped), "damaged-encoding");
    make_body(&zipped, STORED);
    expect_problem(body_of(CODING_DEFLATE, &zipped), "damaged-encoding");
    zipped.length = 0;
    zipped_append(&zipped, ZIPPED_RAW, 9, plain_text, strlen(plain_text));
    expect_problem(body_of(CODING_DEFLATE, &zipped), "damaged-encoding");
    expect_problem(
        (struct body){.coding = CODING_GZIP, .bytes = plain_text, .length = strlen(plain_text)},
        "damaged-encoding");
    expect_problem((struct body){.coding = CODING_GZIP, .bytes = ""}, "damaged-encoding");
    text_append(&with_dictionary, "\x78\xbb\0\0\0\1", 6); /* FDICT is set */
    expect_problem(body_of(CODING_DEFLATE, &with_dictionary), "damaged-encoding");
    text_free(&with_dictionary);
    text_free(&zipped);
}

/* ---- limits */

static void the_limit_is_of_the_decoded_body(void **state)
{
    struct text zipped = {0};
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        struct body body = make_body(&zipped, kind);
        body.max_body = strlen(plain_text);
        expect_text(body, plain_text);
        body.max_body--;
        expect_problem(body, "body-too-large");
    }
    text_free(&zipped);
}

static void a_bomb_is_refused_at_the_limit_and_handed_on_no_further(void **state)
{
    enum { LIMIT = 1 << 20, GIGABYTE = 1 << 30 };
    struct text zipped = {0};
    struct sink sink = {0};
    (void)state;
    zipped_append_bomb(&zipped, ZIPPED_GZIP, '\0', GIGABYTE);
    assert_in_range(zipped.length, GIGABYTE / 1100, GIGABYTE / 1000);
    struct body body = {CODING_GZIP, zipped.bytes, zipped.length, .max_body = LIMIT};
    assert_int_equal(status_of(&body, &sink), 413);
    assert_non_null(strstr(said, "body-too-large"));
    assert_non_null(strstr(said, "1048576 bytes"));
    assert_in_range(sink.length, 0, LIMIT);
    text_free(&zipped);
}

/* Whatever is offered, a call hands on a bounded part and returns. */
static void no_call_decodes_more_than_a_step(void **state)
{
    enum { LENGTH = 1 << 26, STEP = (256 + 64) << 10 };
    struct text zipped = {0};
    struct sink sink = {.work = {receive, respond, close_sink, NULL}};
    uint64_t decoded = 0;
    struct coding_terms terms = {UINT64_MAX, &budget, problem_respond, &decoded};
    (void)state;
    zipped_append_bomb(&zipped, ZIPPED_DEFLATE, ' ', LENGTH);
    struct work *work = coding_decode(CODING_DEFLATE, &sink.work, &terms);
    const char *bytes = zipped.bytes;
    size_t left = zipped.length;
    while (left > 0) {
        uint64_t before = sink.length;
        size_t taken = work->receive(work, bytes, left);
        assert_in_range(taken, 1, left);
        assert_in_range(sink.length - before, 0, STEP);
        bytes += taken;
        left -= taken;
    }
    struct response response;
    while (!work->respond(work, &response)) continue;
    assert_int_equal(response.status, 200);
    assert_int_equal(sink.length, LENGTH);
    work->close(work);
    text_free(&zipped);
}

static void what_a_decoder_needs_is_charged_and_refused_past_the_budget(void **state)
{
    struct sink sink = {.work = {receive, respond, close_sink, NULL}};
    struct tensor_budget small = {.limit = 1 << 16};
    uint64_t decoded = 0;
    struct coding_terms terms = {UINT64_MAX, &small, problem_respond, &decoded};
    (void)state;
    assert_null(coding_decode(CODING_GZIP, &sink.work, &terms));
    assert_int_equal(atomic_load(&small.used), 0);
    assert_false(sink.is_closed);
    terms.budget = &budget;
    struct work *work = coding_decode(CODING_GZIP, &sink.work, &terms);
    assert_in_range(atomic_load(&budget.used), 100 << 10, 128 << 10);
    work->close(work);
    assert_int_equal(atomic_load(&budget.used), 0);
}

/* ---- headers */

static void a_content_encoding_is_one_coding(void **state)
{
    static const struct {
        const char *value;
        enum coding coding;
    } rows[] = {
        {"gzip", CODING_GZIP},
        {"GZip", CODING_GZIP},
        {"x-gzip", CODING_GZIP},
        {"deflate", CODING_DEFLATE},
        {"identity", CODING_IDENTITY},
        {"", CODING_IDENTITY},
        {"br", CODING_UNKNOWN},
        {"gzip, gzip", CODING_UNKNOWN},
        {"gzip,deflate", CODING_UNKNOWN},
        {"gzipped", CODING_UNKNOWN},
        {"gzi", CODING_UNKNOWN},
        {"aws-chunked", CODING_UNKNOWN},
        {"*", CODING_UNKNOWN},
    };
    (void)state;
    struct head none = {0};
    assert_int_equal(coding_of_request(&none), CODING_IDENTITY);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct head head = {0};
        head_add(&head, "content-encoding", rows[i].value);
        assert_int_equal(coding_of_request(&head), rows[i].coding);
        head_add(&head, "Content-Encoding", "gzip");
        assert_int_equal(coding_of_request(&head), CODING_UNKNOWN);
    }
}

static void the_coding_of_a_response_is_the_one_that_the_client_prefers(void **state)
{
    static const struct {
        const char *value;
        enum coding coding;
    } rows[] = {
        {"", CODING_IDENTITY},
        {"gzip", CODING_GZIP},
        {"x-gzip", CODING_GZIP},
        {"GZIP", CODING_GZIP},
        {"deflate", CODING_DEFLATE},
        {"gzip, deflate, br, zstd", CODING_GZIP},
        {"deflate, gzip", CODING_GZIP},
        {"deflate, gzip;q=0.9", CODING_DEFLATE},
        {"gzip;q=0.1, deflate;q=0.2", CODING_DEFLATE},
        {"gzip;q=0", CODING_IDENTITY},
        {"gzip;q=0, deflate;q=0.001", CODING_DEFLATE},
        {"br", CODING_IDENTITY},
        {"identity", CODING_IDENTITY},
        {"identity;q=0", CODING_IDENTITY},
        {"identity;q=0, gzip;q=0.1", CODING_GZIP},
        {"identity, gzip;q=0.5", CODING_IDENTITY},
        {"identity;q=0.5, gzip;q=0.5", CODING_GZIP},
        {"*", CODING_GZIP},
        {"*;q=0", CODING_IDENTITY},
        {"gzip;q=0, *", CODING_DEFLATE},
        {"*;q=0, deflate", CODING_DEFLATE},
        {"br;q=1.0, gzip;q=0.8, *;q=0.1", CODING_GZIP},
        {"gzip ; q=1", CODING_GZIP},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct head head = {0};
        head_add(&head, "Accept-Encoding", rows[i].value);
        if (coding_for_response(&head) != rows[i].coding) fail_msg("%s", rows[i].value);
    }
    struct head two = {0};
    head_add(&two, "Accept-Encoding", "br");
    head_add(&two, "accept-encoding", "deflate");
    assert_int_equal(coding_for_response(&two), CODING_DEFLATE);
    for (int i = 0; i < 20; i++) head_add(&two, "Accept-Encoding", "gzip");
    assert_int_equal(two.accept_encodings, HEAD_ACCEPTS_MAX);
}

/* ---- responses */

struct source {
    const char *bytes; /* NULL: spaces */
    size_t left, piece;
    size_t read;
    bool is_released;
};

static size_t produce(void *context, char *out, size_t room)
{
    struct source *source = context;
    assert_false(source->is_released);
    assert_true(room >= RESPONSE_ROOM_MIN);
    size_t length = source->left < room ? source->left : room;
    if (source->piece > 0 && length > source->piece) length = source->piece;
    if (source->bytes != NULL) {
        memcpy(out, source->bytes, length);
        source->bytes += length;
    } else {
        memset(out, ' ', length);
    }
    source->left -= length;
    source->read += length;
    return length;
}

static void release(void *context)
{
    ((struct source *)context)->is_released = true;
}

/* Reads all of a response's body, so much at once at most. */
static void read_all(struct response *response, size_t room, struct text *text)
{
    char *piece = malloc(room);
    size_t length;
    assert_int_equal(response->body, RESPONSE_PRODUCED);
    while ((length = response->produce(response->source, piece, room)) > 0) {
        assert_true(length <= room);
        text_append(text, piece, length);
    }
    assert_int_equal(response->produce(response->source, piece, room), 0);
    free(piece);
}

static void expect_encoded(struct response *response, enum coding coding, const struct text *plain,
                           size_t room)
{
    struct text zipped = {0};
    struct text read = {0};
    coding_encode(coding, response, &budget);
    assert_string_equal(response_find_header(response, "Content-Encoding"),
                        coding == CODING_GZIP ? "gzip" : "deflate");
    assert_string_equal(response_find_header(response, "Content-Type"), "text/csv");
    assert_int_equal(response->status, 200);
    assert_int_equal(response->elements, 7);
    assert_in_range(atomic_load(&budget.used), 256 << 10, 512 << 10);
    read_all(response, room, &zipped);
    response_discard(response);
    assert_int_equal(atomic_load(&budget.used), 0);
    zipped_read(&read, coding == CODING_GZIP ? ZIPPED_GZIP : ZIPPED_DEFLATE, zipped.bytes,
                zipped.length);
    assert_int_equal(read.length, plain->length);
    assert_memory_equal(read.bytes, plain->bytes, plain->length);
    text_free(&zipped);
    text_free(&read);
}

static struct response new_response(void)
{
    struct response response;
    response_begin(&response, 200);
    response.elements = 7;
    return response;
}

static void a_body_of_any_kind_is_encoded_whatever_the_room(void **state)
{
    struct text plain = {0};
    (void)state;
    for (int i = 0; i < 30000; i++) text_printf(&plain, "%d,", i * 7919 % 100003);
    for (size_t length = 1024; length <= plain.length; length = 5 * length + 1) {
        struct text part = {.bytes = plain.bytes, .length = length};
        for (size_t room = RESPONSE_ROOM_MIN; room < 200000; room = 7 * room + 1) {
            for (int coding = CODING_GZIP; coding <= CODING_DEFLATE; coding++) {
                struct response response = new_response();
                response_set_constant(&response, "text/csv", part.bytes, length);
                expect_encoded(&response, (enum coding)coding, &part, room);

                response = new_response();
                char *copy = malloc(length);
                memcpy(copy, part.bytes, length);
                response_set_whole(&response, "text/csv", copy, length);
                expect_encoded(&response, (enum coding)coding, &part, room);

                struct source source = {.bytes = part.bytes, .left = length, .piece = room / 2};
                response = new_response();
                response_set_produced(&response, "text/csv", produce, release, &source);
                expect_encoded(&response, (enum coding)coding, &part, room);
                assert_true(source.is_released);
            }
        }
    }
    text_free(&plain);
}

/* Although nearly nothing comes of it, no call encodes more than a step, nor ends the body early.
 */
static void no_call_encodes_more_than_a_step(void **state)
{
    enum { LENGTH = 10 << 20, STEP = (128 + 2 * 16) << 10 };
    char out[1 << 16];
    size_t length;
    struct text zipped = {0};
    struct text plain = {0};
    struct source source = {.left = LENGTH};
    struct response response = new_response();
    (void)state;
    response_set_produced(&response, "text/csv", produce, release, &source);
    coding_encode(CODING_GZIP, &response, &budget);
    do {
        size_t before = source.read;
        length = response.produce(response.source, out, sizeof out);
        assert_in_range(source.read - before, 0, STEP);
        text_append(&zipped, out, length);
    } while (length > 0);
    response_discard(&response);
    zipped_read(&plain, ZIPPED_GZIP, zipped.bytes, zipped.length);
    assert_int_equal(plain.length, LENGTH);
    assert_int_equal(strspn(plain.bytes, " "), LENGTH);
    text_free(&zipped);
    text_free(&plain);
}

static void what_gains_nothing_or_finds_no_memory_stays_as_it_is(void **state)
{
    static const char text[2048] = {0};
    struct tensor_budget small = {.limit = 1 << 17};
    (void)state;
    struct response response = new_response();
    response_set_constant(&response, "text/csv", text, 1023);
    coding_encode(CODING_GZIP, &response, &budget);
    assert_int_equal(response.body, RESPONSE_CONSTANT);
    response = new_response();
    response_set_constant(&response, "text/csv", text, 2048);
    coding_encode(CODING_GZIP, &response, &small);
    assert_int_equal(response.body, RESPONSE_CONSTANT);
    assert_null(response_find_header(&response, "Content-Encoding"));
    response_add(&response, "Content-Encoding", "br");
    coding_encode(CODING_GZIP, &response, &budget);
    assert_int_equal(response.body, RESPONSE_CONSTANT);
    assert_int_equal(atomic_load(&budget.used), 0);
    assert_int_equal(atomic_load(&small.used), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_is_decoded_however_it_is_cut),
        cmocka_unit_test(a_long_body_is_decoded_whatever_is_taken_at_once),
        cmocka_unit_test(a_body_that_ends_early_anywhere_is_refused),
        cmocka_unit_test(a_body_that_is_wrong_in_any_bit_is_refused_or_means_the_same),
        cmocka_unit_test(bytes_after_the_end_are_refused),
        cmocka_unit_test(another_format_than_the_stated_one_is_refused),
        cmocka_unit_test(the_limit_is_of_the_decoded_body),
        cmocka_unit_test(a_bomb_is_refused_at_the_limit_and_handed_on_no_further),
        cmocka_unit_test(no_call_decodes_more_than_a_step),
        cmocka_unit_test(what_a_decoder_needs_is_charged_and_refused_past_the_budget),
        cmocka_unit_test(a_content_encoding_is_one_coding),
        cmocka_unit_test(the_coding_of_a_response_is_the_one_that_the_client_prefers),
        cmocka_unit_test(a_body_of_any_kind_is_encoded_whatever_the_room),
        cmocka_unit_test(no_call_encodes_more_than_a_step),
        cmocka_unit_test(what_gains_nothing_or_finds_no_memory_stays_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
