/* zipped.h - compressed bodies, made by zlib itself. */
#ifndef ZIPPED_H
#define ZIPPED_H

#include "support/text.h"

#include <stddef.h>

/* As deflateInit2 takes them. */
enum zipped_format { ZIPPED_GZIP = 15 + 16, ZIPPED_DEFLATE = 15, ZIPPED_RAW = -15 };

/* Appends so many bytes, compressed at this level of zlib, 0 to 9. Fails the test where it cannot.
 */
void zipped_append(struct text *zipped, enum zipped_format format, int level, const char *bytes,
                   size_t length);

/* Appends a text of so many equal bytes, compressed as closely as can be: a bomb. */
void zipped_append_bomb(struct text *zipped, enum zipped_format format, char byte, size_t length);

/* Appends what is compressed in gzip or zlib's format. Fails the test unless that is one whole body
 * and nothing else. */
void zipped_read(struct text *plain, enum zipped_format format, const char *bytes, size_t length);

#endif
