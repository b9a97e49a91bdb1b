"""The command search: each kind is the search of yk.search, in every form."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

import yuma_kernel as yk
from test_cli_questions import snapshots

cli = pytest.importorskip("yuma_kernel.cli")
pytest.importorskip("click")


@pytest.fixture
def path(tmp_path: Path) -> str:
    yk.save(tmp_path / "subnet.npz", snapshots()[0])
    return str(tmp_path / "subnet.npz")


def answer(kind: str, *arguments: Any) -> Any:
    subnet = snapshots()[0]
    searches: dict[str, Any] = {
        "blend": yk.search.blend_for_trust,
        "stake": yk.search.stake_for_permit,
        "share": yk.search.share_before_clip,
    }
    return searches[kind](subnet.state, subnet.hyperparameters, *arguments)


ASKED: list[tuple[list[str], tuple[Any, ...]]] = [
    (["blend", "--uid", "1", "--trust", "0.75"], (1, 0.75)),
    (["stake", "--uid", "4"], (4,)),
    (["share", "--uid", "1", "--to", "3"], (1, 3)),
]


@pytest.mark.parametrize(("words", "arguments"), ASKED, ids=lambda value: str(value[0]))
def test_every_form(
    words: list[str], arguments: tuple[Any, ...], path: str, backend: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answer(words[0], *arguments)
    assert found.value is not None
    for form in ("--json", "--csv", None):
        assert cli.main(["search", path, *words, "--backend", backend, *([form] if form else [])]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        if form == "--json":
            assert json.loads(out) == json.loads(json.dumps(found.to_dict()))
        elif form == "--csv":
            rows = [(int(row[found.unit]), row["holds"] == "true") for row in csv.DictReader(io.StringIO(out))]
            assert rows == list(found.asked)
        else:
            assert out == f"{found}\nThat is: {found.change}\n"


def test_there_is_none(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["search", path, "blend", "--uid", "4", "--trust", "1", "--json"]) == 1  # it has no permit
    out, err = capsys.readouterr()
    assert (json.loads(out)["value"], json.loads(out)["change"], err) == (None, None, "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["blend", "--uid", "1"], "blend needs --trust"),
        (["share", "--uid", "1"], "share needs --to"),
        (["share", "--uid", "1", "--to", "3", "--trust", "0.5"], "share takes no --trust"),
        (["stake", "--uid", "1", "--to", "3"], "stake takes no --to"),
        (["stake"], "Missing option '--uid'"),
        (["permit", "--uid", "1"], "is not one of 'blend', 'stake', 'share'"),
        (["blend", "--uid", "1", "--trust", "nan"], "--trust"),
        (["blend", "--uid", "1", "--trust", "1.5"], "--trust"),
    ],
)
def test_wrong_usage(words: list[str], said: str, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = cli.main(["search", path, *words])
    except SystemExit as caught:
        code = caught.code
    assert code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said.lstrip("-") in err


def test_a_uid_that_is_none(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["search", path, "stake", "--uid", "9"]) == 2
    assert capsys.readouterr().err == "yuma-kernel: error: uid: expected an integer from 0 to 4, got 9\n"
