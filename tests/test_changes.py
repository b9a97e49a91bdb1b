"""The verbs of a state, held to what a few lines of plain Python make of its rows."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest

import yuma_kernel as yk
from calls import LIQUID, N, subnet
from test_types import refused

BEFORE = subnet()


def changed(state: yk.SubnetState) -> set[str]:
    """The fields in which it is not the state before."""
    names = [f.name for f in dataclasses.fields(state)]
    same = {name: dataclasses.replace(BEFORE, **{name: getattr(state, name)}) == BEFORE for name in names}
    return {name for name, unchanged in same.items() if not unchanged}


# -- weights --------------------------------------------------------------------------------------------------------------


class _Series:
    """What is looked at of a pandas Series."""

    def __init__(self, row: list[tuple[int, Any]]) -> None:
        self.index = [uid for uid, _ in row]
        self.values = np.array([value for _, value in row])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.values

    def items(self) -> Any:
        return zip(self.index, self.values.tolist(), strict=True)


FORMS: dict[str, Any] = {
    "a mapping": dict,
    "pairs": list,
    "lists": lambda row: [list(pair) for pair in row],
    "a generator": iter,
    "arrays": lambda row: (np.array([uid for uid, _ in row], np.int64), np.array([value for _, value in row])),
    "columns": lambda row: ([uid for uid, _ in row], [value for _, value in row]),
    "keys of JSON": lambda row: {str(uid): value for uid, value in row},
    "a Series": lambda row: _Series(row),
    "scalars": lambda row: {np.int64(uid): np.array(value)[()] for uid, value in row},
}


@pytest.mark.parametrize("form", FORMS)
def test_integers_are_stored_as_they_are_sent(form: str) -> None:
    rows = BEFORE.weights.to_rows()
    for uid, row in itertools.product(range(N), ([(4, 2), (3, 1)], [(0, 65535), (1, 0)], [(3, 7)], [(1, 0)], [])):
        got = BEFORE.with_weights(uid, FORMS[form](row))
        stored = yk.stages.upscale_to_u16([value for _, value in row]).tolist()
        expected = [*rows[:uid], list(zip([j for j, _ in row], stored, strict=True)), *rows[uid + 1 :]]
        assert got.weights.to_rows() == expected
        assert got.last_update.tolist() == [1000 if i == uid else at for i, at in enumerate(BEFORE.last_update.tolist())]
        assert changed(got) <= {"weights", "last_update"}
        assert subnet() == BEFORE


@pytest.mark.parametrize("form", FORMS)
def test_floats_are_stored_as_a_validator_sends_them(form: str) -> None:
    row = [(4, 0.25), (3, 1.0), (1, 1e-9)]
    uids, values = yk.weights_to_u16(dict(row))
    got = BEFORE.with_weights(2, FORMS[form](row))
    assert got.weights.to_rows()[2] == list(zip(uids.tolist(), values.tolist(), strict=True))
    assert dict(got.weights.to_rows()[2]) == {3: 65535, 4: 16384}
    assert BEFORE.with_weights(2, FORMS[form]([(3, 1), (4, 0.5)])).weights.to_rows()[2][0] == (3, 65535)


def test_two_columns_are_no_two_pairs() -> None:
    """`weights_to_u16(..., lists=True)` is a tuple of lists, as long as two pairs where there are two weights."""
    columns = yk.weights_to_u16({3: 0.5, 4: 1.0}, lists=True)
    assert BEFORE.with_weights(1, columns).weights.to_rows()[1] == list(zip(*columns, strict=True))
    assert BEFORE.with_weights(1, ([3, 4], [1, 2])).weights.to_rows()[1] == [(3, 32768), (4, 65535)]
    assert BEFORE.with_weights(1, [[3, 4], [1, 2]]).weights.to_rows()[1] == [(3, 65535), (1, 32768)]
    assert BEFORE.with_weights(1, ((3, 4), (1, 2))).weights.to_rows()[1] == [(3, 65535), (1, 32768)]


def test_the_block_of_new_weights() -> None:
    assert BEFORE.with_weights(1, {3: 1}, last_update=7).last_update[1] == 7
    assert BEFORE.with_weights(1, {3: 1}).last_update[1] == BEFORE.current_block
    refused(lambda: BEFORE.with_weights(1, {3: 1}, last_update=-1), "last_update", None)
    own, their = BEFORE.weights[0]
    assert (
        BEFORE.with_weights(0, (own, their)).weights == BEFORE.weights
    )  # stored rows are as if sent: their largest is 65535


def test_weights_refused() -> None:
    for uid in (N, -1, None, True, "0"):
        refused(lambda uid=uid: BEFORE.with_weights(uid, {3: 1}), "uid", None)  # type: ignore[misc]
    one, two = np.array([1]), np.array([1, 2])
    for weights, words in (
        ({N: 1}, "below n"), ({-1: 1}, "from 0 to"), ({3: -1}, "from 0 to 65535"), ({3: 65536}, "from 0 to 65535"),
        ([(3, 1), (3, 2)], "more than once"), ([(3, 0.5), (3, 0.25)], "once"), ({3: float("nan")}, "finite"),
        ({3: True}, "boolean"), ({3: "1"}, "str"), ({"x": 1}, "str"), ({"03": 1}, "str"), ([("3", 1)], "str"),
        (None, "pairs"), (5, "pairs"), ([1, 2], "pairs"),
        (np.array([0, 1]), "two arrays"), ((one, two), "as many uids as values"), ((np.eye(2), np.eye(2)), "one dimension"),
        ([0.5, 0.5], "one weight a uid goes as dict(enumerate(weights))"), (([1], [1, 2]), "as many uids as values"),
        ({3: 1, 4: 70000}, "integers from 0 to 65535, as they are sent, or floats of any scale, got 70000"),
        ((np.ma.array([1]), one), "masked"), (BEFORE.weights, "one row"), ({3: -0.5}, "negative"),
    ):  # fmt: skip
        with pytest.raises(yk.InputError) as caught:
            BEFORE.with_weights(1, weights)
        assert caught.value.field in ("weights", "uid"), caught.value
        assert words in caught.value.rule, caught.value
    for value in (-1, -0.5, "1", float("inf")):  # by the uid, whatever its place in the row
        refused(lambda value=value: BEFORE.with_weights(1, {3: 1, 4: value}), "weights", 4)  # type: ignore[misc]


# -- stake ----------------------------------------------------------------------------------------------------------------


def test_stake() -> None:
    expected = BEFORE.total_stake.tolist()
    for rao in (0, 5, 2**63 - 1):
        if sum(high for _, high in expected) + rao < 2**63:
            got = BEFORE.with_stake(3, rao)
            assert got.total_stake.tolist() == [*expected[:3], [0, rao], expected[4]]
            assert changed(got) == {"total_stake"}
    assert BEFORE.with_stake(3, alpha=0.5) == BEFORE.with_stake(3, 5 * 10**8) == BEFORE.with_stake(3, rao=5 * 10**8)
    assert BEFORE.with_stake(3, alpha=2) == BEFORE.with_stake(3, 2 * 10**9)
    refused(lambda: BEFORE.with_stake(3), "rao", None, "one of rao and alpha")
    refused(lambda: BEFORE.with_stake(3, 1, alpha=1), "rao", None, "one of rao and alpha")
    refused(lambda: BEFORE.with_stake(3, 0.5), "rao", None, "in rao: 0.5 is 500000000")  # type: ignore[arg-type]
    refused(lambda: BEFORE.with_stake(3, 2**63), "rao", None, "from 0 to")
    refused(lambda: BEFORE.with_stake(3, 2**63 - 1), "rao", None, "sum below 2^127")
    refused(lambda: BEFORE.with_stake(3, alpha=9.22337203e9), "alpha", None, "sum below 2^127")
    refused(lambda: BEFORE.with_stake(3, alpha=-1), "alpha", None, "0 to")
    refused(lambda: BEFORE.with_stake(3, alpha="1"), "alpha", None, "str")  # type: ignore[arg-type]
    refused(lambda: BEFORE.with_stake(N, 1), "uid", None)


# -- a uid gone -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("uid", range(N))
def test_without(uid: int) -> None:
    got = BEFORE.without(uid)
    for name in ("weights", "bonds"):
        rows = getattr(BEFORE, name).to_rows()
        assert getattr(got, name).to_rows() == [[(j, v) for j, v in row if uid not in (i, j)] for i, row in enumerate(rows)]
    assert got.previous_consensus is not None
    assert BEFORE.previous_consensus is not None
    assert BEFORE.commit_block is not None
    assert got.commit_block is not None
    for name, cleared in (
        ("total_stake", [0, 0]), ("last_update", 0), ("validator_permit", False), ("commit_block", 2**64 - 1),
        ("previous_consensus", 0),
    ):  # fmt: skip
        expected = getattr(BEFORE, name).tolist()
        expected[uid] = cleared
        assert getattr(got, name).tolist() == expected
    assert got.owner_uid == (None if uid == 2 else 2)
    assert got.block_at_registration.tolist() == BEFORE.block_at_registration.tolist()
    result = yk.epoch(got, LIQUID, emission=10**9)
    assert result[uid].emission == result[uid].incentive == result[uid].dividends == 0
    shorter = dataclasses.replace(BEFORE, previous_consensus=np.array([7], np.uint16), commit_block=None).without(uid)
    assert shorter.previous_consensus is not None
    assert shorter.previous_consensus.tolist() == [0 if uid == 0 else 7]
    assert shorter.commit_block is None
    refused(lambda: BEFORE.without(N), "uid", None)


# -- the next epoch -------------------------------------------------------------------------------------------------------


def test_after_is_what_simulate_carries() -> None:
    state, last = BEFORE, None
    blocks = [1000 + 360 * k for k in range(4)]
    steps = [640, *blocks[:-1]]
    simulated = yk.simulate(
        BEFORE, LIQUID, epochs=4, current_block=blocks, last_mechanism_step_block=steps, last_yuma_step_block=steps
    )
    for k in range(4):
        assert (state.current_block, state.last_mechanism_step_block) == (blocks[k], steps[k])
        last = yk.epoch(state, LIQUID)
        for name in ("incentive", "dividends", "consensus", "validator_permit"):
            assert getattr(simulated, name)[k].tolist() == getattr(last, name).tolist()
        if k < 3:
            state = state.after(last)
    assert last is not None
    assert simulated.state.bonds == last.bonds


def test_after() -> None:
    result = yk.epoch(BEFORE, LIQUID)
    got = BEFORE.after(result, 100)
    assert got.bonds is result.bonds
    assert got.validator_permit.tolist() == result.validator_permit.tolist()
    assert got.previous_consensus is not None
    assert got.previous_consensus.tolist() == result.consensus.tolist()
    assert (got.current_block, got.last_mechanism_step_block, got.last_yuma_step_block) == (1100, 1000, 1000)
    assert changed(got) == {
        "bonds", "validator_permit", "previous_consensus", "current_block", "last_mechanism_step_block",
        "last_yuma_step_block",
    }  # fmt: skip
    assert BEFORE.after(result) == BEFORE.after(result, 360)
    assert dataclasses.replace(BEFORE, last_yuma_step_block=None).after(result).last_yuma_step_block is None
    unknown = dataclasses.replace(BEFORE, last_mechanism_step_block=0)
    refused(lambda: unknown.after(result), "blocks", None, "how many blocks")
    assert unknown.after(result, 360).current_block == 1360
    refused(lambda: dataclasses.replace(BEFORE, last_mechanism_step_block=1000).after(result), "blocks", None, "how many")
    refused(lambda: BEFORE.after(result, -1), "blocks", None)
    refused(lambda: BEFORE.after(result, 2**64), "blocks", None)
    refused(lambda: BEFORE.after(BEFORE), "result", None, "EpochResult")  # type: ignore[arg-type]
    other = yk.SubnetState(yk.SparseRows.empty(1), yk.SparseRows.empty(1), [[0, 0]], [0], [0], [False], 0)
    refused(lambda: other.after(result, 1), "result", None, "of 1 uids, got 5")
