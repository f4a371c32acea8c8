/* oip_document.h - the JSON of an inference request of the Open Inference Protocol -> what it asks
 * for. Knows nothing of the binary data that may follow it. */
#ifndef OIP_DOCUMENT_H
#define OIP_DOCUMENT_H

#include "http/problem.h"
#include "loss/elements.h"
#include "loss/request.h"
#include "json/json_reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OIP_MODEL   "mse"
#define OIP_VERSION "1"

enum oip_output { OIP_LOSS, OIP_PREDICTIONS, OIP_TARGETS, OIP_OUTPUTS };

/* Elements of an input that follow the JSON. */
struct oip_blob {
    enum request_input input;
    enum element_type type;
    uint64_t size; /* bytes, at least 1 */
};

struct oip_document {
    const char *id; /* as it stands in the reader's outline, in its quotes; NULL: none */
    size_t id_length;
    struct oip_blob blobs[REQUEST_INPUTS]; /* in the order in which they follow */
    size_t blob_count;
    bool wants[OIP_OUTPUTS];
    bool is_binary[OIP_OUTPUTS];
};

/* "loss", "gradients.predictions" or "gradients.targets". */
const char *oip_document_output_name(enum oip_output output);

/* Reads a document in which the reader has found no fault, and moves its tensors to a request that
 * request_init has initialised; the inputs that follow as binary data have their shape, but no
 * element yet. false: *problem says why. The document refers to the reader's outline. */
bool oip_document_read(struct oip_document *document, struct json_reader *reader,
                       struct request *request, struct problem *problem);

#endif
