"""The epoch through the public call, over backends, shapes and rules; and what a user would write instead."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import CONCENTRATED, EMISSION, FULL, REAL, RULES, SHAPES, VARIANTS, Shape, case, hyperparameters, subnet, using

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
