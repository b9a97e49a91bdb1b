"""The profiles before 425: where each differs from its neighbours, what it does not read, and edges that no vector has."""

from __future__ import annotations

import itertools
import os
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import strategies
import yuma_kernel as yk
from chain import EARLIER, earlier_cases, tags
from yuma_kernel import reference
from yuma_kernel.reference import I32F32_MAX, ONE

EXAMPLES = int(os.environ.get("YUMA_EXAMPLES", "400"))
OLDER = [profile for profile in yk.PROFILES if profile < 425]
CHAIN_NAMES = {425: 423}
"""In the vectors' tags, 423 stands for 425."""


def same(a: yk.EpochResult, b: yk.EpochResult) -> bool:
    return a.first_difference({name: getattr(b, name) for name in yk.OUTPUTS}) is None


# -- each rule decides, and where it does is where the chain's own code says ------------------------------------------------


@pytest.mark.parametrize("profile", OLDER)
def test_neighbours_differ_where_the_chains_own_code_does(profile: int, backend: str) -> None:
    """Every case under the next newer and the next older profile: another output where a tag says so, the same elsewhere."""
    ascending = sorted(yk.PROFILES)
    at = ascending.index(profile)
    differ = 0
    for case in earlier_cases(profile):
        for neighbour in {*ascending[max(0, at - 1) : at + 2]} - {profile}:
            steepness = case.hyperparameters.alpha_sigmoid_steepness
            if (neighbour == 283 and steepness > 32767) or (neighbour == 273 and steepness < 0):
                continue  # the number is none in the other unit
            h = replace(case.hyperparameters, profile=neighbour)
            got = yk.epoch(case.state, h, emission=case.emission, backend=backend).first_difference(case.output)
            tag = f"differs:{CHAIN_NAMES.get(neighbour, neighbour)}"
            assert (got is not None) is (tag in tags(EARLIER)[case.id]), f"{case.id} as {neighbour}: {got}"
            differ += got is not None
    assert differ > 30


# -- what a profile does not read -------------------------------------------------------------------------------------------


def unread(profile: int) -> dict[str, list[Any]]:
    """By name of the input, values of which none may matter."""
    fields: dict[str, list[Any]] = {}
    if profile < 475:
        fields |= {"previous_consensus": [None, [], [1, 2]], "last_yuma_step_block": [None, 0, 105]}
        fields["liquid_alpha_consensus_mode"] = ["current", "previous"]
    if profile <= 401:
        fields["last_mechanism_step_block"] = [0, 104, 2**64 - 1]
    if profile <= 283:
        fields |= {"commit_reveal": [False, True], "commit_block": [None, 0]}
    if profile <= 257:
        fields |= {"stake_threshold": [0, 1000, 2**64 - 1], "yuma3": [False, True], "alpha_sigmoid_steepness": [0, 65535]}
    if profile <= 252:
        fields["tempo"] = [0, 5, 2**64 - 1]
    if profile <= 233:
        fields["owner_uid"] = [None, 0]
    return fields


@pytest.mark.parametrize("profile", [*OLDER, 425])
def test_what_is_not_read_has_no_effect(profile: int, backend: str) -> None:
    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(strategies.states(), strategies.hyperparameters(profiles=st.just(profile)))
    def holds(state: yk.SubnetState, h: yk.Hyperparameters) -> None:
        expected = yk.epoch(state, h, backend=backend)
        for name, values in unread(profile).items():
            for value in values:
                if name == "commit_block" and value is not None:
                    value = np.full(state.n, value, np.uint64)
                of_state = hasattr(state, name)
                changed = replace(state, **{name: value}) if of_state else state
                rules = h if of_state else replace(h, **{name: value})
                assert same(yk.epoch(changed, rules, backend=backend), expected), f"{name}={value}"

    holds()


def test_steepness_of_273_is_a_hundredth_of_that_of_283(backend: str) -> None:
    """Up to 327 ones, which are 32,700 hundredths."""
    differ = 0
    for case in earlier_cases(283):
        for ones in (0, 10, 42, 327):
            results = [
                yk.epoch(case.state, replace(case.hyperparameters, profile=p, alpha_sigmoid_steepness=s), backend=backend)
                for p, s in ((273, ones), (283, 100 * ones))
            ]
            assert same(*results), f"{case.id}: {ones}"
            differ += ones == 327 and not same(results[0], yk.epoch(case.state, case.hyperparameters, backend=backend))
    assert differ > 5


# -- at edges that no vector decides: the reference, read from the law, against the others ---------------------------------


@pytest.mark.parametrize("profile", OLDER)
def test_generated_subnets(profile: int, backends: list[str]) -> None:
    """Every backend and instruction set that computes it, with liquid alpha on more often than not."""
    compiled = [name for name in backends if name != "reference"]
    assert "c" in compiled

    @settings(max_examples=EXAMPLES // 8, deadline=None, suppress_health_check=list(HealthCheck))
    @given(strategies.states(), strategies.hyperparameters(profiles=st.just(profile)), st.integers(0, 3))
    def agrees(state: yk.SubnetState, h: yk.Hyperparameters, liquid: int) -> None:
        h = replace(h, liquid_alpha=bool(liquid), yuma3=bool(liquid) or h.yuma3)
        expected = yk.epoch(state, h, emission=10**9, backend="reference", trace=True)
        for name in compiled:
            assert yk.epoch(state, h, emission=10**9, backend=name, trace=True) == expected, name
            assert same(yk.epoch(state, h, emission=10**9, backend=name), expected), name

    agrees()


U16 = 65535
BOUNDS = [
    (0, 0),
    (0, 5),
    (5, 0),
    (0, U16),
    (U16, 0),
    (1, 1),
    (1, 2),
    (2, 1),
    (1, U16),
    (U16, 1),
    (U16 - 1, U16),
    (U16, U16),
    (45875, 58982),
]


@pytest.mark.parametrize(
    "scores", [[1, 1, 1, 1], [1, 2, 3, 4], [0, 0, 0, 9], [9, 0, 0, 0], [1, 1, 1, 9], [1, 9, 9, 9], [60000, 1, 2, 3]]
)
def test_column_alphas_at_the_ends_of_their_bounds(scores: list[int], backend: str) -> None:
    """low or high 0 or ONE, low above high, quartiles that are equal, 0, or a unit apart."""
    n = 6
    rows = [[(2 + k, score) for k, score in enumerate(scores)], [(2 + k, max(0, s - 1)) for k, s in enumerate(scores)]]
    state = yk.SubnetState(
        weights=yk.SparseRows.from_rows([*rows, *([[]] * (n - 2))]),
        bonds=yk.SparseRows.from_rows([[(2, U16), (3, 7)], [(3, U16), (5, 1)], *([[]] * (n - 2))]),
        total_stake=yk.stake_from_rao([7, 6, 0, 0, 0, 0]),
        last_update=[99] * n,
        block_at_registration=[0] * n,
        validator_permit=[True, True, False, False, False, False],
        current_block=100,
    )
    moved = set()
    for low, high in BOUNDS:
        h = yk.Hyperparameters(
            profile=257, liquid_alpha=True, alpha_low=low, alpha_high=high, max_allowed_validators=6, commit_reveal=False
        )
        expected = yk.epoch(state, h, backend="reference", trace=True)
        assert yk.epoch(state, h, backend=backend, trace=True) == expected, (low, high)
        moved.add(str(expected.bonds.to_rows()))
    assert len(moved) > 3 or scores != [1, 2, 3, 4]  # some of the others never run


def test_exponential_where_it_overflows(backend: str) -> None:
    """Steepness from that which reaches the first exponent that overflows, in both signs, beside that which does not."""
    state = yk.SubnetState(
        weights=yk.SparseRows.from_rows([[(2, U16)], [(2, U16), (3, 30000)], [], []]),
        bonds=yk.SparseRows.from_rows([[(2, 3), (3, U16)], [(3, U16)], [], []]),
        total_stake=yk.stake_from_rao([7, 6, 0, 0]),
        last_update=[99] * 4,
        block_at_registration=[0] * 4,
        validator_permit=[True, True, False, False],
        current_block=100,
    )
    differ = 0
    for steepness in (4177, 4178, -4177, -4178, 32767, -32768, 4000, 4001):
        for low, high in ((0, U16), (45875, 58982), (U16, 0)):
            results = []
            for profile in (320, 365):
                h = yk.Hyperparameters(
                    profile=profile, liquid_alpha=True, bonds_penalty=0, alpha_low=low, alpha_high=high, commit_reveal=False,
                    alpha_sigmoid_steepness=steepness,
                )  # fmt: skip
                expected = yk.epoch(state, h, backend="reference", trace=True)
                assert yk.epoch(state, h, backend=backend, trace=True) == expected, (profile, steepness, low, high)
                results.append(expected)
            # where the exponent is within the clamp, nothing may differ
            assert abs(steepness) > 4000 or same(*results)
            differ += not same(*results)
    assert differ > 3


# -- the reference's own: the law's words at their edges --------------------------------------------------------------------

FIRST_OVERFLOW = 89_715_445_398


@pytest.mark.parametrize("x", [0, 1, -1, ONE, -ONE, 7 * ONE, 20 * ONE, -20 * ONE, 20 * ONE - 1])
def test_exponential_is_the_clamped_one_within_the_clamp(x: int) -> None:
    assert reference.exp_or_zero(x) == reference.exp_safe(x)


def test_first_exponent_that_overflows() -> None:
    for sign in (1, -1):
        assert reference.exp_or_zero(sign * (FIRST_OVERFLOW - 1)) > 0
        assert all(
            reference.exp_or_zero(sign * x) == 0 for x in (FIRST_OVERFLOW, FIRST_OVERFLOW + 1, 2**47, 2**62, 2**63 - 1)
        )
    # a term overflows before the sum does: the sum is still far below its bound where the first term passes it
    assert reference.exp_or_zero(FIRST_OVERFLOW - 1) < I32F32_MAX // 1.8


def test_logarithm() -> None:
    assert [reference.ln(x) for x in (0, -1, -ONE, -(2**63), ONE)] == [0] * 5
    for x in (2, 3, 65537, ONE - 1, ONE + 1, 2 * ONE, 3 * ONE, 65534 * ONE, 2**62):
        exact = float(np.log(np.float64(x) / 2**32))
        assert abs(reference.ln(x) / 2**32 - exact) < 2**-20, x  # the chain's constant is cut to 23 bits


def test_quartiles() -> None:
    assert [reference.quantile([7], k) for k in (1, 3)] == [7, 7]
    assert [reference.quantile([8, 0], k) for k in (1, 3)] == [2, 6]
    assert [reference.quantile([5, 0, 0, 1], k) for k in (1, 3)] == [0, 2]
    assert [reference.quantile([4, 3, 2, 1, 0], k) for k in (1, 3)] == [1, 3]
    for values in itertools.product(range(3), repeat=4):
        assert min(values) <= reference.quantile(list(values), 1) <= reference.quantile(list(values), 3) <= max(values)
