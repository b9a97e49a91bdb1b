"""Total stake: amounts in rao as the I64F64 bits that the chain weighs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from yuma_kernel.arrays import U64_MAX, U64Array, array, freeze, integer
from yuma_kernel.errors import InputError


def _words(bits: Sequence[int]) -> U64Array:
    return freeze(np.array([(b & U64_MAX, b >> 64) for b in bits], np.uint64).reshape(len(bits), 2))


def total_stake_bits(alpha_stake: object, tao_stake: object, tao_weight: int) -> U64Array:
    """`total_stake` from what the chain's metagraph call and its `TaoWeight` storage give (section 2).

    Args:
        alpha_stake, tao_stake: u64[n], rao.
        tao_weight: u64, the proportion tao_weight / (2^64 - 1).

    Returns:
        uint64[n, 2]: the I64F64 bits of the stake in rao, low word and high word.
    """
    alpha = array("alpha_stake", alpha_stake, np.uint64, (None,))
    tao = array("tao_stake", tao_stake, np.uint64, (alpha.size,))
    w = (integer("tao_weight", tao_weight, 0, U64_MAX) << 32) // U64_MAX
    exact = ((a << 64) + t * (w << 32) for a, t in zip(alpha.tolist(), tao.tolist(), strict=True))
    return _words([min(bits, 2**127 - 1) for bits in exact])


def stake_from_rao(stake: object) -> U64Array:
    """`total_stake` of whole amounts: u64[n] rao below 2^63 to uint64[n, 2], the I64F64 bits."""
    rao = array("stake", stake, np.int64, (None,))
    if (rao < 0).any():
        at = int(np.argmax(rao < 0))
        raise InputError("stake", f"expected no negative stake, got {rao[at]}", at)
    return _words([r << 64 for r in rao.tolist()])


def total_stake_array(value: object, n: int) -> U64Array:
    """uint64[n, 2], I64F64 bits within the range that section 2 gives them."""
    stake = array("total_stake", value, np.uint64, (n, 2))
    negative = stake[:, 1] >> np.uint64(63) != 0
    if negative.any():
        raise InputError("total_stake", "expected no negative stake: the highest bit is set", int(np.argmax(negative)))
    low, high = (sum(stake[:, word].tolist()) for word in (0, 1))
    if low + (high << 64) >= 2**127:
        raise InputError("total_stake", "expected a sum below 2^127, the range of I64F64")
    return stake
