"""Subnets that a chain can have stored: the bundled example, generated ones, a real one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
from hypothesis import strategies as st

import strategies as sts
import yuma_kernel as yk

Stakes = tuple[list[int], list[int]]
TAO_WEIGHT = 3_320_413_933_267_719_290  # 0.18, as the main network has it
W = (TAO_WEIGHT << 32) // (2**64 - 1)


def whole(snapshot: yk.Snapshot) -> Stakes:
    """Alpha and TAO of which TAO_WEIGHT makes these stakes: the fractions say how much TAO it takes at least."""
    alpha, tao = [], []
    for low, high in snapshot.state.total_stake.tolist():
        assert low % 2**32 == 0
        tao.append((low >> 32) * pow(W, -1, 2**32) % 2**32)
        alpha.append(high - (tao[-1] * W >> 32))
    assert yk.total_stake_bits(alpha, tao, TAO_WEIGHT).tolist() == snapshot.state.total_stake.tolist()
    return alpha, tao


def stored(snapshot: yk.Snapshot, block: int, spec: int = 424, **rules: Any) -> yk.Snapshot:
    """The snapshot as a runtime would have it after `block`: without what its storage has no place for."""
    state = replace(snapshot.state, current_block=block + 1)
    if spec < 475:
        state = replace(state, last_yuma_step_block=None)
    if spec < 452:
        state = replace(state, previous_consensus=None)
        rules = {"profile": 425, "liquid_alpha_consensus_mode": "auto", **rules}
    return yk.Snapshot(state, replace(snapshot.hyperparameters, **rules), snapshot.emission, snapshot.expected)


@st.composite
def subnets(draw: st.DrawFn, spec: int, max_n: int = 8) -> tuple[yk.Snapshot, Stakes, int, int]:
    """A snapshot, its stakes and the weight of TAO, and the factor of the activity cutoff, as a chain can have them."""
    state = draw(sts.states(max_n))
    rules = draw(sts.hyperparameters(max_n, st.just(475 if spec >= 452 else 425)))
    n = state.n
    most = 2**62 // n
    alpha = draw(st.lists(sts.integers(0, most), min_size=n, max_size=n))
    tao = draw(st.lists(sts.integers(0, most), min_size=n, max_size=n))
    weight = draw(sts.u64)
    tempo = draw(sts.integers(0, 65535))
    if spec >= 423:
        factor = draw(sts.integers(0, 2**32 - 1))
        cutoff = max(1, factor * tempo // 1000)
    else:
        factor, cutoff = 0, draw(sts.integers(0, 65535))
    commit = state.commit_block
    if not rules.commit_reveal or commit is None or (commit == 2**64 - 1).all():
        commit = None
    late: dict[str, Any] = {"previous_consensus": None, "last_yuma_step_block": None}
    mode: Literal["current", "previous", "auto"] = "auto"
    if spec >= 475:
        late["last_yuma_step_block"] = draw(st.none() | sts.u64)
    if spec >= 452:
        late["previous_consensus"] = np.array(draw(st.lists(sts.u16, max_size=n + 2)), np.uint16)
        mode = draw(st.sampled_from(["current", "previous", "auto"]))
    state = replace(
        state,
        total_stake=yk.total_stake_bits(alpha, tao, weight),
        current_block=draw(sts.integers(1, 2**32 - 1)),
        commit_block=commit,
        **late,
    )
    rules = replace(rules, tempo=tempo, activity_cutoff=cutoff, liquid_alpha_consensus_mode=mode)
    emission = draw(sts.integers(0, 2**64 - 1))
    return yk.Snapshot(state, rules, emission), (alpha, tao), weight, factor
