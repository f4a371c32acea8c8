/* test_https.c - connections over TLS, and certificates that change while they go on. */
#include "support/certificate.h"
#include "support/client.h"
#include "support/cmocka_all.h"
#include "support/folder.h"
#include "support/tls_client.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char folder[FOLDER_PATH_MAX];
static char certificate_file[FOLDER_PATH_MAX + 8]; /* the server's */
static char key_file[FOLDER_PATH_MAX + 8];
static char old_file[FOLDER_PATH_MAX + 8]; /* what a client trusts */
static char new_file[FOLDER_PATH_MAX + 8];
static char both_file[FOLDER_PATH_MAX + 8];
static const char *const encrypted[] = {
    "--tls-cert", certificate_file, "--tls-key", key_file, "--threads", "2", NULL};

/* Of different algorithms, so that nothing of one can serve the other. */
static struct certificate old;
static struct certificate new;

static int make_files(void **state)
{
    (void)state;
    folder_make(folder);
    snprintf(certificate_file, sizeof certificate_file, "%s/cert", folder);
    snprintf(key_file, sizeof key_file, "%s/key", folder);
    snprintf(old_file, sizeof old_file, "%s/old", folder);
    snprintf(new_file, sizeof new_file, "%s/new", folder);
    snprintf(both_file, sizeof both_file, "%s/both", folder);
    certificate_make(&old, GNUTLS_PK_RSA, NULL);
    certificate_make(&new, GNUTLS_PK_ECDSA, NULL);
    certificate_write(old_file, (const struct certificate *[]){&old, NULL});
    certificate_write(new_file, (const struct certificate *[]){&new, NULL});
    certificate_write(both_file, (const struct certificate *[]){&old, &new, NULL});
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

/* A server of our own with the old certificate. */
static void start_encrypted(struct service *service)
{
    write_pair(&old);
    service_start(service, encrypted);
    snprintf(service->url, sizeof service->url, "https://%s:%s", service->host, service->port);
}

static void trust_old(CURL *curl)
{
    curl_easy_setopt(curl, CURLOPT_CAINFO, old_file);
}

static void trust_new(CURL *curl)
{
    curl_easy_setopt(curl, CURLOPT_CAINFO, new_file);
}

static void insist_on_1_2(CURL *curl)
{
    trust_old(curl);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION,
                     (long)CURL_SSLVERSION_TLSv1_2 | CURL_SSLVERSION_MAX_TLSv1_2);
}

static void insist_on_1_3(CURL *curl)
{
    trust_old(curl);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
}

/* One request on a connection of its own. */
static void expect_service(const struct service *service, void (*configure)(CURL *curl))
{
    struct client client;
    client_init(&client, service);
    client.configure = configure;
    client_expect(&client, good_body, good_response);
    client_free(&client);
}

/* What libcurl says of a request on a connection of its own, by who trusts this file. */
static CURLcode code_for(const struct service *service, const char *trusted)
{
    char url[sizeof service->url + 8];
    CURL *curl = curl_easy_init();
    snprintf(url, sizeof url, "%s/healthz", service->url);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_CAINFO, trusted);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_cleanup(curl);
    return code;
}

static void tls_1_2_and_1_3_are_served(void **state)
{
    (void)state;
    struct service service;
    start_encrypted(&service);
    expect_service(&service, insist_on_1_2);
    expect_service(&service, insist_on_1_3);
    service_close(&service);
}

static void outdated_tls_is_refused(void **state)
{
    (void)state;
    static const char *const outdated[] = {
        "NORMAL:-VERS-ALL:+VERS-TLS1.0",
        "NORMAL:-VERS-ALL:+VERS-TLS1.1",
        "NORMAL:-VERS-ALL:+VERS-TLS1.1:+VERS-TLS1.0",
        "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA", /* no forward secrecy */
        "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC:+AES-256-CBC", /* no authenticated
                                                                                  encryption */
    };
    static const struct {
        const char *priorities;
        gnutls_protocol_t version;
    } fine[] = {
        {"NORMAL", GNUTLS_TLS1_3},
        {"NORMAL:-VERS-ALL:+VERS-TLS1.3", GNUTLS_TLS1_3},
        {"NORMAL:-VERS-ALL:+VERS-TLS1.2:+VERS-TLS1.1", GNUTLS_TLS1_2},
        {"NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-RSA", GNUTLS_TLS1_2},
        {"NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-GCM", GNUTLS_TLS1_2},
    };
    struct service service;
    struct tls_client client;
    start_encrypted(&service);
    for (size_t i = 0; i < COUNT(outdated); i++) {
        /* It is the server that hangs up. */
        int end = tls_client_connect(&client, &service, outdated[i]);
        assert_true(end == GNUTLS_E_PREMATURE_TERMINATION || end == GNUTLS_E_PULL_ERROR);
        tls_client_close(&client);
    }
    for (size_t i = 0; i < COUNT(fine); i++) {
        assert_int_equal(tls_client_connect(&client, &service, fine[i].priorities), 0);
        assert_int_equal(gnutls_protocol_get_version(client.session), fine[i].version);
        tls_client_close(&client);
    }
    service_close(&service);
}

/* Whether the server closes the connection and has said nothing that looks like HTTP. */
static void expect_end_without_http(struct wire *wire)
{
    char received[4096];
    size_t length = 0;
    ssize_t more;
    while ((more = recv(wire->socket, received + length, sizeof received - length, 0)) > 0)
        length += (size_t)more;
    assert_true(more == 0 || length == 0); /* closed, or reset */
    assert_null(memmem(received, length, "HTTP/", 5));
}

static void a_client_without_tls_loses_only_its_connection(void **state)
{
    (void)state;
    static const char *const openings[] = {
        "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /mse HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}",
        "\x16\x03\x01\xff\xff garbage",
        "\r\n\r\n",
    };
    struct service service;
    struct client client;
    start_encrypted(&service);
    client_init(&client, &service);
    client.configure = trust_old;
    client_expect(&client, good_body, good_response);
    for (size_t i = 0; i < COUNT(openings); i++) {
        struct wire wire;
        wire_connect(&wire, &service);
        wire_send(&wire, openings[i], strlen(openings[i]));
        shutdown(wire.socket, SHUT_WR);
        expect_end_without_http(&wire);
        wire_close(&wire);
        client_expect(&client, good_body, good_response);
    }
    struct wire silent;
    struct wire gone;
    wire_connect(&silent, &service);
    wire_connect(&gone, &service);
    wire_abort(&gone);
    client_expect(&client, good_body, good_response);
    assert_int_equal(client.connections, 1);
    wire_close(&silent);
    client_free(&client);
    service_close(&service);
}

/* A request on the connection, answered. In TLS 1.3 tickets come before the response. */
static void expect_health(struct tls_client *client)
{
    static const char get[] = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    char received[1024] = "";
    assert_int_equal(gnutls_record_send(client->session, get, sizeof get - 1), sizeof get - 1);
    assert_true(tls_client_receive(client, received, sizeof received - 1) > 0);
    assert_non_null(strstr(received, " 200 "));
}

static void a_session_is_resumed_by_its_ticket(void **state)
{
    static const char *const priorities[] = {"NORMAL:-VERS-ALL:+VERS-TLS1.2",
                                             "NORMAL:-VERS-ALL:+VERS-TLS1.3"};
    (void)state;
    struct service service;
    struct service replica;
    start_encrypted(&service);
    service_start(&replica, encrypted);
    for (size_t i = 0; i < COUNT(priorities); i++) {
        struct tls_client client;
        gnutls_datum_t ticket;
        assert_int_equal(tls_client_connect(&client, &service, priorities[i]), 0);
        expect_health(&client);
        assert_false(gnutls_session_is_resumed(client.session));
        assert_int_equal(gnutls_session_get_data2(client.session, &ticket), 0);
        tls_client_close(&client);

        /* another server does not know it, and shakes hands in full */
        for (int other = 0; other <= 1; other++) {
            assert_int_equal(tls_client_resume(&client, other ? &replica : &service, priorities[i],
                                               "http/1.1", &ticket),
                             0);
            expect_health(&client);
            assert_int_equal(gnutls_session_is_resumed(client.session) != 0, !other);
            tls_client_close(&client);
        }
        gnutls_free(ticket.data);
    }
    service_close(&service);
    service_close(&replica);
}

static void a_client_that_speaks_no_http_1_is_refused_by_an_alert(void **state)
{
    static const char *const priorities[] = {"NORMAL:-VERS-ALL:+VERS-TLS1.2",
                                             "NORMAL:-VERS-ALL:+VERS-TLS1.3"};
    (void)state;
    struct service service;
    struct tls_client client;
    const gnutls_datum_t none = {NULL, 0};
    start_encrypted(&service);
    for (size_t i = 0; i < COUNT(priorities); i++) {
        assert_int_equal(tls_client_resume(&client, &service, priorities[i], "h2", &none),
                         GNUTLS_E_FATAL_ALERT_RECEIVED);
        assert_int_equal(gnutls_alert_get(client.session), GNUTLS_A_NO_APPLICATION_PROTOCOL);
        tls_client_close(&client);
        assert_int_equal(tls_client_resume(&client, &service, priorities[i], "http/1.1", &none), 0);
        expect_health(&client);
        tls_client_close(&client);
    }
    service_close(&service);
}

static void a_server_without_tls_refuses_a_handshake(void **state)
{
    (void)state;
    struct service service;
    struct tls_client client;
    service_start(&service, NULL);
    assert_true(tls_client_connect(&client, &service, "NORMAL") < 0);
    tls_client_close(&client);
    expect_service(&service, NULL);
    service_close(&service);
}

static void a_client_refuses_a_certificate_that_it_does_not_trust(void **state)
{
    (void)state;
    struct service service;
    start_encrypted(&service);
    assert_int_equal(code_for(&service, old_file), CURLE_OK);
    assert_int_equal(code_for(&service, new_file), CURLE_PEER_FAILED_VERIFICATION);
    service_close(&service);
}

/* A million elements, and a hundred, byte for byte what a server without TLS says. */
static void responses_are_the_same_as_without_tls(void **state)
{
    (void)state;
    static const size_t counts[] = {1000000, 100};
    struct service services[2];
    struct client clients[2];
    service_start(&services[0], NULL);
    start_encrypted(&services[1]);
    for (int i = 0; i < 2; i++) client_init(&clients[i], &services[i]);
    clients[1].configure = trust_old;
    for (size_t c = 0; c < COUNT(counts); c++) {
        struct text body = {0};
        struct response responses[2];
        text_printf(&body, "{\"reduction\":\"none\",\"gradients\":[],\"predictions\":[0");
        for (size_t i = 1; i < counts[c]; i++) text_printf(&body, ",%zu.25", i % 1000);
        text_printf(&body, "],\"targets\":[1");
        text_repeat(&body, ",-0.5", counts[c] - 1);
        text_printf(&body, "]}");
        for (int i = 0; i < 2; i++) {
            responses[i] = client_send(
                &clients[i],
                (struct request){.body = body.bytes, .length = body.length, .chunked = c == 1});
            assert_int_equal(responses[i].status, 200);
        }
        assert_true(responses[1].body.length > counts[c] * 6);
        assert_int_equal(responses[1].body.length, responses[0].body.length);
        assert_memory_equal(responses[1].body.bytes, responses[0].body.bytes,
                            responses[0].body.length);
        for (int i = 0; i < 2; i++) response_free(&responses[i]);
        text_free(&body);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(clients[i].connections, 1);
        client_free(&clients[i]);
        service_close(&services[i]);
    }
}

/* Many requests in a record, a byte a record: records are no borders of anything. */
static void requests_are_separated_however_records_cut_them(void **state)
{
    (void)state;
    static const size_t sizes[] = {SIZE_MAX, 1, 100};
    struct service service;
    start_encrypted(&service);
    for (size_t s = 0; s < COUNT(sizes); s++) {
        struct tls_client client;
        struct text requests = {0};
        struct text received = {0};
        for (int i = 1; i <= 20; i++) {
            char body[64];
            int length = snprintf(body, sizeof body,
                                  "{\"predictions\":[%d],\"targets\":[0],\"gradients\":[]}", i);
            text_printf(&requests, "POST /mse HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s",
                        length, body);
        }
        assert_int_equal(tls_client_connect(&client, &service, "NORMAL"), 0);
        for (size_t sent = 0; sent < requests.length;) {
            size_t left = requests.length - sent;
            ssize_t more = gnutls_record_send(client.session, requests.bytes + sent,
                                              left < sizes[s] ? left : sizes[s]);
            assert_true(more > 0);
            sent += (size_t)more;
        }
        text_append(&received, "", 0);
        while (!strstr(received.bytes, "{\"loss\":400}")) {
            char piece[4096];
            ssize_t more = tls_client_receive(&client, piece, sizeof piece);
            assert_true(more > 0);
            text_append(&received, piece, (size_t)more);
        }
        const char *rest = received.bytes;
        for (int i = 1; i <= 20; i++) {
            char expected[64];
            snprintf(expected, sizeof expected, "\r\n\r\n{\"loss\":%d}", i * i);
            rest = strstr(rest, expected);
            assert_non_null(rest);
        }
        tls_client_close(&client);
        text_free(&requests);
        text_free(&received);
    }
    service_close(&service);
}

/* The response to an encrypted request must not be in the clear. */
static void an_overdue_request_is_closed_without_a_response_in_the_clear(void **state)
{
    (void)state;
    const char *const options[] = {"--tls-cert",        certificate_file, "--tls-key", key_file,
                                   "--request-timeout", "300ms",          NULL};
    static const char head[] = "POST /mse HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{";
    char received[64];
    struct service service;
    struct tls_client client;
    write_pair(&old);
    service_start(&service, options);
    assert_int_equal(tls_client_connect(&client, &service, "NORMAL"), 0);
    assert_int_equal(gnutls_record_send(client.session, head, sizeof head - 1), sizeof head - 1);
    ssize_t end = tls_client_receive(&client, received, sizeof received);
    assert_true(end == 0 || end == GNUTLS_E_PREMATURE_TERMINATION);
    tls_client_close(&client);
    service_close(&service);
}

static void a_new_certificate_is_for_new_connections_and_old_ones_go_on(void **state)
{
    (void)state;
    struct service service;
    struct client client;
    struct client later;
    start_encrypted(&service);
    client_init(&client, &service);
    client.configure = trust_old;
    client_expect(&client, good_body, good_response);

    write_pair(&new);
    expect_service(&service, trust_old); /* not before the signal */
    service_signal(&service, SIGHUP);
    service_await_line(&service, "certificate reloaded");
    client_init(&later, &service);
    later.configure = trust_new;
    client_expect(&later, good_body, good_response);
    assert_int_equal(code_for(&service, old_file), CURLE_PEER_FAILED_VERIFICATION);
    client_expect(&client, good_body, good_response);
    assert_int_equal(client.connections, 1);

    write_pair(&old);
    service_signal(&service, SIGHUP);
    service_await_line(&service, "certificate reloaded");
    client_expect(&later, good_body, good_response);
    client_expect(&client, good_body, good_response);
    assert_int_equal(later.connections, 1);
    assert_int_equal(client.connections, 1);
    expect_service(&service, trust_old);
    client_free(&later);
    client_free(&client);
    service_close(&service);
}

static void an_unusable_certificate_leaves_the_old_one(void **state)
{
    (void)state;
    struct service service;
    start_encrypted(&service);
    certificate_write(certificate_file, (const struct certificate *[]){&new, NULL});
    service_signal(&service, SIGHUP);
    service_await_line(&service, "do not belong together");
    service_await_line(&service, "certificate not reloaded");
    assert_int_equal(code_for(&service, old_file), CURLE_OK);
    remove(key_file);
    service_signal(&service, SIGHUP);
    service_await_line(&service, "cannot be read");
    service_await_line(&service, "certificate not reloaded");
    assert_int_equal(code_for(&service, old_file), CURLE_OK);
    write_pair(&new);
    service_signal(&service, SIGHUP);
    service_await_line(&service, "certificate reloaded");
    assert_int_equal(code_for(&service, new_file), CURLE_OK);
    service_close(&service);
}

struct load {
    const struct service *service;
    atomic_bool *done;
    bool keeps; /* one connection for all requests */
    int asked;
    int failed;
};

static size_t ignore(const void *bytes, size_t size, size_t count, void *context)
{
    (void)bytes;
    (void)context;
    return size * count;
}

static void *keep_asking(void *context)
{
    struct load *load = context;
    char url[sizeof load->service->url + 8];
    CURL *curl = curl_easy_init();
    snprintf(url, sizeof url, "%s/mse", load->service->url);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_CAINFO, both_file);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, (const void *)good_body);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
    curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, load->keeps ? 0L : 1L);
    while (!atomic_load(load->done)) {
        long status = 0;
        CURLcode code = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        load->asked++;
        if (code != CURLE_OK || status != 200) load->failed++;
    }
    curl_easy_cleanup(curl);
    return NULL;
}

static void certificates_change_under_load_and_no_request_is_lost(void **state)
{
    (void)state;
    struct service service;
    struct load loads[4];
    pthread_t threads[COUNT(loads)];
    atomic_bool done = false;
    start_encrypted(&service);
    for (size_t i = 0; i < COUNT(loads); i++) {
        loads[i] = (struct load){.service = &service, .done = &done, .keeps = i == 0};
        assert_int_equal(pthread_create(&threads[i], NULL, keep_asking, &loads[i]), 0);
    }
    for (int i = 0; i < 50; i++) {
        write_pair(i % 2 ? &old : &new);
        service_signal(&service, SIGHUP);
        service_await_line(&service, "certificate reloaded");
    }
    atomic_store(&done, true);
    for (size_t i = 0; i < COUNT(loads); i++) {
        pthread_join(threads[i], NULL);
        assert_true(loads[i].asked > 0);
        assert_int_equal(loads[i].failed, 0);
    }
    service_close(&service);
}

static void a_check_uses_tls_where_tls_is_configured(void **state)
{
    (void)state;
    char out[1024];
    char error[1024];
    char address[sizeof((struct service *)0)->url];
    struct service services[2];
    service_start(&services[0], NULL);
    start_encrypted(&services[1]);
    for (int i = 0; i < 2; i++) {
        snprintf(address, sizeof address, "%s:%s", services[i].host, services[i].port);
        const char *const plainly[] = {"--check", "--listen", address, NULL};
        const char *const encrypting[] = {"--check",        "--listen",  address,  "--tls-cert",
                                          certificate_file, "--tls-key", key_file, NULL};
        assert_int_equal(service_run(plainly, out, error, sizeof out), i);
        assert_int_equal(service_run(encrypting, out, error, sizeof out), 1 - i);
        service_close(&services[i]);
        assert_int_equal(service_run(encrypting, out, error, sizeof out), 1);
    }
}

static void a_server_does_not_start_with_unusable_files(void **state)
{
    (void)state;
    const struct {
        const char *options[5];
        const char *said[2];
    } rows[] = {
        {{"--tls-cert", old_file}, {"--tls-key", "is missing"}},
        {{"--tls-key", key_file}, {"--tls-cert", "is missing"}},
        {{"--tls-cert", "", "--tls-key", key_file}, {"--tls-cert requires a file", "\"\""}},
        {{"--tls-cert", old_file, "--tls-key", "/nowhere/key"},
         {"--tls-key /nowhere/key", "cannot be read"}},
        {{"--tls-cert", "/nowhere/cert", "--tls-key", key_file},
         {"--tls-cert /nowhere/cert", "cannot be read"}},
        {{"--tls-cert", key_file, "--tls-key", key_file}, {"--tls-cert", "no PEM certificates"}},
        {{"--tls-cert", old_file, "--tls-key", old_file}, {"--tls-key", "no PEM key"}},
        {{"--tls-cert", new_file, "--tls-key", key_file}, {"--tls-cert", "do not belong together"}},
    };
    write_pair(&old);
    for (size_t i = 0; i < COUNT(rows); i++) {
        char out[1024];
        char error[1024];
        assert_int_equal(service_run(rows[i].options, out, error, sizeof out), 2);
        assert_string_equal(out, "");
        assert_ptr_equal(strchr(error, '\n'), error + strlen(error) - 1);
        for (int j = 0; j < 2; j++) {
            if (!strstr(error, rows[i].said[j]))
                fail_msg("no \"%s\" in %s", rows[i].said[j], error);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tls_1_2_and_1_3_are_served),
        cmocka_unit_test(outdated_tls_is_refused),
        cmocka_unit_test(a_client_without_tls_loses_only_its_connection),
        cmocka_unit_test(a_session_is_resumed_by_its_ticket),
        cmocka_unit_test(a_client_that_speaks_no_http_1_is_refused_by_an_alert),
        cmocka_unit_test(a_server_without_tls_refuses_a_handshake),
        cmocka_unit_test(a_client_refuses_a_certificate_that_it_does_not_trust),
        cmocka_unit_test(responses_are_the_same_as_without_tls),
        cmocka_unit_test(requests_are_separated_however_records_cut_them),
        cmocka_unit_test(an_overdue_request_is_closed_without_a_response_in_the_clear),
        cmocka_unit_test(a_new_certificate_is_for_new_connections_and_old_ones_go_on),
        cmocka_unit_test(an_unusable_certificate_leaves_the_old_one),
        cmocka_unit_test(certificates_change_under_load_and_no_request_is_lost),
        cmocka_unit_test(a_check_uses_tls_where_tls_is_configured),
        cmocka_unit_test(a_server_does_not_start_with_unusable_files),
    };
    return cmocka_run_group_tests_name("test_https", tests, make_files, remove_files);
}
