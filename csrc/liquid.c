/* Section 7 of the law, the liquid EMA. */
#include "memory.h"
#include "stages.h"
#include <string.h>

static int64_t sigmoid_slope(int64_t steepness) {
    return fixed_sdiv(steepness, -100 * YUMA_ONE);
}

/* The alphas of four entries. */
static void liquid_alphas(const int64_t *consensus, const int64_t *weight, const int64_t *bond, int64_t low, int64_t high,
                          int64_t slope, int64_t *alpha) {
    int64_t e[FIXED_FOUR];
    for (int k = 0; k < FIXED_FOUR; k++) {
        int64_t c = consensus[k], w = weight[k], b = bond[k];
        int64_t d = fixed_clamp(w >= b ? fixed_sub(w, c) : fixed_sub(b, w), 0, YUMA_ONE);
        e[k] = fixed_mul(slope, d - YUMA_ONE / 2);
    }
    fixed_exp_safe_four(e);
    for (int k = 0; k < FIXED_FOUR; k++) {
        int64_t sigmoid = (int64_t)fixed_inverse((uint64_t)(YUMA_ONE + e[k])); /* e is 0 or more and below 2^61 */
        int64_t a = fixed_add(low, fixed_mul(sigmoid, fixed_sub(high, low)));
        alpha[k] = fixed_max(fixed_min(a, high), low); /* in this order: low may be above high, and then is the result */
    }
}

yuma_status yuma_liquid_alphas(size_t count, const int64_t *consensus, const int64_t *weight, const int64_t *bond,
                               int64_t alpha_low, int64_t alpha_high, int64_t steepness, int64_t *alpha) {
    REQUIRE(count == 0 || (consensus != NULL && weight != NULL && bond != NULL && alpha != NULL), YUMA_ERROR_NULL);
    int64_t slope = sigmoid_slope(steepness);
    size_t k = 0;
    for (; count - k >= FIXED_FOUR; k += FIXED_FOUR) {
        liquid_alphas(consensus + k, weight + k, bond + k, alpha_low, alpha_high, slope, alpha + k);
    }
    if (k < count) {
        int64_t four[4][FIXED_FOUR] = {{0}}; /* the fourth: the alphas */
        size_t size = (count - k) * sizeof *alpha;
        memcpy(four[0], consensus + k, size);
        memcpy(four[1], weight + k, size);
        memcpy(four[2], bond + k, size);
        liquid_alphas(four[0], four[1], four[2], alpha_low, alpha_high, slope, four[3]);
        memcpy(alpha + k, four[3], size);
    }
    return YUMA_OK;
}

int64_t yuma_liquid_alpha(int64_t consensus, int64_t weight, int64_t bond, int64_t alpha_low, int64_t alpha_high,
                          int64_t steepness) {
    int64_t c[FIXED_FOUR] = {consensus}, w[FIXED_FOUR] = {weight}, b[FIXED_FOUR] = {bond}, alpha[FIXED_FOUR];
    liquid_alphas(c, w, b, alpha_low, alpha_high, sigmoid_slope(steepness), alpha);
    return alpha[0];
}

yuma_status yuma_liquid_ema(uint32_t n, const yuma_rows *weights_for_bonds, const yuma_rows *old_bonds,
                            const int64_t *consensus, int64_t alpha_low, int64_t alpha_high, int64_t steepness,
                            yuma_rows *ema, void *workspace, size_t workspace_size) {
    REQUIRE_N(n);
    REQUIRE_ROWS(weights_for_bonds);
    REQUIRE_ROWS(old_bonds);
    REQUIRE_ROWS(ema);
    REQUIRE(consensus != NULL, YUMA_ERROR_NULL);
    arena memory = arena_of(workspace, workspace_size);
    int64_t *bond = arena_take_zeros(&memory, n, sizeof *bond); /* by column; all 0 between two rows */
    int64_t *seen_bond = arena_take_zeros(&memory, n, sizeof *seen_bond);
    REQUIRE(bond != NULL && seen_bond != NULL, YUMA_ERROR_WORKSPACE);
    int64_t slope = sigmoid_slope(steepness);
    uint32_t kept = 0;
    ema->indptr[0] = 0;
    for (uint32_t i = 0; i < n; i++) {
        /* The merge walk sees the entries whose uid is larger than every uid before it in its row. */
        int32_t walked = -1;
        for (uint32_t k = old_bonds->indptr[i]; k < old_bonds->indptr[i + 1]; k++) {
            uint16_t j = old_bonds->uid[k];
            bond[j] = old_bonds->value[k];
            if ((int32_t)j > walked) {
                seen_bond[j] = old_bonds->value[k];
                walked = j;
            }
        }
        walked = -1;
        for (uint32_t k = weights_for_bonds->indptr[i], end = weights_for_bonds->indptr[i + 1]; k < end; k += FIXED_FOUR) {
            int64_t c[FIXED_FOUR] = {0}, w[FIXED_FOUR] = {0}, b[FIXED_FOUR] = {0}, alpha[FIXED_FOUR];
            uint32_t count = end - k < FIXED_FOUR ? end - k : FIXED_FOUR;
            const uint16_t *uid = weights_for_bonds->uid + k;
            const int64_t *value = weights_for_bonds->value + k;
            for (uint32_t m = 0; m < count; m++) {
                c[m] = consensus[uid[m]];
                b[m] = seen_bond[uid[m]];
                if ((int32_t)uid[m] > walked) {
                    w[m] = value[m];
                    walked = uid[m];
                }
            }
            liquid_alphas(c, w, b, alpha_low, alpha_high, slope, alpha);
            for (uint32_t m = 0; m < count; m++) {
                int64_t kept_part = fixed_mul(YUMA_ONE - alpha[m], bond[uid[m]]);
                int64_t bought = fixed_max(0, fixed_mul(alpha[m], value[m]));
                int64_t e = fixed_min(YUMA_ONE, fixed_add(kept_part, bought));
                if (e > 0) {
                    ema->uid[kept] = uid[m];
                    ema->value[kept++] = e;
                }
            }
        }
        ema->indptr[i + 1] = kept;
        for (uint32_t k = old_bonds->indptr[i]; k < old_bonds->indptr[i + 1]; k++) {
            bond[old_bonds->uid[k]] = seen_bond[old_bonds->uid[k]] = 0;
        }
    }
    return YUMA_OK;
}
