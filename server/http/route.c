/* route.c - finds what stands at a path. Knows nothing of what stands there. */
#include "http/route.h"

#include <stdio.h>
#include <string.h>

const struct route *route_find(const struct route_table *table, const char *path)
{
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(path, table->routes[i].path) == 0) return &table->routes[i];
    }
    return NULL;
}

void route_print_paths(const struct route_table *table, char *text, size_t size)
{
    size_t length = 0;
    for (size_t i = 0; i < table->count && length < size; i++) {
        length += (size_t)snprintf(text + length, size - length, "%s%s", i == 0 ? "" : ", ",
                                   table->routes[i].path);
    }
}
