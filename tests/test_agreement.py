"""Every backend and instruction set against the reference, on generated subnets."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import hypothesis
import numpy as np
from hypothesis import given, settings

import strategies
import yuma_kernel as yk
from primitives import REFERENCE
from variants import arrays, using

# YUMA_EXAMPLES=20000 is the long run; the short form is for every day
EXAMPLES = int(os.environ.get("YUMA_EXAMPLES", "400"))


def test_epoch(variants: list[str]) -> None:
    assert "reference" in variants
    assert len(variants) > 1

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
    @given(strategies.states(), strategies.hyperparameters(), strategies.emissions)
    def agrees(state: yk.SubnetState, hyperparameters: yk.Hyperparameters, emission: int) -> None:
        _agree(variants, state, hyperparameters, emission)

    agrees()


def test_epoch_where_a_rounding_decides(variants: list[str]) -> None:
    """Rows, columns and stakes that are solved for, and an emission solved for with the shares that come out of them."""
    everybody: dict[str, Any] = {
        "stake_threshold": 0,
        "activity_cutoff": 5000,
        "commit_reveal": False,
        "max_allowed_validators": 64,
    }
    loose = strategies.hyperparameters().map(lambda h: dataclasses.replace(h, **everybody))

    @settings(max_examples=EXAMPLES // 4, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
    @given(strategies.solved_states(), loose, strategies.lefts, strategies.integers(0, 2**31))
    def agrees(state: yk.SubnetState, hyperparameters: yk.Hyperparameters, left: int, above: int) -> None:
        trace = yk.epoch(state, hyperparameters, emission=0, backend="reference", trace=True).trace
        assert trace is not None
        incentive, dividends = _integers(trace["incentive"]), _integers(trace["dividends"])
        total = sum(incentive) + sum(dividends)
        odd = [share for part in incentive + dividends if (share := REFERENCE["div"](part, total)) % 2]
        emission = strategies.solved_factor(odd[above % len(odd)], left) if odd else 1
        _agree(variants, state, hyperparameters, emission + (above << 32))

    agrees()


def test_averages_where_a_rounding_decides(backends: list[str]) -> None:
    """Both averages of bonds, each product solved for: with a steepness of 0 the liquid alpha is that of the sigmoid 1/2,
    whatever the entry."""

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(strategies.integers(0, 1_000_000), strategies.u16, strategies.u16, strategies.lefts, strategies.lefts)
    def agrees(moving_average: int, alpha_low: int, alpha_high: int, left: int, other: int) -> None:
        for alpha, name, parameters in (
            (REFERENCE["alpha_ema"](moving_average), "ema", (moving_average,)),
            (REFERENCE["sigmoid"](0, 0, 0, *map(REFERENCE["u16_prop"], (alpha_low, alpha_high)), 0), "liquid_ema", None),
        ):
            if alpha % 2 == 0:
                continue
            w, b = strategies.solved_factor(alpha, left), strategies.solved_factor(alpha, other)
            new, old = (yk.SparseRows.from_rows([[(0, value)], []], np.int64) for value in (w, b))
            arguments = parameters or (np.array([2**31, 0]), alpha_low, alpha_high, 0)
            got = [getattr(yk.stages, name)(new, old, *arguments, backend=backend).to_rows() for backend in backends]
            expected = REFERENCE["mul"](alpha, w) + REFERENCE["mul"](2**32 - alpha, b)
            assert got == [[[(0, expected)] if expected > 0 else [], []]] * len(backends)

    agrees()


def _agree(variants: list[str], state: yk.SubnetState, hyperparameters: yk.Hyperparameters, emission: int) -> None:
    expected = yk.epoch(state, hyperparameters, emission=emission, backend="reference", trace=True)
    assert expected.trace is not None
    bits = {stage: _plain(traced) for stage, traced in expected.trace.items()}
    seen = set()
    for name in variants:
        with using(name) as backend:
            untraced = yk.epoch(state, hyperparameters, emission=emission, backend=backend)
            assert untraced.trace is None
            difference = untraced.first_difference({output: getattr(expected, output) for output in yk.OUTPUTS})
            assert difference is None, f"{name}: {difference}"
            for stage, raw in (arrays(name, state, hyperparameters) or {}).items():
                assert raw == bits[stage], f"{name}: {stage}"
            if backend in seen:  # the matrices of a trace do not depend on the instruction set
                continue
            seen.add(backend)
            got = yk.epoch(state, hyperparameters, emission=emission, backend=backend, trace=True)
        for stage in yk.TRACES:
            assert got.trace is not None
            assert _plain(got.trace[stage]) == bits[stage], f"{name}: {stage}"
        assert got == expected, f"{name}: {got.first_difference(vars(expected))}"


def _integers(traced: object) -> list[int]:
    plain: Any = _plain(traced)
    return list(plain)


def _plain(traced: object) -> object:
    return traced.to_rows() if isinstance(traced, yk.SparseRows) else traced.tolist()  # type: ignore[attr-defined]
