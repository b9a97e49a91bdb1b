/* Sections 4 to 7 of the law with vector instructions; internal.
 *
 * vector.c lays the matrices out and speaks no instruction set; vector_path.h has the arithmetic, written once over the
 * primitives of an instruction set and compiled once for each by vector_avx2.c, vector_avx512.c and vector_neon.c.
 *
 * Columns stand in slices of SLICE. A slot is a place of a matrix: (d, lane) is slot d of a column of the slice. In a full
 * layout slot d is of row d in every column, and absent entries are zeros; in a ragged one a column has a slot for each row
 * that has a weight or a bond there, in the order of the rows, then zeros up to the depth of its slice, as of one more row
 * that has no stake.
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
    const uint16_t *rows;    /* [depth][SLICE]; null in a full layout */
    uint32_t *weights;       /* [depth][SLICE] */
    uint16_t *bonds;         /* [depth][SLICE] as stored, outdated ones 0; the bonds to store when `bonds` is done */
    uint16_t *kept;          /* [depth], bit lane: whether the bond to store stands in the row; 0 at first */
    const uint16_t *present; /* [depth][SLICE] 2^16 - 1 where a weight stands, zeros included, else 0; null unless liquid */
} vector_slice;

typedef struct {
    uint32_t rows; /* tables by row have one more entry, of zeros, for the slots of no row */
    /* section 5, of the second normalization */
    uint32_t validators;         /* with a stake, whether or not they have a row here */
    const uint16_t *scorer;      /* [scorers]: the rows of those that have */
    uint32_t scorers;
    const uint32_t *scorer_stake; /* [scorers], theirs */
    const uint32_t *score_stake; /* [rows + 1], 0 for no validator; of a lone one any number above 0 */
    uint32_t absent;             /* the stake of validators without a row here */
    uint32_t total;              /* of all validators, modulo 2^32 */
    uint32_t minority;           /* where `extreme` is 0 */
    int extreme;                 /* -1: the minority is negative, every column's lowest score; 1: no stake passes it, the highest */
    /* sections 6 and 7 */
    const double *stake;         /* [rows + 1], active stake / 2^32 */
    uint64_t *trust;             /* [rows + 1][ACCUMULATORS]; of a row, their sum's low 52 bits */
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

/* A row of a full layout. */
typedef struct {
    uint32_t slices, pitch;       /* lines from a slice to the next */
    const uint16_t *uid;          /* [slices][SLICE] */
    const uint16_t *bonds, *kept; /* of the first slice */
} vector_row;

/* Numbers raised by 2^52 are added up as integers of 64 bits, of which the low 52 are the sum of the numbers. */
#define RAISED_LOW (((uint64_t)1 << 52) - 1)

/* With a slope of at most 28, |g| of section 7 is at most 14, where no term of the series passes 2^49. */
#define VECTOR_SLOPE (28 * YUMA_ONE)

typedef struct {
    uint32_t isa;
    /* Whether it does, as it was compiled, once the mode is set: some emulators, valgrind's among them, take the mode and round to
     * nearest, and so does what a compiler folds, which clang does without -frounding-math and does not tell of. */
    int (*rounds_downward)(void);
    /* Section 4: weights[s * stride + lane] = values[s * SLICE + lane] / their sum, which is below 2^31. */
    void (*normalize)(uint32_t slices, const uint16_t *values, uint32_t *weights, size_t stride);
    /* Section 5, of one slice or, in a full layout, of TOGETHER side by side. */
    void (*consensus)(const vector_epoch *e, const vector_slice *s, uint32_t slices, uint32_t *consensus);
    /* Section 6: adds to trust; rank. */
    void (*clip)(const vector_epoch *e, const vector_slice *s, const double consensus[SLICE], double rank[SLICE]);
    /* Section 7: alpha of `count` distances d, a multiple of ALPHAS, in place. */
    void (*alphas)(const vector_epoch *e, double *distance, size_t count);
    /* Section 7: adds to dividends; the bonds to store. selected: what liquid alpha measures against. incentive: / 2^32. rank:
     * of Yuma 2. */
    void (*bonds)(const vector_epoch *e, const vector_slice *s, const double consensus[SLICE], const double selected[SLICE],
                  const double incentive[SLICE], const double rank[SLICE]);
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
    const int64_t *active_stake;
    const int64_t *previous; /* what liquid alpha measures against where it is not the current consensus, else null */
    int64_t *consensus, *validator_trust, *rank, *incentive, *dividends;
} vector_shares;

/* Sections 4 to 7. *done is 0, and nothing written that counts, where the portable path has to compute: liquid alpha over
 * rows out of order or with a slope above VECTOR_SLOPE, no memory for the layout, no downward rounding. */
yuma_status yuma_vector_epoch(const vector_path *path, const profile_rules *rules, const yuma_state *state, const yuma_hyperparameters *h,
                              const vector_shares *shares, yuma_result *result, void *workspace, size_t workspace_size,
                              int *done);

#endif
