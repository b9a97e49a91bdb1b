"""Every command that the help of a command or a page shows is one that runs."""

from __future__ import annotations

import importlib
import json
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import yuma_kernel as yk
from chunks import Stopped
from yuma_kernel.results import OUTPUTS

pytest.importorskip("click")
CLI = "yuma_kernel.cli"
cli = pytest.importorskip(CLI)

ROOT = Path(__file__).resolve().parents[1]
ELSEWHERE = ("fetch", "next", "forecast", "audit", "payout", "convert")
"""Run against a node, or with files of their own, by other tests."""
IN_PARTS = ("guarantee_map", "retentions", "weight_copying", "hyperparameter_sweep", "scenario_table")


def examples() -> list[str]:
    tables = [("app", "COMMANDS"), ("study", "STUDIES")]
    modules = {k: v for file, table in tables for k, v in getattr(importlib.import_module(f"{CLI}.{file}"), table).items()}
    texts = [importlib.import_module(module).command.epilog or "" for module in modules.values()]
    texts += [path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))]
    lines = [line for text in texts for line in re.sub(r" *\\\n *", " ", text).splitlines()]
    found = [
        line.partition("  # ")[0].partition(" # ")[0].strip() for line in lines if re.match(r" +yuma-kernel [a-z]", line)
    ]
    return [line for line in dict.fromkeys(found) if line.split()[1] not in ELSEWHERE]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the examples name."""
    path = tmp_path_factory.mktemp("examples")
    example = yk.load(str(Path(yk.__file__).parent / "data" / "example.npz"))
    state, rules = yk.moves.apply(example.state, example.hyperparameters, yk.moves.add_validator(17, 10**15, {3: 1, 8: 1}))
    result = yk.epoch(state, rules, emission=example.emission)
    now = yk.Snapshot(state, rules, example.emission, {name: getattr(result, name) for name in OUTPUTS}, {}, example.hotkeys)
    later = replace(now, state=yk.moves.apply(state, rules, yk.moves.drop(29))[0], expected=None)
    for name, snapshot in (("sn7", now), ("SNAPSHOT", now), ("sn7-later", later)):
        yk.save(path / f"{name}.npz", snapshot)
    yk.studies.generated_series(epochs=60, validators=3, servers=4).save(path / "series.npz")
    (path / "weights.json").write_text(json.dumps({"235": 0.5, "26": 0.25}))
    return path


@pytest.mark.parametrize("line", examples())
def test_runs(line: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A study in parts up to where its first part would be computed: then everything that it was given was taken."""
    for module in ("rich", "matplotlib", "pandas"):
        pytest.importorskip(module)
    monkeypatch.chdir(folder)

    def stop(*_: Any, **more: Any) -> None:
        raise Stopped

    for name in IN_PARTS:
        monkeypatch.setattr(importlib.import_module(f"yuma_kernel.studies.{name}"), "run", stop)
    arguments = shlex.split(line)[1:]
    if arguments[0] == "study" and arguments[1] not in ("runtimes", "float") and "--list" not in arguments:
        with pytest.raises(Stopped):
            cli.main(arguments)
        return
    assert cli.main(arguments) in (0, 1), capsys.readouterr().err
    out, err = capsys.readouterr()
    assert out
    assert "error" not in err


def test_there_are_examples() -> None:
    shown = [line.split()[1] for line in examples()]
    assert {"epoch", "explain", "compare", "what-if", "search", "preflight", "study"} == set(shown)
    assert len(shown) > 25
