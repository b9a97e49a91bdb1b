"""Sections 7 and 9: the liquid EMA, and the consensus that it measures against."""

from __future__ import annotations

import numpy as np

from yuma_kernel.arrays import I64Array, U16Array, U64Array
from yuma_kernel.kernel.jit.compiler import inlined, jit
from yuma_kernel.kernel.jit.exponential import exp_or_zero, exp_safe
from yuma_kernel.kernel.jit.fixed import I0, I64, ONE, U0, U64, add, mul, ratio16, reciprocal_of, sdiv, share, sub
from yuma_kernel.kernel.jit.rows import Rows
from yuma_kernel.profiles import Mode


@jit
def _distance(c: I64, w: I64, b: I64) -> I64:
    """d of alpha: how far the weight is from the consensus, or the bond from the weight; in [0, ONE]."""
    d = sub(w, c) if w >= b else sub(b, w)
    return min(max(d, 0), ONE)


@inlined
def _inverse_bounds(least: float, most: float) -> tuple[float, float]:
    """What 2^32 / x is not below and not above, for x from least to most."""
    return 2.0**32 / most * (1 - 2.0**-50), 2.0**32 / least * (1 + 2.0**-50)


@jit
def _sigmoid_bounds(g: I64) -> tuple[I64, I64]:
    """What the sigmoid at g is not below and not above: for |g| <= 7 * ONE but g = ONE (docs/numerics.md).

    Let e be the exponential of x = |g| / 2^32. What the terms of exp_safe lose, and what is beyond them, is less than
    6 + 7.5 * x + 0.16 * e. Taylor's first six terms at x / 512, squared nine times, are e, too small by less than 2^-37.5
    of it and too large by less than 2^-41. Every step from there keeps order, so that each bound makes the next.
    """
    x = np.float64(abs(g)) * 2.0**-32
    y = x / 512
    e = 1 + y * (1 + y * (1 / 2 + y * (1 / 6 + y * (1 / 24 + y * (1 / 120)))))
    for _ in range(9):
        e *= e
    least: float = e - (6 + 7.5 * x + 0.17 * e) * 2.0**-32
    most: float = e * (1 + 2.0**-37)
    if g < 0:  # the inverse, cut to 32 fractional bits
        least, most = _inverse_bounds(least, most)
        least, most = np.float64(np.int64(least)) * 2.0**-32, np.float64(np.int64(most)) * 2.0**-32
    least, most = _inverse_bounds(1 + least, 1 + most)
    return np.int64(least), np.int64(most)


@jit
def _alpha_at(d: I64, low: I64, high: I64, slope: I64, clamped: bool) -> I64:
    """alpha at the distance d; clamped: whether the argument of the exponential is, which makes none up to 20 * ONE."""
    g = mul(slope, d - ONE // 2)
    if -7 * ONE <= g <= 7 * ONE and g != ONE and low < high:  # then alpha is between low and high without a cut
        least, most = _sigmoid_bounds(g)
        a = low + share(least, high - low)
        if a == low + share(most, high - low):  # and so it is of every sigmoid between them
            return a
    # ONE + exp >= ONE, so that sdiv(ONE, ...) of it is 2^64 by it, at most ONE
    sigmoid = np.int64(reciprocal_of(np.uint64(add(ONE, exp_safe(g) if clamped else exp_or_zero(g)))))
    return max(min(low + share(sigmoid, high - low), high), low)


@jit
def slope_of(steepness: I64, hundredths: bool) -> I64:
    """By what d - ONE/2 is multiplied: sdiv(steepness << 32, -100 << 32), or -steepness itself, in ones (profile 273)."""
    return sdiv(steepness << 32, -100 * ONE) if hundredths else -(steepness << 32)


@jit
def alpha(c: I64, w: I64, b: I64, low: I64, high: I64, steepness: I64) -> I64:
    """alpha(c, w, b) with its bounds and steepness << 32 in raw bits; any operands."""
    c, w, b = np.int64(c), np.int64(w), np.int64(b)
    return _alpha_at(_distance(c, w, b), np.int64(low), np.int64(high), sdiv(steepness, -100 * ONE), True)


@jit
def _previous_consensus(stored: U16Array, n: I64) -> I64Array:
    """P of section 9 where something is stored: cut or padded with 0 to n."""
    out = np.zeros(n, np.int64)
    for i in range(min(n, stored.size)):
        out[i] = ratio16(np.uint64(stored[i]))
    return out


@jit
def liquid_alpha(
    consensus: I64Array, weight: I64Array, bond: I64Array, alpha_low: U64, alpha_high: U64, slope: I64, clamped: bool
) -> I64Array:
    low, high = ratio16(alpha_low), ratio16(alpha_high)
    out = np.empty(consensus.size, np.int64)
    for i in range(consensus.size):
        out[i] = _alpha_at(_distance(consensus[i], weight[i], bond[i]), low, high, slope, clamped)
    return out


@jit
def liquid_ema(
    indptr: U64Array,
    uid: U16Array,
    value: I64Array,
    old_indptr: U64Array,
    old_uid: U16Array,
    old_value: I64Array,
    consensus: I64Array,
    alpha_low: U64,
    alpha_high: U64,
    slope: I64,
    clamped: bool,
) -> Rows:
    n = indptr.size - 1
    low, high = ratio16(alpha_low), ratio16(alpha_high)
    at = I0  # the distance that a belongs to: neighbours often share it, many are at 0
    a = _alpha_at(at, low, high, slope, clamped)
    row = np.zeros(n, np.int64)  # 1 + the row whose old bonds the next two hold: all of them, and those the walk sees
    old = np.zeros(n, np.int64)
    seen = np.zeros(n, np.int64)
    ends = np.zeros(n + 1, np.uint64)
    kept_uid = np.empty(uid.size, np.uint16)
    kept = np.empty(uid.size, np.int64)
    count = U0
    for i in range(n):
        last: I64 = -1  # the largest uid so far: the walk sees what lies beyond it
        for k in range(old_indptr[i], old_indptr[i + 1]):
            j = np.int64(old_uid[k])
            row[j] = i + 1
            old[j] = old_value[k]
            seen[j] = old_value[k] if j > last else 0
            last = max(last, j)
        last = -1
        for k in range(indptr[i], indptr[i + 1]):
            j = np.int64(uid[k])
            b = old[j] if row[j] == i + 1 else 0
            d = _distance(consensus[j], value[k] if j > last else 0, seen[j] if row[j] == i + 1 else 0)
            last = max(last, j)
            if d != at:
                at = d
                a = _alpha_at(d, low, high, slope, clamped)
            bond = min(ONE, add(share(ONE - a, b), max(0, share(a, value[k]))))
            kept_uid[count] = j
            kept[count] = bond
            count += np.uint64(bond > 0)
        ends[i + 1] = count
    return ends, kept_uid, kept


# -- in Python ------------------------------------------------------------------------------------------------------------


def selected_consensus(current: I64Array, previous: U16Array | None, mode: Mode, bonds_penalty: int) -> I64Array:
    """S; the current one itself where it is selected. `previous` is None only there."""
    use_previous = mode == "previous" or (mode == "auto" and bonds_penalty == 65535)
    if not use_previous or previous is None or previous.size == 0:
        return current
    return _previous_consensus(np.array(previous), current.size)
