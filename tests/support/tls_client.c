/* tls_client.c - handshakes through GnuTLS, for what libcurl hides: versions, ciphers, alerts, the
 * end of a connection. */
#include "support/tls_client.h"

#include "support/cmocka_all.h"

#include <string.h>

int tls_client_connect(struct tls_client *client, const struct service *service,
                       const char *priorities)
{
    return tls_client_resume(client, service, priorities, NULL, &(gnutls_datum_t){NULL, 0});
}

int tls_client_resume(struct tls_client *client, const struct service *service,
                      const char *priorities, const char *protocol, const gnutls_datum_t *ticket)
{
    wire_connect(&client->wire, service);
    assert_int_equal(gnutls_certificate_allocate_credentials(&client->credentials), 0);
    assert_int_equal(gnutls_init(&client->session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL), 0);
    assert_int_equal(gnutls_priority_set_direct(client->session, priorities, NULL), 0);
    gnutls_credentials_set(client->session, GNUTLS_CRD_CERTIFICATE, client->credentials);
    if (protocol) {
        const gnutls_datum_t offered = {(unsigned char *)protocol, (unsigned)strlen(protocol)};
        assert_int_equal(gnutls_alpn_set_protocols(client->session, &offered, 1, 0), 0);
    }
    if (ticket->size > 0)
        assert_int_equal(gnutls_session_set_data(client->session, ticket->data, ticket->size), 0);
    gnutls_transport_set_int(client->session, client->wire.socket);
    return gnutls_handshake(client->session);
}

ssize_t tls_client_receive(struct tls_client *client, char *bytes, size_t size)
{
    ssize_t length;
    do length = gnutls_record_recv(client->session, bytes, size);
    while (length == GNUTLS_E_AGAIN);
    return length;
}

void tls_client_close(struct tls_client *client)
{
    gnutls_deinit(client->session);
    gnutls_certificate_free_credentials(client->credentials);
    wire_close(&client->wire);
}
