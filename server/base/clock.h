/* clock.h - time that only goes forward. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

/* Nanoseconds, for durations. */
uint64_t clock_nanoseconds(void);

/* Milliseconds from a clock that the kernel advances once per tick, so up to 10 ms late: for
 * deadlines, of which each request sets two. Reading it costs less than clock_nanoseconds. */
int64_t clock_milliseconds(void);

#endif
