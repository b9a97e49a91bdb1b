"""Many epochs in one call: of many subnets, or of one under many hyperparameters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeVar, cast, overload

from yuma_kernel.arrays import U64_MAX, AnyArray, Boolean, Integer, boolean, each_u64, has_items, integer
from yuma_kernel.epoch import BACKENDS, Backend, computable, load_backend, loaded_backend
from yuma_kernel.errors import InputError
from yuma_kernel.pool import spread, thread_count
from yuma_kernel.results import EpochResult
from yuma_kernel.types import Hyperparameters, SubnetState

_T = TypeVar("_T")

_Inputs = tuple[SubnetState, Hyperparameters, int]

_BATCH = 16


def _sequence(name: str, value: object, single: type) -> list[object] | None:
    """The items of an argument that may be a single one: then None."""
    if isinstance(value, single) and not isinstance(value, Sequence):
        return None
    if not has_items(value):
        raise InputError(name, f"expected {single.__name__} or a sequence of them, got {type(value).__name__}")
    return list(cast("Iterable[object]", value))


def _count(lists: dict[str, list[object] | None]) -> int:
    lengths = {name: len(items) for name, items in lists.items() if items is not None}
    if not lengths:
        return 1
    first, count = next(iter(lengths.items()))
    for name, length in lengths.items():
        if length != count:
            raise InputError(name, f"expected {count} of them, as {first} has, got {length}")
    return count


def _checked(name: str, index: int, item: object, kind: type[_T]) -> _T:
    if not isinstance(item, kind):
        raise InputError(name, f"expected {kind.__name__}, got {type(item).__name__}", index)
    return item


def _refused(backend: Backend, index: int, state: object, hyperparameters: object) -> InputError | None:
    """Why an epoch of them cannot be computed."""
    try:
        known = _checked("states", index, state, SubnetState)
        rules = _checked("hyperparameters", index, hyperparameters, Hyperparameters)
        try:
            computable(backend, known, rules)
        except InputError as error:
            raise type(error)(error.field, error.rule, index) from None
    except InputError as error:
        return error
    return None


def _batches(indices: list[int], workers: int) -> list[list[int]]:
    """What a thread takes at a time: one that came back for each epoch would wait for the GIL as often. So small that the
    threads end nearly together."""
    size = max(1, min(_BATCH, len(indices) // (8 * workers)))
    return [indices[k : k + size] for k in range(0, len(indices), size)]


def _computed(backend: Backend, calls: Sequence[_Inputs], trace: bool) -> Sequence[EpochResult]:
    epochs = None if trace else getattr(backend, "epochs", None)
    if epochs is not None:
        return cast("list[EpochResult]", epochs(calls))
    return [backend.epoch(state, hyperparameters, emission, trace) for state, hyperparameters, emission in calls]


@overload
def epoch_many(
    states: SubnetState | Iterable[SubnetState],
    hyperparameters: Hyperparameters | Iterable[Hyperparameters],
    *,
    emission: Integer | Iterable[Integer] | AnyArray = 0,
    backend: str | None = None,
    trace: Boolean = False,
    threads: Integer | None = None,
    return_errors: Literal[False] = False,
) -> list[EpochResult]: ...


@overload
def epoch_many(
    states: SubnetState | Iterable[SubnetState],
    hyperparameters: Hyperparameters | Iterable[Hyperparameters],
    *,
    emission: Integer | Iterable[Integer] | AnyArray = 0,
    backend: str | None = None,
    trace: Boolean = False,
    threads: Integer | None = None,
    return_errors: bool,
) -> list[EpochResult | InputError]: ...


def epoch_many(
    states: SubnetState | Iterable[SubnetState],
    hyperparameters: Hyperparameters | Iterable[Hyperparameters],
    *,
    emission: Integer | Iterable[Integer] | AnyArray = 0,
    backend: str | None = None,
    trace: Boolean = False,
    threads: Integer | None = None,
    return_errors: bool = False,
) -> list[EpochResult] | list[EpochResult | InputError]:
    """Many epochs, each as `epoch` computes it, spread over threads that run without the GIL.

    Args:
        states, hyperparameters, emission (u64, rao): one for all epochs, or one for each; what is for each has the same
            length. One state with a sequence of hyperparameters gives variants of one subnet.
        backend, trace: as for `epoch`.
        threads: at most so many, 1 to 1024; None: as many as this process has cores. The results do not depend on it. They
            stay, idle, for the next call, with the memory that they keep for it; `release_memory` of this module gives that
            back.
        return_errors: a state or hyperparameters that cannot be computed have their InputError in their place among the
            results, and the others are computed all the same. Otherwise it is raised before anything is computed.

    Returns:
        The results in the order of the inputs.

    Raises:
        InputError: naming the argument, or what a state does not know, and of a sequence the index.
        UnsupportedProfile, BackendUnavailable: as for `epoch`.
    """
    amounts = each_u64("emission", emission, None)
    if amounts is None:
        emission = integer("emission", emission, 0, U64_MAX)
    lists: dict[str, list[object] | None] = {
        "states": _sequence("states", states, SubnetState),
        "hyperparameters": _sequence("hyperparameters", hyperparameters, Hyperparameters),
        "emission": None if amounts is None else list(amounts),
    }
    count = _count(lists)
    columns = [
        [single] * count if items is None else items
        for items, single in zip(lists.values(), (states, hyperparameters, emission), strict=True)
    ]
    calls: list[Any] = list(zip(*columns, strict=True))
    module = load_backend(backend)
    results: list[EpochResult | InputError | None] = [None] * count
    for index, (state, rules, _) in enumerate(calls):
        # what nearly every call passes is seen here, as in `epoch`
        if (
            not isinstance(state, SubnetState)
            or not isinstance(rules, Hyperparameters)
            or state.previous_consensus is None
            or rules.profile not in module.PROFILES
        ):
            results[index] = _refused(module, index, state, rules)
    trace, return_errors = boolean("trace", trace), boolean("return_errors", return_errors)
    workers = thread_count(threads)
    good = [index for index, error in enumerate(results) if error is None]
    if not return_errors and len(good) < count:
        raise next(error for error in results if isinstance(error, InputError))
    workers = max(1, min(workers, len(good)))

    def compute(batch: list[int]) -> None:
        for index, result in zip(batch, _computed(module, [calls[index] for index in batch], trace), strict=True):
            results[index] = result

    spread(_batches(good, workers), compute, workers)
    return results  # type: ignore[return-value]


def release_memory() -> None:
    """Gives back the memory that threads keep from one epoch to the next, so that it need not be filled again: of those that
    `epoch_many` keeps and of all others that have computed. What is in use at this moment is kept when its call ends.

    With the backend "c" a thread keeps 256 MiB at most; the others keep nothing. Results and inputs are not touched.
    """
    for name in BACKENDS:
        release = getattr(loaded_backend(name), "release_memory", None)
        if release is not None:
            release()
