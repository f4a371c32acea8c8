/* request.h - outline and tensors of a POST /mse -> a checked job. */
#ifndef REQUEST_H
#define REQUEST_H

#include "http/problem.h"
#include "json/json_reader.h"

enum request_reduction { REQUEST_MEAN, REQUEST_SUM, REQUEST_NONE };

/* What a caller asks for. All tensors have the same shape and at least one element. */
struct request {
    struct tensor predictions;
    struct tensor targets;
    struct tensor weights; /* empty where none were given */
    enum request_reduction reduction;
    bool wants_predictions; /* the gradient with respect to the predictions */
    bool wants_targets;     /* the gradient with respect to the targets */
};

/* Moves the tensors of a document that json_reader_finish found whole and without fault into a
 * request, which the caller frees in any case. False: *problem says what is wrong. */
bool request_read(struct request *request, struct json_reader *document, struct problem *problem);

/* Writes the JSON Pointer of element index of a member, /targets/1/0, NUL-terminated; cut where
 * size is too small. */
void request_pointer(char *pointer, size_t size, const char *member, const struct tensor *tensor,
                     size_t index);

void request_free(struct request *request);

#endif
