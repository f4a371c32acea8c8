/* kernels.c - a row for each kernel that the Makefile builds. */
#include "mse/kernels.h"

static const struct kernel *const kernels[] = {
    [CPU_BASELINE] = &kernel_baseline,
#if defined __x86_64__
    [CPU_AVX2] = &kernel_avx2,
    [CPU_AVX512] = &kernel_avx512,
#endif
};

const struct kernel *kernels_best(enum cpu_level level)
{
    size_t i = sizeof kernels / sizeof kernels[0] - 1;
    if (i > (size_t)level) i = (size_t)level;
    while (kernels[i] == NULL && i > CPU_EXACT) i--;
    return kernels[i];
}
