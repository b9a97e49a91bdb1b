/* Section 3 of the law: stake, activity, permits. */
#include "fixed.h"
#include "memory.h"
#include "stages.h"

yuma_status yuma_activity(uint32_t n, const uint64_t *last_update, uint64_t activity_cutoff, uint64_t current_block,
                          uint8_t *active) {
    REQUIRE_N(n);
    REQUIRE(last_update != NULL && active != NULL, YUMA_ERROR_NULL);
    /* a sum that saturates is not before any block, and its last_update is not before this one */
    const uint64_t first = current_block > activity_cutoff ? current_block - activity_cutoff : 0;
    for (uint32_t i = 0; i < n; i++) {
        VERIFY_CHECK((last_update[i] >= first) == !(saturating_add(last_update[i], activity_cutoff) < current_block));
        active[i] = last_update[i] >= first;
    }
    return YUMA_OK;
}

static inline wide stake_of(const uint64_t *total_stake, uint32_t i) {
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

/* What shares are parts of: the sum of the filtered stake. */
typedef struct {
    wide sum;
    int whole; /* whether it is large enough for `by` */
    fixed_whole by;
} stake_sum;

static stake_sum stake_sum_of(wide sum) {
    stake_sum s = {sum, fixed_is_whole(sum), {{0, 0}, 0, 0}};
    if (s.whole) {
        s.by = fixed_whole_of(sum);
    }
    return s;
}

/* Of filtered stake, and so 0 where the sum is. */
static inline int64_t share_of_stake(wide filtered, const stake_sum *of) {
    return of->whole ? fixed_part_of(filtered, &of->by) : (filtered.hi | filtered.lo) == 0 ? 0 : part_of_little(filtered, of->sum);
}

/* The uids from `begin` on whose stake is not 0 and not below the threshold; how many. uid: room for end - begin. */
static uint32_t list_staked(uint32_t begin, uint32_t end, const uint64_t *total_stake, uint64_t threshold, uint16_t *uid) {
    uint32_t count = 0;
    for (uint32_t i = begin; i < end; i++) { /* without a branch, which could not be predicted */
        const wide total = stake_of(total_stake, i);
        uid[count] = (uint16_t)i;
        count += (total.hi >= threshold) & ((total.hi | total.lo) != 0);
    }
    return count;
}

void yuma_staked(uint32_t n, const uint64_t *total_stake, uint64_t stake_threshold, int32_t owner_uid, uid_shares *staked) {
    const uint32_t owner = owner_uid == YUMA_NO_OWNER ? n : (uint32_t)owner_uid;
    uint16_t *uid = staked->uid;
    uint32_t listed = list_staked(0, owner, total_stake, stake_threshold, uid), count = 0;
    if (owner < n) { /* whose stake counts below the threshold too */
        listed += list_staked(owner, owner + 1, total_stake, 0, uid + listed);
        listed += list_staked(owner + 1, n, total_stake, stake_threshold, uid + listed);
    }
    wide sum = {0, 0};
    for (uint32_t k = 0; k < listed; k++) {
        sum = wide_add(sum, stake_of(total_stake, uid[k]));
        VERIFY_CHECK(sum.hi >> 63 == 0);
    }
    const stake_sum of = stake_sum_of(sum);
    for (uint32_t k = 0; k < listed; k++) {
        const uint16_t i = uid[k];
        const int64_t share = share_of_stake(stake_of(total_stake, i), &of);
        uid[count] = i;
        staked->share[count] = share;
        count += share != 0;
    }
    staked->count = count;
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
    const stake_sum of = stake_sum_of(sum);
    for (uint32_t i = 0; i < n; i++) {
        stake[i] = share_of_stake(filtered_stake(total_stake, i, stake_threshold, owner_uid), &of);
    }
    return YUMA_OK;
}

/* The k-th largest of the values, 1 <= k <= count; *equals: how many of those that equal it are among the k largest. values, room: of
 * count each, used up. Each round parts what is left by one of them; where that does not help, by the middle of the span that is
 * left, which ends after 64 rounds. */
static int64_t kth_largest(int64_t *restrict values, int64_t *restrict room, uint32_t count, uint32_t k, uint32_t *equals) {
    enum { ROUNDS = 12 };
    int64_t low = INT64_MIN, high = INT64_MAX; /* what is left is within */
    for (unsigned round = 0;; round++) {
        VERIFY_CHECK(k >= 1 && k <= count && low <= high);
        int64_t a = values[0], b = values[count / 2], c = values[count - 1];
        int64_t pivot = fixed_max(fixed_min(a, b), fixed_min(fixed_max(a, b), c));
        if (round >= ROUNDS) {
            pivot = (int64_t)((uint64_t)low + ((uint64_t)high - (uint64_t)low) / 2);
        }
        uint32_t above = 0, below = 0;
        for (uint32_t i = 0; i < count; i++) {
            int64_t x = values[i];
            VERIFY_CHECK(x >= low && x <= high);
            values[above] = x;
            above += x > pivot;
            room[below] = x;
            below += x < pivot;
        }
        if (k <= above) {
            low = pivot + 1;
            count = above;
        } else if (k <= count - below) {
            *equals = k - above;
            return pivot;
        } else {
            high = pivot - 1;
            k -= count - below;
            count = below;
            int64_t *other = values;
            values = room;
            room = other;
        }
    }
}

/* The k uids of those listed, or of all where uid is null, that have the highest stake; 1 <= k <= count. values, room: of count each. */
static void permit_highest(uint32_t count, const uint16_t *uid, const int64_t *stake, uint32_t k, uint8_t *permit, int64_t *values,
                           int64_t *room) {
    uint32_t equals;
    memcpy(values, stake, count * sizeof *values);
    const int64_t last = kth_largest(values, room, count, k, &equals);
    for (uint32_t m = 0; m < count; m++) {
        permit[uid == NULL ? m : uid[m]] = stake[m] > last;
    }
    for (uint32_t m = count; equals != 0;) { /* the higher uids */
        VERIFY_CHECK(m > 0);
        if (stake[--m] == last) {
            permit[uid == NULL ? m : uid[m]] = 1;
            equals--;
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
    int64_t *values = arena_take(&memory, n, sizeof *values), *room = arena_take(&memory, n, sizeof *room);
    REQUIRE(values != NULL && room != NULL, YUMA_ERROR_WORKSPACE);
    permit_highest(n, NULL, stake, k, permit, values, room);
    return YUMA_OK;
}

yuma_status yuma_permits_of(uint32_t n, const uid_shares *staked, uint16_t max_allowed_validators, int32_t owner_uid,
                            uint8_t *new_permit, void *workspace, size_t workspace_size) {
    memset(new_permit, 0, n);
    if (staked->count <= max_allowed_validators) { /* those who lose a permit have no stake */
        for (uint32_t k = 0; k < staked->count; k++) {
            new_permit[staked->uid[k]] = 1;
        }
    } else if (max_allowed_validators != 0) {
        arena memory = arena_of(workspace, workspace_size);
        int64_t *values = arena_take(&memory, staked->count, sizeof *values), *room = arena_take(&memory, staked->count, sizeof *room);
        REQUIRE(values != NULL && room != NULL, YUMA_ERROR_WORKSPACE);
        permit_highest(staked->count, staked->uid, staked->share, max_allowed_validators, new_permit, values, room);
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

/* 3.4 */
static inline int counts(const uint8_t *active, const uint8_t *validator_permit, int32_t owner_uid, uint32_t i) {
    return (active[i] != 0) & ((validator_permit[i] != 0) | ((int32_t)i == owner_uid));
}

void yuma_active_shares(const uid_shares *staked, const uint8_t *active, const uint8_t *validator_permit, int32_t owner_uid,
                        uid_shares *counted) {
    uint32_t count = 0;
    int64_t sum = 0;
    for (uint32_t k = 0; k < staked->count; k++) { /* without a branch, which could not be predicted */
        const uint16_t i = staked->uid[k];
        const int64_t share = staked->share[k], kept = -(int64_t)counts(active, validator_permit, owner_uid, i);
        VERIFY_CHECK(is_proportion(share) && share != 0);
        counted->uid[count] = i;
        counted->share[count] = share;
        count += kept != 0;
        sum += share & kept;
    }
    VERIFY_CHECK(is_proportion(sum));
    counted->count = count;
    divide_shares(counted, sum);
}

yuma_status yuma_active_stake(uint32_t n, const int64_t *stake, const uint8_t *active, const uint8_t *validator_permit,
                              int32_t owner_uid, int64_t *active_stake) {
    REQUIRE_N(n);
    REQUIRE_OWNER(n, owner_uid);
    REQUIRE(stake != NULL && active != NULL && validator_permit != NULL && active_stake != NULL, YUMA_ERROR_NULL);
    int64_t sum = 0, all = 0;
    for (uint32_t i = 0; i < n; i++) {
        VERIFY_CHECK(is_proportion(stake[i]));
        int64_t counted = stake[i] & -(int64_t)counts(active, validator_permit, owner_uid, i);
        active_stake[i] = counted;
        sum += counted;
        all |= counted;
    }
    divide_by(n, sum, all, active_stake);
    return YUMA_OK;
}
