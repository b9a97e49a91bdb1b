"""epoch_many: the same as one call after the other, whatever the number of threads."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

import yuma_kernel as yk
from test_instruction_sets import subnets
from yuma_kernel import many, pool
from yuma_kernel.epoch import load_backend

CALLS = [(state, h, seed * 10**9) for seed, (state, h) in enumerate(subnets(60))]
STATES = [state for state, _, _ in CALLS]
RULES = [h for _, h, _ in CALLS]
EMISSIONS = [emission for _, _, emission in CALLS]


def one_by_one(backend: str | None = None, trace: bool = False) -> list[yk.EpochResult]:
    return [yk.epoch(state, h, emission=emission, backend=backend, trace=trace) for state, h, emission in CALLS]


@pytest.mark.parametrize("threads", [None, 1, 2, 3, 64])
def test_threads(threads: int | None) -> None:
    expected = one_by_one()
    for _ in range(3):
        assert yk.epoch_many(STATES, RULES, emission=EMISSIONS, threads=threads) == expected


@pytest.mark.parametrize("size", [0, 3000, 20_000])
def test_results_too_large_for_one_call(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    native = pytest.importorskip("yuma_kernel.kernel.native")
    monkeypatch.setattr(native, "BATCH_BYTES", size)
    assert yk.epoch_many(STATES, RULES, emission=EMISSIONS, threads=1, backend="c") == one_by_one("c")


def test_backends(backend: str) -> None:
    some = [k for k in range(len(CALLS)) if CALLS[k][0].n < 40][:12]
    expected = [yk.epoch(STATES[k], RULES[k], emission=EMISSIONS[k], backend=backend) for k in some]
    got = yk.epoch_many(
        [STATES[k] for k in some],
        [RULES[k] for k in some],
        emission=[EMISSIONS[k] for k in some],
        backend=backend,
        threads=2,
    )
    assert got == expected


def test_trace() -> None:
    got = yk.epoch_many(STATES, RULES, emission=EMISSIONS, trace=True, threads=2)
    assert got == one_by_one(trace=True)
    assert all(result.trace is not None for result in got)


def test_results_stand_on_their_own() -> None:
    """What a thread's buffers are used for next changes nothing that was returned."""
    first = yk.epoch_many(STATES, RULES, emission=EMISSIONS, threads=1)
    copies = [bytes(result.emission) + bytes(result.bonds.value) + bytes(result.active) for result in first]
    yk.epoch_many(list(reversed(STATES)), list(reversed(RULES)), threads=1)
    assert [bytes(result.emission) + bytes(result.bonds.value) + bytes(result.active) for result in first] == copies
    with pytest.raises(ValueError, match="read-only"):
        first[0].emission[0] = 1


def test_one_for_all() -> None:
    state, h = STATES[20], RULES[20]
    assert yk.epoch_many(state, h) == [yk.epoch(state, h)]
    variants = [yk.Hyperparameters(**{**vars(h), "kappa": kappa}) for kappa in (0, 20000, 65535)]
    assert yk.epoch_many(state, variants, emission=7) == [yk.epoch(state, v, emission=7) for v in variants]
    assert yk.epoch_many([state] * 3, h, emission=[1, 2, 3]) == [yk.epoch(state, h, emission=e) for e in (1, 2, 3)]
    assert yk.epoch_many([], h) == []


@pytest.mark.parametrize(
    ("arguments", "field", "index"),
    [
        (([STATES[0], None, STATES[1]], RULES[0]), "states", 1),
        ((STATES[:3], [RULES[0], RULES[1], {}]), "hyperparameters", 2),
        ((STATES[:3], RULES[:2]), "hyperparameters", None),
        ((7, RULES[0]), "states", None),
        (("abc", RULES[0]), "states", None),
        ((np.ma.masked, RULES[0]), "states", None),
        ((np.array(1).data, RULES[0]), "states", None),
        ((STATES[:2], np.array(None)), "hyperparameters", None),
        ((STATES[:2], None), "hyperparameters", None),
    ],
)
def test_refused(arguments: Any, field: str, index: int | None) -> None:
    with pytest.raises(yk.InputError) as caught:
        yk.epoch_many(*arguments)
    assert (caught.value.field, caught.value.index) == (field, index)


@pytest.mark.parametrize(
    ("options", "field", "index"),
    [
        ({"emission": [1, -1, 2]}, "emission", 1),
        ({"emission": 2**64}, "emission", None),
        ({"emission": [1, 2]}, "emission", None),
        ({"threads": 0}, "threads", None),
        ({"threads": 1.5}, "threads", None),
        ({"trace": "no"}, "trace", None),
        ({"return_errors": 2}, "return_errors", None),
        ({"backend": "cuda"}, "backend", None),
    ],
)
def test_refused_options(options: Any, field: str, index: int | None) -> None:
    with pytest.raises(yk.InputError) as caught:
        yk.epoch_many(STATES[:3], RULES[0], **options)
    assert (caught.value.field, caught.value.index) == (field, index)


def test_threads_are_kept() -> None:
    """And no other is started where they are idle."""

    def kept() -> set[int | None]:
        return {thread.ident for thread in threading.enumerate() if thread.name.startswith("yuma-kernel")}

    yk.epoch_many(STATES, RULES, threads=3)
    before = kept()
    for _ in range(10):
        time.sleep(0.01)  # until all are idle
        yk.epoch_many(STATES, RULES, threads=3)
    assert before
    assert before <= kept()
    assert len(kept()) <= max(2, len(before))


def test_many_calls_of_epoch_many_at_once() -> None:
    expected = one_by_one()
    with ThreadPoolExecutor(6) as threads:
        for got in threads.map(lambda k: yk.epoch_many(STATES, RULES, emission=EMISSIONS, threads=1 + k % 5), range(60)):
            assert got == expected


def test_no_more_threads_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first: it computes, and what it takes is waited for."""
    real, expected, late = many._computed, one_by_one(), []

    def slow(backend: Any, calls: Any, trace: bool) -> Any:
        if threading.current_thread() is not threading.main_thread():
            late.append(len(calls))
            time.sleep(0.01)
        return real(backend, calls, trace)

    class Single(pool._Worker):
        idle: ClassVar[list[pool._Worker]] = []
        started: ClassVar[list[bool]] = []

        def __init__(self) -> None:
            if self.started:
                raise RuntimeError("can't start new thread")
            self.started.append(True)
            super().__init__()

    monkeypatch.setattr(many, "_computed", slow)
    monkeypatch.setattr(pool, "_Worker", Single)
    for _ in range(20):
        assert yk.epoch_many(STATES, RULES, emission=EMISSIONS, threads=4) == expected
    assert late


def test_an_error_in_a_thread_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """And ends the call, in whichever thread it comes up."""
    real, batches = many._computed, []

    def fails(backend: Any, calls: Any, trace: bool) -> Any:
        batches.append(len(calls))
        if any(emission == 4711 for _, _, emission in calls):
            raise RuntimeError("4711")
        return real(backend, calls, trace)

    monkeypatch.setattr(many, "_computed", fails)
    for at in (0, 1, len(STATES) - 1):
        emissions = list(EMISSIONS)
        emissions[at] = 4711
        for threads in (1, 2, 5):
            batches.clear()
            with pytest.raises(RuntimeError, match="4711"):
                yk.epoch_many(STATES, RULES, emission=emissions, threads=threads)
            if (at, threads) == (0, 1):
                assert len(batches) == 1
    monkeypatch.undo()
    assert yk.epoch_many(STATES, RULES, emission=EMISSIONS, threads=2) == one_by_one()


def test_what_cannot_be_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of them is named, and nothing is computed."""
    monkeypatch.setattr(many, "_computed", lambda *_: pytest.fail("computed"))
    state, h = STATES[0], RULES[0]
    unknown = replace(state, previous_consensus=None)
    measures = yk.Hyperparameters(yuma3=True, liquid_alpha=True, liquid_alpha_consensus_mode="previous")
    with pytest.raises(yk.InputError, match="is stored yet") as caught:
        yk.epoch_many([state, unknown, unknown], measures)
    assert (caught.value.field, caught.value.index) == ("previous_consensus", 1)
    monkeypatch.setattr(load_backend(), "PROFILES", frozenset({max(yk.PROFILES)}))
    with pytest.raises(yk.UnsupportedProfile) as caught:
        yk.epoch_many([state] * 3, [replace(h, profile=max(yk.PROFILES)), h, h])
    assert (caught.value.field, caught.value.index) == ("profile", 1)


def test_one_that_fails_harms_no_other() -> None:
    states: list[Any] = list(STATES)
    states[7], states[31] = "no state", STATES[7].weights
    got = yk.epoch_many(states, RULES, emission=EMISSIONS, threads=2, return_errors=True)
    expected = one_by_one()
    for k, result in enumerate(got):
        if k in (7, 31):
            assert isinstance(result, yk.InputError)
            assert (result.field, result.index) == ("states", k)
        else:
            assert result == expected[k]
