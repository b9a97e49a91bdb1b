"""The C kernel through cffi: the backend "c".

Inputs come validated from `yuma_kernel.types`, which is what the kernel trusts. The call releases the GIL; a thread has a
workspace of its own, which grows to the largest epoch that the thread has computed.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from yuma_kernel.kernel._yuma import ffi, lib
from yuma_kernel.types import (
    TRACED_ARRAYS,
    TRACED_ROWS,
    AnyArray,
    EpochResult,
    Hyperparameters,
    SparseRows,
    SubnetState,
)

_thread = threading.local()


def build() -> str:
    """How the C kernel was built: language, 128-bit representation, compiler."""
    return _text(lib.yuma_build())


def _text(chars: Any) -> str:
    return str(ffi.string(chars).decode())


def _workspace(size: int) -> AnyArray:
    kept: AnyArray | None = getattr(_thread, "workspace", None)
    if kept is None or kept.size < size:
        kept = _thread.workspace = np.empty(size, np.uint8)
    return kept


class _Pointers:
    """Pointers into arrays, and the arrays for as long as the pointers are used."""

    def __init__(self) -> None:
        self._alive: list[Any] = []

    def __call__(self, ctype: str, array: AnyArray) -> Any:
        pointer = ffi.from_buffer(ctype, array)
        self._alive.append(pointer)
        return pointer

    def new(self, ctype: str, value: dict[str, Any]) -> Any:
        struct = ffi.new(ctype, value)
        self._alive.append(struct)
        return struct

    def stored_rows(self, rows: SparseRows) -> dict[str, Any]:
        return {
            "indptr": self("uint32_t[]", rows.indptr),
            "uid": self("uint16_t[]", rows.uid),
            "value": self("uint16_t[]", rows.value),
        }


class _RowsOut:
    """Room for rows of which the kernel decides how many entries they have."""

    def __init__(self, n: int, room: int, dtype: type[np.generic]) -> None:
        self.indptr = np.empty(n + 1, np.uint32)
        self.uid = np.empty(room, np.uint16)
        self.value = np.empty(room, dtype)

    def pointers(self, at: _Pointers) -> dict[str, Any]:
        return {
            "indptr": at("uint32_t[]", self.indptr),
            "uid": at("uint16_t[]", self.uid),
            "value": at("int64_t[]", self.value),
        }

    def rows(self) -> SparseRows:
        entries = int(self.indptr[-1])
        return SparseRows._trusted(self.indptr, self.uid[:entries].copy(), self.value[:entries].copy())


def _state(at: _Pointers, state: SubnetState) -> Any:
    return at.new(
        "yuma_state *",
        {
            "n": state.n,
            "owner_uid": lib.YUMA_NO_OWNER if state.owner_uid is None else state.owner_uid,
            "weights": at.stored_rows(state.weights),
            "bonds": at.stored_rows(state.bonds),
            "total_stake": at("uint64_t[]", state.total_stake),
            "last_update": at("uint64_t[]", state.last_update),
            "block_at_registration": at("uint64_t[]", state.block_at_registration),
            "commit_block": ffi.NULL if state.commit_block is None else at("uint64_t[]", state.commit_block),
            "validator_permit": at("uint8_t[]", state.validator_permit),
            "current_block": state.current_block,
            "last_mechanism_step_block": state.last_mechanism_step_block,
        },
    )


def epoch(state: SubnetState, hyperparameters: Hyperparameters, emission: int, trace: bool) -> EpochResult:
    """Sections 3 to 8, in C. Arguments and result as in `yuma_kernel.epoch`."""
    n, entries = state.n, state.weights.uid.size
    every_entry = entries + state.bonds.uid.size
    at = _Pointers()
    flags = {name: np.empty(n, np.bool_) for name in ("active", "validator_permit")}
    shares = {
        name: np.empty(n, np.uint16) for name in ("stake_weight", "consensus", "incentive", "dividends", "validator_trust")
    }
    rao = {name: np.empty(n, np.uint64) for name in ("server_emission", "validator_emission", "emission")}
    bonds = _RowsOut(n, every_entry, np.uint16)
    result = at.new(
        "yuma_result *",
        {
            **{name: at("uint8_t[]", array) for name, array in flags.items()},
            **{name: at("uint16_t[]", array) for name, array in shares.items()},
            **{name: at("uint64_t[]", array) for name, array in rao.items()},
            "bonds_indptr": at("uint32_t[]", bonds.indptr),
            "bonds_uid": at("uint16_t[]", bonds.uid),
            "bonds_value": at("uint16_t[]", bonds.value),
        },
    )
    traced_arrays = {name: np.empty(n, np.int64) for name in TRACED_ARRAYS if trace}
    traced_rows = {name: _RowsOut(n, every_entry, np.int64) for name in TRACED_ROWS if trace}
    traced: Any = ffi.NULL
    if trace:
        traced = at.new(
            "yuma_trace *",
            {
                **{name: at("int64_t[]", array) for name, array in traced_arrays.items()},
                **{name: rows.pointers(at) for name, rows in traced_rows.items()},
            },
        )
    workspace = _workspace(lib.yuma_workspace(n, entries, state.bonds.uid.size))
    status = lib.yuma_epoch(
        _state(at, state),
        at.new("yuma_hyperparameters *", vars(hyperparameters)),
        emission,
        result,
        traced,
        at("unsigned char[]", workspace),
        workspace.size,
    )
    if status != lib.YUMA_OK:  # validated inputs leave no reason
        raise RuntimeError(f"the C kernel refused its input: {_text(lib.yuma_status_text(status))}")
    outputs: dict[str, Any] = {**flags, **shares, **rao, "bonds": bonds.rows()}
    if trace:
        outputs["trace"] = {**traced_arrays, **{name: rows.rows() for name, rows in traced_rows.items()}}
    return EpochResult(**outputs)
