"""Runs the benchmarks, prints them as a table, and compares them with the committed baseline.

    python benches/run.py            everything: every stage and the epoch, on every backend and shape
    python benches/run.py --short    what CI compares: the epoch at three shapes
    python benches/run.py --short --update      writes benches/baseline.json instead of comparing

A figure in yardsticks is the time of one weight present in units of one scalar 128-bit division, which is measured before
each round (benches/yardstick.py). Only these are compared; a time alone says little on a shared machine.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from yuma_kernel.kernel import native

HERE = Path(__file__).resolve().parent
BASELINE = HERE / "baseline.json"

FACTOR = 2.0
"""A figure above FACTOR times its baseline, in each of RUNS runs, fails. What noise reaches is in benches/README.md."""

RUNS = 3

SHORT = (
    "bench_epoch and ([c/ or [numba-) and (-256x64- or _concentrated or -1024x64 and _scattered) or bench_peer and [256x64-"
    " or bench_calls and not portable and not (alone and subnets)"
)


def measured(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """One entry a benchmark: its labels, milliseconds (median), the yardstick, and yardsticks a weight."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [
            sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", str(HERE / "pytest.ini"), str(HERE),
            f"--benchmark-json={report}", "--benchmark-quiet", "--benchmark-disable-gc", "--benchmark-max-time=0.5",
        ]  # fmt: skip
        chosen = SHORT if arguments.short else arguments.only
        subprocess.run([*command, *(["-k", chosen] if chosen else [])], check=True)
        benchmarks = json.loads(report.read_text(encoding="utf-8"))["benchmarks"]
    figures = []
    for benchmark in benchmarks:
        milliseconds = benchmark["stats"]["median"] * 1e3
        figures.append({**benchmark["extra_info"], "name": benchmark["name"], "ms": milliseconds})
    return figures


def table(figures: list[dict[str, Any]], baseline: dict[str, float]) -> Table:
    out = Table(title="yardsticks: time of a weight in scalar 128-bit divisions")
    for name in ("what", "rules", "shape", "backend"):
        out.add_column(name)
    for name in ("weights", "ms", "ns a weight", "yardstick, ns", "yardsticks", "epochs", "to baseline"):
        out.add_column(name, justify="right")
    for f in figures:
        change = f"{f['yardsticks'] / baseline[f['name']]:.2f}x" if f["name"] in baseline else ""
        out.add_row(
            f["what"], f["rules"], f["shape"], f["backend"], str(f["weights"]), f"{f['ms']:.3f}",
            f"{f['ms'] * 1e6 / f['weights']:.2f}", f"{f['yardstick_ns']:.2f}", f"{f['yardsticks']:.2f}",
            f"{f['epochs']:.2f}" if "epochs" in f else "", change,
        )  # fmt: skip
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs the benchmarks and compares them with the baseline.")
    parser.add_argument("--short", action="store_true", help="what CI compares")
    parser.add_argument("--update", action="store_true", help="write the baseline")
    parser.add_argument("--only", metavar="EXPRESSION", help="a selection, as pytest's -k takes it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    arguments = parser.parse_args()
    baseline: dict[str, float] = json.loads(BASELINE.read_text(encoding="utf-8")) if BASELINE.is_file() else {}
    figures = measured(arguments)
    Console(width=160).print(table(figures, {} if arguments.update else baseline))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    if arguments.update:
        runs = [_yardsticks(figures), *(_yardsticks(measured(arguments)) for _ in range(RUNS - 1))]
        medians = {name: round(statistics.median(run[name] for run in runs), 2) for name in runs[0]}
        BASELINE.write_text(json.dumps(medians, indent=1) + "\n", encoding="utf-8")
        return 0
    return compared(arguments, _yardsticks(figures), baseline) if arguments.short else 0


def _yardsticks(figures: list[dict[str, Any]]) -> dict[str, float]:
    return {f["name"]: f["yardsticks"] for f in figures}


def _can_run(name: str) -> bool:
    instruction_set = re.search(r"\[c/(\w+)", name)
    return instruction_set is None or instruction_set[1] in native.instruction_sets()


def compared(arguments: argparse.Namespace, best: dict[str, float], baseline: dict[str, float]) -> int:
    """0 where each figure of the baseline, but for instruction sets that are not here, is there and, at the best of RUNS
    runs, within FACTOR of it."""
    baseline = {name: figure for name, figure in baseline.items() if _can_run(name)}
    missing = baseline.keys() - best.keys()
    for name in sorted(missing):
        print(f"not measured, though in the baseline: {name}", file=sys.stderr)
    if missing or not baseline:
        return 1
    for run in range(1, RUNS + 1):
        slow = [name for name in baseline if best[name] > FACTOR * baseline[name]]
        for name in slow:
            print(f"run {run}: {best[name] / baseline[name]:.2f} times the baseline: {name}", file=sys.stderr)
        if not slow:
            return 0
        if run < RUNS:
            again = _yardsticks(measured(arguments))
            best = {name: min(best[name], again[name]) for name in best}
    return 1


if __name__ == "__main__":
    sys.exit(main())
