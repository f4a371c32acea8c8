/* quirks.c - what libmicrohttpd does otherwise than a server should, and the work-arounds for it
 * that are more than a line. */
#include "net/quirks.h"

#include "base/refusal.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

bool quirks_are_unsafe(void)
{
    return strncmp(MHD_get_version(), "0.", 2) == 0;
}

/* ---- options */

/* Counts what the library refuses by itself, of which it tells in its log only (0.9.75 and 1.0.1):
 * a request that is refused before its first line has ended is seen nowhere else. */
static void log_message(void *context, const char *format, va_list arguments)
{
    static const char refusal[] = "Error processing request (HTTP response code is ";
    (void)context, (void)arguments;
    if (strncmp(format, refusal, sizeof refusal - 1) == 0) refusal_note(REFUSAL_MALFORMED);
}

/* The least strict level at which 1.0.1 does not read one request as two is 1: below, it leaves the
 * LF after a chunk extension over and takes it for an empty line, so that what a client sent as
 * trailers is the next request. Level 1 refuses lines that end in LF alone, and folded ones, too.
 * Level 3 is laxer than 2: it allows white space before a chunk extension. */
const struct MHD_OptionItem quirks_options[] = {
    {MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)log_message, NULL},
#if MHD_VERSION >= 0x00097701
    {MHD_OPTION_CLIENT_DISCIPLINE_LVL, 1, NULL},
#endif
    {MHD_OPTION_END, 0, NULL}};

/* ---- the target */

/* RFC 9110, section 5.5, and RFC 9112, section 3: none of these but HTAB stands in a head. 0.9.75
 * lets them pass, a CR without its LF among them. */
static bool has_control_character(const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c < ' ' && c != '\t') || c == 0x7f) return true;
    }
    return false;
}

/* The value of headers that are not the client's, known by its address. */
static const char added[] = "added";

/* libmicrohttpd parses queries and cookies, of which we use neither, and keeps 56 bytes of its pool
 * for each argument and each pair. Where those of a legal head do not fit, 0.9.75 sends nothing
 * until the request times out (arguments) or two heads (cookies), and 1.0.1 a 431. So the query is
 * emptied, in the library's own buffer, and a Cookie of ours precedes the client's, since it parses
 * the first.
 *
 * 1.0.1 refuses a request without Host by itself, in HTML, unless some Host is in its list; with
 * ours there it leaves the check to head.c. To add headers here is beyond the documentation of
 * MHD_set_connection_value, but the library itself adds arguments to the same list at this point,
 * on this thread. If a later version declined, its HTML would be back. */
void quirks_begin_request(struct MHD_Connection *connection, struct connection *own,
                          const char *uri)
{
    own->target = uri;
    own->target_length = strlen(uri);
    own->is_target_bad = has_control_character(uri) || strpbrk(uri, " \t") != NULL;
    own->is_last = false;
    char *query = strchr((char *)(uintptr_t)uri, '?');
    if (query != NULL) query[1] = '\0';
    MHD_set_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_COOKIE, added);
    MHD_set_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST, added);
}

/* ---- is the head whole?
 *
 * 0.9.75 ends a head at a line that begins with a colon or a NUL, and a string at a NUL: a request
 * can be made to be read as two. It parses in place: method, target, version, names and values lie
 * in its buffer as they came, and each is followed by its separator only, which has been
 * overwritten with NULs. A head is whole if nothing else lies between its parts: what the library
 * has skipped, cut, unfolded or moved elsewhere leaves a gap.
 *
 * Where a line ends in LF alone, the byte before its LF has been overwritten as if it were the CR,
 * so that a NUL or a colon there cannot be told from it; nor does the library tell of a line that
 * begins with a NUL before the request line. */

struct walk {
    uintptr_t end;   /* of the part before: its first NUL */
    uintptr_t limit; /* of the head */
    bool is_torn;
};

static bool are_nuls(uintptr_t from, uintptr_t to)
{
    for (const char *at = (const char *)from; at < (const char *)to; at++) {
        if (*at != '\0') return false;
    }
    return true;
}

/* One more header: CR LF before the name; behind it a colon, white space, the value. */
static enum MHD_Result walk_header(void *context, enum MHD_ValueKind kind, const char *name,
                                   size_t name_length, const char *value, size_t value_length)
{
    struct walk *walk = context;
    (void)kind;
    if (value == added) return MHD_YES;
    uintptr_t begin = (uintptr_t)name;
    uintptr_t colon = begin + name_length;
    uintptr_t start = (uintptr_t)value;
    bool is_whole = begin == walk->end + 2 && start > colon &&
                    start + value_length + 4 <= walk->limit && are_nuls(walk->end, begin) &&
                    are_nuls(colon, colon + 1);
    for (uintptr_t at = colon + 1; is_whole && at < start; at++) {
        is_whole = *(const char *)at == ' ' || *(const char *)at == '\t';
    }
    walk->end = start + value_length;
    walk->is_torn = !is_whole;
    return is_whole ? MHD_YES : MHD_NO;
}

static bool is_whole(struct MHD_Connection *connection, const struct connection *own,
                     const struct head *head)
{
    uintptr_t target = (uintptr_t)head->method + strlen(head->method) + 1;
    uintptr_t version = target + own->target_length + 1;
    uintptr_t limit = (uintptr_t)head->method + head->size;
    if ((uintptr_t)own->target != target || (uintptr_t)head->version != version) return false;
    struct walk walk = {.end = version + strlen(head->version), .limit = limit};
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, walk_header, &walk);
    return !walk.is_torn && limit == walk.end + 4 && are_nuls(walk.end, limit);
}

/* ---- the head */

static enum MHD_Result add_header(void *context, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
    struct head *head = context;
    (void)kind;
    if (value == added) return MHD_YES;
    if (value == NULL) value = "";
    if (has_control_character(value)) head->is_malformed = true;
    head_add(head, name, value);
    return MHD_YES;
}

/* 0.9.75 reads the trailers of a chunked body as it reads heads, and tells nothing of what it has
 * skipped there; and a line of chunk framing may end in LF alone. So nothing may follow a chunked
 * body on its connection. */
void quirks_read_head(struct MHD_Connection *connection, struct connection *own, struct head *head)
{
    MHD_get_connection_values(connection, MHD_HEADER_KIND, add_header, head);
    if (own->is_target_bad || has_control_character(head->method)) head->is_malformed = true;
    if (!quirks_are_unsafe()) return;
    if (!is_whole(connection, own, head)) head->is_malformed = true;
    own->is_last = head->transfer_encodings > 0;
}
