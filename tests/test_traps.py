"""A process that lets an inexact operation end it: the backends compute in it, and leave its environment as it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from machine import has_mxcsr

CODE = """
import sys
import numpy as np
import yuma_kernel as yk
from machine import TRAPS, mxcsr
from yuma_kernel.kernel import selfcheck

backend = sys.argv[1]
state, rules = selfcheck.subnet(), yk.Hyperparameters(liquid_alpha=True, bonds_penalty=40_000)
ones = np.arange(1, 17, dtype=np.int64) << 27
rows = yk.SparseRows.from_rows([[(1, 1 << 31)]] * 16, np.int64)

def results():
    return (
        yk.epoch(state, rules, emission=7, backend=backend),
        yk.stages.liquid_alpha(ones, ones[::-1], ones // 3, backend=backend).tolist(),
        yk.stages.liquid_ema(rows, rows, ones, backend=backend),
    )

expected = results()  # and all is compiled
with mxcsr(off=TRAPS):
    under_traps = results()
    print("computed", flush=True)
    if len(sys.argv) > 2:
        float(sys.argv[2]) / 3  # which is inexact: the traps are the caller's again
assert under_traps == expected
print("same")
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CODE, *arguments], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )


@has_mxcsr
def test_computes_where_traps_are_unmasked(backend: str) -> None:
    ended = run(backend)
    assert (ended.returncode, ended.stdout.split()) == (0, ["computed", "same"]), ended.stderr


@has_mxcsr
@pytest.mark.parametrize("backend", ["c", "numba"])
def test_leaves_the_traps_as_they_are(backend: str) -> None:
    if backend == "numba":
        pytest.importorskip("numba")
    ended = run(backend, "1.0")
    assert ended.returncode < 0, ended.stdout  # by SIGFPE
    assert ended.stdout.split() == ["computed"]
