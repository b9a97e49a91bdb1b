"""Every backend and instruction set against the reference, on generated subnets."""

from __future__ import annotations

import os

import hypothesis
from hypothesis import given, settings

import strategies
import yuma_kernel as yk
from variants import arrays, using

# YUMA_EXAMPLES=20000 is the long run; the short form is for every day
EXAMPLES = int(os.environ.get("YUMA_EXAMPLES", "400"))


def test_epoch(variants: list[str]) -> None:
    assert "reference" in variants
    assert len(variants) > 1

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
    @given(strategies.states(), strategies.hyperparameters(), strategies.emissions)
    def agrees(state: yk.SubnetState, hyperparameters: yk.Hyperparameters, emission: int) -> None:
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

    agrees()


def _plain(traced: object) -> object:
    return traced.to_rows() if isinstance(traced, yk.SparseRows) else traced.tolist()  # type: ignore[attr-defined]
