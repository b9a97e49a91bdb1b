"""Past epochs on a node of our own: computed again from its state, they are what it stored; a false value is named."""

from __future__ import annotations

import asyncio
import functools
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import yuma_kernel as yk
from chain_history import Past, commits_of, live, small, weighing
from chain_metadata import LATE_ITEMS, metadata
from chain_node import Node, State, account, pairs, u, vector
from yuma_kernel.chain.audit import best_emission, emission_ranges
from yuma_kernel.chain.layout import Key

CHAIN = yk.chain
NETUID, TEMPO, FIRST = 7, 360, 1_000_000


@functools.cache
def hundred() -> Past:
    chance = random.Random(1)
    node = Node(475)
    start, stakes = small(chance, 12, 475)
    return live(node, NETUID, start, stakes, 100, TEMPO, weighing(chance))


def spoil(past: Past, block: int, item: str, change: Any, *args: int) -> Any:
    """Stores another value; what takes it back."""
    state = past.node.states[block]
    key = state.layout.raw(Key(item, args))
    was = state.values[key]
    state.values[key] = change(was)

    def back() -> None:
        state.values[key] = was

    return back


def test_a_hundred_epochs_and_one_false_value() -> None:
    past = hundred()
    seen: list[tuple[int, int]] = []
    with past.node.ws() as url:
        audits = CHAIN.audit(url, NETUID, range=100, threads=4, progress=lambda done, of: seen.append((done, of)))
        assert len(audits) == 100
        assert [audit.block for audit in audits] == past.blocks
        assert (audits.different, audits.failures) == ((), ())
        assert seen == [(k, 100) for k in range(1, 101)]
        for audit, emission, results in zip(audits, past.emissions, past.results, strict=True):
            assert isinstance(audit, CHAIN.Audit)
            assert audit.emission == emission
            assert audit.result.mechanisms[0] == results[0]
        assert any(results[0].dividends.any() for results in past.results)
        assert "100 epochs, 0 with differences, 0 not audited" in audits._repr_html_()
        assert len(audits.table()) == 100
        block = past.blocks[41]
        false = [
            ("Consensus", "consensus", 7, lambda raw: raw[:15] + bytes([raw[15] ^ 1]) + raw[16:]),
            ("Dividends", "dividends", 2, lambda raw: raw[:5] + bytes([raw[5] ^ 1]) + raw[6:]),
            ("Emission", "emission", 3, lambda raw: raw[:27] + bytes([raw[27] ^ 1]) + raw[28:]),
            ("Active", "active", 4, lambda raw: raw[:5] + bytes([raw[5] ^ 1]) + raw[6:]),
        ]
        for item, stage, uid, change in false:
            back = spoil(past, block, item, change, NETUID)
            audits = CHAIN.audit(url, NETUID, range=(past.blocks[30], past.blocks[50] + 1), threads=2)
            back()
            assert len(audits) == 21
            assert [audit.block for audit in audits.different] == [block], item
            found = audits.different[0].first_difference
            assert found is not None
            assert (found.stage, found.uid) == (stage, uid)
            assert len(audits.different[0].differences) == 1
        back = spoil(past, block, "Bonds", lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]), NETUID, 0)
        found = CHAIN.audit(url, NETUID, block).first_difference
        back()
        assert found is not None
        assert (found.stage, found.uid) == ("bonds", 0)


def test_a_false_input_is_seen_too() -> None:
    past = hundred()
    block = past.blocks[60]
    row = past.node.states[block - 1].get("Weights", NETUID, 0).tolist()
    assert len(row) > 1
    back = spoil(past, block - 1, "Weights", lambda raw: pairs([(uid, 65535 - value // 2) for uid, value in row]), NETUID, 0)
    audit = CHAIN.audit(past.node.rpc, NETUID, block)
    back()
    assert audit.first_difference is not None


def test_the_last_epoch_is_the_default_and_can_be_awaited(tmp_path: Path) -> None:
    past = hundred()
    audit = CHAIN.audit(past.node.rpc, NETUID)
    assert audit.block == past.blocks[-1]
    again = asyncio.run(CHAIN.aaudit(past.node.rpc, NETUID, past.blocks[-1]))
    assert again.to_dict() == audit.to_dict()
    assert json.loads(json.dumps(audit.to_dict()))["differences"] == []
    (file,) = audit.save(tmp_path)
    saved = yk.load(file)
    assert saved.expected is not None
    assert set(saved.expected) == set(yk.OUTPUTS) - {"server_emission", "validator_emission"}
    result = yk.epoch(saved.state, saved.hyperparameters, emission=saved.emission)
    assert result.first_difference(saved.expected) is None
    assert str(audit) == f"subnet 7, epoch of block {audit.block}: no difference"


def test_a_block_without_an_epoch() -> None:
    past = hundred()
    block = past.blocks[-1]
    past.node.state(block + 1, since=block)
    try:
        with pytest.raises(CHAIN.ContentError, match=f"expected an epoch in block {block + 1}: .* in block {block}"):
            CHAIN.audit(past.node.rpc, NETUID, block + 1)
    finally:
        del past.node.states[block + 1]


def test_an_epoch_that_cannot_be_read_does_not_lose_the_others() -> None:
    past = hundred()
    gone = past.node.states.pop(past.blocks[97] - 2)  # whose runtime nobody knows now
    audits = CHAIN.audit(past.node.rpc, NETUID, range=5)
    past.node.states[past.blocks[97] - 2] = gone
    assert len(audits) == 5
    (failure,) = audits.failures
    assert failure.block == past.blocks[97]
    assert isinstance(failure.error, CHAIN.PrunedState)
    assert "1 not audited" in audits.verdict


def test_what_progress_raises_ends_the_work() -> None:
    class Enough(Exception):
        pass

    def progress(done: int, of: int) -> None:
        raise Enough

    with pytest.raises(Enough):
        CHAIN.audit(hundred().node.rpc, NETUID, range=10, progress=progress)


def test_work_that_was_stopped_is_taken_up() -> None:
    past, kept = hundred(), []

    def seen(item: Any) -> None:
        kept.append(item)
        if len(kept) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        CHAIN.audit(past.node.rpc, NETUID, range=10, seen=seen)
    rest = CHAIN.audit(past.node.rpc, NETUID, range=10, skip=[audit.block for audit in kept])
    assert len(rest) == 6
    assert sorted(audit.block for audit in (*kept, *rest)) == past.blocks[-10:]


@pytest.mark.parametrize("given", [0, (5, 5), (1, 2, 3), range(0, 100, 2), "all", 1.5])
def test_ranges_that_are_none(given: Any) -> None:
    with pytest.raises(yk.InputError):
        CHAIN.audit(hundred().node.rpc, NETUID, range=given)


@pytest.mark.parametrize("given", [5, "7", [1.5], [-1], None, [[1]]])
def test_blocks_to_skip_that_are_none(given: Any) -> None:
    with pytest.raises(yk.InputError) as caught:
        CHAIN.audit(hundred().node.rpc, NETUID, range=3, skip=given)
    assert caught.value.field == "skip"


def test_real_series(shared_data: Path) -> None:
    """100 consecutive epochs of subnet 31, with what the chain's own code stored."""
    with np.load(shared_data / "sn31_series.npz") as series:
        data = {name: series[name] for name in series.files}
    rules = json.loads(str(data["meta"]))["hyperparameters"]
    emission = rules.pop("emission")
    for name in ("current_block", "owner_uid", "last_mechanism_step_block"):
        rules.pop(name)
    given = yk.Hyperparameters(**{**rules, "profile": 425})
    state = yk.SubnetState(
        weights=yk.SparseRows.empty(256), bonds=yk.SparseRows.empty(256), total_stake=yk.stake_from_rao(data["stake_rao"]),
        last_update=data["last_update"][0], block_at_registration=data["block_at_registration"][0],
        validator_permit=data["validator_permit"][0], current_block=1,
    )  # fmt: skip

    def weigh(k: int, snapshot: yk.Snapshot) -> yk.Snapshot:
        weights = np.where(data["has_row"][k][:, None], data["weights"][k], 0)
        return replace(
            snapshot,
            state=replace(
                snapshot.state,
                weights=yk.SparseRows.from_dense(weights),
                last_update=data["last_update"][k],
                block_at_registration=data["block_at_registration"][k],
                validator_permit=data["validator_permit"][k],
            ),
        )

    assert emission > 0
    blocks = data["blocks"].tolist()
    node = Node(343)  # whose activity cutoff is no multiple of the tempo
    start, stakes = [yk.Snapshot(state, given)], (data["stake_rao"].tolist(), [0] * 256)
    past = live(node, 31, start, stakes, 100, 360, weigh, first=blocks[0], stamped=False)
    assert past.blocks == blocks
    for k, block in enumerate(blocks):
        audit = CHAIN.audit(node.rpc, 31, block, profile=425)
        assert audit.differences == ()
        expected = {name: data[f"expect_{name}"][k] for name in ("consensus", "incentive", "dividends", "validator_trust")}
        assert audit.result.mechanisms[0].first_difference(expected) is None


# -- what the block does before its epoch ---------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", [424, 343, 475])
def test_reveals(spec: int) -> None:
    """The rows of three uids were committed an epoch ago: two are revealed in the block, one cannot be, and still masks."""
    chance = random.Random(spec)
    start, stakes = small(chance, 12, spec, commit_reveal=True)
    node = Node(spec)
    uids, stuck = (0, 2), 4
    registered = FIRST - 10

    def epoch_key(block: int) -> int:
        if spec >= 423:
            return (block - FIRST) // TEMPO + 7  # the epoch before the one that `live` counts
        return (block + NETUID + 1) // (TEMPO + 1) - 1

    def before(block: int, state: State) -> None:
        state.put(u(1, 8), "RevealPeriodEpochs", NETUID)
        state.put(u(registered, 8), "BlockAtRegistration", NETUID, 9)
        live_commits = [(uid, block - TEMPO - 20 - uid) for uid in (*uids, stuck)]
        state.put(commits_of(live_commits, NETUID), "TimelockedWeightCommits", NETUID, epoch_key(block))

    def commit_blocks(block: int) -> np.ndarray[Any, Any]:
        out = np.full(12, 2**64 - 1, np.uint64)
        out[stuck] = block - TEMPO - 20 - stuck
        return out

    def found(block: int, snapshots: list[yk.Snapshot]) -> list[yk.Snapshot]:
        state = snapshots[0].state
        rows = state.weights.to_rows()
        for uid in uids:
            rows[uid] = [(5, 100 + block % 1000), (3, 65535), (8, 7)]
        new = replace(
            state,
            weights=yk.SparseRows.from_rows(rows),
            commit_block=commit_blocks(block),
            block_at_registration=np.where(np.arange(12) == 9, np.uint64(registered), state.block_at_registration),
        )
        return [replace(snapshots[0], state=new)]

    def after(block: int, state: State) -> None:
        left = commits_of([(stuck, block - TEMPO - 20 - stuck)], NETUID)
        state.put(left, "TimelockedWeightCommits", NETUID, epoch_key(block))

    past = live(node, NETUID, start, stakes, 3, TEMPO, weighing(chance), before=before, found=found, after=after)
    for block, results in zip(past.blocks, past.results, strict=True):
        audit = CHAIN.audit(node.rpc, NETUID, block, profile=475 if spec >= 452 else 425)
        assert audit.differences == ()
        assert audit.revealed == uids
        assert audit.result.mechanisms[0] == results[0]
    # without the correction it would be another epoch
    plain = CHAIN.snapshot(node.rpc, NETUID, block=past.blocks[-1] - 1, profile=475 if spec >= 452 else 425)
    result = yk.epoch(plain.state, plain.hyperparameters, emission=past.emissions[-1])
    assert result != past.results[-1][0]


@pytest.mark.parametrize("by_hook", [True, False])
def test_a_change_of_the_owner(by_hook: bool) -> None:
    chance = random.Random(3)
    start, stakes = small(chance, 12, 424)
    node = Node(424)

    def found(block: int, snapshots: list[yk.Snapshot]) -> list[yk.Snapshot]:
        return [replace(s, state=replace(s.state, owner_uid=9 if by_hook else 1)) for s in snapshots]

    def after(block: int, state: State) -> None:
        state.put(account(1000 * NETUID + 9), "SubnetOwnerHotkey", NETUID)

    past = live(node, NETUID, start, stakes, 1, TEMPO, weighing(chance), found=found, after=after)
    audit = CHAIN.audit(node.rpc, NETUID, past.blocks[0])
    assert audit.differences == ()
    assert audit.notes == (f"the owner changed in this block: the epoch is that of the {'new' if by_hook else 'old'} one",)
    assert audit.snapshots[0].state.owner_uid == (9 if by_hook else 1)


def test_a_change_of_the_owner_and_another_difference() -> None:
    """Neither owner gives what is stored: the epoch is told as that of the new one, as the rule is."""
    chance = random.Random(3)
    start, stakes = small(chance, 12, 424)
    node = Node(424)

    def found(block: int, snapshots: list[yk.Snapshot]) -> list[yk.Snapshot]:
        return [replace(s, state=replace(s.state, owner_uid=9)) for s in snapshots]

    def after(block: int, state: State) -> None:
        state.put(account(1000 * NETUID + 9), "SubnetOwnerHotkey", NETUID)

    past = live(node, NETUID, start, stakes, 1, TEMPO, weighing(chance), found=found, after=after)
    spoil(past, past.blocks[0], "Incentive", lambda raw: raw[:-2] + bytes([raw[-2] ^ 1, raw[-1]]), NETUID)
    audit = CHAIN.audit(node.rpc, NETUID, past.blocks[0])
    assert [difference.stage for difference in audit.differences] == ["incentive"]
    assert audit.snapshots[0].state.owner_uid == 9
    assert audit.notes == ("the owner changed in this block: the epoch is that of the new one",)


def test_values_of_more_uids_than_there_are() -> None:
    """They are a difference, not cut away."""
    past = hundred()
    block = past.blocks[3]
    back = spoil(past, block, "Dividends", lambda raw: bytes([raw[0] + 4]) + raw[1:] + b"\0\0", NETUID)
    try:
        audit = CHAIN.audit(past.node.rpc, NETUID, block)
        assert [str(difference) for difference in audit.differences] == ["dividends: expected uint16[13], got uint16[12]"]
    finally:
        back()


def test_two_mechanisms() -> None:
    chance = random.Random(5)
    start, stakes = small(chance, 12, 475, mechanisms=2)
    node = Node(475)
    past = live(node, NETUID, start, stakes, 4, TEMPO, weighing(chance))
    assert past.results[-1][0] != past.results[-1][1]
    for block, emission, results in zip(past.blocks, past.emissions, past.results, strict=True):
        audit = CHAIN.audit(node.rpc, NETUID, block)
        assert audit.differences == ()
        assert audit.emission_range is not None
        assert audit.emission_range[0] <= emission <= audit.emission_range[1]
        assert [m.bonds for m in audit.result.mechanisms] == [r.bonds for r in results]
    state = node.states[past.blocks[1]]
    raw = state.values[state.layout.raw(Key("Incentive", (NETUID + 4096,)))]
    state.put(raw[:1] + bytes([raw[1] ^ 1]) + raw[2:], "Incentive", NETUID + 4096)
    found = CHAIN.audit(node.rpc, NETUID, past.blocks[1]).first_difference
    assert found is not None
    assert (found.stage, found.uid) == ("incentive of mechanism 1", 0)


def test_a_runtime_change_is_said() -> None:
    chance = random.Random(6)
    start, stakes = small(chance, 12, 424)
    node = Node(424)
    past = live(node, NETUID, start, stakes, 2, TEMPO, weighing(chance))
    node.states[past.blocks[1] - 2].spec = 423
    audit = CHAIN.audit(node.rpc, NETUID, past.blocks[1])
    assert audit.differences == ()
    assert audit.notes == ("runtime 424 starts in this block, after 423: its migrations ran before the epoch",)
    assert CHAIN.audit(node.rpc, NETUID, past.blocks[0]).notes == ()


def test_an_audit_goes_without_what_only_hints() -> None:
    chance = random.Random(9)
    start, stakes = small(chance, 12, 475)
    node = Node(475)
    past = live(node, NETUID, start, stakes, 1, TEMPO, weighing(chance))
    node.described = metadata({name: entry for name, entry in LATE_ITEMS.items() if name != "SubnetAlphaOutEmission"})
    audit = CHAIN.audit(node.rpc, NETUID, past.blocks[0])
    assert audit.differences == ()
    assert audit.emission_range is not None
    assert audit.emission_range[0] <= past.emissions[0] <= audit.emission_range[1]
    with pytest.raises(CHAIN.LayoutChanged, match="SubnetAlphaOutEmission"):
        CHAIN.forecast(node.rpc, NETUID, block=past.blocks[0] - 1)


def test_registrations_of_the_same_block_are_not_compared() -> None:
    chance = random.Random(7)
    start, stakes = small(chance, 12, 424)
    node = Node(424)

    def after(block: int, state: State) -> None:
        state.put(u(block, 8), "BlockAtRegistration", NETUID, 5)
        state.put(account(5), "Keys", NETUID, 5)
        state.put(None, "Bonds", NETUID, 5)
        for item, form in (("Incentive", "H"), ("Dividends", "H"), ("Consensus", "H"), ("Emission", "Q")):
            values = state.get(item, NETUID).tolist()
            values[5] = 0
            state.put(vector([*values, 0], form), item, NETUID)
        for item in ("Active", "ValidatorPermit"):
            state.put(vector([*state.get(item, NETUID).tolist(), False], "?"), item, NETUID)
        for item in ("StakeWeight", "ValidatorTrust"):
            state.put(vector([*state.get(item, NETUID).tolist(), 0], "H"), item, NETUID)
        state.put(u(13, 2), "SubnetworkN", NETUID)

    past = live(node, NETUID, start, stakes, 1, TEMPO, weighing(chance), after=after)
    audit = CHAIN.audit(node.rpc, NETUID, past.blocks[0])
    assert audit.differences == ()
    assert audit.replaced == (5,)
    assert len(audit.notes) == 2
    assert audit.emission == past.emissions[0]


def test_emission_recovered() -> None:
    chance = random.Random(8)
    for _ in range(200):
        shares = [chance.randrange(2**32 // 8) for _ in range(8)]
        total = chance.choice([chance.randrange(2**20), chance.randrange(2**40), chance.randrange(2**63)])
        stored = [share * total >> 32 for share in shares]
        best, span = best_emission(emission_ranges(shares, stored), total)
        assert best == total
        assert span is not None
        low, high = span
        for edge, agrees in ((low, True), (high, True), (low - 1, False), (high + 1, False)):
            assert ([share * edge >> 32 for share in shares] == stored) == (agrees and edge >= 0)
        agreeing = [(5, 5), (5, 5), (9, 20), (1, 0)]  # one rao alone may be what two say
        assert best_emission(agreeing, 7) == (5, None)
        stored[3] += 1
        best, span = best_emission(emission_ranges(shares, stored), total)
        if span is None:
            wrong = [uid for uid in range(8) if shares[uid] * best >> 32 != stored[uid]]
            assert len(wrong) <= 1 or total < 2**20
