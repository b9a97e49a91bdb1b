"""Section 8: emission and storage."""

from __future__ import annotations

import numpy as np

from yuma_kernel.arrays import BoolArray, I64Array, U16Array, U64Array
from yuma_kernel.kernel.jit.compiler import jit
from yuma_kernel.kernel.jit.fixed import I64, U0, U1, U32, U64, U_ALL, U_LOW, div, to_u16, total_of
from yuma_kernel.kernel.jit.rows import Rows


@jit
def emission_share(x: I64, emission: U64) -> U64:
    """floor(x * emission / 2^32), clamped to u64."""
    x, e = np.int64(x), np.uint64(emission)
    if x <= 0:
        return U0
    # x < 2^63: every partial product is below 2^64, and high below 2^63 + 2^33
    xl, xh = np.uint64(x) & U_LOW, np.uint64(x) >> U32
    el, eh = e & U_LOW, e >> U32
    left, right = xh * el, xl * eh
    low = (left & U_LOW) + (right & U_LOW) + ((xl * el) >> U32)
    high = xh * eh + (left >> U32) + (right >> U32) + (low >> U32)
    if high > U_LOW:
        return U_ALL
    return (high << U32) | (low & U_LOW)


@jit
def emissions(
    incentive: I64Array, dividends: I64Array, stake: I64Array, active_stake: I64Array, emission: U64
) -> tuple[U64Array, U64Array, U64Array]:
    n = incentive.size
    server = np.empty(n, np.uint64)
    validator = np.empty(n, np.uint64)
    both = np.empty(n, np.uint64)
    total = total_of(incentive) + total_of(dividends)
    if total != 0:
        for i in range(n):
            server[i] = emission_share(div(incentive[i], total), emission)
            validator[i] = emission_share(div(dividends[i], total), emission)
            both[i] = emission_share(div(incentive[i] + dividends[i], total), emission)
    else:
        by_stake = total_of(active_stake) == 0
        for i in range(n):
            server[i] = emission_share(incentive[i], emission)
            validator[i] = emission_share(stake[i] if by_stake else active_stake[i], emission)
            both[i] = validator[i]
    return server, validator, both


@jit
def all_to_u16(proportions: I64Array) -> U16Array:
    out = np.empty(proportions.size, np.uint16)
    for i in range(proportions.size):
        out[i] = to_u16(proportions[i])
    return out


@jit
def keep_bonds(
    indptr: U64Array, uid: U16Array, value: U16Array, old_indptr: U64Array, old_uid: U16Array, old: U16Array, kept: BoolArray
) -> Rows:
    """The rows to store, but those of `old` where they are kept."""
    n = indptr.size - 1
    ends = np.zeros(n + 1, np.uint64)
    kept_uid = np.empty(uid.size + old_uid.size, np.uint16)
    kept_value = np.empty(kept_uid.size, np.uint16)
    at = U0
    for i in range(n):
        begin, end = (old_indptr[i], old_indptr[i + 1]) if kept[i] else (indptr[i], indptr[i + 1])
        for k in range(begin, end):
            kept_uid[at] = old_uid[k] if kept[i] else uid[k]
            kept_value[at] = old[k] if kept[i] else value[k]
            at += U1
        ends[i + 1] = at
    return ends, kept_uid, kept_value


@jit
def store_bonds(indptr: U64Array, uid: U16Array, value: I64Array, new_permit: BoolArray) -> Rows:
    n = indptr.size - 1
    ends = np.zeros(n + 1, np.uint64)
    count = U0
    for i in range(n):
        if new_permit[i]:
            count += indptr[i + 1] - indptr[i]
        ends[i + 1] = count
    kept_uid = np.empty(np.int64(count), np.uint16)
    kept = np.empty(np.int64(count), np.uint16)
    at = U0
    for i in range(n):
        if new_permit[i]:
            for k in range(indptr[i], indptr[i + 1]):
                kept_uid[at] = uid[k]
                kept[at] = to_u16(value[k])
                at += U1
    return ends, kept_uid, kept
