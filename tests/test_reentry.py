"""A call in the midst of another one of the same thread: from a signal handler, a finalizer, or what reports progress."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import pytest

import yuma_kernel as yk
from yuma_kernel.results import STACKED

EPOCHS: Final = int(os.environ.get("YUMA_REENTRIES", "600"))
"""Epochs that a test computes while others come in between, on each backend; a tenth of them on the reference."""

N: Final = 8
RULES: Final = yk.Hyperparameters(liquid_alpha=True, bonds_penalty=40000, profile=425)

has_timer = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this platform has no setitimer")


def subnet(seed: int, n: int = N) -> yk.SubnetState:
    random = np.random.default_rng(seed)
    dense = random.integers(0, 65536, (n, n), np.uint16)
    rows = yk.SparseRows.from_dense(dense)
    stake = yk.stake_from_rao(random.integers(1, 10**12, n))
    return yk.SubnetState(rows, rows, stake, [9] * n, [1] * n, [True] * n, 10, owner_uid=seed % n)


STATES: Final = [subnet(seed) for seed in range(8)]
"""All of one n, so that each fits into the memory that another one's call has just used."""


def count(backend: str) -> int:
    return EPOCHS // 10 if backend == "reference" else EPOCHS


@contextlib.contextmanager
def interrupted(call: Callable[[], None]) -> Iterator[list[int]]:
    """A thousand times a second `call`, in this thread, between any two steps of Python; how often is what it gives."""
    calls, inside = [0], [False]

    def handler(*_: Any) -> None:
        if inside[0]:  # the reference takes longer than the next one is away
            return
        inside[0] = True
        try:
            calls[0] += 1
            call()
        finally:
            inside[0] = False

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        yield calls
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Ring:
    """In a circle that only the collector finds, and computes when it does; it leaves another one, so many times."""

    call: Callable[[], None]

    def __init__(self, more: int) -> None:
        self.circle, self.more = self, more

    def __del__(self) -> None:
        Ring.call()
        if self.more:
            Ring(self.more - 1)


@contextlib.contextmanager
def collected(call: Callable[[], None]) -> Iterator[list[int]]:
    """`call` in the finalizers of rings, by a collector that runs whenever something is allocated."""
    calls, inside = [0], [False]

    def finalize() -> None:
        if inside[0]:  # or it would come from within itself without an end
            return
        inside[0] = True
        try:
            calls[0] += 1
            call()
        finally:
            inside[0] = False

    Ring.call = finalize
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()  # what is there already need not be looked at every time
    gc.set_threshold(1)
    try:
        yield calls
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
        Ring.call = lambda: None
        gc.collect()


def bits(result: yk.EpochResult) -> bytes:
    """What tells one result from all others here, without objects of its own that a collector would look at."""
    return b"".join((result.bonds.value.tobytes(), *(getattr(result, name).tobytes() for name in STACKED)))


def leave(interruption: str) -> None:
    """Something for the collector, enough to last through a call."""
    if interruption == "finalizer":
        Ring(40)


INTERRUPTIONS: Final[dict[str, Any]] = {"handler": interrupted, "finalizer": collected}


@has_timer
@pytest.mark.parametrize("interruption", INTERRUPTIONS)
def test_epoch(backend: str, interruption: str) -> None:
    def computed(at: int) -> bytes:
        return bits(yk.epoch(STATES[at], RULES, emission=10**9, backend=backend))

    expected = [computed(at) for at in range(len(STATES))]
    assert len(set(expected)) == len(STATES)
    inner: list[bool] = []

    def call() -> None:
        at = len(inner) % len(STATES)
        inner.append(computed(at) == expected[at])

    different = 0
    with INTERRUPTIONS[interruption](call) as calls:
        for k in range(count(backend)):
            at = k * 3 % len(STATES)
            leave(interruption)
            different += computed(at) != expected[at]
    assert different == 0
    assert all(inner)
    assert calls[0] > count(backend) // 100
    print(f"{count(backend)} epochs on {backend}, {calls[0]} others by a {interruption}: none differs")


@has_timer
@pytest.mark.parametrize("interruption", INTERRUPTIONS)
def test_epoch_many(compiled: str, interruption: str) -> None:
    """Both alone in this thread, and with threads, which both calls take out of those that are idle."""
    expected = [yk.epoch(state, RULES, backend=compiled) for state in STATES]
    inner: list[bool] = []

    def call() -> None:
        threads = 1 + len(inner) % 3
        inner.append(yk.epoch_many(STATES[::-1], RULES, threads=threads, backend=compiled) == expected[::-1])

    different = 0
    with INTERRUPTIONS[interruption](call) as calls:
        for k in range(count(compiled) // 8):
            leave(interruption)
            different += yk.epoch_many(STATES, RULES, threads=1 + k % 3, backend=compiled) != expected
    assert different == 0
    assert all(inner)
    assert calls[0] > 0


@has_timer
@pytest.mark.parametrize("interruption", [*INTERRUPTIONS, "progress"])
@pytest.mark.parametrize("bonds", [False, True], ids=["", "bonds"])
def test_simulate(compiled: str, interruption: str, bonds: bool) -> None:
    def simulated(at: int, progress: Any = None) -> yk.Simulation:
        return yk.simulate(
            STATES[at], RULES, epochs=70, every=2, bonds=bonds, emission=10**9, progress=progress, backend=compiled
        )

    expected = [simulated(at) for at in range(2)]
    epochs = yk.epoch(STATES[2], RULES, backend=compiled)
    inner: list[bool] = []
    turns = [0]

    def call(*_: int) -> None:
        turns[0] += 1
        if interruption == "progress" and compiled != "c" and turns[0] % 16:
            return
        if len(inner) % 2:
            inner.append(yk.epoch(STATES[2], RULES, backend=compiled) == epochs)
        else:
            inner.append(simulated(1) == expected[1])

    manner = contextlib.nullcontext([0]) if interruption == "progress" else INTERRUPTIONS[interruption](call)
    with manner:
        for _ in range(max(2, count(compiled) // 70)):
            leave(interruption)
            assert simulated(0, call if interruption == "progress" else None) == expected[0]
    assert len(inner) > 1
    assert all(inner)


@has_timer
def test_stages(compiled: str) -> None:
    """Those that have a workspace."""
    result = yk.epoch(STATES[0], RULES, backend=compiled, trace=True)
    assert result.trace is not None
    weights, stake, trust = (result.trace[name] for name in ("weights", "active_stake", "consensus"))
    assert isinstance(weights, yk.SparseRows)
    other = yk.SparseRows(weights.indptr, weights.uid, weights.value[::-1], np.int64)

    def stages(rows: yk.SparseRows) -> list[Any]:
        return [
            yk.stages.consensus(rows, stake, RULES.kappa, backend=compiled).tolist(),
            yk.stages.column_normalize(rows, backend=compiled).to_rows(),
            yk.stages.liquid_ema(rows, rows, trust, backend=compiled).to_rows(),
        ]

    expected, of_other = stages(weights), stages(other)
    assert expected != of_other
    inner: list[bool] = []
    with interrupted(lambda: inner.append(stages(other) == of_other)):
        for _ in range(count(compiled) // 5):
            assert stages(weights) == expected
    assert inner
    assert all(inner)


def test_an_exception_in_between_leaves_nothing_behind(compiled: str) -> None:
    """Raised by a handler, at each line of a call in turn: the next call is as good as any."""
    expected = [yk.epoch(state, RULES, backend=compiled) for state in STATES[:2]]
    many = yk.epoch_many(STATES, RULES, threads=1, backend=compiled)

    class Stop(BaseException):
        pass

    def stopped(call: Callable[[], Any], step: int) -> bool:
        lines = 0

        def trace(frame: Any, event: str, argument: Any) -> Any:
            nonlocal lines
            if "yuma_kernel" not in frame.f_code.co_filename and "/kernel/" not in frame.f_code.co_filename:
                return None
            if event == "line":
                lines += 1
                if lines == step:
                    raise Stop
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            call()
        except Stop:
            return True
        finally:
            sys.settrace(before)
        return False

    for call in (
        lambda: yk.epoch(STATES[0], RULES, backend=compiled),
        lambda: yk.epoch_many(STATES, RULES, threads=1, backend=compiled),
    ):
        step = 1
        while stopped(call, step):
            step += 1
            assert yk.epoch(STATES[1], RULES, backend=compiled) == expected[1]
            if step % 20 == 0:
                assert yk.epoch_many(STATES, RULES, threads=1, backend=compiled) == many
        assert step > 20
        assert yk.epoch(STATES[0], RULES, backend=compiled) == expected[0]


INTERRUPT = """
import _thread, threading, time
import yuma_kernel as yk
n = 64
rows = yk.SparseRows.from_rows([[(j, 1 + i + j) for j in range(n)] for i in range(n)])
state = yk.SubnetState(rows, rows, yk.stake_from_rao(range(1, n + 1)), [9] * n, [1] * n, [True] * n, 10)
rules = yk.Hyperparameters(profile=425)
yk.epoch_many([state] * 64, rules, threads=3)
threading.Timer(0.05, _thread.interrupt_main).start()
try:
    while True:
        yk.epoch_many([state] * 4000, rules, threads=3)
except KeyboardInterrupt:
    pass
expected = yk.epoch(state, rules)
assert yk.epoch_many([state] * 64, rules, threads=3) == [expected] * 64
deadline = time.monotonic() + 20
from yuma_kernel.pool import _Worker
while len(_Worker.idle) < 2:  # nobody goes on with what nobody waits for
    assert time.monotonic() < deadline
print("stopped")
"""


def test_an_interrupt_stops_all_threads() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPT], capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.returncode) == ("stopped\n", 0), done.stderr


def test_threads_come_back_and_hold_nothing() -> None:
    """No thread is started while enough are idle, and none keeps inputs or results alive."""
    before = threading.active_count()
    for _ in range(20):
        results = yk.epoch_many(STATES * 20, RULES, threads=3)
    assert threading.active_count() < before + 10  # of 40 that would start if none came back
    last = [weakref.ref(result) for result in results]
    del results
    deadline = time.monotonic() + 10  # the thread that ends last holds what it computed until it does
    while any(result() for result in last):
        assert time.monotonic() < deadline
        time.sleep(0.001)
        gc.collect()
