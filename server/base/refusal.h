/* refusal.h - takes note of requests and connections that were not served though they may have been
 * right: counts each, and logs each reason once a second at most. */
#ifndef REFUSAL_H
#define REFUSAL_H

#include "base/metrics.h"

/* May be called from any thread. */
void refusal_note(enum metrics_refusal refusal);

#endif
