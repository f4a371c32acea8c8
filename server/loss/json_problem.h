/* json_problem.h - what json_reader found wrong -> a problem that says what to change. */
#ifndef JSON_PROBLEM_H
#define JSON_PROBLEM_H

#include "http/problem.h"
#include "json/json_reader.h"

/* error->fault must not be JSON_READER_NO_FAULT. */
void json_problem_set(struct problem *problem, const struct json_reader_error *error);

/* Appends a member's name to a JSON Pointer, with its slash and its escapes. Where there is no room
 * the pointer becomes empty. */
void json_problem_point(char pointer[static PROBLEM_POINTER_MAX], const char *name);

#endif
