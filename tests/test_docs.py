"""What the documents show is run, and prints what they say; what they link to is there."""

from __future__ import annotations

import contextlib
import io
import re
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import yuma_kernel as yk

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [path for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if path.exists()]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(document: Path) -> list[tuple[str, str]]:
    """(language, text) of each fenced block."""
    return FENCE.findall(document.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["README.md", "questions.md", "tutorial.md"])
def test_there_is_something_to_run(name: str) -> None:
    (document,) = (path for path in DOCUMENTS if path.name == name)
    assert "python" in dict(blocks(document))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.name))
def test_python_blocks(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after another in one namespace; a block `text` after one of Python is what that printed."""
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "document"}
    printed = None
    for language, text in blocks(document):
        if language == "python":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(text, str(document), "exec"), namespace)
            printed = out.getvalue()
        elif language == "text" and printed is not None:
            assert printed == text
            printed = None


def test_every_question_has_a_short_call_and_an_answer() -> None:
    """Of at most three lines, imports apart; each answer is compared, here or against a node."""
    text = (ROOT / "docs" / "questions.md").read_text(encoding="utf-8")
    asked = [part for part in text.split("\n## ")[1:] if part.partition("\n")[0].endswith("?")]
    assert len(asked) == 11
    for part in asked:
        (call,) = re.findall(r"^```python(?: node)?\n(.*?)^```\n\n```text\n.", part, re.MULTILINE | re.DOTALL)
        assert len([line for line in call.splitlines() if line and not line.startswith("import ")]) <= 3, call


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.name))
def test_links_within_the_repository(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#\s]+)\)", text):
        if "://" not in link and not link.startswith("api/"):  # which `make docs` makes
            assert (document.parent / link).exists(), link


@pytest.mark.parametrize("index", ["README.md", "docs/index.md"])
def test_every_page_is_linked(index: str) -> None:
    """From README and from the index, which say what each is for."""
    linked = set(re.findall(r"\]\((?:docs/)?([\w-]+\.md)\)", (ROOT / index).read_text(encoding="utf-8")))
    missing = {path.name for path in DOCUMENTS} - linked - {"README.md", Path(index).name}
    assert not missing, f"{index} needs a link to each page: {', '.join(sorted(missing))}"


@pytest.mark.parametrize("name", ["what_if", "audit"])
def test_examples(name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [name])
    with contextlib.suppress(SystemExit):
        runpy.run_path(str(ROOT / "examples" / f"{name}.py"), run_name="__main__")
    shown = capsys.readouterr().out
    if name == "audit":
        assert shown.count(" equal\n") == len(yk.OUTPUTS)
    else:
        dividends = [int(line[26:36]) for line in shown.splitlines()[3:]]
        assert len(dividends) == 5
        assert dividends[4] < dividends[0]  # a miner that nobody else weighs gives no bonds


def test_audit_finds_a_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = yk.SparseRows.from_rows([[(1, 65535)], []])
    state = yk.SubnetState(rows, rows, yk.stake_from_rao([5, 5]), [9, 9], [1, 1], [True, True], 10)
    snapshot = yk.Snapshot(
        state, yk.Hyperparameters(), expected={"consensus": np.array([1, 2]), "active": np.array([True, True])}
    )
    yk.save(tmp_path / "wrong.npz", snapshot)
    main = runpy.run_path(str(ROOT / "examples" / "audit.py"))["main"]
    assert main([str(tmp_path / "wrong.npz")]) == 1
    shown = capsys.readouterr().out
    assert re.search(r"consensus +DIFFERS: consensus of uid 0: expected 1, got 0", shown), shown
    assert re.search(r"active +equal", shown)
