/* peer.h - what the peers written in C share with the service: its listener, its libmicrohttpd, its
 * threads. */
#ifndef PEER_H
#define PEER_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

/* Serves at 127.0.0.1 until a signal ends the process; returns only where it cannot start, and says
 * why. complete may be NULL. */
int peer_serve(const char *port, const char *threads, MHD_AccessHandlerCallback handle,
               MHD_RequestCompletedCallback complete, void *context);

/* Queues a response and drops the client's hold on it. */
enum MHD_Result peer_respond(struct MHD_Connection *connection, unsigned status,
                             struct MHD_Response *response);

#endif
