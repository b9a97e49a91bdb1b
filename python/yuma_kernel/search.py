"""How much of something is needed, to the unit: bisection on the true epoch.

A search asks first at points that are spread over the whole range, and then between the two of them where the answer
changes, until they are one unit apart. Every answer is that of an epoch. Where the points show that what was found is lost
again further on, the result says where; between two points of one answer nothing was asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

import numpy as np

from yuma_kernel.arrays import U16_MAX, AnyArray, boolean, integer
from yuma_kernel.errors import InputError, shown
from yuma_kernel.many import epoch_many
from yuma_kernel.moves import Change, drafts, give_share, set_stake, toward_consensus
from yuma_kernel.prospects import what_if
from yuma_kernel.results import STACKED
from yuma_kernel.rows import SparseRows
from yuma_kernel.tables import Table, Tabled
from yuma_kernel.types import Hyperparameters, SubnetState, require_subnet

__all__ = ["Found", "blend_for_trust", "first_to_hold", "least", "share_before_clip", "stake_for_permit"]

POINTS: Final = 65
"""The points that a search asks first, and the most that it asks at a time after."""

SHARE: Final = 65535
"""The units of a share."""

_PERCENTS: Final = 100


@dataclass(frozen=True, repr=False)
class Found(Tabled):
    """What a search found.

    Attributes:
        question: what was asked.
        value: the least number of units, or the largest, with which it holds; None: with none that was asked.
        unit: what one is.
        change: what comes to be with it; None where there is none.
        low, high: the range.
        lost: (first, last) of the points beyond the value at which it does not hold, side by side: empty where the answer
            changes once, as far as anybody asked.
        asked: by number of units, each answer: all epochs that were computed.
    """

    question: str
    value: int | None
    unit: str
    change: Change | None
    low: int
    high: int
    lost: tuple[tuple[int, int], ...]
    asked: tuple[tuple[int, bool], ...]

    @property
    def monotone(self) -> bool:
        """Whether it holds at every point beyond the value."""
        return not self.lost

    @property
    def share(self) -> float:
        """The value as a proportion, where it is one."""
        if self.value is None or self.unit != _SHARES:
            raise InputError("value", f"expected a share, got {self.value} in units of {self.unit}")
        return self.value / SHARE

    def __repr__(self) -> str:
        return f"Found({self})"

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.question}: nowhere from {self.low} to {self.high} ({self.unit})"
        much = f"{self.value / SHARE:.4%}" if self.unit == _SHARES else f"{self.value} {self.unit}"
        again = f", and not at {', '.join(f'{a} to {b}' for a, b in self.lost)} ({self.unit})" if self.lost else ""
        return f"{self.question}: {much}{again}"

    def table(self) -> Table:
        """The answers, in order."""
        return Table({self.unit: [at for at, _ in self.asked], "holds": [holds for _, holds in self.asked]}, title=str(self))

    def to_dict(self) -> dict[str, Any]:
        """By field, in plain values."""
        return {
            "question": self.question,
            "value": self.value,
            "unit": self.unit,
            "change": None if self.change is None else str(self.change),
            "low": self.low,
            "high": self.high,
            "lost": [list(part) for part in self.lost],
            "asked": [list(pair) for pair in self.asked],
        }


_SHARES: Final = "65535ths"


def _between(low: int, high: int) -> list[int]:
    """Points from low to high, both among them."""
    count = min(POINTS, high - low + 1)
    return [low + (high - low) * k // (count - 1) for k in range(count)] if count > 1 else [low]


def first_to_hold(
    answers: Callable[[Sequence[int]], Sequence[bool]], low: int, high: int
) -> tuple[int | None, dict[int, bool]]:
    """The least number from low to high that holds, after one that does not, as far as the points tell; and all answers."""
    points = _between(low, high)
    known = dict(zip(points, answers(points), strict=True))
    at = next((point for point in points if known[point]), None)
    if at is None:
        return None, known
    while at > low:
        below = max(point for point, holds in known.items() if point < at and not holds) if at > points[0] else low
        if at - below <= 1:
            break
        inner = [point for point in _between(below, at) if point not in known]
        known.update(zip(inner, answers(inner), strict=True))
        at = min(point for point in (*inner, at) if known[point] and point > below)
    return at, known


def _found(
    question: str,
    unit: str,
    make: Callable[[int], Change],
    answers: Callable[[Sequence[int]], Sequence[bool]],
    low: int,
    high: int,
    largest: bool = False,
) -> Found:
    if largest:  # the same, seen from the other end
        at, mirrored = first_to_hold(lambda points: answers([low + high - p for p in points]), low, high)
        value, known = None if at is None else low + high - at, {low + high - p: holds for p, holds in mirrored.items()}
    else:
        value, known = first_to_hold(answers, low, high)
    asked = tuple(sorted(known.items()))
    lost: list[tuple[int, int]] = []
    before = True
    for at, holds in asked:
        if value is None or holds or (at >= value if largest else at <= value):
            before = True
            continue
        lost = [*lost, (at, at)] if before else [*lost[:-1], (lost[-1][0], at)]
        before = False
    return Found(question, value, unit, None if value is None else make(value), low, high, tuple(lost), asked)


def least(
    state: SubnetState,
    hyperparameters: Hyperparameters,
    make: Callable[[int], Change],
    holds: Callable[[dict[str, AnyArray]], bool],
    low: int,
    high: int,
    *,
    largest: bool = False,
    question: str = "",
    unit: str = "units",
    emission: int = 0,
    threads: int | None = None,
    backend: str | None = None,
) -> Found:
    """The least number of units, from low to high, with which `holds` is true of the next epoch.

    Args:
        make: the change of so many units.
        holds: of an epoch's outputs by name, arrays [n], all but the bonds.
        largest: the largest number instead.

    Raises:
        InputError: a change that cannot be made.
    """
    for name, function in (("make", make), ("holds", holds)):
        if not callable(function):
            raise InputError(name, f"expected a callable, got {type(function).__name__}")
    largest = boolean("largest", largest)
    first = integer("low", low, 0, 2**63 - 1)
    last = integer("high", high, first, 2**63 - 1)

    def answers(points: Sequence[int]) -> list[bool]:
        named = {f"{point} {unit}": make(point) for point in points}
        got = what_if(state, hyperparameters, named, emission=emission, outputs=STACKED, threads=threads, backend=backend)
        return [bool(holds({name: rows[k] for name, rows in got.then.items()})) for k in range(len(points))]

    return _found(
        question or "the largest" if largest else question or "the least", unit, make, answers, first, last, largest
    )


def blend_for_trust(
    state: SubnetState, hyperparameters: Hyperparameters, uid: int, trust: float, *, backend: str | None = None
) -> Found:
    """The least share by which `uid` has to blend its weights with the consensus (`moves.toward_consensus`) for a validator
    trust of at least `trust`: a float from 0 to 1, or a u16 of 65535 as the chain stores it. The integers 1 to 100 are
    refused, as they may be meant as 1 for all, or as percents."""
    require_subnet(state, hyperparameters)
    own = integer("uid", uid, 0, state.n - 1)
    if isinstance(trust, (float, np.floating)):
        if not np.isfinite(trust) or not 0 <= trust <= 1:
            raise InputError("trust", f"expected a proportion from 0 to 1, or a u16, got {shown(trust)}")
        target = ceil(float(trust) * U16_MAX)
    else:
        target = integer("trust", trust, 0, U16_MAX)
        if 1 <= target <= _PERCENTS:
            rule = f"expected a float from 0 to 1, or a u16 above {_PERCENTS}, got {target}"
            raise InputError(
                "trust", f"{rule}: {target / _PERCENTS} is {target} %, and {target}/{U16_MAX} is the u16 {target}"
            )
    permitted = bool(state.validator_permit[own]) or (own == state.owner_uid and hyperparameters.rules.owner_permit)
    without = "" if permitted else " (it has no permit in this epoch)"
    return least(
        state,
        hyperparameters,
        lambda units: toward_consensus(own, units / SHARE),
        lambda outputs: bool(outputs["validator_trust"][own] >= target),
        0,
        SHARE,
        question=f"the least blend with the consensus that brings uid {own} a trust of {target / U16_MAX:.4%}{without}",
        unit=_SHARES,
        backend=backend,
    )


def stake_for_permit(state: SubnetState, hyperparameters: Hyperparameters, uid: int, *, backend: str | None = None) -> Found:
    """The least total stake, in whole rao, with which the next epoch gives `uid` a permit, everybody else's as it is."""
    require_subnet(state, hyperparameters)
    own = integer("uid", uid, 0, state.n - 1)
    words = state.total_stake.tolist()
    others = sum(low + (high << 64) for k, (low, high) in enumerate(words) if k != own)
    return least(
        state,
        hyperparameters,
        lambda rao: set_stake(own, rao),
        lambda outputs: bool(outputs["validator_permit"][own]),
        0,
        (2**127 - 1 - others) >> 64,
        question=f"the least stake with which uid {own} gets a permit",
        unit="rao",
        backend=backend,
    )


def share_before_clip(
    state: SubnetState, hyperparameters: Hyperparameters, uid: int, target: int, *, backend: str | None = None
) -> Found:
    """The largest share of its weight that `uid` may give to `target` (`moves.give_share`) with none of it clipped."""
    require_subnet(state, hyperparameters)
    own, taker = integer("uid", uid, 0, state.n - 1), integer("target", target, 0, state.n - 1)

    def make(units: int) -> Change:
        return give_share(own, taker, units / SHARE)

    def answers(points: Sequence[int]) -> list[bool]:
        made = drafts(state, hyperparameters, {point: make(point) for point in points}, backend)
        results = epoch_many([draft.apply() for draft in made], hyperparameters, trace=True, backend=backend)
        fits = []
        for point, result in zip(points, results, strict=True):
            trace: Any = result.trace
            weight, consensus = _entry(trace["weights"], own, taker), int(trace["consensus"][taker])
            if weight is None and point == SHARE:
                raise InputError("uid", f"the weight of uid {own} on uid {taker} does not count in this epoch (section 4)")
            fits.append(weight is None or weight <= consensus)
        return fits

    question = f"the largest share that uid {own} may give to uid {taker} before it is clipped"
    return _found(question, _SHARES, make, answers, 0, SHARE, largest=True)


def _entry(rows: SparseRows, uid: int, column: int) -> int | None:
    a, b = int(rows.indptr[uid]), int(rows.indptr[uid + 1])
    at = np.flatnonzero(rows.uid[a:b] == column)
    return int(rows.value[a + int(at[0])]) if at.size else None
