/* The caller's workspace, handed out piece by piece. */
#ifndef YUMA_MEMORY_H
#define YUMA_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "verify.h"

enum { ARENA_ALIGNMENT = 16, ARENA_LINE = 64 };

typedef struct {
    unsigned char *at, *end;
} arena;

static inline arena arena_of(void *workspace, size_t size) {
    unsigned char *start = workspace;
    return (arena){start, start == NULL ? start : start + size};
}

static inline size_t arena_left(const arena *workspace) {
    return (size_t)(workspace->end - workspace->at);
}

/* `count` items of `size` bytes, aligned for any type; null where the workspace has no more room. count * size is at most
 * 16 * 2^32: on a machine with a 32-bit size_t the test for room is made in 64 bits. */
static inline void *arena_take(arena *workspace, uint64_t count, uint64_t size) {
    VERIFY_CHECK(size != 0 && count <= ((uint64_t)16 << 32) / size);
    uint64_t padding = (uint64_t)(-(uintptr_t)workspace->at & (ARENA_ALIGNMENT - 1));
    if (workspace->at == NULL || arena_left(workspace) < padding + count * size) {
        return NULL;
    }
    unsigned char *taken = workspace->at + padding;
    workspace->at = taken + count * size;
    return taken;
}

/* What is taken next starts a line of a cache, so that no vector is on two. */
static inline void arena_align(arena *workspace) {
    const size_t padding = (size_t)(-(uintptr_t)workspace->at & (ARENA_LINE - 1));
    workspace->at += arena_left(workspace) < padding ? 0 : padding;
}

/* As arena_take, filled with zero bytes. */
static inline void *arena_take_zeros(arena *workspace, uint64_t count, uint64_t size) {
    void *taken = arena_take(workspace, count, size);
    if (taken != NULL) {
        memset(taken, 0, (size_t)(count * size));
    }
    return taken;
}

#endif
