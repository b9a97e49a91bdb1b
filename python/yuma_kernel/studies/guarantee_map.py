"""The consensus guarantee: how much a majority has to favour itself to keep its emission, whatever the others do.

A major and a minor side, each with validators and servers. Every validator of the major side gives the weight W_H to the
servers of its own side and the rest to the others; every validator of the minor side W_C to its own. A map has what the
major side gets of all emission, for each stake S of it and every W_H and W_C.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from yuma_kernel.arrays import U16_MAX, AnyArray, U16Array, integer, is_number, several, stored_integer
from yuma_kernel.epoch import epoch
from yuma_kernel.errors import InputError, shown
from yuma_kernel.extras import axes, extra
from yuma_kernel.profiles import NEWEST
from yuma_kernel.rows import SparseRows
from yuma_kernel.stake import stake_from_rao
from yuma_kernel.studies.engine import Chunk, Progress, run
from yuma_kernel.studies.result import Study, provenance
from yuma_kernel.tables import Table
from yuma_kernel.types import Hyperparameters, SubnetState
from yuma_kernel.variants import variants

STAKES: Final = (0.51, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99)
STEPS: Final = 50
"""Major and minor weight go from 0 to 1 in so many steps."""

VALIDATORS: Final = 64
SERVERS: Final = 448
SIGMA: Final = 0.4
KAPPA: Final = 32767
BONDS_PENALTY: Final = 65534
SEED: Final = 425

TOTAL_STAKE_RAO: Final = 21 * 10**15
STAKE_SPREAD: Final = 0.3
EMISSION_RAO: Final = 10**18
"""To divide among the uids; so much that what floors leave out is no part of a result."""

ROWS_OF_CHUNK: Final = 26
"""Major weights of one stake that are a chunk, with all minor weights each."""

ROWS_AT_A_TIME: Final = 4
"""Major weights that are computed before it is seen whether the next ones matter."""

FloatArray = npt.NDArray[np.float64]


HELD: Final = ("sigma", "kappa", "bonds_penalty", "ratio", "profile", "seed")
"""The parameters that all cells of a map share, and that decide what comes out."""
OF_U16: Final = ("kappa", "bonds_penalty")


def said(name: str, value: Any) -> str:
    """The value of a parameter for people: proportions as parts of 1, and S where the ratio is the stake's."""
    if name in OF_U16:
        return f"{value / U16_MAX:.4g}"
    return "S" if value is None or value != value else f"{value:g}"


class Guarantee(Study):
    """What the major side gets, by its stake and both sides' weights: a row a cell.

    Columns of the table: `stake` S, `major_weight` W_H, `minor_weight` W_C, each a part of 1; `weight_deviation`, the
    average weight deviation Σ_j Σ_i s_i |mean_j - w_ij| / Σ mean; `major_emission`, the part of all emission.
    """

    title = "the consensus guarantee"

    def retention(self, stake: float) -> float | None:
        """The least major weight from which on the major side keeps its stake's part of the emission for every minor weight;
        None where no weight of the map does."""
        kept: dict[float, bool] = {}
        of = np.isclose(self.table["stake"], stake)
        if not of.any():
            raise InputError("stake", f"expected one of the map, got {stake}")
        columns = (self.table[name][of].tolist() for name in ("major_weight", "major_emission"))
        for major, part in zip(*columns, strict=True):
            kept[major] = kept.get(major, True) and part >= stake
        least = None
        for major in sorted(kept, reverse=True):
            if not kept[major]:
                break
            least = major
        return least

    def brief(self) -> Table:
        """By stake, the retention, and what the major side gets at worst if it gives all weight to itself."""
        stakes = np.unique(self.table["stake"]).tolist()
        columns: dict[str, list[Any]] = {"stake": stakes, "retention": [self.retention(stake) for stake in stakes]}
        alone = self.table["major_weight"] == 1
        columns["worst_at_1"] = [
            float(self.table["major_emission"][alone & (self.table["stake"] == stake)].min()) for stake in stakes
        ]
        people = {
            "stake": [f"{stake:g}" for stake in stakes],
            "retention": ["none" if value is None else f"{value:.2f}" for value in columns["retention"]],
            "worst_at_1": [f"{value:.4f}" for value in columns["worst_at_1"]],
        }
        held = self.provenance["parameters"]
        caption = (
            "retention: the least major weight that keeps the stake's part of the emission for every minor weight; "
            + ", ".join(f"{name.replace('_', ' ')} {said(name, held[name])}" for name in HELD)
        )
        headers = {"worst_at_1": "least emission at weight 1"}
        return Table(columns, people, headers, title=self.title, caption=caption)

    def plot(self, ax: Any = None) -> Any:
        """For each stake the contour on which the major side gets just its stake's part; returns the axes."""
        ax = axes(ax)
        stakes = np.unique(self.table["stake"])
        colors = extra("matplotlib", "plots").colormaps["viridis"]
        for k, stake in enumerate(stakes):
            of = self.table["stake"] == stake
            x, y = (np.unique(self.table[name][of]) for name in ("major_weight", "minor_weight"))
            parts = self.table["major_emission"][of].reshape(x.size, y.size)
            lines = ax.contour(x, y, parts.T, levels=[stake], colors=[colors(k / max(1, stakes.size - 1) * 0.9)])
            points = np.concatenate([line for line in lines.allsegs[0] if len(line)] or [np.empty((0, 2))])
            if len(points):  # where the lines are apart, at other heights side by side
                at = points[np.argmin(np.abs(points[:, 1] - (0.08, 0.16)[k % 2]))]
                ax.clabel(lines, fmt={stake: f"{stake:.2f}"}, fontsize=8, manual=[tuple(at)])
        ax.set_xlabel("major weight $W_H$, the part that the major side gives itself")
        ax.set_ylabel("minor weight $W_C$, the part that the minor side gives itself")
        ax.set_title("stake S of the major side: right of its line, it keeps S of the emission")
        return ax


@dataclass(frozen=True)
class _Sides:
    """The subnet of one stake, with the noise that all its cells share."""

    stake: FloatArray  # by validator, of 1
    major_validators: int
    rows: tuple[FloatArray, FloatArray]  # of major and minor validators: by server, of which each side's add up to 1
    major_servers: int


def guarantee(
    *,
    stakes: Sequence[float] = STAKES,
    steps: int = STEPS,
    validators: int = VALIDATORS,
    servers: int = SERVERS,
    sigma: float = SIGMA,
    kappa: int = KAPPA,
    bonds_penalty: int = BONDS_PENALTY,
    ratio: float | None = None,
    profile: int = NEWEST,
    seed: int = SEED,
    executor: Executor | None = None,
    folder: str | PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Guarantee:
    """The map of the consensus guarantee, in Yuma 2, from subnets without bonds after one empty epoch.

    Of S, floor(S · validators) and floor(S · servers) are the major side, at least one and all but one. Stakes are
    max(0, 1 + 0.3 z), of 21·10^15 rao in all; weights max(0, 1 + sigma z) by validator and side of servers, as parts of that
    side, times W_H, 1 - W_H (rows of the major side), 1 - W_C, W_C (of the minor side), times 65535, floored, and then as
    the chain stores a row. z are normal, and the same for all cells of a stake.

    Args:
        stakes: of the major side, between 0 and 1.
        steps: the steps of the major and of the minor weight, from 0 to 1.
        validators, servers: how many uids there are of each; validators come first.
        sigma: the spread of weights, 0 for none.
        kappa, bonds_penalty: u16 proportions.
        ratio: the part of the validators and of the servers that are the major side's, between 0 and 1; None: S, its stake.
        profile: the runtime's arithmetic.
        seed: of the noise.
        executor, folder, progress: as for `yuma_kernel.studies.engine.run`.

    Raises:
        InputError: naming the argument.
    """
    given = map_parameters(steps, validators, servers, sigma, kappa, bonds_penalty, ratio, profile, seed)
    stakes = several("stakes", stakes)
    check_stakes(stakes)
    if not stakes:
        raise InputError("stakes", "expected at least one value")
    chunks: list[Chunk] = [
        {**given, "stake": float(stake), "first": first, "end": min(first + ROWS_OF_CHUNK, steps + 1)}
        for stake in stakes
        for first in range(0, steps + 1, ROWS_OF_CHUNK)
    ]
    parts = run(cells, chunks, executor=executor, folder=folder, progress=progress, label="guarantee")
    table = {name: np.concatenate([part[name] for part in parts]) for name in _COLUMNS}
    about = provenance({**given, "stakes": [float(s) for s in stakes]}, seed=seed, profiles=[profile])
    return Guarantee(table, about)


def map_parameters(
    steps: int,
    validators: int,
    servers: int,
    sigma: float,
    kappa: int,
    bonds_penalty: int,
    ratio: float | None,
    profile: int,
    seed: int,
) -> dict[str, Any]:
    """What the chunks of a map share, validated."""
    if not (is_number(sigma) and np.isfinite(sigma) and sigma >= 0):
        raise InputError("sigma", f"expected a number from 0 on, got {shown(sigma)}")
    if ratio is not None and not (is_number(ratio) and 0 < ratio < 1):
        raise InputError("ratio", f"expected a part between 0 and 1, got {shown(ratio)}")
    return {
        "steps": integer("steps", steps, 1, 1000),
        "validators": integer("validators", validators, 2, 4096),
        "servers": integer("servers", servers, 2, 16384),
        "sigma": float(sigma),
        "kappa": stored_integer("kappa", kappa, 0, U16_MAX),
        "bonds_penalty": stored_integer("bonds_penalty", bonds_penalty, 0, U16_MAX),
        "ratio": None if ratio is None else float(ratio),
        "profile": Hyperparameters(profile=profile).profile,
        "seed": integer("seed", seed, 0, 2**63 - 1),
    }


def check_stakes(stakes: Sequence[float]) -> None:
    for k, stake in enumerate(stakes):
        if not (is_number(stake) and 0 < stake < 1):
            raise InputError("stakes", f"expected a part between 0 and 1, got {shown(stake)}", k)


_COLUMNS: Final = ("stake", "major_weight", "minor_weight", "weight_deviation", "major_emission")


def _sides(chunk: Chunk) -> _Sides:
    stake, validators, servers = chunk["stake"], chunk["validators"], chunk["servers"]
    # by the stake too: a stake has its noise whatever stands beside it in the map
    random = np.random.default_rng([chunk["seed"], round(stake * 10**6)])
    ratio = stake if chunk["ratio"] is None else chunk["ratio"]
    majors = min(max(1, int(ratio * validators)), validators - 1)
    major_servers = min(max(1, int(ratio * servers)), servers - 1)
    amounts = np.maximum(0, 1 + STAKE_SPREAD * random.standard_normal(validators))
    weights = np.maximum(0, 1 + chunk["sigma"] * random.standard_normal((validators, servers)))
    of_sides = [(amounts[:majors], "stake"), (amounts[majors:], "stake")]
    of_sides += [(row, "weight") for side in (weights[:, :major_servers], weights[:, major_servers:]) for row in side]
    for values, what in of_sides:
        if not values.any():
            rule = (
                f"expected a noise in which every side has some {what}, as parts of it are taken: a smaller sigma, more uids"
            )
            raise InputError(
                "sigma", f"{rule} or another seed have, got {chunk['sigma']} with {validators} and {servers} uids"
            )
    amounts[:majors] *= stake / amounts[:majors].sum()
    amounts[majors:] *= (1 - stake) / amounts[majors:].sum()
    for side in (weights[:, :major_servers], weights[:, major_servers:]):
        side /= side.sum(axis=1, keepdims=True)
    return _Sides(amounts, majors, (weights[:majors], weights[majors:]), major_servers)


def upscaled(rows: npt.NDArray[np.int64]) -> U16Array:
    """Rows of weights, int64[..., m] from 0 to 65535, as the chain stores them: uint16, the largest of each 65535. In whole
    numbers, as `stages.upscale_to_u16` does a row."""
    largest = rows.max(axis=-1, keepdims=True)
    half = np.int64(1) << 31
    # v * 65535 * 2^32 is below 2^63, as v <= 32768; where the largest is above that, the law's factor comes first, and
    # v * floor(65535 * 2^32 / m) is below 2^48
    scaled: AnyArray = (((np.minimum(rows, 32768) * U16_MAX) << 32) // np.maximum(largest, 1) + half) >> 32
    high = largest[..., 0] > 32768
    if high.any():
        scaled[high] = (rows[high] * ((np.int64(U16_MAX) << 32) // largest[high]) + half) >> 32
    return np.minimum(scaled, U16_MAX).astype(np.uint16)


def _stored(sides: _Sides, side: int, own: FloatArray) -> U16Array:
    """uint16[weights, validators of the side, servers]: its rows for every weight that it may give itself."""
    base = sides.rows[side]
    parts = np.stack((own, 1 - own) if side == 0 else (1 - own, own))  # of the major servers, of the minor
    rows = np.empty((own.size, *base.shape), np.int64)
    for servers, part in zip((slice(sides.major_servers), slice(sides.major_servers, None)), parts, strict=True):
        rows[:, :, servers] = base[:, servers] * part[:, None, None] * U16_MAX
    return upscaled(rows)


@dataclass(frozen=True)
class _Subnet:
    """One stake's subnet after its empty epoch, and the rules; weights come with each cell."""

    sides: _Sides
    state: SubnetState
    rules: Hyperparameters

    def major_emission(self, major: U16Array, minor: U16Array) -> FloatArray:
        """float64[major weights * minor weights]: what the major side gets of all emission, with every pair of rows."""
        n, majors, validators = self.state.n, self.sides.major_validators, self.rules.max_allowed_validators
        count = major.shape[0] * minor.shape[0]
        stack = np.zeros((minor.shape[0], validators, n), np.uint16)  # of one major weight; refilled for the next
        stack[:, majors:, validators:] = minor

        def stacks() -> Any:
            for rows in major:
                stack[:, :majors, validators:] = rows
                yield stack

        found = variants(
            self.state,
            self.rules,
            weights=stacks(),
            uids=np.arange(validators),
            emission=EMISSION_RAO,
            count=count,
            outputs="emission",
            threads=1,
        )
        of_majors = np.r_[0:majors, validators : validators + self.sides.major_servers]
        # whole rao, of which all are at most 10^18
        part: FloatArray = found.emission[:, of_majors].sum(axis=1) / found.emission.sum(axis=1)
        return part


def _subnet(chunk: Chunk) -> _Subnet:
    sides, validators = _sides(chunk), chunk["validators"]
    n = validators + chunk["servers"]
    rao = np.zeros(n, np.int64)
    rao[:validators] = (sides.stake * TOTAL_STAKE_RAO).astype(np.int64)
    rules = Hyperparameters(
        kappa=chunk["kappa"],
        bonds_penalty=chunk["bonds_penalty"],
        bonds_moving_average=900_000,
        yuma3=False,
        liquid_alpha=False,
        max_allowed_validators=validators,
        commit_reveal=False,
        profile=chunk["profile"],
    )
    empty = SubnetState(
        weights=SparseRows.empty(n),
        bonds=SparseRows.empty(n),
        total_stake=stake_from_rao(rao),
        last_update=np.ones(n, np.uint64),
        block_at_registration=np.zeros(n, np.uint64),
        validator_permit=np.zeros(n, np.bool_),
        current_block=1,
    )
    first = epoch(empty, rules)
    return _Subnet(sides, replace(empty, bonds=first.bonds, validator_permit=first.validator_permit), rules)


def cells(chunk: Chunk) -> dict[str, AnyArray]:
    """The cells of one stake from the major weight `first` to before `end`."""
    subnet = _subnet(chunk)
    grid = np.arange(chunk["steps"] + 1) / chunk["steps"]
    own = grid[chunk["first"] : chunk["end"]]
    major, minor = _stored(subnet.sides, 0, own), _stored(subnet.sides, 1, grid)
    return {
        "stake": np.full(own.size * grid.size, chunk["stake"]),
        "major_weight": np.repeat(own, grid.size),
        "minor_weight": np.tile(grid, own.size),
        "weight_deviation": _deviations(subnet.sides, major, minor),
        "major_emission": subnet.major_emission(major, minor),
    }


def least_major_weight(chunk: Chunk) -> dict[str, AnyArray]:
    """`Guarantee.retention` of the stake of `chunk`: from the major weight 1 down, and no further than the first that does
    not keep it; NaN where 1 does not."""
    subnet = _subnet(chunk)
    grid = np.arange(chunk["steps"] + 1) / chunk["steps"]
    minor, least = _stored(subnet.sides, 1, grid), np.nan
    for end in range(grid.size, 0, -ROWS_AT_A_TIME):
        own = grid[max(0, end - ROWS_AT_A_TIME) : end]
        parts = subnet.major_emission(_stored(subnet.sides, 0, own), minor).reshape(own.size, grid.size)
        lost = np.flatnonzero((parts < chunk["stake"]).any(axis=1))
        first = int(lost[-1]) + 1 if lost.size else 0
        if first < own.size:
            least = float(own[first])
        if lost.size:
            break
    return {"retention": np.array([least])}


def _deviations(sides: _Sides, major: U16Array, minor: U16Array) -> FloatArray:
    """By cell, Σ_j Σ_i s_i |mean_j - w_ij| / Σ mean, of rows as parts of 1 and stakes as parts of all."""
    majors = sides.major_validators
    s = (sides.stake[:majors], sides.stake[majors:])

    def normalized(rows: U16Array) -> FloatArray:
        floats = rows.astype(np.float64)
        total = floats.sum(axis=2, keepdims=True)
        return floats / np.where(total == 0, 1, total)

    h, c = normalized(major), normalized(minor)
    mean_h, mean_c = np.einsum("i,kij->kj", s[0], h), np.einsum("i,kij->kj", s[1], c)
    out = np.empty((h.shape[0], c.shape[0]))
    room_h, room_c, ones = np.empty_like(h[0]), np.empty_like(c[0]), np.ones(h.shape[2])
    for a in range(h.shape[0]):
        for b in range(c.shape[0]):
            mean = mean_h[a] + mean_c[b]
            np.abs(np.subtract(mean, h[a], out=room_h), out=room_h)
            np.abs(np.subtract(mean, c[b], out=room_c), out=room_c)
            out[a, b] = (s[0] @ room_h + s[1] @ room_c) @ ones
    out /= mean_h.sum(axis=1)[:, None] + mean_c.sum(axis=1)
    return out.reshape(-1)
