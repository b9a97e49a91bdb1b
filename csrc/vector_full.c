/* Sections 4 to 7 of the law over the full layout of vector.h: which columns stand where, and what goes in and out. Integers only;
 * the arithmetic in doubles is in vector_path.h. */
#include <fenv.h>

#include "vector_layouts.h"

enum { NOWHERE = UINT16_MAX };

typedef struct {
    const vector_subnet *of;
    uint32_t rows, columns, slices;
    uint16_t *place;   /* [n], where a column stands; NOWHERE */
    uint16_t *column;  /* [slices * SLICE], what column stands there, ascending. 0 after the last */
    /* From a slice of weights to the next, and from a row of the others, in slices. Odd: at powers of 2 they share sets of a cache */
    uint32_t pitch, row_pitch;
    uint32_t *weights; /* [slices][pitch][SLICE]: a slice is looked at many times over */
    uint16_t *bonds, *present; /* [rows][row_pitch][SLICE], as they come and go */
    uint16_t *kept;            /* [rows][row_pitch] */
} layout;

/* What stands where, and the memory for it. */
static int plan(layout *l, int liquid, arena *memory) {
    const vector_subnet *of = l->of;
    l->rows = of->rows;
    l->columns = of->columns;
    l->slices = slices_of(l->columns);
    l->pitch = l->rows | 1;
    l->row_pitch = l->slices | 1;
    TAKE(l->place, of->n);
    TAKE_ZEROS(l->column, (uint64_t)l->slices * SLICE);
    for (uint32_t j = 0, at = 0; j < of->n; j++) {
        int here = of->used == NULL || of->used[j];
        l->place[j] = here ? (uint16_t)at : NOWHERE;
        if (here) {
            l->column[at++] = (uint16_t)j;
        }
    }
    const uint64_t places = (uint64_t)l->rows * l->row_pitch;
    TAKE(l->weights, (uint64_t)l->slices * l->pitch * SLICE);
    TAKE(l->bonds, places * SLICE);
    TAKE_ZEROS(l->kept, places);
    if (liquid) {
        TAKE(l->present, places * SLICE);
    }
    return 1;
}

static vector_slice slice_of(const layout *l, uint32_t s) {
    const size_t at = (size_t)s * SLICE;
    return (vector_slice){
        .depth = l->rows,
        .weights = l->weights + at * l->pitch,
        .pitch = l->row_pitch,
        .bonds = l->bonds + at,
        .kept = l->kept + s,
        .present = l->present == NULL ? NULL : l->present + at,
    };
}

/* Whether `count` uids are those of the columns from a place on, as they are in a full row, or in a part of one. */
static int in_places(const layout *l, const uint16_t *uid, size_t count, size_t place) {
    return count <= l->columns - place && memcmp(uid, l->column + place, count * sizeof *uid) == 0;
}

/* Puts a row of the full layout by place: at once, or sixteen at a time, where its places follow each other. */
static void put_row(const layout *l, const yuma_stored_rows *rows, uint32_t begin, uint32_t end, uint16_t *restrict values) {
    const uint16_t *restrict uid = rows->uid + begin, *restrict value = rows->value + begin, *restrict place = l->place;
    size_t count = end - begin, k = 0;
    if (count != 0 && in_places(l, uid, count, place[uid[0]])) {
        memcpy(values + place[uid[0]], value, count * sizeof *value);
        return;
    }
    for (; count - k >= SLICE; k += SLICE) {
        size_t at = place[uid[k]];
        if (place[uid[k + SLICE - 1]] - at == SLICE - 1 && in_places(l, uid + k, SLICE, at)) {
            memcpy(values + at, value + k, SLICE * sizeof *value);
        } else {
            for (size_t m = k; m < k + SLICE; m++) {
                values[place[uid[m]]] = value[m];
            }
        }
    }
    for (; k < count; k++) {
        values[place[uid[k]]] = value[k];
    }
}

/* values: room for a row by place. */
static void load_row(const layout *l, const vector_path *path, const vector_dates *d, uint32_t r, uint16_t *values) {
    const yuma_state *state = l->of->state;
    const uint32_t i = l->of->row[r], end = last_weight(state, i);
    const size_t places = (size_t)l->slices * SLICE, row = r * (size_t)l->row_pitch * SLICE;
    uint16_t *marks = l->present == NULL ? NULL : l->present + row, *bonds = l->bonds + row;
    memset(values, 0, places * sizeof *values);
    put_row(l, &state->weights, state->weights.indptr[i], end, values);
    if (marks != NULL) {
        memset(marks, 0, places * sizeof *marks);
        for (uint32_t k = state->weights.indptr[i]; k < end; k++) {
            marks[l->place[state->weights.uid[k]]] = UINT16_MAX;
        }
    }
    int none;
    uint64_t limit = limit_of(d, state->last_update[i], i, &none);
    if (none || limit < d->latest) {
        for (uint32_t p = 0; p < l->columns; p++) {
            uint16_t stays = none || d->registered[l->column[p]] > limit ? 0 : UINT16_MAX;
            values[p] = (uint16_t)(values[p] & stays);
            if (marks != NULL) {
                marks[p] = (uint16_t)(marks[p] & stays);
            }
        }
    }
    if ((int32_t)i != state->owner_uid && l->place[i] != NOWHERE) {
        values[l->place[i]] = 0;
        if (marks != NULL) {
            marks[l->place[i]] = 0;
        }
    }
    path->normalize(l->slices, values, l->weights + (size_t)r * SLICE, (size_t)l->pitch * SLICE);

    memset(bonds, 0, places * sizeof *bonds);
    put_row(l, &state->bonds, state->bonds.indptr[i], state->bonds.indptr[i + 1], bonds);
    for (uint32_t p = 0; d->cutoff <= d->latest && p < l->columns; p++) {
        bonds[p] = d->cutoff <= d->registered[l->column[p]] ? 0 : bonds[p];
    }
}

/* Asks for what a row reads, as it is too short for a cache to see that it goes on. */
static void prefetch_row(const yuma_stored_rows *rows, uint32_t i) {
    const uint32_t begin = rows->indptr[i], end = rows->indptr[i + 1];
    (void)begin, (void)end;
#if defined(__GNUC__)
    enum { LINE = 64 / sizeof(uint16_t) };
    for (uint32_t k = begin; k < end; k += LINE) {
        __builtin_prefetch(rows->uid + k, 0, 2);
        __builtin_prefetch(rows->value + k, 0, 2);
    }
#endif
}

static int load(const layout *l, const vector_path *path, const vector_dates *d, arena rest) {
    arena *memory = &rest; /* given back */
    uint16_t *values;
    TAKE(values, (uint64_t)l->slices * SLICE);
    for (uint32_t r = 0; r < l->rows; r++) {
        if (r + 1 < l->rows) {
            prefetch_row(&l->of->state->weights, l->of->row[r + 1]);
            prefetch_row(&l->of->state->bonds, l->of->row[r + 1]);
        }
        load_row(l, path, d, r, values);
    }
    return 1;
}

/* A row's accumulators added up. */
static int64_t accumulated(const uint64_t *table, uint32_t r) {
    uint64_t sum = 0;
    for (unsigned a = 0; a < ACCUMULATORS; a++) {
        sum += table[(size_t)r * ACCUMULATORS + a];
    }
    VERIFY_CHECK((sum & RAISED_LOW) <= (uint64_t)YUMA_ONE); /* a row of clipped weights, shares of incentive */
    return (int64_t)(sum & RAISED_LOW);
}

/* Columns are ascending. */
static vector_row row_of(const void *of, uint32_t r) {
    const layout *l = of;
    const size_t at = (size_t)r * l->row_pitch;
    return (vector_row){l->slices, l->column, l->bonds + at * SLICE, l->kept + at};
}

int yuma_vector_full(const vector_path *path, const vector_subnet *of, vector_epoch *e, const vector_dates *d,
                     const vector_shares *shares, yuma_result *result, arena rest) {
    layout full = {.of = of}, *l = &full;
    arena *memory = &rest;
    double *consensus, *selected, *rank, *incentive; /* by place */
    VERIFY_CHECK(fegetround() == FE_DOWNWARD);
    if (!plan(l, e->liquid, memory)) {
        return 0;
    }
    uint64_t places = (uint64_t)l->slices * SLICE;
    TAKE(consensus, places);
    selected = consensus;
    if (e->liquid && shares->previous != NULL) {
        TAKE(selected, places);
    }
    TAKE(rank, places);
    TAKE(incentive, places);
    if (!load(l, path, d, *memory)) {
        return 0;
    }
    TAKE_ZEROS(e->trust, (uint64_t)ACCUMULATORS * l->rows);
    TAKE_ZEROS(e->dividends, (uint64_t)ACCUMULATORS * l->rows);
    e->scratch = arena_take(memory, l->rows + (uint64_t)(SCRATCH_REST / SCRATCH), SCRATCH);
    if (e->scratch == NULL) {
        return 0;
    }
    memset(shares->consensus, 0, l->of->n * sizeof *shares->consensus);
    memset(shares->rank, 0, l->of->n * sizeof *shares->rank);
    int some = 0;
    for (uint32_t s = 0, slices = 1; s < l->slices; s += slices) {
        vector_slice slice[TOGETHER] = {slice_of(l, s)};
        uint32_t score[TOGETHER * SLICE] = {0};
        slices = l->slices - s >= TOGETHER ? TOGETHER : 1;
        for (uint32_t t = 1; t < slices; t++) {
            slice[t] = slice_of(l, s + t);
        }
        if (e->validators != 0) {
            path->consensus(e, slice, slices, score);
        }
        for (uint32_t t = 0; t < slices; t++) {
            uint32_t begin = (s + t) * SLICE, any = 0;
            for (uint32_t lane = 0; lane < SLICE; lane++) {
                uint32_t found = score[t * SLICE + lane];
                int64_t c = found == SCORE_ONE ? YUMA_ONE : found;
                consensus[begin + lane] = (double)c;
                rank[begin + lane] = 0;
                any |= found;
                if (begin + lane < l->columns) {
                    shares->consensus[l->column[begin + lane]] = c;
                }
            }
            if (any != 0) {
                some = 1;
                path->clip(e, &slice[t], consensus + begin, rank + begin);
            }
        }
    }
    for (uint32_t p = 0; p < l->columns; p++) {
        VERIFY_CHECK(rank[p] >= 0 && rank[p] <= 4294967296.0);
        shares->rank[l->column[p]] = (int64_t)rank[p];
    }
    if (yuma_incentive(l->of->n, shares->rank, shares->incentive) != YUMA_OK) {
        return 0;
    }
    for (uint32_t p = 0; p < places; p++) {
        incentive[p] = p < l->columns ? (double)shares->incentive[l->column[p]] / 4294967296.0 : 0;
    }
    if (selected != consensus) { /* a place of no column has no weight and no bond */
        some = any_nonzero(l->of->n, shares->previous);
        for (uint32_t p = 0; p < places; p++) {
            selected[p] = p < l->columns ? (double)shares->previous[l->column[p]] : 0;
        }
    }
    e->liquid = e->liquid && some;
    for (uint32_t s = 0; s < l->slices; s++) {
        vector_slice slice = slice_of(l, s);
        uint32_t at = s * SLICE;
        path->bonds(e, &slice, consensus + at, selected + at, incentive + at, rank + at);
    }
    for (uint32_t r = 0; r < l->rows; r++) {
        shares->validator_trust[of->row[r]] = accumulated(e->trust, r);
        shares->dividends[of->row[r]] = accumulated(e->dividends, r);
    }
    store_rows(path, of, row_of, l, result);
    return 1;
}
