/* Which runtime's arithmetic is meant: the rules that a profile selects; internal.
 *
 * A rule is named after what it decides, and a stage asks for the rule: no other place knows the number of a profile. */
#ifndef YUMA_PROFILE_H
#define YUMA_PROFILE_H

#include "yuma.h"

/* Against which consensus liquid alpha measures, and which decides whether it runs. */
typedef enum { LIQUID_SELECTED, LIQUID_CURRENT } liquid_rule;

/* The step after which a registration makes bonds outdated. */
typedef enum { CUTOFF_YUMA_STEP, CUTOFF_MECHANISM_STEP } cutoff_rule;

typedef struct {
    uint16_t profile;
    liquid_rule liquid_alpha;
    cutoff_rule bonds_cutoff;
} profile_rules;

/* Null for a profile that is not computed here. */
const profile_rules *yuma_rules_of(uint16_t profile);

/* Section 9: whether the selected consensus is the one that the epoch before stored, if it stored one. Only then is
 * previous_consensus read. */
int yuma_selects_previous(const profile_rules *rules, const yuma_hyperparameters *h);

/* `use_previous` of section 9. */
int yuma_uses_previous(uint8_t mode, uint16_t bonds_penalty);

/* `cutoff` of section 7, of the step that the rules name. */
uint64_t yuma_epoch_cutoff(const profile_rules *rules, const yuma_state *state, const yuma_hyperparameters *h);

/* P of section 9: what was stored, cut or padded with 0 to n. */
void yuma_previous_shares(uint32_t n, const uint16_t *previous_consensus, uint32_t length, int64_t *previous);

#endif
