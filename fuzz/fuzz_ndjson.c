/* fuzz_ndjson.c - a body of lines: each gets, byte for byte, what it would get as a request of its
 * own; where memory is short, that or the problem that says so.
 *
 * The first setting is the budget in units of 64 bytes, 0 for none; the second the room for a piece
 * of the response, beyond the least. */
#include "input.h"

#include "exchange.h"
#include "routes.h"
#include "support/decode.h"

#include <stdlib.h>
#include <string.h>

static const char lost[] = "{\"type\":\"/problems/memory-exhausted\"";

static struct service service = {.max_body = SIZE_MAX, .budget = {.limit = SIZE_MAX}};

static struct exchange *begin(const char *content_type)
{
    struct head head = {.method = "POST",
                        .target = "/mse",
                        .version = "HTTP/1.1",
                        .hosts = 1,
                        .content_type = content_type};
    service.routes = routes;
    struct exchange *exchange = exchange_open(&service, &head);
    must(exchange != NULL);
    return exchange;
}

static void take(void *to, const char *bytes, size_t length)
{
    while (length > 0) {
        size_t taken = exchange_receive(to, bytes, length);
        must(taken <= length);
        bytes += taken;
        length -= taken;
    }
}

static char *end(struct exchange *exchange, size_t room, struct response *response)
{
    while (!exchange_respond(exchange, response)) {
    }
    char *text = decode_body(response, room);
    exchange_close(exchange, true, 0);
    must(service.budget.used == 0 && service.requests == 0);
    return text;
}

/* What a line gets alone; adds its elements. */
static char *alone(const char *line, size_t length, uint64_t *elements)
{
    struct response response;
    struct exchange *exchange = begin("application/json");
    take(exchange, line, length);
    char *text = end(exchange, RESPONSE_ROOM_MIN, &response);
    *elements += response.elements;
    return text;
}

static bool is_blank(const char *line, size_t length)
{
    while (length > 0 &&
           (line[length - 1] == ' ' || line[length - 1] == '\t' || line[length - 1] == '\r')) {
        length--;
    }
    return length == 0;
}

/* Whether the next line of the response is this; moves *next behind it. */
static bool is_next(const char **next, const char *expected)
{
    size_t length = strlen(expected);
    if (strncmp(*next, expected, length) != 0 || (*next)[length] != '\n') return false;
    *next += length + 1;
    return true;
}

/* Whether the next line says that there was no memory; moves *next behind it. */
static bool is_lost(const char **next)
{
    if (strncmp(*next, lost, sizeof lost - 1) != 0) return false;
    *next = strchr(*next, '\n') + 1;
    return true;
}

static void must_be_of_lines(const char *text, const struct response *response,
                             const struct input *input, bool is_limited)
{
    const char *limit = input->text + input->length;
    const char *next = text;
    uint64_t elements = 0;
    size_t lines = 0;
    for (const char *line = input->text; line < limit;) {
        const char *feed = memchr(line, '\n', (size_t)(limit - line));
        size_t length = (size_t)((feed != NULL ? feed : limit) - line);
        if (feed != NULL && length > 0 && line[length - 1] == '\r') length--;
        if (!is_blank(line, length)) {
            char *expected = alone(line, length, &elements);
            must(is_next(&next, expected) || (is_limited && is_lost(&next)));
            free(expected);
            lines++;
        }
        line = feed != NULL ? feed + 1 : limit;
    }
    if (lines == 0) {
        must(response->status == 422 && strstr(text, "/problems/no-line") != NULL);
        return;
    }
    must(response->status == 200 && *next == '\0');
    must(strcmp(response_find_header(response, "Content-Type"), "application/x-ndjson") == 0);
    must(response->elements <= elements && (is_limited || response->elements == elements));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = input_of(data, size);
    size_t budget = 64 * (size_t)input_setting(&input);
    size_t room = RESPONSE_ROOM_MIN + input_setting(&input);
    struct response response;
    service.budget.limit = budget > 0 ? budget : SIZE_MAX;
    struct exchange *exchange = begin("application/x-ndjson");
    input_feed(&input, 0, take, exchange);
    char *text = end(exchange, room, &response);
    service.budget.limit = SIZE_MAX;
    must_be_of_lines(text, &response, &input, budget > 0);
    free(text);
    return 0;
}
