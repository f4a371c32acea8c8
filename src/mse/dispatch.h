/* dispatch.h - which kernel this CPU gets. */
#ifndef DISPATCH_H
#define DISPATCH_H

#include "mse/kernel.h"

/* The kernel of that name; NULL if there is none, or this CPU has not the instructions. */
const struct kernel *dispatch_find(const char *name);

/* The kernel that the environment variable MSE_KERNEL names, or else the best that this CPU can
 * run; NULL if it names "exact", or asks for no kernel at all. Decided once, at the first call. */
const struct kernel *dispatch_kernel(void);

/* Whether decimals are read and written eight at a time, by decimal_wide.h: the kernel is
 * AVX-512's, and this CPU has the further instructions that this takes. */
bool dispatch_wide(void);

#endif
