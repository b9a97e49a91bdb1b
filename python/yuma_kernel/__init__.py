"""Bittensor's Yuma Consensus epoch, equal to the chain's to the last bit.

`epoch` computes one epoch of a `SubnetState` under `Hyperparameters`; `yuma_kernel.chain.snapshot` reads both from a node,
`load` from a file. `explain`, `compare`, `what_if`, `permit_threshold` and `preflight` are questions to it; `epoch_many`,
`variants` and `simulate` compute many. `yuma_kernel.stages` has each stage on its own.

Sections that docstrings name are those of the specification, which `reference.py` follows: 1 numbers, 2 inputs, 3 stake,
activity and permits, 4 weights, 5 consensus, 6 clip, validator trust and incentive, 7 bonds and dividends, 8 emission and
storage, 9 what profile 475 adds. u16 proportions have 65535 for 1, raw I32F32 bits 2^32, amounts are rao.

`OUTPUTS` and `TRACES` name what an epoch gives and what lies between its stages, in the order of the law; `BACKENDS` are the
ways to compute it, `PROFILES` the arithmetics by number, `MAX_UIDS` the most uids that a subnet may have.
"""

import importlib
from typing import TYPE_CHECKING, Any

from yuma_kernel import stages
from yuma_kernel.arrays import MAX_UIDS
from yuma_kernel.epoch import BACKENDS, epoch
from yuma_kernel.errors import BackendUnavailable, InactiveWarning, InputError, NewerRuntimeWarning, UnsupportedProfile
from yuma_kernel.many import epoch_many
from yuma_kernel.profiles import PROFILES, Profile, profile_of
from yuma_kernel.results import OUTPUTS, TRACES, Difference, EpochResult, UidResult
from yuma_kernel.rows import SparseRows
from yuma_kernel.simulation import Simulation, simulate
from yuma_kernel.snapshot import Snapshot, load, save
from yuma_kernel.stake import stake_from_floats, stake_from_rao, stake_to_floats, stake_to_rao, total_stake_bits
from yuma_kernel.types import Hyperparameters, SubnetState
from yuma_kernel.variants import Variants, variants
from yuma_kernel.weights import weights_to_u16, weights_to_u16_exact

if TYPE_CHECKING:
    # at run time when they are first asked for
    from yuma_kernel import chain as chain
    from yuma_kernel import moves as moves
    from yuma_kernel import plots as plots
    from yuma_kernel import search as search
    from yuma_kernel import studies as studies
    from yuma_kernel.comparison import Comparison, compare
    from yuma_kernel.explanation import Explanation, explain
    from yuma_kernel.permits import PermitThreshold, permit_threshold
    from yuma_kernel.prospects import WhatIf, what_if
    from yuma_kernel.submission import Preflight, preflight

__version__ = "0.1.0"

__all__ = [
    "BACKENDS",
    "MAX_UIDS",
    "OUTPUTS",
    "PROFILES",
    "TRACES",
    "BackendUnavailable",
    "Comparison",
    "Difference",
    "EpochResult",
    "Explanation",
    "Hyperparameters",
    "InactiveWarning",
    "InputError",
    "NewerRuntimeWarning",
    "PermitThreshold",
    "Preflight",
    "Profile",
    "Simulation",
    "Snapshot",
    "SparseRows",
    "SubnetState",
    "UidResult",
    "UnsupportedProfile",
    "Variants",
    "WhatIf",
    "compare",
    "epoch",
    "epoch_many",
    "explain",
    "load",
    "permit_threshold",
    "preflight",
    "profile_of",
    "save",
    "simulate",
    "stages",
    "stake_from_floats",
    "stake_from_rao",
    "stake_to_floats",
    "stake_to_rao",
    "total_stake_bits",
    "variants",
    "weights_to_u16",
    "weights_to_u16_exact",
    "what_if",
]

_ROOMS = ("chain", "moves", "plots", "search", "studies")
_QUESTIONS = {
    "Comparison": "comparison",
    "Explanation": "explanation",
    "PermitThreshold": "permits",
    "Preflight": "submission",
    "WhatIf": "prospects",
    "compare": "comparison",
    "explain": "explanation",
    "permit_threshold": "permits",
    "preflight": "submission",
    "what_if": "prospects",
}
"""By name, the room of what stands above the kernel; no room has the name of what it is asked for."""


def __getattr__(name: str) -> Any:
    """Rooms above the kernel are imported when they are first asked for."""
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _QUESTIONS:
        return getattr(importlib.import_module(f"{__name__}.{_QUESTIONS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS, *_QUESTIONS})
