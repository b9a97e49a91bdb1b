/* Sections 4 to 7 of the law over the full layout of vector.h: which columns stand where, and what goes in and out. Integers only;
 * the arithmetic in doubles is in vector_path.h. */
#include "vector_layouts.h"

typedef struct {
    const vector_subnet *of;
    uint32_t rows, columns, slices;
    const uint16_t *place, *column; /* of the subnet's */
    uint16_t *depth; /* [rows]: the slots of a row. Those of the scorers are the first, so that a median has them beside each other */
    /* From a slice of weights to the next, and from a row of the others, in slices. Odd: at powers of 2 they share sets of a cache */
    uint32_t pitch, row_pitch;
    uint32_t *weights; /* [slices][pitch][SLICE]: a slice is looked at many times over */
    uint16_t *bonds, *present; /* [rows][row_pitch][SLICE], as they come and go */
    uint16_t *kept;            /* [rows][row_pitch] */
    uint16_t *outdated;        /* the places of bonds that the cutoff takes out */
    uint32_t outdated_count;
} layout;

/* A median is between the lowest and the highest score of some who have more stake than the minority and leave no more than that to
 * the others: of the scorers with the most stake, where a few are enough. They are the first `heavy` of `first`; the others follow. */
static int order_scorers(vector_epoch *e, uint16_t *first, arena rest) {
    enum { FEW = 16 };
    arena *memory = &rest; /* given back */
    const uint64_t total = e->total == 0 && e->scorers != 0 ? (uint64_t)YUMA_ONE : e->total;
    uint32_t *left, count = 0; /* of those that are not among them, the stake, else 0 */
    uint64_t sum = 0;
    int enough = 0;
    TAKE(left, e->scorers);
    for (uint32_t s = 0; s < e->scorers; s++) {
        left[s] = e->scorer_stake[s];
    }
    for (; e->extreme == 0 && !enough && count < FEW && count < e->scorers; count++) {
        uint32_t most = 0;
        for (uint32_t s = 1; s < e->scorers; s++) {
            most = left[s] > left[most] ? s : most;
        }
        first[count] = (uint16_t)most;
        sum += left[most];
        left[most] = 0;
        enough = sum > e->minority && total - sum <= e->minority;
    }
    e->heavy = enough ? count : e->scorers;
    for (uint32_t s = 0; s < e->scorers; s++) {
        if (left[s] != 0) {
            first[count++] = (uint16_t)s;
        }
    }
    VERIFY_CHECK(count == e->scorers);
    return 1;
}

/* The slots of the rows, scorers first; e's stakes are in this order then, and its scorers are the first slots. */
static int order_rows(layout *l, vector_epoch *e, arena *memory) {
    uint16_t *scorer;
    uint32_t *scorer_stake;
    double *stake;
    TAKE(l->depth, l->rows);
    TAKE(scorer, e->scorers);
    TAKE(scorer_stake, e->scorers);
    TAKE(stake, l->rows);
    if (!order_scorers(e, scorer, *memory)) {
        return 0;
    }
    for (uint32_t r = 0, s = 0; r < l->rows; r++) {
        const int scores = s < e->scorers && e->scorer[s] == r;
        l->depth[r] = (uint16_t)(e->scorers + r - s);
        s += (uint32_t)scores;
    }
    for (uint32_t d = 0; d < e->scorers; d++) {
        l->depth[e->scorer[scorer[d]]] = (uint16_t)d;
        scorer_stake[d] = e->scorer_stake[scorer[d]];
    }
    for (uint32_t r = 0; r < l->rows; r++) {
        stake[l->depth[r]] = e->stake[r];
    }
    e->scorer_stake = scorer_stake;
    e->stake = stake;
    return 1;
}

/* What stands where, and the memory for it. */
static int plan(layout *l, vector_epoch *e, const vector_dates *d, arena *memory) {
    const vector_subnet *of = l->of;
    l->rows = of->rows;
    l->columns = of->columns;
    l->slices = slices_of(l->columns);
    l->place = of->place;
    l->column = of->column;
    l->pitch = l->rows | 1;
    l->row_pitch = l->slices | 1;
    if (!order_rows(l, e, memory)) {
        return 0;
    }
    const uint64_t places = (uint64_t)l->rows * l->row_pitch;
    arena_align(memory);
    TAKE(l->weights, (uint64_t)l->slices * l->pitch * SLICE);
    arena_align(memory);
    TAKE(l->bonds, places * SLICE);
    TAKE_ZEROS(l->kept, places);
    if (e->liquid) {
        arena_align(memory);
        TAKE(l->present, places * SLICE);
    }
    TAKE(l->outdated, l->columns);
    for (uint32_t p = 0; d->cutoff <= d->latest && p < l->columns; p++) {
        l->outdated[l->outdated_count] = (uint16_t)p;
        l->outdated_count += d->cutoff <= d->registered[l->column[p]];
    }
    return 1;
}

static vector_slice slice_of(const layout *l, uint32_t s) {
    const size_t at = (size_t)s * SLICE;
    return (vector_slice){
        .depth = l->rows,
        .columns = l->columns - (uint32_t)at < SLICE ? l->columns - (uint32_t)at : SLICE,
        .weights = l->weights + at * l->pitch,
        .pitch = l->row_pitch,
        .bonds = l->bonds + at,
        .kept = l->kept + s,
        .present = l->present == NULL ? NULL : l->present + at,
    };
}

/* Whether `count` uids, two at least, are those of the columns from a place on, as they are in a full row, or in a part of one. */
static int in_places(const layout *l, const uint16_t *uid, size_t count, size_t place) {
    return l->place[uid[count - 1]] - place == count - 1 && memcmp(uid, l->column + place, count * sizeof *uid) == 0;
}

/* Puts a row by place: at once, or sixteen at a time, where its places follow each other. What has no place is put after them. */
static void put_row(const layout *l, const uint16_t *restrict uid, const uint16_t *restrict value, size_t count,
                    uint16_t *restrict values) {
    const uint16_t *restrict place = l->place;
    size_t k = 0;
    if (count > 1 && in_places(l, uid, count, place[uid[0]])) {
        memcpy(values + place[uid[0]], value, count * sizeof *value);
        return;
    }
    for (; count >= SLICE && k < count; k += SLICE) {
        k = count - k < SLICE ? count - SLICE : k; /* some of the last sixteen once more, as a loop over the rest is not predicted */
        if (in_places(l, uid + k, SLICE, place[uid[k]])) {
            memcpy(values + place[uid[k]], value + k, SLICE * sizeof *value);
        } else {
            for (size_t m = k; m < k + SLICE; m += 4) { /* four at a time out of words, whichever of them is the first */
                uint64_t uids, four;
                memcpy(&uids, uid + m, sizeof uids);
                memcpy(&four, value + m, sizeof four);
                values[place[uids & UINT16_MAX]] = (uint16_t)four;
                values[place[uids >> 16 & UINT16_MAX]] = (uint16_t)(four >> 16);
                values[place[uids >> 32 & UINT16_MAX]] = (uint16_t)(four >> 32);
                values[place[uids >> 48]] = (uint16_t)(four >> 48);
            }
        }
    }
    for (; k < count; k++) {
        values[place[uid[k]]] = value[k];
    }
}

/* Zeros in a row by place. */
static void clear_row(uint16_t *values, uint32_t slices) {
    enum { SHORT = 16 }; /* too few for a call */
    for (uint32_t s = 0; slices <= SHORT && s < slices; s++) {
        memset(values + s * (size_t)SLICE, 0, SLICE * sizeof *values);
    }
    if (slices > SHORT) {
        memset(values, 0, slices * (size_t)SLICE * sizeof *values);
    }
}

/* Room for a row. */
typedef struct {
    uint16_t *counted;         /* [n], by entry: 2^16 - 1 where dates do not take out a weight, then the weight; else 0 */
    uint16_t *values, *marks;  /* [no_place(n) + 1], by place */
    uint16_t *all;             /* [n], of liquid alpha: marks where they take out none, 2^16 - 1 */
} row_memory;

/* Section 4, of row r. */
static void load_weights(const layout *l, const vector_path *path, const vector_dates *d, uint32_t r, const row_memory *memory) {
    const yuma_state *state = l->of->state;
    const uint32_t i = l->of->row[r], depth = l->depth[r], begin = state->weights.indptr[i], count = last_weight(state, i) - begin;
    const size_t places = (size_t)l->slices * SLICE;
    const uint16_t *uid = state->weights.uid + begin, *value = state->weights.value + begin;
    const uint16_t own = (int32_t)i == state->owner_uid ? UINT16_MAX : (uint16_t)i; /* not counted */
    int none;
    const uint64_t limit = limit_of(d, state->last_update[i], i, &none);
    const int dated = none || limit < d->latest;
    for (uint32_t k = 0; dated && k < count; k++) {
        memory->counted[k] = none || d->registered[uid[k]] > limit ? 0 : UINT16_MAX;
    }
    if (l->present != NULL) {
        clear_row(memory->marks, l->slices);
        put_row(l, uid, dated ? memory->counted : memory->all, count, memory->marks);
        if (own != UINT16_MAX) {
            memory->marks[l->place[own]] = 0; /* also what was there of another row */
        }
        memcpy(l->present + depth * (size_t)l->row_pitch * SLICE, memory->marks, places * sizeof *memory->marks);
    }
    for (uint32_t k = 0; dated && k < count; k++) {
        memory->counted[k] = (uint16_t)(memory->counted[k] & value[k]);
    }
    value = dated ? memory->counted : value;
    clear_row(memory->values, l->slices);
    put_row(l, uid, value, count, memory->values);
    if (own != UINT16_MAX) {
        memory->values[l->place[own]] = 0;
    }
    const vector_stored row = {uid, value, count, own};
    path->divide(l->slices, memory->values, &row, l->weights + depth * (size_t)SLICE, (size_t)l->pitch * SLICE);
}

static void load_bonds(const layout *l, uint32_t r) {
    const yuma_stored_rows *stored = &l->of->state->bonds;
    const uint32_t i = l->of->row[r], begin = stored->indptr[i];
    uint16_t *bonds = l->bonds + l->depth[r] * (size_t)l->row_pitch * SLICE;
    clear_row(bonds, l->slices);
    put_row(l, stored->uid + begin, stored->value + begin, stored->indptr[i + 1] - begin, bonds);
    for (uint32_t k = 0; k < l->outdated_count; k++) {
        bonds[l->outdated[k]] = 0;
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
    row_memory row = {0};
    TAKE(row.counted, l->of->n);
    if (l->present != NULL) {
        TAKE(row.all, l->of->n);
        memset(row.all, UINT8_MAX, l->of->n * sizeof *row.all);
    }
    arena_align(memory);
    TAKE(row.values, (uint64_t)no_place(l->of->n) + 1);
    TAKE(row.marks, (uint64_t)no_place(l->of->n) + 1);
    for (uint32_t r = 0; r < l->rows; r++) {
        if (r + 1 < l->rows) {
            prefetch_row(&l->of->state->weights, l->of->row[r + 1]);
            prefetch_row(&l->of->state->bonds, l->of->row[r + 1]);
        }
        load_weights(l, path, d, r, &row);
        load_bonds(l, r);
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
    const size_t at = (size_t)l->depth[r] * l->row_pitch;
    return (vector_row){l->slices, l->column, l->bonds + at * SLICE, l->kept + at};
}

/* Slices go through the stages in blocks of TOGETHER, whose weights, 64 bytes a row and slice, are in the second-level cache from the
 * rounds of the median to the clip. Between the clip and the bonds stands the incentive, which is a part of all ranks: the bonds are
 * a second pass, in which a slice is read once, and its averages stay near. */
int yuma_vector_full(const vector_path *path, const vector_subnet *of, vector_epoch *given, const vector_dates *d,
                     const vector_shares *shares, yuma_result *result, arena rest) {
    layout full = {.of = of}, *l = &full;
    vector_epoch ordered = *given, *e = &ordered; /* its tables by row are those of the caller */
    arena *memory = &rest;
    double *consensus, *selected, *rank, *incentive; /* by place */
    VERIFY_CHECK(path->rounds_downward());
    if (!plan(l, e, d, memory)) {
        return 0;
    }
    uint64_t places = (uint64_t)l->slices * SLICE;
    arena_align(memory);
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
    arena_align(memory);
    TAKE_ZEROS(e->trust, (uint64_t)ACCUMULATORS * l->rows);
    TAKE_ZEROS(e->dividends, (uint64_t)ACCUMULATORS * l->rows);
    arena_align(memory);
    e->scratch = arena_take(memory, l->rows + (uint64_t)(SCRATCH_REST / SCRATCH), SCRATCH);
    if (e->scratch == NULL) {
        return 0;
    }
    memset(shares->consensus, 0, l->of->n * sizeof *shares->consensus);
    memset(shares->rank, 0, l->of->n * sizeof *shares->rank);
    memset(shares->incentive, 0, l->of->n * sizeof *shares->incentive);
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
    int64_t ranks = 0;
    for (uint32_t p = 0; p < l->columns; p++) {
        VERIFY_CHECK(rank[p] >= 0 && rank[p] <= 4294967296.0);
        shares->rank[l->column[p]] = (int64_t)rank[p];
        ranks += (int64_t)rank[p];
    }
    VERIFY_CHECK(is_proportion(ranks));
    const uint64_t reciprocal = reciprocal_of(ranks);
    for (uint32_t p = 0; p < l->columns; p++) {
        const int64_t share = ranks == 0 ? 0 : fixed_share_of((int64_t)rank[p], ranks, reciprocal);
        shares->incentive[l->column[p]] = share;
        incentive[p] = (double)share / 4294967296.0;
    }
    for (uint64_t p = l->columns; p < places; p++) {
        incentive[p] = 0;
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
        shares->validator_trust->share[r] = accumulated(e->trust, l->depth[r]);
        shares->dividends->share[r] = accumulated(e->dividends, l->depth[r]);
    }
    store_rows(path, of, row_of, l, result);
    return 1;
}
