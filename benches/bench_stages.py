"""Every stage through the public call, on what an epoch hands to it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
from shapes import CONCENTRATED, EMISSION, FULL, REAL, Shape, case

import yuma_kernel as yk
from conftest import Measure
from yuma_kernel import stages


@functools.cache
def calls(shape: Shape | str) -> dict[str, Callable[[str], object]]:
    """By the name of a stage, a call that takes the backend."""
    state, h = case(shape, "yuma3")
    result = yk.epoch(state, h, emission=EMISSION, trace=True)
    assert result.trace is not None
    t: dict[str, Any] = dict(result.trace)
    registered = state.block_at_registration
    dates = (state.last_update, registered)
    masked = stages.mask_weights(state.weights, state.validator_permit, *dates)
    old = stages.old_bonds(state.bonds, registered, 1000, True)
    parts = (t["incentive"], t["dividends"], t["stake"], t["active_stake"])
    return {
        "activity": lambda b: stages.activity(state.last_update, h.activity_cutoff, state.current_block, backend=b),
        "normalize_stake": lambda b: stages.normalize_stake(state.total_stake, backend=b),
        "permits": lambda b: stages.permits(t["stake"], h.max_allowed_validators, backend=b),
        "active_stake": lambda b: stages.active_stake(t["stake"], result.active, state.validator_permit, backend=b),
        "mask_weights": lambda b: stages.mask_weights(state.weights, state.validator_permit, *dates, backend=b),
        "normalize_rows": lambda b: stages.normalize_rows(masked, backend=b),
        "consensus": lambda b: stages.consensus(t["weights"], t["active_stake"], h.kappa, backend=b),
        "clip": lambda b: stages.clip(t["weights"], t["consensus"], backend=b),
        "validator_trust": lambda b: stages.validator_trust(t["clipped"], backend=b),
        "rank": lambda b: stages.rank(t["clipped"], t["active_stake"], backend=b),
        "incentive": lambda b: stages.incentive(t["rank"], backend=b),
        "weights_for_bonds": lambda b: stages.weights_for_bonds(t["weights"], t["clipped"], 30000, backend=b),
        "old_bonds (yuma2)": lambda b: stages.old_bonds(state.bonds, registered, 1000, False, backend=b),
        "old_bonds (yuma3)": lambda b: stages.old_bonds(state.bonds, registered, 1000, True, backend=b),
        "new_bonds": lambda b: stages.new_bonds(t["weights_for_bonds"], t["active_stake"], backend=b),
        "ema": lambda b: stages.ema(t["weights_for_bonds"], old, h.bonds_moving_average, backend=b),
        "liquid_ema": lambda b: stages.liquid_ema(t["weights_for_bonds"], old, t["consensus"], backend=b),
        "liquid_alpha": lambda b: stages.liquid_alpha(*(t["weights"].value,) * 3, backend=b),
        "column_normalize": lambda b: stages.column_normalize(t["ema_bonds"], backend=b),
        "column_max_normalize": lambda b: stages.column_max_normalize(t["normalized_bonds"], backend=b),
        "dividends": lambda b: stages.dividends(t["normalized_bonds"], t["incentive"], t["active_stake"], backend=b),
        "store_bonds": lambda b: stages.store_bonds(t["ema_bonds"], result.validator_permit, backend=b),
        "to_u16": lambda b: stages.to_u16(t["weights"].value, backend=b),
        "emission": lambda b: stages.emission(*parts, EMISSION, backend=b),
    }


@pytest.mark.parametrize("stage", calls(FULL[0]))
@pytest.mark.parametrize("shape", [REAL[0], FULL[0], *CONCENTRATED], ids=str)
@pytest.mark.parametrize("backend", [name for name in yk.BACKENDS if name != "reference"])
def bench_stage(measure: Measure, backend: str, shape: Shape | str, stage: str) -> None:
    call = calls(shape)[stage]
    weights = case(shape, "yuma3")[0].weights.uid.size
    measure(lambda: call(backend), weights=weights, what=stage, backend=backend, shape=str(shape), rules="")
