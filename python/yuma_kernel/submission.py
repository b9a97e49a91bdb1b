"""Would the chain take these weights: the checks of the calls that set, commit and reveal them, before one is sent.

The checks stand in the order in which the pallet makes them, under its own names (runtime 425). All that fail are reported;
the call itself fails with the first. A check for which something is not known is reported as not known, never as passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, get_args

import numpy as np

from yuma_kernel.arrays import U16_MAX, U64_MAX, array, has_items, integer
from yuma_kernel.errors import InputError, shown
from yuma_kernel.snapshot import Snapshot
from yuma_kernel.stages import upscale_to_u16
from yuma_kernel.tables import Table, Tabled
from yuma_kernel.types import Hyperparameters, SubnetState
from yuma_kernel.weights import uid_of_key

Call = Literal["set", "commit", "commit_timelocked", "reveal"]
Status = Literal["passed", "failed", "not known"]
Verdict = Literal["accepted", "refused", "not known"]
Found = tuple[Status, str]

CALLS: Final[tuple[Call, ...]] = get_args(Call)
MAX_UNREVEALED: Final = 10
"""Commits that may wait to be revealed: with so many, another is refused."""

NOT_KNOWN: Final[Status] = "not known"
_IN_META: Final = {"mechanism_count": "mechanisms"}
"""The names in a snapshot's `meta` of what is called otherwise here."""


@dataclass(frozen=True)
class Check:
    """One check of a call.

    Attributes:
        error: the pallet's name of the error where it fails.
        status: "passed", "failed", or "not known" where an input is missing.
        why: the numbers that decide it, with units; or what is missing.
    """

    error: str
    status: Status
    why: str


@dataclass(frozen=True, repr=False)
class Preflight(Tabled):
    """What the chain would say to a call.

    Attributes:
        call: "set", "commit", "commit_timelocked" or "reveal".
        block: the block of the call.
        sender: the sender's uid; None where it has none.
        checks: all checks, in the order in which the pallet makes them.
        row: (uid, value) as the chain stores them if it takes them, in the order in which they are sent; None for a commit,
            and where there are not as many uids as values.
        next_block: the first block, not before `block`, in which the rate limit admits the call; None where it is not known.
        at_reveal: of a commit with weights, what the chain would say to its reveal if nothing changed until then.
    """

    call: Call
    block: int
    sender: int | None
    checks: tuple[Check, ...]
    row: tuple[tuple[int, int], ...] | None
    next_block: int | None
    at_reveal: Preflight | None = None

    @property
    def verdict(self) -> Verdict:
        """One of "accepted": all checks pass; "refused": some check fails; "not known": none fails, some is not known."""
        if self.errors:
            return "refused"
        return "not known" if self.not_known else "accepted"

    @property
    def errors(self) -> tuple[str, ...]:
        """The errors of all checks that fail, in the pallet's order."""
        return tuple(check.error for check in self.checks if check.status == "failed")

    @property
    def not_known(self) -> tuple[str, ...]:
        """The errors of all checks that could not be made."""
        return tuple(check.error for check in self.checks if check.status == NOT_KNOWN)

    @property
    def error(self) -> str | None:
        """The error with which the call fails: that of the first check that does.

        None where none fails, and where an earlier one is not known.
        """
        first = next((check for check in self.checks if check.status != "passed"), None)
        return first.error if first is not None and first.status == "failed" else None

    def __repr__(self) -> str:
        parts = [f"{self.call} in block {self.block} by uid {self.sender}: {self.verdict}"]
        parts += [", ".join(self.errors)] if self.errors else []
        parts += [f"not known: {', '.join(self.not_known)}"] if self.not_known else []
        return f"Preflight({'; '.join(parts)})"

    def __str__(self) -> str:
        width = max(len(check.error) for check in self.checks)
        table = [f"  {check.status:<9}  {check.error:<{width}}  {check.why}" for check in self.checks]
        return "\n".join([repr(self), *table, *self._notes()])

    def _notes(self) -> Iterator[str]:
        yield from self._facts()
        if self.at_reveal is not None:
            yield f"at the reveal: {self.at_reveal}"

    def _facts(self) -> Iterator[str]:
        if self.next_block is not None and self.next_block > self.block:
            yield f"the rate limit admits the call in block {self.next_block}"
        if self.row is not None:
            entries = ", ".join(f"({uid}, {value})" for uid, value in self.row)
            yield f"stored as (uid, value of 65535): {entries or 'nothing'}"

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(
            f"<tr><td>{check.status}</td><td>{check.error}</td><td>{escape(check.why)}</td></tr>" for check in self.checks
        )
        notes = "".join(f"<p>{escape(note)}</p>" for note in self._notes())
        head = "<tr><th>status</th><th>check</th><th>why</th></tr>"
        return f"<table><caption>{escape(repr(self))}</caption>{head}{rows}</table>{notes}"

    def table(self) -> Table:
        """A row for each check, in the pallet's order, and those of the reveal after them."""
        calls = [self] if self.at_reveal is None else [self, self.at_reveal]
        rows = [(part.call, check.status, check.error, check.why) for part in calls for check in part.checks]
        columns = {name: [row[k] for row in rows] for k, name in enumerate(("call", "status", "check", "why"))}
        notes = "\n".join(note for part in calls for note in part._facts())
        return Table(columns, left=tuple(columns), title=repr(self), caption=notes)

    def to_dict(self) -> dict[str, Any]:
        """As dicts, lists, strings and integers, the verdict with them."""
        out: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        out["checks"] = [{f.name: getattr(check, f.name) for f in fields(check)} for check in self.checks]
        out["row"] = None if self.row is None else [list(entry) for entry in self.row]
        out["at_reveal"] = None if self.at_reveal is None else self.at_reveal.to_dict()
        return {"verdict": self.verdict, "error": self.error, **out}


@dataclass(frozen=True, kw_only=True)
class _Case:
    """All that the checks look at; None for what is not known."""

    state: SubnetState
    hyperparameters: Hyperparameters
    sender: int | None
    uids: tuple[int, ...]
    values: tuple[int, ...]
    block: int
    netuid: int | None
    mechanism: int
    mechanism_count: int | None
    version_key: int | None
    weights_version_key: int | None
    weights_set_rate_limit: int | None
    min_allowed_weights: int | None
    commit_reveal_version: int | None
    call_commit_reveal_version: int | None
    unrevealed_commits: int | None
    other_mechanism: bool  # than that of the state, whose last_update is of one mechanism

    @property
    def last_update(self) -> int | None:
        """The sender's; None for one without a uid, and where it is not known."""
        return None if self.sender is None or self.other_mechanism else int(self.state.last_update[self.sender])

    @property
    def lone_self(self) -> bool:
        return len(self.values) == 1 and self.sender is not None and self.uids == (self.sender,)

    @property
    def is_owner(self) -> bool:
        return self.sender is not None and self.sender == self.state.owner_uid


def _passes(holds: bool, why: str) -> Found:
    return ("passed" if holds else "failed"), why


def _missing(*names: str) -> Found:
    return NOT_KNOWN, f"not known: {', '.join(names)}"


_NO_UID: Final[Found] = NOT_KNOWN, "the sender has no uid to look at"


def _commit_reveal_enabled(case: _Case) -> Found:
    on = case.hyperparameters.commit_reveal
    return _passes(not on, "weights are committed and revealed here" if on else "commit-reveal is off")


def _commit_reveal_disabled(case: _Case) -> Found:
    on = case.hyperparameters.commit_reveal
    return _passes(on, "commit-reveal is on" if on else "commit-reveal is off here: weights are set")


def _root(case: _Case) -> Found:
    return _missing("netuid") if case.netuid is None else _passes(case.netuid != 0, f"netuid {case.netuid}")


def _not_equal_size(case: _Case) -> Found:
    return _passes(len(case.uids) == len(case.values), f"{len(case.uids)} uids, {len(case.values)} values")


def _mechanism(case: _Case) -> Found:
    if case.mechanism_count is None:
        if case.mechanism == 0:
            return "passed", "mechanism 0, which every subnet has"
        return _missing("mechanism_count")
    return _passes(case.mechanism < case.mechanism_count, f"mechanism {case.mechanism} of {case.mechanism_count}")


def _too_many(case: _Case) -> Found:
    return _passes(len(case.uids) <= case.state.n, f"{len(case.uids)} entries, {case.state.n} uids in the subnet")


def _registered(case: _Case) -> Found:
    return _passes(case.sender is not None, "the sender has no uid" if case.sender is None else f"uid {case.sender}")


def _stake(case: _Case) -> Found:
    if case.sender is None:
        return _NO_UID
    low, high = case.state.total_stake[case.sender].tolist()
    stake, threshold = (low | high << 64) >> 64, case.hyperparameters.stake_threshold
    why = f"stake {stake} rao, threshold {threshold} rao"
    return ("passed", f"{why}, of which the owner is free") if case.is_owner else _passes(stake >= threshold, why)


def _version_key(case: _Case) -> Found:
    if case.weights_version_key == 0:
        return "passed", "the subnet asks for no version key"
    if case.weights_version_key is None or case.version_key is None:
        names = ("weights_version_key", "version_key")
        return _missing(*(name for name in names if getattr(case, name) is None))
    why = f"version key {case.version_key}, at least {case.weights_version_key}"
    return _passes(case.version_key >= case.weights_version_key, why)


def _earliest(case: _Case) -> int | None:
    """The first block in which the rate limit admits a call; None where that is not known."""
    last = case.last_update
    if last == 0:
        return case.block
    return (
        None if last is None or case.weights_set_rate_limit is None else max(case.block, last + case.weights_set_rate_limit)
    )


def _rate(case: _Case) -> Found:
    if case.sender is None:
        return _NO_UID
    earliest, last = _earliest(case), case.last_update
    if last is None:
        return NOT_KNOWN, f"not known: last_update of mechanism {case.mechanism}, as the snapshot is of another"
    if earliest is None:
        return _missing("weights_set_rate_limit")
    if last == 0:
        return "passed", "never updated before"
    why = f"last update in block {last}, rate limit {case.weights_set_rate_limit} blocks, call in block {case.block}"
    return _passes(earliest <= case.block, f"{why}: from block {last + (case.weights_set_rate_limit or 0)} on")


def _permit(case: _Case) -> Found:
    if case.sender is None:
        return _NO_UID
    if case.state.validator_permit[case.sender]:
        return "passed", "has a permit"
    if case.is_owner:
        return "passed", "the owner needs no permit"
    return _passes(case.lone_self, "a lone self weight needs no permit" if case.lone_self else "has no permit")


def _duplicates(case: _Case) -> Found:
    seen: set[int] = set()
    twice = [uid for uid in case.uids if uid in seen or seen.add(uid)]  # type: ignore[func-returns-value]
    return _passes(not twice, f"uid {twice[0]} twice" if twice else "every uid once")


def _invalid(case: _Case) -> Found:
    bad = [uid for uid in case.uids if uid >= case.state.n]
    return _passes(not bad, f"uid {bad[0]}, {case.state.n} uids in the subnet" if bad else "all uids are in the subnet")


def _too_few(case: _Case) -> Found:
    count = len(case.uids)
    if case.lone_self:
        return "passed", "a lone self weight is enough"
    if count >= case.state.n:
        return "passed", f"{count} entries, as many as any minimum asks for"
    if case.min_allowed_weights is None:
        return _missing("min_allowed_weights")
    least = min(case.state.n, case.min_allowed_weights)
    return _passes(count >= least, f"{count} entries, at least {least}")


def _max_weight(case: _Case) -> Found:
    return "passed", "the limit is a constant, 65535, which no weight exceeds"


def _too_many_commits(case: _Case) -> Found:
    if case.unrevealed_commits is None:
        return _missing("unrevealed_commits")
    return _passes(case.unrevealed_commits < MAX_UNREVEALED, f"{case.unrevealed_commits} waiting, below {MAX_UNREVEALED}")


def _commit_version(case: _Case) -> Found:
    names = ("commit_reveal_version", "call_commit_reveal_version")
    missing = [name for name in names if getattr(case, name) is None]
    if missing:
        return _missing(*missing)
    why = f"version {case.call_commit_reveal_version}, the chain has {case.commit_reveal_version}"
    return _passes(case.call_commit_reveal_version == case.commit_reveal_version, why)


_SET: Final[Mapping[str, Callable[[_Case], Found]]] = {
    "CommitRevealEnabled": _commit_reveal_enabled,
    "CanNotSetRootNetworkWeights": _root,
    "WeightVecNotEqualSize": _not_equal_size,
    "MechanismDoesNotExist": _mechanism,
    "UidsLengthExceedUidsInSubNet": _too_many,
    "HotKeyNotRegisteredInSubNet": _registered,
    "NotEnoughStakeToSetWeights": _stake,
    "IncorrectWeightVersionKey": _version_key,
    "SettingWeightsTooFast": _rate,
    "NeuronNoValidatorPermit": _permit,
    "DuplicateUids": _duplicates,
    "UidVecContainInvalidOne": _invalid,
    "WeightVecLengthIsLow": _too_few,
    "MaxWeightExceeded": _max_weight,
}
_COMMIT: Final[Mapping[str, Callable[[_Case], Found]]] = {
    "MechanismDoesNotExist": _mechanism,
    "CommitRevealDisabled": _commit_reveal_disabled,
    "HotKeyNotRegisteredInSubNet": _registered,
    "CommittingWeightsTooFast": _rate,
    "TooManyUnrevealedCommits": _too_many_commits,
}
CHECKS: Final[Mapping[Call, Mapping[str, Callable[[_Case], Found]]]] = {
    "set": _SET,
    "commit": _COMMIT,
    "commit_timelocked": {"IncorrectCommitRevealVersion": _commit_version, **_COMMIT},
    "reveal": {name: check for name, check in _SET.items() if name not in ("CommitRevealEnabled", "SettingWeightsTooFast")},
}
"""By call, its checks in the order in which the pallet makes them."""


def preflight(
    subnet: Snapshot | SubnetState,
    hyperparameters: Hyperparameters | None = None,
    *,
    sender: int | str | None,
    weights: object = None,
    call: Call = "set",
    block: int | None = None,
    netuid: int | None = None,
    mechanism: int | None = None,
    mechanism_count: int | None = None,
    version_key: int | None = None,
    weights_version_key: int | None = None,
    weights_set_rate_limit: int | None = None,
    min_allowed_weights: int | None = None,
    commit_reveal_version: int | None = None,
    call_commit_reveal_version: int | None = None,
    unrevealed_commits: int | None = None,
) -> Preflight:
    """Whether the chain would take these weights, check by check.

    What neither an argument nor `meta` of a snapshot says is not known, and the checks that need it are reported so.

    Args:
        subnet: a snapshot, or a state with `hyperparameters`, which then are needed.
        sender: the uid; or the hotkey, where the snapshot has hotkeys; None for one that is not registered.
        weights: as they are sent: {uid: u16}, or a pair (uids, values) as of `weights_to_u16`; a list of two lists of two
            may be pairs (uid, value) as well, and is refused. A commit needs none; with them its reveal is checked too.
        call: "set"; "commit" of a hash; "commit_timelocked"; "reveal", of either.
        block: the block of the call, not before the sender's last update; where it is not given, `current_block` of the
            state, which is the next block after the state's own.
        netuid: of the subnet; `meta["netuid"]`.
        mechanism: which the call names; else `meta["mechanism"]`, else 0, which is what a call that names none sets. A
            snapshot of another mechanism does not know when weights of this one were set last.
        mechanism_count: how many the subnet has; `meta["mechanisms"]`.
        version_key: that of the call.
        weights_version_key, weights_set_rate_limit, min_allowed_weights: the subnet's; or in `meta`, under these names.
            The rate limit is in blocks.
        commit_reveal_version: the chain's; or in `meta`. call_commit_reveal_version: that of the call.
        unrevealed_commits: how many commits of the sender wait that are not expired.

    Raises:
        InputError: what could not be sent at all, or is no such subnet; naming the argument, the index and the rule.
    """
    if isinstance(subnet, Snapshot):
        state, hotkeys, meta = subnet.state, subnet.hotkeys, subnet.meta
        rules = subnet.hyperparameters if hyperparameters is None else hyperparameters
    elif isinstance(subnet, SubnetState):
        if hyperparameters is None:
            raise InputError("hyperparameters", "expected Hyperparameters: a state has none of its own")
        state, hotkeys, meta, rules = subnet, None, {}, hyperparameters
    else:
        raise InputError("subnet", f"expected a Snapshot or a SubnetState, got {type(subnet).__name__}")
    if not isinstance(rules, Hyperparameters):
        raise InputError("hyperparameters", f"expected Hyperparameters, got {type(rules).__name__}")
    if call not in CALLS:
        raise InputError("call", f"expected one of {', '.join(CALLS)}, got {shown(call)}")
    commits = call in ("commit", "commit_timelocked")
    if weights is None and not commits:
        raise InputError("weights", "expected weights: only a commit can be without")
    uids, values = ((), ()) if weights is None else _sent(weights)

    def known(name: str, given: int | None, high: int) -> int | None:
        if given is None:
            given = meta.get(_IN_META.get(name, name))
        return None if given is None else integer(name, given, 0, high)

    called, held = known("mechanism", mechanism, U16_MAX) or 0, known("mechanism", None, U16_MAX)
    case = _Case(
        state=state,
        hyperparameters=rules,
        sender=_uid(sender, state.n, hotkeys),
        uids=uids,
        values=values,
        block=state.current_block if block is None else integer("block", block, 0, U64_MAX),
        netuid=known("netuid", netuid, U16_MAX),
        mechanism=called,
        other_mechanism=held is not None and called != held,
        mechanism_count=known("mechanism_count", mechanism_count, U16_MAX),
        version_key=None if version_key is None else integer("version_key", version_key, 0, U64_MAX),
        weights_version_key=known("weights_version_key", weights_version_key, U64_MAX),
        weights_set_rate_limit=known("weights_set_rate_limit", weights_set_rate_limit, U64_MAX),
        min_allowed_weights=known("min_allowed_weights", min_allowed_weights, U16_MAX),
        commit_reveal_version=known("commit_reveal_version", commit_reveal_version, U16_MAX),
        call_commit_reveal_version=None
        if call_commit_reveal_version is None
        else integer("call_commit_reveal_version", call_commit_reveal_version, 0, U16_MAX),
        unrevealed_commits=None
        if unrevealed_commits is None
        else integer("unrevealed_commits", unrevealed_commits, 0, U64_MAX),
    )
    last = case.last_update or 0
    if case.block < last:
        raise InputError("block", f"expected no block before the sender's last update, {last}, got {case.block}")
    at_reveal = _preflight(case, "reveal") if commits and weights is not None else None
    return _preflight(case, call, at_reveal)


def _preflight(case: _Case, call: Call, at_reveal: Preflight | None = None) -> Preflight:
    row = None
    if call in ("set", "reveal") and len(case.uids) == len(case.values):
        stored = upscale_to_u16(np.array(case.values, np.uint16)).tolist()
        row = tuple(zip(case.uids, stored, strict=True))
    return Preflight(
        call=call,
        block=case.block,
        sender=case.sender,
        checks=tuple(Check(error, *check(case)) for error, check in CHECKS[call].items()),
        row=row,
        next_block=case.block if call == "reveal" else _earliest(case),
        at_reveal=at_reveal,
    )


def _sent(weights: object) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Uids and values as they are in a call, each u16, in their order."""
    if isinstance(weights, Mapping):
        pair: tuple[Any, ...] = ([uid_of_key(uid) for uid in weights], list(weights.values()))
    elif has_items(weights):
        pair = tuple(weights)  # type: ignore[arg-type]
    else:
        pair = ()
    if len(pair) != 2 or not all(map(has_items, pair)):
        raise InputError("weights", "expected a mapping {uid: value} or a pair (uids, values)")
    if isinstance(weights, list) and all(isinstance(part, (list, tuple)) and len(part) == 2 for part in pair):
        rule = "expected a mapping {uid: value} or a tuple (uids, values), got a list that is as well two pairs (uid, value)"
        raise InputError("weights", rule)
    uids, values = array("uids", pair[0], np.uint16, (None,)), array("values", pair[1], np.uint16, (None,))
    return tuple(uids.tolist()), tuple(values.tolist())


def _uid(sender: object, n: int, hotkeys: tuple[str, ...] | None) -> int | None:
    if isinstance(sender, str):
        if hotkeys is None:
            raise InputError("sender", "expected a uid: the hotkeys of this subnet are not known")
        return hotkeys.index(sender) if sender in hotkeys else None
    if sender is None:
        return None
    uid = integer("sender", sender, 0, U16_MAX)
    return uid if uid < n else None
