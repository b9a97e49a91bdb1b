"""All mechanisms of a subnet, and what the subnet stores of them together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np

from yuma_kernel.arrays import U64_MAX, AnyArray, BoolArray, U16Array, U64Array, freeze
from yuma_kernel.chain.payout import combine_value, mechanism_weights, split_emission
from yuma_kernel.epoch import epoch
from yuma_kernel.results import EpochResult
from yuma_kernel.snapshot import Snapshot
from yuma_kernel.tables import Table, Tabled

PAID: Final = ("server_emission", "validator_emission")
SHOWN: Final = ("validator_trust", "consensus", "dividends", *PAID, "validator_permit")
"""What a table shows beside the incentives."""
WEIGHTED: Final = ("stake_weight", "consensus", "validator_trust", "dividends", "emission")
"""What the subnet stores of all mechanisms together, each counting by its emission."""


def emissions(total: int, count: int, split: Sequence[int] | None, spec_version: int) -> tuple[int, ...]:
    """What each mechanism's epoch divides of `total` rao (payout, "Mechanisms"); what is left over goes to the first."""
    return split_emission(total, count, split, spec_version=spec_version)


def weights(total: int, parts: Sequence[int]) -> tuple[int, ...]:
    """In parts of 2^64, what each mechanism counts for in what the subnet stores."""
    return mechanism_weights(total, parts)


def together(values: Sequence[AnyArray], weights: Sequence[int]) -> AnyArray:
    """Σ_k floor(x_k·w_k / 2^64), clamped to the type of the values."""
    most = int(np.iinfo(values[0].dtype).max)
    columns = zip(*(array.tolist() for array in values), strict=True)
    return freeze(np.array([combine_value(column, weights, most) for column in columns], values[0].dtype))


@dataclass(frozen=True, eq=False, repr=False)
class SubnetResult(Tabled):
    """What the chain stores after the epochs of all mechanisms of a subnet.

    Attributes:
        mechanisms: the result of each; incentive and bonds are stored of each by itself.
        active, validator_permit: bool[n], where one mechanism has it.
        stake_weight, consensus, validator_trust, dividends: uint16[n], weighted by emission.
        emission: uint64[n], rao, weighted by emission too, as the chain does it.
        server_emission, validator_emission: uint64[n], rao, plain sums: what is paid and what payment goes by.
    """

    mechanisms: tuple[EpochResult, ...]
    active: BoolArray
    validator_permit: BoolArray
    stake_weight: U16Array
    consensus: U16Array
    validator_trust: U16Array
    dividends: U16Array
    emission: U64Array
    server_emission: U64Array
    validator_emission: U64Array

    def __repr__(self) -> str:
        return f"SubnetResult(n={self.active.size}, mechanisms={len(self.mechanisms)})"

    def table(self) -> Table:
        """A row for each uid, as the chain stores it; those that earn most matter most."""
        uids = list(range(self.active.size))
        columns: dict[str, list[Any]] = {"uid": uids}
        for number, mechanism in enumerate(self.mechanisms):
            name = "incentive" if len(self.mechanisms) == 1 else f"incentive_{number}"
            columns[name] = mechanism.incentive.tolist()
        for name in SHOWN:
            columns[f"{name}_rao" if name in PAID else name] = getattr(self, name).tolist()
        headers = {f"{name}_rao": f"{name.replace('_', ' ')} (rao)" for name in PAID}
        weight = (self.server_emission.astype(object) + self.validator_emission.astype(object)).tolist()
        return Table(columns, headers={**headers, "validator_permit": "permit"}, title=repr(self), important=weight)

    def to_dict(self) -> dict[str, Any]:
        """By name, in Python's own integers, what the subnet stores; and of each mechanism by itself."""
        whole = [f.name for f in fields(self) if f.name != "mechanisms"]
        own = [result.to_dict() for result in self.mechanisms]
        return {**{name: getattr(self, name).tolist() for name in whole}, "mechanisms": own}


def combined(results: Sequence[EpochResult], total: int, parts: Sequence[int]) -> SubnetResult:
    """The results of all mechanisms, combined as the chain does; `parts` are what each divided of `total` rao."""
    shares = weights(total, parts)

    def of(name: str) -> list[AnyArray]:
        return [getattr(result, name) for result in results]

    def whole(name: str) -> U64Array:
        columns = zip(*(array.tolist() for array in of(name)), strict=True)
        return freeze(np.array([min(U64_MAX, sum(column)) for column in columns], np.uint64))

    weighted: dict[str, Any] = {name: together(of(name), shares) for name in WEIGHTED}
    return SubnetResult(
        mechanisms=tuple(results),
        active=freeze(np.logical_or.reduce(of("active"))),
        validator_permit=freeze(np.logical_or.reduce(of("validator_permit"))),
        server_emission=whole("server_emission"),
        validator_emission=whole("validator_emission"),
        **weighted,
    )


@dataclass(frozen=True, eq=False, repr=False)
class Subnet(Tabled):
    """A subnet as it is stored, with all its mechanisms.

    Attributes:
        netuid: the subnet.
        block: the block whose state it is; the epoch computed from it is that of the next block.
        snapshots: one a mechanism; each holds its own part of the emission.
        pending: rao that are divided among the mechanisms.
    """

    netuid: int
    block: int
    snapshots: tuple[Snapshot, ...]
    pending: int

    def __repr__(self) -> str:
        n = self.snapshots[0].state.n
        return f"Subnet(netuid={self.netuid}, block={self.block}, n={n}, mechanisms={len(self.snapshots)})"

    def table(self) -> Table:
        """A row for each mechanism."""
        states = [snapshot.state for snapshot in self.snapshots]
        columns: dict[str, list[Any]] = {
            "mechanism": list(range(len(states))),
            "weights": [state.weights.uid.size for state in states],
            "bonds": [state.bonds.uid.size for state in states],
            "permits": [int(state.validator_permit.sum()) for state in states],
            "emission_rao": [snapshot.emission for snapshot in self.snapshots],
        }
        return Table(columns, headers={"emission_rao": "emission (rao)"}, title=repr(self))

    def epoch(self, *, backend: str | None = None) -> SubnetResult:
        """The epoch of every mechanism, and what the subnet stores of them together."""
        parts = [snapshot.emission for snapshot in self.snapshots]
        results = [epoch(s.state, s.hyperparameters, emission=s.emission, backend=backend) for s in self.snapshots]
        return combined(results, self.pending, parts)
