/* test_concurrency.c - many connections at once, and each gets its own responses. For any running
 * server. */
#include "support/client.h"
#include "support/cmocka_all.h"
#include "support/random.h"
#include "support/wire.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t random_state = 1;

#define CONNECTIONS 200
#define ROUNDS      5
#define THREADS     16
#define REQUESTS    50

static struct service service;

static int open_service(void **state)
{
    (void)state;
    service_open(&service);
    return 0;
}

static int close_service(void **state)
{
    (void)state;
    service_close(&service);
    return 0;
}

/* A request that no other has, and its response: n elements that differ by key. */
static void print_pair(struct text *body, struct text *expected, unsigned key, size_t n)
{
    body->length = 0;
    expected->length = 0;
    text_printf(body, "{\"predictions\":[%u", key);
    for (size_t i = 1; i < n; i++) text_printf(body, ",%u", key);
    text_printf(body, "],\"targets\":[0");
    text_repeat(body, ",0", n - 1);
    text_printf(body, "],\"reduction\":\"none\",\"gradients\":[\"targets\"]}");
    text_printf(expected, "{\"loss\":[%u", key * key);
    for (size_t i = 1; i < n; i++) text_printf(expected, ",%u", key * key);
    text_printf(expected, "],\"gradients\":{\"targets\":[-%u", 2 * key);
    for (size_t i = 1; i < n; i++) text_printf(expected, ",-%u", 2 * key);
    text_printf(expected, "]}}");
}

struct sender {
    struct wire wire;
    struct text body;
    struct text expected;
    size_t sent;
};

static void begin_request(struct sender *sender, unsigned key)
{
    print_pair(&sender->body, &sender->expected, key,
               1 + random_below(&random_state, key % 10 == 0 ? 20000 : 50));
    sender->sent = 0;
    wire_print(&sender->wire, "POST /mse HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
               sender->body.length);
}

/* Sends the next piece; false where none is left. */
static bool send_piece(struct sender *sender)
{
    size_t left = sender->body.length - sender->sent;
    size_t length = 1 + random_below(&random_state, 1 + sender->body.length / 4);
    if (length > left) length = left;
    wire_send(&sender->wire, sender->body.bytes + sender->sent, length);
    sender->sent += length;
    return sender->sent < sender->body.length;
}

/* Sends all bodies piece by piece, a piece of any one after a piece of any other. */
static void send_in_turns(struct sender *senders, size_t count)
{
    size_t order[CONNECTIONS];
    size_t left = count;
    for (size_t i = 0; i < count; i++) order[i] = i;
    while (left > 0) {
        size_t i = random_below(&random_state, left);
        if (!send_piece(&senders[order[i]])) order[i] = order[--left];
    }
}

static void interleaved_requests_get_their_own_responses(void **state)
{
    (void)state;
    static struct sender senders[CONNECTIONS];
    for (size_t i = 0; i < CONNECTIONS; i++) wire_connect(&senders[i].wire, &service);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < CONNECTIONS; i++)
            begin_request(&senders[i], 1 + round * CONNECTIONS + i);
        send_in_turns(senders, CONNECTIONS);
        for (size_t i = CONNECTIONS; i-- > 0;) {
            response_expect(wire_response(&senders[i].wire, false), senders[i].expected.bytes);
        }
    }
    for (size_t i = 0; i < CONNECTIONS; i++) {
        wire_close(&senders[i].wire);
        text_free(&senders[i].body);
        text_free(&senders[i].expected);
    }
}

static void clients_that_die_harm_no_others(void **state)
{
    (void)state;
    static struct sender dying[CONNECTIONS];
    static struct sender senders[20];
    for (unsigned i = 0; i < 20; i++) {
        wire_connect(&senders[i].wire, &service);
        begin_request(&senders[i], 1 + i);
        send_piece(&senders[i]);
    }
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        struct wire *wire = &dying[i].wire;
        wire_connect(wire, &service);
        if (i % 4 == 0) { /* within the headers */
            wire_print(wire, "POST /mse HTTP/1.1\r\nHost: a\r\nContent-");
        } else if (i % 4 == 1) { /* within the body */
            begin_request(&dying[i], 1 + i);
            send_piece(&dying[i]);
        } else if (i % 4 == 2) { /* within a chunk */
            wire_print(wire, "POST /mse HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
                             "chunked\r\n\r\n1000\r\n{\"predictions\":[1");
        } else { /* before the response is read */
            begin_request(&dying[i], 10 * i);
            while (send_piece(&dying[i])) {
            }
        }
        wire_abort(wire);
        text_free(&dying[i].body);
        text_free(&dying[i].expected);
    }
    send_in_turns(senders, 20);
    for (size_t i = 0; i < 20; i++) {
        response_expect(wire_response(&senders[i].wire, false), senders[i].expected.bytes);
        wire_close(&senders[i].wire);
        text_free(&senders[i].body);
        text_free(&senders[i].expected);
    }
}

/* A client in a thread of its own. cmocka's assertions belong to the main thread, so it counts. */
struct thread {
    pthread_t id;
    unsigned number;
    unsigned wrong;
};

static size_t collect(char *bytes, size_t size, size_t count, void *text)
{
    text_append(text, bytes, size * count);
    return size * count;
}

static bool ask(CURL *curl, const struct text *body, const struct text *expected)
{
    struct text found = {0};
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)body->length);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body->bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &found);
    bool right = curl_easy_perform(curl) == CURLE_OK && found.length == expected->length &&
                 memcmp(found.bytes, expected->bytes, found.length) == 0;
    text_free(&found);
    return right;
}

static void *call(void *context)
{
    struct thread *thread = context;
    struct text body = {0};
    struct text expected = {0};
    char url[160];
    CURL *curl = curl_easy_init();
    snprintf(url, sizeof url, "%s/mse", service.url);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 120L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
    for (unsigned i = 0; i < REQUESTS; i++) {
        unsigned key = 1 + thread->number * REQUESTS + i;
        print_pair(&body, &expected, key, i % 10 == 0 ? 5000 : 1 + i);
        if (!ask(curl, &body, &expected)) thread->wrong++;
    }
    curl_easy_cleanup(curl);
    text_free(&body);
    text_free(&expected);
    return NULL;
}

static void clients_in_threads_get_their_own_responses(void **state)
{
    (void)state;
    struct thread threads[THREADS] = {{0}};
    assert_int_equal(curl_global_init(CURL_GLOBAL_DEFAULT), CURLE_OK);
    for (unsigned i = 0; i < THREADS; i++) {
        threads[i].number = i;
        assert_int_equal(pthread_create(&threads[i].id, NULL, call, &threads[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) pthread_join(threads[i].id, NULL);
    for (unsigned i = 0; i < THREADS; i++) assert_int_equal(threads[i].wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interleaved_requests_get_their_own_responses),
        cmocka_unit_test(clients_that_die_harm_no_others),
        cmocka_unit_test(clients_in_threads_get_their_own_responses),
    };
    return cmocka_run_group_tests_name("test_concurrency", tests, open_service, close_service);
}
