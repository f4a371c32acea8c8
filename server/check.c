/* check.c - asks a running server whether it is ready. Speaks just enough HTTP for one request. */
#include "check.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define TIMEOUT_SECONDS 3

/* A server that listens at every address is asked at the loopback one. */
static struct sockaddr_storage reachable(const struct sockaddr_storage *address)
{
    struct sockaddr_storage result = *address;
    if (address->ss_family == AF_INET6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&result;
        if (IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr)) v6->sin6_addr = in6addr_loopback;
    } else {
        struct sockaddr_in *v4 = (struct sockaddr_in *)&result;
        if (v4->sin_addr.s_addr == htonl(INADDR_ANY)) v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    return result;
}

static const char request[] =
    "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
static const char wanted[] = "HTTP/1.1 200 "; /* how the response begins */

static bool is_ready(int socket)
{
    char response[sizeof wanted - 1];
    if (send(socket, request, sizeof request - 1, MSG_NOSIGNAL) != (ssize_t)(sizeof request - 1))
        return false;
    return recv(socket, response, sizeof response, MSG_WAITALL) == (ssize_t)sizeof response &&
           memcmp(response, wanted, sizeof response) == 0;
}

/* In TLS 1.3 GnuTLS says GNUTLS_E_AGAIN for each ticket that comes before the response, as it does
 * when the time is over; it sends two. */
#define TICKETS_MAX 2

/* The same on a connection that is encrypted already. */
static bool is_ready_encrypted(gnutls_session_t session)
{
    char response[sizeof wanted - 1];
    size_t heard = 0;
    int tickets = TICKETS_MAX;
    if (gnutls_record_send(session, request, sizeof request - 1) != (ssize_t)(sizeof request - 1))
        return false;
    while (heard < sizeof response) {
        ssize_t more = gnutls_record_recv(session, response + heard, sizeof response - heard);
        if (more == GNUTLS_E_AGAIN && tickets-- > 0) continue;
        if (more <= 0) return false;
        heard += (size_t)more;
    }
    return memcmp(response, wanted, sizeof response) == 0;
}

static bool handshakes_and_is_ready(int socket)
{
    gnutls_certificate_credentials_t credentials = NULL;
    gnutls_session_t session = NULL;
    bool ready =
        gnutls_certificate_allocate_credentials(&credentials) == GNUTLS_E_SUCCESS &&
        gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL) == GNUTLS_E_SUCCESS &&
        gnutls_set_default_priority(session) == GNUTLS_E_SUCCESS &&
        gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials) == GNUTLS_E_SUCCESS;
    if (ready) {
        gnutls_transport_set_int(session, socket);
        ready = gnutls_handshake(session) == GNUTLS_E_SUCCESS && is_ready_encrypted(session);
    }
    if (session != NULL) gnutls_deinit(session);
    if (credentials != NULL) gnutls_certificate_free_credentials(credentials);
    return ready;
}

bool check_ready(const struct sockaddr_storage *address, socklen_t length, bool is_encrypted)
{
    struct sockaddr_storage server = reachable(address);
    struct timeval timeout = {.tv_sec = TIMEOUT_SECONDS};
    int socket_fd = socket(server.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket_fd < 0) return false;
    bool ready = setsockopt(socket_fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) == 0 &&
                 setsockopt(socket_fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0 &&
                 connect(socket_fd, (const struct sockaddr *)&server, length) == 0 &&
                 (is_encrypted ? handshakes_and_is_ready(socket_fd) : is_ready(socket_fd));
    close(socket_fd);
    return ready;
}
