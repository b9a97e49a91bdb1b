"""From whatever the caller has to exact integers, booleans and arrays that cannot change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, TypeAlias, TypeVar, cast

import numpy as np
import numpy.typing as npt

from yuma_kernel.errors import Index, InputError, shown

MAX_UIDS: Final = 32767
U16_MAX: Final = 2**16 - 1
U64_MAX: Final = 2**64 - 1

BoolArray: TypeAlias = npt.NDArray[np.bool_]
U16Array: TypeAlias = npt.NDArray[np.uint16]
U32Array: TypeAlias = npt.NDArray[np.uint32]
U64Array: TypeAlias = npt.NDArray[np.uint64]
I64Array: TypeAlias = npt.NDArray[np.int64]
AnyArray: TypeAlias = npt.NDArray[Any]

_T = TypeVar("_T", bound=np.generic)


def freeze(array: npt.NDArray[_T]) -> npt.NDArray[_T]:
    """The same memory (shape kept, C order), seen through a buffer that nobody can make writable again.

    `setflags(write=False)` would not do: the owner of an array may set the flag back, and the C kernel reads
    uids that were checked once as indices.
    """
    flat = np.ascontiguousarray(array).reshape(-1)
    # Any: mypy knows the buffer protocol from Python 3.12 on only
    view: Any = memoryview(cast(Any, flat)).toreadonly()
    frozen: Any = np.frombuffer(view, flat.dtype).reshape(array.shape)
    return cast("npt.NDArray[_T]", frozen)


def integer(name: str, value: object, low: int, high: int, index: Index = None) -> int:
    """`value` as an exact int in low..high; whole floats and 0-d arrays are taken, booleans are not."""
    if type(value) is int and low <= value <= high:
        return value
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, (bool, np.bool_)):
        raise InputError(name, f"expected an integer, got the boolean {value}", index)
    if isinstance(value, (float, np.floating)):
        if not np.isfinite(value) or value != np.floor(value):
            raise InputError(name, f"expected a whole number, got {value}", index)
    elif not isinstance(value, (int, np.integer)) or isinstance(value, np.timedelta64):  # to NumPy a duration is an integer
        raise InputError(name, f"expected an integer, got {type(value).__name__}", index)
    exact = int(value)
    if not low <= exact <= high:
        raise InputError(name, f"expected an integer from {low} to {high}, got {shown(exact)}", index)
    return exact


def boolean(name: str, value: object, index: Index = None) -> bool:
    """`value` as a bool; the integers 0 and 1 are taken, nothing else is."""
    if value is True or value is False:
        return value
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)) and not isinstance(value, np.timedelta64) and value in (0, 1):
        return bool(value)
    raise InputError(name, f"expected a boolean, got {shown(value)}", index)


def _where(bad: AnyArray) -> Any:
    """The first index at which `bad` is true, as InputError has it."""
    return _index(tuple(int(k) for k in np.argwhere(bad)[0]))


def _index(at: tuple[int, ...]) -> Any:
    return at[0] if len(at) == 1 else at


def _source(name: str, value: object) -> AnyArray:
    """An ndarray that holds exactly what the caller gave: NumPy alone would read [2**63, -1] as floats."""
    parts = value if isinstance(value, (list, tuple)) else [value]
    if any(isinstance(part, np.ma.MaskedArray) for part in parts):
        raise InputError(name, "masked arrays are not taken: fill or drop the masked entries first")
    deepest, depth = value, 0
    while isinstance(deepest, (list, tuple)) and deepest:
        deepest, depth = deepest[0], depth + 1
        if depth > 8:  # a list that holds itself twice would be an array of all there is of memory
            raise InputError(name, "expected an array, got lists nested too deep for any")
    try:
        return np.array(value, dtype=object) if parts is value else np.asarray(value)
    except (TypeError, ValueError) as error:
        raise InputError(name, f"expected an array, got {type(value).__name__} ({error})") from None


def _checked(name: str, source: AnyArray, dtype: np.dtype[Any]) -> AnyArray:
    """A copy of `source` in `dtype`, every value the same number."""
    kind = source.dtype.kind
    if kind == "O":
        items = np.ndindex(source.shape)
        out = np.empty(source.shape, dtype)
        if dtype.kind == "b":
            for at in items:
                out[at] = boolean(name, source[at], _index(at))
        else:
            low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
            for at in items:
                out[at] = integer(name, source[at], low, high, _index(at))
        return out
    if dtype.kind == "b":
        if kind == "b":
            return np.not_equal(source.view(np.uint8), 0)  # a view as bool may hold other bytes than 0 and 1
        if kind not in "iu":
            raise InputError(name, f"expected booleans, got dtype {source.dtype}")
        bad = (source != 0) & (source != 1)
        if bad.any():
            at = _where(bad)
            raise InputError(name, f"expected a boolean, got {source[at]}", at)
        return np.not_equal(source, 0)
    if kind not in "iuf":
        raise InputError(name, f"expected integers that fit {dtype}, got dtype {source.dtype}")
    limits = np.iinfo(dtype)
    if kind == "f":
        with np.errstate(invalid="ignore"):  # a signaling NaN
            wide = source if source.dtype.itemsize >= 8 else source.astype(np.float64)
        bad = ~np.isfinite(wide)
        bad |= np.floor(np.where(bad, 0, wide)) != np.where(bad, 0, wide)
        if bad.any():
            at = _where(bad)
            raise InputError(name, f"expected a whole number, got {source[at]}", at)
        # max + 1 is a power of two, so both bounds are exact in every float type that reaches them
        bad = (wide < float(limits.min)) | (wide >= float(int(limits.max) + 1))
    else:
        own = np.iinfo(source.dtype)
        low = source.dtype.type(max(int(limits.min), int(own.min)))
        high = source.dtype.type(min(int(limits.max), int(own.max)))
        bad = (source < low) | (source > high)
    if bad.any():
        at = _where(bad)
        raise InputError(name, f"expected an integer from {limits.min} to {limits.max}, got {shown(int(source[at]))}", at)
    return source.astype(dtype, order="C")


def array(name: str, value: object, dtype: npt.DTypeLike, shape: tuple[int | None, ...]) -> AnyArray:
    """`value` copied into a frozen array of `dtype` (integer or bool) and `shape`, None standing for any length."""
    source = _source(name, value)
    if source.ndim != len(shape):
        raise InputError(name, f"expected {len(shape)} dimension{'s' * (len(shape) > 1)}, got {source.ndim}")
    for axis, expected in enumerate(shape):
        if expected is not None and source.shape[axis] != expected:
            what = "length" if len(shape) == 1 else f"length of axis {axis}"
            raise InputError(name, f"expected {what} {expected}, got {source.shape[axis]}")
    return freeze(_checked(name, source, np.dtype(dtype)))


def has_items(value: object) -> bool:
    """Whether it is a collection of things, and no text, bytes or single number in the form of an array."""
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes, bytearray, memoryview))


def each_u64(name: str, value: object, count: int | None) -> tuple[int, ...] | None:
    """`count` integers of u64, None standing for any number; None for a value that is no sequence, and so one for all."""
    if isinstance(value, np.ndarray):
        alone = value.ndim == 0
    else:
        alone = isinstance(value, (int, float, np.generic)) or not (
            hasattr(value, "__len__") or hasattr(value, "__array__") or hasattr(value, "__iter__")
        )
    if alone:
        return None
    return tuple(array(name, value, np.uint64, (count,)).tolist())
