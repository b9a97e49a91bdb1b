"""What the chain would say to weights: every error of the pallet, their order, and what is not known."""

from __future__ import annotations

import dataclasses
import json
import pickle
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import yuma_kernel as yk
from yuma_kernel.submission import CALLS, CHECKS

N = 4
OWNER = 3
HOTKEYS = ("one", "two", "three", "owner")
META = {
    "netuid": 7, "mechanism": 0, "mechanisms": 1, "weights_version_key": 5, "weights_set_rate_limit": 100,
    "min_allowed_weights": 2, "commit_reveal_version": 4,
}  # fmt: skip
WEIGHTS = {1: 30, 2: 60}

PALLET = (
    "CommitRevealEnabled", "CanNotSetRootNetworkWeights", "WeightVecNotEqualSize", "MechanismDoesNotExist",
    "UidsLengthExceedUidsInSubNet", "HotKeyNotRegisteredInSubNet", "NotEnoughStakeToSetWeights", "IncorrectWeightVersionKey",
    "SettingWeightsTooFast", "NeuronNoValidatorPermit", "DuplicateUids", "UidVecContainInvalidOne", "WeightVecLengthIsLow",
    "MaxWeightExceeded",
)  # fmt: skip
"""The pallet's order, as set_weights of the specification numbers it."""


def subnet(commit_reveal: bool = False, **meta: Any) -> yk.Snapshot:
    """Uids 0 and 2 have permits, 0 and 1 the stake; the owner has neither and never called, the others did in block 900."""
    rows = yk.SparseRows.empty(N)
    state = yk.SubnetState(
        rows, rows, yk.stake_from_rao([1000, 1000, 999, 0]), [900, 900, 900, 0], [1] * N, [True, False, True, False], 1000,
        owner_uid=OWNER,
    )  # fmt: skip
    rules = yk.Hyperparameters(stake_threshold=1000, commit_reveal=commit_reveal)
    return yk.Snapshot(state, rules, meta={**META, **meta}, hotkeys=HOTKEYS)


def ask(where: yk.Snapshot | None = None, **arguments: Any) -> yk.Preflight:
    given: dict[str, Any] = {"sender": 0, "weights": WEIGHTS, "version_key": 5, "call_commit_reveal_version": 4}
    given |= {"unrevealed_commits": 9} | arguments
    return yk.preflight(subnet(given.get("call", "set") != "set") if where is None else where, **given)


@pytest.mark.parametrize("call", CALLS)
def test_nothing_wrong(call: str) -> None:
    got = ask(call=call)
    assert (got.verdict, got.errors, got.not_known, got.error) == ("accepted", (), (), None)
    assert [check.status for check in got.checks] == ["passed"] * len(CHECKS[call])  # type: ignore[index]


def test_the_order_is_the_pallets() -> None:
    assert tuple(CHECKS["set"]) == PALLET
    assert tuple(CHECKS["reveal"]) == tuple(e for e in PALLET[1:] if e != "SettingWeightsTooFast")
    commit = ("MechanismDoesNotExist", "CommitRevealDisabled", "HotKeyNotRegisteredInSubNet", "CommittingWeightsTooFast",
              "TooManyUnrevealedCommits")  # fmt: skip
    assert tuple(CHECKS["commit"]) == commit
    assert tuple(CHECKS["commit_timelocked"]) == ("IncorrectCommitRevealVersion", *commit)


BREAKS: dict[str, dict[str, Any]] = {
    "CommitRevealEnabled": {"where": subnet(commit_reveal=True)},
    "CanNotSetRootNetworkWeights": {"netuid": 0},
    "WeightVecNotEqualSize": {"weights": ([1, 2], [30, 60, 90])},
    "MechanismDoesNotExist": {"mechanism_count": 0},
    "UidsLengthExceedUidsInSubNet": {"weights": ([1, 2, 3, 0, 1], [1] * 5)},
    "HotKeyNotRegisteredInSubNet": {"sender": None},
    "NotEnoughStakeToSetWeights": {"sender": 2},
    "IncorrectWeightVersionKey": {"version_key": 4},
    "SettingWeightsTooFast": {"block": 999},
    "NeuronNoValidatorPermit": {"sender": 1},
    "DuplicateUids": {"weights": ([1, 1], [30, 60])},
    "UidVecContainInvalidOne": {"weights": {1: 30, N: 60}},
    "WeightVecLengthIsLow": {"weights": {3: 30}},
    "CommitRevealDisabled": {"call": "commit", "where": subnet()},
    "CommittingWeightsTooFast": {"call": "commit", "block": 999},
    "TooManyUnrevealedCommits": {"call": "commit", "unrevealed_commits": 10},
    "IncorrectCommitRevealVersion": {"call": "commit_timelocked", "call_commit_reveal_version": 3},
}
"""By error, what is to be changed of a call that has nothing wrong for that error to come."""
WITH = {"UidsLengthExceedUidsInSubNet": ("DuplicateUids",)}  # more entries than uids, each once, would hold another uid


@pytest.mark.parametrize("error", BREAKS)
def test_each_error(error: str) -> None:
    got = ask(**BREAKS[error])
    assert got.errors == (error, *WITH.get(error, ()))
    assert (got.verdict, got.error) == ("refused", error)
    for other in set(PALLET) | set(BREAKS):
        assert (other in got.errors) == (other == error or other in WITH.get(error, ()))


def test_every_error_but_one_has_a_break() -> None:
    names = {name for checks in CHECKS.values() for name in checks}
    assert names - set(BREAKS) == {"MaxWeightExceeded"}  # which never comes at present
    assert ask(weights={1: 65535, 2: 65535}).verdict == "accepted"


def of_both(a: str, b: str) -> str | None:
    """The call that makes both checks, with arguments that can be broken both at once; None where there is none."""
    if BREAKS[a].keys() & BREAKS[b].keys() - {"call"}:
        return None
    asked = {BREAKS[error].get("call", "set") for error in (a, b)}
    return next((call for call in reversed(CALLS) if call in asked and {a, b} <= CHECKS[call].keys()), None)


PAIRS = [(call, a, b) for a in BREAKS for b in BREAKS if a < b and (call := of_both(a, b))]


@pytest.mark.parametrize(("call", "a", "b"), PAIRS)
def test_the_first_of_two_is_the_error(call: str, a: str, b: str) -> None:
    """Both broken at once: both are reported, and the call fails with the one that comes first in the pallet."""
    got = ask(**{**BREAKS[a], **BREAKS[b], "call": call})
    expected = [e for e in CHECKS[call] if e in {a, b, *WITH.get(a, ()), *WITH.get(b, ())}]  # type: ignore[index]
    if "HotKeyNotRegisteredInSubNet" in expected:  # nothing is to be seen of a sender that is not there
        expected = [e for e in expected if e not in ("SettingWeightsTooFast", "CommittingWeightsTooFast")]
    assert list(got.errors) == expected
    assert got.error == expected[0]


def test_pairs_are_enough() -> None:
    """Each check stands before or after some other in a test."""
    assert len(PAIRS) > 50
    assert {error for pair in PAIRS for error in pair[1:]} == set(BREAKS)


def test_the_pallets_numbers_at_their_edges() -> None:
    assert ask(version_key=4, weights_version_key=0).verdict == "accepted"
    assert ask(version_key=2**64 - 1).verdict == "accepted"
    assert ask(block=1000).verdict == "accepted"
    assert ask(weights_set_rate_limit=0, block=900).verdict == "accepted"
    assert ask(call="commit", unrevealed_commits=0).verdict == "accepted"
    assert ask(min_allowed_weights=3).errors == ("WeightVecLengthIsLow",)
    assert ask(min_allowed_weights=65535, weights={0: 1, 1: 1, 2: 1, 3: 1}).verdict == "accepted"
    half = yk.SubnetState(
        yk.SparseRows.empty(1), yk.SparseRows.empty(1), [(2**64 - 1, 999)], [0], [1], [True], 10
    )  # 999 rao and nearly one: floored, it is below 1000
    rules = yk.Hyperparameters(stake_threshold=1000, commit_reveal=False)
    assert "NotEnoughStakeToSetWeights" in yk.preflight(half, rules, sender=0, weights={0: 1}).errors


def test_the_owner() -> None:
    """Free of the threshold and of the permit, and of nothing else."""
    assert ask(sender=OWNER).verdict == "accepted"
    assert ask(sender=OWNER, version_key=0).errors == ("IncorrectWeightVersionKey",)


def test_a_lone_self_weight() -> None:
    """Needs no permit and is never too short; it needs the stake."""
    assert ask(sender=1, weights={1: 9}).verdict == "accepted"
    assert ask(sender=1, weights={2: 9}).errors == ("NeuronNoValidatorPermit", "WeightVecLengthIsLow")
    assert ask(sender=1, weights={1: 9, 2: 9}).errors == ("NeuronNoValidatorPermit",)
    assert ask(sender=2, weights={2: 9}).errors == ("NotEnoughStakeToSetWeights",)


def test_the_first_call_has_no_rate_limit() -> None:
    got = ask(sender=OWNER, block=1, weights_set_rate_limit=2**64 - 1)
    assert (got.verdict, got.next_block) == ("accepted", 1)


def test_the_rate_limit_as_a_block() -> None:
    got = ask(block=950)
    assert (got.next_block, got.errors) == (1000, ("SettingWeightsTooFast",))
    assert ask(block=got.next_block).verdict == "accepted"
    assert ask(block=999).verdict == "refused"
    assert ask(block=1234).next_block == 1234
    assert "from block 1000 on" in str(got)
    assert ask(sender=None).next_block is None


def test_a_reveal_skips_the_rate() -> None:
    got = ask(call="reveal", block=901)
    assert (got.verdict, got.next_block) == ("accepted", 901)
    assert "SettingWeightsTooFast" not in {check.error for check in got.checks}


def test_a_commit_with_weights_says_what_its_reveal_would_meet() -> None:
    got = ask(call="commit", weights={1: 30, 9: 1})
    assert got.verdict == "accepted"
    assert got.row is None
    assert got.at_reveal is not None
    assert got.at_reveal.errors == ("UidVecContainInvalidOne",)
    assert "at the reveal: Preflight(reveal in block 1000 by uid 0: refused; UidVecContainInvalidOne)" in str(got)
    assert ask(call="commit_timelocked", weights=None).at_reveal is None


ROW = st.dictionaries(st.integers(0, N - 1), st.integers(0, 65535), max_size=N)


@given(ROW)
def test_the_row_is_what_the_chain_stores(row: dict[int, int]) -> None:
    got = ask(weights=row)
    stored = yk.stages.upscale_to_u16(list(row.values())).tolist()
    assert got.row == tuple(zip(row, stored, strict=True))
    assert ask(weights=(list(row), list(row.values()))).row == got.row
    assert ask(weights=(np.array(list(row), np.uint16), np.array(list(row.values()), np.uint16))).row == got.row


def test_keys_of_json() -> None:
    assert ask(weights=json.loads(json.dumps(WEIGHTS))) == ask(weights=WEIGHTS)


def test_the_row_of_a_pair_that_does_not_match() -> None:
    assert ask(weights=([1], [2, 3])).row is None
    assert ask(weights=([2, 1], [20, 40])).row == ((2, 32768), (1, 65535))


@pytest.mark.parametrize(
    "weights", [[(1, 20), (2, 40)], [[1, 20], [2, 40]], list({1: 20, 2: 40}.items()), [1, 2], np.array([1, 2])]
)
def test_what_may_be_pairs_or_columns_is_refused(weights: Any) -> None:
    with pytest.raises(yk.InputError, match=r"^weights: expected a mapping \{uid: value\} or a "):
        ask(weights=weights)


# -- what is not known ----------------------------------------------------------------------------------------------------

NEEDS = {
    "netuid": ("set", {"CanNotSetRootNetworkWeights"}),
    "weights_version_key": ("set", {"IncorrectWeightVersionKey"}),
    "weights_set_rate_limit": ("set", {"SettingWeightsTooFast"}),
    "min_allowed_weights": ("set", {"WeightVecLengthIsLow"}),
    "commit_reveal_version": ("commit_timelocked", {"IncorrectCommitRevealVersion"}),
}


@pytest.mark.parametrize("name", NEEDS)
def test_what_meta_does_not_say_is_not_known(name: str) -> None:
    call, errors = NEEDS[name]
    lacking = subnet(call != "set")
    lacking = dataclasses.replace(lacking, meta={k: v for k, v in META.items() if k != name})
    got = ask(lacking, call=call)
    assert (set(got.not_known), got.verdict, got.error) == (errors, "not known", None)
    assert name in next(check.why for check in got.checks if check.status == "not known")
    assert ask(lacking, call=call, **{name: META[name]}).verdict == "accepted"


@pytest.mark.parametrize(
    ("name", "call", "error"),
    [
        ("version_key", "set", "IncorrectWeightVersionKey"),
        ("unrevealed_commits", "commit", "TooManyUnrevealedCommits"),
        ("call_commit_reveal_version", "commit_timelocked", "IncorrectCommitRevealVersion"),
    ],
)
def test_what_the_call_does_not_say_is_not_known(name: str, call: str, error: str) -> None:
    got = ask(call=call, **{name: None})
    assert (got.not_known, got.verdict) == ((error,), "not known")


def test_a_snapshot_of_another_mechanism() -> None:
    """It does not say when weights of the one that is called were set last, early or late as the call may be."""
    where = subnet(mechanisms=2)
    for block in (899, 950, 1500):
        got = ask(where, mechanism=1, block=block)
        assert (got.not_known, got.errors, got.next_block) == (("SettingWeightsTooFast",), (), None)
        assert "last_update of mechanism 1" in str(got)
    assert ask(where, mechanism=0, block=999).errors == ("SettingWeightsTooFast",)
    assert ask(where, mechanism=1, sender=None).errors == ("HotKeyNotRegisteredInSubNet",)


def test_mechanisms_that_are_not_known() -> None:
    lacking = dataclasses.replace(subnet(), meta={k: v for k, v in META.items() if k != "mechanisms"})
    assert ask(lacking).verdict == "accepted"  # every subnet has mechanism 0
    of_one = dataclasses.replace(lacking, meta={**lacking.meta, "mechanism": 1})
    assert ask(of_one).not_known == ("MechanismDoesNotExist",)
    assert ask(of_one, mechanism_count=2).verdict == "accepted"
    assert ask(subnet(mechanism=1)).errors == ("MechanismDoesNotExist",)


def test_refused_all_the_same() -> None:
    """A check fails and an earlier one is not known: refused, with an error that is not known."""
    got = ask(netuid=None, where=dataclasses.replace(subnet(), meta={**META, "netuid": None}), weights={1: 30, 9: 1})
    assert (got.verdict, got.errors, got.error) == ("refused", ("UidVecContainInvalidOne",), None)
    assert got.not_known == ("CanNotSetRootNetworkWeights",)


def test_of_a_sender_without_a_uid() -> None:
    got = ask(sender=None)
    assert set(got.not_known) == {"NotEnoughStakeToSetWeights", "SettingWeightsTooFast", "NeuronNoValidatorPermit"}
    assert got.error == "HotKeyNotRegisteredInSubNet"
    assert ask(sender=N).errors == ("HotKeyNotRegisteredInSubNet",)


def test_a_bare_state() -> None:
    where = subnet()
    got = yk.preflight(where.state, where.hyperparameters, sender=0, weights=WEIGHTS)
    assert got.not_known == (
        "CanNotSetRootNetworkWeights", "IncorrectWeightVersionKey", "SettingWeightsTooFast", "WeightVecLengthIsLow"
    )  # fmt: skip
    assert got.next_block is None


# -- how it is asked, and what it gives -----------------------------------------------------------------------------------


def test_a_hotkey_as_the_sender() -> None:
    assert ask(sender="one") == ask(sender=0)
    assert ask(sender="nobody").errors == ("HotKeyNotRegisteredInSubNet",)
    with pytest.raises(yk.InputError) as caught:
        ask(dataclasses.replace(subnet(), hotkeys=None), sender="one")
    assert caught.value.field == "sender"


@pytest.mark.parametrize(
    ("arguments", "field", "index"),
    [
        ({"weights": {1: 65536}}, "values", 0),
        ({"weights": {1: 0.5}}, "values", 0),
        ({"weights": {1: 1, 70000: 1}}, "uids", 1),
        ({"weights": [1, 2, 3]}, "weights", None),
        ({"weights": "ab"}, "weights", None),
        ({"weights": 5}, "weights", None),
        ({"weights": None}, "weights", None),
        ({"call": "send"}, "call", None),
        ({"call": []}, "call", None),
        ({"sender": -1}, "sender", None),
        ({"sender": True}, "sender", None),
        ({"block": 899}, "block", None),
        ({"block": -1}, "block", None),
        ({"netuid": 65536}, "netuid", None),
        ({"version_key": 2**64}, "version_key", None),
        ({"hyperparameters": 3}, "hyperparameters", None),
        ({"where": subnet(weights_version_key="x")}, "weights_version_key", None),
    ],
)
def test_what_cannot_be_sent(arguments: dict[str, Any], field: str, index: int | None) -> None:
    with pytest.raises(yk.InputError) as caught:
        ask(**arguments)
    assert (caught.value.field, caught.value.index) == (field, index)


def test_what_is_no_subnet() -> None:
    with pytest.raises(yk.InputError) as caught:
        yk.preflight(subnet().state, sender=0, weights=WEIGHTS)
    assert caught.value.field == "hyperparameters"
    with pytest.raises(yk.InputError) as caught:
        yk.preflight(3, sender=0, weights=WEIGHTS)  # type: ignore[arg-type]
    assert caught.value.field == "subnet"


def test_prints_and_converts() -> None:
    got = ask(block=950, weights={1: 30, 9: 60}, version_key=None)
    assert repr(got) == (
        "Preflight(set in block 950 by uid 0: refused; SettingWeightsTooFast, UidVecContainInvalidOne; "
        "not known: IncorrectWeightVersionKey)"
    )
    text = str(got)
    assert text.startswith(repr(got))
    assert (
        "  failed     SettingWeightsTooFast         last update in block 900, rate limit 100 blocks, call in block 950"
        in text
    )
    assert text.endswith(
        "the rate limit admits the call in block 1000\nstored as (uid, value of 65535): (1, 32768), (9, 65535)"
    )
    html = got._repr_html_()
    assert html.count("<tr>") == 1 + len(PALLET)
    assert re.search("<td>failed</td><td>UidVecContainInvalidOne</td>", html)
    plain = got.to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert (plain["verdict"], plain["error"], plain["row"]) == ("refused", None, [[1, 32768], [9, 65535]])
    assert plain["checks"][0] == {"error": PALLET[0], "status": "passed", "why": "commit-reveal is off"}
    assert pickle.loads(pickle.dumps(got)) == got
    with pytest.raises(dataclasses.FrozenInstanceError):
        got.block = 3  # type: ignore[misc]
