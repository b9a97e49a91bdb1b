/* What the layouts of vector.h have in common; internal. */
#ifndef YUMA_VECTOR_LAYOUTS_H
#define YUMA_VECTOR_LAYOUTS_H

#include "memory.h"
#include "stages.h"
#include "vector.h"

/* Whose weights and bonds are laid out. */
typedef struct {
    const yuma_state *state;
    uint32_t n, rows, columns;
    uint16_t *row;   /* [rows], ascending: the uids that have weights that count, or bonds */
    uint16_t *column; /* [slices_of(columns) * SLICE], those of a full layout, ascending; 0 after the last */
    uint16_t *place;  /* [n], where they stand; no_place(n) of the others */
    uint64_t weights, bonds;
} vector_subnet;

/* What section 4 and the cutoff of section 7 take out. */
typedef struct {
    const uint64_t *registered, *committed; /* committed: null for no live commit */
    uint64_t latest;                        /* the largest of registered */
    uint64_t cutoff;
} vector_dates;

/* 0 or 1, without a branch, which could not be predicted. */
static inline uint32_t permitted(const yuma_state *state, uint32_t i) {
    return (uint32_t)(state->validator_permit[i] != 0) | (uint32_t)((int32_t)i == state->owner_uid);
}

/* The weights that count, before dates: none without a permit. */
static inline uint32_t last_weight(const yuma_state *state, uint32_t i) {
    return state->weights.indptr[i + permitted(state, i)];
}

/* A row's weights to columns that registered later than this are out; *none where all are. */
static inline uint64_t limit_of(const vector_dates *d, uint64_t last_update, uint32_t i, int *none) {
    *none = last_update == 0;
    uint64_t limit = last_update - 1;
    return d->committed != NULL && d->committed[i] < limit ? d->committed[i] : limit;
}

static inline uint32_t slices_of(uint32_t columns) {
    return (columns + SLICE - 1) / SLICE;
}

/* After all places. */
static inline uint16_t no_place(uint32_t n) {
    return (uint16_t)(slices_of(n) * SLICE);
}

#define TAKE(pointer, count)                                            \
    do {                                                                \
        (pointer) = arena_take(memory, (count), sizeof *(pointer));     \
        if ((pointer) == NULL) {                                        \
            return 0;                                                   \
        }                                                               \
    } while (0)

#define TAKE_ZEROS(pointer, count)                                        \
    do {                                                                  \
        (pointer) = arena_take_zeros(memory, (count), sizeof *(pointer)); \
        if ((pointer) == NULL) {                                          \
            return 0;                                                     \
        }                                                                 \
    } while (0)

/* Rows from *next to `last` begin at `at`; what is written after them will be written again. */
static inline void begin_rows(uint32_t *indptr, uint32_t *next, uint32_t last, uint32_t n, uint32_t at) {
    enum { AT_ONCE = 8 }; /* as a loop over fewer is not predicted */
    uint32_t i = *next;
    for (; i <= last && i + AT_ONCE <= n + 1; i += AT_ONCE) {
        for (uint32_t k = 0; k < AT_ONCE; k++) {
            indptr[i + k] = at;
        }
    }
    for (; i <= last; i++) {
        indptr[i] = at;
    }
    *next = last + 1;
}

/* Section 8, of bonds that stand by row: those of row r are row_of(layout, r). */
static inline void store_rows(const vector_path *path, const vector_subnet *of, vector_row (*row_of)(const void *, uint32_t),
                              const void *layout, yuma_result *result) {
    const uint32_t room = of->state->weights.indptr[of->n] + of->state->bonds.indptr[of->n];
    uint32_t kept = 0, next = 0;
    for (uint32_t r = 0; r < of->rows; r++) {
        const uint32_t i = of->row[r];
        begin_rows(result->bonds_indptr, &next, i, of->n, kept);
        if (result->validator_permit[i]) {
            const vector_row row = row_of(layout, r);
            kept += path->pack(&row, result->bonds_uid + kept, result->bonds_value + kept, room - kept);
            VERIFY_CHECK(kept <= room);
        }
    }
    begin_rows(result->bonds_indptr, &next, of->n, of->n, kept);
}

/* Sections 4 to 7, but for the division of dividends by their sum, and the bonds to store; the rounding mode is downward. 0 where
 * there is not enough memory. */
int yuma_vector_full(const vector_path *path, const vector_subnet *of, vector_epoch *e, const vector_dates *d,
                     const vector_shares *shares, yuma_result *result, arena memory);
int yuma_vector_sparse(const vector_path *path, const vector_subnet *of, vector_epoch *e, const vector_dates *d,
                       const vector_shares *shares, yuma_result *result, arena memory);

#endif
