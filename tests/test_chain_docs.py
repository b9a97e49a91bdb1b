"""What the documents ask of a node is run, against one of our own in the place of the public ones."""

from __future__ import annotations

import contextlib
import io
import random
import re
from pathlib import Path
from typing import Any

import pytest

from chain_history import live, small, weighing
from chain_node import Node, State
from test_chain_payout import facts
from test_chain_schedule import put_clock
from yuma_kernel.chain import clients
from yuma_kernel.chain.schedule import Clock

DOCUMENTS = Path(__file__).resolve().parents[1] / "docs"
FENCE = re.compile(r"^```(python node|python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("name", "count"), [("chain.md", 6), ("questions.md", 1)])
def test_what_it_shows(name: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What needs no node is run by test_docs.py."""
    document = DOCUMENTS / name
    chance = random.Random(12)
    start, stakes = small(chance, 12, 475)

    def before(block: int, state: State) -> None:
        facts(state)
        put_clock(state, 7, Clock(360, block - 360, 0, 100))

    past = live(Node(475), 7, start, stakes, 3, 360, weighing(chance), before=before)
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "document"}
    printed, shown = None, 0
    with past.node.http() as url:
        monkeypatch.setattr(clients, "NETWORKS", {"finney": url, "archive": url})
        for language, text in FENCE.findall(document.read_text(encoding="utf-8")):
            if language == "text" and printed is not None:
                assert printed == text
                shown += 1
            elif language == "python":
                printed = None
            elif language == "python node":
                out = io.StringIO()
                with contextlib.redirect_stdout(out):
                    exec(compile(text, str(document), "exec"), namespace)
                printed = out.getvalue()
    assert shown == count
