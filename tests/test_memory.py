"""What is checked is what is kept, and what is kept cannot be written: the memory that others have, or find."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest

import yuma_kernel as yk
from machine import DENORMALS_ARE_ZERO, has_mxcsr, mxcsr
from yuma_kernel.arrays import array as checked_array
from yuma_kernel.arrays import freeze, seal

N = 3


def rows() -> yk.SparseRows:
    return yk.SparseRows.from_rows([[(1, 5), (2, 7)], [(2, 9)], []])


def state(**changes: Any) -> yk.SubnetState:
    fields: dict[str, Any] = {
        "weights": rows(),
        "bonds": rows(),
        "total_stake": yk.stake_from_rao([10, 20, 30]),
        "last_update": [5, 6, 7],
        "block_at_registration": [1, 2, 3],
        "validator_permit": [True, True, False],
        "current_block": 10,
        "commit_block": [4, 4, 4],
        "previous_consensus": [1, 2],
    }
    return yk.SubnetState(**{**fields, **changes})


# -- kept memory ----------------------------------------------------------------------------------------------------------


def parts(value: Any) -> Iterator[Any]:
    """The arrays that a value holds, at any depth."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from parts(item)
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from parts(item)
    elif isinstance(value, (yk.SparseRows, yk.SubnetState, yk.EpochResult, yk.Simulation, yk.Snapshot, yk.Variants)):
        yield from parts(vars(value))


def reachable(array: Any) -> Iterator[Any]:
    """The array, and whatever leads from it to its memory."""
    waiting: list[Any] = [array]
    seen: list[Any] = []
    while waiting:
        found = waiting.pop()
        if found is None or any(found is known for known in seen):
            continue
        seen.append(found)
        yield found
        waiting += [getattr(found, name, None) for name in ("base", "obj", "_obj", "buffer")]
        waiting += [referent for referent in gc.get_referents(found) if has_memory(referent)]
        waiting += [memoryview(found)] if has_memory(found) and not isinstance(found, memoryview) else []


def has_memory(found: Any) -> bool:
    try:
        memoryview(found)
    except TypeError:
        return False
    return True


def writable(array: Any) -> list[Any]:
    """Of what leads to the memory of an array, what can write it or be made to."""
    out = []
    for found in reachable(array):
        if isinstance(found, np.ndarray):
            try:
                found.setflags(write=True)
            except ValueError:
                pass
            else:
                out.append(found)
        if has_memory(found) and not memoryview(found).readonly:
            out.append(found)
    return out


def test_the_walk_finds_what_can_be_written() -> None:
    plain = np.arange(4)
    behind = np.frombuffer(memoryview(plain.data).toreadonly(), plain.dtype)
    locked = plain[:]
    locked.setflags(write=False)
    for array in (plain, plain[1:], behind, behind[1:], locked):
        assert writable(array)
    assert not writable(freeze(plain))


def public_values(backend: str) -> dict[str, Any]:
    subnet, rules = state(), yk.Hyperparameters(liquid_alpha=True, profile=425)
    result = yk.epoch(subnet, rules, emission=10**9, backend=backend, trace=True)
    assert result.trace is not None
    weights, stake = result.trace["weights"], result.trace["active_stake"]
    bonds = result.trace["ema_bonds"]
    expected = {name: getattr(result, name) for name in yk.OUTPUTS}
    assert isinstance(weights, yk.SparseRows)
    assert isinstance(bonds, yk.SparseRows)
    simulation = yk.simulate(subnet, rules, epochs=5, every=2, bonds=True, emission=10**9, backend=backend)
    return {
        "state": subnet,
        "epoch": result,
        "without a trace": yk.epoch(subnet, rules, backend=backend),
        "epoch_many": yk.epoch_many([subnet] * 40, rules, threads=2, backend=backend),
        "simulate": simulation,
        "simulate, the last epoch kept": yk.simulate(subnet, rules, epochs=4, every=2, backend=backend),
        "simulate, none kept": yk.simulate(subnet, rules, epochs=2, every=3, backend=backend),
        "variants": yk.variants(subnet, rules, emission=np.arange(3, dtype=np.uint64), outputs=yk.OUTPUTS, backend=backend),
        "variants of an iterator": yk.variants(subnet, rules, emission=iter(range(3)), backend=backend),
        "snapshot": yk.Snapshot(subnet, rules, expected=expected),
        "rows of int64": yk.SparseRows.from_dense(np.ones((2, 2), np.int64), np.int64),
        "rows of none": yk.SparseRows.empty(2),
        "rows of a dense matrix": yk.SparseRows.from_dense(np.ones((2, 2), np.uint16)),
        "stake": (yk.total_stake_bits([1, 2], [3, 4], 5), yk.stake_from_rao([1])),
        "weights_to_u16": yk.weights_to_u16([0.5, 1.0]),
        "stages, arrays": [
            yk.stages.consensus(weights, stake, rules.kappa, backend=backend),
            yk.stages.activity([1, 2], 3, 4, backend=backend),
            yk.stages.to_u16([1, 2**32], backend=backend),
            *yk.stages.emission(stake, stake, stake, stake, 10**9, backend=backend),
        ],
        "stages, rows": [
            yk.stages.normalize_rows(weights, backend=backend),
            yk.stages.store_bonds(bonds, [True] * N, backend=backend),
        ],
        "fixed": [yk.stages.to_fixed([0.5]), yk.stages.to_fixed(np.array([1])), yk.stages.from_fixed([1])],
    }


def test_nothing_that_leads_to_kept_memory_can_write_it(backend: str) -> None:
    count = 0
    for name, value in public_values(backend).items():
        found = list(parts(value))
        assert found, name
        for array in found:
            assert not writable(array), f"{name}: {writable(array)[0]!r:.200}"
            assert {type(owner).__name__ for owner in reachable(array)} <= {"ndarray", "memoryview", "bytes", "PyCapsule"}
            assert array.flags.c_contiguous
            assert array.flags.aligned
        count += len(found)
    assert count > 500


def test_sealed_memory_is_not_copied_and_not_found() -> None:
    for dtype in (np.bool_, np.uint16, np.uint64):
        for shape in ((3, 4), (0, 4), (5,)):
            plain = np.ones(shape, dtype)
            sealed = seal(plain)
            assert (sealed.dtype, sealed.shape) == (plain.dtype, plain.shape)
            assert np.array_equal(sealed, plain)
            assert sealed.ctypes.data == plain.ctypes.data
            assert not writable(sealed)


def test_freezing_copies_once() -> None:
    plain = np.arange(12, dtype=np.uint16).reshape(3, 4)
    for source in (plain, plain.T, plain[:, ::2], plain[:0]):
        frozen = freeze(source)
        assert frozen.dtype == source.dtype
        assert frozen.shape == source.shape
        assert np.array_equal(frozen, source)
        assert not np.shares_memory(frozen, source)
        assert freeze(frozen) is frozen
        assert freeze(frozen[::2]).flags.c_contiguous
        assert freeze(frozen[::2]).tolist() == frozen.tolist()[::2]
    again = freeze(freeze(plain)[1])
    assert again.tolist() == plain[1].tolist()
    plain[:] = 0
    assert again.tolist() == [4, 5, 6, 7]


# -- a caller's memory, which another thread writes ------------------------------------------------------------------------


def written_at(step: int, write: Callable[[], None], call: Callable[[], Any]) -> tuple[bool, Any]:
    """Whether the call has so many lines, and what it gives, or its InputError, if another writes right before that one."""
    lines = 0

    def trace(frame: Any, event: str, argument: Any) -> Any:
        nonlocal lines
        if "yuma_kernel" not in frame.f_code.co_filename:
            return None
        if event == "line":
            if lines == step:
                write()
            lines += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        got = call()
    except yk.InputError as error:
        got = error
    finally:
        sys.settrace(before)
    return lines > step, got


def u16(source: Any) -> Any:
    return checked_array("it", source, np.uint16, (None,))


def dates(source: Any) -> Any:
    return state(last_update=source).last_update


def permits(source: Any) -> Any:
    held = state(validator_permit=source).validator_permit
    return held.view(np.uint8) if isinstance(held, np.ndarray) else held


RACES: dict[str, tuple[Callable[[Any], Any], Any, Any, Any, Callable[[Any], bool]]] = {
    "a larger dtype": (u16, np.array([5, 5, 5]), 1, 65542, lambda v: v == 5),
    "a signed one": (u16, np.array([5, 5, 5], np.int16), 1, -1, lambda v: v == 5),
    "floats": (u16, np.array([5.0, 5.0, 5.0]), 1, 7.5, lambda v: v == 5),
    "large floats": (dates, np.array([5.0, 5.0, 5.0]), 2, 2.0**64, lambda v: v == 5),
    "byte-swapped": (u16, np.array([5, 5, 5], ">i8"), 0, 65542, lambda v: v == 5),
    "booleans of integers": (permits, np.array([1, 1, 1]), 2, 2, lambda v: v == 1),
    "bytes of booleans": (permits, np.array([1, 1, 1], np.uint8).view(np.bool_), 0, 7, lambda v: v == 1),
    "objects": (u16, np.array([5, 5, 5], object), 1, 65542, lambda v: v == 5),
    "stake": (
        lambda source: state(total_stake=source).total_stake.reshape(-1),
        np.array([[0, 5], [0, 5], [0, 5]], np.uint64), (1, 1), 2**63, lambda v: v <= 5,
    ),
    "the end of a row": (
        lambda source: yk.SparseRows(source, [1, 2], [3, 4]).indptr, np.array([0, 1, 1, 2]), 2, 70000, lambda v: v <= 2,
    ),
    "a uid": (
        lambda source: yk.SparseRows([0, 1, 1, 2], source, [3, 4]).uid, np.array([1, 2], np.uint16), 1, 60000,
        lambda v: v <= 2,
    ),
    "a uid of a CSR matrix": (
        lambda source: yk.SparseRows([0, 1, 1, 2], source, [3, 4]).uid, np.array([1, 2], np.int32), 1, 60000,
        lambda v: v <= 2,
    ),
    "integers to fixed": (yk.stages.to_fixed, np.array([5, 5, 5]), 1, 2**31, lambda v: v == 5 << 32),
    "fixed to floats": (
        lambda source: yk.stages.from_fixed(source), np.array([5, 5, 5], np.uint64), 1, 2**63, lambda v: v == 5 / 2**32,
    ),
}  # fmt: skip


@pytest.mark.parametrize("race", RACES)
def test_what_is_checked_is_what_is_kept(race: str) -> None:
    """Whenever the wrong value is written, it is refused or not seen."""
    call, source, at, wrong, right = RACES[race]
    sound = source.copy()
    step, refused, taken = 0, 0, 0

    def write() -> None:
        if source.dtype == np.bool_:
            source.view(np.uint8)[at] = wrong
        else:
            source[at] = wrong

    more = True
    while more:
        source[...] = sound
        more, got = written_at(step, write, lambda: call(source))
        if isinstance(got, yk.InputError):
            refused += 1
        else:
            taken += 1
            assert all(map(right, got.tolist())), f"written before line {step}: {got}"
        step += 1
    assert taken > 1
    assert refused > 0 or race == "bytes of booleans"


# -- numbers next to 0 -----------------------------------------------------------------------------------------------------

TINY = [np.float64(5e-324), np.float32(1e-45), np.float16(6e-8), np.float64(-2.2e-308), 5e-324]


@has_mxcsr
@pytest.mark.parametrize("mode", [0, DENORMALS_ARE_ZERO], ids=["as usual", "denormals are zero"])
def test_whether_a_number_is_whole_does_not_depend_on_the_machine(mode: int) -> None:
    taken: list[Any] = []
    tiny = [[value] for value in TINY] + [np.array([value]) for value in TINY] + [np.array([5e-324], ">f8")]
    whole = [np.array([0.0, -0.0, 3.0], dtype) for dtype in (np.float16, np.float32, np.float64, ">f8", np.longdouble)]
    with mxcsr(on=mode):
        for given in tiny:
            with contextlib.suppress(yk.InputError):
                taken.append(u16(given))
        held = [u16(given).tolist() for given in whole]
    assert not taken
    assert held == [[0, 0, 3]] * len(whole)


# -- arrays that are held, and what NumPy lets anyone set of them ----------------------------------------------------------

SET: dict[str, tuple[Callable[[yk.SubnetState], Any], str, Any]] = {
    "weights.indptr": (lambda s: s.weights.indptr, "dtype", np.uint16),
    "weights.uid": (lambda s: s.weights.uid, "dtype", np.uint8),
    "weights.value": (lambda s: s.weights.value, "strides", (0,)),
    "bonds.uid": (lambda s: s.bonds.uid, "shape", (3, 1)),
    "total_stake": (lambda s: s.total_stake, "shape", (6,)),
    "last_update": (lambda s: s.last_update, "dtype", np.float64),
    "block_at_registration": (lambda s: s.block_at_registration, "dtype", np.int64),
    "validator_permit": (lambda s: s.validator_permit, "dtype", np.uint8),
    "commit_block": (lambda s: s.commit_block, "strides", (0,)),
    "previous_consensus": (lambda s: s.previous_consensus, "shape", (2, 1)),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("field", SET)
def test_refuses_a_state_of_which_an_array_was_set(field: str) -> None:
    of, what, value = SET[field]
    h = yk.Hyperparameters()
    calls: list[Callable[[yk.SubnetState], Any]] = [
        lambda s: yk.epoch(s, h),
        lambda s: yk.simulate(s, h, epochs=2),
        lambda s: yk.epoch_many([s, s], h),
        lambda s: yk.variants(s, h, emission=np.arange(2, dtype=np.uint64)),
    ]
    for call in calls:
        odd = state()
        setattr(of(odd), what, value)
        with pytest.raises(yk.InputError, match="have been set since") as caught:
            call(odd)
        assert caught.value.field == field


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_refuses_rows_of_which_an_array_was_set() -> None:
    odd = rows()
    setattr(odd.uid, "dtype", np.uint8)  # noqa: B010
    with pytest.raises(yk.InputError, match="have been set since"):
        state(weights=odd)
    with pytest.raises(yk.InputError, match="have been set since"):
        yk.simulate(state(), yk.Hyperparameters(), epochs=1, weights=odd)
