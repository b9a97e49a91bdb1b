"""A matrix as the chain stores it: rows of (uid, value) in their order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import InitVar, dataclass
from functools import cache
from itertools import accumulate, chain, compress, pairwise
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar, cast

import numpy as np
import numpy.typing as npt

from yuma_kernel.arrays import (
    MASKED,
    MAX_UIDS,
    AnyArray,
    BoolArray,
    I64Array,
    U16Array,
    U32Array,
    array,
    as_made,
    freeze,
    integer,
    integers,
    ordered,
)
from yuma_kernel.errors import Index, InputError, shown
from yuma_kernel.values import _Value

U32_MAX: Final = 2**32 - 1

_U = TypeVar("_U")


def _items(rows: Iterable[_U], what: str, index: Index = None) -> Iterator[_U]:
    try:
        return iter(rows)
    except TypeError:
        raise InputError("rows", f"expected {what}, got {type(rows).__name__}", index) from None


_Columns = tuple[list[int], list[Any], list[Any]]
"""How many entries each row has; of those that have any, the uids, and the values: sequences of which no more is known."""


def _array_columns(rows: list[Any]) -> _Columns | None:
    """Of rows that all are two arrays of one dimension, or empty; None for any others."""
    kinds = list(map(type, rows))
    tuples = kinds.count(tuple)
    if tuples != len(rows) or not all(rows):  # a list of two arrays would be two pairs
        if tuples + kinds.count(list) != len(rows) or any(type(row) is list and row for row in rows):
            return None
        rows = [row or (_NOTHING, _NOTHING) for row in rows]
    if not rows or list(map(len, rows)).count(2) != len(rows):
        return None
    uids, values = zip(*rows, strict=True)
    if list(map(type, uids)).count(np.ndarray) + list(map(type, values)).count(np.ndarray) != 2 * len(rows):
        return None
    try:
        lengths, others = list(map(len, uids)), list(map(len, values))
    except TypeError:  # an array of no dimension
        return None
    if lengths != others:
        at = next(i for i in range(len(rows)) if lengths[i] != others[i])
        raise _unequal(uids[at], values[at], at)
    columns = lengths, list(compress(uids, lengths)), list(compress(values, lengths))
    if list(map(_NDIM, columns[1])).count(1) + list(map(_NDIM, columns[2])).count(1) != 2 * len(columns[1]):
        return None
    return columns


_NDIM = attrgetter("ndim")
_DTYPE = attrgetter("dtype")
_NOTHING = np.empty(0, np.uint16)


def _unequal(uids: AnyArray, values: AnyArray, i: int) -> InputError:
    return InputError("rows", f"expected as many uids as values, got {list(uids.shape)} and {list(values.shape)}", i)


def _any_columns(rows: list[Any]) -> _Columns:
    lengths: list[int] = []
    uids: list[Any] = []
    values: list[Any] = []
    for i, row in enumerate(rows):
        if type(row) is list and not row:
            lengths.append(0)
            continue
        own, their = _columns(row, i)
        lengths.append(len(own))
        if len(own):
            uids.append(own)
            values.append(their)
    return lengths, uids, values


def _columns(row: Any, i: int) -> tuple[Any, Any]:
    """The uids and the values of row `i`, two sequences of one length; those of plain ints alone as int64."""
    if isinstance(row, tuple) and len(row) == 2 and isinstance(row[0], np.ndarray) and isinstance(row[1], np.ndarray):
        uids, values = row
        if isinstance(uids, np.ma.MaskedArray) or isinstance(values, np.ma.MaskedArray):
            raise InputError("rows", MASKED, i)
        if uids.ndim != 1 or uids.shape != values.shape:
            raise _unequal(uids, values, i)
        return np.array(uids), np.array(values)
    if isinstance(row, Mapping):
        return _halves([*row, *row.values()])
    pairs = row if type(row) is list else list(_items(row, "a sequence of pairs (uid, value)", i))
    kinds = list(map(type, pairs))
    if kinds.count(tuple) == len(pairs) or kinds.count(list) == len(pairs):
        try:
            return _halves([uid for uid, _ in pairs] + [value for _, value in pairs])
        except (TypeError, ValueError):  # one is no pair: below it is told which
            pass
    uid_column: list[Any] = []
    value_column: list[Any] = []
    for k, pair in enumerate(pairs):
        try:
            uid, value = cast(Any, ()) if isinstance(pair, (Set, Mapping)) else pair  # those have no order
        except (TypeError, ValueError):
            raise InputError("rows", f"expected a pair (uid, value), got {shown(pair)}", (i, k)) from None
        uid_column.append(uid)
        value_column.append(value)
    return uid_column, value_column


def _halves(both: list[Any]) -> tuple[Any, Any]:
    exact = integers(both)
    columns: Any = both if exact is None else exact
    return columns[: len(both) // 2], columns[len(both) // 2 :]


def _joined(name: str, parts: list[Any], dtype: np.dtype[Any]) -> AnyArray:
    """One column of all rows; in `dtype` and checked, or of integers that are still to be."""
    if not parts:
        return np.empty(0, dtype)
    if list(map(type, parts)).count(np.ndarray) == len(parts):
        dtypes = list(map(_DTYPE, parts))
        if dtypes[0].kind in "iu" and dtypes.count(dtypes[0]) == len(dtypes):
            return np.concatenate(parts)
    plain = (part.tolist() if isinstance(part, np.ndarray) and part.dtype.kind in "iu" else part for part in parts)
    return array(name, list(chain.from_iterable(plain)), dtype, (None,))


@cache
def _kernel() -> tuple[Any, Any] | None:
    """The C kernel, which knows of no module here, as cffi gives it; None where it cannot be loaded."""
    try:
        from yuma_kernel.kernel._yuma import ffi, lib
    except ImportError:
        return None
    return ffi, lib


def _well_formed(n: int, indptr: U32Array, uid: U16Array) -> bool:
    """Whether they are n well-formed rows; False also where there is nothing fast to tell it."""
    kernel = _kernel()
    if kernel is None or uid.size > U32_MAX:
        return False
    ffi, lib = kernel
    ends, uids = ffi.from_buffer("uint32_t[]", indptr), ffi.from_buffer("uint16_t[]", uid)
    return bool(lib.yuma_check_rows(n, uid.size, ends, uids) == lib.YUMA_OK)


def _matrix(matrix: object, dtype: np.dtype[Any]) -> AnyArray:
    """A dense matrix in dtype: the caller's own memory where that has the form, and else a copy of it."""
    if type(matrix) is np.ndarray and matrix.dtype == dtype and matrix.ndim == 2 and matrix.flags.c_contiguous:
        return matrix[...]
    try:
        return array("matrix", matrix, dtype, (None, None))
    except InputError as error:
        if error.rule.startswith("expected a whole number"):
            raise InputError("matrix", f"{error.rule}; {_WHOLE}", error.index) from None
        raise


_WHOLE = "weights as people have them, floats or percent, become a row of these by weights_to_u16 or state.with_weights"


def _sparse(dense: AnyArray, uids: U16Array | None) -> tuple[U32Array, U16Array, AnyArray]:
    """Of a checked matrix, of whose rows uid i is the i-th of `uids`, the rows: indptr, uid and value.

    Another thread may write to the matrix all the while: every entry is read once.
    """
    v, n = dense.shape
    kernel = _kernel() if dense.dtype == np.uint16 else None
    if kernel is not None:
        ffi, lib = kernel
        own = np.arange(v, dtype=np.uint16) if uids is None else uids
        indptr = np.empty(n + 1, np.uint32)
        uid, value = np.empty(v * n, np.uint16), np.empty(v * n, np.uint16)
        given = (ffi.from_buffer("uint16_t[]", part) for part in (own, dense.reshape(-1)))
        made = (ffi.from_buffer("uint16_t[]", part) for part in (uid, value))
        status = lib.yuma_rows_from_dense(n, ffi.NULL, v, *given, ffi.from_buffer("uint32_t[]", indptr), *made)
        assert status == lib.YUMA_OK
        kept = int(indptr[-1])
        return indptr, uid[:kept], value[:kept]
    dense = np.array(dense)
    there = dense.reshape(-1) != 0
    at = np.flatnonzero(there)
    lengths = np.zeros(n, np.uint32)
    lengths[slice(None) if uids is None else uids] = np.count_nonzero(there.reshape(v, n), axis=1)
    indptr = np.concatenate(([0], np.cumsum(lengths, dtype=np.uint32))).astype(np.uint32)
    return indptr, (at % n).astype(np.uint16), dense.reshape(-1)[at]


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
        self._set(indptr=indptr, uid=uid, value=value)
        if not _well_formed(n, indptr, uid):
            self._refuse()

    def _refuse(self) -> None:
        """The first rule of the format that is broken, if one is; any uids are there."""
        indptr, uid, n = self.indptr, self.uid, self.n
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
        key = self.entry_rows() * np.int64(MAX_UIDS + 1) + uid
        order = np.argsort(key, kind="stable")
        repeated = order[1:][key[order[1:]] == key[order[:-1]]]
        if repeated.size:
            at = int(repeated.min())
            raise InputError("uid", f"uid {uid[at]} stands more than once in row {int(key[at]) >> 15}", at)

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

    def __getitem__(self, uid: int) -> tuple[U16Array, AnyArray]:
        """The row of `uid`: its uids, and their values. InputError for a uid that is none of 0 to n - 1."""
        uid = integer("uid", uid, 0, self.n - 1)
        entries = slice(self.indptr[uid], self.indptr[uid + 1])
        return self.uid[entries], self.value[entries]

    def __iter__(self) -> Iterator[tuple[U16Array, AnyArray]]:
        """Of each uid its row: the uids, and their values."""
        for a, b in pairwise(self.indptr.tolist()):
            yield self.uid[a:b], self.value[a:b]

    __contains__: ClassVar[None] = None  # of arrays there is no `in`

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> AnyArray:
        """The n x n matrix, as NumPy asks for it."""
        if copy is False:
            raise ValueError("SparseRows hold no dense matrix: it is always made")
        dense = self.to_dense()
        return dense if dtype is None else dense.astype(dtype, copy=False)

    @property
    def n(self) -> int:
        """The number of rows, and the bound of every uid."""
        return self.indptr.size - 1

    @classmethod
    def _trusted(cls, indptr: U32Array, uid: U16Array, value: AnyArray) -> SparseRows:
        """Rows that a backend made; no check."""
        return cls._frozen({"indptr": freeze(indptr), "uid": freeze(uid), "value": freeze(value)})

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

    def _keeping(self, kept: BoolArray) -> SparseRows:
        """The rows without the entries where `kept`, bool[entries], is false, in their order."""
        ends = np.concatenate((np.zeros(1, np.uint32), np.cumsum(kept, dtype=np.uint32)))
        return SparseRows._trusted(ends[self.indptr], self.uid[kept], self.value[kept])

    def with_values(self, values: object) -> SparseRows:
        """The same pattern with other values, of the same dtype: `values` has one for each entry, in stored order."""
        rows = object.__new__(type(self))
        rows._set(indptr=self.indptr, uid=self.uid, value=array("values", values, self.value.dtype, (self.uid.size,)))
        return rows

    @classmethod
    def from_rows(cls, rows: Any, dtype: npt.DTypeLike = np.uint16, *, n: int | None = None) -> SparseRows:
        """From one row per uid, in stored order; rows may be of different forms.

        Args:
            rows: for each uid its row: a sequence of pairs (uid, value), a mapping {uid: value}, or a tuple of two arrays,
                the uids and their values, as `rows[uid]` gives them. With `n`, a mapping of such rows by uid.
            dtype: uint16, or int64 for raw I32F32 bits.
            n: the number of uids; those that a mapping does not have get an empty row. None: as many as there are rows.

        Raises:
            InputError: naming `rows` with (uid, place) or, where the rows have their form, `uid` or `value` with the entry.
        """
        if isinstance(rows, Mapping):
            if n is None:
                raise InputError("rows", "a mapping of rows does not say how many uids there are: expected n beside it")
            by_uid = {integer("rows", uid, 0, MAX_UIDS - 1): row for uid, row in rows.items()}
            n = integer("n", n, max(by_uid, default=0) + 1, MAX_UIDS)
            rows = [by_uid.get(uid, ()) for uid in range(n)]
        rows = list(_items(rows, "one sequence of pairs per uid"))
        if n is not None and len(rows) != integer("n", n, 1, MAX_UIDS):
            raise InputError("rows", f"expected one for each of {n} uids, got {len(rows)}")
        dtype = _value_dtype(dtype)
        columns = _array_columns(rows) or _any_columns(rows)
        uid, value = _joined("uid", columns[1], np.dtype(np.uint16)), _joined("value", columns[2], dtype)
        if uid.size > U32_MAX:
            raise InputError("rows", f"expected at most {U32_MAX} entries, got {uid.size}")
        ends = np.zeros(len(rows) + 1, np.uint32)
        np.cumsum(np.fromiter(columns[0], np.uint32, len(rows)), out=ends[1:])
        return cls(ends, uid, value, dtype)

    @classmethod
    def from_dense(cls, matrix: object, dtype: npt.DTypeLike = np.uint16, *, uids: object = None) -> SparseRows:
        """From an n x n matrix: of each row the entries that are not 0, in ascending order of uid.

        Args:
            matrix: integers that fit dtype, n x n; or with `uids`, the rows of these alone, v x n, in their order.
            dtype: uint16, or int64 for raw I32F32 bits.
            uids: u16[v], each below n and none twice; all other rows are empty.
        """
        if isinstance(matrix, SparseRows):
            raise InputError("matrix", "expected a dense matrix, got SparseRows: they are what this makes")
        dtype = _value_dtype(dtype)
        if hasattr(matrix, "iloc") and uids is None:
            ordered("matrix", matrix)
        dense = _matrix(matrix, dtype)
        v, n = dense.shape
        own = None
        if uids is not None:
            own = array("uids", uids, np.uint16, (v,))
        elif v != n:
            raise InputError("matrix", f"expected a square matrix, got {v} x {n}; rows of some uids alone go with `uids`")
        if not 1 <= n <= MAX_UIDS:
            raise InputError("matrix", f"expected 1 to {MAX_UIDS} rows, got {n}")
        if own is not None and own.size:
            if int(own.max()) >= n:
                at = int(np.argmax(own >= n))
                raise InputError("uids", f"expected a uid below n = {n}, got {own[at]}", at)
            if not (own[1:] > own[:-1]).all():
                order = np.argsort(own, kind="stable")
                same = own[order[1:]] == own[order[:-1]]
                if same.any():
                    at = int(order[1:][same].min())
                    raise InputError("uids", f"expected every uid once, got {own[at]} again", at)
                own, dense = own[order], dense[order]
        return cls._trusted(*_sparse(dense, own))

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


def rows_as_made(name: str, rows: SparseRows) -> None:
    """That the arrays of rows of uint16 are as they were made: see `arrays.as_made`."""
    as_made(f"{name}.indptr", rows.indptr, np.uint32, (rows.indptr.size,))
    entries = (int(rows.indptr[-1]),)
    as_made(f"{name}.uid", rows.uid, np.uint16, entries)
    as_made(f"{name}.value", rows.value, np.uint16, entries)


def stored_rows(name: str, value: object) -> SparseRows:
    """Rows of uint16, from SparseRows or from a CSR matrix."""
    if isinstance(value, SparseRows):
        if value.value.dtype != np.uint16:
            raise InputError(name, f"expected rows of uint16 as the chain stores them, got {value.value.dtype}")
        rows_as_made(name, value)
        return value
    if all(hasattr(value, attribute) for attribute in ("indptr", "indices", "data", "shape")):
        try:
            return SparseRows.from_csr(value)
        except InputError as error:
            raise error.within(f"{name}.{error.field}") from None
    raise InputError(
        name, f"expected SparseRows or a CSR matrix, got {type(value).__name__}; SparseRows.from_dense takes matrices"
    )
