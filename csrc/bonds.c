/* Section 7 of the law: bonds and dividends. The liquid EMA is in liquid.c. */
#include "memory.h"
#include "profile.h"
#include "stages.h"
#include "uidset.h"

/* One row after the other, over the columns that stand in a or in b, ascending whatever their order in the rows: the values
 * combine(factor, a, b) that are above 0, with absent entries as 0. factors: by column, or null for `factor` in each. Inline, so
 * that combine and factors are known where it is called. */
static inline yuma_status merge_rows(uint32_t n, const yuma_rows *a, const yuma_rows *b, const int64_t *factors, int64_t factor,
                                     int64_t (*combine)(int64_t factor, int64_t a, int64_t b), yuma_rows *merged,
                                     void *workspace, size_t workspace_size) {
    arena memory = arena_of(workspace, workspace_size);
    int64_t *in_a = arena_take_zeros(&memory, n, sizeof *in_a); /* by column; all 0 between two rows */
    int64_t *in_b = arena_take_zeros(&memory, n, sizeof *in_b);
    REQUIRE(in_a != NULL && in_b != NULL, YUMA_ERROR_WORKSPACE);
    uidset columns = {{0}, {0}};
    uint32_t kept = 0;
    merged->indptr[0] = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t k = a->indptr[i], end = a->indptr[i + 1], m = b->indptr[i], other_end = b->indptr[i + 1];
        if (ascending(a->uid + k, end - k) && ascending(b->uid + m, other_end - m)) {
            for (; k < end && m < other_end && a->uid[k] == b->uid[m]; k++, m++) { /* as long as they stand in the same columns */
                int64_t value = combine(factors != NULL ? factors[a->uid[k]] : factor, a->value[k], b->value[m]);
                merged->uid[kept] = a->uid[k];
                merged->value[kept] = value;
                kept += value > 0;
            }
            while (k < end || m < other_end) {
                uint32_t j = k < end ? a->uid[k] : UINT32_MAX, other = m < other_end ? b->uid[m] : UINT32_MAX;
                uint32_t column = j < other ? j : other;
                int64_t value = combine(factors != NULL ? factors[column] : factor, j == column ? a->value[k] : 0,
                                        other == column ? b->value[m] : 0);
                k += j == column;
                m += other == column;
                merged->uid[kept] = (uint16_t)column;
                merged->value[kept] = value;
                kept += value > 0;
            }
            merged->indptr[i + 1] = kept;
            continue;
        }
        for (; k < end; k++) {
            in_a[a->uid[k]] = a->value[k];
            uidset_add(&columns, a->uid[k]);
        }
        for (; m < other_end; m++) {
            in_b[b->uid[m]] = b->value[m];
            uidset_add(&columns, b->uid[m]);
        }
        unsigned group = 0;
        for (int32_t j = uidset_pop(&columns, &group); j >= 0; j = uidset_pop(&columns, &group)) {
            int64_t value = combine(factors != NULL ? factors[j] : factor, in_a[j], in_b[j]);
            in_a[j] = in_b[j] = 0;
            if (value > 0) {
                merged->uid[kept] = (uint16_t)j;
                merged->value[kept++] = value;
            }
        }
        merged->indptr[i + 1] = kept;
    }
    return YUMA_OK;
}

static inline int64_t towards(int64_t beta, int64_t w, int64_t c) {
    VERIFY_CHECK(is_proportion(beta) && is_proportion(w) && is_proportion(c));
    return w + fixed_mul(beta, c - w);
}

static inline int64_t moving_average(int64_t alpha, int64_t d, int64_t b) {
    VERIFY_CHECK(is_proportion(alpha) && is_proportion(d) && is_proportion(b));
    return fixed_mul_share(alpha, d) + fixed_mul_share(YUMA_ONE - alpha, b);
}

yuma_status yuma_weights_for_bonds(uint32_t n, const yuma_rows *weights, const yuma_rows *clipped,
                                   int64_t bonds_penalty, yuma_rows *result, void *workspace, size_t workspace_size) {
    REQUIRE_N(n);
    REQUIRE_ROWS(weights);
    REQUIRE_ROWS(clipped);
    REQUIRE_ROWS(result);
    REQUIRE(bonds_penalty >= 0 && bonds_penalty <= YUMA_ONE, YUMA_ERROR_RANGE);
    if (bonds_penalty == 0 || bonds_penalty == YUMA_ONE) {
        copy_rows(n, bonds_penalty == 0 ? weights : clipped, result);
        return YUMA_OK;
    }
    return merge_rows(n, weights, clipped, NULL, bonds_penalty, towards, result, workspace, workspace_size);
}

uint64_t yuma_bonds_cutoff(uint64_t current_block, uint64_t tempo, uint64_t last_mechanism_step_block,
                           const uint64_t *last_yuma_step_block) {
    if (last_yuma_step_block != NULL) {
        return saturating_add(*last_yuma_step_block, 1);
    }
    if (last_mechanism_step_block == 0) {
        return current_block > tempo ? current_block - tempo : 0;
    }
    return saturating_add(last_mechanism_step_block, 1);
}

yuma_status yuma_old_bonds(uint32_t n, const yuma_stored_rows *bonds, const uint64_t *block_at_registration,
                           uint64_t cutoff, uint8_t yuma3, yuma_rows *old, void *workspace, size_t workspace_size) {
    REQUIRE_N(n);
    REQUIRE_ROWS(bonds);
    REQUIRE_ROWS(old);
    REQUIRE(block_at_registration != NULL, YUMA_ERROR_NULL);
    uint32_t kept = 0;
    old->indptr[0] = 0;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = bonds->indptr[i]; k < bonds->indptr[i + 1]; k++) {
            uint16_t j = bonds->uid[k], v = bonds->value[k];
            if (block_at_registration[j] < cutoff) {
                old->uid[kept] = j;
                old->value[kept++] = yuma3 ? fixed_ratio16(v) : (int64_t)v << 32;
            }
        }
        old->indptr[i + 1] = kept;
    }
    return yuma3 ? YUMA_OK : yuma_column_normalize(n, old, workspace, workspace_size);
}

yuma_status yuma_new_bonds(uint32_t n, yuma_rows *weights_for_bonds, const int64_t *active_stake, void *workspace,
                           size_t workspace_size) {
    REQUIRE_N(n);
    REQUIRE_ROWS(weights_for_bonds);
    REQUIRE(active_stake != NULL, YUMA_ERROR_NULL);
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = weights_for_bonds->indptr[i]; k < weights_for_bonds->indptr[i + 1]; k++) {
            VERIFY_CHECK(is_proportion(weights_for_bonds->value[k]));
            weights_for_bonds->value[k] = fixed_mul_share(active_stake[i], weights_for_bonds->value[k]);
        }
    }
    return yuma_column_normalize(n, weights_for_bonds, workspace, workspace_size);
}

/* divisor: by column, 0 where all entries are 0. */
static yuma_status divide_by_column(uint32_t n, yuma_rows *matrix, const int64_t *divisor, arena *memory) {
    fixed_divisor *columns = arena_take(memory, n, sizeof *columns);
    REQUIRE(columns != NULL, YUMA_ERROR_WORKSPACE);
    for (uint32_t j = 0; j < n; j++) {
        columns[j] = fixed_divisor_of(divisor[j]);
    }
    for (uint32_t k = 0; k < matrix->indptr[n]; k++) {
        matrix->value[k] = fixed_div_by(matrix->value[k], columns[matrix->uid[k]]);
    }
    return YUMA_OK;
}

yuma_status yuma_column_normalize(uint32_t n, yuma_rows *matrix, void *workspace, size_t workspace_size) {
    REQUIRE_N(n);
    REQUIRE_ROWS(matrix);
    arena memory = arena_of(workspace, workspace_size);
    int64_t *sum = arena_take_zeros(&memory, n, sizeof *sum);
    REQUIRE(sum != NULL, YUMA_ERROR_WORKSPACE);
    for (uint32_t k = 0; k < matrix->indptr[n]; k++) {
        VERIFY_CHECK(matrix->value[k] >= 0 && sum[matrix->uid[k]] <= INT64_MAX - matrix->value[k]);
        sum[matrix->uid[k]] += matrix->value[k];
    }
    return divide_by_column(n, matrix, sum, &memory);
}

yuma_status yuma_column_max_normalize(uint32_t n, yuma_rows *matrix, void *workspace, size_t workspace_size) {
    REQUIRE_N(n);
    REQUIRE_ROWS(matrix);
    arena memory = arena_of(workspace, workspace_size);
    int64_t *largest = arena_take_zeros(&memory, n, sizeof *largest);
    REQUIRE(largest != NULL, YUMA_ERROR_WORKSPACE);
    for (uint32_t k = 0; k < matrix->indptr[n]; k++) {
        uint16_t j = matrix->uid[k];
        VERIFY_CHECK(matrix->value[k] >= 0);
        largest[j] = fixed_max(largest[j], matrix->value[k]);
    }
    return divide_by_column(n, matrix, largest, &memory);
}

int64_t yuma_bonds_alpha(uint64_t bonds_moving_average) {
    int overflow; /* (2^64 - 1) << 64 over 1,000,000 << 64 is below 2^45: it fits, and so does the subtraction */
    wide ratio = fixed_quotient64((wide){0, bonds_moving_average}, (wide){0, 1000000}, &overflow);
    return fixed_sub(YUMA_ONE, fixed_from_i64f64(ratio));
}

yuma_status yuma_ema(uint32_t n, int64_t alpha, const yuma_rows *new_bonds, const yuma_rows *old_bonds, yuma_rows *ema,
                     void *workspace, size_t workspace_size) {
    REQUIRE_N(n);
    REQUIRE_ROWS(new_bonds);
    REQUIRE_ROWS(old_bonds);
    REQUIRE_ROWS(ema);
    REQUIRE(alpha >= 0 && alpha <= YUMA_ONE, YUMA_ERROR_RANGE);
    return merge_rows(n, new_bonds, old_bonds, NULL, alpha, moving_average, ema, workspace, workspace_size);
}

yuma_status yuma_column_ema(uint32_t n, const int64_t *alphas, const yuma_rows *new_bonds, const yuma_rows *old_bonds,
                            yuma_rows *ema, void *workspace, size_t workspace_size) {
    return merge_rows(n, new_bonds, old_bonds, alphas, 0, moving_average, ema, workspace, workspace_size);
}

yuma_status yuma_dividends(uint32_t n, const yuma_rows *normalized_bonds, const int64_t *incentive,
                           const int64_t *active_stake, int64_t *dividends) {
    REQUIRE_N(n);
    REQUIRE_ROWS(normalized_bonds);
    REQUIRE(incentive != NULL && dividends != NULL, YUMA_ERROR_NULL);
    for (uint32_t i = 0; i < n; i++) {
        int64_t sum = 0;
        for (uint32_t k = normalized_bonds->indptr[i]; k < normalized_bonds->indptr[i + 1]; k++) {
            VERIFY_CHECK(is_proportion(normalized_bonds->value[k]));
            sum += fixed_mul_share(incentive[normalized_bonds->uid[k]], normalized_bonds->value[k]);
        }
        dividends[i] = active_stake == NULL ? sum : fixed_mul_checked(sum, active_stake[i]);
    }
    divide_by_sum(n, dividends);
    return YUMA_OK;
}
