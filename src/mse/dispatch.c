/* dispatch.c - picks the kernel once, by what the CPU has and what MSE_KERNEL asks for. */
#include "mse/dispatch.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* From best to least, which every CPU has. */
static const struct kernel *const kernels[] = {
#if defined __x86_64__
    &kernel_avx512,
    &kernel_avx2,
#endif
    &kernel_baseline,
    NULL,
};

static bool supported(const struct kernel *kernel)
{
#if defined __x86_64__
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (kernel == &kernel_avx2) return avx2;
    if (kernel == &kernel_avx512)
        return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
#endif
    return kernel == &kernel_baseline;
}

const struct kernel *dispatch_find(const char *name)
{
    for (const struct kernel *const *k = kernels; *k != NULL; k++)
        if (strcmp((*k)->name, name) == 0 && supported(*k)) return *k;
    return NULL;
}

static const struct kernel *choose(void)
{
    const char *name = getenv("MSE_KERNEL");
    if (name != NULL && strcmp(name, "exact") == 0) return NULL;
    if (name != NULL && dispatch_find(name) != NULL) return dispatch_find(name);
    const struct kernel *const *best = kernels;
    while (!supported(*best)) best++;
    return *best;
}

/* Threads that come here at once choose alike, so it does not matter whose choice is stored. */
const struct kernel *dispatch_kernel(void)
{
    static _Atomic(const struct kernel *) chosen;
    static atomic_bool decided;
    if (!atomic_load_explicit(&decided, memory_order_acquire)) {
        atomic_store_explicit(&chosen, choose(), memory_order_relaxed);
        atomic_store_explicit(&decided, true, memory_order_release);
    }
    return atomic_load_explicit(&chosen, memory_order_relaxed);
}

bool dispatch_wide(void)
{
#if defined __x86_64__
    return dispatch_kernel() == &kernel_avx512 && __builtin_cpu_supports("avx512cd") &&
           __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2") &&
           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
#else
    return false;
#endif
}
