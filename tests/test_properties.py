"""What must hold of any epoch, each from the specification and on every backend; and small domains in full."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import strategies
import yuma_kernel as yk
from yuma_kernel import stages
from yuma_kernel.stages import ONE

subnets = st.tuples(strategies.states(8), strategies.hyperparameters(8))
every_day = settings(max_examples=80, deadline=None)


def replaced(value: Any, **changes: Any) -> Any:
    """The same subnet or hyperparameters with other fields."""
    return type(value)(**{**vars(value), **changes})


def traced(subnet: tuple[yk.SubnetState, yk.Hyperparameters], backend: str) -> tuple[yk.EpochResult, dict[str, Any]]:
    result = yk.epoch(*subnet, emission=10**12, backend=backend, trace=True)
    assert result.trace is not None
    return result, dict(result.trace)


def property_of_epochs(check: Callable[..., None]) -> Callable[[str], None]:
    """A test over backends and generated subnets; hypothesis cannot see pytest's fixtures."""

    def test(backend: str) -> None:
        @every_day
        @given(subnets, st.data())
        def holds(subnet: tuple[yk.SubnetState, yk.Hyperparameters], data: st.DataObject) -> None:
            check(subnet, backend, data)

        holds()

    test.__doc__ = check.__doc__
    return test


# -- the median, the clip and the permits in full, over small domains -----------------------------------------------------

SCORES = (0, 1, 2, ONE)
STAKES = (0, 1, 3)
KAPPAS = (0, 1, 21845, 32767, 32768, 43690, 65534, 65535)  # thirds make exact ties with three equal stakes
COLUMNS = tuple(itertools.product(SCORES, repeat=4))


def median_by_definition(scores: tuple[int, ...], stakes: tuple[int, ...], minority: int) -> int:
    """Section 5, word by word, for stakes that are normalized."""
    passing = [p for p in scores if sum(s for s, score in zip(stakes, scores, strict=True) if score <= p) > minority]
    return min(passing) if passing else max(scores)


@functools.cache
def expected_medians(stakes: tuple[int, ...], kappa: int) -> list[int]:
    positive = [k for k, s in enumerate(stakes) if s > 0]
    if not positive:
        return [0] * len(COLUMNS)
    normalized = tuple((stakes[k] << 32) // sum(stakes) for k in positive)
    minority = sum(normalized) - (kappa << 32) // 65535
    return [median_by_definition(tuple(column[k] for k in positive), normalized, minority) for column in COLUMNS]


@pytest.mark.parametrize("explicit_zeros", [False, True])
def test_median_of_every_small_column(backend: str, explicit_zeros: bool) -> None:
    """Four validators, every score vector as a column, every stake vector, in ascending and in descending order of uids."""
    n = len(COLUMNS)
    for order in (range(n), range(n - 1, -1, -1)):
        rows = [[(j, COLUMNS[j][i]) for j in order if explicit_zeros or COLUMNS[j][i]] for i in range(4)]
        weights = yk.SparseRows.from_rows([*rows, *([[]] * (n - 4))], np.int64)
        for stakes in itertools.product(STAKES, repeat=4):
            active_stake = np.array([*stakes, *([0] * (n - 4))], np.int64)
            for kappa in KAPPAS:
                got = stages.consensus(weights, active_stake, kappa, backend=backend)
                assert got.tolist() == expected_medians(stakes, kappa), (stakes, kappa)


def test_the_small_domain_has_ties_and_no_majority() -> None:
    """That the test above sees the cases it is for."""
    third = ONE // 3
    assert sum([third] * 3) - (21845 << 32) // 65535 == 2 * third
    assert expected_medians((1, 1, 1, 0), 21845) != expected_medians((1, 1, 1, 0), 21846)
    assert expected_medians((1, 3, 0, 0), 0) == [max(column[:2]) for column in COLUMNS]  # no score has more than all
    assert expected_medians((1, 3, 0, 0), 65535) != expected_medians((1, 3, 0, 0), 0)


def test_clip_of_every_small_pair(backend: str) -> None:
    values = (0, 1, 2, 3, ONE)
    for consensus in itertools.product(values, repeat=3):
        rows = [[(j, w) for j, w in enumerate(row)] for row in itertools.product(values, repeat=3)]
        n = len(rows)
        weights = yk.SparseRows.from_rows(rows, np.int64)
        clipped = stages.clip(weights, [*consensus, *([7] * (n - 3))], backend=backend)
        expected = [[(j, min(w, consensus[j])) for j, w in row if not (w > 0 and consensus[j] == 0)] for row in rows]
        assert clipped.to_rows() == expected
        assert stages.clip(clipped, [*consensus, *([7] * (n - 3))], backend=backend) == clipped


def test_permits_of_every_small_stake(backend: str) -> None:
    for stakes in itertools.product((0, 1, 2), repeat=5):
        for most, owner in itertools.product(range(7), (None, 0, 4)):
            best = sorted(range(5), key=lambda uid: (stakes[uid], uid))[max(0, 5 - most) :]
            expected = [(uid in best and stakes[uid] != 0) or uid == owner for uid in range(5)]
            assert stages.permits(stakes, most, owner_uid=owner, backend=backend).tolist() == expected


# -- properties ------------------------------------------------------------------------------------------------------------


@property_of_epochs
def test_median_is_what_its_definition_says(subnet: Any, backend: str, data: st.DataObject) -> None:
    _, trace = traced(subnet, backend)
    stakes = {i: s for i, s in enumerate(trace["active_stake"].tolist()) if s > 0}
    total = sum(stakes.values())
    normalized = tuple((s << 32) // total for s in stakes.values())
    minority = sum(normalized) - (subnet[1].kappa << 32) // 65535
    dense = trace["weights"].to_dense()
    for j, p in enumerate(trace["consensus"].tolist()):
        scores = tuple(int(dense[i, j]) for i in stakes)
        assert p == (median_by_definition(scores, normalized, minority) if stakes else 0)


@property_of_epochs
def test_clip_is_idempotent_and_never_raises_a_weight(subnet: Any, backend: str, data: st.DataObject) -> None:
    _, trace = traced(subnet, backend)
    assert stages.clip(trace["clipped"], trace["consensus"], backend=backend) == trace["clipped"]
    assert (trace["clipped"].to_dense() <= trace["weights"].to_dense()).all()
    assert (trace["clipped"].to_dense() <= trace["consensus"]).all()


@property_of_epochs
def test_consensus_does_not_depend_on_orders(subnet: Any, backend: str, data: st.DataObject) -> None:
    """Neither on that of the entries in a row, nor on who of the validators stands where."""
    _, trace = traced(subnet, backend)
    rows, stakes = trace["weights"].to_rows(), trace["active_stake"].tolist()
    order = data.draw(st.permutations(range(len(rows))))
    shuffled = [list(data.draw(st.permutations(rows[i]))) for i in order]
    weights = yk.SparseRows.from_rows(shuffled, np.int64)
    got = stages.consensus(weights, [stakes[i] for i in order], subnet[1].kappa, backend=backend)
    assert got.tolist() == trace["consensus"].tolist()


@property_of_epochs
def test_parts_of_one_are_at_most_one(subnet: Any, backend: str, data: st.DataObject) -> None:
    result, trace = traced(subnet, backend)
    for name in ("stake", "active_stake", "incentive", "dividends"):
        assert 0 <= trace[name].sum() <= ONE, name
    for name in ("weights", "clipped"):
        assert (trace[name].to_dense().sum(axis=1) <= ONE).all(), name
    assert (trace["normalized_bonds"].to_dense().sum(axis=0) <= ONE).all()
    assert all((trace[name].value >= 0).all() for name in ("ema_bonds", "weights_for_bonds", "normalized_bonds"))
    if not subnet[1].yuma3:
        for name in ("ema_bonds", "normalized_bonds"):
            assert (trace[name].to_dense().sum(axis=0) <= ONE).all(), name
    else:
        assert (trace["ema_bonds"].value <= ONE).all()
    assert sum(result.emission.tolist()) <= 10**12
    if trace["incentive"].any() or trace["dividends"].any():
        both = sum(result.server_emission.tolist()) + sum(result.validator_emission.tolist())
        assert both <= 10**12


@property_of_epochs
def test_masked_entries_cannot_influence_anything(subnet: Any, backend: str, data: st.DataObject) -> None:
    state, h = subnet
    assume(h.profile >= 425)  # earlier ones mask by other rules, and keep some rows of bonds as they were stored
    committed = state.commit_block if h.commit_reveal else None
    dates = (state.validator_permit, state.last_update, state.block_at_registration)
    masked = stages.mask_weights(state.weights, *dates, owner_uid=state.owner_uid, commit_block=committed)
    yuma_step = state.last_yuma_step_block if h.rules.bonds_cutoff == "yuma_step" else None
    cutoff = stages.bonds_cutoff(state.current_block, h.tempo, state.last_mechanism_step_block, yuma_step)
    kept = [{uid for uid, _ in row} for row in masked.to_rows()]
    assume(any(len(a) < len(b) for a, b in zip(kept, state.weights.to_rows(), strict=True)))
    weights = [
        [(uid, v if uid in kept[i] else data.draw(strategies.u16)) for uid, v in row]
        for i, row in enumerate(state.weights.to_rows())
    ]
    outdated = state.block_at_registration >= np.uint64(cutoff)
    bonds = [[(uid, 65535 - v if outdated[uid] else v) for uid, v in row] for row in state.bonds.to_rows()]
    changed = replaced(state, weights=yk.SparseRows.from_rows(weights), bonds=yk.SparseRows.from_rows(bonds))
    assert traced((changed, h), backend)[0] == traced(subnet, backend)[0]


@property_of_epochs
def test_scaling_stakes_by_a_power_of_two_changes_nothing(subnet: Any, backend: str, data: st.DataObject) -> None:
    state, h = subnet
    stakes = [int(low) | int(high) << 64 for low, high in state.total_stake]
    room = 127 - sum(stakes).bit_length()
    shift = data.draw(st.integers(0, room))
    scaled = np.array([((s << shift) & (2**64 - 1), s << shift >> 64) for s in stakes], np.uint64)
    h = replaced(h, stake_threshold=0)  # which is in rao, and so would need to scale too
    assert traced((replaced(state, total_stake=scaled), h), backend)[0] == traced((state, h), backend)[0]


@property_of_epochs
def test_without_active_stake_nobody_moves_consensus_or_incentive(subnet: Any, backend: str, data: st.DataObject) -> None:
    state, h = subnet
    _, trace = traced(subnet, backend)
    idle = [i for i, s in enumerate(trace["active_stake"].tolist()) if s == 0]
    assume(idle)
    rows = state.weights.to_rows()
    for i in idle:
        rows[i] = [(uid, data.draw(strategies.u16)) for uid in data.draw(st.permutations(range(state.n)))]
    _, other = traced((replaced(state, weights=yk.SparseRows.from_rows(rows)), h), backend)
    for name in ("consensus", "rank", "incentive"):
        assert other[name].tolist() == trace[name].tolist(), name


@property_of_epochs
def test_permuting_uids_permutes_the_outputs(subnet: Any, backend: str, data: st.DataObject) -> None:
    """Where no order is a rule: rows ascending, and no permit that a tie decides."""
    state, h = subnet
    n = state.n
    h = replaced(h, max_allowed_validators=65535)
    new_uid = list(data.draw(st.permutations(range(n))))
    old_uid = [new_uid.index(uid) for uid in range(n)]

    def moved_rows(rows: list[list[tuple[int, int]]], uids: list[int]) -> yk.SparseRows:
        """Row i of the result is row `old` of `rows`, under the new uids, ascending."""
        return yk.SparseRows.from_rows([sorted((new_uid[uid], v) for uid, v in rows[i]) for i in uids])

    ascending = {f: [sorted(row) for row in getattr(state, f).to_rows()] for f in ("weights", "bonds")}
    sorted_state = replaced(state, **{f: yk.SparseRows.from_rows(rows) for f, rows in ascending.items()})
    arrays = ("total_stake", "last_update", "block_at_registration", "validator_permit", "commit_block")
    changes: dict[str, Any] = {name: getattr(state, name)[old_uid] for name in arrays if getattr(state, name) is not None}
    changes |= {name: moved_rows(rows, old_uid) for name, rows in ascending.items()}
    if state.owner_uid is not None:
        changes["owner_uid"] = new_uid[state.owner_uid]
    before, after = (yk.epoch(s, h, emission=10**12, backend=backend) for s in (sorted_state, replaced(state, **changes)))
    for name in yk.OUTPUTS:
        if name != "bonds":
            assert getattr(after, name).tolist() == getattr(before, name)[old_uid].tolist(), name
    assert after.bonds == moved_rows(before.bonds.to_rows(), old_uid)


def test_liquid_alpha_stays_between_its_bounds(backend: str) -> None:
    some = st.lists(strategies.i64(0, 1, ONE), min_size=3, max_size=3)
    steepness = strategies.integers(-(2**15), 2**15 - 1, 0, 1000)

    @every_day
    @given(some, some, some, strategies.u16, strategies.u16, steepness)
    def holds(c: list[int], w: list[int], b: list[int], low: int, high: int, steep: int) -> None:
        bounds = [(low << 32) // 65535, (high << 32) // 65535]
        got = stages.liquid_alpha(c, w, b, low, high, steep, backend=backend)
        assert all(bounds[0] <= alpha <= max(bounds) for alpha in got.tolist())

    holds()


@property_of_epochs
def test_nobody_without_a_permit_keeps_bonds(subnet: Any, backend: str, data: st.DataObject) -> None:
    state, h = subnet
    result, trace = traced(subnet, backend)
    rows = result.bonds.to_rows()
    had = state.validator_permit
    if h.rules.unpermitted_bonds == "kept":  # unless it had none either, and then as they were
        for uid, before in enumerate(state.bonds.to_rows()):
            if not had[uid] and not result.validator_permit[uid]:
                assert rows[uid] == before
                rows[uid] = []
    assert all(not row for row, permit in zip(rows, result.validator_permit, strict=True) if not permit)
    order = [[uid for uid, _ in row] for row in trace["ema_bonds"].to_rows()]
    assert all([uid for uid, _ in row] == order[i] for i, row in enumerate(rows) if result.validator_permit[i])
