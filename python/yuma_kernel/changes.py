"""A state with something changed: what the verbs of `SubnetState` do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from yuma_kernel.arrays import MASKED, U16_MAX, U64_MAX, U16Array, array, integer, is_number
from yuma_kernel.errors import InputError, shown
from yuma_kernel.results import EpochResult
from yuma_kernel.rows import SparseRows
from yuma_kernel.stages import upscale_to_u16
from yuma_kernel.stake import stake_from_floats, stake_from_rao
from yuma_kernel.types import SubnetState
from yuma_kernel.weights import uid_of_key, weights_to_u16


def with_weights(state: SubnetState, uid: object, weights: Any, last_update: object = None) -> SubnetState:
    """`SubnetState.with_weights`."""
    own = integer("uid", uid, 0, state.n - 1)
    block = state.current_block if last_update is None else integer("last_update", last_update, 0, U64_MAX)
    uids, values = _as_sent(weights)
    try:
        rows = _with_row(state.weights, own, uids, upscale_to_u16(values))
    except InputError as error:
        raise InputError("weights", error.rule) from None
    return replace(state, weights=rows, last_update=_put(state.last_update, own, block))


def _as_sent(weights: Any) -> tuple[U16Array, U16Array]:
    """The row that goes to the chain: integers of u16 as they are, in their order, floats as `weights_to_u16` makes them."""
    if isinstance(weights, SparseRows):
        raise InputError("weights", "expected one row, got SparseRows: a row of these is rows[uid]")
    if isinstance(weights, Mapping) or (hasattr(weights, "items") and hasattr(weights, "index")):  # a Series: by its index
        row: Any = [(uid_of_key(uid), value) for uid, value in weights.items()]
    elif isinstance(weights, tuple) and len(weights) == 2 and _are_columns(*weights):
        uids, values = (_one_column(part).tolist() for part in weights)
        if len(uids) != len(values):
            raise InputError("weights", f"expected as many uids as values, got {len(uids)} and {len(values)}")
        row = list(zip(uids, values, strict=True))
    elif hasattr(weights, "__array__"):
        raise InputError("weights", _FORMS)
    else:
        try:
            row = [(uid, value) for uid, value in weights]
        except (TypeError, ValueError):
            raise InputError("weights", _FORMS) from None
    if any(isinstance(value, (float, np.floating)) for _, value in row):
        by_uid = {integer("weights", uid, 0, 2**16 - 1): value for uid, value in row}
        if len(by_uid) != len(row):
            raise InputError("weights", "expected every uid once")
        return weights_to_u16(by_uid)
    for _, value in row:
        if is_number(value) and value > U16_MAX:
            rule = f"expected integers from 0 to {U16_MAX}, as they are sent, or floats of any scale, got {shown(value)}"
            raise InputError("weights", rule)
    uid_column = array("weights", [uid for uid, _ in row], np.uint16, (None,))
    try:
        return uid_column, array("weights", [value for _, value in row], np.uint16, (None,))
    except InputError as error:  # the index is the uid, as it is of floats
        at = int(uid_column[error.index]) if isinstance(error.index, int) else None
        raise InputError("weights", error.rule, at) from None


_FORMS: Final = (
    "expected {uid: weight}, pairs (uid, weight) or two arrays, the uids and their weights; one weight a uid goes as "
    "dict(enumerate(weights))"
)


def _are_columns(uids: object, values: object) -> bool:
    """Whether they are the uids and their weights, arrays or, as `weights_to_u16` gives them, lists; else they are pairs."""
    return all(hasattr(part, "__array__") or type(part) is list for part in (uids, values))


def _one_column(part: Any) -> Any:
    """One of two arrays of a row."""
    if isinstance(part, np.ma.MaskedArray):
        raise InputError("weights", MASKED)
    held = np.asarray(part)
    if held.ndim != 1:
        raise InputError("weights", f"expected two arrays of one dimension, got {held.ndim}")
    return held


def _with_row(rows: SparseRows, uid: int, uids: U16Array, values: U16Array) -> SparseRows:
    a, b = int(rows.indptr[uid]), int(rows.indptr[uid + 1])
    indptr = rows.indptr.astype(np.int64)
    indptr[uid + 1 :] += uids.size - (b - a)
    return SparseRows(
        indptr,
        np.concatenate([rows.uid[:a], uids, rows.uid[b:]]),
        np.concatenate([rows.value[:a], values, rows.value[b:]]),
    )


def _put(held: Any, uid: int, value: Any) -> Any:
    changed = np.array(held)
    changed[uid] = value
    return changed


def with_stake(state: SubnetState, uid: object, rao: object = None, alpha: object = None) -> SubnetState:
    """`SubnetState.with_stake`."""
    own = integer("uid", uid, 0, state.n - 1)
    if (rao is None) == (alpha is None):
        raise InputError("rao", "expected one of rao and alpha")
    whole = None if rao is None else integer("rao", rao, 0, 2**63 - 1)
    try:
        words = stake_from_floats([alpha]) if whole is None else stake_from_rao([whole])
        return replace(state, total_stake=_put(state.total_stake, own, words[0]))
    except InputError as error:
        raise InputError("alpha" if whole is None else "rao", error.rule) from None


def without(state: SubnetState, uid: object) -> SubnetState:
    """`SubnetState.without`."""
    own = integer("uid", uid, 0, state.n - 1)
    previous = state.previous_consensus
    if previous is not None and own < previous.size:
        previous = _put(previous, own, 0)
    return replace(
        state,
        weights=_without_uid(state.weights, own),
        bonds=_without_uid(state.bonds, own),
        total_stake=_put(state.total_stake, own, 0),
        last_update=_put(state.last_update, own, 0),
        validator_permit=_put(state.validator_permit, own, False),
        commit_block=None if state.commit_block is None else _put(state.commit_block, own, U64_MAX),
        owner_uid=None if state.owner_uid == own else state.owner_uid,
        previous_consensus=previous,
    )


def _without_uid(rows: SparseRows, uid: int) -> SparseRows:
    return rows._keeping((rows.entry_rows() != uid) & (rows.uid != uid))


def after(state: SubnetState, result: EpochResult, blocks: object = None) -> SubnetState:
    """`SubnetState.after`."""
    if not isinstance(result, EpochResult):
        raise InputError("result", f"expected an EpochResult, got {type(result).__name__}")
    if result.active.size != state.n:
        raise InputError("result", f"expected one of {state.n} uids, got {result.active.size}")
    if blocks is None:
        last = state.last_mechanism_step_block
        if not 0 < last < state.current_block:
            raise InputError(
                "blocks", "expected how many blocks lie between the epochs: the state does not know the last one"
            )
        blocks = state.current_block - last
    block = state.current_block + integer("blocks", blocks, 0, U64_MAX - state.current_block)
    return replace(
        state,
        bonds=result.bonds,
        validator_permit=result.validator_permit,
        previous_consensus=result.consensus,
        last_mechanism_step_block=state.current_block,
        last_yuma_step_block=None if state.last_yuma_step_block is None else state.current_block,
        current_block=block,
    )
