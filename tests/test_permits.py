"""The least stake for a permit, against the stages of the epoch: one rao less does not have it, any more keeps it."""

from __future__ import annotations

import dataclasses
import json
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import strategies
import yuma_kernel as yk
from yuma_kernel import stages

MOST = 2**63 - 1


def state_of(stakes: list[int], owner: int | None = None) -> yk.SubnetState:
    """`stakes` in I64F64 bits."""
    n = len(stakes)
    rows = yk.SparseRows.empty(n)
    words = [(bits & (2**64 - 1), bits >> 64) for bits in stakes]
    return yk.SubnetState(rows, rows, words, [5] * n, [1] * n, [False] * n, 10, owner_uid=owner)


def has_permit(stakes: list[int], uid: int, rao: int, rules: yk.Hyperparameters, owner: int | None) -> bool:
    """By the epoch itself, with another stake of the uid."""
    changed = [rao << 64 if at == uid else bits for at, bits in enumerate(stakes)]
    return bool(yk.epoch(state_of(changed, owner), rules, backend="reference").validator_permit[uid])


def most_of(stakes: list[int], uid: int) -> int:
    return (2**127 - 1 - sum(stakes) + stakes[uid]) >> 64


STAKE = st.one_of(
    st.sampled_from([0, 1, 2**32, 2**64 - 1, 2**64, 2**64 + 1, 2**96, 5 << 64, 7 << 64]),
    st.integers(0, 20).map(lambda rao: rao << 64),
    st.integers(0, 2**110),
    st.integers(10**15, 10**15 + 3).map(lambda rao: rao << 64),
)


@given(
    st.lists(STAKE, min_size=1, max_size=9),
    st.integers(0, 10),
    st.one_of(st.just(0), st.integers(0, 12), st.sampled_from([10**15, 2**64 - 1])),
    st.none() | st.integers(0, 8),
    st.sampled_from(list(yk.PROFILES)),
    st.integers(0, 2**63),
)
def test_one_less_has_it_not_and_more_keeps_it(
    stakes: list[int], most: int, threshold: int, owner: int | None, profile: int, more: int
) -> None:
    owner = None if owner is None or owner >= len(stakes) else owner
    try:
        rules = yk.Hyperparameters(
            max_allowed_validators=most, stake_threshold=threshold, commit_reveal=False, profile=profile, yuma3=False
        )
        state = state_of(stakes, owner)
        got = yk.permit_threshold(state, rules)
    except yk.UnsupportedProfile:
        assume(False)
    now = yk.epoch(state, rules, backend="reference").validator_permit
    assert got.permit == tuple(now.tolist())
    assert got.permit == tuple(lacks == 0 for lacks in got.missing)
    for uid, least in enumerate(got.stake):
        highest = most_of(stakes, uid)
        if least is None:
            assert not has_permit(stakes, uid, highest, rules, owner)
            assert not has_permit(stakes, uid, more % (highest + 1), rules, owner)
            continue
        assert has_permit(stakes, uid, least, rules, owner)
        assert has_permit(stakes, uid, highest, rules, owner)
        assert has_permit(stakes, uid, least + more % (highest - least + 1), rules, owner)
        if least:
            assert not has_permit(stakes, uid, least - 1, rules, owner)
            assert not has_permit(stakes, uid, more % least, rules, owner)


@given(st.lists(st.integers(0, 12), min_size=2, max_size=6), st.integers(0, 4), st.integers(0, 8))
@settings(max_examples=60)
def test_every_small_stake(stakes: list[int], most: int, threshold: int) -> None:
    """All of them, one after another: there is no gap."""
    bits = [rao << 64 for rao in stakes]
    rules = yk.Hyperparameters(max_allowed_validators=most, stake_threshold=threshold, commit_reveal=False)
    got = yk.permit_threshold(state_of(bits), rules, 1)
    for rao in range(16):
        changed = stages.normalize_stake(
            yk.stake_from_rao([rao if uid == 1 else held for uid, held in enumerate(stakes)]), stake_threshold=threshold
        )
        assert bool(stages.permits(changed, most)[1]) == (got.stake[0] is not None and rao >= got.stake[0])


@given(strategies.states(), strategies.hyperparameters())
@settings(max_examples=50)
def test_generated_subnets(state: yk.SubnetState, hyperparameters: yk.Hyperparameters) -> None:
    assume(state.previous_consensus is not None or not hyperparameters.selects_previous_consensus)
    got = yk.permit_threshold(state, hyperparameters)
    assert got.permit == tuple(yk.epoch(state, hyperparameters).validator_permit.tolist())


def rules(**fields: Any) -> yk.Hyperparameters:
    return yk.Hyperparameters(**{"commit_reveal": False, "max_allowed_validators": 2} | fields)


def rao(*stakes: int) -> list[int]:
    return [stake << 64 for stake in stakes]


def test_of_equals_the_higher_uid_comes_first() -> None:
    got = yk.permit_threshold(state_of(rao(100, 50, 100, 0)), rules())
    assert got.stake == (51, 100, 50, 100)
    assert got.missing == (0, 50, 0, 100)
    assert yk.permit_threshold(state_of(rao(0, 70, 70)), rules(max_allowed_validators=1)).stake == (71, 71, 70)


def test_equal_after_rounding() -> None:
    """Far above 2^32 rao, amounts that differ have the same proportion: a lower uid needs more than the difference."""
    large = 10**18
    got = yk.permit_threshold(state_of(rao(0, large, 1, large)), rules())
    assert got.stake[2] is not None
    assert got.stake[0] is not None
    assert large - 2**30 < got.stake[2] < large < got.stake[0] < large + 2**30


def test_a_fraction_of_a_rao_is_enough() -> None:
    """As the weight of TAO leaves one: whole rao are asked for, but nothing is missing where there is a permit."""
    got = yk.permit_threshold(state_of([10 << 64, (10 << 64) - 1, 1 << 64]), rules(max_allowed_validators=1))
    assert (got.permit, got.stake[1], got.held[1]) == ((False, True, False), 10, 9)
    assert got.missing == (1, 0, 9)


def test_the_threshold() -> None:
    got = yk.permit_threshold(state_of(rao(5, 900, 0)), rules(stake_threshold=1000))
    assert got.stake == (1000, 1000, 1000)
    assert got.permit == (False, False, False)


def test_the_owner_needs_nothing() -> None:
    where = state_of(rao(0, 50, 50), owner=0)
    assert yk.permit_threshold(where, rules(max_allowed_validators=0)).stake == (0, None, None)
    old = rules(max_allowed_validators=2, profile=365)
    assert yk.permit_threshold(where, old).stake[0] == 51


def test_the_owners_stake_counts_below_the_threshold() -> None:
    """It makes the sum larger, and so what a lower uid needs to stand above an equal."""
    large = 10**18
    given = rules(max_allowed_validators=1, stake_threshold=large)
    stakes = rao(0, large, large - 1)
    counted = yk.permit_threshold(state_of(stakes, owner=2), given, 0).stake[0]
    not_counted = yk.permit_threshold(state_of(stakes), given, 0).stake[0]
    assert counted is not None
    assert not_counted is not None
    assert large < not_counted < counted
    assert has_permit(stakes, 0, counted, given, 2)
    assert not has_permit(stakes, 0, counted - 1, given, 2)


def test_profiles_without_a_threshold() -> None:
    """And with permits for uids that have no stake at all."""
    old = rules(profile=257, stake_threshold=1000, yuma3=False)
    assert yk.permit_threshold(state_of(rao(5, 0, 0)), old).stake == (1, 1, 0)
    assert yk.permit_threshold(state_of(rao(5, 6, 0)), old).stake == (1, 1, 5)


def test_no_stake_is_enough() -> None:
    got = yk.permit_threshold(state_of(rao(5, 5)), rules(stake_threshold=2**64 - 1))
    assert (got.stake, got.missing) == ((None, None), (None, None))


def test_a_seat_that_is_free() -> None:
    """A single rao, where its proportion is not floored to 0."""
    assert yk.permit_threshold(state_of(rao(10, 0)), rules()).stake == (1, 1)
    assert yk.permit_threshold(state_of(rao(2**40, 0)), rules()).stake[1] == 257  # 2^40 / (2^32 - 1), and a little


def test_near_the_most_that_stakes_come_to() -> None:
    """What a uid has may be what it needs: it counts once in the sum that has a limit."""
    other = 2**62 - 2**34
    got = yk.permit_threshold(state_of(rao(2**62 - 2**33, other)), rules(max_allowed_validators=1))
    assert got.permit == (True, False)
    least = got.stake[0]
    assert least is not None
    assert other < least < 2**62 - 2**33
    assert has_permit(rao(0, other), 0, least, rules(max_allowed_validators=1), None)
    assert not has_permit(rao(0, other), 0, least - 1, rules(max_allowed_validators=1), None)


def test_prints_and_converts() -> None:
    got = yk.permit_threshold(state_of(rao(100, 50, 100, 0)), rules())
    assert repr(got) == (
        "PermitThreshold(2 of 4 uids have a permit, max_allowed_validators 2; the others need 100 to 100 rao)"
    )
    one = yk.permit_threshold(state_of(rao(100, 50, 100, 0)), rules(), 1)
    assert repr(one) == "PermitThreshold(uid 1: a permit from 100 rao on, has 50 rao)"
    assert one.of(1) == 100
    assert got._repr_html_().count("<tr>") == 5
    assert "<td>3</td><td>no</td><td>100</td><td>0</td><td>100</td>" in got._repr_html_()
    plain = got.to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["missing"] == [0, 50, 0, 100]
    assert pickle.loads(pickle.dumps(got)) == got
    assert yk.permit_threshold(state_of(rao(1, 2, 3)), rules(), np.array([2, 0])).uids == (2, 0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        got.stake = ()  # type: ignore[misc]


@pytest.mark.parametrize(
    ("arguments", "field", "index"),
    [
        ((3, rules()), "state", None),
        ((state_of(rao(1)), 3), "hyperparameters", None),
        ((state_of(rao(1)), rules(), 1), "uids", 0),
        ((state_of(rao(1)), rules(), [0, -1]), "uids", 1),
        ((state_of(rao(1)), rules(), "0"), "uids", 0),
    ],
)
def test_refused(arguments: tuple[Any, ...], field: str, index: int | None) -> None:
    with pytest.raises(yk.InputError) as caught:
        yk.permit_threshold(*arguments)
    assert (caught.value.field, caught.value.index) == (field, index)
    with pytest.raises(yk.InputError):
        yk.permit_threshold(state_of(rao(1, 1)), rules(), 0).of(1)
