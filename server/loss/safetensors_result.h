/* safetensors_result.h - a result as a safetensors file: the respond of safetensors_codec. */
#ifndef SAFETENSORS_RESULT_H
#define SAFETENSORS_RESULT_H

#include "loss/codec.h"

#define SAFETENSORS_RESULT_MEDIA_TYPE "application/safetensors"

/* As codec.h says of respond; the decoder is not read. */
bool safetensors_result_respond(struct result *result, const void *decoder,
                                struct response *response);

#endif
