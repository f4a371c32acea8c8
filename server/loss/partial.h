/* partial.h - the JSON object of a partial, the exact sums of a part of the elements -> an
 * accumulator, or a problem that says what is wrong with it. */
#ifndef PARTIAL_H
#define PARTIAL_H

#include "http/problem.h"
#include "loss/request.h"

#include <mse.h>
#include <stdbool.h>
#include <stddef.h>

/* Reads a partial from a value of an outline of json_reader, NUL-terminated. place is the value's
 * JSON Pointer, to which that of a member is appended. false: *problem says why, and *partial is
 * unchanged. */
bool partial_read_outline(struct mse_accumulator *partial, const char *outline, const char *place,
                          struct problem *problem);

/* Reads the whole of a request, which must have none yet, from any text. false: *problem says why.
 * For a codec: place is what it calls the whole in a problem's pointer. */
bool partial_read_whole(struct request *request, const char *text, size_t length, const char *place,
                        struct problem *problem);

#endif
