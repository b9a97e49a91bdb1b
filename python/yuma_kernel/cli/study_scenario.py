"""`yuma-kernel study scenario`: small subnets of which it is known what should come out."""

from __future__ import annotations

from typing import Any, Final

import click

from yuma_kernel.cli.output import progress
from yuma_kernel.cli.study import PARTS_EPILOG, STORED_SEVERAL, Run, runs
from yuma_kernel.profiles import NEWEST
from yuma_kernel.studies import library, scenarios
from yuma_kernel.studies.scenario_table import PENALTIES
from yuma_kernel.tables import Table

_EPILOG: Final = f"""\
\b
  yuma-kernel study scenario --list
  yuma-kernel study scenario --report scenarios.html
  yuma-kernel study scenario 1 "kappa second" --penalties 0,65535

{PARTS_EPILOG}"""


@click.command(epilog=_EPILOG, short_help="The scenarios that simulators use, under every rule.")
@click.argument("cases", nargs=-1, metavar="[SCENARIO]...")
@click.option(
    "--penalties", type=STORED_SEVERAL, default=PENALTIES, help="Bonds penalties, of 65535. Default: 0, .5, .99 and 1."
)
@click.option("--profile", type=int, default=NEWEST, help=f"The runtime's arithmetic. Default: {NEWEST}.")
@click.option("--report", metavar="FILE", help="Write all charts into this HTML file.")
@click.option("--list", "listed", is_flag=True, help="Show the scenarios of the library, and compute nothing.")
@runs
def command(
    run: Run, cases: tuple[str, ...], penalties: tuple[int, ...], profile: int, report: str | None, listed: bool
) -> None:
    """Runs each SCENARIO, a name or number of the library (default: all of them), under Yuma 2, Yuma 3 and liquid alpha at
    each penalty, and shows what the validator that it is about gets for its stake, over what all get for theirs."""
    if listed:
        made = library()
        columns: dict[str, list[Any]] = {"number": list(range(1, len(made) + 1)), "scenario": [each.name for each in made]}
        run.show(Table(columns, left=("scenario",)))
        return
    chosen = [int(case) if case.isdigit() else case for case in cases] or None
    with run.engine("scenarios") as how:
        study = scenarios(chosen, penalties=penalties, profile=profile, **how)
    if report is not None:
        with progress("charts") as done:
            study.report(report, progress=done)
    run.finish(study)
