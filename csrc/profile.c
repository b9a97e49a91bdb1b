/* Section 9 of the law: the profiles, and the consensus that liquid alpha measures against. */
#include "profile.h"

#include "stages.h"

/* The newest first; each as the one above it, but for what differs. */
static const profile_rules PROFILES[] = {
    {YUMA_PROFILE_475, LIQUID_SELECTED, CUTOFF_YUMA_STEP},
    {YUMA_PROFILE_425, LIQUID_CURRENT, CUTOFF_MECHANISM_STEP},
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

uint64_t yuma_epoch_cutoff(const profile_rules *rules, const yuma_state *state, const yuma_hyperparameters *h) {
    return yuma_bonds_cutoff(state->current_block, h->tempo, state->last_mechanism_step_block,
                             rules->bonds_cutoff == CUTOFF_YUMA_STEP ? state->last_yuma_step_block : NULL);
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
