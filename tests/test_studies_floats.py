"""Float simulations beside the kernel: the float epoch follows the law, and the study says where it is not the chain's."""

from __future__ import annotations

import functools
import itertools
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import yuma_kernel as yk
from yuma_kernel.studies import FloatError, FloatInputs, float_check, float_epoch, float_error, float_inputs, torch_floats

EMISSION = 10**12
IN_NUMPY = ("float64", "float32", "halving")
NO_TORCH = "the simulator in torch needs torch, which is in no extra: pip install torch"
RULES: dict[str, dict[str, Any]] = {
    "yuma2": {"yuma3": False},
    "yuma2, half a penalty": {"yuma3": False, "bonds_penalty": 32768},
    "yuma2, no penalty": {"yuma3": False, "bonds_penalty": 0},
    "yuma3": {},
    "yuma3, half a penalty": {"bonds_penalty": 32768},
    "liquid, previous": {"liquid_alpha": True},
    "liquid, current": {"liquid_alpha": True, "liquid_alpha_consensus_mode": "current"},
    "liquid, no penalty": {"liquid_alpha": True, "bonds_penalty": 0},
    "liquid, half a penalty": {"liquid_alpha": True, "bonds_penalty": 32768, "alpha_sigmoid_steepness": 300},
    "liquid, low above high": {"liquid_alpha": True, "alpha_low": 60000, "alpha_high": 30000},
    "liquid of 425": {"liquid_alpha": True, "profile": 425},
    "kappa 0": {"kappa": 0},
    "kappa 1": {"kappa": 65535},
    "kappa .8, few permits": {"kappa": 52428, "max_allowed_validators": 3},
    "no commits": {"commit_reveal": False},
}


@functools.cache
def subnet(seed: int = 0, n: int = 24) -> yk.SubnetState:
    """With all that an epoch leaves out: stakes below the threshold, the inactive, masked weights, outdated bonds."""
    random = np.random.default_rng(seed)
    quality = random.pareto(1.5, n) + 0.1
    weights = (quality * random.uniform(0.5, 1.5, (n, n)) * 9000).clip(1, 65535).astype(np.uint16)
    rows = []
    for i in range(n):
        chosen = np.sort(random.choice(n, 16, replace=False))
        rows.append([(int(j), 0 if random.random() < 0.1 else int(weights[i, j])) for j in chosen])
    bonds = [[(int(j), int(random.integers(1, 65536))) for j in np.sort(random.choice(n, 14, replace=False))] for _ in rows]
    stake = (random.pareto(1.2, n) + 0.05) * 1e13
    registered = np.full(n, 10, np.uint64)
    registered[[5, 6]] = 950  # after the last step, so that bonds with them are outdated, and before most weights
    registered[7] = 1005  # after most weights
    updated = np.full(n, 1000, np.uint64)
    updated[[1, 4]] = (1006, 3)  # one that has seen uid 7, one that is inactive
    commits = np.full(n, 2**64 - 1, np.uint64)
    commits[3] = 900
    return yk.SubnetState(
        weights=yk.SparseRows.from_rows(rows),
        bonds=yk.SparseRows.from_rows(bonds),
        total_stake=yk.stake_from_rao(stake.astype(np.int64)),
        last_update=updated,
        block_at_registration=registered,
        validator_permit=np.arange(n) % 3 != 2,
        current_block=1100,
        last_mechanism_step_block=940,
        owner_uid=8,
        commit_block=commits,
        previous_consensus=random.integers(0, 9000, n).astype(np.uint16),
    )


def hyperparameters(name: str) -> yk.Hyperparameters:
    return yk.Hyperparameters(**{"stake_threshold": 2 * 10**12, "activity_cutoff": 900, **RULES[name]})


def within_a_unit(study: FloatError) -> None:
    """All outputs, but for what fixed point loses."""
    assert study.provenance["parameters"]["outputs"] == list(float_check.ASKED)
    for row in study.summary():
        paid = row["output"] in float_check.PAID
        assert row["compared"] > (2 if row["output"] in ("emission", "stake_weight") else -1)
        assert row["most"] <= (EMISSION // 10**6 if paid else 0 if row["output"] == "validator_permit" else 1), row


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", RULES)
def test_float_epoch_follows_the_law(name: str, seed: int) -> None:
    """In float64 everything is within a unit of what is stored, but for what fixed point loses."""
    study = float_error(
        subnet(seed),
        hyperparameters(name),
        emission=EMISSION,
        simulators={"float64": float_epoch},
        outputs=float_check.ASKED,
    )
    within_a_unit(study)


def test_the_subnet_has_what_an_epoch_leaves_out() -> None:
    """Or the test above would not see it."""
    state, h = subnet(), hyperparameters("yuma3")
    inputs = float_inputs(state, h, emission=EMISSION)
    whole = float_inputs(replace(state, commit_block=None), h)
    assert whole.stored.sum() > inputs.stored.sum()
    assert not inputs.active[4]
    assert inputs.permit[4]
    assert (inputs.stake == 0).any()
    assert not inputs.bonds[:, [5, 6, 7]].any()
    assert state.bonds.to_dense()[:, [5, 6]].any()
    assert (inputs.weights == 0)[inputs.stored].any()
    assert inputs.emission == 1000.0
    assert inputs.weights.dtype == np.float64
    single = inputs.astype(np.float32)
    assert {getattr(single, f).dtype for f in ("weights", "bonds", "stake", "previous_consensus")} == {np.dtype(np.float32)}
    assert single.stored.dtype == np.bool_
    assert {v.dtype for v in float_epoch(single).values()} == {np.dtype(np.float32), np.dtype(np.bool_)}


@pytest.mark.parametrize("name", ["yuma2", "yuma3", "kappa .8, few permits"])
def test_halving_finds_the_median_to_its_precision(name: str) -> None:
    inputs = float_inputs(subnet(), hyperparameters(name))
    sorted_, halved = (float_epoch(inputs, consensus=c)["consensus"] for c in ("sorting", "halving"))
    assert np.abs(sorted_ - halved).max() <= 1e-5
    assert (sorted_ != halved).any()
    with pytest.raises(yk.InputError):
        float_epoch(inputs, consensus="guessing")  # type: ignore[arg-type]


def test_halving_leaves_no_consensus_of_0() -> None:
    """So there is an incentive where the chain has none."""
    state, h = subnet(), hyperparameters("kappa 1")
    assert not yk.epoch(state, h).incentive.any()
    exact, halved = (float_epoch(float_inputs(state, h), consensus=c)["incentive"] for c in ("sorting", "halving"))
    assert not exact.any()
    assert halved.sum() == pytest.approx(1)


def test_nobody_validates() -> None:
    state = replace(subnet(), validator_permit=np.zeros(24, np.bool_), owner_uid=None)
    for h in (yk.Hyperparameters(), yk.Hyperparameters(yuma3=False)):
        study = float_error(state, h, emission=EMISSION)
        assert max(row["most"] for row in study.summary() if row["simulator"] == "float64") <= EMISSION // 10**6


def exact(inputs: FloatInputs, shift: dict[str, dict[int, int]], state: yk.SubnetState) -> dict[str, Any]:
    """A simulator that has what the chain has, half a unit above, and some uids off by some units."""
    result = yk.epoch(state, inputs.hyperparameters, emission=EMISSION)
    out = {}
    for name in ("consensus", "incentive", "dividends"):
        values = getattr(result, name).astype(np.float64) + 0.5
        for uid, units in shift.get(name, {}).items():
            values[uid] += units
        out[name] = values / 65535
    for name in ("server_emission", "validator_emission", "emission"):
        values = getattr(result, name).astype(np.float64)
        for uid, rao in shift.get(name, {}).items():
            values[uid] += rao
        out[name] = (values + 0.25) / 1e9
    return out


def test_places_are_how_many_have_more() -> None:
    """Who stays behind of equals has another place, and who goes ahead has the one that all had."""
    moved = float_check._moved
    assert moved(np.array([5, 5, 5]), np.array([6, 5, 5])) == 2
    assert moved(np.array([5, 5, 3]), np.array([5, 4, 3])) == 1
    assert moved(np.array([5, 4, 3]), np.array([9, 8, 7])) == 0


def test_rows_and_summary() -> None:
    state, h = subnet(), hyperparameters("yuma3")
    result = yk.epoch(state, h, emission=EMISSION)
    order = np.argsort(-result.incentive.astype(np.int64), kind="stable")
    first, second = order[:2].tolist()
    gap = int(result.incentive[first]) - int(result.incentive[second])
    shift = {"incentive": {second: gap + 7}, "emission": {4: -3, 9: 100}}
    study = float_error(state, h, emission=EMISSION, simulators={"mine": lambda i: exact(i, shift, state)})
    found = {row["output"]: row for row in study.summary()}
    assert list(found) == ["consensus", "incentive", "dividends", "server_emission", "validator_emission", "emission"]
    assert (found["consensus"]["differ"], found["consensus"]["most"], found["consensus"]["most_uid"]) == (0, 0, None)
    assert found["consensus"]["compared"] == np.count_nonzero(result.consensus)
    incentive = found["incentive"]
    assert (incentive["differ"], incentive["most"], incentive["most_uid"]) == (1, gap + 7, second)
    assert incentive["ranks"] == 2
    assert incentive["elsewhere"] == pytest.approx((gap + 7) / 2 / result.incentive.sum(dtype=np.int64))
    assert (found["emission"]["differ"], found["emission"]["most"], found["emission"]["most_uid"]) == (2, 100, 9)
    rows = dict(zip(study.table, (column.tolist() for column in study.table.values()), strict=True))
    assert all(
        np.floor(round(s, 3)) - v == d for s, v, d in zip(rows["simulated"], rows["value"], rows["difference"], strict=True)
    )
    assert set(rows["miner"]) == {-1}
    assert len(rows["uid"]) == sum(np.count_nonzero(getattr(result, name)) for name in found)
    text = str(study)
    assert f"{gap + 7}" in text
    assert "100 rao" in text
    assert study == FloatError(study.table, study.provenance)


def test_bonds_are_compared_pair_by_pair() -> None:
    state, h = subnet(), hyperparameters("yuma2")

    def none(inputs: FloatInputs) -> dict[str, Any]:
        return {"bonds": np.zeros((24, 24))}

    study = float_error(state, h, simulators={"none": none}, outputs=["bonds"])
    bonds = yk.epoch(state, h).bonds.to_dense()
    uid, miner = np.nonzero(bonds)
    assert study.table["uid"].tolist() == uid.tolist()
    assert study.table["miner"].tolist() == miner.tolist()
    assert study.table["difference"].tolist() == (-bonds[uid, miner].astype(np.int64)).tolist()


def test_consecutive_epochs() -> None:
    """The chain's side is `simulate` by tempos; each simulator goes on from what it left."""
    state, h = subnet(), hyperparameters("liquid, previous")
    holds = state.validator_permit | (np.arange(24) == 8)
    state = replace(state, last_update=np.where(holds, np.uint64(1099), state.last_update))
    seen: list[FloatInputs] = []
    given: list[dict[str, Any]] = []

    def mine(inputs: FloatInputs) -> dict[str, Any]:
        seen.append(inputs)
        given.append(float_epoch(inputs))
        return given[-1]

    progress: list[tuple[int, int]] = []
    study = float_error(
        state, h, emission=EMISSION, epochs=5, simulators={"mine": mine}, progress=lambda k, of: progress.append((k, of))
    )
    assert progress == [(k, 5) for k in range(1, 6)]
    simulation = yk.simulate(state, h, epochs=5, emission=EMISSION, steps="tempo")
    for output in float_check.COMPARED:
        values = getattr(simulation, output).astype(np.int64)
        for k in range(5):
            of = (study.table["output"] == output) & (study.table["epoch"] == k)
            dense = np.zeros(24, np.int64)
            dense[study.table["uid"][of]] = study.table["value"][of].astype(np.int64)
            assert dense.tolist() == values[k].tolist(), (output, k)
    for before, after in itertools.pairwise(range(5)):
        assert seen[after].bonds.tolist() == given[before]["bonds"].tolist()
        assert np.asarray(seen[after].previous_consensus).tolist() == given[before]["consensus"].tolist()
    last, worst = study.summary(), study.summary(last=False)
    assert all(a["most"] <= b["most"] and a["differ"] <= b["differ"] for a, b in zip(last, worst, strict=True))
    assert study.provenance["consecutive"]


def test_several_states_each_by_itself() -> None:
    states, h = [subnet(0), subnet(1)], hyperparameters("yuma3")
    study = float_error(states, [h, replace(h, kappa=20000)], emission=[EMISSION, 5])
    for k, (state, rules, amount) in enumerate(zip(states, [h, replace(h, kappa=20000)], [EMISSION, 5], strict=True)):
        alone = float_error(state, rules, emission=amount)
        of = study.table["epoch"] == k
        for name in ("simulator", "output", "uid", "value", "simulated", "difference"):
            assert sorted(study.table[name][of].tolist()) == sorted(alone.table[name].tolist())


class Tensor:
    """As those of torch: no array, but NumPy makes one of it."""

    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values, np.float32)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.values if dtype is None else self.values.astype(dtype)


def test_outputs_that_are_no_arrays() -> None:
    def mine(inputs: FloatInputs) -> dict[str, Any]:
        return {name: Tensor(values) for name, values in float_epoch(inputs).items() if name in ("incentive", "dividends")}

    tensors = float_error(subnet(), hyperparameters("yuma3"), simulators={"mine": mine}, emission=EMISSION)
    assert tensors.provenance["parameters"]["outputs"] == [
        "incentive", "dividends", "server_emission", "validator_emission", "emission",
    ]  # fmt: skip
    assert max(row["most"] for row in tensors.summary() if row["output"] in ("incentive", "dividends")) <= 1
    assert max(row["elsewhere"] for row in tensors.summary() if row["output"] in float_check.PAID) < 1e-6


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"state": []}, "state"), ({"state": [3]}, "state"), ({"state": 3}, "state"),
        ({"hyperparameters": 3}, "hyperparameters"),
        ({"hyperparameters": [yk.Hyperparameters()] * 2}, "hyperparameters"), ({"emission": 2**63}, "emission"),
        ({"emission": 0.5}, "emission"), ({"epochs": 0}, "epochs"), ({"state": [subnet()] * 2, "epochs": 2}, "epochs"),
        ({"simulators": {}}, "simulators"), ({"simulators": []}, "simulators"), ({"simulators": ["jax"]}, "simulators"),
        ({"simulators": float_epoch}, "simulators"), ({"outputs": []}, "outputs"),
        ({"outputs": "incentive"}, "outputs"), ({"outputs": ["rank"]}, "outputs"),
        ({"hyperparameters": yk.Hyperparameters(profile=401)}, "hyperparameters"),
        ({"simulators": {"a": lambda i: 3}}, "simulators[a]"), ({"simulators": {"a": lambda i: {}}}, "simulators[a]"),
        ({"simulators": {"a": lambda i: {"incentive": [1.0]}}}, "simulators[a]"),
        ({"simulators": {"a": lambda i: {"incentive": ["x"] * 24}}}, "simulators[a]"),
        ({"simulators": {"a": lambda i: {"incentive": [float("nan")] * 24}}}, "simulators[a]"),
    ],
)  # fmt: skip
def test_what_is_refused(given: dict[str, Any], field: str) -> None:
    with pytest.raises(yk.InputError) as caught:
        float_error(**{"state": subnet(), "hyperparameters": yk.Hyperparameters(), **given})
    assert caught.value.field == field
    assert "expected" in caught.value.rule


def test_float_epoch_of_what_are_no_inputs() -> None:
    with pytest.raises(yk.InputError, match="inputs: expected FloatInputs"):
        float_epoch(subnet())  # type: ignore[arg-type]


def test_an_amount_in_alpha_is_refused() -> None:
    with pytest.raises(yk.InputError, match=r"emission: expected integers in rao, got the float 148.0"):
        float_error(subnet(), yk.Hyperparameters(), emission=148.0)  # type: ignore[arg-type]


def test_pictures() -> None:
    Figure = pytest.importorskip("matplotlib.figure").Figure  # noqa: N806
    state, h = subnet(), hyperparameters("yuma3")
    one, several = (float_error(state, h, emission=EMISSION, epochs=k, simulators=IN_NUMPY) for k in (1, 4))
    ax = one.plot(Figure().subplots(), output="incentive")
    assert len(ax.collections) == 3
    of = (one.table["simulator"] == "halving") & (one.table["output"] == "incentive")
    points = np.asarray(ax.collections[2].get_offsets())
    assert points[:, 0].tolist() == one.table["value"][of].tolist()
    assert points[:, 1].tolist() == np.abs(one.table["difference"][of]).tolist()
    ax = several.plot(Figure().subplots())
    assert [line.get_label() for line in ax.lines] == list(IN_NUMPY)
    assert np.asarray(ax.lines[2].get_ydata())[-1] == next(
        row["elsewhere"] for row in several.summary() if (row["simulator"], row["output"]) == ("halving", "emission")
    )
    ax = several.plot(Figure().subplots(), output="validator_permit")  # a logarithm has no place for nothing
    assert [line.get_label() for line in ax.lines] == [f"{name} (no difference)" for name in IN_NUMPY]
    table = several.table
    differs = (table["difference"] != 0) & (table["output"] == "incentive") & (table["simulator"] == "halving")
    same = 4 - len(set(table["epoch"][differs].tolist()))
    assert 0 < same < 4
    label = several.plot(Figure().subplots(), output="incentive").lines[2].get_label()
    assert label == f"halving (none in {same} of 4)"
    with pytest.raises(yk.InputError):
        one.plot(output="bonds")


def test_simulators_by_name() -> None:
    state, h = subnet(), hyperparameters("yuma3")
    named = float_error(state, h, emission=EMISSION, simulators=["halving", "float64"])
    given = {name: float_check.SIMULATORS[name] for name in ("halving", "float64")}
    assert named == float_error(state, h, emission=EMISSION, simulators=given)
    assert named.provenance["parameters"]["simulators"] == ["halving", "float64"]


def test_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is left out where none was named, and missed before anything is computed where it was."""
    monkeypatch.setitem(sys.modules, "torch", None)
    state, h = subnet(), hyperparameters("yuma3")
    study = float_error(state, h, emission=EMISSION)
    assert study.provenance["parameters"]["simulators"] == list(IN_NUMPY)
    assert "torch" not in study.provenance
    monkeypatch.setattr(float_check, "epoch", None)
    for simulators in (["float64", "torch"], float_check.SIMULATORS):
        with pytest.raises(ImportError, match=r"^this needs torch: pip install torch$"):
            float_error(state, h, simulators=simulators)


def test_with_torch() -> None:
    """It is there where none was named, with its version, and goes on from its own bonds as the same in NumPy does."""
    torch = pytest.importorskip("torch", reason=NO_TORCH)
    state, h = subnet(), hyperparameters("liquid, previous")
    study = float_error(state, h, emission=EMISSION, epochs=5)
    assert study.provenance["parameters"]["simulators"] == [*IN_NUMPY, "torch"]
    assert study.provenance["torch"] == torch.__version__
    assert study == FloatError(study.table, study.provenance)
    found = {(row["simulator"], row["output"]): row["elsewhere"] for row in study.summary()}
    for output in float_check.COMPARED:
        assert found["torch", output] == pytest.approx(found["halving", output], abs=2e-5), output
    assert found["torch", "emission"] > 1e-6  # of one epoch it would be less
    assert "torch" not in float_error(state, h, simulators=IN_NUMPY).provenance


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", RULES)
def test_torch_epoch_is_that_of_numpy(name: str, seed: int) -> None:
    """In float32 both are some 1e-7 apart, as each adds in its own order; by sorting, torch follows the law too."""
    pytest.importorskip("torch", reason=NO_TORCH)
    state, h = subnet(seed), hyperparameters(name)
    inputs = float_inputs(state, h, emission=EMISSION)
    numpy, torch = float_epoch(inputs.astype(np.float32), consensus="halving"), torch_floats.torch_epoch(inputs)
    assert list(torch) == list(numpy)
    for output, values in numpy.items():
        assert type(torch[output]) is np.ndarray
        assert torch[output].dtype == values.dtype
        unit = inputs.emission if output in float_check.PAID else 1
        away = np.abs(torch[output].astype(np.float64) - values.astype(np.float64)).max() / unit
        assert away <= (0 if output == "validator_permit" else 2e-6), output

    def sorting(inputs: FloatInputs) -> dict[str, Any]:
        return torch_floats.torch_epoch(inputs, consensus="sorting")

    within_a_unit(float_error(state, h, emission=EMISSION, simulators={"sorting": sorting}, outputs=float_check.ASKED))


def test_torch_epoch_by_hand() -> None:
    """Two validators with 3/4 and 1/4 of the stake; the second gives all to uid 2, of whom the first thinks 1/2."""
    pytest.importorskip("torch", reason=NO_TORCH)
    half, some = 32768, np.full(4, 5, np.uint64)
    state = yk.SubnetState(
        weights=yk.SparseRows.from_rows([[(2, half), (3, half)], [(2, 65535)], [], []]),
        bonds=yk.SparseRows.from_rows([[]] * 4),
        total_stake=yk.stake_from_rao(np.array([3, 1, 0, 0]) * 10**12),
        last_update=some * 2,
        block_at_registration=some,
        validator_permit=np.array([True, True, False, False]),
        current_block=20,
        last_mechanism_step_block=10,
    )
    h = yk.Hyperparameters(bonds_penalty=65535, bonds_moving_average=900_000, stake_threshold=0)
    outputs = torch_floats.torch_epoch(float_inputs(state, h, emission=EMISSION))
    known = {
        "validator_permit": [1, 1, 0, 0],
        "stake_weight": [3 / 4, 1 / 4, 0, 0],
        "consensus": [0, 0, 1 / 2, 1 / 2],
        "validator_trust": [1, 1 / 2, 0, 0],
        "incentive": [0, 0, 4 / 7, 3 / 7],
        "dividends": [15 / 17, 2 / 17, 0, 0],
        "bonds": [[0, 0, 0.05, 0.05], [0, 0, 0.05, 0], [0] * 4, [0] * 4],
    }
    for output, values in known.items():
        assert outputs[output].astype(float) == pytest.approx(np.array(values, float), abs=1e-5), output
    assert outputs["emission"] == pytest.approx(np.array([7500 / 17, 1000 / 17, 2000 / 7, 1500 / 7]), abs=0.01)
    kernel = yk.epoch(state, h, emission=EMISSION)
    assert kernel.dividends.tolist() == pytest.approx([65535 * 15 / 17, 65535 * 2 / 17, 0, 0], abs=2)


def test_torch_epoch_where_nobody_validates() -> None:
    pytest.importorskip("torch", reason=NO_TORCH)
    state = replace(subnet(), validator_permit=np.zeros(24, np.bool_), owner_uid=None)
    for h in (yk.Hyperparameters(), yk.Hyperparameters(yuma3=False)):
        study = float_error(state, h, emission=EMISSION, simulators=["torch"])
        assert max(row["most"] for row in study.summary()) <= EMISSION // 10**6
    with pytest.raises(yk.InputError):
        torch_floats.torch_epoch(float_inputs(state, h), consensus="guessing")  # type: ignore[arg-type]
