"""How a benchmark is taken: between two readings of the yardstick, with what its figure is to be divided by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yardstick

Measure = Callable[..., None]


@pytest.fixture
def measure(benchmark: Any) -> Measure:
    """measure(call, weights=…, labels…): times `call`, and notes the yardstick and the number of weights present."""

    def run(call: Callable[[], object], *, weights: int, **labels: str) -> None:
        call()  # compiles, fills caches, grows workspaces: cold starts are measured apart
        before = yardstick.nanoseconds()
        benchmark(call)
        after = yardstick.nanoseconds()
        benchmark.extra_info.update(labels, weights=weights, yardstick_ns=(before + after) / 2)

    return run
