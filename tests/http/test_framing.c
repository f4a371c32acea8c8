/* test_framing.c - requests that could be read in two ways, or that bend HTTP's grammar, byte by
 * byte: each is handled by the book or refused, and what is refused cannot begin another request.
 */
#include "support/suite.h"
#include "support/wire.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define GOOD        "{\"predictions\":[3],\"targets\":[1],\"gradients\":[]}"
#define GOOD_LENGTH "48"
#define POST        "POST /mse HTTP/1.1\r\nHost: a\r\n"
#define SIZED       "Content-Length: " GOOD_LENGTH "\r\n\r\n" GOOD

_Static_assert(sizeof GOOD - 1 == 48, "GOOD_LENGTH");

#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define NOWHERE "GET / HTTP/1.1\r\nHost: a\r\n"
#define SECOND  "GET /healthz?: HTTP/1.1\r\nHost: a\r\n\r\n"
#define HEALTHY "{\"status\":\"ok\"}"

struct row {
    const char *name;
    const char *request;
    int served_by; /* the version that serves it, where only one does */
};

static void connect_and_send(struct wire *wire, const char *request)
{
    wire_connect(wire, &suite_service);
    wire_send(wire, request, strlen(request));
}

/* Gets 200, and the connection serves the next, unless a chunked body ends it. */
static void expect_served(const struct row *row)
{
    struct wire wire;
    connect_and_send(&wire, row->request);
    bool is_last = suite_has_old_library && strcasestr(row->request, "chunked") != NULL;
    for (int times = 0; times < (is_last ? 1 : 2); times++) {
        struct response response = wire_response(&wire, false);
        if (response.status != 200)
            fail_msg("%s: %ld %s", row->name, response.status, response.body.bytes);
        response_free(&response);
        if (!is_last && times == 0) wire_print(&wire, "%s", POST SIZED);
    }
    if (is_last) assert_true(wire_is_closed(&wire));
    wire_close(&wire);
}

/* Is refused, by a text that holds what is wanted, or without one, and the connection closed:
 * nothing that follows is read as a request. */
static void expect_closed(const struct row *row, const char *wanted)
{
    struct wire wire;
    connect_and_send(&wire, row->request);
    wire_try_send(&wire, POST SIZED, strlen(POST SIZED));
    wire_finish(&wire);
    const char *received = wire.received.length > 0 ? wire.received.bytes : "";
    unsigned status = 0;
    if (*received != '\0' && sscanf(received, "HTTP/1.1 %u ", &status) != 1)
        fail_msg("%s: %s", row->name, received);
    if (*received != '\0' && (status < 400 || status >= 600))
        fail_msg("%s: %s", row->name, received);
    if (strstr(received, "\"loss\"") != NULL || strstr(received, HEALTHY) != NULL)
        fail_msg("%s is served", row->name);
    if (strstr(received, wanted) == NULL) fail_msg("%s: %s", row->name, received);
    wire_close(&wire);
}

static void what_the_rfcs_allow_is_served(void **state)
{
    static const struct row rows[] = {
        {"an empty line before the request", "\r\n" POST SIZED, 0},
        {"a target in absolute form", "POST http://a/mse HTTP/1.1\r\nHost: a\r\n" SIZED, 0},
        {"chunks", CHUNKED "30\r\n" GOOD "\r\n0\r\n\r\n", 0},
        {"a chunk size with zeros before it", CHUNKED "0000000030\r\n" GOOD "\r\n0\r\n\r\n", 0},
        {"trailers", CHUNKED "30\r\n" GOOD "\r\n0\r\nContent-Length: 5\r\nX: y\r\n\r\n", 0},
        {"a header without a value", POST "X:\r\n" SIZED, 0},
        {"white space around a value", POST "X: \t a b\tc \t \r\n" SIZED, 0},
        {"no white space before a value", "POST /mse HTTP/1.1\r\nHost:a\r\nX:y\r\n" SIZED, 0},
        {"bytes over 127 in a value", POST "X: \x80\xff\xc3\xa4\r\n" SIZED, 0},
        {"a Host with a port", "POST /mse HTTP/1.1\r\nHost: a-b_c.example:65535 \t\r\n" SIZED, 0},
        {"a Host with an empty port", "POST /mse HTTP/1.1\r\nHost: a:\r\n" SIZED, 0},
        {"an IPv6 Host", "POST /mse HTTP/1.1\r\nHost: [::ffff:1.2.3.4]:80\r\n" SIZED, 0},
        {"a percent-encoded Host", "POST /mse HTTP/1.1\r\nHost: %61'(~)\r\n" SIZED, 0},
        {"headers that are lists, twice",
         POST
         "Accept: text/html\r\nAccept: */*\r\nX: y\r\nX: z\r\nCookie: a=b\r\nCookie: a=b\r\n" SIZED,
         0},
        {"an empty Host", "POST /mse HTTP/1.1\r\nHost:\r\n" SIZED, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) expect_served(&rows[i]);
}

/* Legal, and served by one version of libmicrohttpd only. The other refuses it before our code is
 * asked, and closes the connection: it is never misread. */
static void what_one_version_of_the_library_cannot_read_is_refused_by_it(void **state)
{
    enum { OLD = 1, NEW };
    static const struct row rows[] = {
        {"a chunk extension", CHUNKED "30;a=\"b\"\r\n" GOOD "\r\n0\r\n\r\n", OLD},
        {"an extension of the last chunk", CHUNKED "30\r\n" GOOD "\r\n0;c\r\n\r\n", OLD},
        {"two empty lines before the request", "\r\n\r\n" POST SIZED, OLD},
        {"white space after Content-Length", POST "Content-Length: " GOOD_LENGTH " \t\r\n\r\n" GOOD,
         NEW},
        {"white space after Transfer-Encoding",
         POST "Transfer-Encoding: chunked \r\n\r\n30\r\n" GOOD "\r\n0\r\n\r\n", NEW},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (rows[i].served_by == (suite_has_old_library ? OLD : NEW)) {
            expect_served(&rows[i]);
        } else {
            expect_closed(&rows[i], "");
        }
    }
}

static void what_could_be_read_in_two_ways_is_refused_and_closed(void **state)
{
    static const struct row rows[] = {
        {"no Host", "POST /mse HTTP/1.1\r\n" SIZED, 0},
        {"two Hosts", POST "Host: b\r\n" SIZED, 0},
        {"two Content-Lengths that differ", POST "Content-Length: 3\r\n" SIZED, 0},
        {"two Content-Lengths that agree", POST "Content-Length: " GOOD_LENGTH "\r\n" SIZED, 0},
        {"two Transfer-Encodings",
         POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0},
        {"chunks in HTTP/1.0", "POST /mse HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         0},
        {"two Authorizations", POST "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n" SIZED,
         0},
        {"two Authorizations that agree",
         POST "authorization: Bearer a\r\nAuthorization: Bearer a\r\n" SIZED, 0},
        {"two Content-Types",
         POST "Content-Type: application/json\r\nContent-Type: text/csv\r\n" SIZED, 0},
        {"two Content-Encodings",
         POST "Content-Encoding: identity\r\nContent-Encoding: gzip\r\n" SIZED, 0},
        {"two empty Content-Types", POST "Content-Type:\r\nContent-Type:\r\n" SIZED, 0},
        {"a space in Host", "POST /mse HTTP/1.1\r\nHost: a b\r\n" SIZED, 0},
        {"a path in Host", "POST /mse HTTP/1.1\r\nHost: a/b\r\n" SIZED, 0},
        {"a user in Host", "POST /mse HTTP/1.1\r\nHost: a@b\r\n" SIZED, 0},
        {"a list of Hosts", "POST /mse HTTP/1.1\r\nHost: a:80:80\r\n" SIZED, 0},
        {"a port beyond 65535", "POST /mse HTTP/1.1\r\nHost: a:65536\r\n" SIZED, 0},
        {"a port of eight digits", "POST /mse HTTP/1.1\r\nHost: a:99999999\r\n" SIZED, 0},
        {"a port that is no number", "POST /mse HTTP/1.1\r\nHost: a:b\r\n" SIZED, 0},
        {"an IPv6 Host without its end", "POST /mse HTTP/1.1\r\nHost: [::1\r\n" SIZED, 0},
        {"an empty IPv6 Host", "POST /mse HTTP/1.1\r\nHost: []\r\n" SIZED, 0},
        {"bytes over 127 in Host", "POST /mse HTTP/1.1\r\nHost: \xc3\xa4\r\n" SIZED, 0},
        {"an invalid Host in HTTP/1.0", "POST /mse HTTP/1.0\r\nHost: a b\r\n" SIZED, 0},
        {"a control character in a value", POST "X: a\x01\r\n" SIZED, 0},
    };
    static const struct row others[] = {
        {"Content-Length and Transfer-Encoding", POST "Transfer-Encoding: chunked\r\n" SIZED, 0},
        {"both, to a path that is not there",
         "POST /nowhere HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" SIZED, 0},
        {"another coding", POST "Transfer-Encoding: gzip\r\n\r\n" GOOD, 0},
        {"a list of Content-Lengths", POST "Content-Length: 48, 48\r\n\r\n" GOOD, 0},
        {"another coding before chunks", POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
         0},
        {"a coding that is nearly chunked", POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 0},
        {"a folded header", POST "X: a\r\n b\r\n" SIZED, 0},
        {"a folded Content-Length", POST "Content-Length:\r\n " GOOD_LENGTH "\r\n\r\n" GOOD, 0},
        {"a Content-Length folded in the middle", POST "Content-Length: 4\r\n 8\r\n\r\n" GOOD, 0},
        {"a folded Transfer-Encoding", POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 0},
        {"a space before the colon", POST "Content-Length : " GOOD_LENGTH "\r\n\r\n" GOOD, 0},
        {"a tab before the colon", POST "Content-Length\t: " GOOD_LENGTH "\r\n\r\n" GOOD, 0},
        {"a space before the name", "POST /mse HTTP/1.1\r\n Host: a\r\n" SIZED, 0},
        {"no colon", POST "Colon\r\n" SIZED, 0},
        {"two spaces before the target", "POST  /mse HTTP/1.1\r\nHost: a\r\n" SIZED, 0},
        {"a space in the target", "POST /mse?a b HTTP/1.1\r\nHost: a\r\n" SIZED, 0},
        {"lines that end in LF alone",
         "POST /mse HTTP/1.1\nHost: a\nContent-Length: " GOOD_LENGTH "\n\n" GOOD, 0},
        {"lines that end in CR alone", "POST /mse HTTP/1.1\rHost: a\r\r\n\r\n", 0},
        {"a Content-Length with a sign", POST "Content-Length: +48\r\n\r\n" GOOD, 0},
        {"a negative Content-Length", POST "Content-Length: -1\r\n\r\n" GOOD, 0},
        {"a hexadecimal Content-Length", POST "Content-Length: 0x30\r\n\r\n" GOOD, 0},
        {"an empty Content-Length", POST "Content-Length:\r\n\r\n" GOOD, 0},
        {"a Content-Length beyond 64 bits",
         POST "Content-Length: 99999999999999999999999\r\n\r\n" GOOD, 0},
        {"a chunk size that is no number", CHUNKED "zz\r\n", 0},
        {"a negative chunk size", CHUNKED "-1\r\n", 0},
        {"a chunk size beyond 64 bits", CHUNKED "fffffffffffffffff\r\n", 0},
        {"a chunk longer than it says", CHUNKED "1\r\n" GOOD "\r\n0\r\n\r\n", 0},
        {"HTTP/2 without its preface", "POST /mse HTTP/2.0\r\nHost: a\r\n" SIZED, 0},
        {"HTTP/0.9", "GET /healthz\r\n\r\n", 0},
        {"a TLS greeting", "\x16\x03\x01\x02\x01\x01\r\n\r\n", 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        expect_closed(&rows[i], "\"/problems/malformed-headers\"");
    for (size_t i = 0; i < COUNT(others); i++) expect_closed(&others[i], "");
}

/* Bytes, since some are NUL. */
struct split {
    const char *name;
    const char *bytes;
    size_t length;
};

#define SPLIT(name, bytes)             \
    {                                  \
        name, bytes, sizeof(bytes) - 1 \
    }

/* How often the second request, which hides in the first, gets a response. */
static unsigned times_split(const struct split *split)
{
    unsigned times = 0;
    struct wire wire;
    wire_connect(&wire, &suite_service);
    wire_try_send(&wire, split->bytes, split->length);
    shutdown(wire.socket, SHUT_WR);
    wire_finish(&wire);
    const char *at = wire.received.length > 0 ? wire.received.bytes : "";
    while ((at = strstr(at, HEALTHY)) != NULL) at++, times++;
    wire_close(&wire);
    return times;
}

/* libmicrohttpd 0.9.75 ends a head at a line that begins with a colon or a NUL, and a string at a
 * NUL (quirks.c). */
static void a_head_cannot_hide_a_second_request(void **state)
{
    static const struct split rows[] = {
        SPLIT("an empty name", NOWHERE ":\r\n" SECOND),
        SPLIT("an empty name and a space", NOWHERE ": \r\n" SECOND),
        SPLIT("an empty name, one byte less before", "GET / HTTP/1.1\r\nHost:a\r\n:\r\n" SECOND),
        SPLIT("an empty name after LF", "GET / HTTP/1.1\nHost: a\n:\r\n" SECOND),
        SPLIT("a NUL as a name", NOWHERE "\0: a\r\n" SECOND),
        SPLIT("a NUL as a line", NOWHERE "\0\r\n" SECOND),
        SPLIT("a coding after an empty name", POST
              "Content-Length: 37\r\n:x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SECOND),
        SPLIT("a NUL in Content-Length", POST "Content-Length: 3\0007\r\n\r\n[1]" SECOND),
        SPLIT("a NUL in Transfer-Encoding",
              POST "Transfer-Encoding: chunked\0, identity\r\n\r\n0\r\n\r\n" SECOND),
        SPLIT("a NUL in a value", "GET /healthz HTTP/1.1\r\nHost: a\r\nX: a\0\r\n\r\n"),
        SPLIT("a NUL in Authorization",
              "GET /healthz HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\0b\r\n\r\n"),
        SPLIT("a NUL in the target", "GET /healthz\0/../metrics HTTP/1.1\r\nHost: a\r\n\r\n"),
        SPLIT("a NUL in the query", "GET /healthz?a\0b HTTP/1.1\r\nHost: a\r\n\r\n"),
        SPLIT("a NUL in the method", "GET\0X /healthz HTTP/1.1\r\nHost: a\r\n\r\n"),
        SPLIT("a NUL in the version", "GET /healthz HTTP/1.1\0\r\nHost: a\r\n\r\n"),
        SPLIT("a CR in a value", "GET /healthz HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n"),
        SPLIT("a CR more at a line's end", "GET /healthz HTTP/1.1\r\nHost: a\r\nX: a\r\r\n\r\n"),
        SPLIT("a CR for a line's end", "GET /healthz HTTP/1.1\r\nHost: a\rX: a\r\n\r\n"),
        SPLIT("a CR in the target", "GET /healthz?a\rb HTTP/1.1\r\nHost: a\r\n\r\n"),
        SPLIT("a line of a trailer section without a name",
              CHUNKED "30\r\n" GOOD "\r\n0\r\nX: y\r\n:\r\n" SECOND),
        SPLIT("a line of a trailer section that begins with NUL",
              CHUNKED "30\r\n" GOOD "\r\n0\r\n\0: y\r\n" SECOND),
        SPLIT("an extension before trailers", CHUNKED "30\r\n" GOOD "\r\n0;c\r\n" SECOND),
        SPLIT("an extension that LF ends", CHUNKED "30;a\n" GOOD "\r\n0\r\n\r\n" SECOND),
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (times_split(&rows[i]) > 0) fail_msg("%s splits the request", rows[i].name);
    }
}

/* What quirks.c cannot see below 1.0, and SECURITY.md says so: the server warns at its start, and
 * listens on loopback only. From 1.0 on it is refused. */
static void what_splits_a_request_all_the_same_is_known(void **state)
{
    static const struct split rows[] = {
        SPLIT("an empty name before LF", NOWHERE ":\n" SECOND),
        SPLIT("a NUL before LF", NOWHERE "\0\n" SECOND),
        SPLIT("a NUL in a value before LF", "GET /healthz HTTP/1.1\r\nHost: a\r\nX: a\0\n\r\n"),
        SPLIT("a NUL before the request", "\0junk\r\n" SECOND),
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        unsigned times = times_split(&rows[i]);
        if (times != (suite_has_old_library ? 1 : 0)) fail_msg("%s: %u", rows[i].name, times);
    }
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
        cmocka_unit_test(what_one_version_of_the_library_cannot_read_is_refused_by_it),
        cmocka_unit_test(what_could_be_read_in_two_ways_is_refused_and_closed),
        cmocka_unit_test(a_head_cannot_hide_a_second_request),
        cmocka_unit_test(what_splits_a_request_all_the_same_is_known),
        cmocka_unit_test(a_content_length_that_is_no_number_is_refused_with_one_status),
        cmocka_unit_test(what_is_no_http_is_refused_with_its_status_and_closed),
        cmocka_unit_test(every_response_forbids_sniffing_and_storing),
    };
    return cmocka_run_group_tests(tests, suite_open, suite_close);
}
