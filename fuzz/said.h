/* said.h - what is written to standard output or standard error, as text. */
#ifndef SAID_H
#define SAID_H

#include <stddef.h>

/* All zero to begin with. */
struct said {
    int file, kept; /* descriptors: of what is caught, and a copy of the one that is */
    size_t length;
    char text[1 << 16]; /* NUL-terminated */
};

/* What is written to the descriptor goes to said, until said_end sets its text and length. Reports
 * of sanitizers go to where standard error was at first. */
void said_begin(struct said *said, int descriptor);
void said_end(struct said *said, int descriptor);

#endif
