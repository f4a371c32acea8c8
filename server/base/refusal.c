/* refusal.c - counts and logs what was not served. */
#include "base/refusal.h"

#include "base/log.h"

#include <stdatomic.h>

static const char *const names[REFUSALS] = {[REFUSAL_NONE] = "none",
                                            [REFUSAL_MEMORY] = "memory",
                                            [REFUSAL_CONNECTIONS] = "connections",
                                            [REFUSAL_DRAINING] = "draining",
                                            [REFUSAL_TIMEOUT] = "timeout",
                                            [REFUSAL_BODY] = "body",
                                            [REFUSAL_HEADERS] = "headers",
                                            [REFUSAL_MALFORMED] = "malformed",
                                            [REFUSAL_TOKEN] = "token"};

static _Atomic uint64_t counts[REFUSALS];

void refusal_note(enum refusal refusal)
{
    static struct log_limit limits[REFUSALS];
    if (refusal == REFUSAL_NONE) return;
    atomic_fetch_add_explicit(&counts[refusal], 1, memory_order_relaxed);
    log_line_limited(&limits[refusal], "not served: %s", names[refusal]);
}

uint64_t refusal_count(enum refusal refusal)
{
    return atomic_load_explicit(&counts[refusal], memory_order_relaxed);
}

const char *refusal_name(enum refusal refusal)
{
    return names[refusal];
}
