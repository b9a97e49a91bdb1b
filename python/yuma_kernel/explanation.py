"""Why a uid gets what it gets: the account of one epoch from the point of view of one uid, in the epoch's own bits.

The account is made from the epoch's trace and recomputes only what stands between two of its values: which rule takes a
weight out, what a clip cuts, what each validator brings to an incentive. Every sum in it is one that the epoch has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from itertools import repeat
from typing import Any, Final, NamedTuple, cast

import numpy as np

from yuma_kernel import reference
from yuma_kernel.arrays import U64_MAX, AnyArray, BoolArray, I64Array, U64Array, integer
from yuma_kernel.epoch import epoch, load_backend
from yuma_kernel.errors import InputError, shown
from yuma_kernel.reference import ONE, cmul, div, ratio16
from yuma_kernel.results import EpochResult
from yuma_kernel.rows import SparseRows
from yuma_kernel.tables import SHOWN, Table, alpha, proportion
from yuma_kernel.types import Hyperparameters, SubnetState

PARTS: Final = ("weights", "bonds", "given", "held")
"""The tables of an account, in their order: of its weights and bonds, of the weights and of the bonds on it."""

MASKS: Final[Mapping[str, str]] = {
    "permit": "the validator has no permit",
    "diagonal": "a weight on itself, of a uid that is not the owner",
    "registration": "set before, or in the block in which, the uid registered",
    "commit": "a live commit from before the uid registered",
}
"""Why a stored weight does not count (section 4), in the order in which the rules are asked; the first one stands."""

GONE: Final[Mapping[str, str]] = {
    "outdated": "the uid registered at or after the cutoff",
    "unweighted": "liquid alpha keeps only the bonds of the columns that have a weight",
    "decayed": "its moving average came to 0",
}
"""Why a stored bond is not carried on (section 7); the column may still have a new one."""


class Weight(NamedTuple):
    """What became of one stored weight (sections 4 to 6). Raw I32F32 bits but for `stored`."""

    uid: int
    stored: int
    """As the chain stores it, u16."""
    out: str | None
    """The first rule that takes it out, a key of `MASKS`; None where it counts."""
    weight: int
    """Its share of what counts in the row."""
    consensus: int
    """Of its uid."""
    clipped: int
    """What is left below the consensus."""
    cut: int
    """weight - clipped."""


class Bond(NamedTuple):
    """One bond, from the stored one to the next (section 7). Raw I32F32 bits but for `stored` and `next`."""

    uid: int
    stored: int | None
    """As the chain stores it, u16; None where it stores none."""
    gone: str | None
    """Why a stored bond ends, a key of `GONE`."""
    old: int
    """The old bond B: 0 where it is outdated."""
    new: int
    """What the weights of this epoch say it should be: D of Yuma 2, weights_for_bonds of Yuma 3."""
    alpha: int
    """How much of the new goes in; ONE - alpha of the old stays."""
    bond: int
    """The moving average E."""
    normalized: int
    """E as a share of its column, N."""
    dividend: int
    """What it brings: incentive of the uid times N."""
    next: int | None
    """As the chain stores it now, u16; None where it stores none."""


# as `_make` of these, without a call of Python for each of some hundreds
_weight: Final = partial(tuple.__new__, Weight)
_bond: Final = partial(tuple.__new__, Bond)


class Given(NamedTuple):
    """What one validator gives a miner (sections 4 to 6). Raw I32F32 bits but for `stored`."""

    uid: int
    """The validator."""
    stored: int
    out: str | None
    """As in `Weight`."""
    weight: int
    clipped: int
    cut: int
    active_stake: int
    """Of the validator."""
    rank: int
    """Its part of the miner's rank: active_stake times clipped."""
    incentive: int
    """Its part of the miner's incentive, rounded down."""


class Held(NamedTuple):
    """A bond that a validator holds on the miner after this epoch. Raw I32F32 bits."""

    uid: int
    """The validator."""
    bond: int
    normalized: int
    dividend: int
    """What the validator has from it, before dividends are normalized (Yuma 3: before stake)."""


@dataclass(frozen=True)
class Stake:
    """Stake and activity (section 3).

    Attributes:
        total: I64F64 bits, in rao: what the chain stores.
        threshold: rao; counted: whether the stake reaches it, or is the owner's.
        stake: raw, the share of all stake that counts.
        active: whether the last update is recent enough; active_until: the last block at which it is.
        permitted: whether weights may be set in this epoch. permit_by: "stored", "owner", or None.
        active_stake: raw, the share among the active and permitted.
    """

    total: int
    threshold: int
    counted: bool
    stake: int
    active: bool
    active_until: int
    permitted: bool
    permit_by: str | None
    active_stake: int


@dataclass(frozen=True)
class Permit:
    """The permit of the next epoch (section 3.5).

    Attributes:
        kept: whether the uid has it. by: "stake", or "owner" where the owner's rule alone gives it; None where it is missed.
        missed: "threshold" where its stake is below it, "rank" where too many have more, "stake" where it has none; None
            where the permit is kept.
        place: 1 for the largest stake; among equals the higher uid comes first. places: max_allowed_validators.
        tied: how many others have the same stake.
        edge_uid: the uid that the place is contested with: the first without a place where the uid has one, the last with
            one where it has not; None where everybody has a place, or nobody.
        margin: raw, stake above the edge's, negative below. margin_total: the same of the total stake that counts, I64F64
            bits in rao.
    """

    kept: bool
    by: str | None
    missed: str | None
    place: int
    places: int
    tied: int
    edge_uid: int | None
    margin: int | None
    margin_total: int | None


@dataclass(frozen=True)
class Validator:
    """The uid as a validator: its weights, its trust, its bonds, its dividends. Raw I32F32 bits.

    Attributes:
        weights: one entry for each stored weight, in stored order.
        weight_sum: Σ weight; `lost` is what the division of the row left of ONE, 0 for a row without weights.
        cut: Σ cut. validator_trust: Σ clipped, which is weight_sum - cut.
        bonds: one entry for each column with a stored or a new bond, ascending.
        brought: Σ dividend. before: that times active_stake in Yuma 3, that itself in Yuma 2. total: Σ before of all uids.
        dividends: before / total.
    """

    weights: tuple[Weight, ...]
    weight_sum: int
    lost: int
    cut: int
    validator_trust: int
    bonds: tuple[Bond, ...]
    brought: int
    before: int
    total: int
    dividends: int


@dataclass(frozen=True)
class Support:
    """How firmly the consensus of a miner stands (section 5). Raw I32F32 bits of the stake of validators.

    Attributes:
        consensus: of the miner.
        total: Σ stake of those who have a say. minority: total - kappa, below which stake is outvoted; may be negative.
        behind: the stake that gives at least the consensus. below: the stake that gives less.
        next_step: the next higher weight that somebody with a say gives; None where there is none.
        missing: the least stake that would have to move from at most the consensus to above it for the consensus to rise; 0
            or less where the consensus is the largest score for want of one that outvotes the minority.
        to_spare: the most stake that may move from at least the consensus to below it without the consensus falling;
            negative where kappa is more than all stake, and the consensus is the smallest score.
    """

    consensus: int
    total: int
    minority: int
    behind: int
    below: int
    next_step: int | None
    missing: int
    to_spare: int


@dataclass(frozen=True)
class Miner:
    """The uid as a miner: what it is given, and what that comes to. Raw I32F32 bits.

    Attributes:
        given: one entry for each stored weight on it, by validator.
        support: of its consensus; None where no validator has a say.
        rank: Σ of the parts. ranks: Σ rank of all uids.
        incentive: rank / ranks. lost: what rounding down takes from the parts: incentive is their sum and this.
        held: the bonds on it, by validator.
    """

    given: tuple[Given, ...]
    support: Support | None
    rank: int
    ranks: int
    incentive: int
    lost: int
    held: tuple[Held, ...]


@dataclass(frozen=True)
class Earnings:
    """What is paid (section 8), and what rounding leaves over.

    Attributes:
        total: Σ of incentive and dividends of all uids, raw.
        basis: what shares are of: "combined", or where total is 0 "active stake" or "stake".
        server_share, validator_share, share: raw.
        server_emission, validator_emission, emission: rao. server_emission + validator_emission + floors is emission.
        floors: rao, what rounding each of the two shares and payments down does to their sum.
        epoch_emission: rao, what was to be divided among all. undistributed: what is left of it after all are paid:
            left_by_shares, as the shares of all do not come to ONE, and left_by_rao, as each payment is rounded down.
    """

    total: int
    basis: str
    server_share: int
    validator_share: int
    share: int
    server_emission: int
    validator_emission: int
    emission: int
    floors: int
    epoch_emission: int
    undistributed: int
    left_by_shares: int
    left_by_rao: int


@dataclass(frozen=True, repr=False)
class Explanation:
    """The account of one uid in one epoch, as `explain` makes it. `print` shows it, notebooks as tables.

    Proportions are raw I32F32 bits (4294967296 for 1), and 65535 for 1 where they are as the chain stores them.

    Attributes:
        uid, n, current_block, profile: of what.
        yuma3, liquid: the rule of bonds, and whether liquid alpha ran.
        stake, permit, validator, miner, earnings: the parts.
    """

    uid: int
    n: int
    current_block: int
    profile: int
    yuma3: bool
    liquid: bool
    stake: Stake
    permit: Permit
    validator: Validator
    miner: Miner
    earnings: Earnings

    def __repr__(self) -> str:
        e = self.earnings
        return (
            f"Explanation(uid={self.uid} of {self.n}, block={self.current_block}, emission={e.emission} rao: "
            f"{e.server_emission} for incentive, {e.validator_emission} for dividends)"
        )

    def __str__(self) -> str:
        return "\n".join([*self.sentences(), *("\n" + table.text(SHOWN) for table in self.tables() if len(table))])

    def _repr_html_(self) -> str:
        from html import escape

        lines = "".join(f"<p>{escape(line)}</p>" for line in self.sentences())
        return lines + "".join(table.html(SHOWN) for table in self.tables() if len(table))

    def to_dict(self) -> dict[str, Any]:
        """All of it in dicts, lists and Python integers, under the names of the fields; `units` says what they count."""
        units = {"proportions": "raw I32F32 bits, 4294967296 for 1", "stored, next": "65535 for 1"}
        units |= {"total, margin_total": "I64F64 bits in rao, 18446744073709551616 for 1", "emission": "rao"}
        return {**_plain(self), "units": units}

    def sentences(self) -> list[str]:
        """What there is to say without a table, a line each."""
        return list(_sentences(self))

    def tables(self) -> list[Table]:
        """Weights, bonds, who gives, who holds bonds: every row, as machines and as people read them."""
        return [_weights_table(self), _bonds_table(self), _given_table(self), _held_table(self)]

    def to_frame(self, part: str = "weights") -> Any:
        """A pandas DataFrame of one of the tables, with the numbers that machines read.

        Args:
            part: one of `PARTS`.

        Raises:
            InputError: another part. ImportError: pandas is not installed.
        """
        if not isinstance(part, str) or part not in PARTS:
            raise InputError("part", f"expected one of {', '.join(PARTS)}, got {shown(part)}")
        return self.tables()[PARTS.index(part)].frame()


def explain(
    state: SubnetState,
    hyperparameters: Hyperparameters,
    uid: int,
    *,
    emission: int = 0,
    backend: str | None = None,
) -> Explanation:
    """Why `uid` gets what it gets in the epoch of `state`: as a validator, as a miner, and what roundings cost.

    Args:
        state, hyperparameters, emission, backend: as `epoch` takes them.
        uid: below n.

    Raises:
        InputError: the uid, or what `epoch` refuses. Further what `epoch` raises.
    """
    result = epoch(state, hyperparameters, emission=emission, backend=backend, trace=True)
    uid = integer("uid", uid, 0, state.n - 1)
    return _Account(state, hyperparameters, result, int(emission), backend).of(uid)


# -- arithmetic on many at once -------------------------------------------------------------------------------------------


def _muls(a: AnyArray, b: AnyArray) -> U64Array:
    """mul of proportions. Only ONE times ONE is 2^64: where it may occur, bit 32 is taken apart from the bits below."""
    shift, high, low = np.uint64(32), a.astype(np.uint64), b.astype(np.uint64)
    if high.size == 0 or int(high.max()) < ONE:
        return (high * low) >> shift
    return (high >> shift) * low + (((high & np.uint64(ONE - 1)) * low) >> shift)


def _sums(values: AnyArray, group: AnyArray, n: int) -> list[int]:
    """Σ by group of values up to 2^32, of which a group has at most 32767: below 2^47, exact in doubles."""
    return cast("list[int]", np.bincount(group, weights=values, minlength=n).astype(np.int64).tolist())


# Where a look at signs and ranges is not needed, div and mul are written out: a part of a sum over that sum is at most ONE,
# and so is the product of two proportions.


def _parts(rows: SparseRows, i: int) -> tuple[list[int], list[int]]:
    """The uids and the values of a row."""
    part = slice(int(rows.indptr[i]), int(rows.indptr[i + 1]))
    return rows.uid[part].tolist(), rows.value[part].tolist()


def _row(rows: SparseRows, i: int) -> list[tuple[int, int]]:
    return list(zip(*_parts(rows, i), strict=True))


def _by_uid(rows: SparseRows, i: int) -> dict[int, int]:
    return dict(zip(*_parts(rows, i), strict=True))


def _at(values: Mapping[int, int], uids: list[int]) -> list[int]:
    """What stands at each, 0 where nothing does."""
    return list(map(values.get, uids, repeat(0)))


def _column(rows: SparseRows, j: int) -> list[tuple[int, int]]:
    """(row, value) of a column, by row."""
    at = np.flatnonzero(rows.uid == j)
    row = np.searchsorted(rows.indptr, at, side="right") - 1
    return list(zip(row.tolist(), rows.value[at].tolist(), strict=True))


# -- the account ----------------------------------------------------------------------------------------------------------


class _Account:
    """What the accounts of all uids of one epoch share."""

    def __init__(
        self, state: SubnetState, hyperparameters: Hyperparameters, result: EpochResult, emission: int, backend: str | None
    ) -> None:
        self.state, self.h, self.result, self.emission, self.backend = state, hyperparameters, result, emission, backend
        self.rules = hyperparameters.rules
        self.yuma3 = hyperparameters.yuma3 and self.rules.yuma3
        self.owner = state.owner_uid if self.rules.owner_permit else None
        self.threshold = hyperparameters.stake_threshold if self.rules.stake_threshold else 0
        assert result.trace is not None
        arrays = {name: value.tolist() for name, value in result.trace.items() if isinstance(value, np.ndarray)}
        self.traced: dict[str, list[int]] = arrays
        self.rows = {name: value for name, value in result.trace.items() if isinstance(value, SparseRows)}
        self.last_update: list[int] = state.last_update.tolist()
        self.registered: list[int] = state.block_at_registration.tolist()
        self.commits = (
            state.commit_block.tolist()
            if hyperparameters.commit_reveal and self.rules.commit_mask and state.commit_block is not None
            else None
        )
        self.alphas = self._alphas()

    def of(self, uid: int) -> Explanation:
        return Explanation(
            uid=uid,
            n=self.state.n,
            current_block=self.state.current_block,
            profile=self.h.profile,
            yuma3=self.yuma3,
            liquid=self.alphas is None or isinstance(self.alphas, list),
            stake=self.stake(uid),
            permit=self.permit(uid),
            validator=self.validator(uid),
            miner=self.miner(uid),
            earnings=self.earnings(uid),
        )

    # 3

    def _total_stake(self, uid: int) -> int:
        low, high = self.state.total_stake[uid].tolist()
        return int(low | high << 64)

    def _counts(self, uid: int) -> bool:
        return self._total_stake(uid) >> 64 >= self.threshold or uid == self.owner

    def _counted_stake(self, uid: int) -> int:
        return self._total_stake(uid) if self._counts(uid) else 0

    def stake(self, uid: int) -> Stake:
        stored, owner = bool(self.state.validator_permit[uid]), uid == self.owner
        return Stake(
            total=self._total_stake(uid),
            threshold=self.threshold,
            counted=self._counts(uid),
            stake=self.traced["stake"][uid],
            active=bool(self.result.active[uid]),
            active_until=min(self.last_update[uid] + self.h.activity_cutoff, U64_MAX),
            permitted=stored or owner,
            permit_by="stored" if stored else "owner" if owner else None,
            active_stake=self.traced["active_stake"][uid],
        )

    def permit(self, uid: int) -> Permit:
        stakes, places, n = self.traced["stake"], self.h.max_allowed_validators, self.state.n
        order = sorted(range(n), key=lambda other: (-stakes[other], -other))
        place = order.index(uid) + 1
        inside = n < places or place <= places
        by_stake = inside and (stakes[uid] != 0 or self.rules.stakeless_permits)
        kept = bool(self.result.validator_permit[uid])
        edge = order[places] if inside and places < n else order[places - 1] if not inside and places else None
        return Permit(
            kept=kept,
            by=None if not kept else "stake" if by_stake else "owner",
            missed=None if kept else "threshold" if not self._counts(uid) else "stake" if inside else "rank",
            place=place,
            places=places,
            tied=stakes.count(stakes[uid]) - 1,
            edge_uid=edge,
            margin=None if edge is None else stakes[uid] - stakes[edge],
            margin_total=None if edge is None else self._counted_stake(uid) - self._counted_stake(edge),
        )

    # 4 to 6

    def masked(self, i: int, j: int) -> str | None:
        """The first rule of section 4 that takes the weight of i on j out."""
        if not (self.state.validator_permit[i] or i == self.owner):
            return "permit"
        if i == j and not (i == self.state.owner_uid and self.rules.owner_diagonal):
            return "diagonal"
        if self.last_update[i] <= self.registered[j]:
            return "registration"
        if self.commits is not None and self.commits[i] < self.registered[j]:
            return "commit"
        return None

    def validator(self, uid: int) -> Validator:
        consensus = self.traced["consensus"]
        weights, clipped = _by_uid(self.rows["weights"], uid), _by_uid(self.rows["clipped"], uid)
        uids, values = _parts(self.state.weights, uid)
        w, c = _at(weights, uids), _at(clipped, uids)
        cuts = [x - y for x, y in zip(w, c, strict=True)]
        out = [self.masked(uid, j) for j in uids]
        columns = (uids, values, out, w, [consensus[j] for j in uids], c, cuts)
        entries = tuple(map(_weight, zip(*columns, strict=True)))
        weight_sum, cut = sum(weights.values()), sum(cuts)
        bonds = self._bonds(uid)
        brought = sum(bond.dividend for bond in bonds)
        before = self._before()
        return Validator(
            weights=entries,
            weight_sum=weight_sum,
            lost=ONE - weight_sum if weight_sum else 0,
            cut=cut,
            validator_trust=weight_sum - cut,
            bonds=bonds,
            brought=brought,
            before=before[uid],
            total=sum(before),
            dividends=self.traced["dividends"][uid],
        )

    def miner(self, uid: int) -> Miner:
        weights, clipped = dict(_column(self.rows["weights"], uid)), dict(_column(self.rows["clipped"], uid))
        stakes, ranks = self.traced["active_stake"], sum(self.traced["rank"])
        entries = []
        for i, stored in _column(self.state.weights, uid):
            out, w, c = self.masked(i, uid), weights.get(i, 0), clipped.get(i, 0)
            part = stakes[i] * c >> 32
            entries.append(Given(i, stored, out, w, c, w - c, stakes[i], part, (part << 32) // ranks if ranks else part))
        incentive = self.traced["incentive"][uid]
        normalized, earned = dict(_column(self.rows["normalized_bonds"], uid)), incentive
        return Miner(
            given=tuple(entries),
            support=self._support(uid, weights),
            rank=sum(entry.rank for entry in entries),
            ranks=ranks,
            incentive=incentive,
            lost=incentive - sum(entry.incentive for entry in entries),
            held=tuple(
                Held(i, bond, normalized[i], earned * normalized[i] >> 32)
                for i, bond in _column(self.rows["ema_bonds"], uid)
            ),
        )

    def _support(self, uid: int, weights: Mapping[int, int]) -> Support | None:
        stakes = [(i, s) for i, s in enumerate(self.traced["active_stake"]) if s > 0]
        if not stakes:
            return None
        divisor = sum(s for _, s in stakes)
        votes = [(weights.get(i, 0), (s << 32) // divisor) for i, s in stakes]
        total, consensus = sum(s for _, s in votes), self.traced["consensus"][uid]
        minority = total - ratio16(self.h.kappa)
        below = sum(s for score, s in votes if score < consensus)
        above = [score for score, _ in votes if score > consensus]
        return Support(
            consensus=consensus,
            total=total,
            minority=minority,
            behind=total - below,
            below=below,
            next_step=min(above, default=None),
            missing=sum(s for score, s in votes if score <= consensus) - minority,
            to_spare=minority - below,
        )

    # 7

    def _alphas(self) -> int | list[int] | None:
        """alpha: one for all bonds, or one for each column, or None where each bond has its own."""
        h, consensus = self.h, self.traced["consensus"]
        plain = reference.bonds_moving_average(h.bonds_moving_average)
        if not h.liquid_alpha:
            return plain
        if not self.yuma3:
            if self.rules.liquid_alpha != "column":
                return plain
            alphas = reference.column_alphas(consensus, ratio16(h.alpha_low), ratio16(h.alpha_high))
            return plain if alphas is None else alphas
        return None if any(self._measure()) else plain

    def _measure(self) -> list[int]:
        """The consensus that liquid alpha measures against."""
        current = self.traced["consensus"]
        if self.rules.liquid_alpha != "selected" or self.state.previous_consensus is None:
            return current
        previous, mode = self.state.previous_consensus.tolist(), self.h.liquid_alpha_consensus_mode
        return reference.selected_consensus(current, previous, mode, self.h.bonds_penalty)

    def _liquid_alphas(self, measure: Sequence[int], weights: Sequence[int], bonds: Sequence[int]) -> list[int]:
        h = self.h
        if self.rules.exponential == "clamped" and self.rules.steepness == "hundredths":
            c, w, b = (np.array(values, np.int64) for values in (measure, weights, bonds))
            alphas = load_backend(self.backend).liquid_alpha(c, w, b, h.alpha_low, h.alpha_high, h.alpha_sigmoid_steepness)
            return cast("list[int]", alphas.tolist())
        low, high = ratio16(h.alpha_low), ratio16(h.alpha_high)
        steepness = h.alpha_sigmoid_steepness * (100 if self.rules.steepness == "ones" else 1) << 32
        exponential = reference.exp_or_zero if self.rules.exponential == "zero" else reference.exp_safe
        entries = zip(measure, weights, bonds, strict=True)
        return [reference.liquid_alpha(c, w, b, low, high, steepness, exponential) for c, w, b in entries]

    def _outdated(self, i: int) -> BoolArray:
        """bool[n]: the uids on whom a bond of i is outdated."""
        by_update = self.rules.bonds_cutoff == "last_update"
        cutoff = self.state.last_update[i] if by_update else np.uint64(self._cutoff())
        outdated: BoolArray = self.state.block_at_registration >= cutoff
        return outdated

    def _cutoff(self) -> int:
        rule, state = self.rules.bonds_cutoff, self.state
        last_step = 0 if rule == "tempo" else state.last_mechanism_step_block
        last_yuma_step = state.last_yuma_step_block if rule == "yuma_step" else None
        return reference.bonds_cutoff(state.current_block, self.h.tempo, last_step, last_yuma_step)

    def _old_row(self, i: int) -> list[tuple[int, int]]:
        """Row i of B, in stored order."""
        outdated = self._outdated(i)
        kept = [(j, v) for j, v in _row(self.state.bonds, i) if not outdated[j]]
        if self.yuma3:
            return [(j, ratio16(v)) for j, v in kept]
        bonds, registered = self.state.bonds, self.state.block_at_registration
        if self.rules.bonds_cutoff == "last_update":
            stays = self.state.last_update[bonds.entry_rows()] > registered[bonds.uid]
        else:
            stays = registered[bonds.uid] < np.uint64(self._cutoff())
        sums = _sums(np.where(stays, bonds.value, 0), bonds.uid, self.state.n)
        return [(j, (v << 32) // sums[j] if sums[j] else v << 32) for j, v in kept]

    def _new_row(self, i: int) -> list[tuple[int, int]]:
        """Row i of D, in the order of weights_for_bonds."""
        rows = self.rows["weights_for_bonds"]
        if self.yuma3:
            return _row(rows, i)
        stakes = cast(I64Array, cast(Mapping[str, Any], self.result.trace)["active_stake"])
        staked = _muls(stakes[rows.entry_rows()], rows.value)
        sums = _sums(staked, rows.uid, self.state.n)
        part = slice(int(rows.indptr[i]), int(rows.indptr[i + 1]))
        row = zip(rows.uid[part].tolist(), staked[part].tolist(), strict=True)
        return [(j, (v << 32) // sums[j] if sums[j] else v) for j, v in row]

    def _bonds(self, i: int) -> tuple[Bond, ...]:
        incentive, outdated = self.traced["incentive"], self._outdated(i).tolist()
        stored, next_row = _by_uid(self.state.bonds, i), _by_uid(self.result.bonds, i)
        old_row, new_row = self._old_row(i), self._new_row(i)
        old, new = dict(old_row), dict(new_row)
        bonds, normalized = _by_uid(self.rows["ema_bonds"], i), _by_uid(self.rows["normalized_bonds"], i)
        columns = sorted(stored.keys() | new.keys())
        alphas = self.alphas
        if alphas is None:
            weights, seen, measure = reference.merge_walk(new_row), reference.merge_walk(old_row), self._measure()
            own = self._liquid_alphas([measure[j] for j in columns], _at(weights, columns), _at(seen, columns))
        else:
            own = [alphas if isinstance(alphas, int) else alphas[j] for j in columns]
        kept, shares = _at(bonds, columns), _at(normalized, columns)

        def gone(j: int, bond: int) -> str | None:
            if j not in stored or (bond and not outdated[j]):
                return None
            if outdated[j]:
                return "outdated"
            return "unweighted" if alphas is None and j not in new else "decayed"

        fields = (
            columns,
            list(map(stored.get, columns)),
            list(map(gone, columns, kept)),
            _at(old, columns),
            _at(new, columns),
            own,
            kept,
            shares,
            [incentive[j] * share >> 32 for j, share in zip(columns, shares, strict=True)],
            list(map(next_row.get, columns)),
        )
        return tuple(map(_bond, zip(*fields, strict=True)))

    def _before(self) -> list[int]:
        """By uid, dividends before they are normalized."""
        rows = self.rows["normalized_bonds"]
        incentive = cast(I64Array, cast(Mapping[str, Any], self.result.trace)["incentive"])
        running = np.concatenate(([0], np.cumsum(_muls(incentive[rows.uid], rows.value), dtype=np.int64)))
        brought: list[int] = (running[rows.indptr[1:]] - running[rows.indptr[:-1]]).tolist()
        if not self.yuma3:
            return brought
        return [cmul(t, s) if t else 0 for t, s in zip(brought, self.traced["active_stake"], strict=True)]

    # 8

    def earnings(self, uid: int) -> Earnings:
        traced, result = self.traced, self.result
        incentive, dividends = traced["incentive"], traced["dividends"]
        total = sum(incentive) + sum(dividends)
        basis = "combined" if total else "active stake" if any(traced["active_stake"]) else "stake"
        if total:
            server_share, validator_share = div(incentive[uid], total), div(dividends[uid], total)
            share, shares = div(incentive[uid] + dividends[uid], total), self._shares(total)
        else:
            paid_by = traced[basis.replace(" ", "_")]
            server_share, validator_share, share, shares = incentive[uid], paid_by[uid], paid_by[uid], sum(paid_by)
        server, validator, paid = (
            int(part[uid]) for part in (result.server_emission, result.validator_emission, result.emission)
        )
        undistributed = self.emission - sum(result.emission.tolist())
        left_by_shares = (self.emission * (ONE - shares)) >> 32
        return Earnings(
            total=total,
            basis=basis,
            server_share=server_share,
            validator_share=validator_share,
            share=share,
            server_emission=server,
            validator_emission=validator,
            emission=paid,
            floors=paid - server - validator,
            epoch_emission=self.emission,
            undistributed=undistributed,
            left_by_shares=left_by_shares,
            left_by_rao=undistributed - left_by_shares,
        )

    def _shares(self, total: int) -> int:
        """Σ of the shares of all: each (combined << 32) / total. In two steps, as combined is up to 2^33 and total below
        2^49: combined << 30 leaves a remainder that may be shifted further."""
        trace = cast(Mapping[str, Any], self.result.trace)
        combined = (trace["incentive"] + trace["dividends"]).astype(np.uint64) << np.uint64(30)
        whole, rest = np.divmod(combined, np.uint64(total))
        return int(((whole << np.uint64(2)) + (rest << np.uint64(2)) // np.uint64(total)).sum())


# -- as people read it ----------------------------------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple):
        return value._asdict() if hasattr(value, "_asdict") else [_plain(item) for item in value]
    return value


def _rao(bits: int) -> str:
    return alpha(bits >> 64 if bits >= 0 else -(-bits >> 64))


def _sentences(e: Explanation) -> Iterator[str]:
    s, p, v, m, paid = e.stake, e.permit, e.validator, e.miner, e.earnings
    rule = f"Yuma {3 if e.yuma3 else 2}{', liquid alpha' if e.liquid else ''}"
    yield f"uid {e.uid} of {e.n}, block {e.current_block}, profile {e.profile}, {rule}"
    basis = "" if paid.basis == "combined" else f"; nobody has either, and it goes by {paid.basis}"
    if paid.epoch_emission == 0:
        parts = f"{proportion(paid.server_share)} for incentive, {proportion(paid.validator_share)} for dividends"
        yield f"Emission   there is none to divide; the share of it is {proportion(paid.share)}: {parts}{basis}"
    else:
        yield (
            f"Emission   {alpha(paid.emission)} of {alpha(paid.epoch_emission)} alpha: "
            f"{alpha(paid.server_emission)} for incentive, {alpha(paid.validator_emission)} for dividends"
            f"{basis}"
        )
    counted = "" if s.counted else f"; below the threshold of {alpha(s.threshold)} alpha, so it does not count"
    shares = f"stake weight {proportion(s.stake)}, active stake {proportion(s.active_stake)}"
    yield f"Stake      {_rao(s.total)} alpha: {shares}{counted}"
    left = s.active_until - e.current_block
    activity = f"active for {left} blocks more" if s.active else f"not active for {-left} blocks"
    has = {"stored": "has a permit", "owner": "has the owner's permit", None: "has no permit"}[s.permit_by]
    yield f"Activity   {activity}; {has} in this epoch"
    yield f"Permit     {_permit_sentence(p)}"
    out = [w for w in v.weights if w.out]
    if v.weights:
        reasons = ", ".join(
            f"{sum(w.out == rule for w in out)} by {rule}" for rule in MASKS if any(w.out == rule for w in out)
        )
        yield f"Weights    {len(v.weights)} stored, {len(v.weights) - len(out)} count{f', out: {reasons}' if out else ''}"
        made = f"{proportion(v.weight_sum)} of weights - {proportion(v.cut)} clipped"
        yield f"Trust      {proportion(v.validator_trust)} = {made}"
    if v.bonds:
        staked = f", times stake {proportion(v.before)}" if e.yuma3 else ""
        yield (
            f"Dividends  {proportion(v.dividends)}: {proportion(v.brought)} from "
            f"{sum(b.dividend > 0 for b in v.bonds)} bonds{staked}, of {proportion(v.total)} of all"
        )
    if m.given:
        clipped = sum(g.cut > 0 for g in m.given)
        yield (
            f"Incentive  {proportion(m.incentive)}: rank {proportion(m.rank)} of {proportion(m.ranks)}, "
            f"from {sum(g.rank > 0 for g in m.given)} of {len(m.given)} validators, {clipped} of them clipped"
        )
        if m.support is not None:
            yield f"Consensus  {_support_sentence(m.support)}"
    if paid.epoch_emission == 0:
        return
    yield (
        f"Roundings  {paid.undistributed} rao of the epoch undistributed: {paid.left_by_shares} as shares round down, "
        f"{paid.left_by_rao} as payments do"
    )


def _permit_sentence(p: Permit) -> str:
    place = f"place {p.place} by stake, {p.places} places"
    if p.kept and p.by == "owner":
        return f"kept as the owner ({place})"
    missed = {"threshold": "missed: stake is below the threshold", "stake": "missed: there is no stake"}
    head = f"kept, {place}" if p.kept else missed.get(p.missed or "", f"missed, {place}")
    tied = f", {p.tied} others with the same stake" if p.tied else ""
    if p.edge_uid is None or p.margin_total is None:
        return head + tied
    side = "above" if p.margin_total >= 0 else "below"
    return f"{head}{tied}; {_rao(abs(p.margin_total))} alpha {side} uid {p.edge_uid}"


def _support_sentence(s: Support) -> str:
    up = "nobody gives more" if s.next_step is None else (
        f"{proportion(s.missing)} of stake more takes it up, the next step is {proportion(s.next_step)}"
    )  # fmt: skip
    down = f"; more than {proportion(s.to_spare)} less takes it down" if s.consensus and s.to_spare >= 0 else ""
    return f"{proportion(s.consensus)}, with {proportion(s.behind)} of stake behind it: {up}{down}"


def _entries_table(title: str, kind: type[Any], entries: Sequence[Any], important: str, caption: str = "") -> Table:
    columns = {name: [getattr(entry, name) for entry in entries] for name in kind._fields}
    as_is = ("uid", "stored", "out", "gone", "next")
    people = {name: values if name in as_is else [proportion(value) for value in values] for name, values in columns.items()}
    return Table(columns, people, left=("out", "gone"), title=title, caption=caption, important=columns[important])


def _legend(names: set[str | None], meaning: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {text}" for name, text in meaning.items() if name in names)


def _weights_table(e: Explanation) -> Table:
    entries = e.validator.weights
    caption = _legend({w.out for w in entries}, MASKS)
    return _entries_table(f"Weights of uid {e.uid}", Weight, entries, "stored", caption)


def _bonds_table(e: Explanation) -> Table:
    entries = e.validator.bonds
    return _entries_table(f"Bonds of uid {e.uid}", Bond, entries, "dividend", _legend({b.gone for b in entries}, GONE))


def _given_table(e: Explanation) -> Table:
    entries = e.miner.given
    return _entries_table(f"Weights on uid {e.uid}", Given, entries, "rank", _legend({g.out for g in entries}, MASKS))


def _held_table(e: Explanation) -> Table:
    return _entries_table(f"Bonds on uid {e.uid}", Held, e.miner.held, "dividend")
