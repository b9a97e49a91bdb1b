"""Sweeps of hyperparameters: metrics by hand, combinations against plain epochs, chunks, workers, folders and pictures."""

from __future__ import annotations

import itertools
import math
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import yuma_kernel as yk
from chunks import Stopped, stopping
from yuma_kernel.studies import METRICS, Observed, Series, Sweep, generated_series, sweep
from yuma_kernel.studies import hyperparameter_sweep as module
from yuma_kernel.studies.metrics import OF_UIDS, gini, named

# -- metrics by hand ------------------------------------------------------------------------------------------------------


def observed(before: list[int] | None = None, owner: int | None = None, threshold: int = 0, **outputs: Any) -> Observed:
    """Two epochs of four uids that hold a permit: 0, 1 and 2 have stake of 10, 30 and 60, and 2 is inactive."""
    filled: dict[str, Any] = {
        "active": np.array([[True, True, False, True]] * 2),
        **{name: np.zeros((2, 4), np.uint16) for name in ("stake_weight", "consensus", "validator_trust", "incentive")},
        "dividends": np.zeros((2, 4), np.uint16),
        **{name: np.zeros((2, 4), np.uint64) for name in ("server_emission", "validator_emission", "emission")},
    }
    filled["validator_permit"] = np.zeros((2, 4), np.bool_)
    for name, rows in outputs.items():
        filled[name] = np.array(rows, filled[name].dtype)
    return Observed(
        yk.Hyperparameters(stake_threshold=threshold),
        filled,
        np.broadcast_to(yk.stake_from_rao([10, 30, 60, 0]), (2, 4, 2)),
        np.array([[True, True, True, True]] * 2),
        None if before is None else np.array(before, np.uint16),
        owner,
    )


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        ([5], 0.0), ([1, 1, 1], 0.0), ([1, 3], 0.25), ([3, 1, 0, 0], 0.25), ([0, 0, 1, 2, 3], 2 / 9), ([1, 0, 99], 0.49),
        ([2**63, 2**63], 0.0),
    ],
)  # fmt: skip
def test_gini(amounts: list[int], expected: float) -> None:
    assert gini(amounts) == expected
    held = [amount for amount in amounts if amount]
    by_definition = sum(abs(a - b) for a in held for b in held) / (2 * len(held) * sum(held))
    assert gini(amounts) == pytest.approx(by_definition, abs=1e-15)


def test_gini_of_nothing_is_not_known() -> None:
    assert math.isnan(gini([]))
    assert math.isnan(gini([0, 0]))


def test_ginis_are_of_sums_over_the_epochs() -> None:
    rows = [[0, 1, 0, 0], [3, 0, 0, 0]]
    for output in ("incentive", "dividends", "emission"):
        given: dict[str, Any] = {output: rows}
        assert METRICS[f"{output}_gini"](observed(**given)) == 0.25
    assert METRICS["emission_gini"](observed(emission=[[2**64 - 1, 0, 0, 0], [2**64 - 1, 0, 0, 2**64 - 1]])) == 1 / 6


def test_dividends_per_stake() -> None:
    """Of 40 of stake that vote 0 has a quarter, and gets a half: 2. 1 has three quarters and gets a half: 2/3. The median
    is 4/3."""
    of = observed(validator_emission=[[1, 2, 0, 0], [2, 1, 0, 0]])
    assert METRICS["dividends_per_stake"](of) == 4 / 3
    assert named("dividends_per_stake[0]", 4)(of) == 2
    assert named("dividends_per_stake[1]", 4)(of) == 2 / 3
    assert named("dividends_per_stake[0-1]", 4)(of) == 4 / 3
    assert math.isnan(named("dividends_per_stake[2]", 4)(of))
    assert math.isnan(METRICS["dividends_per_stake"](observed()))


def test_voters() -> None:
    assert observed().voters.tolist() == [[True, True, False, False]] * 2
    assert observed(threshold=20).voters.tolist() == [[False, True, False, False]] * 2
    assert observed(threshold=20, owner=0).voters.tolist() == [[True, True, False, False]] * 2
    # 365 knows no owner's privilege, and 257 no threshold
    for profile, expected in ((401, [True, True, False, False]), (365, [False, True, False, False])):
        old = observed(threshold=20, owner=0)
        assert replace(old, hyperparameters=replace(old.hyperparameters, profile=profile)).voters.tolist() == [expected] * 2
    old = observed(threshold=20)
    rules = replace(old.hyperparameters, profile=257, yuma3=False)
    assert replace(old, hyperparameters=rules).voters.tolist() == [[True, True, False, False]] * 2


def test_validator_trust_is_weighted_by_stake() -> None:
    """10 at 1 and 30 at 1/5, then 10 at 0 and 30 at 3/5: (10 + 6 + 18) / 80."""
    of = observed(validator_trust=[[65535, 13107, 65535, 0], [0, 39321, 65535, 9]])
    assert METRICS["validator_trust"](of) == 34 / 80
    assert named("validator_trust[0]", 4)(of) == 0.5
    assert math.isnan(named("validator_trust[2,3]", 4)(of))


def test_retention_and_parts() -> None:
    """uids 0 and 3 hold a tenth of the stake and are paid 4 of 8."""
    of = observed(emission=[[1, 4, 0, 2], [0, 0, 0, 1]], incentive=[[0, 1, 3, 0], [0, 0, 0, 4]])
    assert named("retention[0,3]", 4)(of) == 5
    assert named("retention[0-3]", 4)(of) == 1
    assert math.isnan(named("retention[3]", 4)(of))
    assert named("incentive[2-3]", 4)(of) == 7 / 8
    assert named("emission[1]", 4)(of) == 0.5
    assert math.isnan(named("dividends[1]", 4)(of))


def test_consensus() -> None:
    of = observed(consensus=[[0, 0, 30000, 30000], [0, 20000, 20000, 0]])
    assert METRICS["consensus_sum"](of) == 100000 / (2 * 65535)
    assert METRICS["consensus_stability"](of) == 0.5
    with_before = observed([0, 0, 0, 7], consensus=[[0, 0, 30000, 30000], [0, 20000, 20000, 0]])
    assert METRICS["consensus_stability"](with_before) == 0.5
    assert METRICS["consensus_stability"](observed([0, 0, 9, 0], consensus=[[0, 0, 3, 0], [0, 0, 3, 1]])) == 0.875
    assert math.isnan(METRICS["consensus_stability"](observed(consensus=[[0, 0, 0, 0], [0, 0, 3, 1]])))


def test_observed_has_its_outputs_as_attributes() -> None:
    of = observed(incentive=[[0, 1, 3, 0], [0, 0, 0, 4]])
    assert of.incentive is of.outputs["incentive"]
    assert (len(of), of.n) == (2, 4)
    with pytest.raises(AttributeError):
        _ = of.bonds


@pytest.mark.parametrize(
    "name", ["gini", "", "retention", "retention[]", "retention[4]", "retention[1,1]", "retention[2-1]", "retention[a]", 3]
)
def test_what_is_no_metric(name: Any) -> None:
    with pytest.raises(yk.InputError) as caught:
        named(name, 4, 2)
    assert (caught.value.field, caught.value.index) == ("metrics", 2)


def test_every_metric_says_what_it_is() -> None:
    assert all(function.__doc__ for function in METRICS.values())
    assert set(OF_UIDS) == {
        "retention", "dividends_per_stake", "validator_trust", "incentive", "dividends", "emission", "consensus",
    }  # fmt: skip


# -- against plain epochs -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def snapshot() -> yk.Snapshot:
    return yk.load(str(files("yuma_kernel") / "data" / "example.npz"))


@pytest.fixture(scope="module")
def series() -> Series:
    return generated_series(epochs=12, validators=4, servers=6, drift=0.1)


def fingerprint(of: Observed) -> float:
    """Of all that a metric sees."""
    total = 0
    for rows in (*of.outputs.values(), of.total_stake, of.permit):
        total = (total * 31 + int.from_bytes(np.ascontiguousarray(rows).tobytes()[-4096:], "little")) % (2**53 - 111)
    return float(total)


def same(a: Sweep, b: Sweep) -> bool:
    return list(a.table) == list(b.table) and all(a.table[name].tobytes() == b.table[name].tobytes() for name in a.table)


def test_one_epoch_of_each_combination(snapshot: yk.Snapshot) -> None:
    """In raw bits what the reference gives, in the order of the product."""
    kappas, penalties = [0, 32767, 65535], [0, 65535]
    found = sweep(snapshot, {"kappa": kappas, "bonds_penalty": penalties}, metrics=[fingerprint, "incentive_gini"])
    assert list(found.table) == ["subject", "kappa", "bonds_penalty", "fingerprint", "incentive_gini"]
    for at, (kappa, penalty) in enumerate(itertools.product(kappas, penalties)):
        rules = replace(snapshot.hyperparameters, kappa=kappa, bonds_penalty=penalty)
        plain = yk.epoch(snapshot.state, rules, emission=snapshot.emission, backend="reference")
        permit = snapshot.state.validator_permit.copy()
        if snapshot.state.owner_uid is not None:
            permit[snapshot.state.owner_uid] = True
        outputs = {name: getattr(plain, name)[None] for name in yk.OUTPUTS if name != "bonds"}
        of = Observed(rules, outputs, snapshot.state.total_stake[None], permit[None])
        assert (found.table["kappa"][at], found.table["bonds_penalty"][at]) == (kappa, penalty)
        assert found.table["fingerprint"][at] == fingerprint(of)
        assert found.table["incentive_gini"][at] == METRICS["incentive_gini"](of)
    assert at == len(found) - 1 == 5


@pytest.mark.parametrize("warmup", [0, 1, 2])
def test_simulated_epochs(snapshot: yk.Snapshot, warmup: int) -> None:
    """Epoch by epoch, in one block, from a state in which the owner holds no permit and all others do: the epochs store
    other permits than it has, and the owner votes all the same."""
    rules = replace(snapshot.hyperparameters, bonds_moving_average=500_000)
    owner = snapshot.state.owner_uid
    assert owner is not None
    state = replace(snapshot.state, validator_permit=np.arange(snapshot.state.n) != owner)
    found = sweep(
        state, {"bonds_moving_average": [500_000]}, hyperparameters=rules, epochs=3, warmup=warmup, emission=10**9,
        metrics={"print": fingerprint, "stability": "consensus_stability", "trust": "validator_trust"},
    )  # fmt: skip
    before, kept, permits = state.previous_consensus, [], []
    for _ in range(3):
        permit = state.validator_permit.copy()
        permit[owner] = True
        permits.append(permit)
        result = yk.epoch(state, rules, emission=10**9)
        kept.append(result)
        state = replace(
            state, bonds=result.bonds, validator_permit=result.validator_permit, previous_consensus=result.consensus
        )
    assert not np.array_equal(permits[0], permits[1])
    outputs = {name: np.stack([getattr(result, name) for result in kept[warmup:]]) for name in yk.OUTPUTS if name != "bonds"}
    stake = np.stack([state.total_stake] * (3 - warmup))
    of = Observed(rules, outputs, stake, np.stack(permits[warmup:]), kept[warmup - 1].consensus if warmup else before, owner)
    expected = (fingerprint(of), METRICS["consensus_stability"](of), METRICS["validator_trust"](of))
    assert tuple(found.table[name][0].item() for name in ("print", "stability", "trust")) == expected


def test_series_of_each_combination(series: Series) -> None:
    found = sweep(series, {("yuma3", "liquid_alpha"): [(False, False), (True, True)]}, metrics=fingerprint, warmup=4)
    for at, on in enumerate((False, True)):
        h = replace(series.hyperparameters, yuma3=on, liquid_alpha=on)
        plain = series.simulate(h, emission=10**18, backend="reference")
        outputs = {name: getattr(plain, name)[4:] for name in yk.OUTPUTS if name != "bonds"}
        of = Observed(h, outputs, series.total_stake[4:], series.validator_permit[4:])
        assert found.table["fingerprint"][at] == fingerprint(of)
    assert found.table["yuma3"].tolist() == found.table["liquid_alpha"].tolist() == [False, True]


def test_previous_consensus_counts_for_stability_where_it_is_known(snapshot: yk.Snapshot) -> None:
    result = yk.epoch(snapshot.state, snapshot.hyperparameters)
    known = replace(snapshot.state, previous_consensus=result.consensus[:-3])
    short = result.consensus.copy()
    short[-3:] = 0
    unknown = replace(snapshot.state, previous_consensus=None)
    nothing = replace(snapshot.state, previous_consensus=np.zeros(0, np.uint16))
    rules = replace(snapshot.hyperparameters, liquid_alpha=False)
    found = sweep(
        {"known": known, "unknown": unknown, "nothing": nothing}, {"tempo": [360]}, hyperparameters=rules,
        metrics="consensus_stability",
    )  # fmt: skip
    assert found.table["subject"].tolist() == ["known", "unknown", "nothing"]
    a, b = short.astype(int), result.consensus.astype(int)
    expected = 1 - np.abs(a / a.sum() - b / b.sum()).sum() / 2
    assert found.table["consensus_stability"][0] == pytest.approx(expected, abs=1e-12)
    assert np.isnan(found.table["consensus_stability"][1:]).all()


def test_profile_takes_its_steepness_along(snapshot: yk.Snapshot) -> None:
    state = replace(snapshot.state, previous_consensus=np.zeros(0, np.uint16))
    rules = replace(snapshot.hyperparameters, alpha_sigmoid_steepness=1000)
    found = sweep(
        state, {"profile": [273, 475]}, hyperparameters=rules, metrics=lambda o: o.hyperparameters.alpha_sigmoid_steepness
    )
    assert found.table["<lambda>"].tolist() == [10, 1000]
    assert found.provenance["profiles"] == [273, 475]


def test_emission_is_the_snapshots_unless_it_is_given(snapshot: yk.Snapshot) -> None:
    def paid(of: Observed) -> int:
        return sum(of.summed("emission"))

    own = sweep(snapshot, {"kappa": [32767]}, metrics=paid).table["paid"][0]
    assert own == yk.epoch(snapshot.state, snapshot.hyperparameters, emission=snapshot.emission).emission.sum()
    assert sweep(snapshot, {"kappa": [32767]}, metrics=paid, emission=0).table["paid"][0] == 0
    state = sweep(snapshot.state, {"kappa": [32767]}, hyperparameters=snapshot.hyperparameters, metrics=paid)
    assert 10**18 * (1 - 1e-6) < state.table["paid"][0] <= 10**18


def test_steps_by_tempo(snapshot: yk.Snapshot) -> None:
    found = sweep(snapshot, {"tempo": [360, 720]}, epochs=4, steps="tempo", metrics=fingerprint)
    assert (
        found.table["fingerprint"][0]
        != sweep(snapshot, {"tempo": [360]}, epochs=4, metrics=fingerprint).table["fingerprint"][0]
    )


# -- how it runs ----------------------------------------------------------------------------------------------------------

CROSSED: dict[Any, Any] = {"kappa": [0, 20000, 40000, 65535], ("alpha_low", "alpha_high"): [(6554, 19661), (6554, 32768)]}
NAMES = ("incentive_gini", "dividends_per_stake[0-3]", "consensus_sum")


def test_results_do_not_depend_on_chunks_and_workers(
    snapshot: yk.Snapshot, series: Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = {"snapshot": snapshot, "series": series}
    alone = sweep(both, CROSSED, metrics=[*NAMES, fingerprint])
    assert len(alone) == 16
    monkeypatch.setattr(module, "CELLS_OF_CHUNK", 3)
    monkeypatch.setattr(module, "EPOCHS_OF_CHUNK", 40)
    totals: list[int] = []
    with ThreadPoolExecutor(3) as threads:
        chunked = sweep(
            both, CROSSED, metrics=[*NAMES, fingerprint], executor=threads, progress=lambda _, of: totals.append(of)
        )
    assert set(totals) == {6}
    assert same(chunked, alone)
    with ProcessPoolExecutor(2) as processes:
        assert same(sweep(both, CROSSED, metrics=[*NAMES, fingerprint], executor=processes), alone)


def test_folder_keeps_what_was_finished(series: Series, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EPOCHS_OF_CHUNK", 24)
    alone = sweep(series, CROSSED, metrics=[*NAMES, fingerprint])

    with ThreadPoolExecutor(1) as one, pytest.raises(Stopped):
        sweep(series, CROSSED, metrics=[*NAMES, fingerprint], executor=one, folder=tmp_path / "a", progress=stopping(2, 4))
    kept = len(list((tmp_path / "a").glob("chunk-*")))
    assert 2 <= kept <= 3
    counts: list[int] = []
    again = sweep(
        series, CROSSED, metrics=[*NAMES, fingerprint], folder=tmp_path / "a", progress=lambda done, _: counts.append(done)
    )
    assert same(again, alone)
    assert counts == list(range(kept, 5))
    with pytest.raises(yk.InputError) as caught:
        sweep(series, CROSSED, metrics=NAMES, folder=tmp_path / "a")
    assert caught.value.field == "folder"


def test_folder_knows_a_function_that_was_changed(series: Series, tmp_path: Path) -> None:
    source = "def mine(of):\n    return {}\n"
    functions = []
    for constant in ("1.0", "2.0"):
        namespace: dict[str, Any] = {"__name__": "somewhere"}
        exec(source.format(constant), namespace)
        functions.append(namespace["mine"])
    sweep(series, {"kappa": [1]}, metrics=functions[0], folder=tmp_path / "a")
    assert sweep(series, {"kappa": [1]}, metrics=functions[0], folder=tmp_path / "a").table["mine"].tolist() == [1.0]
    with pytest.raises(yk.InputError) as caught:
        sweep(series, {"kappa": [1]}, metrics=functions[1], folder=tmp_path / "a")
    assert caught.value.field == "folder"
    with pytest.raises(yk.InputError) as caught:
        sweep(series, {"kappa": [1]}, metrics=lambda of: 1, folder=tmp_path / "b")
    assert (caught.value.field, caught.value.index) == ("metrics", 0)
    with ProcessPoolExecutor(1) as processes, pytest.raises(yk.InputError) as caught:
        sweep(series, {"kappa": [1]}, metrics=["incentive_gini", lambda of: 1], executor=processes)
    assert (caught.value.field, caught.value.index) == ("metrics", 1)


def test_files_are_subjects(snapshot: yk.Snapshot, series: Series, tmp_path: Path) -> None:
    yk.save(tmp_path / "snapshot.npz", snapshot)
    series.save(tmp_path / "series.npz")
    paths = [tmp_path / "snapshot.npz", str(tmp_path / "series.npz")]
    found = sweep(paths, {"kappa": [1, 2]}, metrics="consensus_sum")
    assert found.table["subject"].tolist() == ["snapshot.npz"] * 2 + ["series.npz"] * 2
    given = sweep([snapshot, series], {"kappa": [1, 2]}, metrics="consensus_sum")
    assert given.table["subject"].tolist() == ["0", "0", "1", "1"]
    assert given.table["consensus_sum"].tobytes() == found.table["consensus_sum"].tobytes()
    (tmp_path / "text").write_text("x")
    with pytest.raises(yk.InputError):
        sweep(tmp_path / "text", {"kappa": [1]})


def test_result_saves_loads_and_is_narrowed(snapshot: yk.Snapshot, tmp_path: Path) -> None:
    found = sweep(snapshot, CROSSED)
    found.save(tmp_path / "a.npz")
    assert Sweep.load(tmp_path / "a.npz") == found == pickle.loads(pickle.dumps(found))
    assert found.crossed == (("kappa",), ("alpha_low", "alpha_high"))
    assert found.metrics == module.METRICS_BY_DEFAULT
    part = found.where(kappa=20000, alpha_high=32768)
    assert len(part) == 1
    assert part.table["incentive_gini"][0] == found.table["incentive_gini"][3]
    assert part.provenance["where"] == {"kappa": 20000, "alpha_high": 32768}
    for wrong in ({"kappa": 1}, {"no": 1}):
        with pytest.raises(yk.InputError) as caught:
            found.where(**wrong)
        assert caught.value.field == "where"


@pytest.mark.parametrize(
    ("given", "field", "index"),
    [
        ({"parameters": {}}, "parameters", None), ({"parameters": {"gamma": [1]}}, "parameters", None),
        ({"parameters": {"kappa": []}}, "parameters", None), ({"parameters": {"kappa": [1, 1]}}, "parameters", None),
        ({"parameters": {"kappa": "12"}}, "parameters", None), ({"parameters": {"kappa": [1, 65536]}}, "kappa", 1),
        ({"parameters": {"kappa": [1], ("kappa", "tempo"): [(1, 1)]}}, "parameters", None),
        ({"parameters": {("kappa", "tempo"): [(1, 1), (2,)]}}, "parameters", 1),
        ({"parameters": {"profile": [475, 446]}}, "profile", 1), ({"parameters": {"profile": ["x"]}}, "profile", 0),
        ({"metrics": []}, "metrics", None), ({"metrics": ["gini"]}, "metrics", 0), ({"metrics": 3}, "metrics", None),
        ({"metrics": {"kappa": "incentive_gini"}}, "metrics", 0), ({"metrics": ["retention[9999]"]}, "metrics", 0),
        ({"metrics": ["incentive_gini", "incentive_gini"]}, "metrics", 1), ({"metrics": lambda of: "x"}, "metrics", None),
        ({"subjects": []}, "subjects", None), ({"subjects": [3]}, "subjects", 0), ({"subjects": 3}, "subjects", None),
        ({"subjects": {3: 3}}, "subjects", 0), ({"epochs": 0}, "epochs", None), ({"warmup": 1}, "warmup", None),
        ({"steps": "block"}, "steps", None), ({"emission": -1}, "emission", None),
        ({"hyperparameters": 1}, "hyperparameters", None),
    ],
)  # fmt: skip
def test_what_is_refused(snapshot: yk.Snapshot, given: dict[str, Any], field: str, index: int | None) -> None:
    arguments: dict[str, Any] = {"subjects": snapshot, "parameters": {"kappa": [1]}, **given}
    with pytest.raises(yk.InputError) as caught:
        sweep(arguments.pop("subjects"), arguments.pop("parameters"), **arguments)
    assert (caught.value.field, caught.value.index) == (field, index)


def test_what_is_refused_of_a_series_and_a_state(series: Series, snapshot: yk.Snapshot) -> None:
    with pytest.raises(yk.InputError) as caught:
        sweep(series, {"kappa": [1]}, epochs=3)
    assert caught.value.field == "epochs"
    with pytest.raises(yk.InputError) as caught:
        sweep(snapshot.state, {"kappa": [1]})
    assert caught.value.field == "hyperparameters"


# -- pictures -------------------------------------------------------------------------------------------------------------


def test_pictures(snapshot: yk.Snapshot, series: Series) -> None:
    matplotlib: Any = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    lines = sweep({"a": snapshot, "b": series}, {"kappa": [0, 65535]}, metrics=["consensus_sum", "incentive_gini"])
    _, ax = pyplot.subplots()
    assert lines.plot(ax) is ax
    a, b = ax.get_lines()
    assert a.get_xdata().tolist() == [0.0, 1.0]
    assert b.get_ydata().tolist() == lines.table["consensus_sum"][2:].tolist()
    assert ax.get_xlabel() == "kappa (proportion)"
    second = lines.plot(metric="incentive_gini")
    assert second.get_lines()[0].get_ydata().tolist() == lines.table["incentive_gini"][:2].tolist()

    two = sweep(snapshot, {"kappa": [0, 32767, 65535], "yuma3": [False, True]}, metrics="consensus_sum")
    (image,) = two.plot().get_images()
    assert np.asarray(image.get_array()).T.ravel().tolist() == two.table["consensus_sum"].tolist()
    three = sweep(snapshot, {**CROSSED, "yuma3": [False, True]}, metrics="consensus_sum")
    for wrong in (three, sweep([snapshot, series], CROSSED)):
        with pytest.raises(yk.InputError, match="where"):
            wrong.plot()
    left = three.where(yuma3=True, kappa=0).plot()
    assert [text.get_text() for text in left.get_xticklabels()] == ["0.1 and 0.3", "0.1 and 0.5"]
    with pytest.raises(yk.InputError) as caught:
        lines.plot(metric="other")
    assert caught.value.field == "metric"
    pyplot.close("all")
