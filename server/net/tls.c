/* tls.c - the certificate and key of encrypted connections: read, checked, and read again. Knows
 * nothing of HTTP. */
#include "net/tls.h"

#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* GnuTLS only reads credentials during handshakes, so that any number of them may share a pair. */
struct tls_pair {
    gnutls_certificate_credentials_t credentials;
    atomic_size_t holders; /* sessions, and the struct tls whose pair of now it is */
};

struct tls {
    const char *certificate_file;
    const char *key_file;
    pthread_mutex_t lock; /* of now; taken when a connection opens, never for a request */
    struct tls_pair *now;
    gnutls_datum_t
        ticket_key; /* GnuTLS derives from it the keys of tickets, a new one every six hours */
};

/* ---- reading */

static bool read_file(const char *option, const char *file, gnutls_datum_t *text)
{
    errno = 0;
    if (gnutls_load_file(file, text) == GNUTLS_E_SUCCESS) return true;
    log_line("%s %s cannot be read: %s", option, file, strerror(errno));
    return false;
}

static bool read_chain(const char *file, gnutls_x509_crt_t **chain, unsigned *length)
{
    gnutls_datum_t text;
    if (!read_file("--tls-cert", file, &text)) return false;
    int status = gnutls_x509_crt_list_import2(chain, length, &text, GNUTLS_X509_FMT_PEM,
                                              GNUTLS_X509_CRT_LIST_SORT);
    gnutls_free(text.data);
    if (status < 0)
        log_line("--tls-cert %s holds no PEM certificates: %s", file, gnutls_strerror(status));
    return status >= 0;
}

static bool read_key(const char *file, gnutls_x509_privkey_t key)
{
    gnutls_datum_t text;
    if (!read_file("--tls-key", file, &text)) return false;
    int status = gnutls_x509_privkey_import2(key, &text, GNUTLS_X509_FMT_PEM, NULL, 0);
    explicit_bzero(text.data, text.size);
    gnutls_free(text.data);
    if (status < 0)
        log_line("--tls-key %s holds no PEM key without a password: %s", file,
                 gnutls_strerror(status));
    return status >= 0;
}

/* The credentials of the pair, from both files. */
static bool read_pair(const struct tls *tls, struct tls_pair *pair, gnutls_x509_privkey_t key)
{
    gnutls_x509_crt_t *chain;
    unsigned length;
    if (!read_key(tls->key_file, key) || !read_chain(tls->certificate_file, &chain, &length))
        return false;
    int status = gnutls_certificate_set_x509_key(pair->credentials, chain, (int)length, key);
    if (status < 0) {
        log_line("--tls-cert %s and --tls-key %s do not belong together: %s", tls->certificate_file,
                 tls->key_file, gnutls_strerror(status));
    }
    for (unsigned i = 0; i < length; i++) gnutls_x509_crt_deinit(chain[i]);
    gnutls_free(chain);
    return status >= 0;
}

/* NULL: the log says why. */
static struct tls_pair *create_pair(const struct tls *tls)
{
    gnutls_x509_privkey_t key = NULL;
    struct tls_pair *pair = calloc(1, sizeof *pair);
    bool ok = pair != NULL &&
              gnutls_certificate_allocate_credentials(&pair->credentials) == GNUTLS_E_SUCCESS &&
              gnutls_x509_privkey_init(&key) == GNUTLS_E_SUCCESS;
    if (!ok) {
        log_line("no memory for --tls-cert and --tls-key");
    } else if ((ok = read_pair(tls, pair, key))) {
        atomic_init(&pair->holders, 1);
    }
    gnutls_x509_privkey_deinit(key);
    if (ok) return pair;
    if (pair != NULL && pair->credentials != NULL)
        gnutls_certificate_free_credentials(pair->credentials);
    free(pair);
    return NULL;
}

/* ---- the pair of now */

struct tls *tls_open(const char *certificate_file, const char *key_file)
{
    struct tls *tls = malloc(sizeof *tls);
    if (tls == NULL) return NULL;
    *tls = (struct tls){.certificate_file = certificate_file, .key_file = key_file};
    tls->now = create_pair(tls);
    if (tls->now == NULL || gnutls_session_ticket_key_generate(&tls->ticket_key) < 0) {
        tls_end(tls->now);
        free(tls);
        return NULL;
    }
    pthread_mutex_init(&tls->lock, NULL);
    return tls;
}

bool tls_reload(struct tls *tls)
{
    struct tls_pair *pair = create_pair(tls);
    if (pair == NULL) return false;
    pthread_mutex_lock(&tls->lock);
    struct tls_pair *replaced = tls->now;
    tls->now = pair;
    pthread_mutex_unlock(&tls->lock);
    tls_end(replaced);
    return true;
}

#define ALPN 16 /* the extension's number, RFC 7301 */

static int note_alpn(void *context, unsigned extension, const unsigned char *bytes, unsigned length)
{
    bool *has_alpn = context;
    (void)bytes, (void)length;
    if (extension == ALPN) *has_alpn = true;
    return 0;
}

/* A client's greeting has been read. One that offers protocols, HTTP/1 not among them, would not
 * understand a response: RFC 7301 (3.2) has the handshake end with an alert. libmicrohttpd (0.9.75
 * and 1.0.1) names HTTP/1 to GnuTLS, and goes on without; nor does it send the alert of a handshake
 * that fails, so that GNUTLS_ALPN_MANDATORY would end it in silence. */
static int check_protocol(gnutls_session_t session, unsigned type, unsigned when,
                          unsigned is_incoming, const gnutls_datum_t *greeting)
{
    gnutls_datum_t selected;
    bool has_alpn = false;
    (void)type, (void)when, (void)is_incoming;
    gnutls_ext_raw_parse(&has_alpn, note_alpn, greeting, GNUTLS_EXT_RAW_FLAG_TLS_CLIENT_HELLO);
    if (!has_alpn || gnutls_alpn_get_selected_protocol(session, &selected) == GNUTLS_E_SUCCESS)
        return 0;
    gnutls_alert_send(session, GNUTLS_AL_FATAL, GNUTLS_A_NO_APPLICATION_PROTOCOL);
    return GNUTLS_E_NO_APPLICATION_PROTOCOL;
}

struct tls_pair *tls_begin(struct tls *tls, void *session)
{
    pthread_mutex_lock(&tls->lock);
    struct tls_pair *pair = tls->now;
    atomic_fetch_add(&pair->holders, 1);
    pthread_mutex_unlock(&tls->lock);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, pair->credentials);
    gnutls_session_ticket_enable_server(session, &tls->ticket_key);
    gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_CLIENT_HELLO, GNUTLS_HOOK_POST,
                                       check_protocol);
    return pair;
}

void tls_end(struct tls_pair *pair)
{
    if (pair == NULL || atomic_fetch_sub(&pair->holders, 1) > 1) return;
    gnutls_certificate_free_credentials(pair->credentials);
    free(pair);
}

int tls_refuse(gnutls_session_t session, const gnutls_datum_t *authorities, int authority_count,
               const gnutls_pk_algorithm_t *algorithms, int algorithm_count,
               gnutls_pcert_st **chain, unsigned *length, gnutls_privkey_t *key)
{
    (void)session, (void)authorities, (void)authority_count, (void)algorithms,
        (void)algorithm_count;
    (void)chain, (void)key;
    *length = 0;
    return -1;
}

void tls_close(struct tls *tls)
{
    if (tls == NULL) return;
    tls_end(tls->now);
    gnutls_memset(tls->ticket_key.data, 0, tls->ticket_key.size);
    gnutls_free(tls->ticket_key.data);
    pthread_mutex_destroy(&tls->lock);
    free(tls);
}
