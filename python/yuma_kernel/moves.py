"""What may become otherwise in a subnet before its next epoch, as values that compose: what `what_if` and `search` ask.

A `Change` is made by one of the functions below; `first + second` is both, the second of what the first has left. `apply`
gives the subnet that it leads to. A row that a change makes is made as a client makes it, in doubles, and stored as the
chain would store it; its last_update is the current block, in which it is set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final, TypeAlias

import numpy as np

from yuma_kernel.arrays import MAX_UIDS, U64_MAX, AnyArray, U16Array, array, integer, proportion
from yuma_kernel.epoch import epoch
from yuma_kernel.errors import InputError, shown
from yuma_kernel.rows import SparseRows
from yuma_kernel.stages import upscale_to_u16
from yuma_kernel.types import Hyperparameters, SubnetState, require_subnet
from yuma_kernel.weights import weights_to_u16

__all__ = [
    "Change",
    "add_stake",
    "add_validator",
    "apply",
    "copy_consensus",
    "delayed",
    "drop",
    "give_share",
    "hyperparameters",
    "move_share",
    "replace_miner",
    "set_stake",
    "set_weights",
    "toward_consensus",
]

Row: TypeAlias = tuple[U16Array, U16Array]
"""uids and values, in stored order."""

_NOTHING: Final[Row] = (np.zeros(0, np.uint16), np.zeros(0, np.uint16))


class Known:
    """What many changes of one subnet ask for, found once."""

    def __init__(self, state: SubnetState, hyperparameters: Hyperparameters, backend: str | None) -> None:
        self.state, self.hyperparameters, self.backend = state, hyperparameters, backend
        self._consensus: AnyArray | None = None
        self._agreed: dict[bool | int, AnyArray] = {}
        self._parts: dict[int, AnyArray] = {}

    def agreed(self, uid: int, owner: bool) -> AnyArray:
        """float64[n], the consensus of the epoch without any change, in parts of its sum; without the uid itself, on which a
        weight counts for the owner alone."""
        if self._consensus is None:
            self._consensus = epoch(self.state, self.hyperparameters, backend=self.backend).consensus
        key = True if owner or not self._consensus[uid] else uid
        if key not in self._agreed:
            consensus = self._consensus.astype(float)
            if not owner:
                consensus[uid] = 0
            total = consensus.sum()
            if not total:
                raise InputError("share", "there is no consensus to blend with: it is 0 for every uid")
            self._agreed[key] = consensus / total
        return self._agreed[key]

    def row(self, uid: int) -> Row:
        rows = self.state.weights
        a, b = rows.indptr[uid], rows.indptr[uid + 1]
        return rows.uid[a:b], rows.value[a:b]

    def parts(self, uid: int) -> AnyArray:
        """float64[n], the row in parts of its sum; 0 where that is."""
        if uid not in self._parts:
            self._parts[uid] = _parts(self.row(uid), self.state.n)
        return self._parts[uid]


def _parts(row: Row, n: int) -> AnyArray:
    dense = np.zeros(n)
    dense[row[0]] = row[1]
    total = dense.sum()
    return dense / total if total else dense


class Draft:
    """A subnet that is being changed: what is otherwise than in the state, and nothing else."""

    def __init__(self, known: Known) -> None:
        self.known, self.state, self.hyperparameters = known, known.state, known.hyperparameters
        self.rows: dict[int, Row | AnyArray] = {}  # or dense: uint16[n], 0 for what is not there
        self.values: dict[str, dict[int, Any]] = {}  # by the name of one of the state's arrays, of some uids
        self.bonds: SparseRows | None = None
        self.owner_uid = known.state.owner_uid
        self.delay = 0

    def uid(self, name: str, uid: object) -> int:
        return integer(name, uid, 0, self.state.n - 1)

    def set(self, name: str, uid: int, value: Any) -> None:
        """What one of the state's arrays has of a uid."""
        self.values.setdefault(name, {})[uid] = value

    def get(self, name: str, uid: int) -> Any:
        changed = self.values.get(name, {})
        return changed[uid] if uid in changed else getattr(self.state, name)[uid]

    def set_row(self, uid: int, row: Row | AnyArray) -> None:
        self.rows[uid] = row
        self.set("last_update", uid, self.state.current_block)

    def parts(self, uid: int) -> AnyArray:
        """float64[n], the row in parts of its sum, not to be written to; 0 where that is."""
        return _parts(sparse(self.rows[uid]), self.state.n) if uid in self.rows else self.known.parts(uid)

    def set_dense(self, uid: int, dense: AnyArray) -> None:
        """Weights of any scale, float64[n], to the nearest of 65535, ties to even; they are given up with this call."""
        largest = np.maximum.reduce(dense)
        if largest > 0:  # weight / largest, times 65535, each step rounded: as `weights_to_u16`
            dense /= largest
            dense *= 65535
        self.set_row(uid, np.rint(dense, out=dense).astype(np.uint16))

    def weights(self) -> SparseRows:
        return with_rows(self.state.weights, {uid: sparse(row) for uid, row in self.rows.items()})

    def apply(self) -> SubnetState:
        changes: dict[str, Any] = {name: stacked([self], name)[0] for name in self.values}
        if self.rows:
            changes["weights"] = self.weights()
        if self.bonds is not None:
            changes["bonds"] = self.bonds
        return replace(self.state, owner_uid=self.owner_uid, **changes)


def stacked(some: Sequence[Draft], name: str) -> AnyArray:
    """[k, n]: one of the state's arrays, as each of k drafts has it."""
    held = getattr(some[0].state, name)
    rows = np.empty((len(some), *held.shape), held.dtype)
    rows[:] = held
    for row, draft in zip(rows, some, strict=True):
        for uid, value in draft.values.get(name, {}).items():
            row[uid] = value
    return rows


def sparse(row: Row | AnyArray) -> Row:
    """Of a dense row what is not 0, in ascending order."""
    if isinstance(row, tuple):
        return row
    uids = np.flatnonzero(row)
    return uids.astype(np.uint16), row[uids]


def with_rows(rows: SparseRows, others: Mapping[int, Row]) -> SparseRows:
    """`rows` with some of them replaced."""
    parts = [others.get(uid) for uid in range(rows.n)]
    ends = rows.indptr.tolist()
    uids, values, lengths, at = [], [], [0], 0
    for uid, part in enumerate(parts):
        if part is not None:
            uids += [rows.uid[ends[at] : ends[uid]], part[0]]
            values += [rows.value[ends[at] : ends[uid]], part[1]]
            at = uid + 1
        lengths.append(ends[uid + 1] - ends[uid] if part is None else len(part[0]))
    uids.append(rows.uid[ends[at] :])
    values.append(rows.value[ends[at] :])
    return SparseRows(np.cumsum(lengths), np.concatenate(uids), np.concatenate(values))


@dataclass(frozen=True)
class _Step:
    """What a change does first, second and so on: a function of this module and its arguments, so that changes are equal
    where these are, and can be pickled."""

    text: str
    uids: tuple[int, ...]
    function: Callable[..., None]
    arguments: tuple[Any, ...]

    def apply(self, draft: Draft) -> None:
        self.function(draft, *self.arguments)


@dataclass(frozen=True, repr=False)
class Change:
    """Something that becomes otherwise. `first + second` is both, one after the other."""

    steps: tuple[_Step, ...] = ()

    def __add__(self, other: object) -> Change:
        return Change(self.steps + other.steps) if isinstance(other, Change) else NotImplemented

    def __repr__(self) -> str:
        return f"Change({self})"

    def __str__(self) -> str:
        return ", then ".join(step.text for step in self.steps) or "nothing"

    @property
    def uids(self) -> tuple[int, ...]:
        """Those that it names, each once."""
        return tuple(dict.fromkeys(uid for step in self.steps for uid in step.uids))


def _change(text: str, uids: tuple[int, ...], function: Callable[..., None], *arguments: Any) -> Change:
    return Change((_Step(text, uids, function, arguments),))


def _uid(name: str, uid: object) -> int:
    return integer(name, uid, 0, MAX_UIDS - 1)


def _share(name: str, share: object) -> float:
    return float(proportion(name, share))


# -- weights


def set_weights(uid: int, weights: object) -> Change:
    """`uid` sets these weights: {uid: weight} of any scale, as `weights_to_u16` sends them, or (uids, values), two arrays of
    uint16 as they are sent."""
    own = _uid("uid", uid)
    if isinstance(weights, tuple) and len(weights) == 2:
        uids = array("weights", weights[0], np.uint16, (None,))
        values = array("weights", weights[1], np.uint16, uids.shape)
    elif isinstance(weights, Mapping):
        uids, values = weights_to_u16(weights)
    else:
        raise InputError("weights", f"expected {{uid: weight}} or (uids, values), got {type(weights).__name__}")
    if np.unique(uids).size != uids.size:
        raise InputError("weights", "expected every uid once")
    stored = upscale_to_u16(values)
    return _change(
        f"uid {own} sets weights on {uids.size} uids", (own,), _set_weights, own, uids.tobytes(), stored.tobytes()
    )


def _set_weights(draft: Draft, uid: int, uids: bytes, values: bytes) -> None:
    row = np.frombuffer(uids, np.uint16), np.frombuffer(values, np.uint16)
    beyond = row[0] >= draft.state.n
    if beyond.any():
        raise InputError("weights", f"expected uids below n = {draft.state.n}, got {row[0][beyond][0]}")
    draft.set_row(draft.uid("uid", uid), row)


def move_share(uid: int, source: int, target: int, share: float) -> Change:
    """Of all the weight of `uid`, `share` (0 to 1) goes from `source` to `target`; `source` has to have so much."""
    own, giver, taker, part = _uid("uid", uid), _uid("source", source), _uid("target", target), _share("share", share)
    text = f"uid {own} moves {part:.4%} from {giver} to {taker}"
    return _change(text, (own, giver, taker), _move_share, own, giver, taker, part)


def _move_share(draft: Draft, uid: int, source: int, target: int, part: float) -> None:
    own, giver, taker = draft.uid("uid", uid), draft.uid("source", source), draft.uid("target", target)
    row = np.array(draft.parts(own))
    if row[giver] < part:
        raise InputError("share", f"expected at most what uid {own} has on uid {giver}, {row[giver]:.6f}, got {part}")
    row[giver] -= part
    row[taker] += part
    draft.set_dense(own, row)


def give_share(uid: int, target: int, share: float) -> Change:
    """`uid` gives `target` this share of all its weight, and the others what is left, in the proportions that they have."""
    own, taker, part = _uid("uid", uid), _uid("target", target), _share("share", share)
    return _change(f"uid {own} gives {taker} {part:.4%}", (own, taker), _give_share, own, taker, part)


def _give_share(draft: Draft, uid: int, target: int, part: float) -> None:
    own, taker = draft.uid("uid", uid), draft.uid("target", target)
    row = np.array(draft.parts(own))
    row[taker] = 0
    total = row.sum()
    row *= (1 - part) / total if total else 1
    row[taker] = part
    draft.set_dense(own, row)


def toward_consensus(uid: int, share: float) -> Change:
    """`uid` blends its weights with the consensus of this epoch as it would be without any change: of all its weight,
    `share` (0 to 1) goes by the consensus and the rest as it did."""
    own, part = _uid("uid", uid), _share("share", share)
    return _change(f"uid {own} goes {part:.4%} toward the consensus", (own,), _toward_consensus, own, part)


def copy_consensus(uid: int) -> Change:
    """`uid` sets the consensus of this epoch, as it would be without any change, as its weights."""
    own = _uid("uid", uid)
    return _change(f"uid {own} copies the consensus", (own,), _toward_consensus, own, 1.0)


def _toward_consensus(draft: Draft, uid: int, part: float) -> None:
    own = draft.uid("uid", uid)
    agreed = draft.known.agreed(own, own == draft.state.owner_uid)
    blend = agreed * part
    blend += draft.parts(own) * (1 - part)
    draft.set_dense(own, blend)


def delayed(change: Change, epochs: int) -> Change:
    """The weights of `change` count from so many epochs on, as those do that are revealed late; until then the old ones do.
    Nothing but weights can be delayed, and nothing else can be changed beside them."""
    late = integer("epochs", epochs, 0, 2**31 - 1)
    if not isinstance(change, Change):
        raise InputError("change", f"expected a Change, got {type(change).__name__}")
    return _change(f"{change}, {late} epochs later", change.uids, _delayed, change.steps, late)


def _delayed(draft: Draft, steps: tuple[_Step, ...], late: int) -> None:
    for step in steps:
        step.apply(draft)
    beside = (
        set(draft.values) - {"last_update"}
        or draft.bonds is not None
        or draft.hyperparameters is not draft.known.hyperparameters
    )
    if beside or draft.delay:
        raise InputError("epochs", "expected a change of weights alone")
    draft.delay = late


# -- who is there


def set_stake(uid: int, rao: int) -> Change:
    """`uid` has a total stake of so many rao."""
    own, amount = _uid("uid", uid), integer("rao", rao, 0, 2**63 - 1)
    return _change(f"uid {own} has {amount} rao of stake", (own,), _set_stake, own, amount)


def _set_stake(draft: Draft, uid: int, amount: int) -> None:
    draft.set("total_stake", draft.uid("uid", uid), (0, amount))


def add_stake(uid: int, rao: int) -> Change:
    """`uid` has so many rao of total stake more, or less where that is negative."""
    own, amount = _uid("uid", uid), integer("rao", rao, -(2**63), 2**63 - 1)
    return _change(f"uid {own} has {amount:+} rao of stake", (own,), _add_stake, own, amount)


def _add_stake(draft: Draft, uid: int, amount: int) -> None:
    own = draft.uid("uid", uid)
    fraction, held = draft.get("total_stake", own)
    now = int(held) + amount
    if not 0 <= now < 2**63:
        raise InputError("rao", f"expected uid {own} to be left with 0 to 2^63 - 1 rao, got {now}")
    draft.set("total_stake", own, (fraction, now))


def _cleared(draft: Draft, uid: int) -> None:
    """Its rows, stake, permit, commit and ownership."""
    draft.owner_uid = None if draft.owner_uid == uid else draft.owner_uid
    draft.rows[uid] = _NOTHING
    draft.set("total_stake", uid, (0, 0))
    draft.set("validator_permit", uid, False)
    if draft.state.commit_block is not None:
        draft.set("commit_block", uid, U64_MAX)
    draft.bonds = with_rows(draft.state.bonds if draft.bonds is None else draft.bonds, {uid: _NOTHING})


def drop(uid: int) -> Change:
    """A validator leaves: its rows of weights and bonds, its stake, its permit and its commit are gone, and its ownership.
    What others have on it stays."""
    own = _uid("uid", uid)
    return _change(f"uid {own} leaves", (own,), _drop, own)


def _drop(draft: Draft, uid: int) -> None:
    _cleared(draft, draft.uid("uid", uid))


def add_validator(uid: int, rao: int, weights: object) -> Change:
    """`uid` becomes a validator: with a permit, so many rao of total stake, and weights as `set_weights` takes them."""
    own = _uid("uid", uid)
    return _change(f"uid {own} has a permit", (own,), _permit, own) + set_stake(own, rao) + set_weights(own, weights)


def _permit(draft: Draft, uid: int) -> None:
    draft.set("validator_permit", draft.uid("uid", uid), True)


def replace_miner(uid: int) -> Change:
    """Somebody new registers as `uid` in the current block: nothing is left of who was there, its ownership neither, and the
    weights and bonds that others have on it are out by their dates. The previous consensus stays as it is stored."""
    own = _uid("uid", uid)
    return _change(f"somebody new registers as uid {own}", (own,), _replace_miner, own)


def _replace_miner(draft: Draft, uid: int) -> None:
    own = draft.uid("uid", uid)
    _cleared(draft, own)
    for name in ("block_at_registration", "last_update"):
        draft.set(name, own, draft.state.current_block)


# -- the subnet's rules


def hyperparameters(**values: Any) -> Change:
    """Hyperparameters of other values, by their names."""
    known = [f.name for f in fields(Hyperparameters)]
    for name in values:
        if name not in known:
            raise InputError(name, f"expected a hyperparameter, one of {', '.join(known)}")
    replace(Hyperparameters(), **values)  # which says what is wrong with them
    text = ", ".join(f"{name} {value}" for name, value in values.items())
    return _change(text or "nothing", (), _hyperparameters, tuple(values.items()))


def _hyperparameters(draft: Draft, values: tuple[tuple[str, Any], ...]) -> None:
    draft.hyperparameters = replace(draft.hyperparameters, **dict(values))


# -- what they come to


def drafts(state: SubnetState, rules: Hyperparameters, changes: Mapping[Any, Change], backend: str | None) -> list[Draft]:
    """What each of the changes comes to; an error names the change."""
    known = Known(state, rules, backend)
    made: list[Draft] = []
    try:
        for change in changes.values():
            draft = Draft(known)
            for step in change.steps:
                step.apply(draft)
            if draft.delay and len(change.steps) > 1:
                raise InputError("epochs", "expected nothing beside a change that is delayed")
            made.append(draft)
    except InputError as error:
        name = list(changes)[len(made)]
        raise type(error)(error.field, f"{error.rule} (in the change {shown(name)})", error.index) from None
    return made


def apply(
    state: SubnetState, hyperparameters: Hyperparameters, change: Change, *, backend: str | None = None
) -> tuple[SubnetState, Hyperparameters]:
    """The subnet that a change leads to, and its hyperparameters.

    Raises:
        InputError: the change cannot be made in this subnet, or it is delayed: then there is no one subnet.
    """
    require_subnet(state, hyperparameters)
    if not isinstance(change, Change):
        raise InputError("change", f"expected a Change, got {type(change).__name__}")
    (draft,) = drafts(state, hyperparameters, {str(change): change}, backend)
    if draft.delay:
        raise InputError("change", "expected one that is not delayed")
    return draft.apply(), draft.hyperparameters
