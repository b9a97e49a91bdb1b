"""Many variants of one subnet in one call, as stacked arrays and without an object for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from yuma_kernel.arrays import AnyArray, BoolArray, U16Array, U64Array, array, freeze, has_items, integer, seal
from yuma_kernel.epoch import Backend, load_backend, supported
from yuma_kernel.errors import InputError, shown
from yuma_kernel.pool import spread, thread_count
from yuma_kernel.results import OUTPUTS, STACKED
from yuma_kernel.rows import SparseRows
from yuma_kernel.sources import (
    Arrays,
    Counted,
    Kind,
    Rows,
    Rules,
    Source,
    Stack,
    Stream,
    Weights,
    check_length,
    check_stakes,
    parts,
)
from yuma_kernel.stacks import Stacked, stacked, stacked_bytes, stacks_in
from yuma_kernel.types import Hyperparameters, SubnetState, require_known, require_state
from yuma_kernel.values import _Value

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

    kinds: dict[str, Kind] = {
        "weights": Weights(Rows("weights", n), Arrays("weights", np.uint16, (rows_of.size, n)), order),
        "bonds": Rows("bonds", n),
        "total_stake": Arrays("total_stake", np.uint64, (n, 2), check_stakes),
        **{name: Arrays(name, np.uint64, (n,)) for name in ("last_update", "block_at_registration", "commit_block")},
        "validator_permit": Arrays("validator_permit", np.bool_, (n,)),
        "previous_consensus": Arrays("previous_consensus", np.uint16, (None,), check_length),
        **{
            name: Arrays(name, np.uint64, ())
            for name in ("current_block", "last_mechanism_step_block", "last_yuma_step_block", "emission")
        },
        "hyperparameters": Rules(known),
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
    sources: dict[str, Source] = {}
    held: dict[str, Any] = {}
    for name, value in given.items():
        if value is None and name not in ("emission", "hyperparameters"):
            continue
        kind = kinds[name]
        if isinstance(value, Iterator):
            sources[name] = Stream(kind, value)
        elif kind.stacked(value):
            sources[name] = Stack(kind, value)
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
        for first, size, pieces in parts(sources, most):
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


def _total(sources: dict[str, Source], count: object) -> int | None:
    """How many variants there are, where anything but an iterator says; that it all says the same."""
    lengths = {name: len(source) for name, source in sources.items() if not isinstance(source, Stream)}
    if count is not None:
        counted = integer("count", count, 0, MAX_VARIANTS)
        lengths = {"count": counted, **lengths}
        sources["count"] = Counted(counted)
    elif not sources:
        sources["count"] = Counted(1)
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
