/* es6_numbers.h - the numbers of the ECMAScript number corpus, whose texts have published hashes.
 */
#ifndef ES6_NUMBERS_H
#define ES6_NUMBERS_H

/* What github.com/cyberphone/json-canonicalization, to which RFC 8785, appendix B, refers, tells of
 * its file es6testfile100m.txt (testdata/README.md): SHA-256 of the first so many lines. */
extern const struct es6_numbers_hash {
    unsigned long lines;
    const char *sha256;
} es6_numbers_hashes[6];

/* Writes the SHA-256, in hexadecimal, of the first lines of that file as decimal_print writes it,
 * 65 bytes. Each line is a double's bits in hexadecimal, a comma, and its text. */
void es6_numbers_hash(unsigned long lines, char *sha256);

#endif
