"""Structs of the C kernel as NumPy sees arrays of them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from yuma_kernel.arrays import AnyArray
from yuma_kernel.kernel._yuma import ffi
from yuma_kernel.results import STACKED

POINTER: Final = np.dtype(f"u{ffi.sizeof('void *')}")
ROWS: Final = ("indptr", "uid", "value")


def _members(ctype: str, **formats: Any) -> np.dtype[Any]:
    """Members of a struct as NumPy sees an array of it; two underscores go into a struct in the struct."""
    return np.dtype(
        {
            "names": list(formats),
            "formats": list(formats.values()),
            "offsets": [ffi.offsetof(ctype, *name.split("__")) for name in formats],
            "itemsize": ffi.sizeof(ctype),
        }
    )


STATES: Final = _members(
    "yuma_state",
    n=np.uint32,
    owner_uid=np.int32,
    current_block=np.uint64,
    last_mechanism_step_block=np.uint64,
    previous_consensus_length=np.uint32,
    **{f"{rows}__{part}": POINTER for rows in ("weights", "bonds") for part in ROWS},
    **dict.fromkeys(("total_stake", "last_update", "block_at_registration", "commit_block", "validator_permit"), POINTER),
    **dict.fromkeys(("previous_consensus", "last_yuma_step_block"), POINTER),
)
RESULTS: Final = _members("yuma_result", **dict.fromkeys((*STACKED, *(f"bonds_{part}" for part in ROWS)), POINTER))


def address_of(array: AnyArray) -> int:
    """Where its memory is, of an array in C order; good for as long as somebody has the array."""
    return int(ffi.cast("uintptr_t", ffi.from_buffer(array)))  # in a third of the time of NumPy's own ways
