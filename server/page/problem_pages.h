/* problem_pages.h - a type of problem -> a small HTML page: what it means, an example, how to mend
 * it. */
#ifndef PROBLEM_PAGES_H
#define PROBLEM_PAGES_H

#include "http/problem.h"

/* Bytes, NUL included, for one page and for the list of all. A longer page would be cut. */
#define PROBLEM_PAGES_MAX       4096
#define PROBLEM_PAGES_INDEX_MAX 8192

/* Prints a page, NUL-terminated, and returns its length in bytes. */
size_t problem_pages_print(char page[static PROBLEM_PAGES_MAX], enum problem_type type);

/* Prints the page that lists all of them, and returns its length in bytes. */
size_t problem_pages_print_index(char page[static PROBLEM_PAGES_INDEX_MAX]);

#endif
