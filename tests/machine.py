"""The floating-point environment of a thread, as a loaded library or an embedding program may have set it."""

from __future__ import annotations

import contextlib
import ctypes
import platform
import sys
from collections.abc import Iterator
from typing import Final

import pytest

DENORMALS_ARE_ZERO: Final = 1 << 6
FLUSH_TO_ZERO: Final = 1 << 15
TRAPS: Final = 0b111111 << 7
"""Of MXCSR: a bit that is 0 lets that exception (invalid, denormal, by zero, overflow, underflow, inexact) end
the process."""

has_mxcsr = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64",
    reason="the layout of fenv_t is known for Linux on x86-64 only",
)


@contextlib.contextmanager
def mxcsr(on: int = 0, off: int = 0) -> Iterator[None]:
    """This thread's MXCSR with these bits set and those cleared, and as it was afterwards."""
    libm = ctypes.CDLL("libm.so.6", use_errno=False)
    before, changed = ctypes.create_string_buffer(32), ctypes.create_string_buffer(32)
    assert libm.fegetenv(before) == libm.fegetenv(changed) == 0
    word = ctypes.c_uint32.from_buffer(changed, 28)
    word.value = (word.value | on) & ~off & ~0b111111  # with no exception waiting
    try:
        assert libm.fesetenv(changed) == 0
        yield
    finally:
        libm.fesetenv(before)
