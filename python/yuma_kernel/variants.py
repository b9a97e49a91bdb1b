"""Many variants of one subnet in one call, as stacked arrays and without an object for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from yuma_kernel.arrays import AnyArray, BoolArray, U16Array, U64Array, array, freeze, has_items, integer, seal
from yuma_kernel.epoch import Backend, load_backend, supported
from yuma_kernel.errors import InputError, shown
from yuma_kernel.pool import spread, thread_count
from yuma_kernel.results import OUTPUTS, STACKED
from yuma_kernel.rows import SparseRows, stored_rows
from yuma_kernel.stacks import Stacked, stacked, stacked_bytes, stacks_in
from yuma_kernel.types import Hyperparameters, SubnetState, require_known, require_state, stored_consensus
from yuma_kernel.values import _Value

_T = TypeVar("_T")

MAX_VARIANTS: Final = 2**31 - 1

CHUNK_ENTRIES: Final = 2**19
"""The uids and weights that the variants of one call of the kernel have together, unless one alone has more: some
milliseconds between two chances of an interrupt, and little beside it that is done once a call."""

CHUNK: Final = 1024
"""The most variants of a call."""

BLOCK_BYTES: Final = 2**24
"""Of results of which nobody knows how many there will be, the most for which memory is taken at once, unless a chunk needs
more: large pieces have large pages, which cost less to fill."""

BLOCK_OF_USED: Final = 16
"""And at most so many times as much as they have taken before: few results take little."""


Progress = Callable[[int, int | None], object]


class _Outputs(_Value):
    """The outputs of `Variants` under their names."""

    if TYPE_CHECKING:  # found in `Variants.arrays`
        active: BoolArray
        stake_weight: U16Array
        validator_permit: BoolArray
        consensus: U16Array
        validator_trust: U16Array
        incentive: U16Array
        dividends: U16Array
        server_emission: U64Array
        validator_emission: U64Array
        emission: U64Array
        bonds: tuple[SparseRows, ...]
    else:

        def __getattr__(self, name: str) -> Any:
            if name not in OUTPUTS or "arrays" not in self.__dict__:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            if name == "bonds" and self.stored_bonds is not None:
                return self.stored_bonds
            if name in self.arrays:
                return self.arrays[name]
            raise AttributeError(f"{name} was not asked for: outputs were {', '.join(self.outputs) or 'none'}")


@dataclass(frozen=True, eq=False, repr=False)
class Variants(Stacked, _Outputs):
    """What each of k variants stored, of the outputs that were asked for; each is an attribute too.

    Attributes:
        n: the number of uids.
        arrays: by the name of an output, in the order of `OUTPUTS`: of each variant a row.
            active, validator_permit: bool[k, n].
            stake_weight, consensus, validator_trust, incentive, dividends: uint16[k, n], proportions, 65535 for 1.
            server_emission, validator_emission, emission: uint64[k, n], rao.
        bonds: of each variant the bonds that it stored.
    """

    n: int
    count: int
    arrays: Mapping[str, AnyArray]
    stored_bonds: tuple[SparseRows, ...] | None = None

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the outputs that are kept, in the order of `OUTPUTS`."""
        return tuple(name for name in OUTPUTS if name in self.arrays or (name == "bonds" and self.stored_bonds is not None))

    def __len__(self) -> int:
        """The number of variants."""
        return self.count

    def __repr__(self) -> str:
        return f"Variants(count={self.count}, n={self.n}, outputs={', '.join(self.outputs)})"

    def _repr_html_(self) -> str:
        shape = f"{self.count} × {self.n}"
        rows = "".join(
            f"<tr><td>{name}</td><td>{_UNITS[rows.dtype.str[1:]]}</td><td>{rows.dtype}</td><td>{shape}</td></tr>"
            for name, rows in self.arrays.items()
        )
        if self.stored_bonds is not None:
            rows += f"<tr><td>bonds</td><td>proportion of 65535</td><td>SparseRows</td><td>{self.count}</td></tr>"
        head = "<tr><th>output</th><th>unit</th><th>type</th><th>variants × uids</th></tr>"
        return f"<table><caption>{self.count} variants of {self.n} uids</caption>{head}{rows}</table>"

    def to_dict(self) -> dict[str, Any]:
        """By output, arrays that the caller owns; bonds as a list."""
        kept: dict[str, Any] = {name: np.array(rows) for name, rows in self.arrays.items()}
        return kept if self.stored_bonds is None else kept | {"bonds": list(self.stored_bonds)}

    def _stacks(self) -> Mapping[str, AnyArray]:
        return self.arrays

    def _index(self) -> tuple[str, Iterable[int], int]:
        return "variant", range(self.count), self.n

    def __reduce__(self) -> tuple[Any, ...]:
        plain = {name: np.array(rows) for name, rows in self.arrays.items()}
        return _rebuilt, (self.n, self.count, plain, self.stored_bonds)


_UNITS: Final = {"b1": "true or false", "u2": "proportion, of 65535", "u8": "rao"}


def _rebuilt(n: int, count: int, arrays: dict[str, AnyArray], bonds: tuple[SparseRows, ...] | None) -> Variants:
    return Variants(n, count, MappingProxyType({name: freeze(rows) for name, rows in arrays.items()}), bonds)


@dataclass(frozen=True)
class Plan:
    """What a backend is given once: the subnet with all that is held, validated, and what is to be kept."""

    state: SubnetState
    hyperparameters: Hyperparameters | None  # None: one a variant
    emission: int
    uids: U16Array  # whose rows the dense weights are, ascending
    outputs: tuple[str, ...]  # arrays
    keep_bonds: bool

    @property
    def dense_weights(self) -> int:
        """The most weights of a variant with dense rows: all of these, and what others have."""
        w = self.state.weights
        replaced = (w.indptr[1:] - w.indptr[:-1])[self.uids]
        return int(self.uids.size * self.state.n + w.uid.size - replaced.sum(dtype=np.int64))


@dataclass(frozen=True)
class Chunk:
    """Some variants in a row: by the name of an argument that is not held, what each of them has, validated.

    Attributes:
        first, count: which variants.
        given: arrays with a row or an item for each; lists of SparseRows and Hyperparameters; dense weights as
            uint16[count, uids, n] in C order, which somebody else may be writing to.
        kept: by output, where the rows of these variants go.
        bonds: where the bonds go, if they are kept.
    """

    first: int
    count: int
    given: dict[str, Any]
    kept: dict[str, AnyArray]
    bonds: list[SparseRows]


class _Kind(Protocol):
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
        """Of what `_Kind.opened` gave from `begin` on no more than `most`, which are the variants from `first` on: how many;
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
class _Arrays:
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


def _check_stakes(stakes: AnyArray) -> None:
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


def _check_length(consensus: AnyArray) -> None:
    """previous_consensus of several variants, of one length."""
    if len(consensus):
        stored_consensus(consensus[0])


@dataclass(frozen=True)
class _Rows:
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
    owned: list[Any] = []
    try:
        for value in stack:
            owned.append(own(value))  # noqa: PERF401  what is in it says which one the error is of
    except InputError as error:
        raise type(error)(error.field, error.rule, _front(first + len(owned), error.index)) from None
    return owned


def _front(variant: int, index: Any) -> Any:
    return variant if index is None else (variant, *(index if isinstance(index, tuple) else (index,)))


@dataclass(frozen=True)
class _Weights:
    """SparseRows, or dense rows of the uids."""

    sparse: _Rows
    dense: _Arrays
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
class _Rules:
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


class _Stack:
    """An argument that is there as a whole."""

    def __init__(self, kind: _Kind, value: Any) -> None:
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


class _Stream:
    """An argument that comes by an iterator: of one variant at a time, or of several.

    What it yields may be changed as soon as it is asked for more: one that refills the same array is as good as any other.
    """

    def __init__(self, kind: _Kind, values: Iterator[Any]) -> None:
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


class _Counted:
    """No argument, but how many variants there are."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def available(self, first: int, most: int) -> int:
        return self.count - first

    def take(self, first: int, count: int) -> Any:
        return None


_Source = _Stack | _Stream | _Counted


def _parts(sources: Mapping[str, _Source], most: int) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """What the arguments give to one chunk after the other: its first variant, how many, and the pieces."""
    first = 0
    while True:
        there = {name: source.available(first, most) for name, source in sources.items()}
        if not all(there.values()):
            for name, left in there.items():
                if left and isinstance(sources[name], _Stream):
                    raise InputError(name, f"expected no more than {first}, as {_without(there)} has")
            for name, left in there.items():
                if not left and any(there.values()):
                    raise InputError(name, f"expected one for each variant, got {first} of them and no more", first)
            return
        count = min(most, *there.values())
        pieces = {name: source.take(first, count) for name, source in sources.items() if not isinstance(source, _Counted)}
        yield first, count, pieces
        first += count


def _without(there: Mapping[str, int]) -> str:
    return next(name for name, left in there.items() if not left)


class _Kept:
    """Where the rows go: arrays for all variants where their number is known, else of one chunk after the other."""

    def __init__(self, outputs: Sequence[str], n: int, count: int | None) -> None:
        self.outputs, self.n = outputs, n
        self.whole = None if count is None else stacked(outputs, count, n)
        self.chunks: list[dict[str, AnyArray]] = []
        self.block, self.used = np.empty(0, np.uint8), 0  # what is left of the last one; the bytes of all chunks

    def of(self, first: int, count: int) -> dict[str, AnyArray]:
        if self.whole is not None:
            return {name: rows[first : first + count] for name, rows in self.whole.items()}
        size = stacked_bytes(self.outputs, count, self.n)
        if self.block.size < size:
            self.block = np.empty(max(size, min(BLOCK_BYTES, BLOCK_OF_USED * self.used)), np.uint8)
        self.chunks.append(stacks_in(self.block, self.outputs, count, self.n))
        self.block, self.used = self.block[size:], self.used + size
        return self.chunks[-1]

    def arrays(self, count: int) -> dict[str, AnyArray]:
        """Of all variants, as many as there were; to be asked for once."""
        if self.whole is not None:
            return self.whole
        whole, begin = stacked(self.outputs, count, self.n), 0
        self.block = self.block[:0]
        self.chunks.reverse()
        while self.chunks:  # and away with it: no more than a block of them is there twice
            end = begin
            for name, rows in self.chunks.pop().items():
                end = begin + len(rows)
                whole[name][begin:end] = rows
            begin = end
        return whole


def variants(
    state: SubnetState,
    hyperparameters: Hyperparameters | Iterable[Any],
    *,
    weights: Any = None,
    uids: npt.ArrayLike | None = None,
    bonds: Any = None,
    total_stake: Any = None,
    last_update: Any = None,
    block_at_registration: Any = None,
    commit_block: Any = None,
    validator_permit: Any = None,
    previous_consensus: Any = None,
    current_block: Any = None,
    last_mechanism_step_block: Any = None,
    last_yuma_step_block: Any = None,
    emission: Any = 0,
    count: int | None = None,
    outputs: str | Iterable[str] | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    backend: str | None = None,
) -> Variants:
    """One epoch of each of k variants of a subnet, as `epoch` computes it, spread over threads that run without the GIL.

    An argument that is not given is held as it stands in `state`. One that is given is held too where it is of one variant;
    else it has one more axis, the first, with k items, or is an iterator that yields what one variant has, or stacks of
    several. Iterators are read as the variants are computed, a few chunks ahead, so that the inputs of all of them never
    have to be in memory; an array that is yielded may be refilled for the next one.

    Args:
        state: the subnet of which they are variants.
        hyperparameters: one for all, or a sequence or iterator of one each.
        weights: SparseRows or a CSR matrix for all, a sequence of them, or dense: uint16[k, v, n], of each variant the rows
            of the v uids, 0 for what is not there. uint16[v, n] is held.
        uids: uint16[v], the uids of the rows of dense weights, in any order; not given: all n. The rows of other uids are
            those of `state`.
        bonds: SparseRows or a CSR matrix, or a sequence of them.
        total_stake: uint64[k, n, 2], I64F64 bits.
        last_update, block_at_registration, commit_block: uint64[k, n], blocks.
        validator_permit: bool[k, n].
        previous_consensus: uint16[k, any], proportions (section 9).
        current_block, last_mechanism_step_block, last_yuma_step_block: u64[k], blocks.
        emission: u64, rao, or u64[k].
        count: k, where only iterators, or nothing, would say.
        outputs: the names of those to keep, out of `OUTPUTS`; None: all but the bonds.
        threads: at most so many, 1 to 1024; None: as many as this process has cores. The results do not depend on it.
        progress: called with the number of variants computed and of all (None where only iterators say), now and then and at
            the end; what it raises ends the call.
        backend: as for `epoch`.

    Raises:
        InputError: naming the argument, and the variant as the first index. Variants before it may have been computed, and
            are lost. UnsupportedProfile, BackendUnavailable: as for `epoch`.
    """
    require_state(state)
    module = load_backend(backend)
    n = state.n
    rows_of, order = _uids(uids, n)
    base = state

    def known(rules: Hyperparameters) -> None:
        supported(module, rules)
        if "previous_consensus" not in sources:
            require_known(base, rules)

    kinds: dict[str, _Kind] = {
        "weights": _Weights(_Rows("weights", n), _Arrays("weights", np.uint16, (rows_of.size, n)), order),
        "bonds": _Rows("bonds", n),
        "total_stake": _Arrays("total_stake", np.uint64, (n, 2), _check_stakes),
        **{name: _Arrays(name, np.uint64, (n,)) for name in ("last_update", "block_at_registration", "commit_block")},
        "validator_permit": _Arrays("validator_permit", np.bool_, (n,)),
        "previous_consensus": _Arrays("previous_consensus", np.uint16, (None,), _check_length),
        **{
            name: _Arrays(name, np.uint64, ())
            for name in ("current_block", "last_mechanism_step_block", "last_yuma_step_block", "emission")
        },
        "hyperparameters": _Rules(known),
    }
    given: dict[str, Any] = {
        "weights": weights,
        "bonds": bonds,
        "total_stake": total_stake,
        "last_update": last_update,
        "block_at_registration": block_at_registration,
        "commit_block": commit_block,
        "validator_permit": validator_permit,
        "previous_consensus": previous_consensus,
        "current_block": current_block,
        "last_mechanism_step_block": last_mechanism_step_block,
        "last_yuma_step_block": last_yuma_step_block,
        "emission": emission,
        "hyperparameters": hyperparameters,
    }
    sources: dict[str, _Source] = {}
    held: dict[str, Any] = {}
    for name, value in given.items():
        if value is None and name not in ("emission", "hyperparameters"):
            continue
        kind = kinds[name]
        if isinstance(value, Iterator):
            sources[name] = _Stream(kind, value)
        elif kind.stacked(value):
            sources[name] = _Stack(kind, value)
        else:
            held[name] = value
    first = weights[0] if isinstance(weights, (list, tuple)) and weights else weights
    if uids is not None and (first is None or hasattr(first, "indptr")):
        raise InputError("uids", "expected only with dense weights, whose rows they name")
    if isinstance(held.get("weights"), (np.ndarray, list, tuple)):
        held["weights"] = _held_rows(state, rows_of, kinds["weights"], held["weights"])
    amount = integer("emission", held.pop("emission"), 0, 2**64 - 1) if "emission" in held else 0
    rules = held.pop("hyperparameters", None)
    base = replace(state, **held) if held else state
    if rules is not None:
        kinds["hyperparameters"].own(rules)
    total = _total(sources, count)
    names, keep_bonds = _outputs(outputs)
    if progress is not None and not callable(progress):
        raise InputError("progress", f"expected a callable, got {type(progress).__name__}")
    workers = thread_count(threads)

    plan = Plan(base, rules, amount, rows_of, names, keep_bonds)
    kept, all_bonds, done = _Kept(names, n, total), dict[int, list[SparseRows]](), 0
    together: Callable[[Plan], Callable[[Chunk], None]] | None = getattr(module, "variants", None)
    compute = _stepwise(plan, module) if together is None else together(plan)
    most = 1 if together is None else _most(plan, sources.get("weights"), total, workers)
    if total is not None:
        workers = min(workers, -(-total // most) or 1)

    def chunks() -> Iterator[Chunk]:
        for first, size, pieces in _parts(sources, most):
            chunk_bonds = all_bonds.setdefault(first, []) if keep_bonds else []
            yield Chunk(first, size, pieces, kept.of(first, size), chunk_bonds)

    def finished(chunk: Chunk) -> None:
        nonlocal done
        done += chunk.count
        chunk.given.clear()  # for the next chunks, which then find this memory in the cache
        if progress is not None:
            progress(done, total)

    spread(chunks(), compute, workers, finished)
    return Variants(
        n=n,
        count=done,
        arrays=MappingProxyType({name: seal(rows) for name, rows in kept.arrays(done).items()}),
        stored_bonds=tuple(rows for first in sorted(all_bonds) for rows in all_bonds[first]) if keep_bonds else None,
    )


def _uids(uids: object, n: int) -> tuple[U16Array, AnyArray | None]:
    """The uids of dense rows, ascending, and the order of the rows that makes them so; None where they are."""
    if uids is None:
        return np.arange(n, dtype=np.uint16), None
    listed = array("uids", uids, np.uint16, (None,))
    beyond = listed >= n
    if beyond.any():
        at = int(np.argmax(beyond))
        raise InputError("uids", f"expected a uid below n = {n}, got {listed[at]}", at)
    order = np.argsort(listed, kind="stable")
    ascending = listed[order]
    again = ascending[1:] == ascending[:-1]
    if again.any():
        at = int(order[1:][again].min())
        raise InputError("uids", f"expected each uid once, got {listed[at]} again", at)
    return ascending, None if bool((order == np.arange(order.size)).all()) else order


def _held_rows(state: SubnetState, uids: U16Array, kind: Any, dense: Any) -> SparseRows:
    return with_dense_rows(state.weights, uids, kind.piece(kind.own(dense)[None], 0)[0])


def with_dense_rows(rows: SparseRows, uids: U16Array, dense: AnyArray) -> SparseRows:
    """`rows` with those of `uids`, which ascend, out of dense ones: the entries that are not 0, in ascending order."""
    row, uid = np.nonzero(dense)
    lengths = (rows.indptr[1:] - rows.indptr[:-1]).astype(np.int64)
    lengths[uids] = np.bincount(row, minlength=uids.size)
    indptr = np.concatenate(([0], np.cumsum(lengths))).astype(np.uint32)
    replaced = np.zeros(rows.n, np.bool_)
    replaced[uids] = True
    fresh, stays = np.repeat(replaced, lengths), ~replaced[rows.entry_rows()]
    new_uid, new_value = np.empty(fresh.size, np.uint16), np.empty(fresh.size, np.uint16)
    new_uid[fresh], new_value[fresh] = uid, dense[row, uid]
    new_uid[~fresh], new_value[~fresh] = rows.uid[stays], rows.value[stays]
    return SparseRows._trusted(indptr, new_uid, new_value)


def _total(sources: dict[str, _Source], count: object) -> int | None:
    """How many variants there are, where anything but an iterator says; that it all says the same."""
    lengths = {name: len(source) for name, source in sources.items() if not isinstance(source, _Stream)}
    if count is not None:
        counted = integer("count", count, 0, MAX_VARIANTS)
        lengths = {"count": counted, **lengths}
        sources["count"] = _Counted(counted)
    elif not sources:
        sources["count"] = _Counted(1)
        return 1
    if not lengths:
        return None
    first, total = next(iter(lengths.items()))
    for name, length in lengths.items():
        if length != total:
            raise InputError(name, f"expected {total} of them, as {first} has, got {length}")
    return total


def _outputs(outputs: object) -> tuple[tuple[str, ...], bool]:
    """The arrays to keep, in the order of the law, and whether to keep the bonds."""
    if outputs is None:
        return STACKED, False
    names = [outputs] if isinstance(outputs, str) else list(outputs) if has_items(outputs) else [outputs]  # type: ignore[call-overload]
    for k, name in enumerate(names):
        if not isinstance(name, str) or name not in OUTPUTS:
            raise InputError("outputs", f"expected names out of {', '.join(OUTPUTS)}, got {shown(name)}", k)
    return tuple(name for name in STACKED if name in names), "bonds" in names


def _most(plan: Plan, weights: Any, total: int | None, workers: int) -> int:
    """The variants of a chunk; so few that the threads end nearly together."""
    first = plan.state.weights if weights is None else weights.sample()
    if isinstance(first, np.ndarray):
        weights_of_one = plan.dense_weights
    else:
        weights_of_one = first.uid.size if isinstance(first, SparseRows) else np.size(first)
    entries = plan.state.n + weights_of_one
    if plan.keep_bonds:
        entries += plan.state.bonds.uid.size
    most = min(CHUNK, max(1, CHUNK_ENTRIES // entries))
    return most if total is None or workers == 1 else max(1, min(most, total // (8 * workers)))


def _stepwise(plan: Plan, backend: Backend) -> Callable[[Chunk], None]:
    """By one call of the backend a variant."""
    state_fields = {f.name for f in fields(SubnetState)}

    def compute(chunk: Chunk) -> None:
        dense = chunk.given.get("weights")
        dense = dense.copy() if isinstance(dense, np.ndarray) else None
        for k in range(chunk.count):
            changes = {name: piece[k] for name, piece in chunk.given.items() if name in state_fields}
            if dense is not None:
                changes["weights"] = with_dense_rows(plan.state.weights, plan.uids, dense[k])
            state = replace(plan.state, **changes)
            rules = plan.hyperparameters or chunk.given["hyperparameters"][k]
            amounts = chunk.given.get("emission")
            result = backend.epoch(state, rules, plan.emission if amounts is None else int(amounts[k]), False)
            for name, rows in chunk.kept.items():
                rows[k] = getattr(result, name)
            if plan.keep_bonds:
                chunk.bonds.append(result.bonds)

    return compute
