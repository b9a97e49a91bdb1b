/* Section 7 of the law, the liquid EMA. */
#include <fenv.h>

#include "memory.h"
#include "profile.h"
#include "sigmoid.h"
#include "stages.h"

static int64_t sigmoid_slope(int64_t steepness) {
    return fixed_sdiv(steepness, -100 * YUMA_ONE);
}

/* fixed_magnitude, without a branch, which could not be predicted; nor has what follows any. */
static inline uint64_t magnitude_of(int64_t x) {
    uint64_t sign = (uint64_t)0 - (uint64_t)(x < 0); /* all ones or none */
    return ((uint64_t)x ^ sign) - sign;
}

/* d of the law, of proportions, which leave no range. */
static inline int64_t distance_of(int64_t consensus, int64_t weight, int64_t bond) {
    VERIFY_CHECK(is_proportion(consensus) && is_proportion(weight) && is_proportion(bond));
    int64_t from = weight >= bond ? consensus : weight;
    return fixed_max(fixed_max(weight, bond) - from, 0);
}

/* So many entries are computed together. */
enum { BLOCK = 64 };

/* Of 2^32 / d, for d from *lower to *upper, what is not above and what is not below it. */
static inline void inverted(double *lower, double *upper) {
    VERIFY_CHECK(*lower > 0 && *lower <= *upper);
    double q = SIGMOID_NUMERATOR / *upper;
    double t = (*upper - *lower) * (q * 0x1p-32);
    *lower = q;
    *upper = q + q * (t + SIGMOID_MORE_OF_Q);
}

/* sdiv(ONE, add(ONE, exp_safe(g))) of each is between lower and upper, which are proportions below ONE. */
static void sigmoid_bounds(size_t count, const int64_t g[BLOCK], int64_t lower[BLOCK], int64_t upper[BLOCK]) {
    double a[BLOCK], b[BLOCK];
    size_t negative[BLOCK], negatives = 0;
    VERIFY_CHECK(count <= BLOCK);
    for (size_t k = 0; k < count; k++) {
        uint64_t magnitude = magnitude_of(g[k]);
        a[k] = (double)(int64_t)(magnitude < (uint64_t)SIGMOID_UPTO ? magnitude : (uint64_t)SIGMOID_UPTO);
        negative[negatives] = k;
        negatives += g[k] < 0;
    }
    for (size_t k = 0; k < count; k++) { /* of the exponential / 2^32 */
        double x = a[k] * 0x1p-32, y = a[k] * 0x1p-41;
        double e = 1 + y * (1 + y * (0.5 + y * (SIGMOID_6TH + y * (SIGMOID_24TH + y * SIGMOID_120TH))));
        for (int s = 0; s < SIGMOID_SQUARINGS; s++) {
            e *= e;
        }
        a[k] = e - (SIGMOID_LESS + x * SIGMOID_LESS_OF_X + e * SIGMOID_LESS_OF_E);
        b[k] = e * SIGMOID_MORE_OF_E;
    }
    for (size_t m = 0; m < negatives; m++) { /* of its inverse, a whole number, / 2^32 */
        size_t k = negative[m];
        inverted(a + k, b + k);
        a[k] = (double)(int64_t)a[k] * 0x1p-32;
        b[k] = (double)(int64_t)b[k] * 0x1p-32;
    }
    for (size_t k = 0; k < count; k++) {
        a[k] += 1;
        b[k] += 1;
        inverted(a + k, b + k);
    }
    for (size_t k = 0; k < count; k++) {
        int inside = magnitude_of(g[k]) <= (uint64_t)SIGMOID_UPTO && g[k] != YUMA_ONE;
        lower[k] = inside ? (int64_t)a[k] : 0;
        upper[k] = inside ? (int64_t)b[k] : YUMA_ONE - 1;
        VERIFY_CHECK(0 <= lower[k] && lower[k] <= upper[k] && upper[k] < YUMA_ONE);
    }
}

/* The alphas of the entries `listed`, by the series. clamped: whether the argument of the exponential is; it is 0 else where it
 * overflows, as profiles up to 320 have it. */
static void liquid_alphas_exact(size_t count, const size_t listed[BLOCK], const int64_t g[BLOCK], int64_t low, int64_t high,
                                int clamped, int64_t *alpha) {
    int64_t span = fixed_sub(high, low);
    for (size_t k = 0; k < count; k += FIXED_FOUR) {
        int64_t power[FIXED_FOUR] = {0};
        size_t some = count - k < FIXED_FOUR ? count - k : FIXED_FOUR;
        for (size_t m = 0; m < some; m++) {
            power[m] = g[listed[k + m]];
        }
        fixed_exp_safe_four(power);
        for (size_t m = 0; m < some; m++) { /* a power is 0 or more, and below 2^61, or 2^62.2 where it is not clamped */
            if (!clamped && magnitude_of(g[listed[k + m]]) > (uint64_t)(20 * YUMA_ONE)) {
                power[m] = yuma_exp_or_zero(g[listed[k + m]]);
            }
            VERIFY_CHECK(power[m] >= 0 && power[m] < (clamped ? (int64_t)1 << 61 : (int64_t)5 << 60));
            int64_t sigmoid = (int64_t)fixed_inverse((uint64_t)(YUMA_ONE + power[m]));
            int64_t a = fixed_add(low, fixed_mul(sigmoid, span));
            alpha[listed[k + m]] = fixed_max(fixed_min(a, high), low); /* in this order: low may be above high, and then is it */
        }
    }
}

/* mul(alpha, weight) and mul(ONE - alpha, bond) of proportions, with alpha below ONE: products and the sum stay below 2^64. The
 * floor of what remains of a bond is the bond less the ceiling of what goes. */
static inline int64_t bought_of(int64_t alpha, int64_t weight) {
    VERIFY_CHECK(is_proportion(alpha) && alpha < YUMA_ONE && is_proportion(weight));
    return (int64_t)((uint64_t)alpha * (uint64_t)weight >> 32);
}

static inline int64_t kept_of(int64_t alpha, int64_t bond) {
    VERIFY_CHECK(is_proportion(alpha) && alpha < YUMA_ONE && is_proportion(bond));
    int64_t kept = bond - (int64_t)(((uint64_t)alpha * (uint64_t)bond + UINT32_MAX) >> 32);
    VERIFY_CHECK(kept == fixed_mul(YUMA_ONE - alpha, bond));
    return kept;
}

/* Then an alpha is between low and high without a cut, and below high: the exponential is not 0, so that the sigmoid is below
 * ONE. Where it is not clamped, it is 0 for |g| above 20 * ONE at the earliest, and |g| is at most half the slope. */
static inline int plain_bounds(int64_t low, int64_t high, int64_t slope, int clamped) {
    return low >= 0 && low < high && high <= YUMA_ONE && (clamped || magnitude_of(slope) <= (uint64_t)(40 * YUMA_ONE));
}

/* The alphas of `count` distances, at most BLOCK, within [0, ONE]. Where weights and bonds are given, proportions, an alpha may be
 * another one that makes the same of them. doubles: whether they may be used. */
static void liquid_alphas(size_t count, const int64_t *distance, const int64_t *weight, const int64_t *bond, int64_t low,
                          int64_t high, int64_t slope, int doubles, int clamped, int64_t *alpha) {
    int64_t g[BLOCK], lower[BLOCK], upper[BLOCK];
    size_t open[BLOCK], opens = 0;
    for (size_t k = 0; k < count; k++) {
        int overflow; /* of a product of at most 2^63 and 2^31 there is none */
        VERIFY_CHECK(is_proportion(distance[k]));
        g[k] = fixed_product(slope, distance[k] - YUMA_ONE / 2, &overflow);
        VERIFY_CHECK(overflow == 0);
        open[k] = k;
    }
    if (!doubles || !plain_bounds(low, high, slope, clamped)) {
        liquid_alphas_exact(count, open, g, low, high, clamped, alpha);
        return;
    }
    /* Every step from the sigmoid on is monotone: what both bounds give is the value. */
    sigmoid_bounds(count, g, lower, upper);
    for (size_t k = 0; k < count; k++) {
        VERIFY_CHECK(lower[k] <= fixed_sigmoid(g[k]) && fixed_sigmoid(g[k]) <= upper[k]);
    }
    uint64_t span = (uint64_t)(high - low);
    for (size_t k = 0; k < count; k++) {
        alpha[k] = low + (int64_t)((uint64_t)lower[k] * span >> 32); /* proportions, one of them below ONE */
        upper[k] = low + (int64_t)((uint64_t)upper[k] * span >> 32);
        VERIFY_CHECK(low <= alpha[k] && alpha[k] <= upper[k] && upper[k] < high);
        open[opens] = k;
        opens += alpha[k] != upper[k];
    }
    size_t left = weight == NULL ? opens : 0;
    for (size_t m = 0; weight != NULL && m < opens; m++) {
        size_t k = open[m];
        open[left] = k;
        int64_t bought = bought_of(alpha[k], weight[k]) ^ bought_of(upper[k], weight[k]);
        int64_t kept = kept_of(alpha[k], bond[k]) ^ kept_of(upper[k], bond[k]);
        left += (bought | kept) != 0;
    }
    liquid_alphas_exact(left, open, g, low, high, clamped, alpha);
}

static void alphas_of(size_t count, const int64_t *consensus, const int64_t *weight, const int64_t *bond, int64_t low,
                      int64_t high, int64_t steepness, int doubles, int64_t *alpha) {
    int64_t slope = sigmoid_slope(steepness);
    for (size_t k = 0; k < count; k += BLOCK) {
        int64_t distance[BLOCK];
        size_t some = count - k < BLOCK ? count - k : BLOCK;
        for (size_t m = 0; m < some; m++) {
            int64_t c = consensus[k + m], w = weight[k + m], b = bond[k + m];
            distance[m] = fixed_clamp(w >= b ? fixed_sub(w, c) : fixed_sub(b, w), 0, YUMA_ONE);
        }
        liquid_alphas(some, distance, NULL, NULL, low, high, slope, doubles, 1, alpha + k);
    }
}

yuma_status yuma_liquid_alphas(size_t count, const int64_t *consensus, const int64_t *weight, const int64_t *bond,
                               int64_t alpha_low, int64_t alpha_high, int64_t steepness, int64_t *alpha) {
    REQUIRE(count == 0 || (consensus != NULL && weight != NULL && bond != NULL && alpha != NULL), YUMA_ERROR_NULL);
    fenv_t caller;
    int doubles = feholdexcept(&caller) == 0; /* his exception flags and traps come back */
    alphas_of(count, consensus, weight, bond, alpha_low, alpha_high, steepness, doubles, alpha);
    if (doubles) {
        fesetenv(&caller);
    }
    return YUMA_OK;
}

int64_t yuma_liquid_alpha(int64_t consensus, int64_t weight, int64_t bond, int64_t alpha_low, int64_t alpha_high,
                          int64_t steepness) {
    int64_t alpha;
    alphas_of(1, &consensus, &weight, &bond, alpha_low, alpha_high, steepness, 0, &alpha);
    return alpha;
}

yuma_status yuma_liquid_ema(uint32_t n, const yuma_rows *weights_for_bonds, const yuma_rows *old_bonds,
                            const int64_t *consensus, int64_t alpha_low, int64_t alpha_high, int64_t steepness,
                            yuma_rows *ema, void *workspace, size_t workspace_size) {
    return yuma_liquid_ema_by(1, n, weights_for_bonds, old_bonds, consensus, alpha_low, alpha_high, steepness, ema, workspace,
                              workspace_size);
}

yuma_status yuma_liquid_ema_by(int clamped, uint32_t n, const yuma_rows *weights_for_bonds, const yuma_rows *old_bonds,
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
    const int plain = plain_bounds(alpha_low, alpha_high, slope, clamped);
    uint32_t kept = 0;
    fenv_t caller;
    const int doubles = feholdexcept(&caller) == 0;
    ema->indptr[0] = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t k = weights_for_bonds->indptr[i], end = weights_for_bonds->indptr[i + 1];
        uint32_t other = old_bonds->indptr[i], other_end = old_bonds->indptr[i + 1];
        const int in_order =
            ascending(weights_for_bonds->uid + k, end - k) && ascending(old_bonds->uid + other, other_end - other);
        /* The merge walk sees the entries whose uid is larger than every uid before it in its row: all of a row in order. */
        int32_t walked = -1;
        for (uint32_t m = other; !in_order && m < other_end; m++) {
            uint16_t j = old_bonds->uid[m];
            bond[j] = old_bonds->value[m];
            if ((int32_t)j > walked) {
                seen_bond[j] = old_bonds->value[m];
                walked = j;
            }
        }
        walked = -1;
        for (; k < end; k += BLOCK) {
            int64_t distance[BLOCK], alpha[BLOCK], held[BLOCK];
            uint32_t count = end - k < BLOCK ? end - k : BLOCK;
            const uint16_t *uid = weights_for_bonds->uid + k;
            const int64_t *value = weights_for_bonds->value + k;
            if (in_order) {
                for (uint32_t m = 0; m < count; m++) {
                    while (other < other_end && old_bonds->uid[other] < uid[m]) {
                        other++;
                    }
                    int same = other < other_end && old_bonds->uid[other] == uid[m];
                    held[m] = same ? old_bonds->value[other] : 0;
                    distance[m] = distance_of(consensus[uid[m]], value[m], held[m]);
                }
            } else {
                for (uint32_t m = 0; m < count; m++) {
                    held[m] = bond[uid[m]];
                    distance[m] = distance_of(consensus[uid[m]], (int32_t)uid[m] > walked ? value[m] : 0, seen_bond[uid[m]]);
                    walked = (int32_t)uid[m] > walked ? uid[m] : walked;
                }
            }
            liquid_alphas(count, distance, value, held, alpha_low, alpha_high, slope, doubles, clamped, alpha);
            for (uint32_t m = 0; m < count; m++) {
                int64_t a = alpha[m], e;
                if (plain) {
                    e = kept_of(a, held[m]) + bought_of(a, value[m]);
                } else {
                    e = fixed_add(fixed_mul(fixed_sub(YUMA_ONE, a), held[m]), fixed_max(0, fixed_mul(a, value[m])));
                }
                e = fixed_min(YUMA_ONE, e);
                ema->uid[kept] = uid[m]; /* there is room: one that stays for each that was */
                ema->value[kept] = e;
                kept += e > 0;
            }
        }
        ema->indptr[i + 1] = kept;
        for (uint32_t m = old_bonds->indptr[i]; !in_order && m < other_end; m++) {
            bond[old_bonds->uid[m]] = seen_bond[old_bonds->uid[m]] = 0;
        }
    }
    if (doubles) {
        fesetenv(&caller);
    }
    return YUMA_OK;
}
