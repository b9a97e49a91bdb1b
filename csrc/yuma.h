/* yuma-kernel: the epoch of Bittensor's Yuma Consensus, equal to the chain's to the last bit.
 *
 * C11, no heap, no globals, no I/O; the caller's floating-point environment comes back as it was. Every function is
 * reentrant; threads need a workspace each.
 *
 * Compiling. Every file of csrc, with -std=c11 -ffp-contract=off -frounding-math after whatever else is given, linked with -lm.
 * Never -ffast-math or -Ofast, nor parts of them, also not when linking, where gcc 12 and earlier take it for all of the process:
 * the sources refuse what they can tell of (assumptions.h). Of use: -O2 or -O3, -fvisibility=hidden; no -march is needed for the
 * instruction sets. YUMA_NO_VECTOR leaves them out, YUMA_NO_INT128 takes two words for 128 bits, YUMA_VERIFY looks at every
 * stated range while it runs, and aborts.
 *
 * "The law" is the specification of the epoch; its section names are the names of the stages below.
 *
 * Numbers. An int64_t that the text calls a proportion, a weight, a score, a bond or a stake share is the raw bits of
 * an I32F32: the value times 2^32. YUMA_ONE is 1. Blocks and rao are uint64_t. A uint8_t that stands for a truth is 0
 * or 1 on output, and anything but 0 is true on input.
 *
 * Rows. A matrix is n rows of (uid, value) in stored order; row i is the range [indptr[i], indptr[i + 1]). "Well formed"
 * means: indptr[0] = 0, indptr does not decrease, every uid is below n, and a uid stands in a row at most once. The
 * stages and yuma_epoch TRUST their matrices to be well formed (yuma_check tells, at a cost of one pass over them);
 * everything else a function needs is either checked and answered with a status, or stated as a range at the function.
 *
 * Structs grow at their end, in minor versions. A member that is 0 or null, as a designated initializer leaves it, means what
 * the version before the member computed: so sources are compiled again, and not changed.
 *
 * Null and ignored. Every pointer is required unless its text says that it may be null. Functions that return a status answer a
 * null one with YUMA_ERROR_NULL, a null workspace with YUMA_ERROR_WORKSPACE; the others must not be given any. A count of 0
 * needs no arrays.
 * A status must not be ignored: gcc and clang say where it is (-Wunused-result).
 *
 * Memory. The caller owns all of it. Buffers of a call must not overlap unless the function says so. An output matrix
 * must have room for as many entries as the function states. A function that answers anything but YUMA_OK has written
 * nothing that may be used.
 */
#ifndef YUMA_H
#define YUMA_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) && !defined(_WIN32)
#define YUMA_API __attribute__((visibility("default")))
#else
#define YUMA_API
#endif

#if defined(__GNUC__)
#define YUMA_USED __attribute__((warn_unused_result))
#else
#define YUMA_USED
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define YUMA_ONE ((int64_t)1 << 32)

/* [cffi: from here to the closing mark this is read by kernel/build.py, with YUMA_API and YUMA_USED taken out] */

enum {
    YUMA_ABI = 1, /* of this header; see yuma_abi */
    YUMA_MAX_UIDS = 32767,
    YUMA_PROFILE_425 = 425, /* the runtimes with spec versions 423 to 445 */
    YUMA_PROFILE_475 = 475, /* 452 to 475 */
    YUMA_PROFILE_401 = 401, /* earlier ones, of which docs/profiles.md has the spec versions */
    YUMA_PROFILE_365 = 365,
    YUMA_PROFILE_320 = 320,
    YUMA_PROFILE_297 = 297,
    YUMA_PROFILE_283 = 283,
    YUMA_PROFILE_273 = 273,
    YUMA_PROFILE_257 = 257,
    YUMA_PROFILE_252 = 252,
    YUMA_PROFILE_233 = 233,
    YUMA_NO_OWNER = -1
};

/* Section 9, the modes of the consensus that liquid alpha measures against, as the chain stores them. */
enum {
    YUMA_CONSENSUS_CURRENT = 0,
    YUMA_CONSENSUS_PREVIOUS = 1,
    YUMA_CONSENSUS_AUTO = 2 /* the previous one where bonds_penalty is 65535 */
};

/* Instruction sets, as bits of a mask. All give the same results. */
enum {
    YUMA_ISA_PORTABLE = 1, /* 64-bit integers, and doubles for bounds of liquid alpha; everywhere */
    YUMA_ISA_AVX2 = 2,     /* x86-64 with AVX2 and FMA */
    YUMA_ISA_AVX512 = 4,   /* x86-64 with AVX-512 F, BW, DQ and VL */
    YUMA_ISA_NEON = 8,     /* aarch64 */
    YUMA_ISA_ANY = 0x7fffffff
};

typedef enum {
    YUMA_OK = 0,
    YUMA_ERROR_NULL,      /* a pointer that may not be null is */
    YUMA_ERROR_N,         /* n is 0 or above YUMA_MAX_UIDS */
    YUMA_ERROR_WORKSPACE, /* the workspace is smaller than yuma_workspace says */
    YUMA_ERROR_PROFILE,   /* a profile that is not computed here */
    YUMA_ERROR_OWNER,     /* an owner that is neither YUMA_NO_OWNER nor below n */
    YUMA_ERROR_RANGE,     /* a scalar outside the range stated for it */
    YUMA_ERROR_INDPTR,    /* indptr does not start at 0, decreases, or does not end at the entries */
    YUMA_ERROR_UID,       /* a uid not below n, or twice in a row */
    YUMA_ERROR_STAKE,     /* a negative stake, or a sum that leaves I64F64 */
    YUMA_ERROR_ROOM,      /* no room for the bonds of an epoch */
    YUMA_ERROR_PREVIOUS   /* the previous consensus is not known, and liquid alpha measures against it */
} yuma_status;

/* n rows of u16 values as the chain stores them; read only. */
typedef struct {
    const uint32_t *indptr; /* [n + 1] */
    const uint16_t *uid;    /* [indptr[n]] */
    const uint16_t *value;  /* [indptr[n]] */
} yuma_stored_rows;

/* What yuma_rows_from_dense takes and makes, for one matrix after the other. */
typedef struct {
    const yuma_stored_rows *others;
    uint32_t count;
    const uint16_t *uids;
    const uint16_t *const *dense; /* of each matrix */
    uint32_t *indptr;             /* what the last one was made into, and so the next two */
    uint16_t *uid;
    uint16_t *value;
} yuma_dense_rows;

/* n rows of raw I32F32 bits. */
typedef struct {
    uint32_t *indptr;
    uint16_t *uid;
    int64_t *value;
} yuma_rows;

/* Section 2, by uid and by subnet. */
typedef struct {
    uint32_t n;
    int32_t owner_uid; /* YUMA_NO_OWNER or below n */
    yuma_stored_rows weights;
    yuma_stored_rows bonds;
    const uint64_t *total_stake;           /* [2n]: the I64F64 bits, low word then high word; >= 0, sum < 2^127 */
    const uint64_t *last_update;           /* [n] */
    const uint64_t *block_at_registration; /* [n] */
    const uint64_t *commit_block;          /* [n], 2^64 - 1 for none; null: none for any uid */
    const uint8_t *validator_permit;       /* [n] */
    uint64_t current_block;
    uint64_t last_mechanism_step_block;
    /* Section 9, read by profile 475. What the last epoch of this mechanism stored: of any length, 0 where nothing is stored
     * yet. Null: not known, and an epoch that measures against it is refused. */
    const uint16_t *previous_consensus;
    uint32_t previous_consensus_length;
    const uint64_t *last_yuma_step_block; /* of one number; null for none */
} yuma_state;

/* Section 2, the scalars that the subnet's owner or the chain sets. */
typedef struct {
    uint64_t tempo;                /* blocks */
    uint64_t activity_cutoff;      /* blocks */
    uint64_t stake_threshold;      /* rao */
    uint64_t bonds_moving_average; /* millionths, <= 1,000,000 */
    uint16_t max_allowed_validators;
    uint16_t kappa;
    uint16_t bonds_penalty;
    uint16_t alpha_low;
    uint16_t alpha_high;
    int32_t alpha_sigmoid_steepness; /* hundredths, an i16; in profile 273 ones, a u16; earlier ones do not read it */
    uint16_t profile;                /* a YUMA_PROFILE */
    uint8_t yuma3;
    uint8_t liquid_alpha;
    uint8_t commit_reveal;
    uint8_t liquid_alpha_consensus_mode; /* a YUMA_CONSENSUS; read by profile 475 */
} yuma_hyperparameters;

/* Section 8: what is stored. Every pointer is required. */
typedef struct {
    uint8_t *active;             /* [n] */
    uint8_t *validator_permit;   /* [n], of the next epoch */
    uint16_t *stake_weight;      /* [n], and so the next four */
    uint16_t *consensus;
    uint16_t *incentive;
    uint16_t *dividends;
    uint16_t *validator_trust;
    uint64_t *server_emission;   /* [n] rao, and so the next two */
    uint64_t *validator_emission;
    uint64_t *emission;
    uint32_t *bonds_indptr;      /* [n + 1] */
    uint16_t *bonds_uid;         /* room for as many entries as weights and bonds have together */
    uint16_t *bonds_value;       /* the same */
} yuma_result;

/* The raw I32F32 bits between the stages. Every array is required; the matrices are all there, or all null. */
typedef struct {
    int64_t *stake; /* [n], and so all arrays */
    int64_t *active_stake;
    int64_t *consensus;
    int64_t *validator_trust;
    int64_t *rank;
    int64_t *incentive;
    int64_t *dividends;
    yuma_rows weights; /* room for the entries of weights, and so the next two */
    yuma_rows clipped;
    yuma_rows weights_for_bonds;
    yuma_rows ema_bonds; /* room for the entries of weights and bonds together, and so the next */
    yuma_rows normalized_bonds;
    uint32_t isa; /* out: the instruction set that computed sections 4 to 7 */
} yuma_trace;

/* ---- the epoch ---------------------------------------------------------------------------------------------------- */

/* Bytes of workspace that yuma_epoch needs for n uids and matrices of so many entries, and that is enough for any stage
 * whose matrices together have no more entries: 40 a weight and a bond + 480 a uid + 4096. SIZE_MAX where that does not fit
 * a size_t. A workspace needs no alignment and no initial content. */
YUMA_API size_t yuma_workspace(uint32_t n, uint32_t weights, uint32_t bonds);

/* The instruction sets that this build has and this machine can run: a mask, in which YUMA_ISA_PORTABLE always is. It asks the
 * processor, which takes microseconds on a virtual machine. */
YUMA_API uint32_t yuma_isa_available(void);

/* Sections 3 to 8, with the fastest instruction set of the mask isa, the portable one where it has no other. isa is some of
 * yuma_isa_available() and trusted to be, or YUMA_ISA_ANY, which asks it at every call: who calls often asks once, and passes
 * what it said.
 * trace may be null, and so may all pointers of its matrices. With matrices the portable one computes, and so it does where
 * an input is outside what the others are proved for: liquid alpha with a steepness beyond +-2800, or of a profile that takes it
 * by column. Checks pointers, n, owner, profile, bonds_moving_average and the workspace; trusts the matrices to be well formed and
 * total_stake to be within its range. */
YUMA_API YUMA_USED yuma_status yuma_epoch(const yuma_state *state, const yuma_hyperparameters *hyperparameters, uint64_t emission,
                                yuma_result *result, yuma_trace *trace, uint32_t isa, void *workspace,
                                size_t workspace_size);

/* Consecutive epochs, states[k] and hyperparameters[k] into results[k]. Where the indptr of a state's bonds is null, those are
 * the bonds that the epoch before stored, and where its previous_consensus is null too, that is the consensus that it stored;
 * where its validator_permit is null, the permits: not in states[0]. Every result
 * has room for `room` bonds; the bonds and permits that an epoch reads must not be where it writes its own, and all else that a
 * state points to not where any epoch of the call writes: an address that is that of the epoch before has its contents. Stops at the first
 * epoch that yuma_epoch refuses, with its status, or whose weights and bonds together are more than room, with
 * YUMA_ERROR_ROOM. *done: the epochs that were computed; always written. */
YUMA_API YUMA_USED yuma_status yuma_simulate(uint32_t epochs, const yuma_state *states,
                                   const yuma_hyperparameters *const *hyperparameters, const uint64_t *emission,
                                   yuma_result *results, uint32_t room, uint32_t isa, void *workspace,
                                   size_t workspace_size, uint32_t *done);

/* The rows of a dense matrix of u16, dense[r][j] the entry of the row of uids[r]: those that are not 0, in ascending order. uids:
 * `count` of them, ascending, and dense their rows of n values each. The rows of all other uids are those of `others`, trusted to
 * be well formed, or empty where it is null. uid, value: room for count * n entries and those that are taken of others. Each
 * entry of dense is read once: a matrix that another thread changes meanwhile gives rows that are well formed all the same. */
YUMA_API YUMA_USED yuma_status yuma_rows_from_dense(uint32_t n, const yuma_stored_rows *others, uint32_t count,
                                          const uint16_t *uids, const uint16_t *dense, uint32_t *indptr, uint16_t *uid, uint16_t *value);

/* Epochs that have nothing to do with each other, as yuma_simulate computes them from states that name their bonds and permits;
 * the weights of states[k] are not read, but made out of weights->dense[k] in the memory that stands there beside it. */
YUMA_API YUMA_USED yuma_status yuma_variants(uint32_t count, const yuma_state *states,
                                   const yuma_hyperparameters *const *hyperparameters, const uint64_t *emission,
                                   yuma_result *results, const yuma_dense_rows *weights, uint32_t room, uint32_t isa,
                                   void *workspace, size_t workspace_size, uint32_t *done);

/* Everything section 2 asks of the inputs, matrices included: YUMA_OK, or the first rule that is broken. The arrays must
 * be readable for the lengths that n and the last indptr state. */
YUMA_API YUMA_USED yuma_status yuma_check(const yuma_state *state, const yuma_hyperparameters *hyperparameters);

/* YUMA_ABI of the header that this library was compiled with. It is another number when a struct or the signature of a function
 * is another, and a caller that was compiled with another number has to be compiled again: whoever links a library that he did
 * not build compares yuma_abi() with YUMA_ABI, and calls nothing else where they differ. */
YUMA_API uint32_t yuma_abi(void);

/* Whether these are n well-formed rows of so many entries; indptr must be readable for n + 1, uid for entries. */
YUMA_API yuma_status yuma_check_rows(uint32_t n, uint32_t entries, const uint32_t *indptr, const uint16_t *uid);

/* A short text for a status; never null. */
YUMA_API const char *yuma_status_text(yuma_status status);

/* How this library was built: compiler and 128-bit representation. */
YUMA_API const char *yuma_build(void);

/* ---- section 1: numbers. Every operand may be any int64_t unless a range is stated. --------------------------------- */

YUMA_API int64_t yuma_add(int64_t a, int64_t b);
YUMA_API int64_t yuma_sub(int64_t a, int64_t b);
YUMA_API int64_t yuma_mul(int64_t a, int64_t b);         /* floor, clamped */
YUMA_API int64_t yuma_mul_checked(int64_t a, int64_t b); /* floor, 0 where it does not fit */
YUMA_API int64_t yuma_div(int64_t a, int64_t b);         /* toward zero, 0 where b = 0 or it does not fit */
YUMA_API int64_t yuma_sdiv(int64_t a, int64_t b);        /* toward zero, clamped; b = 0 gives 0 */
YUMA_API int64_t yuma_ratio16(uint16_t value);           /* value / 65535, floor */
YUMA_API uint16_t yuma_to_u16(int64_t x);                /* a proportion as stored, floor */
YUMA_API int64_t yuma_exp_safe(int64_t x);
YUMA_API int64_t yuma_to_i32f32(const uint64_t x[2]);    /* I64F64 bits (low, high) to I32F32: floor, clamped */
/* I64F64 division toward zero, 0 where b = 0 or it does not fit. q may be a or b. */
YUMA_API void yuma_div64(const uint64_t a[2], const uint64_t b[2], uint64_t q[2]);
YUMA_API uint64_t yuma_emission_share(int64_t x, uint64_t emission); /* floor(x * emission / 2^32), clamped to u64 */

/* ---- section 3: stake, activity, permits ---------------------------------------------------------------------------- */

YUMA_API YUMA_USED yuma_status yuma_activity(uint32_t n, const uint64_t *last_update, uint64_t activity_cutoff,
                                   uint64_t current_block, uint8_t *active);

/* 3.2 and 3.3: the shares of the filtered stake; total_stake as in yuma_state. */
YUMA_API YUMA_USED yuma_status yuma_normalize_stake(uint32_t n, const uint64_t *total_stake, uint64_t stake_threshold,
                                          int32_t owner_uid, int64_t *stake);

/* permit[i] = 1 for the k uids with the highest stake, the higher uid first among equals; for all where k >= n. */
YUMA_API YUMA_USED yuma_status yuma_top_k(uint32_t n, const int64_t *stake, uint32_t k, uint8_t *permit, void *workspace,
                                size_t workspace_size);

/* 3.5: the permits of the next epoch. */
YUMA_API YUMA_USED yuma_status yuma_permits(uint32_t n, const int64_t *stake, uint16_t max_allowed_validators, int32_t owner_uid,
                                  uint8_t *new_permit, void *workspace, size_t workspace_size);

/* 3.4 and 3.6. stake: within [0, YUMA_ONE]. active_stake may be stake. */
YUMA_API YUMA_USED yuma_status yuma_active_stake(uint32_t n, const int64_t *stake, const uint8_t *active,
                                       const uint8_t *validator_permit, int32_t owner_uid, int64_t *active_stake);

/* ---- section 4: weights --------------------------------------------------------------------------------------------- */

/* commit_block may be null (no live commit, or commit_reveal off). masked: room for the entries of weights. */
YUMA_API YUMA_USED yuma_status yuma_mask_weights(uint32_t n, const yuma_stored_rows *weights, const uint8_t *validator_permit,
                                       int32_t owner_uid, const uint64_t *last_update,
                                       const uint64_t *block_at_registration, const uint64_t *commit_block,
                                       yuma_rows *masked);

/* A row of weights as the chain stores it: scaled so that its largest value is 65535. count may be 0; scaled may be
 * values. */
YUMA_API YUMA_USED yuma_status yuma_upscale_to_u16(size_t count, const uint16_t *values, uint16_t *scaled);

/* In place. Values: >= 0, and the sum of a row below 2^63. */
YUMA_API YUMA_USED yuma_status yuma_normalize_rows(uint32_t n, yuma_rows *weights);

/* ---- section 5: consensus ------------------------------------------------------------------------------------------- */

/* weights: >= 0. active_stake: >= 0 with a sum below 2^63. kappa: raw bits, ratio16 of the hyperparameter. */
YUMA_API YUMA_USED yuma_status yuma_consensus(uint32_t n, const yuma_rows *weights, const int64_t *active_stake, int64_t kappa,
                                    int64_t *consensus, void *workspace, size_t workspace_size);

/* ---- section 6: clip, validator trust, incentive -------------------------------------------------------------------- */

/* clipped: room for the entries of weights; it may be weights. */
YUMA_API YUMA_USED yuma_status yuma_clip(uint32_t n, const yuma_rows *weights, const int64_t *consensus, yuma_rows *clipped);

/* Row sums; each must fit an int64_t. */
YUMA_API YUMA_USED yuma_status yuma_validator_trust(uint32_t n, const yuma_rows *clipped, int64_t *validator_trust);

/* clipped, active_stake: within [0, YUMA_ONE]. */
YUMA_API YUMA_USED yuma_status yuma_rank(uint32_t n, const yuma_rows *clipped, const int64_t *active_stake, int64_t *rank);

/* rank: >= 0 with a sum below 2^63. incentive may be rank. */
YUMA_API YUMA_USED yuma_status yuma_incentive(uint32_t n, const int64_t *rank, int64_t *incentive);

/* ---- section 7: bonds and dividends --------------------------------------------------------------------------------- */

/* bonds_penalty: raw bits, within [0, YUMA_ONE]. weights, clipped: within [0, YUMA_ONE]. result: room for the columns of
 * both; where every entry of clipped stands in weights, as after yuma_clip, that is the entries of weights. */
YUMA_API YUMA_USED yuma_status yuma_weights_for_bonds(uint32_t n, const yuma_rows *weights, const yuma_rows *clipped,
                                            int64_t bonds_penalty, yuma_rows *result, void *workspace,
                                            size_t workspace_size);

/* last_yuma_step_block: null for none, as in every profile before 475. */
YUMA_API uint64_t yuma_bonds_cutoff(uint64_t current_block, uint64_t tempo, uint64_t last_mechanism_step_block,
                                    const uint64_t *last_yuma_step_block);

/* The old bonds B: outdated ones out, then as Yuma 2 or Yuma 3 reads them. old: room for the entries of bonds. */
YUMA_API YUMA_USED yuma_status yuma_old_bonds(uint32_t n, const yuma_stored_rows *bonds, const uint64_t *block_at_registration,
                                    uint64_t cutoff, uint8_t yuma3, yuma_rows *old, void *workspace,
                                    size_t workspace_size);

/* The new bonds D of Yuma 2, in place: weights_for_bonds times the stake of the row, then column_normalize. (Those of
 * Yuma 3 are weights_for_bonds.) Weights and stake: within [0, YUMA_ONE]. */
YUMA_API YUMA_USED yuma_status yuma_new_bonds(uint32_t n, yuma_rows *weights_for_bonds, const int64_t *active_stake,
                                    void *workspace, size_t workspace_size);

/* In place. Values: >= 0, and the sum of a column below 2^63. */
YUMA_API YUMA_USED yuma_status yuma_column_normalize(uint32_t n, yuma_rows *matrix, void *workspace, size_t workspace_size);

/* In place, the bonds to store of Yuma 2: each entry divided by the largest of its column. Values: >= 0. */
YUMA_API YUMA_USED yuma_status yuma_column_max_normalize(uint32_t n, yuma_rows *matrix, void *workspace, size_t workspace_size);

/* bonds_moving_average: at most 1,000,000 (not checked: above it alpha is negative, as the arithmetic gives it). */
YUMA_API int64_t yuma_bonds_alpha(uint64_t bonds_moving_average);

/* ema(new, old). alpha and all values: within [0, YUMA_ONE]. ema: room for the entries of both. */
YUMA_API YUMA_USED yuma_status yuma_ema(uint32_t n, int64_t alpha, const yuma_rows *new_bonds, const yuma_rows *old_bonds,
                              yuma_rows *ema, void *workspace, size_t workspace_size);

/* Section 9: the selected consensus, which liquid alpha measures against in profile 475 in place of the current one, and
 * which decides whether it runs. previous_consensus: `length` stored proportions, null where they are not known; read where
 * the mode selects them. selected may be consensus. */
YUMA_API YUMA_USED yuma_status yuma_selected_consensus(uint32_t n, const int64_t *consensus, const uint16_t *previous_consensus,
                                             uint32_t length, uint8_t liquid_alpha_consensus_mode,
                                             uint16_t bonds_penalty, int64_t *selected);

/* alpha(c, w, b): any operands. steepness: raw bits of the hundredths. */
YUMA_API int64_t yuma_liquid_alpha(int64_t consensus, int64_t weight, int64_t bond, int64_t alpha_low,
                                   int64_t alpha_high, int64_t steepness);

/* The same, element by element. */
YUMA_API YUMA_USED yuma_status yuma_liquid_alphas(size_t count, const int64_t *consensus, const int64_t *weight,
                                        const int64_t *bond, int64_t alpha_low, int64_t alpha_high, int64_t steepness,
                                        int64_t *alpha);

/* The liquid EMA. consensus and all values: within [0, YUMA_ONE]; alpha_low, alpha_high, steepness as in
 * yuma_liquid_alpha. ema: room for the entries of weights_for_bonds. */
YUMA_API YUMA_USED yuma_status yuma_liquid_ema(uint32_t n, const yuma_rows *weights_for_bonds, const yuma_rows *old_bonds,
                                     const int64_t *consensus, int64_t alpha_low, int64_t alpha_high, int64_t steepness,
                                     yuma_rows *ema, void *workspace, size_t workspace_size);

/* active_stake null: Yuma 2, else Yuma 3. All values: within [0, YUMA_ONE]. */
YUMA_API YUMA_USED yuma_status yuma_dividends(uint32_t n, const yuma_rows *normalized_bonds, const int64_t *incentive,
                                    const int64_t *active_stake, int64_t *dividends);

/* ---- section 8: emission -------------------------------------------------------------------------------------------- */

/* incentive, dividends: >= 0, and the sum of both below 2^63. */
YUMA_API YUMA_USED yuma_status yuma_emission(uint32_t n, const int64_t *incentive, const int64_t *dividends, const int64_t *stake,
                                   const int64_t *active_stake, uint64_t emission, uint64_t *server_emission,
                                   uint64_t *validator_emission, uint64_t *total_emission);

/* to_u16, element by element. */
YUMA_API YUMA_USED yuma_status yuma_store(size_t count, const int64_t *proportions, uint16_t *stored);

/* The bonds to store: of the rows with a new_permit. uid, value: room for the entries of bonds. */
YUMA_API YUMA_USED yuma_status yuma_store_bonds(uint32_t n, const yuma_rows *bonds, const uint8_t *new_permit, uint32_t *indptr,
                                      uint16_t *uid, uint16_t *value);

/* [cffi: to here] */

#ifdef __cplusplus
}
#endif

#endif
