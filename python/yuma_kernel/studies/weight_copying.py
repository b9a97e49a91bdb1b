"""Weight copying: what a validator earns that measures nothing and sends the consensus of some epochs before.

A subnet goes through a series of epochs, recorded or generated, with one validator more. Its row is made of a consensus, by
what the chain makes of a row that is sent; all others weigh as the series says. The study has what it gets for its stake,
over what the others get for theirs, by the delay of what it copies.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from os import PathLike
from statistics import median
from typing import Any, Final, Literal

import numpy as np

from yuma_kernel.arrays import MAX_UIDS, U16_MAX, U64_MAX, AnyArray, BoolArray, U16Array, integer, proportion, several
from yuma_kernel.epoch import epoch
from yuma_kernel.errors import InputError, shown
from yuma_kernel.extras import COLORS, axes, extra
from yuma_kernel.rows import SparseRows
from yuma_kernel.simulation import simulate
from yuma_kernel.stages import ONE, upscale_to_u16
from yuma_kernel.studies.engine import Chunk, Progress, run
from yuma_kernel.studies.metrics import stake_counts
from yuma_kernel.studies.result import Study, provenance
from yuma_kernel.studies.series import Series, generated_series
from yuma_kernel.tables import Table
from yuma_kernel.types import Hyperparameters, SubnetState, plain, require_hyperparameters

DELAYS: Final = tuple(range(21))
STAKES: Final[tuple[float | Literal["median"], ...]] = (0.05, "median")
LEVELS: Final = (0.1, 0.3, 0.5, 0.7, 0.9)
BOUNDS: Final = tuple((low, high) for k, low in enumerate(LEVELS) for high in LEVELS[k:])
"""The 15 pairs of bounds of liquid alpha, low <= high."""

AFTER_TAKE: Final = 0.82
"""1 - take, with a take of .18: from this gain on, a copier that takes nothing pays its delegators as much as one that does
the work and takes that."""

WARMUP: Final = 40
"""Epochs of the copier that are not measured: of a bond of which 0.9 is kept from epoch to epoch 98.5 % is there then."""

DELAYS_OF_CHUNK: Final = 7


@dataclass(frozen=True)
class Curve:
    """The gain by delay, of one stake under one rule.

    Attributes:
        stake: "median", or the part of the voting stake, as it was asked for.
        reveal_epochs: epochs from a commit to its reveal, 0 without commit-reveal.
        bounds: alpha_low and alpha_high as u16, None without liquid alpha.
        delays: epochs. gains: G of each. validator_trust: of the copier, 0 to 1.
    """

    stake: str
    reveal_epochs: int
    bounds: tuple[int, int] | None
    delays: tuple[int, ...]
    gains: tuple[float, ...]
    validator_trust: tuple[float, ...]

    @property
    def least_profitable_delay(self) -> int:
        """The delay of the least gain, of several the smallest."""
        return self.delays[self.gains.index(min(self.gains))]

    def below(self, line: float = 1.0) -> int | None:
        """The least delay from which on every one of the curve has a gain below `line`; None where the last has not."""
        found = None
        for delay, gain in sorted(zip(self.delays, self.gains, strict=True), reverse=True):
            if not gain < line:
                break
            found = delay
        return found


class Copying(Study):
    """What copying gains, by delay: a row a simulation of the whole series.

    Columns of the table: `stake`, as asked for; `stake_part`, the copier's part of the voting stake in its first epoch;
    `reveal_epochs`; `liquid_alpha`, `alpha_low`, `alpha_high` (u16) of the rule; `delay`, epochs; `gain`, G, the copier's
    dividends over its stake, divided by the median of the others'; `validator_trust`, the mean of the copier's, and
    `others_trust`, the median of the others' means; `dividends`, the copier's over all measured epochs, in raw I32F32 bits
    of what one epoch gives to all.
    """

    title = "copied weights"

    def curves(self) -> tuple[Curve, ...]:
        """The gain by delay for each stake and rule, in the order of the table."""
        names = ("stake", "reveal_epochs", "liquid_alpha", "alpha_low", "alpha_high")
        keys = list(zip(*(self.table[name].tolist() for name in names), strict=True))
        found = []
        for key in dict.fromkeys(keys):
            of = np.array([other == key for other in keys])
            stake, reveal, liquid, low, high = key
            of_key = {name: tuple(self.table[name][of].tolist()) for name in ("delay", "gain", "validator_trust")}
            found.append(Curve(stake, reveal, (low, high) if liquid else None, *of_key.values()))
        return tuple(found)

    def brief(self) -> Table:
        """Of each curve where copying gains least, and from which delay on it gains less than honest work does."""
        curves = self.curves()
        columns: dict[str, list[Any]] = {
            "stake": [curve.stake for curve in curves],
            "rule": [_rule(curve.reveal_epochs, curve.bounds) for curve in curves],
            "least_profitable_delay": [curve.least_profitable_delay for curve in curves],
            "least_gain": [min(curve.gains) for curve in curves],
            "below_break_even": [curve.below() for curve in curves],
            "below_take": [curve.below(AFTER_TAKE) for curve in curves],
        }
        headers = {
            "below_break_even": "below 1 from",
            "below_take": f"below {AFTER_TAKE:.2f} from",
        }
        caption = "delays in epochs; nothing where the longest delay still gains as much"
        return Table(columns, headers=headers, left=("stake", "rule"), title=self.title, caption=caption)

    def plot(self, ax: Any = None, *, against: str = "delay") -> Any:
        """The gain against the delay, or against the copier's validator trust: a line for each stake and rule, and the lines
        of break-even and of 1 - take; returns the axes.

        Args:
            against: "delay" or "validator_trust".
        """
        if against not in ("delay", "validator_trust"):
            raise InputError("against", f"expected delay or validator_trust, got {shown(against)}")
        ax = axes(ax)
        curves = self.curves()
        rules = list(dict.fromkeys((curve.reveal_epochs, curve.bounds) for curve in curves))
        stakes = list(dict.fromkeys(curve.stake for curve in curves))
        colors = _colors(len(rules))
        for curve in curves:
            at = stakes.index(curve.stake)
            ax.plot(
                curve.delays if against == "delay" else curve.validator_trust,
                curve.gains,
                color=colors[rules.index((curve.reveal_epochs, curve.bounds))],
                linestyle=_STYLES[at % len(_STYLES)],
                marker=_MARKERS[at % len(_MARKERS)],
                markersize=4 if len(rules) <= len(_COLORS) else 2,
                linewidth=1.2,
            )
        for line, what in ((1.0, "break-even"), (AFTER_TAKE, f"1 - take, {AFTER_TAKE:.2f}")):
            ax.axhline(line, color="black", linewidth=0.8, linestyle="-" if line == 1 else "--")
            ax.annotate(what, (0.99, line), xycoords=("axes fraction", "data"), xytext=(0, 2), textcoords="offset points",
                        fontsize=8, ha="right", va="bottom", zorder=4,
                        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5})  # fmt: skip
        ax.set_ylabel("G, dividends for stake over the median of the others'")
        if against == "delay":
            ax.set_xlabel("delay of the copied consensus (epochs)")
            ax.xaxis.get_major_locator().set_params(integer=True)
        else:
            ax.set_xlabel("validator trust of the copier (mean)")
        ax.set_title(f"copied weights: {self.provenance['measured_epochs']} epochs of {self.provenance['n']} uids")
        said = (
            [(_rule(*rule), {"color": color}) for rule, color in zip(rules, colors, strict=True)] if len(rules) > 1 else []
        )
        said += [
            (_stake(stake), {"color": "black", "linestyle": style, "marker": marker, "markersize": 4})
            for stake, style, marker in zip(stakes, _STYLES * len(stakes), _MARKERS * len(stakes), strict=False)
        ]
        lines = extra("matplotlib.lines", "plots")
        where = {"loc": "center left", "bbox_to_anchor": (1, 0.5)} if len(said) > 5 else {"loc": "best"}
        ax.legend([lines.Line2D([], [], **style) for _, style in said], [text for text, _ in said], fontsize=8, **where)
        return ax


_COLORS: Final = COLORS[:-1]  # without the gray
_STYLES: Final = ("-", ":", "--", "-.")
_MARKERS: Final = ("o", "s", "^", "v")


def _colors(count: int) -> list[Any]:
    """So many that are told apart."""
    if count <= len(_COLORS):
        return list(_COLORS[:count])
    viridis = extra("matplotlib", "plots").colormaps["viridis"]
    return [viridis(0.95 * k / (count - 1)) for k in range(count)]


def _stake(stake: str) -> str:
    return "median stake" if stake == "median" else f"{float(stake):.3g} of the stake"


def _rule(reveal_epochs: int, bounds: tuple[int, int] | None) -> str:
    liquid = "off" if bounds is None else "{:.1f} to {:.1f}".format(*(bound / U16_MAX for bound in bounds))
    return f"liquid alpha {liquid}" + (f", revealed after {reveal_epochs}" if reveal_epochs else "")


def copying(
    series: Series | str | PathLike[str] | None = None,
    *,
    delays: Iterable[int] = DELAYS,
    stakes: Sequence[float | Literal["median"]] = STAKES,
    reveal_epochs: Sequence[int] = (0,),
    bounds: Sequence[tuple[float, float] | None] | None = None,
    hyperparameters: Hyperparameters | None = None,
    warmup: int = WARMUP,
    executor: Executor | None = None,
    folder: str | PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Copying:
    """What a validator gains that sends, before every epoch, the consensus seen `delay` epochs before.

    The subnet has one uid more, n, the copier; and one place for a validator more, so that nobody loses his. Before epoch t
    it sends what the subnet has stored as consensus in epoch t - delay, its own vote in it; the chain stores the row scaled
    so that the largest is 65535, and what the consensus has as 0 is not sent. With a delay of 0 there is nothing stored to
    copy: it sends what epoch t itself would give as consensus without it, as one does who reads all weights just before.

    The copier begins in the first epoch in which there is something to copy for *every* delay and reveal period of the
    study, max(delays) + 2 max(reveal_epochs); before, it has no permit and no row. So nothing is made up for the time before
    the series, and all delays have the same epochs, and as many of them to grow bonds in. The `warmup` epochs that follow
    are not measured.

    With commit-reveal all rows come into force r epochs after they were sent: those of the series, and the copier's, which
    is of the consensus of epoch t - r - delay. Dates of last_update stand, as they are those of commits; `commit_block` is
    that of the commit whose row is in force; rows of uids that somebody else has registered since are gone.

    G is what the copier gets of the measured epochs' dividends, over its stake, divided by the median of the others'
    quotients: of those who vote in every measured epoch, that is, hold a permit, are active, have stake that counts, and a
    row. Dividends are what the epochs pay (`validator_emission`), in raw I32F32 bits; quotients are exact and rounded once.

    Args:
        series: recorded or generated, or the path of one that `Series.load` reads; None for `generated_series()`.
        delays: epochs, from 0 on.
        stakes: the copier's part of the voting stake as it begins, its own in it, between 0 and 1; or "median" for the
            median of what the voters have.
        reveal_epochs: epochs from a commit to its reveal; 0 for no commit-reveal.
        bounds: of liquid alpha: pairs of proportions from 0 to 1, low and high; None among them for no liquid alpha.
            `BOUNDS` has the 15 pairs of .1 .3 .5 .7 .9. Not given: liquid alpha as the hyperparameters have it.
        hyperparameters: in place of those of the series. Liquid alpha needs Yuma 3.
        warmup: epochs of the copier that are not measured.
        executor, folder, progress: as for `yuma_kernel.studies.engine.run`.

    Raises:
        InputError: naming the argument.
    """
    if series is not None and not isinstance(series, (Series, str, bytes, PathLike)):
        raise InputError("series", f"expected a Series or the path of one, got {type(series).__name__}")
    given = generated_series() if series is None else series if isinstance(series, Series) else Series.load(series)
    rules = given.hyperparameters if hyperparameters is None else hyperparameters
    require_hyperparameters(rules)
    if given.n >= MAX_UIDS:
        raise InputError("series", f"expected less than {MAX_UIDS} uids, to which one is added, got {given.n}")
    waits = _whole("delays", delays)
    reveals = _whole("reveal_epochs", reveal_epochs)
    shares = _shares(stakes)
    pairs = None if bounds is None else several("bounds", bounds)
    liquid = [_own_bounds(rules)] if pairs is None else [_bounds(pairs, rules, k) for k in range(len(pairs))]
    if not liquid:
        raise InputError("bounds", "expected at least one pair, or None")
    first = max(waits) + 2 * max(reveals)
    skipped = integer("warmup", warmup, 0, 2**31 - 1)
    measured = len(given) - first - skipped
    if measured < 1:
        raise InputError(
            "series",
            f"expected more than {first + skipped} epochs, as the copier begins in epoch {first} and is measured after "
            f"{skipped} more, got {len(given)}",
        )
    for reveal in reveals:
        for share in shares:  # what cannot be computed is found before anything is
            _Subnet(given, rules, reveal, share, first, first + skipped)
    content = base64.b64encode(given.to_bytes()).decode()
    common = {"series": content, "hyperparameters": plain(rules), "first": first, "from": first + skipped}
    chunks: list[Chunk] = [
        {**common, "stake": share, "reveal_epochs": reveal, "bounds": pair, "delays": waits[k : k + DELAYS_OF_CHUNK]}
        for share in shares
        for reveal in reveals
        for pair in liquid
        for k in range(0, len(waits), DELAYS_OF_CHUNK)
    ]
    parts = run(cells, chunks, executor=executor, folder=folder, progress=progress)
    table = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    parameters = {
        "delays": waits, "stakes": shares, "reveal_epochs": reveals, "bounds": liquid, "hyperparameters": plain(rules),
        "warmup": skipped,
    }  # fmt: skip
    about = provenance(parameters, seed=given.about.get("seed"), profiles=[rules.profile])
    about |= {"series": dict(given.about), "n": given.n, "first_epoch": first, "measured_epochs": measured}
    return Copying(table, about)


def _whole(name: str, values: Iterable[int]) -> list[int]:
    """Numbers of epochs, each once, ascending."""
    found = [integer(name, value, 0, 2**20, k) for k, value in enumerate(several(name, values))]
    if not found:
        raise InputError(name, "expected at least one")
    if len(set(found)) != len(found):
        raise InputError(name, "expected every one once")
    return sorted(found)


def _shares(stakes: Sequence[float | Literal["median"]]) -> list[str]:
    """As text: `median`, or the decimals of a part."""
    found = []
    for k, stake in enumerate([stakes] if isinstance(stakes, str) else several("stakes", stakes)):
        number = isinstance(stake, (float, np.floating)) and 0 < stake < 1
        if not number and not (isinstance(stake, str) and stake == "median"):
            raise InputError("stakes", f"expected a part between 0 and 1 or 'median', got {shown(stake)}", k)
        found.append("median" if isinstance(stake, str) else repr(float(stake)))
    if not found or len(set(found)) != len(found):
        raise InputError("stakes", "expected at least one, and every one once")
    return found


def _bounds(bounds: Sequence[Any], rules: Hyperparameters, k: int) -> list[int] | None:
    pair = bounds[k]
    if pair is None:
        return None
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise InputError("bounds", f"expected a pair, low and high, or None, got {shown(pair)}", k)
    for bound in pair:
        proportion("bounds", bound, k)
    if not rules.yuma3:
        raise InputError("bounds", "liquid alpha has no effect without Yuma 3: expected hyperparameters with yuma3=True", k)
    # to the nearest u16, halves up, of the decimals as they are written: 0.7 is the runtime's 45875
    return [int(Fraction(repr(float(bound))) * U16_MAX + Fraction(1, 2)) for bound in pair]


def _own_bounds(rules: Hyperparameters) -> list[int] | None:
    return [rules.alpha_low, rules.alpha_high] if rules.liquid_alpha and rules.yuma3 else None


class _Subnet:
    """The series as it comes into force under a reveal period, with a place for the copier as the last uid."""

    def __init__(self, series: Series, rules: Hyperparameters, reveal: int, share: str, first: int, measured: int) -> None:
        self.series, self.rules, self.reveal, self.first, self.measured = series, rules, reveal, first, measured
        self.n, self.end = series.n, len(series)
        self.rows = [self._row_in_force(t) if t >= reveal else SparseRows.empty(self.n + 1) for t in range(self.end)]
        voters = np.flatnonzero(self._votes(first))
        stakes = [self.stake_of(first, uid) for uid in voters.tolist()]
        if not stakes:
            raise InputError("series", f"expected somebody who votes in epoch {first}, the copier's first")
        others = self._votes(measured)
        for t in range(measured, self.end):
            others &= self._votes(t)
        self.others = np.flatnonzero(others).tolist()
        if not self.others:
            raise InputError("series", f"expected somebody who votes in every epoch from {measured} on")
        total = sum(stakes)
        if share == "median":
            self.stake = int(median(map(Fraction, stakes)))
        else:
            part = Fraction(share)
            self.stake = int(part / (1 - part) * total)
        self.stake_part = self.stake / (self.stake + total)
        words = np.array([self.stake & U64_MAX, self.stake >> 64], np.uint64)
        self.total_stake = np.concatenate([series.total_stake, np.broadcast_to(words, (self.end, 1, 2))], axis=1)

    def stake_of(self, t: int, uid: int) -> int:
        low, high = self.series.total_stake[t, uid].tolist()
        return int(low) | int(high) << 64

    def _row_in_force(self, t: int) -> SparseRows:
        """Of all uids of the series in epoch t, and of the copier none."""
        sent = t - self.reveal
        rows = self.series.weights[sent]
        registered = self.series.block_at_registration
        left = registered[sent] == registered[t]
        if not left.all():
            rows = rows._keeping(left[rows.entry_rows()])
        return SparseRows._trusted(np.append(rows.indptr, rows.indptr[-1]), rows.uid, rows.value)

    def _votes(self, t: int) -> BoolArray:
        """bool[n]: who has a row, a permit, stake that counts, and is active in epoch t."""
        s, h = self.series, self.rules
        counts, block = stake_counts(s.total_stake[t], h, s.owner_uid), int(s.blocks[t])
        permit = s.validator_permit[t].copy()
        if s.owner_uid is not None:
            permit[s.owner_uid] |= h.rules.owner_permit
        active = np.array([int(updated) + h.activity_cutoff >= block for updated in s.last_update[t].tolist()])
        found: BoolArray = counts & permit & active & (np.diff(self.rows[t].indptr.astype(np.int64))[:-1] > 0)
        return found

    def under(self, bounds: list[int] | None) -> Hyperparameters:
        """The rules of all epochs."""
        h = self.rules
        return replace(
            h,
            liquid_alpha=bounds is not None,
            alpha_low=h.alpha_low if bounds is None else bounds[0],
            alpha_high=h.alpha_high if bounds is None else bounds[1],
            commit_reveal=h.commit_reveal or self.reveal > 0,
            max_allowed_validators=min(U16_MAX, h.max_allowed_validators + 1),
        )

    def dates(self, t: int) -> dict[str, Any]:
        """What all uids have in epoch t, the copier among them."""
        s = self.series
        commits = None
        if self.reveal:
            commits = np.append(s.last_update[t - self.reveal], np.uint64(max(1, int(s.blocks[t - self.reveal])) - 1))
        return {
            "total_stake": self.total_stake[t],
            "last_update": np.append(s.last_update[t], np.uint64(max(1, int(s.blocks[t])) - 1)),
            "block_at_registration": np.append(s.block_at_registration[t], np.uint64(0)),
            "commit_block": commits,
            "current_block": s.blocks[t],
            "last_mechanism_step_block": s.last_mechanism_step_block[t],
        }

    def without_copier(self, begin: int, end: int, state: SubnetState | None, rules: Hyperparameters) -> Any:
        """The simulation of epochs `begin` to before `end` in which the copier holds no permit; begun by `state`."""
        dates = [self.dates(t) for t in range(begin, end)]
        permits = np.stack([np.append(self.series.validator_permit[t], False) for t in range(begin, end)])
        stacked: dict[str, Any] = {
            name: np.stack([d[name] for d in dates]) for name in dates[0] if dates[0][name] is not None
        }
        if state is None:
            state = SubnetState(
                weights=self.rows[begin],
                bonds=SparseRows.empty(self.n + 1),
                validator_permit=permits[0],
                owner_uid=self.series.owner_uid,
                previous_consensus=np.zeros(0, np.uint16),
                **dates[0],
            )
        return simulate(
            state, rules, epochs=end - begin, weights=self.rows[begin:end], validator_permit=permits, emission=ONE, **stacked
        )


@lru_cache(maxsize=2)
def _unpacked(content: str) -> Series:
    return Series.from_bytes(base64.b64decode(content))


def row_of(consensus: U16Array) -> tuple[U16Array, U16Array]:
    """The row of who sends this consensus, as the chain stores it: uids ascending, without those that have 0, and values."""
    uids = np.flatnonzero(consensus).astype(np.uint16)
    return uids, upscale_to_u16(consensus[uids])


def cells(chunk: Chunk) -> dict[str, AnyArray]:
    """A row of the table for each of the delays of a chunk."""
    given, reveal, first = _unpacked(chunk["series"]), chunk["reveal_epochs"], chunk["first"]
    subnet = _Subnet(given, Hyperparameters(**chunk["hyperparameters"]), reveal, chunk["stake"], first, chunk["from"])
    rules = subnet.under(chunk["bounds"])
    before = subnet.without_copier(reveal, first, None, rules) if first > reveal else None
    alone: list[AnyArray] = [] if before is None else list(before.consensus)
    if 0 in chunk["delays"]:
        begun = None if before is None else before.state
        alone += list(subnet.without_copier(first, subnet.end, begun, rules).consensus)
    columns = [_measured(subnet, rules, delay, before, alone) for delay in chunk["delays"]]
    count = len(columns)
    table: dict[str, AnyArray] = {
        "stake": np.full(count, chunk["stake"]),
        "stake_part": np.full(count, subnet.stake_part),
        "reveal_epochs": np.full(count, reveal, np.int64),
        "liquid_alpha": np.full(count, rules.liquid_alpha),
        "alpha_low": np.full(count, rules.alpha_low, np.uint16),
        "alpha_high": np.full(count, rules.alpha_high, np.uint16),
        "delay": np.array(chunk["delays"], np.int64),
    }
    for k, (name, dtype) in enumerate(_MEASURED.items()):
        table[name] = np.array([column[k] for column in columns], dtype)
    return table


_MEASURED: Final[dict[str, Any]] = {
    "gain": np.float64,
    "validator_trust": np.float64,
    "others_trust": np.float64,
    "dividends": np.uint64,
}


def _measured(
    subnet: _Subnet, rules: Hyperparameters, delay: int, before: Any, alone: list[AnyArray]
) -> tuple[float, float, float, int]:
    """What the copier earns with one delay. `before` is what ran until it begins, and `alone` the consensus without it."""
    n, reveal, first = subnet.n, subnet.reveal, subnet.first
    bonds = SparseRows.empty(n + 1) if before is None else before.state.bonds
    previous: AnyArray = np.zeros(0, np.uint16) if before is None else before.state.previous_consensus
    stored: list[AnyArray] = [] if before is None else list(before.consensus)  # from epoch `reveal` on
    dividends, trust = np.zeros(n + 1, np.uint64), np.zeros(n + 1, np.uint64)
    for t in range(first, subnet.end):
        seen = (stored if delay else alone)[t - reveal - delay - reveal]
        uids, values = row_of(seen)
        rows = subnet.rows[t]
        indptr = rows.indptr.copy()
        indptr[-1] += uids.size
        state = SubnetState(
            weights=SparseRows._trusted(indptr, np.append(rows.uid, uids), np.append(rows.value, values)),
            bonds=bonds,
            validator_permit=np.append(subnet.series.validator_permit[t], True),
            owner_uid=subnet.series.owner_uid,
            previous_consensus=previous,
            **subnet.dates(t),
        )
        # of ONE rao, an emission is the raw bits of its part
        result = epoch(state, rules, emission=ONE)
        bonds, previous = result.bonds, result.consensus
        stored.append(result.consensus)
        if t >= subnet.measured:
            dividends += result.validator_emission
            trust += result.validator_trust
    count = subnet.end - subnet.measured
    own = Fraction(int(dividends[n]), subnet.stake * count)
    theirs = median(
        Fraction(int(dividends[uid]), sum(subnet.stake_of(t, uid) for t in range(subnet.measured, subnet.end)))
        for uid in subnet.others
    )
    trusts = [Fraction(int(trust[uid]), U16_MAX * count) for uid in (n, *subnet.others)]
    gain = float(own / theirs) if theirs else float("nan")
    return gain, float(trusts[0]), float(median(trusts[1:])), int(dividends[n])
