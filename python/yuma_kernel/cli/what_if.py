"""`yuma-kernel what-if`: what changes of a subnet would lead to."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import click
import numpy as np

from yuma_kernel import moves
from yuma_kernel.cli.epoch import opened, parse_uids
from yuma_kernel.cli.output import emit, formats, progress
from yuma_kernel.cli.weights import of_any_scale
from yuma_kernel.convert import setting
from yuma_kernel.epoch import BACKENDS, DEFAULT_BACKEND
from yuma_kernel.errors import InputError, shown
from yuma_kernel.prospects import DEFAULT, WhatIf, what_if
from yuma_kernel.results import STACKED
from yuma_kernel.tables import SHOWN, Table

_FORMS: Final[Mapping[str, str]] = {
    "copy:UID": "it sets the consensus as its weights",
    "toward:UID:SHARE": "it blends its weights with the consensus; shares are 0 to 1",
    "move:UID:FROM:TO:SHARE": "of its weight so much goes from one uid to another",
    "give:UID:TO:SHARE": "it gives one uid so much of its weight",
    "set:UID:WEIGHTS": "WEIGHTS of any scale: uid:value[,uid:value...], or a file of them",
    "stake:UID:RAO": "its total stake; +RAO or -RAO: so much more or less",
    "add:UID:RAO:WEIGHTS": "it becomes a validator",
    "drop:UID": "it leaves",
    "replace:UID": "somebody new registers in its place",
    "NAME=VALUE": "a hyperparameter",
    "late:EPOCHS": "last: the weights before it count from so many epochs on",
}

_EPILOG: Final = f"""\
\b
A CHANGE is one of these, or several in quotes, made one after the other:
{chr(10).join(f"  {form:<26}  {what}" for form, what in _FORMS.items())}

\b
  yuma-kernel what-if sn7.npz copy:17 kappa=26214 "copy:17 kappa=26214" --uid 17
  yuma-kernel what-if sn7.npz move:17:3:8:0.1 --epochs 20 --output dividends

Values are the integers that the chain stores in JSON and CSV: proportions of 65535, emission in rao.
Exit codes: 0 done, 2 anything that kept it from being computed.
"""


def _whole(text: str) -> int:
    if not (text.isascii() and text.lstrip("+-").isdigit() and len(text) < 24):
        raise ValueError(text)
    return int(text)


def _stake(uid: int, text: str) -> moves.Change:
    return (moves.add_stake if text[:1] in ("+", "-") else moves.set_stake)(uid, _whole(text))


def _add(uid: int, rao: int, weights: str) -> moves.Change:
    return moves.add_validator(uid, rao, of_any_scale(weights))


_KINDS: Final[Mapping[str, tuple[Callable[..., moves.Change], tuple[Callable[[str], Any], ...]]]] = {
    "copy": (moves.copy_consensus, (_whole,)),
    "toward": (moves.toward_consensus, (_whole, float)),
    "move": (moves.move_share, (_whole, _whole, _whole, float)),
    "give": (moves.give_share, (_whole, _whole, float)),
    "set": (moves.set_weights, (_whole, of_any_scale)),
    "stake": (_stake, (_whole, str)),
    "add": (_add, (_whole, _whole, str)),
    "drop": (moves.drop, (_whole,)),
    "replace": (moves.replace_miner, (_whole,)),
}
"""By kind, the change and how each of its parts is read."""


@click.command("what-if", epilog=_EPILOG, short_help="Say what changes of a subnet would lead to.")
@click.argument("snapshot")
@click.argument("changes", nargs=-1, required=True, metavar="CHANGE...")
@click.option("--epochs", type=click.IntRange(min=1), default=1, help="How many epochs ahead. Default: 1, the next.")
@click.option(
    "--uid",
    "chosen",
    callback=parse_uids,
    multiple=True,
    metavar="UID[,UID...]",
    help=f"Show these (default: those that the changes name, or the {SHOWN} that change most; JSON and CSV: all).",
)
@click.option("--all", "everybody", is_flag=True, help="Show every uid.")
@click.option("--output", "outputs", type=click.Choice(STACKED), multiple=True, help=f"Default: {', '.join(DEFAULT)}.")
@formats
@click.option("--backend", type=click.Choice(tuple(BACKENDS)), default=DEFAULT_BACKEND, help=f"Default: {DEFAULT_BACKEND}.")
def command(
    snapshot: str,
    changes: tuple[str, ...],
    epochs: int,
    chosen: tuple[int, ...],
    everybody: bool,
    outputs: tuple[str, ...],
    form: str,
    backend: str,
) -> None:
    """Computes what each CHANGE of the subnet of SNAPSHOT, an .npz file, would lead to in its next epoch, or some ahead,
    beside what is."""
    loaded = opened(snapshot)
    asked = {text: _change(text) for text in changes}
    with progress("epochs") as done:
        answer = what_if(
            loaded.state,
            loaded.hyperparameters,
            asked,
            epochs=epochs,
            emission=loaded.emission,
            uids=chosen or (range(loaded.state.n) if everybody else None),
            outputs=outputs or None,
            progress=done,
            backend=backend,
        )
    table = answer.table()
    if form == "table" and not everybody and not chosen and len(answer.uids) > SHOWN:
        table = _most(answer)
    emit(form, answer.to_dict, table)


def _most(answer: WhatIf) -> Table:
    """The rows of the uids of which most changes: of each output the change is taken as a part of its largest."""
    changed = np.zeros(answer.n)
    for output in answer.then:
        most = np.abs(answer.difference(output)).max(axis=0).astype(float)
        changed += most / max(1.0, float(most.max()))
    order = np.argsort(-changed, kind="stable")[:SHOWN]
    uids = sorted(int(uid) for uid in order if changed[uid])
    more = int(np.count_nonzero(changed)) - len(uids)
    caption = f"{more} more change: --uid or --all shows them" if more else "nobody else changes"
    return replace(answer.table(uids), caption=caption if uids else "nobody changes")


def _change(text: str) -> moves.Change:
    """Of one argument, its parts one after the other."""
    try:
        parts = shlex.split(text)
    except ValueError as error:
        raise InputError("change", f"{error}, got {shown(text)}") from None
    if not parts:
        raise InputError("change", "expected something that changes, got nothing")
    change = moves.Change()
    for k, part in enumerate(parts):
        if part.startswith("late:"):
            if k + 1 < len(parts):
                raise InputError("change", f"expected late:EPOCHS as the last, got {shown(text)}")
            change = moves.delayed(change, _read(part, (_whole,))[0])
        elif part.partition(":")[0] in _KINDS:
            make, readers = _KINDS[part.partition(":")[0]]
            change += make(*_read(part, readers))
        elif "=" in part:
            name, value = setting(part)
            change += moves.hyperparameters(**{name: value})
        else:
            raise InputError("change", f"expected one of {', '.join(_FORMS)}, got {shown(part)}")
    return change


def _read(part: str, readers: tuple[Callable[[str], Any], ...]) -> list[Any]:
    kind, *texts = part.split(":", len(readers))
    if len(texts) == len(readers):
        try:
            return [reader(text) for reader, text in zip(readers, texts, strict=True)]
        except ValueError as error:
            if isinstance(error, InputError):
                raise
    (form,) = (form for form in _FORMS if form.partition(":")[0] == kind)
    raise InputError("change", f"expected {form}, got {shown(part)}")
