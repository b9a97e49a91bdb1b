"""How the functions of this package are compiled: at their first call, into a cache that knows all of their sources."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from yuma_kernel.errors import BackendUnavailable

try:
    import numba  # type: ignore[import-untyped, import-not-found, unused-ignore]
    from numba.core.caching import (  # type: ignore[import-untyped, import-not-found, unused-ignore]
        CompileResultCacheImpl,
        FunctionCache,
    )
except ImportError as error:
    raise BackendUnavailable("the numba backend needs numba: pip install 'yuma-kernel[numba]'") from error
if numba.config.DISABLE_JIT:  # type: ignore[attr-defined, unused-ignore]
    raise BackendUnavailable(
        "the numba backend needs compilation, which NUMBA_DISABLE_JIT switches off: as plain Python"
        " these functions would have other integers"
    )

_F = TypeVar("_F", bound=Callable[..., Any])


def _digest() -> str | None:
    """One of the names and contents of all files of this package; None where they cannot be read."""
    here = Path(__file__)
    files = sorted(here.parent.glob("*.py"))
    if here not in files:  # in an archive, or without sources
        return None
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


# Taken before any other file of this package is read: no code is ever stored under the digest of a later one.
SOURCES: Final = _digest()


class _Implementation(CompileResultCacheImpl):  # type: ignore[misc, unused-ignore]
    """Numba's cache, but valid only for the files of this package as they all are.

    Numba itself looks at the file of the function alone, and what is compiled holds the code of those that it calls.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)  # type: ignore[no-untyped-call, unused-ignore]
        self.locator.get_source_stamp = lambda: SOURCES


class _Cache(FunctionCache):  # type: ignore[misc, unused-ignore]
    _impl_class = _Implementation


def jit(function: _F, **more: bool) -> _F:
    """`function`, compiled at its first call.

    No signature is given: explicit ones cost at every import, cached or not. error_model="numpy" leaves out the check
    for zero before a division: every divisor here is shown not to be 0 where it stands.
    """
    compile_lazily: Any = numba.njit  # its stubs do not know every option
    compiled: Any = compile_lazily(function, nogil=True, error_model="numpy", no_cfunc_wrapper=True, **more)
    if SOURCES is not None:
        with contextlib.suppress(RuntimeError):  # "cannot cache function": no folder that can be written, for instance
            cache: Any = _Cache
            compiled._cache = cache(function)  # what cache=True does, with a FunctionCache
    result: _F = compiled
    return result


def inlined(function: _F) -> _F:
    """`function`, compiled into each of those that call it: what is a constant there is one in it."""
    return jit(function, forceinline=True)
