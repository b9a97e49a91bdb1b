/* What the stages share; internal. */
#ifndef YUMA_STAGES_H
#define YUMA_STAGES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "fixed.h"
#include "shares.h"
#include "uids.h"
#include "yuma.h"

#define REQUIRE(condition, status) \
    do {                           \
        if (!(condition)) {        \
            return (status);       \
        }                          \
    } while (0)

/* A proportion, a weight, a score, a share of stake. */
static inline int is_proportion(int64_t x) {
    return x >= 0 && x <= YUMA_ONE;
}

#define REQUIRE_N(n) REQUIRE((n) >= 1 && (n) <= YUMA_MAX_UIDS, YUMA_ERROR_N)

#define REQUIRE_OWNER(n, owner) \
    REQUIRE((owner) == YUMA_NO_OWNER || ((owner) >= 0 && (uint32_t)(owner) < (n)), YUMA_ERROR_OWNER)

#define REQUIRE_ROWS(rows)                                                                                     \
    REQUIRE((rows) != NULL && (rows)->indptr != NULL && (rows)->uid != NULL && (rows)->value != NULL, \
            YUMA_ERROR_NULL)

#define TRY(call)                   \
    do {                            \
        yuma_status try_ = (call);  \
        if (try_ != YUMA_OK) {      \
            return try_;            \
        }                           \
    } while (0)

static inline uint64_t saturating_add(uint64_t a, uint64_t b) {
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Whether the uids of a row ascend, strictly as they stand in it once. */
static inline int ascending(const uint16_t *uid, size_t count) {
    int16_t falls = 0; /* 16 bits wide all through, as compilers vectorize it; uids have 15 */
    for (size_t k = 1; k < count; k++) {
        falls = (int16_t)(falls | ((int16_t)uid[k] <= (int16_t)uid[k - 1] ? -1 : 0));
    }
    return !falls;
}

/* fixed_div_by; of most uids there is nothing to divide. */
static inline int64_t part_of(int64_t x, fixed_divisor d) {
    return x == 0 ? 0 : fixed_div_by(x, d);
}

/* Whether 16 numbers are 0, as most are by uid; compilers vectorize it. */
enum { SOME = 16 };
static inline int some_are_zero(const int64_t values[SOME]) {
    int64_t all = 0;
    for (unsigned k = 0; k < SOME; k++) {
        all |= values[k];
    }
    return all == 0;
}

static inline int any_nonzero(uint32_t n, const int64_t *values) {
    for (uint32_t i = 0; i < n; i++) {
        if (values[i] != 0) {
            return 1;
        }
    }
    return 0;
}

/* Of fixed_share_of; of 0, of which there are no parts, 0. */
static inline uint64_t reciprocal_of(int64_t sum) {
    return sum == 0 ? 0 : UINT64_MAX / (uint64_t)sum;
}

/* Each divided by `sum`, which is theirs. */
static inline void divide_shares(uid_shares *of, int64_t sum) {
    const uint64_t reciprocal = reciprocal_of(sum);
    for (uint32_t k = 0; k < of->count; k++) {
        of->share[k] = fixed_share_of(of->share[k], sum, reciprocal);
    }
}

/* Each divided by `sum`, which is that of all of them; `all` is all of them or'ed. None is negative. Most are 0. */
static inline void divide_by(uint32_t n, int64_t sum, int64_t all, int64_t *values) {
    if (all < 2 * YUMA_ONE) { /* proportions */
        const uint64_t reciprocal = reciprocal_of(sum);
        for (uint32_t i = 0; i < n; i++) {
            if (values[i] != 0) {
                values[i] = fixed_share_of(values[i], sum, reciprocal);
            }
        }
    } else {
        const fixed_divisor d = fixed_divisor_of(sum);
        for (uint32_t i = 0; i < n; i++) {
            values[i] = part_of(values[i], d);
        }
    }
}

/* Each divided by their sum where that is not 0. None is negative, and the sum fits an int64_t. */
static inline void divide_by_sum(uint32_t n, int64_t *values) {
    int64_t sum = 0, all = 0;
    for (uint32_t i = 0; i < n; i++) {
        VERIFY_CHECK(values[i] >= 0 && sum <= INT64_MAX - values[i]);
        sum += values[i];
        all |= values[i];
    }
    divide_by(n, sum, all, values);
}

/* The entries of `from`, in order. `to` may be `from`. */
static inline void copy_rows(uint32_t n, const yuma_rows *from, yuma_rows *to) {
    VERIFY_CHECK((from->indptr == to->indptr) == (from->uid == to->uid) && (from->uid == to->uid) == (from->value == to->value));
    if (from->indptr != to->indptr) {
        memcpy(to->indptr, from->indptr, ((size_t)n + 1) * sizeof *to->indptr);
        memcpy(to->uid, from->uid, from->indptr[n] * sizeof *to->uid);
        memcpy(to->value, from->value, from->indptr[n] * sizeof *to->value);
    }
}

/* ---- sections 3 and 8 as the epoch has them, for the uids that have something: stake.c and emission.c ------------------- */

/* 3.1, as yuma_activity. */
void yuma_active(const uid_loops *loops, uint32_t n, const uint64_t *last_update, uint64_t activity_cutoff, uint64_t current_block,
                 uint8_t *active);

/* 3.2 and 3.3, as yuma_normalize_stake. staked: with room for n; without a share of 0, as active_stake below. */
void yuma_staked(uint32_t n, const uint64_t *total_stake, uint64_t stake_threshold, int32_t owner_uid, uid_shares *staked);

/* 3.5, as yuma_permits. */
yuma_status yuma_permits_of(const uid_loops *loops, uint32_t n, const uid_shares *staked, uint16_t max_allowed_validators,
                            int32_t owner_uid, uint8_t *new_permit, void *workspace, size_t workspace_size);

/* 3.4: counts[i] = 1 where stake is active, else 0; whether they are those that stood there. */
int yuma_count_active(uint32_t n, const uint8_t *active, const uint8_t *validator_permit, int32_t owner_uid, uint8_t *counts);

/* 3.6, as yuma_active_stake. active_stake: with room for as many as have a stake. */
void yuma_active_shares(const uid_shares *staked, const uint8_t *counts, uid_shares *active_stake);

/* Section 8, as yuma_emission, where incentive and dividends are not all 0; else 0, and nothing written. */
int yuma_emission_of(uint32_t n, const int64_t *incentive, const uid_shares *dividends, uint64_t emission, uint64_t *server_emission,
                     uint64_t *validator_emission, uint64_t *total_emission);

/* Section 8 where they are: to whom it goes then. */
void yuma_emission_by_stake(uint32_t n, const uid_shares *stake, uint64_t emission, uint64_t *server_emission,
                            uint64_t *validator_emission, uint64_t *total_emission);

/* Section 8, as yuma_store. */
void yuma_store_by(const uid_loops *loops, size_t count, const int64_t *proportions, uint16_t *stored);
void yuma_store_shares(const uid_loops *loops, uint32_t n, const uid_shares *of, uint16_t *stored);

#endif
