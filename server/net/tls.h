/* tls.h - the certificate and key of encrypted connections: read, checked, and read again. Knows
 * nothing of HTTP.
 *
 * A connection keeps the pair that it began with. A pair that has been replaced lives until its
 * last connection ends. */
#ifndef TLS_H
#define TLS_H

#include <gnutls/abstract.h>
#include <stdbool.h>

/* RFC 9325: TLS 1.2 and 1.3, and of 1.2 only what has forward secrecy by elliptic curves and
 * authenticated encryption. */
#define TLS_PRIORITIES \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-DHE-RSA:-AES-128-CBC:-AES-256-CBC"

struct tls;
struct tls_pair;

/* Reads a chain of certificates, the server's own first, and its key, both PEM. NULL: a line in the
 * log names the option and the file at fault. The names must outlive what is returned. */
struct tls *tls_open(const char *certificate_file, const char *key_file);

/* Reads both files again, for connections to come. false: a line in the log says why, and the pair
 * stays as it was. */
bool tls_reload(struct tls *tls);

/* Prepares a server's session, a gnutls_session_t before its handshake: it gets the pair of now,
 * can be resumed by a ticket, and serves HTTP/1 only. From any thread. */
struct tls_pair *tls_begin(struct tls *tls, void *session);

/* The session of tls_begin has ended. NULL is accepted. */
void tls_end(struct tls_pair *pair);

/* For transports that must be given a source of certificates for sessions without tls_begin: it
 * refuses. */
gnutls_certificate_retrieve_function2 tls_refuse;

/* No session is left. NULL is accepted. */
void tls_close(struct tls *tls);

#endif
