"""Every figure of the documents is what a command in them draws, of the data that is held beside it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("click")
pytest.importorskip("matplotlib")
from figures import DOCS, FIGURES, commands, data, drawn

HELD: dict[str, Any] = json.loads((FIGURES / "data.json").read_text(encoding="utf-8"))


def test_every_figure_is_made_in_its_page() -> None:
    """By a command, with its data here; or by Python, which the tests of the documents run, and whose answers they hold."""
    files = {"data.json"}
    for document in DOCS.glob("*.md"):
        text = document.read_text(encoding="utf-8")
        for name in re.findall(r"\]\(figures/([\w-]+)\.png\)", text):
            assert (name in commands()) != (f'savefig("{name}.png"' in text), name
            files.add(f"{name}.png")
    assert {path.name for path in FIGURES.iterdir()} == files
    assert set(commands()) == set(HELD)


def close(found: Any, held: Any, where: str) -> None:
    if isinstance(held, dict):
        assert list(found) == list(held), where
        for name in held:
            close(found[name], held[name], f"{where} {name}")
    elif isinstance(held, list):
        assert len(found) == len(held), where
        for k, value in enumerate(held):
            close(found[k], value, f"{where}[{k}]")
    elif isinstance(held, float):  # sums of doubles, which another processor may add in another order
        assert found == pytest.approx(held, rel=1e-9, abs=1e-9), where
    else:
        assert found == held, where


@pytest.mark.parametrize("name", sorted(HELD))
def test_command_draws_the_data(name: str, tmp_path: Path) -> None:
    study, picture = drawn(commands()[name], tmp_path)
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    close(json.loads(json.dumps(data(study))), HELD[name], name)
