"""The units of what the chain stores as integers, and what somebody who gives a float for one has probably meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Final

import numpy as np

RAO: Final = 10**9
"""The rao of one alpha, or of one TAO."""


@dataclass(frozen=True)
class Unit:
    """A stored integer as a fraction of what people count in: `one` stands for 1."""

    name: str
    one: int

    def reading(self, value: Any, low: int = 0, high: int | None = None) -> str | None:
        """What the float `value` is as one of the stored integers `low` to `high` (None: `one`, and of amounts all of u64),
        or as percent where only that is in range; None for one that is neither, and for what is no finite float."""
        if not isinstance(value, (float, np.floating)) or not np.isfinite(float(value)):
            return None
        if high is None:
            high = 2**64 - 1 if self.one == RAO else self.one
        written = Fraction(repr(float(value)))  # the decimal number
        if low <= written * self.one <= high:
            return f"{value} is {_nearest(written * self.one)}"
        if 1 < written <= 100 < self.one:
            return f"{value} percent are {_nearest(written / 100 * self.one)}"
        return None


def _nearest(exact: Fraction) -> str:
    """In words, the nearest integer."""
    low = exact.numerator // exact.denominator
    if exact - low == Fraction(1, 2):  # the chain floors in some places and rounds in others
        return f"{low} or {low + 1}"
    return str(round(exact))


PROPORTION: Final = Unit("of 65535", 65535)
AMOUNT: Final = Unit("in rao", RAO)
ONES: Final = Unit("in ones", 1)
UNITS: Final[Mapping[str, Unit]] = MappingProxyType(
    {
        **dict.fromkeys(("kappa", "bonds_penalty", "alpha_low", "alpha_high", "previous_consensus", "matrix"), PROPORTION),
        **dict.fromkeys(("weights", "value", "values"), PROPORTION),
        "bonds_moving_average": Unit("in millionths", 10**6),
        "alpha_sigmoid_steepness": Unit("in hundredths", 100),
        "tao_weight": Unit("of 2^64 - 1", 2**64 - 1),
        **dict.fromkeys(("stake", "alpha_stake", "tao_stake", "stake_threshold", "emission", "rao"), AMOUNT),
    }
)
"""The unit of each field that has one, by its name."""


MADE: Final[Mapping[str, str]] = MappingProxyType({"total_stake": "total_stake_bits and stake_from_rao make it"})
"""What makes a field that nobody has as it is stored."""


_FLOATS: Final[Mapping[str, str]] = {"stake": " (stake_from_floats takes alpha)"}
"""What takes a field as people have it."""


def hint(name: str, value: Any) -> str:
    """What to add to the refusal of the float `value` for the field `name`: nothing where the field has no unit."""
    unit = UNITS.get(name)
    said = None if unit is None else unit.reading(value)
    return "" if unit is None or said is None else f"; the integers here are {unit.name}: {said}{_FLOATS.get(name, '')}"


def not_rao(name: str, largest: float) -> str | None:
    """Why whole floats, of which this is the largest, are not taken for the amounts `name`: 1000.0 is probably meant as 1000
    alpha. None where they are: what is beyond u64 as alpha, as 1e12 is, can only be rao."""
    if UNITS.get(name) is not AMOUNT or not 0 < largest * RAO < 2**64:
        return None
    rao = int(largest)
    alpha = f"{largest} alpha are {rao * RAO}{_FLOATS.get(name, '')}"
    return f"expected integers in rao, got the float {largest}: {alpha}; where it is rao, give {rao}"


def shown_alpha(rao: int) -> str:
    """Rao as alpha with three digits behind the point, as people read it: 1234567890123 is 1,234.568. What would be 0.000
    but is not 0 has all nine."""
    return f"{rao / RAO:,.3f}" if not rao or abs(rao) * 2 > RAO // 1000 else f"{rao / RAO:.9f}"


def shown_share(part: int, whole: int = PROPORTION.one) -> str:
    """A proportion as percent: 32768 of 65535 is 50.0 %; what would be 0.0 but is not 0 is < 0.1 %."""
    text = f"{100 * part / whole:.1f} %" if whole else "0.0 %"
    return "< 0.1 %" if part and text == "0.0 %" else text


def shown_part(share: float) -> str:
    """A part of 1 to four places; what would be 0.0000 but is not 0 is < 0.0001."""
    text = f"{share:.4f}"
    return "< 0.0001" if share and text == "0.0000" else text
