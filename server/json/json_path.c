/* json_path.c - what is open in a JSON document being read. Knows nothing of JSON's grammar. */
#include "json/json_path.h"

#include <stdio.h>
#include <string.h>

void json_path_init(struct json_path *path)
{
    path->depth = 0;
    path->names_passed = false;
    path->member_count = 0;
    path->names_length = 0;
}

void json_path_open(struct json_path *path, bool object)
{
    path->frames[path->depth++] =
        (struct json_path_frame){.object = object, .first_member = path->member_count};
}

void json_path_close(struct json_path *path)
{
    path->member_count = path->frames[--path->depth].first_member;
    const struct json_path_member *last = &path->members[path->member_count];
    path->names_length = path->member_count == 0 ? 0 : (size_t)last[-1].begin + last[-1].length;
}

bool json_path_begin_name(struct json_path *path)
{
    if (path->member_count == JSON_PATH_MEMBERS_MAX) path->names_passed = true;
    if (path->names_passed) return false;
    path->members[path->member_count].begin = (uint16_t)path->names_length;
    return true;
}

bool json_path_put_name(struct json_path *path, const char *text, size_t length)
{
    if (length > JSON_PATH_NAMES_MAX - path->names_length) path->names_passed = true;
    if (path->names_passed) return false;
    memcpy(path->names + path->names_length, text, length);
    path->names_length += length;
    return true;
}

bool json_path_end_name(struct json_path *path)
{
    if (path->names_passed) return true;
    struct json_path_member *name = &path->members[path->member_count];
    name->length = (uint16_t)(path->names_length - name->begin);
    for (size_t i = path->frames[path->depth - 1].first_member; i < path->member_count; i++) {
        const struct json_path_member *other = &path->members[i];
        if (other->length != name->length) continue;
        if (memcmp(path->names + other->begin, path->names + name->begin, name->length) == 0)
            return false;
    }
    path->member_count++;
    return true;
}

/* Returns the length with text appended, or size if that does not fit. */
static size_t append(char *pointer, size_t size, size_t length, const char *text,
                     size_t text_length)
{
    if (text_length >= size - length) return size;
    memcpy(pointer + length, text, text_length);
    return length + text_length;
}

static size_t append_name(char *pointer, size_t size, size_t length, const char *name,
                          size_t name_length)
{
    length = append(pointer, size, length, "/", 1);
    for (; name_length > 0; name++, name_length--) {
        const char *escape = *name == '~'    ? "~0"
                             : *name == '/'  ? "~1"
                             : *name == '\0' ? "\xef\xbf\xbd"
                                             : NULL;
        length = escape ? append(pointer, size, length, escape, strlen(escape))
                        : append(pointer, size, length, name, 1);
    }
    return length;
}

void json_path_write(const struct json_path *path, size_t depth, char *pointer, size_t size)
{
    size_t length = 0;
    for (size_t i = 0; i < depth; i++) {
        if (path->frames[i].object) {
            size_t next =
                i + 1 < path->depth ? path->frames[i + 1].first_member : path->member_count;
            const struct json_path_member *name = &path->members[next - 1];
            length = append_name(pointer, size, length, path->names + name->begin, name->length);
        } else {
            char index[sizeof "/18446744073709551615"];
            int written = snprintf(index, sizeof index, "/%zu", path->frames[i].index);
            length = append(pointer, size, length, index, (size_t)written);
        }
    }
    pointer[length < size ? length : 0] = '\0';
}
