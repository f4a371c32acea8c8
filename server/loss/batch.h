/* batch.h - application/x-ndjson: many requests in one body, one per line, each with a line of the
 * response: byte for byte what that line would get as a request of its own. */
#ifndef BATCH_H
#define BATCH_H

#include "loss/codec.h"

extern const struct codec batch_codec;

#endif
