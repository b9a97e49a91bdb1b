"""The backends in threads, in other processes, and from their first call on."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

import yuma_kernel as yk
from chain import Case, epoch_cases


def some_cases() -> list[Case]:
    return list(epoch_cases("epoch.jsonl.gz")[::25])


def computed(arguments: tuple[Case, str]) -> yk.EpochResult:
    case, backend = arguments
    return yk.epoch(case.state, case.hyperparameters, emission=case.emission, backend=backend, trace=True)


def test_threads_do_not_disturb_each_other(compiled: str) -> None:
    cases = some_cases()
    expected = [computed((case, "reference")) for case in cases]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            assert list(pool.map(computed, [(case, compiled) for case in cases])) == expected


@pytest.mark.parametrize("start", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_processes(compiled: str, start: str) -> None:
    """After the parent has used the backend, and across pickling of inputs and results."""
    if start not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this platform does not {start}")
    cases = some_cases()[:6]
    expected = [computed((case, compiled)) for case in cases]
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(start)) as pool:
        assert list(pool.map(computed, [(case, compiled) for case in cases])) == expected


def python(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


EPOCH = """
import yuma_kernel as yk
rows = yk.SparseRows.from_rows([[(1, 5)], []])
state = yk.SubnetState(rows, yk.SparseRows.empty(2), yk.stake_from_rao([5, 5]), [9, 9], [1, 1], [True, True], 10)
for rules in ({"yuma3": False}, {"bonds_penalty": 5}, {"liquid_alpha": True}):
    yk.epoch(state, yk.Hyperparameters(**rules), backend="numba")
"""

STATISTICS = """
import json, yuma_kernel.kernel.jit as jit
counts = [f.stats for f in vars(jit).values() if hasattr(f, "stats")]
print(json.dumps([sum(sum(c.values()) for c in kind) for kind in zip(*((s.cache_hits, s.cache_misses) for s in counts))]))
"""


def test_a_second_process_does_not_compile_again(tmp_path: Path) -> None:
    pytest.importorskip("numba")
    first, second = (python(EPOCH + STATISTICS, NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(2))
    assert first.returncode == 0, first.stderr
    hits, misses = json.loads(first.stdout)
    assert misses > 15
    hits, misses = json.loads(second.stdout)
    assert (hits > 15, misses) == (True, 0)


def test_numba_without_a_cache(tmp_path: Path) -> None:
    pytest.importorskip("numba")
    nowhere = tmp_path / "file"
    nowhere.write_text("no folder can be made here")
    program = "import numba.core.caching as c; c.CacheImpl._locator_classes = []\n" + EPOCH
    program += "import yuma_kernel.kernel.jit as jit; assert type(jit._clip._cache).__name__ == 'NullCache'"
    done = python(program, NUMBA_CACHE_DIR=str(nowhere / "cache"))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("program", "environment", "words"),
    [
        ("import sys; sys.modules['numba'] = None" + EPOCH, {}, "pip install 'yuma-kernel[numba]'"),
        (EPOCH, {"NUMBA_DISABLE_JIT": "1"}, "NUMBA_DISABLE_JIT"),
        (
            "import sys; sys.modules['yuma_kernel.kernel._yuma'] = None" + EPOCH.replace('"numba"', '"c"'),
            {},
            "'c' is not installed",
        ),
    ],
)
def test_unavailable(program: str, environment: dict[str, str], words: str) -> None:
    if "numba" in words.lower():
        pytest.importorskip("numba")
    done = python(program, **environment)
    assert done.returncode == 1
    assert "BackendUnavailable" in done.stderr.splitlines()[-1]
    assert words in done.stderr


def test_import_brings_no_backend() -> None:
    loaded = python("import sys, yuma_kernel; print(*sys.modules)").stdout.split()
    assert "yuma_kernel.stages" in loaded
    for name in ("numba", "rich", "scipy", "yuma_kernel.kernel._yuma", "yuma_kernel.reference"):
        assert name not in loaded
