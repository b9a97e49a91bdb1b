"""What `yuma_kernel.epoch.Backend` asks for: the epoch, and each stage with the conversions that it needs."""

from __future__ import annotations

import numpy as np

from yuma_kernel.arrays import BoolArray, I64Array, U16Array, U64Array
from yuma_kernel.kernel.jit import bonds as _bonds
from yuma_kernel.kernel.jit import consensus as _consensus
from yuma_kernel.kernel.jit import emission as _emission
from yuma_kernel.kernel.jit import incentive as _incentive
from yuma_kernel.kernel.jit import liquid as _liquid
from yuma_kernel.kernel.jit import stake as _stake
from yuma_kernel.kernel.jit import weights as _weights
from yuma_kernel.kernel.jit.bonds import bonds_cutoff
from yuma_kernel.kernel.jit.environment import without_traps
from yuma_kernel.kernel.jit.epoch import epoch
from yuma_kernel.kernel.jit.rows import owner_index, raw_bits, raw_rows, sparse, stored_rows
from yuma_kernel.profiles import Mode
from yuma_kernel.rows import SparseRows

__all__ = ["bonds_cutoff", "epoch"]

PROFILES = frozenset({475, 425, 401, 365, 320, 297, 283, 273, 257, 252, 233})


def activity(last_update: U64Array, activity_cutoff: int, current_block: int) -> BoolArray:
    """Section 3.1: bool[n] of uint64[n] blocks."""
    return _stake.activity(np.array(last_update), np.uint64(activity_cutoff), np.uint64(current_block))


def normalize_stake(total_stake: U64Array, stake_threshold: int, owner_uid: int | None) -> I64Array:
    """Sections 3.2 and 3.3: int64[n] of the I64F64 words uint64[n, 2] (low, high); the threshold in rao."""
    return _stake.normalize_stake(np.array(total_stake), np.uint64(stake_threshold), owner_index(owner_uid))


def permits(stake: I64Array, max_allowed_validators: int, owner_uid: int | None) -> BoolArray:
    """Section 3.5, the permits of the next epoch: bool[n] of int64[n] >= 0."""
    return _stake.permits(raw_bits(stake), max_allowed_validators, owner_index(owner_uid), False)


def active_stake(stake: I64Array, active: BoolArray, validator_permit: BoolArray, owner_uid: int | None) -> I64Array:
    """Sections 3.4 and 3.6: int64[n] of int64[n] and bool[n]."""
    return _stake.active_stake(raw_bits(stake), np.array(active), _stake.permit(validator_permit, owner_index(owner_uid)))


def mask_weights(
    weights: SparseRows,
    validator_permit: BoolArray,
    owner_uid: int | None,
    last_update: U64Array,
    block_at_registration: U64Array,
    commit_block: U64Array | None,
) -> SparseRows:
    """Section 4, what stays of the stored weights: raw bits; commit_block None without commit_reveal."""
    owner = owner_index(owner_uid)
    return sparse(
        *_weights.mask_weights(
            *stored_rows(weights),
            _stake.permit(validator_permit, owner),
            owner,
            np.array(last_update),
            np.array(block_at_registration),
            _weights.NO_BLOCKS if commit_block is None else np.array(commit_block),
        )
    )


def normalize_rows(weights: SparseRows) -> SparseRows:
    """Section 4, each row with a positive sum divided by it: raw bits."""
    indptr, uid, value = raw_rows(weights)
    return sparse(indptr, uid, _weights.normalize_rows(indptr, value))


def consensus(weights: SparseRows, active_stake: I64Array, kappa: int) -> I64Array:
    """Section 5, the stake-weighted median: int64[n] of raw rows and int64[n]; kappa a u16 proportion."""
    return _consensus.consensus(*raw_rows(weights), raw_bits(active_stake), np.uint64(kappa))


def clip(weights: SparseRows, consensus: I64Array) -> SparseRows:
    """Section 6, weights above the consensus lowered to it: raw bits."""
    return sparse(*_incentive.clip(*raw_rows(weights), raw_bits(consensus)))


def validator_trust(clipped: SparseRows) -> I64Array:
    """Section 6, the sums of the rows: int64[n]."""
    indptr, _, value = raw_rows(clipped)
    return _incentive.validator_trust(indptr, value)


def rank(clipped: SparseRows, active_stake: I64Array) -> I64Array:
    """Section 6, the sums of the columns weighted by stake: int64[n]."""
    return _incentive.rank(*raw_rows(clipped), raw_bits(active_stake))


def incentive(rank: I64Array) -> I64Array:
    """Section 6, rank divided by its sum: int64[n]."""
    return _incentive.incentive(raw_bits(rank))


def weights_for_bonds(weights: SparseRows, clipped: SparseRows, bonds_penalty: int) -> SparseRows:
    """Section 7, weights moved towards clipped by a u16 proportion: raw bits."""
    return sparse(*_bonds.weights_for_bonds(raw_rows(weights), raw_rows(clipped), bonds_penalty))


def old_bonds(bonds: SparseRows, block_at_registration: U64Array, cutoff: int, yuma3: bool) -> SparseRows:
    """Section 7, B: the stored bonds without the outdated ones, in raw bits."""
    since = np.array([cutoff], np.uint64)
    return sparse(*_bonds.old_bonds(stored_rows(bonds), np.array(block_at_registration), since, yuma3))


def new_bonds(weights_for_bonds: SparseRows, active_stake: I64Array) -> SparseRows:
    """Section 7, D of Yuma 2: raw bits."""
    return sparse(*_bonds.new_bonds(raw_rows(weights_for_bonds), raw_bits(active_stake)))


def column_normalize(matrix: SparseRows) -> SparseRows:
    """Section 7, each entry divided by the sum of its column: raw bits."""
    indptr, uid, value = raw_rows(matrix)
    return sparse(indptr, uid, _bonds.column_divide(indptr, uid, value, False))


def column_max_normalize(matrix: SparseRows) -> SparseRows:
    """Section 7, the bonds that Yuma 2 stores, each entry divided by the largest of its column: raw bits."""
    indptr, uid, value = raw_rows(matrix)
    return sparse(indptr, uid, _bonds.column_divide(indptr, uid, value, True))


def ema(new: SparseRows, old: SparseRows, bonds_moving_average: int) -> SparseRows:
    """Section 7, the moving average of the bonds, in millionths: raw bits, rows ascending."""
    return sparse(*_bonds.ema(raw_rows(new), raw_rows(old), bonds_moving_average))


def liquid_alpha(
    consensus: I64Array,
    weight: I64Array,
    bond: I64Array,
    alpha_low: int,
    alpha_high: int,
    alpha_sigmoid_steepness: int,
) -> I64Array:
    """Section 7, alpha elementwise: int64 of three int64 of one shape, any bits; bounds u16, steepness in hundredths."""
    c, w, b = (raw_bits(x).reshape(-1) for x in (consensus, weight, bond))
    slope = _liquid.slope_of(alpha_sigmoid_steepness, True)
    curve = np.uint64(alpha_low), np.uint64(alpha_high), slope, True
    out = without_traps(_liquid.liquid_alpha, c, w, b, *curve)
    return out.reshape(consensus.shape)


def selected_consensus(consensus: I64Array, previous_consensus: U16Array, mode: Mode, bonds_penalty: int) -> I64Array:
    """Section 9, S: int64[n] of int64[n] and of what is stored, uint16 of any length; the penalty a u16 proportion."""
    return _liquid.selected_consensus(raw_bits(consensus), previous_consensus, mode, bonds_penalty)


def liquid_ema(
    weights_for_bonds: SparseRows,
    old: SparseRows,
    consensus: I64Array,
    alpha_low: int,
    alpha_high: int,
    alpha_sigmoid_steepness: int,
) -> SparseRows:
    """Section 7, the liquid EMA: raw bits, in the order of weights_for_bonds."""
    curve = np.uint64(alpha_low), np.uint64(alpha_high), _liquid.slope_of(alpha_sigmoid_steepness, True), True
    rows = *raw_rows(weights_for_bonds), *raw_rows(old)
    return sparse(*without_traps(_liquid.liquid_ema, *rows, raw_bits(consensus), *curve))


def dividends(normalized_bonds: SparseRows, incentive: I64Array, active_stake: I64Array | None) -> I64Array:
    """Section 7, int64[n] of raw rows and int64[n]; active_stake None for Yuma 2."""
    stake = _bonds.NO_STAKE if active_stake is None else raw_bits(active_stake)
    return _bonds.dividends(*raw_rows(normalized_bonds), raw_bits(incentive), stake)


def emission(
    incentive: I64Array, dividends: I64Array, stake: I64Array, active_stake: I64Array, emission: int
) -> tuple[U64Array, U64Array, U64Array]:
    """Section 8, server, validator and all: uint64[n] rao of int64[n] and the rao to divide."""
    return _emission.emissions(
        raw_bits(incentive), raw_bits(dividends), raw_bits(stake), raw_bits(active_stake), np.uint64(emission)
    )


def to_u16(proportions: I64Array) -> U16Array:
    """Section 1, elementwise: uint16 of int64, any bits."""
    return _emission.all_to_u16(raw_bits(proportions).reshape(-1)).reshape(proportions.shape)


def store_bonds(bonds: SparseRows, new_permit: BoolArray) -> SparseRows:
    """Section 8, the bond rows as stored: uint16."""
    return sparse(*_emission.store_bonds(*raw_rows(bonds), np.array(new_permit)))


def upscale_to_u16(values: U16Array) -> U16Array:
    """A row of weights scaled as the chain does it, the largest to 65535: uint16 of uint16."""
    return _weights.upscale_to_u16(np.array(values))
