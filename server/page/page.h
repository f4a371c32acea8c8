/* page.h - what a browser fetches: the page at /, the pages of problems, and the contract. */
#ifndef PAGE_H
#define PAGE_H

#include <stddef.h>

/* The value of Content-Security-Policy for all of them: nothing from elsewhere, nothing inline. */
#define PAGE_POLICY                                                                 \
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " \
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

#define PAGE_PATH_MAX 64 /* bytes, NUL included */

/* Constant and alive as long as the program. */
struct page_file {
    char path[PAGE_PATH_MAX];
    const char *media_type;
    const char *bytes;
    size_t length;
    char etag[2 + 16 + 1]; /* strong, with its quotes; the same for the same bytes everywhere */
};

/* The file at a path: "/", "/page.css", "/page.js", "/openapi.yaml", "/problems/" and, for every
 * type of problem, "/problems/NAME". NULL: there is none. Any thread may call it. */
const struct page_file *page_find(const char *path);

#endif
