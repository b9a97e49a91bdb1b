/* Section 7 of the law, the liquid EMA. */
#include "memory.h"
#include "stages.h"

static int64_t sigmoid_slope(int64_t steepness) {
    return fixed_sdiv(steepness, -100 * YUMA_ONE);
}

static int64_t liquid_alpha(int64_t c, int64_t w, int64_t b, int64_t low, int64_t high, int64_t slope) {
    int64_t d = fixed_clamp(w >= b ? fixed_sub(w, c) : fixed_sub(b, w), 0, YUMA_ONE);
    int64_t g = fixed_mul(slope, d - YUMA_ONE / 2);
    int64_t sigmoid = fixed_sdiv(YUMA_ONE, fixed_add(YUMA_ONE, fixed_exp_safe(g)));
    int64_t a = fixed_add(low, fixed_mul(sigmoid, fixed_sub(high, low)));
    return fixed_max(fixed_min(a, high), low); /* in this order: low may be above high, and then is the result */
}

int64_t yuma_liquid_alpha(int64_t consensus, int64_t weight, int64_t bond, int64_t alpha_low, int64_t alpha_high,
                          int64_t steepness) {
    return liquid_alpha(consensus, weight, bond, alpha_low, alpha_high, sigmoid_slope(steepness));
}

yuma_status yuma_liquid_alphas(size_t count, const int64_t *consensus, const int64_t *weight, const int64_t *bond,
                               int64_t alpha_low, int64_t alpha_high, int64_t steepness, int64_t *alpha) {
    REQUIRE(count == 0 || (consensus != NULL && weight != NULL && bond != NULL && alpha != NULL), YUMA_ERROR_NULL);
    int64_t slope = sigmoid_slope(steepness);
    for (size_t k = 0; k < count; k++) {
        alpha[k] = liquid_alpha(consensus[k], weight[k], bond[k], alpha_low, alpha_high, slope);
    }
    return YUMA_OK;
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
        for (uint32_t k = weights_for_bonds->indptr[i]; k < weights_for_bonds->indptr[i + 1]; k++) {
            uint16_t j = weights_for_bonds->uid[k];
            int64_t w = weights_for_bonds->value[k], seen = 0;
            if ((int32_t)j > walked) {
                seen = w;
                walked = j;
            }
            int64_t alpha = liquid_alpha(consensus[j], seen, seen_bond[j], alpha_low, alpha_high, slope);
            int64_t kept_part = fixed_mul(YUMA_ONE - alpha, bond[j]), bought = fixed_max(0, fixed_mul(alpha, w));
            int64_t e = fixed_min(YUMA_ONE, fixed_add(kept_part, bought));
            if (e > 0) {
                ema->uid[kept] = j;
                ema->value[kept++] = e;
            }
        }
        ema->indptr[i + 1] = kept;
        for (uint32_t k = old_bonds->indptr[i]; k < old_bonds->indptr[i + 1]; k++) {
            bond[old_bonds->uid[k]] = seen_bond[old_bonds->uid[k]] = 0;
        }
    }
    return YUMA_OK;
}
