/* Section 5 of the law: the stake-weighted median of every column. */
#include "memory.h"
#include "stages.h"

/* A score of a column and the uid of who gives it, in one word. Scores that leave no room for a uid, which no epoch has, stand as
 * places of `values`. */
enum { UID_BITS = 15, UID_MASK = (1 << UID_BITS) - 1 };
#define WIDE_SCORE ((int64_t)1 << (63 - UID_BITS))

static inline int64_t score_of(uint64_t key, const int64_t *values) {
    return values == NULL ? (int64_t)(key >> UID_BITS) : values[key >> UID_BITS];
}

/* The positive scores of a column that the answer can still be among, all of them from low to high, room for as many, and the
 * stake of those below them. */
typedef struct {
    uint64_t *scores, *room;
    size_t count;
    int64_t low, high, below;
} ballot;

/* Of the span from low to high the half goes that does not have the answer, with its scores: the lower one, with its stake, where
 * that does not pass the minority, and else the upper one. ends: what is left begins and ends at a score. */
static inline void halve(ballot *b, const int64_t *values, const int64_t *stake, int64_t minority, int ends) {
    int64_t middle = b->low + (b->high - b->low) / 2; /* low <= middle < high */
    VERIFY_CHECK(b->low >= 0 && b->low < b->high && b->count > 0);
    int64_t gained = 0, lower_high = 0, upper_low = INT64_MAX;
    size_t lower = 0, upper = 0;
    for (size_t k = 0; k < b->count; k++) { /* masks, as branches could not be predicted; lower <= k: nothing unread goes */
        uint64_t one = b->scores[k];
        int64_t value = score_of(one, values), is_lower = -(int64_t)(value <= middle);
        VERIFY_CHECK(value >= b->low && value <= b->high);
        b->scores[lower] = one;
        b->room[upper] = one;
        lower -= (size_t)is_lower;
        upper += (size_t)(is_lower + 1);
        gained += stake[one & UID_MASK] & is_lower;
        if (ends) {
            lower_high = fixed_max(lower_high, value & is_lower);
            upper_low = fixed_min(upper_low, value | (is_lower & INT64_MAX));
        }
    }
    if (b->below + gained > minority) {
        b->count = lower;
        b->high = ends ? lower_high : middle;
    } else {
        uint64_t *rest = b->scores;
        b->scores = b->room;
        b->room = rest;
        b->count = upper;
        b->low = ends ? upper_low : middle + 1;
        b->below += gained;
    }
}

/* The smallest score p with the stake that scores <= p above minority, else the largest score. `scores` are those of the
 * validators that score above 0, and are used up, as is `room` for as many; the other `zeros` validators score 0. total: the
 * stake of all of them. */
static inline int64_t median(uint64_t *scores, uint64_t *room, size_t count, const int64_t *values, const int64_t *stake,
                             uint32_t zeros, int64_t total, int64_t minority) {
    ballot b = {scores, room, count, INT64_MAX, 0, total};
    for (size_t k = 0; k < count; k++) {
        b.low = fixed_min(b.low, score_of(scores[k], values));
        b.high = fixed_max(b.high, score_of(scores[k], values));
        b.below -= stake[scores[k] & UID_MASK];
        VERIFY_CHECK(b.low > 0 && b.below >= 0);
    }
    if (count == 0 || (zeros != 0 && b.below > minority)) {
        return 0;
    }
    /* The answer stays, and with a span below 2^63 there are at most 63 rounds whatever the scores. The first, which pass over
     * most of them, leave the ends as they come; with ends at scores, many equal ones take a round or two. */
    for (int round = 0; b.low != b.high; round++) {
        VERIFY_CHECK(round < 63);
        if (round < 2) {
            halve(&b, values, stake, minority, 0);
        } else {
            halve(&b, values, stake, minority, 1);
        }
    }
    return b.high;
}

yuma_status yuma_consensus(uint32_t n, const yuma_rows *weights, const int64_t *active_stake, int64_t kappa,
                           int64_t *consensus, void *workspace, size_t workspace_size) {
    REQUIRE_N(n);
    REQUIRE_ROWS(weights);
    REQUIRE(active_stake != NULL && consensus != NULL, YUMA_ERROR_NULL);
    arena memory = arena_of(workspace, workspace_size);
    int64_t *stake = arena_take(&memory, n, sizeof *stake);
    uint32_t *end = arena_take_zeros(&memory, (uint64_t)n + 1, sizeof *end);
    uint64_t *scores = arena_take(&memory, weights->indptr[n], sizeof *scores);
    uint64_t *room = arena_take(&memory, n, sizeof *room);
    REQUIRE(stake != NULL && end != NULL && scores != NULL && room != NULL, YUMA_ERROR_WORKSPACE);

    memcpy(stake, active_stake, n * sizeof *stake);
    divide_by_sum(n, stake); /* the second normalization */
    int64_t total = 0;
    uint32_t validators = 0;
    for (uint32_t i = 0; i < n; i++) {
        total += stake[i];
        validators += active_stake[i] > 0;
        VERIFY_CHECK(is_proportion(stake[i]));
    }
    int64_t minority = total - kappa;

    const int64_t *values = NULL;
    /* Transpose: count the positive scores of a column at end[j + 1], sum up to where column j begins in end[j], and let
     * end[j] run to where it ends. */
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = weights->indptr[i]; active_stake[i] > 0 && k < weights->indptr[i + 1]; k++) {
            VERIFY_CHECK(weights->value[k] >= 0);
            end[weights->uid[k] + 1] += weights->value[k] > 0;
            values = weights->value[k] < WIDE_SCORE ? values : weights->value;
        }
    }
    for (uint32_t j = 0; j < n; j++) {
        end[j + 1] += end[j];
    }
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = weights->indptr[i]; active_stake[i] > 0 && k < weights->indptr[i + 1]; k++) {
            uint16_t j = weights->uid[k];
            if (weights->value[k] > 0) {
                scores[end[j]++] = (values == NULL ? (uint64_t)weights->value[k] : k) << UID_BITS | i;
            }
        }
    }

    for (uint32_t j = 0, begin = 0; j < n; begin = end[j], j++) {
        uint32_t count = end[j] - begin;
        uint64_t *column = scores + begin;
        uint32_t zeros = validators - count;
        consensus[j] = values == NULL ? median(column, room, count, NULL, stake, zeros, total, minority)
                                      : median(column, room, count, values, stake, zeros, total, minority);
    }
    return YUMA_OK;
}
