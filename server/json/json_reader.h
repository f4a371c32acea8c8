/* json_reader.h - JSON text as it arrives -> an outline and its tensors. Knows nothing of HTTP or
 * MSE.
 *
 * A strict RFC 8259 reader that is fed chunks. A chunk may end anywhere, and no result depends on
 * where. Every array whose first element is a number, nested ([[1,2],[3,4]]) or not, is lifted into
 * a tensor; all other text, less white space, goes to the outline as it stands, where a lifted
 * array is written [k], k being its tensor's index. Since every array that begins with a number is
 * lifted, [k] cannot be mistaken for the caller's own. An escaped U+0000 is written JSON_READER_NUL
 * to the outline, since cJSON ends its strings at a NUL; nothing else is.
 *
 * Faults are of three kinds. Text that is not JSON ends the reading: all further text is ignored.
 * So does a budget that is spent. JSON that holds what cannot be represented
 * (JSON_READER_FIRST_CONTENT and later) is read on to its end for its grammar, storing nothing
 * more, since a text that is not JSON outweighs it. The first fault of a kind counts. With a fault
 * of any kind all tensors are freed at once.
 *
 * Two members of an object have the same name if their names are equal once their escapes are read.
 * After JSON_READER_LARGE for too many or too long names, duplicates are no longer told. */
#ifndef JSON_READER_H
#define JSON_READER_H

#include "base/tensor.h"
#include "json/json_path.h"
#include "json/json_text.h"

#include <stdint.h>

#define JSON_READER_DEPTH_MAX \
    JSON_PATH_DEPTH_MAX /* containers open at once: one object and TENSOR_RANK_MAX arrays */
#define JSON_READER_TENSORS_MAX 8    /* tensors in a document */
#define JSON_READER_OUTLINE_MAX 4096 /* bytes of outline, its NUL included */
#define JSON_READER_NUMBER_MAX  4096 /* bytes of one number's text */
#define JSON_READER_NAMES_MAX \
    JSON_PATH_NAMES_MAX /* bytes of member names, decoded, of all open objects */
#define JSON_READER_MEMBERS_MAX JSON_PATH_MEMBERS_MAX /* members of all open objects */
#define JSON_READER_POINTER_MAX \
    256 /* bytes of a JSON Pointer, its NUL included; a longer one is left out */

/* U+FFFD; what the caller has spelled so is spelled \uFFFD in the outline. */
#define JSON_READER_NUL "\\ufffd"

/* What error.expected is where the document has ended, and the text goes on. */
#define JSON_READER_END "the end of the text"

enum json_reader_status {
    JSON_READER_MORE, /* the beginning of a document */
    JSON_READER_DONE, /* a whole document; only white space may follow */
    JSON_READER_BAD   /* not JSON, or JSON_READER_MEMORY, whatever may follow */
};

enum json_reader_fault {
    JSON_READER_NO_FAULT,
    /* The text is not JSON. */
    JSON_READER_SYNTAX,    /* grammar: expected says what was expected at offset */
    JSON_READER_ENCODING,  /* the byte at offset is not UTF-8 */
    JSON_READER_SURROGATE, /* half of a \u surrogate pair without the other */
    JSON_READER_TRUNCATED, /* the text ends within the document; offset is its length */
    JSON_READER_NESTING,   /* the bracket at offset opens more than JSON_READER_DEPTH_MAX containers
                            */
    JSON_READER_DUPLICATE, /* the member name whose opening quote is at offset was given before in
                              its object */
    /* JSON, with content that cannot be represented. */
    JSON_READER_FIRST_CONTENT,
    JSON_READER_NOT_A_NUMBER =
        JSON_READER_FIRST_CONTENT, /* an element of a tensor is no number; pointer names it */
    JSON_READER_RAGGED, /* an array in a tensor has found elements where its siblings have expected
                         */
    JSON_READER_RANGE,  /* a number in a tensor is beyond the largest double; pointer names it */
    JSON_READER_LONG_NUMBER, /* a number of more than JSON_READER_NUMBER_MAX bytes */
    JSON_READER_LARGE, /* a limit of the outline, the names, the members or the tensors is passed */
    /* The tensors' budget, or the memory, is spent. */
    JSON_READER_MEMORY
};

struct json_reader_error {
    enum json_reader_fault fault;
    uint64_t offset; /* in the text, from 0: for JSON of the byte that first could not follow, for
                        content of the number, string, literal or bracket that showed it */
    const char *expected; /* static, for SYNTAX: "a value", "',' or ']'", ...; else NULL */
    int found;            /* SYNTAX, ENCODING, SURROGATE: the byte at offset; else -1 */
    size_t expected_length,
        found_length; /* RAGGED: elements. found_length SIZE_MAX: a number stood for an array of
                         expected_length, or, if that is 0, an array for a number */
    char pointer[JSON_READER_POINTER_MAX]; /* RFC 6901, of the value at fault; empty where there is
                                              none to name */
};

struct json_reader {
    struct json_reader_error error;
    size_t tensor_count;
    struct tensor tensors[JSON_READER_TENSORS_MAX];
    size_t outline_length;
    char outline[JSON_READER_OUTLINE_MAX]; /* NUL-terminated after json_reader_finish */

    /* private */
    struct tensor_budget *budget;
    const char *chunk;     /* the one being fed */
    uint64_t chunk_offset; /* of chunk in the text */
    uint64_t token;        /* offset of the token at hand */

    int state; /* what may come next, an enum of json_reader.c */
    struct json_text_string string;
    enum json_text_number number;
    const char *literal;  /* the one being read */
    size_t literal_taken; /* bytes of it */

    struct json_path path;
    size_t pending; /* innermost frames of path that are arrays just opened: lifted if a number
                       follows */
    bool in_tensor; /* the last one is being filled */
    size_t lifted;  /* then path.frames[lifted] is its outermost array */

    size_t number_length;                         /* JSON_READER_NUMBER_MAX + 1: longer */
    char number_text[JSON_READER_NUMBER_MAX + 1]; /* of a number that a chunk's end has cut */
};

/* The caller owns the reader and frees it with json_reader_free; tensors are charged to budget. */
void json_reader_init(struct json_reader *reader, struct tensor_budget *budget);

/* Says, before any text, that it begins at this byte of something longer: offsets count from there.
 */
void json_reader_start_at(struct json_reader *reader, uint64_t offset);

/* Takes every byte of text[0..length-1]. */
enum json_reader_status json_reader_feed(struct json_reader *reader, const char *text,
                                         size_t length);

/* The text has ended: DONE or BAD. After DONE with error.fault NO_FAULT, outline and tensors hold
 * the document; the caller may move a tensor out by copying it and calling tensor_init on what is
 * left. */
enum json_reader_status json_reader_finish(struct json_reader *reader);

/* Frees the tensors; the reader itself is the caller's. */
void json_reader_free(struct json_reader *reader);

#endif
