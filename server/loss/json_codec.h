/* json_codec.h - application/json: requests and results as JSON documents. */
#ifndef JSON_CODEC_H
#define JSON_CODEC_H

#include "loss/codec.h"

extern const struct codec json_codec;

#endif
