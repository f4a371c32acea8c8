/* metrics.h - what the server has done and holds, in Prometheus' text exposition format. May be
 * called from any thread; counting takes no lock. */
#ifndef METRICS_H
#define METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Routes that can be told apart. METRICS_NO_ROUTE is a path at which nothing stands; the routes are
 * counted from 1. */
#define METRICS_ROUTES_MAX 32
#define METRICS_NO_ROUTE   0

/* A request that has ended. */
struct metrics_request {
    unsigned route; /* below METRICS_ROUTES_MAX */
    const char *method;
    unsigned status;         /* 0: the connection was lost before a response */
    bool is_incomplete;      /* the connection was lost while the response was sent */
    uint64_t ended;          /* the end of its response, by clock_nanoseconds */
    uint64_t nanoseconds;    /* from its head to that */
    uint64_t bytes_received; /* of its body, as it came */
    uint64_t bytes_decoded;  /* of its body without its content coding */
    uint64_t bytes_sent;     /* of its response's body */
    uint64_t elements;       /* of its predictions */
};

/* In which format a body of numbers is sent. */
enum metrics_format {
    METRICS_JSON,
    METRICS_NDJSON,
    METRICS_SAFETENSORS,
    METRICS_INFERENCE, /* the Open Inference Protocol */
    METRICS_FORMATS
};

/* What the server is and holds at the moment. */
struct metrics_gauges {
    const char *libmicrohttpd; /* its version */
    const char *const *routes; /* the names of the routes from 1 on */
    size_t route_count;
    size_t requests; /* in flight */
    size_t connections, connections_limit, connections_kept, connections_kept_limit;
    size_t tensor_bytes, tensor_bytes_limit;
};

/* A request whose body is going to be read in this format. */
void metrics_count_format(enum metrics_format format);

void metrics_count_request(const struct metrics_request *request);

/* What has come of the requests of a route. */
struct metrics_route {
    uint64_t succeeded, failed; /* requests: status 2xx, and any other */
    uint64_t succeeded_nanoseconds, failed_nanoseconds;
    uint64_t last; /* when the last one ended, by clock_nanoseconds; 0: there was none */
};

/* Adds a route's to *sum. */
void metrics_add_route(unsigned route, struct metrics_route *sum);

/* All metrics as text, which the caller frees, and its length. NULL: no memory. */
char *metrics_print(const struct metrics_gauges *gauges, size_t *length);

/* The media type of that text. */
#define METRICS_MEDIA_TYPE "text/plain; version=0.0.4; charset=utf-8"

#endif
