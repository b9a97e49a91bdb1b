"""Metrics: a number of what some epochs of a subnet gave, by name.

Each is a function of an `Observed`; `METRICS` has them by name. Sums and quotients are of whole numbers, rounded once to a
double, so that they are the same everywhere. What is 0/0 is NaN.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from statistics import median
from types import MappingProxyType
from typing import Final

import numpy as np

from yuma_kernel.arrays import U16_MAX, AnyArray, BoolArray, integer
from yuma_kernel.errors import InputError, shown
from yuma_kernel.results import STACKED
from yuma_kernel.types import Hyperparameters

NAN: Final = float("nan")


@dataclass(frozen=True, eq=False)
class Observed:
    """What consecutive epochs of a subnet gave, as the functions of metrics get it: its outputs are attributes too.

    Attributes:
        hyperparameters: under which they ran.
        outputs: those of `EpochResult` but the bonds, by name: arrays [K, n] in its dtypes and units.
        total_stake: uint64[K, n, 2], the I64F64 bits of the stake in rao.
        permit: bool[K, n], who held a permit in the epoch; `validator_permit` is what it stored for the next one.
        consensus_before: uint16[n], what the epoch before the first had stored; None where that is not known, or nothing.
        owner_uid: whose stake counts below the threshold too, or None.
    """

    hyperparameters: Hyperparameters
    outputs: Mapping[str, AnyArray]
    total_stake: AnyArray
    permit: BoolArray
    consensus_before: AnyArray | None = None
    owner_uid: int | None = None

    def __getattr__(self, name: str) -> AnyArray:
        if name in STACKED:
            return self.outputs[name]
        raise AttributeError(f"Observed has no {name!r}")

    def __len__(self) -> int:
        """The number of epochs, K."""
        return len(self.permit)

    @property
    def n(self) -> int:
        """The number of uids."""
        return int(self.permit.shape[1])

    @cached_property
    def voters(self) -> BoolArray:
        """bool[K, n]: whose stake counts in consensus, that is, who has a permit, is active, and has stake that counts."""
        counts = stake_counts(self.total_stake, self.hyperparameters, self.owner_uid)
        votes: BoolArray = self.permit & self.outputs["active"] & counts
        return votes

    def summed(self, name: str) -> list[int]:
        """An output of every uid, added up over the epochs."""
        rows = self.outputs[name]
        if rows.dtype != np.uint64:
            return [int(total) for total in rows.sum(axis=0, dtype=np.uint64).tolist()]
        # halves, of which no sum of up to 2^31 epochs leaves a word
        low, high = (rows & np.uint64(2**32 - 1)).sum(axis=0), (rows >> np.uint64(32)).sum(axis=0)
        return [int(a) + (int(b) << 32) for a, b in zip(low.tolist(), high.tolist(), strict=True)]

    def staked(self, of: AnyArray | None = None) -> list[int]:
        """I64F64 bits of the stake of every uid, added up over the epochs; with `of`, bool[K, n], over those it says."""
        words = self.total_stake if of is None else np.where(of[:, :, None], self.total_stake, np.uint64(0))
        halves = np.ascontiguousarray(words).astype("<u8").view("<u4").sum(axis=0, dtype=np.uint64)
        return [sum(int(half) << 32 * k for k, half in enumerate(row)) for row in halves.tolist()]


Metric = Callable[[Observed], float]


def stake_counts(total_stake: AnyArray, hyperparameters: Hyperparameters, owner_uid: int | None) -> BoolArray:
    """bool[..., n]: of uint64[..., n, 2] whose stake counts (section 3.2): any, and no less than the threshold where it is
    not the owner's, as far as the profile knows of either."""
    rules = hyperparameters.rules
    threshold = hyperparameters.stake_threshold if rules.stake_threshold else 0
    counts: BoolArray = total_stake[..., 1] >= np.uint64(threshold)
    if owner_uid is not None and rules.owner_permit:
        counts[..., owner_uid] = True
    return counts & total_stake.any(axis=-1)


def gini(amounts: Iterable[int]) -> float:
    """The Gini coefficient Σ_i Σ_j |x_i - x_j| / (2 m Σ x) of the m amounts that are more than 0: 0 where all are equal, and
    near 1 where one has nearly everything. NaN of none."""
    held = sorted(amount for amount in amounts if amount > 0)
    total = sum(held)
    if not total:
        return NAN
    m = len(held)
    return float(Fraction(sum((2 * k - m + 1) * amount for k, amount in enumerate(held)), m * total))


def incentive_gini(observed: Observed) -> float:
    """The `gini` of the incentives of the uids, each added up over the epochs, among those that have any."""
    return gini(observed.summed("incentive"))


def dividends_gini(observed: Observed) -> float:
    """The `gini` of the dividends of the uids, each added up over the epochs, among those that have any."""
    return gini(observed.summed("dividends"))


def emission_gini(observed: Observed) -> float:
    """The `gini` of what the uids are paid over the epochs, for incentive and dividends, among those that are paid."""
    return gini(observed.summed("emission"))


def _dividends_per_stake(observed: Observed, uids: Iterable[int] | None) -> list[Fraction]:
    paid, staked = observed.summed("validator_emission"), observed.staked(observed.voters)
    all_paid, all_staked = sum(paid), sum(staked)
    chosen = [uid for uid, stake in enumerate(staked) if stake] if uids is None else list(uids)
    if not all_paid:
        return []
    return [Fraction(paid[uid] * all_staked, staked[uid] * all_paid) for uid in chosen if staked[uid]]


def dividends_per_stake(observed: Observed) -> float:
    """What validators get for their stake: of each who votes (`Observed.voters`), its part of what all validators are paid
    over the epochs, over its part of the stake that votes in them; the median of these. 1 is what all would have who agree.

    Of uids by name, `dividends_per_stake[3]`, theirs alone; NaN of those that never vote.
    """
    found = _dividends_per_stake(observed, None)
    return float(median(found)) if found else NAN


def _dividends_per_stake_of(observed: Observed, uids: tuple[int, ...]) -> float:
    found = _dividends_per_stake(observed, uids)
    return float(median(found)) if len(found) == len(uids) else NAN


def _trust(observed: Observed, uids: AnyArray) -> float:
    """Over epochs and uids that vote, the mean of validator trust weighted by stake."""
    votes = observed.voters & uids
    weighed = total = 0
    for k in range(len(observed)):
        for uid in np.flatnonzero(votes[k]).tolist():
            low, high = observed.total_stake[k, uid].tolist()
            stake = low | high << 64
            weighed += stake * int(observed.outputs["validator_trust"][k, uid])
            total += stake
    return float(Fraction(weighed, total * U16_MAX)) if total else NAN


def validator_trust(observed: Observed) -> float:
    """The mean of validator trust, 0 to 1, over epochs and all who vote (`Observed.voters`), weighted by stake: the part of
    all weight that is not clipped.

    Of uids by name, `validator_trust[3]`, theirs alone; NaN of those that never vote.
    """
    return _trust(observed, np.ones(observed.n, np.bool_))


def _validator_trust_of(observed: Observed, uids: tuple[int, ...]) -> float:
    chosen = np.zeros(observed.n, np.bool_)
    chosen[list(uids)] = True
    return _trust(observed, chosen)


def _retention_of(observed: Observed, uids: tuple[int, ...]) -> float:
    """Retention of uids by name, `retention[0-12,40]`: their part of all that is paid over the epochs, over their part of
    all stake. From 1 on they keep their stake's part of the emission."""
    paid, staked = observed.summed("emission"), observed.staked()
    over, under = sum(paid[uid] for uid in uids) * sum(staked), sum(staked[uid] for uid in uids) * sum(paid)
    return float(Fraction(over, under)) if under else NAN


def _part_of(name: str) -> Callable[[Observed, tuple[int, ...]], float]:
    def part(observed: Observed, uids: tuple[int, ...]) -> float:
        summed = observed.summed(name)
        total = sum(summed)
        return float(Fraction(sum(summed[uid] for uid in uids), total)) if total else NAN

    return part


def consensus_sum(observed: Observed) -> float:
    """The mean over the epochs of Σ consensus, of proportions. It is 1 where all rows are the same; where rows differ it is
    less the more stake consensus asks for, and more than 1 where a minority is enough."""
    return float(Fraction(sum(observed.summed("consensus")), U16_MAX * len(observed)))


def consensus_stability(observed: Observed) -> float:
    """How much of the consensus stays from one epoch to the next: the mean, over all pairs of consecutive epochs, of
    1 - ½ Σ_j |c_j / Σ c - c'_j / Σ c'|, the part that both have in common. 1 where it stands still, 0 where nothing is left.

    The epoch before the first counts as one where its consensus is known and was not 0. Pairs with an epoch of which the
    consensus is 0 do not count; NaN where there is no pair.
    """
    rows: list[AnyArray] = list(observed.outputs["consensus"])
    if observed.consensus_before is not None:
        rows.insert(0, observed.consensus_before)
    common, count = Fraction(0), 0
    for before, after in itertools.pairwise(rows):
        old, new = before.astype(np.int64), after.astype(np.int64)
        a, b = int(old.sum()), int(new.sum())
        if a and b:
            # sums of up to 32767 u16 are below 2^31, so that products with a u16 stay below 2^47, and their sums below 2^63
            common += 1 - Fraction(int(np.abs(old * b - new * a).sum()), 2 * a * b)
            count += 1
    return float(common / count) if count else NAN


METRICS: Final[Mapping[str, Metric]] = MappingProxyType(
    {
        function.__name__: function
        for function in (
            incentive_gini, dividends_gini, emission_gini, dividends_per_stake, validator_trust, consensus_sum,
            consensus_stability,
        )
    }
)  # fmt: skip
"""By name, those of a whole subnet."""

OF_UIDS: Final[Mapping[str, Callable[[Observed, tuple[int, ...]], float]]] = MappingProxyType(
    {
        "retention": _retention_of,
        "dividends_per_stake": _dividends_per_stake_of,
        "validator_trust": _validator_trust_of,
        **{name: _part_of(name) for name in ("incentive", "dividends", "emission", "consensus")},
    }
)
"""By name, those of some uids, which stand behind it in brackets: `retention[0-12,40]`. `incentive`, `dividends`, `emission`
and `consensus` are the uids' part of what all have of it over the epochs."""

_NAME: Final = re.compile(r"(\w+)\[([0-9,\- ]+)\]")


def named(name: object, n: int, index: int | None = None) -> Metric:
    """The metric of that name, for subnets of n uids.

    Raises:
        InputError: there is none, or a uid is not below n.
    """
    if isinstance(name, str) and name in METRICS:
        return METRICS[name]
    found = _NAME.fullmatch(name) if isinstance(name, str) else None
    if found is None or found[1] not in OF_UIDS:
        known = ", ".join([*METRICS, *(f"{of}[uids]" for of in OF_UIDS)])
        raise InputError("metrics", f"expected one of {known}, or a function, got {shown(name)}", index)
    uids = _uids(found[2], n, index)
    of = OF_UIDS[found[1]]
    return lambda observed: of(observed, uids)


def _uids(text: str, n: int, index: int | None) -> tuple[int, ...]:
    uids: list[int] = []
    for part in text.split(","):
        ends = part.strip().split("-")
        if not all(end.isdecimal() for end in ends) or len(ends) > 2:
            raise InputError("metrics", f"expected uids such as 0-12,40 in brackets, got {shown(text)}", index)
        first, last = (integer("metrics", int(end), 0, n - 1, index) for end in (ends[0], ends[-1]))
        uids += range(first, last + 1)
    if len(set(uids)) != len(uids) or not uids:
        raise InputError("metrics", f"expected uids in brackets, every one once, got {shown(text)}", index)
    return tuple(uids)
