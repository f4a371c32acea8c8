/* media_type.c - Accept and Content-Type headers -> yes or no. Knows nothing of which media types
 * there are. */
#include "http/media_type.h"

#include <string.h>
#include <strings.h>

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t')) p++;
    return p;
}

/* The end of the text from p on without trailing white space. */
static const char *trim(const char *p, const char *end)
{
    while (end > p && (end[-1] == ' ' || end[-1] == '\t')) end--;
    return end;
}

static bool equals(const char *p, const char *end, const char *text)
{
    size_t length = strlen(text);
    return (size_t)(end - p) == length && strncasecmp(p, text, length) == 0;
}

static const char *find(const char *p, const char *end, char c)
{
    while (p < end && *p != c) p++;
    return p;
}

bool media_type_is(const char *content_type, const char *media_type)
{
    const char *end = content_type + strlen(content_type);
    const char *p = skip_space(content_type, end);
    return equals(p, trim(p, find(p, end, ';')), media_type);
}

/* How closely a media range matches: 0 not at all, 1 as any, 2 by its type, 3 by type and subtype.
 * A coding is matched as any or by its name. */
static int match(const char *p, const char *end, const char *media_type)
{
    const char *slash = strchr(media_type, '/');
    if (slash == NULL) return equals(p, end, media_type) ? 3 : equals(p, end, "*");
    size_t type_length = (size_t)(slash - media_type);
    if (equals(p, end, "*/*")) return 1;
    if ((size_t)(end - p) == type_length + 2 && strncasecmp(p, media_type, type_length + 1) == 0 &&
        end[-1] == '*') {
        return 2;
    }
    return equals(p, end, media_type) ? 3 : 0;
}

/* A quality value, "0", "0.5", "1.000" (RFC 9110, section 12.4.2), in thousandths. What is not one
 * counts as 1, as in nginx and Go. */
static unsigned thousandths(const char *p, const char *end)
{
    unsigned value = 0;
    unsigned unit = 1000;
    if (p == end || (*p != '0' && *p != '1')) return 1000;
    value = (unsigned)(*p++ - '0') * unit;
    if (p < end && *p == '.') p++;
    for (; p < end && *p >= '0' && *p <= '9' && unit > 1; p++) {
        unit /= 10;
        value += (unsigned)(*p - '0') * unit;
    }
    return value < 1000 ? value : 1000;
}

/* The quality among the parameters from p on; 1 where there is none. */
static unsigned quality_of(const char *p, const char *end)
{
    while (p < end) {
        p = skip_space(p + 1, end);
        const char *next = find(p, end, ';');
        if (next - p >= 2 && (*p == 'q' || *p == 'Q') && p[1] == '=') {
            return thousandths(p + 2, trim(p, next));
        }
        p = next;
    }
    return 1000;
}

void media_type_choose(struct media_type_choice *choice, const char *accept, const char *media_type)
{
    const char *end = accept + strlen(accept);
    for (const char *p = accept; p < end;) {
        const char *next = find(p, end, ',');
        const char *range = skip_space(p, next);
        const char *parameters = find(range, next, ';');
        const char *range_end = trim(range, parameters);
        if (range_end > range) choice->asked = true;
        int specificity = match(range, range_end, media_type);
        if (specificity > choice->specificity) {
            choice->specificity = specificity;
            choice->quality = quality_of(parameters, next);
        }
        p = next < end ? next + 1 : end;
    }
}

unsigned media_type_quality(const struct media_type_choice *choice)
{
    if (!choice->asked) return 1000;
    return choice->specificity > 0 ? choice->quality : 0;
}
