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

/* As tls_client_connect, and offers a protocol, or none where it is NULL, and resumes the session
 * that this ticket is of, unless it is empty. */
int tls_client_resume(struct tls_client *client, const struct service *service,
                      const char *priorities, const char *protocol, const gnutls_datum_t *ticket);

/* Connects and shakes hands, offering what GnuTLS' priority string says. Any certificate will do.
 * Returns what gnutls_handshake does. The client is closed in any case. */
int tls_client_connect(struct tls_client *client, const struct service *service,
                       const char *priorities);
/* As gnutls_record_recv, which in TLS 1.3 may say that it has read a ticket, and nothing else. */
ssize_t tls_client_receive(struct tls_client *client, char *bytes, size_t size);

void tls_client_close(struct tls_client *client);

#endif
