/* Section 9 of the law: the profiles, and the consensus that liquid alpha measures against. */
#include "profile.h"

#include "stages.h"

/* The newest first; each as the one above it, but for what differs. */
static const profile_rules PROFILES[] = {
    /* profile, liquid alpha, cutoff, owner's permit, clamped, empties, commit mask, steepness, threshold, stakeless, Yuma 3,
     * owner's diagonal */
    {YUMA_PROFILE_475, LIQUID_SELECTED, CUTOFF_YUMA_STEP, 1, 1, 1, 1, STEEPNESS_HUNDREDTHS, 1, 0, 1, 1},
    {YUMA_PROFILE_425, LIQUID_CURRENT, CUTOFF_MECHANISM_STEP, 1, 1, 1, 1, STEEPNESS_HUNDREDTHS, 1, 0, 1, 1},
    {YUMA_PROFILE_401, LIQUID_CURRENT, CUTOFF_TEMPO, 1, 1, 1, 1, STEEPNESS_HUNDREDTHS, 1, 0, 1, 1},
    {YUMA_PROFILE_365, LIQUID_CURRENT, CUTOFF_TEMPO, 0, 1, 1, 1, STEEPNESS_HUNDREDTHS, 1, 0, 1, 1},
    {YUMA_PROFILE_320, LIQUID_CURRENT, CUTOFF_TEMPO, 0, 0, 1, 1, STEEPNESS_HUNDREDTHS, 1, 0, 1, 1},
    {YUMA_PROFILE_297, LIQUID_CURRENT, CUTOFF_TEMPO, 0, 0, 0, 1, STEEPNESS_HUNDREDTHS, 1, 0, 1, 1},
    {YUMA_PROFILE_283, LIQUID_CURRENT, CUTOFF_TEMPO, 0, 0, 0, 0, STEEPNESS_HUNDREDTHS, 1, 0, 1, 1},
    {YUMA_PROFILE_273, LIQUID_CURRENT, CUTOFF_TEMPO, 0, 0, 0, 0, STEEPNESS_ONES, 1, 0, 1, 1},
    {YUMA_PROFILE_257, LIQUID_COLUMN, CUTOFF_TEMPO, 0, 0, 0, 0, STEEPNESS_UNREAD, 0, 1, 0, 1},
    {YUMA_PROFILE_252, LIQUID_COLUMN, CUTOFF_LAST_UPDATE, 0, 0, 0, 0, STEEPNESS_UNREAD, 0, 1, 0, 1},
    {YUMA_PROFILE_233, LIQUID_COLUMN, CUTOFF_LAST_UPDATE, 0, 0, 0, 0, STEEPNESS_UNREAD, 0, 1, 0, 0},
};

const profile_rules *yuma_rules_of(uint16_t profile) {
    for (size_t k = 0; k < sizeof PROFILES / sizeof *PROFILES; k++) {
        if (PROFILES[k].profile == profile) {
            return &PROFILES[k];
        }
    }
    return NULL;
}

int yuma_uses_previous(uint8_t mode, uint16_t bonds_penalty) {
    return mode == YUMA_CONSENSUS_PREVIOUS || (mode == YUMA_CONSENSUS_AUTO && bonds_penalty == UINT16_MAX);
}

int yuma_selects_previous(const profile_rules *rules, const yuma_hyperparameters *h) {
    return h->yuma3 && h->liquid_alpha && rules->liquid_alpha == LIQUID_SELECTED &&
           yuma_uses_previous(h->liquid_alpha_consensus_mode, h->bonds_penalty);
}

int64_t yuma_steepness(const profile_rules *rules, const yuma_hyperparameters *h) {
    return (int64_t)h->alpha_sigmoid_steepness * (rules->steepness == STEEPNESS_ONES ? 100 : 1) * YUMA_ONE;
}

void yuma_apply_rules(const profile_rules *rules, yuma_state *state, yuma_hyperparameters *h) {
    if (rules->bonds_cutoff != CUTOFF_YUMA_STEP) {
        state->last_yuma_step_block = NULL;
    }
    if (rules->bonds_cutoff == CUTOFF_TEMPO) {
        state->last_mechanism_step_block = 0;
    }
    /* A row of the owner's that is out anyway has no diagonal: the owner stays where a permit of its own is all it needs. */
    int32_t owner = state->owner_uid;
    int counts = rules->owner_diagonal && (rules->owner_permit || (owner != YUMA_NO_OWNER && state->validator_permit[owner]));
    state->owner_uid = counts ? owner : YUMA_NO_OWNER;
    h->commit_reveal = h->commit_reveal && rules->commit_mask;
    h->stake_threshold = rules->stake_threshold ? h->stake_threshold : 0;
    h->yuma3 = h->yuma3 && rules->yuma3;
}

void yuma_previous_shares(uint32_t n, const uint16_t *previous_consensus, uint32_t length, int64_t *previous) {
    for (uint32_t i = 0; i < n; i++) {
        previous[i] = i < length ? fixed_ratio16(previous_consensus[i]) : 0;
    }
}

yuma_status yuma_selected_consensus(uint32_t n, const int64_t *consensus, const uint16_t *previous_consensus, uint32_t length,
                                    uint8_t liquid_alpha_consensus_mode, uint16_t bonds_penalty, int64_t *selected) {
    REQUIRE_N(n);
    REQUIRE(consensus != NULL && selected != NULL, YUMA_ERROR_NULL);
    REQUIRE(liquid_alpha_consensus_mode <= YUMA_CONSENSUS_AUTO, YUMA_ERROR_RANGE);
    if (yuma_uses_previous(liquid_alpha_consensus_mode, bonds_penalty)) {
        REQUIRE(previous_consensus != NULL, YUMA_ERROR_PREVIOUS);
        if (length != 0) {
            yuma_previous_shares(n, previous_consensus, length, selected);
            return YUMA_OK;
        }
    }
    memmove(selected, consensus, n * sizeof *selected);
    return YUMA_OK;
}
