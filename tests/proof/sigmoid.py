"""Proves the bounds of csrc/sigmoid.h, from the numbers that stand in it, in rationals.

Every operation in doubles is taken to be off by at most U of its result, as in any rounding mode, fused or not. e is the
exponential of x = |g| / 2^32, S = exp_safe(|g|), and E what the nine squarings make of e.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

U = Fraction(1, 2**52)
ONE = 2**32
LAST = 31  # the series has terms up to this power
CELLS = 1024  # of x, in 1
WIDEST = Fraction(1, 2**26)  # of `invert`: (upper - lower) / upper


def numbers(header: Path) -> dict[str, Fraction]:
    """The value of every SIGMOID_ that is defined, as the compiler has it."""
    found: dict[str, Fraction] = {}
    for name, text in re.findall(r"^#define SIGMOID_(\w+) (.+)$", header.read_text(), re.MULTILINE):
        value = 1.0
        sign = re.fullmatch(r"\((.+) ([+-]) (.+)\)", text) if "(" not in text[1:] else None
        if sign:
            value = factors(sign[1]) + factors(sign[2] + sign[3])
        elif nested := re.fullmatch(r"\((.+) \* \((.+) - (.+)\)\)", text):
            value = factors(nested[1]) * (factors(nested[2]) - factors(nested[3]))
        else:
            value = factors(text.strip("()"))
        found[name] = Fraction(value)
    return found


def factors(text: str) -> float:
    product = 1.0
    for factor in text.split(" * "):
        product *= ONE if factor == "YUMA_ONE" else float.fromhex(factor) if "0x" in factor else float(factor)
    return product


def error_of_power(of: dict[str, Fraction]) -> tuple[Fraction, Fraction]:
    """(below, above) with e * (1 - below) <= E <= e * (1 + above)."""
    squarings = int(of["SQUARINGS"])
    y = of["UPTO"] / ONE / 2**squarings
    # value and error of what Horner's rule has so far, at the largest y, where both are largest
    value, error = Fraction(1, 120), abs(of["120TH"] - Fraction(1, 120))
    for exact, constant in ((24, of["24TH"]), (6, of["6TH"]), (2, Fraction(1, 2)), (1, Fraction(1)), (1, Fraction(1))):
        value, error = value * y, error * y
        error += (value + error) * U
        value, error = value + Fraction(1, exact), error + abs(constant - Fraction(1, exact))
        error += (value + error) * U
    above = error  # relative, as the value is at least 1
    below = error + y**6 / 720 / (1 - y / 7)  # the terms that are left out
    for _ in range(squarings):
        above = (1 + above) ** 2 * (1 + U) - 1
        below = 1 - (1 - below) ** 2 * (1 - U)
    return below, above


def exponential(cell: int) -> int:
    """e at x = cell / CELLS, times 2^64, rounded down."""
    term = total = 2**64
    i = 0
    while term:
        i += 1
        term = term * cell // (CELLS * i)
        total += term
    return total


def most_lost(cell: int) -> int:
    """At least e * 2^32 - S, times 2^64, for every argument up to x = cell / CELLS.

    What a term lacks is what the one before it lacked, times x / i, and less than 1; and no term lacks more than it is. What
    is beyond the last term is less than a geometric series.
    """
    term, lacks, lost = ONE * cell * 2**64 // CELLS, 0, 0
    for i in range(2, LAST + 1):
        term = -(-term * cell // (CELLS * i))
        lacks = min(-(-lacks * cell // (CELLS * i)) + 2**64, term)
        lost += lacks
    # the terms after the last fall by at least this ratio: cell / (CELLS * (LAST + 1))
    return lost + term * cell // (CELLS * (LAST + 1) - cell) + 1


def sigmoid_lower(header: Path) -> bool:
    """E less what is taken from it is at most S / 2^32.

    For each cell of x, most_lost at its end against what is taken at its beginning.
    """
    of = numbers(header)
    below, above = error_of_power(of)
    # of e, what is left to cover the loss
    share = of["LESS_OF_E"] * (1 - below) * (1 - 4 * U) - (above + 2 * U) * (1 + above)
    upto = of["UPTO"] / ONE
    if share <= 0 or upto.denominator != 1 or upto >= LAST:
        return False
    unit = 2**64 * ONE
    less, less_of_x = (math.floor(of[name] * (1 - 4 * U) * unit) for name in ("LESS", "LESS_OF_X"))
    part = math.floor(share * unit)
    for cell in range(int(upto) * CELLS):
        taken = less + less_of_x * cell // CELLS + (part * exponential(cell) >> 64)
        if most_lost(cell + 1) > taken:
            return False
    return True


def sigmoid_upper(header: Path) -> bool:
    """E made larger is at least e, which S / 2^32 does not pass."""
    of = numbers(header)
    below, _ = error_of_power(of)
    return (1 - below) * of["MORE_OF_E"] * (1 - U) >= 1


def sigmoid_inverse(header: Path) -> bool:
    """`inverted` of liquid.c, and `invert` of the vector paths.

    With w = (upper - lower) / upper from 0 to WIDEST, the quotient is at most 2^32 / upper, and what is added makes it at
    least 2^32 / lower = 2^32 / upper / (1 - w). The ends themselves are off by U.
    """
    of = numbers(header)
    quotient = of["NUMERATOR"] / ONE
    too_large = quotient * (1 + U) / (1 - U) > 1
    least = quotient * (1 - U) / (1 + U)

    def slack(w: Fraction) -> Fraction:  # concave in w: it is least at one of the two ends
        t = (w - 2 * U) * (1 - U) ** 3 * least
        return least * (1 - U) * (1 + (t + of["MORE_OF_Q"]) * (1 - U) ** 2) - 1 / (1 - w)

    # of the ends that there are: the loss of S at its largest, and of the whole numbers between two inverses one more
    widest = of["LESS"] + of["LESS_OF_X"] * of["UPTO"] / ONE + of["LESS_OF_E"] + of["MORE_OF_E"] - 1 + Fraction(2, ONE)
    return not too_large and widest < WIDEST and slack(Fraction(0)) >= 0 and slack(WIDEST) >= 0


STATEMENTS: dict[str, Callable[[Path], bool]] = {
    "sigmoid_lower": sigmoid_lower,
    "sigmoid_upper": sigmoid_upper,
    "sigmoid_inverse": sigmoid_inverse,
}
