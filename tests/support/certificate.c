/* certificate.c - certificates for localhost and 127.0.0.1, made on the spot. */
#include "support/certificate.h"

#include "support/folder.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define HOUR 3600

static unsigned bits_of(gnutls_pk_algorithm_t algorithm)
{
    return algorithm == GNUTLS_PK_RSA ? 2048
                                      : (unsigned)GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1);
}

void certificate_make(struct certificate *made, gnutls_pk_algorithm_t algorithm,
                      const struct certificate *issuer)
{
    static atomic_uchar serial;
    const unsigned char number[] = {1, atomic_fetch_add(&serial, 1)};
    const struct in_addr loopback = {.s_addr = htonl(INADDR_LOOPBACK)};
    char name[64];

    snprintf(name, sizeof name, "CN=mse-server test %d %d", (int)getpid(), number[1]);
    assert_int_equal(gnutls_x509_privkey_init(&made->key), 0);
    assert_int_equal(gnutls_x509_privkey_generate(made->key, algorithm, bits_of(algorithm), 0), 0);
    assert_int_equal(gnutls_x509_crt_init(&made->certificate), 0);
    gnutls_x509_crt_t crt = made->certificate;
    assert_int_equal(gnutls_x509_crt_set_version(crt, 3), 0);
    assert_int_equal(gnutls_x509_crt_set_serial(crt, number, sizeof number), 0);
    assert_int_equal(gnutls_x509_crt_set_dn(crt, name, NULL), 0);
    assert_int_equal(gnutls_x509_crt_set_activation_time(crt, time(NULL) - HOUR), 0);
    assert_int_equal(gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 24 * HOUR), 0);
    assert_int_equal(gnutls_x509_crt_set_basic_constraints(crt, 1, -1), 0);
    assert_int_equal(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, "localhost", 9,
                                                          GNUTLS_FSAN_SET),
                     0);
    assert_int_equal(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, &loopback,
                                                          sizeof loopback, GNUTLS_FSAN_APPEND),
                     0);
    assert_int_equal(gnutls_x509_crt_set_key(crt, made->key), 0);
    const struct certificate *signer = issuer ? issuer : made;
    assert_int_equal(
        gnutls_x509_crt_sign2(crt, signer->certificate, signer->key, GNUTLS_DIG_SHA256, 0), 0);
}

void certificate_free(struct certificate *certificate)
{
    gnutls_x509_crt_deinit(certificate->certificate);
    gnutls_x509_privkey_deinit(certificate->key);
}

void certificate_write(const char *path, const struct certificate *const *chain)
{
    char text[1 << 14];
    size_t length = 0;
    for (; *chain; chain++) {
        gnutls_datum_t pem;
        assert_int_equal(gnutls_x509_crt_export2((*chain)->certificate, GNUTLS_X509_FMT_PEM, &pem),
                         0);
        assert_true(length + pem.size < sizeof text);
        memcpy(text + length, pem.data, pem.size);
        length += pem.size;
        gnutls_free(pem.data);
    }
    folder_write_bytes(path, text, length);
}

void certificate_write_key(const char *path, const struct certificate *certificate)
{
    gnutls_datum_t pem;
    assert_int_equal(gnutls_x509_privkey_export2_pkcs8(certificate->key, GNUTLS_X509_FMT_PEM, NULL,
                                                       GNUTLS_PKCS_PLAIN, &pem),
                     0);
    folder_write_bytes(path, pem.data, pem.size);
    gnutls_free(pem.data);
}

void certificate_write_pair(const char *path, const char *key_path,
                            const struct certificate *certificate)
{
    certificate_write(path, (const struct certificate *[]){certificate, NULL});
    certificate_write_key(key_path, certificate);
}
