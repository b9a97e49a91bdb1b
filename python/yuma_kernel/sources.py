"""What the arguments of `variants` give to one chunk of variants after the other: stacks, and iterators of one variant or of
several at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np

from yuma_kernel.arrays import AnyArray, array, has_items
from yuma_kernel.errors import InputError
from yuma_kernel.rows import SparseRows, stored_rows
from yuma_kernel.types import Hyperparameters, stored_consensus

_T = TypeVar("_T")


class Kind(Protocol):
    """How one argument is read."""

    def stacked(self, value: Any) -> bool:
        """Whether it is of several variants, and not of one."""

    def opened(self, value: Any) -> Any:
        """A stack as something that has a length and is sliced, its shape checked."""

    def own(self, value: Any) -> Any:
        """Of one variant, what the caller cannot change any more."""

    def room(self, value: Any, most: int) -> _Room:
        """For what so many variants have each, one after the other; the first of them has this."""

    def piece(self, stack: Any, first: int) -> Any:
        """Part of a stack, checked, for a chunk that begins at `first`."""


class _Room(Protocol):
    """A stack that is made of what comes by an iterator."""

    def put(self, value: Any) -> int:
        """What one variant has: 1; 0 where that cannot stand beside the others."""

    def put_all(self, stack: Any, begin: int, most: int, first: int) -> int:
        """Of what `Kind.opened` gave from `begin` on no more than `most`, which are the variants from `first` on: how many;
        0 where they cannot stand beside the others."""

    def stack(self) -> Any:
        """What was put."""


class _List:
    """A stack of objects of one type, each as `own` gives it, or `read` several in a list."""

    def __init__(self, own: Callable[[Any], Any], read: Callable[[Any, int], Any]) -> None:
        self.own, self.read = own, read
        self.items: list[Any] = []

    def put(self, value: Any) -> int:
        item = self.own(value)
        if self.items and type(item) is not type(self.items[0]):
            return 0
        self.items.append(item)
        return 1

    def put_all(self, stack: Any, begin: int, most: int, first: int) -> int:
        if not isinstance(stack, list):
            return 0
        items = self.read(stack[begin : begin + most], first)
        self.items += items
        return len(items)

    def stack(self) -> Any:
        return self.items


class _Array:
    """A stack of arrays of one shape, or of numbers, each copied to its place once: as it is, or where it is of another kind
    as `own` gives it, or `read` several."""

    def __init__(self, own: Callable[[Any], Any], read: Callable[[Any, int], Any], like: AnyArray, most: int) -> None:
        self.own, self.read = own, read
        self.dtype, self.shape = like.dtype, like.shape
        self.rows, self.count = np.empty((most, *like.shape), like.dtype), 0

    def put(self, value: Any) -> int:
        plain = value[...] if type(value) is np.ndarray else None  # a view, whose shape and dtype nobody else can set
        if plain is None or plain.dtype != self.dtype or plain.shape != self.shape:
            plain = self.own(value)
            if not isinstance(plain, np.ndarray) or plain.shape != self.shape:
                return 0
        self.rows[self.count] = plain
        self.count += 1
        return 1

    def put_all(self, stack: Any, begin: int, most: int, first: int) -> int:
        part = stack[begin : begin + most]
        if not isinstance(part, np.ndarray) or part.shape[1:] != self.shape:
            return 0
        if part.dtype != self.dtype:
            part = self.read(part, first)
        self.rows[self.count : self.count + len(part)] = part
        self.count += len(part)
        return len(part)

    def stack(self) -> Any:
        return self.rows[: self.count]


def _depth(value: Any) -> int:
    """The number of dimensions that it has as an array, by the first of its items."""
    if type(value) is np.ndarray:
        return int(value.ndim)
    depth = 0
    while isinstance(value, (list, tuple)) and depth <= 8:
        depth += 1
        if not value:
            return depth
        value = value[0]
    if isinstance(value, (list, tuple)):  # one that holds itself twice would be an array of all there is of memory
        return depth
    try:
        return depth + np.asarray(value).ndim
    except Exception:  # whatever a foreign value raises: it is told what it should be where it is read
        return depth


def _moved(error: InputError, first: int) -> InputError:
    """An error of a piece, with the index of its variant first."""
    index = error.index
    if isinstance(index, tuple):
        return type(error)(error.field, error.rule, (first + index[0], *index[1:]))
    return type(error)(error.field, error.rule, first + (index or 0))


@dataclass(frozen=True)
class Arrays:
    """An array or a number of each variant."""

    name: str
    dtype: Any
    shape: tuple[int | None, ...]
    check: Callable[[AnyArray], None] | None = None

    def stacked(self, value: Any) -> bool:
        return _depth(value) > len(self.shape)

    def _read(self, value: Any, count: int | None) -> AnyArray:
        return array(self.name, value, self.dtype, (count, *self.shape))

    def opened(self, value: Any) -> Any:
        if not isinstance(value, np.ndarray) or isinstance(value, np.ma.MaskedArray):
            return self._read(value, None)
        plain = np.asarray(value)[...]  # a view, whose shape and dtype nobody else can set
        self._read(plain[:0], 0)
        return plain

    def own(self, value: Any) -> Any:
        return array(self.name, value, self.dtype, self.shape)

    def room(self, value: Any, most: int) -> _Room:
        return _Array(self.own, self.piece, self.own(value), most)

    def piece(self, stack: Any, first: int) -> Any:
        try:
            rows = self._read(stack, None)
            if self.check is not None:
                self.check(rows)
        except InputError as error:
            raise _moved(error, first) from None
        return rows


def check_stakes(stakes: AnyArray) -> None:
    """total_stake of several variants: none negative, and the sum of each below 2^127, in four words of 32 bits."""
    negative = stakes[:, :, 1] >> np.uint64(63) != 0
    if negative.any():
        at = tuple(int(k) for k in np.argwhere(negative)[0])
        raise InputError("total_stake", "expected no negative stake: the highest bit is set", at)
    words = stakes.astype("<u8", copy=False).view("<u4").sum(axis=1, dtype=np.uint64)  # at most 32767 * 2^32 each
    carry: Any = np.uint64(0)
    for k in range(words.shape[1]):
        carry = words[:, k] + (carry >> np.uint64(32))
    beyond = carry >> np.uint64(31) != 0
    if beyond.any():
        at = (int(np.argmax(beyond)),)
        raise InputError("total_stake", "expected a sum below 2^127, the range of I64F64", at)


def check_length(consensus: AnyArray) -> None:
    """previous_consensus of several variants, of one length."""
    if len(consensus):
        stored_consensus(consensus[0])


@dataclass(frozen=True)
class Rows:
    """SparseRows or CSR matrices."""

    name: str
    n: int

    def stacked(self, value: Any) -> bool:
        return not hasattr(value, "indptr")

    def opened(self, value: Any) -> Any:
        if not has_items(value) or isinstance(value, (np.ndarray, Mapping)):
            raise InputError(self.name, f"expected SparseRows or a sequence of them, got {type(value).__name__}")
        return list(value)

    def own(self, value: Any) -> Any:
        rows = stored_rows(self.name, value)
        if rows.n != self.n:
            raise InputError(self.name, f"expected {self.n} rows, as the state has, got {rows.n}")
        return rows

    def room(self, value: Any, most: int) -> _Room:
        return _List(self.own, self.piece)

    def piece(self, stack: Any, first: int) -> Any:
        return _each(self.own, stack, first)


def _each(own: Callable[[Any], Any], stack: list[Any], first: int) -> list[Any]:
    return [_of(first + k, own, value) for k, value in enumerate(stack)]


def _front(variant: int, index: Any) -> Any:
    return variant if index is None else (variant, *(index if isinstance(index, tuple) else (index,)))


@dataclass(frozen=True)
class Weights:
    """SparseRows, or dense rows of the uids."""

    sparse: Rows
    dense: Arrays
    order: AnyArray | None  # that makes the uids ascend; None: they do

    name = "weights"

    def _is_sparse(self, value: Any) -> bool:
        first = value[0] if isinstance(value, (list, tuple)) and value else value
        return hasattr(first, "indptr")

    def stacked(self, value: Any) -> bool:
        if type(value) is np.ndarray:
            return self.dense.stacked(value)
        return not hasattr(value, "indptr") and (self._is_sparse(value) or self.dense.stacked(value))

    def opened(self, value: Any) -> Any:
        return self.sparse.opened(value) if self._is_sparse(value) else self.dense.opened(value)

    def own(self, value: Any) -> Any:
        return self.sparse.own(value) if self._is_sparse(value) else self.dense.own(value)

    def room(self, value: Any, most: int) -> _Room:
        first = self.own(value)
        if isinstance(first, SparseRows):
            return _List(self.own, self.sparse.piece)
        return _Array(self.own, self.dense.piece, first, most)

    def piece(self, stack: Any, first: int) -> Any:
        """Dense rows without a second copy, which would be of the largest of all inputs."""
        if isinstance(stack, list):
            return self.sparse.piece(stack, first)
        if stack.dtype != np.uint16:  # of another byte order neither
            stack = self.dense.piece(stack, first)
        if self.order is not None:
            return np.ascontiguousarray(stack[:, self.order])  # which NumPy lays out as it likes
        return np.require(stack, requirements=["C", "A"])


@dataclass(frozen=True)
class Rules:
    """Hyperparameters."""

    known: Callable[[Hyperparameters], None]

    name = "hyperparameters"

    def stacked(self, value: Any) -> bool:
        return not isinstance(value, Hyperparameters)

    def opened(self, value: Any) -> Any:
        if not has_items(value) or isinstance(value, Mapping):
            raise InputError(self.name, f"expected Hyperparameters or a sequence of them, got {type(value).__name__}")
        return list(value)

    def own(self, value: Any) -> Any:
        if not isinstance(value, Hyperparameters):
            raise InputError(self.name, f"expected Hyperparameters, got {type(value).__name__}")
        self.known(value)
        return value

    def room(self, value: Any, most: int) -> _Room:
        return _List(self.own, self.piece)

    def piece(self, stack: Any, first: int) -> Any:
        return _each(self.own, stack, first)


class Stack:
    """An argument that is there as a whole."""

    def __init__(self, kind: Kind, value: Any) -> None:
        self.kind, self.values = kind, kind.opened(value)

    def __len__(self) -> int:
        return len(self.values)

    def sample(self) -> Any:
        """What the first variant has; None where there is none."""
        return self.values[0] if len(self.values) else None

    def available(self, first: int, most: int) -> int:
        return len(self.values) - first

    def take(self, first: int, count: int) -> Any:
        return self.kind.piece(self.values[first : first + count], first)


def _of(variant: int, function: Callable[..., _T], *arguments: Any) -> _T:
    """What it gives; what it refuses is of this variant."""
    try:
        return function(*arguments)
    except InputError as error:
        raise type(error)(error.field, error.rule, _front(variant, error.index)) from None


class Stream:
    """An argument that comes by an iterator: of one variant at a time, or of several.

    What it yields may be changed as soon as it is asked for more: one that refills the same array is as good as any other.
    """

    def __init__(self, kind: Kind, values: Iterator[Any]) -> None:
        self.kind, self.values = kind, values
        self.stack: Any = ()  # of variants that are not yet taken, the first at `at`
        self.at = 0
        # what was yielded and is not yet in a stack: nothing, what one variant has, or what several have from `begin` on
        self.several: bool | None = None
        self.left: Any = None
        self.begin = 0

    def sample(self) -> Any:
        """What the first variant has, before any is taken; None where there is none."""
        return self.stack[self.at] if self.available(0, 1) else None

    def available(self, first: int, most: int) -> int:
        """How many variants can be taken at once, from `first` on; 0: there are no more."""
        if self.at == len(self.stack):
            self.stack, self.at = self._next(first, most), 0
        return len(self.stack) - self.at

    def _next(self, first: int, most: int) -> Any:
        """A stack of the next variants: as many as can stand in one, and no more than `most`."""
        room, at = None, first
        while at < first + most and (self.several is not None or self._ask(at)):
            if room is None:
                room = _of(at, self.kind.room, self.left[self.begin] if self.several else self.left, most)
            if self.several:
                put = room.put_all(self.left, self.begin, first + most - at, at)
                self.begin += put
                over = self.begin == len(self.left)
            else:
                put = _of(at, room.put, self.left)
                over = put == 1
            if over:
                self.several, self.left = None, None
            elif not put:
                break
            at += put
        return () if room is None else room.stack()

    def _ask(self, first: int) -> bool:
        """The iterator for more: whether there is."""
        while True:
            try:
                value = next(self.values)
            except StopIteration:
                return False
            if not self.kind.stacked(value):
                self.several, self.left = False, value
                return True
            try:
                self.left, self.begin = self.kind.opened(value), 0
            except InputError as error:
                raise _moved(error, first) from None
            if len(self.left):
                self.several = True
                return True

    def take(self, first: int, count: int) -> Any:
        begin, self.at = self.at, self.at + count
        part = self.stack[begin : self.at]
        if self.at == len(self.stack):
            self.stack, self.at = (), 0  # whose memory is free as soon as the chunk is computed
        return self.kind.piece(part, first)


class Counted:
    """No argument, but how many variants there are."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def available(self, first: int, most: int) -> int:
        return self.count - first

    def take(self, first: int, count: int) -> Any:
        return None


Source = Stack | Stream | Counted


def parts(sources: Mapping[str, Source], most: int) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """What the arguments give to one chunk after the other: its first variant, how many, and the pieces."""
    first = 0
    while True:
        there = {name: source.available(first, most) for name, source in sources.items()}
        if not all(there.values()):
            for name, left in there.items():
                if left and isinstance(sources[name], Stream):
                    raise InputError(name, f"expected no more than {first}, as {_without(there)} has")
            for name, left in there.items():
                if not left and any(there.values()):
                    raise InputError(name, f"expected one for each variant, got {first} of them and no more", first)
            return
        count = min(most, *there.values())
        pieces = {name: source.take(first, count) for name, source in sources.items() if not isinstance(source, Counted)}
        yield first, count, pieces
        first += count


def _without(there: Mapping[str, int]) -> str:
    return next(name for name, left in there.items() if not left)
