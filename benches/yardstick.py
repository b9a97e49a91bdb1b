"""The unit of every benchmark: nanoseconds of one scalar `((__int128)a << 32) / b` in C, taken beside what is measured.

Machines differ, and a shared one differs from second to second; what a kernel costs in divisions differs much less.
"""

from __future__ import annotations

import functools
import importlib.util
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from cffi import FFI

COUNT = 10_000
ROUNDS = 3


@functools.cache
def _compiled() -> tuple[Any, Any]:
    builder = FFI()
    builder.cdef("void yardstick(size_t count, const int64_t *a, const int64_t *b, int64_t *q);")
    source = (Path(__file__).parent / "yardstick.c").read_text(encoding="utf-8")
    builder.set_source("_yardstick", source, extra_compile_args=["-O2"])
    with tempfile.TemporaryDirectory() as folder:
        built = builder.compile(tmpdir=folder)
        spec = importlib.util.spec_from_file_location("_yardstick", built)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module.ffi, module.lib


@functools.cache
def _operands() -> tuple[Any, ...]:
    """Proportions divided by proportions, as in the epoch; quotients of one to forty bits."""
    ffi, _ = _compiled()
    random = np.random.default_rng(0)
    a = random.integers(1, 2**32, COUNT, np.int64)
    b = random.integers(2**24, 2**32, COUNT, np.int64)
    q = np.empty(COUNT, np.int64)
    return tuple(ffi.from_buffer("int64_t[]", array) for array in (a, b, q))


def nanoseconds() -> float:
    """One division now: the median of ROUNDS loops over COUNT of them."""
    _, lib = _compiled()
    operands = _operands()
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter_ns()
        lib.yardstick(COUNT, *operands)
        times.append((time.perf_counter_ns() - start) / COUNT)
    return statistics.median(times)
