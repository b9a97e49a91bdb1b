"""`yuma-kernel preflight`: whether the chain would take these weights."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from yuma_kernel.cli.epoch import opened
from yuma_kernel.cli.output import emit, formats, note
from yuma_kernel.errors import InputError, shown
from yuma_kernel.submission import CALLS, preflight
from yuma_kernel.weights import weights_to_u16

_INPUTS: Final = {
    "block": "The block of the call. Default: the next after the snapshot's.",
    "netuid": "The subnet.",
    "mechanism": "The mechanism that the call names.",
    "mechanism-count": "How many mechanisms the subnet has.",
    "version-key": "The version key that the call gives.",
    "weights-version-key": "The version key that the subnet asks for.",
    "weights-set-rate-limit": "The subnet's, in blocks.",
    "min-allowed-weights": "The subnet's.",
    "commit-reveal-version": "The chain's.",
    "call-commit-reveal-version": "The one that the call gives.",
    "unrevealed-commits": "How many commits of the sender wait.",
}
"""What a snapshot may lack, as options."""

_EPILOG: Final = """\
\b
  yuma-kernel preflight sn7.npz --uid 17 --weights 3:65535,8:32768
  yuma-kernel preflight sn7.npz --uid 17 --weights weights.json --version-key 1007000

A file is JSON, {"3": 65535} or [[3, 65535]], or CSV with the columns uid and value, a line a weight. Integers are the u16
that are sent; where one has a point or an exponent, all are weights of any scale, and sent as the SDKs send them.

\b
Exit codes: 0 accepted, 1 refused, 2 not known, or anything that kept it from being checked.
"""

_PAIR: Final = re.compile(r"(\d{1,9}):([0-9.eE+-]+)")


def _inputs(function: Any) -> Any:
    """An option for each of `_INPUTS`."""
    for name, text in reversed(_INPUTS.items()):
        function = click.option(f"--{name}", type=click.IntRange(min=0), help=text)(function)
    return function


@click.command(epilog=_EPILOG, short_help="Ask whether the chain would take these weights.")
@click.argument("snapshot")
@click.option("--uid", type=click.IntRange(min=0), help="Who sends them.")
@click.option("--hotkey", help="Who sends them, by the hotkey; one that the snapshot does not have is not registered.")
@click.option("--weights", multiple=True, metavar="FILE|UID:VALUE[,UID:VALUE...]", help="The weights. A commit needs none.")
@click.option("--call", type=click.Choice(CALLS), default="set", help="Which call sends them. Default: set.")
@_inputs
@formats
def command(
    snapshot: str,
    uid: int | None,
    hotkey: str | None,
    weights: tuple[str, ...],
    call: Any,
    form: str,
    **inputs: Any,
) -> int:
    """Checks what the chain would check of a call with these weights in the subnet of SNAPSHOT, an .npz file: all checks, in
    the pallet's order and under its names. What neither the snapshot nor an option says is not known, and never passed."""
    if (uid is None) == (hotkey is None):
        raise click.UsageError("--uid: expected it or --hotkey", click.get_current_context())
    loaded = opened(snapshot)
    found = preflight(loaded, sender=hotkey if uid is None else uid, weights=_sent(weights), call=call, **inputs)
    emit(form, found.to_dict, found.table())
    note(f"{found.verdict}{': ' if found.errors else ''}{', '.join(found.errors)}")
    return {"accepted": 0, "refused": 1, "not known": 2}[found.verdict]


def _sent(texts: tuple[str, ...]) -> Any:
    """(uids, values) of all that --weights gives; None where it is not given."""
    if not texts:
        return None
    pairs = [pair for text in texts for pair in _pairs(text)]
    uids, values = [uid for uid, _ in pairs], [value for _, value in pairs]
    if any(isinstance(value, float) for value in values):
        if len(set(uids)) < len(uids):
            raise InputError("weights", "expected every uid once: weights that are no integers are scaled together")
        sent = weights_to_u16(dict(pairs), lists=True)
        note(f"sent as (uid, u16): {', '.join(f'({uid}, {value})' for uid, value in zip(*sent, strict=True))}")
        return sent
    return uids, values


def _pairs(text: str) -> Iterator[tuple[int, int | float]]:
    """What is written out, or stands in a file."""
    parts = [part for part in re.split(r"[,\s]+", text) if part]
    if parts and all(_PAIR.fullmatch(part) for part in parts):
        for part in parts:
            uid, _, value = part.partition(":")
            yield _number(text, uid, whole=True), _number(text, value)  # type: ignore[misc]
        return
    content = Path(text).read_text(encoding="utf-8-sig")
    for uid, value in _of_json(text, content) if content.lstrip()[:1] in ("{", "[") else _of_csv(text, content):
        yield _number(text, uid, whole=True), _number(text, value)  # type: ignore[misc]


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
