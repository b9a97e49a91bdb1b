"""A snapshot read from a node is the one that was put into it, by every way in; and what is no snapshot is refused."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import random
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import yuma_kernel as yk
from chain_facts import METADATA, unpacked
from chain_history import live, small, weighing
from chain_metadata import LATE_ITEMS, compact, metadata
from chain_node import U64_MAX, Node, account, pairs, put_subnet, served, u, vector
from chain_subnets import Stakes, stored, subnets, whole
from yuma_kernel.chain import layout, requests
from yuma_kernel.chain.layout import Key, Layout
from yuma_kernel.chain.metadata import Entry

CHAIN = yk.chain
EXAMPLES = int(os.environ.get("YUMA_EXAMPLES", "400"))
CORRUPTIONS = int(os.environ.get("YUMA_CORRUPTIONS", "600"))
EXAMPLE = Path(yk.__file__).parent / "data" / "example.npz"


@functools.cache
def example(spec: int = 424) -> yk.Snapshot:
    """The bundled example as a runtime stores it, with a cutoff that is a multiple of the tempo."""
    snapshot = yk.load(EXAMPLE)
    return stored(snapshot, snapshot.state.current_block - 1, spec, activity_cutoff=5040)


def serving(snapshot: yk.Snapshot, stakes: Stakes, netuid: int = 7, **options: Any) -> Node:
    node = Node(options.pop("spec", 424), **options)
    state = node.state(snapshot.state.current_block - 1)
    put_subnet(state, netuid, [snapshot], stakes)
    return node


@functools.cache
def example_node() -> Node:
    return serving(example(), whole(example()))


@pytest.fixture
def node() -> Iterator[Node]:
    node = example_node()
    node.asked.clear()
    untouched, node.change = node.change, lambda method, params, answer: answer
    yield node
    node.change = untouched


def same(got: yk.Snapshot, put: yk.Snapshot) -> None:
    assert got.state == put.state
    assert got.hyperparameters == put.hyperparameters
    assert got.emission == put.emission


# -- what is put in comes out ---------------------------------------------------------------------------------------------


def test_example_by_every_way_in(node: Node) -> None:
    block = example().state.current_block - 1
    got = [CHAIN.snapshot(node.rpc, 7), CHAIN.snapshot(lambda method, params: node.answer(method, params), 7, block=block)]
    got.append(asyncio.run(CHAIN.asnapshot(node.rpc, 7)))

    async def awaited(method: str, params: list[Any]) -> Any:
        await asyncio.sleep(0)
        return node.rpc(method, params)

    got.append(asyncio.run(CHAIN.asnapshot(awaited, 7)))
    for serve in (node.http, node.ws):
        with serve() as url:
            got += [CHAIN.snapshot(url, 7), asyncio.run(CHAIN.asnapshot(url, 7, block=block))]
    for snapshot in got:
        same(snapshot, example())
        assert snapshot.hotkeys == got[0].hotkeys


def test_what_the_example_expects_follows() -> None:
    node = serving(example(475), whole(example(475)), spec=475)
    got = CHAIN.snapshot(node.rpc, 7)
    same(got, example(475))
    expected = yk.load(EXAMPLE).expected
    assert expected is not None
    assert yk.epoch(got.state, got.hyperparameters, emission=got.emission).first_difference(expected) is None


def test_meta_says_where_it_comes_from(node: Node) -> None:
    with node.http() as url:
        meta = CHAIN.snapshot(url.replace("//", "//user:secret@") + "/v1?api_key=hidden", 7).meta
    assert meta["network"] == "finney"
    assert meta["block_hash"] == node.hash(node.head)
    assert meta["state_of_block"] == node.head
    assert dict(meta["runtime"]) == {"name": "node-subtensor", "spec_version": 424}
    assert meta["layout"] == "the table of runtimes 343 to 424"
    assert (meta["netuid"], meta["mechanism"], meta["mechanisms"], meta["profile"]) == (7, 0, 1, 425)
    assert sum(meta["read"].values()) == 6  # under commit-reveal
    text = json.dumps(meta, default=dict)
    assert "secret" not in text
    assert "hidden" not in text


def test_meta_says_what_preflight_asks_for() -> None:
    asked = ("weights_version_key", "weights_set_rate_limit", "min_allowed_weights", "commit_reveal_version")

    def write(state: Any) -> None:
        state.put(u(2**40 + 7, 8), "WeightsVersionKey", 7)
        state.put(u(90, 8), "WeightsSetRateLimit", 7)
        state.put(u(3, 2), "MinAllowedWeights", 7)
        state.put(u(5, 2), "CommitRevealWeightsVersion")

    node = spoiled(write)
    got = CHAIN.snapshot(node.rpc, 7)
    assert [got.meta[name] for name in asked] == [2**40 + 7, 90, 3, 5]
    sender = int(np.argmax(got.state.last_update))
    sent = yk.preflight(got, sender=sender, weights={1: 1}, version_key=2**40 + 6)
    assert {"IncorrectWeightVersionKey", "WeightVecLengthIsLow"} <= set(sent.errors)
    assert "rate limit 90 blocks" in next(check.why for check in sent.checks if check.error == "SettingWeightsTooFast")
    other = yk.preflight(got, sender=sender, weights={1: 1}, weights_version_key=0, min_allowed_weights=1)
    assert {"IncorrectWeightVersionKey", "WeightVecLengthIsLow"}.isdisjoint(other.errors)  # arguments come first

    # where nothing is stored, the chain's defaults
    assert [CHAIN.snapshot(spoiled(lambda state: None).rpc, 7).meta[name] for name in asked] == [0, 100, 1024, 4]

    # stored otherwise, or not given: not known
    late = Node(475)
    put_subnet(late.state(example().state.current_block - 1), 7, [example()], whole(example()))
    late.described = metadata({**LATE_ITEMS, "MinAllowedWeights": Entry(("Identity",), ("u16",), "u32", False, bytes(4))})
    read = CHAIN.snapshot(late.rpc, 7)
    assert [read.meta.get(name) for name in asked] == [0, 100, None, 4]
    values = {name: value for name, value in raw_values(node, 7).items() if name != "WeightsSetRateLimit"}
    given = CHAIN.from_storage(values, 7, block=node.head, spec_version=424)
    assert [given.meta.get(name) for name in asked] == [2**40 + 7, None, 3, 5]
    unknown = yk.preflight(given, sender=sender, weights={1: 1})
    assert next(c.status for c in unknown.checks if c.error == "SettingWeightsTooFast") == "not known"


def test_it_can_be_saved(node: Node, tmp_path: Path) -> None:
    got = CHAIN.snapshot(node.rpc, 7)
    yk.save(tmp_path / "read.npz", got)
    assert yk.load(tmp_path / "read.npz") == got


@pytest.mark.parametrize("spec", [343, 424, 445, 452, 475])
@settings(max_examples=EXAMPLES // 8, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_generated_subnets(spec: int, data: st.DataObject) -> None:
    snapshot, stakes, weight, factor = data.draw(subnets(spec))
    node = Node(spec)
    state = node.state(snapshot.state.current_block - 1)
    put_subnet(
        state, 7, [snapshot], stakes, weight, (snapshot.emission // 2, snapshot.emission - snapshot.emission // 2, 0), factor
    )
    got = CHAIN.snapshot(node.rpc, 7, profile=425 if spec == 343 else None)
    same(got, snapshot)
    assert ("profile_source" in got.meta) == (spec == 343)
    result = yk.epoch(got.state, got.hyperparameters, emission=got.emission, backend="reference")
    assert result == yk.epoch(snapshot.state, snapshot.hyperparameters, emission=snapshot.emission, backend="reference")


@pytest.mark.parametrize("name", METADATA)
def test_real_subnet_and_real_metadata(name: str, shared_data: Path) -> None:
    """Subnet 31 behind the layout that the real metadata of the runtime say, under a version that the table has not."""
    described = unpacked(METADATA[name])
    snapshot = yk.load(shared_data / "sn31_block3621600.npz")
    spec = int(name[:3])
    put = stored(snapshot, 3621599, activity_cutoff=5040 if spec >= 423 else 5000)
    for shown_as in (spec, 425):
        if spec < 423 < shown_as:
            continue
        node = Node(spec, Layout.of_metadata(described), described)
        node.spec = shown_as
        put_subnet(node.state(3621599), 31, [put], whole(put))
        got = CHAIN.snapshot(node.rpc, 31, profile=425)
        same(got, put)
        assert snapshot.expected is not None
        result = yk.epoch(got.state, got.hyperparameters, emission=got.emission)
        assert result.first_difference(snapshot.expected) is None
        again = CHAIN.snapshot(node.rpc, 31, profile=425)
        assert again.state == got.state


def test_budget(shared_data: Path) -> None:
    """256 uids and 2,431 weights: 6 requests and 300 KB at most, and little time beside the node's."""
    snapshot = yk.load(shared_data / "sn31_block3621600.npz")
    put = stored(snapshot, 3621599, activity_cutoff=5040, commit_reveal=True)
    assert put.state.weights.uid.size == 2431
    node = serving(put, whole(put), 31)
    with node.http() as url:
        for block in (None, 3621599):
            node.bytes_up = node.bytes_down = 0
            node.asked.clear()
            CHAIN.snapshot(url, 31, block=block)
            assert len(node.asked) <= 6
            assert node.bytes_up + node.bytes_down <= 300_000
    log: dict[str, list[Any]] = {}

    def recorded(method: str, params: list[Any]) -> Any:
        answer = json.loads(json.dumps(node.rpc(method, params)))
        log.setdefault(method, []).append(answer)
        return answer

    CHAIN.snapshot(recorded, 31)
    took = []
    for _ in range(5):
        answers = {method: iter(given) for method, given in log.items()}
        start = time.perf_counter()
        CHAIN.snapshot(lambda method, params, answers=answers: next(answers[method]), 31)
        took.append(time.perf_counter() - start)
    if "YUMA_TIMES" in os.environ:  # a machine that does other things says nothing about time
        assert min(took) <= 0.020, took


def test_the_recorded_answer_through_a_node() -> None:
    answer = unpacked("get_subnet_state_sn1_block6852690_spec343")
    node = Node(343)
    state = node.state(6852690)
    read = requests.read_subnet_state(answer, 1, None)
    n = len(read.hotkeys)
    state.put(b"\1", "NetworksAdded", 1)
    state.put(u(n, 2), "SubnetworkN", 1)
    state.put(vector([False] * n, "?"), "ValidatorPermit", 1)
    state.put(b"\0", "CommitRevealWeightsEnabled", 1)
    state.put(u(3320413933267719290, 8), "TaoWeight")
    for uid, hotkey in enumerate(read.hotkeys):
        state.put(hotkey, "Keys", 1, uid)
    state.stakes[1] = (read.alpha_stake, read.tao_stake)
    node.change = lambda method, params, given: "0x" + answer.hex() if method == "state_call" else given
    got = CHAIN.snapshot(node.rpc, 1, profile=425)
    assert got.state.n == 1024
    assert got.state.total_stake[:, 1].tolist() == read.total_stake
    state.put(u(3320413933267719290 // 2, 8), "TaoWeight")
    with pytest.raises(CHAIN.ContentError, match="expected the total stake of uid"):
        CHAIN.snapshot(node.rpc, 1, profile=425)


def test_mechanisms_in_one_reading() -> None:
    first = example()
    half = replace(
        first.state, weights=yk.SparseRows.empty(first.state.n), last_update=first.state.last_update + np.uint64(1)
    )
    second = yk.Snapshot(half, first.hyperparameters, 0)
    node = Node()
    state = node.state(first.state.current_block - 1)
    put_subnet(state, 7, [first, second], whole(first), pending=(1000, 500, 501))
    subnet = CHAIN.subnet(node.rpc, 7)
    assert [s.emission for s in subnet.snapshots] == [1001, 1000]
    assert [s.state for s in subnet.snapshots] == [first.state, half]
    assert len([method for method, _ in node.asked if method == "state_queryStorageAt"]) == 2
    same(CHAIN.snapshot(node.rpc, 7, mechanism=1), yk.Snapshot(half, first.hyperparameters, 1000))
    state.put(vector([13107, 52428], "H"), "MechanismEmissionSplit", 7)
    assert [s.emission for s in CHAIN.subnet(node.rpc, 7).snapshots] == [2001 - 1600, 1600]
    with pytest.raises(CHAIN.NoSubnet, match=r"MechanismCountCurrent\(7\).*below 2, got 2"):
        CHAIN.snapshot(node.rpc, 7, mechanism=2)
    result = asyncio.run(CHAIN.asubnet(node.rpc, 7)).epoch()
    assert subnet.table().columns["emission_rao"] == [s.emission for s in subnet.snapshots]
    assert "<th>emission (rao)</th>" in subnet._repr_html_()
    plain = json.loads(json.dumps(result.to_dict()))
    assert plain["emission"] == result.emission.tolist()
    assert [own["incentive"] for own in plain["mechanisms"]] == [own.incentive.tolist() for own in result.mechanisms]
    columns = result.table().columns
    assert columns["incentive_1"] == result.mechanisms[1].incentive.tolist()
    assert columns["server_emission_rao"] == result.server_emission.tolist()
    assert columns["validator_permit"] == result.validator_permit.tolist()
    assert "<th>server emission (rao)</th>" in result._repr_html_()
    assert len(result.mechanisms) == 2
    together = sum(int(r.server_emission.sum()) for r in result.mechanisms)
    assert int(result.server_emission.sum()) == together


@pytest.mark.parametrize("spec", [343, 424])
def test_which_commits_are_live(spec: int) -> None:
    """Each uid has one commit, one epoch or block later than the uid before; a period of one epoch."""
    put, stakes = cropped(example(), 24)
    rules = replace(put.hyperparameters, commit_reveal=True, tempo=9, activity_cutoff=126)
    for head in range(1000, 1012):
        state = replace(put.state, current_block=head + 1, commit_block=None)
        node = Node(spec)
        written = node.state(head)
        put_subnet(written, 7, [yk.Snapshot(state, rules)], stakes)
        written.put(u(1, 8), "RevealPeriodEpochs", 7)
        written.put(u(12, 8), "SubnetEpochIndex", 7)
        live = {}
        for uid in range(0, 24, 2):  # plain commits; the odd ones are timelocked, two in a list
            block, epoch = head - uid, 13 - uid // 4
            fields = u(epoch, 8) + u(block, 8) if spec >= 423 else u(block, 8) + u(epoch, 8)
            queue = compact(1) + b"\1" * 32 + fields + u(0, 8)
            written.put(queue, "WeightCommits", 7, account(7000 + uid))
            entry = account(7001 + uid) + u(block, 8) + compact(0) + u(0, 8)
            key = epoch if spec >= 423 else uid  # an index that says nothing: the block does
            before = written.get("TimelockedWeightCommits", 7, key)
            old = b"".join(a + u(b, 8) + compact(0) + u(0, 8) for a, b, _, _ in before)
            written.put(compact(len(before) + 1) + old + entry, "TimelockedWeightCommits", 7, key)
            now = 13 if spec >= 423 else (head + 1 + 7 + 1) // 10
            of = epoch if spec >= 423 else (block + 7 + 1) // 10
            if now <= of + 1:
                live[uid] = live[uid + 1] = block
        got = CHAIN.snapshot(node.rpc, 7, profile=425).state.commit_block
        assert got is not None
        assert {uid: block for uid, block in enumerate(got.tolist()) if block != U64_MAX} == live
        assert 0 < len(live) < 24


# -- later runtimes -------------------------------------------------------------------------------------------------------


def test_a_later_runtime_is_compared_once_and_said() -> None:
    node = Node(475)
    put = example(475)
    put = replace(put, state=replace(put.state, previous_consensus=np.zeros(0, np.uint16), last_yuma_step_block=None))
    put_subnet(node.state(put.state.current_block - 1), 7, [put], whole(put))
    for _ in range(2):
        got = CHAIN.snapshot(node.rpc, 7)
        same(got, put)
        assert got.meta["layout"] == "the node's metadata, which agree with the table in every item that was read"
    assert [method for method, _ in node.asked].count("state_getMetadata") == 1


def test_a_newer_runtime_than_known_is_said() -> None:
    node = Node(480)
    put_subnet(node.state(example().state.current_block - 1), 7, [example(475)], whole(example(475)))
    with pytest.warns(yk.NewerRuntimeWarning, match="480"):
        got = CHAIN.snapshot(node.rpc, 7)
    assert (got.meta["runtime"]["spec_version"], got.meta["profile"]) == (480, 475)


@pytest.mark.parametrize("spec", [446, 450, 451])
def test_a_runtime_whose_epoch_is_not_established(spec: int) -> None:
    node = Node(spec)
    put_subnet(
        node.state(100), 7, [replace(example(), hyperparameters=replace(example().hyperparameters))], whole(example())
    ) if spec > 423 else None
    if spec > 423:
        with pytest.raises(yk.UnsupportedProfile):
            CHAIN.snapshot(node.rpc, 7)


def test_a_changed_item_is_refused_by_its_name() -> None:
    changes: list[tuple[str, Entry]] = [
        ("Kappa", Entry(("Twox64Concat",), ("u16",), "u16", False, b"\xff\x7f")),
        ("Weights", Entry(("Identity", "Identity"), ("u16", "u16"), "Vec<(u16, u32)>", False, b"\0")),
        ("Yuma3On", Entry(("Blake2_128Concat",), ("u16",), "bool", False, b"\1")),
        ("SubnetEpochConsensus", Entry(("Identity",), ("u16",), "enum(Yuma=0,Null=1,Other=2)", False, b"\0")),
    ]
    for item, entry in changes:
        node = Node(475)
        put_subnet(node.state(example().state.current_block - 1), 7, [example()], whole(example()))
        node.described = metadata({**LATE_ITEMS, item: entry})
        with pytest.raises(CHAIN.LayoutChanged, match=item):
            CHAIN.snapshot(node.rpc, 7)
    node.described = metadata({name: entry for name, entry in LATE_ITEMS.items() if name != "ConsensusByMechanism"})
    with pytest.raises(CHAIN.LayoutChanged, match="ConsensusByMechanism: the runtime has no such item"):
        CHAIN.snapshot(lambda method, params: node.rpc(method, params), 7)


def test_a_null_subnet_is_refused_by_name() -> None:
    node = Node(475)
    state = node.state(example().state.current_block - 1)
    put_subnet(state, 7, [example()], whole(example()))
    state.put(b"\1", "SubnetEpochConsensus", 7)
    with pytest.raises(CHAIN.NullConsensus, match="Null consensus"):
        CHAIN.snapshot(node.rpc, 7)


# -- from stored values ---------------------------------------------------------------------------------------------------


def raw_values(node: Node, netuid: int) -> dict[str, Any]:
    """What somebody with a reader of his own has."""
    state = node.states[node.head]
    n = state.get("SubnetworkN", netuid)
    out: dict[str, Any] = {"get_subnet_state": bytes.fromhex(node.answer("state_call", [
        "SubnetInfoRuntimeApi_get_subnet_state", "0x" + u(netuid, 2).hex(), None])[2:])}  # fmt: skip
    for item, entry in layout.TABLE.items():
        if item in ("Weights", "Bonds", "Keys", "BlockAtRegistration"):
            out[item] = [state.values.get(state.layout.raw(Key(item, (netuid, uid)))) for uid in range(n)]
        elif len(entry.keys) < 2 and entry.keys in ((), ("u16",)):
            value = state.values.get(state.layout.raw(Key(item, (netuid,) if entry.keys else ())))
            out[item] = None if value is None else "0x" + value.hex()
    owner = state.get("SubnetOwnerHotkey", netuid)
    out["Uids"] = state.values.get(state.layout.raw(Key("Uids", (netuid, owner))))
    out["WeightCommits"] = {key[-32:]: value for key, value in _below(state, "WeightCommits", netuid)}
    found = _below(state, "TimelockedWeightCommits", netuid)
    out["TimelockedWeightCommits"] = {int.from_bytes(key[-8:], "little"): value for key, value in found}
    return out


def _below(state: Any, item: str, arg: int) -> list[tuple[bytes, bytes]]:
    prefix = state.layout.raw(Key(item, (arg,)))
    return [(key, value) for key, value in state.values.items() if key.startswith(prefix)]


def test_from_storage(node: Node) -> None:
    values = raw_values(node, 7)
    got = CHAIN.from_storage(values, 7, block=node.head, spec_version=424)
    same(got, example())
    for item in ("Kappa", "Weights", "get_subnet_state", "TaoWeight", "WeightCommits", "TimelockedWeightCommits"):
        with pytest.raises(CHAIN.ContentError, match=f"^{item}.*missing"):
            CHAIN.from_storage({k: v for k, v in values.items() if k != item}, 7, block=node.head, spec_version=424)
    with pytest.raises(yk.InputError, match="metadata: expected the metadata of runtime 475"):
        CHAIN.from_storage(values, 7, block=node.head, spec_version=475)
    with pytest.raises(CHAIN.ContentError, match=r"Weights: expected \d+ values, one a uid"):
        CHAIN.from_storage(values | {"Weights": values["Weights"][:-1]}, 7, block=node.head, spec_version=424)
    by_uid = values | {"Weights": dict(enumerate(values["Weights"]))}
    same(CHAIN.from_storage(by_uid, 7, block=node.head, spec_version=424), example())
    late = values | dict.fromkeys(
        ("LiquidAlphaConsensusMode", "LastYumaStepBlock", "SubnetEpochConsensus", "ConsensusByMechanism")
    )
    got = CHAIN.from_storage(late, 7, block=node.head, spec_version=475, metadata=metadata())
    assert (got.hyperparameters.profile, got.hyperparameters.liquid_alpha_consensus_mode) == (475, "auto")
    assert got.state.previous_consensus is not None


def test_from_storage_with_commits() -> None:
    n = example().state.n
    commit_block = np.full(n, U64_MAX, np.uint64)
    commit_block[:4] = [10, 20, 30, 40]
    put = replace(example(), state=replace(example().state, commit_block=commit_block))
    put = replace(put, hyperparameters=replace(put.hyperparameters, commit_reveal=True))
    node = serving(put, whole(put))
    same(CHAIN.snapshot(node.rpc, 7), put)
    same(CHAIN.from_storage(raw_values(node, 7), 7, block=node.head, spec_version=424), put)


# -- what is stored otherwise than it should ------------------------------------------------------------------------------


def spoiled(write: Callable[[Any], None]) -> Node:
    node = Node()
    state = node.state(example().state.current_block - 1)
    put_subnet(state, 7, [example()], whole(example()))
    write(state)
    return node


@pytest.mark.parametrize(
    ("write", "error", "match"),
    [
        (lambda s: s.put(b"\0", "NetworksAdded", 7), "NoSubnet", r"NetworksAdded\(7\) \(state_query.*\): there is no"),
        (lambda s: s.put(u(0, 2), "SubnetworkN", 7), "NoSubnet", r"SubnetworkN\(7\).*has no uid"),
        (lambda s: s.put(u(5, 2), "SubnetworkN", 7), "ContentError", r"get_subnet_state\(7\).*expected 5 of alpha_stake"),
        (lambda s: s.put(account(7001), "Keys", 7, 0), "ContentError", r"Keys\(7, 1\).*stands twice, at uid 0 too"),
        (lambda s: s.put(vector([True], "?"), "ValidatorPermit", 7), "ContentError", r"ValidatorPermit\(7\)"),
        (lambda s: s.put(pairs([(3, 1), (3, 2)]), "Weights", 7, 2), "ContentError", r"Weights\(7, 2\).*more than once"),
        (lambda s: s.put(pairs([(3, 1), (30000, 2)]), "Bonds", 7, 2), "ContentError", r"Bonds\(7, 2\).*got 30000 in"),
        (lambda s: s.put(u(1_000_001, 8), "BondsMovingAverage", 7), "ContentError", "BondsMovingAverage"),
        (lambda s: s.put(u(0, 1), "MechanismCountCurrent", 7), "ContentError", r"MechanismCountCurrent\(7\).*got 0"),
        (lambda s: s.put(vector([1] * 300, "Q"), "LastUpdate", 7), "ContentError", r"LastUpdate\(7\).*got 300"),
        (lambda s: s.put(u(9, 2), "Tempo", 7) or s.put(b"\1", "Tempo", 7), "ContentError", r"Tempo\(7\).*truncated"),
        (lambda s: s.put(u(1, 2), "Uids", 7, account(7000)) or s.put(account(7000), "SubnetOwnerHotkey", 7),
         "ContentError", r"Uids\(7, 0x[0-9a-f]{64}\).*got 1"),
        (lambda s: s.put(u(U64_MAX, 8), "PendingServerEmission", 7), "ContentError", r"PendingServerEmission\(7\)"),
    ],
)  # fmt: skip
def test_stored_values_that_no_subnet_has(write: Callable[[Any], None], error: str, match: str) -> None:
    node = spoiled(write)
    with pytest.raises(getattr(CHAIN, error), match=match):
        CHAIN.snapshot(node.rpc, 7)


def test_a_metagraph_of_another_size(node: Node) -> None:
    other = serving(*cropped(example(), 24))
    args = ["SubnetInfoRuntimeApi_get_subnet_state", "0x0700", other.hash(other.head)]
    node.change = lambda method, params, answer: other.answer(method, args) if method == "state_call" else answer
    with pytest.raises(CHAIN.ContentError, match="expected 256 hotkeys, as SubnetworkN says, got 24"):
        CHAIN.snapshot(node.rpc, 7)


def test_weights_of_uids_that_are_gone_are_dropped_and_counted() -> None:
    row = example().state.weights.to_rows()[0]
    n = example().state.n
    for uids in ((30000, 30001), (n, 65535)):
        more = [(uids[0], 5), (uids[1], 6)]
        node = spoiled(lambda s, more=more: s.put(pairs([*row, *more]), "Weights", 7, 0))  # type: ignore[misc]
        got = CHAIN.snapshot(node.rpc, 7)
        same(got, example())
        assert got.meta["weights_of_no_uid_dropped"] == 2


def test_the_last_step_of_yuma_is_of_475_on() -> None:
    """Whatever stands under its name in a runtime of before."""
    for spec, known in ((460, None), (475, 999_640)):
        start, stakes = small(random.Random(1), 12, spec)
        node = live(Node(spec), 7, start, stakes, 1, 360, weighing(random.Random(1))).node
        node.states[999_999].put(u(999_640, 8), "LastYumaStepBlock", 7)
        assert CHAIN.snapshot(node.rpc, 7, block=999_999).state.last_yuma_step_block == known


def test_values_that_nobody_asked_for_are_refused(node: Node) -> None:
    def more(method: str, params: Any, answer: Any) -> Any:
        if method == "state_queryStorageAt":
            answer[0]["changes"].append(list(answer[0]["changes"][-1]))
        return answer

    node.change = more
    with pytest.raises(CHAIN.ContentError, match="1 values more than asked for"):
        CHAIN.snapshot(node.rpc, 7)


@pytest.mark.parametrize("count", [999, 1000, 1001, 2000, 2500])
def test_lists_of_keys_come_in_pages(count: int) -> None:
    """However many there are, a page that is full among them; and a key that stands twice is refused."""
    node = Node(424)
    for netuid in range(count):
        node.state(5000).put(b"\1", "NetworksAdded", netuid)
    at = node.hash(5000)
    calls: list[Any] = []

    def asked(request: requests.Request) -> Any:
        calls.append(request.params)
        return node.answer(request.method, list(request.params))

    keys = requests.run(requests.keys_of(Layout.known(), "NetworksAdded", at), asked)
    assert sorted(key.args[0] for key in keys) == list(range(count))
    assert len(calls) == count // 1000 + 1

    def twice(request: requests.Request) -> Any:
        page = node.answer(request.method, list(request.params))
        return [page[0], *page[:-1]]

    with pytest.raises(CHAIN.ContentError, match="out of place"):
        requests.run(requests.keys_of(Layout.known(), "NetworksAdded", at), twice)


def test_an_answer_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's memory is a node's to fill."""
    node = spoiled(lambda state: None)
    with node.http() as url:
        monkeypatch.setattr("yuma_kernel.chain.transport._MOST", 5000)
        with pytest.raises(CHAIN.ContentError, match="expected at most 5000 bytes"):
            CHAIN.snapshot(url, 7)


def test_absent_values_are_defaults() -> None:
    def bare(state: Any) -> None:
        for item in ("Kappa", "BondsPenalty", "Yuma3On", "LiquidAlphaOn", "AlphaValues", "Tempo", "LastUpdate"):
            state.put(None, item, 7)
        state.put(None, "Keys", 7, 3)
        state.put(None, "Keys", 7, 5)  # nobody is twice there
        state.put(None, "TaoWeight")

    node = spoiled(bare)
    got = CHAIN.snapshot(node.rpc, 7)
    rules = got.hyperparameters
    assert (rules.kappa, rules.bonds_penalty, rules.yuma3, rules.liquid_alpha) == (32767, 65535, False, False)
    assert (rules.alpha_low, rules.alpha_high, rules.tempo) == (45875, 58982, 360)
    assert not got.state.last_update.any()
    assert got.state.block_at_registration[3] == 0


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda: CHAIN.snapshot("example.org", 7), "source"),
        (lambda: CHAIN.snapshot("ftp://example.org", 7), "source"),
        (lambda: CHAIN.snapshot("http://[", 7), "source"),
        (lambda: CHAIN.snapshot(42, 7), "source"),
        (lambda: CHAIN.snapshot(Node, 7), "source"),
        (lambda: CHAIN.snapshot(print, 0), "netuid"),
        (lambda: CHAIN.snapshot(print, 4096), "netuid"),
        (lambda: CHAIN.snapshot(print, 7, block=-1), "block"),
        (lambda: CHAIN.snapshot(print, 7, mechanism=16), "mechanism"),
        (lambda: CHAIN.snapshot(print, 7, timeout=0), "timeout"),
        (lambda: CHAIN.snapshot(print, 7, timeout=3601), "timeout"),
        (lambda: CHAIN.snapshot(print, 7, attempts=0), "attempts"),
    ],
)
def test_arguments(call: Callable[[], Any], field: str) -> None:
    with pytest.raises(yk.InputError) as caught:
        call()
    assert caught.value.field == field


def test_a_metagraph_is_told_from_a_client() -> None:
    with pytest.raises(yk.InputError, match="got Metagraph: a metagraph holds rounded floats, give the client"):
        CHAIN.snapshot(type("Metagraph", (), {})(), 7)


def test_an_awaited_client_in_a_blocking_call(node: Node) -> None:
    async def awaited(method: str, params: list[Any]) -> Any:
        return node.rpc(method, params)

    with pytest.raises(yk.InputError, match=r"source: .*call the a… function"):
        CHAIN.snapshot(awaited, 7)


# -- what a node can do wrong ---------------------------------------------------------------------------------------------


def test_a_node_that_says_no(node: Node) -> None:
    with pytest.raises(CHAIN.UnknownBlock, match="block 4000000000"):
        CHAIN.snapshot(node.rpc, 7, block=4_000_000_000)
    with pytest.raises(CHAIN.PrunedState, match="archive node"):
        CHAIN.snapshot(node.rpc, 7, block=node.head - 5)

    def refuses(method: str, params: Any, answer: Any) -> Any:
        raise LookupError(-32000, "the key of wss://host/abcdef is used up, token=abcdef")

    node.change = refuses
    with pytest.raises(CHAIN.NodeError, match="-32000: the key of <URL> is used up, <secret>") as caught:
        CHAIN.snapshot(node.rpc, 7)
    assert caught.value.request == "chain_getHead"
    assert not isinstance(caught.value, OSError)


def test_a_state_of_another_block(node: Node) -> None:
    other = "0x" + "ab" * 32

    def moved(method: str, params: Any, answer: Any) -> Any:
        return [{**answer[0], "block": other}] if method == "state_queryStorageAt" else answer

    node.change = moved
    with pytest.raises(CHAIN.StateChanged, match="expected the state of"):
        CHAIN.snapshot(node.rpc, 7)
    node.change = lambda method, params, answer: node.hash(node.head) if method == "chain_getBlockHash" else answer
    with pytest.raises(CHAIN.StateChanged, match=f"expected the state of block {node.head - 1}, got that of {node.head}"):
        CHAIN.snapshot(node.rpc, 7, block=node.head - 1)


def _values(answer: Any) -> list[int]:
    return [k for k, (_, value) in enumerate(answer[0]["changes"]) if value is not None]


def corrupted(chance: random.Random, method: str, answer: Any) -> tuple[str, Any]:
    """A copy of the answer that is wrong in one of the ways in which answers are, and which."""
    answer = json.loads(json.dumps(answer))
    ways: list[str] = ["null", "kind", "error", "list"]
    if method == "state_getKeysPaged":
        ways.remove("list")  # an empty one is that of a subnet without commits
    hexed = isinstance(answer, str)
    if hexed:
        ways += ["cut", "more", "odd", "letter", "space", "prefix", "gap"] * 3
        if method in ("chain_getHead", "chain_getBlockHash"):
            ways.remove("gap")
    if method == "state_getRuntimeVersion":
        ways += ["version", "name"] * 3
    if method == "state_queryStorageAt":
        ways += [
            "drop",
            "twice",
            "swap",
            "extra",
            "key",
            "pair",
            "cut",
            "more",
            "odd",
            "letter",
            "space",
            "block",
            "sets",
            "gap",
        ] * 3
    if method == "state_getKeysPaged":
        ways += ["key", "odd", "cut", "twice", "swap", "extra"]
    way = chance.choice(ways)
    return way, _SPOILERS[way](chance, method, answer)


def _on_hex(change: Callable[[random.Random, str], Any]) -> Callable[[random.Random, str, Any], Any]:
    def spoil(chance: random.Random, method: str, answer: Any) -> Any:
        if isinstance(answer, str):
            return change(chance, answer)
        if method == "state_getKeysPaged":
            at = chance.randrange(len(answer))
            answer[at] = change(chance, answer[at])
            return answer
        pair = answer[0]["changes"][chance.choice(_values(answer))]
        pair[1] = change(chance, pair[1])
        return answer

    return spoil


def _changes(change: Callable[[random.Random, list[Any]], None]) -> Callable[[random.Random, str, Any], Any]:
    def spoil(chance: random.Random, method: str, answer: Any) -> Any:
        change(chance, answer if method == "state_getKeysPaged" else answer[0]["changes"])
        return answer

    return spoil


def _raise(chance: random.Random, method: str, answer: Any) -> Any:
    raise LookupError(
        chance.choice([-32000, -32601, 4003, 1010]), chance.choice(["busy", "State already discarded", "", "x" * 999])
    )


def _key(chance: random.Random, changes: list[Any]) -> None:
    at = chance.randrange(len(changes))
    paged = isinstance(changes[at], str)
    key = changes[at] if paged else changes[at][0]
    place = chance.randrange(2, len(key))
    key = key[:place] + chance.choice([c for c in "0123456789abcdef" if c != key[place]]) + key[place + 1 :]
    if paged:
        changes[at] = key
    else:
        changes[at][0] = key


def _swap(chance: random.Random, changes: list[Any]) -> None:
    a, b = chance.sample(range(len(changes)), 2)
    changes[a], changes[b] = changes[b], changes[a]


def _gap(chance: random.Random, text: str) -> str:
    """A byte is missing, or one too many, anywhere."""
    at = 2 + 2 * chance.randrange(len(text) // 2 - 1) if len(text) > 4 else 2
    return text[:at] + text[at + 2 :] if chance.random() < 0.5 else text[:at] + f"{chance.randrange(256):02x}" + text[at:]


_SPOILERS: dict[str, Callable[[random.Random, str, Any], Any]] = {
    "null": lambda chance, method, answer: None,
    "kind": lambda chance, method, answer: chance.choice([0, 7, True, 1.5, "text", "", {}, {"a": 1}]),
    "list": lambda chance, method, answer: chance.choice([[], [None], [[]], [{}], [answer]]),
    "error": _raise,
    "cut": _on_hex(lambda chance, text: text[: 2 + 2 * chance.randrange((len(text) - 2) // 2)]),
    "more": _on_hex(lambda chance, text: text + f"{chance.randrange(2**40):010x}"),
    "odd": _on_hex(lambda chance, text: text[:-1]),
    "letter": _on_hex(lambda chance, text: text[:-1] + chance.choice("gz~ é\n")),
    "space": _on_hex(lambda chance, text: "0x " + text[2:]),
    "prefix": _on_hex(lambda chance, text: text[2:]),
    "gap": _on_hex(_gap),
    "version": lambda chance, method, answer: {**answer, "specVersion": chance.choice([None, "424", -1, 4.24, True, 2**32])},
    "name": lambda chance, method, answer: {**answer, "specName": chance.choice([None, 7, "\0", "x" * 999])},
    "drop": _changes(lambda chance, changes: changes.pop(chance.randrange(len(changes)))),
    "twice": _changes(lambda chance, changes: changes.insert(chance.randrange(len(changes)), changes[0])),
    "swap": _changes(_swap),
    "extra": _changes(lambda chance, changes: changes.append(["0x00", None])),
    "key": _changes(_key),
    "pair": _changes(lambda chance, changes: changes.__setitem__(-1, chance.choice([None, [], ["0x"], 5, ["0x", None, 1]]))),
    "block": lambda chance, method, answer: [{**answer[0], "block": chance.choice([None, "0x12", "0x" + "0" * 64, 5])}],
    "sets": lambda chance, method, answer: answer * 2,
}  # fmt: skip


def test_corrupted_answers() -> None:
    """Each is an error that names request and item."""
    chance = random.Random(20261126)
    n = example().state.n
    commit_block = np.full(n, U64_MAX, np.uint64)
    commit_block[: n // 2] = np.arange(n // 2) + 5
    put = replace(example(), state=replace(example().state, commit_block=commit_block))
    put = replace(put, hyperparameters=replace(put.hyperparameters, commit_reveal=True))
    small, stakes = cropped(put, 24)
    node = serving(small, stakes)
    true = CHAIN.snapshot(node.rpc, 7)
    same(true, small)
    dialogue = len(node.asked)
    told: dict[str, int] = {}
    harmless = 0
    for _ in range(CORRUPTIONS):
        place, seen, way = chance.randrange(dialogue), 0, ""

        def change(method: str, params: Any, answer: Any, place: int = place) -> Any:
            nonlocal seen, way
            seen += 1
            if seen - 1 != place:
                return answer
            way, spoiled = corrupted(chance, method, answer)
            return spoiled

        node.change = change
        try:
            got = CHAIN.snapshot(node.rpc, 7, attempts=1)
        except (CHAIN.NodeError, CHAIN.ContentError) as error:
            name = type(error).__name__ if error.request and error.item else "unnamed"
            told[name] = told.get(name, 0) + 1
        else:
            assert got == true, f"{way} at request {place} went unseen"
            harmless += 1
    assert sum(told.values()) + harmless == CORRUPTIONS
    assert "unnamed" not in told
    assert harmless == 0, told


def cropped(snapshot: yk.Snapshot, n: int) -> tuple[yk.Snapshot, Stakes]:
    """The first n uids alone."""
    state = snapshot.state

    def rows(given: yk.SparseRows) -> yk.SparseRows:
        return yk.SparseRows.from_rows([[(uid, value) for uid, value in row if uid < n] for row in given.to_rows()[:n]])

    owner = None if state.owner_uid is None or state.owner_uid >= n else state.owner_uid
    small = replace(
        state,
        weights=rows(state.weights),
        bonds=rows(state.bonds),
        total_stake=state.total_stake[:n],
        last_update=state.last_update[:n],
        block_at_registration=state.block_at_registration[:n],
        validator_permit=state.validator_permit[:n],
        commit_block=None if state.commit_block is None else state.commit_block[:n],
        owner_uid=owner,
    )
    out = yk.Snapshot(small, snapshot.hyperparameters, snapshot.emission)
    return out, whole(out)


# -- transport ------------------------------------------------------------------------------------------------------------


SECRET = "hunter2" * 2


@contextmanager
def silent() -> Iterator[int]:
    """A server that takes connections and says nothing."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


@contextmanager
def answering(body: bytes, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server that gives every connection these bytes and closes it; with a context over TLS."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(0.1)
        done = threading.Event()

        def serve() -> None:
            while not done.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(1)
                    if context is not None:
                        with context.wrap_socket(connection, server_side=True) as inner:
                            inner.recv(65536)
                            inner.sendall(body)
                        continue
                    connection.recv(65536)
                    connection.sendall(body)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            done.set()
            thread.join()


@pytest.mark.parametrize("scheme", ["http", "ws"])
@pytest.mark.parametrize("awaited", [False, True])
def test_no_answer_in_time(scheme: str, awaited: bool) -> None:
    if scheme == "ws":
        pytest.importorskip("websockets")
    with silent() as port:
        url = f"{scheme}://127.0.0.1:{port}/?key={SECRET}"
        start = time.monotonic()
        with pytest.raises(CHAIN.TransportTimeout, match=r"did not answer in 0.2 seconds, 2 attempts") as caught:
            _read(url, awaited, timeout=0.2, attempts=2)
        assert time.monotonic() - start < 5
    assert caught.value.request == "chain_getHead"
    assert issubclass(CHAIN.TransportTimeout, (TimeoutError, OSError))
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("awaited", [False, True])
def test_an_answer_that_trickles(awaited: bool) -> None:
    """A byte before every time-out of the socket: the whole answer has to come in time."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            with contextlib.suppress(OSError):
                for _ in range(1000):
                    self.wfile.write(b" ")
                    time.sleep(0.05)

        def log_message(self, *args: Any) -> None:
            pass

    with served(Handler) as url:
        start = time.monotonic()
        with pytest.raises(CHAIN.TransportTimeout, match=r"did not answer in 0.4 seconds, 2 attempts"):
            _read(url.replace("http", "HTTP"), awaited, timeout=0.4, attempts=2)
        assert time.monotonic() - start < 10


def _read(url: str, awaited: bool, **options: Any) -> yk.Snapshot:
    if awaited:
        return asyncio.run(CHAIN.asnapshot(url, 7, **options))
    return CHAIN.snapshot(url, 7, **options)


@pytest.mark.parametrize("scheme", ["http", "ws"])
@pytest.mark.parametrize("awaited", [False, True])
def test_nobody_there(scheme: str, awaited: bool) -> None:
    if scheme == "ws":
        pytest.importorskip("websockets")
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
    with pytest.raises(CHAIN.TransportError, match="attempts") as caught:
        _read(f"{scheme}://someone:{SECRET}@127.0.0.1:{port}/abc", awaited, attempts=2)
    assert not isinstance(caught.value, yk.InputError)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("body", "kind", "match"),
    [
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "TransportError", "HTTP status 503, 2 attempts"),
        (b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", "NodeError", "HTTP status 401"),
        (b"HTTP/1.1 302 Away\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "NodeError", "status 302"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n<a>", "ContentError", "expected JSON"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}", "TransportError", "attempts"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "ContentError", "expected an object of JSON-RPC"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{\"id\":1}", "ContentError", "expected a result or an error"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{\"id\":7,\"result\":\"0\"}", "ContentError", "answer to request 1"),
        (b"garbage\r\n\r\n", "TransportError", "attempts"),
    ],
)  # fmt: skip
def test_http_that_goes_wrong(body: bytes, kind: str, match: str) -> None:
    with answering(body) as port, pytest.raises(getattr(CHAIN, kind), match=match):
        CHAIN.snapshot(f"http://127.0.0.1:{port}", 7, attempts=2, timeout=2)


def test_a_connection_that_breaks_is_made_again(node: Node) -> None:
    calls = 0

    def flaky(method: str, params: list[Any]) -> Any:
        nonlocal calls
        calls += 1
        if calls in (2, 5, 6):
            raise ConnectionResetError("gone")
        return node.rpc(method, params)

    same(CHAIN.snapshot(flaky, 7), example())
    calls = 3
    with pytest.raises(CHAIN.TransportError, match=r"gone\), 2 attempts"):
        CHAIN.snapshot(flaky, 7, attempts=2)


def test_a_client_that_raises(node: Node) -> None:
    class SubstrateRequestException(Exception):
        pass

    def raises(method: str, params: list[Any]) -> Any:
        raise SubstrateRequestException({"code": 4003, "message": "UnknownBlock: State already discarded for 0xab"})

    with pytest.raises(CHAIN.PrunedState, match="archive node"):
        CHAIN.snapshot(raises, 7)


class Bag:
    """An object with the attributes that it is given."""

    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)


def test_clients_by_their_shape(node: Node) -> None:
    """What each client has and nothing else; the real packages are tried in nox sessions."""

    async def enveloped(method: str, params: list[Any]) -> Any:
        return node.rpc(method, params)

    async def result(method: str, params: list[Any]) -> Any:
        return node.answer(method, params)

    async def decoded(method: str, params: list[Any]) -> Any:  # turbobt gives bytes where the result is hexadecimal
        answer = node.answer(method, params)
        return bytearray.fromhex(answer[2:]) if isinstance(answer, str) and answer.startswith("0x") else answer

    blocking = [Bag(rpc_request=node.rpc), Bag(substrate=Bag(rpc_request=node.rpc))]
    connected = Bag(_substrate=Bag(raw=Bag(rpc_request=result)))
    blocking.append(Bag(_call=asyncio.run, _client=connected))  # bittensor 11
    awaited = [
        Bag(rpc_request=enveloped), Bag(substrate=Bag(rpc_request=enveloped)), connected,
        Bag(rpc=decoded), Bag(subtensor=Bag(rpc=decoded)),
    ]  # fmt: skip
    for client in blocking:
        same(CHAIN.snapshot(client, 7), example())
        same(asyncio.run(CHAIN.asnapshot(client, 7)), example())
    for client in awaited:
        same(asyncio.run(CHAIN.asnapshot(client, 7)), example())
        with pytest.raises(yk.InputError, match="source: expected a blocking client"):
            CHAIN.snapshot(client, 7)


def test_a_client_without_what_it_should_have() -> None:
    for client in (Bag(), Bag(substrate=Bag()), Bag(rpc=7)):
        with pytest.raises(yk.InputError, match="source: expected a URL"):
            CHAIN.snapshot(client, 7)
    for client in (Bag(_client=Bag(_substrate=None), _call=print), Bag(_substrate=Bag())):
        with pytest.raises(yk.InputError, match="source: expected an open client, got Bag, which is not connected"):
            CHAIN.snapshot(client, 7)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that nobody has signed but itself, with its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl to make a certificate with")
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(file), "-out", str(file) + ".crt"]
    subprocess.run(command, check=True, capture_output=True)
    file.write_text(file.read_text() + Path(f"{file}.crt").read_text())
    return file


@pytest.mark.parametrize("scheme", ["https", "wss"])
@pytest.mark.parametrize("awaited", [False, True])
def test_a_certificate_of_nobody_is_refused(scheme: str, awaited: bool, certificate: Path) -> None:
    if scheme == "wss":
        pytest.importorskip("websockets")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    body, refused = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", r"(?i)certificate.verify.failed"
    with answering(body, context) as port, pytest.raises(CHAIN.TransportError, match=refused) as caught:
        _read(f"{scheme}://127.0.0.1:{port}", awaited, attempts=1, timeout=5)
    assert caught.value.request == "chain_getHead"


@pytest.mark.parametrize("awaited", [False, True])
def test_a_socket_that_closes_after_every_answer(awaited: bool, node: Node) -> None:
    """The connection is made again, and what was read before stays: all of it is of one block."""
    with node.ws(answers=2) as url:
        same(_read(url, awaited), example())
    with node.ws(answers=0) as url, pytest.raises(CHAIN.TransportError, match="2 attempts"):
        _read(url, awaited, attempts=2)


def test_import_is_lazy() -> None:
    code = "import sys, yuma_kernel; assert 'yuma_kernel.chain' not in sys.modules; yuma_kernel.chain.snapshot; "
    code += "assert 'websockets' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_extra_that_is_missing(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "websockets.sync.client", None)
    with pytest.raises(yk.BackendUnavailable, match=r"yuma-kernel\[chain\]"):
        CHAIN.snapshot("ws://127.0.0.1:9", 7)
