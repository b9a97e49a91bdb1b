"""Every line of the conformance vectors, on every backend and instruction set: outputs, traces and orders, bit by bit."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

import yuma_kernel as yk
from chain import EPOCH_FILES, Case, earlier_cases, epoch_cases
from variants import arrays


@pytest.mark.parametrize("name", EPOCH_FILES)
def test_epoch(variant: str, name: str) -> None:
    assert hold(variant, epoch_cases(name)) == EPOCH_FILES[name]


@pytest.mark.parametrize("profile", [profile for profile in yk.PROFILES if profile < 425])
def test_epoch_of_an_earlier_profile(variant: str, profile: int) -> None:
    assert hold(variant, earlier_cases(profile)) == 120


def hold(variant: str, cases: Iterable[Case]) -> int:
    """Every case, outputs and traces, against what the chain computed; how many there were."""
    backend = variant.partition("/")[0]
    count = 0
    for case in cases:
        got = yk.epoch(
            case.state, case.hyperparameters, emission=case.emission, backend=backend, trace=case.trace is not None
        )
        difference = got.first_difference(case.output)
        assert difference is None, f"{case.id}: {difference}"
        expected = yk.EpochResult(**case.output, trace=case.trace)
        for stage in case.trace or ():
            assert got.trace is not None
            assert expected.trace is not None
            assert repr_of(got.trace[stage]) == repr_of(expected.trace[stage]), f"{case.id}: trace of {stage}"
        assert got == expected, case.id
        if case.trace is not None and variant != backend:
            untraced = yk.epoch(case.state, case.hyperparameters, emission=case.emission, backend=backend)
            assert untraced.first_difference(case.output) is None, case.id
            for stage, raw in (arrays(variant, case.state, case.hyperparameters) or {}).items():
                assert raw == repr_of(expected.trace[stage] if expected.trace else None), f"{case.id}: bits of {stage}"
        count += 1
    return count


def repr_of(traced: object) -> object:
    """Something that pytest can show the difference of."""
    return traced.to_rows() if isinstance(traced, yk.SparseRows) else traced.tolist()  # type: ignore[attr-defined]
