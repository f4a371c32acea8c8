/* guarded.h - text that ends where a protected page begins, so that reading past its end stops the
 * test. */
#ifndef GUARDED_H
#define GUARDED_H

#include <stddef.h>

/* The copy is valid until the next call. length is at most 1 MiB. */
const char *guarded(const char *text, size_t length);

#endif
