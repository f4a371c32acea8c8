/* certificate.h - certificates for localhost and 127.0.0.1, made on the spot. */
#ifndef CERTIFICATE_H
#define CERTIFICATE_H

#include <gnutls/x509.h>

struct certificate {
    gnutls_x509_crt_t certificate;
    gnutls_x509_privkey_t key;
};

/* Makes a key, GNUTLS_PK_RSA or GNUTLS_PK_ECDSA, and a certificate for it, valid from an hour ago
 * for a day, signed by the issuer; NULL: by itself. Fails the test where it cannot, as all
 * functions here. */
void certificate_make(struct certificate *made, gnutls_pk_algorithm_t algorithm,
                      const struct certificate *issuer);
void certificate_free(struct certificate *certificate);

/* Writes certificates, NULL at their end, as one PEM file. */
void certificate_write(const char *path, const struct certificate *const *chain);
void certificate_write_key(const char *path, const struct certificate *certificate);

/* Writes a certificate and its key. */
void certificate_write_pair(const char *path, const char *key_path,
                            const struct certificate *certificate);

#endif
