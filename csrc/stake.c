/* Section 3 of the law: stake, activity, permits. */
#include "fixed.h"
#include "memory.h"
#include "stages.h"

yuma_status yuma_activity(uint32_t n, const uint64_t *last_update, uint64_t activity_cutoff, uint64_t current_block,
                          uint8_t *active) {
    REQUIRE_N(n);
    REQUIRE(last_update != NULL && active != NULL, YUMA_ERROR_NULL);
    for (uint32_t i = 0; i < n; i++) {
        active[i] = !(saturating_add(last_update[i], activity_cutoff) < current_block);
    }
    return YUMA_OK;
}

yuma_status yuma_normalize_stake(uint32_t n, const uint64_t *total_stake, uint64_t stake_threshold, int32_t owner_uid,
                                 int64_t *stake) {
    REQUIRE_N(n);
    REQUIRE_OWNER(n, owner_uid);
    REQUIRE(total_stake != NULL && stake != NULL, YUMA_ERROR_NULL);
    wide sum = {0, 0};
    for (uint32_t i = 0; i < n; i++) {
        wide total = {total_stake[2 * i + 1], total_stake[2 * i]};
        stake[i] = !(total.hi < stake_threshold && (int32_t)i != owner_uid); /* kept by the filter */
        if (stake[i]) {
            sum = wide_add(sum, total);
            VERIFY_CHECK(total.hi >> 63 == 0 && sum.hi >> 63 == 0);
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        wide total = {total_stake[2 * i + 1], total_stake[2 * i]};
        if (stake[i] && (total.hi | total.lo) != 0) {
            int overflow; /* a part of the sum is at most 1 */
            stake[i] = fixed_from_i64f64(fixed_quotient64(total, sum, &overflow));
            VERIFY_CHECK(!overflow && is_proportion(stake[i]));
        } else {
            stake[i] = 0;
        }
    }
    return YUMA_OK;
}

/* Stakes and uids in the order of the stable sort of 3.5. */
typedef struct {
    int64_t stake, uid;
} staked_uid;

static inline int before(staked_uid a, staked_uid b) {
    return a.stake < b.stake || (a.stake == b.stake && a.uid < b.uid);
}

/* Puts one where it belongs at or below `hole` in a heap whose first is the smallest; both subtrees of the hole are heaps. */
static inline void heap_put(staked_uid *heap, size_t count, size_t hole, staked_uid one) {
    for (size_t child = 2 * hole + 1; child < count; child = 2 * hole + 1) {
        if (child + 1 < count && before(heap[child + 1], heap[child])) {
            child++;
        }
        if (!before(heap[child], one)) {
            break;
        }
        heap[hole] = heap[child];
        hole = child;
    }
    heap[hole] = one;
}

yuma_status yuma_top_k(uint32_t n, const int64_t *stake, uint32_t k, uint8_t *permit, void *workspace,
                       size_t workspace_size) {
    REQUIRE_N(n);
    REQUIRE(stake != NULL && permit != NULL, YUMA_ERROR_NULL);
    memset(permit, k == 0 ? 0 : 1, n);
    if (k >= n || k == 0) {
        return YUMA_OK;
    }
    arena memory = arena_of(workspace, workspace_size);
    staked_uid *heap = arena_take(&memory, k, sizeof *heap); /* the last k so far */
    REQUIRE(heap != NULL, YUMA_ERROR_WORKSPACE);
    for (uint32_t i = 0; i < k; i++) {
        heap[i] = (staked_uid){stake[i], i};
    }
    for (uint32_t i = k / 2; i-- > 0;) {
        heap_put(heap, k, i, heap[i]);
    }
    for (uint32_t i = k; i < n; i++) {
        VERIFY_CHECK(heap[0].uid < i && !(k > 1 && before(heap[1], heap[0])) && !(k > 2 && before(heap[2], heap[0])));
        staked_uid one = {stake[i], i}, loser = one;
        if (before(heap[0], one)) {
            loser = heap[0];
            heap_put(heap, k, 0, one);
        }
        permit[loser.uid] = 0;
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
        new_permit[i] = stake[i] != 0;
        staked += new_permit[i];
    }
    if (staked > max_allowed_validators) { /* else those who lose a permit have no stake */
        TRY(yuma_top_k(n, stake, max_allowed_validators, new_permit, workspace, workspace_size));
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
    for (uint32_t i = 0; i < n; i++) {
        int counts = active[i] && (validator_permit[i] || (int32_t)i == owner_uid);
        VERIFY_CHECK(is_proportion(stake[i]));
        active_stake[i] = counts ? stake[i] : 0;
    }
    divide_by_sum(n, active_stake);
    return YUMA_OK;
}
