/* options.h - command line and environment -> struct options. Every limit that can be set lives
 * here. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "base/log.h"
#include "http/cors.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Never changed after start. */
struct options {
    struct sockaddr_storage address; /* where to listen */
    socklen_t address_length;
    unsigned threads;    /* event loops */
    uint64_t max_body;   /* bytes of a request's body */
    uint64_t max_memory; /* bytes of all requests' tensors together */
    uint64_t max_connections;
    unsigned request_timeout; /* milliseconds, as all times */
    unsigned idle_timeout;
    unsigned drain_timeout;
    const char *token_file; /* of bearer tokens; NULL: none needed */
    const char *tls_cert;   /* PEM files; NULL, like tls_key: no TLS */
    const char *tls_key;
    struct cors cors;
    bool access_log;        /* one line per request */
    bool compress;          /* responses, where the client asks */
    bool allow_old_library; /* listen beyond loopback, whatever libmicrohttpd it is */
    enum log_format log_format;
    bool check; /* ask a running server instead of being one */
};

enum options_status {
    OPTIONS_OK,
    OPTIONS_ANSWERED, /* --help or --version: written to standard output, the program is done */
    OPTIONS_BAD       /* one line on standard error has named the option at fault */
};

/* An option stands on the command line, else in the environment (--max-body is MSE_MAX_BODY), else
 * has its default. */
enum options_status options_read(struct options *options, int argc, char **argv);

#endif
