/* peer.c - the service's way of running libmicrohttpd, without the service. run.py checks that the
 * settings are still those of server/net/daemon.c. */
#include "peer.h"

#include "net/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define POOL_SIZE       ((size_t)64 * 1024)
#define CONNECTIONS_MAX 10000U /* --max-connections */
#define IDLE_TIMEOUT    75U    /* --idle-timeout, in seconds */

static void take(void *daemon, int socket, const struct sockaddr *address, socklen_t length)
{
    MHD_add_connection(daemon, socket, address, length);
}

int peer_serve(const char *port, const char *threads, MHD_AccessHandlerCallback handle,
               MHD_RequestCompletedCallback complete, void *context)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    unsigned count = (unsigned)atoi(threads);
    signal(SIGPIPE, SIG_IGN);

    int listener = listener_open((struct sockaddr *)&address, sizeof address);
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
                     MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG;
    struct MHD_Daemon *daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, handle, context, MHD_OPTION_NOTIFY_COMPLETED, complete, context,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, POOL_SIZE, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT, MHD_OPTION_THREAD_POOL_SIZE,
        count > 1 ? count : 0, MHD_OPTION_END);
    if (listener < 0 || daemon == NULL) {
        perror("peer");
        return EXIT_FAILURE;
    }
    for (;;) {
        struct pollfd event = {.fd = listener, .events = POLLIN};
        poll(&event, 1, -1);
        listener_accept(listener, take, daemon);
    }
}

enum MHD_Result peer_respond(struct MHD_Connection *connection, unsigned status,
                             struct MHD_Response *response)
{
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}
