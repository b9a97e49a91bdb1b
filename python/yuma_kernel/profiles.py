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
    """The arithmetic of some runtimes, as rules.

    Attributes:
        number: the spec version that names it.
        first, last: the spec versions that are known to compute it, and all between them.
        otherwise: what it does otherwise than the next newer profile, in a sentence.
        before: why the spec versions between the next older profile and `first` are not established.
        liquid_alpha: against which consensus liquid alpha measures, and which decides whether it runs: the one that the
            subnet's mode selects ("selected"), or that of this epoch ("current").
        bonds_cutoff: from which block on a registration makes bonds outdated: the one after the last step of Yuma where that
            is known ("yuma_step"), or the one after the last step of the mechanism ("mechanism_step").
    """

    number: int
    first: int
    last: int
    otherwise: str
    before: str
    liquid_alpha: Literal["selected", "current"] = "selected"
    bonds_cutoff: Literal["yuma_step", "mechanism_step"] = "yuma_step"


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
    before="earlier runtimes compute by other rules",
    liquid_alpha="current",
    bonds_cutoff="mechanism_step",
)

PROFILES: Final[Mapping[int, Profile]] = MappingProxyType({profile.number: profile for profile in (_475, _425)})
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
    for profile in PROFILES.values():
        if version >= profile.first:
            if version <= profile.last:
                return profile.number
            break
        why = profile.before
    raise UnsupportedProfile("spec_version", f"expected a runtime whose epoch is established, got {version}: {why}")
