/* Loops over uids that are the faster the wider the vectors of the machine are, compiled once for each instruction set; internal. */
#ifndef YUMA_UIDS_H
#define YUMA_UIDS_H

#include <stddef.h>
#include <stdint.h>

enum { KEYS = 16, BITS = 64 };

/* `count` up to a multiple of KEYS. */
static inline uint32_t padded_keys(uint32_t count) {
    return (count + KEYS - 1) / KEYS * KEYS;
}

/* How many words have a bit for each of n. */
static inline uint32_t words_of(uint32_t n) {
    return (n + BITS - 1) / BITS;
}

typedef struct {
    /* Section 3.1: active[i] = last_update[i] >= first. */
    void (*activity)(uint32_t n, const uint64_t *last_update, uint64_t first, uint8_t *active);
    /* Section 3.5, of so many keys and, up to a multiple of KEYS, the lowest that there is: the largest number that k of them or more
     * reach, 1 <= k <= count; or a smaller one that k of them reach and no more. *reach: how many do. */
    int32_t (*reached_by)(uint32_t count, const int32_t *keys, uint32_t k, uint32_t *reach);
    /* Section 4: the largest of n numbers. */
    uint64_t (*latest)(uint32_t n, const uint64_t *registered);
    /* Of n uids a bit each, the lowest first: whether it has bonds, or has weights and is permitted. */
    void (*some)(uint32_t n, const uint32_t *weights, const uint8_t *permitted, const uint32_t *bonds, uint64_t *bits);
    /* The same: whether its votes are enough. */
    void (*voted)(uint32_t n, const uint32_t *votes, uint32_t enough, uint64_t *bits);
    /* Section 8: to_u16 of proportions. 0, and nothing stored that counts, where one of them is none. */
    int (*store)(size_t count, const int64_t *proportions, uint16_t *stored);
} uid_loops;

/* Without the instructions of any of them. */
extern const uid_loops yuma_uids_portable;

#endif
