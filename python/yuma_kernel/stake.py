"""Total stake: amounts in rao as the I64F64 bits that the chain weighs."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt

from yuma_kernel.arrays import MASKED, U64_MAX, U64Array, array, freeze, is_number, ordered, stored_integer
from yuma_kernel.errors import InputError, shown
from yuma_kernel.units import RAO


def total_stake_bits(alpha_stake: object, tao_stake: object, tao_weight: int) -> U64Array:
    """`total_stake` from what the chain's metagraph call and its `TaoWeight` storage give (section 2).

    Args:
        alpha_stake, tao_stake: u64[n], rao.
        tao_weight: u64, the proportion tao_weight / (2^64 - 1); no float holds the stored one, and none is taken.

    Returns:
        uint64[n, 2]: the I64F64 bits of the stake in rao, low word and high word.
    """
    alpha = array("alpha_stake", alpha_stake, np.uint64, (None,))
    tao = array("tao_stake", tao_stake, np.uint64, (alpha.size,))
    w = (stored_integer("tao_weight", tao_weight, 0, U64_MAX) << 32) // U64_MAX
    # alpha * 2^64 + tao * w * 2^32 in words: of tao * w, at most 2^96, the low 32 bits move up and the others are carried
    # over; w <= 2^32, so that neither product nor their sum leaves 64 bits
    weight = np.uint64(w)
    half, low_half = np.uint64(32), np.uint64(2**32 - 1)
    low = (tao & low_half) * weight
    whole = (tao >> half) * weight + (low >> half)
    words = np.empty((alpha.size, 2), np.uint64)
    words[:, 0] = low << half
    words[:, 1] = alpha + whole
    beyond = (words[:, 1] < alpha) | (words[:, 1] >> np.uint64(63) != 0)  # a carry out of the word, or the bit of the sign
    words[beyond] = U64_MAX, 2**63 - 1
    return freeze(words)


def stake_from_rao(stake: object) -> U64Array:
    """`total_stake` of whole amounts: u64[n] rao below 2^63 to uint64[n, 2], the I64F64 bits."""
    rao = array("stake", stake, np.uint64, (None,))
    if (rao >> np.uint64(63)).any():
        at = int(np.argmax(rao >> np.uint64(63)))
        raise InputError("stake", f"expected less than 2^63 rao, got {rao[at]}", at)
    words = np.zeros((rao.size, 2), np.uint64)
    words[:, 1] = rao
    return freeze(words)


def stake_to_rao(total_stake: object) -> U64Array:
    """Whole rao of `total_stake`, floor: uint64[n, 2], the I64F64 bits, to uint64[n]."""
    return freeze(array("total_stake", total_stake, np.uint64, (None, 2))[:, 1])


def stake_from_floats(stake: object) -> U64Array:
    """`total_stake` of amounts as people write them, in alpha (or TAO) of 10^9 rao: each to the nearest rao of the exact
    product, ties to even.

    Args:
        stake: n floats or integers, none negative, below 2^63 rao.

    Returns:
        uint64[n, 2]: the I64F64 bits of the stake in rao, low word and high word.
    """
    if isinstance(stake, np.ma.MaskedArray):
        raise InputError("stake", MASKED)
    if hasattr(stake, "iloc"):
        ordered("stake", stake)
    items = np.asarray(stake) if isinstance(stake, np.ndarray) or not isinstance(stake, (list, tuple)) else stake
    if isinstance(items, np.ndarray):
        if items.ndim != 1 or items.dtype.kind not in "iufO":
            raise InputError("stake", f"expected numbers in one dimension, got {items.dtype} of shape {list(items.shape)}")
        items = list(items)
    return stake_from_rao([_rao(at, amount) for at, amount in enumerate(items)])


def _rao(at: int, amount: object) -> int:
    if not is_number(amount):
        raise InputError("stake", f"expected a number, got {type(amount).__name__}", at)
    if isinstance(amount, (float, np.floating)):
        if not np.isfinite(amount):
            raise InputError("stake", f"expected a finite number, got {amount}", at)
        rao = round(Fraction(*amount.as_integer_ratio()) * RAO)
    else:
        rao = int(amount) * RAO
    if not 0 <= rao < 2**63:
        raise InputError("stake", f"expected 0 to {2**63 - 1} rao, got {shown(rao)}", at)
    return rao


def stake_to_floats(total_stake: object) -> npt.NDArray[np.float64]:
    """`total_stake` in alpha (or TAO) of 10^9 rao: uint64[n, 2], the I64F64 bits, to the nearest float64[n]."""
    words = array("total_stake", total_stake, np.uint64, (None, 2)).tolist()
    return freeze(np.array([(low | high << 64) / (RAO << 64) for low, high in words], np.float64))


def total_stake_array(value: object, n: int) -> U64Array:
    """uint64[n, 2], I64F64 bits within the range that section 2 gives them."""
    stake = array("total_stake", value, np.uint64, (n, 2))
    high = int(stake[:, 1].max())
    if high >> 63:
        negative = stake[:, 1] >> np.uint64(63) != 0
        raise InputError("total_stake", "expected no negative stake: the highest bit is set", int(np.argmax(negative)))
    if n * (high + 1) > 2**63:  # else no sum reaches 2^127
        # of each half of a word, up to 32767 of them: below 2^47
        halves = stake.astype("<u8", copy=False).view("<u4").sum(axis=0, dtype=np.uint64).tolist()
        if sum(part << 32 * k for k, part in enumerate(halves)) >= 2**127:
            raise InputError("total_stake", "expected a sum below 2^127, the range of I64F64")
    return stake
