"""`yuma-kernel study float`: float simulations beside the chain."""

from __future__ import annotations

from typing import Final

import click

from yuma_kernel.cli.epoch import opened
from yuma_kernel.cli.output import progress
from yuma_kernel.cli.study import WHOLE_EPILOG, Run, shows
from yuma_kernel.studies import float_error
from yuma_kernel.studies.float_check import ASKED, COMPARED, SIMULATORS

_EPILOG: Final = f"""\
\b
The simulators: {", ".join(SIMULATORS)}; halving finds the consensus in float32 by halving an interval, torch does
that in tensors and needs torch: pip install torch
  yuma-kernel study float sn7.npz
  yuma-kernel study float sn7.npz --epochs 40 --plot float.png
  yuma-kernel study float sn7.npz sn7-later.npz --of incentive --plot float.png

{WHOLE_EPILOG}"""


@click.command(epilog=_EPILOG, short_help="What float simulations store otherwise than the chain.")
@click.argument("snapshots", nargs=-1, metavar="[SNAPSHOT]...")
@click.option("--epochs", type=click.IntRange(1, 10_000), help="Of one snapshot, so many one after the other.")
@click.option(
    "--simulator",
    "simulators",
    type=click.Choice(list(SIMULATORS)),
    multiple=True,
    help="Default: all, torch where it is installed.",
)
@click.option("--output", "outputs", type=click.Choice(ASKED), multiple=True, help=f"Default: {', '.join(COMPARED)}.")
@click.option("--of", "drawn", type=click.Choice(ASKED), help="With --plot: which output. Default: emission, or the first.")
@shows
def command(
    run: Run,
    snapshots: tuple[str, ...],
    epochs: int | None,
    simulators: tuple[str, ...],
    outputs: tuple[str, ...],
    drawn: str | None,
) -> None:
    """Computes the epochs of each SNAPSHOT, an .npz file (default: the bundled example), in floats and as the chain does,
    and shows how many uids differ, by how much, and what of it would go elsewhere."""
    if epochs is not None and len(snapshots) > 1:
        raise click.UsageError("--epochs: needs one snapshot", click.get_current_context())
    loaded = [opened(path) for path in snapshots] or [opened(None)]
    one = len(loaded) == 1
    asked = outputs or COMPARED
    drawn = drawn or ("emission" if "emission" in asked else asked[0])
    with progress("epochs") as done:
        study = float_error(
            loaded[0].state if one else [each.state for each in loaded],
            loaded[0].hyperparameters if one else [each.hyperparameters for each in loaded],
            emission=loaded[0].emission if one else [each.emission for each in loaded],
            epochs=epochs,
            simulators=simulators or None,
            outputs=dict.fromkeys((*asked, drawn)),
            progress=done,
        )
    run.finish(study, picture=lambda study, ax: study.plot(ax, output=drawn))
