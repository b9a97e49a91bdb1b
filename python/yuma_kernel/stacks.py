"""Outputs of several epochs, stacked: what a simulation and variants have in common to be read by people and tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from yuma_kernel.arrays import AnyArray
from yuma_kernel.extras import extra
from yuma_kernel.results import _ONE, _over, in_floats


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
