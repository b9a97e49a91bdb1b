"""The figures of the documents: the commands in them that draw one, and what is in each, as `docs/figures/data.json` has it.

python tests/figures.py        draws all of them again, and writes what is in them
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import re
import shlex
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from yuma_kernel import studies

DOCS = Path(__file__).resolve().parents[1] / "docs"
FIGURES = DOCS / "figures"
COMMAND = re.compile(r"^    (yuma-kernel study (?:.*\\\n)*.*--plot (\S+)\.png)$", re.MULTILINE)


def commands() -> dict[str, list[str]]:
    """By figure, the arguments of the command in the documents that draws it."""
    found: dict[str, list[str]] = {}
    for document in sorted(DOCS.glob("*.md")):
        text = document.read_text(encoding="utf-8")
        for command, name in COMMAND.findall(text):
            if f"](figures/{name}.png)" in text:
                found[name] = shlex.split(command.replace("\\\n", ""))[1:]
    return found


def drawn(arguments: list[str], folder: Path) -> tuple[studies.Study, Path]:
    """The study that a command saves, and the picture that it draws, in `folder`."""
    main = importlib.import_module("yuma_kernel.cli").main
    before = Path.cwd()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            assert main([*arguments, "--out", "study.npz"]) == 0
    finally:
        os.chdir(before)
    with np.load(folder / "study.npz") as file:
        kind = json.loads(str(file["about"]))["study"]
    return getattr(studies, kind).load(folder / "study.npz"), folder / arguments[arguments.index("--plot") + 1]


def data(study: studies.Study) -> dict[str, Any]:
    """What a figure is drawn from, short enough to be read: what there is to read first, and of each column of numbers its
    sum and that of its values times their places, which no other table has."""
    sums = {}
    for name, column in study.table.items():
        if column.dtype.kind in "iuf":
            values = np.nan_to_num(column.astype(np.float64))
            sums[name] = [float(values.sum()), float(values @ np.arange(values.size))]
    return {
        "rows": len(study),
        "sums": sums,
        "brief": {name: list(values) for name, values in study.brief().columns.items()},
    }


def main() -> None:
    FIGURES.mkdir(exist_ok=True)
    held = {}
    for name, arguments in commands().items():
        with tempfile.TemporaryDirectory() as folder:
            study, picture = drawn(arguments, Path(folder))
            held[name] = data(study)
            (FIGURES / picture.name).write_bytes(picture.read_bytes())
        print(name, *arguments)
    (FIGURES / "data.json").write_text(json.dumps(held, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
