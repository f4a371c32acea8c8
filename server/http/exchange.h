/* exchange.h - one request and its answer, whatever carries them. */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include "http/head.h"
#include "http/response.h"
#include "service.h"

#include <stdbool.h>
#include <stdint.h>

/* A request, from its head to the end of its answer. */
struct exchange;

/* The head is needed while this runs only. NULL: no memory. The service outlives the exchange. */
struct exchange *exchange_open(struct service *service, const struct head *head);

/* Whether the answer is due before the body: it must not be waited for, cannot be told apart from
 * what follows it, or is not worth sending. The connection is of no use after such an answer. */
bool exchange_is_urgent(const struct exchange *exchange);

/* The next bytes of the body. */
void exchange_receive(struct exchange *exchange, const char *bytes, size_t length);

/* The body has ended, or the answer is urgent. false: the answer is not ready yet; called again
 * after others have had their turn, which it does not keep waiting for more than some milliseconds.
 */
bool exchange_respond(struct exchange *exchange, struct response *answer);

/* Bytes of the answer's body have been handed over for sending; where the method is HEAD, they will
 * not be sent. */
void exchange_sent(struct exchange *exchange, size_t length);

/* The answer is sent, or the connection lost. NULL is accepted. */
void exchange_close(struct exchange *exchange);

#endif
