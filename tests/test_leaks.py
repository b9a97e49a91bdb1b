"""Memory does not grow with the number of calls: YUMA_CALLS of each kind, in a process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest

import yuma_kernel as yk
from yuma_kernel.kernel import kept, selfcheck

CALLS: Final = int(os.environ.get("YUMA_CALLS", "10000"))

known_memory = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="this platform does not tell a process's memory"
)

PROGRAM: Final = """
import gc, json, os, sys, threading
import numpy as np
import yuma_kernel as yk

count, backend, kind = int(sys.argv[1]), sys.argv[2], sys.argv[3]
rows = yk.SparseRows.from_rows([[(1, 5), (2, 7)], [(2, 9)], []])
stake = yk.stake_from_rao([5, 4, 3])
dates = np.array([9, 9, 9], np.uint64)
def new(**changes):
    given = dict(weights=rows, bonds=rows, total_stake=stake, last_update=dates, block_at_registration=dates,
                 validator_permit=[True, True, False], current_block=10, previous_consensus=[0, 5, 9])
    return yk.SubnetState(**given | changes)
state, rules = new(), yk.Hyperparameters(liquid_alpha=True)
trace = yk.epoch(state, rules, backend=backend, trace=True).trace

def refused():
    try:
        new(last_update=[1, 2, -1])
    except yk.InputError:
        return
    raise AssertionError("taken")

def in_a_thread():
    thread = threading.Thread(target=call_epoch)
    thread.start()
    thread.join()

def call_epoch():
    yk.epoch(state, rules, emission=10**9, backend=backend)

call = {
    "epoch": call_epoch,
    "epoch with a trace": lambda: yk.epoch(state, rules, emission=10**9, backend=backend, trace=True),
    "stage": lambda: yk.stages.consensus(trace["weights"], trace["active_stake"], 32767, backend=backend),
    "stage of rows": lambda: yk.stages.store_bonds(trace["ema_bonds"], [True] * 3, backend=backend),
    "state": new,
    "refused": refused,
    "epoch in a new thread": in_a_thread,
}[kind]

# CPython finds methods by a table of 4096 places, by the address of the name, and each place keeps the name that was looked
# up last: NumPy makes "accumulate" and "__dlpack__" anew with each call, and the table would fill with hundreds of them.
forget_methods = getattr(sys, "_clear_internal_caches", None) or sys._clear_type_cache

def measured():
    forget_methods()
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE"), sys.getallocatedblocks()

for _ in range(max(2000, count // 20)):  # until caches and the allocator's pools have their size
    call()
before = measured()
for _ in range(count):
    call()
after = measured()
print(json.dumps([now - then for now, then in zip(after, before)]))
"""


def growth(kind: str, backend: str) -> tuple[int, int]:
    """By how many bytes of memory, and how many of Python's blocks, the process grew."""
    command = [sys.executable, "-c", PROGRAM, str(CALLS), backend, kind]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    memory, blocks = json.loads(done.stdout)
    return memory, blocks


@pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="this platform does not tell how much memory a process has"
)
@pytest.mark.parametrize(
    "kind", ["epoch", "epoch with a trace", "stage", "stage of rows", "state", "refused", "epoch in a new thread"]
)
def test_memory_does_not_grow(kind: str) -> None:
    memory, blocks = growth(kind, "c")
    print(f"{CALLS} calls of {kind}: {memory} bytes, {blocks} blocks")
    assert memory < 2**20, f"{memory} bytes in {CALLS} calls"
    assert blocks < 20, f"{blocks} blocks of Python's in {CALLS} calls"


@pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="this platform does not tell how much memory a process has"
)
def test_memory_does_not_grow_in_numba() -> None:
    pytest.importorskip("numba")
    memory, blocks = growth("epoch", "numba")
    print(f"{CALLS} calls of epoch in numba: {memory} bytes, {blocks} blocks")
    assert memory < 2**20, f"{memory} bytes in {CALLS} calls"
    assert blocks < 20, f"{blocks} blocks of Python's in {CALLS} calls"


KEPT: Final = """
import gc, json, os, sys, threading
import yuma_kernel as yk

def memory():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

def full(n, value):
    row = [(j, 1 + (value * j) % 65535) for j in range(n)]
    return yk.SparseRows.from_rows([row] * n)

n = int(sys.argv[1])
rows = full(n, 7)
state = yk.SubnetState(rows, rows, yk.stake_from_rao(range(1, n + 1)), [9] * n, [1] * n, [True] * n, 10)
small = yk.SubnetState(*[full(2, 3)] * 2, yk.stake_from_rao([1, 2]), [9] * 2, [1] * 2, [True] * 2, 10)
rules = [yk.Hyperparameters(profile=425, kappa=30000 + k) for k in range(12)]
yk.epoch_many([small] * 60, rules[0], threads=3)
yk.simulate(small, rules[0], epochs=3)
before = memory()
yk.epoch_many(state, rules, threads=3)
yk.epoch(state, rules[0])
yk.simulate(state, rules[0], epochs=3)
other, go = threading.Event(), threading.Event()
def compute():
    yk.epoch(state, rules[0])
    other.set()
    go.wait()
thread = threading.Thread(target=compute)
thread.start()
other.wait()
kept = memory()
yk.many.release_memory()
released = memory()
go.set()
thread.join()
expected = yk.epoch(state, rules[0])
assert yk.epoch_many(state, rules[:1], threads=1) == [expected]
print(json.dumps([before, kept, released]))
"""


@known_memory
@pytest.mark.parametrize("n", [900, 1100])
def test_memory_that_threads_keep_has_an_end_and_comes_back(n: int) -> None:
    """Below the cap of what a thread keeps, and above it; after the release the process has what it had before."""
    done = subprocess.run([sys.executable, "-c", KEPT, str(n)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    before, kept, released = json.loads(done.stdout)
    print(f"n = {n}: {before >> 20} MiB before, {kept >> 20} MiB kept by 4 threads, {released >> 20} MiB after the release")
    if n == 900:
        assert kept > before * 1.3  # or there is nothing to give back
    assert kept < before + 4 * 256 * 2**20
    assert released < before * 1.1


def test_a_thread_keeps_one_desk() -> None:
    """That of a call which came in between another one, which had taken the desk away."""
    held = kept.take()
    try:
        inner, outer = kept.Desk(), kept.Desk()
        kept.put(inner)
        kept.put(outer)
        assert kept.take() is inner
        assert kept.take() is not outer
    finally:
        kept.put(held)


def test_a_call_after_one_that_found_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The workspace that was to be replaced by a larger one is gone by then."""
    state, rules = selfcheck.subnet(), yk.Hyperparameters()
    expected = yk.epoch(state, rules, backend="c")

    def none(size: int) -> None:
        raise MemoryError(size)

    desk = kept.take()
    with monkeypatch.context() as full:
        full.setattr(kept, "allocate", none)
        with pytest.raises(MemoryError):
            desk.spread(desk.size + 1)
    kept.put(desk)
    assert yk.epoch(state, rules, backend="c") == expected


def test_what_a_thread_keeps_ends_at_its_cap() -> None:
    """Each of the three parts: all of it is kept, and of a byte more nothing."""
    held = kept.take()  # this thread's own, to be put back
    try:
        for beyond in (0, 1):
            desk: Any = kept.Desk()
            desk.workspace, desk.size = object(), kept.WORKSPACE_BYTES + beyond
            desk.outputs = SimpleNamespace(size=kept.OUTPUTS_BYTES + beyond)
            desk.batch = [SimpleNamespace(size=size) for size in (kept.BATCH_BYTES - 7, 7 + beyond)]
            kept.put_batch(desk)
            assert kept.take() is desk
            assert (desk.workspace is None, desk.size == 0) == (bool(beyond), bool(beyond))
            assert (desk.outputs is None) == bool(beyond)
            assert len(desk.batch) == (0 if beyond else 2)
    finally:
        kept.put(held)
    assert kept.WORKSPACE_BYTES + kept.OUTPUTS_BYTES + kept.BATCH_BYTES == 256 * 2**20  # as it is documented
