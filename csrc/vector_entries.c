/* The rows of the sparse layout of vector.h: the weights and bonds of each uid in one row, in ascending columns, or as its weights stand
 * where the liquid EMA keeps their order; section 4, and the bonds that section 7 leaves. */
#include "vector_entries.h"

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
    for (uint32_t k = 0; k < count; k++) {
        to[k] = x;
    }
}

static void copy(uint16_t *to, const uint16_t *from, uint32_t count) {
    if (count != 0) {
        memcpy(to, from, count * sizeof *to);
    }
}

static int same_columns(const stored_row *row) {
    return row->weights == row->bonds &&
           (row->weights == 0 || memcmp(row->weight_uid, row->bond_uid, row->weights * sizeof *row->weight_uid) == 0);
}

/* Both have the same columns, or one is empty. */
static void join_equal(const stored_row *row, joined *to) {
    const uint32_t count = to->count = row->weights != 0 ? row->weights : row->bonds;
    copy(to->uid, row->weights != 0 ? row->weight_uid : row->bond_uid, count);
    copy(to->value, row->weight, row->weights);
    fill(to->value, row->weights != 0 ? 0 : count, 0);
    copy(to->bond, row->bond, row->bonds);
    fill(to->bond, row->bonds != 0 ? 0 : count, 0);
    if (to->mark != NULL) {
        fill(to->mark, count, row->weights != 0 ? MARK_WEIGHT : 0);
    }
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
static void spread(vector_entries *l, const stored_row *row) {
    int32_t walked = -1;
    if (!l->spreads) {
        memset(l->value_of, 0, l->of->n * sizeof *l->value_of);
        memset(l->bond_of, 0, l->of->n * sizeof *l->bond_of);
        memset(l->mark_of, 0, l->of->n * sizeof *l->mark_of);
        l->spreads = 1;
    }
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
static void gather_column(vector_entries *l, uint16_t j, joined *to) {
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
static void join_sorted(vector_entries *l, const stored_row *row, joined *to) {
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
static void join_as_weights(vector_entries *l, const stored_row *row, joined *to) {
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

static void join(vector_entries *l, const stored_row *row, joined *to) {
    const int same = same_columns(row);
    if (!ascending(row->weight_uid, row->weights) || (!same && !ascending(row->bond_uid, row->bonds))) {
        l->liquid && !l->mixed ? join_as_weights(l, row, to) : join_sorted(l, row, to);
    } else if (same || row->weights == 0 || row->bonds == 0) {
        join_equal(row, to);
    } else {
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
    const int16_t self = (int16_t)i; /* 16 bits wide all through, as compilers vectorize it; uids have 15 */
    int16_t own = 0;
    for (uint32_t k = 0; k < row->count; k++) {
        own = (int16_t)(own | ((int16_t)row->uid[k] == self ? -1 : 0));
    }
    if (own == 0 || (int32_t)i == of->state->owner_uid) {
        return;
    }
    for (uint32_t k = 0; k < row->count; k++) {
        row->value[k] = (uint16_t)((int16_t)row->uid[k] == self ? 0 : row->value[k]);
    }
    for (uint32_t k = 0; row->mark != NULL && k < row->count; k++) {
        row->mark[k] = (uint16_t)((int16_t)row->uid[k] == self ? 0 : row->mark[k]);
    }
}

void yuma_vector_load(vector_entries *l, const vector_path *path) {
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

void yuma_vector_walk(const vector_entries *l, const int64_t *consensus, int penalty) {
    for (uint32_t r = 0; r < l->of->rows; r++) {
        const uint32_t begin = l->begin[r], end = begin + l->count[r];
        int32_t walked = -1;
        for (uint32_t k = begin; !ascending(l->uid + begin, end - begin) && k < end; k++) {
            const uint16_t j = l->uid[k];
            if (!(l->marks[k] & MARK_WEIGHT) || (penalty == 1 && l->weights[k] != 0 && consensus[j] == 0)) {
                continue;
            }
            l->marks[k] = (uint16_t)(l->marks[k] | ((int32_t)j > walked ? 0 : MARK_WEIGHT_UNSEEN));
            walked = (int32_t)j > walked ? j : walked;
        }
    }
}
