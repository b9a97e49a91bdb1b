"""Every backend against the reference, on generated subnets."""

from __future__ import annotations

import os

import hypothesis
from hypothesis import given, settings

import strategies
import yuma_kernel as yk

# YUMA_EXAMPLES=20000 is the long run; the short form is for every day
EXAMPLES = int(os.environ.get("YUMA_EXAMPLES", "400"))


def test_epoch(backends: list[str]) -> None:
    assert "reference" in backends
    assert len(backends) > 1

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
    @given(strategies.states(), strategies.hyperparameters(), strategies.emissions)
    def agrees(state: yk.SubnetState, hyperparameters: yk.Hyperparameters, emission: int) -> None:
        expected = yk.epoch(state, hyperparameters, emission=emission, backend="reference", trace=True)
        for name in backends:
            got = yk.epoch(state, hyperparameters, emission=emission, backend=name, trace=True)
            for stage in yk.TRACES:
                assert got.trace is not None
                assert expected.trace is not None
                assert _plain(got.trace[stage]) == _plain(expected.trace[stage]), f"{name}: {stage}"
            assert got == expected, f"{name}: {got.first_difference(vars(expected))}"
            assert yk.epoch(state, hyperparameters, emission=emission, backend=name).trace is None

    agrees()


def _plain(traced: object) -> object:
    return traced.to_rows() if isinstance(traced, yk.SparseRows) else traced.tolist()  # type: ignore[attr-defined]
