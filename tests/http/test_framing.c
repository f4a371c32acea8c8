/* test_framing.c - requests that could be read in two ways, or that bend HTTP's grammar, byte by
 * byte: each is handled by the book or refused, and what is refused cannot begin another request.
 */
#include "support/suite.h"
#include "support/wire.h"

#include <stdio.h>
#include <string.h>

#define GOOD        "{\"predictions\":[3],\"targets\":[1],\"gradients\":[]}"
#define GOOD_LENGTH "48"
#define POST        "POST /mse HTTP/1.1\r\nHost: a\r\n"
#define SIZED       "Content-Length: " GOOD_LENGTH "\r\n\r\n" GOOD

_Static_assert(sizeof GOOD - 1 == 48, "GOOD_LENGTH");

struct row {
    const char *name;
    const char *request;
};

static void connect_and_send(struct wire *wire, const char *request)
{
    wire_connect(wire, &suite_service);
    wire_send(wire, request, strlen(request));
}

/* Each gets 200, and the connection serves the next. */
static void expect_served(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct wire wire;
        connect_and_send(&wire, rows[i].request);
        for (int times = 0; times < 2; times++) {
            struct response response = wire_response(&wire, false);
            if (response.status != 200)
                fail_msg("%s: %ld %s", rows[i].name, response.status, response.body.bytes);
            response_free(&response);
            if (times == 0) wire_print(&wire, "%s", POST SIZED);
        }
        wire_close(&wire);
    }
}

/* Each is refused, by a text that holds what is wanted, and the connection closed: nothing that
 * follows is read as a request. */
static void expect_closed(const struct row *rows, size_t count, const char *wanted)
{
    for (size_t i = 0; i < count; i++) {
        struct wire wire;
        connect_and_send(&wire, rows[i].request);
        wire_try_send(&wire, POST SIZED, strlen(POST SIZED));
        wire_finish(&wire);
        const char *received = wire.received.length > 0 ? wire.received.bytes : "";
        unsigned status = 0;
        if (*received != '\0' && sscanf(received, "HTTP/1.1 %u ", &status) != 1)
            fail_msg("%s: %s", rows[i].name, received);
        if (*received != '\0' && (status < 400 || status >= 600))
            fail_msg("%s: %s", rows[i].name, received);
        if (strstr(received, "\"loss\"") != NULL) fail_msg("%s is served", rows[i].name);
        if (strstr(received, wanted) == NULL) fail_msg("%s: %s", rows[i].name, received);
        wire_close(&wire);
    }
}

static void what_the_rfcs_allow_is_served(void **state)
{
    static const struct row rows[] = {
        {"a folded header that does not matter", POST "X: a\r\n b\r\n" SIZED},
        {"lines that end in LF alone",
         "POST /mse HTTP/1.1\nHost: a\nContent-Length: " GOOD_LENGTH "\n\n" GOOD},
        {"empty lines before the request", "\r\n\r\n" POST SIZED},
        {"a target in absolute form", "POST http://a/mse HTTP/1.1\r\nHost: a\r\n" SIZED},
        {"chunks", POST "Transfer-Encoding: chunked\r\n\r\n30\r\n" GOOD "\r\n0\r\n\r\n"},
        {"a chunk size with zeros before it",
         POST "Transfer-Encoding: chunked\r\n\r\n0000000030\r\n" GOOD "\r\n0\r\n\r\n"},
        {"a chunk extension",
         POST "Transfer-Encoding: Chunked\r\n\r\n30;a=\"b\"\r\n" GOOD "\r\n0;c\r\n\r\n"},
        {"trailers", POST "Transfer-Encoding: chunked\r\n\r\n30\r\n" GOOD
                          "\r\n0\r\nContent-Length: 5\r\nX: y\r\n\r\n"},
        {"a header without a value", POST "X:\r\n" SIZED},
        {"an empty Host", "POST /mse HTTP/1.1\r\nHost:\r\n" SIZED},
    };
    (void)state;
    expect_served(rows, COUNT(rows));
}

static void what_could_be_read_in_two_ways_is_refused_and_closed(void **state)
{
    static const struct row rows[] = {
        {"no Host", "POST /mse HTTP/1.1\r\n" SIZED},
        {"two Hosts", POST "Host: b\r\n" SIZED},
        {"two Content-Lengths that differ", POST "Content-Length: 3\r\n" SIZED},
        {"two Content-Lengths that agree", POST "Content-Length: " GOOD_LENGTH "\r\n" SIZED},
        {"Content-Length and Transfer-Encoding", POST "Transfer-Encoding: chunked\r\n" SIZED},
        {"both, to a path that is not there",
         "POST /nowhere HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" SIZED},
        {"two Transfer-Encodings",
         POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {"another coding", POST "Transfer-Encoding: gzip\r\n\r\n" GOOD},
        {"chunks in HTTP/1.0", "POST /mse HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    };
    static const struct row others[] = {
        {"a list of Content-Lengths", POST "Content-Length: 48, 48\r\n\r\n" GOOD},
        {"another coding before chunks", POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
        {"a coding that is nearly chunked", POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
        {"a folded Content-Length", POST "Content-Length:\r\n " GOOD_LENGTH "\r\n\r\n" GOOD},
        {"a Content-Length folded in the middle", POST "Content-Length: 4\r\n 8\r\n\r\n" GOOD},
        {"a folded Transfer-Encoding", POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"},
        {"a space before the colon", POST "Content-Length : " GOOD_LENGTH "\r\n\r\n" GOOD},
        {"a tab before the colon", POST "Content-Length\t: " GOOD_LENGTH "\r\n\r\n" GOOD},
        {"a space before the name", "POST /mse HTTP/1.1\r\n Host: a\r\n" SIZED},
        {"no name", POST ": a\r\n" SIZED},
        {"no colon", POST "Colon\r\n" SIZED},
        {"lines that end in CR alone", "POST /mse HTTP/1.1\rHost: a\r\r\n\r\n"},
        {"a Content-Length with a sign", POST "Content-Length: +48\r\n\r\n" GOOD},
        {"a negative Content-Length", POST "Content-Length: -1\r\n\r\n" GOOD},
        {"a hexadecimal Content-Length", POST "Content-Length: 0x30\r\n\r\n" GOOD},
        {"an empty Content-Length", POST "Content-Length:\r\n\r\n" GOOD},
        {"a Content-Length beyond 64 bits",
         POST "Content-Length: 99999999999999999999999\r\n\r\n" GOOD},
        {"a chunk size that is no number", POST "Transfer-Encoding: chunked\r\n\r\nzz\r\n"},
        {"a negative chunk size", POST "Transfer-Encoding: chunked\r\n\r\n-1\r\n"},
        {"a chunk size beyond 64 bits",
         POST "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"},
        {"a chunk longer than it says",
         POST "Transfer-Encoding: chunked\r\n\r\n1\r\n" GOOD "\r\n0\r\n\r\n"},
        {"HTTP/2 without its preface", "POST /mse HTTP/2.0\r\nHost: a\r\n" SIZED},
        {"HTTP/0.9", "GET /healthz\r\n\r\n"},
        {"a TLS greeting", "\x16\x03\x01\x02\x01\x01\r\n\r\n"},
    };
    (void)state;
    expect_closed(rows, COUNT(rows), "\"/problems/malformed-headers\"");
    expect_closed(others, COUNT(others), "");
}

/* libmicrohttpd 0.9.75 refuses it before our code is asked, and sends the head of its response
 * twice. Clients see the status and that the connection closes, whichever head they believe;
 * nothing that was sent is read as a request. */
static void a_content_length_that_is_no_number_is_refused_with_one_status(void **state)
{
    static const struct {
        const char *value;
        const char *beginning;
    } rows[] = {{"abc", "HTTP/1.1 400 "},
                {"-1", "HTTP/1.1 400 "},
                {"1e3", "HTTP/1.1 400 "},
                {"", "HTTP/1.1 400 "},
                {"4 8", "HTTP/1.1 400 "},
                {"48, 48", "HTTP/1.1 400 "},
                {"+48", "HTTP/1.1 400 "},
                {"48.0", "HTTP/1.1 400 "},
                {"99999999999999999999", "HTTP/1.1 413 "},
                {"0x30", "HTTP/1.1 400 "},
                {"48abc", "HTTP/1.1 400 "},
                {"18446744073709551616", "HTTP/1.1 413 "}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct wire wire;
        wire_connect(&wire, &suite_service);
        wire_print(&wire, POST "Content-Length: %s\r\n\r\n", rows[i].value);
        wire_try_send(&wire, POST SIZED, strlen(POST SIZED));
        wire_finish(&wire);
        assert_true(wire.received.length > 0);
        const char *received = wire.received.bytes;
        const char *body = received;
        for (int heads = 0; strncmp(body, "HTTP/", 5) == 0; heads++) {
            const char *end = strstr(body, "\r\n\r\n");
            if (heads == 2 || end == NULL ||
                strncmp(body, rows[i].beginning, strlen(rows[i].beginning)) != 0)
                fail_msg("%s: %s", rows[i].value, received);
            const char *close = strstr(body, "\r\nConnection: close\r\n");
            if (close == NULL || close > end)
                fail_msg("%s: the response has no Connection: close", rows[i].value);
            body = end + 4;
        }
        if (body == received || strstr(body, "HTTP/") != NULL)
            fail_msg("%s: %s", rows[i].value, received);
        wire_close(&wire);
    }
}

/* libmicrohttpd says so itself, in HTML. */
static void what_is_no_http_is_refused_with_its_status_and_closed(void **state)
{
    enum { LONG = 70000 }; /* more than a connection's pool */
    static const struct {
        const char *begin;
        size_t filled; /* bytes of 'a' between begin and end */
        const char *end;
        const char *expected;
    } rows[] = {
        {"GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n", 0, "", "HTTP/1.1 505 "},
        {"GET /healthz HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 0, "", "HTTP/1.1 400 "},
        {"GET /", LONG, " HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 414 "},
        {"GET /healthz HTTP/1.1\r\nHost: a\r\nX: ", LONG, "\r\n\r\n", "HTTP/1.1 431 "},
        {"NONSENSE\r\n\r\n", 0, "", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct wire wire;
        struct text request = {0};
        text_printf(&request, "%s", rows[i].begin);
        text_repeat(&request, "a", rows[i].filled);
        text_printf(&request, "%s", rows[i].end);
        wire_connect(&wire, &suite_service);
        wire_try_send(&wire, request.bytes, request.length);
        wire_finish(&wire);
        const char *received = wire.received.length > 0 ? wire.received.bytes : "";
        bool is_as_promised =
            rows[i].expected[0] == '\0'
                ? received[0] == '\0'
                : strncmp(received, rows[i].expected, strlen(rows[i].expected)) == 0 &&
                      strstr(received, "<html>") != NULL &&
                      strstr(received, "Connection: close") != NULL;
        if (!is_as_promised) fail_msg("%.40s: %s", request.bytes, received);
        wire_close(&wire);
        text_free(&request);
    }
}

/* However long an extension or a trailer is, what it costs is bounded by the connection's pool. */
static void huge_chunk_extensions_and_trailers_are_refused(void **state)
{
    (void)state;
    struct text padding = {0};
    struct text requests[2] = {{0}, {0}};
    text_repeat(&padding, "x", 1 << 20);
    text_printf(&requests[0],
                POST "Transfer-Encoding: chunked\r\n\r\n30;%s\r\n" GOOD "\r\n0\r\n\r\n",
                padding.bytes);
    text_printf(&requests[1],
                POST "Transfer-Encoding: chunked\r\n\r\n30\r\n" GOOD "\r\n0\r\nX: %s\r\n\r\n",
                padding.bytes);
    for (int i = 0; i < 2; i++) {
        struct wire wire;
        wire_connect(&wire, &suite_service);
        wire_try_send(&wire, requests[i].bytes, requests[i].length);
        wire_finish(&wire);
        if (wire.received.length > 0) assert_null(strstr(wire.received.bytes, "\"loss\""));
        wire_close(&wire);
        text_free(&requests[i]);
    }
    text_free(&padding);
}

static void every_response_forbids_sniffing_and_storing(void **state)
{
    static const char *const requests[] = {POST SIZED, POST "Content-Length: 1\r\n\r\n{",
                                           "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
                                           "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n"};
    (void)state;
    for (size_t i = 0; i < COUNT(requests); i++) {
        struct wire wire;
        connect_and_send(&wire, requests[i]);
        struct response response = wire_response(&wire, false);
        response_has_header(&response, "X-Content-Type-Options", "nosniff");
        response_has_header(&response, "Cache-Control", "no-store");
        response_free(&response);
        wire_close(&wire);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_rfcs_allow_is_served),
        cmocka_unit_test(what_could_be_read_in_two_ways_is_refused_and_closed),
        cmocka_unit_test(a_content_length_that_is_no_number_is_refused_with_one_status),
        cmocka_unit_test(what_is_no_http_is_refused_with_its_status_and_closed),
        cmocka_unit_test(huge_chunk_extensions_and_trailers_are_refused),
        cmocka_unit_test(every_response_forbids_sniffing_and_storing),
    };
    return cmocka_run_group_tests(tests, suite_open, suite_close);
}
