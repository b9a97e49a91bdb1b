"""`yuma-kernel preflight`: whether the chain would take these weights."""

from __future__ import annotations

from typing import Any, Final

import click

from yuma_kernel.cli.epoch import opened
from yuma_kernel.cli.output import emit, formats, note
from yuma_kernel.cli.weights import pairs_of
from yuma_kernel.errors import InputError
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
    pairs = [pair for text in texts for pair in pairs_of(text)]
    uids, values = [uid for uid, _ in pairs], [value for _, value in pairs]
    if any(isinstance(value, float) for value in values):
        if len(set(uids)) < len(uids):
            raise InputError("weights", "expected every uid once: weights that are no integers are scaled together")
        sent = weights_to_u16(dict(pairs), lists=True)
        note(f"sent as (uid, u16): {', '.join(f'({uid}, {value})' for uid, value in zip(*sent, strict=True))}")
        return sent
    return uids, values
