"""A past epoch computed again from the chain's own state, and held to what the chain stored after it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, overload

import numpy as np

from yuma_kernel.arrays import U64_MAX, AnyArray
from yuma_kernel.chain import requests
from yuma_kernel.chain.errors import ChainError, ContentError
from yuma_kernel.chain.forecast import added, extra_keys
from yuma_kernel.chain.layout import NETUID_STEP, Key, Layout
from yuma_kernel.chain.mechanisms import SubnetResult, combined, emissions, weights
from yuma_kernel.chain.requests import Flow
from yuma_kernel.chain.snapshot import (
    MODES_SINCE,
    NO_COMMIT,
    Commits,
    Place,
    Reading,
    Stored,
    commits,
    epoch_index,
    profile_for,
    reading,
    rows,
    snapshots,
)
from yuma_kernel.epoch import epoch
from yuma_kernel.errors import InputError
from yuma_kernel.results import OUTPUTS, Difference, EpochResult, _array_difference, _rows_difference
from yuma_kernel.rows import SparseRows
from yuma_kernel.snapshot import Snapshot, save
from yuma_kernel.tables import Table, Tabled

STORED: Final[Mapping[str, str]] = {
    "active": "Active",
    "stake_weight": "StakeWeight",
    "validator_permit": "ValidatorPermit",
    "consensus": "Consensus",
    "validator_trust": "ValidatorTrust",
    "dividends": "Dividends",
    "emission": "Emission",
}
"""By output, the item that holds it for the subnet as a whole; incentive and bonds are stored of each mechanism."""


@dataclass(frozen=True, eq=False, repr=False)
class Audit(Tabled):
    """One past epoch, computed again.

    Attributes:
        netuid, block: the subnet, and the block whose initialization ran the epoch.
        spec_version, profile: the runtime that ran it, and the arithmetic that was taken for it.
        snapshots: one a mechanism: the state that the epoch found, corrected for what the block did before it, and as
            `expected` what the chain stored (server and validator emission are not stored).
        result: what was computed from them.
        differences: of every output that is not what the chain stored, the first place; in the order of the law.
        emission: rao that the epoch divided, recovered from what it stored; None where it stored none, and where no emission
            gives all of it.
        emission_range: the least and the largest that give the same.
        revealed: uids whose weights the block revealed first; their rows are those after the block.
        replaced: uids that a registration of the same block took after the epoch; what is stored of them is another's.
        notes: what else a reader of the audit has to know.
    """

    netuid: int
    block: int
    spec_version: int
    profile: int
    snapshots: tuple[Snapshot, ...]
    result: SubnetResult
    differences: tuple[Difference, ...]
    emission: int | None
    emission_range: tuple[int, int] | None
    revealed: tuple[int, ...]
    replaced: tuple[int, ...]
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Audit(netuid={self.netuid}, block={self.block}, {self.verdict})"

    def __str__(self) -> str:
        return f"subnet {self.netuid}, epoch of block {self.block}: {self.verdict}"

    @property
    def first_difference(self) -> Difference | None:
        """The first output that differs; None where the chain stored what was computed."""
        return self.differences[0] if self.differences else None

    @property
    def verdict(self) -> str:
        """In words."""
        return "no difference" if not self.differences else "; ".join(map(str, self.differences))

    def table(self) -> Table:
        """One row."""
        return Audits([self]).table()

    def save(self, folder: str | os.PathLike[str]) -> tuple[Path, ...]:
        """Writes one snapshot a mechanism into the folder, named by subnet, block and mechanism; the files."""
        out = []
        for mechanism, snapshot in enumerate(self.snapshots):
            several = f"_mechanism{mechanism}" if len(self.snapshots) > 1 else ""
            out.append(Path(folder) / f"sn{self.netuid}_block{self.block}{several}.npz")
            save(out[-1], snapshot)
        return tuple(out)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "netuid": self.netuid,
            "block": self.block,
            "spec_version": self.spec_version,
            "profile": self.profile,
            "mechanisms": len(self.snapshots),
            "differences": [{**vars(d), "expected": _plain(d.expected), "got": _plain(d.got)} for d in self.differences],
            "emission_rao": self.emission,
            "emission_range_rao": None if self.emission_range is None else list(self.emission_range),
            "revealed": list(self.revealed),
            "replaced": list(self.replaced),
            "notes": list(self.notes),
        }


def _plain(value: Any) -> Any:
    return (
        list(value) if isinstance(value, tuple) else value if isinstance(value, (int, bool, str, type(None))) else str(value)
    )


# -- emission -------------------------------------------------------------------------------------------------------------


def emission_ranges(shares: Sequence[int], stored: Sequence[int]) -> list[tuple[int, int]]:
    """By uid with a share, the least and the largest E with floor(x·E / 2^32) = what is stored; turned round without one."""
    out = []
    for share, amount in zip(shares, stored, strict=True):
        if share > 0:
            out.append((-(-(amount << 32) // share), -(-((amount + 1) << 32) // share) - 1))
        elif amount:
            out.append((1, 0))
    return out


def best_emission(ranges: Sequence[tuple[int, int]], near: int) -> tuple[int, tuple[int, int] | None]:
    """An E that as many ranges hold as can, as near to `near` as they let it; and the range that all hold, if any."""
    low = max((low for low, _ in ranges), default=0)
    high = min((high for _, high in ranges), default=U64_MAX)
    if low <= high:
        return min(max(near, low), high), (low, high)
    ends = sorted([(low, 0) for low, high in ranges if low <= high] + [(high, 1) for low, high in ranges if low <= high])
    depth = most = 0
    best = near
    for place, kind in ends:
        if kind == 0:
            depth += 1
            if depth > most:
                most, best = depth, place
        else:
            depth -= 1
    return min(best, U64_MAX), None


_SPREAD: Final = 512
"""Rao to either side of the bisected emission that are tried, where several mechanisms are combined."""


def _searched(
    given: Sequence[Sequence[int]],
    stored: Sequence[int],
    divided: Callable[[int], Sequence[int]],
    near: int,
    out: Sequence[int],
) -> tuple[int, tuple[int, int] | None]:
    """The same for several mechanisms, whose parts are rounded and weighted before they are added: found by trying.

    `given` are the raw shares of each mechanism by uid, `out` uids that say nothing. The sum over uids rises with E but for
    the rounding of the weights, which moves it by less than `_SPREAD` rao of E.
    """
    skipped = set(out)
    uids = [uid for uid in range(len(stored)) if uid not in skipped]

    def amounts(total: int) -> list[int]:
        parts = divided(total)
        mechanisms = list(zip(given, parts, weights(total, parts), strict=True))
        return [min(U64_MAX, sum((x[uid] * part >> 32) * w >> 64 for x, part, w in mechanisms)) for uid in uids]

    wanted = [stored[uid] for uid in uids]
    goal, low, high = sum(wanted), 0, U64_MAX
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if sum(amounts(middle)) < goal else (low, middle)
    tries = {total: amounts(total) for total in range(max(0, low - _SPREAD), min(U64_MAX, low + _SPREAD) + 1)}
    hits = [total for total, found in tries.items() if found == wanted]
    if hits:
        return min(hits, key=lambda total: abs(total - near)), (min(hits), max(hits))
    return max(
        tries, key=lambda total: (sum(a == b for a, b in zip(tries[total], wanted, strict=True)), -abs(total - low))
    ), None


# -- what the chain stored ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _After:
    """The state after the epoch's block."""

    stored: Stored
    n: int
    replaced: tuple[int, ...]

    def array(self, item: str, index: int, n: int) -> AnyArray:
        """The first n of what is stored; uids that were appended after the epoch stand behind them."""
        values: AnyArray = self.stored.value(item, index)
        return values[:n] if self.n > n else values


def _keys_after(read: Reading, due: Mapping[int, Commits]) -> list[Key]:
    netuid, n = read.netuid, read.n
    keys = [
        Key("Number"),
        *(Key(item, (netuid,)) for item in ("LastMechansimStepBlock", "SubnetworkN", "SubnetOwnerHotkey")),
    ]
    keys += [Key(item, (netuid,)) for item in STORED.values()]
    keys += [Key("BlockAtRegistration", (netuid, uid)) for uid in range(n)]
    now, period = epoch_index(read.stored, read.version, netuid, read.block + 1), _period(read)
    for mechanism in read.mechanisms:
        index = netuid + NETUID_STEP * mechanism
        keys.append(Key("Incentive", (index,)))
        if read.version >= MODES_SINCE:
            keys.append(Key("ConsensusByMechanism", (index,)))
        keys += [Key("Bonds", (index, uid)) for uid in range(n)]
        if mechanism in due and due[mechanism].due:
            accounts = due[mechanism].due
            keys += [Key("Weights", (index, uid)) for uid, hotkey in enumerate(read.hotkeys) if hotkey in accounts]
            keys.append(Key("TimelockedWeightCommits", (index, now - period)))
    return keys


def _period(read: Reading) -> int:
    return int(read.stored.value("RevealPeriodEpochs", read.netuid))


# -- the audit ------------------------------------------------------------------------------------------------------------


def last_epoch(netuid: int, block: int | None, layouts: dict[str, Layout]) -> Flow[int]:
    """The block of the last epoch at or before `block`, None for the best one; 0 where there was none."""
    at = yield from (requests.head() if block is None else requests.block_hash(block))
    key = Key("LastMechansimStepBlock", (netuid,))
    layout = (
        Layout.known()
    )  # the item is of every runtime that is read here; whether it changed is seen when the epoch is read
    stored = Stored(layout, (yield from requests.storage(layout, [key], at)))
    found: int = stored.value(key.item, netuid)
    return found


def audit(netuid: int, block: int, layouts: dict[str, Layout], profile: int | None, source: str) -> Flow[Audit]:
    """The flow of an audit of the epoch of `block`."""
    return (yield from audit_read(netuid, block, layouts, profile, source))[0]


def audit_read(
    netuid: int, block: int, layouts: dict[str, Layout], profile: int | None, source: str
) -> Flow[tuple[Audit, Reading]]:
    """The same, and what was read for it: the state before the block."""
    if block < 1:
        raise ContentError(
            "there was no epoch yet, or there is no such subnet", request=None, item=f"LastMechansimStepBlock({netuid})"
        )
    read = yield from reading(netuid, block - 1, None, layouts, lambda where: _hints(netuid, where))
    notes: list[str] = []
    migrated = yield from _migrated(read, layouts)
    if migrated is not None:
        notes.append(f"runtime {read.version} starts in this block, after {migrated}: its migrations ran before the epoch")
    found = {m: commits(read.stored, read.version, netuid, m, block) for m in read.mechanisms} if _reveals(read) else {}
    at = yield from requests.block_hash(block)
    layout = read.where.layout
    after = Stored(layout, (yield from requests.storage(layout, _keys_after(read, found), at)))
    _ran(after, netuid, block)
    replaced = tuple(uid for uid in range(read.n) if after.value("BlockAtRegistration", netuid, uid) == block)
    seen = _After(after, after.value("SubnetworkN", netuid), replaced)

    owners = [read.stored.raw("SubnetOwnerHotkey", netuid)]
    owner = after.value("SubnetOwnerHotkey", netuid)
    if owner != read.stored.value("SubnetOwnerHotkey", netuid):
        # by the block's own hook, before the epoch, or by a call of the block, after it: the first is the rule
        owners.insert(0, after.raw("SubnetOwnerHotkey", netuid))
        if any(owner):
            read.stored.add((yield from requests.storage(layout, [Key("Uids", (netuid, owner))], read.where.at)))
    if replaced:
        notes.append(
            f"{len(replaced)} uids were registered in this block, after the epoch: what is stored of them is not compared"
        )
    if seen.n > read.n:
        notes.append(f"{seen.n - read.n} uids were added in this block, after the epoch")

    number, more = profile_for(read.version, profile)
    about = {"source": source, "audit": f"of the epoch of block {block}", **more}
    tried = []
    for raw, whose in zip(owners, ("new", "old"), strict=False):
        read.stored.add({Key("SubnetOwnerHotkey", (netuid,)): raw})
        corrected, revealed = _corrected(read, after, snapshots(read, number, emissions, about), found)
        changed = [f"the owner changed in this block: the epoch is that of the {whose} one"] if len(owners) > 1 else []
        tried.append(_held(read, seen, corrected, revealed, number, [*notes, *changed]))
        if not tried[-1].differences:
            return tried[-1], read
    return tried[0], read


def _hints(netuid: int, where: Place) -> list[Key]:
    """What tells about how much the block itself adds: where a runtime stores it otherwise, the audit goes without."""
    return [key for key in extra_keys(netuid, where) if where.layout.has(key.item)]


def _reveals(read: Reading) -> bool:
    return bool(read.stored.value("CommitRevealWeightsEnabled", read.netuid))


def _migrated(read: Reading, layouts: dict[str, Layout]) -> Flow[int | None]:
    """The runtime that ran the block before, where it is another than the one that ran the epoch's block."""
    if read.block == 0:
        return None
    before = yield from requests.block_hash(read.block - 1)
    version = (yield from requests.runtime(before)).spec_version
    return None if version == read.version else version


def _ran(after: Stored, netuid: int, block: int) -> None:
    stamp = after.value("LastMechansimStepBlock", netuid)
    number = after.value("Number") if after.raw("Number") is not None else block
    if number != block:
        raise after.bad(f"expected the state of block {block}, got that of {number}", "Number")
    if stamp != block:
        rule = f"expected an epoch in block {block}: the last one up to it was in block {stamp}"
        raise after.bad(rule, "LastMechansimStepBlock", netuid)


def _corrected(
    read: Reading, after: Stored, given: Sequence[Snapshot], found: Mapping[int, Commits]
) -> tuple[tuple[Snapshot, ...], tuple[int, ...]]:
    """The snapshots as the epoch found them: with the rows that its block revealed, and without the commits of these."""
    out = []
    revealed: set[int] = set()
    netuid = read.netuid
    now, period = (epoch_index(read.stored, read.version, netuid, read.block + 1), _period(read)) if found else (0, 0)
    for mechanism, snapshot in zip(read.mechanisms, given, strict=True):
        due = found[mechanism].due if mechanism in found else {}
        if not due:
            out.append(snapshot)
            continue
        index = netuid + NETUID_STEP * mechanism
        uids = [uid for uid, hotkey in enumerate(read.hotkeys) if hotkey in due]
        stored = Stored(
            read.where.layout,
            {Key("Weights", (index, uid)): read.stored.raw("Weights", index, uid) for uid in range(read.n)},
        )
        stored.add({Key("Weights", (index, uid)): after.raw("Weights", index, uid) for uid in uids})
        kept, _ = rows(stored, "Weights", index, read.n, drop=True)
        waiting = Key("TimelockedWeightCommits", (index, now - period))
        read.stored.add({waiting: after.raw(waiting.item, *waiting.args)})  # what could not be revealed still masks
        left = commits(read.stored, read.version, netuid, mechanism, read.block + 1)
        blocks = np.array([left.earliest.get(hotkey, NO_COMMIT) for hotkey in read.hotkeys], np.uint64)
        state = replace(snapshot.state, weights=kept, commit_block=blocks if (blocks != NO_COMMIT).any() else None)
        out.append(replace(snapshot, state=state))
        revealed.update(uid for uid in uids if read.hotkeys[uid] not in left.due)
    return tuple(out), tuple(sorted(revealed))


def _held(
    read: Reading, seen: _After, given: Sequence[Snapshot], revealed: tuple[int, ...], profile: int, notes: list[str]
) -> Audit:
    """The epoch of the corrected snapshots, held to what was stored."""
    netuid, n, replaced = read.netuid, read.n, seen.replaced
    split = read.stored.value("MechanismEmissionSplit", netuid)
    shares = None if split is None else [int(s) for s in split]

    def divided(total: int) -> tuple[int, ...]:
        return emissions(total, read.count, shares, read.version)

    pending = sum(read.pending().values())
    hinted = all(read.stored.keys(key.item) for key in extra_keys(netuid, read.where))
    near = min(U64_MAX, pending + (added(read, 1).emission if hinted else 0))
    stored = seen.array("Emission", netuid, n).tolist()
    # an emission of 2^32 rao gives the raw shares themselves
    raw = [epoch(s.state, s.hyperparameters, emission=2**32).emission.tolist() for s in given]
    if len(stored) != n or not any(map(any, raw)):
        best, span = near, None
    elif len(given) == 1:
        kept = [uid for uid in range(n) if uid not in set(replaced)]
        best, span = best_emission(emission_ranges([raw[0][uid] for uid in kept], [stored[uid] for uid in kept]), near)
    else:
        best, span = _searched(raw, stored, divided, near, replaced)
    parts = divided(best)
    results = [epoch(s.state, s.hyperparameters, emission=part) for s, part in zip(given, parts, strict=True)]
    result = combined(results, best, parts)

    differences: list[Difference] = []
    expected: list[dict[str, Any]] = [{} for _ in given]
    for name in OUTPUTS:
        if name in STORED:
            want = _patched(seen.array(STORED[name], netuid, n), getattr(result, name), replaced)
            _append(differences, _array_difference(name, want, getattr(result, name)))
            if len(given) == 1 and want.size == n:
                expected[0][name] = want
        elif name in ("incentive", "bonds"):
            for mechanism, own in enumerate(results):
                index = netuid + NETUID_STEP * mechanism
                label = name if len(given) == 1 else f"{name} of mechanism {mechanism}"
                _append(differences, _of_mechanism(seen, name, label, index, n, own, expected[mechanism]))
    if read.version >= MODES_SINCE:
        for mechanism, own in enumerate(results):
            want = _patched(seen.array("ConsensusByMechanism", netuid + NETUID_STEP * mechanism, n), own.consensus, replaced)
            _append(differences, _array_difference(f"consensus stored of mechanism {mechanism}", want, own.consensus))
    kept_snapshots = tuple(
        replace(
            snapshot, emission=part, expected=want or None, meta=_meta(snapshot, best, span, revealed, differences, notes)
        )
        for snapshot, part, want in zip(given, parts, expected, strict=True)
    )
    return Audit(
        netuid, read.block + 1, read.version, profile, kept_snapshots, result, tuple(differences),
        best if span is not None else None, span, revealed, replaced, tuple(notes),
    )  # fmt: skip


def _append(differences: list[Difference], found: Difference | None) -> None:
    if found is not None:
        differences.append(found)


def _patched(want: AnyArray, got: AnyArray, replaced: Sequence[int]) -> AnyArray:
    """What is stored, with what was computed in the places of which it says nothing."""
    if not replaced or want.shape != got.shape:
        return np.array(want)
    out = np.array(want)
    out[list(replaced)] = got[list(replaced)]
    return out


def _of_mechanism(
    seen: _After, name: str, label: str, index: int, n: int, own: EpochResult, expected: dict[str, Any]
) -> Difference | None:
    if name == "incentive":
        want = _patched(seen.array("Incentive", index, n), own.incentive, seen.replaced)
        if want.size == n:
            expected[name] = want
        return _array_difference(label, want, own.incentive)
    found, _ = rows(seen.stored, "Bonds", index, n, drop=False)
    if seen.replaced:
        computed = own.bonds.to_rows()
        taken = set(seen.replaced)
        found = SparseRows.from_rows([computed[uid] if uid in taken else row for uid, row in enumerate(found.to_rows())])
    expected[name] = found
    return _rows_difference(label, found, own.bonds)


def _meta(
    snapshot: Snapshot,
    best: int,
    span: tuple[int, int] | None,
    revealed: tuple[int, ...],
    differences: Sequence[Difference],
    notes: Sequence[str],
) -> dict[str, Any]:
    known = (
        "recovered from what the epoch stored"
        if span is not None
        else "an estimate: what was pending and the block's own share"
    )
    found = {"revealed": list(revealed), "differences": list(map(str, differences)), "notes": list(notes)}
    return {**snapshot.meta, "emission": f"{known}, {best} rao for all mechanisms", **found}


# -- many -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Failure:
    """An epoch that could not be audited.

    Attributes:
        netuid, block: which.
        error: why.
    """

    netuid: int
    block: int
    error: ChainError | InputError

    @property
    def verdict(self) -> str:
        """In words."""
        return f"not audited: {self.error}"

    def __str__(self) -> str:
        return f"subnet {self.netuid}, epoch of block {self.block}: {self.verdict}"


_COLUMNS: Final = {"runtime": "spec_version", "profile": "profile", "emission_rao": "emission"}


class Audits(Tabled, Sequence["Audit | Failure"]):
    """Audits of many epochs, by block; where one could not be audited its failure, so that the others are not lost.

    Attributes:
        skipped: the blocks of the epochs that were not to be audited again, ascending.
    """

    def __init__(self, items: Sequence[Audit | Failure], skipped: Iterable[int] = ()) -> None:
        self._items = tuple(sorted(items, key=lambda item: item.block))
        self.skipped = tuple(sorted(skipped))

    @overload
    def __getitem__(self, at: int) -> Audit | Failure: ...
    @overload
    def __getitem__(self, at: slice) -> Audits: ...
    def __getitem__(self, at: int | slice) -> Audit | Failure | Audits:
        return Audits(self._items[at]) if isinstance(at, slice) else self._items[at]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Audit | Failure]:
        return iter(self._items)

    def __repr__(self) -> str:
        return f"Audits({self.verdict})"

    def table(self) -> Table:
        """A row for each epoch."""
        columns: dict[str, list[Any]] = {
            "block": [item.block for item in self],
            "verdict": [item.verdict for item in self],
            **{column: [getattr(item, name, None) for item in self] for column, name in _COLUMNS.items()},
            "revealed": [len(item.revealed) if isinstance(item, Audit) else None for item in self],
            "notes": ["; ".join(item.notes) if isinstance(item, Audit) else "" for item in self],
        }
        odd = [int(isinstance(item, Failure) or bool(item.differences)) for item in self]
        headers = {"emission_rao": "emission (rao)"}
        return Table(columns, headers=headers, left=("verdict", "notes"), caption=self.verdict, important=odd)

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Epochs that could not be audited."""
        return tuple(item for item in self._items if isinstance(item, Failure))

    @property
    def different(self) -> tuple[Audit, ...]:
        """Epochs of which the chain stored something else than was computed."""
        return tuple(item for item in self._items if isinstance(item, Audit) and item.differences)

    @property
    def verdict(self) -> str:
        """In words."""
        epochs = "1 epoch" if len(self) == 1 else f"{len(self)} epochs"
        skipped = f", {len(self.skipped)} left out" if self.skipped else ""
        return f"{epochs}, {len(self.different)} with differences, {len(self.failures)} not audited{skipped}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        audits = [item.to_dict() for item in self._items if isinstance(item, Audit)]
        failures = [{"block": item.block, "error": str(item.error)} for item in self.failures]
        counts = {"epochs": len(self), "different": len(self.different), "skipped": list(self.skipped)}
        return {**counts, "audits": audits, "failures": failures}


def epochs_before(netuid: int, last: int | None, first: int, most: int, layouts: dict[str, Layout]) -> Flow[list[int]]:
    """The blocks of the epochs at or before `last` and at or after `first`, at most `most` of them, the newest first."""
    out: list[int] = []
    block = last
    while len(out) < most:
        found = yield from last_epoch(netuid, block, layouts)
        if found < max(first, 1) or (out and found >= out[-1]):
            break
        out.append(found)
        block = found - 1
    return out


def each(
    blocks: Sequence[int],
    one: Callable[[int], Audit],
    netuid: int,
    threads: int,
    progress: Callable[[int, int], object] | None,
    seen: Callable[[Audit | Failure], object] | None,
    skipped: Sequence[int] = (),
) -> Audits:
    """The audits of these epochs; what `progress` or `seen` raises ends the work."""
    done: list[Audit | Failure] = []

    def attempt(block: int) -> Audit | Failure:
        try:
            return one(block)
        except (ChainError, InputError) as error:
            return Failure(netuid, block, error)

    def tell(item: Audit | Failure) -> None:
        done.append(item)
        if seen is not None:
            seen(item)
        if progress is not None:
            progress(len(done), len(blocks))

    if threads == 1:  # where the caller is, as a client may want it
        for block in blocks:
            tell(attempt(block))
        return Audits(done, skipped)
    pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="audit")
    try:
        for future in as_completed([pool.submit(attempt, block) for block in blocks]):
            tell(future.result())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return Audits(done, skipped)
