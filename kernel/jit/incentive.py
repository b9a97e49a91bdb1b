"""Section 6: clip, validator trust, incentive."""

from __future__ import annotations

import numpy as np

from yuma_kernel.arrays import I64Array, U16Array, U64Array
from yuma_kernel.kernel.jit.compiler import jit
from yuma_kernel.kernel.jit.fixed import U0, divide_all, share, total_of
from yuma_kernel.kernel.jit.rows import Rows


@jit
def clip(indptr: U64Array, uid: U16Array, value: I64Array, consensus: I64Array) -> Rows:
    n = indptr.size - 1
    ends = np.zeros(n + 1, np.uint64)
    kept_uid = np.empty(uid.size, np.uint16)
    kept = np.empty(uid.size, np.int64)
    count = U0
    for i in range(n):
        for k in range(indptr[i], indptr[i + 1]):
            limit = consensus[uid[k]]
            kept_uid[count] = uid[k]
            kept[count] = min(value[k], limit)
            count += np.uint64(value[k] <= limit or limit != 0)
        ends[i + 1] = count
    return ends, kept_uid, kept


@jit
def validator_trust(indptr: U64Array, value: I64Array) -> I64Array:
    n = indptr.size - 1
    out = np.zeros(n, np.int64)
    for i in range(n):
        for k in range(indptr[i], indptr[i + 1]):
            out[i] += value[k]
    return out


@jit
def rank(indptr: U64Array, uid: U16Array, value: I64Array, active_stake: I64Array) -> I64Array:
    n = indptr.size - 1
    out = np.zeros(n, np.int64)
    for i in range(n):
        if active_stake[i] != 0:
            for k in range(indptr[i], indptr[i + 1]):
                out[uid[k]] += share(active_stake[i], value[k])
    return out


@jit
def incentive(rank: I64Array) -> I64Array:
    return divide_all(rank, total_of(rank))
