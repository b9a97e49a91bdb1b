"""A subnet with a past: epochs that ran on a node, as the chain runs and stores them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import yuma_kernel as yk
from chain_node import Node, State, account, pairs, put_subnet, u, vector
from chain_subnets import TAO_WEIGHT, Stakes

RATE = 100_000_007
"""Rao of alpha that a block gives the subnet; 18% are the owner's."""
LEFT = (RATE << 32) - RATE * ((11796 << 32) // 65535)
OWN = (LEFT // 2 >> 32) + (LEFT - LEFT // 2 >> 32)  # half for miners, half for validators, nothing for the root


def halves(total: int, count: int) -> tuple[int, ...]:
    """What each of several mechanisms divides, without a split."""
    parts = [total // count] * count
    parts[0] += total - sum(parts)
    return tuple(parts)


def put_results(state: State, netuid: int, block: int, results: Sequence[yk.EpochResult], parts: Sequence[int]) -> None:
    """Stores the results of all mechanisms, and that there was an epoch."""
    total = sum(parts)
    weights = [(part << 64) // total for part in parts] if total else [2**64, *[0] * (len(parts) - 1)]

    def weighted(name: str, most: int) -> list[int]:
        columns = zip(*(getattr(result, name).tolist() for result in results), strict=True)
        return [min(most, sum(x * w // 2**64 for x, w in zip(column, weights, strict=True))) for column in columns]

    either = {"Active": "active", "ValidatorPermit": "validator_permit"}
    for item, name in either.items():
        flags = [any(column) for column in zip(*(getattr(r, name).tolist() for r in results), strict=True)]
        state.put(vector(flags, "?"), item, netuid)
    shared = {
        "StakeWeight": "stake_weight",
        "Consensus": "consensus",
        "Dividends": "dividends",
        "ValidatorTrust": "validator_trust",
    }
    for item, name in shared.items():
        state.put(vector(weighted(name, 65535), "H"), item, netuid)
    state.put(vector(weighted("emission", 2**64 - 1), "Q"), "Emission", netuid)
    for mechanism, result in enumerate(results):
        index = netuid + 4096 * mechanism
        state.put(vector(result.incentive, "H"), "Incentive", index)
        if state.spec >= 452:
            state.put(vector(result.consensus, "H"), "ConsensusByMechanism", index)
        for uid, row in enumerate(result.bonds.to_rows()):
            state.put(pairs(row) if row else None, "Bonds", index, uid)
    state.put(u(block, 8), "LastMechansimStepBlock", netuid)
    if state.spec >= 423:
        state.put(u(block, 8), "LastEpochBlock", netuid)
        state.put(u(0, 8), "PendingEpochAt", netuid)
        state.put(u(0, 8), "BlocksSinceLastStep", netuid)
        state.put(u(state.get("SubnetEpochIndex", netuid) + 1, 8), "SubnetEpochIndex", netuid)
    if state.spec >= 475:
        state.put(u(block, 8), "LastYumaStepBlock", netuid)
    for item in ("PendingServerEmission", "PendingValidatorEmission", "PendingRootAlphaDivs"):
        state.put(u(0, 8), item, netuid)


@dataclass
class Past:
    """What `live` gives: the node, the blocks of the epochs, what each epoch divided, and its results."""

    node: Node
    blocks: list[int]
    emissions: list[int]
    results: list[list[yk.EpochResult]]


Found = Callable[[int, list[yk.Snapshot]], list[yk.Snapshot]]


def live(
    node: Node,
    netuid: int,
    start: list[yk.Snapshot],
    stakes: Stakes,
    epochs: int,
    tempo: int,
    weigh: Callable[[int, yk.Snapshot], yk.Snapshot],
    *,
    before: Callable[[int, State], None] = lambda block, state: None,
    found: Found = lambda block, snapshots: snapshots,
    after: Callable[[int, State], None] = lambda block, state: None,
    first: int = 1_000_000,
    stamped: bool = True,
) -> Past:
    """Runs epochs one after the other: `weigh` says what validators did before each, `before` writes into the state that the
    epoch's block finds, `found` says what the hook of the block makes of it, `after` what the block's own calls write.
    Without `stamped` no epoch knows of the one before."""
    past = Past(node, [], [], [])
    snapshots = start
    for k in range(epochs):
        block = first + k * tempo
        snapshots = [weigh(k, s) for s in snapshots]
        late: dict[str, Any] = {} if node.spec < 475 else {"last_yuma_step_block": None if k == 0 else block - tempo}
        stamp = block - tempo if k and stamped else 0
        now = {"current_block": block, "last_mechanism_step_block": stamp, **late}
        snapshots = [replace(s, state=replace(s.state, **now)) for s in snapshots]
        state = node.state(block - 1)
        put_subnet(state, netuid, snapshots, stakes, TAO_WEIGHT, pending=(50_000_000_000 + k, 40_000_000_000, 7_000_000_000))
        state.put(u(RATE, 8), "SubnetAlphaOutEmission", netuid)
        if node.spec >= 423:
            state.put(u(k + 7, 8), "SubnetEpochIndex", netuid)
            state.put(u(block - tempo, 8), "LastEpochBlock", netuid)
        before(block, state)
        # what the hash of the block before that tells: its runtime
        node.states.setdefault(block - 2, state.copy())
        total = 97_000_000_000 + k + OWN
        parts = halves(total, len(snapshots))
        actual = found(block, snapshots)
        results = [yk.epoch(s.state, s.hyperparameters, emission=part) for s, part in zip(actual, parts, strict=True)]
        then = node.state(block, since=block - 1)
        for mechanism, snapshot in enumerate(actual):
            for uid, row in enumerate(snapshot.state.weights.to_rows()):
                then.put(pairs(row) if row else None, "Weights", netuid + 4096 * mechanism, uid)
        put_results(then, netuid, block, results, parts)
        after(block, then)
        past.blocks.append(block)
        past.emissions.append(total)
        past.results.append(results)
        permits = np.logical_or.reduce([result.validator_permit for result in results])
        snapshots = [
            replace(
                s,
                state=replace(
                    s.state,
                    bonds=r.bonds,
                    validator_permit=permits,
                    previous_consensus=r.consensus if node.spec >= 452 else None,
                ),
            )
            for s, r in zip(actual, results, strict=True)
        ]
    return past


def small(chance: random.Random, n: int, spec: int, mechanisms: int = 1, **rules: Any) -> tuple[list[yk.Snapshot], Stakes]:
    """A subnet in which some validators weigh some miners."""
    alpha = [chance.randrange(10**12, 10**14) if uid < n // 2 else chance.randrange(10**9) for uid in range(n)]
    tao = [chance.randrange(10**13) for _ in range(n)]
    defaults: dict[str, Any] = {
        "yuma3": True,
        "liquid_alpha": True,
        "max_allowed_validators": n // 2,
        "tempo": 360,
        "activity_cutoff": 5040 if spec >= 423 else 5000,
        "commit_reveal": False,
        "profile": 475 if spec >= 452 else 425,
    }
    given = yk.Hyperparameters(**{**defaults, **rules})
    state = yk.SubnetState(
        weights=yk.SparseRows.empty(n),
        bonds=yk.SparseRows.empty(n),
        total_stake=yk.total_stake_bits(alpha, tao, TAO_WEIGHT),
        last_update=[0] * n,
        block_at_registration=[chance.randrange(900_000) for _ in range(n)],
        validator_permit=[uid < n // 2 for uid in range(n)],
        current_block=1,
        owner_uid=1,
        previous_consensus=np.zeros(0, np.uint16) if spec >= 452 else None,
    )
    return [yk.Snapshot(state, given)] * mechanisms, (alpha, tao)


def weighing(chance: random.Random, tempo: int = 360, first: int = 1_000_000) -> Callable[[int, yk.Snapshot], yk.Snapshot]:
    """Most validators set weights before every epoch."""

    def weigh(k: int, snapshot: yk.Snapshot) -> yk.Snapshot:
        state = snapshot.state
        rows, updates = state.weights.to_rows(), state.last_update.tolist()
        for uid in range(state.n // 2):
            if chance.random() < 0.8:
                miners = sorted(chance.sample(range(state.n), state.n // 2))
                rows[uid] = [(miner, chance.randrange(1, 65536)) for miner in miners]
                updates[uid] = first + k * tempo - chance.randrange(2, tempo)
        return replace(
            snapshot, state=replace(state, weights=yk.SparseRows.from_rows(rows), last_update=np.array(updates, np.uint64))
        )

    return weigh


def commits_of(entries: Sequence[tuple[int, int]], netuid: int) -> bytes:
    """A list of timelocked commits: (uid, block) each."""
    from chain_metadata import compact

    body = b"".join(account(1000 * netuid + uid) + u(block, 8) + compact(3) + b"abc" + u(9, 8) for uid, block in entries)
    return compact(len(entries)) + body
