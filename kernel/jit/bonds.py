"""Section 7: bonds and dividends."""

from __future__ import annotations

from typing import Final

import numpy as np

from yuma_kernel.arrays import I64Array, U16Array, U64Array
from yuma_kernel.kernel.jit.compiler import jit
from yuma_kernel.kernel.jit.fixed import (
    I0,
    I64,
    ONE,
    U0,
    U1,
    U32,
    U64,
    U_ALL,
    cmul,
    common_shift,
    divide_all,
    divided,
    ratio16,
    reciprocal_or_0,
    share,
    total_of,
)
from yuma_kernel.kernel.jit.rows import Rows

NO_STAKE: Final = np.empty(0, np.int64)
NO_ALPHAS: Final = np.empty(0, np.int64)
NO_UID: Final = 2**16  # above every uid


@jit
def _ascending(indptr: U64Array, uid: U16Array, value: I64Array) -> tuple[U16Array, I64Array]:
    """uid and value with every row in ascending order of uid; the same arrays where it is so already.

    Entries are dealt to their columns, then the columns in ascending order back to the rows: linear, whatever the order.
    """
    n = indptr.size - 1
    sorted_already = True
    for i in range(n):
        for k in range(indptr[i] + U1, indptr[i + 1]):
            if uid[k] <= uid[k - U1]:
                sorted_already = False
    if sorted_already:
        return uid, value
    entries = np.int64(indptr[n])
    at = np.zeros(n + 1, np.uint64)
    for k in range(entries):
        at[np.int64(uid[k]) + 1] += U1
    for j in range(n):
        at[j + 1] += at[j]
    row = np.empty(entries, np.uint16)
    dealt = np.empty(entries, np.int64)
    for i in range(n):
        for k in range(indptr[i], indptr[i + 1]):
            p = at[uid[k]]
            at[uid[k]] = p + U1
            row[p] = i
            dealt[p] = value[k]
    # by now at[j] is where column j ends
    sorted_uid = np.empty(entries, np.uint16)
    sorted_value = np.empty(entries, np.int64)
    next_in_row = indptr.copy()
    p = U0
    for j in range(n):
        while p < at[j]:
            q = next_in_row[row[p]]
            next_in_row[row[p]] = q + U1
            sorted_uid[q] = j
            sorted_value[q] = dealt[p]
            p += U1
    return sorted_uid, sorted_value


@jit
def bonds_alpha(bonds_moving_average: U64) -> I64:
    """alpha = ONE - (((bonds_moving_average << 64) / 1,000,000) >> 32): two floors of one, (x << 32) / 1,000,000."""
    return ONE - np.int64((np.uint64(bonds_moving_average) << U32) // np.uint64(1_000_000))


@jit
def _blend(
    parameter: U64,
    alphas: I64Array,
    indptr: U64Array,
    uid: U16Array,
    value: I64Array,
    other_indptr: U64Array,
    other_uid: U16Array,
    other_value: I64Array,
    moving: bool,
) -> Rows:
    """`ema` where `moving`, else `weights_for_bonds`; `parameter` is bonds_moving_average or bonds_penalty.

    Per row, a walk over the ascending columns of both, with x of one and y of the other, absent as 0: mul(alpha, x) +
    mul(ONE - alpha, y), or x + mul(beta, y - x). Both results stay between x and y, as alpha and beta are in [0, ONE].
    `alphas` by column take the place of the one alpha, where there are any.
    """
    n = indptr.size - 1
    uid, value = _ascending(indptr, uid, value)
    other_uid, other_value = _ascending(other_indptr, other_uid, other_value)
    every = U_ALL  # a mask of the columns: each has a factor of its own, or all have the first
    if alphas.size == 0:
        every = U0
        alphas = np.full(1, bonds_alpha(parameter) if moving else ratio16(parameter))
    capacity = np.int64(indptr[n] + other_indptr[n])
    ends = np.zeros(n + 1, np.uint64)
    kept_uid = np.empty(capacity, np.uint16)
    kept = np.empty(capacity, np.int64)
    count = U0
    for i in range(n):
        k, end = indptr[i], indptr[i + 1]
        m, other_end = other_indptr[i], other_indptr[i + 1]
        while k < end or m < other_end:
            this = np.int64(uid[k]) if k < end else NO_UID
            other = np.int64(other_uid[m]) if m < other_end else NO_UID
            x: I64 = 0
            y: I64 = 0
            if this <= other:
                x = value[k]
                k += U1
            if other <= this:
                y = other_value[m]
                m += U1
            column = min(this, other)
            factor = alphas[np.uint64(column) & every]
            z = share(factor, x) + share(ONE - factor, y) if moving else x + share(factor, y - x)
            kept_uid[count] = column
            kept[count] = z
            count += np.uint64(z > 0)
        ends[i + 1] = count
    return ends, kept_uid, kept


@jit
def mask_bonds(
    indptr: U64Array, uid: U16Array, value: U16Array, block_at_registration: U64Array, cutoff: U64Array, yuma3: bool
) -> Rows:
    """cutoff: one, or by validator."""
    n = indptr.size - 1
    every = U_ALL if cutoff.size == n else U0  # a mask of the validators
    ends = np.zeros(n + 1, np.uint64)
    kept_uid = np.empty(uid.size, np.uint16)
    kept = np.empty(uid.size, np.int64)
    count = U0
    for i in range(n):
        since = cutoff[np.uint64(i) & every]
        for k in range(indptr[i], indptr[i + 1]):
            kept_uid[count] = uid[k]
            kept[count] = ratio16(np.uint64(value[k])) if yuma3 else np.int64(value[k]) << 32
            count += np.uint64(since > block_at_registration[uid[k]])
        ends[i + 1] = count
    return ends, kept_uid, kept


@jit
def _scale_rows(indptr: U64Array, value: I64Array, active_stake: I64Array) -> I64Array:
    """mul(value, active_stake of the row)."""
    out = np.empty(value.size, np.int64)
    for i in range(indptr.size - 1):
        for k in range(indptr[i], indptr[i + 1]):
            out[k] = share(active_stake[i], value[k])
    return out


@jit
def column_divide(indptr: U64Array, uid: U16Array, value: I64Array, by_largest: bool) -> I64Array:
    """Each divided by the sum of its column, or by its largest entry, where that is not 0."""
    n = indptr.size - 1
    entries = indptr[n]
    column = np.zeros(n, np.int64)
    bits = I0
    if by_largest:
        for k in range(entries):
            column[uid[k]] = max(column[uid[k]], value[k])
            bits |= value[k]
    else:
        for k in range(entries):
            column[uid[k]] += value[k]
            bits |= value[k]
    shift = common_shift(bits)
    divisor = np.empty(n, np.uint64)
    reciprocal = np.empty(n, np.uint64)
    for j in range(n):
        divisor[j] = np.uint64(column[j]) >> shift
        reciprocal[j] = reciprocal_or_0(divisor[j])
    out = np.empty(value.size, np.int64)
    for k in range(entries):
        out[k] = divided(value[k], shift, divisor[uid[k]], reciprocal[uid[k]])
    return out


@jit
def dividends(indptr: U64Array, uid: U16Array, value: I64Array, incentive: I64Array, active_stake: I64Array) -> I64Array:
    """active_stake of length 0 stands for none: Yuma 2."""
    n = indptr.size - 1
    out = np.zeros(n, np.int64)
    for i in range(n):
        for k in range(indptr[i], indptr[i + 1]):
            out[i] += share(incentive[uid[k]], value[k])
        if active_stake.size > 0:
            out[i] = cmul(out[i], active_stake[i])
    return divide_all(out, total_of(out))


# -- in Python ------------------------------------------------------------------------------------------------------------


def weights_for_bonds(weights: Rows, clipped: Rows, bonds_penalty: int) -> Rows:
    if bonds_penalty == 0:
        return weights
    if bonds_penalty == 65535:
        return clipped
    return _blend(np.uint64(bonds_penalty), NO_ALPHAS, *weights, *clipped, False)


def bonds_cutoff(current_block: int, tempo: int, last_mechanism_step_block: int, last_yuma_step_block: int | None) -> int:
    """The block from which a registration makes stored bonds outdated; Python's integers, nothing to compile."""
    if last_yuma_step_block is not None:
        return min(last_yuma_step_block + 1, 2**64 - 1)
    if last_mechanism_step_block == 0:
        return max(current_block - tempo, 0)
    return min(last_mechanism_step_block + 1, 2**64 - 1)


def old_bonds(bonds: Rows, block_at_registration: U64Array, cutoff: U64Array, yuma3: bool) -> Rows:
    """B; cutoff: one, or by validator."""
    indptr, uid, value = mask_bonds(*bonds, block_at_registration, cutoff, yuma3)
    return indptr, uid, value if yuma3 else column_divide(indptr, uid, value, False)


def new_bonds(weights_for_bonds: Rows, active_stake: I64Array) -> Rows:
    """D of Yuma 2."""
    indptr, uid, value = weights_for_bonds
    return indptr, uid, column_divide(indptr, uid, _scale_rows(indptr, value, active_stake), False)


def ema(new: Rows, old: Rows, bonds_moving_average: int) -> Rows:
    return _blend(np.uint64(bonds_moving_average), NO_ALPHAS, *new, *old, True)


def column_ema(new: Rows, old: Rows, alphas: I64Array) -> Rows:
    """Each column by its own alpha (profile 257)."""
    return _blend(U0, alphas, *new, *old, True)
