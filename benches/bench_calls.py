"""What the calls add to the kernel: the same epochs by the kernel alone, by `epoch`, by `simulate` and by `epoch_many`, of a
subnet whose bonds have settled, so that consecutive epochs are all the same work. What two threads of the kernel alone gain
is what the machine has to give to two threads of `epoch_many`."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from shapes import EMISSION, SHAPES, VARIANTS, hyperparameters, subnet, using

import yuma_kernel as yk
from conftest import Measure
from yuma_kernel.kernel import native
from yuma_kernel.kernel._yuma import ffi, lib

SHAPE = SHAPES[0]
MANY, EPOCHS = 128, 1000


@functools.cache
def settled() -> yk.SubnetState:
    return yk.simulate(subnet(SHAPE), hyperparameters(SHAPE, "yuma2"), epochs=1000).state


@functools.cache
def copies() -> list[yk.SubnetState]:
    s = settled()
    return [
        yk.SubnetState(
            s.weights, s.bonds, s.total_stake, s.last_update, s.block_at_registration, s.validator_permit, s.current_block
        )
        for _ in range(MANY)
    ]


def each_alone(threads: int) -> Callable[[], None]:
    """The kernel and nothing of Python but the call, on every copy, in so many threads."""
    rules, mask = native._hyperparameters(hyperparameters(SHAPE, "yuma2")), native.selected_mask()
    given = [native._given(state) for state in copies()]
    pool = ThreadPoolExecutor(max(1, threads - 1))

    def work(left: deque[native._Given]) -> None:
        outputs, workspace = native._Outputs(given[0].n, given[0].room), ffi.new("unsigned char[]", given[0].workspace)
        while True:
            try:
                state = left.popleft().struct
            except IndexError:
                return
            lib.yuma_epoch(state, rules, EMISSION, outputs.result, ffi.NULL, mask, workspace, len(workspace))

    def call() -> None:
        left = deque(given)
        others = [pool.submit(work, left) for _ in range(threads - 1)]
        work(left)
        for other in others:
            other.result()

    return call


def calls() -> dict[str, tuple[Callable[[], object], int]]:
    """By name, a call and the number of epochs that it computes."""
    state, h = settled(), hyperparameters(SHAPE, "yuma2")
    yk.epoch(state, h, emission=EMISSION)
    # the kernel's own buffers: nothing of Python but the call
    given, rules = native._given(state), native._hyperparameters(h)
    outputs, workspace = native._Outputs(given.n, given.room), ffi.new("unsigned char[]", given.workspace)
    mask, size = native.selected_mask(), len(workspace)

    def kernel() -> None:
        lib.yuma_epoch(given.struct, rules, EMISSION, outputs.result, ffi.NULL, mask, workspace, size)

    return {
        "kernel alone": (kernel, 1),
        "epoch": (lambda: yk.epoch(state, h, emission=EMISSION), 1),
        f"simulate, {EPOCHS} epochs": (lambda: yk.simulate(state, h, epochs=EPOCHS, emission=EMISSION), EPOCHS),
        f"simulate, {EPOCHS} epochs and their bonds": (
            lambda: yk.simulate(state, h, epochs=EPOCHS, emission=EMISSION, bonds=True),
            EPOCHS,
        ),
        f"kernel alone, {MANY} subnets, 1 thread": (each_alone(1), MANY),
        f"kernel alone, {MANY} subnets, 2 threads": (each_alone(2), MANY),
        f"epoch_many, {MANY} subnets, 1 thread": (lambda: yk.epoch_many(copies(), h, emission=EMISSION, threads=1), MANY),
        f"epoch_many, {MANY} subnets, 2 threads": (lambda: yk.epoch_many(copies(), h, emission=EMISSION, threads=2), MANY),
    }


@pytest.mark.parametrize("what", calls())
@pytest.mark.parametrize("variant", [variant for variant in VARIANTS if variant.startswith("c/")])
def bench_calls(measure: Measure, variant: str, what: str) -> None:
    with using(variant):
        call, epochs = calls()[what]
        measure(
            call,
            weights=settled().weights.uid.size * epochs,
            what=what,
            backend=variant,
            shape=str(SHAPE),
            rules="yuma2",
        )
