"""What goes into an epoch: a subnet as the chain stores it, and its hyperparameters.

Everything is validated once, here, at construction. What has been constructed is contiguous, of the stated dtype, and
cannot be changed: backends trust it without looking again. Arrays handed in are copied, never kept and never written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import numpy.typing as npt

from yuma_kernel.arrays import (
    U16_MAX,
    U64_MAX,
    BoolArray,
    Boolean,
    Integer,
    U16Array,
    U64Array,
    array,
    as_made,
    boolean,
    integer,
    stored_integer,
)
from yuma_kernel.errors import InputError, UnsupportedProfile, shown
from yuma_kernel.profiles import MODES, NEWEST, PROFILES, Mode, Profile
from yuma_kernel.rows import SparseRows, rows_as_made, stored_rows
from yuma_kernel.stake import total_stake_array
from yuma_kernel.tables import SHOWN, Table
from yuma_kernel.units import ONES, RAO, UNITS, shown_alpha, shown_share
from yuma_kernel.values import _Held, _unfrozen, _Value

if TYPE_CHECKING:
    from yuma_kernel.results import EpochResult


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
        previous_consensus: uint16[any], proportions: what the last epoch of this mechanism stored (`ConsensusByMechanism`);
            it is cut or padded with 0 to n when it is read. Empty where nothing is stored yet. None: not known, and an epoch
            that needs it is refused (section 9).
        last_yuma_step_block: uint64, blocks; None where the chain has none.

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
    previous_consensus: U16Array | None = None
    last_yuma_step_block: int | None = None

    if TYPE_CHECKING:  # the fields say what is held; this, what is taken

        def __init__(
            self,
            weights: Any,
            bonds: Any,
            total_stake: npt.ArrayLike,
            last_update: npt.ArrayLike,
            block_at_registration: npt.ArrayLike,
            validator_permit: npt.ArrayLike,
            current_block: Integer,
            last_mechanism_step_block: Integer = 0,
            owner_uid: Integer | None = None,
            commit_block: npt.ArrayLike | None = None,
            previous_consensus: npt.ArrayLike | None = None,
            last_yuma_step_block: Integer | None = None,
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
            previous_consensus=None if self.previous_consensus is None else stored_consensus(self.previous_consensus),
            last_yuma_step_block=None
            if self.last_yuma_step_block is None
            else integer("last_yuma_step_block", self.last_yuma_step_block, 0, U64_MAX),
        )

    def _as_made(self) -> None:
        """InputError where somebody has set the dtype, the shape or the strides of an array since (`arrays.as_made`)."""
        for name in ("weights", "bonds"):
            rows_as_made(name, getattr(self, name))
        n = self.n
        as_made("total_stake", self.total_stake, np.uint64, (n, 2))
        for name in ("last_update", "block_at_registration"):
            as_made(name, getattr(self, name), np.uint64, (n,))
        as_made("validator_permit", self.validator_permit, np.bool_, (n,))
        if self.commit_block is not None:
            as_made("commit_block", self.commit_block, np.uint64, (n,))
        if self.previous_consensus is not None:
            as_made("previous_consensus", self.previous_consensus, np.uint16, (self.previous_consensus.size,))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(_unfrozen(getattr(self, f.name)) for f in fields(self))

    def __repr__(self) -> str:
        return (
            f"SubnetState(n={self.n}, validators={int(self.validator_permit.sum())}, current_block={self.current_block}, "
            f"weights={self.weights.uid.size} entries, bonds={self.bonds.uid.size} entries, stake={self._staked()})"
        )

    def _staked(self) -> str:
        rao = self.total_stake[:, 1].tolist()
        total, most = sum(rao), int(np.argmax(self.total_stake[:, 1]))
        return f"{shown_alpha(total)} alpha, most by uid {most}: {shown_share(rao[most], total)}" if total else "0 alpha"

    def _repr_html_(self) -> str:
        """The uids with the largest stakes."""
        rao = self.total_stake[:, 1].tolist()
        total, order = sum(rao), sorted(range(self.n), key=lambda uid: -rao[uid])
        weights, bonds = np.diff(self.weights.indptr), np.diff(self.bonds.indptr)
        columns: dict[str, list[Any]] = {
            "uid": order,
            "stake, alpha": [shown_alpha(rao[uid]) for uid in order],
            "share": [shown_share(rao[uid], total) for uid in order],
            "permit": self.validator_permit[order].tolist(),
            "weights": weights[order].tolist(),
            "bonds": bonds[order].tolist(),
            "last update, block": self.last_update[order].tolist(),
            "registered, block": self.block_at_registration[order].tolist(),
        }
        title = (
            f"{self.n} uids at block {self.current_block}: {int(self.validator_permit.sum())} with a permit, "
            f"{self.weights.uid.size} weights, {self.bonds.uid.size} bonds, "
            + ("no owner" if self.owner_uid is None else f"owner {self.owner_uid}")
        )
        return Table(columns, title=title).html(SHOWN)

    # -- verbs: each gives a new state

    def with_weights(self, uid: int, weights: Any, *, last_update: int | None = None) -> SubnetState:
        """The state with another row of weights, as the chain stores what is sent to it.

        Args:
            uid: whose row.
            weights: {uid: weight}, its keys integers, or strings of them as JSON has them; a pandas Series; pairs
                (uid, weight); or a tuple of two arrays or lists, the uids and their weights. Integers are u16 as they are
                sent, in their order, and stored with their zeros, scaled so that the largest is 65535
                (`stages.upscale_to_u16`). Where any is a float, all are weights of any scale and become what a validator
                sends by `weights_to_u16`. None of them: an empty row.
            last_update: the block in which they are set; None: current_block. Under commit-reveal that of the commit.

        What else the chain would ask (rate, stake, the least number of weights) is not checked here.

        Raises:
            InputError: naming `uid`, `weights` or `last_update`.
        """
        from yuma_kernel.changes import with_weights  # which knows what is above this module

        return with_weights(self, uid, weights, last_update)

    def with_stake(self, uid: int, rao: int | None = None, *, alpha: float | None = None) -> SubnetState:
        """The state with another total stake of `uid`: whole rao below 2^63, or alpha as a float, to the nearest rao."""
        from yuma_kernel.changes import with_stake

        return with_stake(self, uid, rao, alpha)

    def without(self, uid: int) -> SubnetState:
        """The state as if nobody had `uid`, with the same n, so that all others keep theirs.

        Cleared are: its rows of weights and bonds; the entries of all other rows that point at it; its stake, permit,
        last_update, commit and previous consensus; and the owner, where it is the owner's. Its block of registration stays.
        """
        from yuma_kernel.changes import without

        return without(self, uid)

    def after(self, result: EpochResult, blocks: int | None = None) -> SubnetState:
        """The state that the next epoch finds where nobody changes anything in between.

        Bonds, permits and the previous consensus are those of `result`, this block becomes last_mechanism_step_block (and
        last_yuma_step_block, where the chain has one), and `blocks` pass. Weights, stakes, commits and last_update stand.

        Args:
            result: of the epoch of this state.
            blocks: from this epoch to the next; None: as many as from the epoch before to this one.

        Raises:
            InputError: a result of another n; no `blocks` where the state does not know the epoch before.
        """
        from yuma_kernel.changes import after

        return after(self, result, blocks)

    @property
    def n(self) -> int:
        """The number of uids."""
        return self.weights.n


def stored_consensus(value: object) -> U16Array:
    """u16[any]: a consensus as the chain stores it."""
    stored = array("previous_consensus", value, np.uint16, (None,))
    if stored.size > U16_MAX + 1:
        raise InputError("previous_consensus", f"expected at most {U16_MAX + 1} of them, one a uid, got {stored.size}")
    return stored


@dataclass(frozen=True, kw_only=True)
class Hyperparameters(_Held):
    """The hyperparameters of a subnet (section 2); the defaults are what the runtime gives a new one.

    Attributes:
        kappa: u16 proportion, 65535 for 1: the share of stake that consensus needs.
        bonds_penalty: u16 proportion, how far the weights in bonds are clipped.
        bonds_moving_average: millionths, at most 1,000,000: the part of the old bonds that is kept.
        yuma3, liquid_alpha: bool; liquid_alpha has no effect without yuma3.
        alpha_low, alpha_high: u16 proportions, the bounds of liquid alpha; low may be above high.
        alpha_sigmoid_steepness: i16, hundredths. In profile 273 a u16, in ones; earlier ones do not read it.
        liquid_alpha_consensus_mode: "current", "previous" or "auto", or the number that the chain stores for it: which
            consensus liquid alpha measures against (section 9; profiles before 475 do not read it). "auto", which a subnet
            that never set it has, is "previous" where bonds_penalty is 65535.
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
    liquid_alpha_consensus_mode: Mode = "auto"
    max_allowed_validators: int = 128
    stake_threshold: int = 0
    tempo: int = 360
    activity_cutoff: int = 5000
    commit_reveal: bool = True
    profile: int = NEWEST

    if TYPE_CHECKING:  # the fields say what is held; this, what is taken

        def __init__(
            self,
            *,
            kappa: Integer = 32767,
            bonds_penalty: Integer = 65535,
            bonds_moving_average: Integer = 900_000,
            yuma3: Boolean = True,
            liquid_alpha: Boolean = False,
            alpha_low: Integer = 45875,
            alpha_high: Integer = 58982,
            alpha_sigmoid_steepness: Integer = 1000,
            liquid_alpha_consensus_mode: Mode | Integer = "auto",
            max_allowed_validators: Integer = 128,
            stake_threshold: Integer = 0,
            tempo: Integer = 360,
            activity_cutoff: Integer = 5000,
            commit_reveal: Boolean = True,
            profile: Integer = NEWEST,
        ) -> None: ...

    def __post_init__(self) -> None:
        for name, check in _HYPERPARAMETER_RULES.items():
            object.__setattr__(self, name, check(name, getattr(self, name)))
        low, high = _STEEPNESS[self.rules.steepness]
        check_steepness = _in_ones if self.rules.steepness == "ones" else stored_integer
        steepness = check_steepness("alpha_sigmoid_steepness", self.alpha_sigmoid_steepness, low, high)
        object.__setattr__(self, "alpha_sigmoid_steepness", steepness)

    @classmethod
    def from_chain(
        cls, mapping: Any, *, profile: int = NEWEST, missing: Literal["refuse", "default"] = "refuse", **known: Any
    ) -> Hyperparameters:
        """From the names and forms that the storage (`BondsMovingAverage`), the runtime API, SDKs (`max_validators`,
        `bonds_moving_avg`, `liquid_alpha_enabled`, `yuma_version`) and explorers have.

        Args:
            mapping: by name, values as stored; or an SDK's object with such attributes. Long integers may be digits.
                Settings that the epoch does not read are left aside, names that are none refused. `alpha_sigmoid_steepness`
                may be the whole float that SDKs make of the stored hundredths; `AlphaValues` is (low, high);
                `activity_cutoff` is taken as it is; since runtime 423 the chain makes it of `ActivityCutoffFactorMilli` and
                the tempo, and so is it made here; where both are there, they have to agree.
            profile: the runtime's arithmetic, as for the constructor.
            missing: "refuse" names what the epoch reads and the mapping lacks; SDKs lack bonds_penalty and stake_threshold.
                "default" takes what the chain has where nothing is stored, by the metadata of the runtimes 343 to 424: Yuma
                3 is then off. Of profiles before 365 no defaults are known, and what is missing is refused either way.
            known: hyperparameters under the names of this class, in place of what the mapping has.

        Raises:
            InputError: naming what is unknown, missing, said twice, or breaks a rule.
        """
        from yuma_kernel.names import hyperparameters_from_chain

        return hyperparameters_from_chain(cls, mapping, profile, missing, known)

    def _repr_html_(self) -> str:
        """The stored integers, and what they are."""
        columns: dict[str, list[Any]] = {"name": [], "stored": [], "unit": [], "is": []}
        for name, value in vars(self).items():
            ones = name == "alpha_sigmoid_steepness" and self.rules.steepness == "ones"
            unit = ONES if ones else UNITS.get(name)
            meaning = "" if unit is None else f"{value / unit.one:,.6g}{' alpha' if unit.one == RAO else ''}"
            row = (name, value, "" if unit is None else unit.name, meaning)
            for column, entry in zip(columns.values(), row, strict=True):
                column.append(entry)
        return Table(columns, title=f"Hyperparameters of profile {self.profile}").html()

    @property
    def rules(self) -> Profile:
        """What the profile computes, rule by rule."""
        return PROFILES[self.profile]

    @property
    def selects_previous_consensus(self) -> bool:
        """Whether liquid alpha measures against the consensus that the epoch before stored (section 9): then a state has to
        know it."""
        mode = self.liquid_alpha_consensus_mode
        previous = mode == "previous" or (mode == "auto" and self.bonds_penalty == U16_MAX)
        return previous and self.liquid_alpha and self.yuma3 and self.rules.liquid_alpha == "selected"


def require_state(state: object) -> None:
    """InputError where it is something else."""
    if not isinstance(state, SubnetState):
        way = ", of which .state is one" if type(state).__name__ in ("Snapshot", "Simulation") else ""
        raise InputError("state", f"expected a SubnetState, got {type(state).__name__}{way}")


def require_hyperparameters(hyperparameters: object) -> None:
    """InputError where they are something else."""
    if not isinstance(hyperparameters, Hyperparameters):
        raise InputError("hyperparameters", f"expected Hyperparameters, got {type(hyperparameters).__name__}")


def require_subnet(state: object, hyperparameters: object) -> None:
    """InputError where one is something else."""
    require_state(state)
    require_hyperparameters(hyperparameters)


def plain(hyperparameters: Hyperparameters) -> dict[str, Any]:
    """The fields by name."""
    return {f.name: getattr(hyperparameters, f.name) for f in fields(hyperparameters)}


def require_known(state: SubnetState, hyperparameters: Hyperparameters) -> None:
    """InputError where the epoch needs what the state does not know."""
    if state.previous_consensus is None and hyperparameters.selects_previous_consensus:
        raise InputError(
            "previous_consensus",
            f"not known, and liquid alpha of profile {hyperparameters.profile} measures against it here (mode "
            f"{hyperparameters.liquid_alpha_consensus_mode}, bonds_penalty {hyperparameters.bonds_penalty}): pass what the "
            "chain stores as ConsensusByMechanism, which is the consensus of this mechanism's last epoch, or an empty array "
            "where nothing is stored yet",
        )


def _range(low: int, high: int) -> Callable[[str, object], int]:
    return lambda name, value: integer(name, value, low, high)


def _stored_range(high: int) -> Callable[[str, object], int]:
    return lambda name, value: stored_integer(name, value, 0, high)


def _in_ones(name: str, value: object, low: int, high: int) -> int:
    """Of a field that `units.UNITS` has in another unit."""
    try:
        return integer(ONES.name, value, low, high)
    except InputError as error:
        raise error.within(name) from None


def consensus_mode(name: str, value: object) -> Mode:
    """One of `MODES`, by name or by the number that the chain stores."""
    if isinstance(value, str):
        if value not in MODES:
            raise InputError(name, f"expected one of {', '.join(MODES)}, got {shown(value)}")
        return MODES[MODES.index(value)]
    return MODES[integer(name, value, 0, len(MODES) - 1)]


def _profile(name: str, value: object) -> int:
    profile = integer(name, value, 0, U64_MAX)
    if profile not in PROFILES:
        raise UnsupportedProfile(name, f"expected one of {', '.join(map(str, PROFILES))}, got {profile}")
    return profile


_STEEPNESS: Final = {"hundredths": (-(2**15), 2**15 - 1), "ones": (0, U16_MAX), "unread": (-(2**15), U16_MAX)}

_HYPERPARAMETER_RULES: Final[Mapping[str, Callable[[str, object], object]]] = {
    **dict.fromkeys(("kappa", "bonds_penalty", "alpha_low", "alpha_high"), _stored_range(U16_MAX)),
    "max_allowed_validators": _range(0, U16_MAX),
    **dict.fromkeys(("stake_threshold", "tempo", "activity_cutoff"), _range(0, U64_MAX)),
    **dict.fromkeys(("yuma3", "liquid_alpha", "commit_reveal"), boolean),
    "bonds_moving_average": _stored_range(1_000_000),
    "liquid_alpha_consensus_mode": consensus_mode,
    "profile": _profile,
}
