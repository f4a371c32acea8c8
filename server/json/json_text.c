/* json_text.c - JSON's strings and numbers, a byte at a time. Knows nothing of documents. */
#include "json/json_text.h"

#include <string.h>

enum {
    BETWEEN,     /* characters; decoded bytes are the string's */
    ESCAPE,      /* after a backslash */
    HEX,         /* in \uXXXX */
    UTF8,        /* in a sequence of several bytes */
    SECOND_HALF, /* after \uD83D: a backslash */
    SECOND_U     /* after \uD83D and a backslash: a u */
};

void json_text_string_begin(struct json_text_string *string)
{
    *string = (struct json_text_string){.state = BETWEEN};
}

bool json_text_string_between(const struct json_text_string *string)
{
    return string->state == BETWEEN;
}

static enum json_text_status take(struct json_text_string *string, int state, unsigned char byte)
{
    string->state = (unsigned char)state;
    string->decoded[0] = (char)byte;
    string->decoded_length = 1;
    return JSON_TEXT_MORE;
}

static enum json_text_status move(struct json_text_string *string, int state)
{
    string->state = (unsigned char)state;
    return JSON_TEXT_MORE;
}

/* The first byte of a UTF-8 sequence says how many follow, and for four of them (Unicode, table
 * 3-7) what the second may be, so that nothing is overlong, a surrogate or beyond U+10FFFF. */
static enum json_text_status begin_sequence(struct json_text_string *string, unsigned char byte)
{
    if (byte < 0xc2 || byte > 0xf4) return JSON_TEXT_ENCODING;
    string->left = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    string->low = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
    string->high = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
    return take(string, UTF8, byte);
}

static enum json_text_status continue_sequence(struct json_text_string *string, unsigned char byte)
{
    if (byte < string->low || byte > string->high) return JSON_TEXT_ENCODING;
    string->low = 0x80;
    string->high = 0xbf;
    string->left--;
    return take(string, string->left == 0 ? BETWEEN : UTF8, byte);
}

static enum json_text_status escape(struct json_text_string *string, unsigned char byte)
{
    switch (byte) {
    case '"':
    case '\\':
    case '/':
        return take(string, BETWEEN, byte);
    case 'b':
        return take(string, BETWEEN, '\b');
    case 'f':
        return take(string, BETWEEN, '\f');
    case 'n':
        return take(string, BETWEEN, '\n');
    case 'r':
        return take(string, BETWEEN, '\r');
    case 't':
        return take(string, BETWEEN, '\t');
    case 'u':
        string->left = 4;
        string->code = 0;
        return move(string, HEX);
    default:
        return JSON_TEXT_ESCAPE;
    }
}

static void encode(struct json_text_string *string, unsigned code)
{
    static const unsigned char lead[] = {0, 0x00, 0xc0, 0xe0, 0xf0};
    unsigned length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (unsigned i = length - 1; i > 0; i--, code >>= 6)
        string->decoded[i] = (char)(0x80 | (code & 0x3f));
    string->decoded[0] = (char)(lead[length] | code);
    string->decoded_length = (unsigned char)length;
}

/* Halves of surrogate pairs are D800-DBFF, then DC00-DFFF: the second digit tells which, if any. */
static enum json_text_status hex(struct json_text_string *string, unsigned char byte)
{
    unsigned char letter = byte | 0x20;
    unsigned digit = 16;
    if (byte >= '0' && byte <= '9') digit = (unsigned)(byte - '0');
    if (letter >= 'a' && letter <= 'f') digit = (unsigned)(letter - 'a' + 10);
    if (digit == 16) return JSON_TEXT_HEX;
    bool second_half = string->high_half != 0;
    if (string->left == 4 && second_half && digit != 0xd) return JSON_TEXT_SURROGATE;
    if (string->left == 3 && string->code == 0xd && (second_half ? digit < 0xc : digit >= 0xc)) {
        return JSON_TEXT_SURROGATE;
    }
    string->code = string->code << 4 | digit;
    if (--string->left > 0) return JSON_TEXT_MORE;
    if (second_half) {
        encode(string, 0x10000 + ((string->high_half - 0xd800) << 10) + (string->code - 0xdc00));
        string->high_half = 0;
    } else if (string->code >= 0xd800 && string->code < 0xdc00) {
        string->high_half = string->code;
        return move(string, SECOND_HALF);
    } else {
        encode(string, string->code);
    }
    return move(string, BETWEEN);
}

enum json_text_status json_text_string_next(struct json_text_string *string, char byte)
{
    unsigned char c = (unsigned char)byte;
    string->decoded_length = 0;
    switch (string->state) {
    case ESCAPE:
        return escape(string, c);
    case HEX:
        return hex(string, c);
    case UTF8:
        return continue_sequence(string, c);
    case SECOND_HALF:
        return c == '\\' ? move(string, SECOND_U) : JSON_TEXT_SURROGATE;
    case SECOND_U:
        string->left = 4;
        string->code = 0;
        return c == 'u' ? move(string, HEX) : JSON_TEXT_SURROGATE;
    }
    if (c == '"') return JSON_TEXT_END;
    if (c == '\\') return move(string, ESCAPE);
    if (c < 0x20) return JSON_TEXT_CONTROL;
    return c < 0x80 ? take(string, BETWEEN, c) : begin_sequence(string, c);
}

enum json_text_number json_text_number_next(enum json_text_number state, char byte)
{
    bool digit = byte >= '0' && byte <= '9';
    bool e = byte == 'e' || byte == 'E';
    switch (state) {
    case JSON_TEXT_NUMBER_BEGIN:
        if (byte == '-') return JSON_TEXT_NUMBER_MINUS;
        /* fall through */
    case JSON_TEXT_NUMBER_MINUS:
        return byte == '0' ? JSON_TEXT_NUMBER_ZERO
               : digit     ? JSON_TEXT_NUMBER_INTEGER
                           : JSON_TEXT_NUMBER_BAD;
    case JSON_TEXT_NUMBER_INTEGER:
        if (digit) return JSON_TEXT_NUMBER_INTEGER;
        /* fall through */
    case JSON_TEXT_NUMBER_ZERO:
        return byte == '.' ? JSON_TEXT_NUMBER_POINT : e ? JSON_TEXT_NUMBER_E : JSON_TEXT_NUMBER_END;
    case JSON_TEXT_NUMBER_POINT:
        return digit ? JSON_TEXT_NUMBER_FRACTION : JSON_TEXT_NUMBER_BAD;
    case JSON_TEXT_NUMBER_FRACTION:
        return digit ? JSON_TEXT_NUMBER_FRACTION : e ? JSON_TEXT_NUMBER_E : JSON_TEXT_NUMBER_END;
    case JSON_TEXT_NUMBER_E:
        if (byte == '+' || byte == '-') return JSON_TEXT_NUMBER_E_SIGN;
        /* fall through */
    case JSON_TEXT_NUMBER_E_SIGN:
        return digit ? JSON_TEXT_NUMBER_EXPONENT : JSON_TEXT_NUMBER_BAD;
    case JSON_TEXT_NUMBER_EXPONENT:
        return digit ? JSON_TEXT_NUMBER_EXPONENT : JSON_TEXT_NUMBER_END;
    case JSON_TEXT_NUMBER_END:
    case JSON_TEXT_NUMBER_BAD:
        break;
    }
    return JSON_TEXT_NUMBER_BAD;
}

bool json_text_number_whole(enum json_text_number state)
{
    return state == JSON_TEXT_NUMBER_ZERO || state == JSON_TEXT_NUMBER_INTEGER ||
           state == JSON_TEXT_NUMBER_FRACTION || state == JSON_TEXT_NUMBER_EXPONENT;
}

/* ---- text that is known to be JSON */

static const char *skip_string(const char *text)
{
    for (text++; *text != '"'; text++) {
        if (*text == '\\') text++;
    }
    return text + 1;
}

const char *json_text_skip(const char *text)
{
    size_t depth = 0;
    do {
        if (*text == '"') {
            text = skip_string(text);
            continue;
        }
        if (*text == '{' || *text == '[') depth++;
        if (*text == '}' || *text == ']') depth--;
        text++;
    } while (depth > 0 || strchr(",:]}", *text) == NULL); /* the NUL is one of them */
    return text;
}
