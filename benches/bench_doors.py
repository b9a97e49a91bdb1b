"""The ways in, from arrays and lists as callers have them to what the kernel takes, also as multiples of the epoch of that
shape (Yuma 3, the default instruction set)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from shapes import EMISSION, SHAPES, Shape, hyperparameters, subnet

import yuma_kernel as yk
from conftest import Measure

DOORS = (SHAPES[0], Shape(512, 64, 1), SHAPES[2])


@functools.cache
def calls(shape: Shape) -> dict[str, Callable[[], object]]:
    state = subnet(shape)
    weights, n = state.weights, shape.n
    indptr, uid, value = (np.array(part) for part in (weights.indptr, weights.uid, weights.value))
    shuffle = np.random.default_rng(n)
    order = np.concatenate([shuffle.permutation(np.arange(a, b)) for a, b in pairwise(indptr)])
    dense, validators = weights.to_dense(), np.arange(shape.validators)
    pairs, arrays = weights.to_rows(), [(np.array(own), np.array(their)) for own, their in weights]
    mappings = [dict(row) for row in pairs]
    own = ("total_stake", "last_update", "block_at_registration", "validator_permit")
    fields: dict[str, Any] = {name: np.array(getattr(state, name)) for name in own}
    rao = np.array(state.total_stake[:, 1], np.int64)
    wide = dense.astype(np.int64)
    return {
        "from_dense (uint16)": lambda: yk.SparseRows.from_dense(dense),
        "from_dense (uint16, uids)": lambda: yk.SparseRows.from_dense(dense[: shape.validators], uids=validators),
        "from_dense (int64)": lambda: yk.SparseRows.from_dense(wide),
        "SparseRows": lambda: yk.SparseRows(indptr, uid, value),
        "SparseRows, out of order": lambda: yk.SparseRows(indptr, uid[order], value),
        "with_values": lambda: weights.with_values(value),
        "from_rows (arrays)": lambda: yk.SparseRows.from_rows(arrays),
        "from_rows (dicts)": lambda: yk.SparseRows.from_rows(mappings),
        "from_rows (lists of tuples)": lambda: yk.SparseRows.from_rows(pairs),
        "SubnetState": lambda: yk.SubnetState(weights, state.bonds, current_block=state.current_block, **fields),
        "stake_from_rao": lambda: yk.stake_from_rao(rao),
        "total_stake_bits": lambda: yk.total_stake_bits(rao, rao, 2**61),
        "with_weights": lambda: state.with_weights(0, (uid[:n], value[:n])),
    }


@pytest.mark.parametrize("door", calls(DOORS[0]))
@pytest.mark.parametrize("shape", DOORS, ids=str)
def bench_door(measure: Measure, shape: Shape, door: str) -> None:
    state, h = subnet(shape), hyperparameters(shape, "yuma3")
    measure(
        calls(shape)[door],
        weights=state.weights.uid.size,
        epoch=lambda: yk.epoch(state, h, emission=EMISSION),
        what=door,
        backend="",
        shape=str(shape),
        rules="",
    )
