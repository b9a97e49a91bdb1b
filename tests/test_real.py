"""The real subnets beside the project, on every backend: what the chain's own code computes for them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import yuma_kernel as yk
from variants import using

SERIES_EPOCHS = 100


def test_recorded_epoch(variant: str, shared_data: Path) -> None:
    snapshot = yk.load(shared_data / "sn31_block3621600.npz")
    got = yk.epoch(snapshot.state, snapshot.hyperparameters, emission=snapshot.emission, backend=variant.partition("/")[0])
    assert snapshot.expected is not None
    assert set(snapshot.expected) == set(yk.OUTPUTS)
    assert got.first_difference(snapshot.expected) is None


@pytest.mark.parametrize("name", ["sn15_block4769998.npz", "sn1_block6852344.npz"])
@pytest.mark.parametrize("rules", [{"yuma3": False}, {"yuma3": True}, {"yuma3": True, "liquid_alpha": True}])
def test_backends_agree(variants: list[str], shared_data: Path, name: str, rules: dict[str, bool]) -> None:
    snapshot = yk.load(shared_data / name)
    hyperparameters = yk.Hyperparameters(**{**vars(snapshot.hyperparameters), **rules})
    results = []
    for variant in variants:
        with using(variant) as backend:
            results.append(yk.epoch(snapshot.state, hyperparameters, emission=snapshot.emission, backend=backend))
    assert len(results) > 1
    assert all(result == results[0] for result in results)
    assert results[0].incentive.any()


def test_consensus_that_the_chain_published(variant: str, shared_data: Path) -> None:
    """Subnet 1 as recorded from the network, not from a run of the chain's code."""
    snapshot = yk.load(shared_data / "sn1_block6852344.npz")
    said = snapshot.meta["chain_said"]
    got = yk.epoch(snapshot.state, snapshot.hyperparameters, backend=variant.partition("/")[0])
    assert got.consensus[395] == said["consensus_of_uid_395"]
    assert got.incentive[395] == said["incentive_of_uid_395"]


def test_series(variant: str, shared_data: Path) -> None:
    """100 epochs of subnet 31; each starts from the bonds that the one before it stored."""
    with np.load(shared_data / "sn31_series.npz") as series:
        data = {name: series[name] for name in series.files}
    rules = json.loads(str(data["meta"]))["hyperparameters"]
    assert (rules.pop("current_block"), rules.pop("owner_uid")) == ("blocks[t]", -1)
    emission, last_step = rules.pop("emission"), rules.pop("last_mechanism_step_block")
    hyperparameters = yk.Hyperparameters(**rules)
    bonds = yk.SparseRows.empty(256)
    earned = 0
    for t, block in enumerate(data["blocks"]):
        weights = np.where(data["has_row"][t][:, None], data["weights"][t], 0)
        state = yk.SubnetState(
            weights=yk.SparseRows.from_dense(weights),
            bonds=bonds,
            total_stake=yk.stake_from_rao(data["stake_rao"]),
            last_update=data["last_update"][t],
            block_at_registration=data["block_at_registration"][t],
            validator_permit=data["validator_permit"][t],
            current_block=block,
            last_mechanism_step_block=last_step,
        )
        got = yk.epoch(state, hyperparameters, emission=emission, backend=variant.partition("/")[0])
        expected = {name: data[f"expect_{name}"][t] for name in ("consensus", "incentive", "dividends", "validator_trust")}
        difference = got.first_difference(expected)
        assert difference is None, f"epoch {t}: {difference}"
        earned += bool(got.dividends.any())
        bonds = got.bonds
    assert len(data["blocks"]) == SERIES_EPOCHS
    assert earned > SERIES_EPOCHS // 2
