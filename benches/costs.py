"""Where the time of an epoch goes: the instructions of each function of the C kernel, counted by valgrind.

    python benches/costs.py [--isa avx2] [--rules yuma2] [--shape 0]

Counts do not depend on what else the machine does. A function's own instructions, of those in the kernel; the table shows
what is above one percent. Valgrind runs no AVX-512.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table
from shapes import RULES, SHAPES

EPOCHS = 5

PROGRAM = """
from shapes import EMISSION, SHAPES, hyperparameters, subnet
import yuma_kernel as yk
shape = SHAPES[{shape}]
state, h = subnet(shape), hyperparameters(shape, {rules!r})
for _ in range({epochs}):
    yk.epoch(state, h, emission=EMISSION)
"""


def counted(shape: int, rules: str, isa: str) -> dict[str, int]:
    """By function of the kernel, its own instructions in an epoch."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "callgrind.out"
        command = [
            "valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--toggle-collect=yuma_epoch", "--quiet",
            sys.executable, "-c", PROGRAM.format(shape=shape, rules=rules, epochs=EPOCHS),
        ]  # fmt: skip
        here = str(Path(__file__).resolve().parent)
        environment = {**os.environ, "YUMA_KERNEL_ISA": isa, "PYTHONPATH": here, "PYTHONMALLOC": "malloc"}
        subprocess.run(command, check=True, env=environment)
        report = subprocess.run(
            ["callgrind_annotate", "--threshold=100", str(out)], check=True, capture_output=True, text=True
        ).stdout
    costs: dict[str, int] = {}
    for line in report.splitlines():
        found = re.match(r"\s*([\d,]+) \(\s*[\d.]+%\)\s+\S*?:(\S+)", line)
        if found:
            costs[found[2]] = costs.get(found[2], 0) + int(found[1].replace(",", "")) // EPOCHS
    return costs


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--isa", default="avx2")
    parser.add_argument("--rules", choices=list(RULES), default="yuma2")
    parser.add_argument("--shape", type=int, choices=range(len(SHAPES)), default=0)
    arguments = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("valgrind is not here", file=sys.stderr)
        return 1
    shape = SHAPES[arguments.shape]
    costs = counted(arguments.shape, arguments.rules, arguments.isa)
    total = sum(costs.values())
    weights = shape.validators * (shape.n if shape.density == 1 else round(shape.n * shape.density))
    out = Table(title=f"instructions of an epoch: {shape}, {arguments.rules}, {arguments.isa}")
    out.add_column("function")
    for name in ("instructions", "a weight", "share"):
        out.add_column(name, justify="right")
    for name, count in sorted(costs.items(), key=lambda item: -item[1]):
        if count * 100 >= total:
            out.add_row(name, f"{count:,}", f"{count / weights:.2f}", f"{count / total:.1%}")
    out.add_row("all", f"{total:,}", f"{total / weights:.2f}", "")
    Console().print(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
