/* media_type.h - Accept and Content-Type headers (RFC 9110, sections 8.3 and 12.5.1) -> yes or no.
 */
#ifndef MEDIA_TYPE_H
#define MEDIA_TYPE_H

#include <stdbool.h>

/* Whether a Content-Type names this media type, with or without parameters; case does not matter.
 */
bool media_type_is(const char *content_type, const char *media_type);

/* What the Accept headers of one request say of one media type. All zero to begin with. */
struct media_type_choice {
    bool asked;       /* some media range was given */
    int specificity;  /* of the closest range that matches: 0 none, 1 any, 2 the type, 3 both */
    unsigned quality; /* of that range, in thousandths */
};

/* Takes one Accept header into account; or one Accept-Encoding header, of which the same holds for
 * a coding in the place of the media type. */
void media_type_choose(struct media_type_choice *choice, const char *accept,
                       const char *media_type);

/* The quality of the media type, in thousandths: 0 where it is not acceptable, 1000 where nothing
 * was asked. */
unsigned media_type_quality(const struct media_type_choice *choice);

#endif
