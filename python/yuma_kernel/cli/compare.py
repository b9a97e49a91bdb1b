"""`yuma-kernel compare`: what made one epoch another than the one before."""

from __future__ import annotations

from typing import Final

import click

from yuma_kernel.cli.epoch import opened
from yuma_kernel.cli.output import draw, emit, formats, progress
from yuma_kernel.comparison import MEASURES, compare
from yuma_kernel.epoch import BACKENDS, DEFAULT_BACKEND
from yuma_kernel.tables import SHOWN, Table

_EPILOG: Final = """\
\b
JSON and CSV have every row; proportions in both are raw I32F32 bits, 4294967296 for 1, emissions are rao.
Exit codes: 0 done, 2 anything that kept it from being computed.
"""


@click.command(epilog=_EPILOG, short_help="Compare two snapshots: what made the epoch another.")
@click.argument("before")
@click.argument("after")
@click.option("--uid", type=click.IntRange(min=0), help="Take the change of this uid apart (default: all uids, a row each).")
@click.option("--of", "measure", type=click.Choice(MEASURES), help="With --uid: what of it. Default: emission.")
@formats
@click.option("--all", "everything", is_flag=True, help="Show every row, not only those that matter most.")
@click.option("--plot", metavar="FILE", help="With --uid: draw how the parts add up into this file (extra plots).")
@click.option("--backend", type=click.Choice(tuple(BACKENDS)), default=DEFAULT_BACKEND, help=f"Default: {DEFAULT_BACKEND}.")
def command(
    before: str,
    after: str,
    uid: int | None,
    measure: str | None,
    form: str,
    everything: bool,
    plot: str | None,
    backend: str,
) -> None:
    """Compares the epochs of the snapshots BEFORE and AFTER: each group of inputs is put in alone, exactly, and what no
    group explains alone is their interaction."""
    for option, value in (("--of", measure), ("--plot", plot)):
        if value is not None and uid is None:
            raise click.UsageError(f"{option}: needs --uid", click.get_current_context())
    first, second = opened(before), opened(after)
    with progress("epochs") as done:
        comparison = compare(first, second, members=uid is not None, backend=backend, progress=done)
    if uid is not None:
        breakdown = comparison.of(uid, measure or "emission")
        if plot is not None:
            from yuma_kernel.plots import waterfall

            draw(plot, waterfall, breakdown)
        emit(form, breakdown.to_dict, breakdown.table() if everything or form == "csv" else breakdown.table(SHOWN // 2))
        return
    table = comparison.table()
    head = Table({}, title="\n".join(comparison.sentences()))
    if form == "csv":
        emit(form, {}, table)
    else:
        emit(form, comparison.to_dict, head, table if everything else table.most(SHOWN))
