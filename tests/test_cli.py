"""The command: what it prints, where, and the exit code."""

from __future__ import annotations

import csv
import importlib
import io
import json
import os
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import yuma_kernel as yk
from yuma_kernel import cli
from yuma_kernel.cli.output import alpha, progress

U64 = 2**64 - 1
COLUMNS = [
    "uid", "stake_weight", "validator_trust", "consensus", "incentive", "dividends", "emission_rao", "validator_permit",
]  # fmt: skip


def run(*arguments: str | Path, stdout: Any = subprocess.PIPE, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, with the output buffered as it is by default."""
    inherited = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": ""}
    command = [sys.executable, "-W", "error", "-m", "yuma_kernel.cli", *map(str, arguments)]
    return subprocess.run(
        command, env=inherited | environment, text=True, stdout=stdout, stderr=subprocess.PIPE, timeout=60, check=False
    )


def snapshot(**changes: Any) -> yk.Snapshot:
    """Validators 0 and 1, miners 3 and 4, and a uid 2 that earns nothing; the whole range of emission."""
    state = yk.SubnetState(
        weights=yk.SparseRows.from_rows([[(3, 3), (4, 1)], [(3, 1), (4, 1)], [], [], []]),
        bonds=yk.SparseRows.empty(5),
        total_stake=yk.stake_from_rao([600, 400, 0, 0, 0]),
        last_update=np.full(5, 90, np.uint64),
        block_at_registration=np.zeros(5, np.uint64),
        validator_permit=np.array([True, True, False, False, False]),
        current_block=100,
    )
    return yk.Snapshot(**{"state": state, "hyperparameters": yk.Hyperparameters(), "emission": U64, **changes})


def result_of(snapshot: yk.Snapshot) -> yk.EpochResult:
    return yk.epoch(snapshot.state, snapshot.hyperparameters, emission=snapshot.emission, backend="reference")


def expecting(**changes: Any) -> yk.Snapshot:
    """A snapshot that expects what the reference computes, but for `changes`; None leaves an output out."""
    result = result_of(snapshot())
    outputs = {name: getattr(result, name) for name in yk.OUTPUTS} | changes
    return snapshot(expected={name: value for name, value in outputs.items() if value is not None})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    yk.save(tmp_path / "snapshot.npz", snapshot())
    return tmp_path / "snapshot.npz"


# -- formats --------------------------------------------------------------------------------------------------------------


def test_json(path: Path, backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["epoch", str(path), "--json", "--backend", backend]) == 0
    out, err = capsys.readouterr()
    data = json.loads(out)
    result = result_of(snapshot())
    assert {name: data[name] for name in data if name != "uids"} == {
        "n": 5, "current_block": 100, "profile": 475, "emission_rao": U64,
    }  # fmt: skip
    assert [row["uid"] for row in data["uids"]] == [0, 1, 3, 4]
    for row in data["uids"]:
        assert list(row) == COLUMNS
        uid = row["uid"]
        for name in COLUMNS[1:]:
            value = getattr(result, name.removesuffix("_rao"))[uid].item()
            assert row[name] == value
            assert type(row[name]) is type(value)
    assert max(row["emission_rao"] for row in data["uids"]) > 2**53
    assert err == ""


def test_csv(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["epoch", str(path), "--csv"]) == 0
    out = capsys.readouterr().out
    rows = list(csv.DictReader(io.StringIO(out)))
    result = result_of(snapshot())
    assert out.splitlines()[0] == ",".join(COLUMNS)
    assert [row["uid"] for row in rows] == ["0", "1", "3", "4"]
    for row in rows:
        uid = int(row["uid"])
        assert row["emission_rao"] == str(result.emission[uid])
        assert row["incentive"] == str(result.incentive[uid])
        assert row["validator_permit"] == ("true" if result.validator_permit[uid] else "false")


def test_table(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rich")
    assert cli.main(["epoch", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    result = result_of(snapshot())
    assert "emission (rao)" in lines[0]
    assert "emission (alpha)" in lines[0]
    assert [line.split()[0] for line in lines[2:6]] == ["0", "1", "3", "4"]
    first = [getattr(result, name)[0] for name in ("stake_weight", "validator_trust", "consensus", "incentive", "dividends")]
    assert lines[2].split() == ["0", *map(str, first), str(result.emission[0]), alpha(int(result.emission[0])), "yes"]
    assert lines[4].split()[-1] == "no"
    assert lines[-1] == "proportions are of 65535; --units float: from 0 to 1"
    assert lines[-2] == f"4 of 5 uids, block 100, emission {U64} rao (18,446,744,073.709551615 alpha)"


def test_no_emission_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A snapshot that was read in the middle of a tempo may have none yet: what it pays is no answer."""
    yk.save(tmp_path / "a", replace(snapshot(), emission=0))
    assert cli.main(["epoch", str(tmp_path / "a"), "--json"]) == 0
    assert "no emission to divide" in capsys.readouterr().err


def test_a_command_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["epochs"])
    assert caught.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("yuma-kernel: error: expected a command, one of epoch, ")


@pytest.mark.parametrize("form", ["--json", "--csv"])
def test_chosen_uids(form: str, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Those asked for and no other, also such that earn nothing."""
    assert cli.main(["epoch", str(path), form, "--uid", "4,2", "--uid", "2"]) == 0
    out = capsys.readouterr().out
    rows = json.loads(out)["uids"] if form == "--json" else list(csv.DictReader(io.StringIO(out)))
    assert [int(row["uid"]) for row in rows] == [2, 4]


def test_uid_beyond_the_subnet(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["epoch", str(path), "--uid", "5"]) == 2
    assert capsys.readouterr() == ("", "yuma-kernel: error: uid: expected a uid below n = 5, got 5\n")


def test_sort(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a"
    yk.save(file, snapshot(hotkeys=["e", "c", "d", "b", "a"]))
    result = result_of(snapshot())
    for name in ("stake_weight", "incentive", "dividends", "emission", "validator_permit"):
        assert cli.main(["epoch", str(file), "--csv", "--all", "--sort", name]) == 0
        got = [int(row["uid"]) for row in csv.DictReader(io.StringIO(capsys.readouterr().out))]
        assert got == np.argsort(-getattr(result, name).astype(np.float64), kind="stable").tolist()
        assert got != list(range(5)) or name in ("stake_weight", "dividends", "validator_permit")
    assert cli.main(["epoch", str(file), "--csv", "--all", "--sort", "hotkey"]) == 0
    assert [row["hotkey"] for row in csv.DictReader(io.StringIO(capsys.readouterr().out))] == ["a", "b", "c", "d", "e"]
    yk.save(file, snapshot())
    assert cli.main(["epoch", str(file), "--csv", "--sort", "hotkey"]) == 2
    assert "no hotkeys" in capsys.readouterr().err


def test_units_for_people(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["epoch", str(path), "--json", "--units", "float"]) == 0
    data = json.loads(capsys.readouterr().out)
    result = result_of(snapshot())
    assert (data["units"], data["emission_rao"]) == ("float", U64)
    for row in data["uids"]:
        uid = row["uid"]
        assert row["emission_alpha"] == int(result.emission[uid]) / 10**9
        assert "emission_rao" not in row
        assert row["validator_permit"] is bool(result.validator_permit[uid])
        for name in ("stake_weight", "validator_trust", "consensus", "incentive", "dividends"):
            assert round(row[name] * 65535) == getattr(result, name)[uid]
            assert 0 <= row[name] <= 1
    assert cli.main(["epoch", str(path), "--csv", "--units", "float"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [float(row["incentive"]) for row in rows] == [row["incentive"] for row in data["uids"]]


@pytest.mark.parametrize(
    ("rao", "text"),
    [
        (0, "0.000000000"),
        (1, "0.000000001"),
        (10**9, "1.000000000"),
        (1234567890123, "1,234.567890123"),
        (-5, "-0.000000005"),
    ],
)
def test_alpha(rao: int, text: str) -> None:
    assert alpha(rao) == text


def test_netuid_and_meta(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    yk.save(tmp_path / "a", snapshot(meta={"netuid": 7, "source": {"node": ["a", 1]}}))
    assert cli.main(["epoch", str(tmp_path / "a"), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["netuid"] == 7
    assert data["meta"] == {"netuid": 7, "source": {"node": ["a", 1]}}


@pytest.mark.parametrize("form", ["--json", "--csv"])
def test_all_shows_every_uid(form: str, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["epoch", str(path), form, "--all"]) == 0
    out = capsys.readouterr().out
    rows = json.loads(out)["uids"] if form == "--json" else list(csv.DictReader(io.StringIO(out)))
    assert [int(row["uid"]) for row in rows] == [0, 1, 2, 3, 4]
    assert {int(rows[2][name]) for name in ("incentive", "dividends", "emission_rao")} == {0}


def test_earning_without_emission(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is earned does not depend on whether the snapshot knows the emission."""
    yk.save(tmp_path / "a", snapshot(emission=0))
    assert cli.main(["epoch", str(tmp_path / "a"), "--json"]) == 0
    assert [row["uid"] for row in json.loads(capsys.readouterr().out)["uids"]] == [0, 1, 3, 4]


@pytest.mark.parametrize("form", ["--json", "--csv", None])
def test_nobody_earns(form: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = yk.SubnetState(
        weights=yk.SparseRows.empty(1),
        bonds=yk.SparseRows.empty(1),
        total_stake=yk.stake_from_rao([0]),
        last_update=np.zeros(1, np.uint64),
        block_at_registration=np.zeros(1, np.uint64),
        validator_permit=np.zeros(1, np.bool_),
        current_block=0,
    )
    yk.save(tmp_path / "a", yk.Snapshot(state, yk.Hyperparameters(), 5))
    assert cli.main(["epoch", str(tmp_path / "a"), *([form] if form else [])]) == 0
    out, err = capsys.readouterr()
    if form == "--json":
        assert json.loads(out)["uids"] == []
    elif form == "--csv":
        assert out == ",".join(COLUMNS) + "\n"
    elif not err:  # else rich is missing
        assert out.endswith("0 of 1 uids, block 0, emission 5 rao (0.000000005 alpha)\n")


@pytest.mark.parametrize("form", ["--json", "--csv", None])
def test_hotkeys(form: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hotkeys = ["5" + "F" * 127, "[bold]x", "c", ":smile:", "5E"]
    yk.save(tmp_path / "a", snapshot(hotkeys=hotkeys))
    if form is None:
        pytest.importorskip("rich")
    assert cli.main(["epoch", str(tmp_path / "a"), *([form] if form else [])]) == 0
    out = capsys.readouterr().out
    if form == "--json":
        assert [row["hotkey"] for row in json.loads(out)["uids"]] == [hotkeys[uid] for uid in (0, 1, 3, 4)]
    else:
        lines = [line for line in out.splitlines() if any(hotkey in line for hotkey in hotkeys if hotkey != "c")]
        assert [line.strip().replace(",", " ").split()[-1] for line in lines] == [hotkeys[uid] for uid in (0, 1, 3, 4)]


def test_piped_table_is_not_cut(tmp_path: Path) -> None:
    pytest.importorskip("rich")
    yk.save(tmp_path / "a", snapshot(hotkeys=["5" * 128] * 5))
    done = run("epoch", tmp_path / "a", COLUMNS="20", TERM="dumb")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("5" * 128) == 4
    assert str(result_of(snapshot()).emission[0]) in done.stdout
    assert "\x1b" not in done.stdout


def test_ascii_output(path: Path) -> None:
    done = run("epoch", path, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()


def test_without_rich(path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ["rich", *(name for name in sys.modules if name.startswith("rich."))]:
        monkeypatch.setitem(sys.modules, name, None)
    assert cli.main(["epoch", str(path)]) == 0
    table = capsys.readouterr()
    assert table.err.count("\n") == 1
    assert 'pip install "yuma-kernel[cli]"' in table.err
    assert cli.main(["epoch", str(path), "--csv"]) == 0
    assert capsys.readouterr() == (table.out, "")


def test_without_click(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "click", None)
    for arguments in ([], ["--version"], ["epoch", "--csv"]):
        assert cli.main(arguments) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err == 'yuma-kernel: error: the command line needs click: pip install "yuma-kernel[cli]"\n'


def test_the_library_does_not_load_click() -> None:
    code = "import sys, yuma_kernel, yuma_kernel.cli; assert not {'click', 'rich'} & set(sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0


def test_machines_do_not_import_rich(path: Path) -> None:
    code = f"import sys; from yuma_kernel import cli; cli.main(['epoch', {str(path)!r}, '--csv'])"
    code += "; assert 'rich' not in sys.modules"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False).returncode == 0


# -- the bundled example --------------------------------------------------------------------------------------------------


def test_example_without_argument(backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["epoch", "--check", "--json", "--all", "--backend", backend]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["n"] == len(json.loads(out)["uids"]) == 256
    assert "check passed" in err


# -- check ----------------------------------------------------------------------------------------------------------------


def test_check_passes(backend: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    yk.save(tmp_path / "a", expecting())
    assert cli.main(["epoch", str(tmp_path / "a"), "--check", "--csv", "--backend", backend]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("uid,")
    assert err == f"yuma-kernel: check passed: {', '.join(yk.OUTPUTS)} of 5 uids are equal\n"


def test_check_says_what_it_did_not_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    yk.save(tmp_path / "a", expecting(bonds=None, dividends=None))
    assert cli.main(["epoch", str(tmp_path / "a"), "--check", "--csv"]) == 0
    passed, missing = capsys.readouterr().err.splitlines()
    assert "bonds" not in passed
    assert "incentive" in passed
    assert missing.endswith("do not stand in the snapshot: bonds, dividends")


def off_by_one(name: str, uid: int) -> Any:
    value = getattr(result_of(snapshot()), name).tolist()
    value[uid] = int(value[uid]) ^ 1
    return value


@pytest.mark.parametrize("name", [name for name in yk.OUTPUTS if name != "bonds"])
def test_check_fails(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    yk.save(tmp_path / "a", expecting(**{name: off_by_one(name, 3), "emission": off_by_one("emission", 3)}))
    assert cli.main(["epoch", str(tmp_path / "a"), "--check", "--csv"]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("uid,")
    assert f"check failed: {name} of uid 3: expected " in err
    assert "passed" not in err


def test_check_fails_for_bonds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = result_of(snapshot()).bonds.to_rows()
    rows[1].reverse()  # the order counts
    yk.save(tmp_path / "a", expecting(bonds=yk.SparseRows.from_rows(rows)))
    assert cli.main(["epoch", str(tmp_path / "a"), "--check", "--csv"]) == 1
    assert "check failed: bonds of uid 1" in capsys.readouterr().err


def test_check_with_nothing_to_check(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["epoch", str(path), "--check"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"yuma-kernel: error: {path}: ")
    assert "expect_" in err


def test_real_subnet(shared_data: Path, backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = shared_data / "sn31_block3621600.npz"
    assert cli.main(["epoch", str(file), "--check", "--json", "--backend", backend]) == 0
    out, err = capsys.readouterr()
    assert "check passed" in err
    assert len(json.loads(out)["uids"]) == 67
    assert cli.main(["epoch", str(shared_data / "sn15_block4769998.npz"), "--check", "--csv"]) == 2


# -- errors ---------------------------------------------------------------------------------------------------------------


def test_bad_input_in_a_process(path: Path, tmp_path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])
    done = run("epoch", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"yuma-kernel: error: {path}: ")
    assert done.stderr.count("\n") == 1

    done = run("epoch", tmp_path / "none.npz")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"yuma-kernel: error: {tmp_path / 'none.npz'}: No such file or directory\n"

    done = run("epoch", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "directory" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["epoch", "--backend", "fortran"],
        ["epoch", "--uid", "1,x"],
        ["epoch", "--uid", "-1"],
        ["epoch", "--sort", "hotkeys"],
        ["epoch", "--units", "rao"],
        ["epoch", "--json", "--csv"],
        ["epoch", "a", "b"],
        ["epochs"],
        ["epoch", "--bad"],
    ],
)
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert "usage: yuma-kernel" in capsys.readouterr().err


def test_an_interrupt_is_no_traceback(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(name: str | None = None) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["yuma_kernel.epoch"], "load_backend", interrupted)
    assert cli.main(["epoch", str(path)]) == 130
    assert capsys.readouterr() == ("", "yuma-kernel: interrupted\n")


def test_a_defect_is_not_hidden(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str | None = None) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(sys.modules["yuma_kernel.epoch"], "load_backend", broken)
    with pytest.raises(ZeroDivisionError):
        cli.main(["epoch", str(path)])


@pytest.mark.parametrize("kind", ["ChainError", "TransportError", "NullConsensus"])
def test_errors_of_the_chain(
    kind: str, path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = getattr(importlib.import_module("yuma_kernel.chain.errors"), kind)("expected a node, got none", item="here")

    def failing(name: str | None = None) -> None:
        raise error

    monkeypatch.setattr(sys.modules["yuma_kernel.epoch"], "load_backend", failing)
    assert cli.main(["epoch", str(path)]) == 2
    assert capsys.readouterr() == ("", "yuma-kernel: error: here: expected a node, got none\n")


def test_a_warning_is_a_line(path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def warning(name: str | None = None) -> Any:
        warnings.warn("newer", yk.NewerRuntimeWarning, stacklevel=1)
        return importlib.import_module(yk.BACKENDS["reference"])

    monkeypatch.setattr(sys.modules["yuma_kernel.epoch"], "load_backend", warning)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert cli.main(["epoch", str(path), "--csv"]) == 0
    assert capsys.readouterr().err == "yuma-kernel: warning: newer\n"


def test_progress_is_for_terminals(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with progress("epochs", 3) as done:
        done(1)
        done(3)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress("epochs", 3) as done:
        done(1)
        done(3)
    out, err = capsys.readouterr()
    assert out == ""
    assert "epochs" in err
    assert "100%" in err


def test_unavailable_backend(path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def unavailable(name: str | None = None) -> None:
        raise yk.BackendUnavailable("the C kernel was not built")

    monkeypatch.setattr(sys.modules["yuma_kernel.epoch"], "load_backend", unavailable)
    assert cli.main(["epoch", str(path)]) == 2
    assert capsys.readouterr() == ("", "yuma-kernel: error: the C kernel was not built\n")


def test_backend_is_the_one_asked_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def loaded(name: str | None = None) -> Any:
        asked.append(name)
        return importlib.import_module(yk.BACKENDS["reference"])

    monkeypatch.setattr(sys.modules["yuma_kernel.epoch"], "load_backend", loaded)
    for name in yk.BACKENDS:
        assert cli.main(["epoch", str(path), "--csv", "--backend", name]) == 0
    assert cli.main(["epoch", str(path), "--csv"]) == 0
    assert asked == [*yk.BACKENDS, next(iter(yk.BACKENDS))]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_full_disk(path: Path) -> None:
    with open("/dev/full", "w") as full:
        done = run("epoch", path, "--csv", stdout=full)
    assert done.returncode == 2
    assert done.stderr == "yuma-kernel: error: output: No space left on device\n"


@pytest.mark.parametrize("form", ["--json", "--csv", "--all"])
@pytest.mark.parametrize(("expected", "code"), [(None, 0), ("incentive", 1)])
def test_reader_that_stops(form: str, expected: str | None, code: int, tmp_path: Path) -> None:
    """A closed pipe is no error, and hides none: the verdict of --check stays the exit code."""
    yk.save(tmp_path / "a", expecting(**({expected: off_by_one(expected, 3)} if expected else {})))
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as pipe:
        done = run("epoch", tmp_path / "a", form, "--check", stdout=pipe)
    assert done.returncode == code
    assert len(done.stderr.splitlines()) == 1
    assert ("check passed" if code == 0 else "check failed") in done.stderr


# -- version --------------------------------------------------------------------------------------------------------------


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    native = importlib.import_module(yk.BACKENDS["c"])
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr() == (f"yuma-kernel {yk.__version__} (kernel: {native.build()})\n", "")
    assert native.build().startswith("c11 ")


def test_version_without_kernel(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "yuma_kernel.kernel.native", None)
    assert cli.main(["--version"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"yuma-kernel {yk.__version__} (no C kernel: ")
    assert err == ""


def test_bare(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "epoch" in out
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    assert capsys.readouterr().out == out


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["epoch", "--help"]):
        with pytest.raises(SystemExit) as caught:
            cli.main(arguments)
        assert caught.value.code == 0
    assert "Exit codes" in capsys.readouterr().out


def test_every_command_has_a_help_and_stands_in_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).resolve().parents[1] / "docs" / "command-line.md").read_text(encoding="utf-8")
    assert cli.main([]) == 0
    listed = capsys.readouterr().out
    for name in importlib.import_module("yuma_kernel.cli.app").COMMANDS:
        assert f"`{name}`" in page
        assert f"\n  {name} " in listed
        with pytest.raises(SystemExit) as caught:
            cli.main([name, "--help"])
        assert caught.value.code == 0
        assert f"Usage: yuma-kernel {name}" in capsys.readouterr().out
