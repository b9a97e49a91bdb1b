"""When the next epoch of a subnet is, by the rules that its runtime has."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from yuma_kernel.chain import requests
from yuma_kernel.chain.errors import NoSubnet
from yuma_kernel.chain.layout import DYNAMIC_TEMPO, Key, Layout
from yuma_kernel.chain.requests import Flow
from yuma_kernel.chain.snapshot import MODES_SINCE, Place, Stored, block_number, network, place
from yuma_kernel.errors import UnsupportedProfile
from yuma_kernel.profiles import NEWEST, PROFILES, profile_of
from yuma_kernel.tables import Table, Tabled

SAFETY_NET: Final = 50_400
"""Blocks without a step after which an epoch is due whatever else says; since `MODES_SINCE` more than the tempo."""
NET_KNOWN_UNTIL: Final = 445
"""The last runtime that is known to have it: of those between it and `MODES_SINCE` nobody knows which holds."""
BLOCK_SECONDS: Final = 12
_PER_SUBNET: Final = ("NetworksAdded", "Tempo", "LastEpochBlock", "PendingEpochAt", "BlocksSinceLastStep")
_MOST_EPOCHS: Final = 100_000
"""Epochs of other subnets that are followed; a subnet that is put off longer has no block that can be said."""


@dataclass(frozen=True)
class NextEpoch(Tabled):
    """When a subnet's next epoch is, as things are after `head`.

    Attributes:
        netuid: the subnet.
        block: the block of the epoch; None where there is none to be said: the tempo is 0, or no epochs run.
        head: the block whose state says it.
        due: the block from which on the epoch is due; where it is below `block`, the epoch is put off.
        reason: what makes it due, in words.
        tempo: blocks.
        spec_version: the runtime's.
        network: its name, "unknown" for one that is not known here.
    """

    netuid: int
    block: int | None
    head: int
    due: int | None
    reason: str
    tempo: int
    spec_version: int
    network: str

    @property
    def blocks_left(self) -> int | None:
        """Blocks from the head to the epoch."""
        return None if self.block is None else self.block - self.head

    @property
    def seconds_left(self) -> int | None:
        """About as many seconds, at 12 a block."""
        return None if self.block is None else (self.block - self.head) * BLOCK_SECONDS

    @property
    def put_off(self) -> int:
        """Blocks that the epoch waits after it is due, because other subnets' epochs go first."""
        return 0 if self.block is None or self.due is None else self.block - self.due

    def __str__(self) -> str:
        if self.block is None:
            return f"subnet {self.netuid} has no next epoch: {self.reason}"
        late = f", put off by {self.put_off} as others go first" if self.put_off else ""
        return (
            f"subnet {self.netuid}: epoch at block {self.block}, {self.blocks_left} after {self.head} ({self.reason}{late})"
        )

    def table(self) -> Table:
        """One row."""
        columns = {name: [value] for name, value in self.to_dict().items()}
        people = {name: columns[name] for name in ("netuid", "block", "blocks_left", "put_off", "head", "reason")}
        people["about"] = ["" if self.seconds_left is None else _duration(self.seconds_left)]
        return Table(columns, people, left=("reason", "about"))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        names = ("netuid", "block", "head", "due", "reason", "tempo", "spec_version", "network")
        return {**{name: getattr(self, name) for name in names}, "blocks_left": self.blocks_left, "put_off": self.put_off}


def _duration(seconds: int) -> str:
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


@dataclass
class Clock:
    """What says when a subnet's epochs are."""

    tempo: int
    last_epoch: int = 0
    pending: int = 0
    since_step: int = 0

    def due(self, head: int, safety_net: int | None) -> tuple[int, str] | None:
        """The first block after `head` in which an epoch is due, and why; None where the tempo is 0.

        `safety_net` is the number of blocks without a step that makes one due, None for the tempo. The chain counts the
        block itself before it looks.
        """
        if self.tempo == 0:
            return None
        net = self.tempo if safety_net is None else safety_net
        ways = [
            (self.last_epoch + self.tempo, f"tempo {self.tempo} after the epoch of block {self.last_epoch}"),
            (head + net - self.since_step + 1, f"more than {net} blocks without a step"),
        ]
        if self.pending:
            ways.insert(0, (self.pending, f"set for block {self.pending}"))
        block, reason = min(ways, key=lambda way: max(head + 1, way[0]))
        return max(head + 1, block), reason


def next_by_storage(
    clocks: Mapping[int, Clock], netuid: int, head: int, most: int, safety_net: int | None
) -> NextEpoch | None:
    """Runtimes since 423: at most `most` epochs run in a block, in ascending netuid, the others wait for the next block.

    None where the subnet's turn does not come.
    """
    mine = clocks[netuid].due(head, safety_net)
    if mine is None or most == 0:
        return None
    queue: list[tuple[int, int]] = []
    for other, clock in clocks.items():
        found = clock.due(head, safety_net)
        if found is not None:
            queue.append((found[0], other))
    heapq.heapify(queue)
    for _ in range(_MOST_EPOCHS):
        block = queue[0][0]
        waiting = []
        while queue and queue[0][0] == block:
            waiting.append(heapq.heappop(queue)[1])
        for turn, other in enumerate(sorted(waiting)):
            if turn >= most:
                heapq.heappush(queue, (block + 1, other))
            elif other == netuid:
                return NextEpoch(netuid, block, head, mine[0], mine[1], clocks[netuid].tempo, 0, "")
            else:
                heapq.heappush(queue, (block + clocks[other].tempo, other))
    return None


def next_by_number(netuid: int, tempo: int, head: int) -> int | None:
    """Runtimes before 423: the next block with (block + netuid + 1) mod (tempo + 1) = tempo; None for a tempo of 0."""
    if tempo == 0:
        return None
    period = tempo + 1
    return head + 1 + (tempo - (head + netuid + 2)) % period


def next_epoch(netuid: int, block: int | None, layouts: dict[str, Layout]) -> Flow[NextEpoch]:
    """The next epoch of the subnet after `block`, None for the best one."""
    where = yield from place(block, layouts)
    if where.runtime.spec_version > PROFILES[NEWEST].last:
        profile_of(where.runtime.spec_version)  # which warns
    return (yield from next_epoch_at(netuid, where))


def next_epoch_at(netuid: int, where: Place) -> Flow[NextEpoch]:
    """The same in a state that was found already."""
    layout, version = where.layout, where.runtime.spec_version
    dynamic = version >= DYNAMIC_TEMPO
    keys = [Key("Number"), Key("BlockHash", (0,)), Key("NetworksAdded", (netuid,)), Key("Tempo", (netuid,))]
    if dynamic:
        subnets = yield from requests.keys_of(layout, "NetworksAdded", where.at)
        keys.append(Key("MaxEpochsPerBlock"))
        # the root has no epoch of this kind
        keys += [Key(item, key.args) for key in subnets if key.args[0] not in (0, netuid) for item in _PER_SUBNET]
        keys += [Key(item, (netuid,)) for item in _PER_SUBNET[2:]]
    stored = Stored(layout, (yield from requests.storage(layout, keys, where.at)))
    head = yield from block_number(stored, where)
    if not stored.value("NetworksAdded", netuid):
        raise NoSubnet("there is no such subnet", request=stored.request, item=f"NetworksAdded({netuid})")
    tempo = stored.value("Tempo", netuid)
    common: dict[str, Any] = {"netuid": netuid, "head": head, "tempo": tempo, "spec_version": version, **_network(stored)}
    if not dynamic:
        block = next_by_number(netuid, tempo, head)
        reason = "the tempo is 0" if block is None else f"(block + {netuid + 1}) mod {tempo + 1} = {tempo}"
        return NextEpoch(block=block, due=block, reason=reason, **common)
    clocks = {}
    for key in stored.keys("Tempo"):
        (other,) = key.args
        if stored.value("NetworksAdded", other):
            clocks[other] = Clock(*(stored.value(item, other) for item in _PER_SUBNET[1:]))
    most = stored.value("MaxEpochsPerBlock")
    nets = [net for net, holds in ((SAFETY_NET, version < MODES_SINCE), (None, version > NET_KNOWN_UNTIL)) if holds]
    found, *other = [next_by_storage(clocks, netuid, head, most, net) for net in nets]
    if other and _when(*other) != _when(found):
        blocks = " or ".join(f"block {found.block}" if found else "no block" for found in (found, *other))
        rule = (
            f"expected a runtime whose schedule is established, got {version}: an epoch may be due after {SAFETY_NET} "
            f"blocks without a step or after more than the tempo, and so subnet {netuid}'s is in {blocks}"
        )
        raise UnsupportedProfile("spec_version", rule)
    if found is None:
        reason = "the tempo is 0" if tempo == 0 else "no epochs run" if most == 0 else "others always go first"
        return NextEpoch(block=None, due=None, reason=reason, **common)
    return NextEpoch(block=found.block, due=found.due, reason=found.reason, **common)


def _when(found: NextEpoch | None) -> tuple[int | None, int | None] | None:
    return None if found is None else (found.block, found.due)


def _network(stored: Stored) -> dict[str, str]:
    return {"network": network(stored)["network"]}
