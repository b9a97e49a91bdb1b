"""Who is paid what of an epoch, from the storages of the chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from yuma_kernel.chain import requests
from yuma_kernel.chain.audit import Audit, audit_read
from yuma_kernel.chain.forecast import Forecast, added, forecast_read
from yuma_kernel.chain.hashing import ss58
from yuma_kernel.chain.layout import Key, Layout
from yuma_kernel.chain.mechanisms import SubnetResult
from yuma_kernel.chain.payout import HotkeyState, MinerPayout, Payout, ValidatorPayout, pay
from yuma_kernel.chain.requests import Flow
from yuma_kernel.chain.snapshot import Reading, Stored
from yuma_kernel.tables import Table, Tabled, alpha

ROOT: Final = 0
"""The number of the root subnet, in which a hotkey's stake is its root stake."""


_AMOUNTS: Final = ("alpha_rao", "root_rao", "withheld_rao")


@dataclass(frozen=True, eq=False, repr=False)
class EpochPayout(Tabled):
    """Who is paid what of one epoch.

    Attributes:
        netuid, block: the subnet, and the block of the epoch.
        miners: rao by uid. Exact for an epoch that was audited without a difference.
        validators: by hotkey, as an address. What the block of the epoch itself added to what was pending for validators and
            for the root is an estimate, and with it their payments; the weights by which they are shared are exact.
        hotkeys: addresses by uid.
        pending: rao that were divided, by what they waited for.
        of: the Audit of a past epoch, or the Forecast of the next one.
        notes: what is estimated, and what else a reader has to know.
    """

    netuid: int
    block: int
    miners: MinerPayout
    validators: ValidatorPayout
    hotkeys: tuple[str, ...]
    pending: Mapping[str, int]
    of: Audit | Forecast
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        return f"EpochPayout(netuid={self.netuid}, block={self.block}, {self.miners!r}, {self.validators!r})"

    def table(self) -> Table:
        """A row for each who is paid something, miners by uid and then validators."""
        rows: list[tuple[str, int | None, str, int, int, int]] = []
        for uid, (paid, withheld) in enumerate(zip(self.miners.paid, self.miners.withheld, strict=True)):
            if paid or withheld:
                rows.append(("miner", uid, self.hotkeys[uid], paid, 0, withheld))
        uids = {hotkey: uid for uid, hotkey in enumerate(self.hotkeys)}
        for payment in self.validators.payments.values():
            if payment.alpha or payment.root:
                hotkey = str(payment.hotkey)
                rows.append(("validator", uids.get(hotkey), hotkey, payment.alpha, payment.root, 0))
        names = ("as", "uid", "hotkey", *_AMOUNTS)
        columns: dict[str, list[Any]] = {name: [row[at] for row in rows] for at, name in enumerate(names)}
        people = {name: [alpha(v) for v in values] if name in _AMOUNTS else values for name, values in columns.items()}
        miners = sum(self.miners.paid)
        caption = (
            f"subnet {self.netuid}, epoch of block {self.block}: miners {alpha(miners)}, "
            f"validators {alpha(sum(columns['alpha_rao']) - miners)}, root {alpha(sum(columns['root_rao']))}, "
            f"withheld {alpha(sum(self.miners.withheld))} alpha"
        )
        headers = {"alpha_rao": "alpha", "root_rao": "to root (alpha)", "withheld_rao": "withheld (alpha)"}
        weight = [row[3] + row[4] for row in rows]
        return Table(columns, people, headers, left=("as", "hotkey"), caption=caption, important=weight)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "netuid": self.netuid,
            "block": self.block,
            "upcoming": isinstance(self.of, Forecast),
            "pending_rao": dict(self.pending),
            "hotkeys": list(self.hotkeys),
            "miners": self.miners.to_dict(),
            "validators": self.validators.to_dict(),
            "notes": list(self.notes),
        }


def payout(
    netuid: int, block: int | None, layouts: dict[str, Layout], profile: int | None, source: str
) -> Flow[EpochPayout]:
    """The flow of the payout of the epoch of `block`, None for the next one."""
    of: Audit | Forecast
    notes: list[str] = []
    if block is None:
        of, read = yield from forecast_read(netuid, None, layouts, profile, source)
        blocks, number, result = of.block - of.head, of.block, of.result
        notes.append(f"the epoch is still to come: a forecast from block {of.head}, with an emission that is an estimate")
    else:
        of, read = yield from audit_read(netuid, block, layouts, profile, source)
        blocks, number, result = 1, block, of.result
        if of.differences:
            notes.append(f"the epoch is not the one that the chain stored: {of.first_difference}")
        notes += of.notes
        notes.append("what the block itself added for validators and the root is an estimate, and so are their payments")
    more = added(read, blocks)
    pending = read.pending()
    pending = {
        "server": pending["server"] + more.server,
        "validator": pending["validator"] + more.validator,
        "root": pending["root"] + more.root,
    }
    owners, state = yield from _hotkeys(read, result)
    addresses = tuple(map(ss58, read.hotkeys))
    paid: Payout = pay(
        result.server_emission,
        result.validator_emission,
        hotkeys=addresses,
        owner_hotkeys=owners,
        state=state,
        pending_validator=pending["validator"],
        pending_server=pending["server"],
        pending_root=pending["root"],
        spec_version=read.version,
    )
    return EpochPayout(
        netuid, number, paid.miners, paid.validators, addresses, MappingProxyType(pending), of, tuple(notes)
    )  # fmt: skip


_OF_VALIDATOR: Final = ("ChildkeyTake", "ChildKeys", "ParentKeys")
"""By hotkey and subnet, read of those who have dividends."""


def _of_hotkey(hotkey: bytes, netuid: int) -> list[Key]:
    """Read of those who have dividends and of their parents."""
    stakes = [Key("TotalHotkeyAlpha", (hotkey, subnet)) for subnet in (netuid, ROOT)]
    return [*stakes, Key("Owner", (hotkey,)), Key("Delegates", (hotkey,)), Key("Uids", (ROOT, hotkey))]


def _hotkeys(read: Reading, result: SubnetResult) -> Flow[tuple[list[str], HotkeyState]]:
    """The owner's hotkeys, and what is stored of everybody who can have a dividend: two requests."""
    layout, at, netuid = read.where.layout, read.where.at, read.netuid
    earning = [hotkey for hotkey, weight in zip(read.hotkeys, result.validator_emission.tolist(), strict=True) if weight]
    keys = [Key("SubnetOwner", (netuid,)), Key("CKBurn")]
    for hotkey in earning:
        keys += [*_of_hotkey(hotkey, netuid), *(Key(item, (hotkey, netuid)) for item in _OF_VALIDATOR)]
    stored = Stored(layout, (yield from requests.storage(layout, keys, at)))
    relatives = {hotkey: [list(_pairs(stored, item, hotkey, netuid)) for item in _OF_VALIDATOR[1:]] for hotkey in earning}
    known = set(earning)
    parents = list(dict.fromkeys(parent for _, given in relatives.values() for _, parent in given if parent not in known))
    coldkey = stored.value("SubnetOwner", netuid)
    keys = [Key("OwnedHotkeys", (coldkey,))]
    for hotkey in parents:
        keys += _of_hotkey(hotkey, netuid)
    stored.add((yield from requests.storage(layout, keys, at)))
    everybody = [*earning, *parents]
    # a uid without a dividend has nothing to share, and nothing is read of it unless it is a parent
    heard = set(everybody)
    idle = [ss58(hotkey) for hotkey in read.hotkeys if hotkey not in heard]
    childless = [ss58(hotkey) for hotkey in read.hotkeys if hotkey not in known]

    def of(item: str, *more: int) -> dict[Any, Any]:
        return {ss58(hotkey): stored.value(item, hotkey, *more) for hotkey in everybody}

    nobody: dict[Any, Any] = dict.fromkeys(idle, 0)
    no_relatives: dict[Any, Any] = dict.fromkeys(childless, ())
    state = HotkeyState(
        alpha={**nobody, **of("TotalHotkeyAlpha", netuid)},
        root={**nobody, **of("TotalHotkeyAlpha", ROOT)},
        owner={ss58(hotkey): ss58(stored.value("Owner", hotkey)) for hotkey in everybody},
        childkey_take={ss58(hotkey): stored.value("ChildkeyTake", hotkey, netuid) for hotkey in earning},
        children={**no_relatives, **{ss58(h): _addresses(children) for h, (children, _) in relatives.items()}},
        parents={**no_relatives, **{ss58(h): _addresses(given) for h, (_, given) in relatives.items()}},
        root_hotkeys=frozenset(ss58(h) for h in everybody if stored.value("Uids", ROOT, h) is not None),
        tao_weight=read.stored.value("TaoWeight"),
        childkey_burn=stored.value("CKBurn"),
        delegate_take={**nobody, **of("Delegates")},
    )
    owned = [*stored.value("OwnedHotkeys", coldkey), read.stored.value("SubnetOwnerHotkey", netuid)]
    return [ss58(hotkey) for hotkey in owned if any(hotkey)], state


def _pairs(stored: Stored, item: str, hotkey: bytes, netuid: int) -> Sequence[tuple[int, bytes]]:
    pairs: Sequence[tuple[int, bytes]] = stored.value(item, hotkey, netuid)
    if len({parent for _, parent in pairs}) != len(pairs):
        raise stored.bad("expected every hotkey once", item, hotkey, netuid)
    return pairs


def _addresses(pairs: Sequence[tuple[int, bytes]]) -> tuple[tuple[int, str], ...]:
    return tuple((proportion, ss58(hotkey)) for proportion, hotkey in pairs)
