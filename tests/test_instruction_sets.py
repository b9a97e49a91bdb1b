"""The instruction sets of the C kernel against the portable one, on subnets too large for the reference to take often: more
than one slice of columns, full and sparse layouts, and everything that sits on a bound of docs/numerics.md."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import yuma_kernel as yk
from strategies import PROFILES
from variants import VARIANTS, arrays, computes, using
from yuma_kernel.epoch import load_backend
from yuma_kernel.profiles import MODES

SETS = [name for name in VARIANTS if name.startswith("c/") and name != "c/portable"]
ROUNDS = int(os.environ.get("YUMA_SUBNETS", "300"))

native: Any = load_backend("c")


def _rows(random: np.random.Generator, n: int, rows: int, kind: str) -> yk.SparseRows:
    values = random.choice([0, 1, 2, 100, 32767, 32768, 65534, 65535], (n, n), p=[0.2, 0.1, 0.1, 0.2, 0.1, 0.1, 0.1, 0.1])
    if random.random() < 0.5:
        values = random.integers(0, 65536, (n, n))
    if kind == "all but a few":  # and no zeros: in most columns and rows of a slice all is above 0
        values = random.integers(1, 65536, (n, n))
    if kind == "equal":
        values[:] = random.integers(1, 65536)
    if kind == "agreed":  # close to each other, so that the median has to look closely
        values = np.clip(random.integers(1, 60000, n)[None, :] + random.integers(-3, 4, (n, n)), 0, 65535)
    densities = {"full": 1.0, "all but a few": 0.99, "most": 0.9, "half": 0.5, "few": 0.05, "single": 0.0}
    density = densities.get(kind, random.random())
    there = random.random((n, n)) < density
    if kind == "single":
        there[np.arange(n), random.integers(0, max(1, n // 8), n)] = True
    if kind == "columns":  # some columns full, the others empty or nearly so
        there = random.random((n, n)) < np.where(random.random(n) < 0.3, 0.95, 0.02)[None, :]
    there[random.permutation(n)[rows:]] = False
    out = []
    shuffled = random.random() < 0.2
    for i in range(n):
        uids = np.flatnonzero(there[i])
        if shuffled and random.random() < 0.5:
            random.shuffle(uids)
        out.append([(int(j), int(values[i, j])) for j in uids])
    return yk.SparseRows.from_rows(out)


def _previous(random: np.random.Generator, n: int) -> npt.NDArray[np.int64]:
    """Of n uids, or of more or fewer, or of none; near what a consensus is, or anything, or zeros alone."""
    length = int(random.choice([0, 1, n, n, n, n + 3]))
    stored = random.integers(0, random.choice([1, 1 + 65536 // n, 65536]), length)
    return np.where(random.random(length) < 0.3, 0, stored)


KINDS = ("full", "all but a few", "most", "half", "few", "single", "columns", "equal", "agreed", "any")


def subnets(count: int) -> Iterator[tuple[yk.SubnetState, yk.Hyperparameters]]:
    for seed in range(count):
        random, later = np.random.default_rng(seed), np.random.default_rng([seed, 475])  # so that the rest stays as it was
        n = int(random.choice([1, 2, 3, 15, 16, 17, 31, 32, 33, 48, 64, 65, 100, 130]))
        rows = int(random.integers(1, n + 1))
        weights = _rows(random, n, rows, str(random.choice(KINDS)))
        bonds = weights if random.random() < 0.3 else _rows(random, n, rows, str(random.choice(KINDS)))
        stake = np.zeros(n, np.int64)
        kind = random.integers(5)
        stake[:] = np.minimum(random.pareto(0.7, n) * 1e9, 2.0**60) if kind else 1  # dust and whales, or equal
        if kind == 1:
            stake[:-1] = 0  # a lone validator
        if kind == 2:
            stake[random.random(n) < 0.7] = 0
        blocks = random.random() < 0.5
        state = yk.SubnetState(
            weights=weights,
            bonds=bonds,
            total_stake=yk.stake_from_rao(stake),
            last_update=random.integers(90, 120, n) if blocks else np.full(n, 1000),
            block_at_registration=random.integers(80, 115, n) if blocks else np.zeros(n, np.int64),
            validator_permit=random.random(n) < random.choice([0.5, 1.0]),
            current_block=110,
            last_mechanism_step_block=int(random.choice([0, 100])),
            owner_uid=None if random.random() < 0.5 else int(random.integers(n)),
            commit_block=None if random.random() < 0.5 else random.integers(80, 120, n),
            previous_consensus=_previous(later, n),
            last_yuma_step_block=None if later.random() < 0.5 else int(later.integers(90, 115)),
        )
        high = int(random.integers(65536))
        profile = int(later.choice([475, 475, 425, *PROFILES]))
        steepness = int(random.choice([-2801, -2800, -200, -1, 0, 1, 100, 200, 1000, 2799, 2800, 2801, 32767]))
        if yk.PROFILES[profile].steepness == "ones":
            steepness = int(later.choice([0, 1, 10, 28, 29, 65535]))
        yield (
            state,
            yk.Hyperparameters(
                kappa=int(random.choice([0, 1, 32767, 65534, 65535, high])),
                bonds_penalty=int(random.choice([0, 1, 30000, 65534, 65535])),
                bonds_moving_average=int(random.choice([0, 1, 900_000, 999_999, 1_000_000])),
                yuma3=bool(random.random() < 0.7),
                liquid_alpha=bool(random.random() < 0.6),
                alpha_low=int(random.choice([0, 45875, high, 65535])),
                alpha_high=int(random.choice([0, 58982, 65535])),
                alpha_sigmoid_steepness=steepness,
                max_allowed_validators=int(random.integers(0, n + 2)),
                activity_cutoff=int(random.choice([5, 5000])),
                tempo=int(random.choice([5, 360])),
                liquid_alpha_consensus_mode=MODES[int(later.integers(3))],
                profile=profile,
            ),
        )


def _as_the_reference(name: str, state: yk.SubnetState, h: yk.Hyperparameters) -> yk.EpochResult:
    """What the instruction set computes, itself, which is what the reference does."""
    with using(name):
        got = yk.epoch(state, h, emission=10**12)
    expected = yk.epoch(state, h, emission=10**12, backend="reference")
    difference = got.first_difference({output: getattr(expected, output) for output in yk.OUTPUTS})
    assert difference is None, f"kappa {h.kappa}: {difference}"
    assert computes(name, state, h)
    return got


def agrees(name: str, state: yk.SubnetState, hyperparameters: yk.Hyperparameters, seed: int) -> bool:
    """That an instruction set gives what the portable path does; whether the subnet is not idle."""
    with using("c/portable"):
        expected = yk.epoch(state, hyperparameters, emission=10**12)
    with using(name):
        got = yk.epoch(state, hyperparameters, emission=10**12)
    difference = got.first_difference({output: getattr(expected, output) for output in yk.OUTPUTS})
    assert difference is None, f"seed {seed}: {difference}"
    assert arrays(name, state, hyperparameters) == arrays("c/portable", state, hyperparameters), f"seed {seed}"
    return bool(got.dividends.any()) and bool(got.consensus.any())


@pytest.mark.parametrize("name", SETS)
def test_subnets(name: str) -> None:
    moved = 0
    for seed, (state, hyperparameters) in enumerate(subnets(ROUNDS)):
        moved += agrees(name, state, hyperparameters, seed)
    assert moved > ROUNDS // 5  # the subnets are not all idle


SHAPES = ("scattered", "uneven", "single", "concentrated", "out of order", "recorded")


def _sparse_rows(random: np.random.Generator, n: int, validators: int, shape: str) -> yk.SparseRows:
    """Rows of few uids. Concentrated: in the same eighth of the columns; recorded: as real subnets have it, most of them
    nearly full there and the others elsewhere; uneven: from empty to full."""
    columns = random.permutation(n)[: max(1, n // 8)]
    quality = random.integers(1, 65536, n)
    rows: list[list[tuple[int, int]]] = [[] for _ in range(n)]
    for i in random.permutation(n)[:validators]:
        density = random.choice([0.02, 0.1, 0.25])
        if shape == "uneven":
            density = random.random() ** 4
        chosen = np.flatnonzero(random.random(n) < density)
        if shape == "single":
            chosen = random.integers(0, n, 1)
        if shape == "concentrated" or (shape == "recorded" and random.random() < 0.8):
            chosen = np.sort(columns[random.random(columns.size) < (0.6 if shape == "concentrated" else 0.95)])
        if shape == "out of order" and random.random() < 0.6:
            chosen = random.permutation(chosen)
        values = np.clip(quality[chosen] + random.integers(-3, 4, chosen.size), 0, 65535)
        if random.random() < 0.5:
            values = random.choice([0, 1, 2, 32768, 65535, int(random.integers(65536))], chosen.size)
        rows[int(i)] = list(zip(chosen.tolist(), values.tolist(), strict=True))
    return yk.SparseRows.from_rows(rows)


def sparse_subnets(shape: str, count: int) -> Iterator[tuple[yk.SubnetState, yk.Hyperparameters]]:
    for (state, h), seed in zip(subnets(count), range(count), strict=True):
        random = np.random.default_rng([SHAPES.index(shape), seed])
        validators = int(random.integers(1, min(state.n, 20) + 1))
        weights = _sparse_rows(random, state.n, validators, shape)
        bonds = weights if random.random() < 0.3 else _sparse_rows(random, state.n, validators, shape)
        # a consensus that is not 0 of columns where few have a score
        kappa = int(random.choice([0, 1000, 5000, h.kappa]))
        yield replace(state, weights=weights, bonds=bonds), replace(h, kappa=kappa)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", SETS)
def test_sparse_shapes(name: str, shape: str) -> None:
    moved = own = 0
    for seed, (state, hyperparameters) in enumerate(sparse_subnets(shape, ROUNDS // 3)):
        moved += agrees(name, state, hyperparameters, seed)
        own += computes(name, state, hyperparameters)
    assert moved > ROUNDS // 30
    assert own > ROUNDS // 6


@pytest.mark.parametrize("kappa", [0, 1, 21844, 21845, 21846, 43689, 43690, 43691, 65534, 65535])
@pytest.mark.parametrize("name", SETS)
def test_zeros_of_a_column(name: str, kappa: int) -> None:
    """Of three validators alike one, two or three score a column: at a third the stake of the zeros is the minority."""
    columns = [[*range(10, 60)], [*range(58, 110)], [59, *range(108, 160)]]  # few enough for a sparse layout
    rows = [[(j, 1 + (7 * i + j) % 5) for j in columns[i]] if i < 3 else [] for i in range(200)]
    state = yk.SubnetState(
        weights=yk.SparseRows.from_rows(rows),
        bonds=yk.SparseRows.from_rows([[]] * 200),
        total_stake=yk.stake_from_rao(np.array([10**12] * 3 + [0] * 197)),
        last_update=np.full(200, 1000),
        block_at_registration=np.zeros(200, np.int64),
        validator_permit=np.arange(200) < 3,
        current_block=1001,
        previous_consensus=np.zeros(200, np.int64),
    )
    h = yk.Hyperparameters(kappa=kappa)
    _as_the_reference(name, state, h)


FEW = 15
"""Validators alike: m of them have m * 4369 / 65535 of the stake, rounded down as the law does it."""


def _few_columns(random: np.random.Generator, ordered: bool, without: int) -> yk.SubnetState:
    """Of FEW validators m score column 10 * m, but for m = `without`; what else they score and hold is scattered: few
    entries stand in columns with a consensus. Weights of 0, bonds without weights, rows of one weight and of about 16."""
    n = 400
    scored = {10 * m: set(random.permutation(FEW)[:m].tolist()) for m in range(1, FEW + 1) if m != without}
    weights: list[list[tuple[int, int]]] = [[] for _ in range(n)]
    bonds: list[list[tuple[int, int]]] = [[] for _ in range(n)]
    for i in range(FEW):
        # their lengths: one each of 16 entries and its neighbours, the others as they come
        more = {0: 15, 1: 16, 2: 17, 3: 31, 4: 32, 5: 33}.get(i, int(random.integers(18, 40)))
        own = [j for j, who in scored.items() if i in who]
        others = random.choice(np.setdiff1d(np.arange(200, n), own), max(0, more - len(own)), replace=False).tolist()
        values = random.choice([0, 1, 2, 32768, 65535], len(others), p=[0.3, 0.1, 0.1, 0.2, 0.3])
        weights[i] = [(j, int(random.integers(1, 65536))) for j in own] + list(zip(others, values.tolist(), strict=True))
        held = random.choice(n, 30, replace=False).tolist() + own[: len(own) // 2]
        bonds[i] = [(j, int(random.choice([0, 1, 2, 40000, 65535]))) for j in dict.fromkeys(held)]
        if random.random() < 0.3:
            bonds[i] = [(j, 7 + j) for j, _ in weights[i]]
    weights[6] = [(150, 3)]  # a weight of ONE
    for row in [*weights, *bonds]:
        random.shuffle(row)
        if ordered:
            row.sort()
    late = random.random(n) < 0.1
    return yk.SubnetState(
        weights=yk.SparseRows.from_rows(weights),
        bonds=yk.SparseRows.from_rows(bonds),
        total_stake=yk.stake_from_rao(np.where(np.arange(n) < FEW, 10**12, 0)),
        last_update=np.full(n, 1000),
        block_at_registration=np.where(late, 950, 10),  # where a bond is outdated
        validator_permit=np.arange(n) <= FEW,
        current_block=1001,
        last_mechanism_step_block=900,
        previous_consensus=np.zeros(n, np.int64),
    )


@pytest.mark.parametrize("penalty", [0, 1, 32768, 65535])
@pytest.mark.parametrize("rules", ["yuma2", "yuma3", "liquid", "zeros before", "ones before"])
@pytest.mark.parametrize("name", SETS)
def test_few_columns(name: str, rules: str, penalty: int) -> None:
    """A consensus above 0 in no column, in one, in those of exactly the stake that is enough, in all with a score."""
    numbers = set()
    for seed, kappa in enumerate([0, 1, 4369, 4370, 34951, 34952, 34953, 61166, 61167, 65534, 65535, 65535]):
        random = np.random.default_rng([seed, penalty])
        state = _few_columns(random, seed % 3 != 0, FEW if seed == 11 else 7)
        if rules == "ones before":
            state = replace(state, previous_consensus=np.where(np.arange(state.n) % 7 == 3, 65535, 0))
        h = yk.Hyperparameters(
            kappa=kappa,
            bonds_penalty=penalty,
            bonds_moving_average=[900_000, 1_000_000, 0][seed % 3],
            yuma3=rules != "yuma2",
            liquid_alpha=rules in ("liquid", "zeros before", "ones before"),
            liquid_alpha_consensus_mode="current" if rules == "liquid" else "previous",
            max_allowed_validators=FEW + 1,
        )
        got = _as_the_reference(name, state, h)
        numbers.add(int((got.consensus > 0).sum()))
    assert {0, 1} <= numbers
    assert max(numbers) > 100


def _half_columns(random: np.random.Generator, bonds: str, ordered: bool) -> yk.SubnetState:
    """Of FEW validators j % FEW score column j: as many entries as a full layout takes. Nobody has bonds, or everybody where
    his weights are, or most have some in a few columns, of which nobody scores one in two ("elsewhere")."""
    n, first = 90, 20  # validators among the columns, with weights to themselves
    weights: list[list[tuple[int, int]]] = [[] for _ in range(n)]
    held: list[list[tuple[int, int]]] = [[] for _ in range(n)]
    for j in range(n):
        for i in random.permutation(FEW)[: j % FEW].tolist():
            weights[first + i].append((j, int(random.choice([0, 1, 300, 65535], p=[0.02, 0.3, 0.38, 0.3]))))
    for i in range(FEW):
        if bonds == "weights":
            held[first + i] = [(j, int(random.integers(65536))) for j, _ in weights[first + i]]
        if bonds == "elsewhere":
            held[first + i] = [(j, int(random.integers(65536))) for j in (0, 15, 30, 31) if random.random() < 0.7]
        if not ordered:
            random.shuffle(weights[first + i])
    validates = (np.arange(n) >= first) & (np.arange(n) < first + FEW)
    return yk.SubnetState(
        weights=yk.SparseRows.from_rows(weights),
        bonds=yk.SparseRows.from_rows(held),
        total_stake=yk.stake_from_rao(np.where(validates, 10**12, 0)),
        last_update=np.where(np.arange(n) == first + 3, 940, 1000),  # who has not seen the late ones
        block_at_registration=np.where(np.arange(n) % 17 == 5, 950, 10),
        validator_permit=validates,
        current_block=1001,
        last_mechanism_step_block=900,
        owner_uid=first + 1,
        previous_consensus=np.where(np.arange(n) % 7 == 3, 65535, 0),
    )


@pytest.mark.parametrize("bonds", ["none", "weights", "elsewhere"])
@pytest.mark.parametrize("penalty", [0, 32768, 65535])
@pytest.mark.parametrize("rules", ["yuma2", "yuma3", "liquid", "before"])
@pytest.mark.parametrize("name", SETS)
def test_columns_of_a_full_layout(name: str, rules: str, penalty: int, bonds: str) -> None:
    """Those with exactly the stake that is enough, with less and with more; with bonds alone; none at all."""
    numbers = set()
    for seed, kappa in enumerate([0, 1, 4369, 4370, 34951, 34952, 34953, 56797, 61165, 61166, 61167, 65534, 65535]):
        state = _half_columns(np.random.default_rng(seed), bonds, rules in ("liquid", "before") or seed % 2 == 0)
        h = yk.Hyperparameters(
            kappa=kappa,
            bonds_penalty=penalty,
            yuma3=rules != "yuma2",
            liquid_alpha=rules in ("liquid", "before"),
            liquid_alpha_consensus_mode="previous" if rules == "before" else "current",
        )
        got = _as_the_reference(name, state, h)
        numbers.add(int((got.consensus > 0).sum()))
    assert 0 in numbers
    assert max(numbers) > 70


@pytest.mark.parametrize("name", SETS)
def test_who_computes(name: str) -> None:
    """A set computes what is asked of it, but for the inputs that csrc/yuma.h names."""
    own = others = 0
    for seed, (state, h) in enumerate(subnets(ROUNDS)):
        steepness = abs(h.alpha_sigmoid_steepness) * (100 if h.rules.steepness == "ones" else 1)
        liquid = h.yuma3 and h.rules.yuma3 and h.liquid_alpha
        outside = liquid and steepness > 2800
        outside |= h.liquid_alpha and h.rules.liquid_alpha == "column"
        if computes(name, state, h):
            own += 1
            assert not (liquid and steepness > 2800), f"seed {seed}"
            assert not (h.liquid_alpha and h.rules.liquid_alpha == "column"), f"seed {seed}"
        else:
            others += 1
            empty = state.weights.uid.size + state.bonds.uid.size == 0
            no_permit = not state.validator_permit.any() and state.bonds.uid.size == 0
            assert outside or empty or no_permit, f"seed {seed}: {state} {h}"
    assert own > others > 0


def _run(environment: str) -> subprocess.CompletedProcess[str]:
    program = "import yuma_kernel.kernel.native as k; print(k.selected_instruction_set(), *k.instruction_sets())"
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "YUMA_KERNEL_ISA": environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_environment() -> None:
    sets = native.instruction_sets()
    assert sets[0] == "portable"
    assert _run("").stdout.split() == [sets[-1], *sets]
    for name in sets:
        assert _run(name).stdout.split() == [name, *sets]
    assert _run("portable, " + sets[-1]).stdout.split()[0] == sets[-1]
    unknown = _run("mmx")
    assert unknown.returncode != 0
    assert "YUMA_KERNEL_ISA" in unknown.stderr


def test_selection() -> None:
    before = native.selected_instruction_set()
    with pytest.raises(yk.InputError) as caught:
        native.select_instruction_sets(["portable", "sse9"])
    assert caught.value.field == "YUMA_KERNEL_ISA"
    assert native.selected_instruction_set() == before
    with using("c/portable"):
        assert native.selected_instruction_set() == "portable"
    native.select_instruction_sets()
    assert native.selected_instruction_set() == native.instruction_sets()[-1]
    native.select_instruction_sets([before])
