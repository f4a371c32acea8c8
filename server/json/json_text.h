/* json_text.h - the tokens of RFC 8259 that a chunk of text may cut anywhere, strings and numbers,
 * a byte at a time. Knows nothing of documents.
 *
 * Both automata judge each byte at once: the first byte that is refused is the first that cannot
 * follow what was taken. */
#ifndef JSON_TEXT_H
#define JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

enum json_text_status {
    JSON_TEXT_MORE,     /* the byte belongs to the string */
    JSON_TEXT_END,      /* the byte is the string's closing quote */
    JSON_TEXT_CONTROL,  /* a control character that is not escaped */
    JSON_TEXT_ESCAPE,   /* no escape begins so */
    JSON_TEXT_HEX,      /* no hexadecimal digit in \uXXXX */
    JSON_TEXT_ENCODING, /* not UTF-8: overlong, an encoded surrogate, beyond U+10FFFF, or no such
                           sequence at all */
    JSON_TEXT_SURROGATE /* half of a \u surrogate pair without the other */
};

/* A string after its opening quote, cut after any byte. */
struct json_text_string {
    unsigned char state;
    unsigned char left;      /* in a UTF-8 sequence or in \uXXXX: bytes to come */
    unsigned char low, high; /* in a UTF-8 sequence: the bounds of the next byte */
    unsigned code;           /* in \uXXXX: its digits so far */
    unsigned high_half;      /* the first half of a surrogate pair whose second is to come, or 0 */
    unsigned char decoded_length; /* what the last byte taken completed:
                                     decoded[0..decoded_length-1], in UTF-8 */
    char decoded[4];
};

void json_text_string_begin(struct json_text_string *string);
enum json_text_status json_text_string_next(struct json_text_string *string, char byte);

/* True between two characters, where any plain one (json_text_plain) may be passed over without a
 * call. */
bool json_text_string_between(const struct json_text_string *string);

/* ASCII that stands for itself in a string and does not end it. */
static inline bool json_text_plain(char byte)
{
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

/* A number, cut after any byte: where it stands in the grammar. */
enum json_text_number {
    JSON_TEXT_NUMBER_BEGIN,
    JSON_TEXT_NUMBER_MINUS,
    JSON_TEXT_NUMBER_ZERO, /* a leading zero: no digit may follow */
    JSON_TEXT_NUMBER_INTEGER,
    JSON_TEXT_NUMBER_POINT,
    JSON_TEXT_NUMBER_FRACTION,
    JSON_TEXT_NUMBER_E,
    JSON_TEXT_NUMBER_E_SIGN,
    JSON_TEXT_NUMBER_EXPONENT,
    JSON_TEXT_NUMBER_END, /* the byte is not the number's any more; the number before it is whole */
    JSON_TEXT_NUMBER_BAD  /* a digit was needed */
};

enum json_text_number json_text_number_next(enum json_text_number state, char byte);

/* True if a number may end here. */
bool json_text_number_whole(enum json_text_number state);

/* The end of the value or member name that begins at text: JSON without white space,
 * NUL-terminated.
 */
const char *json_text_skip(const char *text);

#endif
