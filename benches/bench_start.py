"""Cold starts: a new process that imports the library and computes one small epoch."""

from __future__ import annotations

import subprocess
import sys

import pytest

import yuma_kernel as yk
from conftest import Measure

PROGRAM = """
import yuma_kernel as yk
rows = yk.SparseRows.from_rows([[(1, 5)], []])
state = yk.SubnetState(rows, yk.SparseRows.empty(2), yk.stake_from_rao([5, 5]), [9, 9], [1, 1], [True, True], 10)
yk.epoch(state, yk.Hyperparameters(), backend={backend!r})
"""


@pytest.mark.parametrize("backend", [*yk.BACKENDS, "(import numpy)"])
def bench_start(measure: Measure, backend: str) -> None:
    program = PROGRAM.format(backend=backend) if backend in yk.BACKENDS else "import numpy"
    command = [sys.executable, "-c", program]
    # a start has no weights; as one, its figure is that of the whole
    measure(lambda: subprocess.run(command, check=True), weights=1, what="cold start", backend=backend, shape="", rules="")
