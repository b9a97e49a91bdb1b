/* Rows out of dense matrices, and epochs over many of them. */
#include "stages.h"

enum { BLOCK = 32 };

/* The entries of a dense row that are not 0; how many they are. An entry is written before it is known whether it stays, where
 * the next one goes: no more than n are written, and each entry of the row is read once, so that a row that changes meanwhile
 * gives entries of before or after and nothing else. */
static uint32_t sparse_row(uint32_t n, const uint16_t *row, uint16_t *uid, uint16_t *value) {
    uint32_t kept = 0, j = 0;
    for (; j + BLOCK <= n; j += BLOCK) {
        uint16_t block[BLOCK], zeros = 0;
        memcpy(block, row + j, sizeof block);
        for (uint32_t k = 0; k < BLOCK; k++) {
            zeros = (uint16_t)(zeros | (block[k] == 0));
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
    for (uint32_t k = 0; k < count; k++) {
        yuma_state state = states[k];
        TRY(yuma_rows_from_dense(state.n, weights->others, weights->count, weights->uids, weights->dense[k], weights->indptr,
                                 weights->uid, weights->value));
        state.weights = (yuma_stored_rows){weights->indptr, weights->uid, weights->value};
        uint32_t one;
        TRY(yuma_simulate(1, &state, hyperparameters + k, emission + k, results + k, room, isa, workspace, workspace_size,
                          &one));
        *done = k + 1;
    }
    return YUMA_OK;
}
