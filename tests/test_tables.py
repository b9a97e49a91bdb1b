"""Numbers as text, and tables as text and HTML."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import yuma_kernel as yk
from yuma_kernel.explanation import PARTS
from yuma_kernel.tables import Table, alpha, proportion


@pytest.mark.parametrize(
    ("raw", "text"),
    [(0, "0.0000000"), (2**32, "1.0000000"), (2**31, "0.5000000"), (1, "2.3e-10"), (214, "5.0e-08"), (215, "0.0000001")],
)
def test_proportion(raw: int, text: str) -> None:
    """Seven decimals, and what is not 0 is never shown as 0."""
    assert proportion(raw) == text


def test_alpha() -> None:
    assert alpha(10**18 + 1) == "1,000,000,000.000000001"


TABLE = Table(
    {"uid": [1, 2, 3], "hotkey": ["a", "<b>", "c"], "value": [5, None, 7], "on": [True, False, True]},
    title="Some & others",
    caption="as they are",
    important=[1, 9, 5],
)


def test_text() -> None:
    assert TABLE.text().splitlines() == [
        "Some & others",
        "  uid  hotkey  value   on",
        "    1  a           5  yes",
        "    2  <b>             no",
        "    3  c           7  yes",
        "as they are",
    ]


def test_html_is_escaped() -> None:
    html = TABLE.html()
    assert "<caption>Some &amp; others</caption>" in html
    assert "<td>&lt;b&gt;</td>" in html
    assert html.endswith("</table><p>as they are</p>")


def test_what_matters_most_in_its_order() -> None:
    cut = TABLE.most(2)
    assert cut.columns["uid"] == [2, 3]
    assert cut.caption == "and 1 more; as they are"
    assert replace(TABLE, important=[5, 1, 9]).most(2).columns["uid"] == [1, 3]
    assert replace(TABLE, important=[5, 5, 5]).most(2).columns["uid"] == [1, 2]
    assert replace(TABLE, important=None).most(2).columns["uid"] == [1, 2]
    assert TABLE.most(3) is TABLE
    assert TABLE.text(2) == cut.text()
    assert TABLE.html(2) == cut.html()


def test_frame_keeps_integers() -> None:
    """Beside what is missing too, where pandas would make doubles of them, and beyond 64 bits."""
    pandas = pytest.importorskip("pandas")
    columns: dict[str, list[Any]] = {
        "whole": [2**63 - 1, -(2**63)],
        "missing": [None, 2**53 + 1],
        "below": [-(2**63), None],
        "above": [2**64 - 1, None],
        "beyond": [2**64, None],
        "both": [-1, 2**64 - 1],
        "on": [True, None],
        "text": ["a", None],
        "nothing": [None, None],
        "part": [0.1, None],
    }
    frame = Table(columns).frame()
    for name, values in columns.items():
        got = [None if pandas.isna(value) else value for value in frame[name].tolist()]
        assert got == values, name
        assert [type(value) for value in got] == [type(value) for value in values], name
    assert {name: str(frame[name].dtype) for name in ("missing", "above", "on")} == {
        "missing": "Int64", "above": "UInt64", "on": "boolean",
    }  # fmt: skip
    assert list(Table({"uid": [], "value": []}).frame().columns) == ["uid", "value"]


def test_results_become_frames() -> None:
    """Each of what it shows, with the integers that it holds."""
    pytest.importorskip("pandas")
    state = yk.SubnetState(
        weights=yk.SparseRows.from_rows([[(2, 5)], [(2, 1), (0, 3)], []]),
        bonds=yk.SparseRows.empty(3),
        total_stake=yk.stake_from_rao([2**62, 2**61 + 1, 0]),
        last_update=[1] * 3,
        block_at_registration=[0] * 3,
        validator_permit=[True, True, False],
        current_block=2,
        owner_uid=2,
    )
    rules = yk.Hyperparameters(max_allowed_validators=2)
    threshold = yk.permit_threshold(state, rules).to_frame()
    assert threshold["has_rao"].tolist() == [2**62, 2**61 + 1, 0]
    assert threshold["needs_rao"].tolist() == list(yk.permit_threshold(state, rules).stake)
    account = yk.explain(state, rules, 1)
    parts: list[tuple[Any, ...]] = [
        account.validator.weights,
        account.validator.bonds,
        account.miner.given,
        account.miner.held,
    ]
    for part, entries in zip(PARTS, parts, strict=True):
        assert account.to_frame(part)["uid"].tolist() == [entry.uid for entry in entries]
    assert account.to_frame()["weight"].tolist() == [entry.weight for entry in account.validator.weights]
    for wrong in ("uid", None):
        with pytest.raises(yk.InputError, match="part: expected one of weights, bonds, given, held"):
            account.to_frame(wrong)  # type: ignore[arg-type]
    ahead = yk.what_if(state, rules, yk.moves.drop(0), emission=2**63 - 1, outputs=["emission"])
    assert ahead.to_frame()["emission_change"].dropna().tolist() == ahead.difference("emission")[0][[0]].tolist()
    found = yk.search.stake_for_permit(state, rules, 0)
    assert list(zip(*(found.to_frame()[name].tolist() for name in ("rao", "holds")), strict=True)) == list(found.asked)
    checks = yk.preflight(state, rules, sender=0, weights={1: 5})
    assert checks.to_frame()["check"].tolist() == [check.error for check in checks.checks]
    comparison = yk.compare(yk.Snapshot(state, rules, 9), yk.Snapshot(state, rules, 10))
    assert comparison.to_frame()["uid"].tolist() == list(comparison.table().columns["uid"])
    taken = comparison.of(0)
    assert taken.to_frame()["alone"].tolist() == [*(part.alone for part in taken.groups), taken.interaction]


def test_rows() -> None:
    assert TABLE.rows()[1] == {"uid": 2, "hotkey": "<b>", "value": None, "on": False}
    assert len(TABLE) == 3
    assert Table({}).text() == ""
