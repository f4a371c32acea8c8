/* fuzz_exchange.c - a request from its head to the last byte of its response, as daemon.c carries
 * it, without a socket. The response must be one that openapi.yaml lists.
 *
 * The text is a request as it stands on the wire: a first line of method, target and version,
 * headers, an empty line, the body. Lines end with a line feed. Headers that begin with a colon set
 * up the service, :max-body and :max-memory in bytes, :draining, :tokens (there is one, "secret"),
 * :access-log and :json-log, and the carrier: :size in bytes and :surplus. */
#include "input.h"
#include "said.h"

#include "base/log.h"
#include "base/tokens.h"
#include "exchange.h"
#include "page/page.h"
#include "routes.h"
#include "json/json_reader.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct request {
    struct service service;
    struct head head;
    enum log_format log_format;
    bool lacks_token; /* and its path wants one */
    size_t body;      /* where it begins in the text */
};

/* ---- the text -> a request */

static struct tokens *the_tokens(void)
{
    static struct tokens *tokens;
    static char name[32];
    if (tokens != NULL) return tokens;
    int file = memfd_create("tokens", 0);
    must(file >= 0 && write(file, "secret\n", 7) == 7);
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    tokens = tokens_open(name);
    must(tokens != NULL);
    return tokens;
}

static void set_header(struct request *request, const char *name, const char *value)
{
    struct head *head = &request->head;
    if (strcmp(name, ":max-body") == 0) {
        request->service.max_body = strtoul(value, NULL, 10);
    } else if (strcmp(name, ":max-memory") == 0) {
        request->service.budget.limit = strtoul(value, NULL, 10);
    } else if (strcmp(name, ":draining") == 0) {
        atomic_store(&request->service.draining, true);
    } else if (strcmp(name, ":tokens") == 0) {
        request->service.tokens = the_tokens();
    } else if (strcmp(name, ":access-log") == 0) {
        request->service.access_log = true;
    } else if (strcmp(name, ":json-log") == 0) {
        request->log_format = LOG_JSON;
    } else if (strcmp(name, ":size") == 0) {
        head->size = strtoul(value, NULL, 10);
    } else if (strcmp(name, ":surplus") == 0) {
        head->is_surplus = true;
    } else {
        head_add(head, name, value);
    }
}

static bool lacks_token(const struct request *request)
{
    const char *header = request->head.authorization, *path = strrchr(request->head.target, '/');
    if (request->service.tokens == NULL || path == NULL) return false;
    static const char *const protected[] = {"/mse", "/partial", "/merge", "/metrics", NULL};
    int i = 0;
    while (protected[i] != NULL && strcmp(path, protected[i]) != 0) i++;
    if (protected[i] == NULL) return false;
    return header == NULL || strstr(header, " secret") == NULL;
}

/* Ends the text before the first of a byte, and returns what follows it; an empty text if there is
 * none. */
static char *cut(char *text, char byte)
{
    char *at = strchr(text, byte);
    if (at == NULL) return text + strlen(text);
    *at = '\0';
    return at + 1;
}

/* Returns the head's lines, to which its strings belong; the caller frees them. */
static char *read_request(struct request *request, const struct input *input)
{
    const char *empty = memmem(input->text, input->length, "\n\n", 2);
    size_t head_length = empty != NULL ? (size_t)(empty - input->text) : input->length;
    *request = (struct request){
        .service = {.routes = routes, .max_body = SIZE_MAX, .budget = {.limit = SIZE_MAX}},
        .body = empty != NULL ? head_length + 2 : input->length};
    char *lines = strndup(input->text, head_length);
    if (lines == NULL) abort();
    char *next = cut(lines, '\n');
    char *target = cut(lines, ' ');
    request->head.method = lines;
    request->head.target = target;
    request->head.version = cut(target, ' ');
    while (*next != '\0') {
        char *line = next;
        next = cut(line, '\n');
        char *value = cut(line + (*line == ':'), ':');
        while (*value == ' ') value++;
        set_header(request, line, value);
    }
    request->lacks_token = lacks_token(request);
    return lines;
}

/* ---- the response */

static bool has_header(const struct response *response, const char *name)
{
    for (size_t i = 0; i < response->header_count; i++) {
        if (strcmp(response->headers[i].name, name) == 0) return true;
    }
    return false;
}

static bool is_in_contract(const char *text)
{
    const struct page_file *contract = page_find("/openapi.yaml");
    return memmem(contract->bytes, contract->length, text, strlen(text)) != NULL;
}

/* By cJSON, which is lenient, and by json_reader, which is not; a response may nest deeper than a
 * request. */
static cJSON *read_json(const char *text, size_t length)
{
    static struct json_reader reader;
    struct tensor_budget budget = {.limit = SIZE_MAX};
    json_reader_init(&reader, &budget);
    json_reader_feed(&reader, text, length);
    must(json_reader_finish(&reader) == JSON_READER_DONE ||
         reader.error.fault == JSON_READER_NESTING);
    json_reader_free(&reader);
    const char *end;
    cJSON *root = cJSON_ParseWithLengthOpts(text, length, &end, 0);
    must(root != NULL && end == text + length);
    return root;
}

static const char *string_of(const cJSON *problem, const char *name)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(problem, name);
    must(cJSON_IsString(member) && member->valuestring[0] != '\0');
    return member->valuestring;
}

static void must_be_problem(const cJSON *problem, const struct response *response,
                            size_t body_length)
{
    char line[256];
    const cJSON *status = cJSON_GetObjectItemCaseSensitive(problem, "status");
    const cJSON *offset = cJSON_GetObjectItemCaseSensitive(problem, "offset");
    const cJSON *pointer = cJSON_GetObjectItemCaseSensitive(problem, "pointer");
    snprintf(line, sizeof line, "- `%s`, %u: ", string_of(problem, "type"), response->status);
    must(is_in_contract(line));
    must(status->valuedouble == response->status);
    string_of(problem, "title");
    string_of(problem, "detail");
    if (pointer != NULL) must(pointer->valuestring[0] == '/');
    if (offset != NULL) must(response->status == 400 && offset->valuedouble <= (double)body_length);
    must(cJSON_GetArraySize(problem) == 4 + (pointer != NULL) + (offset != NULL));
}

static void must_be_lines(const char *text, size_t length)
{
    while (length > 0) {
        const char *feed = memchr(text, '\n', length);
        must(feed != NULL);
        cJSON_Delete(read_json(text, (size_t)(feed - text)));
        length -= (size_t)(feed + 1 - text);
        text = feed + 1;
    }
}

static void must_be_listed(const struct request *request, const struct response *response,
                           const char *text, size_t length, size_t body_length)
{
    char status[8];
    snprintf(status, sizeof status, "'%u'", response->status);
    must(response->status == 204 || is_in_contract(status)); /* OPTIONS stands there in words */
    must(response->status != 500);
    bool limited = request->service.budget.limit < SIZE_MAX ||
                   atomic_load(&request->service.draining) || request->head.is_surplus;
    must(response->status != 503 || (limited && has_header(response, "Retry-After")));
    must(response->status != 405 || has_header(response, "Allow"));
    must(response->status != 406 || request->head.accepts > 0);
    must(response->status != 415 || request->head.content_type != NULL ||
         request->head.content_encoding != NULL);
    must(response->status != 401 ||
         (has_header(response, "WWW-Authenticate") && request->service.tokens != NULL));
    must(!request->lacks_token || (response->status != 200 && response->status != 422));
    const char *media_type = response_find_header(response, "Content-Type");
    must((media_type == NULL) == (response->status == 204));
    if (response->status == 204) {
        must(length == 0 && has_header(response, "Allow"));
        return;
    }
    if (has_header(response, "ETag")) { /* a page, or the contract */
        must(response->status == 200);
        return;
    }
    if (strncmp(media_type, "text/plain", 10) == 0) { /* of metrics */
        must(response->status == 200 && length > 0 && text[length - 1] == '\n');
        return;
    }
    if (strcmp(media_type, "application/x-ndjson") == 0) {
        must(response->status == 200);
        must_be_lines(text, length);
        return;
    }
    if (strcmp(media_type, "application/safetensors") == 0) { /* fuzz_safetensors reads it */
        must(response->status == 200 && length > sizeof(uint64_t));
        return;
    }
    must(strcmp(media_type,
                response->status == 200 ? "application/json" : "application/problem+json") == 0);
    cJSON *root = read_json(text, length);
    if (response->status != 200) must_be_problem(root, response, body_length);
    cJSON_Delete(root);
}

/* Takes the source's text in pieces, the room for each being one of the settings. */
static char *drain(const struct response *response, struct exchange *exchange, struct input *input,
                   size_t *length)
{
    char *text = NULL;
    for (size_t written = 1; written > 0; *length += written) {
        size_t room = RESPONSE_ROOM_MIN + input_setting(input);
        text = realloc(text, *length + room);
        if (text == NULL) abort();
        written = response->produce(response->source, text + *length, room);
        must(written <= room);
        exchange_sent(exchange, written);
    }
    return text;
}

static void take(void *to, const char *bytes, size_t length)
{
    while (length > 0) { /* daemon.c hands on no empty piece */
        size_t taken = exchange_receive(to, bytes, length);
        must(taken <= length);
        bytes += taken;
        length -= taken;
    }
}

/* ---- the access log */

/* A caller's text cannot end a line or forge a member. */
static void must_be_one_line(const char *line, size_t length, enum log_format format)
{
    must(length > 0 && line[length - 1] == '\n');
    for (size_t i = 0; i + 1 < length; i++) must(line[i] >= ' ' && line[i] < 0x7f);
    if (format == LOG_JSON) cJSON_Delete(read_json(line, length - 1));
}

static void close_exchange(struct exchange *exchange, const struct request *request)
{
    static struct said said;
    if (!request->service.access_log) {
        exchange_close(exchange, true, 0);
        return;
    }
    log_set_format(request->log_format);
    said_begin(&said, STDERR_FILENO);
    exchange_close(exchange, true, 0);
    said_end(&said, STDERR_FILENO);
    log_set_format(LOG_TEXT);
    must_be_one_line(said.text, said.length, request->log_format);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = input_of(data, size);
    struct request request;
    char *lines = read_request(&request, &input);
    struct input rooms = input;
    struct exchange *exchange = exchange_open(&request.service, &request.head);
    must(exchange != NULL);
    free(lines);
    if (!exchange_is_urgent(exchange)) input_feed(&input, request.body, take, exchange);

    struct response response;
    while (!exchange_respond(exchange, &response)) {
    }
    bool is_produced = response.body == RESPONSE_PRODUCED;
    size_t length = is_produced ? 0 : response.length;
    char *text = is_produced ? drain(&response, exchange, &rooms, &length) : response.text;
    /* A decoded body may be any number of times longer than it is here. */
    bool is_encoded = request.head.content_encodings > 0;
    size_t body_length = is_encoded ? SIZE_MAX : input.length - request.body;
    must_be_listed(&request, &response, text, length, body_length);
    if (is_produced) free(text);
    response_discard(&response);
    close_exchange(exchange, &request);
    must(request.service.budget.used == 0 && request.service.requests == 0);
    return 0;
}
