/* refusal.h - why the server did not serve a request or a connection that may have been right,
 * or was no HTTP: counted for metrics, and logged, each reason at most once per second. */
#ifndef REFUSAL_H
#define REFUSAL_H

#include <stdint.h>

enum refusal {
    REFUSAL_NONE,
    REFUSAL_MEMORY,
    REFUSAL_CONNECTIONS,
    REFUSAL_DRAINING,
    REFUSAL_TIMEOUT,
    REFUSAL_BODY,
    REFUSAL_HEADERS,
    REFUSAL_MALFORMED,
    REFUSAL_TOKEN,
    REFUSALS
};

/* Counts and logs one; nothing for REFUSAL_NONE. May be called from any thread. */
void refusal_note(enum refusal refusal);

/* How many there were. */
uint64_t refusal_count(enum refusal refusal);

/* "memory", "connections", ...: static. */
const char *refusal_name(enum refusal refusal);

#endif
