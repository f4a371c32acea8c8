/* refusal.c - counts and logs what was not served. Knows nothing of why. */
#include "base/refusal.h"

#include "base/log.h"

void refusal_note(enum metrics_refusal refusal)
{
    static struct log_limit limits[METRICS_REFUSALS];
    metrics_count_refusal(refusal);
    log_line_limited(&limits[refusal], "not served: %s", metrics_refusal_name(refusal));
}
