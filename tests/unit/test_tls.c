/* test_tls.c - certificate files -> what the other end of a handshake is shown. */
#include "net/tls.h"

#include "support/caught.h"
#include "support/certificate.h"
#include "support/cmocka_all.h"
#include "support/folder.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char folder[FOLDER_PATH_MAX];
static char certificate_file[FOLDER_PATH_MAX + 8];
static char key_file[FOLDER_PATH_MAX + 8];
static struct certificate old;
static struct certificate new;

static int make_files(void **state)
{
    (void)state;
    folder_make(folder);
    snprintf(certificate_file, sizeof certificate_file, "%s/cert", folder);
    snprintf(key_file, sizeof key_file, "%s/key", folder);
    certificate_make(&old, GNUTLS_PK_ECDSA, NULL);
    certificate_make(&new, GNUTLS_PK_RSA, NULL);
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    certificate_free(&old);
    certificate_free(&new);
    folder_remove(folder);
    return 0;
}

static void write_pair(const struct certificate *pair)
{
    certificate_write_pair(certificate_file, key_file, pair);
}

static struct tls *open_pair(const struct certificate *pair)
{
    write_pair(pair);
    struct tls *tls = tls_open(certificate_file, key_file);
    assert_non_null(tls);
    return tls;
}

/* A connection between a server's session and a client's, in one thread. */
struct line {
    int ends[2];
    gnutls_session_t server, client;
    gnutls_certificate_credentials_t refusing, trusting;
    struct tls_pair *pair;
};

static void connect_line(struct line *line, struct tls *tls)
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, line->ends), 0);
    gnutls_certificate_allocate_credentials(&line->refusing);
    gnutls_certificate_set_retrieve_function2(line->refusing, tls_refuse);
    assert_int_equal(gnutls_init(&line->server, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL),
                     0);
    assert_int_equal(gnutls_priority_set_direct(line->server, TLS_PRIORITIES, NULL), 0);
    gnutls_credentials_set(line->server, GNUTLS_CRD_CERTIFICATE, line->refusing);
    gnutls_transport_set_int(line->server, line->ends[0]);
    line->pair = tls != NULL ? tls_begin(tls, line->server) : NULL;

    gnutls_certificate_allocate_credentials(&line->trusting);
    assert_int_equal(gnutls_init(&line->client, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL),
                     0);
    assert_int_equal(gnutls_set_default_priority(line->client), 0);
    gnutls_credentials_set(line->client, GNUTLS_CRD_CERTIFICATE, line->trusting);
    gnutls_transport_set_int(line->client, line->ends[1]);
}

/* Whether both ends come to an agreement. */
static bool shake_hands(struct line *line)
{
    int server = GNUTLS_E_AGAIN;
    int client = GNUTLS_E_AGAIN;
    while (server == GNUTLS_E_AGAIN || client == GNUTLS_E_AGAIN) {
        if (client == GNUTLS_E_AGAIN) client = gnutls_handshake(line->client);
        if (server == GNUTLS_E_AGAIN) server = gnutls_handshake(line->server);
        if (server < 0 && server != GNUTLS_E_AGAIN) return false;
        if (client < 0 && client != GNUTLS_E_AGAIN) return false;
    }
    return true;
}

static void disconnect(struct line *line)
{
    gnutls_deinit(line->server);
    tls_end(line->pair);
    gnutls_certificate_free_credentials(line->refusing);
    gnutls_deinit(line->client);
    gnutls_certificate_free_credentials(line->trusting);
    close(line->ends[0]);
    close(line->ends[1]);
}

/* Whether the client was shown this chain, NULL at its end. */
static void expect_chain(const struct line *line, const struct certificate *const *chain)
{
    unsigned shown;
    const gnutls_datum_t *peers = gnutls_certificate_get_peers(line->client, &shown);
    for (unsigned i = 0; i < shown; i++) {
        gnutls_datum_t der;
        assert_non_null(chain[i]);
        assert_int_equal(gnutls_x509_crt_export2(chain[i]->certificate, GNUTLS_X509_FMT_DER, &der),
                         0);
        assert_int_equal(peers[i].size, der.size);
        assert_memory_equal(peers[i].data, der.data, der.size);
        gnutls_free(der.data);
    }
    assert_true(shown > 0);
    assert_null(chain[shown]);
}

static void expect_certificate(struct tls *tls, const struct certificate *certificate)
{
    struct line line;
    connect_line(&line, tls);
    assert_true(shake_hands(&line));
    expect_chain(&line, (const struct certificate *[]){certificate, NULL});
    disconnect(&line);
}

static void a_session_is_given_the_certificate_of_the_file(void **state)
{
    (void)state;
    struct tls *tls = open_pair(&old);
    for (int i = 0; i < 3; i++) expect_certificate(tls, &old);
    tls_close(tls);
    tls = open_pair(&new);
    expect_certificate(tls, &new);
    tls_close(tls);
    tls_close(NULL);
}

static void a_session_without_a_pair_is_refused(void **state)
{
    (void)state;
    struct line line;
    connect_line(&line, NULL);
    assert_false(shake_hands(&line));
    disconnect(&line);
}

static void all_certificates_of_the_file_are_shown(void **state)
{
    (void)state;
    struct certificate middle;
    struct certificate own;
    struct line line;
    certificate_make(&middle, GNUTLS_PK_ECDSA, &old);
    certificate_make(&own, GNUTLS_PK_ECDSA, &middle);
    const struct certificate *chain[] = {&own, &middle, NULL};
    certificate_write(certificate_file, chain);
    certificate_write_key(key_file, &own);
    struct tls *tls = tls_open(certificate_file, key_file);
    assert_non_null(tls);
    connect_line(&line, tls);
    assert_true(shake_hands(&line));
    expect_chain(&line, chain);
    disconnect(&line);
    tls_close(tls);
    certificate_free(&own);
    certificate_free(&middle);
}

static void a_replaced_pair_serves_handshakes_that_began_with_it(void **state)
{
    (void)state;
    struct line early;
    struct tls *tls = open_pair(&old);
    connect_line(&early, tls);
    write_pair(&new);
    assert_true(tls_reload(tls));
    expect_certificate(tls, &new);
    assert_true(shake_hands(&early));
    expect_chain(&early, (const struct certificate *[]){&old, NULL});
    disconnect(&early);
    expect_certificate(tls, &new);
    tls_close(tls);
}

/* The log must have one line, which holds all that is wanted. */
static void expect_said(const char *said, const char *const *wanted)
{
    assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
    for (int i = 0; i < 3 && wanted[i] != NULL; i++) {
        if (!strstr(said, wanted[i])) fail_msg("no \"%s\" in %s", wanted[i], said);
    }
}

static void write_encrypted_key(const struct certificate *pair)
{
    gnutls_datum_t pem;
    assert_int_equal(gnutls_x509_privkey_export2_pkcs8(pair->key, GNUTLS_X509_FMT_PEM, "secret",
                                                       GNUTLS_PKCS_PBES2_AES_128, &pem),
                     0);
    folder_write_bytes(key_file, pem.data, pem.size);
    gnutls_free(pem.data);
}

static void unusable_files_are_named_and_leave_the_pair_as_it_was(void **state)
{
    (void)state;
    static const struct {
        const char *certificate,
            *key; /* what the file holds: "old", "new", "secret"; "" nothing; NULL: there is none */
        const char *said[3];
    } rows[] = {
        {NULL, "old", {"--tls-cert", certificate_file, "cannot be read: No such file"}},
        {"old", NULL, {"--tls-key", key_file, "cannot be read: No such file"}},
        {"", "old", {"--tls-cert", certificate_file, "holds no PEM certificates"}},
        {"garbage", "old", {"--tls-cert", certificate_file, "holds no PEM certificates"}},
        {"old", "", {"--tls-key", key_file, "holds no PEM key"}},
        {"old", "garbage", {"--tls-key", key_file, "holds no PEM key"}},
        {"old", "secret", {"--tls-key", key_file, "without a password"}},
        {"old", "new", {certificate_file, key_file, "do not belong together"}},
        {"new", "old", {certificate_file, key_file, "do not belong together"}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *texts[] = {rows[i].certificate, rows[i].key};
        struct tls *tls = open_pair(&old);
        for (int j = 0; j < 2; j++) {
            const char *path = j ? key_file : certificate_file;
            const struct certificate *from = texts[j] && strcmp(texts[j], "old") == 0 ? &old : &new;
            if (texts[j] == NULL) {
                remove(path);
            } else if (strcmp(texts[j], "secret") == 0) {
                write_encrypted_key(&old);
            } else if (strcmp(texts[j], "old") != 0 && strcmp(texts[j], "new") != 0) {
                folder_write_text(path, texts[j]);
            } else if (j) {
                certificate_write_key(path, from);
            } else {
                certificate_write(path, (const struct certificate *[]){from, NULL});
            }
        }
        caught_begin();
        struct tls *refused = tls_open(certificate_file, key_file);
        const char *said = caught_end();
        assert_null(refused);
        expect_said(said, rows[i].said);
        caught_begin();
        bool read = tls_reload(tls);
        said = caught_end();
        assert_false(read);
        expect_said(said, rows[i].said);
        expect_certificate(tls, &old);
        tls_close(tls);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_is_given_the_certificate_of_the_file),
        cmocka_unit_test(a_session_without_a_pair_is_refused),
        cmocka_unit_test(all_certificates_of_the_file_are_shown),
        cmocka_unit_test(a_replaced_pair_serves_handshakes_that_began_with_it),
        cmocka_unit_test(unusable_files_are_named_and_leave_the_pair_as_it_was),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
