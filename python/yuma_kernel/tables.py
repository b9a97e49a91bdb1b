"""Tables that results print themselves as, text for a terminal and HTML for a notebook, and numbers as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import Any, Final

from yuma_kernel.extras import extra

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

    def most(self, count: int) -> Table:
        """The `count` rows that matter most, in their order, and how many are left out."""
        if len(self) <= count:
            return self
        order = list(range(len(self)))
        if self.important is not None:
            important = self.important
            order.sort(key=lambda k: -important[k])
        kept = sorted(order[:count])

        def cut(columns: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
            return {name: [values[k] for k in kept] for name, values in columns.items()}

        caption = "; ".join(text for text in (f"and {len(self) - count} more", self.caption) if text)
        people = None if self.people is None else cut(self.people)
        return replace(self, columns=cut(self.columns), people=people, caption=caption, important=None)

    def _cells(self) -> tuple[list[str], list[str], list[list[str]]]:
        """Names, headers, and rows of text."""
        columns = self.columns if self.people is None else self.people
        heads = [self.headers.get(name, name.replace("_", " ")) for name in columns]
        return list(columns), heads, [[cell(value) for value in row] for row in zip(*columns.values(), strict=True)]

    def text(self, count: int | None = None) -> str:
        """The table in plain text: all of it, or the `count` rows that matter most."""
        if count is not None:
            return self.most(count).text()
        names, heads, rows = self._cells()
        out = [self.title] if self.title else []
        if rows:
            widths = [max(len(row[k]) for row in [heads, *rows]) for k in range(len(heads))]
            for row in [heads, *rows]:
                cells = (
                    text.ljust(width) if name in self.left else text.rjust(width)
                    for text, width, name in zip(row, widths, names, strict=True)
                )
                out.append("  ".join(("", *cells)).rstrip())
        return "\n".join([*out, self.caption] if self.caption else out)

    def html(self, count: int | None = None) -> str:
        """The table for a notebook: all of it, or the `count` rows that matter most."""
        if count is not None:
            return self.most(count).html()
        _, heads, rows = self._cells()
        out = f"<table><caption>{escape(self.title)}</caption>" if self.title else "<table>"
        if rows:
            out += f"<tr>{''.join(f'<th>{escape(head)}</th>' for head in heads)}</tr>"
            out += "".join(f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>" for row in rows)
        return f"{out}</table>{f'<p>{escape(self.caption)}</p>' if self.caption else ''}"

    def frame(self) -> Any:
        """A pandas DataFrame of what machines read; integers stay integers, also beside what is missing.

        Raises:
            ImportError: pandas is not installed.
        """
        pandas = extra("pandas")
        return pandas.DataFrame({name: _series(pandas, list(values)) for name, values in self.columns.items()})


def _series(pandas: Any, values: list[Any]) -> Any:
    """A column; pandas would make doubles of integers beside None, which hold 53 bits."""
    known = [value for value in values if value is not None]
    kinds = set(map(type, known))
    if len(known) == len(values) or kinds not in ({int}, {bool}):
        return pandas.Series(values, dtype=None if values else object)
    if kinds == {bool}:
        return pandas.Series(values, dtype="boolean")
    for dtype, low, high in (("Int64", -(2**63), 2**63 - 1), ("UInt64", 0, 2**64 - 1)):
        if low <= min(known) and max(known) <= high:
            return pandas.Series(pandas.array(values, dtype=dtype))
    return pandas.Series(values, dtype=object)


class Tabled:
    """A result that is a table too."""

    def table(self) -> Table:
        """The result as a table, for people and for machines."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        return self.table().html(SHOWN)

    def to_frame(self) -> Any:
        """A pandas DataFrame of the table.

        Raises:
            ImportError: pandas is not installed.
        """
        return self.table().frame()
