"""How the chain stores what an epoch, its schedule and its payout are made of.

The table holds for the runtimes from 343 to 424, in which none of it changed. For any other runtime the node's own metadata
are read once and compared: an item that is stored as the table says is read, one that is not is refused when it is needed.
The items of later runtimes have no hashers here: those come from the node's metadata, which have to agree with the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from yuma_kernel.chain.errors import ContentError, LayoutChanged
from yuma_kernel.chain.hashing import HASHERS, twox128
from yuma_kernel.chain.metadata import Entry, storage
from yuma_kernel.chain.scale import decode, encode_key

PALLET: Final = "SubtensorModule"
FIRST, LAST = 343, 424
"""The runtimes whose layout the table is known to be, both included."""
DYNAMIC_TEMPO: Final = 423
"""Since this runtime epochs are scheduled in storage, and the activity cutoff is a multiple of the tempo."""
NETUID_STEP: Final = 4096
"""The storage index of mechanism k of a subnet is netuid + 4096·k."""

_ACCOUNT: Final = "[u8; 32]"
_COMMITS: Final = "Vec<([u8; 32], u64, Vec<u8>, u64)>"


def _item(value: str, default: str | None, *keys: str) -> Entry:
    """`keys` are pairs hasher:type; a default of None: the item is optional."""
    hashers = tuple(key.partition(":")[0] for key in keys)
    types = tuple(key.partition(":")[2] for key in keys)
    return Entry(hashers, types, value, default is None, bytes.fromhex("00" if default is None else default))


_N: Final = "Identity:u16"
_ROW: Final = ("Identity:u16", "Identity:u16")
_ZERO: Final = "00" * 8

TABLE: Final[Mapping[str, Entry]] = MappingProxyType(
    {
        # by uid
        "Weights": _item("Vec<(u16, u16)>", "00", *_ROW),
        "Bonds": _item("Vec<(u16, u16)>", "00", *_ROW),
        "BlockAtRegistration": _item("u64", _ZERO, *_ROW),
        "Keys": _item(_ACCOUNT, "00" * 32, *_ROW),
        # the subnet
        "NetworksAdded": _item("bool", "00", _N),
        "SubnetworkN": _item("u16", "0000", _N),
        "LastUpdate": _item("Vec<u64>", "00", _N),
        "ValidatorPermit": _item("Vec<bool>", "00", _N),
        "SubnetOwnerHotkey": _item(_ACCOUNT, "00" * 32, _N),
        "SubnetOwner": _item(_ACCOUNT, "00" * 32, _N),
        "Uids": _item("u16", None, _N, f"Blake2_128Concat:{_ACCOUNT}"),
        "MechanismCountCurrent": _item("u8", "01", "Twox64Concat:u16"),
        "MechanismEmissionSplit": _item("Vec<u16>", None, "Twox64Concat:u16"),
        # commits
        "WeightCommits": _item("Vec<([u8; 32], u64, u64, u64)>", None, "Twox64Concat:u16", f"Twox64Concat:{_ACCOUNT}"),
        "TimelockedWeightCommits": _item(_COMMITS, "00", "Twox64Concat:u16", "Twox64Concat:u64"),
        "RevealPeriodEpochs": _item("u64", "01" + "00" * 7, "Twox64Concat:u16"),
        # hyperparameters
        "Kappa": _item("u16", "ff7f", _N),
        "BondsPenalty": _item("u16", "ffff", _N),
        "BondsMovingAverage": _item("u64", "a0bb0d0000000000", _N),
        "Yuma3On": _item("bool", "00", "Blake2_128Concat:u16"),
        "LiquidAlphaOn": _item("bool", "00", "Blake2_128Concat:u16"),
        "AlphaValues": _item("(u16, u16)", "33b366e6", _N),
        "AlphaSigmoidSteepness": _item("i16", "e803", _N),
        "MaxAllowedValidators": _item("u16", "8000", _N),
        "StakeThreshold": _item("u64", _ZERO),
        "Tempo": _item("u16", "6801", _N),
        "ActivityCutoff": _item("u16", "8813", _N),
        "ActivityCutoffFactorMilli": _item("u32", "41360000", _N),
        "CommitRevealWeightsEnabled": _item("bool", "01", _N),
        "TaoWeight": _item("u64", "fc62e03efa3c7c0d"),
        # what a call that sets weights has to keep to
        "WeightsVersionKey": _item("u64", _ZERO, _N),
        "WeightsSetRateLimit": _item("u64", "64" + "00" * 7, _N),
        "MinAllowedWeights": _item("u16", "0004", _N),
        "CommitRevealWeightsVersion": _item("u16", "0400"),
        # the schedule
        "LastMechansimStepBlock": _item("u64", _ZERO, _N),  # the chain's spelling
        "LastEpochBlock": _item("u64", _ZERO, _N),
        "PendingEpochAt": _item("u64", _ZERO, _N),
        "SubnetEpochIndex": _item("u64", _ZERO, _N),
        "MaxEpochsPerBlock": _item("u8", "02"),
        "BlocksSinceLastStep": _item("u64", _ZERO, _N),
        # emission
        "PendingServerEmission": _item("u64", _ZERO, _N),
        "PendingValidatorEmission": _item("u64", _ZERO, _N),
        "PendingRootAlphaDivs": _item("u64", _ZERO, _N),
        "PendingOwnerCut": _item("u64", _ZERO, _N),
        "SubnetAlphaOutEmission": _item("u64", _ZERO, _N),
        "SubnetOwnerCut": _item("u16", "142e"),
        "OwnerCutEnabled": _item("bool", "01", _N),
        "RootProp": _item("u128", "00" * 16, _N),  # FixedU128 of 32 fractional bits
        # what an epoch stored
        "Active": _item("Vec<bool>", "00", _N),
        "StakeWeight": _item("Vec<u16>", "00", _N),
        "Consensus": _item("Vec<u16>", "00", _N),
        "Incentive": _item("Vec<u16>", "00", _N),
        "Dividends": _item("Vec<u16>", "00", _N),
        "ValidatorTrust": _item("Vec<u16>", "00", _N),
        "Emission": _item("Vec<u64>", "00", _N),
        # payout
        "Owner": _item(_ACCOUNT, "00" * 32, f"Blake2_128Concat:{_ACCOUNT}"),
        "OwnedHotkeys": _item(f"Vec<{_ACCOUNT}>", "00", f"Blake2_128Concat:{_ACCOUNT}"),
        "Delegates": _item("u16", "142e", f"Blake2_128Concat:{_ACCOUNT}"),
        "CKBurn": _item("u64", _ZERO),
        "ChildkeyTake": _item("u16", "0000", f"Blake2_128Concat:{_ACCOUNT}", _N),
        "TotalHotkeyAlpha": _item("u64", _ZERO, f"Blake2_128Concat:{_ACCOUNT}", _N),
        "ParentKeys": _item(f"Vec<(u64, {_ACCOUNT})>", "00", f"Blake2_128Concat:{_ACCOUNT}", _N),
        "ChildKeys": _item(f"Vec<(u64, {_ACCOUNT})>", "00", f"Blake2_128Concat:{_ACCOUNT}", _N),
    }
)
"""By name, every item that is read here: hashers, keys, type and default as the metadata of 343 and of 424 have them."""

LATER: Final[Mapping[str, Entry]] = MappingProxyType(
    {
        "LiquidAlphaConsensusMode": Entry((), ("u16",), "enum(Current=0,Previous=1,Auto=2)", False, b"\2"),
        "ConsensusByMechanism": Entry((), ("u16",), "Vec<u16>", False, b"\0"),
        "LastYumaStepBlock": Entry((), ("u16",), "u64", True, b"\0"),
        "SubnetEpochConsensus": Entry((), ("u16",), "enum(Yuma=0,Null=1)", False, b"\0"),
    }
)
"""Items of runtimes after 424: keys, type and default; the hashers are the node's to say."""

SYSTEM: Final[Mapping[str, Entry]] = MappingProxyType(
    {
        "Number": _item("u32", "00000000"),
        "BlockHash": _item(_ACCOUNT, "00" * 32, "Twox64Concat:u32"),
    }
)
"""Of the pallet System: the number of the block, and the hash of block 0, by which networks are told apart."""


class Key(NamedTuple):
    """One value in storage: the item's name and its keys, as people write them."""

    item: str
    args: tuple[Any, ...] = ()

    def __str__(self) -> str:
        shown = (f"0x{arg.hex()}" if isinstance(arg, bytes) else str(arg) for arg in self.args)
        return f"{self.item}({', '.join(shown)})" if self.args else self.item


def _same_encoding(known: Entry, found: Entry) -> bool:
    """Whether the node stores the item as it is known here; enum variants may be spelled in any case."""
    hashers = known.hashers or found.hashers  # of later items: the node's
    mine = (hashers, known.keys, known.value.lower(), known.optional, known.default)
    return mine == (found.hashers, found.keys, found.value.lower(), found.optional, found.default)


_PLAIN: Final = re.compile(r"[^\w()=,<>;\[\] ]")


class Layout:
    """The items of one runtime: how each is found and read.

    Attributes:
        source: "table" or "metadata": where the layout is known from.
    """

    def __init__(self, entries: Mapping[str, Entry], changed: Mapping[str, str], source: str) -> None:
        self._entries = entries
        self._changed = changed
        self._found: dict[str, tuple[bytes, tuple[tuple[Callable[[bytes], bytes], str], ...]]] = {}
        self.source = source

    @classmethod
    def known(cls) -> Layout:
        """The table, for a runtime that it is known to hold for."""
        return cls(TABLE, dict.fromkeys(LATER, "it is no part of the known layout"), "table")

    @classmethod
    def of_metadata(cls, data: bytes) -> Layout:
        """What the table says and the node's own metadata agree with.

        Raises:
            ContentError: `data` are no metadata.
        """
        found = storage(data, PALLET)
        entries: dict[str, Entry] = {}
        changed: dict[str, str] = {}
        for name, known in {**TABLE, **LATER}.items():
            if name not in found:
                changed[name] = "the runtime has no such item"
            elif _same_encoding(known, found[name]):
                entries[name] = found[name] if name in LATER else known
            else:
                changed[name] = f"the runtime stores it as {_described(found[name])}, known is {_described(known)}"
        return cls(entries, changed, "metadata")

    def has(self, item: str) -> bool:
        """Whether the item can be read."""
        return item in self._entries or item in SYSTEM

    def entry(self, item: str) -> Entry:
        """How the item is stored.

        Raises:
            LayoutChanged: otherwise than is known here, or not at all.
        """
        found = self._entries.get(item) or SYSTEM.get(item)
        if found is None:
            raise LayoutChanged(self._changed.get(item, "no such item is known"), item=item)
        return found

    def raw(self, key: Key) -> bytes:
        """The key under which the node has the value; or what such keys begin with, for fewer keys than the item has."""
        found = self._found.get(key.item)
        if found is None:
            entry = self.entry(key.item)
            pallet = "System" if key.item in SYSTEM and key.item not in self._entries else PALLET
            prefix = twox128(pallet.encode()) + twox128(key.item.encode())
            hashers = tuple(zip((HASHERS[hasher] for hasher in entry.hashers), entry.keys, strict=True))
            found = self._found[key.item] = (prefix, hashers)
        out, hashers = found
        for (hasher, kind), arg in zip(hashers, key.args, strict=False):
            out += hasher(encode_key(kind, arg))
        return out

    def value(self, key: Key, stored: bytes | None, request: str | None = None) -> Any:
        """What `stored` holds, in the terms of `scale.decode`; where nothing is stored the default, or None without one.

        Raises:
            ContentError: the bytes are no value of the item's type.
        """
        entry = self.entry(key.item)
        if stored is None:
            return None if entry.optional else decode(entry.value, entry.default)
        try:
            return decode(entry.value, stored)
        except ContentError as error:
            raise error.about(request, str(key)) from None


def _described(entry: Entry) -> str:
    keys = ", ".join(f"{h} {k}" for h, k in zip(entry.hashers or ("any hasher",) * len(entry.keys), entry.keys, strict=True))
    default = "optional" if entry.optional else f"default 0x{entry.default.hex()[:64]}"
    return _PLAIN.sub("?", f"({keys}) {entry.value[:120]} {default}")
