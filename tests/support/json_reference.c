/* json_reference.c - what json_reader must make of a whole text, found by recursive descent. */
#include "support/json_reference.h"

#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text {
    const unsigned char *bytes;
    size_t length, at;
    size_t depth;
    size_t tensors;
    char names[1 << 16]; /* decoded, each with its length before it */
    size_t names_length;
    struct json_reference *result;
    size_t expanded_length;
    jmp_buf fault;
};

static void stop(struct text *t, enum json_reader_fault fault, size_t offset)
{
    t->result->fault = fault;
    t->result->offset = offset;
    longjmp(t->fault, 1);
}

static int peek(struct text *t)
{
    if (t->at == t->length) stop(t, JSON_READER_TRUNCATED, t->length);
    return t->bytes[t->at];
}

static void need(struct text *t, bool possible)
{
    if (!possible) stop(t, JSON_READER_SYNTAX, t->at);
}

static void space(struct text *t)
{
    while (t->at < t->length && memchr(" \t\n\r", t->bytes[t->at], 4) != NULL) t->at++;
}

static bool digit(int c)
{
    return c >= '0' && c <= '9';
}

static void digits(struct text *t)
{
    need(t, digit(peek(t)));
    while (t->at < t->length && digit(t->bytes[t->at])) t->at++;
}

static bool next_is(struct text *t, const char *set)
{
    return t->at < t->length && t->bytes[t->at] != '\0' && strchr(set, t->bytes[t->at]) != NULL;
}

/* number = [ minus ] int [ frac ] [ exp ], section 6. */
static void number(struct text *t)
{
    if (peek(t) == '-') t->at++;
    if (peek(t) == '0') {
        t->at++;
    } else {
        digits(t);
    }
    if (next_is(t, ".")) {
        t->at++;
        digits(t);
    }
    if (next_is(t, "eE")) {
        t->at++;
        peek(t);
        if (next_is(t, "+-")) t->at++;
        digits(t);
    }
}

static bool overlap(unsigned low, unsigned high, unsigned from, unsigned to)
{
    return low <= to && high >= from;
}

static void put_utf8(struct text *t, unsigned code)
{
    char *out = t->names + t->names_length;
    if (code < 0x80) {
        t->names_length += 1;
        out[0] = (char)code;
    } else if (code < 0x800) {
        t->names_length += 2;
        out[0] = (char)(0xc0 + code / 64);
        out[1] = (char)(0x80 + code % 64);
    } else if (code < 0x10000) {
        t->names_length += 3;
        out[0] = (char)(0xe0 + code / 4096);
        out[1] = (char)(0x80 + code / 64 % 64);
        out[2] = (char)(0x80 + code % 64);
    } else {
        t->names_length += 4;
        out[0] = (char)(0xf0 + code / 262144);
        out[1] = (char)(0x80 + code / 4096 % 64);
        out[2] = (char)(0x80 + code / 64 % 64);
        out[3] = (char)(0x80 + code % 64);
    }
}

/* Any prefix of a sequence must be one of a code point that is no surrogate and needs that many
 * bytes. */
static void utf8(struct text *t)
{
    static const unsigned from[] = {0, 0, 0x80, 0x800, 0x10000};
    static const unsigned to[] = {0, 0, 0x7ff, 0xffff, 0x10ffff};
    unsigned lead = t->bytes[t->at];
    unsigned length = lead >= 0xc0 && lead < 0xe0   ? 2
                      : lead >= 0xe0 && lead < 0xf0 ? 3
                      : lead >= 0xf0 && lead < 0xf8 ? 4
                                                    : 0;
    if (length == 0) stop(t, JSON_READER_ENCODING, t->at);
    unsigned low = lead & (0xffu >> (length + 1));
    for (unsigned left = length - 1;; left--) {
        unsigned least = low << (6 * left);
        unsigned most = least | ((1u << (6 * left)) - 1);
        bool possible = overlap(least, most, from[length], to[length]);
        if (least >= 0xd800 && most <= 0xdfff) possible = false;
        if (!possible) stop(t, JSON_READER_ENCODING, t->at);
        t->at++;
        if (left == 0) break;
        if ((peek(t) & 0xc0) != 0x80) stop(t, JSON_READER_ENCODING, t->at);
        low = low << 6 | (t->bytes[t->at] & 0x3fu);
    }
    put_utf8(t, low);
}

/* Four digits, any prefix of which must be one of a code unit that can stand here. */
static unsigned code_unit(struct text *t, bool second_half)
{
    unsigned unit = 0;
    for (unsigned left = 4; left-- > 0; t->at++) {
        const char *hex = "0123456789abcdef0123456789ABCDEF";
        const char *found = peek(t) == 0 ? NULL : strchr(hex, t->bytes[t->at]);
        need(t, found != NULL);
        unit = unit * 16 + (unsigned)(found - hex) % 16;
        unsigned least = unit << (4 * left);
        unsigned most = least | ((1u << (4 * left)) - 1);
        bool possible = second_half ? overlap(least, most, 0xdc00, 0xdfff)
                                    : !(least >= 0xdc00 && most <= 0xdfff);
        if (!possible) stop(t, JSON_READER_SURROGATE, t->at);
    }
    return unit;
}

static void escape(struct text *t)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    int c = peek(t);
    if (c != 'u') {
        need(t, c != 0 && strchr(from, c) != NULL);
        put_utf8(t, (unsigned char)to[strchr(from, c) - from]);
        t->at++;
        return;
    }
    t->at++;
    unsigned unit = code_unit(t, false);
    if (unit >= 0xd800 && unit < 0xdc00) {
        for (const char *p = "\\u"; *p != '\0'; p++, t->at++) {
            if (peek(t) != *p) stop(t, JSON_READER_SURROGATE, t->at);
        }
        unit = 0x10000 + (unit - 0xd800) * 1024 + (code_unit(t, true) - 0xdc00);
    }
    put_utf8(t, unit);
}

/* Decodes to names. */
static void string(struct text *t)
{
    for (t->at++; peek(t) != '"';) {
        int c = t->bytes[t->at];
        need(t, c >= 0x20);
        if (c == '\\') {
            t->at++;
            escape(t);
        } else if (c < 0x80) {
            put_utf8(t, (unsigned)c);
            t->at++;
        } else {
            utf8(t);
        }
    }
    t->at++;
}

static void value(struct text *t);

static void open(struct text *t)
{
    if (t->depth == JSON_READER_DEPTH_MAX) stop(t, JSON_READER_NESTING, t->at);
    t->depth++;
    t->at++;
    space(t);
}

static void object(struct text *t)
{
    size_t first = t->names_length;
    open(t);
    if (peek(t) == '}') goto close;
    for (;;) {
        need(t, peek(t) == '"');
        size_t quote = t->at;
        size_t name = t->names_length;
        t->names_length += sizeof(size_t);
        string(t);
        size_t size = t->names_length - name - sizeof size;
        memcpy(t->names + name, &size, sizeof size);
        for (size_t other = first, other_size; other < name; other += sizeof size + other_size) {
            memcpy(&other_size, t->names + other, sizeof size);
            if (size == other_size &&
                memcmp(t->names + other, t->names + name, sizeof size + size) == 0) {
                stop(t, JSON_READER_DUPLICATE, quote);
            }
        }
        space(t);
        need(t, peek(t) == ':');
        t->at++;
        value(t);
        space(t);
        if (peek(t) == '}') break;
        need(t, peek(t) == ',');
        t->at++;
        space(t);
    }
close:
    t->names_length = first;
    t->depth--;
    t->at++;
}

static void array(struct text *t)
{
    open(t);
    if (peek(t) != ']') {
        for (;; t->at++) {
            value(t);
            space(t);
            if (peek(t) == ']') break;
            need(t, peek(t) == ',');
        }
    }
    t->depth--;
    t->at++;
}

static void literal(struct text *t, const char *word)
{
    for (; *word != '\0'; word++, t->at++) need(t, peek(t) == *word);
}

static void value(struct text *t)
{
    space(t);
    int c = peek(t);
    size_t names_length = t->names_length;
    if (c == '[') {
        array(t);
    } else if (c == '{') {
        object(t);
    } else if (c == '"') {
        string(t);
    } else if (c == '-' || digit(c)) {
        number(t);
    } else if (c == 't') {
        literal(t, "true");
    } else if (c == 'f') {
        literal(t, "false");
    } else {
        need(t, c == 'n');
        literal(t, "null");
    }
    t->names_length = names_length;
}

/* ---- the second pass: over text known to be JSON, for what is in it */

static void put(struct text *t, const unsigned char *bytes, size_t length)
{
    memcpy(t->result->expanded + t->expanded_length, bytes, length);
    t->expanded_length += length;
}

static void put_byte(struct text *t)
{
    put(t, t->bytes + t->at++, 1);
}

/* Puts what value passes over, a scalar, \u0000 replaced and \ufffd respelled. */
static void put_scalar(struct text *t)
{
    const unsigned char *p = t->bytes + t->at;
    value(t);
    for (const unsigned char *end = t->bytes + t->at; p < end;) {
        bool nul = end - p > 6 && memcmp(p, "\\u0000", 6) == 0;
        bool own = end - p > 6 && memcmp(p, "\\ufffd", 6) == 0;
        size_t length = nul || own ? 6 : *p == '\\' ? 2 : 1;
        const char *spelled = nul ? "\\ufffd" : own ? "\\uFFFD" : (const char *)p;
        put(t, (const unsigned char *)spelled, length);
        p += length;
    }
}

static size_t rank_at(struct text *t)
{
    size_t at = t->at;
    size_t rank = 0;
    for (; t->bytes[t->at] == '['; rank++) {
        t->at++;
        space(t);
    }
    bool lifted = t->bytes[t->at] == '-' || digit(t->bytes[t->at]);
    if (lifted && rank > 0 && t->tensors++ == JSON_READER_TENSORS_MAX)
        stop(t, JSON_READER_LARGE, t->at);
    t->at = at;
    return lifted ? rank : 0;
}

static void element(struct text *t, size_t level, size_t rank, size_t *shape)
{
    int c = t->bytes[t->at];
    bool is_number = c == '-' || digit(c);
    if (c != '[' && !is_number) stop(t, JSON_READER_NOT_A_NUMBER, t->at);
    if (is_number != (level == rank)) stop(t, JSON_READER_RAGGED, t->at);
    if (is_number) {
        size_t from = t->at;
        number(t);
        char copy[4096];
        snprintf(copy, sizeof copy, "%.*s", (int)(t->at - from), (const char *)t->bytes + from);
        double read = strtod(copy, NULL);
        if (isinf(read)) stop(t, JSON_READER_RANGE, from);
        t->expanded_length +=
            (size_t)sprintf(t->result->expanded + t->expanded_length, "%.17g", read);
        return;
    }
    size_t count = 0;
    put_byte(t);
    space(t);
    while (t->bytes[t->at] != ']') {
        element(t, level + 1, rank, shape);
        count++;
        space(t);
        if (t->bytes[t->at] == ',') put_byte(t);
        space(t);
    }
    if (shape[level] == 0) shape[level] = count;
    if (shape[level] != count) stop(t, JSON_READER_RAGGED, t->at);
    put_byte(t);
}

static void content(struct text *t)
{
    space(t);
    int c = t->bytes[t->at];
    if (c != '[' && c != '{') {
        put_scalar(t);
        return;
    }
    size_t shape[JSON_READER_DEPTH_MAX] = {0};
    size_t rank = c == '[' ? rank_at(t) : 0;
    if (rank > 0) {
        element(t, 0, rank, shape);
        return;
    }
    put_byte(t);
    for (space(t); t->bytes[t->at] != ']' && t->bytes[t->at] != '}'; space(t)) {
        if (t->bytes[t->at] == ',' || t->bytes[t->at] == ':') {
            put_byte(t);
        } else {
            content(t);
        }
    }
    put_byte(t);
}

void json_reference_read(const char *bytes, size_t length, struct json_reference *reference)
{
    static struct text t;
    t = (struct text){.bytes = (const unsigned char *)bytes, .length = length, .result = reference};
    reference->fault = JSON_READER_NO_FAULT;
    reference->offset = 0;
    if (setjmp(t.fault) != 0) return;
    value(&t);
    space(&t);
    need(&t, t.at == t.length);
    t.at = 0;
    content(&t);
    reference->expanded[t.expanded_length] = '\0';
}
