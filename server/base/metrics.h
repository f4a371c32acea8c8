/* metrics.h - what the server has done and holds, in Prometheus' text exposition format. May be
 * called from any thread; counting takes no lock. */
#ifndef METRICS_H
#define METRICS_H

#include <stddef.h>
#include <stdint.h>

/* What stands at a path, as a label. */
enum metrics_route {
    METRICS_MSE,
    METRICS_HEALTHZ,
    METRICS_READYZ,
    METRICS_METRICS,
    METRICS_OPENAPI,
    METRICS_NO_ROUTE, /* a path at which nothing stands, or none could be told */
    METRICS_ROUTES
};

/* A request that has ended. */
struct metrics_request {
    enum metrics_route route;
    const char *method;
    unsigned status;         /* 0: the connection was lost before an answer */
    uint64_t nanoseconds;    /* from its head to the end of its answer */
    uint64_t bytes_received; /* of its body */
    uint64_t bytes_sent;     /* of its answer's body */
    uint64_t elements;       /* of its predictions */
};

/* Why a request, or a connection, was not served though it may have been right. */
enum metrics_refusal {
    METRICS_REFUSED_MEMORY,
    METRICS_REFUSED_CONNECTIONS,
    METRICS_REFUSED_DRAINING,
    METRICS_REFUSED_TIMEOUT,
    METRICS_REFUSED_BODY,
    METRICS_REFUSED_HEADERS,
    METRICS_REFUSED_TOKEN,
    METRICS_REFUSALS
};

/* What the server holds at the moment of asking. */
struct metrics_levels {
    size_t requests; /* under way */
    size_t connections, connections_limit, connections_kept, connections_kept_limit;
    size_t tensor_bytes, tensor_bytes_limit;
};

void metrics_count_request(const struct metrics_request *request);
void metrics_count_refusal(enum metrics_refusal refusal);

/* "memory", "connections", ...: static. */
const char *metrics_refusal_name(enum metrics_refusal refusal);

/* All metrics as text, which the caller frees, and its length. NULL: no memory. */
char *metrics_print(const struct metrics_levels *levels, size_t *length);

/* The media type of that text. */
#define METRICS_MEDIA_TYPE "text/plain; version=0.0.4; charset=utf-8"

#endif
