/* Sections 4 to 7 of the law with vector instructions: which there are, the layout, and what both layouts have of the subnet. */
#include "uidset.h"
#include "vector_layouts.h"

#if defined(YUMA_HAVE_AVX)
#include <cpuid.h>
#include <xmmintrin.h>
#else
#include <fenv.h>
#endif

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

uint64_t yuma_vector_enough(int64_t total, int64_t kappa, uint32_t validators) {
    return validators == 1 ? 1 : (uint64_t)fixed_max(1, fixed_min(kappa, total));
}

/* Section 5, the second normalization, and the tables by row. */
static int stakes(const vector_subnet *l, vector_epoch *e, const uid_shares *active_stake, int64_t kappa, arena *memory) {
    uint32_t *scorer_stake;
    uint16_t *scorer;
    double *stake;
    TAKE(scorer_stake, l->rows);
    TAKE(scorer, l->rows);
    TAKE_ZEROS(stake, l->rows);
    int64_t sum = 0, total = 0, present = 0;
    for (uint32_t k = 0; k < active_stake->count; k++) {
        sum += active_stake->share[k];
    }
    const uint64_t reciprocal = reciprocal_of(sum);
    for (uint32_t k = 0, r = 0; k < active_stake->count; k++) {
        const int64_t active = active_stake->share[k], share = fixed_share_of(active, sum, reciprocal);
        total += share;
        VERIFY_CHECK(is_proportion(share) && is_proportion(total) && share >= active); /* as the sum is at most 1 */
        for (; r < l->rows && l->row[r] < active_stake->uid[k]; r++) {
        }
        if (r < l->rows && l->row[r] == active_stake->uid[k]) {
            present += share;
            scorer_stake[e->scorers] = share == YUMA_ONE ? UINT32_MAX : (uint32_t)share;
            scorer[e->scorers++] = (uint16_t)r;
            stake[r] = (double)active / 4294967296.0;
        }
    }
    e->validators = active_stake->count;
    int64_t minority = total - kappa;
    VERIFY_CHECK(is_proportion(kappa) && present <= total);
    e->extreme = minority < 0 ? -1 : minority >= total;
    e->minority = e->extreme == 0 ? (uint32_t)minority : 0;
    e->absent = (uint32_t)(total - present); /* of 2^32, no score is above 0, and nothing is added up */
    e->total = (uint32_t)total;
    e->enough = yuma_vector_enough(total, kappa, e->validators);
    e->rows = l->rows;
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

/* Of a full layout: so many eighths of its slots have an entry. Tests put every subnet, or none, in one: 0 and 9. */
#if !defined(YUMA_FULL_EIGHTHS)
#define YUMA_FULL_EIGHTHS (liquid ? 5 : 3)
#endif

int yuma_vector_is_full(uint32_t rows, uint32_t columns, uint64_t weights, uint64_t bonds, int liquid) {
    const uint64_t most = weights > bonds ? weights : bonds;
    (void)liquid;
    return 8 * most >= YUMA_FULL_EIGHTHS * ((uint64_t)rows * slices_of(columns) * SLICE);
}

/* By column the stake of who has a weight there, in fourths of its unit, rounded up so that what it is compared with may be rounded
 * up too: 2^30 + 2^15 at most. MARKED is more, and with that added it fits. */
#define MARKED ((uint32_t)1 << 31)

static inline uint32_t fourths(uint64_t stake) {
    return (uint32_t)((stake + 3) / 4);
}

/* Of n, those that have their bit; how many. */
static uint32_t list_uids(uint32_t n, const uint64_t *bits, uint16_t *uid) {
    uint32_t count = 0;
    for (uint32_t word = 0; word < words_of(n); word++) {
        for (uint64_t left = bits[word]; left != 0; left &= left - 1) {
            uid[count++] = (uint16_t)(word * BITS + uidset_lowest(left));
        }
    }
    return count;
}

enum { COUNTED = 4 };

static void mark(const uint16_t *uid, uint32_t count, uint32_t *votes) {
    uint32_t k = 0;
    for (; k + 4 <= count; k += 4) {
        uint64_t four; /* in any order */
        memcpy(&four, uid + k, sizeof four);
        votes[four & UINT16_MAX] = MARKED;
        votes[four >> 16 & UINT16_MAX] = MARKED;
        votes[four >> 32 & UINT16_MAX] = MARKED;
        votes[four >> 48] = MARKED;
    }
    for (; k < count; k++) {
        votes[uid[k]] = MARKED;
    }
}

/* How many of them were not marked. */
static uint32_t mark_fresh(const uint16_t *uid, uint32_t count, uint32_t *votes) {
    uint32_t fresh = 0;
    for (uint32_t k = 0; k < count; k++) {
        fresh += votes[uid[k]] < MARKED;
        votes[uid[k]] = MARKED;
    }
    return fresh;
}

static void vote(const uint16_t *uid, uint32_t count, uint32_t stake, uint32_t *votes) {
    uint32_t k = 0;
    for (; k + 4 <= count; k += 4) {
        uint64_t four; /* in any order */
        memcpy(&four, uid + k, sizeof four);
        votes[four & UINT16_MAX] += stake;
        votes[four >> 16 & UINT16_MAX] += stake;
        votes[four >> 32 & UINT16_MAX] += stake;
        votes[four >> 48] += stake;
    }
    for (; k < count; k++) {
        votes[uid[k]] += stake;
    }
}

/* The columns of a full layout, and where they stand; 0 where the layout is not full with them. votes, bits: room for n. A column has to be
 * there where somebody has a bond, and where a bond may be bought: with a full penalty, which buys none where the consensus is 0, where
 * the stake of who has a weight is enough for another. Dates are not looked at: they leave a column fewer weights. */
static int find_columns(const vector_path *path, vector_subnet *of, const vector_epoch *e, uint32_t *votes, uint64_t *bits) {
    const yuma_stored_rows *weights = &of->state->weights, *bonds = &of->state->bonds;
    const int clipped = e->penalty == 1;
    memset(votes, 0, of->n * sizeof *votes);
    /* a few rows of a scattered subnet have more columns than there may be */
    const uint32_t counted = bonds->indptr[of->row[of->rows < COUNTED ? of->rows - 1 : COUNTED - 1] + 1];
    if (!yuma_vector_is_full(of->rows, mark_fresh(bonds->uid, counted, votes), of->weights, of->bonds, e->liquid)) {
        return 0;
    }
    mark(bonds->uid + counted, (uint32_t)of->bonds - counted, votes);
    for (uint32_t r = 0, s = 0; r < of->rows; r++) {
        const uint32_t i = of->row[r], weight = weights->indptr[i], count = last_weight(of->state, i) - weight;
        const uint32_t bond = bonds->indptr[i], others = bonds->indptr[i + 1] - bond;
        const uint32_t stake = s < e->scorers && e->scorer[s] == r ? e->scorer_stake[s++] : 0;
        if (count == others && memcmp(weights->uid + weight, bonds->uid + bond, count * sizeof *weights->uid) == 0) {
            continue; /* who keeps his weights has his bonds where they are */
        }
        if (!clipped) {
            mark(weights->uid + weight, count, votes);
        } else if (stake != 0) {
            vote(weights->uid + weight, count, fourths(stake), votes);
        }
    }
    path->uids.voted(of->n, votes, fourths(e->enough), bits);
    of->columns = list_uids(of->n, bits, of->column);
    const uint16_t none = no_place(of->n);
    for (uint32_t j = 0; j < of->n; j++) {
        of->place[j] = none;
    }
    for (uint32_t p = 0; p < of->columns; p++) {
        of->place[of->column[p]] = (uint16_t)p;
    }
    return yuma_vector_is_full(of->rows, of->columns, of->weights, of->bonds, e->liquid);
}

static void every_column(vector_subnet *of) {
    of->columns = of->n;
    for (uint32_t j = 0; j < of->n; j++) {
        of->place[j] = of->column[j] = (uint16_t)j;
    }
}

static int all_ascending(const vector_subnet *of) {
    const yuma_stored_rows *weights = &of->state->weights, *bonds = &of->state->bonds;
    for (uint32_t r = 0; r < of->rows; r++) {
        uint32_t i = of->row[r], weight = weights->indptr[i], bond = bonds->indptr[i];
        if (!ascending(weights->uid + weight, last_weight(of->state, i) - weight) ||
            !ascending(bonds->uid + bond, bonds->indptr[i + 1] - bond)) {
            return 0;
        }
    }
    return 1;
}

/* Who has weights that count, or bonds, and how many these are. 0 where nobody has. */
static int find_rows(const vector_path *path, vector_subnet *of, arena *memory) {
    const yuma_state *state = of->state;
    const uint32_t *weights = state->weights.indptr, *bonds = state->bonds.indptr;
    const int32_t owner = state->owner_uid; /* who is permitted */
    uint64_t *bits;
    TAKE(of->row, of->n);
    TAKE(bits, words_of(of->n));
    path->uids.some(of->n, weights, state->validator_permit, bonds, bits);
    if (owner != YUMA_NO_OWNER && weights[owner] != weights[owner + 1]) {
        bits[owner / BITS] |= (uint64_t)1 << owner % BITS;
    }
    of->rows = list_uids(of->n, bits, of->row);
    for (uint32_t r = 0; r < of->rows; r++) {
        const uint32_t i = of->row[r];
        of->weights += last_weight(state, i) - weights[i];
        VERIFY_CHECK(last_weight(state, i) != weights[i] || bonds[i] != bonds[i + 1]);
    }
    of->bonds = bonds[of->n];
    return of->rows != 0;
}

/* The layout, and the columns of a full one. */
static int choose(const vector_path *path, vector_subnet *of, const vector_epoch *e, int *full, arena *memory) {
    *full = yuma_vector_is_full(of->rows, 1, of->weights, of->bonds, e->liquid);
    if (!*full) { /* too few entries, whatever their columns are */
        return 1;
    }
    uint32_t *votes;
    uint64_t *bits;
    TAKE(votes, of->n);
    TAKE(bits, words_of(of->n));
    TAKE(of->place, of->n);
    TAKE(of->column, (uint64_t)slices_of(of->n) * SLICE);
    if (8 * of->weights >= 7 * (uint64_t)of->rows * of->n && yuma_vector_is_full(of->rows, of->n, of->weights, 0, e->liquid)) {
        every_column(of); /* no need to look for those without */
    } else {
        *full = find_columns(path, of, e, votes, bits);
    }
    for (uint32_t p = of->columns; p < slices_of(of->columns) * SLICE; p++) {
        of->column[p] = 0;
    }
    *full = *full && !(e->liquid && !all_ascending(of));
    return 1;
}

/* The end of section 7: of Yuma 3 by the stake of the row, then divided by their sum. */
static void divide_dividends(const vector_epoch *e, uid_shares *dividends) {
    int64_t sum = 0, *share = dividends->share;
    for (uint32_t r = 0; r < dividends->count; r++) {
        share[r] = e->yuma3 ? fixed_mul_share((int64_t)(e->stake[r] * 4294967296.0), share[r]) : share[r];
        VERIFY_CHECK(is_proportion(share[r]));
        sum += share[r];
    }
    if (sum != 0) {
        divide_shares(dividends, sum);
    }
}

/* The rounding mode, exception flags and traps of a thread, downward and none while a path runs. */
#if defined(YUMA_HAVE_AVX)
/* One register of the doubles' unit has them; the functions of fenv.h care for the x87's too, which takes as long as the bonds of a
 * few columns. */
typedef unsigned environment;

static int round_downward(environment *caller) {
    *caller = _mm_getcsr();
    _mm_setcsr(_MM_MASK_MASK | _MM_ROUND_DOWN);
    return 1;
}

static void restore(const environment *caller) {
    _mm_setcsr(*caller);
}
#else
typedef fenv_t environment;

static int round_downward(environment *caller) {
    if (feholdexcept(caller) != 0) {
        return 0;
    }
    if (fesetround(FE_DOWNWARD) != 0) {
        fesetenv(caller);
        return 0;
    }
    return 1;
}

static void restore(const environment *caller) {
    fesetenv(caller);
}
#endif

yuma_status yuma_vector_epoch(const vector_path *path, const profile_rules *rules, const yuma_state *state, const yuma_hyperparameters *h,
                              const vector_shares *shares, yuma_result *result, void *workspace, size_t workspace_size,
                              int *done) {
    arena memory = arena_of(workspace, workspace_size);
    vector_subnet of = {.state = state, .n = state->n};
    vector_epoch e = {.yuma3 = h->yuma3 != 0, .liquid = h->yuma3 && h->liquid_alpha};
    int full;
    *done = 0;
    const int64_t beta = fixed_ratio16(h->bonds_penalty), alpha = yuma_bonds_alpha(h->bonds_moving_average);
    e.penalty = beta == 0 ? 0 : beta == YUMA_ONE ? 1 : 2;
    if ((e.liquid && !yuma_vector_liquid(&e, rules, h)) || !find_rows(path, &of, &memory) ||
        !stakes(&of, &e, shares->active_stake, fixed_ratio16(h->kappa), &memory) || !choose(path, &of, &e, &full, &memory)) {
        return YUMA_OK;
    }
    e.beta = (double)beta / 4294967296.0;
    e.alpha = (double)alpha / 4294967296.0;
    e.rest = (double)(YUMA_ONE - alpha) / 4294967296.0;
    vector_dates d = {state->block_at_registration, h->commit_reveal ? state->commit_block : NULL, shares->latest,
                      yuma_bonds_cutoff(state->current_block, h->tempo, state->last_mechanism_step_block, state->last_yuma_step_block)};
    shares->validator_trust->count = shares->dividends->count = of.rows;
    memcpy(shares->dividends->uid, of.row, of.rows * sizeof *of.row);

    environment caller;
    if (!round_downward(&caller)) {
        return YUMA_OK;
    }
    *done = path->rounds_downward() && (full ? yuma_vector_full : yuma_vector_sparse)(path, &of, &e, &d, shares, result, memory);
    restore(&caller);
    if (*done) {
        divide_dividends(&e, shares->dividends);
    }
    return YUMA_OK;
}
