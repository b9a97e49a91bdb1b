"""The floating-point environment of the caller, kept from what is computed in doubles.

Of all that is compiled here the bounds of the sigmoid alone have doubles, which are inexact: where a process has unmasked
that trap, it would end there. Nobody can ask in a portable way whether it has, so that the traps are off for as long as such
a function runs, as in the C kernel, and the caller's environment with its flags is back afterwards.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Callable
from functools import cache
from typing import Any, Final, TypeVar

_FENV: Final = ctypes.c_double * 32  # an fenv_t has 8 to 32 bytes

_R = TypeVar("_R")


@cache
def _functions() -> tuple[Any, Any] | None:
    """feholdexcept and fesetenv of C99, of which the first turns all traps off; None where there are none."""
    for name in ("ucrtbase",) if sys.platform == "win32" else (None, "libm.so.6"):
        with contextlib.suppress(AttributeError, OSError):
            library = ctypes.PyDLL(name)  # no other thread in between
            return library.feholdexcept, library.fesetenv
    return None


def without_traps(function: Callable[..., _R], *arguments: Any) -> _R:
    """What the function returns, computed with the traps off and the caller's flags untouched."""
    functions = _functions()
    if functions is None:
        return function(*arguments)
    hold, restore = functions
    before = _FENV()
    hold(before)
    try:
        return function(*arguments)
    finally:
        restore(before)
