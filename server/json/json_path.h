/* json_path.h - what is open in a JSON document being read: containers, element indices, member
 * names. Tells duplicate names and writes JSON Pointers. Knows nothing of JSON's grammar. */
#ifndef JSON_PATH_H
#define JSON_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_PATH_DEPTH_MAX   33   /* containers open at once */
#define JSON_PATH_NAMES_MAX   2048 /* bytes of member names, decoded, of all open objects */
#define JSON_PATH_MEMBERS_MAX 64   /* members of all open objects */

_Static_assert(JSON_PATH_NAMES_MAX <= UINT16_MAX, "positions in names are held in 16 bits");

struct json_path_frame {
    bool object;
    size_t index;        /* array: of the element at hand */
    size_t first_member; /* object: of its own in members; its current one is the last before the
                            next frame's */
};

struct json_path_member {
    uint16_t begin, length; /* the name, in names */
};

struct json_path {
    size_t depth; /* frames open */
    struct json_path_frame frames[JSON_PATH_DEPTH_MAX];
    bool names_passed; /* a limit of names or members was: no more names are kept, no duplicates
                          told */
    size_t member_count;
    struct json_path_member members[JSON_PATH_MEMBERS_MAX];
    size_t names_length;
    char names[JSON_PATH_NAMES_MAX];
};

void json_path_init(struct json_path *path);

/* The caller checks depth against JSON_PATH_DEPTH_MAX. */
void json_path_open(struct json_path *path, bool object);
void json_path_close(struct json_path *path);

/* A name of the innermost object, decoded, in as many pieces as there are. False: a limit is
 * passed. */
bool json_path_begin_name(struct json_path *path);
bool json_path_put_name(struct json_path *path, const char *text, size_t length);

/* False: the object has a member of that name already. */
bool json_path_end_name(struct json_path *path);

/* Writes the RFC 6901 pointer to the value at hand in frames[depth-1] to pointer[0..size-1], with a
 * NUL; an empty one if it does not fit. U+0000 in a name is written U+FFFD. No limit of names may
 * have been passed. */
void json_path_write(const struct json_path *path, size_t depth, char *pointer, size_t size);

#endif
