/* guarded.c - text that ends where a protected page begins. */
#include "support/guarded.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ROOM     ((size_t)1 << 20)
#define PAGE_MAX ((size_t)1 << 16)

const char *guarded(const char *text, size_t length)
{
    static char *room;
    if (room == NULL) {
        room =
            mmap(NULL, ROOM + PAGE_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (room == MAP_FAILED || mprotect(room + ROOM, PAGE_MAX, PROT_NONE) != 0) abort();
    }
    if (length > ROOM) abort();
    memcpy(room + ROOM - length, text, length);
    return room + ROOM - length;
}
