/* response.c - the response to a request, as plain data. Knows nothing of the wire. */
#include "http/response.h"

#include <stdlib.h>
#include <strings.h>

void response_begin(struct response *response, unsigned status)
{
    response->status = status;
    response->is_last = false;
    response->refusal = REFUSAL_NONE;
    response->elements = 0;
    response->header_count = 0;
    response->body = RESPONSE_EMPTY;
    response->text = NULL;
    response->length = 0;
}

void response_add(struct response *response, const char *name, const char *value)
{
    response->headers[response->header_count++] = (struct response_header){name, value, 0};
}

void response_add_number(struct response *response, const char *name, uint64_t number)
{
    response->headers[response->header_count++] = (struct response_header){name, NULL, number};
}

const char *response_find_header(const struct response *response, const char *name)
{
    for (size_t i = 0; i < response->header_count; i++) {
        if (strcasecmp(response->headers[i].name, name) == 0) return response->headers[i].value;
    }
    return NULL;
}

void response_set_constant(struct response *response, const char *media_type, const char *text,
                           size_t length)
{
    response_add(response, "Content-Type", media_type);
    response->body = RESPONSE_CONSTANT;
    response->text = (char *)text;
    response->length = length;
}

void response_set_whole(struct response *response, const char *media_type, char *text,
                        size_t length)
{
    response_add(response, "Content-Type", media_type);
    response->body = RESPONSE_WHOLE;
    response->text = text;
    response->length = length;
}

void response_set_produced(struct response *response, const char *media_type,
                           size_t (*produce)(void *source, char *out, size_t room),
                           void (*release)(void *source), void *source)
{
    response_add(response, "Content-Type", media_type);
    response->body = RESPONSE_PRODUCED;
    response->length = RESPONSE_LENGTH_UNKNOWN;
    response->produce = produce;
    response->release = release;
    response->source = source;
}

void response_set_memory(struct response *response, const char *media_type,
                         void (*release)(void *source), void *source)
{
    response_add(response, "Content-Type", media_type);
    response->body = RESPONSE_MEMORY;
    response->length = 0;
    response->part_count = 0;
    response->release = release;
    response->source = source;
}

void response_add_part(struct response *response, const void *bytes, size_t length)
{
    response->parts[response->part_count++] = (struct response_part){bytes, length};
    response->length += length;
}

void response_discard(struct response *response)
{
    switch (response->body) {
    case RESPONSE_EMPTY:
    case RESPONSE_CONSTANT:
        break;
    case RESPONSE_WHOLE:
        free(response->text);
        break;
    case RESPONSE_PRODUCED:
    case RESPONSE_MEMORY:
        response->release(response->source);
        break;
    }
    response->body = RESPONSE_EMPTY;
    response->length = 0;
}
