"""`yuma-kernel study guarantee`: the map of the consensus guarantee."""

from __future__ import annotations

from typing import Any, Final

import click

from yuma_kernel.cli.study import NUMBERS, PARTS_EPILOG, STORED, Run, runs
from yuma_kernel.profiles import NEWEST
from yuma_kernel.studies import guarantee
from yuma_kernel.studies.guarantee_map import BONDS_PENALTY, KAPPA, SEED, SERVERS, SIGMA, STAKES, STEPS, VALIDATORS

_EPILOG: Final = f"""\
\b
  yuma-kernel study guarantee --plot guarantee.png
  yuma-kernel study guarantee --kappa 39321 --stakes 0.55,0.6,0.65 --out map.npz --workers 2

{PARTS_EPILOG}"""


@click.command(epilog=_EPILOG, short_help="How much a majority has to favour itself to keep its emission.")
@click.option("--stakes", type=NUMBERS, default=STAKES, help="Of the major side, parts of 1. Default: .51 to .99.")
@click.option("--steps", type=int, default=STEPS, help=f"Of both weights from 0 to 1. Default: {STEPS}.")
@click.option("--validators", type=int, default=VALIDATORS, help=f"Default: {VALIDATORS}.")
@click.option("--servers", type=int, default=SERVERS, help=f"Default: {SERVERS}.")
@click.option("--sigma", type=float, default=SIGMA, help=f"The spread of weights. Default: {SIGMA}.")
@click.option("--kappa", type=STORED, default=KAPPA, help=f"Of 65535. Default: {KAPPA}.")
@click.option("--penalty", "bonds_penalty", type=STORED, default=BONDS_PENALTY, help=f"Of 65535. Default: {BONDS_PENALTY}.")
@click.option("--ratio", type=float, help="The part of the uids that are the major side's. Default: its stake.")
@click.option("--profile", type=int, default=NEWEST, help=f"The runtime's arithmetic. Default: {NEWEST}.")
@click.option("--seed", type=int, default=SEED, help=f"Of the noise. Default: {SEED}.")
@runs
def command(run: Run, **given: Any) -> None:
    """Computes what a major side gets of the emission, for each stake and every weight that both sides give themselves, and
    shows the retention: the least major weight that keeps its part, whatever the others do."""
    with run.engine("guarantee") as how:
        study = guarantee(**given, **how)
    run.finish(study)
