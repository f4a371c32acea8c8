/* head.c - what a request's head says, and whether it says it in one way only. Knows nothing of
 * routes. */
#include "http/head.h"

#include "http/media_type.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_equal(const char *text, const char *other)
{
    return text != NULL && strcasecmp(text, other) == 0;
}

/* A name is a token (RFC 9110, section 5.6.2). */
static bool is_bad_name(const char *name, size_t length)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < length; i++) {
        char c = name[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_letter && c != '-' && !(c >= '0' && c <= '9') && strchr(others, c) == NULL)
            return true;
    }
    return length == 0;
}

/* Most names differ in length, which is the cheaper comparison. */
static bool is_named(const char *name, size_t length, const char *wanted)
{
    return length == strlen(wanted) && strcasecmp(name, wanted) == 0;
}

#define ONCE(name) "Send one " name " header only."

/* Sets what may stand once only: of two, a proxy before us may have believed the other. */
static void set_once(struct head *head, const char **field, const char *value, const char *once)
{
    if (*field != NULL) head->repeated = once;
    *field = value;
}

void head_add(struct head *head, const char *name, const char *value)
{
    size_t length = strlen(name);
    if (is_bad_name(name, length)) {
        head->is_malformed = true;
    } else if (is_named(name, length, "Host")) {
        head->host = value;
        head->hosts++;
    } else if (is_named(name, length, "Accept")) {
        if (head->accepts < HEAD_ACCEPTS_MAX) head->accept[head->accepts++] = value;
    } else if (is_named(name, length, "Accept-Encoding")) {
        if (head->accept_encodings < HEAD_ACCEPTS_MAX)
            head->accept_encoding[head->accept_encodings++] = value;
    } else if (is_named(name, length, "Content-Type")) {
        set_once(head, &head->content_type, value, ONCE("Content-Type"));
    } else if (is_named(name, length, "Content-Length")) {
        head->content_length = value;
        head->content_lengths++;
    } else if (is_named(name, length, "Content-Encoding")) {
        set_once(head, &head->content_encoding, value, ONCE("Content-Encoding"));
        head->content_encodings++;
    } else if (is_named(name, length, "Transfer-Encoding")) {
        head->transfer_encoding = value;
        head->transfer_encodings++;
    } else if (is_named(name, length, "Expect")) {
        head->expect = value;
    } else if (is_named(name, length, "Authorization")) {
        set_once(head, &head->authorization, value, ONCE("Authorization"));
    } else if (is_named(name, length, "traceparent")) {
        head->traceparent = value;
    } else if (is_named(name, length, "If-None-Match")) {
        head->if_none_match = value;
    } else if (is_named(name, length, "Origin")) {
        head->origin = value;
    } else if (is_named(name, length, "Access-Control-Request-Method")) {
        head->requested_method = value;
    } else if (is_named(name, length, "Inference-Header-Content-Length")) {
        set_once(head, &head->inference_header_content_length, value,
                 ONCE("Inference-Header-Content-Length"));
    }
}

const char *head_path(const struct head *head)
{
    const char *authority = head->target[0] == '/' ? NULL : strstr(head->target, "://");
    if (authority == NULL) return head->target;
    const char *path = strchr(authority + 3, '/');
    return path != NULL ? path : "/";
}

uint64_t head_body_length(const struct head *head)
{
    return head->content_length != NULL ? strtoull(head->content_length, NULL, 10) : 0;
}

bool head_expects_continue(const struct head *head)
{
    return is_equal(head->expect, "100-continue");
}

/* uri-host [ ":" port ] (RFC 9110, section 7.2; RFC 3986, section 3.2), or nothing. */
static bool is_host(const char *text)
{
    static const char digits[] = "0123456789";
    static const char ipv6[] = "0123456789ABCDEFabcdef:.";
    static const char name[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                               "-._~%!$&'()*+,;=";
    if (*text == '[') {
        size_t length = strspn(text + 1, ipv6);
        if (length == 0 || text[length + 1] != ']') return false;
        text += length + 2;
    } else {
        text += strspn(text, name);
    }
    if (*text == ':') {
        size_t length = strspn(++text, digits);
        if (length > 5 || strtoul(text, NULL, 10) > 65535) return false;
        text += length;
    }
    return text[strspn(text, " \t")] == '\0';
}

/* RFC 9112, sections 3.2, 5.1 and 6. Who reads a request otherwise than a proxy before us has read
 * it can be made to take one request for two. */
const char *head_framing_fault(const struct head *head)
{
    bool is_1_1 = strcmp(head->version, "HTTP/1.1") == 0;
    if (head->is_malformed)
        return "Send the request line and each header on one line that CR LF ends, names as "
               "tokens, "
               "nowhere a control character.";
    if (is_1_1 && head->hosts == 0) return "Send a Host header.";
    if (head->hosts > 1) return ONCE("Host");
    if (head->host != NULL && !is_host(head->host))
        return "Send a Host header that is a host, or a host, a colon and a port.";
    if (head->repeated != NULL) return head->repeated;
    if (head->content_lengths > 1) return ONCE("Content-Length");
    if (head->transfer_encodings == 0) return NULL;
    if (head->content_lengths > 0) return "Send Content-Length or Transfer-Encoding, not both.";
    if (head->transfer_encodings > 1 || !is_equal(head->transfer_encoding, "chunked") || !is_1_1) {
        return "Send the body with a Content-Length, or with HTTP/1.1 and Transfer-Encoding: "
               "chunked.";
    }
    return NULL;
}

const char *head_bearer_token(const struct head *head, size_t *length)
{
    static const char scheme[] = "Bearer ";
    if (head->authorization == NULL ||
        strncasecmp(head->authorization, scheme, sizeof scheme - 1) != 0)
        return NULL;
    const char *token = head->authorization + sizeof scheme - 1;
    token += strspn(token, " ");
    *length = strlen(token);
    while (*length > 0 && (token[*length - 1] == ' ' || token[*length - 1] == '\t')) --*length;
    return *length > 0 ? token : NULL;
}

bool head_content_is(const struct head *head, const char *media_type)
{
    return head->content_type != NULL && media_type_is(head->content_type, media_type);
}

bool head_has_version(const struct head *head, const char *etag)
{
    const char *list = head->if_none_match;
    return list != NULL && (strcmp(list, "*") == 0 || strstr(list, etag) != NULL);
}

unsigned head_quality(const struct head *head, const char *media_type)
{
    struct media_type_choice choice = {0};
    for (unsigned i = 0; i < head->accepts; i++) {
        media_type_choose(&choice, head->accept[i], media_type);
    }
    return media_type_quality(&choice);
}

void head_trace_id(const struct head *head, char id[static HEAD_TRACE_ID_LENGTH + 1])
{
    const char *text = head->traceparent;
    id[0] = '\0';
    if (text == NULL || strlen(text) < 3 + HEAD_TRACE_ID_LENGTH + 1) return;
    const char *start = text + 3;
    if (start[-1] != '-' || start[HEAD_TRACE_ID_LENGTH] != '-') return;
    for (int i = 0; i < HEAD_TRACE_ID_LENGTH; i++) {
        if (!isxdigit((unsigned char)start[i])) return;
    }
    memcpy(id, start, HEAD_TRACE_ID_LENGTH);
    id[HEAD_TRACE_ID_LENGTH] = '\0';
}
