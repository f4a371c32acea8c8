/* check.h - asks a running server whether it is ready, as a container's health check does. */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <sys/socket.h>

/* Whether the server that listens at the address answers GET /readyz with 200 within some seconds.
 * Over TLS any certificate will do: who is asked is this machine. */
bool check_ready(const struct sockaddr_storage *address, socklen_t length, bool is_encrypted);

#endif
