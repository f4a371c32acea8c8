/* decode.c - the text of a JSON request -> a checked request, as an endpoint makes it. */
#include "support/decode.h"

#include "loss/json_codec.h"

#include <stdlib.h>
#include <string.h>

bool decode_request(const char *text, struct tensor_budget *budget, struct request *request,
                    struct problem *problem)
{
    struct request_fault fault;
    void *decoder = malloc(json_codec.decoder_size);
    if (decoder == NULL) abort();
    request_init(request);
    json_codec.begin(decoder, NULL, budget);
    json_codec.receive(decoder, text, strlen(text));
    bool ok = json_codec.finish(decoder, request, problem);
    if (ok && !request_check(request, &fault)) {
        json_codec.explain(request, &fault, problem);
        ok = false;
    }
    json_codec.end(decoder);
    free(decoder);
    return ok;
}

/* Appends length bytes and a NUL. */
static char *append(char *bytes, size_t *length, const void *more, size_t more_length)
{
    bytes = realloc(bytes, *length + more_length + 1);
    if (bytes == NULL) abort();
    if (more_length > 0) memcpy(bytes + *length, more, more_length);
    *length += more_length;
    bytes[*length] = '\0';
    return bytes;
}

static char *append_produced(char *bytes, size_t *length, struct response *response, size_t room)
{
    bool is_known = response->length != RESPONSE_LENGTH_UNKNOWN;
    char *piece = malloc(room);
    size_t written;
    if (piece == NULL) abort();
    do {
        if (is_known && room > response->length - *length) room = response->length - *length;
        written = room > 0 ? response->produce(response->source, piece, room) : 0;
        if (written > room) abort();
        bytes = append(bytes, length, piece, written);
    } while (written > 0);
    free(piece);
    if (is_known && *length != response->length) abort();
    return bytes;
}

char *decode_bytes(struct response *response, size_t room, size_t *length)
{
    *length = 0;
    char *bytes = append(NULL, length, NULL, 0);
    switch (response->body) {
    case RESPONSE_EMPTY:
        break;
    case RESPONSE_CONSTANT:
    case RESPONSE_WHOLE:
        bytes = append(bytes, length, response->text, response->length);
        break;
    case RESPONSE_PRODUCED:
        bytes = append_produced(bytes, length, response, room);
        break;
    case RESPONSE_MEMORY:
        for (size_t i = 0; i < response->part_count; i++)
            bytes = append(bytes, length, response->parts[i].bytes, response->parts[i].length);
        if (*length != response->length) abort();
        break;
    }
    response_discard(response);
    return bytes;
}

char *decode_body(struct response *response, size_t room)
{
    size_t length;
    return decode_bytes(response, room, &length);
}
