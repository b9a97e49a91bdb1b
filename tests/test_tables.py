"""Numbers as text, and tables as text and HTML."""

from __future__ import annotations

import pytest

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
    assert TABLE.most(3) is TABLE
    assert TABLE.text(2) == cut.text()
    assert TABLE.html(2) == cut.html()


def test_rows() -> None:
    assert TABLE.rows()[1] == {"uid": 2, "hotkey": "<b>", "value": None, "on": False}
    assert len(TABLE) == 3
    assert Table({}).text() == ""
