/* tls_client.c - handshakes through GnuTLS, for what libcurl hides: versions, ciphers, alerts, the
 * end of a connection. */
#include "support/tls_client.h"

#include "support/cmocka_all.h"

int tls_client_connect(struct tls_client *client, const struct service *service,
                       const char *priorities)
{
    wire_connect(&client->wire, service);
    assert_int_equal(gnutls_certificate_allocate_credentials(&client->credentials), 0);
    assert_int_equal(gnutls_init(&client->session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL), 0);
    assert_int_equal(gnutls_priority_set_direct(client->session, priorities, NULL), 0);
    gnutls_credentials_set(client->session, GNUTLS_CRD_CERTIFICATE, client->credentials);
    gnutls_transport_set_int(client->session, client->wire.socket);
    return gnutls_handshake(client->session);
}

void tls_client_close(struct tls_client *client)
{
    gnutls_deinit(client->session);
    gnutls_certificate_free_credentials(client->credentials);
    wire_close(&client->wire);
}
