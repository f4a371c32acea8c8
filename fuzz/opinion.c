/* opinion.c - see opinion.h. */
#include "opinion.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 25 /* bytes that %.17g writes, its NUL included: -1.2345678901234567e-308 */

/* Writes strtod's value of the number at p instead of the number, since cJSON reads its first 63
 * bytes only. */
static const char *put_number(char **out, const char *p)
{
    char *end;
    double value = strtod(p, &end);
    *out += isinf(value) ? sprintf(*out, "%s", value < 0 ? "-1e999" : "1e999")
                         : sprintf(*out, "%.17g", value);
    return end;
}

static const char *put_string(char **out, const char *p)
{
    *(*out)++ = *p++;
    while (*p != '"' && *p != '\0') {
        size_t length = *p == '\\' && p[1] != '\0' ? 2 : 1;
        const char *from = p;
        if (strncmp(p, "\\u0000", 6) == 0) {
            from = "\\ufffd";
            length = 6;
        }
        memcpy(*out, from, length);
        *out += length;
        p += length;
    }
    return p;
}

cJSON *opinion_of(const char *text, size_t length)
{
    char *copy = strndup(text, length);
    char *rewritten = malloc(length * NUMBER_MAX + 1);
    if (copy == NULL || rewritten == NULL) abort();
    char *out = rewritten;
    for (const char *p = copy; *p != '\0';) {
        if (*p == '-' || isdigit((unsigned char)*p)) {
            p = put_number(&out, p);
            continue;
        }
        if (*p == '"') p = put_string(&out, p);
        *out++ = *p++;
    }
    *out = '\0';
    cJSON *root = cJSON_ParseWithOpts(rewritten, NULL, 1);
    free(rewritten);
    free(copy);
    return root;
}

/* Decodes the reference token at *pointer, which is set to what follows it. */
static void read_token(const char **pointer, char *token, size_t size)
{
    const char *p = *pointer;
    size_t length = 0;
    for (; *p != '\0' && *p != '/' && length + 1 < size; p++) {
        token[length++] = *p != '~' ? *p : *++p == '0' ? '~' : '/';
    }
    token[length] = '\0';
    *pointer = p;
}

const cJSON *opinion_at(const cJSON *root, const char *pointer)
{
    char token[512];
    while (root != NULL && *pointer == '/') {
        pointer++;
        read_token(&pointer, token, sizeof token);
        root = cJSON_IsArray(root) ? cJSON_GetArrayItem(root, atoi(token))
                                   : cJSON_GetObjectItemCaseSensitive(root, token);
    }
    return root;
}
