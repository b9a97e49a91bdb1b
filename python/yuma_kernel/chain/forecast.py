"""The next epoch as it would be, and what can still change it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from yuma_kernel.arrays import U64_MAX
from yuma_kernel.chain.errors import ContentError
from yuma_kernel.chain.layout import NETUID_STEP, Key, Layout
from yuma_kernel.chain.mechanisms import Subnet, SubnetResult, emissions
from yuma_kernel.chain.payout import PendingEmission, estimate_pending
from yuma_kernel.chain.requests import Flow
from yuma_kernel.chain.schedule import NextEpoch, next_epoch_at
from yuma_kernel.chain.snapshot import Commits, Place, Reading, commits, epoch_index, profile_for, reading, snapshots
from yuma_kernel.results import EpochResult
from yuma_kernel.snapshot import Snapshot
from yuma_kernel.stages import activity
from yuma_kernel.tables import Table, Tabled, alpha

KINDS: Final = ("reveal", "commit", "inactive", "weights", "registration", "schedule")
"""What can change a forecast, from the most to the least certain to happen."""


@dataclass(frozen=True)
class Change:
    """Something that may be otherwise when the epoch comes.

    Attributes:
        kind: one of `KINDS`.
        text: what it is.
        uid, mechanism: whose, where it is one's.
    """

    kind: str
    text: str
    uid: int | None = None
    mechanism: int | None = None

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


@dataclass(frozen=True, eq=False, repr=False)
class Forecast(Tabled):
    """The next epoch of a subnet from the state of `head`.

    Attributes:
        netuid: the subnet.
        head: the block whose state it is.
        next: when the epoch is, and why.
        subnet: the state as the epoch would find it, one snapshot a mechanism.
        result: what the epoch would store; of each mechanism by itself in `result.mechanisms`.
        pending: rao that wait after `head`; exact.
        emission: rao that the epoch would divide; an *estimate*: what is pending, and what the coming blocks add at today's
            rate. Proportions do not depend on it, amounts of rao do.
        added_per_block: rao, today's rate.
        changes: what can still change it.
    """

    netuid: int
    head: int
    next: NextEpoch
    subnet: Subnet
    result: SubnetResult
    pending: Mapping[str, int]
    emission: int
    added_per_block: int
    changes: tuple[Change, ...]

    def __repr__(self) -> str:
        return f"Forecast(netuid={self.netuid}, block={self.block}, head={self.head}, changes={len(self.changes)})"

    @property
    def block(self) -> int:
        """The block of the epoch."""
        assert self.next.block is not None
        return self.next.block

    @property
    def snapshot(self) -> Snapshot:
        """Of the first mechanism."""
        return self.subnet.snapshots[0]

    @property
    def epoch(self) -> EpochResult:
        """Of the first mechanism."""
        return self.result.mechanisms[0]

    def table(self, everybody: bool = False) -> Table:
        """A row for each uid that earns something, or for every uid."""
        whole = self.result.table()
        assert whole.important is not None
        uids = [uid for uid, earned in enumerate(whole.important) if everybody or earned]
        columns = {name: [values[uid] for uid in uids] for name, values in whole.columns.items()}
        hotkeys = self.snapshot.hotkeys or ()
        columns["hotkey"] = [hotkeys[uid] for uid in uids]
        caption = (
            f"subnet {self.netuid}, epoch of block {self.block}, {_blocks(self.next.blocks_left or 0)} after {self.head}: "
            f"{self.emission} rao ({alpha(self.emission)} alpha) by estimate, {sum(self.pending.values())} of it pending"
        )
        important = [whole.important[uid] for uid in uids]
        return replace(whole, columns=columns, title="", caption=caption, important=important)

    def table_of_changes(self) -> Table:
        """A row for each thing that can still change it."""
        names = ("kind", "uid", "mechanism", "text")
        columns = {name: [getattr(change, name) for change in self.changes] for name in names}
        people = {name: columns[name] for name in ("kind", "uid", "text")}
        return Table(columns, people, {"text": "what"}, left=("kind", "text"), title="What can still change it")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON: the schedule, the emission, what can change, and every uid's result."""
        names = ("active", "validator_permit", "consensus", "dividends", "validator_trust", "stake_weight")
        amounts = ("server_emission", "validator_emission")
        return {
            "netuid": self.netuid,
            "head": self.head,
            "next": self.next.to_dict(),
            "emission": {
                "pending_rao": dict(self.pending),
                "estimate_rao": self.emission,
                "added_per_block_rao": self.added_per_block,
            },
            "changes": [{k: v for k, v in vars(change).items() if v is not None} for change in self.changes],
            "hotkeys": list(self.snapshot.hotkeys or ()),
            "result": {name: getattr(self.result, name).tolist() for name in (*names, *amounts)},
            "incentive": [result.incentive.tolist() for result in self.result.mechanisms],
        }


# -- emission -------------------------------------------------------------------------------------------------------------


def extra_keys(netuid: int, where: Place) -> list[Key]:
    """What the estimate of the emission needs beside the snapshot."""
    keys = [Key("SubnetAlphaOutEmission", (netuid,)), Key("SubnetOwnerCut")]
    optional = (item for item in ("OwnerCutEnabled", "RootProp") if where.layout.has(item))
    return [*keys, *(Key(item, (netuid,)) for item in optional)]


def added(read: Reading, blocks: int) -> PendingEmission:
    """What so many blocks add to what is pending, at the rate of the state: an estimate.

    The rate and the root's proportion move with the pools of each block; that the root sells is assumed. Where the runtime
    does not store them, the owner's cut is taken to be enabled, and the root's proportion to be 0.
    """
    stored, netuid = read.stored, read.netuid
    proportion = int(stored.value("RootProp", netuid)) if stored.keys("RootProp") else 0  # bits of U96F32
    return estimate_pending(
        int(stored.value("SubnetAlphaOutEmission", netuid)),
        root_proportion_bits=min(proportion, 2**32),
        root_sells=True,
        owner_cut=int(stored.value("SubnetOwnerCut")),
        owner_cut_enabled=not stored.keys("OwnerCutEnabled") or bool(stored.value("OwnerCutEnabled", netuid)),
        blocks=blocks,
    )


# -- the forecast ---------------------------------------------------------------------------------------------------------


def forecast(netuid: int, block: int | None, layouts: dict[str, Layout], profile: int | None, source: str) -> Flow[Forecast]:
    """The flow of a forecast from the state of `block`, None for the best one."""
    return (yield from forecast_read(netuid, block, layouts, profile, source))[0]


def forecast_read(
    netuid: int, block: int | None, layouts: dict[str, Layout], profile: int | None, source: str
) -> Flow[tuple[Forecast, Reading]]:
    """The same, and what was read for it."""
    read = yield from reading(netuid, block, None, layouts, lambda where: extra_keys(netuid, where))
    when = yield from next_epoch_at(netuid, read.where)
    if when.block is None:
        raise ContentError(f"there is no next epoch: {when.reason}", request=read.stored.request, item=f"Tempo({netuid})")
    number, more = profile_for(read.version, profile)
    rate = added(read, 1).emission
    pending = read.pending()
    total = min(U64_MAX, sum(pending.values()) + rate * (when.block - read.block))

    def divided(_: int, count: int, split: Any, version: int) -> Any:
        return emissions(total, count, split, version)

    about = {
        "source": source,
        "forecast": f"of the epoch of block {when.block} from the state after {read.block}",
        "emission": f"an estimate: pending after block {read.block}, and {rate} rao for each block until the epoch",
        **more,
    }
    waiting = _waiting(read, when.block)
    found = tuple(_at(snapshot, when.block) for snapshot in snapshots(read, number, divided, about))
    subnet = Subnet(netuid, read.block, found, total)
    changes = tuple(sorted(_changes(read, subnet, when, waiting), key=lambda change: KINDS.index(change.kind)))
    result = subnet.epoch()
    return Forecast(netuid, read.block, when, subnet, result, MappingProxyType(pending), total, rate, changes), read


def _waiting(read: Reading, block: int) -> dict[int, Commits]:
    """The commits of each mechanism. Those that the epoch's block will have revealed mask no weight of it: they are taken
    out of what is stored."""
    netuid, stored = read.netuid, read.stored
    if not stored.value("CommitRevealWeightsEnabled", netuid):
        return {}
    found = {mechanism: commits(stored, read.version, netuid, mechanism, block) for mechanism in read.mechanisms}
    revealed = epoch_index(stored, read.version, netuid, block) - int(stored.value("RevealPeriodEpochs", netuid))
    gone = [netuid + NETUID_STEP * mechanism for mechanism, waiting in found.items() if waiting.due]
    stored.add({Key("TimelockedWeightCommits", (index, revealed)): None for index in gone})
    return found


def _blocks(count: int) -> str:
    return "1 block" if count == 1 else f"{count} blocks"


def _at(snapshot: Snapshot, block: int) -> Snapshot:
    return replace(snapshot, state=replace(snapshot.state, current_block=block))


def _changes(read: Reading, subnet: Subnet, when: NextEpoch, waiting: Mapping[int, Commits]) -> list[Change]:
    assert when.block is not None
    block, left = when.block, when.block - read.block
    uids = {hotkey: uid for uid, hotkey in enumerate(read.hotkeys)}
    several = read.count > 1
    out: list[Change] = []
    for mechanism, snapshot in enumerate(subnet.snapshots):
        state, rules = snapshot.state, snapshot.hyperparameters
        which = {"mechanism": mechanism} if several else {}
        of = f" of mechanism {mechanism}" if several else ""
        if rules.commit_reveal:
            found = waiting[mechanism]
            for account, committed in found.due.items():
                if account in uids:
                    text = (
                        f"uid {uids[account]}'s weights{of}, committed at block {committed}, are revealed by block {block}"
                    )
                    out.append(Change("reveal", f"{text}: the row is not known", uids[account], **which))
            for account in found.revealable:
                if account in uids:
                    text = f"uid {uids[account]} may reveal its committed weights{of} until then"
                    out.append(Change("commit", text, uids[account], **which))
        now = activity(state.last_update, activity_cutoff=rules.activity_cutoff, current_block=read.block + 1)
        then = activity(state.last_update, activity_cutoff=rules.activity_cutoff, current_block=block)
        permitted = state.validator_permit.copy()
        if state.owner_uid is not None and rules.rules.owner_permit:
            permitted[state.owner_uid] = True
        for uid in np.flatnonzero(now & ~then & permitted).tolist():
            last = int(state.last_update[uid])
            text = f"uid {uid} is inactive{of} in block {block}, unless it sets weights: its last update is of block {last}"
            out.append(Change("inactive", text, uid, **which))
        if not rules.commit_reveal:
            out.append(Change("weights", f"validators may set weights{of} for {_blocks(left)}", **which))
    out.append(Change("registration", f"for {_blocks(left)} a registration may take a uid, with its weights and bonds"))
    if when.put_off:
        out.append(Change("schedule", f"the epoch is put off by {_blocks(when.put_off)}, as others go first"))
    out.append(Change("schedule", "stake, hyperparameters and the schedule may be changed until then"))
    return out
