/* Sections 4 to 7 of the law over the sparse layout of vector.h: what stands in a row, the scores by column, and what goes in and
 * out. Integers only; the arithmetic in doubles is in vector_path.h. Its cost is that of the entries and the uids. */
#include <fenv.h>

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
    uint16_t *value;   /* of a row, before it is divided */
    /* by column, of a row that is put in order; all 0 between two rows */
    uint16_t *value_of, *bond_of, *mark_of;
    uidset columns;
} layout;

/* A row in the columns where it has a weight or a bond. */
typedef struct {
    const uint16_t *weight_uid, *weight, *bond_uid, *bond;
    uint32_t weights, bonds;
} stored_row;

/* The entries of a row as they come: uids, values, bonds, and marks where they are wanted. */
typedef struct {
    uint16_t *uid, *value, *bond, *mark;
    uint32_t count;
} joined;

static void fill(uint16_t *to, uint32_t count, uint16_t x) {
    for (uint32_t k = 0; to != NULL && k < count; k++) {
        to[k] = x;
    }
}

static void copy(uint16_t *to, const uint16_t *from, uint32_t count) {
    if (count != 0) {
        memcpy(to, from, count * sizeof *to);
    }
}

/* Both rows have the same columns, or one is empty; else 0. */
static int join_equal(const stored_row *row, joined *to) {
    int same = row->weights == row->bonds &&
               (row->weights == 0 || memcmp(row->weight_uid, row->bond_uid, row->weights * sizeof *row->weight_uid) == 0);
    if (!same && row->weights != 0 && row->bonds != 0) {
        return 0;
    }
    const uint32_t count = to->count = row->weights != 0 ? row->weights : row->bonds;
    copy(to->uid, row->weights != 0 ? row->weight_uid : row->bond_uid, count);
    copy(to->value, row->weight, row->weights);
    fill(to->value, row->weights != 0 ? 0 : count, 0);
    copy(to->bond, row->bond, row->bonds);
    fill(to->bond, row->bonds != 0 ? 0 : count, 0);
    fill(to->mark, count, row->weights != 0 ? MARK_WEIGHT : 0);
    return 1;
}

/* Both ascend. */
static void join_ascending(const stored_row *row, joined *to) {
    uint32_t k = 0, m = 0, count = 0;
    for (; k < row->weights && m < row->bonds; count++) { /* without a branch, which could not be predicted */
        const uint16_t a = row->weight_uid[k], b = row->bond_uid[m];
        const int has_weight = a <= b, has_bond = b <= a;
        to->uid[count] = has_weight ? a : b;
        to->value[count] = (uint16_t)(row->weight[k] & -has_weight);
        to->bond[count] = (uint16_t)(row->bond[m] & -has_bond);
        if (to->mark != NULL) {
            to->mark[count] = has_weight ? MARK_WEIGHT : 0;
        }
        k += (uint32_t)has_weight;
        m += (uint32_t)has_bond;
    }
    const uint32_t weights = row->weights - k, bonds = row->bonds - m;
    copy(to->uid + count, row->weight_uid + k, weights);
    copy(to->value + count, row->weight + k, weights);
    fill(to->bond + count, weights, 0);
    if (to->mark != NULL) {
        fill(to->mark + count, weights, MARK_WEIGHT);
        fill(to->mark + count + weights, bonds, 0);
    }
    count += weights;
    copy(to->uid + count, row->bond_uid + m, bonds);
    fill(to->value + count, bonds, 0);
    copy(to->bond + count, row->bond + m, bonds);
    to->count = count + bonds;
}

static int outdated(const vector_dates *d, uint16_t j) {
    return d->cutoff <= d->registered[j];
}

/* Into the tables by column. Of the bonds the merge walk, which never looks back, sees those that are above all before them and
 * not outdated. */
static void spread(layout *l, const stored_row *row) {
    int32_t walked = -1;
    for (uint32_t k = 0; k < row->weights; k++) {
        const uint16_t j = row->weight_uid[k];
        l->value_of[j] = row->weight[k];
        l->mark_of[j] = MARK_WEIGHT;
    }
    for (uint32_t m = 0; m < row->bonds; m++) {
        const uint16_t j = row->bond_uid[m];
        l->bond_of[j] = row->bond[m];
        if (l->liquid && !outdated(l->dates, j)) {
            l->mark_of[j] = (uint16_t)(l->mark_of[j] | ((int32_t)j > walked ? 0 : MARK_BOND_UNSEEN));
            walked = (int32_t)j > walked ? j : walked;
        }
    }
}

/* What the tables have of a column, which is 0 after it. */
static void gather_column(layout *l, uint16_t j, joined *to) {
    const uint32_t k = to->count++;
    to->uid[k] = j;
    to->value[k] = l->value_of[j];
    to->bond[k] = l->bond_of[j];
    if (to->mark != NULL) {
        to->mark[k] = l->mark_of[j];
    }
    l->value_of[j] = l->bond_of[j] = l->mark_of[j] = 0;
}

/* In ascending columns. */
static void join_sorted(layout *l, const stored_row *row, joined *to) {
    unsigned group = 0;
    spread(l, row);
    for (uint32_t k = 0; k < row->weights; k++) {
        uidset_add(&l->columns, row->weight_uid[k]);
    }
    for (uint32_t m = 0; m < row->bonds; m++) {
        uidset_add(&l->columns, row->bond_uid[m]);
    }
    for (int32_t j = uidset_pop(&l->columns, &group); j >= 0; j = uidset_pop(&l->columns, &group)) {
        gather_column(l, (uint16_t)j, to);
    }
}

/* The columns of the weights, as they stand: the liquid EMA keeps their order, and no other bonds. */
static void join_as_weights(layout *l, const stored_row *row, joined *to) {
    l->partial = 1;
    spread(l, row);
    for (uint32_t k = 0; k < row->weights; k++) {
        gather_column(l, row->weight_uid[k], to);
    }
    for (uint32_t m = 0; m < row->bonds; m++) {
        const uint16_t j = row->bond_uid[m];
        l->bond_of[j] = l->mark_of[j] = 0;
    }
}

static void join(layout *l, const stored_row *row, joined *to) {
    if (!ascending(row->weight_uid, row->weights) || !ascending(row->bond_uid, row->bonds)) {
        l->liquid && !l->mixed ? join_as_weights(l, row, to) : join_sorted(l, row, to);
    } else if (!join_equal(row, to)) {
        join_ascending(row, to);
    }
}

/* What section 4 takes out of a row: its value, and its mark. */
static void mask_weights(const vector_subnet *of, const vector_dates *d, uint32_t i, joined *row) {
    int none;
    uint64_t limit = limit_of(d, of->state->last_update[i], i, &none);
    if (none || limit < d->latest) {
        for (uint32_t k = 0; k < row->count; k++) {
            uint16_t stays = none || d->registered[row->uid[k]] > limit ? 0 : UINT16_MAX;
            row->value[k] = (uint16_t)(row->value[k] & stays);
            if (row->mark != NULL) {
                row->mark[k] = (uint16_t)(row->mark[k] & stays);
            }
        }
    }
    if ((int32_t)i == of->state->owner_uid) {
        return;
    }
    for (uint32_t k = 0; k < row->count; k++) {
        row->value[k] = (uint16_t)(row->uid[k] == i ? 0 : row->value[k]);
    }
    for (uint32_t k = 0; row->mark != NULL && k < row->count; k++) {
        row->mark[k] = (uint16_t)(row->uid[k] == i ? 0 : row->mark[k]);
    }
}

/* What a row of so many weights and bonds takes at most. */
static uint64_t padded(uint64_t entries) {
    return (entries + SLICE - 1) / SLICE * SLICE;
}

static void load(layout *l, const vector_path *path) {
    const vector_subnet *of = l->of;
    const yuma_stored_rows *weights = &of->state->weights, *bonds = &of->state->bonds;
    const vector_dates *d = l->dates;
    uint32_t at = 0;
    for (uint32_t r = 0; r < of->rows; r++) {
        uint32_t i = of->row[r], weight = weights->indptr[i], bond = bonds->indptr[i];
        const stored_row row = {weights->uid + weight,          weights->value + weight,       bonds->uid + bond, bonds->value + bond,
                                last_weight(of->state, i) - weight, bonds->indptr[i + 1] - bond};
        joined to = {l->uid + at, l->value, l->bonds + at, l->marks == NULL ? NULL : l->marks + at, 0};
        join(l, &row, &to);
        mask_weights(of, d, i, &to);
        for (uint32_t k = 0; d->cutoff <= d->latest && k < to.count; k++) {
            to.bond[k] = outdated(d, to.uid[k]) ? 0 : to.bond[k];
        }
        const uint32_t end = (uint32_t)padded(to.count);
        for (uint32_t k = to.count; k < end; k++) {
            to.uid[k] = (uint16_t)(of->n + k % SLICE);
            to.value[k] = to.bond[k] = 0;
        }
        if (to.mark != NULL) {
            fill(to.mark + to.count, end - to.count, 0);
        }
        path->normalize(end / SLICE, to.value, l->weights + at, SLICE);
        l->begin[r] = at;
        l->count[r] = to.count;
        at += end;
    }
    l->begin[of->rows] = at;
}

/* The merge walk over weights_for_bonds does not see what comes after a larger uid. Where they are clipped, what is above a consensus
 * of 0 is not there. */
static void walk_weights(const layout *l, const vector_pair *limit, int penalty) {
    for (uint32_t r = 0; r < l->of->rows; r++) {
        const uint32_t begin = l->begin[r], end = begin + l->count[r];
        int32_t walked = -1;
        for (uint32_t k = begin; !ascending(l->uid + begin, end - begin) && k < end; k++) {
            const uint16_t j = l->uid[k];
            if (!(l->marks[k] & MARK_WEIGHT) || (penalty == 1 && l->weights[k] != 0 && limit[j].first == 0)) {
                continue;
            }
            l->marks[k] = (uint16_t)(l->marks[k] | ((int32_t)j > walked ? 0 : MARK_WEIGHT_UNSEEN));
            walked = (int32_t)j > walked ? j : walked;
        }
    }
}

/* By column, its scores above 0: the stake of who gives them in the low bits, how many they are above those. */
enum { STAKE_BITS = 40 };
#define STAKE_MASK (((uint64_t)1 << STAKE_BITS) - 1)

static uint32_t scores_in(uint64_t vote) {
    return (uint32_t)(vote >> STAKE_BITS);
}

static void count_scores(const layout *l, const vector_epoch *e, uint64_t *vote) {
    for (uint32_t s = 0; s < e->scorers; s++) {
        const uint32_t r = e->scorer[s], begin = l->begin[r], end = begin + l->count[r];
        const uint64_t one = (uint64_t)1 << STAKE_BITS | e->scorer_stake[s];
        for (uint32_t k = begin; k < end; k++) {
            vote[l->uid[k]] += l->weights[k] != 0 ? one : 0;
        }
    }
}

/* Whether a column's consensus is 0 without a look at its scores. */
static int is_zero(const vector_epoch *e, uint64_t total, uint64_t vote) {
    if (scores_in(vote) == e->validators) {
        return vote == 0; /* else nobody scores 0 */
    }
    return vote == 0 || e->extreme < 0 || (e->extreme == 0 && total - (vote & STAKE_MASK) > e->minority);
}

/* The columns that are not zero, in places by their number of scores, most first, so that the columns of a slice are nearly of one
 * depth; how many. begin: scorers + 2 numbers. */
static uint32_t order_by_count(uint32_t n, uint32_t scorers, const uint64_t *vote, uint16_t *column, uint32_t *begin) {
    memset(begin, 0, ((size_t)scorers + 2) * sizeof *begin);
    for (uint32_t j = 0; j < n; j++) {
        begin[scorers + 1 - scores_in(vote[j])]++; /* at c + 1, where c = scorers - count is the sort key */
    }
    for (uint32_t c = 0; c <= scorers; c++) {
        begin[c + 1] += begin[c];
    }
    const uint32_t some = begin[scorers];
    for (uint32_t j = 0; j < n; j++) {
        if (vote[j] != 0) {
            column[begin[scorers - scores_in(vote[j])]++] = (uint16_t)j;
        }
    }
    return some;
}

/* Section 5, into the first of `limit`. *ones: some consensus is ONE. */
static int consensus(const layout *l, const vector_path *path, const vector_epoch *e, vector_pair *limit, int *ones, arena rest) {
    arena *memory = &rest; /* given back */
    const uint32_t n = l->of->n;
    uint64_t *vote, lines = 0;
    uint32_t *place, *begin, *line, *score, *stake;
    uint16_t *column;
    TAKE_ZEROS(vote, n);
    TAKE(place, n);
    TAKE(column, n);
    TAKE(begin, (uint64_t)e->scorers + 2);
    TAKE(line, (uint64_t)slices_of(n) + 1);
    count_scores(l, e, vote);
    const uint64_t total = e->total == 0 && e->validators != 0 ? (uint64_t)YUMA_ONE : e->total;
    for (uint32_t j = 0; j < n; j++) {
        vote[j] = is_zero(e, total, vote[j]) ? 0 : vote[j];
    }
    const uint32_t columns = order_by_count(n, e->scorers, vote, column, begin), slices = slices_of(columns);
    if (columns == 0) {
        return 1;
    }
    for (uint32_t s = 0; s < slices; s++) {
        line[s] = (uint32_t)lines; /* fits: there are at most 2^32 entries */
        lines += scores_in(vote[column[s * SLICE]]);
    }
    line[slices] = (uint32_t)lines;
    TAKE_ZEROS(score, lines * SLICE + 1);
    TAKE_ZEROS(stake, lines * SLICE + 1);
    const uint32_t nowhere = (uint32_t)(lines * SLICE);
    for (uint32_t j = 0; j < n; j++) {
        place[j] = nowhere;
    }
    for (uint32_t p = 0; p < columns; p++) {
        place[column[p]] = line[p / SLICE] * SLICE + p % SLICE;
    }
    for (uint32_t s = 0; s < e->scorers; s++) {
        const uint32_t r = e->scorer[s], first = l->begin[r], end = first + l->count[r], of = e->scorer_stake[s];
        for (uint32_t k = first; k < end; k++) { /* without a branch, which could not be predicted */
            const uint32_t at = place[l->uid[k]], to = l->weights[k] != 0 ? at : nowhere;
            VERIFY_CHECK(to <= nowhere);
            score[to] = l->weights[k];
            stake[to] = of;
            place[l->uid[k]] = at + (to != nowhere ? SLICE : 0);
        }
    }
    for (uint32_t s = 0; s < slices; s++) {
        uint32_t found[SLICE];
        path->packed_consensus(e, line[s + 1] - line[s], score + line[s] * (size_t)SLICE, stake + line[s] * (size_t)SLICE, found);
        for (uint32_t lane = 0; lane < SLICE && s * SLICE + lane < columns; lane++) {
            const int one = found[lane] == SCORE_ONE;
            limit[column[s * SLICE + lane]].first = one ? 4294967296.0 : (double)found[lane];
            *ones |= one;
        }
    }
    return 1;
}

/* The order of a row is what it is to be. */
static vector_row row_of(const void *of, uint32_t r) {
    const vector_rows *m = of;
    const uint32_t begin = m->begin[r];
    return (vector_row){slices_of(m->count[r]), m->uid + begin, m->bonds + begin, m->kept + begin / SLICE};
}

int yuma_vector_sparse(const vector_path *path, const vector_subnet *of, vector_epoch *e, const vector_dates *d,
                       const vector_shares *shares, yuma_result *result, arena rest) {
    arena *memory = &rest;
    const uint32_t n = of->n, rows = of->rows;
    const uint64_t entries = of->weights + of->bonds + (uint64_t)rows * (SLICE - 1), columns = (uint64_t)n + SLICE;
    layout l = {.of = of, .dates = d, .liquid = e->liquid, .mixed = e->penalty == 2};
    vector_rows m = {.rows = rows};
    VERIFY_CHECK(fegetround() == FE_DOWNWARD);
    TAKE(l.begin, (uint64_t)rows + 1);
    TAKE(l.count, rows);
    TAKE(m.trust, rows);
    TAKE(m.dividends, rows);
    TAKE_ZEROS(m.limit, columns);
    TAKE_ZEROS(m.sums, columns);
    if (!e->yuma3) {
        TAKE_ZEROS(m.totals, columns);
    }
    if (!e->yuma3 && e->penalty != 1) {
        TAKE_ZEROS(m.bought, columns);
    }
    TAKE(l.uid, entries);
    TAKE(l.weights, entries);
    TAKE(l.bonds, entries);
    if (e->liquid) {
        TAKE(l.marks, entries);
    }
    TAKE(l.value, padded(n));
    TAKE_ZEROS(l.value_of, n);
    TAKE_ZEROS(l.bond_of, n);
    TAKE_ZEROS(l.mark_of, n);
    load(&l, path);
    int ones = 0, some = 0;
    if (!consensus(&l, path, e, m.limit, &ones, rest)) {
        return 0;
    }
    for (uint32_t j = 0; j < n; j++) {
        shares->consensus[j] = (int64_t)m.limit[j].first;
        some |= shares->consensus[j] != 0;
        m.limit[j].second = shares->previous != NULL ? (double)shares->previous[j] : m.limit[j].first;
    }
    if (shares->previous != NULL) {
        some = any_nonzero(n, shares->previous);
    }
    if (e->liquid && !some) { /* the plain EMA, over all bonds */
        e->liquid = l.liquid = 0;
        l.marks = NULL;
        if (l.partial) {
            load(&l, path);
        }
    }
    if (e->liquid && !l.mixed) {
        walk_weights(&l, m.limit, e->penalty);
    }
    m.begin = l.begin;
    m.count = l.count;
    m.uid = l.uid;
    m.weights = l.weights;
    m.bonds = l.bonds;
    m.marks = l.marks;
    const uint32_t all = l.begin[rows];
    TAKE_ZEROS(m.kept, all / SLICE);
    TAKE(m.average, (uint64_t)all + ALPHAS);
    memset(m.average + all, 0, ALPHAS * sizeof *m.average);

    path->clip_rows(e, &m, ones);
    for (uint32_t j = 0; j < n; j++) {
        VERIFY_CHECK(m.sums[j].first >= 0 && m.sums[j].first <= 4294967296.0);
        shares->rank[j] = (int64_t)m.sums[j].first;
    }
    if (yuma_incentive(n, shares->rank, shares->incentive) != YUMA_OK) {
        return 0;
    }
    if (!e->yuma3 || e->liquid) {
        path->average_rows(e, &m);
    }
    for (uint32_t j = 0; j < n; j++) {
        m.sums[j].first = (double)shares->incentive[j] / 4294967296.0;
    }
    path->normalize_rows(e, &m);
    for (uint32_t r = 0; r < rows; r++) {
        shares->validator_trust[of->row[r]] = (int64_t)m.trust[r];
        shares->dividends[of->row[r]] = (int64_t)m.dividends[r];
        VERIFY_CHECK(m.trust[r] <= 4294967296.0 && m.dividends[r] <= 4294967296.0);
    }
    store_rows(path, of, row_of, &m, result);
    return 1;
}
