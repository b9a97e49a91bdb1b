/* Section 5 of the law: the stake-weighted median of every column. */
#include "memory.h"
#include "stages.h"

typedef struct {
    int64_t value, stake;
} score;

/* The smallest score p with the stake that scores <= p above minority, else the largest score. `scores` are those of the
 * validators that score above 0, and are used up, as is `room` for as many; the other `zeros` validators, whose stake is `below`,
 * score 0. */
static int64_t median(score *scores, score *room, size_t count, uint32_t zeros, int64_t below, int64_t minority) {
    if (count == 0 || (zeros != 0 && below > minority)) {
        return 0;
    }
    /* Of the scores that are left, the lower half of their span goes, with its stake, where it does not pass the minority,
     * and else the upper half: the answer stays, and with a span below 2^63 there are at most 63 rounds whatever the scores. */
    int64_t low = INT64_MAX, high = 0;
    for (size_t k = 0; k < count; k++) {
        low = fixed_min(low, scores[k].value);
        high = fixed_max(high, scores[k].value);
    }
    while (low != high) {
        int64_t middle = low + (high - low) / 2; /* low <= middle < high: something stays, and something goes */
        int64_t gained = 0, lower_high = 0, upper_low = INT64_MAX;
        size_t lower = 0, upper = 0;
        for (size_t k = 0; k < count; k++) { /* masks, as branches could not be predicted; lower <= k: nothing unread goes */
            score one = scores[k];
            int64_t is_lower = -(int64_t)(one.value <= middle);
            scores[lower] = one;
            room[upper] = one;
            lower -= (size_t)is_lower;
            upper += (size_t)(is_lower + 1);
            gained += one.stake & is_lower;
            lower_high = fixed_max(lower_high, one.value & is_lower);
            upper_low = fixed_min(upper_low, one.value | (is_lower & INT64_MAX));
        }
        if (below + gained > minority) {
            count = lower;
            high = lower_high;
        } else {
            score *rest = scores;
            scores = room;
            room = rest;
            count = upper;
            below += gained;
            low = upper_low;
        }
    }
    return low;
}

yuma_status yuma_consensus(uint32_t n, const yuma_rows *weights, const int64_t *active_stake, int64_t kappa,
                           int64_t *consensus, void *workspace, size_t workspace_size) {
    REQUIRE_N(n);
    REQUIRE_ROWS(weights);
    REQUIRE(active_stake != NULL && consensus != NULL, YUMA_ERROR_NULL);
    arena memory = arena_of(workspace, workspace_size);
    int64_t *stake = arena_take(&memory, n, sizeof *stake);
    int64_t *absent = arena_take(&memory, n, sizeof *absent); /* by column, the stake of those who score 0 */
    uint32_t *end = arena_take_zeros(&memory, (uint64_t)n + 1, sizeof *end);
    score *scores = arena_take(&memory, weights->indptr[n], sizeof *scores);
    score *room = arena_take(&memory, n, sizeof *room);
    REQUIRE(stake != NULL && absent != NULL && end != NULL && scores != NULL && room != NULL, YUMA_ERROR_WORKSPACE);

    memcpy(stake, active_stake, n * sizeof *stake);
    divide_by_sum(n, stake); /* the second normalization */
    int64_t total = 0;
    uint32_t validators = 0;
    for (uint32_t i = 0; i < n; i++) {
        total += stake[i];
        validators += active_stake[i] > 0;
    }
    int64_t minority = total - kappa;

    /* Transpose: count the positive scores of a column at end[j + 1], sum up to where column j begins in end[j], and let
     * end[j] run to where it ends. */
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = weights->indptr[i]; active_stake[i] > 0 && k < weights->indptr[i + 1]; k++) {
            end[weights->uid[k] + 1] += weights->value[k] > 0;
        }
    }
    for (uint32_t j = 0; j < n; j++) {
        end[j + 1] += end[j];
        absent[j] = total;
    }
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = weights->indptr[i]; active_stake[i] > 0 && k < weights->indptr[i + 1]; k++) {
            uint16_t j = weights->uid[k];
            if (weights->value[k] > 0) {
                scores[end[j]++] = (score){weights->value[k], stake[i]};
                absent[j] -= stake[i];
            }
        }
    }

    for (uint32_t j = 0, begin = 0; j < n; begin = end[j], j++) {
        uint32_t count = end[j] - begin;
        consensus[j] = median(scores + begin, room, count, validators - count, absent[j], minority);
    }
    return YUMA_OK;
}
