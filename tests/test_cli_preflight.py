"""The command preflight: what the chain would say, as a table and for machines, and its exit code."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

import yuma_kernel as yk
from test_submission import META, subnet
from yuma_kernel.submission import CALLS

cli = pytest.importorskip("yuma_kernel.cli")
pytest.importorskip("click")

GOOD = ["--uid", "0", "--version-key", "5"]
SENT = ["--weights", "1:30,2:60"]


@pytest.fixture
def path(tmp_path: Path) -> str:
    yk.save(tmp_path / "subnet.npz", subnet())
    return str(tmp_path / "subnet.npz")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.main(["preflight", *arguments])
    return (code, *capsys.readouterr())


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    return json.loads(run(capsys, *arguments, "--json")[1])  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("arguments", "code", "note"),
    [
        ([*GOOD, *SENT], 0, "accepted"),
        ([*GOOD, "--weights", "1:30"], 1, "refused: WeightVecLengthIsLow"),
        ([*GOOD, "--weights", "1:30", "--block", "950"], 1, "refused: SettingWeightsTooFast, WeightVecLengthIsLow"),
        (["--uid", "0", *SENT], 2, "not known"),
        (["--uid", "0", "--weights", "1:30"], 1, "refused: WeightVecLengthIsLow"),
        (["--uid", "9", *SENT, "--version-key", "5"], 1, "refused: HotKeyNotRegisteredInSubNet"),
    ],
)
def test_exit_codes(arguments: list[str], code: int, note: str, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    got, _, err = run(capsys, path, *arguments)
    assert (got, err) == (code, f"yuma-kernel: {note}\n")


def test_json(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    for call in CALLS:
        expected = yk.preflight(subnet(), sender=0, weights={1: 30, 2: 60}, call=call, version_key=5)
        assert said(capsys, path, *GOOD, *SENT, "--call", call) == json.loads(json.dumps(expected.to_dict()))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("block", 999), ("netuid", 0), ("mechanism", 3), ("mechanism_count", 0), ("version_key", 4),
        ("weights_version_key", 77), ("weights_set_rate_limit", 5000), ("min_allowed_weights", 4),
        ("commit_reveal_version", 9), ("call_commit_reveal_version", 8), ("unrevealed_commits", 10),
    ],
)  # fmt: skip
def test_every_input_is_an_option(option: str, value: int, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    call = "commit_timelocked" if "commit" in option else "set"
    base: dict[str, Any] = {"version_key": 5, "call_commit_reveal_version": 4}
    every = {**base, option: value}
    texts = [text for name, number in every.items() for text in (f"--{name.replace('_', '-')}", str(number))]
    given: dict[str, Any] = {"sender": 0, "weights": {1: 30, 2: 60}, "call": call}
    expected = yk.preflight(subnet(), **given, **every).to_dict()
    assert said(capsys, path, "--uid", "0", *SENT, "--call", call, *texts) == json.loads(json.dumps(expected))
    assert expected != yk.preflight(subnet(), **given, **base).to_dict()


def test_csv(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, path, *GOOD, *SENT, "--call", "commit", "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    expected = yk.preflight(subnet(), sender=0, weights={1: 30, 2: 60}, call="commit", version_key=5)
    assert expected.at_reveal is not None
    assert [(row["call"], row["check"], row["status"], row["why"]) for row in rows] == [
        (part.call, check.error, check.status, check.why) for part in (expected, expected.at_reveal) for check in part.checks
    ]


def test_table(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rich")
    code, out, _ = run(capsys, path, *GOOD, *SENT, "--block", "950")
    expected = yk.preflight(subnet(), sender=0, weights={1: 30, 2: 60}, version_key=5, block=950)
    assert code == 1
    assert out.startswith(repr(expected))
    for check in expected.checks:
        assert any(check.status in line and check.error in line and check.why in line for line in out.splitlines())
    assert "the rate limit admits the call in block 1000\n" in out
    assert "stored as (uid, value of 65535): (1, 32768), (2, 65535)\n" in out


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("w.json", '{"1": 30, "2": 60}'),
        ("w.json", "[[1, 30], [2, 60]]"),
        ("w.csv", "uid,value\n1,30\n2,60\n"),
        ("w.csv", "value,hotkey,uid\n30,a,1\n60,b,2\n"),
        ("w.csv", "\ufeffuid,value\r\n1,30\r\n2,60\r\n"),  # as spreadsheets write it
    ],
)
def test_files(name: str, content: str, path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert said(capsys, path, *GOOD, "--weights", str(tmp_path / name)) == said(capsys, path, *GOOD, *SENT)


def test_weights_of_any_scale(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As the SDKs send them, which is said; integers are sent as they are."""
    _, out, err = run(capsys, path, *GOOD, "--weights", "1:0.25 2:1", "--json")
    uids, values = yk.weights_to_u16({1: 0.25, 2: 1.0}, lists=True)
    assert json.loads(out)["row"] == [list(pair) for pair in zip(uids, values, strict=True)]
    assert "sent as (uid, u16): (1, 16384), (2, 65535)\n" in err


def test_a_uid_twice_is_sent_twice(path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "w.json").write_text('{"1": 30, "1": 60}', encoding="utf-8")
    for weights in (["1:30,1:60"], [str(tmp_path / "w.json")], ["1:30", "--weights", "1:60"]):
        assert said(capsys, path, *GOOD, "--weights", *weights)["error"] == "DuplicateUids"


def test_hotkeys(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, path, "--hotkey", "one", "--version-key", "5", *SENT) == said(capsys, path, *GOOD, *SENT)
    assert said(capsys, path, "--hotkey", "nobody", *SENT)["error"] == "HotKeyNotRegisteredInSubNet"


def test_what_the_snapshot_lacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is not known, until an option says it."""
    whole = subnet()
    yk.save(tmp_path / "bare.npz", yk.Snapshot(whole.state, whole.hyperparameters, hotkeys=whole.hotkeys))
    bare = str(tmp_path / "bare.npz")
    got = said(capsys, bare, *GOOD, *SENT)
    assert got["verdict"] == "not known"
    names = ("netuid", "weights_version_key", "weights_set_rate_limit", "min_allowed_weights")
    given = [text for name in names for text in (f"--{name.replace('_', '-')}", str(META[name]))]
    assert said(capsys, bare, *GOOD, *SENT, *given)["verdict"] == "accepted"


@pytest.mark.parametrize(
    "arguments", [SENT, ["--uid", "0", "--hotkey", "one", *SENT], ["--uid", "0", *SENT, "--call", "send"]]
)
def test_wrong_usage(arguments: list[str], path: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["preflight", path, *arguments])
    assert caught.value.code == 2
    assert "usage: yuma-kernel preflight" in capsys.readouterr().err


def test_errors(path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong, other = tmp_path / "wrong.json", tmp_path / "wrong.csv"
    wrong.write_text("[1, 2]", encoding="utf-8")
    other.write_text("a,b\n1,2\n", encoding="utf-8")
    for arguments, expected in (
        ([], "weights: expected weights: only a commit can be without"),
        (["--weights", str(tmp_path / "none")], f"{tmp_path / 'none'}: No such file or directory"),
        (["--weights", str(wrong)], f'{wrong}: expected weights as {{"uid": value}} or [[uid, value]]'),
        (["--weights", str(other)], f"{other}: expected the columns uid and value, got 'a, b'"),
        (["--weights", "1:1e"], "weights: expected a number, got '1e' (in 1:1e)"),
        (["--weights", "1:0.5,1:0.6"], "weights: expected every uid once: weights that are no integers are scaled together"),
    ):
        assert run(capsys, path, *GOOD, *arguments) == (2, "", f"yuma-kernel: error: {expected}\n")
    code, out, err = run(capsys, path, *GOOD, "--weights", "1:65536")
    assert (code, out) == (2, "")
    assert err.startswith("yuma-kernel: error: values[0]: ")
