/* obvious.c - the obvious server: libmicrohttpd, the whole body to cJSON, a plain loop, cJSON's
 * text back.
 *
 * obvious PORT THREADS - POST anywhere. */
#include "peer.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A body as it arrives. */
struct body {
    char *text;
    size_t length;
    size_t capacity;
};

static bool append(struct body *body, const char *bytes, size_t length)
{
    if (body->capacity - body->length < length) {
        size_t capacity = 2 * (body->capacity + length);
        char *text = realloc(body->text, capacity);
        if (text == NULL) return false;
        body->text = text;
        body->capacity = capacity;
    }
    memcpy(body->text + body->length, bytes, length);
    body->length += length;
    return true;
}

/* The response's text, which the client frees; NULL: the request is no MSE request. */
static char *answer(const cJSON *request)
{
    const cJSON *predictions = cJSON_GetObjectItemCaseSensitive(request, "predictions");
    const cJSON *targets = cJSON_GetObjectItemCaseSensitive(request, "targets");
    int n = cJSON_GetArraySize(predictions);
    if (!cJSON_IsArray(predictions) || !cJSON_IsArray(targets) || n == 0 ||
        cJSON_GetArraySize(targets) != n)
        return NULL;

    double sum = 0;
    double *by_predictions = malloc((size_t)n * sizeof *by_predictions);
    double *by_targets = malloc((size_t)n * sizeof *by_targets);
    if (by_predictions == NULL || by_targets == NULL) abort();
    const cJSON *target = targets->child;
    const cJSON *prediction;
    int i = 0;
    cJSON_ArrayForEach(prediction, predictions)
    {
        double difference = prediction->valuedouble - target->valuedouble;
        sum += difference * difference;
        by_predictions[i] = 2 * difference / n;
        by_targets[i++] = -2 * difference / n;
        target = target->next;
    }

    cJSON *reply = cJSON_CreateObject();
    cJSON_AddNumberToObject(reply, "loss", sum / n);
    cJSON *gradients = cJSON_AddObjectToObject(reply, "gradients");
    cJSON_AddItemToObject(gradients, "predictions", cJSON_CreateDoubleArray(by_predictions, n));
    cJSON_AddItemToObject(gradients, "targets", cJSON_CreateDoubleArray(by_targets, n));
    char *text = cJSON_PrintUnformatted(reply);
    cJSON_Delete(reply);
    free(by_predictions);
    free(by_targets);
    return text;
}

static enum MHD_Result respond(struct MHD_Connection *connection, const struct body *body)
{
    static char complaint[] = "{\"error\":\"no MSE request\"}";
    cJSON *request = cJSON_ParseWithLength(body->text, body->length);
    char *text = answer(request);
    cJSON_Delete(request);
    struct MHD_Response *response =
        text != NULL ? MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE)
                     : MHD_create_response_from_buffer(sizeof complaint - 1, complaint,
                                                       MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    return peer_respond(connection, text != NULL ? MHD_HTTP_OK : MHD_HTTP_UNPROCESSABLE_CONTENT,
                        response);
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *bytes,
                              size_t *length, void **request)
{
    (void)context;
    (void)path;
    (void)method;
    (void)version;
    if (*request == NULL) {
        *request = calloc(1, sizeof(struct body));
        return *request != NULL ? MHD_YES : MHD_NO;
    }
    if (*length > 0) {
        bool appended = append(*request, bytes, *length);
        *length = 0;
        return appended ? MHD_YES : MHD_NO;
    }
    return respond(connection, *request);
}

static void complete(void *context, struct MHD_Connection *connection, void **request,
                     enum MHD_RequestTerminationCode reason)
{
    (void)context;
    (void)connection;
    (void)reason;
    struct body *body = *request;
    if (body == NULL) return;
    free(body->text);
    free(body);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: obvious PORT THREADS\n");
        return EXIT_FAILURE;
    }
    return peer_serve(argv[1], argv[2], handle, complete, NULL);
}
