"""Section 1: the exponential by its series, and that of profile 320, which is not clamped."""

from __future__ import annotations

import numpy as np

from yuma_kernel.kernel.jit.compiler import inlined, jit
from yuma_kernel.kernel.jit.fixed import I64, ONE, U0, U32, U64, U_LOW, U_ONE, magnitude, reciprocal_of

_OVERFLOW = np.uint64(89_715_445_398)
"""The first |x| at which the series does not fit."""


@inlined
def _next_term(term: U64, a: U64, i: U64) -> U64:
    """((term * a) >> 32) / i, the product digit by digit: term < 2^59 and a < 2^37. A term of 0 remains 0."""
    high, low = term >> U32, term & U_LOW
    return (high * a + low * (a >> U32) + ((low * (a & U_LOW)) >> U32)) // i


@inlined
def _five_terms(term: U64, a: U64, i: U64) -> tuple[U64, U64]:
    """The terms i to i + 4 after `term`: the last, and their sum. i is a constant where this is inlined, so no division."""
    first = _next_term(term, a, i)
    second = _next_term(first, a, i + np.uint64(1))
    third = _next_term(second, a, i + np.uint64(2))
    fourth = _next_term(third, a, i + np.uint64(3))
    fifth = _next_term(fourth, a, i + np.uint64(4))
    return fifth, first + second + third + fourth + fifth


@jit
def _series(x: I64) -> I64:
    """exp(x) by the law's series, for |x| < _OVERFLOW.

    With a < 20.889 * 2^32 no term passes 20.889^20/20! < 2^26.7, so term < 2^59; the sum is below e^20.889 * 2^32 < 2^63.
    The digits of a product add up to term * a >> 32, which is below 2^63: that is what _OVERFLOW says.
    """
    if x == 0:
        return ONE
    if x == ONE:
        return 11674931200
    a = magnitude(x)
    term, terms = _five_terms(a, a, np.uint64(2))
    total = U_ONE + a + terms
    if term != U0:
        term, terms = _five_terms(term, a, np.uint64(7))
        total += terms
    if term != U0:
        term, terms = _five_terms(term, a, np.uint64(12))
        total += terms
    if term != U0:
        term, terms = _five_terms(term, a, np.uint64(17))
        total += terms
    if term != U0:
        term, terms = _five_terms(term, a, np.uint64(22))
        total += terms
    if term != U0:
        term, terms = _five_terms(term, a, np.uint64(27))
        total += terms
    return np.int64(reciprocal_of(total) if x < 0 else total)


@jit
def exp_safe(x: I64) -> I64:
    """exp(x), its argument clamped to 20 in magnitude."""
    x = np.int64(x)
    if x > 20 * ONE:
        x = 20 * ONE
    elif x < -20 * ONE:
        x = -20 * ONE
    return _series(x)


@jit
def exp_or_zero(x: I64) -> I64:
    """exp(x), 0 where something in its series passes 2^63 - 1 (profile 320).

    Every term grows with |x|. At _OVERFLOW term * a, shifted, is the first to pass, and does at all that lie beyond; below,
    nothing does, the sum included.
    """
    x = np.int64(x)
    return _series(x) if magnitude(x) < _OVERFLOW else 0
