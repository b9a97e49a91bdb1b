/* Sections 4 to 7 of the law over the layouts of vector.h: which columns stand where, and what goes in and out. Integers only;
 * the arithmetic in doubles is in vector_path.h. */
#include "vector.h"

#include <fenv.h>
#if defined(YUMA_HAVE_AVX)
#include <cpuid.h>
#endif

#include "memory.h"
#include "stages.h"
#include "uidset.h"

enum { NOWHERE = UINT16_MAX };

#if defined(YUMA_HAVE_AVX)
/* Asked of the processor itself, as not every compiler's library fills in what __builtin_cpu_supports reads. */
static uint32_t x86_sets(void) {
    enum { FMA = 1 << 12, OSXSAVE = 1 << 27, AVX = 1 << 28 };                            /* leaf 1, ecx */
    enum { AVX2 = 1 << 5, AVX512F = 1 << 16, AVX512DQ = 1 << 17, AVX512BW = 1 << 30 };   /* leaf 7, ebx; VL is bit 31 */
    enum { YMM = 0x06, ZMM = 0xe6 };                                                     /* registers that the system saves */
    _Static_assert(FMA == bit_FMA && OSXSAVE == bit_OSXSAVE && AVX == bit_AVX, "as the compiler's library has them");
    _Static_assert(AVX2 == bit_AVX2 && AVX512F == bit_AVX512F && AVX512DQ == bit_AVX512DQ && AVX512BW == bit_AVX512BW &&
                       1u << 31 == bit_AVX512VL,
                   "as the compiler's library has them");
    const unsigned avx = FMA | OSXSAVE | AVX, avx512 = AVX512F | AVX512DQ | AVX512BW | 1u << 31;
    unsigned eax, ebx, ecx, edx, saved, high;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || (ecx & avx) != avx) {
        return 0;
    }
    __asm__ volatile("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
    if ((saved & YMM) != YMM || !__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) || !(ebx & AVX2)) {
        return 0;
    }
    return (uint32_t)YUMA_ISA_AVX2 | ((saved & ZMM) == ZMM && (ebx & avx512) == avx512 ? (uint32_t)YUMA_ISA_AVX512 : 0);
}
#endif

uint32_t yuma_isa_available(void) {
    uint32_t isa = YUMA_ISA_PORTABLE;
#if defined(YUMA_HAVE_AVX)
    isa |= x86_sets();
#elif defined(YUMA_HAVE_NEON)
    isa |= YUMA_ISA_NEON;
#endif
    return isa;
}

const vector_path *yuma_vector_path(uint32_t isa) {
    isa = isa == YUMA_ISA_ANY ? yuma_isa_available() : isa;
#if defined(YUMA_HAVE_AVX)
    if (isa & YUMA_ISA_AVX512) {
        return &yuma_vector_avx512;
    }
    if (isa & YUMA_ISA_AVX2) {
        return &yuma_vector_avx2;
    }
#endif
#if defined(YUMA_HAVE_NEON)
    if (isa & YUMA_ISA_NEON) {
        return &yuma_vector_neon;
    }
#endif
    return NULL;
}

typedef struct {
    const yuma_state *state;
    uint32_t n, rows, columns, slices;
    uint16_t *row;        /* [rows], ascending: the uids that have weights that count, or bonds */
    uint16_t *place;      /* [n], where a column stands; NOWHERE */
    uint16_t *column;     /* [slices * SLICE], what column stands there; in a full layout ascending. 0 after the last */
    int full;
    uint32_t pitch;       /* in a full layout: the lines from a slice to the next. Odd: at powers of 2 they share sets of a cache */
    uint32_t *line;       /* [slices + 1], in ragged layouts: where a slice begins, in lines of SLICE slots */
    uint16_t *filled;     /* [columns], in ragged layouts: the slots that are used so far */
    uint16_t *slot_row;   /* [lines][SLICE], in ragged layouts */
    uint32_t *weights;    /* [lines][SLICE], and so the next three */
    uint16_t *bonds, *present;
    uint16_t *kept;       /* [lines] */
} layout;

static uint32_t slices_of(uint32_t columns) {
    return (columns + SLICE - 1) / SLICE;
}

static int permitted(const yuma_state *state, uint32_t i) {
    return state->validator_permit[i] || (int32_t)i == state->owner_uid;
}

static uint32_t first(const yuma_stored_rows *rows, uint32_t i) {
    return rows->indptr[i];
}

/* The weights that count, before dates: none without a permit. */
static uint32_t last_weight(const yuma_state *state, uint32_t i) {
    return state->weights.indptr[permitted(state, i) ? i + 1 : i];
}

static int ascending_row(const yuma_stored_rows *rows, uint32_t begin, uint32_t end) {
    return ascending(rows->uid + begin, end - begin);
}

static int all_ascending(const yuma_state *state) {
    for (uint32_t i = 0; i < state->n; i++) {
        if (!ascending_row(&state->weights, first(&state->weights, i), last_weight(state, i)) ||
            !ascending_row(&state->bonds, first(&state->bonds, i), state->bonds.indptr[i + 1])) {
            return 0;
        }
    }
    return 1;
}

static void mark(const uint16_t *uid, uint32_t count, uint16_t *used) {
    for (uint32_t k = 0; k < count; k++) {
        used[uid[k]] = 1;
    }
}

/* By column, whether anybody has a weight or a bond there; how many such columns there are. */
static uint32_t mark_columns(const layout *l, uint16_t *used) {
    const yuma_stored_rows *weights = &l->state->weights, *bonds = &l->state->bonds;
    uint32_t columns = 0;
    memset(used, 0, l->n * sizeof *used);
    for (uint32_t r = 0; r < l->rows; r++) {
        uint32_t i = l->row[r], weight = first(weights, i), count = last_weight(l->state, i) - weight;
        uint32_t bond = first(bonds, i), others = bonds->indptr[i + 1] - bond;
        mark(weights->uid + weight, count, used);
        if (count != others || memcmp(weights->uid + weight, bonds->uid + bond, count * sizeof *used) != 0) {
            mark(bonds->uid + bond, others, used); /* who keeps his weights has his bonds where they are */
        }
    }
    for (uint32_t j = 0; j < l->n; j++) {
        columns += used[j];
    }
    return columns;
}

/* By column, the slots that it needs: a row that has a weight or a bond there. */
static void count_slots(const layout *l, uint32_t *count, uint16_t *last) {
    const yuma_stored_rows *weights = &l->state->weights, *bonds = &l->state->bonds;
    memset(count, 0, l->n * sizeof *count);
    memset(last, 0, l->n * sizeof *last);
    for (uint32_t r = 0; r < l->rows; r++) {
        uint32_t i = l->row[r], end = last_weight(l->state, i);
        for (uint32_t k = first(weights, i); k < end; k++) {
            count[weights->uid[k]]++;
            last[weights->uid[k]] = (uint16_t)(r + 1);
        }
        for (uint32_t k = first(bonds, i); k < bonds->indptr[i + 1]; k++) {
            count[bonds->uid[k]] += last[bonds->uid[k]] != r + 1;
        }
    }
}

/* The columns with a slot in places by their number of slots, most first, so that the columns of a slice are nearly of one
 * depth. begin: rows + 2 numbers. */
static void order_by_count(layout *l, const uint32_t *count, uint32_t *begin) {
    memset(begin, 0, ((size_t)l->rows + 2) * sizeof *begin);
    for (uint32_t j = 0; j < l->n; j++) {
        begin[l->rows + 1 - count[j]]++; /* at c + 1, where c = rows - count is the sort key */
    }
    for (uint32_t c = 0; c <= l->rows; c++) {
        begin[c + 1] += begin[c];
    }
    for (uint32_t j = 0; j < l->n; j++) {
        uint32_t at = begin[l->rows - count[j]]++;
        l->place[j] = count[j] == 0 ? NOWHERE : (uint16_t)at;
        if (count[j] != 0) {
            l->column[at] = (uint16_t)j;
        }
    }
}

#define TAKE(pointer, count)                                            \
    do {                                                                \
        (pointer) = arena_take(memory, (count), sizeof *(pointer));     \
        if ((pointer) == NULL) {                                        \
            return 0;                                                   \
        }                                                               \
    } while (0)

/* What a full layout of so many lines takes at most, with what `stakes` and `compute` take. */
static uint64_t full_memory(const layout *l, uint64_t lines) {
    uint64_t pieces = 16 * ARENA_ALIGNMENT, slot = sizeof *l->weights + sizeof *l->bonds + sizeof *l->present;
    uint64_t row = SCRATCH + 2 * ACCUMULATORS * sizeof(uint64_t) + 2 * sizeof(uint32_t) + sizeof(uint16_t) + sizeof(double);
    return pieces + SCRATCH_REST + lines * (SLICE * slot + sizeof *l->kept) + (l->rows + 1) * row +
           (uint64_t)l->slices * SLICE * 4 * sizeof(double);
}

/* Decides what stands where, and takes the memory for it; 0 where there is not enough. A full layout costs its slots, a ragged
 * one five to eight times as much for each of its own, of which it has at least as many as there are weights, or bonds. */
static int plan(layout *l, int liquid, arena *memory) {
    const yuma_state *state = l->state;
    uint32_t n = l->n;
    uint64_t weights = 0, lines;
    TAKE(l->row, n);
    TAKE(l->place, n);
    TAKE(l->column, (uint64_t)slices_of(n) * SLICE);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = last_weight(state, i) - first(&state->weights, i);
        weights += row;
        if (row != 0 || state->bonds.indptr[i + 1] != state->bonds.indptr[i]) {
            l->row[l->rows++] = (uint16_t)i;
        }
    }
    memset(l->column, 0, (size_t)slices_of(n) * SLICE * sizeof *l->column);
    l->pitch = l->rows | 1;
    l->full = 2 * weights >= (uint64_t)l->rows * slices_of(n) * SLICE;
    if (l->full) { /* so many that there is no need to count */
        l->columns = n;
        for (uint32_t j = 0; j < n; j++) {
            l->place[j] = l->column[j] = (uint16_t)j;
        }
        l->slices = slices_of(n);
        lines = (uint64_t)l->slices * l->pitch;
    } else {
        TAKE(l->filled, n);
        l->columns = mark_columns(l, l->filled);
        l->slices = slices_of(l->columns);
        lines = (uint64_t)l->slices * l->pitch;
        uint64_t bonds = state->bonds.indptr[n], most = weights > bonds ? weights : bonds;
        l->full = 8 * most >= SLICE * lines && full_memory(l, lines) <= arena_left(memory);
        for (uint32_t j = 0, at = 0; l->full && j < n; j++) {
            l->place[j] = l->filled[j] ? (uint16_t)at : NOWHERE;
            if (l->filled[j]) {
                l->column[at++] = (uint16_t)j;
            }
        }
        if (!l->full) {
            uint32_t *count, *begin;
            TAKE(count, n);
            TAKE(begin, (uint64_t)l->rows + 2);
            count_slots(l, count, l->filled);
            order_by_count(l, count, begin);
            TAKE(l->line, (uint64_t)l->slices + 1);
            lines = 0;
            for (uint32_t s = 0; s <= l->slices; s++) { /* fits: there are at most 2^32 entries */
                l->line[s] = (uint32_t)lines;
                lines += s < l->slices ? count[l->column[s * SLICE]] : 0;
            }
            memset(l->filled, 0, n * sizeof *l->filled);
            TAKE(l->slot_row, lines * SLICE);
        }
    }
    TAKE(l->weights, lines * SLICE);
    TAKE(l->bonds, lines * SLICE);
    TAKE(l->kept, lines);
    memset(l->kept, 0, (size_t)lines * sizeof *l->kept);
    if (liquid) {
        TAKE(l->present, lines * SLICE);
    }
    if (!l->full) {
        size_t slots = (size_t)lines * SLICE;
        memset(l->weights, 0, slots * sizeof *l->weights);
        memset(l->bonds, 0, slots * sizeof *l->bonds);
        if (liquid) {
            memset(l->present, 0, slots * sizeof *l->present);
        }
        for (size_t at = 0; at < slots; at++) {
            l->slot_row[at] = (uint16_t)l->rows;
        }
    }
    return 1;
}

static size_t line_of(const layout *l, uint32_t slice, uint32_t r) {
    return l->full ? (size_t)slice * l->pitch + r : (size_t)l->line[slice] + r;
}

static vector_slice slice_of(const layout *l, uint32_t s) {
    size_t line = line_of(l, s, 0), at = line * SLICE;
    return (vector_slice){
        .depth = l->full ? l->rows : l->line[s + 1] - l->line[s],
        .rows = l->full ? NULL : l->slot_row + at,
        .weights = l->weights + at,
        .bonds = l->bonds + at,
        .kept = l->kept + line,
        .present = l->present == NULL ? NULL : l->present + at,
    };
}

/* What section 4 and the cutoff of section 7 take out. */
typedef struct {
    const uint64_t *registered, *committed; /* committed: null for no live commit */
    uint64_t latest;                        /* the largest of registered */
    uint64_t cutoff;
} dates;

/* A row's weights to columns that registered later than this are out; *none where all are. */
static uint64_t limit_of(const dates *d, uint64_t last_update, uint32_t i, int *none) {
    *none = last_update == 0;
    uint64_t limit = last_update - 1;
    return d->committed != NULL && d->committed[i] < limit ? d->committed[i] : limit;
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

/* values: a row by place, zeros at first and at last; marks: the same for `present`. */
static void load_full_row(const layout *l, const vector_path *path, const dates *d, uint32_t r, uint16_t *values,
                          uint16_t *marks) {
    const yuma_state *state = l->state;
    uint32_t i = l->row[r], end = last_weight(state, i), places = l->slices * SLICE;
    size_t stride = (size_t)l->pitch * SLICE, line = (size_t)r * SLICE;
    put_row(l, &state->weights, first(&state->weights, i), end, values);
    if (l->present != NULL) {
        for (uint32_t k = first(&state->weights, i); k < end; k++) {
            marks[l->place[state->weights.uid[k]]] = UINT16_MAX;
        }
    }
    int none;
    uint64_t limit = limit_of(d, state->last_update[i], i, &none);
    if (none || limit < d->latest) {
        for (uint32_t p = 0; p < l->columns; p++) {
            uint16_t stays = none || d->registered[l->column[p]] > limit ? 0 : UINT16_MAX;
            values[p] = (uint16_t)(values[p] & stays);
            marks[p] = (uint16_t)(marks[p] & stays);
        }
    }
    if ((int32_t)i != state->owner_uid && l->place[i] != NOWHERE) {
        values[l->place[i]] = marks[l->place[i]] = 0;
    }
    path->normalize(l->slices, values, l->weights + line, stride);
    for (uint32_t s = 0; s < l->slices && l->present != NULL; s++) {
        memcpy(l->present + s * stride + line, marks + s * SLICE, SLICE * sizeof *marks);
    }
    memset(values, 0, places * sizeof *values);
    memset(marks, 0, l->present == NULL ? 0 : places * sizeof *marks);

    put_row(l, &state->bonds, first(&state->bonds, i), state->bonds.indptr[i + 1], values);
    for (uint32_t p = 0; d->cutoff <= d->latest && p < l->columns; p++) {
        values[p] = d->cutoff <= d->registered[l->column[p]] ? 0 : values[p];
    }
    for (uint32_t s = 0; s < l->slices; s++) {
        memcpy(l->bonds + s * stride + line, values + s * SLICE, SLICE * sizeof *values);
    }
    memset(values, 0, places * sizeof *values);
}

static size_t slot_of(const layout *l, uint16_t place, uint32_t depth) {
    VERIFY_CHECK(place < l->columns && l->line[place / SLICE] + depth < l->line[place / SLICE + 1]);
    return (l->line[place / SLICE] + (size_t)depth) * SLICE + place % SLICE;
}

/* values, marks, weights: room for a row, in its own order. Every entry has a slot, also one that is out. */
static void load_ragged_row(const layout *l, const vector_path *path, const dates *d, uint32_t r, uint16_t *values,
                            uint16_t *marks, uint32_t *weights) {
    const yuma_state *state = l->state;
    uint32_t i = l->row[r], begin = first(&state->weights, i), count = last_weight(state, i) - begin;
    const uint16_t *uid = state->weights.uid + begin;
    int none, owner = (int32_t)i == state->owner_uid;
    uint64_t limit = limit_of(d, state->last_update[i], i, &none);
    memset(values, 0, slices_of(count) * SLICE * sizeof *values);
    for (uint32_t k = 0; k < count; k++) {
        int out = none || d->registered[uid[k]] > limit || (uid[k] == i && !owner);
        marks[k] = out ? 0 : UINT16_MAX;
        values[k] = state->weights.value[begin + k] & marks[k];
    }
    path->normalize(slices_of(count), values, weights, SLICE);
    for (uint32_t k = 0; k < count; k++) {
        uint16_t place = l->place[uid[k]];
        size_t at = slot_of(l, place, l->filled[place]++);
        l->weights[at] = weights[k];
        l->slot_row[at] = (uint16_t)r;
        if (l->present != NULL) {
            l->present[at] = marks[k];
        }
    }
    for (uint32_t k = first(&state->bonds, i); k < state->bonds.indptr[i + 1]; k++) {
        uint16_t j = state->bonds.uid[k], place = l->place[j];
        /* the slot of the row's weight, where it has one there: then it is the last one */
        if (l->filled[place] == 0 || l->slot_row[slot_of(l, place, l->filled[place] - 1u)] != r) {
            l->slot_row[slot_of(l, place, l->filled[place]++)] = (uint16_t)r;
        }
        l->bonds[slot_of(l, place, l->filled[place] - 1u)] = d->cutoff <= d->registered[j] ? 0 : state->bonds.value[k];
    }
}

static int load(const layout *l, const vector_path *path, const dates *d, arena *memory) {
    arena rest = *memory; /* given back */
    uint64_t room = (uint64_t)slices_of(l->n) * SLICE;
    uint16_t *values = arena_take_zeros(&rest, room, sizeof *values);
    uint16_t *marks = arena_take_zeros(&rest, room, sizeof *marks);
    uint32_t *weights = l->full ? NULL : arena_take(&rest, room, sizeof *weights);
    if (values == NULL || marks == NULL || (weights == NULL && !l->full)) {
        return 0;
    }
    for (uint32_t r = 0; r < l->rows; r++) {
        if (l->full) {
            load_full_row(l, path, d, r, values, marks);
        } else {
            load_ragged_row(l, path, d, r, values, marks, weights);
        }
    }
    return 1;
}

/* Section 5, the second normalization, and the tables by row. */
static int stakes(const layout *l, vector_epoch *e, const int64_t *active_stake, int64_t kappa, arena *memory) {
    uint32_t *score_stake, *scorer_stake;
    uint16_t *scorer;
    double *stake;
    TAKE(score_stake, (uint64_t)l->rows + 1);
    TAKE(scorer_stake, l->rows);
    TAKE(scorer, l->rows);
    TAKE(stake, (uint64_t)l->rows + 1);
    int64_t sum = 0, total = 0, present = 0;
    for (uint32_t i = 0; i < l->n; i++) {
        sum += active_stake[i];
    }
    const fixed_divisor by_sum = fixed_divisor_of(sum);
    for (uint32_t i = 0, r = 0; i < l->n; i++) {
        int64_t share = part_of(active_stake[i], by_sum);
        total += share;
        VERIFY_CHECK(is_proportion(share) && is_proportion(total) && share >= active_stake[i]);
        e->validators += share != 0; /* a share is at least the stake, whose sum is at most 1 */
        if (r < l->rows && l->row[r] == i) {
            present += share;
            score_stake[r] = share == YUMA_ONE ? UINT32_MAX : (uint32_t)share;
            if (share != 0) {
                scorer_stake[e->scorers] = score_stake[r];
                scorer[e->scorers++] = (uint16_t)r;
            }
            stake[r++] = (double)active_stake[i] / 4294967296.0;
        }
    }
    score_stake[l->rows] = 0;
    stake[l->rows] = 0;
    int64_t minority = total - kappa;
    VERIFY_CHECK(is_proportion(kappa) && present <= total);
    e->extreme = minority < 0 ? -1 : minority >= total;
    e->minority = e->extreme == 0 ? (uint32_t)minority : 0;
    e->absent = (uint32_t)(total - present); /* of 2^32, no score is above 0, and nothing is added up */
    e->total = (uint32_t)total;
    e->rows = l->rows;
    e->score_stake = score_stake;
    e->scorer_stake = scorer_stake;
    e->scorer = scorer;
    e->stake = stake;
    return 1;
}

int yuma_vector_liquid(vector_epoch *e, const profile_rules *rules, const yuma_hyperparameters *h) {
    const int64_t steepness = yuma_steepness(rules, h), slope = fixed_sdiv(steepness, -100 * YUMA_ONE);
    if (slope < -VECTOR_SLOPE || slope > VECTOR_SLOPE) {
        return 0;
    }
    int64_t low = fixed_ratio16(h->alpha_low), high = fixed_ratio16(h->alpha_high);
    e->low = (double)low;
    e->high = (double)high;
    e->span = (double)(high - low);
    e->slope = (double)slope / 4294967296.0;
    e->alpha_of_0 = (double)yuma_liquid_alpha(0, 0, 0, low, high, steepness);
    for (uint32_t i = 2, power = 2; i <= 31; i++) {
        power = i >= 2 * power ? 2 * power : power; /* the largest power of two up to i */
        /* an integer in (2^51, 2^52], so that it and what follows are exact: the caller's exception flags are not held yet */
        e->inverse[i] = (double)(((uint64_t)power << 52) / i) / power * 0x1p-84;
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

/* Section 8, the bonds to store, from a full layout: its columns are ascending. */
static void store_full(const layout *l, const vector_path *path, yuma_result *result) {
    uint32_t kept = 0, room = l->state->weights.indptr[l->n] + l->state->bonds.indptr[l->n];
    result->bonds_indptr[0] = 0;
    for (uint32_t i = 0, r = 0; i < l->n; i++) {
        int here = r < l->rows && l->row[r] == i;
        if (here && result->validator_permit[i]) {
            vector_row row = {l->slices, l->pitch, l->column, l->bonds + (size_t)r * SLICE, l->kept + r};
            kept += path->pack(&row, result->bonds_uid + kept, result->bonds_value + kept, room - kept);
            VERIFY_CHECK(kept <= room);
        }
        r += here ? 1 : 0;
        result->bonds_indptr[i + 1] = kept;
    }
}

/* The same from a ragged one, column by column in ascending order. next: rows numbers. */
static void store_ragged(const layout *l, yuma_result *result, uint32_t *next) {
    memset(next, 0, l->rows * sizeof *next);
    for (uint32_t s = 0; s < l->slices; s++) {
        for (size_t line = l->line[s]; line < l->line[s + 1]; line++) {
            for (unsigned set = l->kept[line]; set != 0; set &= set - 1) {
                next[l->slot_row[line * SLICE + uidset_lowest(set)]]++;
            }
        }
    }
    uint32_t kept = 0;
    result->bonds_indptr[0] = 0;
    for (uint32_t i = 0, r = 0; i < l->n; i++) {
        if (r < l->rows && l->row[r] == i) {
            uint32_t count = next[r];
            next[r++] = result->validator_permit[i] ? kept : UINT32_MAX;
            kept += result->validator_permit[i] ? count : 0;
        }
        result->bonds_indptr[i + 1] = kept;
    }
    for (uint32_t j = 0; j < l->n; j++) {
        uint16_t place = l->place[j];
        for (uint32_t d = 0; place != NOWHERE && d < l->filled[place]; d++) {
            size_t at = slot_of(l, place, d);
            uint32_t *to = &next[l->slot_row[at]];
            if ((l->kept[at / SLICE] >> at % SLICE & 1) && *to != UINT32_MAX) {
                VERIFY_CHECK(*to < result->bonds_indptr[l->row[l->slot_row[at]] + 1u]);
                result->bonds_uid[*to] = (uint16_t)j;
                result->bonds_value[(*to)++] = l->bonds[at];
            }
        }
    }
}

/* Sections 4 to 7 up to the sums by row and column; the rounding mode is downward. */
static int compute(layout *l, vector_epoch *e, const vector_path *path, const dates *d, const vector_shares *shares,
                   arena *memory) {
    double *consensus, *selected, *rank, *incentive; /* by place */
    VERIFY_CHECK(fegetround() == FE_DOWNWARD);
    uint64_t places = (uint64_t)l->slices * SLICE;
    TAKE(consensus, places);
    selected = consensus;
    if (e->liquid && shares->previous != NULL) {
        TAKE(selected, places);
    }
    TAKE(rank, places);
    TAKE(incentive, places);
    if (!load(l, path, d, memory)) {
        return 0;
    }
    uint32_t deepest = l->full ? l->rows : l->line[1] - l->line[0];
    e->trust = arena_take_zeros(memory, (uint64_t)ACCUMULATORS * ((uint64_t)l->rows + 1), sizeof *e->trust);
    e->dividends = arena_take_zeros(memory, (uint64_t)ACCUMULATORS * ((uint64_t)l->rows + 1), sizeof *e->dividends);
    e->scratch = arena_take(memory, deepest + (uint64_t)(SCRATCH_REST / SCRATCH), SCRATCH);
    if (e->trust == NULL || e->dividends == NULL || e->scratch == NULL) {
        return 0;
    }
    memset(shares->consensus, 0, l->n * sizeof *shares->consensus);
    memset(shares->rank, 0, l->n * sizeof *shares->rank);
    int some = 0;
    for (uint32_t s = 0, slices = 1; s < l->slices; s += slices) {
        vector_slice slice[TOGETHER] = {slice_of(l, s)};
        uint32_t score[TOGETHER * SLICE] = {0};
        slices = l->full && l->slices - s >= TOGETHER ? TOGETHER : 1;
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
    if (yuma_incentive(l->n, shares->rank, shares->incentive) != YUMA_OK) {
        return 0;
    }
    for (uint32_t p = 0; p < places; p++) {
        incentive[p] = p < l->columns ? (double)shares->incentive[l->column[p]] / 4294967296.0 : 0;
    }
    if (selected != consensus) { /* a place of no column has no weight and no bond */
        some = any_nonzero(l->n, shares->previous);
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
    return 1;
}

yuma_status yuma_vector_epoch(const vector_path *path, const profile_rules *rules, const yuma_state *state, const yuma_hyperparameters *h,
                              const vector_shares *shares, yuma_result *result, void *workspace, size_t workspace_size,
                              int *done) {
    arena rest = arena_of(workspace, workspace_size), *memory = &rest;
    layout l = {.state = state, .n = state->n};
    vector_epoch e = {.yuma3 = h->yuma3 != 0, .liquid = h->yuma3 && h->liquid_alpha};
    *done = 0;
    if (e.liquid && !(yuma_vector_liquid(&e, rules, h) && all_ascending(state))) {
        return YUMA_OK;
    }
    if (!plan(&l, e.liquid, memory) || l.rows == 0 || l.columns == 0 ||
        !stakes(&l, &e, shares->active_stake, fixed_ratio16(h->kappa), memory)) {
        return YUMA_OK;
    }
    int64_t beta = fixed_ratio16(h->bonds_penalty), alpha = yuma_bonds_alpha(h->bonds_moving_average);
    e.penalty = beta == 0 ? 0 : beta == YUMA_ONE ? 1 : 2;
    e.beta = (double)beta / 4294967296.0;
    e.alpha = (double)alpha / 4294967296.0;
    e.rest = (double)(YUMA_ONE - alpha) / 4294967296.0;
    dates d = {state->block_at_registration, h->commit_reveal ? state->commit_block : NULL, 0,
               yuma_bonds_cutoff(state->current_block, h->tempo, state->last_mechanism_step_block, state->last_yuma_step_block)};
    for (uint32_t j = 0; j < l.n; j++) {
        d.latest = d.registered[j] > d.latest ? d.registered[j] : d.latest;
    }

    /* The caller's rounding mode, exception flags and traps come back. */
    fenv_t caller;
    if (feholdexcept(&caller) != 0) {
        return YUMA_OK;
    }
    int computed = fesetround(FE_DOWNWARD) == 0 && path->rounds_downward() && compute(&l, &e, path, &d, shares, memory);
    fesetenv(&caller);
    if (!computed) {
        return YUMA_OK;
    }
    memset(shares->validator_trust, 0, l.n * sizeof *shares->validator_trust);
    memset(shares->dividends, 0, l.n * sizeof *shares->dividends);
    for (uint32_t r = 0; r < l.rows; r++) {
        uint32_t i = l.row[r];
        shares->validator_trust[i] = accumulated(e.trust, r);
        int64_t sum = accumulated(e.dividends, r);
        shares->dividends[i] = e.yuma3 ? fixed_mul_checked(sum, shares->active_stake[i]) : sum;
    }
    divide_by_sum(l.n, shares->dividends);
    if (l.full) {
        store_full(&l, path, result);
    } else {
        store_ragged(&l, result, (void *)e.trust); /* used up, and larger */
    }
    *done = 1;
    return YUMA_OK;
}
