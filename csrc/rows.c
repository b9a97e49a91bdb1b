/* Whether rows are well formed, rows out of dense matrices, and epochs over many of them. */
#include "before.h"
#include "stages.h"

enum { BLOCK = 32 };

/* Whether uid[0..count) ascend; all of them are looked at, by which compilers vectorize. */
static int ascend(uint32_t count, const uint16_t *uid) {
    uint16_t falls = 0;
    for (uint32_t k = 1; k < count; k++) {
        falls = (uint16_t)(falls | (uid[k] <= uid[k - 1]));
    }
    return !falls;
}

yuma_status yuma_check_rows(uint32_t n, uint32_t entries, const uint32_t *indptr, const uint16_t *uid) {
    REQUIRE_N(n);
    REQUIRE(indptr != NULL && (entries == 0 || uid != NULL), YUMA_ERROR_NULL);
    REQUIRE(indptr[0] == 0 && indptr[n] == entries, YUMA_ERROR_INDPTR);
    for (uint32_t i = 0; i < n; i++) {
        REQUIRE(indptr[i] <= indptr[i + 1], YUMA_ERROR_INDPTR);
    }
    if (entries == 0) {
        return YUMA_OK;
    }
    uint64_t seen[(YUMA_MAX_UIDS + 64) / 64] = {0}; /* a bit a uid; those of a row are taken back after it */
    for (uint32_t i = 0; i < n; i++) {
        const uint16_t *row = uid + indptr[i];
        uint32_t count = indptr[i + 1] - indptr[i];
        if (count == 0 || ascend(count, row)) { /* none twice, and the last is the largest */
            REQUIRE(count == 0 || row[count - 1] < n, YUMA_ERROR_UID);
            continue;
        }
        for (uint32_t k = 0; k < count; k++) {
            uint16_t j = row[k];
            REQUIRE(j < n && (seen[j / 64u] >> (j % 64u) & 1) == 0, YUMA_ERROR_UID);
            seen[j / 64u] |= (uint64_t)1 << (j % 64u);
        }
        for (uint32_t k = 0; k < count; k++) {
            seen[row[k] / 64u] = 0;
        }
    }
    return YUMA_OK;
}

/* The entries of a dense row that are not 0; how many they are. An entry is written before it is known whether it stays, where
 * the next one goes: no more than n are written, and each entry of the row is read once, so that a row that changes meanwhile
 * gives entries of before or after and nothing else. */
static uint32_t sparse_row(uint32_t n, const uint16_t *row, uint16_t *uid, uint16_t *value) {
    uint32_t kept = 0, j = 0;
    for (; j + BLOCK <= n; j += BLOCK) {
        uint16_t block[BLOCK], zeros = 0, any = 0;
        memcpy(block, row + j, sizeof block);
        for (uint32_t k = 0; k < BLOCK; k++) {
            zeros = (uint16_t)(zeros | (block[k] == 0));
            any |= block[k];
        }
        if (!any) { /* most blocks of a matrix whose miners have no rows */
            continue;
        }
        if (!zeros) { /* most blocks of a row that somebody has set */
            uint16_t *at = uid + kept; /* by which compilers see a range that does not wrap, and vectorize */
            memcpy(value + kept, block, sizeof block);
            for (uint32_t k = 0; k < BLOCK; k++) {
                at[k] = (uint16_t)(j + k);
            }
            kept += BLOCK;
            continue;
        }
        for (uint32_t k = 0; k < BLOCK; k++) {
            uid[kept] = (uint16_t)(j + k);
            value[kept] = block[k];
            kept += block[k] != 0;
        }
    }
    for (; j < n; j++) {
        uint16_t entry = row[j];
        uid[kept] = (uint16_t)j;
        value[kept] = entry;
        kept += entry != 0;
    }
    return kept;
}

yuma_status yuma_rows_from_dense(uint32_t n, const yuma_stored_rows *others, uint32_t count, const uint16_t *uids,
                                 const uint16_t *dense, uint32_t *indptr, uint16_t *uid, uint16_t *value) {
    REQUIRE_N(n);
    REQUIRE(count <= n, YUMA_ERROR_UID);
    REQUIRE((count == 0 || (uids != NULL && dense != NULL)) && indptr != NULL && uid != NULL && value != NULL, YUMA_ERROR_NULL);
    for (uint32_t r = 0; r < count; r++) {
        REQUIRE(uids[r] < n && (r == 0 || uids[r - 1] < uids[r]), YUMA_ERROR_UID);
    }
    uint32_t kept = 0, r = 0;
    indptr[0] = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (r < count && uids[r] == i) {
            kept += sparse_row(n, dense + (size_t)r * n, uid + kept, value + kept);
            r++;
        } else if (others != NULL) {
            uint32_t entries = others->indptr[i + 1] - others->indptr[i];
            memcpy(uid + kept, others->uid + others->indptr[i], entries * sizeof *uid);
            memcpy(value + kept, others->value + others->indptr[i], entries * sizeof *value);
            kept += entries;
        }
        indptr[i + 1] = kept;
    }
    return YUMA_OK;
}

yuma_status yuma_variants(uint32_t count, const yuma_state *states, const yuma_hyperparameters *const *hyperparameters,
                          const uint64_t *emission, yuma_result *results, const yuma_dense_rows *weights, uint32_t room,
                          uint32_t isa, void *workspace, size_t workspace_size, uint32_t *done) {
    REQUIRE(done != NULL, YUMA_ERROR_NULL);
    *done = 0;
    REQUIRE(count == 0 || (states != NULL && weights != NULL && weights->dense != NULL), YUMA_ERROR_NULL);
    isa = isa == YUMA_ISA_ANY ? yuma_isa_available() : isa; /* once for all */
    epoch_before before = {0};
    for (uint32_t k = 0; k < count; k++) {
        yuma_state state = states[k];
        TRY(yuma_rows_from_dense(state.n, weights->others, weights->count, weights->uids, weights->dense[k], weights->indptr,
                                 weights->uid, weights->value));
        state.weights = (yuma_stored_rows){weights->indptr, weights->uid, weights->value};
        uint32_t one;
        TRY(yuma_simulate_after(&before, 1, &state, hyperparameters + k, emission + k, results + k, room, isa, workspace,
                                workspace_size, &one));
        *done = k + 1;
    }
    return YUMA_OK;
}
