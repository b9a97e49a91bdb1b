"""`yuma-kernel study copying`: what copied weights gain."""

from __future__ import annotations

from typing import Any, Final

import click

from yuma_kernel.cli.study import INTEGERS, PARTS_EPILOG, Run, Several, ranges, runs
from yuma_kernel.studies import BOUNDS, copying
from yuma_kernel.studies.weight_copying import DELAYS, STAKES, WARMUP

_EPILOG: Final = f"""\
\b
SERIES is a file that yuma_kernel.studies.Series.save wrote; without it, a generated subnet.
  yuma-kernel study copying --plot copying.png
  yuma-kernel study copying series.npz --delays 0-10 --stakes 0.05,0.2 --reveal-epochs 0,2
  yuma-kernel study copying --bounds all --workers 2 --out bounds.npz

{PARTS_EPILOG}"""


def _stake(text: str) -> float | str:
    return text if text == "median" else float(text)


def _pair(text: str) -> tuple[float, float] | None:
    if text == "none":
        return None
    low, _, high = text.partition(":")
    return float(low), float(high)


class _Bounds(Several):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return BOUNDS if value == "all" else super().convert(value, param, ctx)


@click.command(epilog=_EPILOG, short_help="What a validator gains that copies the consensus, by delay.")
@click.argument("series", required=False)
@click.option("--delays", callback=ranges, metavar="EPOCHS", help=f"As 0,1,5-9. Default: 0-{DELAYS[-1]}.")
@click.option(
    "--stakes",
    type=Several(_stake, "NUMBERS"),
    default=STAKES,
    help="The copier's parts of the stake that votes, or median. Default: 0.05,median.",
)
@click.option("--reveal-epochs", type=INTEGERS, default=(0,), help="From commit to reveal; 0: no commit-reveal. Default: 0.")
@click.option(
    "--bounds",
    type=_Bounds(_pair, "PAIRS"),
    help="Of liquid alpha, LOW:HIGH[,LOW:HIGH...] from 0 to 1; none among them: without it; all: 15 pairs of .1 to .9.",
)
@click.option("--warmup", type=int, default=WARMUP, help=f"Epochs of the copier that do not count. Default: {WARMUP}.")
@click.option(
    "--against",
    type=click.Choice(("delay", "validator_trust")),
    default="delay",
    help="With --plot: what the gain is drawn over.",
)
@runs
def command(run: Run, series: str | None, delays: list[int] | None, against: str, **given: Any) -> None:
    """Computes what a validator earns for its stake that copies the consensus seen some epochs before, over the median of
    what the others earn for theirs: 1 is what honest work gains."""
    with run.engine("copying") as how:
        study = copying(series, delays=delays or DELAYS, **given, **how)
    run.finish(study, picture=lambda study, ax: study.plot(ax, against=against))
