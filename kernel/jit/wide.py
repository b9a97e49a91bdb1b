"""Section 1: I64F64, in two words."""

from __future__ import annotations

import numpy as np

from yuma_kernel.kernel.jit.compiler import jit
from yuma_kernel.kernel.jit.fixed import (
    I64,
    MAX,
    MIN,
    U0,
    U1,
    U32,
    U63,
    U64,
    U_ALL,
    U_LOW,
    U_SIGN,
    divide_digit,
    leading_zeros,
)


@jit
def _wide_product(a: U64, b: U64) -> tuple[U64, U64]:
    """a * b as two words (high, low)."""
    al, ah = a & U_LOW, a >> U32
    bl, bh = b & U_LOW, b >> U32
    lowest, left, right = al * bl, ah * bl, al * bh
    middle = (lowest >> U32) + (left & U_LOW) + (right & U_LOW)  # < 3 * 2^32
    return ah * bh + (left >> U32) + (right >> U32) + (middle >> U32), a * b


@jit
def _word(high: U64, low: U64, d: U64) -> tuple[U64, U64]:
    """(high * 2^64 + low) divided by d: quotient and remainder; for high < d and 2^63 <= d."""
    first, rest = divide_digit(high, low >> U32, d)
    second, rest = divide_digit(rest, low & U_LOW, d)
    return (first << U32) | second, rest


@jit
def _long_word(n2: U64, n1: U64, n0: U64, d1: U64, d0: U64) -> tuple[U64, U64, U64]:
    """Three words divided by two: the quotient, one word, and the remainder (high, low).

    Algorithm D with 64-bit digits, for (n2, n1) < (d1, d0) and 2^63 <= d1.
    """
    if n2 == d1:
        q = U_ALL
        rest = n1 + d1
        exhausted = rest < d1  # rest >= 2^64: q is not too large
    else:
        q, rest = _word(n2, n1, d1)
        exhausted = False
    high, low = _wide_product(q, d0)
    while not exhausted and (high > rest or (high == rest and low > n0)):  # at most twice
        q -= U1
        rest += d1
        exhausted = rest < d1
        high -= np.uint64(low < d0)
        low -= d0
    # (n2, n1, n0) - q * (d1, d0) is (rest, n0) - (high, low) modulo 2^128, and not negative
    return q, rest - high - np.uint64(n0 < low), n0 - low


@jit
def div64(a_low: U64, a_high: U64, b_low: U64, b_high: U64) -> tuple[U64, U64]:
    """I64F64: (a << 64) / b truncated, 0 where b is 0 or the quotient does not fit; words (low, high), two's complement."""
    a0, a1, b0, b1 = np.uint64(a_low), np.uint64(a_high), np.uint64(b_low), np.uint64(b_high)
    if b0 | b1 == U0:
        return U0, U0
    negative = (a1 ^ b1) >> U63 != U0
    if a1 >> U63 != U0:
        a1 = U0 - a1 - np.uint64(a0 != U0)
        a0 = U0 - a0
    if b1 >> U63 != U0:
        b1 = U0 - b1 - np.uint64(b0 != U0)
        b0 = U0 - b0
    # The numerator is the three words (a1, a0, 0). Divisor and numerator are shifted until the divisor's highest bit is
    # set; a shift right by 64 - shift goes in two steps, for it may be 64. Then n3 < 2^63 <= the divisor's first word.
    if b1 == U0:
        shift = leading_zeros(b0)
        n3 = (a1 >> U1) >> (U63 - shift)
        n2 = (a1 << shift) | ((a0 >> U1) >> (U63 - shift))
        d = b0 << shift
        q2, rest = _word(n3, n2, d)
        if q2 != U0:
            return U0, U0
        q1, rest = _word(rest, a0 << shift, d)
        q0, rest = _word(rest, U0, d)
    else:
        shift = leading_zeros(b1)
        n3 = (a1 >> U1) >> (U63 - shift)
        n2 = (a1 << shift) | ((a0 >> U1) >> (U63 - shift))
        d1 = (b1 << shift) | ((b0 >> U1) >> (U63 - shift))
        d0 = b0 << shift
        q1, high, low = _long_word(n3, n2, a0 << shift, d1, d0)
        q0, high, low = _long_word(high, low, U0, d1, d0)
    if negative:
        if q1 > U_SIGN or (q1 == U_SIGN and q0 != U0):
            return U0, U0
        return U0 - q0, U0 - q1 - np.uint64(q0 != U0)
    if q1 >= U_SIGN:
        return U0, U0
    return q0, q1


@jit
def i64f64_to_i32f32(low: U64, high: U64) -> I64:
    """x >> 32, clamped; x in words (low, high), two's complement."""
    signed = np.int64(high)
    if signed < -(2**31):
        return MIN
    if signed >= 2**31:
        return MAX
    return (signed << 32) | np.int64(np.uint64(low) >> U32)
