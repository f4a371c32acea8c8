/* test_concurrency.c - many connections at once, and each gets its own answers. For any running
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

/* A request that no other has, and its answer: n elements that differ by key. */
static void print_pair(struct text *body, struct text *answer, unsigned key, size_t n)
{
    body->length = 0;
    answer->length = 0;
    text_printf(body, "{\"predictions\":[%u", key);
    for (size_t i = 1; i < n; i++) text_printf(body, ",%u", key);
    text_printf(body, "],\"targets\":[0");
    text_repeat(body, ",0", n - 1);
    text_printf(body, "],\"reduction\":\"none\",\"gradients\":[\"targets\"]}");
    text_printf(answer, "{\"loss\":[%u", key * key);
    for (size_t i = 1; i < n; i++) text_printf(answer, ",%u", key * key);
    text_printf(answer, "],\"gradients\":{\"targets\":[-%u", 2 * key);
    for (size_t i = 1; i < n; i++) text_printf(answer, ",-%u", 2 * key);
    text_printf(answer, "]}}");
}

struct caller {
    struct wire wire;
    struct text body;
    struct text answer;
    size_t sent;
};

static void begin_request(struct caller *caller, unsigned key)
{
    print_pair(&caller->body, &caller->answer, key,
               1 + random_below(&random_state, key % 10 == 0 ? 20000 : 50));
    caller->sent = 0;
    wire_print(&caller->wire, "POST /mse HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
               caller->body.length);
}

/* Sends the next piece; false where none is left. */
static bool send_piece(struct caller *caller)
{
    size_t left = caller->body.length - caller->sent;
    size_t length = 1 + random_below(&random_state, 1 + caller->body.length / 4);
    if (length > left) length = left;
    wire_send(&caller->wire, caller->body.bytes + caller->sent, length);
    caller->sent += length;
    return caller->sent < caller->body.length;
}

/* Sends all bodies piece by piece, a piece of any one after a piece of any other. */
static void send_in_turns(struct caller *callers, size_t count)
{
    size_t order[CONNECTIONS];
    size_t left = count;
    for (size_t i = 0; i < count; i++) order[i] = i;
    while (left > 0) {
        size_t i = random_below(&random_state, left);
        if (!send_piece(&callers[order[i]])) order[i] = order[--left];
    }
}

static void requests_that_arrive_piece_by_piece_in_turns_get_their_own_answers(void **state)
{
    (void)state;
    static struct caller callers[CONNECTIONS];
    for (size_t i = 0; i < CONNECTIONS; i++) wire_connect(&callers[i].wire, &service);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < CONNECTIONS; i++)
            begin_request(&callers[i], 1 + round * CONNECTIONS + i);
        send_in_turns(callers, CONNECTIONS);
        for (size_t i = CONNECTIONS; i-- > 0;) {
            response_expect(wire_response(&callers[i].wire, false), callers[i].answer.bytes);
        }
    }
    for (size_t i = 0; i < CONNECTIONS; i++) {
        wire_close(&callers[i].wire);
        text_free(&callers[i].body);
        text_free(&callers[i].answer);
    }
}

static void callers_that_die_harm_nobody(void **state)
{
    (void)state;
    static struct caller dying[CONNECTIONS];
    static struct caller callers[20];
    for (unsigned i = 0; i < 20; i++) {
        wire_connect(&callers[i].wire, &service);
        begin_request(&callers[i], 1 + i);
        send_piece(&callers[i]);
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
        } else { /* before the answer is read */
            begin_request(&dying[i], 10 * i);
            while (send_piece(&dying[i])) {
            }
        }
        wire_abort(wire);
        text_free(&dying[i].body);
        text_free(&dying[i].answer);
    }
    send_in_turns(callers, 20);
    for (size_t i = 0; i < 20; i++) {
        response_expect(wire_response(&callers[i].wire, false), callers[i].answer.bytes);
        wire_close(&callers[i].wire);
        text_free(&callers[i].body);
        text_free(&callers[i].answer);
    }
}

/* A caller in a thread of its own. cmocka's assertions belong to the main thread, so it counts. */
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

static bool ask(CURL *curl, const struct text *body, const struct text *answer)
{
    struct text found = {0};
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)body->length);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body->bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &found);
    bool right = curl_easy_perform(curl) == CURLE_OK && found.length == answer->length &&
                 memcmp(found.bytes, answer->bytes, found.length) == 0;
    text_free(&found);
    return right;
}

static void *call(void *context)
{
    struct thread *thread = context;
    struct text body = {0};
    struct text answer = {0};
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
        print_pair(&body, &answer, key, i % 10 == 0 ? 5000 : 1 + i);
        if (!ask(curl, &body, &answer)) thread->wrong++;
    }
    curl_easy_cleanup(curl);
    text_free(&body);
    text_free(&answer);
    return NULL;
}

static void callers_in_threads_get_their_own_answers(void **state)
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
        cmocka_unit_test(requests_that_arrive_piece_by_piece_in_turns_get_their_own_answers),
        cmocka_unit_test(callers_that_die_harm_nobody),
        cmocka_unit_test(callers_in_threads_get_their_own_answers),
    };
    return cmocka_run_group_tests_name("test_concurrency", tests, open_service, close_service);
}
