"""`yuma-kernel study runtimes`: one subnet under every profile."""

from __future__ import annotations

import click

from yuma_kernel.cli.epoch import opened
from yuma_kernel.cli.output import progress
from yuma_kernel.cli.study import INTEGERS, WHOLE_EPILOG, Run, shows
from yuma_kernel.studies import runtimes


@click.command(epilog=WHOLE_EPILOG, short_help="What each of the chain's runtimes makes of a subnet.")
@click.argument("snapshot", required=False)
@click.option("--profiles", type=INTEGERS, help="At least two. Default: all.")
@shows
def command(run: Run, snapshot: str | None, profiles: list[int] | None) -> None:
    """Computes the epoch of SNAPSHOT, an .npz file (default: the bundled example), under several profiles, each compared
    with the next newer one, and shows how many uids have another output."""
    loaded = opened(snapshot)
    with progress("profiles") as done:
        study = runtimes(loaded.state, loaded.hyperparameters, emission=loaded.emission, profiles=profiles, progress=done)
    run.finish(study)
