"""A matrix as the chain stores it: rows of (uid, value) in their order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import InitVar, dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

from yuma_kernel.arrays import MAX_UIDS, AnyArray, I64Array, U16Array, U32Array, array, freeze, integer
from yuma_kernel.errors import Index, InputError, shown
from yuma_kernel.values import _Value

_U = TypeVar("_U")


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
        """Rows that a backend made; no check."""
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
