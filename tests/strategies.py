"""Hypothesis strategies for subnets and hyperparameters, biased to the edges, which plain integer strategies miss."""

from __future__ import annotations

import contextlib
import os
from typing import Any

import numpy as np
from hypothesis import strategies as st

import yuma_kernel as yk
from yuma_kernel.epoch import load_backend

U16_MAX, U64_MAX = 2**16 - 1, 2**64 - 1


def _computed_by_all() -> list[int]:
    """The profiles of YUMA_PROFILES, or all, as far as every backend computes them."""
    chosen = os.environ.get("YUMA_PROFILES")
    profiles = set(map(int, chosen.split())) if chosen else set(yk.PROFILES)
    for name in yk.BACKENDS:
        with contextlib.suppress(yk.BackendUnavailable):
            profiles &= load_backend(name).PROFILES
    return sorted(profiles)


PROFILES = _computed_by_all()

EDGES = sorted(
    {
        max(0, 2**power + step)
        for power in (0, 1, 8, 15, 16, 23, 31, 32, 33, 47, 48, 52, 53, 61, 62, 63, 64)
        for step in (-2, -1, 0, 1, 2)
    }
)


def integers(low: int, high: int, *edges: int) -> st.SearchStrategy[int]:
    """low..high; often the bounds, the given edges, and the places where widths and signs change."""
    marked = sorted({low, high, *(e for e in edges if low <= e <= high)})
    widths = [e for e in (*EDGES, *(-e for e in EDGES)) if low <= e <= high]
    anywhere = st.integers(low, high)
    return st.one_of(st.sampled_from(marked), st.sampled_from(widths), anywhere) if widths else anywhere


def i64(*edges: int) -> st.SearchStrategy[int]:
    return integers(-(2**63), 2**63 - 1, *edges)


u16 = integers(0, U16_MAX, 1, 2, 32767, 32768, 32769, 65534)
u64 = integers(0, U64_MAX)


any_profile = st.one_of(st.sampled_from(PROFILES[-2:]), st.sampled_from(PROFILES))


@st.composite
def hyperparameters(draw: st.DrawFn, max_n: int = 12, profiles: st.SearchStrategy[int] = any_profile) -> yk.Hyperparameters:
    """Any hyperparameters; max_allowed_validators near the number of uids as often as far from it."""
    profile = draw(profiles)
    hundredths = integers(-(2**15), 2**15 - 1, -1, 0, 1, 100, 1000, 4000, 4001, 4177, 4178)
    ones = integers(0, U16_MAX, 1, 10, 28, 29, 40, 41, 42)
    values: dict[str, Any] = {
        "kappa": draw(u16),
        "bonds_penalty": draw(u16),
        "bonds_moving_average": draw(integers(0, 1_000_000, 1, 500_000, 900_000, 999_999)),
        "yuma3": draw(st.booleans()),
        "liquid_alpha": draw(st.booleans()),
        "alpha_low": draw(u16),
        "alpha_high": draw(u16),
        "alpha_sigmoid_steepness": draw(ones if yk.PROFILES[profile].steepness == "ones" else hundredths),
        "max_allowed_validators": draw(st.one_of(st.integers(0, max_n + 1), u16)),
        "stake_threshold": draw(st.one_of(st.just(0), st.integers(0, 2000), u64)),
        "tempo": draw(st.one_of(st.integers(0, 20), u64)),
        "activity_cutoff": draw(st.one_of(st.integers(0, 20), u64)),
        "commit_reveal": draw(st.booleans()),
        "liquid_alpha_consensus_mode": draw(st.sampled_from(["current", "previous", "auto"])),
        "profile": profile,
    }
    return yk.Hyperparameters(**values)


@st.composite
def rows(draw: st.DrawFn, n: int, present: st.SearchStrategy[bool]) -> list[list[tuple[int, int]]]:
    """n rows in any order, with zeros, equal values and gaps."""
    value = draw(st.sampled_from([u16, st.integers(0, 3), st.just(0), st.just(65535), st.sampled_from([0, 1, 65535])]))
    out: list[list[tuple[int, int]]] = []
    for _ in range(n):
        if not draw(present):
            out.append([])
            continue
        uids = draw(st.lists(st.integers(0, n - 1), unique=True, max_size=n))
        if draw(st.booleans()):
            uids.sort()
        out.append([(uid, draw(value)) for uid in uids])
    return out


@st.composite
def total_stakes(draw: st.DrawFn, n: int) -> list[int]:
    """I64F64 bits with a sum below 2^127: none, equal, one whale, dust below a rao, or anything."""
    kind = draw(st.sampled_from(["none", "equal", "whale", "dust", "small", "any"]))
    most = (2**127 - 1) // n
    if kind == "none":
        return [0] * n
    if kind == "equal":
        return [draw(integers(1, most, 2**64))] * n
    if kind == "whale":
        stakes = [draw(st.integers(0, 2**66)) for _ in range(n)]
        stakes[draw(st.integers(0, n - 1))] = most
        return stakes
    if kind == "dust":
        return [draw(st.integers(0, 3)) for _ in range(n)]
    if kind == "small":
        return [draw(st.integers(0, 2000)) << 64 for _ in range(n)]
    return [draw(integers(0, most, 2**64 - 1, 2**64, 2**96, 2**126)) for _ in range(n)]


@st.composite
def previous_consensus(draw: st.DrawFn, n: int) -> list[int]:
    """Nothing, zeros alone, or any; shorter than n, of n, or longer."""
    item = draw(st.sampled_from([st.just(0), st.sampled_from([0, 0, 65535]), u16]))
    return draw(st.one_of(st.just([]), st.lists(item, min_size=n, max_size=n), st.lists(item, max_size=n + 3)))


@st.composite
def states(draw: st.DrawFn, max_n: int = 12) -> yk.SubnetState:
    """Any subnet of up to max_n uids; blocks close together, so that both sides of every mask occur, or anywhere."""
    n = draw(integers(1, max_n))
    close = st.integers(100, 110)
    block = draw(st.sampled_from([close, close, u64]))
    blocks = st.lists(block, min_size=n, max_size=n)
    never = draw(st.sampled_from([st.just(0), block]))
    stakes = draw(total_stakes(n))
    mostly = st.sampled_from([True, True, True, False])
    return yk.SubnetState(
        weights=yk.SparseRows.from_rows(draw(rows(n, mostly))),
        bonds=yk.SparseRows.from_rows(draw(rows(n, mostly))),
        total_stake=np.array([(bits & U64_MAX, bits >> 64) for bits in stakes], np.uint64),
        last_update=draw(blocks),
        block_at_registration=draw(st.lists(never, min_size=n, max_size=n)),
        validator_permit=draw(st.lists(mostly, min_size=n, max_size=n)),
        current_block=draw(block),
        last_mechanism_step_block=draw(st.one_of(st.just(0), block)),
        owner_uid=draw(st.one_of(st.none(), st.integers(0, n - 1))),
        previous_consensus=draw(previous_consensus(n)),
        last_yuma_step_block=draw(st.one_of(st.none(), block)),
        commit_block=draw(st.one_of(st.none(), st.lists(st.one_of(block, st.just(U64_MAX)), min_size=n, max_size=n))),
    )


emissions = integers(0, U64_MAX, 1, 10**9, 148_000_000_000, 2**53 + 1)


# -- where a rounding decides: operands that are solved for, not drawn ------------------------------------------------------

lefts = st.sampled_from([-2, -1, -1, 0, 1, 1, 2])
"""What a product leaves modulo 2^32, or a quotient modulo its divisor: a step that is off by one tells about 0."""


def solved_factor(a: int, left: int, modulus: int = 2**32) -> int:
    """b in [0, modulus) with a·b ≡ left; a is a unit."""
    return pow(a, -1, modulus) * left % modulus


@st.composite
def solved_products(draw: st.DrawFn) -> tuple[int, int]:
    """Two proportions below ONE, whose product leaves next to nothing, or next to all, modulo 2^32."""
    a = draw(integers(0, 2**32 - 1)) | 1
    pair = a, solved_factor(a, draw(lefts))
    return pair if draw(st.booleans()) else pair[::-1]


@st.composite
def solved_quotients(draw: st.DrawFn, most: int = 2**62) -> tuple[int, int]:
    """0 <= x < s, whose quotient x·2^32 / s leaves next to nothing, or next to all, modulo s; s is odd."""
    s = draw(integers(1, most, 2**31, 2**46, 2**47)) | 1
    return solved_factor(2**32 % s, draw(lefts), s) if s > 1 else 0, s


def _spread(rest: int, count: int) -> list[int]:
    """`count` numbers nearly alike with this sum."""
    return [rest // count + (k < rest % count) for k in range(count)]


@st.composite
def solved_values(draw: st.DrawFn, count: int) -> list[int]:
    """`count` >= 3 stored values, of which one, v, leaves as little as v·2^32 modulo their sum."""
    lowest = draw(st.integers(65537, count * 40_000))
    left = draw(lefts)
    for sum_ in range(lowest | 1, (lowest | 1) + 400, 2):
        v = solved_factor(2**32, left, sum_)
        if v <= U16_MAX and v <= sum_ and -(-(sum_ - v) // (count - 1)) <= U16_MAX:
            values = _spread(sum_ - v, count - 1)
            values.insert(draw(st.integers(0, count - 1)), v)
            return values
    return draw(st.lists(u16, min_size=count, max_size=count))


@st.composite
def solved_states(draw: st.DrawFn, max_n: int = 12) -> yk.SubnetState:
    """Full matrices: the rows of the weights and the columns of the bonds solved, and the shares of the stake."""
    n = draw(st.integers(4, max_n))
    weights = []
    for i in range(n):
        others = [j for j in range(n) if j != i]  # the diagonal does not count
        weights.append(list(zip(others, draw(solved_values(n - 1)), strict=True)))
    columns = [draw(solved_values(n)) for _ in range(n)]
    total = draw(integers(2**70, 2**127 - 1)) | 1
    whale = solved_factor(2**64, draw(lefts), total)
    stakes = _spread(total - whale, n - 1)
    stakes.insert(draw(st.integers(0, n - 1)), whale)
    return yk.SubnetState(
        weights=yk.SparseRows.from_rows(weights),
        bonds=yk.SparseRows.from_rows([[(j, columns[j][i]) for j in range(n)] for i in range(n)]),
        total_stake=np.array([(bits & U64_MAX, bits >> 64) for bits in stakes], np.uint64),
        last_update=[100] * n,
        block_at_registration=[0] * n,
        validator_permit=[True] * n,
        current_block=110,
        last_mechanism_step_block=100,
        previous_consensus=draw(previous_consensus(n)),
        last_yuma_step_block=None,
    )
