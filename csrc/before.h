/* What an epoch takes over from the one before it where both are of the same stake, in calls that compute many; internal.
 *
 * Addresses that are equal are of equal contents: during a call nobody changes what its states point to, and the kernel writes its
 * results elsewhere. What stands at the beginning of the workspace from one epoch to the next, epoch.c knows: the shares of stake,
 * the permits, whose stake is active and the shares of that. */
#ifndef YUMA_BEFORE_H
#define YUMA_BEFORE_H

#include "profile.h"

typedef struct {
    /* Where the shares of stake and the permits come from; null before the first epoch. */
    const uint64_t *total_stake;
    uint64_t stake_threshold;
    const profile_rules *rules;
    uint32_t n;
    int32_t owner_uid;
    uint16_t max_allowed_validators;
    uint32_t staked, active; /* how many have a share of it; of the active one */
    /* The largest of these n; null where that is not known. */
    const uint64_t *block_at_registration;
    uint64_t latest;
    /* What was taken over so far, for tests: shares and permits, active stake, the latest registration. */
    uint32_t stakes_taken, active_taken, latest_taken;
} epoch_before;

/* yuma_simulate, after the epoch of a call with the same workspace; before: zeros for none, updated. */
yuma_status yuma_simulate_after(epoch_before *before, uint32_t epochs, const yuma_state *states,
                                const yuma_hyperparameters *const *hyperparameters, const uint64_t *emission, yuma_result *results,
                                uint32_t room, uint32_t isa, void *workspace, size_t workspace_size, uint32_t *done);

#endif
