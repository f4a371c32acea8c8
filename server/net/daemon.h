/* daemon.h - bytes in, bytes out: connections are taken in, their requests are led to their routes,
 * answers are sent. */
#ifndef DAEMON_H
#define DAEMON_H

#include "service.h"

#include <sys/socket.h>

struct daemon;

/* Starts the event loops, one a thread. NULL: the system refused a thread or a descriptor; errno
 * says why. The service must outlive what is returned. */
struct daemon *daemon_start(struct service *service, unsigned threads);

/* Takes a connection that has been accepted, and with it the socket, whatever comes of it. */
void daemon_take(struct daemon *http, int socket, const struct sockaddr *peer,
                 socklen_t peer_length);

/* Closes all connections, ends the threads and frees all. */
void daemon_stop(struct daemon *http);

#endif
