"""Section 5: the stake-weighted median."""

from __future__ import annotations

import numpy as np

from yuma_kernel.arrays import I64Array, U16Array, U64Array
from yuma_kernel.kernel.jit.compiler import jit
from yuma_kernel.kernel.jit.fixed import I0, I64, MAX, U0, U1, U64, div, ratio16


@jit
def _median(score: I64Array, stake: I64Array, zeros: I64, total: I64, minority: I64) -> I64:
    """The median of one column: its scores above 0 with their stakes, at least one, all used up; `zeros` others are 0."""
    below = total  # the stake of all scores below those that are left
    for k in range(stake.size):
        below -= stake[k]
    if zeros != 0 and below > minority:  # a score of 0 is the one
        return I0
    # Halve the span of the scores left until it holds one value, at most 63 times: the answer is among them always.
    # At the end, with none that exceeds the minority, the largest is left.
    low, high = np.int64(MAX), I0
    for k in range(score.size):
        low = min(low, score[k])
        high = max(high, score[k])
    left: I64 = score.size
    while low != high:
        middle = low + ((high - low) >> 1)
        gained = I0
        for k in range(left):  # masks, no branches, here and below: which side a score is on cannot be predicted
            gained += stake[k] & -np.int64(score[k] <= middle)
        keep_lower = below + gained > minority
        if not keep_lower:
            below += gained
        at = U0
        low, high = np.int64(MAX), I0
        for k in range(left):
            one = score[k]
            stays = (one <= middle) == keep_lower
            score[at], stake[at] = one, stake[k]
            at += np.uint64(stays)
            low = min(low, one | ((np.int64(stays) - 1) & MAX))
            high = max(high, one & -np.int64(stays))
        left = np.int64(at)
    return low


@jit
def consensus(indptr: U64Array, uid: U16Array, value: I64Array, active_stake: I64Array, kappa: U64) -> I64Array:
    n = active_stake.size
    out = np.zeros(n, np.int64)
    whole = I0
    validators = 0
    for i in range(n):
        if active_stake[i] > 0:
            whole += active_stake[i]
            validators += 1
    if validators == 0:
        return out
    s = np.zeros(n, np.int64)
    total = 0
    for i in range(n):
        if active_stake[i] > 0:
            s[i] = div(active_stake[i], whole)
            total += s[i]
    minority = total - ratio16(kappa)

    # The scores above 0, column by column, each with its stake. All others are 0 and need no list.
    begins = np.zeros(n + 1, np.uint64)
    for i in range(n):
        if active_stake[i] > 0:
            for k in range(indptr[i], indptr[i + 1]):
                begins[np.int64(uid[k]) + 1] += np.uint64(value[k] > 0)
    for j in range(n):
        begins[j + 1] += begins[j]
    score = np.empty(np.int64(begins[n]), np.int64)
    stake = np.empty(score.size, np.int64)
    ends = begins.copy()
    for i in range(n):
        if active_stake[i] > 0:
            for k in range(indptr[i], indptr[i + 1]):
                if value[k] > 0:
                    at = ends[uid[k]]
                    score[at] = value[k]
                    stake[at] = s[i]
                    ends[uid[k]] = at + U1

    for j in range(n):
        begin, end = begins[j], ends[j]
        if begin < end:
            zeros = validators - np.int64(end - begin)
            out[j] = _median(score[begin:end], stake[begin:end], zeros, total, minority)
    return out
