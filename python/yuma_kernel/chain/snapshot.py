"""From what a node has stored to the snapshots of a subnet, all of it of one block."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from yuma_kernel.arrays import MAX_UIDS, U16_MAX, U64_MAX, U64Array, integer
from yuma_kernel.chain import requests
from yuma_kernel.chain.errors import ContentError, NoSubnet, NullConsensus, StateChanged
from yuma_kernel.chain.hashing import ss58
from yuma_kernel.chain.layout import DYNAMIC_TEMPO, FIRST, LAST, NETUID_STEP, Key, Layout
from yuma_kernel.chain.requests import Flow, Request, Runtime, SubnetAnswer
from yuma_kernel.errors import InputError, shown
from yuma_kernel.profiles import profile_of
from yuma_kernel.rows import SparseRows
from yuma_kernel.snapshot import Snapshot
from yuma_kernel.stake import total_stake_bits
from yuma_kernel.types import Hyperparameters, SubnetState

GENESIS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "0x2f0555cc76fc2840a25a6ea3b9637146806f1f44b090c175ffde2a7e5ab36c03": "finney",
        "0x8f9cf856bf558a14440e75569c9e58594757048d7b3a84b5d25f6bd978263105": "test",
    }
)
"""Networks by the hash of their first block."""

MODES_SINCE: Final = 452
"""Since this runtime liquid alpha has a consensus mode and may look at the stored consensus."""
YUMA_STEP_SINCE: Final = 475
"""Since this runtime the last step of Yuma is stored beside that of the mechanism, and an epoch may be Null."""
NO_COMMIT: Final = U64_MAX
_NODE: Final = "node-subtensor"
_NOBODY: Final = bytes(32)
_EMPTY: Final = np.zeros((0, 2), np.uint16)

PENDING: Final = ("PendingServerEmission", "PendingValidatorEmission", "PendingRootAlphaDivs")
_SCALARS: Final = (
    "NetworksAdded", "SubnetworkN", "ValidatorPermit", "SubnetOwnerHotkey", "MechanismCountCurrent",
    "MechanismEmissionSplit", "RevealPeriodEpochs", "Kappa", "BondsPenalty", "BondsMovingAverage", "Yuma3On",
    "LiquidAlphaOn", "AlphaValues", "AlphaSigmoidSteepness", "MaxAllowedValidators", "Tempo", "CommitRevealWeightsEnabled",
    "LastMechansimStepBlock", *PENDING,
)  # fmt: skip
_GLOBALS: Final = ("StakeThreshold", "TaoWeight")
PREFLIGHT: Final = MappingProxyType(
    {
        "weights_version_key": "WeightsVersionKey",
        "weights_set_rate_limit": "WeightsSetRateLimit",
        "min_allowed_weights": "MinAllowedWeights",
        "commit_reveal_version": "CommitRevealWeightsVersion",
    }
)
"""What no epoch needs and `yk.preflight` does: the names in `meta`, with the items. Where one is not there, `meta` has no
such name, and what depends on it is reported as not known."""


# -- where ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """A block whose state is read, and what reads it.

    Attributes:
        at: its hash.
        block: its number, None where it is still to be read.
        runtime: what executes the next block.
        layout: how that stores things.
    """

    at: str
    block: int | None
    runtime: Runtime
    layout: Layout


def place(block: int | None, layouts: MutableMapping[str, Layout]) -> Flow[Place]:
    """The place of the block, or of the best one: two requests, and one more for a runtime whose layout is not known."""
    if block is None:
        at = yield from requests.head()
    else:
        at = yield from requests.block_hash(block)
    runtime = yield from requests.runtime(at)
    if runtime.spec_name == _NODE and FIRST <= runtime.spec_version <= LAST:
        return Place(at, block, runtime, Layout.known())
    layout = layouts.get(runtime.identity)
    if layout is None:
        data = yield from requests.metadata(at)
        try:
            layout = Layout.of_metadata(data)
        except ContentError as error:
            raise error.about("state_getMetadata", "the metadata") from None
        layouts[runtime.identity] = layout
    return Place(at, block, runtime, layout)


def checked_block(value: object) -> int | None:
    """A block's number, or None for the best one."""
    return None if value is None else integer("block", value, 0, 2**32 - 1)


def checked_netuid(value: object) -> int:
    """A subnet's number; subnet 0, the root, has no epoch of this kind."""
    return integer("netuid", value, 1, NETUID_STEP - 1)


# -- what is stored -------------------------------------------------------------------------------------------------------


class Stored:
    """Values of one state, by key; what was not read is not known, and never taken for absent."""

    def __init__(
        self, layout: Layout, values: Mapping[Key, bytes | None], request: str | None = "state_queryStorageAt"
    ) -> None:
        self._layout = layout
        self._values = dict(values)
        self.request = request

    def add(self, values: Mapping[Key, bytes | None]) -> None:
        self._values.update(values)

    def keys(self, item: str) -> list[Key]:
        """The keys of the item that were read, in the order of reading."""
        return [key for key in self._values if key.item == item]

    def raw(self, item: str, *args: Any) -> bytes | None:
        key = Key(item, args)
        if key not in self._values:
            raise ContentError("missing", request=self.request, item=str(key))
        found: bytes | None = self._values[key]
        return found

    def value(self, item: str, *args: Any) -> Any:
        """The value, or the item's default where nothing is stored; None where it has none."""
        return self._layout.value(Key(item, args), self.raw(item, *args), self.request)

    def at(self, key: Key) -> Any:
        """The same by its key."""
        return self.value(key.item, *key.args)

    def bad(self, rule: str, item: str, *args: Any) -> ContentError:
        return ContentError(rule, request=self.request, item=str(Key(item, args)))


def _index(netuid: int, mechanism: int) -> int:
    return netuid + NETUID_STEP * mechanism


def scalar_keys(layout: Layout, version: int, netuid: int) -> list[Key]:
    """What is read first: it says which rows there are."""
    names = [*_SCALARS, "ActivityCutoffFactorMilli" if version >= DYNAMIC_TEMPO else "ActivityCutoff"]
    if version >= DYNAMIC_TEMPO:
        names.append("SubnetEpochIndex")
    if version >= MODES_SINCE:
        names.append("LiquidAlphaConsensusMode")
    if version >= YUMA_STEP_SINCE:
        names.append("LastYumaStepBlock")
    if version >= YUMA_STEP_SINCE or layout.has("SubnetEpochConsensus"):
        names.append("SubnetEpochConsensus")
    return [*(Key(name, (netuid,)) for name in names), *(Key(name) for name in _GLOBALS)]


def preflight_keys(layout: Layout, netuid: int) -> list[Key]:
    """Those of `PREFLIGHT` that the runtime stores as known."""
    items = filter(layout.has, PREFLIGHT.values())
    return [Key(item, (netuid,)[: len(layout.entry(item).keys)]) for item in items]


def row_keys(stored: Stored, version: int, netuid: int, mechanisms: Sequence[int]) -> list[Key]:
    """What is read last: everything by uid, of every mechanism asked for."""
    n = stored.value("SubnetworkN", netuid)
    keys = [Key(item, (netuid, uid)) for item in ("Keys", "BlockAtRegistration") for uid in range(n)]
    owner = stored.value("SubnetOwnerHotkey", netuid)
    if any(owner):
        keys.append(Key("Uids", (netuid, owner)))
    for index in (_index(netuid, mechanism) for mechanism in mechanisms):
        keys.append(Key("LastUpdate", (index,)))
        if version >= MODES_SINCE:
            keys.append(Key("ConsensusByMechanism", (index,)))
        keys += [Key(item, (index, uid)) for item in ("Weights", "Bonds") for uid in range(n)]
    return keys


def exists(stored: Stored, netuid: int) -> int:
    """How many uids the subnet has.

    Raises:
        NoSubnet: there is none, or no uid in it. NullConsensus: its epoch is not the one that is computed here.
    """
    if not stored.value("NetworksAdded", netuid):
        raise NoSubnet("there is no such subnet", request=stored.request, item=f"NetworksAdded({netuid})")
    consensus = Key("SubnetEpochConsensus", (netuid,))
    if consensus in stored.keys("SubnetEpochConsensus") and stored.at(consensus) == 1:
        rule = "the subnet's epoch is Null consensus, which computes no consensus and pays by another rule"
        raise NullConsensus(rule, request=stored.request, item=str(consensus))
    n: int = stored.value("SubnetworkN", netuid)
    if n == 0:
        raise NoSubnet("the subnet has no uid", request=stored.request, item=f"SubnetworkN({netuid})")
    if n > MAX_UIDS:
        raise stored.bad(f"expected at most {MAX_UIDS} uids, got {n}", "SubnetworkN", netuid)
    return n


def mechanism_count(stored: Stored, netuid: int) -> int:
    """How many mechanisms the subnet has."""
    count: int = stored.value("MechanismCountCurrent", netuid)
    if not 1 <= count <= U16_MAX // NETUID_STEP + 1:
        raise stored.bad(
            f"expected 1 to {U16_MAX // NETUID_STEP + 1} mechanisms, got {count}", "MechanismCountCurrent", netuid
        )
    return count


# -- commits --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Commits:
    """The weights of one mechanism that are committed and not revealed.

    Attributes:
        earliest: by account, the block of its earliest commit that is not expired.
        due: accounts, with the blocks of their commits, whose timelocked commits the next epoch's block reveals.
        revealable: accounts of plain commits that may be revealed in this epoch by who made them.
    """

    earliest: Mapping[bytes, int]
    due: Mapping[bytes, int]
    revealable: tuple[bytes, ...]


def epoch_index(stored: Stored, version: int, netuid: int, block: int) -> int:
    """The index' that the block has: of the epoch that it is in, counted as commits count it."""
    if version >= DYNAMIC_TEMPO:
        stored_index: int = stored.value("SubnetEpochIndex", netuid)
        return stored_index + 1
    return (block + netuid + 1) // (int(stored.value("Tempo", netuid)) + 1)


def commits(stored: Stored, version: int, netuid: int, mechanism: int, block: int) -> Commits:
    """The commits of a mechanism as the epoch of `block` finds them, before it reveals any."""
    now, period = epoch_index(stored, version, netuid, block), int(stored.value("RevealPeriodEpochs", netuid))
    index = _index(netuid, mechanism)
    earliest: dict[bytes, int] = {}
    due: dict[bytes, int] = {}
    revealable: list[bytes] = []

    def epoch_of(committed: int) -> int:  # before 423 a commit's epoch is that of its block, by the tempo of today
        return (committed + netuid + 1) // (int(stored.value("Tempo", netuid)) + 1)

    def live(account: bytes, epoch: int, committed: int) -> bool:
        if now > epoch + period:
            return False
        earliest[account] = min(committed, earliest.get(account, NO_COMMIT))
        return True

    for key in stored.keys("WeightCommits"):
        if key.args[0] == index:
            for _, first, second, _ in stored.at(key) or []:
                epoch, committed = (first, second) if version >= DYNAMIC_TEMPO else (epoch_of(first), first)
                if live(key.args[1], epoch, committed) and now == epoch + period:
                    revealable.append(key.args[1])
    for key in stored.keys("TimelockedWeightCommits"):
        if key.args[0] == index:
            for account, committed, _, _ in stored.at(key):
                epoch = key.args[1] if version >= DYNAMIC_TEMPO else epoch_of(committed)
                live(account, epoch, committed)
                if key.args[1] + period == now:
                    due[account] = min(committed, due.get(account, NO_COMMIT))
    return Commits(MappingProxyType(earliest), MappingProxyType(due), tuple(dict.fromkeys(revealable)))


# -- from stored values to snapshots --------------------------------------------------------------------------------------


def hyperparameters(stored: Stored, version: int, netuid: int, profile: int) -> Hyperparameters:
    """The hyperparameters, each from its own item.

    Raises:
        ContentError: a value that no runtime takes, by its item's name.
    """

    def value(item: str) -> Any:
        return stored.value(item, netuid)

    low, high = value("AlphaValues")
    tempo = value("Tempo")
    if version >= DYNAMIC_TEMPO:
        cutoff = max(1, value("ActivityCutoffFactorMilli") * tempo // 1000)
    else:
        cutoff = value("ActivityCutoff")
    given: dict[str, Any] = {
        "kappa": value("Kappa"),
        "bonds_penalty": value("BondsPenalty"),
        "bonds_moving_average": value("BondsMovingAverage"),
        "yuma3": value("Yuma3On"),
        "liquid_alpha": value("LiquidAlphaOn"),
        "alpha_low": low,
        "alpha_high": high,
        "alpha_sigmoid_steepness": value("AlphaSigmoidSteepness"),
        "max_allowed_validators": value("MaxAllowedValidators"),
        "stake_threshold": stored.value("StakeThreshold"),
        "tempo": tempo,
        "activity_cutoff": cutoff,
        "commit_reveal": value("CommitRevealWeightsEnabled"),
        "profile": profile,
    }
    if version >= MODES_SINCE:
        given["liquid_alpha_consensus_mode"] = value("LiquidAlphaConsensusMode")
    try:
        return Hyperparameters(**given)
    except InputError as error:
        raise ContentError(error.rule, request=stored.request, item=_ITEM_OF.get(error.field, error.field)) from None


_ITEM_OF: Final = {"bonds_moving_average": "BondsMovingAverage"}
"""The items whose type holds more than the chain stores."""


def rows(stored: Stored, item: str, index: int, n: int, drop: bool) -> tuple[SparseRows, int]:
    """The rows of an item, and how many entries went out because their uid is not below n, as the chain lets them go.

    Raises:
        ContentError: a uid twice in a row, or (unless `drop`) one that is not below n.
    """
    dropped = 0
    parts: list[Any] = []
    for uid in range(n):
        raw = stored.raw(item, index, uid)
        if raw is None:
            parts.append(_EMPTY)
            continue
        row = stored.value(item, index, uid)
        beyond = row[:, 0] >= n
        if beyond.any():
            if not drop:
                at = int(np.argmax(beyond))
                raise stored.bad(f"expected uids below n = {n}, got {row[at, 0]} in entry {at}", item, index, uid)
            dropped += int(beyond.sum())
            row = row[~beyond]
        parts.append(row)
    ends = list(accumulate(map(len, parts), initial=0))
    entries = np.concatenate(parts) if parts else _EMPTY
    try:
        return SparseRows(ends, entries[:, 0], entries[:, 1]), dropped
    except InputError as error:
        at = error.index if isinstance(error.index, int) else 0
        uid = int(np.searchsorted(ends, at, side="right")) - 1
        raise stored.bad(error.rule, item, index, uid) from None


def last_update(stored: Stored, index: int, n: int) -> U64Array:
    """By uid, padded with 0 to n."""
    values: U64Array = stored.value("LastUpdate", index)
    if values.size > n:
        raise stored.bad(f"expected at most n = {n} blocks, got {values.size}", "LastUpdate", index)
    return np.concatenate((values, np.zeros(n - values.size, np.uint64)))


@dataclass(frozen=True)
class Reading:
    """All that was read of a subnet, checked but not yet put together.

    Attributes:
        stored: the values.
        answer: what the metagraph call said.
        where: of which state.
        block: that state's number.
        netuid: the subnet.
        n: the number of its uids.
        mechanisms: those that were read.
        count: how many there are.
        origin: what `meta` says of where it comes from.
    """

    stored: Stored
    answer: SubnetAnswer
    where: Place
    block: int
    netuid: int
    n: int
    mechanisms: tuple[int, ...]
    count: int
    origin: Mapping[str, Any]

    @property
    def hotkeys(self) -> tuple[bytes, ...]:
        return self.answer.hotkeys

    @property
    def version(self) -> int:
        """The runtime's."""
        return self.where.runtime.spec_version

    def pending(self) -> dict[str, int]:
        """Rao that wait for the next epoch, by what they wait for."""
        server, validator, root = (int(self.stored.value(item, self.netuid)) for item in PENDING)
        return {"server": server, "validator": validator, "root": root}


def consistent(reading: Reading) -> None:
    """Refuses what no state of a subnet holds.

    Raises:
        ContentError: the metagraph call and the storage do not speak of the same uids, or a hotkey stands twice.
    """
    stored, netuid, n = reading.stored, reading.netuid, reading.n
    if len(reading.hotkeys) != n:
        raise ContentError(
            f"expected {n} hotkeys, as SubnetworkN says, got {len(reading.hotkeys)}",
            request="state_call",
            item=f"get_subnet_state({netuid})",
        )
    seen: dict[bytes, int] = {}
    for uid, hotkey in enumerate(reading.hotkeys):
        if (stored.raw("Keys", netuid, uid) or _NOBODY) != hotkey:
            raise stored.bad(f"expected the hotkey of the metagraph call, {ss58(hotkey)}", "Keys", netuid, uid)
        if any(hotkey) and seen.setdefault(hotkey, uid) != uid:
            raise stored.bad(f"hotkey {ss58(hotkey)} stands twice, at uid {seen[hotkey]} too", "Keys", netuid, uid)


def total_stake(reading: Reading) -> U64Array:
    """The I64F64 bits by uid.

    The runtime says in the same answer what it makes of alpha, TAO and the weight of TAO, in whole rao: if that were another
    number, the stake of this runtime would not be what is computed here. (An answer without totals has only zeros there.)

    Raises:
        ContentError: the runtime's own total is another.
    """
    answer = reading.answer
    bits = total_stake_bits(answer.alpha_stake, answer.tao_stake, reading.stored.value("TaoWeight"))
    if any(answer.total_stake) and bits[:, 1].tolist() != answer.total_stake:
        pairs = enumerate(zip(bits[:, 1].tolist(), answer.total_stake, strict=True))
        uid, (ours, its) = next((uid, pair) for uid, pair in pairs if pair[0] != pair[1])
        rule = f"expected the total stake of uid {uid} to be alpha + TAO by TaoWeight, {ours} rao, got {its}"
        raise ContentError(rule, request="state_call", item=f"get_subnet_state({reading.netuid})")
    return bits


def owner_uid(reading: Reading) -> int | None:
    """The uid of the owner's hotkey, None where it has none."""
    stored, netuid = reading.stored, reading.netuid
    owner = stored.value("SubnetOwnerHotkey", netuid)
    if not any(owner):
        return None
    uid: int | None = stored.value("Uids", netuid, owner)
    if uid is not None and (uid >= reading.n or reading.hotkeys[uid] != owner):
        raise stored.bad(f"expected the uid of this hotkey, got {uid}, which is another's or none", "Uids", netuid, owner)
    return uid


def snapshots(
    reading: Reading,
    profile: int,
    emissions: Callable[[int, int, Sequence[int] | None, int], Sequence[int]],
    more: Mapping[str, Any] = MappingProxyType({}),
) -> tuple[Snapshot, ...]:
    """One snapshot a mechanism that was read, for the epoch of the next block.

    Raises:
        ContentError: a value that no subnet holds, by its item.
    """
    consistent(reading)
    stored, netuid, n, version = reading.stored, reading.netuid, reading.n, reading.version
    given = hyperparameters(stored, version, netuid, profile)
    permits = stored.value("ValidatorPermit", netuid)
    if permits.size != n:
        raise stored.bad(f"expected n = {n} permits, got {permits.size}", "ValidatorPermit", netuid)
    registered = [
        stored.value("BlockAtRegistration", netuid, uid) if any(hotkey) else 0 for uid, hotkey in enumerate(reading.hotkeys)
    ]
    stake = total_stake(reading)
    owner = owner_uid(reading)
    addresses = tuple(map(ss58, reading.hotkeys))
    pending = reading.pending()
    total = sum(pending.values())
    if total > U64_MAX:
        raise stored.bad("expected pending emission of up to 2^64 - 1 rao, all three together", PENDING[0], netuid)
    split = stored.value("MechanismEmissionSplit", netuid)
    shares = emissions(total, reading.count, None if split is None else [int(s) for s in split], version)
    current = reading.block + 1
    out = []
    for mechanism in reading.mechanisms:
        index = _index(netuid, mechanism)
        weights, dropped = rows(stored, "Weights", index, n, drop=True)
        bonds, _ = rows(stored, "Bonds", index, n, drop=False)
        commit_block = None
        if given.commit_reveal:
            earliest = commits(stored, version, netuid, mechanism, current).earliest
            blocks = [earliest.get(hotkey, NO_COMMIT) for hotkey in reading.hotkeys]
            commit_block = np.array(blocks, np.uint64) if any(block != NO_COMMIT for block in blocks) else None
        try:
            state = SubnetState(
                weights=weights,
                bonds=bonds,
                total_stake=stake,
                last_update=last_update(stored, index, n),
                block_at_registration=np.array(registered, np.uint64),
                validator_permit=permits,
                current_block=current,
                last_mechanism_step_block=stored.value("LastMechansimStepBlock", netuid),
                owner_uid=owner,
                commit_block=commit_block,
                previous_consensus=stored.value("ConsensusByMechanism", index) if version >= MODES_SINCE else None,
                last_yuma_step_block=stored.value("LastYumaStepBlock", netuid) if version >= YUMA_STEP_SINCE else None,
            )
        except InputError as error:  # stakes whose sum no chain has
            raise ContentError(error.rule, request="state_call", item=f"get_subnet_state({netuid}), {error.field}") from None
        meta = {
            **reading.origin,
            "netuid": netuid,
            "mechanism": mechanism,
            "mechanisms": reading.count,
            "state_of_block": reading.block,
            "profile": profile,
            **{name: int(stored.at(key)) for name, item in PREFLIGHT.items() for key in stored.keys(item)},
            "pending_emission_rao": pending,
            "emission": f"this mechanism's part of what is pending after block {reading.block}",
            **({"weights_of_no_uid_dropped": dropped} if dropped else {}),
            **more,
        }
        out.append(Snapshot(state, given, shares[mechanism], None, meta, addresses))
    return tuple(out)


# -- flows ----------------------------------------------------------------------------------------------------------------


def counted(flow: Flow[Any], counts: MutableMapping[str, int]) -> Flow[Any]:
    """The same flow; its requests are counted by method."""
    try:
        request: Request = next(flow)
        while True:
            counts[request.method] = counts.get(request.method, 0) + 1
            request = flow.send((yield request))
    except StopIteration as done:
        return done.value


def reading(
    netuid: int,
    block: int | None,
    mechanism: int | None,
    layouts: MutableMapping[str, Layout],
    extra: Callable[[Place], Sequence[Key]] | None = None,
) -> Flow[Reading]:
    """Everything of a subnet that its next epoch needs; of one mechanism, or (None) of all.

    `extra` names keys that are read beside the scalars.
    """
    counts: dict[str, int] = {}
    result: Reading = yield from counted(_reading(netuid, block, mechanism, layouts, extra, counts), counts)
    return result


def _reading(
    netuid: int,
    block: int | None,
    mechanism: int | None,
    layouts: MutableMapping[str, Layout],
    extra: Callable[[Place], Sequence[Key]] | None,
    counts: Mapping[str, int],
) -> Flow[Reading]:
    where = yield from place(block, layouts)
    layout, version = where.layout, where.runtime.spec_version
    first = [
        Key("Number"),
        Key("BlockHash", (0,)),
        *scalar_keys(layout, version, netuid),
        *preflight_keys(layout, netuid),
        *(extra(where) if extra else ()),
    ]
    stored = Stored(layout, (yield from requests.storage(layout, first, where.at)))
    number = yield from block_number(stored, where)
    n = exists(stored, netuid)
    count = mechanism_count(stored, netuid)
    if mechanism is not None and mechanism >= count:
        rule = f"expected a mechanism below {count}, got {mechanism}"
        raise NoSubnet(rule, request=stored.request, item=f"MechanismCountCurrent({netuid})")
    mechanisms = tuple(range(count)) if mechanism is None else (mechanism,)
    answer = yield from requests.subnet_state(netuid, where.at)
    keys = row_keys(stored, version, netuid, mechanisms)
    if stored.value("CommitRevealWeightsEnabled", netuid):
        keys += yield from _commit_keys(stored, where, netuid, mechanisms, number + 1)
    stored.add((yield from requests.storage(layout, keys, where.at)))
    origin = {
        **network(stored),
        "block_hash": where.at,
        "runtime": {"name": where.runtime.spec_name, "spec_version": version},
        "layout": _LAYOUT_WORDS[layout.source],
        "read": dict(counts),
    }
    return Reading(stored, answer, where, number, netuid, n, mechanisms, count, MappingProxyType(origin))


_LAYOUT_WORDS: Final = {
    "table": f"the table of runtimes {FIRST} to {LAST}",
    "metadata": "the node's metadata, which agree with the table in every item that was read",
}


def network(stored: Stored) -> dict[str, str]:
    """The network by the hash of its first block, as the state itself has it."""
    raw = stored.raw("BlockHash", 0)
    if raw is None:
        return {"network": "unknown"}
    genesis = "0x" + stored.value("BlockHash", 0).hex()
    return {"network": GENESIS.get(genesis, "unknown"), "genesis": genesis}


def block_number(stored: Stored, where: Place) -> Flow[int]:
    """The number of the block, as its own state says it; of the header where the state says none.

    Raises:
        StateChanged: it is another than the one asked for.
    """
    if stored.raw("Number") is not None:
        number: int = stored.value("Number")
    elif where.block is not None:
        return where.block
    else:
        answer = yield Request("chain_getHeader", (where.at,), "the header")
        number = _header_number(answer)
    if where.block is not None and number != where.block:
        raise StateChanged(
            f"expected the state of block {where.block}, got that of {number}", request=stored.request, item="Number"
        )
    return number


def _header_number(answer: object) -> int:
    number = answer.get("number") if isinstance(answer, dict) else None
    if isinstance(number, str) and number.startswith("0x"):
        try:
            number = int(number, 16)
        except ValueError:
            number = None
    if type(number) is not int or not 0 <= number < 2**32:
        raise ContentError(f"expected a header with a number, got {shown(answer)}", request="chain_getHeader", item="number")
    return number


_MOST_EPOCHS: Final = 128
"""Epochs of timelocked commits whose keys are computed; where more are live the node lists them."""


def _commit_keys(stored: Stored, where: Place, netuid: int, mechanisms: Sequence[int], block: int) -> Flow[list[Key]]:
    """The keys of every commit that may be live: one request a mechanism.

    Since 423 timelocked commits are filed under the epoch of the commit, of which only the last few are live; before, under
    an index that a change of the tempo moves, so that the node has to list them.
    """
    version, out = where.runtime.spec_version, []
    now, period = epoch_index(stored, version, netuid, block), int(stored.value("RevealPeriodEpochs", netuid))
    for index in (_index(netuid, mechanism) for mechanism in mechanisms):
        out += yield from requests.keys_below(where.layout, "WeightCommits", index, where.at)
        if version >= DYNAMIC_TEMPO and period < _MOST_EPOCHS:
            epochs = range(max(0, now - period), now + 1)
            out += [Key("TimelockedWeightCommits", (index, epoch)) for epoch in epochs]
        else:
            out += yield from requests.keys_below(where.layout, "TimelockedWeightCommits", index, where.at)
    return out


def profile_for(version: int, stated: int | None) -> tuple[int, dict[str, Any]]:
    """The profile that computes the runtime's epoch, and what `meta` says of it where the caller stated one."""
    if stated is None:
        return profile_of(version), {}
    number = Hyperparameters(profile=stated).profile
    return number, {"profile_source": "stated by the caller, not taken from the runtime"}
