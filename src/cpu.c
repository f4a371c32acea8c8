/* cpu.c - asks the CPU once for its instruction sets. */
#include "cpu.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

/* The level plus 1; 0 until the first question. Threads that ask at once find the same. */
static atomic_int chosen;

__attribute__((noinline)) bool cpu_use(const char *name)
{
#define HAS(set) (__builtin_cpu_supports(set) != 0)
    const struct {
        const char *name;
        enum cpu_level level;
        bool is_present;
    } levels[] = {
        {"exact", CPU_EXACT, true},
        {"baseline", CPU_BASELINE, true},
#if defined __aarch64__
        {"neon", CPU_NEON, true},
#elif defined __x86_64__
        {"avx2", CPU_AVX2, HAS("avx2") && HAS("fma") && HAS("bmi") && HAS("bmi2")},
        {"avx512", CPU_AVX512,
         HAS("avx512f") && HAS("avx512dq") && HAS("avx512vl") && HAS("avx512bw")},
        {"vbmi2", CPU_VBMI2, HAS("avx512cd") && HAS("avx512vbmi") && HAS("avx512vbmi2")},
#endif
    };
#undef HAS
    bool is_found = false;
    for (size_t i = 0; i < sizeof levels / sizeof levels[0] && levels[i].is_present; i++) {
        if (name != NULL && strcmp(name, levels[i].name) != 0) continue;
        atomic_store_explicit(&chosen, (int)levels[i].level + 1, memory_order_relaxed);
        is_found = true;
    }
    return is_found;
}

enum cpu_level cpu_level(void)
{
    int level = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (level == 0) {
        cpu_use(NULL);
        level = atomic_load_explicit(&chosen, memory_order_relaxed);
    }
    return (enum cpu_level)(level - 1);
}
