"""The command study: each study's own numbers, with files, pictures, and runs that were stopped."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import yuma_kernel as yk
from test_cli_questions import snapshots
from yuma_kernel import studies

cli = pytest.importorskip("yuma_kernel.cli")
pytest.importorskip("click")

SMALL = ["--stakes", "0.6,0.9", "--steps", "10", "--validators", "8", "--servers", "24"]
GIVEN: dict[str, Any] = {"stakes": [0.6, 0.9], "steps": 10, "validators": 8, "servers": 24}


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.main(["study", *arguments]) == 0, capsys.readouterr().err
    out, err = capsys.readouterr()
    assert err == ""
    return str(out)


def same(a: studies.Study, b: studies.Study) -> bool:
    """But for where they were computed."""
    return list(a.table) == list(b.table) and all(a.table[name].tobytes() == b.table[name].tobytes() for name in a.table)


@pytest.fixture
def path(tmp_path: Path) -> str:
    yk.save(tmp_path / "subnet.npz", snapshots()[0])
    return str(tmp_path / "subnet.npz")


def subnet() -> tuple[yk.SubnetState, yk.Hyperparameters, int]:
    return snapshots()[0].state, snapshots()[0].hyperparameters, snapshots()[0].emission


def asked(path: str) -> dict[str, tuple[list[str], Any]]:
    """By command, arguments and what they ask for."""
    state, h, emission = subnet()
    snapshot = snapshots()[0]
    return {
        "guarantee": (
            [
                *SMALL, "--sigma", "0.1", "--kappa", "30000", "--penalty", "9", "--ratio", "0.5", "--profile", "425",
                "--seed", "3",
            ],
            lambda: studies.guarantee(**GIVEN, sigma=0.1, kappa=30000, bonds_penalty=9, ratio=0.5, profile=425, seed=3),
        ),
        "retention": (
            [
                *SMALL, "--sigma", "0,0.4", "--kappa", "20000,32767", "--penalty", "0,65535", "--ratio", "stake,0.5",
                "--seed", "1,2",
            ],
            lambda: studies.retention(
                **GIVEN, sigma=[0, 0.4], kappa=[20000, 32767], bonds_penalty=[0, 65535], ratio=[None, 0.5], seed=[1, 2]
            ),
        ),
        "copying": (
            ["--delays", "0,2-3", "--stakes", "0.1", "--bounds", "none,0.1:0.9", "--warmup", "20"],
            lambda: studies.copying(delays=[0, 2, 3], stakes=[0.1], bounds=[None, (0.1, 0.9)], warmup=20),
        ),
        "scenario": (
            ["1", "kappa second", "--penalties", "0,65535", "--profile", "425"],
            lambda: studies.scenarios([1, "kappa second"], penalties=[0, 65535], profile=425),
        ),
        "sweep": (
            [path, "kappa=20000,32767", "alpha_low:alpha_high=1:2,3:4", "--epochs", "3", "--metric", "incentive_gini"],
            lambda: studies.sweep(
                {Path(path).name: snapshot}, {"kappa": [20000, 32767], ("alpha_low", "alpha_high"): [(1, 2), (3, 4)]},
                metrics=["incentive_gini"], epochs=3, steps="tempo",
            ),
        ),
        "runtimes": (
            [path, "--profiles", "475,425,401"],
            lambda: studies.runtimes(state, h, emission=emission, profiles=[475, 425, 401]),
        ),
        "float": (
            [path, "--epochs", "3", "--output", "incentive", "--output", "emission"],
            lambda: studies.float_error(state, h, emission=emission, epochs=3, outputs=["incentive", "emission"]),
        ),
    }  # fmt: skip


NAMES = ("guarantee", "retention", "copying", "scenario", "sweep", "runtimes", "float")


def test_every_study_is_tested() -> None:
    from yuma_kernel.cli.study import STUDIES

    assert tuple(STUDIES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_study(name: str, path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, compute = asked(path)[name]
    expected = compute()
    out, plot = tmp_path / "study.npz", tmp_path / "study.svg"
    drawn = ["--plot", str(plot)] if "matplotlib" in sys.modules or _matplotlib() else []
    document = json.loads(run(capsys, name, *arguments, "--json", "--out", str(out), *drawn))
    assert same(type(expected).load(out), expected)
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".parts")] == []
    assert document["study"] == type(expected).__name__
    assert document["provenance"]["parameters"] == json.loads(json.dumps(dict(expected.provenance["parameters"])))
    table = {key: [None if v != v else v for v in values] for key, values in expected.to_dict().items()}
    assert document["table"] == json.loads(json.dumps(table))
    if drawn:
        assert "<svg" in plot.read_text(encoding="utf-8")


def _matplotlib() -> bool:
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return False
    return True


def test_tables_for_people_and_every_row_as_csv(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    study = studies.guarantee(**GIVEN)
    rows = list(csv.DictReader(io.StringIO(run(capsys, "guarantee", *SMALL, "--csv"))))
    assert len(rows) == len(study) == 242
    assert [float(row["major_emission"]) for row in rows] == study.table["major_emission"].tolist()
    pytest.importorskip("rich")
    text = run(capsys, "guarantee", *SMALL)
    people = study.brief().people
    assert people is not None
    assert people["stake"] == ["0.6", "0.9"]
    for value in (*people["retention"], *people["worst_at_1"]):
        assert value in text


def test_workers_change_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "guarantee", *SMALL, "--workers", "2", "--out", str(tmp_path / "a.npz"))
    assert same(studies.Guarantee.load(tmp_path / "a.npz"), studies.guarantee(**GIVEN))


@pytest.fixture
def address() -> Iterator[str]:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        yield cluster.scheduler_address


@pytest.mark.filterwarnings("ignore")  # what distributed says as it closes
def test_scheduler(address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["study", "guarantee", *SMALL, "--scheduler", address, "--out", str(tmp_path / "a.npz")]) == 0
    capsys.readouterr()
    assert same(studies.Guarantee.load(tmp_path / "a.npz"), studies.guarantee(**GIVEN))


def test_stopped_and_resumed(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What was finished stands in the folder beside the file until that is written, and is not computed again; what a
    process was writing that was killed goes with it."""
    out = tmp_path / "a.npz"
    computed: list[Any] = []
    module: Any = sys.modules["yuma_kernel.studies.guarantee_map"]
    original = module.cells

    def counted(chunk: Any) -> Any:
        if len(computed) == 1:
            raise KeyboardInterrupt
        computed.append(chunk["stake"])
        return original(chunk)

    counted.__module__, counted.__qualname__ = original.__module__, original.__qualname__
    monkeypatch.setattr(module, "cells", counted)
    monkeypatch.setattr("yuma_kernel.studies.engine.thread_count", lambda _: 1)
    assert cli.main(["study", "guarantee", *SMALL, "--out", str(out)]) == 130
    assert not out.exists()
    assert len(list((tmp_path / "a.npz.parts").glob("chunk-*"))) == 1
    assert cli.main(["study", "guarantee", *SMALL, "--out", str(out)]) == 2
    assert "--resume goes on" in capsys.readouterr().err
    assert cli.main(["study", "guarantee", *SMALL, "--seed", "1", "--out", str(out), "--resume"]) == 2
    assert "of another study" in capsys.readouterr().err
    computed.clear()

    def all_counted(chunk: Any) -> Any:
        computed.append(chunk["stake"])
        return original(chunk)

    all_counted.__module__, all_counted.__qualname__ = original.__module__, original.__qualname__
    monkeypatch.setattr(module, "cells", all_counted)
    (tmp_path / "a.npz.parts" / ".chunk-00001-0.npz-1.tmp").write_bytes(b"half")
    run(capsys, "guarantee", *SMALL, "--out", str(out), "--resume")
    assert computed == [0.9]
    assert same(studies.Guarantee.load(out), studies.guarantee(**GIVEN))
    assert os.listdir(tmp_path) == ["a.npz"]


def test_report_and_list_of_scenarios(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = json.loads(run(capsys, "scenario", "--list", "--json"))["rows"]
    assert [row["scenario"] for row in listed] == [each.name for each in studies.library()]
    pytest.importorskip("matplotlib")
    run(capsys, "scenario", "1", "--report", str(tmp_path / "a.html"))
    assert "kappa first" in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_float_of_several_snapshots(path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    yk.save(tmp_path / "b.npz", snapshots()[1])
    document = json.loads(run(capsys, "float", path, str(tmp_path / "b.npz"), "--json"))
    found = studies.float_error(
        [s.state for s in snapshots()], [s.hyperparameters for s in snapshots()], emission=[s.emission for s in snapshots()]
    )
    assert np.array_equal(document["table"]["difference"], found.table["difference"])
    assert len(set(document["table"]["epoch"])) == 2


def test_float_by_simulators(path: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    named = ["--simulator", "halving", "--simulator", "float64"]
    document = json.loads(run(capsys, "float", path, *named, "--json"))
    assert document["provenance"]["parameters"]["simulators"] == ["halving", "float64"]
    assert list(dict.fromkeys(document["table"]["simulator"])) == ["halving", "float64"]
    monkeypatch.setitem(sys.modules, "torch", None)
    assert cli.main(["study", "float", path, "--simulator", "torch"]) == 2
    assert capsys.readouterr() == ("", "yuma-kernel: error: this needs torch: pip install torch\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing"], ["guarantee", "--resume"], ["guarantee", "--stakes", "a"], ["retention", "--kappa", "half"],
        ["guarantee", "--workers", "2", "--scheduler", "tcp://127.0.0.1:1"], ["guarantee", "--workers", "0"],
        ["sweep"], ["sweep", "a.npz"], ["copying", "--delays", "3-1"], ["copying", "--delays", "x"],
        ["float", "a.npz", "b.npz", "--epochs", "2"], ["float", "--output", "rank"], ["scenario", "--penalties", "half"],
        ["float", "--simulator", "jax"],
    ],
)  # fmt: skip
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["study", *arguments])
    assert caught.value.code == 2
    assert "usage: yuma-kernel study" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["guarantee", "--kappa", "0.6"], "kappa: expected the stored integer, of 65535, got the float 0.6: 0.6 is 39321"),
        (["retention", "--penalty", "0,0.5"], "bonds_penalty: expected the stored integer, of 65535, got the float 0.5"),
        (["scenario", "--penalties", "0,1.0"], "penalties[1]: expected the stored integer, of 65535, got the float 1.0"),
    ],
)
def test_a_proportion_in_place_of_what_is_stored(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["study", *arguments]) == 2
    assert f"yuma-kernel: error: {said}" in capsys.readouterr().err


def test_no_study_is_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["study"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("Usage: yuma-kernel study")
    assert err == ""


def test_an_unknown_study(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["study", "nothing"])
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("yuma-kernel: error: expected a command, one of guarantee, retention, ")
    assert said.endswith("got 'nothing'")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["guarantee", "--stakes", "1.5"], "stakes[0]: expected a part between 0 and 1, got 1.5"),
        (["retention", "--kappa", "70000"], "kappa: expected an integer from 0 to 65535, got 70000"),
        (["scenario", "nothing"], "cases[0]: expected one of kappa first"),
        (["sweep", "PATH", "kappa=0.4"], "kappa[0]: expected the stored integer, of 65535, got the float 0.4: 0.4 is 26214"),
        (["sweep", "PATH", "alpha_low:alpha_high=1:2,3"], "alpha_low:alpha_high: expected values for alpha_low and"),
        (["sweep", "PATH", "kappa=1", "--metric", "luck"], "metrics"),
        (["runtimes", "PATH", "--profiles", "475"], "profiles: expected at least two, got 1"),
        (["float", "nowhere.npz"], "nowhere.npz: No such file or directory"),
        (["guarantee", "--plot", "a.nothing"], "plot: expected an ending out of "),
        (["float", "--plot", "a"], "plot: expected an ending out of "),
        (["guarantee", "--plot", "nowhere/a.png"], "plot: there is no folder nowhere"),
        (["guarantee", "--out", "nowhere/a.npz"], "out: there is no folder nowhere"),
    ],
)  # fmt: skip
def test_errors(
    arguments: list[str], said: str, path: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything long is computed, where that can be known."""
    monkeypatch.setattr("yuma_kernel.studies.guarantee_map.cells", None)
    if "--plot" in arguments:
        pytest.importorskip("matplotlib")
    assert cli.main(["study", *(path if each == "PATH" else each for each in arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.startswith("yuma-kernel: error: ")
    assert err.count("\n") == 1


@pytest.mark.filterwarnings("ignore")
def test_no_scheduler_there(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")

    def client(address: str, timeout: float) -> Any:
        raise OSError(f"Timed out trying to connect to {address}")

    monkeypatch.setattr(distributed, "Client", client)
    assert cli.main(["study", "guarantee", "--scheduler", "tcp://127.0.0.1:1"]) == 2
    assert "scheduler: no scheduler answers at tcp://127.0.0.1:1" in capsys.readouterr().err
