"""Who is paid what, from the storages of a node: held to the payout's own functions with the same facts."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import pytest

import yuma_kernel as yk
from chain_history import LEFT, OWN, Past, live, small, weighing
from chain_metadata import compact
from chain_node import Node, State, account, u
from chain_subnets import TAO_WEIGHT
from yuma_kernel.chain.hashing import ss58
from yuma_kernel.chain.payout import HotkeyState, pay

CHAIN = yk.chain
NETUID, HALF = 7, 2**63
OWNER = account(70_000)  # the coldkey of the subnet's owner
BURN = 2**60


def hotkey(uid: int) -> bytes:
    return account(1000 * NETUID + uid)


PARENT = account(71_000)  # has no uid


def facts(state: State) -> None:
    """Stakes, owners, takes, a parent inside and one outside of the subnet, a child."""
    state.put(OWNER, "SubnetOwner", NETUID)
    owned = [hotkey(1), hotkey(8), account(72_000)]
    state.put(compact(3) + b"".join(owned), "OwnedHotkeys", OWNER)
    state.put(u(BURN, 8), "CKBurn")
    for uid in range(12):
        state.put(account(80_000 + uid), "Owner", hotkey(uid))
        state.put(u(10**12 + uid * 10**10, 8), "TotalHotkeyAlpha", hotkey(uid), NETUID)
        state.put(u(5 * 10**11 + uid, 8), "TotalHotkeyAlpha", hotkey(uid), 0)
        state.put(u(1000 * uid, 2), "Delegates", hotkey(uid))
        state.put(u(500 * uid, 2), "ChildkeyTake", hotkey(uid), NETUID)
        if uid % 2:
            state.put(u(uid, 2), "Uids", 0, hotkey(uid))
    state.put(account(80_099), "Owner", PARENT)
    state.put(u(3 * 10**12, 8), "TotalHotkeyAlpha", PARENT, NETUID)
    state.put(u(10**12, 8), "TotalHotkeyAlpha", PARENT, 0)
    state.put(compact(2) + u(HALF, 8) + PARENT + u(HALF // 2, 8) + hotkey(2), "ParentKeys", hotkey(0), NETUID)
    state.put(compact(1) + u(HALF // 2, 8) + hotkey(0), "ChildKeys", hotkey(2), NETUID)


def known() -> HotkeyState:
    """The same facts, as the functions take them."""
    uids = {ss58(hotkey(uid)): uid for uid in range(12)}
    parent = ss58(PARENT)
    return HotkeyState(
        alpha={**{h: 10**12 + uid * 10**10 for h, uid in uids.items()}, parent: 3 * 10**12},
        root={**{h: 5 * 10**11 + uid for h, uid in uids.items()}, parent: 10**12},
        owner={**{h: ss58(account(80_000 + uid)) for h, uid in uids.items()}, parent: ss58(account(80_099))},
        childkey_take={h: 500 * uid for h, uid in uids.items()},
        children={h: ((HALF // 2, ss58(hotkey(0))),) if uid == 2 else () for h, uid in uids.items()},
        parents={h: ((HALF, parent), (HALF // 2, ss58(hotkey(2)))) if uid == 0 else () for h, uid in uids.items()},
        root_hotkeys=frozenset(h for h, uid in uids.items() if uid % 2),
        tao_weight=TAO_WEIGHT,
        childkey_burn=BURN,
        delegate_take={**{h: 1000 * uid for h, uid in uids.items()}, parent: 11796},
    )


def paid_past(spec: int, mechanisms: int = 1) -> Past:
    chance = random.Random(spec + mechanisms)
    start, stakes = small(chance, 12, spec, mechanisms)
    node = Node(spec)
    return live(node, NETUID, start, stakes, 2, 360, weighing(chance), before=lambda block, state: facts(state))


@pytest.mark.parametrize(("spec", "mechanisms"), [(424, 1), (475, 1), (475, 2)])
def test_of_a_past_epoch(spec: int, mechanisms: int) -> None:
    past = paid_past(spec, mechanisms)
    got = CHAIN.payout(past.node.rpc, NETUID, past.blocks[1])
    results = past.results[1]
    server = [sum(map(int, column)) for column in zip(*(r.server_emission for r in results), strict=True)]
    validator = [sum(map(int, column)) for column in zip(*(r.validator_emission for r in results), strict=True)]
    half = OWN // 2
    pending = {"server": 50_000_000_001 + half, "validator": 40_000_000_000 + OWN - half, "root": 7_000_000_000}
    assert {name: abs(amount - pending[name]) <= 1 for name, amount in got.pending.items()} == dict.fromkeys(pending, True)
    owned = [ss58(hotkey(1)), ss58(hotkey(8)), ss58(account(72_000))]
    expected = pay(
        server, validator, hotkeys=[ss58(hotkey(uid)) for uid in range(12)], owner_hotkeys=owned, state=known(),
        pending_validator=got.pending["validator"], pending_server=got.pending["server"], pending_root=got.pending["root"],
        spec_version=spec,
    )  # fmt: skip
    assert got.miners == expected.miners
    assert got.validators == expected.validators
    assert got.miners.withheld[1] == server[1]
    assert got.validators.payments[ss58(PARENT)].alpha > 0
    assert got.validators.recycled > 0
    assert got.notes == (
        "what the block itself added for validators and the root is an estimate, and so are their payments",
    )
    assert isinstance(got.of, CHAIN.Audit)
    assert got.of.differences == ()
    assert asyncio.run(CHAIN.apayout(past.node.rpc, NETUID, past.blocks[1])).to_dict() == got.to_dict()
    assert json.loads(json.dumps(got.to_dict()))["upcoming"] is False


def test_of_the_next_epoch() -> None:
    past = paid_past(475)
    node = past.node
    block = past.blocks[1]
    node.states = {block - 1: node.states[block - 1]}
    node.asked.clear()
    got = CHAIN.payout(node.rpc, NETUID)
    assert isinstance(got.of, CHAIN.Forecast)
    assert got.block == block
    assert got.miners.paid[9] == int(past.results[1][0].server_emission[9])
    assert "a forecast" in got.notes[0]
    assert json.loads(json.dumps(got.to_dict()))["upcoming"] is True
    assert len(node.asked) <= 10


@pytest.mark.parametrize("proportion", [0, 2**31, 2**32 // 3, 2**32, 2**40])
def test_what_is_still_to_come_is_shared_with_the_root(proportion: int) -> None:
    """RootProp is stored as U96F32: 2^32 is all of it. What 360 blocks add is that of one, 360 times."""
    past = paid_past(475)
    node, block = past.node, past.blocks[1]
    state = node.states[block - 1]
    head = block - 360
    state.put(u(head, 4), "Number")
    state.put(u(proportion, 16), "RootProp", NETUID)
    node.states = {head: state}
    got = CHAIN.payout(node.rpc, NETUID)
    assert isinstance(got.of, CHAIN.Forecast)
    assert (got.of.head, got.block) == (head, block)
    left = LEFT  # of the rate, without the owner's cut, in the same bits
    root = (min(proportion, 2**32) * left >> 32) // 2
    server = left // 2
    validator = left - server - root
    assert got.pending == {
        "server": 50_000_000_001 + 360 * (server >> 32),
        "validator": 40_000_000_000 + 360 * (validator >> 32),
        "root": 7_000_000_000 + 360 * (root >> 32),
    }
    assert (got.pending["root"] > 7_000_000_000) == (proportion > 0)


def test_the_subnets_own_hotkey_is_withheld_too() -> None:
    """Even where its owner's list does not have it."""
    past = paid_past(424)
    block = past.blocks[1]
    state = past.node.states[block - 1]
    state.put(compact(1) + hotkey(8), "OwnedHotkeys", OWNER)
    got = CHAIN.payout(past.node.rpc, NETUID, block)
    server = past.results[1][0].server_emission.tolist()
    assert server[1] > 0
    assert (got.miners.paid[1], got.miners.withheld[1]) == (0, server[1])  # uid 1 is SubnetOwnerHotkey
    assert got.miners.paid[8] == 0


def test_of_an_epoch_that_differs() -> None:
    past = paid_past(424)
    block = past.blocks[1]
    past.node.states[block].put(compact(12) + b"\1" * 12, "Active", NETUID)
    got = CHAIN.payout(past.node.rpc, NETUID, block)
    assert got.notes[0].startswith("the epoch is not the one that the chain stored: active of uid")


@pytest.mark.parametrize("item", ["TotalHotkeyAlpha", "ParentKeys"])
def test_storages_that_are_damaged(item: str) -> None:
    past = paid_past(424)
    state = past.node.states[past.blocks[1] - 1]
    args: tuple[Any, ...] = (hotkey(0), NETUID)
    state.put(b"\7" * 5, item, *args)
    with pytest.raises(CHAIN.ContentError, match=item):
        CHAIN.payout(past.node.rpc, NETUID, past.blocks[1])
