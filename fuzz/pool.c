/* pool.c - see pool.h. Blocks of 2^k bytes, handed out again once they are given back. */
#include "pool.h"

#include <gmp.h>
#include <stdlib.h>
#include <string.h>

#define CLASS_MIN 6 /* 64 bytes */

struct block {
    struct block *next;
};

static struct block *blocks[64];

static int class_of(size_t size)
{
    int order = CLASS_MIN;
    while ((size_t)1 << order < size) order++;
    return order;
}

static void *take(size_t size)
{
    int order = class_of(size);
    struct block *block = blocks[order];
    if (block == NULL) {
        block = malloc((size_t)1 << order);
        if (block == NULL) abort();
    } else {
        blocks[order] = block->next;
    }
    return block;
}

static void give(void *memory, size_t size)
{
    struct block *block = memory;
    block->next = blocks[class_of(size)];
    blocks[class_of(size)] = block;
}

static void *resize(void *memory, size_t from, size_t to)
{
    if (class_of(from) == class_of(to)) return memory;
    void *moved = take(to);
    memcpy(moved, memory, from < to ? from : to);
    give(memory, from);
    return moved;
}

void pool_serve_gmp(void)
{
    mp_set_memory_functions(take, resize, give);
}
