"""What-ifs and searches: each answer is that of the epoch of the subnet that the change leads to."""

from __future__ import annotations

import json
import pickle
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import yuma_kernel as yk
from test_instruction_sets import subnets
from yuma_kernel import moves, search
from yuma_kernel.prospects import DEFAULT
from yuma_kernel.results import STACKED

RULES = yk.Hyperparameters(max_allowed_validators=4)
N = 9


def subnet(**changes: Any) -> yk.SubnetState:
    """Five validators who nearly agree on four miners, one of them without a permit so far."""
    random = np.random.default_rng(3)
    weights = np.zeros((N, N), np.uint16)
    weights[:5, 5:] = np.array([60000, 30000, 9000, 2000]) + random.integers(-1900, 1900, (5, 4))
    weights[1, 5:] = [5000, 65535, 1, 300]
    bonds = np.where(weights > 0, random.integers(1, 65536, (N, N)), 0)
    state = yk.SubnetState(
        weights=yk.SparseRows.from_dense(weights),
        bonds=yk.SparseRows.from_dense(bonds),
        total_stake=yk.stake_from_rao([900, 800, 700, 600, 50, 3, 2, 1, 0]),
        last_update=[950] * 5 + [10] * 4,
        block_at_registration=[5] * N,
        validator_permit=[True] * 4 + [False] * 5,
        current_block=1000,
        last_mechanism_step_block=640,
        previous_consensus=np.zeros(0, np.uint16),
    )
    return replace(state, **changes)


CHANGES = {
    "a row": moves.set_weights(0, {5: 1.0, 8: 2.5}),
    "as sent": moves.set_weights(2, (np.array([8, 5], np.uint16), np.array([7, 0], np.uint16))),
    "a share": moves.move_share(1, 6, 5, 0.25),
    "given": moves.give_share(1, 8, 0.5),
    "copied": moves.copy_consensus(1),
    "blended": moves.toward_consensus(1, 0.3),
    "blended twice": moves.toward_consensus(1, 0.3) + moves.toward_consensus(1, 0.3),
    "staked": moves.set_stake(4, 1000),
    "more": moves.add_stake(3, 500),
    "less": moves.add_stake(0, -300),
    "gone": moves.drop(1),
    "come": moves.add_validator(7, 10**4, {5: 1, 6: 1}),
    "new": moves.replace_miner(6),
    "kappa": moves.hyperparameters(kappa=20000, liquid_alpha=True),
    "all of it": moves.copy_consensus(1) + moves.drop(0) + moves.hyperparameters(kappa=9) + moves.add_stake(2, 5),
    "nothing": moves.Change(),
}


def expected(state: yk.SubnetState, h: yk.Hyperparameters, change: moves.Change, backend: str) -> yk.EpochResult:
    changed, rules = moves.apply(state, h, change, backend=backend)
    return yk.epoch(changed, rules, emission=10**9, backend=backend)


@pytest.mark.parametrize("at_a_time", [None, 1, 2, 3])
@pytest.mark.parametrize("unsorted", [False, True])
@pytest.mark.parametrize("owner", [None, 0, 1])
def test_the_next_epoch(
    backend: str, owner: int | None, unsorted: bool, at_a_time: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a row that no dense one is, rows are laid out densely, of so many changes at a time."""
    changes = {name: change for name, change in CHANGES.items() if at_a_time is None or name != "as sent"}
    if at_a_time is not None:
        moved = {uid for change in changes.values() for uid in change.uids} - {3, 4, 5, 8}
        monkeypatch.setattr(sys.modules["yuma_kernel.prospects"], "STACK_BYTES", at_a_time * 2 * N * len(moved))
    state = subnet(owner_uid=owner)
    if unsorted:  # rows that are not what their dense form says
        rows = state.weights.to_rows()
        rows[1] = [*rows[1][::-1], (0, 0)]
        state = replace(state, weights=yk.SparseRows.from_rows(rows))
    got = yk.what_if(state, RULES, changes, emission=10**9, outputs=STACKED, backend=backend)
    now = yk.epoch(state, RULES, emission=10**9, backend=backend)
    for name in STACKED:
        assert got.now[name].tolist() == getattr(now, name).tolist()
    for k, (name, change) in enumerate(changes.items()):
        result = expected(state, RULES, change, backend)
        for output in STACKED:
            row = getattr(result, output)
            assert got.then[output][k].tolist() == got[name][output].tolist() == row.tolist(), (name, output)
            more = [int(a) - int(b) for a, b in zip(row.tolist(), getattr(now, output).tolist(), strict=True)]
            assert got.difference(output)[k].tolist() == more
    assert len({tuple(row.tolist()) for row in got.then["dividends"]}) > len(changes) // 2


def test_numbers_of_several_uids() -> None:
    """A change sees what the one before it has left, and stakes keep what is below a rao."""
    state = subnet(total_stake=np.array([[k, 900 - k] for k in range(N)], np.uint64))
    change = moves.set_stake(2, 70) + moves.add_stake(3, 5) + moves.add_stake(2, 1) + moves.add_stake(3, -4)
    changed, _ = moves.apply(state, RULES, change + moves.set_weights(1, {5: 1}) + moves.set_weights(0, {5: 1}))
    stakes = state.total_stake.tolist()
    stakes[2], stakes[3] = [0, 71], [3, 898]
    assert changed.total_stake.tolist() == stakes
    assert changed.last_update.tolist() == [1000, 1000, *[950] * 3, *[10] * 4]
    got = yk.what_if(state, RULES, {"nothing": moves.Change(), "it": change}, emission=10**9, outputs=STACKED)
    for name, of in (("nothing", state), ("it", replace(state, total_stake=changed.total_stake))):
        assert got[name]["stake_weight"].tolist() == yk.epoch(of, RULES).stake_weight.tolist()


def test_generated_subnets() -> None:
    """In which rows come in any order, with zeros, and of every profile."""
    for state, h in [case for case in subnets(60) if case[0].n > 10][:20]:
        consensus = yk.epoch(state, h).consensus
        some = {
            "set": moves.set_weights(3, {0: 3, 7: 1}),
            "given": moves.give_share(2, 4, 0.2) + moves.set_stake(2, 10**10),
            "new": moves.replace_miner(5),
            "gone": moves.drop(0),
        }
        if consensus.any() and consensus.astype(int).sum() > int(consensus[2]):
            some["copied"] = moves.copy_consensus(2)
        got = yk.what_if(state, h, some, emission=10**9, outputs=STACKED)
        for k, change in enumerate(some.values()):
            result = expected(state, h, change, "c")
            for output in STACKED:
                assert got.then[output][k].tolist() == getattr(result, output).tolist()


def test_what_the_changes_do() -> None:
    state = subnet()

    def row(change: moves.Change, uid: int) -> list[tuple[int, int]]:
        return moves.apply(state, RULES, change)[0].weights.to_rows()[uid]

    assert row(CHANGES["a row"], 0) == [(5, 26214), (8, 65535)]
    assert row(CHANGES["as sent"], 2) == [(8, 65535), (5, 0)]
    consensus = yk.epoch(state, RULES).consensus
    copied = dict(row(CHANGES["copied"], 1))
    assert set(copied) == set(np.flatnonzero(consensus).tolist())
    assert copied[5] == 65535
    total = 5000 + 65535 + 1 + 300
    before, after = dict(state.weights.to_rows()[1]), dict(row(CHANGES["a share"], 1))
    assert before[6] == 65535
    assert after[5] / sum(after.values()) == pytest.approx((5000 + total / 4) / total, abs=1e-4)
    assert after[8] / sum(after.values()) == pytest.approx(300 / total, abs=1e-4)
    given = dict(row(CHANGES["given"], 1))
    assert given[8] / sum(given.values()) == pytest.approx(0.5, abs=1e-4)
    assert given[5] / given[6] == pytest.approx(5000 / 65535, abs=1e-3)
    changed, _ = moves.apply(state, RULES, CHANGES["a row"])
    assert changed.last_update.tolist() == [1000, *state.last_update.tolist()[1:]]
    gone, _ = moves.apply(subnet(owner_uid=1, commit_block=[7] * N), RULES, moves.drop(1))
    assert (gone.owner_uid, gone.weights.to_rows()[1], gone.bonds.to_rows()[1]) == (None, [], [])
    assert not gone.validator_permit[1]
    assert gone.total_stake[1].tolist() == [0, 0]
    assert gone.commit_block is not None
    assert gone.commit_block[1] == 2**64 - 1
    new, _ = moves.apply(state, RULES, CHANGES["new"])
    assert (new.block_at_registration[6], new.last_update[6]) == (1000, 1000)
    assert moves.apply(subnet(owner_uid=6), RULES, CHANGES["new"])[0].owner_uid is None
    assert moves.apply(subnet(owner_uid=5), RULES, CHANGES["new"])[0].owner_uid == 5
    assert yk.epoch(new, RULES).incentive[6] == 0
    assert yk.epoch(state, RULES).incentive[6] > 0
    assert moves.apply(state, RULES, CHANGES["kappa"])[1] == replace(RULES, kappa=20000, liquid_alpha=True)


@pytest.mark.parametrize("owner", [None, 1])
def test_the_consensus_without_oneself(owner: int | None) -> None:
    """Of what each validator agrees on, its weight on itself is left out, as it does not count; but for the owner's."""
    rows = [[(j, 100 * (j + 1)) for j in range(N)] for _ in range(5)] + [[]] * 4
    state = subnet(weights=yk.SparseRows.from_rows(rows), owner_uid=owner)
    consensus = yk.epoch(state, RULES).consensus.astype(float)
    assert consensus[:2].all()
    changes = {str(uid): moves.copy_consensus(uid) for uid in (1, 0, 8)}
    for uid, draft in zip((1, 0, 8), moves.drafts(state, RULES, changes, None), strict=True):
        agreed = consensus.copy()
        if uid != owner:
            agreed[uid] = 0
        uids, values = yk.weights_to_u16(agreed / agreed.sum())
        row = draft.apply().weights.to_rows()[uid]
        assert row == list(zip(uids.tolist(), values.tolist(), strict=True))
        assert (uid in dict(row)) == (uid == owner)


def test_no_more_is_moved_than_there_is() -> None:
    state = subnet(weights=yk.SparseRows.from_rows([[(5, 25), (6, 75)], *[[]] * 8]))
    moved, _ = moves.apply(state, RULES, moves.move_share(0, 5, 7, 0.25))
    assert moved.weights.to_rows()[0] == [(6, 65535), (7, 21845)]
    with pytest.raises(yk.InputError, match=r"has on uid 5, 0\.25"):
        moves.apply(state, RULES, moves.move_share(0, 5, 7, 0.26))


@pytest.mark.parametrize("row", ["unsorted", "with a zero"])
def test_rows_that_no_dense_one_is(row: str) -> None:
    """Under liquid alpha the order of a row counts, and an explicit zero: of a row that some changes move and others not."""
    rules = replace(RULES, liquid_alpha=True, liquid_alpha_consensus_mode="current")
    rows = subnet().weights.to_rows()
    rows[0] = rows[0][::-1] if row == "unsorted" else [(uid, 0 if uid == 6 else value) for uid, value in rows[0]]
    state = subnet(weights=yk.SparseRows.from_rows(rows))
    some = {"moved": moves.set_weights(0, {5: 1, 6: 2}), "held": moves.set_stake(1, 900), "gone": moves.drop(2)}
    plain = replace(state, weights=yk.SparseRows.from_rows([sorted(pair for pair in row if pair[1]) for row in rows]))
    got = yk.what_if(state, rules, some, emission=10**9, outputs=STACKED)
    for name, change in some.items():
        changed, _ = moves.apply(state, rules, change)
        result = yk.epoch(changed, rules, emission=10**9)
        assert got[name]["dividends"].tolist() == result.dividends.tolist()
        assert got[name]["emission"].tolist() == result.emission.tolist()
    assert got.now["emission"].tolist() == yk.epoch(state, rules, emission=10**9).emission.tolist()
    assert got.now["emission"].tolist() != yk.epoch(plain, rules, emission=10**9).emission.tolist()


def test_rows_are_made_as_clients_make_them() -> None:
    """Of weights 0.3 and 0.25 the second is sent as 54612, though 54613 is nearer: 65535 is the last factor."""
    draft = moves.Draft(moves.Known(subnet(), RULES, None))
    draft.set_dense(0, np.array([0.3, 0.25, *[0.0] * (N - 2)]))
    uids, values = yk.weights_to_u16({0: 0.3, 1: 0.25})
    assert draft.weights().to_rows()[0] == list(zip(uids.tolist(), values.tolist(), strict=True)) == [(0, 65535), (1, 54612)]


def test_further_epochs(backend: str) -> None:
    state = subnet()
    some = {"copied": moves.copy_consensus(1), "gone": moves.drop(0), "late": moves.delayed(moves.copy_consensus(1), 2)}
    for epochs in (2, 5):
        got = yk.what_if(state, RULES, some, epochs=epochs, emission=9, threads=2, backend=backend)
        now = yk.simulate(state, RULES, epochs=epochs, emission=9, steps="tempo", backend=backend)
        assert got.now["dividends"].tolist() == now.dividends[-1].tolist()
        for k, name in enumerate(("copied", "gone")):
            first, _ = moves.apply(state, RULES, some[name], backend=backend)
            run = yk.simulate(first, RULES, epochs=epochs, emission=9, steps="tempo", backend=backend)
            for output in DEFAULT:
                assert got.then[output][k].tolist() == getattr(run, output)[-1].tolist()
        first, _ = moves.apply(state, RULES, some["copied"], backend=backend)
        weights = [state.weights] * 2 + [first.weights] * (epochs - 2)
        run = yk.simulate(state, RULES, epochs=epochs, emission=9, steps="tempo", weights=weights, backend=backend)
        for output in DEFAULT:
            assert got["late"][output].tolist() == getattr(run, output)[-1].tolist()
    next_epoch = yk.what_if(state, RULES, {"late": some["late"]}, emission=9, backend=backend)
    assert not any(next_epoch.difference(output).any() for output in DEFAULT)


def test_without_an_emission() -> None:
    """Nobody reads of amounts that there are none of: they are not shown, and where they are asked for it is said."""
    got = yk.what_if(subnet(), RULES, CHANGES["copied"])
    assert tuple(got.then) == DEFAULT[:-1]
    assert got.table().caption == ""
    asked = yk.what_if(subnet(), RULES, CHANGES["copied"], outputs=["dividends", "validator_emission"]).table()
    assert asked.caption == "no amount of alpha: the epoch's emission is 0"
    divided = yk.what_if(subnet(), RULES, CHANGES["copied"], emission=10**9).table()
    assert divided.caption == ""
    assert divided.text().splitlines()[1].endswith("emission (alpha)  emission change (alpha)")


def test_is_a_table() -> None:
    got = yk.what_if(subnet(), RULES, {"copied": CHANGES["copied"], "gone": moves.drop(0)}, emission=10**9)
    assert repr(got) == "WhatIf(changes=2, epochs=1, n=9, outputs=validator_trust, incentive, dividends, emission)"
    assert got.uids == (1, 0)
    lines = str(got).splitlines()
    assert lines[0] == "2 changes in the next epoch"
    assert len(lines) == 2 + 3 * 2
    rows = got.to_dict()["rows"]
    assert json.loads(json.dumps(rows)) == rows
    assert rows[2]["change"] == "copied"
    assert rows[2]["dividends"] - rows[0]["dividends"] == rows[2]["dividends_change"]
    assert rows[0]["dividends_change"] is None
    assert "<td>copied</td>" in got._repr_html_()
    assert len(got.table([3])) == 3
    assert yk.what_if(subnet(), RULES, moves.copy_consensus(1)).changes.keys() == {"uid 1 copies the consensus"}
    assert yk.what_if(subnet(), RULES, {"x": moves.hyperparameters(kappa=5)}).uids == tuple(range(N))
    assert yk.what_if(subnet(), RULES, {}, uids=[3, 1]).uids == (3, 1)
    with pytest.raises(ValueError, match="read-only"):
        got.then["dividends"][0, 0] = 1


def test_changes_are_values() -> None:
    for name, change in CHANGES.items():
        assert pickle.loads(pickle.dumps(change)) == change
        assert hash(change) == hash(pickle.loads(pickle.dumps(change))), name
    assert moves.move_share(1, 5, 6, 0.25) == moves.move_share(1, 5, 6, 0.25) != moves.move_share(1, 5, 6, 0.5)
    both = moves.drop(1) + moves.set_stake(2, 7)
    assert repr(both) == "Change(uid 1 leaves, then uid 2 has 7 rao of stake)"
    assert both.uids == (1, 2)
    assert str(moves.Change()) == "nothing"


def test_progress_and_threads() -> None:
    seen: list[tuple[int, int]] = []
    for epochs, owner in ((1, None), (1, 1), (3, 1)):  # two of the changes take the owner away
        state = subnet(owner_uid=owner)
        one = yk.what_if(state, RULES, CHANGES, epochs=epochs, emission=9, threads=1)
        seen.clear()
        two = yk.what_if(state, RULES, CHANGES, epochs=epochs, emission=9, threads=3, progress=lambda *at: seen.append(at))
        assert seen == sorted(set(seen))
        assert {of for _, of in seen} == {len(CHANGES) + 1}
        assert seen[-1][0] == len(CHANGES) + 1
        for output in DEFAULT:
            assert one.then[output].tolist() == two.then[output].tolist()


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"state": 3}, "state"),
        ({"hyperparameters": 3}, "hyperparameters"),
        ({"changes": [moves.drop(1)]}, "changes"),
        ({"changes": {"x": 3}}, "changes"),
        ({"changes": {3: moves.drop(1)}}, "changes"),
        ({"changes": {"x": moves.drop(N)}}, "uid"),
        ({"changes": {"x": moves.set_weights(1, {N: 1})}}, "weights"),
        ({"changes": {"x": moves.move_share(1, 5, 6, 0.9)}}, "share"),
        ({"changes": {"x": moves.add_stake(1, -(10**9))}}, "rao"),
        ({"changes": {"x": moves.set_stake(1, 2**63 - 1)}}, "total_stake"),
        ({"changes": {"x": moves.delayed(moves.drop(1), 2)}}, "epochs"),
        ({"changes": {"x": moves.set_stake(1, 5) + moves.delayed(moves.copy_consensus(1), 2)}}, "epochs"),
        *(
            ({"changes": {"x": change}, "epochs": ahead}, "epochs")
            for ahead in (1, 4)
            for change in (
                moves.delayed(moves.copy_consensus(1), 2) + moves.set_weights(2, {5: 1}),
                moves.delayed(moves.copy_consensus(1), 2) + moves.drop(2),
                moves.delayed(moves.copy_consensus(1), 2) + moves.hyperparameters(kappa=0),
                moves.hyperparameters(kappa=0) + moves.delayed(moves.copy_consensus(1), 2),
                moves.delayed(moves.hyperparameters(kappa=0) + moves.copy_consensus(1), 2),
                moves.delayed(moves.delayed(moves.copy_consensus(1), 2), 2),
            )
        ),
        ({"epochs": 0}, "epochs"),
        ({"emission": -1}, "emission"),
        ({"uids": [N]}, "uids"),
        ({"outputs": "bonds"}, "outputs"),
        ({"outputs": 3}, "outputs"),
        ({"threads": 0}, "threads"),
        ({"progress": 3}, "progress"),
        ({"progress": 3, "epochs": 2}, "progress"),
        ({"backend": "cuda"}, "backend"),
    ],
)
def test_refused(options: dict[str, Any], field: str) -> None:
    arguments: dict[str, Any] = {"state": subnet(), "hyperparameters": RULES, "changes": CHANGES, **options}
    with pytest.raises(yk.InputError) as caught:
        yk.what_if(**arguments)
    assert caught.value.field == field
    if "changes" in options and field not in ("changes", "total_stake"):
        assert "in the change 'x'" in caught.value.rule


@pytest.mark.parametrize("epochs", [1, 2])
def test_what_is_not_known_is_asked_for_by_the_change(epochs: int) -> None:
    """And not by its number, which reads as a uid."""
    unknown = subnet(previous_consensus=None)
    asked = {"gone": moves.drop(1), "liquid": moves.hyperparameters(liquid_alpha=True)}
    with pytest.raises(yk.InputError, match=r"previous_consensus: not known, .* \(in the change 'liquid'\)") as caught:
        yk.what_if(unknown, RULES, asked, epochs=epochs)
    assert caught.value.index is None
    with pytest.raises(yk.InputError, match=r"previous_consensus: not known, .* stored yet$"):
        yk.what_if(unknown, replace(RULES, liquid_alpha=True), moves.hyperparameters(liquid_alpha=False), epochs=epochs)
    yk.what_if(unknown, RULES, {"current": moves.hyperparameters(liquid_alpha=True, bonds_penalty=0)}, epochs=epochs)


def test_a_search_says_of_how_much_a_change_cannot_be_made() -> None:
    silent = subnet(weights=yk.SparseRows.empty(N))
    with pytest.raises(yk.InputError, match=r"no consensus to blend with.* \(in the change '0 65535ths'\)"):
        search.blend_for_trust(silent, RULES, 1, 0.5)


def test_a_change_cannot_take_the_place_of_what_is() -> None:
    with pytest.raises(yk.InputError, match="changes: expected another name than 'as it is'"):
        yk.what_if(subnet(), RULES, {"as it is": moves.drop(1), "gone": moves.drop(2)})


def test_one_uid_is_enough() -> None:
    got = yk.what_if(subnet(), RULES, CHANGES["copied"], uids=7)
    assert got.uids == (7,)
    assert got.table(3).columns["uid"] == [3, 3]
    with pytest.raises(yk.InputError, match=r"uids\[1\]: expected an integer from 0 to 8, got 9"):
        got.table([0, N])


def test_refused_changes() -> None:
    makers: list[tuple[Any, str]] = [
        (lambda: moves.set_weights(-1, {1: 1}), "uid"),
        (lambda: moves.set_weights(1, [1, 2]), "weights"),
        (lambda: moves.set_weights(1, ([1, 1], [2, 2])), "weights"),
        (lambda: moves.set_weights(1, {1: float("nan")}), "weights"),
        (lambda: moves.move_share(1, 2, 3, 1.5), "share"),
        (lambda: moves.move_share(1, 2, 3, True), "share"),
        (lambda: moves.toward_consensus(1, float("nan")), "share"),
        (lambda: moves.toward_consensus(1, np.float32("nan")), "share"),  # type: ignore[arg-type]
        (lambda: moves.toward_consensus(1, np.timedelta64(1, "s")), "share"),  # type: ignore[arg-type]
        (lambda: moves.toward_consensus(1, "half"), "share"),  # type: ignore[arg-type]
        (lambda: moves.set_stake(1, -1), "rao"),
        (lambda: moves.delayed(3, 1), "change"),  # type: ignore[arg-type]
        (lambda: moves.delayed(moves.drop(1), -1), "epochs"),
        (lambda: moves.hyperparameters(kapa=1), "kapa"),
        (lambda: moves.hyperparameters(kappa=70000), "kappa"),
        (lambda: moves.apply(subnet(), RULES, 3), "change"),  # type: ignore[arg-type]
        (lambda: moves.apply(subnet(), RULES, moves.delayed(CHANGES["copied"], 1)), "change"),
        (lambda: moves.apply(subnet(weights=yk.SparseRows.empty(N)), RULES, CHANGES["copied"]), "share"),
    ]
    for k, (make, field) in enumerate(makers):
        with pytest.raises(yk.InputError) as caught:
            make()
        assert caught.value.field == field, k
    with pytest.raises(TypeError):
        _ = moves.drop(1) + 3


@pytest.mark.parametrize(
    ("field", "value"),
    [("make", 5), ("holds", None), ("largest", "yes"), ("state", None), ("low", -1), ("high", 4)],
)
def test_refused_search(field: str, value: Any) -> None:
    arguments: dict[str, Any] = {"make": of, "holds": lambda outputs: True, "low": 5, "high": 9, "largest": False}
    with pytest.raises(yk.InputError) as caught:
        search.least(**{"state": subnet(), "hyperparameters": RULES, **arguments, field: value})
    assert caught.value.field == field


def of(units: int) -> moves.Change:
    return moves.set_stake(1, units)


# -- searches: one unit less does not have it, one unit more keeps it


def trust_at(state: yk.SubnetState, uid: int, units: int) -> int:
    changed, _ = moves.apply(state, RULES, moves.toward_consensus(uid, units / 65535))
    return int(yk.epoch(changed, RULES).validator_trust[uid])


def test_blend_for_trust() -> None:
    state = subnet()
    assert trust_at(state, 1, 0) < 0.5 * 65535
    for trust in (0.5, 0.9, 60000):
        found = search.blend_for_trust(state, RULES, 1, trust)
        target = trust if isinstance(trust, int) else trust * 65535
        assert found.value is not None
        assert trust_at(state, 1, found.value) >= target > trust_at(state, 1, found.value - 1)
        assert trust_at(state, 1, found.value + 1) >= target
        assert found.monotone
        assert found.share == found.value / 65535
        assert found.change == moves.toward_consensus(1, found.share)
        assert str(found).startswith("the least blend with the consensus that brings uid 1 a trust of")
    assert search.blend_for_trust(state, RULES, 1, 0).value == 0
    given: tuple[Any, ...] = (1, 95, np.int64(100))
    for percents in given:
        with pytest.raises(yk.InputError, match=rf"trust: .*got {percents}: {percents / 100} is {percents} %"):
            search.blend_for_trust(state, RULES, 1, percents)
    assert search.blend_for_trust(state, RULES, 1, 101) == search.blend_for_trust(state, RULES, 1, 101 / 65535)
    none = search.blend_for_trust(state, RULES, 4, 1.0)  # without a permit its trust is 0
    assert (none.value, none.change) == (None, None)
    assert str(none).endswith(" (it has no permit in this epoch): nowhere from 0 to 65535 (65535ths)")
    assert "no permit" not in str(search.blend_for_trust(replace(state, owner_uid=4), RULES, 4, 0.5))


def test_stake_for_permit() -> None:
    state = subnet()
    found = search.stake_for_permit(state, RULES, 5)
    threshold = yk.permit_threshold(state, RULES)
    assert found.value == threshold.of(5)
    assert found.monotone
    for rao, holds in ((0, True), (-1, False), (1, True)):
        changed, _ = moves.apply(state, RULES, moves.set_stake(5, found.value + rao))  # type: ignore[operator]
        assert yk.epoch(changed, RULES).validator_permit[5] == holds


def test_stake_for_permit_near_the_most_that_there_is() -> None:
    """Of all that stakes may come to together, more than half."""
    other = 2**62 - 2**33
    state = subnet(total_stake=yk.stake_from_rao([other, *[0] * (N - 1)]))
    rules = replace(RULES, max_allowed_validators=1)
    found = search.stake_for_permit(state, rules, 5)
    assert found.value is not None
    assert found.value > found.high // 2
    assert found.value == yk.permit_threshold(state, rules).of(5)
    own, _ = moves.apply(state, rules, moves.set_stake(5, found.value + 2**32))
    less, _ = moves.apply(own, rules, moves.set_stake(0, other - 2**33))
    assert search.stake_for_permit(less, rules, 5).value == yk.permit_threshold(less, rules).of(5)


def test_all_of_a_stake_may_go() -> None:
    state = subnet()
    held = int(state.total_stake[1, 1])
    assert moves.apply(state, RULES, moves.add_stake(1, -held))[0].total_stake[1, 1] == 0
    with pytest.raises(yk.InputError, match="rao: expected uid 1 to be left with 0 to"):
        moves.apply(state, RULES, moves.add_stake(1, -held - 1))


def test_share_before_clip() -> None:
    state = subnet()

    def clipped(units: int) -> bool:
        changed, _ = moves.apply(state, RULES, moves.give_share(1, 6, units / 65535))
        trace: Any = yk.epoch(changed, RULES, trace=True).trace
        pairs = dict(trace["weights"].to_rows()[1]), dict(trace["clipped"].to_rows()[1])
        return bool(pairs[0].get(6, 0) != pairs[1].get(6, 0))

    found = search.share_before_clip(state, RULES, 1, 6)
    assert found.value is not None
    assert not clipped(found.value)
    assert clipped(found.value + 1)
    assert 0 < found.share < 0.5
    with pytest.raises(yk.InputError, match="does not count"):
        search.share_before_clip(state, RULES, 4, 6)


@pytest.mark.parametrize("largest", [False, True])
def test_where_it_is_not_monotone(largest: bool) -> None:
    """It says so, and the answer is still next to one that differs."""
    asked: list[int] = []
    edges = (2000, 5000, 9000, 40000)

    def holds(units: int) -> bool:
        asked.append(units)
        return edges[0] <= units < edges[1] or edges[2] <= units < edges[3]

    found = search._found("q", "units", of, lambda points: [holds(p) for p in points], 0, 65535, largest)
    assert found.value == (edges[3] - 1 if largest else edges[0])
    assert not found.monotone
    for a, b in found.lost:
        assert not holds(a)
        assert not holds(b)
    assert len(found.lost) == 2
    assert "and not at" in str(found)
    assert len(found.asked) == len(dict(found.asked)) < 300
    assert found.to_dict()["value"] == found.value
    assert len(found.table()) == len(found.asked)


def test_least_of_any_range() -> None:
    for high in (0, 1, 2, 64, 65, 66, 1000, 6500):  # of the last, the second points lie one or two apart
        for edge in sorted({0, 1, high // 2, high, high + 1, *range(0, high, 97)}):
            for largest in (False, True):

                def answers(points: Any, edge: int = edge, largest: bool = largest) -> list[bool]:
                    return [p < edge if largest else p >= edge for p in points]

                found = search._found("q", "units", of, answers, 0, high, largest)
                want = (min(edge, high + 1) - 1 if edge else None) if largest else (edge if edge <= high else None)
                assert found.value == want, (high, edge, largest)
                assert found.monotone
