"""The epoch: one section after the other, by the rules of its profile."""

from __future__ import annotations

import numpy as np

from yuma_kernel.arrays import I64Array
from yuma_kernel.kernel.jit.bonds import (
    NO_STAKE,
    bonds_cutoff,
    column_divide,
    dividends,
    ema,
    new_bonds,
    old_bonds,
    weights_for_bonds,
)
from yuma_kernel.kernel.jit.consensus import consensus
from yuma_kernel.kernel.jit.emission import all_to_u16, emissions, store_bonds
from yuma_kernel.kernel.jit.incentive import clip, incentive, rank, validator_trust
from yuma_kernel.kernel.jit.liquid import liquid_ema, selected_consensus
from yuma_kernel.kernel.jit.rows import Rows, owner_index, sparse, stored_rows
from yuma_kernel.kernel.jit.stake import active_stake, activity, normalize_stake, permits
from yuma_kernel.kernel.jit.weights import NO_BLOCKS, mask_weights, normalize_rows
from yuma_kernel.results import EpochResult
from yuma_kernel.rows import SparseRows
from yuma_kernel.types import Hyperparameters, SubnetState


def epoch(state: SubnetState, hyperparameters: Hyperparameters, emission: int, trace: bool) -> EpochResult:
    """Sections 3 to 8, by the rules of the profile."""
    h, rules = hyperparameters, hyperparameters.rules
    owner = owner_index(state.owner_uid)
    permit = np.array(state.validator_permit)
    last_update = np.array(state.last_update)
    registered = np.array(state.block_at_registration)
    commit_block = NO_BLOCKS
    if h.commit_reveal and state.commit_block is not None:
        commit_block = np.array(state.commit_block)

    # 3
    active = activity(last_update, np.uint64(h.activity_cutoff), np.uint64(state.current_block))
    stake = normalize_stake(np.array(state.total_stake), np.uint64(h.stake_threshold), owner)
    new_permit = permits(stake, h.max_allowed_validators, owner)
    own_stake = active_stake(stake, active, permit, owner)

    # 4
    indptr, uid, value = mask_weights(*stored_rows(state.weights), permit, owner, last_update, registered, commit_block)
    weights = indptr, uid, normalize_rows(indptr, value)

    # 5, 6
    median = consensus(*weights, own_stake, np.uint64(h.kappa))
    clipped = clip(*weights, median)
    trust = validator_trust(clipped[0], clipped[2])
    ranks = rank(*clipped, own_stake)
    incentives = incentive(ranks)

    # 7
    for_bonds = weights_for_bonds(weights, clipped, h.bonds_penalty)
    yuma_step = state.last_yuma_step_block if rules.bonds_cutoff == "yuma_step" else None
    cutoff = bonds_cutoff(state.current_block, h.tempo, state.last_mechanism_step_block, yuma_step)
    old = old_bonds(stored_rows(state.bonds), registered, cutoff, h.yuma3)
    liquid = h.yuma3 and h.liquid_alpha
    selected = median
    if liquid and rules.liquid_alpha == "selected":
        selected = selected_consensus(median, state.previous_consensus, h.liquid_alpha_consensus_mode, h.bonds_penalty)
    if liquid and selected.any():
        bounds = np.uint64(h.alpha_low), np.uint64(h.alpha_high)
        averaged = liquid_ema(*for_bonds, *old, selected, *bounds, h.alpha_sigmoid_steepness)
    else:
        averaged = ema(for_bonds if h.yuma3 else new_bonds(for_bonds, own_stake), old, h.bonds_moving_average)
    indptr, uid, value = averaged
    normalized = indptr, uid, column_divide(indptr, uid, value, False)
    share = dividends(*normalized, incentives, own_stake if h.yuma3 else NO_STAKE)
    kept: Rows = averaged if h.yuma3 else (indptr, uid, column_divide(*normalized, True))

    # 8
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
        bonds=sparse(*store_bonds(*kept, new_permit)),
        dividends=all_to_u16(share),
        server_emission=server,
        validator_emission=validator,
        emission=both,
        trace=traced,
    )
