"""Tables that results print themselves as, text for a terminal and HTML for a notebook, and numbers as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Final

_ONE: Final = 1 << 32
SHOWN: Final = 10
"""Rows that a table shows of those that it has, unless more are asked for."""


def proportion(raw: int) -> str:
    """Raw I32F32 bits with seven decimals; never 0 for what is not 0."""
    text = f"{raw / _ONE:.7f}"
    return f"{raw / _ONE:.1e}" if raw and float(text) == 0 else text


def alpha(rao: int) -> str:
    """Rao as alpha (or TAO), to the last rao: 1234567890123 is 1,234.567890123."""
    whole, part = divmod(abs(rao), 10**9)
    return f"{'-' * (rao < 0)}{whole:,}.{part:09d}"


def cell(value: Any) -> str:
    """A value as a table shows it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else f"{value:.6f}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Table:
    """A table, as machines read it and as people do.

    Attributes:
        columns: by name, in order, the values that machines read: integers, floats, strings, booleans, or None where there
            is nothing.
        people: the same for people, where that differs: other columns, or text for numbers.
        headers: what a person reads above a column; else its name, with spaces.
        left: the columns of text, set to the left.
        title: above the table. caption: below it.
        important: how much a row matters, by row; where a table shows only some, those that matter most.
    """

    columns: Mapping[str, Sequence[Any]]
    people: Mapping[str, Sequence[Any]] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    left: Sequence[str] = ("hotkey",)
    title: str = ""
    caption: str = ""
    important: Sequence[int] | None = None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def rows(self) -> list[dict[str, Any]]:
        """One mapping a row, as machines read it."""
        return [dict(zip(self.columns, row, strict=True)) for row in zip(*self.columns.values(), strict=True)]

    def shown(self, most: int | None = None) -> tuple[list[str], list[list[str]], str]:
        """Headers, rows of text, and what is left out, with at most `most` rows: those that matter most, in their order."""
        columns = self.columns if self.people is None else self.people
        heads = [self.headers.get(name, name.replace("_", " ")) for name in columns]
        rows = [[cell(value) for value in row] for row in zip(*columns.values(), strict=True)]
        if most is None or len(rows) <= most:
            return heads, rows, ""
        order = range(len(rows))
        if self.important is not None:
            order = sorted(order, key=lambda k: -self.important[k])  # type: ignore[assignment,index]
        return heads, [rows[k] for k in sorted(order[:most])], f"and {len(rows) - most} more"

    def text(self, most: int | None = None) -> str:
        """The table in plain text."""
        heads, rows, rest = self.shown(most)
        names = list(self.columns if self.people is None else self.people)
        out = [self.title] if self.title else []
        if rows:
            widths = [max(len(row[k]) for row in [heads, *rows]) for k in range(len(heads))]
            for row in [heads, *rows]:
                cells = (
                    text.ljust(width) if name in self.left else text.rjust(width)
                    for text, width, name in zip(row, widths, names, strict=True)
                )
                out.append("  ".join(("", *cells)).rstrip())
        out += [f"  {rest}"] if rest else []
        out += [self.caption] if self.caption else []
        return "\n".join(out)

    def html(self, most: int | None = None) -> str:
        """The table for a notebook."""
        heads, rows, rest = self.shown(most)
        out = f"<table><caption>{escape(self.title)}</caption>" if self.title else "<table>"
        if rows:
            out += f"<tr>{''.join(f'<th>{escape(head)}</th>' for head in heads)}</tr>"
            out += "".join(f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>" for row in rows)
        below = "; ".join(text for text in (rest, self.caption) if text)
        return f"{out}</table>{f'<p>{escape(below)}</p>' if below else ''}"
