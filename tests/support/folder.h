/* folder.h - a folder of a test's own, and files in it. Every function fails the test where it
 * cannot do its work. */
#ifndef FOLDER_H
#define FOLDER_H

#include <stddef.h>

#define FOLDER_PATH_MAX 128 /* of the folder and a file in it */

/* Makes a folder, and removes it with all that is in it. */
void folder_make(char path[static FOLDER_PATH_MAX]);
void folder_remove(const char *path);

/* Puts a file of this text, or these bytes, in the place of what may be there, at once. */
void folder_write_text(const char *path, const char *text);
void folder_write_bytes(const char *path, const void *bytes, size_t length);

#endif
