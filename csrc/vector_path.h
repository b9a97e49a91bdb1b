/* The arithmetic of vector.h, over the primitives of an instruction set. Included by one file for each, after it has defined
 *
 *     ISA                     its bit of the mask
 *     LANES, SCORES           numbers in a vector; scores in one
 *     number, mask, words     vectors of LANES doubles, of LANES int64_t that a comparison of numbers makes, of uint64_t
 *     scores                  a vector of SCORES uint32_t
 *     fused(a, b, c)          a * b + c, rounded once; fused_from(c, a, b): c - a * b
 *     splat(x)                a number of equal doubles; least, most: of two vectors
 *     from_u32(p)             LANES integers as doubles
 *     words_from_u16(p)       LANES integers
 *     low_halves(p, x, y)     the low 32 bits of each double
 *     low_quarters(p, x, y)   the low 16 bits
 *     one_more(x, a, b)       x, and x + 1 where a >= b
 *     gather(table, index)    table[index[lane]]
 *     bits(mask)              a bit a lane
 *     widen(p)                SCORES integers of 16 bits
 *     splat_scores, scores_least, scores_most, scores_above, scores_differ
 *     scores_add_upto(sum, score, middle, stake)  sum, and the stake where the score is at most middle
 *     pack_slice(set, a, b, to_a, to_b)  those numbers of SLICE in a and in b that are in the set, in front; how many. All of
 *                             SLICE may be written. pack_by_lane does it without vectors
 *
 * and PATH(name), which gives the functions their names. */
#include <string.h>

#include "fixed.h"
#include "sigmoid.h"

/* Vectors that are computed side by side, so that while a division or a sum of one waits the other goes on. Loops over them have
 * to be unrolled, or the vectors are in memory. */
enum { GROUP = 2, WIDE = GROUP * LANES };
#if defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define UNROLLED _Pragma("GCC unroll 32")
#endif
#define EACH_OF(v, vectors) UNROLLED for (unsigned v = 0; v < (vectors); v++)
#define EACH(v) EACH_OF(v, GROUP)

static const double TWO_32 = 4294967296.0;
static const double UNIT = 1 / 4294967296.0;
/* Added to a number in [0, 2^52), UP leaves no bit below 1, and the number in the low 52; UP_SIGNED leaves no bit below 1 of
 * (-2^51, 2^51). */
static const double UP = 4503599627370496.0;
static const double UP_SIGNED = 6755399441055744.0;

INLINE number load(const double *p) {
    number x;
    memcpy(&x, p, sizeof x);
    return x;
}

INLINE void store(double *p, number x) {
    memcpy(p, &x, sizeof x);
}

INLINE scores load_scores(const uint32_t *p) {
    scores x;
    memcpy(&x, p, sizeof x);
    return x;
}

INLINE number where(mask m, number x) {
    return (number)((mask)x & m);
}

/* ---- what VERIFY_CHECK looks at --------------------------------------------------------------------------------------- */

INLINE int all_lanes(mask m) {
    return bits(m) == (1u << LANES) - 1;
}

/* whole numbers from 0 to `end` <= 2^52 */
INLINE int whole_upto(number x, number end) {
    return all_lanes((mask)(x >= 0) & (mask)(x <= end) & (mask)(x + UP - UP == x));
}

INLINE int is_raised(number x) {
    return all_lanes((mask)(x >= UP) & (mask)(x < 2 * UP));
}

/* Whether each is the law's quotient, raised. */
INLINE int are_quotients(number raised, number x, number by) {
    int right = 1;
    for (unsigned lane = 0; lane < LANES; lane++) {
        right &= (int64_t)(raised[lane] - UP) == fixed_div((int64_t)x[lane], (int64_t)by[lane]);
    }
    return right;
}

INLINE int are_ratios(number raised, const uint16_t *value) {
    int right = 1;
    for (unsigned lane = 0; lane < LANES; lane++) {
        right &= (int64_t)(raised[lane] - UP) == fixed_ratio16(value[lane]);
    }
    return right;
}

/* ---- section 1 ----------------------------------------------------------------------------------------------------------- */

/* UP + floor(x * k): one rounding, downward, to whole numbers. 0 <= x * k < 2^52 */
INLINE number raised_mul(number x, number k) {
    VERIFY_CHECK(all_lanes((mask)(x * k >= 0) & (mask)(x * k < UP)));
    return fused(x, k, splat(UP));
}

INLINE number floor_mul(number x, number k) {
    return raised_mul(x, k) - UP;
}

/* What raised numbers are multiplied by: (UP + x) * k + (UP - UP * k) is UP + x * k, where that difference is exact. */
typedef struct {
    number k, rest;
} factor;

INLINE factor factor_of(number k) {
    VERIFY_CHECK(all_lanes((mask)(UP - UP * k + UP * k == UP) & (mask)(k >= 0)));
    return (factor){k, UP - UP * k};
}

/* UP + floor(x * k) of UP + x */
INLINE number raised_by(number raised, factor f) {
    VERIFY_CHECK(is_raised(raised) && all_lanes((mask)((raised - UP) * f.k < UP)));
    return fused(raised, f.k, f.rest);
}

INLINE number raised_from_u16(const uint16_t *p) {
    return (number)(words_from_u16(p) | (words)splat(UP));
}

/* floor(x * k) + floor(y * l) */
INLINE number floor_mul_add(number x, number k, number y, number l) {
    VERIFY_CHECK(all_lanes((mask)(x * k + y * l < UP)));
    return raised_mul(x, k) - 2 * UP + raised_mul(y, l);
}

/* The sum of raised numbers: vector.h. */
INLINE number lowered(words sum) {
    return (number)((sum & RAISED_LOW) | (words)splat(UP)) - UP;
}

/* floor(x * k) for |x * k| < 2^51 */
INLINE number floor_mul_signed(number x, number k) {
    VERIFY_CHECK(all_lanes((mask)(x * k > -UP / 2) & (mask)(x * k < UP / 2)));
    return fused(x, k, splat(UP_SIGNED)) - UP_SIGNED;
}

typedef struct {
    number unit;  /* the divisor / 2^32; of 0, which has only zeros to divide, 1 / 2^32 */
    number below; /* at most 1 / unit, and less by at most 2^-52 of it */
    number above; /* more than 1 / unit, by at most 2^-50 of it */
} divisor;

INLINE number or_one(number x) {
    return x + where(x == 0, splat(1));
}

INLINE divisor divisor_of(number x) {
    VERIFY_CHECK(whole_upto(x, splat(0x1p48)));
    x = or_one(x);
    number below = TWO_32 / x;
    divisor d = {x * UNIT, below, fused(below, splat(0x1p-50), below)};
    /* a fused operation does not round the sign away */
    VERIFY_CHECK(all_lanes((mask)(fused_from(splat(1), d.below, d.unit) >= 0) & (mask)(fused_from(splat(1), d.above, d.unit) < 0)));
    VERIFY_CHECK(all_lanes((mask)(fused(d.above, d.unit, splat(-1)) <= 0x1p-50)));
    return d;
}

/* UP + floor(x * 2^32 / divisor), for integers 0 <= x <= divisor < 2^48. The product with `below` is less than the quotient by
 * less than 1, so that its floor is the quotient's or one less. What it leaves, which is exact, is below 2 units, and has the floor
 * of its own quotient added, which is 0 or 1. */
INLINE number divide(number x, divisor d) {
    VERIFY_CHECK(whole_upto(x, d.unit * TWO_32));
    number q = raised_mul(x, d.below), left = fused_from(x, q - UP, d.unit);
    VERIFY_CHECK(all_lanes((mask)(left >= 0) & (mask)(left < 2 * d.unit)));
    VERIFY_CHECK(are_quotients(fused(left, d.above, q), x, d.unit * TWO_32));
    return fused(left, d.above, q);
}

/* By this a stored value v gives floor(v * 2^32 / sum), for integers 0 <= v <= sum < 2^31, v < 2^16: the product is above the
 * quotient by at most 2^(16 + 32 - 50) / sum, and a fraction of the quotient is at most 1 - 1 / sum. */
INLINE factor stored_share(number sum) {
    return factor_of(divisor_of(sum).above);
}

/* to_u16 of proportions, raised */
INLINE void store_u16(uint16_t *p, const number x[GROUP]) {
    VERIFY_CHECK(whole_upto(x[0] - UP, splat(TWO_32)) && whole_upto(x[1] - UP, splat(TWO_32)));
    const factor f = factor_of(splat(65535 * UNIT));
    low_quarters(p, raised_by(x[0], f), raised_by(x[1], f));
}

INLINE number weight_at(const uint32_t *p) {
    number w = from_u32(p);
    return one_more(w, w, splat(SCORE_ONE));
}

/* The smaller of a weight and its consensus; ones: some consensus is ONE. No weight but ONE reads otherwise than it is, and where
 * the consensus is below ONE, it is below what ONE reads. */
INLINE number clipped_weight(const uint32_t *p, number consensus, int ones) {
    return least(ones ? weight_at(p) : from_u32(p), consensus);
}

/* The number of the row of each lane. */
INLINE number by_row(const double *table, const vector_slice *s, uint32_t d, size_t at, int ragged) {
    return ragged ? gather(table, s->rows + at) : splat(table[d]);
}

/* Adds raised numbers to the row of each lane. */
INLINE void add_to_rows(uint64_t *table, const vector_slice *s, uint32_t d, size_t at, number raised, int ragged) {
    if (!ragged) {
        uint64_t *row = table + (size_t)d * ACCUMULATORS;
        words sum;
        memcpy(&sum, row, sizeof sum);
        sum += (words)raised;
        memcpy(row, &sum, sizeof sum);
        return;
    }
    uint64_t one[LANES];
    memcpy(one, &raised, sizeof one);
    for (unsigned lane = 0; lane < LANES; lane++) { /* neighbours in accumulators of their own: rows are often equal */
        table[(size_t)s->rows[at + lane] * ACCUMULATORS + lane] += one[lane];
    }
}

/* ---- section 4 ------------------------------------------------------------------------------------------------------- */

/* lone: a weight may be alone in its row, and ONE. */
INLINE void divide_row(uint32_t slices, const uint16_t *values, uint32_t *weights, size_t stride, factor share, int lone) {
    for (uint32_t s = 0; s < slices; s++) {
        for (unsigned lane = 0; lane < SLICE; lane += WIDE) {
            number w[GROUP];
            EACH(v) {
                w[v] = raised_by(raised_from_u16(values + s * (size_t)SLICE + lane + v * LANES), share);
                w[v] = lone ? least(w[v], splat(UP + SCORE_ONE)) : w[v];
            }
            low_halves(weights + s * stride + lane, w[0], w[1]);
        }
    }
}

static void PATH(normalize)(uint32_t slices, const uint16_t *values, uint32_t *weights, size_t stride) {
    uint32_t sum = 0; /* at most 65535 * 32767 */
    for (size_t k = 0; k < slices * (size_t)SLICE; k++) {
        sum += values[k];
    }
    factor share = stored_share(splat(sum));
    VERIFY_CHECK(sum <= (uint32_t)65535 * YUMA_MAX_UIDS);
    if (sum > UINT16_MAX) { /* no weight is ONE, which one alone in its row is */
        divide_row(slices, values, weights, stride, share, 0);
    } else {
        divide_row(slices, values, weights, stride, share, 1);
    }
    for (size_t k = 0; k < slices * (size_t)SLICE; k++) {
        VERIFY_CHECK(weights[k / SLICE * stride + k % SLICE] == fixed_min(fixed_div(values[k], sum), SCORE_ONE));
    }
}

/* ---- section 5 ------------------------------------------------------------------------------------------------------- */

/* The scores of one column a lane, of `vectors` of such columns, 1 or GROUP, that are counted side by side: `count` vectors each,
 * SLICE apart, and their stakes: of ragged columns vectors too, and of full ones a stake for all lanes. What is 0 in every lane
 * of ragged columns need not have a score. */
typedef struct {
    uint32_t count;
    const uint32_t *score[GROUP], *stake[GROUP];
} ballot;

INLINE scores score_of(const ballot *b, unsigned v, uint32_t k) {
    return load_scores(b->score[v] + k * (size_t)SLICE);
}

INLINE scores stake_of(const ballot *b, unsigned v, uint32_t k, int ragged) {
    return ragged ? load_scores(b->stake[v] + k * (size_t)SLICE) : splat_scores(b->stake[0][k]);
}

/* The stakes of the scores up to `middle`. */
INLINE void stake_upto(const ballot *b, const scores middle[GROUP], scores sum[GROUP], unsigned vectors, int ragged) {
    scores other[GROUP]; /* as an addition waits for the one before it */
    uint32_t k = 0;
    EACH_OF(v, vectors) {
        sum[v] = other[v] = splat_scores(0);
    }
    for (; k + 1 < b->count; k += 2) {
        EACH_OF(v, vectors) {
            sum[v] = scores_add_upto(sum[v], score_of(b, v, k), middle[v], stake_of(b, v, k, ragged));
            other[v] = scores_add_upto(other[v], score_of(b, v, k + 1), middle[v], stake_of(b, v, k + 1, ragged));
        }
    }
    EACH_OF(v, vectors) {
        sum[v] += other[v];
        if (k < b->count) {
            sum[v] = scores_add_upto(sum[v], score_of(b, v, k), middle[v], stake_of(b, v, k, ragged));
        }
    }
}

/* Of two vectors the first where `which` is all ones, the second where it is all zeros. */
INLINE scores either(scores which, scores a, scores b) {
    return (a & which) | (b & ~which);
}

INLINE int some_differ(const scores a[GROUP], const scores b[GROUP], unsigned vectors) {
    scores differ = a[0] ^ b[0];
    for (unsigned v = 1; v < vectors; v++) {
        differ |= a[v] ^ b[v];
    }
    return scores_differ(differ, splat_scores(0));
}

/* The answer is between low and high, and ends up as both; high is not above the highest score. Of the span between them the
 * half goes that does not have the answer, with `start` and what has gone below as stake. The sums of stake are below 2^32, as
 * that of the highest score, which is above 0, is not among them. A lane with low = high stays as it is.
 *
 * The first rounds halve the span and no more, as many of them as leave a score or two where scores are spread evenly. In the
 * others what is left ends at scores: `below` is the largest up to the middle, `above` the smallest above it. Both are kept less
 * middle + 1, modulo 2^32, where every score up to the middle is larger than every one above it. Either of them is there when it
 * is taken, as the answer is a score; of a lane with low = high, where nothing is above the middle, `below` is taken, which is
 * both. */
INLINE void halve(const ballot *b, scores low[GROUP], scores high[GROUP], const scores start[GROUP], scores minority,
                  unsigned vectors, int ragged) {
    scores middle[GROUP], sum[GROUP];
    for (uint32_t left = b->count; left != 0; left >>= 1) {
        EACH_OF(v, vectors) {
            middle[v] = low[v] + ((high[v] - low[v]) >> 1);
        }
        stake_upto(b, middle, sum, vectors, ragged);
        EACH_OF(v, vectors) {
            scores passes = scores_above(start[v] + sum[v], minority), one = (scores)(low[v] != high[v]) & 1;
            VERIFY_CHECK(!scores_differ(scores_above(start[v], start[v] + sum[v]) & (scores)(low[v] != high[v]), splat_scores(0)));
            high[v] = either(passes, middle[v], high[v]);
            low[v] = either(passes, low[v], middle[v] + one);
        }
    }
    for (int round = 0; round < 32 && some_differ(low, high, vectors); round++) { /* each halves a span below 2^32 */
        scores from[GROUP], below[GROUP], above[GROUP];
        EACH_OF(v, vectors) {
            middle[v] = low[v] + ((high[v] - low[v]) >> 1);
            from[v] = middle[v] + 1;
            sum[v] = start[v];
            below[v] = low[v] - from[v];
            above[v] = high[v] - from[v];
        }
        for (uint32_t k = 0; k < b->count; k++) {
            EACH_OF(v, vectors) {
                scores score = score_of(b, v, k), past = score - from[v];
                sum[v] = scores_add_upto(sum[v], score, middle[v], stake_of(b, v, k, ragged));
                below[v] = scores_most(below[v], past);
                above[v] = scores_least(above[v], past);
            }
        }
        EACH_OF(v, vectors) {
            scores passes = scores_above(sum[v], minority) | (scores)(low[v] == high[v]);
            high[v] = either(passes, below[v] + from[v], high[v]);
            low[v] = either(passes, low[v], above[v] + from[v]);
        }
    }
    VERIFY_CHECK(!some_differ(low, high, vectors));
}

INLINE void median(const vector_epoch *e, const ballot *b, scores consensus[GROUP], unsigned vectors, int ragged) {
    scores low[GROUP], start[GROUP], *high = consensus;
    EACH_OF(v, vectors) {
        low[v] = splat_scores(UINT32_MAX);
        high[v] = splat_scores(0);
        start[v] = splat_scores(e->absent);
    }
    if (ragged) {
        EACH_OF(v, vectors) {
            scores voted = splat_scores(0), sum = splat_scores(0);
            for (uint32_t k = 0; k < b->count; k++) {
                scores x = score_of(b, v, k), none = (scores)(x == 0);
                low[v] = scores_least(low[v], x | none);
                high[v] = scores_most(high[v], x);
                voted += ~none & 1;
                sum += stake_of(b, v, k, 1);
            }
            low[v] &= (scores)(voted == e->validators); /* else somebody scores 0 */
            start[v] = e->total - sum;                  /* of those who have no slot in the column */
        }
    } else {
        for (uint32_t k = 0; k < b->count; k++) {
            EACH_OF(v, vectors) {
                scores x = score_of(b, v, k);
                low[v] = scores_least(low[v], x);
                high[v] = scores_most(high[v], x);
            }
        }
        for (unsigned v = 0; v < vectors && b->count < e->validators; v++) {
            low[v] = splat_scores(0);
        }
    }
    for (unsigned v = 0; v < vectors && e->extreme < 0; v++) {
        high[v] = low[v];
    }
    if (e->extreme != 0) {
        return;
    }
    scores minority = splat_scores(e->minority);
    for (unsigned v = 0; v < vectors && ragged; v++) { /* most columns of a sparse matrix are decided by their zeros */
        scores zeros = start[v];
        for (uint32_t k = 0; k < b->count; k++) {
            zeros += stake_of(b, v, k, 1) & (scores)(score_of(b, v, k) == 0);
        }
        high[v] &= ~((scores)(low[v] == 0) & scores_above(zeros, minority) & (scores)(high[v] != 0));
    }
    if (some_differ(low, high, vectors)) {
        halve(b, low, high, start, minority, vectors, ragged);
    }
}

/* The ballot of a slice, in the first place; scratch: room for the scores of the slice, and for ragged ones their stakes. */
INLINE ballot ballot_of(const vector_epoch *e, const vector_slice *s, uint32_t *scratch) {
    const size_t slots = s->depth * (size_t)SLICE;
    uint32_t *score = scratch, *stake = scratch + slots;
    if (s->rows != NULL) {
        for (size_t at = 0; at < slots; at++) {
            stake[at] = e->score_stake[s->rows[at]];
        }
        for (size_t at = 0; at < slots; at++) {
            score[at] = stake[at] == 0 ? 0 : s->weights[at];
        }
        return (ballot){s->depth, {score}, {stake}};
    }
    if (e->scorers == s->depth) {
        return (ballot){s->depth, {s->weights}, {e->scorer_stake}};
    }
    for (uint32_t k = 0; k < e->scorers; k++) {
        memcpy(score + k * (size_t)SLICE, s->weights + e->scorer[k] * (size_t)SLICE, SLICE * sizeof *score);
    }
    return (ballot){e->scorers, {score}, {e->scorer_stake}};
}

static void PATH(consensus)(const vector_epoch *e, const vector_slice *s, uint32_t slices, uint32_t *consensus) {
    enum { VECTORS_OF_SLICE = SLICE / SCORES };
    uint32_t *scratch = e->scratch;
    const int ragged = s->rows != NULL;
    ballot of[TOGETHER];
    for (uint32_t t = 0; t < slices; t++) {
        of[t] = ballot_of(e, s + t, scratch + t * s->depth * (size_t)SLICE);
    }
    for (unsigned u = 0; u < slices * VECTORS_OF_SLICE; u += GROUP) {
        ballot part = {.count = of[0].count};
        unsigned vectors = 0;
        for (; vectors < GROUP && u + vectors < slices * VECTORS_OF_SLICE; vectors++) {
            const ballot *b = &of[(u + vectors) / VECTORS_OF_SLICE];
            unsigned lane = (u + vectors) % VECTORS_OF_SLICE * SCORES;
            part.score[vectors] = b->score[0] + lane;
            part.stake[vectors] = b->stake[0] + (ragged ? lane : 0);
        }
        scores c[GROUP];
        if (vectors == GROUP) {
            ragged ? median(e, &part, c, GROUP, 1) : median(e, &part, c, GROUP, 0);
        } else {
            ragged ? median(e, &part, c, 1, 1) : median(e, &part, c, 1, 0);
        }
        memcpy(consensus + u * SCORES, c, vectors * sizeof *c);
    }
}

/* ---- section 6 ------------------------------------------------------------------------------------------------------- */

/* Whole slots at a time, so that a row's accumulators are loaded once. */
INLINE void clip(const vector_epoch *e, const vector_slice *s, const double *consensus, double *rank, int ragged, int ones) {
    enum { VECTORS = SLICE / LANES };
    number limit[VECTORS];
    words sum[VECTORS];
    EACH_OF(v, VECTORS) {
        limit[v] = load(consensus + v * LANES);
        sum[v] = (words)splat(0);
    }
    for (uint32_t d = 0; d < s->depth; d++) {
        size_t at = d * (size_t)SLICE;
        number all = splat(UP);
        EACH_OF(v, VECTORS) {
            number c = clipped_weight(s->weights + at + v * LANES, limit[v], ones);
            sum[v] += (words)raised_mul(c, by_row(e->stake, s, d, at + v * LANES, ragged));
            if (ragged) {
                add_to_rows(e->trust, s, d, at + v * LANES, c + UP, 1);
            } else {
                all += c;
            }
        }
        if (!ragged) {
            add_to_rows(e->trust, s, d, at, all, 0);
        }
    }
    EACH_OF(v, VECTORS) {
        store(rank + v * LANES, lowered(sum[v]));
    }
}

static void PATH(clip)(const vector_epoch *e, const vector_slice *s, const double consensus[SLICE], double rank[SLICE]) {
    int ones = 0;
    for (unsigned lane = 0; lane < SLICE; lane++) {
        ones |= consensus[lane] == TWO_32;
    }
    if (ones) {
        s->rows != NULL ? clip(e, s, consensus, rank, 1, 1) : clip(e, s, consensus, rank, 0, 1);
    } else {
        s->rows != NULL ? clip(e, s, consensus, rank, 1, 0) : clip(e, s, consensus, rank, 0, 0);
    }
}

/* ---- section 7 ------------------------------------------------------------------------------------------------------- */

/* weights_for_bonds; an entry that the clip drops has c = 0, as an absent one. */
INLINE number weight_for_bonds(const vector_epoch *e, number w, number consensus) {
    number c = least(w, consensus);
    return e->penalty == 0 ? w : e->penalty == 1 ? c : w + floor_mul_signed(c - w, splat(e->beta));
}

/* The old bond of Yuma 3, ratio16(v). The factor is 2^32 / 65535 rounded up, by less than 2^-36: v times that is below 2^-20,
 * and a fraction of v * 2^32 / 65535 = v * 65537 + v / 65535 is 2^-16 or more below the next whole number. Raised. */
INLINE number old_bond(const uint16_t *bond) {
    number raised = raised_by(raised_from_u16(bond), factor_of(splat(0x1.0001000100011p+16)));
    VERIFY_CHECK(are_ratios(raised, bond));
    return raised;
}

/* Columns of a slice that are computed side by side. */
typedef struct {
    unsigned lane; /* where in the slice they are */
    number consensus[GROUP], incentive[GROUP], rank[GROUP];
    number old_sum[GROUP]; /* of Yuma 2, of the stored bonds */
} columns;

/* Where the slots of a vector of a group are in row d. */
INLINE size_t slots_of(const columns *c, uint32_t d, unsigned v) {
    return d * (size_t)SLICE + c->lane + v * LANES;
}

/* ema_bonds, and what is known of them by column when they are all there. */
typedef struct {
    double *bond; /* [depth][WIDE] */
    number sum[GROUP], lowest[GROUP], highest[GROUP];
} averages;

INLINE averages averages_in(double *bond) {
    averages a = {.bond = bond};
    EACH(v) {
        a.sum[v] = a.highest[v] = splat(0);
        a.lowest[v] = splat(1);
    }
    return a;
}

INLINE double *place_of(const averages *a, uint32_t d, unsigned v) {
    return a->bond + d * (size_t)WIDE + v * LANES;
}

INLINE void put_average(averages *a, uint32_t d, unsigned v, number x) {
    VERIFY_CHECK(whole_upto(x, splat(TWO_32)) && whole_upto(a->sum[v], splat(0x1p47)));
    store(place_of(a, d, v), x);
    a->lowest[v] = least(a->lowest[v], x);
    a->highest[v] = most(a->highest[v], x);
    a->sum[v] += x;
}

/* ema; both raised. */
INLINE number ema(const vector_epoch *e, number new, number old) {
    return raised_by(new, factor_of(splat(e->alpha))) - 2 * UP + raised_by(old, factor_of(splat(e->rest)));
}

INLINE unsigned above_0(number x, number y) {
    return bits(x > 0) | bits(y > 0) << LANES;
}

/* Which of ema_bonds are above 0. */
INLINE void keep(const vector_slice *s, const columns *c, const averages *a) {
    const unsigned all = (1u << WIDE) - 1;
    const int every = above_0(a->lowest[0], a->lowest[1]) == all;
    uint16_t *kept = s->kept;
    for (uint32_t d = 0, depth = s->depth; d < depth; d++) {
        unsigned set = every ? all : above_0(load(place_of(a, d, 0)), load(place_of(a, d, 1)));
        kept[d] = (uint16_t)(kept[d] | set << c->lane);
    }
}

/* column_normalize, what it gives of the dividends, and what Yuma 2 stores: of the normalized the largest is the largest,
 * normalized, as a larger bond is not smaller when both are divided by one number. */
INLINE void normalized(const vector_epoch *e, const vector_slice *s, const columns *c, const averages *a, int yuma2, int ragged) {
    divisor by_sum[GROUP], by_largest[GROUP];
    factor incentive[GROUP];
    EACH(v) {
        by_sum[v] = divisor_of(a->sum[v]);
        by_largest[v] = yuma2 ? divisor_of(divide(a->highest[v], by_sum[v]) - UP) : by_sum[v];
        incentive[v] = factor_of(c->incentive[v]);
    }
    for (uint32_t d = 0, depth = s->depth; d < depth; d++) {
        number stored[GROUP];
        words all = {0};
        EACH(v) {
            number n = divide(load(place_of(a, d, v)), by_sum[v]), share = raised_by(n, incentive[v]);
            if (ragged) {
                add_to_rows(e->dividends, s, d, slots_of(c, d, v), share, 1);
            }
            all += (words)share;
            if (yuma2) {
                stored[v] = divide(n - UP, by_largest[v]);
            }
        }
        if (!ragged) {
            add_to_rows(e->dividends, s, d, 0, (number)all, 0);
        }
        if (yuma2) {
            store_u16(s->bonds + slots_of(c, d, 0), stored);
        }
    }
}

/* weights_for_bonds. clipped: they are the clipped weights, none of which is ONE. */
INLINE number bought(const vector_epoch *e, const vector_slice *s, const columns *c, uint32_t d, unsigned v, int clipped) {
    const uint32_t *weight = s->weights + slots_of(c, d, v);
    return clipped ? clipped_weight(weight, c->consensus[v], 0) : weight_for_bonds(e, weight_at(weight), c->consensus[v]);
}

/* The new bonds before they are normalized. Where weights are clipped, rank is their sum. */
INLINE number new_bond(const vector_epoch *e, const vector_slice *s, const columns *c, uint32_t d, unsigned v, int clipped,
                       int ragged) {
    return floor_mul(bought(e, s, c, d, v, clipped), by_row(e->stake, s, d, slots_of(c, d, v), ragged));
}

INLINE void bonds_yuma2(const vector_epoch *e, const vector_slice *s, const columns *c, int clipped, int ragged) {
    averages a = averages_in(e->scratch);
    const uint32_t depth = s->depth;
    divisor by_new[GROUP];
    factor of_old[GROUP];
    EACH(v) {
        number sum = clipped ? c->rank[v] : splat(0);
        for (uint32_t d = 0; d < depth && !clipped; d++) {
            sum += new_bond(e, s, c, d, v, 0, ragged);
        }
        by_new[v] = divisor_of(sum);
        of_old[v] = stored_share(c->old_sum[v]);
    }
    for (uint32_t d = 0; d < depth; d++) {
        EACH(v) {
            number old = raised_by(raised_from_u16(s->bonds + slots_of(c, d, v)), of_old[v]);
            VERIFY_CHECK(are_quotients(old, raised_from_u16(s->bonds + slots_of(c, d, v)) - UP, c->old_sum[v]));
            put_average(&a, d, v, ema(e, divide(new_bond(e, s, c, d, v, clipped, ragged), by_new[v]), old));
        }
    }
    keep(s, c, &a);
    normalized(e, s, c, &a, 1, ragged);
}

enum { VECTORS = ALPHAS / LANES };

/* g of section 7 for a distance. */
INLINE number exponent_of(const vector_epoch *e, number distance) {
    return floor_mul_signed(distance - TWO_32 / 2, splat(e->slope));
}

/* Where high is below low the product is negative, and not a floor: the cut makes low of whatever it is. */
INLINE number alpha_of(const vector_epoch *e, number sigmoid) {
    VERIFY_CHECK(whole_upto(sigmoid, splat(TWO_32)) && e->span == e->high - e->low);
    number alpha = fused(sigmoid, splat(e->span * UNIT), splat(UP)) - UP + e->low;
    return most(least(alpha, splat(e->high)), splat(e->low));
}

INLINE number choose(mask m, number x, number y) {
    return where(m, x) + where(~m, y);
}

/* alpha of section 7 for ALPHAS distances d, in place, by the series. */
static void PATH(exact_alphas)(const vector_epoch *e, double distance[ALPHAS]) {
    number g[VECTORS], a[VECTORS], term[VECTORS], sum[VECTORS];
    mask nonzero;
    EACH_OF(v, VECTORS) {
        g[v] = exponent_of(e, load(distance + v * LANES));
        a[v] = most(g[v], -g[v]);
        term[v] = a[v];
        sum[v] = a[v] + TWO_32;
    }
    for (int i = 2; i <= 31; i++) {
        double by = i * TWO_32; /* term * a >> 32, then / i, is one quotient: of floors of floors */
        number inverse = splat(e->inverse[i]);
        EACH_OF(v, VECTORS) {
            number product = term[v] * a[v];
            number lost = fused(term[v], a[v], -product); /* exact */
            number q = floor_mul(product, inverse);
            number remainder = fused_from(product, q, splat(by)) + lost; /* exact */
            VERIFY_CHECK(all_lanes((mask)(remainder >= 0) & (mask)(remainder < 2 * by) & (mask)(sum[v] < 2 * UP)));
            q = one_more(q, remainder, splat(by));
            term[v] = q;
            sum[v] += q;
        }
        if (i % 4 == 0) {
            nonzero = term[0] != 0;
            for (unsigned v = 1; v < VECTORS; v++) {
                nonzero |= term[v] != 0;
            }
            if (bits(nonzero) == 0) { /* a term of 0 stays 0 */
                break;
            }
        }
    }
    EACH_OF(v, VECTORS) {
        /* A quotient that is rounded downward does not pass a whole number: its floor is that of the quotient. */
        number inverted = TWO_32 * TWO_32 / sum[v] + UP - UP;
        number power = choose(g[v] < 0, inverted, sum[v]);
        power = choose(g[v] == TWO_32, splat(11674931200.0), power);
        store(distance + v * LANES, alpha_of(e, TWO_32 * TWO_32 / (power + TWO_32) + UP - UP));
    }
}

/* Of 2^32 / d, for d from *lower to *upper, what is not above and what is not below it. */
INLINE void invert(number *lower, number *upper) {
    VERIFY_CHECK(all_lanes((mask)(*lower > 0) & (mask)(*lower <= *upper)));
    number q = SIGMOID_NUMERATOR / *upper;
    number t = (*upper - *lower) * (q * UNIT);
    *lower = q;
    *upper = fused(q, t + SIGMOID_MORE_OF_Q, q);
}

/* Whether each of the set is what the law makes of its exponent. */
INLINE int are_alphas(const vector_epoch *e, number alpha, number g, mask set) {
    int right = 1;
    for (unsigned lane = 0; lane < LANES; lane++) {
        int64_t exact = (int64_t)e->low + fixed_mul(fixed_sigmoid((int64_t)g[lane]), (int64_t)e->span);
        exact = fixed_max(fixed_min(exact, (int64_t)e->high), (int64_t)e->low);
        right &= (int64_t)alpha[lane] == exact || set[lane] == 0;
    }
    return right;
}

/* alphas of ALPHAS distances from the bounds of sigmoid.h, in place; open: a lane each, where they leave it open. */
INLINE void bounded_alphas(const vector_epoch *e, double distance[ALPHAS], mask open[VECTORS]) {
    number g[VECTORS], lower[VECTORS], upper[VECTORS];
    mask negative = {0};
    EACH_OF(v, VECTORS) {
        g[v] = exponent_of(e, load(distance + v * LANES));
        negative |= g[v] < 0;
    }
    EACH_OF(v, VECTORS) { /* of the exponential / 2^32 */
        number a = least(most(g[v], -g[v]), splat((double)SIGMOID_UPTO)), y = a * 0x1p-41;
        number p = fused(y, splat(SIGMOID_120TH), splat(SIGMOID_24TH));
        p = fused(y, fused(y, p, splat(SIGMOID_6TH)), splat(0.5));
        p = fused(y, fused(y, p, splat(1)), splat(1));
        lower[v] = p;
        upper[v] = fused(a, splat(SIGMOID_LESS_OF_X * UNIT), splat(SIGMOID_LESS));
    }
    for (unsigned s = 0; s < SIGMOID_SQUARINGS; s++) {
        EACH_OF(v, VECTORS) {
            lower[v] *= lower[v];
        }
    }
    EACH_OF(v, VECTORS) {
        number power = lower[v];
        lower[v] = power - fused(power, splat(SIGMOID_LESS_OF_E), upper[v]);
        upper[v] = power * SIGMOID_MORE_OF_E;
    }
    if (bits(negative) != 0) { /* the inverse, a whole number, / 2^32 */
        EACH_OF(v, VECTORS) {
            number p = lower[v], q = upper[v];
            invert(&p, &q);
            lower[v] = choose(g[v] < 0, (p + UP - UP) * UNIT, lower[v]);
            upper[v] = choose(g[v] < 0, (q + UP - UP) * UNIT, upper[v]);
        }
    }
    EACH_OF(v, VECTORS) {
        number p = lower[v] + 1, q = upper[v] + 1;
        invert(&p, &q);
        p = alpha_of(e, p + UP - UP);
        q = alpha_of(e, q + UP - UP);
        open[v] = (p != q) | (most(g[v], -g[v]) > (double)SIGMOID_UPTO) | (g[v] == TWO_32);
        VERIFY_CHECK(are_alphas(e, p, g[v], ~open[v]));
        store(distance + v * LANES, p);
    }
}

/* Distances that need the series, and where their alphas go. */
typedef struct {
    double distance[2 * ALPHAS];
    size_t place[2 * ALPHAS], count;
} undecided;

/* The first ALPHAS of them, or all. */
static void PATH(settle)(const vector_epoch *e, undecided *u, double *alpha) {
    size_t some = u->count < ALPHAS ? u->count : ALPHAS;
    memset(u->distance + u->count, 0, (2 * ALPHAS - u->count) * sizeof *u->distance);
    PATH(exact_alphas)(e, u->distance);
    for (size_t m = 0; m < some; m++) {
        alpha[u->place[m]] = u->distance[m];
    }
    u->count -= some;
    memcpy(u->distance, u->distance + ALPHAS, u->count * sizeof *u->distance);
    memcpy(u->place, u->place + ALPHAS, u->count * sizeof *u->place);
    VERIFY_CHECK(u->count < ALPHAS);
}

/* alpha of section 7 for `count` distances d, a multiple of ALPHAS, in place. */
static void PATH(alphas)(const vector_epoch *e, double *distance, size_t count) {
    undecided u;
    u.count = 0;
    for (size_t at = 0; at < count; at += ALPHAS) {
        double *block = distance + at, before[ALPHAS];
        mask nonzero = {0}, open[VECTORS];
        EACH_OF(v, VECTORS) {
            nonzero |= load(block + v * LANES) != 0;
        }
        if (bits(nonzero) == 0) { /* as wherever a full penalty meets weights that are not below their bonds */
            EACH_OF(v, VECTORS) {
                store(block + v * LANES, splat(e->alpha_of_0));
            }
            continue;
        }
        memcpy(before, block, sizeof before);
        bounded_alphas(e, block, open);
        EACH_OF(v, VECTORS) {
            unsigned set = bits(open[v]);
            for (unsigned lane = 0; set != 0 && lane < LANES; lane++) { /* without a branch, which could not be predicted */
                u.distance[u.count] = before[v * LANES + lane]; /* below 2 * ALPHAS: before the block there were less than ALPHAS */
                u.place[u.count] = at + v * LANES + lane;
                u.count += set >> lane & 1;
            }
            VERIFY_CHECK(u.count < 2 * ALPHAS);
        }
        if (u.count >= ALPHAS) {
            PATH(settle)(e, &u, distance);
        }
    }
    while (u.count != 0) {
        PATH(settle)(e, &u, distance);
    }
}

INLINE number liquid_weight(const vector_epoch *e, const vector_slice *s, size_t at, number consensus, number *bond) {
    number w = weight_at(s->weights + at), x = weight_for_bonds(e, w, consensus);
    /* absent in weights_for_bonds: a bond that is dropped */
    mask there = (mask)(words_from_u16(s->present + at) != 0);
    if (e->penalty == 1) {
        there &= (mask)(consensus != 0) | (mask)(w == 0);
    } else if (e->penalty == 2) {
        there &= x > 0;
    }
    *bond = where(there, old_bond(s->bonds + at) - UP);
    return x;
}

/* The alphas of the liquid EMA by slot, in `alpha`. */
INLINE void liquid_alphas(const vector_epoch *e, const vector_slice *s, const columns *c, const double *selected,
                          double *alpha) {
    uint32_t depth = s->depth;
    number from[GROUP];
    EACH(v) {
        from[v] = load(selected + v * LANES);
    }
    size_t count = depth * (size_t)WIDE, padded = (count + ALPHAS - 1) / ALPHAS * ALPHAS;
    for (uint32_t d = 0; d < depth; d++) {
        EACH(v) {
            number b, w = liquid_weight(e, s, slots_of(c, d, v), c->consensus[v], &b);
            mask bought = w >= b;
            number distance = most(where(bought, w - from[v]) + where(~bought, b - w), splat(0));
            VERIFY_CHECK(whole_upto(distance, splat(TWO_32)));
            store(alpha + d * (size_t)WIDE + v * LANES, distance);
        }
    }
    memset(alpha + count, 0, (padded - count) * sizeof *alpha);
    PATH(alphas)(e, alpha, padded);
}

INLINE void bonds_yuma3(const vector_epoch *e, const vector_slice *s, const columns *c, int clipped, int ragged) {
    averages a = averages_in(e->scratch); /* in the places of the alphas, of which there are some more */
    const int liquid = e->liquid;
    for (uint32_t d = 0, depth = s->depth; d < depth; d++) {
        number stored[GROUP];
        EACH(v) {
            number x;
            if (liquid) {
                number b, w = liquid_weight(e, s, slots_of(c, d, v), c->consensus[v], &b), alpha = load(place_of(&a, d, v));
                x = least(splat(TWO_32), floor_mul_add(b, (TWO_32 - alpha) * UNIT, w, alpha * UNIT));
            } else {
                x = ema(e, bought(e, s, c, d, v, clipped) + UP, old_bond(s->bonds + slots_of(c, d, v)));
            }
            put_average(&a, d, v, x);
            stored[v] = x + UP;
        }
        store_u16(s->bonds + slots_of(c, d, 0), stored);
    }
    keep(s, c, &a);
    normalized(e, s, c, &a, 0, ragged);
}

static void PATH(bonds)(const vector_epoch *given, const vector_slice *of, const double consensus[SLICE],
                        const double selected[SLICE], const double incentive[SLICE], const double rank[SLICE]) {
    const vector_epoch e = *given; /* what is stored does not change them, which of what is pointed to no compiler knows */
    const vector_slice s = *of;
    double old[SLICE] = {0};
    for (unsigned lane = 0; lane < SLICE && !e.yuma3; lane += SCORES) {
        scores sum = splat_scores(0); /* at most 65535 * 32767 */
        for (uint32_t d = 0; d < s.depth; d++) {
            sum += widen(s.bonds + d * (size_t)SLICE + lane);
        }
        for (unsigned k = 0; k < SCORES; k++) {
            old[lane + k] = sum[k];
        }
    }
    for (unsigned lane = 0; lane < SLICE; lane += WIDE) {
        columns c = {.lane = lane};
        unsigned ones = 0;
        EACH(v) {
            c.consensus[v] = load(consensus + lane + v * LANES);
            c.incentive[v] = load(incentive + lane + v * LANES);
            c.rank[v] = load(rank + lane + v * LANES);
            c.old_sum[v] = load(old + lane + v * LANES);
            ones |= bits(c.consensus[v] == TWO_32);
        }
        const int clipped = e.penalty == 1 && ones == 0, ragged = s.rows != NULL;
        if (e.yuma3) {
            if (e.liquid) {
                liquid_alphas(given, of, &c, selected + lane, e.scratch);
            }
            ragged ? bonds_yuma3(&e, &s, &c, clipped, 1) : bonds_yuma3(&e, &s, &c, clipped, 0);
        } else if (clipped) {
            ragged ? bonds_yuma2(&e, &s, &c, 1, 1) : bonds_yuma2(&e, &s, &c, 1, 0);
        } else {
            ragged ? bonds_yuma2(&e, &s, &c, 0, 1) : bonds_yuma2(&e, &s, &c, 0, 0);
        }
    }
}

/* ---- section 8 ------------------------------------------------------------------------------------------------------- */

INLINE uint32_t pack_by_lane(unsigned set, const uint16_t *a, const uint16_t *b, uint16_t *to_a, uint16_t *to_b) {
    uint32_t packed = 0;
    for (unsigned lane = 0; lane < SLICE; lane++) { /* without a branch, which could not be predicted */
        to_a[packed] = a[lane];
        to_b[packed] = b[lane];
        packed += set >> lane & 1;
    }
    return packed;
}

static uint32_t PATH(pack)(const vector_row *row, uint16_t *uid, uint16_t *value, uint32_t room) {
    const uint16_t *from_uid = row->uid, *from = row->bonds, *kept = row->kept;
    uint32_t packed = 0;
    for (uint32_t s = 0; s < row->slices; s++, from_uid += SLICE, from += row->pitch * (size_t)SLICE, kept += row->pitch) {
        unsigned set = *kept;
        if (set == UINT16_MAX) {
            memcpy(uid + packed, from_uid, SLICE * sizeof *uid);
            memcpy(value + packed, from, SLICE * sizeof *value);
            packed += SLICE;
        } else if (set != 0 && room - packed >= SLICE) {
            packed += pack_slice(set, from_uid, from, uid + packed, value + packed);
        } else {
            for (unsigned lane = 0; lane < SLICE; lane++) {
                if (set >> lane & 1) {
                    uid[packed] = from_uid[lane];
                    value[packed++] = from[lane];
                }
            }
        }
    }
    return packed;
}

static int PATH(rounds_downward)(void) {
    volatile double one = 1, tiny = 0x1p-60;
    const double tenth = 1.0 / 10.0; /* to nearest it is above */
    return all_lanes((mask)(splat(one) - tiny < 1)) && tenth < 0x1.999999999999ap-4;
}

const vector_path PATH(path) = {
    ISA, PATH(rounds_downward), PATH(normalize), PATH(consensus), PATH(clip), PATH(alphas), PATH(bonds), PATH(pack),
};
