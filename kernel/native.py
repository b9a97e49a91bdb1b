"""The C kernel through cffi: the backend "c".

Inputs come validated from `yuma_kernel.types` and `yuma_kernel.stages`, which is what the kernel trusts. A call releases the
GIL; a thread has a workspace of its own, which grows to the largest epoch that the thread has computed.
"""

from __future__ import annotations

import threading
from typing import Any, Final

import numpy as np

from yuma_kernel.kernel._yuma import ffi, lib
from yuma_kernel.types import (
    TRACED_ARRAYS,
    TRACED_ROWS,
    AnyArray,
    BoolArray,
    EpochResult,
    Hyperparameters,
    I64Array,
    SparseRows,
    SubnetState,
    U16Array,
    U64Array,
)

_thread = threading.local()

_CTYPES: Final = {
    np.dtype(np.bool_): "uint8_t[]",
    np.dtype(np.uint8): "unsigned char[]",
    np.dtype(np.uint16): "uint16_t[]",
    np.dtype(np.uint32): "uint32_t[]",
    np.dtype(np.uint64): "uint64_t[]",
    np.dtype(np.int64): "int64_t[]",
}


def build() -> str:
    """How the C kernel was built: language, 128-bit representation, compiler."""
    return _text(lib.yuma_build())


def _text(chars: Any) -> str:
    return str(ffi.string(chars).decode())


def _check(status: int) -> None:
    if status != lib.YUMA_OK:  # validated inputs leave no reason
        raise RuntimeError(f"the C kernel refused its input: {_text(lib.yuma_status_text(status))}")


def _workspace(n: int, weights: int, bonds: int) -> AnyArray:
    size = lib.yuma_workspace(n, weights, bonds)
    kept: AnyArray | None = getattr(_thread, "workspace", None)
    if kept is None or kept.size < size:
        kept = _thread.workspace = np.empty(size, np.uint8)
    return kept


class _RowsOut:
    """Room for rows of which the kernel decides how many entries they have."""

    def __init__(self, n: int, room: int, dtype: type[np.generic] = np.int64) -> None:
        self.indptr = np.empty(n + 1, np.uint32)
        self.uid = np.empty(room, np.uint16)
        self.value = np.empty(room, dtype)

    @classmethod
    def copy(cls, rows: SparseRows) -> _RowsOut:
        """Rows for the kernel to change in place."""
        out = cls(rows.n, rows.uid.size)
        out.indptr[:], out.uid[:], out.value[:] = rows.indptr, rows.uid, rows.value
        return out

    def rows(self) -> SparseRows:
        entries = int(self.indptr[-1])
        return SparseRows._trusted(self.indptr, self.uid[:entries].copy(), self.value[:entries].copy())


class _Arguments:
    """Python values as C sees them, kept alive for as long as this is."""

    def __init__(self) -> None:
        self._alive: list[Any] = []

    def __call__(self, value: Any) -> Any:
        if value is None:
            return ffi.NULL
        if isinstance(value, np.ndarray):
            return self._keep(ffi.from_buffer(_CTYPES[value.dtype], value))
        if isinstance(value, (SparseRows, _RowsOut)):
            ctype = "yuma_rows *" if value.value.dtype == np.int64 else "yuma_stored_rows *"
            return self.struct(ctype, indptr=value.indptr, uid=value.uid, value=value.value)
        return value

    def struct(self, ctype: str, **members: Any) -> Any:
        """A new struct; rows stand in it by value."""
        struct = ffi.new(ctype)
        for name, member in members.items():
            converted = self(member)
            setattr(struct, name, converted[0] if isinstance(member, (SparseRows, _RowsOut)) else converted)
        return self._keep(struct)

    def _keep(self, value: Any) -> Any:
        self._alive.append(value)
        return value


def _owner(owner_uid: int | None) -> int:
    return int(lib.YUMA_NO_OWNER) if owner_uid is None else owner_uid


def _run(function: Any, *arguments: Any) -> None:
    at = _Arguments()
    _check(function(*map(at, arguments)))


def _run_in(workspace: AnyArray, function: Any, *arguments: Any) -> None:
    _run(function, *arguments, workspace, workspace.size)


def epoch(state: SubnetState, hyperparameters: Hyperparameters, emission: int, trace: bool) -> EpochResult:
    """Sections 3 to 8, in C. Arguments and result as in `yuma_kernel.epoch`."""
    n, weights, bonds = state.n, state.weights.uid.size, state.bonds.uid.size
    at = _Arguments()
    given = vars(state) | {"n": n, "owner_uid": _owner(state.owner_uid)}
    stored = _RowsOut(n, weights + bonds, np.uint16)
    outputs: dict[str, Any] = {
        **{name: np.empty(n, np.bool_) for name in ("active", "validator_permit")},
        **{
            name: np.empty(n, np.uint16)
            for name in ("stake_weight", "consensus", "incentive", "dividends", "validator_trust")
        },
        **{name: np.empty(n, np.uint64) for name in ("server_emission", "validator_emission", "emission")},
    }
    traced: dict[str, Any] = {}
    if trace:
        traced.update((name, np.empty(n, np.int64)) for name in TRACED_ARRAYS)
        traced.update((name, _RowsOut(n, weights + bonds)) for name in TRACED_ROWS)
    workspace = _workspace(n, weights, bonds)
    _check(
        lib.yuma_epoch(
            at.struct("yuma_state *", **given),
            at.struct("yuma_hyperparameters *", **vars(hyperparameters)),
            emission,
            at.struct(
                "yuma_result *",
                **outputs,
                bonds_indptr=stored.indptr,
                bonds_uid=stored.uid,
                bonds_value=stored.value,
            ),
            at.struct("yuma_trace *", **traced) if trace else ffi.NULL,
            at(workspace),
            workspace.size,
        )
    )
    traced = {name: value.rows() if isinstance(value, _RowsOut) else value for name, value in traced.items()}
    return EpochResult(**outputs, bonds=stored.rows(), trace=traced or None)


# -- the stages, under the names and with the arguments of yuma_kernel.epoch.Backend ---------------------------------------

# 3


def activity(last_update: U64Array, activity_cutoff: int, current_block: int) -> BoolArray:
    active = np.empty(last_update.size, np.bool_)
    _run(lib.yuma_activity, active.size, last_update, activity_cutoff, current_block, active)
    return active


def normalize_stake(total_stake: U64Array, stake_threshold: int, owner_uid: int | None) -> I64Array:
    stake = np.empty(total_stake.shape[0], np.int64)
    _run(lib.yuma_normalize_stake, stake.size, total_stake, stake_threshold, _owner(owner_uid), stake)
    return stake


def permits(stake: I64Array, max_allowed_validators: int, owner_uid: int | None) -> BoolArray:
    n, new_permit = stake.size, np.empty(stake.size, np.bool_)
    workspace = _workspace(n, 0, 0)
    _run_in(workspace, lib.yuma_permits, n, stake, max_allowed_validators, _owner(owner_uid), new_permit)
    return new_permit


def active_stake(stake: I64Array, active: BoolArray, validator_permit: BoolArray, owner_uid: int | None) -> I64Array:
    out = np.empty(stake.size, np.int64)
    _run(lib.yuma_active_stake, stake.size, stake, active, validator_permit, _owner(owner_uid), out)
    return out


# 4


def upscale_to_u16(values: U16Array) -> U16Array:
    scaled = np.empty(values.size, np.uint16)
    _run(lib.yuma_upscale_to_u16, values.size, values, scaled)
    return scaled


def mask_weights(
    weights: SparseRows,
    validator_permit: BoolArray,
    owner_uid: int | None,
    last_update: U64Array,
    block_at_registration: U64Array,
    commit_block: U64Array | None,
) -> SparseRows:
    masked = _RowsOut(weights.n, weights.uid.size)
    dates = (last_update, block_at_registration, commit_block)
    _run(lib.yuma_mask_weights, weights.n, weights, validator_permit, _owner(owner_uid), *dates, masked)
    return masked.rows()


def normalize_rows(weights: SparseRows) -> SparseRows:
    out = _RowsOut.copy(weights)
    _run(lib.yuma_normalize_rows, weights.n, out)
    return out.rows()


# 5


def consensus(weights: SparseRows, active_stake: I64Array, kappa: int) -> I64Array:
    out = np.empty(weights.n, np.int64)
    workspace = _workspace(weights.n, weights.uid.size, 0)
    _run_in(workspace, lib.yuma_consensus, weights.n, weights, active_stake, lib.yuma_ratio16(kappa), out)
    return out


# 6


def clip(weights: SparseRows, consensus: I64Array) -> SparseRows:
    clipped = _RowsOut(weights.n, weights.uid.size)
    _run(lib.yuma_clip, weights.n, weights, consensus, clipped)
    return clipped.rows()


def validator_trust(clipped: SparseRows) -> I64Array:
    out = np.empty(clipped.n, np.int64)
    _run(lib.yuma_validator_trust, clipped.n, clipped, out)
    return out


def rank(clipped: SparseRows, active_stake: I64Array) -> I64Array:
    out = np.empty(clipped.n, np.int64)
    _run(lib.yuma_rank, clipped.n, clipped, active_stake, out)
    return out


def incentive(rank: I64Array) -> I64Array:
    out = np.empty(rank.size, np.int64)
    _run(lib.yuma_incentive, rank.size, rank, out)
    return out


# 7


def weights_for_bonds(weights: SparseRows, clipped: SparseRows, bonds_penalty: int) -> SparseRows:
    n, room = weights.n, weights.uid.size + clipped.uid.size
    out = _RowsOut(n, room)
    penalty = lib.yuma_ratio16(bonds_penalty)
    _run_in(_workspace(n, room, 0), lib.yuma_weights_for_bonds, n, weights, clipped, penalty, out)
    return out.rows()


def bonds_cutoff(current_block: int, tempo: int, last_mechanism_step_block: int) -> int:
    return int(lib.yuma_bonds_cutoff(current_block, tempo, last_mechanism_step_block))


def old_bonds(bonds: SparseRows, block_at_registration: U64Array, cutoff: int, yuma3: bool) -> SparseRows:
    n, old = bonds.n, _RowsOut(bonds.n, bonds.uid.size)
    _run_in(_workspace(n, 0, bonds.uid.size), lib.yuma_old_bonds, n, bonds, block_at_registration, cutoff, yuma3, old)
    return old.rows()


def new_bonds(weights_for_bonds: SparseRows, active_stake: I64Array) -> SparseRows:
    n, out = weights_for_bonds.n, _RowsOut.copy(weights_for_bonds)
    _run_in(_workspace(n, out.uid.size, 0), lib.yuma_new_bonds, n, out, active_stake)
    return out.rows()


def column_normalize(matrix: SparseRows) -> SparseRows:
    out = _RowsOut.copy(matrix)
    _run_in(_workspace(matrix.n, 0, 0), lib.yuma_column_normalize, matrix.n, out)
    return out.rows()


def column_max_normalize(matrix: SparseRows) -> SparseRows:
    out = _RowsOut.copy(matrix)
    _run_in(_workspace(matrix.n, 0, 0), lib.yuma_column_max_normalize, matrix.n, out)
    return out.rows()


def ema(new: SparseRows, old: SparseRows, bonds_moving_average: int) -> SparseRows:
    n, out = new.n, _RowsOut(new.n, new.uid.size + old.uid.size)
    alpha = lib.yuma_bonds_alpha(bonds_moving_average)
    _run_in(_workspace(n, new.uid.size, old.uid.size), lib.yuma_ema, n, alpha, new, old, out)
    return out.rows()


def _alphas(alpha_low: int, alpha_high: int, alpha_sigmoid_steepness: int) -> tuple[int, int, int]:
    return lib.yuma_ratio16(alpha_low), lib.yuma_ratio16(alpha_high), alpha_sigmoid_steepness << 32


def liquid_alpha(
    consensus: I64Array,
    weight: I64Array,
    bond: I64Array,
    alpha_low: int,
    alpha_high: int,
    alpha_sigmoid_steepness: int,
) -> I64Array:
    alpha = np.empty(consensus.size, np.int64)
    alphas = _alphas(alpha_low, alpha_high, alpha_sigmoid_steepness)
    _run(lib.yuma_liquid_alphas, alpha.size, consensus, weight, bond, *alphas, alpha)
    return alpha


def liquid_ema(
    weights_for_bonds: SparseRows,
    old: SparseRows,
    consensus: I64Array,
    alpha_low: int,
    alpha_high: int,
    alpha_sigmoid_steepness: int,
) -> SparseRows:
    n, entries = old.n, weights_for_bonds.uid.size
    out = _RowsOut(n, entries)
    alphas = _alphas(alpha_low, alpha_high, alpha_sigmoid_steepness)
    workspace = _workspace(n, entries, old.uid.size)
    _run_in(workspace, lib.yuma_liquid_ema, n, weights_for_bonds, old, consensus, *alphas, out)
    return out.rows()


def dividends(normalized_bonds: SparseRows, incentive: I64Array, active_stake: I64Array | None) -> I64Array:
    out = np.empty(incentive.size, np.int64)
    _run(lib.yuma_dividends, out.size, normalized_bonds, incentive, active_stake, out)
    return out


# 8


def emission(
    incentive: I64Array, dividends: I64Array, stake: I64Array, active_stake: I64Array, emission: int
) -> tuple[U64Array, U64Array, U64Array]:
    n = incentive.size
    server, validator, combined = (np.empty(n, np.uint64) for _ in range(3))
    shares = (incentive, dividends, stake, active_stake)
    _run(lib.yuma_emission, n, *shares, emission, server, validator, combined)
    return server, validator, combined


def to_u16(proportions: I64Array) -> U16Array:
    stored = np.empty(proportions.size, np.uint16)
    _run(lib.yuma_store, stored.size, proportions, stored)
    return stored


def store_bonds(bonds: SparseRows, new_permit: BoolArray) -> SparseRows:
    out = _RowsOut(bonds.n, bonds.uid.size, np.uint16)
    _run(lib.yuma_store_bonds, bonds.n, bonds, new_permit, out.indptr, out.uid, out.value)
    return out.rows()
