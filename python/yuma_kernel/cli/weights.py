"""Weights as commands take them: written out, or in a file."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from yuma_kernel.errors import InputError, shown

_PAIR: Final = re.compile(r"(\d{1,9}):([0-9.eE+-]+)")


def pairs_of(text: str) -> Iterator[tuple[int, int | float]]:
    """What is written out, or stands in a file."""
    parts = [part for part in re.split(r"[,\s]+", text) if part]
    if parts and all(_PAIR.fullmatch(part) for part in parts):
        for part in parts:
            uid, _, value = part.partition(":")
            yield _number(text, uid, whole=True), _number(text, value)  # type: ignore[misc]
        return
    if re.match(r"\d+[^\w.]", text) and not Path(text).exists():  # written out, but otherwise
        raise InputError("weights", f"expected uid:value[,uid:value...] or a file of them, got {shown(text)}")
    content = Path(text).read_text(encoding="utf-8-sig")
    for uid, value in _of_json(text, content) if content.lstrip()[:1] in ("{", "[") else _of_csv(text, content):
        yield _number(text, uid, whole=True), _number(text, value)  # type: ignore[misc]


def of_any_scale(text: str) -> dict[int, int | float]:
    """{uid: weight}; a uid twice is refused."""
    pairs = list(pairs_of(text))
    weights = dict(pairs)
    if len(weights) < len(pairs):
        raise InputError("weights", f"expected every uid once (in {text:.40})")
    return weights


def _of_json(path: str, content: str) -> list[tuple[Any, Any]]:
    def once(pairs: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
        return pairs  # as they stand: a uid that is there twice is sent twice

    try:
        read = json.loads(content, object_pairs_hook=once)
        return [(uid, value) for uid, value in read]
    except (ValueError, TypeError):
        raise InputError(path, 'expected weights as {"uid": value} or [[uid, value]]') from None


def _of_csv(path: str, content: str) -> list[tuple[Any, Any]]:
    rows = csv.DictReader(io.StringIO(content))
    if not {"uid", "value"} <= set(rows.fieldnames or ()):
        raise InputError(path, f"expected the columns uid and value, got {shown(', '.join(rows.fieldnames or ()))}")
    return [(row["uid"], row["value"]) for row in rows]


def _number(source: str, value: object, whole: bool = False) -> int | float:
    """A number, of text too; a float only where the text is that of one."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and not (whole and isinstance(value, float)):
        return value
    try:
        text = str(value).strip()
        return int(text) if whole or re.fullmatch(r"[+-]?\d+", text) else float(text)
    except ValueError:
        kind = "a uid" if whole else "a number"
        raise InputError("weights", f"expected {kind}, got {shown(value)} (in {source:.40})") from None
