/* oip_codec.h - inference requests of the Open Inference Protocol, version 2, with Triton's binary
 * tensor data, and their responses. Media types are ignored: the path alone says the format. */
#ifndef OIP_CODEC_H
#define OIP_CODEC_H

#include "loss/codec.h"

extern const struct codec oip_codec;

#endif
