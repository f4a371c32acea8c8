/* folder.c - a folder of a test's own, and files in it. */
#include "support/folder.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void folder_make(char path[static FOLDER_PATH_MAX])
{
    const char *parent = getenv("TMPDIR");
    int length = snprintf(path, FOLDER_PATH_MAX, "%s/mse-test-XXXXXX", parent ? parent : "/tmp");
    assert_true(length + 32 < FOLDER_PATH_MAX); /* room for a file's name */
    assert_non_null(mkdtemp(path));
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type, (void)place;
    return remove(path);
}

void folder_remove(const char *path)
{
    assert_int_equal(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

void folder_write_bytes(const char *path, const void *bytes, size_t length)
{
    char fresh[FOLDER_PATH_MAX + 4];
    snprintf(fresh, sizeof fresh, "%s.new", path);
    FILE *file = fopen(fresh, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(fresh, path), 0);
}

void folder_write_text(const char *path, const char *text)
{
    folder_write_bytes(path, text, strlen(text));
}
