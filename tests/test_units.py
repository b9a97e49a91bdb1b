"""Numbers with a unit: floats in place of stored integers, stakes, and results as people read them."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import yuma_kernel as yk
from calls import LIQUID, subnet
from test_types import bits, refused
from yuma_kernel.units import shown_alpha, shown_share

EMISSION = 148 * 10**9


def result(emission: int = EMISSION) -> yk.EpochResult:
    return yk.epoch(subnet(), LIQUID, emission=emission)


# -- floats where integers are stored -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("kappa", 0.4, "of 65535, got the float 0.4: 0.4 is 26214"),
        ("kappa", 0.5, "0.5 is 32767 or 32768"),
        ("kappa", 1.0, "1.0 is 65535"),
        ("kappa", np.float32(0.25), "0.25 is 16384"),
        ("kappa", np.array(0.25), "0.25 is 16384"),
        ("kappa", 50.0, "50.0 percent are 32767 or 32768; where it is what is stored, give 50"),
        ("kappa", 100.0, "100.0 percent are 65535; where it is"),
        ("kappa", 100.5, "got the float 100.5"),
        ("kappa", 32767.0, "got the float 32767.0; where it is what is stored, give 32767"),
        ("bonds_penalty", 1.0, "1.0 is 65535"),
        ("alpha_low", 0.7, "0.7 is 45874 or 45875"),
        ("alpha_high", 0.9, "0.9 is 58981 or 58982"),
        ("bonds_moving_average", 0.9, "in millionths, got the float 0.9: 0.9 is 900000"),
        ("alpha_sigmoid_steepness", 10.0, "in hundredths, got the float 10.0: 10.0 is 1000"),
        ("alpha_sigmoid_steepness", 1000.0, "where it is what is stored, give 1000"),
        ("alpha_sigmoid_steepness", -2.5, "-2.5 is -250"),
        ("kappa", -0.5, "got the float -0.5"),
        ("kappa", float("nan"), "whole number, got nan"),
        ("kappa", float("inf"), "whole number, got inf"),
        ("kappa", 1e300, "got the float 1e+300"),
        ("kappa", np.float16(60000), "got the float 60000.0"),
        ("stake_threshold", 1000.5, "in rao: 1000.5 is 1000500000000"),
    ],
)
def test_a_float_is_refused_with_the_unit_and_what_was_meant(name: str, value: Any, words: str) -> None:
    refused(lambda: yk.Hyperparameters(**{name: value}), name, None, words)


def test_the_steepness_of_profile_273_is_in_ones() -> None:
    def early(steepness: Any) -> yk.Hyperparameters:
        return yk.Hyperparameters(profile=273, alpha_sigmoid_steepness=steepness)

    error = refused(lambda: early(0.5), "alpha_sigmoid_steepness", None, "expected a whole number, got 0.5")
    assert "hundredths" not in error.rule
    assert early(10.0).alpha_sigmoid_steepness == 10
    assert "<td>alpha_sigmoid_steepness</td><td>10</td><td>in ones</td><td>10</td>" in early(10)._repr_html_()


def test_hints_in_amounts_and_matrices() -> None:
    refused(lambda: yk.stake_from_rao([1, 0.5]), "stake", 1, "whole number, got 0.5", "in rao: 0.5 is 500000000")
    words = "in rao: 0.5 is 500000000 (stake_from_floats takes alpha)"
    refused(lambda: yk.stake_from_rao(np.array([1, 0.5])), "stake", 1, words)
    refused(lambda: yk.total_stake_bits([1], [1], 0.18), "tao_weight", None, "float 0.18: 0.18 is 3320413933267719291")  # type: ignore[arg-type]
    refused(lambda: yk.total_stake_bits([1], [1], 1.0), "tao_weight", None, "1.0 is 18446744073709551615")  # type: ignore[arg-type]
    refused(lambda: yk.total_stake_bits([1], [1], 2.0**61), "tao_weight", None, "give 2305843009213693952")  # type: ignore[arg-type]
    refused(lambda: yk.epoch(subnet(), LIQUID, emission=0.5), "emission", None, "in rao: 0.5 is 500000000")  # type: ignore[arg-type]
    refused(lambda: yk.SparseRows.from_rows([[(0, 0.25)]]), "value", 0, "of 65535: 0.25 is 16384")
    refused(lambda: yk.SparseRows.from_dense([[50.5]]), "matrix", (0, 0), "of 65535: 50.5 percent are 33095")
    dense = np.full((1, 5, 5), 0.25)
    refused(lambda: yk.variants(subnet(), LIQUID, weights=dense), "weights", (0, 0, 0), "of 65535: 0.25 is 16384")
    for none in (100.5, -0.5, np.nan):
        rule = refused(lambda none=none: yk.SparseRows.from_dense([[none]]), "matrix", (0, 0)).rule  # type: ignore[misc]
        assert "of 65535" not in rule
    assert "rao" not in refused(lambda: yk.Hyperparameters(tempo=0.5), "tempo", None, "whole number").rule  # type: ignore[arg-type]


AMOUNTS: dict[str, Any] = {
    "emission": lambda x: yk.epoch(subnet(), LIQUID, emission=x),
    "emission ": lambda x: yk.simulate(subnet(), LIQUID, epochs=1, emission=x),
    "emission  ": lambda x: yk.variants(subnet(), LIQUID, emission=x, outputs=()),
    "stake_threshold": lambda x: yk.Hyperparameters(stake_threshold=x),
    "rao": lambda x: subnet().with_stake(0, x),
}


@pytest.mark.parametrize("name", AMOUNTS)
def test_whole_floats_that_may_be_alpha_are_no_amounts(name: str) -> None:
    """148.0 would be 148 rao where 148 alpha are meant; what no u64 has as alpha can only be rao."""
    call = AMOUNTS[name]
    for alpha in (1.0, 148.0, np.float32(148), 18446744073.0):
        words = f"got the float {float(alpha)}: {float(alpha)} alpha are {int(alpha) * 10**9}", f"give {int(alpha)}"
        refused(lambda alpha=alpha: call(alpha), name.strip(), None, *words)  # type: ignore[misc]
    for rao in (0.0, 148, 18446744074.0, 148e9):
        call(rao)


@pytest.mark.parametrize("form", [list, np.array])
def test_of_many_amounts_the_largest_tells(form: Any) -> None:
    refused(lambda: yk.stake_from_rao(form([0.0, 1000.0, 2.0])), "stake", 1, "1000.0 alpha are 1000000000000 (stake_from")
    refused(lambda: yk.total_stake_bits(form([6000.0]), [1], 1), "alpha_stake", 0, "in rao")
    refused(lambda: yk.total_stake_bits([10**9], form([6000.0]), 1), "tao_stake", 0, "in rao")
    refused(lambda: yk.simulate(subnet(), LIQUID, epochs=2, emission=form([1.0, 2.0])), "emission", 1, "2.0 alpha")
    for rao in ([1e12, 2.0], [0.0, 0.0], [10**12, 2.0], []):
        assert yk.stake_to_rao(yk.stake_from_rao(form(rao))).tolist() == rao
    assert yk.stake_to_rao(yk.stake_from_rao([7, 0.0])).tolist() == [7, 0]


def test_whole_floats_without_a_unit_are_taken_as_ever() -> None:
    assert yk.Hyperparameters(tempo=360.0, max_allowed_validators=64.0).tempo == 360  # type: ignore[arg-type]


def test_where_the_state_is_of_what_is_none() -> None:
    snapshot, ahead = yk.Snapshot(subnet(), LIQUID), yk.simulate(subnet(), LIQUID, epochs=1)
    for other in (snapshot, ahead):
        words = f"expected a SubnetState, got {type(other).__name__}, of which .state is one"
        for call in (yk.epoch, yk.variants, yk.explain):
            refused(lambda call=call, other=other: call(other, LIQUID, *[0] * (call is yk.explain)), "state", None, words)  # type: ignore[misc]
    assert "which" not in refused(lambda: yk.epoch(LIQUID, LIQUID), "state", None).rule  # type: ignore[arg-type]


# -- stake ----------------------------------------------------------------------------------------------------------------


def test_stake_from_floats_is_the_nearest_rao() -> None:
    amounts: list[Any] = [
        0.1,
        1.5,
        2,
        1e-9,
        4.9e-10,
        5e-10,
        1.5e-9,
        123456789.123456789,
        9e9,
        np.float32(0.1),
        np.int8(3),
        0.0,
    ]
    exact = [round(Fraction(*float(a).as_integer_ratio()) * 10**9) << 64 for a in amounts]
    assert bits(yk.stake_from_floats(amounts)) == exact
    assert bits(yk.stake_from_floats(np.array([0.1, 2.5]))) == [10**8 << 64, 25 * 10**8 << 64]
    for wrong, at, words in (
        ([1, -1], 1, "0 to"), ([1e10], 0, "0 to"), ([float("nan")], 0, "finite"), ([True], 0, "bool"), (["1"], 0, "str"),
        ([2**63], 0, "0 to"), (np.array([True]), None, "bool"), (np.ones((1, 1)), None, "one dimension"), (5, None, "one"),
        (np.ma.array([1.0]), None, "masked"), ([None], 0, "NoneType"),
    ):  # fmt: skip
        refused(lambda wrong=wrong: yk.stake_from_floats(wrong), "stake", at, words)  # type: ignore[misc]


def test_stake_and_back() -> None:
    rao = [0, 1, 10**9, 2**53 + 1, 2**63 - 1]
    words = yk.stake_from_rao(rao)
    assert yk.stake_to_rao(words).tolist() == rao
    assert yk.stake_to_floats(words).tolist() == [r / 10**9 for r in rao]
    half = np.array([[2**63, 3]], np.uint64)  # 3.5 rao
    assert yk.stake_to_rao(half).tolist() == [3]
    assert yk.stake_to_floats(half).tolist() == [3.5e-9]
    refused(lambda: yk.stake_to_rao([1, 2]), "total_stake", None, "2 dimensions")
    refused(lambda: yk.stake_to_floats([[1, 2, 3]]), "total_stake", None, "length of axis 1 2")


# -- results --------------------------------------------------------------------------------------------------------------


def test_results_as_floats() -> None:
    got = result()
    floats = got.as_floats()
    assert list(floats) == [name for name in yk.OUTPUTS if name != "bonds"]
    for name in ("stake_weight", "consensus", "validator_trust", "incentive", "dividends"):
        assert floats[name].tolist() == [v / 65535 for v in getattr(got, name).tolist()]
    for name in ("server_emission", "validator_emission", "emission"):
        assert floats[name].tolist() == [v / 10**9 for v in getattr(got, name).tolist()]
        assert floats[name].dtype == np.float64
    assert floats["active"].dtype == np.bool_
    floats["active"][0] = False  # the caller's own
    assert got.active[0]
    large = result(2**64 - 1)
    assert large.as_floats()["emission"].tolist() == [v / 10**9 for v in large.emission.tolist()]


def test_results_by_uid() -> None:
    got = result()
    assert len(got) == 5
    for uid, one in enumerate(got):
        assert one == got[uid]
        assert one.uid == uid
        assert one.bonds == tuple(got.bonds.to_rows()[uid])
        for name in yk.OUTPUTS:
            if name != "bonds":
                assert getattr(one, name) == getattr(got, name)[uid]
                assert type(getattr(one, name)) in (int, bool)
        assert got.to_dict(uid) == {**vars(one), "bonds": list(one.bonds)}
        floats = one.as_floats()
        assert floats["emission"] == one.emission / 10**9
        assert floats["bonds"] == {j: bond / 65535 for j, bond in one.bonds}
        assert floats["uid"] == uid
    for wrong in (5, -1, None, "0", slice(1)):
        refused(lambda wrong=wrong: got[wrong], "uid", None)  # type: ignore[misc]
    refused(lambda: got.to_dict(5), "uid", None, "from 0 to 4")


def test_results_as_plain_python() -> None:
    got = result()
    whole = got.to_dict()
    assert list(whole) == list(yk.OUTPUTS)
    again = json.loads(json.dumps(whole))
    assert yk.SparseRows.from_rows(again.pop("bonds")) == got.bonds
    assert {name: np.array(values).tolist() for name, values in again.items()} == {
        name: getattr(got, name).tolist() for name in again
    }


def test_results_as_a_frame() -> None:
    pandas = pytest.importorskip("pandas", exc_type=ImportError)
    got = result()
    frame = got.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert frame.index.name == "uid"
    for name in frame:
        assert frame[name].dtype == getattr(got, name).dtype
        assert frame[name].tolist() == getattr(got, name).tolist()
    assert got.to_frame("float")["dividends"].tolist() == got.as_floats()["dividends"].tolist()
    refused(lambda: got.to_frame("rao"), "units", None, "chain or float")


def test_without_pandas_a_frame_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        result().to_frame()


# -- what prints itself ---------------------------------------------------------------------------------------------------


def test_reprs_show_what_one_looks_for_first() -> None:
    state = subnet()
    assert repr(state) == (
        "SubnetState(n=5, validators=3, current_block=1000, weights=6 entries, bonds=3 entries, "
        "stake=1,301.000 alpha, most by uid 0: 46.1 %)"
    )
    got = result()
    most = int(np.argmax(got.emission))
    share = 100 * int(got.emission[most]) / sum(got.emission.tolist())
    assert repr(got).startswith("EpochResult(n=5, validators=4, emission=148.000 alpha; ")
    assert f"uid {most} earns most: {int(got.emission[most]) / 10**9:,.3f} alpha, {share:.1f} %" in repr(got)
    assert "no emission; most incentive: uid 3" in repr(result(0))
    empty = yk.SubnetState(yk.SparseRows.empty(1), yk.SparseRows.empty(1), [[0, 0]], [0], [0], [False], 0)
    assert "stake=0 alpha" in repr(empty)
    assert repr(result(148)).startswith(
        "EpochResult(n=5, validators=4, emission=0.000000145 alpha; uid 3 earns most: 0.000000055"
    )
    little = yk.SubnetState(
        yk.SparseRows.empty(2), yk.SparseRows.empty(2), yk.stake_from_rao([10**6, 1]), [0] * 2, [0] * 2, [False] * 2, 0
    )
    assert "<td>0.001</td><td>100.0 %</td>" in little._repr_html_()
    assert "<td>0.000000001</td><td>&lt; 0.1 %</td>" in little._repr_html_()
    assert repr(yk.epoch(empty, yk.Hyperparameters()))


def test_one_uid_prints_shares_amounts_and_how_many_bonds() -> None:
    one = result(148)[0]
    assert repr(one).startswith(f"UidResult(uid=0, emission={shown_alpha(one.emission)} alpha (server ")
    assert f"dividends={100 * one.dividends / 65535:.1f} %" in repr(one)
    assert repr(one).endswith(f"active=True, validator_permit=True, {len(one.bonds)} bonds)")
    assert one.bonds
    assert len(repr(one)) < 400


def test_table_of_a_result_has_no_0_for_what_is_not() -> None:
    got = result(148)
    html = got._repr_html_()
    assert f"<td>{shown_alpha(int(got.emission.max()))}</td>" in html
    incentive = got.incentive.copy()
    incentive[0] = 1
    assert "&lt; 0.0001" in replace(got, incentive=incentive)._repr_html_()
    assert "&lt; 0.0001" not in html


def test_table_of_a_simulation_has_no_0_for_what_is_not() -> None:
    got = yk.simulate(subnet(), yk.Hyperparameters(), epochs=2, emission=148)
    assert f"<td>{shown_alpha(int(got.emission[-1].max()))}</td>" in got._repr_html_()
    incentive = got.incentive.copy()
    incentive[-1, int(np.argmax(got.emission[-1]))] = 1
    assert "&lt; 0.0001" in replace(got, incentive=incentive)._repr_html_()
    assert "&lt; 0.0001" not in got._repr_html_()


@pytest.mark.parametrize(
    ("rao", "text"),
    [
        (0, "0.000"), (1, "0.000000001"), (500_000, "0.000500000"), (500_001, "0.001"), (-1, "-0.000000001"),
        (10**9, "1.000"), (1234567890123, "1,234.568"), (2**64 - 1, "18,446,744,073.710"),
    ],
)  # fmt: skip
def test_alpha_as_people_read_it_is_never_0_for_what_is_not(rao: int, text: str) -> None:
    assert shown_alpha(rao) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (32768, 65535, "50.0 %"), (0, 65535, "0.0 %"), (1, 65535, "< 0.1 %"), (1, 1999, "0.1 %"), (1, 2001, "< 0.1 %"),
        (0, 0, "0.0 %"),
    ],
)  # fmt: skip
def test_shares_as_people_read_them(part: int, whole: int, text: str) -> None:
    assert shown_share(part, whole) == text


def test_tables_in_notebooks() -> None:
    state, got = subnet(), result()
    table = state._repr_html_()
    assert table.count("<tr>") == 1 + 5
    assert "5 uids at block 1000: 3 with a permit, 6 weights, 3 bonds, owner 2" in table
    assert "<td>0</td><td>600.000</td><td>46.1 %</td><td>yes</td><td>2</td><td>2</td><td>999</td>" in table
    earned = got._repr_html_()
    assert earned.count("<tr>") == 1 + 5
    most = int(np.argmax(got.emission))
    assert f"<tr><td>{most}</td><td>{int(got.emission[most]) / 10**9:,.3f}</td>" in earned
    shown = yk.Hyperparameters()._repr_html_()
    assert "<td>kappa</td><td>32767</td><td>of 65535</td><td>0.499992</td>" in shown
    assert "<td>alpha_sigmoid_steepness</td><td>1000</td><td>in hundredths</td><td>10</td>" in shown
    large = yk.SubnetState(
        yk.SparseRows.empty(30), yk.SparseRows.empty(30), yk.stake_from_rao(range(30)), [0] * 30, [0] * 30, [False] * 30, 1
    )
    for value in (large, yk.epoch(large, yk.Hyperparameters())):
        assert "and 20 more" in value._repr_html_()


def test_stages_show_themselves() -> None:
    shown = dir(yk.stages)
    assert "consensus" in shown
    assert "np" not in shown
    assert all(callable(getattr(yk.stages, name)) or name == "ONE" for name in shown)
