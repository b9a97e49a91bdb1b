"""Scenarios: their inputs by the facts that are known of them, their runs by plain epochs, and the report."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import yuma_kernel as yk
from scenario_loop import same
from yuma_kernel.studies import (
    SCENARIOS,
    BondReset,
    Registration,
    Scenario,
    Scenarios,
    library,
    scenario,
    scenarios,
)
from yuma_kernel.studies.cases import WITH_RESET
from yuma_kernel.studies.scenario_table import LIQUID, PENALTIES, YUMA_2, YUMA_3, default_rules

BIG, SMALL = 8 * 10**14, 10**14
NAMES = list(SCENARIOS)

# by case, of each validator: which server it gives all its weight from which epoch on
MOVES: dict[int, tuple[dict[int, int], dict[int, int], dict[int, int]]] = {
    1: ({0: 1, 1: 2}, {0: 1, 2: 2}, {0: 1, 3: 2}),
    2: ({0: 1, 2: 2}, {0: 1, 1: 2}, {0: 1, 3: 2}),
    3: ({0: 1, 3: 2}, {0: 1, 1: 2}, {0: 1, 2: 2}),
    4: ({0: 1, 1: 2}, {0: 1, 1: 2}, {0: 1, 1: 2}),
    5: ({0: 1, 2: 2, 23: 1}, {0: 1, 1: 2, 21: 1}, {0: 1, 1: 2, 22: 1}),
    6: ({0: 1, 2: 2, 21: 1}, {0: 1, 1: 2, 21: 1}, {0: 1, 3: 2, 21: 1}),
    7: ({0: 1, 2: 2, 22: 1}, {0: 1, 1: 2, 22: 1}, {0: 1, 1: 2, 21: 1}),
    8: ({0: 1, 2: 2, 22: 1}, {0: 1, 1: 2, 21: 1}, {0: 1, 1: 2, 21: 1}),
    9: ({0: 2}, {0: 2}, {0: 2}),
    10: ({0: 1, 10: 2}, {0: 1, 1: 2}, {0: 1, 11: 2}),
    14: ({0: 1}, {0: 1}, {0: 1, 20: 2, 21: 1}),
}
STAKES = {11: [49, 49, 2], 14: [33, 33, 34], 19: [49, 49, 2], 20: [49, 49, 2], 21: [34, 33, 33], 22: [34, 33, 33]}
BASES = {2: 1, 3: 1, 5: 1, 6: 1, 7: 2, 8: 1, 10: 1, 15: 1, 16: 1, 17: 1, 18: 1}
RESETS = {5: (20, 1), 6: (21, 0), 7: (21, 0), 8: (20, 1), 12: (20, 1), 13: (20, 0)}


@pytest.mark.parametrize("number", range(1, 23))
def test_what_is_known_of_each(number: int) -> None:
    made = scenario(number)
    assert made.name == NAMES[number - 1]
    assert scenario(made.name) == made
    servers = 3 if number in (15, 16, 17, 18, 21, 22) else 2
    assert (made.epochs, made.weights.shape, made.servers, made.n) == (40, (40, 3, servers), servers, 3 + servers)
    hundredths = np.array(STAKES.get(number, [80, 10, 10]), np.uint64)
    late = np.array([80, 20, 0], np.uint64) if number == 9 else hundredths
    for epoch in range(40):
        assert made.stakes[epoch].tolist() == ((late if epoch > 5 else hundredths) * np.uint64(10**13)).tolist()
    assert made.base == BASES.get(number, 0)
    assert made.events == ()
    assert len(set(made.validators)) == 3
    assert len(made.description) > 40
    if number in MOVES:
        for validator, moves in enumerate(MOVES[number]):
            for epoch in range(40):
                server = moves[max(at for at in moves if at <= epoch)]
                assert made.weights[epoch, validator].tolist() == [65535 * (server == 1), 65535 * (server == 2)]


def test_weights_that_are_no_switches() -> None:
    clipping, trace, minority = scenario(11).weights, scenario(12).weights, scenario(13).weights

    def stored(*weights: float) -> list[int]:
        largest = max(weights)
        return [round(w / largest * 65535) for w in weights]

    for epoch in range(40):
        third = stored(0.61, 0.39) if epoch < 20 else stored(0.3, 0.61)
        assert clipping[epoch].tolist() == [stored(0.3, 0.7), stored(0.6, 0.4), third]
        much, little = ([65535, 0], [65535, 66]) if epoch == 0 or epoch > 20 else ([0, 65535], [66, 65535])
        assert trace[epoch].tolist() == [much, little, much]
        joined = [0, 65535] if epoch <= 20 else [65535, 65535]
        assert minority[epoch].tolist() == [[0, 65535], [65535, 65535], joined]
        for number, share in zip((15, 16, 17, 18), (0.25, 0.5, 0.75, 0.9), strict=True):
            one, two = stored(1 - share, 0, share), stored(0, 1 - share, share)
            turned = [two if epoch >= at else one for at in (2, 1, 3)]
            assert scenario(number).weights[epoch].tolist() == turned


def test_noise() -> None:
    for servers, worth, spread in ((2, (0.6, 0.55), (0.05, 0.15, 0.15)), (3, (0.3, 0.35, 0.4), (0.05, 0.1, 0.1))):
        plain, winner = scenario(f"noise, {servers} servers"), scenario(f"noise, {servers} servers, winner")
        drawn = np.random.default_rng(42).standard_normal((40, 3, servers))
        measured = np.clip(np.array(worth) + np.array(spread)[:, None] * drawn, 0, 1)
        for epoch in range(40):
            for validator, row in enumerate(measured[epoch].tolist()):
                best = max(row)
                assert plain.weights[epoch, validator].tolist() == [round(w / best * 65535) for w in row]
                assert winner.weights[epoch, validator].tolist() == [65535 * (k == row.index(best)) for k in range(servers)]
        assert scenario(plain.name, epochs=10).weights.tolist() == plain.weights[:10].tolist()
        assert scenario(plain.name, seed=1) != plain
    assert scenario("noise, 2 servers", servers=4, worth=(0.1, 0.2, 0.3, 0.4)).servers == 4


def test_resets_of_the_library() -> None:
    assert {NAMES.index(name) + 1 for name in WITH_RESET} == set(RESETS)
    for number, made in enumerate(library(reset=True), 1):
        events = (BondReset(*RESETS[number]),) if number in RESETS else ()
        assert made.events == events
        assert made.of_the_chain is not bool(events)
        assert made.without_events() == scenario(number)
    with pytest.raises(yk.InputError, match="does not take"):
        scenario("kappa first", reset=True)


def test_parameters() -> None:
    other = scenario("kappa second", first=4, stakes=(0.6, 0.2, 0.2), epochs=12)
    assert other.stakes[0].tolist() == [6 * 10**14, 2 * 10**14, 2 * 10**14]
    assert other.turns() == [0, 4, 5, 6]
    assert scenario("kappa delayed", first=2, delay=3).turns() == [0, 2, 5, 6]
    assert scenario("late twice", back=9, reset=True).events == (BondReset(8, server=1),)
    assert scenario("stakes merge", at=3, merged=(0.5, 0.5, 0)).stakes[3].tolist() == [5 * 10**14, 5 * 10**14, 0]
    assert scenario("all switch", zeros=True).zeros


def test_a_scenario_is_a_value() -> None:
    made = scenario("trace", reset=True).with_hyperparameters(kappa=40000)
    for copy in (
        Scenario.from_dict(json.loads(json.dumps(made.to_dict()))),
        pickle.loads(pickle.dumps(made)),
        replace(made),
    ):
        assert copy == made
        assert copy.hyperparameters == {"kappa": 40000}
    assert made != scenario("trace", reset=True)
    with pytest.raises(AttributeError):
        made.name = "other"  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        made.weights[0, 0, 0] = 1
    assert repr(made) == (
        "Scenario('trace', 40 epochs, 3 validators, 2 servers, kappa=40000; before epoch 20 all bonds on server 2 are reset "
        "(not the chain's))"
    )
    html = made.with_name("a <b>")._repr_html_()
    assert "a &lt;b&gt;" in html
    assert html.count("<tr>") == 1 + len(made.turns())
    assert "before epoch 20" in html


def test_the_columns_name_the_runs() -> None:
    """Who narrows the table by its columns has the run of these rules and this penalty, and no other."""
    study = scenarios(["kappa second", "minority"], penalties=[0, 65535])
    for case in ("kappa second", "minority"):
        for name, h in default_rules().items():
            for penalty in (0, 65535):
                alone = scenarios([case], rules={name: h}, penalties=[penalty])
                columns = {"scenario": case, "rules": name, "bonds_penalty": penalty}
                of = np.logical_and.reduce([study.table[column] == value for column, value in columns.items()])
                rows = {column: values[of] for column, values in study.table.items()}
                assert all(
                    rows[column].tobytes() == values.tobytes()
                    for column, values in study.of(case, name, rows["bonds_penalty"][0]).items()
                )
                for column in ("epoch", "uid", "dividends", "incentive", "bond_1", "weight_2"):
                    assert rows[column].tolist() == alone.table[column].tolist()


def test_others_from_one() -> None:
    made = scenario("kappa first")
    assert made.with_name("other").name == "other"
    assert made.with_name("other").description == made.description
    assert made.with_stakes((1, 1, 2)).stakes[3].tolist() == [10**15, 10**15, 2 * 10**15]
    changed = made.with_weights(2, [1, 3], first=5, end=7)
    assert [row.tolist() for row in changed.weights[4:8, 2]] == [[0, 65535], [21845, 65535], [21845, 65535], [0, 65535]]
    assert changed.weights[:, :2].tolist() == made.weights[:, :2].tolist()
    longer = made.with_epochs(50)
    assert longer.weights[45].tolist() == made.weights[39].tolist()
    events = made.with_events(BondReset(3), Registration(9, 0))
    assert events.with_events(Registration(4, 1)).events == (BondReset(3), Registration(9, 0), Registration(4, 1))
    assert events.with_epochs(9).events == (BondReset(3),)
    assert events.without_events() == made
    with_zeros = made.with_zeros().rows(0)
    assert with_zeros[0][0].tolist() == [3, 4]
    assert made.rows(0)[0][0].tolist() == [3]
    assert made.with_zeros().with_zeros(False) == made


@pytest.fixture(scope="module")
def whole() -> Scenarios:
    return scenarios()


def test_the_whole_table(whole: Scenarios) -> None:
    assert len(whole) == 12 * 40 * (16 * 5 + 6 * 6)
    assert (whole.rules, whole.penalties) == ((YUMA_2, YUMA_3, LIQUID), PENALTIES)
    assert [s.name for s in whole.scenarios] == NAMES
    assert whole.scenarios == library()
    assert whole.table["of_the_chain"].all()
    assert whole.table["bond_3"][whole.table["scenario"] == "kappa first"].max() == 0
    for column in ("scenario", "rules", "bonds_penalty"):  # the order of the rows is what `of` takes it to be
        for name in NAMES:
            got = whole.of(name, YUMA_3, 64879)
            want = {"scenario": name, "rules": YUMA_3, "bonds_penalty": 64879}[column]
            assert set(got[column].tolist()) == {want}


@pytest.mark.parametrize("number", range(1, 23))
def test_every_scenario_by_plain_epochs(whole: Scenarios, number: int) -> None:
    """Under rules and penalties by turns, so that all twelve come; on the compiled backend."""
    for k in (number, number + 5, number + 7):
        name, penalty = (YUMA_2, YUMA_3, LIQUID)[k % 3], PENALTIES[k % 4]
        same(whole, scenario(number), name, penalty, default_rules()[name], None)


@pytest.mark.parametrize(("number", "rules", "penalty"), [(2, YUMA_2, 32767), (12, YUMA_3, 64879), (17, LIQUID, 65535)])
def test_some_scenarios_by_the_reference(whole: Scenarios, number: int, rules: str, penalty: int) -> None:
    same(whole, scenario(number), rules, penalty, default_rules()[rules], "reference")


EVENTS: list[Callable[[], Scenario]] = [
    lambda: scenario("late twice", reset=True),
    lambda: scenario("trace", reset=True).with_events(Registration(21, 0), BondReset(30)),
    lambda: scenario("stable server 0.5").with_events(BondReset(7, validator=1), BondReset(7, server=2), Registration(7, 1)),
    lambda: scenario("noise, 3 servers").with_events(*(Registration(k, k % 3) for k in range(1, 40, 4))),
    lambda: scenario("kappa first").with_events(BondReset(39, server=0, validator=2), BondReset(1)),
    lambda: scenario("kappa second, then all").with_zeros(),
    lambda: scenario("clipping").with_hyperparameters(kappa=20000, bonds_moving_average=500_000, alpha_low=6553),
]


@pytest.mark.parametrize("make", EVENTS)
def test_events_and_changes_by_plain_epochs(make: Callable[[], Scenario]) -> None:
    made = make()
    study = scenarios([made], penalties=[0, 65535])
    assert bool(study.table["of_the_chain"].all()) is made.of_the_chain
    assert bool(study.table["of_the_chain"].any()) is made.of_the_chain
    for name, rules in default_rules().items():
        for penalty in (0, 65535):
            same(study, made, name, penalty, rules, "reference" if name == LIQUID else None)


def test_what_events_do() -> None:
    plain, reset, taken = (
        scenarios([made.with_name("it")], rules={"Yuma 3": yk.Hyperparameters()}, penalties=[65535])
        for made in (
            scenario("all switch"),
            scenario("all switch").with_events(BondReset(20, server=1)),
            scenario("all switch").with_events(Registration(20, 1)),
        )
    )

    def bond(study: Scenarios, epoch: int) -> int:
        return int(study.of("it")["bond_2"].reshape(40, 5)[epoch, 0])

    assert bond(plain, 19) == bond(reset, 19) == bond(taken, 19) > 55000
    assert bond(plain, 20) > bond(plain, 19)
    assert bond(reset, 20) == bond(taken, 20) == 6553  # a tenth of the whole weight, as in the first epoch
    other = scenario("all switch").with_events(BondReset(20, server=1)).with_name("it")
    assert scenarios([other], rules={"a": yk.Hyperparameters(tempo=100)}, penalties=[65535]).of("it")["bond_2"].tolist() == (
        reset.of("it")["bond_2"].tolist()
    )


def test_zeros_matter_for_liquid_alpha_alone() -> None:
    study = scenarios([scenario(2).with_name("out"), scenario(2).with_zeros().with_name("stored")])
    for rules in study.rules:
        bonds = [study.of(name, rules)["bond_1"].tolist() for name in ("out", "stored")]
        assert (bonds[0] == bonds[1]) is (rules != LIQUID)


def test_a_run_in_other_processes() -> None:
    with ProcessPoolExecutor(1, get_context("spawn")) as executor:
        assert scenarios([11], executor=executor) == scenarios([11])


def test_the_figures_of_the_page_are_drawn_by_it() -> None:
    """What they show is held by `test_charts`."""
    page = Path(__file__).resolve().parents[1] / "docs" / "scenarios.md"
    text = page.read_text(encoding="utf-8")
    shown = re.findall(r"!\[[^]]+\]\(figures/([^)]+)\)", text)
    assert sorted(shown) == sorted(re.findall(r"\.figure\.savefig\(\"([^\"]+)\"", text))
    assert len(shown) == 2
    for name in shown:
        assert (page.parent / "figures" / name).read_bytes().startswith(b"\x89PNG")


def test_earlier_profiles() -> None:
    made = scenario("kappa second").with_events(Registration(20, 1))
    study = scenarios([made], profile=365, penalties=[32767])
    assert study.provenance["profiles"] == [365]
    bonds = study.of(made.name, YUMA_3)["bond_2"].reshape(40, 5)[:, 1]
    assert bonds[20] < bonds[19] / 2  # outdated since a tempo, where an epoch is a block longer
    with pytest.raises(yk.InputError, match="Yuma 3"):
        scenarios(profile=257)
    old = yk.Hyperparameters(profile=257, yuma3=False)
    assert len(scenarios([1], rules={"old": old}, penalties=[0])) == 200


def test_a_run_does_not_depend_on_who_computes_it(tmp_path: Path) -> None:
    given: dict[str, Any] = {"cases": [1, 12, "noise, 3 servers"], "penalties": [0, 65535]}
    alone = scenarios(**given)
    seen: list[tuple[int, int]] = []
    with ThreadPoolExecutor(2) as executor:
        assert scenarios(**given, executor=executor, folder=tmp_path, progress=lambda *at: seen.append(at)) == alone
    assert seen == [(1, 3), (2, 3), (3, 3)]
    seen.clear()
    assert scenarios(**given, folder=tmp_path, progress=lambda *at: seen.append(at)) == alone
    assert seen == [(3, 3)]
    with pytest.raises(yk.InputError, match="another study"):
        scenarios([1], folder=tmp_path)


def test_save_and_load(tmp_path: Path) -> None:
    study = scenarios(library(reset=True)[4:6], penalties=[65535])
    study.save(tmp_path / "study.npz")
    again = Scenarios.load(tmp_path / "study.npz")
    assert again == study
    assert again.scenarios == study.scenarios
    assert pickle.loads(pickle.dumps(study)) == study
    pandas = pytest.importorskip("pandas")
    assert isinstance(study.to_frame(), pandas.DataFrame)
    assert list(study.to_frame().columns) == list(study.table)


def test_summary(whole: Scenarios) -> None:
    summary = whole.summary()
    assert {column.size for column in summary.values()} == {22 * 12}
    at = int(np.flatnonzero((summary["scenario"] == "kappa second") & (summary["rules"] == YUMA_2))[0])
    got = whole.of("kappa second", YUMA_2, 0)
    paid = got["validator_emission_rao"].reshape(40, 5)[:, :3].astype(float)
    assert summary["ratio"][at] == pytest.approx(paid[:, 1].sum() / (paid.sum() * 0.1))
    assert summary["dividends_per_1000"][at] == pytest.approx(paid[:, 1].sum() / 10**14 * 1000)
    assert summary["of_all"][at] == pytest.approx(paid.sum() / 10**15 * 1000)
    assert summary["validator"][at] == "small, first"
    brief = whole.brief()
    assert len(brief) == 22 * 3
    assert [row["penalty 0.5"] for row in brief.rows()] == summary["ratio"].reshape(-1, 4)[:, 1].tolist()
    said = " +".join(f"{ratio:.3f}" for ratio in summary["ratio"][at : at + 4])
    assert re.search(f"kappa second +small, first +Yuma 2 +{said}\n", str(whole))
    # the stake of the third is gone from epoch 6 on: nothing to compare with there, and nothing that fails
    merged = scenarios([replace(scenario("stakes merge"), base=2)], penalties=[0])
    assert np.isfinite(merged.summary()["ratio"]).all()
    assert np.isnan(merged.of("stakes merge")["dividends_per_1000"].reshape(-1, 5)[6, 2])


def test_charts(whole: Scenarios) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot

    try:
        ax = whole.plot()
        assert len(ax.get_yticklabels()) == 22
        assert len([t for t in ax.texts if re.fullmatch(r"\d+\.\d\d", t.get_text())]) == 22 * 12
        drawn = np.asarray(ax.images[0].get_array())
        np.testing.assert_array_equal(drawn.reshape(-1), np.maximum(whole.summary()["ratio"], 1e-9))
        _, mine = pyplot.subplots()
        got = whole.of("kappa third", LIQUID, 32767)
        for what, column, scale in (
            ("dividends", "dividends_per_1000", 1),
            ("incentive", "incentive", 65535),
            ("bonds", "bond_1", 65535),
        ):
            mine.clear()
            assert whole.chart(what, "kappa third", LIQUID, 32767, ax=mine) is mine  # type: ignore[arg-type]
            assert "kappa third" in mine.get_title()
            assert "liquid" in mine.get_title()
            assert len(mine.lines) == {"dividends": 3, "incentive": 2, "bonds": 6}[what]
            first = got[column].reshape(40, 5)[:, 3 if what == "incentive" else 0] / scale
            np.testing.assert_array_equal(mine.lines[0].get_ydata(), first)
        ax = whole.chart("weights", "clipping")
        assert ax.lines[0].get_ydata()[0] == pytest.approx(0.3, abs=1e-5)
        assert ax.lines[2].get_ydata()[39] == pytest.approx(0.3 / 0.91, abs=1e-5)
        resets = scenarios([scenario("minority", reset=True)], penalties=[0])
        assert "not the chain's" in resets.chart("bonds", "minority").get_title()
    finally:
        pyplot.close("all")


def test_the_report_needs_nothing_else(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    import base64

    cases = [
        scenario("late twice", reset=True),
        scenario("noise, 3 servers").with_name('a <b> & "c"', "A description with <i>."),
        scenario("clipping").with_hyperparameters(kappa=20000),
    ]
    study = scenarios(cases, penalties=[0, 65535])
    seen: list[tuple[int, int]] = []
    study.report(tmp_path / "report.html", progress=lambda *at: seen.append(at))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in text
    for link in re.findall(r'(?:src|href)\s*=\s*"([^"]*)"', text):
        assert link.startswith(("#s", "data:image/png;base64,")), link[:80]
    assert "url(" not in text
    assert "@import" not in text
    pictures = re.findall(r'src="data:image/png;base64,([^"]*)"', text)
    assert len(pictures) == 3 * (1 + 3)
    for picture in pictures:
        assert base64.b64decode(picture, validate=True).startswith(b"\x89PNG")
    assert len(set(pictures)) == len(pictures)
    assert "<b>" not in text
    assert "<i>" not in text
    assert "a &lt;b&gt; &amp; &quot;c&quot;" in text
    assert "before epoch 20 all bonds on server 2 are reset (not the chain" in text.replace("Before", "before")
    assert "kappa = 20000" in text
    for value in study.summary()["ratio"]:
        assert f">{value:.3f}<" in text


def matrix(epochs: int = 2) -> Any:
    return np.full((epochs, 2, 2), 7, np.uint16)


@pytest.mark.parametrize(
    ("field", "call"),
    [
        ("name", lambda: Scenario(" ", "", [[1, 1]], matrix(1))),
        ("name", lambda: Scenario(3, "", [[1, 1]], matrix(1))),  # type: ignore[arg-type]
        ("stakes", lambda: Scenario("a", "", [[1, 1]], matrix(2))),
        ("stakes", lambda: Scenario("a", "", [[1, -1]], matrix(1))),
        ("stakes", lambda: Scenario("a", "", [[2**62, 2**62]], matrix(1))),
        ("weights", lambda: Scenario("a", "", [[1, 1]], np.array([[[1.5, 1], [1, 1]]]))),
        ("weights", lambda: Scenario("a", "", [[1, 1]], [[1, 1]])),
        ("validators", lambda: Scenario("a", "", [[1, 1]], matrix(1), validators=["one"])),
        ("base", lambda: Scenario("a", "", [[1, 1]], matrix(1), base=2)),
        ("zeros", lambda: Scenario("a", "", [[1, 1]], matrix(1), zeros=2)),  # type: ignore[arg-type]
        ("events", lambda: scenario(1).with_events(BondReset(0))),
        ("events", lambda: scenario(1).with_events(BondReset(40))),
        ("events", lambda: scenario(1).with_events(BondReset(1, server=2))),
        ("events", lambda: scenario(1).with_events(BondReset(1, validator=3))),
        ("events", lambda: scenario(1).with_events(Registration(1, None))),  # type: ignore[arg-type]
        ("events", lambda: scenario(1).with_events("reset")),  # type: ignore[arg-type]
        ("hyperparameters", lambda: scenario(1).with_hyperparameters(bonds_penalty=3)),
        ("hyperparameters", lambda: scenario(1).with_hyperparameters(kapa=3)),
        ("hyperparameters.kappa", lambda: scenario(1).with_hyperparameters(kappa=65536)),
        ("stakes", lambda: Scenario.of("a", stakes=[0.5, -0.1], weights=[[1], [1]])),
        ("stakes", lambda: Scenario.of("a", stakes=["x"], weights=[[1]])),
        ("stakes", lambda: Scenario.of("a", stakes=[float("nan")], weights=[[1]])),
        ("stakes", lambda: Scenario.of("a", stakes=[[0.5]] * 3, weights=[[1]])),
        ("weights", lambda: Scenario.of("a", stakes=[0.5], weights=[[-1]])),
        ("weights", lambda: Scenario.of("a", stakes=[0.5], weights=[[[1]], [[1]]])),
        ("weights", lambda: Scenario.of("a", stakes=[0.5], weights=3)),
        ("weights", lambda: Scenario.of("a", stakes=[0.5], weights=lambda k: [[1] * (k + 1)])),
        ("weights", lambda: Scenario.of("a", stakes=[0.5], weights=lambda k: [{0: 1}])),
        ("weights", lambda: Scenario.of("a", stakes=[0.5] * 3, weights=lambda k: [1, 0], epochs=3)),
        ("weights", lambda: scenario(1).with_weights(0, [1, 2, 3])),
        ("weights", lambda: scenario(1).with_weights(0, {0: 1})),
        ("validator", lambda: scenario(1).with_weights(3, [1, 2])),
        ("first", lambda: scenario(1).with_weights(0, [1, 2], first=40)),
        ("end", lambda: scenario(1).with_weights(0, [1, 2], first=4, end=4)),
        ("epochs", lambda: scenario(1).with_epochs(0)),
        ("epoch", lambda: scenario(1).rows(40)),
        ("scenario", lambda: Scenario.from_dict({"name": "a"})),
        ("scenario", lambda: Scenario.from_dict({**scenario(1).to_dict(), "more": 1})),
        ("scenario", lambda: Scenario.from_dict([])),  # type: ignore[arg-type]
        ("events", lambda: Scenario.from_dict({**scenario(1).to_dict(), "events": [{"event": "Other"}]})),
        ("which", lambda: scenario("kappa fourth")),
        ("which", lambda: scenario(0)),
        ("which", lambda: scenario(23)),
        ("parameters", lambda: scenario("kappa first", second=2)),
        ("moves", lambda: scenario("late twice", first=30)),
        ("part", lambda: scenario("trace", part=2)),
        ("share", lambda: scenario(15, share=1)),
        ("worth", lambda: scenario("noise, 2 servers", servers=4)),
        ("spread", lambda: scenario("noise, 2 servers", spread=[-1, 1, 1])),
        ("cases", lambda: scenarios([])),
        ("cases", lambda: scenarios([1, 1])),
        ("cases", lambda: scenarios("kappa first")),
        ("cases", lambda: scenarios(["nobody"])),
        ("rules", lambda: scenarios([1], rules={})),
        ("rules", lambda: scenarios([1], rules={"a": 3})),  # type: ignore[dict-item]
        ("penalties", lambda: scenarios([1], penalties=[])),
        ("penalties", lambda: scenarios([1], penalties=[0, 0])),
        ("penalties", lambda: scenarios([1], penalties=[0.5])),  # type: ignore[list-item]
        ("penalties", lambda: scenarios([1], penalties=3)),  # type: ignore[arg-type]
        ("emission", lambda: scenarios([1], emission=-1)),
        ("scenario", lambda: scenarios([1], penalties=[0]).of("kappa second")),
        ("rules", lambda: scenarios([1], penalties=[0]).of("kappa first", "Yuma 4")),
        ("bonds_penalty", lambda: scenarios([1], penalties=[0]).of("kappa first", YUMA_2, 1)),
        ("what", lambda: scenarios([1], penalties=[0]).chart("trust", "kappa first")),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_bad_input_is_named(field: str, call: Callable[[], object]) -> None:
    with pytest.raises(yk.InputError) as caught:
        call()
    assert caught.value.field == field


def test_how_many_validators_there_are_is_said() -> None:
    said = r"stakes: expected one for each of 2 validators, as weights have rows, got 3"
    two = Scenario.of("a", stakes=[1, 1], weights=[[1], [1]])
    with pytest.raises(yk.InputError, match=said):
        Scenario.of("a", stakes=[1, 1, 1], weights=[[1], [1]])
    with pytest.raises(yk.InputError, match=said):
        two.with_stakes([1, 1, 1])
