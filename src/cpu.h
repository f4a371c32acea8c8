/* cpu.h - which instruction sets this CPU has: src/mse and src/decimal choose their code by it.
 * Knows nothing of either. */
#ifndef CPU_H
#define CPU_H

#include <stdbool.h>

/* From least to greatest. A CPU of one level has all levels below that its architecture knows. */
enum cpu_level {
    CPU_EXACT,    /* no vectors, and integers in the place of kernels: for tests only */
    CPU_BASELINE, /* what the compiler assumes unasked */
    CPU_NEON,     /* AArch64: Advanced SIMD, which every such CPU has */
    CPU_AVX2,     /* x86-64: AVX2, FMA, BMI, BMI2 */
    CPU_AVX512,   /* and AVX-512 F, DQ, VL, BW */
    CPU_VBMI2,    /* and AVX-512 CD, VBMI, VBMI2 */
};

/* The greatest level of this CPU, or the one that cpu_use chose. Any thread may call it. */
enum cpu_level cpu_level(void);

/* Chooses a level by name, for tests and comparisons: exact, baseline, neon, avx2, avx512, vbmi2;
 * NULL is this CPU's greatest. A level that does not exist or that this CPU does not have returns
 * false and changes nothing. To be called while no other thread computes. */
bool cpu_use(const char *name);

#endif
