"""`yuma-kernel explain`: why a uid gets what it gets."""

from __future__ import annotations

from typing import Final

import click

from yuma_kernel.cli.epoch import opened
from yuma_kernel.cli.output import draw, emit, formats
from yuma_kernel.epoch import BACKENDS, DEFAULT_BACKEND
from yuma_kernel.explanation import PARTS, explain
from yuma_kernel.tables import SHOWN, Table

_EPILOG: Final = """\
\b
JSON has all of it, CSV one table; proportions in both are raw I32F32 bits, 4294967296 for 1.
Exit codes: 0 done, 2 anything that kept it from being computed.
"""


@click.command(epilog=_EPILOG, short_help="Explain what a uid gets in the epoch of a snapshot.")
@click.argument("snapshot", required=False)
@click.option("--uid", type=click.IntRange(min=0), required=True, help="The uid to explain.")
@formats
@click.option("--all", "everything", is_flag=True, help=f"Show every row of every table, not the {SHOWN} that matter most.")
@click.option(
    "--table",
    "part",
    type=click.Choice(PARTS),
    help="This table alone, and the one of --csv (default: weights, or given for a uid that sets none).",
)
@click.option("--plot", metavar="FILE", help="Draw what becomes of its weights into this file (extra plots).")
@click.option("--backend", type=click.Choice(tuple(BACKENDS)), default=DEFAULT_BACKEND, help=f"Default: {DEFAULT_BACKEND}.")
def command(
    snapshot: str | None, uid: int, form: str, everything: bool, part: str | None, plot: str | None, backend: str
) -> None:
    """Explains what a uid gets in the epoch of SNAPSHOT, an .npz file (default: the bundled example): what becomes of its
    weights and bonds, who gives it what, and what roundings cost."""
    loaded = opened(snapshot)
    account = explain(loaded.state, loaded.hyperparameters, uid, emission=loaded.emission, backend=backend)
    if plot is not None:
        from yuma_kernel.plots import weights

        draw(plot, weights, account)
    by_name = dict(zip(PARTS, account.tables(), strict=True))
    if form == "csv":
        emit("csv", {}, by_name[part or ("weights" if account.validator.weights else "given")])
        return
    chosen = [table for name, table in by_name.items() if (name == part if part else len(table))]
    head = Table({}, title=f"Hotkey     {loaded.hotkeys[uid]}") if loaded.hotkeys is not None else None
    sentences = Table({}, title="\n".join(account.sentences()))
    tables = [*([head] if head is not None else []), sentences, *(t if everything else t.most(SHOWN) for t in chosen)]
    emit(form, account.to_dict, *tables)
