/* Which runtime's arithmetic is meant: the rules that a profile selects; internal.
 *
 * A rule is named after what it decides, and a stage asks for the rule: no other place knows the number of a profile. */
#ifndef YUMA_PROFILE_H
#define YUMA_PROFILE_H

#include "yuma.h"

/* Against which consensus liquid alpha measures, and which decides whether it runs; or one alpha a column, in Yuma 2. */
typedef enum { LIQUID_SELECTED, LIQUID_CURRENT, LIQUID_COLUMN } liquid_rule;

/* Since when a registration makes a bond outdated: a step, one tempo, or the validator's own update. */
typedef enum { CUTOFF_YUMA_STEP, CUTOFF_MECHANISM_STEP, CUTOFF_TEMPO, CUTOFF_LAST_UPDATE } cutoff_rule;

typedef enum { STEEPNESS_HUNDREDTHS, STEEPNESS_ONES, STEEPNESS_UNREAD } steepness_rule;

typedef struct {
    uint16_t profile;
    liquid_rule liquid_alpha;
    cutoff_rule bonds_cutoff;
    int owner_permit;      /* the owner's stake counts below the threshold, and the owner always has a permit */
    int clamped;           /* the argument of the exponential is; else an overflow of it gives 0 */
    int empties;           /* bonds of a uid without old and new permit go; else they stay as they were stored */
    int commit_mask;       /* live commits mask weights */
    steepness_rule steepness;
    int stake_threshold;   /* there is one */
    int stakeless_permits; /* uids without stake may get a permit */
    int yuma3;             /* there is Yuma 3 */
    int owner_diagonal;    /* the owner's weight on itself counts */
} profile_rules;

/* Null for a profile that is not computed here. */
const profile_rules *yuma_rules_of(uint16_t profile);

/* Section 9: whether the selected consensus is the one that the epoch before stored, if it stored one. Only then is
 * previous_consensus read. */
int yuma_selects_previous(const profile_rules *rules, const yuma_hyperparameters *h);

/* `use_previous` of section 9. */
int yuma_uses_previous(uint8_t mode, uint16_t bonds_penalty);

/* The state and the hyperparameters as the newest profile would have to find them to compute what these rules compute, but for
 * what the epoch asks of the rules itself: liquid_alpha, owner_permit, clamped, empties, stakeless_permits. Whether bonds are
 * outdated by a validator's update is left to yuma_updated_bonds. */
void yuma_apply_rules(const profile_rules *rules, yuma_state *state, yuma_hyperparameters *h);

/* The steepness as raw bits of hundredths. */
int64_t yuma_steepness(const profile_rules *rules, const yuma_hyperparameters *h);

/* The rest is of earlier profiles alone: earlier.c. */

/* The stored bonds whose uid registered before the validator's last update. updated: room for the entries of bonds. */
typedef struct {
    uint32_t *indptr;
    uint16_t *uid, *value;
} stored_rows_out;
void yuma_updated_bonds(const yuma_state *state, stored_rows_out *updated);

/* Puts the rows of `state` in place of those that `result` has for uids without a new and an old permit. */
void yuma_keep_unpermitted(const yuma_state *state, yuma_result *result);

/* A, by column, for proportions low and high; *runs is 0 where liquid alpha does not run. sorted: room for n. */
void yuma_column_alphas(uint32_t n, const int64_t *consensus, int64_t low, int64_t high, int64_t *sorted, int64_t *alphas,
                        int *runs);

/* e^x, 0 where its series overflows. */
int64_t yuma_exp_or_zero(int64_t x);

/* yuma_ema with an alpha for each column. */
yuma_status yuma_column_ema(uint32_t n, const int64_t *alphas, const yuma_rows *new_bonds, const yuma_rows *old_bonds,
                            yuma_rows *ema, void *workspace, size_t workspace_size);

/* yuma_liquid_ema, by yuma_exp_or_zero where `clamped` is 0. */
yuma_status yuma_liquid_ema_by(int clamped, uint32_t n, const yuma_rows *weights_for_bonds, const yuma_rows *old_bonds,
                               const int64_t *consensus, int64_t alpha_low, int64_t alpha_high, int64_t steepness,
                               yuma_rows *ema, void *workspace, size_t workspace_size);

/* P of section 9: what was stored, cut or padded with 0 to n. */
void yuma_previous_shares(uint32_t n, const uint16_t *previous_consensus, uint32_t length, int64_t *previous);

#endif
