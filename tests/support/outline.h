/* outline.h - a document as text again, from the outline and the tensors that json_reader has made
 * of it. */
#ifndef OUTLINE_H
#define OUTLINE_H

#include "json/json_reader.h"

/* Writes the outline to out with every [k] that stands outside of strings replaced by its tensor,
 * as arrays of %.17g: what json_reference calls expanded. */
void outline_expand(const struct json_reader *reader, char *out);

#endif
