/* codecs.c - the table of formats, and the choice among them: the place for a new one's row. */
#include "loss/codecs.h"

#include "loss/batch.h"
#include "loss/json_codec.h"
#include "loss/safetensors_codec.h"

#include <stdio.h>

static const struct codec *const codecs[] = {&json_codec, &safetensors_codec, &batch_codec};

const char codecs_accept_post[] = "application/json, application/safetensors, application/x-ndjson";

enum { CODECS = sizeof codecs / sizeof codecs[0] };

static bool takes(const struct codec *codec, const struct head *head)
{
    if (head->content_type == NULL) return codec->takes_unnamed;
    const char *const *type = codec->requests;
    while (*type != NULL && !head_content_is(head, *type)) type++;
    return *type != NULL;
}

const struct codec *codecs_for_request(const struct head *head)
{
    for (size_t i = 0; i < CODECS; i++) {
        if (takes(codecs[i], head)) return codecs[i];
    }
    return NULL;
}

/* Whether a request in one format can be responded to in another. */
static bool goes_with(const struct codec *request, const struct codec *response)
{
    return request == response || (request->open == NULL && response->open == NULL);
}

const struct codec *codecs_for_response(const struct head *head, const struct codec *request)
{
    if (head->accepts == 0) return request;
    const struct codec *best = NULL;
    unsigned best_quality = 0;
    for (size_t i = 0; i < CODECS; i++) {
        if (!goes_with(request, codecs[i])) continue;
        unsigned quality = head_quality(head, codecs[i]->media_type);
        if (quality > best_quality ||
            (quality == best_quality && best != NULL && codecs[i] == request)) {
            best = codecs[i];
            best_quality = quality;
        }
    }
    return best;
}

void codecs_print_media_types(const struct codec *request, char *text, size_t size)
{
    size_t length = 0;
    for (size_t i = 0; i < CODECS && length < size; i++) {
        if (request != NULL && !goes_with(request, codecs[i])) continue;
        length += (size_t)snprintf(text + length, size - length, "%s%s", length == 0 ? "" : ", ",
                                   codecs[i]->media_type);
    }
}
