"""simulate: the same as one epoch after the other, each from what the one before it stored."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import yuma_kernel as yk
from test_instruction_sets import subnets
from yuma_kernel.kernel import consecutive
from yuma_kernel.simulation import STACKED

CASES = [(state, h) for state, h in subnets(80) if state.n > 10][:12]


def stepwise(
    state: yk.SubnetState, rules: list[yk.Hyperparameters], emissions: list[int], given: list[dict[str, Any]], backend: str
) -> tuple[list[yk.EpochResult], yk.SubnetState]:
    results = []
    for h, emission, changes in zip(rules, emissions, given, strict=True):
        state = replace(state, **changes)
        result = yk.epoch(state, h, emission=emission, backend=backend)
        results.append(result)
        state = replace(
            state, bonds=result.bonds, validator_permit=result.validator_permit, previous_consensus=result.consensus
        )
    return results, state


def held_to(got: yk.Simulation, results: list[yk.EpochResult], last: yk.SubnetState, every: int) -> None:
    kept = list(range(every - 1, len(results), every))
    assert got.epochs.tolist() == kept
    for name in STACKED:
        rows = getattr(got, name)
        assert rows.shape == (len(kept), last.n)
        assert rows.dtype == getattr(results[0], name).dtype
        assert [row.tolist() for row in rows] == [getattr(results[k], name).tolist() for k in kept], name
    if got.bonds is not None:
        assert list(got.bonds) == [results[k].bonds for k in kept]
    assert got.state == last


@pytest.mark.parametrize("every", [1, 2, 3, 7])
@pytest.mark.parametrize("bonds", [False, True])
def test_held(backend: str, every: int, bonds: bool) -> None:
    epochs = 7
    cases = CASES if backend != "reference" else CASES[:3]
    for state, h in cases:
        results, last = stepwise(state, [h] * epochs, [5] * epochs, [{}] * epochs, backend)
        got = yk.simulate(state, h, epochs=epochs, emission=5, every=every, bonds=bonds, backend=backend)
        held_to(got, results, last, every)
        assert (got.bonds is not None) == bonds


@pytest.mark.parametrize("chunk", [1, 2, 5, 64])
def test_given(backend: str, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that may be given, on every backend, over calls of the kernel of several lengths."""
    monkeypatch.setattr(consecutive, "CHUNK", chunk)
    monkeypatch.setattr(consecutive, "LONG_ENTRIES", 0)
    epochs = 11
    random = np.random.default_rng(5)
    others = [state.weights for state, _ in subnets(400) if state.n == 33][:4]
    state, _ = next((s, h) for s, h in subnets(400) if s.n == 33 and s.bonds.uid.size)
    n = state.n
    weights = [others[k % len(others)] for k in range(epochs)]
    stake = [yk.stake_from_rao(random.integers(0, 10**12, n)) for _ in range(epochs)]
    dates = {name: random.integers(80, 140, (epochs, n)).astype(np.uint64) for name in ("last_update", "commit_block")}
    dates["block_at_registration"] = random.integers(0, 120, (epochs, n)).astype(np.uint64)
    permits = random.random((epochs, n)) < 0.8
    blocks = [int(b) for b in np.cumsum(random.integers(1, 9, epochs)) + 100]
    rules = [
        yk.Hyperparameters(yuma3=bool(k % 3), liquid_alpha=bool(k % 2), bonds_penalty=[0, 65535, 9][k % 3], tempo=7)
        for k in range(epochs)
    ]
    given: list[dict[str, Any]] = [
        {
            "weights": weights[k],
            "total_stake": stake[k],
            "validator_permit": permits[k],
            "current_block": blocks[k],
            "last_mechanism_step_block": blocks[k] - 3,
            "last_yuma_step_block": blocks[k] - 2,
            **{name: rows[k] for name, rows in dates.items()},
        }
        for k in range(epochs)
    ]
    emissions = [10**9 + k for k in range(epochs)]
    results, last = stepwise(state, rules, emissions, given, backend)
    options: dict[str, Any] = {
        "weights": weights,
        "total_stake": np.stack(stake),
        "validator_permit": permits,
        "current_block": blocks,
        "last_mechanism_step_block": np.array(blocks) - 3,
        "last_yuma_step_block": np.array(blocks) - 2,
        "emission": emissions,
        **dates,
    }
    got = yk.simulate(state, rules, epochs=epochs, bonds=True, backend=backend, **options)
    held_to(got, results, last, 1)
    del options["validator_permit"]
    for changes in given:
        del changes["validator_permit"]
    results, last = stepwise(state, rules, emissions, given, backend)
    held_to(yk.simulate(state, rules, epochs=epochs, every=4, bonds=True, backend=backend, **options), results, last, 4)


def test_bonds_in_ever_more_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights that are new in every epoch leave bonds where they stood: the room for bonds grows as they do."""
    grown: list[int] = []
    original = consecutive._Bonds.grown

    def counted(self: consecutive._Bonds, room: int, epoch: int) -> consecutive._Bonds:
        grown.append(room)
        return original(self, room, epoch)

    monkeypatch.setattr(consecutive._Bonds, "grown", counted)
    n, epochs = 40, 30
    weights = [yk.SparseRows.from_rows([[((i + k) % n, 9)] for i in range(n)]) for k in range(epochs)]
    state = yk.SubnetState(
        weights[0], yk.SparseRows.empty(n), yk.stake_from_rao([7] * n), [9] * n, [0] * n, [True] * n, 10, 5, 3
    )
    h = yk.Hyperparameters(bonds_penalty=0, bonds_moving_average=990_000)
    results, last = stepwise(state, [h] * epochs, [0] * epochs, [{"weights": w} for w in weights], "c")
    for bonds in (False, True):
        held_to(yk.simulate(state, h, epochs=epochs, weights=weights, bonds=bonds), results, last, 1)
    assert grown
    assert last.bonds.uid.size > 10 * n


def test_no_epoch_kept() -> None:
    state, h = CASES[0]
    got = yk.simulate(state, h, epochs=2, every=5, bonds=True)
    assert len(got) == 0
    assert got.incentive.shape == (0, state.n)
    assert got.bonds == ()
    assert got.state == yk.simulate(state, h, epochs=2).state


def test_goes_on_from_its_state() -> None:
    state, h = CASES[1]
    half = yk.simulate(state, h, epochs=4)
    assert yk.simulate(half.state, h, epochs=4).state == yk.simulate(state, h, epochs=8).state


def test_progress(backend: str) -> None:
    state, h = CASES[0]
    seen: list[tuple[int, int]] = []
    yk.simulate(state, h, epochs=150 if backend == "c" else 4, backend=backend, progress=lambda *at: seen.append(at))
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert seen[-1][0] == seen[-1][1]
    assert len(seen) > 1

    def stop(done: int, epochs: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        yk.simulate(state, h, epochs=150, backend=backend, progress=stop)


def test_is_a_value() -> None:
    state, h = CASES[2]
    got = yk.simulate(state, h, epochs=3, bonds=True)
    assert repr(got) == f"Simulation(kept=3, n={state.n})"
    assert pickle.loads(pickle.dumps(got)) == got == copy.deepcopy(got)
    with pytest.raises(ValueError, match="read-only"):
        got.incentive[0, 0] = 1


@pytest.mark.parametrize(
    ("options", "field", "index"),
    [
        ({"epochs": 0}, "epochs", None),
        ({"every": 0}, "every", None),
        ({"bonds": 3}, "bonds", None),
        ({"emission": [1, 2]}, "emission", None),
        ({"emission": None}, "emission", None),
        ({"emission": [1, -2, 3]}, "emission", 1),
        ({"current_block": [1, 2, 2**64]}, "current_block", 2),
        ({"current_block": "abc"}, "current_block", None),
        ({"last_update": np.zeros((2, 5))}, "last_update", None),
        ({"last_update": [1, 2, 3]}, "last_update", None),
        ({"validator_permit": np.full((3, 5), 2)}, "validator_permit", (0, 0)),
        ({"total_stake": np.full((3, 5, 2), 2**62)}, "total_stake", (0,)),
        ({"weights": [yk.SparseRows.empty(5)] * 2}, "weights", None),
        ({"weights": [yk.SparseRows.empty(5), 3, yk.SparseRows.empty(5)]}, "weights[1]", None),
        ({"weights": yk.SparseRows.empty(4)}, "weights", None),
        ({"weights": np.array(1).data}, "weights", None),
        ({"progress": 3}, "progress", None),
        ({"backend": "cuda"}, "backend", None),
    ],
)
def test_refused(options: Any, field: str, index: Any) -> None:
    rows = yk.SparseRows.from_rows([[(1, 5)], [], [], [], []])
    state = yk.SubnetState(rows, yk.SparseRows.empty(5), yk.stake_from_rao([5] * 5), [9] * 5, [1] * 5, [True] * 5, 10)
    with pytest.raises(yk.InputError) as caught:
        yk.simulate(state, yk.Hyperparameters(), **{"epochs": 3, **options})
    assert (caught.value.field, caught.value.index) == (field, index)
    with pytest.raises(yk.InputError) as caught:
        yk.simulate(state, [yk.Hyperparameters(), None, 3], epochs=3)  # type: ignore[list-item]
    assert (caught.value.field, caught.value.index) == ("hyperparameters", 1)


def test_series(variant: str, shared_data: Path) -> None:
    """100 recorded epochs of subnet 31, as tests/test_real.py replays them step by step."""
    with np.load(shared_data / "sn31_series.npz") as series:
        data = {name: series[name] for name in series.files}
    rules = json.loads(str(data["meta"]))["hyperparameters"]
    assert (rules.pop("current_block"), rules.pop("owner_uid")) == ("blocks[t]", -1)
    emission, last_step = rules.pop("emission"), rules.pop("last_mechanism_step_block")
    epochs = len(data["blocks"])
    weights = [yk.SparseRows.from_dense(np.where(data["has_row"][t][:, None], data["weights"][t], 0)) for t in range(epochs)]
    stake = yk.stake_from_rao(data["stake_rao"])
    state = yk.SubnetState(
        weights=weights[0],
        bonds=yk.SparseRows.empty(256),
        total_stake=stake,
        last_update=data["last_update"][0],
        block_at_registration=data["block_at_registration"][0],
        validator_permit=data["validator_permit"][0],
        current_block=data["blocks"][0],
        last_mechanism_step_block=last_step,
    )
    got = yk.simulate(
        state,
        yk.Hyperparameters(**rules),
        epochs=epochs,
        weights=weights,
        last_update=data["last_update"],
        block_at_registration=data["block_at_registration"],
        validator_permit=data["validator_permit"],
        current_block=data["blocks"],
        emission=emission,
        backend=variant.partition("/")[0],
    )
    assert epochs == 100
    for name in ("consensus", "incentive", "dividends", "validator_trust"):
        assert np.array_equal(getattr(got, name), data[f"expect_{name}"]), name
    assert got.dividends.any(axis=1).sum() > 50
