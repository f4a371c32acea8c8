/* json_reader.c - JSON text, fed in chunks, out as an outline and tensors. Knows nothing of HTTP or
 * MSE.
 *
 * A push-down automaton: `state` is what may come next and `frames` what is open. Tokens that lie
 * whole in a chunk, and those are nearly all, are read straight from it; one that the chunk's end
 * cuts is a state of its own. */
#include "json/json_reader.h"

#include "decimal/decimal.h"

#include <string.h>

_Static_assert(DECIMAL_RUN_NUMBER_MAX == JSON_READER_NUMBER_MAX,
               "both refuse a number of the same length");
_Static_assert(JSON_READER_TENSORS_MAX <= 10, "a tensor's index is written with one digit");

enum state {
    VALUE,         /* a value: the document's, a member's, or an element after a comma */
    FIRST_ELEMENT, /* a value or ']' */
    FIRST_NAME,    /* a member name or '}' */
    NAME,          /* a member name after a comma */
    COLON,
    AFTER_VALUE, /* in a container: a comma or its closing bracket */
    IN_NAME,     /* in this and the next three: the rest of a token */
    IN_STRING,
    IN_NUMBER,
    IN_LITERAL,
    END, /* white space */
    FAILED
};

/* ---- faults */

static uint64_t offset_of(const struct json_reader *r, const char *p)
{
    return r->chunk_offset + (uint64_t)(p - r->chunk);
}

static bool faultless(const struct json_reader *r)
{
    return r->error.fault == JSON_READER_NO_FAULT;
}

static void free_tensors(struct json_reader *r)
{
    while (r->tensor_count > 0) tensor_free(&r->tensors[--r->tensor_count]);
    r->in_tensor = false;
    r->pending = 0;
}

/* The text is not JSON. Returns NULL: no text is wanted any more. */
static const char *refuse(struct json_reader *r, enum json_reader_fault fault, uint64_t offset)
{
    free_tensors(r);
    r->error.fault = fault;
    r->error.offset = offset;
    r->error.expected = NULL;
    r->error.found = -1;
    r->error.expected_length = r->error.found_length = 0;
    r->error.pointer[0] = '\0';
    r->state = FAILED;
    return NULL;
}

static const char *refuse_byte(struct json_reader *r, enum json_reader_fault fault, const char *p,
                               const char *expected)
{
    refuse(r, fault, offset_of(r, p));
    r->error.expected = expected;
    r->error.found = (unsigned char)*p;
    return NULL;
}

/* Content that cannot be held: nothing is stored from here on. error.pointer is to the value at
 * hand in path.frames[depth-1]; none if depth is 0. */
static void decline(struct json_reader *r, enum json_reader_fault fault, uint64_t offset,
                    size_t depth)
{
    if (!faultless(r)) return;
    r->error.fault = fault;
    r->error.offset = offset;
    json_path_write(&r->path, depth, r->error.pointer, sizeof r->error.pointer);
    free_tensors(r);
}

/* ---- the outline */

static void put(struct json_reader *r, const char *text, size_t length)
{
    if (!faultless(r)) return;
    if (length >= JSON_READER_OUTLINE_MAX - r->outline_length) {
        decline(r, JSON_READER_LARGE, r->token, 0);
        return;
    }
    memcpy(r->outline + r->outline_length, text, length);
    r->outline_length += length;
}

/* A value that is neither an array nor a number begins. */
static void begin_other(struct json_reader *r)
{
    if (r->in_tensor) decline(r, JSON_READER_NOT_A_NUMBER, r->token, r->path.depth);
    for (; r->pending > 0; r->pending--) put(r, "[", 1);
}

static const char *end_value(struct json_reader *r, const char *p)
{
    r->state = r->path.depth > 0 ? AFTER_VALUE : END;
    return p;
}

/* ---- containers */

static const char *open_container(struct json_reader *r, const char *p)
{
    if (r->path.depth == JSON_READER_DEPTH_MAX) return refuse(r, JSON_READER_NESTING, r->token);
    bool object = *p == '{';
    if (object) {
        begin_other(r);
        put(r, "{", 1);
    } else if (r->in_tensor) {
        if (r->path.depth == r->lifted + r->tensors[r->tensor_count - 1].rank) {
            r->error.expected_length = 0;
            r->error.found_length = SIZE_MAX;
            decline(r, JSON_READER_RAGGED, r->token, r->path.depth);
        }
    } else if (faultless(r)) {
        r->pending++;
    }
    json_path_open(&r->path, object);
    r->state = object ? FIRST_NAME : FIRST_ELEMENT;
    return p + 1;
}

static const char *close_object(struct json_reader *r, const char *p)
{
    put(r, "}", 1);
    json_path_close(&r->path);
    return end_value(r, p + 1);
}

/* An array of a tensor ends: its siblings, all complete, are as long. The first of them sets the
 * length. */
static void close_row(struct json_reader *r, size_t length)
{
    struct tensor *tensor = &r->tensors[r->tensor_count - 1];
    size_t level = r->path.depth - 1 - r->lifted;
    if (tensor->shape[level] == 0) tensor->shape[level] = length;
    if (tensor->shape[level] != length) {
        r->error.expected_length = tensor->shape[level];
        r->error.found_length = length;
        decline(r, JSON_READER_RAGGED, r->token, r->path.depth - 1);
    } else if (level == 0) {
        r->in_tensor = false;
        tensor_trim(tensor);
    }
}

static const char *close_array(struct json_reader *r, const char *p, size_t length)
{
    if (r->in_tensor) {
        close_row(r, length);
    } else {
        begin_other(r);
        put(r, "]", 1);
    }
    json_path_close(&r->path);
    return end_value(r, p + 1);
}

static const char *next_or_close(struct json_reader *r, const char *p)
{
    struct json_path_frame *frame = &r->path.frames[r->path.depth - 1];
    if (*p == ',') {
        if (!r->in_tensor) put(r, ",", 1);
        frame->index++;
        r->state = frame->object ? NAME : VALUE;
        return p + 1;
    }
    if (frame->object) {
        return *p == '}' ? close_object(r, p) : refuse_byte(r, JSON_READER_SYNTAX, p, "',' or '}'");
    }
    return *p == ']' ? close_array(r, p, frame->index + 1)
                     : refuse_byte(r, JSON_READER_SYNTAX, p, "',' or ']'");
}

/* ---- strings and literals */

static const char *open_string(struct json_reader *r, const char *p)
{
    begin_other(r);
    put(r, "\"", 1);
    json_text_string_begin(&r->string);
    r->state = IN_STRING;
    return p + 1;
}

static const char *open_name(struct json_reader *r, const char *p)
{
    put(r, "\"", 1);
    if (!json_path_begin_name(&r->path)) decline(r, JSON_READER_LARGE, r->token, 0);
    json_text_string_begin(&r->string);
    r->state = IN_NAME;
    return p + 1;
}

static void put_name(struct json_reader *r, const char *text, size_t length)
{
    if (!json_path_put_name(&r->path, text, length)) decline(r, JSON_READER_LARGE, r->token, 0);
}

static const char *end_name(struct json_reader *r, const char *p)
{
    if (!json_path_end_name(&r->path)) return refuse(r, JSON_READER_DUPLICATE, r->token);
    r->state = COLON;
    return p;
}

static const char *refuse_string(struct json_reader *r, enum json_text_status status, const char *p)
{
    switch (status) {
    case JSON_TEXT_MORE:
    case JSON_TEXT_END:
    case JSON_TEXT_CONTROL:
        break;
    case JSON_TEXT_ESCAPE:
        return refuse_byte(r, JSON_READER_SYNTAX, p,
                           "one of \" \\ / b f n r t u after a backslash");
    case JSON_TEXT_HEX:
        return refuse_byte(r, JSON_READER_SYNTAX, p, "a hexadecimal digit");
    case JSON_TEXT_ENCODING:
        return refuse_byte(r, JSON_READER_ENCODING, p, NULL);
    case JSON_TEXT_SURROGATE:
        return refuse_byte(r, JSON_READER_SURROGATE, p, NULL);
    }
    return refuse_byte(r, JSON_READER_SYNTAX, p,
                       "'\"' or a character that is no control character");
}

/* The outline ends with a character that needed more than one byte. */
static void respell(struct json_reader *r)
{
    if (!faultless(r) || r->outline_length < 6) return;
    char *escape = r->outline + r->outline_length - 6;
    if (memcmp(escape, "\\ufffd", 6) == 0) memcpy(escape, "\\uFFFD", 6);
    if (memcmp(escape, "\\u0000", 6) == 0) memcpy(escape, JSON_READER_NUL, 6);
}

static const char *read_string(struct json_reader *r, const char *p, const char *limit)
{
    bool name = r->state == IN_NAME;
    while (p < limit) {
        const char *plain = p;
        if (json_text_string_between(&r->string)) {
            while (p < limit && json_text_plain(*p)) p++;
        }
        if (p > plain) {
            put(r, plain, (size_t)(p - plain));
            if (name) put_name(r, plain, (size_t)(p - plain));
            continue;
        }
        enum json_text_status status = json_text_string_next(&r->string, *p);
        if (status > JSON_TEXT_END) return refuse_string(r, status, p);
        put(r, p++, 1);
        if (status == JSON_TEXT_END) return name ? end_name(r, p) : end_value(r, p);
        if (name) put_name(r, r->string.decoded, r->string.decoded_length);
        if (r->string.decoded_length > 0) respell(r);
    }
    return p;
}

static const char *read_literal(struct json_reader *r, const char *p, const char *limit)
{
    for (; p < limit && r->literal[r->literal_taken] != '\0'; p++, r->literal_taken++) {
        if (*p != r->literal[r->literal_taken])
            return refuse_byte(r, JSON_READER_SYNTAX, p, r->literal);
        put(r, p, 1);
    }
    return r->literal[r->literal_taken] == '\0' ? end_value(r, p) : p;
}

static const char *open_literal(struct json_reader *r, const char *p, const char *limit,
                                const char *literal)
{
    begin_other(r);
    r->literal = literal;
    r->literal_taken = 0;
    r->state = IN_LITERAL;
    return read_literal(r, p, limit);
}

/* ---- numbers */

static bool begins_number(char byte)
{
    return byte == '-' || (byte >= '0' && byte <= '9');
}

/* The arrays just opened become a tensor, since their first element is a number. */
static void lift(struct json_reader *r)
{
    if (r->tensor_count == JSON_READER_TENSORS_MAX || r->pending > TENSOR_RANK_MAX) {
        decline(r, JSON_READER_LARGE, r->token, 0);
        return;
    }
    struct tensor *tensor = &r->tensors[r->tensor_count];
    tensor_init(tensor, r->budget);
    tensor->rank = r->pending;
    memset(tensor->shape, 0, tensor->rank * sizeof tensor->shape[0]);
    r->lifted = r->path.depth - r->pending;
    r->in_tensor = true;
    r->pending = 0;
    put(r, (char[]){'[', (char)('0' + r->tensor_count), ']'}, 3);
    if (faultless(r)) r->tensor_count++;
}

/* Takes a number that is whole. status and value are decimal_parse's. */
static void take_number(struct json_reader *r, const char *text, size_t length,
                        enum decimal_status status, double value)
{
    if (length > JSON_READER_NUMBER_MAX) {
        decline(r, JSON_READER_LONG_NUMBER, r->token, r->path.depth);
    } else if (!r->in_tensor) {
        put(r, text, length);
    } else if (status == DECIMAL_RANGE) {
        decline(r, JSON_READER_RANGE, r->token, r->path.depth);
    } else {
        struct tensor *tensor = &r->tensors[r->tensor_count - 1];
        if (tensor->length < tensor->capacity || tensor_grow(tensor)) {
            tensor->values[tensor->length++] = value;
        } else {
            decline(r, JSON_READER_MEMORY, r->token, 0);
        }
    }
}

static void take_cut_number(struct json_reader *r)
{
    double value = 0;
    const char *end;
    enum decimal_status status = DECIMAL_DONE;
    if (r->number_length <= JSON_READER_NUMBER_MAX) {
        r->number_text[r->number_length] = ' ';
        status = decimal_parse(r->number_text, r->number_text + r->number_length + 1, &end, &value);
    }
    take_number(r, r->number_text, r->number_length, status, value);
}

static const char *read_cut_number(struct json_reader *r, const char *p, const char *limit)
{
    for (; p < limit; p++) {
        enum json_text_number next = json_text_number_next(r->number, *p);
        if (next == JSON_TEXT_NUMBER_BAD) return refuse_byte(r, JSON_READER_SYNTAX, p, "a digit");
        if (next == JSON_TEXT_NUMBER_END) {
            take_cut_number(r);
            return end_value(r, p);
        }
        r->number = next;
        if (r->number_length < JSON_READER_NUMBER_MAX) r->number_text[r->number_length] = *p;
        if (r->number_length <= JSON_READER_NUMBER_MAX) r->number_length++;
    }
    return p;
}

static const char *read_number(struct json_reader *r, const char *p, const char *limit)
{
    double value = 0;
    const char *end;
    switch (decimal_parse(p, limit, &end, &value)) {
    case DECIMAL_DONE:
        take_number(r, p, (size_t)(end - p), DECIMAL_DONE, value);
        return end_value(r, end);
    case DECIMAL_RANGE:
        take_number(r, p, (size_t)(end - p), DECIMAL_RANGE, value);
        return end_value(r, end);
    case DECIMAL_BAD:
        return refuse_byte(r, JSON_READER_SYNTAX, end, "a digit");
    case DECIMAL_MORE:
        break;
    }
    r->state = IN_NUMBER;
    r->number = JSON_TEXT_NUMBER_BEGIN;
    r->number_length = 0;
    return read_cut_number(r, p, limit);
}

static const char *skip_space(const char *p, const char *limit)
{
    while (p < limit && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) p++;
    return p;
}

/* Takes elements of a tensor's rows for as long as they come one after the other, each row as long
 * as the first; leaves what else comes, a number that is cut or unusual included, to the automaton.
 */
static const char *read_run(struct json_reader *r, const char *p, const char *limit)
{
    struct tensor *tensor = &r->tensors[r->tensor_count - 1];
    struct json_path_frame *frame = &r->path.frames[r->path.depth - 1];
    struct decimal_row row = {tensor->shape[tensor->rank - 1], frame->index};
    if (row.index >= row.length) row.length = 0; /* the first row, or one that is too long */
    while (tensor->length < tensor->capacity || tensor_grow(tensor)) {
        size_t room = tensor->capacity - tensor->length;
        size_t taken = decimal_parse_run(p, limit, &p, tensor->values + tensor->length, room, row);
        tensor->length += taken;
        frame->index += taken;
        if (row.length > 0 && frame->index >= row.length) {
            frame[-1].index += frame->index / row.length;
            frame->index %= row.length;
        }
        row.index = frame->index;
        if (taken < room) break;
    }
    r->state = row.length > 0 && row.index == 0 ? FIRST_ELEMENT : VALUE;
    p = skip_space(p, limit);
    if (p == limit || !begins_number(*p)) return p;
    r->token = offset_of(r, p);
    return read_number(r, p, limit);
}

static const char *open_number(struct json_reader *r, const char *p, const char *limit)
{
    if (r->pending > 0) lift(r);
    if (r->in_tensor) {
        const struct tensor *tensor = &r->tensors[r->tensor_count - 1];
        size_t level = r->path.depth - r->lifted;
        if (level == tensor->rank) return read_run(r, p, limit);
        r->error.expected_length = tensor->shape[level];
        r->error.found_length = SIZE_MAX;
        decline(r, JSON_READER_RAGGED, r->token, r->path.depth);
    }
    return read_number(r, p, limit);
}

/* ---- the automaton */

static const char *open_value(struct json_reader *r, const char *p, const char *limit)
{
    if (begins_number(*p)) return open_number(r, p, limit);
    switch (*p) {
    case '[':
    case '{':
        return open_container(r, p);
    case '"':
        return open_string(r, p);
    case 't':
        return open_literal(r, p, limit, "true");
    case 'f':
        return open_literal(r, p, limit, "false");
    case 'n':
        return open_literal(r, p, limit, "null");
    }
    return refuse_byte(r, JSON_READER_SYNTAX, p,
                       r->state == FIRST_ELEMENT ? "a value or ']'" : "a value");
}

static const char *read_token(struct json_reader *r, const char *p, const char *limit)
{
    r->token = offset_of(r, p);
    switch ((enum state)r->state) {
    case FIRST_ELEMENT:
        return *p == ']' ? close_array(r, p, 0) : open_value(r, p, limit);
    case VALUE:
        return open_value(r, p, limit);
    case FIRST_NAME:
        if (*p == '}') return close_object(r, p);
        return *p == '"' ? open_name(r, p)
                         : refuse_byte(r, JSON_READER_SYNTAX, p, "a member name or '}'");
    case NAME:
        return *p == '"' ? open_name(r, p) : refuse_byte(r, JSON_READER_SYNTAX, p, "a member name");
    case COLON:
        if (*p != ':') return refuse_byte(r, JSON_READER_SYNTAX, p, "':'");
        put(r, ":", 1);
        r->state = VALUE;
        return p + 1;
    case AFTER_VALUE:
        return next_or_close(r, p);
    case END:
    case IN_NAME:
    case IN_STRING:
    case IN_NUMBER:
    case IN_LITERAL:
    case FAILED:
        break;
    }
    return refuse_byte(r, JSON_READER_SYNTAX, p, JSON_READER_END);
}

static const char *read_text(struct json_reader *r, const char *p, const char *limit)
{
    switch ((enum state)r->state) {
    case IN_NAME:
    case IN_STRING:
        return read_string(r, p, limit);
    case IN_NUMBER:
        return read_cut_number(r, p, limit);
    case IN_LITERAL:
        return read_literal(r, p, limit);
    case FAILED:
        return NULL;
    default:
        p = skip_space(p, limit);
        return p < limit ? read_token(r, p, limit) : p;
    }
}

/* ---- the contract */

void json_reader_init(struct json_reader *reader, struct tensor_budget *budget)
{
    /* Member by member: most of the structure is buffers that a small document never touches. */
    reader->error = (struct json_reader_error){.fault = JSON_READER_NO_FAULT, .found = -1};
    reader->tensor_count = 0;
    reader->outline_length = 0;
    reader->outline[0] = '\0';
    reader->budget = budget;
    reader->chunk = NULL;
    reader->chunk_offset = 0;
    reader->token = 0;
    reader->state = VALUE;
    json_path_init(&reader->path);
    reader->pending = 0;
    reader->in_tensor = false;
}

void json_reader_start_at(struct json_reader *reader, uint64_t offset)
{
    reader->chunk_offset = offset;
}

/* A request that memory is refused to hears so at once: what may follow is not looked at. */
static bool has_memory(struct json_reader *r)
{
    if (r->error.fault != JSON_READER_MEMORY) return true;
    r->state = FAILED;
    return false;
}

enum json_reader_status json_reader_feed(struct json_reader *reader, const char *text,
                                         size_t length)
{
    const char *limit = text + length;
    reader->chunk = text;
    for (const char *p = text; p != NULL && p < limit && has_memory(reader);)
        p = read_text(reader, p, limit);
    has_memory(reader);
    reader->chunk_offset += length;
    return reader->state == FAILED ? JSON_READER_BAD
           : reader->state == END  ? JSON_READER_DONE
                                   : JSON_READER_MORE;
}

enum json_reader_status json_reader_finish(struct json_reader *reader)
{
    if (reader->state == IN_NUMBER && json_text_number_whole(reader->number)) {
        take_cut_number(reader);
        end_value(reader, NULL);
        has_memory(reader);
    }
    if (reader->state != END && reader->state != FAILED)
        refuse(reader, JSON_READER_TRUNCATED, reader->chunk_offset);
    reader->outline[reader->outline_length] = '\0';
    return reader->state == END ? JSON_READER_DONE : JSON_READER_BAD;
}

void json_reader_free(struct json_reader *reader)
{
    free_tensors(reader);
}
