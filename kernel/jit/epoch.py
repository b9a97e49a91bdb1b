"""The epoch: one section after the other, by the rules of its profile."""

from __future__ import annotations

import numpy as np

from yuma_kernel.arrays import I64Array, U64Array
from yuma_kernel.kernel.jit.bonds import (
    NO_STAKE,
    bonds_cutoff,
    column_divide,
    column_ema,
    dividends,
    ema,
    new_bonds,
    old_bonds,
    weights_for_bonds,
)
from yuma_kernel.kernel.jit.column_alpha import column_alphas, runs
from yuma_kernel.kernel.jit.consensus import consensus
from yuma_kernel.kernel.jit.emission import all_to_u16, emissions, keep_bonds, store_bonds
from yuma_kernel.kernel.jit.environment import without_traps
from yuma_kernel.kernel.jit.incentive import clip, incentive, rank, validator_trust
from yuma_kernel.kernel.jit.liquid import liquid_ema, selected_consensus, slope_of
from yuma_kernel.kernel.jit.rows import Rows, owner_index, sparse, stored_rows
from yuma_kernel.kernel.jit.stake import active_stake, activity, normalize_stake, permit, permits
from yuma_kernel.kernel.jit.weights import NO_BLOCKS, mask_weights, normalize_rows
from yuma_kernel.results import EpochResult
from yuma_kernel.rows import SparseRows
from yuma_kernel.types import Hyperparameters, SubnetState


def _cutoff(state: SubnetState, h: Hyperparameters, last_update: U64Array) -> U64Array:
    """From which block on a registration makes stored bonds outdated: one for all, or by validator."""
    rule = h.rules.bonds_cutoff
    if rule == "last_update":
        return last_update
    mechanism_step = 0 if rule == "tempo" else state.last_mechanism_step_block
    yuma_step = state.last_yuma_step_block if rule == "yuma_step" else None
    return np.array([bonds_cutoff(state.current_block, h.tempo, mechanism_step, yuma_step)], np.uint64)


def _averaged(new: Rows, old: Rows, median: I64Array, state: SubnetState, h: Hyperparameters, yuma3: bool) -> Rows:
    """E: by the EMA, or by liquid alpha where there is one and it runs."""
    rules = h.rules
    if h.liquid_alpha and rules.liquid_alpha == "column":
        ascending = np.sort(median)
        if runs(ascending):
            return column_ema(new, old, column_alphas(median, ascending, np.uint64(h.alpha_low), np.uint64(h.alpha_high)))
    elif h.liquid_alpha and yuma3:
        selected = median
        if rules.liquid_alpha == "selected":
            selected = selected_consensus(median, state.previous_consensus, h.liquid_alpha_consensus_mode, h.bonds_penalty)
        if selected.any():
            bounds = np.uint64(h.alpha_low), np.uint64(h.alpha_high)
            slope = slope_of(h.alpha_sigmoid_steepness, rules.steepness == "hundredths")
            return without_traps(liquid_ema, *new, *old, selected, *bounds, slope, rules.exponential == "clamped")
    return ema(new, old, h.bonds_moving_average)


def epoch(state: SubnetState, hyperparameters: Hyperparameters, emission: int, trace: bool) -> EpochResult:
    """Sections 3 to 8, by the rules of the profile."""
    h, rules = hyperparameters, hyperparameters.rules
    owner = owner_index(state.owner_uid)
    privileged = owner if rules.owner_permit else -1
    last_update = np.array(state.last_update)
    registered = np.array(state.block_at_registration)
    commit_block = NO_BLOCKS
    if rules.commit_mask and h.commit_reveal and state.commit_block is not None:
        commit_block = np.array(state.commit_block)
    threshold = np.uint64(h.stake_threshold if rules.stake_threshold else 0)
    yuma3 = rules.yuma3 and h.yuma3

    # 3
    active = activity(last_update, np.uint64(h.activity_cutoff), np.uint64(state.current_block))
    stake = normalize_stake(np.array(state.total_stake), threshold, privileged)
    allowed = permit(state.validator_permit, privileged)
    new_permit = permits(stake, h.max_allowed_validators, privileged, rules.stakeless_permits)
    own_stake = active_stake(stake, active, allowed)

    # 4
    on_itself = owner if rules.owner_diagonal else -1
    masked = mask_weights(*stored_rows(state.weights), allowed, on_itself, last_update, registered, commit_block)
    indptr, uid, value = masked
    weights = indptr, uid, normalize_rows(indptr, value)

    # 5, 6
    median = consensus(*weights, own_stake, np.uint64(h.kappa))
    clipped = clip(*weights, median)
    trust = validator_trust(clipped[0], clipped[2])
    ranks = rank(*clipped, own_stake)
    incentives = incentive(ranks)

    # 7
    for_bonds = weights_for_bonds(weights, clipped, h.bonds_penalty)
    old = old_bonds(stored_rows(state.bonds), registered, _cutoff(state, h, last_update), yuma3)
    averaged = _averaged(for_bonds if yuma3 else new_bonds(for_bonds, own_stake), old, median, state, h, yuma3)
    indptr, uid, value = averaged
    normalized = indptr, uid, column_divide(indptr, uid, value, False)
    share = dividends(*normalized, incentives, own_stake if yuma3 else NO_STAKE)
    kept: Rows = averaged if yuma3 else (indptr, uid, column_divide(*normalized, True))

    # 8
    stored = store_bonds(*kept, new_permit)
    if rules.unpermitted_bonds == "kept":
        stored = keep_bonds(*stored, *stored_rows(state.bonds), ~(new_permit | state.validator_permit))
    server, validator, both = emissions(incentives, share, stake, own_stake, np.uint64(emission))
    traced: dict[str, I64Array | SparseRows] | None = None
    if trace:
        traced = {
            "stake": stake,
            "active_stake": own_stake,
            "weights": sparse(*weights),
            "consensus": median,
            "clipped": sparse(*clipped),
            "validator_trust": trust,
            "rank": ranks,
            "incentive": incentives,
            "weights_for_bonds": sparse(*for_bonds),
            "ema_bonds": sparse(*averaged),
            "normalized_bonds": sparse(*normalized),
            "dividends": share,
        }
    return EpochResult(
        active=active,
        stake_weight=all_to_u16(stake),
        validator_permit=new_permit,
        consensus=all_to_u16(median),
        validator_trust=all_to_u16(trust),
        incentive=all_to_u16(incentives),
        bonds=sparse(*stored),
        dividends=all_to_u16(share),
        server_emission=server,
        validator_emission=validator,
        emission=both,
        trace=traced,
    )
