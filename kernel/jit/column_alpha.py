"""Liquid alpha of profile 257: one alpha for each column, fitted to the quartiles of the consensus."""

from __future__ import annotations

import numpy as np

from yuma_kernel.arrays import I64Array
from yuma_kernel.kernel.jit.compiler import jit
from yuma_kernel.kernel.jit.exponential import exp_or_zero
from yuma_kernel.kernel.jit.fixed import I64, ONE, U1, U32, U64, U_ONE, add, div, mul, ratio16, reciprocal_of, sub

_LOG2_E: I64 = np.int64(6196327936)
"""log2(e), cut to 23 fractional bits."""


@jit
def _half(x: U64) -> U64:
    """x / 2, rounded up."""
    return (x >> U1) + (x & U1)


@jit
def ln(x: I64) -> I64:
    """The logarithm by its binary digits, 0 for x <= 0; for 2 <= x where that is below ONE.

    Between the halvings 1 <= x / 2^32 < 2, so that with x = 2^32 + f the square is 2^32 + 2 * f + (f * f >> 32). No digit
    before the point is above the 32nd, so r < 2^38 and the quotient fits.
    """
    x = np.int64(x)
    if x <= 0:
        return 0
    y = np.uint64(x) if x >= ONE else reciprocal_of(np.uint64(x))
    r: I64 = 0
    while y >= U_ONE + U_ONE:
        r += 1
        y = _half(y)
    r <<= 32
    if y != U_ONE:
        for place in range(31, -1, -1):
            f = y - U_ONE
            y = U_ONE + f + f + ((f * f) >> U32)
            if y >= U_ONE + U_ONE:
                r += 1 << place
                y = _half(y)
    return div(r if x >= ONE else -r, _LOG2_E)


@jit
def _odds(x: I64) -> I64:
    return ln(sub(div(ONE, x), ONE))


@jit
def _quantile(ascending: I64Array, k: I64) -> I64:
    """k quarters of the way through, between two neighbours in proportion."""
    p = k * (ascending.size - 1)
    q, f = p >> 2, p & 3
    if f == 0:
        return ascending[q]
    return ascending[q] + (((ascending[q + 1] - ascending[q]) * f) >> 2)


@jit
def runs(ascending: I64Array) -> bool:
    """Whether there are alphas by column: where some consensus and the upper quartile are not 0, ascending."""
    some: bool = ascending[-1] != 0 and _quantile(ascending, 3) != 0
    return some


@jit
def column_alphas(consensus: I64Array, ascending: I64Array, alpha_low: U64, alpha_high: U64) -> I64Array:
    """A, of the consensus by uid and in ascending order; all in [0, ONE]."""
    low, high = ratio16(alpha_low), ratio16(alpha_high)
    lower, upper = _quantile(ascending, 1), _quantile(ascending, 3)
    a: I64 = 0
    b: I64 = 0
    if upper > lower and low != 0 and high != 0:
        a = div(sub(_odds(high), _odds(low)), lower - upper)
        b = add(_odds(low), mul(a, lower))
    out = np.empty(consensus.size, np.int64)
    for j in range(consensus.size):
        x = div(ONE, add(ONE, exp_or_zero(sub(b, mul(a, consensus[j])))))
        out[j] = max(min(x, high), low)
    return out
