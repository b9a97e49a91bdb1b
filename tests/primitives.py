"""The arithmetic of each backend under the names of the operations in tests/vectors/FORMAT.md, on Python integers."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any, cast

import numpy as np

import yuma_kernel as yk
from yuma_kernel import reference
from yuma_kernel.epoch import load_backend
from yuma_kernel.kernel._yuma import ffi, lib

Operation = Callable[..., Any]
"""Operands and result as in FORMAT.md; a list is a list of ints."""

ONE = 1 << 32


# -- C --------------------------------------------------------------------------------------------------------------------


def _words(bits: int) -> Any:
    return ffi.new("uint64_t[2]", [bits & (2**64 - 1), bits >> 64 & (2**64 - 1)])


def _c_div64(a: int, b: int) -> int:
    quotient = ffi.new("uint64_t[2]")
    lib.yuma_div64(_words(a), _words(b), quotient)
    bits = int(quotient[0] | quotient[1] << 64)
    return bits - (bits >> 127 << 128)


def _workspace(n: int, entries: int) -> tuple[Any, int]:
    size = lib.yuma_workspace(n, entries, 0)
    return ffi.new("unsigned char[]", size), size


def _c_median(kappa: int, stakes: list[int], scores: list[int]) -> int:
    """Validator k gives its score to uid 0; every other column is empty."""
    n = len(stakes)
    rows = {
        "indptr": ffi.new("uint32_t[]", list(range(n + 1))),
        "uid": ffi.new("uint16_t[]", n),
        "value": ffi.new("int64_t[]", scores),
    }
    consensus = ffi.new("int64_t[]", n)
    struct = ffi.new("yuma_rows *", rows)
    workspace, size = _workspace(n, n)
    status = lib.yuma_consensus(n, struct, ffi.new("int64_t[]", stakes), kappa, consensus, workspace, size)
    assert status == lib.YUMA_OK
    assert list(consensus)[1:] == [0] * (n - 1)
    return int(consensus[0])


def _c_sigmoid(*operands: int) -> int:
    """Alone by the series; among others where a bound may decide it."""
    *entry, low, high, steepness = operands
    alpha = int(lib.yuma_liquid_alpha(*operands))
    many = ffi.new("int64_t[]", 3)
    columns = [ffi.new("int64_t[]", [value] * 3) for value in entry]
    assert lib.yuma_liquid_alphas(3, *columns, low, high, steepness, many) == lib.YUMA_OK
    assert list(many) == [alpha] * 3
    return alpha


def _c_top_k(k: int, stakes: list[int]) -> list[int]:
    n = len(stakes)
    permit = ffi.new("uint8_t[]", n)
    workspace, size = _workspace(n, 0)
    assert lib.yuma_permits(n, ffi.new("int64_t[]", stakes), k, lib.YUMA_NO_OWNER, permit, workspace, size) == lib.YUMA_OK
    return list(permit)


def _c_upscale16(values: list[int]) -> list[int]:
    scaled = ffi.new("uint16_t[]", len(values))
    assert lib.yuma_upscale_to_u16(len(values), ffi.new("uint16_t[]", values), scaled) == lib.YUMA_OK
    return list(scaled)


C: dict[str, Operation] = {
    "mul": lib.yuma_mul,
    "div": lib.yuma_div,
    "sdiv": lib.yuma_sdiv,
    "add": lib.yuma_add,
    "sub": lib.yuma_sub,
    "cmul": lib.yuma_mul_checked,
    "to_u16": lib.yuma_to_u16,
    "u16_prop": lib.yuma_ratio16,
    "exp": lib.yuma_exp_safe,
    "div64": _c_div64,
    "f64to32": lambda x: lib.yuma_to_i32f32(_words(x)),
    "sigmoid": _c_sigmoid,
    "emit": lib.yuma_emission_share,
    "alpha_ema": lib.yuma_bonds_alpha,
    "median_col": _c_median,
    "topk": _c_top_k,
    "upscale16": _c_upscale16,
}

# -- the reference --------------------------------------------------------------------------------------------------------


def _reference_median(kappa: int, stakes: list[int], scores: list[int]) -> int:
    rows: list[list[tuple[int, int]]] = [[(0, score)] for score in scores]
    median, *others = reference.consensus(stakes, rows, kappa)
    assert others == [0] * (len(stakes) - 1)
    return median


REFERENCE: dict[str, Operation] = {
    "mul": reference.mul,
    "div": reference.div,
    "sdiv": reference.sdiv,
    "add": reference.add,
    "sub": reference.sub,
    "cmul": reference.cmul,
    "to_u16": reference.to_u16,
    "u16_prop": reference.ratio16,
    "exp": reference.exp_safe,
    "div64": reference.div64,
    "f64to32": reference.i64f64_to_i32f32,
    "sigmoid": reference.liquid_alpha,
    "emit": reference.emit,
    "alpha_ema": reference.bonds_moving_average,
    "median_col": _reference_median,
    "topk": lambda k, stakes: [int(chosen) for chosen in reference.top_k(stakes, k)],
    "upscale16": reference.upscale_to_u16,
}

# -- Numba ----------------------------------------------------------------------------------------------------------------


def _numba() -> dict[str, Operation]:
    """A u64 goes in as np.uint64, as Numba takes every Python int for an int64."""
    backend: Any = load_backend("numba")
    bonds, emission, exponential, fixed, liquid, wide = (
        cast(Any, importlib.import_module(f"yuma_kernel.kernel.jit.{section}"))
        for section in ("bonds", "emission", "exponential", "fixed", "liquid", "wide")
    )
    u64 = np.uint64

    def words(bits: int) -> tuple[Any, Any]:
        return u64(bits & (2**64 - 1)), u64(bits >> 64 & (2**64 - 1))

    def div64(a: int, b: int) -> int:
        low, high = wide.div64(*words(a), *words(b))
        bits = int(low) | int(high) << 64
        return bits - (bits >> 127 << 128)

    def median(kappa: int, stakes: list[int], scores: list[int]) -> int:
        rows = yk.SparseRows.from_rows([[(0, score)] for score in scores], np.int64)
        # ratio16(v) is 65537 v, and one more at 65535
        first, *others = backend.consensus(rows, np.array(stakes, np.int64), kappa // 65537).tolist()
        assert others == [0] * (len(stakes) - 1)
        return int(first)

    return {
        **{name: getattr(fixed, name) for name in ("mul", "div", "sdiv", "add", "sub", "cmul")},
        "to_u16": lambda x: backend.to_u16(np.array([x], np.int64))[0],
        "u16_prop": lambda v: fixed.ratio16(u64(v)),
        "exp": exponential.exp_safe,
        "div64": div64,
        "f64to32": lambda x: wide.i64f64_to_i32f32(*words(x)),
        "sigmoid": liquid.alpha,
        "emit": lambda x, rao: emission.emission_share(x, u64(rao)),
        "alpha_ema": lambda millionths: bonds.bonds_alpha(u64(millionths)),
        "median_col": median,
        "topk": lambda k, stakes: backend.permits(np.array(stakes, np.int64), k, None).astype(int).tolist(),
        "upscale16": lambda values: backend.upscale_to_u16(np.array(values, np.uint16)).tolist(),
    }


PRIMITIVES: dict[str, Callable[[], dict[str, Operation]]] = {
    "c": lambda: C,
    "numba": functools.cache(_numba),
    "reference": lambda: REFERENCE,
}
"""By backend, what makes its table: one that is not here is not imported."""
