/* safetensors_codec.h - application/safetensors: requests and results as safetensors files. */
#ifndef SAFETENSORS_CODEC_H
#define SAFETENSORS_CODEC_H

#include "loss/codec.h"

extern const struct codec safetensors_codec;

#endif
