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

/* The part of the sum, which is not 0, where its upper word is short. */
static int64_t part_of_little(wide total, wide sum) {
    int overflow; /* a part of the sum is at most 1 */
    int64_t part = fixed_from_i64f64(fixed_quotient64(total, sum, &overflow));
    VERIFY_CHECK(!overflow && is_proportion(part));
    return part;
}

yuma_status yuma_normalize_stake(uint32_t n, const uint64_t *total_stake, uint64_t stake_threshold, int32_t owner_uid,
                                 int64_t *stake) {
    REQUIRE_N(n);
    REQUIRE_OWNER(n, owner_uid);
    REQUIRE(total_stake != NULL && stake != NULL, YUMA_ERROR_NULL);
    /* the owner's counts below the threshold too */
    const int beside = owner_uid != YUMA_NO_OWNER && stake_of(total_stake, (uint32_t)owner_uid).hi < stake_threshold;
    wide sum = beside ? stake_of(total_stake, (uint32_t)owner_uid) : (wide){0, 0};
    for (uint32_t i = 0; i < n; i++) {
        wide total = stake_of(total_stake, i);
        uint64_t kept = total.hi < stake_threshold ? 0 : UINT64_MAX;
        sum = wide_add(sum, (wide){total.hi & kept, total.lo & kept});
        VERIFY_CHECK((total.hi & kept) >> 63 == 0 && sum.hi >> 63 == 0);
    }
    if (fixed_is_whole(sum)) {
        const fixed_whole whole = fixed_whole_of(sum);
        for (uint32_t i = 0; i < n; i++) {
            wide total = stake_of(total_stake, i);
            uint64_t kept = total.hi < stake_threshold ? 0 : UINT64_MAX;
            stake[i] = fixed_part_of((wide){total.hi & kept, total.lo & kept}, &whole);
        }
    } else {
        for (uint32_t i = 0; i < n; i++) {
            wide total = stake_of(total_stake, i);
            stake[i] = total.hi < stake_threshold || (total.hi | total.lo) == 0 ? 0 : part_of_little(total, sum);
        }
    }
    if (beside && (sum.hi | sum.lo) != 0) {
        stake[owner_uid] = part_of_little(stake_of(total_stake, (uint32_t)owner_uid), sum);
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

/* The k uids with the highest stake; values has the `count` highest stakes, 1 <= k <= count, in any order. */
static void permit_highest(uint32_t n, const int64_t *stake, int64_t *values, int64_t *room, uint32_t count, uint32_t k,
                           uint8_t *permit) {
    uint32_t equals;
    const int64_t last = kth_largest(values, room, count, k, &equals);
    for (uint32_t i = 0; i < n; i++) {
        permit[i] = stake[i] > last;
    }
    for (uint32_t i = n; equals != 0;) { /* the higher uids */
        VERIFY_CHECK(i > 0);
        if (stake[--i] == last) {
            permit[i] = 1;
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
    memcpy(values, stake, n * sizeof *values);
    permit_highest(n, stake, values, room, n, k, permit);
    return YUMA_OK;
}

yuma_status yuma_permits(uint32_t n, const int64_t *stake, uint16_t max_allowed_validators, int32_t owner_uid,
                         uint8_t *new_permit, void *workspace, size_t workspace_size) {
    REQUIRE_N(n);
    REQUIRE_OWNER(n, owner_uid);
    REQUIRE(stake != NULL && new_permit != NULL, YUMA_ERROR_NULL);
    arena memory = arena_of(workspace, workspace_size);
    int64_t *values = arena_take(&memory, n, sizeof *values), *room = arena_take(&memory, n, sizeof *room);
    REQUIRE(values != NULL && room != NULL, YUMA_ERROR_WORKSPACE);
    uint32_t staked = 0;
    int64_t all = 0;
    for (uint32_t i = 0; i < n; i++) {
        int64_t x = stake[i];
        all |= x;
        values[staked] = x;
        new_permit[i] = x != 0;
        staked += x != 0;
    }
    if (staked > max_allowed_validators) { /* else those who lose a permit have no stake */
        if (all < 0 || max_allowed_validators == 0) { /* no epoch has negative ones */
            TRY(yuma_top_k(n, stake, max_allowed_validators, new_permit, workspace, workspace_size));
        } else {
            permit_highest(n, stake, values, room, staked, max_allowed_validators, new_permit);
        }
    }
    if (owner_uid != YUMA_NO_OWNER) {
        new_permit[owner_uid] = 1;
    }
    return YUMA_OK;
}

yuma_status yuma_active_stake(uint32_t n, const int64_t *stake, const uint8_t *active, const uint8_t *validator_permit,
                              int32_t owner_uid, int64_t *active_stake) {
    REQUIRE_N(n);
    REQUIRE_OWNER(n, owner_uid);
    REQUIRE(stake != NULL && active != NULL && validator_permit != NULL && active_stake != NULL, YUMA_ERROR_NULL);
    int64_t sum = 0, all = 0;
    for (uint32_t i = 0; i < n; i++) {
        int counts = (active[i] != 0) & ((validator_permit[i] != 0) | ((int32_t)i == owner_uid));
        VERIFY_CHECK(is_proportion(stake[i]));
        int64_t counted = stake[i] & -(int64_t)counts;
        active_stake[i] = counted;
        sum += counted;
        all |= counted;
    }
    divide_by(n, sum, all, active_stake);
    return YUMA_OK;
}
