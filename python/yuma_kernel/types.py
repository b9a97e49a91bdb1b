"""What goes into an epoch and what comes out.

Everything is validated once, here, at construction. What has been constructed is contiguous, of the stated dtype, and
cannot be changed: backends trust it without looking again. Arrays handed in are copied, never kept and never written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import InitVar, dataclass, field, fields
from itertools import accumulate, pairwise, zip_longest
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, cast

import numpy as np
import numpy.typing as npt

from yuma_kernel.errors import Index, InputError, UnsupportedProfile, shown

MAX_UIDS: Final = 32767
PROFILES: Final = (425,)
"""The runtimes whose arithmetic this version computes, by spec version; section 9 says what a later one changes."""

U16_MAX: Final = 2**16 - 1
U64_MAX: Final = 2**64 - 1

BoolArray: TypeAlias = npt.NDArray[np.bool_]
U16Array: TypeAlias = npt.NDArray[np.uint16]
U32Array: TypeAlias = npt.NDArray[np.uint32]
U64Array: TypeAlias = npt.NDArray[np.uint64]
I64Array: TypeAlias = npt.NDArray[np.int64]
AnyArray: TypeAlias = npt.NDArray[Any]

_T = TypeVar("_T", bound=np.generic)
_U = TypeVar("_U")


# -- from whatever the caller has to arrays that cannot change ------------------------------------------------------------


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


def _same(a: object, b: object) -> bool:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and bool(np.array_equal(a, b))
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    return type(a) is type(b) and a == b


class _Held:
    """A value that the C backend may hold as a struct: made at its first call, once, and no part of the value."""

    __slots__ = ("_native",)
    _native: Any

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__


class _Value(_Held):
    """Equality of raw bits, dtypes and orders; pickling that validates again, so that a copy is as trustworthy."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(_same(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))  # type: ignore[arg-type]

    __hash__ = None  # type: ignore[assignment]

    def _set(self, **values: object) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)


# -- rows -----------------------------------------------------------------------------------------------------------------


def _items(rows: Iterable[_U], what: str, index: Index = None) -> Iterator[_U]:
    try:
        return iter(rows)
    except TypeError:
        raise InputError("rows", f"expected {what}, got {type(rows).__name__}", index) from None


def _value_dtype(dtype: object) -> np.dtype[Any]:
    known = [np.dtype(np.uint16), np.dtype(np.int64)]
    try:
        return cast("np.dtype[Any]", known[known.index(np.dtype(cast(Any, dtype)))])
    except Exception:  # NumPy raises whatever the argument leads it to
        raise InputError("dtype", f"expected uint16 or int64, got {shown(dtype)}") from None


@dataclass(frozen=True, eq=False, repr=False)
class SparseRows(_Value):
    """n rows of (uid, value) in stored order: weights or bonds (section 2).

    Row i is the range [indptr[i], indptr[i + 1]) of `uid` and `value`. Rows may be empty, unsorted, and hold zeros; a uid
    stands in a row at most once and is below n.

    Attributes:
        indptr: uint32[n + 1], starting at 0, never decreasing, ending at the number of entries.
        uid: uint16[entries].
        value: uint16[entries] as the chain stores them, or int64[entries] with `dtype=np.int64`: raw I32F32 bits.

    Raises:
        InputError: naming `indptr`, `uid` or `value`.
    """

    indptr: U32Array
    uid: U16Array
    value: AnyArray
    dtype: InitVar[npt.DTypeLike] = np.uint16

    if TYPE_CHECKING:  # the fields say what is held; this, what is taken

        def __init__(
            self,
            indptr: npt.ArrayLike,
            uid: npt.ArrayLike,
            value: npt.ArrayLike,
            dtype: npt.DTypeLike = np.uint16,
        ) -> None: ...

    def __post_init__(self, dtype: npt.DTypeLike) -> None:
        dtype = _value_dtype(dtype)
        indptr = array("indptr", self.indptr, np.uint32, (None,))
        n = indptr.size - 1
        if not 1 <= n <= MAX_UIDS:
            raise InputError("indptr", f"expected 1 to {MAX_UIDS} rows, got {n}")
        uid = array("uid", self.uid, np.uint16, (None,))
        value = array("value", self.value, dtype, (uid.size,))
        if indptr[0] != 0:
            raise InputError("indptr", f"expected to start at 0, got {indptr[0]}", 0)
        falls = indptr[1:] < indptr[:-1]
        if falls.any():
            at = int(np.argmax(falls)) + 1
            raise InputError("indptr", f"expected not to decrease, got {indptr[at]} after {indptr[at - 1]}", at)
        if indptr[-1] != uid.size:
            raise InputError("indptr", f"expected to end at the number of entries, {uid.size}, got {indptr[-1]}", n)
        beyond = uid >= n
        if beyond.any():
            at = int(np.argmax(beyond))
            raise InputError("uid", f"expected a uid below n = {n}, got {uid[at]}", at)
        self._set(indptr=indptr, uid=uid, value=value)
        self._refuse_repeated_uids()

    def _refuse_repeated_uids(self) -> None:
        key = self.entry_rows() * np.int64(MAX_UIDS + 1) + self.uid
        if bool((key[1:] > key[:-1]).all()):  # every row ascending
            return
        order = np.argsort(key, kind="stable")
        repeated = order[1:][key[order[1:]] == key[order[:-1]]]
        if repeated.size:
            at = int(repeated.min())
            raise InputError("uid", f"uid {self.uid[at]} stands more than once in row {int(key[at]) >> 15}", at)

    def entry_rows(self) -> I64Array:
        """int64[entries]: of each entry, the row that it stands in."""
        return np.repeat(np.arange(self.n, dtype=np.int64), self.indptr[1:] - self.indptr[:-1])

    def __reduce__(self) -> tuple[Any, ...]:
        # bytes, not arrays: pickle would hand the new owner writable ones
        return type(self), (np.array(self.indptr), np.array(self.uid), np.array(self.value), self.value.dtype)

    def __repr__(self) -> str:
        return f"SparseRows(n={self.n}, entries={self.uid.size}, value={self.value.dtype})"

    def __len__(self) -> int:
        return self.n

    @property
    def n(self) -> int:
        """The number of rows, and the bound of every uid."""
        return self.indptr.size - 1

    @classmethod
    def _trusted(cls, indptr: U32Array, uid: U16Array, value: AnyArray) -> SparseRows:
        """Rows that a backend made; no check, no copy. The arrays must have no other owner."""
        rows = object.__new__(cls)
        rows._set(indptr=freeze(indptr), uid=freeze(uid), value=freeze(value))
        return rows

    @classmethod
    def _frozen(cls, fields: dict[str, Any]) -> SparseRows:
        """The same from all fields, frozen already, in a dict that is the rows' from now on."""
        rows = object.__new__(cls)
        object.__setattr__(rows, "__dict__", fields)
        return rows

    @classmethod
    def _trusted_lists(cls, rows: list[list[tuple[int, int]]], dtype: npt.DTypeLike) -> SparseRows:
        """The same from lists; every number fits."""
        ends = np.array(list(accumulate(map(len, rows), initial=0)), np.uint32)
        uid = np.array([uid for row in rows for uid, _ in row], np.uint16)
        return cls._trusted(ends, uid, np.array([value for row in rows for _, value in row], dtype))

    @classmethod
    def empty(cls, n: int) -> SparseRows:
        """n rows without entries."""
        n = integer("n", n, 1, MAX_UIDS)
        return cls(np.zeros(n + 1, np.uint32), np.zeros(0, np.uint16), np.zeros(0, np.uint16))

    @classmethod
    def from_rows(cls, rows: Iterable[Iterable[Sequence[int]]], dtype: npt.DTypeLike = np.uint16) -> SparseRows:
        """From one sequence of (uid, value) pairs per uid, in stored order."""
        lengths = [0]
        uids: list[Any] = []
        values: list[Any] = []
        for i, row in enumerate(_items(rows, "one sequence of pairs per uid")):
            for k, pair in enumerate(_items(row, "a sequence of pairs (uid, value)", i)):
                try:
                    uid, value = () if isinstance(pair, (Set, Mapping)) else pair  # those have no order
                except (TypeError, ValueError):
                    raise InputError("rows", f"expected a pair (uid, value), got {shown(pair)}", (i, k)) from None
                uids.append(uid)
                values.append(value)
            lengths.append(len(uids))
        return cls(lengths, uids, values, dtype)

    @classmethod
    def from_dense(cls, matrix: object, dtype: npt.DTypeLike = np.uint16) -> SparseRows:
        """From an n x n matrix: of each row the entries that are not 0, in ascending order of uid."""
        dense = array("matrix", matrix, _value_dtype(dtype), (None, None))
        n, columns = dense.shape
        if n != columns:
            raise InputError("matrix", f"expected a square matrix, got {n} x {columns}")
        if not 1 <= n <= MAX_UIDS:
            raise InputError("matrix", f"expected 1 to {MAX_UIDS} rows, got {n}")
        row, uid = np.nonzero(dense)
        indptr = np.concatenate(([0], np.cumsum(np.bincount(row, minlength=n))))
        return cls(indptr, uid.astype(np.uint16), dense[row, uid], dtype)

    @classmethod
    def from_csr(cls, matrix: Any, dtype: npt.DTypeLike = np.uint16) -> SparseRows:
        """From a SciPy CSR matrix, or anything with its `indptr`, `indices`, `data` and `shape`; order and zeros kept."""
        if not all(hasattr(matrix, attribute) for attribute in ("indptr", "indices", "data", "shape")):
            raise InputError("matrix", f"expected a CSR matrix, got {type(matrix).__name__}")
        if getattr(matrix, "format", "csr") != "csr":
            raise InputError("matrix", f"expected CSR format, got {matrix.format}")
        rows = cls(matrix.indptr, matrix.indices, matrix.data, dtype)
        if tuple(matrix.shape) != (rows.n, rows.n):
            raise InputError("matrix", f"expected a square matrix, got {' x '.join(map(str, matrix.shape))}")
        return rows

    def to_rows(self) -> list[list[tuple[int, int]]]:
        """One list of (uid, value) per uid, in stored order, in Python integers."""
        pairs = list(zip(self.uid.tolist(), self.value.tolist(), strict=True))
        ends = self.indptr.tolist()
        return [pairs[a:b] for a, b in pairwise(ends)]

    def to_dense(self) -> AnyArray:
        """The n x n matrix, absent entries as 0; a new array that the caller owns."""
        dense = np.zeros((self.n, self.n), self.value.dtype)
        dense[self.entry_rows(), self.uid] = self.value
        return dense


def stored_rows(name: str, value: object) -> SparseRows:
    """Rows of uint16, from SparseRows or from a CSR matrix."""
    if isinstance(value, SparseRows):
        if value.value.dtype != np.uint16:
            raise InputError(name, f"expected rows of uint16 as the chain stores them, got {value.value.dtype}")
        return value
    if all(hasattr(value, attribute) for attribute in ("indptr", "indices", "data", "shape")):
        try:
            return SparseRows.from_csr(value)
        except InputError as error:
            raise error.within(f"{name}.{error.field}") from None
    raise InputError(name, f"expected SparseRows or a CSR matrix, got {type(value).__name__}")


# -- stake ----------------------------------------------------------------------------------------------------------------


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


# -- the inputs of an epoch -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, repr=False)
class SubnetState(_Value):
    """One subnet as the chain stores it when an epoch begins (section 2).

    Attributes:
        weights, bonds: SparseRows of uint16; a CSR matrix of SciPy is taken too.
        total_stake: uint64[n, 2], the I64F64 bits of the stake in rao (low word, high word); none negative, and the sum
            below 2^127. `total_stake_bits` and `stake_from_rao` make it.
        last_update, block_at_registration: uint64[n], blocks.
        validator_permit: bool[n].
        current_block: uint64, blocks.
        last_mechanism_step_block: uint64, blocks.
        owner_uid: below n, or None.
        commit_block: uint64[n], blocks, 2^64 - 1 where there is none; None: no live commit for any uid.

    Raises:
        InputError: naming the field, the index and the rule.
    """

    weights: SparseRows
    bonds: SparseRows
    total_stake: U64Array
    last_update: U64Array
    block_at_registration: U64Array
    validator_permit: BoolArray
    current_block: int
    last_mechanism_step_block: int = 0
    owner_uid: int | None = None
    commit_block: U64Array | None = None

    if TYPE_CHECKING:  # the fields say what is held; this, what is taken

        def __init__(
            self,
            weights: Any,
            bonds: Any,
            total_stake: npt.ArrayLike,
            last_update: npt.ArrayLike,
            block_at_registration: npt.ArrayLike,
            validator_permit: npt.ArrayLike,
            current_block: int,
            last_mechanism_step_block: int = 0,
            owner_uid: int | None = None,
            commit_block: npt.ArrayLike | None = None,
        ) -> None: ...

    def __post_init__(self) -> None:
        weights = stored_rows("weights", self.weights)
        bonds = stored_rows("bonds", self.bonds)
        n = weights.n
        if bonds.n != n:
            raise InputError("bonds", f"expected {n} rows, as weights have, got {bonds.n}")
        self._set(
            weights=weights,
            bonds=bonds,
            total_stake=total_stake_array(self.total_stake, n),
            last_update=array("last_update", self.last_update, np.uint64, (n,)),
            block_at_registration=array("block_at_registration", self.block_at_registration, np.uint64, (n,)),
            validator_permit=array("validator_permit", self.validator_permit, np.bool_, (n,)),
            current_block=integer("current_block", self.current_block, 0, U64_MAX),
            last_mechanism_step_block=integer("last_mechanism_step_block", self.last_mechanism_step_block, 0, U64_MAX),
            owner_uid=None if self.owner_uid is None else integer("owner_uid", self.owner_uid, 0, n - 1),
            commit_block=None if self.commit_block is None else array("commit_block", self.commit_block, np.uint64, (n,)),
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(_unfrozen(getattr(self, f.name)) for f in fields(self))

    def __repr__(self) -> str:
        return f"SubnetState(n={self.n}, weights={self.weights!r}, bonds={self.bonds!r}, current_block={self.current_block})"

    @property
    def n(self) -> int:
        """The number of uids."""
        return self.weights.n


def _unfrozen(value: object) -> object:
    return np.array(value) if isinstance(value, np.ndarray) else value


@dataclass(frozen=True, kw_only=True)
class Hyperparameters(_Held):
    """The hyperparameters of a subnet (section 2); the defaults are what the runtime gives a new one.

    Attributes:
        kappa: u16 proportion, 65535 for 1: the share of stake that consensus needs.
        bonds_penalty: u16 proportion, how far the weights in bonds are clipped.
        bonds_moving_average: millionths, at most 1,000,000: the part of the old bonds that is kept.
        yuma3, liquid_alpha: bool; liquid_alpha has no effect without yuma3.
        alpha_low, alpha_high: u16 proportions, the bounds of liquid alpha; low may be above high.
        alpha_sigmoid_steepness: i16, hundredths.
        max_allowed_validators: u16.
        stake_threshold: u64, rao.
        tempo, activity_cutoff: u64, blocks.
        commit_reveal: bool.
        profile: the runtime's arithmetic, one of `PROFILES`.

    Raises:
        InputError: naming the field and the rule. UnsupportedProfile: for a profile that is not computed here.
    """

    kappa: int = 32767
    bonds_penalty: int = 65535
    bonds_moving_average: int = 900_000
    yuma3: bool = True
    liquid_alpha: bool = False
    alpha_low: int = 45875
    alpha_high: int = 58982
    alpha_sigmoid_steepness: int = 1000
    max_allowed_validators: int = 128
    stake_threshold: int = 0
    tempo: int = 360
    activity_cutoff: int = 5000
    commit_reveal: bool = True
    profile: int = 425

    def __post_init__(self) -> None:
        for name, check in _HYPERPARAMETER_RULES.items():
            object.__setattr__(self, name, check(name, getattr(self, name)))


def _range(low: int, high: int) -> Callable[[str, object], int]:
    return lambda name, value: integer(name, value, low, high)


def _profile(name: str, value: object) -> int:
    profile = integer(name, value, 0, U64_MAX)
    if profile not in PROFILES:
        raise UnsupportedProfile(name, f"expected one of {', '.join(map(str, PROFILES))}, got {profile}")
    return profile


_HYPERPARAMETER_RULES: Final[Mapping[str, Callable[[str, object], int]]] = {
    **dict.fromkeys(("kappa", "bonds_penalty", "alpha_low", "alpha_high", "max_allowed_validators"), _range(0, U16_MAX)),
    **dict.fromkeys(("stake_threshold", "tempo", "activity_cutoff"), _range(0, U64_MAX)),
    **dict.fromkeys(("yuma3", "liquid_alpha", "commit_reveal"), boolean),
    "bonds_moving_average": _range(0, 1_000_000),
    "alpha_sigmoid_steepness": _range(-(2**15), 2**15 - 1),
    "profile": _profile,
}


# -- the outputs of an epoch ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """The first place at which two results differ.

    Attributes:
        stage: the name of the output.
        uid: the uid (for rows: of the row), or None where shapes or dtypes differ.
        expected, got: what stands there; of rows the first entry (uid, value) that differs, None beyond the end of a row.
    """

    stage: str
    uid: int | None
    expected: Any
    got: Any

    def __str__(self) -> str:
        place = "" if self.uid is None else f" of uid {self.uid}"
        return f"{self.stage}{place}: expected {self.expected}, got {self.got}"


def _rows_difference(stage: str, expected: SparseRows, got: SparseRows) -> Difference | None:
    if expected == got:
        return None
    if (expected.n, expected.value.dtype) != (got.n, got.value.dtype):
        return Difference(stage, None, expected, got)
    pairs = enumerate(zip(expected.to_rows(), got.to_rows(), strict=True))
    uid, (a, b) = next((uid, rows) for uid, rows in pairs if rows[0] != rows[1])
    return next(Difference(stage, uid, x, y) for x, y in zip_longest(a, b) if x != y)


def _array_difference(stage: str, expected: AnyArray, got: AnyArray) -> Difference | None:
    if _same(expected, got):
        return None
    if (expected.shape, expected.dtype) != (got.shape, got.dtype):
        return Difference(stage, None, f"{expected.dtype}{list(expected.shape)}", f"{got.dtype}{list(got.shape)}")
    uid = int(np.argmax(expected != got))
    return Difference(stage, uid, expected[uid].item(), got[uid].item())


@dataclass(frozen=True, eq=False, repr=False)
class EpochResult(_Value):
    """What the chain stores after an epoch (section 8).

    Attributes:
        active: bool[n].
        stake_weight, consensus, validator_trust, incentive, dividends: uint16[n], proportions, 65535 for 1.
        validator_permit: bool[n], the permits of the next epoch.
        bonds: SparseRows of uint16, the bonds of the next epoch.
        server_emission, validator_emission, emission: uint64[n], rao.
        trace: None, or by the names of `TRACES` the raw I32F32 bits between the stages: int64[n], and SparseRows of int64.
    """

    active: BoolArray
    stake_weight: U16Array
    validator_permit: BoolArray
    consensus: U16Array
    validator_trust: U16Array
    incentive: U16Array
    bonds: SparseRows
    dividends: U16Array
    server_emission: U64Array
    validator_emission: U64Array
    emission: U64Array
    trace: Mapping[str, I64Array | SparseRows] | None = field(default=None)

    def __post_init__(self) -> None:
        """Freezes what a backend made: results are the backends' to construct, with arrays that nobody else holds."""
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, np.ndarray):
                self._set(**{f.name: freeze(value)})
        if self.trace is not None:
            frozen = {k: freeze(v) if isinstance(v, np.ndarray) else v for k, v in self.trace.items()}
            self._set(trace=MappingProxyType(frozen))

    @classmethod
    def _frozen(cls, fields: dict[str, Any]) -> EpochResult:
        """From all fields, frozen already, in a dict that is the result's from now on."""
        result = object.__new__(cls)
        object.__setattr__(result, "__dict__", fields)
        return result

    def __reduce__(self) -> tuple[Any, ...]:
        trace = None if self.trace is None else {k: _unfrozen(v) for k, v in self.trace.items()}
        return type(self), (*(_unfrozen(getattr(self, f.name)) for f in fields(self)[:-1]), trace)

    def __repr__(self) -> str:
        return f"EpochResult(n={self.active.size}, bonds={self.bonds!r}, trace={'no' if self.trace is None else 'yes'})"

    def first_difference(self, expected: Mapping[str, AnyArray | SparseRows]) -> Difference | None:
        """The first output, in the order of the law, that is not what `expected` holds under its name; None where all agree.

        Outputs that `expected` does not name are not compared. Bits, dtypes, shapes and the order of entries count.
        """
        if not isinstance(expected, Mapping):
            raise InputError("expected", f"expected a mapping, got {type(expected).__name__}")
        for name in OUTPUTS:
            if name in expected:
                want, got = expected[name], getattr(self, name)
                if not isinstance(want, SparseRows if name == "bonds" else np.ndarray):
                    raise InputError(f"expected.{name}", f"expected the type of the result, got {type(want).__name__}")
                if isinstance(want, SparseRows):
                    difference = _rows_difference(name, want, got)
                else:
                    difference = _array_difference(name, want, got)
                if difference is not None:
                    return difference
        return None


OUTPUTS: Final = tuple(f.name for f in fields(EpochResult) if f.name != "trace")
"""The outputs of an epoch, in the order in which the law computes them."""

TRACED_ARRAYS: Final = ("stake", "active_stake", "consensus", "validator_trust", "rank", "incentive", "dividends")
TRACED_ROWS: Final = ("weights", "clipped", "weights_for_bonds", "ema_bonds", "normalized_bonds")
TRACES: Final = (
    "stake", "active_stake", "weights", "consensus", "clipped", "validator_trust", "rank", "incentive",
    "weights_for_bonds", "ema_bonds", "normalized_bonds", "dividends",
)  # fmt: skip
"""The names under which a trace holds what stands between the stages, in the order of the law."""
