/* coding.c - content codings, by zlib. Knows nothing of what the bytes mean. */
#include "http/coding.h"

#include "http/media_type.h"
#include "http/problem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

/* Bytes. The fuzz targets set these to less. */
#ifndef CODING_DECODED_PIECE
#define CODING_DECODED_PIECE ((size_t)64 << 10)  /* handed on at once; fits a CPU's cache */
#define CODING_DECODED_STEP  ((size_t)256 << 10) /* one call decodes: a millisecond's work */
#define CODING_RECEIVED_STEP ((size_t)16 << 10)  /* one call takes: it may decode to nothing */
#define CODING_ENCODED_PIECE ((size_t)16 << 10)  /* encoded at once */
#define CODING_ENCODED_STEP  ((size_t)128 << 10) /* one call encodes: two milliseconds' work */
#endif

#define ENCODED_MIN    1024 /* bytes: a smaller body gains nothing */
#define ENCODING_LEVEL 1    /* zlib's fastest; any other costs far more time than bytes */

_Static_assert(CODING_ENCODED_PIECE >= RESPONSE_ROOM_MIN, "the plain body is produced into it");

/* What zlib allocates, by zconf.h: a window of 2^15 bytes and 7 KB; (1 << (15 + 2)) + (1 << (8 +
 * 9)) and 6 KB. */
#define DECODER_CHARGE (sizeof(struct decoder) + ((size_t)40 << 10))
#define ENCODER_CHARGE (sizeof(struct encoder) + ((size_t)264 << 10))

/* ---- which coding */

enum coding coding_of_request(const struct head *head)
{
    static const struct {
        const char *name;
        enum coding coding;
    } names[] = {{"", CODING_IDENTITY},
                 {"identity", CODING_IDENTITY},
                 {"gzip", CODING_GZIP},
                 {"x-gzip", CODING_GZIP},
                 {"deflate", CODING_DEFLATE}};
    if (head->content_encodings == 0) return CODING_IDENTITY;
    if (head->content_encodings > 1) return CODING_UNKNOWN; /* a chain, on several lines */
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcasecmp(head->content_encoding, names[i].name) == 0) return names[i].coding;
    }
    return CODING_UNKNOWN;
}

/* What the Accept-Encoding headers say of a coding that has these names, in thousandths; 0 also
 * where they say nothing. *is_named: they name it, not only "*". */
static unsigned quality_of(const struct head *head, const char *name, const char *other_name,
                           bool *is_named)
{
    struct media_type_choice choice = {0};
    for (unsigned i = 0; i < head->accept_encodings; i++) {
        media_type_choose(&choice, head->accept_encoding[i], name);
        media_type_choose(&choice, head->accept_encoding[i], other_name);
    }
    *is_named = choice.specificity > 1;
    return choice.specificity > 0 ? choice.quality : 0;
}

enum coding coding_for_response(const struct head *head)
{
    bool is_named;
    unsigned gzip = quality_of(head, "gzip", "x-gzip", &is_named);
    unsigned deflate = quality_of(head, "deflate", "deflate", &is_named);
    unsigned identity = quality_of(head, "identity", "identity", &is_named);
    unsigned best = gzip >= deflate ? gzip : deflate;
    if (best == 0 || (is_named && identity > best)) return CODING_IDENTITY;
    return gzip == best ? CODING_GZIP : CODING_DEFLATE;
}

/* ---- zlib */

static void *allocate(void *context, unsigned count, unsigned size)
{
    (void)context;
    return malloc((size_t)count * size);
}

static void release(void *context, void *block)
{
    (void)context;
    free(block);
}

/* As inflateInit2 and deflateInit2 take it: 16 more stands for gzip. */
static int window_bits(enum coding coding)
{
    return MAX_WBITS + (coding == CODING_GZIP ? 16 : 0);
}

/* ---- decoding */

enum decoder_fault {
    DECODER_NO_FAULT,
    DECODER_DAMAGED,
    DECODER_TRUNCATED,
    DECODER_TRAILING,
    DECODER_TOO_LARGE,
    DECODER_NO_MEMORY
};

struct decoder {
    struct work work;
    struct work *inner; /* NULL from the first fault on */
    struct coding_terms terms;
    enum coding coding;
    enum decoder_fault fault;
    bool is_at_end;  /* of the body, or of a member of gzip, with nothing after it yet */
    size_t at, held; /* what the inner work has not taken yet: its place and length in piece */
    z_stream stream;
    Bytef piece[CODING_DECODED_PIECE];
};

/* The inner work is not wanted any more, nor the memory that it holds. */
static void fail(struct decoder *decoder, enum decoder_fault fault)
{
    decoder->fault = fault;
    decoder->inner->close(decoder->inner);
    decoder->inner = NULL;
}

/* Whether the inner work has taken all that is decoded. */
static bool hand_on(struct decoder *decoder)
{
    if (decoder->held == 0) return true;
    const char *bytes = (const char *)decoder->piece + decoder->at;
    size_t taken = decoder->inner->receive(decoder->inner, bytes, decoder->held);
    decoder->at += taken;
    decoder->held -= taken;
    return decoder->held == 0;
}

/* Goes on to the next member of gzip. */
static enum decoder_fault begin_member(struct decoder *decoder)
{
    static const Bytef gzip_magic = 0x1f;
    z_stream *stream = &decoder->stream;
    if (decoder->coding != CODING_GZIP || *stream->next_in != gzip_magic) return DECODER_TRAILING;
    inflateReset(stream);
    decoder->is_at_end = false;
    return DECODER_NO_FAULT;
}

static enum decoder_fault inflate_piece(struct decoder *decoder)
{
    z_stream *stream = &decoder->stream;
    stream->next_out = decoder->piece;
    stream->avail_out = sizeof decoder->piece;
    int status = inflate(stream, Z_NO_FLUSH);
    decoder->at = 0;
    decoder->held = sizeof decoder->piece - stream->avail_out;
    *decoder->terms.decoded += decoder->held;
    if (*decoder->terms.decoded > decoder->terms.max_body) return DECODER_TOO_LARGE;
    if (status == Z_MEM_ERROR) return DECODER_NO_MEMORY;
    decoder->is_at_end = status == Z_STREAM_END;
    /* Z_BUF_ERROR: it needs more input. Z_NEED_DICT is as bad as damage: there is no dictionary. */
    bool is_good = status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR;
    return is_good ? DECODER_NO_FAULT : DECODER_DAMAGED;
}

/* The next piece of the decoded body; none if all input is used up. */
static enum decoder_fault decode_piece(struct decoder *decoder)
{
    enum decoder_fault fault = DECODER_NO_FAULT;
    if (decoder->is_at_end && decoder->stream.avail_in == 0) return fault;
    if (decoder->is_at_end) fault = begin_member(decoder);
    return fault == DECODER_NO_FAULT ? inflate_piece(decoder) : fault;
}

/* Decodes the input and hands it on; false: there is more to do. */
static bool advance(struct decoder *decoder)
{
    size_t decoded = 0;
    while (decoder->inner != NULL) {
        if (!hand_on(decoder) || decoded >= CODING_DECODED_STEP) return false;
        enum decoder_fault fault = decode_piece(decoder);
        if (fault != DECODER_NO_FAULT) {
            fail(decoder, fault);
        } else if (decoder->held == 0 && decoder->stream.avail_in == 0) {
            return true;
        }
        decoded += decoder->held;
    }
    return true;
}

static size_t receive(struct work *work, const char *bytes, size_t length)
{
    struct decoder *decoder = (struct decoder *)work;
    size_t offered = length < CODING_RECEIVED_STEP ? length : CODING_RECEIVED_STEP;
    decoder->stream.next_in = (z_const Bytef *)bytes;
    decoder->stream.avail_in = (uInt)offered;
    advance(decoder);
    return decoder->inner == NULL ? length : offered - decoder->stream.avail_in;
}

static void refuse(const struct decoder *decoder, struct response *response)
{
    struct problem problem;
    switch (decoder->fault) {
    case DECODER_NO_FAULT:
        break; /* refuse is for faults */
    case DECODER_DAMAGED:
        problem_set(&problem, PROBLEM_DAMAGED_ENCODING, "",
                    "The body is not valid %s, as its Content-Encoding says it is.",
                    decoder->coding == CODING_GZIP ? "gzip" : "zlib data");
        break;
    case DECODER_TRUNCATED:
        problem_set(&problem, PROBLEM_DAMAGED_ENCODING, "",
                    "The body ends before its compressed data does.");
        break;
    case DECODER_TRAILING:
        problem_set(&problem, PROBLEM_DAMAGED_ENCODING, "",
                    "The body goes on after the end of its compressed data.");
        break;
    case DECODER_TOO_LARGE:
        problem_set(&problem, PROBLEM_BODY_TOO_LARGE, "",
                    "The decompressed body exceeds the limit of %" PRIu64 " bytes.",
                    decoder->terms.max_body);
        break;
    case DECODER_NO_MEMORY:
        problem_set_out_of_memory(&problem);
        break;
    }
    decoder->terms.refuse(&problem, response);
}

static bool is_refused(const struct work *work)
{
    const struct work *inner = ((const struct decoder *)work)->inner;
    return inner != NULL && inner->is_refused != NULL && inner->is_refused(inner);
}

static bool respond(struct work *work, struct response *response)
{
    struct decoder *decoder = (struct decoder *)work;
    if (is_refused(work)) return decoder->inner->respond(decoder->inner, response);
    decoder->stream.avail_in = 0;
    if (!advance(decoder)) return false;
    if (decoder->inner != NULL && !decoder->is_at_end) fail(decoder, DECODER_TRUNCATED);
    if (decoder->inner != NULL) return decoder->inner->respond(decoder->inner, response);
    refuse(decoder, response);
    return true;
}

static void close_work(struct work *work)
{
    struct decoder *decoder = (struct decoder *)work;
    if (decoder->inner != NULL) decoder->inner->close(decoder->inner);
    inflateEnd(&decoder->stream);
    tensor_discharge(decoder->terms.budget, DECODER_CHARGE);
    free(decoder);
}

struct work *coding_decode(enum coding coding, struct work *inner, const struct coding_terms *terms)
{
    if (!tensor_charge(terms->budget, DECODER_CHARGE)) return NULL;
    struct decoder *decoder = malloc(sizeof *decoder);
    if (decoder != NULL) {
        decoder->stream = (z_stream){.zalloc = allocate, .zfree = release};
        if (inflateInit2(&decoder->stream, window_bits(coding)) == Z_OK) {
            decoder->work = (struct work){receive, respond, close_work, is_refused};
            decoder->inner = inner;
            decoder->terms = *terms;
            decoder->coding = coding;
            decoder->fault = DECODER_NO_FAULT;
            decoder->is_at_end = false;
            decoder->at = decoder->held = 0;
            return &decoder->work;
        }
    }
    free(decoder);
    tensor_discharge(terms->budget, DECODER_CHARGE);
    return NULL;
}

/* ---- encoding */

struct encoder {
    struct response plain; /* its body only */
    size_t at;             /* bytes of its text, or of the current part, that have been read */
    size_t part;           /* the current one of MEMORY */
    bool has_all;          /* all of the plain body has been read */
    bool is_done;          /* and all of the encoded one has been written */
    struct tensor_budget *budget;
    z_stream stream;
    Bytef piece[CODING_ENCODED_PIECE];
};

/* Gives zlib the next piece of bytes that lie in memory; returns its length. */
static size_t read_memory(struct encoder *encoder, const void *bytes, size_t total)
{
    size_t length = total - encoder->at;
    if (length > CODING_ENCODED_PIECE) length = CODING_ENCODED_PIECE;
    encoder->stream.next_in = (z_const Bytef *)bytes + encoder->at;
    encoder->at += length;
    return length;
}

static size_t read_parts(struct encoder *encoder)
{
    const struct response *plain = &encoder->plain;
    while (encoder->part < plain->part_count) {
        const struct response_part *part = &plain->parts[encoder->part];
        size_t length = read_memory(encoder, part->bytes, part->length);
        if (length > 0) return length;
        encoder->part++;
        encoder->at = 0;
    }
    return 0;
}

/* The length of a body, if it is known, ends it. */
static size_t read_source(struct encoder *encoder)
{
    const struct response *plain = &encoder->plain;
    size_t room = sizeof encoder->piece;
    if (plain->length != RESPONSE_LENGTH_UNKNOWN && room > plain->length - encoder->at) {
        room = plain->length - encoder->at;
    }
    size_t length = room > 0 ? plain->produce(plain->source, (char *)encoder->piece, room) : 0;
    encoder->stream.next_in = encoder->piece;
    encoder->at += length;
    return length;
}

/* Gives zlib the next piece of the plain body. A new kind of body gets its case here. */
static void read_piece(struct encoder *encoder)
{
    const struct response *plain = &encoder->plain;
    size_t length = 0;
    switch (plain->body) {
    case RESPONSE_EMPTY:
        break;
    case RESPONSE_CONSTANT:
    case RESPONSE_WHOLE:
        length = read_memory(encoder, plain->text, plain->length);
        break;
    case RESPONSE_PRODUCED:
        length = read_source(encoder);
        break;
    case RESPONSE_MEMORY:
        length = read_parts(encoder);
        break;
    }
    encoder->stream.avail_in = (uInt)length;
    encoder->has_all = length == 0;
}

/* Fills the room, or writes less when it has encoded enough for one call; but something, since
 * nothing would mean the end. */
static size_t produce(void *source, char *out, size_t room)
{
    struct encoder *encoder = source;
    z_stream *stream = &encoder->stream;
    size_t taken = 0;
    stream->next_out = (Bytef *)out;
    stream->avail_out = (uInt)room;
    while (stream->avail_out > 0 && !encoder->is_done) {
        if (stream->avail_in == 0 && !encoder->has_all) {
            if (taken >= CODING_ENCODED_STEP && stream->avail_out < room) break;
            read_piece(encoder);
            taken += stream->avail_in;
        }
        int flush = encoder->has_all               ? Z_FINISH
                    : taken >= CODING_ENCODED_STEP ? Z_SYNC_FLUSH
                                                   : Z_NO_FLUSH;
        encoder->is_done = deflate(stream, flush) == Z_STREAM_END;
    }
    return room - stream->avail_out;
}

static void release_encoder(void *source)
{
    struct encoder *encoder = source;
    response_discard(&encoder->plain);
    deflateEnd(&encoder->stream);
    tensor_discharge(encoder->budget, ENCODER_CHARGE);
    free(encoder);
}

static struct encoder *open_encoder(enum coding coding, struct tensor_budget *budget)
{
    if (!tensor_charge(budget, ENCODER_CHARGE)) return NULL;
    struct encoder *encoder = malloc(sizeof *encoder);
    if (encoder != NULL) {
        encoder->stream = (z_stream){.zalloc = allocate, .zfree = release};
        if (deflateInit2(&encoder->stream, ENCODING_LEVEL, Z_DEFLATED, window_bits(coding),
                         MAX_MEM_LEVEL - 1, Z_DEFAULT_STRATEGY) == Z_OK) {
            encoder->at = encoder->part = 0;
            encoder->has_all = encoder->is_done = false;
            encoder->budget = budget;
            return encoder;
        }
    }
    free(encoder);
    tensor_discharge(budget, ENCODER_CHARGE);
    return NULL;
}

static bool is_small(const struct response *response)
{
    return response->length != RESPONSE_LENGTH_UNKNOWN && response->length < ENCODED_MIN;
}

void coding_encode(enum coding coding, struct response *response, struct tensor_budget *budget)
{
    if (is_small(response) || response_find_header(response, "Content-Encoding") != NULL) return;
    struct encoder *encoder = open_encoder(coding, budget);
    if (encoder == NULL) return;
    encoder->plain = *response;
    response->body = RESPONSE_PRODUCED;
    response->length = RESPONSE_LENGTH_UNKNOWN;
    response->produce = produce;
    response->release = release_encoder;
    response->source = encoder;
    response_add(response, "Content-Encoding", coding == CODING_GZIP ? "gzip" : "deflate");
}
