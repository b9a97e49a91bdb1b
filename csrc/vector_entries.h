/* The entries of a sparse layout, out of the stored rows; internal. */
#ifndef YUMA_VECTOR_ENTRIES_H
#define YUMA_VECTOR_ENTRIES_H

#include "uidset.h"
#include "vector_layouts.h"

typedef struct {
    const vector_subnet *of;
    const vector_dates *dates;
    int liquid, mixed; /* mixed: weights_for_bonds stand in ascending columns */
    int partial;       /* some row has no entries but those of its weights */
    uint32_t *begin, *count;
    uint16_t *uid, *bonds, *marks;
    uint32_t *weights;
    uint16_t *value; /* of a row, before it is divided; room for as many numbers */
    /* by column, of a row that is put in order; all 0 between two rows, once some row has been */
    int spreads;
    uint16_t *value_of, *bond_of, *mark_of;
    uidset columns;
} vector_entries;

/* What a row of so many weights and bonds takes at most. */
static inline uint64_t padded(uint64_t entries) {
    return (entries + SLICE - 1) / SLICE * SLICE;
}

/* Section 4, and the bonds that are not outdated: the entries of all rows. */
void yuma_vector_load(vector_entries *l, const vector_path *path);

/* The merge walk over weights_for_bonds does not see what comes after a larger uid. Where they are clipped, what is above a consensus
 * of 0 is not there. */
void yuma_vector_walk(const vector_entries *l, const int64_t *consensus, int penalty);

/* Whether each column with enough stake on its scores above 0 has a number, which is not 0; for a VERIFY_CHECK. */
static inline int are_numbered(const vector_entries *l, const vector_epoch *e, const uint16_t *number, arena rest) {
    uint64_t *sum = arena_take_zeros(&rest, l->of->n, sizeof *sum);
    int all = 1;
    for (uint32_t s = 0; sum != NULL && s < e->scorers; s++) {
        const uint32_t begin = l->begin[e->scorer[s]], end = begin + l->count[e->scorer[s]];
        for (uint32_t k = begin; k < end; k++) {
            sum[l->uid[k]] += l->weights[k] != 0 ? e->scorer_stake[s] : 0;
        }
    }
    for (uint32_t j = 0; sum != NULL && j < l->of->n; j++) {
        all &= sum[j] < e->enough || number[j] != 0;
    }
    return all;
}

#endif
