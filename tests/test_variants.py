"""variants: each the same as the epoch of that variant alone, whatever form its inputs come in."""

from __future__ import annotations

import copy
import functools
import itertools
import pickle
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse

import yuma_kernel as yk
from calls import LIQUID, subnet
from test_instruction_sets import subnets
from test_memory import written_at
from test_types import refused
from yuma_kernel.results import STACKED

K = 13
HYPERPARAMETERS = yk.Hyperparameters(liquid_alpha=True)


SUBNETS = list(subnets(60))
CASES = [(state, h) for state, h in SUBNETS if state.n > 10]
SMALL = next((state, h) for state, h in CASES if state.n < 18 and state.weights.uid.size)


def given(state: yk.SubnetState, seed: int = 0) -> dict[str, Any]:
    """Something of K variants for every argument: weights are dense rows of some uids, out of order."""
    random, n = np.random.default_rng(seed), state.n
    uids = random.permutation(n)[: max(1, n // 3)]
    weights = random.choice([0, 1, 9, 1000, 65535], (K, uids.size, n)).astype(np.uint16)
    weights[0], weights[1, 0] = 0, 7
    bonds = [rows for rows in (s.bonds for s, _ in SUBNETS) if rows.n == n] or [state.bonds]
    blocks = random.integers(80, 120, (3, K, n)).astype(np.uint64)
    return {
        "weights": weights,
        "uids": uids,
        "bonds": [bonds[k % len(bonds)] for k in range(K)],
        "total_stake": np.stack([yk.stake_from_rao(random.integers(0, 10**12, n)) for _ in range(K)]),
        "last_update": blocks[0],
        "block_at_registration": blocks[1],
        "commit_block": blocks[2],
        "validator_permit": random.random((K, n)) < 0.8,
        "previous_consensus": random.integers(0, 3000, (K, n + 2)).astype(np.uint16),
        "current_block": random.integers(100, 130, K),
        "last_mechanism_step_block": random.integers(0, 130, K),
        "last_yuma_step_block": random.integers(0, 130, K),
        "emission": random.integers(0, 2**62, K),
    }


def rules() -> list[yk.Hyperparameters]:
    return [
        yk.Hyperparameters(
            yuma3=bool(k % 4), liquid_alpha=bool(k % 2), bonds_penalty=[0, 65535, 9][k % 3], profile=[425, 475][k % 2]
        )
        for k in range(K)
    ]


def one_by_one(
    state: yk.SubnetState, hyperparameters: Any, options: dict[str, Any], backend: str, k_of: range = range(K)
) -> list[yk.EpochResult]:
    results = []
    for k in k_of:
        changes = {name: item[k] for name, item in options.items() if name not in ("uids", "weights", "emission")}
        changes = {name: int(item) if np.ndim(item) == 0 and name != "bonds" else item for name, item in changes.items()}
        if "weights" in options and "uids" in options:
            rows = state.weights.to_rows()
            for uid, row in zip(options["uids"].tolist(), options["weights"][k].tolist(), strict=True):
                rows[uid] = [(j, v) for j, v in enumerate(row) if v]
            changes["weights"] = yk.SparseRows.from_rows(rows)
        elif "weights" in options:
            changes["weights"] = options["weights"][k]
        h = hyperparameters if isinstance(hyperparameters, yk.Hyperparameters) else hyperparameters[k]
        emission = int(options["emission"][k]) if "emission" in options else 0
        results.append(yk.epoch(replace(state, **changes), h, emission=emission, backend=backend))
    return results


def held_to(got: yk.Variants, results: list[yk.EpochResult]) -> None:
    assert len(got) == got.count == len(results)
    for name in got.outputs:
        rows = getattr(got, name)
        if name == "bonds":
            assert list(rows) == [result.bonds for result in results]
            continue
        assert rows.shape == (len(results), got.n)
        assert not rows.flags.writeable
        for row, result in zip(rows, results, strict=True):
            expected = getattr(result, name)
            assert row.dtype == expected.dtype
            assert row.tolist() == expected.tolist(), name


@pytest.mark.parametrize("threads", [1, 3])
def test_everything_at_once(variant: str, threads: int) -> None:
    backend = variant.partition("/")[0]
    for seed, (state, _) in enumerate([SMALL] if backend == "reference" else CASES[:4]):
        options = given(state, seed)
        expected = one_by_one(state, rules(), options, backend)
        got = yk.variants(state, rules(), outputs=yk.OUTPUTS, threads=threads, backend=backend, **options)
        assert got.outputs == yk.OUTPUTS
        held_to(got, expected)


@pytest.mark.parametrize("name", [*given(CASES[0][0]), "hyperparameters"])
def test_one_at_a_time(name: str, backend: str) -> None:
    """Everything else is held as the state has it."""
    if name == "uids":
        return
    for state, h in CASES[:2] if backend == "c" else [SMALL]:
        options = {key: value for key, value in given(state).items() if key in (name, "uids" if name == "weights" else "")}
        some = rules() if name == "hyperparameters" else h
        held_to(yk.variants(state, some, threads=2, backend=backend, **options), one_by_one(state, some, options, backend))


def pieces(values: Any, sizes: list[int]) -> Iterator[Any]:
    """One variant at a time, and stacks of several."""
    at = 0
    for size in itertools.cycle(sizes):
        if at >= len(values):
            return
        yield values[at] if size == 1 else values[at : at + size]
        at += size


def refilled(values: Any) -> Iterator[Any]:
    """The same array for every variant."""
    room = np.empty_like(values[0])
    for value in values:
        room[...] = value
        yield room
    room[...] = 1


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("sizes", [[1], [5], [1, 1, 4, 1, 2], [100]])
def test_iterators(sizes: list[int], threads: int, backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    state, _ = SMALL
    options = given(state)
    options |= {"uids": options["uids"], "outputs": yk.OUTPUTS, "threads": threads, "backend": backend}
    expected = yk.variants(state, rules(), **options)
    for most in (1, 3, 2**19) if backend == "c" else (3,):
        monkeypatch.setattr(sys.modules["yuma_kernel.variants"], "CHUNK", most)
        stacks = {name: options[name] for name in options if name not in ("uids", "outputs", "threads", "backend")}
        streams = {name: pieces(values, sizes) for name, values in stacks.items()}
        assert yk.variants(state, pieces(rules(), sizes), **options | streams) == expected
        mixed = {name: pieces(values, sizes) for name, values in list(stacks.items())[::2]}
        assert yk.variants(state, rules(), **options | mixed) == expected
        arrays = {name: refilled(value) for name, value in stacks.items() if isinstance(value, np.ndarray)}
        assert yk.variants(state, rules(), **options | arrays) == expected


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_stack_that_is_refilled(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks wait for their threads while the iterator is asked for the next stacks, in the same memory."""
    state, h = subnet(), LIQUID
    monkeypatch.setattr(sys.modules["yuma_kernel.variants"], "CHUNK", 2)
    n, uids = state.n, np.array([0, 1])
    stacks = np.random.default_rng(3).choice([0, 1, 9, 65535], (60, 4, uids.size, n)).astype(np.uint16)

    def again() -> Iterator[Any]:
        room = np.empty_like(stacks[0])
        for stack in stacks:
            room[...] = stack
            yield room
        room[...] = 1

    options: dict[str, Any] = {"uids": uids, "threads": threads}
    expected = yk.variants(state, h, weights=stacks.reshape(-1, uids.size, n), **options)
    assert len({row.tobytes() for row in expected.incentive}) > 10
    assert yk.variants(state, h, weights=again(), **options) == expected


@pytest.mark.parametrize("sizes", [[1], [3], [7, 1, 1, 9]])
def test_iterators_of_other_kinds_of_arrays(sizes: list[int]) -> None:
    """Of another dtype, byte order or layout, by turns, of uids in any order: each is read as those of one array are."""
    state, h = SMALL
    options = given(state)
    uids, weights = options["uids"], np.concatenate([options["weights"]] * 3)
    kinds: list[Callable[[Any], Any]] = [
        lambda rows: rows,
        lambda rows: rows.astype(float),
        lambda rows: rows.astype(">u2"),
        lambda rows: np.asfortranarray(rows),
        lambda rows: rows.tolist(),
        lambda rows: np.repeat(rows, 2, axis=-1)[..., ::2],
    ]
    expected = yk.variants(state, h, weights=weights, uids=uids)
    assert len({row.tobytes() for row in expected.incentive}) > 5
    some = (kinds[k % len(kinds)](rows) for k, rows in enumerate(pieces(weights, sizes)))
    assert yk.variants(state, h, weights=some, uids=uids) == expected


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("several", [False, True])
def test_an_array_whose_dtype_is_set_while_it_is_read(several: bool) -> None:
    """It is taken as it was, or refused, but not as other numbers."""
    state, h = SMALL
    n = state.n
    weights = np.random.default_rng(2).integers(1, 65536, (3, n, n)).astype(np.uint16)
    expected = yk.variants(state, h, weights=weights)
    step, more, taken = 0, True, 0
    while more:
        yielded = weights[1:].copy() if several else weights[1].copy()
        some = iter([weights[0], yielded] if several else [weights[0], yielded, weights[2]])
        more, got = written_at(
            step,
            functools.partial(setattr, yielded, "dtype", np.float16),
            functools.partial(yk.variants, state, h, weights=some),
        )
        if not isinstance(got, yk.InputError):
            taken += 1
            assert got == expected, f"set before line {step}"
        step += 1
    assert taken > 10


def test_stacks_of_two_kinds_by_turns() -> None:
    """Dense rows and SparseRows, several of each and one; previous consensus of one length and another."""
    state, h = SMALL
    dense = given(state)["weights"].repeat(-(-state.n // given(state)["weights"].shape[1]), axis=1)[:, : state.n]
    rows = [yk.SparseRows.from_dense(matrix) for matrix in dense]
    expected = yk.variants(state, h, weights=dense)
    some = [dense[:2], rows[2:4], dense[4], rows[5], rows[6:8], dense[8:9], dense[9], rows[10:12], dense[12]]
    assert yk.variants(state, h, weights=iter(some)) == expected
    measured, rules = subnet(), yk.Hyperparameters(liquid_alpha=True, bonds_penalty=65535)
    known = [np.full(length, 9000 + 500 * k, np.uint16) for k, length in enumerate([3, 3, 5, 5, 5, 0, 0, 3])]
    each = [yk.epoch(replace(measured, previous_consensus=consensus), rules) for consensus in known]
    assert len({result.bonds.value.tobytes() for result in each}) > 2
    yielded = [np.stack(known[:2]), np.stack(known[2:4]), known[4], np.stack(known[5:7]), known[7]]
    held_to(yk.variants(measured, rules, previous_consensus=iter(yielded), outputs=yk.OUTPUTS), each)


def test_where_results_go_of_which_nobody_knows_how_many_there_will_be() -> None:
    """Each chunk has memory of its own, aligned, and in the end they follow each other; few take little."""
    n, outputs = 7, ("active", "incentive", "emission")
    for counts in ([1, 1, 1], [3, 1, 500, 2, 2, 90, 1], [1, *[30] * 9]):
        kept = sys.modules["yuma_kernel.variants"]._Kept(outputs, n, None)
        first, used = 0, 0
        chunks = []
        for count in counts:
            chunk = kept.of(first, count)
            for name, rows in chunk.items():
                assert rows.shape == (count, n)
                assert rows.flags.aligned
                rows[:] = (np.arange(first, first + count) % 2 if name == "active" else np.arange(first, first + count))[
                    :, None
                ]
            chunks.append(chunk)
            first += count
            used += sum(rows.nbytes for rows in chunk.values())
            assert kept.block.nbytes <= 17 * used
        whole = kept.arrays(first)
        assert list(whole) == list(outputs)
        for name, rows in whole.items():
            assert rows[:, 3].tolist() == [k % 2 if name == "active" else k for k in range(first)]
        assert not kept.chunks


def test_stacks_of_nothing_are_passed_over() -> None:
    state, h = SMALL
    amounts = [np.arange(k, dtype=np.uint64) for k in (0, 2, 0, 0, 3, 0)]
    got = yk.variants(state, h, emission=iter(amounts))
    assert got == yk.variants(state, h, emission=[0, 1, 0, 1, 2])
    assert len(yk.variants(state, h, emission=iter(amounts[:1]))) == 0


def test_the_largest_emission() -> None:
    state, h = SMALL
    for emission in (2**64 - 1, [2**64 - 1]):
        assert yk.variants(state, h, emission=emission).emission[0].tolist() == (
            yk.epoch(state, h, emission=2**64 - 1).emission.tolist()
        )
    for beyond in (2**64, [2**64]):
        refused(lambda beyond=beyond: yk.variants(state, h, emission=beyond), "emission", 0 if beyond != 2**64 else None)  # type: ignore[misc]


def test_iterator_of_rows_and_dense_rows_by_turns() -> None:
    state, h = CASES[4]
    options = given(state)
    dense, uids = options["weights"], options["uids"]
    sparse = [replace(state, weights=r).weights for r in [s.weights for s, _ in SUBNETS if s.n == state.n][:4]]
    expected = []
    for k in range(4):
        expected += one_by_one(state, h, {"weights": dense, "uids": uids}, "c", range(k, k + 1))
        expected += one_by_one(state, h, {"weights": [sparse[k % len(sparse)]]}, "c", range(1))
    turns = (part for k in range(4) for part in (dense[k], sparse[k % len(sparse)]))
    held_to(yk.variants(state, h, weights=turns, uids=uids, outputs=yk.OUTPUTS), expected)


def test_forms_of_weights(backend: str) -> None:
    state, h = SMALL
    n = state.n
    dense = np.random.default_rng(1).choice([0, 5, 700], (3, n, n)).astype(np.uint16)
    rows = [yk.SparseRows.from_dense(matrix) for matrix in dense]
    expected = one_by_one(state, h, {"weights": rows}, backend, range(3))
    strided = np.zeros((3, n, 2 * n), np.uint16)[:, :, ::2]
    strided[...] = dense
    misaligned = np.zeros(dense.nbytes + 1, np.uint8)[1:].view(np.uint16).reshape(dense.shape)
    misaligned[...] = dense
    forms: list[Any] = [
        dense, dense.astype(np.int64), dense.astype(">u2"), dense.astype(float), dense.tolist(), list(dense), strided,
        misaligned, np.asfortranarray(dense), rows, tuple(rows), [scipy.sparse.csr_array(matrix) for matrix in dense],
    ]  # fmt: skip
    for form in forms:
        held_to(yk.variants(state, h, weights=form, threads=2, backend=backend), expected)
    backwards = np.arange(n)[::-1]
    for held in (rows[1], dense[1], dense[1].tolist(), scipy.sparse.csr_array(dense[1])):
        held_to(yk.variants(state, h, weights=held, backend=backend), expected[1:2])
        held_to(yk.variants(state, h, weights=held, count=2, backend=backend), expected[1:2] * 2)
    for none in (dense[:, :0], iter(dense[:, :0])):
        held_to(yk.variants(state, h, weights=none, uids=[], backend=backend), [yk.epoch(state, h, backend=backend)] * 3)
    for some in (dense[:, ::-1], iter(dense[:, ::-1]), iter([dense[0, ::-1], dense[1:, ::-1]])):
        held_to(yk.variants(state, h, weights=some, uids=backwards, backend=backend), expected)
    held_to(yk.variants(state, h, weights=dense[0, 2:5], uids=[2, 3, 4], count=1, backend=backend), one_by_one(
        state, h, {"weights": dense[:, 2:5], "uids": np.array([2, 3, 4])}, backend, range(1)))  # fmt: skip


def test_nothing_given(backend: str) -> None:
    state, h = SMALL
    held_to(yk.variants(state, h, emission=7, backend=backend), [yk.epoch(state, h, emission=7, backend=backend)])
    none = yk.variants(state, [], outputs=yk.OUTPUTS, backend=backend)
    assert (len(none), none.incentive.shape, none.bonds) == (0, (0, state.n), ())
    none = yk.variants(state, h, weights=iter([]), backend=backend)
    assert (len(none), none.incentive.shape) == (0, (0, state.n))


def test_no_previous_consensus_but_an_empty_one(backend: str) -> None:
    state, _ = SMALL
    empty = replace(state, previous_consensus=np.zeros(0, np.uint16))
    expected = [yk.epoch(empty, HYPERPARAMETERS, backend=backend)] * 2
    unknown = replace(state, previous_consensus=None)
    none = np.zeros((2, 0), np.uint16)
    held_to(yk.variants(unknown, HYPERPARAMETERS, previous_consensus=none, backend=backend), expected)
    with pytest.raises(yk.InputError, match="previous_consensus: not known"):
        yk.variants(unknown, HYPERPARAMETERS, backend=backend)
    with pytest.raises(yk.InputError) as caught:
        yk.variants(unknown, [yk.Hyperparameters(), yk.Hyperparameters(), HYPERPARAMETERS], backend=backend)
    assert (caught.value.field, caught.value.index) == ("previous_consensus", 2)


def test_previous_consensus_of_any_length(backend: str) -> None:
    """By an iterator each has its own length: nothing stored yet, shorter and longer than n."""
    state, h = subnet(), yk.Hyperparameters(liquid_alpha=True, bonds_penalty=65535)
    stored = [np.full(size, 9000, np.uint16) for size in (0, 0, state.n - 2, state.n + 5, 1, 1, 0)]
    expected = [yk.epoch(replace(state, previous_consensus=each), h) for each in stored]
    held_to(yk.variants(state, h, previous_consensus=iter(stored), backend=backend), expected)
    # what a state has stands for none of them: nothing stored is not the same as zeros
    nothing = np.zeros((2, 0), np.uint16)
    held_to(yk.variants(state, h, previous_consensus=nothing, backend=backend), [expected[0]] * 2)
    zeros = yk.epoch(replace(state, previous_consensus=np.zeros(1, np.uint16)), h)
    assert len({one.bonds.value.tobytes() for one in (yk.epoch(state, h), zeros, expected[0], expected[2])}) == 4


def test_the_largest_stakes() -> None:
    """Their sum is below 2^127, and not at it."""
    state, h = CASES[0]
    whole = np.zeros((3, state.n, 2), np.uint64)
    whole[:, 0], whole[:, 1] = (2**64 - 1, 2**62 - 1), (2**64 - 1, 2**62 - 1)
    whole[:2, 2, 0] = 1
    held_to(yk.variants(state, h, total_stake=whole), [yk.epoch(replace(state, total_stake=stake), h) for stake in whole])
    whole[1, 2, 0] = 2
    with pytest.raises(yk.InputError, match=r"total_stake\[1\]: expected a sum below 2\^127"):
        yk.variants(state, h, total_stake=whole)


@pytest.mark.parametrize("n", [1, 3])
def test_nothing_stored(n: int, backend: str) -> None:
    """A subnet without a weight and without a bond, as new ones are."""
    nobody = np.zeros(n, np.uint64)
    state = yk.SubnetState(
        yk.SparseRows.empty(n), yk.SparseRows.empty(n), yk.stake_from_rao([5] * n), nobody, nobody, [True] * n, 10
    )
    h = yk.Hyperparameters(profile=425)
    expected = [yk.epoch(state, h, backend="reference")] * 2
    for options in ({}, {"weights": np.zeros((2, 0, n), np.uint16), "uids": []}, {"bonds": [state.bonds] * 2}):
        held_to(yk.variants(state, h, count=2, outputs=yk.OUTPUTS, backend=backend, **options), expected)


def test_outputs() -> None:
    state, h = CASES[8]
    whole = yk.variants(state, [h] * 3)
    assert whole.outputs == STACKED
    some = yk.variants(state, [h] * 3, outputs=["emission", "incentive", "incentive"])
    assert some.outputs == ("incentive", "emission")
    assert some.incentive.tolist() == whole.incentive.tolist()
    assert yk.variants(state, [h] * 3, outputs="incentive").outputs == ("incentive",)
    assert yk.variants(state, [h] * 3, outputs=[]).outputs == ()
    with pytest.raises(AttributeError, match="bonds was not asked for: outputs were incentive, emission"):
        _ = some.bonds
    with pytest.raises(AttributeError, match="no attribute 'weights'"):
        _ = some.weights  # type: ignore[attr-defined]


def test_is_a_value() -> None:
    state, h = CASES[9]
    got = yk.variants(state, [h] * 3, outputs=["incentive", "bonds", "emission"])
    assert repr(got) == f"Variants(count=3, n={state.n}, outputs=incentive, bonds, emission)"
    assert pickle.loads(pickle.dumps(got)) == got == copy.deepcopy(got)
    assert not pickle.loads(pickle.dumps(got)).incentive.flags.writeable
    assert got != yk.variants(state, [h] * 3, outputs=["incentive", "emission"])
    with pytest.raises(ValueError, match="read-only"):
        got.incentive[0, 0] = 1
    html = got._repr_html_()
    assert f"3 variants of {state.n} uids" in html
    assert f"<tr><td>emission</td><td>rao</td><td>uint64</td><td>3 × {state.n}</td></tr>" in html
    as_dict = got.to_dict()
    assert list(as_dict) == ["incentive", "emission", "bonds"]
    as_dict["incentive"][0, 0] = 1
    pandas = pytest.importorskip("pandas")
    frame = got.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == ["incentive", "emission"]
    assert frame.loc[(2, 5), "incentive"] == got.incentive[2, 5]
    assert frame.index.names == ["variant", "uid"]
    assert len(frame) == len(yk.variants(state, [h] * 3, outputs=[]).to_frame()) == 3 * state.n
    floats = got.as_floats()
    assert list(floats) == ["incentive", "emission"]
    assert floats["emission"].tolist() == [[rao / 10**9 for rao in row] for row in got.emission.tolist()]
    assert got.to_frame("float")["incentive"].tolist() == [share / 65535 for share in got.incentive.reshape(-1).tolist()]
    refused(lambda: got.to_frame("rao"), "units", None, "chain or float")


def small() -> yk.SubnetState:
    rows = yk.SparseRows.from_rows([[(1, 5)], [], [], [], []])
    return yk.SubnetState(rows, rows, yk.stake_from_rao([5] * 5), [9] * 5, [1] * 5, [True] * 5, 10)


STAKES = np.stack([yk.stake_from_rao([5] * 5)] * 3)
TOO_MUCH = np.array(STAKES)
TOO_MUCH[2, :, 1] = 2**62
NEGATIVE = np.array(STAKES)
NEGATIVE[1, 3, 1] = 2**63
DENSE = np.ones((3, 5, 5))
FRACTION, BEYOND = np.array(DENSE), np.array(DENSE)
FRACTION[2, 4, 1], BEYOND[1, 0, 3] = 0.5, 65536
EMPTY = yk.SparseRows.empty(5)
ENDLESS: list[Any] = []
ENDLESS += [ENDLESS, ENDLESS]


@pytest.mark.parametrize(
    ("options", "field", "index"),
    [
        ({"state": 3}, "state", None),
        ({"hyperparameters": 3}, "hyperparameters", None),
        ({"hyperparameters": [yk.Hyperparameters(), 3]}, "hyperparameters", 1),
        ({"hyperparameters": iter([yk.Hyperparameters(), 3])}, "hyperparameters", 1),
        ({"hyperparameters": {}}, "hyperparameters", None),
        ({"emission": None}, "emission", None),
        ({"emission": "5"}, "emission", None),
        ({"emission": -1}, "emission", None),
        ({"emission": [1, 2, -3]}, "emission", 2),
        ({"emission": np.array([1, 2, -3])}, "emission", 2),
        ({"emission": iter([1, [1, 2**64], 5])}, "emission", 2),
        ({"total_stake": np.zeros((3, 4, 2))}, "total_stake", None),
        ({"total_stake": TOO_MUCH}, "total_stake", (2,)),
        ({"total_stake": NEGATIVE}, "total_stake", (1, 3)),
        ({"total_stake": iter(NEGATIVE)}, "total_stake", (1, 3)),
        ({"total_stake": TOO_MUCH[2]}, "total_stake", None),
        ({"last_update": [1, 2]}, "last_update", None),
        ({"last_update": np.full((3, 5), -1)}, "last_update", (0, 0)),
        ({"validator_permit": np.full((3, 5), 2)}, "validator_permit", (0, 0)),
        ({"validator_permit": ENDLESS}, "validator_permit", None),
        ({"previous_consensus": [[1], [2, 70000]]}, "previous_consensus", 1),
        ({"previous_consensus": [[1, 2], [2, 70000]]}, "previous_consensus", (1, 1)),
        ({"weights": DENSE[:, :2]}, "weights", None),
        ({"weights": DENSE[:, :2], "uids": [1, 5]}, "uids", 1),
        ({"weights": DENSE[:, :2], "uids": [1, 1]}, "uids", 1),
        ({"weights": DENSE[:, :4], "uids": [3, 1, 3, 1]}, "uids", 2),
        ({"weights": DENSE[:, :3], "uids": [1, 2]}, "weights", None),
        ({"weights": EMPTY, "uids": [1, 2]}, "uids", None),
        ({"uids": [1, 2]}, "uids", None),
        ({"weights": [EMPTY] * 3, "uids": [1, 2]}, "uids", None),
        ({"previous_consensus": np.zeros((2, 65537), np.uint16)}, "previous_consensus", 0),
        ({"weights": FRACTION}, "weights", (2, 4, 1)),
        ({"weights": BEYOND}, "weights", (1, 0, 3)),
        ({"weights": BEYOND[1]}, "weights", (0, 3)),
        ({"weights": iter(FRACTION)}, "weights", (2, 4, 1)),
        ({"weights": iter([FRACTION[:2], FRACTION[2:]])}, "weights", (2, 4, 1)),
        ({"weights": iter([DENSE[0], DENSE[0, 1:]])}, "weights", 1),
        ({"weights": iter([DENSE[0], DENSE[:, 1:]])}, "weights", 1),
        ({"weights": iter([EMPTY, 5])}, "weights", 1),
        ({"weights": "abc"}, "weights", None),
        ({"weights": [EMPTY, yk.SparseRows.empty(4)]}, "weights", 1),
        ({"weights": [EMPTY, None]}, "weights", 1),
        ({"weights": [EMPTY, DENSE[0]]}, "weights", 1),
        ({"weights": yk.SparseRows.empty(4)}, "bonds", None),
        ({"weights": np.ma.array(DENSE, mask=True)}, "weights", None),
        ({"bonds": [EMPTY, yk.SparseRows.empty(4)]}, "bonds", 1),
        ({"bonds": DENSE}, "bonds", None),
        ({"bonds": 5}, "bonds", None),
        ({"emission": [1, 2, 3], "hyperparameters": [yk.Hyperparameters()] * 2}, "hyperparameters", None),
        ({"emission": [1, 2], "count": 3}, "emission", None),
        ({"emission": iter([1, 2]), "count": 3}, "emission", 2),
        ({"emission": iter([1, 2, 3, 4]), "count": 3}, "emission", None),
        ({"emission": iter([1, 2]), "weights": DENSE}, "emission", 2),
        ({"emission": iter([1, 2, 3, 4]), "weights": DENSE}, "emission", None),
        ({"emission": iter([1, 2, 3, 4]), "weights": iter(DENSE)}, "emission", None),
        ({"count": -1}, "count", None),
        ({"outputs": "trust"}, "outputs", 0),
        ({"outputs": ["incentive", "weights"]}, "outputs", 1),
        ({"outputs": 5}, "outputs", 0),
        ({"threads": 0}, "threads", None),
        ({"progress": 3}, "progress", None),
        ({"backend": "cuda"}, "backend", None),
    ],
)
def test_refused(options: Any, field: str, index: Any) -> None:
    for threads in (1, 3):
        options, iterators = dict(options), {}
        for name, value in options.items():
            if isinstance(value, Iterator):
                options[name], iterators[name] = itertools.tee(value)
        arguments = {"state": small(), "hyperparameters": yk.Hyperparameters(), "threads": threads, **options}
        with pytest.raises(yk.InputError) as caught:
            yk.variants(**arguments)
        assert (caught.value.field, caught.value.index) == (field, index)
        options |= iterators


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_the_first_bad_variant_is_named(threads: int) -> None:
    """Whatever the threads, and where two are bad, of the same argument."""
    state, h = CASES[10]
    stakes = np.stack([yk.stake_from_rao(range(state.n))] * 3000)
    stakes[[1234, 2900], 3, 1] = 2**63
    for _ in range(3):
        with pytest.raises(yk.InputError) as caught:
            yk.variants(state, h, total_stake=stakes, threads=threads)
        assert caught.value.index == (1234, 3)


def test_progress(backend: str) -> None:
    state, h = CASES[0]
    many = 2000 if backend == "c" else 5
    seen: list[tuple[int, int | None]] = []
    for threads in (1, 2):
        seen.clear()
        options: dict[str, Any] = {"threads": threads, "backend": backend, "progress": lambda *at: seen.append(at)}
        yk.variants(state, [h] * many, **options)
        assert [done for done, _ in seen] == sorted({done for done, _ in seen})
        assert seen[-1] == (many, many)
        assert len(seen) > 1
        seen.clear()
        yk.variants(state, iter([h] * many), **options)
        assert seen[-1][0] == many
        assert seen[-1][1] is None
        seen.clear()
        yk.variants(state, iter([h] * many), count=many, **options)
        assert seen[-1] == (many, many)


@pytest.mark.parametrize("streamed", [False, True])
def test_few_variants_of_many_weights_are_a_chunk(streamed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are held count, so that no call of the kernel takes long."""
    state, h = SMALL
    weights = state.n + state.weights.uid.size - int(state.weights.indptr[1])
    monkeypatch.setattr(sys.modules["yuma_kernel.variants"], "CHUNK_ENTRIES", 5 * (state.n + weights))
    row = np.full((40, 1, state.n), 7, np.uint16)
    seen: list[int] = []
    some: Any = iter(row) if streamed else row
    yk.variants(state, h, weights=some, uids=[0], threads=1, progress=lambda done, _: seen.append(done))
    assert seen == ([1, *range(6, 40, 5), 40] if streamed else [*range(5, 41, 5)])


@pytest.mark.parametrize("threads", [1, 3])
def test_what_is_raised_on_the_way(threads: int) -> None:
    """By progress, by an iterator: it ends the call, and the next one is as good as any."""
    state, h = CASES[0]

    def stop(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    def breaks() -> Iterator[yk.Hyperparameters]:
        yield from [h] * 500
        raise OSError("the disk")

    before = threading.active_count()
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            yk.variants(state, [h] * 5000, threads=threads, progress=stop)
        with pytest.raises(OSError, match="the disk"):
            yk.variants(state, breaks(), threads=threads)
        held_to(yk.variants(state, [h] * 9, threads=threads), [yk.epoch(state, h)] * 9)
    assert threading.active_count() <= before + 4


def test_constant_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """From a generator, beside the results that are kept, no more than some chunks and a block: however many there are."""
    monkeypatch.setattr(sys.modules["yuma_kernel.variants"], "BLOCK_BYTES", 2**18)
    state, h = CASES[1]
    weights = np.random.default_rng(1).integers(0, 65536, (20, 10, state.n)).astype(np.uint16)

    def peak(many: int) -> int:
        some = (weights[k % 20] for k in range(many))
        tracemalloc.start()
        got = yk.variants(state, h, weights=some, uids=range(10), outputs="incentive", threads=2)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(got) == many
        return used - 2 * got.incentive.nbytes  # which are there in pieces and then as one

    peak(100)
    small, large = peak(8000), peak(64000)
    assert large < small + 2**20 < 2**25


def test_threads_agree() -> None:
    state, h = CASES[2]
    options = given(state)
    expected = yk.variants(state, h, threads=1, **options)
    for threads in range(2, 9):
        for _ in range(5):
            assert yk.variants(state, h, threads=threads, **options) == expected


def test_many_calls_at_once() -> None:
    state, _ = CASES[2]
    options = given(state)
    expected = yk.variants(state, rules(), **options)
    got: list[yk.Variants] = []
    calls: list[Callable[[], object]] = [lambda: got.append(yk.variants(state, rules(), threads=3, **options))] * 8
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [expected] * 8


def test_within_itself() -> None:
    """An iterator that calls variants for what it yields, and a progress that does."""
    state, h = CASES[2]
    options = given(state)
    expected = yk.variants(state, h, outputs=["emission"], **options)

    def again(*_: object) -> None:
        assert yk.variants(state, h, outputs=["emission"], threads=2, **options) == expected

    def stakes() -> Iterator[Any]:
        for stake in options["total_stake"]:
            again()
            yield stake

    streamed = {**options, "total_stake": stakes()}
    assert yk.variants(state, h, outputs=["emission"], threads=2, progress=again, **streamed) == expected
