"""`yuma-kernel study retention`: parameters of the consensus guarantee, swept."""

from __future__ import annotations

from typing import Any, Final

import click

from yuma_kernel.cli.study import INTEGERS, NUMBERS, PARTS_EPILOG, STORED_SEVERAL, Run, Several, runs
from yuma_kernel.profiles import NEWEST
from yuma_kernel.studies import retention
from yuma_kernel.studies.guarantee_map import BONDS_PENALTY, KAPPA, SEED, SERVERS, SIGMA, STEPS, VALIDATORS

_EPILOG: Final = f"""\
\b
Every option but steps, validators and servers takes several values, separated by commas; all are crossed.
  yuma-kernel study retention --sigma 0,0.2,0.4 --penalty 0,32768,65534
  yuma-kernel study retention --stakes 0.55,0.6,0.7 --kappa 26214,32767,39321 --plot kappa.png

{PARTS_EPILOG}"""


def _ratio(text: str) -> float | None:
    return None if text == "stake" else float(text)


@click.command(epilog=_EPILOG, short_help="The guarantee's retention by kappa, penalty, noise and more.")
@click.option("--stakes", type=NUMBERS, default=(0.6,), help="Of the major side, parts of 1. Default: 0.6.")
@click.option("--sigma", type=NUMBERS, default=(SIGMA,), help=f"The spread of weights. Default: {SIGMA}.")
@click.option("--kappa", type=STORED_SEVERAL, default=(KAPPA,), help=f"Of 65535. Default: {KAPPA}.")
@click.option(
    "--penalty", "bonds_penalty", type=STORED_SEVERAL, default=(BONDS_PENALTY,), help=f"Of 65535. Default: {BONDS_PENALTY}."
)
@click.option(
    "--ratio",
    type=Several(_ratio, "NUMBERS"),
    default=(None,),
    help="The part of the uids that are the major side's, or stake for as much as its stake. Default: stake.",
)
@click.option("--profile", type=INTEGERS, default=(NEWEST,), help=f"The runtime's arithmetic. Default: {NEWEST}.")
@click.option("--seed", type=INTEGERS, default=(SEED,), help=f"Of the noise. Default: {SEED}.")
@click.option("--steps", type=int, default=STEPS, help=f"Of both weights from 0 to 1. Default: {STEPS}.")
@click.option("--validators", type=int, default=VALIDATORS, help=f"Default: {VALIDATORS}.")
@click.option("--servers", type=int, default=SERVERS, help=f"Default: {SERVERS}.")
@runs
def command(run: Run, **given: Any) -> None:
    """Computes, for every combination of parameters, the least weight for itself from which on a major side keeps its part
    of the emission, whatever the others do."""
    with run.engine("retention") as how:
        study = retention(**given, **how)
    run.finish(study)
