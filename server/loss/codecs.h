/* codecs.h - the table of formats, and the choice among them. */
#ifndef CODECS_H
#define CODECS_H

#include "http/head.h"
#include "loss/codec.h"

/* The format of a request by its Content-Type; NULL: there is none. */
const struct codec *codecs_for_request(const struct head *head);

/* The format of the response: of those that the Accept headers want most that of the request, else
 * the first of the table; NULL: none is acceptable. */
const struct codec *codecs_for_response(const struct head *head, const struct codec *request);

/* Writes the media types of all formats, "application/json, ...", NUL-terminated. */
void codecs_print_media_types(char *text, size_t size);

/* The same for an Accept-Post header, which must outlive its response. */
extern const char codecs_accept_post[];

#endif
