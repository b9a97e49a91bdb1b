"""Section 1: I32F32, and sums and quotients of many of them."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from yuma_kernel.arrays import I64Array
from yuma_kernel.kernel.jit.compiler import jit

I64: TypeAlias = Any
"""An int64 inside compiled code; outside, an int in that range."""
U64: TypeAlias = Any
"""A uint64 inside compiled code; who calls from Python passes np.uint64, as Numba takes every Python int for an int64."""

# int64 and uint64, not plain integers: a function is compiled anew for each literal that reaches it as an argument
ONE: I64 = np.int64(2**32)
I0: I64 = np.int64(0)
MIN = -(2**63)
MAX = 2**63 - 1

U0 = np.uint64(0)
U1 = np.uint64(1)
U32 = np.uint64(32)
U63 = np.uint64(63)
U_LOW = np.uint64(2**32 - 1)
U_ONE = np.uint64(2**32)
U_HALF = np.uint64(2**31)
U_SIGN = np.uint64(2**63)
U_ALL = np.uint64(2**64 - 1)


@jit
def add(a: I64, b: I64) -> I64:
    """a + b, clamped."""
    a, b = np.int64(a), np.int64(b)
    total = np.int64(np.uint64(a) + np.uint64(b))
    if (a ^ total) & (b ^ total) < 0:  # both operands have the sign that the wrapped sum lacks
        return MIN if a < 0 else MAX
    return total


@jit
def sub(a: I64, b: I64) -> I64:
    """a - b, clamped."""
    a, b = np.int64(a), np.int64(b)
    difference = np.int64(np.uint64(a) - np.uint64(b))
    if (a ^ b) & (a ^ difference) < 0:
        return MIN if a < 0 else MAX
    return difference


@jit
def _product(a: I64, b: I64) -> tuple[I64, I64]:
    """(a * b) >> 32 of the exact product, as high * 2^32 + low with 0 <= low < 2^32; any int64 operands.

    With a = ah * 2^32 + al and 0 <= al < 2^32 (b likewise) it is ah*bh * 2^32 + ah*bl + al*bh + (al*bl >> 32). Each of the
    two in the middle is within ±(2^63 - 2^31), their sum need not be: they are added digit by digit. |high| < 2^62 + 2^33.
    """
    al, ah = a & 0xFFFFFFFF, a >> 32
    bl, bh = b & 0xFFFFFFFF, b >> 32
    left, right = ah * bl, al * bh
    low = (left & 0xFFFFFFFF) + (right & 0xFFFFFFFF) + np.int64((np.uint64(al) * np.uint64(bl)) >> U32)  # < 3 * 2^32
    return ah * bh + (left >> 32) + (right >> 32) + (low >> 32), low & 0xFFFFFFFF


@jit
def mul(a: I64, b: I64) -> I64:
    """(a * b) >> 32 of the exact product, clamped."""
    a, b = np.int64(a), np.int64(b)
    if (a | b) >> 32 == 0:  # both in [0, 2^32): the product fits 64 bits
        return np.int64((np.uint64(a) * np.uint64(b)) >> U32)
    high, low = _product(a, b)
    if high < -(2**31):
        return MIN
    if high >= 2**31:
        return MAX
    return (high << 32) | low


@jit
def cmul(a: I64, b: I64) -> I64:
    """(a * b) >> 32 of the exact product, 0 where it does not fit."""
    high, low = _product(np.int64(a), np.int64(b))
    if high < -(2**31) or high >= 2**31:
        return 0
    return (high << 32) | low


@jit
def share(part: I64, x: I64) -> I64:
    """mul(part, x) for part in [0, ONE] and any x; it always fits.

    With x = xh * 2^32 + xl and 0 <= xl < 2^32 it is part*xh + (part*xl >> 32); part*xl < 2^64, and part*xh >= -2^63.
    """
    return part * (x >> 32) + np.int64((np.uint64(part) * np.uint64(x & 0xFFFFFFFF)) >> U32)


@jit
def leading_zeros(x: U64) -> U64:
    """How many bits of x are 0 above its highest 1; x is not 0."""
    count = U0
    for step in (np.uint64(32), np.uint64(16), np.uint64(8), np.uint64(4), np.uint64(2), np.uint64(1)):
        if x >> (np.uint64(64) - step) == U0:
            x <<= step
            count += step
    return count


@jit
def divide_digit(remainder: U64, digit: U64, d: U64) -> tuple[U64, U64]:
    """(remainder * 2^32 + digit) divided by d: quotient and remainder (Knuth's algorithm D, one digit).

    For remainder < d, digit < 2^32 and 2^63 <= d. The quotient is below 2^32.
    """
    high, low = d >> U32, d & U_LOW  # high >= 2^31
    q = remainder // high
    rest = remainder - q * high
    # q is at most 2 too large; where rest reaches 2^32 it is not too large any more
    while q >= U_ONE or q * low > ((rest << U32) | digit):
        q -= U1
        rest += high
        if rest >= U_ONE:
            break
    return q, (remainder << U32) + digit - q * d  # modulo 2^64, and below d


@jit
def _quotient(a: U64, b: U64) -> U64:
    """floor(a * 2^32 / b), some number above 2^63 where that is above 2^63; for a <= 2^63 and 1 <= b <= 2^63."""
    if (a | b) & U_LOW == U0:  # whole numbers, as stored values are: the factor 2^32 cancels
        a >>= U32
        b >>= U32
    if a < U_ONE:
        return (a << U32) // b
    whole = a // b
    if whole > U_HALF:
        return U_ALL
    rest = a - whole * b
    if b <= U_ONE:  # then rest < 2^32
        return (whole << U32) + (rest << U32) // b
    shift = leading_zeros(b)
    digit, _ = divide_digit(rest << shift, U0, b << shift)  # rest < b, so no bit is lost
    return (whole << U32) + digit


@jit
def magnitude(x: I64) -> U64:
    """|x|, 2^63 included."""
    return np.uint64(x) if x >= 0 else U0 - np.uint64(x)


@jit
def div(a: I64, b: I64) -> I64:
    """(a << 32) / b, truncated; 0 where b is 0 or the quotient does not fit."""
    a, b = np.int64(a), np.int64(b)
    if b == 0:
        return 0
    q = _quotient(magnitude(a), magnitude(b))
    if (a < 0) == (b < 0):
        return np.int64(q) if q < U_SIGN else 0
    return np.int64(U0 - q) if q <= U_SIGN else 0


@jit
def sdiv(a: I64, b: I64) -> I64:
    """(a << 32) / b, truncated and clamped; the law divides by no 0 here, this function then gives 0."""
    a, b = np.int64(a), np.int64(b)
    if b == 0:
        return 0
    q = _quotient(magnitude(a), magnitude(b))
    if (a < 0) == (b < 0):
        return np.int64(q) if q < U_SIGN else MAX
    return np.int64(U0 - q) if q <= U_SIGN else MIN


@jit
def ratio16(v: U64) -> I64:
    """(v << 32) / 65535, floor, of a u16."""
    return np.int64((np.uint64(v) << U32) // np.uint64(65535))


@jit
def to_u16(x: I64) -> U64:
    """to_u16: clamp(mul(x, 65535 << 32) >> 32, 0, 65535). 0 <= x < ONE makes 65535 x < 2^48; beyond, it is a bound."""
    if x <= 0:
        return U0
    if x >= ONE:
        return np.uint64(65535)
    return (np.uint64(x) * np.uint64(65535)) >> U32


@jit
def reciprocal_of(x: U64) -> U64:
    """floor(2^64 / x) for x >= 2: one more than floor((2^64 - 1) / x) where that leaves x - 1."""
    q = U_ALL // x
    return q + np.uint64(U_ALL - q * x == x - U1)


@jit
def _fraction(a: U64, b: U64, reciprocal: U64) -> U64:
    """floor(a * 2^32 / b) for a <= b, a <= 2^32, 1 <= b < 2^63 and reciprocal = floor((2^64 - 1) / b): no division.

    With b * reciprocal = 2^64 - 1 - rest and rest < b, a * reciprocal is below 2^64 and falls short of a * 2^64 / b by
    a * (1 + rest) / b <= a <= 2^32. Hence q is the quotient or one less, and what is left of a * 2^32 tells which.
    """
    q = (a * reciprocal) >> U32
    return q + np.uint64((a << U32) - q * b >= b)  # modulo 2^64; the difference is below 2 * b


@jit
def total_of(values: I64Array) -> I64:
    total = 0
    for x in values:
        total += x
    return total


@jit
def divide_all(values: I64Array, divisor: I64) -> I64Array:
    """Each divided by `divisor`, or as it is where that is 0."""
    out = np.empty(values.size, np.int64)
    for i in range(values.size):
        out[i] = values[i] if divisor == 0 else div(values[i], divisor)
    return out


@jit
def common_shift(bits: I64) -> U64:
    """By how much non-negative numbers with these bits among them may be shifted: 32 where all are whole."""
    return U32 if bits & 0xFFFFFFFF == 0 else U0


@jit
def reciprocal_or_0(divisor: U64) -> U64:
    """floor((2^64 - 1) / divisor), 0 for 0."""
    return U0 if divisor == U0 else U_ALL // divisor


@jit
def divided(value: I64, shift: U64, divisor: U64, reciprocal: U64) -> I64:
    """div(value, divisor << shift), or the value where that is 0, for a value that `shift` shifts no bit out of.

    The factor 2^shift cancels. A value that is one of several non-negative ones of which the divisor is the sum, or the
    largest, is not above it; whole or a proportion, it is at most 2^32 once shifted.
    """
    a = np.uint64(value) >> shift
    if divisor == U0:
        return value
    if a <= divisor and a <= U_ONE:
        return np.int64(_fraction(a, divisor, reciprocal))
    return div(value, np.int64(divisor << shift))
