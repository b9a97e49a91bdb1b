"""Section 4: weights."""

from __future__ import annotations

from typing import Final

import numpy as np

from yuma_kernel.arrays import BoolArray, I64Array, U16Array, U64Array
from yuma_kernel.kernel.jit.compiler import jit
from yuma_kernel.kernel.jit.fixed import I0, I64, ONE, U0, U1, U_ALL, common_shift, div, divided, mul, reciprocal_or_0
from yuma_kernel.kernel.jit.rows import Rows

NO_BLOCKS: Final = np.empty(0, np.uint64)


@jit
def mask_weights(
    indptr: U64Array,
    uid: U16Array,
    value: U16Array,
    permit: BoolArray,
    owner: I64,
    last_update: U64Array,
    block_at_registration: U64Array,
    commit_block: U64Array,
) -> Rows:
    """owner: whose entry on the diagonal stays, or -1; commit_block of length 0 stands for none."""
    n = indptr.size - 1
    committed = commit_block.size > 0
    ends = np.zeros(n + 1, np.uint64)
    kept_uid = np.empty(uid.size, np.uint16)
    kept = np.empty(uid.size, np.int64)
    count = U0
    for i in range(n):
        if permit[i]:
            updated = last_update[i]
            commit = commit_block[i] if committed else U_ALL
            for k in range(indptr[i], indptr[i + 1]):
                j = uid[k]
                if (j != i or i == owner) and updated > block_at_registration[j] and commit >= block_at_registration[j]:
                    kept_uid[count] = j
                    kept[count] = np.int64(value[k]) << 32
                    count += U1
        ends[i + 1] = count
    return ends, kept_uid, kept


@jit
def normalize_rows(indptr: U64Array, value: I64Array) -> I64Array:
    out = np.empty(value.size, np.int64)
    for i in range(indptr.size - 1):
        begin, end = indptr[i], indptr[i + 1]
        total, bits = I0, I0
        for k in range(begin, end):
            total += value[k]
            bits |= value[k]
        shift = common_shift(bits)
        divisor = np.uint64(total) >> shift
        reciprocal = reciprocal_or_0(divisor)
        for k in range(begin, end):
            out[k] = divided(value[k], shift, divisor, reciprocal)
    return out


@jit
def upscale_to_u16(values: U16Array) -> U16Array:
    """Every product is below 2^31 * 2^32, but for the factor's; that one is (2^48 / m) < 2^33 times v <= m."""
    out = np.zeros(values.size, np.uint16)
    largest: I64 = 0
    for v in values:
        largest = max(largest, np.int64(v))
    if largest == 0:
        return out
    factor = div(65535 * ONE, largest << 32)
    for i in range(values.size):
        v = np.int64(values[i]) << 32
        x = mul(v, factor) if largest > 32768 else div(mul(v, 65535 * ONE), largest << 32)
        out[i] = min((x + 2**31) >> 32, 65535)
    return out
