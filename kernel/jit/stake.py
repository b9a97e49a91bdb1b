"""Section 3: stake, activity, permits."""

from __future__ import annotations

import numpy as np

from yuma_kernel.arrays import BoolArray, I64Array, U64Array
from yuma_kernel.kernel.jit.compiler import jit
from yuma_kernel.kernel.jit.fixed import I64, U0, U64, U_ALL, divide_all, total_of
from yuma_kernel.kernel.jit.wide import div64, i64f64_to_i32f32


@jit
def activity(last_update: U64Array, activity_cutoff: U64, current_block: U64) -> BoolArray:
    out = np.empty(last_update.size, np.bool_)
    for i in range(last_update.size):
        until = last_update[i] + activity_cutoff
        if until < activity_cutoff:
            until = U_ALL
        out[i] = not until < current_block
    return out


@jit
def normalize_stake(total_stake: U64Array, stake_threshold: U64, owner: I64) -> I64Array:
    n = total_stake.shape[0]
    low, high = U0, U0  # the sum; below 2^127
    for i in range(n):
        if i == owner or total_stake[i, 1] >= stake_threshold:
            low += total_stake[i, 0]
            high += total_stake[i, 1] + np.uint64(low < total_stake[i, 0])
    out = np.zeros(n, np.int64)
    for i in range(n):
        if (i == owner or total_stake[i, 1] >= stake_threshold) and total_stake[i, 0] | total_stake[i, 1] != U0:
            q0, q1 = div64(total_stake[i, 0], total_stake[i, 1], low, high)
            out[i] = i64f64_to_i32f32(q0, q1)
    return out


def permit(validator_permit: BoolArray, owner: int) -> BoolArray:
    """A writable copy, with the owner's."""
    out = np.array(validator_permit)
    if owner >= 0:
        out[owner] = True
    return out


@jit
def permits(stake: I64Array, max_allowed_validators: I64, owner: I64, stakeless: bool) -> BoolArray:
    """stakeless: whether uids without stake may have one."""
    n = stake.size
    out = np.empty(n, np.bool_)
    largest: I64 = 0
    for i in range(n):
        out[i] = stakeless or stake[i] != 0
        largest = max(largest, stake[i])
    losers = n - max_allowed_validators
    if losers > 0:
        # the losers-th stake in ascending order, by bisection: at most 63 counts, and no sort to compile
        low, high = 0, largest
        while low < high:
            middle = low + ((high - low) >> 1)
            count: I64 = 0
            for i in range(n):
                count += np.int64(stake[i] <= middle)
            if count >= losers:
                high = middle
            else:
                low = middle + 1
        equal = losers  # how many of those that have exactly this stake lose: the first ones, the order being stable
        for i in range(n):
            equal -= np.int64(stake[i] < low)
        for i in range(n):
            if stake[i] < low:
                out[i] = False
            elif stake[i] == low and equal > 0:
                out[i] = False
                equal -= 1
    if owner >= 0:
        out[owner] = True
    return out


@jit
def active_stake(stake: I64Array, active: BoolArray, permit: BoolArray) -> I64Array:
    kept = np.zeros(stake.size, np.int64)
    for i in range(stake.size):
        if active[i] and permit[i]:
            kept[i] = stake[i]
    return divide_all(kept, total_of(kept))
