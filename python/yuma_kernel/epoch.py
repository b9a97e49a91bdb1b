"""The call, and the registry of backends that stands behind it."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol, cast

from yuma_kernel.arrays import U64_MAX, BoolArray, Boolean, I64Array, Integer, U16Array, U64Array, boolean, integer
from yuma_kernel.errors import BackendUnavailable, InputError, UnsupportedProfile, shown
from yuma_kernel.profiles import Mode
from yuma_kernel.results import EpochResult
from yuma_kernel.rows import SparseRows
from yuma_kernel.types import Hyperparameters, SubnetState, require_known, require_subnet


class Backend(Protocol):
    """What a module must have to stand in `BACKENDS`: the epoch and its stages.

    Inputs are validated, frozen and contiguous; a backend raises no InputError of its own. Arrays and rows of int64 are raw
    I32F32 bits, hyperparameters are as the chain stores them, and what is returned has no other owner. The ranges that
    `yuma_kernel.stages` checks and states are the ranges that a backend may rely on, and `computable` has passed.
    """

    PROFILES: frozenset[int]
    """The profiles that it computes."""

    def epoch(self, state: SubnetState, hyperparameters: Hyperparameters, emission: int, trace: bool) -> EpochResult: ...

    # 3
    def activity(self, last_update: U64Array, activity_cutoff: int, current_block: int) -> BoolArray: ...
    def normalize_stake(self, total_stake: U64Array, stake_threshold: int, owner_uid: int | None) -> I64Array: ...
    def permits(self, stake: I64Array, max_allowed_validators: int, owner_uid: int | None) -> BoolArray: ...
    def active_stake(
        self, stake: I64Array, active: BoolArray, validator_permit: BoolArray, owner_uid: int | None
    ) -> I64Array: ...

    # 4
    def mask_weights(
        self,
        weights: SparseRows,
        validator_permit: BoolArray,
        owner_uid: int | None,
        last_update: U64Array,
        block_at_registration: U64Array,
        commit_block: U64Array | None,
    ) -> SparseRows: ...
    def normalize_rows(self, weights: SparseRows) -> SparseRows: ...

    # 5
    def consensus(self, weights: SparseRows, active_stake: I64Array, kappa: int) -> I64Array: ...

    # 6
    def clip(self, weights: SparseRows, consensus: I64Array) -> SparseRows: ...
    def validator_trust(self, clipped: SparseRows) -> I64Array: ...
    def rank(self, clipped: SparseRows, active_stake: I64Array) -> I64Array: ...
    def incentive(self, rank: I64Array) -> I64Array: ...

    # 7
    def weights_for_bonds(self, weights: SparseRows, clipped: SparseRows, bonds_penalty: int) -> SparseRows: ...
    def bonds_cutoff(
        self, current_block: int, tempo: int, last_mechanism_step_block: int, last_yuma_step_block: int | None
    ) -> int: ...
    def old_bonds(self, bonds: SparseRows, block_at_registration: U64Array, cutoff: int, yuma3: bool) -> SparseRows: ...
    def new_bonds(self, weights_for_bonds: SparseRows, active_stake: I64Array) -> SparseRows: ...
    def column_normalize(self, matrix: SparseRows) -> SparseRows: ...
    def column_max_normalize(self, matrix: SparseRows) -> SparseRows: ...
    def ema(self, new: SparseRows, old: SparseRows, bonds_moving_average: int) -> SparseRows: ...
    def liquid_alpha(
        self,
        consensus: I64Array,
        weight: I64Array,
        bond: I64Array,
        alpha_low: int,
        alpha_high: int,
        alpha_sigmoid_steepness: int,
    ) -> I64Array: ...
    def selected_consensus(
        self, consensus: I64Array, previous_consensus: U16Array, mode: Mode, bonds_penalty: int
    ) -> I64Array: ...
    def liquid_ema(
        self,
        weights_for_bonds: SparseRows,
        old: SparseRows,
        consensus: I64Array,
        alpha_low: int,
        alpha_high: int,
        alpha_sigmoid_steepness: int,
    ) -> SparseRows: ...
    def dividends(self, normalized_bonds: SparseRows, incentive: I64Array, active_stake: I64Array | None) -> I64Array: ...

    # 8
    def emission(
        self, incentive: I64Array, dividends: I64Array, stake: I64Array, active_stake: I64Array, emission: int
    ) -> tuple[U64Array, U64Array, U64Array]: ...
    def to_u16(self, proportions: I64Array) -> U16Array: ...
    def store_bonds(self, bonds: SparseRows, new_permit: BoolArray) -> SparseRows: ...
    def upscale_to_u16(self, values: U16Array) -> U16Array: ...


BACKENDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "c": "yuma_kernel.kernel.native",
        "numba": "yuma_kernel.kernel.jit.backend",
        "reference": "yuma_kernel.backend_reference",
    }
)
"""The name of every backend and the module that holds it, imported when it is first asked for; the first is the default."""

DEFAULT_BACKEND: Final = next(iter(BACKENDS))


def load_backend(name: str | None = None) -> Backend:
    """The module of the backend `name` (None: the default).

    Raises:
        InputError: there is no backend of that name. BackendUnavailable: there is, but not on this machine.
    """
    global _default
    if name is None:
        name = DEFAULT_BACKEND
    elif not isinstance(name, str) or name not in BACKENDS:
        raise InputError("backend", f"expected one of {', '.join(BACKENDS)}, got {shown(name)}")
    loaded = _loaded.get(name)
    if loaded is None:
        try:
            loaded = _loaded[name] = cast(Backend, importlib.import_module(BACKENDS[name]))
        except BackendUnavailable:
            raise
        except ImportError as error:
            raise BackendUnavailable(f"the backend {name!r} is not installed here: {error}") from error
        if name == DEFAULT_BACKEND:
            _default = loaded
    return loaded


_loaded: dict[str, Backend] = {}
_default: Backend | None = None


def loaded_backend(name: str) -> Backend | None:
    """That of the name, if anything has asked for it yet."""
    return _loaded.get(name)


def computable(backend: Backend, state: SubnetState, hyperparameters: Hyperparameters) -> None:
    """That the backend computes this profile, and that the state knows what the epoch needs.

    Raises:
        UnsupportedProfile: the backend does not compute it. InputError: naming what is not known.
    """
    supported(backend, hyperparameters)
    require_known(state, hyperparameters)


def supported(backend: Backend, hyperparameters: Hyperparameters) -> None:
    """UnsupportedProfile where the backend does not compute the profile."""
    if hyperparameters.profile not in backend.PROFILES:
        computed = ", ".join(map(str, sorted(backend.PROFILES)))
        raise UnsupportedProfile(
            "profile", f"expected one that this backend computes, {computed}, got {hyperparameters.profile}"
        )


def epoch(
    state: SubnetState,
    hyperparameters: Hyperparameters,
    *,
    emission: Integer = 0,
    backend: str | None = None,
    trace: Boolean = False,
) -> EpochResult:
    """One epoch of one subnet and one mechanism: what the chain computes at the end of a tempo (sections 3 to 8).

    Args:
        state: the subnet as stored.
        hyperparameters: those of the subnet; their profile says which runtime's arithmetic is meant.
        emission: u64, rao, to be divided among the uids.
        backend: a name in `BACKENDS`; None for the C kernel. All give the same bits.
        trace: whether the result also holds the raw I32F32 bits between the stages.

    Raises:
        InputError: naming the argument and the rule, or what the state does not know and the epoch needs.
        UnsupportedProfile: a profile that the backend does not compute. BackendUnavailable: it cannot be loaded here.
    """
    # what nearly every call passes is seen here: of a small subnet each further call of Python is half a hundredth
    if type(state) is not SubnetState or type(hyperparameters) is not Hyperparameters:
        require_subnet(state, hyperparameters)
    if type(emission) is not int or not 0 <= emission <= U64_MAX:
        emission = integer("emission", emission, 0, U64_MAX)
    module = _default if backend is None else None
    if module is None:
        module = load_backend(backend)
    if state.previous_consensus is None or hyperparameters.profile not in module.PROFILES:
        computable(module, state, hyperparameters)
    return module.epoch(state, hyperparameters, emission, False if trace is False else boolean("trace", trace))
