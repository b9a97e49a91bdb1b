"""The reference behind the protocol of backends: arrays and rows become lists at the door, and lists arrays again.

`reference` has the arithmetic and no NumPy; this has NumPy and no arithmetic.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from yuma_kernel import profiles, reference
from yuma_kernel.arrays import U64_MAX, AnyArray, BoolArray, I64Array, U16Array, U64Array
from yuma_kernel.profiles import Mode
from yuma_kernel.reference import Rows, epoch, ratio16
from yuma_kernel.rows import SparseRows

__all__ = ["epoch"]

PROFILES = frozenset(profiles.PROFILES)


def _list(values: AnyArray) -> list[Any]:
    listed: list[Any] = values.tolist()
    return listed


def _i64(values: list[int]) -> I64Array:
    return np.array(values, np.int64)


def _u64(values: list[int]) -> U64Array:
    return np.array(values, np.uint64)


def _sparse(rows: Rows, dtype: npt.DTypeLike = np.int64) -> SparseRows:
    return SparseRows._trusted_lists(rows, dtype)


# 3


def activity(last_update: U64Array, activity_cutoff: int, current_block: int) -> BoolArray:
    return np.array(reference.activity(_list(last_update), activity_cutoff, current_block), np.bool_)


def normalize_stake(total_stake: U64Array, stake_threshold: int, owner_uid: int | None) -> I64Array:
    total = [low | high << 64 for low, high in _list(total_stake)]
    return _i64(reference.normalize_stake(reference.filter_stake(total, stake_threshold, owner_uid)))


def permits(stake: I64Array, max_allowed_validators: int, owner_uid: int | None) -> BoolArray:
    return np.array(reference.new_permit(_list(stake), max_allowed_validators, owner_uid), np.bool_)


def active_stake(stake: I64Array, active: BoolArray, validator_permit: BoolArray, owner_uid: int | None) -> I64Array:
    permit = reference.permit(_list(validator_permit), owner_uid)
    return _i64(reference.active_stake(_list(stake), _list(active), permit))


# 4


def upscale_to_u16(values: U16Array) -> U16Array:
    return np.array(reference.upscale_to_u16(_list(values)), np.uint16)


def mask_weights(
    weights: SparseRows,
    validator_permit: BoolArray,
    owner_uid: int | None,
    last_update: U64Array,
    block_at_registration: U64Array,
    commit_block: U64Array | None,
) -> SparseRows:
    permit = reference.permit(_list(validator_permit), owner_uid)
    commits = [U64_MAX] * weights.n if commit_block is None else _list(commit_block)
    masked = reference.mask_weights(
        weights.to_rows(), permit, owner_uid, _list(last_update), _list(block_at_registration), commits
    )
    return _sparse(masked)


def normalize_rows(weights: SparseRows) -> SparseRows:
    return _sparse(reference.normalize_rows(weights.to_rows()))


# 5


def consensus(weights: SparseRows, active_stake: I64Array, kappa: int) -> I64Array:
    return _i64(reference.consensus(_list(active_stake), weights.to_rows(), ratio16(kappa)))


# 6


def clip(weights: SparseRows, consensus: I64Array) -> SparseRows:
    return _sparse(reference.clip(weights.to_rows(), _list(consensus)))


def validator_trust(clipped: SparseRows) -> I64Array:
    return _i64(reference.validator_trust(clipped.to_rows()))


def rank(clipped: SparseRows, active_stake: I64Array) -> I64Array:
    return _i64(reference.rank(_list(active_stake), clipped.to_rows()))


def incentive(rank: I64Array) -> I64Array:
    return _i64(reference.incentive(_list(rank)))


# 7


def weights_for_bonds(weights: SparseRows, clipped: SparseRows, bonds_penalty: int) -> SparseRows:
    return _sparse(reference.weights_for_bonds(weights.to_rows(), clipped.to_rows(), ratio16(bonds_penalty)))


def bonds_cutoff(current_block: int, tempo: int, last_mechanism_step_block: int, last_yuma_step_block: int | None) -> int:
    return reference.bonds_cutoff(current_block, tempo, last_mechanism_step_block, last_yuma_step_block)


def old_bonds(bonds: SparseRows, block_at_registration: U64Array, cutoff: int, yuma3: bool) -> SparseRows:
    kept = reference.mask_bonds(bonds.to_rows(), _list(block_at_registration), cutoff)
    return _sparse(reference.old_bonds_yuma3(kept) if yuma3 else reference.old_bonds_yuma2(kept))


def new_bonds(weights_for_bonds: SparseRows, active_stake: I64Array) -> SparseRows:
    return _sparse(reference.new_bonds_yuma2(weights_for_bonds.to_rows(), _list(active_stake)))


def column_normalize(matrix: SparseRows) -> SparseRows:
    return _sparse(reference.column_normalize(matrix.to_rows()))


def column_max_normalize(matrix: SparseRows) -> SparseRows:
    return _sparse(reference.column_max_upscale(matrix.to_rows()))


def ema(new: SparseRows, old: SparseRows, bonds_moving_average: int) -> SparseRows:
    return _sparse(reference.ema(new.to_rows(), old.to_rows(), reference.bonds_moving_average(bonds_moving_average)))


def liquid_alpha(
    consensus: I64Array,
    weight: I64Array,
    bond: I64Array,
    alpha_low: int,
    alpha_high: int,
    alpha_sigmoid_steepness: int,
) -> I64Array:
    low, high, steepness = ratio16(alpha_low), ratio16(alpha_high), alpha_sigmoid_steepness << 32
    entries = zip(_list(consensus), _list(weight), _list(bond), strict=True)
    return _i64([reference.liquid_alpha(c, w, b, low, high, steepness) for c, w, b in entries])


def selected_consensus(consensus: I64Array, previous_consensus: U16Array, mode: Mode, bonds_penalty: int) -> I64Array:
    return _i64(reference.selected_consensus(_list(consensus), _list(previous_consensus), mode, bonds_penalty))


def liquid_ema(
    weights_for_bonds: SparseRows,
    old: SparseRows,
    consensus: I64Array,
    alpha_low: int,
    alpha_high: int,
    alpha_sigmoid_steepness: int,
) -> SparseRows:
    low, high, steepness = ratio16(alpha_low), ratio16(alpha_high), alpha_sigmoid_steepness << 32
    new = weights_for_bonds.to_rows()
    return _sparse(reference.liquid_ema(new, old.to_rows(), _list(consensus), low, high, steepness))


def dividends(normalized_bonds: SparseRows, incentive: I64Array, active_stake: I64Array | None) -> I64Array:
    bonds, earned = normalized_bonds.to_rows(), _list(incentive)
    if active_stake is None:
        return _i64(reference.dividends_yuma2(earned, bonds))
    return _i64(reference.dividends_yuma3(earned, bonds, _list(active_stake)))


# 8


def emission(
    incentive: I64Array, dividends: I64Array, stake: I64Array, active_stake: I64Array, emission: int
) -> tuple[U64Array, U64Array, U64Array]:
    shares = reference.emission_shares(_list(incentive), _list(dividends), _list(active_stake), _list(stake))
    server, validator, combined = (_u64([reference.emit(x, emission) for x in part]) for part in shares)
    return server, validator, combined


def to_u16(proportions: I64Array) -> U16Array:
    return np.array([reference.to_u16(x) for x in _list(proportions)], np.uint16)


def store_bonds(bonds: SparseRows, new_permit: BoolArray) -> SparseRows:
    return _sparse(reference.store_bonds(bonds.to_rows(), _list(new_permit)), np.uint16)
