"""The stages on their own: chained they are the epoch, and what they are given is checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import strategies
import yuma_kernel as yk
from chain import EPOCH_FILES, Case, epoch_cases
from yuma_kernel import reference, stages
from yuma_kernel.stages import ONE


def chained(state: yk.SubnetState, h: yk.Hyperparameters, emission: int, backend: str) -> yk.EpochResult:
    """The epoch from public stages and nothing else."""
    on: dict[str, Any] = {"backend": backend}
    owner = state.owner_uid
    active = stages.activity(state.last_update, h.activity_cutoff, state.current_block, **on)
    stake = stages.normalize_stake(state.total_stake, stake_threshold=h.stake_threshold, owner_uid=owner, **on)
    new_permit = stages.permits(stake, h.max_allowed_validators, owner_uid=owner, **on)
    active_stake = stages.active_stake(stake, active, state.validator_permit, owner_uid=owner, **on)
    masked = stages.mask_weights(
        state.weights,
        state.validator_permit,
        state.last_update,
        state.block_at_registration,
        owner_uid=owner,
        commit_block=state.commit_block if h.commit_reveal else None,
        **on,
    )
    weights = stages.normalize_rows(masked, **on)
    consensus = stages.consensus(weights, active_stake, h.kappa, **on)
    clipped = stages.clip(weights, consensus, **on)
    validator_trust = stages.validator_trust(clipped, **on)
    rank = stages.rank(clipped, active_stake, **on)
    incentive = stages.incentive(rank, **on)
    for_bonds = stages.weights_for_bonds(weights, clipped, h.bonds_penalty, **on)
    yuma_step = state.last_yuma_step_block if h.rules.bonds_cutoff == "yuma_step" else None
    cutoff = stages.bonds_cutoff(state.current_block, h.tempo, state.last_mechanism_step_block, yuma_step, **on)
    old = stages.old_bonds(state.bonds, state.block_at_registration, cutoff, h.yuma3, **on)
    selected = consensus
    if h.rules.liquid_alpha == "selected" and state.previous_consensus is not None:
        rules = (h.liquid_alpha_consensus_mode, h.bonds_penalty)
        selected = stages.selected_consensus(consensus, state.previous_consensus, *rules, **on)
    if h.yuma3 and h.liquid_alpha and selected.any():
        alphas = (h.alpha_low, h.alpha_high, h.alpha_sigmoid_steepness)
        ema_bonds = stages.liquid_ema(for_bonds, old, selected, *alphas, **on)
    else:
        new = for_bonds if h.yuma3 else stages.new_bonds(for_bonds, active_stake, **on)
        ema_bonds = stages.ema(new, old, h.bonds_moving_average, **on)
    normalized = stages.column_normalize(ema_bonds, **on)
    dividends = stages.dividends(normalized, incentive, active_stake if h.yuma3 else None, **on)
    to_store = ema_bonds if h.yuma3 else stages.column_max_normalize(normalized, **on)
    server, validator, combined = stages.emission(incentive, dividends, stake, active_stake, emission, **on)
    return yk.EpochResult(
        active=active,
        stake_weight=stages.to_u16(stake, **on),
        validator_permit=new_permit,
        consensus=stages.to_u16(consensus, **on),
        validator_trust=stages.to_u16(validator_trust, **on),
        incentive=stages.to_u16(incentive, **on),
        bonds=stages.store_bonds(to_store, new_permit, **on),
        dividends=stages.to_u16(dividends, **on),
        server_emission=server,
        validator_emission=validator,
        emission=combined,
        trace={
            "stake": stake,
            "active_stake": active_stake,
            "weights": weights,
            "consensus": consensus,
            "clipped": clipped,
            "validator_trust": validator_trust,
            "rank": rank,
            "incentive": incentive,
            "weights_for_bonds": for_bonds,
            "ema_bonds": ema_bonds,
            "normalized_bonds": normalized,
            "dividends": dividends,
        },
    )


@pytest.mark.parametrize("name", EPOCH_FILES)
def test_chained_stages_are_the_chains_epoch(backend: str, name: str) -> None:
    def is_equal(case: Case) -> bool:
        got = chained(case.state, case.hyperparameters, case.emission, backend)
        if case.trace is None:
            return got.first_difference(case.output) is None
        return got == yk.EpochResult(**case.output, trace=case.trace)

    assert [case.id for case in epoch_cases(name) if not is_equal(case)] == []


def test_chained_stages_are_the_epoch(backend: str) -> None:
    @settings(max_examples=100, deadline=None)
    @given(strategies.states(), strategies.hyperparameters(profiles=st.sampled_from([425, 475])), strategies.emissions)
    def holds(state: yk.SubnetState, h: yk.Hyperparameters, emission: int) -> None:
        assert chained(state, h, emission, backend) == yk.epoch(state, h, emission=emission, backend=backend, trace=True)

    holds()


# -- beyond what an epoch can reach ---------------------------------------------------------------------------------------

N = 5
proportion = strategies.integers(0, ONE, 1, 2, ONE // 2, ONE - 1)
amount = strategies.integers(0, 2**63 // N - 1, ONE, 2**48)
raw = strategies.i64(0, 1, ONE, -ONE)


def vector(items: st.SearchStrategy[int]) -> st.SearchStrategy[Any]:
    return st.lists(items, min_size=N, max_size=N).map(lambda values: np.array(values, np.int64))


def matrix(items: st.SearchStrategy[int]) -> st.SearchStrategy[yk.SparseRows]:
    row = st.lists(st.tuples(st.integers(0, N - 1), items), max_size=N, unique_by=lambda entry: entry[0])
    return st.lists(row, min_size=N, max_size=N).map(lambda rows: yk.SparseRows.from_rows(rows, np.int64))


flags = st.lists(st.booleans(), min_size=N, max_size=N)
owner = st.one_of(st.none(), st.integers(0, N - 1))
u16, u64 = strategies.u16, strategies.u64
blocks = st.lists(st.one_of(st.integers(100, 104), u64), min_size=N, max_size=N)
stored = strategies.rows(N, st.just(True)).map(yk.SparseRows.from_rows)
share = strategies.integers(0, ONE // N, 1)
steepness = strategies.integers(-(2**15), 2**15 - 1, 0, 1000)

STAGES: dict[str, tuple[tuple[st.SearchStrategy[Any], ...], dict[str, st.SearchStrategy[Any]]]] = {
    "activity": ((blocks, u64, u64), {}),
    "normalize_stake": (
        (strategies.total_stakes(N).map(lambda bits: [(b & (2**64 - 1), b >> 64) for b in bits]),),
        {"stake_threshold": u64, "owner_uid": owner},
    ),
    "permits": ((vector(proportion), u16), {"owner_uid": owner}),
    "active_stake": ((vector(share), flags, flags), {"owner_uid": owner}),
    "upscale_to_u16": ((st.lists(u16, max_size=N),), {}),
    "mask_weights": (
        (stored, flags, blocks, blocks),
        {"owner_uid": owner, "commit_block": st.one_of(st.none(), blocks)},
    ),
    "normalize_rows": ((matrix(amount),), {}),
    "consensus": ((matrix(amount), vector(amount), u16), {}),
    "clip": ((matrix(amount), vector(amount)), {}),
    "validator_trust": ((matrix(amount),), {}),
    "rank": ((matrix(proportion), vector(proportion)), {}),
    "incentive": ((vector(amount),), {}),
    "weights_for_bonds": ((matrix(proportion), matrix(proportion), u16), {}),
    "bonds_cutoff": ((u64, u64, u64), {}),
    "old_bonds": ((stored, blocks, u64, st.booleans()), {}),
    "new_bonds": ((matrix(proportion), vector(proportion)), {}),
    "column_normalize": ((matrix(amount),), {}),
    "column_max_normalize": ((matrix(amount),), {}),
    "ema": ((matrix(proportion), matrix(proportion), strategies.integers(0, 1_000_000)), {}),
    "liquid_alpha": ((vector(raw), vector(raw), vector(raw), u16, u16, steepness), {}),
    "liquid_ema": ((matrix(proportion), matrix(proportion), vector(proportion), u16, u16, steepness), {}),
    "dividends": ((matrix(proportion), vector(proportion)), {"active_stake": st.one_of(st.none(), vector(proportion))}),
    "emission": ((vector(proportion),) * 4 + (u64,), {}),
    "to_u16": ((vector(raw),), {}),
    "store_bonds": ((matrix(amount), flags), {}),
}


def test_every_stage_is_here() -> None:
    public = {name for name, value in vars(stages).items() if callable(value) and value.__module__ == stages.__name__}
    assert {name for name in public if not name.startswith("_")} == {*STAGES, "to_fixed", "from_fixed", "selected_consensus"}


@pytest.mark.parametrize("name", STAGES)
def test_stage_agrees_with_the_reference(compiled: str, name: str) -> None:
    positional, keywords = STAGES[name]
    stage = getattr(stages, name)

    @settings(max_examples=150, deadline=None)
    @given(st.tuples(*positional), st.fixed_dictionaries(keywords))
    def agrees(arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        expected = stage(*arguments, **named, backend="reference")
        got = stage(*arguments, **named, backend=compiled)
        assert plain(got) == plain(expected)

    agrees()


@pytest.mark.parametrize("bit", range(1, 63))
def test_consensus_of_scores_of_any_size(compiled: str, bit: int) -> None:
    rows = [[(0, 2**bit + k - 1), (1, k)] for k in (1, 0, 2)]
    weights = yk.SparseRows.from_rows(rows, np.int64)
    for kappa in (0, 20000, 40000, 65535):
        got = stages.consensus(weights, [3, 4, 5], kappa, backend=compiled)
        assert plain(got) == plain(stages.consensus(weights, [3, 4, 5], kappa, backend="reference"))


def plain(value: Any) -> Any:
    """With dtypes and orders, and so that a difference can be read."""
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        assert not value.flags.writeable
        return (str(value.dtype), value.tolist())
    if isinstance(value, yk.SparseRows):
        assert not value.value.flags.writeable
        return (str(value.value.dtype), value.to_rows())
    return value


# -- what is refused ------------------------------------------------------------------------------------------------------

ROWS = yk.SparseRows.from_rows([[(0, 5), (1, ONE)], [], [(1, 2**62)]], np.int64)
HUGE = yk.SparseRows.from_rows([[(0, 2**62), (1, 2**62)], [(1, 2**62)], []], np.int64)
NEGATIVE = yk.SparseRows.from_rows([[(0, 5), (1, -1)], [], []], np.int64)
SMALL = yk.SparseRows.from_rows([[(0, 5), (1, 6)], [], []], np.int64)
THREE = [0, 1, 2]


@pytest.mark.parametrize(
    ("call", "field", "index", "words"),
    [
        (lambda: stages.activity([], 1, 2), "length of last_update", None, "1 to 32767, got 0"),
        (lambda: stages.activity([1], -1, 2), "activity_cutoff", None, "got -1"),
        (lambda: stages.normalize_stake([[0, 2**63]]), "total_stake", 0, "negative"),
        (lambda: stages.normalize_stake([[0, 1]], owner_uid=1), "owner_uid", None, "from 0 to 0"),
        (lambda: stages.permits([0, ONE + 1], 5), "stake", 1, "proportion"),
        (lambda: stages.permits([0, 0.5], 5), "stake", 1, "whole number"),
        (lambda: stages.permits([0], 65536), "max_allowed_validators", None, "65536"),
        (lambda: stages.active_stake([0, -1], [1, 1], [1, 1]), "stake", 1, "got -1"),
        (lambda: stages.active_stake([0, 1], [1, 1], [1]), "validator_permit", None, "length 2"),
        (lambda: stages.mask_weights(ROWS, THREE, THREE, THREE), "weights", None, "uint16"),
        (lambda: stages.normalize_rows(NEGATIVE), "weights", 1, "negative"),
        (lambda: stages.normalize_rows(HUGE), "weights", 0, "sum of the row below 2^63"),
        (lambda: stages.normalize_rows(yk.SparseRows.empty(3)), "weights", None, "int64, got uint16"),
        (
            lambda: stages.normalize_rows([[]]),  # type: ignore[arg-type]
            "weights",
            None,
            "int64, got list",
        ),
        (lambda: stages.consensus(ROWS, [2**62, 2**62, 0], 5), "active_stake", None, "sum below 2^63"),
        (lambda: stages.consensus(ROWS, [1, 2], 5), "active_stake", None, "length 3"),
        (lambda: stages.consensus(ROWS, THREE, -1), "kappa", None, "-1"),
        (lambda: stages.clip(SMALL, [1, -1, 1]), "consensus", 1, "negative"),
        (lambda: stages.validator_trust(HUGE), "clipped", 0, "sum of the row"),
        (lambda: stages.rank(ROWS, THREE), "clipped", 2, "proportion"),
        (lambda: stages.incentive([2**62, 2**62]), "rank", None, "sum below 2^63"),
        (lambda: stages.incentive([]), "length of rank", None, "got 0"),
        (lambda: stages.weights_for_bonds(SMALL, yk.SparseRows.from_rows([[]], np.int64), 5), "clipped", None, "3 rows"),
        (lambda: stages.old_bonds(yk.SparseRows.empty(3), THREE, 5, 2), "yuma3", None, "boolean"),  # type: ignore[arg-type]
        (lambda: stages.column_normalize(HUGE), "matrix", 1, "sum of the column"),
        (lambda: stages.ema(SMALL, SMALL, 1_000_001), "bonds_moving_average", None, "1000000"),
        (lambda: stages.liquid_alpha([1], [1, 2], [1]), "weight", None, "length 1"),
        (lambda: stages.liquid_alpha([1], [1], [1], alpha_sigmoid_steepness=40000), "alpha_sigmoid_steepness", None, ""),
        (lambda: stages.dividends(SMALL, [0, 0, ONE + 1]), "incentive", 2, "proportion"),
        (lambda: stages.emission(THREE, THREE, THREE, [1], 5), "active_stake", None, "length 3"),
        (lambda: stages.clip(SMALL, THREE, backend="fortran"), "backend", None, "fortran"),
        (lambda: stages.to_fixed([1.0, 2.0**31]), "values", (1,), "2^31"),
        (lambda: stages.to_fixed(float("nan")), "values", None, "nan"),
        (lambda: stages.to_fixed(["a"]), "values", None, "dtype"),
        (lambda: stages.from_fixed([0.5]), "raw", None, "integers"),
    ],
)
def test_refused(call: Callable[[], object], field: str, index: Any, words: str) -> None:
    with pytest.raises(yk.InputError) as caught:
        call()
    assert (caught.value.field, caught.value.index) == (field, index), str(caught.value)
    assert words in caught.value.rule


# -- floats ---------------------------------------------------------------------------------------------------------------


def test_to_fixed_rounds_to_nearest_ties_to_even() -> None:
    half = 2.0**-33
    assert stages.to_fixed([0.0, 1.0, -0.5, half, 3 * half, -half, 2.0**31 - 2.0**-22]).tolist() == [
        0, ONE, -ONE // 2, 0, 2, 0, 2**63 - 1024,
    ]  # fmt: skip
    assert stages.to_fixed(np.array([[1, 2], [3, -4]])).tolist() == [[ONE, 2 * ONE], [3 * ONE, -4 * ONE]]
    assert stages.to_fixed(np.uint64(2**31 - 1)).tolist() == (2**31 - 1) << 32
    assert stages.to_fixed(np.float16(0.5)).tolist() == ONE // 2


@given(st.floats(-(2.0**31), 2.0**31, exclude_max=True))
def test_to_fixed_is_the_rounded_product(value: float) -> None:
    from fractions import Fraction

    assert int(stages.to_fixed(value)) == round(Fraction(value) * ONE)


@given(st.lists(raw, max_size=5))
def test_from_fixed_is_the_nearest_float(bits: list[int]) -> None:
    from fractions import Fraction

    got = stages.from_fixed(np.array(bits, np.int64))
    assert got.dtype == np.float64
    assert got.tolist() == [float(Fraction(x, ONE)) for x in bits]


# -- weights for the chain ------------------------------------------------------------------------------------------------


def test_upscale_is_a_row_that_the_chain_keeps(backend: str) -> None:
    """A row with 65535 in it is already as the chain stores it."""
    row = [65535, 0, 1, 32768, 65534]
    assert stages.upscale_to_u16(row, backend=backend).tolist() == row
    assert stages.upscale_to_u16([], backend=backend).tolist() == []
    assert reference.upscale_to_u16([0, 0]) == [0, 0]
