"""The weights that an SDK sends, by its own function: run in an environment that has the package.

`python tests/sdk_weights.py NAME`, NAME one of bittensor-9, bittensor-10, bittensor-11. The sessions `nox -s sdk_weights`
make the environments. Exits with the first row that differs; prints how many agree, and in how many of them the exact
quotient is another.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import yuma_kernel as yk

ROWS = 100_000
Row = tuple[list[int], list[float]]
Sent = tuple[list[int], list[int]]


def rows(seed: int, span: int) -> Any:
    """Uids in any order, weights of several kinds: sums of 1, scores, decimals, halves, tiny and huge ones to 10^span."""
    draw = np.random.default_rng(seed)
    for k in range(ROWS):
        n = int(draw.integers(1, 24))
        uids = draw.choice(256, n, replace=False).tolist()
        kind = k % 8
        if kind == 0:
            weights = draw.dirichlet(np.ones(n))
        elif kind == 1:
            weights = draw.random(n)
        elif kind == 2:
            weights = draw.integers(0, 100, n) / 100
        elif kind == 3:
            weights = draw.integers(0, 2**17, n) / 2.0  # quotients near a half
        elif kind == 4:
            weights = np.exp(draw.normal(0, 8, n))
        elif kind == 5:
            weights = draw.random(n) * 10.0 ** draw.integers(-span, span)
        elif kind == 6:
            weights = draw.integers(0, 65536, n).astype(float) * (draw.random(n) < 0.7)
        else:
            weights = (draw.integers(0, 131072, n) + 0.5) / 65535  # halves, where one of them is the largest
        yield uids, weights.tolist()


def bittensor_9(uids: list[int], weights: Any) -> Sent:
    return _UTILS.convert_and_normalize_weights_and_uids(np.array(uids, np.int64), weights)  # type: ignore[no-any-return]


def bittensor_11(uids: list[int], weights: Any) -> Sent:
    return _UTILS.normalize(uids, weights)  # type: ignore[no-any-return]


_UTILS: Any = None


def held_to(name: str) -> dict[str, tuple[Callable[[Row], Sent], Callable[[Row], Sent]]]:
    """By the form in which weights are handed over: what the SDK sends, and what this library says of it."""
    global _UTILS
    if name == "bittensor-11":
        _UTILS = importlib.import_module("bittensor.intents.weights")
        as_pairs = _UTILS._as_pairs
        return {
            "lists": (
                lambda row: bittensor_11(*as_pairs(*row)),
                lambda row: yk.weights_to_u16(dict(zip(*row, strict=True)), lists=True),
            ),
            "a mapping": (
                lambda row: bittensor_11(*as_pairs(None, dict(zip(*row, strict=True)))),
                lambda row: yk.weights_to_u16(dict(zip(*row, strict=True)), order="ascending", lists=True),
            ),
            "a mapping from JSON": (
                lambda row: bittensor_11(*as_pairs(None, json.loads(json.dumps(dict(zip(*row, strict=True)))))),
                lambda row: yk.weights_to_u16(
                    json.loads(json.dumps(dict(zip(*row, strict=True)))), order="ascending", lists=True
                ),
            ),
        }
    _UTILS = importlib.import_module("bittensor.utils.weight_utils")

    return {
        "arrays of float64": (
            lambda row: bittensor_9(row[0], np.array(row[1])),
            lambda row: yk.weights_to_u16(dict(zip(*row, strict=True)), lists=True),
        ),
        "lists, as float32": (
            lambda row: bittensor_9(row[0], list(row[1])),
            lambda row: yk.weights_to_u16(dict(zip(row[0], np.array(row[1], np.float32), strict=True)), lists=True),
        ),
    }


def main(name: str) -> int:
    for form, (theirs, ours) in held_to(name).items():
        agreed = otherwise = 0
        for row in rows(len(form), 30 if "float32" in form else 300):
            sent, got = theirs(row), ours(row)
            if (list(sent[0]), list(sent[1])) != got:
                print(f"{name}, {form}: {row} is sent as {sent}, not as {got}")
                return 1
            agreed += 1
            exact = yk.weights_to_u16_exact(dict(zip(*row, strict=True)), lists=True)
            otherwise += dict(zip(*got, strict=True)) != dict(zip(*exact, strict=True))
        print(f"{name}, {form}: {agreed} rows agree, 0 differ; in {otherwise} the exact quotient is another")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
