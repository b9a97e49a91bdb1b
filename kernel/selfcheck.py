"""At first use, the kernel computes epochs of known results: flags of a compiler, or a process that has set its machine to
other arithmetic, could make it another function without a word.

Not at import, and once for each choice of instruction sets: about a millisecond. A build with `-fassociative-math`, which
the sources refuse, computes others of these epochs on both paths of x86-64.
"""

from __future__ import annotations

import zlib
from typing import Final

import numpy as np

from yuma_kernel.errors import BackendUnavailable
from yuma_kernel.kernel._yuma import lib
from yuma_kernel.results import STACKED, EpochResult
from yuma_kernel.rows import SparseRows
from yuma_kernel.types import Hyperparameters, SubnetState

N: Final = 16
EMISSION: Final = 10**12 + 7

EXPECTED: Final = [0x4847016D, 0x6C1FE981, 0x467F378B, 0xCF2E4C75]
"""Of the epoch under each of `rules`, what `digest` makes of what the reference computes."""

sound: Final[set[int]] = set()
"""The masks of instruction sets with which the kernel computed what it has to."""


def rules() -> list[Hyperparameters]:
    """Yuma 2; Yuma 3 with bonds of clipped and of whole weights; liquid alpha against the previous consensus."""
    return [
        Hyperparameters(yuma3=False, profile=475),
        Hyperparameters(bonds_penalty=40_000, profile=475),
        Hyperparameters(bonds_penalty=0, kappa=50_000, profile=475),
        Hyperparameters(liquid_alpha=True, liquid_alpha_consensus_mode="previous", profile=475),
    ]


def subnet() -> SubnetState:
    """Everybody a validator, with weights and bonds of 16 bits on everybody, which look like drawn ones."""
    bits = np.arange(1, 2 * N * N + N + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    bits ^= bits >> np.uint64(29)
    bits *= np.uint64(0xBF58476D1CE4E5B9)
    drawn = (bits >> np.uint64(48)).astype(np.uint16)
    rows, uid = np.arange(0, N * N + 1, N, dtype=np.uint32), np.tile(np.arange(N, dtype=np.uint16), N)
    stake = np.zeros((N, 2), np.uint64)
    stake[:, 1] = drawn[-N:].astype(np.uint64) * np.uint64(10**6)
    updated = np.full(N, 9, np.uint64)
    return SubnetState(
        weights=SparseRows(rows, uid, drawn[: N * N]),
        bonds=SparseRows(rows, uid, drawn[N * N : 2 * N * N]),
        total_stake=stake,
        last_update=updated,
        block_at_registration=np.ones(N, np.uint64),
        validator_permit=np.ones(N, np.bool_),
        current_block=10,
        previous_consensus=drawn[:N],
    )


def digest(result: EpochResult) -> int:
    """CRC-32 of all that an epoch stores, little-endian."""
    arrays = [*(getattr(result, name) for name in STACKED), result.bonds.indptr, result.bonds.uid, result.bonds.value]
    return zlib.crc32(b"".join(a.astype(a.dtype.newbyteorder("<"), copy=False).tobytes() for a in arrays))


def require_sound(isa: int) -> None:
    """That the kernel computes the known epochs, with these instruction sets and without any.

    Raises:
        BackendUnavailable: it does not.
    """
    from yuma_kernel.kernel import native  # which asks this module

    given = native._Given(subnet())
    for mask in {isa, int(lib.YUMA_ISA_PORTABLE)} - sound:
        for known, expected in zip(rules(), EXPECTED, strict=True):
            if digest(native._epoch(given, known, EMISSION, mask)) != expected:
                path = next(name for name, bit in reversed(list(native._ISA_BITS.items())) if bit & mask)
                raise BackendUnavailable(
                    f"the C kernel computes other numbers here than the specification has ({path}, profile {known.profile}):"
                    " it was built with a compiler or flags that change its arithmetic, or something has set this process to"
                    " another floating-point environment. Nothing is computed with it. Build it again without such flags "
                    f"(CFLAGS, YUMA_KERNEL_CFLAGS; this is {native.build()}), or take backend='reference'"
                )
        sound.add(mask)
