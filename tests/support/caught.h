/* caught.h - what is written to standard error, as text. */
#ifndef CAUGHT_H
#define CAUGHT_H

/* From here on standard error goes to a file, until caught_end returns what it holds, valid until
 * the next one. */
void caught_begin(void);
const char *caught_end(void);

#endif
