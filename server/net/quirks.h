/* quirks.h - what libmicrohttpd does otherwise than a server should, and the work-arounds for it
 * that are more than a line. Each names the versions it concerns: 0.9.75 is Debian 12's, 1.0.1 is
 * Debian 13's. */
#ifndef QUIRKS_H
#define QUIRKS_H

#include "http/head.h"
#include "net/connections.h"

#include <microhttpd.h>
#include <stdbool.h>

/* Options that the daemon is started with, by MHD_OPTION_ARRAY and before all others; its flags
 * include MHD_USE_ERROR_LOG. */
extern const struct MHD_OptionItem quirks_options[];

/* Whether the library that runs is one that can be made to read one request as two (below 1.0), in
 * ways of which quirks_read_head catches most, not all. */
bool quirks_are_unsafe(void);

/* Called when the target of a request has come, and before its headers do. uri is what
 * MHD_OPTION_URI_LOG_CALLBACK is called with. */
void quirks_begin_request(struct MHD_Connection *connection, struct connection *own,
                          const char *uri);

/* Adds what came in a request's head to *head, whose method, version and size are set: its headers,
 * and whether it is malformed. Says in own->is_last whether no other request may follow. */
void quirks_read_head(struct MHD_Connection *connection, struct connection *own, struct head *head);

#endif
