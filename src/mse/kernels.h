/* kernels.h - the kernels that libmse has, and which of them a CPU gets. */
#ifndef KERNELS_H
#define KERNELS_H

#include "cpu.h"
#include "mse/kernel.h"

/* The greatest kernel that a CPU of that level runs; NULL for CPU_EXACT: exact.h does its work. */
const struct kernel *kernels_best(enum cpu_level level);

#endif
