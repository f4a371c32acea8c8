/* decimal.h - text <-> double, both exact. Knows JSON's number grammar and nothing else of JSON.
 *
 * No function allocates, does I/O, or looks at the locale; all may be called from any thread. */
#ifndef DECIMAL_H
#define DECIMAL_H

#include <stddef.h>

enum decimal_status {
    DECIMAL_DONE,  /* *value is set */
    DECIMAL_MORE,  /* all text up to limit is a number, or the beginning of one, that further text
                      might continue */
    DECIMAL_BAD,   /* not a number: *end is the first byte that no number has there */
    DECIMAL_RANGE, /* a number that rounds beyond the largest finite double */
};

/* Reads the number at text by the grammar of RFC 8259, section 6, to the double nearest to its
 * exact value, ties to even; what is smaller than half the smallest subnormal is 0 with its sign.
 * Reads no byte at or past limit. *end is set to the byte after the number (DONE, RANGE), to limit
 * (MORE) or to the offending byte (BAD); *value is unchanged unless DONE. */
enum decimal_status decimal_parse(const char *text, const char *limit, const char **end,
                                  double *value);

/* Bytes of the longest number that decimal_parse_run takes. */
#define DECIMAL_RUN_NUMBER_MAX 4096

/* Where a run's first element stands in its row. */
struct decimal_row {
    size_t length; /* elements in each row; 0: the row has no end */
    size_t index;  /* less than length, if that is not 0 */
};

/* Reads a run of array elements, each with what follows it: (ws number ws sep)*, ws being JSON's
 * white space. sep is a comma, or, behind the last element of a row, ']' ws ',' ws '['. Stops
 * before the first element that is not a number by decimal_parse's rules with its sep, all before
 * limit, or that is beyond the largest double or longer than DECIMAL_RUN_NUMBER_MAX, and after room
 * of them. Reads no byte before text, nor at or past limit. Returns how many values are stored;
 * *end is set to the byte after the last sep taken, text if none was. */
size_t decimal_parse_run(const char *text, const char *limit, const char **end, double *values,
                         size_t room, struct decimal_row row);

/* Bytes of room that decimal_print needs at out, all of which it may write to. The longest text has
 * 25: -0.0000012345678901234567 */
#define DECIMAL_PRINT_MAX 32

/* Writes the shortest decimal that reads back as value, which must be finite, and of those the
 * closest to it (ties to an even last digit), laid out as ECMAScript's Number::toString does (RFC
 * 8785): 0.034682, 1e-7, 5e-324, 1e+21, and 0 for either zero. Returns the length of the text;
 * writes no NUL. */
size_t decimal_print(double value, char *out);

/* The same in two steps, of many values. In between each is (negative ? - : +) digits *
 * 10^exponent, digits being less than 10^17; zeros may stand at their end, which count for nothing.
 */
struct decimal_scale {
    int exponent;
    int negative;
};

/* Sets digits, count words of 64 bits, which may stand in the memory of the values, and their
 * scales. */
void decimal_shortest_run(const double *values, size_t count, void *digits,
                          struct decimal_scale *scales);

/* Writes each, or its negative if negate is not 0, with a comma after it, as decimal_print does.
 * Returns the length of the text. Each that is left to write needs DECIMAL_PRINT_MAX bytes of room.
 */
size_t decimal_write_run(const void *digits, const struct decimal_scale *scales, size_t count,
                         int negate, char *out);

#endif
