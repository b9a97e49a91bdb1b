"""simulate: the same as one epoch after the other, each from what the one before it stored."""

from __future__ import annotations

import copy
import json
import pickle
import warnings
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import yuma_kernel as yk
from test_instruction_sets import subnets
from test_types import refused
from yuma_kernel.kernel import consecutive
from yuma_kernel.results import STACKED
from yuma_kernel.simulation import period

CASES = [(state, h) for state, h in subnets(80) if state.n > 10][:12]


def stepwise(
    state: yk.SubnetState, rules: list[yk.Hyperparameters], emissions: list[int], given: list[dict[str, Any]], backend: str
) -> tuple[list[yk.EpochResult], yk.SubnetState]:
    results = []
    for h, emission, changes in zip(rules, emissions, given, strict=True):
        state = replace(state, **changes)
        result = yk.epoch(state, h, emission=emission, backend=backend)
        results.append(result)
        state = replace(
            state, bonds=result.bonds, validator_permit=result.validator_permit, previous_consensus=result.consensus
        )
    return results, state


def held_to(got: yk.Simulation, results: list[yk.EpochResult], last: yk.SubnetState, every: int) -> None:
    kept = list(range(every - 1, len(results), every))
    assert got.epochs.tolist() == kept
    for name in STACKED:
        rows = getattr(got, name)
        assert rows.shape == (len(kept), last.n)
        assert rows.dtype == getattr(results[0], name).dtype
        assert [row.tolist() for row in rows] == [getattr(results[k], name).tolist() for k in kept], name
    if got.bonds is not None:
        assert list(got.bonds) == [results[k].bonds for k in kept]
    assert got.state == last


@pytest.mark.parametrize("every", [1, 2, 3, 7])
@pytest.mark.parametrize("bonds", [False, True])
def test_held(backend: str, every: int, bonds: bool) -> None:
    epochs = 7
    cases = CASES if backend != "reference" else CASES[:3]
    for state, h in cases:
        results, last = stepwise(state, [h] * epochs, [5] * epochs, [{}] * epochs, backend)
        got = yk.simulate(state, h, epochs=epochs, emission=5, every=every, bonds=bonds, backend=backend)
        held_to(got, results, last, every)
        assert (got.bonds is not None) == bonds
        assert got.blocks.tolist() == [state.current_block] * (epochs // every)


@pytest.mark.parametrize("chunk", [1, 2, 5, 64])
def test_given(backend: str, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that may be given, on every backend, over calls of the kernel of several lengths."""
    monkeypatch.setattr(consecutive, "CHUNK", chunk)
    monkeypatch.setattr(consecutive, "LONG_ENTRIES", 0)
    epochs = 11
    random = np.random.default_rng(5)
    others = [state.weights for state, _ in subnets(400) if state.n == 33][:4]
    state, _ = next((s, h) for s, h in subnets(400) if s.n == 33 and s.bonds.uid.size)
    n = state.n
    weights = [others[k % len(others)] for k in range(epochs)]
    stake = [yk.stake_from_rao(random.integers(0, 10**12, n)) for _ in range(epochs)]
    dates = {name: random.integers(80, 140, (epochs, n)).astype(np.uint64) for name in ("last_update", "commit_block")}
    dates["block_at_registration"] = random.integers(0, 120, (epochs, n)).astype(np.uint64)
    permits = random.random((epochs, n)) < 0.8
    blocks = [int(b) for b in np.cumsum(random.integers(1, 9, epochs)) + 100]
    rules = [
        yk.Hyperparameters(yuma3=bool(k % 3), liquid_alpha=bool(k % 2), bonds_penalty=[0, 65535, 9][k % 3], tempo=7)
        for k in range(epochs)
    ]
    given: list[dict[str, Any]] = [
        {
            "weights": weights[k],
            "total_stake": stake[k],
            "validator_permit": permits[k],
            "current_block": blocks[k],
            "last_mechanism_step_block": blocks[k] - 3,
            "last_yuma_step_block": blocks[k] - 2,
            **{name: rows[k] for name, rows in dates.items()},
        }
        for k in range(epochs)
    ]
    emissions = [10**9 + k for k in range(epochs)]
    results, last = stepwise(state, rules, emissions, given, backend)
    options: dict[str, Any] = {
        "weights": weights,
        "total_stake": np.stack(stake),
        "validator_permit": permits,
        "current_block": blocks,
        "last_mechanism_step_block": np.array(blocks) - 3,
        "last_yuma_step_block": np.array(blocks) - 2,
        "emission": emissions,
        **dates,
    }
    got = yk.simulate(state, rules, epochs=epochs, bonds=True, backend=backend, **options)
    held_to(got, results, last, 1)
    del options["validator_permit"]
    for changes in given:
        del changes["validator_permit"]
    results, last = stepwise(state, rules, emissions, given, backend)
    held_to(yk.simulate(state, rules, epochs=epochs, every=4, bonds=True, backend=backend, **options), results, last, 4)


@pytest.mark.parametrize("chunk", [1, 2, 3, 64])
@pytest.mark.parametrize("every", [2, 3, 5, 100])
def test_ends_with_what_an_epoch_stored_that_is_not_kept(
    backend: str, every: int, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One permit, which goes from uid to uid, so that no two epochs after each other store the same."""
    monkeypatch.setattr(consecutive, "CHUNK", chunk)
    monkeypatch.setattr(consecutive, "LONG_ENTRIES", 0)
    n, h, most = 4, yk.Hyperparameters(max_allowed_validators=1, kappa=20_000), 3 if backend == "reference" else 9
    rows = yk.SparseRows.from_rows([[(1, 5)], [], [], []])
    state = yk.SubnetState(rows, rows, yk.stake_from_rao([5] * n), [9] * n, [1] * n, [True] * n, 10, previous_consensus=[])
    stakes = [yk.stake_from_rao([9 if uid == k % n else 5 for uid in range(n)]) for k in range(most)]
    weights = [yk.SparseRows.from_rows([[(1, 70), (2, 1 + 7 * k)] for _ in range(n)]) for k in range(most)]
    given = [{"weights": w, "total_stake": stake} for w, stake in zip(weights, stakes, strict=True)]
    results, _ = stepwise(state, [h] * most, [0] * most, given, backend)
    assert all(a.consensus.tobytes() != b.consensus.tobytes() for a, b in pairwise(results))
    for k, result in enumerate(results):
        changed: dict[str, Any] = {"weights": weights[: k + 1], "total_stake": np.stack(stakes[: k + 1])}
        last = yk.simulate(state, h, epochs=k + 1, every=every, backend=backend, **changed).state
        assert last.validator_permit.tolist() == [uid == k % n for uid in range(n)]
        assert last.previous_consensus is not None
        assert last.previous_consensus.tolist() == result.consensus.tolist()


@pytest.mark.parametrize("chunk", [1, 2, 5, 64])
@pytest.mark.parametrize("every", [1, 3, 4])
def test_permits_that_are_not_kept_say_who_is_active(
    backend: str, every: int, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the tempo, with a cutoff of a tempo: active is who held the one permit, which goes from uid to uid."""
    monkeypatch.setattr(consecutive, "CHUNK", chunk)
    monkeypatch.setattr(consecutive, "LONG_ENTRIES", 0)
    n, epochs, h = 4, 12, yk.Hyperparameters(max_allowed_validators=1, tempo=100, activity_cutoff=100)
    rows = yk.SparseRows.from_rows([[(1, 5)] for _ in range(n)])
    state = yk.SubnetState(rows, rows, yk.stake_from_rao([5] * n), [9] * n, [1] * n, [True] * n, 10, previous_consensus=[])
    stakes = np.stack([yk.stake_from_rao([9 if uid == k % n else 5 for uid in range(n)]) for k in range(epochs)])
    got = yk.simulate(state, h, epochs=epochs, total_stake=stakes, steps="tempo", every=every, backend=backend)
    held = [[k == 0 or uid == (k - 1) % n for uid in range(n)] for k in range(epochs)]
    assert got.active.tolist() == [held[k] for k in got.epochs.tolist()]


def test_bonds_in_ever_more_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights that are new in every epoch leave bonds where they stood: the room for bonds grows as they do."""
    grown: list[int] = []
    original = consecutive._Bonds.grown

    def counted(self: consecutive._Bonds, room: int, epoch: int) -> consecutive._Bonds:
        grown.append(room)
        return original(self, room, epoch)

    monkeypatch.setattr(consecutive._Bonds, "grown", counted)
    n, epochs = 40, 30
    weights = [yk.SparseRows.from_rows([[((i + k) % n, 9)] for i in range(n)]) for k in range(epochs)]
    state = yk.SubnetState(
        weights[0], yk.SparseRows.empty(n), yk.stake_from_rao([7] * n), [9] * n, [0] * n, [True] * n, 10, 5, 3
    )
    h = yk.Hyperparameters(bonds_penalty=0, bonds_moving_average=990_000)
    results, last = stepwise(state, [h] * epochs, [0] * epochs, [{"weights": w} for w in weights], "c")
    for bonds in (False, True):
        held_to(yk.simulate(state, h, epochs=epochs, weights=weights, bonds=bonds), results, last, 1)
    assert grown
    assert last.bonds.uid.size > 10 * n


def by_tempo(
    state: yk.SubnetState, rules: list[yk.Hyperparameters], backend: str, permits: Any = None
) -> tuple[list[yk.EpochResult], yk.SubnetState, list[int]]:
    """In plain steps: who holds a permit has set its weights in the block before each epoch."""
    results, blocks = [], []

    def freshened(state: yk.SubnetState, h: yk.Hyperparameters) -> yk.SubnetState:
        holds = np.array(state.validator_permit)
        if state.owner_uid is not None and h.rules.owner_permit:
            holds[state.owner_uid] = True
        dates = [max(u, state.current_block - 1) if p else u for u, p in zip(state.last_update.tolist(), holds, strict=True)]
        return replace(state, last_update=np.array(dates, np.uint64))

    for k, h in enumerate(rules):
        if permits is not None:
            state = replace(state, validator_permit=permits[k])
        state = freshened(state, h)
        result = yk.epoch(state, h, emission=5, backend=backend)
        results.append(result)
        block = state.current_block
        blocks.append(block)
        state = replace(
            state,
            bonds=result.bonds,
            validator_permit=result.validator_permit,
            previous_consensus=result.consensus,
            current_block=block + h.tempo + (h.profile < 423),
            last_mechanism_step_block=block,
            last_yuma_step_block=None if state.last_yuma_step_block is None else block,
        )
    return results, freshened(state, rules[-1]), blocks


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("profile", [475, 425, 401, 233])
def test_steps_by_tempo(backend: str, profile: int, every: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consecutive, "CHUNK", 4)
    monkeypatch.setattr(consecutive, "LONG_ENTRIES", 0)
    epochs, moved = 9, 0
    for state, h in CASES[:2] if backend == "reference" else CASES:
        few = replace(h, profile=profile, tempo=50, activity_cutoff=70, max_allowed_validators=state.n // 2)
        rules = [replace(few, tempo=50 + k % 3) for k in range(epochs)]
        results, last, blocks = by_tempo(state, rules, backend)
        got = yk.simulate(state, rules, epochs=epochs, emission=5, steps="tempo", every=every, bonds=True, backend=backend)
        assert got.blocks.tolist() == blocks[every - 1 :: every]
        held_to(got, results, last, every)
        moved += bool(0 < got.active[-1].sum() < state.n)
        permits = np.random.default_rng(1).random((epochs, state.n)) < 0.5
        results, last, _ = by_tempo(state, rules, backend, permits)
        got = yk.simulate(
            state, rules, epochs=epochs, emission=5, steps="tempo", bonds=True, backend=backend, validator_permit=permits
        )
        held_to(got, results, last, 1)
    assert moved
    state, h = CASES[0]
    half = yk.simulate(state, replace(h, profile=profile), epochs=4, steps="tempo", backend=backend)
    whole = yk.simulate(state, replace(h, profile=profile), epochs=8, steps="tempo", backend=backend)
    assert (
        yk.simulate(half.state, replace(h, profile=profile), epochs=4, steps="tempo", backend=backend).state == whole.state
    )


def test_a_thousand_epochs_end_with_dividends() -> None:
    state, h = lively()
    got = yk.simulate(state, h, epochs=1000, steps="tempo")
    assert got.dividends[-1].any()
    assert got.blocks[-1] == state.current_block + 999 * h.tempo


def lively() -> tuple[yk.SubnetState, yk.Hyperparameters]:
    """Two validators, and a third uid with a permit that has no stake; all weights of block 9."""
    rows = yk.SparseRows.from_rows([[(3, 5), (4, 9)], [(3, 9), (4, 5)], [], [], []])
    stake = yk.stake_from_rao([5, 5, 0, 0, 0])
    permits = [True, True, True, False, False]
    state = yk.SubnetState(rows, rows, stake, [9, 7, 900, 900, 900], [1] * 5, permits, 10, previous_consensus=[])
    return state, yk.Hyperparameters(tempo=10, activity_cutoff=25)


@pytest.mark.parametrize("every", [1, 7])
def test_warns_when_the_last_validator_goes_inactive(backend: str, every: int, monkeypatch: pytest.MonkeyPatch) -> None:
    state, h = lively()
    blocks = [10, 20, 30, 34, 35, 40, 50]
    for chunk in (1, 2, 64):
        monkeypatch.setattr(consecutive, "CHUNK", chunk)
        monkeypatch.setattr(consecutive, "LONG_ENTRIES", 0)
        with pytest.warns(yk.InactiveWarning, match=r"from epoch 4 \(block 35\) on no validator") as caught:
            got = yk.simulate(state, h, epochs=7, current_block=blocks, every=every, backend=backend)
        assert len(caught) == 1
        assert caught[0].filename == __file__
        assert got.blocks.tolist() == blocks[every - 1 :: every]
    yk.simulate(state, h, epochs=4, current_block=blocks[:4], backend=backend)
    fresh = np.array(blocks)[:, None] - np.ones(5, int)
    yk.simulate(state, h, epochs=7, current_block=blocks, last_update=fresh, backend=backend)
    yk.simulate(state, h, epochs=9, steps="tempo", backend=backend)
    # none of them ever was, or none holds a permit: there is nobody to go
    yk.simulate(state, h, epochs=3, current_block=[1000, 1010, 1020], backend=backend)
    none = np.zeros((7, 5), np.bool_)
    yk.simulate(state, h, epochs=7, current_block=blocks, validator_permit=none, backend=backend)


def test_a_stake_at_the_threshold_is_one_that_goes(backend: str) -> None:
    state, h = lively()
    for threshold, warned in ((5, True), (6, False)):
        rules = replace(h, stake_threshold=threshold)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yk.simulate(state, rules, epochs=3, current_block=[10, 30, 50], backend=backend)
        assert [w.category for w in caught] == [yk.InactiveWarning] * warned


def test_warns_where_permits_were_gone_in_between(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Active in the first epoch, nobody with a permit in the second, all inactive from the third on."""
    state, h = lively()
    permits = np.array([state.validator_permit, [False] * 5, state.validator_permit])
    for chunk in (1, 2, 64):
        monkeypatch.setattr(consecutive, "CHUNK", chunk)
        monkeypatch.setattr(consecutive, "LONG_ENTRIES", 0)
        with pytest.warns(yk.InactiveWarning, match=r"from epoch 2 \(block 50\) on no validator"):
            yk.simulate(state, h, epochs=3, current_block=[10, 30, 50], validator_permit=permits, backend=backend)


def test_steps_by_tempo_at_the_ends_of_u64(backend: str) -> None:
    """Before block 0 there is none in which weights could have been set; no state has the block of an epoch beyond u64."""
    state, h = lively()
    zeros = np.zeros(5, np.uint64)
    first = replace(state, current_block=0, last_update=zeros, block_at_registration=zeros)
    got = yk.simulate(first, h, epochs=1, steps="tempo", backend=backend)
    alone = yk.epoch(first, h, backend=backend)
    assert not alone.incentive.any()  # weights of the block in which a uid registered do not count
    assert got.incentive[0].tolist() == alone.incentive.tolist()
    assert (got.state.current_block, got.state.last_update.tolist()) == (10, [9, 9, 0, 0, 0])
    last = replace(state, current_block=2**64 - 11)
    got = yk.simulate(last, h, epochs=1, steps="tempo", backend=backend)
    assert (got.blocks.tolist(), got.state.current_block) == ([2**64 - 11], 2**64 - 1)
    beyond = replace(state, current_block=2**64 - 10)
    refused(lambda: yk.simulate(beyond, h, epochs=1, steps="tempo", backend=backend), "current_block", None, "within u64")


@pytest.mark.parametrize(("profile", "owner"), [(475, 0), (401, 0), (365, None), (257, None), (233, 0)])
def test_whose_stake_counts_before_it_warns(profile: int, owner: int | None, backend: str) -> None:
    """The owner's below the threshold where it has the privilege, everybody's where a profile has no threshold."""
    state, h = lively()
    blocks = [10, 20, 30, 34, 35, 40, 50]
    rules = replace(h, profile=profile, stake_threshold=6)
    if profile != 365:
        with pytest.warns(yk.InactiveWarning, match=r"from epoch 4 \(block 35\) on no validator"):
            yk.simulate(replace(state, owner_uid=owner), rules, epochs=7, current_block=blocks, backend=backend)
        return
    yk.simulate(replace(state, owner_uid=0), rules, epochs=7, current_block=blocks, backend=backend)  # nobody's counts


def test_no_epoch_kept() -> None:
    state, h = CASES[0]
    got = yk.simulate(state, h, epochs=2, every=5, bonds=True)
    assert len(got) == 0
    assert got.incentive.shape == (0, state.n)
    assert got.bonds == ()
    assert got.state == yk.simulate(state, h, epochs=2).state


def test_goes_on_from_its_state() -> None:
    state, h = CASES[1]
    half = yk.simulate(state, h, epochs=4)
    assert yk.simulate(half.state, h, epochs=4).state == yk.simulate(state, h, epochs=8).state


def test_progress(backend: str) -> None:
    state, h = CASES[0]
    seen: list[tuple[int, int]] = []
    yk.simulate(state, h, epochs=150 if backend == "c" else 4, backend=backend, progress=lambda *at: seen.append(at))
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert seen[-1][0] == seen[-1][1]
    assert len(seen) > 1

    def stop(done: int, epochs: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        yk.simulate(state, h, epochs=150, backend=backend, progress=stop)


def test_is_a_value() -> None:
    state, h = CASES[2]
    got = yk.simulate(state, h, epochs=3, bonds=True)
    assert pickle.loads(pickle.dumps(got)) == got == copy.deepcopy(got)
    with pytest.raises(ValueError, match="read-only"):
        got.incentive[0, 0] = 1


EMISSION = 41 * 10**9


def test_prints_when_it_ran_and_who_earns_most() -> None:
    state, h = CASES[2]
    block = state.current_block
    got = yk.simulate(state, h, epochs=6, steps="tempo", every=2, emission=EMISSION)
    last = yk.epoch(yk.simulate(state, h, epochs=5, steps="tempo").state, h, emission=EMISSION)
    earned = repr(last).partition("; ")[2].removesuffix(")")
    blocks = f"blocks {block + period(h)} to {block + 5 * period(h)}"
    assert repr(got).startswith(f"Simulation(kept=3, n={state.n}, {blocks}; the last: emission=")
    assert repr(got).endswith(f" alpha; {earned})")
    still = repr(yk.simulate(state, h, epochs=3))
    assert still.startswith(f"Simulation(kept=3, n={state.n}, block {block}; the last: no emission; most incentive: uid ")
    least = yk.simulate(state, h, epochs=2, emission=[EMISSION, 0])
    best = int(np.argmax(least.incentive[1].astype(int) + least.dividends[1]))
    assert f"<tr><td>{best}</td>" in least._repr_html_().partition("</tr>")[2][:30]  # by what they would get
    nothing = yk.simulate(state, h, epochs=1, every=2)
    assert repr(nothing) == f"Simulation(kept=0, n={state.n})"
    assert nothing._repr_html_() == f"<table><caption>Simulation(kept=0, n={state.n})</caption></table>"

    html = got._repr_html_()
    assert f"<caption>3 epochs of {state.n} uids, {blocks}; the last: emission=" in html
    most = int(np.argmax(got.emission[-1]))
    amounts = [f"<td>{int(got.emission[k, most]) / 10**9:,.3f}</td>" for k in (0, -1)]
    shares = [f"<td>{int(getattr(got, name)[-1, most]) / 65535:.4f}</td>" for name in ("incentive", "dividends")]
    assert f"<tr><td>{most}</td>{''.join(amounts + shares)}" in html
    assert "<th>emission in epoch 1, alpha</th><th>emission in epoch 5, alpha</th><th>incentive</th>" in html
    assert html.count("<tr>") == 1 + min(10, state.n)
    assert (f"<p>and {state.n - 10} more</p>" in html) == (state.n > 10)


@pytest.mark.parametrize("bonds", [False, True])
def test_as_plain_python_floats_and_a_frame(bonds: bool) -> None:
    state, h = CASES[2]
    got = yk.simulate(state, h, epochs=4, steps="tempo", every=2, emission=2**64 - 1, bonds=bonds)
    whole = json.loads(json.dumps(got.to_dict()))
    assert list(whole) == ["epochs", "blocks", *STACKED, *(["bonds"] if bonds else [])]
    assert whole["epochs"] == [1, 3]
    assert whole["blocks"] == [state.current_block + period(h), state.current_block + 3 * period(h)]
    for name in STACKED:
        assert whole[name] == getattr(got, name).tolist()
    if got.bonds is not None:
        assert [yk.SparseRows.from_rows(rows) for rows in whole["bonds"]] == list(got.bonds)
    floats = got.as_floats()
    assert list(floats) == list(STACKED)
    assert floats["emission"].tolist() == [[rao / 10**9 for rao in row] for row in got.emission.tolist()]
    assert floats["incentive"].tolist() == [[share / 65535 for share in row] for row in got.incentive.tolist()]
    assert floats["active"].tolist() == got.active.tolist()
    floats["active"][0, 0] = not floats["active"][0, 0]  # the caller's own
    assert got.active.tolist() == whole["active"]

    pandas = pytest.importorskip("pandas", exc_type=ImportError)
    frame = got.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == ["block", *STACKED]
    assert frame.index.names == ["epoch", "uid"]
    assert frame.index.tolist() == [(epoch, uid) for epoch in (1, 3) for uid in range(state.n)]
    assert frame["block"].tolist() == [block for block in whole["blocks"] for _ in range(state.n)]
    assert frame.loc[3, "emission"].tolist() == whole["emission"][1]
    assert frame["emission"].dtype == np.uint64
    assert got.to_frame("float").loc[3, "dividends"].tolist() == got.as_floats()["dividends"][1].tolist()
    frame.loc[(3, 0), "emission"] = 1  # the caller's own
    assert got.emission.tolist() == whole["emission"]
    for wrong in ("rao", None):
        refused(lambda wrong=wrong: got.to_frame(wrong), "units", None, "chain or float")  # type: ignore[misc]


@pytest.mark.parametrize(
    ("options", "field", "index"),
    [
        ({"epochs": 0}, "epochs", None),
        ({"every": 0}, "every", None),
        ({"bonds": 3}, "bonds", None),
        ({"emission": [1, 2]}, "emission", None),
        ({"emission": None}, "emission", None),
        ({"emission": [1, -2, 3]}, "emission", 1),
        ({"current_block": [1, 2, 2**64]}, "current_block", 2),
        ({"current_block": "abc"}, "current_block", None),
        ({"last_update": np.zeros((2, 5))}, "last_update", None),
        ({"last_update": [1, 2, 3]}, "last_update", None),
        ({"validator_permit": np.full((3, 5), 2)}, "validator_permit", (0, 0)),
        ({"total_stake": np.full((3, 5, 2), 2**62)}, "total_stake", (0,)),
        ({"total_stake": [[[0, 5]] * 5, [[0, 5]] * 3 + [[0, 2**63]] + [[0, 5]], [[0, 5]] * 5]}, "total_stake", (1, 3)),
        ({"weights": [yk.SparseRows.empty(5)] * 2}, "weights", None),
        ({"weights": [yk.SparseRows.empty(5), 3, yk.SparseRows.empty(5)]}, "weights[1]", None),
        ({"weights": yk.SparseRows.empty(4)}, "weights", None),
        ({"weights": np.array(1).data}, "weights", None),
        ({"progress": 3}, "progress", None),
        ({"steps": "blocks"}, "steps", None),
        ({"steps": "tempo", "current_block": 5}, "current_block", None),
        ({"steps": "tempo", "last_mechanism_step_block": 5}, "last_mechanism_step_block", None),
        ({"steps": "tempo", "last_yuma_step_block": 5}, "last_yuma_step_block", None),
        ({"steps": "tempo", "last_update": np.zeros((3, 5))}, "last_update", None),
        ({"steps": "tempo", "hyperparameters": yk.Hyperparameters(tempo=0)}, "tempo", None),
        ({"steps": "tempo", "hyperparameters": [yk.Hyperparameters()] * 2 + [yk.Hyperparameters(tempo=0)]}, "tempo", 2),
        ({"steps": "tempo", "hyperparameters": yk.Hyperparameters(tempo=2**63)}, "current_block", None),
        ({"backend": "cuda"}, "backend", None),
    ],
)
def test_refused(options: Any, field: str, index: Any) -> None:
    rows = yk.SparseRows.from_rows([[(1, 5)], [], [], [], []])
    state = yk.SubnetState(rows, yk.SparseRows.empty(5), yk.stake_from_rao([5] * 5), [9] * 5, [1] * 5, [True] * 5, 10)
    with pytest.raises(yk.InputError) as caught:
        yk.simulate(state, **{"hyperparameters": yk.Hyperparameters(), "epochs": 3, **options})
    assert (caught.value.field, caught.value.index) == (field, index)
    with pytest.raises(yk.InputError) as caught:
        yk.simulate(state, [yk.Hyperparameters(), None, 3], epochs=3)  # type: ignore[list-item]
    assert (caught.value.field, caught.value.index) == ("hyperparameters", 1)


def test_series(variant: str, shared_data: Path) -> None:
    """100 recorded epochs of subnet 31, as tests/test_real.py replays them step by step."""
    with np.load(shared_data / "sn31_series.npz") as series:
        data = {name: series[name] for name in series.files}
    rules = json.loads(str(data["meta"]))["hyperparameters"]
    assert (rules.pop("current_block"), rules.pop("owner_uid")) == ("blocks[t]", -1)
    emission, last_step = rules.pop("emission"), rules.pop("last_mechanism_step_block")
    epochs = len(data["blocks"])
    weights = [yk.SparseRows.from_dense(np.where(data["has_row"][t][:, None], data["weights"][t], 0)) for t in range(epochs)]
    stake = yk.stake_from_rao(data["stake_rao"])
    state = yk.SubnetState(
        weights=weights[0],
        bonds=yk.SparseRows.empty(256),
        total_stake=stake,
        last_update=data["last_update"][0],
        block_at_registration=data["block_at_registration"][0],
        validator_permit=data["validator_permit"][0],
        current_block=data["blocks"][0],
        last_mechanism_step_block=last_step,
    )
    got = yk.simulate(
        state,
        yk.Hyperparameters(**rules),
        epochs=epochs,
        weights=weights,
        last_update=data["last_update"],
        block_at_registration=data["block_at_registration"],
        validator_permit=data["validator_permit"],
        current_block=data["blocks"],
        emission=emission,
        backend=variant.partition("/")[0],
    )
    assert epochs == 100
    for name in ("consensus", "incentive", "dividends", "validator_trust"):
        assert np.array_equal(getattr(got, name), data[f"expect_{name}"]), name
    assert got.dividends.any(axis=1).sum() > 50
