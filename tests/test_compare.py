"""What made an epoch another: parts that are epochs of their own, computed here by hand, and that add up."""

from __future__ import annotations

import json
import pickle
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import yuma_kernel as yk
from strategies import hyperparameters, states
from yuma_kernel.comparison import KINDS, MEASURES, PAID, RAW, Breakdown, Comparison, Contribution

U64 = 2**64 - 1
FIELDS = {
    "weights": ("weights", "last_update", "commit_block"),
    "stake": ("total_stake",),
    "registrations": ("block_at_registration",),
    "permits": ("validator_permit",),
    "bonds": ("bonds",),
    "previous_consensus": ("previous_consensus",),
    "owner": ("owner_uid",),
    "blocks": ("current_block", "last_mechanism_step_block", "last_yuma_step_block"),
}


def changed(state: yk.SubnetState, **fields: Any) -> yk.SubnetState:
    """`state` with other fields, of anything that they may be made from."""
    return replace(state, **fields)


def numbers(snapshot: yk.Snapshot) -> dict[str, list[int]]:
    """The measures, by the reference."""
    result = yk.epoch(snapshot.state, snapshot.hyperparameters, emission=snapshot.emission, backend="reference", trace=True)
    assert result.trace is not None
    raw: dict[str, Any] = {name: result.trace[name] for name in RAW}
    return {name: value.tolist() for name, value in (raw | {name: getattr(result, name) for name in PAID}).items()}


def mixed(into: yk.Snapshot, of: yk.Snapshot, kind: str) -> yk.Snapshot:
    """`into` with one kind of inputs as in `of`."""
    if kind == "emission":
        return replace(into, emission=of.emission, expected=None)
    if kind == "hyperparameters":
        return replace(into, hyperparameters=of.hyperparameters, expected=None)
    fields = {name: getattr(of.state, name) for name in FIELDS[kind]}
    return replace(into, state=changed(into.state, **fields), expected=None)


def adds_up(comparison: Comparison) -> None:
    assert comparison.parts is not None
    for measure in comparison.before:
        changes = comparison.change(measure)
        for uid in range(comparison.n):
            b = comparison.of(uid, measure)
            assert b.change == b.after - b.before == changes[uid]
            assert sum(part.alone or 0 for part in b.groups) + b.interaction == b.change
            for part in b.groups:
                if part.kind in b.members:
                    inside = sum(member.alone or 0 for member in b.members[part.kind])
                    assert inside + b.member_interaction[part.kind] == (part.alone or 0)


def test_each_input_alone_is_of_its_kind() -> None:
    """Whatever field of a state another one is: its kind is named, and no other."""
    nothing = yk.SparseRows.empty(2)
    rows = yk.SparseRows.from_rows([[(0, 7), (1, 9)], [(0, 5)]])
    state = yk.SubnetState(
        rows, rows, yk.stake_from_rao([5, 4]), [90, 90], [1, 1], [True, True], 100, 50,
        owner_uid=0, commit_block=[95, U64], previous_consensus=[5, 6], last_yuma_step_block=7,
    )  # fmt: skip
    other: dict[str, Any] = {
        "weights": nothing, "bonds": nothing, "total_stake": yk.stake_from_rao([5, 5]), "last_update": [90, 91],
        "block_at_registration": [1, 2], "validator_permit": [True, False], "current_block": 101,
        "last_mechanism_step_block": 51, "owner_uid": 1, "commit_block": [95, 96], "previous_consensus": [5, 7],
        "last_yuma_step_block": 8,
    }  # fmt: skip
    assert other.keys() == {f.name for f in dataclass_fields(yk.SubnetState)}
    before, kind_of = yk.Snapshot(state, yk.Hyperparameters()), {name: k for k, names in FIELDS.items() for name in names}
    for name, value in other.items():
        for held in (value, None) if name in ("owner_uid", "commit_block", "last_yuma_step_block") else (value,):
            changed: dict[str, Any] = {name: held}
            after = yk.Snapshot(replace(state, **changed), yk.Hyperparameters())
            assert yk.compare(before, after).kinds == (kind_of[name],), name


def paired(draw: Any) -> tuple[yk.Snapshot, yk.Snapshot]:
    """Two snapshots of as many uids, of which any of the inputs may be those of another subnet."""
    first, second = draw(states(max_n=6)), draw(states(max_n=6))
    if first.n != second.n:
        second = first
    rules = draw(hyperparameters(max_n=6)), draw(hyperparameters(max_n=6))
    emission = draw(st.sampled_from([0, 10**9, U64])), draw(st.sampled_from([0, 10**9, U64]))
    a = yk.Snapshot(first, rules[0], emission[0])
    b = yk.Snapshot(second, rules[1], emission[1])
    for kind in draw(st.lists(st.sampled_from(list(KINDS)), unique=True)):
        b = mixed(b, a, kind)
    return a, b


pairs = st.composite(paired)()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(pairs)
def test_parts_are_epochs_of_their_own(pair: tuple[yk.Snapshot, yk.Snapshot]) -> None:
    before, after = pair
    try:
        whole = numbers(before), numbers(after)
    except yk.InputError as error:  # previous_consensus is not known
        with pytest.raises(yk.InputError, match=error.field):
            yk.compare(before, after)
        return
    comparison = yk.compare(before, after)
    adds_up(comparison)
    assert comparison.parts is not None
    for name, values in zip(("before", "after"), whole, strict=True):
        for measure in MEASURES:
            assert getattr(comparison, name)[measure].tolist() == values[measure]
    for part in comparison.parts:
        try:
            alone, others = (numbers(mixed(a, b, part.kind)) for a, b in ((before, after), (after, before)))
        except yk.InputError:
            assert part.refused
            continue
        assert part.refused is None
        for measure in MEASURES:
            for uid in range(comparison.n):
                found = next(p for p in comparison.of(uid, measure).groups if p.kind == part.kind)
                assert found.alone == alone[measure][uid] - whole[0][measure][uid]
                assert found.last == whole[1][measure][uid] - others[measure][uid]
    absent = set(KINDS) - set(comparison.kinds)
    for kind in absent:
        assert numbers(mixed(before, after, kind)) == whole[0]


def snapshots() -> tuple[yk.Snapshot, yk.Snapshot]:
    """Validators 0, 1 and 2 and miners 3 and 4; two rows, a stake, an emission and two hyperparameters change."""
    weights = [[(3, 3), (4, 1)], [(3, 1), (4, 1)], [(4, 7)], [], []]
    state = yk.SubnetState(
        weights=yk.SparseRows.from_rows(weights),
        bonds=yk.SparseRows.from_rows([[(3, 9)], [(4, 900)], [], [], []]),
        total_stake=yk.stake_from_rao([600, 400, 300, 0, 0]),
        last_update=[990] * 5,
        block_at_registration=[0] * 5,
        validator_permit=[True, True, True, False, False],
        current_block=1000,
    )
    before = yk.Snapshot(state, yk.Hyperparameters(profile=425), 10**9, hotkeys=tuple("abcde"))
    other = changed(
        state,
        weights=yk.SparseRows.from_rows([[(4, 5), (3, 1), (2, 1)], weights[1], [(3, 1), (4, 1)], [], []]),
        total_stake=yk.stake_from_rao([600, 500, 300, 0, 0]),
    )
    rules = yk.Hyperparameters(profile=425, kappa=40000, bonds_penalty=7)
    return before, yk.Snapshot(other, rules, 2 * 10**9, hotkeys=tuple("abcdf"))


def test_members_are_epochs_of_their_own() -> None:
    before, after = snapshots()
    comparison = yk.compare(before, after)
    assert comparison.kinds == ("weights", "stake", "hyperparameters", "emission")
    assert comparison.replaced == (4,)
    assert {kind: [part.member for part in parts] for kind, parts in comparison.members.items()} == {
        "weights": [0, 2], "hyperparameters": ["kappa", "bonds_penalty"],
    }  # fmt: skip
    base, end = numbers(before), numbers(after)
    rows, others = before.state.weights.to_rows(), after.state.weights.to_rows()
    for uid in (0, 2):
        mine = [others[i] if i == uid else row for i, row in enumerate(rows)]
        theirs = [rows[i] if i == uid else row for i, row in enumerate(others)]
        one = numbers(replace(before, state=changed(before.state, weights=yk.SparseRows.from_rows(mine))))
        rest = numbers(replace(after, state=changed(after.state, weights=yk.SparseRows.from_rows(theirs))))
        for measure in MEASURES:
            for miner in range(5):
                part = next(p for p in comparison.of(miner, measure).members["weights"] if p.member == uid)
                assert part.alone == one[measure][miner] - base[measure][miner]
                assert part.last == end[measure][miner] - rest[measure][miner]
    one = numbers(replace(before, hyperparameters=replace(before.hyperparameters, kappa=40000)))
    kappa = comparison.of(3, "incentive").members["hyperparameters"][0]
    assert kappa.alone == one["incentive"][3] - base["incentive"][3]
    adds_up(comparison)
    assert any(part.alone for part in comparison.of(3, "incentive").groups)


@pytest.mark.parametrize("kind", KINDS)
def test_one_group_is_the_whole_change(kind: str) -> None:
    """What one group alone explains has no interaction, and nothing else is a part."""
    before, after = snapshots()
    other = replace(
        after,
        state=changed(
            after.state,
            bonds=yk.SparseRows.from_rows([[(4, 9)], [(4, 900)], [(3, 5)], [], []]),
            block_at_registration=[0, 0, 0, 995, 0],
            validator_permit=[True, False, True, False, False],
            previous_consensus=[0, 0, 0, 1, 65535],
            owner_uid=2,
            current_block=7000,
        ),
    )
    rules = replace(before.hyperparameters, profile=475, liquid_alpha=True, liquid_alpha_consensus_mode="previous")
    before = replace(
        before,
        hyperparameters=rules,
        state=changed(
            before.state, previous_consensus=[0, 0, 0, 65535, 1], validator_permit=[True, True, False, False, False]
        ),
    )
    comparison = yk.compare(before, mixed(before, other, kind))
    assert comparison.kinds == (kind,)
    adds_up(comparison)
    for measure in MEASURES:
        for uid in range(5):
            b = comparison.of(uid, measure)
            assert b.interaction == 0
            assert b.groups[0].alone == b.groups[0].last == b.change
    assert any(comparison.change(measure) != [0] * 5 for measure in MEASURES)


def test_nothing_differs() -> None:
    before, _ = snapshots()
    comparison = yk.compare(before, replace(before, meta={"source": "again"}))
    assert comparison.parts == ()
    assert "nothing" in str(comparison)
    assert comparison.of(3).change == 0
    assert len(comparison.table()) == 0


def test_no_commit_is_a_commit_of_none() -> None:
    before, _ = snapshots()
    same = replace(before, state=changed(before.state, commit_block=[U64] * 5))
    assert yk.compare(before, same).kinds == ()


def test_without_members() -> None:
    before, after = snapshots()
    assert yk.compare(before, after, members=False).members == {}


def test_a_half_that_cannot_be() -> None:
    """Liquid alpha against a previous consensus that only `after` knows: the rule alone cannot be computed, and says so."""
    before, _ = snapshots()
    rules = replace(before.hyperparameters, profile=475, liquid_alpha=True)
    after = replace(before, hyperparameters=rules, state=changed(before.state, previous_consensus=[0, 0, 0, 9, 65535]))
    comparison = yk.compare(before, after)
    parts = {part.kind: part for part in comparison.of(3, "dividends").groups}
    assert parts["hyperparameters"].alone is None
    assert "previous_consensus" in str(parts["hyperparameters"].refused)
    assert parts["previous_consensus"].alone == 0
    assert "Not alone: hyperparameters" in str(comparison)
    assert "-" in str(comparison.of(0, "dividends"))
    adds_up(comparison)


def grown(snapshot: yk.Snapshot) -> yk.Snapshot:
    """With a sixth uid, which is given weights by 0."""
    s = snapshot.state
    rows = s.weights.to_rows()
    return replace(
        snapshot,
        hotkeys=None,
        state=changed(
            s,
            weights=yk.SparseRows.from_rows([[*rows[0], (5, 9)], *rows[1:], []]),
            bonds=yk.SparseRows.from_rows([*s.bonds.to_rows(), []]),
            total_stake=np.vstack([s.total_stake, [[0, 7]]]),
            last_update=[*s.last_update, 995],
            block_at_registration=[*s.block_at_registration, 80],
            validator_permit=[*s.validator_permit, False],
        ),
    )


def test_a_subnet_that_grew() -> None:
    before, _ = snapshots()
    after = grown(before)
    for pair in ((before, after), (after, before)):
        comparison = yk.compare(*pair)
        assert comparison.n == 6
        assert comparison.kinds == ("weights", "stake", "registrations")
        adds_up(comparison)
        for name, snapshot in zip(("before", "after"), pair, strict=True):
            for measure, values in numbers(snapshot).items():
                assert getattr(comparison, name)[measure][: len(values)].tolist() == values


def test_uids_that_would_change_the_epoch() -> None:
    """Quartiles of the consensus, of profile 257, are of all uids: one more changes them."""
    before, _ = snapshots()
    rules = yk.Hyperparameters(profile=257, yuma3=False, liquid_alpha=True, alpha_low=9000, alpha_high=60000)
    row = [(3, 3), (4, 2), (2, 1)]  # three consensus values, of which one is between the quartiles
    bonds = yk.SparseRows.from_rows([[(2, 9)], [(2, 900), (4, 7)], [], [], []])
    state = changed(before.state, weights=yk.SparseRows.from_rows([row, row, [], [], []]), bonds=bonds)
    before = replace(before, hyperparameters=rules, state=state)
    with pytest.raises(yk.InputError, match=r"before: expected 6 uids"):
        yk.compare(before, grown(before), backend="reference")


@pytest.mark.parametrize("trace", [False, True])
def test_results(trace: bool) -> None:
    before, after = snapshots()
    results = [yk.epoch(s.state, s.hyperparameters, emission=s.emission, trace=trace) for s in (before, after)]
    comparison = yk.compare(*results)
    change = comparison.change("incentive")
    if trace:
        assert change == yk.compare(before, after).change("incentive")
    else:
        assert change == [int(b) - int(a) for a, b in zip(results[0].incentive, results[1].incentive, strict=True)]
    assert "Two results" in str(comparison)
    assert len(comparison.table())
    with pytest.raises(yk.InputError, match="expected snapshots"):
        comparison.of(3)


def test_what_it_says() -> None:
    before, after = snapshots()
    comparison = yk.compare(before, after)
    text = str(comparison)
    assert "Differ: weights (2), stake, hyperparameters (2), emission" in text
    assert "Another hotkey: 4" in text
    paid = [sum(yk.epoch(s.state, s.hyperparameters, emission=s.emission).emission.tolist()) for s in (before, after)]
    assert f"Paid: {paid[0] / 1e9:.9f} to {paid[1] / 1e9:.9f} alpha; proportions do not depend on it" in text
    assert "Paid" not in str(yk.compare(before, replace(after, emission=before.emission)))
    assert "No amounts: neither pays anything" in str(yk.compare(replace(before, emission=0), replace(after, emission=0)))
    unpaid = replace(before.state, total_stake=yk.stake_from_rao([0] * 5), validator_permit=np.zeros(5, bool))
    nothing = yk.compare(*(yk.Snapshot(replace(unpaid, current_block=b), yk.Hyperparameters(), 10**9) for b in (2000, 2001)))
    assert str(nothing).splitlines() == [
        "Differ: blocks",
        "No amounts: neither pays anything. What proportions became: of(uid, 'incentive'), of(uid, 'dividends')",
        "No uid has anything else than before",
    ]
    results = [yk.epoch(s.state, s.hyperparameters, emission=s.emission) for s in (before, after)]
    assert str(yk.compare(*results)).endswith("proportions are of 65535")
    assert repr(comparison).startswith("Comparison(weights, stake, hyperparameters, emission; ")
    assert "<td>" in comparison._repr_html_()
    b = comparison.of(3, "incentive")
    assert str(b).startswith("incentive of uid 3: ")
    assert "weights of 2" in str(b)
    assert "kappa" in str(b)
    assert "kappa</td>" in b._repr_html_()
    data = json.loads(json.dumps(b.to_dict()))
    assert set(data) == {*Breakdown.__dataclass_fields__, "unit"}
    assert data["change"] == b.change
    whole = json.loads(json.dumps(comparison.to_dict()))
    assert whole["incentive"]["after"] == comparison.after["incentive"].tolist()
    rows = b.table().rows()
    alone = {(row["group"], row["member"]): row["alone"] for row in rows}
    assert sum(alone[kind, None] for kind in (*comparison.kinds, "interaction")) == b.change


def told(measure: str = "incentive") -> Breakdown:
    """With one kind of seven members: one without effect, one that is refused, one that moves it only as the last."""
    one = 2**32
    parts = {
        1: (one // 8, 0),
        2: (-one // 2, one),
        3: (one // 4, 5),
        4: (0, 0),
        5: (-one // 16, 0),
        6: (None, None),
        7: (0, one),
    }
    members = tuple(
        Contribution("weights", uid, alone, last, "no stake" if alone is None else None)
        for uid, (alone, last) in parts.items()
    )
    groups = (Contribution("weights", None, one // 4, one // 2), Contribution("owner", None, None, None, "no such uid"))
    return Breakdown(3, measure, one, one + one // 4, one // 4, groups, 0, {"weights": members}, {"weights": 7})


def test_members_by_how_much_they_move_and_those_without_effect_left_out() -> None:
    breakdown = told()
    whole = breakdown.table()
    assert whole.columns["member"] == [None, 2, 3, 1, 5, 4, 6, 7, "interaction", None, None]
    assert whole.columns["last"] == [2**31, 2**32, 5, 0, 0, 0, None, 2**32, None, None, None]
    some = breakdown.table(3)
    assert some.columns["member"] == [None, 2, 3, 1, "others", "interaction", None, None]
    assert some.columns["alone"] == [2**30, -(2**31), 2**30, 2**29, -(2**28), 7, None, 0]
    assert breakdown.table(6).columns["member"] == [None, 2, 3, 1, 5, 6, 7, "interaction", None, None]
    assert str(breakdown) == breakdown.table(5).text()
    assert breakdown._repr_html_() == breakdown.table(5).html()
    assert str(breakdown).splitlines() == [
        "incentive of uid 3: 1.0000000 to 1.2500000, +0.2500000",
        "  group           alone (of 1)  last (of 1)",
        "  weights           +0.2500000   +0.5000000",
        "    weights of 2    -0.5000000   +1.0000000",
        "    weights of 3    +0.2500000     +1.2e-09",
        "    weights of 1    +0.1250000            0",
        "    weights of 5    -0.0625000            0",
        "    weights of 6             -            -",
        "    and 1 more               0            -",
        "    together          +1.6e-09            -",
        "  owner                      -            -",
        "  together                   0            -",
        "alone: only this as after; last: the last to become as after; together: what they do beyond that",
    ]
    paid = told("emission").table().text().splitlines()
    assert paid[0] == "emission of uid 3: 4.294967296 to 5.368709120, +1.073741824"
    assert paid[1].split() == ["group", "alone", "(alpha)", "last", "(alpha)"]


def test_what_moves_no_emission_is_mostly_of_nothing() -> None:
    before, after = (replace(snapshot, emission=0) for snapshot in snapshots())
    comparison = yk.compare(before, after)
    table = comparison.table()
    assert len(table)
    assert table.columns["mostly"] == [None] * len(table)
    assert table.caption == ""


def test_they_are_values() -> None:
    before, after = snapshots()
    comparison = yk.compare(before, after)
    again = pickle.loads(pickle.dumps(comparison))
    assert again == comparison == yk.compare(before, after)
    assert comparison != yk.compare(after, before)
    b = comparison.of(3)
    assert b == pickle.loads(pickle.dumps(b)) == again.of(3)
    value: Any
    for value in (comparison, again):
        with pytest.raises(TypeError):
            value.before["incentive"] = value.after["incentive"]
        with pytest.raises(ValueError):
            value.before["incentive"][0] = 1


def test_progress() -> None:
    before, after = snapshots()
    seen: list[tuple[int, int]] = []
    yk.compare(before, after, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (16, 16)  # two each of four groups and four members


@pytest.mark.parametrize(
    ("uid", "measure", "field"), [(5, "incentive", "uid"), (-1, "incentive", "uid"), (0, "rank", "measure")]
)
def test_wrong_questions(uid: int, measure: str, field: str) -> None:
    with pytest.raises(yk.InputError) as caught:
        yk.compare(*snapshots()).of(uid, measure)
    assert caught.value.field == field


def test_wrong_inputs() -> None:
    before, after = snapshots()
    result = yk.epoch(before.state, before.hyperparameters)
    wrong: list[tuple[Any, Any, str]] = [(before, result, "after"), (result, after, "before"), (None, after, "before")]
    for a, b, field in wrong:
        with pytest.raises(yk.InputError) as caught:
            yk.compare(a, b)
        assert caught.value.field == field
    unknown = replace(before, hyperparameters=replace(before.hyperparameters, profile=475, liquid_alpha=True))
    with pytest.raises(yk.InputError, match=r"after\.previous_consensus"):
        yk.compare(before, unknown)


def test_real_epochs(shared_data: Path) -> None:
    """Two epochs of subnet 31, of which weights, bonds and blocks differ: parts of the second by the kernel, as one is."""
    snapshot = yk.load(shared_data / "sn31_block3621600.npz")
    result = yk.epoch(snapshot.state, snapshot.hyperparameters, emission=snapshot.emission)
    rows = snapshot.state.weights.to_rows()
    uid = int(np.argmax(result.dividends))
    rows[uid] = rows[uid][::-1][: len(rows[uid]) // 2]
    block = snapshot.state.current_block + 99
    state = changed(snapshot.state, bonds=result.bonds, weights=yk.SparseRows.from_rows(rows), current_block=block)
    comparison = yk.compare(replace(snapshot, expected=None), replace(snapshot, state=state, expected=None))
    assert set(comparison.kinds) == {"weights", "bonds", "blocks"}
    assert comparison.parts is not None
    for measure in MEASURES:
        for one in (uid, 0, int(np.argmax(result.incentive))):
            b = comparison.of(one, measure)
            assert sum(part.alone or 0 for part in b.groups) + b.interaction == b.change
    assert any(comparison.change("incentive"))
