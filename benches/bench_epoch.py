"""The epoch through the public call, over backends, shapes and rules; and what a user would write instead."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import (
    CONCENTRATED,
    EMISSION,
    FULL,
    REAL,
    RULES,
    SHAPES,
    VARIANTS,
    Shape,
    arranged,
    case,
    hyperparameters,
    subnet,
    using,
)  # fmt: skip

import yuma_kernel as yk
from conftest import Measure
from yuma_kernel.studies import float_epoch, float_inputs


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("shape", [*REAL, *SHAPES], ids=str)
@pytest.mark.parametrize("variant", VARIANTS)
def bench_epoch(measure: Measure, variant: str, shape: Shape | str, rules: str) -> None:
    state, h = case(shape, rules)
    with using(variant) as backend:
        measure(
            lambda: yk.epoch(state, h, emission=EMISSION, backend=backend),
            weights=state.weights.uid.size,
            what="epoch",
            backend=variant,
            shape=str(shape),
            rules=rules,
        )


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("shape", REAL)
@pytest.mark.parametrize("variant", VARIANTS)
def bench_epoch_of_many(measure: Measure, variant: str, shape: str, rules: str) -> None:
    """64 arrangements of a subnet in turn: of one again and again a processor knows the branches by heart."""
    state, h = case(shape, rules)
    states = [arranged(state, seed) for seed in range(64)]
    with using(variant) as backend:
        measure(
            lambda: [yk.epoch(one, h, emission=EMISSION, backend=backend) for one in states],
            weights=state.weights.uid.size * len(states),
            what="epoch, 64 in turn",
            backend=variant,
            shape=shape,
            rules=rules,
        )


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("shape", [*FULL[:3], *CONCENTRATED], ids=str)
def bench_peer(measure: Measure, shape: Shape, rules: str) -> None:
    state = subnet(shape)
    inputs = float_inputs(state, hyperparameters(shape, rules), emission=EMISSION).astype(np.float32)
    measure(
        lambda: float_epoch(inputs),
        weights=state.weights.uid.size,
        what="epoch",
        backend="(numpy floats)",
        shape=str(shape),
        rules=rules,
    )
