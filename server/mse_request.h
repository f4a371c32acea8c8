/* mse_request.h - outline and tensors of a POST /mse -> a checked job. */
#ifndef MSE_REQUEST_H
#define MSE_REQUEST_H

#include "json_reader.h"
#include "problem.h"

enum mse_request_reduction { MSE_REQUEST_MEAN, MSE_REQUEST_SUM, MSE_REQUEST_NONE };

/* What a caller asks for. All tensors have the same shape and at least one element. */
struct mse_request {
    struct tensor predictions;
    struct tensor targets;
    struct tensor weights; /* empty where none were given */
    enum mse_request_reduction reduction;
    bool wants_predictions; /* the gradient with respect to the predictions */
    bool wants_targets;     /* the gradient with respect to the targets */
};

/* Moves the tensors of a document that json_reader_finish found whole and without fault into a request, which the
 * caller frees in any case. False: *problem says what is wrong. */
bool mse_request_read(struct mse_request *request, struct json_reader *document, struct problem *problem);

/* Writes the JSON Pointer of element index of a member, /targets/1/0, NUL-terminated; cut where size is too small. */
void mse_request_pointer(char *pointer, size_t size, const char *member, const struct tensor *tensor, size_t index);

void mse_request_free(struct mse_request *request);

#endif
