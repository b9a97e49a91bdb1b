"""The subnets that the benchmarks run on: generated at fixed shapes, and the real ones where they are."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import yuma_kernel as yk
from yuma_kernel.kernel import native

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
REAL = ("sn31_block3621600", "sn15_block4769998", "sn1_block6852344")


@dataclass(frozen=True)
class Shape:
    """n uids of which `validators` have a permit and a row, each over `density` of the uids."""

    n: int
    validators: int
    density: float

    def __str__(self) -> str:
        return f"{self.n}x{self.validators}" + ("" if self.density == 1 else f"@{self.density}")


SHAPES = (Shape(256, 64, 1), Shape(256, 256, 1), Shape(1024, 64, 1), Shape(4096, 256, 0.1))

VARIANTS = (*(f"c/{name}" for name in native.instruction_sets()), *(name for name in yk.BACKENDS if name != "c"))
"""The backends, and the C backend with each instruction set of this machine."""


@contextlib.contextmanager
def using(variant: str) -> Iterator[str]:
    """The name of the backend, with its instruction set forced."""
    backend, _, instruction_set = variant.partition("/")
    native.select_instruction_sets([instruction_set] if instruction_set else None)
    try:
        yield backend
    finally:
        native.select_instruction_sets()


RULES: dict[str, dict[str, Any]] = {
    "yuma2": {"yuma3": False},
    "yuma3": {"yuma3": True},
    "liquid": {"yuma3": True, "liquid_alpha": True, "liquid_alpha_consensus_mode": "current"},
    "previous": {"yuma3": True, "liquid_alpha": True, "liquid_alpha_consensus_mode": "previous"},
}

EMISSION = 148_000_000_000


@functools.cache
def subnet(shape: Shape) -> yk.SubnetState:
    """Validators that mostly agree on who is good: rows in ascending order, bonds in every entry, stake by a power law."""
    random = np.random.default_rng([shape.n, shape.validators])
    n, validators = shape.n, shape.validators
    quality = random.pareto(1.0, n) + 0.01
    # the columns that anybody sets, so that a sparse matrix still has a consensus that is not 0
    columns = random.choice(n, max(1, round(n * min(1.0, shape.density / 0.8))), replace=False)
    weights = np.zeros((n, n), np.uint16)
    for i in range(validators):
        chosen = columns[random.random(columns.size) < 0.8] if shape.density < 1 else columns
        scores = quality[chosen] * random.uniform(0.7, 1.3, chosen.size)
        weights[i, chosen] = np.maximum(1, scores / scores.max() * 65535)
    bonds = np.where(weights > 0, random.integers(1, 65536, (n, n)), 0)
    stake = np.zeros(n, np.int64)
    stake[:validators] = (random.pareto(1.2, validators) + 0.1) * 1e13
    return settled(
        yk.SubnetState(
            weights=yk.SparseRows.from_dense(weights),
            bonds=yk.SparseRows.from_dense(bonds),
            total_stake=yk.stake_from_rao(stake),
            last_update=np.full(n, 1000, np.uint64),
            block_at_registration=np.full(n, 10, np.uint64),
            validator_permit=np.arange(n) < validators,
            current_block=1100,
        )
    )


def settled(state: yk.SubnetState) -> yk.SubnetState:
    """The same, with the consensus that an epoch before it over the same weights would have stored."""
    return replace(state, previous_consensus=yk.epoch(state, yk.Hyperparameters()).consensus)


def hyperparameters(shape: Shape, rules: str) -> yk.Hyperparameters:
    """The defaults of a new subnet under one of RULES, with as many permits as there are validators."""
    return yk.Hyperparameters(max_allowed_validators=shape.validators, **RULES[rules])


def real(name: str, rules: str) -> tuple[yk.SubnetState, yk.Hyperparameters] | None:
    """A recorded subnet under one of RULES; None where it is not here."""
    path = SHARED / f"{name}.npz"
    if not path.is_file():
        return None
    snapshot = yk.load(path)
    h = yk.Hyperparameters(**{**vars(snapshot.hyperparameters), "profile": 475, **RULES[rules]})
    return settled(snapshot.state), h
