"""The commands that ask: explain and compare, as tables and for machines."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

import yuma_kernel as yk
from yuma_kernel.comparison import MEASURES
from yuma_kernel.explanation import Bond, Given, Held, Weight

cli = pytest.importorskip("yuma_kernel.cli")
pytest.importorskip("click")


def snapshots() -> tuple[yk.Snapshot, yk.Snapshot]:
    state = yk.SubnetState(
        weights=yk.SparseRows.from_rows([[(3, 3), (4, 1), (0, 5)], [(3, 1), (4, 1)], [], [], []]),
        bonds=yk.SparseRows.from_rows([[(3, 9)], [(4, 900)], [], [], []]),
        total_stake=yk.stake_from_rao([600, 400, 0, 0, 0]),
        last_update=[90] * 5,
        block_at_registration=[0] * 5,
        validator_permit=[True, True, False, False, False],
        current_block=100,
        last_mechanism_step_block=50,
    )
    before = yk.Snapshot(state, yk.Hyperparameters(), 10**9, hotkeys=tuple("abcde"))
    rows = yk.SparseRows.from_rows([[(3, 1), (4, 9)], [(3, 2), (4, 1)], [], [], []])
    return before, replace(before, state=replace(state, weights=rows), emission=2 * 10**9)


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    out = []
    for name, snapshot in zip(("before", "after"), snapshots(), strict=True):
        yk.save(tmp_path / f"{name}.npz", snapshot)
        out.append(str(tmp_path / f"{name}.npz"))
    return out


def lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_explain_json(paths: list[str], backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", paths[0], "--uid", "0", "--json", "--backend", backend]) == 0
    out, err = capsys.readouterr()
    before, _ = snapshots()
    account = yk.explain(before.state, before.hyperparameters, 0, emission=before.emission)
    assert json.loads(out) == json.loads(json.dumps(account.to_dict()))
    assert err == ""


@pytest.mark.parametrize(
    ("uid", "part", "kind", "rows"),
    [(0, None, Weight, 3), (3, None, Given, 2), (0, "bonds", Bond, 2), (3, "held", Held, 2), (3, "weights", Weight, 0)],
)
def test_explain_csv(
    uid: int, part: str | None, kind: type[Weight], rows: int, paths: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["explain", paths[0], "--uid", str(uid), "--csv", *(["--table", part] if part else [])]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0] == ",".join(kind._fields)
    assert len(lines(out)) == rows


def test_explain_values(paths: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", paths[0], "--uid", "0", "--csv"]) == 0
    before, _ = snapshots()
    account = yk.explain(before.state, before.hyperparameters, 0, emission=before.emission)
    got = [(row["uid"], row["out"], row["clipped"]) for row in lines(capsys.readouterr().out)]
    assert got == [(str(w.uid), w.out or "", str(w.clipped)) for w in account.validator.weights]
    assert got[-1][1] == "diagonal"


def test_explain_table(paths: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rich")
    assert cli.main(["explain", paths[0], "--uid", "0"]) == 0
    out = capsys.readouterr().out
    before, _ = snapshots()
    account = yk.explain(before.state, before.hyperparameters, 0, emission=before.emission)
    assert "Hotkey     a\n" in out
    for sentence in account.sentences():
        assert sentence in out
    assert "Weights of uid 0" in out
    assert "Weights on uid 0" in out  # its own
    assert cli.main(["explain", paths[0], "--uid", "0", "--table", "bonds"]) == 0
    out = capsys.readouterr().out
    assert "Bonds of uid 0" in out
    assert "Weights of uid 0" not in out


def test_explain_the_example(capsys: pytest.CaptureFixture[str]) -> None:
    """Ten rows of a table unless all are asked for."""
    pytest.importorskip("rich")
    assert cli.main(["explain", "--uid", "50", "--table", "weights"]) == 0
    few = capsys.readouterr().out
    assert cli.main(["explain", "--uid", "50", "--table", "weights", "--all"]) == 0
    every = capsys.readouterr().out
    assert "and 245 more" in few
    assert len(every.splitlines()) - len(few.splitlines()) == 245
    assert "more" not in every.splitlines()[-1]


def test_compare_json(paths: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    comparison = yk.compare(*snapshots())
    assert cli.main(["compare", *paths, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kinds"] == list(comparison.kinds) == ["weights", "emission"]
    for measure in MEASURES:
        assert cli.main(["compare", *paths, "--uid", "3", "--of", measure, "--json"]) == 0
        expected = json.loads(json.dumps(comparison.of(3, measure).to_dict()))
        assert json.loads(capsys.readouterr().out) == expected


def test_compare_csv(paths: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    comparison = yk.compare(*snapshots())
    assert cli.main(["compare", *paths, "--csv"]) == 0
    rows = lines(capsys.readouterr().out)
    assert [int(row["emission"]) for row in rows] == [c for c in comparison.change("emission") if c]
    assert {row["mostly"] for row in rows} <= {"weights", "emission"}
    assert cli.main(["compare", *paths, "--uid", "3", "--of", "incentive", "--csv"]) == 0
    rows = lines(capsys.readouterr().out)
    assert sum(int(row["alone"]) for row in rows if not row["member"]) == comparison.of(3, "incentive").change
    assert {row["member"] for row in rows} == {"", "0", "1", "interaction"}


def test_compare_of_needs_a_uid(paths: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["compare", *paths, "--of", "incentive"])
    assert caught.value.code == 2
    assert "--of: needs --uid" in capsys.readouterr().err
    assert cli.main(["compare", *paths, "--uid", "3", "--csv"]) == 0
    own = capsys.readouterr().out
    assert cli.main(["compare", *paths, "--uid", "3", "--of", "emission", "--csv"]) == 0
    assert capsys.readouterr().out == own


def test_compare_table(paths: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rich")
    assert cli.main(["compare", *paths]) == 0
    out, err = capsys.readouterr()
    assert "Differ: weights, emission" in out
    assert "Changes by uid" in out
    assert err == ""  # no bar where there is no terminal
    assert cli.main(["compare", *paths, "--uid", "3", "--of", "incentive"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("incentive of uid 3: ")
    assert "weights of 0" in out


def test_plot(paths: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A picture beside what is written without it."""
    pytest.importorskip("matplotlib")
    for arguments in (["explain", paths[0], "--uid", "0"], ["compare", *paths, "--uid", "3"]):
        assert cli.main([*arguments, "--json"]) == 0
        plain = capsys.readouterr()
        for name, start in (("a.png", b"\x89PNG"), ("a.svg", b"<?xml")):
            assert cli.main([*arguments, "--json", "--plot", str(tmp_path / name)]) == 0
            assert capsys.readouterr() == plain
            assert (tmp_path / name).read_bytes().startswith(start)
        assert cli.main([*arguments, "--plot", str(tmp_path / "a.nothing")]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("yuma-kernel: error: plot: Format 'nothing' is not supported")


@pytest.mark.parametrize(
    "arguments",
    [
        ["explain"],
        ["explain", "--uid", "-1"],
        ["explain", "--uid", "0", "--table", "rank"],
        ["explain", "--uid", "0", "--json", "--csv"],
        ["compare"],
        ["compare", "a"],
        ["compare", "a", "b", "--of", "rank"],
        ["compare", "a", "b", "--plot", "c.png"],
    ],
)
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert f"usage: yuma-kernel {arguments[0]}" in capsys.readouterr().err


def test_errors(paths: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, said in (
        (["explain", paths[0], "--uid", "5"], "uid: expected an integer from 0 to 4, got 5"),
        (["explain", str(tmp_path / "none"), "--uid", "0"], f"{tmp_path / 'none'}: No such file or directory"),
        (["compare", paths[0], str(tmp_path / "none")], f"{tmp_path / 'none'}: No such file or directory"),
        (["compare", *paths, "--uid", "5"], "uid: expected an integer from 0 to 4, got 5"),
    ):
        assert cli.main(arguments) == 2
        assert capsys.readouterr() == ("", f"yuma-kernel: error: {said}\n")
