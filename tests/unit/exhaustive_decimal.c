/* exhaustive_decimal.c - decimal.h over as many random numbers as there is time for: COUNT, 10^8 if
 * it is not given.
 *
 * Half of them are doubles of random bits: each way to print one must give the reference's text,
 * which must read back as it. The others are random digits and exponents, which must read as strtod
 * reads them. Then as many lines of the ECMAScript number corpus are printed as have a published
 * hash. All cores are used. The first difference ends the program with 1. */
#include "cpu.h"
#include "decimal/decimal_shortest.h"
#include "decimal/decimal_wide.h"
#include "support/bits.h"
#include "support/decimal_reference.h"
#include "support/es6_numbers.h"
#include "support/random.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK       10000 /* numbers that a thread takes at a time */
#define RUN         8     /* numbers that are printed together */
#define THREADS_MAX 256

static uint64_t blocks;
static _Atomic uint64_t next_block, done_blocks;

static void must(int holds, const char *what, uint64_t bits, const char *text, size_t length)
{
    if (holds) return;
    fprintf(stderr, "\n%s: %016" PRIx64 " \"%.*s\"\n", what, bits, (int)length, text);
    exit(1);
}

/* Numbers that are still to be read as one run, two eights and some. */
struct run {
    char text[20 * 64];
    size_t length, count;
    double expected[20];
};

static _Thread_local struct run run;

/* decimal_parse_avx2, and one by one from where it stops. */
static size_t parse_avx2(const char *text, const char *limit, const char **end, double *values,
                         size_t room, struct decimal_row row)
{
    size_t count = 0, taken = 1;
    for (*end = text; count < room && taken > 0; count += taken) {
        count += decimal_parse_avx2(*end, limit, end, values + count, room - count, row);
        taken = decimal_parse_portable(*end, limit, end, values + count, count < room, row);
    }
    return count;
}

static void check_form(decimal_run *form, const char *what)
{
    double values[20];
    const char *end;
    size_t count =
        form(run.text, run.text + run.length, &end, values, run.count, (struct decimal_row){0, 0});
    must(count == run.count && end == run.text + run.length, what, 0, run.text, run.length);
    for (size_t i = 0; i < count; i++)
        must(bits_of(values[i]) == bits_of(run.expected[i]), what, bits_of(run.expected[i]),
             run.text, run.length);
}

static void check_run(void)
{
    check_form(decimal_parse_run, "decimal_parse_run");
    check_form(decimal_parse_portable, "decimal_parse_portable");
    if (cpu_level() >= CPU_AVX2) check_form(parse_avx2, "decimal_parse_avx2");
    run.length = run.count = 0;
}

/* Reads text at the end of what may be read and before more, by itself, and later as an element of
 * a run. */
static void check_parse(const char *text, size_t length, double expected)
{
    char padded[64 + 64];
    memcpy(padded, text, length);
    memset(padded + length, ',', 64);
    for (size_t after = 1; after <= 64; after += 63) {
        const char *end;
        double value = NAN;
        enum decimal_status status = decimal_parse(padded, padded + length + after, &end, &value);
        must(status == (isinf(expected) ? DECIMAL_RANGE : DECIMAL_DONE), "status",
             bits_of(expected), text, length);
        must(end == padded + length, "end", bits_of(expected), text, length);
        if (isinf(expected)) return;
        must(bits_of(value) == bits_of(expected), "decimal_parse", bits_of(expected), text, length);
    }
    memcpy(run.text + run.length, padded, length + 1);
    run.length += length + 1;
    run.expected[run.count++] = expected;
    if (run.count == 20) check_run();
}

static void check_print(double value)
{
    char expected[DECIMAL_PRINT_MAX], text[DECIMAL_PRINT_MAX];
    size_t length = reference_print(value, expected), printed = decimal_print(value, text);
    must(printed == length && memcmp(text, expected, length) == 0, "decimal_print", bits_of(value),
         text, printed);
    struct decimal decimal = decimal_shortest_exact(value);
    printed = decimal_write_run(&decimal.digits, &decimal.scale, 1, 0, text) - 1;
    must(printed == length && memcmp(text, expected, length) == 0, "the reference", bits_of(value),
         text, printed);
    if (value != 0) check_parse(text, printed, value); /* -0 is printed without its sign */
}

/* A run that is long enough for vectors, of numbers that check_print has seen: as this CPU prints
 * it best, and in AVX2. */
static void check_print_run(const double *values)
{
    char expected[RUN * (DECIMAL_PRINT_MAX + 1)], text[RUN * DECIMAL_PRINT_MAX];
    uint64_t digits[RUN];
    struct decimal_scale scales[RUN];
    size_t length = 0;
    for (int i = 0; i < RUN; i++) {
        length += decimal_print(values[i], expected + length);
        expected[length++] = ',';
    }
    for (int avx2 = 0; avx2 <= (cpu_level() >= CPU_AVX2); avx2++) {
        char *end = text;
        if (avx2)
            decimal_shortest_avx2(values, RUN, digits, scales);
        else
            decimal_shortest_run(values, RUN, digits, scales);
        for (size_t i = 0; i < RUN; i++) {
            if (avx2) i += decimal_write_avx2(digits + i, scales + i, RUN - i, 0, &end);
            if (i < RUN) end += decimal_write_run(digits + i, scales + i, avx2 ? 1 : RUN, 0, end);
            if (!avx2) break;
        }
        size_t printed = (size_t)(end - text);
        must(printed == length && memcmp(text, expected, length) == 0,
             avx2 ? "a run in AVX2" : "a run", bits_of(values[0]), text, printed);
    }
}

static void check_digits(uint64_t *random)
{
    char text[64], *p = text;
    uint64_t draw = random_bits(random);
    int whole = 1 + (int)(draw % 3 * (draw >> 8) % 20), fraction = (int)((draw >> 16) % 22);
    if (draw >> 63) *p++ = '-';
    for (int i = 0; i < whole + fraction; i++) {
        int least = i == 0 && whole > 1; /* no zero begins a longer number */
        if (i == whole) *p++ = '.';
        *p++ = (char)('0' + least + (int)(random_bits(random) % (unsigned)(10 - least)));
    }
    if (draw >> 62 & 1) p += sprintf(p, "e%d", (int)((draw >> 24) % 700) - 360);
    *p = '\0';
    check_parse(text, (size_t)(p - text), strtod(text, NULL));
}

static void *check_blocks(void *unused)
{
    for (uint64_t block; (block = next_block++) < blocks; done_blocks++) {
        uint64_t random = block;
        random = random_bits(&random);
        double values[RUN];
        for (int i = 0; i < BLOCK / 2; i++) {
            values[i % RUN] = random_double(&random);
            check_print(values[i % RUN]);
            if (i % RUN == RUN - 1) check_print_run(values);
            check_digits(&random);
        }
        check_run();
    }
    return unused;
}

int main(int argc, char **argv)
{
    unsigned long long count = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000000;
    pthread_t threads[THREADS_MAX];
    long cores = sysconf(_SC_NPROCESSORS_ONLN), started = 0;
    blocks = (count + BLOCK - 1) / BLOCK;
    for (; started < cores && started < THREADS_MAX; started++) {
        if (pthread_create(&threads[started], NULL, check_blocks, NULL) != 0) break;
    }
    if (started == 0) check_blocks(NULL);
    while (done_blocks < blocks) {
        sleep(1);
        if (isatty(STDERR_FILENO)) fprintf(stderr, "\r%3d %%", (int)(done_blocks * 100 / blocks));
    }
    while (started > 0) pthread_join(threads[--started], NULL);
    printf("%llu random numbers\n", (unsigned long long)blocks * BLOCK);

    for (int i = 0; i < 6 && es6_numbers_hashes[i].lines <= count; i++) {
        char sha256[65];
        es6_numbers_hash(es6_numbers_hashes[i].lines, sha256);
        must(strcmp(sha256, es6_numbers_hashes[i].sha256) == 0, "hash of the corpus", 0, sha256,
             strlen(sha256));
        printf("%lu lines of the ES6 corpus\n", es6_numbers_hashes[i].lines);
    }
    return 0;
}
