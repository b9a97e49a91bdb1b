"""Hashes, SCALE, metadata and layout: what stands between a node's bytes and numbers."""

from __future__ import annotations

import pickle
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import yuma_kernel as yk
from chain_facts import METADATA, storage_facts, unpacked
from yuma_kernel.chain import hashing, layout, metadata, requests, scale, transport
from yuma_kernel.chain.errors import ContentError, LayoutChanged, NoSubnet
from yuma_kernel.chain.layout import Key, Layout

# -- nodes in messages ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("wss://entrypoint-finney.opentensor.ai:443", "wss://entrypoint-finney.opentensor.ai:443"),
        ("https://user:secret@node.example/v1/hidden?key=hidden#hidden", "https://node.example"),
        (f"wss://{'a' * 20}.example", f"wss://{'a' * 20}.example"),
        (f"wss://{'a' * 21}.rpc.{'b' * 32}.example:1", "wss://….rpc.….example:1"),
        ("ws://127.0.0.1:9944", "ws://127.0.0.1:9944"),
        ("ws://[2001:db8:85a3:1234:5678:8a2e:370:7334]:9944/x", "ws://[2001:db8:85a3:1234:5678:8a2e:370:7334]:9944"),
    ],
)
def test_a_node_is_named_without_what_may_be_a_key(url: str, named: str) -> None:
    """Of the longest label that is shown, and the shortest that may be a key."""
    assert transport.host(url) == named


# -- hashes ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "seed", "expected"),
    [
        (b"", 0, 0xEF46DB3751D8E999),
        (b"a", 0, 0xD24EC4F1A98C6E5B),
        (b"abc", 0, 0x44BC2CF5AD770999),
        (b"Nobody inspects the spammish repetition", 0, 0xFBCEA83C8A378BF1),
    ],
)
def test_xxhash64_as_published(data: bytes, seed: int, expected: int) -> None:
    assert hashing.xxhash64(data, seed) == expected


def test_prefixes_as_explorers_show_them() -> None:
    assert hashing.twox128(b"System").hex() == "26aa394eea5630e07c48ae0c9558cef7"
    assert hashing.twox128(b"SubtensorModule").hex() == "658faa385070e074c85bf6b568cf0555"
    assert Layout.known().raw(Key("Number")).hex() == "26aa394eea5630e07c48ae0c9558cef702a5c1b19ab7a04f536c519aca4983ac"


def test_an_address_as_everybody_knows_it() -> None:
    alice = bytes.fromhex("d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d")
    assert hashing.ss58(alice) == "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"


# -- SCALE ----------------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.integers(0, 2**64 - 1) | st.sampled_from([0, 63, 64, 2**14 - 1, 2**14, 2**30 - 1, 2**30, 2**32, 2**536 - 1]))
def test_compact_integers(value: int) -> None:
    data = scale.encode_compact(value)
    assert scale.decode("compact", data) == value
    for cut in range(len(data)):
        with pytest.raises(ContentError):
            scale.decode("compact", data[:cut])
    with pytest.raises(ContentError):
        scale.decode("compact", data + b"\0")


@pytest.mark.parametrize("data", ["0100", "02000000", "0300000000", "0300000001 00", "0700000000 00", "fd00", "fe000000"])
def test_compact_integers_in_more_bytes_than_they_need(data: str) -> None:
    with pytest.raises(ContentError):
        scale.decode("compact", bytes.fromhex(data))


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        ("u16", "ff7f", 32767),
        ("i16", "18fc", -1000),
        ("u64", "a0bb0d0000000000", 900_000),
        ("u128", "01" + "00" * 15, 1),
        ("bool", "01", True),
        ("(u16, u16)", "33b366e6", (45875, 58982)),
        ("enum(Current=0,Previous=1,Auto=2)", "02", 2),
        ("Vec<u8>", "0c010203", b"\1\2\3"),
        ("str", "0c61c3a4", "aä"),
        ("Vec<bool>", "080001", [False, True]),
        ("Vec<u64>", "04ffffffffffffffff", [2**64 - 1]),
        ("Vec<(u16, u16)>", "080100ffff02000000", [[1, 65535], [2, 0]]),
        ("Vec<([u8; 32], u64, Vec<u8>, u64)>", "04" + "07" * 32 + "01" + "00" * 7 + "08aabb" + "02" + "00" * 7,
         [(b"\7" * 32, 1, b"\xaa\xbb", 2)]),
    ],
)  # fmt: skip
def test_values(kind: str, data: str, expected: Any) -> None:
    raw = bytes.fromhex(data)
    got = scale.decode(kind, raw)
    if isinstance(got, np.ndarray):
        assert got.tolist() == expected
    else:
        assert got == expected
    for wrong in (*(raw[:cut] for cut in range(len(raw))), raw + b"\0"):
        with pytest.raises(ContentError):
            scale.decode(kind, wrong)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("bool", "02"), ("Vec<bool>", "0402"), ("enum(Yuma=0,Null=1)", "02"), ("str", "04ff"),
        ("Vec<u16>", "0b00000001 0000"), ("Vec<u8>", "ffffffffffffffffffffffffffffffff"),
    ],
)  # fmt: skip
def test_values_that_are_none(kind: str, data: str) -> None:
    with pytest.raises(ContentError):
        scale.decode(kind, bytes.fromhex(data))


@pytest.mark.parametrize("kind", ["u7", "Vec<", "Vec<u16> u16", "float", "[u16; 4]"])
def test_types_that_are_none(kind: str) -> None:
    with pytest.raises(ContentError):
        scale.decoder(kind)


# -- metadata and layout --------------------------------------------------------------------------------------------------


def _plain(kind: str) -> str:
    """A type of storage.json without the names of structs, as `metadata` spells it."""
    kind = re.sub(r"\w+<[^{}]*>\{([^}]*)\}", r"\1", kind)
    return re.sub(r"\w+\{([^}]*)\}", r"\1", kind).replace("BoundedVec", "Vec")


@pytest.mark.parametrize("name", METADATA)
def test_real_metadata(name: str) -> None:
    found = metadata.storage(unpacked(METADATA[name]), layout.PALLET)
    compared = 0
    for item, fact in storage_facts().items():
        if name[:3] not in fact["runtimes"]:
            assert item not in found
            continue
        entry, key = found[item], _plain(fact["key"] or "")
        keys = tuple(key[1:-1].split(", ", 1)) if len(entry.hashers) == 2 else (key,) if key else ()
        assert list(entry.hashers) == fact["hashers"], item
        assert entry.keys == keys, item
        assert entry.value == _plain(fact["value"]), item
        assert entry.optional == (fact["modifier"] == "Optional"), item
        assert entry.default.hex() == fact["default"], item
        compared += 1
    assert compared > 55


NOT_IN_343 = {
    "ActivityCutoffFactorMilli", "LastEpochBlock", "PendingEpochAt", "SubnetEpochIndex", "MaxEpochsPerBlock",
    "OwnerCutEnabled", "RootProp",
}  # fmt: skip
"""Items of the table that 424 has."""


@pytest.mark.parametrize("name", METADATA)
def test_table_is_what_real_metadata_say(name: str) -> None:
    found = metadata.storage(unpacked(METADATA[name]), layout.PALLET)
    version = int(name[:3])
    for item, entry in layout.TABLE.items():
        if version == 343 and item in NOT_IN_343:
            assert item not in found
        else:
            assert found[item] == entry, item
    system = metadata.storage(unpacked(METADATA[name]), "System")
    assert all(system[item] == entry for item, entry in layout.SYSTEM.items())


def test_table_is_what_the_facts_say() -> None:
    for item, fact in storage_facts().items():
        if item in layout.TABLE:
            assert list(layout.TABLE[item].hashers) == fact["hashers"], item
            assert layout.TABLE[item].default.hex() == fact["default"], item


@pytest.mark.parametrize("name", METADATA)
def test_metadata_cut_short(name: str) -> None:
    data = unpacked(METADATA[name])
    for cut in range(0, 60_000, 997):
        with pytest.raises(ContentError):
            metadata.storage(data[:cut], layout.PALLET)


@pytest.mark.parametrize("data", [b"", b"meta", b"atem\x0e", b"meta\x0d\0\0", b"meta\x0e\0\0"])
def test_what_is_no_metadata(data: bytes) -> None:
    with pytest.raises(ContentError):
        metadata.storage(data, layout.PALLET)


def test_a_changed_item_is_refused_by_its_name() -> None:
    data = unpacked(METADATA["424 V16"])
    found = Layout.of_metadata(data)
    assert found.source == "metadata"
    assert found.raw(Key("Weights", (31, 5))) == Layout.known().raw(Key("Weights", (31, 5)))
    with pytest.raises(LayoutChanged, match="LastYumaStepBlock: the runtime has no such item"):
        found.entry("LastYumaStepBlock")
    kappa = b"\x14Kappa\1\1\4"  # a default, a map, one hasher: Identity, which is 6
    assert data.count(kappa + b"\6") == 1
    changed = Layout.of_metadata(data.replace(kappa + b"\6", kappa + b"\5"))
    assert not changed.has("Kappa")
    with pytest.raises(LayoutChanged, match=r"Kappa: the runtime stores it as \(Twox64Concat u16\) u16 default 0xff7f"):
        changed.raw(Key("Kappa", (31,)))
    assert changed.raw(Key("Tempo", (31,)))


def test_keys() -> None:
    known = Layout.known()
    assert known.raw(Key("Tempo", (31,)))[32:].hex() == "1f00"
    assert known.raw(Key("Weights", (4096 + 31, 5)))[32:].hex() == "1f100500"
    with pytest.raises(ContentError, match="expected a key of u16, got 65536"):
        known.raw(Key("Tempo", (65536,)))
    assert str(Key("Uids", (31, b"\1" * 32))) == f"Uids(31, 0x{'01' * 32})"


# -- the metagraph call ---------------------------------------------------------------------------------------------------

RECORDED = "get_subnet_state_sn1_block6852690_spec343"


def test_recorded_answer() -> None:
    data = unpacked(RECORDED)
    answer = requests.read_subnet_state(data, 1, None)
    assert len(answer.hotkeys) == len(set(answer.hotkeys)) == len(answer.alpha_stake) == len(answer.tao_stake) == 1024
    assert (sum(answer.alpha_stake), sum(answer.tao_stake)) == (752363410573525, 5397055331935463)
    wrapped = scale.encode_compact(len(data)) + data  # as runtimes of the time of 218 gave it
    assert requests.read_subnet_state(wrapped, 1, None) == answer


def test_recorded_answer_damaged() -> None:
    data = unpacked(RECORDED)
    for wrong in (data[:-1], data + b"\0", data[1:], b"", b"\2" + data[1:], data[:5] + data[6:]):
        with pytest.raises(ContentError):
            requests.read_subnet_state(wrong, 1, "state_call")
    with pytest.raises(NoSubnet):
        requests.read_subnet_state(b"\0", 1, "state_call")
    with pytest.raises(ContentError, match="expected subnet 2, got 1"):
        requests.read_subnet_state(data, 2, "state_call")


def test_errors_are_input_errors_and_survive_pickling() -> None:
    error = ContentError("a rule", request="state_call", item="Tempo(1)")
    again = pickle.loads(pickle.dumps(error))
    assert issubclass(ContentError, yk.InputError)
    assert str(again) == str(error) == "Tempo(1) (state_call): a rule"
    assert (again.field, again.rule, again.request, again.item) == ("Tempo(1)", "a rule", "state_call", "Tempo(1)")
