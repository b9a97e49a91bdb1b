"""When the next epoch is, and what it would be: held to a chain that goes block by block."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import yuma_kernel as yk
from chain_history import OWN, RATE, commits_of, live, small, weighing
from chain_metadata import compact
from chain_node import Node, State, account, u
from yuma_kernel.chain import schedule
from yuma_kernel.chain.schedule import SAFETY_NET, Clock, next_by_number, next_by_storage

CHAIN = yk.chain


class Chain:
    """The schedule as the chain keeps it, one block after the other."""

    def __init__(self, clocks: dict[int, Clock], head: int, most: int, safety_net: int | None) -> None:
        self.clocks = {netuid: replace(clock) for netuid, clock in sorted(clocks.items())}
        self.block, self.most, self.safety_net = head, most, safety_net

    def step(self) -> list[int]:
        """The next block; the subnets whose epochs it runs."""
        self.block += 1
        ran: list[int] = []
        for netuid, clock in self.clocks.items():
            clock.since_step += 1
            net = clock.tempo if self.safety_net is None else self.safety_net
            due = clock.tempo != 0 and (
                (clock.pending > 0 and self.block >= clock.pending)
                or max(0, self.block - clock.last_epoch) >= clock.tempo
                or clock.since_step > net
            )
            if not due:
                continue
            if len(ran) >= self.most:
                clock.pending = self.block + 1
                continue
            ran.append(netuid)
            clock.last_epoch, clock.pending, clock.since_step = self.block, 0, 0
        return ran


clocks = st.builds(
    Clock,
    tempo=st.sampled_from([0, 1, 2, 3, 5, 8, 20]),
    last_epoch=st.integers(80, 102),
    pending=st.sampled_from([0, 0, 0, 90, 101, 102, 107, 130]),
    since_step=st.integers(0, 60),
)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.integers(1, 30), clocks, min_size=1, max_size=9),
    st.integers(0, 3),
    st.sampled_from([None, 40, SAFETY_NET]),
)
def test_block_by_block(given: dict[int, Clock], most: int, safety_net: int | None) -> None:
    chain = Chain(given, 100, most, safety_net)
    seen: dict[int, int] = {}
    for _ in range(150):
        for netuid in chain.step():
            seen.setdefault(netuid, chain.block)
    for netuid in given:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(schedule, "_MOST_EPOCHS", 1000)
            found = next_by_storage(given, netuid, 100, most, safety_net)
        if netuid in seen:
            assert found is not None
            assert found.block == seen[netuid]
            assert found.due is not None
            assert 100 < found.due <= seen[netuid]
        else:
            assert found is None or (found.block or 0) > 250


@given(st.integers(1, 4095), st.integers(0, 65535), st.integers(0, 2**32 - 70_000))
def test_by_number(netuid: int, tempo: int, head: int) -> None:
    block = next_by_number(netuid, tempo, head)
    if tempo == 0:
        assert block is None
        return
    assert block is not None
    assert head < block <= head + tempo + 1
    assert (block + netuid + 1) % (tempo + 1) == tempo


def test_by_number_as_seen() -> None:
    assert next_by_number(311, 360, 3621599) == 3621600
    assert next_by_number(311, 360, 3621600) == 3621600 + 361


def put_clock(state: State, netuid: int, clock: Clock) -> None:
    state.put(b"\1", "NetworksAdded", netuid)
    state.put(u(clock.tempo, 2), "Tempo", netuid)
    state.put(u(clock.last_epoch, 8), "LastEpochBlock", netuid)
    state.put(u(clock.pending, 8), "PendingEpochAt", netuid)
    state.put(u(clock.since_step, 8), "BlocksSinceLastStep", netuid)


def scheduled(spec: int, given: dict[int, Clock], head: int = 5000) -> Node:
    node = Node(spec)
    state = node.state(head)
    for netuid, clock in given.items():
        put_clock(state, netuid, clock)
    return node


def test_from_a_node() -> None:
    node = scheduled(424, {0: Clock(1, 4000), 7: Clock(360, 4800, 0, 200), 9: Clock(360, 4800), 3: Clock(100, 4950)})
    got = CHAIN.next_epoch(node.rpc, 7)
    assert (got.block, got.due, got.put_off, got.blocks_left, got.head) == (5160, 5160, 0, 160, 5000)
    assert (got.seconds_left, got.network, got.tempo, got.spec_version) == (1920, "finney", 360, 424)
    assert str(got) == "subnet 7: epoch at block 5160, 160 after 5000 (tempo 360 after the epoch of block 4800)"
    assert asyncio.run(CHAIN.anext_epoch(node.rpc, 7, block=5000)) == got
    with node.http() as url:
        assert CHAIN.next_epoch(url, 7) == got
    assert json.loads(json.dumps(got.to_dict()))["block"] == 5160
    assert got._repr_html_().startswith("<table><tr><th>netuid</th><th>block</th>")


def test_put_off() -> None:
    """Four are due in one block, two may run in each: the higher netuids wait; one that comes in between goes first."""
    node = scheduled(424, {n: Clock(360, 4700) for n in (7, 8, 20, 21)} | {5: Clock(360, 4701)})
    blocks = {n: CHAIN.next_epoch(node.rpc, n) for n in (5, 7, 8, 20, 21)}
    assert {n: got.block for n, got in blocks.items()} == {7: 5060, 8: 5060, 5: 5061, 20: 5061, 21: 5062}
    assert blocks[21].put_off == 2
    assert "put off by 2 as others go first" in str(blocks[21])
    node.states[5000].put(u(1, 1), "MaxEpochsPerBlock")
    assert CHAIN.next_epoch(node.rpc, 21).block == 5064


def test_the_root_takes_nobodys_turn() -> None:
    node = scheduled(424, {0: Clock(1, 4000), 7: Clock(360, 4800)})
    node.states[5000].put(u(1, 1), "MaxEpochsPerBlock")
    assert (CHAIN.next_epoch(node.rpc, 7).block, CHAIN.next_epoch(node.rpc, 7).put_off) == (5160, 0)


def test_pending_and_late() -> None:
    node = scheduled(
        424, {7: Clock(360, 4900, 5010), 8: Clock(360, 4900, 4000), 9: Clock(360, 4000), 10: Clock(360, 4990, 0, 50_399)}
    )
    assert [(CHAIN.next_epoch(node.rpc, n).block) for n in (7, 8, 9, 10)] == [5010, 5001, 5001, 5002]
    assert CHAIN.next_epoch(node.rpc, 7).reason == "set for block 5010"
    assert CHAIN.next_epoch(node.rpc, 10).reason == "more than 50400 blocks without a step"
    node = scheduled(475, {10: Clock(360, 4990, 0, 355)})
    assert CHAIN.next_epoch(node.rpc, 10).block == 5006  # the net is the tempo now


@pytest.mark.parametrize("spec", [446, 451])
def test_a_runtime_whose_net_is_not_established(spec: int) -> None:
    """Where it decides nothing there is an answer, else none; the runtimes beside have one."""
    node = scheduled(spec, {7: Clock(360, 4800, 0, 200), 10: Clock(360, 4990, 0, 355), 8: Clock(0)})
    assert CHAIN.next_epoch(node.rpc, 7) == replace(CHAIN.next_epoch(node_of(445, node).rpc, 7), spec_version=spec)
    assert CHAIN.next_epoch(node.rpc, 8).reason == "the tempo is 0"
    with pytest.raises(yk.UnsupportedProfile, match=rf"got {spec}: .*subnet 10's is in block 5350 or block 5006"):
        CHAIN.next_epoch(node.rpc, 10)
    assert [CHAIN.next_epoch(node_of(beside, node).rpc, 10).block for beside in (445, 452)] == [5350, 5006]


def test_a_net_of_others_that_is_not_established() -> None:
    """What puts an epoch off counts too."""
    others = {n: Clock(360, 4990, 0, 201) for n in (1, 2)}  # due in 5160 by the tempo's net, as subnet 7 is by the clock
    node = scheduled(446, {**others, 7: Clock(360, 4800, 0, 200)})
    with pytest.raises(yk.UnsupportedProfile, match="block 5160 or block 5161"):
        CHAIN.next_epoch(node.rpc, 7)


def test_later_than_all_that_are_known() -> None:
    node = scheduled(480, {7: Clock(360, 4800)})
    with pytest.warns(yk.NewerRuntimeWarning, match="480"):
        assert CHAIN.next_epoch(node.rpc, 7).block == 5160


def node_of(spec: int, node: Node) -> Node:
    """The same states under another runtime."""
    other = Node(spec)
    other.states = {block: State(other.layout, state.values, state.stakes, spec) for block, state in node.states.items()}
    return other


def test_before_dynamic_tempo() -> None:
    node = scheduled(343, {}, 3621599)
    state = node.states[3621599]
    state.put(b"\1", "NetworksAdded", 311)
    state.put(u(360, 2), "Tempo", 311)
    got = CHAIN.next_epoch(node.rpc, 311)
    assert (got.block, got.reason) == (3621600, "(block + 312) mod 361 = 360")
    assert "state_getKeysPaged" not in [method for method, _ in node.asked]


def test_no_next_epoch() -> None:
    node = scheduled(424, {7: Clock(0)})
    got = CHAIN.next_epoch(node.rpc, 7)
    assert (got.block, got.blocks_left, got.reason) == (None, None, "the tempo is 0")
    with pytest.raises(CHAIN.NoSubnet, match=r"NetworksAdded\(8\)"):
        CHAIN.next_epoch(node.rpc, 8)
    node = scheduled(424, {5: Clock(1), 6: Clock(1), 7: Clock(360)})
    assert CHAIN.next_epoch(node.rpc, 7).reason == "others always go first"
    node.states[5000].put(u(0, 1), "MaxEpochsPerBlock")
    assert CHAIN.next_epoch(node.rpc, 5).reason == "no epochs run"


# -- forecasts ------------------------------------------------------------------------------------------------------------


def forecastable(spec: int, **rules: Any) -> tuple[Node, Any]:
    """A subnet 100 blocks before an epoch, whose state does not change any more until then; and that epoch."""
    chance = random.Random(spec)
    start, stakes = small(chance, 12, spec, **rules)
    node = Node(spec)

    def before(block: int, state: State) -> None:
        put_clock(state, 7, Clock(360, block - 360, 0, 359))

    past = live(node, 7, start, stakes, 3, 360, weighing(chance), before=before)
    block = past.blocks[-1]
    state = node.states[block - 1]
    early = State(state.layout, state.values, state.stakes, spec)
    early.put(u(block - 100, 4), "Number")
    early.put(u(260, 8), "BlocksSinceLastStep", 7)
    early.put(u(state.get("PendingServerEmission", 7) - 99 * OWN, 8), "PendingServerEmission", 7)
    node.states = {block - 100: early}
    return node, past


@pytest.mark.parametrize("spec", [424, 475])
def test_a_forecast_that_comes_true(spec: int) -> None:
    node, past = forecastable(spec)
    got = CHAIN.forecast(node.rpc, 7)
    assert (got.block, got.head, got.next.blocks_left) == (past.blocks[-1], past.blocks[-1] - 100, 100)
    assert got.emission == past.emissions[-1]
    assert got.added_per_block == OWN < RATE
    assert got.epoch == past.results[-1][0]
    assert got.snapshot.state.current_block == past.blocks[-1]
    assert "an estimate" in got.snapshot.meta["emission"]
    assert {change.kind for change in got.changes} == {"weights", "registration", "schedule"}
    assert asyncio.run(CHAIN.aforecast(node.rpc, 7)).to_dict() == got.to_dict()
    assert json.loads(json.dumps(got.to_dict()))["emission"]["estimate_rao"] == past.emissions[-1]
    earning = (got.epoch.server_emission != 0) | (got.epoch.validator_emission != 0)
    assert len(got.table()) == int(earning.sum()) < len(got.table(everybody=True)) == 12
    assert f"epoch of block {got.block}" in got._repr_html_()


def test_what_can_change_it() -> None:
    node, past = forecastable(424, commit_reveal=True)
    (head,) = node.states
    state = node.states[head]
    state.put(u(1, 8), "RevealPeriodEpochs", 7)
    index = state.get("SubnetEpochIndex", 7)
    state.put(commits_of([(2, head - 300), (9, head - 301)], 7), "TimelockedWeightCommits", 7, index)
    state.put(commits_of([(3, head - 5)], 7), "TimelockedWeightCommits", 7, index + 1)
    queue = compact(1) + b"\1" * 32 + u(index, 8) + u(head - 200, 8) + u(0, 8)
    state.put(queue, "WeightCommits", 7, account(7004))
    cutoff = 5040
    updates = state.get("LastUpdate", 7).tolist()
    updates[5], updates[11] = head - cutoff + 50, head - cutoff + 50  # 11 has no permit
    updates[0] = head - cutoff  # inactive already
    state.put(compact(12) + b"".join(u(block, 8) for block in updates), "LastUpdate", 7)
    state.put(b"\x30" + bytes(uid in (0, 1, 2, 3, 4, 5) for uid in range(12)), "ValidatorPermit", 7)
    for netuid in (1, 2):
        put_clock(state, netuid, Clock(360, past.blocks[-1] - 360))
    got = CHAIN.forecast(node.rpc, 7)
    found = [(change.kind, change.uid) for change in got.changes]
    assert found == [
        ("reveal", 2), ("reveal", 9), ("commit", 4), ("inactive", 5), ("registration", None), ("schedule", None),
        ("schedule", None),
    ]  # fmt: skip
    assert got.block == past.blocks[-1] + 1
    assert "put off by 1" in str(got.changes[-2])
    for epoch in (index - 1, index + 1):  # too late, and too early, to be revealed in this one
        state.put(compact(1) + b"\1" * 32 + u(epoch, 8) + u(head - 200, 8) + u(0, 8), "WeightCommits", 7, account(7004))
        assert "commit" not in {change.kind for change in CHAIN.forecast(node.rpc, 7).changes}
    assert f"committed at block {head - 300}, are revealed by block {got.block}" in got.changes[0].text
    twice = [(2, head - 300), (2, head - 310), (2, head - 305)]  # of one uid the first counts
    state.put(commits_of(twice, 7), "TimelockedWeightCommits", 7, index)
    assert f"uid 2's weights, committed at block {head - 310}," in CHAIN.forecast(node.rpc, 7).changes[0].text


@pytest.mark.parametrize("spec", [343, 424])
def test_a_commit_that_will_be_revealed_masks_nothing(spec: int) -> None:
    """Another of the same uid does, from its own block on."""
    node, _ = forecastable(spec, commit_reveal=True)
    (head,) = node.states
    state = node.states[head]
    state.put(u(1, 8), "RevealPeriodEpochs", 7)
    index = state.get("SubnetEpochIndex", 7) if spec >= 423 else (head + 8) // 361 - 1
    state.put(commits_of([(2, head - 300), (9, head - 301)], 7), "TimelockedWeightCommits", 7, index)
    state.put(commits_of([(2, head - 5)], 7), "TimelockedWeightCommits", 7, index + 1)
    stated: dict[str, Any] = {"profile": 365} if spec == 343 else {}
    got = CHAIN.forecast(node.rpc, 7, **stated)
    assert [change.uid for change in got.changes if change.kind == "reveal"] == [2, 9]
    blocks = got.snapshot.state.commit_block
    assert blocks is not None
    assert {uid: block for uid, block in enumerate(blocks.tolist()) if block != 2**64 - 1} == {2: head - 5}
    now = CHAIN.snapshot(node.rpc, 7, **stated).state.commit_block  # as things stand they mask
    assert now is not None
    assert (now[2], now[9]) == (head - 300, head - 301)


def test_an_owner_without_a_permit_goes_inactive_too() -> None:
    """It takes part all the same; under the profiles in which it does not, nothing changes with it."""
    node, _ = forecastable(424)
    (head,) = node.states
    state = node.states[head]
    updates = state.get("LastUpdate", 7).tolist()
    updates[4] = head - 5040 + 50
    state.put(compact(12) + b"".join(u(block, 8) for block in updates), "LastUpdate", 7)
    state.put(b"\x30" + bytes(uid in (0, 1) for uid in range(12)), "ValidatorPermit", 7)

    def inactive(**asked: Any) -> list[int | None]:
        return [change.uid for change in CHAIN.forecast(node.rpc, 7, **asked).changes if change.kind == "inactive"]

    state.put(None, "SubnetOwnerHotkey", 7)
    assert inactive() == []
    state.put(account(7004), "SubnetOwnerHotkey", 7)
    assert inactive() == [4]
    assert inactive(profile=365) == []


def test_no_epoch_to_forecast() -> None:
    node, _ = forecastable(424)
    (head,) = node.states
    node.states[head].put(u(0, 2), "Tempo", 7)
    with pytest.raises(CHAIN.ContentError, match=r"Tempo\(7\).*the tempo is 0"):
        CHAIN.forecast(node.rpc, 7)


def test_genesis_of_the_network() -> None:
    node = scheduled(424, {7: Clock(360, 4800)})
    assert CHAIN.next_epoch(node.rpc, 7).network == "finney"
    node.states[5000].put(None, "BlockHash", 0)
    assert CHAIN.next_epoch(node.rpc, 7).network == "unknown"
    node.states[5000].put(None, "Number")
    assert CHAIN.next_epoch(node.rpc, 7).head == 5000  # of the header
