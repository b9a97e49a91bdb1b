"""The call, and the registry of backends that stands behind it."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol, cast

from yuma_kernel.errors import InputError
from yuma_kernel.types import U64_MAX, EpochResult, Hyperparameters, SubnetState, boolean, integer


class Backend(Protocol):
    """What a module must have to stand in `BACKENDS`. Its inputs are validated; it raises no InputError of its own."""

    def epoch(self, state: SubnetState, hyperparameters: Hyperparameters, emission: int, trace: bool) -> EpochResult:
        """The whole epoch."""
        ...


BACKENDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "c": "yuma_kernel.kernel.native",
        "reference": "yuma_kernel.reference",
    }
)
"""The name of every backend and the module that holds it, imported when it is first asked for; the first is the default."""

DEFAULT_BACKEND: Final = next(iter(BACKENDS))


def load_backend(name: str | None = None) -> Backend:
    """The module of the backend `name` (None: the default).

    Raises:
        InputError: there is no backend of that name. BackendUnavailable: there is, but not on this machine.
    """
    if name is None:
        name = DEFAULT_BACKEND
    if not isinstance(name, str) or name not in BACKENDS:
        raise InputError("backend", f"expected one of {', '.join(BACKENDS)}, got {name!r:.40}")
    return cast(Backend, importlib.import_module(BACKENDS[name]))


def epoch(
    state: SubnetState,
    hyperparameters: Hyperparameters,
    *,
    emission: int = 0,
    backend: str | None = None,
    trace: bool = False,
) -> EpochResult:
    """One epoch of one subnet and one mechanism: what the chain computes at the end of a tempo (sections 3 to 8).

    Args:
        state: the subnet as stored.
        hyperparameters: those of the subnet; their profile says which runtime's arithmetic is meant.
        emission: u64, rao, to be divided among the uids.
        backend: a name in `BACKENDS`; None for the C kernel. All give the same bits.
        trace: whether the result also holds the raw I32F32 bits between the stages.

    Raises:
        InputError: naming the argument and the rule. BackendUnavailable: the backend cannot be loaded here.
    """
    if not isinstance(state, SubnetState):
        raise InputError("state", f"expected a SubnetState, got {type(state).__name__}")
    if not isinstance(hyperparameters, Hyperparameters):
        raise InputError("hyperparameters", f"expected Hyperparameters, got {type(hyperparameters).__name__}")
    emission = integer("emission", emission, 0, U64_MAX)
    return load_backend(backend).epoch(state, hyperparameters, emission, boolean("trace", trace))
