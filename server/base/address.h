/* address.h - socket addresses as text. */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/* Room for "[IPv6 address]:port" and its NUL. */
#define ADDRESS_TEXT_MAX 64

/* Writes "127.0.0.1:8080" or "[::1]:8080"; "?" for another family, or NULL. Returns text. */
const char *address_text(const struct sockaddr *address, char text[static ADDRESS_TEXT_MAX]);

/* Whether only this machine can reach the address. */
bool address_is_loopback(const struct sockaddr *address);

#endif
