"""From the weights that people have to the weights that a validator sends."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import cast

import numpy as np

from yuma_kernel.arrays import U16_MAX, U16Array, freeze, integer
from yuma_kernel.errors import InputError, shown


def weights_to_u16(weights: object) -> tuple[U16Array, U16Array]:
    """Weights of any scale as the (uids, values) that a validator sends: the largest becomes 65535.

    Each value is weight · 65535 / largest to the nearest integer, ties to even, of the exact quotient: no float is rounded
    on the way. Those that become 0 are dropped.

    Args:
        weights: {uid: weight}, or an array of weights by uid; floats or integers, none negative.

    Returns:
        uint16[m] uids, in the order of `weights`, and uint16[m] values; both empty where every weight is 0.

    Raises:
        InputError: a uid that is no u16, a weight that is NaN, infinite, negative or not a number; its index is the uid.
    """
    if isinstance(weights, Mapping):
        pairs = [(integer("uid", uid, 0, U16_MAX), weight) for uid, weight in weights.items()]
        if len({uid for uid, _ in pairs}) != len(pairs):
            raise InputError("uid", "expected every uid once")
    else:
        if isinstance(weights, np.ma.MaskedArray):
            raise InputError("weights", "masked arrays are not taken: fill or drop the masked entries first")
        if isinstance(weights, np.ndarray) and weights.dtype.kind not in "iufO":
            raise InputError("weights", f"expected numbers, got dtype {weights.dtype}")
        items = weights.tolist() if isinstance(weights, np.ndarray) else weights
        if not isinstance(items, (list, tuple)):
            raise InputError("weights", f"expected a mapping or an array of one dimension, got {type(weights).__name__}")
        if len(items) > U16_MAX + 1:
            raise InputError("weights", f"expected at most {U16_MAX + 1} weights, got {len(items)}")
        pairs = list(enumerate(items))
    exact = {uid: _exact(uid, weight) for uid, weight in pairs}
    largest = max(exact.values(), default=Fraction(0))
    scaled = {uid: round(weight * U16_MAX / largest) for uid, weight in exact.items() if weight}
    kept = [(uid, value) for uid, value in scaled.items() if value]
    uids, values = (np.array([pair[k] for pair in kept], np.uint16) for k in (0, 1))
    return freeze(uids), freeze(values)


def _exact(uid: int, weight: object) -> Fraction:
    number = isinstance(weight, (int, float, np.integer, np.floating))
    if not number or isinstance(weight, (bool, np.bool_, np.timedelta64)):
        raise InputError("weights", f"expected a number, got {type(weight).__name__}", uid)
    if isinstance(weight, (float, np.floating)):
        if not np.isfinite(weight):
            raise InputError("weights", f"expected a finite number, got {weight}", uid)
        exact = Fraction(*weight.as_integer_ratio())
    else:
        exact = Fraction(int(cast(int, weight)))
    if exact < 0:
        raise InputError("weights", f"expected no negative weight, got {shown(weight)}", uid)
    return exact
