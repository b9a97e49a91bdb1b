"""Which arithmetic a runtime of the chain has: the profiles, and which spec versions compute each.

A profile is what a runtime's epoch computes, named by a spec version that computes it. Each is stated against the next newer
one, as the law states it (section 9), by named rules: a backend asks for a rule and never compares numbers of profiles. The
newest comes first in the table, and its rules are the defaults of `Profile`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal

from yuma_kernel.arrays import U64_MAX, integer
from yuma_kernel.errors import NewerRuntimeWarning, UnsupportedProfile

Mode = Literal["current", "previous", "auto"]
MODES: Final[tuple[Mode, ...]] = ("current", "previous", "auto")
"""The modes of liquid alpha's consensus; their places here are the numbers in which the chain stores them."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The arithmetic of some runtimes, as rules. The defaults are what the newest of them does.

    Attributes:
        number: the spec version that names it.
        first, last: the spec versions that are known to compute it, and all between them.
        otherwise: what it does otherwise than the next newer profile, in a sentence.
        before: why the spec versions between the next older profile and `first` are not established; where it is empty, the
            change falls somewhere between the two.
        liquid_alpha: what liquid alpha measures against, and what decides whether it runs: the consensus that the subnet's
            mode selects ("selected"), or that of this epoch ("current"). Or "column": one alpha for each column, in Yuma 2.
        bonds_cutoff: which registrations make a bond outdated: those since the last step of Yuma where that is known
            ("yuma_step"), since the last step of the mechanism ("mechanism_step"), since one tempo ("tempo"), or since the
            validator's own last update ("last_update").
        owner_permit: whether the owner's stake counts below the threshold, and the owner always has a permit.
        exponential: of the sigmoid, whether its argument is clamped ("clamped"), or an overflow gives 0 ("zero").
        unpermitted_bonds: what becomes of the bonds of a uid that had no permit and gets none: "emptied", or "kept" as they
            were stored.
        commit_mask: whether live commits mask weights.
        steepness: the unit of alpha_sigmoid_steepness: "hundredths" or "ones"; "unread" where there is none.
        stake_threshold: whether there is one.
        stakeless_permits: whether uids without stake may get a permit.
        yuma3: whether there is Yuma 3.
        owner_diagonal: whether the owner's weight on itself counts.
    """

    number: int
    first: int
    last: int
    otherwise: str
    before: str = ""
    liquid_alpha: Literal["selected", "current", "column"] = "selected"
    bonds_cutoff: Literal["yuma_step", "mechanism_step", "tempo", "last_update"] = "yuma_step"
    owner_permit: bool = True
    exponential: Literal["clamped", "zero"] = "clamped"
    unpermitted_bonds: Literal["emptied", "kept"] = "emptied"
    commit_mask: bool = True
    steepness: Literal["hundredths", "ones", "unread"] = "hundredths"
    stake_threshold: bool = True
    stakeless_permits: bool = False
    yuma3: bool = True
    owner_diagonal: bool = True


_475 = Profile(
    number=475,
    first=452,
    last=475,
    otherwise="The newest.",
    before="446 to 451 had the modes of liquid alpha's consensus in an early form that is not established",
)
_425 = replace(
    _475,
    number=425,
    first=423,
    last=445,
    otherwise=(
        "Liquid alpha measures against the consensus of the epoch itself, which also decides whether it runs; bonds are "
        "outdated by the last step of the mechanism alone."
    ),
    before="",
    liquid_alpha="current",
    bonds_cutoff="mechanism_step",
)
_401 = replace(
    _425,
    number=401,
    first=401,
    last=401,
    otherwise="Bonds are outdated by registrations since one tempo; no step is looked at.",
    bonds_cutoff="tempo",
)
_365 = replace(
    _401,
    number=365,
    first=365,
    last=391,
    otherwise="The owner has no privilege in stake and permits.",
    owner_permit=False,
)
_320 = replace(
    _365,
    number=320,
    first=320,
    last=334,
    otherwise="The exponential of the sigmoid is not clamped, and 0 where it overflows.",
    exponential="zero",
)
_297 = replace(
    _320,
    number=297,
    first=297,
    last=315,
    otherwise="The bonds of a uid that had no permit and gets none are kept as they were stored.",
    unpermitted_bonds="kept",
)
_283 = replace(
    _297,
    number=283,
    first=283,
    last=283,
    otherwise="Live commits mask no weights.",
    commit_mask=False,
)
_273 = replace(
    _283,
    number=273,
    first=273,
    last=273,
    otherwise="Steepness is a u16, in ones.",
    steepness="ones",
)
_257 = replace(
    _273,
    number=257,
    first=257,
    last=257,
    otherwise=(
        "Before Yuma 3: Yuma 2 alone, with liquid alpha as one alpha for each column; no stake threshold; permits also "
        "without stake."
    ),
    liquid_alpha="column",
    steepness="unread",
    stake_threshold=False,
    stakeless_permits=True,
    yuma3=False,
)
_252 = replace(
    _257,
    number=252,
    first=252,
    last=252,
    otherwise="A bond is outdated where its uid registered since the validator's own last update.",
    bonds_cutoff="last_update",
)
_233 = replace(
    _252,
    number=233,
    first=233,
    last=244,
    otherwise="The whole diagonal of the weights goes out, the owner's entry too; there is no owner.",
    before="earlier runtimes compute by other rules",
    owner_diagonal=False,
)

_ALL: Final = (_475, _425, _401, _365, _320, _297, _283, _273, _257, _252, _233)

PROFILES: Final[Mapping[int, Profile]] = MappingProxyType({profile.number: profile for profile in _ALL})
"""The profiles that are computed here, by number, the newest first."""

NEWEST: Final = next(iter(PROFILES))


def profile_of(spec_version: int) -> int:
    """The number of the profile whose arithmetic the runtime of this spec version has.

    A runtime later than all that are known has the newest profile as far as anybody can tell here: a `NewerRuntimeWarning`
    says so.

    Args:
        spec_version: `specVersion` of the runtime whose state is read.

    Raises:
        InputError: no integer of u64. UnsupportedProfile: a runtime whose epoch is not established, or older than all.
    """
    version = integer("spec_version", spec_version, 0, U64_MAX)
    newest = PROFILES[NEWEST]
    if version > newest.last:
        warnings.warn(
            f"runtime {version} is later than {newest.last}, the latest known here: its epoch is taken to be that of "
            f"profile {newest.number}",
            NewerRuntimeWarning,
            stacklevel=2,
        )
        return newest.number
    newer = newest
    for profile in PROFILES.values():
        if profile.first <= version <= profile.last:
            return profile.number
        if version > profile.last:
            why = newer.before or (
                f"somewhere between {profile.last}, which computes profile {profile.number}, and {newer.first}, which "
                f"computes profile {newer.number}, the rules change"
            )
            break
        newer, why = profile, profile.before
    raise UnsupportedProfile("spec_version", f"expected a runtime whose epoch is established, got {version}: {why}")
