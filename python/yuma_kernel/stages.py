"""Each stage of the epoch on its own, under the names of the law.

Between the stages stand raw I32F32 bits: int64 arrays by uid, and SparseRows of int64. `to_fixed` and `from_fixed` convert
floats. A *proportion* is such an integer from 0 to ONE = 2^32. Hyperparameters are as the chain stores them (kappa 65535
for 1), blocks and rao are u64. Chained as in `yuma_kernel.epoch`, the stages give the epoch, bit by bit, on every backend.

Every function takes `backend`, a name in `yuma_kernel.BACKENDS` (None: the default), returns new read-only arrays, changes
nothing, and raises InputError with the field, the index and the rule.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from yuma_kernel.arrays import (
    U16_MAX,
    U64_MAX,
    AnyArray,
    BoolArray,
    Boolean,
    I64Array,
    Integer,
    U16Array,
    U64Array,
    _source,
    array,
    boolean,
    freeze,
    integer,
)
from yuma_kernel.epoch import load_backend
from yuma_kernel.errors import InputError
from yuma_kernel.rows import SparseRows, stored_rows
from yuma_kernel.stake import total_stake_array
from yuma_kernel.types import consensus_mode, stored_consensus

ONE: Final = 1 << 32
"""The raw bits of 1."""

_I64_MAX: Final = 2**63 - 1


# -- what the stages ask of their inputs ----------------------------------------------------------------------------------


def _within(name: str, values: I64Array, high: int) -> None:
    bad = (values < 0) | (values > high)
    if bad.any():
        at = int(np.argmax(bad))
        rule = "a proportion from 0 to 2^32" if high == ONE else "no negative value"
        raise InputError(name, f"expected {rule}, got {values[at]}", at)


def _raw(name: str, value: object, n: int | None, high: int = ONE) -> I64Array:
    """int64[n] from 0 to `high`."""
    values: I64Array = array(name, value, np.int64, (n,))
    _within(name, values, high)
    return values


def _total_fits(name: str, values: I64Array, group: AnyArray | None, what: str) -> None:
    """That every sum of non-negative `values` (by `group`, or of all) stays below 2^63.

    In halves of 32 bits, of which a row or a column, with at most 32767 values, has sums below 2^47.
    """
    groups = np.zeros(values.size, np.intp) if group is None else group
    size = int(groups.max()) + 1 if groups.size else 0
    low, high = np.zeros(size, np.int64), np.zeros(size, np.int64)
    np.add.at(low, groups, values & (2**32 - 1))
    np.add.at(high, groups, values >> 32)
    over = high + (low >> 32) >= 2**31
    if over.any():
        raise InputError(name, f"expected {what} below 2^63", None if group is None else int(np.argmax(over)))


def _rows(name: str, value: object, n: int | None = None, high: int = ONE) -> SparseRows:
    """SparseRows of int64 from 0 to `high`."""
    if not isinstance(value, SparseRows) or value.value.dtype != np.int64:
        got = value.value.dtype if isinstance(value, SparseRows) else type(value).__name__
        raise InputError(name, f"expected SparseRows of int64, got {got}")
    if n is not None and value.n != n:
        raise InputError(name, f"expected {n} rows, got {value.n}")
    _within(name, value.value, high)
    return value


def _u16(name: str, value: object) -> int:
    return integer(name, value, 0, U16_MAX)


def _u64(name: str, value: object) -> int:
    return integer(name, value, 0, U64_MAX)


def _owner(value: object, n: int) -> int | None:
    return None if value is None else integer("owner_uid", value, 0, n - 1)


def _uids(name: str, value: AnyArray) -> int:
    """n, from an array by uid."""
    return integer(f"length of {name}", value.shape[0], 1, 32767)


# -- 3. Stake, activity, permits ------------------------------------------------------------------------------------------


def activity(
    last_update: object, activity_cutoff: Integer, current_block: Integer, *, backend: str | None = None
) -> BoolArray:
    """3.1, `active`: bool[n], who has set weights within the last `activity_cutoff` blocks.

    Args:
        last_update: u64[n], blocks.
        activity_cutoff, current_block: u64, blocks.
    """
    blocks = array("last_update", last_update, np.uint64, (None,))
    _uids("last_update", blocks)
    cutoff, block = _u64("activity_cutoff", activity_cutoff), _u64("current_block", current_block)
    return freeze(load_backend(backend).activity(blocks, cutoff, block))


def normalize_stake(
    total_stake: object, *, stake_threshold: Integer = 0, owner_uid: Integer | None = None, backend: str | None = None
) -> I64Array:
    """3.2 and 3.3, `stake`: int64[n], proportions of the stake that counts.

    Args:
        total_stake: uint64[n, 2], the I64F64 bits, low and high word, as in SubnetState.
        stake_threshold: u64, rao; less than this is nothing, except the owner's.
    """
    stake = array("total_stake", total_stake, np.uint64, (None, 2))
    n = _uids("total_stake", stake)
    stake = total_stake_array(stake, n)
    threshold = _u64("stake_threshold", stake_threshold)
    return freeze(load_backend(backend).normalize_stake(stake, threshold, _owner(owner_uid, n)))


def permits(
    stake: object, max_allowed_validators: Integer, *, owner_uid: Integer | None = None, backend: str | None = None
) -> BoolArray:
    """3.5, `new_permit`: bool[n], who may set weights in the next epoch.

    Args:
        stake: int64[n], proportions.
        max_allowed_validators: u16.
    """
    held = _raw("stake", stake, None)
    n = _uids("stake", held)
    most = _u16("max_allowed_validators", max_allowed_validators)
    return freeze(load_backend(backend).permits(held, most, _owner(owner_uid, n)))


def active_stake(
    stake: object,
    active: object,
    validator_permit: object,
    *,
    owner_uid: Integer | None = None,
    backend: str | None = None,
) -> I64Array:
    """3.4 and 3.6, `active_stake`: int64[n], the stake of the active and permitted as proportions of theirs.

    Args:
        stake: int64[n], proportions.
        active, validator_permit: bool[n]; the owner is permitted whatever the second says.
    """
    held = _raw("stake", stake, None)
    n = _uids("stake", held)
    _total_fits("stake", held, None, "a sum")
    acting = array("active", active, np.bool_, (n,))
    permitted = array("validator_permit", validator_permit, np.bool_, (n,))
    return freeze(load_backend(backend).active_stake(held, acting, permitted, _owner(owner_uid, n)))


# -- 4. Weights -----------------------------------------------------------------------------------------------------------


def upscale_to_u16(values: object, *, backend: str | None = None) -> U16Array:
    """A row of weights, u16, as the chain stores it when it is set: scaled so that its largest value is 65535."""
    return freeze(load_backend(backend).upscale_to_u16(array("values", values, np.uint16, (None,))))


def mask_weights(
    weights: object,
    validator_permit: object,
    last_update: object,
    block_at_registration: object,
    *,
    owner_uid: Integer | None = None,
    commit_block: object = None,
    backend: str | None = None,
) -> SparseRows:
    """4, the weights that count: SparseRows of int64, whole numbers (v << 32), in stored order.

    Args:
        weights: SparseRows of uint16, or CSR, as stored.
        validator_permit: bool[n]; the owner is permitted whatever it says.
        last_update, block_at_registration: u64[n], blocks.
        commit_block: u64[n], blocks, 2^64 - 1 for none; None where commit_reveal is off or nothing is committed.
    """
    stored = stored_rows("weights", weights)
    n = stored.n
    permitted = array("validator_permit", validator_permit, np.bool_, (n,))
    updated = array("last_update", last_update, np.uint64, (n,))
    registered = array("block_at_registration", block_at_registration, np.uint64, (n,))
    committed = None if commit_block is None else array("commit_block", commit_block, np.uint64, (n,))
    owner = _owner(owner_uid, n)
    return load_backend(backend).mask_weights(stored, permitted, owner, updated, registered, committed)


def normalize_rows(weights: SparseRows, *, backend: str | None = None) -> SparseRows:
    """4, `weights`: each row of int64 values >= 0, whose sum is below 2^63, divided by its sum where that is not 0."""
    rows = _rows("weights", weights, high=_I64_MAX)
    _total_fits("weights", rows.value, rows.entry_rows(), "a sum of the row")
    return load_backend(backend).normalize_rows(rows)


# -- 5. Consensus ---------------------------------------------------------------------------------------------------------


def consensus(weights: SparseRows, active_stake: object, kappa: Integer, *, backend: str | None = None) -> I64Array:
    """5, `consensus`: int64[n], the stake-weighted median of every column.

    Args:
        weights: SparseRows of int64 >= 0.
        active_stake: int64[n] >= 0 with a sum below 2^63; it is normalized (for the second time in the epoch) here.
        kappa: u16, 65535 for 1.
    """
    rows = _rows("weights", weights, high=_I64_MAX)
    stake = _raw("active_stake", active_stake, rows.n, _I64_MAX)
    _total_fits("active_stake", stake, None, "a sum")
    return freeze(load_backend(backend).consensus(rows, stake, _u16("kappa", kappa)))


# -- 6. Clip, validator trust, incentive ----------------------------------------------------------------------------------


def clip(weights: SparseRows, consensus: object, *, backend: str | None = None) -> SparseRows:
    """6, `clipped`: SparseRows of int64; min(weight, consensus), without the entries above a consensus of 0.

    Args:
        weights: SparseRows of int64 >= 0.
        consensus: int64[n] >= 0.
    """
    rows = _rows("weights", weights, high=_I64_MAX)
    return load_backend(backend).clip(rows, _raw("consensus", consensus, rows.n, _I64_MAX))


def validator_trust(clipped: SparseRows, *, backend: str | None = None) -> I64Array:
    """6, `validator_trust`: int64[n], the sum of each row of int64 values >= 0, which must be below 2^63."""
    rows = _rows("clipped", clipped, high=_I64_MAX)
    _total_fits("clipped", rows.value, rows.entry_rows(), "a sum of the row")
    return freeze(load_backend(backend).validator_trust(rows))


def rank(clipped: SparseRows, active_stake: object, *, backend: str | None = None) -> I64Array:
    """6, `rank`: int64[n], the clipped weights of each column times the stake of their rows, proportions all."""
    rows = _rows("clipped", clipped)
    return freeze(load_backend(backend).rank(rows, _raw("active_stake", active_stake, rows.n)))


def incentive(rank: object, *, backend: str | None = None) -> I64Array:
    """6, `incentive`: int64[n], ranks >= 0 with a sum below 2^63 as proportions of their sum."""
    ranks = _raw("rank", rank, None, _I64_MAX)
    _uids("rank", ranks)
    _total_fits("rank", ranks, None, "a sum")
    return freeze(load_backend(backend).incentive(ranks))


# -- 7. Bonds and dividends -----------------------------------------------------------------------------------------------


def weights_for_bonds(
    weights: SparseRows, clipped: SparseRows, bonds_penalty: Integer, *, backend: str | None = None
) -> SparseRows:
    """7, `weights_for_bonds`: SparseRows of int64, from the weights at bonds_penalty (u16) 0 to the clipped at 65535."""
    rows = _rows("weights", weights)
    others = _rows("clipped", clipped, rows.n)
    return load_backend(backend).weights_for_bonds(rows, others, _u16("bonds_penalty", bonds_penalty))


def bonds_cutoff(
    current_block: Integer,
    tempo: Integer,
    last_mechanism_step_block: Integer,
    last_yuma_step_block: Integer | None = None,
    *,
    backend: str | None = None,
) -> int:
    """7 and 9, `cutoff`, u64 blocks: bonds with a uid that registered in this block or later are outdated.

    Args:
        current_block, tempo, last_mechanism_step_block: u64, blocks.
        last_yuma_step_block: u64, blocks, or None where there is none, as in every profile before 475.
    """
    return load_backend(backend).bonds_cutoff(
        _u64("current_block", current_block),
        _u64("tempo", tempo),
        _u64("last_mechanism_step_block", last_mechanism_step_block),
        None if last_yuma_step_block is None else _u64("last_yuma_step_block", last_yuma_step_block),
    )


def old_bonds(
    bonds: object, block_at_registration: object, cutoff: Integer, yuma3: Boolean, *, backend: str | None = None
) -> SparseRows:
    """7, the old bonds B: SparseRows of int64, proportions: of their column in Yuma 2, of 65535 in Yuma 3.

    Args:
        bonds: SparseRows of uint16, or CSR, as stored.
        block_at_registration: u64[n], blocks.
        cutoff: u64, blocks, of `bonds_cutoff`.
    """
    stored = stored_rows("bonds", bonds)
    registered = array("block_at_registration", block_at_registration, np.uint64, (stored.n,))
    return load_backend(backend).old_bonds(stored, registered, _u64("cutoff", cutoff), boolean("yuma3", yuma3))


def new_bonds(weights_for_bonds: SparseRows, active_stake: object, *, backend: str | None = None) -> SparseRows:
    """7, the new bonds D of Yuma 2: staked weights as proportions of their column. Those of Yuma 3 are weights_for_bonds."""
    rows = _rows("weights_for_bonds", weights_for_bonds)
    return load_backend(backend).new_bonds(rows, _raw("active_stake", active_stake, rows.n))


def column_normalize(matrix: SparseRows, *, backend: str | None = None) -> SparseRows:
    """7, `column_normalize`: int64 values >= 0, the sum of a column below 2^63, divided by that sum where it is not 0."""
    rows = _rows("matrix", matrix, high=_I64_MAX)
    _total_fits("matrix", rows.value, rows.uid, "a sum of the column")
    return load_backend(backend).column_normalize(rows)


def column_max_normalize(matrix: SparseRows, *, backend: str | None = None) -> SparseRows:
    """7, the bonds that Yuma 2 stores: int64 values >= 0 divided by the largest of their column where that is not 0."""
    return load_backend(backend).column_max_normalize(_rows("matrix", matrix, high=_I64_MAX))


def ema(new: SparseRows, old: SparseRows, bonds_moving_average: Integer, *, backend: str | None = None) -> SparseRows:
    """7, `ema`: SparseRows of int64 in ascending columns, without zeros.

    Args:
        new, old: SparseRows of int64, proportions: D and B.
        bonds_moving_average: millionths that are kept of the old, at most 1,000,000.
    """
    d = _rows("new", new)
    b = _rows("old", old, d.n)
    return load_backend(backend).ema(d, b, integer("bonds_moving_average", bonds_moving_average, 0, 1_000_000))


def _alphas(alpha_low: object, alpha_high: object, alpha_sigmoid_steepness: object) -> tuple[int, int, int]:
    steepness = integer("alpha_sigmoid_steepness", alpha_sigmoid_steepness, -(2**15), 2**15 - 1)
    return _u16("alpha_low", alpha_low), _u16("alpha_high", alpha_high), steepness


def liquid_alpha(
    consensus: object,
    weight: object,
    bond: object,
    alpha_low: Integer = 45875,
    alpha_high: Integer = 58982,
    alpha_sigmoid_steepness: Integer = 1000,
    *,
    backend: str | None = None,
) -> I64Array:
    """7, `alpha` of the liquid EMA, element by element: int64[m], proportions.

    Args:
        consensus, weight, bond: int64[m], any raw bits: of the column, and as the merge walk sees them.
        alpha_low, alpha_high: u16, 65535 for 1; low may be above high.
        alpha_sigmoid_steepness: i16, hundredths.
    """
    c: I64Array = array("consensus", consensus, np.int64, (None,))
    w: I64Array = array("weight", weight, np.int64, (c.size,))
    b: I64Array = array("bond", bond, np.int64, (c.size,))
    return freeze(load_backend(backend).liquid_alpha(c, w, b, *_alphas(alpha_low, alpha_high, alpha_sigmoid_steepness)))


def selected_consensus(
    consensus: object,
    previous_consensus: object,
    liquid_alpha_consensus_mode: str | Integer = "auto",
    bonds_penalty: Integer = 65535,
    *,
    backend: str | None = None,
) -> I64Array:
    """9, the *selected* consensus S of profile 475: int64[n], what liquid alpha measures against and what decides whether it
    runs. Profiles before 475 take the current consensus in its place.

    Args:
        consensus: int64[n], proportions, the current one.
        previous_consensus: u16[any], as the chain stores it; cut or padded with 0 to n. Where it is empty, the current one.
        liquid_alpha_consensus_mode: "current", "previous" or "auto", or its number.
        bonds_penalty: u16, which decides for "auto".
    """
    current = _raw("consensus", consensus, None)
    _uids("consensus", current)
    previous = stored_consensus(previous_consensus)
    mode = consensus_mode("liquid_alpha_consensus_mode", liquid_alpha_consensus_mode)
    return freeze(load_backend(backend).selected_consensus(current, previous, mode, _u16("bonds_penalty", bonds_penalty)))


def liquid_ema(
    weights_for_bonds: SparseRows,
    old: SparseRows,
    consensus: object,
    alpha_low: Integer = 45875,
    alpha_high: Integer = 58982,
    alpha_sigmoid_steepness: Integer = 1000,
    *,
    backend: str | None = None,
) -> SparseRows:
    """7, the liquid EMA: SparseRows of int64, the columns of weights_for_bonds in its order, without zeros.

    Args:
        weights_for_bonds, old: SparseRows of int64, proportions.
        consensus: int64[n], proportions.
        alpha_low, alpha_high, alpha_sigmoid_steepness: as in `liquid_alpha`.
    """
    new = _rows("weights_for_bonds", weights_for_bonds)
    b = _rows("old", old, new.n)
    c = _raw("consensus", consensus, new.n)
    return load_backend(backend).liquid_ema(new, b, c, *_alphas(alpha_low, alpha_high, alpha_sigmoid_steepness))


def dividends(
    normalized_bonds: SparseRows, incentive: object, active_stake: object = None, *, backend: str | None = None
) -> I64Array:
    """7, `dividends`: int64[n], proportions of their sum.

    Args:
        normalized_bonds: SparseRows of int64, proportions.
        incentive: int64[n], proportions.
        active_stake: None for Yuma 2; int64[n], proportions, for Yuma 3, whose bonds have no stake in them.
    """
    rows = _rows("normalized_bonds", normalized_bonds)
    earned = _raw("incentive", incentive, rows.n)
    stake = None if active_stake is None else _raw("active_stake", active_stake, rows.n)
    return freeze(load_backend(backend).dividends(rows, earned, stake))


# -- 8. Emission and storage ----------------------------------------------------------------------------------------------


def emission(
    incentive: object,
    dividends: object,
    stake: object,
    active_stake: object,
    emission: Integer,
    *,
    backend: str | None = None,
) -> tuple[U64Array, U64Array, U64Array]:
    """8, `server_emission`, `validator_emission` and `emission`: uint64[n] each, rao.

    Args:
        incentive, dividends, stake, active_stake: int64[n], proportions.
        emission: u64, rao.
    """
    earned = _raw("incentive", incentive, None)
    n = _uids("incentive", earned)
    others = (_raw("dividends", dividends, n), _raw("stake", stake, n), _raw("active_stake", active_stake, n))
    server, validator, combined = load_backend(backend).emission(earned, *others, _u64("emission", emission))
    return freeze(server), freeze(validator), freeze(combined)


def to_u16(proportions: object, *, backend: str | None = None) -> U16Array:
    """8, `to_u16`: uint16[m], int64 raw bits as the chain stores a proportion, rounded down and clamped."""
    return freeze(load_backend(backend).to_u16(array("proportions", proportions, np.int64, (None,))))


def store_bonds(bonds: SparseRows, new_permit: object, *, backend: str | None = None) -> SparseRows:
    """8, the bonds of the next epoch: SparseRows of uint16, zeros included, of those who have a `new_permit` (bool[n])."""
    rows = _rows("bonds", bonds, high=_I64_MAX)
    return load_backend(backend).store_bonds(rows, array("new_permit", new_permit, np.bool_, (rows.n,)))


# -- floats ---------------------------------------------------------------------------------------------------------------


def _numbers(name: str, value: object) -> AnyArray:
    """An ndarray of whatever dtype NumPy gives the numbers in `value`."""
    source = _source(name, value)
    if not isinstance(value, (list, tuple)):
        return source
    if any(isinstance(item, (bool, np.bool_)) for item in source.flat):
        raise InputError(name, "expected numbers, got a boolean among them")
    try:
        with np.errstate(invalid="ignore"):  # a signaling NaN
            return np.asarray(source.tolist())
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(name, f"expected an array, got {type(value).__name__} ({error})") from None


def to_fixed(values: object) -> I64Array:
    """Floats (or integers) as raw I32F32 bits, of the same shape: value · 2^32 to the nearest integer, ties to even.

    Raises:
        InputError: `values` at an index is NaN, infinite, or outside of -2^31 <= value < 2^31.
    """
    floats = np.array(_numbers("values", values))  # what is checked below is what is converted
    if floats.dtype.kind not in "iuf" or floats.dtype.itemsize > 8:
        raise InputError("values", f"expected floats of up to 64 bits or integers, got dtype {floats.dtype}")
    if floats.dtype.kind == "f":
        with np.errstate(invalid="ignore"):  # a signaling NaN
            floats = floats.astype(np.float64)
    bad = ~((floats >= -(2**31)) & (floats < 2**31)) if floats.dtype.kind != "u" else floats >= 2**31
    if bad.any():
        at = tuple(int(k) for k in np.argwhere(bad)[0])
        raise InputError("values", f"expected a number from -2^31 to below 2^31, got {floats[at]}", at or None)
    if floats.dtype.kind != "f":
        return freeze(floats.astype(np.int64) << 32)
    # scaling by a power of two is exact; below 2^31 - 2^-22 no float rounds up to 2^63
    raw: Any = np.rint(floats * 4294967296.0)
    return freeze(raw.astype(np.int64))


def from_fixed(raw: object) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Raw I32F32 bits (int64, any shape) as float64: to the nearest, ties to even; exact below 2^53 in magnitude."""
    bits = _numbers("raw", raw)[...]
    if bits.dtype.kind not in "iu":
        raise InputError("raw", f"expected integers, got dtype {bits.dtype}")
    bits = array("raw", bits, np.int64, (None,) * bits.ndim)
    return freeze(bits.astype(np.float64) / 4294967296.0)


__all__ = [
    "ONE",
    "activity",
    "normalize_stake",
    "permits",
    "active_stake",
    "upscale_to_u16",
    "mask_weights",
    "normalize_rows",
    "consensus",
    "clip",
    "validator_trust",
    "rank",
    "incentive",
    "weights_for_bonds",
    "bonds_cutoff",
    "old_bonds",
    "new_bonds",
    "column_normalize",
    "column_max_normalize",
    "ema",
    "liquid_alpha",
    "selected_consensus",
    "liquid_ema",
    "dividends",
    "emission",
    "to_u16",
    "store_bonds",
    "to_fixed",
    "from_fixed",
]


def __dir__() -> list[str]:
    return __all__
