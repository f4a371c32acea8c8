/* http.h - bytes in, bytes out: connections are taken in, their requests are led to their routes, answers are sent. */
#ifndef HTTP_H
#define HTTP_H

#include "service.h"

#include <sys/socket.h>

struct http;

/* Starts the event loops, one a thread. NULL: the system refused a thread or a descriptor; errno says why. The service
 * must outlive what is returned. */
struct http *http_start(struct service *service, unsigned threads);

/* Takes a connection that has been accepted, and with it the socket, whatever comes of it. */
void http_take(struct http *http, int socket, const struct sockaddr *peer, socklen_t peer_length);

/* Closes all connections, ends the threads and frees all. */
void http_stop(struct http *http);

#endif
