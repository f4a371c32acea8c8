/* tls_client.h - handshakes through GnuTLS, for what libcurl hides: versions, ciphers, alerts, the
 * end of a connection. */
#ifndef TLS_CLIENT_H
#define TLS_CLIENT_H

#include "support/wire.h"

#include <gnutls/gnutls.h>

struct tls_client {
    struct wire wire;
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
};

/* Connects and shakes hands, offering what GnuTLS' priority string says. Any certificate will do.
 * Returns what gnutls_handshake does. The client is closed in any case. */
int tls_client_connect(struct tls_client *client, const struct service *service,
                       const char *priorities);
void tls_client_close(struct tls_client *client);

#endif
