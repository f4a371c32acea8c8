/* exchange.h - one request and its response, whatever carries them. */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include "http/head.h"
#include "http/response.h"
#include "service.h"

#include <stdbool.h>
#include <stddef.h>

/* A request, from its head to the end of its response. */
struct exchange;

/* The head is used during this call only. NULL: no memory. The service outlives the exchange. */
struct exchange *exchange_open(struct service *service, const struct head *head);

/* Whether the response is due before the body has been read: the client waits for it, the body's
 * end cannot be told, or reading it is not worth while. The connection ends with it. */
bool exchange_is_urgent(const struct exchange *exchange);

/* The next bytes of the body. Returns how many it takes; the rest is offered again after other
 * requests have had their turn. */
size_t exchange_receive(struct exchange *exchange, const char *bytes, size_t length);

/* The body has ended, or the response is urgent. true: *response is set, and the caller's. false:
 * it is not ready; to be called again after other requests have had their turn, which it keeps
 * waiting for some milliseconds at most. */
bool exchange_respond(struct exchange *exchange, struct response *response);

/* Bytes of the response's body have been handed over for sending. */
void exchange_sent(struct exchange *exchange, size_t length);

/* Counts and logs the request, and frees the exchange. is_complete: the response was sent in full.
 * status is that of what the caller has sent instead of a response of the exchange, 0 if nothing;
 * it is ignored where exchange_respond gave one. NULL is accepted. */
void exchange_close(struct exchange *exchange, bool is_complete, unsigned status);

/* Counts and logs a request that the caller refused with this status before its head was there, for
 * which there is no exchange. */
void exchange_note(struct service *service, const struct sockaddr *peer, unsigned status);

#endif
