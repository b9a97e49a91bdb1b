"""Research variants: without a change they are the chain's bits, with one what it says, and always labelled."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import yuma_kernel as yk
from scenario_loop import loop, same
from yuma_kernel.studies import (
    BondReset,
    Registration,
    Research,
    Scenario,
    Variant,
    default_variants,
    research,
    scenario,
    scenarios,
)
from yuma_kernel.studies.research_variants import changed_run
from yuma_kernel.studies.scenario_table import EMISSION_RAO, LIQUID, YUMA_2, YUMA_3, Inputs, default_rules, part

PLAIN: list[Callable[[], Scenario]] = [
    lambda: scenario("kappa second, then third"),
    lambda: scenario("stakes merge"),
    lambda: scenario("clipping").with_hyperparameters(kappa=20000, bonds_moving_average=700_000),
    lambda: scenario("noise, 3 servers").with_events(BondReset(9, server=1), Registration(20, 2)),
    lambda: scenario("trace").with_zeros(),
]


@pytest.mark.parametrize("profile", [475, 425])
@pytest.mark.parametrize("make", PLAIN)
def test_without_a_change_it_is_the_chains(make: Callable[[], Scenario], profile: int) -> None:
    made = make()
    for rules in default_rules(profile).values():
        for penalty in (0, 32767, 65535):
            got = changed_run(Inputs(made), Variant(rules), penalty, EMISSION_RAO)
            for k, (_, result) in enumerate(loop(made, replace(rules, bonds_penalty=penalty))):
                for name, values in got.items():
                    if name == "bonds":
                        validators = len(made.validators)
                        assert values[k].tolist() == result.bonds.to_dense()[:validators, validators:].tolist()
                    else:
                        assert values.dtype == getattr(result, name).dtype
                        assert values[k].tolist() == getattr(result, name).tolist(), (k, name)


def shares(study: Research, made: Scenario, name: str, column: str, penalty: int = 65535) -> Any:
    return study.of(made.name, name, penalty)[column].reshape(made.epochs, made.n) / 65535


def floats(made: Scenario, *, previous: bool = False, keep: float = 0.9) -> tuple[Any, Any]:
    """Incentive and dividends of Yuma 1 by a simulation in floats, without a bonds penalty."""
    bonds, before, found = None, None, []
    for epoch in range(made.epochs):
        w = made.weights[epoch] / made.weights[epoch].sum(axis=1, keepdims=True)
        stake = made.stakes[epoch] / made.stakes[epoch].sum()
        agreed = np.array([next(p for p in sorted(w[:, j]) if stake[w[:, j] <= p].sum() > 0.5) for j in range(made.servers)])
        bought = w if before is None or not previous else before
        rank = (stake[:, None] * np.minimum(bought, agreed)).sum(axis=0)
        staked = stake[:, None] * bought
        new = staked / np.where(staked.sum(axis=0) > 0, staked.sum(axis=0), 1)
        if previous:  # on Yuma 2, whose bonds are parts of their column
            average = (1 - keep) * new + (0 if bonds is None else keep * bonds)
            bonds = average / np.where(average.sum(axis=0) > 0, average.sum(axis=0), 1)
        else:
            bonds = new if bonds is None else (1 - keep) * new + keep * bonds
        incentive = rank / rank.sum()
        paid = bonds @ incentive
        found.append((incentive, paid / paid.sum()))
        before = w
    return np.array([i for i, _ in found]), np.array([d for _, d in found])


@pytest.mark.parametrize("name", ["kappa second", "kappa delayed", "one deviates", "stable server 0.5", "noise, 3 servers"])
def test_bonds_of_yuma_1(name: str) -> None:
    made = scenario(name)
    study = research([made], variants={"it": Variant(bonds="yuma 1")}, penalties=[0])
    incentive, dividends = floats(made)
    np.testing.assert_allclose(shares(study, made, "it", "incentive", 0)[:, 3:], incentive, atol=2e-3)
    np.testing.assert_allclose(shares(study, made, "it", "dividends", 0)[:, :3], dividends, atol=2e-3)
    chains = scenarios([made], penalties=[0], rules={"it": default_rules()[YUMA_2]})
    apart = np.abs(chains.of(name)["dividends"] / 65535 - study.of(name)["dividends"] / 65535).max()
    # where somebody weighs each server all the time, the sum of a column is 1 in both
    assert apart < 1e-4 if name in ("one deviates", "noise, 3 servers") else apart > 0.05


@pytest.mark.parametrize("name", ["kappa second", "kappa third", "noise, 2 servers"])
def test_previous_weights(name: str) -> None:
    made = scenario(name)
    study = research([made], variants={"it": Variant(previous_weights=True)}, penalties=[0])
    incentive, dividends = floats(made, previous=True)
    np.testing.assert_allclose(shares(study, made, "it", "incentive", 0)[:, 3:], incentive, atol=2e-3)
    np.testing.assert_allclose(shares(study, made, "it", "dividends", 0)[:, :3], dividends, atol=3e-3)
    taken = research([made.with_events(Registration(20, 0))], variants={"it": Variant(previous_weights=True)}, penalties=[0])
    if name == "noise, 2 servers":  # weights of before on a server that is another now do not count
        assert taken.of(name)["incentive"].reshape(40, 5)[20, 3] == 0
        assert study.of(name)["incentive"].reshape(40, 5)[20, 3] > 0


def test_the_winner_takes_all() -> None:
    for name in ("noise, 2 servers", "noise, 3 servers", "clipping"):
        made = scenario(name)
        study = research([made], variants={"it": Variant(default_rules()[YUMA_3], winner_takes_all=True)}, penalties=[65535])
        chains = scenarios([made], rules={"it": default_rules()[YUMA_3]}, penalties=[65535])
        ranks = chains.of(name)["incentive"].reshape(40, made.n)[:, 3:]
        won = study.of(name)["incentive"].reshape(40, made.n)[:, 3:]
        for epoch in range(40):
            if (ranks[epoch] == ranks[epoch].max()).sum() == 1:
                assert won[epoch].tolist() == (65535 * (ranks[epoch] == ranks[epoch].max())).tolist()
        assert (won.sum(axis=1) >= 65533).all()
    tied = Scenario.of("tied", stakes=[1, 1, 1], weights=[[1, 1], [1, 1], [1, 1]], epochs=2)
    study = research([tied], variants={"it": Variant(winner_takes_all=True)}, penalties=[0])
    assert study.of("tied")["incentive"].reshape(2, 5).tolist() == [[0, 0, 0, 32767, 32767]] * 2
    nobody = Scenario.of("nobody", stakes=[1, 1], weights=[[0], [0]], epochs=2)
    study = research([nobody], variants={"it": Variant(winner_takes_all=True)}, penalties=[0])
    assert not study.of("nobody")["incentive"].any()


def test_a_normalized_consensus() -> None:
    made = scenario("clipping").with_hyperparameters(kappa=20000)  # with a consensus of 1.3 in all
    study = research([made], variants={"it": Variant(normalized_consensus=True)}, penalties=[65535])
    plain = scenarios([made], rules={"it": default_rules()[YUMA_2]}, penalties=[65535])
    agreed = plain.of("clipping")["consensus"].reshape(40, 5) / 65535
    want = agreed / agreed.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares(study, made, "it", "consensus"), want, atol=1e-4)
    assert np.abs(want - agreed).max() > 0.04
    weights = made.weights / made.weights.sum(axis=2, keepdims=True)
    trust = np.minimum(weights, want[:, None, 3:]).sum(axis=2)
    np.testing.assert_allclose(shares(study, made, "it", "validator_trust")[:, :3], trust, atol=1e-4)


def test_resets_that_ask_for_consensus() -> None:
    made = scenario("all switch")
    without, on = (made.with_events(BondReset(20, server=k, without_consensus=True)) for k in (0, 1))
    study = scenarios([without.with_name("without"), on.with_name("on"), made], penalties=[0])
    for rules in (YUMA_2, YUMA_3):
        bonds = {name: study.of(name, rules)["bond_1"].reshape(40, 5)[20] for name in ("without", "all switch")}
        assert bonds["without"].max() == 0 < bonds["all switch"].max()
        assert study.of("on", rules)["bond_2"].tolist() == study.of("all switch", rules)["bond_2"].tolist()
    assert not study.of("on")["of_the_chain"].any()
    assert Scenario.from_dict(json.loads(json.dumps(on.to_dict()))) == on
    assert "if nothing of consensus is on it" in repr(without)


def test_everything_says_that_it_is_not_the_chains(tmp_path: Path) -> None:
    study = research(["kappa second", "minority"], penalties=[65535])
    assert not study.table["of_the_chain"].any()
    assert study.provenance["of_the_chain"] is False
    assert set(study.provenance["not_the_chains"]) == set(default_variants())
    assert all(study.provenance["not_the_chains"].values())
    assert str(study).count("(not the chain's)") == 2 * len(default_variants())
    assert "not the chain's" in unescape(study._repr_html_())
    study.save(tmp_path / "it.npz")
    assert Research.load(tmp_path / "it.npz") == study
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot

    try:
        shown = [text.get_text() for text in study.plot().texts]
        assert sum("not the chain's" in text for text in shown) == len(default_variants())
        assert "not the chain's" in study.chart("bonds", "minority", "Yuma 1 bonds").get_title()
    finally:
        pyplot.close("all")
    study.report(tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert text.count("(not the chain&#x27;s)</span></h3>") == 2 * len(default_variants())
    assert "<title>scenarios under research variants, which are not the chain&#x27;s</title>" in text


def test_the_chains_rules_are_labelled_as_such() -> None:
    study = scenarios(["kappa second"], penalties=[0])
    assert "not the chain" not in str(study) + unescape(study._repr_html_())
    same(study, scenario("kappa second"), LIQUID, 0, default_rules()[LIQUID], None)
    assert [part(p) for p in (0, 32767, 64879, 65535)] == ["0", "0.5", "0.99", "1"]


@pytest.mark.parametrize(
    ("field", "call"),
    [
        ("rules", lambda: Variant(yk.Hyperparameters(profile=365), winner_takes_all=True)),
        ("rules", lambda: Variant(3)),  # type: ignore[arg-type]
        ("bonds", lambda: Variant(bonds="yuma 0")),  # type: ignore[arg-type]
        ("bonds", lambda: Variant(yk.Hyperparameters(yuma3=True), bonds="yuma 1")),
        ("winner_takes_all", lambda: Variant(winner_takes_all="yes")),  # type: ignore[arg-type]
        ("variants", lambda: research([1], variants={})),
        ("variants", lambda: research([1], variants={"a": 1})),  # type: ignore[dict-item]
        ("variants", lambda: research([1], variants={"the chain's": Variant()})),
        ("cases", lambda: research([0])),
        ("emission", lambda: research([1], emission=2**63)),
        ("events", lambda: scenario(1).with_events(BondReset(3, without_consensus=True))),
    ],
)
def test_bad_input_is_named(field: str, call: Callable[[], object]) -> None:
    with pytest.raises(yk.InputError) as caught:
        call()
    assert caught.value.field == field
