/* Section 7 of the law: bonds and dividends. The liquid EMA is in liquid.c. */
#include "memory.h"
#include "stages.h"
#include "uidset.h"

/* mul(x, a) + mul(y, b) for two rows of which either may lack an entry (0) and neither needs to be in order; the entries
 * above 0, in ascending columns. */
typedef struct {
    uidset columns;
    int64_t *a, *b; /* [n] by column; all 0 between two rows */
} merge;

static int merge_begin(merge *m, uint32_t n, arena *memory) {
    m->columns = (uidset){{0}, {0}};
    m->a = arena_take_zeros(memory, n, sizeof *m->a);
    m->b = arena_take_zeros(memory, n, sizeof *m->b);
    return m->a != NULL && m->b != NULL;
}

static void merge_scatter(merge *m, const yuma_rows *rows, uint32_t i, int64_t *by_column) {
    for (uint32_t k = rows->indptr[i]; k < rows->indptr[i + 1]; k++) {
        by_column[rows->uid[k]] = rows->value[k];
        uidset_add(&m->columns, rows->uid[k]);
    }
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
    arena memory = arena_of(workspace, workspace_size);
    merge m;
    REQUIRE(merge_begin(&m, n, &memory), YUMA_ERROR_WORKSPACE);
    uint32_t kept = 0;
    result->indptr[0] = 0;
    for (uint32_t i = 0; i < n; i++) {
        merge_scatter(&m, weights, i, m.a);
        merge_scatter(&m, clipped, i, m.b);
        unsigned at = 0;
        for (int32_t j = uidset_pop(&m.columns, &at); j >= 0; j = uidset_pop(&m.columns, &at)) {
            int64_t w = m.a[j] + fixed_mul(bonds_penalty, m.b[j] - m.a[j]);
            m.a[j] = m.b[j] = 0;
            if (w > 0) {
                result->uid[kept] = (uint16_t)j;
                result->value[kept++] = w;
            }
        }
        result->indptr[i + 1] = kept;
    }
    return YUMA_OK;
}

uint64_t yuma_bonds_cutoff(uint64_t current_block, uint64_t tempo, uint64_t last_mechanism_step_block) {
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
            weights_for_bonds->value[k] = fixed_mul(weights_for_bonds->value[k], active_stake[i]);
        }
    }
    return yuma_column_normalize(n, weights_for_bonds, workspace, workspace_size);
}

static void divide_by_column(uint32_t n, yuma_rows *matrix, const int64_t *divisor) {
    for (uint32_t k = 0; k < matrix->indptr[n]; k++) {
        int64_t d = divisor[matrix->uid[k]];
        if (d != 0) {
            matrix->value[k] = fixed_div(matrix->value[k], d);
        }
    }
}

yuma_status yuma_column_normalize(uint32_t n, yuma_rows *matrix, void *workspace, size_t workspace_size) {
    REQUIRE_N(n);
    REQUIRE_ROWS(matrix);
    arena memory = arena_of(workspace, workspace_size);
    int64_t *sum = arena_take_zeros(&memory, n, sizeof *sum);
    REQUIRE(sum != NULL, YUMA_ERROR_WORKSPACE);
    for (uint32_t k = 0; k < matrix->indptr[n]; k++) {
        sum[matrix->uid[k]] += matrix->value[k];
    }
    divide_by_column(n, matrix, sum);
    return YUMA_OK;
}

yuma_status yuma_column_max_normalize(uint32_t n, yuma_rows *matrix, void *workspace, size_t workspace_size) {
    REQUIRE_N(n);
    REQUIRE_ROWS(matrix);
    arena memory = arena_of(workspace, workspace_size);
    int64_t *largest = arena_take_zeros(&memory, n, sizeof *largest);
    REQUIRE(largest != NULL, YUMA_ERROR_WORKSPACE);
    for (uint32_t k = 0; k < matrix->indptr[n]; k++) {
        uint16_t j = matrix->uid[k];
        largest[j] = fixed_max(largest[j], matrix->value[k]);
    }
    divide_by_column(n, matrix, largest);
    return YUMA_OK;
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
    arena memory = arena_of(workspace, workspace_size);
    merge m;
    REQUIRE(merge_begin(&m, n, &memory), YUMA_ERROR_WORKSPACE);
    uint32_t kept = 0;
    ema->indptr[0] = 0;
    for (uint32_t i = 0; i < n; i++) {
        merge_scatter(&m, new_bonds, i, m.a);
        merge_scatter(&m, old_bonds, i, m.b);
        unsigned at = 0;
        for (int32_t j = uidset_pop(&m.columns, &at); j >= 0; j = uidset_pop(&m.columns, &at)) {
            int64_t bond = fixed_mul(alpha, m.a[j]) + fixed_mul(YUMA_ONE - alpha, m.b[j]);
            m.a[j] = m.b[j] = 0;
            if (bond > 0) {
                ema->uid[kept] = (uint16_t)j;
                ema->value[kept++] = bond;
            }
        }
        ema->indptr[i + 1] = kept;
    }
    return YUMA_OK;
}

yuma_status yuma_dividends(uint32_t n, const yuma_rows *normalized_bonds, const int64_t *incentive,
                           const int64_t *active_stake, int64_t *dividends) {
    REQUIRE_N(n);
    REQUIRE_ROWS(normalized_bonds);
    REQUIRE(incentive != NULL && dividends != NULL, YUMA_ERROR_NULL);
    for (uint32_t i = 0; i < n; i++) {
        int64_t sum = 0;
        for (uint32_t k = normalized_bonds->indptr[i]; k < normalized_bonds->indptr[i + 1]; k++) {
            sum += fixed_mul(normalized_bonds->value[k], incentive[normalized_bonds->uid[k]]);
        }
        dividends[i] = active_stake == NULL ? sum : fixed_mul_checked(sum, active_stake[i]);
    }
    divide_by_sum(n, dividends);
    return YUMA_OK;
}
