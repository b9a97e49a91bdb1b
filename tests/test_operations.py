"""The primitives of each backend: against the chain's own results, and against the reference at the edges."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import strategies
import yuma_kernel as yk
from chain import OPERATIONS, operations
from primitives import PRIMITIVES, REFERENCE

LISTS = {"median_col": (1, 2), "topk": (1,), "upscale16": (0,)}
"""By operation, which operands are lists."""


def _operands(operation: str, texts: list[str]) -> list[Any]:
    lists = LISTS.get(operation, ())
    return [_integers(text) if k in lists else int(text) for k, text in enumerate(texts)]


def _integers(text: str) -> list[int]:
    return [int(item) for item in text.split(",")] if text else []


@pytest.fixture(scope="module")
def table() -> dict[str, list[tuple[list[str], str]]]:
    return operations()


def test_every_backend_and_operation_is_here(backends: list[str], table: dict[str, list[tuple[list[str], str]]]) -> None:
    assert PRIMITIVES.keys() == yk.BACKENDS.keys()
    assert all(PRIMITIVES[name]().keys() == table.keys() for name in backends)
    assert sum(map(len, table.values())) == OPERATIONS


@pytest.mark.parametrize("operation", REFERENCE)
def test_chain(backend: str, operation: str, table: dict[str, list[tuple[list[str], str]]]) -> None:
    compute = PRIMITIVES[backend]()[operation]
    wrong = []
    for texts, result in table[operation]:
        operands = _operands(operation, texts)
        expected = _integers(result) if operation in ("topk", "upscale16") else int(result)
        got = compute(*operands)
        if got != expected:
            wrong.append((operands, expected, got))
    assert wrong == []


near = strategies.i64(0, 1, 2**32, -(2**32), 20 << 32, 65535 << 32, 11674931200)
i128 = strategies.integers(-(2**127), 2**127 - 1, 0, 1, 2**63, 2**64, 2**95, 2**96, 2**126, -(2**126))
u64 = strategies.u64

OPERANDS: dict[str, tuple[st.SearchStrategy[Any], ...]] = {
    **dict.fromkeys(("mul", "div", "add", "sub", "cmul"), (near, near)),
    "sdiv": (near, near.filter(bool)),
    **dict.fromkeys(("to_u16", "exp"), (near,)),
    "div64": (i128, i128),
    "f64to32": (i128,),
    "u16_prop": (strategies.u16,),
    "sigmoid": (near, near, near, strategies.integers(0, 2**32), strategies.integers(0, 2**32), near),
    "emit": (near, u64),
    "alpha_ema": (strategies.integers(0, 1_000_000),),
    "topk": (st.integers(0, 14), st.lists(strategies.integers(0, 2**32, 1, 2), min_size=1, max_size=12)),
    "upscale16": (st.lists(strategies.u16, max_size=6),),
}


@pytest.mark.parametrize("operation", OPERANDS)
def test_edges(compiled: str, operation: str) -> None:
    compute, expected = PRIMITIVES[compiled]()[operation], REFERENCE[operation]

    @settings(max_examples=500, deadline=None)
    @given(st.tuples(*OPERANDS[operation]))
    def agrees(operands: tuple[Any, ...]) -> None:
        assert compute(*operands) == expected(*operands)

    agrees()


def test_edges_cover_every_operation() -> None:
    assert REFERENCE.keys() - OPERANDS.keys() == {"median_col"}  # it is in test_median


@pytest.mark.parametrize("operation", ["mul", "cmul", "emit", "div", "sdiv", "to_u16"])
def test_where_a_rounding_decides(compiled: str, operation: str) -> None:
    compute, expected = PRIMITIVES[compiled]()[operation], REFERENCE[operation]
    pairs = strategies.solved_quotients() if operation in ("div", "sdiv") else strategies.solved_products()
    signs = st.sampled_from([1] if operation == "emit" else [-1, 1])

    @settings(max_examples=500, deadline=None)
    @given(pairs, signs, signs)
    def agrees(pair: tuple[int, int], sign: int, other: int) -> None:
        a, b = pair[0] * sign, pair[1] * other
        if operation == "to_u16":
            a = (a % 65536 * 2**32 + 65534) // 65535  # the smallest that is stored as that
            assert compute(a) == expected(a)
            assert compute(a - 1) == expected(a - 1)
            return
        assert compute(a, b) == expected(a, b)
        if operation == "emit":
            assert compute(a, b + 2**63) == expected(a, b + 2**63)

    agrees()


def test_exp_where_its_sum_is_a_power_of_two(backend: str) -> None:
    """There 2^64 / sum leaves no remainder, the edge of any shortcut for that quotient; e^a = 2^k is near a = k ln 2."""
    compute = PRIMITIVES[backend]()["exp"]
    exact = 0
    for power in range(1, 29):
        middle = round(power * math.log(2) * 2**32)
        for a in range(middle - 200, middle + 200):
            total = REFERENCE["exp"](a)
            assert compute(-a) == 2**64 // total, a
            exact += total == 2 ** (32 + power)
    assert exact > 0
