/* opinion.h - a second opinion on what a JSON text says: cJSON's, with strtod's on its numbers. */
#ifndef OPINION_H
#define OPINION_H

#include <cjson/cJSON.h>
#include <stddef.h>

/* Reads text that json_reader has taken for JSON; NULL if cJSON does not. U+0000 in strings is read
 * as U+FFFD. A number beyond the largest double is infinite. The caller calls cJSON_Delete. */
cJSON *opinion_of(const char *text, size_t length);

/* The value at an RFC 6901 pointer, or NULL. */
const cJSON *opinion_at(const cJSON *root, const char *pointer);

#endif
