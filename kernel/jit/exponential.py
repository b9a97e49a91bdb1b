"""Section 1: the exponential by its series, and that of profile 320, which is not clamped."""

from __future__ import annotations

import numpy as np

from yuma_kernel.kernel.jit.compiler import inlined, jit
from yuma_kernel.kernel.jit.fixed import I64, ONE, U0, U32, U64, U_HALF, U_LOW, U_ONE, U_SIGN, magnitude, reciprocal_of
from yuma_kernel.kernel.jit.wide import wide_product

_NO_EXPONENTIAL = np.uint64(2**48)


@inlined
def _next_term(term: U64, a: U64, i: U64) -> U64:
    """((term * a) >> 32) / i, the product digit by digit: term < 2^58 and a < 2^37. A term of 0 remains 0."""
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
def exp_safe(x: I64) -> I64:
    """exp(x) by the law's series.

    With a <= 20 * 2^32 no term passes 20^20/20! < 2^26, so term < 2^58 and the sum stays below e^20 * 2^32 < 2^61; in the
    product digit by digit, term >> 32 < 2^26 times a < 2^37 is the largest.
    """
    x = np.int64(x)
    if x > 20 * ONE:
        x = 20 * ONE
    elif x < -20 * ONE:
        x = -20 * ONE
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
def exp_or_zero(x: I64) -> I64:
    """exp(x) without a clamp, 0 where a term or the sum passes 2^63 - 1 (profile 320); exp_safe up to 20 * 2^32.

    From a = 2^48 on the second term, a * a >> 32, does: below, every sum of two terms stays below 2^64.
    """
    x = np.int64(x)
    if x == 0:
        return ONE
    if x == ONE:
        return 11674931200
    a = magnitude(x)
    if a >= _NO_EXPONENTIAL:
        return 0
    total, term = U_ONE + a, a
    for i in range(np.uint64(2), np.uint64(32)):
        high, low = wide_product(term, a)
        if high >= U_HALF:  # the product is 2^95 or more
            return 0
        term = ((high << U32) | (low >> U32)) // i
        total += term
        if total >= U_SIGN:
            return 0
        if term == U0:  # and so are all others
            break
    return np.int64(reciprocal_of(total) if x < 0 else total)
