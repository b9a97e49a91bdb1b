"""How a benchmark is taken: every round right after a reading of the yardstick, and the median of the ratios."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest
import yardstick

Measure = Callable[..., None]


@pytest.fixture
def measure(benchmark: Any, request: pytest.FixtureRequest) -> Measure:
    """measure(call, weights=…, labels…): times `call`; notes the yardstick, and yardsticks a weight.

    The speed of a shared machine changes within a benchmark by more than what is to be seen. A round and the reading just
    before it see nearly the same machine, so each round is divided by its own reading.
    """

    def run(call: Callable[[], object], *, weights: int, **labels: str) -> None:
        call()  # compiles, fills caches, grows workspaces: cold starts are measured apart
        start = time.perf_counter()
        call()
        once = time.perf_counter() - start
        readings: list[float] = []
        rounds = max(7, min(200, int(float(request.config.getoption("benchmark_max_time")) / once)))
        benchmark.pedantic(call, setup=lambda: readings.append(yardstick.nanoseconds()), rounds=rounds)
        times = benchmark.stats.stats.data
        ratios = [seconds * 1e9 / reading for seconds, reading in zip(times, readings, strict=True)]
        benchmark.extra_info.update(
            labels,
            weights=weights,
            yardstick_ns=statistics.median(readings),
            yardsticks=statistics.median(ratios) / weights,
        )

    return run
