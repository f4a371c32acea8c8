/* exchange.h - one request and its answer, whatever carries them. */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include "answer.h"
#include "service.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define EXCHANGE_ACCEPTS_MAX 8 /* Accept headers that are looked at */

/* What a request's head says. Strings are NUL-terminated, or NULL where there is no such header, and are needed only
 * while exchange_open runs. */
struct exchange_head {
    const char *method;
    const char *target;  /* percent-decoded, without the query */
    const char *version; /* "HTTP/1.1" */
    const char *content_type;
    const char *content_encoding;
    const char *content_length;
    const char *transfer_encoding;
    const char *expect;
    const char *authorization;
    const char *traceparent;
    const struct sockaddr *peer;
    const char *accept[EXCHANGE_ACCEPTS_MAX];
    size_t size;                 /* bytes of the head */
    bool is_surplus;             /* the connection is one too many */
    unsigned accepts;            /* of accept */
    unsigned hosts;              /* Host headers */
    unsigned content_lengths;    /* Content-Length headers */
    unsigned transfer_encodings; /* Transfer-Encoding headers */
};

struct exchange;

/* The request whose head has come in. NULL: no memory. The service outlives the exchange. */
struct exchange *exchange_open(struct service *service, const struct exchange_head *head);

/* Whether the answer is due before the body: it must not be waited for, cannot be told apart from what follows it, or
 * is not worth sending. The connection is of no use after such an answer. */
bool exchange_is_urgent(const struct exchange *exchange);

/* The next bytes of the body. */
void exchange_receive(struct exchange *exchange, const char *bytes, size_t length);

/* The body has ended, or the answer is urgent. false: the answer is not ready yet; called again after others have had
 * their turn, which it does not keep waiting for more than some milliseconds. */
bool exchange_answer(struct exchange *exchange, struct answer *answer);

/* Bytes of the answer's body have been handed over for sending. */
void exchange_sent(struct exchange *exchange, size_t length);

/* The answer is sent, or the connection lost. NULL is accepted. */
void exchange_close(struct exchange *exchange);

#endif
