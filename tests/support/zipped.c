/* zipped.c - compressed bodies, made by zlib itself. */
#include "support/zipped.h"

#include "support/cmocka_all.h"

#include <string.h>
#include <zlib.h>

/* Appends what deflate makes of its input until it asks for more, or has ended. */
static void compress_all(z_stream *stream, int flush, struct text *zipped)
{
    char piece[16384];
    do {
        stream->next_out = (Bytef *)piece;
        stream->avail_out = sizeof piece;
        assert_int_not_equal(deflate(stream, flush), Z_STREAM_ERROR);
        text_append(zipped, piece, sizeof piece - stream->avail_out);
    } while (stream->avail_out == 0);
}

static void begin(z_stream *stream, enum zipped_format format, int level)
{
    *stream = (z_stream){0};
    assert_int_equal(deflateInit2(stream, level, Z_DEFLATED, format, 8, Z_DEFAULT_STRATEGY), Z_OK);
}

void zipped_append(struct text *zipped, enum zipped_format format, int level, const char *bytes,
                   size_t length)
{
    z_stream stream;
    begin(&stream, format, level);
    stream.next_in = (z_const Bytef *)bytes;
    stream.avail_in = (uInt)length;
    compress_all(&stream, Z_FINISH, zipped);
    deflateEnd(&stream);
}

void zipped_append_bomb(struct text *zipped, enum zipped_format format, char byte, size_t length)
{
    static char bytes[1 << 16];
    z_stream stream;
    memset(bytes, byte, sizeof bytes);
    begin(&stream, format, 9);
    while (length > 0) {
        size_t part = length < sizeof bytes ? length : sizeof bytes;
        stream.next_in = (Bytef *)bytes;
        stream.avail_in = (uInt)part;
        length -= part;
        compress_all(&stream, length > 0 ? Z_NO_FLUSH : Z_FINISH, zipped);
    }
    deflateEnd(&stream);
}

void zipped_read(struct text *plain, enum zipped_format format, const char *bytes, size_t length)
{
    char piece[16384];
    int status = Z_OK;
    z_stream stream = {.next_in = (z_const Bytef *)bytes, .avail_in = (uInt)length};
    assert_int_equal(inflateInit2(&stream, format), Z_OK);
    while (status == Z_OK) {
        stream.next_out = (Bytef *)piece;
        stream.avail_out = sizeof piece;
        status = inflate(&stream, Z_NO_FLUSH);
        text_append(plain, piece, sizeof piece - stream.avail_out);
    }
    assert_int_equal(status, Z_STREAM_END);
    assert_int_equal(stream.avail_in, 0);
    inflateEnd(&stream);
}
