/* test_short_memory.c - every allocation that a request makes fails once: the answer is clean,
 * nothing leaks.
 *
 * The Makefile links this program with --wrap, so that allocations of our own come here; cJSON's
 * come by its hooks. */
#include "exchange.h"
#include "routes.h"

#include "support/cmocka_all.h"
#include "support/text.h"
#include "support/zipped.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

static long allocations_left; /* until one fails */
static long blocks;           /* allocated and not freed */

static bool may_allocate(void)
{
    return allocations_left-- != 0;
}

void *__real_malloc(size_t size);
void *__real_realloc(void *block, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_realloc(void *block, size_t size);
void __wrap_free(void *block);

void *__wrap_malloc(size_t size)
{
    if (!may_allocate()) return NULL;
    blocks++;
    return __real_malloc(size);
}

void *__wrap_realloc(void *block, size_t size)
{
    if (!may_allocate()) return NULL;
    blocks += block == NULL;
    return __real_realloc(block, size);
}

void __wrap_free(void *block)
{
    blocks -= block != NULL;
    __real_free(block);
}

static bool is_zipped; /* the body is, and the response is to be */

static struct service service = {.max_body = 1 << 20, .budget = {.limit = 1 << 24}};

/* Consumes a response as daemon.c does. */
static void consume(struct response *response)
{
    char piece[1024];
    if (response->body == RESPONSE_PRODUCED) {
        while (response->produce(response->source, piece, sizeof piece) > 0) continue;
    }
    response_discard(response);
}

/* The status of the answer to a request of which allocation number failing fails; 0 where there
 * could be none. */
static unsigned status_of(const char *target, const char *content_type, const struct text *body,
                          long failing)
{
    struct head head = {.method = body != NULL ? "POST" : "GET",
                        .target = target,
                        .version = "HTTP/1.1",
                        .hosts = 1,
                        .content_type = content_type};
    struct response answer;
    if (is_zipped) {
        head_add(&head, "Content-Encoding", "gzip");
        head_add(&head, "Accept-Encoding", "gzip");
    }
    allocations_left = failing;
    struct exchange *exchange = exchange_open(&service, &head);
    if (exchange == NULL) return 0;
    size_t length = body != NULL ? body->length : 0;
    for (size_t taken = 0; taken < length;) {
        taken += exchange_receive(exchange, body->bytes + taken, length - taken);
    }
    while (!exchange_respond(exchange, &answer)) continue;
    consume(&answer);
    exchange_close(exchange, true, 0);
    return answer.status;
}

/* Fails each allocation of a request in turn, until none is left to fail. */
static void starve_text(const char *target, const char *content_type, const struct text *body,
                        unsigned expected)
{
    cJSON_Hooks hooks = {__wrap_malloc, __wrap_free};
    long failing = 0;
    unsigned status;
    cJSON_InitHooks(&hooks);
    blocks = 0;
    do {
        status = status_of(target, content_type, body, failing);
        bool failed = allocations_left < 0;
        assert_int_equal(blocks, 0);
        assert_int_equal(atomic_load(&service.budget.used), 0);
        assert_int_equal(atomic_load(&service.requests), 0);
        if (!failed) break;
        /* Memory that is only given back too late, by realloc, is no reason to refuse. */
        if (status != 0 && status != 503 && status != expected)
            fail_msg("allocation %ld failed, and the status is %u", failing, status);
    } while (++failing < 1000);
    cJSON_InitHooks(NULL);
    assert_int_equal(status, expected);
    assert_in_range(failing, 1, 999);
    allocations_left = -1;
}

static void starve_as(const char *target, const char *content_type, const char *body,
                      unsigned expected)
{
    struct text text = {.bytes = (char *)body, .length = body != NULL ? strlen(body) : 0};
    starve_text(target, content_type, body != NULL ? &text : NULL, expected);
}

static void starve(const char *target, const char *body, unsigned expected)
{
    starve_as(target, NULL, body, expected);
}

static void a_small_request_survives_the_failure_of_any_allocation(void **state)
{
    (void)state;
    starve(
        "/mse",
        "{\"predictions\":[1,2],\"targets\":[3,4],\"weights\":[5,6],\"gradients\":[\"targets\"]}",
        200);
}

static void a_wrong_request_survives_the_failure_of_any_allocation(void **state)
{
    (void)state;
    starve("/mse", "{\"predictions\":[1,2],\"targets\":[3,null]}", 422);
    starve("/mse", "{\"predictions\":[1,2],\"targets\":[3]}", 422);
    starve("/mse", "{", 400);
    starve("/nowhere", NULL, 404);
}

static void partials_survive_the_failure_of_any_allocation(void **state)
{
#define PARTIAL "{\"elements\":2,\"weight_sum\":\"0xbp+0\",\"loss_sum\":\"0x1p+0\"}"
#define TURNED  "{\"weight_sum\":\"0xbp+0\",\"elements\":2,\"loss_sum\":\"0x1p+0\"}"
#define INPUTS  "\"predictions\":[1,2],\"targets\":[3,4],\"weights\":[5,6]"
    (void)state;
    starve("/mse/partial", "{" INPUTS "}", 200);
    starve("/mse/partial", "{" INPUTS ",\"reduction\":\"sum\"}", 422);
    starve("/mse/merge", PARTIAL "\n" TURNED "\n", 200);
    starve("/mse/merge", TURNED "\n[1,2]\n", 422);
    starve("/mse", "{" INPUTS ",\"whole\":" PARTIAL "}", 200);
    starve("/mse", "{" INPUTS ",\"whole\":" TURNED "}", 200);
    starve("/mse", "{" INPUTS ",\"whole\":{}}", 422);
}

static void a_large_request_survives_the_failure_of_any_allocation(void **state)
{
    enum { ELEMENTS = 5000 };
    char *body = malloc(4 * ELEMENTS + 100);
    char *p = body;
    (void)state;
    for (int member = 0; member < 2; member++) {
        p = stpcpy(p, member == 0 ? "{\"predictions\":[1" : ",\"targets\":[2");
        for (int i = 1; i < ELEMENTS; i++) p = stpcpy(p, ",1");
        p = stpcpy(p, "]");
    }
    stpcpy(p, "}");
    starve("/mse", body, 200);

    /* zlib allocates a state and, later, a window; and what it needs to compress the response. */
    struct text zipped = {0};
    zipped_append(&zipped, ZIPPED_GZIP, 1, body, strlen(body));
    is_zipped = service.compress = true;
    starve_text("/mse", NULL, &zipped, 200);
    is_zipped = service.compress = false;
    text_free(&zipped);
    free(body);
}

/* Lines short and long, right and wrong: each has a response of its own, whatever fails. */
static void a_batch_survives_the_failure_of_any_allocation(void **state)
{
    enum { ELEMENTS = 9000 };
    char *body = malloc(8 * ELEMENTS);
    char *p = stpcpy(body, "{\"predictions\":[1],\"targets\":[0]}\nx\n\n{\"predictions\":[1");
    (void)state;
    for (int i = 1; i < ELEMENTS; i++) p = stpcpy(p, ",1");
    p = stpcpy(p, "],\"targets\":[2");
    for (int i = 1; i < ELEMENTS; i++) p = stpcpy(p, ",1");
    stpcpy(p, "]}\n{\"predictions\":[1],\"targets\":[0],\"reduction\":\"none\"}");
    starve_as("/mse", "application/x-ndjson", body, 200);
    starve_as("/mse", "application/x-ndjson", "\n", 422);
    free(body);
}

static void an_inference_request_survives_the_failure_of_any_allocation(void **state)
{
#define INPUT(name, data) \
    "{\"name\":\"" name "\",\"shape\":[2],\"datatype\":\"FP64\",\"data\":" data "}"
    (void)state;
    starve("/v2/models/mse/infer",
           "{\"id\":\"7\",\"inputs\":[" INPUT("predictions", "[1,2]") "," INPUT(
               "targets", "[3,4]") "],\"parameters\":{\"binary_data_output\":true}}",
           200);
    starve("/v2/models/mse/infer",
           "{\"inputs\":[" INPUT("predictions", "[1,2]") "," INPUT("targets", "[3,4,5]") "]}", 422);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_request_survives_the_failure_of_any_allocation),
        cmocka_unit_test(a_wrong_request_survives_the_failure_of_any_allocation),
        cmocka_unit_test(partials_survive_the_failure_of_any_allocation),
        cmocka_unit_test(a_large_request_survives_the_failure_of_any_allocation),
        cmocka_unit_test(a_batch_survives_the_failure_of_any_allocation),
        cmocka_unit_test(an_inference_request_survives_the_failure_of_any_allocation),
    };
    allocations_left = -1;
    service.routes = routes;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
