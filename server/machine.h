/* machine.h - what this process may use of the machine it runs on: its cores and memory, control groups considered. */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdint.h>

/* Cores that the affinity mask allows, at most those that the control group's quota pays for, rounded up; at least 1.
 */
unsigned machine_cores(void);

/* Milliseconds on a clock that only ever goes forward. */
int64_t machine_milliseconds(void);

/* Bytes of physical memory, or the control group's limit where that is lower. */
uint64_t machine_memory(void);

#endif
