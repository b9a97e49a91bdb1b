"""From the weights that people have to the weights that a validator sends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from fractions import Fraction
from itertools import islice
from typing import Any, Final, Literal, cast, get_args, overload

import numpy as np

from yuma_kernel.arrays import U16_MAX, U16Array, boolean, freeze, has_items, integer, is_number
from yuma_kernel.errors import InputError, shown

Order = Literal["given", "ascending"]

ORDERS: Final[tuple[Order, ...]] = get_args(Order)


@overload
def weights_to_u16(
    weights: object, *, order: Order = "given", lists: Literal[False] = False
) -> tuple[U16Array, U16Array]: ...


@overload
def weights_to_u16(weights: object, *, order: Order = "given", lists: Literal[True]) -> tuple[list[int], list[int]]: ...


def weights_to_u16(weights: object, *, order: Order = "given", lists: bool = False) -> Any:
    """Weights of any scale as the (uids, values) that the SDKs send for them: the largest becomes 65535.

    Each value is weight / largest, times 65535, to the nearest integer, ties to even, in doubles, each step rounded: what
    bittensor 9, 10 and 11 compute, bit by bit. Those that become 0 are dropped. The quotient that no float rounds is
    `weights_to_u16_exact`; the two differ where a product is near a half.

    bittensor 9 and 10 round a *list* of weights to float32 first, arrays not: `np.array(weights, np.float32)` gives what
    they send for a list.

    Args:
        weights: {uid: weight}, its keys integers, or strings of them as JSON has them; a pandas Series, its index the
            uids; or weights by uid: an array, a list, a range, any iterable. Floats or integers, none negative.
        order: "given", as the uids come in `weights`; or "ascending". The chain stores a row in the order in which it was
            sent, and under liquid alpha that changes what is earned, so nothing is reordered unasked. bittensor 9 and 10
            send in the order given; so does bittensor 11, but mappings in ascending uids.
        lists: whether to give lists of Python integers, as the SDKs' hashes of commits need them.

    Returns:
        uint16[m] uids and uint16[m] values, or two lists; both empty where every weight is 0.

    Raises:
        InputError: a uid that is no u16 or stands twice, a weight that is NaN, infinite, negative, no number, or too large
            for a double; its index is the uid.
    """
    pairs = [(uid, _double(uid, weight)) for uid, weight in _pairs(weights)]
    largest = max((weight for _, weight in pairs), default=0.0)
    scaled = [(uid, round(weight / largest * U16_MAX)) for uid, weight in pairs if weight]
    return _given(scaled, order, lists)


@overload
def weights_to_u16_exact(
    weights: object, *, order: Order = "given", lists: Literal[False] = False
) -> tuple[U16Array, U16Array]: ...


@overload
def weights_to_u16_exact(
    weights: object, *, order: Order = "given", lists: Literal[True]
) -> tuple[list[int], list[int]]: ...


def weights_to_u16_exact(weights: object, *, order: Order = "given", lists: bool = False) -> Any:
    """As `weights_to_u16`, but of the exact quotient: weight · 65535 / largest to the nearest integer, ties to even.

    No float is rounded on the way, so that it does not always give what an SDK sends. Integers of any size are taken, and a
    `np.longdouble` counts with all its bits.

    Args:
        weights, order, lists: as there.

    Raises:
        InputError: as there.
    """
    pairs = [(uid, _exact(uid, weight)) for uid, weight in _pairs(weights)]
    largest = max((weight for _, weight in pairs), default=Fraction(0))
    scaled = [(uid, round(weight * U16_MAX / largest)) for uid, weight in pairs if weight]
    return _given(scaled, order, lists)


def uid_of_key(key: object) -> object:
    """The key of a mapping by uid as an integer, where it is a string of one as JSON writes it; else the key."""
    if isinstance(key, str) and key.isascii() and key.isdecimal() and len(key) <= 5 and str(int(key)) == key:
        return int(key)
    return key


def _pairs(weights: object) -> list[tuple[int, object]]:
    """(uid, weight) in the order given, every uid once."""
    if isinstance(weights, Mapping):
        items: Iterable[tuple[object, object]] = weights.items()
    elif hasattr(weights, "items") and hasattr(weights, "index") and has_items(weights):  # a Series: its index are the uids
        items = cast(Any, weights).items()
    else:
        return list(enumerate(_by_uid(weights)))
    pairs = [(integer("uid", uid_of_key(uid), 0, U16_MAX), weight) for uid, weight in items]
    if len({uid for uid, _ in pairs}) != len(pairs):
        raise InputError("uid", "expected every uid once")
    return pairs


def _by_uid(weights: object) -> list[object]:
    if isinstance(weights, np.ma.MaskedArray):
        raise InputError("weights", "masked arrays are not taken: fill or drop the masked entries first")
    if isinstance(weights, np.ndarray) and weights.dtype.kind not in "iufO":
        raise InputError("weights", f"expected numbers, got dtype {weights.dtype}")
    if isinstance(weights, Set) or not has_items(weights):  # a set has no order
        raise InputError("weights", f"expected a mapping or an array of one dimension, got {type(weights).__name__}")
    # arrays and tensors give Python's numbers this way; of a generator without an end only so many are looked at
    whole = cast(Any, weights).tolist() if hasattr(weights, "tolist") else weights
    items = list(islice(cast("Iterable[object]", whole), U16_MAX + 2))
    if len(items) > U16_MAX + 1:
        raise InputError("weights", f"expected at most {U16_MAX + 1} weights, one a uid, got more")
    return items


def _number(uid: int, weight: object) -> int | float | np.floating[Any]:
    if not is_number(weight):
        pairs = isinstance(weight, (tuple, list, np.ndarray))
        way = "; pairs go as dict(pairs), two columns as dict(zip(uids, weights))" if pairs else ""
        raise InputError("weights", f"expected a number, got {type(weight).__name__}{way}", uid)
    if isinstance(weight, (float, np.floating)) and not np.isfinite(weight):
        raise InputError("weights", f"expected a finite number, got {weight}", uid)
    if cast(float, weight) < 0:
        raise InputError("weights", f"expected no negative weight, got {shown(weight)}", uid)
    return cast(float, weight)


def _double(uid: int, weight: object) -> float:
    number = _number(uid, weight)
    try:
        double = float(number)
    except OverflowError:
        double = float("inf")
    if double == float("inf"):
        raise InputError("weights", f"expected a number that a double holds, got {shown(weight)}", uid)
    return double


def _exact(uid: int, weight: object) -> Fraction:
    number = _number(uid, weight)
    return Fraction(*number.as_integer_ratio()) if isinstance(number, (float, np.floating)) else Fraction(int(number))


def _given(scaled: list[tuple[int, int]], order: object, lists: object) -> Any:
    if order not in ORDERS:
        raise InputError("order", f"expected one of {', '.join(ORDERS)}, got {shown(order)}")
    kept = [(uid, value) for uid, value in scaled if value]
    if order == "ascending":
        kept.sort()
    uids, values = [uid for uid, _ in kept], [value for _, value in kept]
    if boolean("lists", lists):
        return uids, values
    return freeze(np.array(uids, np.uint16)), freeze(np.array(values, np.uint16))
