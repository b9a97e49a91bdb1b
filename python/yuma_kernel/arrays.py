"""From whatever the caller has to exact integers, booleans and arrays that cannot change."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any, Final, Literal, TypeAlias, TypeGuard, TypeVar, cast

import numpy as np
import numpy.typing as npt

from yuma_kernel.errors import Index, InputError, shown
from yuma_kernel.units import AMOUNT, MADE, UNITS, hint, not_rao

MAX_UIDS: Final = 32767
U16_MAX: Final = 2**16 - 1
U64_MAX: Final = 2**64 - 1
MASKED: Final = "masked arrays are not taken: fill or drop the masked entries first"

BoolArray: TypeAlias = npt.NDArray[np.bool_]
U16Array: TypeAlias = npt.NDArray[np.uint16]
U32Array: TypeAlias = npt.NDArray[np.uint32]
U64Array: TypeAlias = npt.NDArray[np.uint64]
I64Array: TypeAlias = npt.NDArray[np.int64]
AnyArray: TypeAlias = npt.NDArray[Any]

Integer: TypeAlias = int | np.integer[Any]
Boolean: TypeAlias = bool | np.bool_ | Literal[0, 1]
"""What `integer` and `boolean` are meant for; they look for themselves."""

_T = TypeVar("_T", bound=np.generic)


def freeze(array: npt.NDArray[_T]) -> npt.NDArray[_T]:
    """The same values in C order, in memory that nobody can write: a bytes object.

    `setflags(write=False)` would not do, nor a read-only view: whoever has the array finds the owner of its memory through
    `base` and `obj`, and the C kernel reads uids that were checked once as indices. An array that is in such memory already
    is given back as it is; any other is copied.
    """
    owner: Any = array
    while type(owner) is np.ndarray:
        owner = owner.base
    if type(owner) is bytes and array.flags.c_contiguous:
        return array
    return _in_bytes(array, array.dtype)


def seal(array: AnyArray) -> AnyArray:
    """The same memory, without a copy, of a contiguous array that is given up with this call: behind a capsule, which
    Python cannot open, so that nothing leads from the result back to what could write it."""
    sealed = np.from_dlpack(array.reshape(-1).view(np.uint8))
    sealed.setflags(write=False)
    return sealed.view(array.dtype).reshape(array.shape)


def _in_bytes(array: AnyArray, dtype: np.dtype[Any]) -> AnyArray:
    """A copy in a bytes object, the memory read as `dtype`, which has the item size of the array's."""
    data: Any = array.tobytes()
    return np.ndarray(array.shape, dtype, data)


def as_made(name: str, held: AnyArray, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> None:
    """That nobody has set the dtype, the shape or the strides of an array since it was frozen, which NumPy lets anyone do.

    Raises:
        InputError: somebody has.
    """
    if held.dtype != dtype or held.shape != shape or not held.flags.c_contiguous:
        expected = f"{np.dtype(dtype)}{list(shape)} in C order, as it was made"
        raise InputError(
            name, f"expected {expected}: its dtype, shape or strides have been set since, to {held.dtype}{list(held.shape)}"
        )


def integer(name: str, value: object, low: int, high: int, index: Index = None) -> int:
    """`value` as an exact int in low..high; whole floats and 0-d arrays are taken, booleans are not."""
    if type(value) is int and low <= value <= high:
        return value
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, (bool, np.bool_)):
        raise InputError(name, f"expected an integer, got the boolean {value}", index)
    if isinstance(value, (float, np.floating)):
        if _no_integer(np.asarray(value)).any():
            raise InputError(name, f"expected a whole number, got {value}{hint(name, value)}", index)
        if index is None:  # of many, the largest tells
            _rao_for_sure(name, float(value), index)
    elif not isinstance(value, (int, np.integer)) or isinstance(value, np.timedelta64):  # to NumPy a duration is an integer
        raise InputError(name, f"expected an integer, got {type(value).__name__}", index)
    exact = int(value)
    if not low <= exact <= high:
        raise InputError(name, f"expected an integer from {low} to {high}, got {shown(exact)}", index)
    return exact


def _rao_for_sure(name: str, largest: float, index: Index) -> None:
    """InputError for whole floats, of which this is the largest, as amounts that may be meant in alpha."""
    why = not_rao(name, largest)
    if why is not None:
        raise InputError(name, why, index)


def _largest_for_sure(name: str, values: AnyArray) -> None:
    if values.size:
        at = np.unravel_index(int(values.argmax()), values.shape)
        _rao_for_sure(name, float(values[at]), _index(tuple(map(int, at))))


def stored_integer(name: str, value: object, low: int, high: int) -> int:
    """The same for a number with a unit of `units.UNITS`: floats are refused, whole ones too, as 1.0 or 10.0 is meant as one
    or ten of what people count in."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, (float, np.floating)) and np.isfinite(float(value)):
        unit, value = UNITS[name], float(value)
        rule = f"expected the stored integer, {unit.name}, got the float {value}"
        said = unit.reading(value, low, high)
        if said is not None:
            rule += f": {said}"
        if value == int(value) and abs(value) > 1:
            rule += f"; where it is what is stored, give {int(value)}"
        raise InputError(name, rule)
    return integer(name, value, low, high)


def is_number(value: object) -> TypeGuard[int | float | np.integer[Any] | np.floating[Any]]:
    """An integer or a float of Python or NumPy: no truth value, and no duration, which to NumPy is an integer."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, (bool, np.timedelta64))


def proportion(name: str, value: object, index: Index = None) -> Any:
    """`value` as it is: a number from 0 to 1."""
    # a nan is looked for first, as NumPy 1.26 warns where one of its own stands beside an integer
    finite = not isinstance(value, (float, np.floating)) or np.isfinite(value)
    if not is_number(value) or not finite or not 0 <= cast(float, value) <= 1:
        raise InputError(name, f"expected a proportion from 0 to 1, got {shown(value)}", index)
    return value


def integers(items: list[Any] | tuple[Any, ...]) -> I64Array | None:
    """int64 where every item is a plain int that fits; None otherwise, whatever they are."""
    if list(map(type, items)).count(int) != len(items):
        return None
    try:
        return np.frombuffer(struct.pack(f"{len(items)}q", *items), np.int64)  # twice as fast as np.fromiter
    except struct.error:
        return None


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


_BY_UID: Final = frozenset(
    (
        "last_update", "block_at_registration", "validator_permit", "commit_block", "previous_consensus",
        "total_stake", "alpha_stake", "tao_stake", "stake",
    )
)  # fmt: skip


def ordered(name: str, value: Any) -> None:
    """That the index and the columns of what pandas has are not the uids in another order than that of the places, by which
    a field is read. Any other labels are nobody's uids.

    Raises:
        InputError: they are.
    """
    for labels in (value.index, getattr(value, "columns", ())):
        uids = np.asarray(labels)
        if uids.dtype.kind in "iu" and uids.ndim == 1:
            places = np.arange(uids.size)
            if (uids != places).any() and (np.sort(uids) == places).all():
                at = int(np.argmax(uids != places))
                raise InputError(name, f"expected uids in ascending order, got label {uids[at]}; sort_index sorts them", at)


def _source(name: str, value: object) -> AnyArray:
    """An ndarray that holds exactly what the caller gave: NumPy alone would read [2**63, -1] as floats."""
    if type(value) is np.ndarray:
        return value
    if name in _BY_UID and hasattr(value, "iloc"):
        ordered(name, value)
    if type(value) in (list, tuple):
        exact = integers(tuple(cast("Iterable[object]", value)))
        if exact is not None:
            return exact
    elif hasattr(value, "indptr"):  # SparseRows, which would be a dense matrix, and those of SciPy, which would be none
        raise InputError(name, f"expected an array, got {type(value).__name__}")
    parts = value if isinstance(value, (list, tuple)) else [value]
    if any(isinstance(part, np.ma.MaskedArray) for part in parts):
        raise InputError(name, MASKED)
    deepest, depth = value, 0
    while isinstance(deepest, (list, tuple)) and deepest:
        deepest, depth = deepest[0], depth + 1
        if depth > 8:  # a list that holds itself twice would be an array of all there is of memory
            raise InputError(name, "expected an array, got lists nested too deep for any")
    try:
        return np.array(value, dtype=object) if parts is value else np.asarray(value)
    except (TypeError, ValueError) as error:
        raise InputError(name, f"expected an array, got {type(value).__name__} ({error})") from None


_SMALLEST_NORMAL: Final[dict[int, Any]] = {2: np.uint16(1 << 10), 4: np.uint32(1 << 23), 8: np.uint64(1 << 52)}
"""By the bytes of a float, the bits of the smallest one that no mode of the machine takes for 0."""


def _no_integer(floats: AnyArray) -> Any:
    """Where floats are no whole numbers. Those next to 0 are told by their bits: a process may have set its machine to
    compare them as 0 (DAZ of x86, FZ of ARM); extended precision knows no such mode."""
    with np.errstate(invalid="ignore"):  # a signaling NaN
        wide = floats if floats.dtype.itemsize >= 8 else floats.astype(np.float64)
    bad = ~np.isfinite(wide)
    bad |= np.floor(np.where(bad, 0, wide)) != np.where(bad, 0, wide)
    normal = _SMALLEST_NORMAL.get(floats.dtype.itemsize)
    if normal is not None:
        bits: Any = floats.astype(floats.dtype.newbyteorder("=")).view(normal.dtype) << normal.dtype.type(1)
        bad |= (bits != 0) & (bits < normal << normal.dtype.type(1))
    return bad


def _checked(name: str, source: AnyArray, dtype: np.dtype[Any]) -> AnyArray:
    """A frozen copy of `source` in `dtype`, every value the same number. What is checked is what is kept: another thread may
    write to the source all the while, so that each of its items is read once."""
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
            if UNITS.get(name) is AMOUNT and any(isinstance(item, (float, np.floating)) and item for item in source.flat):
                _largest_for_sure(name, out)
        return freeze(out)
    if dtype.kind == "b":
        if kind == "b":
            return freeze(np.not_equal(source.view(np.uint8), 0))  # a view as bool may hold other bytes than 0 and 1
        if kind not in "iu":
            raise InputError(name, f"expected booleans, got dtype {source.dtype}")
        own = source.copy()
        bad = (own != 0) & (own != 1)
        if bad.any():
            at = _where(bad)
            raise InputError(name, f"expected a boolean, got {own[at]}", at)
        return freeze(np.not_equal(own, 0))
    if kind not in "iuf":
        raise InputError(name, f"expected integers that fit {dtype}, got dtype {source.dtype}")
    if source.dtype == dtype:
        return _in_bytes(source, dtype)
    own = source.copy()
    limits = np.iinfo(dtype)
    if kind == "f":
        bad = _no_integer(own)
        if bad.any():
            at = _where(bad)
            raise InputError(name, f"expected a whole number, got {own[at]}{hint(name, own[at])}", at)
        # max + 1 is a power of two, so both bounds are exact in every float type that reaches them
        wide = own if own.dtype.itemsize >= 8 else own.astype(np.float64)
        bad = (wide < float(limits.min)) | (wide >= float(int(limits.max) + 1))
    else:
        of_source = np.iinfo(own.dtype)
        low = own.dtype.type(max(int(limits.min), int(of_source.min)))
        high = own.dtype.type(min(int(limits.max), int(of_source.max)))
        fits = own.size == 0 or (own.min() >= low and own.max() <= high)
        bad = np.False_ if fits else (own < low) | (own > high)
    if bad.any():
        at = _where(bad)
        raise InputError(name, f"expected an integer from {limits.min} to {limits.max}, got {shown(int(own[at]))}", at)
    if kind == "f" and UNITS.get(name) is AMOUNT:
        _largest_for_sure(name, own)
    return freeze(own.astype(dtype, order="C"))


def _one_length(name: str, source: AnyArray) -> None:
    """InputError where NumPy made no axis more of lists, as they are not all of one length."""
    first: Any = None
    for at in np.ndindex(source.shape):
        if not isinstance(source[at], (list, tuple)):
            return
        first = len(source[at]) if first is None else first
        if len(source[at]) != first:
            raise InputError(name, f"expected rows of one length, got {first} and {len(source[at])}", _index(at))


def array(name: str, value: object, dtype: npt.DTypeLike, shape: tuple[int | None, ...]) -> AnyArray:
    """`value` copied into a frozen array of `dtype` (integer or bool) and `shape`, None standing for any length."""
    source = _source(name, value)[...]  # a view, whose shape and dtype nobody else can set
    if source.ndim != len(shape):
        if 0 < source.ndim < len(shape) and source.dtype.kind == "O":
            _one_length(name, source)
        made = f"; {MADE[name]}" if name in MADE else ""
        raise InputError(name, f"expected {len(shape)} dimension{'s' * (len(shape) > 1)}, got {source.ndim}{made}")
    for axis, expected in enumerate(shape):
        if expected is not None and source.shape[axis] != expected:
            what = "length" if len(shape) == 1 else f"length of axis {axis}"
            raise InputError(name, f"expected {what} {expected}, got {source.shape[axis]}")
    return _checked(name, source, np.dtype(dtype))


def has_items(value: object) -> bool:
    """Whether it is a collection of things, and no text, bytes or single number in the form of an array."""
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes, bytearray, memoryview))


def several(name: str, value: Any) -> list[Any]:
    """The values of `name`, of which several are asked for."""
    if not has_items(value):
        raise InputError(name, f"expected a list of values, got {shown(value)}")
    return list(value)


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
