"""Which stake buys a permit: section 3 of the law, turned around."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from yuma_kernel.arrays import has_items, integer
from yuma_kernel.errors import InputError
from yuma_kernel.tables import Table, Tabled
from yuma_kernel.types import Hyperparameters, SubnetState, require_subnet

MAX_BITS: Final = 2**127 - 1
"""What the stakes of a subnet may come to together, in I64F64 bits."""


@dataclass(frozen=True, repr=False)
class PermitThreshold(Tabled):
    """By uid, the least stake with which it would have a permit.

    Attributes:
        uids: the uids that were asked for.
        stake: rao, whole, for each of them: the least total stake with which it has a permit, everybody else's as it is; it
            has one with any more, and with a rao less it has none. None where no stake buys one.
        held: rao, floored: the total stake that it has.
        permit: bool, whether it has a permit with what it holds.
        max_allowed_validators: how many may have one, the owner apart.
        n: the number of uids in the subnet.
    """

    uids: tuple[int, ...]
    stake: tuple[int | None, ...]
    held: tuple[int, ...]
    permit: tuple[bool, ...]
    max_allowed_validators: int
    n: int

    @property
    def missing(self) -> tuple[int | None, ...]:
        """rao that each uid lacks: 0 where it has enough, None where no stake is enough.

        A fraction of a rao, which the weight of TAO leaves in a stake, may be what gives a permit: then nothing is missing,
        though what is held comes to one whole rao less than the least."""
        return tuple(
            None if least is None else 0 if has else least - have
            for least, have, has in zip(self.stake, self.held, self.permit, strict=True)
        )

    def of(self, uid: int) -> int | None:
        """The least stake of one uid, rao; None where no stake buys a permit."""
        if uid not in self.uids:
            raise InputError("uid", f"expected one of those that were asked for, got {uid!r}")
        return self.stake[self.uids.index(uid)]

    def __repr__(self) -> str:
        if len(self.uids) == 1:
            least = "no stake buys a permit" if self.stake[0] is None else f"a permit from {self.stake[0]} rao on"
            return f"PermitThreshold(uid {self.uids[0]}: {least}, has {self.held[0]} rao)"
        without = [least for least, has in zip(self.stake, self.permit, strict=True) if not has and least is not None]
        needed = f"; the others need {min(without)} to {max(without)} rao" if without else ""
        return (
            f"PermitThreshold({sum(self.permit)} of {len(self.uids)} uids have a permit, "
            f"max_allowed_validators {self.max_allowed_validators}{needed})"
        )

    def table(self) -> Table:
        """A row for each uid; all amounts in rao."""
        columns: dict[str, Any] = {
            "uid": self.uids,
            "permit": self.permit,
            "needs_rao": self.stake,
            "has_rao": self.held,
            "lacks_rao": self.missing,
        }
        people = {
            name: ["none is enough" if value is None else value for value in values] for name, values in columns.items()
        }
        headers = {name: name.replace("_rao", " (rao)") for name in columns}
        return Table(columns, people, headers, title="Stake for a permit")

    def _repr_html_(self) -> str:
        return self.table().html()

    def to_dict(self) -> dict[str, Any]:
        """By field, plain lists and integers, and `missing`."""
        lists = {name: list(getattr(self, name)) for name in ("uids", "stake", "held", "permit", "missing")}
        return {**lists, "max_allowed_validators": self.max_allowed_validators, "n": self.n}


def permit_threshold(
    state: SubnetState, hyperparameters: Hyperparameters, uids: int | Iterable[int] | None = None
) -> PermitThreshold:
    """The least stake with which a uid would have a permit at the next epoch (section 3), exact to the rao.

    A uid's stake is also part of the sum by which all stakes are divided: with more of it the others' proportions fall. The
    answer is found by bisection on the rule itself, rounding and ties included: among equal proportions the higher uid comes
    first, stake below the threshold is none, the owner has its permit with nothing.

    The answer has no gaps: with t of its own and R of all others, a uid has the proportion floor(2^32·t / (R + t)), which
    does not fall when t grows, and any other has floor(2^32·f / (R + t)), which does not rise. So no stake that a uid adds
    costs it a permit.

    Args:
        state: the subnet. Everybody else's stake is held as it is.
        hyperparameters: `max_allowed_validators`, `stake_threshold` and the profile are read.
        uids: one or several; None for all.

    Raises:
        InputError: a uid that is not in the subnet.
    """
    require_subnet(state, hyperparameters)
    if uids is None:
        asked: Sequence[object] = range(state.n)
    else:
        asked = list(uids) if has_items(uids) else [uids]  # type: ignore[arg-type]
    chosen = tuple(integer("uids", uid, 0, state.n - 1, at) for at, uid in enumerate(asked))
    rule = _Rule(state, hyperparameters)
    return PermitThreshold(
        uids=chosen,
        stake=tuple(rule.least(uid) for uid in chosen),
        held=tuple(rule.total[uid] >> 64 for uid in chosen),
        permit=tuple(rule.permitted(uid, rule.total[uid]) for uid in chosen),
        max_allowed_validators=hyperparameters.max_allowed_validators,
        n=state.n,
    )


class _Rule:
    """Section 3 of one subnet, for a uid whose stake is another."""

    def __init__(self, state: SubnetState, hyperparameters: Hyperparameters) -> None:
        rules = hyperparameters.rules
        self.total = [low | high << 64 for low, high in state.total_stake.tolist()]
        self.sum_of_total = sum(self.total)
        self.owner = state.owner_uid if rules.owner_permit else None
        self.threshold = hyperparameters.stake_threshold if rules.stake_threshold else 0
        self.stakeless = rules.stakeless_permits
        self.most = hyperparameters.max_allowed_validators
        self.filtered = [self.counted(uid, bits) for uid, bits in enumerate(self.total)]
        self.sum = sum(self.filtered)
        self.order = sorted(range(state.n), key=self.filtered.__getitem__)
        self.ascending = [self.filtered[uid] for uid in self.order]

    def counted(self, uid: int, bits: int) -> int:
        """3.2, I64F64 bits."""
        return bits if bits >> 64 >= self.threshold or uid == self.owner else 0

    def permitted(self, uid: int, bits: int) -> bool:
        """3.3 and 3.5, with `bits` as the uid's total stake."""
        if uid == self.owner:
            return True
        own = self.counted(uid, bits)
        total = self.sum - self.filtered[uid] + own
        # 3.3 floors to 64 bits and then to 32, which is to floor to 32 at once; nobody's quotient is above 1
        share = (own << 32) // total if total else 0
        if share == 0 and not self.stakeless:
            return False
        # the stakes from which on a proportion is `share` or more, and more than `share`
        least, more = (-(-part * total >> 32) for part in (share, share + 1))
        equal = bisect_left(self.ascending, least)
        above = bisect_left(self.ascending, more) if total else len(self.ascending)
        # the uid stands in the order too, by its old stake, and does not come before itself
        before = len(self.ascending) - above - (above < len(self.ascending) and self.filtered[uid] >= more)
        before += sum(j > uid for j in self.order[equal:above])
        return before < self.most

    def least(self, uid: int) -> int | None:
        """The least whole stake with a permit, in rao."""
        low, high = 0, (MAX_BITS - self.sum_of_total + self.total[uid]) >> 64
        if not self.permitted(uid, high << 64):
            return None
        while low < high:
            middle = (low + high) // 2
            if self.permitted(uid, middle << 64):
                high = middle
            else:
                low = middle + 1
        return low
