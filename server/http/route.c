/* route.c - finds what stands at a path. Knows nothing of what stands there. */
#include "http/route.h"

#include <stdio.h>
#include <string.h>

/* The length of the segment at which a path stands. */
static size_t segment_length(const char *path)
{
    return strcspn(path, "/");
}

/* Both stand at a segment. */
static bool is_same_segment(const char *pattern, const char *path)
{
    size_t length = segment_length(path);
    if (*pattern == '{') return length > 0;
    return length == segment_length(pattern) && memcmp(pattern, path, length) == 0;
}

static bool matches(const char *pattern, const char *path)
{
    while (*pattern == '/' && *path == '/') {
        pattern++;
        path++;
        if (!is_same_segment(pattern, path)) return false;
        pattern += segment_length(pattern);
        path += segment_length(path);
    }
    return *pattern == '\0' && *path == '\0';
}

const struct route *route_find(const struct route_table *table, const char *path)
{
    for (size_t i = 0; i < table->count; i++) {
        if (matches(table->routes[i].path, path)) return &table->routes[i];
    }
    return NULL;
}

const char *route_parameter(const struct route *route, const char *path, const char *parameter,
                            size_t *length)
{
    const char *pattern = route->path;
    while (*pattern == '/' && *path == '/') {
        pattern++;
        path++;
        *length = segment_length(path);
        size_t pattern_length = segment_length(pattern);
        if (pattern_length == strlen(parameter) && memcmp(pattern, parameter, pattern_length) == 0)
            return path;
        pattern += pattern_length;
        path += *length;
    }
    return NULL;
}

const struct route *route_near(const struct route_table *table, const char *path)
{
    for (size_t i = 0; i < table->count && *path == '/'; i++) {
        if (is_same_segment(table->routes[i].path + 1, path + 1)) return &table->routes[i];
    }
    return NULL;
}

void route_print_paths(const struct route_table *table,
                       void (*refuse)(const struct problem *, struct response *), char *text,
                       size_t size)
{
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < table->count; i++) {
        if (table->routes[i].refuse != refuse) continue;
        int written = snprintf(text + length, size - length, "%s%s", length == 0 ? "" : ", ",
                               table->routes[i].path);
        if ((size_t)written >= size - length) {
            text[length] = '\0';
            return;
        }
        length += (size_t)written;
    }
}
