"""The backends in threads, in other processes, and from their first call on."""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
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


def some_sizes() -> list[yk.SubnetState]:
    """Subnets of such sizes that a thread's workspace grows, and is larger than needed, in turn."""
    out = []
    for n in (1, 300, 2, 120, 7, 64):
        rows = yk.SparseRows.from_rows([[((i + k) % n, 1 + (i * k) % 65535) for k in range(0, n, 3)] for i in range(n)])
        blocks = [9] * n
        stake = yk.stake_from_rao(range(1, n + 1))
        out.append(yk.SubnetState(rows, rows, stake, blocks, [1] * n, [True] * n, 10, previous_consensus=[7] * n))
    return out


def test_many_threads_on_many_sizes(compiled: str) -> None:
    """All at once, on inputs that they share, in orders of their own, the stages among the epochs."""
    states, rules = some_sizes(), yk.Hyperparameters(liquid_alpha=True)
    expected = [yk.epoch(state, rules, emission=10**9, backend=compiled, trace=True) for state in states]
    consensus = [result.trace["consensus"] for result in expected if result.trace is not None]
    together = threading.Barrier(12)

    def work(seed: int) -> int:
        order = random.Random(seed)
        together.wait()
        for _ in range(40):
            at = order.randrange(len(states))
            result = yk.epoch(states[at], rules, emission=10**9, backend=compiled, trace=True)
            assert result == expected[at]
            assert result.trace is not None
            stage = yk.stages.consensus(
                result.trace["weights"],  # type: ignore[arg-type]
                result.trace["active_stake"],
                rules.kappa,
                backend=compiled,
            )
            assert np.array_equal(stage, consensus[at])
        return seed

    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(work, range(12))) == list(range(12))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_fork_while_other_threads_compute(compiled: str) -> None:
    states, rules = some_sizes(), yk.Hyperparameters()
    expected = [yk.epoch(state, rules, backend=compiled) for state in states]
    done = threading.Event()

    def busy() -> None:
        while not done.is_set():
            yk.epoch(states[1], rules, backend=compiled)

    threads = [threading.Thread(target=busy) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            child = os.fork()
            if child == 0:  # nothing but the epochs, and out: what pytest holds is the parent's
                code = 1
                try:
                    code = 0 if [yk.epoch(state, rules, backend=compiled) for state in states] == expected else 2
                finally:
                    os._exit(code)
            for _ in range(600):
                pid, status = os.waitpid(child, os.WNOHANG)
                if pid:
                    break
                time.sleep(0.1)
            else:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                pytest.fail("the child hangs")
            assert os.waitstatus_to_exitcode(status) == 0
    finally:
        done.set()
        for thread in threads:
            thread.join()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_epoch_many_after_fork() -> None:
    """The threads that epoch_many keeps are the parent's; a child starts its own."""
    states, rules = some_sizes(), yk.Hyperparameters()
    expected = yk.epoch_many(states, rules, threads=3)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if yk.epoch_many(states, rules, threads=3) == expected else 2
            code = code or (0 if any(thread.name.startswith("yuma-kernel") for thread in threading.enumerate()) else 3)
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert yk.epoch_many(states, rules, threads=3) == expected


def test_two_threads_that_meet_at_the_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each makes C's view of the inputs; the one that comes last replaces the other's, which is just being used."""
    native = pytest.importorskip("yuma_kernel.kernel.native")
    consecutive = pytest.importorskip("yuma_kernel.kernel.consecutive")
    side_by_side = pytest.importorskip("yuma_kernel.kernel.variants")
    state, lib = some_sizes()[3], native.lib
    used: list[bool] = []

    class Replaced:
        """The kernel; the hyperparameters of a call are replaced right before it, and so is its state."""

        def __getattr__(self, name: str) -> Any:
            if name in ("yuma_epoch", "yuma_simulate", "yuma_variants"):
                views = [weakref.ref(rules._native)] + [weakref.ref(state._native)] * of_state
                object.__setattr__(rules, "_native", native.ffi.new("yuma_hyperparameters *"))
                object.__setattr__(state, "_native", native._Given(state))
                used.append(all(view() is not None for view in views))
            return getattr(lib, name)

    def called(*arguments: Any) -> Any:
        return Replaced().yuma_epoch and kernel(*arguments)

    kernel = native._call
    monkeypatch.setattr(native, "_call", called)
    for module in (native, consecutive, side_by_side):
        monkeypatch.setattr(module, "lib", Replaced())
    weights = np.ones((2, 1, state.n), np.uint16)
    calls: list[tuple[bool, Callable[[yk.Hyperparameters], object]]] = [
        (True, lambda h: yk.epoch(state, h, backend="c")),
        (True, lambda h: yk.epoch_many([state], h, threads=1, backend="c")),
        (False, lambda h: yk.simulate(state, h, epochs=2, backend="c")),
        (False, lambda h: yk.simulate(state, [h] * 2, epochs=2, backend="c")),
        (True, lambda h: yk.variants(state, h, count=2, threads=1, backend="c")),
        (True, lambda h: yk.variants(state, [h] * 2, threads=1, backend="c")),
        (True, lambda h: yk.variants(state, h, weights=weights, uids=[2], threads=1, backend="c")),
    ]
    for whole, compute in calls:
        of_state, rules = whole, yk.Hyperparameters()
        state = replace(state)
        compute(rules)
    assert used == [True] * len(calls)


AT_EXIT = """
import atexit
import yuma_kernel as yk
rows = yk.SparseRows.from_rows([[(1, 5)], []])
state = yk.SubnetState(rows, yk.SparseRows.empty(2), yk.stake_from_rao([5, 5]), [9, 9], [1, 1], [True, True],
                       10, previous_consensus=[])
def compute():
    return yk.epoch_many([state] * 40, yk.Hyperparameters(), threads=threads)
expected = compute() if before else [yk.epoch(state, yk.Hyperparameters())] * 40
atexit.register(lambda: print(compute() == expected))
"""


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("threads", [1, 4])
def test_epoch_many_while_the_interpreter_ends(threads: int, before: bool) -> None:
    """No thread can be started then."""
    done = python(f"threads, before = {threads}, {before}\n{AT_EXIT}")
    assert (done.stdout, done.returncode) == ("True\n", 0), done.stderr


SUBINTERPRETER = """
import sys
import yuma_kernel as yk
inner = "import yuma_kernel.kernel._yuma"
try:
    if sys.version_info >= (3, 13):
        import _interpreters
        failure = _interpreters.exec(_interpreters.create("isolated"), inner)
        print("refused" if failure is not None and "ImportError" in failure.formatted else failure)
    else:
        import _xxsubinterpreters
        _xxsubinterpreters.run_string(_xxsubinterpreters.create(isolated=True), inner)
except Exception as error:
    print("refused" if "ImportError" in str(error) else error)
rows = yk.SparseRows.empty(2)
state = yk.SubnetState(rows, rows, yk.stake_from_rao([5, 5]), [9, 9], [1, 1], [True, True], 10, previous_consensus=[])
print(yk.epoch(state, yk.Hyperparameters()).validator_permit.sum())
"""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="an interpreter with a GIL of its own needs Python 3.12")
@pytest.mark.skipif(sys.version_info >= (3, 14), reason="there, whether NumPy and cffi load is theirs to say")
def test_a_subinterpreter_is_refused_and_the_first_goes_on() -> None:
    done = python(SUBINTERPRETER)
    assert done.stdout.split() == ["refused", "2"], done.stderr


def python(program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


EPOCH = """
import yuma_kernel as yk
rows = yk.SparseRows.from_rows([[(1, 5)], []])
state = yk.SubnetState(rows, yk.SparseRows.empty(2), yk.stake_from_rao([5, 5]), [9, 9], [1, 1], [True, True], 10,
                       previous_consensus=[])
for rules in ({"yuma3": False}, {"bonds_penalty": 5}, {"liquid_alpha": True}):
    yk.epoch(state, yk.Hyperparameters(**rules), backend="numba")
"""

STATISTICS = """
import json, sys
sections = [module for name, module in sys.modules.items() if name.startswith("yuma_kernel.kernel.jit.")]
functions = {id(f): f for section in sections for f in vars(section).values() if hasattr(f, "stats")}
counts = [f.stats for f in functions.values()]
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


RANK = """
import sys
import numpy as np
import yuma_kernel.kernel
yuma_kernel.kernel.__path__.insert(0, sys.argv[1])
from yuma_kernel.kernel.jit.incentive import rank
assert rank.__wrapped__.__code__.co_filename.startswith(sys.argv[1])
ends, uid, value = np.array([0, 1], np.uint64), np.array([0], np.uint16), np.array([8], np.int64)
print(*rank(ends, uid, value, np.array([2**32])), sum(rank.stats.cache_hits.values()))
"""


def test_what_is_compiled_is_of_the_sources_as_they_are(tmp_path: Path) -> None:
    """A cached function holds the code of those that it calls, whatever file they stand in."""
    pytest.importorskip("numba")
    compiler = importlib.import_module("yuma_kernel.kernel.jit.compiler")
    package = shutil.copytree(
        Path(str(compiler.__file__)).parent, tmp_path / "jit", ignore=shutil.ignore_patterns("__pycache__")
    )
    called = package / "fixed.py"
    before = called.read_text()
    after = before.replace("    return part * (x >> 32)", "    return 5 + part * (x >> 32)")
    assert before != after
    for source, printed in ((before, "8 0"), (before, "8 1"), (after, "13 0"), (after, "13 1")):
        called.write_text(source)
        done = python(RANK, str(tmp_path), NUMBA_CACHE_DIR=str(tmp_path / "cache"))
        assert done.stdout.strip() == printed, done.stderr


def test_numba_without_a_cache(tmp_path: Path) -> None:
    pytest.importorskip("numba")
    nowhere = tmp_path / "file"
    nowhere.write_text("no folder can be made here")
    program = "import numba.core.caching as c; c.CacheImpl._locator_classes = []\n" + EPOCH
    program += "import yuma_kernel.kernel.jit.incentive as i; assert type(i.clip._cache).__name__ == 'NullCache'"
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
    for name in (
        "numba",
        "rich",
        "scipy",
        "yuma_kernel.kernel._yuma",
        "yuma_kernel.reference",
        "yuma_kernel.submission",
        "yuma_kernel.permits",
    ):
        assert name not in loaded
