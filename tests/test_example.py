"""The bundled example is what its generator makes, shows what it claims to, and every backend computes what it expects."""

from __future__ import annotations

import importlib.util
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import yuma_kernel as yk

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
BUNDLED = Path(yk.__file__).parent / "data" / "example.npz"  # of the package under test, not of the checkout


@pytest.fixture(scope="module")
def generator() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("make_example", EXAMPLES / "make_example.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_example"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["make_example"]


@pytest.fixture(scope="module")
def example() -> yk.Snapshot:
    return yk.load(BUNDLED)


def test_file_is_what_the_generator_makes(generator: ModuleType, example: yk.Snapshot, backend: str, tmp_path: Path) -> None:
    made = generator.snapshot(backend)
    assert made == example
    for name, snapshot in (("made", made), ("loaded", example)):
        yk.save(tmp_path / name, snapshot)
    assert (tmp_path / "made").read_bytes() == (tmp_path / "loaded").read_bytes()


def test_random_is_splitmix64(generator: ModuleType) -> None:
    random = generator.Random(0)
    # the first outputs for the seed 0, as published with the algorithm
    assert [random.below(2**64) for _ in range(3)] == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert {random.below(3) for _ in range(100)} == {0, 1, 2}
    assert sorted(random.shuffled(256)) == list(range(256))


def test_results_are_as_expected(example: yk.Snapshot, backend: str) -> None:
    assert example.expected is not None
    assert set(example.expected) == set(yk.OUTPUTS)
    result = yk.epoch(example.state, example.hyperparameters, emission=example.emission, backend=backend)
    assert result.first_difference(example.expected) is None


def test_shape(example: yk.Snapshot) -> None:
    """Everything that the example is there to show does occur in it."""
    state = example.state
    result = yk.epoch(state, example.hyperparameters, emission=example.emission)
    assert (state.n, example.emission, example.hyperparameters.yuma3) == (256, 148_000_000_000, True)
    rows = state.weights.to_rows()
    validators = [uid for uid, row in enumerate(rows) if row]
    assert len(validators) == 64
    assert all(len(rows[uid]) == 255 and max(value for _, value in rows[uid]) == 65535 for uid in validators)
    assert np.flatnonzero(state.validator_permit).tolist() == validators
    assert any(row != sorted(row) for row in rows), "rows in the order in which they were sent"
    assert any(value == 0 for row in rows for _, value in row), "explicit zeros"
    assert sum(map(bool, state.bonds.to_rows())) > 55, "bonds are warm"

    inactive = ~result.active & state.validator_permit
    assert 0 < inactive.sum() < 8
    assert state.owner_uid in validators
    assert state.commit_block is not None
    assert 0 < sum(block != 2**64 - 1 for block in state.commit_block.tolist()) < 64
    masked = sum(
        int(state.last_update[uid]) <= int(state.block_at_registration[other])
        for uid in validators
        for other, _ in rows[uid]
    )
    assert masked > 100, "weights older than the miner they are for"
    outdated = state.block_at_registration >= state.last_mechanism_step_block + 1
    assert outdated.any(), "bonds older than the miner they are for"

    changed = np.flatnonzero(result.validator_permit != state.validator_permit)
    assert changed.size == 2, "one permit is lost, one is won"
    assert (state.total_stake[:, 0] != 0).any(), "stake with a fraction"
    # a good miner earns a thousand times what the least of those who earn does
    earned = sorted(incentive for incentive in result.incentive.tolist() if incentive)
    assert earned[-1] > 2000
    assert earned[0] < 3
    assert len(earned) > 150
    assert 0.99 * example.emission < int(result.emission.sum()) <= example.emission


def test_it_says_that_it_is_synthetic(example: yk.Snapshot) -> None:
    assert example.meta["network"] == "synthetic"
    assert "make_example.py" in example.meta["source"]
    assert "not the chain" in example.meta["computed"]


def test_check_mode(
    generator: ModuleType,
    example: yk.Snapshot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(generator, "PATH", tmp_path / "example.npz")
    monkeypatch.setattr(generator, "snapshot", lambda backend: example)
    assert generator.main([]) == 0
    assert yk.load(tmp_path / "example.npz") == example
    assert generator.main(["--check"]) == 0
    assert capsys.readouterr().err == ""
    other = yk.Snapshot(example.state, example.hyperparameters, example.emission + 1, example.expected, example.meta)
    yk.save(tmp_path / "example.npz", other)
    assert generator.main(["--check"]) == 1
    assert "not what this program makes" in capsys.readouterr().err


def test_quickstart(capsys: pytest.CaptureFixture[str]) -> None:
    names = runpy.run_path(str(EXAMPLES / "quickstart.py"))
    assert capsys.readouterr().out.count("\n") == 5
    result = names["result"]
    reference = yk.epoch(names["state"], yk.Hyperparameters(), emission=148_000_000_000, backend="reference")
    assert result == reference
    assert result.incentive[2] > result.incentive[3] > result.incentive[4] == 0
