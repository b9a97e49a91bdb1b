/* Sections 4 to 7 of the law with vector instructions; internal.
 *
 * vector.c chooses a layout, by counts alone, and the instruction set; vector_full.c, and for a sparse layout vector_entries.c and
 * vector_sparse.c, lay the matrices out and speak no instruction set. vector_path.h has the arithmetic, by sections of the law in files
 * of their own, written once over the primitives of an instruction set and compiled once for each by vector_avx2.c, vector_avx512.c and
 * vector_neon.c.
 *
 * In a full layout columns stand in slices of SLICE. A slot is a place of a matrix: (d, lane) is slot d of a column of the slice,
 * of row d in every column, and absent entries are zeros. In a sparse layout rows stand one after the other, each with an entry
 * where it has a weight or a bond, and what is known by column is looked up; for the median alone scores stand by column.
 *
 * Numbers are integers in doubles: proportions, up to 2^32, and their sums, below 2^47. The rounding mode is downward while
 * a path runs, which makes a floor of what a fused multiply-add does not represent: docs/numerics.md says why that is
 * exact. */
#ifndef YUMA_VECTOR_H
#define YUMA_VECTOR_H

#include <stddef.h>
#include <stdint.h>

#include "assumptions.h"
#include "profile.h"
#include "shares.h"
#include "uids.h"
#include "verify.h"
#include "yuma.h"

enum {
    SLICE = 16,
    TOGETHER = 2,     /* slices whose medians are found side by side */
    ACCUMULATORS = 8, /* of a row, added up at the end; at least the numbers in a vector */
    ALPHAS = 32,      /* liquid alphas are computed so many at a time */
    SCRATCH = SLICE * 2 * sizeof(uint32_t),
    SCRATCH_REST = ALPHAS * sizeof(double)
};

/* Where the paths keep it, a weight or a score of 2^32 is 2^32 - 1, which no weight is: v / S with 0 < v < S < 2^31 is at
 * most 2^32 - 3, and so the order of scores is kept. */
#define SCORE_ONE UINT32_MAX

typedef struct {
    uint32_t depth;
    uint32_t columns;        /* the first so many of SLICE; zeros stand in the others */
    uint32_t *weights;       /* [depth][SLICE] */
    /* Of a whole row each slice; this many slices further on the next row. */
    uint32_t pitch;
    uint16_t *bonds;         /* [depth][pitch][SLICE] as stored, outdated ones 0; the bonds to store when `bonds` is done */
    uint16_t *kept;          /* [depth][pitch], bit lane: whether the bond to store stands in the row; 0 at first */
    const uint16_t *present; /* [depth][pitch][SLICE] 2^16 - 1 where a weight stands, zeros included, else 0; null unless liquid */
} vector_slice;

/* What is known of a column. */
typedef struct {
    double first, second;
} vector_pair;

/* Of an entry: a weight stands there, zeros included; the merge walk of the liquid EMA does not see it, or the bond. */
enum { MARK_WEIGHT = 1, MARK_WEIGHT_UNSEEN = 2, MARK_BOND_UNSEEN = 4 };

/* A sparse layout, of all columns by uid or of some by number. A row has a multiple of SLICE entries; after its last one they are 0, of
 * the SLICE columns after the last. */
typedef struct {
    uint32_t rows;
    const uint32_t *begin; /* [rows + 1], multiples of SLICE */
    const uint32_t *count; /* [rows], entries that are some */
    const uint16_t *uid;   /* by entry, as all that follows: the column, once in a row */
    uint32_t *weights;
    uint16_t *bonds;       /* as in a slice */
    const uint16_t *marks; /* null unless liquid */
    uint16_t *kept;        /* [begin[rows] / SLICE], bit entry % SLICE: whether the bond to store stands in the row; 0 at first */
    double *average;       /* ema_bonds; of the liquid EMA their distances before, which are 0 for ALPHAS entries after the last */
    vector_pair *limit;    /* by column, as all that follows: consensus; what liquid alpha measures against */
    vector_pair *sums;     /* rank, then incentive / 2^32; the sum of ema_bonds, of Yuma 2 of the stored bonds. 0 at first */
    vector_pair *totals;   /* of Yuma 2: the sum of ema_bonds; the largest. 0 at first */
    vector_pair *bought;   /* of Yuma 2 without a full penalty: the sum of new bonds. 0 at first */
    double *trust, *dividends; /* [rows] */
} vector_rows;

typedef struct {
    uint32_t rows;
    /* section 5, of the second normalization */
    uint32_t validators;         /* with a stake, whether or not they have a row here */
    const uint16_t *scorer;      /* [scorers]: the rows of those that have; in a full layout their slots are the first */
    uint32_t scorers;
    const uint32_t *scorer_stake; /* [scorers], theirs, in the order of the slots in a full layout; of a lone one any above 0 */
    uint32_t heavy;              /* of a full layout: each median is between scores of the first so many, which may be all */
    uint32_t absent;             /* the stake of validators without a row here */
    uint32_t total;              /* of all validators, modulo 2^32 */
    uint32_t minority;           /* where `extreme` is 0 */
    uint64_t enough;             /* of stake on scores above 0: with less a column's consensus is 0, with as much it is not */
    int extreme;                 /* -1: the minority is negative, every column's lowest score; 1: no stake passes it, the highest */
    /* sections 6 and 7 */
    const double *stake;         /* [rows], active stake / 2^32, in the order of the slots in a full layout */
    uint64_t *trust;             /* [rows][ACCUMULATORS], of a full layout; of a row, their sum's low 52 bits */
    uint64_t *dividends;         /* the same */
    int yuma3, liquid, penalty;  /* penalty: 0 none, 1 full, 2 between */
    double beta;                 /* / 2^32 */
    double alpha, rest;          /* / 2^32, together 1 */
    /* liquid: low < high, |slope| <= VECTOR_SLOPE */
    double low, span, high;      /* span = high - low */
    double slope;                /* / 2^32 */
    double alpha_of_0;           /* the alpha of a distance of 0 */
    double inverse[32];          /* at 2 to 31: at most 1 / (i * 2^32), and less by at most 2^-50 of that */
    void *scratch;               /* SCRATCH bytes for each slot of the deepest column, and SCRATCH_REST */
} vector_epoch;

/* A row of weights as they are stored; that of `own` does not count. */
typedef struct {
    const uint16_t *uid, *value; /* [count] */
    uint32_t count;
    uint16_t own;
} vector_stored;

/* A row to store. */
typedef struct {
    uint32_t slices;
    const uint16_t *uid, *bonds; /* [slices][SLICE] */
    const uint16_t *kept;        /* [slices] */
} vector_row;

/* Numbers raised by 2^52 are added up as integers of 64 bits, of which the low 52 are the sum of the numbers. */
#define RAISED_LOW (((uint64_t)1 << 52) - 1)

/* With a slope of at most 28, |g| of section 7 is at most 14, where no term of the series passes 2^49. */
#define VECTOR_SLOPE (28 * YUMA_ONE)

typedef struct {
    uint32_t isa;
    uid_loops uids;
    /* Whether it does, as it was compiled, once the mode is set: some emulators, valgrind's among them, take the mode and round to
     * nearest, and so does what a compiler folds, which clang does without -frounding-math and does not tell of. */
    int (*rounds_downward)(void);
    /* Section 4: weights[s * stride + lane] = values[s * SLICE + lane] / their sum, which is below 2^31. */
    void (*normalize)(uint32_t slices, const uint16_t *values, uint32_t *weights, size_t stride);
    /* The same of a row of which some columns are not among values: `row` is all of it. */
    void (*divide)(uint32_t slices, const uint16_t *values, const vector_stored *row, uint32_t *weights, size_t stride);
    /* Of a full layout. Section 5, of one slice or of TOGETHER side by side. */
    void (*consensus)(const vector_epoch *e, const vector_slice *s, uint32_t slices, uint32_t *consensus);
    /* Section 6: adds to trust; rank. */
    void (*clip)(const vector_epoch *e, const vector_slice *s, const double consensus[SLICE], double rank[SLICE]);
    /* Section 7: adds to dividends; the bonds to store. selected: what liquid alpha measures against. incentive: / 2^32. rank:
     * of Yuma 2. */
    void (*bonds)(const vector_epoch *e, const vector_slice *s, const double consensus[SLICE], const double selected[SLICE],
                  const double incentive[SLICE], const double rank[SLICE]);
    /* Section 7: alpha of `count` distances d, a multiple of ALPHAS, in place. */
    void (*alphas)(const vector_epoch *e, double *distance, size_t count);
    /* Of a sparse layout. Section 5: score[depth][SLICE] and the stakes beside them, of a column those above 0, then zeros. */
    void (*packed_consensus)(const vector_epoch *e, uint32_t depth, const uint32_t *score, const uint32_t *stake,
                             uint32_t consensus[SLICE]);
    /* Section 7 of Yuma 3, as if every consensus were 0: of all entries what is stored, and `kept`, whatever it was. */
    void (*decay)(const vector_epoch *e, const vector_rows *m);
    /* Section 6 and, of Yuma 3, ema_bonds and what is stored. ones: some consensus is ONE. */
    void (*clip_rows)(const vector_epoch *e, const vector_rows *m, int ones);
    /* Section 7, of Yuma 2 and liquid alpha: ema_bonds. */
    void (*average_rows)(const vector_epoch *e, const vector_rows *m);
    /* Section 7: dividends, and what Yuma 2 stores. */
    void (*normalize_rows)(const vector_epoch *e, const vector_rows *m);
    /* Section 8: the uids and values that are kept, of which there are at most `room`; how many. */
    uint32_t (*pack)(const vector_row *row, uint16_t *uid, uint16_t *value, uint32_t room);
} vector_path;

#if defined(__GNUC__) && defined(__x86_64__) && !defined(YUMA_NO_VECTOR)
#define YUMA_HAVE_AVX 1
extern const vector_path yuma_vector_avx2, yuma_vector_avx512;
#endif

#if defined(__GNUC__) && defined(__aarch64__) && !defined(YUMA_NO_VECTOR)
#define YUMA_HAVE_NEON 1
extern const vector_path yuma_vector_neon;
#endif

/* The paths round downward, each operation once and to a double. gcc says since its version 12 whether it would fold constants as
 * if to nearest. */
#if defined(YUMA_HAVE_AVX) || defined(YUMA_HAVE_NEON)
#if FLT_EVAL_METHOD != 0
#error "yuma-kernel would not be exact: doubles are computed wider than 64 bits, as with -mfpmath=387; or YUMA_NO_VECTOR"
#endif
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12 && !defined(__ROUNDING_MATH__)
#error "yuma-kernel would not be exact: -frounding-math is missing; yuma.h states the flags"
#endif
#endif

/* The fastest path of the mask, which is trusted, or of YUMA_ISA_ANY; null for none. */
const vector_path *yuma_vector_path(uint32_t isa);

/* The parameters of liquid alpha; 0 where the slope is beyond VECTOR_SLOPE. */
int yuma_vector_liquid(vector_epoch *e, const profile_rules *rules, const yuma_hyperparameters *h);

/* What stands between section 3 and section 8 of an epoch. */
typedef struct {
    const uid_shares *active_stake;
    uint64_t latest;         /* of all registrations */
    const int64_t *previous; /* what liquid alpha measures against where it is not the current consensus, else null */
    int64_t *consensus, *rank, *incentive; /* [n]; rank may be incentive, which is written later */
    uid_shares *validator_trust, *dividends; /* of the rows, with one list of their uids */
} vector_shares;

/* `enough` of an epoch. The stake of the scores of 0 is what the others leave of the total: the consensus is 0 where that is above the
 * minority, total - kappa, and above 0, as else nobody scores 0; and where it is all. Of a lone validator, whose score alone counts,
 * any. */
uint64_t yuma_vector_enough(int64_t total, int64_t kappa, uint32_t validators);

/* Whether a subnet stands in a full layout, by its counts: of the uids that have weights that count or bonds, of the columns that the
 * layout would have, and of those entries. A slot of a full layout costs three eighths of an entry of a sparse one or
 * somewhat more, five eighths where the liquid EMA looks for its alpha. */
int yuma_vector_is_full(uint32_t rows, uint32_t columns, uint64_t weights, uint64_t bonds, int liquid);

/* Sections 4 to 7. *done is 0, and nothing written that counts, where the portable path has to compute: liquid alpha with a slope
 * above VECTOR_SLOPE, no memory for the layout, no downward rounding. */
yuma_status yuma_vector_epoch(const vector_path *path, const profile_rules *rules, const yuma_state *state, const yuma_hyperparameters *h,
                              const vector_shares *shares, yuma_result *result, void *workspace, size_t workspace_size,
                              int *done);

#endif
