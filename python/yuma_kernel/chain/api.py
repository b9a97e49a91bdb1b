"""The doors: each opens the source, runs one flow over it, and closes what it opened."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar, overload

from yuma_kernel.arrays import has_items, integer
from yuma_kernel.chain import audit as audits
from yuma_kernel.chain import forecast as forecasts
from yuma_kernel.chain import payouts, schedule
from yuma_kernel.chain.audit import Audit, Audits, Failure
from yuma_kernel.chain.clients import awaited, blocking, layouts_of, name_of
from yuma_kernel.chain.errors import ContentError, NoSubnet
from yuma_kernel.chain.forecast import Forecast
from yuma_kernel.chain.layout import FIRST, LAST, NETUID_STEP, Key, Layout
from yuma_kernel.chain.mechanisms import Subnet, emissions
from yuma_kernel.chain.payouts import EpochPayout
from yuma_kernel.chain.requests import Flow, Runtime, arun, hex_bytes, read_subnet_state, run
from yuma_kernel.chain.schedule import NextEpoch
from yuma_kernel.chain.snapshot import (
    Place,
    Reading,
    Stored,
    checked_block,
    checked_netuid,
    exists,
    mechanism_count,
    preflight_keys,
    profile_for,
    reading,
    row_keys,
    scalar_keys,
    snapshots,
)
from yuma_kernel.chain.transport import ATTEMPTS, TIMEOUT
from yuma_kernel.errors import InputError, shown
from yuma_kernel.snapshot import Snapshot

_T = TypeVar("_T")

MECHANISMS: Final = 16
"""More than this many mechanisms have no storage index of their own."""


def _asked(source: object, flow: Flow[_T], timeout: float, attempts: int) -> _T:
    with blocking(source, timeout, attempts) as call:
        return run(flow, call)


async def _awaited(source: object, flow: Flow[_T], timeout: float, attempts: int) -> _T:
    async with awaited(source, timeout, attempts) as call:
        return await arun(flow, call)


def _snapshot_flow(source: object, netuid: int, block: int | None, mechanism: int, profile: int | None) -> Flow[Snapshot]:
    netuid, block = checked_netuid(netuid), checked_block(block)
    mechanism = integer("mechanism", mechanism, 0, MECHANISMS - 1)
    read = yield from reading(netuid, block, mechanism, layouts_of(source))
    return _snapshots(source, read, profile)[0]


def _snapshots(source: object, read: Reading, profile: int | None) -> tuple[Snapshot, ...]:
    number, more = profile_for(read.version, profile)
    return snapshots(read, number, emissions, {"source": f"yuma_kernel.chain, {name_of(source)}", **more})


def _subnet_flow(source: object, netuid: int, block: int | None, profile: int | None) -> Flow[Subnet]:
    netuid, block = checked_netuid(netuid), checked_block(block)
    read = yield from reading(netuid, block, None, layouts_of(source))
    return Subnet(netuid, read.block, _snapshots(source, read, profile), sum(read.pending().values()))


def snapshot(
    source: object,
    netuid: int,
    *,
    block: int | None = None,
    mechanism: int = 0,
    profile: int | None = None,
    timeout: float = TIMEOUT,
    attempts: int = ATTEMPTS,
) -> Snapshot:
    """One mechanism of a subnet as it is stored after `block`: the input of the epoch that the next block would run.

    Args:
        source: what is asked: a URL, a network, an open client, or a callable `rpc(method, params)`.
        netuid: the subnet, from 1 on.
        block: whose state is read; None for the best block. Of the epoch of block B the input is the state of B - 1.
        mechanism: which of the subnet's mechanisms.
        profile: the arithmetic; None for that of the runtime. A stated one is noted in `meta`.
        timeout, attempts: seconds an answer may take, and attempts where the connection fails.

    Returns:
        The snapshot: `current_block` is the next block, `emission` the mechanism's part of what is pending, `meta` says
        which network, block, runtime and layout, and how many requests were made.

    Raises:
        ChainError: naming the request and the item; TransportError is an OSError too, ContentError an InputError.
        UnsupportedProfile: a runtime whose arithmetic is not computed here. InputError: an argument breaks a rule.
        BackendUnavailable: a WebSocket without the extra `chain`.
    """
    return _asked(source, _snapshot_flow(source, netuid, block, mechanism, profile), timeout, attempts)


async def asnapshot(
    source: object,
    netuid: int,
    *,
    block: int | None = None,
    mechanism: int = 0,
    profile: int | None = None,
    timeout: float = TIMEOUT,
    attempts: int = ATTEMPTS,
) -> Snapshot:
    """`snapshot`, awaited."""
    return await _awaited(source, _snapshot_flow(source, netuid, block, mechanism, profile), timeout, attempts)


def subnet(
    source: object,
    netuid: int,
    *,
    block: int | None = None,
    profile: int | None = None,
    timeout: float = TIMEOUT,
    attempts: int = ATTEMPTS,
) -> Subnet:
    """All mechanisms of a subnet as they are stored after `block`, in one reading; arguments as in `snapshot`."""
    return _asked(source, _subnet_flow(source, netuid, block, profile), timeout, attempts)


async def asubnet(
    source: object,
    netuid: int,
    *,
    block: int | None = None,
    profile: int | None = None,
    timeout: float = TIMEOUT,
    attempts: int = ATTEMPTS,
) -> Subnet:
    """`subnet`, awaited."""
    return await _awaited(source, _subnet_flow(source, netuid, block, profile), timeout, attempts)


# -- the schedule and the forecast ----------------------------------------------------------------------------------------


def next_epoch(
    source: object, netuid: int, *, block: int | None = None, timeout: float = TIMEOUT, attempts: int = ATTEMPTS
) -> NextEpoch:
    """When the subnet's next epoch is, as things are after `block` (None: the best one), by the rules of its runtime.

    Since 423: the tempo after the last one, or what an owner has set, put off where more than a few are due in one block;
    before, by the number of the block. Nothing that happens until then is foreseen.

    Raises:
        ChainError: as in `snapshot`. InputError: an argument breaks a rule.
    """
    flow = schedule.next_epoch(checked_netuid(netuid), checked_block(block), layouts_of(source))
    return _asked(source, flow, timeout, attempts)


async def anext_epoch(
    source: object, netuid: int, *, block: int | None = None, timeout: float = TIMEOUT, attempts: int = ATTEMPTS
) -> NextEpoch:
    """`next_epoch`, awaited."""
    flow = schedule.next_epoch(checked_netuid(netuid), checked_block(block), layouts_of(source))
    return await _awaited(source, flow, timeout, attempts)


def _forecast_flow(source: object, netuid: int, block: int | None, profile: int | None) -> Flow[Forecast]:
    about = f"yuma_kernel.chain, {name_of(source)}"
    return forecasts.forecast(checked_netuid(netuid), checked_block(block), layouts_of(source), profile, about)


def forecast(
    source: object,
    netuid: int,
    *,
    block: int | None = None,
    profile: int | None = None,
    timeout: float = TIMEOUT,
    attempts: int = ATTEMPTS,
) -> Forecast:
    """The next epoch as it would be from the state after `block` (None: the best one), and what can still change it.

    Its emission is an estimate: what is pending, and what each block until the epoch adds at today's rate.

    Raises:
        ChainError: as in `snapshot`; ContentError too where there is no next epoch. InputError: an argument breaks a rule.
    """
    return _asked(source, _forecast_flow(source, netuid, block, profile), timeout, attempts)


async def aforecast(
    source: object,
    netuid: int,
    *,
    block: int | None = None,
    profile: int | None = None,
    timeout: float = TIMEOUT,
    attempts: int = ATTEMPTS,
) -> Forecast:
    """`forecast`, awaited."""
    return await _awaited(source, _forecast_flow(source, netuid, block, profile), timeout, attempts)


# -- audits ---------------------------------------------------------------------------------------------------------------

MOST_EPOCHS: Final = 1_000_000


def _audit_flow(source: object, netuid: int, block: int | None, profile: int | None) -> Flow[Audit]:
    netuid, number, layouts = checked_netuid(netuid), checked_block(block), layouts_of(source)
    if number is None:
        number = yield from audits.last_epoch(netuid, None, layouts)
    return (yield from audits.audit(netuid, number, layouts, profile, f"yuma_kernel.chain, {name_of(source)}"))


@overload
def audit(
    source: object,
    netuid: int,
    block: int | None = None,
    *,
    range: None = None,
    profile: int | None = None,
    threads: int = 4,
    progress: Callable[[int, int], object] | None = None,
    seen: Callable[[Audit | Failure], object] | None = None,
    skip: Iterable[int] = (),
    timeout: float = TIMEOUT,
    attempts: int = ATTEMPTS,
) -> Audit: ...
@overload
def audit(
    source: object,
    netuid: int,
    block: int | None = None,
    *,
    range: int | tuple[int, int | None] | builtins.range,
    profile: int | None = None,
    threads: int = 4,
    progress: Callable[[int, int], object] | None = None,
    seen: Callable[[Audit | Failure], object] | None = None,
    skip: Iterable[int] = (),
    timeout: float = TIMEOUT,
    attempts: int = ATTEMPTS,
) -> Audits: ...
def audit(
    source: object,
    netuid: int,
    block: int | None = None,
    *,
    range: int | tuple[int, int | None] | builtins.range | None = None,
    profile: int | None = None,
    threads: int = 4,
    progress: Callable[[int, int], object] | None = None,
    seen: Callable[[Audit | Failure], object] | None = None,
    skip: Iterable[int] = (),
    timeout: float = TIMEOUT,
    attempts: int = ATTEMPTS,
) -> Audit | Audits:
    """A past epoch computed again, and held to what the chain stored after it, output by output. Needs an archive node.

    The state is that before the epoch's block, corrected for what the block does first: weights that it reveals, a change of
    the owner, the emission of the block itself (recovered from what the epoch stored).

    Args:
        source, netuid, profile, timeout, attempts: as in `snapshot`.
        block: of the epoch; None for the last one. With `range`, the block to look back from.
        range: None for one epoch; a number for so many up to `block`; (first, end) or a range of blocks for all in it,
            an end of None for the newest block.
        threads: how many epochs are read at a time, each over a connection of its own; a client that is open already is
            asked one thing at a time.
        progress: called with the number of epochs audited and of all; what it raises ends the work.
        seen: called with each Audit or Failure as it is done, so that what is done outlives work that is stopped; and
        skip: blocks of epochs of `range` that are not audited again, so that it can be taken up where it was stopped;
            `Audits.skipped` has those that were met.

    Returns:
        An Audit; with `range` Audits, which hold a Failure in the place of an epoch that could not be audited.

    Raises:
        ChainError: as in `snapshot`, and where there was no epoch in `block`. InputError: an argument breaks a rule.
    """
    netuid, block = checked_netuid(netuid), checked_block(block)
    threads = integer("threads", threads, 1, 64)
    for name, called in (("progress", progress), ("seen", seen)):
        if called is not None and not callable(called):
            raise InputError(name, f"expected a callable, got {type(called).__name__}")
    if not has_items(skip):
        raise InputError("skip", f"expected blocks, got {type(skip).__name__}")
    skipped = frozenset(integer("skip", number, 0, 2**32 - 1, at) for at, number in enumerate(skip))
    if range is None:
        return _asked(source, _audit_flow(source, netuid, block, profile), timeout, attempts)
    last, first, most = _epochs_of(range, block)
    blocks = _asked(source, audits.epochs_before(netuid, last, first, most, layouts_of(source)), timeout, attempts)

    def one(number: int) -> Audit:
        return _asked(source, _audit_flow(source, netuid, number, profile), timeout, attempts)

    left = [number for number in blocks if number not in skipped]
    there = [number for number in blocks if number in skipped]
    return audits.each(left, one, netuid, threads if isinstance(source, str) else 1, progress, seen, there)


async def aaudit(
    source: object,
    netuid: int,
    block: int | None = None,
    *,
    profile: int | None = None,
    timeout: float = TIMEOUT,
    attempts: int = ATTEMPTS,
) -> Audit:
    """`audit` of one epoch, awaited."""
    return await _awaited(source, _audit_flow(source, netuid, block, profile), timeout, attempts)


def _epochs_of(value: object, block: int | None) -> tuple[int | None, int, int]:
    """The block to look back from, the first block, and how many epochs at most."""
    if isinstance(value, builtins.range):
        if value.step != 1:
            raise InputError("range", f"expected a range of all blocks between two, got steps of {value.step}")
        value = (value.start, value.stop)
    if isinstance(value, tuple):
        if len(value) != 2:
            raise InputError("range", f"expected two blocks, got {len(value)}")
        first = integer("range", value[0], 0, 2**32, 0)
        if value[1] is None:
            return block, first, MOST_EPOCHS
        end = integer("range", value[1], 0, 2**32, 1)
        if end <= first:
            raise InputError("range", f"expected an end after {first}, got {end}")
        last = end - 1 if block is None else min(block, end - 1)
        return last, first, MOST_EPOCHS
    return block, 0, integer("range", value, 1, MOST_EPOCHS)


# -- the payout -----------------------------------------------------------------------------------------------------------


def _payout_flow(source: object, netuid: int, block: int | None, profile: int | None) -> Flow[EpochPayout]:
    about = f"yuma_kernel.chain, {name_of(source)}"
    return payouts.payout(checked_netuid(netuid), checked_block(block), layouts_of(source), profile, about)


def payout(
    source: object,
    netuid: int,
    block: int | None = None,
    *,
    profile: int | None = None,
    timeout: float = TIMEOUT,
    attempts: int = ATTEMPTS,
) -> EpochPayout:
    """Who is paid what of the epoch of `block`, or (None) of the next one as it is forecast.

    Of a past epoch miners' payments are exact where the audit has no difference; what validators and the root are paid
    depends on the pools of the epoch's block, and is an estimate by a few rao in a block's part. `notes` say so.

    Raises:
        ChainError: as in `audit` and `forecast`. InputError: an argument breaks a rule.
    """
    return _asked(source, _payout_flow(source, netuid, block, profile), timeout, attempts)


async def apayout(
    source: object,
    netuid: int,
    block: int | None = None,
    *,
    profile: int | None = None,
    timeout: float = TIMEOUT,
    attempts: int = ATTEMPTS,
) -> EpochPayout:
    """`payout`, awaited."""
    return await _awaited(source, _payout_flow(source, netuid, block, profile), timeout, attempts)


# -- without a node -------------------------------------------------------------------------------------------------------

CALL: Final = "get_subnet_state"


def from_storage(
    mapping: Mapping[str, Any],
    netuid: int,
    *,
    block: int,
    spec_version: int,
    mechanism: int = 0,
    profile: int | None = None,
    metadata: bytes | None = None,
) -> Snapshot:
    """The snapshot from raw storage values by name, for those who read the chain themselves; nothing is asked of anybody.

    Args:
        mapping: by the name of a storage item its SCALE bytes (or "0x…"), None where nothing is stored. Items by uid
            (`Keys`, `BlockAtRegistration`, `Weights`, `Bonds`) hold n of them, in a sequence or by uid; `WeightCommits` one
            an account of 32 bytes, `TimelockedWeightCommits` one an epoch, both needed under commit-reveal alone. `Uids` is
            the value of the owner's hotkey. "get_subnet_state" is the answer of the runtime call. A value that is needed
            and not there is refused: absent and unknown are not the same. `WeightsVersionKey`, `WeightsSetRateLimit`,
            `MinAllowedWeights` and `CommitRevealWeightsVersion` are for `yk.preflight` alone, and may be left out.
        netuid, block, mechanism, profile: as in `snapshot`; all values are of the state of `block`.
        spec_version: the runtime's.
        metadata: the runtime's metadata, V14 to V16; needed for a runtime outside of the table of 343 to 424.

    Raises:
        ContentError: naming the item; InputError: an argument breaks a rule.
    """
    netuid = checked_netuid(netuid)
    number = integer("block", block, 0, 2**32 - 1)
    version = integer("spec_version", spec_version, 0, 2**32 - 1)
    mechanism = integer("mechanism", mechanism, 0, MECHANISMS - 1)
    if not isinstance(mapping, Mapping):
        raise InputError("mapping", f"expected a mapping, got {type(mapping).__name__}")
    if metadata is not None:
        layout = Layout.of_metadata(hex_bytes(metadata, "metadata", "the metadata"))
    elif FIRST <= version <= LAST:
        layout = Layout.known()
    else:
        raise InputError(
            "metadata", f"expected the metadata of runtime {version}, which the table of {FIRST} to {LAST} has not"
        )
    index = netuid + NETUID_STEP * mechanism
    stored = Stored(layout, {}, None)
    given = _Given(mapping)
    stored.add({key: given.value(key.item) for key in scalar_keys(layout, version, netuid)})
    stored.add({key: given.value(key.item) for key in preflight_keys(layout, netuid) if key.item in mapping})
    n = exists(stored, netuid)
    count = mechanism_count(stored, netuid)
    if mechanism >= count:
        raise NoSubnet(f"expected a mechanism below {count}, got {mechanism}", item=f"MechanismCountCurrent({netuid})")
    values: dict[Key, bytes | None] = {}
    for key in row_keys(stored, version, netuid, (mechanism,)):
        by_uid = len(key.args) == 2 and key.item != "Uids"
        values[key] = given.row(key.item, key.args[1], n) if by_uid else given.value(key.item)
    if stored.value("CommitRevealWeightsEnabled", netuid):
        for item in ("WeightCommits", "TimelockedWeightCommits"):
            values.update({Key(item, (index, arg)): raw for arg, raw in given.map(item).items()})
    stored.add(values)
    call = given.value(CALL)
    if call is None:
        raise NoSubnet("the runtime knows no such subnet", item=CALL)
    answer = read_subnet_state(call, netuid, None)
    origin = {"network": "unknown", "runtime": {"name": None, "spec_version": version}, "layout": layout.source}
    where = Place("", number, Runtime("", version, ""), layout)
    read = Reading(stored, answer, where, number, netuid, n, (mechanism,), count, MappingProxyType(origin))
    profile_number, more = profile_for(version, profile)
    return snapshots(read, profile_number, emissions, {"source": "yuma_kernel.chain.from_storage", **more})[0]


class _Given:
    """The caller's mapping, with every value as bytes or None."""

    def __init__(self, mapping: Mapping[str, Any]) -> None:
        self._mapping = mapping

    def _of(self, item: str) -> Any:
        if item not in self._mapping:
            raise ContentError("missing: give None where nothing is stored", item=item)
        return self._mapping[item]

    def value(self, item: str) -> bytes | None:
        raw = self._of(item)
        return None if raw is None else hex_bytes(raw, "mapping", item)

    def row(self, item: str, uid: int, n: int) -> bytes | None:
        rows = self._of(item)
        if isinstance(rows, (str, bytes, bytearray)) or not hasattr(rows, "__getitem__"):
            raise ContentError(f"expected {n} values by uid, got {type(rows).__name__}", item=item)
        if not isinstance(rows, Mapping) and len(rows) != n:
            raise ContentError(f"expected {n} values, one a uid, got {len(rows)}", item=item)
        if isinstance(rows, Mapping) and uid not in rows:
            raise ContentError("missing: give None where nothing is stored", item=f"{item}({uid})")
        raw = rows[uid]
        return None if raw is None else hex_bytes(raw, "mapping", f"{item}({uid})")

    def map(self, item: str) -> dict[Any, bytes | None]:
        found = self._of(item)
        if not isinstance(found, Mapping):
            raise ContentError(f"expected values by account or epoch, got {type(found).__name__}", item=item)
        out: dict[Any, bytes | None] = {}
        for arg, raw in found.items():
            where = f"{item}({shown(arg)})"
            key = (
                integer(where, arg, 0, 2**64 - 1) if item == "TimelockedWeightCommits" else hex_bytes(arg, "mapping", where)
            )
            out[key] = None if raw is None else hex_bytes(raw, "mapping", where)
        return out
