/* fuzz_coding.c - a compressed body -> the bytes that zlib makes of it in one go, or a problem; and
 * the text as a response that is compressed -> the text again.
 *
 * The first setting picks the coding and the kind of response, the second how much the inner work
 * takes at once, the third the room for the response. */
#include "input.h"

#include "http/coding.h"
#include "http/problem.h"

#include <string.h>
#include <zlib.h>

#define PLAIN_MAX ((size_t)1 << 14) /* --max-body */

static struct tensor_budget budget;

struct bytes {
    char at[2 * PLAIN_MAX];
    size_t length;
};

/* ---- what zlib makes of a body in one go */

enum opinion { GOOD, BAD, LARGE };

/* One member. */
static enum opinion inflate_member(z_stream *stream, struct bytes *plain)
{
    stream->next_out = (Bytef *)plain->at + plain->length;
    stream->avail_out = (uInt)(PLAIN_MAX + 1 - plain->length);
    int status = inflate(stream, Z_FINISH);
    plain->length = PLAIN_MAX + 1 - stream->avail_out;
    if (plain->length > PLAIN_MAX) return LARGE;
    return status == Z_STREAM_END ? GOOD : BAD;
}

static enum opinion inflate_all(const struct input *input, enum coding coding, struct bytes *plain)
{
    z_stream stream = {.next_in = (z_const Bytef *)input->text, .avail_in = (uInt)input->length};
    must(inflateInit2(&stream, coding == CODING_GZIP ? 31 : 15) == Z_OK);
    enum opinion opinion = inflate_member(&stream, plain);
    while (opinion == GOOD && stream.avail_in > 0 && coding == CODING_GZIP) {
        must(inflateReset(&stream) == Z_OK);
        opinion = inflate_member(&stream, plain);
    }
    if (opinion == GOOD && stream.avail_in > 0) opinion = BAD;
    inflateEnd(&stream);
    return opinion;
}

/* ---- the inner work: collects */

struct sink {
    struct work work;
    struct bytes *received;
    size_t part; /* takes so many bytes at once; 0: all */
};

static size_t receive(struct work *work, const char *bytes, size_t length)
{
    struct sink *sink = (struct sink *)work;
    must(length > 0);
    size_t taken = sink->part > 0 && sink->part < length ? sink->part : length;
    must(sink->received->length + taken <= PLAIN_MAX);
    memcpy(sink->received->at + sink->received->length, bytes, taken);
    sink->received->length += taken;
    return taken;
}

static bool respond(struct work *work, struct response *response)
{
    (void)work;
    response_begin(response, 200);
    return true;
}

static void close_sink(struct work *work)
{
    ((struct sink *)work)->work.receive = NULL;
}

static void take(void *to, const char *bytes, size_t length)
{
    struct work *work = to;
    while (length > 0) {
        size_t taken = work->receive(work, bytes, length);
        must(taken <= length);
        bytes += taken;
        length -= taken;
    }
}

static void decode(struct input input, enum coding coding, size_t part)
{
    static struct bytes plain, received;
    struct sink sink = {{receive, respond, close_sink, NULL}, &received, part};
    plain.length = received.length = 0;
    struct response response;
    uint64_t decoded = 0;
    struct coding_terms terms = {PLAIN_MAX, &budget, problem_respond, &decoded};
    enum opinion opinion = inflate_all(&input, coding, &plain);
    struct work *work = coding_decode(coding, &sink.work, &terms);
    must(work != NULL);
    input_feed(&input, 0, take, work);
    while (!work->respond(work, &response)) {
    }
    work->close(work);
    must(sink.work.receive == NULL && budget.used == 0);
    must(response.status == (opinion == GOOD ? 200 : opinion == BAD ? 400 : 413));
    if (opinion == GOOD) {
        must(received.length == plain.length && decoded == plain.length);
        must(memcmp(received.at, plain.at, plain.length) == 0);
    }
    response_discard(&response);
}

/* ---- a response */

static size_t produce(void *source, char *out, size_t room)
{
    struct input *left = source;
    size_t length = left->length < room ? left->length : room;
    memcpy(out, left->text, length);
    left->text += length;
    left->length -= length;
    return length;
}

static void release(void *source)
{
    (void)source;
}

static void encode(const struct input *input, enum coding coding, bool is_produced, size_t room)
{
    struct input left = *input;
    struct response response;
    response_begin(&response, 200);
    if (is_produced) {
        response_set_produced(&response, "text/plain", produce, release, &left);
    } else {
        response_set_constant(&response, "text/plain", input->text, input->length);
    }
    coding_encode(coding, &response, &budget);
    if (!is_produced && input->length < 1024) {
        must(response.body == RESPONSE_CONSTANT);
        return;
    }
    static struct bytes zipped, plain;
    size_t length;
    zipped.length = plain.length = 0;
    while ((length = response.produce(response.source, zipped.at + zipped.length, room)) > 0) {
        must(length <= room);
        zipped.length += length;
    }
    response_discard(&response);
    must(budget.used == 0);
    struct input all = {.text = zipped.at, .length = zipped.length};
    must(inflate_all(&all, coding, &plain) == GOOD);
    must(plain.length == input->length && memcmp(plain.at, input->text, plain.length) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = input_of(data, size);
    budget.limit = SIZE_MAX;
    unsigned first = input_setting(&input);
    enum coding coding = first % 2 == 0 ? CODING_GZIP : CODING_DEFLATE;
    size_t part = input_setting(&input);
    size_t room = RESPONSE_ROOM_MIN + input_setting(&input);
    decode(input, coding, part);
    encode(&input, coding, first / 2 % 2 == 0, room);
    return 0;
}
