/* listener.h - the socket on which connections arrive. */
#ifndef LISTENER_H
#define LISTENER_H

#include "base/address.h"

#include <stdbool.h>
#include <sys/socket.h>

/* A non-blocking socket that listens at the address, or -1 with errno. */
int listener_open(const struct sockaddr *address, socklen_t length);

/* Hands every connection that waits to take, which owns its socket from then on. false: the
 * process, or the system, has no descriptor left, and those that wait go on waiting. */
bool listener_accept(int listener,
                     void (*take)(void *context, int socket, const struct sockaddr *peer,
                                  socklen_t length),
                     void *context);

/* Writes the address at which the socket really listens: "127.0.0.1:8080". */
const char *listener_name(int listener, char name[static ADDRESS_TEXT_MAX]);

#endif
