"""The command what-if: each change is that of yk.moves, and its answer that of yk.what_if."""

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

moves = yk.moves
ASKED: dict[str, Any] = {
    "copy:0": moves.copy_consensus(0),
    "toward:0:0.25": moves.toward_consensus(0, 0.25),
    "move:0:3:4:0.125": moves.move_share(0, 3, 4, 0.125),
    "give:1:3:0.7": moves.give_share(1, 3, 0.7),
    "set:1:3:5,4:0.5": moves.set_weights(1, {3: 5, 4: 0.5}),
    "stake:1:700": moves.set_stake(1, 700),
    "stake:1:+300": moves.add_stake(1, 300),
    "stake:1:-300": moves.add_stake(1, -300),
    "add:2:500:3:1,4:1": moves.add_validator(2, 500, {3: 1, 4: 1}),
    "drop:1": moves.drop(1),
    "replace:4": moves.replace_miner(4),
    "kappa=20000": moves.hyperparameters(kappa=20000),
    "yuma3=true": moves.hyperparameters(yuma3=True),
    "drop:1 kappa=20000": moves.drop(1) + moves.hyperparameters(kappa=20000),
    "copy:0 late:2": moves.delayed(moves.copy_consensus(0), 2),
}


@pytest.fixture
def path(tmp_path: Path) -> str:
    yk.save(tmp_path / "subnet.npz", snapshots()[0])
    return str(tmp_path / "subnet.npz")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.main(["what-if", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def answer(changes: dict[str, Any], **options: Any) -> yk.WhatIf:
    subnet = snapshots()[0]
    return yk.what_if(subnet.state, subnet.hyperparameters, changes, emission=subnet.emission, **options)


@pytest.mark.parametrize("epochs", [1, 3])
def test_every_change(epochs: int, path: str, backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, path, *ASKED, "--json", "--epochs", str(epochs), "--backend", backend)
    expected = answer(ASKED, epochs=epochs).to_dict()
    assert json.loads(out) == json.loads(json.dumps(expected))
    assert sum(bool(row["emission_change"]) for row in expected["rows"]) > len(ASKED)
    for text, change in ASKED.items():
        assert expected["changes"][text] == str(change)


def test_csv(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, path, "drop:1", "--csv", "--uid", "0,3", "--output", "incentive", "--output", "emission")
    rows = list(csv.DictReader(io.StringIO(out)))
    table = answer({"drop:1": moves.drop(1)}, uids=[0, 3], outputs=["incentive", "emission"]).table()
    assert rows == [{name: "" if value is None else str(value) for name, value in row.items()} for row in table.rows()]
    assert [row["uid"] for row in rows] == ["0", "3", "0", "3"]
    assert list(rows[0]) == ["change", "uid", "incentive", "incentive_change", "emission", "emission_change"]


def test_table(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rich")
    out = run(capsys, path, "drop:1", "--uid", "0")
    assert "in the next epoch" in out
    table = answer({"drop:1": moves.drop(1)}, uids=[0]).table()
    assert table.people is not None
    for text in (str(cell) for column in table.people.values() for cell in column):
        assert text in out


def test_weights_in_a_file(path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "of mine.json"
    file.write_text('{"3": 5, "4": 0.5}', encoding="utf-8")
    rows = json.loads(run(capsys, path, f"set:1:'{file}'", "--json"))["rows"]
    expected = json.loads(run(capsys, path, "set:1:3:5,4:0.5", "--json"))["rows"]
    assert [{**row, "change": ""} for row in rows] == [{**row, "change": ""} for row in expected]


@pytest.mark.parametrize(
    "arguments", [[], ["a.npz"], ["a.npz", "drop:1", "--output", "bonds"], ["a.npz", "drop:1", "--uid", "x"]]
)
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["what-if", *arguments])
    assert caught.value.code == 2
    assert "usage: yuma-kernel what-if" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("leave:1", "change: expected one of copy:UID, toward:UID:SHARE, move:UID:FROM:TO:SHARE, give:UID:TO:SHARE"),
        ("drop", "change: expected drop:UID, got 'drop'"),
        ("drop:x", "change: expected drop:UID, got 'drop:x'"),
        ("move:0:3:4", "change: expected move:UID:FROM:TO:SHARE, got 'move:0:3:4'"),
        ("toward:0:1.5", "share: expected a proportion from 0 to 1, got 1.5"),
        ("toward:0:nan", "share: expected a proportion from 0 to 1, got nan"),
        ("drop:9", "uid: expected an integer from 0 to 4, got 9 (in the change 'drop:9')"),
        ("set:1:3:5,3:6", "weights: expected every uid once (in 3:5,3:6)"),
        ("copy:0 late:2 drop:1", "change: expected late:EPOCHS as the last, got 'copy:0 late:2 drop:1'"),
        ("set:1:3=5", "weights: expected uid:value[,uid:value...] or a file of them, got '3=5'"),
        ("kappa=", "kappa: expected a number, got ''"),
        ("", "change: expected something that changes, got nothing"),
        ("rho=1", "rho: expected NAME=VALUE of a hyperparameter or another single value"),
        ("current_block=9", "current_block: expected a hyperparameter, one of kappa"),
        ("kappa=0.4", "kappa: expected the stored integer, of 65535, got the float 0.4: 0.4 is 26214"),
        ("drop:1 '", "change: No closing quotation, got "),
    ],
)  # fmt: skip
def test_errors(change: str, said: str, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["what-if", path, change]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"yuma-kernel: error: {said}")
    assert err.count("\n") == 1


def test_a_table_has_the_uids_that_change_most(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the changes name nobody; machines get everybody."""
    pytest.importorskip("rich")
    n = 30
    rows = yk.SparseRows.from_rows(
        [[(j, 100 + j) for j in range(2, n)], [(j, 100 + 3 * j) for j in range(2, n)], *[[]] * (n - 2)]
    )
    stake = yk.stake_from_rao([3, 2, *[0] * (n - 2)])
    permit = [True, True, *[False] * (n - 2)]
    state = yk.SubnetState(rows, yk.SparseRows.empty(n), stake, [9] * n, [0] * n, permit, 10)
    file = str(tmp_path / "many.npz")
    yk.save(file, yk.Snapshot(state, yk.Hyperparameters(), 10**9))
    shown = run(capsys, file, "kappa=60000", "--output", "incentive").splitlines()
    answer = yk.what_if(
        state, yk.Hyperparameters(), moves.hyperparameters(kappa=60000), emission=10**9, outputs=["incentive"]
    )
    change = abs(answer.difference("incentive")[0])
    listed = [int(line.split()[1]) for line in shown if line.startswith(" kappa=60000")]
    assert len(listed) == 10
    assert min(change[listed]) >= max(change[[uid for uid in range(n) if uid not in listed]])
    # of several outputs each counts by itself, whatever it is counted in
    outputs = ["validator_trust", "server_emission"]
    both = run(capsys, file, "kappa=60000", *(f"--output={name}" for name in outputs)).splitlines()
    change_kappa = moves.hyperparameters(kappa=60000)
    answer = yk.what_if(state, yk.Hyperparameters(), change_kappa, emission=10**9, outputs=outputs)
    by_output = [abs(answer.difference(output)[0]) for output in outputs]
    parts = sum(values / values.max() for values in by_output)
    listed = [int(line.split()[1]) for line in both if line.startswith(" kappa=60000")]
    assert listed == sorted(sorted(range(n), key=lambda uid: (-parts[uid], uid))[:10])
    assert set(listed) & {0, 1}
    assert shown[-1] == f"{(change > 0).sum() - 10} more change: --uid or --all shows them"
    assert len(run(capsys, file, "kappa=60000", "--output", "incentive", "--all").splitlines()) > 2 * n
    assert len(run(capsys, file, "kappa=60000", "--output", "incentive", "--csv").splitlines()) == 1 + 2 * n
    assert run(capsys, file, "kappa=32767").splitlines()[-1] == "nobody changes"
