"""The rules of the nine profiles before 425, one by one: each profile is the next newer one where its rule has nothing to
decide, and where it has, what it decides is said here in numbers."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import strategies
import yuma_kernel as yk
from yuma_kernel import reference
from yuma_kernel.stages import ONE

EARLIER = [profile for profile in yk.PROFILES if profile < 425]

Epoch = tuple[yk.SubnetState, yk.Hyperparameters]


def of(h: yk.Hyperparameters, profile: int, **changes: Any) -> yk.Hyperparameters:
    """The same under another profile; the steepness, whose range may be another, as far as that takes it."""
    most = 65535 if yk.PROFILES[profile].steepness == "ones" else 32767
    steepness = min(max(h.alpha_sigmoid_steepness, 0 if most == 65535 else -32768), most)
    return yk.Hyperparameters(**{**vars(h), "alpha_sigmoid_steepness": steepness, "profile": profile, **changes})


# -- the next newer one where there is nothing to decide ------------------------------------------------------------------


def _401(state: yk.SubnetState, h: yk.Hyperparameters) -> tuple[Epoch, Epoch]:
    """425 before any step of the mechanism."""
    return (state, of(h, 401)), (replace(state, last_mechanism_step_block=0), of(h, 425))


def _365(state: yk.SubnetState, h: yk.Hyperparameters) -> tuple[Epoch, Epoch]:
    """401 of a subnet without an owner."""
    ownerless = replace(state, owner_uid=None)
    return (ownerless, of(h, 365)), (ownerless, of(h, 401))


def _320(state: yk.SubnetState, h: yk.Hyperparameters) -> tuple[Epoch, Epoch]:
    """365 at a steepness that cannot reach the clamp."""
    gentle = max(min(h.alpha_sigmoid_steepness, 4000), -4000)
    return (state, of(h, 320, alpha_sigmoid_steepness=gentle)), (state, of(h, 365, alpha_sigmoid_steepness=gentle))


def _297(state: yk.SubnetState, h: yk.Hyperparameters) -> tuple[Epoch, Epoch]:
    """320 where everybody has a permit."""
    permitted = replace(state, validator_permit=np.ones(state.n, np.bool_))
    return (permitted, of(h, 297)), (permitted, of(h, 320))


def _283(state: yk.SubnetState, h: yk.Hyperparameters) -> tuple[Epoch, Epoch]:
    """297 without commits."""
    return (state, of(h, 283)), (state, of(h, 297, commit_reveal=False))


def _273(state: yk.SubnetState, h: yk.Hyperparameters) -> tuple[Epoch, Epoch]:
    """283 in hundredths."""
    ones = abs(h.alpha_sigmoid_steepness) % 328
    return (state, of(h, 273, alpha_sigmoid_steepness=ones)), (state, of(h, 283, alpha_sigmoid_steepness=100 * ones))


def _257(state: yk.SubnetState, h: yk.Hyperparameters) -> tuple[Epoch, Epoch]:
    """273 in Yuma 2, without liquid alpha and threshold, of a subnet where everybody has stake."""
    equal = replace(state, total_stake=np.array([(5, 0)] * state.n, np.uint64))
    return (equal, of(h, 257, liquid_alpha=False)), (equal, of(h, 273, liquid_alpha=False, yuma3=False, stake_threshold=0))


def _252(state: yk.SubnetState, h: yk.Hyperparameters) -> tuple[Epoch, Epoch]:
    """257 where all updates were a tempo ago."""
    tempo = min(h.tempo, state.current_block)
    updated = replace(state, last_update=np.full(state.n, state.current_block - tempo, np.uint64))
    return (updated, of(h, 252)), (updated, of(h, 257, tempo=tempo))


def _233(state: yk.SubnetState, h: yk.Hyperparameters) -> tuple[Epoch, Epoch]:
    """252 of a subnet without an owner."""
    return (state, of(h, 233)), (replace(state, owner_uid=None), of(h, 252))


NEWER = {401: _401, 365: _365, 320: _320, 297: _297, 283: _283, 273: _273, 257: _257, 252: _252, 233: _233}


def generated(check: Callable[[yk.SubnetState, yk.Hyperparameters], None], backend: str) -> None:
    examples = 30 if backend == "reference" else 100

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
    @given(strategies.states(), strategies.hyperparameters())
    def run(state: yk.SubnetState, h: yk.Hyperparameters) -> None:
        check(state, h)

    run()


@pytest.mark.parametrize("profile", EARLIER)
def test_like_the_next_newer_one(backend: str, profile: int) -> None:
    compute = functools.partial(yk.epoch, emission=10**9, backend=backend, trace=True)

    def check(state: yk.SubnetState, h: yk.Hyperparameters) -> None:
        this, newer = (compute(*epoch) for epoch in NEWER[profile](state, h))
        assert this == newer, this.first_difference(vars(newer))

    assert list(NEWER) == EARLIER
    generated(check, backend)


# -- each rule decides ----------------------------------------------------------------------------------------------------


def subnet(**changes: Any) -> yk.SubnetState:
    """Three validators, the last the owner, with weights on two miners and on themselves, and bonds everywhere."""
    values: dict[str, Any] = {
        "weights": [[(0, 9000), (3, 65535), (4, 20000)], [(3, 20000), (4, 65535)], [(2, 65535), (3, 30000)], [(4, 5)], []],
        "bonds": [[(3, 40000), (4, 65535)], [(3, 65535)], [(4, 30000)], [(4, 7), (3, 0)], [(0, 9)]],
        "total_stake": yk.stake_from_rao([600 * 10**9, 500 * 10**9, 5 * 10**8, 0, 0]),
        "last_update": [990, 950, 995, 0, 0],
        "block_at_registration": [0, 0, 0, 900, 800],
        "validator_permit": [True, True, False, False, False],
        "current_block": 1000,
        "owner_uid": 2,
        **changes,
    }
    values |= {name: yk.SparseRows.from_rows(values[name]) for name in ("weights", "bonds")}
    return yk.SubnetState(**values)


def computed(backend: str, state: yk.SubnetState, profile: int, **rules: Any) -> Any:
    """The result, with lists in the place of arrays and rows."""
    h = yk.Hyperparameters(**{"commit_reveal": False, "stake_threshold": 10**9, "profile": profile, **rules})
    result = yk.epoch(state, h, emission=10**9, backend=backend, trace=True)
    assert result.trace is not None
    lists = {name: _list(value) for name, value in vars(result).items() if name in yk.OUTPUTS}
    return lists | {f"trace {name}": _list(value) for name, value in result.trace.items()}


def _list(value: Any) -> Any:
    return value.to_rows() if isinstance(value, yk.SparseRows) else value.tolist()


def uids(rows: list[list[tuple[int, int]]]) -> list[list[int]]:
    return [[uid for uid, _ in row] for row in rows]


def test_bonds_are_outdated_since_one_tempo(backend: str) -> None:
    """401: whatever the last step was. A registration in the block a tempo ago is one since then."""
    rules = {"bonds_moving_average": 1_000_000}
    for tempo, left in ((200, [[4], [], [4], [4], [0]]), (199, [[4]] * 4), (100, [[4]] * 4), (99, [[3, 4]] * 4)):
        state = subnet(last_mechanism_step_block=1)
        got = uids(computed(backend, state, 401, tempo=tempo, **rules)["trace ema_bonds"])
        expected = [
            [uid for uid, value in sorted(row) if value and [0, 0, 0, 900, 800][uid] < 1000 - tempo]
            for row in state.bonds.to_rows()
        ]
        assert got == expected, (tempo, left)
        assert uids(computed(backend, state, 425, tempo=tempo, **rules)["trace ema_bonds"]) == [[], [], [], [], [0]]


def test_the_owner_has_no_privilege(backend: str) -> None:
    """365: none below the threshold, none of a permit; its diagonal stays where it has a permit of its own."""
    newer, this = computed(backend, subnet(), 401), computed(backend, subnet(), 365)
    assert (newer["trace stake"][2] > 0, newer["validator_permit"][2]) == (True, True)
    assert (this["trace stake"][2], this["validator_permit"][2]) == (0, False)
    assert (bool(newer["trace weights"][2]), bool(this["trace weights"][2])) == (True, False)
    own = subnet(validator_permit=[True, True, True, False, False])
    assert uids(computed(backend, own, 365)["trace weights"])[2] == [2, 3]
    rich = subnet(total_stake=yk.stake_from_rao([600 * 10**9, 500 * 10**9, 400 * 10**9, 0, 0]))
    for profile, permitted in ((401, True), (365, False)):  # two places, and two with more stake
        assert computed(backend, rich, profile, max_allowed_validators=2)["validator_permit"][2] is permitted
        assert (computed(backend, rich, profile)["trace active_stake"][2] > 0) is permitted


@pytest.mark.parametrize(
    ("profile", "steepness", "last"), [(320, 32767, 4177), (297, 32767, 4177), (283, -32768, -4177), (273, 65535, 41)]
)
def test_the_exponential_that_overflows_is_0(backend: str, profile: int, steepness: int, last: int) -> None:
    """At a distance of 0 g is 20.885 and then more: alpha is near low, and then high. 365 has no more than its clamp."""
    state = subnet(weights=[[(3, 65535)], [(3, 65535)], [], [], []], bonds=[[], [], [], [], []])

    def alpha(profile: int, steepness: int) -> int:
        rules = {"liquid_alpha": True, "alpha_low": 13107, "alpha_high": 52428, "alpha_sigmoid_steepness": steepness}
        ((uid, alpha),) = computed(backend, state, profile, bonds_penalty=65535, **rules)["trace ema_bonds"][0]
        assert uid == 3
        return int(alpha)

    low, high = reference.ratio16(13107), reference.ratio16(52428)
    # the consensus, the weight and so the new bond are ONE: d is 0 and mul(alpha, ONE) is alpha
    assert alpha(profile, steepness) == high
    over = last + (1 if last > 0 else -1)
    assert alpha(profile, over) == high
    assert (alpha(profile, last) - low < 10) if last > 0 else (high - alpha(profile, last) < 10)
    newer = steepness if profile != 273 else 32767
    assert (alpha(365, newer) - low < 10) if newer > 0 else (high - alpha(365, newer) < 10)


def test_bonds_without_a_permit_before_and_after_are_kept(backend: str) -> None:
    """297: as they were stored, outdated ones, zeros and order included."""
    state = subnet(owner_uid=None, bonds=[[(3, 40000)], [(3, 65535)], [], [(4, 7), (3, 0)], [(1, 9), (0, 9)]])
    permits = {"max_allowed_validators": 1}  # the second validator loses its own
    newer, this = (computed(backend, state, profile, **permits)["bonds"] for profile in (320, 297))
    assert this[:3] == newer[:3]
    assert (this[1], newer[3:], this[3:]) == ([], [[], []], [[(4, 7), (3, 0)], [(1, 9), (0, 9)]])
    # who gets one has the row of this epoch
    newer, this = (computed(backend, subnet(owner_uid=None), p, stake_threshold=0)["bonds"][2] for p in (320, 297))
    assert this == newer != [(4, 30000)]


def test_commits_mask_nothing(backend: str) -> None:
    """283."""
    state = subnet(commit_block=[850, 2**64 - 1, 0, 0, 0])
    for profile, left in ((297, [0, 4]), (283, [0, 3, 4])):
        rules = {"commit_reveal": True}
        got = uids(computed(backend, replace(state, owner_uid=0), profile, **rules)["trace weights"])[0]
        assert got == left, profile


def test_there_is_no_threshold_and_permits_need_no_stake(backend: str) -> None:
    """257: among equals the higher uids have them."""
    poor = subnet(total_stake=yk.stake_from_rao([9, 5, 0, 0, 0]))
    assert computed(backend, poor, 273)["trace stake"] == [0] * 5
    assert computed(backend, poor, 257)["trace stake"][:2] == [9 * ONE // 14, 5 * ONE // 14]
    for allowed, permits in ((1, [1, 0, 0, 0, 0]), (3, [1, 1, 0, 0, 1]), (5, [1] * 5), (9, [1] * 5)):
        assert computed(backend, poor, 257, max_allowed_validators=allowed)["validator_permit"] == permits
    without = subnet(total_stake=yk.stake_from_rao([0] * 5))
    assert computed(backend, without, 257, max_allowed_validators=2)["validator_permit"] == [0, 0, 0, 1, 1]
    assert computed(backend, without, 273, max_allowed_validators=2)["validator_permit"] == [0] * 5


SPREAD: dict[str, Any] = {
    "weights": [[(1, 20), (2, 30), (3, 40), (4, 10)], [(2, 10), (3, 10)], [], [], []],
    "owner_uid": None,
}
"""Consensus 0.1, 0.3, 0.4 and 0.2 beside the 0 of the first: quartiles that differ."""


def test_columns_have_alphas_of_their_own(backend: str) -> None:
    """257: monotone in the consensus between the bounds, at the quartiles themselves the bounds."""
    state = subnet(**SPREAD, bonds=[[], [], [], [], []], total_stake=yk.stake_from_rao([10**12, 0, 0, 0, 0]))
    rules = {"liquid_alpha": True, "alpha_low": 13107, "alpha_high": 52428, "bonds_penalty": 0}
    got = computed(backend, state, 257, **rules)
    assert computed(backend, state, 257, **{**rules, "liquid_alpha": False})["trace ema_bonds"] != got["trace ema_bonds"]
    assert computed(backend, state, 257, **{**rules, "yuma3": True}) == got
    consensus = got["trace consensus"]
    lower, upper = (sorted(consensus)[k] for k in (1, 3))
    # the only validator with stake has the whole of every new bond: E is the alpha
    alphas = dict(got["trace ema_bonds"][0])
    low, high = reference.ratio16(13107), reference.ratio16(52428)
    for uid, alpha in alphas.items():
        if consensus[uid] == upper:
            assert abs(alpha - high) < 2000, uid
        elif consensus[uid] == lower:
            assert abs(alpha - low) < 2000, uid
        else:
            assert low <= alpha <= high, uid
    assert len(set(alphas.values())) > 2
    ordered = sorted(alphas, key=consensus.__getitem__)
    assert [alphas[uid] for uid in ordered] == sorted(alphas.values())


@pytest.mark.parametrize(
    ("low", "high", "millionths"),
    [
        (65535, 0, 0),  # low above high is the alpha
        (65535, 65534, 0),
        (0, 65535, 500_000),  # a lower bound of 0 leaves one half
        (0, 40000, 500_000),
        (0, 0, 1_000_000),
        (65535, 65535, 0),
    ],
)
def test_bounds_of_the_columns_that_leave_nothing_to_fit(backend: str, low: int, high: int, millionths: int) -> None:
    """No vector of the chain decides these; they are the plain moving average with an alpha that is known."""
    liquid = computed(backend, subnet(**SPREAD), 257, liquid_alpha=True, alpha_low=low, alpha_high=high)
    plain = computed(backend, subnet(**SPREAD), 257, bonds_moving_average=millionths)
    assert liquid == plain


def test_columns_need_an_upper_quartile(backend: str) -> None:
    """Where three of four uids have no consensus the plain average runs, where it is that of all, one half in the bounds."""
    few = {"weights": [[(3, 5)], [(3, 5)], [], [], []], "owner_uid": None}
    liquid, plain = (computed(backend, subnet(**few), 257, liquid_alpha=on) for on in (True, False))
    assert liquid["trace consensus"][3] > 0
    assert liquid == plain
    even = {"weights": [[(1, 5), (2, 5), (3, 5), (4, 5)], [(2, 5), (0, 5), (3, 5), (4, 5)], [], [], []], "owner_uid": None}
    rules = {"liquid_alpha": True, "alpha_low": 1, "alpha_high": 65535}
    liquid = computed(backend, subnet(**even), 257, **rules)
    lower, *_, upper = sorted(liquid["trace consensus"])[1:4]
    assert lower == upper > 0
    assert liquid == computed(backend, subnet(**even), 257, bonds_moving_average=500_000)


def test_bonds_go_by_the_update_of_their_validator(backend: str) -> None:
    """252: an update in the block of the registration is none since it."""
    rules = {"bonds_moving_average": 1_000_000, "tempo": 0}
    bonds: list[list[tuple[int, int]]] = [[(3, 5), (4, 5)], [(3, 5), (4, 5)], [(3, 5), (4, 5)], [(4, 7)], []]
    state = subnet(bonds=bonds, last_update=[901, 900, 801, 800, 0])
    assert uids(computed(backend, state, 252, **rules)["trace ema_bonds"]) == [[3, 4], [4], [4], [], []]
    assert uids(computed(backend, state, 257, **rules)["trace ema_bonds"]) == uids(bonds)


def test_the_whole_diagonal_goes_out(backend: str) -> None:
    """233: the owner's too."""
    state = subnet(validator_permit=[True, True, True, False, False])
    for profile, left in ((252, [2, 3]), (233, [3])):
        assert uids(computed(backend, state, profile)["trace weights"])[2] == left, profile


# -- Numba's own functions -------------------------------------------------------------------------------------------------

OVERFLOW = 89_715_445_398


def numbers() -> list[int]:
    """Around every power of two, around the bounds of the exponential, and anywhere."""
    rng = random.Random(257)
    marks = [0, ONE, 20 * ONE, OVERFLOW, *(2**power for power in range(63))]
    near = {sign * mark + step for mark in marks for step in (-2, -1, 0, 1, 2) for sign in (-1, 1)}
    anywhere = (rng.randrange(-(2**bits), 2**bits) for _ in range(4000) for bits in (rng.randrange(1, 64),))
    return sorted({x for x in (*near, -(2**63), 2**63 - 1, *anywhere) if -(2**63) <= x < 2**63})


def test_exponential_and_logarithm_of_numba() -> None:
    exponential = pytest.importorskip("yuma_kernel.kernel.jit.exponential")
    column_alpha = pytest.importorskip("yuma_kernel.kernel.jit.column_alpha")
    for x in numbers():
        assert exponential.exp_or_zero(x) == reference.exp_or_zero(x), x
        if x != 1:  # its inverse does not fit, and no proportion leads to it
            assert column_alpha.ln(x) == reference.ln(x), x


@given(st.lists(strategies.integers(0, ONE, 1, ONE - 1), min_size=1, max_size=9), strategies.u16, strategies.u16)
@settings(max_examples=300, deadline=None)
def test_alphas_by_column_of_numba(consensus: list[int], low: int, high: int) -> None:
    column_alpha = pytest.importorskip("yuma_kernel.kernel.jit.column_alpha")
    expected = reference.column_alphas(consensus, reference.ratio16(low), reference.ratio16(high))
    array = np.array(consensus, np.int64)
    assert column_alpha.runs(np.sort(array)) is (expected is not None)
    if expected is not None:
        got = column_alpha.column_alphas(array, np.sort(array), np.uint64(low), np.uint64(high))
        assert got.tolist() == expected
