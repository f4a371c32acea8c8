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

char *decode_body(struct response *response, size_t room)
{
    if (response->body != RESPONSE_PRODUCED) {
        char *whole = strndup(response->text, response->length);
        response_discard(response);
        return whole;
    }
    char *text = NULL;
    size_t length = 0;
    size_t written;
    do {
        text = realloc(text, length + room + 1);
        if (text == NULL) abort();
        written = response->produce(response->source, text + length, room);
        if (written > room) abort();
        length += written;
    } while (written > 0);
    text[length] = '\0';
    response_discard(response);
    return text;
}
