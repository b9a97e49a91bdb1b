"""How the retention of the consensus guarantee depends on its parameters: any of them crossed, each map as far as needed."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from os import PathLike
from typing import Any, Final, TypeVar

import numpy as np

from yuma_kernel.arrays import U16_MAX, AnyArray
from yuma_kernel.errors import InputError, shown
from yuma_kernel.extras import axes
from yuma_kernel.profiles import NEWEST
from yuma_kernel.studies.engine import Chunk, Progress, run
from yuma_kernel.studies.guarantee_map import (
    BONDS_PENALTY,
    KAPPA,
    OF_U16,
    SEED,
    SERVERS,
    SIGMA,
    STEPS,
    VALIDATORS,
    check_stakes,
    least_major_weight,
    map_parameters,
    said,
)
from yuma_kernel.studies.result import Study, provenance
from yuma_kernel.tables import Table

SWEPT: Final = ("stake", "sigma", "kappa", "bonds_penalty", "ratio", "profile", "seed")
"""The parameters that may have several values, and the columns that they stand in."""

_LABELS: Final = {
    "stake": "stake S of the major side",
    "sigma": "σ, the spread of weights",
    "kappa": "kappa",
    "bonds_penalty": "bonds penalty",
    "ratio": "the part of the uids that are the major side's",
    "profile": "profile",
    "seed": "seed",
}

_T = TypeVar("_T")


class Retention(Study):
    """The retention under each combination of parameters: a row each.

    Columns of the table: `stake` S, a part of 1; `sigma`; `kappa` and `bonds_penalty`, of 65535; `ratio`, NaN where it is
    S; `profile`; `seed`; `retention`, the least major weight from which on the major side keeps S of the emission for
    every minor weight, NaN where none of the map does.
    """

    title = "retention: the least major weight that keeps the major side's part of the emission"

    def swept(self) -> list[str]:
        """The parameters that have more than one value, those with the most values first."""
        values = {name: len(set(map(str, self.table[name].tolist()))) for name in SWEPT}
        return sorted((name for name in SWEPT if values[name] > 1), key=lambda name: -values[name])

    def brief(self) -> Table:
        """A row for each combination, of the parameters that have more than one value; proportions as parts of 1."""
        names = self.swept() or ["stake"]
        rows = {name: self.table[name].tolist() for name in (*names, "retention")}
        people = {
            name: [said(name, value) for value in values] if name != "retention" else [_kept(value) for value in values]
            for name, values in rows.items()
        }
        columns = {name: [None if value != value else value for value in values] for name, values in rows.items()}
        held = [f"{name.replace('_', ' ')} {said(name, self.table[name][0])}" for name in SWEPT if name not in names]
        return Table(columns, people, title=self.title, caption=f"held: {', '.join(held)}" if len(self) else "")

    def plot(self, ax: Any = None, *, x: str | None = None) -> Any:
        """The retention over one parameter, a line for each combination of the others that are swept; returns the axes.

        Args:
            x: one of `SWEPT`; None: the one with the most values.

        Raises:
            InputError: naming the argument.
        """
        if x is not None and x not in SWEPT:
            raise InputError("x", f"expected one of {', '.join(SWEPT)}, got {shown(x)}")
        swept = self.swept()
        x = x or (swept or ["stake"])[0]
        others = [name for name in swept if name != x]
        lines: dict[tuple[Any, ...], list[int]] = {}
        for k in range(len(self)):
            lines.setdefault(tuple(said(name, self.table[name][k]) for name in others), []).append(k)
        ax = axes(ax)
        at = self.table[x] / U16_MAX if x in OF_U16 else self.table[x]
        for values, rows in lines.items():
            label = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in zip(others, values, strict=True))
            order = sorted(rows, key=lambda k: float(at[k]))
            ax.plot([at[k] for k in order], self.table["retention"][order], marker="o", label=label)
        ax.set_xlabel(_LABELS[x] + (", a part of 1" if x in OF_U16 else ""))
        ax.set_ylabel("retention: least major weight $W_H$")
        ax.set_ylim(None, 1.02)
        ax.set_title("from this weight for itself on, the major side keeps its part")
        if others:
            ax.legend(fontsize=9 if len(lines) <= 8 else 6, ncols=1 + len(lines) // 24).set_in_layout(False)
        return ax


def _kept(value: float) -> str:
    return "none" if value != value else f"{value:.2f}"


def _several(value: _T | Iterable[_T] | None) -> list[_T | None]:
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]


def retention(
    *,
    stakes: float | Sequence[float] = (0.6,),
    sigma: float | Sequence[float] = SIGMA,
    kappa: int | Sequence[int] = KAPPA,
    bonds_penalty: int | Sequence[int] = BONDS_PENALTY,
    ratio: float | Sequence[float | None] | None = None,
    profile: int | Sequence[int] = NEWEST,
    seed: int | Sequence[int] = SEED,
    steps: int = STEPS,
    validators: int = VALIDATORS,
    servers: int = SERVERS,
    executor: Executor | None = None,
    folder: str | PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Retention:
    """`Guarantee.retention` for every combination of these parameters, each a value or several.

    Args:
        stakes, sigma, kappa, bonds_penalty, ratio, profile, seed: as for `yuma_kernel.studies.guarantee`, or several.
        steps, validators, servers: as for `yuma_kernel.studies.guarantee`.
        executor, folder, progress: as for `yuma_kernel.studies.engine.run`; a chunk is one combination.

    Raises:
        InputError: naming the argument.
    """
    given: dict[str, list[Any]] = {
        "stake": _several(stakes),
        "sigma": _several(sigma),
        "kappa": _several(kappa),
        "bonds_penalty": _several(bonds_penalty),
        "ratio": _several(ratio),
        "profile": _several(profile),
        "seed": _several(seed),
    }
    check_stakes(given["stake"])
    for name, values in given.items():
        if not values:
            raise InputError("stakes" if name == "stake" else name, "expected at least one value")
        if any(values[k] in values[:k] for k in range(len(values))):
            raise InputError("stakes" if name == "stake" else name, f"expected each value once, got {values}")
    combinations = [dict(zip(given, values, strict=True)) for values in itertools.product(*given.values())]
    chunks: list[Chunk] = []
    for combination in combinations:
        stake = float(combination.pop("stake"))
        chunks.append({**map_parameters(steps=steps, validators=validators, servers=servers, **combination), "stake": stake})
    parts = run(least_major_weight, chunks, executor=executor, folder=folder, progress=progress, label="retention")

    def column(name: str) -> AnyArray:
        return np.array([np.nan if chunk[name] is None else chunk[name] for chunk in chunks])

    table = {name: column(name) for name in SWEPT} | {"retention": np.array([part["retention"][0] for part in parts])}
    one = {name: values[0] if len(values) == 1 else values for name, values in given.items()}
    about = {**one, "steps": steps, "validators": validators, "servers": servers}
    seeds = given["seed"]
    return Retention(
        table, provenance(about, seed=seeds[0] if len(seeds) == 1 else None, profiles=map(int, given["profile"]))
    )
