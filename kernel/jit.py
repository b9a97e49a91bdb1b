"""The epoch in Numba: the backend "numba", written from the specification and from nothing else.

Inside compiled functions every number is an int64 or a uint64, and no expression mixes the two: Numba would pick a third
type (float64 in places) without a word. Hence the casts, and the shifts and masks as uint64 constants. There are no
128-bit integers; wide products and quotients are made of 32-bit digits in uint64. Floats stand in `_sigmoid_bounds` alone,
which decides nothing that its bounds leave open.

Rows travel as three arrays `indptr, uid, value`; `uid` and `value` may be longer than `indptr[n]`, what lies beyond is
never read. A stage that keeps the entries in their places returns the values alone. What counts entries is a uint64: Numba
looks at the sign of an int64 index wherever it may be negative, in every step of a loop.

All arrays that enter compiled code are writable and C-contiguous (the frozen inputs are copied, some percent of an epoch's
time): a read-only array is another type to Numba, and each function would be compiled twice.

Everything is compiled when first called and cached, and everything stands in this file: a cached function does not notice
that one it calls in another file has changed. Each stage is one compiled function; `epoch` calls them one after another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import numpy as np

from yuma_kernel.arrays import AnyArray, BoolArray, I64Array, U16Array, U64Array
from yuma_kernel.errors import BackendUnavailable
from yuma_kernel.profiles import Mode
from yuma_kernel.results import EpochResult
from yuma_kernel.rows import SparseRows
from yuma_kernel.types import Hyperparameters, SubnetState

try:
    import numba  # type: ignore[import-untyped, import-not-found, unused-ignore]
except ImportError as error:
    raise BackendUnavailable("the numba backend needs numba: pip install 'yuma-kernel[numba]'") from error
if numba.config.DISABLE_JIT:  # type: ignore[attr-defined, unused-ignore]
    raise BackendUnavailable(
        "the numba backend needs compilation, which NUMBA_DISABLE_JIT switches off: as plain Python"
        " these functions would have other integers"
    )

I64: TypeAlias = Any
"""An int64 inside compiled code; outside, an int in that range."""
U64: TypeAlias = Any
"""A uint64 inside compiled code; who calls from Python passes np.uint64, as Numba takes every Python int for an int64."""
Rows: TypeAlias = tuple[U64Array, U16Array, AnyArray]
"""indptr, uid, value."""

PROFILES = frozenset({475, 425})

_F = TypeVar("_F", bound=Callable[..., Any])


def _jit(function: _F, **more: bool) -> _F:
    """`function`, compiled at its first call.

    No signature is given: explicit ones cost at every import, cached or not. error_model="numpy" leaves out the check
    for zero before a division: every divisor here is shown not to be 0 where it stands.
    """
    compile_lazily: Any = numba.njit  # its stubs do not know every option
    options = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True, **more}
    compiled: _F
    try:
        compiled = compile_lazily(function, cache=True, **options)
    except RuntimeError:  # "cannot cache function": no folder that can be written, for instance
        compiled = compile_lazily(function, **options)
    return compiled


def _inlined(function: _F) -> _F:
    """`function`, compiled into each of those that call it: what is a constant there is one in it."""
    return _jit(function, forceinline=True)


# -- 1. numbers -----------------------------------------------------------------------------------------------------------

# int64 and uint64, not plain integers: a function is compiled anew for each literal that reaches it as an argument
ONE: I64 = np.int64(2**32)
_NIL: I64 = np.int64(0)
MIN = -(2**63)
MAX = 2**63 - 1
NO_UID = 2**16  # above every uid

_0 = np.uint64(0)
_1 = np.uint64(1)
_32 = np.uint64(32)
_63 = np.uint64(63)
_LOW = np.uint64(2**32 - 1)
_ONE = np.uint64(2**32)
_HALF = np.uint64(2**31)
_SIGN = np.uint64(2**63)
_ALL = np.uint64(2**64 - 1)


@_jit
def add(a: I64, b: I64) -> I64:
    """a + b, clamped."""
    a, b = np.int64(a), np.int64(b)
    total = np.int64(np.uint64(a) + np.uint64(b))
    if (a ^ total) & (b ^ total) < 0:  # both operands have the sign that the wrapped sum lacks
        return MIN if a < 0 else MAX
    return total


@_jit
def sub(a: I64, b: I64) -> I64:
    """a - b, clamped."""
    a, b = np.int64(a), np.int64(b)
    difference = np.int64(np.uint64(a) - np.uint64(b))
    if (a ^ b) & (a ^ difference) < 0:
        return MIN if a < 0 else MAX
    return difference


@_jit
def _product(a: I64, b: I64) -> tuple[I64, I64]:
    """(a * b) >> 32 of the exact product, as high * 2^32 + low with 0 <= low < 2^32; any int64 operands.

    With a = ah * 2^32 + al and 0 <= al < 2^32 (b likewise) it is ah*bh * 2^32 + ah*bl + al*bh + (al*bl >> 32). Each of the
    two in the middle is within ±(2^63 - 2^31), their sum need not be: they are added digit by digit. |high| < 2^62 + 2^33.
    """
    al, ah = a & 0xFFFFFFFF, a >> 32
    bl, bh = b & 0xFFFFFFFF, b >> 32
    left, right = ah * bl, al * bh
    low = (left & 0xFFFFFFFF) + (right & 0xFFFFFFFF) + np.int64((np.uint64(al) * np.uint64(bl)) >> _32)  # < 3 * 2^32
    return ah * bh + (left >> 32) + (right >> 32) + (low >> 32), low & 0xFFFFFFFF


@_jit
def mul(a: I64, b: I64) -> I64:
    """(a * b) >> 32 of the exact product, clamped."""
    a, b = np.int64(a), np.int64(b)
    if (a | b) >> 32 == 0:  # both in [0, 2^32): the product fits 64 bits
        return np.int64((np.uint64(a) * np.uint64(b)) >> _32)
    high, low = _product(a, b)
    if high < -(2**31):
        return MIN
    if high >= 2**31:
        return MAX
    return (high << 32) | low


@_jit
def cmul(a: I64, b: I64) -> I64:
    """(a * b) >> 32 of the exact product, 0 where it does not fit."""
    high, low = _product(np.int64(a), np.int64(b))
    if high < -(2**31) or high >= 2**31:
        return 0
    return (high << 32) | low


@_jit
def _share(part: I64, x: I64) -> I64:
    """mul(part, x) for part in [0, ONE] and any x; it always fits.

    With x = xh * 2^32 + xl and 0 <= xl < 2^32 it is part*xh + (part*xl >> 32); part*xl < 2^64, and part*xh >= -2^63.
    """
    return part * (x >> 32) + np.int64((np.uint64(part) * np.uint64(x & 0xFFFFFFFF)) >> _32)


@_jit
def _leading_zeros(x: U64) -> U64:
    """How many bits of x are 0 above its highest 1; x is not 0."""
    count = _0
    for step in (np.uint64(32), np.uint64(16), np.uint64(8), np.uint64(4), np.uint64(2), np.uint64(1)):
        if x >> (np.uint64(64) - step) == _0:
            x <<= step
            count += step
    return count


@_jit
def _digit(remainder: U64, digit: U64, d: U64) -> tuple[U64, U64]:
    """(remainder * 2^32 + digit) divided by d: quotient and remainder (Knuth's algorithm D, one digit).

    For remainder < d, digit < 2^32 and 2^63 <= d. The quotient is below 2^32.
    """
    high, low = d >> _32, d & _LOW  # high >= 2^31
    q = remainder // high
    rest = remainder - q * high
    # q is at most 2 too large; where rest reaches 2^32 it is not too large any more
    while q >= _ONE or q * low > ((rest << _32) | digit):
        q -= _1
        rest += high
        if rest >= _ONE:
            break
    return q, (remainder << _32) + digit - q * d  # modulo 2^64, and below d


@_jit
def _quotient(a: U64, b: U64) -> U64:
    """floor(a * 2^32 / b), some number above 2^63 where that is above 2^63; for a <= 2^63 and 1 <= b <= 2^63."""
    if (a | b) & _LOW == _0:  # whole numbers, as stored values are: the factor 2^32 cancels
        a >>= _32
        b >>= _32
    if a < _ONE:
        return (a << _32) // b
    whole = a // b
    if whole > _HALF:
        return _ALL
    rest = a - whole * b
    if b <= _ONE:  # then rest < 2^32
        return (whole << _32) + (rest << _32) // b
    shift = _leading_zeros(b)
    digit, _ = _digit(rest << shift, _0, b << shift)  # rest < b, so no bit is lost
    return (whole << _32) + digit


@_jit
def _magnitude(x: I64) -> U64:
    """|x|, 2^63 included."""
    return np.uint64(x) if x >= 0 else _0 - np.uint64(x)


@_jit
def div(a: I64, b: I64) -> I64:
    """(a << 32) / b, truncated; 0 where b is 0 or the quotient does not fit."""
    a, b = np.int64(a), np.int64(b)
    if b == 0:
        return 0
    q = _quotient(_magnitude(a), _magnitude(b))
    if (a < 0) == (b < 0):
        return np.int64(q) if q < _SIGN else 0
    return np.int64(_0 - q) if q <= _SIGN else 0


@_jit
def sdiv(a: I64, b: I64) -> I64:
    """(a << 32) / b, truncated and clamped; the law divides by no 0 here, this function then gives 0."""
    a, b = np.int64(a), np.int64(b)
    if b == 0:
        return 0
    q = _quotient(_magnitude(a), _magnitude(b))
    if (a < 0) == (b < 0):
        return np.int64(q) if q < _SIGN else MAX
    return np.int64(_0 - q) if q <= _SIGN else MIN


@_jit
def _wide_product(a: U64, b: U64) -> tuple[U64, U64]:
    """a * b as two words (high, low)."""
    al, ah = a & _LOW, a >> _32
    bl, bh = b & _LOW, b >> _32
    lowest, left, right = al * bl, ah * bl, al * bh
    middle = (lowest >> _32) + (left & _LOW) + (right & _LOW)  # < 3 * 2^32
    return ah * bh + (left >> _32) + (right >> _32) + (middle >> _32), a * b


@_jit
def _word(high: U64, low: U64, d: U64) -> tuple[U64, U64]:
    """(high * 2^64 + low) divided by d: quotient and remainder; for high < d and 2^63 <= d."""
    first, rest = _digit(high, low >> _32, d)
    second, rest = _digit(rest, low & _LOW, d)
    return (first << _32) | second, rest


@_jit
def _long_word(n2: U64, n1: U64, n0: U64, d1: U64, d0: U64) -> tuple[U64, U64, U64]:
    """Three words divided by two: the quotient, one word, and the remainder (high, low).

    Algorithm D with 64-bit digits, for (n2, n1) < (d1, d0) and 2^63 <= d1.
    """
    if n2 == d1:
        q = _ALL
        rest = n1 + d1
        exhausted = rest < d1  # rest >= 2^64: q is not too large
    else:
        q, rest = _word(n2, n1, d1)
        exhausted = False
    high, low = _wide_product(q, d0)
    while not exhausted and (high > rest or (high == rest and low > n0)):  # at most twice
        q -= _1
        rest += d1
        exhausted = rest < d1
        high -= np.uint64(low < d0)
        low -= d0
    # (n2, n1, n0) - q * (d1, d0) is (rest, n0) - (high, low) modulo 2^128, and not negative
    return q, rest - high - np.uint64(n0 < low), n0 - low


@_jit
def div64(a_low: U64, a_high: U64, b_low: U64, b_high: U64) -> tuple[U64, U64]:
    """I64F64: (a << 64) / b truncated, 0 where b is 0 or the quotient does not fit; words (low, high), two's complement."""
    a0, a1, b0, b1 = np.uint64(a_low), np.uint64(a_high), np.uint64(b_low), np.uint64(b_high)
    if b0 | b1 == _0:
        return _0, _0
    negative = (a1 ^ b1) >> _63 != _0
    if a1 >> _63 != _0:
        a1 = _0 - a1 - np.uint64(a0 != _0)
        a0 = _0 - a0
    if b1 >> _63 != _0:
        b1 = _0 - b1 - np.uint64(b0 != _0)
        b0 = _0 - b0
    # The numerator is the three words (a1, a0, 0). Divisor and numerator are shifted until the divisor's highest bit is
    # set; a shift right by 64 - shift goes in two steps, for it may be 64. Then n3 < 2^63 <= the divisor's first word.
    if b1 == _0:
        shift = _leading_zeros(b0)
        n3 = (a1 >> _1) >> (_63 - shift)
        n2 = (a1 << shift) | ((a0 >> _1) >> (_63 - shift))
        d = b0 << shift
        q2, rest = _word(n3, n2, d)
        if q2 != _0:
            return _0, _0
        q1, rest = _word(rest, a0 << shift, d)
        q0, rest = _word(rest, _0, d)
    else:
        shift = _leading_zeros(b1)
        n3 = (a1 >> _1) >> (_63 - shift)
        n2 = (a1 << shift) | ((a0 >> _1) >> (_63 - shift))
        d1 = (b1 << shift) | ((b0 >> _1) >> (_63 - shift))
        d0 = b0 << shift
        q1, high, low = _long_word(n3, n2, a0 << shift, d1, d0)
        q0, high, low = _long_word(high, low, _0, d1, d0)
    if negative:
        if q1 > _SIGN or (q1 == _SIGN and q0 != _0):
            return _0, _0
        return _0 - q0, _0 - q1 - np.uint64(q0 != _0)
    if q1 >= _SIGN:
        return _0, _0
    return q0, q1


@_jit
def i64f64_to_i32f32(low: U64, high: U64) -> I64:
    """x >> 32, clamped; x in words (low, high), two's complement."""
    signed = np.int64(high)
    if signed < -(2**31):
        return MIN
    if signed >= 2**31:
        return MAX
    return (signed << 32) | np.int64(np.uint64(low) >> _32)


@_jit
def ratio16(v: U64) -> I64:
    """(v << 32) / 65535, floor, of a u16."""
    return np.int64((np.uint64(v) << _32) // np.uint64(65535))


@_jit
def _to_u16(x: I64) -> U64:
    """to_u16: clamp(mul(x, 65535 << 32) >> 32, 0, 65535). 0 <= x < ONE makes 65535 x < 2^48; beyond, it is a bound."""
    if x <= 0:
        return _0
    if x >= ONE:
        return np.uint64(65535)
    return (np.uint64(x) * np.uint64(65535)) >> _32


@_jit
def _reciprocal(x: U64) -> U64:
    """floor(2^64 / x) for x >= 2: one more than floor((2^64 - 1) / x) where that leaves x - 1."""
    q = _ALL // x
    return q + np.uint64(_ALL - q * x == x - _1)


@_jit
def _fraction(a: U64, b: U64, reciprocal: U64) -> U64:
    """floor(a * 2^32 / b) for a <= b, a <= 2^32, 1 <= b < 2^63 and reciprocal = floor((2^64 - 1) / b): no division.

    With b * reciprocal = 2^64 - 1 - rest and rest < b, a * reciprocal is below 2^64 and falls short of a * 2^64 / b by
    a * (1 + rest) / b <= a <= 2^32. Hence q is the quotient or one less, and what is left of a * 2^32 tells which.
    """
    q = (a * reciprocal) >> _32
    return q + np.uint64((a << _32) - q * b >= b)  # modulo 2^64; the difference is below 2 * b


@_inlined
def _next_term(term: U64, a: U64, i: U64) -> U64:
    """((term * a) >> 32) / i, the product digit by digit: term < 2^58 and a < 2^37. A term of 0 remains 0."""
    high, low = term >> _32, term & _LOW
    return (high * a + low * (a >> _32) + ((low * (a & _LOW)) >> _32)) // i


@_inlined
def _five_terms(term: U64, a: U64, i: U64) -> tuple[U64, U64]:
    """The terms i to i + 4 after `term`: the last, and their sum. i is a constant where this is inlined, so no division."""
    first = _next_term(term, a, i)
    second = _next_term(first, a, i + np.uint64(1))
    third = _next_term(second, a, i + np.uint64(2))
    fourth = _next_term(third, a, i + np.uint64(3))
    fifth = _next_term(fourth, a, i + np.uint64(4))
    return fifth, first + second + third + fourth + fifth


@_jit
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
    a = _magnitude(x)
    term, terms = _five_terms(a, a, np.uint64(2))
    total = _ONE + a + terms
    if term != _0:
        term, terms = _five_terms(term, a, np.uint64(7))
        total += terms
    if term != _0:
        term, terms = _five_terms(term, a, np.uint64(12))
        total += terms
    if term != _0:
        term, terms = _five_terms(term, a, np.uint64(17))
        total += terms
    if term != _0:
        term, terms = _five_terms(term, a, np.uint64(22))
        total += terms
    if term != _0:
        term, terms = _five_terms(term, a, np.uint64(27))
        total += terms
    return np.int64(_reciprocal(total) if x < 0 else total)


@_jit
def _sum(values: I64Array) -> I64:
    total = 0
    for x in values:
        total += x
    return total


@_jit
def _divide(values: I64Array, divisor: I64) -> I64Array:
    """Each divided by `divisor`, or as it is where that is 0."""
    out = np.empty(values.size, np.int64)
    for i in range(values.size):
        out[i] = values[i] if divisor == 0 else div(values[i], divisor)
    return out


@_jit
def _shift(bits: I64) -> U64:
    """By how much non-negative numbers with these bits among them may be shifted: 32 where all are whole."""
    return _32 if bits & 0xFFFFFFFF == 0 else _0


@_jit
def _reciprocal_or_0(divisor: U64) -> U64:
    """floor((2^64 - 1) / divisor), 0 for 0."""
    return _0 if divisor == _0 else _ALL // divisor


@_jit
def _divided(value: I64, shift: U64, divisor: U64, reciprocal: U64) -> I64:
    """div(value, divisor << shift), or the value where that is 0, for a value that `shift` shifts no bit out of.

    The factor 2^shift cancels. A value that is one of several non-negative ones of which the divisor is the sum, or the
    largest, is not above it; whole or a proportion, it is at most 2^32 once shifted.
    """
    a = np.uint64(value) >> shift
    if divisor == _0:
        return value
    if a <= divisor and a <= _ONE:
        return np.int64(_fraction(a, divisor, reciprocal))
    return div(value, np.int64(divisor << shift))


# -- 3. stake, activity, permits ------------------------------------------------------------------------------------------


@_jit
def _activity(last_update: U64Array, activity_cutoff: U64, current_block: U64) -> BoolArray:
    out = np.empty(last_update.size, np.bool_)
    for i in range(last_update.size):
        until = last_update[i] + activity_cutoff
        if until < activity_cutoff:
            until = _ALL
        out[i] = not until < current_block
    return out


@_jit
def _normalize_stake(total_stake: U64Array, stake_threshold: U64, owner: I64) -> I64Array:
    n = total_stake.shape[0]
    low, high = _0, _0  # the sum; below 2^127
    for i in range(n):
        if i == owner or total_stake[i, 1] >= stake_threshold:
            low += total_stake[i, 0]
            high += total_stake[i, 1] + np.uint64(low < total_stake[i, 0])
    out = np.zeros(n, np.int64)
    for i in range(n):
        if (i == owner or total_stake[i, 1] >= stake_threshold) and total_stake[i, 0] | total_stake[i, 1] != _0:
            q0, q1 = div64(total_stake[i, 0], total_stake[i, 1], low, high)
            out[i] = i64f64_to_i32f32(q0, q1)
    return out


@_jit
def _permits(stake: I64Array, max_allowed_validators: I64, owner: I64) -> BoolArray:
    n = stake.size
    out = np.empty(n, np.bool_)
    largest: I64 = 0
    for i in range(n):
        out[i] = stake[i] != 0
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


@_jit
def _active_stake(stake: I64Array, active: BoolArray, validator_permit: BoolArray, owner: I64) -> I64Array:
    kept = np.zeros(stake.size, np.int64)
    for i in range(stake.size):
        if active[i] and (validator_permit[i] or i == owner):
            kept[i] = stake[i]
    return _divide(kept, _sum(kept))


# -- 4. weights -----------------------------------------------------------------------------------------------------------


@_jit
def _mask_weights(
    indptr: U64Array,
    uid: U16Array,
    value: U16Array,
    validator_permit: BoolArray,
    owner: I64,
    last_update: U64Array,
    block_at_registration: U64Array,
    commit_block: U64Array,
) -> Rows:
    """commit_block of length 0 stands for none."""
    n = indptr.size - 1
    committed = commit_block.size > 0
    ends = np.zeros(n + 1, np.uint64)
    kept_uid = np.empty(uid.size, np.uint16)
    kept = np.empty(uid.size, np.int64)
    count = _0
    for i in range(n):
        if validator_permit[i] or i == owner:
            updated = last_update[i]
            commit = commit_block[i] if committed else _ALL
            for k in range(indptr[i], indptr[i + 1]):
                j = uid[k]
                if (j != i or i == owner) and updated > block_at_registration[j] and commit >= block_at_registration[j]:
                    kept_uid[count] = j
                    kept[count] = np.int64(value[k]) << 32
                    count += _1
        ends[i + 1] = count
    return ends, kept_uid, kept


@_jit
def _normalize_rows(indptr: U64Array, value: I64Array) -> I64Array:
    out = np.empty(value.size, np.int64)
    for i in range(indptr.size - 1):
        begin, end = indptr[i], indptr[i + 1]
        total, bits = _NIL, _NIL
        for k in range(begin, end):
            total += value[k]
            bits |= value[k]
        shift = _shift(bits)
        divisor = np.uint64(total) >> shift
        reciprocal = _reciprocal_or_0(divisor)
        for k in range(begin, end):
            out[k] = _divided(value[k], shift, divisor, reciprocal)
    return out


# -- 5. consensus ---------------------------------------------------------------------------------------------------------


@_jit
def _median(score: I64Array, stake: I64Array, zeros: I64, total: I64, minority: I64) -> I64:
    """The median of one column: its scores above 0 with their stakes, at least one, all used up; `zeros` others are 0."""
    below = total  # the stake of all scores below those that are left
    for k in range(stake.size):
        below -= stake[k]
    if zeros != 0 and below > minority:  # a score of 0 is the one
        return _NIL
    # Halve the span of the scores left until it holds one value, at most 63 times: the answer is among them always.
    # At the end, with none that exceeds the minority, the largest is left.
    low, high = np.int64(MAX), _NIL
    for k in range(score.size):
        low = min(low, score[k])
        high = max(high, score[k])
    left: I64 = score.size
    while low != high:
        middle = low + ((high - low) >> 1)
        gained = _NIL
        for k in range(left):  # masks, no branches, here and below: which side a score is on cannot be predicted
            gained += stake[k] & -np.int64(score[k] <= middle)
        keep_lower = below + gained > minority
        if not keep_lower:
            below += gained
        at = _0
        low, high = np.int64(MAX), _NIL
        for k in range(left):
            one = score[k]
            stays = (one <= middle) == keep_lower
            score[at], stake[at] = one, stake[k]
            at += np.uint64(stays)
            low = min(low, one | ((np.int64(stays) - 1) & MAX))
            high = max(high, one & -np.int64(stays))
        left = np.int64(at)
    return low


@_jit
def _consensus(indptr: U64Array, uid: U16Array, value: I64Array, active_stake: I64Array, kappa: U64) -> I64Array:
    n = active_stake.size
    out = np.zeros(n, np.int64)
    whole = _NIL
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
                    ends[uid[k]] = at + _1

    for j in range(n):
        begin, end = begins[j], ends[j]
        if begin < end:
            zeros = validators - np.int64(end - begin)
            out[j] = _median(score[begin:end], stake[begin:end], zeros, total, minority)
    return out


# -- 6. clip, validator trust, incentive ----------------------------------------------------------------------------------


@_jit
def _clip(indptr: U64Array, uid: U16Array, value: I64Array, consensus: I64Array) -> Rows:
    n = indptr.size - 1
    ends = np.zeros(n + 1, np.uint64)
    kept_uid = np.empty(uid.size, np.uint16)
    kept = np.empty(uid.size, np.int64)
    count = _0
    for i in range(n):
        for k in range(indptr[i], indptr[i + 1]):
            limit = consensus[uid[k]]
            kept_uid[count] = uid[k]
            kept[count] = min(value[k], limit)
            count += np.uint64(value[k] <= limit or limit != 0)
        ends[i + 1] = count
    return ends, kept_uid, kept


@_jit
def _validator_trust(indptr: U64Array, value: I64Array) -> I64Array:
    n = indptr.size - 1
    out = np.zeros(n, np.int64)
    for i in range(n):
        for k in range(indptr[i], indptr[i + 1]):
            out[i] += value[k]
    return out


@_jit
def _rank(indptr: U64Array, uid: U16Array, value: I64Array, active_stake: I64Array) -> I64Array:
    n = indptr.size - 1
    out = np.zeros(n, np.int64)
    for i in range(n):
        if active_stake[i] != 0:
            for k in range(indptr[i], indptr[i + 1]):
                out[uid[k]] += _share(active_stake[i], value[k])
    return out


@_jit
def _incentive(rank: I64Array) -> I64Array:
    return _divide(rank, _sum(rank))


# -- 7. bonds and dividends -----------------------------------------------------------------------------------------------


@_jit
def _ascending(indptr: U64Array, uid: U16Array, value: I64Array) -> tuple[U16Array, I64Array]:
    """uid and value with every row in ascending order of uid; the same arrays where it is so already.

    Entries are dealt to their columns, then the columns in ascending order back to the rows: linear, whatever the order.
    """
    n = indptr.size - 1
    sorted_already = True
    for i in range(n):
        for k in range(indptr[i] + _1, indptr[i + 1]):
            if uid[k] <= uid[k - _1]:
                sorted_already = False
    if sorted_already:
        return uid, value
    entries = np.int64(indptr[n])
    at = np.zeros(n + 1, np.uint64)
    for k in range(entries):
        at[np.int64(uid[k]) + 1] += _1
    for j in range(n):
        at[j + 1] += at[j]
    row = np.empty(entries, np.uint16)
    dealt = np.empty(entries, np.int64)
    for i in range(n):
        for k in range(indptr[i], indptr[i + 1]):
            p = at[uid[k]]
            at[uid[k]] = p + _1
            row[p] = i
            dealt[p] = value[k]
    # by now at[j] is where column j ends
    sorted_uid = np.empty(entries, np.uint16)
    sorted_value = np.empty(entries, np.int64)
    next_in_row = indptr.copy()
    p = _0
    for j in range(n):
        while p < at[j]:
            q = next_in_row[row[p]]
            next_in_row[row[p]] = q + _1
            sorted_uid[q] = j
            sorted_value[q] = dealt[p]
            p += _1
    return sorted_uid, sorted_value


@_jit
def bonds_alpha(bonds_moving_average: U64) -> I64:
    """alpha = ONE - (((bonds_moving_average << 64) / 1,000,000) >> 32): two floors of one, (x << 32) / 1,000,000."""
    return ONE - np.int64((np.uint64(bonds_moving_average) << _32) // np.uint64(1_000_000))


@_jit
def _blend(
    parameter: U64,
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
    """
    factor = bonds_alpha(parameter) if moving else ratio16(parameter)
    n = indptr.size - 1
    uid, value = _ascending(indptr, uid, value)
    other_uid, other_value = _ascending(other_indptr, other_uid, other_value)
    capacity = np.int64(indptr[n] + other_indptr[n])
    ends = np.zeros(n + 1, np.uint64)
    kept_uid = np.empty(capacity, np.uint16)
    kept = np.empty(capacity, np.int64)
    count = _0
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
                k += _1
            if other <= this:
                y = other_value[m]
                m += _1
            z = _share(factor, x) + _share(ONE - factor, y) if moving else x + _share(factor, y - x)
            kept_uid[count] = min(this, other)
            kept[count] = z
            count += np.uint64(z > 0)
        ends[i + 1] = count
    return ends, kept_uid, kept


@_jit
def _old_bonds(
    indptr: U64Array, uid: U16Array, value: U16Array, block_at_registration: U64Array, cutoff: U64, yuma3: bool
) -> Rows:
    n = indptr.size - 1
    ends = np.zeros(n + 1, np.uint64)
    kept_uid = np.empty(uid.size, np.uint16)
    kept = np.empty(uid.size, np.int64)
    count = _0
    for i in range(n):
        for k in range(indptr[i], indptr[i + 1]):
            kept_uid[count] = uid[k]
            kept[count] = ratio16(np.uint64(value[k])) if yuma3 else np.int64(value[k]) << 32
            count += np.uint64(cutoff > block_at_registration[uid[k]])
        ends[i + 1] = count
    return ends, kept_uid, kept


@_jit
def _scale_rows(indptr: U64Array, value: I64Array, active_stake: I64Array) -> I64Array:
    """mul(value, active_stake of the row)."""
    out = np.empty(value.size, np.int64)
    for i in range(indptr.size - 1):
        for k in range(indptr[i], indptr[i + 1]):
            out[k] = _share(active_stake[i], value[k])
    return out


@_jit
def _column_divide(indptr: U64Array, uid: U16Array, value: I64Array, by_largest: bool) -> I64Array:
    """Each divided by the sum of its column, or by its largest entry, where that is not 0."""
    n = indptr.size - 1
    entries = indptr[n]
    column = np.zeros(n, np.int64)
    bits = _NIL
    if by_largest:
        for k in range(entries):
            column[uid[k]] = max(column[uid[k]], value[k])
            bits |= value[k]
    else:
        for k in range(entries):
            column[uid[k]] += value[k]
            bits |= value[k]
    shift = _shift(bits)
    divisor = np.empty(n, np.uint64)
    reciprocal = np.empty(n, np.uint64)
    for j in range(n):
        divisor[j] = np.uint64(column[j]) >> shift
        reciprocal[j] = _reciprocal_or_0(divisor[j])
    out = np.empty(value.size, np.int64)
    for k in range(entries):
        out[k] = _divided(value[k], shift, divisor[uid[k]], reciprocal[uid[k]])
    return out


@_jit
def _distance(c: I64, w: I64, b: I64) -> I64:
    """d of alpha: how far the weight is from the consensus, or the bond from the weight; in [0, ONE]."""
    d = sub(w, c) if w >= b else sub(b, w)
    return min(max(d, 0), ONE)


@_inlined
def _inverse_bounds(least: float, most: float) -> tuple[float, float]:
    """What 2^32 / x is not below and not above, for x from least to most."""
    return 2.0**32 / most * (1 - 2.0**-50), 2.0**32 / least * (1 + 2.0**-50)


@_jit
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


@_jit
def _alpha_at(d: I64, low: I64, high: I64, slope: I64) -> I64:
    """alpha at the distance d, with slope = sdiv(steepness << 32, -100 << 32)."""
    g = mul(slope, d - ONE // 2)
    if -7 * ONE <= g <= 7 * ONE and g != ONE and low < high:  # then alpha is between low and high without a cut
        least, most = _sigmoid_bounds(g)
        a = low + _share(least, high - low)
        if a == low + _share(most, high - low):  # and so it is of every sigmoid between them
            return a
    # ONE + exp > ONE, so that sdiv(ONE, ...) of it is 2^64 by it, below ONE
    sigmoid = np.int64(_reciprocal(np.uint64(ONE + exp_safe(g))))
    return max(min(low + _share(sigmoid, high - low), high), low)


@_jit
def alpha(c: I64, w: I64, b: I64, low: I64, high: I64, steepness: I64) -> I64:
    """alpha(c, w, b) with its bounds and steepness << 32 in raw bits; any operands."""
    c, w, b = np.int64(c), np.int64(w), np.int64(b)
    return _alpha_at(_distance(c, w, b), np.int64(low), np.int64(high), sdiv(steepness, -100 * ONE))


@_jit
def _previous_consensus(stored: U16Array, n: I64) -> I64Array:
    """P of section 9 where something is stored: cut or padded with 0 to n."""
    out = np.zeros(n, np.int64)
    for i in range(min(n, stored.size)):
        out[i] = ratio16(np.uint64(stored[i]))
    return out


@_jit
def _liquid_alpha(
    consensus: I64Array, weight: I64Array, bond: I64Array, alpha_low: U64, alpha_high: U64, steepness: I64
) -> I64Array:
    low, high = ratio16(alpha_low), ratio16(alpha_high)
    slope = sdiv(steepness << 32, -100 * ONE)
    out = np.empty(consensus.size, np.int64)
    for i in range(consensus.size):
        out[i] = _alpha_at(_distance(consensus[i], weight[i], bond[i]), low, high, slope)
    return out


@_jit
def _liquid_ema(
    indptr: U64Array,
    uid: U16Array,
    value: I64Array,
    old_indptr: U64Array,
    old_uid: U16Array,
    old_value: I64Array,
    consensus: I64Array,
    alpha_low: U64,
    alpha_high: U64,
    steepness: I64,
) -> Rows:
    n = indptr.size - 1
    low, high = ratio16(alpha_low), ratio16(alpha_high)
    slope = sdiv(steepness << 32, -100 * ONE)
    at = _NIL  # the distance that a belongs to: neighbours often share it, many are at 0
    a = _alpha_at(at, low, high, slope)
    row = np.zeros(n, np.int64)  # 1 + the row whose old bonds the next two hold: all of them, and those the walk sees
    old = np.zeros(n, np.int64)
    seen = np.zeros(n, np.int64)
    ends = np.zeros(n + 1, np.uint64)
    kept_uid = np.empty(uid.size, np.uint16)
    kept = np.empty(uid.size, np.int64)
    count = _0
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
                a = _alpha_at(d, low, high, slope)
            bond = min(ONE, add(_share(ONE - a, b), max(0, _share(a, value[k]))))
            kept_uid[count] = j
            kept[count] = bond
            count += np.uint64(bond > 0)
        ends[i + 1] = count
    return ends, kept_uid, kept


@_jit
def _dividends(indptr: U64Array, uid: U16Array, value: I64Array, incentive: I64Array, active_stake: I64Array) -> I64Array:
    """active_stake of length 0 stands for none: Yuma 2."""
    n = indptr.size - 1
    out = np.zeros(n, np.int64)
    for i in range(n):
        for k in range(indptr[i], indptr[i + 1]):
            out[i] += _share(incentive[uid[k]], value[k])
        if active_stake.size > 0:
            out[i] = cmul(out[i], active_stake[i])
    return _divide(out, _sum(out))


# -- 8. emission and storage ----------------------------------------------------------------------------------------------


@_jit
def emission_share(x: I64, emission: U64) -> U64:
    """floor(x * emission / 2^32), clamped to u64."""
    x, e = np.int64(x), np.uint64(emission)
    if x <= 0:
        return _0
    # x < 2^63: every partial product is below 2^64, and high below 2^63 + 2^33
    xl, xh = np.uint64(x) & _LOW, np.uint64(x) >> _32
    el, eh = e & _LOW, e >> _32
    left, right = xh * el, xl * eh
    low = (left & _LOW) + (right & _LOW) + ((xl * el) >> _32)
    high = xh * eh + (left >> _32) + (right >> _32) + (low >> _32)
    if high > _LOW:
        return _ALL
    return (high << _32) | (low & _LOW)


@_jit
def _emission(
    incentive: I64Array, dividends: I64Array, stake: I64Array, active_stake: I64Array, emission: U64
) -> tuple[U64Array, U64Array, U64Array]:
    n = incentive.size
    server = np.empty(n, np.uint64)
    validator = np.empty(n, np.uint64)
    both = np.empty(n, np.uint64)
    total = _sum(incentive) + _sum(dividends)
    if total != 0:
        for i in range(n):
            server[i] = emission_share(div(incentive[i], total), emission)
            validator[i] = emission_share(div(dividends[i], total), emission)
            both[i] = emission_share(div(incentive[i] + dividends[i], total), emission)
    else:
        by_stake = _sum(active_stake) == 0
        for i in range(n):
            server[i] = emission_share(incentive[i], emission)
            validator[i] = emission_share(stake[i] if by_stake else active_stake[i], emission)
            both[i] = validator[i]
    return server, validator, both


@_jit
def _all_to_u16(proportions: I64Array) -> U16Array:
    out = np.empty(proportions.size, np.uint16)
    for i in range(proportions.size):
        out[i] = _to_u16(proportions[i])
    return out


@_jit
def _store_bonds(indptr: U64Array, uid: U16Array, value: I64Array, new_permit: BoolArray) -> Rows:
    n = indptr.size - 1
    ends = np.zeros(n + 1, np.uint64)
    count = _0
    for i in range(n):
        if new_permit[i]:
            count += indptr[i + 1] - indptr[i]
        ends[i + 1] = count
    kept_uid = np.empty(np.int64(count), np.uint16)
    kept = np.empty(np.int64(count), np.uint16)
    at = _0
    for i in range(n):
        if new_permit[i]:
            for k in range(indptr[i], indptr[i + 1]):
                kept_uid[at] = uid[k]
                kept[at] = _to_u16(value[k])
                at += _1
    return ends, kept_uid, kept


@_jit
def _upscale_to_u16(values: U16Array) -> U16Array:
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


# -- what Python calls ----------------------------------------------------------------------------------------------------

_NO_BLOCKS = np.empty(0, np.uint64)
_NO_STAKE = np.empty(0, np.int64)


def _i64(array: AnyArray) -> I64Array:
    """A writable copy."""
    return array.astype(np.int64, order="C")


def _raw(rows: SparseRows) -> Rows:
    """Writable copies of rows of raw bits."""
    return rows.indptr.astype(np.uint64), np.array(rows.uid), rows.value.astype(np.int64)


def _stored(rows: SparseRows) -> Rows:
    """Writable copies of rows as the chain stores them."""
    return rows.indptr.astype(np.uint64), np.array(rows.uid), rows.value.astype(np.uint16)


def _rows(indptr: U64Array, uid: U16Array, value: AnyArray) -> SparseRows:
    entries = int(indptr[-1])
    return SparseRows._trusted(indptr.astype(np.uint32), uid[:entries], value[:entries])


def _owner(owner_uid: int | None) -> int:
    return -1 if owner_uid is None else owner_uid


def activity(last_update: U64Array, activity_cutoff: int, current_block: int) -> BoolArray:
    """Section 3.1: bool[n] of uint64[n] blocks."""
    return _activity(np.array(last_update), np.uint64(activity_cutoff), np.uint64(current_block))


def normalize_stake(total_stake: U64Array, stake_threshold: int, owner_uid: int | None) -> I64Array:
    """Sections 3.2 and 3.3: int64[n] of the I64F64 words uint64[n, 2] (low, high); the threshold in rao."""
    return _normalize_stake(np.array(total_stake), np.uint64(stake_threshold), _owner(owner_uid))


def permits(stake: I64Array, max_allowed_validators: int, owner_uid: int | None) -> BoolArray:
    """Section 3.5, the permits of the next epoch: bool[n] of int64[n] >= 0."""
    return _permits(_i64(stake), max_allowed_validators, _owner(owner_uid))


def active_stake(stake: I64Array, active: BoolArray, validator_permit: BoolArray, owner_uid: int | None) -> I64Array:
    """Sections 3.4 and 3.6: int64[n] of int64[n] and bool[n]."""
    return _active_stake(_i64(stake), np.array(active), np.array(validator_permit), _owner(owner_uid))


def mask_weights(
    weights: SparseRows,
    validator_permit: BoolArray,
    owner_uid: int | None,
    last_update: U64Array,
    block_at_registration: U64Array,
    commit_block: U64Array | None,
) -> SparseRows:
    """Section 4, what stays of the stored weights: raw bits; commit_block None without commit_reveal."""
    return _rows(
        *_mask_weights(
            *_stored(weights),
            np.array(validator_permit),
            _owner(owner_uid),
            np.array(last_update),
            np.array(block_at_registration),
            _NO_BLOCKS if commit_block is None else np.array(commit_block),
        )
    )


def normalize_rows(weights: SparseRows) -> SparseRows:
    """Section 4, each row with a positive sum divided by it: raw bits."""
    indptr, uid, value = _raw(weights)
    return _rows(indptr, uid, _normalize_rows(indptr, value))


def consensus(weights: SparseRows, active_stake: I64Array, kappa: int) -> I64Array:
    """Section 5, the stake-weighted median: int64[n] of raw rows and int64[n]; kappa a u16 proportion."""
    return _consensus(*_raw(weights), _i64(active_stake), np.uint64(kappa))


def clip(weights: SparseRows, consensus: I64Array) -> SparseRows:
    """Section 6, weights above the consensus lowered to it: raw bits."""
    return _rows(*_clip(*_raw(weights), _i64(consensus)))


def validator_trust(clipped: SparseRows) -> I64Array:
    """Section 6, the sums of the rows: int64[n]."""
    indptr, _, value = _raw(clipped)
    return _validator_trust(indptr, value)


def rank(clipped: SparseRows, active_stake: I64Array) -> I64Array:
    """Section 6, the sums of the columns weighted by stake: int64[n]."""
    return _rank(*_raw(clipped), _i64(active_stake))


def incentive(rank: I64Array) -> I64Array:
    """Section 6, rank divided by its sum: int64[n]."""
    return _incentive(_i64(rank))


def _weights_for_bonds(weights: Rows, clipped: Rows, bonds_penalty: int) -> Rows:
    if bonds_penalty == 0:
        return weights
    if bonds_penalty == 65535:
        return clipped
    return _blend(np.uint64(bonds_penalty), *weights, *clipped, False)


def weights_for_bonds(weights: SparseRows, clipped: SparseRows, bonds_penalty: int) -> SparseRows:
    """Section 7, weights moved towards clipped by a u16 proportion: raw bits."""
    return _rows(*_weights_for_bonds(_raw(weights), _raw(clipped), bonds_penalty))


def bonds_cutoff(current_block: int, tempo: int, last_mechanism_step_block: int, last_yuma_step_block: int | None) -> int:
    """Section 7, the block from which a registration makes stored bonds outdated; Python's integers, nothing to compile."""
    if last_yuma_step_block is not None:
        return min(last_yuma_step_block + 1, 2**64 - 1)
    if last_mechanism_step_block == 0:
        return max(current_block - tempo, 0)
    return min(last_mechanism_step_block + 1, 2**64 - 1)


def _old(bonds: Rows, block_at_registration: U64Array, cutoff: int, yuma3: bool) -> Rows:
    indptr, uid, value = _old_bonds(*bonds, block_at_registration, np.uint64(cutoff), yuma3)
    return indptr, uid, value if yuma3 else _column_divide(indptr, uid, value, False)


def old_bonds(bonds: SparseRows, block_at_registration: U64Array, cutoff: int, yuma3: bool) -> SparseRows:
    """Section 7, B: the stored bonds without the outdated ones, in raw bits."""
    return _rows(*_old(_stored(bonds), np.array(block_at_registration), cutoff, yuma3))


def _new(weights_for_bonds: Rows, active_stake: I64Array) -> Rows:
    indptr, uid, value = weights_for_bonds
    return indptr, uid, _column_divide(indptr, uid, _scale_rows(indptr, value, active_stake), False)


def new_bonds(weights_for_bonds: SparseRows, active_stake: I64Array) -> SparseRows:
    """Section 7, D of Yuma 2: raw bits."""
    return _rows(*_new(_raw(weights_for_bonds), _i64(active_stake)))


def column_normalize(matrix: SparseRows) -> SparseRows:
    """Section 7, each entry divided by the sum of its column: raw bits."""
    indptr, uid, value = _raw(matrix)
    return _rows(indptr, uid, _column_divide(indptr, uid, value, False))


def column_max_normalize(matrix: SparseRows) -> SparseRows:
    """Section 7, the bonds that Yuma 2 stores, each entry divided by the largest of its column: raw bits."""
    indptr, uid, value = _raw(matrix)
    return _rows(indptr, uid, _column_divide(indptr, uid, value, True))


def _ema(new: Rows, old: Rows, bonds_moving_average: int) -> Rows:
    return _blend(np.uint64(bonds_moving_average), *new, *old, True)


def ema(new: SparseRows, old: SparseRows, bonds_moving_average: int) -> SparseRows:
    """Section 7, the moving average of the bonds, in millionths: raw bits, rows ascending."""
    return _rows(*_ema(_raw(new), _raw(old), bonds_moving_average))


def liquid_alpha(
    consensus: I64Array,
    weight: I64Array,
    bond: I64Array,
    alpha_low: int,
    alpha_high: int,
    alpha_sigmoid_steepness: int,
) -> I64Array:
    """Section 7, alpha elementwise: int64 of three int64 of one shape, any bits; bounds u16, steepness in hundredths."""
    c, w, b = (_i64(x).reshape(-1) for x in (consensus, weight, bond))
    out = _liquid_alpha(c, w, b, np.uint64(alpha_low), np.uint64(alpha_high), alpha_sigmoid_steepness)
    return out.reshape(consensus.shape)


def _selected_consensus(current: I64Array, previous: U16Array | None, mode: Mode, bonds_penalty: int) -> I64Array:
    """The current one itself where it is selected; `previous` is None only there."""
    use_previous = mode == "previous" or (mode == "auto" and bonds_penalty == 65535)
    if not use_previous or previous is None or previous.size == 0:
        return current
    return _previous_consensus(np.array(previous), current.size)


def selected_consensus(consensus: I64Array, previous_consensus: U16Array, mode: Mode, bonds_penalty: int) -> I64Array:
    """Section 9, S: int64[n] of int64[n] and of what is stored, uint16 of any length; the penalty a u16 proportion."""
    return _selected_consensus(_i64(consensus), previous_consensus, mode, bonds_penalty)


def liquid_ema(
    weights_for_bonds: SparseRows,
    old: SparseRows,
    consensus: I64Array,
    alpha_low: int,
    alpha_high: int,
    alpha_sigmoid_steepness: int,
) -> SparseRows:
    """Section 7, the liquid EMA: raw bits, in the order of weights_for_bonds."""
    bounds = np.uint64(alpha_low), np.uint64(alpha_high)
    return _rows(*_liquid_ema(*_raw(weights_for_bonds), *_raw(old), _i64(consensus), *bounds, alpha_sigmoid_steepness))


def dividends(normalized_bonds: SparseRows, incentive: I64Array, active_stake: I64Array | None) -> I64Array:
    """Section 7, int64[n] of raw rows and int64[n]; active_stake None for Yuma 2."""
    stake = _NO_STAKE if active_stake is None else _i64(active_stake)
    return _dividends(*_raw(normalized_bonds), _i64(incentive), stake)


def emission(
    incentive: I64Array, dividends: I64Array, stake: I64Array, active_stake: I64Array, emission: int
) -> tuple[U64Array, U64Array, U64Array]:
    """Section 8, server, validator and all: uint64[n] rao of int64[n] and the rao to divide."""
    return _emission(_i64(incentive), _i64(dividends), _i64(stake), _i64(active_stake), np.uint64(emission))


def to_u16(proportions: I64Array) -> U16Array:
    """Section 1, elementwise: uint16 of int64, any bits."""
    return _all_to_u16(_i64(proportions).reshape(-1)).reshape(proportions.shape)


def store_bonds(bonds: SparseRows, new_permit: BoolArray) -> SparseRows:
    """Section 8, the bond rows as stored: uint16."""
    return _rows(*_store_bonds(*_raw(bonds), np.array(new_permit)))


def upscale_to_u16(values: U16Array) -> U16Array:
    """A row of weights scaled as the chain does it, the largest to 65535: uint16 of uint16."""
    return _upscale_to_u16(np.array(values))


def epoch(state: SubnetState, hyperparameters: Hyperparameters, emission: int, trace: bool) -> EpochResult:
    """Sections 3 to 8, by the rules of the profile."""
    h, rules = hyperparameters, hyperparameters.rules
    owner = _owner(state.owner_uid)
    permit = np.array(state.validator_permit)
    last_update = np.array(state.last_update)
    registered = np.array(state.block_at_registration)
    commit_block = _NO_BLOCKS
    if h.commit_reveal and state.commit_block is not None:
        commit_block = np.array(state.commit_block)

    # 3
    active = _activity(last_update, np.uint64(h.activity_cutoff), np.uint64(state.current_block))
    stake = _normalize_stake(np.array(state.total_stake), np.uint64(h.stake_threshold), owner)
    new_permit = _permits(stake, h.max_allowed_validators, owner)
    own_stake = _active_stake(stake, active, permit, owner)

    # 4
    indptr, uid, value = _mask_weights(*_stored(state.weights), permit, owner, last_update, registered, commit_block)
    weights = indptr, uid, _normalize_rows(indptr, value)

    # 5, 6
    median = _consensus(*weights, own_stake, np.uint64(h.kappa))
    clipped = _clip(*weights, median)
    trust = _validator_trust(clipped[0], clipped[2])
    ranks = _rank(*clipped, own_stake)
    incentives = _incentive(ranks)

    # 7
    for_bonds = _weights_for_bonds(weights, clipped, h.bonds_penalty)
    yuma_step = state.last_yuma_step_block if rules.bonds_cutoff == "yuma_step" else None
    cutoff = bonds_cutoff(state.current_block, h.tempo, state.last_mechanism_step_block, yuma_step)
    old = _old(_stored(state.bonds), registered, cutoff, h.yuma3)
    liquid = h.yuma3 and h.liquid_alpha
    selected = median
    if liquid and rules.liquid_alpha == "selected":
        selected = _selected_consensus(median, state.previous_consensus, h.liquid_alpha_consensus_mode, h.bonds_penalty)
    if liquid and selected.any():
        bounds = np.uint64(h.alpha_low), np.uint64(h.alpha_high)
        averaged = _liquid_ema(*for_bonds, *old, selected, *bounds, h.alpha_sigmoid_steepness)
    else:
        averaged = _ema(for_bonds if h.yuma3 else _new(for_bonds, own_stake), old, h.bonds_moving_average)
    indptr, uid, value = averaged
    normalized = indptr, uid, _column_divide(indptr, uid, value, False)
    share = _dividends(*normalized, incentives, own_stake if h.yuma3 else _NO_STAKE)
    kept: Rows = averaged if h.yuma3 else (indptr, uid, _column_divide(*normalized, True))

    # 8
    server, validator, both = _emission(incentives, share, stake, own_stake, np.uint64(emission))
    traced: dict[str, I64Array | SparseRows] | None = None
    if trace:
        traced = {
            "stake": stake,
            "active_stake": own_stake,
            "weights": _rows(*weights),
            "consensus": median,
            "clipped": _rows(*clipped),
            "validator_trust": trust,
            "rank": ranks,
            "incentive": incentives,
            "weights_for_bonds": _rows(*for_bonds),
            "ema_bonds": _rows(*averaged),
            "normalized_bonds": _rows(*normalized),
            "dividends": share,
        }
    return EpochResult(
        active=active,
        stake_weight=_all_to_u16(stake),
        validator_permit=new_permit,
        consensus=_all_to_u16(median),
        validator_trust=_all_to_u16(trust),
        incentive=_all_to_u16(incentives),
        bonds=_rows(*_store_bonds(*kept, new_permit)),
        dividends=_all_to_u16(share),
        server_emission=server,
        validator_emission=validator,
        emission=both,
        trace=traced,
    )
