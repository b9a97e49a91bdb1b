"""Why a result changed: two snapshots of a subnet, taken apart into groups of inputs.

Each group is put into the first snapshot alone, and taken back out of the second alone, and the epoch is computed again,
exactly. What no group explains alone is their interaction. So the parts add up to the whole change, in raw bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from html import escape
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from yuma_kernel.arrays import U64_MAX, AnyArray, boolean, freeze, integer
from yuma_kernel.errors import InputError, shown
from yuma_kernel.many import epoch_many
from yuma_kernel.results import EpochResult
from yuma_kernel.rows import SparseRows
from yuma_kernel.snapshot import Snapshot
from yuma_kernel.tables import SHOWN, Table, Tabled, alpha, proportion
from yuma_kernel.types import Hyperparameters, SubnetState, plain
from yuma_kernel.values import _Value

KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "weights": "the weights of a validator, with when they were set: weights, last_update, commit_block",
        "stake": "total_stake of a uid",
        "registrations": "block_at_registration of a uid",
        "permits": "validator_permit of a uid",
        "bonds": "the stored bonds of a validator",
        "previous_consensus": "previous_consensus",
        "owner": "owner_uid",
        "blocks": "current_block, last_mechanism_step_block, last_yuma_step_block",
        "hyperparameters": "one hyperparameter, the profile among them",
        "emission": "the emission of the epoch",
    }
)
"""The groups of inputs. Every input stands in one; those of a uid, a validator or a name have members."""

RAW: Final = ("stake", "active_stake", "consensus", "validator_trust", "incentive", "dividends")
PAID: Final = ("server_emission", "validator_emission", "emission")
MEASURES: Final = (*RAW, *PAID)
"""What is compared: raw I32F32 bits between the stages, and rao."""

Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class Contribution:
    """What one group of inputs does to one number of one uid, in its raw bits.

    Attributes:
        kind: a key of `KINDS`. member: which of its members (a uid, or the name of a hyperparameter); None for all of it.
        alone: what the number changes by when only this is as after. None where that cannot be computed.
        last: what it changes by when this is the last to become as after. None where that cannot be computed.
        refused: why it cannot, or None.
    """

    kind: str
    member: int | str | None
    alone: int | None
    last: int | None
    refused: str | None = None

    @property
    def name(self) -> str:
        """As a table shows it."""
        return self.kind if self.member is None else f"{self.kind} of {self.member}" if self.of_uid else str(self.member)

    @property
    def of_uid(self) -> bool:
        return isinstance(self.member, int)


def _kept(value: Any) -> Any:
    """What a value holds, so that it cannot change: a mapping read-only, with its arrays frozen."""
    if isinstance(value, Mapping):
        return MappingProxyType(
            {name: freeze(held) if isinstance(held, np.ndarray) else held for name, held in value.items()}
        )
    return value


def _given(value: Any) -> Any:
    """The same as pickle takes it."""
    if isinstance(value, Mapping):
        return {name: np.array(held) if isinstance(held, np.ndarray) else held for name, held in value.items()}
    return value


class _Plain(_Value):
    """A value of fields that may be mappings of arrays."""

    def __post_init__(self) -> None:
        self._set(**{f.name: _kept(getattr(self, f.name)) for f in fields(self)})  # type: ignore[arg-type]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(_given(getattr(self, f.name)) for f in fields(self))  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Breakdown(Tabled, _Plain):
    """The change of one number of one uid, taken apart. Raw bits throughout.

    Attributes:
        uid, measure: of what, one of `MEASURES`.
        before, after, change: change is after - before.
        groups: what each kind does as a whole. change is the sum of what they do alone, and `interaction`.
        interaction: what they do together beyond what each does alone.
        members: by kind, where it has more than one member that changed, what each of these does; their sum and
            `member_interaction[kind]` is what the kind does alone.
    """

    uid: int
    measure: str
    before: int
    after: int
    change: int
    groups: tuple[Contribution, ...]
    interaction: int
    members: Mapping[str, tuple[Contribution, ...]]
    member_interaction: Mapping[str, int]

    def __str__(self) -> str:
        return self.table(SHOWN // 2).text()

    def _repr_html_(self) -> str:
        return self.table(SHOWN // 2).html()

    def to_dict(self) -> dict[str, Any]:
        """All of it in dicts, lists and Python integers; `unit` says what they count."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        plain["groups"] = [vars(part) for part in self.groups]
        plain["members"] = {kind: [vars(part) for part in parts] for kind, parts in self.members.items()}
        plain["member_interaction"] = dict(self.member_interaction)
        return {**plain, "unit": "rao" if self.measure in PAID else "raw I32F32 bits, 4294967296 for 1"}

    def table(self, most: int | None = None) -> Table:
        """A row for each group, those of its members below it, and what is left as interaction. With `most`, at most so
        many members of a kind, and none without effect."""
        rows: list[tuple[str, Any, int | None, int | None]] = []
        names: list[str] = []
        for part in self.groups:
            rows.append((part.kind, part.member, part.alone, part.last))
            names.append(part.name)
            members = sorted(self.members.get(part.kind, ()), key=lambda m: -abs(m.alone or 0))
            if most is not None:
                members = [member for member in members if member.alone or member.last or member.refused]
            for member in members[:most]:
                rows.append((member.kind, member.member, member.alone, member.last))
                names.append(f"  {member.name}")
            if members and most is not None and len(members) > most:
                names.append(f"  and {len(members) - most} more")
                rest = [m.alone for m in members[most:] if m.alone is not None]
                rows.append((part.kind, "others", sum(rest), None))
            if members:
                names.append("  together")
                rows.append((part.kind, "interaction", self.member_interaction[part.kind], None))
        rows.append(("interaction", None, self.interaction, None))
        names.append("together")
        columns: dict[str, list[Any]] = {
            name: [row[k] for row in rows] for k, name in enumerate(("group", "member", "alone", "last"))
        }
        shown_as = _shown(self.measure)
        people = {
            "group": names,
            "alone": [_signed(value, shown_as) for value in columns["alone"]],
            "last": [_signed(value, shown_as) for value in columns["last"]],
        }
        title = (
            f"{self.measure.replace('_', ' ')} of uid {self.uid}: {shown_as(self.before)} to {shown_as(self.after)}, "
            f"{_signed(self.change, shown_as)}"
        )
        caption = "alone: only this as after; last: the last to become as after; together: what they do beyond that"
        headers = {"alone": f"alone ({_unit(self.measure)})", "last": f"last ({_unit(self.measure)})"}
        return Table(columns, people, headers, left=("group", "member"), title=title, caption=caption)


@dataclass(frozen=True, eq=False)
class _Part(_Plain):
    """A group or a member with the numbers of all uids: when it alone is as after, and when it alone is as before."""

    kind: str
    member: int | str | None
    alone: Mapping[str, AnyArray] | None
    others: Mapping[str, AnyArray] | None
    refused: str | None


@dataclass(frozen=True, repr=False, eq=False)
class Comparison(Tabled, _Plain):
    """Two snapshots of a subnet, or two results of it, as `compare` makes it.

    Attributes:
        n: uids, the larger number of both.
        replaced: the uids that another hotkey has after; empty where hotkeys are not known.
        before, after: by measure, of all uids: raw I32F32 bits (int64[n]) and rao (uint64[n]); of results without a trace
            u16 proportions instead of raw bits.
        parts: what changed, kind by kind; None for results, of which inputs are not known.
    """

    n: int
    replaced: tuple[int, ...]
    before: Mapping[str, AnyArray]
    after: Mapping[str, AnyArray]
    parts: tuple[_Part, ...] | None
    members: Mapping[str, tuple[_Part, ...]]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of inputs that differ."""
        return tuple(part.kind for part in self.parts or ())

    def change(self, measure: str) -> list[int]:
        """after - before of all uids, exactly."""
        _known(measure, self.before)
        return [b - a for a, b in zip(self.before[measure].tolist(), self.after[measure].tolist(), strict=True)]

    def of(self, uid: int, measure: str = "emission") -> Breakdown:
        """The change of one number of one uid, taken apart.

        Raises:
            InputError: no such uid or measure, or only results were compared.
        """
        uid = integer("uid", uid, 0, self.n - 1)
        _known(measure, self.before)
        if self.parts is None:
            raise InputError("before", "expected snapshots: results do not say what went into them")
        before, after = int(self.before[measure][uid]), int(self.after[measure][uid])

        def contribution(part: _Part) -> Contribution:
            alone = None if part.alone is None else int(part.alone[measure][uid]) - before
            last = None if part.others is None else after - int(part.others[measure][uid])
            return Contribution(part.kind, part.member, alone, last, part.refused)

        groups = tuple(map(contribution, self.parts))
        members = {kind: tuple(map(contribution, parts)) for kind, parts in self.members.items()}
        whole = {part.kind: part.alone or 0 for part in groups}
        return Breakdown(
            uid=uid,
            measure=measure,
            before=before,
            after=after,
            change=after - before,
            groups=groups,
            interaction=after - before - sum(whole.values()),
            members=members,
            member_interaction={
                kind: whole[kind] - sum(part.alone or 0 for part in parts) for kind, parts in members.items()
            },
        )

    def __repr__(self) -> str:
        changed = sum(change != 0 for change in self.change("emission"))
        differs = "results" if self.parts is None else ", ".join(self.kinds) or "nothing differs"
        return f"Comparison({differs}; {changed} of {self.n} uids paid otherwise)"

    def __str__(self) -> str:
        return "\n".join([*self.sentences(), self.table().text(SHOWN)])

    def _repr_html_(self) -> str:
        return "".join(f"<p>{escape(line)}</p>" for line in self.sentences()) + self.table().html(SHOWN)

    def to_dict(self) -> dict[str, Any]:
        """By measure, before and after of all uids; and of each uid whose emission changed its breakdown."""
        out: dict[str, Any] = {"n": self.n, "replaced": list(self.replaced), "kinds": list(self.kinds)}
        out |= {name: {"before": self.before[name].tolist(), "after": self.after[name].tolist()} for name in self.before}
        if self.parts is not None:
            changed = [uid for uid, change in enumerate(self.change("emission")) if change]
            out["emission_of"] = [self.of(uid).to_dict() for uid in changed]
        return out

    def table(self) -> Table:
        """A row for each uid of which anything changed, with the kind of input that moves its emission most alone."""
        changes = {name: self.change(name) for name in self.before}
        uids = [uid for uid in range(self.n) if any(change[uid] for change in changes.values())]
        columns: dict[str, list[Any]] = {"uid": uids}
        columns |= {name: [changes[name][uid] for uid in uids] for name in changes}
        columns["mostly"] = [self._mostly(uid) for uid in uids]
        kept = [name for name in ("validator_trust", "incentive", "dividends", "emission") if name in changes]
        people: dict[str, list[Any]] = {"uid": uids}
        as_is = self.before["incentive"].dtype == np.uint16
        for name in kept:
            shown_as = alpha if name in PAID else str if as_is else proportion
            people[name] = [_signed(changes[name][uid], shown_as) for uid in uids]
        people["mostly"] = columns["mostly"]
        headers = {"emission": "emission (alpha)"}
        important = [max(abs(changes["emission"][uid]), 0) for uid in uids]
        caption = "mostly: the group of inputs that alone changes the emission most" if any(columns["mostly"]) else ""
        if as_is and uids:
            caption = "proportions are of 65535"
        title = "Changes by uid" if uids else "No uid has anything else than before"
        return Table(columns, people, headers, ("mostly",), title, caption, important)

    def _mostly(self, uid: int) -> str | None:
        if not self.parts:
            return None
        before = int(self.before["emission"][uid])
        moved = [(abs(int(part.alone["emission"][uid]) - before), part.kind) for part in self.parts if part.alone]
        most = max(moved, default=(0, ""), key=lambda pair: pair[0])
        return most[1] if most[0] else None

    def sentences(self) -> Iterator[str]:
        """What differs, a line each."""
        if self.parts is None:
            yield f"Two results of {self.n} uids"
            return
        counts = {part.kind: len(self.members.get(part.kind, ())) for part in self.parts}
        yield "Differ: " + (", ".join(f"{kind} ({k})" if k else kind for kind, k in counts.items()) or "nothing")
        if self.replaced:
            yield f"Another hotkey: {', '.join(map(str, self.replaced))}"
        divided = [sum(values["emission"].tolist()) for values in (self.before, self.after)]
        if not any(divided):
            yield "No amounts: neither pays anything. What proportions became: of(uid, 'incentive'), of(uid, 'dividends')"
        elif "emission" in self.kinds:
            yield f"Paid: {' to '.join(map(alpha, divided))} alpha; proportions do not depend on it"
        for part in self.parts:
            if part.refused:
                yield f"Not alone: {part.kind}, {part.refused}"


def compare(
    before: Snapshot | EpochResult,
    after: Snapshot | EpochResult,
    *,
    members: bool = True,
    backend: str | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """What made the epoch of `after` another than that of `before`: each group of inputs alone, and together.

    Where one snapshot has fewer uids, it is taken with uids more that have nothing, if its epoch stays what it is.

    Args:
        before, after: snapshots, or two results, of which only the change is known then.
        members: whether groups are also taken apart into validators, uids and names, two epochs each.
        backend, threads: as for `epoch_many`.
        progress: called with the number of epochs computed and of all.

    Raises:
        InputError: they are no two snapshots or results, or of numbers of uids that cannot be compared. Further what `epoch`
            raises of either.
    """
    if isinstance(before, EpochResult) and isinstance(after, EpochResult):
        return _of_results(before, after)
    for name, value in (("before", before), ("after", after)):
        if not isinstance(value, Snapshot):
            raise InputError(name, f"expected two snapshots or two results, got {type(value).__name__}")
    members = boolean("members", members)
    assert isinstance(before, Snapshot)
    assert isinstance(after, Snapshot)
    run = _Runs(backend, threads)
    n = max(before.state.n, after.state.n)
    first, second = run.padded("before", before, n), run.padded("after", after, n)
    groups = [group for group in _groups(first, second, members) if group.put(first, second) is not first]
    base = run.valid("before", first), run.valid("after", second)
    both = [(group.put, *pair) for group in groups for pair in ((first, second), (second, first))]
    measured = run.measured([partial(put, into, of) for put, into, of in both], progress)
    parts: list[_Part] = []
    by_kind: dict[str, list[_Part]] = {}
    for k, group in enumerate(groups):
        alone, others = measured[2 * k], measured[2 * k + 1]
        refused = next((str(values) for values in (alone, others) if isinstance(values, InputError)), None)
        part = _Part(
            group.kind,
            group.member,
            None if isinstance(alone, InputError) else alone,
            None if isinstance(others, InputError) else others,
            refused,
        )
        parts.append(part) if group.member is None else by_kind.setdefault(group.kind, []).append(part)
    return Comparison(
        n=n,
        replaced=_replaced(before, after),
        before=base[0],
        after=base[1],
        parts=tuple(parts),
        members={kind: tuple(found) for kind, found in by_kind.items()},
    )


def _of_results(before: EpochResult, after: EpochResult) -> Comparison:
    n = before.active.size
    if after.active.size != n:
        raise InputError("after", f"expected a result of {n} uids, as before, got {after.active.size}")
    values: list[dict[str, AnyArray]] = []
    for result in (before, after):
        traced = result.trace if before.trace is not None and after.trace is not None else None
        raw = [name for name in RAW if traced is not None or hasattr(result, name)]
        values.append(
            {name: (traced or vars(result))[name] for name in raw} | {name: getattr(result, name) for name in PAID}
        )
    return Comparison(n, (), values[0], values[1], None, {})


def _replaced(before: Snapshot, after: Snapshot) -> tuple[int, ...]:
    pairs = zip(before.hotkeys or (), after.hotkeys or (), strict=False)
    return tuple(uid for uid, (a, b) in enumerate(pairs) if a != b)


def _known(measure: str, values: Mapping[str, AnyArray]) -> None:
    if not isinstance(measure, str) or measure not in values:
        raise InputError("measure", f"expected one of {', '.join(values)}, got {shown(measure)}")


# -- inputs, and what is put into them ------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Inputs:
    """All inputs of an epoch by name; an array that is the same object is the same input."""

    state: Mapping[str, Any]
    hyperparameters: Mapping[str, Any]
    emission: int

    def built(self) -> tuple[SubnetState, Hyperparameters]:
        return SubnetState(**self.state), Hyperparameters(**self.hyperparameters)


@dataclass(frozen=True)
class _Group:
    """A group of inputs, or a member of one; `put(into, of)` is `into` with the group as in `of`, itself if it is so."""

    kind: str
    member: int | str | None
    put: Callable[[_Inputs, _Inputs], _Inputs]


_OF_KIND: Final = {
    "weights": ("weights", "last_update", "commit_block"),
    "stake": ("total_stake",),
    "registrations": ("block_at_registration",),
    "permits": ("validator_permit",),
    "bonds": ("bonds",),
    "previous_consensus": ("previous_consensus",),
    "owner": ("owner_uid",),
    "blocks": ("current_block", "last_mechanism_step_block", "last_yuma_step_block"),
}
_BY_UID: Final = ("weights", "stake", "registrations", "permits", "bonds")


def _groups(before: _Inputs, after: _Inputs, members: bool) -> Iterator[_Group]:
    for kind, names in _OF_KIND.items():
        yield _Group(kind, None, _putting(names))
        if members and kind in _BY_UID:
            uids = _changed_uids(before, after, names)
            if len(uids) > 1:
                yield from (_Group(kind, uid, _putting(names, uid)) for uid in uids)
    rules = [name for name in before.hyperparameters if before.hyperparameters[name] != after.hyperparameters[name]]
    yield _Group("hyperparameters", None, _putting_rules(rules))
    if members and len(rules) > 1:
        yield from (_Group("hyperparameters", name, _putting_rules([name])) for name in rules)
    yield _Group("emission", None, _putting_emission)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.shape == b.shape and bool((a == b).all())
    return bool(type(a) is type(b) and a == b)


def _putting(names: Sequence[str], uid: int | None = None) -> Callable[[_Inputs, _Inputs], _Inputs]:
    def put(into: _Inputs, of: _Inputs) -> _Inputs:
        changed = {name: of.state[name] for name in names if not _equal(into.state[name], of.state[name])}
        if not changed:
            return into
        if uid is not None:
            changed = {name: _with(into.state[name], value, uid) for name, value in changed.items()}
        return _Inputs({**into.state, **changed}, into.hyperparameters, into.emission)

    return put


def _putting_rules(names: Sequence[str]) -> Callable[[_Inputs, _Inputs], _Inputs]:
    def put(into: _Inputs, of: _Inputs) -> _Inputs:
        changed = {name: of.hyperparameters[name] for name in names}
        return _Inputs(into.state, {**into.hyperparameters, **changed}, into.emission) if changed else into

    return put


def _putting_emission(into: _Inputs, of: _Inputs) -> _Inputs:
    return into if into.emission == of.emission else _Inputs(into.state, into.hyperparameters, of.emission)


def _with(into: Any, of: Any, uid: int) -> Any:
    """`into` with what `of` has for one uid."""
    if isinstance(into, SparseRows):
        start, end = int(into.indptr[uid]), int(into.indptr[uid + 1])
        other = slice(int(of.indptr[uid]), int(of.indptr[uid + 1]))
        uids, values = (
            np.concatenate([mine[:start], theirs[other], mine[end:]])
            for mine, theirs in ((into.uid, of.uid), (into.value, of.value))
        )
        longer = np.zeros(into.n + 1, np.int64)
        longer[uid + 1 :] = other.stop - other.start - (end - start)
        return SparseRows(into.indptr + longer, uids, values)
    out = np.array(into)
    out[uid] = of[uid]
    return freeze(out)


def _changed_uids(before: _Inputs, after: _Inputs, names: Sequence[str]) -> list[int]:
    changed: set[int] = set()
    for name in names:
        a, b = before.state[name], after.state[name]
        if isinstance(a, SparseRows):
            if a != b:
                pairs = enumerate(zip(a, b, strict=True))
                changed |= {uid for uid, (x, y) in pairs if not (_equal(x[0], y[0]) and _equal(x[1], y[1]))}
        elif isinstance(a, np.ndarray):
            differs = a != b
            changed |= set(np.flatnonzero(differs.any(axis=1) if differs.ndim == 2 else differs).tolist())
    return sorted(changed)


# -- epochs ---------------------------------------------------------------------------------------------------------------

_CHUNK: Final = 32  # traced epochs that are in memory at once


_Measured = Mapping[str, AnyArray] | InputError
_PENDING: Final[Mapping[str, AnyArray]] = MappingProxyType({})


class _Runs:
    def __init__(self, backend: str | None, threads: int | None) -> None:
        self.backend, self.threads = backend, threads

    def measured(self, makers: Sequence[Callable[[], _Inputs]], progress: Progress | None = None) -> list[_Measured]:
        """The measures of the epoch of what each makes, or why there is none."""
        out: list[_Measured] = []
        for first in range(0, len(makers), _CHUNK):
            states, rules, emissions, places = [], [], [], []
            for make in makers[first : first + _CHUNK]:
                inputs = make()
                try:
                    state, hyperparameters = inputs.built()
                except InputError as error:  # two halves that are valid may make a whole that is not
                    out.append(error)
                    continue
                states.append(state)
                rules.append(hyperparameters)
                emissions.append(inputs.emission)
                places.append(len(out))
                out.append(_PENDING)
            results = epoch_many(
                states, rules, emission=emissions, backend=self.backend, trace=True, threads=self.threads, return_errors=True
            )
            for place, result in zip(places, results, strict=True):
                out[place] = result if isinstance(result, InputError) else _measures(result)
            if progress is not None:
                progress(len(out), len(makers))
        return out

    def valid(self, name: str, inputs: _Inputs) -> Mapping[str, AnyArray]:
        """The measures of one epoch; its InputError names the snapshot."""
        (measured,) = self.measured([lambda: inputs])
        if isinstance(measured, InputError):
            raise measured.within(f"{name}.{measured.field}")
        return measured

    def padded(self, name: str, snapshot: Snapshot, n: int) -> _Inputs:
        """The inputs of a snapshot, as one of n uids."""
        state = dict(vars(snapshot.state))
        state.pop("_native", None)
        rules = plain(snapshot.hyperparameters)
        if state["commit_block"] is None:  # which is the same, and lets commits be compared
            state["commit_block"] = np.full(snapshot.state.n, U64_MAX, np.uint64)
        own, more = _Inputs(dict(state), rules, snapshot.emission), n - snapshot.state.n
        if not more:
            return own
        for rows in ("weights", "bonds"):
            held = state[rows]
            state[rows] = SparseRows(np.pad(held.indptr, (0, more), mode="edge"), held.uid, held.value)
        for array in ("total_stake", "last_update", "block_at_registration", "validator_permit"):
            held = state[array]
            state[array] = np.concatenate([held, np.zeros((more, *held.shape[1:]), held.dtype)])
        state["commit_block"] = np.concatenate([state["commit_block"], np.full(more, U64_MAX, np.uint64)])
        inputs = _Inputs(state, rules, snapshot.emission)
        mine, longer = self.valid(name, own), self.valid(name, inputs)
        if any((longer[measure][: snapshot.state.n] != mine[measure]).any() for measure in MEASURES):
            raise InputError(name, f"expected {n} uids: in its profile, uids that have nothing would change its epoch")
        return inputs


def _measures(result: EpochResult) -> Mapping[str, AnyArray]:
    assert result.trace is not None
    raw: dict[str, Any] = {name: result.trace[name] for name in RAW}
    return MappingProxyType({**raw, **{name: getattr(result, name) for name in PAID}})


# -- as people read it ----------------------------------------------------------------------------------------------------


def _shown(measure: str) -> Callable[[int], str]:
    return alpha if measure in PAID else proportion


def _unit(measure: str) -> str:
    return "alpha" if measure in PAID else "of 1"


def _signed(value: int | None, shown_as: Callable[[int], str]) -> str:
    if value is None:
        return "-"
    return "0" if value == 0 else f"{'+' if value > 0 else '-'}{shown_as(abs(value))}"
