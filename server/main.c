/* main.c - options -> start -> take connections until a signal -> drain. */
#include "base/clock.h"
#include "base/log.h"
#include "base/system.h"
#include "base/tokens.h"
#include "check.h"
#include "cpu.h"
#include "net/daemon.h"
#include "net/listener.h"
#include "net/tls.h"
#include "options.h"
#include "routes.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <mse.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* Blocks of this size and more get pages of their own, which grow without being copied and go back
 * to the system when freed. glibc would raise its threshold with every such block that is freed; a
 * fixed one keeps memory flat. */
#define OWN_PAGES_FROM (128 * 1024)

/* Milliseconds between two looks at what drains, and for how long there must be no request before
 * it has drained: a request may have been sent already and not arrived yet. */
#define DRAIN_TICK  10
#define DRAIN_QUIET 100

/* Descriptors that are not a connection's: standard ones, the listener, signals, and two for each
 * event loop; and some for connections over the limit, which get a response that says so. */
#define OTHER_DESCRIPTORS 256

/* Milliseconds between two looks at connections that may be overdue. */
#define EXPIRY_TICK 200

/* The same while there seems to be no connection: an event loop that is short of processor time may
 * not have counted one yet that was handed to it. */
#define QUIET_TICK 1000

/* Milliseconds to wait when no descriptor is left for those that want to connect. */
#define NO_DESCRIPTOR_PAUSE 50

enum { EXIT_BAD_OPTION = 2 };

struct server {
    struct service service;
    struct connections connections;
    struct tls *tls; /* NULL: connections are not encrypted */
    struct daemon *daemon;
    int listener;
    int signals; /* readable when SIGTERM, SIGINT or SIGHUP has come */
};

static void take(void *context, int socket, const struct sockaddr *peer, socklen_t length)
{
    struct server *server = context;
    daemon_take(server->daemon, socket, peer, length);
}

/* Signals become readable events; all threads started later inherit the mask. */
static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Reads the certificate, the key and the tokens. false: the log says what is wrong with which file.
 */
static bool open_secrets(struct server *server, const struct options *options)
{
    if (options->tls_cert != NULL) {
        server->tls = tls_open(options->tls_cert, options->tls_key);
        if (server->tls == NULL) return false;
        server->connections.is_encrypted = true;
    }
    if (options->token_file == NULL) return true;
    server->service.tokens = tokens_open(options->token_file);
    return server->service.tokens != NULL;
}

/* false: the log says why it may not listen there. */
static bool may_listen(const struct options *options)
{
    if (!daemon_is_unsafe() || options->allow_old_library ||
        address_is_loopback((const struct sockaddr *)&options->address))
        return true;
    log_line(
        "libmicrohttpd %s can be made to read one request as two, so --listen must be a loopback "
        "address; install libmicrohttpd 1.0, or see --allow-old-libmicrohttpd",
        daemon_library());
    return false;
}

static void warn_of_exposure(const struct server *server, const struct sockaddr *address)
{
    const struct tokens *tokens = server->service.tokens;
    if (daemon_is_unsafe()) {
        log_line(
            "warning: libmicrohttpd %s reads one request as two where a NUL begins it, or where a "
            "line that ends in LF alone holds a NUL or an empty name: put nothing before this "
            "server that passes these on",
            daemon_library());
    }
    if (tokens == NULL) return;
    if (server->tls == NULL && !address_is_loopback(address)) {
        log_line("warning: tokens cross the network unencrypted; use --tls-cert and --tls-key, or "
                 "a proxy that encrypts");
    }
    if (tokens_are_exposed(tokens)) {
        log_line("warning: the file of --token-file is readable by every user of this machine");
    }
}

/* A file that cannot be used changes nothing, and the log says why. */
static void reload_secrets(struct server *server)
{
    struct tokens *tokens = server->service.tokens;
    if (server->tls == NULL && tokens == NULL) log_line("SIGHUP: there are no files to reload");
    if (server->tls != NULL) {
        log_line(tls_reload(server->tls) ? "SIGHUP: certificate reloaded, for new connections"
                                         : "SIGHUP: certificate not reloaded");
    }
    if (tokens != NULL) {
        log_line(tokens_reload(tokens) ? "SIGHUP: tokens reloaded" : "SIGHUP: tokens not reloaded");
    }
}

/* Whether a signal to stop came within the time. */
static bool await_signal(struct server *server, int milliseconds)
{
    struct signalfd_siginfo signal_info;
    struct pollfd event = {.fd = server->signals, .events = POLLIN};
    if (poll(&event, 1, milliseconds) <= 0 ||
        read(server->signals, &signal_info, sizeof signal_info) != sizeof signal_info) {
        return false;
    }
    if (signal_info.ssi_signo != SIGHUP) return true;
    reload_secrets(server);
    return false;
}

/* A connection needs a descriptor: asks for as many as may be had, and returns for how many
 * connections they do. */
static size_t connections_possible(size_t wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max >= wanted + OTHER_DESCRIPTORS) return wanted;
    size_t possible =
        limit.rlim_max > OTHER_DESCRIPTORS ? (size_t)limit.rlim_max - OTHER_DESCRIPTORS : 1;
    log_line("--max-connections is lowered from %zu to %zu: the system allows no more descriptors",
             wanted, possible);
    return possible;
}

/* Keeps resident memory to what is used. Pools of connections lie side by side, so one that is used
 * would, where the kernel gives pages of 2 MB unasked, make some thirty resident. */
static void set_memory(void)
{
    mallopt(M_MMAP_THRESHOLD, OWN_PAGES_FROM);
    system_refuse_unasked_huge_pages();
}

static bool start(struct server *server, const struct options *options)
{
    char name[ADDRESS_TEXT_MAX];
    set_memory();
    server->connections.idle_timeout = options->idle_timeout;
    server->connections.request_timeout = options->request_timeout;
    server->connections.max = connections_possible((size_t)options->max_connections);
    connections_init(&server->connections);
    server->service.routes = routes;
    server->service.connections = &server->connections;
    server->service.cors = options->cors;
    server->service.access_log = options->access_log;
    server->service.compress = options->compress;
    server->service.max_body = options->max_body;
    server->service.budget.limit = options->max_memory;

    server->signals = open_signals();
    if (server->signals < 0) {
        log_line("cannot wait for signals: %s", strerror(errno));
        return false;
    }
    server->listener =
        listener_open((const struct sockaddr *)&options->address, options->address_length);
    if (server->listener < 0) {
        log_line("cannot listen on %s, the address of --listen: %s",
                 address_text((const struct sockaddr *)&options->address, name), strerror(errno));
        return false;
    }
    server->daemon =
        daemon_start(&server->service, &server->connections, server->tls, options->threads);
    if (server->daemon == NULL) {
        log_line("cannot start %u threads: %s", options->threads, strerror(errno));
        return false;
    }
    log_line("mse-server %s listening on %s, %u threads, bodies up to %" PRIu64
             " bytes, memory up to %" PRIu64 " bytes",
             mse_version(), listener_name(server->listener, name), options->threads,
             options->max_body, options->max_memory);
    warn_of_exposure(server, (const struct sockaddr *)&options->address);
    return true;
}

/* Takes connections until a signal to stop, and looks at those that are open now and then. */
static void serve(struct server *server)
{
    struct pollfd events[] = {{.fd = server->signals, .events = POLLIN},
                              {.fd = server->listener, .events = POLLIN}};
    for (;;) {
        bool is_quiet = events[1].revents == 0 && atomic_load(&server->connections.count) == 0;
        if (poll(events, 2, is_quiet ? QUIET_TICK : EXPIRY_TICK) < 0) continue;
        connections_expire(&server->connections);
        if (events[0].revents != 0 && await_signal(server, 0)) return;
        if (events[1].revents != 0 && !listener_accept(server->listener, take, server)) {
            if (await_signal(server, NO_DESCRIPTOR_PAUSE)) return;
        }
    }
}

/* Lets the requests in flight end; false where a second signal or the time-out came first. */
static bool drain(struct server *server, unsigned timeout)
{
    log_line("draining: %zu requests in flight", atomic_load(&server->service.requests));
    atomic_store(&server->service.draining, true);
    listener_accept(server->listener, take,
                    server); /* connections that wait already are served, too */
    close(server->listener);

    int64_t deadline = clock_milliseconds() + timeout;
    int quiet = 0;
    while (quiet < DRAIN_QUIET) {
        connections_expire(&server->connections);
        if (await_signal(server, DRAIN_TICK)) {
            log_line("stopped by a second signal: %zu requests lost",
                     atomic_load(&server->service.requests));
            return false;
        }
        quiet = atomic_load(&server->service.requests) == 0 ? quiet + DRAIN_TICK : 0;
        if (clock_milliseconds() >= deadline && quiet == 0) {
            log_line("stopped after the drain time-out: %zu requests lost",
                     atomic_load(&server->service.requests));
            return false;
        }
    }
    return true;
}

/* A socket that took the place of a closed standard error would be sent the log. */
static void fill_standard_descriptors(void)
{
    int descriptor;
    do descriptor = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (descriptor >= 0 && descriptor <= STDERR_FILENO);
    if (descriptor >= 0) close(descriptor);
}

int main(int argc, char **argv)
{
    static struct server server;
    struct options options;
    fill_standard_descriptors();
    cpu_use(
        getenv("MSE_KERNEL")); /* for tests and comparisons; a name that does not fit is ignored */
    switch (options_read(&options, argc, argv)) {
    case OPTIONS_OK:
        break;
    case OPTIONS_ANSWERED:
        return EXIT_SUCCESS;
    case OPTIONS_BAD:
        return EXIT_BAD_OPTION;
    }
    if (options.check) {
        bool ready =
            check_ready(&options.address, options.address_length, options.tls_cert != NULL);
        return ready ? EXIT_SUCCESS : EXIT_FAILURE;
    }

    log_set_format(options.log_format);
    if (!may_listen(&options) || !open_secrets(&server, &options)) return EXIT_BAD_OPTION;
    if (!start(&server, &options)) return EXIT_FAILURE;
    serve(&server);
    if (!drain(&server, options.drain_timeout)) _exit(EXIT_FAILURE);
    daemon_stop(server.daemon);
    tls_close(server.tls);
    tokens_close(server.service.tokens);
    log_line("stopped");
    return EXIT_SUCCESS;
}
