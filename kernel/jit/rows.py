"""Arrays and rows on their way into compiled code and out of it."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from yuma_kernel.arrays import AnyArray, I64Array, U16Array, U64Array
from yuma_kernel.rows import SparseRows

Rows: TypeAlias = tuple[U64Array, U16Array, AnyArray]
"""indptr, uid, value."""


def raw_bits(array: AnyArray) -> I64Array:
    """A writable copy."""
    return array.astype(np.int64, order="C")


def raw_rows(rows: SparseRows) -> Rows:
    """Writable copies of rows of raw bits."""
    return rows.indptr.astype(np.uint64), np.array(rows.uid), rows.value.astype(np.int64)


def stored_rows(rows: SparseRows) -> Rows:
    """Writable copies of rows as the chain stores them."""
    return rows.indptr.astype(np.uint64), np.array(rows.uid), rows.value.astype(np.uint16)


def sparse(indptr: U64Array, uid: U16Array, value: AnyArray) -> SparseRows:
    entries = int(indptr[-1])
    return SparseRows._trusted(indptr.astype(np.uint32), uid[:entries], value[:entries])


def owner_index(owner_uid: int | None) -> int:
    """-1 for none."""
    return -1 if owner_uid is None else owner_uid
