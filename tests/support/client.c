/* client.c - requests through libcurl, and what a response must look like. One connection, kept as
 * long as it can be. */
#include "support/client.h"

#include "support/cmocka_all.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char good_body[] = "{\"predictions\":[3],\"targets\":[1],\"gradients\":[]}";
const char good_response[] = "{\"loss\":4}";

#define TIMEOUT_SECONDS 120L /* ends a test that hangs; nothing waits for it otherwise */

struct upload {
    const char *bytes;
    size_t left;
};

static size_t append(char *bytes, size_t size, size_t count, void *text)
{
    text_append(text, bytes, size * count);
    return size * count;
}

static size_t supply(char *out, size_t size, size_t count, void *context)
{
    struct upload *upload = context;
    size_t length = upload->left < size * count ? upload->left : size * count;
    memcpy(out, upload->bytes, length);
    upload->bytes += length;
    upload->left -= length;
    return length;
}

void client_init(struct client *client, const struct service *service)
{
    *client = (struct client){.curl = curl_easy_init(), .service = service};
    assert_non_null(client->curl);
}

void client_free(struct client *client)
{
    curl_easy_cleanup(client->curl);
}

static struct curl_slist *header_list(const struct request *request)
{
    char line[512];
    struct curl_slist *list = NULL;

    snprintf(line, sizeof line,
             request->content_type ? "Content-Type: %s" : "Content-Type:", request->content_type);
    list = curl_slist_append(list, line);
    snprintf(line, sizeof line, request->accept ? "Accept: %s" : "Accept:", request->accept);
    list = curl_slist_append(list, line);
    if (request->chunked) list = curl_slist_append(list, "Transfer-Encoding: chunked");
    for (size_t i = 0; i < 4 && request->headers[i]; i++)
        list = curl_slist_append(list, request->headers[i]);
    return list;
}

static void set_body(CURL *curl, const struct request *request, struct upload *upload)
{
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                     (curl_off_t)(request->chunked ? -1 : (curl_off_t)upload->left));
    if (request->chunked) {
        curl_easy_setopt(curl, CURLOPT_READFUNCTION, supply);
        curl_easy_setopt(curl, CURLOPT_READDATA, upload);
    } else {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, upload->bytes);
    }
}

struct response client_send(struct client *client, struct request request)
{
    CURL *curl = client->curl;
    struct response response = {0};
    char url[1024];
    long connects = 0;
    struct upload upload = {request.body, request.length || !request.body ? request.length
                                                                          : strlen(request.body)};
    struct curl_slist *headers = header_list(&request);

    snprintf(url, sizeof url, "%s%s", client->service->url, request.path ? request.path : "/mse");
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &response.body);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, append);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &response.headers);
    if (request.body) set_body(curl, &request, &upload);
    if (request.method && strcmp(request.method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    if (request.method) curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method);
    if (client->configure) client->configure(curl);
    CURLcode code = curl_easy_perform(curl);
    curl_slist_free_all(headers);
    if (code != CURLE_OK) fail_msg("%s: %s", url, curl_easy_strerror(code));
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &response.status);
    curl_easy_getinfo(curl, CURLINFO_NUM_CONNECTS, &connects);
    client->connections += (int)connects;
    text_append(&response.headers, "", 0);
    text_append(&response.body, "", 0);
    return response;
}

struct response client_post(struct client *client, const char *body)
{
    return client_send(client, (struct request){.body = body, .content_type = "application/json"});
}

bool client_has_old_library(struct client *client)
{
    struct response metrics = client_send(client, (struct request){.path = "/metrics"});
    assert_non_null(strstr(metrics.body.bytes, ",libmicrohttpd=\""));
    bool is_old = strstr(metrics.body.bytes, ",libmicrohttpd=\"0.") != NULL;
    response_free(&metrics);
    return is_old;
}

uint64_t client_metric(struct client *client, const char *name)
{
    char line[128];
    uint64_t value = 0;
    struct response response = client_send(client, (struct request){.path = "/metrics"});
    int length = snprintf(line, sizeof line, "\n%s ", name);
    const char *found = strstr(response.body.bytes, line);
    assert_non_null(found);
    assert_int_equal(sscanf(found + length, "%" SCNu64, &value), 1);
    response_free(&response);
    return value;
}

void client_expect(struct client *client, const char *body, const char *expected)
{
    response_expect(client_post(client, body), expected);
}

void response_free(struct response *response)
{
    text_free(&response->headers);
    text_free(&response->body);
}

bool response_header(const struct response *response, const char *name, char *value, size_t size)
{
    size_t length = strlen(name);

    for (const char *line = response->headers.bytes; line; line = strstr(line, "\r\n")) {
        if (*line == '\r') line += 2;
        if (strncasecmp(line, name, length) != 0 || line[length] != ':') continue;
        const char *begin = line + length + 1;
        begin += strspn(begin, " \t");
        snprintf(value, size, "%.*s", (int)strcspn(begin, "\r\n"), begin);
        return true;
    }
    return false;
}

void response_has_header(const struct response *response, const char *name, const char *value)
{
    char found[256];
    if (!response_header(response, name, found, sizeof found))
        fail_msg("no header %s in:\n%s", name, response->headers.bytes);
    assert_string_equal(found, value);
}

void response_is(const struct response *response, const char *text)
{
    if (response->status != 200) fail_msg("status %ld: %s", response->status, response->body.bytes);
    response_has_header(response, "Content-Type", "application/json");
    assert_string_equal(response->body.bytes, text);
    assert_int_equal(response->body.length, strlen(text));
}

static const char *string_member(const cJSON *object, const char *name)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);
    if (!cJSON_IsString(member)) fail_msg("the problem has no %s", name);
    return member->valuestring;
}

cJSON *response_problem(const struct response *response, int status, const char *slug)
{
    static const char *const known[] = {"type", "title", "status", "detail", "pointer", "offset"};
    char type[64];

    if (response->status != status)
        fail_msg("status %ld, not %d: %s", response->status, status, response->body.bytes);
    response_has_header(response, "Content-Type", "application/problem+json");
    cJSON *problem = cJSON_ParseWithLength(response->body.bytes, response->body.length);
    if (!cJSON_IsObject(problem)) fail_msg("no problem document: %s", response->body.bytes);
    snprintf(type, sizeof type, "/problems/%s", slug);
    if (strcmp(string_member(problem, "type"), type) != 0)
        fail_msg("not %s: %s", type, response->body.bytes);
    assert_true(*string_member(problem, "title"));
    assert_int_equal(cJSON_GetObjectItemCaseSensitive(problem, "status")->valueint, status);
    const char *detail = string_member(problem, "detail");
    if (!*detail || detail[strlen(detail) - 1] != '.')
        fail_msg("the detail is no sentence: %s", detail);
    for (const cJSON *member = problem->child; member; member = member->next) {
        size_t i = 0;
        while (i < sizeof known / sizeof *known && strcmp(member->string, known[i]) != 0) i++;
        if (i == sizeof known / sizeof *known) fail_msg("a problem has no %s", member->string);
    }
    return problem;
}

void response_is_problem(const struct response *response, int status, const char *slug,
                         const char *pointer, long offset)
{
    cJSON *problem = response_problem(response, status, slug);
    const cJSON *found_pointer = cJSON_GetObjectItemCaseSensitive(problem, "pointer");
    const cJSON *found_offset = cJSON_GetObjectItemCaseSensitive(problem, "offset");

    if (!pointer != !found_pointer ||
        (pointer && strcmp(string_member(problem, "pointer"), pointer) != 0))
        fail_msg("the pointer is not %s: %s", pointer ? pointer : "absent", response->body.bytes);
    if ((offset < 0) != !found_offset ||
        (found_offset && found_offset->valuedouble != (double)offset))
        fail_msg("the offset is not %ld: %s", offset, response->body.bytes);
    cJSON_Delete(problem);
}

void response_expect(struct response response, const char *text)
{
    response_is(&response, text);
    response_free(&response);
}

void response_expect_status(struct response response, long status)
{
    if (response.status != status)
        fail_msg("status %ld, not %ld: %s", response.status, status, response.body.bytes);
    response_free(&response);
}

void response_expect_problem(struct response response, int status, const char *slug,
                             const char *pointer, long offset)
{
    response_is_problem(&response, status, slug, pointer, offset);
    response_free(&response);
}
