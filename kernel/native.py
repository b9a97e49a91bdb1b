"""The C kernel through cffi: the backend "c".

Inputs come validated from `yuma_kernel.types` and `yuma_kernel.stages`, which is what the kernel trusts. A call releases the
GIL; a thread keeps memory for the next one (`yuma_kernel.kernel.kept`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from yuma_kernel import profiles
from yuma_kernel.arrays import AnyArray, BoolArray, I64Array, U16Array, U64Array, freeze, seal
from yuma_kernel.errors import InputError
from yuma_kernel.kernel import kept, selfcheck
from yuma_kernel.kernel._yuma import ffi, lib
from yuma_kernel.profiles import MODES, Mode
from yuma_kernel.results import OUTPUT_TABLE, TRACED_ARRAYS, TRACED_ROWS, EpochResult, Layout, hold_unread, new
from yuma_kernel.rows import SparseRows
from yuma_kernel.simulation import Dates, Plan, Simulation
from yuma_kernel.types import Hyperparameters, SubnetState
from yuma_kernel.variants import Chunk
from yuma_kernel.variants import Plan as Variants

PROFILES: Final = frozenset(profiles.PROFILES)

_CTYPES: Final[Mapping[Any, str]] = {
    np.dtype(np.bool_): "uint8_t[]",
    np.dtype(np.uint8): "unsigned char[]",
    np.dtype(np.uint16): "uint16_t[]",
    np.dtype(np.uint32): "uint32_t[]",
    np.dtype(np.uint64): "uint64_t[]",
    np.dtype(np.int64): "int64_t[]",
}


def build() -> str:
    """How the C kernel was built, and what it takes of this machine: language, 128-bit representation, compiler,
    instruction set."""
    return f"{_text(lib.yuma_build())}, {selected_instruction_set()}"


def _text(chars: Any) -> str:
    return str(ffi.string(chars).decode())


def _check(status: int) -> None:
    if status != lib.YUMA_OK:  # validated inputs leave no reason
        raise RuntimeError(f"the C kernel refused its input: {_text(lib.yuma_status_text(status))}")


# -- instruction sets ------------------------------------------------------------------------------------------------------

_ISA_BITS: Final[Mapping[str, int]] = {
    "portable": lib.YUMA_ISA_PORTABLE,
    "avx2": lib.YUMA_ISA_AVX2,
    "avx512": lib.YUMA_ISA_AVX512,
    "neon": lib.YUMA_ISA_NEON,
}


def instruction_sets() -> tuple[str, ...]:
    """Those that this build has and this machine can run, the fastest last. All give the same results."""
    available = lib.yuma_isa_available()
    return tuple(name for name, bit in _ISA_BITS.items() if available & bit)


def select_instruction_sets(names: Iterable[str] | None = None) -> None:
    """From now on, in all threads, an epoch takes the fastest of these; None: of all that are available.

    Raises:
        InputError: a name that is none, or of what this machine or build does not have.
    """
    global _selected
    available = instruction_sets()
    mask = 0
    for name in available if names is None else names:
        if name not in available:
            raise InputError("YUMA_KERNEL_ISA", f"expected names out of {', '.join(available)}, got {name!r:.40}")
        mask |= _ISA_BITS[name]
    _selected = mask


def selected_mask() -> int:
    """What `select_instruction_sets` has chosen, as the kernel takes it: all that computes asks here.

    Raises:
        BackendUnavailable: with it the kernel does not compute what is known of a few epochs (`kernel.selfcheck`).
    """
    selected = _selected
    if selected not in selfcheck.sound:
        selfcheck.require_sound(selected)
    return selected


def selected_instruction_set() -> str:
    """The one that an epoch takes now."""
    return next((name for name in reversed(list(_ISA_BITS)) if _ISA_BITS[name] & _selected), "portable")


_selected = 0
_from_environment = os.environ.get("YUMA_KERNEL_ISA")
select_instruction_sets(_from_environment.replace(",", " ").split() if _from_environment else None)


class _RowsOut:
    """Room for rows of which the kernel decides how many entries they have."""

    def __init__(self, n: int, room: int, dtype: type[np.generic] = np.int64) -> None:
        self.indptr = np.empty(n + 1, np.uint32)
        self.uid = np.empty(room, np.uint16)
        self.value = np.empty(room, dtype)

    @classmethod
    def side_by_side(cls, n: int, room: int, count: int) -> list[_RowsOut]:
        """So many, in one block, which malloc keeps for the next call once it has seen one of that size. Each array by
        itself would go back to the system, and come again as new pages, which cost more than what is written there."""
        words = (room, n // 2 + 1, room // 4 + 1)  # of int64: values, indptr, uids
        block = np.empty((count, sum(words)), np.int64)
        rows = []
        for words_of_one in block:
            one = cls.__new__(cls)
            one.value, indptr, uid = np.split(words_of_one, np.cumsum(words)[:-1])
            one.indptr, one.uid = indptr.view(np.uint32)[: n + 1], uid.view(np.uint16)[:room]
            rows.append(one)
        return rows

    @classmethod
    def copy(cls, rows: SparseRows) -> _RowsOut:
        """Rows for the kernel to change in place."""
        out = cls(rows.n, rows.uid.size)
        out.indptr[:], out.uid[:], out.value[:] = rows.indptr, rows.uid, rows.value
        return out

    def rows(self) -> SparseRows:
        """What the kernel has written, without a copy: the room is given up with this call."""
        entries = int(self.indptr[-1])
        parts: dict[str, AnyArray] = {"indptr": self.indptr, "uid": self.uid[:entries], "value": self.value[:entries]}
        return SparseRows._frozen({name: seal(part) for name, part in parts.items()})


class _Arguments:
    """Python values as C sees them, kept alive for as long as this is."""

    def __init__(self) -> None:
        self._alive: list[Any] = []

    def __call__(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return self._pointer(value)
        if value is None:
            return ffi.NULL
        if isinstance(value, (SparseRows, _RowsOut)):
            ctype = "yuma_rows *" if value.value.dtype == np.int64 else "yuma_stored_rows *"
            return self._keep(ffi.new(ctype, self._rows(value)))
        return value

    def struct(self, ctype: str, **members: Any) -> Any:
        """A new struct; rows stand in it by value."""
        converted = {
            name: self._rows(member) if isinstance(member, (SparseRows, _RowsOut)) else self(member)
            for name, member in members.items()
        }
        return self._keep(ffi.new(ctype, converted))

    def _rows(self, rows: SparseRows | _RowsOut) -> dict[str, Any]:
        pointer = self._pointer
        return {"indptr": pointer(rows.indptr), "uid": pointer(rows.uid), "value": pointer(rows.value)}

    def _pointer(self, array: AnyArray) -> Any:
        pointer = ffi.from_buffer(_CTYPES[array.dtype], array)
        self._alive.append(pointer)
        return pointer

    def _keep(self, value: Any) -> Any:
        self._alive.append(value)
        return value


def _owner(owner_uid: int | None) -> int:
    return int(lib.YUMA_NO_OWNER) if owner_uid is None else owner_uid


def _run(function: Any, *arguments: Any) -> None:
    selected_mask()
    at = _Arguments()
    _check(function(*map(at, arguments)))


def _run_in(entries: tuple[int, int, int], function: Any, *arguments: Any) -> None:
    """With a workspace for n, and so many weights and bonds, at the end."""
    desk = kept.take()
    try:
        _run(function, *arguments, desk.spread(lib.yuma_workspace(*entries)), desk.size)
    finally:
        kept.put(desk)


BATCH_BYTES: Final = 2**24
"""Of the results of epochs that one call of the kernel computes; a larger one has a call of its own."""

# -- the epoch -------------------------------------------------------------------------------------------------------------

_MEMBERS: Final = {name: member.type for name, member in ffi.typeof("yuma_result").fields}
_ARRAYS: Final = sorted(
    ((output.name, np.dtype(np.uint32) if output.kind == "rows" else output.dtype) for output in OUTPUT_TABLE.values()),
    key=lambda item: -item[1].itemsize,
)
"""What of a result has a length that n says, of the bonds their indptr: the widest numbers first, so that one after the
other each is aligned."""
_BYTES_A_UID: Final = sum(dtype.itemsize for _, dtype in _ARRAYS)


class _Outputs:
    """Where the kernel writes the results of one epoch of n uids, and of `room` bonds at most. What goes to the caller is
    copied out of it, into bytes objects that nobody can write. `yuma_call` writes the arrays there itself, so that only the
    bonds are copied: nobody can count them before.

    The arrays stand one after the other; then the bonds.
    """

    def __init__(self, n: int, room: int) -> None:
        self.n, self.room = n, room
        self.layout: Layout = {}
        begins, at = {}, 0
        for name, dtype in _ARRAYS:
            rows = name == "bonds"
            self.layout[name] = (dtype, n + rows, at)
            begins["bonds_indptr" if rows else name] = at
            at += (n + rows) * dtype.itemsize
        self.bytes, self.bonds = at, at + at % 2
        self.size = self.bonds + 4 * max(1, room)
        memory = kept.allocate(self.size)
        bonds = {"bonds_uid": memory + self.bonds, "bonds_value": memory + self.bonds + 2 * max(1, room)}
        self.result = _result({name: memory + begin for name, begin in begins.items()} | bonds)
        self.at = _result(begins | bonds)  # for yuma_call
        # slices of these are bytes: a copy each
        self.memory = ffi.buffer(memory)
        self.uids, self.values = (ffi.buffer(begin, 2 * room) for begin in bonds.values())

    def copied(self) -> EpochResult:
        size = 2 * self.result.bonds_indptr[self.n]
        data = self.memory[: self.bonds + size]
        result = new(EpochResult)
        hold_unread(result, (self.layout, data, data, self.values[:size]))
        return result


def _result(members: Mapping[str, Any]) -> Any:
    return ffi.new("yuma_result *", {name: ffi.cast(_MEMBERS[name], begin) for name, begin in members.items()})


_STATE: Final = tuple(name for name, _ in ffi.typeof("yuma_state").fields)
"""The members in C, which have the names of the fields in Python but for those that `_Given` converts."""

_NOTHING_STORED: Final = np.zeros(1, np.uint16)
"""For C a pointer that is not null, which would say that it is not known; nothing is read of it."""


class _Given:
    """A state as C sees it. What it points to cannot change, and this keeps it alive."""

    def __init__(self, state: SubnetState) -> None:
        state._as_made()
        self.at = _Arguments()
        previous, yuma_step = state.previous_consensus, state.last_yuma_step_block
        otherwise = {
            "owner_uid": _owner(state.owner_uid),
            "previous_consensus": _NOTHING_STORED if previous is not None and previous.size == 0 else previous,
            "previous_consensus_length": 0 if previous is None else previous.size,
            "last_yuma_step_block": None if yuma_step is None else np.array([yuma_step], np.uint64),
        }
        members = {name: otherwise[name] if name in otherwise else getattr(state, name) for name in _STATE}
        self.struct = self.at.struct("yuma_state *", **members)
        self.n, self.room = state.n, state.weights.uid.size + state.bonds.uid.size
        self.workspace = lib.yuma_workspace(state.n, state.weights.uid.size, state.bonds.uid.size)
        self.size = _BYTES_A_UID * self.n + 4 * self.room  # of its results, nearly
        # that a desk keeps what this needs is sure; of others `kept.put` knows
        self.keeps = self.workspace <= kept.WORKSPACE_BYTES and self.size + 16 <= kept.OUTPUTS_BYTES


def _given(state: SubnetState) -> _Given:
    """Made at the first call with a state, and held by it."""
    try:
        given: _Given = state._native
    except AttributeError:
        given = _Given(state)
        object.__setattr__(state, "_native", given)
    return given


_HYPERPARAMETERS: Final = tuple(name for name, _ in ffi.typeof("yuma_hyperparameters").fields)
"""The members in C, which have the names of the fields in Python; the mode is a number here and a name there."""


def _hyperparameters(hyperparameters: Hyperparameters) -> Any:
    """A pointer to hold for as long as C has its address: where threads make it at once, what holds it keeps the last."""
    try:
        return hyperparameters._native
    except AttributeError:
        members = {name: getattr(hyperparameters, name) for name in _HYPERPARAMETERS}
        members["liquid_alpha_consensus_mode"] = MODES.index(hyperparameters.liquid_alpha_consensus_mode)
        struct = ffi.new("yuma_hyperparameters *", members)
        object.__setattr__(hyperparameters, "_native", struct)
        return struct


_NULL: Final = ffi.NULL
_ZERO: Final = bytes(1)
_call: Final = lib.yuma_call
"""Looked up once: each look costs a three-hundredth of a small epoch."""


def epoch(state: SubnetState, hyperparameters: Hyperparameters, emission: int, trace: bool) -> EpochResult:
    """Sections 3 to 8, in C. Arguments and result as in `yuma_kernel.epoch`."""
    # what nearly every call finds is seen here and in _epoch, without a further call of Python
    try:
        given: _Given = state._native
    except AttributeError:
        given = _given(state)
    isa = _selected
    if isa not in selfcheck.sound:
        isa = selected_mask()
    return _epoch(given, hyperparameters, emission, isa, _Trace(given.n, given.room) if trace else None)


def _epoch(
    given: _Given, hyperparameters: Hyperparameters, emission: int, isa: int, traced: _Trace | None = None
) -> EpochResult:
    try:
        rules = hyperparameters._native
    except AttributeError:
        rules = _hyperparameters(hyperparameters)
    try:
        place = kept.of_thread.place
    except AttributeError:
        place = kept.new_place()
    try:
        desk = place.pop()
    except IndexError:
        desk = kept.Desk()
    try:
        outputs: _Outputs | None = desk.outputs
        if outputs is None or outputs.n != given.n or outputs.room < given.room:
            outputs = desk.outputs = _Outputs(given.n, given.room)
        data = _ZERO * outputs.bytes  # a new object: C writes it while nobody else has it, and from then on nobody can
        bonds = _call(
            given.struct,
            rules,
            emission,
            outputs.at,
            data,
            _NULL if traced is None else traced.struct,
            isa,
            desk.workspace if desk.size >= given.workspace else desk.spread(given.workspace),
            desk.size,
        )
        if bonds < 0:
            _check(-bonds)
        size = 2 * bonds
        result = new(EpochResult)
        hold_unread(result, (outputs.layout, data, outputs.uids[:size], outputs.values[:size]))
    finally:
        if given.keeps and not place:
            place.append(desk)
        else:
            kept.put(desk)
    if traced is not None:
        result._set(trace=MappingProxyType(traced.values()))
    return result


def epochs(calls: Sequence[tuple[SubnetState, Hyperparameters, int]]) -> list[EpochResult]:
    """Epochs that have nothing to do with each other, in calls of the kernel that are to hold the GIL less often: as many in
    one as have results of some megabytes."""
    results: list[EpochResult] = []
    given = [_given(state) for state, _, _ in calls]  # for as long: where threads make one at once, a state keeps the last
    begin = 0
    while begin < len(calls):
        end, size = begin + 1, given[begin].size
        while end < len(calls) and size + given[end].size <= BATCH_BYTES:
            size += given[end].size
            end += 1
        results += _batch(given[begin:end], calls[begin:end])
        begin = end
    return results


def _batch(given: list[_Given], calls: Sequence[tuple[SubnetState, Hyperparameters, int]]) -> list[EpochResult]:
    count, isa = len(calls), selected_mask()
    states = ffi.new("yuma_state[]", [each.struct[0] for each in given])
    held = [_hyperparameters(hyperparameters) for _, hyperparameters, _ in calls]
    rules = ffi.new("yuma_hyperparameters *[]", held)
    amounts = ffi.new("uint64_t[]", [emission for _, _, emission in calls])
    desk = kept.take()
    try:
        batch: list[_Outputs] = desk.batch
        for k, each in enumerate(given):
            if k == len(batch):
                batch.append(_Outputs(each.n, each.room))
            elif batch[k].n != each.n or batch[k].room < each.room:
                batch[k] = _Outputs(each.n, each.room)
        results = ffi.new("yuma_result[]", [outputs.result[0] for outputs in batch[:count]])
        room, workspace = max(each.room for each in given), desk.spread(max(each.workspace for each in given))
        done = ffi.new("uint32_t *")
        # every state names its own bonds, so that all that is asked of the room is to be that of the largest
        _check(lib.yuma_simulate(count, states, rules, amounts, results, room, isa, workspace, desk.size, done))
        return [outputs.copied() for outputs in batch[:count]]
    finally:
        kept.put_batch(desk)


def release_memory() -> None:
    """As `yuma_kernel.many.release_memory`."""
    kept.release()


def epoch_arrays(state: SubnetState, hyperparameters: Hyperparameters) -> tuple[dict[str, I64Array], str]:
    """The arrays of a trace without its matrices, which leaves the choice of the instruction set, and which one computed:
    for tests."""
    given = _given(state)
    traced = _Trace(given.n, None)
    _epoch(given, hyperparameters, 0, selected_mask(), traced)
    return traced.arrays, next(name for name, bit in _ISA_BITS.items() if bit == traced.struct.isa)


class _Trace:
    """Room for the arrays of a trace, and for its matrices where `room` says how many entries those have at most."""

    def __init__(self, n: int, room: int | None) -> None:
        self._at = _Arguments()
        self.arrays: dict[str, I64Array] = {name: np.empty(n, np.int64) for name in TRACED_ARRAYS}
        self._rows: dict[str, _RowsOut] = {}
        if room is not None:
            self._rows = dict(zip(TRACED_ROWS, _RowsOut.side_by_side(n, room, len(TRACED_ROWS)), strict=True))
        self.struct = self._at.struct("yuma_trace *", **self.arrays, **self._rows)

    def values(self) -> dict[str, I64Array | SparseRows]:
        arrays = {name: freeze(array) for name, array in self.arrays.items()}
        return {**arrays, **{name: rows.rows() for name, rows in self._rows.items()}}


def simulate(plan: Plan, dates: Dates) -> Simulation:
    """Consecutive epochs, many in a call of the kernel."""
    from yuma_kernel.kernel.consecutive import Run  # it needs this module

    return Run(plan, dates).finish()


def variants(plan: Variants) -> Callable[[Chunk], None]:
    """Variants of one subnet, many in a call of the kernel."""
    from yuma_kernel.kernel.variants import Run  # it needs this module

    return Run(plan)


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
    _run_in((n, 0, 0), lib.yuma_permits, n, stake, max_allowed_validators, _owner(owner_uid), new_permit)
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
    _run_in(
        (weights.n, weights.uid.size, 0), lib.yuma_consensus, weights.n, weights, active_stake, lib.yuma_ratio16(kappa), out
    )
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
    _run_in((n, room, 0), lib.yuma_weights_for_bonds, n, weights, clipped, penalty, out)
    return out.rows()


def bonds_cutoff(current_block: int, tempo: int, last_mechanism_step_block: int, last_yuma_step_block: int | None) -> int:
    yuma_step = ffi.NULL if last_yuma_step_block is None else ffi.new("uint64_t *", last_yuma_step_block)
    return int(lib.yuma_bonds_cutoff(current_block, tempo, last_mechanism_step_block, yuma_step))


def old_bonds(bonds: SparseRows, block_at_registration: U64Array, cutoff: int, yuma3: bool) -> SparseRows:
    n, old = bonds.n, _RowsOut(bonds.n, bonds.uid.size)
    _run_in((n, 0, bonds.uid.size), lib.yuma_old_bonds, n, bonds, block_at_registration, cutoff, yuma3, old)
    return old.rows()


def new_bonds(weights_for_bonds: SparseRows, active_stake: I64Array) -> SparseRows:
    n, out = weights_for_bonds.n, _RowsOut.copy(weights_for_bonds)
    _run_in((n, out.uid.size, 0), lib.yuma_new_bonds, n, out, active_stake)
    return out.rows()


def column_normalize(matrix: SparseRows) -> SparseRows:
    out = _RowsOut.copy(matrix)
    _run_in((matrix.n, 0, 0), lib.yuma_column_normalize, matrix.n, out)
    return out.rows()


def column_max_normalize(matrix: SparseRows) -> SparseRows:
    out = _RowsOut.copy(matrix)
    _run_in((matrix.n, 0, 0), lib.yuma_column_max_normalize, matrix.n, out)
    return out.rows()


def ema(new: SparseRows, old: SparseRows, bonds_moving_average: int) -> SparseRows:
    n, out = new.n, _RowsOut(new.n, new.uid.size + old.uid.size)
    alpha = lib.yuma_bonds_alpha(bonds_moving_average)
    _run_in((n, new.uid.size, old.uid.size), lib.yuma_ema, n, alpha, new, old, out)
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


def selected_consensus(consensus: I64Array, previous_consensus: U16Array, mode: Mode, bonds_penalty: int) -> I64Array:
    out = np.empty(consensus.size, np.int64)
    stored = previous_consensus if previous_consensus.size else _NOTHING_STORED
    rules = (previous_consensus.size, MODES.index(mode), bonds_penalty)
    _run(lib.yuma_selected_consensus, out.size, consensus, stored, *rules, out)
    return out


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
    _run_in((n, entries, old.uid.size), lib.yuma_liquid_ema, n, weights_for_bonds, old, consensus, *alphas, out)
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
