/* listener.c - the socket on which connections arrive. Knows nothing of what is said on them. */
#include "net/listener.h"

#include <errno.h>
#include <unistd.h>

int listener_open(const struct sockaddr *address, socklen_t length)
{
    int on = 1;
    int listener = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0) return -1;
    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(listener, address, length) == 0 && listen(listener, SOMAXCONN) == 0) {
        return listener;
    }
    int reason = errno;
    close(listener);
    errno = reason;
    return -1;
}

bool listener_accept(int listener,
                     void (*take)(void *context, int socket, const struct sockaddr *peer,
                                  socklen_t length),
                     void *context)
{
    for (;;) {
        struct sockaddr_storage peer;
        socklen_t length = sizeof peer;
        int socket =
            accept4(listener, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (socket >= 0) {
            take(context, socket, (struct sockaddr *)&peer, length);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            return false;
        } else if (errno == EAGAIN) {
            return true;
        } /* else this one connection has gone while it waited */
    }
}

const char *listener_name(int listener, char name[static ADDRESS_TEXT_MAX])
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof address;
    getsockname(listener, (struct sockaddr *)&address, &length);
    return address_text((const struct sockaddr *)&address, name);
}
