"""The subnets that the benchmarks run on: generated at fixed shapes, and the real ones where they are."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import yuma_kernel as yk
from yuma_kernel.kernel import native

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
REAL = ("sn31_block3621600", "sn15_block4769998", "sn1_block6852344")


@dataclass(frozen=True)
class Shape:
    """n uids of which `validators` have a permit and a row, each over `density` of the uids: of any (scattered), or most of
    those in an eighth of the columns (concentrated), as where few uids earn."""

    n: int
    validators: int
    density: float = 1
    concentrated: bool = False

    def __str__(self) -> str:
        sparse = f"@{self.density}_{'concentrated' if self.concentrated else 'scattered'}"
        return f"{self.n}x{self.validators}" + ("" if self.density == 1 else sparse)


FULL = (Shape(256, 64), Shape(256, 256), Shape(1024, 64), Shape(4096, 256))
CONCENTRATED = (Shape(4096, 256, 0.1, True),)
SCATTERED = (Shape(256, 64, 0.1), Shape(1024, 64, 0.1), Shape(4096, 256, 0.1), Shape(32767, 64, 0.02))
SHAPES = (*FULL, *CONCENTRATED, *SCATTERED)

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
    # the columns that anybody sets: of few, a sparse matrix still has a consensus that is not 0
    columns = np.arange(n)
    if shape.concentrated:
        columns = np.sort(random.choice(n, max(1, round(n * min(1.0, shape.density / 0.8))), replace=False))
    part = 0.8 if shape.concentrated else shape.density
    weights, bonds = [], []
    for _ in range(validators):
        chosen = columns[random.random(columns.size) < part]
        scores = quality[chosen] * random.uniform(0.7, 1.3, chosen.size)
        weights.append((chosen, np.maximum(1, scores / scores.max() * 65535).astype(np.uint16)))
        bonds.append((chosen, random.integers(1, 65536, chosen.size).astype(np.uint16)))
    nothing = [(np.arange(0), np.zeros(0, np.uint16))] * (n - validators)
    stake = np.zeros(n, np.int64)
    stake[:validators] = (random.pareto(1.2, validators) + 0.1) * 1e13
    return settled(
        yk.SubnetState(
            weights=yk.SparseRows.from_rows(weights + nothing),
            bonds=yk.SparseRows.from_rows(bonds + nothing),
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


def case(shape: Shape | str, rules: str) -> tuple[yk.SubnetState, yk.Hyperparameters]:
    """The subnet of a shape, or the recorded one of that name, under one of RULES; skips where that is not here."""
    if isinstance(shape, Shape):
        return subnet(shape), hyperparameters(shape, rules)
    found = real(shape, rules)
    if found is None:
        pytest.skip("the real subnets are not here")
    return found


def arranged(state: yk.SubnetState, seed: int) -> yk.SubnetState:
    """The same subnet with its uids in another order, drawn by the seed: rows ascend as they did."""
    of = np.random.default_rng(seed).permutation(state.last_update.size)
    to = np.argsort(of)

    def rows(stored: yk.SparseRows) -> yk.SparseRows:
        before = stored.to_rows()
        return yk.SparseRows.from_rows([sorted((int(to[j]), value) for j, value in before[i]) for i in of])

    by_uid = ("total_stake", "last_update", "block_at_registration", "validator_permit", "previous_consensus")
    return replace(
        state,
        weights=rows(state.weights),
        bonds=rows(state.bonds),
        owner_uid=None if state.owner_uid is None else int(to[state.owner_uid]),
        commit_block=None if state.commit_block is None else state.commit_block[of],
        **{name: getattr(state, name)[of] for name in by_uid},
    )
