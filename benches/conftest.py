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
    """measure(call, weights=…, labels…): times `call`; notes the yardstick, yardsticks a weight, and with `epoch`, the epoch
    of that shape, how many of it a call takes.

    The speed of a shared machine changes within a benchmark by more than what is to be seen. A round and the reading just
    before it see nearly the same machine, so each round is divided by its own reading.
    """

    def run(call: Callable[[], object], *, weights: int, epoch: Callable[[], object] | None = None, **labels: str) -> None:
        call()  # compiles, fills caches, grows workspaces: cold starts are measured apart
        start = time.perf_counter()
        call()
        once = time.perf_counter() - start
        readings: list[float] = []
        epochs: list[float] = []

        def read() -> None:
            readings.append(yardstick.nanoseconds())
            if epoch is not None:
                epochs.append(min(_seconds(epoch) for _ in range(5)))

        rounds = max(7, min(200, int(float(request.config.getoption("benchmark_max_time")) / once)))
        benchmark.pedantic(call, setup=read, rounds=rounds)
        times = benchmark.stats.stats.data
        ratios = [seconds * 1e9 / reading for seconds, reading in zip(times, readings, strict=True)]
        if epochs:
            multiples = [seconds / one for seconds, one in zip(times, epochs, strict=True)]
            benchmark.extra_info["epochs"] = statistics.median(multiples)
        benchmark.extra_info.update(
            labels,
            weights=weights,
            yardstick_ns=statistics.median(readings),
            yardsticks=statistics.median(ratios) / weights,
        )

    return run


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
