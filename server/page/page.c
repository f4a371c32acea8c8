/* page.c - path -> a file that is compiled in, or the page of a problem. Knows nothing of HTTP but
 * what an entity tag looks like. */
#include "page/page.h"

#include "http/problem.h"
#include "page/problem_pages.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* From page_files.S: the first byte of each file, and the byte after its last. */
extern const char page_files_openapi[], page_files_openapi_end[];
extern const char page_files_index[], page_files_index_end[];
extern const char page_files_style[], page_files_style_end[];
extern const char page_files_script[], page_files_script_end[];

#define HTML "text/html; charset=utf-8"

enum { EMBEDDED = 4, FILES = EMBEDDED + 1 + PROBLEM_TYPES };

static struct page_file files[FILES];
static pthread_once_t files_made = PTHREAD_ONCE_INIT;

/* 64 bits of FNV-1a: enough to tell one build's file from another's; it need not resist an
 * attacker. */
static uint64_t hash(const char *bytes, size_t length)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < length; i++) {
        hash ^= (unsigned char)bytes[i];
        hash *= UINT64_C(0x100000001b3);
    }
    return hash;
}

static void set_file(struct page_file *file, const char *directory, const char *name,
                     const char *media_type, const char *bytes, const char *end)
{
    file->media_type = media_type;
    file->bytes = bytes;
    file->length = (size_t)(end - bytes);
    snprintf(file->path, sizeof file->path, "%s%s", directory, name);
    snprintf(file->etag, sizeof file->etag, "\"%016" PRIx64 "\"", hash(bytes, file->length));
}

static void make_files(void)
{
    static char index[PROBLEM_PAGES_INDEX_MAX];
    static char pages[PROBLEM_TYPES][PROBLEM_PAGES_MAX];
    struct page_file *file = files;

    set_file(file++, "/", "", HTML, page_files_index, page_files_index_end);
    set_file(file++, "/", "page.css", "text/css; charset=utf-8", page_files_style,
             page_files_style_end);
    set_file(file++, "/", "page.js", "text/javascript; charset=utf-8", page_files_script,
             page_files_script_end);
    set_file(file++, "/", "openapi.yaml", "application/yaml", page_files_openapi,
             page_files_openapi_end);

    size_t length = problem_pages_print_index(index);
    set_file(file++, "/problems/", "", HTML, index, index + length);
    for (int type = 0; type < PROBLEM_TYPES; type++) {
        length = problem_pages_print(pages[type], (enum problem_type)type);
        set_file(file++, "/problems/", problem_name((enum problem_type)type), HTML, pages[type],
                 pages[type] + length);
    }
}

const struct page_file *page_find(const char *path)
{
    pthread_once(&files_made, make_files);
    for (size_t i = 0; i < FILES; i++) {
        if (strcmp(path, files[i].path) == 0) return &files[i];
    }
    return NULL;
}
