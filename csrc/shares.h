/* What few uids have, without the others; internal. */
#ifndef YUMA_SHARES_H
#define YUMA_SHARES_H

#include <stdint.h>
#include <string.h>

/* Uids, ascending, and the share of each; all other uids have 0. */
typedef struct {
    uint32_t count;
    uint16_t *uid;  /* [count]; null: those from 0 on */
    int64_t *share; /* [count] */
} uid_shares;

/* Who has share k. */
static inline uint32_t uid_of(const uid_shares *of, uint32_t k) {
    return of->uid == NULL ? k : of->uid[k];
}

/* The share of each of n uids. */
static inline void spread_shares(uint32_t n, const uid_shares *of, int64_t *shares) {
    memset(shares, 0, n * sizeof *shares);
    for (uint32_t k = 0; k < of->count; k++) {
        shares[uid_of(of, k)] = of->share[k];
    }
}

#endif
