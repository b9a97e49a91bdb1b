"""What can compute an epoch: every backend, and the C backend once for each instruction set that this machine has."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import yuma_kernel as yk
from yuma_kernel.epoch import load_backend


def _variants() -> list[str]:
    names = []
    for backend in yk.BACKENDS:
        try:
            module: Any = load_backend(backend)
        except yk.BackendUnavailable:
            names.append(backend)  # the fixture says why it is skipped
            continue
        sets = module.instruction_sets() if backend == "c" else ()
        names += [f"{backend}/{name}" for name in sets] or [backend]
    return names


VARIANTS = _variants()


@contextlib.contextmanager
def using(variant: str) -> Iterator[str]:
    """The name of the backend, with its instruction set forced."""
    backend, _, instruction_set = variant.partition("/")
    if not instruction_set:
        yield backend
        return
    native: Any = load_backend(backend)
    before = native.selected_instruction_set()
    native.select_instruction_sets([instruction_set])
    try:
        assert native.selected_instruction_set() == instruction_set
        yield backend
    finally:
        native.select_instruction_sets([before])


def arrays(variant: str, state: yk.SubnetState, hyperparameters: yk.Hyperparameters) -> dict[str, list[int]] | None:
    """The raw bits by uid that the variant computes when no matrices are asked for, as lists; None where it has no such way.

    An epoch with a whole trace is computed stage by stage on any instruction set: this is how the others show their bits.
    """
    backend, _, instruction_set = variant.partition("/")
    if not instruction_set:
        return None
    native: Any = load_backend(backend)
    with using(variant):
        return {name: array.tolist() for name, array in native.epoch_arrays(state, hyperparameters)[0].items()}


def computes(variant: str, state: yk.SubnetState, hyperparameters: yk.Hyperparameters) -> bool:
    """Whether it is the variant's own instruction set that computes this epoch, and not the portable one for it."""
    backend, _, instruction_set = variant.partition("/")
    native: Any = load_backend(backend)
    with using(variant):
        return bool(native.epoch_arrays(state, hyperparameters)[1] == instruction_set)
