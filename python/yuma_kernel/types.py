"""What goes into an epoch: a subnet as the chain stores it, and its hyperparameters.

Everything is validated once, here, at construction. What has been constructed is contiguous, of the stated dtype, and
cannot be changed: backends trust it without looking again. Arrays handed in are copied, never kept and never written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from yuma_kernel.arrays import U16_MAX, U64_MAX, BoolArray, U64Array, array, boolean, integer
from yuma_kernel.errors import InputError, UnsupportedProfile
from yuma_kernel.rows import SparseRows, stored_rows
from yuma_kernel.stake import total_stake_array
from yuma_kernel.values import _Held, _unfrozen, _Value

PROFILES: Final = (425,)
"""The runtimes whose arithmetic this version computes, by spec version; section 9 says what a later one changes."""


@dataclass(frozen=True, eq=False, repr=False)
class SubnetState(_Value):
    """One subnet as the chain stores it when an epoch begins (section 2).

    Attributes:
        weights, bonds: SparseRows of uint16; a CSR matrix of SciPy is taken too.
        total_stake: uint64[n, 2], the I64F64 bits of the stake in rao (low word, high word); none negative, and the sum
            below 2^127. `total_stake_bits` and `stake_from_rao` make it.
        last_update, block_at_registration: uint64[n], blocks.
        validator_permit: bool[n].
        current_block: uint64, blocks.
        last_mechanism_step_block: uint64, blocks.
        owner_uid: below n, or None.
        commit_block: uint64[n], blocks, 2^64 - 1 where there is none; None: no live commit for any uid.

    Raises:
        InputError: naming the field, the index and the rule.
    """

    weights: SparseRows
    bonds: SparseRows
    total_stake: U64Array
    last_update: U64Array
    block_at_registration: U64Array
    validator_permit: BoolArray
    current_block: int
    last_mechanism_step_block: int = 0
    owner_uid: int | None = None
    commit_block: U64Array | None = None

    if TYPE_CHECKING:  # the fields say what is held; this, what is taken

        def __init__(
            self,
            weights: Any,
            bonds: Any,
            total_stake: npt.ArrayLike,
            last_update: npt.ArrayLike,
            block_at_registration: npt.ArrayLike,
            validator_permit: npt.ArrayLike,
            current_block: int,
            last_mechanism_step_block: int = 0,
            owner_uid: int | None = None,
            commit_block: npt.ArrayLike | None = None,
        ) -> None: ...

    def __post_init__(self) -> None:
        weights = stored_rows("weights", self.weights)
        bonds = stored_rows("bonds", self.bonds)
        n = weights.n
        if bonds.n != n:
            raise InputError("bonds", f"expected {n} rows, as weights have, got {bonds.n}")
        self._set(
            weights=weights,
            bonds=bonds,
            total_stake=total_stake_array(self.total_stake, n),
            last_update=array("last_update", self.last_update, np.uint64, (n,)),
            block_at_registration=array("block_at_registration", self.block_at_registration, np.uint64, (n,)),
            validator_permit=array("validator_permit", self.validator_permit, np.bool_, (n,)),
            current_block=integer("current_block", self.current_block, 0, U64_MAX),
            last_mechanism_step_block=integer("last_mechanism_step_block", self.last_mechanism_step_block, 0, U64_MAX),
            owner_uid=None if self.owner_uid is None else integer("owner_uid", self.owner_uid, 0, n - 1),
            commit_block=None if self.commit_block is None else array("commit_block", self.commit_block, np.uint64, (n,)),
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(_unfrozen(getattr(self, f.name)) for f in fields(self))

    def __repr__(self) -> str:
        return f"SubnetState(n={self.n}, weights={self.weights!r}, bonds={self.bonds!r}, current_block={self.current_block})"

    @property
    def n(self) -> int:
        """The number of uids."""
        return self.weights.n


@dataclass(frozen=True, kw_only=True)
class Hyperparameters(_Held):
    """The hyperparameters of a subnet (section 2); the defaults are what the runtime gives a new one.

    Attributes:
        kappa: u16 proportion, 65535 for 1: the share of stake that consensus needs.
        bonds_penalty: u16 proportion, how far the weights in bonds are clipped.
        bonds_moving_average: millionths, at most 1,000,000: the part of the old bonds that is kept.
        yuma3, liquid_alpha: bool; liquid_alpha has no effect without yuma3.
        alpha_low, alpha_high: u16 proportions, the bounds of liquid alpha; low may be above high.
        alpha_sigmoid_steepness: i16, hundredths.
        max_allowed_validators: u16.
        stake_threshold: u64, rao.
        tempo, activity_cutoff: u64, blocks.
        commit_reveal: bool.
        profile: the runtime's arithmetic, one of `PROFILES`.

    Raises:
        InputError: naming the field and the rule. UnsupportedProfile: for a profile that is not computed here.
    """

    kappa: int = 32767
    bonds_penalty: int = 65535
    bonds_moving_average: int = 900_000
    yuma3: bool = True
    liquid_alpha: bool = False
    alpha_low: int = 45875
    alpha_high: int = 58982
    alpha_sigmoid_steepness: int = 1000
    max_allowed_validators: int = 128
    stake_threshold: int = 0
    tempo: int = 360
    activity_cutoff: int = 5000
    commit_reveal: bool = True
    profile: int = 425

    def __post_init__(self) -> None:
        for name, check in _HYPERPARAMETER_RULES.items():
            object.__setattr__(self, name, check(name, getattr(self, name)))


def _range(low: int, high: int) -> Callable[[str, object], int]:
    return lambda name, value: integer(name, value, low, high)


def _profile(name: str, value: object) -> int:
    profile = integer(name, value, 0, U64_MAX)
    if profile not in PROFILES:
        raise UnsupportedProfile(name, f"expected one of {', '.join(map(str, PROFILES))}, got {profile}")
    return profile


_HYPERPARAMETER_RULES: Final[Mapping[str, Callable[[str, object], int]]] = {
    **dict.fromkeys(("kappa", "bonds_penalty", "alpha_low", "alpha_high", "max_allowed_validators"), _range(0, U16_MAX)),
    **dict.fromkeys(("stake_threshold", "tempo", "activity_cutoff"), _range(0, U64_MAX)),
    **dict.fromkeys(("yuma3", "liquid_alpha", "commit_reveal"), boolean),
    "bonds_moving_average": _range(0, 1_000_000),
    "alpha_sigmoid_steepness": _range(-(2**15), 2**15 - 1),
    "profile": _profile,
}
