"""What comes out of an epoch, and where two results differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from itertools import zip_longest
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np

from yuma_kernel.arrays import U16_MAX, AnyArray, BoolArray, I64Array, U16Array, U64Array, freeze, integer
from yuma_kernel.errors import InputError, shown
from yuma_kernel.extras import extra
from yuma_kernel.rows import SparseRows
from yuma_kernel.tables import SHOWN, Table
from yuma_kernel.units import RAO, shown_alpha, shown_part, shown_share
from yuma_kernel.values import _Held, _same, _unfrozen, _Value


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

_ONE: Final[Mapping[str, int]] = {
    name: U16_MAX if output.kind == "share" else RAO
    for name, output in OUTPUT_TABLE.items()
    if output.kind in ("share", "amount")
}
"""What stands for 1: of a proportion, and of an amount in alpha."""


def _over(stored: AnyArray, one: int) -> AnyArray:
    """stored / one, each rounded once: integers beyond 2^53 are no doubles."""
    return stored / one if stored.dtype == np.uint16 else np.array([value / one for value in stored.tolist()], np.float64)


def in_floats(units: object) -> bool:
    """Whether a frame has what people read, "float", or the stored integers, "chain".

    Raises:
        InputError: other units.
    """
    if not isinstance(units, str) or units not in ("chain", "float"):
        raise InputError("units", f"expected chain or float, got {shown(units)}")
    return units == "float"


def earned(emission: U64Array, incentive: U16Array, dividends: U16Array) -> str:
    """How much one epoch divides, and who gets most of it; each by uid."""
    amounts = emission.tolist()
    total, most = sum(amounts), int(np.argmax(emission))
    if total:
        most_of_it = f"uid {most} earns most: {shown_alpha(amounts[most])} alpha, {shown_share(amounts[most], total)}"
        return f"emission={shown_alpha(total)} alpha; {most_of_it}"
    best, first = int(np.argmax(incentive)), int(np.argmax(dividends))
    of_incentive = f"most incentive: uid {best}, {shown_share(int(incentive[best]))}"
    return f"no emission; {of_incentive}; most dividends: uid {first}, {shown_share(int(dividends[first]))}"


@dataclass(frozen=True, repr=False)
class UidResult:
    """What one uid gets of an epoch: the outputs of `EpochResult` in Python's integers and booleans.

    Attributes:
        uid: whose.
        active, validator_permit: bool, the permit of the next epoch.
        stake_weight, consensus, validator_trust, incentive, dividends: u16 proportions, 65535 for 1.
        bonds: (uid, value u16) pairs, in stored order.
        server_emission, validator_emission, emission: u64, rao.
    """

    uid: int
    active: bool
    stake_weight: int
    validator_permit: bool
    consensus: int
    validator_trust: int
    incentive: int
    bonds: tuple[tuple[int, int], ...]
    dividends: int
    server_emission: int
    validator_emission: int
    emission: int

    def __repr__(self) -> str:
        amounts = [shown_alpha(x) for x in (self.emission, self.server_emission, self.validator_emission)]
        shares = ("incentive", "dividends", "validator_trust", "consensus", "stake_weight")
        parts = [
            f"uid={self.uid}",
            f"emission={amounts[0]} alpha (server {amounts[1]}, validator {amounts[2]})",
            *(f"{name}={shown_share(getattr(self, name))}" for name in shares),
            f"active={self.active}",
            f"validator_permit={self.validator_permit}",
            f"{len(self.bonds)} bonds",
        ]
        return f"UidResult({', '.join(parts)})"

    def as_floats(self) -> dict[str, Any]:
        """By name, proportions from 0 to 1 and emissions in alpha; bonds as {uid: proportion}."""
        floats: dict[str, Any] = {}
        for name, value in vars(self).items():
            if name == "bonds":
                floats[name] = {uid: bond / U16_MAX for uid, bond in value}
            else:
                floats[name] = value / _ONE[name] if name in _ONE else value
        return floats


Layout: TypeAlias = "dict[str, tuple[np.dtype[Any], int, int]]"
"""By output its dtype, its length and at which byte it begins; under "bonds" their indptr."""


class _Unread:
    """An output of a result that stands in the memory of a backend until it is first asked for, as few are of most results.
    Once read it stands in the result, where it is found before this."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, result: EpochResult | None, owner: object = None) -> Any:
        if result is None:
            return self
        name = self._name
        layout, data, uids, values = result._native
        dtype, length, begin = layout[name]
        value: Any = np.frombuffer(data, dtype, length, begin)
        if name == "bonds":
            uid = np.frombuffer(uids, np.uint16, offset=len(uids) - len(values))
            value = SparseRows._frozen({"indptr": value, "uid": uid, "value": np.frombuffer(values, np.uint16)})
        return _dict_of(result).setdefault(name, value)


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

    if not TYPE_CHECKING:

        @property
        def __dict__(self) -> dict[str, Any]:
            """All fields, for `vars` and the like."""
            held = _dict_of(self)
            for name in OUTPUTS:
                if name not in held:
                    getattr(self, name)
            held.setdefault("trace", None)
            return held

    def __reduce__(self) -> tuple[Any, ...]:
        trace = None if self.trace is None else {k: _unfrozen(v) for k, v in self.trace.items()}
        return type(self), (*(_unfrozen(getattr(self, f.name)) for f in fields(self)[:-1]), trace)

    def __repr__(self) -> str:
        traced = "" if self.trace is None else ", trace"
        return f"EpochResult(n={len(self)}, validators={int(self.validator_permit.sum())}, {self._earned()}{traced})"

    def _earned(self) -> str:
        return earned(self.emission, self.incentive, self.dividends)

    def _repr_html_(self) -> str:
        """The uids that earn most."""
        floats = self.as_floats()
        weight = self.emission if self.emission.any() else self.incentive.astype(np.uint64) + self.dividends
        order = np.argsort(weight, kind="stable")[::-1]
        columns: dict[str, list[Any]] = {"uid": order.tolist()}
        columns["emission, alpha"] = [shown_alpha(amount) for amount in self.emission[order].tolist()]
        for name in ("incentive", "dividends", "validator_trust", "consensus", "stake_weight"):
            columns[name] = [shown_part(share) for share in floats[name][order].tolist()]
        columns |= {"permit": self.validator_permit[order].tolist(), "active": self.active[order].tolist()}
        title = f"{len(self)} uids, {int(self.validator_permit.sum())} with a permit; {self._earned()}"
        return Table(columns, title=title).html(SHOWN)

    def __len__(self) -> int:
        """The number of uids."""
        return int(self.active.size)

    def __getitem__(self, uid: int) -> UidResult:
        """What `uid` gets. InputError for a uid that is none of 0 to n - 1."""
        uid = integer("uid", uid, 0, len(self) - 1)
        row = zip(*(part.tolist() for part in self.bonds[uid]), strict=True)
        values: dict[str, Any] = {
            name: tuple(row) if name == "bonds" else getattr(self, name)[uid].item() for name in OUTPUTS
        }
        return UidResult(uid, **values)

    def __iter__(self) -> Iterator[UidResult]:
        return map(self.__getitem__, range(len(self)))

    def as_floats(self) -> dict[str, AnyArray]:
        """By name and by uid: proportions as float64 from 0 to 1, emissions in alpha (of 10^9 rao), truths as bool.

        The stored integers divided by 65535 or 10^9, to the nearest double. Bonds are not among them: they are no array
        by uid; `bonds.to_dense() / 65535` is their matrix.
        """
        arrays = {name: getattr(self, name) for name in STACKED}
        return {name: _over(held, _ONE[name]) if name in _ONE else np.array(held) for name, held in arrays.items()}

    def to_dict(self, uid: int | None = None) -> dict[str, Any]:
        """By name, the stored integers and booleans in Python's own, as JSON takes them: lists by uid, bonds as rows of
        (uid, value); with `uid` what that one gets."""
        if uid is not None:
            one = vars(self[uid])
            return {name: list(value) if name == "bonds" else value for name, value in one.items()}
        return {name: self.bonds.to_rows() if name == "bonds" else getattr(self, name).tolist() for name in OUTPUTS}

    def to_frame(self, units: str = "chain") -> Any:
        """A pandas DataFrame with a row a uid and a column an output, without the bonds.

        Args:
            units: "chain": the stored integers. "float": as `as_floats` has them.

        Raises:
            InputError: other units. ImportError: pandas is not installed.
        """
        floats, pandas = in_floats(units), extra("pandas")
        columns = self.as_floats() if floats else {n: np.array(getattr(self, n)) for n in STACKED}
        return pandas.DataFrame(columns, index=pandas.RangeIndex(len(self), name="uid"))

    def first_difference(self, expected: Mapping[str, AnyArray | SparseRows]) -> Difference | None:
        """The first output, in the order of the law, that is not what `expected` holds under its name; None where all agree.

        Outputs that `expected` does not name are not compared. Bits, dtypes, shapes and the order of entries count.

        Raises:
            InputError: a name that is no output, which would be compared with nothing; a value of another type. What `vars`
                gives of a result is taken, and its trace is not looked at.
        """
        if not isinstance(expected, Mapping):
            raise InputError("expected", f"expected a mapping, got {type(expected).__name__}")
        unknown = next((name for name in expected if name not in OUTPUTS and name != "trace"), None)
        if unknown is not None:
            raise InputError("expected", f"expected names of outputs ({', '.join(OUTPUTS)}), got {shown(unknown)}")
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


for _name in OUTPUTS:
    setattr(EpochResult, _name, _Unread(_name))

_dict_of = vars(_Outputs)["__dict__"].__get__

new: Final = object.__new__
hold_unread: Final = vars(_Held)["_native"].__set__
"""`hold_unread(new(EpochResult), (layout, data, uids, values))` is a result that is read when it is asked: its arrays stand
in `data` as the layout says, the uids of its bonds at the end of `uids`, their values in `values`. All three are bytes."""


TRACED_ARRAYS: Final = ("stake", "active_stake", "consensus", "validator_trust", "rank", "incentive", "dividends")
TRACED_ROWS: Final = ("weights", "clipped", "weights_for_bonds", "ema_bonds", "normalized_bonds")
TRACES: Final = (
    "stake", "active_stake", "weights", "consensus", "clipped", "validator_trust", "rank", "incentive",
    "weights_for_bonds", "ema_bonds", "normalized_bonds", "dividends",
)  # fmt: skip
"""The names under which a trace holds what stands between the stages, in the order of the law."""
