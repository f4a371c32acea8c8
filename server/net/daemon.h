/* daemon.h - bytes in, bytes out: takes connections, hands their requests to exchange.h and sends
 * the responses. All that is libmicrohttpd's own stays behind this. */
#ifndef DAEMON_H
#define DAEMON_H

#include "net/connections.h"
#include "service.h"

#include <stdbool.h>
#include <sys/socket.h>

struct daemon;
struct tls;

/* The version of libmicrohttpd that runs, "1.0.1". */
const char *daemon_library(void);

/* Whether that can be made to read one request as two, in a way that we cannot always catch. */
bool daemon_is_unsafe(void);

/* Starts the event loops, one per thread. The limits of connections are set; tls is NULL where
 * connections are not encrypted. All of them outlive what is returned. NULL: the system refused a
 * thread or a descriptor; errno says why. */
struct daemon *daemon_start(struct service *service, struct connections *connections,
                            struct tls *tls, unsigned threads);

/* Takes a connection that has been accepted, and with it the socket, whatever comes of it. */
void daemon_take(struct daemon *daemon, int socket, const struct sockaddr *peer,
                 socklen_t peer_length);

/* Closes all connections, ends the threads and frees all. */
void daemon_stop(struct daemon *daemon);

#endif
