/* Section 3 of the law: stake, activity, permits. */
#include "fixed.h"
#include "memory.h"
#include "stages.h"

void yuma_active(const uid_loops *loops, uint32_t n, const uint64_t *last_update, uint64_t activity_cutoff, uint64_t current_block,
                 uint8_t *active) {
    /* a sum that saturates is not before any block, and its last_update is not before this one */
    const uint64_t first = current_block > activity_cutoff ? current_block - activity_cutoff : 0;
    loops->activity(n, last_update, first, active);
    for (uint32_t i = 0; i < n; i++) {
        VERIFY_CHECK(active[i] == !(saturating_add(last_update[i], activity_cutoff) < current_block));
    }
}

yuma_status yuma_activity(uint32_t n, const uint64_t *last_update, uint64_t activity_cutoff, uint64_t current_block,
                          uint8_t *active) {
    REQUIRE_N(n);
    REQUIRE(last_update != NULL && active != NULL, YUMA_ERROR_NULL);
    yuma_active(&yuma_uids_portable, n, last_update, activity_cutoff, current_block, active);
    return YUMA_OK;
}

static inline wide stake_of(const uint64_t *total_stake, size_t i) {
    return (wide){total_stake[2 * i + 1], total_stake[2 * i]};
}

/* 3.2 */
static inline wide filtered_stake(const uint64_t *total_stake, uint32_t i, uint64_t threshold, int32_t owner_uid) {
    const wide total = stake_of(total_stake, i);
    const uint64_t kept = (uint64_t)0 - ((total.hi >= threshold) | ((int32_t)i == owner_uid));
    return (wide){total.hi & kept, total.lo & kept};
}

/* The part of the sum, which is not 0, where its upper word is short. */
static int64_t part_of_little(wide total, wide sum) {
    int overflow; /* a part of the sum is at most 1 */
    int64_t part = fixed_from_i64f64(fixed_quotient64(total, sum, &overflow));
    VERIFY_CHECK(!overflow && is_proportion(part));
    return part;
}

/* The uids from `begin` on whose stake is not 0 and not below the threshold; how many, and their stake added to *sum. uid: room for
 * end - begin. */
static uint32_t list_staked(uint32_t begin, uint32_t end, const uint64_t *total_stake, uint64_t threshold, uint16_t *uid, wide *sum) {
    const uint64_t *total = total_stake + 2 * (size_t)begin;
    size_t count = 0;
    wide all = *sum;
    if (threshold == 0) { /* both loops without a branch, which could not be predicted */
        for (uint32_t i = begin; i < end; i++, total += 2) {
            uid[count] = (uint16_t)i;
            count += (total[0] | total[1]) != 0;
            all = wide_add(all, (wide){total[1], total[0]});
        }
    } else {
        for (uint32_t i = begin; i < end; i++, total += 2) {
            const uint64_t kept = (uint64_t)0 - (total[1] >= threshold);
            uid[count] = (uint16_t)i;
            count += kept & 1;
            all = wide_add(all, (wide){total[1] & kept, total[0] & kept});
        }
    }
    *sum = all;
    return (uint32_t)count;
}

/* Their parts of the sum, of which those that are 0 leave the list; how many stay. */
static uint32_t shares_of_stake(uint32_t listed, const uint64_t *total_stake, wide sum, uint16_t *restrict uid, int64_t *restrict share) {
    size_t count = 0;
    if (fixed_is_whole(sum)) {
        const fixed_whole whole = fixed_whole_of(sum);
        for (size_t k = 0; k < listed; k++) {
            const size_t i = uid[k];
            const int64_t part = fixed_part_of(stake_of(total_stake, i), &whole);
            uid[count] = (uint16_t)i;
            share[count] = part;
            count += part != 0;
        }
    } else {
        for (size_t k = 0; k < listed; k++) {
            const uint16_t i = uid[k];
            uid[count] = i;
            share[count] = part_of_little(stake_of(total_stake, i), sum);
            count += share[count] != 0;
        }
    }
    return (uint32_t)count;
}

void yuma_staked(uint32_t n, const uint64_t *total_stake, uint64_t stake_threshold, int32_t owner_uid, uid_shares *staked) {
    const uint32_t owner = owner_uid == YUMA_NO_OWNER ? n : (uint32_t)owner_uid;
    uint16_t *uid = staked->uid;
    wide sum = {0, 0};
    uint32_t listed = list_staked(0, owner, total_stake, stake_threshold, uid, &sum);
    if (owner < n) { /* whose stake counts below the threshold too */
        listed += list_staked(owner, owner + 1, total_stake, 0, uid + listed, &sum);
        listed += list_staked(owner + 1, n, total_stake, stake_threshold, uid + listed, &sum);
    }
    VERIFY_CHECK(sum.hi >> 63 == 0);
    staked->count = shares_of_stake(listed, total_stake, sum, uid, staked->share);
}

yuma_status yuma_normalize_stake(uint32_t n, const uint64_t *total_stake, uint64_t stake_threshold, int32_t owner_uid,
                                 int64_t *stake) {
    REQUIRE_N(n);
    REQUIRE_OWNER(n, owner_uid);
    REQUIRE(total_stake != NULL && stake != NULL, YUMA_ERROR_NULL);
    wide sum = {0, 0};
    for (uint32_t i = 0; i < n; i++) {
        sum = wide_add(sum, filtered_stake(total_stake, i, stake_threshold, owner_uid));
        VERIFY_CHECK(sum.hi >> 63 == 0);
    }
    const int is_whole = fixed_is_whole(sum);
    const fixed_whole whole = is_whole ? fixed_whole_of(sum) : (fixed_whole){{0, 0}, 0, 0};
    for (uint32_t i = 0; i < n; i++) {
        const wide filtered = filtered_stake(total_stake, i, stake_threshold, owner_uid);
        stake[i] = is_whole ? fixed_part_of(filtered, &whole) : (filtered.hi | filtered.lo) == 0 ? 0 : part_of_little(filtered, sum);
    }
    return YUMA_OK;
}

/* Integers of 32 bits in the order of the numbers. */
static inline int32_t key_of(uint32_t x) {
    return (int32_t)(x ^ (uint32_t)1 << 31);
}

static void pad_keys(uint32_t count, int32_t *keys) {
    for (uint32_t m = count; m < padded_keys(count); m++) {
        keys[m] = INT32_MIN;
    }
}

/* Of the uids listed, the k with the highest keys, among equals the higher uids, have a permit, and the others none; 1 <= k <= count. */
static void permit_highest(const uid_loops *loops, uint32_t count, const uint16_t *uid, const int32_t *keys, uint32_t k,
                           uint8_t *permit) {
    uint32_t reach;
    VERIFY_CHECK(k >= 1 && k <= count);
    const int32_t least = loops->reached_by(count, keys, k, &reach);
    for (uint32_t m = 0; m < count; m++) {
        permit[uid[m]] = keys[m] >= least;
    }
    for (uint32_t m = 0; reach != k; m++) { /* the lower uids of those that just reach it */
        VERIFY_CHECK(m < count);
        if (keys[m] == least) {
            permit[uid[m]] = 0;
            reach--;
        }
    }
}

yuma_status yuma_top_k(uint32_t n, const int64_t *stake, uint32_t k, uint8_t *permit, void *workspace,
                       size_t workspace_size) {
    REQUIRE_N(n);
    REQUIRE(stake != NULL && permit != NULL, YUMA_ERROR_NULL);
    if (k >= n || k == 0) {
        memset(permit, k == 0 ? 0 : 1, n);
        return YUMA_OK;
    }
    arena memory = arena_of(workspace, workspace_size);
    int32_t *high = arena_take(&memory, padded_keys(n), sizeof *high), *low = arena_take(&memory, padded_keys(n), sizeof *low);
    uint16_t *uid = arena_take(&memory, n, sizeof *uid);
    REQUIRE(high != NULL && low != NULL && uid != NULL, YUMA_ERROR_WORKSPACE);
    uint32_t reach = n, above = 0, equal = 0;
    int32_t differ = 0;
    for (uint32_t i = 0; i < n; i++) {
        high[i] = (int32_t)(stake[i] >> 32);
        differ |= high[i] ^ high[0];
    }
    pad_keys(n, high);
    const int32_t least = differ == 0 ? high[0] : yuma_uids_portable.reached_by(n, high, k, &reach);
    for (uint32_t i = 0; i < n; i++) {
        permit[i] = high[i] > least;
        above += high[i] > least;
        uid[equal] = (uint16_t)i;
        low[equal] = key_of((uint32_t)stake[i]);
        equal += high[i] == least;
    }
    VERIFY_CHECK(above <= k && above + equal == reach);
    if (above < k) {
        pad_keys(equal, low);
        permit_highest(&yuma_uids_portable, equal, uid, low, k - above, permit);
    }
    return YUMA_OK;
}

yuma_status yuma_permits_of(const uid_loops *loops, uint32_t n, const uid_shares *staked, uint16_t max_allowed_validators,
                            int32_t owner_uid, uint8_t *new_permit, void *workspace, size_t workspace_size) {
    memset(new_permit, 0, n);
    if (staked->count <= max_allowed_validators) { /* those who lose a permit have no stake */
        for (uint32_t k = 0; k < staked->count; k++) {
            new_permit[staked->uid[k]] = 1;
        }
    } else if (max_allowed_validators != 0) {
        arena memory = arena_of(workspace, workspace_size);
        int32_t *keys = arena_take(&memory, padded_keys(staked->count), sizeof *keys);
        REQUIRE(keys != NULL, YUMA_ERROR_WORKSPACE);
        for (uint32_t k = 0; k < staked->count; k++) {
            VERIFY_CHECK(staked->share[k] < YUMA_ONE); /* as another one has a share too */
            keys[k] = key_of((uint32_t)staked->share[k]);
        }
        pad_keys(staked->count, keys);
        permit_highest(loops, staked->count, staked->uid, keys, max_allowed_validators, new_permit);
    }
    if (owner_uid != YUMA_NO_OWNER) {
        new_permit[owner_uid] = 1;
    }
    return YUMA_OK;
}

yuma_status yuma_permits(uint32_t n, const int64_t *stake, uint16_t max_allowed_validators, int32_t owner_uid,
                         uint8_t *new_permit, void *workspace, size_t workspace_size) {
    REQUIRE_N(n);
    REQUIRE_OWNER(n, owner_uid);
    REQUIRE(stake != NULL && new_permit != NULL, YUMA_ERROR_NULL);
    uint32_t staked = 0;
    for (uint32_t i = 0; i < n; i++) {
        staked += stake[i] != 0;
        new_permit[i] = stake[i] != 0;
    }
    if (staked > max_allowed_validators) { /* else those who lose a permit have no stake */
        TRY(yuma_top_k(n, stake, max_allowed_validators, new_permit, workspace, workspace_size));
    }
    if (owner_uid != YUMA_NO_OWNER) {
        new_permit[owner_uid] = 1;
    }
    return YUMA_OK;
}

int yuma_count_active(uint32_t n, const uint8_t *active, const uint8_t *validator_permit, int32_t owner_uid, uint8_t *counts) {
    uint8_t differ = 0;
    const uint8_t owner = owner_uid != YUMA_NO_OWNER ? counts[owner_uid] : 0;
    if (owner_uid != YUMA_NO_OWNER) { /* so that the loop finds what it makes of it */
        counts[owner_uid] = (active[owner_uid] != 0) & (validator_permit[owner_uid] != 0);
    }
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t here = (active[i] != 0) & (validator_permit[i] != 0);
        differ = (uint8_t)(differ | (counts[i] ^ here));
        counts[i] = here;
    }
    if (owner_uid != YUMA_NO_OWNER) {
        counts[owner_uid] = active[owner_uid] != 0;
        differ = (uint8_t)(differ | (counts[owner_uid] ^ owner));
    }
    return !differ;
}

void yuma_active_shares(const uid_shares *staked, const uint8_t *counts, uid_shares *active_stake) {
    uint16_t *uid = active_stake->uid;
    int64_t *share = active_stake->share, sum = 0;
    size_t count = 0;
    for (size_t k = 0, staked_count = staked->count; k < staked_count; k++) { /* without a branch, which could not be predicted */
        uid[count] = staked->uid[k];
        share[count] = staked->share[k];
        count += counts[staked->uid[k]];
    }
    for (size_t k = 0; k < count; k++) {
        VERIFY_CHECK(is_proportion(share[k]) && share[k] != 0);
        sum += share[k];
    }
    VERIFY_CHECK(is_proportion(sum));
    active_stake->count = (uint32_t)count;
    divide_shares(active_stake, sum);
}

yuma_status yuma_active_stake(uint32_t n, const int64_t *stake, const uint8_t *active, const uint8_t *validator_permit,
                              int32_t owner_uid, int64_t *active_stake) {
    REQUIRE_N(n);
    REQUIRE_OWNER(n, owner_uid);
    REQUIRE(stake != NULL && active != NULL && validator_permit != NULL && active_stake != NULL, YUMA_ERROR_NULL);
    int64_t sum = 0, all = 0;
    for (uint32_t i = 0; i < n; i++) {
        VERIFY_CHECK(is_proportion(stake[i]));
        int64_t counted = stake[i] & -(int64_t)((active[i] != 0) & ((validator_permit[i] != 0) | ((int32_t)i == owner_uid)));
        active_stake[i] = counted;
        sum += counted;
        all |= counted;
    }
    divide_by(n, sum, all, active_stake);
    return YUMA_OK;
}
