"""Where the time of an epoch goes, by function of the C kernel: what is above one percent, of what is the kernel's.

    python benches/costs.py [--isa avx2] [--rules yuma2] [--shape 0]

The portable path by valgrind: its instructions, a count that does not depend on what else the machine does. The vector
paths, which valgrind cannot run as it rounds to nearest only, by Linux's perf: samples of the processor's time.
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

from yuma_kernel.kernel import native

PROGRAM = """
import time
from shapes import EMISSION, SHAPES, hyperparameters, subnet
import yuma_kernel as yk
shape = SHAPES[{shape}]
state, h = subnet(shape), hyperparameters(shape, {rules!r})
until = time.monotonic() + {seconds}
for epoch in range({epochs}):
    yk.epoch(state, h, emission=EMISSION)
    if time.monotonic() > until:
        break
"""

EPOCHS = 5
SECONDS = 3


def _run(command: list[str], isa: str) -> str:
    here = str(Path(__file__).resolve().parent)
    environment = {**os.environ, "YUMA_KERNEL_ISA": isa, "PYTHONPATH": here, "PYTHONMALLOC": "malloc", "LC_ALL": "C"}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout


def counted(shape: int, rules: str) -> dict[str, int]:
    """By function, its own instructions in an epoch, of the portable path."""
    program = PROGRAM.format(shape=shape, rules=rules, epochs=EPOCHS, seconds=3600)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "callgrind.out"
        _run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--toggle-collect=yuma_epoch", "--quiet",
             sys.executable, "-c", program],
            "portable",
        )  # fmt: skip
        report = _run(["callgrind_annotate", "--threshold=100", str(out)], "portable")
    costs: dict[str, int] = {}
    for line in report.splitlines():
        found = re.match(r"\s*([\d,]+) \(\s*[\d.]+%\)\s+\S*?:(\S+)", line)
        if found:
            costs[found[2]] = costs.get(found[2], 0) + int(found[1].replace(",", "")) // EPOCHS
    return costs


def sampled(shape: int, rules: str, isa: str) -> dict[str, int]:
    """By function, how often the processor was found in it."""
    program = PROGRAM.format(shape=shape, rules=rules, epochs=10**9, seconds=SECONDS)
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/perf.data"
        _run(["perf", "record", "-q", "-e", "cpu-clock", "-F", "4000", "-o", out, sys.executable, "-c", program], isa)
        report = _run(["perf", "report", "-q", "-i", out, "--stdio", "--no-children", "-n", "--sort", "dso,symbol"], isa)
    found = re.findall(r"^\s*[\d.]+%\s+(\d+)\s+_yuma\S*\s+\[\.\] (\S+)", report, re.MULTILINE)
    return {name: int(samples) for samples, name in found}


def main() -> int:
    parser = argparse.ArgumentParser(description="Where the time of an epoch goes, by function of the C kernel.")
    parser.add_argument("--isa", choices=native.instruction_sets(), default=native.selected_instruction_set())
    parser.add_argument("--rules", choices=list(RULES), default="yuma2")
    parser.add_argument("--shape", type=int, choices=range(len(SHAPES)), default=0)
    arguments = parser.parse_args()
    portable = arguments.isa == "portable"
    tool, unit = ("valgrind", "instructions") if portable else ("perf", "samples")
    if shutil.which(tool) is None:
        print(f"{tool} is not here", file=sys.stderr)
        return 1
    if portable:
        costs = counted(arguments.shape, arguments.rules)
    else:
        costs = sampled(arguments.shape, arguments.rules, arguments.isa)
    total = sum(costs.values())
    out = Table(title=f"{unit} of an epoch: {SHAPES[arguments.shape]}, {arguments.rules}, {arguments.isa}")
    out.add_column("function")
    for name in (unit, "share"):
        out.add_column(name, justify="right")
    for name, count in sorted(costs.items(), key=lambda item: -item[1]):
        if count * 100 >= total:
            out.add_row(name, f"{count:,}", f"{count / total:.1%}")
    out.add_row("all", f"{total:,}", "")
    Console().print(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
