"""What comes out of an epoch, and where two results differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from itertools import zip_longest
from types import MappingProxyType
from typing import Any, Final, Literal

import numpy as np

from yuma_kernel.arrays import AnyArray, BoolArray, I64Array, U16Array, U64Array, freeze
from yuma_kernel.errors import InputError
from yuma_kernel.rows import SparseRows
from yuma_kernel.values import _same, _unfrozen, _Value


@dataclass(frozen=True)
class Difference:
    """The first place at which two results differ.

    Attributes:
        stage: the name of the output.
        uid: the uid (for rows: of the row), or None where shapes or dtypes differ.
        expected, got: what stands there; of rows the first entry (uid, value) that differs, None beyond the end of a row.
    """

    stage: str
    uid: int | None
    expected: Any
    got: Any

    def __str__(self) -> str:
        place = "" if self.uid is None else f" of uid {self.uid}"
        return f"{self.stage}{place}: expected {self.expected}, got {self.got}"


def _rows_difference(stage: str, expected: SparseRows, got: SparseRows) -> Difference | None:
    if expected == got:
        return None
    if (expected.n, expected.value.dtype) != (got.n, got.value.dtype):
        return Difference(stage, None, expected, got)
    pairs = enumerate(zip(expected.to_rows(), got.to_rows(), strict=True))
    uid, (a, b) = next((uid, rows) for uid, rows in pairs if rows[0] != rows[1])
    return next(Difference(stage, uid, x, y) for x, y in zip_longest(a, b) if x != y)


def _array_difference(stage: str, expected: AnyArray, got: AnyArray) -> Difference | None:
    if _same(expected, got):
        return None
    if (expected.shape, expected.dtype) != (got.shape, got.dtype):
        return Difference(stage, None, f"{expected.dtype}{list(expected.shape)}", f"{got.dtype}{list(got.shape)}")
    uid = int(np.argmax(expected != got))
    return Difference(stage, uid, expected[uid].item(), got[uid].item())


Kind = Literal["flag", "share", "amount", "rows"]
"""What an output is: bool[n]; uint16[n]; uint64[n]; SparseRows of uint16."""

_KINDS: Final[Mapping[Kind, tuple[Any, str]]] = {
    "flag": (np.bool_, ""),
    "share": (np.uint16, "1/65535"),
    "amount": (np.uint64, "rao"),
    "rows": (np.uint16, "1/65535"),
}


@dataclass(frozen=True)
class Output:
    """One output of an epoch: the name of its field, what it is, its dtype, and the unit of its numbers."""

    name: str
    kind: Kind

    @property
    def dtype(self) -> np.dtype[Any]:
        dtype: np.dtype[Any] = np.dtype(_KINDS[self.kind][0])
        return dtype

    @property
    def unit(self) -> str:
        return _KINDS[self.kind][1]


def _is(kind: Kind) -> dict[str, Kind]:
    return {"kind": kind}


@dataclass(frozen=True, eq=False, repr=False)
class _Outputs(_Value):
    """The table of outputs, in the order in which the law computes them: fields, backends and formats follow from it."""

    active: BoolArray = field(metadata=_is("flag"))
    stake_weight: U16Array = field(metadata=_is("share"))
    validator_permit: BoolArray = field(metadata=_is("flag"))
    consensus: U16Array = field(metadata=_is("share"))
    validator_trust: U16Array = field(metadata=_is("share"))
    incentive: U16Array = field(metadata=_is("share"))
    bonds: SparseRows | tuple[SparseRows, ...] | None = field(metadata=_is("rows"))
    dividends: U16Array = field(metadata=_is("share"))
    server_emission: U64Array = field(metadata=_is("amount"))
    validator_emission: U64Array = field(metadata=_is("amount"))
    emission: U64Array = field(metadata=_is("amount"))


OUTPUT_TABLE: Final[Mapping[str, Output]] = MappingProxyType(
    {f.name: Output(f.name, f.metadata["kind"]) for f in fields(_Outputs)}
)
"""What is known of each output, by its name."""

OUTPUTS: Final = tuple(OUTPUT_TABLE)
"""The outputs of an epoch, in the order in which the law computes them."""

STACKED: Final = tuple(output.name for output in OUTPUT_TABLE.values() if output.kind != "rows")
"""Those that are an array by uid, of which a simulation makes one of all epochs."""


@dataclass(frozen=True, eq=False, repr=False)
class EpochResult(_Outputs):
    """What the chain stores after an epoch (section 8).

    Attributes:
        active: bool[n].
        stake_weight, consensus, validator_trust, incentive, dividends: uint16[n], proportions, 65535 for 1.
        validator_permit: bool[n], the permits of the next epoch.
        bonds: SparseRows of uint16, the bonds of the next epoch.
        server_emission, validator_emission, emission: uint64[n], rao.
        trace: None, or by the names of `TRACES` the raw I32F32 bits between the stages: int64[n], and SparseRows of int64.
    """

    bonds: SparseRows
    trace: Mapping[str, I64Array | SparseRows] | None = field(default=None)

    def __post_init__(self) -> None:
        """Freezes what a backend made: results are the backends' to construct, with arrays that nobody else holds."""
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, np.ndarray):
                self._set(**{f.name: freeze(value)})
        if self.trace is not None:
            frozen = {k: freeze(v) if isinstance(v, np.ndarray) else v for k, v in self.trace.items()}
            self._set(trace=MappingProxyType(frozen))

    @classmethod
    def _frozen(cls, fields: dict[str, Any]) -> EpochResult:
        """From all fields, frozen already, in a dict that is the result's from now on."""
        result = object.__new__(cls)
        object.__setattr__(result, "__dict__", fields)
        return result

    def __reduce__(self) -> tuple[Any, ...]:
        trace = None if self.trace is None else {k: _unfrozen(v) for k, v in self.trace.items()}
        return type(self), (*(_unfrozen(getattr(self, f.name)) for f in fields(self)[:-1]), trace)

    def __repr__(self) -> str:
        return f"EpochResult(n={self.active.size}, bonds={self.bonds!r}, trace={'no' if self.trace is None else 'yes'})"

    def first_difference(self, expected: Mapping[str, AnyArray | SparseRows]) -> Difference | None:
        """The first output, in the order of the law, that is not what `expected` holds under its name; None where all agree.

        Outputs that `expected` does not name are not compared. Bits, dtypes, shapes and the order of entries count.
        """
        if not isinstance(expected, Mapping):
            raise InputError("expected", f"expected a mapping, got {type(expected).__name__}")
        for name in OUTPUTS:
            if name in expected:
                want, got = expected[name], getattr(self, name)
                if not isinstance(want, SparseRows if name == "bonds" else np.ndarray):
                    raise InputError(f"expected.{name}", f"expected the type of the result, got {type(want).__name__}")
                if isinstance(want, SparseRows):
                    difference = _rows_difference(name, want, got)
                else:
                    difference = _array_difference(name, want, got)
                if difference is not None:
                    return difference
        return None


TRACED_ARRAYS: Final = ("stake", "active_stake", "consensus", "validator_trust", "rank", "incentive", "dividends")
TRACED_ROWS: Final = ("weights", "clipped", "weights_for_bonds", "ema_bonds", "normalized_bonds")
TRACES: Final = (
    "stake", "active_stake", "weights", "consensus", "clipped", "validator_trust", "rank", "incentive",
    "weights_for_bonds", "ema_bonds", "normalized_bonds", "dividends",
)  # fmt: skip
"""The names under which a trace holds what stands between the stages, in the order of the law."""
