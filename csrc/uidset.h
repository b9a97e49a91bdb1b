/* A set of uids that is walked in ascending order at the cost of its members: a bit a uid, and a bit for each word of them
 * that is not empty. It puts the entries of a row in ascending columns without a sort. */
#ifndef YUMA_UIDSET_H
#define YUMA_UIDSET_H

#include <stdint.h>

#include "verify.h"
#include "yuma.h"

enum { UIDSET_WORDS = (YUMA_MAX_UIDS + 63) / 64, UIDSET_GROUPS = (UIDSET_WORDS + 63) / 64 };

typedef struct {
    uint64_t word[UIDSET_WORDS];
    uint64_t group[UIDSET_GROUPS]; /* bit w: word[w] is not 0 */
} uidset;

static inline void uidset_add(uidset *set, uint16_t uid) {
    unsigned word = uid / 64u;
    VERIFY_CHECK(uid < YUMA_MAX_UIDS);
    set->word[word] |= (uint64_t)1 << (uid % 64u);
    set->group[word / 64u] |= (uint64_t)1 << (word % 64u);
}

/* The index of the lowest one bit. x != 0. */
static inline unsigned uidset_lowest(uint64_t x) {
    VERIFY_CHECK(x != 0);
#if defined(__GNUC__)
    return (unsigned)__builtin_ctzll(x);
#else
    unsigned index = 0;
    for (; (x & 1) == 0; x >>= 1) {
        index++;
    }
    return index;
#endif
}

/* Takes the smallest uid >= what was taken before out of the set; -1 where it is empty. *group starts at 0. */
static inline int32_t uidset_pop(uidset *set, unsigned *group) {
    for (; *group < UIDSET_GROUPS; ++*group) {
        if (set->group[*group] != 0) {
            unsigned word = *group * 64u + uidset_lowest(set->group[*group]);
            unsigned bit = uidset_lowest(set->word[word]);
            set->word[word] &= set->word[word] - 1;
            if (set->word[word] == 0) {
                set->group[*group] &= set->group[*group] - 1;
            }
            return (int32_t)(word * 64u + bit);
        }
    }
    return -1;
}

#endif
