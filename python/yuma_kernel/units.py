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

    def meant(self, value: object) -> str | None:
        """In words, the stored integer nearest to the float `value`; None for one that is no finite number."""
        if not isinstance(value, (float, np.floating)) or not np.isfinite(float(value)):
            return None
        exact = Fraction(repr(float(value))) * self.one  # the decimal number that was written
        low = exact.numerator // exact.denominator
        if exact - low == Fraction(1, 2):  # the chain floors in some places and rounds in others
            return f"{low} or {low + 1}"
        return str(round(exact))


PROPORTION: Final = Unit("of 65535", 65535)
UNITS: Final[Mapping[str, Unit]] = MappingProxyType(
    {
        **dict.fromkeys(("kappa", "bonds_penalty", "alpha_low", "alpha_high", "previous_consensus", "matrix"), PROPORTION),
        **dict.fromkeys(("value", "values"), PROPORTION),
        "bonds_moving_average": Unit("in millionths", 10**6),
        "alpha_sigmoid_steepness": Unit("in hundredths", 100),
        "tao_weight": Unit("of 2^64 - 1", 2**64 - 1),
        **dict.fromkeys(("stake", "alpha_stake", "tao_stake", "stake_threshold", "emission", "rao"), Unit("in rao", RAO)),
    }
)
"""The unit of each field that has one, by its name."""


MADE: Final[Mapping[str, str]] = MappingProxyType({"total_stake": "total_stake_bits and stake_from_rao make it"})
"""What makes a field that nobody has as it is stored."""


def hint(name: str, value: Any) -> str:
    """What to add to the refusal of the float `value` for the field `name`: nothing where the field has no unit."""
    unit = UNITS.get(name)
    meant = None if unit is None else unit.meant(value)
    return "" if unit is None or meant is None else f"; the integers here are {unit.name}: {value} is {meant}"


def shown_alpha(rao: int) -> str:
    """Rao as alpha with three digits behind the point, as people read it: 1234567890123 is 1,234.568."""
    return f"{rao / RAO:,.3f}"


def shown_share(part: int, whole: int = PROPORTION.one) -> str:
    """A proportion as percent: 32768 of 65535 is 50.0 %."""
    return f"{100 * part / whole:.1f} %" if whole else "0.0 %"
