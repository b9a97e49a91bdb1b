"""What the calls take: mypy --strict reads this file, and here it runs, so that types refuse nothing that is taken."""

from __future__ import annotations

import numpy as np
import pytest

import yuma_kernel as yk

N = 2
U16 = np.uint16(3)
U64 = np.uint64(10)


def state() -> yk.SubnetState:
    rows = yk.SparseRows.from_rows([[(1, 5)], []])
    return yk.SubnetState(
        weights=rows,
        bonds=rows,
        total_stake=yk.stake_from_rao([10, 20]),
        last_update=np.array([5, 6], np.uint32),
        block_at_registration=[1, 2],
        validator_permit=[True, False],
        current_block=U64,
        last_mechanism_step_block=np.int64(3),
        owner_uid=np.int8(1),
        previous_consensus=[],
        last_yuma_step_block=np.uint8(4),
    )


def rules() -> yk.Hyperparameters:
    return yk.Hyperparameters(
        kappa=np.uint16(20_000),
        bonds_penalty=np.int32(65_535),
        bonds_moving_average=np.uint64(900_000),
        yuma3=np.bool_(True),
        liquid_alpha=1,
        alpha_sigmoid_steepness=np.int16(-5),
        liquid_alpha_consensus_mode=1,
        tempo=np.uint16(360),
        commit_reveal=False,
        profile=np.int64(475),
    )


def test_hyperparameters() -> None:
    held = rules()
    assert held == yk.Hyperparameters(
        kappa=20_000,
        liquid_alpha=True,
        alpha_sigmoid_steepness=-5,
        liquid_alpha_consensus_mode="previous",
        commit_reveal=False,
    )
    mode = yk.Hyperparameters(liquid_alpha_consensus_mode=np.uint8(0)).liquid_alpha_consensus_mode
    assert mode == "current"
    assert type(held.kappa) is type(held.tempo) is int
    assert held.yuma3 is held.liquid_alpha is True


def test_state() -> None:
    held = state()
    assert (held.current_block, held.last_mechanism_step_block, held.owner_uid, held.last_yuma_step_block) == (10, 3, 1, 4)
    assert type(held.current_block) is type(held.owner_uid) is int


def test_epochs() -> None:
    plain = yk.epoch(state(), rules(), emission=10)
    assert yk.epoch(state(), rules(), emission=U64, trace=np.bool_(False)) == plain
    assert yk.epoch_many([state()] * 2, rules(), emission=np.array([10, 10]), threads=np.int64(1)) == [plain] * 2
    assert yk.epoch_many([state()] * 2, rules(), emission=[U64, 10]) == [plain] * 2
    assert yk.epoch_many([state()] * 2, rules(), emission=U64) == [plain] * 2


def test_simulate() -> None:
    blocks = np.array([10, 11], np.uint32)
    plain = yk.simulate(state(), rules(), epochs=2, current_block=[10, 11], emission=[4, 5])
    got = yk.simulate(
        state(),
        rules(),
        epochs=np.uint8(2),
        current_block=blocks,
        last_mechanism_step_block=np.uint64(3),
        last_yuma_step_block=np.array(4),
        emission=np.array([4, 5], np.uint16),
        every=np.int64(1),
        bonds=np.bool_(False),
    )
    assert got.blocks.tolist() == [10, 11]
    assert got.emission.tolist() == plain.emission.tolist()
    assert yk.simulate(state(), rules(), epochs=2, current_block=[U64, 11]).blocks.tolist() == [10, 11]
    assert yk.simulate(state(), rules(), epochs=2, current_block=range(10, 12)).blocks.tolist() == [10, 11]
    assert yk.simulate(state(), rules(), epochs=1, current_block=np.uint64(12), emission=U64).blocks.tolist() == [12]


def test_stages() -> None:
    assert yk.stages.activity([5, 6], np.uint16(4), U64).tolist() == [False, True]
    assert yk.stages.bonds_cutoff(U64, U16, np.int8(2)) == yk.stages.bonds_cutoff(10, 3, 2)
    weights = yk.SparseRows.from_rows([[(1, 1 << 32)], []], np.int64)
    consensus = yk.stages.consensus(weights, [1 << 32, 0], np.uint16(20_000))
    assert consensus.tolist() == yk.stages.consensus(weights, [1 << 32, 0], 20_000).tolist()


def test_what_is_no_number_is_refused_by_both() -> None:
    with pytest.raises(yk.InputError):
        yk.Hyperparameters(kappa="5")  # type: ignore[arg-type]
    with pytest.raises(yk.InputError):
        yk.simulate(state(), rules(), epochs=1, current_block="5")  # type: ignore[arg-type]
    with pytest.raises(yk.InputError):
        yk.epoch(state(), rules(), emission=None)  # type: ignore[arg-type]
