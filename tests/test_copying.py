"""Copied weights: cases derived by hand, cells against plain epochs, series, workers, folders and pictures."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest

import yuma_kernel as yk
from chunks import Stopped, counted, stopping
from yuma_kernel.studies import BOUNDS, Copying, Curve, Series, copying, generated_series
from yuma_kernel.studies import weight_copying as module

ONE = 1 << 32


def series_of(rows: list[list[list[tuple[int, int]]]], stakes: list[int], **rules: Any) -> Series:
    """A series in which each epoch has these rows, of validators that all hold a permit and are always fresh."""
    count, n = len(rows), len(stakes)
    blocks = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(360)
    permits = np.broadcast_to(np.array(stakes) > 0, (count, n))
    return Series(
        weights=[yk.SparseRows.from_rows(epoch) for epoch in rows],
        total_stake=yk.stake_from_rao(stakes),
        last_update=np.broadcast_to((blocks - np.uint64(1))[:, None], (count, n)),
        block_at_registration=np.zeros((count, n), np.uint64),
        validator_permit=permits,
        blocks=blocks,
        hyperparameters=yk.Hyperparameters(max_allowed_validators=n, commit_reveal=False, **rules),
    )


def same(a: Copying, b: Copying) -> bool:
    return list(a.table) == list(b.table) and all(a.table[name].tobytes() == b.table[name].tobytes() for name in a.table)


# -- by hand --------------------------------------------------------------------------------------------------------------

AGREED: list[list[tuple[int, int]]] = [*[[(3, 65535), (4, 65535)]] * 3, [], []]


@pytest.mark.parametrize("yuma3", [False, True])
def test_copier_of_what_all_agree_on_earns_what_all_earn(yuma3: bool) -> None:
    """Three validators of one stake who give both servers a half. Consensus is a half of each, stored as 32767, and what is
    sent of that is scaled to 65535 and 65535 again: the copier's row is the others'. With the median's stake, and from the
    first epoch on, every number of it is theirs, and G is 1 to the last bit."""
    study = copying(series_of([AGREED] * 6, [7, 7, 7, 0, 0], yuma3=yuma3), delays=[0], stakes=["median"], warmup=0)
    assert study.table["gain"].tolist() == [1.0]
    assert study.table["stake_part"].tolist() == [0.25]
    # a quarter of all dividends, which are half of what an epoch gives; of ONE raw bits, floored
    assert ONE // 8 * 6 - 64 <= int(study.table["dividends"][0]) <= ONE // 8 * 6
    assert study.table["validator_trust"].tolist() == study.table["others_trust"].tolist()
    assert 1 - 2 / 65535 <= study.table["validator_trust"][0] <= 1


def alternating(epochs: int, **rules: Any) -> Series:
    """All give everything to server 3, and in the next epoch to server 4."""
    return series_of([[*[[(3 + t % 2, 65535)]] * 3, [], []] for t in range(epochs)], [5, 7, 9, 0, 0], **rules)


def test_copier_out_of_step_earns_nothing_where_bonds_are_clipped() -> None:
    """With a delay of 1 its weight always is where consensus is 0, and is dropped: no trust, no bond, no dividends. With one
    of 2 it is in step again."""
    study = copying(alternating(30), delays=[1, 2], stakes=[0.1], warmup=10)
    assert study.table["gain"][0] == 0
    assert study.table["validator_trust"][0] == 0
    assert study.table["dividends"][0] == 0
    assert study.table["validator_trust"][1] == study.table["others_trust"][1] == 1
    assert study.table["gain"][1] > 0.7


def test_copier_out_of_step_keeps_bonds_where_they_are_not_clipped() -> None:
    """Without a penalty bonds follow the weights as they are. In the steady state a bond that is bought every other epoch
    goes from b to 0.9 b + 0.1 and back to b = 0.9 (0.9 b + 0.1). Incentive is where the others have just bought, so they
    have the larger one there and the copier the smaller: G = 0.9, but for what u16 cut off."""
    study = copying(alternating(150, bonds_penalty=0), delays=[1, 2], stakes=[0.1], warmup=120)
    assert study.table["gain"][0] == pytest.approx(0.9, abs=1e-4)
    assert study.table["gain"][1] == pytest.approx(1.0, abs=1e-4)


def test_commit_reveal_makes_a_copy_older_by_its_period() -> None:
    """Revealed after one epoch, the copy of a delay of 1 is two epochs old in force: in step."""
    study = copying(alternating(40), delays=[0, 1], stakes=[0.1], reveal_epochs=[0, 1], warmup=10)
    trust = {
        (r, d): t
        for r, d, t in zip(*(study.table[c].tolist() for c in ("reveal_epochs", "delay", "validator_trust")), strict=True)
    }
    assert trust == {(0, 0): 1.0, (0, 1): 0.0, (1, 0): 0.0, (1, 1): 1.0}


def test_shares_of_stake_are_of_the_votes() -> None:
    """Validator 2 holds a permit and weighs nothing, so it is no voter: 5 + 7 vote, and an eighth beside them is 12/7,
    floored in 2^-64 of a rao."""
    rows = [[*[[(3, 65535)]] * 2, [], [], []] for _ in range(4)]
    study = copying(series_of(rows, [5, 7, 9, 0, 0]), delays=[0], stakes=[0.125, "median"], warmup=0)
    own = [(12 << 64) // 7, 6 << 64]
    assert study.table["stake_part"].tolist() == [bits / (bits + (12 << 64)) for bits in own]
    assert study.table["stake"].tolist() == ["0.125", "median"]


def test_who_votes_at_the_edges() -> None:
    """In the last block of activity, and by what the profile knows of thresholds and owners."""
    rows = [[*[[(3, 65535)]] * 3, [], []] for _ in range(3)]
    made = series_of(rows, [5, 7, 9, 0, 0], stake_threshold=6, activity_cutoff=100, profile=401)
    given = replace(made, owner_uid=0, last_update=np.repeat((made.blocks - np.uint64(100))[:, None], 5, axis=1))
    parts = {
        profile: copying(
            given, delays=[0], stakes=["median"], warmup=0, hyperparameters=replace(given.hyperparameters, profile=profile)
        ).table["stake_part"][0]
        for profile in (401, 365)
    }
    assert parts == {401: 7 / 28, 365: 8 / 24}
    late = replace(given, last_update=given.last_update - np.uint64(1))
    with pytest.raises(yk.InputError, match="somebody who votes"):
        copying(late, delays=[0], warmup=0)
    # an owner without a permit votes where it needs none
    permits = given.validator_permit.copy()
    permits[:, 0] = False
    free = replace(given, validator_permit=permits, hyperparameters=replace(given.hyperparameters, stake_threshold=0))
    for profile, part in ((401, 7 / 28), (365, 8 / 24)):
        rules = replace(free.hyperparameters, profile=profile)
        found = copying(free, delays=[0], stakes=["median"], warmup=0, hyperparameters=rules)
        assert found.table["stake_part"][0] == part


def test_a_recorded_row_that_was_not_there() -> None:
    """Is none, whatever the dense array has in its place."""
    weights = np.ones((2, 3, 3), np.uint16)
    content = io.BytesIO()
    np.savez(
        content,
        blocks=[10, 20], weights=weights, has_row=[[True, False, True], [False, True, True]],
        last_update=np.ones((2, 3), np.uint64), block_at_registration=np.zeros((2, 3), np.uint64),
        validator_permit=np.ones((2, 3), bool), stake_rao=np.arange(3, dtype=np.uint64),
        meta=json.dumps({"hyperparameters": {"kappa": 1}}),
    )  # fmt: skip
    made = Series.from_bytes(content.getvalue())
    assert [[len(row) for row in rows.to_rows()] for rows in made.weights] == [[3, 0, 3], [0, 3, 3]]


# -- against plain epochs -------------------------------------------------------------------------------------------------


def plain(
    given: Series,
    delay: int,
    reveal: int,
    share: Fraction,
    first: int,
    measured: int,
    rules: yk.Hyperparameters,
    backend: str,
) -> tuple[int, float, float]:
    """Dividends, G and trust of one cell, epoch by epoch, as the docstring of `copying` says."""
    n = given.n
    bonds, previous = yk.SparseRows.empty(n + 1), np.zeros(0, np.uint16)
    stored: dict[int, Any] = {}
    paid = [0] * (n + 1)
    trust = [0] * (n + 1)
    votes_in_all = set(range(n))
    stake = [int(low) + (int(high) << 64) for low, high in given.total_stake[0].tolist()]

    def rows_of(t: int) -> list[list[tuple[int, int]]]:
        rows = given.weights[t - reveal].to_rows()
        registered = given.block_at_registration
        return [row if registered[t][i] == registered[t - reveal][i] else [] for i, row in enumerate(rows)]

    def votes(t: int) -> set[int]:
        rows = rows_of(t)
        return {
            i for i in range(n)
            if rows[i] and given.validator_permit[t][i] and stake[i]
            and int(given.last_update[t][i]) + rules.activity_cutoff >= int(given.blocks[t])
        }  # fmt: skip

    voting = sum(stake[i] for i in votes(first))
    own_stake = int(share / (1 - share) * voting)

    def at(t: int, row: list[tuple[int, int]], permit: bool, bonds: yk.SparseRows, previous: Any) -> yk.SubnetState:
        words = np.array([[own_stake % 2**64, own_stake >> 64]], np.uint64)
        commits = [*given.last_update[t - reveal].tolist(), int(given.blocks[t - reveal]) - 1] if reveal else None
        return yk.SubnetState(
            weights=yk.SparseRows.from_rows([*rows_of(t), row]),
            bonds=bonds,
            total_stake=np.concatenate([given.total_stake[t], words]),
            last_update=[*given.last_update[t].tolist(), int(given.blocks[t]) - 1],
            block_at_registration=[*given.block_at_registration[t].tolist(), 0],
            validator_permit=[*given.validator_permit[t].tolist(), permit],
            current_block=int(given.blocks[t]),
            last_mechanism_step_block=int(given.last_mechanism_step_block[t]),
            commit_block=commits,
            previous_consensus=previous,
        )

    for t in range(reveal, len(given)):
        if delay == 0:  # what there is to copy is known before the epoch
            stored[t] = yk.epoch(at(t, [], False, bonds, previous), rules, backend=backend).consensus
        row: list[tuple[int, int]] = []
        if t >= first:
            seen = stored[t - reveal - delay]
            uids = np.flatnonzero(seen)
            row = list(zip(uids.tolist(), yk.stages.upscale_to_u16(seen[uids], backend="reference").tolist(), strict=True))
        result = yk.epoch(at(t, row, t >= first, bonds, previous), rules, emission=ONE, backend=backend)
        bonds, previous = result.bonds, result.consensus
        if delay:
            stored[t] = result.consensus
        if t >= measured:
            votes_in_all &= votes(t)
            for i in range(n + 1):
                paid[i] += int(result.validator_emission[i])
                trust[i] += int(result.validator_trust[i])
    count = len(given) - measured
    own = Fraction(paid[n], own_stake * count)
    theirs = median(Fraction(paid[i], stake[i] * count) for i in votes_in_all)
    return paid[n], float(own / theirs), float(Fraction(trust[n], 65535 * count))


@pytest.mark.parametrize("liquid", [None, (0.3, 0.9)])
def test_cells_one_by_one(liquid: tuple[float, float] | None) -> None:
    """Each cell by the reference; with a validator and a server that change hands, and one that sets no weights for long."""
    made = generated_series(epochs=14, validators=4, servers=5, drift=0.2, seed=7)
    registered, updated = made.block_at_registration.copy(), made.last_update.copy()
    registered[8:, 1] = made.blocks[7] + np.uint64(5)
    registered[9:, 6] = made.blocks[8] + np.uint64(5)
    updated[10:, 3] = updated[9, 3]
    given = replace(
        made,
        block_at_registration=registered,
        last_update=updated,
        hyperparameters=replace(made.hyperparameters, activity_cutoff=1000),
    )
    study = copying(given, delays=[0, 2], stakes=[0.05], reveal_epochs=[0, 1], bounds=[liquid], warmup=2)
    first, measured = 4, 6
    assert study.provenance["first_epoch"] == first
    at = 0
    for reveal in (0, 1):
        rules = replace(given.hyperparameters, max_allowed_validators=5, commit_reveal=reveal > 0)
        if liquid:
            rules = replace(rules, liquid_alpha=True, alpha_low=19661, alpha_high=58982)
        for delay in (0, 2):
            expected = plain(given, delay, reveal, Fraction(1, 20), first, measured, rules, "reference")
            found = tuple(study.table[name][at].item() for name in ("dividends", "gain", "validator_trust"))
            assert found == expected, (reveal, delay)
            assert found[0] > 0
            at += 1
    assert at == len(study)


def test_recorded_series(shared_data: Path) -> None:
    """A real subnet: its epochs are those of the chain, and three cells those of plain epochs."""
    path = shared_data / "sn31_series.npz"
    given = Series.load(path)
    assert not given.last_mechanism_step_block.any()
    simulation = given.simulate(emission=148 * 10**9)
    with np.load(path) as recorded:
        for name in ("consensus", "incentive", "dividends", "validator_trust"):
            assert getattr(simulation, name).tobytes() == recorded[f"expect_{name}"].tobytes()
    study = copying(path, delays=[0, 1, 20], stakes=[0.05])
    rules = replace(given.hyperparameters, max_allowed_validators=given.hyperparameters.max_allowed_validators + 1)
    for at, delay in enumerate((0, 1, 20)):
        expected = plain(given, delay, 0, Fraction(1, 20), 20, 60, rules, "c")
        assert tuple(study.table[name][at].item() for name in ("dividends", "gain", "validator_trust")) == expected
    assert study.table["gain"][0] > 1
    assert study.table["gain"][1:].round(3).tolist() == [0.996, 0.92]


def test_bounds_are_the_nearest_u16() -> None:
    assert len(BOUNDS) == 15
    assert all(low <= high for low, high in BOUNDS)
    given = generated_series(epochs=3, validators=2, servers=2)
    study = copying(given, delays=[0], stakes=[0.5], bounds=[None, *BOUNDS], warmup=0)
    by_hand = {0.1: 6554, 0.3: 19661, 0.5: 32768, 0.7: 45875, 0.9: 58982}
    expected = [None, *((by_hand[low], by_hand[high]) for low, high in BOUNDS)]
    assert [curve.bounds for curve in study.curves()] == expected
    h = yk.Hyperparameters()
    assert (h.alpha_low, h.alpha_high) == (by_hand[0.7], by_hand[0.9])


def test_liquid_alpha_is_that_of_the_hyperparameters_unless_bounds_are_given() -> None:
    given = generated_series(epochs=4, validators=2, servers=3)
    rules = replace(given.hyperparameters, liquid_alpha=True, alpha_low=100, alpha_high=200)
    study = copying(given, delays=[0], hyperparameters=rules, stakes=[0.2], warmup=0)
    assert [curve.bounds for curve in study.curves()] == [(100, 200)]
    off = copying(given, delays=[0], hyperparameters=rules, bounds=[None], stakes=[0.2], warmup=0)
    assert off.curves()[0].bounds is None
    assert off.provenance["parameters"]["hyperparameters"]["alpha_low"] == 100


# -- how it runs ----------------------------------------------------------------------------------------------------------

SMALL: dict[str, Any] = {"delays": range(9), "stakes": [0.05, "median"], "warmup": 3}


@pytest.fixture(scope="module")
def small() -> Series:
    return generated_series(epochs=16, validators=4, servers=6)


@pytest.fixture(scope="module")
def study(small: Series) -> Copying:
    return copying(small, **SMALL)


def test_results_do_not_depend_on_the_workers(small: Series, study: Copying, monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadPoolExecutor(3) as threads:
        assert same(copying(small, **SMALL, executor=threads), study)
    with ProcessPoolExecutor(2) as processes:
        assert same(copying(small, **SMALL, executor=processes), study)
    monkeypatch.setattr(module, "DELAYS_OF_CHUNK", 1)
    assert same(copying(small, **SMALL), study)


def test_folder_keeps_what_was_finished(
    small: Series, study: Copying, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadPoolExecutor(1) as one, pytest.raises(Stopped):
        copying(small, **SMALL, executor=one, folder=tmp_path / "a", progress=stopping(2, 4))
    kept = len(list((tmp_path / "a").glob("chunk-*")))
    assert 2 <= kept <= 3
    computed = counted(monkeypatch, module)
    assert same(copying(small, **SMALL, folder=tmp_path / "a"), study)
    assert len(computed) == 4 - kept
    with pytest.raises(yk.InputError) as caught:
        copying(generated_series(epochs=16, validators=4, servers=6, seed=1), **SMALL, folder=tmp_path / "a")
    assert caught.value.field == "folder"


def test_result_saves_loads_and_says_where_it_comes_from(study: Copying, tmp_path: Path) -> None:
    study.save(tmp_path / "a.npz")
    assert Copying.load(tmp_path / "a.npz") == study == pickle.loads(pickle.dumps(study))
    about = study.provenance
    assert about["seed"] == about["series"]["seed"] == 425
    assert (about["first_epoch"], about["measured_epochs"], about["n"]) == (8, 5, 10)
    assert about["parameters"]["delays"] == list(range(9))
    assert about["profiles"] == [475]


def test_curves(study: Copying) -> None:
    five, middle = study.curves()
    assert (five.stake, middle.stake) == ("0.05", "median")
    assert five.delays == tuple(range(9))
    assert five.gains == tuple(study.table["gain"][:9].tolist())
    assert study.brief().columns["stake"] == ["0.05", "median"]
    assert "below 1 from" in str(study)


def test_delays_that_gain_least_and_from_which_on_they_do_not_pay() -> None:
    curve = Curve("0.05", 0, None, (0, 1, 2, 3), (1.1, 0.9, 1.0, 0.8), (1.0, 1.0, 1.0, 1.0))
    assert curve.least_profitable_delay == 3
    assert (curve.below(), curve.below(1.01), curve.below(1.2), curve.below(0.8)) == (3, 1, 0, None)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"delays": []}, "delays"), ({"delays": [-1]}, "delays"), ({"delays": [1, 1]}, "delays"),
        ({"delays": [0.5]}, "delays"), ({"delays": 5}, "delays"), ({"stakes": 0.05}, "stakes"),
        ({"reveal_epochs": 1}, "reveal_epochs"), ({"bounds": 0.7}, "bounds"), ({"bounds": (0.7, 0.9)}, "bounds"),
        ({"series": 5}, "series"), ({"series": yk.Hyperparameters()}, "series"), ({"series": []}, "series"),
        ({"stakes": []}, "stakes"), ({"stakes": [0]}, "stakes"), ({"stakes": [1.0]}, "stakes"),
        ({"stakes": ["mean"]}, "stakes"), ({"stakes": [float("nan")]}, "stakes"), ({"stakes": [0.1, 0.1]}, "stakes"),
        ({"reveal_epochs": []}, "reveal_epochs"), ({"reveal_epochs": [-1]}, "reveal_epochs"),
        ({"bounds": []}, "bounds"), ({"bounds": [(0.1,)]}, "bounds"), ({"bounds": [(0.1, 1.5)]}, "bounds"),
        ({"bounds": [(0.1, 0.9)], "hyperparameters": yk.Hyperparameters(yuma3=False)}, "bounds"),
        ({"hyperparameters": {}}, "hyperparameters"), ({"warmup": -1}, "warmup"), ({"warmup": 16}, "series"),
        ({"delays": [13]}, "series"), ({"reveal_epochs": [3]}, "series"),
    ],
)  # fmt: skip
def test_what_is_refused(small: Series, given: dict[str, Any], field: str) -> None:
    with pytest.raises(yk.InputError) as caught:
        copying(**{"series": small, **SMALL, **given})
    assert caught.value.field == field


def test_series_in_which_nobody_votes_is_refused() -> None:
    rows: list[list[tuple[int, int]]] = [[], [], []]
    with pytest.raises(yk.InputError, match="somebody who votes") as caught:
        copying(series_of([rows] * 3, [1, 1, 0]), delays=[0], warmup=0)
    assert caught.value.field == "series"


def test_pictures(study: Copying, small: Series) -> None:
    matplotlib: Any = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    _, ax = pyplot.subplots()
    assert study.plot(ax) is ax
    first, second, one, take = ax.get_lines()
    assert first.get_ydata().tolist() == list(study.curves()[0].gains)
    assert second.get_xdata().tolist() == list(range(9))
    assert [line.get_ydata()[0] for line in (one, take)] == [1, 0.82]
    other = study.plot(against="validator_trust")
    assert other.get_lines()[0].get_xdata().tolist() == list(study.curves()[0].validator_trust)
    swept = copying(small, delays=[0, 1], stakes=[0.1], bounds=[None, *BOUNDS], warmup=0).plot()
    assert len({matplotlib.colors.to_hex(line.get_color()) for line in swept.get_lines()[:16]}) == 16
    assert swept.get_legend().get_texts()[0].get_text() == "liquid alpha off"
    with pytest.raises(yk.InputError) as caught:
        study.plot(against="stake")
    assert caught.value.field == "against"
    pyplot.close("all")


# -- series ---------------------------------------------------------------------------------------------------------------


def test_generated_series_is_its_description() -> None:
    given = generated_series(epochs=3, validators=2, servers=3, drift=0.25, noise=0.5, seed=11)
    random = np.random.default_rng(11)
    x = random.standard_normal(3)
    for t in range(3):
        if t:
            x = np.sqrt(0.75) * x + 0.5 * random.standard_normal(3)
        seen = (x * x) * np.maximum(0, 1 + 0.5 * random.standard_normal((2, 3)))
        dense = np.zeros((5, 5), np.uint16)
        dense[:2, 2:] = np.floor(seen / seen.max(axis=1, keepdims=True) * 65535)
        assert given.weights[t] == yk.SparseRows.from_dense(dense)
    stake = yk.stake_to_rao(given.total_stake[0]).tolist()
    assert stake == [666666666666666, 333333333333333, 0, 0, 0]
    assert given.blocks.tolist() == [360, 720, 1080]
    assert given.last_mechanism_step_block.tolist() == [0, 360, 720]
    assert given.validator_permit.tolist() == [[True, True, False, False, False]] * 3
    constant = generated_series(epochs=4, validators=3, servers=4, drift=0, noise=0)
    assert all(rows == constant.weights[0] for rows in constant.weights)
    assert constant.weights[0].to_rows()[0] == constant.weights[0].to_rows()[2]


def test_generated_series_is_the_same_everywhere() -> None:
    given = generated_series(epochs=8)
    digest = hashlib.sha256(b"".join(rows.value.tobytes() + rows.uid.tobytes() for rows in given.weights)).hexdigest()
    assert digest[:16] == "c4698c84138333ee"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"epochs": 0}, "epochs"), ({"validators": 0}, "validators"), ({"servers": 0}, "servers"), ({"drift": 1.1}, "drift"),
        ({"drift": float("nan")}, "drift"), ({"noise": -1}, "noise"), ({"noise": "0"}, "noise"), ({"seed": -1}, "seed"),
        ({"hyperparameters": 1}, "hyperparameters"), ({"hyperparameters": yk.Hyperparameters(tempo=0)}, "hyperparameters"),
    ],
)  # fmt: skip
def test_what_no_series_is_made_of(given: dict[str, Any], field: str) -> None:
    with pytest.raises(yk.InputError) as caught:
        generated_series(**given)
    assert caught.value.field == field


def test_series_saves_and_loads(small: Series, tmp_path: Path) -> None:
    given = replace(small, owner_uid=2)
    given.save(tmp_path / "a.npz")
    assert Series.load(tmp_path / "a.npz") == given == pickle.loads(pickle.dumps(given))
    assert given != small
    assert repr(given).startswith("Series(16 epochs of 10 uids, blocks 360 to 5760; generator='drifting quality'")
    assert copying(tmp_path / "a.npz", delays=[0], stakes=[0.1], warmup=0).provenance["series"] == dict(small.about)


@pytest.mark.parametrize("content", [b"", b"PK", b"\x93NUMPY", b"text"])
def test_what_is_no_series(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(yk.InputError):
        Series.load(tmp_path / "a")


def test_file_of_something_else_is_no_series(small: Series, tmp_path: Path) -> None:
    np.savez(tmp_path / "b.npz", x=np.zeros(3))
    with pytest.raises(yk.InputError, match="expected a series"):
        Series.load(tmp_path / "b.npz")
    with np.load(_saved(small, tmp_path), allow_pickle=False) as file:
        members = {name: file[name] for name in file.files}
    members["weights_uid"] = members["weights_uid"][:-1]
    np.savez(tmp_path / "c.npz", **members)
    with pytest.raises(yk.InputError, match="weights_uid"):
        Series.load(tmp_path / "c.npz")


def _saved(given: Series, folder: Path) -> Path:
    given.save(folder / "series.npz")
    return folder / "series.npz"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"weights": []}, "weights"), ({"blocks": [1]}, "blocks"), ({"owner_uid": 99}, "owner_uid"),
        ({"hyperparameters": None}, "hyperparameters"), ({"last_update": np.zeros((16, 9), np.uint64)}, "last_update"),
        ({"total_stake": np.full((16, 10, 2), 2**63, np.uint64)}, "total_stake"),
    ],
)  # fmt: skip
def test_what_is_no_series_of_one_subnet(small: Series, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(yk.InputError) as caught:
        replace(small, **changes)
    assert caught.value.field == field
