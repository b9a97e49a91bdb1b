/* Sections 5 to 7 of the law over the sparse layout of vector.h: which columns count, and what goes in and out. Integers only; the
 * arithmetic in doubles is in vector_path.h. Its cost is that of the entries and the uids. */
#include "vector_entries.h"

/* The columns whose consensus may be above 0, by number, and what the rows have there. Nobody's score in another column counts: its
 * consensus, rank and incentive are 0. */
typedef struct {
    uint32_t columns;
    uint16_t *column; /* [columns], ascending */
    uint16_t *number; /* [n], of a column, and NUMBERED; 0 of the others */
    uint32_t *begin;  /* [rows + 1] */
    uint32_t *entry;  /* by row: number << 16 | which entry of the row */
} scored;

enum { NUMBERED = 1 << 15, VOTE_BITS = 17, BLOCK = 64 }; /* a number is below 2^15, as uids are */

/* In units of 2^VOTE_BITS, rounded up. */
static uint16_t vote_of(uint64_t stake) {
    return (uint16_t)((stake + ((1u << VOTE_BITS) - 1)) >> VOTE_BITS);
}

static void add_vote(uint16_t *vote, uint16_t j, uint16_t of) {
    VERIFY_CHECK(vote[j] <= UINT16_MAX - of);
    vote[j] = (uint16_t)(vote[j] + of);
}

/* By column, the stake of who scores more than 0, each in units and rounded up, so that none with enough is below what is asked:
 * all stake is at most 2^15 units, and rounding adds less than one for each of at most 32767 scorers. What is asked, at least 1. */
static uint16_t votes(const vector_entries *l, const vector_epoch *e, uint16_t *vote) {
    for (uint32_t s = 0; s < e->scorers; s++) {
        const uint32_t r = e->scorer[s], count = l->count[r];
        const uint16_t *uid = l->uid + l->begin[r], of = vote_of(e->scorer_stake[s]);
        const uint32_t *weight = l->weights + l->begin[r];
        uint32_t zeros = 0, k = 0;
        for (uint32_t m = 0; m < count; m++) {
            zeros |= weight[m] == 0;
        }
        for (; !zeros && k + 4 <= count; k += 4) {
            add_vote(vote, uid[k], of);
            add_vote(vote, uid[k + 1], of);
            add_vote(vote, uid[k + 2], of);
            add_vote(vote, uid[k + 3], of);
        }
        for (; k < count; k++) {
            add_vote(vote, uid[k], (uint16_t)(weight[k] != 0 ? of : 0));
        }
    }
    VERIFY_CHECK(e->enough != 0 && e->enough <= (uint64_t)YUMA_ONE);
    return vote_of(e->enough);
}

/* Numbers for the columns with at least `least` votes, which stand in `number`. */
static void number_columns(uint32_t n, uint16_t least, scored *s) {
    uint16_t *number = s->number, *column = s->column;
    uint32_t columns = 0;
    for (uint32_t begin = 0; begin < n; begin += BLOCK) {
        const uint32_t end = begin + BLOCK < n ? begin + BLOCK : n;
        uint16_t any = 0;
        for (uint32_t j = begin; j < end; j++) {
            any = (uint16_t)(any | (number[j] >= least));
        }
        if (!any) {
            memset(number + begin, 0, (end - begin) * sizeof *number);
            continue;
        }
        for (uint32_t j = begin; j < end; j++) { /* without a branch, which could not be predicted */
            const int here = number[j] >= least;
            column[columns] = (uint16_t)j;
            number[j] = (uint16_t)((NUMBERED | columns) & (uint32_t)-here);
            columns += (uint32_t)here;
        }
    }
    s->columns = columns;
}

/* Enough votes for the columns of weights of 0: the liquid EMA keeps these where it drops what is above a consensus of 0. */
static void vote_for_zeros(const vector_entries *l, uint16_t *vote) {
    for (uint32_t begin = 0, entries = l->begin[l->of->rows]; begin < entries; begin += SLICE) {
        uint16_t any = 0;
        for (uint32_t k = begin; k < begin + SLICE; k++) {
            any = (uint16_t)(any | (l->marks[k] & (l->weights[k] == 0 ? MARK_WEIGHT : 0)));
        }
        for (uint32_t k = begin; any && k < begin + SLICE; k++) {
            if ((l->marks[k] & MARK_WEIGHT) && l->weights[k] == 0) {
                vote[l->uid[k]] = UINT16_MAX;
            }
        }
    }
}

/* Which columns they are. */
static int number_scored(const vector_entries *l, const vector_epoch *e, scored *s, arena *memory) {
    const vector_subnet *of = l->of;
    TAKE_ZEROS(s->number, of->n);
    TAKE(s->column, of->n);
    const uint16_t least = votes(l, e, s->number);
    if (e->liquid && e->penalty == 1) {
        vote_for_zeros(l, s->number);
    }
    number_columns(of->n, least, s);
    VERIFY_CHECK(are_numbered(l, e, s->number, *memory));
    return 1;
}

/* The entries of all rows there. */
static void list_entries(const vector_entries *l, const scored *s) {
    uint32_t *entry = s->entry;
    for (uint32_t r = 0; s->columns != 0 && r < l->of->rows; r++) {
        const uint16_t *uid = l->uid + l->begin[r], *number = s->number;
        uint16_t *here = l->value; /* of the row, those that are */
        uint32_t k = 0, count = l->count[r];
        for (; k + 4 <= count; k += 4) { /* without a branch, as above */
            *here = (uint16_t)k;
            here += number[uid[k]] >> 15;
            *here = (uint16_t)(k + 1);
            here += number[uid[k + 1]] >> 15;
            *here = (uint16_t)(k + 2);
            here += number[uid[k + 2]] >> 15;
            *here = (uint16_t)(k + 3);
            here += number[uid[k + 3]] >> 15;
        }
        for (; k < count; k++) {
            *here = (uint16_t)k;
            here += number[uid[k]] >> 15;
        }
        s->begin[r] = (uint32_t)(entry - s->entry);
        for (const uint16_t *at = l->value; at != here; at++) {
            *entry++ = (number[uid[*at]] & ~(uint32_t)NUMBERED) << 16 | *at;
        }
        s->begin[r + 1] = (uint32_t)(entry - s->entry);
    }
}

static int list_scored(const vector_entries *l, scored *s, arena *memory) {
    TAKE(s->begin, (uint64_t)l->of->rows + 1);
    TAKE(s->entry, l->of->weights + l->of->bonds);
    list_entries(l, s);
    return 1;
}

/* The numbers in places by their count of scores, most first, so that the columns of a slice are nearly of one depth.
 * begin: scorers + 2 numbers. */
static void order_by_count(uint32_t columns, uint32_t scorers, const uint16_t *scores, uint16_t *ordered, uint32_t *begin) {
    memset(begin, 0, ((size_t)scorers + 2) * sizeof *begin);
    for (uint32_t j = 0; j < columns; j++) {
        begin[scorers + 1 - scores[j]]++; /* at c + 1, where c = scorers - count is the sort key */
    }
    for (uint32_t c = 0; c <= scorers; c++) {
        begin[c + 1] += begin[c];
    }
    for (uint32_t j = 0; j < columns; j++) {
        ordered[begin[scorers - scores[j]]++] = (uint16_t)j;
    }
}

/* Section 5, of the columns that have a number, into `to` by column. *ones: some consensus is ONE. */
static int consensus(const vector_entries *l, const vector_path *path, const vector_epoch *e, const scored *of, int64_t *to, int *ones,
                     arena rest) {
    arena *memory = &rest; /* given back */
    const uint32_t columns = of->columns, slices = slices_of(columns);
    uint64_t lines = 0;
    uint32_t *place, *begin, *line, *score, *stake;
    uint16_t *scores, *ordered;
    TAKE_ZEROS(scores, columns);
    TAKE(ordered, columns);
    TAKE(place, columns);
    TAKE(begin, (uint64_t)e->scorers + 2);
    TAKE(line, (uint64_t)slices + 1);
    for (uint32_t s = 0; s < e->scorers; s++) {
        const uint32_t r = e->scorer[s], *weight = l->weights + l->begin[r];
        for (uint32_t k = of->begin[r], end = of->begin[r + 1]; k < end; k++) {
            const uint32_t x = of->entry[k];
            scores[x >> 16] = (uint16_t)(scores[x >> 16] + (weight[x & UINT16_MAX] != 0));
        }
    }
    order_by_count(columns, e->scorers, scores, ordered, begin);
    for (uint32_t s = 0; s < slices; s++) {
        line[s] = (uint32_t)lines; /* fits: there are at most 2^32 entries */
        lines += scores[ordered[s * SLICE]];
    }
    line[slices] = (uint32_t)lines;
    TAKE_ZEROS(score, lines * SLICE + 1);
    TAKE_ZEROS(stake, lines * SLICE + 1);
    const uint32_t nowhere = (uint32_t)(lines * SLICE);
    for (uint32_t p = 0; p < columns; p++) {
        place[ordered[p]] = line[p / SLICE] * SLICE + p % SLICE;
    }
    for (uint32_t s = 0; s < e->scorers; s++) {
        const uint32_t r = e->scorer[s], *weight = l->weights + l->begin[r], its_stake = e->scorer_stake[s];
        for (uint32_t k = of->begin[r], end = of->begin[r + 1]; k < end; k++) { /* without a branch, as above */
            const uint32_t x = of->entry[k], w = weight[x & UINT16_MAX];
            const uint32_t at = place[x >> 16], here = w != 0 ? at : nowhere;
            VERIFY_CHECK(here <= nowhere);
            score[here] = w;
            stake[here] = its_stake;
            place[x >> 16] = at + (w != 0 ? SLICE : 0);
        }
    }
    for (uint32_t s = 0; s < slices; s++) {
        uint32_t found[SLICE];
        path->packed_consensus(e, line[s + 1] - line[s], score + line[s] * (size_t)SLICE, stake + line[s] * (size_t)SLICE, found);
        for (uint32_t lane = 0; lane < SLICE && s * SLICE + lane < columns; lane++) {
            const int one = found[lane] == SCORE_ONE;
            to[of->column[ordered[s * SLICE + lane]]] = one ? YUMA_ONE : found[lane];
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

/* Rank by number out of `sums`, and incentive, which goes into it. by: where a number stands in it; null where it stands by number. */
static int incentives(const scored *of, vector_pair *sums, const uint16_t *by, const vector_shares *shares, arena rest) {
    arena *memory = &rest; /* given back */
    int64_t *rank, *incentive;
    if (of->columns == 0) {
        return 1;
    }
    TAKE(rank, of->columns);
    TAKE(incentive, of->columns);
    for (uint32_t c = 0; c < of->columns; c++) {
        const double sum = sums[by == NULL ? c : by[c]].first;
        VERIFY_CHECK(sum >= 0 && sum <= 4294967296.0);
        rank[c] = shares->rank[of->column[c]] = (int64_t)sum;
    }
    if (yuma_incentive(of->columns, rank, incentive) != YUMA_OK) {
        return 0;
    }
    for (uint32_t c = 0; c < of->columns; c++) {
        shares->incentive[of->column[c]] = incentive[c];
        sums[by == NULL ? c : by[c]].first = (double)incentive[c] / 4294967296.0;
    }
    return 1;
}

/* The entries of `m` in the columns that have a number, by number. */
static int take_scored(const scored *of, const vector_rows *m, vector_rows *few, arena *memory) {
    uint32_t *begin, *count, *weights, at = 0;
    uint16_t *uid, *bonds, *marks = NULL;
    TAKE(begin, (uint64_t)m->rows + 1);
    TAKE(count, m->rows);
    for (uint32_t r = 0; r < m->rows; r++) {
        begin[r] = at;
        count[r] = of->begin[r + 1] - of->begin[r];
        at += (uint32_t)padded(count[r]);
    }
    begin[m->rows] = at;
    TAKE(uid, at);
    TAKE(weights, at);
    TAKE(bonds, at);
    if (m->marks != NULL) {
        TAKE_ZEROS(marks, at);
    }
    for (uint32_t r = 0; r < m->rows; r++) {
        const uint32_t *entry = of->entry + of->begin[r];
        for (uint32_t k = begin[r]; k < begin[r] + count[r]; k++, entry++) {
            const uint32_t from = m->begin[r] + (*entry & UINT16_MAX);
            uid[k] = (uint16_t)(*entry >> 16);
            weights[k] = m->weights[from];
            bonds[k] = m->bonds[from];
        }
        for (uint32_t k = 0; marks != NULL && k < count[r]; k++) {
            marks[begin[r] + k] = m->marks[m->begin[r] + (of->entry[of->begin[r] + k] & UINT16_MAX)];
        }
        for (uint32_t k = begin[r] + count[r]; k < begin[r + 1]; k++) {
            uid[k] = (uint16_t)(of->columns + k % SLICE);
            weights[k] = bonds[k] = 0;
        }
    }
    few->rows = m->rows;
    few->begin = begin;
    few->count = count;
    few->uid = uid;
    few->weights = weights;
    few->bonds = bonds;
    few->marks = marks;
    few->trust = m->trust;
    few->dividends = m->dividends;
    TAKE_ZEROS(few->kept, at / SLICE);
    TAKE(few->average, (uint64_t)at + ALPHAS);
    memset(few->average + at, 0, ALPHAS * sizeof *few->average);
    return 1;
}

/* What is stored of them, to where they were taken from. With a consensus above 0 no less is bought than without, so that a bond stays
 * where one does without it: `kept` changes only where nothing of the bond is left, or was there. */
static void put_scored(const scored *of, const vector_rows *few, const vector_rows *m) {
    for (uint32_t r = 0; r < m->rows; r++) {
        const uint32_t *entry = of->entry + of->begin[r];
        unsigned none = 0;
        for (uint32_t k = 0; k < few->count[r]; k++) {
            const uint32_t to = m->begin[r] + (entry[k] & UINT16_MAX);
            VERIFY_CHECK(few->marks != NULL || few->bonds[few->begin[r] + k] >= m->bonds[to]);
            m->bonds[to] = few->bonds[few->begin[r] + k];
            none |= ~(unsigned)m->kept[to / SLICE] >> to % SLICE & 1u;
        }
        for (uint32_t k = 0; none && k < few->count[r]; k++) {
            const uint32_t from = few->begin[r] + k, to = m->begin[r] + (entry[k] & UINT16_MAX);
            const unsigned kept = (unsigned)few->kept[from / SLICE] >> from % SLICE & 1u;
            VERIFY_CHECK(kept || !((unsigned)m->kept[to / SLICE] >> to % SLICE & 1u));
            m->kept[to / SLICE] = (uint16_t)(m->kept[to / SLICE] | kept << to % SLICE);
        }
    }
}

/* Sections 6 and 7 of Yuma 3 where few entries stand in columns that have a number. In the others, whose consensus and incentive
 * are 0, nothing is clipped to more than 0, and there is no trust, no rank, no dividend, and no need of what bonds are divided by; of
 * clipped weights the liquid EMA has none there, and no bonds. */
static int epoch_of_few(const scored *of, const vector_path *path, const vector_epoch *e, const vector_rows *m, int ones,
                        const vector_shares *shares, arena rest) {
    arena *memory = &rest;
    const uint64_t columns = (uint64_t)of->columns + SLICE;
    const int64_t *selected = e->liquid && shares->previous != NULL ? shares->previous : shares->consensus;
    vector_rows few = {0};
    if (of->columns != 0 && !take_scored(of, m, &few, memory)) {
        return 0;
    }
    if (e->liquid) {
        memset(m->kept, 0, m->begin[m->rows] / SLICE * sizeof *m->kept);
    } else {
        path->decay(e, m);
    }
    if (of->columns == 0) {
        memset(m->trust, 0, m->rows * sizeof *m->trust);
        memset(m->dividends, 0, m->rows * sizeof *m->dividends);
        return 1;
    }
    TAKE_ZEROS(few.limit, columns);
    TAKE_ZEROS(few.sums, columns);
    for (uint32_t c = 0; c < of->columns; c++) {
        const uint16_t j = of->column[c];
        few.limit[c] = (vector_pair){(double)shares->consensus[j], (double)selected[j]};
    }
    path->clip_rows(e, &few, ones);
    if (e->liquid) {
        path->average_rows(e, &few);
    }
    if (!incentives(of, few.sums, NULL, shares, rest)) {
        return 0;
    }
    path->normalize_rows(e, &few);
    put_scored(of, &few, m);
    return 1;
}

/* The tables by column, for all entries. */
static int take_tables(const scored *of, uint32_t n, const vector_epoch *e, const vector_shares *shares, vector_rows *m, arena *memory) {
    const uint64_t columns = (uint64_t)n + SLICE;
    TAKE_ZEROS(m->limit, columns);
    TAKE_ZEROS(m->sums, columns);
    if (!e->yuma3) {
        TAKE_ZEROS(m->totals, columns);
    }
    if (!e->yuma3 && e->penalty != 1) {
        TAKE_ZEROS(m->bought, columns);
    }
    for (uint32_t c = 0; c < of->columns; c++) {
        const uint16_t j = of->column[c];
        m->limit[j].first = m->limit[j].second = (double)shares->consensus[j];
    }
    for (uint32_t j = 0; e->liquid && shares->previous != NULL && j < n; j++) {
        m->limit[j].second = (double)shares->previous[j];
    }
    return 1;
}

/* Sections 6 and 7 over all entries. */
static int epoch_of_all(const scored *of, uint32_t n, const vector_path *path, const vector_epoch *e, vector_rows *m, int ones,
                        const vector_shares *shares, arena rest) {
    arena *memory = &rest;
    const uint32_t all = m->begin[m->rows];
    if (!take_tables(of, n, e, shares, m, memory)) {
        return 0;
    }
    TAKE(m->average, (uint64_t)all + ALPHAS);
    memset(m->average + all, 0, ALPHAS * sizeof *m->average);
    memset(m->kept, 0, all / SLICE * sizeof *m->kept);
    path->clip_rows(e, m, ones);
    if (!e->yuma3 || e->liquid) {
        path->average_rows(e, m);
    }
    if (!incentives(of, m->sums, of->column, shares, rest)) {
        return 0;
    }
    path->normalize_rows(e, m);
    return 1;
}

/* Whether epoch_of_few costs less: no more than half of the places are of numbered columns, or they are few beside the tables that the
 * others take, by column. It bounds the memory of both ways too. */
static int are_few(const scored *of, uint32_t n, const vector_epoch *e, const vector_rows *m) {
    uint64_t places = 0;
    if (!e->yuma3 || (e->liquid && e->penalty != 1)) {
        return 0;
    }
    for (uint32_t r = 0; of->columns != 0 && r < m->rows; r++) {
        places += padded(of->begin[r + 1] - of->begin[r]);
    }
    return 2 * places <= m->begin[m->rows] || 2 * places <= n;
}

int yuma_vector_sparse(const vector_path *path, const vector_subnet *of, vector_epoch *e, const vector_dates *d,
                       const vector_shares *shares, yuma_result *result, arena rest) {
    arena *memory = &rest;
    const uint32_t n = of->n, rows = of->rows;
    const uint64_t entries = of->weights + of->bonds + (uint64_t)rows * (SLICE - 1);
    vector_entries l = {.of = of, .dates = d, .liquid = e->liquid, .mixed = e->penalty == 2};
    vector_rows m = {.rows = rows};
    scored s = {0};
    VERIFY_CHECK(path->rounds_downward());
    TAKE(l.begin, (uint64_t)rows + 1);
    TAKE(l.count, rows);
    TAKE(m.trust, rows);
    TAKE(m.dividends, rows);
    TAKE(l.uid, entries);
    TAKE(l.weights, entries);
    TAKE(l.bonds, entries);
    if (e->liquid) {
        TAKE(l.marks, entries);
    }
    TAKE(m.kept, entries / SLICE);
    TAKE(l.value, padded(n));
    TAKE(l.value_of, n);
    TAKE(l.bond_of, n);
    TAKE(l.mark_of, n);
    yuma_vector_load(&l, path);
    memset(shares->consensus, 0, n * sizeof *shares->consensus);
    memset(shares->rank, 0, n * sizeof *shares->rank);
    memset(shares->incentive, 0, n * sizeof *shares->incentive);
    int ones = 0, some = 0;
    if (!number_scored(&l, e, &s, memory)) {
        return 0;
    }
    arena with_list = rest;
    if (s.columns != 0 && (!list_scored(&l, &s, &with_list) ||
                           (e->validators != 0 && !consensus(&l, path, e, &s, shares->consensus, &ones, with_list)))) {
        return 0;
    }
    for (uint32_t c = 0; c < s.columns; c++) {
        some |= shares->consensus[s.column[c]] != 0;
    }
    if (shares->previous != NULL) {
        some = any_nonzero(n, shares->previous);
    }
    if (e->liquid && !some) { /* the plain EMA, over all bonds */
        e->liquid = l.liquid = 0;
        l.marks = NULL;
        if (l.partial) {
            yuma_vector_load(&l, path);
            list_entries(&l, &s);
        }
    }
    if (e->liquid && !l.mixed) {
        yuma_vector_walk(&l, shares->consensus, e->penalty);
    }
    m.begin = l.begin;
    m.count = l.count;
    m.uid = l.uid;
    m.weights = l.weights;
    m.bonds = l.bonds;
    m.marks = l.marks;
    if (!(are_few(&s, n, e, &m) ? epoch_of_few(&s, path, e, &m, ones, shares, with_list)
                             : epoch_of_all(&s, n, path, e, &m, ones, shares, rest))) {
        return 0;
    }
    for (uint32_t r = 0; r < rows; r++) {
        shares->validator_trust->share[r] = (int64_t)m.trust[r];
        shares->dividends->share[r] = (int64_t)m.dividends[r];
        VERIFY_CHECK(m.trust[r] <= 4294967296.0 && m.dividends[r] <= 4294967296.0);
    }
    store_rows(path, of, row_of, &m, result);
    return 1;
}
