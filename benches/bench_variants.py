"""Many variants of one subnet, from stacks of dense weights and from a generator of them, and as many what-ifs: also as
multiples of the time that the kernel alone takes, in as many threads, for the same subnets made before."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from shapes import EMISSION, VARIANTS, Shape, hyperparameters, subnet, using

import yuma_kernel as yk
from conftest import Measure
from yuma_kernel import moves
from yuma_kernel.kernel import native
from yuma_kernel.kernel._yuma import ffi, lib

COUNT = 1000
SMALL, LARGE = Shape(256, 64, 1), Shape(512, 64, 1)


@functools.cache
def settled(shape: Shape) -> yk.SubnetState:
    return yk.simulate(subnet(shape), hyperparameters(shape, "yuma2"), epochs=200).state


@functools.cache
def stack(shape: Shape) -> Any:
    """Of each variant the rows of the validators, all of them full."""
    dense = settled(shape).weights.to_dense()[: shape.validators]
    factors = np.random.default_rng(shape.n).uniform(0.8, 1, (COUNT, shape.validators, 1))
    return np.maximum(1, dense[None] * factors).astype(np.uint16)


@functools.cache
def blends(shape: Shape, uids: int) -> dict[str, moves.Change]:
    """As many changes, of so many validators by turns."""
    return {str(k): moves.toward_consensus(k % uids, k / COUNT) for k in range(COUNT)}


@functools.cache
def given(shape: Shape) -> list[native._Given]:
    state, uids = settled(shape), np.arange(shape.validators)
    made = (yk.SparseRows.from_dense(matrix, uids=uids) for matrix in stack(shape))
    fields = {name: value for name, value in vars(state).items() if name != "weights"}
    return [native._given(yk.SubnetState(weights=rows, **fields)) for rows in made]


def kernel(shape: Shape, threads: int) -> Callable[[], None]:
    """The kernel and nothing of Python but its call, on every variant, in so many threads."""
    all_of_them = given(shape)
    rules, mask = native._hyperparameters(hyperparameters(shape, "yuma2")), native.selected_mask()
    pool = ThreadPoolExecutor(max(1, threads - 1))

    def work(left: deque[native._Given]) -> None:
        first = all_of_them[0]
        outputs, workspace = native._Outputs(first.n, first.room), ffi.new("unsigned char[]", first.workspace)
        while True:
            try:
                state = left.popleft().struct
            except IndexError:
                return
            lib.yuma_epoch(state, rules, EMISSION, outputs.result, ffi.NULL, mask, workspace, len(workspace))

    def call() -> None:
        left = deque(all_of_them)
        others = [pool.submit(work, left) for _ in range(threads - 1)]
        work(left)
        for other in others:
            other.result()

    return call


def generated(shape: Shape) -> Iterator[Any]:
    """What a study does for every variant: noise on a matrix, scaled and cut to 65535."""
    dense = settled(shape).weights.to_dense()[: shape.validators].astype(np.float32)
    factors = np.random.default_rng(1).uniform(0.8, 1, (COUNT, shape.validators, 1)).astype(np.float32)
    room, cut = np.empty_like(dense), np.empty(dense.shape, np.uint16)
    for factor in factors:
        np.multiply(dense, factor, out=room)
        np.maximum(room, 1, out=room)
        np.copyto(cut, room, casting="unsafe")
        yield cut


def calls(shape: Shape, threads: int) -> dict[str, Callable[[], object]]:
    state, h = settled(shape), hyperparameters(shape, "yuma2")
    uids = np.arange(shape.validators)
    options: dict[str, Any] = {"emission": EMISSION, "threads": threads}
    return {
        "kernel alone": kernel(shape, threads),
        "variants": lambda: yk.variants(state, h, weights=stack(shape), uids=uids, **options),
        "variants, one output": lambda: yk.variants(
            state, h, weights=stack(shape), uids=uids, outputs="incentive", **options
        ),
        "variants of a generator": lambda: yk.variants(state, h, weights=generated(shape), uids=uids, **options),
        "what_if, one validator": lambda: yk.what_if(state, h, blends(shape, 1), **options),
        "what_if, every validator": lambda: yk.what_if(state, h, blends(shape, shape.validators), **options),
    }


@pytest.mark.parametrize("what", calls(SMALL, 1))
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("shape", [SMALL, LARGE], ids=str)
@pytest.mark.parametrize("variant", [variant for variant in VARIANTS if variant in ("c/avx2", "c/avx512", "c/neon")])
def bench_variants(measure: Measure, variant: str, shape: Shape, threads: int, what: str) -> None:
    with using(variant):
        measure(
            calls(shape, threads)[what],
            weights=settled(shape).weights.uid.size * COUNT,
            epoch=kernel(shape, threads),
            what=f"{what}, {COUNT}, {threads} thread{'s' * (threads > 1)}",
            backend=variant,
            shape=str(shape),
            rules="yuma2",
        )
