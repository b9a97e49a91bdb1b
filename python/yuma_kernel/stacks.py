"""Outputs of several epochs, stacked: what a simulation and variants have in common to be read by people and tables."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import numpy as np

from yuma_kernel.arrays import AnyArray
from yuma_kernel.extras import extra
from yuma_kernel.results import _ONE, OUTPUT_TABLE, STACKED, _over, in_floats

_DTYPES: Final = {name: OUTPUT_TABLE[name].dtype for name in STACKED}
_WIDEST_FIRST: Final = sorted(STACKED, key=lambda name: -_DTYPES[name].itemsize)
"""In which order one after the other is aligned."""


def stacked_bytes(outputs: Iterable[str], count: int, n: int) -> int:
    """How much memory these have, [count, n] each: a multiple of eight."""
    return -(-count * n * sum(_DTYPES[name].itemsize for name in outputs) // 8) * 8


def stacks_in(memory: AnyArray, outputs: Collection[str], count: int, n: int) -> dict[str, AnyArray]:
    """By output [count, n], to be written, in one piece of memory (uint8): a large one has large pages, and fewer faults."""
    at, arrays = 0, {}
    for name in _WIDEST_FIRST:
        if name in outputs:
            arrays[name] = np.ndarray((count, n), _DTYPES[name], memory, at)
            at += arrays[name].nbytes
    return {name: arrays[name] for name in outputs}


def stacked(outputs: Collection[str], count: int, n: int) -> dict[str, AnyArray]:
    """The same in memory of their own."""
    return stacks_in(np.empty(stacked_bytes(outputs, count, n), np.uint8), outputs, count, n)


class Stacked:
    """Arrays by output of shape [k, n], a row an epoch."""

    def _stacks(self) -> Mapping[str, AnyArray]:
        raise NotImplementedError

    def _index(self) -> tuple[str, Iterable[int], int]:
        """What tells the rows apart: its name, and of each row the number; and how many uids there are."""
        raise NotImplementedError

    def _beside(self) -> dict[str, AnyArray]:
        """Further columns, a number a row."""
        return {}

    def as_floats(self) -> dict[str, AnyArray]:
        """By output an array [k, n]: proportions as float64 from 0 to 1, emissions in alpha (of 10^9 rao), truths as bool.

        As `EpochResult.as_floats`, the stored integers divided by 65535 or 10^9, to the nearest double.
        """
        floats = {}
        for name, rows in self._stacks().items():
            stored = rows.reshape(-1)
            floats[name] = (_over(stored, _ONE[name]) if name in _ONE else np.array(stored)).reshape(rows.shape)
        return floats

    def to_frame(self, units: str = "chain") -> Any:
        """A pandas DataFrame with a row for each epoch and uid, and a column for each output that is an array.

        Args:
            units: "chain": the stored integers. "float": as `as_floats` has them.

        Raises:
            InputError: other units. ImportError: pandas is not installed.
        """
        floats, pandas = in_floats(units), extra("pandas")
        stacks = self.as_floats() if floats else self._stacks()
        name, rows, n = self._index()
        index = pandas.MultiIndex.from_product([rows, range(n)], names=[name, "uid"])
        beside = {name: np.repeat(column, n) for name, column in self._beside().items()}
        return pandas.DataFrame(beside | {name: np.array(stack.reshape(-1)) for name, stack in stacks.items()}, index=index)
